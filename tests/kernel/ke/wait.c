// SPDX-License-Identifier: MIT
// Laws of waiting for several objects.

#include "ktest.h"

static KEVENT KtEvents[8];
static PVOID KtObjects[8];
static KSEMAPHORE KtSemaphore;
static volatile NTSTATUS KtResult;

static VOID KtResetEvents(EVENT_TYPE Type)
{
    ULONG Index;

    for (Index = 0; Index < RTL_NUMBER_OF(KtEvents); Index++) {
        KeInitializeEvent(&KtEvents[Index], Type, FALSE);
        KtObjects[Index] = &KtEvents[Index];
    }
    KtResult = STATUS_PENDING;
}

static NTSTATUS KtTryMultiple(ULONG Count, WAIT_TYPE Type)
{
    LARGE_INTEGER Zero = {.QuadPart = 0};
    KWAIT_BLOCK Blocks[8];

    return KeWaitForMultipleObjects(Count, KtObjects, Type, Executive, KernelMode, FALSE, &Zero, Blocks);
}

KTEST_EXACT(ke, wait_any_takes_the_first_signaled_only)
{
    // Law: WaitAny returns the lowest index that is signaled and takes that signal alone.
    KtResetEvents(SynchronizationEvent);
    expect_status(KtTryMultiple(8, WaitAny), STATUS_TIMEOUT);
    KeSetEvent(&KtEvents[5], 0, FALSE);
    KeSetEvent(&KtEvents[2], 0, FALSE);
    expect_status(KtTryMultiple(8, WaitAny), STATUS_WAIT_0 + 2);
    expect_eq(KeReadStateEvent(&KtEvents[2]), 0);
    expect_eq(KeReadStateEvent(&KtEvents[5]), 1);
    expect_status(KtTryMultiple(8, WaitAny), STATUS_WAIT_0 + 5);
    expect_status(KtTryMultiple(8, WaitAny), STATUS_TIMEOUT);
}

KTEST_EXACT(ke, wait_all_takes_all_or_none)
{
    // Law: WaitAll takes no signal until every object is signaled, and then takes all of them.
    ULONG Index;

    KtResetEvents(SynchronizationEvent);
    for (Index = 0; Index < 8; Index++) {
        expect_status(KtTryMultiple(8, WaitAll), STATUS_TIMEOUT);
        KeSetEvent(&KtEvents[Index], 0, FALSE);
    }
    expect_status(KtTryMultiple(8, WaitAll), STATUS_WAIT_0);
    for (Index = 0; Index < 8; Index++)
        expect_eq(KeReadStateEvent(&KtEvents[Index]), 0);
}

static VOID NTAPI KtWaitAllThread(PVOID Context)
{
    KWAIT_BLOCK Blocks[8];

    KtResult = KeWaitForMultipleObjects((ULONG)(ULONG_PTR)Context, KtObjects, WaitAll, Executive, KernelMode, FALSE,
                                        NULL, Blocks);
}

KTEST_EXACT(ke, wait_all_blocked_leaves_signals_for_others)
{
    // Law: a thread blocked in WaitAll holds nothing: another may take a signal it also wants, and it still ends when
    // all are signaled at one moment.
    LARGE_INTEGER Zero = {.QuadPart = 0};
    PETHREAD Thread;

    KtResetEvents(SynchronizationEvent);
    Thread = KtStartThread(KtWaitAllThread, (PVOID)3, 12);
    KeSetEvent(&KtEvents[0], 0, FALSE);
    KeSetEvent(&KtEvents[1], 0, FALSE);
    expect_status(KtResult, STATUS_PENDING);
    expect_status(KeWaitForSingleObject(&KtEvents[0], Executive, KernelMode, FALSE, &Zero), STATUS_SUCCESS);
    KeSetEvent(&KtEvents[2], 0, FALSE);
    expect_status(KtResult, STATUS_PENDING);
    KeSetEvent(&KtEvents[0], 0, FALSE);
    expect_status(KtResult, STATUS_WAIT_0);
    KtJoin(Thread);
    expect_eq(KeReadStateEvent(&KtEvents[0]) + KeReadStateEvent(&KtEvents[1]) + KeReadStateEvent(&KtEvents[2]), 0);
}

