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
    List->Flags = Allocate == NULL && Free == NULL ? EX_LOOKASIDE_ORDINARY : 0;
    if (ExpSpecialPool && ExpWantsSpecialPool(Tag))
        List->Depth = List->MaximumDepth = 0; // each entry shall go through the pool
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

static PVOID ExpMissAllocate(PGENERAL_LOOKASIDE List)
{
    List->AllocateMisses++;
    if (List->Flags & EX_LOOKASIDE_EX)
        return ((PALLOCATE_FUNCTION_EX)(PVOID)List->Allocate)(List->Type, List->Size, List->Tag,
                                                              (PLOOKASIDE_LIST_EX)List);
    return List->Allocate(List->Type, List->Size, List->Tag);
}

static VOID ExpMissFree(PGENERAL_LOOKASIDE List, PVOID Entry)
{
    if (List->Flags & EX_LOOKASIDE_EX)
        ((PFREE_FUNCTION_EX)(PVOID)List->Free)(Entry, (PLOOKASIDE_LIST_EX)List);
    else
        List->Free(Entry);
}

// A block from the list, else from the pool; NULL when there is none. Contents undefined. IRQL as for the pool type.
PVOID ExAllocateFromLookasideList(PGENERAL_LOOKASIDE List)
{
    PVOID Entry = InterlockedPopEntrySList(ExpLookasideHead(List));

    List->TotalAllocates++;
    return Entry != NULL ? Entry : ExpMissAllocate(List);
}

// Gives a block back to the list, or to the pool if the list is full. IRQL as for the pool type.
VOID ExFreeToLookasideList(PGENERAL_LOOKASIDE List, PVOID Entry)
{
    PSLIST_HEADER Head = ExpLookasideHead(List);

    List->TotalFrees++;
    if (Head->Depth >= List->Depth) {
        List->FreeMisses++;
        ExpMissFree(List, Entry);
        return;
    }
    KeForgetLocks(Entry, List->Size);
#if DBG
    RtlFillMemory(Entry, List->Size, POOL_FILL_FREED);
#endif
    InterlockedPushEntrySList(Head, Entry);
}

static VOID ExpEmptyHead(PGENERAL_LOOKASIDE List, PSLIST_HEADER Head)
{
    PVOID Entry;

    while ((Entry = InterlockedPopEntrySList(Head)) != NULL)
        ExpMissFree(List, Entry);
}

static VOID ExpEmptyLookaside(PGENERAL_LOOKASIDE List)
{
    ExpEmptyHead(List, &List->ListHead);
    for (ULONG Index = 0; Index < RTL_NUMBER_OF(List->OtherHeads); Index++)
        ExpEmptyHead(List, &List->OtherHeads[Index]);
}

// Returns every block to the pool. The list must not be in use any more. IRQL as for the pool type.
VOID ExDeleteLookasideList(PGENERAL_LOOKASIDE List)
{
    KIRQL OldIrql = KfAcquireSpinLock(&ExpLookasideLock);

    RemoveEntryList(&List->ListEntry);
    KfReleaseSpinLock(&ExpLookasideLock, OldIrql);
    ExpEmptyLookaside(List);
}

// The bytes of a pool that wait in lookaside lists. IRQL <= DISPATCH_LEVEL.
SIZE_T ExpSumLookasides(ULONG Kind)
{
    KIRQL OldIrql = KfAcquireSpinLock(&ExpLookasideLock);
    SIZE_T Bytes = 0;

    for (PLIST_ENTRY Entry = ExpLookasideLists.Flink; Entry != &ExpLookasideLists; Entry = Entry->Flink) {
        PGENERAL_LOOKASIDE List = CONTAINING_RECORD(Entry, GENERAL_LOOKASIDE, ListEntry);
        ULONG Count = List->ListHead.Depth;

        if (ExpKindOfType(List->Type) != Kind || !(List->Flags & EX_LOOKASIDE_ORDINARY))
            continue;
        for (ULONG Index = 0; Index < RTL_NUMBER_OF(List->OtherHeads); Index++)
            Count += List->OtherHeads[Index].Depth;
        Bytes += Count * ExpPoolCharge(List->Size);
    }
    KfReleaseSpinLock(&ExpLookasideLock, OldIrql);
    return Bytes;
}

