// SPDX-License-Identifier: MIT
// The heap's calls: allocate, free, resize, measure; and making and destroying heaps. The structures are drawn in
// heap.h. Source: SDK documentation (HeapAlloc and its family), the published Native API.

#include "heap.h"

#define MINIMUM_RESERVE 0x10000
#define MAXIMUM_REQUEST 0x7FFF0000
#define HEAP_PLACES 32u // as in Windows: Windows Internals, "Heap Randomization"
#define HEAP_PLACE 0x10000u

BOOLEAN RtlpIsHeap(PVOID Heap)
{
    return Heap != NULL && ((PHEAP)Heap)->Segment.Signature == HEAP_SIGNATURE && ((PHEAP)Heap)->Segment.Heap == Heap;
}

VOID RtlpAcquireHeap(PHEAP Heap, ULONG Flags)
{
    if (!((Heap->Flags | Flags) & HEAP_NO_SERIALIZE))
        RtlEnterCriticalSection(&Heap->Lock);
}

VOID RtlpReleaseHeap(PHEAP Heap, ULONG Flags)
{
    if (!((Heap->Flags | Flags) & HEAP_NO_SERIALIZE))
        RtlLeaveCriticalSection(&Heap->Lock);
}

BOOLEAN NTAPI RtlLockHeap(PVOID Heap)
{
    if (!RtlpIsHeap(Heap))
        return FALSE;
    RtlpAcquireHeap(Heap, 0);
    return TRUE;
}

BOOLEAN NTAPI RtlUnlockHeap(PVOID Heap)
{
    if (!RtlpIsHeap(Heap))
        return FALSE;
    RtlpReleaseHeap(Heap, 0);
    return TRUE;
}

// Granules for a request, its entry included.
static ULONG RtlpGranules(SIZE_T Size)
{
    ULONG Granules = (ULONG)((Size + sizeof(HEAP_ENTRY) + HEAP_GRANULE - 1) / HEAP_GRANULE);

    return max_of(Granules, (ULONG)HEAP_MINIMUM_BLOCK);
}

static VOID RtlpMarkBusy(PHEAP Heap, PHEAP_ENTRY Entry, SIZE_T Size)
{
    Entry->Flags = HEAP_ENTRY_BUSY;
    Entry->UnusedBytes = (UCHAR)(Entry->Size * HEAP_GRANULE - Size);
    RtlpSealEntry(Heap, Entry);
}

// The heap is locked.
static PVOID RtlpAllocateBlock(PHEAP Heap, SIZE_T Size)
{
    ULONG Granules = RtlpGranules(Size);
    PHEAP_ENTRY Entry = RtlpFindFreeBlock(Heap, Granules);

    if (Entry == NULL)
        Entry = RtlpGrowHeap(Heap, Granules);
    if (Entry == NULL)
        return NULL;
    Entry->Flags = HEAP_ENTRY_BUSY;
    RtlpTrimBlock(Heap, Entry, Granules);
    RtlpMarkBusy(Heap, Entry, Size);
    return Entry + 1;
}

// Allocates Size bytes, aligned to 8; 0 bytes give a block too. Without memory: NULL, or STATUS_NO_MEMORY is raised if
// the flags (the heap's or the call's) have HEAP_GENERATE_EXCEPTIONS.
PVOID NTAPI RtlAllocateHeap(PVOID HeapHandle, ULONG Flags, SIZE_T Size)
{
    PHEAP Heap = HeapHandle;
    PVOID Memory = NULL;

    RtlpAcquireHeap(Heap, Flags);
    if (Size <= (HEAP_MAXIMUM_BLOCK - 1) * HEAP_GRANULE)
        Memory = RtlpAllocateBlock(Heap, Size);
    else if (Size <= MAXIMUM_REQUEST && (Heap->Flags & HEAP_GROWABLE))
        Memory = RtlpAllocateVirtualBlock(Heap, Size);
    RtlpReleaseHeap(Heap, Flags);
    if (Memory == NULL && ((Heap->Flags | Flags) & HEAP_GENERATE_EXCEPTIONS))
        RtlRaiseStatus(STATUS_NO_MEMORY);
    if (Memory != NULL && (Flags & HEAP_ZERO_MEMORY) && !(RtlpEntryOf(Memory)->Flags & HEAP_ENTRY_VIRTUAL))
        memset(Memory, 0, Size);
    return Memory;
}

