// SPDX-License-Identifier: MIT
// IRP_MJ_CREATE_NAMED_PIPE: a new pipe, or one more instance of one that exists; the caller gets the server end.
// Source: SDK documentation (CreateNamedPipe), WDK (IRP_MJ_CREATE_NAMED_PIPE).

#include "npfs.h"

typedef struct _NP_REQUEST { // the parameters of a create, by better names
    PUNICODE_STRING Name;
    PNAMED_PIPE_CREATE_PARAMETERS Pipe;
    ULONG Disposition;
    ULONG Configuration;
    PFILE_OBJECT File;
} NP_REQUEST, *PNP_REQUEST;

// What clients may do is told by the share access.
static NTSTATUS NpConfiguration(USHORT ShareAccess, PULONG Configuration)
{
    switch (ShareAccess) {
    case FILE_SHARE_READ:
        *Configuration = FILE_PIPE_OUTBOUND;
        return STATUS_SUCCESS;
    case FILE_SHARE_WRITE:
        *Configuration = FILE_PIPE_INBOUND;
        return STATUS_SUCCESS;
    case FILE_SHARE_READ | FILE_SHARE_WRITE:
        *Configuration = FILE_PIPE_FULL_DUPLEX;
        return STATUS_SUCCESS;
    default:
        return STATUS_INVALID_PARAMETER;
    }
}

static BOOLEAN NpBadParameters(PNAMED_PIPE_CREATE_PARAMETERS Pipe)
{
    if (Pipe->NamedPipeType > FILE_PIPE_MESSAGE_TYPE || Pipe->ReadMode > FILE_PIPE_MESSAGE_MODE ||
        Pipe->CompletionMode > FILE_PIPE_COMPLETE_OPERATION || Pipe->MaximumInstances == 0)
        return TRUE;
    return Pipe->ReadMode == FILE_PIPE_MESSAGE_MODE && Pipe->NamedPipeType == FILE_PIPE_BYTE_STREAM_TYPE;
}

static PNP_FCB NpAllocateFcb(PNP_REQUEST Request)
{
    PNP_FCB Fcb = ExAllocatePoolZero(NonPagedPool, sizeof(NP_FCB) + Request->Name->Length, TAG_NPFS);

    if (Fcb == NULL)
        return NULL;
    InitializeListHead(&Fcb->Instances);
    Fcb->MaximumInstances = Request->Pipe->MaximumInstances;
    Fcb->Type = Request->Pipe->NamedPipeType;
    Fcb->Configuration = Request->Configuration;
    Fcb->DefaultTimeout = Request->Pipe->DefaultTimeout;
    Fcb->Name.Buffer = (PWSTR)(Fcb + 1);
    Fcb->Name.MaximumLength = Request->Name->Length;
    RtlCopyUnicodeString(&Fcb->Name, Request->Name);
    return Fcb;
}

static PNP_CCB NpAllocateCcb(PNP_REQUEST Request)
{
    PNP_CCB Ccb = ExAllocatePoolZero(NonPagedPool, sizeof(NP_CCB), TAG_NPFS);

    if (Ccb == NULL)
        return NULL;
    Ccb->State = FILE_PIPE_LISTENING_STATE;
    Ccb->ReadMode[FILE_PIPE_SERVER_END] = Request->Pipe->ReadMode;
    Ccb->CompletionMode[FILE_PIPE_SERVER_END] = Request->Pipe->CompletionMode;
    Ccb->References = 1;
    InitializeListHead(&Ccb->Listeners);
    NpInitializeQueue(&Ccb->Queue[FILE_PIPE_INBOUND], Request->Pipe->InboundQuota);
    NpInitializeQueue(&Ccb->Queue[FILE_PIPE_OUTBOUND], Request->Pipe->OutboundQuota);
    return Ccb;
}

static NTSTATUS NpCheckExisting(PNP_FCB Fcb, PNP_REQUEST Request)
{
    if (Request->Disposition == FILE_CREATE)
        return STATUS_ACCESS_DENIED;
    if (Fcb->Type != Request->Pipe->NamedPipeType || Fcb->Configuration != Request->Configuration)
        return STATUS_ACCESS_DENIED;
    return Fcb->CurrentInstances >= Fcb->MaximumInstances ? STATUS_INSTANCE_NOT_AVAILABLE : STATUS_SUCCESS;
}

