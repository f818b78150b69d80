// SPDX-License-Identifier: MIT
// A whole line: commands joined by & (one after the other), && and || (if the one before succeeded or failed), and |
// (side by side, joined by a pipe). Inside quotes these characters are ordinary.

#include "cmd.h"

#define MAXIMUM_STAGES 16

// The first operator character of the line outside quotes, or its end.
static WCHAR *FindOperator(WCHAR *line, const WCHAR *operators)
{
    BOOL quoted = FALSE;

    for (; *line; line++) {
        if (*line == L'"')
            quoted = !quoted;
        for (const WCHAR *character = operators; !quoted && *character; character++) {
            if (*line == *character)
                return line;
        }
    }
    return line;
}

// Starts "cmd /c stage" with the ends of the pipes before and behind it. NULL after a message.
static HANDLE StartStage(const WCHAR *stage, HANDLE input, HANDLE output)
{
    STARTUPINFOW startup = {.cb = sizeof(startup), .dwFlags = STARTF_USESTDHANDLES};
    PROCESS_INFORMATION process;
    WCHAR path[PATH_LENGTH], *line = HeapAlloc(GetProcessHeap(), 0, (LINE_LENGTH + 16) * sizeof(WCHAR));
    BOOL started;

    if (!line)
        return NULL;
    lstrcpyW(line, L"cmd /c ");
    lstrcpynW(line + lstrlenW(line), stage, LINE_LENGTH);
    startup.hStdInput = input;
    startup.hStdOutput = output;
    startup.hStdError = GetStdHandle(STD_ERROR_HANDLE);
    started = GetModuleFileNameW(NULL, path, PATH_LENGTH) &&
              CreateProcessW(path, line, NULL, NULL, TRUE, 0, NULL, NULL, &startup, &process);
    HeapFree(GetProcessHeap(), 0, line);
    if (!started) {
        PrintError(GetLastError(), stage);
        return NULL;
    }
    CloseHandle(process.hThread);
    return process.hProcess;
}

// Only the ends that a stage is given may reach it: another copy of the write end would keep the reader waiting.
static BOOL MakePipe(HANDLE *read, HANDLE *write)
{
    if (!CreatePipe(read, write, NULL, 0)) {
        PrintError(GetLastError(), NULL);
        return FALSE;
    }
    return SetHandleInformation(*write, HANDLE_FLAG_INHERIT, HANDLE_FLAG_INHERIT);
}

// The stages run side by side; the last one's ERRORLEVEL counts.
static int ExecutePipeline(WCHAR *line)
{
    HANDLE processes[MAXIMUM_STAGES], input = GetStdHandle(STD_INPUT_HANDLE), read = NULL, write = NULL;
    int count = 0, level = 1;
    DWORD code;
    WCHAR *end;

    for (BOOL more = TRUE; more && count < MAXIMUM_STAGES; line = end + 1) {
        end = FindOperator(line, L"|");
        more = *end != 0;
        *end = 0;
        if (more && !MakePipe(&read, &write))
            break;
        processes[count] = StartStage(line, input, more ? write : GetStdHandle(STD_OUTPUT_HANDLE));
        if (more)
            CloseHandle(write);
        if (input != GetStdHandle(STD_INPUT_HANDLE))
            CloseHandle(input);
        input = read;
        if (more)
            SetHandleInformation(read, HANDLE_FLAG_INHERIT, HANDLE_FLAG_INHERIT);
        if (!processes[count++])
            break;
    }
    for (int index = 0; index < count; index++) {
        if (!processes[index])
            continue;
        WaitForSingleObject(processes[index], INFINITE);
        if (GetExitCodeProcess(processes[index], &code))
            level = (int)code;
        CloseHandle(processes[index]);
    }
    return level;
}

// Executes one line as typed, or as it stands in a batch file. Returns the new ERRORLEVEL.
int ExecuteLine(const WCHAR *text)
{
    WCHAR *copy = HeapAlloc(GetProcessHeap(), 0, LINE_LENGTH * sizeof(WCHAR)), *line = copy, *end, *bar;
    BOOL more = TRUE, run = TRUE;
    int level = ErrorLevel;

    if (!copy)
        return PrintError(ERROR_NOT_ENOUGH_MEMORY, NULL);
    lstrcpynW(copy, text, LINE_LENGTH);
    while (more && !Leaving) {
        for (end = FindOperator(line, L"&|"); *end == L'|' && end[1] != L'|'; end = FindOperator(end + 1, L"&|"))
            ;
        more = *end != 0;
        bar = FindOperator(line, L"|");
        if (run)
            ErrorLevel = level;
        {
            WCHAR first = *end, second = more ? end[1] : 0;

            *end = 0;
            if (run)
                level = bar < end ? ExecutePipeline(line) : ExecuteCommand(line);
            run = first == L'|' ? level != 0 : second == first ? level == 0 : TRUE;
            line = end + (second == first ? 2 : 1);
        }
    }
    HeapFree(GetProcessHeap(), 0, copy);
    return level;
}
