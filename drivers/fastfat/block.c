// SPDX-License-Identifier: MIT
// The metadata cache: 4 KB blocks of the FAT, of directories, of the boot and FSInfo sectors. What goes in and out is
// copied, so nobody holds a pointer into a block. A block may also cover sectors of file data; they are never looked
// at: a cluster that becomes a directory is zeroed through here first, and only dirty 512-byte units are written back.
// A freed directory's units are written before its clusters can become a file's (flush.c).

#include "fat.h"

static PFAT_BLOCK FatFindBlock(PVCB Vcb, ULONGLONG Lbo)
{
    PLIST_ENTRY Head = &Vcb->BlockHash[(ULONG)(Lbo / FAT_BLOCK_SIZE) % FAT_BLOCK_HASH];

    Vcb->IdleTicks = 0;
    if (Vcb->LastBlock != NULL && Vcb->LastBlock->Lbo == Lbo)
        return Vcb->LastBlock;
    for (PLIST_ENTRY Entry = Head->Flink; Entry != Head; Entry = Entry->Flink) {
        PFAT_BLOCK Block = CONTAINING_RECORD(Entry, FAT_BLOCK, HashLinks);

        if (Block->Lbo == Lbo) {
            RemoveEntryList(&Block->LruLinks);
            InsertTailList(&Vcb->BlockLru, &Block->LruLinks);
            Vcb->LastBlock = Block;
            return Block;
        }
    }
    return NULL;
}

static VOID FatFreeBlock(PVCB Vcb, PFAT_BLOCK Block)
{
    RemoveEntryList(&Block->HashLinks);
    RemoveEntryList(&Block->LruLinks);
    if (Block->DirtyUnits != 0)
        Vcb->DirtyBlocks--;
    Vcb->BlockCount--;
    if (Vcb->LastBlock == Block)
        Vcb->LastBlock = NULL;
    ExFreePoolWithTag(Block->Data, TAG_FAT_BLOCK);
    ExFreePoolWithTag(Block, TAG_FAT_BLOCK);
}

// Gives up the oldest clean block. FALSE: all are dirty.
static BOOLEAN FatEvictBlock(PVCB Vcb)
{
    for (PLIST_ENTRY Entry = Vcb->BlockLru.Flink; Entry != &Vcb->BlockLru; Entry = Entry->Flink) {
        PFAT_BLOCK Block = CONTAINING_RECORD(Entry, FAT_BLOCK, LruLinks);

        if (Block->DirtyUnits == 0) {
            FatFreeBlock(Vcb, Block);
            return TRUE;
        }
    }
    return FALSE;
}

static NTSTATUS FatMakeRoom(PVCB Vcb)
{
    NTSTATUS Status;

    if (Vcb->BlockCount < Vcb->BlockLimit || FatEvictBlock(Vcb))
        return STATUS_SUCCESS;
    // Inside a flush new blocks are only needed when clusters are freed, and then the directories are safe already.
    Status = Vcb->Flushing ? FatWriteBlocks(Vcb, Vcb->Geometry.FatLbo, Vcb->Geometry.DataLbo) : FatFlushMeta(Vcb);
    if (NT_SUCCESS(Status))
        FatEvictBlock(Vcb);
    return Status;
}

static PFAT_BLOCK FatAllocateBlock(PVCB Vcb, ULONGLONG Lbo)
{
    PFAT_BLOCK Block = ExAllocatePoolZero(NonPagedPool, sizeof(*Block), TAG_FAT_BLOCK);

    if (Block == NULL)
        return NULL;
    Block->Data = ExAllocatePoolWithTag(NonPagedPool, FAT_BLOCK_SIZE, TAG_FAT_BLOCK);
    if (Block->Data == NULL) {
        ExFreePoolWithTag(Block, TAG_FAT_BLOCK);
        return NULL;
    }
    Block->Lbo = Lbo;
    InsertTailList(&Vcb->BlockHash[(ULONG)(Lbo / FAT_BLOCK_SIZE) % FAT_BLOCK_HASH], &Block->HashLinks);
    InsertTailList(&Vcb->BlockLru, &Block->LruLinks);
    Vcb->BlockCount++;
    FatStartLazyFlush();
    return Block;
}

