// SPDX-License-Identifier: MIT
// Cluster chains: a file's chain is followed in the FAT as far as somebody asks, and kept as runs. A chain that leaves
// the volume, meets a free or bad cluster, or is longer than the volume (a loop) is corrupt.

#include "fat.h"

#define FAT_FIRST_RUNS 8u

// Adds clusters to the end of the known chain. MetaResource held.
NTSTATUS NTAPI FatAppendRun(PFCB Fcb, ULONG Lcn, ULONG Count)
{
    PFAT_RUN Last = Fcb->RunCount != 0 ? &Fcb->Runs[Fcb->RunCount - 1] : NULL;

    if (Last != NULL && Last->Lcn + Last->Count == Lcn) {
        Last->Count += Count;
        Fcb->MappedClusters += Count;
        return STATUS_SUCCESS;
    }
    if (Fcb->RunCount == Fcb->RunCapacity) {
        ULONG Capacity = Fcb->RunCapacity != 0 ? Fcb->RunCapacity * 2 : FAT_FIRST_RUNS;
        PFAT_RUN Runs = ExAllocatePoolWithTag(NonPagedPool, Capacity * sizeof(FAT_RUN), TAG_FAT_RUN);

        if (Runs == NULL)
            return STATUS_INSUFFICIENT_RESOURCES;
        if (Fcb->Runs != NULL) {
            memcpy(Runs, Fcb->Runs, Fcb->RunCount * sizeof(FAT_RUN));
            ExFreePoolWithTag(Fcb->Runs, TAG_FAT_RUN);
        }
        Fcb->Runs = Runs;
        Fcb->RunCapacity = Capacity;
    }
    Fcb->Runs[Fcb->RunCount++] = (FAT_RUN){Fcb->MappedClusters, Lcn, Count};
    Fcb->MappedClusters += Count;
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

// Translates a byte range of the file: *Lbo on the volume, *Bytes (at most Length) that lie together.
//
// Takes MetaResource: paging I/O comes through here. STATUS_FILE_CORRUPT_ERROR if the chain ends before Offset.
NTSTATUS NTAPI FatMapRange(PFCB Fcb, ULONG Offset, ULONG Length, PULONGLONG Lbo, PULONG Bytes)
{
    PFAT_GEOMETRY Geometry = &Fcb->Vcb->Geometry;
    ULONG Within = Offset & (Geometry->ClusterSize - 1), Vcn = Offset >> Geometry->ClusterShift, Lcn = 0, Count = 0;
    ULONG Last = (ULONG)(((ULONGLONG)Offset + Length - 1) >> Geometry->ClusterShift), Ignored;
    ULONGLONG Together;
    NTSTATUS Status;

    FatLockMeta(Fcb->Vcb);
    Status = FatLookupCluster(Fcb, Last, &Ignored, &Count); // so that the runs in between are known and joined
    if (NT_SUCCESS(Status) || Status == STATUS_END_OF_FILE)
        Status = FatLookupCluster(Fcb, Vcn, &Lcn, &Count);
    FatUnlockMeta(Fcb->Vcb);
    if (!NT_SUCCESS(Status))
        return Status == STATUS_END_OF_FILE ? STATUS_FILE_CORRUPT_ERROR : Status;
    Together = ((ULONGLONG)Count << Geometry->ClusterShift) - Within;
    *Lbo = FatClusterLbo(Fcb->Vcb, Lcn) + Within;
    *Bytes = (ULONG)min_of((ULONGLONG)Length, Together);
    return STATUS_SUCCESS;
}
