// SPDX-License-Identifier: MIT
// Finds the firmware's tables in memory and decides by them, and by the boot line, whether the machine is run by its
// APICs or by the 8259s. Phase 0.

#include "halp.h"

#define BDA_EBDA_SEGMENT 0x40E
#define BDA_BASE_MEMORY_KB 0x413
#define EBDA_SEARCH 1024u
#define BIOS_AREA 0xE0000u
#define BIOS_AREA_LENGTH 0x20000u
#define MP_BIOS_AREA 0xF0000u
#define MP_BIOS_AREA_LENGTH 0x10000u
#define LOW_MEMORY_END 0xA0000u
#define CPUID_FEATURES 1
#define CPUID_MSR 0x20u
#define CPUID_APIC 0x200u

HALP_MACHINE HalpMachine;

static const UCHAR *HalpLowMemory(ULONG Physical)
{
    return (const UCHAR *)(KSEG0_BASE + Physical);
}

typedef const UCHAR *(*PHALP_FIND)(const UCHAR *Area, ULONG Length);

// Searches the first KB of the extended BIOS data area, the last KB of base memory, and the ROM.
static const UCHAR *HalpFindInBios(PHALP_FIND Find, ULONG RomArea, ULONG RomLength)
{
    ULONG Ebda = HalpLoad16(HalpLowMemory(BDA_EBDA_SEGMENT)) << 4;
    ULONG BaseEnd = HalpLoad16(HalpLowMemory(BDA_BASE_MEMORY_KB)) << 10;
    const UCHAR *Found = NULL;

    if (Ebda >= PAGE_SIZE && Ebda <= LOW_MEMORY_END - EBDA_SEARCH)
        Found = Find(HalpLowMemory(Ebda), EBDA_SEARCH);
    if (Found == NULL && BaseEnd >= PAGE_SIZE && BaseEnd <= LOW_MEMORY_END)
        Found = Find(HalpLowMemory(BaseEnd - EBDA_SEARCH), EBDA_SEARCH);
    return Found != NULL ? Found : Find(HalpLowMemory(RomArea), RomLength);
}

static BOOLEAN HalpTryAcpi(VOID)
{
    const UCHAR *Rsdp = HalpFindInBios(HalpFindRsdp, BIOS_AREA, BIOS_AREA_LENGTH);
    PCSTR Problem;

    if (Rsdp == NULL)
        return FALSE;
    Problem = HalpReadAcpi(Rsdp, HalpMapFirmware, &HalpMachine);
    if (Problem != NULL)
        DbgPrint("HAL: the ACPI tables are not used: %s\n", Problem);
    return Problem == NULL;
}

static BOOLEAN HalpTryMpTables(VOID)
{
    const UCHAR *Pointer = HalpFindInBios(HalpFindMpPointer, MP_BIOS_AREA, MP_BIOS_AREA_LENGTH);
    PCSTR Problem;

    if (Pointer == NULL)
        return FALSE;
    Problem = HalpReadMpTables(Pointer, HalpMapFirmware, &HalpMachine);
    if (Problem != NULL)
        DbgPrint("HAL: the MP tables are not used: %s\n", Problem);
    return Problem == NULL;
}

static BOOLEAN HalpProcessorHasApic(VOID)
{
    ULONG Eax = CPUID_FEATURES, Ebx, Ecx = 0, Edx;

    __asm__ volatile("cpuid" : "+a"(Eax), "=b"(Ebx), "+c"(Ecx), "=d"(Edx));
    return (Edx & CPUID_APIC) && (Edx & CPUID_MSR);
}

// Reads the tables and turns the APICs on if they are all there and nobody wants the 8259s. Phase 0, interrupts off,
// the 8259s programmed and masked.
VOID HalpReadTables(VOID)
{
    BOOLEAN PreferMp = KeFindBootOption("/MPS") != NULL, Found;
    PCSTR Source = "ACPI";

    Found = !PreferMp && HalpTryAcpi();
    if (!Found) {
        Found = HalpTryMpTables();
        Source = "MP";
    }
    if (!Found && PreferMp) {
        Found = HalpTryAcpi();
        Source = "ACPI";
    }
    HalpDropTables();
    if (Found && KeFindBootOption("/PIC") == NULL && HalpProcessorHasApic() && HalpStartApics())
        DbgPrint("HAL: %s tables: %lu processors, %lu I/O APICs\n", Source, HalpMachine.ProcessorCount,
                 HalpMachine.IoApicCount);
    else
        HalpMachine.ProcessorCount = 1;
}
