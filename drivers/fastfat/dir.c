// SPDX-License-Identifier: MIT
// Looking into directories. A cursor copies a directory out of the metadata cache 512 bytes at a time and joins its
// entries to files; nothing is locked between two files but the volume's namespace (Vcb->Resource).

#include "fat.h"

// Where the directory's byte Offset lies on the volume. STATUS_END_OF_FILE: behind its last cluster. Takes
// MetaResource.
NTSTATUS NTAPI FatEntryLbo(PFCB Directory, ULONG Offset, PULONGLONG Lbo)
{
    PFAT_GEOMETRY Geometry = &Directory->Vcb->Geometry;
    ULONG Lcn, Count;
    NTSTATUS Status;

    PAGED_CODE();
    if (Offset >= FAT_MAXIMUM_DIRECTORY_BYTES)
        return STATUS_END_OF_FILE;
    FatLockMeta(Directory->Vcb);
    Status = FatLookupCluster(Directory, Offset >> Geometry->ClusterShift, &Lcn, &Count);
    FatUnlockMeta(Directory->Vcb);
    if (NT_SUCCESS(Status))
        *Lbo = FatClusterLbo(Directory->Vcb, Lcn) + (Offset & (Geometry->ClusterSize - 1));
    return Status;
}

// Starts a walk at Offset, the first entry of a file. NULL when there is no memory. FatCloseCursor frees it.
PFAT_CURSOR FatOpenCursor(PFCB Directory, ULONG Offset)
{
    PFAT_CURSOR Cursor = ExAllocatePoolWithTag(NonPagedPool, sizeof(*Cursor), TAG_FAT_SCAN);

    PAGED_CODE();
    if (Cursor == NULL)
        return NULL;
    Cursor->Directory = Directory;
    Cursor->Offset = Offset;
    Cursor->AtEnd = FALSE;
    Cursor->SectorOffset = MAXULONG;
    FatScanReset(&Cursor->Scan);
    return Cursor;
}

VOID FatCloseCursor(PFAT_CURSOR Cursor)
{
    PAGED_CODE();
    ExFreePoolWithTag(Cursor, TAG_FAT_SCAN);
}

static NTSTATUS FatLoadSector(PFAT_CURSOR Cursor)
{
    PVCB Vcb = Cursor->Directory->Vcb;
    ULONG Start = Cursor->Offset & ~(FAT_BLOCK_UNIT - 1);
    ULONGLONG Lbo;
    NTSTATUS Status;

    if (Cursor->SectorOffset == Start)
        return STATUS_SUCCESS;
    FatLockMeta(Vcb);
    Status = FatEntryLbo(Cursor->Directory, Start, &Lbo);
    if (NT_SUCCESS(Status))
        Status = FatReadMeta(Vcb, Lbo, Cursor->Sector, FAT_BLOCK_UNIT);
    FatUnlockMeta(Vcb);
    Cursor->SectorOffset = NT_SUCCESS(Status) ? Start : MAXULONG;
    return Status;
}

// The next entry, whatever it is: *Entry points into the cursor. STATUS_END_OF_FILE behind the last cluster.
NTSTATUS NTAPI FatReadEntry(PFAT_CURSOR Cursor, PUCHAR *Entry, PULONG Offset)
{
    NTSTATUS Status = FatLoadSector(Cursor);

    PAGED_CODE();
    if (!NT_SUCCESS(Status))
        return Status;
    *Offset = Cursor->Offset;
    *Entry = Cursor->Sector + Cursor->Offset % FAT_BLOCK_UNIT;
    Cursor->Offset += FAT_DIRENT_SIZE;
    return STATUS_SUCCESS;
}

static NTSTATUS FatNextResult(PFAT_CURSOR Cursor, FAT_SCAN_RESULT *Result)
{
    PUCHAR Entry;
    ULONG Offset;
    NTSTATUS Status;

    do {
        if (Cursor->AtEnd)
            return STATUS_NO_MORE_FILES;
        Status = FatReadEntry(Cursor, &Entry, &Offset);
        if (Status == STATUS_END_OF_FILE) {
            Cursor->AtEnd = TRUE;
            return STATUS_NO_MORE_FILES;
        }
        if (!NT_SUCCESS(Status))
            return Status;
        *Result = FatScanFeed(&Cursor->Scan, Entry, Offset);
        Cursor->AtEnd = *Result == FatScanEnd;
    } while (*Result != FatScanFile && *Result != FatScanLabel);
    return STATUS_SUCCESS;
}

// The next file ("." and ".." are files too): Scan, Name and NameLength say which. STATUS_NO_MORE_FILES at the end.
NTSTATUS NTAPI FatNextFile(PFAT_CURSOR Cursor)
{
    FAT_SCAN_RESULT Result;
    NTSTATUS Status;

    PAGED_CODE();
    do {
        Status = FatNextResult(Cursor, &Result);
        if (!NT_SUCCESS(Status))
            return Status;
    } while (Result != FatScanFile);
    Cursor->NameLength = FatScanName(&Cursor->Scan, Cursor->Name);
    return STATUS_SUCCESS;
}

