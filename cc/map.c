// SPDX-License-Identifier: MIT
// Shared cache maps: one a cached file, made by the first CcInitializeCacheMap, given up after the last
// CcUninitializeCacheMap. A clean one goes at once (Mm keeps the pages for the next open); a dirty one waits for the
// lazy writer.

#include "ccp.h"

KGUARDED_MUTEX CcpMasterLock;
LIST_ENTRY CcpSharedCacheMaps;
CC_STATISTICS CcStatistics;

// Prepares the cache manager. PASSIVE_LEVEL, once, in phase 1, before the first file system. FALSE: no memory.
BOOLEAN CcInitializeCacheManager(VOID)
{
    KeInitializeGuardedMutex(&CcpMasterLock);
    InitializeListHead(&CcpSharedCacheMaps);
    CcpInitializeThrottle();
    CcpInitializeLazyWriter();
    return CcpInitializeViews();
}

static ULONGLONG CcpSectionSize(ULONGLONG FileSize)
{
    ULONGLONG Size = (FileSize + VACB_MAPPING_GRANULARITY - 1) & ~(ULONGLONG)(VACB_MAPPING_GRANULARITY - 1);

    return Size != 0 ? Size : VACB_MAPPING_GRANULARITY;
}

static VOID CcpFreeMap(PSHARED_CACHE_MAP Map)
{
    if (Map->Slots != Map->InitialSlots)
        ExFreePoolWithTag(Map->Slots, TAG_CC_VACB);
    ExFreePoolWithTag(Map, TAG_CC_SHARED);
}

static PSHARED_CACHE_MAP CcpAllocateMap(PFILE_OBJECT File, PCC_FILE_SIZES Sizes)
{
    PSHARED_CACHE_MAP Map = ExAllocatePoolZero(NonPagedPool, sizeof(*Map), TAG_CC_SHARED);

    if (Map == NULL)
        return NULL;
    Map->NodeTypeCode = CC_NTC_SHARED_CACHE_MAP;
    Map->NodeByteSize = sizeof(*Map);
    Map->FileSize = Sizes->FileSize;
    Map->ValidDataLength = Map->ValidDataGoal = Sizes->ValidDataLength;
    Map->SectionSize.QuadPart = (LONGLONG)CcpSectionSize((ULONGLONG)Sizes->FileSize.QuadPart);
    Map->Slots = Map->InitialSlots;
    Map->SlotCount = CC_INITIAL_SLOTS;
    Map->Pointers = File->SectionObjectPointer;
    InitializeListHead(&Map->PrivateList);
    InitializeListHead(&Map->BcbList);
    KeInitializeGuardedMutex(&Map->BcbMutex);
    return Map;
}

