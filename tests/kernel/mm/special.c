// SPDX-License-Identifier: MIT
// Laws of special pool (mm/special.c, ex/poolspecial.c).

#include "mmtest.h"

#define TEST_TAG 0x7053744B // 'KtSp'

static PUCHAR MtSpecial(POOL_TYPE Type, SIZE_T Bytes, BOOLEAN Underrun)
{
    return ExAllocatePoolWithTagPriority(
        Type, Bytes, TEST_TAG, Underrun ? HighPoolPrioritySpecialPoolUnderrun : HighPoolPrioritySpecialPoolOverrun);
}

KTEST(mm, special_pool_ends_at_a_page_nobody_has)
{
    // Law: a block of any size lies in a page of its own, aligned, as near to the page's end (or beginning) as that
    // allows, and the page beyond is not there; freed, nothing is left.
    SIZE_T NonPaged = ExGetPoolUsage(FALSE), Paged = ExGetPoolUsage(TRUE);

    for (ULONG Bytes = 1; Bytes <= PAGE_SIZE - 16; Bytes += KtRandom() % 97 + 1) {
        BOOLEAN Underrun = KtRandom() & 1;
        PUCHAR Block = MtSpecial(KtRandom() & 1 ? PagedPool : NonPagedPool, Bytes, Underrun);

        expect(MmIsSpecialPoolAddress(Block));
        expect_eq((ULONG_PTR)Block & 7, 0);
        RtlFillMemory(Block, Bytes, 0x11);
        if (Underrun) {
            expect_eq(BYTE_OFFSET(Block), 0);
            expect(!MmIsAddressValid(Block - 1));
        } else {
            expect(PAGE_SIZE - BYTE_OFFSET(Block) - Bytes < 8);
            expect(!MmIsAddressValid((PUCHAR)PAGE_ALIGN(Block) + PAGE_SIZE));
        }
        ExFreePoolWithTag(Block, TEST_TAG);
        expect(!MmIsAddressValid(Block));
    }
    expect_eq(ExGetPoolUsage(FALSE), NonPaged);
    expect_eq(ExGetPoolUsage(TRUE), Paged);
}

KTEST(mm, special_pool_addresses_rest_when_freed)
{
    // Law: a freed block's address is not used again by the next thousand allocations.
    PUCHAR Freed = MtSpecial(NonPagedPool, 32, FALSE);

    ExFreePoolWithTag(Freed, TEST_TAG);
    for (ULONG Index = 0; Index < 1000; Index++) {
        PUCHAR Block = MtSpecial(NonPagedPool, 32, FALSE);

        expect(PAGE_ALIGN(Block) != PAGE_ALIGN(Freed));
        ExFreePoolWithTag(Block, TEST_TAG);
    }
    expect(!MmIsAddressValid(Freed));
}

KTEST(mm, special_pool_gives_way_when_full)
{
    // Law: when special pool has no pair of pages left, the allocation comes from ordinary pool; all freed, the next
    // one is special again.
    enum { MOST = 8192 };
    PUCHAR *Blocks = ExAllocatePoolWithTag(PagedPool, MOST * sizeof(PUCHAR), TEST_TAG);
    ULONG Count = 0, Index;

    do {
        Blocks[Count] = MtSpecial(NonPagedPool, 16, FALSE);
        if (Blocks[Count] == NULL)
            break;
    } while (MmIsSpecialPoolAddress(Blocks[Count]) && ++Count < MOST - 1);
    expect(Count > 1000 && Count < MOST - 1);
    expect(Blocks[Count] != NULL && !MmIsSpecialPoolAddress(Blocks[Count]));
    for (Index = 0; Index <= Count; Index++) {
        if (Blocks[Index] != NULL)
            ExFreePoolWithTag(Blocks[Index], TEST_TAG);
    }
    Blocks[0] = MtSpecial(NonPagedPool, 16, FALSE);
    expect(MmIsSpecialPoolAddress(Blocks[0]));
    ExFreePoolWithTag(Blocks[0], TEST_TAG);
    ExFreePoolWithTag(Blocks, TEST_TAG);
}

