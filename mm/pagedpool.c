// SPDX-License-Identifier: MIT
// The pages of paged pool and of session 0's pool, which are really paged: an allocation gets demand-zero entries; a page comes
// with the first touch, into the system working set, from which it is trimmed like any other page: on the modified
// list, written to a page file, reused, and read back when it is touched again. So it may be touched at IRQL <=
// APC_LEVEL only, and not while Mm's own locks are held. What the system allocates before phase 1 stays resident.

#include "mi.h"

#define MI_TRIM_PERIOD (-50000ll) // 5 ms, with /TRIMPAGED

static BOOLEAN MiPageablePool; // phase 1 has come

// Is this an address of paged or session pool? Any IRQL.
BOOLEAN MiIsPoolAddress(PVOID Va)
{
    return MmPoolOfAddress(Va) != MM_POOL_NONPAGED;
}

// Makes the pages of a reserved range of pool allocated; its page tables exist. IRQL <= APC_LEVEL. Commitment is
// charged. STATUS_COMMITMENT_LIMIT, STATUS_NO_MEMORY: nothing has changed.
NTSTATUS MiCommitPool(PVOID Va, ULONG Pages)
{
    PMMPTE Pte = MiGetPteAddress(Va);
    ULONG Index;

    if (!MiPageablePool || MiIsResidentSession(Va))
        return MiPopulate(Va, Pages);
    if (!MiChargeCommitment(Pages, NULL))
        return STATUS_COMMITMENT_LIMIT;
    for (Index = 0; Index < Pages; Index++)
        MiWriteInvalidPte(&Pte[Index], MI_DEMAND_ZERO(MM_READWRITE));
    return STATUS_SUCCESS;
}

// Makes one entry 0. The system working set lock and the PFN lock are held; the caller flushes Flush.
static VOID MiDeletePoolPte(PMMPTE Pte, PVOID Va, PMI_TB_FLUSH Flush)
{
    MMPTE Old = *Pte;

    if (Old.u.Hard.Valid) {
        PMMPFN Pfn = MI_PFN_ELEMENT(MI_PTE_FRAME(&Old));

        MiExchangePte(Pte, 0);
        MiAddTbFlush(Flush, Va);
        if (MiLocateWsle(MmSystemCacheWs.VmWorkingSetList, Va, Pfn) != MI_WSLE_NONE) // since before phase 1 if not
            MiRemoveFromWorkingSet(&MmSystemCacheWs, Va, Pfn);
        MiReleasePageFileSpace(&Pfn->OriginalPte);
        Pfn->u3.e1.Deleted = 1;
        MiDecrementShareCount(Pfn);
        return;
    }
    MiWriteInvalidPte(Pte, 0);
    if (Old.u.Soft.Transition)
        MiFreeTransitionPage(MI_PFN_ELEMENT(MI_PTE_FRAME(&Old)));
    else if (MI_IS_PAGE_FILE_PTE(&Old))
        MiReleasePageFileSpace(&Old);
}

// Takes an allocation's pages away, wherever they are. IRQL <= APC_LEVEL. Takes the system working set lock and the PFN
// lock. Afterwards the addresses may be given out again.
VOID MiDecommitPool(PVOID Va, ULONG Pages)
{
    PMMPTE Pte = MiGetPteAddress(Va);
    ULONG Index = 0;

    if (MiIsResidentSession(Va)) {
        MiDepopulate(Va, Pages);
        return;
    }
    KeAcquireGuardedMutex(&MmSystemWorkingSetLock);
    while (Index < Pages) {
        ULONG Last = min_of(Pages, Index + MI_PTE_BATCH);
        KIRQL OldIrql = MiLockPfn();
        MI_TB_FLUSH Flush = {.Count = 0};

        for (; Index < Last; Index++)
            MiDeletePoolPte(&Pte[Index], (PCHAR)Va + Index * PAGE_SIZE, &Flush);
        MiFlushTb(&Flush, TRUE);
        MiUnlockPfn(OldIrql);
    }
    KeReleaseGuardedMutex(&MmSystemWorkingSetLock);
    MiReturnCommitment(Pages, NULL);
}

