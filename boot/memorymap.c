// SPDX-License-Identifier: MIT
// The memory map of the loader parameter block: sorted, page-aligned runs that do not overlap. It is built by laying
// one range after another over those before it: RAM first, then what takes RAM away (firmware, kernel, modules).

#include "bootp.h"

#define LOW_MEMORY_END 0xA0000u // video memory and ROMs lie from here to 1 MB
#define UPPER_MEMORY_BASE 0x100000u
#define PHYSICAL_LIMIT (1ull << 36) // what a PAE page-table entry of the first PAE processors can name

static ULONGLONG BootpRoundDown(ULONGLONG Address)
{
    return Address & ~(ULONGLONG)(PAGE_SIZE - 1);
}

static VOID BootpInsertAt(PLOADER_PARAMETER_BLOCK Block, ULONG Index, ULONGLONG Base, ULONGLONG End,
                          MEMORY_RUN_TYPE Type)
{
    if (Block->RunCount == LOADER_MAX_MEMORY_RUNS)
        return; // a map with so many pieces loses its last ones
    memmove(&Block->Runs[Index + 1], &Block->Runs[Index], (Block->RunCount - Index) * sizeof(MEMORY_RUN));
    Block->Runs[Index].Base = Base;
    Block->Runs[Index].Length = End - Base;
    Block->Runs[Index].Type = Type;
    Block->RunCount++;
}

static VOID BootpDeleteAt(PLOADER_PARAMETER_BLOCK Block, ULONG Index)
{
    Block->RunCount--;
    memmove(&Block->Runs[Index], &Block->Runs[Index + 1], (Block->RunCount - Index) * sizeof(MEMORY_RUN));
}

// Takes [Base, End) out of every run.
static VOID BootpCarve(PLOADER_PARAMETER_BLOCK Block, ULONGLONG Base, ULONGLONG End)
{
    ULONG Index = 0;

    while (Index < Block->RunCount) {
        PMEMORY_RUN Run = &Block->Runs[Index];
        ULONGLONG RunBase = Run->Base, RunEnd = Run->Base + Run->Length;

        if (RunEnd <= Base || RunBase >= End) {
            Index++;
        } else if (RunBase < Base) {
            Run->Length = Base - RunBase;
            if (RunEnd > End)
                BootpInsertAt(Block, Index + 1, End, RunEnd, Run->Type);
            Index++;
        } else if (RunEnd > End) {
            Run->Base = End;
            Run->Length = RunEnd - End;
            Index++;
        } else {
            BootpDeleteAt(Block, Index);
        }
    }
}

// Makes [Base, End) a run of Type, whatever it was before. RAM shrinks to whole pages, everything else grows to them.
// Neighbours of the same type become one run.
VOID BootpSetRun(PLOADER_PARAMETER_BLOCK Block, ULONGLONG Base, ULONGLONG End, MEMORY_RUN_TYPE Type)
{
    ULONG Index;

    End = min_of(End, PHYSICAL_LIMIT);
    if (Type == LoaderFree) {
        Base = BootpRoundDown(Base + PAGE_SIZE - 1);
        End = BootpRoundDown(End);
    } else {
        Base = BootpRoundDown(Base);
        End = BootpRoundDown(End + PAGE_SIZE - 1);
    }
    if (Base >= End)
        return;
    BootpCarve(Block, Base, End);
    for (Index = 0; Index < Block->RunCount && Block->Runs[Index].Base < Base; Index++)
        continue;
    BootpInsertAt(Block, Index, Base, End, Type);
    if (Index + 1 < Block->RunCount && Block->Runs[Index + 1].Base == End && Block->Runs[Index + 1].Type == Type) {
        Block->Runs[Index].Length += Block->Runs[Index + 1].Length;
        BootpDeleteAt(Block, Index + 1);
    }
    if (Index > 0 && Block->Runs[Index - 1].Base + Block->Runs[Index - 1].Length == Base &&
        Block->Runs[Index - 1].Type == Type) {
        Block->Runs[Index - 1].Length += Block->Runs[Index].Length;
        BootpDeleteAt(Block, Index);
    }
}

// Forgets free memory from Limit (bytes) on: what /MAXMEM= asks for.
VOID BootpLimitMemory(PLOADER_PARAMETER_BLOCK Block, ULONGLONG Limit)
{
    ULONG Index = 0;

    while (Index < Block->RunCount) {
        PMEMORY_RUN Run = &Block->Runs[Index];

        if (Run->Type == LoaderFree && Run->Base >= Limit) {
            BootpDeleteAt(Block, Index);
            continue;
        }
        if (Run->Type == LoaderFree && Run->Base + Run->Length > Limit)
            Run->Length = Limit - Run->Base;
        Index++;
    }
}

static MEMORY_RUN_TYPE BootpTypeOfEntry(ULONG Type)
{
    switch (Type) {
    case MULTIBOOT_MEMORY_AVAILABLE:
        return LoaderFree;
    case MULTIBOOT_MEMORY_ACPI_RECLAIMABLE:
        return LoaderAcpi;
    case MULTIBOOT_MEMORY_BAD:
        return LoaderBad;
    default:
        return LoaderReserved;
    }
}

