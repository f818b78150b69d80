// SPDX-License-Identifier: MIT
// The steps of a thread switch that are paid each time, inline: into a ready queue and out of it. The dispatcher lock
// is held. ready.c explains the queues.

#ifndef MICA_KE_KISCHED_H
#define MICA_KE_KISCHED_H

FORCEINLINE VOID KiInsertReady(PKPRCB Prcb, PKTHREAD Thread, BOOLEAN AtHead)
{
    PLIST_ENTRY Queue = &Prcb->DispatcherReadyListHead[Thread->Priority];

    Thread->State = Ready;
    Thread->WaitTime = KeTickCount.LowPart; // balmgr.c
    Thread->NextProcessor = Prcb->Number;
    if (AtHead)
        InsertHeadList(Queue, &Thread->WaitListEntry);
    else
        InsertTailList(Queue, &Thread->WaitListEntry);
    Prcb->ReadySummary |= 1ul << Thread->Priority;
}

// Takes the first thread of the highest queue of Prcb at or above LowPriority; NULL if there is none.
FORCEINLINE PKTHREAD KiSelectReadyThread(PKPRCB Prcb, KPRIORITY LowPriority)
{
    ULONG Summary, Priority;
    PKTHREAD Thread;

    Summary = LowPriority >= MAXIMUM_PRIORITY ? 0 : Prcb->ReadySummary >> LowPriority << LowPriority;
    if (Summary == 0)
        return NULL;
    Priority = 31 - __builtin_clzl(Summary);
    Thread = CONTAINING_RECORD(Prcb->DispatcherReadyListHead[Priority].Flink, KTHREAD, WaitListEntry);
    if (RemoveEntryList(&Thread->WaitListEntry))
        Prcb->ReadySummary &= ~(1ul << Priority);
    return Thread;
}

BOOLEAN KiRequeueElsewhere(PKTHREAD Thread);
// The current thread has to leave this processor, but stays runnable: into the queue, in front or at the end.
FORCEINLINE VOID KiRequeueThread(PKPRCB Prcb, PKTHREAD Thread, BOOLEAN AtHead)
{
    if (KeNumberProcessors == 1 || !KiRequeueElsewhere(Thread))
        KiInsertReady(Prcb, Thread, AtHead);
}

#endif
