// SPDX-License-Identifier: MIT
// Requests that wait, and how they end: by data, by the other end's departure, or cancelled. Whoever takes the cancel
// routine off an IRP may finish it; if it is gone already, the canceller will come for the entry and it is left alone.

#include "npfs.h"

// Makes an entry with room for DataLength bytes behind it.
//
// <= DISPATCH_LEVEL. NULL when there is no memory.
PNP_ENTRY NpAllocateEntry(ULONG DataLength)
{
    PNP_ENTRY Entry;

    if (DataLength > MAXLONG)
        return NULL;
    Entry = ExAllocatePoolWithTag(NonPagedPool, sizeof(NP_ENTRY) + DataLength, TAG_NPFS);
    if (Entry == NULL)
        return NULL;
    memset(Entry, 0, sizeof(*Entry));
    InitializeListHead(&Entry->Link);
    Entry->Data = (PCHAR)(Entry + 1);
    return Entry;
}

// Frees an entry that is in no list.
//
// <= DISPATCH_LEVEL.
VOID NpFreeEntry(PNP_ENTRY Entry)
{
    ExFreePoolWithTag(Entry, TAG_NPFS);
}

// Sets an IRP's result and puts it on the list of those to complete once NpLock is free.
//
// DISPATCH_LEVEL.
VOID NpFinish(PIRP Irp, NTSTATUS Status, ULONG_PTR Information, PLIST_ENTRY Done)
{
    Irp->IoStatus.Status = Status;
    Irp->IoStatus.Information = Information;
    InsertTailList(Done, &Irp->Tail.Overlay.ListEntry);
}

// Completes what NpFinish has collected.
//
// <= DISPATCH_LEVEL, NpLock not held.
VOID NpCompleteAll(PLIST_ENTRY Done)
{
    while (!IsListEmpty(Done)) {
        PIRP Irp = CONTAINING_RECORD(RemoveHeadList(Done), IRP, Tail.Overlay.ListEntry);

        IoCompleteRequest(Irp, IO_NAMED_PIPE_INCREMENT);
    }
}

// Completes one IRP at once.
//
// <= DISPATCH_LEVEL, NpLock not held. Returns Status, for the dispatch routine to return.
NTSTATUS NpComplete(PIRP Irp, NTSTATUS Status, ULONG_PTR Information)
{
    Irp->IoStatus.Status = Status;
    Irp->IoStatus.Information = Information;
    IoCompleteRequest(Irp, IO_NO_INCREMENT);
    return Status;
}

// The cancel routine: takes the entry out of whatever list it is in.
static VOID NTAPI NpCancel(PDEVICE_OBJECT Device, PIRP Irp)
{
    PNP_ENTRY Entry = Irp->Tail.Overlay.DriverContext[0];
    KIRQL OldIrql;

    UNREFERENCED_PARAMETER(Device);
    IoReleaseCancelSpinLock(Irp->CancelIrql);
    KeAcquireSpinLock(&NpLock, &OldIrql);
    RemoveEntryList(&Entry->Link);
    if (Entry->Queue != NULL)
        Entry->Queue->Available -= Entry->Length - Entry->Done;
    KeReleaseSpinLock(&NpLock, OldIrql);
    NpFreeEntry(Entry);
    NpComplete(Irp, STATUS_CANCELLED, 0);
}

// Lets an IRP wait as the last in List; the entry is the IRP's from now on.
//
// DISPATCH_LEVEL, NpLock held. STATUS_PENDING; an IRP that has been cancelled already is finished on Done.
NTSTATUS NpPend(PNP_ENTRY Entry, PLIST_ENTRY List, PIRP Irp, PLIST_ENTRY Done)
{
    Entry->Irp = Irp;
    Irp->Tail.Overlay.DriverContext[0] = Entry;
    IoMarkIrpPending(Irp);
    InsertTailList(List, &Entry->Link);
    if (Entry->Queue != NULL)
        Entry->Queue->Available += Entry->Length - Entry->Done;
    IoSetCancelRoutine(Irp, NpCancel);
    if (Irp->Cancel && IoSetCancelRoutine(Irp, NULL) != NULL) {
        RemoveEntryList(&Entry->Link);
        if (Entry->Queue != NULL)
            Entry->Queue->Available -= Entry->Length - Entry->Done;
        NpFreeEntry(Entry);
        NpFinish(Irp, STATUS_CANCELLED, 0, Done);
    }
    return STATUS_PENDING;
}

// Takes a waiting IRP away from its canceller. FALSE: it is being cancelled; the entry must stay as it is.
//
// DISPATCH_LEVEL, NpLock held.
BOOLEAN NpOwn(PNP_ENTRY Entry)
{
    return IoSetCancelRoutine(Entry->Irp, NULL) != NULL;
}
