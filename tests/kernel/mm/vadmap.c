// SPDX-License-Identifier: MIT
// Laws of the allocator: where it places what, and that the map of the address space says what the tree says.

#include "mmtest.h"

#define MT_GRANULE MM_ALLOCATION_GRANULARITY

// Is every bit of the map what the tree says, and the hint not above a clear bit? Returns the first wrong bit, MAXULONG
// if there is none.
static ULONG MtWrongMapBit(VOID)
{
    PEPROCESS Process = PsGetCurrentProcess();
    ULONG Bit, Wrong = MAXULONG;

    NT_VERIFY(NT_SUCCESS(MiLockAddressSpace(Process)));
    for (Bit = 1; Wrong == MAXULONG && Bit < Process->VadMap.BitMap.SizeOfBitMap; Bit++) {
        BOOLEAN Taken = MiFindOverlap(&Process->VadRoot, Bit * 16, Bit * 16 + 15) != NULL;

        if (RtlTestBit(&Process->VadMap.BitMap, Bit) != Taken ||
            (!Taken && Bit >= Process->VadMap.Bias && Bit < Process->VadMap.Hint))
            Wrong = Bit;
    }
    MiUnlockAddressSpace(Process);
    return Wrong;
}

KTEST(mm, lowest_free_place_is_taken)
{
    // Law: without a wish memory lies at the lowest free multiple of 64 KB; with MEM_TOP_DOWN at the highest; what was
    // freed is used again first.
    PUCHAR Memory[4], Top[2], Again;
    ULONG Index;

    for (Index = 0; Index < 4; Index++)
        Memory[Index] = MtAllocate(MT_GRANULE, MEM_RESERVE, PAGE_READWRITE);
    for (Index = 0; Index < 2; Index++)
        Top[Index] = MtAllocate(PAGE_SIZE, MEM_RESERVE | MEM_TOP_DOWN, PAGE_READWRITE);
    for (Index = 1; Index < 4; Index++)
        expect(Memory[Index] > Memory[Index - 1]);
    expect(Top[1] < Top[0] && Memory[3] < Top[1]);
    expect_eq((ULONG_PTR)Top[0] % MT_GRANULE, 0);
    expect_status(MtFree(Memory[1]), STATUS_SUCCESS);
    Again = MtAllocate(2 * MT_GRANULE, MEM_RESERVE, PAGE_READWRITE);
    expect(Again > Memory[2]); // does not fit there
    expect_status(MtFree(Again), STATUS_SUCCESS);
    Again = MtAllocate(1, MEM_RESERVE, PAGE_READWRITE);
    expect_eq(Again, Memory[1]);
    expect_status(MtFree(Again), STATUS_SUCCESS);
    expect_status(MtFree(Top[0]), STATUS_SUCCESS);
    Again = MtAllocate(MT_GRANULE, MEM_RESERVE | MEM_TOP_DOWN, PAGE_READWRITE);
    expect_eq(Again, Top[0]);
    Memory[1] = Again;
    for (Index = 0; Index < 4; Index++)
        expect_status(MtFree(Memory[Index]), STATUS_SUCCESS);
    expect_status(MtFree(Top[1]), STATUS_SUCCESS);
}

KTEST(mm, zero_bits_bound_the_address)
{
    // Law: WDK, ZwAllocateVirtualMemory: ZeroBits high bits of the address are 0.
    ULONG ZeroBits;

    for (ZeroBits = 0; ZeroBits <= 15; ZeroBits++) {
        SIZE_T Size = PAGE_SIZE;
        PVOID Base = NULL;

        expect_status(ZwAllocateVirtualMemory(NtCurrentProcess(), &Base, ZeroBits, &Size, MEM_RESERVE | MEM_TOP_DOWN,
                                              PAGE_READWRITE),
                      STATUS_SUCCESS);
        expect(ZeroBits < 2 || (ULONG_PTR)Base <= MAXULONG >> ZeroBits);
        expect_status(MtFree(Base), STATUS_SUCCESS);
    }
}

KTEST(mm, map_knows_what_begins_below_the_bias)
{
    // Law: memory that begins below the bias and ends above it is free again for the search when it is released.
    ULONG Bias = PsGetCurrentProcess()->VadMap.Bias;
    PVOID Base = (PVOID)((Bias - 1) * MT_GRANULE);
    SIZE_T Size = 2 * MT_GRANULE;
    ULONG Round;

    if (Bias < 2 || MiFindOverlap(&PsGetCurrentProcess()->VadRoot, MI_VPN(Base), MI_VPN(Base) + 31) != NULL)
        return; // this seed has no such place
    for (Round = 0; Round < 2; Round++) {
        expect_status(ZwAllocateVirtualMemory(NtCurrentProcess(), &Base, 0, &Size, MEM_RESERVE, PAGE_READWRITE),
                      STATUS_SUCCESS);
        expect_eq(MtWrongMapBit(), MAXULONG);
        expect_status(MtFree(Base), STATUS_SUCCESS);
        expect_eq(MtWrongMapBit(), MAXULONG);
    }
}

#define MT_BLOCKS 64u

KTEST(mm, map_of_the_address_space_follows_the_tree)
{
    // Law: after any sequence of allocations, partial and whole releases, a bit of the map is set if and only if a
    // descriptor lies in its 64 KB, and nothing below the hint is free.
    static struct {
        PUCHAR Base;
        SIZE_T Pages;
    } Blocks[MT_BLOCKS];
    ULONG Step, Index;

    for (Step = 0; Step < 1500; Step++) {
        ULONG Slot = KtRandom() % MT_BLOCKS;

        if (Blocks[Slot].Base == NULL) {
            Blocks[Slot].Pages = 1 + KtRandom() % 70;
            Blocks[Slot].Base = MtAllocate(Blocks[Slot].Pages * PAGE_SIZE,
                                           MEM_RESERVE | ((KtRandom() & 1) ? MEM_TOP_DOWN : 0), PAGE_READWRITE);
            expect(Blocks[Slot].Base != NULL);
        } else if (Blocks[Slot].Pages > 1 && (KtRandom() & 1)) {
            SIZE_T Keep = 1 + KtRandom() % (Blocks[Slot].Pages - 1), Size = (Blocks[Slot].Pages - Keep) * PAGE_SIZE;
            PVOID Base = Blocks[Slot].Base + Keep * PAGE_SIZE;

            expect_status(ZwFreeVirtualMemory(NtCurrentProcess(), &Base, &Size, MEM_RELEASE), STATUS_SUCCESS);
            Blocks[Slot].Pages = Keep;
        } else {
            expect_status(MtFree(Blocks[Slot].Base), STATUS_SUCCESS);
            Blocks[Slot].Base = NULL;
        }
        if (Step % 100 == 0)
            expect_eq(MtWrongMapBit(), MAXULONG);
    }
    for (Index = 0; Index < MT_BLOCKS; Index++) {
        if (Blocks[Index].Base != NULL)
            expect_status(MtFree(Blocks[Index].Base), STATUS_SUCCESS);
        Blocks[Index].Base = NULL;
    }
    expect_eq(MtWrongMapBit(), MAXULONG);
}
