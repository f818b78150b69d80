// SPDX-License-Identifier: MIT
// Executive resources: shared/exclusive locks that remember their owners, so that they can be taken again by one. The
// spin lock guards every field; a releaser hands the resource to all shared waiters or to one exclusive waiter, and
// the woken thread then writes its own name into the owner table. Source: WDK, "Introduction to ERESOURCE Routines".
//
// ActiveCount: shared owners, or 1 with RESOURCE_EXCLUSIVE. OwnerEntry: the exclusive owner, or one of the shared
// ones.

#include "exp.h"

#define RESOURCE_EXCLUSIVE 0x80
#define RESOURCE_TABLE_STEP 4

static LIST_ENTRY ExpSystemResources = {&ExpSystemResources, &ExpSystemResources};
static KSPIN_LOCK ExpSystemResourcesLock;

static ULONG_PTR ExpCurrentOwner(VOID)
{
    return (ULONG_PTR)KeGetCurrentThread();
}

// Makes a free resource, in nonpaged memory. IRQL <= DISPATCH_LEVEL. Never fails.
NTSTATUS NTAPI ExInitializeResourceLite(PERESOURCE Resource)
{
    KIRQL OldIrql;

    RtlZeroMemory(Resource, sizeof(*Resource));
    KeInitializeSpinLock(&Resource->SpinLock);
    KeInitializeSemaphore(&Resource->SharedWaiters, 0, MAXLONG);
    KeInitializeEvent(&Resource->ExclusiveWaiters, SynchronizationEvent, FALSE);
    OldIrql = KfAcquireSpinLock(&ExpSystemResourcesLock);
    InsertTailList(&ExpSystemResources, &Resource->SystemResourcesList);
    KfReleaseSpinLock(&ExpSystemResourcesLock, OldIrql);
    return STATUS_SUCCESS;
}

// Takes a free resource out of the system's list and frees its owner table. IRQL <= DISPATCH_LEVEL. Never fails.
NTSTATUS NTAPI ExDeleteResourceLite(PERESOURCE Resource)
{
    KIRQL OldIrql;

    ASSERT(Resource->ActiveCount == 0);
    OldIrql = KfAcquireSpinLock(&ExpSystemResourcesLock);
    RemoveEntryList(&Resource->SystemResourcesList);
    KfReleaseSpinLock(&ExpSystemResourcesLock, OldIrql);
    if (Resource->OwnerTable != NULL)
        ExFreePoolWithTag(Resource->OwnerTable, TAG_EX_RESOURCE);
    Resource->OwnerTable = NULL;
    return STATUS_SUCCESS;
}

// The entry of Owner, NULL if it has none. Owner 0 with Free: any entry not in use. Locked.
static POWNER_ENTRY ExpFindOwner(PERESOURCE Resource, ULONG_PTR Owner)
{
    if (Resource->OwnerEntry.OwnerThread == Owner)
        return &Resource->OwnerEntry;
    for (ULONG Index = 0; Index < Resource->OwnerTableSize; Index++) {
        if (Resource->OwnerTable[Index].OwnerThread == Owner)
            return &Resource->OwnerTable[Index];
    }
    return NULL;
}

// Makes the owner table larger. Called locked, returns locked, unlocks in between; waits while there is no memory,
// because a shared owner that was let in cannot be sent away again.
static VOID ExpGrowOwnerTable(PERESOURCE Resource, PKIRQL OldIrql)
{
    ULONG OldSize = Resource->OwnerTableSize, NewSize = OldSize + RESOURCE_TABLE_STEP;
    POWNER_ENTRY New, Surplus;

    KfReleaseSpinLock(&Resource->SpinLock, *OldIrql);
    while ((New = ExAllocatePoolZero(NonPagedPool, NewSize * sizeof(OWNER_ENTRY), TAG_EX_RESOURCE)) == NULL) {
        LARGE_INTEGER Delay = {.QuadPart = -10 * 10000};

        IGNORE_STATUS(KeDelayExecutionThread(KernelMode, FALSE, &Delay));
    }
    *OldIrql = KfAcquireSpinLock(&Resource->SpinLock);
    Surplus = New;
    if (Resource->OwnerTableSize == OldSize) {
        if (OldSize != 0)
            RtlCopyMemory(New, Resource->OwnerTable, OldSize * sizeof(OWNER_ENTRY));
        Surplus = Resource->OwnerTable;
        Resource->OwnerTable = New;
        Resource->OwnerTableSize = NewSize;
    }
    if (Surplus != NULL)
        ExFreePoolWithTag(Surplus, TAG_EX_RESOURCE);
}

