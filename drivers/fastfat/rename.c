// SPDX-License-Identifier: MIT
// Renaming, within a directory or to another one of the volume. The new entry is stored before the old one goes, so
// that an interrupted rename leaves two names and never none.

#include "fat.h"

typedef struct _FAT_RENAME {
    PFCB Fcb;
    PFCB Directory; // where it goes
    PWSTR Name;
    ULONG NameLength; // characters
    BOOLEAN Replace;
    PFCB Target; // what has the name now; NULL: nothing
} FAT_RENAME, *PFAT_RENAME;

static NTSTATUS FatCaptureRename(PIRP Irp, PIO_STACK_LOCATION Stack, PFAT_RENAME Rename)
{
    PFILE_RENAME_INFORMATION Information = Irp->AssociatedIrp.SystemBuffer;
    PFILE_OBJECT TargetFile = Stack->Parameters.SetFile.FileObject;
    ULONG Room;

    Rename->Fcb = Stack->FileObject->FsContext;
    Rename->Replace = Stack->Parameters.SetFile.ReplaceIfExists;
    Rename->Target = NULL;
    if (TargetFile != NULL) {
        Rename->Directory = TargetFile->FsContext;
        Rename->Name = TargetFile->FileName.Buffer;
        Rename->NameLength = TargetFile->FileName.Length / sizeof(WCHAR);
    } else {
        if (Stack->Parameters.SetFile.Length < (ULONG)FIELD_OFFSET(FILE_RENAME_INFORMATION, FileName))
            return STATUS_INVALID_PARAMETER;
        Room = Stack->Parameters.SetFile.Length - FIELD_OFFSET(FILE_RENAME_INFORMATION, FileName);
        if (Information->FileNameLength > Room)
            return STATUS_INVALID_PARAMETER;
        Rename->Directory = Rename->Fcb->Parent;
        Rename->Name = Information->FileName;
        Rename->NameLength = Information->FileNameLength / sizeof(WCHAR);
    }
    while (Rename->NameLength > 0 &&
           (Rename->Name[Rename->NameLength - 1] == ' ' || Rename->Name[Rename->NameLength - 1] == '.'))
        Rename->NameLength--;
    return FatIsNameLegal(Rename->Name, Rename->NameLength) ? STATUS_SUCCESS : STATUS_OBJECT_NAME_INVALID;
}

static BOOLEAN FatIsBelow(PFCB Fcb, PFCB Directory)
{
    for (; Fcb != NULL; Fcb = Fcb->Parent)
        if (Fcb == Directory)
            return TRUE;
    return FALSE;
}

// Is a file below Directory open? A walk over all FCBs, not down the tree, which may be deeper than the stack.
static BOOLEAN FatHasOpenBelow(PFCB Directory)
{
    for (PLIST_ENTRY Entry = Directory->Vcb->Fcbs.Flink; Entry != &Directory->Vcb->Fcbs; Entry = Entry->Flink) {
        PFCB Fcb = CONTAINING_RECORD(Entry, FCB, VcbLinks);

        if (Fcb != Directory && Fcb->UncleanCount != 0 && FatIsBelow(Fcb, Directory))
            return TRUE;
    }
    return FALSE;
}

// May the file move at all, and to there?
static NTSTATUS FatCheckRename(PFAT_RENAME Rename)
{
    PFCB Fcb = Rename->Fcb;

    if (Fcb->Parent == NULL)
        return STATUS_INVALID_PARAMETER;
    if (Fcb->Flags & FCB_DELETE_PENDING)
        return STATUS_DELETE_PENDING;
    if (!FatIsDirectory(Rename->Directory) || (Rename->Directory->Flags & FCB_DELETED))
        return STATUS_OBJECT_PATH_NOT_FOUND;
    if (Rename->Directory->Flags & FCB_DELETE_PENDING)
        return STATUS_DELETE_PENDING;
    if (!FatIsDirectory(Fcb))
        return STATUS_SUCCESS;
    if (FatIsBelow(Rename->Directory, Fcb))
        return STATUS_INVALID_PARAMETER; // into itself
    return FatHasOpenBelow(Fcb) ? STATUS_ACCESS_DENIED : STATUS_SUCCESS;
}

// The new name is taken: may its file be replaced?
static NTSTATUS FatCheckTarget(PFAT_RENAME Rename)
{
    PFCB Target = Rename->Target;

    if (!Rename->Replace)
        return STATUS_OBJECT_NAME_COLLISION;
    if (FatIsDirectory(Target) || (Target->Attributes & FAT_ATTR_READ_ONLY) || Target->UncleanCount != 0)
        return STATUS_ACCESS_DENIED;
    return MmFlushImageSection(&Target->Section, MmFlushForDelete) ? STATUS_SUCCESS : STATUS_ACCESS_DENIED;
}

