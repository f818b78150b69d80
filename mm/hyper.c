// SPDX-License-Identifier: MIT
// Temporary mappings: any frame, for a moment, at an address that belongs to this processor alone. The IRQL stays at
// DISPATCH_LEVEL in between, so that the thread can neither be switched nor moved to another processor.

#include "mi.h"

// In the page table of FFC00000, which boot made: eight pages for each of 32 processors, below the shared data's alias.
#define MI_WINDOW_BASE 0xFFC00000u
#define MI_WINDOW_PAGES 8u

static PVOID MiWindow(ULONG Slot)
{
    return (PVOID)(MI_WINDOW_BASE + (KeGetCurrentPrcb()->Number * MI_WINDOW_PAGES + Slot) * PAGE_SIZE);
}

static PVOID MiMapInSlot(PFN_NUMBER Page, ULONG Slot)
{
    PVOID Va = MiWindow(Slot);

    // The slot may still be valid from its last use: the low half first, so that it is never half old, half new.
    MiWriteInvalidPte(MiGetPteAddress(Va), 0);
    MiWriteValidPte(MiGetPteAddress(Va), MI_KERNEL_PTE(Page) & ~MI_GLOBAL);
    KeInvalidatePage(Va);
    return Va;
}

// Maps a frame; MiUnmapPage undoes it. Not to be nested. Returns at DISPATCH_LEVEL.
PVOID MiMapPage(PFN_NUMBER Page, PKIRQL OldIrql)
{
    *OldIrql = KfRaiseIrql(max_of(KeGetCurrentIrql(), DISPATCH_LEVEL));
    return MiMapInSlot(Page, 0);
}

VOID MiUnmapPage(PVOID Va, KIRQL OldIrql)
{
    MiWriteInvalidPte(MiGetPteAddress(Va), 0);
    KeInvalidatePage(Va);
    KfLowerIrql(OldIrql);
}

// Replaces an entry that is not valid in a page table that may be another process's, in one step. Pte's place in the
// table counts, Table is the table's frame. The PFN lock is held; other windows may be in use.
VOID MiWriteForeignPte(PFN_NUMBER Table, PMMPTE Pte, ULONGLONG Value)
{
    PCHAR Va;

    ASSERT(KeGetCurrentIrql() >= DISPATCH_LEVEL);
    Va = MiMapInSlot(Table, 3);
    ASSERT(!((PMMPTE)(Va + BYTE_OFFSET(Pte)))->u.Hard.Valid);
    MiExchangePte((PMMPTE)(Va + BYTE_OFFSET(Pte)), Value);
}

// Fills a frame with zeros. IRQL <= DISPATCH_LEVEL.
VOID MiZeroPage(PFN_NUMBER Page)
{
    KIRQL OldIrql = KfRaiseIrql(max_of(KeGetCurrentIrql(), DISPATCH_LEVEL));
    PVOID Va = MiMapInSlot(Page, 1);
    ULONG Count = PAGE_SIZE / sizeof(ULONG);

    if (KeFeatureBits & KF_XMMI)
        MiZeroWithSse(Va);
    else
        __asm__ volatile("rep stosl" : "+D"(Va), "+c"(Count) : "a"(0) : "memory");
    KfLowerIrql(OldIrql);
}

// Copies a frame. IRQL <= DISPATCH_LEVEL.
VOID MiCopyPage(PFN_NUMBER Target, PFN_NUMBER Source)
{
    KIRQL OldIrql = KfRaiseIrql(max_of(KeGetCurrentIrql(), DISPATCH_LEVEL));
    PVOID To = MiMapInSlot(Target, 1), From = MiMapInSlot(Source, 2);

    MiCopyMappedPage(To, From);
    KfLowerIrql(OldIrql);
}
