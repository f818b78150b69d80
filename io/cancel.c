// SPDX-License-Identifier: MIT
// Cancelling requests. A driver that keeps an IRP in a queue sets a cancel routine; whoever exchanges it away (the
// canceller, or the driver that is about to complete the IRP) has won, and the other leaves the IRP alone.
// Source: WDK documentation ("Canceling IRPs", IoCancelIrp).

#include "iop.h"

static KSPIN_LOCK IopCancelSpinLock;

// Takes the one lock that orders cancellation against the drivers' queues.
//
// <= DISPATCH_LEVEL; returns at DISPATCH_LEVEL with the old level in *Irql.
VOID NTAPI IoAcquireCancelSpinLock(PKIRQL Irql)
{
    *Irql = KfAcquireSpinLock(&IopCancelSpinLock);
}

// Releases the cancel spin lock; a cancel routine passes Irp->CancelIrql.
VOID NTAPI IoReleaseCancelSpinLock(KIRQL Irql)
{
    KfReleaseSpinLock(&IopCancelSpinLock, Irql);
}

// Exchanges an IRP's cancel routine.
//
// Any IRQL. Returns the routine that was set; NULL means that the IRP is being cancelled (or none was set).
PDRIVER_CANCEL NTAPI IoSetCancelRoutine(PIRP Irp, PDRIVER_CANCEL Routine)
{
    return __atomic_exchange_n(&Irp->CancelRoutine, Routine, __ATOMIC_SEQ_CST);
}

// Asks for an IRP to end early: marks it cancelled and calls its cancel routine, if the driver has set one.
//
// <= DISPATCH_LEVEL; takes the cancel spin lock, which the cancel routine releases. The IRP must be kept from being
// freed by the caller (APC_LEVEL in its thread does that). TRUE if a cancel routine was called.
BOOLEAN NTAPI IoCancelIrp(PIRP Irp)
{
    PDRIVER_CANCEL Routine;
    KIRQL OldIrql;

    ASSERT_IRQL_LESS_OR_EQUAL(DISPATCH_LEVEL);
    ASSERT(Irp->Type == IO_TYPE_IRP);
    IoAcquireCancelSpinLock(&OldIrql);
    Irp->Cancel = TRUE;
    Routine = IoSetCancelRoutine(Irp, NULL);
    if (Routine == NULL) {
        IoReleaseCancelSpinLock(OldIrql);
        return FALSE;
    }
    if (Irp->CurrentLocation > Irp->StackCount + 1)
        KeBugCheckEx(CANCEL_STATE_IN_COMPLETED_IRP, (ULONG_PTR)Irp, (ULONG_PTR)Routine, 0, 0);
    Irp->CancelIrql = OldIrql;
    Routine(IoGetCurrentIrpStackLocation(Irp)->DeviceObject, Irp);
    return TRUE;
}

// Cancels a request whose waiter was alerted, unless it is done already, and waits for its end.
//
// Event: what its completion signals.   PASSIVE_LEVEL, in the thread that made the request: at APC_LEVEL its completion
// APC cannot run, so that an unset event means that the IRP still exists.
VOID IopCancelAndWait(PIRP Irp, PKEVENT Event)
{
    KIRQL OldIrql = KfRaiseIrql(APC_LEVEL);

    if (KeReadStateEvent(Event) == 0)
        IoCancelIrp(Irp);
    KeLowerIrql(OldIrql);
    KeWaitForever(Event, Executive);
}
