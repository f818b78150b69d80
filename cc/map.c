// SPDX-License-Identifier: MIT
// Shared cache maps: one a cached file, made by the first CcInitializeCacheMap, given up after the last
// CcUninitializeCacheMap. A clean one goes at once (Mm keeps the pages for the next open); a dirty one waits for the
// lazy writer.

#include "ccp.h"

KGUARDED_MUTEX CcpMasterLock;
LIST_ENTRY CcpSharedCacheMaps;
ULONG CcpDirtyLimit;

// Prepares the cache manager. PASSIVE_LEVEL, once, in phase 1, before the first file system. FALSE: no memory.
BOOLEAN CcInitializeCacheManager(VOID)
{
    ULONG Limit = MmNumberOfPhysicalPages / 8;

    KeInitializeGuardedMutex(&CcpMasterLock);
    InitializeListHead(&CcpSharedCacheMaps);
    CcpDirtyLimit = (Limit > 0x1000 ? 0x1000 : Limit) * PAGE_SIZE;
    CcpInitializeLazyWriter();
    return CcpInitializeViews();
}

static ULONGLONG CcpSectionSize(ULONGLONG FileSize)
{
    ULONGLONG Size = (FileSize + VACB_MAPPING_GRANULARITY - 1) & ~(ULONGLONG)(VACB_MAPPING_GRANULARITY - 1);

    return Size != 0 ? Size : VACB_MAPPING_GRANULARITY;
}

// Makes a file's map. CcpMasterLock held.
static NTSTATUS CcpCreateMap(PFILE_OBJECT File, PCC_FILE_SIZES Sizes, PCACHE_MANAGER_CALLBACKS Callbacks, PVOID Context)
{
    PSHARED_CACHE_MAP Map = ExAllocatePoolZero(NonPagedPool, sizeof(*Map), TAG_CC_SHARED);
    NTSTATUS Status;

    if (Map == NULL)
        return STATUS_INSUFFICIENT_RESOURCES;
    Map->NodeTypeCode = CC_NTC_SHARED_CACHE_MAP;
    Map->NodeByteSize = sizeof(*Map);
    Map->FileSize = Sizes->FileSize;
    Map->SectionSize.QuadPart = (LONGLONG)CcpSectionSize((ULONGLONG)Sizes->FileSize.QuadPart);
    Map->Vacbs = Map->InitialVacbs;
    Map->VacbCount = CC_INITIAL_VACBS;
    Map->Pointers = File->SectionObjectPointer;
    Map->Callbacks = Callbacks;
    Map->LazyWriteContext = Context;
    Status = CcpGrowVacbs(Map, (ULONGLONG)Map->SectionSize.QuadPart);
    if (NT_SUCCESS(Status))
        Status = MmCreateCacheSection(File, &Map->SectionSize, &Map->Section);
    if (!NT_SUCCESS(Status)) {
        if (Map->Vacbs != Map->InitialVacbs)
            ExFreePoolWithTag(Map->Vacbs, TAG_CC_VACB);
        ExFreePoolWithTag(Map, TAG_CC_SHARED);
        return Status;
    }
    ObReferenceObject(File);
    Map->FileObject = File;
    InsertTailList(&CcpSharedCacheMaps, &Map->Links);
    File->SectionObjectPointer->SharedCacheMap = Map;
    return STATUS_SUCCESS;
}

// Takes a map that nobody uses out of the world. CcpMasterLock held; CcpDeleteMap follows without it.
static VOID CcpUnlinkMap(PSHARED_CACHE_MAP Map)
{
    ASSERT(Map->OpenCount == 0);
    RemoveEntryList(&Map->Links);
    Map->Pointers->SharedCacheMap = NULL;
}

static VOID CcpDeleteMap(PSHARED_CACHE_MAP Map)
{
    BOOLEAN All = CcpUnmapViews(Map, 0, MAXULONG * (ULONGLONG)PAGE_SIZE);

    ASSERT(All);
    UNREFERENCED_PARAMETER(All);
    ObDereferenceObject(Map->Section);
    ObDereferenceObject(Map->FileObject);
    if (Map->Vacbs != Map->InitialVacbs)
        ExFreePoolWithTag(Map->Vacbs, TAG_CC_VACB);
    ExFreePoolWithTag(Map, TAG_CC_SHARED);
}

// The file's map with a passing reference, or NULL if it has none. <= APC_LEVEL.
PSHARED_CACHE_MAP CcpReferenceMap(PSECTION_OBJECT_POINTERS Pointers)
{
    PSHARED_CACHE_MAP Map;

    KeAcquireGuardedMutex(&CcpMasterLock);
    Map = Pointers->SharedCacheMap;
    if (Map != NULL)
        Map->OpenCount++;
    KeReleaseGuardedMutex(&CcpMasterLock);
    return Map;
}

