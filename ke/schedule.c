// SPDX-License-Identifier: MIT
// The scheduler: 32 ready queues, the highest non-empty one first. Prcb->NextThread is a thread that has already been
// chosen to follow the current one (state Standby); it is never less important than anything in the queues.
// The idle thread is in no queue; its priority is below all others. Source: Windows Internals, "Thread Scheduling".

#include "ki.h"

FORCEINLINE VOID KiInsertReady(PKTHREAD Thread, BOOLEAN AtHead)
{
    PKPRCB Prcb = KeGetCurrentPrcb();
    PLIST_ENTRY Queue = &Prcb->DispatcherReadyListHead[Thread->Priority];

    Thread->State = Ready;
    if (AtHead)
        InsertHeadList(Queue, &Thread->WaitListEntry);
    else
        InsertTailList(Queue, &Thread->WaitListEntry);
    Prcb->ReadySummary |= 1ul << Thread->Priority;
}

// Takes out the first thread of the highest queue at or above LowPriority; NULL if there is none.
FORCEINLINE PKTHREAD KiSelectReadyThread(KPRIORITY LowPriority)
{
    PKPRCB Prcb = KeGetCurrentPrcb();
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

// Takes a Ready thread out of its queue.
VOID KiRemoveReadyThread(PKTHREAD Thread)
{
    ASSERT_DISPATCHER_LOCKED();
    ASSERT(Thread->State == Ready);
    if (RemoveEntryList(&Thread->WaitListEntry))
        KeGetCurrentPrcb()->ReadySummary &= ~(1ul << Thread->Priority);
}

static VOID KiMakeStandby(PKTHREAD Thread)
{
    Thread->State = Standby;
    KeGetCurrentPrcb()->NextThread = Thread;
}

// The current thread has become less important than everything else: chooses the best ready thread, if any.
VOID KiChooseNextThread(VOID)
{
    PKTHREAD Thread = KiSelectReadyThread(0);

    if (Thread != NULL)
        KiMakeStandby(Thread);
}

// Makes a thread runnable: it is chosen to run next if it is more important than what is running or chosen, else it
// waits at the end of its queue. The switch happens when the dispatcher lock is given up.
VOID KiReadyThread(PKTHREAD Thread)
{
    PKPRCB Prcb = KeGetCurrentPrcb();
    PKTHREAD Chosen = Prcb->NextThread;

    ASSERT_DISPATCHER_LOCKED();
    Thread->WaitTime = KeTickCount.LowPart;
    KdTrace(Ready, KdTraceThreadId(Thread), Prcb->Number, Thread->Priority, 0);
    if (Chosen != NULL && Thread->Priority > Chosen->Priority) {
        KiMakeStandby(Thread);
        KiInsertReady(Chosen, TRUE);
    } else if (Chosen == NULL && Thread->Priority > Prcb->CurrentThread->Priority) {
        KiMakeStandby(Thread);
    } else {
        KiInsertReady(Thread, FALSE);
    }
}

// What every thread does first when it gets the processor, new or not: the APC request and the debug registers belong
// to the thread. Dispatcher lock held.
VOID KiFinishSwitch(VOID)
{
    PKTHREAD Thread = KeGetCurrentPrcb()->CurrentThread;

    if (Thread->ApcState.KernelApcPending)
        HalRequestSoftwareInterrupt(APC_LEVEL);
    else
        HalClearSoftwareInterrupt(APC_LEVEL);
    if (Thread->DebugActive || KeGetCurrentPrcb()->DebugLoaded)
        KiUpdateDebugRegisters(Thread);
}

// Runs NewThread in place of the current thread, whose state says why it stops. Returns when that runs again.
static VOID KiSwitchThread(PKTHREAD NewThread)
{
    PKPRCB Prcb = KeGetCurrentPrcb();
    PKTHREAD Thread = Prcb->CurrentThread;

    ASSERT_DISPATCHER_LOCKED();
    ASSERT(NewThread != Thread);
    NewThread->State = Running;
    NewThread->ContextSwitches++;
    Prcb->KeContextSwitches++;
    Prcb->QuantumEnd = FALSE;
    KdTrace(Switch, KdTraceThreadId(Thread), KdTraceThreadId(NewThread), Thread->State, Thread->WaitReason);
    KiSwapContext(Thread, NewThread);
    KiFinishSwitch();
}

// Gives the processor to Prcb->NextThread; the current thread stays runnable, first in its queue.
// Dispatcher lock held on entry and exit.
VOID KiSwitchToNextThread(VOID)
{
    PKPRCB Prcb = KeGetCurrentPrcb();
    PKTHREAD Next = Prcb->NextThread, Thread = Prcb->CurrentThread;

    Prcb->NextThread = NULL;
    if (Thread != Prcb->IdleThread)
        KiInsertReady(Thread, TRUE);
    else
        Thread->State = Ready;
    KiSwitchThread(Next);
}

// Switches away from the current thread for good or until somebody readies it.
//
// Dispatcher lock held; the thread's State, WaitIrql and the like are set. Returns WaitStatus, with the lock given up
// and the IRQL lowered to WaitIrql (so that APCs and DPCs may have run).
NTSTATUS KiSwapThread(VOID)
{
    PKPRCB Prcb = KeGetCurrentPrcb();
    PKTHREAD Thread = Prcb->CurrentThread, Next = Prcb->NextThread;
    NTSTATUS Status;
    KIRQL OldIrql;

    Prcb->NextThread = NULL;
    if (Next == NULL)
        Next = KiSelectReadyThread(0);
    if (Next == NULL)
        Next = Prcb->IdleThread;
    KiSwitchThread(Next);
    Status = Thread->WaitStatus;
    OldIrql = Thread->WaitIrql;
    KiUnlockDispatcherDatabase(OldIrql);
    return Status;
}

// The current thread has used up its quantum: it gets a new one, loses one level of a boost, and goes behind the
// threads of its (new) priority. DISPATCH_LEVEL, dispatcher lock not held. Source: Windows Internals, "Quantum",
// "Priority Boosts".
VOID KiQuantumEnd(VOID)
{
    PKPRCB Prcb = KeGetCurrentPrcb();
    PKTHREAD Thread, Next;
    KPRIORITY Priority;

    KiLockDispatcherAtDpcLevel();
    Thread = Prcb->CurrentThread;
    if (Thread->Quantum <= 0 && Thread != Prcb->IdleThread) {
        Thread->Quantum = Thread->QuantumReset;
        Priority = Thread->Priority;
        if (Priority < LOW_REALTIME_PRIORITY) {
            Priority -= Thread->PriorityDecrement + 1;
            Thread->PriorityDecrement = 0;
            if (Priority < Thread->BasePriority)
                Priority = Thread->BasePriority;
        }
        Thread->Priority = Priority;
        if (Prcb->NextThread == NULL) {
            Next = KiSelectReadyThread(Priority);
            if (Next != NULL)
                KiMakeStandby(Next);
        }
    }
    Next = Prcb->NextThread;
    if (Next != NULL) {
        Prcb->NextThread = NULL;
        if (Thread != Prcb->IdleThread)
            KiInsertReady(Thread, FALSE);
        KiSwitchThread(Next);
    }
    KiUnlockDispatcherFromDpcLevel();
}

// Changes the current priority of a thread in any state; the dispatcher lock is held.
VOID KiSetPriorityThread(PKTHREAD Thread, KPRIORITY Priority)
{
    PKPRCB Prcb = KeGetCurrentPrcb();
    KPRIORITY OldPriority = Thread->Priority;
    PKTHREAD Other;

    ASSERT_DISPATCHER_LOCKED();
    ASSERT(Priority >= 0 && Priority < MAXIMUM_PRIORITY);
    if (Priority == OldPriority)
        return;
    switch (Thread->State) {
    case Ready:
        KiRemoveReadyThread(Thread);
        Thread->Priority = Priority;
        KiReadyThread(Thread);
        return;
    case Standby:
        Thread->Priority = Priority;
        if (Priority < OldPriority && (Other = KiSelectReadyThread(Priority + 1)) != NULL) {
            KiMakeStandby(Other);
            KiReadyThread(Thread);
        }
        return;
    case Running:
        Thread->Priority = Priority;
        if (Priority < OldPriority && Thread == Prcb->CurrentThread && Prcb->NextThread == NULL &&
            (Other = KiSelectReadyThread(Priority + 1)) != NULL)
            KiMakeStandby(Other);
        return;
    default:
        Thread->Priority = Priority;
        return;
    }
}

// Lets another ready thread run, if there is one: the current thread loses a boost and goes behind the others of its
// priority. IRQL < DISPATCH_LEVEL. FALSE if nothing else is ready.
BOOLEAN KeYieldExecution(VOID)
{
    PKPRCB Prcb;
    PKTHREAD Thread, Next;
    KPRIORITY Priority;
    KIRQL OldIrql;

    if (KeGetCurrentPrcb()->ReadySummary == 0)
        return FALSE;
    OldIrql = KiLockDispatcherDatabase();
    Prcb = KeGetCurrentPrcb();
    Thread = Prcb->CurrentThread;
    Next = Prcb->NextThread != NULL ? Prcb->NextThread : KiSelectReadyThread(1);
    if (Next != NULL) {
        Prcb->NextThread = NULL;
        Thread->Quantum = Thread->QuantumReset;
        Priority = Thread->Priority;
        if (Priority != Thread->BasePriority && Priority < LOW_REALTIME_PRIORITY) {
            Priority -= Thread->PriorityDecrement + 1;
            Thread->Priority = (SCHAR)(Priority < Thread->BasePriority ? Thread->BasePriority : Priority);
            Thread->PriorityDecrement = 0;
        }
        KiInsertReady(Thread, FALSE);
        KiSwitchThread(Next);
    }
    KiUnlockDispatcherDatabase(OldIrql);
    return Next != NULL;
}
