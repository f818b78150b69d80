// SPDX-License-Identifier: MIT
// The console's thread: waits for scan codes, for COM1 and for readers, and brings them together.

#include "console.h"

#define ESCAPE_TIMEOUT_100NS (50 * 10000) // after an ESC from a terminal

static VOID ConsoleTakeScans(PCONSOLE Console)
{
    KEYBOARD_INPUT_DATA Input;
    CONSOLE_KEY Key;

    while (ConsoleGetScan(Console, &Input)) {
        if (ConsoleTranslateScan(&Console->Keyboard, &Input, &Key))
            ConsoleAddKey(Console, Key);
    }
}

static VOID ConsoleTakeSerial(PCONSOLE Console)
{
    ULONG Length = ConsoleFinishSerialRead(Console), Index;
    CONSOLE_KEY Key;

    for (Index = 0; Index < Length; Index++) {
        if (ConsoleDecodeByte(&Console->Decoder, Console->SerialInput[Index], &Key))
            ConsoleAddKey(Console, Key);
    }
}

// Runs for ever. Context: the CONSOLE.
VOID NTAPI ConsoleThread(PVOID Context)
{
    PCONSOLE Console = Context;
    PVOID Events[2] = {&Console->WorkEvent, &Console->SerialEvent};
    LARGE_INTEGER Timeout;
    CONSOLE_KEY Key;
    NTSTATUS Status;

    for (;;) {
        ConsoleStartSerialRead(Console);
        Timeout.QuadPart = -(LONGLONG)ESCAPE_TIMEOUT_100NS;
        Status = KeWaitForMultipleObjects(2, Events, WaitAny, WrUserRequest, KernelMode, FALSE,
                                          Console->Decoder.State == VtGround ? NULL : &Timeout, NULL);
        if (Status == STATUS_WAIT_0)
            ConsoleTakeScans(Console);
        else if (Status == STATUS_WAIT_0 + 1)
            ConsoleTakeSerial(Console);
        else if (ConsoleFlushDecoder(&Console->Decoder, &Key))
            ConsoleAddKey(Console, Key);
        ConsoleServeReads(Console);
    }
}
