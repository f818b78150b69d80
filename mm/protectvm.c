// SPDX-License-Identifier: MIT
// Changing the protection of committed pages (NtProtectVirtualMemory). A page that gets no access or a guard loses its
// valid entry and becomes a transition page, so that the next access comes to the fault handler.

#include "mi.h"

// Is a page of a mapped view charged to the view: written to, or promised to be (copy-on-write)?
static BOOLEAN MiIsChargedPage(PEPROCESS Process, const MMPTE *Pte, ULONG Protection)
{
    if (Pte->u.Hard.Valid && !MI_PFN_ELEMENT(MI_PTE_FRAME(Pte))->u3.e1.PrototypePte)
        return TRUE;
    if (!Pte->u.Hard.Valid && Pte->u.Long != 0 && !Pte->u.Soft.Prototype)
        return TRUE; // private: transition or demand zero
    if (MiIsCloneEntry(Process, Pte))
        return TRUE;
    return MI_IS_COPY_ON_WRITE(Protection);
}

static ULONG MiPrivateProtection(ULONG Protection)
{
    return MI_IS_COPY_ON_WRITE(Protection) ? Protection - 1 : Protection; // a private copy is simply writable
}

// What an entry that names a prototype keeps: a clone's as if the page were private.
static ULONG MiInvalidProtection(ULONG_PTR Proto, ULONG Protection)
{
    return Proto == MI_PTE_LOOKUP ? Protection : MiPrivateProtection(Protection);
}

// The PFN lock is held. Flush collects the page.
static VOID MiProtectValidPte(PEPROCESS Process, PMMPTE Pte, PVOID Va, ULONG Protection, PMI_TB_FLUSH Flush)
{
    PMMPFN Pfn = MI_PFN_ELEMENT(MI_PTE_FRAME(Pte));
    BOOLEAN Shared = Pfn->u3.e1.PrototypePte;
    ULONG_PTR Proto = MI_PTE_LOOKUP;
    MMPTE Old;

    if (!Shared) {
        Protection = MiPrivateProtection(Protection);
        Pfn->OriginalPte.u.Soft.Protection = Protection;
    } else if (MiIsCloneEntry(Process, Pte)) {
        Proto = (ULONG_PTR)Pfn->PteAddress;
        Protection = MiCloneProtection(Protection);
    }
    MiAddTbFlush(Flush, Va);
    if (!MI_IS_NO_ACCESS(Protection) && !MI_IS_GUARD(Protection)) {
        Old = MiExchangePte(Pte, (Pte->u.Long & (MI_FRAME_MASK | MI_DIRTY)) | MmProtectToPteMask[Protection] | MI_USER);
        Pfn->u3.e1.Modified |= Old.u.Hard.Dirty;
        return;
    }
    MiCaptureWriteWatch(Process, Va, *Pte);
    Old = MiExchangePte(Pte, Shared ? MI_PROTO_PTE(Proto, MiInvalidProtection(Proto, Protection))
                                    : MI_TRANSITION_PTE(MI_PFN_NUMBER(Pfn), Protection));
    Pfn->u3.e1.Modified |= Old.u.Hard.Dirty;
    MiRemoveFromWorkingSet(&Process->Vm, Va, Pfn);
    MiDecrementShareCount(Pfn);
}

// One entry. The PFN lock is held. Flush collects the page.
static VOID MiProtectPte(PEPROCESS Process, PMMVAD Vad, PVOID Va, ULONG Protection, PMI_TB_FLUSH Flush)
{
    PMMPTE Pte = MiGetPteAddress(Va);

    if (Pte->u.Long == 0) {
        MiWriteInvalidPte(Pte, Vad->u.VadFlags.PrivateMemory ? MI_DEMAND_ZERO(Protection)
                                                             : MI_PROTO_PTE(MI_PTE_LOOKUP, Protection));
        MiCountUsedPte(Va, 1);
    } else if (Pte->u.Hard.Valid) {
        MiProtectValidPte(Process, Pte, Va, Protection, Flush);
    } else if (Pte->u.Soft.Prototype) {
        Pte->u.Proto.Protection = MiInvalidProtection(Pte->u.Proto.ProtoAddress, Protection);
    } else {
        Protection = MiPrivateProtection(Protection);
        if (Pte->u.Soft.Transition)
            MI_PFN_ELEMENT(MI_PTE_FRAME(Pte))->OriginalPte.u.Soft.Protection = Protection;
        Pte->u.Soft.Protection = Protection; // the same place in a transition entry
    }
}

