// SPDX-License-Identifier: MIT
// From scan codes (set 1) to keys: the US layout, with shift, control, caps lock and num lock.

#include "console.h"

#define SCAN_CONTROL 0x1D
#define SCAN_LEFT_SHIFT 0x2A
#define SCAN_RIGHT_SHIFT 0x36
#define SCAN_ALT 0x38
#define SCAN_CAPS_LOCK 0x3A
#define SCAN_NUM_LOCK 0x45
#define SCAN_KEYPAD_FIRST 0x47
#define SCAN_KEYPAD_LAST 0x53
#define SCAN_KEYPAD_SLASH 0x35
#define SCAN_ENTER 0x1C

// Indexed by scan code, 01 to 39; 0: no character.
static const CHAR ConsolePlain[] = "\0\x1B"
                                   "1234567890-=\b\tqwertyuiop[]\r\0asdfghjkl;'`\0\\zxcvbnm,./\0*\0 ";
static const CHAR ConsoleShifted[] = "\0\x1B"
                                     "!@#$%^&*()_+\b\tQWERTYUIOP{}\r\0ASDFGHJKL:\"~\0|ZXCVBNM<>?\0*\0 ";
// Keypad: 47 to 53.
static const CHAR ConsoleKeypadDigits[] = "789-456+1230.";
static const CONSOLE_KEY ConsoleKeypadKeys[] = {KEY_HOME,  KEY_UP, KEY_PAGE_UP, '-',      KEY_LEFT,      0,
                                                KEY_RIGHT, '+',    KEY_END,     KEY_DOWN, KEY_PAGE_DOWN, KEY_INSERT,
                                                KEY_DELETE};

// Keys that only change the state. TRUE if it was one.
static BOOLEAN ConsoleTrackModifier(PKEYBOARD_STATE State, USHORT Code, USHORT Flags)
{
    BOOLEAN Down = !(Flags & KEY_BREAK);

    switch (Code) {
    case SCAN_CONTROL:
        State->Control = Down;
        return TRUE;
    case SCAN_ALT:
        State->Alt = Down;
        return TRUE;
    case SCAN_LEFT_SHIFT:
        if (!(Flags & KEY_E0)) // with E0 it only accompanies an arrow key
            State->LeftShift = Down;
        return TRUE;
    case SCAN_RIGHT_SHIFT:
        if (!(Flags & KEY_E0))
            State->RightShift = Down;
        return TRUE;
    case SCAN_CAPS_LOCK:
        State->CapsLock ^= Down;
        return TRUE;
    case SCAN_NUM_LOCK:
        State->NumLock ^= Down;
        return TRUE;
    default:
        return FALSE;
    }
}

static CONSOLE_KEY ConsoleKeypadKey(PKEYBOARD_STATE State, USHORT Code, BOOLEAN Extended)
{
    ULONG Index = Code - SCAN_KEYPAD_FIRST;

    if (!Extended && State->NumLock)
        return (UCHAR)ConsoleKeypadDigits[Index];
    return ConsoleKeypadKeys[Index];
}

static CONSOLE_KEY ConsoleCharacterKey(PKEYBOARD_STATE State, USHORT Code)
{
    BOOLEAN Shift = State->LeftShift || State->RightShift;
    CHAR Plain = ConsolePlain[Code];

    if (Plain >= 'a' && Plain <= 'z') {
        if (State->Control)
            return (CONSOLE_KEY)(Plain - 'a' + 1);
        Shift ^= State->CapsLock;
    }
    return (UCHAR)(Shift ? ConsoleShifted[Code] : Plain);
}

// The key that a scan code means. FALSE: none (a release, a modifier, a key without a meaning here).
BOOLEAN ConsoleTranslateScan(PKEYBOARD_STATE State, const KEYBOARD_INPUT_DATA *Input, CONSOLE_KEY *Key)
{
    USHORT Code = Input->MakeCode;
    BOOLEAN Extended = (Input->Flags & KEY_E0) != 0;

    *Key = 0;
    if (Input->Flags & KEY_E1) // Pause
        return FALSE;
    if (ConsoleTrackModifier(State, Code, Input->Flags) || (Input->Flags & KEY_BREAK))
        return FALSE;
    if (Code >= SCAN_KEYPAD_FIRST && Code <= SCAN_KEYPAD_LAST)
        *Key = ConsoleKeypadKey(State, Code, Extended);
    else if (Extended && Code != SCAN_ENTER && Code != SCAN_KEYPAD_SLASH)
        return FALSE;
    else if (Code < sizeof(ConsolePlain) - 1)
        *Key = Extended && Code == SCAN_KEYPAD_SLASH ? '/' : ConsoleCharacterKey(State, Code);
    return *Key != 0;
}
