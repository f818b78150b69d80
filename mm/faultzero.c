// SPDX-License-Identifier: MIT
// Private pages: demand-zero faults and copy-on-write. The working set lock is held.

#include "mi.h"

// Takes a frame for the current process's entry Pte, which maps it next, and counts that. 0: none to spare.
static PFN_NUMBER MiTakePrivatePage(PMMPTE Pte, PVOID Va, ULONG Protection, PBOOLEAN Zeroed, PULONG Counter)
{
    KIRQL OldIrql = MiLockPfn();
    PFN_NUMBER Page = 0;

    if (MmAvailablePages > MI_FAULT_RESERVE) {
        Page = MiRemoveZeroPage(MiHighNode, Zeroed);
        MiInitializePfn(Page, Pte, MI_PTE_FRAME(MiGetPdeAddress(Va)), Protection);
        MiSetPagePriority(MI_PFN_ELEMENT(Page));
        (*Counter)++;
    }
    MiUnlockPfn(OldIrql);
    return Page;
}

// A page of private memory that has not been touched: maps a zeroed frame. Protection was checked.
NTSTATUS MiResolveDemandZero(PMI_FAULT Fault, ULONG Protection)
{
    PEPROCESS Process = Fault->Process;
    ULONGLONG Mask;
    PFN_NUMBER Page;
    BOOLEAN Zeroed;
    NTSTATUS Status;

    Status = MiMakePageTable(Process, Fault->Va);
    if (!NT_SUCCESS(Status))
        return Status;
    if (MI_IS_COPY_ON_WRITE(Protection))
        Protection--; // nothing to share, so simply writable
    Page = MiTakePrivatePage(Fault->Pte, Fault->Va, Protection, &Zeroed, &MiStatistics.DemandZeroFaults);
    if (Page == 0)
        return MI_STATUS_NO_PAGE;
    if (!Zeroed)
        MiZeroPage(Page);
    if (Fault->Pte->u.Long == 0)
        MiCountUsedPte(Fault->Va, 1);
    Mask = MmProtectToPteMask[Protection] | MI_USER;
    if (Fault->Write)
        Mask |= MI_DIRTY; // saves the processor the trouble; nobody else may (writewatch.c)
    MiWriteValidPte(Fault->Pte, ((ULONGLONG)Page << PAGE_SHIFT) | Mask);
    Process->NumberOfPrivatePages++;
    MiAddToWorkingSet(&Process->Vm, Fault->Va, MI_PFN_ELEMENT(Page));
    MiTraceResolution(Fault, MiDemandZero, Page);
    return STATUS_SUCCESS;
}

// A write to a shared page that is to be copied on write: this process gets its own copy; the page and every other
// mapping of it stay as they are. A clone's page that nobody else names any more is not copied.
NTSTATUS MiCopyOnWrite(PMI_FAULT Fault)
{
    MMPTE Old = *Fault->Pte;
    ULONG Protection = MiValidPteProtection(&Old) - 1;
    PFN_NUMBER Source = MI_PTE_FRAME(&Old), Page;
    PMMPTE Proto = MI_PFN_ELEMENT(Source)->PteAddress;
    BOOLEAN Zeroed;
    KIRQL OldIrql;

    ASSERT(MI_PFN_ELEMENT(Source)->u3.e1.PrototypePte);
    if (Fault->Process->CloneRoot.Root != NULL && MiTakeOverClone(Fault->Process, Fault->Pte, Fault->Va, TRUE)) {
        MiTraceResolution(Fault, MiCopiedOnWrite, Source);
        return STATUS_SUCCESS;
    }
    Page = MiTakePrivatePage(Fault->Pte, Fault->Va, Protection, &Zeroed, &MiStatistics.CopyOnWriteFaults);
    if (Page == 0)
        return MI_STATUS_NO_PAGE;
    MiCopyPage(Page, Source);
    OldIrql = MiLockPfn();
    MiExchangePte(Fault->Pte, ((ULONGLONG)Page << PAGE_SHIFT) | MmProtectToPteMask[Protection] | MI_USER | MI_DIRTY);
    KeFlushSingleTb(Fault->Va, FALSE);
    MiReplaceInWorkingSet(&Fault->Process->Vm, Fault->Va, MI_PFN_ELEMENT(Source), MI_PFN_ELEMENT(Page));
    MiDecrementShareCount(MI_PFN_ELEMENT(Source));
    if (MiLocateClone(Fault->Process, Proto) != NULL)
        MiReleaseClonePte(Fault->Process, Proto);
    MiUnlockPfn(OldIrql);
    if (Fault->Process->DeadClones != 0)
        MiReapClones(Fault->Process);
    Fault->Process->NumberOfPrivatePages++;
    MiTraceResolution(Fault, MiCopiedOnWrite, Page);
    return STATUS_SUCCESS;
}
