// SPDX-License-Identifier: MIT
// Pool blocks smaller than a page: one free list per size, a bit summary to find the next larger one, neighbours
// joined again on free (exp.h draws a page). In front of it the last few freed small blocks wait for another use.
// Checked builds fill bodies and look for writes to free blocks.

#include "exp.h"

static PPOOL_HEADER ExpNextBlock(PPOOL_HEADER Block)
{
    return (PPOOL_HEADER)((PUCHAR)Block + Block->BlockSize * POOL_UNIT);
}

static PPOOL_HEADER ExpPreviousBlock(PPOOL_HEADER Block)
{
    return (PPOOL_HEADER)((PUCHAR)Block - Block->PreviousSize * POOL_UNIT);
}

static BOOLEAN ExpIsPageEnd(PPOOL_HEADER Block)
{
    return BYTE_OFFSET(Block) == 0;
}

static VOID ExpFillFree(PVOID Memory, ULONG Bytes)
{
    if (DBG)
        RtlFillMemory(Memory, Bytes, POOL_FILL_FREED);
}

// A block's size must agree with what its right neighbour says of it (0x19 P1 = 20h: WDK, BAD_POOL_HEADER).
static VOID ExpCheckBlock(PPOOL_HEADER Block)
{
    PPOOL_HEADER Next = ExpNextBlock(Block);

    if (Block->BlockSize == 0 || (PUCHAR)Next > (PUCHAR)PAGE_ALIGN(Block) + PAGE_SIZE ||
        (!ExpIsPageEnd(Next) && Next->PreviousSize != Block->BlockSize) ||
        (BYTE_OFFSET(Block) != 0) != (Block->PreviousSize != 0) ||
        (Block->PreviousSize != 0 && ExpPreviousBlock(Block)->BlockSize != Block->PreviousSize))
        KeBugCheckEx(BAD_POOL_HEADER, 0x20, (ULONG_PTR)Block, (ULONG_PTR)Next, *(PULONG)Block);
}

#if DBG
// The body of a block about to be handed out must still be as ExpFillFree left it (0x19 P1 = 2: pattern check).
static VOID ExpCheckFill(PPOOL_HEADER Block, ULONG Units)
{
    PULONG Word = (PULONG)((PUCHAR)Block + POOL_SMALLEST_UNITS * POOL_UNIT),
           End = (PULONG)((PUCHAR)Block + Units * POOL_UNIT);

    for (; Word < End; Word++) {
        if (*Word != POOL_FILL_FREED * 0x01010101u)
            KeBugCheckEx(BAD_POOL_HEADER, 2, (ULONG_PTR)Block, (ULONG_PTR)Word, *Word);
    }
}
#endif

static KIRQL ExpLockPool(PPOOL_DESCRIPTOR Pool)
{
    if (!Pool->Paged)
        return KfAcquireSpinLock(&Pool->SpinLock);
    KeAcquireGuardedMutex(&Pool->Mutex);
    return 0;
}

static VOID ExpUnlockPool(PPOOL_DESCRIPTOR Pool, KIRQL OldIrql)
{
    if (!Pool->Paged)
        KfReleaseSpinLock(&Pool->SpinLock, OldIrql);
    else
        KeReleaseGuardedMutex(&Pool->Mutex);
}

// ExpCheckBlock under the lock: neighbours may be splitting or joining.
static VOID ExpCheckBlockLocked(PPOOL_DESCRIPTOR Pool, PPOOL_HEADER Block)
{
    KIRQL OldIrql = ExpLockPool(Pool);

    ExpCheckBlock(Block);
    ExpUnlockPool(Pool, OldIrql);
}

// Puts a block on its list. Blocks of one unit have no room for a list entry: they wait for a neighbour to be freed.
static VOID ExpLinkFree(PPOOL_DESCRIPTOR Pool, PPOOL_HEADER Block)
{
    ULONG Units = Block->BlockSize;

    Block->PoolType = POOL_TYPE_FREE;
    if (Units < POOL_SMALLEST_UNITS)
        return;
    InsertHeadList(&Pool->ListHeads[Units], (PLIST_ENTRY)(Block + 1));
    Pool->Summary[Units / 32] |= 1u << (Units % 32);
}

