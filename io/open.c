// SPDX-License-Identifier: MIT
// The IRP_MJ_CREATE request (and its named-pipe form) that turns a fresh file object into an open file.
// Source: WDK documentation (IRP_MJ_CREATE).

#include "iop.h"

static VOID IopFillCreate(PIO_STACK_LOCATION Stack, PFILE_OBJECT File, POPEN_PACKET Packet,
                          PIO_SECURITY_CONTEXT Security, ULONG Attributes)
{
    Stack->MajorFunction = IRP_MJ_CREATE;
    Stack->FileObject = File;
    Stack->Flags = (UCHAR)(Packet->InternalOptions & IO_OPEN_TARGET_DIRECTORY ? SL_OPEN_TARGET_DIRECTORY : 0);
    if (Packet->InternalOptions & IO_OPEN_PAGING_FILE)
        Stack->Flags |= SL_OPEN_PAGING_FILE;
    if (!(Attributes & OBJ_CASE_INSENSITIVE))
        Stack->Flags |= SL_CASE_SENSITIVE;
    Stack->Parameters.Create.SecurityContext = Security;
    Stack->Parameters.Create.Options = (Packet->Disposition << 24) | (Packet->CreateOptions & FILE_VALID_OPTION_FLAGS);
    Stack->Parameters.Create.ShareAccess = Packet->ShareAccess;
    Stack->Parameters.Create.FileAttributes = Packet->FileAttributes;
    if (Packet->CreateFileType == CreateFileTypeNamedPipe) {
        Stack->MajorFunction = IRP_MJ_CREATE_NAMED_PIPE;
        Stack->Parameters.CreatePipe.Reserved = 0;
        Stack->Parameters.CreatePipe.Parameters = Packet->ExtraCreateParameters;
    }
}

// Asks Device to open File and waits for the answer, which also goes to Packet->FinalStatus and Packet->Information.
//
// PASSIVE_LEVEL. The driver's status; STATUS_IO_REPARSE_TAG_NOT_HANDLED if it wants the name looked up again.
NTSTATUS NTAPI IopSendCreate(PFILE_OBJECT File, PDEVICE_OBJECT Device, POPEN_PACKET Packet,
                             PIO_SECURITY_CONTEXT Security, ULONG Attributes, KPROCESSOR_MODE Mode)
{
    IOP_CALL Call = {.File = File, .Device = Device, .Mode = KernelMode};
    IO_STATUS_BLOCK Result;
    PIO_STACK_LOCATION Stack;
    NTSTATUS Status = IopAllocateCallIrp(&Call, IRP_MJ_CREATE, &Stack);

    if (!NT_SUCCESS(Status))
        return Status;
    IopFillCreate(Stack, File, Packet, Security, Attributes);
    Call.Irp->RequestorMode = Mode;
    Call.Irp->Flags |= IRP_CREATE_OPERATION;
    Call.Irp->Overlay.AllocationSize = Packet->AllocationSize;
    Status = IopSubmitSynchronous(&Call, &Result);
    if (Status == STATUS_REPARSE)
        Status = STATUS_IO_REPARSE_TAG_NOT_HANDLED;
    Packet->FinalStatus = Status;
    Packet->Information = Result.Information;
    return Status;
}
