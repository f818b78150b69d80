// SPDX-License-Identifier: MIT
// Switching threads: away from one that waits or ends, to one that was chosen, at the end of a quantum, by yielding.
// ready.c says which thread comes next. The dispatcher lock is held across each switch.
// Source: Windows Internals, "Thread Scheduling".

#include "ki.h"

// What every thread does first when it gets the processor, new or not: the APC request and the debug registers belong
// to the thread. Dispatcher lock held.
VOID KiFinishSwitch(VOID)
{
    PKTHREAD Thread = KeGetCurrentPrcb()->CurrentThread;

    if (Thread->ApcState.KernelApcPending)
        HalRequestSoftwareInterrupt(APC_LEVEL);
    else
        __asm__ volatile("andl %0, %%fs:0x28" : : "ri"(~(1ul << APC_LEVEL)) : "memory", "cc"); // it was the last one's
    if (Thread->DebugActive || KeGetCurrentPrcb()->DebugLoaded)
        KiUpdateDebugRegisters(Thread);
}

// What only several processors have to do: the old thread may go on anywhere, so its floating-point state has to be in
// memory; and the set of idle processors.
static VOID KiPrepareSwitchMp(PKPRCB Prcb, PKTHREAD Thread, PKTHREAD NewThread)
{
    if (Prcb->NpxThread == Thread)
        KiSaveNpxForSwitch(Thread);
    if (NewThread == Prcb->IdleThread)
        KiIdleSummary |= Prcb->SetMember;
    else
        KiIdleSummary &= ~Prcb->SetMember;
}

// Runs NewThread in place of the current thread, whose state says why it stops. Returns when that runs again, perhaps
// on another processor.
FORCEINLINE VOID KiSwitchThread(PKTHREAD NewThread)
{
    PKPRCB Prcb = KeGetCurrentPrcb();
    PKTHREAD Thread = Prcb->CurrentThread;

    ASSERT_DISPATCHER_LOCKED();
    ASSERT(NewThread != Thread);
    if (KeNumberProcessors > 1)
        KiPrepareSwitchMp(Prcb, Thread, NewThread);
    NewThread->State = Running;
    NewThread->NextProcessor = Prcb->Number;
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
        KiRequeueThread(Prcb, Thread, TRUE);
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
    PKTHREAD Thread = KeGetCurrentThread();
    NTSTATUS Status;
    KIRQL OldIrql;

    KiSwitchThread(KiTakeNextThread(KeGetCurrentPrcb()));
    Status = Thread->WaitStatus;
    OldIrql = Thread->WaitIrql;
    KiUnlockDispatcherDatabase(OldIrql);
    return Status;
}

// The priority without one level and without what it was raised by for a moment, not below its base.
FORCEINLINE VOID KiDecayPriority(PKTHREAD Thread)
{
    KPRIORITY Priority = Thread->Priority;

    Thread->Quantum = Thread->QuantumReset;
    if (Priority >= LOW_REALTIME_PRIORITY)
        return;
    Priority -= Thread->PriorityDecrement + 1;
    Thread->PriorityDecrement = 0;
    Thread->Priority = (SCHAR)(Priority < Thread->BasePriority ? Thread->BasePriority : Priority);
}

// The current thread has used up its quantum: it gets a new one, loses one level of a boost, and goes behind the
// threads of its (new) priority. DISPATCH_LEVEL, dispatcher lock not held. Source: Windows Internals, "Quantum",
// "Priority Boosts".
VOID KiQuantumEnd(VOID)
{
    PKPRCB Prcb = KeGetCurrentPrcb();
    PKTHREAD Thread, Next;

    KiLockDispatcherAtDpcLevel();
    Thread = Prcb->CurrentThread;
    Next = Prcb->NextThread;
    if (Thread->Quantum <= 0 && Thread != Prcb->IdleThread) {
        KiDecayPriority(Thread);
        if (Next == NULL)
            Next = KiSelectReadyThread(Prcb, Thread->Priority);
    }
    if (Next != NULL) {
        Prcb->NextThread = NULL;
        if (Thread != Prcb->IdleThread)
            KiRequeueThread(Prcb, Thread, FALSE);
        KiSwitchThread(Next);
    }
    KiUnlockDispatcherFromDpcLevel();
}

// Lets another ready thread run, if there is one: the current thread loses a boost and goes behind the others of its
// priority. IRQL < DISPATCH_LEVEL. FALSE if nothing else is ready for this processor.
BOOLEAN KeYieldExecution(VOID)
{
    PKPRCB Prcb;
    PKTHREAD Thread, Next;
    KIRQL OldIrql;

    if (KeGetCurrentPrcb()->ReadySummary == 0) // a hint, so any processor's will do
        return FALSE;
    OldIrql = KiLockDispatcherDatabase();
    Prcb = KeGetCurrentPrcb();
    Thread = Prcb->CurrentThread;
    Next = Prcb->NextThread != NULL ? Prcb->NextThread : KiSelectReadyThread(Prcb, 1);
    if (Next != NULL) {
        Prcb->NextThread = NULL;
        if (Thread->Priority != Thread->BasePriority)
            KiDecayPriority(Thread);
        Thread->Quantum = Thread->QuantumReset;
        KiRequeueThread(Prcb, Thread, FALSE);
        KiSwitchThread(Next);
    }
    KiUnlockDispatcherDatabase(OldIrql);
    return Next != NULL;
}
