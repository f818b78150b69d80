// SPDX-License-Identifier: MIT
// Shared pages: a fault on an entry whose truth is in a prototype PTE. The page may be active (somebody maps it), in
// transition, still to be zeroed, or in the file. The working set lock of the process, or the system's, is held.

#include "mi.h"

// Maps the now valid prototype's page. Its share count already includes us. The PFN lock is held.
static VOID MiMapPrototypePage(PMI_FAULT Fault, PFN_NUMBER Page, ULONG Protection)
{
    ULONGLONG Pte = ((ULONGLONG)Page << PAGE_SHIFT);

    if (Fault->Process == NULL) {
        MiWriteValidPte(Fault->Pte, MiSystemPte(Fault->Va, Page) & ~MI_DIRTY);
        return;
    }
    if (Fault->Pte->u.Long == 0)
        MiCountUsedPte(Fault->Va, 1);
    MiWriteValidPte(Fault->Pte, Pte | MmProtectToPteMask[Protection] | MI_USER);
}

// Page-file backed: the section's first touch of the page. The PFN lock is held.
static NTSTATUS MiZeroPrototypePage(PMI_FAULT Fault, PMMPTE Proto, ULONG Protection)
{
    BOOLEAN Zeroed;
    PFN_NUMBER Page;

    if (MmAvailablePages <= MI_FAULT_RESERVE)
        return MI_STATUS_NO_PAGE;
    Page = MiRemoveZeroPage(MiHighNode, &Zeroed);
    if (!Zeroed)
        MiZeroPage(Page);
    MiInitializePfn(Page, Proto, 0, Proto->u.Soft.Protection);
    MI_PFN_ELEMENT(Page)->u3.e1.PrototypePte = 1;
    MiSetPagePriority(MI_PFN_ELEMENT(Page));
    *(volatile ULONGLONG *)&Proto->u.Long = MI_KERNEL_PTE(Page);
    MiStatistics.DemandZeroFaults++;
    MiMapPrototypePage(Fault, Page, Protection);
    MiTraceResolution(Fault, MiSharedZero, Page);
    return STATUS_SUCCESS;
}

// Still in memory, mapped by nobody; or on its way in from the file. The PFN lock is held.
static NTSTATUS MiTransitionPrototypePage(PMI_FAULT Fault, PMMPTE Proto, ULONG Protection)
{
    PFN_NUMBER Page = MI_PTE_FRAME(Proto);
    PMMPFN Pfn = MI_PFN_ELEMENT(Page);

    if (Pfn->u3.e1.ReadInProgress) {
        MiShareInPage(Fault, Pfn);
        return MI_STATUS_READ;
    }
    MiActivateTransitionPage(Pfn);
    *(volatile ULONGLONG *)&Proto->u.Long = MI_KERNEL_PTE(Page);
    MiMapPrototypePage(Fault, Page, Protection);
    MiTraceResolution(Fault, MiSharedTransition, Page);
    return STATUS_SUCCESS;
}

static NTSTATUS MiResolvePrototypeLocked(PMI_FAULT Fault, ULONG Protection, PMMPTE Proto)
{
    if (Proto->u.Hard.Valid) {
        PFN_NUMBER Page = MI_PTE_FRAME(Proto);

        MI_PFN_ELEMENT(Page)->u2.ShareCount++;
        MiMapPrototypePage(Fault, Page, Protection);
        MiTraceResolution(Fault, MiSharedValid, Page);
        return STATUS_SUCCESS;
    }
    if (Proto->u.Long == 0)
        return STATUS_ACCESS_VIOLATION; // reserved, not committed
    if (Proto->u.Soft.Prototype)
        return MiStartPageRead(Fault, Proto);
    if (Proto->u.Soft.Transition)
        return MiTransitionPrototypePage(Fault, Proto, Protection);
    if (MI_IS_PAGE_FILE_PTE(Proto))
        return MiStartPageFileRead(Fault, Proto, max_of(Proto, Fault->LastProto));
    return MiZeroPrototypePage(Fault, Proto, Protection);
}

// An untouched zero page of an image's data: nothing to share, so it is private from the start.
static BOOLEAN MiIsPrivateZeroPage(PMI_FAULT Fault, ULONG Protection, const MMPTE *Proto)
{
    return Fault->Process != NULL && MI_IS_COPY_ON_WRITE(Protection) && Fault->Write && !Proto->u.Hard.Valid &&
           !Proto->u.Soft.Prototype && !Proto->u.Soft.Transition && Proto->u.Long != 0 && !MI_IS_PAGE_FILE_PTE(Proto);
}

// Resolves a fault through a prototype PTE. Protection was checked; 0 pages to spare or a read to wait for come back as
// MI_STATUS_NO_PAGE, MI_STATUS_READ.
NTSTATUS MiResolvePrototype(PMI_FAULT Fault, ULONG Protection, PMMPTE Proto)
{
    PMMINPAGE_SUPPORT Spare = NULL;
    MMPTE Seen;
    KIRQL OldIrql;
    NTSTATUS Status;

    if (Fault->Process != NULL) {
        Status = MiMakePageTable(Fault->Process, Fault->Va);
        if (!NT_SUCCESS(Status))
            return Status;
    }
    // The block for a read comes from the pool, so not under the PFN lock; what one look says here may have changed
    // then. Without a block the fault comes back.
    Seen.u.Low = *(volatile ULONG *)&Proto->u.Low;
    Seen.u.High = *(volatile ULONG *)&Proto->u.High;
    if ((!Seen.u.Hard.Valid && Seen.u.Soft.Prototype) || MI_IS_PAGE_FILE_PTE(&Seen))
        Spare = MiAllocateInPage();
    Fault->InPage = Spare;
    OldIrql = MiLockPfn();
    if (MiIsPrivateZeroPage(Fault, Protection, Proto)) {
        MiUnlockPfn(OldIrql);
        if (Spare != NULL)
            MiDereferenceInPage(Spare);
        return MiResolveDemandZero(Fault, Protection);
    }
    Status = MiResolvePrototypeLocked(Fault, Protection, Proto);
    MiUnlockPfn(OldIrql);
    if (Spare != NULL && (Status != MI_STATUS_READ || !Fault->Issue))
        MiDereferenceInPage(Spare);
    if (Status == STATUS_SUCCESS && (Fault->Process != NULL || !MI_IS_SESSION_VA(Fault->Va)))
        // not under the PFN lock: the list's hash table may have to grow
        MiAddToWorkingSet(Fault->Process != NULL ? &Fault->Process->Vm : &MmSystemCacheWs, Fault->Va,
                          MI_PFN_ELEMENT(MI_PTE_FRAME(Fault->Pte)));
    if (Status == STATUS_SUCCESS && Fault->Write && Fault->Process != NULL && Fault->Pte->u.Hard.CopyOnWrite)
        return MiCopyOnWrite(Fault);
    return Status;
}
