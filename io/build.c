// SPDX-License-Identifier: MIT
// IRPs that drivers make for other drivers: reads, writes, flushes and device controls on kernel buffers.
// Source: WDK documentation (IoBuildSynchronousFsdRequest and its neighbours).

#include "iop.h"

static PIRP IopBuildIrp(PDEVICE_OBJECT Device, UCHAR MajorFunction, PIO_STATUS_BLOCK IoStatus)
{
    PIRP Irp = IoAllocateIrp(Device->StackSize, FALSE);

    if (Irp == NULL)
        return NULL;
    Irp->RequestorMode = KernelMode;
    Irp->UserIosb = IoStatus;
    Irp->Tail.Overlay.Thread = PsGetCurrentThread();
    IoGetNextIrpStackLocation(Irp)->MajorFunction = MajorFunction;
    return Irp;
}

static NTSTATUS IopBuildTransfer(PIRP Irp, PDEVICE_OBJECT Device, BOOLEAN Write, PVOID Buffer, ULONG Length,
                                 PLARGE_INTEGER Offset)
{
    PIO_STACK_LOCATION Stack = IoGetNextIrpStackLocation(Irp);

    Irp->UserBuffer = Buffer;
    Irp->Flags |= Write ? IRP_WRITE_OPERATION : IRP_READ_OPERATION;
    Stack->Parameters.Read.Length = Length; // Write has the same shape
    if (Offset != NULL)
        Stack->Parameters.Read.ByteOffset = *Offset;
    if (Length == 0)
        return STATUS_SUCCESS;
    if (Device->Flags & DO_BUFFERED_IO) {
        if (!Write)
            Irp->Flags |= IRP_INPUT_OPERATION;
        return IopAttachSystemBuffer(Irp, Write ? Buffer : NULL, Length);
    }
    if (Device->Flags & DO_DIRECT_IO)
        return IopAttachMdl(Irp, Buffer, Length, KernelMode, Write ? IoReadAccess : IoWriteAccess);
    return STATUS_SUCCESS;
}

// Makes a read, write, flush, shutdown or PnP IRP that its maker's own completion routine finishes and frees.
//
// Buffer, Length, Offset: for reads and writes; the buffer is a kernel address.   <= APC_LEVEL.
// The caller owns the IRP (IoFreeIrp in its completion routine, MDLs likewise). NULL when there is no memory.
PIRP NTAPI IoBuildAsynchronousFsdRequest(ULONG MajorFunction, PDEVICE_OBJECT Device, PVOID Buffer, ULONG Length,
                                         PLARGE_INTEGER Offset, PIO_STATUS_BLOCK IoStatus)
{
    PIRP Irp = IopBuildIrp(Device, (UCHAR)MajorFunction, IoStatus);
    NTSTATUS Status;

    if (Irp == NULL)
        return NULL;
    if (MajorFunction != IRP_MJ_READ && MajorFunction != IRP_MJ_WRITE)
        return Irp;
    Status = IopBuildTransfer(Irp, Device, MajorFunction == IRP_MJ_WRITE, Buffer, Length, Offset);
    if (!NT_SUCCESS(Status)) {
        IopReleaseBuffers(Irp);
        IoFreeIrp(Irp);
        return NULL;
    }
    return Irp;
}

// Makes the same kind of IRP for a caller that waits for Event when IoCallDriver returns STATUS_PENDING. The I/O
// manager finishes and frees it: a special kernel APC in the calling thread sets *IoStatus and Event.
//
// PASSIVE_LEVEL (at APC_LEVEL a pending request could never finish). NULL when there is no memory.
PIRP NTAPI IoBuildSynchronousFsdRequest(ULONG MajorFunction, PDEVICE_OBJECT Device, PVOID Buffer, ULONG Length,
                                        PLARGE_INTEGER Offset, PKEVENT Event, PIO_STATUS_BLOCK IoStatus)
{
    PIRP Irp = IoBuildAsynchronousFsdRequest(MajorFunction, Device, Buffer, Length, Offset, IoStatus);

    if (Irp == NULL)
        return NULL;
    Irp->UserEvent = Event;
    IopQueueThreadIrp(Irp);
    return Irp;
}

static NTSTATUS IopBuildControlBuffers(PIRP Irp, ULONG Method, PVOID Input, ULONG InputLength, PVOID Output,
                                       ULONG OutputLength)
{
    PIO_STACK_LOCATION Stack = IoGetNextIrpStackLocation(Irp);
    NTSTATUS Status = STATUS_SUCCESS;

    if (Method == METHOD_NEITHER) {
        Stack->Parameters.DeviceIoControl.Type3InputBuffer = Input;
        Irp->UserBuffer = Output;
        return STATUS_SUCCESS;
    }
    if (Method == METHOD_BUFFERED) {
        ULONG Length = max_of(InputLength, OutputLength);

        if (Length == 0)
            return STATUS_SUCCESS;
        Irp->UserBuffer = Output;
        if (Output != NULL)
            Irp->Flags |= IRP_INPUT_OPERATION;
        Status = IopAttachSystemBuffer(Irp, NULL, Length);
        if (NT_SUCCESS(Status) && Input != NULL)
            memcpy(Irp->AssociatedIrp.SystemBuffer, Input, InputLength);
        return Status;
    }
    if (Input != NULL && InputLength != 0)
        Status = IopAttachSystemBuffer(Irp, Input, InputLength);
    if (NT_SUCCESS(Status) && Output != NULL && OutputLength != 0)
        Status = IopAttachMdl(Irp, Output, OutputLength, KernelMode,
                              Method == METHOD_IN_DIRECT ? IoReadAccess : IoWriteAccess);
    return Status;
}

// Makes a device-control IRP on kernel buffers; finished like IoBuildSynchronousFsdRequest's.
//
// Internal: IRP_MJ_INTERNAL_DEVICE_CONTROL.   PASSIVE_LEVEL. NULL when there is no memory.
PIRP NTAPI IoBuildDeviceIoControlRequest(ULONG Code, PDEVICE_OBJECT Device, PVOID Input, ULONG InputLength,
                                         PVOID Output, ULONG OutputLength, BOOLEAN Internal, PKEVENT Event,
                                         PIO_STATUS_BLOCK IoStatus)
{
    PIRP Irp = IopBuildIrp(Device, Internal ? IRP_MJ_INTERNAL_DEVICE_CONTROL : IRP_MJ_DEVICE_CONTROL, IoStatus);
    PIO_STACK_LOCATION Stack;

    if (Irp == NULL)
        return NULL;
    Stack = IoGetNextIrpStackLocation(Irp);
    Stack->Parameters.DeviceIoControl.IoControlCode = Code;
    Stack->Parameters.DeviceIoControl.InputBufferLength = InputLength;
    Stack->Parameters.DeviceIoControl.OutputBufferLength = OutputLength;
    if (!NT_SUCCESS(IopBuildControlBuffers(Irp, Code & 3, Input, InputLength, Output, OutputLength))) {
        IopReleaseBuffers(Irp);
        IoFreeIrp(Irp);
        return NULL;
    }
    Irp->UserEvent = Event;
    IopQueueThreadIrp(Irp);
    return Irp;
}
