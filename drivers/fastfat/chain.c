// SPDX-License-Identifier: MIT
// Cluster chains: a file's chain is followed in the FAT as far as somebody asks, and kept as runs. A chain that leaves
// the volume, meets a free or bad cluster, or is longer than the volume (a loop) is corrupt.

#include "fat.h"

#define FAT_FIRST_RUNS 8u

// Makes room for another run. MetaResource held.
static NTSTATUS FatGrowRuns(PFCB Fcb)
{
    ULONG Capacity = Fcb->RunCapacity != 0 ? Fcb->RunCapacity * 2 : FAT_FIRST_RUNS;
    PFAT_RUN Runs = ExAllocatePoolWithTag(NonPagedPool, Capacity * sizeof(FAT_RUN), TAG_FAT_RUN), Old = Fcb->Runs;
    KIRQL OldIrql;

    if (Runs == NULL)
        return STATUS_INSUFFICIENT_RESOURCES;
    if (Old != NULL)
        memcpy(Runs, Old, Fcb->RunCount * sizeof(FAT_RUN));
    OldIrql = KfAcquireSpinLock(&Fcb->Vcb->RunLock);
    Fcb->Runs = Runs;
    Fcb->RunCapacity = Capacity;
    KfReleaseSpinLock(&Fcb->Vcb->RunLock, OldIrql);
    if (Old != NULL)
        ExFreePoolWithTag(Old, TAG_FAT_RUN);
    return STATUS_SUCCESS;
}

// Adds clusters to the end of the known chain. MetaResource held.
NTSTATUS NTAPI FatAppendRun(PFCB Fcb, ULONG Lcn, ULONG Count)
{
    PFAT_RUN Last = Fcb->RunCount != 0 ? &Fcb->Runs[Fcb->RunCount - 1] : NULL;
    BOOLEAN Joins = Last != NULL && Last->Lcn + Last->Count == Lcn;
    KIRQL OldIrql;

    if (!Joins && Fcb->RunCount == Fcb->RunCapacity) {
        NTSTATUS Status = FatGrowRuns(Fcb);

        if (!NT_SUCCESS(Status))
            return Status;
    }
    OldIrql = KfAcquireSpinLock(&Fcb->Vcb->RunLock);
    if (Joins)
        Last->Count += Count;
    else
        Fcb->Runs[Fcb->RunCount++] = (FAT_RUN){Fcb->MappedClusters, Lcn, Count};
    Fcb->MappedClusters += Count;
    KfReleaseSpinLock(&Fcb->Vcb->RunLock, OldIrql);
    return STATUS_SUCCESS;
}

// Frees the runs. The chain is read from the FAT again when it is needed.
VOID FatForgetChain(PFCB Fcb)
{
    if (Fcb->Runs != NULL)
        ExFreePoolWithTag(Fcb->Runs, TAG_FAT_RUN);
    Fcb->Runs = NULL;
    Fcb->RunCount = Fcb->RunCapacity = Fcb->MappedClusters = 0;
    Fcb->ChainComplete = FALSE;
}

// Follows the chain by one cluster.
static NTSTATUS FatFollowChain(PFCB Fcb)
{
    PVCB Vcb = Fcb->Vcb;
    ULONG Next = Fcb->FirstCluster;

    if (Fcb->RunCount != 0) {
        PFAT_RUN Last = &Fcb->Runs[Fcb->RunCount - 1];
        NTSTATUS Status = FatGetFatEntry(Vcb, Last->Lcn + Last->Count - 1, &Next);

        if (!NT_SUCCESS(Status))
            return Status;
    } else if (Next == 0) {
        Next = FAT_ENTRY_END;
    }
    if (Next >= FAT_ENTRY_END_MINIMUM) {
        Fcb->ChainComplete = TRUE;
        return STATUS_SUCCESS;
    }
    if (!FatIsDataCluster(Vcb, Next) || Fcb->MappedClusters >= Vcb->Geometry.ClusterCount)
        return STATUS_FILE_CORRUPT_ERROR;
    return FatAppendRun(Fcb, Next, 1);
}

