// SPDX-License-Identifier: MIT
// The frame of a file service: reference the file and the caller's event, take the lock of a synchronous file object,
// send the IRP, wait or return STATUS_PENDING, undo what is left. Every service is IopBeginCall ... IopEndCall.

#include "iop.h"

// References the file, and the caller's event, which is reset.
//
// Access: what the handle must grant.   Event: may be NULL.   PASSIVE_LEVEL. IopEndCall undoes it, also after a
// failure.
NTSTATUS NTAPI IopReferenceCall(PIOP_CALL Call, HANDLE Handle, ACCESS_MASK Access, HANDLE Event)
{
    NTSTATUS Status = ObReferenceGrantedHandle(Handle, Access, IoFileObjectType, Call->Mode, (PVOID *)&Call->File,
                                               &Call->GrantedAccess);

    if (!NT_SUCCESS(Status)) {
        Call->File = NULL;
        return Status;
    }
    if (Event == NULL)
        return STATUS_SUCCESS;
    Status = ObReferenceHandle(Event, EVENT_MODIFY_STATE, ExEventObjectType, Call->Mode, (PVOID *)&Call->Event);
    if (NT_SUCCESS(Status))
        KeClearEvent(Call->Event);
    else
        Call->Event = NULL;
    return Status;
}

// Starts a service call: probes the status block and references the file (and the caller's event, which is reset).
//
// Access: what the handle must grant.   Event: may be NULL.   PASSIVE_LEVEL.
// On failure the caller still passes Call to IopEndCall.
NTSTATUS NTAPI IopBeginCall(PIOP_CALL Call, HANDLE Handle, ACCESS_MASK Access, HANDLE Event, PIO_APC_ROUTINE ApcRoutine,
                            PVOID ApcContext, PIO_STATUS_BLOCK IoStatus)
{
    NTSTATUS Status;

    PAGED_CODE();
    IopInitializeCall(Call, ApcRoutine, ApcContext, IoStatus);
    Status = IopTouchIoStatus(Call);
    if (!NT_SUCCESS(Status))
        return Status;
    return IopReferenceCall(Call, Handle, Access, Event);
}

// Allocates the call's IRP and fills in who asks; *Stack is the first driver's location.
//
// <= APC_LEVEL. STATUS_INSUFFICIENT_RESOURCES.
NTSTATUS NTAPI IopAllocateCallIrp(PIOP_CALL Call, UCHAR MajorFunction, PIO_STACK_LOCATION *Stack)
{
    PIRP Irp;

    if (Call->Device == NULL)
        Call->Device = IopTopDevice(Call->File);
    Irp = IoAllocateIrp(Call->Device->StackSize, FALSE);
    if (Irp == NULL)
        return STATUS_INSUFFICIENT_RESOURCES;
    Call->Irp = Irp;
    Irp->RequestorMode = Call->Mode;
    Irp->Tail.Overlay.Thread = PsGetCurrentThread();
    Irp->Tail.Overlay.OriginalFileObject = Call->File;
    Irp->UserIosb = Call->IoStatus;
    Irp->UserEvent = Call->Event;
    Irp->Overlay.AsynchronousParameters.UserApcRoutine = Call->ApcRoutine;
    Irp->Overlay.AsynchronousParameters.UserApcContext = Call->ApcContext;
    *Stack = IoGetNextIrpStackLocation(Irp);
    (*Stack)->MajorFunction = MajorFunction;
    (*Stack)->FileObject = Call->File;
    return STATUS_SUCCESS;
}

static NTSTATUS IopFinishInline(PIRP Irp, PFILE_OBJECT File)
{
    KIRQL OldIrql = KfRaiseIrql(APC_LEVEL);
    NTSTATUS Status = IopFinishIrp(Irp, File);

    KeLowerIrql(OldIrql);
    return Status;
}

// Waits for a pending IRP of this thread; an alert or the thread's termination cancels it.
static VOID IopWaitForIrp(PIOP_CALL Call, PIRP Irp, PKEVENT Event)
{
    BOOLEAN Alertable = (Call->File->Flags & FO_ALERTABLE_IO) != 0;
    NTSTATUS Status = KeWaitForSingleObject(Event, Executive, Call->Mode, Alertable, NULL);

    if (Status == STATUS_ALERTED || Status == STATUS_USER_APC)
        IopCancelAndWait(Irp, Event);
}

// Sends the call's IRP. On a synchronous file object (locked) it waits for the end; otherwise the driver's
// STATUS_PENDING goes back to the caller, whom event, APC and status block will tell.
//
// PASSIVE_LEVEL. The IRP, with its references to file and event, is gone afterwards.
NTSTATUS NTAPI IopSubmitCall(PIOP_CALL Call, IOP_TRANSFER Transfer)
{
    PIRP Irp = Call->Irp;
    NTSTATUS Status;

    Irp->Flags |= IRP_DEFER_IO_COMPLETION;
    ObReferenceObject(Call->File);
    Call->Irp = NULL;
    Call->Event = NULL;
    IopQueueThreadIrp(Irp);
    IopCountOperation(Transfer);
    KeClearEvent(&Call->File->Event);
    Status = IoCallDriver(Call->Device, Irp);
    if (Status != STATUS_PENDING)
        return IopFinishInline(Irp, Call->File);
    if (!Call->Locked)
        return Status;
    IopWaitForIrp(Call, Irp, &Call->File->Event);
    return Call->File->FinalStatus;
}

// Sends the call's IRP and waits, whatever kind of file object it is; the result goes to *Local, not to the caller's
// status block.
//
// PASSIVE_LEVEL. Returns Local->Status.
NTSTATUS NTAPI IopSubmitSynchronous(PIOP_CALL Call, PIO_STATUS_BLOCK Local)
{
    PIRP Irp = Call->Irp;
    KEVENT Done;
    NTSTATUS Status;

    ASSERT(Call->Event == NULL && Call->ApcRoutine == NULL);
    KeInitializeEvent(&Done, NotificationEvent, FALSE);
    Local->Status = STATUS_PENDING;
    Local->Information = 0;
    Irp->UserIosb = Local;
    Irp->UserEvent = &Done;
    Irp->Flags |= IRP_SYNCHRONOUS_API | IRP_DEFER_IO_COMPLETION;
    ObReferenceObject(Call->File);
    Call->Irp = NULL;
    IopQueueThreadIrp(Irp);
    IopCountOperation(IopOtherTransfer);
    Status = IoCallDriver(Call->Device, Irp);
    if (Status != STATUS_PENDING) {
        IO_STATUS_BLOCK Final = Irp->IoStatus;

        Final.Status = IopFinishInline(Irp, Call->File);
        *Local = Final;
        return Final.Status;
    }
    IopWaitForIrp(Call, Irp, &Done);
    return Local->Status;
}

// Ends a service call: frees what was not handed on, releases the lock and the file.
//
// PASSIVE_LEVEL. Returns Status, for "return IopEndCall(&Call, Status)".
NTSTATUS IopEndCall(PIOP_CALL Call, NTSTATUS Status)
{
    if (Call->Irp != NULL) {
        IopReleaseBuffers(Call->Irp);
        if (Call->Irp->Tail.Overlay.AuxiliaryBuffer != NULL)
            ExFreePool(Call->Irp->Tail.Overlay.AuxiliaryBuffer);
        IoFreeIrp(Call->Irp);
    }
    if (Call->Locked)
        IopReleaseFileLock(Call->File);
    if (Call->Event != NULL)
        ObReleaseObject(Call->Event);
    if (Call->File != NULL)
        ObReleaseObject(Call->File);
    return Status;
}