// Writes the current thread into the owner table (once more). Locked; may unlock in between.
static VOID ExpAddSharedOwner(PERESOURCE Resource, PKIRQL OldIrql)
{
    POWNER_ENTRY Entry;

    while ((Entry = ExpFindOwner(Resource, 0)) == NULL)
        ExpGrowOwnerTable(Resource, OldIrql);
    Entry->OwnerThread = ExpCurrentOwner();
    Entry->OwnerCount = 1;
}

// Waits for exclusive ownership; a thread that has it already gets it once more. Returns FALSE only if Wait is FALSE
// and the resource is not to be had at once.
//
// IRQL <= APC_LEVEL, normal kernel APCs disabled. Must not be called by a shared owner with Wait: it would wait for
// itself.
BOOLEAN NTAPI ExAcquireResourceExclusiveLite(PERESOURCE Resource, BOOLEAN Wait)
{
    ULONG_PTR Self = ExpCurrentOwner();
    KIRQL OldIrql;

    ASSERT_IRQL_LESS_OR_EQUAL(APC_LEVEL);
    OldIrql = KfAcquireSpinLock(&Resource->SpinLock);
    if (Resource->ActiveCount == 0) {
        Resource->ActiveCount = 1;
        Resource->Flag |= RESOURCE_EXCLUSIVE;
    } else if ((Resource->Flag & RESOURCE_EXCLUSIVE) && Resource->OwnerEntry.OwnerThread == Self) {
        Resource->OwnerEntry.OwnerCount++;
        KfReleaseSpinLock(&Resource->SpinLock, OldIrql);
        return TRUE;
    } else {
        if (!Wait) {
            KfReleaseSpinLock(&Resource->SpinLock, OldIrql);
            return FALSE;
        }
        Resource->NumberOfExclusiveWaiters++;
        Resource->ContentionCount++;
        KfReleaseSpinLock(&Resource->SpinLock, OldIrql);
        KeWaitForever(&Resource->ExclusiveWaiters, WrResource);
        OldIrql = KfAcquireSpinLock(&Resource->SpinLock); // the releaser left ActiveCount and Flag as ours
    }
    Resource->OwnerEntry.OwnerThread = Self;
    Resource->OwnerEntry.OwnerCount = 1;
    KfReleaseSpinLock(&Resource->SpinLock, OldIrql);
    return TRUE;
}

// Waits for shared ownership; an owner (of either kind) gets it once more at once. New shared owners queue behind
// exclusive waiters. Returns FALSE only if Wait is FALSE and the resource is not to be had at once.
//
// IRQL <= APC_LEVEL, normal kernel APCs disabled.
BOOLEAN NTAPI ExAcquireResourceSharedLite(PERESOURCE Resource, BOOLEAN Wait)
{
    POWNER_ENTRY Entry;
    KIRQL OldIrql;

    ASSERT_IRQL_LESS_OR_EQUAL(APC_LEVEL);
    OldIrql = KfAcquireSpinLock(&Resource->SpinLock);
    Entry = ExpFindOwner(Resource, ExpCurrentOwner());
    if (Entry != NULL) {
        Entry->OwnerCount++;
    } else if (Resource->ActiveCount == 0 ||
               (!(Resource->Flag & RESOURCE_EXCLUSIVE) && Resource->NumberOfExclusiveWaiters == 0)) {
        Resource->ActiveCount++;
        ExpAddSharedOwner(Resource, &OldIrql);
    } else {
        if (!Wait) {
            KfReleaseSpinLock(&Resource->SpinLock, OldIrql);
            return FALSE;
        }
        Resource->NumberOfSharedWaiters++;
        Resource->ContentionCount++;
        KfReleaseSpinLock(&Resource->SpinLock, OldIrql);
        KeWaitForever(&Resource->SharedWaiters, WrResource);
        OldIrql = KfAcquireSpinLock(&Resource->SpinLock); // the releaser counted us in ActiveCount
        ExpAddSharedOwner(Resource, &OldIrql);
    }
    KfReleaseSpinLock(&Resource->SpinLock, OldIrql);
    return TRUE;
}

