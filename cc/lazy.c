// SPDX-License-Identifier: MIT
// The lazy writer: once a second, while anything is dirty, a worker thread writes an eighth of the dirty pages, and
// more if they come in so fast that three quarters of the threshold would be passed; besides whatever has waited for
// CC_WRITE_BEHIND_AGE, and files that nobody has open any more, whose maps it then gives up. All under the file
// systems' own locks. Source: Windows Internals, "Write-Back Caching and Lazy Writing".

#include "ccp.h"

#define CC_LAZY_PERIOD (-10000000ll) // one second
#define CC_LAZY_SHARE 8u
#define CC_WRITE_BEHIND_AGE 512u // ticks of 15.625 ms: 8 seconds

static KTIMER CcpLazyTimer;
static KDPC CcpLazyDpc;
static WORK_QUEUE_ITEM CcpLazyItem;
static volatile LONG CcpTimerSet, CcpWorkQueued;
static KEVENT CcpScanIdle;       // set while no scan is under way
static ULONG CcpDirtyAtLastScan; // when it had ended; only a scan uses it

static BOOLEAN CcpIsOld(PSHARED_CACHE_MAP Map)
{
    return KeTickCount.LowPart - Map->DirtySince >= CC_WRITE_BEHIND_AGE;
}

static BOOLEAN CcpIsTemporary(PSHARED_CACHE_MAP Map)
{
    return (Map->FileObject->Flags & FO_TEMPORARY_FILE) && CcTotalDirtyPages < CcDirtyPageThreshold / 2;
}

// CcpMasterLock held.
static BOOLEAN CcpHasWork(PSHARED_CACHE_MAP Map)
{
    if (Map->Flags & SHARED_CACHE_MAP_LAZY_CLOSE)
        return TRUE;
    return Map->DirtyPages != 0 && !(Map->Flags & SHARED_CACHE_MAP_NO_WRITE) && !CcpIsTemporary(Map);
}

// The next map behind Previous (NULL: the first) that has work, with a reference. Previous keeps its.
static PSHARED_CACHE_MAP CcpNextWork(PSHARED_CACHE_MAP Previous)
{
    PSHARED_CACHE_MAP Found = NULL;
    PLIST_ENTRY Entry;

    KeAcquireGuardedMutex(&CcpMasterLock);
    for (Entry = Previous != NULL ? Previous->Links.Flink : CcpSharedCacheMaps.Flink; Entry != &CcpSharedCacheMaps;
         Entry = Entry->Flink) {
        PSHARED_CACHE_MAP Map = CONTAINING_RECORD(Entry, SHARED_CACHE_MAP, Links);

        if (CcpHasWork(Map)) {
            Map->OpenCount++;
            Found = Map;
            break;
        }
    }
    KeReleaseGuardedMutex(&CcpMasterLock);
    return Found;
}

// The valid data is on the disk up to the goal: the file system may note it. Only by-the-book file systems care.
static VOID CcpAdvanceValidData(PSHARED_CACHE_MAP Map)
{
    LARGE_INTEGER Goal = Map->ValidDataGoal;

    if (Goal.QuadPart == MAXLONGLONG || Goal.QuadPart <= Map->ValidDataLength.QuadPart || Map->DirtyPages != 0)
        return;
    if (NT_SUCCESS(IoSetValidDataLength(Map->FileObject, &Goal)))
        Map->ValidDataLength = Goal;
}

// Writes up to Limit pages of one file. The file system may refuse its lock; then the next scan tries again.
static ULONG CcpWriteBehind(PSHARED_CACHE_MAP Map, ULONG Limit)
{
    PCACHE_MANAGER_CALLBACKS Callbacks = Map->Callbacks;
    NTSTATUS Status;
    ULONG Pages;

    if (!Callbacks->AcquireForLazyWrite(Map->LazyWriteContext, TRUE))
        return 0;
    Status = CcpFlushMap(Map, 0, CC_END_OF_FILE, Limit, &Pages);
    Callbacks->ReleaseFromLazyWrite(Map->LazyWriteContext);
    if (NT_SUCCESS(Status))
        CcpAdvanceValidData(Map);
    else
        DbgPrint("CC: lazy write of %wZ failed, status %08x\n", &Map->FileObject->FileName, Status);
    if (Pages != 0)
        CcStatistics.LazyWriteIos++;
    CcStatistics.LazyWritePages += Pages;
    return Pages;
}