KTEST_BUGCHECK(mm, special_pool_overrun_is_caught, PAGE_FAULT_BEYOND_END_OF_ALLOCATION)
{
    // Law: the first access beyond a block's end is bugcheck 0xCD, at that instruction.
    volatile UCHAR *Block = MtSpecial(NonPagedPool, 64, FALSE);

    Block[64] = 1;
}

KTEST_BUGCHECK(mm, special_pool_overrun_at_dispatch_level_is_caught, PAGE_FAULT_BEYOND_END_OF_ALLOCATION)
{
    // Law: the same at DISPATCH_LEVEL, and for a read.
    volatile UCHAR *Block = MtSpecial(NonPagedPool, 64, FALSE);

    (VOID) KfRaiseIrql(DISPATCH_LEVEL);
    (VOID) Block[64];
}

KTEST_BUGCHECK(mm, special_pool_underrun_is_caught, PAGE_FAULT_BEYOND_END_OF_ALLOCATION)
{
    // Law: the first access before the beginning of a block that was allocated for that is bugcheck 0xCD.
    volatile UCHAR *Block = MtSpecial(PagedPool, 64, TRUE);

    (VOID) Block[-1];
}

KTEST_BUGCHECK(mm, special_pool_use_after_free_is_caught, PAGE_FAULT_IN_FREED_SPECIAL_POOL)
{
    // Law: an access to a freed block is bugcheck 0xCC.
    volatile UCHAR *Block = MtSpecial(PagedPool, 64, FALSE);

    ExFreePoolWithTag((PVOID)Block, TEST_TAG);
    (VOID) Block[0];
}

KTEST_BUGCHECK(mm, special_pool_driver_overrun_is_a_drivers, DRIVER_PAGE_FAULT_BEYOND_END_OF_ALLOCATION)
{
    // Law: an overrun by code that is no part of the kernel image is bugcheck 0xD6. (The code: mov eax, [ecx]; ret.)
    static const UCHAR Code[] = {0x8B, 0x01, 0xC3};
    PUCHAR Copy = ExAllocatePoolWithTag(PagedPool, PAGE_SIZE, TEST_TAG);
    PMMPTE Pte = MiGetPteAddress(Copy);

    RtlCopyMemory(Copy, Code, sizeof(Code));
    MiWriteValidPte(Pte, Pte->u.Long & ~MI_NO_EXECUTE);
    KeFlushEntireTb(TRUE, TRUE);
    __asm__ volatile("call *%0" : : "r"(Copy), "c"(MtSpecial(NonPagedPool, 8, FALSE) + 8) : "eax", "memory");
}

KTEST_BUGCHECK(mm, special_pool_damage_beside_a_block_is_caught, SPECIAL_POOL_DETECTED_MEMORY_CORRUPTION)
{
    // Law: bytes of the block's page that are not the block's must be unchanged when it is freed: bugcheck 0xC1.
    PUCHAR Block = MtSpecial(NonPagedPool, 61, FALSE);

    Block[62] = 0;
    ExFreePoolWithTag(Block, TEST_TAG);
}

KTEST_BUGCHECK(mm, special_pool_double_free_is_caught, SPECIAL_POOL_DETECTED_MEMORY_CORRUPTION)
{
    // Law: freeing a block a second time is bugcheck 0xC1.
    PUCHAR Block = MtSpecial(NonPagedPool, 64, FALSE);

    ExFreePoolWithTag(Block, TEST_TAG);
    ExFreePoolWithTag(Block, TEST_TAG);
}

KTEST_BUGCHECK(mm, special_pool_wrong_tag_is_caught, SPECIAL_POOL_DETECTED_MEMORY_CORRUPTION)
{
    // Law: freeing under another tag is bugcheck 0xC1.
    ExFreePoolWithTag(MtSpecial(NonPagedPool, 64, FALSE), TEST_TAG + 1);
}
