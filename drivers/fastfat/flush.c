// SPDX-License-Identifier: MIT
// Writing metadata back, in an order that a power cut may interrupt anywhere: first the volume says that it is in use,
// then the FAT (new clusters), then directories (which may name them), and only then are freed clusters free again, on
// the disk and for the next allocation. So an entry on the disk never names a cluster that is free or another file's.
// Between these steps the disk writes its own cache.

#include "fat.h"

// What has been written of the metadata is on the disk before anything that follows: a disk with a write cache may
// write in any order, and lose any part, between two of these. MetaResource held.
static NTSTATUS FatWriteBarrier(PVCB Vcb)
{
    NTSTATUS Status = STATUS_SUCCESS;

    if (Vcb->Meta.InDiskCache) {
        Status = FatFlushDevice(Vcb->Target);
        Vcb->Meta.InDiskCache = !NT_SUCCESS(Status);
    }
    return Status;
}

static NTSTATUS FatWriteFats(PVCB Vcb)
{
    return FatWriteBlocks(Vcb, Vcb->Geometry.FatLbo, Vcb->Geometry.DataLbo);
}

// Sets or clears the two "not shut down cleanly" marks: bit 0 of the boot sector's state byte, entry 1 of the FAT.
static NTSTATUS FatWriteMarks(PVCB Vcb, BOOLEAN Dirty)
{
    ULONG Entry;
    UCHAR State;
    NTSTATUS Status = FatReadMeta(Vcb, FAT_BOOT_STATE, &State, sizeof(State));

    if (NT_SUCCESS(Status))
        Status = FatGetFatEntry(Vcb, 1, &Entry);
    if (!NT_SUCCESS(Status))
        return Status;
    State = Dirty ? State | FAT_STATE_DIRTY : State & ~FAT_STATE_DIRTY;
    Entry = Dirty ? Entry & ~FAT_ENTRY1_CLEAN : Entry | FAT_ENTRY1_CLEAN;
    Status = FatWriteMeta(Vcb, FAT_BOOT_STATE, &State, sizeof(State));
    if (NT_SUCCESS(Status))
        Status = FatSetFatEntry(Vcb, 1, Entry);
    if (NT_SUCCESS(Status))
        Status = FatWriteBlocks(Vcb, 0, Vcb->Geometry.FatLbo);
    return Status;
}

// Makes the disk say that the volume is in use; before anything else is written. MetaResource held. STATUS_TOO_LATE:
// the system has shut it down, and what the disk says of it is final.
NTSTATUS NTAPI FatMarkVolumeDirty(PVCB Vcb)
{
    NTSTATUS Status;

    if (Vcb->Flags & VCB_SHUT_DOWN)
        return STATUS_TOO_LATE;
    if (Vcb->MarkedDirty)
        return STATUS_SUCCESS;
    Status = FatWriteMarks(Vcb, TRUE);
    if (NT_SUCCESS(Status))
        Status = FatWriteBarrier(Vcb);
    if (NT_SUCCESS(Status))
        Vcb->MarkedDirty = TRUE;
    return Status;
}

static NTSTATUS FatWriteInfo(PVCB Vcb)
{
    UCHAR Counts[8];
    NTSTATUS Status;

    if (!Vcb->InfoStale || Vcb->Geometry.FsInfoLbo == 0)
        return STATUS_SUCCESS;
    FatPut32(Counts, Vcb->Map.Free);
    FatPut32(Counts + 4, Vcb->NextFree);
    Status = FatWriteMeta(Vcb, Vcb->Geometry.FsInfoLbo + FAT_FSINFO_FREE, Counts, sizeof(Counts));
    if (NT_SUCCESS(Status))
        Status = FatWriteBlocks(Vcb, 0, Vcb->Geometry.FatLbo);
    if (NT_SUCCESS(Status))
        Vcb->InfoStale = FALSE;
    return Status;
}

