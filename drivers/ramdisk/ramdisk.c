// SPDX-License-Identifier: MIT
// The memory disk's driver: same names and controls as an IDE disk's, every request done at once. Io starts it
// only if no real disk has a partition (the bootable ISO). What is written is gone with the machine.

#include "ramdisk.h"

#define MEDIA_FIXED 12 // MEDIA_TYPE FixedMedia (SDK)
#define GEOMETRY_HEADS 255
#define GEOMETRY_SECTORS 63
#define IMAGE_SUFFIX ".img"

// IRP_MJ_READ, IRP_MJ_WRITE: whole sectors inside the disk; STATUS_INVALID_PARAMETER otherwise. IRQL <= APC_LEVEL.
static NTSTATUS NTAPI RamdiskReadWrite(PDEVICE_OBJECT Device, PIRP Irp)
{
    PRAMDISK Disk = Device->DeviceExtension;
    PIO_STACK_LOCATION Stack = IoGetCurrentIrpStackLocation(Irp);
    ULONG Length = Stack->Parameters.Read.Length;
    ULONGLONG Offset = (ULONGLONG)Stack->Parameters.Read.ByteOffset.QuadPart;
    PUCHAR Buffer;
    NTSTATUS Status;

    if (Length % SECTOR_SIZE != 0 || Offset % SECTOR_SIZE != 0 || Offset > Disk->Length ||
        Length > Disk->Length - Offset)
        return DrvCompleteIrp(Irp, STATUS_INVALID_PARAMETER, 0, IO_NO_INCREMENT);
    if (Length == 0)
        return DrvCompleteIrp(Irp, STATUS_SUCCESS, 0, IO_NO_INCREMENT);
    Buffer = MmGetSystemAddressForMdl(Irp->MdlAddress);
    if (Buffer == NULL)
        return DrvCompleteIrp(Irp, STATUS_INSUFFICIENT_RESOURCES, 0, IO_NO_INCREMENT);
    Status = RamdiskCopy(Disk, (ULONG)Offset, Buffer, Length, Stack->MajorFunction == IRP_MJ_WRITE);
    return DrvCompleteIrp(Irp, Status, NT_SUCCESS(Status) ? Length : 0, IO_DISK_INCREMENT);
}

static NTSTATUS RamdiskGetGeometry(PRAMDISK Disk, PIRP Irp, ULONG OutputLength)
{
    PDISK_GEOMETRY Geometry = Irp->AssociatedIrp.SystemBuffer;

    if (OutputLength < sizeof(*Geometry))
        return DrvCompleteIrp(Irp, STATUS_BUFFER_TOO_SMALL, 0, IO_NO_INCREMENT);
    Geometry->Cylinders.QuadPart = Disk->Length / SECTOR_SIZE / (GEOMETRY_HEADS * GEOMETRY_SECTORS);
    Geometry->MediaType = MEDIA_FIXED;
    Geometry->TracksPerCylinder = GEOMETRY_HEADS;
    Geometry->SectorsPerTrack = GEOMETRY_SECTORS;
    Geometry->BytesPerSector = SECTOR_SIZE;
    return DrvCompleteIrp(Irp, STATUS_SUCCESS, sizeof(*Geometry), IO_NO_INCREMENT);
}

static NTSTATUS NTAPI RamdiskDeviceControl(PDEVICE_OBJECT Device, PIRP Irp)
{
    PRAMDISK Disk = Device->DeviceExtension;
    PIO_STACK_LOCATION Stack = IoGetCurrentIrpStackLocation(Irp);
    ULONG OutputLength = Stack->Parameters.DeviceIoControl.OutputBufferLength;
    PGET_LENGTH_INFORMATION Length = Irp->AssociatedIrp.SystemBuffer;

    switch (Stack->Parameters.DeviceIoControl.IoControlCode) {
    case IOCTL_DISK_GET_DRIVE_GEOMETRY:
        return RamdiskGetGeometry(Disk, Irp, OutputLength);
    case IOCTL_DISK_GET_LENGTH_INFO:
        if (OutputLength < sizeof(*Length))
            return DrvCompleteIrp(Irp, STATUS_BUFFER_TOO_SMALL, 0, IO_NO_INCREMENT);
        Length->Length.QuadPart = Disk->Length;
        return DrvCompleteIrp(Irp, STATUS_SUCCESS, sizeof(*Length), IO_NO_INCREMENT);
    default:
        return DrvCompleteIrp(Irp, STATUS_INVALID_DEVICE_REQUEST, 0, IO_NO_INCREMENT);
    }
}

