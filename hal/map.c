// SPDX-License-Identifier: MIT
// Physical memory for the HAL before Mm is there: the page tables of FFC00000-FFFFFFFF, which boot made, have a window
// for firmware tables (dropped at the end of phase 0) and one for device registers, which stay. They are every
// process's.

#include "halp.h"

#define TABLE_PAGES 256u
#define DEVICE_PAGES 16u
#define PTE_VALID 0x001ull
#define PTE_WRITE 0x002ull
#define PTE_UNCACHED 0x018ull // PCD and PWT
#define PTE_ACCESSED_DIRTY 0x060ull
#define PTE_GLOBAL 0x100ull
#define PTE_NO_EXECUTE (1ull << 63)
#define PHYSICAL_LIMIT (1ull << 36)

static ULONG HalpTablePages, HalpDevicePages; // in use

static VOID HalpWritePte(ULONG Va, ULONGLONG Physical, ULONGLONG Bits)
{
    volatile ULONG *Pte = (volatile ULONG *)(PTE_BASE + (Va >> PAGE_SHIFT) * sizeof(ULONGLONG));
    ULONGLONG Value = (Physical & ~(ULONGLONG)(PAGE_SIZE - 1)) | Bits;

    if (Value != 0)
        Value |= PTE_ACCESSED_DIRTY | ((KeFeatureBits & KF_GLOBAL_PAGE) ? PTE_GLOBAL : 0) |
                 ((KeFeatureBits & KF_NX) ? PTE_NO_EXECUTE : 0);
    Pte[0] = 0; // never half old, half new
    Pte[1] = (ULONG)(Value >> 32);
    Pte[0] = (ULONG)Value;
    KeInvalidatePage((PVOID)Va);
}

// Maps what lies at Physical, read-only, until HalpDropTables. Phase 0. NULL if the window is full.
const UCHAR *HalpMapFirmware(ULONGLONG Physical, ULONG Length)
{
    ULONG Offset = (ULONG)Physical & (PAGE_SIZE - 1), Page;
    ULONG Pages = (Offset + Length + PAGE_SIZE - 1) >> PAGE_SHIFT, Va;

    if (Length > TABLE_PAGES * PAGE_SIZE || Pages > TABLE_PAGES - HalpTablePages || Physical >= PHYSICAL_LIMIT)
        return NULL;
    Va = MM_HAL_TABLES_START + HalpTablePages * PAGE_SIZE;
    for (Page = 0; Page < Pages; Page++)
        HalpWritePte(Va + Page * PAGE_SIZE, Physical + Page * PAGE_SIZE, PTE_VALID);
    HalpTablePages += Pages;
    return (const UCHAR *)(Va + Offset);
}

// Ends every mapping of HalpMapFirmware. Phase 0.
VOID HalpDropTables(VOID)
{
    while (HalpTablePages > 0)
        HalpWritePte(MM_HAL_TABLES_START + --HalpTablePages * PAGE_SIZE, 0, 0);
}

// Maps a page of device registers, uncached, for ever. Phase 0. NULL if there is no room.
volatile ULONG *HalpMapDevice(ULONGLONG Physical)
{
    ULONG Va = MM_HAL_DEVICES_START + HalpDevicePages * PAGE_SIZE;

    if (HalpDevicePages == DEVICE_PAGES || Physical >= PHYSICAL_LIMIT)
        return NULL;
    HalpDevicePages++;
    HalpWritePte(Va, Physical, PTE_VALID | PTE_WRITE | PTE_UNCACHED);
    return (volatile ULONG *)(Va + ((ULONG)Physical & (PAGE_SIZE - 1)));
}
