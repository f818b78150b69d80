// SPDX-License-Identifier: MIT
// The helpers of fattest.h.

#include "fattest.h"

NTSTATUS FtOpenEx(HANDLE Root, PCWSTR Name, ACCESS_MASK Access, ULONG Share, ULONG Disposition, ULONG Options,
                  ULONG Attributes, PHANDLE Handle, PULONG_PTR Information)
{
    OBJECT_ATTRIBUTES Object;
    UNICODE_STRING String;
    IO_STATUS_BLOCK IoStatus = {.Status = STATUS_SUCCESS, .Information = 99};
    NTSTATUS Status;

    RtlInitUnicodeString(&String, Name);
    InitializeObjectAttributes(&Object, &String, OBJ_CASE_INSENSITIVE, Root, NULL);
    *Handle = NULL;
    Status = ZwCreateFile(Handle, Access | SYNCHRONIZE, &Object, &IoStatus, NULL, Attributes, Share, Disposition,
                          Options | FILE_SYNCHRONOUS_IO_NONALERT, NULL, 0);
    if (Information != NULL)
        *Information = IoStatus.Information;
    return Status;
}

NTSTATUS FtOpen(HANDLE Root, PCWSTR Name, ULONG Disposition, ULONG Options, PHANDLE Handle)
{
    return FtOpenEx(Root, Name, FT_ALL, FT_SHARE_ALL, Disposition, Options, FILE_ATTRIBUTE_NORMAL, Handle, NULL);
}

NTSTATUS FtWrite(HANDLE File, ULONGLONG Offset, const VOID *Buffer, ULONG Length)
{
    LARGE_INTEGER Start = {.QuadPart = (LONGLONG)Offset};
    IO_STATUS_BLOCK IoStatus;
    NTSTATUS Status = ZwWriteFile(File, NULL, NULL, NULL, &IoStatus, (PVOID)Buffer, Length, &Start, NULL);

    if (NT_SUCCESS(Status))
        expect_eq(IoStatus.Information, Length);
    return Status;
}

NTSTATUS FtRead(HANDLE File, ULONGLONG Offset, PVOID Buffer, ULONG Length, PULONG Done)
{
    LARGE_INTEGER Start = {.QuadPart = (LONGLONG)Offset};
    IO_STATUS_BLOCK IoStatus = {.Status = STATUS_SUCCESS, .Information = 0};
    NTSTATUS Status = ZwReadFile(File, NULL, NULL, NULL, &IoStatus, Buffer, Length, &Start, NULL);

    *Done = (ULONG)IoStatus.Information;
    return Status;
}

NTSTATUS FtSetSize(HANDLE File, ULONGLONG Size)
{
    FILE_END_OF_FILE_INFORMATION End = {{.QuadPart = (LONGLONG)Size}};
    IO_STATUS_BLOCK IoStatus;

    return ZwSetInformationFile(File, &IoStatus, &End, sizeof(End), FileEndOfFileInformation);
}

NTSTATUS FtDispose(HANDLE File, BOOLEAN Delete)
{
    FILE_DISPOSITION_INFORMATION Disposition = {Delete};
    IO_STATUS_BLOCK IoStatus;

    return ZwSetInformationFile(File, &IoStatus, &Disposition, sizeof(Disposition), FileDispositionInformation);
}

NTSTATUS FtDelete(HANDLE Root, PCWSTR Name)
{
    HANDLE File;
    NTSTATUS Status = FtOpenEx(Root, Name, DELETE, FT_SHARE_ALL, FILE_OPEN, 0, 0, &File, NULL);

    if (!NT_SUCCESS(Status))
        return Status;
    Status = FtDispose(File, TRUE);
    ZwClose(File);
    return Status;
}

NTSTATUS FtRename(HANDLE File, HANDLE Root, PCWSTR Name, BOOLEAN Replace)
{
    ULONG Length = wcslen(Name) * sizeof(WCHAR);
    UCHAR Buffer[sizeof(FILE_RENAME_INFORMATION) + 256] ALIGNED(4);
    PFILE_RENAME_INFORMATION Rename = (PFILE_RENAME_INFORMATION)Buffer;
    IO_STATUS_BLOCK IoStatus;

    Rename->ReplaceIfExists = Replace;
    Rename->RootDirectory = Root;
    Rename->FileNameLength = Length;
    memcpy(Rename->FileName, Name, Length);
    return ZwSetInformationFile(File, &IoStatus, Rename, FIELD_OFFSET(FILE_RENAME_INFORMATION, FileName) + Length,
                                FileRenameInformation);
}

ULONGLONG FtSize(HANDLE File)
{
    FILE_STANDARD_INFORMATION Standard;
    IO_STATUS_BLOCK IoStatus;

    Standard.EndOfFile.QuadPart = -1;
    expect_status(ZwQueryInformationFile(File, &IoStatus, &Standard, sizeof(Standard), FileStandardInformation),
                  STATUS_SUCCESS);
    return (ULONGLONG)Standard.EndOfFile.QuadPart;
}

ULONGLONG FtFreeClusters(HANDLE File)
{
    FILE_FS_SIZE_INFORMATION Size;
    IO_STATUS_BLOCK IoStatus;

    expect_status(ZwQueryVolumeInformationFile(File, &IoStatus, &Size, sizeof(Size), FileFsSizeInformation),
                  STATUS_SUCCESS);
    return (ULONGLONG)Size.AvailableAllocationUnits.QuadPart;
}

HANDLE FtMakeDirectory(PCWSTR Name)
{
    HANDLE Directory, Volume;

    expect_status(
        FtOpenEx(NULL, FT_ROOT, FILE_LIST_DIRECTORY, FT_SHARE_ALL, FILE_OPEN, FILE_DIRECTORY_FILE, 0, &Volume, NULL),
        STATUS_SUCCESS);
    expect_status(FtOpenEx(Volume, Name, FILE_LIST_DIRECTORY | DELETE, FT_SHARE_ALL, FILE_CREATE, FILE_DIRECTORY_FILE,
                           0, &Directory, NULL),
                  STATUS_SUCCESS);
    ZwClose(Volume);
    return Directory;
}

VOID FtDropDirectory(HANDLE Directory)
{
    expect_status(FtDispose(Directory, TRUE), STATUS_SUCCESS);
    ZwClose(Directory);
}

PFILE_OBJECT FtFileObject(HANDLE File)
{
    PFILE_OBJECT Object = NULL;

    expect_status(ObReferenceObjectByHandle(File, 0, IoFileObjectType, KernelMode, (PVOID *)&Object, NULL),
                  STATUS_SUCCESS);
    return Object;
}

VOID FtWarmIrps(VOID)
{
    PIRP Irps[32];

    for (ULONG i = 0; i < ARRAYSIZE(Irps); i++)
        Irps[i] = IoAllocateIrp(i & 1 ? 1 : 6, FALSE);
    for (ULONG i = 0; i < ARRAYSIZE(Irps); i++)
        IoFreeIrp(Irps[i]);
}
