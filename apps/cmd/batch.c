// SPDX-License-Identifier: MIT
// Batch files: each line is executed like a typed one, with %0 to %9 and %* replaced. rem and lines that begin with a
// colon are comments. goto, if, for and call are not built.

#include "cmd.h"

#define MAXIMUM_DEPTH 16

static int Depth;

BOOL IsBatchFile(const WCHAR *path)
{
    int length = lstrlenW(path);

    return length > 4 && (lstrcmpiW(path + length - 4, L".bat") == 0 || lstrcmpiW(path + length - 4, L".cmd") == 0);
}

static int Append(WCHAR *result, int length, const WCHAR *text)
{
    while (*text && length < LINE_LENGTH - 1)
        result[length++] = *text++;
    return length;
}

static void ReplaceArguments(const WCHAR *line, const COMMAND *command, WCHAR *result)
{
    int length = 0;

    for (; *line && length < LINE_LENGTH - 1; line++) {
        if (*line == L'%' && line[1] >= L'0' && line[1] <= L'9') {
            int index = *++line - L'0';

            length = Append(result, length, index < command->Count ? command->Words[index] : L"");
        } else if (*line == L'%' && line[1] == L'%') {
            result[length++] = *line++;
        } else if (*line == L'%' && line[1] == L'*') {
            const WCHAR *rest = command->Rest;

            while (*rest == L' ')
                rest++;
            length = Append(result, length, rest);
            line++;
        } else {
            result[length++] = *line;
        }
    }
    result[length] = 0;
}

static BOOL IsComment(const WCHAR *line)
{
    while (*line == L' ' || *line == L'\t' || *line == L'@')
        line++;
    if (*line == L':' || !*line)
        return TRUE;
    return (line[0] | 0x20) == L'r' && (line[1] | 0x20) == L'e' && (line[2] | 0x20) == L'm' &&
           (!line[3] || line[3] == L' ');
}

static int RunLines(HANDLE file, WCHAR *line, COMMAND *command)
{
    int level = ErrorLevel;

    while (!Leaving && ReadBytes(file, line)) {
        if (IsComment(line))
            continue;
        ReplaceArguments(line, command, line + LINE_LENGTH);
        level = ErrorLevel = ExecuteLine(line + LINE_LENGTH);
    }
    return level;
}

// Runs the file; its commands have the redirected handles as their standard ones. Returns the last one's ERRORLEVEL.
int RunBatch(const WCHAR *path, COMMAND *command)
{
    HANDLE input = GetStdHandle(STD_INPUT_HANDLE), output = GetStdHandle(STD_OUTPUT_HANDLE);
    HANDLE file = CreateFileW(path, GENERIC_READ, FILE_SHARE_READ, NULL, OPEN_EXISTING, 0, NULL);
    WCHAR *line = HeapAlloc(GetProcessHeap(), 0, 2 * LINE_LENGTH * sizeof(WCHAR));
    int level = ErrorLevel;

    if (file == INVALID_HANDLE_VALUE || !line || Depth == MAXIMUM_DEPTH) {
        level = PrintError(Depth == MAXIMUM_DEPTH ? ERROR_STACK_OVERFLOW : GetLastError(), path);
    } else {
        Depth++;
        SetStdHandle(STD_INPUT_HANDLE, command->Input);
        SetStdHandle(STD_OUTPUT_HANDLE, command->Output);
        level = RunLines(file, line, command);
        SetStdHandle(STD_INPUT_HANDLE, input);
        SetStdHandle(STD_OUTPUT_HANDLE, output);
        Depth--;
    }
    if (line)
        HeapFree(GetProcessHeap(), 0, line);
    if (file != INVALID_HANDLE_VALUE)
        CloseHandle(file);
    return level;
}
