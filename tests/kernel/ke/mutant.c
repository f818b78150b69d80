// SPDX-License-Identifier: MIT
// Laws of mutants.

#include "ktest.h"

static KMUTANT KtMutant;
static KEVENT KtOwned, KtMayEnd;

static NTSTATUS KtRelease(PKMUTANT Mutant)
{
    volatile NTSTATUS Status = STATUS_SUCCESS;

    SEH_TRY
    {
        KeReleaseMutant(Mutant, 0, FALSE, FALSE);
    }
    SEH_EXCEPT
    {
        Status = SEH_CODE();
    }
    SEH_END
    return Status;
}

static NTSTATUS KtTry(PVOID Object)
{
    LARGE_INTEGER Zero = {.QuadPart = 0};

    return KeWaitForSingleObject(Object, Executive, KernelMode, FALSE, &Zero);
}

KTEST(ke, mutant_is_recursive)
{
    // Law: the owner gets it as often as it asks, and it is free after as many releases; SignalState counts down from
    // 1.
    LONG Depth;

    KeInitializeMutant(&KtMutant, FALSE);
    for (Depth = 0; Depth < 10; Depth++) {
        expect_eq(KeReadStateMutant(&KtMutant), 1 - Depth);
        expect_status(KtTry(&KtMutant), STATUS_SUCCESS);
    }
    for (Depth = 10; Depth > 0; Depth--)
        expect_eq(KeReleaseMutant(&KtMutant, 0, FALSE, FALSE), 1 - Depth);
    expect_eq(KeReadStateMutant(&KtMutant), 1);
}

KTEST(ke, mutant_release_by_another_raises)
{
    // Law: releasing a mutant one does not own raises STATUS_MUTANT_NOT_OWNED and changes nothing.
    KeInitializeMutant(&KtMutant, FALSE);
    expect_status(KtRelease(&KtMutant), STATUS_MUTANT_NOT_OWNED);
    expect_eq(KeReadStateMutant(&KtMutant), 1);
    expect_eq(KeGetCurrentIrql(), PASSIVE_LEVEL);
}

static VOID NTAPI KtAbandoner(PVOID Context)
{
    UNREFERENCED_PARAMETER(Context);
    KeWaitForever(&KtMutant, Executive);
    KeSetEvent(&KtOwned, 0, FALSE);
    KeWaitForever(&KtMayEnd, Executive);
}

KTEST(ke, mutant_abandoned_by_a_dead_thread)
{
    // Law: a mutant whose owner ends goes to the next thread with STATUS_ABANDONED, once.
    PETHREAD Thread;

    KeInitializeMutant(&KtMutant, FALSE);
    KeInitializeEvent(&KtOwned, NotificationEvent, FALSE);
    KeInitializeEvent(&KtMayEnd, NotificationEvent, FALSE);
    Thread = KtStartThread(KtAbandoner, NULL, 8);
    KeWaitForever(&KtOwned, Executive);
    expect_status(KtTry(&KtMutant), STATUS_TIMEOUT);
    KeSetEvent(&KtMayEnd, 0, FALSE);
    KtJoin(Thread);
    expect_status(KtTry(&KtMutant), STATUS_ABANDONED);
    expect_status(KtRelease(&KtMutant), STATUS_SUCCESS);
    expect_status(KtTry(&KtMutant), STATUS_SUCCESS);
    expect_status(KtRelease(&KtMutant), STATUS_SUCCESS);
}

KTEST(ke, mutex_holds_off_kernel_apcs)
{
    // Law: while a kernel mutex is owned, normal kernel APCs are disabled (WDK, KeInitializeMutex).
    KMUTEX Mutex;

    KeInitializeMutex(&Mutex, 0);
    expect(!KeAreApcsDisabled());
    expect_status(KtTry(&Mutex), STATUS_SUCCESS);
    expect(KeAreApcsDisabled());
    KeReleaseMutex(&Mutex, FALSE);
    expect(!KeAreApcsDisabled());
}

static ULONG KtInside, KtMaximum, KtTurns;

static VOID NTAPI KtEnterAndLeave(PVOID Context)
{
    ULONG Turn;
    LARGE_INTEGER Zero = {.QuadPart = 0};

    UNREFERENCED_PARAMETER(Context);
    for (Turn = 0; Turn < 50; Turn++) {
        KeWaitForever(&KtMutant, Executive);
        KtInside++;
        KtMaximum = max_of(KtMaximum, KtInside);
        IGNORE_STATUS(KeDelayExecutionThread(KernelMode, FALSE, &Zero)); // somebody else may try
        KtInside--;
        KtTurns++;
        KeReleaseMutant(&KtMutant, 0, FALSE, FALSE);
    }
}

KTEST(ke, mutant_excludes)
{
    // Law: never two owners at a time.
    PETHREAD Threads[3];
    ULONG Index;

    KtInside = KtMaximum = KtTurns = 0;
    KeInitializeMutant(&KtMutant, FALSE);
    for (Index = 0; Index < RTL_NUMBER_OF(Threads); Index++)
        Threads[Index] = KtStartThread(KtEnterAndLeave, NULL, 8);
    for (Index = 0; Index < RTL_NUMBER_OF(Threads); Index++)
        KtJoin(Threads[Index]);
    expect_eq(KtMaximum, 1);
    expect_eq(KtTurns, 150);
}
