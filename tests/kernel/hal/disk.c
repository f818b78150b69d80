// SPDX-License-Identifier: MIT
// Laws of drivers/atapi, on the first disk: what the bus master reads is what the processor reads, in any portions.

#include "drivers/atapi/atapi.h"
#include "ktest.h"

#define TEST_SECTORS 600u // more than two commands
#define MBR_SIGNATURE 0xAA55

static PDEVICE_OBJECT OpenDisk(PFILE_OBJECT *File)
{
    UNICODE_STRING Name = RTL_CONSTANT_STRING(L"\\Device\\Harddisk0\\Partition0");
    PDEVICE_OBJECT Device = NULL;

    expect_status(IoGetDeviceObjectPointer(&Name, FILE_READ_DATA, File, &Device), STATUS_SUCCESS);
    return Device;
}

static NTSTATUS Transfer(PDEVICE_OBJECT Device, ULONG Major, PVOID Buffer, ULONG Length, ULONGLONG Offset)
{
    LARGE_INTEGER Position = {.QuadPart = (LONGLONG)Offset};
    IO_STATUS_BLOCK IoStatus;
    NTSTATUS Status;
    KEVENT Event;
    PIRP Irp;

    KeInitializeEvent(&Event, NotificationEvent, FALSE);
    Irp = IoBuildSynchronousFsdRequest(Major, Device, Buffer, Length, &Position, &Event, &IoStatus);
    if (Irp == NULL)
        return STATUS_INSUFFICIENT_RESOURCES;
    Status = IoCallDriver(Device, Irp);
    if (Status == STATUS_PENDING) {
        KeWaitForever(&Event, Executive);
        Status = IoStatus.Status;
    }
    if (NT_SUCCESS(Status))
        expect_eq(IoStatus.Information, Length);
    return Status;
}

KTEST(disk, dma_and_pio_read_the_same)
{
    // Law: a transfer gives the same bytes through the bus master and through the processor, at once and in portions.
    PFILE_OBJECT File;
    PDEVICE_OBJECT Device = OpenDisk(&File);
    PUCHAR Dma = ExAllocatePoolWithTag(NonPagedPool, TEST_SECTORS * SECTOR_SIZE, TAG_ATAPI);
    PUCHAR Other = ExAllocatePoolWithTag(NonPagedPool, TEST_SECTORS * SECTOR_SIZE + 1, TAG_ATAPI);
    PIDE_DISK Disk;
    BOOLEAN HasDma;
    ULONG Sector;

    expect(Dma != NULL && Other != NULL);
    if (Device == NULL || Dma == NULL || Other == NULL)
        return;
    Disk = Device->DeviceExtension;
    HasDma = Disk->Dma;
    expect_status(Transfer(Device, IRP_MJ_READ, Dma, TEST_SECTORS * SECTOR_SIZE, 0), STATUS_SUCCESS);
    expect_eq(*(PUSHORT)(Dma + SECTOR_SIZE - 2), MBR_SIGNATURE);

    Disk->Dma = FALSE;
    expect_status(Transfer(Device, IRP_MJ_READ, Other, TEST_SECTORS * SECTOR_SIZE, 0), STATUS_SUCCESS);
    expect(RtlEqualMemory(Dma, Other, TEST_SECTORS * SECTOR_SIZE));
    Disk->Dma = HasDma;

    // An odd address: the bus master cannot, the driver must still.
    expect_status(Transfer(Device, IRP_MJ_READ, Other + 1, TEST_SECTORS * SECTOR_SIZE, 0), STATUS_SUCCESS);
    expect(RtlEqualMemory(Dma, Other + 1, TEST_SECTORS * SECTOR_SIZE));

    memset(Other, 0, TEST_SECTORS * SECTOR_SIZE);
    for (Sector = 0; Sector < TEST_SECTORS; Sector += 7) {
        ULONG Count = min_of(7, TEST_SECTORS - Sector);

        expect_status(
            Transfer(Device, IRP_MJ_READ, Other + Sector * SECTOR_SIZE, Count * SECTOR_SIZE, Sector * SECTOR_SIZE),
            STATUS_SUCCESS);
    }
    expect(RtlEqualMemory(Dma, Other, TEST_SECTORS * SECTOR_SIZE));
    ExFreePoolWithTag(Dma, TAG_ATAPI);
    ExFreePoolWithTag(Other, TAG_ATAPI);
    ObDereferenceObject(File);
}

