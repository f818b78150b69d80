// SPDX-License-Identifier: MIT
// The performance counter and short stalls. The counter is the time-stamp counter, at the rate measured; without one
// (or with /USEPLATFORMCLOCK) the event timer's; without that the clock's ticks plus what the 8254 has counted since
// the last one.

#include "halp.h"

#define CPUID_FEATURES 1
#define CPUID_TSC 0x10u
#define MSR_TSC 0x10u
#define MICROSECONDS 1000000u

static enum { CounterPit, CounterHpet, CounterTsc } HalpCounter;
static ULONGLONG HalpFrequency;    // of the performance counter
static ULONGLONG HalpTscFrequency; // 0: none
static ULONGLONG HalpBase;
static volatile LONGLONG HalpLastCount;   // the greatest that anybody was told, where the counter could go back
static volatile ULONGLONG HalpTscAtStart; // of the processor that starts another one

INIT_CODE static BOOLEAN HalpDetectTsc(VOID)
{
    ULONG Eax = CPUID_FEATURES, Ebx, Ecx = 0, Edx;

    __asm__ volatile("cpuid" : "+a"(Eax), "=b"(Ebx), "+c"(Ecx), "=d"(Edx));
    return (Edx & CPUID_TSC) != 0;
}

// Finds the counter and its frequency. Phase 0, interrupts off, after the controllers and the event timer.
INIT_CODE VOID HalpInitializeCounter(VOID)
{
    HalpCalibrate(HalpDetectTsc() ? &HalpTscFrequency : NULL);
    if (HalpTscFrequency != 0 && KeFindBootOption("/USEPLATFORMCLOCK") == NULL) {
        HalpCounter = CounterTsc;
        HalpFrequency = HalpTscFrequency;
        HalpBase = HalpReadTsc();
    } else if (HalpQueryHpetFrequency() != 0) {
        HalpCounter = CounterHpet;
        HalpFrequency = HalpQueryHpetFrequency();
        HalpBase = HalpReadHpet();
    } else {
        HalpCounter = CounterPit;
        HalpFrequency = PIT_FREQUENCY;
        HalpStartClock(); // nobody hears it yet
    }
}

// A later answer is never smaller, on whatever processor it was asked for.
static ULONGLONG HalpNeverBack(ULONGLONG Count)
{
    ULONGLONG Last = (ULONGLONG)InterlockedCompareExchange64(&HalpLastCount, 0, 0); // both halves at once

    while (Count > Last) {
        ULONGLONG Seen = (ULONGLONG)InterlockedCompareExchange64(&HalpLastCount, (LONGLONG)Count, (LONGLONG)Last);

        if (Seen == Last)
            return Count;
        Last = Seen;
    }
    return Last;
}

static ULONGLONG HalpReadCounter(VOID)
{
    switch (HalpCounter) {
    case CounterTsc:
        if (KeNumberProcessors == 1)
            return HalpReadTsc() - HalpBase;
        return HalpNeverBack(HalpReadTsc() - HalpBase);
    case CounterHpet:
        return HalpReadHpet() - HalpBase;
    default:
        return HalpReadPitCount();
    }
}

// A counter that never goes back, and its rate per second. Any IRQL. Source: WDK.
LARGE_INTEGER NTAPI KeQueryPerformanceCounter(PLARGE_INTEGER Frequency)
{
    LARGE_INTEGER Count;

    if (Frequency != NULL)
        Frequency->QuadPart = (LONGLONG)HalpFrequency;
    Count.QuadPart = (LONGLONG)HalpReadCounter();
    return Count;
}

// A processor is about to be started: notes the time-stamp counter that it must not be behind.
VOID HalpNoteCounterAtStart(VOID)
{
    if (HalpTscFrequency != 0)
        HalpTscAtStart = HalpReadTsc();
}

// On the processor that was started: its time-stamp counter must be between the starter's before and after, or it was
// not reset together with the others; then it is put right, as well as that goes. Interrupts off.
VOID HalpCompareCounter(VOID)
{
    ULONGLONG Now;

    if (HalpTscFrequency == 0)
        return;
    Now = HalpReadTsc();
    if (Now < HalpTscAtStart || Now - HalpTscAtStart > HalpTscFrequency)
        HalpWriteMsr(MSR_TSC, HalpTscAtStart);
}

// Keeps the processor busy for at least that long. Any IRQL. Source: WDK (more than 50 microseconds is bad manners).
VOID NTAPI KeStallExecutionProcessor(ULONG Microseconds)
{
    ULONGLONG Start, Ticks;

    if (HalpTscFrequency != 0) {
        Ticks = HalpTscFrequency * Microseconds / MICROSECONDS;
        Start = HalpReadTsc();
        while (HalpReadTsc() - Start < Ticks) // no PAUSE: it makes an emulator switch processors, thousands of times
            continue;
    } else if (HalpCounter == CounterHpet) {
        Ticks = HalpFrequency * Microseconds / MICROSECONDS + 1;
        Start = HalpReadHpet();
        while (HalpReadHpet() - Start < Ticks)
            continue;
    } else {
        HalpStallByPit((ULONG)((ULONGLONG)Microseconds * PIT_FREQUENCY / MICROSECONDS) + 1);
    }
}
