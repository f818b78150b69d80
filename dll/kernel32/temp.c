// SPDX-License-Identifier: MIT
// Temporary files.

#include "k32.h"

#define TEMP_ATTEMPTS 0x10000u

DWORD WINAPI GetTempPathW(DWORD Size, LPWSTR Buffer)
{
    static const LPCWSTR Variables[] = {L"TMP", L"TEMP", L"USERPROFILE"};
    WCHAR Path[MAX_PATH];
    DWORD Length = 0;

    for (ULONG i = 0; i < RTL_NUMBER_OF(Variables) && Length == 0; i++) {
        Length = GetEnvironmentVariableW(Variables[i], Path, MAX_PATH - 1);
        if (Length >= MAX_PATH - 1) {
            Length = 0;
        }
    }
    if (Length == 0) {
        wcscpy(Path, WINDOWS_DIRECTORY);
        Length = wcslen(Path);
    }
    if (Path[Length - 1] != L'\\') {
        Path[Length++] = L'\\';
        Path[Length] = 0;
    }
    if (Length >= Size) {
        return Length + 1;
    }
    wcscpy(Buffer, Path);
    return Length;
}

DWORD WINAPI GetTempPathA(DWORD Size, LPSTR Buffer)
{
    WCHAR Wide[MAX_PATH];

    return BaseNarrowResult(Wide, GetTempPathW(MAX_PATH, Wide), Buffer, Size);
}

// With Unique 0 the file is created, under the first free number from the time on.
UINT WINAPI GetTempFileNameW(LPCWSTR Path, LPCWSTR Prefix, UINT Unique, LPWSTR Buffer)
{
    SIZE_T Length = wcslen(Path);
    LPCWSTR Slash = Length != 0 && Path[Length - 1] == L'\\' ? L"" : L"\\";
    UINT Number = Unique & 0xFFFF;
    HANDLE File;

    if (Length > MAX_PATH - 14) {
        SetLastError(ERROR_BUFFER_OVERFLOW);
        return 0;
    }
    if (Unique == 0) {
        Number = GetTickCount() & 0xFFFF;
        Number += Number == 0;
    }
    for (UINT Attempt = 0; Attempt < TEMP_ATTEMPTS; Attempt++) {
        WCHAR Short[4] = {0};

        wcsncpy(Short, Prefix, 3);
        _snwprintf(Buffer, MAX_PATH, L"%ws%ws%ws%X.tmp", Path, Slash, Short, Number);
        Buffer[MAX_PATH - 1] = 0;
        if (Unique != 0) {
            return Number;
        }
        File = CreateFileW(Buffer, GENERIC_WRITE, 0, NULL, CREATE_NEW, FILE_ATTRIBUTE_NORMAL, NULL);
        if (File != INVALID_HANDLE_VALUE) {
            NtClose(File);
            return Number;
        }
        if (GetLastError() != ERROR_FILE_EXISTS) {
            if (GetLastError() == ERROR_PATH_NOT_FOUND) {
                SetLastError(ERROR_DIRECTORY);
            }
            return 0;
        }
        Number = (Number + 1) & 0xFFFF;
        Number += Number == 0;
    }
    SetLastError(ERROR_FILE_EXISTS);
    return 0;
}

UINT WINAPI GetTempFileNameA(LPCSTR Path, LPCSTR Prefix, UINT Unique, LPSTR Buffer)
{
    BASE_WIDE WidePath AUTO_WIDE = {.Buffer = NULL};
    BASE_WIDE WidePrefix AUTO_WIDE = {.Buffer = NULL};
    WCHAR Name[MAX_PATH];
    UINT Number;

    if (!BaseWiden(&WidePath, Path) || !BaseWiden(&WidePrefix, Prefix)) {
        return 0;
    }
    Number = GetTempFileNameW(WidePath.Buffer, WidePrefix.Buffer, Unique, Name);
    if (Number != 0) {
        BaseNarrowResult(Name, wcslen(Name), Buffer, MAX_PATH);
    }
    return Number;
}
