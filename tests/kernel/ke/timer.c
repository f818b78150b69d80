// SPDX-License-Identifier: MIT
// Laws of timers and of time.

#include "ktest.h"

#define KT_MS(n) (-(LONGLONG)(n)*10000)

static ULONG KtTicks;

static VOID NTAPI KtTimerDpc(PKDPC Dpc, PVOID Context, PVOID Argument1, PVOID Argument2)
{
    UNREFERENCED_PARAMETER(Dpc);
    UNREFERENCED_PARAMETER(Context);
    UNREFERENCED_PARAMETER(Argument1);
    UNREFERENCED_PARAMETER(Argument2);
    KtTicks++;
}

KTEST_TIMED(ke, timer_is_never_early_by_more_than_a_tick)
{
    // Law: a relative wait of N ms ends after N ms, give or take the clock's tick.
    static const ULONG Lengths[] = {1, 10, 16, 50, 200, 1000};
    LARGE_INTEGER Due;
    ULONGLONG Before, Passed;
    ULONG Index;

    for (Index = 0; Index < RTL_NUMBER_OF(Lengths); Index++) {
        Due.QuadPart = KT_MS(Lengths[Index]);
        Before = KeQueryInterruptTime();
        expect_status(KeDelayExecutionThread(KernelMode, FALSE, &Due), STATUS_SUCCESS);
        Passed = KeQueryInterruptTime() - Before;
        expect(Passed >= (ULONGLONG)Lengths[Index] * 10000);
        expect(Passed <= (ULONGLONG)Lengths[Index] * 10000 + 2 * KeQueryTimeIncrement());
    }
}

KTEST(ke, timer_wait_times_out)
{
    // Law: a wait for something that does not come ends with STATUS_TIMEOUT; a past absolute time ends it at once.
    KEVENT Event;
    LARGE_INTEGER Due;
    ULONGLONG Before;

    KeInitializeEvent(&Event, NotificationEvent, FALSE);
    Due.QuadPart = KT_MS(50);
    Before = KeQueryInterruptTime();
    expect_status(KeWaitForSingleObject(&Event, Executive, KernelMode, FALSE, &Due), STATUS_TIMEOUT);
    expect(KeQueryInterruptTime() - Before >= 500000);
    Due.QuadPart = 1;
    expect_status(KeWaitForSingleObject(&Event, Executive, KernelMode, FALSE, &Due), STATUS_TIMEOUT);
    KeQuerySystemTime(&Due);
    Due.QuadPart += 400000;
    Before = KeQueryInterruptTime();
    expect_status(KeWaitForSingleObject(&Event, Executive, KernelMode, FALSE, &Due), STATUS_TIMEOUT);
    expect(KeQueryInterruptTime() - Before >= 400000);
}

KTEST(ke, timer_set_cancel_and_state)
{
    // Law: KeSetTimer and KeCancelTimer say whether the timer was set; a cancelled one does not fire; a notification
    // timer stays signaled, a synchronization timer releases one wait.
    KTIMER Timer;
    LARGE_INTEGER Due, Zero = {.QuadPart = 0};

    KeInitializeTimer(&Timer);
    Due.QuadPart = KT_MS(30);
    expect(!KeSetTimer(&Timer, Due, NULL));
    expect(KeSetTimer(&Timer, Due, NULL));
    expect(!KeReadStateTimer(&Timer));
    expect(KeCancelTimer(&Timer));
    expect(!KeCancelTimer(&Timer));
    IGNORE_STATUS(KeDelayExecutionThread(KernelMode, FALSE, &(LARGE_INTEGER){.QuadPart = KT_MS(60)}));
    expect(!KeReadStateTimer(&Timer));

    expect(!KeSetTimer(&Timer, Due, NULL));
    KeWaitForever(&Timer, Executive);
    expect(KeReadStateTimer(&Timer));
    expect(!KeSetTimer(&Timer, Due, NULL));
    expect(!KeReadStateTimer(&Timer)); // setting it again takes the signal back
    expect(KeCancelTimer(&Timer));

    KeInitializeTimerEx(&Timer, SynchronizationTimer);
    expect(!KeSetTimer(&Timer, Due, NULL));
    KeWaitForever(&Timer, Executive);
    expect_status(KeWaitForSingleObject(&Timer, Executive, KernelMode, FALSE, &Zero), STATUS_TIMEOUT);
}

KTEST(ke, timer_periodic_calls_its_dpc)
{
    // Law: a periodic timer goes on until it is cancelled, and queues its DPC each time.
    KTIMER Timer;
    KDPC Dpc;
    LARGE_INTEGER Due;
    ULONG After;

    KtTicks = 0;
    KeInitializeTimer(&Timer);
    KeInitializeDpc(&Dpc, KtTimerDpc, NULL);
    Due.QuadPart = KT_MS(20);
    KeSetTimerEx(&Timer, Due, 20, &Dpc);
    IGNORE_STATUS(KeDelayExecutionThread(KernelMode, FALSE, &(LARGE_INTEGER){.QuadPart = KT_MS(500)}));
    expect(KeCancelTimer(&Timer));
    After = KtTicks;
    expect(After >= 15 && After <= 26);
    IGNORE_STATUS(KeDelayExecutionThread(KernelMode, FALSE, &(LARGE_INTEGER){.QuadPart = KT_MS(100)}));
    expect_eq(KtTicks, After);
}

