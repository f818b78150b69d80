// SPDX-License-Identifier: MIT
// Reading, writing and flushing an end of a pipe.
// Source: SDK documentation (ReadFile, WriteFile, FlushFileBuffers on pipes; "Named Pipe Type, Read, and Wait Modes").

#include "npfs.h"

// Is this file an end of its instance, and in a state for I/O? Closing is: what has been written may be read.
static NTSTATUS NpCheckEnd(PFILE_OBJECT File, PNP_CCB Ccb)
{
    if (Ccb->File[NpEnd(File)] != File)
        return STATUS_PIPE_DISCONNECTED;
    if (Ccb->State == FILE_PIPE_LISTENING_STATE)
        return STATUS_PIPE_LISTENING;
    return Ccb->State == FILE_PIPE_DISCONNECTED_STATE ? STATUS_PIPE_DISCONNECTED : STATUS_SUCCESS;
}

// A one-way pipe does not go against its direction.
static BOOLEAN NpWrongWay(PNP_CCB Ccb, ULONG WriterEnd)
{
    if (Ccb->Fcb->Configuration == FILE_PIPE_FULL_DUPLEX)
        return FALSE;
    return Ccb->Fcb->Configuration != WriterEnd; // INBOUND: the client writes; OUTBOUND: the server
}

static NTSTATUS NpReadLocked(PNP_CCB Ccb, PIRP Irp, PNP_ENTRY *Entry, PLIST_ENTRY Done)
{
    PIO_STACK_LOCATION Stack = IoGetCurrentIrpStackLocation(Irp);
    ULONG End = NpEnd(Stack->FileObject), Length = Stack->Parameters.Read.Length, Copied;
    PNP_QUEUE Queue = &Ccb->Queue[1 - End];
    NTSTATUS Status = NpCheckEnd(Stack->FileObject, Ccb);

    if (!NT_SUCCESS(Status))
        return Status;
    if (NpWrongWay(Ccb, 1 - End))
        return STATUS_INVALID_PARAMETER;
    if (NpHasData(Queue)) {
        Status = NpReadQueue(Queue, Irp->AssociatedIrp.SystemBuffer, Length,
                             Ccb->ReadMode[End] == FILE_PIPE_MESSAGE_MODE, &Copied, Done);
        Irp->IoStatus.Information = Copied;
        return Status;
    }
    if (Ccb->State == FILE_PIPE_CLOSING_STATE)
        return STATUS_PIPE_BROKEN;
    if (Ccb->CompletionMode[End] == FILE_PIPE_COMPLETE_OPERATION)
        return STATUS_PIPE_EMPTY;
    (*Entry)->Length = Length;
    NpPend(*Entry, &Queue->Readers, Irp, Done);
    *Entry = NULL;
    return STATUS_PENDING;
}

// Puts what no reader has taken into the queue, or lets the write wait for room.
static NTSTATUS NpEnqueue(PNP_QUEUE Queue, PIRP Irp, BOOLEAN MayWait, ULONG Offset, PNP_ENTRY *Entry, PLIST_ENTRY Done)
{
    ULONG Length = IoGetCurrentIrpStackLocation(Irp)->Parameters.Write.Length, Left = Length - Offset;
    PNP_ENTRY Own = *Entry;

    Own->Queue = Queue;
    if (Left <= Queue->Quota && Queue->Buffered <= Queue->Quota - Left) {
        Own->Length = Left;
        memcpy(Own->Data, (PCHAR)Irp->AssociatedIrp.SystemBuffer + Offset, Left);
        InsertTailList(&Queue->Entries, &Own->Link);
        Queue->Buffered += Left;
        Queue->Available += Left;
        *Entry = NULL;
        Irp->IoStatus.Information = Length;
        return STATUS_SUCCESS;
    }
    Irp->IoStatus.Information = Offset;
    if (!MayWait)
        return STATUS_SUCCESS;
    Own->Length = Length;
    Own->Done = Offset;
    Own->Data = Irp->AssociatedIrp.SystemBuffer;
    *Entry = NULL;
    return NpPend(Own, &Queue->Entries, Irp, Done);
}

static NTSTATUS NpWriteLocked(PNP_CCB Ccb, PIRP Irp, PNP_ENTRY *Entry, PLIST_ENTRY Done)
{
    PIO_STACK_LOCATION Stack = IoGetCurrentIrpStackLocation(Irp);
    ULONG End = NpEnd(Stack->FileObject), Length = Stack->Parameters.Write.Length, Taken;
    BOOLEAN MessageMode = Ccb->ReadMode[1 - End] == FILE_PIPE_MESSAGE_MODE;
    NTSTATUS Status = NpCheckEnd(Stack->FileObject, Ccb);

    if (!NT_SUCCESS(Status))
        return Status;
    if (NpWrongWay(Ccb, End))
        return STATUS_INVALID_PARAMETER;
    if (Ccb->State == FILE_PIPE_CLOSING_STATE)
        return STATUS_PIPE_CLOSING;
    Irp->IoStatus.Information = Length;
    if (Length == 0 && Ccb->Fcb->Type == FILE_PIPE_BYTE_STREAM_TYPE)
        return STATUS_SUCCESS;
    Taken = NpFeedReaders(&Ccb->Queue[End], Irp->AssociatedIrp.SystemBuffer, Length, MessageMode, Done);
    if (Taken == Length || Taken == MAXULONG)
        return Length == 0 && Taken == 0 ? NpEnqueue(&Ccb->Queue[End], Irp, TRUE, 0, Entry, Done) : STATUS_SUCCESS;
    return NpEnqueue(&Ccb->Queue[End], Irp, Ccb->CompletionMode[End] == FILE_PIPE_QUEUE_OPERATION, Taken, Entry, Done);
}

