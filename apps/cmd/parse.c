// SPDX-License-Identifier: MIT
// From a typed line to a command: variables, redirections, words. Quotes keep blanks and special characters together.

#include "cmd.h"

// Writes ERRORLEVEL as text; returns its length.
static DWORD LevelText(WCHAR *text)
{
    unsigned value = ErrorLevel < 0 ? 0u - (unsigned)ErrorLevel : (unsigned)ErrorLevel;
    WCHAR digits[12];
    DWORD count = 0, length = 0;

    do {
        digits[count++] = (WCHAR)(L'0' + value % 10);
        value /= 10;
    } while (value);
    if (ErrorLevel < 0)
        text[length++] = L'-';
    while (count)
        text[length++] = digits[--count];
    return length;
}

// Replaces %NAME%; an unknown name stays as it is, as at the real prompt. %ERRORLEVEL% is ours unless it is set.
void ExpandVariables(const WCHAR *line, WCHAR *result, int size)
{
    int length = 0;

    while (*line && length < size - 1) {
        const WCHAR *end = *line == L'%' ? line + 1 : NULL;
        WCHAR name[128], value[1024];
        int count = 0;
        DWORD got;

        while (end && *end && *end != L'%' && count < 127)
            name[count++] = *end++;
        name[count] = 0;
        if (end && *end == L'%' && count) {
            got = GetEnvironmentVariableW(name, value, 1024);
            if (!got && lstrcmpiW(name, L"ERRORLEVEL") == 0)
                got = LevelText(value);
            if (got && got < 1024) {
                for (DWORD index = 0; index < got && length < size - 1; index++)
                    result[length++] = value[index];
                line = end + 1;
                continue;
            }
        }
        result[length++] = *line++;
    }
    result[length] = 0;
}

static const WCHAR *TakeWord(const WCHAR *line, WCHAR *word, int size)
{
    BOOL quoted = FALSE;
    int length = 0;

    for (; *line && (quoted || (*line != L' ' && *line != L'\t' && *line != L'<' && *line != L'>')); line++) {
        if (*line == L'"')
            quoted = !quoted;
        else if (length < size - 1)
            word[length++] = *line;
    }
    word[length] = 0;
    return line;
}

static BOOL Redirect(COMMAND *command, const WCHAR *name, BOOL input, BOOL append)
{
    SECURITY_ATTRIBUTES inherit = {sizeof(inherit), NULL, TRUE};
    HANDLE file = CreateFileW(name, input ? GENERIC_READ : GENERIC_WRITE, FILE_SHARE_READ, &inherit,
                              input    ? OPEN_EXISTING
                              : append ? OPEN_ALWAYS
                                       : CREATE_ALWAYS,
                              FILE_ATTRIBUTE_NORMAL, NULL);
    HANDLE *place = input ? &command->Input : &command->Output;

    if (file == INVALID_HANDLE_VALUE) {
        PrintError(GetLastError(), name);
        return FALSE;
    }
    if (append)
        SetFilePointer(file, 0, NULL, FILE_END);
    if (*place != GetStdHandle(input ? STD_INPUT_HANDLE : STD_OUTPUT_HANDLE))
        CloseHandle(*place); // the last redirection wins
    *place = file;
    return TRUE;
}

// Takes the redirections out of the line. The rest goes to clean.
static BOOL TakeRedirections(const WCHAR *line, COMMAND *command, WCHAR *clean)
{
    BOOL quoted = FALSE;
    WCHAR name[PATH_LENGTH];
    int length = 0;

    while (*line) {
        if (*line == L'"')
            quoted = !quoted;
        if (!quoted && (*line == L'<' || *line == L'>')) {
            BOOL input = *line == L'<', append = !input && line[1] == L'>';

            for (line += append ? 2 : 1; *line == L' ' || *line == L'\t'; line++)
                ;
            line = TakeWord(line, name, PATH_LENGTH);
            if (!name[0]) {
                Print(GetStdHandle(STD_ERROR_HANDLE), L"The syntax of the command is incorrect.\r\n");
                return FALSE;
            }
            if (!Redirect(command, name, input, append))
                return FALSE;
            continue;
        }
        clean[length++] = *line++;
    }
    while (length && (clean[length - 1] == L' ' || clean[length - 1] == L'\t'))
        length--;
    clean[length] = 0;
    return TRUE;
}

BOOL ParseCommand(const WCHAR *line, COMMAND *command)
{
    static WCHAR clean[LINE_LENGTH];
    const WCHAR *place = clean;
    WCHAR *next = command->Text;

    command->Count = 0;
    command->Rest = L"";
    command->Input = GetStdHandle(STD_INPUT_HANDLE);
    command->Output = GetStdHandle(STD_OUTPUT_HANDLE);
    if (!TakeRedirections(line, command, clean)) {
        EndCommand(command);
        return FALSE;
    }
    while (command->Count < MAXIMUM_WORDS) {
        while (*place == L' ' || *place == L'\t')
            place++;
        if (!*place)
            break;
        command->Words[command->Count++] = next;
        place = TakeWord(place, next, (int)(command->Text + LINE_LENGTH - next));
        next += lstrlenW(next) + 1;
        if (command->Count == 1)
            command->Rest = place;
        if (*place == L'<' || *place == L'>')
            place++; // cannot be: they were taken out
    }
    return TRUE;
}

void EndCommand(COMMAND *command)
{
    if (command->Input != GetStdHandle(STD_INPUT_HANDLE))
        CloseHandle(command->Input);
    if (command->Output != GetStdHandle(STD_OUTPUT_HANDLE))
        CloseHandle(command->Output);
}
