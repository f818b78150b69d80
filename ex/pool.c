// SPDX-License-Identifier: MIT
// The pool's front: ExAllocatePoolWithTag and ExFreePoolWithTag send a request to the blocks (poolblock.c) or, from
// about a page on, to whole pages (poolbig.c), and keep the books. Source: WDK, ExAllocatePoolWithTag,
// ExFreePoolWithTag.

#include "exp.h"

POOL_DESCRIPTOR ExpPool[MM_POOLS];

#define BAD_CALLER_TAG 0x0A // WDK, BAD_POOL_CALLER: freed under another tag
#define BAD_CALLER_USER_ADDRESS 0x40
#define BAD_CALLER_NOT_ALLOCATED 0x41
#define POOL_TYPE_MUST_SUCCEED 2u
#define POOL_TYPE_CACHE_ALIGNED 4u
#define POOL_TYPE_SESSION 32u

// Which pool serves a type: what session pool has of nonpaged memory comes from the one nonpaged pool.
ULONG ExpKindOfType(POOL_TYPE Type)
{
    if (!(Type & PagedPool))
        return MM_POOL_NONPAGED;
    return Type & POOL_TYPE_SESSION ? MM_POOL_SESSION : MM_POOL_PAGED;
}

static PPOOL_DESCRIPTOR ExpSessionPool(VOID)
{
    PPOOL_DESCRIPTOR Pool = MmGetSessionPool();

    return Pool != NULL ? Pool : &ExpPool[MM_POOL_SESSION];
}

static PPOOL_DESCRIPTOR ExpPoolOfType(POOL_TYPE Type)
{
    if (!(Type & PagedPool))
        return &ExpPool[MM_POOL_NONPAGED];
    return Type & POOL_TYPE_SESSION ? ExpSessionPool() : &ExpPool[MM_POOL_PAGED];
}

// The descriptor of a new session's pool, under Tag; the caller frees it. NULL: no memory.
PVOID ExCreateSessionPool(ULONG Tag)
{
    PPOOL_DESCRIPTOR Pool = ExAllocatePoolZero(NonPagedPool, sizeof(*Pool), Tag);

    if (Pool != NULL)
        ExpInitializePoolDescriptor(Pool, MM_POOL_SESSION);
    return Pool;
}

static VOID ExpCheckPoolIrql(BOOLEAN Paged, ULONG What, ULONG_PTR Subject)
{
    KIRQL Irql = KeGetCurrentIrql();

    if (Irql > (Paged ? APC_LEVEL : DISPATCH_LEVEL))
        KeBugCheckEx(BAD_POOL_CALLER, What, Irql, Paged, Subject);
}

