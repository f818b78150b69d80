// SPDX-License-Identifier: MIT
// Page tables of the user half. Each is made with the first entry it gets and goes with the last; the count of entries
// that are not 0 is kept in the frame's OriginalPte. The process's working set lock is held around everything here.

#include "mi.h"

#define MI_USED_ENTRIES_SHIFT 22 // MMPTE_SOFTWARE.UsedPageTableEntries, the top of the low half

// Makes sure that Va (user) has a page table. STATUS_NO_MEMORY: no frame to spare; the caller may wait and try again.
NTSTATUS MiMakePageTable(PEPROCESS Process, PVOID Va)
{
    PMMPTE Pde = MiGetPdeAddress(Va);
    PFN_NUMBER Page;

    UNREFERENCED_PARAMETER(Process);
    if (Pde->u.Hard.Valid)
        return STATUS_SUCCESS;
    ASSERT(Pde->u.Long == 0); // who comes here has brought it in
    Page = MmAvailablePages > MI_FAULT_RESERVE ? MiAllocateKernelPage(Pde) : 0;
    if (Page == 0)
        return STATUS_NO_MEMORY;
    MI_PFN_ELEMENT(Page)->OriginalPte.u.Long = 0;
    MiChargeCommitmentAlways(1);
    MiWriteValidPte(Pde, MI_USER_TABLE_PTE(Page));
    return STATUS_SUCCESS;
}

// As MiMakePageTable, but waits for a frame, or for a table that is out to come in: drops the working set lock
// meanwhile, so the caller holds the address creation lock, which keeps the descriptors as they are.
NTSTATUS MiMakePageTableWait(PEPROCESS Process, PVOID Va)
{
    ULONG Attempt;

    for (Attempt = 0;; Attempt++) {
        NTSTATUS Status = MiIsTableOut(MiGetPdeAddress(Va)) ? MiBringPageTable(Process, Va) : STATUS_SUCCESS;
        BOOLEAN Hope;

        if (!NT_SUCCESS(Status) || NT_SUCCESS(MiMakePageTable(Process, Va)))
            return Status;
        MiUnlockWorkingSet(Process);
        Hope = MiWaitForFreePage(Attempt);
        MiLockWorkingSet(Process);
        if (!Hope)
            return STATUS_NO_MEMORY;
    }
}

// An entry for Va becomes used (+1) or 0 (-1). The table itself stays; MiDeletePageTable looks.
VOID MiCountUsedPte(PVOID Va, LONG Change)
{
    PMMPFN Pfn = MI_PFN_ELEMENT(MI_PTE_FRAME(MiGetPdeAddress(Va)));

    Pfn->OriginalPte.u.Low += (ULONG)Change << MI_USED_ENTRIES_SHIFT;
}

// Frees the page table of Va if no entry in it is used. TRUE if there is none now. Takes the PFN lock, so that who
// holds that may read a table that it has found (MiTryLockPage).
BOOLEAN MiDeletePageTable(PEPROCESS Process, PVOID Va)
{
    PMMPTE Pde = MiGetPdeAddress(Va);
    PVOID Stale[] = {MiGetPteAddress(Va), Va}; // its place in the self map; processors cache directory entries (4.10.3)
    PMMPFN Pfn;
    KIRQL OldIrql;

    UNREFERENCED_PARAMETER(Process);
    if (!Pde->u.Hard.Valid)
        return Pde->u.Long == 0; // one that is out is not empty
    Pfn = MI_PFN_ELEMENT(MI_PTE_FRAME(Pde));
    if (Pfn->OriginalPte.u.Soft.UsedPageTableEntries != 0)
        return FALSE;
    OldIrql = MiLockPfn();
    MiWriteInvalidPte(Pde, 0);
    KeFlushMultipleTb(RTL_NUMBER_OF(Stale), Stale, FALSE);
    Pfn->u3.e1.Deleted = 1;
    MiDecrementShareCount(Pfn);
    MiUnlockPfn(OldIrql);
    MiReturnCommitment(1, NULL);
    return TRUE;
}