// Which of the pages [StartVpn, Last], at most MI_PTE_BATCH, don't have the protection yet: bit n is page StartVpn + n.
static ULONG MiFindPagesToProtect(PMMVAD Vad, ULONG_PTR StartVpn, ULONG_PTR Last, ULONG Protection)
{
    ULONG Pages = 0;
    ULONG_PTR Vpn;

    _Static_assert(MI_PTE_BATCH <= 32, "a bit for each page");
    for (Vpn = StartVpn; Vpn <= Last; Vpn++) {
        if (MiPageProtection(Vad, Vpn) != Protection)
            Pages |= 1u << (Vpn - StartVpn);
    }
    return Pages;
}

// Charges or returns what the page's new protection costs the view. FALSE: over the limit.
static BOOLEAN MiChargeProtection(PEPROCESS Process, PMMVAD Vad, ULONG_PTR Vpn, ULONG Protection)
{
    PMMPTE Pte = MiGetPteAddress(MI_VA(Vpn));
    LONG Change;

    if (Vad->u.VadFlags.PrivateMemory)
        return TRUE;
    Change = MiIsChargedPage(Process, Pte, Protection) - MiIsChargedPage(Process, Pte, MiPageProtection(Vad, Vpn));
    if (Change > 0 && !MiChargeCommitment(1, Process))
        return FALSE;
    if (Change < 0)
        MiReturnCommitment(1, Process);
    Vad->u.VadFlags.CommitCharge += Change;
    return TRUE;
}

// The pages [StartVpn, Last] of one page table, at most MI_PTE_BATCH, in one hold of the PFN lock with one flush: who
// runs on another processor with an old translation must have lost it before a frame can be written out or reused.
static NTSTATUS MiProtectBatch(PEPROCESS Process, PMMVAD Vad, ULONG_PTR StartVpn, ULONG_PTR Last, ULONG Protection)
{
    ULONG Pages = MiFindPagesToProtect(Vad, StartVpn, Last, Protection), Index;
    NTSTATUS Status;
    MI_TB_FLUSH Flush;
    KIRQL OldIrql;

    if (Pages == 0)
        return STATUS_SUCCESS;
    if (!MiGetPdeAddress(MI_VA(StartVpn))->u.Hard.Valid) {
        Status = MiMakePageTableWait(Process, MI_VA(StartVpn));
        if (!NT_SUCCESS(Status))
            return Status;
        Pages = MiFindPagesToProtect(Vad, StartVpn, Last, Protection); // the lock was dropped
    }
    for (Index = 0; Index < MI_PTE_BATCH; Index++) {
        if ((Pages & (1u << Index)) && !MiChargeProtection(Process, Vad, StartVpn + Index, Protection))
            break;
    }
    Status = Index < MI_PTE_BATCH ? STATUS_COMMITMENT_LIMIT : STATUS_SUCCESS;
    Flush.Count = 0;
    OldIrql = MiLockPfn();
    while (Index-- != 0) {
        if (Pages & (1u << Index))
            MiProtectPte(Process, Vad, MI_VA(StartVpn + Index), Protection, &Flush);
    }
    MiFlushTb(&Flush, FALSE);
    MiUnlockPfn(OldIrql);
    return Status;
}

static NTSTATUS MiProtectPages(PEPROCESS Process, PMMVAD Vad, ULONG_PTR StartVpn, ULONG_PTR EndVpn, ULONG Protection)
{
    NTSTATUS Status = STATUS_SUCCESS;

    while (StartVpn <= EndVpn && NT_SUCCESS(Status)) {
        ULONG_PTR Last = min_of(EndVpn, StartVpn | (MI_PTE_BATCH - 1));

        Status = MiProtectBatch(Process, Vad, StartVpn, Last, Protection);
        StartVpn = Last + 1;
    }
    return Status;
}

// May a view that was mapped with ViewProtection get Protection? As in MiIsViewProtectionAllowed, for one view.
static NTSTATUS MiCheckNewProtection(PMMVAD Vad, PULONG Protection)
{
    if (Vad->u.VadFlags.NoChange || MI_IS_UNPAGED_VAD(Vad))
        return STATUS_INVALID_PAGE_PROTECTION;
    if (Vad->u.VadFlags.PrivateMemory)
        return MI_IS_COPY_ON_WRITE(*Protection) ? STATUS_INVALID_PAGE_PROTECTION : STATUS_SUCCESS;
    // A view that copies on write never writes to the file or image itself.
    if (MI_IS_COPY_ON_WRITE(Vad->u.VadFlags.Protection) && MI_IS_WRITABLE(*Protection))
        *Protection |= 1;
    if (!MI_IS_NO_ACCESS(*Protection) && !MiIsViewProtectionAllowed(Vad->u.VadFlags.Protection, *Protection))
        return STATUS_SECTION_PROTECTION;
    return STATUS_SUCCESS;
}

