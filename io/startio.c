// SPDX-License-Identifier: MIT
// StartIo queues and DPCs for drivers: the parts of a simple driver that the I/O manager keeps for it. A device's queue
// is busy while a request is with StartIo; the driver asks for the next one when it is done.
// Source: WDK documentation (IoStartPacket, IoStartNextPacket, IoRequestDpc).

#include "iop.h"

// TRUE: queued behind the current request; FALSE: the device was idle and is busy with this one now. DISPATCH_LEVEL.
static BOOLEAN IopInsertDeviceQueue(PDEVICE_OBJECT Device, PIRP Irp, PULONG Key)
{
    PKDEVICE_QUEUE Queue = &Device->DeviceQueue;
    PKDEVICE_QUEUE_ENTRY Entry = &Irp->Tail.Overlay.DeviceQueueEntry;
    BOOLEAN Queued;

    KeAcquireSpinLockAtDpcLevel(&Queue->Lock);
    Queued = Queue->Busy;
    Queue->Busy = TRUE;
    if (Queued) {
        PLIST_ENTRY Place = &Queue->DeviceListHead;

        Entry->SortKey = Key != NULL ? *Key : MAXULONG;
        while (Place->Blink != &Queue->DeviceListHead && Key != NULL &&
               CONTAINING_RECORD(Place->Blink, KDEVICE_QUEUE_ENTRY, DeviceListEntry)->SortKey > Entry->SortKey)
            Place = Place->Blink;
        InsertTailList(Place, &Entry->DeviceListEntry);
        Entry->Inserted = TRUE;
    }
    KeReleaseSpinLockFromDpcLevel(&Queue->Lock);
    return Queued;
}

static PIRP IopRemoveDeviceQueue(PDEVICE_OBJECT Device)
{
    PKDEVICE_QUEUE Queue = &Device->DeviceQueue;
    PKDEVICE_QUEUE_ENTRY Entry = NULL;

    KeAcquireSpinLockAtDpcLevel(&Queue->Lock);
    if (IsListEmpty(&Queue->DeviceListHead)) {
        Queue->Busy = FALSE;
    } else {
        Entry = CONTAINING_RECORD(RemoveHeadList(&Queue->DeviceListHead), KDEVICE_QUEUE_ENTRY, DeviceListEntry);
        Entry->Inserted = FALSE;
    }
    KeReleaseSpinLockFromDpcLevel(&Queue->Lock);
    return Entry == NULL ? NULL : CONTAINING_RECORD(Entry, IRP, Tail.Overlay.DeviceQueueEntry);
}

// Gives a request to the driver's StartIo routine, or queues it if the device is busy.
//
// Key: position in the queue, NULL: at its end.   Cancel: set as the IRP's cancel routine while it is queued.
// <= DISPATCH_LEVEL. A request that was cancelled meanwhile is given to its cancel routine.
VOID NTAPI IoStartPacket(PDEVICE_OBJECT Device, PIRP Irp, PULONG Key, PDRIVER_CANCEL Cancel)
{
    KIRQL OldIrql = KeRaiseIrqlToDpcLevel(), CancelIrql = DISPATCH_LEVEL;

    if (Cancel != NULL) {
        IoAcquireCancelSpinLock(&CancelIrql);
        IoSetCancelRoutine(Irp, Cancel);
    }
    if (!IopInsertDeviceQueue(Device, Irp, Key)) {
        Device->CurrentIrp = Irp;
        if (Cancel != NULL)
            IoReleaseCancelSpinLock(CancelIrql);
        Device->DriverObject->DriverStartIo(Device, Irp);
    } else if (Cancel != NULL) {
        if (Irp->Cancel && IoSetCancelRoutine(Irp, NULL) != NULL) {
            Irp->CancelIrql = CancelIrql;
            Cancel(Device, Irp); // releases the cancel lock
        } else {
            IoReleaseCancelSpinLock(CancelIrql);
        }
    }
    KeLowerIrql(OldIrql);
}

// The driver is done with the current request: starts the next one in the queue, if any.
//
// Cancelable: the requests in the queue have cancel routines.   DISPATCH_LEVEL.
VOID NTAPI IoStartNextPacket(PDEVICE_OBJECT Device, BOOLEAN Cancelable)
{
    KIRQL CancelIrql = DISPATCH_LEVEL;
    PIRP Irp;

    ASSERT_IRQL_EQUAL(DISPATCH_LEVEL);
    if (Cancelable)
        IoAcquireCancelSpinLock(&CancelIrql);
    Irp = IopRemoveDeviceQueue(Device);
    Device->CurrentIrp = Irp;
    if (Cancelable)
        IoReleaseCancelSpinLock(CancelIrql);
    if (Irp != NULL)
        Device->DriverObject->DriverStartIo(Device, Irp);
}

// Prepares the DPC that a device object carries for its driver.
//
// Any IRQL. Routine is called with the device object as its second argument.
VOID NTAPI IoInitializeDpcRequest(PDEVICE_OBJECT Device, PIO_DPC_ROUTINE Routine)
{
    KeInitializeDpc(&Device->Dpc, (PKDEFERRED_ROUTINE)Routine, Device);
}

// Queues the device's DPC, from its interrupt service routine.
//
// Any IRQL.
VOID NTAPI IoRequestDpc(PDEVICE_OBJECT Device, PIRP Irp, PVOID Context)
{
    KeInsertQueueDpc(&Device->Dpc, Irp, Context);
}
