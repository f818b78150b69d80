// SPDX-License-Identifier: MIT
// Laws of the kinds of pool: session pool, quota, priorities, lookaside lists of the later form, draining, the classes
// that show them (ex/pool*.c, ex/lookaside.c, ex/querypool.c, ps/quota.c).

#include "ktest.h"

#define TEST_TAG 0x6B50744B  // 'KtPk'
#define OTHER_TAG 0x6F50744B // 'KtPo'

KTEST(ex, pool_session_is_a_pool_of_its_own)
{
    // Law: session pool comes from session space, keeps its contents, has counters of its own and gives all back.
    SIZE_T Before = ExGetPoolUsage(TRUE);
    PUCHAR Small = ExAllocatePoolWithTag(PagedPoolSession, 100, TEST_TAG);
    PUCHAR Large = ExAllocatePoolWithTag(PagedPoolSession, 3 * PAGE_SIZE, TEST_TAG);
    SYSTEM_POOLTAG Tags[64];
    ULONG Count, Index;

    expect_eq(MmPoolOfAddress(Small), MM_POOL_SESSION);
    expect_eq(MmPoolOfAddress(Large), MM_POOL_SESSION);
    expect((ULONG_PTR)Large >= MM_SESSION_POOL_START && (ULONG_PTR)Large <= MM_SESSION_POOL_END);
    RtlFillMemory(Large, 3 * PAGE_SIZE, 0x5A);
    RtlFillMemory(Small, 100, 0x3C);
    expect_eq(Large[3 * PAGE_SIZE - 1], 0x5A);
    Count = ExQuerySessionPoolTags(Tags, RTL_NUMBER_OF(Tags));
    for (Index = 0; Index < Count && Tags[Index].TagUlong != TEST_TAG; Index++)
        continue;
    expect(Index < Count);
    expect_eq(Tags[Index].PagedUsed, 3 * PAGE_SIZE + 112);
    ExFreePoolWithTag(Large, TEST_TAG);
    ExFreePoolWithTag(Small, TEST_TAG);
    expect_eq(ExGetPoolUsage(TRUE), Before);
}

KTEST(ex, pool_types_are_served_or_refused)
{
    // Law: each type of the public headers gives memory of its pool; DontUseThisType and failure with
    // POOL_RAISE_IF_ALLOCATION_FAILURE have their documented ends.
    static const POOL_TYPE Types[] = {
        NonPagedPool,          NonPagedPoolNx,         NonPagedPoolCacheAligned, NonPagedPoolNxCacheAligned,
        NonPagedPoolSession,   PagedPoolSession,       NonPagedPoolSessionNx,    PagedPool,
        PagedPoolCacheAligned, NonPagedPoolMustSucceed};
    volatile NTSTATUS Raised = STATUS_SUCCESS;

    for (ULONG Index = 0; Index < RTL_NUMBER_OF(Types); Index++) {
        PVOID Memory = ExAllocatePoolWithTag(Types[Index], 40, TEST_TAG);
        ULONG Kind = !(Types[Index] & PagedPool) ? MM_POOL_NONPAGED
                     : Types[Index] & 32         ? MM_POOL_SESSION
                                                 : MM_POOL_PAGED;

        expect(Memory != NULL);
        expect_eq(MmPoolOfAddress(Memory), Kind);
        ExFreePoolWithTag(Memory, TEST_TAG);
    }
    expect(ExAllocatePoolWithTag(DontUseThisType, 40, TEST_TAG) == NULL);
    SEH_TRY
    {
        ExAllocatePoolWithTag(PagedPool | POOL_RAISE_IF_ALLOCATION_FAILURE, 0x70000000, TEST_TAG);
    }
    SEH_EXCEPT
    {
        Raised = SEH_CODE();
    }
    SEH_END
    expect_status(Raised, STATUS_INSUFFICIENT_RESOURCES);
}

