// SPDX-License-Identifier: MIT
// 16550 serial ports, interrupt-driven both ways.
//
//   receive:   UART -> interrupt -> Ring -> DPC (SerialPump) -> oldest read IRP; a read ends with what is there
//   transmit:  oldest write IRP -> SerialPump -> interrupt sends from the IRP's own buffer -> DPC completes it
//
// Source: National Semiconductor PC16550D data sheet.

#ifndef MICA_DRIVERS_SERIAL_H
#define MICA_DRIVERS_SERIAL_H

#include "driver.h"

#define RING_SIZE 4096u // a power of two
#define FIFO_SIZE 16u
#define FIFO_SHARE                                                                                                     \
    (FIFO_SIZE - 1) // of the driver; one place is for the kernel's log, which waits for an empty FIFO too

// Registers, from the port's base
#define UART_DATA 0
#define UART_INTERRUPT_ENABLE 1
#define UART_INTERRUPT_ID 2
#define UART_FIFO_CONTROL 2
#define UART_LINE_CONTROL 3
#define UART_MODEM_CONTROL 4
#define UART_LINE_STATUS 5
#define UART_MODEM_STATUS 6
#define UART_SCRATCH 7
#define ENABLE_RECEIVE 0x01
#define ENABLE_TRANSMIT 0x02
#define ENABLE_LINE_STATUS 0x04
#define ID_NONE 0x01
#define ID_MASK 0x0E
#define ID_MODEM 0x00
#define ID_TRANSMIT 0x02
#define ID_RECEIVE 0x04
#define ID_LINE_STATUS 0x06
#define ID_RECEIVE_TIMEOUT 0x0C
#define FIFO_ENABLE_TRIGGER_8 0x81
#define LINE_CONTROL_DLAB 0x80
#define LINE_CONTROL_8N1 0x03
#define DIVISOR_115200 1
#define MODEM_DTR 0x01
#define MODEM_RTS 0x02
#define MODEM_OUT2 0x08 // lets the interrupt out of the chip
#define LINE_STATUS_DATA_READY 0x01
#define LINE_STATUS_TRANSMITTER_EMPTY 0x20

typedef struct _SERIAL_PORT { // the device extension of \Device\SerialN
    PDEVICE_OBJECT DeviceObject;
    USHORT Base;
    UCHAR Line;
    PKINTERRUPT Interrupt;
    KDPC Dpc;
    IRP_QUEUE Reads;
    IRP_QUEUE Writes;
    KSPIN_LOCK Lock;   // RingHead, CurrentWrite
    PIRP CurrentWrite; // the interrupt is sending from its buffer
    // Shared with the interrupt; changed with it locked out, except RingHead (the DPC's) and RingTail (the
    // interrupt's).
    UCHAR InterruptEnable;
    volatile BOOLEAN ReceiveStopped; // the ring is full: bytes wait in the UART, the other side is asked to wait
    PUCHAR TransmitNext;
    volatile ULONG TransmitLeft;
    volatile ULONG RingHead; // next to read
    volatile ULONG RingTail; // next to fill
    UCHAR Ring[RING_SIZE];
} SERIAL_PORT, *PSERIAL_PORT;

// uart.c
BOOLEAN SerialProbe(USHORT Base);
BOOLEAN NTAPI SerialSetUp(PVOID Context);
VOID SerialFillTransmitter(PSERIAL_PORT Port);
BOOLEAN NTAPI SerialInterrupt(PKINTERRUPT Interrupt, PVOID Context);
BOOLEAN NTAPI SerialResumeReceive(PVOID Context);
// pump.c
VOID SerialPump(PSERIAL_PORT Port);
VOID NTAPI SerialDpc(PKDPC Dpc, PVOID Context, PVOID SystemArgument1, PVOID SystemArgument2);

#endif
