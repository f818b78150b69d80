// SPDX-License-Identifier: MIT
// Frames before the frame database exists: taken one by one from the end of the highest free run of the loader's map.
// What is left when the database is built becomes its free list. Nothing above 4 GB is taken: these frames become page
// tables and pool, and QEMU 7.2's own processor emulation cuts a PAE page table's address to 32 bits.

#include "mi.h"

static MEMORY_RUN MiBootRuns[LOADER_MAX_MEMORY_RUNS]; // the free ones, shrinking
static ULONG MiBootRunCount;

VOID MiInitializeBootMemory(PLOADER_PARAMETER_BLOCK LoaderBlock)
{
    ULONG Index;

    for (Index = 0; Index < LoaderBlock->RunCount; Index++) {
        if (LoaderBlock->Runs[Index].Type == LoaderFree)
            MiBootRuns[MiBootRunCount++] = LoaderBlock->Runs[Index];
    }
}

static PFN_NUMBER MiTakeFromRuns(ULONG Bytes)
{
    ULONG Index;

    for (Index = MiBootRunCount; Index-- != 0;) {
        PMEMORY_RUN Run = &MiBootRuns[Index];
        ULONGLONG Base = (Run->Base + Run->Length) & ~(ULONGLONG)(Bytes - 1);

        if (Run->Length < Bytes || Base < Run->Base + Bytes || MI_NODE_OF((Base - 1) >> PAGE_SHIFT) != MiLowNode)
            continue;
        // A large page that does not end where the run ends would lose the piece behind it: cut the run there.
        if (Bytes != PAGE_SIZE && Base != Run->Base + Run->Length && MiBootRunCount < LOADER_MAX_MEMORY_RUNS) {
            memmove(Run + 2, Run + 1, (MiBootRunCount - Index - 1) * sizeof(*Run));
            Run[1].Base = Base;
            Run[1].Length = Run->Base + Run->Length - Base;
            Run[1].Type = LoaderFree;
            MiBootRunCount++;
        }
        Run->Length = Base - Bytes - Run->Base;
        return (PFN_NUMBER)((Base - Bytes) >> PAGE_SHIFT);
    }
    return 0;
}

// One frame, contents undefined. There always is one: 16 MB are enough, and less does not boot.
PFN_NUMBER MiTakeBootPage(VOID)
{
    PFN_NUMBER Page = MiTakeFromRuns(PAGE_SIZE);

    if (Page == 0)
        KeBugCheckEx(INSTALL_MORE_MEMORY, MmNumberOfPhysicalPages, MmLowestPhysicalPage, MmHighestPhysicalPage, 0);
    return Page;
}

// The first of 512 frames for a 2 MB page, 0 if there are none in a row.
PFN_NUMBER MiTakeBootLargePage(VOID)
{
    return MiTakeFromRuns(MI_LARGE_PAGE_SIZE);
}

// Maps one zeroed 4 KB page at Va, making its page table if there is none.
VOID MiBootMapPage(ULONG_PTR Va)
{
    PMMPTE Pde = MiGetPdeAddress(Va), Pte = MiGetPteAddress(Va);

    if (!Pde->u.Hard.Valid) {
        MiWriteValidPte(Pde, MI_TABLE_PTE(MiTakeBootPage()));
        memset(PAGE_ALIGN(Pte), 0, PAGE_SIZE);
    }
    if (!Pte->u.Hard.Valid) {
        MiWriteValidPte(Pte, MI_KERNEL_PTE(MiTakeBootPage()));
        memset((PVOID)(Va & ~(ULONG_PTR)(PAGE_SIZE - 1)), 0, PAGE_SIZE);
    }
}

// Maps a zeroed 2 MB page at Va. FALSE if there are no 512 frames in a row.
BOOLEAN MiBootMapLargePage(ULONG_PTR Va)
{
    PFN_NUMBER Page;

    if (MiGetPdeAddress(Va)->u.Hard.Valid || (Page = MiTakeBootLargePage()) == 0)
        return FALSE;
    MiWriteValidPte(MiGetPdeAddress(Va), MI_KERNEL_PTE(Page) | MI_LARGE);
    memset((PVOID)Va, 0, MI_LARGE_PAGE_SIZE);
    return TRUE;
}

// Calls Routine for every free frame that was not taken, in ascending order.
VOID MiForEachBootPage(VOID (*Routine)(PFN_NUMBER Page))
{
    ULONG Index;

    for (Index = 0; Index < MiBootRunCount; Index++) {
        PFN_NUMBER Page = (PFN_NUMBER)(MiBootRuns[Index].Base >> PAGE_SHIFT);
        PFN_NUMBER End = (PFN_NUMBER)((MiBootRuns[Index].Base + MiBootRuns[Index].Length) >> PAGE_SHIFT);

        for (; Page < End; Page++)
            Routine(Page);
    }
    MiBootRunCount = 0;
}
