// SPDX-License-Identifier: MIT
// Laws of the pool (ex/pool*.c).

#include "ktest.h"

#define TEST_TAG 0x7458744B // 'KtXt'
#define SLOTS 256
#define ROUNDS 8000
#define LARGEST 9000

typedef struct _SLOT {
    PUCHAR Memory;
    ULONG Size;
    UCHAR Fill;
} SLOT;

static SLOT Slots[SLOTS];

static BOOLEAN HoldsFill(const SLOT *Slot)
{
    for (ULONG Index = 0; Index < Slot->Size; Index++) {
        if (Slot->Memory[Index] != Slot->Fill)
            return FALSE;
    }
    return TRUE;
}

static VOID FreeSlot(SLOT *Slot)
{
    expect(HoldsFill(Slot));
    ExFreePoolWithTag(Slot->Memory, TEST_TAG);
    Slot->Memory = NULL;
}

static ULONG RandomSize(VOID)
{
    ULONG Random = KtRandom();

    return Random & 7 ? Random / 8 % 300 : Random / 8 % LARGEST; // mostly small
}

static VOID RandomRun(POOL_TYPE Type)
{
    SIZE_T Before = ExGetPoolUsage(Type == PagedPool);

    for (ULONG Round = 0; Round < ROUNDS; Round++) {
        SLOT *Slot = &Slots[KtRandom() % SLOTS];

        if (Slot->Memory != NULL) {
            FreeSlot(Slot);
            continue;
        }
        Slot->Size = RandomSize();
        Slot->Fill = (UCHAR)KtRandom();
        Slot->Memory = ExAllocatePoolWithTag(Type, Slot->Size, TEST_TAG);
        expect(Slot->Memory != NULL);
        expect_eq((ULONG_PTR)Slot->Memory & 7, 0);
        expect(Slot->Size < PAGE_SIZE || BYTE_OFFSET(Slot->Memory) == 0);
        expect_eq(MmIsPagedPoolAddress(Slot->Memory), Type == PagedPool);
        RtlFillMemory(Slot->Memory, Slot->Size, Slot->Fill);
    }
    for (ULONG Index = 0; Index < SLOTS; Index++) {
        if (Slots[Index].Memory != NULL)
            FreeSlot(&Slots[Index]);
    }
    expect(ExGetPoolUsage(Type == PagedPool) <= Before); // others may have freed something meanwhile
}

KTEST(ex, pool_nonpaged_blocks_keep_their_contents)
{
    // Law: whatever is allocated and freed around it, a block is aligned, its own, and unchanged; all freed, nothing
    // is in use.
    RandomRun(NonPagedPool);
}

KTEST(ex, pool_paged_blocks_keep_their_contents)
{
    // Law: as for nonpaged pool.
    RandomRun(PagedPool);
}

static volatile LONG Damaged;

static VOID NTAPI ChurnPool(PVOID Context)
{
    SLOT Mine[16] = {{NULL, 0, 0}};

    for (ULONG Round = 0; Round < 4000; Round++) {
        SLOT *Slot = &Mine[KtRandom() % RTL_NUMBER_OF(Mine)];

        if (Slot->Memory == NULL) {
            Slot->Size = RandomSize() % 1000;
            Slot->Fill = (UCHAR)KtRandom();
            Slot->Memory = ExAllocatePoolWithTag((POOL_TYPE)(ULONG_PTR)Context, Slot->Size, TEST_TAG);
            RtlFillMemory(Slot->Memory, Slot->Size, Slot->Fill);
        } else {
            if (!HoldsFill(Slot))
                InterlockedIncrement(&Damaged);
            ExFreePoolWithTag(Slot->Memory, TEST_TAG);
            Slot->Memory = NULL;
        }
        if ((Round & 15) == 0)
            IGNORE_STATUS(ZwYieldExecution());
    }
    for (ULONG Index = 0; Index < RTL_NUMBER_OF(Mine); Index++) {
        if (Mine[Index].Memory != NULL)
            ExFreePoolWithTag(Mine[Index].Memory, TEST_TAG);
    }
}

KTEST(ex, pool_serves_threads_at_the_same_time)
{
    // Law: threads that allocate and free at the same time do not get each other's memory.
    PETHREAD Threads[6];

    Damaged = 0;
    for (ULONG Index = 0; Index < RTL_NUMBER_OF(Threads); Index++)
        Threads[Index] = KtStartThread(ChurnPool, (PVOID)(ULONG_PTR)(Index & 1), 8);
    for (ULONG Index = 0; Index < RTL_NUMBER_OF(Threads); Index++)
        KtJoin(Threads[Index]);
    expect_eq(Damaged, 0);
}

