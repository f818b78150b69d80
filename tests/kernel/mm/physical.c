// SPDX-License-Identifier: MIT
// Laws of physical memory for drivers: contiguous, non-cached, in MDLs of their own; protections of MDL mappings; the
// ranges of RAM (mm/contig.c, mm/mdlpages.c, mm/mdlmap.c, mm/physical.c).

#include "mmtest.h"

#define TEST_TAG 0x6850744B // 'KtPh'

static PHYSICAL_ADDRESS MtPhysical(ULONGLONG Address)
{
    return (PHYSICAL_ADDRESS){.QuadPart = (LONGLONG)Address};
}

KTEST(mm, contiguous_memory_keeps_to_its_limits)
{
    // Law: contiguous memory lies in one row of frames within the limits asked for, crosses no multiple of the
    // boundary, and leaves nothing behind; what cannot be is refused.
    MM_STATISTICS Before, After;
    ULONG Round;

    MtQueryAtRest(&Before);
    for (Round = 0; Round < 40; Round++) {
        ULONG Pages = KtRandom() % 24 + 1, Boundary = 32u << (KtRandom() % 3), Index;
        ULONGLONG Low = (KtRandom() % 512) * PAGE_SIZE, High = Low + 0x1000000 + (KtRandom() % 1024) * PAGE_SIZE - 1;
        PUCHAR Memory = MmAllocateContiguousMemorySpecifyCache(Pages * PAGE_SIZE, MtPhysical(Low), MtPhysical(High),
                                                               MtPhysical((ULONGLONG)Boundary << PAGE_SHIFT), MmCached);
        ULONGLONG First;

        if (Memory == NULL)
            continue;
        First = (ULONGLONG)MmGetPhysicalAddress(Memory).QuadPart;
        expect(First >= Low && First + Pages * PAGE_SIZE - 1 <= High);
        expect_eq((First >> PAGE_SHIFT) / Boundary, ((First >> PAGE_SHIFT) + Pages - 1) / Boundary);
        for (Index = 0; Index < Pages; Index++)
            expect_eq(MmGetPhysicalAddress(Memory + Index * PAGE_SIZE).QuadPart, First + Index * PAGE_SIZE);
        RtlFillMemory(Memory, Pages * PAGE_SIZE, 0xEE);
        MmFreeContiguousMemory(Memory);
    }
    expect(MmAllocateContiguousMemorySpecifyCache(3 * PAGE_SIZE, MtPhysical(0), MtPhysical(0xFFFFFFFF),
                                                  MtPhysical(2 * PAGE_SIZE), MmCached) == NULL);
    expect(MmAllocateContiguousMemory(PAGE_SIZE, MtPhysical(PAGE_SIZE - 1)) == NULL);
    expect(MmAllocateContiguousMemory(0, MtPhysical(0xFFFFFFFF)) == NULL);
    expect(MmAllocateContiguousMemory(0xFFFFF000, MtPhysical(0xFFFFFFFF)) == NULL);
    MtQueryAtRest(&After);
    expect_eq(After.CommittedPages, Before.CommittedPages);
    expect(After.AvailablePages + 2 >= Before.AvailablePages); // page tables of system PTEs stay
}

KTEST(mm, contiguous_memory_is_most_of_memory_if_need_be)
{
    // Law: a row is found wherever it is: a quarter of memory in one piece, twice.
    PVOID First = MmAllocateContiguousMemory(MmNumberOfPhysicalPages / 4 * PAGE_SIZE, MtPhysical(MAXULONG)), Second;

    expect(First != NULL);
    Second = MmAllocateContiguousMemory(MmNumberOfPhysicalPages / 4 * PAGE_SIZE, MtPhysical(MAXULONG));
    expect(Second != NULL);
    MmFreeContiguousMemory(First);
    if (Second != NULL)
        MmFreeContiguousMemory(Second);
}

KTEST(mm, noncached_memory_is_zeroed_and_not_cached)
{
    // Law: non-cached memory is zeroed, and its entries forbid caching.
    PUCHAR Memory = MmAllocateNonCachedMemory(3 * PAGE_SIZE);
    ULONG Index, Sum = 0;

    expect(Memory != NULL);
    for (Index = 0; Index < 3 * PAGE_SIZE; Index++)
        Sum |= Memory[Index];
    expect_eq(Sum, 0);
    for (Index = 0; Index < 3; Index++)
        expect(MiGetPteAddress(Memory)[Index].u.Hard.CacheDisable);
    MmFreeNonCachedMemory(Memory, 3 * PAGE_SIZE);
}

