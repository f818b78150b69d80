// SPDX-License-Identifier: MIT
// IRP_MJ_CREATE: a path, a directory for a rename, or the volume itself. The whole of it runs under the exclusive
// Vcb->Resource, so that between looking a name up and using it nobody changes the name space.

#include "fat.h"

static VOID FatCaptureCreate(PFAT_CREATE Create, PVCB Vcb, PIRP Irp, PIO_STACK_LOCATION Stack)
{
    memset(Create, 0, sizeof(*Create));
    Create->Vcb = Vcb;
    Create->Irp = Irp;
    Create->File = Stack->FileObject;
    Create->Access = Stack->Parameters.Create.SecurityContext->DesiredAccess;
    Create->Options = Stack->Parameters.Create.Options & FILE_VALID_OPTION_FLAGS;
    Create->Disposition = Stack->Parameters.Create.Options >> 24;
    Create->ShareAccess = Stack->Parameters.Create.ShareAccess;
    Create->Attributes = Stack->Parameters.Create.FileAttributes & FAT_ATTR_SETTABLE;
}

static NTSTATUS FatCheckCreate(PFAT_CREATE Create, PIO_STACK_LOCATION Stack)
{
    if (Create->Options & FILE_OPEN_BY_FILE_ID)
        return STATUS_NOT_IMPLEMENTED;
    if (Stack->Parameters.Create.EaLength != 0)
        return STATUS_EAS_NOT_SUPPORTED;
    if ((Create->Options & FILE_DIRECTORY_FILE) && (Create->Options & FILE_NON_DIRECTORY_FILE))
        return STATUS_INVALID_PARAMETER;
    if ((Create->Options & FILE_DIRECTORY_FILE) && Create->Disposition != FILE_OPEN &&
        Create->Disposition != FILE_CREATE && Create->Disposition != FILE_OPEN_IF)
        return STATUS_INVALID_PARAMETER;
    if (Create->Irp->Overlay.AllocationSize.QuadPart < 0)
        return STATUS_INVALID_PARAMETER;
    return Create->Irp->Overlay.AllocationSize.HighPart != 0 ? STATUS_DISK_FULL : STATUS_SUCCESS;
}

// Opens the directory of the path's last component, which becomes the file object's name: where a rename goes to.
static NTSTATUS FatOpenTargetDirectory(PFAT_CREATE Create, PFCB Fcb)
{
    PUNICODE_STRING Name = &Create->File->FileName;

    if (Create->NameLength == 0)
        return STATUS_OBJECT_NAME_INVALID;
    Create->Information = Fcb != NULL ? FILE_EXISTS : FILE_DOES_NOT_EXIST;
    Name->Length = (USHORT)(Create->NameLength * sizeof(WCHAR));
    memmove(Name->Buffer, Create->Name, Name->Length);
    return FatFinishOpen(Create, Create->Directory);
}

static NTSTATUS FatOpenPath(PFAT_CREATE Create, PIO_STACK_LOCATION Stack)
{
    PFCB Fcb;
    NTSTATUS Status = FatWalkPath(Create, &Fcb);

    if (!NT_SUCCESS(Status) && Status != STATUS_OBJECT_NAME_NOT_FOUND)
        return Status;
    if (Stack->Flags & SL_OPEN_TARGET_DIRECTORY)
        return FatOpenTargetDirectory(Create, Fcb);
    Status = Fcb != NULL ? FatOpenExisting(Create, Fcb) : FatCreateNew(Create);
    if (NT_SUCCESS(Status) && (Stack->Flags & SL_OPEN_PAGING_FILE))
        ((PFCB)Create->File->FsContext)->Flags |= FCB_PAGING_FILE;
    return Status;
}

// Opens the volume: raw reads of its sectors. What is cached goes to the disk first.
NTSTATUS NTAPI FatOpenVolume(PFAT_CREATE Create)
{
    PVCB Vcb = Create->Vcb;
    PFILE_OBJECT File = Create->File;
    PCCB Ccb;
    NTSTATUS Status;

    PAGED_CODE();
    if (Create->Options & FILE_DIRECTORY_FILE)
        return STATUS_NOT_A_DIRECTORY;
    if (Create->Options & FILE_DELETE_ON_CLOSE)
        return STATUS_CANNOT_DELETE;
    if (Create->Disposition != FILE_OPEN && Create->Disposition != FILE_OPEN_IF)
        return STATUS_ACCESS_DENIED;
    Status = FatFlushVolume(Vcb);
    if (!NT_SUCCESS(Status))
        return Status;
    Ccb = FatCreateCcb();
    if (Ccb == NULL)
        return STATUS_INSUFFICIENT_RESOURCES;
    Status = IoCheckShareAccess(Create->Access, Create->ShareAccess, File, &Vcb->ShareAccess, TRUE);
    if (!NT_SUCCESS(Status)) {
        FatDeleteCcb(Ccb);
        return Status;
    }
    Ccb->Flags = CCB_VOLUME_OPEN;
    Vcb->UncleanCount++;
    File->FsContext = Vcb;
    File->FsContext2 = Ccb;
    File->Vpb = Vcb->Vpb;
    File->Flags |= FO_VOLUME_OPEN | FO_NO_INTERMEDIATE_BUFFERING;
    Create->Information = FILE_OPENED;
    return STATUS_SUCCESS;
}

// IRP_MJ_CREATE. Takes Vcb->Resource exclusively.
NTSTATUS FatCreate(PVCB Vcb, PIRP Irp, PIO_STACK_LOCATION Stack)
{
    FAT_CREATE Create;
    NTSTATUS Status;

    PAGED_CODE();
    FatCaptureCreate(&Create, Vcb, Irp, Stack);
    Status = FatCheckCreate(&Create, Stack);
    if (!NT_SUCCESS(Status))
        return Status;
    ExAcquireResourceExclusiveLite(&Vcb->Resource, TRUE);
    if (Create.File->FileName.Length == 0 &&
        (Create.File->RelatedFileObject == NULL || Create.File->RelatedFileObject->FsContext == Vcb))
        Status = FatOpenVolume(&Create);
    else
        Status = FatOpenPath(&Create, Stack);
    FatReapFcbs(Vcb);
    ExReleaseResourceLite(&Vcb->Resource);
    if (NT_SUCCESS(Status))
        Irp->IoStatus.Information = Create.Information;
    return Status;
}