// Drops a reference. The last one deletes a clean map and leaves a dirty one to the lazy writer. <= APC_LEVEL.
VOID CcpDereferenceMap(PSHARED_CACHE_MAP Map)
{
    BOOLEAN Delete;

    KeAcquireGuardedMutex(&CcpMasterLock);
    ASSERT(Map->OpenCount != 0);
    Map->OpenCount--;
    Delete = Map->OpenCount == 0 && !Map->Dirty;
    if (Delete)
        CcpUnlinkMap(Map);
    else if (Map->OpenCount == 0)
        Map->Flags |= SHARED_CACHE_MAP_LAZY_CLOSE;
    KeReleaseGuardedMutex(&CcpMasterLock);
    if (Delete)
        CcpDeleteMap(Map);
}

// Begins caching of a file for a file object; the first one makes the map.
//
// Sizes: the file's. Callbacks, Context: how the lazy writer gets the file system's locks. The file object must have
// SectionObjectPointer; its file system serializes this with size changes.   <= APC_LEVEL.
// Raises STATUS_INSUFFICIENT_RESOURCES and what Mm fails with. CcUninitializeCacheMap undoes it.
VOID NTAPI CcInitializeCacheMap(PFILE_OBJECT File, PCC_FILE_SIZES Sizes, BOOLEAN PinAccess,
                                PCACHE_MANAGER_CALLBACKS Callbacks, PVOID Context)
{
    PPRIVATE_CACHE_MAP Private;
    NTSTATUS Status = STATUS_SUCCESS;

    UNREFERENCED_PARAMETER(PinAccess);
    ASSERT_IRQL_LESS_OR_EQUAL(APC_LEVEL);
    Private = ExAllocatePoolZero(NonPagedPool, sizeof(*Private), TAG_CC_PRIVATE);
    if (Private == NULL)
        ExRaiseStatus(STATUS_INSUFFICIENT_RESOURCES);
    Private->NodeTypeCode = CC_NTC_PRIVATE_CACHE_MAP;
    Private->NodeByteSize = sizeof(*Private);
    Private->FileObject = File;

    KeAcquireGuardedMutex(&CcpMasterLock);
    if (File->PrivateCacheMap != NULL) { // another thread did it for this file object
        KeReleaseGuardedMutex(&CcpMasterLock);
        ExFreePoolWithTag(Private, TAG_CC_PRIVATE);
        return;
    }
    if (File->SectionObjectPointer->SharedCacheMap == NULL)
        Status = CcpCreateMap(File, Sizes, Callbacks, Context);
    if (NT_SUCCESS(Status)) {
        PSHARED_CACHE_MAP Map = File->SectionObjectPointer->SharedCacheMap;

        Map->OpenCount++;
        Map->Flags &= ~SHARED_CACHE_MAP_LAZY_CLOSE;
        File->PrivateCacheMap = Private;
    }
    KeReleaseGuardedMutex(&CcpMasterLock);
    if (!NT_SUCCESS(Status)) {
        ExFreePoolWithTag(Private, TAG_CC_PRIVATE);
        ExRaiseStatus(Status);
    }
}

// Ends caching for a file object (which need not have begun it).
//
// TruncateSize: what is cached behind it is worthless and goes at once; if nobody else has the file, so does the map.
// <= APC_LEVEL. TRUE: the map is gone.
BOOLEAN NTAPI CcUninitializeCacheMap(PFILE_OBJECT File, PLARGE_INTEGER TruncateSize, PVOID UninitializeEvent)
{
    PSHARED_CACHE_MAP Map;
    PPRIVATE_CACHE_MAP Private;
    BOOLEAN Gone;

    ASSERT(UninitializeEvent == NULL);
    UNREFERENCED_PARAMETER(UninitializeEvent);
    Map = CcpReferenceMap(File->SectionObjectPointer);
    if (Map == NULL)
        return TRUE;
    KeAcquireGuardedMutex(&CcpMasterLock);
    Private = File->PrivateCacheMap;
    if (Private != NULL) {
        File->PrivateCacheMap = NULL;
        Map->OpenCount--;
    }
    Gone = Map->OpenCount == 1; // only this routine's reference
    KeReleaseGuardedMutex(&CcpMasterLock);
    if (Private != NULL)
        ExFreePoolWithTag(Private, TAG_CC_PRIVATE);
    if (Gone && TruncateSize != NULL) {
        LARGE_INTEGER Start = {.QuadPart = (TruncateSize->QuadPart + PAGE_SIZE - 1) & ~(LONGLONG)(PAGE_SIZE - 1)};

        if (CcpUnmapViews(Map, (ULONGLONG)Start.QuadPart, MAXULONG * (ULONGLONG)PAGE_SIZE) && Start.QuadPart == 0)
            Map->Dirty = FALSE;
        MmPurgeSection(Map->Pointers, &Start, 0);
    }
    Gone = Gone && !Map->Dirty;
    CcpDereferenceMap(Map);
    return Gone;
}
