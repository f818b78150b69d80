// SPDX-License-Identifier: MIT
// The last station of an IRP, in the address space of the thread that asked: data goes from the system buffer to the
// caller's, the status block, events and the caller's APC follow, and the references the IRP held are dropped. Runs as
// a special kernel APC, or directly when a service finds the request finished (deferred completion).
// Source: Windows Internals, "I/O completion"; WDK documentation (IRP_DEFER_IO_COMPLETION is not described further).

#include "iop.h"

static BOOLEAN IopIsSynchronous(PIRP Irp, PFILE_OBJECT File)
{
    return (Irp->Flags & IRP_SYNCHRONOUS_API) || (File != NULL && (File->Flags & FO_SYNCHRONOUS_IO));
}

// Buffered input goes to the caller's buffer; a caller who took that buffer away gets the exception as status.
static VOID IopReturnBuffer(PIRP Irp)
{
    NTSTATUS Status = Irp->IoStatus.Status;

    if ((Irp->Flags & (IRP_BUFFERED_IO | IRP_INPUT_OPERATION)) != (IRP_BUFFERED_IO | IRP_INPUT_OPERATION))
        return;
    if (NT_ERROR(Status) || Irp->IoStatus.Information == 0)
        return;
    SEH_TRY
    {
        memcpy(Irp->UserBuffer, Irp->AssociatedIrp.SystemBuffer, Irp->IoStatus.Information);
    }
    SEH_EXCEPT
    {
        Irp->IoStatus.Status = SEH_CODE();
        Irp->IoStatus.Information = 0;
    }
    SEH_END
}

// Frees the MDLs of an IRP; their pages have been unlocked by IofCompleteRequest.
//
// <= DISPATCH_LEVEL.
VOID IopFreeIrpMdls(PIRP Irp)
{
    PMDL Next;

    for (PMDL Mdl = Irp->MdlAddress; Mdl != NULL; Mdl = Next) {
        Next = Mdl->Next;
        if (Mdl->MdlFlags & MDL_PAGES_LOCKED)
            MmUnlockPages(Mdl);
        IoFreeMdl(Mdl);
    }
    Irp->MdlAddress = NULL;
}

static VOID IopCountIrp(PIRP Irp)
{
    IOP_TRANSFER Transfer = IopOtherTransfer;

    if (Irp->Flags & IRP_READ_OPERATION)
        Transfer = IopReadTransfer;
    else if (Irp->Flags & IRP_WRITE_OPERATION)
        Transfer = IopWriteTransfer;
    if (!NT_ERROR(Irp->IoStatus.Status) && !(Irp->Flags & IRP_CREATE_OPERATION))
        IopCountTransfer(Transfer, Irp->IoStatus.Information);
}

// The caller's own APC ran, or never will: the IRP it travelled in is free.
static VOID NTAPI IopUserApcDone(PKAPC Apc, PKNORMAL_ROUTINE *NormalRoutine, PVOID *NormalContext, PVOID *Argument1,
                                 PVOID *Argument2)
{
    UNREFERENCED_PARAMETER(NormalRoutine);
    UNREFERENCED_PARAMETER(NormalContext);
    UNREFERENCED_PARAMETER(Argument1);
    UNREFERENCED_PARAMETER(Argument2);
    IoFreeIrp(CONTAINING_RECORD(Apc, IRP, Tail.Apc));
}

static VOID NTAPI IopUserApcRundown(PKAPC Apc)
{
    IoFreeIrp(CONTAINING_RECORD(Apc, IRP, Tail.Apc));
}

// Gives the IRP its last work: to carry the caller's APC to the caller.
static VOID IopQueueUserApc(PIRP Irp)
{
    PIO_APC_ROUTINE Routine = Irp->Overlay.AsynchronousParameters.UserApcRoutine;
    PVOID Context = Irp->Overlay.AsynchronousParameters.UserApcContext;

    KeInitializeApc(&Irp->Tail.Apc, KeGetCurrentThread(), CurrentApcEnvironment, IopUserApcDone, IopUserApcRundown,
                    (PKNORMAL_ROUTINE)(PVOID)Routine, Irp->RequestorMode, Context); // same shape, typed arguments
    if (!KeInsertQueueApc(&Irp->Tail.Apc, Irp->UserIosb, NULL, IO_NO_INCREMENT))
        IoFreeIrp(Irp);
}

// Writes the status block and signals: the caller's event, and the file's where somebody waits for it.
static VOID IopReportCompletion(PIRP Irp, PFILE_OBJECT File)
{
    BOOLEAN SignalFile = File != NULL && Irp->UserEvent == NULL;

    IGNORE_STATUS(IopWriteIoStatus(Irp->UserIosb, &Irp->IoStatus)); // the caller took it away: its loss
    if (File != NULL && (File->Flags & FO_SYNCHRONOUS_IO) && !(Irp->Flags & IRP_SYNCHRONOUS_API))
        SignalFile = TRUE;
    if (Irp->UserEvent != NULL)
        KeSetEvent(Irp->UserEvent, IO_NO_INCREMENT, FALSE);
    if (SignalFile) {
        File->FinalStatus = Irp->IoStatus.Status;
        KeSetEvent(&File->Event, IO_NO_INCREMENT, FALSE);
    }
}

