// SPDX-License-Identifier: MIT
// Laws of frames: the page lists, zeroing, commitment, the kernel's own protections.

#include "mmtest.h"

// Walks a list both ways; returns its length, MAXULONG if a link or an entry is wrong. The PFN lock is held.
static ULONG MtListLength(PMMPFNLIST List)
{
    PFN_NUMBER Page, Previous = MM_EMPTY_LIST;
    ULONG Count = 0;

    for (Page = List->Flink; Page != MM_EMPTY_LIST; Page = MI_PFN_ELEMENT(Page)->u1.Flink) {
        PMMPFN Pfn = MI_PFN_ELEMENT(Page);

        if (Pfn->u2.Blink != Previous || Pfn->u3.e1.PageLocation != List->ListName || Pfn->u3.ReferenceCount != 0)
            return MAXULONG;
        Previous = Page;
        Count++;
    }
    return Previous == List->Blink ? Count : MAXULONG;
}

KTEST(mm, page_lists_sum)
{
    // Law: every list is linked both ways and as long as it says; the available pages are those of three of them; every
    // frame is active, in transition or on exactly one list.
    PMMPFNLIST Lists[] = {&MmZeroedPageListHead[MiLowNode],
                          &MmZeroedPageListHead[MiHighNode],
                          &MmFreePageListHead[MiLowNode],
                          &MmFreePageListHead[MiHighNode],
                          &MmModifiedPageListHead,
                          &MmModifiedPagefilePageListHead,
                          &MmBadPageListHead,
                          &MmStandbyPageListByPriority[0],
                          &MmStandbyPageListByPriority[1],
                          &MmStandbyPageListByPriority[2],
                          &MmStandbyPageListByPriority[3],
                          &MmStandbyPageListByPriority[4],
                          &MmStandbyPageListByPriority[5],
                          &MmStandbyPageListByPriority[6],
                          &MmStandbyPageListByPriority[7]};
    ULONG Lengths[RTL_NUMBER_OF(Lists)], Totals[RTL_NUMBER_OF(Lists)], Index, Listed = 0, Available = 0, AvailableTotal,
                                                                              Used = 0;
    PFN_NUMBER Page;
    KIRQL OldIrql = MiLockPfn();

    for (Index = 0; Index < RTL_NUMBER_OF(Lists); Index++) {
        Lengths[Index] = MtListLength(Lists[Index]);
        Totals[Index] = Lists[Index]->Total;
        Available += Lists[Index]->ListName <= StandbyPageList ? Lengths[Index] : 0;
        Listed += Lengths[Index];
    }
    for (Page = MmLowestPhysicalPage; Page <= MmHighestPhysicalPage; Page++)
        Used += MiIsPhysicalMemory(Page) && MI_PFN_ELEMENT(Page)->u3.ReferenceCount != 0;
    AvailableTotal = MmAvailablePages;
    MiUnlockPfn(OldIrql);
    for (Index = 0; Index < RTL_NUMBER_OF(Lists); Index++)
        expect_eq(Lengths[Index], Totals[Index]);
    expect_eq(Available, AvailableTotal);
    expect_eq(Listed + Used, MmNumberOfPhysicalPages);
}

KTEST(mm, demand_zero_reads_zero)
{
    // Law: committed memory that was never written reads as zero, in every byte.
    PULONG Memory = (PULONG)MtAllocate(8 * PAGE_SIZE, MEM_RESERVE | MEM_COMMIT, PAGE_READWRITE);
    ULONG Index, Sum = 0;

    expect(Memory != NULL);
    for (Index = 0; Index < 8 * PAGE_SIZE / sizeof(ULONG); Index++)
        Sum |= Memory[Index];
    expect_eq(Sum, 0);
    expect_status(MtFree(Memory), STATUS_SUCCESS);
}

