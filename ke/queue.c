// SPDX-License-Identifier: MIT
// Kernel queues: work for a pool of threads, of which only MaximumCount are meant to run at once. A thread that has
// taken an entry counts as running until it comes back for the next one or blocks; then another is let in.
// Waiters are woken last-in first-out (a warm cache). Source: WDK (KeInitializeQueue), Windows Internals, "I/O
// completion".

#include "ki.h"

// Any IRQL. Count 0: one thread per processor.
VOID NTAPI KeInitializeQueue(PKQUEUE Queue, ULONG Count)
{
    RtlZeroMemory(Queue, sizeof(*Queue));
    Queue->Header.Type = QueueObject;
    Queue->Header.Size = sizeof(*Queue) / sizeof(ULONG);
    InitializeListHead(&Queue->Header.WaitListHead);
    InitializeListHead(&Queue->EntryListHead);
    InitializeListHead(&Queue->ThreadListHead);
    Queue->MaximumCount = Count != 0 ? Count : (ULONG)KeNumberProcessors;
}

static PLIST_ENTRY KiRemoveEntry(PKQUEUE Queue)
{
    PLIST_ENTRY Entry = RemoveHeadList(&Queue->EntryListHead);

    Queue->Header.SignalState--;
    Entry->Flink = NULL;
    return Entry;
}

static VOID KiWakeQueueWaiter(PKQUEUE Queue, PLIST_ENTRY Entry)
{
    PKWAIT_BLOCK Block = CONTAINING_RECORD(Queue->Header.WaitListHead.Blink, KWAIT_BLOCK, WaitListEntry);

    KiUnwaitThread(Block->Thread, (NTSTATUS)(ULONG_PTR)Entry, 0);
}

// One thread of the queue less is running: if there is work and somebody waits for it, let him in.
static VOID KiQueueThreadStops(PKQUEUE Queue)
{
    Queue->CurrentCount--;
    if (!IsListEmpty(&Queue->EntryListHead) && !IsListEmpty(&Queue->Header.WaitListHead) &&
        Queue->CurrentCount < Queue->MaximumCount)
        KiWakeQueueWaiter(Queue, KiRemoveEntry(Queue));
}

// A thread that belongs to a queue goes to sleep on something else. Dispatcher lock held.
VOID KiQueueThreadBlocks(PKTHREAD Thread)
{
    KiQueueThreadStops(Thread->Queue);
}

// A thread that belongs to a queue wakes up. Dispatcher lock held.
VOID KiQueueThreadWakes(PKTHREAD Thread)
{
    Thread->Queue->CurrentCount++;
}

static LONG KiInsertQueue(PKQUEUE Queue, PLIST_ENTRY Entry, BOOLEAN Head)
{
    KIRQL OldIrql;
    LONG Previous;
    PKTHREAD Thread = KeGetCurrentThread();

    ASSERT_QUEUE(Queue);
    ASSERT_IRQL_LESS_OR_EQUAL(DISPATCH_LEVEL);
    OldIrql = KiLockDispatcherDatabase();
    Previous = Queue->Header.SignalState;
    KdTrace(Signal, Queue, Queue->Header.Type, 0, 0);
    if (!IsListEmpty(&Queue->Header.WaitListHead) && Queue->CurrentCount < Queue->MaximumCount &&
        (Thread->Queue != Queue || Thread->WaitReason != WrQueue)) {
        Entry->Flink = NULL;
        KiWakeQueueWaiter(Queue, Entry);
    } else {
        Queue->Header.SignalState++;
        if (Head)
            InsertHeadList(&Queue->EntryListHead, Entry);
        else
            InsertTailList(&Queue->EntryListHead, Entry);
    }
    KiUnlockDispatcherDatabase(OldIrql);
    return Previous;
}

// Queues Entry at the tail, or hands it to a waiting thread. IRQL <= DISPATCH_LEVEL. Returns how many were queued.
LONG NTAPI KeInsertQueue(PKQUEUE Queue, PLIST_ENTRY Entry)
{
    return KiInsertQueue(Queue, Entry, FALSE);
}

LONG NTAPI KeInsertHeadQueue(PKQUEUE Queue, PLIST_ENTRY Entry)
{
    return KiInsertQueue(Queue, Entry, TRUE);
}

