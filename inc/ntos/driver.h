// SPDX-License-Identifier: MIT
// What every driver writes again and again, once (drivers/common).

#ifndef MICA_NTOS_DRIVER_H
#define MICA_NTOS_DRIVER_H

#include "ntos.h"

// Completes an IRP. Returns its status, so that a dispatch routine can end with it. IRQL <= DISPATCH_LEVEL.
FORCEINLINE NTSTATUS DrvCompleteIrp(PIRP Irp, NTSTATUS Status, ULONG_PTR Information, CCHAR PriorityBoost)
{
    Irp->IoStatus.Status = Status;
    Irp->IoStatus.Information = Information;
    IoCompleteRequest(Irp, PriorityBoost);
    return Status;
}

// A dispatch routine for requests that need no work here: opens, closes, flushes (drivers/common/succeed.c).
NTSTATUS NTAPI DrvSucceed(PDEVICE_OBJECT Device, PIRP Irp);

// Pending IRPs in order of arrival, each cancelable while it waits (drivers/common/irpqueue.c). What the queue hands
// out belongs to the driver and can no longer be cancelled.
typedef struct _IRP_QUEUE {
    KSPIN_LOCK Lock;
    LIST_ENTRY Head; // of IRP.Tail.Overlay.ListEntry; DriverContext[3] points to the queue
} IRP_QUEUE, *PIRP_QUEUE;

VOID DrvInitializeIrpQueue(PIRP_QUEUE Queue);
NTSTATUS DrvQueueIrp(PIRP_QUEUE Queue, PIRP Irp); // always STATUS_PENDING, for the dispatch routine to return
PIRP DrvDequeueIrp(PIRP_QUEUE Queue);             // NULL: none waits
VOID DrvCancelFileIrps(PIRP_QUEUE Queue, PFILE_OBJECT File);
#define DrvIsIrpQueueEmpty(q) IsListEmpty(&(q)->Head) // a hint: it may change at once

#endif
