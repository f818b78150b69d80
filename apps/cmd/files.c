// SPDX-License-Identifier: MIT
// type, copy, del, ren. Wild cards work in del and in what copy copies.

#include "cmd.h"

static const WCHAR *FileName(const WCHAR *path)
{
    const WCHAR *name = path;

    for (; *path; path++) {
        if (*path == L'\\' || *path == L'/' || *path == L':')
            name = path + 1;
    }
    return name;
}

// The directory part of a pattern with a found name behind it.
static void JoinName(const WCHAR *pattern, const WCHAR *name, WCHAR *result)
{
    int length = (int)(FileName(pattern) - pattern);

    lstrcpynW(result, pattern, min(length + 1, PATH_LENGTH));
    lstrcpynW(result + lstrlenW(result), name, PATH_LENGTH - lstrlenW(result));
}

static int Syntax(void)
{
    Print(GetStdHandle(STD_ERROR_HANDLE), L"The syntax of the command is incorrect.\r\n");
    return 1;
}

// Calls action for every file (not directory) that matches. Returns how many, -1 after a message.
static int ForEachFile(const WCHAR *pattern, BOOL (*action)(const WCHAR *path, void *context), void *context)
{
    WIN32_FIND_DATAW entry;
    WCHAR path[PATH_LENGTH];
    HANDLE search = FindFirstFileW(pattern, &entry);
    int count = 0;

    if (search == INVALID_HANDLE_VALUE) {
        PrintError(GetLastError(), pattern);
        return -1;
    }
    do {
        if (entry.dwFileAttributes & FILE_ATTRIBUTE_DIRECTORY)
            continue;
        JoinName(pattern, entry.cFileName, path);
        if (!action(path, context)) {
            PrintError(GetLastError(), path);
            FindClose(search);
            return -1;
        }
        count++;
    } while (FindNextFileW(search, &entry));
    FindClose(search);
    return count;
}

static BOOL TypeFile(const WCHAR *path, void *context)
{
    HANDLE file = CreateFileW(path, GENERIC_READ, FILE_SHARE_READ | FILE_SHARE_WRITE, NULL, OPEN_EXISTING, 0, NULL);
    char buffer[2048];
    DWORD got, written;
    BOOL good = TRUE;

    if (file == INVALID_HANDLE_VALUE)
        return FALSE;
    while ((good = ReadFile(file, buffer, sizeof(buffer), &got, NULL)) && got)
        WriteFile(*(HANDLE *)context, buffer, got, &written, NULL);
    CloseHandle(file);
    return good;
}

int CommandType(COMMAND *command)
{
    int level = 0;

    if (command->Count == 1)
        return Syntax();
    for (int index = 1; index < command->Count; index++)
        level |= ForEachFile(command->Words[index], TypeFile, &command->Output) < 0;
    return level;
}

static BOOL DeleteOne(const WCHAR *path, void *context)
{
    (void)context;
    return DeleteFileW(path);
}

int CommandDel(COMMAND *command)
{
    int level = 0;

    if (command->Count == 1)
        return Syntax();
    for (int index = 1; index < command->Count; index++) {
        if (command->Words[index][0] != L'/')
            level |= ForEachFile(command->Words[index], DeleteOne, NULL) < 0;
    }
    return level;
}

static BOOL CopyOne(const WCHAR *path, void *context)
{
    const WCHAR *target = context;
    DWORD attributes = GetFileAttributesW(target);
    WCHAR full[PATH_LENGTH];
    int length;

    lstrcpynW(full, target, PATH_LENGTH);
    if (attributes != INVALID_FILE_ATTRIBUTES && (attributes & FILE_ATTRIBUTE_DIRECTORY)) {
        length = lstrlenW(full);
        if (length < PATH_LENGTH - 1 && full[length - 1] != L'\\' && full[length - 1] != L':')
            full[length++] = L'\\';
        lstrcpynW(full + length, FileName(path), PATH_LENGTH - length);
    }
    return CopyFileW(path, full, FALSE);
}

int CommandCopy(COMMAND *command)
{
    WCHAR here[] = L".";
    int count;

    if (command->Count < 2 || command->Count > 3)
        return Syntax();
    count = ForEachFile(command->Words[1], CopyOne, command->Count == 3 ? command->Words[2] : here);
    if (count < 0)
        return 1;
    PrintFormat(command->Output, L"%9d file(s) copied.\r\n", count);
    return count == 0;
}

int CommandRen(COMMAND *command)
{
    WCHAR target[PATH_LENGTH];

    if (command->Count != 3 || FileName(command->Words[2]) != command->Words[2])
        return Syntax();
    JoinName(command->Words[1], command->Words[2], target);
    return MoveFileW(command->Words[1], target) ? 0 : PrintError(GetLastError(), command->Words[1]);
}
