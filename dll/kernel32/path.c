// SPDX-License-Identifier: MIT
// Paths: full names, the current directory, the search order, and the fixed directories.

#include "k32.h"

DWORD WINAPI GetFullPathNameW(LPCWSTR Name, DWORD Size, LPWSTR Buffer, LPWSTR *FilePart)
{
    ULONG Bytes;

    if (Name == NULL || *Name == 0) {
        SetLastError(ERROR_INVALID_NAME);
        return 0;
    }
    Bytes = RtlGetFullPathName_U(Name, Size * sizeof(WCHAR), Buffer, FilePart);
    return Bytes / sizeof(WCHAR);
}

DWORD WINAPI GetFullPathNameA(LPCSTR Name, DWORD Size, LPSTR Buffer, LPSTR *FilePart)
{
    BASE_WIDE Wide AUTO_WIDE;
    WCHAR Full[MAX_PATH];
    PWSTR File = NULL;
    DWORD Length;

    if (!BaseWiden(&Wide, Name)) {
        return 0;
    }
    Length = GetFullPathNameW(Wide.Buffer, MAX_PATH, Full, &File);
    if (Length == 0 || Length >= MAX_PATH) {
        return Length;
    }
    if (FilePart != NULL) {
        *FilePart = File == NULL || Length >= Size ? NULL : Buffer + (File - Full);
    }
    return BaseNarrowResult(Full, Length, Buffer, Size);
}

DWORD WINAPI GetCurrentDirectoryW(DWORD Size, LPWSTR Buffer)
{
    return RtlGetCurrentDirectory_U(Size * sizeof(WCHAR), Buffer) / sizeof(WCHAR);
}

DWORD WINAPI GetCurrentDirectoryA(DWORD Size, LPSTR Buffer)
{
    WCHAR Wide[MAX_PATH];
    DWORD Length = GetCurrentDirectoryW(MAX_PATH, Wide);

    return Length == 0 || Length >= MAX_PATH ? Length : BaseNarrowResult(Wide, Length, Buffer, Size);
}

WINBOOL WINAPI SetCurrentDirectoryW(LPCWSTR Path)
{
    UNICODE_STRING String;

    if (Path == NULL || *Path == 0) {
        return BaseFail(ERROR_INVALID_NAME);
    }
    RtlInitUnicodeString(&String, Path);
    return BaseBool(RtlSetCurrentDirectory_U(&String));
}

WINBOOL WINAPI SetCurrentDirectoryA(LPCSTR Path)
{
    BASE_WIDE Wide AUTO_WIDE;

    return BaseWiden(&Wide, Path) && SetCurrentDirectoryW(Wide.Buffer);
}

static UINT BasepConstantDirectory(LPCWSTR Directory, LPWSTR Buffer, UINT Size)
{
    UINT Length = (UINT)wcslen(Directory);

    if (Length >= Size) {
        return Length + 1;
    }
    wcscpy(Buffer, Directory);
    return Length;
}

UINT WINAPI GetWindowsDirectoryW(LPWSTR Buffer, UINT Size)
{
    return BasepConstantDirectory(WINDOWS_DIRECTORY, Buffer, Size);
}

UINT WINAPI GetWindowsDirectoryA(LPSTR Buffer, UINT Size)
{
    return BaseNarrowResult(WINDOWS_DIRECTORY, RTL_NUMBER_OF(WINDOWS_DIRECTORY) - 1, Buffer, Size);
}

UINT WINAPI GetSystemWindowsDirectoryW(LPWSTR Buffer, UINT Size)
{
    return GetWindowsDirectoryW(Buffer, Size);
}

UINT WINAPI GetSystemWindowsDirectoryA(LPSTR Buffer, UINT Size)
{
    return GetWindowsDirectoryA(Buffer, Size);
}

UINT WINAPI GetSystemDirectoryW(LPWSTR Buffer, UINT Size)
{
    return BasepConstantDirectory(SYSTEM_DIRECTORY, Buffer, Size);
}

UINT WINAPI GetSystemDirectoryA(LPSTR Buffer, UINT Size)
{
    return BaseNarrowResult(SYSTEM_DIRECTORY, RTL_NUMBER_OF(SYSTEM_DIRECTORY) - 1, Buffer, Size);
}

// Names are case-preserving and stored long, so the long and the short form of a path are the path itself.
static DWORD BasepSamePath(LPCWSTR Path, LPWSTR Buffer, DWORD Size)
{
    DWORD Length = (DWORD)wcslen(Path);

    if (GetFileAttributesW(Path) == INVALID_FILE_ATTRIBUTES) {
        return 0;
    }
    if (Length >= Size) {
        return Length + 1;
    }
    memmove(Buffer, Path, (Length + 1) * sizeof(WCHAR));
    return Length;
}

DWORD WINAPI GetLongPathNameW(LPCWSTR Path, LPWSTR Buffer, DWORD Size)
{
    return BasepSamePath(Path, Buffer, Size);
}

DWORD WINAPI GetShortPathNameW(LPCWSTR Path, LPWSTR Buffer, DWORD Size)
{
    return BasepSamePath(Path, Buffer, Size);
}

static DWORD BasepSamePathA(LPCSTR Path, LPSTR Buffer, DWORD Size)
{
    BASE_WIDE Wide AUTO_WIDE;

    if (!BaseWiden(&Wide, Path) || GetFileAttributesW(Wide.Buffer) == INVALID_FILE_ATTRIBUTES) {
        return 0;
    }
    return BaseNarrowResult(Wide.Buffer, wcslen(Wide.Buffer), Buffer, Size);
}

DWORD WINAPI GetLongPathNameA(LPCSTR Path, LPSTR Buffer, DWORD Size)
{
    return BasepSamePathA(Path, Buffer, Size);
}

DWORD WINAPI GetShortPathNameA(LPCSTR Path, LPSTR Buffer, DWORD Size)
{
    return BasepSamePathA(Path, Buffer, Size);
}
