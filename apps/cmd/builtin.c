// SPDX-License-Identifier: MIT
// The table of built-in commands, and the small ones.

#include "cmd.h"

static const struct {
    const WCHAR *Name;
    BUILTIN Routine;
    const WCHAR *Help;
} Builtins[] = {
    {L"cd", CommandCd, L"shows or changes the current directory"},
    {L"chdir", CommandCd, NULL},
    {L"cls", CommandCls, L"clears the screen"},
    {L"copy", CommandCopy, L"copies files: copy FROM TO"},
    {L"del", CommandDel, L"deletes files"},
    {L"erase", CommandDel, NULL},
    {L"dir", CommandDir, L"lists a directory"},
    {L"echo", CommandEcho, L"prints its text"},
    {L"exit", CommandExit, L"ends the interpreter: exit [CODE]"},
    {L"help", CommandHelp, L"prints this list"},
    {L"md", CommandMd, L"makes directories"},
    {L"mkdir", CommandMd, NULL},
    {L"rd", CommandRd, L"removes empty directories"},
    {L"rmdir", CommandRd, NULL},
    {L"ren", CommandRen, L"renames a file: ren OLD NEW"},
    {L"rename", CommandRen, NULL},
    {L"set", CommandSet, L"shows or sets environment variables: set NAME=VALUE"},
    {L"type", CommandType, L"prints files"},
    {L"ver", CommandVer, L"says which system this is"},
};

// A name ends at the first character that cannot be part of one: "cd\" and "cd.." are cd, "echo." is echo.
BUILTIN FindBuiltin(const WCHAR *name)
{
    for (unsigned index = 0; index < sizeof(Builtins) / sizeof(Builtins[0]); index++) {
        if (lstrcmpiW(name, Builtins[index].Name) == 0)
            return Builtins[index].Routine;
    }
    return NULL;
}

int CommandHelp(COMMAND *command)
{
    for (unsigned index = 0; index < sizeof(Builtins) / sizeof(Builtins[0]); index++) {
        if (Builtins[index].Help)
            PrintFormat(command->Output, L"%-8s%s\r\n", Builtins[index].Name, Builtins[index].Help);
    }
    Print(command->Output, L"Anything else is a program. Redirect with < > >>, join with | & && ||.\r\n");
    return 0;
}

int CommandEcho(COMMAND *command)
{
    const WCHAR *text = command->Rest;

    if (*text == L' ' || *text == L'\t')
        text++;
    PrintFormat(command->Output, L"%s\r\n", command->Count > 1 ? text : L"ECHO is on.");
    return 0;
}

int CommandExit(COMMAND *command)
{
    int code = 0;

    Leaving = TRUE;
    for (const WCHAR *digit = command->Count > 1 ? command->Words[command->Count - 1] : L"";
         *digit >= L'0' && *digit <= L'9'; digit++)
        code = code * 10 + (*digit - L'0');
    return command->Count > 1 ? code : ErrorLevel;
}

int CommandVer(COMMAND *command)
{
    DWORD version = GetVersion();

    PrintFormat(command->Output, L"\r\nMica [Version %u.%u.%u]\r\n", version & 0xFF, version >> 8 & 0xFF,
                version >> 16);
    return 0;
}

int CommandCls(COMMAND *command)
{
    COORD home = {0, 0};
    DWORD written;
    CONSOLE_SCREEN_BUFFER_INFO screen;

    if (!GetConsoleScreenBufferInfo(command->Output, &screen))
        return 0;
    FillConsoleOutputCharacterW(command->Output, L' ', (DWORD)(screen.dwSize.X * screen.dwSize.Y), home, &written);
    SetConsoleCursorPosition(command->Output, home);
    return 0;
}

static int ShowVariables(HANDLE output, const WCHAR *prefix)
{
    WCHAR *block = GetEnvironmentStringsW();
    int length = lstrlenW(prefix), shown = 0;

    for (const WCHAR *entry = block; entry && *entry; entry += lstrlenW(entry) + 1) {
        if (*entry == L'=')
            continue; // the drives' directories are nobody's business
        if (CompareStringW(LOCALE_INVARIANT, NORM_IGNORECASE, entry, min(length, lstrlenW(entry)), prefix, length) ==
            CSTR_EQUAL) {
            PrintFormat(output, L"%s\r\n", entry);
            shown++;
        }
    }
    FreeEnvironmentStringsW(block);
    if (shown || !length)
        return 0;
    PrintFormat(GetStdHandle(STD_ERROR_HANDLE), L"Environment variable %s not defined\r\n", prefix);
    return 1;
}

int CommandSet(COMMAND *command)
{
    static WCHAR text[LINE_LENGTH];
    WCHAR *value = text;

    for (; *command->Rest == L' ' || *command->Rest == L'\t'; command->Rest++)
        ;
    lstrcpynW(text, command->Rest, LINE_LENGTH);
    while (*value && *value != L'=')
        value++;
    if (!*value)
        return ShowVariables(command->Output, text);
    *value++ = 0;
    if (!text[0]) {
        Print(GetStdHandle(STD_ERROR_HANDLE), L"The syntax of the command is incorrect.\r\n");
        return 1;
    }
    return SetEnvironmentVariableW(text, *value ? value : NULL) || !*value ? 0 : PrintError(GetLastError(), text);
}
