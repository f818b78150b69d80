// SPDX-License-Identifier: MIT
// Laws of pageable pool (mm/pagedpool.c): its pages come when they are touched, leave the system working set with
// their contents, and are not for raised IRQL.

#include "mmtest.h"

#define TEST_TAG 0x7050744B // 'KtPp'

static BOOLEAN MtHolds(PULONG Memory, ULONG Pages, ULONG Seed)
{
    ULONG Index;

    for (Index = 0; Index < Pages * PAGE_SIZE / sizeof(ULONG); Index++) {
        if (Memory[Index] != Seed + Index)
            return FALSE;
    }
    return TRUE;
}

KTEST(mm, paged_pool_pages_come_when_touched)
{
    // Law: an allocation of paged pool takes commitment at once and frames only for the pages that are touched; freed,
    // it gives both back.
    MM_STATISTICS Before, During, After;
    PUCHAR Memory;

    (VOID) MiMakeSystemPageTables((PVOID)MM_PAGED_POOL_START, 0x4000000);
    MtQueryAtRest(&Before);
    Memory = MmAllocatePoolPages(MM_POOL_PAGED, 300 * PAGE_SIZE);
    expect(Memory != NULL && !MmIsAddressValid(Memory));
    Memory[7 * PAGE_SIZE] = 1;
    MtQueryAtRest(&During);
    expect_eq(During.CommittedPages, Before.CommittedPages + 300);
    expect(During.AvailablePages + 2 >= Before.AvailablePages);
    expect(MmIsAddressValid(Memory + 7 * PAGE_SIZE) && !MmIsAddressValid(Memory + 8 * PAGE_SIZE));
    expect_eq(MmFreePoolPages(Memory), 300);
    MtQueryAtRest(&After);
    expect_eq(After.CommittedPages, Before.CommittedPages);
    expect(After.AvailablePages + 2 >= Before.AvailablePages);
}

KTEST(mm, paged_pool_keeps_its_contents_when_trimmed)
{
    // Law: pages that are taken out of the system working set are not valid any more, and come back with what they
    // held, again and again; freeing them works in every state.
    PULONG Paged = ExAllocatePoolWithTag(PagedPool, 20 * PAGE_SIZE, TEST_TAG);
    PULONG Session = ExAllocatePoolWithTag(PagedPoolSession, 5 * PAGE_SIZE, TEST_TAG);
    ULONG Round, Index;

    for (Index = 0; Index < 20 * PAGE_SIZE / sizeof(ULONG); Index++)
        Paged[Index] = 1000 + Index;
    for (Index = 0; Index < 5 * PAGE_SIZE / sizeof(ULONG); Index++)
        Session[Index] = 77 + Index;
    for (Round = 0; Round < 10; Round++) {
        expect(MiTrimPool() >= 25);
        expect(!MmIsAddressValid(Paged) && !MmIsAddressValid(Paged + 19 * PAGE_SIZE / sizeof(ULONG)));
        expect(!MmIsAddressValid(Session));
        expect(MtHolds(Paged, 20, 1000));
        expect(MtHolds(Session, 5, 77));
    }
    MiTrimPool();
    Paged[3] = 0; // some pages valid, others in transition
    ExFreePoolWithTag(Paged, TEST_TAG);
    ExFreePoolWithTag(Session, TEST_TAG);
}

KTEST(mm, paged_pool_can_be_locked_for_io)
{
    // Law: pages of paged pool that are locked by an MDL keep their frames when the set is trimmed.
    PUCHAR Memory = ExAllocatePoolWithTag(PagedPool, 2 * PAGE_SIZE, TEST_TAG);
    PMDL Mdl = ExAllocatePoolWithTag(NonPagedPool, MmSizeOfMdl(Memory, 2 * PAGE_SIZE), TEST_TAG);
    PUCHAR Mapped;

    MmInitializeMdl(Mdl, Memory, 2 * PAGE_SIZE);
    MmProbeAndLockPages(Mdl, KernelMode, IoWriteAccess);
    Mapped = MmGetSystemAddressForMdl(Mdl);
    Memory[0] = 5;
    MiTrimPool();
    Mapped[PAGE_SIZE] = 6;
    expect_eq(Memory[0], 5);
    expect_eq(Memory[PAGE_SIZE], 6);
    MmUnlockPages(Mdl);
    MiTrimPool();
    expect_eq(Memory[PAGE_SIZE], 6);
    ExFreePoolWithTag(Mdl, TEST_TAG);
    ExFreePoolWithTag(Memory, TEST_TAG);
}

static VOID NTAPI MtTouchPool(PVOID Context)
{
    PULONG Memory = ExAllocatePoolWithTag(PagedPool, 8 * PAGE_SIZE, TEST_TAG);
    ULONG Seed = (ULONG)Context * 0x1000000, Round, Index;

    for (Index = 0; Index < 8 * PAGE_SIZE / sizeof(ULONG); Index++)
        Memory[Index] = Seed + Index;
    for (Round = 0; Round < 60; Round++) {
        if ((ULONG)Context == 0)
            MiTrimPool();
        expect(MtHolds(Memory, 8, Seed));
        Memory[Round] = Seed + Round;
    }
    ExFreePoolWithTag(Memory, TEST_TAG);
}

KTEST_MP(mm, paged_pool_survives_trims_by_others)
{
    // Law: threads on all processors find their pages whole while another one takes them out of the working set.
    PETHREAD Threads[4];
    ULONG Index;

    for (Index = 0; Index < RTL_NUMBER_OF(Threads); Index++)
        Threads[Index] = KtStartThread(MtTouchPool, (PVOID)Index, 8);
    for (Index = 0; Index < RTL_NUMBER_OF(Threads); Index++)
        KtJoin(Threads[Index]);
}

KTEST_BUGCHECK(mm, paged_memory_at_dispatch_level_is_caught, IRQL_NOT_LESS_OR_EQUAL)
{
    // Law: a touch of paged memory that is not there at DISPATCH_LEVEL is bugcheck 0xA: address, IRQL, kind of access,
    // instruction.
    volatile UCHAR *Memory = ExAllocatePoolWithTag(PagedPool, PAGE_SIZE, TEST_TAG);

    Memory[0] = 1;
    MiTrimPool();
    (VOID) KfRaiseIrql(DISPATCH_LEVEL);
    Memory[0] = 2;
}

KTEST_BUGCHECK(mm, wild_pointer_into_paged_pool_is_caught, PAGE_FAULT_IN_NONPAGED_AREA)
{
    // Law: an address of paged pool that is not allocated is no demand-zero page. WDK: bug check 0x50.
    volatile UCHAR *Memory = MmAllocatePoolPages(MM_POOL_PAGED, PAGE_SIZE);

    MmFreePoolPages((PVOID)Memory);
    Memory[0] = 2;
}
