// SPDX-License-Identifier: MIT
// The keyboard controller: start-up and the interrupt.

#include "i8042prt.h"

#define COMMAND_READ_CONFIGURATION 0x20
#define COMMAND_WRITE_CONFIGURATION 0x60
#define COMMAND_DISABLE_MOUSE 0xA7
#define COMMAND_DISABLE_KEYBOARD 0xAD
#define COMMAND_ENABLE_KEYBOARD 0xAE
#define CONFIGURATION_KEYBOARD_INTERRUPT 0x01
#define CONFIGURATION_MOUSE_INTERRUPT 0x02
#define CONFIGURATION_KEYBOARD_OFF 0x10
#define CONFIGURATION_TRANSLATE 0x40 // the keyboard's set 2 becomes set 1
#define STATUS_NO_CONTROLLER 0xFF
#define POLLS 10000
#define POLL_MICROSECONDS 10
#define FLUSH_LIMIT 32

static BOOLEAN I8042Wait(UCHAR Mask, UCHAR Value)
{
    ULONG Polls;

    for (Polls = 0; Polls < POLLS; Polls++) {
        if ((READ_PORT_UCHAR(I8042_STATUS) & Mask) == Value)
            return TRUE;
        KeStallExecutionProcessor(POLL_MICROSECONDS);
    }
    return FALSE;
}

static BOOLEAN I8042Send(USHORT Port, UCHAR Value)
{
    if (!I8042Wait(I8042_INPUT_FULL, 0))
        return FALSE;
    WRITE_PORT_UCHAR(Port, Value);
    return TRUE;
}

static VOID I8042Flush(VOID)
{
    ULONG Bytes;

    for (Bytes = 0; Bytes < FLUSH_LIMIT && (READ_PORT_UCHAR(I8042_STATUS) & I8042_OUTPUT_FULL); Bytes++)
        READ_PORT_UCHAR(I8042_DATA);
}

// Keyboard and its interrupt on, mouse off, scan code set 1. FALSE: no controller. PASSIVE_LEVEL.
BOOLEAN I8042Initialize(VOID)
{
    UCHAR Configuration;

    if (READ_PORT_UCHAR(I8042_STATUS) == STATUS_NO_CONTROLLER)
        return FALSE;
    if (!I8042Send(I8042_COMMAND, COMMAND_DISABLE_KEYBOARD) || !I8042Send(I8042_COMMAND, COMMAND_DISABLE_MOUSE))
        return FALSE;
    I8042Flush();
    if (!I8042Send(I8042_COMMAND, COMMAND_READ_CONFIGURATION) || !I8042Wait(I8042_OUTPUT_FULL, I8042_OUTPUT_FULL))
        return FALSE;
    Configuration = READ_PORT_UCHAR(I8042_DATA);
    Configuration &= (UCHAR) ~(CONFIGURATION_MOUSE_INTERRUPT | CONFIGURATION_KEYBOARD_OFF);
    Configuration |= CONFIGURATION_KEYBOARD_INTERRUPT | CONFIGURATION_TRANSLATE;
    return I8042Send(I8042_COMMAND, COMMAND_WRITE_CONFIGURATION) && I8042Send(I8042_DATA, Configuration) &&
           I8042Send(I8042_COMMAND, COMMAND_ENABLE_KEYBOARD);
}

// Takes the byte; a byte of a mouse is dropped, and so is one for which the ring has no room. Device IRQL.
BOOLEAN NTAPI I8042Interrupt(PKINTERRUPT Interrupt, PVOID Context)
{
    PKEYBOARD_PORT Port = Context;
    UCHAR Status = READ_PORT_UCHAR(I8042_STATUS), Byte;

    UNREFERENCED_PARAMETER(Interrupt);
    if (!(Status & I8042_OUTPUT_FULL))
        return FALSE;
    Byte = READ_PORT_UCHAR(I8042_DATA);
    if (!(Status & I8042_FROM_MOUSE) && Port->RingTail - Port->RingHead < BYTE_RING_SIZE) {
        Port->Ring[Port->RingTail % BYTE_RING_SIZE] = Byte;
        Port->RingTail++;
        KeInsertQueueDpc(&Port->Dpc, NULL, NULL);
    }
    return TRUE;
}
