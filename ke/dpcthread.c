// SPDX-License-Identifier: MIT
// Threaded DPCs: run at PASSIVE_LEVEL by a thread of the highest priority on their processor, so that ordinary DPCs and
// interrupts go on meanwhile. Until the threads exist they run as ordinary ones, as the documentation lets them.
// Source: WDK, "Introduction to Threaded DPCs".

#include "ki.h"

// Any IRQL.
VOID NTAPI KeInitializeThreadedDpc(PKDPC Dpc, PKDEFERRED_ROUTINE Routine, PVOID Context)
{
    KeInitializeDpc(Dpc, Routine, Context);
    Dpc->Type = ThreadedDpcObject;
}

// A threaded DPC has been queued. DISPATCH_LEVEL.
VOID KiWakeDpcThread(PKPRCB Prcb)
{
    Prcb->DpcThreadRequested = FALSE;
    KeSetEvent(&Prcb->DpcEvent, 0, FALSE);
}

static BOOLEAN KiRunThreadedDpc(PKPRCB Prcb)
{
    PKDPC_DATA Data = &Prcb->DpcData[DPC_THREADED];
    BOOLEAN Enable = KiLockDpcs(Data);
    KDPC Copy;
    PKDPC Dpc = KiTakeDpc(Data, &Copy);

    KiUnlockDpcs(Data, Enable);
    if (Dpc == NULL)
        return FALSE;
    Copy.DeferredRoutine(Dpc, Copy.DeferredContext, Copy.SystemArgument1, Copy.SystemArgument2);
    ASSERT(KeGetCurrentIrql() == PASSIVE_LEVEL);
    return TRUE;
}

static VOID NTAPI KiDpcThread(PVOID Context)
{
    PKPRCB Prcb = Context;

    (VOID) KeSetAffinityThread(KeGetCurrentThread(), Prcb->SetMember);
    (VOID) KeSetPriorityThread(KeGetCurrentThread(), HIGH_PRIORITY);
    Prcb->DpcThread = KeGetCurrentThread();
    for (;;) {
        KeWaitForever(&Prcb->DpcEvent, WrKernel);
        while (KiRunThreadedDpc(Prcb))
            continue;
    }
}

// Returns when the threaded DPCs queued so far to this processor have run; the current thread is bound to it. The
// thread that runs them is more important than any other here, unless that one is at the highest priority too: so it is
// not enough that the list is empty, the thread has to be back at its event.
VOID KiFlushThreadedDpcs(VOID)
{
    LARGE_INTEGER Moment = {.QuadPart = -1};
    PKPRCB Prcb = KeGetCurrentPrcb();

    while (Prcb->DpcData[DPC_THREADED].DpcQueueDepth != 0 ||
           (Prcb->DpcThread != NULL && Prcb->DpcThread->State != Waiting))
        IGNORE_STATUS(KeDelayExecutionThread(KernelMode, FALSE, &Moment));
}

// A thread for each processor. Phase 1, PASSIVE_LEVEL. FALSE: no memory.
BOOLEAN KiStartDpcThreads(VOID)
{
    ULONG Number;
    HANDLE Handle;

    for (Number = 0; Number < (ULONG)KeNumberProcessors; Number++) {
        KeInitializeEvent(&KiProcessorBlock[Number]->DpcEvent, SynchronizationEvent, FALSE);
        if (!NT_SUCCESS(PsCreateSystemThread(&Handle, THREAD_ALL_ACCESS, NULL, NULL, NULL, KiDpcThread,
                                             KiProcessorBlock[Number])))
            return FALSE;
        ZwClose(Handle);
    }
    return TRUE;
}
