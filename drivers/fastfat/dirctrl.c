// SPDX-License-Identifier: MIT
// IRP_MJ_DIRECTORY_CONTROL: NtQueryDirectoryFile. The handle's context remembers the pattern of the first query and
// where the next one goes on; each query walks the directory from there and fills the caller's buffer.

#include "fat.h"

typedef struct _FAT_QUERY {
    PVCB Vcb;
    PCCB Ccb;
    FILE_INFORMATION_CLASS Class;
    PUCHAR Buffer; // may be a user address
    ULONG Length;
    ULONG Used;
    ULONG LastOffset; // of the entry whose NextEntryOffset waits
    BOOLEAN Any;
    BOOLEAN Single;
} FAT_QUERY, *PFAT_QUERY;

// The offset of the name in an entry of a class; 0: not a class we have.
static ULONG FatEntryNameOffset(FILE_INFORMATION_CLASS Class)
{
    switch (Class) {
    case FileDirectoryInformation:
        return FIELD_OFFSET(FILE_DIRECTORY_INFORMATION, FileName);
    case FileFullDirectoryInformation:
        return FIELD_OFFSET(FILE_FULL_DIR_INFORMATION, FileName);
    case FileBothDirectoryInformation:
        return FIELD_OFFSET(FILE_BOTH_DIR_INFORMATION, FileName);
    case FileNamesInformation:
        return FIELD_OFFSET(FILE_NAMES_INFORMATION, FileName);
    default:
        return 0;
    }
}

// Fills the fixed part. FILE_BOTH_DIR_INFORMATION begins as the full and the plain form do.
static VOID FatFillEntry(PFAT_QUERY Query, PFAT_CURSOR Cursor, PFILE_BOTH_DIR_INFORMATION Entry)
{
    const FAT_DIRENT *Dirent = &Cursor->Scan.Dirent;
    WCHAR Short[12];

    memset(Entry, 0, FatEntryNameOffset(Query->Class));
    if (Query->Class == FileNamesInformation) {
        ((PFILE_NAMES_INFORMATION)Entry)->FileNameLength = Cursor->NameLength * sizeof(WCHAR);
        return;
    }
    Entry->CreationTime.QuadPart = FatStampToTime(Dirent->CreateDate, Dirent->CreateTime, Dirent->CreateTenths);
    Entry->LastAccessTime.QuadPart = FatStampToTime(Dirent->AccessDate, 0, 0);
    Entry->LastWriteTime.QuadPart = FatStampToTime(Dirent->WriteDate, Dirent->WriteTime, 0);
    Entry->ChangeTime = Entry->LastWriteTime;
    Entry->FileAttributes = FatNtAttributes(Dirent->Attributes);
    if (!(Dirent->Attributes & FAT_ATTR_DIRECTORY)) {
        Entry->EndOfFile.QuadPart = Dirent->FileSize;
        Entry->AllocationSize.QuadPart = (LONGLONG)FatClustersFor(Query->Vcb, Dirent->FileSize)
                                         << Query->Vcb->Geometry.ClusterShift;
    }
    Entry->FileNameLength = Cursor->NameLength * sizeof(WCHAR);
    if (Query->Class == FileBothDirectoryInformation && Cursor->Scan.LongLength != 0) {
        Entry->ShortNameLength = (CCHAR)(FatShortToUnicode(Dirent->Name, 0, Short) * sizeof(WCHAR));
        memcpy(Entry->ShortName, Short, (ULONG)Entry->ShortNameLength);
    }
}

// Copies one entry to the caller. The buffer may fault: no MetaResource here.
static NTSTATUS FatCopyEntry(PFAT_QUERY Query, PFILE_BOTH_DIR_INFORMATION Entry, ULONG Fixed, const WCHAR *Name,
                             ULONG NameBytes, ULONG Start)
{
    volatile NTSTATUS Status = STATUS_SUCCESS;

    SEH_TRY
    {
        memcpy(Query->Buffer + Start, Entry, Fixed);
        memcpy(Query->Buffer + Start + Fixed, Name, NameBytes);
        if (Query->Any)
            *(PULONG)(Query->Buffer + Query->LastOffset) = Start - Query->LastOffset;
    }
    SEH_EXCEPT
    {
        Status = SEH_CODE();
    }
    SEH_END
    return Status;
}