KTEST(mm, pages_for_mdl_are_the_callers)
{
    // Law: the frames of such an MDL are distinct, within the limits, zeroed, nobody else's, and go back when freed.
    MM_STATISTICS Before, After;
    PMDL Mdl;
    ULONG Index, Sum = 0, Count;
    PUCHAR Mapped;

    MtQueryAtRest(&Before);
    Mdl = MmAllocatePagesForMdl(MtPhysical(0x400000), MtPhysical(0x7FFFFF), MtPhysical(0), 40 * PAGE_SIZE);
    expect(Mdl != NULL);
    Count = BYTES_TO_PAGES(Mdl->ByteCount);
    expect(Count != 0 && Count <= 40);
    for (Index = 0; Index < Count; Index++) {
        PFN_NUMBER Page = MmGetMdlPfnArray(Mdl)[Index];

        expect(Page >= 0x400 && Page <= 0x7FF);
        expect_eq(MI_PFN_ELEMENT(Page)->u3.e1.PageLocation, ActiveAndValid);
        expect(Index == 0 || Page < MmGetMdlPfnArray(Mdl)[Index - 1]);
    }
    Mapped = MmMapLockedPagesSpecifyCache(Mdl, KernelMode, MmCached, NULL, FALSE, NormalPagePriority);
    expect(Mapped != NULL);
    for (Index = 0; Index < Count * PAGE_SIZE; Index++)
        Sum |= Mapped[Index];
    expect_eq(Sum, 0);
    RtlFillMemory(Mapped, Count * PAGE_SIZE, 0x99);
    MmUnmapLockedPages(Mapped, Mdl);
    MmFreePagesFromMdl(Mdl);
    ExFreePool(Mdl);
    expect(MmAllocatePagesForMdlEx(MtPhysical(0), MtPhysical(0xFFFF), MtPhysical(0), 1000 * PAGE_SIZE, MmCached,
                                   MM_ALLOCATE_FULLY_REQUIRED) == NULL);
    expect(MmAllocatePagesForMdl(MtPhysical(1ull << 40), MtPhysical(1ull << 41), MtPhysical(0), PAGE_SIZE) == NULL);
    // The window that moves: nothing lies at a terabyte and beyond, but everything below 16 MB and each 16 MB on.
    Mdl = MmAllocatePagesForMdl(MtPhysical(0), MtPhysical(0xFFFFF), MtPhysical(0x100000), 600 * PAGE_SIZE);
    expect(Mdl != NULL && Mdl->ByteCount == 600 * PAGE_SIZE);
    MmFreePagesFromMdl(Mdl);
    ExFreePool(Mdl);
    MtQueryAtRest(&After);
    expect_eq(After.CommittedPages, Before.CommittedPages);
    expect(After.AvailablePages + 2 >= Before.AvailablePages);
}

