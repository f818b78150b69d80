// SPDX-License-Identifier: MIT
// A heap: segments of reserved address space, committed from their lower end as needed, cut into blocks without gaps.
//
//   segment:  | SEGMENT | block | block | free block | block |  not committed yet ...
//             ^Base                                          ^CommittedEnd          ^ReservedEnd
//   block:    | ENTRY (8 bytes) | the caller's bytes, or the free-list links |
//
// Invariants, checked by RtlValidateHeap: an entry's PreviousSize is its lower neighbour's Size; two free blocks are
// never neighbours; every free block is on the list of its size; every entry's Check is right. A wrong Check is how a
// caller's overrun or double free is noticed.

#ifndef MICA_NTDLL_HEAP_H
#define MICA_NTDLL_HEAP_H

#include "ntdllp.h"

#define HEAP_GRANULE 8                    // sizes in entries count granules
#define HEAP_MAXIMUM_BLOCK 0xFE00         // granules; larger requests get address space of their own
#define HEAP_MINIMUM_BLOCK 2              // an entry and the free-list links
#define HEAP_EXACT_LISTS 128              // a list for each size below this
#define HEAP_LISTS (HEAP_EXACT_LISTS + 9) // and one for each power of two above
#define HEAP_MAXIMUM_SEGMENTS 64
#define HEAP_SIGNATURE 0xEEFFEEFF
#define HEAP_DECOMMIT_THRESHOLD 0x10000 // a free end of a segment beyond this goes back to the system
#define HEAP_COMMIT_STEP 0x4000
#define HEAP_VIRTUAL_SEGMENT 0xFF // SegmentIndex of a block with address space of its own

#define HEAP_ENTRY_BUSY 0x01
#define HEAP_ENTRY_VIRTUAL 0x02

typedef struct _HEAP_ENTRY {
    USHORT Size;         // granules, this entry included; for a virtual block its unused bytes
    USHORT PreviousSize; // of the lower neighbour; 0 for the first
    UCHAR Check;         // makes the exclusive or of all eight bytes and the heap's key zero
    UCHAR Flags;         // HEAP_ENTRY_*
    UCHAR UnusedBytes;   // of a busy block: Size * 8 - what the caller asked for
    UCHAR SegmentIndex;
} HEAP_ENTRY, *PHEAP_ENTRY;
C_ASSERT_SIZE(HEAP_ENTRY, 8);

typedef struct _HEAP_SEGMENT {
    ULONG Signature;
    struct _HEAP *Heap;
    PCHAR Base;
    PHEAP_ENTRY FirstEntry;
    PCHAR CommittedEnd;
    PCHAR ReservedEnd;
    PHEAP_ENTRY LastEntry; // the block that ends at CommittedEnd; NULL while there is none
    ULONG Reserved;
} HEAP_SEGMENT, *PHEAP_SEGMENT;

typedef struct _HEAP_VIRTUAL_BLOCK {
    LIST_ENTRY Links;
    SIZE_T CommitSize;
    SIZE_T Size; // what the caller asked for
    ULONG Reserved[2];
    HEAP_ENTRY Entry; // directly before the caller's bytes
} HEAP_VIRTUAL_BLOCK, *PHEAP_VIRTUAL_BLOCK;
C_ASSERT_SIZE(HEAP_VIRTUAL_BLOCK, 32);

typedef struct _HEAP {
    HEAP_SEGMENT Segment; // the first; the heap lies in its own first segment
    ULONG Flags;          // HEAP_*
    UCHAR Key;
    ULONG SegmentCount;
    SIZE_T NextReserve; // for the next segment
    SIZE_T FreeBytes;
    RTL_CRITICAL_SECTION Lock;
    PHEAP_SEGMENT Segments[HEAP_MAXIMUM_SEGMENTS];
    LIST_ENTRY VirtualBlocks;
    ULONG ListsInUse[(HEAP_LISTS + 31) / 32]; // bitmap of FreeLists that are not empty
    LIST_ENTRY FreeLists[HEAP_LISTS];
} HEAP, *PHEAP;

