// SPDX-License-Identifier: MIT
// COM1 polled, for the kernel's log and the bugcheck. Works before, beside and after the interrupt-driven serial
// driver: it only looks at the line status and writes one byte when the transmitter is empty. Source: National
// Semiconductor PC16550D data sheet.

#include "halp.h"

#define COM1_BASE 0x3F8
#define UART_DATA (COM1_BASE + 0)
#define UART_INTERRUPT_ENABLE (COM1_BASE + 1)
#define UART_FIFO_CONTROL (COM1_BASE + 2)
#define UART_LINE_CONTROL (COM1_BASE + 3)
#define UART_MODEM_CONTROL (COM1_BASE + 4)
#define UART_LINE_STATUS (COM1_BASE + 5)
#define UART_SCRATCH (COM1_BASE + 7)
#define LINE_CONTROL_DLAB 0x80
#define LINE_CONTROL_8N1 0x03
#define DIVISOR_115200 1
#define FIFO_ENABLE_AND_CLEAR 0x07
#define MODEM_DTR_RTS 0x03
#define LINE_STATUS_DATA_READY 0x01
#define LINE_STATUS_TRANSMITTER_EMPTY 0x20
#define SCRATCH_PATTERN 0x5A
#define TRANSMIT_POLLS 100000u // far longer than 16 characters take at 115200 baud

static enum { DebugPortUnknown, DebugPortPresent, DebugPortAbsent } HalpDebugPort;

// Sets the port up: 115200 baud, 8 bits, no parity, FIFO on, no interrupts. Safe to call again.
VOID HalpInitializeDebugPort(VOID)
{
    if (HalpDebugPort != DebugPortUnknown)
        return;
    WRITE_PORT_UCHAR(UART_SCRATCH, SCRATCH_PATTERN);
    if (READ_PORT_UCHAR(UART_SCRATCH) != SCRATCH_PATTERN) {
        HalpDebugPort = DebugPortAbsent;
        return;
    }
    WRITE_PORT_UCHAR(UART_INTERRUPT_ENABLE, 0);
    WRITE_PORT_UCHAR(UART_LINE_CONTROL, LINE_CONTROL_DLAB);
    WRITE_PORT_UCHAR(UART_DATA, DIVISOR_115200);
    WRITE_PORT_UCHAR(UART_INTERRUPT_ENABLE, 0);
    WRITE_PORT_UCHAR(UART_LINE_CONTROL, LINE_CONTROL_8N1);
    WRITE_PORT_UCHAR(UART_FIFO_CONTROL, FIFO_ENABLE_AND_CLEAR);
    WRITE_PORT_UCHAR(UART_MODEM_CONTROL, MODEM_DTR_RTS);
    HalpDebugPort = DebugPortPresent;
}

// Sends one byte, waiting for the transmitter. A port that stays busy loses it. Any IRQL.
VOID HalPutDebugCharacter(UCHAR Character)
{
    ULONG Polls = TRANSMIT_POLLS;

    HalpInitializeDebugPort();
    if (HalpDebugPort == DebugPortAbsent)
        return;
    while (!(READ_PORT_UCHAR(UART_LINE_STATUS) & LINE_STATUS_TRANSMITTER_EMPTY)) {
        if (--Polls == 0)
            return;
    }
    WRITE_PORT_UCHAR(UART_DATA, Character);
}

// Takes a received byte if there is one (FALSE if not). Any IRQL; competes with the serial driver once that runs.
BOOLEAN HalPollDebugCharacter(PUCHAR Character)
{
    HalpInitializeDebugPort();
    if (HalpDebugPort == DebugPortAbsent || !(READ_PORT_UCHAR(UART_LINE_STATUS) & LINE_STATUS_DATA_READY))
        return FALSE;
    *Character = READ_PORT_UCHAR(UART_DATA);
    return TRUE;
}
