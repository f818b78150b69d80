// SPDX-License-Identifier: MIT
// Throttling: writers that fill the cache faster than the disk empties it have to wait. File systems ask before they
// take their locks; what the lazy writer has written lets the waiters go, in the order in which they came.
// Source: Windows Internals, "Write Throttling".

#include "ccp.h"

volatile ULONG CcDirtyPageThreshold; // dirty pages from which on writers wait

typedef struct _CC_DEFERRED_WRITE {
    LIST_ENTRY Links;
    PFILE_OBJECT File;
    ULONG Bytes;
    PKEVENT Event; // NULL: PostRoutine is called
    PCC_POST_DEFERRED_WRITE PostRoutine;
    PVOID Context1, Context2;
} CC_DEFERRED_WRITE, *PCC_DEFERRED_WRITE;

static KSPIN_LOCK CcpDeferredLock;
static LIST_ENTRY CcpDeferredWrites;

#define CC_THRESHOLD_SHARE 8      // of memory
#define CC_LARGEST_WRITE 0x10000u // bytes: more than that of one write does not count

// An eighth of memory may be dirty, a little at least. PASSIVE_LEVEL, once.
VOID CcpInitializeThrottle(VOID)
{
    CcDirtyPageThreshold = max_of(MmNumberOfPhysicalPages / CC_THRESHOLD_SHARE, VACB_PAGES);
    KeInitializeSpinLock(&CcpDeferredLock);
    InitializeListHead(&CcpDeferredWrites);
}

// Would so many more dirty pages be too many, for the file or for the system?
BOOLEAN CcpIsOverThreshold(PSHARED_CACHE_MAP Map, ULONG Pages)
{
    if (CcTotalDirtyPages != 0 && CcTotalDirtyPages + Pages > CcDirtyPageThreshold)
        return TRUE;
    return Map != NULL && Map->DirtyPageThreshold != 0 && Map->DirtyPages != 0 &&
           (ULONG)Map->DirtyPages + Pages > Map->DirtyPageThreshold;
}

static BOOLEAN CcpMayWrite(PFILE_OBJECT File, ULONG Bytes)
{
    PSHARED_CACHE_MAP Map = File->SectionObjectPointer != NULL ? File->SectionObjectPointer->SharedCacheMap : NULL;

    return !CcpIsOverThreshold(Map, (min_of(Bytes, CC_LARGEST_WRITE) + PAGE_SIZE - 1) >> PAGE_SHIFT);
}

static VOID CcpQueueDeferred(PCC_DEFERRED_WRITE Write, BOOLEAN Retrying)
{
    KIRQL OldIrql = KfAcquireSpinLock(&CcpDeferredLock);

    if (Retrying)
        InsertHeadList(&CcpDeferredWrites, &Write->Links);
    else
        InsertTailList(&CcpDeferredWrites, &Write->Links);
    KfReleaseSpinLock(&CcpDeferredLock, OldIrql);
    CcpHurryLazyWriter();
}

// Does somebody wait? Any IRQL; a hint.
BOOLEAN CcpIsWriteDeferred(VOID)
{
    return !IsListEmpty(&CcpDeferredWrites);
}

// The lazy writer has written: lets go who may write now. All: nothing could be written, so waiting is of no use.
// <= APC_LEVEL.
VOID CcpPostDeferredWrites(BOOLEAN All)
{
    for (;;) {
        PCC_DEFERRED_WRITE Write = NULL;
        KIRQL OldIrql = KfAcquireSpinLock(&CcpDeferredLock);

        if (!IsListEmpty(&CcpDeferredWrites)) {
            PCC_DEFERRED_WRITE First = CONTAINING_RECORD(CcpDeferredWrites.Flink, CC_DEFERRED_WRITE, Links);

            if (All || CcpMayWrite(First->File, First->Bytes)) {
                Write = First;
                RemoveEntryList(&Write->Links);
            }
        }
        KfReleaseSpinLock(&CcpDeferredLock, OldIrql);
        if (Write == NULL)
            return;
        if (Write->Event != NULL) {
            KeSetEvent(Write->Event, IO_NO_INCREMENT, FALSE); // Write is gone now: it is on the waiter's stack
        } else {
            Write->PostRoutine(Write->Context1, Write->Context2);
            ExFreePoolWithTag(Write, TAG_CC_WORK);
        }
    }
}

// May this many bytes be written to the cache now?
//
// Wait: waits until they may (no lock of the file system may be held then). Retrying: it was deferred once already.
// <= APC_LEVEL. FALSE, without Wait: use CcDeferWrite.
BOOLEAN NTAPI CcCanIWrite(PFILE_OBJECT File, ULONG Bytes, BOOLEAN Wait, BOOLEAN Retrying)
{
    CC_DEFERRED_WRITE Write;
    KEVENT Event;

    if ((IsListEmpty(&CcpDeferredWrites) || Retrying) && CcpMayWrite(File, Bytes))
        return TRUE;
    if (!Wait)
        return FALSE;
    KeInitializeEvent(&Event, NotificationEvent, FALSE);
    Write.File = File;
    Write.Bytes = Bytes;
    Write.Event = &Event;
    CcpQueueDeferred(&Write, Retrying);
    KeWaitForever(&Event, Executive);
    return TRUE;
}

// Has PostRoutine called, in a system thread, when the bytes may be written; the write itself is that routine's.
//
// <= APC_LEVEL. Without memory to remember it by, it is called at once.
VOID NTAPI CcDeferWrite(PFILE_OBJECT File, PCC_POST_DEFERRED_WRITE PostRoutine, PVOID Context1, PVOID Context2,
                        ULONG Bytes, BOOLEAN Retrying)
{
    PCC_DEFERRED_WRITE Write = ExAllocatePoolWithTag(NonPagedPool, sizeof(*Write), TAG_CC_WORK);

    if (Write == NULL) {
        PostRoutine(Context1, Context2);
        return;
    }
    Write->File = File;
    Write->Bytes = Bytes;
    Write->Event = NULL;
    Write->PostRoutine = PostRoutine;
    Write->Context1 = Context1;
    Write->Context2 = Context2;
    CcpQueueDeferred(Write, Retrying);
}
