// SPDX-License-Identifier: MIT
// Laws of the scheduler: priorities, preemption, round robin, boosts. Source: Windows Internals, "Thread Scheduling".

#include "ktest.h"

// A stretch of work. (PAUSE would end the emulator's turn each time.)
static VOID KtCompute(VOID)
{
    ULONG Index;

    for (Index = 0; Index < 1000; Index++)
        __asm__ volatile("" : : : "memory");
}

static volatile ULONG KtRan[4];
static ULONG KtOrder[9], KtCount;
static volatile BOOLEAN KtStop;
static KEVENT KtEvent;

static VOID NTAPI KtNote(PVOID Context)
{
    if (KtCount < RTL_NUMBER_OF(KtOrder))
        KtOrder[KtCount++] = (ULONG)(ULONG_PTR)Context;
}

KTEST_EXACT(ke, schedule_higher_priority_preempts_at_once)
{
    // Law: a thread that becomes ready runs before the call that readied it returns if it is more important, and not
    // while a thread of at least its priority runs.
    PETHREAD Thread;

    KtCount = 0;
    Thread = KtStartThread(KtNote, (PVOID)1, 9);
    expect_eq(KtCount, 1);
    KtJoin(Thread);
    Thread = KtStartThread(KtNote, (PVOID)2, 8);
    expect_eq(KtCount, 1);
    KtJoin(Thread);
    expect_eq(KtCount, 2);
    Thread = KtStartThread(KtNote, (PVOID)3, 7);
    expect_eq(KtCount, 2);
    KtJoin(Thread);
    expect_eq(KtCount, 3);
}

KTEST_EXACT(ke, schedule_not_at_dispatch_level)
{
    // Law: at DISPATCH_LEVEL no other thread runs, however important; it does when the level falls.
    PETHREAD Thread;
    KIRQL Old;

    KtCount = 0;
    Thread = KtStartThread(KtNote, (PVOID)1, 4); // less important: it is ready, not running
    expect_eq(KtCount, 0);
    Old = KfRaiseIrql(DISPATCH_LEVEL);
    KeSetPriorityThread(&Thread->Tcb, 20);
    expect_eq(KtCount, 0);
    KfLowerIrql(Old);
    expect_eq(KtCount, 1);
    KtJoin(Thread);
}

KTEST_EXACT(ke, schedule_ready_threads_run_by_priority)
{
    // Law: of several ready threads the most important runs first; equals in the order they became ready.
    static const KPRIORITY Priorities[] = {3, 5, 4, 5, 6};
    PETHREAD Threads[RTL_NUMBER_OF(Priorities)];
    ULONG Index;

    KtCount = 0;
    for (Index = 0; Index < RTL_NUMBER_OF(Priorities); Index++)
        Threads[Index] = KtStartThread(KtNote, (PVOID)(ULONG_PTR)Index, Priorities[Index]);
    for (Index = 0; Index < RTL_NUMBER_OF(Priorities); Index++)
        KtJoin(Threads[Index]);
    expect_eq(KtCount, 5);
    expect(KtOrder[0] == 4 && KtOrder[1] == 1 && KtOrder[2] == 3 && KtOrder[3] == 2 && KtOrder[4] == 0);
}

static KEVENT KtGates[3];

static VOID NTAPI KtWaitAndNote(PVOID Context)
{
    KeWaitForever(&KtGates[(ULONG)(ULONG_PTR)Context], Executive);
    KtNote(Context);
}

KTEST_EXACT(ke, schedule_displaced_thread_keeps_its_turn)
{
    // Law: a thread that was chosen to run next and is displaced by a more important one stays ahead of its equals.
    static const KPRIORITY Priorities[] = {12, 12, 13};
    PETHREAD Threads[3];
    ULONG Index;
    KIRQL Old;

    KtCount = 0;
    for (Index = 0; Index < 3; Index++) {
        KeInitializeEvent(&KtGates[Index], NotificationEvent, FALSE);
        Threads[Index] = KtStartThread(KtWaitAndNote, (PVOID)(ULONG_PTR)Index, Priorities[Index]);
    }
    Old = KfRaiseIrql(DISPATCH_LEVEL);
    for (Index = 0; Index < 3; Index++)
        KeSetEvent(&KtGates[Index], 0, FALSE);
    expect_eq(KtCount, 0);
    KfLowerIrql(Old);
    expect_eq(KtCount, 3);
    expect(KtOrder[0] == 2 && KtOrder[1] == 0 && KtOrder[2] == 1);
    for (Index = 0; Index < 3; Index++)
        KtJoin(Threads[Index]);
}

