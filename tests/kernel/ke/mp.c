// SPDX-License-Identifier: MIT
// Laws that hold between processors. On a machine with one they hold trivially; `./mica check --cpus 4` is where they
// can break.

#include "ke/ki.h"
#include "ktest.h"

#define KT_THREADS 6
#define KT_ROUNDS 300

static volatile LONG KtArrived, KtInside, KtTotal;
static volatile KAFFINITY KtSeen;
static volatile BOOLEAN KtAtIpiLevel;

// Count threads, which run the two routines in turn; returns when all have ended.
static VOID KtRunThreads(PKSTART_ROUTINE Even, PKSTART_ROUTINE Odd, ULONG Count)
{
    PETHREAD Threads[MAXIMUM_PROCESSORS];
    ULONG Index;

    for (Index = 0; Index < Count; Index++)
        Threads[Index] = KtStartThread(Index % 2 == 0 ? Even : Odd, NULL, 8);
    for (Index = 0; Index < Count; Index++)
        KtJoin(Threads[Index]);
}

static ULONG_PTR NTAPI KtGenericWorker(ULONG_PTR Argument)
{
    if (KeGetCurrentIrql() != IPI_LEVEL)
        KtAtIpiLevel = FALSE;
    InterlockedIncrement(&KtArrived);
    while (KtArrived < KeNumberProcessors) // nobody leaves before all are in
        YieldProcessor();
    __atomic_fetch_or(&KtSeen, KeGetPcr()->SetMember, __ATOMIC_SEQ_CST);
    return Argument + 1;
}

KTEST_MP(ke, mp_generic_call_runs_everywhere_at_once)
{
    // Law: KeIpiGenericCall runs its worker on every processor, at IPI_LEVEL, all at the same time, and returns after
    // all have run, with the result of this one.
    ULONG Round;

    for (Round = 0; Round < 50; Round++) {
        KtArrived = 0;
        KtSeen = 0;
        KtAtIpiLevel = TRUE;
        expect_eq(KeIpiGenericCall(KtGenericWorker, Round), Round + 1);
        expect_eq(KtSeen, KeActiveProcessors);
        expect(KtAtIpiLevel);
    }
}

static VOID NTAPI KtGenericCaller(PVOID Context)
{
    ULONG Round;

    UNREFERENCED_PARAMETER(Context);
    for (Round = 0; Round < 100; Round++)
        KeFlushEntireTb(TRUE, TRUE);
    InterlockedIncrement(&KtTotal);
}

KTEST_MP(ke, mp_packets_of_several_senders_all_arrive)
{
    // Law: processors that send packets to each other at the same time all get theirs served: none waits for ever.
    KtTotal = 0;
    KtRunThreads(KtGenericCaller, KtGenericCaller, KT_THREADS);
    expect_eq(KtTotal, KT_THREADS);
}

static KEVENT KtDone;

static VOID NTAPI KtTargetDpc(PKDPC Dpc, PVOID Context, PVOID Argument1, PVOID Argument2)
{
    UNREFERENCED_PARAMETER(Dpc);
    UNREFERENCED_PARAMETER(Argument2);
    *(PULONG)Context = KeGetCurrentProcessorNumber() + (ULONG)(ULONG_PTR)Argument1;
    KeSetEvent(&KtDone, 0, FALSE);
}

KTEST_MP(ke, mp_dpc_runs_on_its_target)
{
    // Law: a DPC with a target processor runs there, wherever it was queued.
    ULONG Number, Ran;
    KDPC Dpc;

    KeInitializeEvent(&KtDone, SynchronizationEvent, FALSE);
    for (Number = 0; Number < (ULONG)KeNumberProcessors; Number++) {
        Ran = ~0ul;
        KeInitializeDpc(&Dpc, KtTargetDpc, &Ran);
        KeSetTargetProcessorDpc(&Dpc, (CCHAR)Number);
        expect(KeInsertQueueDpc(&Dpc, (PVOID)100, NULL));
        KeWaitForever(&KtDone, Executive);
        KeFlushQueuedDpcs();
        expect_eq(Ran, Number + 100);
    }
}

static VOID NTAPI KtThreadedDpc(PKDPC Dpc, PVOID Context, PVOID Argument1, PVOID Argument2)
{
    UNREFERENCED_PARAMETER(Dpc);
    UNREFERENCED_PARAMETER(Argument1);
    UNREFERENCED_PARAMETER(Argument2);
    *(PULONG)Context = KeGetCurrentIrql() == PASSIVE_LEVEL && KeQueryPriorityThread(KeGetCurrentThread()) == 31
                           ? KeGetCurrentProcessorNumber()
                           : 99;
}