FORCEINLINE PHEAP_ENTRY RtlpEntryOf(PVOID Memory)
{
    return (PHEAP_ENTRY)Memory - 1;
}
FORCEINLINE PLIST_ENTRY RtlpLinksOf(PHEAP_ENTRY Entry)
{
    return (PLIST_ENTRY)(Entry + 1);
}
FORCEINLINE PHEAP_ENTRY RtlpNextEntry(PHEAP_ENTRY Entry)
{
    return Entry + Entry->Size;
}
FORCEINLINE PHEAP_ENTRY RtlpPreviousEntry(PHEAP_ENTRY Entry)
{
    return Entry - Entry->PreviousSize;
}
FORCEINLINE UCHAR RtlpEntrySum(const HEAP_ENTRY *Entry)
{
    const ULONG *Words = (const ULONG *)Entry;
    ULONG Sum = Words[0] ^ Words[1];

    Sum ^= Sum >> 16;
    return (UCHAR)(Sum ^ (Sum >> 8));
}
FORCEINLINE VOID RtlpSealEntry(PHEAP Heap, PHEAP_ENTRY Entry)
{
    Entry->Check = 0;
    Entry->Check = RtlpEntrySum(Entry) ^ Heap->Key;
}
FORCEINLINE BOOLEAN RtlpIsEntrySound(PHEAP Heap, PHEAP_ENTRY Entry)
{
    return RtlpEntrySum(Entry) == Heap->Key;
}

// heapfree.c: the free blocks. The heap is locked.
VOID RtlpInsertFreeBlock(PHEAP Heap, PHEAP_ENTRY Entry);
VOID RtlpRemoveFreeBlock(PHEAP Heap, PHEAP_ENTRY Entry);
PHEAP_ENTRY RtlpFindFreeBlock(PHEAP Heap, ULONG Size);
// Turns a block of Size granules at Entry into a free one, joined with its free neighbours; gives back what can be.
VOID RtlpReleaseBlock(PHEAP Heap, PHEAP_ENTRY Entry);
// Cuts a block that is on no list to Size granules; the rest becomes free.
VOID RtlpTrimBlock(PHEAP Heap, PHEAP_ENTRY Entry, ULONG Size);
DECLSPEC_NORETURN VOID RtlpHeapCorrupted(PHEAP Heap, PVOID Where);

// heapseg.c: segments. The heap is locked.
BOOLEAN RtlpInitializeSegment(PHEAP Heap, PHEAP_SEGMENT Segment, SIZE_T HeaderSize, SIZE_T Commit, SIZE_T Reserve);
PHEAP_ENTRY RtlpGrowHeap(PHEAP Heap, ULONG Size); // a free block of at least Size granules, on no list; NULL
VOID RtlpDecommitEnd(PHEAP_SEGMENT Segment, PHEAP_ENTRY Entry);
VOID RtlpReleaseMemory(PVOID Base);

// heapbig.c: blocks with address space of their own. The heap is locked.
PVOID RtlpAllocateVirtualBlock(PHEAP Heap, SIZE_T Size);
VOID RtlpFreeVirtualBlock(PHEAP Heap, PHEAP_ENTRY Entry);
BOOLEAN RtlpIsVirtualBlock(PHEAP Heap, PHEAP_ENTRY Entry);

// heap.c
VOID RtlpAcquireHeap(PHEAP Heap, ULONG Flags);
VOID RtlpReleaseHeap(PHEAP Heap, ULONG Flags);
BOOLEAN RtlpIsHeap(PVOID Heap);
// heapvalid.c: a busy block of this heap? Damaged entries are reported in the log. The heap is locked.
BOOLEAN RtlpIsBusyBlock(PHEAP Heap, PVOID Memory, PCSTR Caller);

FORCEINLINE PHEAP_VIRTUAL_BLOCK RtlpVirtualBlockOf(PHEAP_ENTRY Entry)
{
    return CONTAINING_RECORD(Entry, HEAP_VIRTUAL_BLOCK, Entry);
}
FORCEINLINE SIZE_T RtlpBlockSize(PHEAP_ENTRY Entry)
{
    if (Entry->Flags & HEAP_ENTRY_VIRTUAL)
        return RtlpVirtualBlockOf(Entry)->Size;
    return Entry->Size * HEAP_GRANULE - Entry->UnusedBytes;
}

#endif
