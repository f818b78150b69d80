// SPDX-License-Identifier: MIT
// Partition devices: \Device\HarddiskN\PartitionM passes requests on to the disk, Partition0, with the partition's
// start added, and keeps them inside the partition.
// Source: WDK documentation (IOCTL_DISK_GET_PARTITION_INFO and its neighbours).

#include "iop.h"

typedef struct _PARTITION_EXTENSION {
    PDEVICE_OBJECT Disk;
    ULONG DiskNumber;
    ULONG PartitionNumber;
    IOP_PARTITION Place;
} PARTITION_EXTENSION, *PPARTITION_EXTENSION;

static PDRIVER_OBJECT IopPartitionDriver;
static volatile LONG IopNextDiskNumber;

// Gives a storage driver the number of its new disk and makes the directory \Device\HarddiskN for it.
//
// PASSIVE_LEVEL.
ULONG IoAllocateDiskNumber(VOID)
{
    ULONG Number = (ULONG)InterlockedIncrement(&IopNextDiskNumber) - 1;
    WCHAR Name[40];

    _snwprintf(Name, RTL_NUMBER_OF(Name), L"\\Device\\Harddisk%u", Number);
    IGNORE_STATUS(IopCreateDirectory(Name)); // the driver's IoCreateDevice will fail and say so
    return Number;
}

static NTSTATUS IopCompleteNow(PIRP Irp, NTSTATUS Status, ULONG_PTR Information)
{
    Irp->IoStatus.Status = Status;
    Irp->IoStatus.Information = Information;
    IoCompleteRequest(Irp, IO_NO_INCREMENT);
    return Status;
}

static NTSTATUS NTAPI IopPartitionOpenClose(PDEVICE_OBJECT Device, PIRP Irp)
{
    UNREFERENCED_PARAMETER(Device);
    return IopCompleteNow(Irp, STATUS_SUCCESS, FILE_OPENED);
}

// Reads and writes. The own stack location keeps the offset within the partition (Io advances the position by it).
static NTSTATUS NTAPI IopPartitionTransfer(PDEVICE_OBJECT Device, PIRP Irp)
{
    PPARTITION_EXTENSION Extension = Device->DeviceExtension;
    PIO_STACK_LOCATION Stack = IoGetCurrentIrpStackLocation(Irp);
    LONGLONG Offset = Stack->Parameters.Read.ByteOffset.QuadPart;
    ULONG Length = Stack->Parameters.Read.Length;

    if (Offset < 0 || (ULONGLONG)Offset > Extension->Place.Length ||
        Length > Extension->Place.Length - (ULONGLONG)Offset)
        return IopCompleteNow(Irp, STATUS_NONEXISTENT_SECTOR, 0);
    IoCopyCurrentIrpStackLocationToNext(Irp);
    IoGetNextIrpStackLocation(Irp)->Parameters.Read.ByteOffset.QuadPart = Offset + (LONGLONG)Extension->Place.Offset;
    return IoCallDriver(Extension->Disk, Irp);
}

static NTSTATUS NTAPI IopPartitionForward(PDEVICE_OBJECT Device, PIRP Irp)
{
    PPARTITION_EXTENSION Extension = Device->DeviceExtension;

    IoSkipCurrentIrpStackLocation(Irp);
    return IoCallDriver(Extension->Disk, Irp);
}

static NTSTATUS IopPartitionInfo(PPARTITION_EXTENSION Extension, PIRP Irp, ULONG OutputLength)
{
    PPARTITION_INFORMATION Info = Irp->AssociatedIrp.SystemBuffer;

    if (OutputLength < sizeof(*Info))
        return IopCompleteNow(Irp, STATUS_BUFFER_TOO_SMALL, 0);
    memset(Info, 0, sizeof(*Info));
    Info->StartingOffset.QuadPart = (LONGLONG)Extension->Place.Offset;
    Info->PartitionLength.QuadPart = (LONGLONG)Extension->Place.Length;
    Info->HiddenSectors = Extension->Place.HiddenSectors;
    Info->PartitionNumber = Extension->PartitionNumber;
    Info->PartitionType = Extension->Place.Type;
    Info->BootIndicator = Extension->Place.Boot;
    Info->RecognizedPartition = IopIsRecognisedType(Extension->Place.Type);
    return IopCompleteNow(Irp, STATUS_SUCCESS, sizeof(*Info));
}