static NTSTATUS NpFlushLocked(PNP_CCB Ccb, PIRP Irp, PNP_ENTRY *Entry, PLIST_ENTRY Done)
{
    PFILE_OBJECT File = IoGetCurrentIrpStackLocation(Irp)->FileObject;
    PNP_QUEUE Queue = &Ccb->Queue[NpEnd(File)];
    NTSTATUS Status = NpCheckEnd(File, Ccb);
    PNP_ENTRY Own = *Entry;

    if (!NT_SUCCESS(Status))
        return Status;
    if (Ccb->State == FILE_PIPE_CLOSING_STATE)
        return STATUS_PIPE_BROKEN;
    if (!NpHasData(Queue))
        return STATUS_SUCCESS;
    *Entry = NULL;
    return NpPend(Own, &Queue->Entries, Irp, Done);
}

typedef NTSTATUS (*PNP_OPERATION)(PNP_CCB Ccb, PIRP Irp, PNP_ENTRY *Entry, PLIST_ENTRY Done);

// Runs an operation under the lock with an entry at hand, and completes the IRP unless it waits.
static NTSTATUS NpOperate(PIRP Irp, ULONG EntryData, PNP_OPERATION Operation)
{
    PFILE_OBJECT File = IoGetCurrentIrpStackLocation(Irp)->FileObject;
    PNP_ENTRY Entry;
    LIST_ENTRY Done;
    NTSTATUS Status;
    KIRQL OldIrql;

    Irp->IoStatus.Information = 0;
    if (NpCcb(File) == NULL)
        return NpComplete(Irp, STATUS_INVALID_PARAMETER, 0);
    Entry = NpAllocateEntry(EntryData);
    if (Entry == NULL)
        return NpComplete(Irp, STATUS_INSUFFICIENT_RESOURCES, 0);
    InitializeListHead(&Done);
    KeAcquireSpinLock(&NpLock, &OldIrql);
    Status = Operation(NpCcb(File), Irp, &Entry, &Done);
    KeReleaseSpinLock(&NpLock, OldIrql);
    if (Entry != NULL)
        NpFreeEntry(Entry);
    if (Status != STATUS_PENDING) { // first, so that a writer's own result is out before the reader it woke runs
        NpComplete(Irp, Status, NT_ERROR(Status) ? 0 : Irp->IoStatus.Information);
    }
    NpCompleteAll(&Done);
    return Status;
}

// IRP_MJ_READ.
//
// <= DISPATCH_LEVEL. Waits for data (STATUS_PENDING) unless the end is in FILE_PIPE_COMPLETE_OPERATION mode.
// STATUS_PIPE_BROKEN: the other end is closed and all is read. STATUS_BUFFER_OVERFLOW: a message has more.
NTSTATUS NTAPI NpRead(PDEVICE_OBJECT Device, PIRP Irp)
{
    UNREFERENCED_PARAMETER(Device);
    return NpOperate(Irp, 0, NpReadLocked);
}

// IRP_MJ_WRITE.
//
// <= DISPATCH_LEVEL. Waits for room beyond the quota (STATUS_PENDING). STATUS_PIPE_CLOSING: the other end is closed.
NTSTATUS NTAPI NpWrite(PDEVICE_OBJECT Device, PIRP Irp)
{
    PIO_STACK_LOCATION Stack = IoGetCurrentIrpStackLocation(Irp);
    PNP_CCB Ccb = NpCcb(Stack->FileObject);
    ULONG Buffered = 0; // no more than the quota is ever copied

    UNREFERENCED_PARAMETER(Device);
    if (Ccb != NULL)
        Buffered = min_of(Stack->Parameters.Write.Length, Ccb->Queue[NpEnd(Stack->FileObject)].Quota);
    return NpOperate(Irp, Buffered, NpWriteLocked);
}

// IRP_MJ_FLUSH_BUFFERS: waits until the other end has read everything.
//
// <= DISPATCH_LEVEL.
NTSTATUS NTAPI NpFlush(PDEVICE_OBJECT Device, PIRP Irp)
{
    UNREFERENCED_PARAMETER(Device);
    return NpOperate(Irp, 0, NpFlushLocked);
}
