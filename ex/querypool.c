// SPDX-License-Identifier: MIT
// The classes of NtQuerySystemInformation about pool: tags, whole pages, the session's tags, lookaside lists. The
// tables are copied into nonpaged memory first, as their locks are spin locks. Source: SDK (winternl.h); the Native API
// as published.

#include "exp.h"

// SystemPoolTagInformation: the counters of every pool tag. PASSIVE_LEVEL.
NTSTATUS ExpQueryPoolTagInformation(PVOID Buffer, ULONG Length, PULONG Needed)
{
    const ULONG Fixed = FIELD_OFFSET(SYSTEM_POOLTAG_INFORMATION, TagInfo);
    PSYSTEM_POOLTAG_INFORMATION Tags = Buffer;
    ULONG Capacity;

    *Needed = Fixed;
    if (Length < Fixed)
        return STATUS_INFO_LENGTH_MISMATCH;
    Capacity = (Length - Fixed) / sizeof(SYSTEM_POOLTAG);
    Tags->Count = ExQueryPoolTags(Tags->TagInfo, Capacity);
    *Needed = Fixed + Tags->Count * sizeof(SYSTEM_POOLTAG);
    return Tags->Count <= Capacity ? STATUS_SUCCESS : STATUS_INFO_LENGTH_MISMATCH;
}

// SystemSessionPoolTagInformation: the tags of the one session's pool. PASSIVE_LEVEL.
NTSTATUS ExpQuerySessionPoolTagInformation(PVOID Buffer, ULONG Length, PULONG Needed)
{
    const ULONG Fixed = FIELD_OFFSET(SYSTEM_SESSION_POOLTAG_INFORMATION, TagInfo);
    PSYSTEM_SESSION_POOLTAG_INFORMATION Tags = Buffer;
    ULONG Capacity;

    *Needed = Fixed;
    if (Length < Fixed)
        return STATUS_INFO_LENGTH_MISMATCH;
    Capacity = (Length - Fixed) / sizeof(SYSTEM_POOLTAG);
    Tags->Count = ExQuerySessionPoolTags(Tags->TagInfo, Capacity);
    *Needed = Fixed + Tags->Count * sizeof(SYSTEM_POOLTAG);
    return Tags->Count <= Capacity ? STATUS_SUCCESS : STATUS_INFO_LENGTH_MISMATCH;
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

    return ExpCopyTable(ExpLookasideTable, sizeof(SYSTEM_LOOKASIDE_INFORMATION), Buffer, Length, 0, &Count, Needed);
}

// SystemBigPoolInformation: a row for each allocation of whole pages. PASSIVE_LEVEL.
NTSTATUS ExpQueryBigPoolInformation(PVOID Buffer, ULONG Length, PULONG Needed)
{
    ULONG Count;
    NTSTATUS Status = ExpCopyTable(ExpBigPoolTable, sizeof(SYSTEM_BIGPOOL_ENTRY), Buffer, Length,
                                   FIELD_OFFSET(SYSTEM_BIGPOOL_INFORMATION, AllocatedInfo), &Count, Needed);

    if (NT_SUCCESS(Status))
        ((PSYSTEM_BIGPOOL_INFORMATION)Buffer)->Count = Count;
    return Status;
}
