// SPDX-License-Identifier: MIT
// Laws of quanta and of boosts: how long a turn is, what takes a boost away, who never gets one. Source: Windows
// Internals, "Quantum", "Priority Boosts".

#include "ke/ki.h"
#include "ktest.h"

#define KT_TURNS 12u
#define KT_PRIORITIES 24u

static volatile ULONG KtOwner, KtTurnCount;
static ULONG KtTurnAt[KT_TURNS];

static VOID NTAPI KtTakeTurns(PVOID Context)
{
    while (KtTurnCount < KT_TURNS)
        if (KtOwner != (ULONG)(ULONG_PTR)Context) {
            KtOwner = (ULONG)(ULONG_PTR)Context;
            KtTurnAt[KtTurnCount++] = KeTickCount.LowPart;
        }
}

// Two threads of equal priority that compute, with Quantum. The test looks on each tick, so that they are displaced all
// the time by something more important.
static VOID KtMeasureTurns(SCHAR Quantum)
{
    PETHREAD Threads[2];
    LARGE_INTEGER Tick = {.QuadPart = -1};
    ULONG Index;

    KtOwner = 99;
    KtTurnCount = 0;
    for (Index = 0; Index < 2; Index++) {
        Threads[Index] = KtStartThread(KtTakeTurns, (PVOID)(ULONG_PTR)Index, 6);
        Threads[Index]->Tcb.Quantum = Threads[Index]->Tcb.QuantumReset = Quantum;
    }
    while (KtTurnCount < KT_TURNS)
        IGNORE_STATUS(KeDelayExecutionThread(KernelMode, FALSE, &Tick));
    for (Index = 0; Index < 2; Index++)
        KtJoin(Threads[Index]);
}

KTEST_TIMED(ke, quantum_is_counted_in_thirds_of_a_tick)
{
    // Law: each of two threads that compute keeps the processor for its quantum, three units a tick: two ticks in the
    // background, six in the foreground. Being displaced by something more important does not end the turn.
    static const SCHAR Quanta[] = {6, 12, 18};
    ULONG Index, Turn, Length;

    for (Index = 0; Index < RTL_NUMBER_OF(Quanta); Index++) {
        KtMeasureTurns(Quanta[Index]);
        for (Turn = 1; Turn + 1 < KT_TURNS; Turn++) {
            Length = KtTurnAt[Turn + 1] - KtTurnAt[Turn];
            // Processors other than 0 have ticks of their own.
            expect(Length + 1 >= (ULONG)Quanta[Index] / 3 && Length <= (ULONG)Quanta[Index] / 3 + 1);
        }
        Length = KtTurnAt[KT_TURNS - 1] - KtTurnAt[1];
        expect(Length + 2 >= (KT_TURNS - 2) * (ULONG)Quanta[Index] / 3);
        expect(Length <= (KT_TURNS - 2) * (ULONG)Quanta[Index] / 3 + 2);
    }
}

static KEVENT KtEvent;
static KGATE KtGate;
static KPRIORITY KtSeen[KT_PRIORITIES]; // one after the other
static ULONG KtSeenTicks[KT_PRIORITIES], KtSeenCount;

// Notes each priority that the current thread has, and for how many ticks, until it is back at its base.
static VOID KtWatchPriority(VOID)
{
    PKTHREAD Thread = KeGetCurrentThread();
    ULONG Begin = KeTickCount.LowPart;

    KtSeenCount = 0;
    for (;;) {
        KPRIORITY Priority = *(volatile SCHAR *)&Thread->Priority;

        if (KtSeenCount == 0 || KtSeen[KtSeenCount - 1] != Priority) {
            KtSeen[KtSeenCount] = Priority;
            KtSeenTicks[KtSeenCount++] = KeTickCount.LowPart;
        }
        if (KtSeenCount == KT_PRIORITIES || KeTickCount.LowPart - Begin > 40 || Priority <= Thread->BasePriority)
            return;
    }
}

static VOID NTAPI KtWatchAfterEvent(PVOID Context)
{
    UNREFERENCED_PARAMETER(Context);
    KeWaitForever(&KtEvent, Executive);
    KtWatchPriority();
}