static VOID NTAPI KtSpin(PVOID Context)
{
    while (!KtStop)
        KtRan[(ULONG)(ULONG_PTR)Context]++;
}

KTEST_TIMED(ke, schedule_equals_share_by_quantum)
{
    // Law: threads of equal priority that never wait take turns, each for its quantum: all get on, about equally.
    PETHREAD Threads[3];
    LARGE_INTEGER Due = {.QuadPart = -10000000};
    ULONG Index, Least = MAXULONG, Most = 0;

    KtStop = FALSE;
    for (Index = 0; Index < RTL_NUMBER_OF(Threads); Index++) {
        KtRan[Index] = 0;
        Threads[Index] = KtStartThread(KtSpin, (PVOID)(ULONG_PTR)Index, 6);
    }
    IGNORE_STATUS(KeDelayExecutionThread(KernelMode, FALSE, &Due));
    KtStop = TRUE;
    for (Index = 0; Index < RTL_NUMBER_OF(Threads); Index++) {
        KtJoin(Threads[Index]);
        Least = min_of(Least, KtRan[Index]);
        Most = max_of(Most, KtRan[Index]);
        expect(KtRan[Index] > 0);
    }
    expect(Least > Most / 2);
}

KTEST_EXACT(ke, schedule_less_important_starves)
{
    // Law: a thread does not run while a more important one is ready.
    PETHREAD High, Low;
    LARGE_INTEGER Due = {.QuadPart = -3000000};

    KtStop = FALSE;
    KtRan[0] = KtRan[1] = 0;
    High = KtStartThread(KtSpin, (PVOID)0, 5);
    Low = KtStartThread(KtSpin, (PVOID)1, 4);
    IGNORE_STATUS(KeDelayExecutionThread(KernelMode, FALSE, &Due));
    expect(KtRan[0] > 0);
    expect_eq(KtRan[1], 0);
    KtStop = TRUE;
    KtJoin(High);
    KtJoin(Low);
}

static VOID NTAPI KtBoosted(PVOID Context)
{
    volatile ULONG *Ticks = &KeGetCurrentThread()->KernelTime; // its own: the clock's go on while its processor rests
    KPRIORITY *Seen = Context;
    ULONG Until;

    KeWaitForever(&KtEvent, Executive);
    Seen[0] = KeQueryPriorityThread(KeGetCurrentThread());
    Until = *Ticks + (Seen[0] < 13 ? 1 : 6) * 2;
    while (*Ticks < Until)
        KtCompute();
    Seen[1] = KeQueryPriorityThread(KeGetCurrentThread());
}

static VOID NTAPI KtSpinUntilStopped(PVOID Context)
{
    UNREFERENCED_PARAMETER(Context);
    while (!KtStop)
        KtCompute();
}

KTEST_EXACT(ke, schedule_priority_zero_stays)
{
    // Law: a thread that was put to priority 0 (the one that clears pages) stays there when its quantum ends, although
    // its base was higher.
    LARGE_INTEGER Quanta = {.QuadPart = -8 * (LONGLONG)CLOCK_INCREMENT_100NS};
    PETHREAD Thread;

    KtStop = FALSE;
    Thread = KtStartThread(KtSpinUntilStopped, NULL, 7);
    KeSetPriorityThread(&Thread->Tcb, 0);
    expect_status(KeDelayExecutionThread(KernelMode, FALSE, &Quanta), STATUS_SUCCESS);
    expect_eq(Thread->Tcb.Priority, 0);
    KtStop = TRUE;
    KtJoin(Thread);
}

KTEST_EXACT(ke, schedule_boost_after_a_wait_decays)
{
    // Law: ending a wait with an increment raises the priority above the base by that much, below real-time; used-up
    // quanta take it away again.
    PETHREAD Thread;
    KPRIORITY Seen[2] = {0, 0};

    KeInitializeEvent(&KtEvent, NotificationEvent, FALSE);
    Thread = KtStartThread(KtBoosted, Seen, 9);
    KeSetEvent(&KtEvent, 4, FALSE);
    KtJoin(Thread);
    expect_eq(Seen[0], 13);
    expect_eq(Seen[1], 9);

    KeInitializeEvent(&KtEvent, NotificationEvent, FALSE);
    Thread = KtStartThread(KtBoosted, Seen, 12);
    KeSetEvent(&KtEvent, 30, FALSE);
    KtJoin(Thread);
    expect_eq(Seen[0], 15);

    KeInitializeEvent(&KtEvent, NotificationEvent, FALSE);
    Thread = KtStartThread(KtBoosted, Seen, 20);
    KeSetEvent(&KtEvent, 4, FALSE);
    KtJoin(Thread);
    expect_eq(Seen[0], 20);
    expect_eq(Seen[1], 20);
}