KTEST(mm, freed_pages_are_zeroed_before_reuse)
{
    // Law: what one allocation wrote, no later one can read.
    ULONG Round, Index, Sum = 0;

    for (Round = 0; Round < 4; Round++) {
        PULONG Memory = (PULONG)MtAllocate(64 * PAGE_SIZE, MEM_RESERVE | MEM_COMMIT, PAGE_READWRITE);

        expect(Memory != NULL);
        for (Index = 0; Index < 64 * PAGE_SIZE / sizeof(ULONG); Index++)
            Sum |= Memory[Index];
        memset(Memory, 0xA5, 64 * PAGE_SIZE);
        expect_status(MtFree(Memory), STATUS_SUCCESS);
    }
    expect_eq(Sum, 0);
}

KTEST(mm, commit_returns_to_the_same_figure)
{
    // Law: releasing memory gives back exactly the commitment and the frames it took, page tables included.
    MM_STATISTICS Before, During, After;
    PUCHAR Memory;
    ULONG Page;

    MtQueryAtRest(&Before);
    Memory = MtAllocate(600 * PAGE_SIZE, MEM_RESERVE | MEM_COMMIT, PAGE_READWRITE);
    expect(Memory != NULL);
    for (Page = 0; Page < 600; Page += 3)
        Memory[Page * PAGE_SIZE] = 1;
    MmQueryStatistics(&During);
    expect(During.CommittedPages >= Before.CommittedPages + 600);
    expect_status(MtFree(Memory), STATUS_SUCCESS);
    MtQueryAtRest(&After);
    expect_eq(After.CommittedPages, Before.CommittedPages);
    expect_eq(After.AvailablePages, Before.AvailablePages);
}

KTEST(mm, commitment_over_the_limit_is_refused)
{
    // Law: a promise that memory and page files, grown to their maximum, can't keep fails with STATUS_COMMITMENT_LIMIT
    // and changes nothing.
    MM_STATISTICS Before, After;
    SIZE_T Size;
    PVOID Base = NULL;
    LARGE_INTEGER Big;
    HANDLE Section;
    ULONG Number;

    MmQueryStatistics(&Before);
    for (Number = 0; Number < MmNumberOfPagingFiles; Number++)
        Before.CommitLimit += MmPagingFile[Number]->MaximumSize - MmPagingFile[Number]->Size;
    Size = (Before.CommitLimit - Before.CommittedPages + 1) * PAGE_SIZE;
    if (Before.CommitLimit - Before.CommittedPages < 0x60000)
        expect_status(
            ZwAllocateVirtualMemory(NtCurrentProcess(), &Base, 0, &Size, MEM_RESERVE | MEM_COMMIT, PAGE_READWRITE),
            STATUS_COMMITMENT_LIMIT);
    Big.QuadPart = ((LONGLONG)Before.CommitLimit + 1) * PAGE_SIZE;
    expect_status(ZwCreateSection(&Section, SECTION_ALL_ACCESS, NULL, &Big, PAGE_READWRITE, SEC_COMMIT, NULL),
                  STATUS_COMMITMENT_LIMIT);
    Big.QuadPart = 1ll << 50;
    expect_status(ZwCreateSection(&Section, SECTION_ALL_ACCESS, NULL, &Big, PAGE_READWRITE, SEC_COMMIT, NULL),
                  STATUS_SECTION_TOO_BIG);
    MmQueryStatistics(&After);
    expect_eq(After.CommittedPages, Before.CommittedPages);
}

extern UCHAR KiPageEnd[], KiTextEnd[], KiRodataStart[], KiDataStart[];

static MMPTE MtEntry(PVOID Va)
{
    PMMPTE Pte = MiPteIfTable(Va);

    return Pte != NULL ? *Pte : *MiGetPdeAddress(Va);
}

