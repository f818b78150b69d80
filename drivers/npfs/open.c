// SPDX-License-Identifier: MIT
// IRP_MJ_CREATE: a client connects to an instance that listens. The device itself and its root can be opened too.
// Source: SDK documentation (CreateFile on pipes, WaitNamedPipe).

#include "npfs.h"

static NTSTATUS NpCheckClientAccess(PNP_FCB Fcb, ACCESS_MASK Access)
{
    if (Fcb->Configuration == FILE_PIPE_INBOUND && (Access & FILE_READ_DATA))
        return STATUS_ACCESS_DENIED;
    if (Fcb->Configuration == FILE_PIPE_OUTBOUND && (Access & FILE_WRITE_DATA))
        return STATUS_ACCESS_DENIED;
    return STATUS_SUCCESS;
}

static PNP_CCB NpFindListening(PNP_FCB Fcb)
{
    for (PLIST_ENTRY Link = Fcb->Instances.Flink; Link != &Fcb->Instances; Link = Link->Flink) {
        PNP_CCB Ccb = CONTAINING_RECORD(Link, NP_CCB, Link);

        if (Ccb->State == FILE_PIPE_LISTENING_STATE)
            return Ccb;
    }
    return NULL;
}

static VOID NpConnect(PNP_CCB Ccb, PFILE_OBJECT File, PLIST_ENTRY Done)
{
    Ccb->State = FILE_PIPE_CONNECTED_STATE;
    Ccb->File[FILE_PIPE_CLIENT_END] = File;
    Ccb->ReadMode[FILE_PIPE_CLIENT_END] = FILE_PIPE_BYTE_STREAM_MODE;
    Ccb->CompletionMode[FILE_PIPE_CLIENT_END] = FILE_PIPE_QUEUE_OPERATION;
    Ccb->References++;
    File->FsContext = Ccb;
    File->FsContext2 = (PVOID)FILE_PIPE_CLIENT_END;
    File->Flags |= FO_NAMED_PIPE;
    NpFailList(&Ccb->Listeners, STATUS_SUCCESS, Done); // a listen ends well with a client
}

static NTSTATUS NpOpenClient(PFILE_OBJECT File, ACCESS_MASK Access, PLIST_ENTRY Done)
{
    PNP_FCB Fcb = NpFindPipe(&File->FileName);
    PNP_CCB Ccb;
    NTSTATUS Status;

    if (Fcb == NULL)
        return STATUS_OBJECT_NAME_NOT_FOUND;
    Status = NpCheckClientAccess(Fcb, Access);
    if (!NT_SUCCESS(Status))
        return Status;
    Ccb = NpFindListening(Fcb);
    if (Ccb == NULL)
        return STATUS_PIPE_NOT_AVAILABLE;
    NpConnect(Ccb, File, Done);
    return STATUS_SUCCESS;
}

// IRP_MJ_CREATE.
//
// PASSIVE_LEVEL. STATUS_OBJECT_NAME_NOT_FOUND, STATUS_PIPE_NOT_AVAILABLE (no instance listens), STATUS_ACCESS_DENIED
// (the pipe does not go in that direction).
NTSTATUS NTAPI NpCreate(PDEVICE_OBJECT Device, PIRP Irp)
{
    PIO_STACK_LOCATION Stack = IoGetCurrentIrpStackLocation(Irp);
    PFILE_OBJECT File = Stack->FileObject;
    LIST_ENTRY Done;
    NTSTATUS Status;
    KIRQL OldIrql;

    UNREFERENCED_PARAMETER(Device);
    if (File->RelatedFileObject != NULL)
        return NpComplete(Irp, STATUS_OBJECT_NAME_INVALID, 0);
    if (File->FileName.Length <= sizeof(WCHAR)) // \Device\NamedPipe, with or without a backslash
        return NpComplete(Irp, STATUS_SUCCESS, FILE_OPENED);
    if (Stack->Parameters.Create.Options & FILE_DIRECTORY_FILE)
        return NpComplete(Irp, STATUS_INVALID_PARAMETER, 0);
    InitializeListHead(&Done);
    KeAcquireSpinLock(&NpLock, &OldIrql);
    Status = NpOpenClient(File, Stack->Parameters.Create.SecurityContext->DesiredAccess, &Done);
    KeReleaseSpinLock(&NpLock, OldIrql);
    NpCompleteAll(&Done);
    return NpComplete(Irp, Status, NT_SUCCESS(Status) ? FILE_OPENED : 0);
}
