// SPDX-License-Identifier: MIT
// The multiple APIC description table: processors, I/O APICs, and where the ISA's lines enter these. Lines that it does
// not speak of enter at the pin of their number, edge-triggered and active high; 16-23 are PCI's: level, active low.
// Source: ACPI Specification 6.4, 5.2.12.

#include "machine.h"

#define MADT_LOCAL_APIC_ADDRESS 36
#define MADT_ENTRIES 44u
#define ENTRY_LOCAL_APIC 0
#define ENTRY_IO_APIC 1
#define ENTRY_OVERRIDE 2
#define ENTRY_LOCAL_NMI 4
#define ENTRY_LOCAL_APIC_ADDRESS 5
#define ENTRY_LOCAL_X2APIC 9
#define PROCESSOR_ENABLED 1u
#define LOCAL_INPUTS 2
#define APIC_ID_LIMIT 0xFFu // FF is everybody

// The shortest sensible entry of each type; others are skipped.
static const UCHAR HalpMadtLengths[] = {8, 12, 10, 8, 6, 12, 0, 0, 0, 16};

// Notes a processor. FALSE if there is no more room, or it is there already. No hardware.
BOOLEAN HalpAddProcessor(PHALP_MACHINE Machine, ULONG ApicId)
{
    ULONG Index;

    if (ApicId >= APIC_ID_LIMIT || Machine->ProcessorCount == HALP_MAX_PROCESSORS)
        return FALSE;
    for (Index = 0; Index < Machine->ProcessorCount; Index++)
        if (Machine->ApicId[Index] == ApicId)
            return FALSE;
    Machine->ApicId[Machine->ProcessorCount++] = (UCHAR)ApicId;
    return TRUE;
}

// Notes an I/O APIC. FALSE if there is no more room or it has no address. No hardware.
BOOLEAN HalpAddIoApic(PHALP_MACHINE Machine, UCHAR Id, ULONG Address, ULONG FirstInput)
{
    PHALP_IO_APIC IoApic = &Machine->IoApic[Machine->IoApicCount];

    if (Address == 0 || Machine->IoApicCount == HALP_MAX_IO_APICS)
        return FALSE;
    IoApic->Id = Id;
    IoApic->Address = Address;
    IoApic->FirstInput = FirstInput;
    Machine->IoApicCount++;
    return TRUE;
}

// The I/O APIC with the highest first input that is not above the global input. FALSE if none has it.
static BOOLEAN HalpPlaceInput(PHALP_MACHINE Machine, ULONG GlobalInput, PHALP_INPUT Input)
{
    ULONG Index, Best = HALP_MAX_IO_APICS, Pin;

    for (Index = 0; Index < Machine->IoApicCount; Index++)
        if (Machine->IoApic[Index].FirstInput <= GlobalInput &&
            (Best == HALP_MAX_IO_APICS || Machine->IoApic[Index].FirstInput > Machine->IoApic[Best].FirstInput))
            Best = Index;
    if (Best == HALP_MAX_IO_APICS)
        return FALSE;
    Pin = GlobalInput - Machine->IoApic[Best].FirstInput;
    if (Pin > 0xFF)
        return FALSE;
    Input->IoApic = (UCHAR)Best;
    Input->Pin = (UCHAR)Pin;
    Input->Present = TRUE;
    return TRUE;
}

static VOID HalpSetDefaultLines(PHALP_MACHINE Machine)
{
    ULONG Line;

    for (Line = 0; Line < HALP_LINES; Line++) {
        Machine->Line[Line].Level = Machine->Line[Line].ActiveLow = Line >= HALP_ISA_LINES;
        (VOID) HalpPlaceInput(Machine, Line, &Machine->Line[Line]);
    }
}

// Another line cannot have the pin that an override gives away.
static VOID HalpTakePin(PHALP_MACHINE Machine, ULONG Owner)
{
    ULONG Line;

    for (Line = 0; Line < HALP_LINES; Line++)
        if (Line != Owner && Machine->Line[Line].IoApic == Machine->Line[Owner].IoApic &&
            Machine->Line[Line].Pin == Machine->Line[Owner].Pin)
            Machine->Line[Line].Present = FALSE;
}

