// SPDX-License-Identifier: MIT
// \Device\Null: swallows what is written, and every read is at the end of the file.

#include "driver.h"

static NTSTATUS NTAPI NullRead(PDEVICE_OBJECT Device, PIRP Irp)
{
    UNREFERENCED_PARAMETER(Device);
    return DrvCompleteIrp(Irp, STATUS_END_OF_FILE, 0, IO_NO_INCREMENT);
}

static NTSTATUS NTAPI NullWrite(PDEVICE_OBJECT Device, PIRP Irp)
{
    UNREFERENCED_PARAMETER(Device);
    return DrvCompleteIrp(Irp, STATUS_SUCCESS, IoGetCurrentIrpStackLocation(Irp)->Parameters.Write.Length,
                          IO_NO_INCREMENT);
}

// Creates the device. PASSIVE_LEVEL, from IoInitSystem.
NTSTATUS NTAPI NullDriverEntry(PDRIVER_OBJECT Driver, PUNICODE_STRING RegistryPath)
{
    UNICODE_STRING Name = RTL_CONSTANT_STRING(L"\\Device\\Null");
    PDEVICE_OBJECT Device;

    UNREFERENCED_PARAMETER(RegistryPath);
    Driver->MajorFunction[IRP_MJ_CREATE] = DrvSucceed;
    Driver->MajorFunction[IRP_MJ_CLEANUP] = DrvSucceed;
    Driver->MajorFunction[IRP_MJ_CLOSE] = DrvSucceed;
    Driver->MajorFunction[IRP_MJ_FLUSH_BUFFERS] = DrvSucceed;
    Driver->MajorFunction[IRP_MJ_READ] = NullRead;
    Driver->MajorFunction[IRP_MJ_WRITE] = NullWrite;
    return IoCreateDevice(Driver, 0, &Name, FILE_DEVICE_NULL, 0, FALSE, &Device);
}