static VOID NTAPI KtWatchAfterGate(PVOID Context)
{
    UNREFERENCED_PARAMETER(Context);
    KeWaitForGate(&KtGate, Executive, KernelMode);
    KtWatchPriority();
}

KTEST_TIMED(ke, boost_goes_a_level_a_quantum)
{
    // Law: each quantum that is used up takes one level of a boost, down to the base and no further.
    PETHREAD Thread;
    ULONG Index;

    KeInitializeEvent(&KtEvent, SynchronizationEvent, FALSE);
    Thread = KtStartThread(KtWatchAfterEvent, NULL, 9);
    KeSetEvent(&KtEvent, 4, FALSE);
    KtJoin(Thread);
    expect_eq(KtSeenCount, 5);
    for (Index = 0; Index < KtSeenCount; Index++)
        expect_eq(KtSeen[Index], 13 - (KPRIORITY)Index);
    for (Index = 2; Index < KtSeenCount; Index++)
        expect(KtSeenTicks[Index] - KtSeenTicks[Index - 1] >= 1 && KtSeenTicks[Index] - KtSeenTicks[Index - 1] <= 3);
}

KTEST_EXACT(ke, boost_of_a_handed_on_priority_goes_at_once)
{
    // Law: the priority that KeSetEventBoostPriority or a gate hands on lasts for a quantum and goes altogether; it
    // does not reach the real-time range, and a thread whose boosts are disabled does not get it.
    PKTHREAD Self = KeGetCurrentThread();
    PETHREAD Thread;
    LARGE_INTEGER Moment = {.QuadPart = -300000};
    ULONG Round;

    for (Round = 0; Round < 3; Round++) {
        KeInitializeEvent(&KtEvent, SynchronizationEvent, FALSE);
        KeInitializeGate(&KtGate);
        Thread = KtStartThread(Round == 1 ? KtWatchAfterEvent : KtWatchAfterGate, NULL, 5);
        IGNORE_STATUS(KeDelayExecutionThread(KernelMode, FALSE, &Moment));
        (VOID) KeSetDisableBoostThread(&Thread->Tcb, Round == 2);
        (VOID) KeSetPriorityThread(Self, Round == 0 ? 20 : 12);
        if (Round == 1)
            KeSetEventBoostPriority(&KtEvent, NULL);
        else
            KeSignalGateBoostPriority(&KtGate);
        KtJoin(Thread);
        (VOID) KeSetPriorityThread(Self, 8);
        (VOID) KeSetBasePriorityThread(Self, 0);
        expect_eq(KtSeen[0], Round == 0 ? 15 : Round == 1 ? 12 : 5);
        expect_eq(KtSeen[KtSeenCount - 1], 5);
        expect_eq(KtSeenCount, Round == 2 ? 1 : 2);
    }
}

static PVOID KtBoth[2];

static VOID NTAPI KtWaitForBoth(PVOID Context)
{
    *(volatile NTSTATUS *)Context =
        KeWaitForMultipleObjects(2, KtBoth, WaitAll, Executive, KernelMode, FALSE, NULL, NULL);
}

KTEST_EXACT(ke, boost_event_is_not_taken_from_a_set)
{
    // Law: KeSetEventBoostPriority does not end a wait for all while others of the set are not signaled.
    volatile NTSTATUS Status = STATUS_PENDING;
    KEVENT Other;
    PETHREAD Thread;

    KeInitializeEvent(&KtEvent, SynchronizationEvent, FALSE);
    KeInitializeEvent(&Other, SynchronizationEvent, FALSE);
    KtBoth[0] = &KtEvent;
    KtBoth[1] = &Other;
    Thread = KtStartThread(KtWaitForBoth, (PVOID)&Status, 12);
    KeSetEventBoostPriority(&KtEvent, NULL);
    expect_status(Status, STATUS_PENDING);
    expect_eq(KeReadStateEvent(&KtEvent), 1);
    KeSetEvent(&Other, 0, FALSE);
    expect_status(Status, STATUS_SUCCESS);
    expect_eq(KeReadStateEvent(&KtEvent), 0);
    KtJoin(Thread);
}