// What ExAllocatePoolWithQuotaTag does: memory, or the status that it raises.
static PVOID QuotaAllocate(POOL_TYPE Type, SIZE_T Bytes, NTSTATUS *Raised)
{
    PVOID volatile Memory = NULL;

    *Raised = STATUS_SUCCESS;
    SEH_TRY
    {
        Memory = ExAllocatePoolWithQuotaTag(Type, Bytes, TEST_TAG);
    }
    SEH_EXCEPT
    {
        *Raised = SEH_CODE();
    }
    SEH_END
    return Memory;
}

KTEST(ex, pool_quota_is_charged_and_returned)
{
    // Law: what is allocated with quota is charged to the process until it is freed; over the limit the allocation
    // raises STATUS_QUOTA_EXCEEDED, or fails if asked to, and charges nothing. Sizes: every way the account is kept.
    static const SIZE_T Sizes[] = {1, 100, 4076, 4077, 4080, 4081, 3 * PAGE_SIZE};
    PEPROCESS Process = PsGetCurrentProcess();
    PEPROCESS_QUOTA_BLOCK Old = Process->QuotaBlock, Block;
    NTSTATUS Status;

    Process->QuotaBlock = NULL;
    expect_status(PsCreateQuotaBlock(Process, NULL), STATUS_SUCCESS);
    Block = Process->QuotaBlock;
    for (ULONG Type = NonPagedPool; Type <= PagedPool; Type++) {
        for (ULONG Index = 0; Index < RTL_NUMBER_OF(Sizes); Index++) {
            PUCHAR Memory = QuotaAllocate((POOL_TYPE)Type, Sizes[Index], &Status);

            expect_status(Status, STATUS_SUCCESS);
            expect((SIZE_T)Block->Usage[Type] >= Sizes[Index]);
            expect_eq(Block->ReferenceCount, 2);
            RtlFillMemory(Memory, Sizes[Index], 0x77); // all of it is the caller's
            ExFreePoolWithTag(Memory, TEST_TAG);
            expect_eq(Block->Usage[Type], 0);
            expect_eq(Block->ReferenceCount, 1);
        }
        Block->Limit[Type] = 4096;
        expect(QuotaAllocate((POOL_TYPE)Type, 2 * PAGE_SIZE, &Status) == NULL);
        expect_status(Status, STATUS_QUOTA_EXCEEDED);
        expect(QuotaAllocate((POOL_TYPE)(Type | POOL_QUOTA_FAIL_INSTEAD_OF_RAISE), 2 * PAGE_SIZE, &Status) == NULL);
        expect_status(Status, STATUS_SUCCESS);
        expect_eq(Block->Usage[Type], 0);
        expect_status(PsChargeProcessPoolQuota(Process, (POOL_TYPE)Type, 4097), STATUS_QUOTA_EXCEEDED);
        expect_status(PsChargeProcessPoolQuota(Process, (POOL_TYPE)Type, 4096), STATUS_SUCCESS);
        PsReturnPoolQuota(Process, (POOL_TYPE)Type, 4096);
    }
    PsDeleteQuotaBlock(Process);
    Process->QuotaBlock = Old;
}

KTEST(ex, pool_priorities_leave_a_reserve)
{
    // Law: what asks with low priority fails first; with high priority only when there is none (WDK,
    // ExAllocatePoolWithTagPriority).
    MM_STATISTICS Mm;
    SIZE_T Most;
    PVOID Memory;

    MmQueryStatistics(&Mm);
    Most = (SIZE_T)min_of(Mm.AvailablePages, Mm.CommitLimit - Mm.CommittedPages) * PAGE_SIZE;
    expect(MmResourcesAvailable(MM_POOL_PAGED, PAGE_SIZE, LowPoolPriority));
    expect(!MmResourcesAvailable(MM_POOL_PAGED, Most, LowPoolPriority));
    expect(!MmResourcesAvailable(MM_POOL_PAGED, Most, NormalPoolPriority));
    expect(MmResourcesAvailable(MM_POOL_PAGED, Most, HighPoolPriority));
    expect(ExAllocatePoolWithTagPriority(PagedPool, Most, TEST_TAG, NormalPoolPriority) == NULL);
    Memory = ExAllocatePoolWithTagPriority(PagedPool, 100, TEST_TAG, LowPoolPriority);
    expect(Memory != NULL);
    ExFreePoolWithTag(Memory, TEST_TAG);
}

