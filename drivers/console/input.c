// SPDX-License-Identifier: MIT
// From keys to read IRPs: through the line editor, or as bytes when a program asked for that. All on the console's
// thread.

#include "console.h"

static BOOLEAN ConsoleNextKey(PCONSOLE Console, CONSOLE_KEY *Key)
{
    if (Console->KeyHead == Console->KeyTail)
        return FALSE;
    *Key = Console->Keys[Console->KeyHead % KEY_RING_SIZE];
    Console->KeyHead++;
    return TRUE;
}

// Queues a key; when nobody has read for a long time, it is lost. Ctrl-C while nothing is being read throws away what
// was typed ahead.
VOID ConsoleAddKey(PCONSOLE Console, CONSOLE_KEY Key)
{
    if (Key == CHARACTER_CTRL_C && (Console->InputMode & ENABLE_PROCESSED_INPUT)) {
        Console->KeyHead = Console->KeyTail;
        if (DrvIsIrpQueueEmpty(&Console->Reads))
            return;
    }
    if (Console->KeyTail - Console->KeyHead == KEY_RING_SIZE)
        return;
    Console->Keys[Console->KeyTail % KEY_RING_SIZE] = Key;
    Console->KeyTail++;
}

// Bytes that a read would get without waiting, as far as one can say before a line is complete. Any thread.
ULONG ConsoleBytesReady(PCONSOLE Console)
{
    return Console->ReadyCount + (Console->KeyTail - Console->KeyHead);
}

static VOID ConsoleAddReady(PCONSOLE Console, PCSTR Bytes, ULONG Length)
{
    memcpy(Console->Ready + Console->ReadyCount, Bytes, Length);
    Console->ReadyCount += Length;
}

// Byte mode: a key that is not a character goes out as a terminal would send it.
static VOID ConsoleAddRawKey(PCONSOLE Console, CONSOLE_KEY Key)
{
    static const struct {
        CONSOLE_KEY Key;
        PCSTR Sequence;
    } Sequences[] = {{KEY_UP, "\x1B[A"},        {KEY_DOWN, "\x1B[B"},    {KEY_RIGHT, "\x1B[C"},
                     {KEY_LEFT, "\x1B[D"},      {KEY_HOME, "\x1B[H"},    {KEY_END, "\x1B[F"},
                     {KEY_INSERT, "\x1B[2~"},   {KEY_DELETE, "\x1B[3~"}, {KEY_PAGE_UP, "\x1B[5~"},
                     {KEY_PAGE_DOWN, "\x1B[6~"}};
    CHAR Character = (CHAR)Key;
    ULONG Index;

    if (Key == CHARACTER_CTRL_C && (Console->InputMode & ENABLE_PROCESSED_INPUT))
        return;
    if (Key < 0x100) {
        ConsoleAddReady(Console, &Character, 1);
        return;
    }
    for (Index = 0; Index < RTL_NUMBER_OF(Sequences); Index++) {
        if (Sequences[Index].Key == Key)
            ConsoleAddReady(Console, Sequences[Index].Sequence, (ULONG)strlen(Sequences[Index].Sequence));
    }
}

#define RAW_KEYS_AT_ONCE 64 // times the longest sequence: fits into Ready

static VOID ConsoleGatherRaw(PCONSOLE Console)
{
    CONSOLE_KEY Key;
    ULONG Count;

    for (Count = 0; Count < RAW_KEYS_AT_ONCE && ConsoleNextKey(Console, &Key); Count++)
        ConsoleAddRawKey(Console, Key);
}

// Line mode: edits until a line is complete or the keys run out.
static VOID ConsoleGatherLine(PCONSOLE Console)
{
    PLINE_EDITOR Editor = &Console->Editor;
    EDIT_RESULT Result = EditMore;
    CONSOLE_KEY Key;

    while (Result == EditMore && ConsoleNextKey(Console, &Key))
        Result = ConsoleEditKey(Console, Key);
    if (Result == EditMore)
        return;
    if (Result == EditLine) {
        ConsoleAddReady(Console, Editor->Text, Editor->Length);
        ConsoleAddReady(Console, "\r\n", 2);
    } else {
        Console->EndOfFile = TRUE;
    }
    Editor->Length = Editor->Cursor = 0;
}

// Gives the oldest read what it can take; the rest of a line stays for the next one.
static VOID ConsoleDeliver(PCONSOLE Console)
{
    PIRP Irp = DrvDequeueIrp(&Console->Reads);
    ULONG Length;

    if (Irp == NULL)
        return;
    Length = min_of(IoGetCurrentIrpStackLocation(Irp)->Parameters.Read.Length, Console->ReadyCount);
    memcpy(Irp->AssociatedIrp.SystemBuffer, Console->Ready + Console->ReadyNext, Length);
    Console->ReadyNext += Length;
    Console->ReadyCount -= Length;
    Console->EndOfFile = FALSE;
    DrvCompleteIrp(Irp, STATUS_SUCCESS, Length, IO_KEYBOARD_INCREMENT);
}

// Serves reads as far as keys go. PASSIVE_LEVEL.
VOID ConsoleServeReads(PCONSOLE Console)
{
    while (!DrvIsIrpQueueEmpty(&Console->Reads)) {
        if (Console->ReadyCount == 0 && !Console->EndOfFile) {
            Console->ReadyNext = 0;
            if (Console->InputMode & ENABLE_LINE_INPUT)
                ConsoleGatherLine(Console);
            else
                ConsoleGatherRaw(Console);
        }
        if (Console->ReadyCount == 0 && !Console->EndOfFile)
            return;
        ConsoleDeliver(Console);
    }
}
