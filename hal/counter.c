// SPDX-License-Identifier: MIT
// The performance counter and short stalls. With a time-stamp counter it is that one, at the rate measured against the
// 8254; without one it is the clock's ticks plus what the 8254 has counted since the last one.

#include "halp.h"

#define CPUID_FEATURES 1
#define CPUID_TSC 0x10u
#define MEASURE_PIT_TICKS 5966u // 5 ms: one part in 5000
#define DIAGNOSTIC_PORT 0x80    // a read takes about a microsecond on an ISA bus

static BOOLEAN HalpTscPresent;
static ULONGLONG HalpTscFrequency;
static ULONGLONG HalpTscBase;
static volatile ULONGLONG HalpClockTicks; // of the clock interrupt, without a time-stamp counter
static ULONGLONG HalpLastCount;

static BOOLEAN HalpDetectTsc(VOID)
{
    ULONG Eax = CPUID_FEATURES, Ebx, Ecx = 0, Edx;

    __asm__ volatile("cpuid" : "+a"(Eax), "=b"(Ebx), "+c"(Ecx), "=d"(Edx));
    return (Edx & CPUID_TSC) != 0;
}

// Finds the counter and its frequency. Phase 0, interrupts off.
VOID HalpInitializeCounter(VOID)
{
    ULONGLONG TscTicks;
    ULONG PitTicks, TimerTicks = 0;

    HalpTscPresent = HalpDetectTsc();
    if (!HalpTscPresent && HalpLocalApic == NULL)
        return;
    if (HalpLocalApic != NULL)
        HalpBeginTimerMeasurement();
    PitTicks = HalpMeasurePit(MEASURE_PIT_TICKS, HalpTscPresent ? &TscTicks : NULL);
    if (HalpLocalApic != NULL)
        TimerTicks = HalpEndTimerMeasurement();
    if (PitTicks != 0 && HalpLocalApic != NULL)
        HalpSetTimerFrequency((ULONGLONG)TimerTicks * PIT_FREQUENCY / PitTicks);
    if (!HalpTscPresent)
        return;
    if (PitTicks != 0)
        HalpTscFrequency = TscTicks * PIT_FREQUENCY / PitTicks;
    HalpTscBase = HalpReadTsc();
    if (HalpTscFrequency == 0)
        HalpTscPresent = FALSE;
}

// Called by ke/'s clock interrupt after the acknowledgement, at CLOCK_LEVEL.
VOID HalClockInterrupt(VOID)
{
    HalpClockTicks++;
}

// Ticks of the 8254 since the clock started. The period that the counter has begun but whose interrupt has not been
// taken yet shows as a step back; the last value is returned again until the interrupt comes.
static ULONGLONG HalpReadPitCount(VOID)
{
    BOOLEAN Enable = KeDisableInterrupts();
    ULONGLONG Count =
        HalpClockTicks * PIT_CLOCK_COUNT + (PIT_CLOCK_COUNT - min_of(HalpReadClockCounter(), PIT_CLOCK_COUNT));

    if (Count < HalpLastCount)
        Count = HalpLastCount;
    HalpLastCount = Count;
    KeRestoreInterrupts(Enable);
    return Count;
}

// A counter that never goes back, and its rate per second. Any IRQL. Source: WDK.
LARGE_INTEGER NTAPI KeQueryPerformanceCounter(PLARGE_INTEGER Frequency)
{
    LARGE_INTEGER Count;

    if (Frequency != NULL)
        Frequency->QuadPart = HalpTscPresent ? (LONGLONG)HalpTscFrequency : (LONGLONG)PIT_FREQUENCY;
    Count.QuadPart = (LONGLONG)(HalpTscPresent ? HalpReadTsc() - HalpTscBase : HalpReadPitCount());
    return Count;
}

// Keeps the processor busy for at least that long. Any IRQL. Source: WDK (more than 50 microseconds is bad manners).
VOID NTAPI KeStallExecutionProcessor(ULONG Microseconds)
{
    ULONGLONG Start, Ticks;

    if (!HalpTscPresent) {
        while (Microseconds-- > 0)
            READ_PORT_UCHAR(DIAGNOSTIC_PORT);
        return;
    }
    Ticks = HalpTscFrequency * Microseconds / 1000000;
    Start = HalpReadTsc();
    while (HalpReadTsc() - Start < Ticks)
        YieldProcessor();
}