// Adds the cursor's file. STATUS_BUFFER_OVERFLOW: it is the first and was cut; STATUS_MORE_ENTRIES: no room, not added.
static NTSTATUS FatAddEntry(PFAT_QUERY Query, PFAT_CURSOR Cursor)
{
    FILE_BOTH_DIR_INFORMATION Entry;
    ULONG Start = Query->Any ? (Query->Used + 7) & ~7u : 0, Fixed = FatEntryNameOffset(Query->Class);
    ULONG NameBytes = Cursor->NameLength * sizeof(WCHAR);
    NTSTATUS Result = STATUS_SUCCESS, Status;

    if (Start + Fixed + NameBytes > Query->Length) {
        if (Query->Any)
            return STATUS_MORE_ENTRIES;
        NameBytes = (Query->Length - Fixed) & ~1u;
        Result = STATUS_BUFFER_OVERFLOW;
    }
    FatFillEntry(Query, Cursor, &Entry);
    Status = FatCopyEntry(Query, &Entry, Fixed, Cursor->Name, NameBytes, Start);
    if (!NT_SUCCESS(Status))
        return Status;
    Query->LastOffset = Start;
    Query->Used = Start + Fixed + NameBytes;
    Query->Any = TRUE;
    return Result;
}

static BOOLEAN FatMatches(PCCB Ccb, PFAT_CURSOR Cursor)
{
    WCHAR Short[12];
    UNICODE_STRING Name = {(USHORT)(Cursor->NameLength * sizeof(WCHAR)), 0, Cursor->Name};

    if ((Ccb->Flags & CCB_MATCH_ALL) || RtlIsNameInExpression(&Ccb->Pattern, &Name, TRUE))
        return TRUE;
    if (Cursor->Scan.LongLength == 0)
        return FALSE;
    Name.Buffer = Short;
    Name.Length = (USHORT)(FatShortToUnicode(Cursor->Scan.Dirent.Name, 0, Short) * sizeof(WCHAR));
    return RtlIsNameInExpression(&Ccb->Pattern, &Name, TRUE);
}

static NTSTATUS FatFillBuffer(PFAT_QUERY Query, PFAT_CURSOR Cursor)
{
    NTSTATUS Status;

    for (;;) {
        Status = FatNextFile(Cursor);
        if (!NT_SUCCESS(Status))
            break;
        if (FatMatches(Query->Ccb, Cursor)) {
            Status = FatAddEntry(Query, Cursor);
            if (Status == STATUS_MORE_ENTRIES)
                return STATUS_SUCCESS;
            if (NT_ERROR(Status))
                return Status;
        }
        Query->Ccb->NextOffset = Cursor->Offset;
        if (Status == STATUS_BUFFER_OVERFLOW || (Query->Single && Query->Any))
            return Status;
    }
    if (Status == STATUS_NO_MORE_FILES) {
        Query->Ccb->NextOffset = Cursor->Offset;
        if (Query->Any)
            return STATUS_SUCCESS;
        return Query->Ccb->Flags & CCB_SEARCH_FOUND ? STATUS_NO_MORE_FILES : STATUS_NO_SUCH_FILE;
    }
    return Query->Any ? STATUS_SUCCESS : Status;
}

