// SPDX-License-Identifier: MIT
// Laws of the clock's resolution (ex/resolution.c, ke/clock.c).

#include "ktest.h"

#define FINEST 10000u

static VOID CheckClocks(VOID)
{
    // Some ticks' time by the clock, by its ticks and by the counter, which nothing changes.
    LARGE_INTEGER Hertz, From = KeQueryPerformanceCounter(&Hertz), Ticks, TicksThen, Counted;
    ULONGLONG Begin = KeQueryInterruptTime(), Time;
    LONGLONG Difference;

    KeQueryTickCount(&Ticks);
    do {
        Time = KeQueryInterruptTime() - Begin;
    } while (Time < 20ull * KeMaximumIncrement);
    Counted = KeQueryPerformanceCounter(NULL);
    KeQueryTickCount(&TicksThen);
    Difference = (Counted.QuadPart - From.QuadPart) * 10000000 / Hertz.QuadPart - (LONGLONG)Time;
    expect(Difference < 3 * (LONGLONG)KeMaximumIncrement && Difference > -3 * (LONGLONG)KeMaximumIncrement);
    expect(TicksThen.QuadPart - Ticks.QuadPart >= 19 && TicksThen.QuadPart - Ticks.QuadPart <= 21);
}

KTEST_TIMED(ex, clock_resolution_changes_interrupts_and_not_time)
{
    // Law: whatever the period of the clock interrupt, a second is a second and a tick 15.625 ms; requests are bounded,
    // the shortest one counts, and without any the clock is as before.
    ULONG Maximum, Minimum, Current, Before = KeTimeIncrement;

    expect_status(ZwQueryTimerResolution(&Maximum, &Minimum, &Current), STATUS_SUCCESS);
    expect_eq(Maximum, KeMaximumIncrement);
    expect_eq(Minimum, FINEST);
    expect_eq(Current, Before);
    CheckClocks();
    expect_status(ZwSetTimerResolution(1, TRUE, &Current), STATUS_SUCCESS);
    expect_eq(Current, KeTimeIncrement);
    expect(Current <= Before && Current >= FINEST - FINEST / 20);
    CheckClocks();
    expect_status(ZwSetTimerResolution(50000, TRUE, &Current), STATUS_SUCCESS);
    expect(ExSetTimerResolution(FINEST, TRUE) <= Current);
    CheckClocks();
    expect_eq(ExSetTimerResolution(0, FALSE), Current);
    expect_status(ZwSetTimerResolution(0, FALSE, &Current), STATUS_SUCCESS);
    expect_eq(Current, Before);
    expect_status(ZwSetTimerResolution(0, FALSE, &Current), STATUS_TIMER_RESOLUTION_NOT_SET);
    CheckClocks();
}
