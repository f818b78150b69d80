// SPDX-License-Identifier: MIT
// PCI configuration space through configuration mechanism 1. Source: PCI Local Bus Specification 3.0, 3.2.2.3.2.

#include "halp.h"

#define PCI_ADDRESS_PORT 0xCF8
#define PCI_DATA_PORT 0xCFC
#define PCI_ADDRESS_ENABLE 0x80000000u

static ULONG HalpPciLock; // address and data are two accesses

static ULONG HalpPciAddress(ULONG Bus, ULONG Device, ULONG Function, ULONG Offset)
{
    ASSERT(Bus < 256 && Device < 32 && Function < 8 && Offset < 256);
    return PCI_ADDRESS_ENABLE | Bus << 16 | Device << 11 | Function << 8 | (Offset & ~3u);
}

// Reads Width (1, 2, 4) bytes at a naturally aligned offset. All ones if there is no such function. Any IRQL.
ULONG HalReadPciConfig(ULONG Bus, ULONG Device, ULONG Function, ULONG Offset, ULONG Width)
{
    BOOLEAN Enable = HalpAcquireLock(&HalpPciLock);
    USHORT Port = (USHORT)(PCI_DATA_PORT + (Offset & 3));
    ULONG Value;

    WRITE_PORT_ULONG(PCI_ADDRESS_PORT, HalpPciAddress(Bus, Device, Function, Offset));
    if (Width == 1)
        Value = READ_PORT_UCHAR(Port);
    else if (Width == 2)
        Value = READ_PORT_USHORT(Port);
    else
        Value = READ_PORT_ULONG(PCI_DATA_PORT);
    HalpReleaseLock(&HalpPciLock, Enable);
    return Value;
}

// Writes Width (1, 2, 4) bytes at a naturally aligned offset. Any IRQL.
VOID HalWritePciConfig(ULONG Bus, ULONG Device, ULONG Function, ULONG Offset, ULONG Width, ULONG Value)
{
    BOOLEAN Enable = HalpAcquireLock(&HalpPciLock);
    USHORT Port = (USHORT)(PCI_DATA_PORT + (Offset & 3));

    WRITE_PORT_ULONG(PCI_ADDRESS_PORT, HalpPciAddress(Bus, Device, Function, Offset));
    if (Width == 1)
        WRITE_PORT_UCHAR(Port, (UCHAR)Value);
    else if (Width == 2)
        WRITE_PORT_USHORT(Port, (USHORT)Value);
    else
        WRITE_PORT_ULONG(PCI_DATA_PORT, Value);
    HalpReleaseLock(&HalpPciLock, Enable);
}
