// SPDX-License-Identifier: MIT
// What a Multiboot 1 loader hands over. Source: Multiboot Specification 0.6.96, section 3.3.

#ifndef MICA_BOOT_MULTIBOOT_H
#define MICA_BOOT_MULTIBOOT_H

#include "ntos.h"

#define MULTIBOOT_BOOTLOADER_MAGIC 0x2BADB002u

#define MULTIBOOT_INFO_MEMORY 0x001  // LowerMemory, UpperMemory
#define MULTIBOOT_INFO_CMDLINE 0x004 // CommandLine
#define MULTIBOOT_INFO_MODULES 0x008 // ModuleCount, ModuleAddress
#define MULTIBOOT_INFO_MAP 0x040     // MapLength, MapAddress
#define MULTIBOOT_INFO_LOADER 0x200  // LoaderName

#define MULTIBOOT_MEMORY_AVAILABLE 1
#define MULTIBOOT_MEMORY_ACPI_RECLAIMABLE 3
#define MULTIBOOT_MEMORY_BAD 5

typedef struct _MULTIBOOT_INFO {
    ULONG Flags;
    ULONG LowerMemory; // KB from 0
    ULONG UpperMemory; // KB from 1 MB
    ULONG BootDevice;
    ULONG CommandLine;
    ULONG ModuleCount;
    ULONG ModuleAddress;
    ULONG Symbols[4];
    ULONG MapLength;
    ULONG MapAddress;
    ULONG DrivesLength;
    ULONG DrivesAddress;
    ULONG ConfigTable;
    ULONG LoaderName;
} MULTIBOOT_INFO, *PMULTIBOOT_INFO;

typedef struct _MULTIBOOT_MODULE {
    ULONG Start;
    ULONG End; // the byte after
    ULONG String;
    ULONG Reserved;
} MULTIBOOT_MODULE, *PMULTIBOOT_MODULE;

typedef struct __attribute__((packed)) _MULTIBOOT_MAP_ENTRY {
    ULONG Size; // of what follows
    ULONGLONG Base;
    ULONGLONG Length;
    ULONG Type;
} MULTIBOOT_MAP_ENTRY, *PMULTIBOOT_MAP_ENTRY;

#endif
