// SPDX-License-Identifier: MIT
// IRP_MJ_SET_INFORMATION: times and attributes, end of file, allocation, deletion, position; renaming is in rename.c.

#include "fat.h"

static VOID FatTakeTime(LARGE_INTEGER New, PLONGLONG Time)
{
    if (New.QuadPart > 0) // 0 and -1: leave it
        *Time = New.QuadPart;
}

static NTSTATUS FatSetBasic(PFILE_OBJECT File, PFCB Fcb, PFILE_BASIC_INFORMATION Basic)
{
    PCCB Ccb = File->FsContext2;
    BOOLEAN Directory = FatIsDirectory(Fcb);

    if (Fcb->Parent == NULL)
        return STATUS_ACCESS_DENIED; // the root has no entry
    if (Basic->FileAttributes != 0) {
        if (!Directory && (Basic->FileAttributes & FILE_ATTRIBUTE_DIRECTORY))
            return STATUS_INVALID_PARAMETER;
        Fcb->Attributes = (UCHAR)((Basic->FileAttributes & FAT_ATTR_SETTABLE) | (Directory ? FAT_ATTR_DIRECTORY : 0));
    }
    FatTakeTime(Basic->CreationTime, &Fcb->CreationTime);
    FatTakeTime(Basic->LastAccessTime, &Fcb->LastAccessTime);
    FatTakeTime(Basic->LastWriteTime, &Fcb->LastWriteTime);
    if (Basic->LastWriteTime.QuadPart != 0)
        Ccb->Flags |= CCB_USER_SET_WRITE_TIME;
    return FatUpdateDirent(Fcb);
}

static NTSTATUS FatSetDisposition(PFILE_OBJECT File, PFCB Fcb, PFILE_DISPOSITION_INFORMATION Disposition)
{
    if (Disposition->DeleteFile) {
        NTSTATUS Status = FatCheckDelete(Fcb);

        if (!NT_SUCCESS(Status))
            return Status;
        Fcb->Flags |= FCB_DELETE_PENDING;
    } else {
        Fcb->Flags &= ~FCB_DELETE_PENDING;
    }
    File->DeletePending = Disposition->DeleteFile != FALSE;
    return STATUS_SUCCESS;
}

static NTSTATUS FatSetEndOfFile(PFILE_OBJECT File, PFCB Fcb, ULONGLONG NewSize)
{
    ULONG Size = FatFileSize(Fcb);
    NTSTATUS Status = STATUS_SUCCESS;

    if (NewSize > MAXULONG)
        return STATUS_DISK_FULL;
    if (NewSize > Size)
        Status = FatExtendFile(File, Fcb, (ULONG)NewSize);
    else if (Fcb->Flags & FCB_PAGING_FILE)
        return STATUS_ACCESS_DENIED; // it never shrinks
    else if (NewSize < Size)
        Status = FatTruncateFile(File, Fcb, (ULONG)NewSize);
    if (NT_SUCCESS(Status) && (Fcb->Flags & FCB_PAGING_FILE))
        Status = FatMakePagingMap(Fcb);
    if (NT_SUCCESS(Status))
        IoSetFileFlags(File, FO_FILE_MODIFIED);
    return Status;
}

static NTSTATUS FatSetFile(PFILE_OBJECT File, PFCB Fcb, FILE_INFORMATION_CLASS Class, PVOID Buffer)
{
    BOOLEAN Directory = FatIsDirectory(Fcb);
    LONGLONG Size;

    switch (Class) {
    case FileBasicInformation:
        return FatSetBasic(File, Fcb, Buffer);
    case FileDispositionInformation:
        return FatSetDisposition(File, Fcb, Buffer);
    case FilePositionInformation:
        File->CurrentByteOffset = ((PFILE_POSITION_INFORMATION)Buffer)->CurrentByteOffset;
        return STATUS_SUCCESS;
    case FileEndOfFileInformation:
        Size = ((PFILE_END_OF_FILE_INFORMATION)Buffer)->EndOfFile.QuadPart;
        return Directory || Size < 0 ? STATUS_INVALID_PARAMETER : FatSetEndOfFile(File, Fcb, (ULONGLONG)Size);
    case FileAllocationInformation:
        Size = ((PFILE_ALLOCATION_INFORMATION)Buffer)->AllocationSize.QuadPart;
        return Directory || Size < 0 ? STATUS_INVALID_PARAMETER : FatSetAllocation(File, Fcb, (ULONGLONG)Size);
    default:
        return STATUS_INVALID_PARAMETER;
    }
}

// IRP_MJ_SET_INFORMATION. Takes Vcb->Resource exclusively for what is about names (shared otherwise) and MainResource.
NTSTATUS FatSetInformation(PVCB Vcb, PIRP Irp, PIO_STACK_LOCATION Stack)
{
    PFILE_OBJECT File = Stack->FileObject;
    PFCB Fcb = File->FsContext;
    FILE_INFORMATION_CLASS Class = Stack->Parameters.SetFile.FileInformationClass;
    NTSTATUS Status;

    PAGED_CODE();
    if (Fcb->Header.NodeTypeCode == FAT_NTC_VCB)
        return STATUS_INVALID_PARAMETER;
    if (Stack->Parameters.SetFile.AdvanceOnly)
        return STATUS_SUCCESS; // from the lazy writer: FAT has no place for the valid length on the disk
    if (Class == FileRenameInformation || Class == FileDispositionInformation)
        ExAcquireResourceExclusiveLite(&Vcb->Resource, TRUE);
    else
        ExAcquireResourceSharedLite(&Vcb->Resource, TRUE);
    ExAcquireResourceExclusiveLite(&Fcb->MainResource, TRUE);
    if (Fcb->Flags & FCB_DELETED)
        Status = STATUS_FILE_CLOSED;
    else if (Class == FileRenameInformation)
        Status = FatSetRename(Vcb, Irp, Stack);
    else
        Status = FatSetFile(File, Fcb, Class, Irp->AssociatedIrp.SystemBuffer);
    ExReleaseResourceLite(&Fcb->MainResource);
    if (Class == FileRenameInformation)
        FatReapFcbs(Vcb);
    ExReleaseResourceLite(&Vcb->Resource);
    return Status;
}