KTEST(disk, written_sector_reads_back)
{
    // Law: what is written, by the bus master or the processor, is read back; the sector behind it is untouched.
    PFILE_OBJECT File;
    PDEVICE_OBJECT Device = OpenDisk(&File);
    PUCHAR Saved = ExAllocatePoolWithTag(NonPagedPool, 4 * SECTOR_SIZE, TAG_ATAPI), New = Saved + SECTOR_SIZE * 2;
    ULONGLONG Offset = 2 * SECTOR_SIZE; // between the partition table and the first partition
    ULONG Round, Index;

    expect(Saved != NULL);
    if (Device == NULL || Saved == NULL)
        return;
    expect_status(Transfer(Device, IRP_MJ_READ, Saved, 2 * SECTOR_SIZE, Offset), STATUS_SUCCESS);
    for (Round = 0; Round < 2; Round++) {
        PIDE_DISK Disk = Device->DeviceExtension;
        BOOLEAN HasDma = Disk->Dma;

        Disk->Dma = HasDma && Round == 0;
        for (Index = 0; Index < SECTOR_SIZE; Index++)
            New[Index] = (UCHAR)(Index + Round);
        expect_status(Transfer(Device, IRP_MJ_WRITE, New, SECTOR_SIZE, Offset), STATUS_SUCCESS);
        Disk->Dma = HasDma;
        memset(New, 0, 2 * SECTOR_SIZE);
        expect_status(Transfer(Device, IRP_MJ_READ, New, 2 * SECTOR_SIZE, Offset), STATUS_SUCCESS);
        for (Index = 0; Index < SECTOR_SIZE; Index++)
            expect_eq(New[Index], (UCHAR)(Index + Round));
        expect(RtlEqualMemory(New + SECTOR_SIZE, Saved + SECTOR_SIZE, SECTOR_SIZE));
    }
    expect_status(Transfer(Device, IRP_MJ_WRITE, Saved, 2 * SECTOR_SIZE, Offset), STATUS_SUCCESS);
    expect_status(Transfer(Device, IRP_MJ_FLUSH_BUFFERS, NULL, 0, 0), STATUS_SUCCESS);
    ExFreePoolWithTag(Saved, TAG_ATAPI);
    ObDereferenceObject(File);
}

KTEST(disk, requests_outside_or_across_sectors_are_refused)
{
    // Law: a request that is not whole sectors inside the disk fails with STATUS_INVALID_PARAMETER and touches nothing.
    PFILE_OBJECT File;
    PDEVICE_OBJECT Device = OpenDisk(&File);
    PUCHAR Buffer = ExAllocatePoolWithTag(NonPagedPool, 2 * SECTOR_SIZE, TAG_ATAPI);
    ULONGLONG Length;

    expect(Buffer != NULL);
    if (Device == NULL || Buffer == NULL)
        return;
    Length = ((PIDE_DISK)Device->DeviceExtension)->SectorCount << SECTOR_SHIFT;
    expect_status(Transfer(Device, IRP_MJ_READ, Buffer, SECTOR_SIZE, Length - SECTOR_SIZE), STATUS_SUCCESS);
    expect_status(Transfer(Device, IRP_MJ_READ, Buffer, SECTOR_SIZE, Length), STATUS_INVALID_PARAMETER);
    expect_status(Transfer(Device, IRP_MJ_READ, Buffer, 2 * SECTOR_SIZE, Length - SECTOR_SIZE),
                  STATUS_INVALID_PARAMETER);
    expect_status(Transfer(Device, IRP_MJ_READ, Buffer, SECTOR_SIZE, 1), STATUS_INVALID_PARAMETER);
    expect_status(Transfer(Device, IRP_MJ_READ, Buffer, 100, 0), STATUS_INVALID_PARAMETER);
    expect_status(Transfer(Device, IRP_MJ_READ, Buffer, SECTOR_SIZE, (ULONGLONG) - (LONGLONG)SECTOR_SIZE),
                  STATUS_INVALID_PARAMETER);
    ExFreePoolWithTag(Buffer, TAG_ATAPI);
    ObDereferenceObject(File);
}
