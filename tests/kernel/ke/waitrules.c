// SPDX-License-Identifier: MIT
// Laws of waits at their limits: 64 objects, reasons, order, the wait that follows a signal, mutants taken too often.
// Source: WDK (KeWaitForMultipleObjects, KeSetEvent).

#include "ktest.h"

#define KT_OBJECTS MAXIMUM_WAIT_OBJECTS

static KEVENT KtEvents[KT_OBJECTS];
static PVOID KtObjects[KT_OBJECTS];
static volatile NTSTATUS KtResult;
static KWAIT_BLOCK KtBlocks[KT_OBJECTS];
static WAIT_TYPE KtType;

static VOID KtMakeEvents(VOID)
{
    ULONG Index;

    for (Index = 0; Index < KT_OBJECTS; Index++) {
        KeInitializeEvent(&KtEvents[Index], SynchronizationEvent, FALSE);
        KtObjects[Index] = &KtEvents[Index];
    }
    KtResult = STATUS_PENDING;
}

static VOID NTAPI KtWaitForMany(PVOID Context)
{
    UNREFERENCED_PARAMETER(Context);
    KtResult = KeWaitForMultipleObjects(KT_OBJECTS, KtObjects, KtType, UserRequest, KernelMode, FALSE, NULL, KtBlocks);
}

KTEST_EXACT(ke, wait_takes_64_objects)
{
    // Law: a wait for any or all of 64 objects ends by the last as by the first, and leaves no list behind.
    ULONG Index;
    PETHREAD Thread;

    KtMakeEvents();
    KtType = WaitAny;
    for (Index = 0; Index < KT_OBJECTS; Index += KT_OBJECTS - 1) {
        Thread = KtStartThread(KtWaitForMany, NULL, 12);
        KeSetEvent(&KtEvents[Index], 0, FALSE);
        expect_status(KtResult, STATUS_WAIT_0 + (NTSTATUS)Index);
        KtJoin(Thread);
    }
    KtType = WaitAll;
    KtResult = STATUS_PENDING;
    Thread = KtStartThread(KtWaitForMany, NULL, 12);
    for (Index = 0; Index < KT_OBJECTS; Index++) {
        expect_status(KtResult, STATUS_PENDING);
        KeSetEvent(&KtEvents[Index], 0, FALSE);
    }
    expect_status(KtResult, STATUS_WAIT_0);
    KtJoin(Thread);
    for (Index = 0; Index < KT_OBJECTS; Index++)
        expect(KeReadStateEvent(&KtEvents[Index]) == 0 && IsListEmpty(&KtEvents[Index].Header.WaitListHead));
}

KTEST_BUGCHECK(ke, wait_for_more_than_64_objects_is_a_bugcheck, MAXIMUM_WAIT_OBJECTS_EXCEEDED)
{
    // Law: a wait for more objects than there are bits of a status is a bug of the caller's.
    KtMakeEvents();
    expect_status(
        KeWaitForMultipleObjects(KT_OBJECTS + 1, KtObjects, WaitAny, Executive, KernelMode, FALSE, NULL, KtBlocks),
        STATUS_SUCCESS);
}

static ULONG KtOrder[4], KtOrderCount;

static VOID NTAPI KtWaitForTwo(PVOID Context)
{
    PVOID Two[2] = {&KtEvents[0], &KtEvents[1]};

    IGNORE_STATUS(KeWaitForMultipleObjects(2, Two, WaitAny, Executive, KernelMode, FALSE, NULL, NULL));
    KtOrder[KtOrderCount++] = (ULONG)(ULONG_PTR)Context;
}

static VOID NTAPI KtWaitForOne(PVOID Context)
{
    KeWaitForever(&KtEvents[0], Executive);
    KtOrder[KtOrderCount++] = (ULONG)(ULONG_PTR)Context;
}

KTEST_EXACT(ke, wait_order_is_the_same_for_one_and_for_several)
{
    // Law: an object's waiters are served in the order in which they came, whether they wait for it alone or for others
    // too.
    PETHREAD Threads[4];
    ULONG Index;

    KtMakeEvents();
    KtOrderCount = 0;
    for (Index = 0; Index < 4; Index++)
        Threads[Index] = KtStartThread(Index % 2 ? KtWaitForTwo : KtWaitForOne, (PVOID)(ULONG_PTR)Index, 12);
    for (Index = 0; Index < 4; Index++) {
        KeSetEvent(&KtEvents[0], 0, FALSE);
        expect_eq(KtOrderCount, Index + 1);
        expect_eq(KtOrder[Index], Index);
        KtJoin(Threads[Index]);
    }
}

