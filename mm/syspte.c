// SPDX-License-Identifier: MIT
// System PTEs: addresses between MM_SYSTEM_PTE_START and END for whatever the kernel maps for a while: kernel stacks,
// I/O space, MDLs, growth of the nonpaged pool. The page tables under them are made when first needed, and stay.

#include "mi.h"

MI_RANGE MiSystemPteRange;

VOID MiInitializeSystemPtes(ULONG Pages, PULONG Bits)
{
    MiInitializeRange(&MiSystemPteRange, MM_SYSTEM_PTE_START, Pages, Bits);
}

// Reserves Count entries in a row, all 0, with their page tables present in every address space.
//
// IRQL <= DISPATCH_LEVEL. Returns the first, or NULL when there is no gap or no page for a table.
PMMPTE MiReserveSystemPtes(ULONG Count)
{
    PVOID Va = MiReserveInRange(&MiSystemPteRange, Count);

    if (Va == NULL)
        return NULL;
    if (!NT_SUCCESS(MiMakeSystemPageTables(Va, Count * PAGE_SIZE))) {
        MiReleaseInRange(&MiSystemPteRange, Va, Count);
        return NULL;
    }
    return MiGetPteAddress(Va);
}

// Clears and releases entries; the frames behind them are the caller's. IRQL <= DISPATCH_LEVEL.
VOID MiReleaseSystemPtes(PMMPTE Pte, ULONG Count)
{
    ULONG Index;

    for (Index = 0; Index < Count; Index++) {
        if (!Pte[Index].u.Hard.Valid)
            continue;
        MiWriteInvalidPte(&Pte[Index], 0);
        KeFlushSingleTb(MiGetVaOfPte(&Pte[Index]), TRUE);
    }
    MiReleaseInRange(&MiSystemPteRange, MiGetVaOfPte(Pte), Count);
}
