// SPDX-License-Identifier: MIT
// The classes of NtQuerySystemInformation about pool: tags, whole pages, the session's tags, lookaside lists. The
// tables are copied into nonpaged memory first, as their locks are spin locks. Source: SDK (winternl.h); the Native API
// as published.

#include "exp.h"

// A count, and behind it the tags that Query tells. Fixed: where they begin in Buffer, right behind the count.
static NTSTATUS ExpCopyTags(ULONG (*Query)(PSYSTEM_POOLTAG Tags, ULONG Capacity), PVOID Buffer, ULONG Length,
                            ULONG Fixed, PULONG Needed)
{
    PSYSTEM_POOLTAG Tags = (PSYSTEM_POOLTAG)((PUCHAR)Buffer + Fixed);
    ULONG Capacity, Count;

    *Needed = Fixed;
    if (Length < Fixed)
        return STATUS_INFO_LENGTH_MISMATCH;
    Capacity = (Length - Fixed) / sizeof(SYSTEM_POOLTAG);
    Count = Query(Tags, Capacity);
    ((PULONG)Tags)[-1] = Count;
    *Needed = Fixed + Count * sizeof(SYSTEM_POOLTAG);
    return Count <= Capacity ? STATUS_SUCCESS : STATUS_INFO_LENGTH_MISMATCH;
}
_Static_assert(FIELD_OFFSET(SYSTEM_POOLTAG_INFORMATION, TagInfo) ==
                   FIELD_OFFSET(SYSTEM_POOLTAG_INFORMATION, Count) + sizeof(ULONG),
               "a count right before the tags");
_Static_assert(FIELD_OFFSET(SYSTEM_SESSION_POOLTAG_INFORMATION, TagInfo) ==
                   FIELD_OFFSET(SYSTEM_SESSION_POOLTAG_INFORMATION, Count) + sizeof(ULONG),
               "a count right before the tags");

// SystemPoolTagInformation: the counters of every pool tag. PASSIVE_LEVEL.
NTSTATUS ExpQueryPoolTagInformation(PVOID Buffer, ULONG Length, PULONG Needed)
{
    PAGED_CODE();
    return ExpCopyTags(ExQueryPoolTags, Buffer, Length, FIELD_OFFSET(SYSTEM_POOLTAG_INFORMATION, TagInfo), Needed);
}

// SystemSessionPoolTagInformation: the tags of the one session's pool. PASSIVE_LEVEL.
NTSTATUS ExpQuerySessionPoolTagInformation(PVOID Buffer, ULONG Length, PULONG Needed)
{
    PAGED_CODE();
    return ExpCopyTags(ExQuerySessionPoolTags, Buffer, Length,
                       FIELD_OFFSET(SYSTEM_SESSION_POOLTAG_INFORMATION, TagInfo), Needed);
}

// Copies a table of unknown length behind Fixed bytes of Buffer by way of nonpaged memory.
static NTSTATUS ExpCopyTable(ULONG (*Query)(PVOID Entries, ULONG Capacity), ULONG EntrySize, PVOID Buffer, ULONG Length,
                             ULONG Fixed, PULONG Count, PULONG Needed)
{
    ULONG Capacity = Length >= Fixed ? (Length - Fixed) / EntrySize : 0;
    PVOID Copy = NULL;

    if (Capacity != 0) {
        Capacity = min_of(Capacity, Query(NULL, 0) + 16); // a few more, in case there are more meanwhile
        Copy = ExAllocatePoolWithTag(NonPagedPool, Capacity * EntrySize, TAG_EX_QUERY);
        if (Copy == NULL)
            return STATUS_INSUFFICIENT_RESOURCES;
    }
    *Count = Query(Copy, Capacity);
    *Needed = Fixed + *Count * EntrySize;
    if (Copy != NULL) {
        RtlCopyMemory((PUCHAR)Buffer + Fixed, Copy, min_of(*Count, Capacity) * EntrySize);
        ExFreePoolWithTag(Copy, TAG_EX_QUERY);
    }
    return *Count <= Capacity && Length >= Fixed ? STATUS_SUCCESS : STATUS_INFO_LENGTH_MISMATCH;
}

static ULONG ExpLookasideTable(PVOID Entries, ULONG Capacity)
{
    return ExQueryLookasides(Entries, Capacity);
}

static ULONG ExpBigPoolTable(PVOID Entries, ULONG Capacity)
{
    return ExQueryBigPool(Entries, Capacity);
}

// SystemLookasideInformation: a row for each list. PASSIVE_LEVEL.
NTSTATUS ExpQueryLookasideInformation(PVOID Buffer, ULONG Length, PULONG Needed)
{
    ULONG Count;

    PAGED_CODE();
    return ExpCopyTable(ExpLookasideTable, sizeof(SYSTEM_LOOKASIDE_INFORMATION), Buffer, Length, 0, &Count, Needed);
}

// SystemBigPoolInformation: a row for each allocation of whole pages. PASSIVE_LEVEL.
NTSTATUS ExpQueryBigPoolInformation(PVOID Buffer, ULONG Length, PULONG Needed)
{
    ULONG Count;
    NTSTATUS Status = ExpCopyTable(ExpBigPoolTable, sizeof(SYSTEM_BIGPOOL_ENTRY), Buffer, Length,
                                   FIELD_OFFSET(SYSTEM_BIGPOOL_INFORMATION, AllocatedInfo), &Count, Needed);

    PAGED_CODE();
    if (NT_SUCCESS(Status))
        ((PSYSTEM_BIGPOOL_INFORMATION)Buffer)->Count = Count;
    return Status;
}