// A synchronous file object's position moves on by what was transferred. The first driver's stack location still holds
// the offset (a file system that resolves "end of file" writes the real one there, or moves the position itself).
static VOID IopAdvancePosition(PIRP Irp, PFILE_OBJECT File)
{
    PIO_STACK_LOCATION First = (PIO_STACK_LOCATION)(Irp + 1) + Irp->StackCount - 1;

    if (File == NULL || !(File->Flags & FO_SYNCHRONOUS_IO) ||
        !(Irp->Flags & (IRP_READ_OPERATION | IRP_WRITE_OPERATION)))
        return;
    if (NT_ERROR(Irp->IoStatus.Status) || First->Parameters.Read.ByteOffset.QuadPart < 0)
        return;
    File->CurrentByteOffset.QuadPart = First->Parameters.Read.ByteOffset.QuadPart + Irp->IoStatus.Information;
}

// Finishes an IRP in the context of the thread that asked for it and frees it.
//
// File: the file object it was sent to, whose reference (and that to the caller's event) is dropped, or NULL.
// APC_LEVEL. An error that the service itself returns is not reported a second time through event and APC, as in NT.
// Returns the final status: the driver's, or that of the copy to a buffer that the caller took away.
NTSTATUS IopFinishIrp(PIRP Irp, PFILE_OBJECT File)
{
    PKEVENT Event = Irp->UserEvent;
    BOOLEAN OwnsEvent = File != NULL && Event != NULL && !(Irp->Flags & IRP_SYNCHRONOUS_API);
    BOOLEAN Failed, SendApc;
    NTSTATUS Status;

    ASSERT_IRQL_EQUAL(APC_LEVEL);
    IopReturnBuffer(Irp);
    IopReleaseBuffers(Irp);
    IopCountIrp(Irp);
    IopAdvancePosition(Irp, File);
    IopDequeueThreadIrp(Irp);

    Status = Irp->IoStatus.Status;
    Failed = NT_ERROR(Status);
    if (!Failed || Irp->PendingReturned || File == NULL)
        IopReportCompletion(Irp, File);
    SendApc = Irp->Overlay.AsynchronousParameters.UserApcRoutine != NULL && !(Irp->Flags & IRP_CREATE_OPERATION) &&
              (!Failed || (Irp->PendingReturned && !IopIsSynchronous(Irp, File)));
    if (SendApc)
        IopQueueUserApc(Irp);
    else
        IoFreeIrp(Irp);
    if (OwnsEvent)
        ObDereferenceObject(Event);
    if (File != NULL)
        ObDereferenceObject(File);
    return Status;
}

// The special kernel APC that IofCompleteRequest sends. SystemArgument1 is the file object.
//
// APC_LEVEL, in the requesting thread.
VOID NTAPI IopCompleteRequestApc(PKAPC Apc, PKNORMAL_ROUTINE *NormalRoutine, PVOID *NormalContext,
                                 PVOID *SystemArgument1, PVOID *SystemArgument2)
{
    UNREFERENCED_PARAMETER(NormalRoutine);
    UNREFERENCED_PARAMETER(NormalContext);
    UNREFERENCED_PARAMETER(SystemArgument2);
    IopFinishIrp(CONTAINING_RECORD(Apc, IRP, Tail.Apc), *SystemArgument1);
}

// The thread ends before the APC could run.
//
// <= APC_LEVEL, in the requesting thread.
VOID NTAPI IopAbortRequestApc(PKAPC Apc)
{
    KIRQL OldIrql = KfRaiseIrql(APC_LEVEL);

    IopFinishIrp(CONTAINING_RECORD(Apc, IRP, Tail.Apc), Apc->SystemArgument1);
    KeLowerIrql(OldIrql);
}

// The thread takes no APCs any more: frees the IRP and what it holds, tells nobody.
//
// <= DISPATCH_LEVEL, any context.
VOID IopDropIrp(PIRP Irp, PFILE_OBJECT File)
{
    PKEVENT Event = (File != NULL && !(Irp->Flags & IRP_SYNCHRONOUS_API)) ? Irp->UserEvent : NULL;

    InitializeListHead(&Irp->ThreadListEntry);
    IopReleaseBuffers(Irp);
    IoFreeIrp(Irp);
    if (Event != NULL)
        ObDereferenceObject(Event);
    if (File != NULL)
        ObDereferenceObject(File);
}