// Takes a free block off its list and, in checked builds, makes its header and links look like the rest of its body.
static VOID ExpUnlinkFree(PPOOL_DESCRIPTOR Pool, PPOOL_HEADER Block)
{
    PLIST_ENTRY Entry = (PLIST_ENTRY)(Block + 1);
    ULONG Units = Block->BlockSize;

    if (Units < POOL_SMALLEST_UNITS)
        return;
    if (Entry->Flink->Blink != Entry || Entry->Blink->Flink != Entry)
        KeBugCheckEx(BAD_POOL_HEADER, 3, (ULONG_PTR)Entry, (ULONG_PTR)Entry->Flink, (ULONG_PTR)Entry->Blink);
    if (RemoveEntryList(Entry))
        Pool->Summary[Units / 32] &= ~(1u << (Units % 32));
}

// The smallest list that is not empty and holds blocks of at least Units; 0 if there is none.
static ULONG ExpFindList(PPOOL_DESCRIPTOR Pool, ULONG Units)
{
    ULONG Word = Units / 32, Bits = Pool->Summary[Word] & (~0u << (Units % 32));

    while (Bits == 0) {
        if (++Word == RTL_NUMBER_OF(Pool->Summary))
            return 0;
        Bits = Pool->Summary[Word];
    }
    return Word * 32 + (ULONG)__builtin_ctzl(Bits);
}

static VOID ExpSetBlock(PPOOL_HEADER Block, ULONG Units, ULONG Previous)
{
    Block->BlockSize = (USHORT)Units;
    Block->PreviousSize = (USHORT)Previous;
    Block->PoolIndex = 0;
    Block->PoolTag = 0;
}

// Cuts Units off the front of a block of Size units that is on no list; the rest becomes a free block.
static VOID ExpSplitBlock(PPOOL_DESCRIPTOR Pool, PPOOL_HEADER Block, ULONG Size, ULONG Units, ULONG Previous)
{
    ExpSetBlock(Block, Units, Previous);
    if (Size > Units) {
        PPOOL_HEADER Rest = ExpNextBlock(Block);

        ExpSetBlock(Rest, Size - Units, Units);
        if (!ExpIsPageEnd((PPOOL_HEADER)((PUCHAR)Rest + (Size - Units) * POOL_UNIT)))
            ExpNextBlock(Rest)->PreviousSize = (USHORT)(Size - Units);
        ExpLinkFree(Pool, Rest);
    }
}

// An empty page: one kept from earlier, else a fresh one. Called and returns with the pool locked; unlocks in
// between.
static PVOID ExpGetPage(PPOOL_DESCRIPTOR Pool, PKIRQL OldIrql)
{
    PVOID Page = Pool->CachedPages;

    if (Page != NULL) {
        Pool->CachedPages = *(PVOID *)Page;
        Pool->CachedPageCount--;
        ExpFillFree(Page, sizeof(PVOID));
        return Page;
    }
    ExpUnlockPool(Pool, *OldIrql);
    Page = MmAllocatePoolPages(Pool->Kind, PAGE_SIZE);
    if (Page != NULL)
        ExpFillFree(Page, PAGE_SIZE);
    *OldIrql = ExpLockPool(Pool);
    return Page;
}

// A block from the free lists or a fresh page, its header not filled in. NULL when there is no page left.
static PPOOL_HEADER ExpCarveBlock(PPOOL_DESCRIPTOR Pool, ULONG Units)
{
    PPOOL_HEADER Block;
    KIRQL OldIrql = ExpLockPool(Pool);
    ULONG List = ExpFindList(Pool, Units);

    if (List != 0) {
        Block = (PPOOL_HEADER)Pool->ListHeads[List].Flink - 1;
        if (DBG)
            ExpCheckBlock(Block);
        ExpUnlinkFree(Pool, Block);
        ExpSplitBlock(Pool, Block, List, Units, Block->PreviousSize);
    } else {
        Block = ExpGetPage(Pool, &OldIrql);
        if (Block != NULL)
            ExpSplitBlock(Pool, Block, POOL_PAGE_UNITS, Units, 0);
    }
    if (Block != NULL)
        Block->PoolType = POOL_TYPE_ALLOCATED; // while the lock is held: a neighbour must not take it for free
    ExpUnlockPool(Pool, OldIrql);
    return Block;
}

