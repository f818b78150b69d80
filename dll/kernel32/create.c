// SPDX-License-Identifier: MIT
// CreateFile: Win32's flags turned into NtCreateFile's.

#include "k32.h"

// The attributes that a new file can be given (all but directory and device).
#define CREATE_ATTRIBUTES 0x7FA7u

static ULONG BasepDisposition(DWORD Creation)
{
    switch (Creation) {
    case CREATE_NEW:
        return FILE_CREATE;
    case CREATE_ALWAYS:
        return FILE_OVERWRITE_IF;
    case OPEN_EXISTING:
        return FILE_OPEN;
    case OPEN_ALWAYS:
        return FILE_OPEN_IF;
    case TRUNCATE_EXISTING:
        return FILE_OVERWRITE;
    default:
        return MAXULONG;
    }
}

static ULONG BasepOptions(DWORD Flags)
{
    ULONG Options = 0;

    Options |= (Flags & FILE_FLAG_OVERLAPPED) != 0 ? 0 : FILE_SYNCHRONOUS_IO_NONALERT;
    Options |= (Flags & FILE_FLAG_BACKUP_SEMANTICS) != 0 ? FILE_OPEN_FOR_BACKUP_INTENT : FILE_NON_DIRECTORY_FILE;
    Options |= (Flags & FILE_FLAG_WRITE_THROUGH) != 0 ? FILE_WRITE_THROUGH : 0;
    Options |= (Flags & FILE_FLAG_NO_BUFFERING) != 0 ? FILE_NO_INTERMEDIATE_BUFFERING : 0;
    Options |= (Flags & FILE_FLAG_SEQUENTIAL_SCAN) != 0 ? FILE_SEQUENTIAL_ONLY : 0;
    Options |= (Flags & FILE_FLAG_RANDOM_ACCESS) != 0 ? FILE_RANDOM_ACCESS : 0;
    Options |= (Flags & FILE_FLAG_DELETE_ON_CLOSE) != 0 ? FILE_DELETE_ON_CLOSE : 0;
    return Options;
}

// CONIN$ and CONOUT$ are the console device, opened so that the handle's access tells which of the two it is.
static HANDLE BasepOpenConsole(BOOL Output, BOOL Inherit)
{
    OBJECT_ATTRIBUTES Attributes;
    UNICODE_STRING Name;
    IO_STATUS_BLOCK IoStatus;
    HANDLE Handle;

    RtlInitUnicodeString(&Name, L"\\Device\\Console");
    InitializeObjectAttributes(&Attributes, &Name, OBJ_CASE_INSENSITIVE | (Inherit ? OBJ_INHERIT : 0), NULL, NULL);
    if (!BaseBool(NtOpenFile(&Handle, (Output ? FILE_WRITE_DATA : FILE_READ_DATA) | SYNCHRONIZE, &Attributes, &IoStatus,
                             FILE_SHARE_READ | FILE_SHARE_WRITE, FILE_SYNCHRONOUS_IO_NONALERT))) {
        return INVALID_HANDLE_VALUE;
    }
    return Handle;
}

static BOOL BasepIsConsoleName(LPCWSTR Name, DWORD Access, PBOOL Output)
{
    if (_wcsicmp(Name, L"CONIN$") == 0) {
        *Output = FALSE;
        return TRUE;
    }
    if (_wcsicmp(Name, L"CONOUT$") == 0) {
        *Output = TRUE;
        return TRUE;
    }
    *Output = (Access & GENERIC_WRITE) != 0;
    return _wcsicmp(Name, L"CON") == 0;
}

// The errors whose translation for CreateFile is not the general one.
static HANDLE BasepCreateFailed(NTSTATUS Status, LPCWSTR Name)
{
    SIZE_T Length = wcslen(Name);

    if (Status == STATUS_OBJECT_NAME_COLLISION) {
        SetLastError(ERROR_FILE_EXISTS);
    } else if (Status == STATUS_FILE_IS_A_DIRECTORY) {
        SetLastError(Length != 0 && Name[Length - 1] == L'\\' ? ERROR_PATH_NOT_FOUND : ERROR_ACCESS_DENIED);
    } else {
        BaseSetLastNTError(Status);
    }
    return INVALID_HANDLE_VALUE;
}

HANDLE WINAPI CreateFileW(LPCWSTR FileName, DWORD Access, DWORD Share, LPSECURITY_ATTRIBUTES Security, DWORD Creation,
                          DWORD Flags, HANDLE Template)
{
    BASE_NAME Name AUTO_NAME = {.NtName.Buffer = NULL};
    ULONG Disposition = BasepDisposition(Creation);
    BOOL Inherit = Security != NULL && Security->bInheritHandle, Output;
    IO_STATUS_BLOCK IoStatus;
    HANDLE Handle;
    NTSTATUS Status;

    UNREFERENCED_PARAMETER(Template);
    if (Disposition == MAXULONG || (Creation == TRUNCATE_EXISTING && (Access & (GENERIC_WRITE | GENERIC_ALL)) == 0)) {
        SetLastError(ERROR_INVALID_PARAMETER);
        return INVALID_HANDLE_VALUE;
    }
    if (FileName == NULL || *FileName == 0) {
        SetLastError(ERROR_PATH_NOT_FOUND);
        return INVALID_HANDLE_VALUE;
    }
    if (BasepIsConsoleName(FileName, Access, &Output)) {
        return BasepOpenConsole(Output, Inherit);
    }
    if (!BaseOpenName(&Name, FileName)) {
        return INVALID_HANDLE_VALUE;
    }
    if (Inherit) {
        Name.Attributes.Attributes |= OBJ_INHERIT;
    }
    Access |= SYNCHRONIZE | FILE_READ_ATTRIBUTES;
    Access |= (Flags & FILE_FLAG_DELETE_ON_CLOSE) != 0 ? DELETE : 0;
    Status = NtCreateFile(&Handle, Access, &Name.Attributes, &IoStatus, NULL, Flags & CREATE_ATTRIBUTES, Share,
                          Disposition, BasepOptions(Flags), NULL, 0);
    if (!NT_SUCCESS(Status)) {
        return BasepCreateFailed(Status, FileName);
    }
    if ((Creation == CREATE_ALWAYS && IoStatus.Information == FILE_OVERWRITTEN) ||
        (Creation == OPEN_ALWAYS && IoStatus.Information == FILE_OPENED)) {
        SetLastError(ERROR_ALREADY_EXISTS);
    } else {
        SetLastError(ERROR_SUCCESS);
    }
    return Handle;
}

HANDLE WINAPI CreateFileA(LPCSTR FileName, DWORD Access, DWORD Share, LPSECURITY_ATTRIBUTES Security, DWORD Creation,
                          DWORD Flags, HANDLE Template)
{
    BASE_WIDE Wide AUTO_WIDE;

    if (!BaseWiden(&Wide, FileName)) {
        return INVALID_HANDLE_VALUE;
    }
    return CreateFileW(Wide.Buffer, Access, Share, Security, Creation, Flags, Template);
}

HFILE WINAPI _lclose(HFILE File)
{
    return CloseHandle((HANDLE)(LONG_PTR)File) ? 0 : HFILE_ERROR;
}