static NTSTATUS FatRemoveTarget(PFAT_RENAME Rename)
{
    NTSTATUS Status;

    if (Rename->Target == NULL)
        return STATUS_SUCCESS;
    ExAcquireResourceExclusiveLite(&Rename->Target->MainResource, TRUE);
    Status = FatDeleteFile(NULL, Rename->Target);
    ExReleaseResourceLite(&Rename->Target->MainResource);
    return Status;
}

// Stores the new entries and takes the old ones away. The FCB points to the new ones then.
static NTSTATUS FatMoveEntries(PFAT_RENAME Rename, PFAT_PLACE Place)
{
    PFCB Fcb = Rename->Fcb;
    ULONG NewOffset = Place->FirstOffset + Place->LfnCount * FAT_DIRENT_SIZE;
    FAT_DIRENT Dirent;
    NTSTATUS Status = FatReadDirent(Fcb->Parent, Fcb->DirentOffset, &Dirent);

    if (NT_SUCCESS(Status)) {
        FatFillDirent(Fcb, &Dirent);
        Status = FatWriteEntries(Rename->Directory, Rename->Name, Rename->NameLength, Place, &Dirent);
    }
    if (NT_SUCCESS(Status) && FatIsDirectory(Fcb) && Fcb->Parent != Rename->Directory)
        Status = FatSetDotDot(Fcb, Rename->Directory);
    if (NT_SUCCESS(Status))
        Status = FatRemoveEntries(Fcb->Parent, Fcb->FirstOffset, Fcb->DirentOffset);
    if (!NT_SUCCESS(Status)) {
        IGNORE_STATUS(FatRemoveEntries(Rename->Directory, Place->FirstOffset, NewOffset)); // the first error counts
        return Status;
    }
    memcpy(Fcb->Short, Place->Short, sizeof(Fcb->Short));
    Fcb->NtCase = Place->NtCase;
    Fcb->FirstOffset = Place->FirstOffset;
    Fcb->DirentOffset = NewOffset;
    return STATUS_SUCCESS;
}

static NTSTATUS FatDoRename(PFAT_RENAME Rename)
{
    UNICODE_STRING Name;
    FAT_PLACE Place;
    NTSTATUS Status = FatPreparePlace(Rename->Directory, Rename->Name, Rename->NameLength,
                                      Rename->Directory == Rename->Fcb->Parent ? Rename->Fcb : NULL, &Place);

    // What needs space or memory comes before the target goes.
    if (NT_SUCCESS(Status))
        Status = FatReserveSlots(Rename->Directory, &Place);
    if (NT_SUCCESS(Status))
        Status = FatCopyName(Rename->Name, Rename->NameLength, &Name);
    if (!NT_SUCCESS(Status))
        return Status;
    Status = FatRemoveTarget(Rename);
    if (NT_SUCCESS(Status))
        Status = FatMoveEntries(Rename, &Place);
    if (NT_SUCCESS(Status))
        FatRenameFcb(Rename->Fcb, Rename->Directory, &Name);
    else
        ExFreePoolWithTag(Name.Buffer, TAG_FAT_NAME);
    return Status;
}

// FileRenameInformation. Vcb->Resource and the file's MainResource held exclusively.
//
// STATUS_OBJECT_NAME_COLLISION, STATUS_ACCESS_DENIED (the target is open, read-only or a directory; files below a
// directory are open), STATUS_INVALID_PARAMETER (a directory into itself), STATUS_DISK_FULL. A failure moves nothing.
NTSTATUS NTAPI FatSetRename(PVCB Vcb, PIRP Irp, PIO_STACK_LOCATION Stack)
{
    FAT_RENAME Rename;
    NTSTATUS Status = FatCaptureRename(Irp, Stack, &Rename);

    PAGED_CODE();
    UNREFERENCED_PARAMETER(Vcb);
    if (NT_SUCCESS(Status))
        Status = FatCheckRename(&Rename);
    if (!NT_SUCCESS(Status))
        return Status;
    Status = FatFindName(Rename.Directory, Rename.Name, Rename.NameLength, &Rename.Target);
    if (NT_SUCCESS(Status)) {
        if (Rename.Target == Rename.Fcb)
            Rename.Target = NULL; // another case, or the alias, of its own name
        else
            Status = FatCheckTarget(&Rename);
    } else if (Status == STATUS_OBJECT_NAME_NOT_FOUND) {
        Rename.Target = NULL;
        Status = STATUS_SUCCESS;
    }
    return NT_SUCCESS(Status) ? FatDoRename(&Rename) : Status;
}
