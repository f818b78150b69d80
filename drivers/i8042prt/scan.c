// SPDX-License-Identifier: MIT
// From the keyboard's bytes to scan codes: prefixes and the break bit become flags.

#include "i8042prt.h"

#define SCAN_E0 0xE0
#define SCAN_E1 0xE1
#define SCAN_BREAK 0x80
#define SCAN_ACKNOWLEDGE 0xFA // answers to commands, not keys
#define SCAN_RESEND 0xFE

static VOID I8042Deliver(PKEYBOARD_PORT Port, UCHAR Byte)
{
    PSERVICE_CALLBACK_ROUTINE Service;
    KEYBOARD_INPUT_DATA Input;
    ULONG Consumed = 0;

    RtlZeroMemory(&Input, sizeof(Input));
    Input.MakeCode = Byte & (UCHAR)~SCAN_BREAK;
    Input.Flags = Port->Prefix | ((Byte & SCAN_BREAK) ? KEY_BREAK : KEY_MAKE);
    Port->Prefix = 0;
    Service = (PSERVICE_CALLBACK_ROUTINE)__atomic_load_n(&Port->Connect.ClassService, __ATOMIC_ACQUIRE);
    if (Service != NULL)
        Service(Port->Connect.ClassDeviceObject, &Input, &Input + 1, &Consumed);
}

// Empties the ring. DISPATCH_LEVEL. Takes the port's lock.
VOID NTAPI I8042Dpc(PKDPC Dpc, PVOID Context, PVOID SystemArgument1, PVOID SystemArgument2)
{
    PKEYBOARD_PORT Port = Context;

    UNREFERENCED_PARAMETER(Dpc);
    UNREFERENCED_PARAMETER(SystemArgument1);
    UNREFERENCED_PARAMETER(SystemArgument2);
    KeAcquireSpinLockAtDpcLevel(&Port->Lock);
    while (Port->RingHead != Port->RingTail) {
        UCHAR Byte = Port->Ring[Port->RingHead % BYTE_RING_SIZE];

        Port->RingHead++;
        if (Byte == SCAN_E0)
            Port->Prefix = KEY_E0;
        else if (Byte == SCAN_E1)
            Port->Prefix = KEY_E1;
        else if (Byte != SCAN_ACKNOWLEDGE && Byte != SCAN_RESEND)
            I8042Deliver(Port, Byte);
    }
    KeReleaseSpinLockFromDpcLevel(&Port->Lock);
}
