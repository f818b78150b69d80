// SPDX-License-Identifier: MIT
// NtSetInformationFile. Position and mode are Io's own; everything else is an IRP, for a rename after the directory of
// the new name has been opened.
// Source: WDK documentation (ZwSetInformationFile).

#include "iop.h"

static const IOP_CLASS IopSetFileClasses[FileMaximumInformation] = {
    [FileBasicInformation] = {sizeof(FILE_BASIC_INFORMATION), FILE_WRITE_ATTRIBUTES},
    [FileRenameInformation] = {FIELD_OFFSET(FILE_RENAME_INFORMATION, FileName), DELETE},
    [FileLinkInformation] = {FIELD_OFFSET(FILE_RENAME_INFORMATION, FileName), 0},
    [FileDispositionInformation] = {sizeof(FILE_DISPOSITION_INFORMATION), DELETE},
    [FilePositionInformation] = {sizeof(FILE_POSITION_INFORMATION), 0},
    [FileModeInformation] = {sizeof(FILE_MODE_INFORMATION), 0},
    [FileAllocationInformation] = {sizeof(FILE_ALLOCATION_INFORMATION), FILE_WRITE_DATA},
    [FileEndOfFileInformation] = {sizeof(FILE_END_OF_FILE_INFORMATION), FILE_WRITE_DATA},
    [FilePipeInformation] = {sizeof(FILE_PIPE_INFORMATION), FILE_WRITE_ATTRIBUTES},
    [FileValidDataLengthInformation] = {sizeof(LARGE_INTEGER), FILE_WRITE_DATA},
};

#define IOP_SETTABLE_MODES                                                                                             \
    (FILE_WRITE_THROUGH | FILE_SEQUENTIAL_ONLY | FILE_SYNCHRONOUS_IO_ALERT | FILE_SYNCHRONOUS_IO_NONALERT)
#define IOP_SYNCHRONOUS_MODES (FILE_SYNCHRONOUS_IO_ALERT | FILE_SYNCHRONOUS_IO_NONALERT)

static NTSTATUS IopSetPosition(PIOP_CALL Call, PFILE_POSITION_INFORMATION Information)
{
    PFILE_OBJECT File = Call->File;
    ULONG Sector = File->DeviceObject->SectorSize;

    if (Information->CurrentByteOffset.QuadPart < 0)
        return STATUS_INVALID_PARAMETER;
    if ((File->Flags & FO_NO_INTERMEDIATE_BUFFERING) && Sector != 0 &&
        (Information->CurrentByteOffset.LowPart & (Sector - 1)))
        return STATUS_INVALID_PARAMETER;
    File->CurrentByteOffset = Information->CurrentByteOffset;
    return STATUS_SUCCESS;
}

// Changes how a handle works; it cannot be turned from synchronous to asynchronous or back.
#define IOP_MODE_FLAGS ((ULONG)(FO_WRITE_THROUGH | FO_SEQUENTIAL_ONLY | FO_ALERTABLE_IO))

static NTSTATUS IopSetMode(PIOP_CALL Call, PFILE_MODE_INFORMATION Information)
{
    PFILE_OBJECT File = Call->File;
    ULONG Mode = Information->Mode, Synchronous = Mode & IOP_SYNCHRONOUS_MODES;
    ULONG Flags = 0, Old;

    if ((Mode & ~IOP_SETTABLE_MODES) || Synchronous == IOP_SYNCHRONOUS_MODES)
        return STATUS_INVALID_PARAMETER;
    if ((Synchronous != 0) != ((File->Flags & FO_SYNCHRONOUS_IO) != 0))
        return STATUS_INVALID_PARAMETER;
    if (Mode & FILE_WRITE_THROUGH)
        Flags |= FO_WRITE_THROUGH;
    if (Mode & FILE_SEQUENTIAL_ONLY)
        Flags |= FO_SEQUENTIAL_ONLY;
    if (Mode & FILE_SYNCHRONOUS_IO_ALERT)
        Flags |= FO_ALERTABLE_IO;
    do { // other processors may be setting other flags
        Old = *(volatile ULONG *)&File->Flags;
    } while (InterlockedCompareExchange((volatile LONG *)&File->Flags, (LONG)((Old & ~IOP_MODE_FLAGS) | Flags),
                                        (LONG)Old) != (LONG)Old);
    return STATUS_SUCCESS;
}

static NTSTATUS IopSendSet(PIOP_CALL Call, FILE_INFORMATION_CLASS Class, PVOID Buffer, ULONG Length,
                           PFILE_OBJECT TargetDirectory, PIO_STATUS_BLOCK Local)
{
    PIO_STACK_LOCATION Stack;
    NTSTATUS Status = IopAllocateCallIrp(Call, IRP_MJ_SET_INFORMATION, &Stack);

    if (!NT_SUCCESS(Status))
        return Status;
    Call->Irp->AssociatedIrp.SystemBuffer = Buffer;
    Stack->Parameters.SetFile.Length = Length;
    Stack->Parameters.SetFile.FileInformationClass = Class;
    Stack->Parameters.SetFile.FileObject = TargetDirectory;
    if (Class == FileRenameInformation || Class == FileLinkInformation)
        Stack->Parameters.SetFile.ReplaceIfExists = ((PFILE_RENAME_INFORMATION)Buffer)->ReplaceIfExists;
    return IopSubmitSynchronous(Call, Local);
}

