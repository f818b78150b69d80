// SPDX-License-Identifier: MIT
// NtQueryDirectoryFile: lists a directory into the caller's buffer. The search expression travels in the IRP's
// auxiliary buffer and is freed when the IRP completes.
// Source: WDK documentation (ZwQueryDirectoryFile).

#include "iop.h"

#define IOP_ID_BOTH_LENGTH 104 // FILE_ID_BOTH_DIR_INFORMATION up to the name, and its first character
#define IOP_ID_FULL_LENGTH 80

static const IOP_CLASS IopDirectoryClasses[FileMaximumInformation] = {
    [FileDirectoryInformation] = {sizeof(FILE_DIRECTORY_INFORMATION), 0},
    [FileFullDirectoryInformation] = {sizeof(FILE_FULL_DIR_INFORMATION), 0},
    [FileBothDirectoryInformation] = {sizeof(FILE_BOTH_DIR_INFORMATION), 0},
    [FileNamesInformation] = {sizeof(FILE_NAMES_INFORMATION), 0},
    [FileIdBothDirectoryInformation] = {IOP_ID_BOTH_LENGTH, 0},
    [FileIdFullDirectoryInformation] = {IOP_ID_FULL_LENGTH, 0},
};

// Copies the search expression into one nonpaged block: the UNICODE_STRING, then its characters.
static NTSTATUS IopCaptureExpression(PIOP_CALL Call, PUNICODE_STRING User, PUNICODE_STRING *Captured)
{
    volatile NTSTATUS Status = STATUS_SUCCESS;
    PUNICODE_STRING volatile Block = NULL;

    *Captured = NULL;
    SEH_TRY
    {
        UNICODE_STRING Name;

        if (Call->Mode != KernelMode)
            ProbeForReadType(User);
        Name = *(volatile UNICODE_STRING *)User;
        if (Name.Length & 1)
            ExRaiseStatus(STATUS_INVALID_PARAMETER);
        if (Name.Length != 0) {
            if (Call->Mode != KernelMode)
                ProbeForRead(Name.Buffer, Name.Length, sizeof(UCHAR));
            Block = ExAllocatePoolWithTag(NonPagedPool, sizeof(UNICODE_STRING) + Name.Length, TAG_IO_NAME);
            if (Block == NULL)
                ExRaiseStatus(STATUS_INSUFFICIENT_RESOURCES);
            Block->Length = Block->MaximumLength = Name.Length;
            Block->Buffer = (PWSTR)(Block + 1);
            memcpy(Block->Buffer, Name.Buffer, Name.Length);
        }
    }
    SEH_EXCEPT
    {
        Status = SEH_CODE();
    }
    SEH_END
    if (NT_SUCCESS(Status))
        *Captured = Block;
    else if (Block != NULL)
        ExFreePoolWithTag(Block, TAG_IO_NAME);
    return Status;
}

static NTSTATUS IopProbeListing(PIOP_CALL Call, PVOID Information, ULONG Length)
{
    volatile NTSTATUS Status = STATUS_SUCCESS;

    if (Call->Mode == KernelMode)
        return STATUS_SUCCESS;
    SEH_TRY
    {
        ProbeForWrite(Information, Length, sizeof(ULONG));
    }
    SEH_EXCEPT
    {
        Status = SEH_CODE();
    }
    SEH_END
    return Status;
}

static NTSTATUS IopQueryDirectory(PIOP_CALL Call, PVOID Information, ULONG Length, FILE_INFORMATION_CLASS Class,
                                  UCHAR Flags, PUNICODE_STRING Expression)
{
    PIO_STACK_LOCATION Stack;
    NTSTATUS Status = IopLockCall(Call);

    if (Status == STATUS_SUCCESS)
        Status = IopAllocateCallIrp(Call, IRP_MJ_DIRECTORY_CONTROL, &Stack);
    if (Status != STATUS_SUCCESS) {
        if (Expression != NULL)
            ExFreePoolWithTag(Expression, TAG_IO_NAME);
        return Status;
    }
    Call->Irp->Tail.Overlay.AuxiliaryBuffer = (PCHAR)Expression;
    Stack->MinorFunction = IRP_MN_QUERY_DIRECTORY;
    Stack->Flags = Flags;
    Stack->Parameters.QueryDirectory.Length = Length;
    Stack->Parameters.QueryDirectory.FileName = Expression;
    Stack->Parameters.QueryDirectory.FileInformationClass = Class;
    Status = IopAttachTransferBuffer(Call, Information, Length, FALSE);
    return NT_SUCCESS(Status) ? IopSubmitCall(Call, IopOtherTransfer) : Status;
}

// Lists (some of) a directory's entries.
//
// FileName: search expression, used by the first call on a handle (or with RestartScan); NULL: all.   PASSIVE_LEVEL.
// STATUS_NO_SUCH_FILE: nothing matches; STATUS_NO_MORE_FILES: the end; STATUS_BUFFER_OVERFLOW: not even one entry fits.
NTSTATUS NTAPI NtQueryDirectoryFile(HANDLE File, HANDLE Event, PIO_APC_ROUTINE ApcRoutine, PVOID ApcContext,
                                    PIO_STATUS_BLOCK IoStatus, PVOID Information, ULONG Length,
                                    FILE_INFORMATION_CLASS Class, BOOLEAN ReturnSingleEntry, PUNICODE_STRING FileName,
                                    BOOLEAN RestartScan)
{
    UCHAR Flags = (ReturnSingleEntry ? SL_RETURN_SINGLE_ENTRY : 0) | (RestartScan ? SL_RESTART_SCAN : 0);
    PUNICODE_STRING Expression = NULL;
    ACCESS_MASK Access;
    IOP_CALL Call;
    NTSTATUS Status = IopCheckClass(IopDirectoryClasses, FileMaximumInformation, Class, Length, &Access);

    PAGED_CODE();
    if (!NT_SUCCESS(Status))
        return Status;
    Status = IopBeginCall(&Call, File, FILE_LIST_DIRECTORY, Event, ApcRoutine, ApcContext, IoStatus);
    if (NT_SUCCESS(Status))
        Status = IopProbeListing(&Call, Information, Length);
    if (NT_SUCCESS(Status) && FileName != NULL)
        Status = IopCaptureExpression(&Call, FileName, &Expression);
    if (NT_SUCCESS(Status))
        Status = IopQueryDirectory(&Call, Information, Length, Class, Flags, Expression);
    return IopEndCall(&Call, Status);
}
