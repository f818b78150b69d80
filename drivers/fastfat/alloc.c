// SPDX-License-Identifier: MIT
// Giving out and taking back clusters. A cluster that is given back stays in use until FatApplyFreed, which the flush
// calls when the directory that named it is on the disk; an allocation that finds too little flushes first.

#include "fat.h"

// Clusters that an allocation could have: free ones, and freed ones that wait for the flush. MetaResource held.
ULONG FatFreeClusters(PVCB Vcb)
{
    return Vcb->Map.Free + (Vcb->Freed.Count - Vcb->Freed.Free);
}

// Makes sure that Count clusters are free in the map. MetaResource held. STATUS_DISK_FULL if they are not there.
NTSTATUS NTAPI FatReserveSpace(PVCB Vcb, ULONG Count)
{
    NTSTATUS Status;

    if (Vcb->Map.Free >= Count)
        return STATUS_SUCCESS;
    if (FatFreeClusters(Vcb) < Count)
        return STATUS_DISK_FULL;
    Status = FatFlushMeta(Vcb);
    if (!NT_SUCCESS(Status))
        return Status;
    return Vcb->Map.Free >= Count ? STATUS_SUCCESS : STATUS_DISK_FULL;
}

// Takes one cluster and ends its chain in the FAT. MetaResource held. The caller gives it back with FatReturnClusters.
NTSTATUS NTAPI FatAllocateCluster(PVCB Vcb, PULONG Cluster)
{
    NTSTATUS Status = FatReserveSpace(Vcb, 1);

    if (!NT_SUCCESS(Status))
        return Status;
    if (FatMapFindRun(&Vcb->Map, Vcb->NextFree, 1, Cluster) == 0)
        return STATUS_DISK_FULL;
    Status = FatSetFatEntry(Vcb, *Cluster, FAT_ENTRY_END);
    if (!NT_SUCCESS(Status))
        return Status;
    FatMapMark(&Vcb->Map, *Cluster, TRUE);
    Vcb->NextFree = *Cluster + 1;
    Vcb->InfoStale = TRUE;
    return STATUS_SUCCESS;
}

// Gives clusters back. Clusters that are free already (a corrupt FAT named them twice) are passed over. MetaResource
// held.
VOID FatReturnClusters(PVCB Vcb, ULONG Cluster, ULONG Count)
{
    for (ULONG i = Cluster; i < Cluster + Count; i++)
        if (FatMapTest(&Vcb->Map, i))
            FatMapMark(&Vcb->Freed, i, TRUE);
    Vcb->FreedLow = min_of(Vcb->FreedLow, Cluster);
    Vcb->FreedHigh = max_of(Vcb->FreedHigh, Cluster + Count);
    Vcb->IdleTicks = 0;
    FatStartLazyFlush();
}

// Frees in the FAT and the map what was given back. FatFlushMeta calls it, between its writes. MetaResource held.
// A failure leaves the rest for the next flush.
NTSTATUS NTAPI FatApplyFreed(PVCB Vcb)
{
    while (Vcb->FreedLow < Vcb->FreedHigh) {
        ULONG Cluster = Vcb->FreedLow;

        if (FatMapTest(&Vcb->Freed, Cluster)) {
            NTSTATUS Status = FatSetFatEntry(Vcb, Cluster, 0);

            if (!NT_SUCCESS(Status))
                return Status;
            FatMapMark(&Vcb->Freed, Cluster, FALSE);
            FatMapMark(&Vcb->Map, Cluster, FALSE);
            Vcb->InfoStale = TRUE;
        }
        Vcb->FreedLow++;
    }
    Vcb->FreedLow = MAXULONG;
    Vcb->FreedHigh = 0;
    return STATUS_SUCCESS;
}
