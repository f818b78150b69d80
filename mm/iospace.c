// SPDX-License-Identifier: MIT
// Memory by its physical address: device registers, and RAM that a device wants in one piece.

#include "mi.h"

// The bits of an entry for memory that is mapped in this way. Any IRQL.
ULONGLONG MiCacheBits(MEMORY_CACHING_TYPE Cache)
{
    if (Cache == MmWriteCombined)
        return MmWriteCombine;
    return Cache == MmCached ? 0 : MI_CACHE_DISABLE | MI_WRITE_THROUGH;
}

// Maps physical addresses, RAM or not, into system space. WDK: MmMapIoSpace.
//
// IRQL <= DISPATCH_LEVEL. NULL when there are no system PTEs. The caller unmaps with MmUnmapIoSpace and the same size.
PVOID NTAPI MmMapIoSpace(PHYSICAL_ADDRESS Physical, SIZE_T Bytes, MEMORY_CACHING_TYPE Cache)
{
    ULONG Offset = Physical.LowPart & (PAGE_SIZE - 1);
    ULONG Index, Pages = ADDRESS_AND_SIZE_TO_SPAN_PAGES(Offset, Bytes);
    PFN_NUMBER Page = (PFN_NUMBER)((ULONGLONG)Physical.QuadPart >> PAGE_SHIFT);
    PMMPTE Pte = Pages != 0 ? MiReserveSystemPtes(Pages) : NULL;

    ASSERT_IRQL_LESS_OR_EQUAL(DISPATCH_LEVEL);
    if (Pte == NULL)
        return NULL;
    for (Index = 0; Index < Pages; Index++)
        MiWriteValidPte(&Pte[Index], MI_KERNEL_PTE(Page + Index) | MiCacheBits(Cache));
    return (PCHAR)MiGetVaOfPte(Pte) + Offset;
}

VOID NTAPI MmUnmapIoSpace(PVOID Va, SIZE_T Bytes)
{
    ASSERT_IRQL_LESS_OR_EQUAL(DISPATCH_LEVEL);
    MiReleaseSystemPtes(MiGetPteAddress(Va), ADDRESS_AND_SIZE_TO_SPAN_PAGES(Va, Bytes));
}

static BOOLEAN MiAllAvailable(PFN_NUMBER First, ULONG Pages)
{
    ULONG Index;

    for (Index = 0; Index < Pages; Index++) {
        if (!MiIsPhysicalMemory(First + Index) || MI_PFN_ELEMENT(First + Index)->u3.e1.PageLocation > StandbyPageList)
            return FALSE;
    }
    return TRUE;
}

// Takes Pages frames in a row, none above Highest. The PFN lock is held. 0 if there are none.
static PFN_NUMBER MiTakeContiguous(ULONG Pages, PFN_NUMBER Highest)
{
    PFN_NUMBER First = min_of(Highest, MmHighestPhysicalPage) + 1 - Pages;
    ULONG Index;

    for (; First >= MmLowestPhysicalPage && (LONG)First > 0; First--) {
        if (!MiAllAvailable(First, Pages))
            continue;
        for (Index = 0; Index < Pages; Index++) {
            MiRemovePageByNumber(First + Index);
            MiInitializePfn(First + Index, NULL, 0, MM_READWRITE);
        }
        return First;
    }
    return 0;
}

// Nonpaged memory whose frames follow each other, all at or below Highest. Contents undefined, page aligned.
//
// IRQL <= DISPATCH_LEVEL. Takes the PFN lock for a search through all memory: for start-up, not for every day.
// NULL when there is none. Freed with MmFreeContiguousMemory.
PVOID NTAPI MmAllocateContiguousMemory(SIZE_T Bytes, PHYSICAL_ADDRESS Highest)
{
    ULONG Index, Pages = BYTES_TO_PAGES(Bytes);
    PFN_NUMBER Limit = (PFN_NUMBER)min_of((ULONGLONG)Highest.QuadPart >> PAGE_SHIFT, MmHighestPhysicalPage);
    PFN_NUMBER First;
    PMMPTE Pte;
    KIRQL OldIrql;

    if (Pages == 0 || Pages > Limit || !MiChargeCommitment(Pages, NULL))
        return NULL;
    Pte = MiReserveSystemPtes(Pages);
    if (Pte == NULL)
        goto Uncharge;
    OldIrql = MiLockPfn();
    First = MiTakeContiguous(Pages, Limit);
    if (First != 0) {
        MI_PFN_ELEMENT(First)->u3.e1.StartOfAllocation = 1;
        MI_PFN_ELEMENT(First + Pages - 1)->u3.e1.EndOfAllocation = 1;
    }
    MiUnlockPfn(OldIrql);
    if (First == 0) {
        MiReleaseSystemPtes(Pte, Pages);
        goto Uncharge;
    }
    for (Index = 0; Index < Pages; Index++)
        MiWriteValidPte(&Pte[Index], MI_KERNEL_PTE(First + Index));
    return MiGetVaOfPte(Pte);
Uncharge:
    MiReturnCommitment(Pages, NULL);
    return NULL;
}

VOID NTAPI MmFreeContiguousMemory(PVOID Va)
{
    ULONG Pages = MmGetPoolAllocationPages(Va);

    MiDepopulate(Va, Pages);
    MiReleaseSystemPtes(MiGetPteAddress(Va), Pages);
}
