// SPDX-License-Identifier: MIT
// The tables of the MultiProcessor Specification: what machines have that are older than ACPI. They list the same
// things as the MADT, and also where each PCI function's pins enter. Of the default configurations those with
// integrated local APICs and no MCA bus (5, 6) are known. Source: Intel MultiProcessor Specification 1.4, chapters 4-5.

#include "machine.h"

#define POINTER_SIGNATURE "_MP_"
#define POINTER_STEP 16u
#define POINTER_TABLE 4
#define POINTER_LENGTH 8 // in units of 16 bytes
#define POINTER_FEATURE1 11
#define POINTER_FEATURE2 12
#define FEATURE2_IMCR 0x80
#define CONFIGURATION_ISA_PCI 5
#define CONFIGURATION_EISA_PCI 6
#define HEADER_LENGTH 44u
#define HEADER_BASE_LENGTH 4
#define HEADER_ENTRY_COUNT 34
#define HEADER_LOCAL_APIC 36
#define ENTRY_PROCESSOR 0
#define ENTRY_BUS 1
#define ENTRY_IO_APIC 2
#define ENTRY_IO_INTERRUPT 3
#define ENTRY_LOCAL_INTERRUPT 4
#define ENTRY_TYPES 5
#define ENABLED 1
#define INTERRUPT_VECTORED 0
#define INTERRUPT_NMI 1
#define ALL_APICS 0xFF
#define LOCAL_INPUTS 2
#define BUS_TYPE_LENGTH 6
#define BUSES 256
#define DEFAULT_LOCAL_APIC 0xFEE00000u
#define DEFAULT_IO_APIC 0xFEC00000u
#define DEFAULT_IO_APIC_ID 2
#define DEFAULT_TIMER_PIN 2
#define CASCADE_LINE 2
#define FIRST_SHARED_LINE 16u

typedef enum _MP_BUS { MpBusOther, MpBusIsa, MpBusPci } MP_BUS;

// Looks for a floating pointer with a right checksum. NULL if the area has none. No hardware.
const UCHAR *HalpFindMpPointer(const UCHAR *Area, ULONG Length)
{
    ULONG Offset;

    for (Offset = 0; Offset + POINTER_STEP <= Length; Offset += POINTER_STEP)
        if (memcmp(Area + Offset, POINTER_SIGNATURE, 4) == 0 && Area[Offset + POINTER_LENGTH] == 1 &&
            HalpSumBytes(Area + Offset, POINTER_STEP) == 0)
            return Area + Offset;
    return NULL;
}

static ULONG HalpIoApicIndex(PHALP_MACHINE Machine, UCHAR Id)
{
    ULONG Index;

    for (Index = 0; Index < Machine->IoApicCount; Index++)
        if (Machine->IoApic[Index].Id == Id || Id == ALL_APICS)
            break;
    return Index;
}

static MP_BUS HalpBusType(const UCHAR *Name)
{
    if (memcmp(Name, "ISA   ", BUS_TYPE_LENGTH) == 0 || memcmp(Name, "EISA  ", BUS_TYPE_LENGTH) == 0)
        return MpBusIsa;
    return memcmp(Name, "PCI   ", BUS_TYPE_LENGTH) == 0 ? MpBusPci : MpBusOther;
}

static VOID HalpSetInput(PHALP_MACHINE Machine, ULONG Line, const UCHAR *Entry, ULONG IoApic, BOOLEAN Pci)
{
    ULONG Flags = HalpLoad16(Entry + 2);
    PHALP_INPUT Input = &Machine->Line[Line];

    Input->Present = TRUE;
    Input->IoApic = (UCHAR)IoApic;
    Input->Pin = Entry[7];
    Input->Level = (Flags & HALP_TRIGGER_MASK) == 0 ? Pci : (Flags & HALP_TRIGGER_MASK) == HALP_TRIGGER_LEVEL;
    Input->ActiveLow = (Flags & HALP_POLARITY_MASK) == 0 ? Pci : (Flags & HALP_POLARITY_MASK) == HALP_POLARITY_LOW;
}