// Takes whole stacks of ordinary lists off them: only the heads are touched, as the lock is a spin lock and the entries
// may be paged. Returns how many; fewer than Capacity means that there are no more.
static ULONG ExpTakeStacks(PSLIST_ENTRY *Stacks, ULONG Capacity)
{
    KIRQL OldIrql = KfAcquireSpinLock(&ExpLookasideLock);
    ULONG Count = 0;

    for (PLIST_ENTRY Entry = ExpLookasideLists.Flink; Entry != &ExpLookasideLists; Entry = Entry->Flink) {
        PGENERAL_LOOKASIDE List = CONTAINING_RECORD(Entry, GENERAL_LOOKASIDE, ListEntry);

        if (!(List->Flags & EX_LOOKASIDE_ORDINARY))
            continue;
        for (ULONG Index = 0; Index < EX_LOOKASIDE_PROCESSORS && Count < Capacity; Index++) {
            PSLIST_HEADER Head = Index == 0 ? &List->ListHead : &List->OtherHeads[Index - 1];

            if (Head->Depth != 0 && (Stacks[Count] = InterlockedFlushSList(Head)) != NULL)
                Count++;
        }
    }
    KfReleaseSpinLock(&ExpLookasideLock, OldIrql);
    return Count;
}

#define LOOKASIDE_DRAIN_STACKS 32u
#define LOOKASIDE_DRAIN_PASSES 64u // others fill the lists meanwhile

// Gives the entries of all ordinary lists back to the pool. IRQL <= APC_LEVEL.
VOID ExpDrainLookasides(VOID)
{
    PSLIST_ENTRY Stacks[LOOKASIDE_DRAIN_STACKS];
    ULONG Count = LOOKASIDE_DRAIN_STACKS;

    for (ULONG Pass = 0; Count == LOOKASIDE_DRAIN_STACKS && Pass < LOOKASIDE_DRAIN_PASSES; Pass++) {
        Count = ExpTakeStacks(Stacks, LOOKASIDE_DRAIN_STACKS);
        for (ULONG Index = 0; Index < Count; Index++) {
            while (Stacks[Index] != NULL) {
                PSLIST_ENTRY Entry = Stacks[Index];

                Stacks[Index] = Entry->Next;
                ExFreePool(Entry);
            }
        }
    }
}

// Copies up to Capacity lists' figures to Entries (nonpaged); returns how many lists there are. IRQL <= DISPATCH_LEVEL.
// Source: SDK, SystemLookasideInformation.
ULONG ExQueryLookasides(PSYSTEM_LOOKASIDE_INFORMATION Entries, ULONG Capacity)
{
    KIRQL OldIrql = KfAcquireSpinLock(&ExpLookasideLock);
    ULONG Count = 0;

    for (PLIST_ENTRY Link = ExpLookasideLists.Flink; Link != &ExpLookasideLists; Link = Link->Flink, Count++) {
        PGENERAL_LOOKASIDE List = CONTAINING_RECORD(Link, GENERAL_LOOKASIDE, ListEntry);

        if (Count >= Capacity)
            continue;
        Entries[Count] = (SYSTEM_LOOKASIDE_INFORMATION){
            .CurrentDepth = List->Depth,
            .MaximumDepth = List->MaximumDepth,
            .TotalAllocates = List->TotalAllocates,
            .AllocateMisses = List->AllocateMisses,
            .TotalFrees = List->TotalFrees,
            .FreeMisses = List->FreeMisses,
            .Type = List->Type,
            .Tag = List->Tag,
            .Size = List->Size,
        };
    }
    KfReleaseSpinLock(&ExpLookasideLock, OldIrql);
    return Count;
}

