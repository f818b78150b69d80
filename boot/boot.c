// SPDX-License-Identifier: MIT
// From the boot loader's world to the kernel's: copies everything worth keeping out of the Multiboot information into
// the loader parameter block, takes the identity map away, and starts the kernel. After this nobody knows who loaded
// us.

#include "bootp.h"

static LOADER_PARAMETER_BLOCK BootLoaderBlock;

// Copies a string of the boot loader; what does not fit is cut off.
static VOID BootpCopyString(PCHAR Destination, ULONG Size, ULONG Physical)
{
    PCSTR Source = BootpPhysical(Physical, 1);
    ULONG Index = 0;

    while (Source != NULL && Index < Size - 1 && Source[Index] != '\0') {
        Destination[Index] = Source[Index];
        Index++;
    }
    Destination[Index] = '\0';
}

// The boot line without its first word, which is the kernel's own name.
static VOID BootpCopyOptions(PLOADER_PARAMETER_BLOCK Block, PMULTIBOOT_INFO Info)
{
    PCSTR Line = BootpPhysical(Info->CommandLine, 1);

    if (!(Info->Flags & MULTIBOOT_INFO_CMDLINE) || Line == NULL)
        return;
    while (*Line == ' ')
        Line++;
    while (*Line != '\0' && *Line != ' ')
        Line++;
    while (*Line == ' ')
        Line++;
    BootpCopyString(Block->LoadOptions, sizeof(Block->LoadOptions), (ULONG)Line);
}

// A module's name is the first word of its string, without the directory.
static VOID BootpCopyModuleName(PLOADER_MODULE Module, ULONG StringPhysical)
{
    PCSTR Word = BootpPhysical(StringPhysical, 1);
    PCSTR Name = Word;
    ULONG Length = 0;

    if (Word == NULL)
        return;
    for (; *Word != '\0' && *Word != ' '; Word++) {
        if (*Word == '/' || *Word == '\\')
            Name = Word + 1;
    }
    while (Name + Length < Word && Length < sizeof(Module->Name) - 1) {
        Module->Name[Length] = Name[Length];
        Length++;
    }
    Module->Name[Length] = '\0';
}

static VOID BootpCopyModules(PLOADER_PARAMETER_BLOCK Block, PMULTIBOOT_INFO Info)
{
    PMULTIBOOT_MODULE Modules;
    ULONG Index;

    if (!(Info->Flags & MULTIBOOT_INFO_MODULES) || Info->ModuleCount == 0)
        return;
    Modules = BootpPhysical(Info->ModuleAddress, sizeof(*Modules) * min_of(Info->ModuleCount, LOADER_MAX_MODULES));
    if (Modules == NULL)
        return;
    for (Index = 0; Index < Info->ModuleCount && Block->ModuleCount < LOADER_MAX_MODULES; Index++) {
        PLOADER_MODULE Module = &Block->Modules[Block->ModuleCount];

        if (Modules[Index].End <= Modules[Index].Start)
            continue;
        Module->PhysicalBase = Modules[Index].Start;
        Module->Length = Modules[Index].End - Modules[Index].Start;
        BootpCopyModuleName(Module, Modules[Index].String);
        Block->ModuleCount++;
    }
}

// User space was only borrowed: empties directories 0 and 1. Their entries are not global, so reloading CR3 is enough.
static VOID BootpDropIdentityMap(VOID)
{
    ULONG Cr3;

    memset(BootPageDirectories, 0, 2 * sizeof(BootPageDirectories[0]));
    __asm__ volatile("mov %%cr3, %0; mov %0, %%cr3" : "=&r"(Cr3) : : "memory");
}

static DECLSPEC_NORETURN VOID BootpFail(PCSTR Reason)
{
    KdPrintBoot("Mica: %s\n", Reason);
    for (;;)
        __asm__ volatile("cli; hlt");
}

// The first C code; start.asm calls it on the boot stack with paging on and interrupts off. Never returns.
//
// Magic: eax, InfoPhysical: ebx of the boot loader (Multiboot Specification 3.2).
DECLSPEC_NORETURN VOID NTAPI BootStart(ULONG Magic, ULONG InfoPhysical)
{
    PLOADER_PARAMETER_BLOCK Block = &BootLoaderBlock;
    PMULTIBOOT_INFO Info = BootpPhysical(InfoPhysical, sizeof(*Info));

    if (Magic != MULTIBOOT_BOOTLOADER_MAGIC || Info == NULL)
        BootpFail("not started by a Multiboot loader.");

    Block->KernelPhysicalBase = (ULONG)KiTextStart - KSEG0_BASE;
    Block->KernelPhysicalEnd = (ULONG)KiImageEnd - KSEG0_BASE;
    Block->BootStackTop = BootStackTop;
    if (Info->Flags & MULTIBOOT_INFO_LOADER)
        BootpCopyString(Block->BootLoaderName, sizeof(Block->BootLoaderName), Info->LoaderName);
    BootpCopyOptions(Block, Info);
    if (BootpFindOption(Block->LoadOptions, "/3GB") != NULL)
        BootpMoveSplit();
    BootpCopyModules(Block, Info);
    BootpBuildMemoryMap(Block, Info);
    if (Block->RunCount == 0)
        BootpFail("the boot loader gave no memory map.");
    KeLoaderBlock = Block;
    BootpDropIdentityMap();
    KiSystemStartup(Block);
}
