// SPDX-License-Identifier: MIT
// The command interpreter: prompt, line, execute. "cmd /c COMMAND" executes one command and ends. The console edits
// the line.

#include "cmd.h"

int ErrorLevel;
BOOL Leaving;

// Reads one line from a file or pipe, byte by byte (what follows belongs to the commands). FALSE at the end.
BOOL ReadBytes(HANDLE input, WCHAR *line)
{
    int length = 0;
    DWORD got;
    char byte;

    while (ReadFile(input, &byte, 1, &got, NULL) && got) {
        if (byte == '\n')
            break;
        if (byte != '\r' && length < LINE_LENGTH - 1)
            line[length++] = (unsigned char)byte;
        got = 0;
    }
    line[length] = 0;
    return length > 0 || got;
}

static BOOL ReadConsoleLine(HANDLE input, WCHAR *line)
{
    DWORD got = 0;

    if (!ReadConsoleW(input, line, LINE_LENGTH - 1, &got, NULL) || got == 0)
        return FALSE;
    while (got && (line[got - 1] == L'\n' || line[got - 1] == L'\r'))
        got--;
    line[got] = 0;
    return TRUE;
}

static void ShowPrompt(void)
{
    WCHAR path[PATH_LENGTH];

    GetCurrentDirectoryW(PATH_LENGTH, path);
    PrintFormat(GetStdHandle(STD_OUTPUT_HANDLE), L"\r\n%s>", path);
}

static void Interact(void)
{
    HANDLE input = GetStdHandle(STD_INPUT_HANDLE);
    static WCHAR line[LINE_LENGTH];
    DWORD mode;
    BOOL console = GetConsoleMode(input, &mode);

    if (console)
        PrintFormat(GetStdHandle(STD_OUTPUT_HANDLE), L"Mica [Version %u.%u.%u]\r\nhelp lists the commands.\r\n",
                    GetVersion() & 0xFF, GetVersion() >> 8 & 0xFF, GetVersion() >> 16);
    while (!Leaving) {
        ShowPrompt();
        if (!(console ? ReadConsoleLine(input, line) : ReadBytes(input, line))) {
            if (console)
                continue; // an end of file at the prompt means nothing
            break;
        }
        ErrorLevel = ExecuteLine(line);
    }
}

// What follows the program's own name; quotes count.
static const WCHAR *SkipName(const WCHAR *line)
{
    BOOL quoted = FALSE;

    for (; *line && (quoted || *line != L' '); line++)
        quoted ^= *line == L'"';
    while (*line == L' ')
        line++;
    return line;
}

void Start(void);

void Start(void)
{
    const WCHAR *arguments = SkipName(GetCommandLineW());

    if (arguments[0] == L'/' && (arguments[1] | 0x20) == L'c') {
        for (arguments += 2; *arguments == L' '; arguments++)
            ;
        ErrorLevel = ExecuteLine(arguments);
    } else {
        Interact();
    }
    ExitProcess((UINT)ErrorLevel);
}
