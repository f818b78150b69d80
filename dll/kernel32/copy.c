// SPDX-License-Identifier: MIT
// Moving and copying files.

#include "k32.h"

#define COPY_CHUNK 0x10000u

static NTSTATUS BasepRename(HANDLE File, LPCWSTR NewName, BOOL Replace)
{
    BASE_NAME Name AUTO_NAME = {.NtName.Buffer = NULL};
    PFILE_RENAME_INFORMATION Rename;
    IO_STATUS_BLOCK IoStatus;
    ULONG Size;
    NTSTATUS Status;

    if (!BaseOpenName(&Name, NewName)) {
        return STATUS_OBJECT_PATH_SYNTAX_BAD;
    }
    Size = FIELD_OFFSET(FILE_RENAME_INFORMATION, FileName) + Name.NtName.Length;
    Size = max_of(Size, (ULONG)sizeof(FILE_RENAME_INFORMATION));
    Rename = BaseAllocate(Size);
    if (Rename == NULL) {
        return STATUS_NO_MEMORY;
    }
    Rename->ReplaceIfExists = Replace != 0;
    Rename->FileNameLength = Name.NtName.Length;
    memcpy(Rename->FileName, Name.NtName.Buffer, Name.NtName.Length);
    Status = NtSetInformationFile(File, &IoStatus, Rename, Size, FileRenameInformation);
    BaseFreeMemory(Rename);
    return Status;
}

WINBOOL WINAPI MoveFileExW(LPCWSTR Old, LPCWSTR New, DWORD Flags)
{
    HANDLE File;
    NTSTATUS Status;

    if (New == NULL || (Flags & MOVEFILE_DELAY_UNTIL_REBOOT) != 0) {
        return BaseFail(New == NULL ? ERROR_INVALID_PARAMETER : ERROR_NOT_SUPPORTED);
    }
    Status = BaseOpenPath(&File, Old, DELETE | SYNCHRONIZE, FILE_SYNCHRONOUS_IO_NONALERT | FILE_OPEN_FOR_BACKUP_INTENT);
    if (!BaseBool(Status)) {
        return FALSE;
    }
    Status = BasepRename(File, New, (Flags & MOVEFILE_REPLACE_EXISTING) != 0);
    NtClose(File);
    if (Status == STATUS_NOT_SAME_DEVICE && (Flags & MOVEFILE_COPY_ALLOWED) != 0) {
        return CopyFileW(Old, New, (Flags & MOVEFILE_REPLACE_EXISTING) == 0) && DeleteFileW(Old);
    }
    return BaseBool(Status);
}

WINBOOL WINAPI MoveFileExA(LPCSTR Old, LPCSTR New, DWORD Flags)
{
    BASE_WIDE WideOld AUTO_WIDE = {.Buffer = NULL};
    BASE_WIDE WideNew AUTO_WIDE = {.Buffer = NULL};

    return BaseWiden(&WideOld, Old) && BaseWiden(&WideNew, New) && MoveFileExW(WideOld.Buffer, WideNew.Buffer, Flags);
}

WINBOOL WINAPI MoveFileW(LPCWSTR Old, LPCWSTR New)
{
    return MoveFileExW(Old, New, MOVEFILE_COPY_ALLOWED);
}

WINBOOL WINAPI MoveFileA(LPCSTR Old, LPCSTR New)
{
    return MoveFileExA(Old, New, MOVEFILE_COPY_ALLOWED);
}

static BOOL BasepCopyContents(HANDLE Source, HANDLE Target)
{
    PVOID Buffer = BaseAllocate(COPY_CHUNK);
    DWORD Read, Written;
    BOOL Done = Buffer != NULL;

    while (Done) {
        Done = ReadFile(Source, Buffer, COPY_CHUNK, &Read, NULL);
        if (!Done || Read == 0) {
            break;
        }
        Done = WriteFile(Target, Buffer, Read, &Written, NULL);
    }
    BaseFreeMemory(Buffer);
    return Done;
}

// The copy has the source's contents, attributes and time of last write. One that fails half-way is deleted.
WINBOOL WINAPI CopyFileW(LPCWSTR Old, LPCWSTR New, WINBOOL FailIfExists)
{
    BY_HANDLE_FILE_INFORMATION Information;
    HANDLE Source, Target;
    BOOL Done;
    DWORD Error;

    Source = CreateFileW(Old, GENERIC_READ, FILE_SHARE_READ, NULL, OPEN_EXISTING, FILE_FLAG_SEQUENTIAL_SCAN, NULL);
    if (Source == INVALID_HANDLE_VALUE) {
        return FALSE;
    }
    if (!GetFileInformationByHandle(Source, &Information)) {
        Information.dwFileAttributes = FILE_ATTRIBUTE_NORMAL;
    }
    Target = CreateFileW(New, GENERIC_WRITE | DELETE, 0, NULL, FailIfExists ? CREATE_NEW : CREATE_ALWAYS,
                         Information.dwFileAttributes, NULL);
    if (Target == INVALID_HANDLE_VALUE) {
        NtClose(Source);
        return FALSE;
    }
    Done = BasepCopyContents(Source, Target);
    Error = GetLastError();
    if (Done) {
        SetFileTime(Target, NULL, NULL, &Information.ftLastWriteTime);
    }
    NtClose(Target);
    NtClose(Source);
    if (!Done) {
        DeleteFileW(New);
        SetLastError(Error);
    }
    return Done;
}

WINBOOL WINAPI CopyFileA(LPCSTR Old, LPCSTR New, WINBOOL FailIfExists)
{
    BASE_WIDE WideOld AUTO_WIDE = {.Buffer = NULL};
    BASE_WIDE WideNew AUTO_WIDE = {.Buffer = NULL};

    return BaseWiden(&WideOld, Old) && BaseWiden(&WideNew, New) &&
           CopyFileW(WideOld.Buffer, WideNew.Buffer, FailIfExists);
}
