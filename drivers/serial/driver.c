// SPDX-License-Identifier: MIT
// \Device\Serial0 (COM1) and \Device\Serial1 (COM2): entry point and dispatch routines. A read ends as soon as it has
// at least one byte; a write ends when its last byte is in the chip. Several readers are served in order.

#include "serial.h"

static const struct {
    PCWSTR Name;
    USHORT Base;
    UCHAR Line;
} SerialPorts[] = {{L"\\Device\\Serial0", 0x3F8, 4}, {L"\\Device\\Serial1", 0x2F8, 3}};

static NTSTATUS NTAPI SerialCleanup(PDEVICE_OBJECT Device, PIRP Irp)
{
    PSERIAL_PORT Port = Device->DeviceExtension;
    PFILE_OBJECT File = IoGetCurrentIrpStackLocation(Irp)->FileObject;

    DrvCancelFileIrps(&Port->Reads, File);
    DrvCancelFileIrps(&Port->Writes, File);
    return DrvCompleteIrp(Irp, STATUS_SUCCESS, 0, IO_NO_INCREMENT);
}

// IRP_MJ_READ, IRP_MJ_WRITE. IRQL <= DISPATCH_LEVEL.
static NTSTATUS NTAPI SerialReadWrite(PDEVICE_OBJECT Device, PIRP Irp)
{
    PSERIAL_PORT Port = Device->DeviceExtension;
    PIO_STACK_LOCATION Stack = IoGetCurrentIrpStackLocation(Irp);
    NTSTATUS Status;

    if (Stack->Parameters.Read.Length == 0)
        return DrvCompleteIrp(Irp, STATUS_SUCCESS, 0, IO_NO_INCREMENT);
    Status = DrvQueueIrp(Stack->MajorFunction == IRP_MJ_READ ? &Port->Reads : &Port->Writes, Irp);
    SerialPump(Port);
    return Status;
}

static NTSTATUS SerialCreatePort(PDRIVER_OBJECT Driver, ULONG Number)
{
    UNICODE_STRING Name;
    PDEVICE_OBJECT Device;
    PSERIAL_PORT Port;
    KIRQL Irql;
    ULONG Vector = HalGetInterruptVector(SerialPorts[Number].Line, &Irql);
    NTSTATUS Status;

    RtlInitUnicodeString(&Name, SerialPorts[Number].Name);
    Status = IoCreateDevice(Driver, sizeof(SERIAL_PORT), &Name, FILE_DEVICE_SERIAL_PORT, 0, FALSE, &Device);
    if (!NT_SUCCESS(Status))
        return Status;
    Device->Flags |= DO_BUFFERED_IO;
    Port = Device->DeviceExtension;
    Port->DeviceObject = Device;
    Port->Base = SerialPorts[Number].Base;
    Port->Line = SerialPorts[Number].Line;
    DrvInitializeIrpQueue(&Port->Reads);
    DrvInitializeIrpQueue(&Port->Writes);
    KeInitializeSpinLock(&Port->Lock);
    KeInitializeDpc(&Port->Dpc, SerialDpc, Port);
    Status =
        IoConnectInterrupt(&Port->Interrupt, SerialInterrupt, Port, NULL, Vector, Irql, Irql, Latched, FALSE, 1, FALSE);
    if (!NT_SUCCESS(Status)) {
        IoDeleteDevice(Device);
        return Status;
    }
    KeSynchronizeExecution(Port->Interrupt, SerialSetUp, Port);
    return STATUS_SUCCESS;
}

// Makes a device for each chip that answers; STATUS_NO_SUCH_DEVICE if none does. PASSIVE_LEVEL, from IoInitSystem.
NTSTATUS NTAPI SerialDriverEntry(PDRIVER_OBJECT Driver, PUNICODE_STRING RegistryPath)
{
    ULONG Number, Ports = 0;

    UNREFERENCED_PARAMETER(RegistryPath);
    Driver->MajorFunction[IRP_MJ_CREATE] = DrvSucceed;
    Driver->MajorFunction[IRP_MJ_CLEANUP] = SerialCleanup;
    Driver->MajorFunction[IRP_MJ_CLOSE] = DrvSucceed;
    Driver->MajorFunction[IRP_MJ_FLUSH_BUFFERS] = DrvSucceed; // a write that has ended is already in the chip
    Driver->MajorFunction[IRP_MJ_READ] = SerialReadWrite;
    Driver->MajorFunction[IRP_MJ_WRITE] = SerialReadWrite;
    for (Number = 0; Number < RTL_NUMBER_OF(SerialPorts); Number++) {
        if (SerialProbe(SerialPorts[Number].Base) && NT_SUCCESS(SerialCreatePort(Driver, Number)))
            Ports++;
    }
    return Ports > 0 ? STATUS_SUCCESS : STATUS_NO_SUCH_DEVICE;
}