KTEST_EXACT(ke, boost_is_not_for_those_who_do_not_want_it)
{
    // Law: a thread whose boosts are disabled, or of a real-time priority, gets none: not after a wait, not by
    // KeBoostPriorityThread (what a window system does for a thread that gets input). Others do, up to 15.
    static const struct {
        KPRIORITY Base, Increment, Want;
        BOOLEAN Disable;
    } Cases[] = {{9, 2, 11, FALSE}, {9, 2, 9, TRUE}, {14, 6, 15, FALSE}, {20, 6, 20, FALSE}, {31, 1, 31, FALSE}};
    PETHREAD Thread;
    ULONG Index;

    for (Index = 0; Index < RTL_NUMBER_OF(Cases); Index++) {
        KeInitializeEvent(&KtEvent, SynchronizationEvent, FALSE);
        Thread = KtStartThread(KtWatchAfterEvent, NULL, Cases[Index].Base);
        (VOID) KeSetDisableBoostThread(&Thread->Tcb, Cases[Index].Disable);
        KeSetEvent(&KtEvent, Cases[Index].Increment, FALSE);
        KtJoin(Thread);
        expect_eq(KtSeen[0], Cases[Index].Want);

        Thread = KtStartThread(KtWatchAfterEvent, NULL, Cases[Index].Base);
        (VOID) KeSetDisableBoostThread(&Thread->Tcb, Cases[Index].Disable);
        KeBoostPriorityThread(&Thread->Tcb, Cases[Index].Increment);
        expect_eq(KeQueryPriorityThread(&Thread->Tcb), Cases[Index].Want);
        KeSetEvent(&KtEvent, 0, FALSE);
        KtJoin(Thread);
    }
}

KTEST_EXACT(ke, quantum_pays_for_waits)
{
    // Law: a wait that sleeps costs a third of a tick, so that a thread that waits often gets no quantum for nothing;
    // one that finds its object signaled is free.
    PKTHREAD Thread = KeGetCurrentThread();
    LARGE_INTEGER Tick = {.QuadPart = -1};
    SCHAR Before;
    KEVENT Event;

    KeInitializeEvent(&Event, NotificationEvent, TRUE);
    do { // behind a tick, with something left
        IGNORE_STATUS(KeDelayExecutionThread(KernelMode, FALSE, &Tick));
        Before = Thread->Quantum;
    } while (Before < 4);
    KeWaitForever(&Event, Executive);
    expect_eq(Thread->Quantum, Before);
    IGNORE_STATUS(KeDelayExecutionThread(KernelMode, FALSE, &Tick));
    expect_eq(Thread->Quantum, Before - 1);
}

static volatile BOOLEAN KtStop;

static VOID NTAPI KtHog(PVOID Context)
{
    while (!KtStop)
        ++*(volatile ULONG *)Context;
}

// Computes until something more important has kept it from that for a second.
static VOID NTAPI KtStarved(PVOID Context)
{
    ULONG Begin = KeTickCount.LowPart, Last = Begin, Now;

    UNREFERENCED_PARAMETER(Context);
    KtSeen[0] = KtSeen[1] = KeQueryPriorityThread(KeGetCurrentThread());
    while ((Now = KeTickCount.LowPart) - Last < 64) {
        KPRIORITY Priority = *(volatile SCHAR *)&KeGetCurrentThread()->Priority;

        Last = Now;
        KtSeen[1] = min_of(KtSeen[1], Priority);
    }
    KtSeenTicks[0] = Last - Begin;
    KtStop = TRUE;
}

KTEST_TIMED(ke, boost_of_the_starved_is_long_and_goes_at_once)
{
    // Law: a starved thread has priority 15 for four quanta, then its old one again: it starves once more.
    const ULONG Ticks = 4 * THREAD_QUANTUM / CLOCK_QUANTUM_DECREMENT;
    ULONG Count = 0;
    PETHREAD Hog, Thread;

    KtStop = FALSE;
    Hog = KtStartThread(KtHog, &Count, 7);
    Thread = KtStartThread(KtStarved, NULL, 3);
    KtJoin(Thread);
    KtJoin(Hog);
    expect_eq(KtSeen[0], 15);
    expect_eq(KtSeen[1], 15);
    expect(KtSeenTicks[0] >= Ticks - 1 && KtSeenTicks[0] <= Ticks + 1);
}