static VOID NpLinkInstance(PNP_FCB Fcb, PNP_CCB Ccb, PFILE_OBJECT File)
{
    Ccb->Fcb = Fcb;
    Ccb->File[FILE_PIPE_SERVER_END] = File;
    Fcb->References++;
    Fcb->CurrentInstances++;
    InsertTailList(&Fcb->Instances, &Ccb->Link);
    File->FsContext = Ccb;
    File->FsContext2 = (PVOID)FILE_PIPE_SERVER_END;
    File->Flags |= FO_NAMED_PIPE;
}

// Links the instance to its pipe. *Fresh: the FCB to use if the pipe is new, set to NULL when it was used.
static NTSTATUS NpInsert(PNP_REQUEST Request, PNP_FCB *Fresh, PNP_CCB Ccb, PULONG Information)
{
    PNP_FCB Fcb;
    NTSTATUS Status;
    KIRQL OldIrql;

    KeAcquireSpinLock(&NpLock, &OldIrql);
    Fcb = NpFindPipe(Request->Name);
    if (Fcb != NULL) {
        *Information = FILE_OPENED;
        Status = NpCheckExisting(Fcb, Request);
    } else {
        *Information = FILE_CREATED;
        Status = Request->Disposition == FILE_OPEN ? STATUS_OBJECT_NAME_NOT_FOUND : STATUS_SUCCESS;
        if (NT_SUCCESS(Status)) {
            Fcb = *Fresh;
            *Fresh = NULL;
            InsertTailList(&NpPipes, &Fcb->Link);
        }
    }
    if (NT_SUCCESS(Status))
        NpLinkInstance(Fcb, Ccb, Request->File);
    KeReleaseSpinLock(&NpLock, OldIrql);
    return Status;
}

static NTSTATUS NpMakeInstance(PNP_REQUEST Request, PULONG Information)
{
    PNP_FCB Fcb = NpAllocateFcb(Request);
    PNP_CCB Ccb = NpAllocateCcb(Request);
    NTSTATUS Status = STATUS_INSUFFICIENT_RESOURCES;

    if (Fcb != NULL && Ccb != NULL)
        Status = NpInsert(Request, &Fcb, Ccb, Information);
    if (Fcb != NULL)
        ExFreePoolWithTag(Fcb, TAG_NPFS);
    if (Ccb != NULL && !NT_SUCCESS(Status))
        ExFreePoolWithTag(Ccb, TAG_NPFS);
    return Status;
}

// IRP_MJ_CREATE_NAMED_PIPE.
//
// PASSIVE_LEVEL. STATUS_INSTANCE_NOT_AVAILABLE, STATUS_ACCESS_DENIED (FILE_CREATE of an existing pipe, or another
// kind of pipe), STATUS_INVALID_PARAMETER.
NTSTATUS NTAPI NpCreateNamedPipe(PDEVICE_OBJECT Device, PIRP Irp)
{
    PIO_STACK_LOCATION Stack = IoGetCurrentIrpStackLocation(Irp);
    ULONG Information = 0;
    NP_REQUEST Request = {
        .Name = &Stack->FileObject->FileName,
        .Pipe = Stack->Parameters.CreatePipe.Parameters,
        .Disposition = Stack->Parameters.CreatePipe.Options >> 24,
        .File = Stack->FileObject,
    };
    NTSTATUS Status = NpConfiguration(Stack->Parameters.CreatePipe.ShareAccess, &Request.Configuration);

    UNREFERENCED_PARAMETER(Device);
    if (Request.Name->Length <= sizeof(WCHAR) || Stack->FileObject->RelatedFileObject != NULL)
        Status = STATUS_OBJECT_NAME_INVALID;
    else if (NT_SUCCESS(Status) && NpBadParameters(Request.Pipe))
        Status = STATUS_INVALID_PARAMETER;
    if (NT_SUCCESS(Status))
        Status = NpMakeInstance(&Request, &Information);
    return NpComplete(Irp, Status, NT_SUCCESS(Status) ? Information : 0);
}
