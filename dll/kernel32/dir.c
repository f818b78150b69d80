// SPDX-License-Identifier: MIT
// Making and removing directories, deleting files.

#include "k32.h"

WINBOOL WINAPI CreateDirectoryW(LPCWSTR Path, LPSECURITY_ATTRIBUTES Security)
{
    BASE_NAME Name AUTO_NAME;
    IO_STATUS_BLOCK IoStatus;
    HANDLE Handle;
    NTSTATUS Status;

    UNREFERENCED_PARAMETER(Security);
    if (!BaseOpenName(&Name, Path)) {
        return FALSE;
    }
    Status = NtCreateFile(&Handle, FILE_LIST_DIRECTORY | SYNCHRONIZE, &Name.Attributes, &IoStatus, NULL,
                          FILE_ATTRIBUTE_NORMAL, FILE_SHARE_READ | FILE_SHARE_WRITE, FILE_CREATE,
                          FILE_DIRECTORY_FILE | FILE_SYNCHRONOUS_IO_NONALERT | FILE_OPEN_FOR_BACKUP_INTENT, NULL, 0);
    if (!NT_SUCCESS(Status)) {
        if (Status == STATUS_NOT_A_DIRECTORY || Status == STATUS_OBJECT_NAME_COLLISION) {
            return BaseFail(ERROR_ALREADY_EXISTS);
        }
        return BaseBool(Status);
    }
    NtClose(Handle);
    return TRUE;
}

WINBOOL WINAPI CreateDirectoryA(LPCSTR Path, LPSECURITY_ATTRIBUTES Security)
{
    BASE_WIDE Wide AUTO_WIDE;

    return BaseWiden(&Wide, Path) && CreateDirectoryW(Wide.Buffer, Security);
}

// Marks what Path names for deletion; it goes when this, the only handle, is closed.
static BOOL BasepDelete(LPCWSTR Path, ULONG Options)
{
    FILE_DISPOSITION_INFORMATION Disposition ALIGNED(4) = {TRUE}; // a byte, but probed as a ULONG
    IO_STATUS_BLOCK IoStatus;
    HANDLE Handle;
    NTSTATUS Status = BaseOpenPath(&Handle, Path, DELETE | SYNCHRONIZE, Options | FILE_SYNCHRONOUS_IO_NONALERT);

    if (!NT_SUCCESS(Status)) {
        if (Status == STATUS_FILE_IS_A_DIRECTORY) {
            return BaseFail(ERROR_ACCESS_DENIED);
        }
        return Status == STATUS_NOT_A_DIRECTORY ? BaseFail(ERROR_DIRECTORY) : BaseBool(Status);
    }
    Status = NtSetInformationFile(Handle, &IoStatus, &Disposition, sizeof(Disposition), FileDispositionInformation);
    NtClose(Handle);
    return Status == STATUS_CANNOT_DELETE ? BaseFail(ERROR_ACCESS_DENIED) : BaseBool(Status);
}

WINBOOL WINAPI RemoveDirectoryW(LPCWSTR Path)
{
    return BasepDelete(Path, FILE_DIRECTORY_FILE);
}

WINBOOL WINAPI RemoveDirectoryA(LPCSTR Path)
{
    BASE_WIDE Wide AUTO_WIDE;

    return BaseWiden(&Wide, Path) && RemoveDirectoryW(Wide.Buffer);
}

WINBOOL WINAPI DeleteFileW(LPCWSTR Path)
{
    return BasepDelete(Path, FILE_NON_DIRECTORY_FILE);
}

WINBOOL WINAPI DeleteFileA(LPCSTR Path)
{
    BASE_WIDE Wide AUTO_WIDE;

    return BaseWiden(&Wide, Path) && DeleteFileW(Wide.Buffer);
}
