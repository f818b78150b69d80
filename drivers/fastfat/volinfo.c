// SPDX-License-Identifier: MIT
// The volume as a whole: IRP_MJ_QUERY_VOLUME_INFORMATION, flushes, raw reads through a handle to the volume, and device
// controls, which go to the device below.

#include "fat.h"

static NTSTATUS FatQueryLabel(PVCB Vcb, PFILE_FS_VOLUME_INFORMATION Volume, ULONG Length, PULONG Used)
{
    ULONG Fixed = FIELD_OFFSET(FILE_FS_VOLUME_INFORMATION, VolumeLabel), Bytes = Vcb->Vpb->VolumeLabelLength;

    Volume->VolumeCreationTime.QuadPart = 0;
    Volume->VolumeSerialNumber = Vcb->Geometry.SerialNumber;
    Volume->VolumeLabelLength = Bytes;
    Volume->SupportsObjects = FALSE;
    memcpy(Volume->VolumeLabel, Vcb->Vpb->VolumeLabel, min_of(Bytes, Length - Fixed));
    *Used = Fixed + min_of(Bytes, Length - Fixed);
    return Bytes > Length - Fixed ? STATUS_BUFFER_OVERFLOW : STATUS_SUCCESS;
}

static ULONG FatQueryFree(PVCB Vcb)
{
    ULONG Free;

    FatLockMeta(Vcb);
    Free = FatFreeClusters(Vcb);
    FatUnlockMeta(Vcb);
    return Free;
}

static VOID FatQuerySize(PVCB Vcb, PFILE_FS_SIZE_INFORMATION Size)
{
    Size->TotalAllocationUnits.QuadPart = Vcb->Geometry.ClusterCount;
    Size->AvailableAllocationUnits.QuadPart = FatQueryFree(Vcb);
    Size->SectorsPerAllocationUnit = Vcb->Geometry.ClusterSize / Vcb->Geometry.BytesPerSector;
    Size->BytesPerSector = Vcb->Geometry.BytesPerSector;
}

static VOID FatQueryFullSize(PVCB Vcb, PFILE_FS_FULL_SIZE_INFORMATION Size)
{
    Size->TotalAllocationUnits.QuadPart = Vcb->Geometry.ClusterCount;
    Size->CallerAvailableAllocationUnits.QuadPart = Size->ActualAvailableAllocationUnits.QuadPart = FatQueryFree(Vcb);
    Size->SectorsPerAllocationUnit = Vcb->Geometry.ClusterSize / Vcb->Geometry.BytesPerSector;
    Size->BytesPerSector = Vcb->Geometry.BytesPerSector;
}

static NTSTATUS FatQueryAttributes(PFILE_FS_ATTRIBUTE_INFORMATION Attributes, ULONG Length, PULONG Used)
{
    static const WCHAR Name[] = {'F', 'A', 'T', '3', '2'};
    ULONG Fixed = FIELD_OFFSET(FILE_FS_ATTRIBUTE_INFORMATION, FileSystemName);

    Attributes->FileSystemAttributes = 0x2 | 0x4; // FILE_CASE_PRESERVED_NAMES, FILE_UNICODE_ON_DISK
    Attributes->MaximumComponentNameLength = FAT_NAME_MAXIMUM;
    Attributes->FileSystemNameLength = sizeof(Name);
    memcpy(Attributes->FileSystemName, Name, min_of((ULONG)sizeof(Name), Length - Fixed));
    *Used = Fixed + min_of((ULONG)sizeof(Name), Length - Fixed);
    return sizeof(Name) > Length - Fixed ? STATUS_BUFFER_OVERFLOW : STATUS_SUCCESS;
}

static ULONG FatVolumeMinimum(FS_INFORMATION_CLASS Class)
{
    switch (Class) {
    case FileFsVolumeInformation:
        return FIELD_OFFSET(FILE_FS_VOLUME_INFORMATION, VolumeLabel);
    case FileFsSizeInformation:
        return sizeof(FILE_FS_SIZE_INFORMATION);
    case FileFsDeviceInformation:
        return sizeof(FILE_FS_DEVICE_INFORMATION);
    case FileFsAttributeInformation:
        return FIELD_OFFSET(FILE_FS_ATTRIBUTE_INFORMATION, FileSystemName);
    case FileFsFullSizeInformation:
        return sizeof(FILE_FS_FULL_SIZE_INFORMATION);
    default:
        return MAXULONG;
    }
}

