// SPDX-License-Identifier: MIT
// Ending waits: what it means for an object to be signaled, to take its signal, and who is woken by it.
// Everything here runs under the dispatcher lock.

#include "ki.h"

// Would a wait of Thread for Object end now?
BOOLEAN KiIsObjectSignaled(PDISPATCHER_HEADER Object, PKTHREAD Thread)
{
    return Object->SignalState > 0 ||
           ((Object->Type & 0x7F) == MutantObject && CONTAINING_RECORD(Object, KMUTANT, Header)->OwnerThread == Thread);
}

static NTSTATUS KiTakeMutant(PKMUTANT Mutant, PKTHREAD Thread, NTSTATUS Status)
{
    if (Mutant->Header.SignalState == MINLONG)
        return STATUS_MUTANT_LIMIT_EXCEEDED;
    if (--Mutant->Header.SignalState != 0)
        return Status;
    Mutant->OwnerThread = Thread;
    Thread->KernelApcDisable -= Mutant->ApcDisable;
    InsertTailList(&Thread->MutantListHead, &Mutant->MutantListEntry);
    if (!Mutant->Abandoned)
        return Status;
    Mutant->Abandoned = FALSE;
    return Status | STATUS_ABANDONED_WAIT_0;
}

// Takes the signal of a signaled object for Thread. Returns Status, with STATUS_ABANDONED_WAIT_0's bit if a dead thread
// had owned the mutant; STATUS_MUTANT_LIMIT_EXCEEDED if it is owned too often.
NTSTATUS KiSatisfyObject(PDISPATCHER_HEADER Object, PKTHREAD Thread, NTSTATUS Status)
{
    switch (Object->Type & 0x7F) {
    case EventSynchronizationObject:
    case TimerSynchronizationObject:
    case GateObject:
        Object->SignalState = 0;
        return Status;
    case SemaphoreObject:
        Object->SignalState--;
        return Status;
    case MutantObject:
        return KiTakeMutant(CONTAINING_RECORD(Object, KMUTANT, Header), Thread, Status);
    default:
        return Status;
    }
}

// Takes all signals of a WaitAll whose objects are all signaled.
NTSTATUS KiSatisfyAll(PKWAIT_BLOCK First, PKTHREAD Thread)
{
    PKWAIT_BLOCK Block = First;
    NTSTATUS Status = STATUS_WAIT_0;

    do {
        if (Block->WaitKey != STATUS_TIMEOUT) {
            Status = KiSatisfyObject(Block->Object, Thread, Status);
            if (Status == STATUS_MUTANT_LIMIT_EXCEEDED)
                return Status;
        }
        Block = Block->NextWaitBlock;
    } while (Block != First);
    return Status;
}

static BOOLEAN KiAllSignaled(PKWAIT_BLOCK First, PKTHREAD Thread)
{
    PKWAIT_BLOCK Block = First;

    do {
        if (Block->WaitKey != STATUS_TIMEOUT && !KiIsObjectSignaled(Block->Object, Thread))
            return FALSE;
        Block = Block->NextWaitBlock;
    } while (Block != First);
    return TRUE;
}

// Raises the priority for having waited, up to the highest that is not real-time; a boost lasts until quantum ends
// take it away. Source: Windows Internals, "Priority Boosts".
static VOID KiBoostAfterWait(PKTHREAD Thread, KPRIORITY Increment)
{
    KPRIORITY Priority;

    if (Thread->Priority >= LOW_REALTIME_PRIORITY) {
        Thread->Quantum = Thread->QuantumReset;
        return;
    }
    Priority = Thread->BasePriority + Increment;
    if (Increment > 0 && Priority > Thread->Priority && !Thread->DisableBoost && Thread->PriorityDecrement == 0)
        Thread->Priority = Priority < LOW_REALTIME_PRIORITY ? Priority : LOW_REALTIME_PRIORITY - 1;
    if (--Thread->Quantum <= 0)
        Thread->Quantum = Thread->QuantumReset;
}

// Tells who is woken, and by what: the object whose index the status is, the timeout's timer, or nothing (an alert or
// an APC).
static KD_TRACE_CALL VOID KiTraceWake(PKTHREAD Thread, NTSTATUS Status)
{
    PKWAIT_BLOCK Block = Thread->WaitBlockList;
    PDISPATCHER_HEADER Object = NULL;

    do {
        if (Block->WaitKey == (Status & ~STATUS_ABANDONED_WAIT_0))
            Object = Block->Object;
        Block = Block->NextWaitBlock;
    } while (Block != Thread->WaitBlockList);
    KdTrace(Wake, KdTraceThreadId(Thread), Object, Object != NULL ? Object->Type & 0x7F : 0, Status);
}

// Ends the wait of Thread with Status: takes its blocks out of all wait lists, disarms its timeout, boosts and readies
// it.
VOID KiUnwaitThread(PKTHREAD Thread, NTSTATUS Status, KPRIORITY Increment)
{
    PKWAIT_BLOCK Block = Thread->WaitBlockList;

    ASSERT_DISPATCHER_LOCKED();
    ASSERT(Thread->State == Waiting);
    Thread->WaitStatus = Status;
    if (__builtin_expect((KdTraceMask & KD_TRACE_SIGNAL) != 0, 0))
        KiTraceWake(Thread, Status);
    do {
        RemoveEntryList(&Block->WaitListEntry);
        Block = Block->NextWaitBlock;
    } while (Block != Thread->WaitBlockList);
    if (Thread->Timer.Header.Inserted)
        KiRemoveTimer(&Thread->Timer);
    if (Thread->Queue != NULL)
        KiQueueThreadWakes(Thread);
    KiBoostAfterWait(Thread, Increment);
    KiReadyThread(Thread);
}

// Wakes the threads whose waits Object now satisfies, those that have waited longest first, as long as it stays
// signaled.
VOID KiWaitTest(PVOID Object, KPRIORITY Increment)
{
    PDISPATCHER_HEADER Header = Object;
    PLIST_ENTRY Entry = Header->WaitListHead.Flink;
    PKWAIT_BLOCK Block;
    NTSTATUS Status;

    while (Header->SignalState > 0 && Entry != &Header->WaitListHead) {
        Block = CONTAINING_RECORD(Entry, KWAIT_BLOCK, WaitListEntry);
        if (Block->WaitType == WaitAny && (Header->Type & 0x7F) == EventSynchronizationObject) {
            Header->SignalState = 0;
            Status = Block->WaitKey;
        } else if (Block->WaitType == WaitAny) {
            Status = KiSatisfyObject(Header, Block->Thread, Block->WaitKey);
        } else if (KiAllSignaled(Block, Block->Thread)) {
            Status = KiSatisfyAll(Block, Block->Thread);
        } else {
            Entry = Entry->Flink;
            continue;
        }
        KiUnwaitThread(Block->Thread, Status, Increment);
        Entry = Header->WaitListHead.Flink;
    }
}
