// SPDX-License-Identifier: MIT
// Mounting: is there a FAT32 volume on this partition? Then it gets a device object, whose extension is the VCB, and
// the VPB ties the two together. A volume stays mounted until the machine stops.

#include "fat.h"

static NTSTATUS FatReadBootSector(PDEVICE_OBJECT Target, PFAT_GEOMETRY Geometry)
{
    ULONGLONG DeviceBytes;
    ULONG Sector = Target->SectorSize > FAT_BOOT_SIZE ? Target->SectorSize : FAT_BOOT_SIZE;
    PUCHAR Boot;
    NTSTATUS Status = FatQueryDeviceLength(Target, &DeviceBytes);

    if (!NT_SUCCESS(Status))
        return Status;
    if (DeviceBytes < Sector)
        return STATUS_UNRECOGNIZED_VOLUME;
    Boot = ExAllocatePoolWithTag(NonPagedPool, Sector, TAG_FAT_VCB);
    if (Boot == NULL)
        return STATUS_INSUFFICIENT_RESOURCES;
    Status = FatTransferDevice(Target, FALSE, 0, Boot, Sector);
    if (NT_SUCCESS(Status) && !FatParseBootSector(Boot, DeviceBytes, Geometry))
        Status = STATUS_UNRECOGNIZED_VOLUME;
    ExFreePoolWithTag(Boot, TAG_FAT_VCB);
    if (NT_SUCCESS(Status) && Geometry->BytesPerSector < Target->SectorSize)
        Status = STATUS_UNRECOGNIZED_VOLUME;
    return Status;
}

static NTSTATUS FatInitializeVcb(PVCB Vcb, PDEVICE_OBJECT Device, PDEVICE_OBJECT Target, PVPB Vpb)
{
    NTSTATUS Status;

    Vcb->NodeTypeCode = FAT_NTC_VCB;
    Vcb->NodeByteSize = sizeof(*Vcb);
    Vcb->Device = Device;
    Vcb->Target = Target;
    Vcb->Vpb = Vpb;
    KeInitializeSpinLock(&Vcb->FcbListLock);
    KeInitializeSpinLock(&Vcb->RunLock);
    InitializeListHead(&Vcb->Fcbs);
    ExInitializeRundownProtection(&Vcb->Writes);
    Status = ExInitializeResourceLite(&Vcb->Resource);
    if (!NT_SUCCESS(Status))
        return Status;
    Status = ExInitializeResourceLite(&Vcb->MetaResource);
    if (!NT_SUCCESS(Status))
        IGNORE_STATUS(ExDeleteResourceLite(&Vcb->Resource)); // new, nobody has it
    return Status;
}

static VOID FatDeleteVcb(PVCB Vcb)
{
    if (Vcb->Root != NULL) {
        FatDereferenceFcb(Vcb->Root);
        FatDeleteFcb(Vcb->Root);
    }
    FatDeleteMetaStream(Vcb);
    if (Vcb->Map.Words != NULL)
        ExFreePoolWithTag(Vcb->Map.Words, TAG_FAT_MAP);
    if (Vcb->Freed.Words != NULL)
        ExFreePoolWithTag(Vcb->Freed.Words, TAG_FAT_MAP);
    IGNORE_STATUS(ExDeleteResourceLite(&Vcb->Resource)); // nobody can hold them
    IGNORE_STATUS(ExDeleteResourceLite(&Vcb->MetaResource));
}

// FSInfo is only a hint for where to look for free clusters; without its signatures it is left alone.
static NTSTATUS FatReadInfo(PVCB Vcb)
{
    UCHAR Info[FAT_BLOCK_UNIT];
    NTSTATUS Status;

    Vcb->NextFree = FAT_FIRST_CLUSTER;
    if (Vcb->Geometry.FsInfoLbo == 0)
        return STATUS_SUCCESS;
    Status = FatReadMeta(Vcb, Vcb->Geometry.FsInfoLbo, Info, sizeof(Info));
    if (!NT_SUCCESS(Status))
        return Status;
    if (FatGet32(Info + FAT_FSINFO_LEAD) != FAT_FSINFO_LEAD_VALUE ||
        FatGet32(Info + FAT_FSINFO_STRUCT) != FAT_FSINFO_STRUCT_VALUE) {
        Vcb->Geometry.FsInfoLbo = 0;
        return STATUS_SUCCESS;
    }
    if (FatIsDataCluster(Vcb, FatGet32(Info + FAT_FSINFO_NEXT)))
        Vcb->NextFree = FatGet32(Info + FAT_FSINFO_NEXT);
    Vcb->InfoStale = FatGet32(Info + FAT_FSINFO_FREE) != Vcb->Map.Free;
    return STATUS_SUCCESS;
}

