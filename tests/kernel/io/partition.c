// SPDX-License-Identifier: MIT
// Laws of the partition table reader, on a disk that is an array. Source: the MBR as commonly published.

#include "testdrv.h"

#define KT_SECTORS 16
#define KT_DISK_LENGTH (1024ull * 512) // what the disk says it has; sectors beyond the array read as zeroes

static UCHAR (*KtSectors)[512];
static PDEVICE_OBJECT KtDisk;
static PDRIVER_OBJECT KtDiskDriver;

static NTSTATUS NTAPI KtDiskRead(PDEVICE_OBJECT Device, PIRP Irp)
{
    PIO_STACK_LOCATION Stack = IoGetCurrentIrpStackLocation(Irp);
    ULONG Sector = (ULONG)(Stack->Parameters.Read.ByteOffset.QuadPart / 512);

    UNREFERENCED_PARAMETER(Device);
    memset(Irp->AssociatedIrp.SystemBuffer, 0, Stack->Parameters.Read.Length);
    if (Sector < KT_SECTORS)
        memcpy(Irp->AssociatedIrp.SystemBuffer, KtSectors[Sector], 512);
    Irp->IoStatus.Status = STATUS_SUCCESS;
    Irp->IoStatus.Information = Stack->Parameters.Read.Length;
    IoCompleteRequest(Irp, IO_NO_INCREMENT);
    return STATUS_SUCCESS;
}

static NTSTATUS NTAPI KtDiskEntry(PDRIVER_OBJECT Driver, PUNICODE_STRING RegistryPath)
{
    NTSTATUS Status;

    UNREFERENCED_PARAMETER(RegistryPath);
    KtDiskDriver = Driver;
    Driver->MajorFunction[IRP_MJ_READ] = KtDiskRead;
    Status = IoCreateDevice(Driver, 0, NULL, FILE_DEVICE_UNKNOWN, 0, FALSE, &KtDisk);
    if (NT_SUCCESS(Status))
        KtDisk->Flags |= DO_BUFFERED_IO;
    return Status;
}

static BOOLEAN KtStartDisk(VOID)
{
    UNICODE_STRING Name = RTL_CONSTANT_STRING(L"\\Driver\\KtDisk");
    NTSTATUS Status = IoCreateDriver(&Name, KtDiskEntry);

    expect_status(Status, STATUS_SUCCESS);
    KtSectors = ExAllocatePoolZero(NonPagedPool, KT_SECTORS * 512, TAG_IO_BUFFER);
    return NT_SUCCESS(Status) && KtSectors != NULL;
}

static VOID KtStopDisk(VOID)
{
    PDRIVER_OBJECT Driver = KtDiskDriver;

    ExFreePool(KtSectors);
    ObReferenceObject(Driver);
    IoDeleteDevice(KtDisk);
    ObMakeTemporaryObject(Driver);
    ObDereferenceObject(Driver);
}

static VOID KtPutEntry(ULONG Sector, ULONG Index, UCHAR Type, ULONG First, ULONG Count)
{
    PUCHAR Entry = KtSectors[Sector] + 446 + Index * 16;

    Entry[4] = Type;
    memcpy(Entry + 8, &First, 4);
    memcpy(Entry + 12, &Count, 4);
    KtSectors[Sector][510] = 0x55;
    KtSectors[Sector][511] = 0xAA;
}

static ULONG KtScan(PIOP_PARTITION Found)
{
    ULONG Count = 0;

    expect_status(IopParsePartitionTable(KtDisk, 512, KT_DISK_LENGTH, Found, &Count), STATUS_SUCCESS);
    return Count;
}

KTEST(io, partition_table_gives_primary_then_logical_partitions)
{
    // Law: primary partitions in table order, then the logical ones along the chain; what does not lie on the disk is
    // left out.
    IOP_PARTITION Found[IOP_MAX_PARTITIONS];

    if (!KtStartDisk())
        return;
    KtPutEntry(0, 0, 0x0C, 100, 50);
    KtPutEntry(0, 1, 0x05, 4, 90);
    KtPutEntry(0, 2, 0x83, 200, 10);
    KtPutEntry(0, 3, 0x0B, 1000, 100); // ends behind the disk
    KtPutEntry(4, 0, 0x06, 1, 5);      // at 5
    KtPutEntry(4, 1, 0x05, 6, 20);     // next table at 10
    KtPutEntry(10, 0, 0x0E, 2, 3);     // at 12
    expect_eq(KtScan(Found), 4);
    expect_eq(Found[0].Offset, 100 * 512);
    expect_eq(Found[0].Length, 50 * 512);
    expect_eq(Found[1].Type, 0x83);
    expect_eq(Found[2].Offset, 5 * 512);
    expect_eq(Found[3].HiddenSectors, 12);
    expect(IopIsRecognisedType(Found[3].Type));
    expect(!IopIsRecognisedType(Found[1].Type));
    KtStopDisk();
}

KTEST(io, partition_chain_that_is_a_circle_ends)
{
    // Law: a damaged table costs partitions, not the system.
    IOP_PARTITION Found[IOP_MAX_PARTITIONS];

    if (!KtStartDisk())
        return;
    KtPutEntry(0, 0, 0x05, 4, 90);
    KtPutEntry(4, 0, 0x06, 1, 5);
    KtPutEntry(4, 1, 0x05, 2, 5);
    KtPutEntry(6, 0, 0x06, 1, 5);
    KtPutEntry(6, 1, 0x05, 2, 5); // itself
    expect(KtScan(Found) <= IOP_MAX_PARTITIONS);
    memset(KtSectors, 0, KT_SECTORS * 512);
    expect_eq(KtScan(Found), 0); // a blank disk
    KtStopDisk();
}

KTEST(io, partition_superfloppy_is_one_partition)
{
    // Law: a FAT volume that begins in sector 0 is Partition1 over the whole disk.
    static const UCHAR Boot[] = {0xEB, 0x58, 0x90, 'M', 'I', 'C', 'A', ' ', ' ', ' ', ' ',
                                 0,    2,    1,    32,  0,   2,   0,   0,   0,   0,   0xF8};
    IOP_PARTITION Found[IOP_MAX_PARTITIONS];

    if (!KtStartDisk())
        return;
    memcpy(KtSectors[0], Boot, sizeof(Boot));
    KtSectors[0][510] = 0x55;
    KtSectors[0][511] = 0xAA;
    expect_eq(KtScan(Found), 1);
    expect_eq(Found[0].Offset, 0);
    expect_eq(Found[0].Length, KT_DISK_LENGTH);
    KtStopDisk();
}