// Finds or reads the block at Lbo (a multiple of its size). Overwrite: the caller replaces all of it, don't read.
static NTSTATUS FatGetBlock(PVCB Vcb, ULONGLONG Lbo, BOOLEAN Overwrite, PFAT_BLOCK *Result)
{
    PFAT_BLOCK Block = FatFindBlock(Vcb, Lbo);
    NTSTATUS Status;

    *Result = Block;
    if (Block != NULL)
        return STATUS_SUCCESS;
    if (Lbo >= Vcb->Geometry.VolumeBytes)
        return STATUS_FILE_CORRUPT_ERROR;
    Status = FatMakeRoom(Vcb);
    if (!NT_SUCCESS(Status))
        return Status;
    Block = FatAllocateBlock(Vcb, Lbo);
    if (Block == NULL)
        return STATUS_INSUFFICIENT_RESOURCES;
    if (!Overwrite) {
        ULONGLONG Left = Vcb->Geometry.VolumeBytes - Lbo;

        Status = FatTransferBuffer(Vcb, FALSE, Lbo, Block->Data, (ULONG)min_of(Left, (ULONGLONG)FAT_BLOCK_SIZE));
        if (!NT_SUCCESS(Status)) {
            FatFreeBlock(Vcb, Block);
            return Status;
        }
    }
    Vcb->LastBlock = Block;
    *Result = Block;
    return STATUS_SUCCESS;
}

// Copies metadata out of the cache. Lbo, Length: bytes on the volume.
//
// MetaResource held. Buffer: nonpaged. <= APC_LEVEL, may read the disk. Returns its status.
NTSTATUS NTAPI FatReadMeta(PVCB Vcb, ULONGLONG Lbo, PVOID Buffer, ULONG Length)
{
    PUCHAR Target = Buffer;

    while (Length != 0) {
        ULONG Offset = (ULONG)Lbo % FAT_BLOCK_SIZE, Piece = min_of(Length, FAT_BLOCK_SIZE - Offset);
        PFAT_BLOCK Block;
        NTSTATUS Status = FatGetBlock(Vcb, Lbo - Offset, FALSE, &Block);

        if (!NT_SUCCESS(Status))
            return Status;
        memcpy(Target, Block->Data + Offset, Piece);
        Target += Piece;
        Lbo += Piece;
        Length -= Piece;
    }
    return STATUS_SUCCESS;
}

static VOID FatMarkUnits(PVCB Vcb, PFAT_BLOCK Block, ULONG Offset, ULONG Length)
{
    ULONG First = Offset / FAT_BLOCK_UNIT, Last = (Offset + Length - 1) / FAT_BLOCK_UNIT;

    if (Block->DirtyUnits == 0)
        Vcb->DirtyBlocks++;
    Block->DirtyUnits |= (2u << Last) - (1u << First);
    FatStartLazyFlush();
}

// Buffer NULL: zeros.
static NTSTATUS FatStoreMeta(PVCB Vcb, ULONGLONG Lbo, const UCHAR *Buffer, ULONG Length)
{
    while (Length != 0) {
        ULONG Offset = (ULONG)Lbo % FAT_BLOCK_SIZE, Piece = min_of(Length, FAT_BLOCK_SIZE - Offset);
        PFAT_BLOCK Block;
        NTSTATUS Status = FatGetBlock(Vcb, Lbo - Offset, Piece == FAT_BLOCK_SIZE, &Block);

        if (!NT_SUCCESS(Status))
            return Status;
        if (Buffer != NULL) {
            memcpy(Block->Data + Offset, Buffer, Piece);
            Buffer += Piece;
        } else {
            memset(Block->Data + Offset, 0, Piece);
        }
        FatMarkUnits(Vcb, Block, Offset, Piece);
        Lbo += Piece;
        Length -= Piece;
    }
    return STATUS_SUCCESS;
}

// Changes metadata in the cache; FatFlushMeta writes it. Contract as FatReadMeta's. A failure half way leaves the part
// before it changed.
NTSTATUS NTAPI FatWriteMeta(PVCB Vcb, ULONGLONG Lbo, const VOID *Buffer, ULONG Length)
{
    return FatStoreMeta(Vcb, Lbo, Buffer, Length);
}

// Fills metadata with zeros.
NTSTATUS NTAPI FatZeroMeta(PVCB Vcb, ULONGLONG Lbo, ULONG Length)
{
    return FatStoreMeta(Vcb, Lbo, NULL, Length);
}

