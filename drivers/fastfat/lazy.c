// SPDX-License-Identifier: MIT
// The lazy flush: a second after the first change a worker thread writes the metadata of every volume that has some;
// two quiet seconds later it marks the volume clean. Nothing to do, no timer. It takes the place of Cc's lazy writer
// for metadata, which must be written in order.

#include "fat.h"

#define FAT_LAZY_PERIOD (-10000000ll) // one second
#define FAT_IDLE_TICKS 2              // ticks without a look at metadata

static PVCB FatNextVolume(PVCB Previous)
{
    KIRQL OldIrql = KfAcquireSpinLock(&FatData.Lock);
    PLIST_ENTRY Entry = Previous == NULL ? FatData.Volumes.Flink : Previous->Links.Flink;

    KfReleaseSpinLock(&FatData.Lock, OldIrql);
    return Entry == &FatData.Volumes ? NULL : CONTAINING_RECORD(Entry, VCB, Links); // volumes are never taken off
}

// Nobody has touched the volume's metadata for a while: it is marked clean, and no page of it stays pinned.
static VOID FatRestVolume(PVCB Vcb)
{
    IGNORE_STATUS(FatMarkVolumeClean(Vcb)); // then it stays marked dirty, which is true
    FatUnpinBlock(Vcb);
}

// One tick for one volume. Vcb->Resource keeps it out of the middle of a change to the name space.
static VOID FatLazyTick(PVCB Vcb)
{
    ExAcquireResourceExclusiveLite(&Vcb->Resource, TRUE);
    FatReapFcbs(Vcb); // what a close could not free
    FatLockMeta(Vcb);
    if (Vcb->DirtyBlocks != 0 || Vcb->InfoStale || Vcb->Freed.Free != Vcb->Freed.Count) {
        IGNORE_STATUS(FatFlushMeta(Vcb)); // what failed stays dirty: the next tick tries again
        FatStartLazyFlush();
    } else if (Vcb->MarkedDirty || Vcb->Meta.PinnedBlock != NULL) {
        if (++Vcb->IdleTicks >= FAT_IDLE_TICKS)
            FatRestVolume(Vcb);
        else
            FatStartLazyFlush();
    }
    FatUnlockMeta(Vcb);
    ExReleaseResourceLite(&Vcb->Resource);
}

static VOID NTAPI FatLazyWorker(PVOID Context)
{
    UNREFERENCED_PARAMETER(Context);
    FatData.WorkQueued = 0;
    KeEnterCriticalRegion();
    for (PVCB Vcb = FatNextVolume(NULL); Vcb != NULL; Vcb = FatNextVolume(Vcb))
        FatLazyTick(Vcb);
    KeLeaveCriticalRegion();
}

static VOID NTAPI FatLazyDpc(PKDPC Dpc, PVOID Context, PVOID Argument1, PVOID Argument2)
{
    UNREFERENCED_PARAMETER(Dpc);
    UNREFERENCED_PARAMETER(Context);
    UNREFERENCED_PARAMETER(Argument1);
    UNREFERENCED_PARAMETER(Argument2);
    FatData.TimerSet = 0;
    if (InterlockedExchange(&FatData.WorkQueued, 1) == 0)
        ExQueueWorkItem(&FatData.WorkItem, DelayedWorkQueue);
}

// Makes the lazy worker run in a second, if it is not going to already. <= DISPATCH_LEVEL.
VOID FatStartLazyFlush(VOID)
{
    LARGE_INTEGER Due;

    if (FatData.TimerSet || InterlockedExchange(&FatData.TimerSet, 1) != 0)
        return;
    Due.QuadPart = FAT_LAZY_PERIOD;
    KeSetTimer(&FatData.Timer, Due, &FatData.Dpc);
}

VOID FatInitializeLazyFlush(VOID)
{
    KeInitializeTimer(&FatData.Timer);
    KeInitializeDpc(&FatData.Dpc, FatLazyDpc, NULL);
    ExInitializeWorkItem(&FatData.WorkItem, FatLazyWorker, NULL);
}

// Everything of a volume to its disk, marked clean, at a moment at which no change is half done: writes have ended and
// no more come in, and the exclusive Vcb->Resource keeps everybody else out. What changes afterwards stays in memory.
static NTSTATUS FatShutdownVolume(PVCB Vcb)
{
    NTSTATUS Status;

    ExWaitForRundownProtectionRelease(&Vcb->Writes);
    ExAcquireResourceExclusiveLite(&Vcb->Resource, TRUE);
    Status = FatFlushVolume(Vcb);
    FatLockMeta(Vcb);
    if (NT_SUCCESS(Status))
        Status = FatMarkVolumeClean(Vcb);
    Vcb->Flags |= VCB_SHUT_DOWN;
    FatUnlockMeta(Vcb);
    ExReleaseResourceLite(&Vcb->Resource);
    return NT_SUCCESS(Status) ? FatFlushDevice(Vcb->Target) : Status;
}

// System shutdown. A second one finds nothing to do. PASSIVE_LEVEL, critical region.
VOID FatShutdownVolumes(VOID)
{
    for (PVCB Vcb = FatNextVolume(NULL); Vcb != NULL; Vcb = FatNextVolume(Vcb)) {
        NTSTATUS Status = Vcb->Flags & VCB_SHUT_DOWN ? STATUS_SUCCESS : FatShutdownVolume(Vcb);

        if (!NT_SUCCESS(Status))
            DbgPrint("FAT: volume %08x was not flushed, status %08x\n", Vcb->Geometry.SerialNumber, Status);
    }
}
