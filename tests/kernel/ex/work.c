// SPDX-License-Identifier: MIT
// Laws of worker threads (ex/work.c).

#include "ex/exp.h"
#include "ktest.h"

#define ITEMS 20

typedef struct _JOB {
    WORK_QUEUE_ITEM Item;
    volatile LONG Runs;
    KIRQL Irql;
    PKTHREAD Thread;
} JOB;

static JOB Jobs[ITEMS];
static volatile LONG Left;
static KEVENT AllDone, Unblock, Unblocked;

static VOID NTAPI RunJob(PVOID Parameter)
{
    JOB *Job = Parameter;

    Job->Runs++;
    Job->Irql = KeGetCurrentIrql();
    Job->Thread = KeGetCurrentThread();
    if (InterlockedDecrement(&Left) == 0)
        KeSetEvent(&AllDone, 0, FALSE);
}

KTEST(ex, work_items_run_once_each)
{
    // Law: every item queued, in whichever queue and at DISPATCH_LEVEL, runs once, at PASSIVE_LEVEL, in another
    // thread.
    KIRQL OldIrql;

    Left = ITEMS;
    KeInitializeEvent(&AllDone, NotificationEvent, FALSE);
    OldIrql = KfRaiseIrql(DISPATCH_LEVEL);
    for (ULONG Index = 0; Index < ITEMS; Index++) {
        Jobs[Index].Runs = 0;
        ExInitializeWorkItem(&Jobs[Index].Item, RunJob, &Jobs[Index]);
        ExQueueWorkItem(&Jobs[Index].Item, (WORK_QUEUE_TYPE)(Index % MaximumWorkQueue));
    }
    KfLowerIrql(OldIrql);
    KeWaitForever(&AllDone, Executive);
    for (ULONG Index = 0; Index < ITEMS; Index++) {
        expect_eq(Jobs[Index].Runs, 1);
        expect_eq(Jobs[Index].Irql, PASSIVE_LEVEL);
        expect(Jobs[Index].Thread != KeGetCurrentThread());
    }
}

static VOID NTAPI BlockJob(PVOID Parameter)
{
    UNREFERENCED_PARAMETER(Parameter);
    KeWaitForever(&Unblock, Executive);
    KeSetEvent(&Unblocked, 0, FALSE);
}

static VOID NTAPI UnblockJob(PVOID Parameter)
{
    UNREFERENCED_PARAMETER(Parameter);
    KeSetEvent(&Unblock, 0, FALSE);
}

KTEST(ex, work_item_that_blocks_lets_another_run)
{
    // Law: an item that waits does not keep the next one of its queue from running.
    WORK_QUEUE_ITEM First, Second;

    KeInitializeEvent(&Unblock, NotificationEvent, FALSE);
    KeInitializeEvent(&Unblocked, NotificationEvent, FALSE);
    ExInitializeWorkItem(&First, BlockJob, NULL);
    ExInitializeWorkItem(&Second, UnblockJob, NULL);
    ExQueueWorkItem(&First, DelayedWorkQueue);
    ExQueueWorkItem(&Second, DelayedWorkQueue);
    KeWaitForever(&Unblocked, Executive);
}

#define BLOCKERS 12 // more than there are threads at first

static VOID NTAPI BlockUntilTheLast(PVOID Parameter)
{
    UNREFERENCED_PARAMETER(Parameter);
    KeWaitForever(&Unblock, Executive);
    if (InterlockedDecrement(&Left) == 0)
        KeSetEvent(&AllDone, 0, FALSE);
}

KTEST(ex, work_items_that_wait_for_a_later_one_do_not_deadlock)
{
    // Law: when every thread of a queue waits for an item that is still queued, a new thread runs it; threads beyond
    // the
    // first ones end when they have had nothing to do for their time.
    static WORK_QUEUE_ITEM Blockers[BLOCKERS], Last;
    LONGLONG IdleTime = ExpWorkerIdleTime;
    LARGE_INTEGER Delay = {.QuadPart = -100 * 10000};

    for (ULONG Queue = 0; Queue < MaximumWorkQueue; Queue++) {
        ExpWorkerIdleTime = 3 * 10000000ll;
        Left = BLOCKERS;
        KeInitializeEvent(&AllDone, NotificationEvent, FALSE);
        KeInitializeEvent(&Unblock, NotificationEvent, FALSE);
        for (ULONG Index = 0; Index < BLOCKERS; Index++) {
            ExInitializeWorkItem(&Blockers[Index], BlockUntilTheLast, NULL);
            ExQueueWorkItem(&Blockers[Index], (WORK_QUEUE_TYPE)Queue);
        }
        ExInitializeWorkItem(&Last, UnblockJob, NULL);
        ExQueueWorkItem(&Last, (WORK_QUEUE_TYPE)Queue);
        KeWaitForever(&AllDone, Executive);
        expect(ExpCountDynamicWorkers((WORK_QUEUE_TYPE)Queue) > 0);
        for (ULONG Try = 0; Try < 100 && ExpCountDynamicWorkers((WORK_QUEUE_TYPE)Queue) != 0; Try++)
            IGNORE_STATUS(KeDelayExecutionThread(KernelMode, FALSE, &Delay));
        expect_eq(ExpCountDynamicWorkers((WORK_QUEUE_TYPE)Queue), 0);
    }
    ExpWorkerIdleTime = IdleTime;
}
