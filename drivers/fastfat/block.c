// SPDX-License-Identifier: MIT
// Metadata blocks: 4 KB of the FAT, of directories, of the boot and FSInfo sectors, in pages of the volume's metadata
// stream (stream.c) that Cc has mapped while they are looked at, and pinned while they are changed. What goes in and
// out is copied, so nobody holds a pointer. A block may also cover sectors of file data; they are never looked at: a
// cluster that becomes a directory is zeroed through here first, and only dirty 512-byte units are written back. A
// freed directory's units are written before its clusters can become a file's (flush.c).

#include "fat.h"

#define FAT_PIN_TRIES 100u
#define FAT_PIN_PAUSE (-10 * 10000ll)                  // 10 ms
#define FAT_OWNER(Vcb) ((PVOID)((ULONG_PTR)(Vcb) | 3)) // of the pinned block, whichever thread uses it

// The block at Lbo, if there is one. MetaResource held.
PFAT_BLOCK FatFindBlock(PVCB Vcb, ULONGLONG Lbo)
{
    PLIST_ENTRY Head = &Vcb->BlockHash[(ULONG)(Lbo / FAT_BLOCK_SIZE) % FAT_BLOCK_HASH];

    Vcb->IdleTicks = 0;
    if (Vcb->Meta.PinnedBlock != NULL && Vcb->Meta.PinnedBlock->Lbo == Lbo)
        return Vcb->Meta.PinnedBlock;
    for (PLIST_ENTRY Entry = Head->Flink; Entry != Head; Entry = Entry->Flink) {
        PFAT_BLOCK Block = CONTAINING_RECORD(Entry, FAT_BLOCK, HashLinks);

        if (Block->Lbo == Lbo) {
            RemoveEntryList(&Block->LruLinks);
            InsertTailList(&Vcb->BlockLru, &Block->LruLinks);
            return Block;
        }
    }
    return NULL;
}

// Where a block's bytes are in the stream: the FATs' at their own place, others in the block's own slot.
static ULONGLONG FatStreamOffset(PVCB Vcb, PFAT_BLOCK Block)
{
    if (Block->Lbo < Vcb->Meta.IdentityEnd)
        return Block->Lbo;
    return Vcb->Meta.IdentityEnd + (ULONGLONG)(Block - Vcb->Meta.Blocks) * FAT_BLOCK_SIZE;
}

// Lets go of the block that was used last. MetaResource held.
VOID FatUnpinBlock(PVCB Vcb)
{
    PFAT_META Meta = &Vcb->Meta;

    if (Meta->PinnedBlock == NULL)
        return;
    if (Meta->Writable)
        CcUnpinDataForThread(Meta->Bcb, (ERESOURCE_THREAD)FAT_OWNER(Vcb));
    else
        CcUnpinData(Meta->Bcb);
    Meta->PinnedBlock = NULL;
    Meta->Data = NULL;
}

// Maps the block's page, if it is not; Write: pins it. Meta.Data is its address. The status of a failed read.
static NTSTATUS FatTryPin(PVCB Vcb, PFAT_BLOCK Block, BOOLEAN Write)
{
    PFAT_META Meta = &Vcb->Meta;
    LARGE_INTEGER Offset = {.QuadPart = (LONGLONG)FatStreamOffset(Vcb, Block)};
    volatile NTSTATUS Status = STATUS_SUCCESS;

    SEH_TRY
    {
        if (Meta->PinnedBlock != Block) {
            FatUnpinBlock(Vcb);
            CcMapData(Meta->File, &Offset, FAT_BLOCK_SIZE, MAP_WAIT, &Meta->Bcb, (PVOID *)&Meta->Data);
            Meta->PinnedBlock = Block;
            Meta->Writable = FALSE;
        }
        if (Write && !Meta->Writable) {
            CcPinMappedData(Meta->File, &Offset, FAT_BLOCK_SIZE, PIN_WAIT, &Meta->Bcb);
            CcSetBcbOwnerPointer(Meta->Bcb, FAT_OWNER(Vcb));
            Meta->Writable = TRUE;
        }
    }
    SEH_EXCEPT
    {
        Status = SEH_CODE();
    }
    SEH_END
    return Status;
}

// The same, with patience while there is no memory: metadata that is half changed is worse than a short wait.
static NTSTATUS FatPinBlock(PVCB Vcb, PFAT_BLOCK Block, BOOLEAN Write)
{
    NTSTATUS Status = FatTryPin(Vcb, Block, Write);

    for (ULONG Try = 0; Status == STATUS_INSUFFICIENT_RESOURCES && Try < FAT_PIN_TRIES; Try++) {
        LARGE_INTEGER Pause = {.QuadPart = FAT_PIN_PAUSE};

        IGNORE_STATUS(KeDelayExecutionThread(KernelMode, FALSE, &Pause));
        Status = FatTryPin(Vcb, Block, Write);
    }
    FatStartLazyFlush(); // an idle tick unpins it
    return Status;
}

