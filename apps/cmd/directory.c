// SPDX-License-Identifier: MIT
// cd, md, rd and dir.

#include "cmd.h"

// TRUE if path is on another drive than the current directory; full becomes the whole path.
static BOOL OnOtherDrive(const WCHAR *path, WCHAR *full)
{
    WCHAR current[PATH_LENGTH];

    GetCurrentDirectoryW(PATH_LENGTH, current);
    return GetFullPathNameW(path, PATH_LENGTH, full, NULL) && ((full[0] ^ current[0]) & ~0x20) != 0;
}

// Without /d a directory of another drive becomes that drive's current one, and the drive stays.
int CommandCd(COMMAND *command)
{
    const WCHAR *target = command->Words[command->Count - 1];
    BOOL change = command->Count > 2 && lstrcmpiW(command->Words[1], L"/d") == 0;
    WCHAR path[PATH_LENGTH], drive[4] = L"=C:";
    DWORD attributes;

    if (command->Count == 1) {
        GetCurrentDirectoryW(PATH_LENGTH, path);
        PrintFormat(command->Output, L"%s\r\n", path);
        return 0;
    }
    if (!change && OnOtherDrive(target, path)) {
        attributes = GetFileAttributesW(path);
        if (attributes == INVALID_FILE_ATTRIBUTES)
            return PrintError(GetLastError(), NULL);
        if (!(attributes & FILE_ATTRIBUTE_DIRECTORY))
            return PrintError(ERROR_DIRECTORY, NULL);
    } else {
        if (!SetCurrentDirectoryW(target))
            return PrintError(GetLastError() == ERROR_FILE_NOT_FOUND ? ERROR_PATH_NOT_FOUND : GetLastError(), NULL);
        GetCurrentDirectoryW(PATH_LENGTH, path);
    }
    drive[1] = path[0] & ~0x20;
    SetEnvironmentVariableW(drive, path);
    return 0;
}

static int ForEachWord(COMMAND *command, BOOL (*action)(const WCHAR *))
{
    int level = 0;

    if (command->Count == 1) {
        Print(GetStdHandle(STD_ERROR_HANDLE), L"The syntax of the command is incorrect.\r\n");
        return 1;
    }
    for (int index = 1; index < command->Count; index++) {
        if (!action(command->Words[index]))
            level = PrintError(GetLastError(), command->Words[index]);
    }
    return level;
}

static BOOL Make(const WCHAR *name)
{
    return CreateDirectoryW(name, NULL);
}

static BOOL Remove(const WCHAR *name)
{
    return RemoveDirectoryW(name);
}

int CommandMd(COMMAND *command)
{
    return ForEachWord(command, Make);
}

int CommandRd(COMMAND *command)
{
    return ForEachWord(command, Remove);
}

// The pattern to search: a directory means everything in it.
static void SearchPattern(const WCHAR *name, WCHAR *pattern)
{
    DWORD attributes = GetFileAttributesW(name);
    int length;

    lstrcpynW(pattern, name, PATH_LENGTH - 3);
    length = lstrlenW(pattern);
    if (attributes == INVALID_FILE_ATTRIBUTES || !(attributes & FILE_ATTRIBUTE_DIRECTORY))
        return;
    if (length && pattern[length - 1] != L'\\' && pattern[length - 1] != L'/' && pattern[length - 1] != L':')
        pattern[length++] = L'\\';
    pattern[length++] = L'*';
    pattern[length] = 0;
}

static void ShowEntry(HANDLE output, const WIN32_FIND_DATAW *entry)
{
    ULONGLONG size = (ULONGLONG)entry->nFileSizeHigh << 32 | entry->nFileSizeLow;
    FILETIME local;
    SYSTEMTIME time = {0};

    if (FileTimeToLocalFileTime(&entry->ftLastWriteTime, &local))
        FileTimeToSystemTime(&local, &time);
    PrintFormat(output, L"%04u-%02u-%02u  %02u:%02u  ", time.wYear, time.wMonth, time.wDay, time.wHour, time.wMinute);
    if (entry->dwFileAttributes & FILE_ATTRIBUTE_DIRECTORY)
        PrintFormat(output, L"%-16s%s\r\n", L"  <DIR>", entry->cFileName);
    else
        PrintFormat(output, L"%15U %s\r\n", size, entry->cFileName);
}

static int ListDirectory(HANDLE output, const WCHAR *name)
{
    WCHAR pattern[PATH_LENGTH], full[PATH_LENGTH], *file = NULL;
    WIN32_FIND_DATAW entry;
    ULONGLONG bytes = 0;
    ULARGE_INTEGER free;
    unsigned files = 0, folders = 0;
    HANDLE search;

    SearchPattern(name, pattern);
    search = FindFirstFileW(pattern, &entry);
    if (search == INVALID_HANDLE_VALUE) {
        Print(GetStdHandle(STD_ERROR_HANDLE), L"File Not Found\r\n");
        return 1;
    }
    if (GetFullPathNameW(pattern, PATH_LENGTH, full, &file) && file)
        *file = 0;
    PrintFormat(output, L"\r\n Directory of %s\r\n\r\n", full);
    do {
        ShowEntry(output, &entry);
        if (entry.dwFileAttributes & FILE_ATTRIBUTE_DIRECTORY) {
            folders++;
        } else {
            files++;
            bytes += (ULONGLONG)entry.nFileSizeHigh << 32 | entry.nFileSizeLow;
        }
    } while (FindNextFileW(search, &entry));
    FindClose(search);
    PrintFormat(output, L"%16u File(s) %14U bytes\r\n", files, bytes);
    full[3] = 0; // the root
    if (GetDiskFreeSpaceExW(full, &free, NULL, NULL))
        PrintFormat(output, L"%16u Dir(s)  %14U bytes free\r\n", folders, free.QuadPart);
    return 0;
}

int CommandDir(COMMAND *command)
{
    int level = 0, listed = 0;

    for (int index = 1; index < command->Count; index++) {
        if (command->Words[index][0] == L'/')
            continue; // options change nothing yet
        level |= ListDirectory(command->Output, command->Words[index]);
        listed++;
    }
    return listed ? level : ListDirectory(command->Output, L".");
}
