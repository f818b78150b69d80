// SPDX-License-Identifier: MIT
// The pool's front: ExAllocatePoolWithTag and ExFreePoolWithTag send a request to the blocks (poolblock.c) or, from
// about a page on, to whole pages (poolbig.c), and keep the books. Source: WDK, ExAllocatePoolWithTag,
// ExFreePoolWithTag.

#include "exp.h"

POOL_DESCRIPTOR ExpPool[2];

#define BAD_CALLER_TAG 0x0A // WDK, BAD_POOL_CALLER: freed under another tag
#define BAD_CALLER_USER_ADDRESS 0x40
#define BAD_CALLER_NOT_ALLOCATED 0x41

static VOID ExpCheckPoolIrql(BOOLEAN Paged)
{
    KIRQL Irql = KeGetCurrentIrql();

    if (Irql > (Paged ? APC_LEVEL : DISPATCH_LEVEL))
        KeBugCheckEx(BAD_POOL_CALLER, 8, Irql, Paged, 0);
}

static PVOID ExpAllocatePages(PPOOL_DESCRIPTOR Pool, SIZE_T Bytes, ULONG Tag)
{
    PVOID Memory = MmAllocatePoolPages(Pool->Paged, Bytes);

    if (Memory == NULL)
        return NULL;
    if (!ExpInsertBigPage(Memory, Tag, (ULONG)Bytes)) {
        MmFreePoolPages(Memory);
        return NULL;
    }
#if DBG
    RtlFillMemory(Memory, min_of(Bytes, PAGE_SIZE), POOL_FILL_ALLOCATED);
#endif
    return Memory;
}

static ULONG ExpUnitsFor(SIZE_T Bytes)
{
    return max_of(((ULONG)Bytes + sizeof(POOL_HEADER) + POOL_UNIT - 1) >> POOL_UNIT_SHIFT, POOL_SMALLEST_UNITS);
}

// The bytes that an allocation of Bytes (of no cache-aligned type) takes, header and rounding included. Any IRQL.
ULONG ExpPoolCharge(SIZE_T Bytes)
{
    return Bytes > POOL_LARGEST_BODY ? (ULONG)ROUND_TO_PAGES(Bytes) : ExpUnitsFor(Bytes) * POOL_UNIT;
}

// Allocates Bytes of pool: 8-byte aligned, page aligned from a page on and for the cache-aligned types. Contents
// undefined.
//
// IRQL <= DISPATCH_LEVEL; paged pool <= APC_LEVEL. Takes the pool's lock. The caller owns the memory until
// ExFreePoolWithTag. Returns NULL when there is none (NonPagedPoolMustSucceed: bugcheck 0x41).
PVOID NTAPI ExAllocatePoolWithTag(POOL_TYPE Type, SIZE_T Bytes, ULONG Tag)
{
    PPOOL_DESCRIPTOR Pool = &ExpPool[Type & PagedPool];
    ULONG Charged;
    PVOID Memory;

    ASSERT(Pool->Ready && Tag != 0);
    if (DBG)
        ExpCheckPoolIrql(Pool->Paged);
    if (Bytes > POOL_LARGEST_BODY || (Type & NonPagedPoolCacheAligned) != 0) {
        Bytes = ROUND_TO_PAGES(max_of(Bytes, 1));
        Charged = (ULONG)Bytes;
        Memory = Bytes < MAXLONG && Bytes != 0 ? ExpAllocatePages(Pool, Bytes, Tag) : NULL;
    } else {
        ULONG Units = ExpUnitsFor(Bytes);

        Charged = Units * POOL_UNIT;
        Memory = ExpAllocateBlock(Pool, Units, Tag);
    }
    if (Memory == NULL) {
        if (Type & NonPagedPoolMustSucceed)
            KeBugCheckEx(MUST_SUCCEED_POOL_EMPTY, Bytes, Pool->Paged, Tag, 0);
        return NULL;
    }
    ExpTagAllocated(Tag, Pool->Paged, Charged);
    return Memory;
}

