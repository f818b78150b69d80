// SPDX-License-Identifier: MIT
// From a terminal's bytes to keys. Cursor keys come as ESC [ A, ESC O A or ESC [ n ~. An ESC that nothing follows is
// the escape key: the thread asks for it when no byte has come for a while. Source: ECMA-48; xterm control sequences.

#include "console.h"

// ESC [ n ~
static CONSOLE_KEY ConsoleTildeKey(ULONG Parameter)
{
    switch (Parameter) {
    case 1:
    case 7:
        return KEY_HOME;
    case 2:
        return KEY_INSERT;
    case 3:
        return KEY_DELETE;
    case 4:
    case 8:
        return KEY_END;
    case 5:
        return KEY_PAGE_UP;
    case 6:
        return KEY_PAGE_DOWN;
    default:
        return 0;
    }
}

// ESC [ letter, ESC O letter
static CONSOLE_KEY ConsoleLetterKey(UCHAR Letter)
{
    switch (Letter) {
    case 'A':
        return KEY_UP;
    case 'B':
        return KEY_DOWN;
    case 'C':
        return KEY_RIGHT;
    case 'D':
        return KEY_LEFT;
    case 'H':
        return KEY_HOME;
    case 'F':
        return KEY_END;
    default:
        return 0;
    }
}

static CONSOLE_KEY ConsoleGroundByte(PVT_DECODER Decoder, UCHAR Byte)
{
    BOOLEAN AfterReturn = Decoder->AfterReturn;

    Decoder->AfterReturn = Byte == '\r';
    if (Byte == CHARACTER_ESCAPE) {
        Decoder->State = VtEscape;
        return 0;
    }
    if (Byte == '\n')
        return AfterReturn ? 0 : '\r';
    return Byte == CHARACTER_DELETE ? CHARACTER_BACKSPACE : Byte;
}

static CONSOLE_KEY ConsoleControlByte(PVT_DECODER Decoder, UCHAR Byte)
{
    if (Byte >= '0' && Byte <= '9') {
        Decoder->Parameter = (Decoder->Parameter * 10 + (Byte - '0')) % 1000;
        return 0;
    }
    if (Byte == ';') { // only the first parameter counts here
        return 0;
    }
    Decoder->State = VtGround;
    return Byte == '~' ? ConsoleTildeKey(Decoder->Parameter) : ConsoleLetterKey(Byte);
}

// Takes one byte. TRUE: it ended a key.
BOOLEAN ConsoleDecodeByte(PVT_DECODER Decoder, UCHAR Byte, CONSOLE_KEY *Key)
{
    *Key = 0;
    switch (Decoder->State) {
    case VtGround:
        *Key = ConsoleGroundByte(Decoder, Byte);
        break;
    case VtEscape:
        Decoder->Parameter = 0;
        if (Byte == '[' || Byte == 'O') {
            Decoder->State = Byte == '[' ? VtControl : VtShift3;
        } else {
            Decoder->State = VtGround; // ESC and another key: the escape key; the other one is lost
            *Key = CHARACTER_ESCAPE;
        }
        break;
    case VtControl:
        *Key = ConsoleControlByte(Decoder, Byte);
        break;
    case VtShift3:
        Decoder->State = VtGround;
        *Key = ConsoleLetterKey(Byte);
        break;
    }
    return *Key != 0;
}

// Nothing has come for a while: a sequence that was begun is over. TRUE: it was the escape key.
BOOLEAN ConsoleFlushDecoder(PVT_DECODER Decoder, CONSOLE_KEY *Key)
{
    BOOLEAN Escape = Decoder->State == VtEscape;

    Decoder->State = VtGround;
    *Key = CHARACTER_ESCAPE;
    return Escape;
}