static VOID NTAPI KtWaitAnyThread(PVOID Context)
{
    UNREFERENCED_PARAMETER(Context);
    KtResult = KeWaitForMultipleObjects(3, KtObjects, WaitAny, Executive, KernelMode, FALSE, NULL, NULL);
}

KTEST_EXACT(ke, wait_any_blocked_wakes_with_its_index)
{
    // Law: a blocked WaitAny returns the index of the object that woke it and leaves the others' lists.
    ULONG Index;
    PETHREAD Thread;

    for (Index = 0; Index < 3; Index++) {
        KtResetEvents(SynchronizationEvent);
        Thread = KtStartThread(KtWaitAnyThread, NULL, 12);
        KeSetEvent(&KtEvents[Index], 0, FALSE);
        expect_status(KtResult, STATUS_WAIT_0 + Index);
        KtJoin(Thread);
        expect(IsListEmpty(&KtEvents[0].Header.WaitListHead) && IsListEmpty(&KtEvents[1].Header.WaitListHead) &&
               IsListEmpty(&KtEvents[2].Header.WaitListHead));
    }
}

KTEST_EXACT(ke, wait_with_timeout_leaves_no_trace)
{
    // Law: a wait that times out is out of every list; its timer is not left set when the wait ends otherwise.
    LARGE_INTEGER Due = {.QuadPart = -300000};
    KWAIT_BLOCK Blocks[8];

    KtResetEvents(NotificationEvent);
    expect_status(KeWaitForMultipleObjects(8, KtObjects, WaitAll, Executive, KernelMode, FALSE, &Due, Blocks),
                  STATUS_TIMEOUT);
    expect(IsListEmpty(&KtEvents[0].Header.WaitListHead) && IsListEmpty(&KtEvents[7].Header.WaitListHead));
    expect_status(KeWaitForMultipleObjects(2, KtObjects, WaitAny, Executive, KernelMode, FALSE, &Due, NULL),
                  STATUS_TIMEOUT);
    KeSetEvent(&KtEvents[1], 0, FALSE);
    expect_status(KeWaitForMultipleObjects(2, KtObjects, WaitAny, Executive, KernelMode, FALSE, &Due, NULL),
                  STATUS_WAIT_0 + 1);
    expect(!KeGetCurrentThread()->Timer.Header.Inserted);
}

KTEST_EXACT(ke, wait_all_with_semaphore_and_mutant)
{
    // Law: WaitAll takes one count of a semaphore and one level of a mutant, whatever else it takes.
    KMUTANT Mutant;
    PVOID Objects[3] = {&KtSemaphore, &Mutant, &KtEvents[0]};
    LARGE_INTEGER Zero = {.QuadPart = 0};

    KtResetEvents(NotificationEvent);
    KeInitializeSemaphore(&KtSemaphore, 2, 2);
    KeInitializeMutant(&Mutant, TRUE);
    expect_status(KeWaitForMultipleObjects(3, Objects, WaitAll, Executive, KernelMode, FALSE, &Zero, NULL),
                  STATUS_TIMEOUT);
    expect_eq(KeReadStateSemaphore(&KtSemaphore), 2);
    expect_eq(KeReadStateMutant(&Mutant), 0);
    KeSetEvent(&KtEvents[0], 0, FALSE);
    expect_status(KeWaitForMultipleObjects(3, Objects, WaitAll, Executive, KernelMode, FALSE, &Zero, NULL),
                  STATUS_WAIT_0);
    expect_eq(KeReadStateSemaphore(&KtSemaphore), 1);
    expect_eq(KeReadStateMutant(&Mutant), -1);
    KeReleaseMutant(&Mutant, 0, FALSE, FALSE);
    KeReleaseMutant(&Mutant, 0, FALSE, FALSE);
}
