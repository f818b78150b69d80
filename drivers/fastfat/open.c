// SPDX-License-Identifier: MIT
// Opening what exists: may this caller have it so (attributes, kind, sharing, running images), overwriting it if asked,
// and the handle's context.

#include "fat.h"

static BOOLEAN FatWantsOverwrite(PFAT_CREATE Create)
{
    return Create->Disposition == FILE_SUPERSEDE || Create->Disposition == FILE_OVERWRITE ||
           Create->Disposition == FILE_OVERWRITE_IF;
}

static NTSTATUS FatCheckKind(PFAT_CREATE Create, PFCB Fcb)
{
    if (Create->Disposition == FILE_CREATE)
        return STATUS_OBJECT_NAME_COLLISION;
    if (FatIsDirectory(Fcb)) {
        if (Create->Options & FILE_NON_DIRECTORY_FILE)
            return STATUS_FILE_IS_A_DIRECTORY;
        return FatWantsOverwrite(Create) ? STATUS_OBJECT_NAME_COLLISION : STATUS_SUCCESS;
    }
    if (Create->Options & FILE_DIRECTORY_FILE)
        return STATUS_NOT_A_DIRECTORY;
    return Create->TrailingSlash ? STATUS_OBJECT_NAME_INVALID : STATUS_SUCCESS;
}

// The rules of the read-only, hidden and system attributes.
static NTSTATUS FatCheckAttributes(PFAT_CREATE Create, PFCB Fcb)
{
    UCHAR Special = Fcb->Attributes & (FAT_ATTR_HIDDEN | FAT_ATTR_SYSTEM);

    if (Fcb->Attributes & FAT_ATTR_READ_ONLY) {
        if (Create->Options & FILE_DELETE_ON_CLOSE)
            return STATUS_CANNOT_DELETE;
        if (!FatIsDirectory(Fcb) &&
            ((Create->Access & (FILE_WRITE_DATA | FILE_APPEND_DATA)) || FatWantsOverwrite(Create)))
            return STATUS_ACCESS_DENIED;
    }
    if (FatWantsOverwrite(Create) && (Special & ~Create->Attributes))
        return STATUS_ACCESS_DENIED; // who replaces a hidden file must say that it stays hidden
    return STATUS_SUCCESS;
}

// A file that runs as an image is not written or deleted.
static NTSTATUS FatCheckImage(PFAT_CREATE Create, PFCB Fcb)
{
    BOOLEAN Delete = (Create->Options & FILE_DELETE_ON_CLOSE) != 0;

    if (FatIsDirectory(Fcb) || !(Delete || FatWantsOverwrite(Create) || (Create->Access & FILE_WRITE_DATA)))
        return STATUS_SUCCESS;
    if (MmFlushImageSection(&Fcb->Section, MmFlushForWrite))
        return STATUS_SUCCESS;
    return Delete ? STATUS_CANNOT_DELETE : STATUS_SHARING_VIOLATION;
}

// Empties an existing file and gives it the new attributes. MainResource held exclusively.
static NTSTATUS FatEmptyFile(PFAT_CREATE Create, PFCB Fcb)
{
    NTSTATUS Status = FatTruncateFile(Create->File, Fcb, 0);

    if (!NT_SUCCESS(Status))
        return Status;
    FatQueryTime(&Fcb->LastWriteTime);
    if (Create->Disposition == FILE_SUPERSEDE) {
        Fcb->Attributes = Create->Attributes;
        Fcb->CreationTime = Fcb->LastWriteTime;
    } else {
        Fcb->Attributes |= Create->Attributes;
    }
    Fcb->Attributes |= FAT_ATTR_ARCHIVE;
    Create->Information = Create->Disposition == FILE_SUPERSEDE ? FILE_SUPERSEDED : FILE_OVERWRITTEN;
    if (Create->Irp->Overlay.AllocationSize.QuadPart != 0)
        Status = FatSetAllocation(Create->File, Fcb, (ULONGLONG)Create->Irp->Overlay.AllocationSize.QuadPart);
    return NT_SUCCESS(Status) ? FatUpdateDirent(Fcb) : Status;
}