static PVOID ExpAllocatePages(PPOOL_DESCRIPTOR Pool, SIZE_T Bytes, ULONG Tag)
{
    PVOID Memory = MmAllocatePoolPages(Pool->Kind, Bytes);

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

// No memory: what the type asks for in that case.
static PVOID ExpAllocationFailed(POOL_TYPE Type, SIZE_T Bytes, ULONG Tag)
{
    if ((Type & (POOL_TYPE_MUST_SUCCEED | PagedPool)) == POOL_TYPE_MUST_SUCCEED)
        KeBugCheckEx(MUST_SUCCEED_POOL_EMPTY, Bytes, Type & PagedPool, Tag, 0);
    if (Type & POOL_RAISE_IF_ALLOCATION_FAILURE)
        ExRaiseStatus(STATUS_INSUFFICIENT_RESOURCES);
    return NULL;
}

// *Zeroed: the memory is known to be.
static PVOID ExpAllocatePool(POOL_TYPE Type, SIZE_T Bytes, ULONG Tag, PBOOLEAN Zeroed)
{
    PPOOL_DESCRIPTOR Pool = ExpPoolOfType(Type);
    ULONG Charged;
    PVOID Memory;

    *Zeroed = FALSE;
    ASSERT(Pool->Ready && Tag != 0);
    if (DBG)
        ExpCheckPoolIrql(Pool->Paged, 8, Tag);
    if (ExpSpecialPool && ExpWantsSpecialPool(Tag)) {
        Memory = ExpAllocateSpecial(Pool->Kind, Bytes, Tag, ExpSpecialFlags);
        if (Memory != NULL)
            return Memory;
    }
    if (Bytes > POOL_LARGEST_BODY || (Type & POOL_TYPE_CACHE_ALIGNED) != 0) {
        Bytes = ROUND_TO_PAGES(max_of(Bytes, 1));
        Charged = (ULONG)Bytes;
        Memory = Bytes < MAXLONG && Bytes != 0 ? ExpAllocatePages(Pool, Bytes, Tag) : NULL;
        *Zeroed = !DBG && Pool->Paged; // fresh pages that are zeroed when they are touched
    } else {
        ULONG Units = ExpUnitsFor(Bytes);

        Charged = Units * POOL_UNIT;
        Memory = (Type & 7) == DontUseThisType ? NULL : ExpAllocateBlock(Pool, Units, Tag);
    }
    if (Memory == NULL)
        return ExpAllocationFailed(Type, Bytes, Tag);
    ExpTagAllocated(Tag, Pool->Kind, Charged);
    if (Pool->Kind == MM_POOL_SESSION)
        MmCountSessionPool((LONG)Charged);
    return Memory;
}

// Allocates Bytes of pool: 8-byte aligned, page aligned from a page on and for the cache-aligned types. Contents
// undefined. All pool is without execute permission, so that the Nx types are the plain ones.
//
// IRQL <= DISPATCH_LEVEL; paged and session pool <= APC_LEVEL. Takes the pool's lock. The caller owns the memory until
// ExFreePoolWithTag. Returns NULL when there is none, and for DontUseThisType (NonPagedPoolMustSucceed: bugcheck 0x41;
// POOL_RAISE_IF_ALLOCATION_FAILURE: raises STATUS_INSUFFICIENT_RESOURCES).
PVOID NTAPI ExAllocatePoolWithTag(POOL_TYPE Type, SIZE_T Bytes, ULONG Tag)
{
    BOOLEAN Zeroed;

    return ExpAllocatePool(Type, Bytes, Tag, &Zeroed);
}

// ExAllocatePoolWithTag under the tag "None". Same contract.
PVOID NTAPI ExAllocatePool(POOL_TYPE Type, SIZE_T Bytes)
{
    return ExAllocatePoolWithTag(Type, Bytes, TAG_NONE);
}

// ExAllocatePoolWithTag with the memory zeroed. Same contract.
PVOID ExAllocatePoolZero(POOL_TYPE Type, SIZE_T Bytes, ULONG Tag)
{
    BOOLEAN Zeroed;
    PVOID Memory = ExpAllocatePool(Type, Bytes, Tag, &Zeroed);

    if (Memory != NULL && !Zeroed)
        RtlZeroMemory(Memory, Bytes);
    return Memory;
}

// Returns memory to its pool. Tag must be the allocation's, or 0 for any.
//
// IRQL as for the allocation. Bugchecks: 0xC2 for a second free, a wrong tag or memory that is not pool; 0x19 for a
// block whose header or neighbour was overwritten; 0xC1 for special pool.
VOID NTAPI ExFreePoolWithTag(PVOID Memory, ULONG Tag)
{
    PVOID QuotaBlock = NULL;
    ULONG Bytes, Kind, OldTag = 0;

    if (Memory < MM_SYSTEM_RANGE_START || ((ULONG_PTR)Memory & (POOL_UNIT - 1)) != 0)
        KeBugCheckEx(BAD_POOL_CALLER, BAD_CALLER_USER_ADDRESS, (ULONG_PTR)Memory, (ULONG_PTR)MM_SYSTEM_RANGE_START,
                     Tag);
    if (MmIsSpecialPoolAddress(Memory)) {
        ExpFreeSpecial(Memory, Tag);
        return;
    }
    Kind = MmPoolOfAddress(Memory);
    if (DBG)
        ExpCheckPoolIrql(Kind != MM_POOL_NONPAGED, 9, (ULONG_PTR)Memory);
    if (BYTE_OFFSET(Memory) == 0) {
        Bytes = ExpRemoveBigPage(Memory, &OldTag, &QuotaBlock);
        if (Bytes == 0)
            KeBugCheckEx(BAD_POOL_CALLER, BAD_CALLER_NOT_ALLOCATED, (ULONG_PTR)Memory, Tag, 0);
        KeForgetLocks(Memory, Bytes);
        MmFreePoolPages(Memory);
    } else {
        Bytes = ExpFreeBlock(Kind == MM_POOL_SESSION ? ExpSessionPool() : &ExpPool[Kind], Memory, &OldTag, &QuotaBlock);
    }
    if (Tag != 0 && Tag != OldTag)
        KeBugCheckEx(BAD_POOL_CALLER, BAD_CALLER_TAG, (ULONG_PTR)Memory, OldTag, Tag);
    ExpTagFreed(OldTag, Kind, Bytes);
    if (Kind == MM_POOL_SESSION)
        MmCountSessionPool(-(LONG)Bytes);
    if (QuotaBlock != NULL)
        PsReturnQuotaBlock(QuotaBlock, Kind == MM_POOL_NONPAGED ? NonPagedPool : PagedPool, Bytes);
}

// ExFreePoolWithTag for any tag.
VOID NTAPI ExFreePool(PVOID Memory)
{
    ExFreePoolWithTag(Memory, 0);
}

// Opens a pool for business, MM_POOL_NONPAGED first. Called by MmInitSystem(0) as soon as MmAllocatePoolPages works for
// it. FALSE: not even the first page.
BOOLEAN ExInitPool(ULONG Kind)
{
    ExpInitializePoolDescriptor(&ExpPool[Kind], Kind);
    if (Kind != MM_POOL_NONPAGED)
        return TRUE;
    ExpInitSpecialPool();
    return ExpInitBigPages();
}

// How many allocations and frees there have been. Any IRQL.
VOID ExQueryPoolTotals(PULONG NonPagedAllocs, PULONG NonPagedFrees, PULONG PagedAllocs, PULONG PagedFrees)
{
    ExpSumTags(MM_POOL_NONPAGED, NonPagedAllocs, NonPagedFrees);
    ExpSumTags(MM_POOL_PAGED, PagedAllocs, PagedFrees);
}

// Bytes in use, headers and rounding included; session pool counts as paged. Blocks that wait in lookaside lists are
// not in use. IRQL <= DISPATCH_LEVEL.
SIZE_T ExGetPoolUsage(BOOLEAN Paged)
{
    ULONG Kind = Paged ? MM_POOL_PAGED : MM_POOL_NONPAGED, Allocs, Frees;
    SIZE_T Bytes = ExpSumTags(Kind, &Allocs, &Frees) - ExpSumLookasides(Kind);

    if (Paged)
        Bytes += ExpSumTags(MM_POOL_SESSION, &Allocs, &Frees) - ExpSumLookasides(MM_POOL_SESSION);
    return Bytes;
}

// Gives back what waits for another use: the entries of ordinary lookaside lists, the pools' own lists, empty pages.
// What is in use then is what has been allocated. IRQL <= APC_LEVEL.
VOID ExDrainPool(VOID)
{
    ASSERT_IRQL_LESS_OR_EQUAL(APC_LEVEL);
    ExpDrainLookasides();
    for (ULONG Kind = 0; Kind < MM_POOLS; Kind++)
        ExpDrainBlocks(&ExpPool[Kind]);
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