// Frees a block. FALSE, and a line in the log, for one that is not a busy block of this heap; NULL is no error.
BOOLEAN NTAPI RtlFreeHeap(PVOID HeapHandle, ULONG Flags, PVOID Memory)
{
    PHEAP Heap = HeapHandle;
    PHEAP_ENTRY Entry = RtlpEntryOf(Memory);
    BOOLEAN Busy;

    if (Memory == NULL)
        return TRUE;
    RtlpAcquireHeap(Heap, Flags);
    Busy = RtlpIsBusyBlock(Heap, Memory, "RtlFreeHeap");
    if (Busy && (Entry->Flags & HEAP_ENTRY_VIRTUAL))
        RtlpFreeVirtualBlock(Heap, Entry);
    else if (Busy)
        RtlpReleaseBlock(Heap, Entry);
    RtlpReleaseHeap(Heap, Flags);
    if (!Busy)
        RtlSetLastWin32ErrorAndNtStatusFromNtStatus(STATUS_INVALID_PARAMETER);
    return Busy;
}

// What the caller asked for; (SIZE_T)-1 for a pointer that is no busy block.
SIZE_T NTAPI RtlSizeHeap(PVOID HeapHandle, ULONG Flags, PVOID Memory)
{
    PHEAP Heap = HeapHandle;
    SIZE_T Size = (SIZE_T)-1;

    RtlpAcquireHeap(Heap, Flags);
    if (RtlpIsBusyBlock(Heap, Memory, "RtlSizeHeap"))
        Size = RtlpBlockSize(RtlpEntryOf(Memory));
    RtlpReleaseHeap(Heap, Flags);
    return Size;
}

// Resizes where the block lies, using a free neighbour above it. FALSE if there is not enough room. The heap is locked.
static BOOLEAN RtlpResizeInPlace(PHEAP Heap, PHEAP_ENTRY Entry, SIZE_T Size)
{
    PHEAP_SEGMENT Segment = Heap->Segments[Entry->SegmentIndex];
    PHEAP_ENTRY Next = RtlpNextEntry(Entry);
    ULONG Granules = RtlpGranules(Size);

    if (Granules > HEAP_MAXIMUM_BLOCK)
        return FALSE;
    if (Granules > Entry->Size) {
        if ((PCHAR)Next >= Segment->CommittedEnd || (Next->Flags & HEAP_ENTRY_BUSY) ||
            Entry->Size + Next->Size < Granules || Entry->Size + Next->Size > HEAP_MAXIMUM_BLOCK)
            return FALSE;
        RtlpRemoveFreeBlock(Heap, Next);
        Entry->Size += Next->Size;
        Next = RtlpNextEntry(Entry);
        if ((PCHAR)Next >= Segment->CommittedEnd) {
            Segment->LastEntry = Entry;
        } else {
            Next->PreviousSize = Entry->Size;
            RtlpSealEntry(Heap, Next);
        }
    }
    RtlpTrimBlock(Heap, Entry, Granules);
    RtlpMarkBusy(Heap, Entry, Size);
    return TRUE;
}

static BOOLEAN RtlpResizeVirtualBlock(PHEAP Heap, PHEAP_ENTRY Entry, SIZE_T Size)
{
    PHEAP_VIRTUAL_BLOCK Block = RtlpVirtualBlockOf(Entry);

    if (Size > Block->CommitSize - sizeof(*Block) || Size < Block->CommitSize / 2)
        return FALSE; // too large, or so small that moving pays
    Block->Size = Size;
    Block->Entry.Size = (USHORT)min_of(Block->CommitSize - Size, (SIZE_T)MAXUSHORT);
    RtlpSealEntry(Heap, Entry);
    return TRUE;
}

