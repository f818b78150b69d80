// SPDX-License-Identifier: MIT
// Address space layout randomization: where images, the first free memory, PEB and TEBs come to lie. The numbers follow
// from SEED= on the boot line, or without it from the time-stamp counter, which virtual time repeats too: the same seed
// gives the same layout. /MOVEIMAGES=0 leaves everything where it lay before. Source: Windows Internals, "Address Space
// Layout Randomization".
//
//   a program    its preferred base and 1 to 254 times 64 KB, chosen when its segment is made
//   a DLL        below 78000000, from a bias that is chosen once a boot downwards: the next free place, the same in
//                every process as long as the segment lives; one that cannot be moved keeps its own place there
//   SEC_BASED    a section that lies at the same address everywhere: above 50000000, the lowest place that is free of
//                DLLs
//   memory       a process's bottom-up allocations (stacks, heaps, views) begin up to 255 times 64 KB above the lowest
//                address
//   heaps        up to 31 times 64 KB above the lowest free place; the first bytes of a stack: up to 2 KB below its end
//                (ntdll, kernel32, by a number that the process gets)
//   PEB, TEBs    one of 16 pages below 7FFE0000

#include "mi.h"

#define MI_DLL_TOP 0x78000000u
#define MI_DLL_BOTTOM 0x50000000u
#define MI_DLL_SLOTS ((MI_DLL_TOP - MI_DLL_BOTTOM) / MM_ALLOCATION_GRANULARITY)
#define MI_DLL_BIASES 256u
#define MI_PROGRAM_BIASES 254u
#define MI_MEMORY_BIASES 256u
#define MI_BLOCK_PAGES 16u
#define MI_GOLDEN 0x9E3779B9u

static BOOLEAN MiMoves;
static volatile LONG MiRandomState;
static MI_RANGE MiDllRange; // its unit is 64 KB from MI_DLL_TOP down: "address" (slot + 1) * PAGE_SIZE
static ULONG MiDllBits[MI_DLL_SLOTS / 32];

// The next number: a counter in steps of the golden ratio, mixed (the finalizer of MurmurHash3, A. Appleby). Any IRQL.
static ULONG MiRandom(VOID)
{
    ULONG Value = (ULONG)InterlockedExchangeAdd(&MiRandomState, (LONG)MI_GOLDEN);

    Value = (Value ^ (Value >> 16)) * 0x85EBCA6Bu;
    Value = (Value ^ (Value >> 13)) * 0xC2B2AE35u;
    return Value ^ (Value >> 16);
}

static ULONG MiReadSeed(VOID)
{
    PCSTR Text = KeFindBootOption("SEED=");
    ULONG Seed = 0;

    if (Text == NULL)
        return (KeFeatureBits & KF_RDTSC) ? (ULONG)__builtin_ia32_rdtsc() >> 4 : 0;
    for (; *Text >= '0' && *Text <= '9'; Text++)
        Seed = Seed * 10 + (ULONG)(*Text - '0');
    return Seed;
}

// Chooses the boot's numbers. Phase 0.
VOID MiInitializeRandomLayout(VOID)
{
    MiMoves = KeFindBootOption("/MOVEIMAGES=0") == NULL;
    MiRandomState = (LONG)(MiReadSeed() * MI_GOLDEN);
    MiInitializeRange(&MiDllRange, PAGE_SIZE, MI_DLL_SLOTS, MiDllBits); // so that no slot looks like NULL
    MiDllRange.Hint = MiRandom() % MI_DLL_BIASES;
}

// Where a process's own choices begin (PEB.SystemReserved): heaps, the first bytes of stacks. 0: it makes none. Any IRQL.
ULONG MmRandomNumber(VOID)
{
    return MiMoves ? MiRandom() | 1 : 0;
}

// How far above the lowest address a new process's memory begins, in 64 KB.
ULONG MiMemoryBias(VOID)
{
    return MiMoves ? MiRandom() % MI_MEMORY_BIASES : 0;
}

