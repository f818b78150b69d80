// SPDX-License-Identifier: MIT
// A cancel-safe queue of IRPs. The one hard question, "who completes an IRP that is cancelled while it is being taken
// off?", is answered by whoever gets the cancel routine out of the IRP: IoSetCancelRoutine is atomic.
// Source: WDK, "Synchronizing IRP Cancellation".

#include "driver.h"

#define QUEUE_CONTEXT 3 // IRP.Tail.Overlay.DriverContext

VOID DrvInitializeIrpQueue(PIRP_QUEUE Queue)
{
    KeInitializeSpinLock(&Queue->Lock);
    InitializeListHead(&Queue->Head);
}

// Entered with the cancel lock held and the cancel routine taken out of the IRP. The entry may already be off the list
// (DrvDequeueIrp left it pointing to itself).
static VOID NTAPI DrvCancelQueuedIrp(PDEVICE_OBJECT Device, PIRP Irp)
{
    PIRP_QUEUE Queue = Irp->Tail.Overlay.DriverContext[QUEUE_CONTEXT];
    KIRQL OldIrql;

    UNREFERENCED_PARAMETER(Device);
    IoReleaseCancelSpinLock(Irp->CancelIrql);
    KeAcquireSpinLock(&Queue->Lock, &OldIrql);
    RemoveEntryList(&Irp->Tail.Overlay.ListEntry);
    KeReleaseSpinLock(&Queue->Lock, OldIrql);
    DrvCompleteIrp(Irp, STATUS_CANCELLED, 0, IO_NO_INCREMENT);
}

// Marks the IRP pending and appends it; one that is cancelled already is completed. IRQL <= DISPATCH_LEVEL.
NTSTATUS DrvQueueIrp(PIRP_QUEUE Queue, PIRP Irp)
{
    BOOLEAN Cancelled = FALSE;
    KIRQL OldIrql;

    IoMarkIrpPending(Irp);
    Irp->Tail.Overlay.DriverContext[QUEUE_CONTEXT] = Queue;
    KeAcquireSpinLock(&Queue->Lock, &OldIrql);
    InsertTailList(&Queue->Head, &Irp->Tail.Overlay.ListEntry);
    IoSetCancelRoutine(Irp, DrvCancelQueuedIrp);
    if (Irp->Cancel && IoSetCancelRoutine(Irp, NULL) != NULL) {
        RemoveEntryList(&Irp->Tail.Overlay.ListEntry);
        Cancelled = TRUE;
    }
    KeReleaseSpinLock(&Queue->Lock, OldIrql);
    if (Cancelled)
        DrvCompleteIrp(Irp, STATUS_CANCELLED, 0, IO_NO_INCREMENT);
    return STATUS_PENDING;
}

// Takes an IRP off its list. FALSE: its cancel routine is on its way and will complete it. Queue locked.
static BOOLEAN DrvTakeIrp(PIRP Irp)
{
    RemoveEntryList(&Irp->Tail.Overlay.ListEntry);
    if (IoSetCancelRoutine(Irp, NULL) != NULL)
        return TRUE;
    InitializeListHead(&Irp->Tail.Overlay.ListEntry);
    return FALSE;
}

// The oldest IRP, now the caller's; NULL if none waits. IRQL <= DISPATCH_LEVEL.
PIRP DrvDequeueIrp(PIRP_QUEUE Queue)
{
    PIRP Irp = NULL;
    KIRQL OldIrql;

    KeAcquireSpinLock(&Queue->Lock, &OldIrql);
    while (Irp == NULL && !IsListEmpty(&Queue->Head)) {
        PIRP First = CONTAINING_RECORD(Queue->Head.Flink, IRP, Tail.Overlay.ListEntry);

        if (DrvTakeIrp(First))
            Irp = First;
    }
    KeReleaseSpinLock(&Queue->Lock, OldIrql);
    return Irp;
}

static PIRP DrvDequeueFileIrp(PIRP_QUEUE Queue, PFILE_OBJECT File)
{
    PLIST_ENTRY Entry, Next;
    PIRP Found = NULL;
    KIRQL OldIrql;

    KeAcquireSpinLock(&Queue->Lock, &OldIrql);
    for (Entry = Queue->Head.Flink; Entry != &Queue->Head && Found == NULL; Entry = Next) {
        PIRP Irp = CONTAINING_RECORD(Entry, IRP, Tail.Overlay.ListEntry);

        Next = Entry->Flink;
        if (IoGetCurrentIrpStackLocation(Irp)->FileObject == File && DrvTakeIrp(Irp))
            Found = Irp;
    }
    KeReleaseSpinLock(&Queue->Lock, OldIrql);
    return Found;
}

// Completes the IRPs of a file whose last handle is closed (IRP_MJ_CLEANUP) with STATUS_CANCELLED. IRQL <=
// DISPATCH_LEVEL.
VOID DrvCancelFileIrps(PIRP_QUEUE Queue, PFILE_OBJECT File)
{
    PIRP Irp;

    while ((Irp = DrvDequeueFileIrp(Queue, File)) != NULL)
        DrvCompleteIrp(Irp, STATUS_CANCELLED, 0, IO_NO_INCREMENT);
}
