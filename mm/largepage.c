// SPDX-License-Identifier: MIT
// Memory in pages of 2 MB (MEM_LARGE_PAGES): 512 frames that follow each other, mapped by one directory entry, present
// from the allocation to the release and never paged. There is no page table, so nothing in Mm may look for one: the
// descriptor's type says so. Source: Intel SDM 3A 4.4.2; SDK, "Large-Page Support".

#include "mi.h"

static BOOLEAN MiIsAvailableRun(PFN_NUMBER First)
{
    ULONG Index;

    for (Index = 0; Index < PTES_PER_PAGE; Index++) {
        if (!MiIsPhysicalMemory(First + Index) || MI_PFN_ELEMENT(First + Index)->u3.e1.PageLocation > StandbyPageList)
            return FALSE;
    }
    return TRUE;
}

static VOID MiZeroRun(PFN_NUMBER First)
{
    ULONG Index;

    for (Index = 0; Index < PTES_PER_PAGE; Index++)
        MiZeroPage(First + Index);
}

// Takes 512 frames that lie together, from the top of memory downwards, and fills them with zeros. They are active,
// each with one mapping; nobody's entry names them yet. IRQL <= APC_LEVEL. Takes the PFN lock, once for each candidate
// that looks good without it. Returns the first, or 0: there is no such run, or too little would be left.
PFN_NUMBER MiTakeLargePage(VOID)
{
    PFN_NUMBER First = (MmHighestPhysicalPage + 1) & ~(PTES_PER_PAGE - 1);
    KIRQL OldIrql;
    ULONG Index;

    while (First >= PTES_PER_PAGE) {
        First -= PTES_PER_PAGE;
        if (First == 0 || First < MmLowestPhysicalPage || !MiIsAvailableRun(First))
            continue;
        OldIrql = MiLockPfn();
        if (MmAvailablePages > PTES_PER_PAGE + MI_LOW_MEMORY && MiIsAvailableRun(First)) {
            for (Index = 0; Index < PTES_PER_PAGE; Index++) {
                MiRemovePageByNumber(First + Index);
                MiInitializePfn(First + Index, NULL, 0, MM_READWRITE);
            }
            MiUnlockPfn(OldIrql);
            MiZeroRun(First);
            return First;
        }
        MiUnlockPfn(OldIrql);
    }
    return 0;
}

// Gives the frames of a large page back, each with its last reference. No entry names them any more, and no processor
// has a translation. IRQL <= APC_LEVEL. Takes the PFN lock, a batch at a time.
VOID MiFreeLargePage(PFN_NUMBER First)
{
    ULONG Index = 0;

    while (Index < PTES_PER_PAGE) {
        ULONG Last = Index + MI_PTE_BATCH;
        KIRQL OldIrql = MiLockPfn();

        for (; Index < Last; Index++) {
            MI_PFN_ELEMENT(First + Index)->u3.e1.Deleted = 1;
            MiDecrementShareCount(MI_PFN_ELEMENT(First + Index));
        }
        MiUnlockPfn(OldIrql);
    }
}

// Takes the directory entry of Va away. Returns the first of its frames, 0 if there was none. The working set lock is
// held.
PFN_NUMBER MiUnmapLargePage(PVOID Va)
{
    PVOID Stale[] = {MiGetPteAddress(Va), Va}; // its place in the self map, the page
    PMMPTE Pde = MiGetPdeAddress(Va);
    MMPTE Old = *Pde;
    KIRQL OldIrql;

    if (!Old.u.Hard.Valid || !Old.u.Hard.LargePage)
        return 0;
    OldIrql = MiLockPfn();
    Old = MiExchangePte(Pde, 0);
    KeFlushMultipleTb(RTL_NUMBER_OF(Stale), Stale, FALSE);
    MiUnlockPfn(OldIrql);
    return MI_PTE_FRAME(&Old);
}

// Maps 512 frames at Va. The address creation and working set locks are held; the process is attached to.
VOID MiMapLargePage(PEPROCESS Process, PVOID Va, PFN_NUMBER First, ULONG Protection)
{
    BOOLEAN Free = MiDeletePageTable(Process, Va); // one may be left of a fault that failed

    ASSERT(Free);
    UNREFERENCED_PARAMETER(Free);
    MiWriteValidPte(MiGetPdeAddress(Va),
                    ((ULONGLONG)First << PAGE_SHIFT) | MI_LARGE | MI_USER | MI_DIRTY | MmProtectToPteMask[Protection]);
}

// Gives every 2 MB of a new descriptor its frames. The address creation lock is held; takes the working set lock.
// STATUS_INSUFFICIENT_RESOURCES: memory is too scattered or too little; MiUnmapVad takes back what there is.
NTSTATUS MiPopulateLargePages(PEPROCESS Process, PMMVAD Vad)
{
    ULONG_PTR Vpn;

    for (Vpn = Vad->StartingVpn; Vpn <= Vad->EndingVpn; Vpn += PTES_PER_PAGE) {
        PFN_NUMBER First = MiTakeLargePage();

        if (First == 0)
            return STATUS_INSUFFICIENT_RESOURCES;
        MiLockWorkingSet(Process);
        MiMapLargePage(Process, MI_VA(Vpn), First, Vad->u.VadFlags.Protection);
        MiUnlockWorkingSet(Process);
    }
    return STATUS_SUCCESS;
}

// Takes all large pages of a descriptor away. Both locks of the process are held; it is attached to.
VOID MiDepopulateLargePages(PEPROCESS Process, PMMVAD Vad)
{
    ULONG_PTR Vpn;

    UNREFERENCED_PARAMETER(Process);
    for (Vpn = Vad->StartingVpn; Vpn <= Vad->EndingVpn; Vpn += PTES_PER_PAGE) {
        PFN_NUMBER First = MiUnmapLargePage(MI_VA(Vpn));

        if (First != 0)
            MiFreeLargePage(First);
    }
}