// ExAllocatePoolWithTag with the memory zeroed. Same contract.
PVOID ExAllocatePoolZero(POOL_TYPE Type, SIZE_T Bytes, ULONG Tag)
{
    PVOID Memory = ExAllocatePoolWithTag(Type, Bytes, Tag);

    if (Memory != NULL)
        RtlZeroMemory(Memory, Bytes);
    return Memory;
}

// Returns memory to its pool. Tag must be the allocation's, or 0 for any.
//
// IRQL as for the allocation. Bugchecks: 0xC2 for a second free, a wrong tag or memory that is not pool; 0x19 for a
// block whose header or neighbour was overwritten.
VOID NTAPI ExFreePoolWithTag(PVOID Memory, ULONG Tag)
{
    BOOLEAN Paged;
    ULONG Bytes, OldTag = 0;

    if (Memory < MM_SYSTEM_RANGE_START || ((ULONG_PTR)Memory & (POOL_UNIT - 1)) != 0)
        KeBugCheckEx(BAD_POOL_CALLER, BAD_CALLER_USER_ADDRESS, (ULONG_PTR)Memory, (ULONG_PTR)MM_SYSTEM_RANGE_START,
                     Tag);
    Paged = MmIsPagedPoolAddress(Memory);
    if (DBG)
        ExpCheckPoolIrql(Paged);
    if (BYTE_OFFSET(Memory) == 0) {
        Bytes = ExpRemoveBigPage(Memory, &OldTag);
        if (Bytes == 0)
            KeBugCheckEx(BAD_POOL_CALLER, BAD_CALLER_NOT_ALLOCATED, (ULONG_PTR)Memory, Tag, 0);
        KeForgetLocks(Memory, Bytes);
        MmFreePoolPages(Memory);
    } else {
        Bytes = ExpFreeBlock(&ExpPool[Paged], Memory, &OldTag);
    }
    if (Tag != 0 && Tag != OldTag)
        KeBugCheckEx(BAD_POOL_CALLER, BAD_CALLER_TAG, (ULONG_PTR)Memory, OldTag, Tag);
    ExpTagFreed(OldTag, Paged, Bytes);
}

// ExFreePoolWithTag for any tag.
VOID NTAPI ExFreePool(PVOID Memory)
{
    ExFreePoolWithTag(Memory, 0);
}

// Opens a pool for business: phase 0 the nonpaged one, phase 1 the paged one. Called by MmInitSystem(0) as soon as
// MmAllocatePoolPages works for it. FALSE: not even the first page.
BOOLEAN ExInitPool(ULONG Phase)
{
    ExpInitializePoolDescriptor(&ExpPool[Phase == 1], Phase == 1);
    return Phase == 1 || ExpInitBigPages();
}

// How many allocations and frees there have been. Any IRQL.
VOID ExQueryPoolTotals(PULONG NonPagedAllocs, PULONG NonPagedFrees, PULONG PagedAllocs, PULONG PagedFrees)
{
    ExpSumTags(FALSE, NonPagedAllocs, NonPagedFrees);
    ExpSumTags(TRUE, PagedAllocs, PagedFrees);
}

// Bytes in use, headers and rounding included. Blocks that wait in lookaside lists are not in use. IRQL <=
// DISPATCH_LEVEL.
SIZE_T ExGetPoolUsage(BOOLEAN Paged)
{
    ULONG Allocs, Frees;

    return ExpSumTags(Paged != FALSE, &Allocs, &Frees) - ExpSumLookasides(Paged != FALSE);
}

// Memory for the shared Rtl code, from paged pool. IRQL <= APC_LEVEL. NULL when there is none.
PVOID NTAPI RtlpAllocateMemory(SIZE_T Bytes, ULONG Tag)
{
    return ExAllocatePoolWithTag(PagedPool, Bytes, Tag);
}

// Frees what RtlpAllocateMemory gave. IRQL <= APC_LEVEL.
VOID NTAPI RtlpFreeMemory(PVOID Memory, ULONG Tag)
{
    ExFreePoolWithTag(Memory, Tag);
}
