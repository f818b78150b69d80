// SPDX-License-Identifier: MIT
// Deferred procedure calls: work that an interrupt leaves for later, done at DISPATCH_LEVEL before any thread goes on.
// One queue per processor, run in order (high importance in front) when the IRQL falls below DISPATCH_LEVEL; another
// for threaded DPCs (dpcthread.c). A queue is changed with interrupts off, since service routines fill it. Source: WDK
// documentation.

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

// One of a processor's DPC lists. Any IRQL; interrupts are off meanwhile.
BOOLEAN KiLockDpcs(PKDPC_DATA Data)
{
    BOOLEAN Enable = KeDisableInterrupts();

    while (__atomic_exchange_n(&Data->DpcLock, 1, __ATOMIC_ACQUIRE) != 0)
        YieldProcessor();
    return Enable;
}

VOID KiUnlockDpcs(PKDPC_DATA Data, BOOLEAN Enable)
{
    __atomic_store_n(&Data->DpcLock, 0, __ATOMIC_RELEASE);
    KeRestoreInterrupts(Enable);
}

// The processor whose queue a DPC goes to. Interrupts may be on: any will do then.
static PKPRCB KiDpcTarget(PKDPC Dpc)
{
    if (Dpc->Number >= KI_DPC_TARGET && Dpc->Number - KI_DPC_TARGET < KeNumberProcessors)
        return KiProcessorBlock[Dpc->Number - KI_DPC_TARGET];
    return KeGetCurrentPrcb();
}

// Puts the DPC into a list of the processor's. Returns whether the processor has to be interrupted for it. The list's
// lock is held.
static BOOLEAN KiLinkDpc(PKPRCB Prcb, PKDPC_DATA Data, PKDPC Dpc)
{
    if (Dpc->Importance == HighImportance)
        InsertHeadList(&Data->DpcListHead, &Dpc->DpcListEntry);
    else
        InsertTailList(&Data->DpcListHead, &Dpc->DpcListEntry);
    Data->DpcQueueDepth++;
    if (Data == &Prcb->DpcData[DPC_THREADED]) {
        Prcb->DpcThreadRequested = TRUE;
        return TRUE;
    }
    return !Prcb->DpcRoutineActive &&
           (Dpc->Importance != LowImportance || Data->DpcQueueDepth >= KI_LOW_IMPORTANCE_DEPTH);
}

// Queues the DPC with two arguments for its routine. Any IRQL. Returns FALSE if it is queued already.
BOOLEAN NTAPI KeInsertQueueDpc(PKDPC Dpc, PVOID SystemArgument1, PVOID SystemArgument2)
{
    PKPRCB Prcb = KiDpcTarget(Dpc);
    BOOLEAN Threaded = Dpc->Type == ThreadedDpcObject && Prcb->DpcThread != NULL;
    PKDPC_DATA Data = &Prcb->DpcData[Threaded ? DPC_THREADED : DPC_NORMAL];
    BOOLEAN Enable, Request;

    ASSERT(Dpc->Type == DpcObject || Dpc->Type == ThreadedDpcObject);
    Enable = KiLockDpcs(Data);
    if (InterlockedCompareExchangePointer(&Dpc->DpcData, Data, NULL) != NULL) {
        KiUnlockDpcs(Data, Enable);
        return FALSE;
    }
    Dpc->SystemArgument1 = SystemArgument1;
    Dpc->SystemArgument2 = SystemArgument2;
    Request = KiLinkDpc(Prcb, Data, Dpc);
    if (Request && Prcb == KeGetCurrentPrcb())
        KiPostSoftwareInterrupt(DISPATCH_LEVEL); // before anything can take this thread to another processor
    else if (Request)
        KiSendIpi(Prcb->SetMember, KI_IPI_DISPATCH);
    KiUnlockDpcs(Data, Enable);
    KiLowerIrql(KeGetCurrentIrql());
    return TRUE;
}

// Takes the DPC out of its queue before it runs. Any IRQL. Returns FALSE if it was not queued.
BOOLEAN NTAPI KeRemoveQueueDpc(PKDPC Dpc)
{
    PKDPC_DATA Data;
    BOOLEAN Enable, Queued;

    while ((Data = *(PVOID volatile *)&Dpc->DpcData) != NULL) {
        Enable = KiLockDpcs(Data);
        Queued = Dpc->DpcData == Data; // else it has run meanwhile, and may be queued elsewhere
        if (Queued) {
            RemoveEntryList(&Dpc->DpcListEntry);
            Data->DpcQueueDepth--;
            __atomic_store_n(&Dpc->DpcData, NULL, __ATOMIC_RELEASE);
        }
        KiUnlockDpcs(Data, Enable);
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

// The list's next DPC, copied, for the original may be queued again, or freed, from now on. The lock is held. NULL:
// none.
PKDPC KiTakeDpc(PKDPC_DATA Data, PKDPC Copy)
{
    PKDPC Dpc;

    if (IsListEmpty(&Data->DpcListHead))
        return NULL;
    Dpc = CONTAINING_RECORD(RemoveHeadList(&Data->DpcListHead), KDPC, DpcListEntry);
    *Copy = *Dpc;
    Data->DpcQueueDepth--;
    Data->DpcCount++;
    __atomic_store_n(&Dpc->DpcData, NULL, __ATOMIC_RELEASE);
    return Dpc;
}

// The next DPC of this processor; NULL if there is none: the processor is then no longer at it, so that the next one to
// be queued asks for it again.
static PKDPC KiNextDpc(PKPRCB Prcb, PKDPC Copy)
{
    PKDPC_DATA Data = &Prcb->DpcData[DPC_NORMAL];
    BOOLEAN Enable = KiLockDpcs(Data);
    PKDPC Dpc = KiTakeDpc(Data, Copy);

    if (Dpc == NULL)
        Prcb->DpcRoutineActive = FALSE;
    KiUnlockDpcs(Data, Enable);
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