// The slot's page can be another block's. FALSE: Cc or Mm keep it.
static BOOLEAN FatEmptySlot(PVCB Vcb, PFAT_BLOCK Block)
{
    LARGE_INTEGER Offset = {.QuadPart = (LONGLONG)FatStreamOffset(Vcb, Block)};

    if (Vcb->Meta.PinnedBlock == Block)
        FatUnpinBlock(Vcb);
    if (Block->Lbo < Vcb->Meta.IdentityEnd)
        return TRUE;
    FatUnpinBlock(Vcb);
    return CcPurgeCacheSection(&Vcb->Meta.Section, &Offset, FAT_BLOCK_SIZE, FALSE);
}

// Takes the oldest clean block; those that hold nothing are the oldest. NULL: all are dirty.
static PFAT_BLOCK FatTakeBlock(PVCB Vcb)
{
    for (PLIST_ENTRY Entry = Vcb->BlockLru.Flink; Entry != &Vcb->BlockLru; Entry = Entry->Flink) {
        PFAT_BLOCK Block = CONTAINING_RECORD(Entry, FAT_BLOCK, LruLinks);

        if (Block->Lbo == FAT_BLOCK_FREE)
            return Block;
        if (Block->DirtyUnits == 0 && FatEmptySlot(Vcb, Block)) {
            RemoveEntryList(&Block->HashLinks);
            Block->Lbo = FAT_BLOCK_FREE;
            return Block;
        }
    }
    return NULL;
}

static NTSTATUS FatMakeRoom(PVCB Vcb, PFAT_BLOCK *Block)
{
    NTSTATUS Status;

    *Block = FatTakeBlock(Vcb);
    if (*Block != NULL)
        return STATUS_SUCCESS;
    // Inside a flush new blocks are only needed when clusters are freed, and then the directories are safe already.
    Status = Vcb->Flushing ? FatWriteBlocks(Vcb, Vcb->Geometry.FatLbo, Vcb->Geometry.DataLbo) : FatFlushMeta(Vcb);
    if (!NT_SUCCESS(Status))
        return Status;
    *Block = FatTakeBlock(Vcb);
    return *Block != NULL ? STATUS_SUCCESS : STATUS_INSUFFICIENT_RESOURCES;
}

// Finds or makes the block at Lbo (a multiple of its size), and maps its page; Write: pins it.
static NTSTATUS FatGetBlock(PVCB Vcb, ULONGLONG Lbo, BOOLEAN Write, PFAT_BLOCK *Result)
{
    PFAT_BLOCK Block = FatFindBlock(Vcb, Lbo);
    NTSTATUS Status;

    if (Block == NULL) {
        if (Lbo >= Vcb->Geometry.VolumeBytes)
            return STATUS_FILE_CORRUPT_ERROR;
        Status = FatMakeRoom(Vcb, &Block);
        if (!NT_SUCCESS(Status))
            return Status;
        Block->Lbo = Lbo;
        InsertTailList(&Vcb->BlockHash[(ULONG)(Lbo / FAT_BLOCK_SIZE) % FAT_BLOCK_HASH], &Block->HashLinks);
        RemoveEntryList(&Block->LruLinks);
        InsertTailList(&Vcb->BlockLru, &Block->LruLinks);
    }
    *Result = Block;
    return FatPinBlock(Vcb, Block, Write);
}

typedef enum _FAT_COPY { FatCopyOut, FatCopyIn, FatCopyZeros } FAT_COPY;

// Copies a piece of the pinned block. The page may have left memory since it was pinned: a failed read shows here.
static NTSTATUS FatCopyPiece(PUCHAR Data, PUCHAR Buffer, ULONG Length, FAT_COPY Kind)
{
    volatile NTSTATUS Status = STATUS_SUCCESS;

    SEH_TRY
    {
        if (Kind == FatCopyOut)
            memcpy(Buffer, Data, Length);
        else if (Kind == FatCopyIn)
            memcpy(Data, Buffer, Length);
        else
            memset(Data, 0, Length);
    }
    SEH_EXCEPT
    {
        Status = SEH_CODE();
    }
    SEH_END
    return Status;
}

