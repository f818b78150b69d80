// SPDX-License-Identifier: MIT
// \Device\KeyboardPort0: entry point and dispatch routines.

#include "i8042prt.h"

static NTSTATUS I8042Connect(PKEYBOARD_PORT Port, PCONNECT_DATA Connect)
{
    if (Connect == NULL)
        return STATUS_INVALID_PARAMETER;
    if (Port->Connect.ClassService != NULL)
        return STATUS_SHARING_VIOLATION;
    Port->Connect.ClassDeviceObject = Connect->ClassDeviceObject;
    __atomic_store_n(&Port->Connect.ClassService, Connect->ClassService, __ATOMIC_RELEASE); // the DPC looks at it first
    return STATUS_SUCCESS;
}

// IRP_MJ_INTERNAL_DEVICE_CONTROL: only kernel code can send it.
static NTSTATUS NTAPI I8042InternalControl(PDEVICE_OBJECT Device, PIRP Irp)
{
    PIO_STACK_LOCATION Stack = IoGetCurrentIrpStackLocation(Irp);
    NTSTATUS Status = STATUS_INVALID_DEVICE_REQUEST;

    if (Stack->Parameters.DeviceIoControl.IoControlCode == IOCTL_INTERNAL_KEYBOARD_CONNECT)
        Status = I8042Connect(Device->DeviceExtension, Stack->Parameters.DeviceIoControl.Type3InputBuffer);
    return DrvCompleteIrp(Irp, Status, 0, IO_NO_INCREMENT);
}

// Starts the keyboard. STATUS_NO_SUCH_DEVICE without a controller. PASSIVE_LEVEL, from IoInitSystem.
NTSTATUS NTAPI KeyboardDriverEntry(PDRIVER_OBJECT Driver, PUNICODE_STRING RegistryPath)
{
    UNICODE_STRING Name = RTL_CONSTANT_STRING(L"\\Device\\KeyboardPort0");
    PDEVICE_OBJECT Device;
    PKEYBOARD_PORT Port;
    KIRQL Irql;
    ULONG Vector = HalGetInterruptVector(KEYBOARD_LINE, &Irql);
    NTSTATUS Status;

    UNREFERENCED_PARAMETER(RegistryPath);
    if (!I8042Initialize())
        return STATUS_NO_SUCH_DEVICE;
    Driver->MajorFunction[IRP_MJ_CREATE] = DrvSucceed;
    Driver->MajorFunction[IRP_MJ_CLEANUP] = DrvSucceed;
    Driver->MajorFunction[IRP_MJ_CLOSE] = DrvSucceed;
    Driver->MajorFunction[IRP_MJ_INTERNAL_DEVICE_CONTROL] = I8042InternalControl;
    Status = IoCreateDevice(Driver, sizeof(KEYBOARD_PORT), &Name, FILE_DEVICE_KEYBOARD, 0, FALSE, &Device);
    if (!NT_SUCCESS(Status))
        return Status;
    Port = Device->DeviceExtension;
    Port->DeviceObject = Device;
    KeInitializeSpinLock(&Port->Lock);
    KeInitializeDpc(&Port->Dpc, I8042Dpc, Port);
    Status =
        IoConnectInterrupt(&Port->Interrupt, I8042Interrupt, Port, NULL, Vector, Irql, Irql, Latched, FALSE, 1, FALSE);
    if (!NT_SUCCESS(Status))
        IoDeleteDevice(Device);
    return Status;
}
