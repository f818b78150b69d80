// SPDX-License-Identifier: MIT
// Executing a line: a drive letter, a built-in command, or a program.

#include "cmd.h"

int RunProgram(COMMAND *command)
{
    STARTUPINFOW startup = {.cb = sizeof(startup), .dwFlags = STARTF_USESTDHANDLES};
    static WCHAR line[LINE_LENGTH], path[PATH_LENGTH];
    PROCESS_INFORMATION process;
    WCHAR *file;
    DWORD code;

    if (!SearchPathW(NULL, command->Words[0], L".exe", PATH_LENGTH, path, &file)) {
        PrintFormat(GetStdHandle(STD_ERROR_HANDLE),
                    L"'%s' is not recognized as an internal or external command,\r\noperable program or batch file.\r\n",
                    command->Words[0]);
        return 9009;
    }
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

int ExecuteLine(const WCHAR *line)
{
    static COMMAND command;
    static WCHAR expanded[LINE_LENGTH];
    BUILTIN builtin;
    int level;

    ExpandVariables(line, expanded, LINE_LENGTH);
    for (line = expanded; *line == L' ' || *line == L'\t' || *line == L'@'; line++)
        ;
    if (!ParseCommand(line, &command))
        return 1;
    if (!command.Count)
        level = ErrorLevel;
    else if (IsDrive(&command))
        level = ChangeDrive(command.Words[0]);
    else if ((builtin = FindBuiltin(command.Words[0])) != NULL)
        level = builtin(&command);
    else
        level = RunProgram(&command);
    EndCommand(&command);
    return level;
}
