// SPDX-License-Identifier: MIT
// Renaming to another directory: Io opens the directory of the new name (the file system sees SL_OPEN_TARGET_DIRECTORY
// and finds it out), checks that it is on the same volume, and hands it to the file system with the request.
// Source: WDK documentation (IRP_MJ_SET_INFORMATION, FILE_RENAME_INFORMATION).

#include "iop.h"

static NTSTATUS IopCheckRename(PFILE_RENAME_INFORMATION Rename, ULONG Length)
{
    ULONG Room = Length - FIELD_OFFSET(FILE_RENAME_INFORMATION, FileName);

    if (Rename->FileNameLength == 0 || (Rename->FileNameLength & 1) || Rename->FileNameLength > MAXUSHORT - 1)
        return STATUS_INVALID_PARAMETER;
    return Rename->FileNameLength > Room ? STATUS_INVALID_PARAMETER : STATUS_SUCCESS;
}

// Opens the directory that a rename's new name lies in.
//
// Rename: captured.   *Target, *Directory: kernel handle and referenced file object, which the caller closes; both NULL
// for a simple name (the file stays in its directory).   PASSIVE_LEVEL.
// STATUS_INVALID_PARAMETER for a bad length, STATUS_NOT_SAME_DEVICE for another volume, or the open's status.
NTSTATUS NTAPI IopOpenRenameTarget(PIOP_CALL Call, PFILE_RENAME_INFORMATION Rename, ULONG Length, PHANDLE Target,
                                   PFILE_OBJECT *Directory)
{
    OBJECT_ATTRIBUTES Attributes;
    IO_STATUS_BLOCK IoStatus;
    UNICODE_STRING Name;
    NTSTATUS Status = IopCheckRename(Rename, Length);

    PAGED_CODE();
    *Target = NULL;
    *Directory = NULL;
    if (!NT_SUCCESS(Status))
        return Status;
    if (Rename->FileName[0] != L'\\' && Rename->RootDirectory == NULL)
        return STATUS_SUCCESS;
    if (Call->Mode != KernelMode && ((ULONG_PTR)Rename->RootDirectory & OBJ_HANDLE_KERNEL_FLAG))
        return STATUS_INVALID_HANDLE; // the open below is the kernel's, the handle must be the caller's
    Name.Buffer = Rename->FileName;
    Name.Length = Name.MaximumLength = (USHORT)Rename->FileNameLength;
    InitializeObjectAttributes(&Attributes, &Name, OBJ_CASE_INSENSITIVE | OBJ_KERNEL_HANDLE, Rename->RootDirectory,
                               NULL);
    if (Call->Mode != KernelMode)
        Attributes.Attributes |= OBJ_FORCE_ACCESS_CHECK;
    Status = IoCreateFile(Target, FILE_WRITE_DATA | SYNCHRONIZE, &Attributes, &IoStatus, NULL, 0,
                          FILE_SHARE_READ | FILE_SHARE_WRITE, FILE_OPEN, FILE_OPEN_FOR_BACKUP_INTENT, NULL, 0,
                          CreateFileTypeNone, NULL, IO_NO_PARAMETER_CHECKING | IO_OPEN_TARGET_DIRECTORY);
    if (!NT_SUCCESS(Status))
        return Status;
    Status = ObReferenceObjectByHandle(*Target, 0, IoFileObjectType, KernelMode, (PVOID *)Directory, NULL);
    if (NT_SUCCESS(Status) && IoGetRelatedDeviceObject(*Directory) != IopTopDevice(Call->File)) {
        ObDereferenceObject(*Directory);
        Status = STATUS_NOT_SAME_DEVICE;
    }
    if (!NT_SUCCESS(Status)) {
        *Directory = NULL;
        ObCloseHandle(*Target, KernelMode);
    }
    return Status;
}
