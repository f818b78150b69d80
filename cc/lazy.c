// SPDX-License-Identifier: MIT
// The lazy writer: a second after data got dirty a worker thread flushes every dirty file, under the file system's own
// locks, and gives up maps that were only kept for that. No dirty data, no timer.

#include "ccp.h"

#define CC_LAZY_PERIOD (-10000000ll) // one second

static KTIMER CcpLazyTimer;
static KDPC CcpLazyDpc;
static WORK_QUEUE_ITEM CcpLazyItem;
static volatile LONG CcpTimerSet, CcpWorkQueued;
static KEVENT CcpScanIdle; // set while no scan is under way

// The next map behind Previous (NULL: the first) that is dirty or waits to be closed, with a reference. Previous keeps
// its.
static PSHARED_CACHE_MAP CcpNextWork(PSHARED_CACHE_MAP Previous)
{
    PSHARED_CACHE_MAP Found = NULL;
    PLIST_ENTRY Entry;

    KeAcquireGuardedMutex(&CcpMasterLock);
    for (Entry = Previous != NULL ? Previous->Links.Flink : CcpSharedCacheMaps.Flink; Entry != &CcpSharedCacheMaps;
         Entry = Entry->Flink) {
        PSHARED_CACHE_MAP Map = CONTAINING_RECORD(Entry, SHARED_CACHE_MAP, Links);

        if (Map->Dirty || (Map->Flags & SHARED_CACHE_MAP_LAZY_CLOSE)) {
            Map->OpenCount++;
            Found = Map;
            break;
        }
    }
    KeReleaseGuardedMutex(&CcpMasterLock);
    return Found;
}

// Flushes one file. The file system may refuse its lock; then the next scan tries again.
static VOID CcpWriteBehind(PSHARED_CACHE_MAP Map)
{
    PCACHE_MANAGER_CALLBACKS Callbacks = Map->Callbacks;
    IO_STATUS_BLOCK IoStatus;

    if (!Callbacks->AcquireForLazyWrite(Map->LazyWriteContext, TRUE)) {
        CcpStartLazyWriter();
        return;
    }
    CcFlushCache(Map->Pointers, NULL, 0, &IoStatus);
    Callbacks->ReleaseFromLazyWrite(Map->LazyWriteContext);
    if (!NT_SUCCESS(IoStatus.Status))
        DbgPrint("CC: lazy write of %wZ failed, status %08x\n", &Map->FileObject->FileName, IoStatus.Status);
}

static VOID CcpScan(VOID)
{
    PSHARED_CACHE_MAP Map, Next;

    KeWaitForever(&CcpScanIdle, Executive);
    for (Map = CcpNextWork(NULL); Map != NULL; Map = Next) {
        CcpWriteBehind(Map);
        Next = CcpNextWork(Map);
        CcpDereferenceMap(Map); // deletes it if it was kept for this only
    }
    KeSetEvent(&CcpScanIdle, IO_NO_INCREMENT, FALSE);
}

// Does now what the lazy writer would do next: after it, what was dirty before is written and closed files have no
// maps. PASSIVE_LEVEL, none of a file system's locks held.
VOID CcWaitForCurrentLazyWriterActivity(VOID)
{
    CcpScan();
}

static VOID NTAPI CcpLazyWorker(PVOID Context)
{
    UNREFERENCED_PARAMETER(Context);
    InterlockedExchange(&CcpWorkQueued, FALSE); // who finds it so queues another scan: before this one looks
    CcpScan();
}

static VOID NTAPI CcpLazyTimerDpc(PKDPC Dpc, PVOID Context, PVOID Argument1, PVOID Argument2)
{
    UNREFERENCED_PARAMETER(Dpc);
    UNREFERENCED_PARAMETER(Context);
    UNREFERENCED_PARAMETER(Argument1);
    UNREFERENCED_PARAMETER(Argument2);
    InterlockedExchange(&CcpTimerSet, FALSE); // a map that gets dirty from here on sets the timer again
    if (InterlockedExchange(&CcpWorkQueued, TRUE) == FALSE)
        ExQueueWorkItem(&CcpLazyItem, CriticalWorkQueue);
}

// Makes the lazy writer scan in a second, if it is not going to already. <= DISPATCH_LEVEL.
VOID CcpStartLazyWriter(VOID)
{
    LARGE_INTEGER Due;

    if (CcpTimerSet || InterlockedExchange(&CcpTimerSet, TRUE) != FALSE)
        return;
    Due.QuadPart = CC_LAZY_PERIOD;
    KeSetTimer(&CcpLazyTimer, Due, &CcpLazyDpc);
}

VOID CcpInitializeLazyWriter(VOID)
{
    KeInitializeEvent(&CcpScanIdle, SynchronizationEvent, TRUE);
    KeInitializeTimer(&CcpLazyTimer);
    KeInitializeDpc(&CcpLazyDpc, CcpLazyTimerDpc, NULL);
    ExInitializeWorkItem(&CcpLazyItem, CcpLazyWorker, NULL);
}
