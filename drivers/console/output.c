// SPDX-License-Identifier: MIT
// The screen and its twin on COM1. The twin gets the same bytes; ANSI sequences only where a program moves the cursor
// or clears the screen (colours stay on the screen).

#include "console.h"

// Takes the output lock. PASSIVE_LEVEL.
VOID ConsoleLockOutput(PCONSOLE Console)
{
    KeWaitForever(&Console->OutputLock, Executive);
}

// Sends what has gathered for COM1, then gives the lock back.
VOID ConsoleUnlockOutput(PCONSOLE Console)
{
    if (Console->SerialUsed > 0)
        ConsoleSerialWrite(Console, Console->SerialBytes, Console->SerialUsed);
    Console->SerialUsed = 0;
    KeReleaseMutex(&Console->OutputLock, FALSE);
}

static VOID ConsolePutSerial(PCONSOLE Console, UCHAR Byte)
{
    if (Console->SerialUsed == OUTPUT_CHUNK) {
        ConsoleSerialWrite(Console, Console->SerialBytes, Console->SerialUsed);
        Console->SerialUsed = 0;
    }
    Console->SerialBytes[Console->SerialUsed++] = Byte;
    Console->LastSerialByte = Byte;
}

static VOID ConsolePutSerialFormat(PCONSOLE Console, PCSTR Format, ULONG First, ULONG Second)
{
    CHAR Text[24];
    ULONG Index;

    _snprintf(Text, sizeof(Text), Format, First, Second);
    for (Index = 0; Text[Index] != '\0'; Index++)
        ConsolePutSerial(Console, (UCHAR)Text[Index]);
}

// One byte of a program's output for the terminal. A line feed begins a new line, as on the screen.
static VOID ConsoleMirror(PCONSOLE Console, UCHAR Byte)
{
    if (Byte == '\n' && Console->LastSerialByte != '\r')
        ConsolePutSerial(Console, '\r');
    ConsolePutSerial(Console, Byte);
}

// A program's output. PASSIVE_LEVEL. Takes the output lock.
VOID ConsoleWrite(PCONSOLE Console, const UCHAR *Bytes, ULONG Length)
{
    ULONG Index;

    ConsoleLockOutput(Console);
    for (Index = 0; Index < Length; Index++)
        ConsoleMirror(Console, Bytes[Index]);
    HalDisplayCharacters(Bytes, Length, Console->Attribute);
    ConsoleUnlockOutput(Console);
}

// The line editor's output: here a backspace goes from the first column to the end of the line above.
VOID ConsoleEcho(PCONSOLE Console, const CHAR *Bytes, ULONG Length)
{
    ULONG Width, Height, X, Y, Index;

    ConsoleLockOutput(Console);
    for (Index = 0; Index < Length; Index++) {
        HalQueryDisplay(&Width, &Height, &X, &Y);
        ConsoleMirror(Console, (UCHAR)Bytes[Index]);
        if (Bytes[Index] == '\b' && X == 0 && Y > 0)
            HalSetDisplayCursor(Width - 1, Y - 1);
        else
            HalDisplayCharacter((UCHAR)Bytes[Index], Console->Attribute);
    }
    ConsoleUnlockOutput(Console);
}

// Moves the cursor, on a terminal too. PASSIVE_LEVEL. Takes the output lock.
VOID ConsoleSetCursor(PCONSOLE Console, SHORT X, SHORT Y)
{
    ConsoleLockOutput(Console);
    HalSetDisplayCursor((ULONG)X, (ULONG)Y);
    ConsolePutSerialFormat(Console, "\x1B[%lu;%luH", (ULONG)Y + 1, (ULONG)X + 1);
    ConsoleUnlockOutput(Console);
}

// Clears screen and terminal. PASSIVE_LEVEL. Takes the output lock.
VOID ConsoleClear(PCONSOLE Console)
{
    ConsoleLockOutput(Console);
    HalClearDisplay(Console->Attribute);
    ConsolePutSerialFormat(Console, "\x1B[%luJ\x1B[H", 2, 0);
    ConsoleUnlockOutput(Console);
}
