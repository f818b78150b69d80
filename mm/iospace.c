// SPDX-License-Identifier: MIT
// Memory by its physical address: device registers.

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
