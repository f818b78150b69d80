// SPDX-License-Identifier: MIT
// Reading a disk's partition table: the four entries of the master boot record, the chain of extended ones, or a bare
// FAT volume that starts in sector 0 ("superfloppy"), which counts as one partition over the whole disk.
// Source: the MBR as commonly published (IBM PC DOS 3.3 technical reference); FAT specification 1.03, boot sector.

#include "iop.h"

#define MBR_TABLE_OFFSET 446
#define MBR_SIGNATURE_OFFSET 510
#define MBR_SIGNATURE 0xAA55
#define MBR_ENTRIES 4
#define MBR_CHAIN_LIMIT 64 // a chain of extended tables that goes on longer is a circle

typedef struct _MBR_ENTRY {
    UCHAR Boot; // 0x80: active
    UCHAR FirstChs[3];
    UCHAR Type;
    UCHAR LastChs[3];
    ULONG FirstSector;
    ULONG SectorCount;
} __attribute__((packed)) MBR_ENTRY, *PMBR_ENTRY;
_Static_assert(sizeof(MBR_ENTRY) == 16, "MBR entry");

#define PARTITION_EXTENDED 0x05
#define PARTITION_XINT13_EXTENDED 0x0F
#define PARTITION_FAT_12 0x01
#define PARTITION_FAT_16 0x04
#define PARTITION_HUGE 0x06
#define PARTITION_FAT32 0x0B
#define PARTITION_FAT32_XINT13 0x0C
#define PARTITION_XINT13 0x0E

typedef struct _MBR_SCAN {
    PDEVICE_OBJECT Disk;
    ULONG SectorSize;
    ULONGLONG Sectors; // on the disk
    PUCHAR Sector;     // one sector's buffer
    PIOP_PARTITION Found;
    ULONG Count;
} MBR_SCAN, *PMBR_SCAN;

// Is it a FAT partition, one that gets a drive letter?
BOOLEAN IopIsRecognisedType(UCHAR Type)
{
    PAGED_CODE();
    return Type == PARTITION_FAT_12 || Type == PARTITION_FAT_16 || Type == PARTITION_HUGE || Type == PARTITION_FAT32 ||
           Type == PARTITION_FAT32_XINT13 || Type == PARTITION_XINT13;
}

static BOOLEAN IopIsExtendedType(UCHAR Type)
{
    return Type == PARTITION_EXTENDED || Type == PARTITION_XINT13_EXTENDED;
}

static USHORT IopReadUshort(PUCHAR Sector, ULONG Offset)
{
    return (USHORT)(Sector[Offset] | Sector[Offset + 1] << 8);
}

// Does the sector begin with a FAT boot sector's parameter block? (FAT specification: jump, sizes, counts, media byte.)
static BOOLEAN IopIsFatBootSector(PUCHAR Sector)
{
    USHORT BytesPerSector = IopReadUshort(Sector, 11);
    UCHAR SectorsPerCluster = Sector[13], Fats = Sector[16], Media = Sector[21];

    if (Sector[0] != 0xE9 && (Sector[0] != 0xEB || Sector[2] != 0x90))
        return FALSE;
    if (BytesPerSector < 512 || BytesPerSector > 4096 || (BytesPerSector & (BytesPerSector - 1)))
        return FALSE;
    if (SectorsPerCluster == 0 || (SectorsPerCluster & (SectorsPerCluster - 1)) || IopReadUshort(Sector, 14) == 0)
        return FALSE;
    return Fats >= 1 && Fats <= 2 && (Media == 0xF0 || Media >= 0xF8);
}

static NTSTATUS IopReadTable(PMBR_SCAN Scan, ULONGLONG Number)
{
    NTSTATUS Status = IopReadDisk(Scan->Disk, Number * Scan->SectorSize, Scan->Sector, Scan->SectorSize);

    if (!NT_SUCCESS(Status))
        return Status;
    return IopReadUshort(Scan->Sector, MBR_SIGNATURE_OFFSET) == MBR_SIGNATURE ? STATUS_SUCCESS
                                                                              : STATUS_UNRECOGNIZED_MEDIA;
}