static NTSTATUS FatFlushInOrder(PVCB Vcb)
{
    NTSTATUS Status = FatMarkVolumeDirty(Vcb);

    if (NT_SUCCESS(Status))
        Status = FatWriteBarrier(Vcb); // the zeros of new directory clusters
    if (NT_SUCCESS(Status))
        Status = FatWriteFats(Vcb);
    if (NT_SUCCESS(Status))
        Status = FatWriteBarrier(Vcb);
    if (NT_SUCCESS(Status))
        Status = FatWriteBlocks(Vcb, Vcb->Geometry.DataLbo, Vcb->Geometry.VolumeBytes);
    if (NT_SUCCESS(Status))
        Status = FatWriteBarrier(Vcb);
    if (NT_SUCCESS(Status))
        Status = FatApplyFreed(Vcb);
    if (NT_SUCCESS(Status))
        Status = FatWriteFats(Vcb);
    if (NT_SUCCESS(Status))
        Status = FatWriteInfo(Vcb);
    return Status;
}

// Writes all changed metadata of the volume.
//
// Takes MetaResource (may be held already). <= APC_LEVEL. Returns the first error; what is not written stays dirty.
NTSTATUS NTAPI FatFlushMeta(PVCB Vcb)
{
    NTSTATUS Status = STATUS_SUCCESS;

    FatLockMeta(Vcb);
    if (!Vcb->Flushing && (Vcb->DirtyBlocks != 0 || Vcb->InfoStale || Vcb->Freed.Free != Vcb->Freed.Count)) {
        Vcb->Flushing = TRUE;
        Status = FatFlushInOrder(Vcb);
        Vcb->Flushing = FALSE;
    }
    FatUnlockMeta(Vcb);
    return Status;
}

// Flushes and makes the disk say that the volume was shut down cleanly, unless it was found otherwise. Takes
// MetaResource.
NTSTATUS NTAPI FatMarkVolumeClean(PVCB Vcb)
{
    NTSTATUS Status;

    FatLockMeta(Vcb);
    Status = FatFlushMeta(Vcb);
    if (NT_SUCCESS(Status) && Vcb->MarkedDirty && !(Vcb->Flags & VCB_WAS_DIRTY)) {
        Status = FatWriteBarrier(Vcb);
        if (NT_SUCCESS(Status))
            Status = FatWriteMarks(Vcb, FALSE);
        if (NT_SUCCESS(Status))
            Status = FatWriteFats(Vcb);
        if (NT_SUCCESS(Status))
            Vcb->MarkedDirty = FALSE;
    }
    FatUnlockMeta(Vcb);
    return Status;
}

// Writes the cached data of one file. The caller holds its MainResource, shared at least. Paging I/O follows.
NTSTATUS NTAPI FatFlushFile(PFCB Fcb)
{
    IO_STATUS_BLOCK IoStatus = {{STATUS_SUCCESS}, 0};

    if (Fcb->Section.DataSectionObject != NULL)
        CcFlushCache(&Fcb->Section, NULL, 0, &IoStatus);
    return IoStatus.Status;
}

// Writes the data of every file of the volume, then its metadata, then the device's cache.
//
// Takes Vcb->Resource shared and each file's MainResource. PASSIVE_LEVEL. Goes on after errors; returns the first.
NTSTATUS NTAPI FatFlushVolume(PVCB Vcb)
{
    NTSTATUS Result = STATUS_SUCCESS, Status;

    ExAcquireResourceSharedLite(&Vcb->Resource, TRUE);
    for (PFCB Fcb = FatNextFcb(Vcb, NULL); Fcb != NULL; Fcb = FatNextFcb(Vcb, Fcb)) {
        if (FatIsDirectory(Fcb))
            continue;
        ExAcquireResourceSharedLite(&Fcb->MainResource, TRUE);
        Status = FatFlushFile(Fcb);
        ExReleaseResourceLite(&Fcb->MainResource);
        if (!NT_SUCCESS(Status) && NT_SUCCESS(Result))
            Result = Status;
    }
    Status = FatFlushMeta(Vcb);
    ExReleaseResourceLite(&Vcb->Resource);
    if (NT_SUCCESS(Status))
        Status = FatFlushDevice(Vcb->Target);
    return NT_SUCCESS(Result) ? Status : Result;
}