// Lets every shared waiter in. Locked; returns how many there were, to be released from the semaphore after
// unlocking.
static ULONG ExpAdmitShared(PERESOURCE Resource)
{
    ULONG Count = Resource->NumberOfSharedWaiters;

    Resource->NumberOfSharedWaiters = 0;
    Resource->ActiveCount += (SHORT)Count;
    return Count;
}

// Gives up one acquisition of the current thread and, with the last one, hands the resource on: to the shared waiters
// after an exclusive owner, to an exclusive waiter after shared ones. IRQL <= DISPATCH_LEVEL. Not an owner: bugcheck
// 0xE3.
VOID FASTCALL ExReleaseResourceLite(PERESOURCE Resource)
{
    KIRQL OldIrql = KfAcquireSpinLock(&Resource->SpinLock);
    POWNER_ENTRY Entry = ExpFindOwner(Resource, ExpCurrentOwner());
    BOOLEAN WakeExclusive = FALSE;
    ULONG WakeShared = 0;

    if (Entry == NULL)
        KeBugCheckEx(RESOURCE_NOT_OWNED, (ULONG_PTR)Resource, ExpCurrentOwner(), 0, 0);
    if (--Entry->OwnerCount == 0) {
        Entry->OwnerThread = 0;
        Resource->ActiveCount--;
        if (Resource->ActiveCount == 0) {
            BOOLEAN WasExclusive = (Resource->Flag & RESOURCE_EXCLUSIVE) != 0;

            Resource->Flag &= ~RESOURCE_EXCLUSIVE;
            if (Resource->NumberOfSharedWaiters != 0 && (WasExclusive || Resource->NumberOfExclusiveWaiters == 0)) {
                WakeShared = ExpAdmitShared(Resource);
            } else if (Resource->NumberOfExclusiveWaiters != 0) {
                Resource->NumberOfExclusiveWaiters--;
                Resource->ActiveCount = 1;
                Resource->Flag |= RESOURCE_EXCLUSIVE;
                WakeExclusive = TRUE;
            }
        }
    }
    KfReleaseSpinLock(&Resource->SpinLock, OldIrql);
    if (WakeShared != 0)
        KeReleaseSemaphore(&Resource->SharedWaiters, EVENT_INCREMENT, (LONG)WakeShared, FALSE);
    if (WakeExclusive)
        KeSetEvent(&Resource->ExclusiveWaiters, EVENT_INCREMENT, FALSE);
}

// Makes the exclusive owner a shared one and lets the shared waiters in. IRQL <= DISPATCH_LEVEL; the exclusive owner.
VOID NTAPI ExConvertExclusiveToSharedLite(PERESOURCE Resource)
{
    KIRQL OldIrql = KfAcquireSpinLock(&Resource->SpinLock);
    ULONG WakeShared;

    ASSERT((Resource->Flag & RESOURCE_EXCLUSIVE) && Resource->OwnerEntry.OwnerThread == ExpCurrentOwner());
    Resource->Flag &= ~RESOURCE_EXCLUSIVE;
    WakeShared = ExpAdmitShared(Resource);
    KfReleaseSpinLock(&Resource->SpinLock, OldIrql);
    if (WakeShared != 0)
        KeReleaseSemaphore(&Resource->SharedWaiters, EVENT_INCREMENT, (LONG)WakeShared, FALSE);
}

// Does the current thread own the resource exclusively? IRQL <= DISPATCH_LEVEL.
BOOLEAN NTAPI ExIsResourceAcquiredExclusiveLite(PERESOURCE Resource)
{
    KIRQL OldIrql = KfAcquireSpinLock(&Resource->SpinLock);
    BOOLEAN Owned = (Resource->Flag & RESOURCE_EXCLUSIVE) && Resource->OwnerEntry.OwnerThread == ExpCurrentOwner();

    KfReleaseSpinLock(&Resource->SpinLock, OldIrql);
    return Owned;
}

// How many times does the current thread own the resource, in either way? IRQL <= DISPATCH_LEVEL.
ULONG NTAPI ExIsResourceAcquiredSharedLite(PERESOURCE Resource)
{
    KIRQL OldIrql = KfAcquireSpinLock(&Resource->SpinLock);
    POWNER_ENTRY Entry = ExpFindOwner(Resource, ExpCurrentOwner());
    ULONG Count = Entry != NULL ? (ULONG)Entry->OwnerCount : 0;

    KfReleaseSpinLock(&Resource->SpinLock, OldIrql);
    return Count;
}
