// SPDX-License-Identifier: MIT
// The PS/2 keyboard. Interrupt -> bytes -> DPC -> scan codes -> the connected callback.
// Source: IBM PS/2 technical reference (8042 keyboard controller), scan code set 1.

#ifndef MICA_DRIVERS_I8042PRT_H
#define MICA_DRIVERS_I8042PRT_H

#include "driver.h"
#include "input.h"

#define KEYBOARD_LINE 1
#define I8042_DATA 0x60
#define I8042_STATUS 0x64
#define I8042_COMMAND 0x64
#define I8042_OUTPUT_FULL 0x01
#define I8042_INPUT_FULL 0x02
#define I8042_FROM_MOUSE 0x20
#define BYTE_RING_SIZE 64u // a power of two

typedef struct _KEYBOARD_PORT { // the device extension of \Device\KeyboardPort0
    PDEVICE_OBJECT DeviceObject;
    PKINTERRUPT Interrupt;
    KDPC Dpc;
    CONNECT_DATA Connect;
    KSPIN_LOCK Lock;         // of the DPC, which may run on two processors at once: RingHead, Prefix, order of delivery
    USHORT Prefix;           // KEY_E0, KEY_E1: of the scan code that follows
    volatile ULONG RingHead; // the DPC's
    volatile ULONG RingTail; // the interrupt's
    UCHAR Ring[BYTE_RING_SIZE];
} KEYBOARD_PORT, *PKEYBOARD_PORT;

// hardware.c
BOOLEAN I8042Initialize(VOID);
BOOLEAN NTAPI I8042Interrupt(PKINTERRUPT Interrupt, PVOID Context);
// scan.c
VOID NTAPI I8042Dpc(PKDPC Dpc, PVOID Context, PVOID SystemArgument1, PVOID SystemArgument2);

#endif
