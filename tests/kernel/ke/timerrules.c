// SPDX-License-Identifier: MIT
// Laws of timers at their limits: order, exact periods, times far away, what setting the clock changes and what it does
// not. Source: WDK (KeSetTimerEx).

#include "ke/ki.h"
#include "ktest.h"

#define KT_MS(n) (-(LONGLONG)(n)*10000)
#define KT_TIMERS 6u
#define KT_HOUR 36000000000ll
#define KT_NEVER (-0x7FFFFFFFFFFFFFFFll - 1)

static KTIMER KtTimers[KT_TIMERS];
static KDPC KtDpcs[KT_TIMERS];
static ULONG KtFired[64], KtFiredCount;
static ULONGLONG KtFiredAt[64];

static VOID NTAPI KtFire(PKDPC Dpc, PVOID Context, PVOID Argument1, PVOID Argument2)
{
    UNREFERENCED_PARAMETER(Dpc);
    UNREFERENCED_PARAMETER(Argument1);
    UNREFERENCED_PARAMETER(Argument2);
    if (KtFiredCount < RTL_NUMBER_OF(KtFired)) {
        KtFiredAt[KtFiredCount] = KeQueryInterruptTime();
        KtFired[KtFiredCount++] = (ULONG)(ULONG_PTR)Context;
    }
}

static VOID KtMakeTimers(VOID)
{
    ULONG Index;

    KtFiredCount = 0;
    for (Index = 0; Index < KT_TIMERS; Index++) {
        KeInitializeTimer(&KtTimers[Index]);
        KeInitializeDpc(&KtDpcs[Index], KtFire, (PVOID)(ULONG_PTR)Index);
    }
}

static VOID KtSleep(LONG Milliseconds)
{
    LARGE_INTEGER Due = {.QuadPart = KT_MS(Milliseconds)};

    IGNORE_STATUS(KeDelayExecutionThread(KernelMode, FALSE, &Due));
}

static VOID KtSet(ULONG Index, LONGLONG Due, LONG Period)
{
    LARGE_INTEGER Time = {.QuadPart = Due};

    (VOID) KeSetTimerEx(&KtTimers[Index], Time, Period, &KtDpcs[Index]);
}

KTEST_EXACT(ke, timer_order_within_a_tick)
{
    // Law: timers expire in order of their due times, though one tick brings them all; those of the same due time in
    // the order in which they were set.
    static const LONG Due[KT_TIMERS] = {500300, 500100, 500200, 500100, 500000, 500300};
    static const ULONG Order[KT_TIMERS] = {4, 1, 3, 2, 0, 5};
    ULONG Index;
    KIRQL Old;

    KtMakeTimers();
    KtSleep(1); // behind a tick: there is time to set them before the next one
    Old = KfRaiseIrql(DISPATCH_LEVEL);
    for (Index = 0; Index < KT_TIMERS; Index++)
        KtSet(Index, -Due[Index], 0);
    KfLowerIrql(Old);
    KtSleep(100);
    expect_eq(KtFiredCount, KT_TIMERS);
    for (Index = 0; Index < KT_TIMERS; Index++)
        expect_eq(KtFired[Index], Order[Index]);
}

KTEST_EXACT(ke, timer_period_does_not_drift)
{
    // Law: a periodic timer expires at due time + n periods (the tick after): N periods bring exactly N expiries,
    // though a period is no multiple of a tick; each has its DPC.
    ULONGLONG Begin;
    ULONG Index;

    KtMakeTimers();
    KtSleep(1);
    Begin = KeQueryInterruptTime();
    KtSet(0, KT_MS(40), 40);
    KtSleep(40 * 30 + 17); // more than a tick behind the 30th, less than the 31st
    expect(KeCancelTimer(&KtTimers[0]));
    expect_eq(KtFiredCount, 30);
    for (Index = 0; Index < KtFiredCount; Index++) {
        ULONGLONG Due = Begin + (Index + 1) * 400000ull;

        expect(KtFiredAt[Index] >= Due && KtFiredAt[Index] <= Due + KeMaximumIncrement);
    }
}

