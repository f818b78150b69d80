// SPDX-License-Identifier: MIT
// NtQueryVolumeInformationFile. The device's type is Io's to tell; the rest is the file system's.
// Source: WDK documentation (ZwQueryVolumeInformationFile).

#include "iop.h"

static const IOP_CLASS IopQueryVolumeClasses[FileFsFullSizeInformation + 1] = {
    [FileFsVolumeInformation] = {FIELD_OFFSET(FILE_FS_VOLUME_INFORMATION, VolumeLabel), 0},
    [FileFsSizeInformation] = {sizeof(FILE_FS_SIZE_INFORMATION), 0},
    [FileFsDeviceInformation] = {sizeof(FILE_FS_DEVICE_INFORMATION), 0},
    [FileFsAttributeInformation] = {FIELD_OFFSET(FILE_FS_ATTRIBUTE_INFORMATION, FileSystemName), 0},
    [FileFsFullSizeInformation] = {sizeof(FILE_FS_FULL_SIZE_INFORMATION), 0},
};

static NTSTATUS IopSendVolumeQuery(PIOP_CALL Call, FS_INFORMATION_CLASS Class, PVOID Buffer, ULONG Length,
                                   PIO_STATUS_BLOCK Local)
{
    PIO_STACK_LOCATION Stack;
    NTSTATUS Status = IopLockCall(Call);

    if (Status != STATUS_SUCCESS)
        return Status;
    Status = IopAllocateCallIrp(Call, IRP_MJ_QUERY_VOLUME_INFORMATION, &Stack);
    if (!NT_SUCCESS(Status))
        return Status;
    Call->Irp->AssociatedIrp.SystemBuffer = Buffer;
    Stack->Parameters.QueryVolume.Length = Length;
    Stack->Parameters.QueryVolume.FsInformationClass = Class;
    return IopSubmitSynchronous(Call, Local);
}

static VOID IopAnswerDevice(PIOP_CALL Call, PFILE_FS_DEVICE_INFORMATION Buffer, PIO_STATUS_BLOCK Local)
{
    Buffer->DeviceType = Call->File->DeviceObject->DeviceType;
    Buffer->Characteristics = Call->File->DeviceObject->Characteristics;
    Local->Status = STATUS_SUCCESS;
    Local->Information = sizeof(*Buffer);
}

static NTSTATUS IopQueryVolume(PIOP_CALL Call, PVOID Information, ULONG Length, FS_INFORMATION_CLASS Class)
{
    IO_STATUS_BLOCK Local = {.Status = STATUS_SUCCESS, .Information = 0};
    ULONGLONG Small[IOP_SMALL_INFORMATION / sizeof(ULONGLONG)] = {0};
    PVOID Buffer = Small;
    NTSTATUS Status;

    if (Length > sizeof(Small))
        Buffer = ExAllocatePoolZero(NonPagedPool, Length, TAG_IO_BUFFER);
    if (Buffer == NULL)
        return STATUS_INSUFFICIENT_RESOURCES;
    if (Class == FileFsDeviceInformation)
        IopAnswerDevice(Call, Buffer, &Local);
    else
        Local.Status = IopSendVolumeQuery(Call, Class, Buffer, Length, &Local);
    Status = NT_ERROR(Local.Status) ? Local.Status : IopReturnInformation(Call, Information, Buffer, Length, &Local);
    if (Buffer != Small)
        ExFreePoolWithTag(Buffer, TAG_IO_BUFFER);
    return Status;
}

// Tells about the volume (or device) that an open file is on.
//
// PASSIVE_LEVEL. STATUS_INVALID_INFO_CLASS, STATUS_INFO_LENGTH_MISMATCH, STATUS_BUFFER_OVERFLOW (a label that did not
// fit), or the file system's status.
NTSTATUS NTAPI NtQueryVolumeInformationFile(HANDLE File, PIO_STATUS_BLOCK IoStatus, PVOID Information, ULONG Length,
                                            FS_INFORMATION_CLASS Class)
{
    IOP_CALL Call;
    ACCESS_MASK Access;
    NTSTATUS Status =
        IopCheckClass(IopQueryVolumeClasses, RTL_NUMBER_OF(IopQueryVolumeClasses), Class, Length, &Access);

    PAGED_CODE();
    if (!NT_SUCCESS(Status))
        return Status;
    IopInitializeCall(&Call, NULL, NULL, IoStatus);
    Status = IopProbeInformation(&Call, Information, Length);
    if (NT_SUCCESS(Status))
        Status = IopReferenceCall(&Call, File, Access, NULL);
    if (NT_SUCCESS(Status))
        Status = IopQueryVolume(&Call, Information, Length, Class);
    return IopEndCall(&Call, Status);
}
