// SPDX-License-Identifier: MIT
// How fast the time-stamp counter and the local APIC's timer run, measured against the event timer where there is one,
// else against the 8254. One measurement serves both. Phase 0, interrupts off.

#include "halp.h"

#define MEASURE_PIT_TICKS 5966u  // 5 ms: one part in 5000
#define MEASURE_PER_SECOND 1000u // 1 ms of the event timer: one part in 100000
#define SAMPLE_ATTEMPTS 5
#define MEASURE_POLLS 1000000u // a counter that stands still must not stop the boot

// Both counters at one moment: of some attempts that with the least time between the reads around it.
static ULONGLONG HalpSampleHpet(PULONGLONG Tsc)
{
    ULONGLONG Best = MAXULONG, Hpet = 0, Before, Count, After;
    ULONG Attempt;

    for (Attempt = 0; Attempt < SAMPLE_ATTEMPTS; Attempt++) {
        Before = Tsc != NULL ? HalpReadTsc() : 0;
        Count = HalpReadHpet();
        After = Tsc != NULL ? HalpReadTsc() : 0;
        if (After - Before < Best) {
            Best = After - Before;
            Hpet = Count;
            if (Tsc != NULL)
                *Tsc = Before + (After - Before) / 2;
        }
    }
    return Hpet;
}

static ULONG HalpMeasureHpet(ULONGLONG Frequency, PULONGLONG TscTicks)
{
    ULONGLONG FirstTsc = 0, LastTsc = 0, First, Last;
    ULONG Polls = MEASURE_POLLS;

    First = HalpSampleHpet(TscTicks != NULL ? &FirstTsc : NULL);
    while (HalpReadHpet() - First < Frequency / MEASURE_PER_SECOND && Polls-- > 0)
        continue;
    Last = HalpSampleHpet(TscTicks != NULL ? &LastTsc : NULL);
    if (TscTicks != NULL)
        *TscTicks = LastTsc - FirstTsc;
    return (ULONG)(Last - First);
}

// Measures. *TscFrequency, if wanted: of the time-stamp counter. The APIC timer's goes to apic.c.
VOID HalpCalibrate(PULONGLONG TscFrequency)
{
    ULONGLONG Reference = HalpQueryHpetFrequency(), TscTicks = 0;
    ULONG Ticks, TimerTicks = 0;

    if (TscFrequency == NULL && HalpLocalApic == NULL)
        return;
    if (HalpLocalApic != NULL)
        HalpBeginTimerMeasurement();
    if (Reference != 0) {
        Ticks = HalpMeasureHpet(Reference, TscFrequency != NULL ? &TscTicks : NULL);
    } else {
        Reference = PIT_FREQUENCY;
        Ticks = HalpMeasurePit(MEASURE_PIT_TICKS, TscFrequency != NULL ? &TscTicks : NULL);
    }
    if (HalpLocalApic != NULL)
        TimerTicks = HalpEndTimerMeasurement();
    if (Ticks == 0)
        return;
    if (HalpLocalApic != NULL)
        HalpSetTimerFrequency((ULONGLONG)TimerTicks * Reference / Ticks);
    if (TscFrequency != NULL)
        *TscFrequency = TscTicks * Reference / Ticks;
}
