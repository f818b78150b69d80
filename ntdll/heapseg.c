// SPDX-License-Identifier: MIT
// A heap's segments: address space that is committed upwards as the heap grows and decommitted from the end when a
// large part there is free.

#include "heap.h"

VOID RtlpReleaseMemory(PVOID Base)
{
    SIZE_T Size = 0;

    IGNORE_STATUS(NtFreeVirtualMemory(NtCurrentProcess(), &Base, &Size, MEM_RELEASE));
}

// Makes one block of the committed bytes from At to the segment's end, joined with a free block below it if that fits.
// The block is on no list.
static PHEAP_ENTRY RtlpMakeEndBlock(PHEAP Heap, PHEAP_SEGMENT Segment, UCHAR Index, PCHAR At)
{
    PHEAP_ENTRY Entry = (PHEAP_ENTRY)At, Below = Segment->LastEntry;
    ULONG Size = (ULONG)(Segment->CommittedEnd - At) / HEAP_GRANULE;

    if (Below != NULL && !(Below->Flags & HEAP_ENTRY_BUSY) && Below->Size + Size <= HEAP_MAXIMUM_BLOCK) {
        RtlpRemoveFreeBlock(Heap, Below);
        Below->Size += (USHORT)Size;
        Entry = Below;
    } else {
        Entry->Size = (USHORT)Size;
        Entry->PreviousSize = Below == NULL ? 0 : Below->Size;
        Entry->SegmentIndex = Index;
    }
    Entry->Flags = HEAP_ENTRY_BUSY;
    Segment->LastEntry = Entry;
    return Entry;
}

static BOOLEAN RtlpCommit(PHEAP_SEGMENT Segment, SIZE_T Bytes)
{
    PVOID At = Segment->CommittedEnd;

    if (!NT_SUCCESS(NtAllocateVirtualMemory(NtCurrentProcess(), &At, 0, &Bytes, MEM_COMMIT, PAGE_READWRITE)))
        return FALSE;
    Segment->CommittedEnd += Bytes;
    return TRUE;
}

// Describes a segment whose first Commit bytes are committed; what is behind the header becomes a free block.
// FALSE if there are too many segments.
BOOLEAN RtlpInitializeSegment(PHEAP Heap, PHEAP_SEGMENT Segment, SIZE_T HeaderSize, SIZE_T Commit, SIZE_T Reserve)
{
    ULONG Index = Heap->SegmentCount;
    PCHAR At;

    if (Index == HEAP_MAXIMUM_SEGMENTS)
        return FALSE;
    Segment->Signature = HEAP_SIGNATURE;
    Segment->Heap = Heap;
    Segment->Base = (PCHAR)Segment;
    Segment->FirstEntry = (PHEAP_ENTRY)(Segment->Base + ALIGN_UP_BY(HeaderSize, HEAP_GRANULE));
    Segment->CommittedEnd = Segment->Base + Commit;
    Segment->ReservedEnd = Segment->Base + Reserve;
    Segment->LastEntry = NULL;
    Heap->Segments[Index] = Segment;
    Heap->SegmentCount++;
    At = (PCHAR)Segment->FirstEntry;
    RtlpInsertFreeBlock(Heap, RtlpMakeEndBlock(Heap, Segment, (UCHAR)Index, At));
    return TRUE;
}

// Commits more at the end of a segment, so that its last block has Size granules.
static PHEAP_ENTRY RtlpGrowSegment(PHEAP Heap, ULONG Index, ULONG Size)
{
    PHEAP_SEGMENT Segment = Heap->Segments[Index];
    PHEAP_ENTRY Last = Segment->LastEntry;
    SIZE_T Need = (SIZE_T)Size * HEAP_GRANULE, Room = Segment->ReservedEnd - Segment->CommittedEnd;
    PCHAR At = Segment->CommittedEnd;

    if (Last != NULL && !(Last->Flags & HEAP_ENTRY_BUSY) && Last->Size < Size)
        Need -= Last->Size * HEAP_GRANULE;
    Need = ROUND_TO_PAGES(Need);
    if (Need > Room)
        return NULL;
    Need = min_of(max_of(Need, (SIZE_T)HEAP_COMMIT_STEP), Room);
    // A block must not outgrow its size field; the largest request plus the step still fits.
    if (!RtlpCommit(Segment, min_of(Need, (SIZE_T)HEAP_MAXIMUM_BLOCK * HEAP_GRANULE & ~(SIZE_T)(PAGE_SIZE - 1))))
        return NULL;
    Last = RtlpMakeEndBlock(Heap, Segment, (UCHAR)Index, At);
    if (Last->Size >= Size)
        return Last;
    RtlpInsertFreeBlock(Heap, Last); // could not be joined with the free block below
    return NULL;
}

// Reserves a new segment for a request of Size granules, and doubles the size of the next.
static BOOLEAN RtlpAddSegment(PHEAP Heap, ULONG Size)
{
    SIZE_T Need = ROUND_TO_PAGES(sizeof(HEAP_SEGMENT) + (SIZE_T)Size * HEAP_GRANULE + HEAP_COMMIT_STEP);
    SIZE_T Reserve = max_of(Heap->NextReserve, Need), Commit = PAGE_SIZE;
    PVOID Base = NULL;

    if (Heap->SegmentCount == HEAP_MAXIMUM_SEGMENTS)
        return FALSE;
    while (!NT_SUCCESS(NtAllocateVirtualMemory(NtCurrentProcess(), &Base, 0, &Reserve, MEM_RESERVE, PAGE_READWRITE))) {
        if (Reserve / 2 < Need)
            return FALSE;
        Reserve /= 2;
    }
    if (!NT_SUCCESS(NtAllocateVirtualMemory(NtCurrentProcess(), &Base, 0, &Commit, MEM_COMMIT, PAGE_READWRITE))) {
        RtlpReleaseMemory(Base);
        return FALSE;
    }
    if (Heap->NextReserve < 0x4000000)
        Heap->NextReserve *= 2;
    return RtlpInitializeSegment(Heap, Base, sizeof(HEAP_SEGMENT), Commit, Reserve);
}

PHEAP_ENTRY RtlpGrowHeap(PHEAP Heap, ULONG Size)
{
    PHEAP_ENTRY Entry;
    ULONG i;

    for (i = 0; i < Heap->SegmentCount; i++) {
        Entry = RtlpGrowSegment(Heap, i, Size);
        if (Entry != NULL)
            return Entry;
    }
    if (!(Heap->Flags & HEAP_GROWABLE) || !RtlpAddSegment(Heap, Size))
        return NULL;
    return RtlpGrowSegment(Heap, Heap->SegmentCount - 1, Size);
}

// Entry is the free block (on no list) at the segment's end: keeps its first page or so and gives the rest back.
VOID RtlpDecommitEnd(PHEAP_SEGMENT Segment, PHEAP_ENTRY Entry)
{
    PVOID From = (PVOID)ROUND_TO_PAGES((ULONG_PTR)Entry + HEAP_MINIMUM_BLOCK * HEAP_GRANULE);
    SIZE_T Bytes = Segment->CommittedEnd - (PCHAR)From;

    if (!NT_SUCCESS(NtFreeVirtualMemory(NtCurrentProcess(), &From, &Bytes, MEM_DECOMMIT)))
        return;
    Segment->CommittedEnd = From;
    Entry->Size = (USHORT)((Segment->CommittedEnd - (PCHAR)Entry) / HEAP_GRANULE);
}