KTEST_EXACT(ke, timer_far_away_does_not_come_early)
{
    // Law: a timer expires at its time, not when the table has turned round; the longest time does not wrap.
    static const LONGLONG Due[] = {KT_MS(3400), KT_MS(6800), KT_MS(3600000), KT_NEVER, ~KT_NEVER};
    ULONG Index;

    KtMakeTimers();
    for (Index = 0; Index < RTL_NUMBER_OF(Due); Index++)
        KtSet(Index, Due[Index], 0);
    KtSleep(3300);
    expect_eq(KtFiredCount, 0);
    KtSleep(200);
    expect_eq(KtFiredCount, 1);
    expect_eq(KtFired[0], 0);
    KtSleep(3200);
    expect_eq(KtFiredCount, 1);
    KtSleep(200);
    expect_eq(KtFiredCount, 2);
    for (Index = 2; Index < RTL_NUMBER_OF(Due); Index++)
        expect(KeCancelTimer(&KtTimers[Index]));
}

// Moves the system time. PASSIVE_LEVEL.
static VOID KtShiftClock(LONGLONG Delta)
{
    LARGE_INTEGER Now, Old;

    KeQuerySystemTime(&Now);
    Now.QuadPart += Delta;
    KeSetSystemTime(&Now, &Old);
}

KTEST_EXACT(ke, timer_relative_ignores_the_system_time)
{
    // Law: setting the clock, forward or back, changes nothing for a relative timer or a relative wait; one for a
    // system time follows each time, and can come and go out of reach.
    LARGE_INTEGER Now;

    KtMakeTimers();
    KeQuerySystemTime(&Now);
    KtSet(0, KT_MS(200), 0);
    KtSet(1, Now.QuadPart + 2 * KT_HOUR, 0);
    KtShiftClock(KT_HOUR);
    KtSleep(50);
    expect_eq(KtFiredCount, 0);
    KtShiftClock(-KT_HOUR);
    KtSleep(50);
    expect_eq(KtFiredCount, 0);
    KtShiftClock(KT_HOUR);
    KtShiftClock(KT_HOUR - 10000000);
    expect_eq(KtFiredCount, 0);
    KtSleep(150);
    expect_eq(KtFiredCount, 1);
    expect_eq(KtFired[0], 0);
    KtSleep(900);
    expect_eq(KtFiredCount, 2);
    expect_eq(KtFired[1], 1);
    KtShiftClock(-2 * KT_HOUR + 10000000);
}

static VOID NTAPI KtSetClock(PVOID Context)
{
    KtShiftClock(*(PLONGLONG)Context);
}

KTEST_EXACT(ke, wait_for_a_system_time_ends_when_the_clock_is_set)
{
    // Law: a wait until a system time ends when the clock is set beyond it, and not by its old reckoning when it is set
    // back (every form of timeout: look only, relative, absolute, past and future).
    LONGLONG Shifts[2] = {KT_HOUR, -KT_HOUR};
    KEVENT Event;
    LARGE_INTEGER Due;
    ULONGLONG Begin = KeQueryInterruptTime();
    PETHREAD Thread;

    KeInitializeEvent(&Event, NotificationEvent, FALSE);
    KeQuerySystemTime(&Due);
    Due.QuadPart += KT_HOUR - 10000000;
    Thread = KtStartThread(KtSetClock, &Shifts[0], 4); // when this one waits
    expect_status(KeWaitForSingleObject(&Event, Executive, KernelMode, FALSE, &Due), STATUS_TIMEOUT);
    expect(KeQueryInterruptTime() - Begin < 10000000);
    KtJoin(Thread);
    expect_status(KeDelayExecutionThread(KernelMode, FALSE, &Due), STATUS_SUCCESS); // has passed
    expect(KeQueryInterruptTime() - Begin < 10000000);
    KtShiftClock(Shifts[1]);
    Begin = KeQueryInterruptTime();
    KeQuerySystemTime(&Due);
    Due.QuadPart += 2000000; // 200 ms
    Shifts[1] = -1000000;    // set back by 100: another 300
    Thread = KtStartThread(KtSetClock, &Shifts[1], 4);
    expect_status(KeDelayExecutionThread(KernelMode, FALSE, &Due), STATUS_SUCCESS);
    expect(KeQueryInterruptTime() - Begin >= 3000000);
    expect(KeQueryInterruptTime() - Begin <= 3000000 + 3 * KeMaximumIncrement);
    KtJoin(Thread);
    KtShiftClock(1000000);
}
