// SPDX-License-Identifier: MIT
// Laws of the readers of firmware tables (hal/acpi.c, madt.c, mptable.c): good ones are understood, bad ones refused,
// and no bytes whatever make them read beyond a table or write nonsense.

#include "hal/machine.h"
#include "hosttest.h"

#define SLOT_SIZE 0x10000u // physical memory of the model: a table each 64 KB
#define SLOTS 8u
#define RSDT_SLOT 1
#define XSDT_SLOT 2
#define MADT_SLOT 3
#define HPET_SLOT 4
#define MP_SLOT 5
#define FUZZ_ROUNDS 20000
#define PHYSICAL(Slot) ((Slot)*SLOT_SIZE)

static UCHAR Memory[SLOTS][SLOT_SIZE];
static PUCHAR Guarded[SLOTS];
static UCHAR Rsdp[36];
static HALP_MACHINE Machine;

// What the reader gets ends at an unreadable page.
static const UCHAR *Map(ULONGLONG Physical, ULONG Length)
{
    ULONG Slot = (ULONG)Physical / SLOT_SIZE, Offset = (ULONG)Physical % SLOT_SIZE;
    PUCHAR Copy;

    if (Physical >= SLOTS * SLOT_SIZE || Length > SLOT_SIZE - Offset)
        return NULL;
    if (Guarded[Slot] == NULL)
        Guarded[Slot] = HostGuarded(SLOT_SIZE);
    Copy = Guarded[Slot] + SLOT_SIZE - Length;
    memcpy(Copy, Memory[Slot] + Offset, Length);
    return Copy;
}

static VOID Store32(PUCHAR At, ULONG Value)
{
    At[0] = (UCHAR)Value;
    At[1] = (UCHAR)(Value >> 8);
    At[2] = (UCHAR)(Value >> 16);
    At[3] = (UCHAR)(Value >> 24);
}

static VOID Seal(PUCHAR Bytes, ULONG Length, ULONG ChecksumOffset)
{
    Bytes[ChecksumOffset] = 0;
    Bytes[ChecksumOffset] = (UCHAR)-HalpSumBytes(Bytes, Length);
}

static VOID SealTable(ULONG Slot, const char *Signature, ULONG Length)
{
    memcpy(Memory[Slot], Signature, 4);
    Store32(Memory[Slot] + 4, Length);
    Seal(Memory[Slot], Length, 9);
}

static ULONG Append(ULONG Slot, ULONG Offset, const UCHAR *Entry, ULONG Length)
{
    memcpy(Memory[Slot] + Offset, Entry, Length);
    return Offset + Length;
}

// Four processors (one disabled), one I/O APIC, the timer at input 2, line 9 level and low, NMI at LINT1.
static const UCHAR MadtProcessors[][8] = {{0, 8, 0, 0, 1}, {0, 8, 1, 2, 1}, {0, 8, 2, 4, 0}, {0, 8, 3, 6, 1}};
static const UCHAR MadtIoApic[] = {1, 12, 5, 0, 0, 0, 0xC0, 0xFE, 0, 0, 0, 0};
static const UCHAR MadtTimer[] = {2, 10, 0, 0, 2, 0, 0, 0, 0, 0};
static const UCHAR MadtLine9[] = {2, 10, 0, 9, 9, 0, 0, 0, 0xF, 0};
static const UCHAR MadtNmi[] = {4, 6, 0xFF, 0, 0, 1};

static ULONG BuildMadt(VOID)
{
    ULONG Offset = 44, Entry;

    memset(Memory[MADT_SLOT], 0, SLOT_SIZE);
    Store32(Memory[MADT_SLOT] + 36, 0xFEE00000);
    for (Entry = 0; Entry < RTL_NUMBER_OF(MadtProcessors); Entry++)
        Offset = Append(MADT_SLOT, Offset, MadtProcessors[Entry], sizeof(MadtProcessors[Entry]));
    Offset = Append(MADT_SLOT, Offset, MadtIoApic, sizeof(MadtIoApic));
    Offset = Append(MADT_SLOT, Offset, MadtTimer, sizeof(MadtTimer));
    Offset = Append(MADT_SLOT, Offset, MadtLine9, sizeof(MadtLine9));
    Offset = Append(MADT_SLOT, Offset, MadtNmi, sizeof(MadtNmi));
    SealTable(MADT_SLOT, "APIC", Offset);
    return Offset;
}

