// SPDX-License-Identifier: MIT
// Heap blocks too large for a segment: address space of their own, linked to the heap. Their bytes are zero when fresh.

#include "heap.h"

PVOID RtlpAllocateVirtualBlock(PHEAP Heap, SIZE_T Size)
{
    PHEAP_VIRTUAL_BLOCK Block = NULL;
    SIZE_T Commit = ROUND_TO_PAGES(Size + sizeof(*Block));
    PVOID Base = NULL;

    if (Commit < Size)
        return NULL;
    if (!NT_SUCCESS(
            NtAllocateVirtualMemory(NtCurrentProcess(), &Base, 0, &Commit, MEM_RESERVE | MEM_COMMIT, PAGE_READWRITE)))
        return NULL;
    Block = Base;
    Block->CommitSize = Commit;
    Block->Size = Size;
    Block->Entry.Size = (USHORT)(Commit - Size);
    Block->Entry.Flags = HEAP_ENTRY_BUSY | HEAP_ENTRY_VIRTUAL;
    Block->Entry.SegmentIndex = HEAP_VIRTUAL_SEGMENT;
    RtlpSealEntry(Heap, &Block->Entry);
    InsertTailList(&Heap->VirtualBlocks, &Block->Links);
    return Block + 1;
}

VOID RtlpFreeVirtualBlock(PHEAP Heap, PHEAP_ENTRY Entry)
{
    PHEAP_VIRTUAL_BLOCK Block = RtlpVirtualBlockOf(Entry);

    UNREFERENCED_PARAMETER(Heap);
    RemoveEntryList(&Block->Links);
    RtlpReleaseMemory(Block);
}

// Is Entry one of the heap's large blocks?
BOOLEAN RtlpIsVirtualBlock(PHEAP Heap, PHEAP_ENTRY Entry)
{
    PLIST_ENTRY Links;

    for (Links = Heap->VirtualBlocks.Flink; Links != &Heap->VirtualBlocks; Links = Links->Flink) {
        if (&CONTAINING_RECORD(Links, HEAP_VIRTUAL_BLOCK, Links)->Entry == Entry)
            return TRUE;
    }
    return FALSE;
}
