// SPDX-License-Identifier: MIT
// The volume's metadata stream: a stream file of our own that Cc caches and Mm pages. It shows the FATs where they lie,
// and in slots behind them the directories' blocks (fat.h draws it). Cc does not write behind and does not read ahead
// here: a page goes to the disk only when block.c flushes it, and then only the sectors that were changed.

#include "fat.h"

#define FAT_MAXIMUM_BLOCKS 512u
#define FAT_MINIMUM_BLOCKS 32u

// Where a page of the stream lies on the volume. FAT_BLOCK_FREE: nowhere.
static ULONGLONG FatStreamLbo(PVCB Vcb, ULONGLONG Offset)
{
    PFAT_META Meta = &Vcb->Meta;
    ULONGLONG Slot = (Offset - Meta->IdentityEnd) / FAT_BLOCK_SIZE;

    if (Offset < Meta->IdentityEnd)
        return Offset;
    return Slot < Meta->BlockCount ? Meta->Blocks[Slot].Lbo : FAT_BLOCK_FREE;
}

static NTSTATUS FatReadPage(PVCB Vcb, PMDL Mdl, ULONG MdlOffset, ULONGLONG Offset)
{
    ULONGLONG Lbo = FatStreamLbo(Vcb, Offset), Left = Vcb->Geometry.VolumeBytes - Lbo;
    PUCHAR Va;

    if (Lbo != FAT_BLOCK_FREE && Lbo < Vcb->Geometry.VolumeBytes && Left >= FAT_BLOCK_SIZE)
        return FatTransferMdl(Vcb->Target, FALSE, Lbo, Mdl, MdlOffset, FAT_BLOCK_SIZE);
    Va = MmGetSystemAddressForMdl(Mdl);
    if (Va == NULL)
        return STATUS_INSUFFICIENT_RESOURCES;
    memset(Va + MdlOffset, 0, FAT_BLOCK_SIZE);
    if (Lbo == FAT_BLOCK_FREE || Lbo >= Vcb->Geometry.VolumeBytes)
        return STATUS_SUCCESS;
    return FatTransferMdl(Vcb->Target, FALSE, Lbo, Mdl, MdlOffset, (ULONG)Left); // the volume's last sectors
}

// Writes one run of units; the FAT's go to every copy of it.
static NTSTATUS FatWriteUnits(PVCB Vcb, ULONGLONG Lbo, PMDL Mdl, ULONG MdlOffset, ULONG Length)
{
    PFAT_GEOMETRY Geometry = &Vcb->Geometry;
    ULONGLONG FatStart = FatActiveLbo(Vcb);
    NTSTATUS Status;

    Vcb->Meta.InDiskCache = TRUE;
    Status = FatTransferMdl(Vcb->Target, TRUE, Lbo, Mdl, MdlOffset, Length);
    if (!NT_SUCCESS(Status) || !Geometry->Mirrored || Lbo < FatStart || Lbo >= FatStart + Geometry->FatBytes)
        return Status;
    // A block may end behind the FAT; the copies get only what belongs to it.
    Length = (ULONG)min_of((ULONGLONG)Length, FatStart + Geometry->FatBytes - Lbo);
    for (ULONG i = 1; i < Geometry->Fats && NT_SUCCESS(Status); i++)
        Status = FatTransferMdl(Vcb->Target, TRUE, Lbo + (ULONGLONG)i * Geometry->FatBytes, Mdl, MdlOffset, Length);
    return Status;
}

// Writes the dirty units of a block that lie between WriteLow and WriteHigh, in runs of whole sectors.
static NTSTATUS FatWritePage(PVCB Vcb, PFAT_BLOCK Block, PMDL Mdl, ULONG MdlOffset)
{
    ULONG Sector = Vcb->Geometry.BytesPerSector;
    ULONGLONG Low = Vcb->Meta.WriteLow, High = Vcb->Meta.WriteHigh;

    for (ULONG Offset = 0; Offset < FAT_BLOCK_SIZE;) {
        ULONG Units = (2u << (Sector / FAT_BLOCK_UNIT - 1)) - 1, Start = Offset, Mask = 0;
        NTSTATUS Status;

        while (Offset < FAT_BLOCK_SIZE && Block->Lbo + Offset >= Low && Block->Lbo + Offset < High &&
               (Block->DirtyUnits & Units << Offset / FAT_BLOCK_UNIT)) {
            Mask |= Units << Offset / FAT_BLOCK_UNIT;
            Offset += Sector;
        }
        if (Offset == Start) {
            Offset += Sector;
            continue;
        }
        Status = FatWriteUnits(Vcb, Block->Lbo + Start, Mdl, MdlOffset + Start, Offset - Start);
        if (!NT_SUCCESS(Status))
            return Status;
        Block->DirtyUnits &= ~Mask;
        if (Block->DirtyUnits == 0)
            Vcb->DirtyBlocks--;
    }
    return STATUS_SUCCESS;
}