// The line whose input is this pin; else the line of its number; else a new one from 16 on.
static ULONG HalpLineOfPin(PHALP_MACHINE Machine, const UCHAR *Entry, ULONG IoApic)
{
    ULONG Line, Free = HALP_NO_LINE;

    for (Line = 0; Line < HALP_LINES; Line++) {
        PHALP_INPUT Input = &Machine->Line[Line];

        if (Input->Present && Input->IoApic == IoApic && Input->Pin == Entry[7])
            return Line;
        if (!Input->Present && Line >= FIRST_SHARED_LINE && Free == HALP_NO_LINE)
            Free = Line;
    }
    if (IoApic == 0 && Entry[7] < HALP_LINES && !Machine->Line[Entry[7]].Present)
        Free = Entry[7];
    if (Free != HALP_NO_LINE)
        HalpSetInput(Machine, Free, Entry, IoApic, TRUE);
    return Free;
}

static VOID HalpReadPciInterrupt(PHALP_MACHINE Machine, const UCHAR *Entry, ULONG IoApic, UCHAR FirstPciBus)
{
    PHALP_PCI_ROUTE Route = &Machine->PciRoute[Machine->PciRouteCount];
    ULONG Line = HalpLineOfPin(Machine, Entry, IoApic);

    if (Line == HALP_NO_LINE || Machine->PciRouteCount == HALP_MAX_PCI_ROUTES)
        return;
    Route->Bus = (UCHAR)(Entry[4] - FirstPciBus);
    Route->Device = Entry[5] >> 2 & 0x1F;
    Route->Pin = (UCHAR)((Entry[5] & 3) + 1);
    Route->Line = (UCHAR)Line;
    Machine->PciRouteCount++;
}

// Interrupt entries of one kind of bus. ISA comes first: it owns the lines that PCI may share.
static VOID HalpReadInterrupts(const UCHAR *Entry, ULONG Count, const UCHAR *Buses, MP_BUS Wanted,
                               PHALP_MACHINE Machine)
{
    UCHAR FirstPciBus = 0;

    while (FirstPciBus < BUSES - 1 && Buses[FirstPciBus] != MpBusPci)
        FirstPciBus++;
    for (; Count-- > 0; Entry += Entry[0] == ENTRY_PROCESSOR ? 20 : 8) {
        ULONG IoApic;

        if (Entry[0] != ENTRY_IO_INTERRUPT || Entry[1] != INTERRUPT_VECTORED || Buses[Entry[4]] != Wanted)
            continue;
        IoApic = HalpIoApicIndex(Machine, Entry[6]);
        if (IoApic == Machine->IoApicCount)
            continue;
        if (Wanted == MpBusPci)
            HalpReadPciInterrupt(Machine, Entry, IoApic, FirstPciBus);
        else if (Entry[5] < HALP_ISA_LINES)
            HalpSetInput(Machine, Entry[5], Entry, IoApic, FALSE);
    }
}

static VOID HalpReadMpEntry(const UCHAR *Entry, PUCHAR Buses, PHALP_MACHINE Machine)
{
    switch (Entry[0]) {
    case ENTRY_PROCESSOR:
        if (Entry[3] & ENABLED)
            (VOID) HalpAddProcessor(Machine, Entry[1]);
        break;
    case ENTRY_BUS:
        Buses[Entry[1]] = (UCHAR)HalpBusType(Entry + 2);
        break;
    case ENTRY_IO_APIC:
        if (Entry[3] & ENABLED)
            (VOID) HalpAddIoApic(Machine, Entry[1], HalpLoad32(Entry + 4), 0);
        break;
    case ENTRY_LOCAL_INTERRUPT:
        if (Entry[1] == INTERRUPT_NMI && Entry[7] < LOCAL_INPUTS)
            Machine->NmiInput = Entry[7];
        break;
    }
}

