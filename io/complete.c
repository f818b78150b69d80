// SPDX-License-Identifier: MIT
// The way of an IRP down (IofCallDriver) and up (IofCompleteRequest). Going up, each stack location's completion
// routine runs once, the last set first; any of them can stop the walk with STATUS_MORE_PROCESSING_REQUIRED and owns
// the IRP then.
// Source: WDK documentation (IoCallDriver, IoCompleteRequest, "Using IRP Completion Routines").

#include "iop.h"

// Passes an IRP to a driver: steps to the next stack location and calls the dispatch routine it asks for.
//
// <= DISPATCH_LEVEL (the driver's rules for the request apply). The driver owns the IRP from here on.
// Returns what the dispatch routine returned. Bugcheck 0x35 when there is no stack location left.
NTSTATUS FASTCALL IofCallDriver(PDEVICE_OBJECT Device, PIRP Irp)
{
    PIO_STACK_LOCATION Stack;

    ASSERT(Irp->Type == IO_TYPE_IRP);
    ASSERT(Device->Type == IO_TYPE_DEVICE);
    Irp->CurrentLocation--;
    if (Irp->CurrentLocation <= 0)
        KeBugCheckEx(NO_MORE_IRP_STACK_LOCATIONS, (ULONG_PTR)Irp, (ULONG_PTR)Device, 0, 0);
    Stack = --Irp->Tail.Overlay.CurrentStackLocation;
    Stack->DeviceObject = Device;
    ASSERT(Stack->MajorFunction <= IRP_MJ_MAXIMUM_FUNCTION);
    return Device->DriverObject->MajorFunction[Stack->MajorFunction](Device, Irp);
}

static BOOLEAN IopWantsCompletion(PIRP Irp, PIO_STACK_LOCATION Stack)
{
    if (Irp->Cancel && (Stack->Control & SL_INVOKE_ON_CANCEL))
        return TRUE;
    return (Stack->Control & (NT_SUCCESS(Irp->IoStatus.Status) ? SL_INVOKE_ON_SUCCESS : SL_INVOKE_ON_ERROR)) != 0;
}

// Runs the completion routines from the current location upwards. TRUE: all have run; FALSE: one keeps the IRP.
static BOOLEAN IopWalkCompletionRoutines(PIRP Irp)
{
    PIO_STACK_LOCATION Stack = Irp->Tail.Overlay.CurrentStackLocation;

    for (;; Stack++) {
        BOOLEAN Wanted;
        BOOLEAN Top;

        Irp->CurrentLocation++;
        Irp->Tail.Overlay.CurrentStackLocation++;
        if (Irp->CurrentLocation > Irp->StackCount + 1)
            return TRUE;
        Top = Irp->CurrentLocation == Irp->StackCount + 1;
        Irp->PendingReturned = (Stack->Control & SL_PENDING_RETURNED) != 0;
        Wanted = IopWantsCompletion(Irp, Stack);
        Stack->Control = 0;
        if (Wanted) {
            PDEVICE_OBJECT Device = Top ? NULL : IoGetCurrentIrpStackLocation(Irp)->DeviceObject;

            if (Stack->CompletionRoutine(Device, Irp, Stack->Context) == STATUS_MORE_PROCESSING_REQUIRED)
                return FALSE;
        } else if (Irp->PendingReturned && !Top) {
            IoMarkIrpPending(Irp);
        }
    }
}

// An associated IRP is home: frees it, and completes its master with the last one.
static VOID IopCompleteAssociated(PIRP Irp, CCHAR PriorityBoost)
{
    PIRP Master = Irp->AssociatedIrp.MasterIrp;
    LONG Left = InterlockedDecrement(&Master->AssociatedIrp.IrpCount);

    IopFreeIrpMdls(Irp);
    IoFreeIrp(Irp);
    if (Left == 0)
        IofCompleteRequest(Master, PriorityBoost);
}

