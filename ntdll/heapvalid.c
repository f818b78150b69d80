// SPDX-License-Identifier: MIT
// Is a block, is a heap, what it should be? Callers' pointers are never trusted: a wrong one is reported and refused.

#include "heap.h"

static BOOLEAN RtlpComplain(PHEAP Heap, PVOID Memory, PCSTR Caller, PCSTR Why)
{
    DbgPrint("HEAP[%wZ]: %s: block %p of heap %p %s\n", &NtCurrentPeb()->ProcessParameters->ImagePathName, Caller,
             Memory, Heap, Why);
    return FALSE;
}

// The segment that holds the committed address, NULL if none does.
static PHEAP_SEGMENT RtlpSegmentOf(PHEAP Heap, PVOID Address)
{
    ULONG i;

    for (i = 0; i < Heap->SegmentCount; i++) {
        PHEAP_SEGMENT Segment = Heap->Segments[i];

        if ((PCHAR)Address >= (PCHAR)(Segment->FirstEntry + 1) && (PCHAR)Address < Segment->CommittedEnd)
            return Segment;
    }
    return NULL;
}

BOOLEAN RtlpIsBusyBlock(PHEAP Heap, PVOID Memory, PCSTR Caller)
{
    PHEAP_ENTRY Entry = RtlpEntryOf(Memory);
    PHEAP_SEGMENT Segment;

    if ((ULONG_PTR)Memory & (HEAP_GRANULE - 1))
        return RtlpComplain(Heap, Memory, Caller, "is not aligned");
    if (((ULONG_PTR)Memory & (PAGE_SIZE - 1)) == sizeof(HEAP_VIRTUAL_BLOCK) && RtlpIsVirtualBlock(Heap, Entry))
        return RtlpIsEntrySound(Heap, Entry) ? TRUE : RtlpComplain(Heap, Memory, Caller, "has a damaged header");
    Segment = RtlpSegmentOf(Heap, Memory);
    if (Segment == NULL)
        return RtlpComplain(Heap, Memory, Caller, "does not belong to it");
    if (!RtlpIsEntrySound(Heap, Entry))
        return RtlpComplain(Heap, Memory, Caller, "has a damaged header");
    if (!(Entry->Flags & HEAP_ENTRY_BUSY))
        return RtlpComplain(Heap, Memory, Caller, "is free already");
    if (Entry->SegmentIndex >= Heap->SegmentCount || Heap->Segments[Entry->SegmentIndex] != Segment)
        return RtlpComplain(Heap, Memory, Caller, "has a damaged header");
    return TRUE;
}

// Walks a segment block by block.
static BOOLEAN RtlpIsSegmentSound(PHEAP Heap, PHEAP_SEGMENT Segment, PULONG FreeBlocks)
{
    PHEAP_ENTRY Entry = Segment->FirstEntry;
    USHORT PreviousSize = 0;
    BOOLEAN PreviousFree = FALSE;

    while ((PCHAR)Entry < Segment->CommittedEnd) {
        BOOLEAN Free = !(Entry->Flags & HEAP_ENTRY_BUSY);

        if (!RtlpIsEntrySound(Heap, Entry) || Entry->PreviousSize != PreviousSize || Entry->Size < HEAP_MINIMUM_BLOCK)
            return RtlpComplain(Heap, Entry + 1, "RtlValidateHeap", "has a damaged header");
        if (Free && PreviousFree && Entry->Size + PreviousSize <= HEAP_MAXIMUM_BLOCK)
            return RtlpComplain(Heap, Entry + 1, "RtlValidateHeap", "was not joined with its free neighbour");
        *FreeBlocks += Free;
        PreviousFree = Free;
        PreviousSize = Entry->Size;
        Entry = RtlpNextEntry(Entry);
    }
    return (PCHAR)Entry == Segment->CommittedEnd ? TRUE
                                                 : RtlpComplain(Heap, Entry + 1, "RtlValidateHeap", "crosses the end");
}

static BOOLEAN RtlpIsHeapSound(PHEAP Heap)
{
    ULONG FreeBlocks = 0, Listed = 0, i;
    PLIST_ENTRY Links;

    for (i = 0; i < Heap->SegmentCount; i++) {
        if (!RtlpIsSegmentSound(Heap, Heap->Segments[i], &FreeBlocks))
            return FALSE;
    }
    for (i = 0; i < HEAP_LISTS; i++) {
        for (Links = Heap->FreeLists[i].Flink; Links != &Heap->FreeLists[i]; Links = Links->Flink) {
            if (++Listed > FreeBlocks)
                return RtlpComplain(Heap, Links, "RtlValidateHeap", "is on a free list more than once");
        }
    }
    return Listed == FreeBlocks ? TRUE : RtlpComplain(Heap, Heap, "RtlValidateHeap", "is missing from the free lists");
}

// Checks one block (a busy one), or with Memory NULL the whole heap. Never raises.
BOOLEAN NTAPI RtlValidateHeap(PVOID HeapHandle, ULONG Flags, PVOID Memory)
{
    volatile BOOLEAN Sound = FALSE;

    if (!RtlpIsHeap(HeapHandle))
        return FALSE;
    RtlpAcquireHeap(HeapHandle, Flags);
    SEH_TRY
    {
        Sound = Memory == NULL ? RtlpIsHeapSound(HeapHandle) : RtlpIsBusyBlock(HeapHandle, Memory, "RtlValidateHeap");
    }
    SEH_EXCEPT
    {
        Sound = FALSE;
    }
    SEH_END
    RtlpReleaseHeap(HeapHandle, Flags);
    return Sound;
}