static BOOLEAN RamdiskIsImage(PLOADER_MODULE Module)
{
    SIZE_T NameLength = strlen(Module->Name), SuffixLength = sizeof(IMAGE_SUFFIX) - 1;

    return NameLength > SuffixLength && _stricmp(Module->Name + NameLength - SuffixLength, IMAGE_SUFFIX) == 0;
}

static NTSTATUS RamdiskCreateDisk(PDRIVER_OBJECT Driver, PLOADER_MODULE Module)
{
    ULONG DiskNumber = IoAllocateDiskNumber();
    UNICODE_STRING Name;
    WCHAR Buffer[48];
    PDEVICE_OBJECT Device;
    PRAMDISK Disk;
    NTSTATUS Status;

    _snwprintf(Buffer, RTL_NUMBER_OF(Buffer), L"\\Device\\Harddisk%u\\Partition0", (UINT)DiskNumber);
    RtlInitUnicodeString(&Name, Buffer);
    Status = IoCreateDevice(Driver, sizeof(RAMDISK), &Name, FILE_DEVICE_DISK, 0, FALSE, &Device);
    if (!NT_SUCCESS(Status))
        return Status;
    Disk = Device->DeviceExtension;
    Disk->PhysicalBase = Module->PhysicalBase;
    Disk->Length = Module->Length & ~(SECTOR_SIZE - 1);
    ExInitializeFastMutex(&Disk->Lock);
    Device->SectorSize = SECTOR_SIZE;
    Device->Flags |= DO_DIRECT_IO;
    Device->Flags &= ~DO_DEVICE_INITIALIZING;
    DbgPrint("RAMDISK: disk %lu, %lu KB, %s\n", DiskNumber, Disk->Length >> 10, Module->Name);
    return IoReadPartitionTable(Device, DiskNumber);
}

// Makes a disk of every image module. STATUS_NO_SUCH_DEVICE if none is wanted. PASSIVE_LEVEL, from IoInitSystem.
NTSTATUS NTAPI RamdiskDriverEntry(PDRIVER_OBJECT Driver, PUNICODE_STRING RegistryPath)
{
    ULONG Index, Disks = 0;

    UNREFERENCED_PARAMETER(RegistryPath);
    Driver->MajorFunction[IRP_MJ_CREATE] = DrvSucceed;
    Driver->MajorFunction[IRP_MJ_CLEANUP] = DrvSucceed;
    Driver->MajorFunction[IRP_MJ_CLOSE] = DrvSucceed;
    Driver->MajorFunction[IRP_MJ_FLUSH_BUFFERS] = DrvSucceed;
    Driver->MajorFunction[IRP_MJ_SHUTDOWN] = DrvSucceed;
    Driver->MajorFunction[IRP_MJ_READ] = RamdiskReadWrite;
    Driver->MajorFunction[IRP_MJ_WRITE] = RamdiskReadWrite;
    Driver->MajorFunction[IRP_MJ_DEVICE_CONTROL] = RamdiskDeviceControl;
    for (Index = 0; Index < KeLoaderBlock->ModuleCount; Index++) {
        PLOADER_MODULE Module = &KeLoaderBlock->Modules[Index];

        if (RamdiskIsImage(Module) && NT_SUCCESS(RamdiskCreateDisk(Driver, Module)))
            Disks++;
    }
    return Disks > 0 ? STATUS_SUCCESS : STATUS_NO_SUCH_DEVICE;
}