static SYSTEM_POOLTAG TagCounters(VOID)
{
    ULONG Count = ExQueryPoolTags(NULL, 0);
    PSYSTEM_POOLTAG Tags = ExAllocatePoolZero(NonPagedPool, (Count + 8) * sizeof(SYSTEM_POOLTAG), TEST_TAG + 1);
    SYSTEM_POOLTAG Found = {.TagUlong = 0};

    Count = min_of(ExQueryPoolTags(Tags, Count + 8), Count + 8);
    for (ULONG Index = 0; Index < Count; Index++) {
        if (Tags[Index].TagUlong == TEST_TAG)
            Found = Tags[Index];
    }
    ExFreePoolWithTag(Tags, TEST_TAG + 1);
    return Found;
}

KTEST(ex, pool_tags_count_what_is_in_use)
{
    // Law: a tag's bytes rise with an allocation and are the same as before after its free; so do both pools'
    // counters.
    PVOID Big = ExAllocatePoolWithTag(NonPagedPool, 8, TEST_TAG), Small;
    SYSTEM_POOLTAG Before, During, After;

    ExFreePoolWithTag(Big, TEST_TAG); // the tag is known from here on
    Before = TagCounters();
    Small = ExAllocatePoolWithTag(PagedPool, 100, TEST_TAG);
    Big = ExAllocatePoolWithTag(NonPagedPool, 3 * PAGE_SIZE, TEST_TAG);
    During = TagCounters();
    ExFreePoolWithTag(Small, TEST_TAG);
    ExFreePool(Big);
    After = TagCounters();
    expect(During.PagedUsed >= Before.PagedUsed + 100);
    expect_eq(During.NonPagedUsed, Before.NonPagedUsed + 3 * PAGE_SIZE);
    expect_eq(During.PagedAllocs, Before.PagedAllocs + 1);
    expect_eq(After.PagedUsed, Before.PagedUsed);
    expect_eq(After.NonPagedUsed, Before.NonPagedUsed);
    expect_eq(After.NonPagedFrees, Before.NonPagedFrees + 1);
}

KTEST(ex, pool_nonpaged_is_usable_at_dispatch_level)
{
    // Law: nonpaged pool may be allocated and freed at DISPATCH_LEVEL (WDK, ExAllocatePoolWithTag).
    KIRQL OldIrql = KfRaiseIrql(DISPATCH_LEVEL);
    PVOID Small = ExAllocatePoolWithTag(NonPagedPool, 40, TEST_TAG),
          Large = ExAllocatePoolWithTag(NonPagedPool, 2 * PAGE_SIZE, TEST_TAG);

    expect(Small != NULL && Large != NULL);
    ExFreePoolWithTag(Large, TEST_TAG);
    ExFreePoolWithTag(Small, TEST_TAG);
    KfLowerIrql(OldIrql);
}

KTEST(ex, pool_refuses_what_cannot_be)
{
    // Law: a request larger than memory fails with NULL and leaves nothing behind.
    SIZE_T Before = ExGetPoolUsage(TRUE);

    expect(ExAllocatePoolWithTag(PagedPool, 0x70000000, TEST_TAG) == NULL);
    expect(ExAllocatePoolWithTag(PagedPool, 0xFFFFFFFF, TEST_TAG) == NULL);
    expect(ExAllocatePoolWithTag(NonPagedPool, 0xFFFFF000, TEST_TAG) == NULL);
    expect_eq(ExGetPoolUsage(TRUE), Before);
}

KTEST_BUGCHECK(ex, pool_double_free_is_caught, BAD_POOL_CALLER)
{
    // Law: freeing a block a second time is bugcheck 0xC2.
    PVOID Neighbour = ExAllocatePoolWithTag(NonPagedPool, 32, TEST_TAG),
          Memory = ExAllocatePoolWithTag(NonPagedPool, 32, TEST_TAG);

    UNREFERENCED_PARAMETER(Neighbour);
    ExFreePoolWithTag(Memory, TEST_TAG);
    ExFreePoolWithTag(Memory, TEST_TAG);
}

KTEST_BUGCHECK(ex, pool_wrong_tag_is_caught, BAD_POOL_CALLER)
{
    // Law: freeing under another tag is bugcheck 0xC2.
    ExFreePoolWithTag(ExAllocatePoolWithTag(NonPagedPool, 32, TEST_TAG), TEST_TAG + 1);
}

KTEST_BUGCHECK(ex, pool_overrun_is_caught, BAD_POOL_HEADER)
{
    // Law: writing past a block's end, over its neighbour's header, is bugcheck 0x19 when the block is freed.
    PUCHAR Memory;

    do { // the last block of a page has no neighbour
        Memory = ExAllocatePoolWithTag(NonPagedPool, 32, TEST_TAG);
    } while (BYTE_OFFSET(Memory + 32) == 0);
    RtlFillMemory(Memory + 32, 8, 0x41);
    ExFreePoolWithTag(Memory, TEST_TAG);
}