static BOOLEAN FatFcbHasName(PFCB Fcb, const WCHAR *Name, ULONG Length)
{
    WCHAR Short[12];

    if (Fcb->Flags & FCB_DELETED)
        return FALSE;
    if (FatNamesEqual(Fcb->Name.Buffer, Fcb->Name.Length / sizeof(WCHAR), Name, Length))
        return TRUE;
    return Length <= 12 && FatNamesEqual(Short, FatShortToUnicode(Fcb->Short, 0, Short), Name, Length);
}

static BOOLEAN FatCursorHasName(PFAT_CURSOR Cursor, const WCHAR *Name, ULONG Length)
{
    WCHAR Short[12];

    if (FatNamesEqual(Cursor->Name, Cursor->NameLength, Name, Length))
        return TRUE;
    return Cursor->Scan.LongLength != 0 && Length <= 12 &&
           FatNamesEqual(Short, FatShortToUnicode(Cursor->Scan.Dirent.Name, 0, Short), Name, Length);
}

static PFCB FatFindOpenEntry(PFCB Directory, ULONG DirentOffset)
{
    for (PLIST_ENTRY Entry = Directory->Children.Flink; Entry != &Directory->Children; Entry = Entry->Flink) {
        PFCB Fcb = CONTAINING_RECORD(Entry, FCB, SiblingLinks);

        if (Fcb->DirentOffset == DirentOffset && !(Fcb->Flags & FCB_DELETED))
            return Fcb;
    }
    return NULL;
}

// Finds a file by its long or short name and gives its FCB, not referenced, made if there is none.
//
// Vcb->Resource held exclusively. STATUS_OBJECT_NAME_NOT_FOUND; the disk's errors.
NTSTATUS NTAPI FatFindName(PFCB Directory, const WCHAR *Name, ULONG Length, PFCB *Fcb)
{
    PFAT_CURSOR Cursor;
    NTSTATUS Status;

    PAGED_CODE();
    for (PLIST_ENTRY Entry = Directory->Children.Flink; Entry != &Directory->Children; Entry = Entry->Flink) {
        *Fcb = CONTAINING_RECORD(Entry, FCB, SiblingLinks);
        if (FatFcbHasName(*Fcb, Name, Length))
            return STATUS_SUCCESS;
    }
    *Fcb = NULL;
    Cursor = FatOpenCursor(Directory, 0);
    if (Cursor == NULL)
        return STATUS_INSUFFICIENT_RESOURCES;
    do {
        Status = FatNextFile(Cursor);
    } while (NT_SUCCESS(Status) && !FatCursorHasName(Cursor, Name, Length));
    if (NT_SUCCESS(Status)) {
        *Fcb = FatFindOpenEntry(Directory, Cursor->Scan.DirentOffset);
        if (*Fcb == NULL)
            *Fcb = FatCreateFcb(Directory->Vcb, Directory, &Cursor->Scan);
        if (*Fcb == NULL)
            Status = STATUS_INSUFFICIENT_RESOURCES;
    }
    FatCloseCursor(Cursor);
    return Status == STATUS_NO_MORE_FILES ? STATUS_OBJECT_NAME_NOT_FOUND : Status;
}

static BOOLEAN FatIsDotName(const UCHAR *Short)
{
    return Short[0] == '.' && (Short[1] == ' ' || (Short[1] == '.' && Short[2] == ' '));
}

// Says whether a directory has no files but "." and "..".
NTSTATUS NTAPI FatIsDirectoryEmpty(PFCB Directory, PBOOLEAN Empty)
{
    PFAT_CURSOR Cursor = FatOpenCursor(Directory, 0);
    NTSTATUS Status;

    PAGED_CODE();
    if (Cursor == NULL)
        return STATUS_INSUFFICIENT_RESOURCES;
    do {
        Status = FatNextFile(Cursor);
    } while (NT_SUCCESS(Status) && FatIsDotName(Cursor->Scan.Dirent.Name));
    FatCloseCursor(Cursor);
    *Empty = Status == STATUS_NO_MORE_FILES;
    return *Empty ? STATUS_SUCCESS : Status;
}

// The volume's label (11 bytes, blank padded): the root directory's label entry, or the boot sector's.
NTSTATUS NTAPI FatReadVolumeLabel(PVCB Vcb, PUCHAR Label)
{
    PFAT_CURSOR Cursor = FatOpenCursor(Vcb->Root, 0);
    FAT_SCAN_RESULT Result;
    NTSTATUS Status;

    PAGED_CODE();
    memcpy(Label, Vcb->Geometry.Label, 11);
    if (Cursor == NULL)
        return STATUS_INSUFFICIENT_RESOURCES;
    do {
        Status = FatNextResult(Cursor, &Result);
    } while (NT_SUCCESS(Status) && Result != FatScanLabel);
    if (NT_SUCCESS(Status))
        memcpy(Label, Cursor->Scan.Dirent.Name, 11);
    FatCloseCursor(Cursor);
    return Status == STATUS_NO_MORE_FILES ? STATUS_SUCCESS : Status;
}
