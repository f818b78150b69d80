// SPDX-License-Identifier: MIT
// One direction of a pipe: what was written and not yet read. Up to the quota bytes are copied into the queue and the
// write is done; beyond it the write itself waits in the queue, its bytes readable in their place. All under NpLock.

#include "npfs.h"

// Makes an empty queue.
//
// Any IRQL.
VOID NpInitializeQueue(PNP_QUEUE Queue, ULONG Quota)
{
    memset(Queue, 0, sizeof(*Queue));
    InitializeListHead(&Queue->Entries);
    InitializeListHead(&Queue->Readers);
    Queue->Quota = Quota;
}

static BOOLEAN NpIsFlush(PNP_ENTRY Entry)
{
    return Entry->Irp != NULL && Entry->Queue == NULL;
}

// A write all of whose bytes were read while it was being cancelled: only its canceller may touch it.
static BOOLEAN NpIsSpent(PNP_ENTRY Entry)
{
    return Entry->Irp != NULL && Entry->Queue != NULL && Entry->Done == Entry->Length;
}

// Is there anything to read, an empty message included?
BOOLEAN NpHasData(PNP_QUEUE Queue)
{
    for (PLIST_ENTRY Link = Queue->Entries.Flink; Link != &Queue->Entries; Link = Link->Flink) {
        PNP_ENTRY Entry = CONTAINING_RECORD(Link, NP_ENTRY, Link);

        if (!NpIsFlush(Entry) && !NpIsSpent(Entry))
            return TRUE;
    }
    return FALSE;
}

// Removes an entry that has been read to its end; a waiting write is finished.
static VOID NpRetire(PNP_QUEUE Queue, PNP_ENTRY Entry, PLIST_ENTRY Done)
{
    UNREFERENCED_PARAMETER(Queue);
    if (Entry->Irp != NULL) {
        if (!NpOwn(Entry))
            return;
        NpFinish(Entry->Irp, STATUS_SUCCESS, NpIsFlush(Entry) ? 0 : Entry->Length, Done);
    }
    RemoveEntryList(&Entry->Link);
    NpFreeEntry(Entry);
}

// Moves waiting writes into the queue as far as the quota has room again.
static VOID NpAdmitWrites(PNP_QUEUE Queue, PLIST_ENTRY Done)
{
    PLIST_ENTRY Link, Next;

    for (Link = Queue->Entries.Flink; Link != &Queue->Entries; Link = Next) {
        PNP_ENTRY Entry = CONTAINING_RECORD(Link, NP_ENTRY, Link), Copy;
        ULONG Left = Entry->Length - Entry->Done;

        Next = Link->Flink;
        if (Entry->Irp == NULL || NpIsFlush(Entry) || NpIsSpent(Entry))
            continue;
        if (Left > Queue->Quota || Queue->Buffered > Queue->Quota - Left)
            return;
        Copy = NpAllocateEntry(Left);
        if (Copy == NULL)
            return;
        if (!NpOwn(Entry)) {
            NpFreeEntry(Copy);
            continue;
        }
        Copy->Queue = Queue;
        Copy->Length = Left;
        memcpy(Copy->Data, Entry->Data + Entry->Done, Left);
        InsertTailList(&Entry->Link, &Copy->Link); // in its place
        Queue->Buffered += Left;
        NpFinish(Entry->Irp, STATUS_SUCCESS, Entry->Length, Done);
        RemoveEntryList(&Entry->Link);
        NpFreeEntry(Entry);
    }
}

// Flushes end when all that was written before them has been read.
static VOID NpEndFlushes(PNP_QUEUE Queue, PLIST_ENTRY Done)
{
    PLIST_ENTRY Link, Next;

    for (Link = Queue->Entries.Flink; Link != &Queue->Entries; Link = Next) {
        PNP_ENTRY Entry = CONTAINING_RECORD(Link, NP_ENTRY, Link);

        Next = Link->Flink;
        if (NpIsFlush(Entry))
            NpRetire(Queue, Entry, Done);
        else if (!NpIsSpent(Entry))
            return;
    }
}