// Paging I/O, close and mount requests: their maker waits on an event, or goes on and has left a routine, at any IRQL
// and perhaps with APCs off, so they end here and now.
static VOID IopCompleteInAnyContext(PIRP Irp, CCHAR PriorityBoost)
{
    PIO_APC_ROUTINE Routine = Irp->Overlay.AsynchronousParameters.UserApcRoutine;
    PVOID Context = Irp->Overlay.AsynchronousParameters.UserApcContext;
    PIO_STATUS_BLOCK Result = Irp->UserIosb;
    PKEVENT Event = Irp->UserEvent;
    IO_STATUS_BLOCK Status = Irp->IoStatus;

    if (__builtin_expect((KdTraceMask & KD_TRACE_PAGING) != 0, 0))
        IopTracePagingEnd(Irp);
    IoFreeIrp(Irp);
    *Result = Status;
    if (Event != NULL)
        KeSetEvent(Event, PriorityBoost, FALSE);
    else
        Routine(Context, Result, 0); // IoAsynchronousPageWrite's
}

// Hands the finished IRP to the thread that asked for it.
static VOID IopQueueCompletion(PIRP Irp, CCHAR PriorityBoost)
{
    PFILE_OBJECT File = Irp->Tail.Overlay.OriginalFileObject;
    PKTHREAD Thread = &Irp->Tail.Overlay.Thread->Tcb;

    ASSERT(Thread != NULL);
    KeInitializeApc(&Irp->Tail.Apc, Thread, Irp->ApcEnvironment, IopCompleteRequestApc, IopAbortRequestApc, NULL,
                    KernelMode, NULL);
    if (!KeInsertQueueApc(&Irp->Tail.Apc, File, NULL, PriorityBoost))
        IopDropIrp(Irp, File);
}

// Says that a driver is done with an IRP: IoStatus is final.
//
// PriorityBoost: for the thread that waits for it.   <= DISPATCH_LEVEL, no spin lock that a completion routine takes.
// The IRP must not be touched afterwards. Bugcheck 0x44 when it has been completed already.
VOID FASTCALL IofCompleteRequest(PIRP Irp, CCHAR PriorityBoost)
{
    ASSERT_IRQL_LESS_OR_EQUAL(DISPATCH_LEVEL);
    if (Irp->Type != IO_TYPE_IRP || Irp->CurrentLocation > Irp->StackCount + 1)
        KeBugCheckEx(MULTIPLE_IRP_COMPLETE_REQUESTS, (ULONG_PTR)Irp, __LINE__, 0, 0);
    if (Irp->CancelRoutine != NULL)
        KeBugCheckEx(CANCEL_STATE_IN_COMPLETED_IRP, (ULONG_PTR)Irp, (ULONG_PTR)Irp->CancelRoutine, 0, 0);
    ASSERT(Irp->IoStatus.Status != STATUS_PENDING);

    if (!IopWalkCompletionRoutines(Irp))
        return;
    if (Irp->Flags & IRP_ASSOCIATED_IRP) {
        IopCompleteAssociated(Irp, PriorityBoost);
        return;
    }
    if (Irp->Flags & (IRP_PAGING_IO | IRP_CLOSE_OPERATION)) {
        IopCompleteInAnyContext(Irp, PriorityBoost);
        return;
    }
    if (Irp->Tail.Overlay.AuxiliaryBuffer != NULL) { // the APC will lie over the pointer to it
        ExFreePool(Irp->Tail.Overlay.AuxiliaryBuffer);
        Irp->Tail.Overlay.AuxiliaryBuffer = NULL;
    }
    for (PMDL Mdl = Irp->MdlAddress; Mdl != NULL; Mdl = Mdl->Next) {
        if (Mdl->MdlFlags & MDL_PAGES_LOCKED)
            MmUnlockPages(Mdl);
    }
    if ((Irp->Flags & IRP_DEFER_IO_COMPLETION) && !Irp->PendingReturned)
        return;
    IopQueueCompletion(Irp, PriorityBoost);
}
