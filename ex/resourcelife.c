// SPDX-License-Identifier: MIT
// Executive resources: making and deleting them, the questions one may ask, and the pairs with a critical region.
// Acquiring and releasing: resource.c. Source: WDK, "Introduction to ERESOURCE Routines".

#include "exp.h"

static LIST_ENTRY ExpSystemResources = {&ExpSystemResources, &ExpSystemResources};
static KSPIN_LOCK ExpSystemResourcesLock;

// Makes a free resource, in nonpaged memory. IRQL <= DISPATCH_LEVEL. Never fails.
NTSTATUS NTAPI(ExInitializeResourceLite)(PERESOURCE Resource)
{
    KIRQL OldIrql;

    RtlZeroMemory(Resource, sizeof(*Resource));
    OldIrql = KfAcquireSpinLock(&ExpSystemResourcesLock);
    InsertTailList(&ExpSystemResources, &Resource->SystemResourcesList);
    KfReleaseSpinLock(&ExpSystemResourcesLock, OldIrql);
    KeInitializeSpinLock(&Resource->SpinLock);
    return STATUS_SUCCESS;
}

// Makes a free resource as good as new, keeping its owner table. IRQL <= DISPATCH_LEVEL. Never fails.
NTSTATUS NTAPI ExReinitializeResourceLite(PERESOURCE Resource)
{
    ASSERT(Resource->ActiveEntries == 0 && Resource->SharedWaiters == NULL && Resource->ExclusiveWaiters == NULL);
    Resource->Flag = 0;
    Resource->ContentionCount = 0;
    return STATUS_SUCCESS;
}

// Takes a free resource out of the system's list and frees its owner table. IRQL <= DISPATCH_LEVEL. Never fails.
NTSTATUS NTAPI ExDeleteResourceLite(PERESOURCE Resource)
{
    KIRQL OldIrql;

    ASSERT(Resource->ActiveEntries == 0 && Resource->SharedWaiters == NULL && Resource->ExclusiveWaiters == NULL);
    OldIrql = KfAcquireSpinLock(&ExpSystemResourcesLock);
    RemoveEntryList(&Resource->SystemResourcesList);
    KfReleaseSpinLock(&ExpSystemResourcesLock, OldIrql);
    if (Resource->OwnerTable != NULL)
        ExFreePoolWithTag(Resource->OwnerTable, TAG_EX_RESOURCE);
    Resource->OwnerTable = NULL;
    KeForgetDeadLocks(Resource, sizeof(*Resource));
    return STATUS_SUCCESS;
}

// Owners of this resource are not boosted for those who wait for it. IRQL <= DISPATCH_LEVEL.
VOID NTAPI ExDisableResourceBoostLite(PERESOURCE Resource)
{
    KIRQL OldIrql = KfAcquireSpinLock(&Resource->SpinLock);

    Resource->Flag |= RESOURCE_NO_BOOST;
    KfReleaseSpinLock(&Resource->SpinLock, OldIrql);
}

// Does the current thread own the resource exclusively? IRQL <= DISPATCH_LEVEL.
BOOLEAN NTAPI ExIsResourceAcquiredExclusiveLite(PERESOURCE Resource)
{
    KIRQL OldIrql = KfAcquireSpinLock(&Resource->SpinLock);
    BOOLEAN Owned = (Resource->Flag & ResourceOwnedExclusive) != 0 &&
                    Resource->OwnerEntry.OwnerThread == ExGetCurrentResourceThread();

    KfReleaseSpinLock(&Resource->SpinLock, OldIrql);
    return Owned;
}

// How many times does the current thread own the resource, in either way? IRQL <= DISPATCH_LEVEL.
ULONG NTAPI ExIsResourceAcquiredSharedLite(PERESOURCE Resource)
{
    KIRQL OldIrql = KfAcquireSpinLock(&Resource->SpinLock);
    ULONG Count = 0, Size = Resource->OwnerTable != NULL ? Resource->OwnerTable[0].TableSize : 0;

    if (Resource->OwnerEntry.OwnerThread == ExGetCurrentResourceThread())
        Count = (ULONG)Resource->OwnerEntry.OwnerCount;
    for (ULONG Index = 1; Index < Size && Count == 0; Index++) {
        if (Resource->OwnerTable[Index].OwnerThread == ExGetCurrentResourceThread())
            Count = (ULONG)Resource->OwnerTable[Index].OwnerCount;
    }
    KfReleaseSpinLock(&Resource->SpinLock, OldIrql);
    return Count;
}

// How many threads wait for exclusive, for shared ownership at this moment? Any IRQL.
ULONG NTAPI ExGetExclusiveWaiterCount(PERESOURCE Resource)
{
    return Resource->NumberOfExclusiveWaiters;
}

ULONG NTAPI ExGetSharedWaiterCount(PERESOURCE Resource)
{
    return Resource->NumberOfSharedWaiters;
}

// Enters a critical region and waits for the resource. IRQL <= APC_LEVEL. Returns the thread's Win32Thread, as NT does
// for win32k's sake.
PVOID NTAPI ExEnterCriticalRegionAndAcquireResourceExclusive(PERESOURCE Resource)
{
    KeEnterCriticalRegion();
    ExAcquireResourceExclusiveLite(Resource, TRUE);
    return KeGetCurrentThread()->Win32Thread;
}

PVOID NTAPI ExEnterCriticalRegionAndAcquireResourceShared(PERESOURCE Resource)
{
    KeEnterCriticalRegion();
    ExAcquireResourceSharedLite(Resource, TRUE);
    return KeGetCurrentThread()->Win32Thread;
}

VOID FASTCALL ExReleaseResourceAndLeaveCriticalRegion(PERESOURCE Resource)
{
    ExReleaseResourceLite(Resource);
    KeLeaveCriticalRegion();
}