KTEST_MP(ke, mp_threaded_dpc_runs_at_passive_level_on_its_target)
{
    // Law: a threaded DPC runs at PASSIVE_LEVEL in a thread of the highest priority on its target processor; flushing
    // the DPCs waits for it.
    ULONG Number, Ran;
    KDPC Dpc;
    KIRQL Old;

    for (Number = 0; Number < (ULONG)KeNumberProcessors; Number++) {
        Ran = ~0ul;
        KeInitializeThreadedDpc(&Dpc, KtThreadedDpc, &Ran);
        KeSetTargetProcessorDpc(&Dpc, (CCHAR)Number);
        Old = KfRaiseIrql(CLOCK_LEVEL);
        expect(KeInsertQueueDpc(&Dpc, NULL, NULL));
        if (Number == KeGetCurrentProcessorNumber()) // another one may have run it already
            expect(!KeInsertQueueDpc(&Dpc, NULL, NULL));
        KfLowerIrql(Old);
        KeFlushQueuedDpcs();
        expect_eq(Ran, Number);
    }
}

KTEST_MP(ke, mp_affinity_moves_the_current_thread_at_once)
{
    // Law: when KeSetSystemAffinityThread returns, the thread runs on a processor of the set; so it does until it goes
    // back.
    ULONG Number, Round;

    for (Round = 0; Round < 20; Round++)
        for (Number = 0; Number < (ULONG)KeNumberProcessors; Number++) {
            KeSetSystemAffinityThread(1ul << Number);
            expect_eq(KeGetCurrentProcessorNumber(), Number);
            (VOID) KeYieldExecution();
            expect_eq(KeGetCurrentProcessorNumber(), Number);
        }
    KeRevertToUserAffinityThread();
}

static volatile ULONG KtWhere;
static volatile BOOLEAN KtStop;

static VOID NTAPI KtWanderer(PVOID Context)
{
    UNREFERENCED_PARAMETER(Context);
    while (!KtStop)
        KtWhere = KeGetCurrentProcessorNumber();
}

KTEST_MP(ke, mp_affinity_moves_a_running_thread)
{
    // Law: a thread that runs on a processor that it may no longer use leaves it, without waiting.
    PETHREAD Thread;
    LARGE_INTEGER Moment = {.QuadPart = -1};
    ULONG Number;

    KtStop = FALSE;
    Thread = KtStartThread(KtWanderer, NULL, 6);
    for (Number = 0; Number < (ULONG)KeNumberProcessors; Number++) {
        KeSetAffinityThread(&Thread->Tcb, 1ul << Number);
        while (KtWhere != Number) // for ever if it stays: the watchdog's time is up then
            IGNORE_STATUS(KeDelayExecutionThread(KernelMode, FALSE, &Moment));
        KtWhere = 99;
        while (KtWhere == 99)
            IGNORE_STATUS(KeDelayExecutionThread(KernelMode, FALSE, &Moment));
        expect_eq(KtWhere, Number);
    }
    KtStop = TRUE;
    KtJoin(Thread);
}

static VOID NTAPI KtMeeter(PVOID Context)
{
    UNREFERENCED_PARAMETER(Context);
    InterlockedIncrement(&KtArrived);
    while (KtArrived < KeNumberProcessors) // without waiting: all of them have to run at the same time
        YieldProcessor();
}

KTEST_MP(ke, mp_as_many_threads_run_as_there_are_processors)
{
    // Law: a ready thread does not wait while a processor that it may use is idle.
    KtArrived = 0;
    KtRunThreads(KtMeeter, KtMeeter, (ULONG)KeNumberProcessors);
    expect_eq(KtArrived, KeNumberProcessors);
}

static KMUTANT KtMutant;
static KSPIN_LOCK KtSpinLock;
static ULONG KtCounter;

static VOID NTAPI KtMutantUser(PVOID Context)
{
    ULONG Round;
    KIRQL Old;

    UNREFERENCED_PARAMETER(Context);
    for (Round = 0; Round < KT_ROUNDS; Round++) {
        KeWaitForever(&KtMutant, Executive);
        if (InterlockedIncrement(&KtInside) != 1)
            KtTotal++;
        KtCounter++;
        InterlockedDecrement(&KtInside);
        (VOID) KeReleaseMutant(&KtMutant, 0, FALSE, FALSE);
        Old = KfAcquireSpinLock(&KtSpinLock);
        KtCounter += 1000;
        KfReleaseSpinLock(&KtSpinLock, Old);
        Old = KfAcquireSpinLock(&KtSpinLock);
        KtCounter -= 1000;
        KfReleaseSpinLock(&KtSpinLock, Old);
    }
}

