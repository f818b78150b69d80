// SPDX-License-Identifier: MIT
// The chip: set-up, the interrupt, and filling its transmitter. Everything here but the probe runs with the port's
// interrupt locked out. The kernel's log (hal/debugport.c) may slip a byte of its own in between, from another
// processor too, when it has seen the transmitter empty: FIFO_SHARE leaves room for it.

#include "serial.h"

#define SCRATCH_PATTERN 0xA5
#define INTERRUPT_LIMIT 64   // causes in one interrupt; a broken chip must not keep the processor
#define TRANSMIT_BUDGET 256u // bytes in one go, where the transmitter empties at once (an emulator)

// Is there a chip at this address?
BOOLEAN SerialProbe(USHORT Base)
{
    WRITE_PORT_UCHAR(Base + UART_SCRATCH, SCRATCH_PATTERN);
    return READ_PORT_UCHAR(Base + UART_SCRATCH) == SCRATCH_PATTERN;
}

static VOID SerialEnable(PSERIAL_PORT Port, UCHAR Bits, BOOLEAN On)
{
    UCHAR New = On ? Port->InterruptEnable | Bits : Port->InterruptEnable & (UCHAR)~Bits;

    if (New == Port->InterruptEnable)
        return;
    Port->InterruptEnable = New;
    WRITE_PORT_UCHAR(Port->Base + UART_INTERRUPT_ENABLE, New);
}

// 115200 baud, 8 bits, no parity, FIFOs on, receive interrupts on. Called through KeSynchronizeExecution.
BOOLEAN NTAPI SerialSetUp(PVOID Context)
{
    PSERIAL_PORT Port = Context;
    USHORT Base = Port->Base;

    WRITE_PORT_UCHAR(Base + UART_INTERRUPT_ENABLE, 0);
    WRITE_PORT_UCHAR(Base + UART_LINE_CONTROL, LINE_CONTROL_DLAB);
    WRITE_PORT_UCHAR(Base + UART_DATA, DIVISOR_115200);
    WRITE_PORT_UCHAR(Base + UART_INTERRUPT_ENABLE, 0);
    WRITE_PORT_UCHAR(Base + UART_LINE_CONTROL, LINE_CONTROL_8N1);
    // What has already arrived stays: it may be the first thing the host typed.
    WRITE_PORT_UCHAR(Base + UART_FIFO_CONTROL, FIFO_ENABLE_TRIGGER_8);
    WRITE_PORT_UCHAR(Base + UART_MODEM_CONTROL, MODEM_DTR | MODEM_RTS | MODEM_OUT2);
    READ_PORT_UCHAR(Base + UART_LINE_STATUS);
    READ_PORT_UCHAR(Base + UART_MODEM_STATUS);
    SerialEnable(Port, ENABLE_RECEIVE | ENABLE_LINE_STATUS, TRUE);
    return TRUE;
}

// Sends what the transmitter takes; leaves the transmit interrupt on if something is left.
VOID SerialFillTransmitter(PSERIAL_PORT Port)
{
    ULONG Budget = TRANSMIT_BUDGET, Room;

    while (Port->TransmitLeft > 0 && Budget > 0 &&
           (READ_PORT_UCHAR(Port->Base + UART_LINE_STATUS) & LINE_STATUS_TRANSMITTER_EMPTY)) {
        for (Room = FIFO_SHARE; Room > 0 && Port->TransmitLeft > 0 && Budget > 0; Room--, Budget--) {
            WRITE_PORT_UCHAR(Port->Base + UART_DATA, *Port->TransmitNext++);
            Port->TransmitLeft--;
        }
    }
    SerialEnable(Port, ENABLE_TRANSMIT, Port->TransmitLeft > 0);
}

// Moves received bytes into the ring; when that is full, they stay where they are.
static VOID SerialReceive(PSERIAL_PORT Port)
{
    while (READ_PORT_UCHAR(Port->Base + UART_LINE_STATUS) & LINE_STATUS_DATA_READY) {
        if (Port->RingTail - Port->RingHead == RING_SIZE) {
            Port->ReceiveStopped = TRUE;
            SerialEnable(Port, ENABLE_RECEIVE, FALSE);
            WRITE_PORT_UCHAR(Port->Base + UART_MODEM_CONTROL, MODEM_DTR | MODEM_OUT2);
            return;
        }
        Port->Ring[Port->RingTail % RING_SIZE] = READ_PORT_UCHAR(Port->Base + UART_DATA);
        Port->RingTail++;
    }
}

// The ring has room again. Called through KeSynchronizeExecution.
BOOLEAN NTAPI SerialResumeReceive(PVOID Context)
{
    PSERIAL_PORT Port = Context;

    if (Port->ReceiveStopped) {
        Port->ReceiveStopped = FALSE;
        SerialReceive(Port);
        if (!Port->ReceiveStopped) {
            WRITE_PORT_UCHAR(Port->Base + UART_MODEM_CONTROL, MODEM_DTR | MODEM_RTS | MODEM_OUT2);
            SerialEnable(Port, ENABLE_RECEIVE, TRUE);
        }
    }
    return TRUE;
}

static VOID SerialServe(PSERIAL_PORT Port, UCHAR Cause)
{
    switch (Cause) {
    case ID_LINE_STATUS:
        READ_PORT_UCHAR(Port->Base + UART_LINE_STATUS);
        break;
    case ID_RECEIVE:
    case ID_RECEIVE_TIMEOUT:
        SerialReceive(Port);
        break;
    case ID_TRANSMIT:
        SerialFillTransmitter(Port);
        break;
    default:
        READ_PORT_UCHAR(Port->Base + UART_MODEM_STATUS);
        break;
    }
}

// Serves every cause the chip has, then leaves the rest to the DPC. Device IRQL.
BOOLEAN NTAPI SerialInterrupt(PKINTERRUPT Interrupt, PVOID Context)
{
    PSERIAL_PORT Port = Context;
    ULONG Causes;
    UCHAR Id;

    UNREFERENCED_PARAMETER(Interrupt);
    for (Causes = 0; Causes < INTERRUPT_LIMIT; Causes++) {
        Id = READ_PORT_UCHAR(Port->Base + UART_INTERRUPT_ID);
        if (Id & ID_NONE)
            break;
        SerialServe(Port, Id & ID_MASK);
    }
    if (Causes == 0)
        return FALSE;
    KeInsertQueueDpc(&Port->Dpc, NULL, NULL);
    return TRUE;
}