static BOOLEAN BootpIsFree(PLOADER_PARAMETER_BLOCK Block, ULONGLONG Address)
{
    for (ULONG Index = 0; Index < Block->RunCount; Index++) {
        PMEMORY_RUN Run = &Block->Runs[Index];

        if (Address >= Run->Base && Address < Run->Base + Run->Length)
            return Run->Type == LoaderFree;
    }
    return FALSE;
}

// Takes the pages that /BADMEMORYLIST= names out of use: frame numbers in hexadecimal, by commas. (BCD has a list of
// that name.) What is not free memory is left alone. List: what follows the word.
VOID BootpMarkBadMemory(PLOADER_PARAMETER_BLOCK Block, PCSTR List)
{
    while (List != NULL && *List != ' ' && *List != '\0') {
        char *End;
        ULONGLONG Base = (ULONGLONG)strtoul(List, &End, 16) << PAGE_SHIFT;

        if (End == List)
            return;
        if (BootpIsFree(Block, Base))
            BootpSetRun(Block, Base, Base + PAGE_SIZE, LoaderBad);
        List = *End == ',' ? End + 1 : End;
    }
}

// Lays the entries of the loader's map that are RAM (or, in the second pass, that are not) over the runs.
static VOID BootpAddMapEntries(PLOADER_PARAMETER_BLOCK Block, PMULTIBOOT_INFO Info, BOOLEAN Available)
{
    PUCHAR Map = BootpPhysical(Info->MapAddress, Info->MapLength);
    ULONG Offset = 0;

    while (Map != NULL && Offset + sizeof(MULTIBOOT_MAP_ENTRY) <= Info->MapLength) {
        PMULTIBOOT_MAP_ENTRY Entry = (PMULTIBOOT_MAP_ENTRY)(Map + Offset);
        BOOLEAN EntryAvailable = Entry->Type == MULTIBOOT_MEMORY_AVAILABLE;

        if (EntryAvailable == Available && Entry->Base + Entry->Length >= Entry->Base) {
            BootpSetRun(Block, Entry->Base, Entry->Base + Entry->Length, BootpTypeOfEntry(Entry->Type));
        }
        Offset += Entry->Size + sizeof(Entry->Size);
    }
}

static VOID BootpAddImageSection(PLOADER_PARAMETER_BLOCK Block, PUCHAR Start, PUCHAR End)
{
    BootpSetRun(Block, (ULONG)Start - KSEG0_BASE, (ULONG)End - KSEG0_BASE, LoaderKernel);
}

// Takes the highest free page below the video memory for code in real mode (other processors begin there).
static VOID BootpTakeRealModePage(PLOADER_PARAMETER_BLOCK Block)
{
    ULONG Index, Page = 0;

    for (Index = 0; Index < Block->RunCount; Index++) {
        PMEMORY_RUN Run = &Block->Runs[Index];

        if (Run->Type == LoaderFree && Run->Base + PAGE_SIZE <= LOW_MEMORY_END)
            Page = (ULONG)min_of(Run->Base + Run->Length, LOW_MEMORY_END) - PAGE_SIZE;
    }
    Block->RealModePage = Page;
    if (Page != 0)
        BootpSetRun(Block, Page, Page + PAGE_SIZE, LoaderReserved);
}

// Fills Block->Runs. The block's options and modules are already there.
VOID BootpBuildMemoryMap(PLOADER_PARAMETER_BLOCK Block, PMULTIBOOT_INFO Info)
{
    PCSTR MaximumMemory = BootpFindOption(Block->LoadOptions, "/MAXMEM=");
    ULONG Index;

    if (Info->Flags & MULTIBOOT_INFO_MAP) {
        BootpAddMapEntries(Block, Info, TRUE);
        BootpAddMapEntries(Block, Info, FALSE);
    } else if (Info->Flags & MULTIBOOT_INFO_MEMORY) {
        BootpSetRun(Block, 0, min_of(Info->LowerMemory * 1024u, LOW_MEMORY_END), LoaderFree);
        BootpSetRun(Block, UPPER_MEMORY_BASE, UPPER_MEMORY_BASE + (ULONGLONG)Info->UpperMemory * 1024, LoaderFree);
    } else {
        return;
    }

    if (MaximumMemory != NULL && strtoul(MaximumMemory, NULL, 10) != 0)
        BootpLimitMemory(Block, (ULONGLONG)strtoul(MaximumMemory, NULL, 10) << 20);
    BootpSetRun(Block, 0, PAGE_SIZE, LoaderReserved); // the real-mode vectors; frame 0 stays nobody's
    BootpAddImageSection(Block, KiTextStart, KiTextEnd);
    BootpAddImageSection(Block, KiRodataStart, KiRodataEnd);
    BootpAddImageSection(Block, KiDataStart, KiDataEnd);
    for (Index = 0; Index < Block->ModuleCount; Index++) {
        PLOADER_MODULE Module = &Block->Modules[Index];

        BootpSetRun(Block, Module->PhysicalBase, (ULONGLONG)Module->PhysicalBase + Module->Length, LoaderModule);
    }
    BootpTakeRealModePage(Block);
    BootpMarkBadMemory(Block, BootpFindOption(Block->LoadOptions, "/BADMEMORYLIST="));
}
