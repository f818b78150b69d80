// SPDX-License-Identifier: MIT
// NtQueryInformationFile. What Io knows itself (position, granted access, mode, alignment) it answers without the
// file system; the rest is an IRP on a system buffer whose result is copied out at the end.
// Source: WDK documentation (ZwQueryInformationFile).

#include "iop.h"

static const IOP_CLASS IopQueryFileClasses[FileMaximumInformation] = {
    [FileBasicInformation] = {sizeof(FILE_BASIC_INFORMATION), FILE_READ_ATTRIBUTES},
    [FileStandardInformation] = {sizeof(FILE_STANDARD_INFORMATION), 0},
    [FileInternalInformation] = {sizeof(FILE_INTERNAL_INFORMATION), 0},
    [FileEaInformation] = {sizeof(FILE_EA_INFORMATION), 0},
    [FileAccessInformation] = {sizeof(FILE_ACCESS_INFORMATION), 0},
    [FileNameInformation] = {FIELD_OFFSET(FILE_NAME_INFORMATION, FileName), 0},
    [FilePositionInformation] = {sizeof(FILE_POSITION_INFORMATION), 0},
    [FileModeInformation] = {sizeof(FILE_MODE_INFORMATION), 0},
    [FileAlignmentInformation] = {sizeof(FILE_ALIGNMENT_INFORMATION), 0},
    [FileAllInformation] = {FIELD_OFFSET(FILE_ALL_INFORMATION, NameInformation.FileName), FILE_READ_ATTRIBUTES},
    [FileAlternateNameInformation] = {FIELD_OFFSET(FILE_NAME_INFORMATION, FileName), 0},
    [FileStreamInformation] = {24, 0},
    [FilePipeInformation] = {sizeof(FILE_PIPE_INFORMATION), FILE_READ_ATTRIBUTES},
    [FilePipeLocalInformation] = {sizeof(FILE_PIPE_LOCAL_INFORMATION), FILE_READ_ATTRIBUTES},
    [FileNetworkOpenInformation] = {sizeof(FILE_NETWORK_OPEN_INFORMATION), FILE_READ_ATTRIBUTES},
    [FileAttributeTagInformation] = {8, FILE_READ_ATTRIBUTES},
};

// Looks an information class up in a table of classes.
//
// IRQL <= APC_LEVEL. *Access: what the handle must grant. STATUS_INVALID_INFO_CLASS or STATUS_INFO_LENGTH_MISMATCH.
NTSTATUS NTAPI IopCheckClass(const IOP_CLASS *Table, ULONG Count, ULONG Class, ULONG Length, ACCESS_MASK *Access)
{
    PAGED_CODE();
    if (Class >= Count || Table[Class].Length == 0)
        return STATUS_INVALID_INFO_CLASS;
    if (Length < Table[Class].Length)
        return STATUS_INFO_LENGTH_MISMATCH;
    *Access = Table[Class].Access;
    return STATUS_SUCCESS;
}

static ULONG IopFileMode(PFILE_OBJECT File)
{
    ULONG Mode = 0;

    if (File->Flags & FO_WRITE_THROUGH)
        Mode |= FILE_WRITE_THROUGH;
    if (File->Flags & FO_SEQUENTIAL_ONLY)
        Mode |= FILE_SEQUENTIAL_ONLY;
    if (File->Flags & FO_NO_INTERMEDIATE_BUFFERING)
        Mode |= FILE_NO_INTERMEDIATE_BUFFERING;
    if (File->Flags & FO_SYNCHRONOUS_IO)
        Mode |= (File->Flags & FO_ALERTABLE_IO) ? FILE_SYNCHRONOUS_IO_ALERT : FILE_SYNCHRONOUS_IO_NONALERT;
    if (File->Flags & FO_DELETE_ON_CLOSE)
        Mode |= FILE_DELETE_ON_CLOSE;
    return Mode;
}

// Answers the classes that need no driver. TRUE: *Buffer is filled and *Used its length.
static BOOLEAN IopAnswerQuery(PIOP_CALL Call, FILE_INFORMATION_CLASS Class, PVOID Buffer, PULONG Used)
{
    switch (Class) {
    case FilePositionInformation:
        ((PFILE_POSITION_INFORMATION)Buffer)->CurrentByteOffset = Call->File->CurrentByteOffset;
        *Used = sizeof(FILE_POSITION_INFORMATION);
        return TRUE;
    case FileAccessInformation:
        ((PFILE_ACCESS_INFORMATION)Buffer)->AccessFlags = Call->GrantedAccess;
        *Used = sizeof(FILE_ACCESS_INFORMATION);
        return TRUE;
    case FileModeInformation:
        ((PFILE_MODE_INFORMATION)Buffer)->Mode = IopFileMode(Call->File);
        *Used = sizeof(FILE_MODE_INFORMATION);
        return TRUE;
    case FileAlignmentInformation:
        ((PFILE_ALIGNMENT_INFORMATION)Buffer)->AlignmentRequirement = Call->File->DeviceObject->AlignmentRequirement;
        *Used = sizeof(FILE_ALIGNMENT_INFORMATION);
        return TRUE;
    default:
        return FALSE;
    }
}

