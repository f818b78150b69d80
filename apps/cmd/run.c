// SPDX-License-Identifier: MIT
// Executing one command: a drive letter, a built-in command, or a program.

#include "cmd.h"

// Looks along the search path for each kind of program, as %PATHEXT% has them.
static BOOL FindProgram(const WCHAR *name, WCHAR *path)
{
    static const WCHAR *const extensions[] = {L".com", L".exe", L".bat", L".cmd"};
    WCHAR *file;

    for (int index = 0; index < 4; index++) {
        DWORD length = SearchPathW(NULL, name, extensions[index], PATH_LENGTH, path, &file);
        DWORD attributes = length && length < PATH_LENGTH ? GetFileAttributesW(path) : INVALID_FILE_ATTRIBUTES;

        if (attributes != INVALID_FILE_ATTRIBUTES && !(attributes & FILE_ATTRIBUTE_DIRECTORY))
            return TRUE;
    }
    return FALSE;
}

int RunProgram(COMMAND *command)
{
    STARTUPINFOW startup = {.cb = sizeof(startup), .dwFlags = STARTF_USESTDHANDLES};
    static WCHAR line[LINE_LENGTH], path[PATH_LENGTH];
    PROCESS_INFORMATION process;
    DWORD code;

    if (!FindProgram(command->Words[0], path)) {
        PrintFormat(
            GetStdHandle(STD_ERROR_HANDLE),
            L"'%s' is not recognized as an internal or external command,\r\noperable program or batch file.\r\n",
            command->Words[0]);
        return 9009;
    }
    if (IsBatchFile(path))
        return RunBatch(path, command);
    lstrcpynW(line, L"\"", LINE_LENGTH);
    lstrcpynW(line + 1, command->Words[0], PATH_LENGTH);
    lstrcatW(line, L"\"");
    lstrcpynW(line + lstrlenW(line), command->Rest, LINE_LENGTH - lstrlenW(line));
    startup.hStdInput = command->Input;
    startup.hStdOutput = command->Output;
    startup.hStdError = GetStdHandle(STD_ERROR_HANDLE);
    if (!CreateProcessW(path, line, NULL, NULL, TRUE, 0, NULL, NULL, &startup, &process))
        return PrintError(GetLastError(), command->Words[0]);
    CloseHandle(process.hThread);
    WaitForSingleObject(process.hProcess, INFINITE);
    GetExitCodeProcess(process.hProcess, &code);
    CloseHandle(process.hProcess);
    return (int)code;
}

static BOOL IsDrive(const COMMAND *command)
{
    const WCHAR *word = command->Words[0];

    return command->Count == 1 && word[0] && word[1] == L':' && !word[2];
}

static int ChangeDrive(const WCHAR *drive)
{
    WCHAR root[PATH_LENGTH], name[4] = {L'=', drive[0] & ~0x20, L':', 0};

    // "=C:" holds the drive's current directory, as it has since DOS.
    if (!GetEnvironmentVariableW(name, root, PATH_LENGTH)) {
        root[0] = drive[0] & ~0x20;
        root[1] = L':';
        root[2] = L'\\';
        root[3] = 0;
    }
    if (SetCurrentDirectoryW(root))
        return 0;
    Print(GetStdHandle(STD_ERROR_HANDLE), L"The system cannot find the drive specified.\r\n");
    return 1;
}

static int ExecuteParsed(COMMAND *command)
{
    BUILTIN builtin;

    if (!command->Count)
        return ErrorLevel;
    if (IsDrive(command))
        return ChangeDrive(command->Words[0]);
    builtin = FindBuiltin(command->Words[0]);
    return builtin ? builtin(command) : RunProgram(command);
}

// A batch file's commands are executed inside the command that runs it, so each has its own room.
int ExecuteCommand(const WCHAR *line)
{
    struct {
        COMMAND Command;
        WCHAR Expanded[LINE_LENGTH];
    } *room = HeapAlloc(GetProcessHeap(), 0, sizeof(*room));
    int level = 1;

    if (!room)
        return PrintError(ERROR_NOT_ENOUGH_MEMORY, NULL);
    ExpandVariables(line, room->Expanded, LINE_LENGTH);
    for (line = room->Expanded; *line == L' ' || *line == L'\t' || *line == L'@'; line++)
        ;
    if (ParseCommand(line, &room->Command)) {
        level = ExecuteParsed(&room->Command);
        EndCommand(&room->Command);
    }
    HeapFree(GetProcessHeap(), 0, room);
    return level;
}
