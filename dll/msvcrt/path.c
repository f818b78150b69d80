// SPDX-License-Identifier: MIT
// Taking paths apart and putting them together.

#include "crt.h"

char *__cdecl _fullpath(char *Buffer, const char *Path, size_t Size)
{
    char Full[MAX_PATH];
    DWORD Length = Path == NULL || *Path == 0 ? GetCurrentDirectoryA(MAX_PATH, Full)
                                              : GetFullPathNameA(Path, MAX_PATH, Full, NULL);

    if (Length == 0 || Length >= MAX_PATH) {
        CrtFailLast();
        return NULL;
    }
    if (Buffer == NULL) {
        return _strdup(Full);
    }
    if (Length >= Size) {
        CrtFail(ERANGE);
        return NULL;
    }
    return strcpy(Buffer, Full);
}

wchar_t *__cdecl _wfullpath(wchar_t *Buffer, const wchar_t *Path, size_t Size)
{
    wchar_t Full[MAX_PATH];
    DWORD Length = Path == NULL || *Path == 0 ? GetCurrentDirectoryW(MAX_PATH, Full)
                                              : GetFullPathNameW(Path, MAX_PATH, Full, NULL);

    if (Length == 0 || Length >= MAX_PATH) {
        CrtFailLast();
        return NULL;
    }
    if (Buffer == NULL) {
        return _wcsdup(Full);
    }
    if (Length >= Size) {
        CrtFail(ERANGE);
        return NULL;
    }
    return wcscpy(Buffer, Full);
}

static void CrtpPart(char *Part, const char *From, const char *To, size_t Maximum)
{
    size_t Length = (size_t)(To - From);

    if (Part != NULL) {
        Length = Length < Maximum ? Length : Maximum - 1;
        memcpy(Part, From, Length);
        Part[Length] = 0;
    }
}

void __cdecl _splitpath(const char *Path, char *Drive, char *Directory, char *Name, char *Extension)
{
    const char *Start = Path, *File, *Dot, *End = Path + strlen(Path);

    if (Path[0] != 0 && Path[1] == ':') {
        Start += 2;
    }
    CrtpPart(Drive, Path, Start, _MAX_DRIVE);
    for (File = End; File > Start && File[-1] != '\\' && File[-1] != '/'; File--) {
    }
    CrtpPart(Directory, Start, File, _MAX_DIR);
    Dot = strrchr(File, '.');
    if (Dot == NULL) {
        Dot = End;
    }
    CrtpPart(Name, File, Dot, _MAX_FNAME);
    CrtpPart(Extension, Dot, End, _MAX_EXT);
}

static void CrtpWidePart(wchar_t *Part, const wchar_t *From, const wchar_t *To, size_t Maximum)
{
    size_t Length = (size_t)(To - From);

    if (Part != NULL) {
        Length = Length < Maximum ? Length : Maximum - 1;
        memcpy(Part, From, Length * sizeof(wchar_t));
        Part[Length] = 0;
    }
}

void __cdecl _wsplitpath(const wchar_t *Path, wchar_t *Drive, wchar_t *Directory, wchar_t *Name, wchar_t *Extension)
{
    const wchar_t *Start = Path, *File, *Dot, *End = Path + wcslen(Path);

    if (Path[0] != 0 && Path[1] == L':') {
        Start += 2;
    }
    CrtpWidePart(Drive, Path, Start, _MAX_DRIVE);
    for (File = End; File > Start && File[-1] != L'\\' && File[-1] != L'/'; File--) {
    }
    CrtpWidePart(Directory, Start, File, _MAX_DIR);
    Dot = wcsrchr(File, L'.');
    if (Dot == NULL) {
        Dot = End;
    }
    CrtpWidePart(Name, File, Dot, _MAX_FNAME);
    CrtpWidePart(Extension, Dot, End, _MAX_EXT);
}

void __cdecl _makepath(char *Path, const char *Drive, const char *Directory, const char *Name, const char *Extension)
{
    *Path = 0;
    if (Drive != NULL && *Drive != 0) {
        Path[0] = *Drive;
        Path[1] = ':';
        Path[2] = 0;
    }
    if (Directory != NULL && *Directory != 0) {
        size_t Length = strlen(Directory);

        strcat(Path, Directory);
        if (Directory[Length - 1] != '\\' && Directory[Length - 1] != '/') {
            strcat(Path, "\\");
        }
    }
    if (Name != NULL) {
        strcat(Path, Name);
    }
    if (Extension != NULL && *Extension != 0) {
        if (*Extension != '.') {
            strcat(Path, ".");
        }
        strcat(Path, Extension);
    }
}

void __cdecl _wmakepath(wchar_t *Path, const wchar_t *Drive, const wchar_t *Directory, const wchar_t *Name,
                        const wchar_t *Extension)
{
    *Path = 0;
    if (Drive != NULL && *Drive != 0) {
        Path[0] = *Drive;
        Path[1] = L':';
        Path[2] = 0;
    }
    if (Directory != NULL && *Directory != 0) {
        size_t Length = wcslen(Directory);

        wcscat(Path, Directory);
        if (Directory[Length - 1] != L'\\' && Directory[Length - 1] != L'/') {
            wcscat(Path, L"\\");
        }
    }
    if (Name != NULL) {
        wcscat(Path, Name);
    }
    if (Extension != NULL && *Extension != 0) {
        if (*Extension != L'.') {
            wcscat(Path, L".");
        }
        wcscat(Path, Extension);
    }
}

void __cdecl _searchenv(const char *Name, const char *Variable, char *Path)
{
    char *List = getenv(Variable), *File;

    *Path = 0;
    if (GetFileAttributesA(Name) != INVALID_FILE_ATTRIBUTES) {
        _fullpath(Path, Name, MAX_PATH);
    } else if (List == NULL || SearchPathA(List, Name, NULL, MAX_PATH, Path, &File) == 0) {
        *Path = 0;
        CrtFail(ENOENT);
    }
}