// Notes one partition, if it lies on the disk.
static VOID IopFoundPartition(PMBR_SCAN Scan, PMBR_ENTRY Entry, ULONGLONG Base)
{
    ULONGLONG First = Base + Entry->FirstSector;
    PIOP_PARTITION Partition = &Scan->Found[Scan->Count];

    if (Entry->SectorCount == 0 || First == 0 || First + Entry->SectorCount > Scan->Sectors ||
        Scan->Count == IOP_MAX_PARTITIONS)
        return;
    Partition->Offset = First * Scan->SectorSize;
    Partition->Length = (ULONGLONG)Entry->SectorCount * Scan->SectorSize;
    Partition->HiddenSectors = (ULONG)First;
    Partition->Type = Entry->Type;
    Partition->Boot = Entry->Boot == 0x80;
    Scan->Count++;
}

// Follows the chain of extended tables that begins in sector Base; a broken chain ends where it breaks.
static VOID IopScanExtended(PMBR_SCAN Scan, ULONGLONG Base)
{
    ULONGLONG Table = Base;

    for (ULONG i = 0; i < MBR_CHAIN_LIMIT && Table < Scan->Sectors; i++) {
        MBR_ENTRY Entries[2];

        if (!NT_SUCCESS(IopReadTable(Scan, Table)))
            return;
        memcpy(Entries, Scan->Sector + MBR_TABLE_OFFSET, sizeof(Entries));
        if (Entries[0].Type != 0 && !IopIsExtendedType(Entries[0].Type))
            IopFoundPartition(Scan, &Entries[0], Table);
        if (!IopIsExtendedType(Entries[1].Type) || Entries[1].FirstSector == 0)
            return;
        Table = Base + Entries[1].FirstSector;
    }
}

static VOID IopFoundSuperfloppy(PMBR_SCAN Scan)
{
    Scan->Found[0].Offset = 0;
    Scan->Found[0].Length = Scan->Sectors * Scan->SectorSize;
    Scan->Found[0].HiddenSectors = 0;
    Scan->Found[0].Type = PARTITION_FAT32;
    Scan->Found[0].Boot = FALSE;
    Scan->Count = 1;
}

static NTSTATUS IopScanDisk(PMBR_SCAN Scan)
{
    MBR_ENTRY Entries[MBR_ENTRIES];
    NTSTATUS Status = IopReadTable(Scan, 0);

    if (Status == STATUS_UNRECOGNIZED_MEDIA)
        return STATUS_SUCCESS; // a blank disk
    if (!NT_SUCCESS(Status))
        return Status;
    if (IopIsFatBootSector(Scan->Sector)) {
        IopFoundSuperfloppy(Scan);
        return STATUS_SUCCESS;
    }
    memcpy(Entries, Scan->Sector + MBR_TABLE_OFFSET, sizeof(Entries));
    for (ULONG i = 0; i < MBR_ENTRIES; i++) { // primary partitions have the lower numbers
        if (Entries[i].Type != 0 && !IopIsExtendedType(Entries[i].Type))
            IopFoundPartition(Scan, &Entries[i], 0);
    }
    for (ULONG i = 0; i < MBR_ENTRIES; i++) {
        if (IopIsExtendedType(Entries[i].Type) && Entries[i].FirstSector != 0)
            IopScanExtended(Scan, Entries[i].FirstSector);
    }
    return STATUS_SUCCESS;
}

// Finds the partitions of a disk.
//
// Found: room for IOP_MAX_PARTITIONS.   PASSIVE_LEVEL. *Count may be 0. The disk's read error, or
// STATUS_INSUFFICIENT_RESOURCES.
NTSTATUS NTAPI IopParsePartitionTable(PDEVICE_OBJECT Disk, ULONG SectorSize, ULONGLONG DiskLength, PIOP_PARTITION Found,
                                      PULONG Count)
{
    MBR_SCAN Scan = {
        .Disk = Disk, .SectorSize = SectorSize, .Sectors = DiskLength / SectorSize, .Found = Found, .Count = 0};
    NTSTATUS Status;

    PAGED_CODE();
    Scan.Sector = ExAllocatePoolWithTag(NonPagedPool, SectorSize, TAG_IO_BUFFER);
    if (Scan.Sector == NULL)
        return STATUS_INSUFFICIENT_RESOURCES;
    Status = IopScanDisk(&Scan);
    ExFreePoolWithTag(Scan.Sector, TAG_IO_BUFFER);
    *Count = Scan.Count;
    return Status;
}