static VOID HalpReadOverride(const UCHAR *Entry, PHALP_MACHINE Machine)
{
    ULONG Source = Entry[3], GlobalInput = HalpLoad32(Entry + 4), Flags = HalpLoad16(Entry + 8);

    if (Entry[2] != 0 || Source >= HALP_ISA_LINES || !HalpPlaceInput(Machine, GlobalInput, &Machine->Line[Source]))
        return;
    Machine->Line[Source].Level = (Flags & HALP_TRIGGER_MASK) == HALP_TRIGGER_LEVEL;
    Machine->Line[Source].ActiveLow = (Flags & HALP_POLARITY_MASK) == HALP_POLARITY_LOW;
    HalpTakePin(Machine, Source);
}

static VOID HalpReadMadtEntry(const UCHAR *Entry, PHALP_MACHINE Machine)
{
    switch (Entry[0]) {
    case ENTRY_LOCAL_APIC:
        if (HalpLoad32(Entry + 4) & PROCESSOR_ENABLED)
            (VOID) HalpAddProcessor(Machine, Entry[3]);
        break;
    case ENTRY_LOCAL_X2APIC:
        if (HalpLoad32(Entry + 8) & PROCESSOR_ENABLED)
            (VOID) HalpAddProcessor(Machine, HalpLoad32(Entry + 4));
        break;
    case ENTRY_IO_APIC:
        (VOID) HalpAddIoApic(Machine, Entry[2], HalpLoad32(Entry + 4), HalpLoad32(Entry + 8));
        break;
    case ENTRY_LOCAL_NMI:
        if (Entry[5] < LOCAL_INPUTS)
            Machine->NmiInput = Entry[5];
        break;
    case ENTRY_LOCAL_APIC_ADDRESS:
        if (HalpLoad64(Entry + 4) <= MAXULONG)
            Machine->LocalApicAddress = HalpLoad32(Entry + 4);
        break;
    }
}

// Reads the overrides, or all other entries. FALSE if an entry does not fit.
static BOOLEAN HalpWalkMadt(const UCHAR *Table, ULONG Length, BOOLEAN Overrides, PHALP_MACHINE Machine)
{
    ULONG Offset = MADT_ENTRIES;

    while (Offset + 2 <= Length) {
        const UCHAR *Entry = Table + Offset;
        ULONG Type = Entry[0], EntryLength = Entry[1];

        if (EntryLength < 2 || EntryLength > Length - Offset)
            return FALSE;
        if (Type < RTL_NUMBER_OF(HalpMadtLengths) && EntryLength < HalpMadtLengths[Type])
            return FALSE;
        if (Type == ENTRY_OVERRIDE && Overrides)
            HalpReadOverride(Entry, Machine);
        else if (!Overrides)
            HalpReadMadtEntry(Entry, Machine);
        Offset += EntryLength;
    }
    return TRUE;
}

// Reads a MADT whose checksum is right. No hardware. Returns NULL, or why the machine cannot be run by it.
PCSTR HalpReadMadt(const UCHAR *Table, ULONG Length, PHALP_MACHINE Machine)
{
    ULONGLONG HpetAddress = Machine->HpetAddress;

    memset(Machine, 0, sizeof(*Machine));
    Machine->HpetAddress = HpetAddress;
    Machine->NmiInput = 1;
    if (Length < MADT_ENTRIES)
        return "the MADT is too short";
    Machine->LocalApicAddress = HalpLoad32(Table + MADT_LOCAL_APIC_ADDRESS);
    if (!HalpWalkMadt(Table, Length, FALSE, Machine))
        return "an entry of the MADT has a wrong length";
    if (Machine->ProcessorCount == 0)
        return "the MADT lists no processor";
    if (Machine->IoApicCount == 0)
        return "the MADT lists no I/O APIC";
    HalpSetDefaultLines(Machine);
    (VOID) HalpWalkMadt(Table, Length, TRUE, Machine);
    if (!Machine->Line[0].Present)
        return "the MADT leaves the timer without an input";
    return NULL;
}
