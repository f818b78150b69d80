// SPDX-License-Identifier: MIT
// Growing and cutting a file's cluster chain. Growing builds the new part of the chain first and links it last, so that
// it either happens or does not.

#include "fat.h"

// Takes clusters for the file until its chain has Clusters; in the map and the runs only.
static NTSTATUS FatClaimClusters(PFCB Fcb, ULONG Clusters)
{
    PVCB Vcb = Fcb->Vcb;
    ULONG Hint = Vcb->NextFree;

    if (Fcb->RunCount != 0)
        Hint = Fcb->Runs[Fcb->RunCount - 1].Lcn + Fcb->Runs[Fcb->RunCount - 1].Count;
    while (Fcb->MappedClusters < Clusters) {
        ULONG Cluster, Count = FatMapFindRun(&Vcb->Map, Hint, Clusters - Fcb->MappedClusters, &Cluster);
        NTSTATUS Status;

        if (Count == 0)
            return STATUS_DISK_FULL;
        Status = FatAppendRun(Fcb, Cluster, Count);
        if (!NT_SUCCESS(Status))
            return Status;
        for (ULONG i = 0; i < Count; i++)
            FatMapMark(&Vcb->Map, Cluster + i, TRUE);
        Hint = Vcb->NextFree = Cluster + Count;
    }
    Vcb->InfoStale = TRUE;
    return STATUS_SUCCESS;
}

// Shortens the runs to Clusters; Each(Vcb, Lcn, Count) gets what is cut off.
static VOID FatCutRuns(PFCB Fcb, ULONG Clusters, VOID (*Each)(PVCB, ULONG, ULONG))
{
    while (Fcb->MappedClusters > Clusters) {
        PFAT_RUN Last = &Fcb->Runs[Fcb->RunCount - 1];
        ULONG Cut = Fcb->MappedClusters - max_of(Clusters, Last->Vcn);
        KIRQL OldIrql;

        OldIrql = KfAcquireSpinLock(&Fcb->Vcb->RunLock);
        Last->Count -= Cut;
        Fcb->MappedClusters -= Cut;
        if (Last->Count == 0)
            Fcb->RunCount--;
        KfReleaseSpinLock(&Fcb->Vcb->RunLock, OldIrql);
        Each(Fcb->Vcb, Last->Lcn + Last->Count, Cut);
    }
}

// Undoes a claim that never got into a chain: the clusters are free at once.
static VOID FatUnclaim(PVCB Vcb, ULONG Cluster, ULONG Count)
{
    for (ULONG i = 0; i < Count; i++) {
        IGNORE_STATUS(FatSetFatEntry(Vcb, Cluster + i, 0)); // if not even that works, the cluster is lost until a check
        FatMapMark(&Vcb->Map, Cluster + i, FALSE);
    }
}

// Writes the FAT entries of clusters Old ... end of the runs, then links the part to what was there before.
static NTSTATUS FatLinkClaimed(PFCB Fcb, ULONG Old)
{
    PVCB Vcb = Fcb->Vcb;
    ULONG Next = FAT_ENTRY_END, First = 0, Count;
    NTSTATUS Status = STATUS_SUCCESS;

    for (ULONG r = Fcb->RunCount; r-- > 0 && NT_SUCCESS(Status);) {
        PFAT_RUN Run = &Fcb->Runs[r];
        ULONG Low = Run->Vcn < Old ? Old - Run->Vcn : 0;

        for (ULONG i = Run->Count; i-- > Low && NT_SUCCESS(Status);) {
            Status = FatSetFatEntry(Vcb, Run->Lcn + i, Next);
            Next = First = Run->Lcn + i;
        }
        if (Run->Vcn <= Old)
            break;
    }
    if (!NT_SUCCESS(Status))
        return Status;
    if (Old == 0) {
        Fcb->FirstCluster = First;
        return STATUS_SUCCESS;
    }
    Status = FatLookupCluster(Fcb, Old - 1, &Next, &Count);
    return NT_SUCCESS(Status) ? FatSetFatEntry(Vcb, Next, First) : Status;
}

// Makes the chain at least Clusters long. The caller stores FirstCluster in the directory entry if it was 0.
//
// The file's sizes are the caller's (MainResource exclusive). Takes MetaResource.
// STATUS_DISK_FULL and other failures leave the chain as it was.
NTSTATUS NTAPI FatExtendAllocation(PFCB Fcb, ULONG Clusters)
{
    PVCB Vcb = Fcb->Vcb;
    ULONG Old;
    NTSTATUS Status;

    FatLockMeta(Vcb);
    Status = FatLoadChain(Fcb);
    Old = Fcb->MappedClusters;
    if (NT_SUCCESS(Status) && Old < Clusters) {
        Status = FatReserveSpace(Vcb, Clusters - Old);
        if (NT_SUCCESS(Status))
            Status = FatClaimClusters(Fcb, Clusters);
        if (NT_SUCCESS(Status))
            Status = FatLinkClaimed(Fcb, Old);
        if (!NT_SUCCESS(Status))
            FatCutRuns(Fcb, Old, FatUnclaim);
    }
    FatUnlockMeta(Vcb);
    return Status;
}

// Cuts the chain to Clusters and gives the rest back. With 0, FirstCluster becomes 0 and the caller stores that.
//
// Same locks as FatExtendAllocation. A corrupt chain is cut as far as it can be followed, with STATUS_SUCCESS.
NTSTATUS NTAPI FatTruncateAllocation(PFCB Fcb, ULONG Clusters)
{
    PVCB Vcb = Fcb->Vcb;
    ULONG Lcn, Count;
    NTSTATUS Status;

    FatLockMeta(Vcb);
    Status = FatLoadChain(Fcb);
    if (Status == STATUS_FILE_CORRUPT_ERROR) {
        Status = STATUS_SUCCESS;
        Fcb->ChainComplete = TRUE;
    }
    if (NT_SUCCESS(Status) && Clusters < Fcb->MappedClusters && Clusters != 0) {
        Status = FatLookupCluster(Fcb, Clusters - 1, &Lcn, &Count);
        if (NT_SUCCESS(Status))
            Status = FatSetFatEntry(Vcb, Lcn, FAT_ENTRY_END);
    }
    if (NT_SUCCESS(Status)) {
        FatCutRuns(Fcb, Clusters, FatReturnClusters);
        if (Clusters == 0)
            Fcb->FirstCluster = 0;
    }
    FatUnlockMeta(Vcb);
    return Status;
}
