// SPDX-License-Identifier: MIT
// ACPI's static tables: from the root pointer through RSDT or XSDT to the tables that tell about processors, interrupt
// controllers (MADT, madt.c) and the event timer (HPET). No AML. Nothing is believed before its length and checksum
// are right. Source: ACPI Specification 6.4, 5.2.5-5.2.12; IA-PC HPET Specification 1.0a, 3.2.4.

#include "machine.h"

#define RSDP_SIGNATURE "RSD PTR "
#define RSDP_STEP 16u
#define RSDP_LENGTH 20u
#define RSDP_REVISION 15
#define RSDP_RSDT 16
#define RSDP_LENGTH_2 36u
#define RSDP_XSDT 24
#define HEADER_LENGTH 36u
#define HEADER_TABLE_LENGTH 4
#define TABLE_LIMIT 0x40000u // longer ones are not those that are read here
#define HPET_LENGTH 56u
#define HPET_ADDRESS_SPACE 40 // 0: memory
#define HPET_ADDRESS 44

static BOOLEAN HalpIsRsdp(const UCHAR *Bytes, ULONG Length)
{
    return Length >= RSDP_LENGTH && memcmp(Bytes, RSDP_SIGNATURE, sizeof(RSDP_SIGNATURE) - 1) == 0 &&
           HalpSumBytes(Bytes, RSDP_LENGTH) == 0 && (Bytes[RSDP_REVISION] < 2 || Length >= RSDP_LENGTH_2);
}

// Looks for a root pointer with a right checksum. Returns NULL if the area has none. No hardware.
const UCHAR *HalpFindRsdp(const UCHAR *Area, ULONG Length)
{
    ULONG Offset;

    for (Offset = 0; Offset < Length; Offset += RSDP_STEP)
        if (HalpIsRsdp(Area + Offset, Length - Offset))
            return Area + Offset;
    return NULL;
}

// Maps the whole table if it is Signature's. Else NULL; *Problem is set if it is broken.
static const UCHAR *HalpMapTable(ULONGLONG Physical, PCSTR Signature, PHALP_MAP_TABLE Map, PULONG Length,
                                 PCSTR *Problem)
{
    const UCHAR *Table = Map(Physical, HEADER_LENGTH);

    if (Table == NULL) {
        *Problem = "an ACPI table lies where it cannot be read";
        return NULL;
    }
    if (memcmp(Table, Signature, 4) != 0)
        return NULL;
    *Length = HalpLoad32(Table + HEADER_TABLE_LENGTH);
    if (*Length < HEADER_LENGTH || *Length > TABLE_LIMIT) {
        *Problem = "an ACPI table has an impossible length";
        return NULL;
    }
    Table = Map(Physical, *Length);
    if (Table == NULL || HalpSumBytes(Table, *Length) != 0) {
        *Problem = Table == NULL ? "an ACPI table cannot be mapped" : "an ACPI table has a wrong checksum";
        return NULL;
    }
    return Table;
}

// The root table: XSDT if the pointer has one, else RSDT. *EntrySize: bytes of an entry.
static const UCHAR *HalpMapRoot(const UCHAR *Rsdp, PHALP_MAP_TABLE Map, PULONG Length, PULONG EntrySize, PCSTR *Problem)
{
    const UCHAR *Root = NULL;

    if (Rsdp[RSDP_REVISION] >= 2 && HalpSumBytes(Rsdp, RSDP_LENGTH_2) == 0 && HalpLoad64(Rsdp + RSDP_XSDT) != 0) {
        *EntrySize = 8;
        Root = HalpMapTable(HalpLoad64(Rsdp + RSDP_XSDT), "XSDT", Map, Length, Problem);
    }
    if (Root == NULL) {
        *EntrySize = 4;
        Root = HalpMapTable(HalpLoad32(Rsdp + RSDP_RSDT), "RSDT", Map, Length, Problem);
    }
    if (Root == NULL && *Problem == NULL)
        *Problem = "the ACPI root pointer leads to no root table";
    return Root;
}

static VOID HalpReadHpetTable(const UCHAR *Table, ULONG Length, PHALP_MACHINE Machine)
{
    if (Length >= HPET_LENGTH && Table[HPET_ADDRESS_SPACE] == 0)
        Machine->HpetAddress = HalpLoad64(Table + HPET_ADDRESS);
}

// Reads what the root pointer leads to into Machine. No hardware but through Map.
// Returns NULL if there was a good MADT, else the reason. The HPET's address may be there all the same.
PCSTR HalpReadAcpi(const UCHAR *Rsdp, PHALP_MAP_TABLE Map, PHALP_MACHINE Machine)
{
    PCSTR Problem = NULL, MadtProblem = "there is no MADT";
    ULONG RootLength, EntrySize, Length, Offset;
    const UCHAR *Root, *Table;

    Root = HalpMapRoot(Rsdp, Map, &RootLength, &EntrySize, &Problem);
    if (Root == NULL)
        return Problem;
    for (Offset = HEADER_LENGTH; Offset + EntrySize <= RootLength; Offset += EntrySize) {
        ULONGLONG Physical = EntrySize == 8 ? HalpLoad64(Root + Offset) : HalpLoad32(Root + Offset);

        Problem = NULL;
        if (Physical == 0)
            continue;
        Table = HalpMapTable(Physical, "APIC", Map, &Length, &Problem);
        if (Table != NULL)
            MadtProblem = HalpReadMadt(Table, Length, Machine);
        else if (Problem != NULL)
            MadtProblem = Problem;
        Table = HalpMapTable(Physical, "HPET", Map, &Length, &Problem);
        if (Table != NULL)
            HalpReadHpetTable(Table, Length, Machine);
    }
    return MadtProblem;
}