KTEST_EXACT(ke, schedule_base_priority_is_relative_and_saturates)
{
    // Law: the base priority follows the process's by an increment; +-16 mean time critical and idle.
    PKTHREAD Thread = KeGetCurrentThread();

    expect_eq(KeSetBasePriorityThread(Thread, 2), 0);
    expect_eq(KeQueryPriorityThread(Thread), 10);
    expect_eq(KeSetBasePriorityThread(Thread, 16), 2);
    expect_eq(KeQueryPriorityThread(Thread), 15);
    expect_eq(KeSetBasePriorityThread(Thread, -16), 16);
    expect_eq(KeQueryPriorityThread(Thread), 1);
    expect_eq(KeSetBasePriorityThread(Thread, 0), -16);
    expect_eq(KeQueryPriorityThread(Thread), 8);
}

static VOID NTAPI KtYielder(PVOID Context)
{
    LARGE_INTEGER Zero = {.QuadPart = 0};
    ULONG Turn;

    for (Turn = 0; Turn < 3; Turn++) {
        KtNote(Context);
        IGNORE_STATUS(KeDelayExecutionThread(KernelMode, FALSE, &Zero));
    }
}

KTEST_EXACT(ke, schedule_yield_takes_turns)
{
    // Law: a delay of zero gives the processor to the next ready thread of the same priority, and its turn comes behind
    // all the others'.
    PETHREAD Threads[3];
    ULONG Index;

    KtCount = 0;
    for (Index = 0; Index < 3; Index++)
        Threads[Index] = KtStartThread(KtYielder, (PVOID)(ULONG_PTR)Index, 6);
    for (Index = 0; Index < 3; Index++)
        KtJoin(Threads[Index]);
    expect_eq(KtCount, 9);
    for (Index = 0; Index < 9; Index++)
        expect_eq(KtOrder[Index], Index % 3);
}

KTEST_EXACT(ke, schedule_less_important_gives_way_at_once)
{
    // Law: a thread that lowers its own priority below that of a ready one does not run on before that one.
    PETHREAD Thread;

    KtCount = 0;
    Thread = KtStartThread(KtNote, (PVOID)1, 7);
    expect_eq(KtCount, 0);
    expect_eq(KeSetPriorityThread(KeGetCurrentThread(), 6), 8);
    expect_eq(KtCount, 1);
    expect_eq(KeSetPriorityThread(KeGetCurrentThread(), 8), 6);
    KtJoin(Thread);
}

KTEST_EXACT(ke, schedule_chosen_thread_can_lose_its_turn)
{
    // Law: a thread that was chosen to run next and loses its priority before it does lets the more important ready one
    // run first.
    PETHREAD Threads[2];
    ULONG Index;
    KIRQL Old;

    KtCount = 0;
    for (Index = 0; Index < 2; Index++) {
        KeInitializeEvent(&KtGates[Index], NotificationEvent, FALSE);
        Threads[Index] = KtStartThread(KtWaitAndNote, (PVOID)(ULONG_PTR)Index, 12 - (KPRIORITY)Index);
    }
    Old = KfRaiseIrql(DISPATCH_LEVEL);
    KeSetEvent(&KtGates[0], 0, FALSE);
    KeSetEvent(&KtGates[1], 0, FALSE);
    expect_eq(KeSetPriorityThread(&Threads[0]->Tcb, 10), 12);
    KfLowerIrql(Old);
    expect_eq(KtCount, 2);
    expect(KtOrder[0] == 1 && KtOrder[1] == 0);
    for (Index = 0; Index < 2; Index++)
        KtJoin(Threads[Index]);
}

KTEST_TIMED(ke, schedule_run_time_is_charged)
{
    // Law: a thread that computes for a while is charged about as many ticks.
    PKTHREAD Thread = KeGetCurrentThread();
    ULONG User, Before = KeQueryRuntimeThread(Thread, &User), After;
    ULONGLONG Until = KeQueryInterruptTime() + 20 * KeQueryTimeIncrement();

    while (KeQueryInterruptTime() < Until)
        KtCompute();
    After = KeQueryRuntimeThread(Thread, &User);
    expect(After - Before >= 15 && After - Before <= 21);
    expect_eq(User, 0);
}