static VOID FatMarkUnits(PVCB Vcb, PFAT_BLOCK Block, ULONG Offset, ULONG Length)
{
    ULONG First = Offset / FAT_BLOCK_UNIT, Last = (Offset + Length - 1) / FAT_BLOCK_UNIT;

    if (Block->DirtyUnits == 0) {
        Vcb->DirtyBlocks++;
        CcSetDirtyPinnedData(Vcb->Meta.Bcb, NULL);
    }
    Block->DirtyUnits |= (2u << Last) - (1u << First);
    FatStartLazyFlush();
}

static NTSTATUS FatCopyMeta(PVCB Vcb, ULONGLONG Lbo, PUCHAR Buffer, ULONG Length, FAT_COPY Kind)
{
    while (Length != 0) {
        ULONG Offset = (ULONG)Lbo % FAT_BLOCK_SIZE, Piece = min_of(Length, FAT_BLOCK_SIZE - Offset);
        PFAT_BLOCK Block;
        NTSTATUS Status = FatGetBlock(Vcb, Lbo - Offset, Kind != FatCopyOut, &Block);

        if (NT_SUCCESS(Status))
            Status = FatCopyPiece(Vcb->Meta.Data + Offset, Buffer, Piece, Kind);
        if (!NT_SUCCESS(Status))
            return Status;
        if (Kind != FatCopyOut)
            FatMarkUnits(Vcb, Block, Offset, Piece);
        if (Buffer != NULL)
            Buffer += Piece;
        Lbo += Piece;
        Length -= Piece;
    }
    return STATUS_SUCCESS;
}

// Copies metadata out of the cache. Lbo, Length: bytes on the volume.
//
// MetaResource held. Buffer: nonpaged. <= APC_LEVEL, may read the disk. Returns its status.
NTSTATUS NTAPI FatReadMeta(PVCB Vcb, ULONGLONG Lbo, PVOID Buffer, ULONG Length)
{
    return FatCopyMeta(Vcb, Lbo, Buffer, Length, FatCopyOut);
}

// Changes metadata in the cache; FatFlushMeta writes it. Contract as FatReadMeta's. A failure half way leaves the part
// before it changed.
NTSTATUS NTAPI FatWriteMeta(PVCB Vcb, ULONGLONG Lbo, const VOID *Buffer, ULONG Length)
{
    return FatCopyMeta(Vcb, Lbo, (PUCHAR)Buffer, Length, FatCopyIn);
}

// Fills metadata with zeros.
NTSTATUS NTAPI FatZeroMeta(PVCB Vcb, ULONGLONG Lbo, ULONG Length)
{
    return FatCopyMeta(Vcb, Lbo, NULL, Length, FatCopyZeros);
}

// Has Cc write the page of a block, of which FatMetaPagingIo takes the dirty units that lie in [Low, High).
static NTSTATUS FatWriteBlock(PVCB Vcb, PFAT_BLOCK Block, ULONGLONG Low, ULONGLONG High)
{
    LARGE_INTEGER Offset = {.QuadPart = (LONGLONG)FatStreamOffset(Vcb, Block)};
    IO_STATUS_BLOCK IoStatus;

    Vcb->Meta.WriteLow = Low;
    Vcb->Meta.WriteHigh = High;
    Vcb->Meta.WriteStatus = STATUS_SUCCESS;
    CcFlushCache(&Vcb->Meta.Section, &Offset, FAT_BLOCK_SIZE, &IoStatus);
    if (IoStatus.Status == STATUS_FILE_LOCK_CONFLICT) // units outside of [Low, High) keep the page modified
        return Vcb->Meta.WriteStatus;
    return IoStatus.Status;
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

// Makes the blocks of a new volume. STATUS_INSUFFICIENT_RESOURCES.
NTSTATUS NTAPI FatCreateBlocks(PVCB Vcb, ULONG Count)
{
    PFAT_BLOCK Blocks = ExAllocatePoolZero(NonPagedPool, Count * sizeof(FAT_BLOCK), TAG_FAT_BLOCK);

    if (Blocks == NULL)
        return STATUS_INSUFFICIENT_RESOURCES;
    for (ULONG i = 0; i < FAT_BLOCK_HASH; i++)
        InitializeListHead(&Vcb->BlockHash[i]);
    InitializeListHead(&Vcb->BlockLru);
    for (ULONG i = 0; i < Count; i++) {
        Blocks[i].Lbo = FAT_BLOCK_FREE;
        InsertTailList(&Vcb->BlockLru, &Blocks[i].LruLinks);
    }
    Vcb->Meta.Blocks = Blocks;
    Vcb->Meta.BlockCount = Count;
    return STATUS_SUCCESS;
}