static PVOID KtBothOfThem[2];

static VOID NTAPI KtWaitForBoth(PVOID Context)
{
    IGNORE_STATUS(KeWaitForMultipleObjects(2, KtBothOfThem, WaitAll, Executive, KernelMode, FALSE, NULL, NULL));
    KtOrder[KtOrderCount++] = (ULONG)(ULONG_PTR)Context;
}

KTEST_EXACT(ke, wait_all_does_not_keep_others_from_the_object)
{
    // Law: a signal that the first waiter cannot use, since others of its set are missing, goes to the next one.
    PETHREAD All, One;

    KtMakeEvents();
    KtOrderCount = 0;
    KtBothOfThem[0] = &KtEvents[0];
    KtBothOfThem[1] = &KtEvents[1];
    All = KtStartThread(KtWaitForBoth, (PVOID)1, 12);
    One = KtStartThread(KtWaitForOne, (PVOID)2, 12);
    KeSetEvent(&KtEvents[0], 0, FALSE);
    expect_eq(KtOrderCount, 1);
    expect_eq(KtOrder[0], 2);
    KtJoin(One);
    KeSetEvent(&KtEvents[1], 0, FALSE);
    expect_eq(KtOrderCount, 1);
    KeSetEvent(&KtEvents[0], 0, FALSE);
    expect_eq(KtOrderCount, 2);
    KtJoin(All);
}

static VOID NTAPI KtWaitWithReason(PVOID Context)
{
    IGNORE_STATUS(KeWaitForSingleObject(&KtEvents[0], (KWAIT_REASON)(ULONG_PTR)Context, KernelMode, FALSE, NULL));
}

KTEST_EXACT(ke, wait_reason_is_shown)
{
    // Law: a waiting thread shows the reason that it was given, its mode, and when it began.
    static const KWAIT_REASON Reasons[] = {Executive, UserRequest, WrQueue, WrLpcReply};
    PETHREAD Thread;
    ULONG Index;

    for (Index = 0; Index < RTL_NUMBER_OF(Reasons); Index++) {
        KtMakeEvents();
        Thread = KtStartThread(KtWaitWithReason, (PVOID)(ULONG_PTR)Reasons[Index], 12);
        expect_eq(Thread->Tcb.State, Waiting);
        expect_eq(Thread->Tcb.WaitReason, Reasons[Index]);
        expect_eq(Thread->Tcb.WaitMode, KernelMode);
        expect(KeTickCount.LowPart - Thread->Tcb.WaitTime <= 1);
        KeSetEvent(&KtEvents[0], 0, FALSE);
        KtJoin(Thread);
    }
}

KTEST_EXACT(ke, wait_next_lets_nothing_run_in_between)
{
    // Law: between KeSetEvent with Wait and the wait that follows no thread runs, however important the one that the
    // event woke: the two are one step.
    LARGE_INTEGER Zero = {.QuadPart = 0}, Moment = {.QuadPart = -300000};
    PETHREAD Thread;

    KtMakeEvents();
    KtOrderCount = 0;
    Thread = KtStartThread(KtWaitForOne, (PVOID)1, 12);
    KeSetEvent(&KtEvents[0], 0, TRUE);
    expect_eq(KtOrderCount, 0);
    expect_eq(KeGetCurrentIrql(), DISPATCH_LEVEL);
    expect_status(KeWaitForSingleObject(&KtEvents[1], Executive, KernelMode, FALSE, &Zero), STATUS_TIMEOUT);
    expect_eq(KtOrderCount, 1);
    expect_eq(KeGetCurrentIrql(), PASSIVE_LEVEL);
    KtJoin(Thread);
    KeSetEvent(&KtEvents[0], 0, TRUE);
    expect_status(KeDelayExecutionThread(KernelMode, FALSE, &Moment), STATUS_SUCCESS);
    expect_eq(KeReadStateEvent(&KtEvents[0]), 1);
}

static NTSTATUS KtWaitCaught(ULONG Count, PVOID Objects[], WAIT_TYPE Type)
{
    LARGE_INTEGER Zero = {.QuadPart = 0};
    volatile NTSTATUS Status = STATUS_SUCCESS;

    SEH_TRY
    {
        Status = Count == 1 ? KeWaitForSingleObject(Objects[0], Executive, KernelMode, FALSE, &Zero)
                            : KeWaitForMultipleObjects(Count, Objects, Type, Executive, KernelMode, FALSE, &Zero, NULL);
    }
    SEH_EXCEPT
    {
        Status = SEH_CODE();
    }
    SEH_END
    return Status;
}

