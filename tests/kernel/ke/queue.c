// SPDX-License-Identifier: MIT
// Laws of kernel queues: who is let in, in which order, and what becomes of everybody when a queue ends. Source: WDK
// (KeInitializeQueue), Windows Internals, "I/O completion".

#include "ktest.h"

#define KT_WORKERS 3u

static KQUEUE KtQueue, KtOther;
static KEVENT KtBlock[KT_WORKERS];
static LIST_ENTRY KtEntries[8];
static volatile ULONG KtTaken, KtLast;
static volatile BOOLEAN KtStop;
static volatile NTSTATUS KtEnd[KT_WORKERS];
static LARGE_INTEGER KtZero;

// Takes entries until the queue ends, and blocks on its event after each.
static VOID NTAPI KtWorker(PVOID Context)
{
    ULONG Index = (ULONG)(ULONG_PTR)Context;
    PLIST_ENTRY Entry;

    while (!KtStop) {
        Entry = KeRemoveQueue(&KtQueue, KernelMode, NULL);
        if (Entry < &KtEntries[0] || Entry >= &KtEntries[RTL_NUMBER_OF(KtEntries)]) {
            KtEnd[Index] = (NTSTATUS)(ULONG_PTR)Entry;
            return;
        }
        KtTaken++;
        KtLast = Index;
        KeWaitForever(&KtBlock[Index], Executive);
    }
}

static VOID KtStartWorkers(PETHREAD *Threads, ULONG Count, ULONG Limit)
{
    ULONG Index;

    KtTaken = 0;
    KtLast = 99;
    KtStop = FALSE;
    KeInitializeQueue(&KtQueue, Limit);
    for (Index = 0; Index < Count; Index++) {
        KtEnd[Index] = STATUS_PENDING;
        KeInitializeEvent(&KtBlock[Index], SynchronizationEvent, FALSE);
        Threads[Index] = KtStartThread(KtWorker, (PVOID)(ULONG_PTR)Index, 12);
    }
}

// The queue has been run down.
static VOID KtEndWorkers(PETHREAD *Threads, ULONG Count)
{
    ULONG Index;

    KtStop = TRUE;
    for (Index = 0; Index < Count; Index++) {
        KeSetEvent(&KtBlock[Index], 0, FALSE);
        KtJoin(Threads[Index]);
    }
}

KTEST_EXACT(ke, queue_wakes_the_last_to_have_waited)
{
    // Law: the thread that began to wait last is the first to get an entry: what it needs is still in the caches.
    PETHREAD Threads[KT_WORKERS];

    KtStartWorkers(Threads, KT_WORKERS, KT_WORKERS);
    KeInsertQueue(&KtQueue, &KtEntries[0]);
    expect_eq(KtLast, KT_WORKERS - 1);
    KeInsertQueue(&KtQueue, &KtEntries[1]);
    expect_eq(KtLast, KT_WORKERS - 2);
    expect(KeRundownQueue(&KtQueue) == NULL);
    KtEndWorkers(Threads, KT_WORKERS);
}

KTEST_EXACT(ke, queue_counts_who_blocks_and_comes_back)
{
    // Law: with a limit of one, a thread that blocks lets another in; while one of them runs again, nobody else is let
    // in, though both are behind their entries.
    PETHREAD Threads[2];

    KtStartWorkers(Threads, 2, 1);
    KeInsertQueue(&KtQueue, &KtEntries[0]); // taken; its thread blocks
    KeInsertQueue(&KtQueue, &KtEntries[1]); // so the other one gets this, and blocks
    expect_eq(KtTaken, 2);
    expect_eq(KtQueue.CurrentCount, 0);
    KeInsertQueue(&KtQueue, &KtEntries[2]); // nobody waits for it
    expect_eq(KeReadStateQueue(&KtQueue), 1);
    KeSetEvent(&KtBlock[0], 0, FALSE); // comes back, takes it, blocks
    expect_eq(KtTaken, 3);
    expect_eq(KtLast, 0);
    expect_eq(KtQueue.CurrentCount, 0);
    expect(KeRundownQueue(&KtQueue) == NULL);
    KtEndWorkers(Threads, 2);
}

