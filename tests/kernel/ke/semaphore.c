// SPDX-License-Identifier: MIT
// Laws of semaphores and kernel queues.

#include "ktest.h"

static KSEMAPHORE KtSemaphore;
static KQUEUE KtQueue;
static ULONG KtWoken;

static NTSTATUS KtReleaseBy(LONG Count)
{
    volatile NTSTATUS Status = STATUS_SUCCESS;

    SEH_TRY
    {
        KeReleaseSemaphore(&KtSemaphore, 0, Count, FALSE);
    }
    SEH_EXCEPT
    {
        Status = SEH_CODE();
    }
    SEH_END
    return Status;
}

KTEST_EXACT(ke, semaphore_counts)
{
    // Law: each wait takes one; a release that would pass the limit raises and changes nothing.
    LARGE_INTEGER Zero = {.QuadPart = 0};
    ULONG Index;

    KeInitializeSemaphore(&KtSemaphore, 2, 5);
    expect_status(KtReleaseBy(4), STATUS_SEMAPHORE_LIMIT_EXCEEDED);
    expect_status(KtReleaseBy(0x7FFFFFFF), STATUS_SEMAPHORE_LIMIT_EXCEEDED);
    expect_eq(KeReadStateSemaphore(&KtSemaphore), 2);
    expect_status(KtReleaseBy(3), STATUS_SUCCESS);
    for (Index = 0; Index < 5; Index++)
        expect_status(KeWaitForSingleObject(&KtSemaphore, Executive, KernelMode, FALSE, &Zero), STATUS_SUCCESS);
    expect_status(KeWaitForSingleObject(&KtSemaphore, Executive, KernelMode, FALSE, &Zero), STATUS_TIMEOUT);
    expect_eq(KeReadStateSemaphore(&KtSemaphore), 0);
}

static VOID NTAPI KtSemaphoreWaiter(PVOID Context)
{
    UNREFERENCED_PARAMETER(Context);
    KeWaitForever(&KtSemaphore, Executive);
    KtWoken++;
}

KTEST_EXACT(ke, semaphore_release_wakes_that_many)
{
    // Law: a release by N wakes N waiters and no more.
    PETHREAD Threads[5];
    ULONG Index;

    KtWoken = 0;
    KeInitializeSemaphore(&KtSemaphore, 0, 10);
    for (Index = 0; Index < RTL_NUMBER_OF(Threads); Index++)
        Threads[Index] = KtStartThread(KtSemaphoreWaiter, NULL, 12);
    KeReleaseSemaphore(&KtSemaphore, 0, 2, FALSE);
    expect_eq(KtWoken, 2);
    KeReleaseSemaphore(&KtSemaphore, 0, 4, FALSE);
    expect_eq(KtWoken, 5);
    expect_eq(KeReadStateSemaphore(&KtSemaphore), 1);
    for (Index = 0; Index < RTL_NUMBER_OF(Threads); Index++)
        KtJoin(Threads[Index]);
}

static KEVENT KtBlock;
static ULONG KtTaken;

static VOID NTAPI KtQueueWorker(PVOID Context)
{
    PLIST_ENTRY Entry;

    UNREFERENCED_PARAMETER(Context);
    while ((ULONG_PTR)(Entry = KeRemoveQueue(&KtQueue, KernelMode, NULL)) != STATUS_ABANDONED) {
        KtTaken++;
        KeWaitForever(&KtBlock, Executive);
    }
}

static VOID NTAPI KtQueueTaker(PVOID Context)
{
    *(PLIST_ENTRY *)Context = KeRemoveQueue(&KtQueue, KernelMode, NULL);
}

KTEST_EXACT(ke, queue_does_not_wake_more_than_may_run)
{
    // Law: while as many threads of the queue run as may, a new entry waits, whoever waits for it.
    LIST_ENTRY Entries[2];
    LARGE_INTEGER Zero = {.QuadPart = 0};
    PLIST_ENTRY Taken = NULL;
    PETHREAD Thread;

    KeInitializeQueue(&KtQueue, 1);
    KeInsertQueue(&KtQueue, &Entries[0]);
    expect_eq(KeRemoveQueue(&KtQueue, KernelMode, &Zero), &Entries[0]);
    Thread = KtStartThread(KtQueueTaker, &Taken, 12);
    KeInsertQueue(&KtQueue, &Entries[1]);
    expect_eq(KeReadStateQueue(&KtQueue), 1);
    expect(Taken == NULL);
    KtJoin(Thread); // blocking lets it in
    expect_eq(Taken, &Entries[1]);
    expect(KeRundownQueue(&KtQueue) == NULL);
}

KTEST_EXACT(ke, queue_lets_in_as_many_as_may_run)
{
    // Law: entries come out in order; a worker that blocks makes room for another; rundown ends the waits.
    LIST_ENTRY Entries[3];
    LARGE_INTEGER Zero = {.QuadPart = 0};
    PETHREAD Threads[2];
    ULONG Index;

    KtTaken = 0;
    KeInitializeQueue(&KtQueue, 1);
    KeInitializeEvent(&KtBlock, NotificationEvent, FALSE);
    expect_eq(KeInsertQueue(&KtQueue, &Entries[0]), 0);
    expect_eq(KeInsertQueue(&KtQueue, &Entries[1]), 1);
    expect_eq(KeInsertHeadQueue(&KtQueue, &Entries[2]), 2);
    expect_eq(KeRemoveQueue(&KtQueue, KernelMode, &Zero), &Entries[2]);
    expect_eq(KeReadStateQueue(&KtQueue), 2);
    // This thread counts as running: nobody else is let in until it blocks.
    for (Index = 0; Index < 2; Index++)
        Threads[Index] = KtStartThread(KtQueueWorker, NULL, 12);
    expect_eq(KtTaken, 0);
    IGNORE_STATUS(KeDelayExecutionThread(KernelMode, FALSE, &(LARGE_INTEGER){.QuadPart = -1}));
    expect_eq(KtTaken, 2); // the first one blocked on the event, and so did the second
    KeSetEvent(&KtBlock, 0, FALSE);
    expect(KeRundownQueue(&KtQueue) == NULL);
    for (Index = 0; Index < 2; Index++)
        KtJoin(Threads[Index]);
}
