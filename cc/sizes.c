// SPDX-License-Identifier: MIT
// What a file system tells Cc about a file: its sizes, and how it wants it cached.

#include "ccp.h"

static NTSTATUS CcpExtend(PSHARED_CACHE_MAP Map, ULONGLONG FileSize)
{
    LARGE_INTEGER Size;
    NTSTATUS Status;

    if (FileSize <= (ULONGLONG)Map->SectionSize.QuadPart)
        return STATUS_SUCCESS;
    Size.QuadPart = (LONGLONG)((FileSize + VACB_MAPPING_GRANULARITY - 1) & ~(ULONGLONG)(VACB_MAPPING_GRANULARITY - 1));
    Status = CcpGrowSlots(Map, (ULONGLONG)Size.QuadPart);
    if (NT_SUCCESS(Status))
        Status = MmExtendCacheSection(Map->Section, &Size);
    if (NT_SUCCESS(Status))
        Map->SectionSize = Size;
    return Status;
}

// The file got shorter: zeroes the rest of its last page, so that growing again shows zeros, and drops the pages
// behind.
static NTSTATUS CcpTruncate(PSHARED_CACHE_MAP Map, ULONGLONG FileSize)
{
    LARGE_INTEGER Start = {.QuadPart = (LONGLONG)((FileSize + PAGE_SIZE - 1) & ~(ULONGLONG)(PAGE_SIZE - 1))};
    NTSTATUS Status = CcpZeroRange(Map, FileSize, (ULONGLONG)Start.QuadPart);

    CcpUnmapViews(Map, (ULONGLONG)Start.QuadPart, CC_END_OF_FILE); // a pinned view keeps its pages
    if (MmPurgeSection(Map->Pointers, &Start, 0)) {
        CcpForgetDirty(Map, (ULONGLONG)Start.QuadPart, CC_END_OF_FILE);
        CcpCleanBcbs(Map, (ULONGLONG)Start.QuadPart, CC_END_OF_FILE, FALSE);
    }
    return Status;
}

// Tells the cache that the file's sizes have changed. A file that is not cached is left alone.
//
// The file system has changed them already and holds its lock on the file exclusively, but none that paging I/O takes.
// <= APC_LEVEL. Raises STATUS_INSUFFICIENT_RESOURCES if the section cannot grow; the old size counts then.
VOID NTAPI CcSetFileSizes(PFILE_OBJECT File, PCC_FILE_SIZES Sizes)
{
    PSHARED_CACHE_MAP Map = CcpReferenceMap(File->SectionObjectPointer);
    ULONGLONG NewSize = (ULONGLONG)Sizes->FileSize.QuadPart, OldSize;
    NTSTATUS Status;

    if (Map == NULL)
        return;
    OldSize = (ULONGLONG)Map->FileSize.QuadPart;
    Status = CcpExtend(Map, NewSize);
    if (NT_SUCCESS(Status)) {
        Map->FileSize = Sizes->FileSize;
        if (NewSize < OldSize)
            Status = CcpTruncate(Map, NewSize);
        if (Map->ValidDataGoal.QuadPart != MAXLONGLONG && Map->ValidDataGoal.QuadPart > Sizes->FileSize.QuadPart)
            Map->ValidDataGoal = Sizes->FileSize;
        if (Map->ValidDataLength.QuadPart != MAXLONGLONG && Map->ValidDataLength.QuadPart > Sizes->FileSize.QuadPart)
            Map->ValidDataLength = Sizes->FileSize;
    }
    CcpDereferenceMap(Map);
    if (!NT_SUCCESS(Status))
        ExRaiseStatus(Status);
}

// Turns read-ahead and write-behind of a cached file off (or on again). Without write-behind nobody but the file system
// writes the file's modified pages, by CcFlushCache: neither the lazy writer nor Mm.   While nothing of it is dirty.
VOID NTAPI CcSetAdditionalCacheAttributes(PFILE_OBJECT File, BOOLEAN DisableReadAhead, BOOLEAN DisableWriteBehind)
{
    PSHARED_CACHE_MAP Map = File->SectionObjectPointer->SharedCacheMap;

    ASSERT(Map != NULL && Map->DirtyPages == 0);
    KeAcquireGuardedMutex(&CcpMasterLock);
    Map->Flags &= ~(ULONG)(SHARED_CACHE_MAP_NO_READ | SHARED_CACHE_MAP_NO_WRITE);
    Map->Flags |=
        (DisableReadAhead ? SHARED_CACHE_MAP_NO_READ : 0) | (DisableWriteBehind ? SHARED_CACHE_MAP_NO_WRITE : 0);
    KeReleaseGuardedMutex(&CcpMasterLock);
    MmSetSectionPolicy(File->SectionObjectPointer, DisableReadAhead, DisableWriteBehind);
}

// Sets how many pages of this file may be dirty before its writers have to wait. 0: only the system's limit counts.
VOID NTAPI CcSetDirtyPageThreshold(PFILE_OBJECT File, ULONG Pages)
{
    PSHARED_CACHE_MAP Map = File->SectionObjectPointer->SharedCacheMap;

    if (Map != NULL)
        Map->DirtyPageThreshold = Pages;
}

// The file object that caching of a file began with, or NULL if it is not cached. Not referenced.
PFILE_OBJECT NTAPI CcGetFileObjectFromSectionPtrs(PSECTION_OBJECT_POINTERS Pointers)
{
    PSHARED_CACHE_MAP Map = Pointers->SharedCacheMap;

    return Map != NULL ? Map->FileObject : NULL;
}

// The same, referenced. <= APC_LEVEL.
PFILE_OBJECT NTAPI CcGetFileObjectFromSectionPtrsRef(PSECTION_OBJECT_POINTERS Pointers)
{
    PSHARED_CACHE_MAP Map;
    PFILE_OBJECT File = NULL;

    KeAcquireGuardedMutex(&CcpMasterLock);
    Map = Pointers->SharedCacheMap;
    if (Map != NULL) {
        File = Map->FileObject;
        ObReferenceObject(File);
    }
    KeReleaseGuardedMutex(&CcpMasterLock);
    return File;
}