// A page write that block.c's flush asked for. The page stays modified while units of it are left.
static NTSTATUS FatWriteStreamPage(PVCB Vcb, PMDL Mdl, ULONG MdlOffset, ULONGLONG Offset)
{
    ULONGLONG Lbo = FatStreamLbo(Vcb, Offset);
    PFAT_BLOCK Block = Lbo != FAT_BLOCK_FREE ? FatFindBlock(Vcb, Lbo) : NULL;
    NTSTATUS Status;

    if (Block == NULL || Block->DirtyUnits == 0)
        return STATUS_SUCCESS; // sectors of other things around ours
    Status = FatWritePage(Vcb, Block, Mdl, MdlOffset);
    if (!NT_SUCCESS(Status)) {
        Vcb->Meta.WriteStatus = Status;
        return Status;
    }
    return Block->DirtyUnits == 0 ? STATUS_SUCCESS : STATUS_FILE_LOCK_CONFLICT;
}

// Paging I/O of the stream. Takes no lock: reads come from whoever holds MetaResource and touches a page, writes from
// the flush, which has it exclusively. A write from elsewhere would be out of order: STATUS_FILE_LOCK_CONFLICT keeps
// the page as it is.
NTSTATUS NTAPI FatMetaPagingIo(PVCB Vcb, PIRP Irp, BOOLEAN Write, ULONGLONG Offset, ULONG Length)
{
    NTSTATUS Status = STATUS_SUCCESS;

    if (!(Irp->Flags & IRP_PAGING_IO) || Irp->MdlAddress == NULL || (Offset & (FAT_BLOCK_SIZE - 1)) != 0)
        return STATUS_INVALID_DEVICE_REQUEST;
    if (Write && !ExIsResourceAcquiredExclusiveLite(&Vcb->MetaResource))
        return STATUS_FILE_LOCK_CONFLICT;
    for (ULONG Done = 0; Done < Length && NT_SUCCESS(Status); Done += FAT_BLOCK_SIZE)
        Status = Write ? FatWriteStreamPage(Vcb, Irp->MdlAddress, Done, Offset + Done)
                       : FatReadPage(Vcb, Irp->MdlAddress, Done, Offset + Done);
    Irp->IoStatus.Information = NT_SUCCESS(Status) ? Length : 0;
    return Status;
}

// Cc's callbacks. Context: the VCB.
BOOLEAN NTAPI FatAcquireMetaForCache(PVOID Context, BOOLEAN Wait)
{
    KeEnterCriticalRegion();
    if (ExAcquireResourceExclusiveLite(&((PVCB)Context)->MetaResource, Wait))
        return TRUE;
    KeLeaveCriticalRegion();
    return FALSE;
}

VOID NTAPI FatReleaseMetaFromCache(PVOID Context)
{
    FatUnlockMeta(Context);
    KeLeaveCriticalRegion();
}

static NTSTATUS FatCacheStream(PVCB Vcb)
{
    PFAT_META Meta = &Vcb->Meta;
    volatile NTSTATUS Status = STATUS_SUCCESS;
    CC_FILE_SIZES Sizes = {Meta->Header.AllocationSize, Meta->Header.FileSize, {.QuadPart = MAXLONGLONG}};

    SEH_TRY
    {
        CcInitializeCacheMap(Meta->File, &Sizes, TRUE, &FatData.MetaCallbacks, Vcb);
        CcSetAdditionalCacheAttributes(Meta->File, TRUE, TRUE);
    }
    SEH_EXCEPT
    {
        Status = SEH_CODE();
    }
    SEH_END
    return Status;
}

// Makes the stream of a volume that is being mounted. PASSIVE_LEVEL. FatDeleteMetaStream undoes it, after a failure
// too.
NTSTATUS NTAPI FatCreateMetaStream(PVCB Vcb)
{
    PFAT_META Meta = &Vcb->Meta;
    ULONG Limit = MmNumberOfPhysicalPages / 64;
    NTSTATUS Status =
        FatCreateBlocks(Vcb, Limit < FAT_MINIMUM_BLOCKS ? FAT_MINIMUM_BLOCKS : min_of(Limit, FAT_MAXIMUM_BLOCKS));

    if (!NT_SUCCESS(Status))
        return Status;
    Meta->IdentityEnd = (Vcb->Geometry.DataLbo + FAT_BLOCK_SIZE - 1) & ~(ULONGLONG)(FAT_BLOCK_SIZE - 1);
    Meta->Header.NodeTypeCode = FAT_NTC_META;
    Meta->Header.NodeByteSize = sizeof(*Meta);
    Meta->Header.FileSize.QuadPart = (LONGLONG)(Meta->IdentityEnd + (ULONGLONG)Meta->BlockCount * FAT_BLOCK_SIZE);
    Meta->Header.AllocationSize = Meta->Header.ValidDataLength = Meta->Header.FileSize;
    Meta->File = IoCreateStreamFileObject(NULL, Vcb->Device);
    if (Meta->File == NULL)
        return STATUS_INSUFFICIENT_RESOURCES;
    Meta->File->FsContext = Meta;
    Meta->File->SectionObjectPointer = &Meta->Section;
    return FatCacheStream(Vcb);
}

// The mount failed: the stream goes, what is in memory of it too.
VOID FatDeleteMetaStream(PVCB Vcb)
{
    static LARGE_INTEGER Zero;
    PFAT_META Meta = &Vcb->Meta;

    if (Meta->File != NULL) {
        FatUnpinBlock(Vcb);
        CcUninitializeCacheMap(Meta->File, &Zero, NULL);
        ObDereferenceObject(Meta->File);
    }
    if (Meta->Blocks != NULL)
        ExFreePoolWithTag(Meta->Blocks, TAG_FAT_BLOCK);
}
