// SPDX-License-Identifier: MIT
// Counting handles: per object, per type and, for types that ask for it, per process; and what depends on the counts:
// exclusive objects, open and close procedures, the end of a temporary name.

#include "obp.h"

#define DATABASE_STEP 4

static EX_PUSH_LOCK ObpHandleCountLock; // per-process counts and exclusive owners

static VOID ObpLockHandleCounts(VOID)
{
    KeEnterCriticalRegion();
    ExAcquirePushLockExclusive(&ObpHandleCountLock);
}

static VOID ObpUnlockHandleCounts(VOID)
{
    ExReleasePushLockExclusive(&ObpHandleCountLock);
    KeLeaveCriticalRegion();
}

// The entry of Process in a database, or an unused one; NULL if there is neither.
static POBP_HANDLE_COUNT ObpFindCount(POBP_HANDLE_DATABASE Database, PEPROCESS Process)
{
    POBP_HANDLE_COUNT Free = NULL;

    for (ULONG Index = 0; Index < Database->Size; Index++) {
        if (Database->Entries[Index].Process == Process)
            return &Database->Entries[Index];
        if (Database->Entries[Index].Process == NULL && Free == NULL)
            Free = &Database->Entries[Index];
    }
    return Free;
}

static POBP_HANDLE_DATABASE ObpAllocateDatabase(ULONG Size)
{
    POBP_HANDLE_DATABASE Database =
        ExAllocatePoolZero(PagedPool, sizeof(*Database) + Size * sizeof(OBP_HANDLE_COUNT), TAG_OB_HANDLE_INFO);

    if (Database != NULL)
        Database->Size = Size;
    return Database;
}

// An entry for Process, making or enlarging the database as needed. Locked. NULL: no memory.
static POBP_HANDLE_COUNT ObpMakeCount(POBP_HANDLE_INFO Info, PEPROCESS Process)
{
    POBP_HANDLE_DATABASE New;
    POBP_HANDLE_COUNT Entry;

    if (Info->Count != OBP_IN_DATABASE) {
        New = ObpAllocateDatabase(DATABASE_STEP);
        if (New == NULL)
            return NULL;
        New->Entries[0].Process = Info->Process;
        New->Entries[0].Count = Info->Count;
        Info->Database = New;
        Info->Count = OBP_IN_DATABASE;
        return &New->Entries[1];
    }
    Entry = ObpFindCount(Info->Database, Process);
    if (Entry != NULL)
        return Entry;
    New = ObpAllocateDatabase(Info->Database->Size + DATABASE_STEP);
    if (New == NULL)
        return NULL;
    RtlCopyMemory(New->Entries, Info->Database->Entries, Info->Database->Size * sizeof(OBP_HANDLE_COUNT));
    Entry = &New->Entries[Info->Database->Size];
    ExFreePoolWithTag(Info->Database, TAG_OB_HANDLE_INFO);
    Info->Database = New;
    return Entry;
}

// Counts a handle of Process; *Count is the process's new count. Locked. FALSE: no memory.
static BOOLEAN ObpAddProcessHandle(POBP_HANDLE_INFO Info, PEPROCESS Process, PULONG Count)
{
    POBP_HANDLE_COUNT Entry;

    if (Info->Count == 0 || (Info->Count != OBP_IN_DATABASE && Info->Process == Process)) {
        Info->Process = Process;
        *Count = ++Info->Count;
        return TRUE;
    }
    Entry = ObpMakeCount(Info, Process);
    if (Entry == NULL)
        return FALSE;
    Entry->Process = Process;
    *Count = ++Entry->Count;
    return TRUE;
}

// Uncounts a handle of Process; returns the count before. Locked.
static ULONG ObpRemoveProcessHandle(POBP_HANDLE_INFO Info, PEPROCESS Process)
{
    POBP_HANDLE_COUNT Entry;

    if (Info->Count != OBP_IN_DATABASE) {
        ASSERT(Info->Process == Process && Info->Count != 0);
        return Info->Count--;
    }
    Entry = ObpFindCount(Info->Database, Process);
    ASSERT(Entry != NULL && Entry->Process == Process && Entry->Count != 0);
    if (Entry->Count == 1)
        Entry->Process = NULL;
    return Entry->Count--;
}