static VOID BuildAcpi(BOOLEAN Xsdt)
{
    memset(Rsdp, 0, sizeof(Rsdp));
    memcpy(Rsdp, "RSD PTR ", 8);
    Rsdp[15] = Xsdt ? 2 : 0;
    Store32(Rsdp + 16, PHYSICAL(RSDT_SLOT));
    Store32(Rsdp + 20, 36);
    Store32(Rsdp + 24, Xsdt ? PHYSICAL(XSDT_SLOT) : 0);
    Seal(Rsdp, 20, 8);
    Seal(Rsdp, 36, 32);
    memset(Memory[RSDT_SLOT], 0, SLOT_SIZE);
    memset(Memory[XSDT_SLOT], 0, SLOT_SIZE);
    Store32(Memory[RSDT_SLOT] + 36, PHYSICAL(HPET_SLOT));
    Store32(Memory[RSDT_SLOT] + 40, PHYSICAL(MADT_SLOT));
    SealTable(RSDT_SLOT, "RSDT", 44);
    Store32(Memory[XSDT_SLOT] + 36, PHYSICAL(MADT_SLOT));
    SealTable(XSDT_SLOT, "XSDT", 44);
    memset(Memory[HPET_SLOT], 0, SLOT_SIZE);
    Store32(Memory[HPET_SLOT] + 44, 0xFED00000);
    SealTable(HPET_SLOT, "HPET", 56);
    (VOID) BuildMadt();
}

static PCSTR ReadAcpi(VOID)
{
    memset(&Machine, 0xEE, sizeof(Machine));
    Machine.HpetAddress = 0;
    return HalpReadAcpi(Rsdp, Map, &Machine);
}

static VOID ExpectSane(VOID)
{
    ULONG Line, Route;

    expect(Machine.ProcessorCount >= 1 && Machine.ProcessorCount <= HALP_MAX_PROCESSORS);
    expect(Machine.IoApicCount >= 1 && Machine.IoApicCount <= HALP_MAX_IO_APICS);
    expect(Machine.Line[0].Present);
    for (Line = 0; Line < HALP_LINES; Line++)
        expect(!Machine.Line[Line].Present || Machine.Line[Line].IoApic < Machine.IoApicCount);
    expect(Machine.PciRouteCount <= HALP_MAX_PCI_ROUTES);
    for (Route = 0; Route < Machine.PciRouteCount; Route++)
        expect(Machine.PciRoute[Route].Line < HALP_LINES && Machine.PciRoute[Route].Pin >= 1);
}

HOST_TEST(madt_says_where_processors_and_lines_are)
{
    ULONG Line;

    BuildAcpi(FALSE);
    expect(ReadAcpi() == NULL);
    ExpectSane();
    expect_eq(Machine.LocalApicAddress, 0xFEE00000);
    expect_eq(Machine.HpetAddress, 0xFED00000);
    expect_eq(Machine.ProcessorCount, 3);
    expect_eq(Machine.ApicId[1], 2);
    expect_eq(Machine.ApicId[2], 6);
    expect_eq(Machine.IoApic[0].Address, 0xFEC00000);
    expect_eq(Machine.Line[0].Pin, 2);
    expect(!Machine.Line[2].Present);
    expect(Machine.Line[9].Level && Machine.Line[9].ActiveLow);
    expect_eq(Machine.NmiInput, 1);
    for (Line = 1; Line < HALP_LINES; Line++) {
        if (Line == 2 || Line == 9)
            continue;
        expect(Machine.Line[Line].Present);
        expect_eq(Machine.Line[Line].Pin, Line);
        expect_eq(Machine.Line[Line].Level, Line >= HALP_ISA_LINES);
    }
}

HOST_TEST(xsdt_is_preferred_and_rsdt_used_when_it_is_broken)
{
    BuildAcpi(TRUE);
    expect(ReadAcpi() == NULL);
    expect_eq(Machine.HpetAddress, 0); // only the RSDT names it
    Memory[XSDT_SLOT][20] ^= 1;
    expect(ReadAcpi() == NULL);
    expect_eq(Machine.HpetAddress, 0xFED00000);
}

HOST_TEST(root_pointer_is_found_at_any_paragraph_and_only_if_right)
{
    PUCHAR Area = HostGuarded(1024);
    ULONG Offset;

    BuildAcpi(TRUE);
    for (Offset = 0; Offset + sizeof(Rsdp) <= 1024; Offset += 16) {
        memset(Area, 0, 1024);
        memcpy(Area + Offset, Rsdp, sizeof(Rsdp));
        expect(HalpFindRsdp(Area, 1024) == Area + Offset);
        Area[Offset + 9] ^= 4;
        expect(HalpFindRsdp(Area, 1024) == NULL);
    }
    memset(Area, 0, 1024);
    memcpy(Area + 1008, Rsdp, 16); // cut off by the area's end
    expect(HalpFindRsdp(Area, 1024) == NULL);
}

