// SPDX-License-Identifier: MIT
// Flushing, purging, and following a file's size.

#include "ccp.h"

// Writes what is dirty of a file's cached and mapped data and waits for it. Works for a file that is mapped but not
// cached.
//
// Offset NULL: all of it.   <= APC_LEVEL; the file system's paging writes follow in this thread.
VOID NTAPI CcFlushCache(PSECTION_OBJECT_POINTERS Pointers, PLARGE_INTEGER Offset, ULONG Length,
                        PIO_STATUS_BLOCK IoStatus)
{
    PSHARED_CACHE_MAP Map = CcpReferenceMap(Pointers);
    IO_STATUS_BLOCK Local;

    if (IoStatus == NULL)
        IoStatus = &Local;
    IoStatus->Status = STATUS_SUCCESS;
    IoStatus->Information = 0;
    if (Map != NULL && Offset == NULL) {
        InterlockedExchange(&Map->DirtyBytes, 0);
        InterlockedExchange(&Map->Dirty, FALSE); // what is written from here on counts again
    }
    if (Pointers->DataSectionObject != NULL)
        IoStatus->Status = MmFlushSection(Pointers, Offset, Length, IoStatus);
    if (Map != NULL) {
        if (!NT_SUCCESS(IoStatus->Status))
            CcpNoteDirty(Map, 0);
        CcpDereferenceMap(Map);
    }
}

// Drops the cached pages of a range without writing them.
//
// Offset NULL: from the start; Length 0: to the end.   <= APC_LEVEL; the file system excludes other users of the range.
// FALSE: a view that is in use, or a user's, keeps some.
BOOLEAN NTAPI CcPurgeCacheSection(PSECTION_OBJECT_POINTERS Pointers, PLARGE_INTEGER Offset, ULONG Length,
                                  BOOLEAN UninitializeCacheMaps)
{
    PSHARED_CACHE_MAP Map = CcpReferenceMap(Pointers);
    ULONGLONG Start = Offset != NULL ? (ULONGLONG)Offset->QuadPart : 0;
    ULONGLONG End = Length != 0 ? Start + Length : MAXULONG * (ULONGLONG)PAGE_SIZE;
    BOOLEAN Result = TRUE;

    if (Map != NULL)
        Result = CcpUnmapViews(Map, Start, End);
    if (Pointers->DataSectionObject != NULL && !MmPurgeSection(Pointers, Offset, Length))
        Result = FALSE;
    if (Map != NULL) {
        if (Result && Start == 0 && Length == 0 && UninitializeCacheMaps)
            Map->Dirty = FALSE; // nothing is left to be written: the last reference deletes the map
        CcpDereferenceMap(Map);
    }
    return Result;
}

static NTSTATUS CcpExtend(PSHARED_CACHE_MAP Map, ULONGLONG FileSize)
{
    LARGE_INTEGER Size;
    NTSTATUS Status;

    if (FileSize <= (ULONGLONG)Map->SectionSize.QuadPart)
        return STATUS_SUCCESS;
    Size.QuadPart = (LONGLONG)((FileSize + VACB_MAPPING_GRANULARITY - 1) & ~(ULONGLONG)(VACB_MAPPING_GRANULARITY - 1));
    Status = CcpGrowVacbs(Map, (ULONGLONG)Size.QuadPart);
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

    CcpUnmapViews(Map, (ULONGLONG)Start.QuadPart, MAXULONG * (ULONGLONG)PAGE_SIZE); // a pinned view keeps its pages
    MmPurgeSection(Map->Pointers, &Start, 0);
    return Status;
}

// Tells the cache that the file's size has changed. A file that is not cached is left alone.
//
// The file system has changed it already and holds its lock on the file exclusively, but none that paging I/O takes.
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
    }
    CcpDereferenceMap(Map);
    if (!NT_SUCCESS(Status))
        ExRaiseStatus(Status);
}
