// SPDX-License-Identifier: MIT
// Lookaside lists: stacks of freed blocks of one size in front of the pool, one for each processor, so that processors
// neither wait for one another nor share cache lines. Blocks there count as free (ExGetPoolUsage). Once a second a list
// that is used much and misses often is made deeper, one that rests shallower. Source: WDK, "Using Lookaside Lists";
// Windows Internals, "Look-aside lists".

#include "exp.h"

#define LOOKASIDE_DEFAULT_DEPTH 16
#define LOOKASIDE_MINIMUM_DEPTH 4
#define LOOKASIDE_MAXIMUM_DEPTH 256
#define LOOKASIDE_BUSY 25u      // allocations in a second
#define LOOKASIDE_MISSES 5u     // of a thousand, that are few
#define LOOKASIDE_STEP_DOWN 10u // what a list that rests loses in a second

static LIST_ENTRY ExpLookasideLists = {&ExpLookasideLists, &ExpLookasideLists};
static KSPIN_LOCK ExpLookasideLock;

// The stack of the processor that we are on; if we move on meanwhile, it is still a good one.
static PSLIST_HEADER ExpLookasideHead(PGENERAL_LOOKASIDE List)
{
    ULONG Number = KeGetCurrentProcessorNumber() & (EX_LOOKASIDE_PROCESSORS - 1);

    return Number == 0 ? &List->ListHead : &List->OtherHeads[Number - 1];
}

static PVOID NTAPI ExpLookasideAllocate(POOL_TYPE Type, SIZE_T Bytes, ULONG Tag)
{
    return ExAllocatePoolWithTag(Type, Bytes, Tag);
}

static VOID ExpInitializeLookaside(PGENERAL_LOOKASIDE List, POOL_TYPE Type, SIZE_T Size, ULONG Tag, USHORT Depth,
                                   PALLOCATE_FUNCTION Allocate, PFREE_FUNCTION Free)
{
    KIRQL OldIrql;

    RtlZeroMemory(List, sizeof(*List));
    List->Depth = Depth != 0 ? Depth : LOOKASIDE_DEFAULT_DEPTH;
    List->MaximumDepth = Depth != 0 ? Depth : LOOKASIDE_MAXIMUM_DEPTH;
    List->Type = Type;
    List->Size = (ULONG)max_of(Size, sizeof(SLIST_ENTRY));
    List->Tag = Tag;
    List->Allocate = Allocate != NULL ? Allocate : ExpLookasideAllocate;
    List->Free = Free != NULL ? Free : ExFreePool;
    OldIrql = KfAcquireSpinLock(&ExpLookasideLock);
    InsertTailList(&ExpLookasideLists, &List->ListEntry);
    KfReleaseSpinLock(&ExpLookasideLock, OldIrql);
}

// Makes an empty list of blocks of Size bytes, never deeper than Depth on each processor. Depth 0: the default, which
// may grow. IRQL <= DISPATCH_LEVEL.
VOID ExInitializeLookasideList(PGENERAL_LOOKASIDE List, POOL_TYPE Type, ULONG Size, ULONG Tag, USHORT Depth)
{
    ExpInitializeLookaside(List, Type, Size, Tag, Depth, NULL, NULL);
}

// A block from the list, else from the pool; NULL when there is none. Contents undefined. IRQL as for the pool type.
PVOID ExAllocateFromLookasideList(PGENERAL_LOOKASIDE List)
{
    PVOID Entry = InterlockedPopEntrySList(ExpLookasideHead(List));

    List->TotalAllocates++;
    if (Entry == NULL) {
        List->AllocateMisses++;
        Entry = List->Allocate(List->Type, List->Size, List->Tag);
    }
    return Entry;
}

// Gives a block back to the list, or to the pool if the list is full. IRQL as for the pool type.
VOID ExFreeToLookasideList(PGENERAL_LOOKASIDE List, PVOID Entry)
{
    PSLIST_HEADER Head = ExpLookasideHead(List);

    List->TotalFrees++;
    if (Head->Depth >= List->Depth) {
        List->FreeMisses++;
        List->Free(Entry);
        return;
    }
    KeForgetLocks(Entry, List->Size);
#if DBG
    RtlFillMemory(Entry, List->Size, POOL_FILL_FREED);
#endif
    InterlockedPushEntrySList(Head, Entry);
}

static VOID ExpEmptyLookaside(PGENERAL_LOOKASIDE List, PSLIST_HEADER Head)
{
    PVOID Entry;

    while ((Entry = InterlockedPopEntrySList(Head)) != NULL)
        List->Free(Entry);
}