// May Process have a handle to an exclusive object? Locked. STATUS_ACCESS_DENIED if another one has.
static NTSTATUS ObpCheckExclusive(POBJECT_HEADER Header, PEPROCESS Process, ULONG Attributes)
{
    POBP_EXCLUSIVE_INFO Exclusive = ObpExclusiveInfo(Header);

    if (Exclusive == NULL) // wants it alone, but others may have handles
        return (Attributes & OBJ_EXCLUSIVE) != 0 && Header->HandleCount != 0 ? STATUS_ACCESS_DENIED : STATUS_SUCCESS;
    if (Header->HandleCount != 0 && Exclusive->Process != Process)
        return STATUS_ACCESS_DENIED;
    Exclusive->Process = Process;
    return STATUS_SUCCESS;
}

// Counts a new handle of Process and calls the type's open procedure, which may refuse. The caller holds a reference.
// PASSIVE_LEVEL. STATUS_ACCESS_DENIED (exclusive), STATUS_INSUFFICIENT_RESOURCES, the open procedure's.
NTSTATUS ObpIncrementHandleCount(OB_OPEN_REASON Reason, POBJECT_HEADER Header, PEPROCESS Process,
                                 ACCESS_MASK GrantedAccess, ULONG Attributes)
{
    POBJECT_TYPE Type = Header->Type;
    POBP_HANDLE_INFO Info = ObpHandleInfo(Header);
    ULONG ProcessCount = 0, Total;
    NTSTATUS Status = STATUS_SUCCESS;

    if (Info == NULL && ((Header->Flags & OB_FLAG_EXCLUSIVE) | (Attributes & OBJ_EXCLUSIVE)) == 0) {
        InterlockedIncrement(&Header->HandleCount);
    } else {
        ObpLockHandleCounts();
        Status = ObpCheckExclusive(Header, Process, Attributes);
        if (NT_SUCCESS(Status) && Info != NULL && !ObpAddProcessHandle(Info, Process, &ProcessCount))
            Status = STATUS_INSUFFICIENT_RESOURCES;
        if (NT_SUCCESS(Status))
            InterlockedIncrement(&Header->HandleCount);
        ObpUnlockHandleCounts();
        if (!NT_SUCCESS(Status))
            return Status;
    }
    if (Type->TypeInfo.OpenProcedure != NULL) {
        Status = Type->TypeInfo.OpenProcedure(Reason, Process, Header->Body, GrantedAccess, ProcessCount);
        if (!NT_SUCCESS(Status)) {
            if (Info != NULL) {
                ObpLockHandleCounts();
                ObpRemoveProcessHandle(Info, Process);
                ObpUnlockHandleCounts();
            }
            if (InterlockedDecrement(&Header->HandleCount) == 0)
                ObpDeleteName(Header);
            return Status;
        }
    }
    Total = (ULONG)InterlockedIncrement((volatile LONG *)&Type->TotalNumberOfHandles);
    if (Total > Type->HighWaterNumberOfHandles)
        Type->HighWaterNumberOfHandles = Total;
    return STATUS_SUCCESS;
}

// A handle of Process is gone from its table: counts it out, calls the close procedure with the counts before, and
// after the last one takes a temporary object's name away. The caller still holds the handle's reference.
// PASSIVE_LEVEL.
VOID ObpDecrementHandleCount(POBJECT_HEADER Header, PEPROCESS Process, ACCESS_MASK GrantedAccess)
{
    POBJECT_TYPE Type = Header->Type;
    POBP_HANDLE_INFO Info = ObpHandleInfo(Header);
    ULONG ProcessCount = 0;
    LONG SystemCount;

    if (Info != NULL) {
        ObpLockHandleCounts();
        ProcessCount = ObpRemoveProcessHandle(Info, Process);
        SystemCount = InterlockedDecrement(&Header->HandleCount) + 1;
        ObpUnlockHandleCounts();
    } else {
        SystemCount = InterlockedDecrement(&Header->HandleCount) + 1;
    }
    InterlockedDecrement((volatile LONG *)&Type->TotalNumberOfHandles);
    if (Type->TypeInfo.CloseProcedure != NULL)
        Type->TypeInfo.CloseProcedure(Process, Header->Body, GrantedAccess, ProcessCount, (ULONG)SystemCount);
    if (SystemCount == 1)
        ObpDeleteName(Header);
}
