// SPDX-License-Identifier: MIT
// The disk's dispatch routines: checks, then the queue.

#include "atapi.h"

#define MEDIA_FIXED 12 // MEDIA_TYPE FixedMedia (SDK)
#define GEOMETRY_HEADS 255
#define GEOMETRY_SECTORS 63

// IRP_MJ_READ, IRP_MJ_WRITE: whole sectors inside the disk; STATUS_INVALID_PARAMETER otherwise. IRQL <= DISPATCH_LEVEL.
static NTSTATUS NTAPI AtapiReadWrite(PDEVICE_OBJECT Device, PIRP Irp)
{
    PIDE_DISK Disk = Device->DeviceExtension;
    PIO_STACK_LOCATION Stack = IoGetCurrentIrpStackLocation(Irp);
    ULONG Length = Stack->Parameters.Read.Length;
    ULONGLONG Offset = (ULONGLONG)Stack->Parameters.Read.ByteOffset.QuadPart;
    ULONGLONG DiskLength = Disk->SectorCount << SECTOR_SHIFT;

    if (Length % SECTOR_SIZE != 0 || Offset % SECTOR_SIZE != 0 || Offset > DiskLength || Length > DiskLength - Offset)
        return DrvCompleteIrp(Irp, STATUS_INVALID_PARAMETER, 0, IO_NO_INCREMENT);
    if (Length == 0)
        return DrvCompleteIrp(Irp, STATUS_SUCCESS, 0, IO_NO_INCREMENT);
    if (Irp->MdlAddress == NULL || MmGetMdlByteCount(Irp->MdlAddress) < Length)
        return DrvCompleteIrp(Irp, STATUS_INVALID_PARAMETER, 0, IO_NO_INCREMENT);
    IoMarkIrpPending(Irp);
    IoStartPacket(Device, Irp, NULL, NULL);
    return STATUS_PENDING;
}

// A NOP that tools/powercut.c waits for.
#define MARK_FLUSH() __asm__ volatile(".byte 0x0F, 0x1F, 0x80, 0x04, 0x00, 0xED, 0x5E")

// IRP_MJ_FLUSH_BUFFERS, IRP_MJ_SHUTDOWN: the disk's write cache reaches the platter. An emulated disk whose transfers
// are synchronous (dma.c) has no cache: a write that has ended is in the host's file, and the command would take time.
static NTSTATUS NTAPI AtapiFlush(PDEVICE_OBJECT Device, PIRP Irp)
{
    if (AtapiSynchronousDma) {
        MARK_FLUSH();
        return DrvCompleteIrp(Irp, STATUS_SUCCESS, 0, IO_NO_INCREMENT);
    }
    IoMarkIrpPending(Irp);
    IoStartPacket(Device, Irp, NULL, NULL);
    return STATUS_PENDING;
}

static NTSTATUS AtapiGetGeometry(PIDE_DISK Disk, PIRP Irp)
{
    PDISK_GEOMETRY Geometry = Irp->AssociatedIrp.SystemBuffer;

    if (IoGetCurrentIrpStackLocation(Irp)->Parameters.DeviceIoControl.OutputBufferLength < sizeof(*Geometry))
        return DrvCompleteIrp(Irp, STATUS_BUFFER_TOO_SMALL, 0, IO_NO_INCREMENT);
    Geometry->Cylinders.QuadPart = (LONGLONG)(Disk->SectorCount / (GEOMETRY_HEADS * GEOMETRY_SECTORS));
    Geometry->MediaType = MEDIA_FIXED;
    Geometry->TracksPerCylinder = GEOMETRY_HEADS;
    Geometry->SectorsPerTrack = GEOMETRY_SECTORS;
    Geometry->BytesPerSector = SECTOR_SIZE;
    return DrvCompleteIrp(Irp, STATUS_SUCCESS, sizeof(*Geometry), IO_NO_INCREMENT);
}

static NTSTATUS AtapiGetLength(PIDE_DISK Disk, PIRP Irp)
{
    PGET_LENGTH_INFORMATION Information = Irp->AssociatedIrp.SystemBuffer;

    if (IoGetCurrentIrpStackLocation(Irp)->Parameters.DeviceIoControl.OutputBufferLength < sizeof(*Information))
        return DrvCompleteIrp(Irp, STATUS_BUFFER_TOO_SMALL, 0, IO_NO_INCREMENT);
    Information->Length.QuadPart = (LONGLONG)(Disk->SectorCount << SECTOR_SHIFT);
    return DrvCompleteIrp(Irp, STATUS_SUCCESS, sizeof(*Information), IO_NO_INCREMENT);
}

static NTSTATUS NTAPI AtapiDeviceControl(PDEVICE_OBJECT Device, PIRP Irp)
{
    switch (IoGetCurrentIrpStackLocation(Irp)->Parameters.DeviceIoControl.IoControlCode) {
    case IOCTL_DISK_GET_DRIVE_GEOMETRY:
        return AtapiGetGeometry(Device->DeviceExtension, Irp);
    case IOCTL_DISK_GET_LENGTH_INFO:
        return AtapiGetLength(Device->DeviceExtension, Irp);
    default:
        return DrvCompleteIrp(Irp, STATUS_INVALID_DEVICE_REQUEST, 0, IO_NO_INCREMENT);
    }
}

// Fills the driver object's table. PASSIVE_LEVEL.
VOID AtapiSetDispatch(PDRIVER_OBJECT Driver)
{
    Driver->DriverStartIo = AtapiStartIo;
    Driver->MajorFunction[IRP_MJ_CREATE] = DrvSucceed;
    Driver->MajorFunction[IRP_MJ_CLEANUP] = DrvSucceed;
    Driver->MajorFunction[IRP_MJ_CLOSE] = DrvSucceed;
    Driver->MajorFunction[IRP_MJ_READ] = AtapiReadWrite;
    Driver->MajorFunction[IRP_MJ_WRITE] = AtapiReadWrite;
    Driver->MajorFunction[IRP_MJ_FLUSH_BUFFERS] = AtapiFlush;
    Driver->MajorFunction[IRP_MJ_SHUTDOWN] = AtapiFlush;
    Driver->MajorFunction[IRP_MJ_DEVICE_CONTROL] = AtapiDeviceControl;
}
