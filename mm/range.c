// SPDX-License-Identifier: MIT
// Ranges of system addresses given out in whole pages by a bitmap: system PTEs, the pools. Only addresses are managed
// here; what is mapped there is the owner's business.

#include "mi.h"

// Bits: one for each page, zeroed here. Base is page aligned.
VOID MiInitializeRange(PMI_RANGE Range, ULONG_PTR Base, ULONG Pages, PULONG Bits)
{
    KeInitializeSpinLock(&Range->Lock);
    Range->Base = Base;
    Range->Hint = 0;
    Range->FreePages = Pages;
    RtlInitializeBitMap(&Range->BitMap, Bits, Pages);
    RtlClearAllBits(&Range->BitMap);
}

// Reserves Pages in a row. IRQL <= DISPATCH_LEVEL. Takes the range's lock. NULL if there is no such gap.
PVOID MiReserveInRange(PMI_RANGE Range, ULONG Pages)
{
    KIRQL OldIrql = KfAcquireSpinLock(&Range->Lock);
    ULONG Index = MAXULONG;

    if (Pages != 0 && Pages <= Range->FreePages)
        Index = RtlFindClearBitsAndSet(&Range->BitMap, Pages, Range->Hint);
    if (Index != MAXULONG) {
        Range->FreePages -= Pages;
        Range->Hint = Index + Pages;
    }
    KfReleaseSpinLock(&Range->Lock, OldIrql);
    return Index == MAXULONG ? NULL : (PVOID)(Range->Base + Index * PAGE_SIZE);
}

// Reserves Pages at Index, if all of them are free. The range's lock is held.
static BOOLEAN MiReserveAtIndex(PMI_RANGE Range, ULONG Index, ULONG Pages)
{
    if (!RtlAreBitsClear(&Range->BitMap, Index, Pages))
        return FALSE;
    RtlSetBits(&Range->BitMap, Index, Pages);
    Range->FreePages -= Pages;
    return TRUE;
}

// Reserves Pages at Va, which lie in the range. IRQL <= DISPATCH_LEVEL. Takes the range's lock. FALSE: not all are free.
BOOLEAN MiReserveAtInRange(PMI_RANGE Range, PVOID Va, ULONG Pages)
{
    ULONG Index = ((ULONG_PTR)Va - Range->Base) >> PAGE_SHIFT;
    KIRQL OldIrql = KfAcquireSpinLock(&Range->Lock);
    BOOLEAN Reserved;

    ASSERT((ULONG_PTR)Va >= Range->Base && Index + Pages <= Range->BitMap.SizeOfBitMap);
    Reserved = MiReserveAtIndex(Range, Index, Pages);
    KfReleaseSpinLock(&Range->Lock, OldIrql);
    return Reserved;
}

// Reserves the last gap of Pages in a row. IRQL <= DISPATCH_LEVEL. Takes the range's lock. NULL if there is none.
PVOID MiReserveLastInRange(PMI_RANGE Range, ULONG Pages)
{
    KIRQL OldIrql = KfAcquireSpinLock(&Range->Lock);
    ULONG Index = MAXULONG;

    if (Pages != 0 && Pages <= Range->FreePages) {
        Index = Range->BitMap.SizeOfBitMap - Pages;
        while (Index != MAXULONG && !MiReserveAtIndex(Range, Index, Pages))
            Index--;
    }
    KfReleaseSpinLock(&Range->Lock, OldIrql);
    return Index == MAXULONG ? NULL : (PVOID)(Range->Base + Index * PAGE_SIZE);
}

// Releases what one of these gave. IRQL <= DISPATCH_LEVEL. Takes the range's lock.
VOID MiReleaseInRange(PMI_RANGE Range, PVOID Va, ULONG Pages)
{
    ULONG Index = ((ULONG_PTR)Va - Range->Base) >> PAGE_SHIFT;
    KIRQL OldIrql = KfAcquireSpinLock(&Range->Lock);

    ASSERT((ULONG_PTR)Va >= Range->Base && Index + Pages <= Range->BitMap.SizeOfBitMap);
    ASSERT(RtlAreBitsSet(&Range->BitMap, Index, Pages));
    RtlClearBits(&Range->BitMap, Index, Pages);
    Range->FreePages += Pages;
    if (Index < Range->Hint)
        Range->Hint = Index;
    KfReleaseSpinLock(&Range->Lock, OldIrql);
}