// Writes one run of units; the FAT's go to every copy of it.
static NTSTATUS FatWriteUnits(PVCB Vcb, PFAT_BLOCK Block, ULONG Offset, ULONG Length)
{
    PFAT_GEOMETRY Geometry = &Vcb->Geometry;
    ULONGLONG Lbo = Block->Lbo + Offset, FatStart = FatActiveLbo(Vcb);
    NTSTATUS Status = FatTransferBuffer(Vcb, TRUE, Lbo, Block->Data + Offset, Length);

    if (!NT_SUCCESS(Status) || !Geometry->Mirrored || Lbo < FatStart || Lbo >= FatStart + Geometry->FatBytes)
        return Status;
    // A block may end behind the FAT; the copies get only what belongs to it.
    Length = (ULONG)min_of((ULONGLONG)Length, FatStart + Geometry->FatBytes - Lbo);
    for (ULONG i = 1; i < Geometry->Fats && NT_SUCCESS(Status); i++)
        Status = FatTransferBuffer(Vcb, TRUE, Lbo + (ULONGLONG)i * Geometry->FatBytes, Block->Data + Offset, Length);
    return Status;
}

// Writes the dirty units of a block that lie in [Low, High), in runs of whole sectors.
static NTSTATUS FatWriteBlock(PVCB Vcb, PFAT_BLOCK Block, ULONGLONG Low, ULONGLONG High)
{
    ULONG Sector = Vcb->Geometry.BytesPerSector;

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
        Status = FatWriteUnits(Vcb, Block, Start, Offset - Start);
        if (!NT_SUCCESS(Status))
            return Status;
        Block->DirtyUnits &= ~Mask;
        if (Block->DirtyUnits == 0)
            Vcb->DirtyBlocks--;
    }
    return STATUS_SUCCESS;
}

// The dirty block that lies highest below High, or NULL.
static PFAT_BLOCK FatHighestDirtyBlock(PVCB Vcb, ULONGLONG High)
{
    PFAT_BLOCK Highest = NULL;

    for (PLIST_ENTRY Entry = Vcb->BlockLru.Flink; Entry != &Vcb->BlockLru; Entry = Entry->Flink) {
        PFAT_BLOCK Block = CONTAINING_RECORD(Entry, FAT_BLOCK, LruLinks);

        if (Block->DirtyUnits != 0 && Block->Lbo < High && (Highest == NULL || Block->Lbo > Highest->Lbo))
            Highest = Block;
    }
    return Highest;
}

// Writes everything dirty in [Low, High), the highest first: a file usually grows upwards, so the FAT entries of its
// new clusters get to the disk before the one that leads to them. What could not be written stays dirty.
//
// MetaResource held. Returns the first error.
NTSTATUS NTAPI FatWriteBlocks(PVCB Vcb, ULONGLONG Low, ULONGLONG High)
{
    NTSTATUS Result = STATUS_SUCCESS;
    ULONGLONG Bound = High;

    while (Vcb->DirtyBlocks != 0) {
        PFAT_BLOCK Block = FatHighestDirtyBlock(Vcb, Bound);
        NTSTATUS Status;

        if (Block == NULL || Block->Lbo + FAT_BLOCK_SIZE <= Low)
            break;
        Bound = Block->Lbo;
        Status = FatWriteBlock(Vcb, Block, Low, High);
        if (!NT_SUCCESS(Status) && NT_SUCCESS(Result))
            Result = Status;
    }
    return Result;
}

// Prepares the cache of a new volume; its size depends on the machine's memory.
VOID FatInitializeBlocks(PVCB Vcb)
{
    ULONG Limit = MmNumberOfPhysicalPages / 64;

    for (ULONG i = 0; i < FAT_BLOCK_HASH; i++)
        InitializeListHead(&Vcb->BlockHash[i]);
    InitializeListHead(&Vcb->BlockLru);
    Vcb->BlockLimit = Limit < 32 ? 32 : Limit > 512 ? 512 : Limit;
}

// Frees all blocks, written or not. MetaResource held, or the volume not in use.
VOID FatFreeBlocks(PVCB Vcb)
{
    while (!IsListEmpty(&Vcb->BlockLru))
        FatFreeBlock(Vcb, CONTAINING_RECORD(Vcb->BlockLru.Flink, FAT_BLOCK, LruLinks));
}