// The parts of FileAllInformation that are Io's; the file system fills in the others.
static VOID IopPrefillAll(PIOP_CALL Call, PFILE_ALL_INFORMATION All)
{
    All->AccessInformation.AccessFlags = Call->GrantedAccess;
    All->PositionInformation.CurrentByteOffset = Call->File->CurrentByteOffset;
    All->ModeInformation.Mode = IopFileMode(Call->File);
    All->AlignmentInformation.AlignmentRequirement = Call->File->DeviceObject->AlignmentRequirement;
}

static NTSTATUS IopSendQuery(PIOP_CALL Call, FILE_INFORMATION_CLASS Class, PVOID Buffer, ULONG Length,
                             PIO_STATUS_BLOCK Local)
{
    PIO_STACK_LOCATION Stack;
    NTSTATUS Status = IopAllocateCallIrp(Call, IRP_MJ_QUERY_INFORMATION, &Stack);

    if (!NT_SUCCESS(Status))
        return Status;
    Call->Irp->AssociatedIrp.SystemBuffer = Buffer;
    Stack->Parameters.QueryFile.Length = Length;
    Stack->Parameters.QueryFile.FileInformationClass = Class;
    return IopSubmitSynchronous(Call, Local);
}

static NTSTATUS IopQueryInformation(PIOP_CALL Call, PVOID Information, ULONG Length, FILE_INFORMATION_CLASS Class)
{
    IO_STATUS_BLOCK Local = {.Status = STATUS_SUCCESS, .Information = 0};
    ULONGLONG Small[IOP_SMALL_INFORMATION / sizeof(ULONGLONG)] = {0};
    ULONG Used;
    NTSTATUS Status;
    PVOID Buffer = Small;

    if (Length > sizeof(Small))
        Buffer = ExAllocatePoolZero(NonPagedPool, Length, TAG_IO_BUFFER);
    if (Buffer == NULL)
        return STATUS_INSUFFICIENT_RESOURCES;
    if (IopAnswerQuery(Call, Class, Buffer, &Used)) {
        Local.Information = Used;
    } else {
        if (Class == FileAllInformation)
            IopPrefillAll(Call, Buffer);
        Local.Status = IopSendQuery(Call, Class, Buffer, Length, &Local);
    }
    Status = NT_ERROR(Local.Status) ? Local.Status : IopReturnInformation(Call, Information, Buffer, Length, &Local);
    if (Buffer != Small)
        ExFreePoolWithTag(Buffer, TAG_IO_BUFFER);
    return Status;
}

// Tells about an open file.
//
// PASSIVE_LEVEL. STATUS_INVALID_INFO_CLASS, STATUS_INFO_LENGTH_MISMATCH, STATUS_ACCESS_DENIED, STATUS_BUFFER_OVERFLOW
// (a name that did not fit; what fits is returned), or the file system's status.
NTSTATUS NTAPI NtQueryInformationFile(HANDLE File, PIO_STATUS_BLOCK IoStatus, PVOID Information, ULONG Length,
                                      FILE_INFORMATION_CLASS Class)
{
    IOP_CALL Call;
    ACCESS_MASK Access;
    NTSTATUS Status = IopCheckClass(IopQueryFileClasses, FileMaximumInformation, Class, Length, &Access);

    PAGED_CODE();
    if (!NT_SUCCESS(Status))
        return Status;
    IopInitializeCall(&Call, NULL, NULL, IoStatus);
    Status = IopProbeInformation(&Call, Information, Length);
    if (NT_SUCCESS(Status))
        Status = IopReferenceCall(&Call, File, Access, NULL);
    if (NT_SUCCESS(Status))
        Status = IopLockCall(&Call);
    if (Status == STATUS_SUCCESS)
        Status = IopQueryInformation(&Call, Information, Length, Class);
    return IopEndCall(&Call, Status);
}

// Asks a file's file system about it, from inside the kernel (no handle, no file lock).
//
// Buffer: nonpaged.   PASSIVE_LEVEL. IoStatus->Information is the answer's length.
NTSTATUS NTAPI IopQueryFile(PFILE_OBJECT File, FILE_INFORMATION_CLASS Class, PVOID Buffer, ULONG Length,
                            PIO_STATUS_BLOCK IoStatus)
{
    IOP_CALL Call = {.File = File, .Device = IopTopDevice(File), .Mode = KernelMode};
    NTSTATUS Status = IopSendQuery(&Call, Class, Buffer, Length, IoStatus);

    PAGED_CODE();
    return NT_ERROR(Status) ? Status : IoStatus->Status;
}

// Asks the file system for a file's length.
//
// PASSIVE_LEVEL or APC_LEVEL: completes without an APC if the file system answers at once, as it must for this class.
// The file system's status on failure.
NTSTATUS NTAPI IoQueryFileSize(PFILE_OBJECT File, PLARGE_INTEGER EndOfFile)
{
    FILE_STANDARD_INFORMATION Standard = {.NumberOfLinks = 0};
    IO_STATUS_BLOCK IoStatus;
    NTSTATUS Status = IopQueryFile(File, FileStandardInformation, &Standard, sizeof(Standard), &IoStatus);

    PAGED_CODE();
    if (NT_SUCCESS(Status))
        *EndOfFile = Standard.EndOfFile;
    return Status;
}
