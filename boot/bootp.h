// SPDX-License-Identifier: MIT
// Private to boot/.

#ifndef MICA_BOOT_BOOTP_H
#define MICA_BOOT_BOOTP_H

#include "multiboot.h"
#include "ntos.h"

// The boot page tables map this much one to one while boot.c runs; what the loader left higher up is not read.
#define BOOT_IDENTITY_LIMIT 0x80000000u
#define BOOT_PAGE_DIRECTORY_ENTRIES 512

// linker.ld's
extern UCHAR KiInitEnd[], KiTextStart[], KiTextEnd[], KiRodataStart[], KiRodataEnd[], KiDataStart[], KiDataEnd[],
    KiImageEnd[];
// start.asm's
extern ULONGLONG BootPageDirectories[4][BOOT_PAGE_DIRECTORY_ENTRIES];
extern UCHAR BootStackTop[];

DECLSPEC_NORETURN VOID NTAPI BootStart(ULONG Magic, ULONG InfoPhysical);

// memorymap.c
VOID BootpBuildMemoryMap(PLOADER_PARAMETER_BLOCK Block, PMULTIBOOT_INFO Info);
VOID BootpSetRun(PLOADER_PARAMETER_BLOCK Block, ULONGLONG Base, ULONGLONG End, MEMORY_RUN_TYPE Type);
VOID BootpMarkBadMemory(PLOADER_PARAMETER_BLOCK Block, PCSTR List);
VOID BootpLimitMemory(PLOADER_PARAMETER_BLOCK Block, ULONGLONG Limit);

// split.c
VOID BootpMoveSplit(VOID);

// options.c
PCSTR BootpFindOption(PCSTR Options, PCSTR Name);

// Physical address in the identity map, NULL if it is not inside.
FORCEINLINE PVOID BootpPhysical(ULONG Physical, ULONG Length)
{
    if (Physical == 0 || Physical >= BOOT_IDENTITY_LIMIT || Length > BOOT_IDENTITY_LIMIT - Physical)
        return NULL;
    return (PVOID)Physical;
}

#endif
