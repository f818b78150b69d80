// SPDX-License-Identifier: MIT
// The kernel's pageable code (.page in linker.ld): whole files that run at IRQL <= APC_LEVEL, hold no lock of Mm's, and
// are not needed to bring a page in. Its pages belong to the system working set from phase 1 on; they leave memory by
// way of a page file like private pages, and are read back when they are executed.

#include "mi.h"

extern UCHAR KiPageStart[], KiPageEnd[];

// Any IRQL.
BOOLEAN MiIsPagedCode(PVOID Va)
{
    return (ULONG_PTR)Va >= (ULONG_PTR)KiPageStart && (ULONG_PTR)Va < (ULONG_PTR)KiPageEnd;
}

// Pages of pageable code, in memory or not. Any IRQL.
ULONG MiPagedCodePages(VOID)
{
    return ((ULONG_PTR)KiPageEnd - (ULONG_PTR)KiPageStart) >> PAGE_SHIFT;
}

// Makes the frame of one page, which the start has mapped for ever, a page like those that came by a fault. The system
// working set lock is held.
static VOID MiAdoptPage(PUCHAR Va)
{
    PMMPTE Pte = MiGetPteAddress(Va);
    PMMPFN Pfn = MI_PFN_ELEMENT(MI_PTE_FRAME(Pte));
    KIRQL OldIrql = MiLockPfn();

    Pfn->PteAddress = Pte;
    Pfn->PteFrame = MI_PTE_FRAME(MiGetPdeAddress(Va));
    Pfn->OriginalPte.u.Long = MI_DEMAND_ZERO(MM_EXECUTE_READ);
    Pfn->u3.e1.Modified = 1; // there is no other copy of it
    Pfn->u1.WsIndex = 0;
    MiSetPagePriority(Pfn);
    MiUnlockPfn(OldIrql);
    MiAddToSystemWorkingSet(Va, Pfn);
}

// Phase 1. The pages were not counted so far: what they can take from others now is added to both sides.
VOID MiMakeCodePageable(VOID)
{
    ULONG Pages = MiPagedCodePages(), Index;

    KeAcquireGuardedMutex(&MmSystemWorkingSetLock);
    for (Index = 0; Index < Pages && MiReserveWsle(&MmSystemCacheWs); Index++)
        MiAdoptPage(KiPageStart + Index * PAGE_SIZE);
    KeReleaseGuardedMutex(&MmSystemWorkingSetLock);
    MmTotalCommitLimit += Index;
    MiChargeCommitmentAlways(Index);
}
