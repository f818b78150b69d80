// SPDX-License-Identifier: MIT
// The high-precision event timer's main counter: a clock for the calibration of the others, and the performance counter
// where there is no time-stamp counter. Its comparators are not used. Source: IA-PC HPET Specification 1.0a.

#include "halp.h"

#define HPET_CAPABILITIES_LOW 0 // in ULONGs
#define HPET_PERIOD 1           // femtoseconds a tick
#define HPET_CONFIGURATION 4
#define HPET_COUNTER_LOW 60
#define HPET_COUNTER_HIGH 61
#define CAPABILITY_64_BIT 0x2000u
#define CONFIGURATION_ENABLE 1u
#define CONFIGURATION_LEGACY 2u // takes the clock's line away from the 8254
#define PERIOD_LIMIT 0x05F5E100u
#define FEMTOSECONDS 1000000000000000ull

static volatile ULONG *HalpHpet;
static ULONGLONG HalpHpetFrequency;

// Starts the counter if there is one of 64 bits. Phase 0, after the firmware's tables.
VOID HalpInitializeHpet(VOID)
{
    volatile ULONG *Hpet;
    ULONG Period;

    if (HalpMachine.HpetAddress == 0)
        return;
    Hpet = HalpMapDevice(HalpMachine.HpetAddress);
    if (Hpet == NULL)
        return;
    Period = Hpet[HPET_PERIOD];
    if (Period == 0 || Period > PERIOD_LIMIT || !(Hpet[HPET_CAPABILITIES_LOW] & CAPABILITY_64_BIT))
        return;
    Hpet[HPET_CONFIGURATION] = (Hpet[HPET_CONFIGURATION] & ~CONFIGURATION_LEGACY) | CONFIGURATION_ENABLE;
    HalpHpetFrequency = FEMTOSECONDS / Period;
    HalpHpet = Hpet;
}

// Ticks a second; 0: there is no such counter.
ULONGLONG HalpQueryHpetFrequency(VOID)
{
    return HalpHpetFrequency;
}

// The counter's 64 bits, read in two halves that belong together. Any IRQL.
ULONGLONG HalpReadHpet(VOID)
{
    ULONG High, Low;

    do {
        High = HalpHpet[HPET_COUNTER_HIGH];
        Low = HalpHpet[HPET_COUNTER_LOW];
    } while (High != HalpHpet[HPET_COUNTER_HIGH]);
    return (ULONGLONG)High << 32 | Low;
}