static PFAT_RUN FatFindRun(PFCB Fcb, ULONG Vcn)
{
    ULONG Low = 0, High = Fcb->RunCount;

    while (High - Low > 1) {
        ULONG Middle = (Low + High) / 2;

        if (Fcb->Runs[Middle].Vcn <= Vcn)
            Low = Middle;
        else
            High = Middle;
    }
    return &Fcb->Runs[Low];
}

// Finds where cluster Vcn of the file lies, and how many clusters from there on lie together (as far as known).
//
// MetaResource held. STATUS_END_OF_FILE: the chain is shorter. STATUS_FILE_CORRUPT_ERROR: it is broken before that.
NTSTATUS NTAPI FatLookupCluster(PFCB Fcb, ULONG Vcn, PULONG Lcn, PULONG Count)
{
    PFAT_RUN Run;

    while (Vcn >= Fcb->MappedClusters) {
        NTSTATUS Status;

        if (Fcb->ChainComplete)
            return STATUS_END_OF_FILE;
        Status = FatFollowChain(Fcb);
        if (!NT_SUCCESS(Status))
            return Status;
    }
    Run = FatFindRun(Fcb, Vcn);
    *Lcn = Run->Lcn + (Vcn - Run->Vcn);
    *Count = Run->Count - (Vcn - Run->Vcn);
    return STATUS_SUCCESS;
}

// Follows the chain to its end; MappedClusters is its length then. MetaResource held.
NTSTATUS NTAPI FatLoadChain(PFCB Fcb)
{
    NTSTATUS Status = STATUS_SUCCESS;

    while (!Fcb->ChainComplete && NT_SUCCESS(Status))
        Status = FatFollowChain(Fcb);
    return Status;
}

// Translates what is known already: *Count clusters from Vcn on lie together at *Lcn. FALSE: the chain has to be
// followed further, up to Last. Takes RunLock only, so that a page write waits for no metadata to be read.
static BOOLEAN FatFindKnown(PFCB Fcb, ULONG Vcn, ULONG Last, PULONG Lcn, PULONG Count)
{
    KIRQL OldIrql = KfAcquireSpinLock(&Fcb->Vcb->RunLock);
    BOOLEAN Known = Last < Fcb->MappedClusters;

    if (Known) {
        PFAT_RUN Run = FatFindRun(Fcb, Vcn);

        *Lcn = Run->Lcn + (Vcn - Run->Vcn);
        *Count = Run->Count - (Vcn - Run->Vcn);
    }
    KfReleaseSpinLock(&Fcb->Vcb->RunLock, OldIrql);
    return Known;
}

// Translates a byte range of the file: *Lbo on the volume, *Bytes (at most Length) that lie together.
//
// Paging I/O comes through here: takes MetaResource only if the chain is not known so far.
// STATUS_FILE_CORRUPT_ERROR if the chain ends before Offset.
NTSTATUS NTAPI FatMapRange(PFCB Fcb, ULONG Offset, ULONG Length, PULONGLONG Lbo, PULONG Bytes)
{
    PFAT_GEOMETRY Geometry = &Fcb->Vcb->Geometry;
    ULONG Within = Offset & (Geometry->ClusterSize - 1), Vcn = Offset >> Geometry->ClusterShift, Lcn = 0, Count = 0;
    ULONG Last = (ULONG)(((ULONGLONG)Offset + Length - 1) >> Geometry->ClusterShift), Ignored;
    ULONGLONG Together;
    NTSTATUS Status = STATUS_SUCCESS;

    if (!FatFindKnown(Fcb, Vcn, Last, &Lcn, &Count)) {
        FatLockMeta(Fcb->Vcb);
        Status = FatLookupCluster(Fcb, Last, &Ignored, &Count); // so that the runs in between are known and joined
        if (NT_SUCCESS(Status) || Status == STATUS_END_OF_FILE)
            Status = FatLookupCluster(Fcb, Vcn, &Lcn, &Count);
        FatUnlockMeta(Fcb->Vcb);
    }
    if (!NT_SUCCESS(Status))
        return Status == STATUS_END_OF_FILE ? STATUS_FILE_CORRUPT_ERROR : Status;
    Together = ((ULONGLONG)Count << Geometry->ClusterShift) - Within;
    *Lbo = FatClusterLbo(Fcb->Vcb, Lcn) + Within;
    *Bytes = (ULONG)min_of((ULONGLONG)Length, Together);
    return STATUS_SUCCESS;
}