HOST_TEST(any_changed_byte_of_the_madt_is_noticed)
{
    ULONG Length, Offset;

    BuildAcpi(FALSE);
    Length = BuildMadt();
    for (Offset = 0; Offset < Length; Offset++) {
        Memory[MADT_SLOT][Offset] ^= 0x10;
        expect(ReadAcpi() != NULL);
        Memory[MADT_SLOT][Offset] ^= 0x10;
    }
    expect(ReadAcpi() == NULL);
}

HOST_TEST(madt_entries_of_wrong_length_are_refused)
{
    static const UCHAR Lengths[] = {0, 1, 2, 7, 200};
    ULONG Length, Index;

    BuildAcpi(FALSE);
    Length = BuildMadt();
    for (Index = 0; Index < RTL_NUMBER_OF(Lengths); Index++) {
        Memory[MADT_SLOT][45] = Lengths[Index];
        SealTable(MADT_SLOT, "APIC", Length);
        expect(ReadAcpi() != NULL);
    }
    BuildMadt();
    SealTable(MADT_SLOT, "APIC", Length - 3); // ends inside an entry
    expect(ReadAcpi() != NULL);
    SealTable(MADT_SLOT, "APIC", 40);
    expect(ReadAcpi() != NULL);
    SealTable(MADT_SLOT, "APIC", 44); // lists nothing
    expect(ReadAcpi() != NULL);
}

HOST_TEST(processors_count_once_and_at_most_32)
{
    ULONG Index, Other, Offset;

    BuildAcpi(FALSE);
    Offset = BuildMadt();
    for (Index = 0; Index < 100; Index++) {
        UCHAR Entry[8] = {0, 8, (UCHAR)Index, (UCHAR)(Index % 50), 1};

        Offset = Append(MADT_SLOT, Offset, Entry, sizeof(Entry));
    }
    SealTable(MADT_SLOT, "APIC", Offset);
    expect(ReadAcpi() == NULL);
    expect_eq(Machine.ProcessorCount, HALP_MAX_PROCESSORS);
    for (Index = 1; Index < Machine.ProcessorCount; Index++)
        for (Other = 0; Other < Index; Other++)
            expect(Machine.ApicId[Index] != Machine.ApicId[Other]);
}

HOST_TEST(random_madt_with_a_right_checksum_does_no_harm)
{
    ULONG Round, Length, Byte, Good = 0;

    BuildAcpi(FALSE);
    for (Round = 0; Round < FUZZ_ROUNDS; Round++) {
        Length = BuildMadt();
        for (Byte = HostRandom() % 6; Byte > 0; Byte--)
            Memory[MADT_SLOT][36 + HostRandom() % (Length - 36)] = (UCHAR)HostRandom();
        SealTable(MADT_SLOT, "APIC", HostRandom() % 4 == 0 ? HostRandom() % (Length + 40) : Length);
        if (ReadAcpi() == NULL) {
            ExpectSane();
            Good++;
        }
    }
    expect(Good > FUZZ_ROUNDS / 10);
}

// --- MP tables
static UCHAR MpPointer[16];

static const UCHAR MpEntries[][8] = {{1, 0, 'P', 'C', 'I', ' ', ' ', ' '},
                                     {1, 1, 'I', 'S', 'A', ' ', ' ', ' '},
                                     {2, 4, 0x11, 1, 0, 0, 0xC0, 0xFE},
                                     {3, 0, 0, 0, 1, 0, 4, 2}, // IRQ 0 at pin 2
                                     {3, 0, 0, 0, 1, 1, 4, 1},
                                     {3, 0, 0xF, 0, 0, 3 << 2 | 1, 4, 11}, // PCI 0:3 INTB at pin 11
                                     {3, 0, 0, 0, 0, 4 << 2, 4, 20},
                                     {4, 1, 0, 0, 1, 0, 0xFF, 1}};

