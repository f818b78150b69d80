// SPDX-License-Identifier: MIT
// Worker threads: three queues of work items, each a KQUEUE with threads of its own priority. The KQUEUE keeps no
// more of them running than there are processors, so an item that blocks lets another one run. Source: WDK, "System
// Worker Threads"; Windows Internals, "System Worker Threads".

#include "exp.h"

static KQUEUE ExpWorkQueues[MaximumWorkQueue];

static const struct {
    KPRIORITY Priority;
    ULONG Threads;
} ExpWorkerPlan[MaximumWorkQueue] = {
    [CriticalWorkQueue] = {13, 3},
    [DelayedWorkQueue] = {12, 3},
    [HyperCriticalWorkQueue] = {15, 1},
};

static VOID NTAPI ExpWorkerThread(PVOID Context)
{
    WORK_QUEUE_TYPE Queue = (WORK_QUEUE_TYPE)(ULONG_PTR)Context;

    KeSetPriorityThread(KeGetCurrentThread(), ExpWorkerPlan[Queue].Priority);
    for (;;) {
        PLIST_ENTRY Entry = KeRemoveQueue(&ExpWorkQueues[Queue], KernelMode, NULL);
        PWORK_QUEUE_ITEM Item = CONTAINING_RECORD(Entry, WORK_QUEUE_ITEM, List);
        PWORKER_THREAD_ROUTINE Routine = Item->WorkerRoutine;

        Item->List.Flink = NULL; // the routine may queue or free the item
        Routine(Item->Parameter);
        if (KeGetCurrentIrql() != PASSIVE_LEVEL)
            KeBugCheckEx(WORKER_THREAD_RETURNED_AT_BAD_IRQL, (ULONG_PTR)Routine, KeGetCurrentIrql(), (ULONG_PTR)Item,
                         0);
        ASSERT(KeGetCurrentThread()->KernelApcDisable == 0 && KeGetCurrentThread()->SpecialApcDisable == 0);
    }
}

// Has Item's routine called by a worker thread at PASSIVE_LEVEL. The item is the caller's until then and must not be
// queued already. IRQL <= DISPATCH_LEVEL. Source: WDK, ExQueueWorkItem.
VOID NTAPI ExQueueWorkItem(PWORK_QUEUE_ITEM Item, WORK_QUEUE_TYPE Queue)
{
    ASSERT_IRQL_LESS_OR_EQUAL(DISPATCH_LEVEL);
    ASSERT(Queue < MaximumWorkQueue && Item->List.Flink == NULL);
    KeInsertQueue(&ExpWorkQueues[Queue], &Item->List);
}

// Makes the queues and their threads. Phase 1, PASSIVE_LEVEL. FALSE: a thread could not be created.
BOOLEAN ExInitWorkerThreads(VOID)
{
    for (ULONG Queue = 0; Queue < MaximumWorkQueue; Queue++) {
        KeInitializeQueue(&ExpWorkQueues[Queue], 0);
        for (ULONG Thread = 0; Thread < ExpWorkerPlan[Queue].Threads; Thread++) {
            HANDLE Handle;

            if (!NT_SUCCESS(PsCreateSystemThread(&Handle, THREAD_ALL_ACCESS, NULL, NULL, NULL, ExpWorkerThread,
                                                 (PVOID)(ULONG_PTR)Queue)))
                return FALSE;
            ObCloseHandle(Handle, KernelMode);
        }
    }
    return TRUE;
}
