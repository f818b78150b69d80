// SPDX-License-Identifier: MIT
// What the firmware's tables say about processors and interrupt controllers. The readers (acpi.c, madt.c, mptable.c)
// fill HALP_MACHINE from bytes alone and touch no hardware, so that the host ring can feed them anything. A reader
// returns NULL, or the reason why it refuses the table.

#ifndef MICA_HAL_MACHINE_H
#define MICA_HAL_MACHINE_H

#include "nt.h"

#define HALP_LINES 24 // HAL_LINE_COUNT
#define HALP_ISA_LINES 16
#define HALP_MAX_PROCESSORS 32
#define HALP_MAX_IO_APICS 8
#define HALP_MAX_PCI_ROUTES 128
#define HALP_NO_LINE 0xFF

typedef struct _HALP_IO_APIC {
    UCHAR Id;
    ULONG Address;    // physical
    ULONG FirstInput; // ACPI: global number of its pin 0
} HALP_IO_APIC, *PHALP_IO_APIC;

// Where a line (hal.h) enters.
typedef struct _HALP_INPUT {
    BOOLEAN Present;
    BOOLEAN Level;
    BOOLEAN ActiveLow;
    UCHAR IoApic; // index
    UCHAR Pin;
} HALP_INPUT, *PHALP_INPUT;

typedef struct _HALP_PCI_ROUTE {
    UCHAR Bus, Device;
    UCHAR Pin; // 1-4: INTA-INTD
    UCHAR Line;
} HALP_PCI_ROUTE, *PHALP_PCI_ROUTE;

typedef struct _HALP_MACHINE {
    ULONG LocalApicAddress;
    ULONG ProcessorCount; // as many as ApicId holds; the firmware may list more
    UCHAR ApicId[HALP_MAX_PROCESSORS];
    ULONG IoApicCount;
    HALP_IO_APIC IoApic[HALP_MAX_IO_APICS];
    HALP_INPUT Line[HALP_LINES];
    UCHAR NmiInput; // local interrupt input of the NMI, 0 or 1
    BOOLEAN HasImcr;
    ULONGLONG HpetAddress; // 0: none
    ULONG PciRouteCount;   // MP tables only
    HALP_PCI_ROUTE PciRoute[HALP_MAX_PCI_ROUTES];
} HALP_MACHINE, *PHALP_MACHINE;

// Gives access to Length bytes of physical memory until all table mappings are dropped; NULL if it cannot.
typedef const UCHAR *(*PHALP_MAP_TABLE)(ULONGLONG Physical, ULONG Length);

// Polarity and trigger, encoded alike in MADT and MP tables.
#define HALP_POLARITY_MASK 0x3u
#define HALP_POLARITY_LOW 0x3u
#define HALP_TRIGGER_MASK 0xCu
#define HALP_TRIGGER_LEVEL 0xCu

// acpi.c
const UCHAR *HalpFindRsdp(const UCHAR *Area, ULONG Length); // in 16-byte steps; NULL if there is none
PCSTR HalpReadAcpi(const UCHAR *Rsdp, PHALP_MAP_TABLE Map, PHALP_MACHINE Machine);
// madt.c
PCSTR HalpReadMadt(const UCHAR *Table, ULONG Length, PHALP_MACHINE Machine);
// mptable.c
const UCHAR *HalpFindMpPointer(const UCHAR *Area, ULONG Length);
PCSTR HalpReadMpTables(const UCHAR *Pointer, PHALP_MAP_TABLE Map, PHALP_MACHINE Machine);
BOOLEAN HalpAddProcessor(PHALP_MACHINE Machine, ULONG ApicId);
BOOLEAN HalpAddIoApic(PHALP_MACHINE Machine, UCHAR Id, ULONG Address, ULONG FirstInput);

FORCEINLINE UCHAR HalpSumBytes(const UCHAR *Bytes, ULONG Length)
{
    UCHAR Sum = 0;

    while (Length-- > 0)
        Sum = (UCHAR)(Sum + *Bytes++);
    return Sum;
}
// Tables need not be aligned.
FORCEINLINE ULONG HalpLoad16(const UCHAR *Bytes)
{
    return Bytes[0] | (ULONG)Bytes[1] << 8;
}
FORCEINLINE ULONG HalpLoad32(const UCHAR *Bytes)
{
    return HalpLoad16(Bytes) | HalpLoad16(Bytes + 2) << 16;
}
FORCEINLINE ULONGLONG HalpLoad64(const UCHAR *Bytes)
{
    return HalpLoad32(Bytes) | (ULONGLONG)HalpLoad32(Bytes + 4) << 32;
}

#endif
