// SPDX-License-Identifier: MIT
// Deferred procedure calls: work that an interrupt leaves for later, done at DISPATCH_LEVEL before any thread goes on.
// One queue per processor, run in order (high importance in front) when the IRQL falls below DISPATCH_LEVEL.
// The queue is changed with interrupts off, since service routines fill it. Source: WDK documentation.

#include "ki.h"

#define KI_DPC_TARGET 32          // KDPC.Number: target processor + 32
#define KI_LOW_IMPORTANCE_DEPTH 4 // so many queued: low importance no longer waits

// Any IRQL.
VOID NTAPI KeInitializeDpc(PKDPC Dpc, PKDEFERRED_ROUTINE Routine, PVOID Context)
{
    RtlZeroMemory(Dpc, sizeof(*Dpc));
    Dpc->Type = DpcObject;
    Dpc->Importance = MediumImportance;
    Dpc->DeferredRoutine = Routine;
    Dpc->DeferredContext = Context;
}

VOID NTAPI KeSetImportanceDpc(PKDPC Dpc, KDPC_IMPORTANCE Importance)
{
    Dpc->Importance = (UCHAR)Importance;
}

VOID NTAPI KeSetTargetProcessorDpc(PKDPC Dpc, CCHAR Number)
{
    Dpc->Number = (USHORT)(Number + KI_DPC_TARGET);
}

// A processor's DPC lists. Any IRQL; interrupts are off meanwhile.
BOOLEAN KiLockDpcs(PKPRCB Prcb)
{
    BOOLEAN Enable = KeDisableInterrupts();

    while (__atomic_exchange_n(&Prcb->DpcLock, 1, __ATOMIC_ACQUIRE) != 0)
        YieldProcessor();
    return Enable;
}

VOID KiUnlockDpcs(PKPRCB Prcb, BOOLEAN Enable)
{
    __atomic_store_n(&Prcb->DpcLock, 0, __ATOMIC_RELEASE);
    KeRestoreInterrupts(Enable);
}

// The processor whose queue a DPC goes to. Interrupts may be on: any will do then.
static PKPRCB KiDpcTarget(PKDPC Dpc)
{
    if (Dpc->Number >= KI_DPC_TARGET && Dpc->Number - KI_DPC_TARGET < KeNumberProcessors)
        return KiProcessorBlock[Dpc->Number - KI_DPC_TARGET];
    return KeGetCurrentPrcb();
}

// Puts the DPC into the list that its type belongs to. Returns whether the processor has to be interrupted for it. The
// lock is held.
static BOOLEAN KiLinkDpc(PKPRCB Prcb, PKDPC Dpc)
{
    BOOLEAN Threaded = Dpc->Type == ThreadedDpcObject && Prcb->DpcThread != NULL;
    PLIST_ENTRY Head = Threaded ? &Prcb->ThreadedDpcListHead : &Prcb->DpcListHead;

    if (Dpc->Importance == HighImportance)
        InsertHeadList(Head, &Dpc->DpcListEntry);
    else
        InsertTailList(Head, &Dpc->DpcListEntry);
    if (Threaded) {
        Prcb->DpcThreadRequested = TRUE;
        return TRUE;
    }
    Prcb->DpcQueueDepth++;
    return !Prcb->DpcRoutineActive &&
           (Dpc->Importance != LowImportance || Prcb->DpcQueueDepth >= KI_LOW_IMPORTANCE_DEPTH);
}

// Queues the DPC with two arguments for its routine. Any IRQL. Returns FALSE if it is queued already.
BOOLEAN NTAPI KeInsertQueueDpc(PKDPC Dpc, PVOID SystemArgument1, PVOID SystemArgument2)
{
    PKPRCB Prcb = KiDpcTarget(Dpc);
    BOOLEAN Enable, Request;

    ASSERT(Dpc->Type == DpcObject || Dpc->Type == ThreadedDpcObject);
    Enable = KiLockDpcs(Prcb);
    if (InterlockedCompareExchangePointer(&Dpc->DpcData, Prcb, NULL) != NULL) {
        KiUnlockDpcs(Prcb, Enable);
        return FALSE;
    }
    Dpc->SystemArgument1 = SystemArgument1;
    Dpc->SystemArgument2 = SystemArgument2;
    Request = KiLinkDpc(Prcb, Dpc);
    if (Request && Prcb != KeGetCurrentPrcb()) {
        KiSendIpi(Prcb->SetMember, KI_IPI_DISPATCH);
        Request = FALSE;
    }
    KiUnlockDpcs(Prcb, Enable);
    if (Request)
        HalRequestSoftwareInterrupt(DISPATCH_LEVEL);
    return TRUE;
}