static VOID FatSetVpbLabel(PVCB Vcb, const UCHAR *Label)
{
    ULONG Length = 11;

    while (Length > 0 && Label[Length - 1] == ' ')
        Length--;
    if (Length == 7 && RtlEqualMemory(Label, "NO NAME", 7))
        Length = 0;
    for (ULONG i = 0; i < Length; i++)
        Vcb->Vpb->VolumeLabel[i] = FatOemToUnicode(Label[i]);
    Vcb->Vpb->VolumeLabelLength = (USHORT)(Length * sizeof(WCHAR));
    Vcb->Vpb->SerialNumber = Vcb->Geometry.SerialNumber;
}

// Was the volume left in use? Then it stays marked so: only a check may clear that. MetaResource held.
static NTSTATUS FatReadMarks(PVCB Vcb)
{
    ULONG Entry;
    UCHAR State;
    NTSTATUS Status = FatReadMeta(Vcb, FAT_BOOT_STATE, &State, sizeof(State));

    if (NT_SUCCESS(Status))
        Status = FatGetFatEntry(Vcb, 1, &Entry);
    if (NT_SUCCESS(Status) && ((State & FAT_STATE_DIRTY) || !(Entry & FAT_ENTRY1_CLEAN)))
        Vcb->Flags |= VCB_WAS_DIRTY;
    return Status;
}

static NTSTATUS FatLoadVolume(PVCB Vcb)
{
    UCHAR Label[11];
    NTSTATUS Status = FatLoadFreeMap(Vcb);

    if (NT_SUCCESS(Status))
        Status = FatCreateMetaStream(Vcb);
    if (NT_SUCCESS(Status)) {
        FatLockMeta(Vcb);
        Status = FatReadInfo(Vcb);
        if (NT_SUCCESS(Status))
            Status = FatReadMarks(Vcb);
        FatUnlockMeta(Vcb);
    }
    if (!NT_SUCCESS(Status))
        return Status;
    Vcb->Root = FatCreateRoot(Vcb);
    if (Vcb->Root == NULL)
        return STATUS_INSUFFICIENT_RESOURCES;
    Status = FatReadVolumeLabel(Vcb, Label);
    if (NT_SUCCESS(Status))
        FatSetVpbLabel(Vcb, Label);
    return Status;
}

static VOID FatPublishVolume(PVCB Vcb)
{
    KIRQL OldIrql;

    Vcb->Device->StackSize = (CCHAR)(Vcb->Target->StackSize + 1);
    Vcb->Device->SectorSize = (USHORT)Vcb->Geometry.BytesPerSector;
    Vcb->Device->AlignmentRequirement = Vcb->Target->AlignmentRequirement;
    Vcb->Vpb->DeviceObject = Vcb->Device;
    OldIrql = KfAcquireSpinLock(&FatData.Lock);
    InsertTailList(&FatData.Volumes, &Vcb->Links);
    KfReleaseSpinLock(&FatData.Lock, OldIrql);
    Vcb->Device->Flags &= ~DO_DEVICE_INITIALIZING;
}

// IRP_MN_MOUNT_VOLUME. PASSIVE_LEVEL, critical region.
// STATUS_UNRECOGNIZED_VOLUME: not FAT32, or a boot sector that contradicts itself. Other failures: the disk, memory.
NTSTATUS FatMountVolume(PDEVICE_OBJECT Target, PVPB Vpb)
{
    FAT_GEOMETRY Geometry;
    PDEVICE_OBJECT Device;
    PVCB Vcb;
    NTSTATUS Status = FatReadBootSector(Target, &Geometry);

    if (!NT_SUCCESS(Status))
        return Status;
    Status = IoCreateDevice(FatData.Driver, sizeof(VCB), NULL, FILE_DEVICE_DISK_FILE_SYSTEM, 0, FALSE, &Device);
    if (!NT_SUCCESS(Status))
        return Status;
    Vcb = Device->DeviceExtension;
    Vcb->Geometry = Geometry;
    Status = FatInitializeVcb(Vcb, Device, Target, Vpb);
    if (NT_SUCCESS(Status)) {
        Status = FatLoadVolume(Vcb);
        if (NT_SUCCESS(Status)) {
            FatPublishVolume(Vcb);
            return STATUS_SUCCESS;
        }
        FatDeleteVcb(Vcb);
    }
    IoDeleteDevice(Device);
    return Status;
}
