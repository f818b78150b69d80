// SPDX-License-Identifier: MIT
// The console: device controls to \Device\Console. It is a byte device; wide text is converted to the ANSI code page.
// One handle is input or output by its access: what may write is output.

#include "k32.h"

#define CONSOLE_CHUNK 512u

static NTSTATUS BasepControl(HANDLE Handle, ULONG Code, PVOID Input, ULONG InputLength, PVOID Output,
                             ULONG OutputLength)
{
    IO_STATUS_BLOCK IoStatus;

    return NtDeviceIoControlFile(Handle, NULL, NULL, NULL, &IoStatus, Code, Input, InputLength, Output, OutputLength);
}

// A control to a handle that is no console is refused by its device; Win32 calls that an invalid handle.
static BOOL BasepConsoleBool(NTSTATUS Status)
{
    return NT_SUCCESS(Status) ? TRUE : BaseFail(ERROR_INVALID_HANDLE);
}

static BOOL BasepIsOutput(HANDLE Handle)
{
    OBJECT_BASIC_INFORMATION Basic;

    if (Handle == NtCurrentPeb()->ProcessParameters->StandardInput) {
        return FALSE;
    }
    return NT_SUCCESS(NtQueryObject(Handle, ObjectBasicInformation, &Basic, sizeof(Basic), NULL)) &&
           (Basic.GrantedAccess & FILE_WRITE_DATA) != 0;
}

WINBOOL WINAPI GetConsoleMode(HANDLE Console, LPDWORD Mode)
{
    CONSOLE_MODES Modes;

    Console = BaseRealHandle(Console);
    if (!BaseIsConsole(Console)) {
        return BaseFail(ERROR_INVALID_HANDLE);
    }
    if (!BasepConsoleBool(BasepControl(Console, IOCTL_CONSOLE_GET_MODE, NULL, 0, &Modes, sizeof(Modes)))) {
        return FALSE;
    }
    *Mode = BasepIsOutput(Console) ? Modes.OutputMode : Modes.InputMode;
    return TRUE;
}

WINBOOL WINAPI SetConsoleMode(HANDLE Console, DWORD Mode)
{
    CONSOLE_MODE_CHANGE Change = {.Mode = Mode};

    Console = BaseRealHandle(Console);
    if (!BaseIsConsole(Console)) {
        return BaseFail(ERROR_INVALID_HANDLE);
    }
    Change.Output = BasepIsOutput(Console) != 0;
    return BasepConsoleBool(BasepControl(Console, IOCTL_CONSOLE_SET_MODE, &Change, sizeof(Change), NULL, 0));
}

WINBOOL WINAPI GetConsoleScreenBufferInfo(HANDLE Console, PCONSOLE_SCREEN_BUFFER_INFO Information)
{
    CONSOLE_SCREEN_STATE State;

    Console = BaseRealHandle(Console);
    if (!BaseIsConsole(Console) ||
        !NT_SUCCESS(BasepControl(Console, IOCTL_CONSOLE_GET_SCREEN, NULL, 0, &State, sizeof(State)))) {
        return BaseFail(ERROR_INVALID_HANDLE);
    }
    RtlZeroMemory(Information, sizeof(*Information));
    Information->dwSize.X = State.Size.X;
    Information->dwSize.Y = State.Size.Y;
    Information->dwCursorPosition.X = State.Cursor.X;
    Information->dwCursorPosition.Y = State.Cursor.Y;
    Information->wAttributes = State.Attribute;
    Information->srWindow.Right = (SHORT)(State.Size.X - 1);
    Information->srWindow.Bottom = (SHORT)(State.Size.Y - 1);
    Information->dwMaximumWindowSize = Information->dwSize;
    return TRUE;
}

WINBOOL WINAPI SetConsoleCursorPosition(HANDLE Console, COORD Position)
{
    CONSOLE_POSITION Native = {Position.X, Position.Y};

    return BasepConsoleBool(
        BasepControl(BaseRealHandle(Console), IOCTL_CONSOLE_SET_CURSOR, &Native, sizeof(Native), NULL, 0));
}

WINBOOL WINAPI SetConsoleTextAttribute(HANDLE Console, WORD Attribute)
{
    return BasepConsoleBool(
        BasepControl(BaseRealHandle(Console), IOCTL_CONSOLE_SET_ATTRIBUTE, &Attribute, sizeof(Attribute), NULL, 0));
}

WINBOOL WINAPI GetNumberOfConsoleInputEvents(HANDLE Console, LPDWORD Count)
{
    return BasepConsoleBool(
        BasepControl(BaseRealHandle(Console), IOCTL_CONSOLE_PEEK_COUNT, NULL, 0, Count, sizeof(*Count)));
}

static BOOL BasepIsWholeScreen(PCONSOLE_SCREEN_STATE State, COORD From, DWORD Count)
{
    return From.X == 0 && From.Y == 0 && Count >= (DWORD)State->Size.X * (DWORD)State->Size.Y;
}

// The device can clear the whole screen and print; a fill is one of these, with the cursor put back.
WINBOOL WINAPI FillConsoleOutputCharacterA(HANDLE Console, CHAR Character, DWORD Count, COORD From, LPDWORD Written)
{
    CONSOLE_SCREEN_STATE State;
    COORD Back;
    CHAR Chunk[CONSOLE_CHUNK];
    DWORD Done, Total = 0;

    Console = BaseRealHandle(Console);
    if (!BasepConsoleBool(BasepControl(Console, IOCTL_CONSOLE_GET_SCREEN, NULL, 0, &State, sizeof(State)))) {
        return FALSE;
    }
    *Written = Count;
    if (Character == ' ' && BasepIsWholeScreen(&State, From, Count)) {
        return BasepConsoleBool(BasepControl(Console, IOCTL_CONSOLE_CLEAR, NULL, 0, NULL, 0));
    }
    Back.X = State.Cursor.X;
    Back.Y = State.Cursor.Y;
    // A character in the last cell would scroll the screen.
    Count = min_of(Count, (DWORD)State.Size.X * (DWORD)State.Size.Y -
                              ((DWORD)From.Y * (DWORD)State.Size.X + (DWORD)From.X) - 1);
    memset(Chunk, Character, sizeof(Chunk));
    SetConsoleCursorPosition(Console, From);
    while (Total < Count && WriteFile(Console, Chunk, min_of(Count - Total, CONSOLE_CHUNK), &Done, NULL) && Done != 0) {
        Total += Done;
    }
    return SetConsoleCursorPosition(Console, Back);
}

WINBOOL WINAPI FillConsoleOutputCharacterW(HANDLE Console, WCHAR Character, DWORD Count, COORD From, LPDWORD Written)
{
    return FillConsoleOutputCharacterA(Console, Character < 0x80 ? (CHAR)Character : '?', Count, From, Written);
}

// Cells cannot be recoloured without rewriting them: text that follows gets the colour, as after a clear.
WINBOOL WINAPI FillConsoleOutputAttribute(HANDLE Console, WORD Attribute, DWORD Count, COORD From, LPDWORD Written)
{
    CONSOLE_SCREEN_STATE State;

    Console = BaseRealHandle(Console);
    if (!BasepConsoleBool(BasepControl(Console, IOCTL_CONSOLE_GET_SCREEN, NULL, 0, &State, sizeof(State)))) {
        return FALSE;
    }
    if (Attribute != State.Attribute && !BasepIsWholeScreen(&State, From, Count)) {
        return BaseFail(ERROR_NOT_SUPPORTED);
    }
    *Written = Count;
    return TRUE;
}