static VOID NTAPI KtNote(PVOID Context)
{
    ++*(volatile ULONG *)Context;
}

KTEST_EXACT(ke, yield_lets_a_less_important_thread_run)
{
    // Law: a yield gives the processor to whatever is ready, for a quantum at most (SDK, SwitchToThread); with nothing
    // ready it says so.
    ULONG Ran = 0, Count = 0, Begin;
    PETHREAD Thread;

    expect(!KeYieldExecution());
    Thread = KtStartThread(KtNote, &Ran, 4);
    expect_eq(Ran, 0);
    expect(KeYieldExecution());
    expect_eq(Ran, 1);
    KtJoin(Thread);
    KtStop = FALSE;
    Thread = KtStartThread(KtHog, &Count, 4);
    Begin = KeTickCount.LowPart;
    expect(KeYieldExecution());
    expect(Count != 0);
    expect(KeTickCount.LowPart - Begin <= THREAD_QUANTUM / CLOCK_QUANTUM_DECREMENT + 1);
    KtStop = TRUE;
    KtJoin(Thread);
}

static VOID NTAPI KtStallDpc(PKDPC Dpc, PVOID Context, PVOID Argument1, PVOID Argument2)
{
    UNREFERENCED_PARAMETER(Dpc);
    UNREFERENCED_PARAMETER(Context);
    UNREFERENCED_PARAMETER(Argument1);
    UNREFERENCED_PARAMETER(Argument2);
    KeStallExecutionProcessor(80000);
}

typedef struct _KT_TIMES {
    ULONG Kernel, User, Dpc, Interrupt, Thread;
} KT_TIMES;

static KT_TIMES KtReadTimes(VOID)
{
    PKPRCB Prcb = KeGetCurrentPrcb();
    KT_TIMES Times = {Prcb->KernelTime, Prcb->UserTime, Prcb->DpcTime, Prcb->InterruptTime,
                      KeGetCurrentThread()->KernelTime};

    return Times;
}

KTEST_MP_TIMED(ke, ticks_are_charged_to_what_they_interrupt)
{
    // Law: on every processor, a tick above DISPATCH_LEVEL is interrupt time, one in a DPC is DPC time, any other in
    // the kernel is the thread's; all of them are kernel time of the processor.
    ULONG Number, Kind, Ticks;
    KT_TIMES Before, After;
    KIRQL Old;
    KDPC Dpc;

    KeInitializeDpc(&Dpc, KtStallDpc, NULL);
    for (Number = 0; Number < (ULONG)KeNumberProcessors; Number++) {
        KeSetSystemAffinityThread(1ul << Number);
        for (Kind = 0; Kind < 3; Kind++) { // thread, DPC, interrupt
            Old = KfRaiseIrql(Kind == 0 ? DISPATCH_LEVEL : Kind == 1 ? PASSIVE_LEVEL : PROFILE_LEVEL);
            Before = KtReadTimes();
            if (Kind == 1)
                (VOID) KeInsertQueueDpc(&Dpc, NULL, NULL);
            else
                KeStallExecutionProcessor(80000); // five ticks
            After = KtReadTimes();
            KfLowerIrql(Old);
            Ticks = After.Kernel - Before.Kernel;
            expect(Ticks >= 3);
            expect_eq(After.User, Before.User);
            expect_eq(After.Interrupt - Before.Interrupt, Kind == 2 ? Ticks : 0);
            expect(Kind == 1 ? After.Dpc - Before.Dpc >= 3 : After.Dpc == Before.Dpc);
            expect(Kind == 0 ? After.Thread - Before.Thread == Ticks : After.Thread - Before.Thread <= 1);
        }
    }
    KeRevertToUserAffinityThread();
}
