// SPDX-License-Identifier: MIT
// For file systems that keep a log: which ranges are dirty since which record. A flush sees to it that the log is
// written first (bcb.c). Also the question whether a volume has anything to write.

#include "ccp.h"

// Says that changes to a stream are logged: Lsns given to CcSetDirtyPinnedData belong to LogHandle, and
// FlushToLsnRoutine writes that log up to a record. Called without locks of Cc's.
VOID NTAPI CcSetLogHandleForFile(PFILE_OBJECT File, PVOID LogHandle, PFLUSH_TO_LSN FlushToLsnRoutine)
{
    PSHARED_CACHE_MAP Map = File->SectionObjectPointer->SharedCacheMap;

    ASSERT(Map != NULL);
    Map->LogHandle = LogHandle;
    Map->FlushToLsn = FlushToLsnRoutine;
}

// The next map behind Previous of those that Wanted says, with a reference. Previous loses its.
static PSHARED_CACHE_MAP CcpNextMap(PSHARED_CACHE_MAP Previous, BOOLEAN (*Wanted)(PSHARED_CACHE_MAP, PVOID),
                                    PVOID Context)
{
    PSHARED_CACHE_MAP Found = NULL;
    PLIST_ENTRY Entry;

    KeAcquireGuardedMutex(&CcpMasterLock);
    Entry = Previous != NULL ? Previous->Links.Flink : CcpSharedCacheMaps.Flink;
    for (; Entry != &CcpSharedCacheMaps && Found == NULL; Entry = Entry->Flink) {
        PSHARED_CACHE_MAP Map = CONTAINING_RECORD(Entry, SHARED_CACHE_MAP, Links);

        if (Wanted(Map, Context)) {
            Map->OpenCount++;
            Found = Map;
        }
    }
    KeReleaseGuardedMutex(&CcpMasterLock);
    if (Previous != NULL)
        CcpDereferenceMap(Previous);
    return Found;
}

static BOOLEAN CcpHasLog(PSHARED_CACHE_MAP Map, PVOID Log)
{
    return Map->LogHandle == Log;
}

// Calls Routine for every dirty range whose changes belong to a log.
//
// Routine: under a lock of the file's; it must not pin or flush it.   <= APC_LEVEL. Returns the oldest Lsn, 0 if there
// is none: the log is not needed before that record.
LARGE_INTEGER NTAPI CcGetDirtyPages(PVOID LogHandle, PDIRTY_PAGE_ROUTINE Routine, PVOID Context1, PVOID Context2)
{
    LARGE_INTEGER Oldest = {.QuadPart = 0};
    PSHARED_CACHE_MAP Map = NULL;

    while ((Map = CcpNextMap(Map, CcpHasLog, LogHandle)) != NULL) {
        KeAcquireGuardedMutex(&Map->BcbMutex);
        for (PLIST_ENTRY Entry = Map->BcbList.Flink; Entry != &Map->BcbList; Entry = Entry->Flink) {
            PBCB Bcb = CONTAINING_RECORD(Entry, BCB, BcbLinks);

            if (!Bcb->Dirty)
                continue;
            Routine(Map->FileObject, &Bcb->Public.MappedFileOffset, Bcb->Public.MappedLength, &Bcb->OldestLsn,
                    &Bcb->NewestLsn, Context1, Context2);
            if (Bcb->OldestLsn.QuadPart != 0 && (Oldest.QuadPart == 0 || Bcb->OldestLsn.QuadPart < Oldest.QuadPart))
                Oldest = Bcb->OldestLsn;
        }
        KeReleaseGuardedMutex(&Map->BcbMutex);
    }
    return Oldest;
}

// Has a cached file of this volume anything that waits to be written? Temporary files do not count.   <= APC_LEVEL.
BOOLEAN NTAPI CcIsThereDirtyData(PVPB Vpb)
{
    BOOLEAN Found = FALSE;

    KeAcquireGuardedMutex(&CcpMasterLock);
    for (PLIST_ENTRY Entry = CcpSharedCacheMaps.Flink; Entry != &CcpSharedCacheMaps && !Found; Entry = Entry->Flink) {
        PSHARED_CACHE_MAP Map = CONTAINING_RECORD(Entry, SHARED_CACHE_MAP, Links);

        Found = Map->DirtyPages != 0 && Map->FileObject->Vpb == Vpb && !(Map->FileObject->Flags & FO_TEMPORARY_FILE);
    }
    KeReleaseGuardedMutex(&CcpMasterLock);
    return Found;
}
