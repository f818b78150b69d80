// SPDX-License-Identifier: MIT
// Entries of the FAT, and the free-cluster map that is made from all of them when the volume is mounted.

#include "fat.h"

#define FAT_SCAN_BYTES 0x8000u

// Reads a FAT entry (28 bits). MetaResource held.
NTSTATUS NTAPI FatGetFatEntry(PVCB Vcb, ULONG Cluster, PULONG Value)
{
    UCHAR Raw[4];
    NTSTATUS Status;

    ASSERT(Cluster < Vcb->Geometry.ClusterCount + FAT_FIRST_CLUSTER);
    Status = FatReadMeta(Vcb, FatActiveLbo(Vcb) + (ULONGLONG)Cluster * 4, Raw, sizeof(Raw));
    if (NT_SUCCESS(Status))
        *Value = FatGet32(Raw) & FAT_ENTRY_MASK;
    return Status;
}

// Changes a FAT entry; its top four bits belong to nobody and stay. MetaResource held.
NTSTATUS NTAPI FatSetFatEntry(PVCB Vcb, ULONG Cluster, ULONG Value)
{
    ULONGLONG Lbo = FatActiveLbo(Vcb) + (ULONGLONG)Cluster * 4;
    UCHAR Raw[4];
    NTSTATUS Status;

    ASSERT(Cluster < Vcb->Geometry.ClusterCount + FAT_FIRST_CLUSTER);
    Status = FatReadMeta(Vcb, Lbo, Raw, sizeof(Raw));
    if (!NT_SUCCESS(Status))
        return Status;
    FatPut32(Raw, (FatGet32(Raw) & ~FAT_ENTRY_MASK) | (Value & FAT_ENTRY_MASK));
    return FatWriteMeta(Vcb, Lbo, Raw, sizeof(Raw));
}

static VOID FatScanPiece(PVCB Vcb, const UCHAR *Piece, ULONG First, ULONG Count)
{
    ULONG End = Vcb->Geometry.ClusterCount + FAT_FIRST_CLUSTER;

    for (ULONG i = 0; i < Count && First + i < End; i++) {
        ULONG Value = *(const ULONG *)(Piece + i * 4) & FAT_ENTRY_MASK;

        if (Value != 0 && First + i >= FAT_FIRST_CLUSTER)
            FatMapMark(&Vcb->Map, First + i, TRUE);
    }
}

static NTSTATUS FatAllocateMaps(PVCB Vcb)
{
    ULONG Count = Vcb->Geometry.ClusterCount, Bytes = FAT_FREE_MAP_BYTES(Count);

    Vcb->Map.Words = ExAllocatePoolZero(NonPagedPool, Bytes, TAG_FAT_MAP);
    Vcb->Freed.Words = ExAllocatePoolZero(NonPagedPool, Bytes, TAG_FAT_MAP);
    Vcb->Map.Count = Vcb->Map.Free = Count;
    Vcb->Freed.Count = Vcb->Freed.Free = Count;
    Vcb->FreedLow = MAXULONG;
    return Vcb->Map.Words != NULL && Vcb->Freed.Words != NULL ? STATUS_SUCCESS : STATUS_INSUFFICIENT_RESOURCES;
}

// Reads the FAT and makes the free map. The caller frees Map.Words and Freed.Words, on failure too. PASSIVE_LEVEL.
NTSTATUS NTAPI FatLoadFreeMap(PVCB Vcb)
{
    ULONG Bytes = (Vcb->Geometry.ClusterCount + FAT_FIRST_CLUSTER) * 4, Sector = Vcb->Geometry.BytesPerSector;
    PUCHAR Buffer;
    NTSTATUS Status = FatAllocateMaps(Vcb);

    if (!NT_SUCCESS(Status))
        return Status;
    Buffer = ExAllocatePoolWithTag(NonPagedPool, FAT_SCAN_BYTES, TAG_FAT_MAP);
    if (Buffer == NULL)
        return STATUS_INSUFFICIENT_RESOURCES;
    for (ULONG Offset = 0; Offset < Bytes && NT_SUCCESS(Status); Offset += FAT_SCAN_BYTES) {
        ULONG Piece = min_of(Bytes - Offset, FAT_SCAN_BYTES);

        Piece = (Piece + Sector - 1) & ~(Sector - 1);
        Status = FatTransferBuffer(Vcb, FALSE, FatActiveLbo(Vcb) + Offset, Buffer, Piece);
        if (NT_SUCCESS(Status))
            FatScanPiece(Vcb, Buffer, Offset / 4, Piece / 4);
    }
    ExFreePoolWithTag(Buffer, TAG_FAT_MAP);
    return Status;
}
