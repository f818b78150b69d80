// SPDX-License-Identifier: MIT
// \Device\Console: entry point and dispatch routines. Any number of handles share the one console.

#include "console.h"

static NTSTATUS NTAPI ConsoleCleanup(PDEVICE_OBJECT Device, PIRP Irp)
{
    PCONSOLE Console = Device->DeviceExtension;

    DrvCancelFileIrps(&Console->Reads, IoGetCurrentIrpStackLocation(Irp)->FileObject);
    return DrvCompleteIrp(Irp, STATUS_SUCCESS, 0, IO_NO_INCREMENT);
}

// IRP_MJ_READ: waits for a line, or for the first byte. IRQL <= APC_LEVEL.
static NTSTATUS NTAPI ConsoleReadDispatch(PDEVICE_OBJECT Device, PIRP Irp)
{
    PCONSOLE Console = Device->DeviceExtension;
    NTSTATUS Status;

    if (IoGetCurrentIrpStackLocation(Irp)->Parameters.Read.Length == 0)
        return DrvCompleteIrp(Irp, STATUS_SUCCESS, 0, IO_NO_INCREMENT);
    Status = DrvQueueIrp(&Console->Reads, Irp);
    KeSetEvent(&Console->WorkEvent, IO_NO_INCREMENT, FALSE);
    return Status;
}

// IRP_MJ_WRITE: done when it returns. PASSIVE_LEVEL.
static NTSTATUS NTAPI ConsoleWriteDispatch(PDEVICE_OBJECT Device, PIRP Irp)
{
    ULONG Length = IoGetCurrentIrpStackLocation(Irp)->Parameters.Write.Length;

    if (Length > 0)
        ConsoleWrite(Device->DeviceExtension, Irp->AssociatedIrp.SystemBuffer, Length);
    return DrvCompleteIrp(Irp, STATUS_SUCCESS, Length, IO_NO_INCREMENT);
}

static VOID ConsoleInitialize(PCONSOLE Console, PDEVICE_OBJECT Device)
{
    Console->DeviceObject = Device;
    Console->InputMode = ENABLE_PROCESSED_INPUT | ENABLE_LINE_INPUT | ENABLE_ECHO_INPUT;
    Console->OutputMode = ENABLE_PROCESSED_OUTPUT | ENABLE_WRAP_AT_EOL_OUTPUT;
    Console->Attribute = DEFAULT_ATTRIBUTE;
    DrvInitializeIrpQueue(&Console->Reads);
    KeInitializeEvent(&Console->WorkEvent, SynchronizationEvent, FALSE);
    KeInitializeEvent(&Console->SerialEvent, SynchronizationEvent, FALSE);
    KeInitializeMutex(&Console->OutputLock, 0);
    KeInitializeSpinLock(&Console->ScanLock);
}

// Starts the console: screen, keyboard and COM1, as far as they are there. PASSIVE_LEVEL, from IoInitSystem.
NTSTATUS NTAPI ConsoleDriverEntry(PDRIVER_OBJECT Driver, PUNICODE_STRING RegistryPath)
{
    UNICODE_STRING Name = RTL_CONSTANT_STRING(L"\\Device\\Console");
    PDEVICE_OBJECT Device;
    HANDLE Thread;
    NTSTATUS Status;

    UNREFERENCED_PARAMETER(RegistryPath);
    Driver->MajorFunction[IRP_MJ_CREATE] = DrvSucceed;
    Driver->MajorFunction[IRP_MJ_CLEANUP] = ConsoleCleanup;
    Driver->MajorFunction[IRP_MJ_CLOSE] = DrvSucceed;
    Driver->MajorFunction[IRP_MJ_FLUSH_BUFFERS] = DrvSucceed;
    Driver->MajorFunction[IRP_MJ_READ] = ConsoleReadDispatch;
    Driver->MajorFunction[IRP_MJ_WRITE] = ConsoleWriteDispatch;
    Driver->MajorFunction[IRP_MJ_DEVICE_CONTROL] = ConsoleDeviceControl;
    Status = IoCreateDevice(Driver, sizeof(CONSOLE), &Name, FILE_DEVICE_CONSOLE, 0, FALSE, &Device);
    if (!NT_SUCCESS(Status))
        return Status;
    Device->Flags |= DO_BUFFERED_IO;
    ConsoleInitialize(Device->DeviceExtension, Device);
    ConsoleOpenSerial(Device->DeviceExtension);
    ConsoleConnectKeyboard(Device->DeviceExtension);
    Status = PsCreateSystemThread(&Thread, THREAD_ALL_ACCESS, NULL, NULL, NULL, ConsoleThread, Device->DeviceExtension);
    if (!NT_SUCCESS(Status)) {
        IoDeleteDevice(Device);
        return Status;
    }
    return ObCloseHandle(Thread, KernelMode);
}