// How many pages this scan is to write: an eighth, and as many more as would pass the dirty page target if the next
// second brings as many as the last one did.
static ULONG CcpScanTarget(VOID)
{
    ULONG Dirty = CcTotalDirtyPages, Target = Dirty > CC_LAZY_SHARE ? Dirty / CC_LAZY_SHARE : Dirty;
    ULONG Next = Dirty > CcpDirtyAtLastScan ? Dirty + (Dirty - CcpDirtyAtLastScan) : Dirty;

    if (CcpIsWriteDeferred())
        return Dirty;
    if (Next > CcDirtyPageThreshold / 4 * 3)
        Target += Next - CcDirtyPageThreshold / 4 * 3;
    return min_of(Target, Dirty);
}

// All: everything that is dirty, whatever its age.
static VOID CcpScan(BOOLEAN All)
{
    ULONG Target, Written = 0;
    PSHARED_CACHE_MAP Map, Next;

    KeWaitForever(&CcpScanIdle, Executive);
    Target = CcpScanTarget();
    for (Map = CcpNextWork(NULL); Map != NULL; Map = Next) {
        BOOLEAN Closing = (Map->Flags & SHARED_CACHE_MAP_LAZY_CLOSE) != 0;

        if (All || Closing || CcpIsOld(Map))
            Written += CcpWriteBehind(Map, MAXULONG);
        else if (Written < Target)
            Written += CcpWriteBehind(Map, Target - Written);
        Next = CcpNextWork(Map);
        CcpDereferenceMap(Map); // deletes it if it was kept for this only
    }
    CcpDirtyAtLastScan = CcTotalDirtyPages;
    KeSetEvent(&CcpScanIdle, IO_NO_INCREMENT, FALSE);
    CcpPostDeferredWrites(Written == 0);
    if (CcTotalDirtyPages != 0)
        CcpStartLazyWriter();
}

// Does now what the lazy writer would do in its next seconds: after it, what was dirty before is written and closed
// files have no maps. PASSIVE_LEVEL, none of a file system's locks held.
NTSTATUS NTAPI CcWaitForCurrentLazyWriterActivity(VOID)
{
    CcpScan(TRUE);
    return STATUS_SUCCESS;
}

static VOID NTAPI CcpLazyWorker(PVOID Context)
{
    UNREFERENCED_PARAMETER(Context);
    InterlockedExchange(&CcpWorkQueued, FALSE); // who finds it so queues another scan: before this one looks
    CcpScan(FALSE);
}

static VOID CcpQueueScan(VOID)
{
    if (InterlockedExchange(&CcpWorkQueued, TRUE) == FALSE)
        ExQueueWorkItem(&CcpLazyItem, CriticalWorkQueue);
}

static VOID NTAPI CcpLazyTimerDpc(PKDPC Dpc, PVOID Context, PVOID Argument1, PVOID Argument2)
{
    UNREFERENCED_PARAMETER(Dpc);
    UNREFERENCED_PARAMETER(Context);
    UNREFERENCED_PARAMETER(Argument1);
    UNREFERENCED_PARAMETER(Argument2);
    InterlockedExchange(&CcpTimerSet, FALSE); // a map that gets dirty from here on sets the timer again
    CcpQueueScan();
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

// Somebody waits for the lazy writer: it scans at once. <= DISPATCH_LEVEL.
VOID CcpHurryLazyWriter(VOID)
{
    CcpQueueScan();
}

VOID CcpInitializeLazyWriter(VOID)
{
    KeInitializeEvent(&CcpScanIdle, SynchronizationEvent, TRUE);
    KeInitializeTimer(&CcpLazyTimer);
    KeInitializeDpc(&CcpLazyDpc, CcpLazyTimerDpc, NULL);
    ExInitializeWorkItem(&CcpLazyItem, CcpLazyWorker, NULL);
}