// Makes a file's map. CcpMasterLock held.
static NTSTATUS CcpCreateMap(PFILE_OBJECT File, PCC_FILE_SIZES Sizes, BOOLEAN PinAccess,
                             PCACHE_MANAGER_CALLBACKS Callbacks, PVOID Context)
{
    PSHARED_CACHE_MAP Map = CcpAllocateMap(File, Sizes);
    NTSTATUS Status;

    if (Map == NULL)
        return STATUS_INSUFFICIENT_RESOURCES;
    Map->Flags = PinAccess ? SHARED_CACHE_MAP_PIN_ACCESS : 0;
    Map->Callbacks = Callbacks;
    Map->LazyWriteContext = Context;
    Status = CcpGrowSlots(Map, (ULONGLONG)Map->SectionSize.QuadPart);
    if (NT_SUCCESS(Status))
        Status = MmCreateCacheSection(File, &Map->SectionSize, &Map->Section);
    if (!NT_SUCCESS(Status)) {
        CcpFreeMap(Map);
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
    BOOLEAN All = CcpUnmapViews(Map, 0, CC_END_OF_FILE);
    PCACHE_UNINITIALIZE_EVENT Event = Map->UninitializeEvents, Next;

    ASSERT(All && Map->DirtyPages == 0);
    UNREFERENCED_PARAMETER(All);
    CcpCleanBcbs(Map, 0, CC_END_OF_FILE, FALSE);
    ASSERT(IsListEmpty(&Map->BcbList) && IsListEmpty(&Map->PrivateList));
    ObDereferenceObject(Map->Section);
    ObDereferenceObject(Map->FileObject);
    CcpFreeMap(Map);
    for (; Event != NULL; Event = Next) {
        Next = Event->Next; // the waiter's: gone once it is set
        KeSetEvent(&Event->Event, IO_NO_INCREMENT, FALSE);
    }
}

// The file's map with a passing reference, or NULL if it has none. <= APC_LEVEL.
PSHARED_CACHE_MAP CcpReferenceMap(PSECTION_OBJECT_POINTERS Pointers)
{
    PSHARED_CACHE_MAP Map;

    if (*(PVOID volatile *)&Pointers->SharedCacheMap == NULL)
        return NULL;
    KeAcquireGuardedMutex(&CcpMasterLock);
    Map = Pointers->SharedCacheMap;
    if (Map != NULL)
        Map->OpenCount++;
    KeReleaseGuardedMutex(&CcpMasterLock);
    return Map;
}

// One reference more to a map that the caller keeps open. <= APC_LEVEL.
VOID CcpAddReference(PSHARED_CACHE_MAP Map)
{
    KeAcquireGuardedMutex(&CcpMasterLock);
    Map->OpenCount++;
    KeReleaseGuardedMutex(&CcpMasterLock);
}

// Drops a reference. The last one deletes a clean map and leaves a dirty one to the lazy writer. <= APC_LEVEL.
VOID CcpDereferenceMap(PSHARED_CACHE_MAP Map)
{
    BOOLEAN Delete;

    KeAcquireGuardedMutex(&CcpMasterLock);
    ASSERT(Map->OpenCount != 0);
    Map->OpenCount--;
    Delete = Map->OpenCount == 0 && Map->DirtyPages == 0;
    if (Delete) {
        CcpUnlinkMap(Map);
    } else if (Map->OpenCount == 0) {
        Map->Flags |= SHARED_CACHE_MAP_LAZY_CLOSE;
        CcpStartLazyWriter();
    }
    KeReleaseGuardedMutex(&CcpMasterLock);
    if (Delete)
        CcpDeleteMap(Map);
}

// Begins caching of a file for a file object; the first one makes the map.
//
// Sizes: the file's. PinAccess: the file system will pin. Callbacks, Context: how the lazy writer and read-ahead get
// the file system's locks. The file object must have SectionObjectPointer; its file system serializes this with size
// changes.   <= APC_LEVEL. Raises STATUS_INSUFFICIENT_RESOURCES and what Mm fails with. CcUninitializeCacheMap undoes
// it.
VOID NTAPI CcInitializeCacheMap(PFILE_OBJECT File, PCC_FILE_SIZES Sizes, BOOLEAN PinAccess,
                                PCACHE_MANAGER_CALLBACKS Callbacks, PVOID Context)
{
    PPRIVATE_CACHE_MAP Private;
    NTSTATUS Status = STATUS_SUCCESS;

    ASSERT_IRQL_LESS_OR_EQUAL(APC_LEVEL);
    Private = ExAllocatePoolZero(NonPagedPool, sizeof(*Private), TAG_CC_PRIVATE);
    if (Private == NULL)
        ExRaiseStatus(STATUS_INSUFFICIENT_RESOURCES);
    Private->NodeTypeCode = CC_NTC_PRIVATE_CACHE_MAP;
    Private->NodeByteSize = sizeof(*Private);
    Private->FileObject = File;
    Private->ReadAheadMask = PAGE_SIZE - 1;

    KeAcquireGuardedMutex(&CcpMasterLock);
    if (File->PrivateCacheMap != NULL) { // another thread did it for this file object
        KeReleaseGuardedMutex(&CcpMasterLock);
        ExFreePoolWithTag(Private, TAG_CC_PRIVATE);
        return;
    }
    if (File->SectionObjectPointer->SharedCacheMap == NULL)
        Status = CcpCreateMap(File, Sizes, PinAccess, Callbacks, Context);
    if (NT_SUCCESS(Status)) {
        PSHARED_CACHE_MAP Map = File->SectionObjectPointer->SharedCacheMap;

        Map->OpenCount++;
        Map->Flags &= ~SHARED_CACHE_MAP_LAZY_CLOSE;
        InsertTailList(&Map->PrivateList, &Private->PrivateLinks);
        File->PrivateCacheMap = Private;
    }
    KeReleaseGuardedMutex(&CcpMasterLock);
    if (!NT_SUCCESS(Status)) {
        ExFreePoolWithTag(Private, TAG_CC_PRIVATE);
        ExRaiseStatus(Status);
    }
}

// The map goes on without this file object. CcpMasterLock held.
static PPRIVATE_CACHE_MAP CcpDetachPrivate(PSHARED_CACHE_MAP Map, PFILE_OBJECT File)
{
    PPRIVATE_CACHE_MAP Private = File->PrivateCacheMap;

    if (Private != NULL) {
        File->PrivateCacheMap = NULL;
        RemoveEntryList(&Private->PrivateLinks);
        Map->OpenCount--;
    }
    return Private;
}

// Ends caching for every file object of a file. The caller holds the file system's lock exclusively and a reference.
VOID CcpDetachAll(PSHARED_CACHE_MAP Map)
{
    for (;;) {
        PPRIVATE_CACHE_MAP Private = NULL;

        KeAcquireGuardedMutex(&CcpMasterLock);
        if (!IsListEmpty(&Map->PrivateList)) {
            Private = CONTAINING_RECORD(Map->PrivateList.Flink, PRIVATE_CACHE_MAP, PrivateLinks);
            CcpDetachPrivate(Map, Private->FileObject);
        }
        KeReleaseGuardedMutex(&CcpMasterLock);
        if (Private == NULL)
            return;
        ExFreePoolWithTag(Private, TAG_CC_PRIVATE);
    }
}

// Ends caching for a file object (which need not have begun it).
//
// TruncateSize: what is cached behind it is worthless and goes at once; if nobody else has the file, so does the map.
// UninitializeEvent: set when the map is gone, which may be later.   <= APC_LEVEL. TRUE: the map is gone.
BOOLEAN NTAPI CcUninitializeCacheMap(PFILE_OBJECT File, PLARGE_INTEGER TruncateSize,
                                     PCACHE_UNINITIALIZE_EVENT UninitializeEvent)
{
    PSHARED_CACHE_MAP Map = CcpReferenceMap(File->SectionObjectPointer);
    PPRIVATE_CACHE_MAP Private;
    BOOLEAN Gone;

    if (Map == NULL) {
        if (UninitializeEvent != NULL)
            KeSetEvent(&UninitializeEvent->Event, IO_NO_INCREMENT, FALSE);
        return TRUE;
    }
    KeAcquireGuardedMutex(&CcpMasterLock);
    Private = CcpDetachPrivate(Map, File);
    Gone = Map->OpenCount == 1; // only this routine's reference
    if (UninitializeEvent != NULL) {
        UninitializeEvent->Next = Map->UninitializeEvents;
        Map->UninitializeEvents = UninitializeEvent;
    }
    KeReleaseGuardedMutex(&CcpMasterLock);
    if (Private != NULL)
        ExFreePoolWithTag(Private, TAG_CC_PRIVATE);
    if (Gone && TruncateSize != NULL) {
        LARGE_INTEGER Start = {.QuadPart = (TruncateSize->QuadPart + PAGE_SIZE - 1) & ~(LONGLONG)(PAGE_SIZE - 1)};

        CcpUnmapViews(Map, (ULONGLONG)Start.QuadPart, CC_END_OF_FILE);
        CcpForgetDirty(Map, (ULONGLONG)Start.QuadPart, CC_END_OF_FILE);
        CcpCleanBcbs(Map, (ULONGLONG)Start.QuadPart, CC_END_OF_FILE, FALSE);
        MmPurgeSection(Map->Pointers, &Start, 0);
    }
    Gone = Gone && Map->DirtyPages == 0;
    CcpDereferenceMap(Map);
    return Gone;
}