KTEST_MP(ke, mp_mutant_excludes_on_all_processors)
{
    // Law: one thread at a time owns a mutant, whatever the processors do.
    KeInitializeMutant(&KtMutant, FALSE);
    KeInitializeSpinLock(&KtSpinLock);
    KtInside = KtTotal = 0;
    KtRunThreads(KtMutantUser, KtMutantUser, KT_THREADS);
    expect_eq(KtTotal, 0);
    expect_eq(KeReadStateMutant(&KtMutant), 1);
}

// Tokens of two kinds. Takers of both must never hold one of them alone; takers of one compete with them.
static KSEMAPHORE KtTokens[2];

static VOID NTAPI KtTakeBoth(PVOID Context)
{
    PVOID Both[2] = {&KtTokens[0], &KtTokens[1]};
    ULONG Round;

    UNREFERENCED_PARAMETER(Context);
    for (Round = 0; Round < KT_ROUNDS; Round++) {
        NT_VERIFY(KeWaitForMultipleObjects(2, Both, WaitAll, Executive, KernelMode, FALSE, NULL, NULL) ==
                  STATUS_SUCCESS);
        (VOID) KeReleaseSemaphore(&KtTokens[1], 1, 1, FALSE);
        (VOID) KeReleaseSemaphore(&KtTokens[0], 1, 1, FALSE);
    }
    InterlockedIncrement(&KtArrived);
}

static VOID NTAPI KtTakeOne(PVOID Context)
{
    PVOID Both[2] = {&KtTokens[0], &KtTokens[1]};
    NTSTATUS Status;
    ULONG Round;

    UNREFERENCED_PARAMETER(Context);
    for (Round = 0; Round < KT_ROUNDS; Round++) {
        Status = KeWaitForMultipleObjects(2, Both, WaitAny, Executive, KernelMode, FALSE, NULL, NULL);
        NT_VERIFY(Status == STATUS_WAIT_0 || Status == STATUS_WAIT_1);
        (VOID) KeReleaseSemaphore(&KtTokens[Status - STATUS_WAIT_0], 1, 1, FALSE);
    }
    InterlockedIncrement(&KtArrived);
}

KTEST_MP(ke, mp_wait_all_takes_all_or_nothing)
{
    // Law: no wake-up is lost and no part of a set is taken, with takers of all and of any on all processors: everybody
    // gets on, and every token is back at the end.
    KeInitializeSemaphore(&KtTokens[0], 2, 2);
    KeInitializeSemaphore(&KtTokens[1], 1, 1);
    KtArrived = 0;
    KtRunThreads(KtTakeBoth, KtTakeOne, KT_THREADS);
    expect_eq(KtArrived, KT_THREADS);
    expect_eq(KeReadStateSemaphore(&KtTokens[0]), 2);
    expect_eq(KeReadStateSemaphore(&KtTokens[1]), 1);
}

static volatile LONG KtBegan, KtSeenAtHigh, KtHigh;

static ULONG_PTR NTAPI KtNoteBeginning(ULONG_PTR Argument)
{
    InterlockedIncrement(&KtBegan);
    return Argument;
}

static VOID NTAPI KtStayHigh(PVOID Context)
{
    ULONG Turns;
    KIRQL Old;

    UNREFERENCED_PARAMETER(Context);
    KeSetSystemAffinityThread(2);
    Old = KfRaiseIrql(HIGH_LEVEL);
    KtHigh = 1;
    for (Turns = 0; Turns < 300; Turns++) // the others get their turns, and the call
        YieldProcessor();
    KtSeenAtHigh = KtBegan;
    KfLowerIrql(Old);
}

KTEST_MP(ke, mp_generic_call_begins_when_all_are_there)
{
    // Law: no processor calls the worker of KeIpiGenericCall before all of them have come.
    PETHREAD Thread;

    if (KeNumberProcessors < 3)
        return;
    KeSetSystemAffinityThread(1);
    KtBegan = KtHigh = 0;
    KtSeenAtHigh = -1;
    Thread = KtStartThread(KtStayHigh, NULL, 8);
    while (!KtHigh)
        if (!KeYieldExecution())
            YieldProcessor();
    (VOID) KeIpiGenericCall(KtNoteBeginning, 0);
    KtJoin(Thread);
    KeRevertToUserAffinityThread();
    expect_eq(KtSeenAtHigh, 0);
    expect_eq(KtBegan, KeNumberProcessors);
}

static volatile ULONG KtDpcRan;