// How many pages below the highest place the search for a PEB's or TEB's page begins.
ULONG MiBlockBias(VOID)
{
    return MiMoves ? MiRandom() % MI_BLOCK_PAGES : 0;
}

static ULONG MiSlotsOfPages(ULONG Pages)
{
    return (ULONG)(ALIGN_UP_BY(Pages << PAGE_SHIFT, MM_ALLOCATION_GRANULARITY) / MM_ALLOCATION_GRANULARITY);
}

static ULONG_PTR MiAddressOfSlot(PVOID Slot, ULONG Count)
{
    return MI_DLL_TOP - (((ULONG_PTR)Slot >> PAGE_SHIFT) - 1 + Count) * MM_ALLOCATION_GRANULARITY;
}

// Chooses where an image of Pages pages, linked for Preferred, shall lie. *Slots: what MiReleaseImageBase needs, 0 for
// nothing. Returns Preferred if it stays. IRQL <= DISPATCH_LEVEL.
ULONG_PTR MiSelectImageBase(ULONG_PTR Preferred, ULONG Pages, BOOLEAN Dll, PULONG Slots)
{
    ULONG Count = MiSlotsOfPages(Pages);
    ULONG_PTR Base;
    PVOID Slot;

    *Slots = 0;
    if (!MiMoves)
        return Preferred;
    if (!Dll) {
        Base = Preferred + (1 + MiRandom() % MI_PROGRAM_BIASES) * MM_ALLOCATION_GRANULARITY;
        return Base > Preferred && Base + (Pages << PAGE_SHIFT) <= MI_DLL_BOTTOM ? Base : Preferred;
    }
    Slot = MiReserveInRange(&MiDllRange, Count);
    if (Slot == NULL)
        return Preferred;
    *Slots = Count;
    return MiAddressOfSlot(Slot, Count);
}

// An image of Pages pages stays at Base: no other one is put there, if it is one of the places for DLLs and free.
// Returns what MiReleaseImageBase needs. IRQL <= DISPATCH_LEVEL.
ULONG MiKeepImageBase(ULONG_PTR Base, ULONG Pages)
{
    ULONG Count = MiSlotsOfPages(Pages);
    ULONG_PTR Slot;

    if (!MiMoves || Base < MI_DLL_BOTTOM || Base >= MI_DLL_TOP || Base % MM_ALLOCATION_GRANULARITY != 0 ||
        Count > (MI_DLL_TOP - Base) / MM_ALLOCATION_GRANULARITY)
        return 0;
    Slot = (MI_DLL_TOP - Base) / MM_ALLOCATION_GRANULARITY - Count;
    return MiReserveAtInRange(&MiDllRange, (PVOID)((Slot + 1) << PAGE_SHIFT), Count) ? Count : 0;
}

// Chooses the address that a section of Size bytes has in all processes. 0: there is no room. IRQL <= DISPATCH_LEVEL.
// MiReleaseImageBase gives it back.
ULONG_PTR MiSelectSectionBase(ULONGLONG Size, PULONG Slots)
{
    PVOID Slot = NULL;

    *Slots = 0;
    if (Size <= MI_DLL_TOP - MI_DLL_BOTTOM) {
        *Slots = MiSlotsOfPages(BYTES_TO_PAGES((ULONG)Size));
        Slot = MiReserveLastInRange(&MiDllRange, *Slots);
    }
    return Slot == NULL ? 0 : MiAddressOfSlot(Slot, *Slots);
}

// The place is free again. IRQL <= DISPATCH_LEVEL.
VOID MiReleaseImageBase(ULONG_PTR Base, ULONG Slots)
{
    ULONG_PTR Slot = (MI_DLL_TOP - Base) / MM_ALLOCATION_GRANULARITY - Slots;

    if (Slots != 0)
        MiReleaseInRange(&MiDllRange, (PVOID)((Slot + 1) << PAGE_SHIFT), Slots);
}