// How many allocations of nonpaged and paged blocks their lookaside lists have answered. Any IRQL <= DISPATCH_LEVEL.
VOID ExQueryLookasideHits(PULONG NonPaged, PULONG Paged)
{
    KIRQL OldIrql = KfAcquireSpinLock(&ExpLookasideLock);

    *NonPaged = *Paged = 0;
    for (PLIST_ENTRY Link = ExpLookasideLists.Flink; Link != &ExpLookasideLists; Link = Link->Flink) {
        PGENERAL_LOOKASIDE List = CONTAINING_RECORD(Link, GENERAL_LOOKASIDE, ListEntry);

        *((List->Type & PagedPool) ? Paged : NonPaged) += List->TotalAllocates - List->AllocateMisses;
    }
    KfReleaseSpinLock(&ExpLookasideLock, OldIrql);
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

static PVOID NTAPI ExpLookasideAllocateEx(POOL_TYPE Type, SIZE_T Bytes, ULONG Tag, PLOOKASIDE_LIST_EX List)
{
    UNREFERENCED_PARAMETER(List);
    return ExAllocatePoolWithTag(Type, Bytes, Tag);
}

static VOID NTAPI ExpLookasideFreeEx(PVOID Memory, PLOOKASIDE_LIST_EX List)
{
    UNREFERENCED_PARAMETER(List);
    ExFreePool(Memory);
}

// A list of the later form. Depth must be 0; Flags: EX_LOOKASIDE_LIST_EX_FLAGS_*, not both. IRQL <= DISPATCH_LEVEL.
// STATUS_INVALID_PARAMETER_n for the n-th parameter.
NTSTATUS NTAPI ExInitializeLookasideListEx(PLOOKASIDE_LIST_EX List, PALLOCATE_FUNCTION_EX Allocate,
                                           PFREE_FUNCTION_EX Free, POOL_TYPE Type, ULONG Flags, SIZE_T Size, ULONG Tag,
                                           USHORT Depth)
{
    const ULONG Both = EX_LOOKASIDE_LIST_EX_FLAGS_RAISE_ON_FAIL | EX_LOOKASIDE_LIST_EX_FLAGS_FAIL_NO_RAISE;

    if ((Flags & ~Both) != 0 || (Flags & Both) == Both)
        return STATUS_INVALID_PARAMETER_5;
    if (Depth != 0)
        return STATUS_INVALID_PARAMETER_8;
    if (Flags & EX_LOOKASIDE_LIST_EX_FLAGS_RAISE_ON_FAIL)
        Type |= POOL_RAISE_IF_ALLOCATION_FAILURE;
    if (Allocate == NULL && Free == NULL) {
        ExpInitializeLookaside(&List->L, Type, Size, Tag, 0, NULL, NULL);
        return STATUS_SUCCESS;
    }
    ExpInitializeLookaside(&List->L, Type, Size, Tag, 0,
                           (PALLOCATE_FUNCTION)(PVOID)(Allocate != NULL ? Allocate : ExpLookasideAllocateEx),
                           (PFREE_FUNCTION)(PVOID)(Free != NULL ? Free : ExpLookasideFreeEx));
    List->L.Flags |= EX_LOOKASIDE_EX;
    return STATUS_SUCCESS;
}

// As their namesakes without Ex. WDK: inline there.
PVOID NTAPI ExAllocateFromLookasideListEx(PLOOKASIDE_LIST_EX List)
{
    return ExAllocateFromLookasideList(&List->L);
}

VOID NTAPI ExFreeToLookasideListEx(PLOOKASIDE_LIST_EX List, PVOID Entry)
{
    ExFreeToLookasideList(&List->L, Entry);
}

VOID NTAPI ExDeleteLookasideListEx(PLOOKASIDE_LIST_EX List)
{
    ExDeleteLookasideList(&List->L);
}

// Returns every entry to where it came from; the list stays usable. IRQL as for the pool type.
VOID NTAPI ExFlushLookasideListEx(PLOOKASIDE_LIST_EX List)
{
    ExpEmptyLookaside(&List->L);
}