// Returns every block to the pool. The list must not be in use any more. IRQL as for the pool type.
VOID ExDeleteLookasideList(PGENERAL_LOOKASIDE List)
{
    KIRQL OldIrql = KfAcquireSpinLock(&ExpLookasideLock);

    RemoveEntryList(&List->ListEntry);
    KfReleaseSpinLock(&ExpLookasideLock, OldIrql);
    ExpEmptyLookaside(List, &List->ListHead);
    for (ULONG Index = 0; Index < RTL_NUMBER_OF(List->OtherHeads); Index++)
        ExpEmptyLookaside(List, &List->OtherHeads[Index]);
}

// The bytes of a pool that wait in lookaside lists. IRQL <= DISPATCH_LEVEL.
SIZE_T ExpSumLookasides(BOOLEAN Paged)
{
    KIRQL OldIrql = KfAcquireSpinLock(&ExpLookasideLock);
    SIZE_T Bytes = 0;

    for (PLIST_ENTRY Entry = ExpLookasideLists.Flink; Entry != &ExpLookasideLists; Entry = Entry->Flink) {
        PGENERAL_LOOKASIDE List = CONTAINING_RECORD(Entry, GENERAL_LOOKASIDE, ListEntry);
        ULONG Count = List->ListHead.Depth;

        if ((List->Type & PagedPool) != Paged || List->Allocate != ExpLookasideAllocate)
            continue;
        for (ULONG Index = 0; Index < RTL_NUMBER_OF(List->OtherHeads); Index++)
            Count += List->OtherHeads[Index].Depth;
        Bytes += Count * ExpPoolCharge(List->Size);
    }
    KfReleaseSpinLock(&ExpLookasideLock, OldIrql);
    return Bytes;
}

static VOID ExpAdjustDepth(PGENERAL_LOOKASIDE List)
{
    ULONG Allocates = List->TotalAllocates - List->LastTotalAllocates;
    ULONG Misses = List->AllocateMisses - List->LastAllocateMisses;
    ULONG Depth = List->Depth, Least = min_of(LOOKASIDE_MINIMUM_DEPTH, List->MaximumDepth);

    List->LastTotalAllocates = List->TotalAllocates;
    List->LastAllocateMisses = List->AllocateMisses;
    if (Allocates < LOOKASIDE_BUSY)
        Depth = Depth > Least + LOOKASIDE_STEP_DOWN ? Depth - LOOKASIDE_STEP_DOWN : Least;
    else if (Misses * 1000 / Allocates < LOOKASIDE_MISSES)
        Depth = Depth > Least ? Depth - 1 : Depth;
    else
        Depth += (List->MaximumDepth - Depth) / 2 * min_of(Misses * 1000 / Allocates, 1000) / 1000 + 5;
    List->Depth = (USHORT)min_of(Depth, List->MaximumDepth);
}

// Looks at how each list was used in the last second. IRQL <= DISPATCH_LEVEL. Called by ex/balance.c.
VOID ExpAdjustLookasides(VOID)
{
    KIRQL OldIrql = KfAcquireSpinLock(&ExpLookasideLock);

    for (PLIST_ENTRY Entry = ExpLookasideLists.Flink; Entry != &ExpLookasideLists; Entry = Entry->Flink)
        ExpAdjustDepth(CONTAINING_RECORD(Entry, GENERAL_LOOKASIDE, ListEntry));
    KfReleaseSpinLock(&ExpLookasideLock, OldIrql);
}

// The WDK's names. Depth is ignored there and here. IRQL <= DISPATCH_LEVEL.
VOID NTAPI ExInitializeNPagedLookasideList(PNPAGED_LOOKASIDE_LIST List, PALLOCATE_FUNCTION Allocate,
                                           PFREE_FUNCTION Free, ULONG Flags, SIZE_T Size, ULONG Tag, USHORT Depth)
{
    UNREFERENCED_PARAMETER(Flags);
    UNREFERENCED_PARAMETER(Depth);
    ExpInitializeLookaside(&List->L, NonPagedPool, Size, Tag, 0, Allocate, Free);
}

VOID NTAPI ExDeleteNPagedLookasideList(PNPAGED_LOOKASIDE_LIST List)
{
    ExDeleteLookasideList(&List->L);
}

VOID NTAPI ExInitializePagedLookasideList(PPAGED_LOOKASIDE_LIST List, PALLOCATE_FUNCTION Allocate, PFREE_FUNCTION Free,
                                          ULONG Flags, SIZE_T Size, ULONG Tag, USHORT Depth)
{
    UNREFERENCED_PARAMETER(Flags);
    UNREFERENCED_PARAMETER(Depth);
    ExpInitializeLookaside(&List->L, PagedPool, Size, Tag, 0, Allocate, Free);
}

VOID NTAPI ExDeletePagedLookasideList(PPAGED_LOOKASIDE_LIST List)
{
    ExDeleteLookasideList(&List->L);
}