static VOID NTAPI KtNoteDpc(PKDPC Dpc, PVOID Context, PVOID Argument1, PVOID Argument2)
{
    UNREFERENCED_PARAMETER(Dpc);
    UNREFERENCED_PARAMETER(Context);
    UNREFERENCED_PARAMETER(Argument1);
    UNREFERENCED_PARAMETER(Argument2);
    KtDpcRan++;
}

KTEST_MP_TIMED(ke, mp_dpc_interrupts_its_target)
{
    // Law: a DPC for another processor runs there soon, not with its next tick.
    LARGE_INTEGER Tick = {.QuadPart = -1};
    ULONG Number, Begin, Late = 0, Round, Turns;
    KDPC Dpc;

    KeSetSystemAffinityThread(1);
    KeInitializeDpc(&Dpc, KtNoteDpc, NULL);
    for (Round = 0; Round < 8; Round++)
        for (Number = 1; Number < (ULONG)KeNumberProcessors; Number++) {
            KeSetTargetProcessorDpc(&Dpc, (CCHAR)Number);
            KtDpcRan = 0;
            IGNORE_STATUS(KeDelayExecutionThread(KernelMode, FALSE, &Tick)); // most of a tick is left
            Begin = KiProcessorBlock[Number]->KernelTime;
            expect(KeInsertQueueDpc(&Dpc, NULL, NULL));
            for (Turns = 0; Turns < 10000 && KtDpcRan == 0; Turns++)
                YieldProcessor();
            expect_eq(KtDpcRan, 1);
            if (KiProcessorBlock[Number]->KernelTime != Begin) // by chance, its tick came in between
                Late++;
            KeFlushQueuedDpcs();
        }
    KeRevertToUserAffinityThread();
    expect(Late <= 4);
}

static VOID NTAPI KtHog(PVOID Context);

static VOID NTAPI KtSayWhere(PVOID Context)
{
    UNREFERENCED_PARAMETER(Context);
    KtWhere = KeGetCurrentProcessorNumber();
}

static VOID NTAPI KtSayWhereWhenTold(PVOID Context)
{
    KeWaitForever(&KtDone, Executive);
    KtSayWhere(Context);
}

KTEST_MP_EXACT(ke, mp_processor_without_work_takes_it_from_others)
{
    // Law: a processor whose thread begins to wait runs one that waits for another processor.
    PETHREAD Hog, Thread;
    LARGE_INTEGER Moment = {.QuadPart = -300000};

    if (KeNumberProcessors < 2)
        return;
    KtStop = FALSE;
    KtWhere = 99;
    KeSetSystemAffinityThread(1);
    Hog = KtStartThread(KtHog, NULL, 7);
    KeSetAffinityThread(&Hog->Tcb, 2);
    IGNORE_STATUS(KeDelayExecutionThread(KernelMode, FALSE, &Moment)); // it runs there
    KeInitializeEvent(&KtDone, NotificationEvent, FALSE);
    Thread = KtStartThread(KtSayWhereWhenTold, NULL, 5);
    KeSetAffinityThread(&Thread->Tcb, 2);
    IGNORE_STATUS(KeDelayExecutionThread(KernelMode, FALSE, &Moment)); // it waits
    KeSetEvent(&KtDone, 0, FALSE);                                     // ready, behind the hog
    KeSetAffinityThread(&Thread->Tcb, 3);
    IGNORE_STATUS(KeDelayExecutionThread(KernelMode, FALSE, &Moment));
    expect_eq(KtWhere, 0);
    KtStop = TRUE;
    KtJoin(Thread);
    KtJoin(Hog);
    KeRevertToUserAffinityThread();
}

static VOID NTAPI KtBoundByTheKernel(PVOID Context)
{
    ULONG Last = (ULONG)KeNumberProcessors - 1;

    KeSetSystemAffinityThread(1ul << Last);
    expect_eq(KeSetAffinityThread(KeGetCurrentThread(), 1), KeActiveProcessors);
    expect_eq(KeGetCurrentProcessorNumber(), Last);
    KeRevertToUserAffinityThread();
    expect_eq(KeGetCurrentProcessorNumber(), 0);
    *(PULONG)Context = 1;
}

