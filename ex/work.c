// SPDX-License-Identifier: MIT
// Worker threads: three queues of work items, each a KQUEUE with threads of its own priority. The KQUEUE keeps no
// more of them running than there are processors, so an item that blocks lets another one run. When all threads of a
// queue block, more are made (balance.c): work that waits for other work in the same queue must not stop the system.
// The threads made later end when they have had nothing to do for a while. Source: WDK, "System Worker Threads";
// Windows Internals, "System Worker Threads".

#include "exp.h"

#define WORK_DYNAMIC_LIMIT 16

typedef struct _EX_WORK_QUEUE {
    KQUEUE WorkerQueue;
    volatile LONG WorkItemsProcessed;
    LONG WorkItemsProcessedLastPass;
    volatile LONG QueueDepthLastPass;
    volatile LONG DynamicThreadCount;
} EX_WORK_QUEUE, *PEX_WORK_QUEUE;

static EX_WORK_QUEUE ExpWorkQueues[MaximumWorkQueue];
LONGLONG ExpWorkerIdleTime = 10 * 60 * 10000000ll; // 10 minutes

static const struct {
    KPRIORITY Priority;
    ULONG Threads;
} ExpWorkerPlan[MaximumWorkQueue] = {
    [CriticalWorkQueue] = {13, 3},
    [DelayedWorkQueue] = {12, 3},
    [HyperCriticalWorkQueue] = {15, 1},
};

#define WORKER_DYNAMIC 0x100u // in the thread's context, beside the queue's number

static VOID ExpRunWorkItem(PEX_WORK_QUEUE Queue, PWORK_QUEUE_ITEM Item)
{
    PWORKER_THREAD_ROUTINE Routine = Item->WorkerRoutine;
    PVOID Parameter = Item->Parameter;
    PKTHREAD Thread = KeGetCurrentThread();

    InterlockedIncrement(&Queue->WorkItemsProcessed);
    __atomic_store_n(&Item->List.Flink, NULL, __ATOMIC_RELEASE); // from here on it may be queued again, or freed
    Routine(Parameter);
    if (KeGetCurrentIrql() != PASSIVE_LEVEL || Thread->KernelApcDisable != 0 || Thread->SpecialApcDisable != 0)
        KeBugCheckEx(WORKER_THREAD_RETURNED_AT_BAD_IRQL, (ULONG_PTR)Routine, KeGetCurrentIrql(), (ULONG_PTR)Parameter,
                     (ULONG_PTR)Item);
    KeCheckThreadHoldsNoLock();
}

static VOID NTAPI ExpWorkerThread(PVOID Context)
{
    WORK_QUEUE_TYPE Type = (WORK_QUEUE_TYPE)((ULONG_PTR)Context & (WORKER_DYNAMIC - 1));
    BOOLEAN Dynamic = ((ULONG_PTR)Context & WORKER_DYNAMIC) != 0;
    PEX_WORK_QUEUE Queue = &ExpWorkQueues[Type];

    KeSetPriorityThread(KeGetCurrentThread(), ExpWorkerPlan[Type].Priority);
    for (;;) {
        LARGE_INTEGER Patience = {.QuadPart = -ExpWorkerIdleTime};
        PLIST_ENTRY Entry = KeRemoveQueue(&Queue->WorkerQueue, KernelMode, Dynamic ? &Patience : NULL);

        if ((NTSTATUS)(ULONG_PTR)Entry == STATUS_TIMEOUT)
            break;
        ExpRunWorkItem(Queue, CONTAINING_RECORD(Entry, WORK_QUEUE_ITEM, List));
    }
    InterlockedDecrement(&Queue->DynamicThreadCount);
}

static BOOLEAN ExpCreateWorker(WORK_QUEUE_TYPE Type, ULONG Flags)
{
    HANDLE Handle;

    if (!NT_SUCCESS(PsCreateSystemThread(&Handle, THREAD_ALL_ACCESS, NULL, NULL, NULL, ExpWorkerThread,
                                         (PVOID)(ULONG_PTR)((ULONG)Type | Flags))))
        return FALSE;
    ObCloseHandle(Handle, KernelMode);
    return TRUE;
}

// Items wait although fewer threads run than may: those there are all block.
static BOOLEAN ExpIsQueueStuck(PEX_WORK_QUEUE Queue)
{
    return KeReadStateQueue(&Queue->WorkerQueue) != 0 &&
           Queue->WorkerQueue.CurrentCount < Queue->WorkerQueue.MaximumCount;
}

// Has Item's routine called by a worker thread at PASSIVE_LEVEL. The item is the caller's until then and must not be
// queued already. IRQL <= DISPATCH_LEVEL. Source: WDK, ExQueueWorkItem.
VOID NTAPI ExQueueWorkItem(PWORK_QUEUE_ITEM Item, WORK_QUEUE_TYPE Queue)
{
    ASSERT_IRQL_LESS_OR_EQUAL(DISPATCH_LEVEL);
    ASSERT(Queue < MaximumWorkQueue && Item->List.Flink == NULL && Item->WorkerRoutine != NULL);
    KeInsertQueue(&ExpWorkQueues[Queue].WorkerQueue, &Item->List);
    if (ExpIsQueueStuck(&ExpWorkQueues[Queue]))
        ExpWakeBalanceThread();
}

static VOID ExpAddWorker(WORK_QUEUE_TYPE Type)
{
    PEX_WORK_QUEUE Queue = &ExpWorkQueues[Type];

    if (Queue->DynamicThreadCount >= WORK_DYNAMIC_LIMIT)
        return;
    InterlockedIncrement(&Queue->DynamicThreadCount);
    if (!ExpCreateWorker(Type, WORKER_DYNAMIC))
        InterlockedDecrement(&Queue->DynamicThreadCount); // no memory: the next look tries again
}

// Makes a thread for each queue that needs one: whose threads all block, or (Pass: the look once a second) whose items
// have waited since the last look without one being taken. PASSIVE_LEVEL, the balance thread.
VOID ExpCheckWorkQueues(BOOLEAN Pass)
{
    for (ULONG Type = 0; Type < MaximumWorkQueue; Type++) {
        PEX_WORK_QUEUE Queue = &ExpWorkQueues[Type];
        LONG Depth = KeReadStateQueue(&Queue->WorkerQueue), Processed = Queue->WorkItemsProcessed;

        if (ExpIsQueueStuck(Queue) ||
            (Pass && Depth != 0 && Queue->QueueDepthLastPass != 0 && Processed == Queue->WorkItemsProcessedLastPass))
            ExpAddWorker((WORK_QUEUE_TYPE)Type);
        if (Pass) {
            Queue->QueueDepthLastPass = Depth;
            Queue->WorkItemsProcessedLastPass = Processed;
        }
    }
}

// How many threads a queue has beyond those it began with. Any IRQL.
LONG ExpCountDynamicWorkers(WORK_QUEUE_TYPE Type)
{
    return ExpWorkQueues[Type].DynamicThreadCount;
}

// Makes the queues and their threads. Phase 1, PASSIVE_LEVEL. FALSE: a thread could not be created.
BOOLEAN ExInitWorkerThreads(VOID)
{
    for (ULONG Type = 0; Type < MaximumWorkQueue; Type++) {
        KeInitializeQueue(&ExpWorkQueues[Type].WorkerQueue, 0);
        for (ULONG Thread = 0; Thread < ExpWorkerPlan[Type].Threads; Thread++) {
            if (!ExpCreateWorker((WORK_QUEUE_TYPE)Type, 0))
                return FALSE;
        }
    }
    return ExpInitBalanceThread();
}