KTEST(mm, mdl_mappings_have_the_protection_asked_for)
{
    // Law: a mapping's entries follow MmProtectMdlSystemAddress and MdlMappingNoWrite; execution is refused, and
    // what is not mapped; unmapping leaves nothing, whatever the protection was.
    PMDL Mdl = MmAllocatePagesForMdl(MtPhysical(0), MtPhysical(MAXULONG), MtPhysical(0), 2 * PAGE_SIZE);
    PUCHAR Mapped;

    expect_status(MmProtectMdlSystemAddress(Mdl, PAGE_READONLY), STATUS_NOT_MAPPED_VIEW);
    Mapped = MmMapLockedPagesSpecifyCache(Mdl, KernelMode, MmCached, NULL, FALSE, HighPagePriority);
    Mapped[PAGE_SIZE] = 17;
    expect_status(MmProtectMdlSystemAddress(Mdl, PAGE_EXECUTE_READ), STATUS_INVALID_PAGE_PROTECTION);
    expect_status(MmProtectMdlSystemAddress(Mdl, PAGE_READONLY), STATUS_SUCCESS);
    expect(!MiGetPteAddress(Mapped)->u.Hard.Write);
    expect_eq(Mapped[PAGE_SIZE], 17);
    expect_status(MmProtectMdlSystemAddress(Mdl, PAGE_NOACCESS), STATUS_SUCCESS);
    expect(!MmIsAddressValid(Mapped) && !MmIsAddressValid(Mapped + PAGE_SIZE));
    expect_status(MmProtectMdlSystemAddress(Mdl, PAGE_READWRITE), STATUS_SUCCESS);
    expect_eq(Mapped[PAGE_SIZE], 17);
    expect_status(MmProtectMdlSystemAddress(Mdl, PAGE_NOACCESS), STATUS_SUCCESS);
    MmUnmapLockedPages(Mapped, Mdl);
    expect_eq(MiGetPteAddress(Mapped)->u.Long, 0);
    Mapped =
        MmMapLockedPagesSpecifyCache(Mdl, KernelMode, MmCached, NULL, FALSE, NormalPagePriority | MdlMappingNoWrite);
    expect(!MiGetPteAddress(Mapped)->u.Hard.Write);
    MmUnmapLockedPages(Mapped, Mdl);
    MmFreePagesFromMdl(Mdl);
    ExFreePool(Mdl);
}

KTEST(mm, physical_ranges_are_the_memory)
{
    // Law: the ranges are ascending, do not touch each other, end with zeros, and hold every frame that is not bad.
    PPHYSICAL_MEMORY_RANGE Ranges = MmGetPhysicalMemoryRanges();
    ULONGLONG End = 0, Pages = 0;
    ULONG Index;

    for (Index = 0; Ranges[Index].NumberOfBytes.QuadPart != 0; Index++) {
        expect(Index == 0 || (ULONGLONG)Ranges[Index].BaseAddress.QuadPart > End);
        End = (ULONGLONG)(Ranges[Index].BaseAddress.QuadPart + Ranges[Index].NumberOfBytes.QuadPart);
        Pages += (ULONGLONG)Ranges[Index].NumberOfBytes.QuadPart >> PAGE_SHIFT;
    }
    expect(Ranges[Index].BaseAddress.QuadPart == 0);
    expect_eq(Pages, MmNumberOfPhysicalPages - MmBadPageListHead.Total);
    expect(MmBadPageListHead.Total != 0 || KeFindBootOption("/BADMEMORYLIST=") == NULL);
    ExFreePool(Ranges);
    expect_status(MmAddPhysicalMemory(NULL, NULL), STATUS_NOT_SUPPORTED);
}

KTEST(mm, system_ptes_come_from_bins)
{
    // Law: entries reserved in any number are zero and disjoint; released, they count as free again, small runs are
    // reused without a search, and draining makes one gap of them.
    enum { RUNS = 64 };
    static PMMPTE Runs[RUNS];
    static ULONG Counts[RUNS];
    ULONG Before = MiFreeSystemPtes(), Index, Other;
    PMMPTE Again;

    for (Index = 0; Index < RUNS; Index++) {
        Counts[Index] = KtRandom() % 20 + 1;
        Runs[Index] = MiReserveSystemPtes(Counts[Index]);
        expect(Runs[Index] != NULL);
        for (Other = 0; Other < Counts[Index]; Other++)
            expect_eq(Runs[Index][Other].u.Long, 0);
        for (Other = 0; Other < Index; Other++)
            expect(Runs[Other] + Counts[Other] <= Runs[Index] || Runs[Index] + Counts[Index] <= Runs[Other]);
    }
    for (Index = 0; Index < RUNS; Index++)
        MiReleaseSystemPtes(Runs[Index], Counts[Index]);
    expect_eq(MiFreeSystemPtes(), Before);
    Again = MiReserveSystemPtes(4);
    MiReleaseSystemPtes(Again, 4);
    expect(MiReserveSystemPtes(3) == Again); // the last one that was released, rounded up to the same bin
    MiReleaseSystemPtes(Again, 3);
    MiDrainSystemPtes();
    expect_eq(MiSystemPteRange.FreePages, MiFreeSystemPtes());
    expect(MiReserveSystemPtes(0) == NULL);
    expect(MiReserveSystemPtes(0x100000) == NULL);
}