static NTSTATUS NTAPI IopPartitionControl(PDEVICE_OBJECT Device, PIRP Irp)
{
    PPARTITION_EXTENSION Extension = Device->DeviceExtension;
    PIO_STACK_LOCATION Stack = IoGetCurrentIrpStackLocation(Irp);
    ULONG OutputLength = Stack->Parameters.DeviceIoControl.OutputBufferLength;

    switch (Stack->Parameters.DeviceIoControl.IoControlCode) {
    case IOCTL_DISK_GET_PARTITION_INFO:
        return IopPartitionInfo(Extension, Irp, OutputLength);
    case IOCTL_DISK_GET_LENGTH_INFO:
        if (OutputLength < sizeof(GET_LENGTH_INFORMATION))
            return IopCompleteNow(Irp, STATUS_BUFFER_TOO_SMALL, 0);
        ((PGET_LENGTH_INFORMATION)Irp->AssociatedIrp.SystemBuffer)->Length.QuadPart = (LONGLONG)Extension->Place.Length;
        return IopCompleteNow(Irp, STATUS_SUCCESS, sizeof(GET_LENGTH_INFORMATION));
    default:
        return IopPartitionForward(Device, Irp);
    }
}

// The entry point of the partition driver, which is a part of Io.
//
// PASSIVE_LEVEL, once.
NTSTATUS NTAPI IopPartitionDriverEntry(PDRIVER_OBJECT Driver, PUNICODE_STRING RegistryPath)
{
    UNREFERENCED_PARAMETER(RegistryPath);
    IopPartitionDriver = Driver;
    Driver->MajorFunction[IRP_MJ_CREATE] = IopPartitionOpenClose;
    Driver->MajorFunction[IRP_MJ_CLEANUP] = IopPartitionOpenClose;
    Driver->MajorFunction[IRP_MJ_CLOSE] = IopPartitionOpenClose;
    Driver->MajorFunction[IRP_MJ_READ] = IopPartitionTransfer;
    Driver->MajorFunction[IRP_MJ_WRITE] = IopPartitionTransfer;
    Driver->MajorFunction[IRP_MJ_FLUSH_BUFFERS] = IopPartitionForward;
    Driver->MajorFunction[IRP_MJ_SHUTDOWN] = IopPartitionForward;
    Driver->MajorFunction[IRP_MJ_DEVICE_CONTROL] = IopPartitionControl;
    return STATUS_SUCCESS;
}

static NTSTATUS IopCreatePartition(PDEVICE_OBJECT Disk, ULONG DiskNumber, ULONG PartitionNumber, PIOP_PARTITION Place)
{
    PPARTITION_EXTENSION Extension;
    UNICODE_STRING Name;
    PDEVICE_OBJECT Device;
    WCHAR Text[64];
    NTSTATUS Status;

    _snwprintf(Text, RTL_NUMBER_OF(Text), L"\\Device\\Harddisk%u\\Partition%u", DiskNumber, PartitionNumber);
    RtlInitUnicodeString(&Name, Text);
    Status = IoCreateDevice(IopPartitionDriver, sizeof(PARTITION_EXTENSION), &Name, FILE_DEVICE_DISK,
                            Disk->Characteristics, FALSE, &Device);
    if (!NT_SUCCESS(Status))
        return Status;
    Extension = Device->DeviceExtension;
    Extension->Disk = Disk;
    Extension->DiskNumber = DiskNumber;
    Extension->PartitionNumber = PartitionNumber;
    Extension->Place = *Place;
    Device->StackSize = Disk->StackSize + 1;
    Device->SectorSize = Disk->SectorSize;
    Device->AlignmentRequirement = Disk->AlignmentRequirement;
    Device->Flags |= Disk->Flags & (DO_DIRECT_IO | DO_BUFFERED_IO);
    Device->Flags &= ~DO_DEVICE_INITIALIZING;
    if (IopIsRecognisedType(Place->Type))
        IopNotePartition(DiskNumber, PartitionNumber);
    return STATUS_SUCCESS;
}

// Sends a disk a request without a file object and waits for it.
static NTSTATUS IopWaitForDisk(PDEVICE_OBJECT Disk, PIRP Irp, PKEVENT Event, PIO_STATUS_BLOCK IoStatus)
{
    NTSTATUS Status;

    if (Irp == NULL)
        return STATUS_INSUFFICIENT_RESOURCES;
    Status = IoCallDriver(Disk, Irp);
    if (Status == STATUS_PENDING) {
        KeWaitForever(Event, Executive);
        Status = IoStatus->Status;
    }
    return Status;
}