static PVOID RtlpMoveBlock(PHEAP Heap, ULONG Flags, PVOID Memory, SIZE_T OldSize, SIZE_T Size)
{
    PVOID Moved = RtlAllocateHeap(Heap, Flags & ~(HEAP_ZERO_MEMORY | HEAP_GENERATE_EXCEPTIONS), Size);

    if (Moved == NULL)
        return NULL;
    memcpy(Moved, Memory, min_of(OldSize, Size));
    RtlFreeHeap(Heap, Flags, Memory);
    return Moved;
}

// Changes a block's size, moving it if it must (and may: HEAP_REALLOC_IN_PLACE_ONLY). On failure NULL (or an exception,
// see RtlAllocateHeap) and the block is as it was.
PVOID NTAPI RtlReAllocateHeap(PVOID HeapHandle, ULONG Flags, PVOID Memory, SIZE_T Size)
{
    PHEAP Heap = HeapHandle;
    PHEAP_ENTRY Entry = RtlpEntryOf(Memory);
    SIZE_T OldSize;
    PVOID Result = NULL;
    BOOLEAN InPlace;

    if (Memory == NULL) {
        RtlSetLastWin32ErrorAndNtStatusFromNtStatus(STATUS_INVALID_PARAMETER);
        return NULL;
    }
    RtlpAcquireHeap(Heap, Flags);
    if (!RtlpIsBusyBlock(Heap, Memory, "RtlReAllocateHeap")) {
        RtlpReleaseHeap(Heap, Flags);
        RtlSetLastWin32ErrorAndNtStatusFromNtStatus(STATUS_INVALID_PARAMETER);
        return NULL;
    }
    OldSize = RtlpBlockSize(Entry);
    if (Size <= MAXIMUM_REQUEST) {
        InPlace = (Entry->Flags & HEAP_ENTRY_VIRTUAL) ? RtlpResizeVirtualBlock(Heap, Entry, Size)
                                                      : RtlpResizeInPlace(Heap, Entry, Size);
        if (InPlace)
            Result = Memory;
        else if (!(Flags & HEAP_REALLOC_IN_PLACE_ONLY))
            Result = RtlpMoveBlock(Heap, Flags, Memory, OldSize, Size);
    }
    if (Result != NULL && (Flags & HEAP_ZERO_MEMORY) && Size > OldSize)
        memset((PCHAR)Result + OldSize, 0, Size - OldSize);
    RtlpReleaseHeap(Heap, Flags);
    if (Result == NULL && ((Heap->Flags | Flags) & HEAP_GENERATE_EXCEPTIONS))
        RtlRaiseStatus(STATUS_NO_MEMORY);
    return Result;
}

static VOID RtlpInitializeHeap(PHEAP Heap, ULONG Flags)
{
    ULONG i;

    Heap->Flags = Flags & (HEAP_NO_SERIALIZE | HEAP_GROWABLE | HEAP_GENERATE_EXCEPTIONS);
    Heap->Key = (UCHAR)((ULONG_PTR)RtlEncodePointer(Heap) >> 12) | 1;
    Heap->NextReserve = max_of(NtCurrentPeb()->HeapSegmentReserve, (SIZE_T)MINIMUM_RESERVE);
    IGNORE_STATUS(RtlInitializeCriticalSection(&Heap->Lock));
    InitializeListHead(&Heap->VirtualBlocks);
    for (i = 0; i < HEAP_LISTS; i++)
        InitializeListHead(&Heap->FreeLists[i]);
}

// Address space for a heap, at a random distance from what was reserved last: the piece in front is given back. NULL.
static PVOID RtlpReserveHeap(SIZE_T Reserve)
{
    SIZE_T Gap = RtlpLayoutNumber(NtCurrentPeb()) % HEAP_PLACES * HEAP_PLACE, Size = Reserve + Gap;
    PVOID Memory = NULL, Start;

    if (!NT_SUCCESS(NtAllocateVirtualMemory(NtCurrentProcess(), &Memory, 0, &Size, MEM_RESERVE, PAGE_READWRITE))) {
        Gap = 0;
        if (!NT_SUCCESS(NtAllocateVirtualMemory(NtCurrentProcess(), &Memory, 0, &Reserve, MEM_RESERVE, PAGE_READWRITE)))
            return NULL;
    }
    Start = Memory;
    if (Gap != 0)
        IGNORE_STATUS(NtFreeVirtualMemory(NtCurrentProcess(), &Start, &Gap, MEM_RELEASE));
    return (PCHAR)Memory + Gap;
}