KTEST_MP(ke, mp_affinity_set_while_the_kernel_binds_comes_later)
{
    // Law: a thread that the kernel has bound stays there when its own affinity is set, which takes effect behind that;
    // an ideal processor that it may not use is ignored. Threads of a process begin with different ideal processors.
    ULONG Done = 0, Index;
    KAFFINITY Ideal = 0;
    PETHREAD Threads[MAXIMUM_PROCESSORS];

    KtJoin(KtStartThread(KtBoundByTheKernel, &Done, 8));
    expect_eq(Done, 1);
    KeInitializeEvent(&KtDone, NotificationEvent, FALSE);
    for (Index = 0; Index < (ULONG)KeNumberProcessors; Index++) {
        Threads[Index] = KtStartThread(KtSayWhereWhenTold, NULL, 8);
        Ideal |= 1ul << Threads[Index]->Tcb.IdealProcessor;
    }
    if (KeNumberProcessors > 1) {
        KeSetAffinityThread(&Threads[0]->Tcb, 2);
        (VOID) KeSetIdealProcessorThread(&Threads[0]->Tcb, 1);
        expect_eq(KeSetIdealProcessorThread(&Threads[0]->Tcb, 0), 1);
        expect_eq(Threads[0]->Tcb.IdealProcessor, 1);
    }
    KeSetEvent(&KtDone, 0, FALSE);
    for (Index = 0; Index < (ULONG)KeNumberProcessors; Index++)
        KtJoin(Threads[Index]);
    expect(KeNumberProcessors == 1 || (Ideal & (Ideal - 1)) != 0);
}

static KGATE KtGate;

static VOID NTAPI KtThroughGate(PVOID Context)
{
    UNREFERENCED_PARAMETER(Context);
    KeWaitForGate(&KtGate, Executive, KernelMode);
    InterlockedIncrement(&KtArrived);
}

KTEST_EXACT(ke, gate_lets_one_through_for_each_signal)
{
    // Law: a signal lets one waiter through, or the next one that comes; signals of an open gate are not counted.
    PETHREAD Threads[2];

    KeInitializeGate(&KtGate);
    KtArrived = 0;
    Threads[0] = KtStartThread(KtThroughGate, NULL, 10);
    Threads[1] = KtStartThread(KtThroughGate, NULL, 10);
    expect_eq(KtArrived, 0);
    KeSignalGateBoostPriority(&KtGate);
    expect_eq(KtArrived, 1);
    KeSignalGateBoostPriority(&KtGate);
    expect_eq(KtArrived, 2);
    KtJoin(Threads[0]);
    KtJoin(Threads[1]);
    KeSignalGateBoostPriority(&KtGate);
    KeSignalGateBoostPriority(&KtGate);
    KeWaitForGate(&KtGate, Executive, KernelMode);
    expect_eq(KtGate.Header.SignalState, 0);
}

static KEVENT KtBoostEvent;

static VOID NTAPI KtWaitForBoost(PVOID Context)
{
    KeWaitForever(&KtBoostEvent, Executive);
    *(KPRIORITY *)Context = KeQueryPriorityThread(KeGetCurrentThread());
}

KTEST_EXACT(ke, event_boost_hands_the_priority_on)
{
    // Law: a thread woken by KeSetEventBoostPriority runs at least at the priority of the one that set the event.
    KPRIORITY Seen = 0;
    PETHREAD Thread;
    LARGE_INTEGER Moment = {.QuadPart = -300000};

    KeInitializeEvent(&KtBoostEvent, SynchronizationEvent, FALSE);
    Thread = KtStartThread(KtWaitForBoost, &Seen, 5);
    IGNORE_STATUS(KeDelayExecutionThread(KernelMode, FALSE, &Moment));
    (VOID) KeSetPriorityThread(KeGetCurrentThread(), 12);
    KeSetEventBoostPriority(&KtBoostEvent, NULL);
    KtJoin(Thread);
    (VOID) KeSetPriorityThread(KeGetCurrentThread(), 8);
    expect_eq(Seen, 12);
}

static VOID NTAPI KtHog(PVOID Context)
{
    UNREFERENCED_PARAMETER(Context);
    while (!KtStop)
        KtKeepProcessor();
}

static VOID NTAPI KtStarved(PVOID Context)
{
    *(KPRIORITY *)Context = KeQueryPriorityThread(KeGetCurrentThread());
    KtStop = TRUE;
}

KTEST_TIMED(ke, starved_thread_is_boosted_after_some_seconds)
{
    // Law: a thread that is ready and does not run for about four seconds runs at priority 15 for a while.
    KPRIORITY Seen = 0;
    PETHREAD Hog, Thread;
    ULONGLONG Begin = KeQueryInterruptTime(), Time;

    KtStop = FALSE;
    Hog = KtStartThread(KtHog, NULL, 7);
    Thread = KtStartThread(KtStarved, &Seen, 3);
    KtJoin(Thread);
    Time = KeQueryInterruptTime() - Begin;
    KtJoin(Hog);
    expect_eq(Seen, 15);
    expect(Time >= 35000000 && Time <= 70000000);
}