// Takes the DPC out of its queue before it runs. Any IRQL. Returns FALSE if it was not queued.
BOOLEAN NTAPI KeRemoveQueueDpc(PKDPC Dpc)
{
    PKPRCB Prcb;
    BOOLEAN Enable, Queued;

    while ((Prcb = *(PVOID volatile *)&Dpc->DpcData) != NULL) {
        Enable = KiLockDpcs(Prcb);
        Queued = Dpc->DpcData == Prcb; // else it has run meanwhile, and may be queued elsewhere
        if (Queued) {
            RemoveEntryList(&Dpc->DpcListEntry);
            if (Dpc->Type == DpcObject || Prcb->DpcThread == NULL)
                Prcb->DpcQueueDepth--;
            __atomic_store_n(&Dpc->DpcData, NULL, __ATOMIC_RELEASE);
        }
        KiUnlockDpcs(Prcb, Enable);
        if (Queued)
            return TRUE;
    }
    return FALSE;
}

// Returns when every DPC queued so far has run, on all processors. IRQL PASSIVE_LEVEL.
VOID NTAPI KeFlushQueuedDpcs(VOID)
{
    KAFFINITY Left;

    ASSERT_IRQL_EQUAL(PASSIVE_LEVEL);
    for (Left = KeActiveProcessors; Left != 0; Left &= Left - 1) {
        KeSetSystemAffinityThread(Left & -Left);
        HalRequestSoftwareInterrupt(DISPATCH_LEVEL);
        KiFlushThreadedDpcs();
    }
    KeRevertToUserAffinityThread();
}

// The next DPC of this processor, copied; NULL if there is none: the processor is then no longer at it, so that the next
// one to be queued asks for it again.
static PKDPC KiNextDpc(PKPRCB Prcb, PKDPC Copy)
{
    BOOLEAN Enable = KiLockDpcs(Prcb);
    PKDPC Dpc = NULL;

    if (!IsListEmpty(&Prcb->DpcListHead)) {
        Dpc = CONTAINING_RECORD(RemoveHeadList(&Prcb->DpcListHead), KDPC, DpcListEntry);
        *Copy = *Dpc;
        Prcb->DpcQueueDepth--;
        __atomic_store_n(&Dpc->DpcData, NULL, __ATOMIC_RELEASE); // from here on it may be queued again, or freed
    } else {
        Prcb->DpcRoutineActive = FALSE;
    }
    KiUnlockDpcs(Prcb, Enable);
    return Dpc;
}

// Runs the expired timers and every queued DPC, those queued meanwhile too. DISPATCH_LEVEL.
VOID KiRetireDpcList(VOID)
{
    PKPRCB Prcb = KeGetCurrentPrcb();
    KDPC Copy;
    PKDPC Dpc;

    Prcb->DpcRoutineActive = TRUE;
    for (;;) {
        if (Prcb->TimerRequest != 0) {
            Prcb->TimerRequest = 0;
            KiTimerExpiration();
        }
        Dpc = KiNextDpc(Prcb, &Copy);
        if (Dpc == NULL)
            break;
        Prcb->DpcCount++;
        KdTrace(DpcBegin, Copy.DeferredRoutine, Dpc, Copy.DeferredContext, 0);
        Copy.DeferredRoutine(Dpc, Copy.DeferredContext, Copy.SystemArgument1, Copy.SystemArgument2);
        KdTrace(DpcEnd, Copy.DeferredRoutine, 0, 0, 0);
        ASSERT(KeGetCurrentIrql() == DISPATCH_LEVEL);
    }
    if (Prcb->DpcThreadRequested)
        KiWakeDpcThread(Prcb);
}

// The software interrupt at DISPATCH_LEVEL: DPCs, then quantum end, then the switch to a more important thread.
VOID KiDispatchInterrupt(VOID)
{
    PKPRCB Prcb = KeGetCurrentPrcb();
    PEXCEPTION_REGISTRATION_RECORD Chain = KiGetExceptionList();

    KiSetExceptionList(EXCEPTION_CHAIN_END); // a DPC's exceptions are not the interrupted thread's
    KiRetireDpcList();
    KiSetExceptionList(Chain);
    if (Prcb->QuantumEnd) {
        Prcb->QuantumEnd = FALSE;
        KiQuantumEnd();
    } else if (Prcb->NextThread != NULL) {
        KiLockDispatcherAtDpcLevel();
        if (Prcb->NextThread != NULL)
            KiSwitchToNextThread();
        KiUnlockDispatcherFromDpcLevel();
    }
}