static PCSTR HalpReadMpEntries(const UCHAR *Table, ULONG Length, PHALP_MACHINE Machine)
{
    ULONG Count = HalpLoad16(Table + HEADER_ENTRY_COUNT), Offset = HEADER_LENGTH, Index, EntryLength;
    UCHAR Buses[BUSES];

    memset(Buses, MpBusOther, sizeof(Buses));
    for (Index = 0; Index < Count; Index++) {
        if (Offset >= Length || Table[Offset] >= ENTRY_TYPES)
            return "the MP configuration table has an entry of an unknown type";
        EntryLength = Table[Offset] == ENTRY_PROCESSOR ? 20 : 8;
        if (EntryLength > Length - Offset)
            return "the MP configuration table ends in the middle of an entry";
        HalpReadMpEntry(Table + Offset, Buses, Machine);
        Offset += EntryLength;
    }
    if (Machine->ProcessorCount == 0 || Machine->IoApicCount == 0)
        return "the MP configuration table lists no processor or no I/O APIC";
    HalpReadInterrupts(Table + HEADER_LENGTH, Count, Buses, MpBusIsa, Machine);
    HalpReadInterrupts(Table + HEADER_LENGTH, Count, Buses, MpBusPci, Machine);
    return Machine->Line[0].Present ? NULL : "the MP configuration table leaves the timer without an input";
}

static PCSTR HalpUseDefaultConfiguration(ULONG Number, PHALP_MACHINE Machine)
{
    ULONG Line;

    if (Number != CONFIGURATION_ISA_PCI && Number != CONFIGURATION_EISA_PCI)
        return "the MP default configuration is one with an MCA bus or discrete APICs";
    Machine->LocalApicAddress = DEFAULT_LOCAL_APIC;
    (VOID) HalpAddProcessor(Machine, 0);
    (VOID) HalpAddProcessor(Machine, 1);
    (VOID) HalpAddIoApic(Machine, DEFAULT_IO_APIC_ID, DEFAULT_IO_APIC, 0);
    for (Line = 0; Line < HALP_ISA_LINES; Line++) {
        Machine->Line[Line].Present = Line != CASCADE_LINE;
        Machine->Line[Line].Pin = (UCHAR)(Line == 0 ? DEFAULT_TIMER_PIN : Line);
    }
    return NULL;
}

// Reads what the floating pointer leads to into Machine. No hardware but through Map.
// Returns NULL, or why the machine cannot be run by it.
PCSTR HalpReadMpTables(const UCHAR *Pointer, PHALP_MAP_TABLE Map, PHALP_MACHINE Machine)
{
    ULONG Physical = HalpLoad32(Pointer + POINTER_TABLE), Length;
    ULONGLONG HpetAddress = Machine->HpetAddress;
    const UCHAR *Table;

    memset(Machine, 0, sizeof(*Machine));
    Machine->HpetAddress = HpetAddress;
    Machine->NmiInput = 1;
    Machine->HasImcr = (Pointer[POINTER_FEATURE2] & FEATURE2_IMCR) != 0;
    if (Pointer[POINTER_FEATURE1] != 0)
        return HalpUseDefaultConfiguration(Pointer[POINTER_FEATURE1], Machine);
    Table = Physical == 0 ? NULL : Map(Physical, HEADER_LENGTH);
    if (Table == NULL || memcmp(Table, "PCMP", 4) != 0)
        return "the MP pointer leads to no configuration table";
    Length = HalpLoad16(Table + HEADER_BASE_LENGTH);
    if (Length < HEADER_LENGTH)
        return "the MP configuration table has an impossible length";
    Table = Map(Physical, Length);
    if (Table == NULL || HalpSumBytes(Table, Length) != 0)
        return "the MP configuration table has a wrong checksum";
    Machine->LocalApicAddress = HalpLoad32(Table + HEADER_LOCAL_APIC);
    return HalpReadMpEntries(Table, Length, Machine);
}