// Keeps the pattern of the first query, upper-cased. NULL, empty and "*" match everything.
static NTSTATUS FatStartSearch(PCCB Ccb, PUNICODE_STRING Pattern)
{
    if (Ccb->Flags & CCB_SEARCH_STARTED)
        return STATUS_SUCCESS;
    if (Pattern == NULL || Pattern->Length == 0 || (Pattern->Length == sizeof(WCHAR) && Pattern->Buffer[0] == '*')) {
        Ccb->Flags |= CCB_SEARCH_STARTED | CCB_MATCH_ALL;
        return STATUS_SUCCESS;
    }
    Ccb->Pattern.Buffer = ExAllocatePoolWithTag(PagedPool, Pattern->Length, TAG_FAT_NAME);
    if (Ccb->Pattern.Buffer == NULL)
        return STATUS_INSUFFICIENT_RESOURCES;
    for (ULONG i = 0; i < Pattern->Length / sizeof(WCHAR); i++)
        Ccb->Pattern.Buffer[i] = RtlUpcaseUnicodeChar(Pattern->Buffer[i]);
    Ccb->Pattern.Length = Ccb->Pattern.MaximumLength = Pattern->Length;
    Ccb->Flags |= CCB_SEARCH_STARTED;
    return STATUS_SUCCESS;
}

static NTSTATUS FatQueryDirectory(PFAT_QUERY Query, PFCB Directory, PIO_STACK_LOCATION Stack)
{
    PFAT_CURSOR Cursor;
    NTSTATUS Status;

    if (Directory->Flags & FCB_DELETED)
        return STATUS_DELETE_PENDING;
    Status = FatStartSearch(Query->Ccb, Stack->Parameters.QueryDirectory.FileName);
    if (!NT_SUCCESS(Status))
        return Status;
    if (Stack->Flags & SL_RESTART_SCAN) {
        Query->Ccb->NextOffset = 0;
        Query->Ccb->Flags &= ~CCB_SEARCH_FOUND;
    }
    Cursor = FatOpenCursor(Directory, Query->Ccb->NextOffset);
    if (Cursor == NULL)
        return STATUS_INSUFFICIENT_RESOURCES;
    Status = FatFillBuffer(Query, Cursor);
    if (Query->Any)
        Query->Ccb->Flags |= CCB_SEARCH_FOUND;
    FatCloseCursor(Cursor);
    return Status;
}

// IRP_MJ_DIRECTORY_CONTROL. Takes Vcb->Resource shared and MainResource exclusively (the handle's search context).
//
// STATUS_NO_SUCH_FILE: nothing matches; STATUS_NO_MORE_FILES: no more; STATUS_BUFFER_OVERFLOW: a name was cut.
NTSTATUS FatDirectoryControl(PVCB Vcb, PIRP Irp, PIO_STACK_LOCATION Stack)
{
    PFCB Directory = Stack->FileObject->FsContext;
    FAT_QUERY Query = {.Vcb = Vcb, .Ccb = Stack->FileObject->FsContext2};
    NTSTATUS Status;

    PAGED_CODE();
    if (Stack->MinorFunction != IRP_MN_QUERY_DIRECTORY)
        return STATUS_NOT_IMPLEMENTED; // change notification
    if (Directory->Header.NodeTypeCode == FAT_NTC_VCB || !FatIsDirectory(Directory))
        return STATUS_INVALID_PARAMETER;
    Query.Class = Stack->Parameters.QueryDirectory.FileInformationClass;
    Query.Buffer = FatUserBuffer(Irp);
    Query.Length = Stack->Parameters.QueryDirectory.Length;
    Query.Single = (Stack->Flags & SL_RETURN_SINGLE_ENTRY) != 0;
    if (FatEntryNameOffset(Query.Class) == 0)
        return STATUS_INVALID_INFO_CLASS;
    if (Query.Length < FatEntryNameOffset(Query.Class))
        return STATUS_INFO_LENGTH_MISMATCH;
    if (Query.Buffer == NULL)
        return STATUS_INSUFFICIENT_RESOURCES;
    ExAcquireResourceSharedLite(&Vcb->Resource, TRUE);
    ExAcquireResourceExclusiveLite(&Directory->MainResource, TRUE);
    Status = FatQueryDirectory(&Query, Directory, Stack);
    ExReleaseResourceLite(&Directory->MainResource);
    ExReleaseResourceLite(&Vcb->Resource);
    Irp->IoStatus.Information = NT_ERROR(Status) ? 0 : Query.Used;
    return Status;
}