KTEST_EXACT(ke, mutant_has_a_limit)
{
    // Law: a mutant that its owner has taken 2^31 times raises STATUS_MUTANT_LIMIT_EXCEEDED; a wait for it and others
    // takes none of them then.
    KMUTANT Mutant;
    PVOID Objects[2] = {&KtEvents[0], &Mutant};

    KtMakeEvents();
    KeInitializeMutant(&Mutant, TRUE);
    Mutant.Header.SignalState = MINLONG + 1;
    expect_status(KtWaitCaught(1, &Objects[1], WaitAny), STATUS_SUCCESS);
    expect_eq(Mutant.Header.SignalState, MINLONG);
    expect_status(KtWaitCaught(1, &Objects[1], WaitAny), STATUS_MUTANT_LIMIT_EXCEEDED);
    expect_eq(KeGetCurrentIrql(), PASSIVE_LEVEL);
    KeSetEvent(&KtEvents[0], 0, FALSE);
    expect_status(KtWaitCaught(2, Objects, WaitAll), STATUS_MUTANT_LIMIT_EXCEEDED);
    expect_eq(KeReadStateEvent(&KtEvents[0]), 1);
    expect_eq(KeGetCurrentIrql(), PASSIVE_LEVEL);
    KeResetEvent(&KtEvents[0]);
    expect_status(KtWaitCaught(2, Objects, WaitAny), STATUS_MUTANT_LIMIT_EXCEEDED);
    Mutant.Header.SignalState = 0;
    KeReleaseMutant(&Mutant, 0, FALSE, FALSE);
    expect_eq(KeReadStateMutant(&Mutant), 1);
}

static KMUTANT KtMutant;

static VOID NTAPI KtOwnAndEnd(PVOID Context)
{
    UNREFERENCED_PARAMETER(Context);
    KeInitializeMutant(&KtMutant, TRUE); // owned from the beginning
    KeWaitForever(&KtMutant, Executive); // and once more
}

static VOID NTAPI KtWaitForMutant(PVOID Context)
{
    *(volatile NTSTATUS *)Context = KeWaitForSingleObject(&KtMutant, Executive, KernelMode, FALSE, NULL);
    (VOID) KeReleaseMutant(&KtMutant, 0, FALSE, FALSE);
}

static NTSTATUS KtReleaseCaught(VOID)
{
    volatile NTSTATUS Status = STATUS_SUCCESS;

    SEH_TRY
    {
        (VOID) KeReleaseMutant(&KtMutant, 0, FALSE, FALSE);
    }
    SEH_EXCEPT
    {
        Status = SEH_CODE();
    }
    SEH_END
    return Status;
}

KTEST_EXACT(ke, mutant_is_abandoned_to_a_waiter_and_at_once)
{
    // Law: a mutant made with an owner is abandoned with it, however often it was taken; whoever releases it before the
    // next owner has come is told so (STATUS_ABANDONED), and a waiter gets it with STATUS_ABANDONED.
    volatile NTSTATUS Status = STATUS_PENDING;
    PETHREAD Owner, Waiter;

    Owner = KtStartThread(KtOwnAndEnd, NULL, 12);
    KtJoin(Owner);
    expect_status(KtReleaseCaught(), STATUS_ABANDONED);
    expect_eq(KeReadStateMutant(&KtMutant), 1);
    Waiter = KtStartThread(KtWaitForMutant, (PVOID)&Status, 12);
    KtJoin(Waiter);
    expect_status(Status, STATUS_ABANDONED);
    expect_status(KtReleaseCaught(), STATUS_MUTANT_NOT_OWNED);
}

static VOID NTAPI KtEndWithMutex(PVOID Context)
{
    KeWaitForever(Context, Executive);
}

KTEST_BUGCHECK(ke, mutex_held_by_a_dead_thread_is_a_bugcheck, THREAD_TERMINATE_HELD_MUTEX)
{
    // Law: a thread that ends with a kernel mutex leaves what it protects in the middle: the system stops.
    static KMUTEX Mutex;

    KeInitializeMutex(&Mutex, 0);
    KtJoin(KtStartThread(KtEndWithMutex, &Mutex, 12));
}