// Reads from a whole disk.
//
// Buffer: nonpaged; Offset and Length in whole sectors.   PASSIVE_LEVEL. The disk's status.
NTSTATUS NTAPI IopReadDisk(PDEVICE_OBJECT Disk, ULONGLONG Offset, PVOID Buffer, ULONG Length)
{
    LARGE_INTEGER Start = {.QuadPart = (LONGLONG)Offset};
    IO_STATUS_BLOCK IoStatus;
    KEVENT Event;

    KeInitializeEvent(&Event, NotificationEvent, FALSE);
    return IopWaitForDisk(Disk,
                          IoBuildSynchronousFsdRequest(IRP_MJ_READ, Disk, Buffer, Length, &Start, &Event, &IoStatus),
                          &Event, &IoStatus);
}

static NTSTATUS IopControlDisk(PDEVICE_OBJECT Disk, ULONG Code, PVOID Output, ULONG Length)
{
    IO_STATUS_BLOCK IoStatus;
    KEVENT Event;
    PIRP Irp;

    KeInitializeEvent(&Event, NotificationEvent, FALSE);
    Irp = IoBuildDeviceIoControlRequest(Code, Disk, NULL, 0, Output, Length, FALSE, &Event, &IoStatus);
    return IopWaitForDisk(Disk, Irp, &Event, &IoStatus);
}

static NTSTATUS IopMeasureDisk(PDEVICE_OBJECT Disk, PULONG SectorSize, PULONGLONG Length)
{
    GET_LENGTH_INFORMATION LengthInfo;
    DISK_GEOMETRY Geometry;
    NTSTATUS Status = IopControlDisk(Disk, IOCTL_DISK_GET_DRIVE_GEOMETRY, &Geometry, sizeof(Geometry));

    if (NT_SUCCESS(Status))
        Status = IopControlDisk(Disk, IOCTL_DISK_GET_LENGTH_INFO, &LengthInfo, sizeof(LengthInfo));
    if (!NT_SUCCESS(Status))
        return Status;
    *SectorSize = Geometry.BytesPerSector;
    *Length = (ULONGLONG)LengthInfo.Length.QuadPart;
    return Geometry.BytesPerSector >= 512 ? STATUS_SUCCESS : STATUS_UNRECOGNIZED_MEDIA;
}

static VOID IopLinkPhysicalDrive(ULONG DiskNumber)
{
    WCHAR Link[40], Target[48];

    _snwprintf(Link, RTL_NUMBER_OF(Link), L"\\??\\PhysicalDrive%u", DiskNumber);
    _snwprintf(Target, RTL_NUMBER_OF(Target), L"\\Device\\Harddisk%u\\Partition0", DiskNumber);
    IGNORE_STATUS(IopCreateLinkTo(Link, Target)); // a convenience
}

// Makes the partition devices of a whole disk that a storage driver has found.
//
// Disk: \Device\HarddiskN\Partition0, ready for requests.   PASSIVE_LEVEL.
// The disk's error if the table cannot be read; a disk without partitions is a success.
NTSTATUS NTAPI IoReadPartitionTable(PDEVICE_OBJECT Disk, ULONG DiskNumber)
{
    IOP_PARTITION *Found;
    ULONG SectorSize, Count = 0;
    ULONGLONG Length;
    NTSTATUS Status = IopMeasureDisk(Disk, &SectorSize, &Length);

    if (!NT_SUCCESS(Status))
        return Status;
    Found = ExAllocatePoolZero(PagedPool, IOP_MAX_PARTITIONS * sizeof(IOP_PARTITION), TAG_IO_BUFFER);
    if (Found == NULL)
        return STATUS_INSUFFICIENT_RESOURCES;
    IopDropVpb(Disk); // volumes are on partitions; a superfloppy must not be mounted twice
    IopLinkPhysicalDrive(DiskNumber);
    Status = IopParsePartitionTable(Disk, SectorSize, Length, Found, &Count);
    for (ULONG i = 0; NT_SUCCESS(Status) && i < Count; i++)
        Status = IopCreatePartition(Disk, DiskNumber, i + 1, &Found[i]);
    ExFreePoolWithTag(Found, TAG_IO_BUFFER);
    return Status;
}