// This processor's list; if the thread moves on meanwhile, it is still a good one.
static PSLIST_HEADER ExpSmallList(PPOOL_DESCRIPTOR Pool, ULONG Units)
{
    return &Pool->SmallLists[KeGetCurrentProcessorNumber() & (POOL_PROCESSORS - 1)][Units];
}

// Hands out a block of Units (header included). Returns its body, NULL when there is no page left.
// IRQL <= DISPATCH_LEVEL (paged pool: APC_LEVEL); takes the pool's lock unless a block of that size was freed lately.
PVOID ExpAllocateBlock(PPOOL_DESCRIPTOR Pool, ULONG Units, ULONG Tag)
{
    PPOOL_HEADER Block = NULL;

    if (Units < POOL_SMALL_UNITS) {
        PSLIST_ENTRY Entry = InterlockedPopEntrySList(ExpSmallList(Pool, Units));

        if (Entry != NULL)
            Block = (PPOOL_HEADER)Entry - 1;
    }
    if (Block == NULL)
        Block = ExpCarveBlock(Pool, Units);
    if (Block == NULL)
        return NULL;
    Block->PoolType = (USHORT)(POOL_TYPE_ALLOCATED | Pool->Paged);
    Block->PoolTag = Tag;
#if DBG
    ExpCheckFill(Block, Units);
    RtlFillMemory(Block + 1, (Units - 1) * POOL_UNIT, POOL_FILL_ALLOCATED);
#endif
    return Block + 1;
}

// Joins a block that is on no list with its free neighbours. Returns the first header and the size in units.
static PPOOL_HEADER ExpJoinNeighbours(PPOOL_DESCRIPTOR Pool, PPOOL_HEADER Block, PULONG Size)
{
    PPOOL_HEADER Next = ExpNextBlock(Block);

    ExpCheckBlock(Block);
    *Size = Block->BlockSize;
    if (!ExpIsPageEnd(Next) && Next->PoolType == POOL_TYPE_FREE) {
        ULONG Units = Next->BlockSize;

        ExpUnlinkFree(Pool, Next);
        *Size += Units;
        ExpFillFree(Next, min_of(Units, POOL_SMALLEST_UNITS) * POOL_UNIT);
    }
    if (Block->PreviousSize != 0 && ExpPreviousBlock(Block)->PoolType == POOL_TYPE_FREE) {
        PPOOL_HEADER Previous = ExpPreviousBlock(Block);

        ExpUnlinkFree(Pool, Previous);
        *Size += Previous->BlockSize;
        ExpFillFree(Block, POOL_UNIT);
        Block = Previous;
    }
    return Block;
}

// Joins a block with its free neighbours and links the result, or keeps or gives back the page that has become empty.
static VOID ExpReturnBlock(PPOOL_DESCRIPTOR Pool, PPOOL_HEADER Block)
{
    KIRQL OldIrql = ExpLockPool(Pool);
    PVOID Surplus = NULL;
    ULONG Size;

    Block->PoolType = POOL_TYPE_FREE; // its header may stay behind inside a larger block: a second free must see it
    Block = ExpJoinNeighbours(Pool, Block, &Size);
    if (Size < POOL_PAGE_UNITS) {
        Block->BlockSize = (USHORT)Size;
        if (!ExpIsPageEnd(ExpNextBlock(Block)))
            ExpNextBlock(Block)->PreviousSize = (USHORT)Size;
        ExpLinkFree(Pool, Block);
    } else if (Pool->CachedPageCount < POOL_MAX_CACHED_PAGES) {
        ExpFillFree(Block, POOL_SMALLEST_UNITS * POOL_UNIT);
        *(PVOID *)Block = Pool->CachedPages;
        Pool->CachedPages = Block;
        Pool->CachedPageCount++;
    } else {
        Surplus = Block;
    }
    ExpUnlockPool(Pool, OldIrql);
    if (Surplus != NULL)
        MmFreePoolPages(Surplus);
}