// Gives the file object its contexts and counts the handle. The last step of every open: after it nothing fails.
//
// Vcb->Resource held exclusively. STATUS_SHARING_VIOLATION, STATUS_INSUFFICIENT_RESOURCES.
NTSTATUS NTAPI FatFinishOpen(PFAT_CREATE Create, PFCB Fcb)
{
    PFILE_OBJECT File = Create->File;
    PCCB Ccb = FatCreateCcb();
    NTSTATUS Status = STATUS_SUCCESS;

    PAGED_CODE();
    if (Ccb == NULL)
        return STATUS_INSUFFICIENT_RESOURCES;
    if (Fcb->UncleanCount == 0)
        IoSetShareAccess(Create->Access, Create->ShareAccess, File, &Fcb->ShareAccess);
    else
        Status = IoCheckShareAccess(Create->Access, Create->ShareAccess, File, &Fcb->ShareAccess, TRUE);
    if (!NT_SUCCESS(Status)) {
        FatDeleteCcb(Ccb);
        return Status;
    }
    if (Create->Options & FILE_DELETE_ON_CLOSE)
        Ccb->Flags |= CCB_DELETE_ON_CLOSE;
    FatReferenceFcb(Fcb);
    Fcb->UncleanCount++;
    Create->Vcb->UncleanCount++;
    File->FsContext = Fcb;
    File->FsContext2 = Ccb;
    File->Vpb = Create->Vcb->Vpb;
    if (!FatIsDirectory(Fcb)) {
        File->SectionObjectPointer = &Fcb->Section;
        File->Flags |= FO_CACHE_SUPPORTED;
    }
    return STATUS_SUCCESS;
}

static NTSTATUS FatOpenAndEmpty(PFAT_CREATE Create, PFCB Fcb)
{
    NTSTATUS Status;

    // The file must be open for truncation to use its cache, and it may not stay open if that fails.
    Status = FatFinishOpen(Create, Fcb);
    if (!NT_SUCCESS(Status))
        return Status;
    ExAcquireResourceExclusiveLite(&Fcb->MainResource, TRUE);
    Status = FatEmptyFile(Create, Fcb);
    if (!NT_SUCCESS(Status)) {
        PFILE_OBJECT File = Create->File;
        LARGE_INTEGER Size = {.QuadPart = FatFileSize(Fcb)};

        CcUninitializeCacheMap(File, &Size,
                               NULL); // with a size: at once, Cc must not keep a file object that never was open
        IoRemoveShareAccess(File, &Fcb->ShareAccess);
        FatDeleteCcb(File->FsContext2);
        File->FsContext = File->FsContext2 = NULL;
        File->SectionObjectPointer = NULL;
        Fcb->UncleanCount--;
        Create->Vcb->UncleanCount--;
        FatDereferenceFcb(Fcb);
    }
    ExReleaseResourceLite(&Fcb->MainResource);
    return Status;
}

// Opens a file or directory that exists, as the disposition wants it.
//
// Vcb->Resource held exclusively. STATUS_OBJECT_NAME_COLLISION, STATUS_FILE_IS_A_DIRECTORY, STATUS_NOT_A_DIRECTORY,
// STATUS_DELETE_PENDING, STATUS_ACCESS_DENIED, STATUS_CANNOT_DELETE, STATUS_SHARING_VIOLATION, STATUS_USER_MAPPED_FILE.
NTSTATUS NTAPI FatOpenExisting(PFAT_CREATE Create, PFCB Fcb)
{
    NTSTATUS Status;

    PAGED_CODE();
    if (Fcb->Flags & FCB_DELETE_PENDING)
        return STATUS_DELETE_PENDING;
    Status = FatCheckKind(Create, Fcb);
    if (NT_SUCCESS(Status))
        Status = FatCheckAttributes(Create, Fcb);
    if (NT_SUCCESS(Status) && (Create->Options & FILE_DELETE_ON_CLOSE) && Fcb->Parent == NULL)
        Status = STATUS_CANNOT_DELETE;
    if (!NT_SUCCESS(Status))
        return Status;
    if (Create->Access & MAXIMUM_ALLOWED)
        Create->Access |=
            Fcb->Attributes & FAT_ATTR_READ_ONLY ? FILE_GENERIC_READ | FILE_GENERIC_EXECUTE : FILE_ALL_ACCESS;
    if (Fcb->UncleanCount != 0)
        Status = IoCheckShareAccess(Create->Access, Create->ShareAccess, Create->File, &Fcb->ShareAccess, FALSE);
    if (NT_SUCCESS(Status))
        Status = FatCheckImage(Create, Fcb);
    if (!NT_SUCCESS(Status))
        return Status;
    Create->Information = FILE_OPENED;
    return FatWantsOverwrite(Create) ? FatOpenAndEmpty(Create, Fcb) : FatFinishOpen(Create, Fcb);
}
