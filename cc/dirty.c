// SPDX-License-Identifier: MIT
// How much waits to be written, page by page: the bits in views and slots, their counts for each file and for all. A
// flush takes the bits of its range first and gives them back if it fails.

#include "ccp.h"

volatile ULONG CcTotalDirtyPages; // of files that the lazy writer writes

// Pages more (or less) of a file are dirty. <= DISPATCH_LEVEL.
VOID CcpCountDirty(PSHARED_CACHE_MAP Map, LONG Pages)
{
    if (Pages == 0)
        return;
    if (InterlockedExchangeAdd(&Map->DirtyPages, Pages) == 0)
        Map->DirtySince = KeTickCount.LowPart;
    if (Map->Flags & SHARED_CACHE_MAP_NO_WRITE)
        return;
    InterlockedExchangeAdd((volatile LONG *)&CcTotalDirtyPages, Pages);
    if (Pages > 0)
        CcpStartLazyWriter();
}

// Sets bits of a view in use. <= APC_LEVEL.
VOID CcpSetDirtyBits(PVACB Vacb, ULONG Word, LONG Bits)
{
    LONG New = Bits & ~InterlockedOr(&Vacb->Dirty[Word], Bits);

    CcpCountDirty(Vacb->SharedCacheMap, __builtin_popcountl((ULONG)New));
}

// Where a slot's bits are. CcpVacbLock held.
static volatile LONG *CcpDirtyWords(PCC_SLOT Slot)
{
    return Slot->Vacb != NULL ? Slot->Vacb->Dirty : Slot->Dirty;
}

// The lowest Count bits of Bits.
static LONG CcpLowestBits(LONG Bits, ULONG Count)
{
    while ((ULONG)__builtin_popcountl((ULONG)Bits) > Count)
        Bits &= ~(LONG)(0x80000000ul >> __builtin_clzl((ULONG)Bits));
    return Bits;
}

// Takes the first dirty bits, Limit at most, of slot Index that lie in [Start, End) of the file. Taken: CC_DIRTY_WORDS
// words. Returns how many.
ULONG CcpTakeDirty(PSHARED_CACHE_MAP Map, ULONG Index, ULONGLONG Start, ULONGLONG End, ULONG Limit, PLONG Taken)
{
    ULONGLONG Base = (ULONGLONG)Index << VACB_OFFSET_SHIFT;
    ULONG First = Start > Base ? (ULONG)(Start - Base) >> PAGE_SHIFT : 0;
    ULONG Last = End < Base + VACB_MAPPING_GRANULARITY ? (ULONG)(End - Base - 1) >> PAGE_SHIFT : VACB_PAGES - 1;
    ULONG Count = 0;
    KIRQL OldIrql = KfAcquireSpinLock(&CcpVacbLock);
    volatile LONG *Words = CcpDirtyWords(&Map->Slots[Index]);

    for (ULONG Word = 0; Word < CC_DIRTY_WORDS; Word++) {
        LONG Bits = Word >= First / 32 && Word <= Last / 32 ? CcpDirtyBits(Word, First, Last) : 0;

        Bits = CcpLowestBits(Words[Word] & Bits, Limit - Count);
        Taken[Word] = Bits != 0 ? InterlockedAnd(&Words[Word], ~Bits) & Bits : 0;
        Count += (ULONG)__builtin_popcountl((ULONG)Taken[Word]);
    }
    KfReleaseSpinLock(&CcpVacbLock, OldIrql);
    CcpCountDirty(Map, -(LONG)Count);
    return Count;
}

// The pages could not be written: they are dirty as before.
VOID CcpGiveDirtyBack(PSHARED_CACHE_MAP Map, ULONG Index, const LONG *Taken)
{
    ULONG Count = 0;
    KIRQL OldIrql = KfAcquireSpinLock(&CcpVacbLock);
    volatile LONG *Words = CcpDirtyWords(&Map->Slots[Index]);

    for (ULONG Word = 0; Word < CC_DIRTY_WORDS; Word++)
        Count += (ULONG)__builtin_popcountl((ULONG)(Taken[Word] & ~InterlockedOr(&Words[Word], Taken[Word])));
    KfReleaseSpinLock(&CcpVacbLock, OldIrql);
    CcpCountDirty(Map, (LONG)Count);
}

// What is dirty in [Start, End) will never be written: it was purged. Whole pages only.
VOID CcpForgetDirty(PSHARED_CACHE_MAP Map, ULONGLONG Start, ULONGLONG End)
{
    LONG Taken[CC_DIRTY_WORDS];

    Start = (Start + PAGE_SIZE - 1) & ~(ULONGLONG)(PAGE_SIZE - 1);
    for (ULONG Index = (ULONG)(Start >> VACB_OFFSET_SHIFT);
         Map->DirtyPages != 0 && Index < Map->SlotCount && (ULONGLONG)Index << VACB_OFFSET_SHIFT < End; Index++)
        CcpTakeDirty(Map, Index, Start, End, MAXULONG, Taken);
}