static ULONG ExAllocated, ExFreed;

static PVOID NTAPI CountAllocate(POOL_TYPE Type, SIZE_T Bytes, ULONG Tag, PLOOKASIDE_LIST_EX List)
{
    UNREFERENCED_PARAMETER(List);
    ExAllocated++;
    return ExAllocatePoolWithTag(Type, Bytes, Tag);
}

static VOID NTAPI CountFree(PVOID Memory, PLOOKASIDE_LIST_EX List)
{
    UNREFERENCED_PARAMETER(List);
    ExFreed++;
    ExFreePool(Memory);
}

KTEST(ex, lookaside_list_ex_uses_its_routines)
{
    // Law: a list of the later form calls its own routines for what it does not hold, reuses what was freed to it,
    // and flushing it returns every entry by its routine; wrong parameters are refused by their number.
    LOOKASIDE_LIST_EX List;
    PVOID First, Second;

    expect_status(ExInitializeLookasideListEx(&List, NULL, NULL, PagedPool, 3, 64, TEST_TAG, 0),
                  STATUS_INVALID_PARAMETER_5);
    expect_status(ExInitializeLookasideListEx(&List, NULL, NULL, PagedPool, 0, 64, TEST_TAG, 1),
                  STATUS_INVALID_PARAMETER_8);
    ExAllocated = ExFreed = 0;
    expect_status(ExInitializeLookasideListEx(&List, CountAllocate, CountFree, NonPagedPool, 0, 64, TEST_TAG, 0),
                  STATUS_SUCCESS);
    First = ExAllocateFromLookasideListEx(&List);
    Second = ExAllocateFromLookasideListEx(&List);
    expect_eq(ExAllocated, 2);
    ExFreeToLookasideListEx(&List, First);
    expect_eq(ExAllocateFromLookasideListEx(&List), First);
    ExFreeToLookasideListEx(&List, First);
    ExFreeToLookasideListEx(&List, Second);
    expect_eq(ExFreed, 0);
    ExFlushLookasideListEx(&List);
    expect_eq(ExFreed, 2);
    ExDeleteLookasideListEx(&List);
}

KTEST(ex, lookaside_lists_are_shown)
{
    // Law: SystemLookasideInformation has a row with the figures of each list.
    LOOKASIDE_LIST_EX List;
    SYSTEM_LOOKASIDE_INFORMATION Rows[64];
    ULONG Length, Index, Count;

    expect_status(ExInitializeLookasideListEx(&List, NULL, NULL, NonPagedPool, 0, 72, OTHER_TAG, 0), STATUS_SUCCESS);
    ExFreeToLookasideListEx(&List, ExAllocateFromLookasideListEx(&List));
    expect_status(ZwQuerySystemInformation(SystemLookasideInformation, Rows, sizeof(Rows), &Length), STATUS_SUCCESS);
    Count = Length / sizeof(Rows[0]);
    for (Index = 0; Index < Count && Rows[Index].Tag != OTHER_TAG; Index++)
        continue;
    expect(Index < Count);
    expect_eq(Rows[Index].Size, 72);
    expect_eq(Rows[Index].TotalAllocates, 1);
    expect_eq(Rows[Index].AllocateMisses, 1);
    expect_eq(Rows[Index].TotalFrees, 1);
    ExDeleteLookasideListEx(&List);
}

