// SPDX-License-Identifier: MIT
// argv from the command line. Source: Microsoft's reference, "Parsing C command-line arguments": 2n backslashes
// before a quote are n backslashes and the quote opens or closes; 2n+1 are n and a quote; a quote twice inside quotes
// is one.

#include "crt.h"

typedef struct _CRT_ARGUMENTS {
    wchar_t **List; // ends with NULL
    int Count;
    int Room;
    int Failed;
} CRT_ARGUMENTS;

static void CrtpAdd(CRT_ARGUMENTS *Arguments, const wchar_t *Text)
{
    wchar_t **List;

    if (Arguments->Count + 1 >= Arguments->Room) {
        List = realloc(Arguments->List, (size_t)(Arguments->Room + 32) * sizeof(wchar_t *));
        if (List == NULL) {
            Arguments->Failed = 1;
            return;
        }
        Arguments->List = List;
        Arguments->Room += 32;
    }
    Arguments->List[Arguments->Count] = _wcsdup(Text);
    if (Arguments->List[Arguments->Count] == NULL) {
        Arguments->Failed = 1;
        return;
    }
    Arguments->List[++Arguments->Count] = NULL;
}

// Adds the names that match Pattern, with its directory before them; the pattern itself when nothing does.
static void CrtpExpand(CRT_ARGUMENTS *Arguments, const wchar_t *Pattern)
{
    WIN32_FIND_DATAW Data;
    wchar_t Path[MAX_PATH * 2];
    const wchar_t *Slash = wcsrchr(Pattern, L'\\'), *Other = wcsrchr(Pattern, L'/');
    HANDLE Find = FindFirstFileW(Pattern, &Data);
    size_t Directory;
    int Found = 0;

    if (Other > Slash) {
        Slash = Other;
    }
    if (Slash == NULL) {
        Slash = wcschr(Pattern, L':');
    }
    Directory = Slash == NULL ? 0 : (size_t)(Slash + 1 - Pattern);
    if (Find == INVALID_HANDLE_VALUE || Directory >= MAX_PATH) {
        CrtpAdd(Arguments, Pattern);
        return;
    }
    do {
        if (wcscmp(Data.cFileName, L".") != 0 && wcscmp(Data.cFileName, L"..") != 0) {
            wcsncpy(Path, Pattern, Directory);
            wcscpy(Path + Directory, Data.cFileName);
            CrtpAdd(Arguments, Path);
            Found = 1;
        }
    } while (FindNextFileW(Find, &Data));
    FindClose(Find);
    if (!Found) {
        CrtpAdd(Arguments, Pattern);
    }
}

// The program's name: quotes only group, backslashes are plain.
static const wchar_t *CrtpProgram(const wchar_t *Line, wchar_t *Text)
{
    int Quoted = 0;

    for (; *Line != 0 && (Quoted || (*Line != L' ' && *Line != L'\t')); Line++) {
        if (*Line == L'"') {
            Quoted = !Quoted;
        } else {
            *Text++ = *Line;
        }
    }
    *Text = 0;
    return Line;
}

// One argument. *Wild tells that a wildcard stood outside quotes.
static const wchar_t *CrtpArgument(const wchar_t *Line, wchar_t *Text, int *Wild)
{
    int Quoted = 0;

    *Wild = 0;
    while (*Line != 0 && (Quoted || (*Line != L' ' && *Line != L'\t'))) {
        size_t Backslashes = 0;

        while (*Line == L'\\') {
            Backslashes++;
            Line++;
        }
        if (*Line == L'"') {
            for (size_t i = 0; i < Backslashes / 2; i++) {
                *Text++ = L'\\';
            }
            if (Backslashes % 2 != 0) {
                *Text++ = L'"';
            } else if (Quoted && Line[1] == L'"') {
                *Text++ = L'"';
                Line++;
            } else {
                Quoted = !Quoted;
            }
            Line++;
            continue;
        }
        for (; Backslashes != 0; Backslashes--) {
            *Text++ = L'\\';
        }
        if (*Line != 0 && (Quoted || (*Line != L' ' && *Line != L'\t'))) {
            *Wild |= !Quoted && (*Line == L'*' || *Line == L'?');
            *Text++ = *Line++;
        }
    }
    *Text = 0;
    return Line;
}

// Splits Line. The caller owns the list and its strings. -1 without memory.
int CrtParseCommandLine(const wchar_t *Line, wchar_t ***List, int Expand)
{
    CRT_ARGUMENTS Arguments = {NULL, 0, 0, 0};
    wchar_t *Text = malloc((wcslen(Line) + 1) * sizeof(wchar_t));
    int Wild;

    if (Text == NULL) {
        return -1;
    }
    Line = CrtpProgram(Line, Text);
    CrtpAdd(&Arguments, Text);
    for (;;) {
        while (*Line == L' ' || *Line == L'\t') {
            Line++;
        }
        if (*Line == 0) {
            break;
        }
        Line = CrtpArgument(Line, Text, &Wild);
        if (Wild && Expand) {
            CrtpExpand(&Arguments, Text);
        } else {
            CrtpAdd(&Arguments, Text);
        }
    }
    free(Text);
    *List = Arguments.List;
    return Arguments.Failed ? -1 : Arguments.Count;
}
