// SPDX-License-Identifier: MIT
// Which file CreateProcess means: an application name is taken as it is; a command line begins with a quoted name, or
// with a name that may have blanks in it, of which the shortest that exists counts.
// Source: SDK, CreateProcess, parameter lpCommandLine.

#include "k32.h"

// Full path of Name by the search order (".exe" by default), in a new heap block; NULL when there is none.
static PWSTR BasepSearch(LPCWSTR Name)
{
    PWSTR Path = BaseAllocate(MAX_PATH * sizeof(WCHAR));
    DWORD Length, Attributes;

    if (Path == NULL) {
        return NULL;
    }
    Length = SearchPathW(NULL, Name, L".exe", MAX_PATH, Path, NULL);
    if (Length != 0 && Length < MAX_PATH) {
        Attributes = GetFileAttributesW(Path);
        if (Attributes != INVALID_FILE_ATTRIBUTES && (Attributes & FILE_ATTRIBUTE_DIRECTORY) == 0) {
            return Path;
        }
    }
    BaseFreeMemory(Path);
    return NULL;
}

static BOOL BasepIsBlank(WCHAR Character)
{
    return Character == L' ' || Character == L'\t';
}

static PWSTR BasepFindQuoted(PWSTR Name)
{
    PWSTR End = wcschr(Name, L'"');
    PWSTR Path;

    if (End == NULL) {
        return BasepSearch(Name);
    }
    *End = 0;
    Path = BasepSearch(Name);
    *End = L'"';
    return Path;
}

static PWSTR BasepFindUnquoted(PWSTR Name)
{
    PWSTR End = Name;

    for (;;) {
        WCHAR Saved;
        PWSTR Path;

        while (*End != 0 && !BasepIsBlank(*End)) {
            End++;
        }
        Saved = *End;
        *End = 0;
        Path = BasepSearch(Name);
        *End = Saved;
        if (Path != NULL || Saved == 0) {
            return Path;
        }
        while (BasepIsBlank(*End)) {
            End++;
        }
    }
}

// The program's full path in a heap block that the caller frees. Works in a copy of the command line, so that a
// constant string is allowed too. NULL, with ERROR_FILE_NOT_FOUND, when there is no such file.
PWSTR BaseFindProgram(LPCWSTR Application, LPWSTR CommandLine)
{
    PWSTR Path, Copy, Name;

    if (Application != NULL) {
        Path = BaseAllocate(MAX_PATH * sizeof(WCHAR));
        if (Path != NULL && GetFullPathNameW(Application, MAX_PATH, Path, NULL) >= MAX_PATH) {
            BaseFreeMemory(Path);
            SetLastError(ERROR_FILENAME_EXCED_RANGE);
            return NULL;
        }
        return Path;
    }
    Copy = BaseAllocate((wcslen(CommandLine) + 1) * sizeof(WCHAR));
    if (Copy == NULL) {
        return NULL;
    }
    wcscpy(Copy, CommandLine);
    for (Name = Copy; BasepIsBlank(*Name); Name++) {
    }
    Path = *Name == L'"' ? BasepFindQuoted(Name + 1) : BasepFindUnquoted(Name);
    BaseFreeMemory(Copy);
    if (Path == NULL) {
        SetLastError(ERROR_FILE_NOT_FOUND);
    }
    return Path;
}