// IRP_MJ_QUERY_VOLUME_INFORMATION, on any handle of the volume. STATUS_BUFFER_OVERFLOW: a name was cut.
NTSTATUS FatQueryVolume(PVCB Vcb, PIRP Irp, PIO_STACK_LOCATION Stack)
{
    FS_INFORMATION_CLASS Class = Stack->Parameters.QueryVolume.FsInformationClass;
    ULONG Length = Stack->Parameters.QueryVolume.Length, Used = FatVolumeMinimum(Class);
    PVOID Buffer = Irp->AssociatedIrp.SystemBuffer;
    NTSTATUS Status = STATUS_SUCCESS;

    PAGED_CODE();
    if (Used == MAXULONG)
        return STATUS_INVALID_INFO_CLASS;
    if (Length < Used)
        return STATUS_INFO_LENGTH_MISMATCH;
    switch (Class) {
    case FileFsVolumeInformation:
        Status = FatQueryLabel(Vcb, Buffer, Length, &Used);
        break;
    case FileFsSizeInformation:
        FatQuerySize(Vcb, Buffer);
        break;
    case FileFsFullSizeInformation:
        FatQueryFullSize(Vcb, Buffer);
        break;
    case FileFsAttributeInformation:
        Status = FatQueryAttributes(Buffer, Length, &Used);
        break;
    default:
        ((PFILE_FS_DEVICE_INFORMATION)Buffer)->DeviceType = FILE_DEVICE_DISK;
        ((PFILE_FS_DEVICE_INFORMATION)Buffer)->Characteristics = Vcb->Target->Characteristics;
        break;
    }
    Irp->IoStatus.Information = Used;
    return Status;
}

// IRP_MJ_FLUSH_BUFFERS: when it returns, the file's data and the volume's metadata are on the disk.
NTSTATUS FatFlushBuffers(PVCB Vcb, PIRP Irp, PIO_STACK_LOCATION Stack)
{
    PFCB Fcb = Stack->FileObject->FsContext;
    NTSTATUS Status, Meta;

    PAGED_CODE();
    UNREFERENCED_PARAMETER(Irp);
    if (Fcb->Header.NodeTypeCode == FAT_NTC_VCB || Fcb->Parent == NULL)
        return FatFlushVolume(Vcb);
    ExAcquireResourceSharedLite(&Vcb->Resource, TRUE); // no half change to the name space goes to the disk
    ExAcquireResourceExclusiveLite(&Fcb->MainResource, TRUE);
    Status = FatIsDirectory(Fcb) ? STATUS_SUCCESS : FatZeroTo(Fcb, FatFileSize(Fcb));
    if (NT_SUCCESS(Status) && !FatIsDirectory(Fcb))
        Status = FatFlushFile(Fcb);
    ExReleaseResourceLite(&Fcb->MainResource);
    Meta = FatFlushMeta(Vcb);
    ExReleaseResourceLite(&Vcb->Resource);
    if (NT_SUCCESS(Status))
        Status = Meta;
    return NT_SUCCESS(Status) ? FatFlushDevice(Vcb->Target) : Status;
}

// Reads of the volume's sectors through a volume handle. Writes below a mounted file system are refused.
NTSTATUS FatTransferVolume(PVCB Vcb, PIRP Irp, PIO_STACK_LOCATION Stack, BOOLEAN Write)
{
    ULONGLONG Offset = (ULONGLONG)Stack->Parameters.Read.ByteOffset.QuadPart;
    ULONG Length = Stack->Parameters.Read.Length, Sector = Vcb->Geometry.BytesPerSector;
    PMDL Mdl;
    NTSTATUS Status;

    PAGED_CODE();
    if (Write)
        return STATUS_ACCESS_DENIED;
    if (Length == 0)
        return STATUS_SUCCESS;
    if ((Offset | Length) & (Sector - 1))
        return STATUS_INVALID_PARAMETER;
    if (Offset >= Vcb->Geometry.VolumeBytes)
        return STATUS_END_OF_FILE;
    Length = (ULONG)min_of((ULONGLONG)Length, Vcb->Geometry.VolumeBytes - Offset);
    Status = FatFlushMeta(Vcb);
    if (NT_SUCCESS(Status))
        Status = FatLockUserBuffer(Irp, IoWriteAccess, Length, &Mdl);
    if (!NT_SUCCESS(Status))
        return Status;
    Status = FatTransferMdl(Vcb->Target, FALSE, Offset, Mdl, 0, Length);
    FatUnlockUserBuffer(Irp, Mdl);
    if (!NT_SUCCESS(Status))
        return Status;
    Irp->IoStatus.Information = Length;
    if (Stack->FileObject->Flags & FO_SYNCHRONOUS_IO)
        Stack->FileObject->CurrentByteOffset.QuadPart = (LONGLONG)Offset + Length;
    return STATUS_SUCCESS;
}
