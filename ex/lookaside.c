// SPDX-License-Identifier: MIT
// Lookaside lists: a stack of freed blocks of one size in front of the pool. Source: WDK, "Using Lookaside Lists".

#include "exp.h"

#define LOOKASIDE_DEFAULT_DEPTH 16

// Makes an empty list of blocks of Size bytes. Depth 0: the default. IRQL <= DISPATCH_LEVEL.
VOID ExInitializeLookasideList(PGENERAL_LOOKASIDE List, POOL_TYPE Type, ULONG Size, ULONG Tag, USHORT Depth)
{
    RtlZeroMemory(List, sizeof(*List));
    ExInitializeSListHead(&List->ListHead);
    List->Depth = List->MaximumDepth = Depth != 0 ? Depth : LOOKASIDE_DEFAULT_DEPTH;
    List->Type = Type;
    List->Size = max_of(Size, sizeof(SLIST_ENTRY));
    List->Tag = Tag;
    InitializeListHead(&List->ListEntry);
}

// A block from the list, else from the pool; NULL when there is none. Contents undefined. IRQL as for the pool type.
PVOID ExAllocateFromLookasideList(PGENERAL_LOOKASIDE List)
{
    PVOID Entry = InterlockedPopEntrySList(&List->ListHead);

    List->TotalAllocates++;
    if (Entry == NULL) {
        List->AllocateMisses++;
        Entry = ExAllocatePoolWithTag(List->Type, List->Size, List->Tag);
    }
    return Entry;
}

// Gives a block back to the list, or to the pool if the list is full. IRQL as for the pool type.
VOID ExFreeToLookasideList(PGENERAL_LOOKASIDE List, PVOID Entry)
{
    List->TotalFrees++;
    if (List->ListHead.Depth >= List->Depth) {
        List->FreeMisses++;
        ExFreePoolWithTag(Entry, List->Tag);
        return;
    }
#if DBG
    RtlFillMemory(Entry, List->Size, POOL_FILL_FREED);
#endif
    InterlockedPushEntrySList(&List->ListHead, Entry);
}

// Returns every block to the pool. The list must not be in use any more. IRQL as for the pool type.
VOID ExDeleteLookasideList(PGENERAL_LOOKASIDE List)
{
    PVOID Entry;

    while ((Entry = InterlockedPopEntrySList(&List->ListHead)) != NULL)
        ExFreePoolWithTag(Entry, List->Tag);
}