// The last pointer of a block: whose quota is charged with it, if its type says so.
static PVOID *ExpQuotaSlot(PPOOL_HEADER Block)
{
    return (PVOID *)ExpNextBlock(Block) - 1;
}

// Notes which quota block is charged with a block just allocated. Returns the block's size in bytes. Any IRQL that
// suits the memory.
ULONG ExpSetBlockQuota(PVOID Memory, PVOID QuotaBlock)
{
    PPOOL_HEADER Block = (PPOOL_HEADER)Memory - 1;

    *ExpQuotaSlot(Block) = QuotaBlock;
    Block->PoolType |= POOL_TYPE_QUOTA;
    return Block->BlockSize * POOL_UNIT;
}

// Takes a block back. Returns its size in bytes, its tag and the quota block charged (or NULL).
// Bugchecks 0x19 on a damaged header (checked builds: at once; free builds: when it meets its neighbours), 0xC2
// (P1 = 7) on a block that is free already. IRQL as ExpAllocateBlock.
ULONG ExpFreeBlock(PPOOL_DESCRIPTOR Pool, PVOID Memory, PULONG Tag, PVOID *QuotaBlock)
{
    PPOOL_HEADER Block = (PPOOL_HEADER)Memory - 1;
    ULONG Units = Block->BlockSize;

    if ((Block->PoolType & POOL_TYPE_ALLOCATED) == 0 || *(PULONG)Block == POOL_FILL_FREED * 0x01010101u)
        KeBugCheckEx(BAD_POOL_CALLER, 7, 0, *(PULONG)Block, (ULONG_PTR)Memory);
    if (DBG)
        ExpCheckBlockLocked(Pool, Block);
    *Tag = Block->PoolTag;
    *QuotaBlock = Block->PoolType & POOL_TYPE_QUOTA ? *ExpQuotaSlot(Block) : NULL;
    KeForgetLocks(Memory, (Units - 1) * POOL_UNIT);
    ExpFillFree(Memory, (Units - 1) * POOL_UNIT);
    if (Units < POOL_SMALL_UNITS && ExpSmallList(Pool, Units)->Depth < POOL_SMALL_DEPTH) {
        Block->PoolType = POOL_TYPE_CACHED;
        InterlockedPushEntrySList(ExpSmallList(Pool, Units), Memory);
    } else {
        ExpReturnBlock(Pool, Block);
    }
    return Units * POOL_UNIT;
}

// Joins what waits in the small lists with its neighbours, and gives back the pages that are empty then or have been
// kept. IRQL as ExpAllocateBlock.
VOID ExpDrainBlocks(PPOOL_DESCRIPTOR Pool)
{
    for (ULONG Processor = 0; Processor < POOL_PROCESSORS; Processor++) {
        for (ULONG Units = POOL_SMALLEST_UNITS; Units < POOL_SMALL_UNITS; Units++) {
            PSLIST_ENTRY Entry;

            while ((Entry = InterlockedPopEntrySList(&Pool->SmallLists[Processor][Units])) != NULL) {
                ExpFillFree(Entry, sizeof(*Entry));
                ExpReturnBlock(Pool, (PPOOL_HEADER)Entry - 1);
            }
        }
    }
    for (;;) {
        KIRQL OldIrql = ExpLockPool(Pool);
        PVOID Page = Pool->CachedPages;

        if (Page != NULL) {
            Pool->CachedPages = *(PVOID *)Page;
            Pool->CachedPageCount--;
        }
        ExpUnlockPool(Pool, OldIrql);
        if (Page == NULL)
            return;
        MmFreePoolPages(Page);
    }
}

// Makes an empty descriptor. Phase 0.
VOID ExpInitializePoolDescriptor(PPOOL_DESCRIPTOR Pool, ULONG Kind)
{
    Pool->Kind = (UCHAR)Kind;
    Pool->Paged = Kind != MM_POOL_NONPAGED;
    KeInitializeSpinLock(&Pool->SpinLock);
    KeInitializeGuardedMutex(&Pool->Mutex);
    for (ULONG Units = 0; Units < POOL_PAGE_UNITS; Units++)
        InitializeListHead(&Pool->ListHeads[Units]);
    Pool->Ready = TRUE;
}
