// SPDX-License-Identifier: MIT
// Between IRPs and the interrupt: hands received bytes to readers and writers' bytes to the transmitter. It runs
// whenever either side may have changed (a new IRP, an interrupt's DPC) and does whatever can be done.

#include "serial.h"

// Copies from the ring; the port's lock is held.
static ULONG SerialTake(PSERIAL_PORT Port, PUCHAR Buffer, ULONG Length)
{
    ULONG Taken;

    for (Taken = 0; Taken < Length && Port->RingHead != Port->RingTail; Taken++) {
        Buffer[Taken] = Port->Ring[Port->RingHead % RING_SIZE];
        Port->RingHead++;
    }
    return Taken;
}

static VOID SerialPumpReads(PSERIAL_PORT Port)
{
    for (;;) {
        ULONG Taken = 0;
        PIRP Irp = NULL;
        KIRQL OldIrql;

        KeAcquireSpinLock(&Port->Lock, &OldIrql);
        if (Port->RingHead != Port->RingTail)
            Irp = DrvDequeueIrp(&Port->Reads);
        if (Irp != NULL)
            Taken = SerialTake(Port, Irp->AssociatedIrp.SystemBuffer,
                               IoGetCurrentIrpStackLocation(Irp)->Parameters.Read.Length);
        KeReleaseSpinLock(&Port->Lock, OldIrql);
        if (Irp == NULL)
            return;
        DrvCompleteIrp(Irp, STATUS_SUCCESS, Taken, IO_SERIAL_INCREMENT);
    }
}

// With the interrupt locked out: starts sending CurrentWrite.
static BOOLEAN NTAPI SerialStartTransmit(PVOID Context)
{
    PSERIAL_PORT Port = Context;

    Port->TransmitNext = Port->CurrentWrite->AssociatedIrp.SystemBuffer;
    Port->TransmitLeft = IoGetCurrentIrpStackLocation(Port->CurrentWrite)->Parameters.Write.Length;
    SerialFillTransmitter(Port);
    return TRUE;
}

static VOID SerialPumpWrites(PSERIAL_PORT Port)
{
    for (;;) {
        PIRP Done = NULL;
        BOOLEAN Busy = FALSE;
        KIRQL OldIrql;

        KeAcquireSpinLock(&Port->Lock, &OldIrql);
        if (Port->CurrentWrite == NULL) {
            Port->CurrentWrite = DrvDequeueIrp(&Port->Writes);
            if (Port->CurrentWrite != NULL)
                KeSynchronizeExecution(Port->Interrupt, SerialStartTransmit, Port);
        }
        if (Port->CurrentWrite == NULL || Port->TransmitLeft > 0) {
            Busy = TRUE;
        } else {
            Done = Port->CurrentWrite;
            Port->CurrentWrite = NULL;
        }
        KeReleaseSpinLock(&Port->Lock, OldIrql);
        if (Busy)
            return;
        DrvCompleteIrp(Done, STATUS_SUCCESS, IoGetCurrentIrpStackLocation(Done)->Parameters.Write.Length,
                       IO_SERIAL_INCREMENT);
    }
}

// Lets bytes in again when the ring has room. The interrupt may have found it full just as another processor emptied
// it, so that no later read would come by here: therefore it is asked on every pass, also that of the interrupt's own
// DPC.
static VOID SerialRestartReceive(PSERIAL_PORT Port)
{
    if (Port->ReceiveStopped && Port->RingTail - Port->RingHead < RING_SIZE)
        KeSynchronizeExecution(Port->Interrupt, SerialResumeReceive, Port);
}

// Does what can be done for waiting IRPs. IRQL <= DISPATCH_LEVEL. Takes the port's lock.
VOID SerialPump(PSERIAL_PORT Port)
{
    do {
        SerialPumpReads(Port);
        SerialRestartReceive(Port);
    } while (Port->RingHead != Port->RingTail && !DrvIsIrpQueueEmpty(&Port->Reads));
    SerialPumpWrites(Port);
}

VOID NTAPI SerialDpc(PKDPC Dpc, PVOID Context, PVOID SystemArgument1, PVOID SystemArgument2)
{
    UNREFERENCED_PARAMETER(Dpc);
    UNREFERENCED_PARAMETER(SystemArgument1);
    UNREFERENCED_PARAMETER(SystemArgument2);
    SerialPump(Context);
}
