// SPDX-License-Identifier: MIT
// Pipe controls: listen, disconnect, peek.
// Source: WDK documentation (FSCTL_PIPE_*), SDK (ConnectNamedPipe, DisconnectNamedPipe, PeekNamedPipe).

#include "npfs.h"

// Waits for a client. Server end only.
static NTSTATUS NpListen(PNP_CCB Ccb, PIRP Irp, PNP_ENTRY *Entry, PLIST_ENTRY Done)
{
    PNP_ENTRY Own = *Entry;

    switch (Ccb->State) {
    case FILE_PIPE_CONNECTED_STATE:
        return STATUS_PIPE_CONNECTED;
    case FILE_PIPE_CLOSING_STATE:
        return STATUS_PIPE_CLOSING;
    default:
        Ccb->State = FILE_PIPE_LISTENING_STATE;
        if (Ccb->CompletionMode[FILE_PIPE_SERVER_END] == FILE_PIPE_COMPLETE_OPERATION)
            return STATUS_PIPE_LISTENING;
        *Entry = NULL;
        return NpPend(Own, &Ccb->Listeners, Irp, Done);
    }
}

// Throws the client off; the server end can listen again. Server end only.
static NTSTATUS NpDisconnect(PNP_CCB Ccb, PLIST_ENTRY Done)
{
    if (Ccb->State == FILE_PIPE_DISCONNECTED_STATE)
        return STATUS_PIPE_DISCONNECTED;
    NpFailList(&Ccb->Listeners, STATUS_PIPE_DISCONNECTED, Done);
    NpDiscardQueue(&Ccb->Queue[0], STATUS_PIPE_DISCONNECTED, Done);
    NpDiscardQueue(&Ccb->Queue[1], STATUS_PIPE_DISCONNECTED, Done);
    Ccb->File[FILE_PIPE_CLIENT_END] = NULL;
    Ccb->State = FILE_PIPE_DISCONNECTED_STATE;
    return STATUS_SUCCESS;
}

static NTSTATUS NpPeek(PNP_CCB Ccb, PIRP Irp, ULONG End)
{
    PIO_STACK_LOCATION Stack = IoGetCurrentIrpStackLocation(Irp);
    ULONG Room = Stack->Parameters.FileSystemControl.OutputBufferLength;
    PFILE_PIPE_PEEK_BUFFER Peek = Irp->AssociatedIrp.SystemBuffer;
    BOOLEAN MessageMode = Ccb->ReadMode[End] == FILE_PIPE_MESSAGE_MODE;
    PNP_QUEUE Queue = &Ccb->Queue[1 - End];
    ULONG Copied, First, Messages, Whole;

    if (Room < (ULONG)FIELD_OFFSET(FILE_PIPE_PEEK_BUFFER, Data))
        return STATUS_INVALID_PARAMETER;
    if (Ccb->State == FILE_PIPE_LISTENING_STATE || Ccb->State == FILE_PIPE_DISCONNECTED_STATE)
        return STATUS_INVALID_PIPE_STATE;
    if (Ccb->State == FILE_PIPE_CLOSING_STATE && !NpHasData(Queue))
        return STATUS_PIPE_BROKEN;
    Copied = NpPeekQueue(Queue, Peek->Data, Room - FIELD_OFFSET(FILE_PIPE_PEEK_BUFFER, Data), MessageMode, &First,
                         &Messages);
    Whole = MessageMode ? First : Queue->Available;
    Peek->NamedPipeState = Ccb->State;
    Peek->ReadDataAvailable = Queue->Available;
    Peek->NumberOfMessages = MessageMode ? Messages : 0;
    Peek->MessageLength = MessageMode ? First : 0;
    Irp->IoStatus.Information = FIELD_OFFSET(FILE_PIPE_PEEK_BUFFER, Data) + Copied;
    return Copied < Whole ? STATUS_BUFFER_OVERFLOW : STATUS_SUCCESS;
}

static NTSTATUS NpControlLocked(PNP_CCB Ccb, PIRP Irp, PNP_ENTRY *Entry, PLIST_ENTRY Done)
{
    PIO_STACK_LOCATION Stack = IoGetCurrentIrpStackLocation(Irp);
    ULONG End = NpEnd(Stack->FileObject);

    if (Ccb->File[End] != Stack->FileObject)
        return STATUS_PIPE_DISCONNECTED;
    switch (Stack->Parameters.FileSystemControl.FsControlCode) {
    case FSCTL_PIPE_PEEK:
        return NpPeek(Ccb, Irp, End);
    case FSCTL_PIPE_LISTEN:
        return End == FILE_PIPE_SERVER_END ? NpListen(Ccb, Irp, Entry, Done) : STATUS_ILLEGAL_FUNCTION;
    case FSCTL_PIPE_DISCONNECT:
        return End == FILE_PIPE_SERVER_END ? NpDisconnect(Ccb, Done) : STATUS_ILLEGAL_FUNCTION;
    default:
        return STATUS_NOT_SUPPORTED;
    }
}

// IRP_MJ_FILE_SYSTEM_CONTROL.
//
// PASSIVE_LEVEL. STATUS_PIPE_CONNECTED from a listen that a client came before; STATUS_NOT_SUPPORTED for other
// controls.
NTSTATUS NTAPI NpFsControl(PDEVICE_OBJECT Device, PIRP Irp)
{
    PFILE_OBJECT File = IoGetCurrentIrpStackLocation(Irp)->FileObject;
    PNP_ENTRY Entry;
    LIST_ENTRY Done;
    NTSTATUS Status;
    KIRQL OldIrql;

    UNREFERENCED_PARAMETER(Device);
    if (File == NULL || NpCcb(File) == NULL) // a request to mount, or one on the root
        return NpComplete(Irp, STATUS_INVALID_DEVICE_REQUEST, 0);
    Entry = NpAllocateEntry(0);
    if (Entry == NULL)
        return NpComplete(Irp, STATUS_INSUFFICIENT_RESOURCES, 0);
    InitializeListHead(&Done);
    Irp->IoStatus.Information = 0;
    KeAcquireSpinLock(&NpLock, &OldIrql);
    Status = NpControlLocked(NpCcb(File), Irp, &Entry, &Done);
    KeReleaseSpinLock(&NpLock, OldIrql);
    if (Entry != NULL)
        NpFreeEntry(Entry);
    NpCompleteAll(&Done);
    return Status == STATUS_PENDING ? Status : NpComplete(Irp, Status, Irp->IoStatus.Information);
}