// Takes bytes out of a queue, across writes in byte mode, from one message in message mode.
//
// DISPATCH_LEVEL, NpLock held. *Copied: how many. STATUS_BUFFER_OVERFLOW: the rest of the message is still there.
// Writes that got room or were read to their end are finished on Done.
NTSTATUS NpReadQueue(PNP_QUEUE Queue, PVOID Buffer, ULONG Length, BOOLEAN MessageMode, PULONG Copied, PLIST_ENTRY Done)
{
    NTSTATUS Status = STATUS_SUCCESS;
    PLIST_ENTRY Link, Next;

    *Copied = 0;
    for (Link = Queue->Entries.Flink; Link != &Queue->Entries; Link = Next) {
        PNP_ENTRY Entry = CONTAINING_RECORD(Link, NP_ENTRY, Link);
        ULONG Take = min_of(Entry->Length - Entry->Done, Length - *Copied);

        Next = Link->Flink;
        if (NpIsFlush(Entry) || NpIsSpent(Entry))
            continue;
        memcpy((PCHAR)Buffer + *Copied, Entry->Data + Entry->Done, Take);
        *Copied += Take;
        Entry->Done += Take;
        Queue->Available -= Take;
        if (Entry->Irp == NULL)
            Queue->Buffered -= Take;
        if (Entry->Done == Entry->Length)
            NpRetire(Queue, Entry, Done);
        else if (MessageMode)
            Status = STATUS_BUFFER_OVERFLOW;
        if (MessageMode || *Copied == Length)
            break;
    }
    NpAdmitWrites(Queue, Done);
    NpEndFlushes(Queue, Done);
    return Status;
}

// Copies what could be read and leaves it there.
//
// DISPATCH_LEVEL, NpLock held. *FirstLength: bytes left of the first message; *Messages: how many entries there are.
// Returns the bytes copied.
ULONG NpPeekQueue(PNP_QUEUE Queue, PVOID Buffer, ULONG Length, BOOLEAN MessageMode, PULONG FirstLength, PULONG Messages)
{
    ULONG Copied = 0;

    *FirstLength = 0;
    *Messages = 0;
    for (PLIST_ENTRY Link = Queue->Entries.Flink; Link != &Queue->Entries; Link = Link->Flink) {
        PNP_ENTRY Entry = CONTAINING_RECORD(Link, NP_ENTRY, Link);
        ULONG Take = min_of(Entry->Length - Entry->Done, Length - Copied);

        if (NpIsFlush(Entry) || NpIsSpent(Entry))
            continue;
        if ((*Messages)++ == 0)
            *FirstLength = Entry->Length - Entry->Done;
        else if (MessageMode)
            continue;
        memcpy((PCHAR)Buffer + Copied, Entry->Data + Entry->Done, Take);
        Copied += Take;
    }
    return Copied;
}

// Gives freshly written bytes to the reads that wait for them.
//
// MessageMode: of the reading end; one read then takes one message, or its beginning.   DISPATCH_LEVEL, NpLock held.
// Returns how many bytes were taken; MAXULONG for an empty message that a read has taken.
ULONG NpFeedReaders(PNP_QUEUE Queue, PCHAR Data, ULONG Length, ULONG MessageMode, PLIST_ENTRY Done)
{
    PLIST_ENTRY Link, Next;
    ULONG Taken = 0;

    for (Link = Queue->Readers.Flink; Link != &Queue->Readers; Link = Next) {
        PNP_ENTRY Reader = CONTAINING_RECORD(Link, NP_ENTRY, Link);
        ULONG Take = min_of(Reader->Length, Length - Taken);
        BOOLEAN Overflow = MessageMode && Length - Taken > Reader->Length;

        Next = Link->Flink;
        if (!NpOwn(Reader))
            continue;
        memcpy(Reader->Irp->AssociatedIrp.SystemBuffer, Data + Taken, Take);
        Taken += Take;
        NpFinish(Reader->Irp, Overflow ? STATUS_BUFFER_OVERFLOW : STATUS_SUCCESS, Take, Done);
        RemoveEntryList(&Reader->Link);
        NpFreeEntry(Reader);
        if (Taken == Length)
            return Length == 0 ? MAXULONG : Taken;
    }
    return Taken;
}

// Fails all requests that wait in a list; buffered entries are thrown away.
//
// DISPATCH_LEVEL, NpLock held.
VOID NpFailList(PLIST_ENTRY List, NTSTATUS Status, PLIST_ENTRY Done)
{
    PLIST_ENTRY Link, Next;

    for (Link = List->Flink; Link != List; Link = Next) {
        PNP_ENTRY Entry = CONTAINING_RECORD(Link, NP_ENTRY, Link);

        Next = Link->Flink;
        if (Entry->Irp != NULL && !NpOwn(Entry))
            continue;
        RemoveEntryList(&Entry->Link);
        if (Entry->Queue != NULL)
            Entry->Queue->Available -= Entry->Length - Entry->Done;
        if (Entry->Irp != NULL)
            NpFinish(Entry->Irp, Status, 0, Done);
        else
            Entry->Queue->Buffered -= Entry->Length - Entry->Done;
        NpFreeEntry(Entry);
    }
}

// Empties a queue: data is lost, requests fail with Status.
//
// DISPATCH_LEVEL, NpLock held.
VOID NpDiscardQueue(PNP_QUEUE Queue, NTSTATUS Status, PLIST_ENTRY Done)
{
    NpFailList(&Queue->Entries, Status, Done);
    NpFailList(&Queue->Readers, Status, Done);
}
