// SPDX-License-Identifier: MIT
// Memory for devices: frames in a row within physical limits, and memory that no processor caches. Looking for a row
// goes through all of memory, so it is done without the PFN lock, and only what was found is looked at again with it.
// Source: WDK, MmAllocateContiguousMemorySpecifyCache, MmAllocateNonCachedMemory.

#include "mi.h"

static BOOLEAN MiIsPageAvailable(PFN_NUMBER Page)
{
    return MiIsPhysicalMemory(Page) && MI_PFN_ELEMENT(Page)->u3.e1.PageLocation <= StandbyPageList;
}

// The highest row of Pages available frames that ends below End, begins at Lowest or above and crosses no multiple of
// Boundary (frames; 0: no matter). 0: none. What it says is old at once unless the PFN lock is held.
static PFN_NUMBER MiFindContiguous(ULONG Pages, PFN_NUMBER Lowest, PFN_NUMBER End, PFN_NUMBER Boundary)
{
    PFN_NUMBER Page = End;
    ULONG Count = 0;

    while (Page > Lowest) {
        Page--;
        if (!MiIsPageAvailable(Page)) {
            Count = 0;
            continue;
        }
        Count = Boundary != 0 && (Page + 1) % Boundary == 0 ? 1 : Count + 1; // a row ends at a boundary
        if (Count == Pages)
            return Page;
    }
    return 0;
}

// Takes the frames if they are all still available. Takes the PFN lock.
static BOOLEAN MiTakeContiguous(PFN_NUMBER First, ULONG Pages)
{
    KIRQL OldIrql = MiLockPfn();
    ULONG Index;
    BOOLEAN Found = MmAvailablePages >= Pages + MI_FAULT_RESERVE;

    for (Index = 0; Index < Pages && Found; Index++)
        Found = MiIsPageAvailable(First + Index);
    for (Index = 0; Index < Pages && Found; Index++) {
        MiRemovePageByNumber(First + Index);
        MiInitializePfn(First + Index, NULL, 0, MM_READWRITE);
    }
    if (Found) {
        MI_PFN_ELEMENT(First)->u3.e1.StartOfAllocation = 1;
        MI_PFN_ELEMENT(First + Pages - 1)->u3.e1.EndOfAllocation = 1;
    }
    MiUnlockPfn(OldIrql);
    return Found;
}

static PFN_NUMBER MiFrameOf(PHYSICAL_ADDRESS Address)
{
    return (PFN_NUMBER)min_of((ULONGLONG)Address.QuadPart >> PAGE_SHIFT, MmHighestPhysicalPage);
}

// Nonpaged memory whose frames follow each other, from Lowest to Highest (of its last byte), crossing no multiple of
// Boundary (a power of two, 0: no matter). Contents undefined, page aligned.
//
// IRQL <= DISPATCH_LEVEL. Takes the PFN lock. For start-up, not for every day: the search is long, and after a while
// memory has no long rows any more. NULL when there is none. Freed with MmFreeContiguousMemory(SpecifyCache).
PVOID NTAPI MmAllocateContiguousMemorySpecifyCache(SIZE_T Bytes, PHYSICAL_ADDRESS Lowest, PHYSICAL_ADDRESS Highest,
                                                   PHYSICAL_ADDRESS Boundary, MEMORY_CACHING_TYPE Cache)
{
    ULONG Index, Pages = BYTES_TO_PAGES(Bytes);
    PFN_NUMBER First = (PFN_NUMBER)(((ULONGLONG)Lowest.QuadPart + PAGE_SIZE - 1) >> PAGE_SHIFT);
    PFN_NUMBER Multiple = (PFN_NUMBER)((ULONGLONG)Boundary.QuadPart >> PAGE_SHIFT);
    PFN_NUMBER End = MiFrameOf((PHYSICAL_ADDRESS){.QuadPart = Highest.QuadPart}) + 1;
    PMMPTE Pte;

    ASSERT_IRQL_LESS_OR_EQUAL(DISPATCH_LEVEL);
    First = max_of(First, MmLowestPhysicalPage);
    if (Pages == 0 || (Multiple != 0 && Pages > Multiple) || !MiChargeCommitment(Pages, NULL))
        return NULL;
    Pte = MiReserveSystemPtes(Pages);
    if (Pte == NULL)
        goto Uncharge;
    do {
        End = MiFindContiguous(Pages, First, End, Multiple) + Pages;
        if (End == Pages) {
            MiReleaseSystemPtes(Pte, Pages);
            goto Uncharge;
        }
    } while (!MiTakeContiguous(End - Pages, Pages) && End-- != 0);
    for (Index = 0; Index < Pages; Index++)
        MiWriteValidPte(&Pte[Index], MI_KERNEL_PTE(End - Pages + Index) | MiCacheBits(Cache));
    return MiGetVaOfPte(Pte);
Uncharge:
    MiReturnCommitment(Pages, NULL);
    return NULL;
}

// MmAllocateContiguousMemorySpecifyCache with no other limit than Highest, cached.
PVOID NTAPI MmAllocateContiguousMemory(SIZE_T Bytes, PHYSICAL_ADDRESS Highest)
{
    PHYSICAL_ADDRESS None = {.QuadPart = 0};

    return MmAllocateContiguousMemorySpecifyCache(Bytes, None, Highest, None, MmCached);
}

// Frees what the two above gave. IRQL <= DISPATCH_LEVEL. An address at which none begins is bugcheck 0xC2.
VOID NTAPI MmFreeContiguousMemory(PVOID Va)
{
    ULONG Pages = MmGetPoolAllocationPages(Va);

    MiDepopulate(Va, Pages);
    MiReleaseSystemPtes(MiGetPteAddress(Va), Pages);
}

VOID NTAPI MmFreeContiguousMemorySpecifyCache(PVOID Va, SIZE_T Bytes, MEMORY_CACHING_TYPE Cache)
{
    UNREFERENCED_PARAMETER(Cache);
    ASSERT(BYTES_TO_PAGES(Bytes) == MmGetPoolAllocationPages(Va));
    UNREFERENCED_PARAMETER(Bytes);
    MmFreeContiguousMemory(Va);
}

// Zeroed nonpaged memory that no processor caches, its frames anywhere. IRQL <= DISPATCH_LEVEL. NULL: there is none.
PVOID NTAPI MmAllocateNonCachedMemory(SIZE_T Bytes)
{
    ULONG Index, Pages = BYTES_TO_PAGES(Bytes);
    PMMPTE Pte = MiReserveSystemPtes(Pages);

    if (Pte == NULL)
        return NULL;
    if (!NT_SUCCESS(MiPopulate(MiGetVaOfPte(Pte), Pages))) {
        MiReleaseSystemPtes(Pte, Pages);
        return NULL;
    }
    for (Index = 0; Index < Pages; Index++) // nobody has touched it: no processor remembers it as cached
        Pte[Index].u.Long |= MiCacheBits(MmNonCached);
    return MiGetVaOfPte(Pte);
}

// Frees what MmAllocateNonCachedMemory gave, with the same size. IRQL <= DISPATCH_LEVEL.
VOID NTAPI MmFreeNonCachedMemory(PVOID Va, SIZE_T Bytes)
{
    MiDepopulate(Va, BYTES_TO_PAGES(Bytes));
    MiReleaseSystemPtes(MiGetPteAddress(Va), BYTES_TO_PAGES(Bytes));
}