static ULONG BuildMp(ULONG Processors)
{
    PUCHAR Table = Memory[MP_SLOT];
    ULONG Offset = 44, Index;

    memset(MpPointer, 0, sizeof(MpPointer));
    memcpy(MpPointer, "_MP_", 4);
    Store32(MpPointer + 4, PHYSICAL(MP_SLOT));
    MpPointer[8] = 1;
    MpPointer[12] = 0x80;
    Seal(MpPointer, 16, 10);
    memset(Table, 0, SLOT_SIZE);
    Store32(Table + 36, 0xFEE00000);
    for (Index = 0; Index < Processors; Index++, Offset += 20) {
        Table[Offset + 1] = (UCHAR)Index;
        Table[Offset + 3] = 1;
    }
    for (Index = 0; Index < RTL_NUMBER_OF(MpEntries); Index++)
        Offset = Append(MP_SLOT, Offset, MpEntries[Index], 8);
    Table[34] = (UCHAR)(Processors + RTL_NUMBER_OF(MpEntries));
    return Offset;
}

static PCSTR ReadMp(ULONG Length)
{
    memcpy(Memory[MP_SLOT], "PCMP", 4);
    Memory[MP_SLOT][4] = (UCHAR)Length;
    Memory[MP_SLOT][5] = (UCHAR)(Length >> 8);
    Seal(Memory[MP_SLOT], Length, 7);
    memset(&Machine, 0xEE, sizeof(Machine));
    return HalpReadMpTables(MpPointer, Map, &Machine);
}

HOST_TEST(mp_table_says_where_processors_lines_and_pci_pins_are)
{
    ULONG Length = BuildMp(3);

    expect(HalpFindMpPointer(MpPointer, sizeof(MpPointer)) == MpPointer);
    expect(ReadMp(Length) == NULL);
    ExpectSane();
    expect_eq(Machine.ProcessorCount, 3);
    expect(Machine.HasImcr);
    expect_eq(Machine.Line[0].Pin, 2);
    expect(!Machine.Line[0].Level && !Machine.Line[3].Present);
    expect_eq(Machine.PciRouteCount, 2);
    expect_eq(Machine.PciRoute[0].Device, 3);
    expect_eq(Machine.PciRoute[0].Pin, 2);
    expect_eq(Machine.PciRoute[0].Line, 11);
    expect(Machine.Line[11].Level && Machine.Line[11].ActiveLow);
    expect_eq(Machine.PciRoute[1].Line, 20);
    expect(Machine.Line[20].Level && Machine.Line[20].ActiveLow);
}

HOST_TEST(mp_default_configurations_are_known_or_refused)
{
    ULONG Number;

    for (Number = 1; Number < 256; Number++) {
        (VOID) BuildMp(1);
        MpPointer[11] = (UCHAR)Number;
        memset(&Machine, 0xEE, sizeof(Machine));
        expect_eq(HalpReadMpTables(MpPointer, Map, &Machine) == NULL, Number == 5 || Number == 6);
        if (Number == 5) {
            ExpectSane();
            expect_eq(Machine.ProcessorCount, 2);
            expect_eq(Machine.Line[0].Pin, 2);
        }
    }
}

HOST_TEST(mp_table_that_lies_is_refused)
{
    ULONG Length = BuildMp(2);

    expect(ReadMp(Length - 4) != NULL); // ends inside an entry
    expect(ReadMp(20) != NULL);
    Memory[MP_SLOT][34]++; // one entry too many: what follows is beyond the table
    expect(ReadMp(Length) != NULL);
    BuildMp(2);
    Memory[MP_SLOT][44] = 9; // no such entry
    expect(ReadMp(Length) != NULL);
    BuildMp(0);
    expect(ReadMp(BuildMp(0)) != NULL); // no processor
    expect(ReadMp(BuildMp(2)) == NULL);
    Memory[MP_SLOT][50] ^= 1;
    expect(HalpReadMpTables(MpPointer, Map, &Machine) != NULL); // checksum
    Store32(MpPointer + 4, 0xFFFFFFF0);
    expect(HalpReadMpTables(MpPointer, Map, &Machine) != NULL);
}

HOST_TEST(random_mp_table_with_a_right_checksum_does_no_harm)
{
    ULONG Round, Length, Byte, Good = 0;

    for (Round = 0; Round < FUZZ_ROUNDS; Round++) {
        Length = BuildMp(1 + HostRandom() % 3);
        for (Byte = HostRandom() % 6; Byte > 0; Byte--)
            Memory[MP_SLOT][34 + HostRandom() % (Length - 34)] = (UCHAR)HostRandom();
        if (ReadMp(HostRandom() % 4 == 0 ? 10 + HostRandom() % Length : Length) == NULL) {
            ExpectSane();
            Good++;
        }
    }
    expect(Good > FUZZ_ROUNDS / 10);
}