KTEST(mm, kernel_text_is_not_writable_and_data_not_executable)
{
    // Law: nothing in the kernel is both writable and executable.
    BOOLEAN NoExecute = MmNoExecute != 0;
    static UCHAR Data;
    UCHAR Stack;

    expect(!MtEntry(KiPageEnd).u.Hard.Write && !MtEntry((PVOID)((ULONG_PTR)KiTextEnd - 1)).u.Hard.Write);
    expect(!MtEntry(KiPageEnd).u.Hard.NoExecute); // what lies before it may be in a page file
    expect(!MtEntry(KiRodataStart).u.Hard.Write);
    expect_eq(MtEntry(KiRodataStart).u.Hard.NoExecute, NoExecute);
    expect_eq(MtEntry(&Data).u.Hard.NoExecute, NoExecute);
    expect_eq(MtEntry(&Stack).u.Hard.NoExecute, NoExecute);
    expect_eq(MtEntry(MmPfnDatabase).u.Hard.NoExecute, NoExecute);
    expect(!MmIsAddressValid((PUCHAR)ROUND_TO_PAGES(KiTextEnd)));
}

KTEST_BUGCHECK(mm, writing_to_kernel_text_bugchecks, ATTEMPTED_WRITE_TO_READONLY_MEMORY)
{
    // Law: a store into the kernel's code is caught. WDK: bug check 0xBE.
    *(volatile UCHAR *)KiPageEnd = 0; // the first byte of code that always stays
}

KTEST_BUGCHECK(mm, touching_unmapped_system_space_bugchecks, PAGE_FAULT_IN_NONPAGED_AREA)
{
    // Law: a wild pointer into system space is caught. WDK: bug check 0x50.
    PVOID Memory = MmAllocatePoolPages(TRUE, PAGE_SIZE);

    MmFreePoolPages(Memory);
    *(volatile UCHAR *)Memory = 0;
}

KTEST(mm, pool_pages_come_and_go)
{
    // Law: page allocations of any size are disjoint, remember their length, and leave nothing behind.
    static const UCHAR Sizes[8] = {1, 7, 2, 33, 1, 16, 3, 5};
    PUCHAR Paged[8], Nonpaged[8];
    MM_STATISTICS Before, After;
    ULONG Index;

    MmQueryStatistics(&Before);
    for (Index = 0; Index < 8; Index++) {
        Paged[Index] = MmAllocatePoolPages(TRUE, Sizes[Index] * PAGE_SIZE);
        Nonpaged[Index] = MmAllocatePoolPages(FALSE, Sizes[Index] * PAGE_SIZE - 1);
        expect(Paged[Index] != NULL && Nonpaged[Index] != NULL);
        memset(Paged[Index], Index, Sizes[Index] * PAGE_SIZE);
        memset(Nonpaged[Index], Index + 100, Sizes[Index] * PAGE_SIZE);
    }
    for (Index = 0; Index < 8; Index++) {
        expect_eq(Paged[Index][0], Index);
        expect_eq(Paged[Index][Sizes[Index] * PAGE_SIZE - 1], Index);
        expect_eq(Nonpaged[Index][Sizes[Index] * PAGE_SIZE - 1], Index + 100);
        expect(MmIsPagedPoolAddress(Paged[Index]) && !MmIsPagedPoolAddress(Nonpaged[Index]));
        expect_eq(MmGetPoolAllocationPages(Paged[Index]), Sizes[Index]);
        expect_eq(MmFreePoolPages(Paged[Index]), Sizes[Index]);
        expect_eq(MmFreePoolPages(Nonpaged[Index]), Sizes[Index]);
    }
    MmQueryStatistics(&After);
    expect_eq(After.PagedPoolPages, Before.PagedPoolPages);
    expect_eq(After.NonPagedPoolPages, Before.NonPagedPoolPages);
}

KTEST(mm, kernel_stacks_have_a_guard_page)
{
    // Law: the page below a kernel stack is not mapped; every page of the stack is.
    PUCHAR Base = MmCreateKernelStack(TRUE);
    ULONG Offset;

    expect(Base != NULL);
    for (Offset = PAGE_SIZE; Offset <= KERNEL_LARGE_STACK_SIZE; Offset += PAGE_SIZE)
        expect(MmIsAddressValid(Base - Offset));
    expect(!MmIsAddressValid(Base - Offset));
    MmDeleteKernelStack(Base, TRUE);
}