// The thread belongs to Queue, and does not count as running there while it looks and waits for an entry.
static VOID KiJoinQueue(PKTHREAD Thread, PKQUEUE Queue)
{
    if (Thread->Queue == Queue) {
        Queue->CurrentCount--;
        return;
    }
    if (Thread->Queue != NULL) {
        RemoveEntryList(&Thread->QueueListEntry);
        KiQueueThreadStops(Thread->Queue);
    }
    Thread->Queue = Queue;
    InsertTailList(&Queue->ThreadListHead, &Thread->QueueListEntry);
}

// Takes the next entry, waiting for one; the thread belongs to the queue from then on.
//
// Timeout: as KeWaitForSingleObject.  IRQL <= APC_LEVEL.
// Returns the entry, or one of STATUS_TIMEOUT, STATUS_USER_APC, STATUS_ABANDONED (rundown) in the pointer's place.
PLIST_ENTRY NTAPI KeRemoveQueue(PKQUEUE Queue, KPROCESSOR_MODE WaitMode, PLARGE_INTEGER Timeout)
{
    KI_WAIT Wait;
    PKWAIT_BLOCK Block;
    NTSTATUS Status;

    ASSERT_QUEUE(Queue);
    KiBeginWait(&Wait, KiEnterWait(KeGetCurrentThread()), WrQueue, WaitMode, FALSE, Timeout);
    Block = &Wait.Thread->WaitBlock[0];
    for (;;) {
        if (KiYieldToKernelApc(&Wait)) // which may block, and counts until then
            continue;
        KiJoinQueue(Wait.Thread, Queue);
        if (!IsListEmpty(&Queue->EntryListHead) && Queue->CurrentCount < Queue->MaximumCount) {
            Status = (NTSTATUS)(ULONG_PTR)KiRemoveEntry(Queue);
            break;
        }
        Status = KiTestAlert(&Wait);
        if (Status != STATUS_SUCCESS)
            break;
        if (Wait.Zero || (Wait.HasTimeout && Wait.DueTime <= KeQueryInterruptTime())) {
            Status = STATUS_TIMEOUT;
            break;
        }
        Block->Thread = Wait.Thread;
        Block->Object = Queue;
        Block->WaitKey = STATUS_WAIT_0;
        Block->WaitType = WaitAny;
        InsertTailList(&Queue->Header.WaitListHead, &Block->WaitListEntry);
        Status = KiCommitWait(&Wait, Block, Block);
        Wait.Thread->WaitReason = 0;
        if (Status != STATUS_KERNEL_APC)
            return (PLIST_ENTRY)(ULONG_PTR)Status;
        Wait.OldIrql = KiLockDispatcherDatabase();
    }
    Queue->CurrentCount++;
    KiEndWait(&Wait);
    return (PLIST_ENTRY)(ULONG_PTR)Status;
}

// Ends the queue: waiters return with STATUS_ABANDONED, its threads belong to it no more.
// IRQL <= DISPATCH_LEVEL. Returns the first of the entries that were left (a circular list without a head), or NULL.
PLIST_ENTRY NTAPI KeRundownQueue(PKQUEUE Queue)
{
    KIRQL OldIrql;
    PLIST_ENTRY First = NULL;
    PKTHREAD Thread;

    ASSERT_QUEUE(Queue);
    OldIrql = KiLockDispatcherDatabase();
    while (!IsListEmpty(&Queue->Header.WaitListHead))
        KiUnwaitThread(CONTAINING_RECORD(Queue->Header.WaitListHead.Flink, KWAIT_BLOCK, WaitListEntry)->Thread,
                       STATUS_ABANDONED, 0);
    if (!IsListEmpty(&Queue->EntryListHead)) {
        First = Queue->EntryListHead.Flink;
        RemoveEntryList(&Queue->EntryListHead);
        InitializeListHead(&Queue->EntryListHead);
        Queue->Header.SignalState = 0;
    }
    while (!IsListEmpty(&Queue->ThreadListHead)) {
        Thread = CONTAINING_RECORD(RemoveHeadList(&Queue->ThreadListHead), KTHREAD, QueueListEntry);
        Thread->Queue = NULL;
    }
    KiUnlockDispatcherDatabase(OldIrql);
    return First;
}

// Any IRQL. How many entries are queued.
LONG NTAPI KeReadStateQueue(PKQUEUE Queue)
{
    ASSERT_QUEUE(Queue);
    return Queue->Header.SignalState;
}
