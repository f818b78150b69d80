// SPDX-License-Identifier: MIT
// Deferred procedure calls: work that an interrupt leaves for later, done at DISPATCH_LEVEL before any thread goes on.
// One queue per processor, run in order (high importance in front) when the IRQL falls below DISPATCH_LEVEL.
// The queue is changed with interrupts off, since service routines fill it. Source: WDK documentation.

#include "ki.h"

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
    Dpc->Number = (USHORT)(Number + 32);
}

static BOOLEAN KiLockDpcs(PKPRCB Prcb)
{
    BOOLEAN Enable = KeDisableInterrupts();

    while (__atomic_exchange_n(&Prcb->DpcLock, 1, __ATOMIC_ACQUIRE) != 0)
        YieldProcessor();
    return Enable;
}

static VOID KiUnlockDpcs(PKPRCB Prcb, BOOLEAN Enable)
{
    __atomic_store_n(&Prcb->DpcLock, 0, __ATOMIC_RELEASE);
    KeRestoreInterrupts(Enable);
}

// Queues the DPC with two arguments for its routine. Any IRQL. Returns FALSE if it is queued already.
BOOLEAN NTAPI KeInsertQueueDpc(PKDPC Dpc, PVOID SystemArgument1, PVOID SystemArgument2)
{
    PKPRCB Prcb = KeGetCurrentPrcb();
    BOOLEAN Enable, Inserted, Request = FALSE;

    ASSERT(Dpc->Type == DpcObject);
    Enable = KiLockDpcs(Prcb);
    Inserted = Dpc->DpcData == NULL;
    if (Inserted) {
        Dpc->DpcData = Prcb;
        Dpc->SystemArgument1 = SystemArgument1;
        Dpc->SystemArgument2 = SystemArgument2;
        Prcb->DpcQueueDepth++;
        if (Dpc->Importance == HighImportance)
            InsertHeadList(&Prcb->DpcListHead, &Dpc->DpcListEntry);
        else
            InsertTailList(&Prcb->DpcListHead, &Dpc->DpcListEntry);
        Request = !Prcb->DpcRoutineActive &&
                  (Dpc->Importance != LowImportance || Prcb->DpcQueueDepth >= KI_LOW_IMPORTANCE_DEPTH);
    }
    KiUnlockDpcs(Prcb, Enable);
    if (Request)
        HalRequestSoftwareInterrupt(DISPATCH_LEVEL);
    return Inserted;
}

// Takes the DPC out of its queue before it runs. Any IRQL. Returns FALSE if it was not queued.
BOOLEAN NTAPI KeRemoveQueueDpc(PKDPC Dpc)
{
    PKPRCB Prcb = KeGetCurrentPrcb();
    BOOLEAN Enable = KiLockDpcs(Prcb), Queued = Dpc->DpcData != NULL;

    if (Queued) {
        RemoveEntryList(&Dpc->DpcListEntry);
        Prcb->DpcQueueDepth--;
        Dpc->DpcData = NULL;
    }
    KiUnlockDpcs(Prcb, Enable);
    return Queued;
}

// Returns when every DPC queued so far has run. IRQL PASSIVE_LEVEL.
VOID NTAPI KeFlushQueuedDpcs(VOID)
{
    ASSERT_IRQL_EQUAL(PASSIVE_LEVEL);
    HalRequestSoftwareInterrupt(DISPATCH_LEVEL);
}

static PKDPC KiNextDpc(PKPRCB Prcb, PKDPC Copy)
{
    BOOLEAN Enable = KiLockDpcs(Prcb);
    PKDPC Dpc = NULL;

    if (!IsListEmpty(&Prcb->DpcListHead)) {
        Dpc = CONTAINING_RECORD(RemoveHeadList(&Prcb->DpcListHead), KDPC, DpcListEntry);
        *Copy = *Dpc;
        Dpc->DpcData = NULL; // from here on it may be queued again, or freed
        Prcb->DpcQueueDepth--;
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
    Prcb->DpcRoutineActive = FALSE;
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