#define KT_MANY 64
static KTIMER KtTimers[KT_MANY];
static KDPC KtDpcs[KT_MANY];
static ULONG KtFired[KT_MANY], KtFiredCount;

static VOID NTAPI KtFire(PKDPC Dpc, PVOID Context, PVOID Argument1, PVOID Argument2)
{
    UNREFERENCED_PARAMETER(Dpc);
    UNREFERENCED_PARAMETER(Argument1);
    UNREFERENCED_PARAMETER(Argument2);
    KtFired[KtFiredCount++] = (ULONG)(ULONG_PTR)Context;
}

KTEST(ke, timer_many_expire_in_order)
{
    // Law: whatever the order in which timers are set, they expire in order of their due times.
    ULONG Index, Due[KT_MANY];
    LARGE_INTEGER Time;

    KtFiredCount = 0;
    for (Index = 0; Index < KT_MANY; Index++) {
        Due[Index] = 10 + KtRandom() % 5000;
        KeInitializeTimer(&KtTimers[Index]);
        KeInitializeDpc(&KtDpcs[Index], KtFire, (PVOID)(ULONG_PTR)Due[Index]);
        Time.QuadPart = KT_MS(Due[Index]);
        KeSetTimer(&KtTimers[Index], Time, &KtDpcs[Index]);
    }
    IGNORE_STATUS(KeDelayExecutionThread(KernelMode, FALSE, &(LARGE_INTEGER){.QuadPart = KT_MS(5100)}));
    expect_eq(KtFiredCount, KT_MANY);
    for (Index = 1; Index < KtFiredCount; Index++)
        expect(KtFired[Index] + 16 >= KtFired[Index - 1]); // set within one tick of each other
}

KTEST(ke, timer_absolute_follows_the_system_time)
{
    // Law: a timer for a system time is due when the clock shows it, also when the clock is set forward.
    KTIMER Timer;
    LARGE_INTEGER Now, Old, Due;

    KeInitializeTimer(&Timer);
    KeQuerySystemTime(&Now);
    Due.QuadPart = Now.QuadPart + 3600ll * 10000000;
    KeSetTimer(&Timer, Due, NULL);
    IGNORE_STATUS(KeDelayExecutionThread(KernelMode, FALSE, &(LARGE_INTEGER){.QuadPart = KT_MS(40)}));
    expect(!KeReadStateTimer(&Timer));
    KeSetSystemTime(&Due, &Old);
    IGNORE_STATUS(KeDelayExecutionThread(KernelMode, FALSE, &(LARGE_INTEGER){.QuadPart = KT_MS(40)}));
    expect(KeReadStateTimer(&Timer));
    KeQuerySystemTime(&Now);
    Now.QuadPart -= 3600ll * 10000000;
    KeSetSystemTime(&Now, &Old);
    expect(!KeCancelTimer(&Timer));
}

KTEST(ke, time_carries_into_its_high_half)
{
    // Law: a tick that takes the low half of a time past its end counts in the high half.
    LARGE_INTEGER Now, Old, Before;

    KeQuerySystemTime(&Now);
    Before.QuadPart = Now.QuadPart | 0xFFFFFFFF;
    KeSetSystemTime(&Before, &Old);
    IGNORE_STATUS(KeDelayExecutionThread(KernelMode, FALSE, &(LARGE_INTEGER){.QuadPart = KT_MS(40)}));
    KeQuerySystemTime(&Now);
    expect_eq(Now.HighPart, Before.HighPart + 1);
    expect(Now.LowPart < 10 * 10000000u);
    Now.QuadPart += Old.QuadPart - Before.QuadPart;
    KeSetSystemTime(&Now, &Before);
}

KTEST(ke, time_is_monotone)
{
    // Law: interrupt time, tick count, system time and performance counter never go back, and advance together.
    LARGE_INTEGER System, LastSystem = {.QuadPart = 0}, Tick, LastTick = {.QuadPart = 0}, Counter,
                          LastCounter = {.QuadPart = 0};
    ULONGLONG Interrupt, LastInterrupt = 0, First = KeQueryInterruptTime();
    ULONG Index;

    for (Index = 0; Index < 2000; Index++) {
        Interrupt = KeQueryInterruptTime();
        KeQuerySystemTime(&System);
        KeQueryTickCount(&Tick);
        Counter = KeQueryPerformanceCounter(NULL);
        expect(Interrupt >= LastInterrupt && System.QuadPart >= LastSystem.QuadPart &&
               Tick.QuadPart >= LastTick.QuadPart && Counter.QuadPart >= LastCounter.QuadPart);
        LastInterrupt = Interrupt;
        LastSystem = System;
        LastTick = Tick;
        LastCounter = Counter;
        KeStallExecutionProcessor(20);
    }
    expect(LastInterrupt > First);
}
