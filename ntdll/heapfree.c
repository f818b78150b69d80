// SPDX-License-Identifier: MIT
// A heap's free blocks: a list for each small size, a list for each power of two above, and a bitmap that says which
// lists have anything. Freeing joins neighbours, so that two free blocks never touch.

#include "heap.h"

// Something in the heap's own structures is wrong: going on would spread it.
DECLSPEC_NORETURN VOID RtlpHeapCorrupted(PHEAP Heap, PVOID Where)
{
    DbgPrint("HEAP: heap %p is corrupt at %p\n", Heap, Where);
    RtlRaiseStatus(STATUS_HEAP_CORRUPTION);
}

static ULONG RtlpListIndex(ULONG Size)
{
    if (Size < HEAP_EXACT_LISTS)
        return Size;
    return HEAP_EXACT_LISTS + (31 - __builtin_clz(Size)) - 7; // 128 = 2^7 opens the first power-of-two list
}

VOID RtlpInsertFreeBlock(PHEAP Heap, PHEAP_ENTRY Entry)
{
    ULONG Index = RtlpListIndex(Entry->Size);

    Entry->Flags = 0;
    Entry->UnusedBytes = 0;
    RtlpSealEntry(Heap, Entry);
    InsertHeadList(&Heap->FreeLists[Index], RtlpLinksOf(Entry));
    Heap->ListsInUse[Index / 32] |= 1ul << (Index % 32);
    Heap->FreeBytes += Entry->Size * HEAP_GRANULE;
}

VOID RtlpRemoveFreeBlock(PHEAP Heap, PHEAP_ENTRY Entry)
{
    PLIST_ENTRY Links = RtlpLinksOf(Entry);
    ULONG Index = RtlpListIndex(Entry->Size);

    if (!RtlpIsEntrySound(Heap, Entry) || Links->Flink->Blink != Links || Links->Blink->Flink != Links)
        RtlpHeapCorrupted(Heap, Entry);
    RemoveEntryList(Links);
    if (IsListEmpty(&Heap->FreeLists[Index]))
        Heap->ListsInUse[Index / 32] &= ~(1ul << (Index % 32));
    Heap->FreeBytes -= Entry->Size * HEAP_GRANULE;
}

// The first list at or above Index that has anything; HEAP_LISTS if none.
static ULONG RtlpNextList(PHEAP Heap, ULONG Index)
{
    ULONG Word = Index / 32, Bits;

    if (Index >= HEAP_LISTS)
        return HEAP_LISTS;
    Bits = Heap->ListsInUse[Word] & (MAXULONG << (Index % 32));
    while (Bits == 0 && ++Word < RTL_NUMBER_OF(Heap->ListsInUse))
        Bits = Heap->ListsInUse[Word];
    return Bits == 0 ? HEAP_LISTS : Word * 32 + __builtin_ctz(Bits);
}

// Takes a free block of at least Size granules off its list; NULL if there is none. On a power-of-two list the first
// block that fits is taken; every block on a higher list fits.
PHEAP_ENTRY RtlpFindFreeBlock(PHEAP Heap, ULONG Size)
{
    ULONG Index = RtlpListIndex(Size);
    PLIST_ENTRY Links;
    PHEAP_ENTRY Entry;

    if (Index >= HEAP_EXACT_LISTS) {
        for (Links = Heap->FreeLists[Index].Flink; Links != &Heap->FreeLists[Index]; Links = Links->Flink) {
            Entry = (PHEAP_ENTRY)Links - 1;
            if (Entry->Size >= Size) {
                RtlpRemoveFreeBlock(Heap, Entry);
                return Entry;
            }
        }
        Index++;
    }
    Index = RtlpNextList(Heap, Index);
    if (Index == HEAP_LISTS)
        return NULL;
    Entry = (PHEAP_ENTRY)Heap->FreeLists[Index].Flink - 1;
    RtlpRemoveFreeBlock(Heap, Entry);
    return Entry;
}

// Tells the block above Entry, or the segment if there is none, how large Entry is now.
static VOID RtlpUpdateNeighbour(PHEAP Heap, PHEAP_SEGMENT Segment, PHEAP_ENTRY Entry)
{
    PHEAP_ENTRY Next = RtlpNextEntry(Entry);

    if ((PCHAR)Next >= Segment->CommittedEnd) {
        Segment->LastEntry = Entry;
        return;
    }
    Next->PreviousSize = Entry->Size;
    RtlpSealEntry(Heap, Next);
}

static BOOLEAN RtlpCanJoin(PHEAP_ENTRY Entry, PHEAP_ENTRY Neighbour)
{
    return !(Neighbour->Flags & HEAP_ENTRY_BUSY) && Entry->Size + Neighbour->Size <= HEAP_MAXIMUM_BLOCK;
}

// Joins a block that is on no list with a free one below it; returns the block that there is then.
static PHEAP_ENTRY RtlpJoinBelow(PHEAP Heap, PHEAP_ENTRY Entry)
{
    PHEAP_ENTRY Below = RtlpPreviousEntry(Entry);

    if (Entry->PreviousSize == 0 || !RtlpCanJoin(Entry, Below))
        return Entry;
    RtlpRemoveFreeBlock(Heap, Below);
    Below->Size += Entry->Size;
    return Below;
}

VOID RtlpReleaseBlock(PHEAP Heap, PHEAP_ENTRY Entry)
{
    PHEAP_SEGMENT Segment = Heap->Segments[Entry->SegmentIndex];
    PHEAP_ENTRY Above = RtlpNextEntry(Entry);

    if ((PCHAR)Above < Segment->CommittedEnd && RtlpCanJoin(Entry, Above)) {
        RtlpRemoveFreeBlock(Heap, Above);
        Entry->Size += Above->Size;
    }
    Entry = RtlpJoinBelow(Heap, Entry);
    if ((PCHAR)RtlpNextEntry(Entry) == Segment->CommittedEnd && Entry->Size * HEAP_GRANULE >= HEAP_DECOMMIT_THRESHOLD) {
        RtlpDecommitEnd(Segment, Entry);
        Entry = RtlpJoinBelow(Heap, Entry); // smaller now: it may fit
    }
    RtlpUpdateNeighbour(Heap, Segment, Entry);
    RtlpInsertFreeBlock(Heap, Entry);
}

VOID RtlpTrimBlock(PHEAP Heap, PHEAP_ENTRY Entry, ULONG Size)
{
    PHEAP_ENTRY Rest;

    if (Entry->Size - Size < HEAP_MINIMUM_BLOCK)
        return;
    Rest = Entry + Size;
    Rest->Size = Entry->Size - Size;
    Rest->PreviousSize = (USHORT)Size;
    Rest->Flags = HEAP_ENTRY_BUSY;
    Rest->SegmentIndex = Entry->SegmentIndex;
    Entry->Size = (USHORT)Size;
    RtlpReleaseBlock(Heap, Rest);
}