static NTSTATUS IopSendRename(PIOP_CALL Call, FILE_INFORMATION_CLASS Class, PVOID Buffer, ULONG Length,
                              PIO_STATUS_BLOCK Local)
{
    PFILE_OBJECT Directory;
    HANDLE Target;
    NTSTATUS Status = IopOpenRenameTarget(Call, Buffer, Length, &Target, &Directory);

    if (!NT_SUCCESS(Status))
        return Status;
    Status = IopSendSet(Call, Class, Buffer, Length, Directory, Local);
    if (Directory != NULL) {
        ObDereferenceObject(Directory);
        ObCloseHandle(Target, KernelMode);
    }
    return Status;
}

static NTSTATUS IopSetCaptured(PIOP_CALL Call, FILE_INFORMATION_CLASS Class, PVOID Buffer, ULONG Length,
                               PIO_STATUS_BLOCK Local)
{
    switch (Class) {
    case FilePositionInformation:
        return IopSetPosition(Call, Buffer);
    case FileModeInformation:
        return IopSetMode(Call, Buffer);
    case FileRenameInformation:
    case FileLinkInformation:
        return IopSendRename(Call, Class, Buffer, Length, Local);
    default:
        return IopSendSet(Call, Class, Buffer, Length, NULL, Local);
    }
}

// Sets from a captured buffer; the call has no file yet.
static NTSTATUS IopSetInformation(PIOP_CALL Call, HANDLE File, PVOID Buffer, ULONG Length, FILE_INFORMATION_CLASS Class,
                                  ACCESS_MASK Access)
{
    IO_STATUS_BLOCK Local = {.Status = STATUS_SUCCESS, .Information = 0};
    NTSTATUS Status = IopReferenceCall(Call, File, Access, NULL);

    if (NT_SUCCESS(Status))
        Status = IopLockCall(Call);
    if (Status != STATUS_SUCCESS)
        return Status;
    Status = IopSetCaptured(Call, Class, Buffer, Length, &Local);
    if (!NT_ERROR(Status)) {
        Local.Status = Status;
        IGNORE_STATUS(IopWriteIoStatus(Call->IoStatus, &Local));
    }
    return Status;
}

// SetFilePointer's way: what the general one does, for eight bytes and without a buffer.
static NTSTATUS IopSetFilePosition(HANDLE File, PIO_STATUS_BLOCK IoStatus, PFILE_POSITION_INFORMATION Information)
{
    IO_STATUS_BLOCK Local = {.Status = STATUS_SUCCESS, .Information = 0};
    FILE_POSITION_INFORMATION Position;
    NTSTATUS Status;
    IOP_CALL Call;

    IopInitializeCall(&Call, NULL, NULL, IoStatus);
    SEH_TRY
    {
        if (Call.Mode != KernelMode) {
            IopProbeIoStatus(IoStatus);
            ProbeForRead(Information, sizeof(*Information), sizeof(ULONG));
        }
        Position.CurrentByteOffset.QuadPart = *(volatile LONGLONG *)&Information->CurrentByteOffset.QuadPart;
    }
    SEH_EXCEPT
    {
        return SEH_CODE();
    }
    SEH_END
    Status = IopReferenceCall(&Call, File, 0, NULL);
    if (NT_SUCCESS(Status))
        Status = IopLockCall(&Call);
    if (Status == STATUS_SUCCESS)
        Status = IopSetPosition(&Call, &Position);
    if (Status == STATUS_SUCCESS)
        IGNORE_STATUS(IopWriteIoStatus(IoStatus, &Local));
    return IopEndCall(&Call, Status);
}

// Changes an open file: times and attributes, name, size, position, mode, or that it is to be deleted.
//
// PASSIVE_LEVEL. STATUS_INVALID_INFO_CLASS, STATUS_INFO_LENGTH_MISMATCH, STATUS_ACCESS_DENIED, or the file system's
// status.
NTSTATUS NTAPI NtSetInformationFile(HANDLE File, PIO_STATUS_BLOCK IoStatus, PVOID Information, ULONG Length,
                                    FILE_INFORMATION_CLASS Class)
{
    ULONGLONG Small[IOP_SMALL_INFORMATION / sizeof(ULONGLONG)];
    PVOID Buffer = Small;
    IOP_CALL Call;
    ACCESS_MASK Access;
    NTSTATUS Status;

    if (Class == FileCompletionInformation)
        return STATUS_NOT_IMPLEMENTED; // completion ports are not built yet
    if (Class == FilePositionInformation && Length == sizeof(FILE_POSITION_INFORMATION))
        return IopSetFilePosition(File, IoStatus, Information);
    Status = IopCheckClass(IopSetFileClasses, FileMaximumInformation, Class, Length, &Access);
    if (!NT_SUCCESS(Status))
        return Status;
    if (Length > sizeof(Small))
        Buffer = ExAllocatePoolWithTag(NonPagedPool, Length, TAG_IO_BUFFER);
    if (Buffer == NULL)
        return STATUS_INSUFFICIENT_RESOURCES;
    IopInitializeCall(&Call, NULL, NULL, IoStatus);
    Status = IopCaptureInformation(&Call, Buffer, Information, Length);
    if (NT_SUCCESS(Status))
        Status = IopSetInformation(&Call, File, Buffer, Length, Class, Access);
    Status = IopEndCall(&Call, Status);
    if (Buffer != Small)
        ExFreePoolWithTag(Buffer, TAG_IO_BUFFER);
    return Status;
}