KTEST_EXACT(ke, queue_ends_for_everybody)
{
    // Law: rundown ends all waits with STATUS_ABANDONED and returns what was left, in order; the threads belong to the
    // queue no more, so their waits are nothing to it.
    PETHREAD Threads[KT_WORKERS];
    PLIST_ENTRY First;
    ULONG Index;

    KtStartWorkers(Threads, KT_WORKERS, 1);
    KeInsertQueue(&KtQueue, &KtEntries[0]);
    expect_eq(KtTaken, 1);
    expect(KeRundownQueue(&KtQueue) == NULL);
    for (Index = 0; Index + 1 < KT_WORKERS; Index++)
        expect_status(KtEnd[Index], STATUS_ABANDONED);
    expect_status(KtEnd[KT_WORKERS - 1], STATUS_PENDING);
    KeInitializeQueue(&KtQueue, 1);
    KeSetEvent(&KtBlock[KT_WORKERS - 1], 0, FALSE); // begins anew, in the new queue
    expect_eq(KtQueue.CurrentCount, 0);
    expect(KeRundownQueue(&KtQueue) == NULL);
    KtEndWorkers(Threads, KT_WORKERS);

    KeInitializeQueue(&KtQueue, 1);
    for (Index = 0; Index < 3; Index++)
        expect_eq(KeInsertQueue(&KtQueue, &KtEntries[Index]), (LONG)Index);
    First = KeRundownQueue(&KtQueue);
    for (Index = 0; Index < 3; Index++, First = First->Flink)
        expect_eq(First, &KtEntries[Index]);
    expect_eq(First, &KtEntries[0]);
    expect_eq(KeReadStateQueue(&KtQueue), 0);
}

KTEST_EXACT(ke, queue_is_left_for_another)
{
    // Law: a thread that turns to another queue no longer counts in the first, where that lets a waiter in.
    PETHREAD Thread;
    LARGE_INTEGER Moment = {.QuadPart = -300000};

    KtStartWorkers(&Thread, 1, 1);
    KeInitializeQueue(&KtOther, 0);
    expect_eq(KtOther.MaximumCount, (ULONG)KeNumberProcessors);
    KeInsertQueue(&KtQueue, &KtEntries[0]);
    KeSetEvent(&KtBlock[0], 0, FALSE);
    expect_eq(KtTaken, 1);
    KeInsertQueue(&KtQueue, &KtEntries[1]); // it waits: gets this at once, and blocks
    expect_eq(KtTaken, 2);
    KeInsertQueue(&KtQueue, &KtEntries[2]);
    expect_eq(KeRemoveQueue(&KtQueue, KernelMode, &KtZero), &KtEntries[2]); // this thread counts now
    expect_eq(KtQueue.CurrentCount, 1);
    KeSetEvent(&KtBlock[0], 0, FALSE); // and this one waits
    KeInsertQueue(&KtQueue, &KtEntries[3]);
    expect_eq(KtTaken, 2);
    expect_eq((ULONG_PTR)KeRemoveQueue(&KtOther, KernelMode, &KtZero), STATUS_TIMEOUT);
    expect_eq(KtTaken, 3);
    expect_eq(KtQueue.CurrentCount, 0);
    expect_eq((ULONG_PTR)KeRemoveQueue(&KtOther, KernelMode, &Moment), STATUS_TIMEOUT);
    expect_eq(KtOther.CurrentCount, 1);
    expect(KeRundownQueue(&KtOther) == NULL);
    expect(KeRundownQueue(&KtQueue) == NULL);
    KtEndWorkers(&Thread, 1);
}

static volatile ULONG KtInApc;

static VOID NTAPI KtKernelPart(PKAPC Apc, PKNORMAL_ROUTINE *Normal, PVOID *Context, PVOID *Argument1, PVOID *Argument2)
{
    UNREFERENCED_PARAMETER(Apc);
    UNREFERENCED_PARAMETER(Normal);
    UNREFERENCED_PARAMETER(Context);
    UNREFERENCED_PARAMETER(Argument1);
    UNREFERENCED_PARAMETER(Argument2);
}

static VOID NTAPI KtBlockInApc(PVOID Context, PVOID Argument1, PVOID Argument2)
{
    UNREFERENCED_PARAMETER(Argument1);
    UNREFERENCED_PARAMETER(Argument2);
    KtInApc++;
    KeWaitForever(Context, Executive);
}

KTEST_EXACT(ke, queue_lets_others_in_while_an_apc_blocks)
{
    // Law: a waiter that is broken off by an APC which blocks counts neither as running nor twice as blocked: work that
    // comes meanwhile goes to others, as many as may run; it takes its place again behind the APC.
    PETHREAD Threads[2];
    KEVENT Gate;
    KAPC Apc;

    KtInApc = 0;
    KeInitializeEvent(&Gate, NotificationEvent, FALSE);
    KtStartWorkers(Threads, 2, 1);
    KeInitializeApc(&Apc, &Threads[0]->Tcb, OriginalApcEnvironment, KtKernelPart, NULL, KtBlockInApc, KernelMode,
                    &Gate);
    expect(KeInsertQueueApc(&Apc, NULL, NULL, 0));
    expect_eq(KtInApc, 1);
    expect_eq(KtQueue.CurrentCount, 0);
    KeInsertQueue(&KtQueue, &KtEntries[0]);
    expect_eq(KtTaken, 1);
    expect_eq(KtLast, 1);
    KeSetEvent(&Gate, 0, FALSE);
    KeInsertQueue(&KtQueue, &KtEntries[1]);
    expect_eq(KtTaken, 2);
    expect_eq(KtLast, 0);
    expect_eq(KtQueue.CurrentCount, 0);
    expect(KeRundownQueue(&KtQueue) == NULL);
    KtEndWorkers(Threads, 2);
}
