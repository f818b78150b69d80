// SPDX-License-Identifier: MIT
// From a path to the directory of its last component and, if it exists, the file. Components are taken one by one, each
// directory on the way gets an FCB; those that stay unreferenced are reaped at the end of the create.

#include "fat.h"

// VFAT ignores blanks and dots at a name's end.
static ULONG FatTrimName(const WCHAR *Name, ULONG Length)
{
    while (Length > 0 && (Name[Length - 1] == ' ' || Name[Length - 1] == '.'))
        Length--;
    return Length;
}

// Where the walk starts: the related file object's directory, or the root.
static NTSTATUS FatFindStart(PFAT_CREATE Create, PFCB *Directory)
{
    PFILE_OBJECT Related = Create->File->RelatedFileObject;
    PUNICODE_STRING Path = &Create->File->FileName;
    BOOLEAN Absolute = Path->Length != 0 && Path->Buffer[0] == '\\';

    *Directory = Create->Vcb->Root;
    if (Related == NULL)
        return Absolute ? STATUS_SUCCESS : STATUS_OBJECT_NAME_INVALID;
    if (Absolute)
        return STATUS_OBJECT_NAME_INVALID;
    if (((PFCB)Related->FsContext)->Header.NodeTypeCode == FAT_NTC_VCB)
        return STATUS_SUCCESS;
    *Directory = Related->FsContext;
    if (!FatIsDirectory(*Directory) && Path->Length != 0) // an empty name opens the same file again
        return STATUS_OBJECT_PATH_NOT_FOUND;
    return (*Directory)->Flags & FCB_DELETED ? STATUS_OBJECT_PATH_NOT_FOUND : STATUS_SUCCESS;
}

static NTSTATUS FatEnterDirectory(PFAT_CREATE Create, PFCB Fcb)
{
    if (!FatIsDirectory(Fcb))
        return STATUS_OBJECT_PATH_NOT_FOUND;
    if (Fcb->Flags & FCB_DELETE_PENDING)
        return STATUS_DELETE_PENDING;
    Create->Directory = Fcb;
    return STATUS_SUCCESS;
}

// Takes the next component off [*Path, End) into Create->Name. FALSE: there is none.
static BOOLEAN FatNextComponent(PFAT_CREATE Create, PWSTR *Path, PWSTR End)
{
    PWSTR Start = *Path, Stop = Start;

    if (Start >= End)
        return FALSE; // Name stays the last one
    while (Stop < End && *Stop != '\\')
        Stop++;
    Create->Name = Start;
    Create->NameLength = FatTrimName(Start, (ULONG)(Stop - Start));
    *Path = Stop < End ? Stop + 1 : Stop;
    return TRUE;
}

// Looks the path of Create->File up. *Fcb: the file, not referenced; NULL with STATUS_OBJECT_NAME_NOT_FOUND.
//
// Vcb->Resource held exclusively. Sets Directory, Name (legal, if there is one) and TrailingSlash.
// STATUS_OBJECT_PATH_NOT_FOUND, STATUS_OBJECT_NAME_INVALID, STATUS_DELETE_PENDING; the disk's errors.
NTSTATUS NTAPI FatWalkPath(PFAT_CREATE Create, PFCB *Fcb)
{
    PWSTR Path = Create->File->FileName.Buffer, End = Path + Create->File->FileName.Length / sizeof(WCHAR);
    NTSTATUS Status = FatFindStart(Create, &Create->Directory);

    PAGED_CODE();
    *Fcb = Create->Directory;
    Create->NameLength = 0;
    if (!NT_SUCCESS(Status))
        return Status;
    if (Path < End && *Path == '\\')
        Path++;
    if (End > Path && End[-1] == '\\') {
        Create->TrailingSlash = TRUE;
        End--;
    }
    while (FatNextComponent(Create, &Path, End)) {
        if (*Fcb == NULL)
            return STATUS_OBJECT_PATH_NOT_FOUND;
        Status = FatEnterDirectory(Create, *Fcb);
        if (!NT_SUCCESS(Status))
            return Status;
        if (!FatIsNameLegal(Create->Name, Create->NameLength))
            return STATUS_OBJECT_NAME_INVALID;
        Status = FatFindName(Create->Directory, Create->Name, Create->NameLength, Fcb);
        if (!NT_SUCCESS(Status) && Status != STATUS_OBJECT_NAME_NOT_FOUND)
            return Status;
    }
    return *Fcb == NULL ? STATUS_OBJECT_NAME_NOT_FOUND : STATUS_SUCCESS;
}