static NTSTATUS MiResolvePoolDemandZero(PMI_FAULT Fault)
{
    BOOLEAN Zeroed;
    PFN_NUMBER Page = 0;
    KIRQL OldIrql = MiLockPfn();

    if (MmAvailablePages > MI_FAULT_RESERVE) {
        Page = MiRemoveZeroPage(MiLowNode, &Zeroed);
        MiInitializePfn(Page, Fault->Pte, MI_PTE_FRAME(MiGetPdeAddress(Fault->Va)), MM_READWRITE);
        MiSetPagePriority(MI_PFN_ELEMENT(Page));
        MiStatistics.DemandZeroFaults++;
    }
    MiUnlockPfn(OldIrql);
    if (Page == 0)
        return MI_STATUS_NO_PAGE;
    if (!Zeroed)
        MiZeroPage(Page);
    MiWriteValidPte(Fault->Pte, MiSystemPte(Fault->Va, Page));
    MiAddToWorkingSet(&MmSystemCacheWs, Fault->Va, MI_PFN_ELEMENT(Page));
    return STATUS_SUCCESS;
}

static NTSTATUS MiResolvePoolTransition(PMI_FAULT Fault)
{
    KIRQL OldIrql = MiLockPfn();
    PFN_NUMBER Page = MI_PTE_FRAME(Fault->Pte);
    PMMPFN Pfn = MI_PFN_ELEMENT(Page);
    ULONGLONG Entry;

    if (!Fault->Pte->u.Soft.Transition) {
        MiUnlockPfn(OldIrql); // the page was reused in this instant
        return STATUS_RETRY;
    }
    if (Pfn->u3.e1.ReadInProgress) {
        MiShareInPage(Fault, Pfn);
        MiUnlockPfn(OldIrql);
        return MI_STATUS_READ;
    }
    if (MI_IS_EXECUTABLE(Fault->Pte->u.Trans.Protection))
        Entry = ((ULONGLONG)Page << PAGE_SHIFT) | MI_VALID | MI_ACCESSED | MmGlobal;
    else
        Entry = MiSystemPte(Fault->Va, Page) & ~(Fault->Write ? 0 : (ULONGLONG)MI_DIRTY);
    MiActivateTransitionPage(Pfn);
    if (Entry & MI_DIRTY)
        MiMakePageDirty(Pfn);
    MiWriteValidPte(Fault->Pte, Entry);
    MiUnlockPfn(OldIrql);
    MiAddToWorkingSet(&MmSystemCacheWs, Fault->Va, Pfn);
    return STATUS_SUCCESS;
}

// A touch of paged or session pool, or of pageable code, whose entry is not valid. The system working set lock is held,
// and there is room in the set. Returns MI_STATUS_READ and MI_STATUS_NO_PAGE too; STATUS_ACCESS_VIOLATION: not
// allocated.
NTSTATUS MiResolvePoolFault(PMI_FAULT Fault)
{
    MMPTE Pte = *Fault->Pte;

    if (Pte.u.Long == 0)
        return STATUS_ACCESS_VIOLATION;
    if (Pte.u.Soft.Transition)
        return MiResolvePoolTransition(Fault);
    if (MI_IS_PAGE_FILE_PTE(&Pte))
        return MiResolvePageFile(Fault);
    return MiResolvePoolDemandZero(Fault);
}

// Takes every page of the pools out of the system working set, whether there is a page file or not: what touches one at
// a raised IRQL is found. For tests. IRQL <= APC_LEVEL. Returns how many went.
ULONG MiTrimPool(VOID)
{
    static const MI_TRIM Everything = {.Age = 0, .Quota = MAXULONG, .Private = TRUE};

    return MiTrimSet(NULL, &Everything, TRUE);
}

#if DBG
static VOID NTAPI MiPoolTrimmer(PVOID Context)
{
    LARGE_INTEGER Period = {.QuadPart = MI_TRIM_PERIOD};

    UNREFERENCED_PARAMETER(Context);
    KeSetPriorityThread(KeGetCurrentThread(), LOW_REALTIME_PRIORITY);
    for (;;) {
        IGNORE_STATUS(KeDelayExecutionThread(KernelMode, FALSE, &Period));
        MiTrimPool();
    }
}
#endif

// Phase 1: threads can wait for pages from now on. /TRIMPAGED (checked builds): no page of the pools stays for long.
BOOLEAN MiInitializePageablePool(VOID)
{
    MiPageablePool = TRUE;
    MiMakeCodePageable();
#if DBG
    if (KeFindBootOption("/TRIMPAGED") != NULL) {
        HANDLE Handle;

        if (!NT_SUCCESS(PsCreateSystemThread(&Handle, THREAD_ALL_ACCESS, NULL, NULL, NULL, MiPoolTrimmer, NULL)))
            return FALSE;
        ObCloseHandle(Handle, KernelMode);
    }
#endif
    return TRUE;
}
