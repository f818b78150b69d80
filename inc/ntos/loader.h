// SPDX-License-Identifier: MIT
// The loader parameter block: what boot/ hands to the kernel. Everything in it is already at virtual addresses.

#ifndef MICA_NTOS_LOADER_H
#define MICA_NTOS_LOADER_H

#include "nt.h"

#define LOADER_MAX_MEMORY_RUNS 64
#define LOADER_MAX_MODULES 8
#define LOADER_MAX_OPTIONS 2048

// Code that is executed only until the start is over; its memory is free afterwards (linker.ld, mm/initsect.c). Whole
// files of such code are listed in linker.ld. STARTUP_CODE may call it: it stays, and knows when that is.
#define INIT_CODE __attribute__((section(".init"), noinline))
#define STARTUP_CODE __attribute__((section(".startup"), noinline))

// Physical memory below this is mapped at KSEG0 (0xFB000000 + physical) by the boot page tables.
#define KSEG0_BASE 0xFB000000u

typedef enum _MEMORY_RUN_TYPE {
    LoaderFree,       // usable RAM
    LoaderReserved,   // firmware, devices, holes
    LoaderKernel,     // kernel image
    LoaderBootTables, // boot page tables, boot stack: free after phase 0
    LoaderModule,     // a Multiboot module
    LoaderAcpi,       // ACPI tables
    LoaderBad         // RAM that must not be used: the loader's map says so, or /BADMEMORYLIST=
} MEMORY_RUN_TYPE;

// Runs are sorted by address, page aligned, do not overlap; memory above 4 GB is included.
typedef struct _MEMORY_RUN {
    ULONGLONG Base;   // physical, bytes
    ULONGLONG Length; // bytes
    MEMORY_RUN_TYPE Type;
} MEMORY_RUN, *PMEMORY_RUN;

typedef struct _LOADER_MODULE {
    ULONG PhysicalBase;
    ULONG Length;
    CHAR Name[64];
} LOADER_MODULE, *PLOADER_MODULE;

typedef struct _LOADER_PARAMETER_BLOCK {
    ULONG RunCount;
    MEMORY_RUN Runs[LOADER_MAX_MEMORY_RUNS];
    ULONG ModuleCount;
    LOADER_MODULE Modules[LOADER_MAX_MODULES];
    CHAR LoadOptions[LOADER_MAX_OPTIONS]; // the boot line after the kernel's name
    CHAR BootLoaderName[64];
    ULONG KernelPhysicalBase, KernelPhysicalEnd;
    PVOID BootStackTop;
    ULONG RealModePage; // physical, below 640 KB, taken from the runs; 0: none
} LOADER_PARAMETER_BLOCK, *PLOADER_PARAMETER_BLOCK;

extern PLOADER_PARAMETER_BLOCK KeLoaderBlock;

// Finds a boot option such as "/MAXMEM=" (case-insensitive, at the start of a word). Returns what follows it, NULL if
// absent.
PCSTR KeFindBootOption(PCSTR Name);

#endif