// Makes a heap of Reserve bytes of address space, Commit of them usable at once (0: defaults). With HEAP_GROWABLE it
// may grow beyond. A heap in memory of the caller's (Base) or with a lock of the caller's is not offered. NULL on
// failure.
PVOID NTAPI RtlCreateHeap(ULONG Flags, PVOID Base, SIZE_T Reserve, SIZE_T Commit, PVOID Lock, PVOID Parameters)
{
    PHEAP Heap = NULL;
    PVOID Memory = NULL;

    UNREFERENCED_PARAMETER(Parameters);
    if (Base != NULL || Lock != NULL || Reserve > MAXIMUM_REQUEST || Commit > MAXIMUM_REQUEST)
        return NULL;
    Commit = ROUND_TO_PAGES(max_of(Commit, sizeof(HEAP) + PAGE_SIZE));
    Commit = min_of(Commit, (SIZE_T)HEAP_MAXIMUM_BLOCK * HEAP_GRANULE); // the first block's size field
    if (Reserve == 0)
        Reserve = NtCurrentPeb()->HeapSegmentReserve;
    Reserve = ALIGN_UP_BY(max_of(Reserve, Commit), MINIMUM_RESERVE);
    Memory = RtlpReserveHeap(Reserve);
    if (Memory == NULL)
        return NULL;
    if (!NT_SUCCESS(NtAllocateVirtualMemory(NtCurrentProcess(), &Memory, 0, &Commit, MEM_COMMIT, PAGE_READWRITE))) {
        RtlpReleaseMemory(Memory);
        return NULL;
    }
    Heap = Memory;
    RtlpInitializeHeap(Heap, Flags);
    if (!RtlpInitializeSegment(Heap, &Heap->Segment, sizeof(HEAP), Commit, Reserve) || !RtlpAddHeap(Heap)) {
        RtlpReleaseMemory(Memory);
        return NULL;
    }
    return Heap;
}

// Gives back all of a heap's memory. Returns NULL, or the heap if it is none or the process heap.
PVOID NTAPI RtlDestroyHeap(PVOID HeapHandle)
{
    PHEAP Heap = HeapHandle;
    ULONG i;

    if (!RtlpIsHeap(Heap) || Heap == RtlProcessHeap())
        return HeapHandle;
    RtlpRemoveHeap(Heap);
    RtlDeleteCriticalSection(&Heap->Lock);
    while (!IsListEmpty(&Heap->VirtualBlocks))
        RtlpReleaseMemory(RemoveHeadList(&Heap->VirtualBlocks));
    for (i = Heap->SegmentCount; i-- > 1;)
        RtlpReleaseMemory(Heap->Segments[i]);
    Heap->Segment.Signature = 0;
    RtlpReleaseMemory(Heap);
    return NULL;
}

// Free blocks are joined as they are freed; there is nothing left to do but measure. Returns the largest free block.
SIZE_T NTAPI RtlCompactHeap(PVOID HeapHandle, ULONG Flags)
{
    PHEAP Heap = HeapHandle;
    SIZE_T Largest = 0;
    PLIST_ENTRY Links;
    ULONG i;

    RtlpAcquireHeap(Heap, Flags);
    for (i = 0; i < HEAP_LISTS; i++) {
        for (Links = Heap->FreeLists[i].Flink; Links != &Heap->FreeLists[i]; Links = Links->Flink)
            Largest = max_of(Largest, (SIZE_T)((PHEAP_ENTRY)Links - 1)->Size * HEAP_GRANULE);
    }
    RtlpReleaseHeap(Heap, Flags);
    return Largest;
}
