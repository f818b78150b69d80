// SPDX-License-Identifier: MIT
// Laws of hal/: counter, stalls, clock, interrupt lines, real-time clock, PCI.

#include "hal/halp.h"
#include "ktest.h"

#define READINGS 1000

KTEST(hal, performance_counter_never_goes_back)
{
    // Law: of two readings of the performance counter the later one is not smaller (WDK, KeQueryPerformanceCounter).
    LARGE_INTEGER Frequency, Last = KeQueryPerformanceCounter(&Frequency), Now;
    ULONG Count;

    expect(Frequency.QuadPart > 0);
    for (Count = 0; Count < READINGS; Count++) {
        Now = KeQueryPerformanceCounter(NULL);
        expect(Now.QuadPart >= Last.QuadPart);
        Last = Now;
    }
}

KTEST(hal, stall_is_not_too_short)
{
    // Law: KeStallExecutionProcessor(n) takes at least n microseconds of the performance counter.
    static const ULONG Stalls[] = {1, 10, 50, 500};
    LARGE_INTEGER Frequency, Start, End;
    ULONG Index;

    for (Index = 0; Index < RTL_NUMBER_OF(Stalls); Index++) {
        Start = KeQueryPerformanceCounter(&Frequency);
        KeStallExecutionProcessor(Stalls[Index]);
        End = KeQueryPerformanceCounter(NULL);
        expect((End.QuadPart - Start.QuadPart) * 1000000 >= Frequency.QuadPart * (LONGLONG)(Stalls[Index] - 1));
    }
}

KTEST_EXACT(hal, clock_and_counter_agree)
{
    // Law: over half a second the clock's interrupt time and the performance counter differ by at most two ticks.
    LARGE_INTEGER Frequency, Start, End, Interval = {.QuadPart = -5000000};
    ULONGLONG StartTime, Elapsed, Counted;

    Start = KeQueryPerformanceCounter(&Frequency);
    StartTime = KeQueryInterruptTime();
    expect_status(KeDelayExecutionThread(KernelMode, FALSE, &Interval), STATUS_SUCCESS);
    End = KeQueryPerformanceCounter(NULL);
    Elapsed = KeQueryInterruptTime() - StartTime;
    Counted = (ULONGLONG)(End.QuadPart - Start.QuadPart) * 1000 / (ULONGLONG)Frequency.QuadPart * 10000;
    expect(Elapsed >= 5000000 - CLOCK_INCREMENT_100NS);
    expect(Elapsed < Counted + 3 * CLOCK_INCREMENT_100NS && Counted < Elapsed + 3 * CLOCK_INCREMENT_100NS);
}

KTEST(hal, lines_have_distinct_vectors_and_levels)
{
    // Law: each line has its own vector and IRQL above DISPATCH_LEVEL; no line but the clock reaches CLOCK_LEVEL.
    ULONG Line, Other;

    for (Line = 0; Line < HAL_LINE_COUNT; Line++) {
        KIRQL Irql, OtherIrql;
        ULONG Vector = HalGetInterruptVector(Line, &Irql);

        expect(Irql > DISPATCH_LEVEL && Irql <= CLOCK_LEVEL);
        expect_eq(Irql == CLOCK_LEVEL, Line == CLOCK_LINE);
        for (Other = 0; Other < Line; Other++) {
            expect(HalGetInterruptVector(Other, &OtherIrql) != Vector);
            expect(OtherIrql != Irql);
        }
    }
}

KTEST(hal, line_that_is_not_in_service_is_spurious)
{
    // Law: an interrupt on line 7 or 15 that the 8259 does not have in service is reported as spurious.
    BOOLEAN Enable = KeDisableInterrupts();
    BOOLEAN First = HalpIsPicSpurious(7), Second = HalpIsPicSpurious(15);

    KeRestoreInterrupts(Enable);
    expect(First);
    expect(Second);
}

KTEST(hal, real_time_clock_keeps_what_it_is_given)
{
    // Law: a date written to the clock is read back (with a second's tolerance), across a century's BCD digits.
    static const TIME_FIELDS Dates[] = {
        {1999, 12, 31, 11, 58, 30, 0, 0}, {2024, 2, 29, 0, 0, 1, 0, 0}, {2038, 1, 19, 23, 14, 7, 0, 0}};
    TIME_FIELDS Saved, Now;
    ULONG Index;

    expect(HalQueryRealTimeClock(&Saved));
    for (Index = 0; Index < RTL_NUMBER_OF(Dates); Index++) {
        TIME_FIELDS Date = Dates[Index];

        HalSetRealTimeClock(&Date);
        expect(HalQueryRealTimeClock(&Now));
        expect_eq(Now.Year, Date.Year);
        expect_eq(Now.Month, Date.Month);
        expect_eq(Now.Day, Date.Day);
        expect_eq(Now.Hour, Date.Hour);
        expect_eq(Now.Minute, Date.Minute);
        expect(Now.Second == Date.Second || Now.Second == Date.Second + 1);
    }
    HalSetRealTimeClock(&Saved);
}

KTEST(hal, pci_widths_read_the_same_bytes)
{
    // Law: byte, word and doubleword reads of configuration space see the same bytes; an absent function reads as ones.
    ULONG Whole = HalReadPciConfig(0, 0, 0, 0, 4);

    expect(Whole != MAXULONG);
    expect_eq(HalReadPciConfig(0, 0, 0, 0, 2), Whole & 0xFFFF);
    expect_eq(HalReadPciConfig(0, 0, 0, 2, 2), Whole >> 16);
    expect_eq(HalReadPciConfig(0, 0, 0, 3, 1), Whole >> 24);
    expect_eq(HalReadPciConfig(0, 31, 7, 0, 4), MAXULONG);
}