// Gives a committed range inside one descriptor a new protection. The address creation lock is held; takes the working
// set lock. OldProtection: the first page's before. STATUS_NOT_COMMITTED, STATUS_SECTION_PROTECTION,
// STATUS_INVALID_PAGE_PROTECTION: nothing has changed.
NTSTATUS MiProtectRange(PEPROCESS Process, PMMVAD Vad, ULONG_PTR StartVpn, ULONG_PTR EndVpn, ULONG Protection,
                        PULONG OldProtection)
{
    NTSTATUS Status = MiCheckNewProtection(Vad, &Protection);

    if (!NT_SUCCESS(Status))
        return Status;
    MiLockWorkingSet(Process);
    if (!MiIsRangeCommitted(Vad, StartVpn, EndVpn)) {
        Status = STATUS_NOT_COMMITTED;
    } else {
        *OldProtection = MiPageProtection(Vad, StartVpn);
        Status = MiProtectPages(Process, Vad, StartVpn, EndVpn, Protection);
    }
    MiUnlockWorkingSet(Process);
    return Status;
}

static NTSTATUS MiProtect(PEPROCESS Process, PVOID *Base, PSIZE_T Size, ULONG Protection, PULONG OldProtection)
{
    ULONG_PTR StartVpn = MI_VPN(*Base), EndVpn = MI_VPN((ULONG_PTR)*Base + *Size - 1);
    NTSTATUS Status = MiLockAddressSpace(Process);
    PMMVAD Vad;

    if (!NT_SUCCESS(Status))
        return Status;
    Vad = MiLocateVad(&Process->VadRoot, StartVpn);
    if (Vad == NULL || EndVpn > Vad->EndingVpn)
        Status = STATUS_CONFLICTING_ADDRESSES;
    else
        Status = MiProtectRange(Process, Vad, StartVpn, EndVpn, Protection, OldProtection);
    MiUnlockAddressSpace(Process);
    *Base = MI_VA(StartVpn);
    *Size = (EndVpn - StartVpn + 1) << PAGE_SHIFT;
    return Status;
}

// System service. WDK: ZwProtectVirtualMemory (the documented VirtualProtectEx).
NTSTATUS NTAPI NtProtectVirtualMemory(HANDLE Process, PVOID *BaseAddress, PSIZE_T RegionSize, ULONG NewProtect,
                                      PULONG OldProtect)
{
    ULONG Protection = MiMakeProtectionMask(NewProtect), OldProtection = MM_NOACCESS;
    MI_TARGET Target;
    NTSTATUS Status;
    PVOID Base;
    SIZE_T Size;
    ULONG Attempt = 0;

    PAGED_CODE();
    if (Protection == MM_INVALID_PROTECTION)
        return STATUS_INVALID_PAGE_PROTECTION;
    Status = MiCaptureRange(BaseAddress, RegionSize, &Base, &Size);
    if (!NT_SUCCESS(Status))
        return Status;
    if (Size == 0)
        return STATUS_INVALID_PARAMETER_3;
    SEH_TRY
    {
        if (ExGetPreviousMode() != KernelMode)
            ProbeForWriteType(OldProtect);
    }
    SEH_EXCEPT
    {
        return SEH_CODE();
    }
    SEH_END
    do {
        Status = MiAttachTarget(Process, PROCESS_VM_OPERATION, &Target);
        if (!NT_SUCCESS(Status))
            return Status;
        Status = MiProtect(Target.Process, &Base, &Size, Protection, &OldProtection);
        MiDetachTarget(&Target);
    } while (Status == STATUS_COMMITMENT_LIMIT && MiAskForCommitment(BYTES_TO_PAGES(Size), Attempt++));
    if (!NT_SUCCESS(Status))
        return Status;
    MiReturnRange(BaseAddress, RegionSize, Base, Size);
    SEH_TRY
    {
        *OldProtect = MiProtectionToValue(OldProtection);
    }
    SEH_EXCEPT
    {
    }
    SEH_END
    return Status;
}
