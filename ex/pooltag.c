// SPDX-License-Identifier: MIT
// Pool accounting by tag: an open-addressed table of counters that are only ever added to, so that neither pool's
// lock is needed. Tags that find no room share the last slot.

#include "exp.h"

#define TAG_TABLE_SIZE 1024u    // power of two
#define TAG_OVERFLOW 0x6C66764F // 'Ovfl'

typedef struct _POOL_TRACKER {
    volatile ULONG Key;
    struct {
        volatile LONG Allocs;
        volatile LONG Frees;
        volatile LONG Bytes;
    } Pool[MM_POOLS];
} POOL_TRACKER, *PPOOL_TRACKER;

static POOL_TRACKER ExpTagTable[TAG_TABLE_SIZE + 1];

static PPOOL_TRACKER ExpFindTag(ULONG Tag)
{
    ULONG Index = (Tag * 0x9E3779B1u) >> 22; // Fibonacci hashing, top 10 bits

    for (ULONG Probe = 0; Probe < TAG_TABLE_SIZE; Probe++, Index = (Index + 1) & (TAG_TABLE_SIZE - 1)) {
        PPOOL_TRACKER Tracker = &ExpTagTable[Index];

        if (Tracker->Key == Tag)
            return Tracker;
        if (Tracker->Key == 0) {
            ULONG Previous = InterlockedCompareExchange((volatile LONG *)&Tracker->Key, Tag, 0);
            if (Previous == 0 || Previous == Tag)
                return Tracker;
        }
    }
    ExpTagTable[TAG_TABLE_SIZE].Key = TAG_OVERFLOW;
    return &ExpTagTable[TAG_TABLE_SIZE];
}

// Counts an allocation of Bytes under Tag. Any IRQL; no locks.
VOID ExpTagAllocated(ULONG Tag, ULONG Kind, ULONG Bytes)
{
    PPOOL_TRACKER Tracker = ExpFindTag(Tag);

    InterlockedIncrement(&Tracker->Pool[Kind].Allocs);
    InterlockedExchangeAdd(&Tracker->Pool[Kind].Bytes, (LONG)Bytes);
}

// Counts a free of Bytes under Tag. Any IRQL; no locks.
VOID ExpTagFreed(ULONG Tag, ULONG Kind, ULONG Bytes)
{
    PPOOL_TRACKER Tracker = ExpFindTag(Tag);

    InterlockedIncrement(&Tracker->Pool[Kind].Frees);
    InterlockedExchangeAdd(&Tracker->Pool[Kind].Bytes, -(LONG)Bytes);
}

// The bytes in use in a pool, and how many allocations and frees it has seen: the sum over all tags. Any IRQL.
SIZE_T ExpSumTags(ULONG Kind, PULONG Allocs, PULONG Frees)
{
    SIZE_T Bytes = 0;

    *Allocs = *Frees = 0;
    for (ULONG Index = 0; Index <= TAG_TABLE_SIZE; Index++) {
        Bytes += (SIZE_T)ExpTagTable[Index].Pool[Kind].Bytes;
        *Allocs += (ULONG)ExpTagTable[Index].Pool[Kind].Allocs;
        *Frees += (ULONG)ExpTagTable[Index].Pool[Kind].Frees;
    }
    return Bytes;
}

// Copies up to Capacity per-tag counters to Entries; returns how many tags there are. Any IRQL. The counters of one
// tag may be from slightly different moments. Source: SDK, SystemPoolTagInformation.
ULONG ExQueryPoolTags(PSYSTEM_POOLTAG Entries, ULONG Capacity)
{
    ULONG Count = 0;

    for (ULONG Index = 0; Index <= TAG_TABLE_SIZE; Index++) {
        PPOOL_TRACKER Tracker = &ExpTagTable[Index];

        if (Tracker->Key == 0)
            continue;
        if (Count < Capacity) {
            PSYSTEM_POOLTAG Entry = &Entries[Count];

            Entry->TagUlong = Tracker->Key;
            Entry->NonPagedAllocs = Tracker->Pool[0].Allocs;
            Entry->NonPagedFrees = Tracker->Pool[0].Frees;
            Entry->NonPagedUsed = Tracker->Pool[0].Bytes;
            Entry->PagedAllocs = Tracker->Pool[1].Allocs;
            Entry->PagedFrees = Tracker->Pool[1].Frees;
            Entry->PagedUsed = Tracker->Pool[1].Bytes;
        }
        Count++;
    }
    return Count;
}

// ExQueryPoolTags for the tags that the session pool has seen; its figures are the entries' paged ones.
ULONG ExQuerySessionPoolTags(PSYSTEM_POOLTAG Entries, ULONG Capacity)
{
    ULONG Count = 0;

    for (ULONG Index = 0; Index <= TAG_TABLE_SIZE; Index++) {
        PPOOL_TRACKER Tracker = &ExpTagTable[Index];

        if (Tracker->Key == 0 || Tracker->Pool[MM_POOL_SESSION].Allocs == 0)
            continue;
        if (Count < Capacity) {
            RtlZeroMemory(&Entries[Count], sizeof(Entries[Count]));
            Entries[Count].TagUlong = Tracker->Key;
            Entries[Count].PagedAllocs = Tracker->Pool[MM_POOL_SESSION].Allocs;
            Entries[Count].PagedFrees = Tracker->Pool[MM_POOL_SESSION].Frees;
            Entries[Count].PagedUsed = Tracker->Pool[MM_POOL_SESSION].Bytes;
        }
        Count++;
    }
    return Count;
}
