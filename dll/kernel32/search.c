// SPDX-License-Identifier: MIT
// The search order for programs and DLLs: the application's directory, the system directories, the current directory,
// PATH. Source: SDK, "Dynamic-Link Library Search Order" (safe mode), SearchPath.

#include "k32.h"

static const WCHAR BasepFixedPath[] = SYSTEM_DIRECTORY L";" WINDOWS_DIRECTORY L"\\system;" WINDOWS_DIRECTORY L";.";

static ULONG BasepPathVariable(PWSTR Buffer, ULONG Size)
{
    return GetEnvironmentVariableW(L"PATH", Buffer, Size);
}

// See k32.h.
PWSTR BaseComputeDllPath(LPCWSTR ImagePath)
{
    LPCWSTR Last = wcsrchr(ImagePath, L'\\');
    SIZE_T Directory = Last == NULL ? 0 : (SIZE_T)(Last - ImagePath);
    ULONG Variable = BasepPathVariable(NULL, 0);
    PWSTR Path = BaseAllocate((Directory + RTL_NUMBER_OF(BasepFixedPath) + Variable + 4) * sizeof(WCHAR));
    PWSTR Next = Path;

    if (Path == NULL) {
        return NULL;
    }
    if (Directory != 0) {
        memcpy(Next, ImagePath, Directory * sizeof(WCHAR));
        Next += Directory;
        if (Directory == 2) {
            *Next++ = L'\\'; // a root directory keeps its backslash
        }
        *Next++ = L';';
    }
    wcscpy(Next, BasepFixedPath);
    if (Variable != 0) {
        Next += wcslen(Next);
        *Next++ = L';';
        if (BasepPathVariable(Next, Variable) >= Variable) {
            *Next = 0;
        }
    }
    return Path;
}

// Tries Directory\Name. Returns the full path's length by GetFullPathName's rule, 0 when there is no such file.
static DWORD BasepTry(LPCWSTR Directory, SIZE_T DirectoryLength, LPCWSTR Name, LPCWSTR Extension, DWORD Size,
                      PWSTR Buffer, PWSTR *FilePart)
{
    SIZE_T Total = DirectoryLength + wcslen(Name) + (Extension == NULL ? 0 : wcslen(Extension)) + 2;
    WCHAR Candidate[MAX_PATH];

    if (Total > MAX_PATH) {
        return 0;
    }
    memcpy(Candidate, Directory, DirectoryLength * sizeof(WCHAR));
    if (DirectoryLength != 0 && Directory[DirectoryLength - 1] != L'\\') {
        Candidate[DirectoryLength++] = L'\\';
    }
    wcscpy(Candidate + DirectoryLength, Name);
    if (Extension != NULL) {
        wcscat(Candidate, Extension);
    }
    if (GetFileAttributesW(Candidate) == INVALID_FILE_ATTRIBUTES) {
        return 0;
    }
    return GetFullPathNameW(Candidate, Size, Buffer, FilePart);
}

static BOOL BasepIsRelativeName(LPCWSTR Name)
{
    return wcschr(Name, L'\\') == NULL && wcschr(Name, L'/') == NULL && wcschr(Name, L':') == NULL;
}

static BOOL BasepHasExtension(LPCWSTR Name)
{
    LPCWSTR Dot = wcsrchr(Name, L'.');

    return Dot != NULL && wcschr(Dot, L'\\') == NULL && wcschr(Dot, L'/') == NULL;
}

DWORD WINAPI SearchPathW(LPCWSTR Path, LPCWSTR Name, LPCWSTR Extension, DWORD Size, LPWSTR Buffer, LPWSTR *FilePart)
{
    PWSTR Computed = NULL;
    DWORD Length = 0;

    if (Name == NULL || *Name == 0) {
        SetLastError(ERROR_INVALID_PARAMETER);
        return 0;
    }
    if (BasepHasExtension(Name)) {
        Extension = NULL;
    }
    if (!BasepIsRelativeName(Name)) {
        Length = BasepTry(L"", 0, Name, Extension, Size, Buffer, FilePart);
    } else {
        if (Path == NULL) {
            Computed = BaseComputeDllPath(NtCurrentPeb()->ProcessParameters->ImagePathName.Buffer);
            Path = Computed;
        }
        while (Path != NULL && *Path != 0 && Length == 0) {
            LPCWSTR End = wcschr(Path, L';');
            SIZE_T Span = End == NULL ? wcslen(Path) : (SIZE_T)(End - Path);

            if (Span != 0) {
                Length = BasepTry(Path, Span, Name, Extension, Size, Buffer, FilePart);
            }
            Path += Span + (End != NULL);
        }
        BaseFreeMemory(Computed);
    }
    if (Length == 0) {
        SetLastError(ERROR_FILE_NOT_FOUND);
    }
    return Length;
}

DWORD WINAPI SearchPathA(LPCSTR Path, LPCSTR Name, LPCSTR Extension, DWORD Size, LPSTR Buffer, LPSTR *FilePart)
{
    BASE_WIDE WidePath AUTO_WIDE = {.Buffer = NULL};
    BASE_WIDE WideName AUTO_WIDE = {.Buffer = NULL};
    BASE_WIDE WideExtension AUTO_WIDE = {.Buffer = NULL};
    WCHAR Found[MAX_PATH];
    PWSTR File = NULL;
    DWORD Length;

    if (!BaseWiden(&WidePath, Path) || !BaseWiden(&WideName, Name) || !BaseWiden(&WideExtension, Extension)) {
        return 0;
    }
    Length = SearchPathW(WidePath.Buffer, WideName.Buffer, WideExtension.Buffer, MAX_PATH, Found, &File);
    if (Length == 0 || Length >= MAX_PATH) {
        return Length;
    }
    if (FilePart != NULL) {
        *FilePart = File == NULL || Length >= Size ? NULL : Buffer + (File - Found);
    }
    return BaseNarrowResult(Found, Length, Buffer, Size);
}