KTEST(ex, pool_big_allocations_are_shown)
{
    // Law: SystemBigPoolInformation has a row for an allocation of whole pages while it lasts; too short a buffer says
    // how much is wanted.
    PVOID Memory = ExAllocatePoolWithTag(NonPagedPool, 5 * PAGE_SIZE, OTHER_TAG);
    PSYSTEM_BIGPOOL_INFORMATION Pool;
    ULONG Length = 0, Index;

    expect_status(ZwQuerySystemInformation(SystemBigPoolInformation, NULL, 0, &Length), STATUS_INFO_LENGTH_MISMATCH);
    Length += 4 * PAGE_SIZE;
    Pool = ExAllocatePoolWithTag(PagedPool, Length, TEST_TAG);
    expect_status(ZwQuerySystemInformation(SystemBigPoolInformation, Pool, Length, &Length), STATUS_SUCCESS);
    for (Index = 0; Index < Pool->Count && Pool->AllocatedInfo[Index].TagUlong != OTHER_TAG; Index++)
        continue;
    expect(Index < Pool->Count);
    expect_eq(Pool->AllocatedInfo[Index].SizeInBytes, 5 * PAGE_SIZE);
    expect_eq((ULONG_PTR)Pool->AllocatedInfo[Index].VirtualAddress, (ULONG_PTR)Memory | 1);
    ExFreePoolWithTag(Pool, TEST_TAG);
    ExFreePoolWithTag(Memory, OTHER_TAG);
}

KTEST(ex, pool_drain_gives_back_what_waits)
{
    // Law: after blocks have been freed, draining returns the pages that hold none any more; usage does not change.
    enum { BLOCKS = 2000 };
    PVOID *Blocks = ExAllocatePoolWithTag(NonPagedPool, BLOCKS * sizeof(PVOID), TEST_TAG);
    ULONG Pages, After, Peak, Limit;
    SIZE_T Usage;

    ExDrainPool();
    MmQueryPoolLimits(MM_POOL_PAGED, &Pages, &Peak, &Limit);
    Usage = ExGetPoolUsage(TRUE);
    for (ULONG Index = 0; Index < BLOCKS; Index++)
        Blocks[Index] = ExAllocatePoolWithTag(PagedPool, 200, TEST_TAG);
    for (ULONG Index = 0; Index < BLOCKS; Index++)
        ExFreePoolWithTag(Blocks[Index], TEST_TAG);
    MmQueryPoolLimits(MM_POOL_PAGED, &After, &Peak, &Limit);
    expect(Peak >= Pages + BLOCKS * 200 / PAGE_SIZE);
    ExDrainPool();
    MmQueryPoolLimits(MM_POOL_PAGED, &After, &Peak, &Limit);
    expect(After <= Pages + 1); // others may have begun a page
    expect(ExGetPoolUsage(TRUE) <= Usage);
    ExFreePoolWithTag(Blocks, TEST_TAG);
}

KTEST_BUGCHECK(ex, pool_use_after_free_is_caught, BAD_POOL_HEADER)
{
    // Law: a write to a freed block is bugcheck 0x19 when the block is used again (checked builds).
    PULONG Memory = ExAllocatePoolWithTag(NonPagedPool, 200, TEST_TAG);

    ExFreePoolWithTag(Memory, TEST_TAG);
    Memory[20] = 0x12345678;
    for (ULONG Index = 0; Index < 1000; Index++)
        (VOID) ExAllocatePoolWithTag(NonPagedPool, 200, TEST_TAG);
}

KTEST_BUGCHECK(ex, pool_paged_at_dispatch_level_is_caught, BAD_POOL_CALLER)
{
    // Law: paged pool at DISPATCH_LEVEL is bugcheck 0xC2, P1 = 8 (checked builds).
    (VOID) KfRaiseIrql(DISPATCH_LEVEL);
    (VOID) ExAllocatePoolWithTag(PagedPool, 8, TEST_TAG);
}

KTEST_BUGCHECK(ex, pool_quota_underflow_is_caught, QUOTA_UNDERFLOW)
{
    // Law: returning more quota than was charged is bugcheck 0x21.
    PEPROCESS Process = PsGetCurrentProcess();

    if (NT_SUCCESS(PsCreateQuotaBlock(Process, NULL)))
        PsReturnPoolQuota(Process, NonPagedPool, 1);
}
