// SPDX-License-Identifier: MIT
// The console, key by key: line input and echo are switched off for the length of a read.

#include "crt.h"
#include <conio.h>

static int CrtpPushed = EOF;

static int CrtpReadKey(int Echo)
{
    HANDLE Input = GetStdHandle(STD_INPUT_HANDLE);
    DWORD Mode, Done;
    unsigned char Key = 0;
    BOOL IsConsole = GetConsoleMode(Input, &Mode);

    if (CrtpPushed != EOF) {
        int Pushed = CrtpPushed;

        CrtpPushed = EOF;
        return Pushed;
    }
    if (IsConsole) {
        SetConsoleMode(Input, Mode & ~(DWORD)(ENABLE_LINE_INPUT | ENABLE_ECHO_INPUT));
    }
    if (!ReadFile(Input, &Key, 1, &Done, NULL)) {
        Done = 0;
    }
    if (IsConsole) {
        SetConsoleMode(Input, Mode);
    }
    if (Done == 0) {
        return EOF;
    }
    if (Echo) {
        _putch(Key);
    }
    return Key;
}

int __cdecl _getch(void)
{
    return CrtpReadKey(0);
}

int __cdecl _getche(void)
{
    return CrtpReadKey(1);
}

int __cdecl _ungetch(int Character)
{
    if (CrtpPushed != EOF) {
        return EOF;
    }
    CrtpPushed = Character;
    return Character;
}

int __cdecl _putch(int Character)
{
    char Byte = (char)Character;
    DWORD Done;

    return WriteFile(GetStdHandle(STD_OUTPUT_HANDLE), &Byte, 1, &Done, NULL) ? Character : EOF;
}

int __cdecl _cputs(const char *Text)
{
    DWORD Done;

    return WriteFile(GetStdHandle(STD_OUTPUT_HANDLE), Text, strlen(Text), &Done, NULL) ? 0 : -1;
}

int __cdecl _kbhit(void)
{
    DWORD Count = 0;

    return CrtpPushed != EOF || (GetNumberOfConsoleInputEvents(GetStdHandle(STD_INPUT_HANDLE), &Count) && Count != 0);
}

int __cdecl _cprintf(const char *Format, ...)
{
    char Text[1024];
    va_list Arguments;
    int Length;

    va_start(Arguments, Format);
    Length = _vsnprintf(Text, sizeof(Text) - 1, Format, Arguments);
    va_end(Arguments);
    Text[sizeof(Text) - 1] = 0;
    _cputs(Text);
    return Length;
}
