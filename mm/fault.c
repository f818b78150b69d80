// SPDX-License-Identifier: MIT
// The page-fault handler: decides what a fault means and has it resolved. Locks are dropped for every wait, and then
// the whole question is asked again, because in the meantime everything may have changed.

#include "mi.h"

// At raised IRQL (or in nonpaged system space) only what needs no lock and no wait can be right: the entry became valid
// in the meantime.
NTSTATUS MiRaisedFault(ULONG FaultStatus, PVOID Va)
{
    PMMPTE Pte = MiPteIfTable(Va);

    if (Pte != NULL && Pte->u.Hard.Valid && (!(FaultStatus & MI_FAULT_WRITE) || Pte->u.Hard.Write)) {
        KeInvalidatePage(Va);
        return STATUS_SUCCESS;
    }
    return MM_FAULT_AT_RAISED_IRQL;
}

// The processor found the entry valid but the access not allowed, or had an old translation.
static NTSTATUS MiValidPteFault(PMI_FAULT Fault)
{
    MMPTE Pte = *Fault->Pte;

    if (Fault->Execute && Pte.u.Hard.NoExecute && !MiAllowExecution(Fault->Process, Fault->Pte))
        return STATUS_ACCESS_VIOLATION;
    if (Fault->Write && !Pte.u.Hard.Write)
        return Pte.u.Hard.CopyOnWrite ? MiCopyOnWrite(Fault) : STATUS_ACCESS_VIOLATION;
    KeInvalidatePage(Fault->Va);
    MiTraceResolution(Fault, MiStaleTranslation, MI_PTE_FRAME(&Pte));
    return STATUS_SUCCESS;
}

// A guard page fires once: the entry loses its guard, and the access raises. The working set lock is held.
static NTSTATUS MiFireGuard(PMI_FAULT Fault, PMMVAD Vad, ULONG Protection)
{
    NTSTATUS Status = MiMakePageTable(Fault->Process, Fault->Va);
    PMMPTE Pte = Fault->Pte;
    KIRQL OldIrql;

    if (!NT_SUCCESS(Status))
        return Status;
    Protection &= ~(ULONG)MM_GUARD_PAGE;
    OldIrql = MiLockPfn(); // a transition entry changes when its page is reused
    if (Pte->u.Long == 0) {
        MiCountUsedPte(Fault->Va, 1);
        MiWriteInvalidPte(Pte, Vad->u.VadFlags.PrivateMemory ? MI_DEMAND_ZERO(Protection)
                                                             : MI_PROTO_PTE(MI_PTE_LOOKUP, Protection));
    } else if (Pte->u.Soft.Prototype) {
        Pte->u.Proto.Protection = Protection;
    } else {
        if (Pte->u.Soft.Transition)
            MI_PFN_ELEMENT(MI_PTE_FRAME(Pte))->OriginalPte.u.Soft.Protection = Protection;
        Pte->u.Soft.Protection = Protection;
    }
    MiUnlockPfn(OldIrql);
    return STATUS_GUARD_PAGE_VIOLATION;
}

static NTSTATUS MiCheckAccess(PMI_FAULT Fault, PMMVAD Vad, ULONG Protection)
{
    if (MI_IS_NO_ACCESS(Protection))
        return STATUS_ACCESS_VIOLATION;
    if (Fault->Write && !MI_IS_WRITABLE(Protection))
        return STATUS_ACCESS_VIOLATION;
    if (Fault->Execute && !MI_IS_EXECUTABLE(Protection) && MmNoExecute != 0 &&
        !(Fault->Process->ExecuteOptions & MEM_EXECUTE_OPTION_ENABLE))
        return STATUS_ACCESS_VIOLATION;
    if (MI_IS_GUARD(Protection))
        return MiFireGuard(Fault, Vad, Protection);
    return STATUS_SUCCESS;
}

// A private page that lost its valid entry, for its protection or because it was trimmed: it is still there.
static NTSTATUS MiResolveTransition(PMI_FAULT Fault)
{
    PMMPTE Pte = Fault->Pte;
    KIRQL OldIrql = MiLockPfn();
    PFN_NUMBER Page = MI_PTE_FRAME(Pte);
    PMMPFN Pfn = MI_PFN_ELEMENT(Page);
    ULONGLONG Mask = MmProtectToPteMask[Pte->u.Trans.Protection] | MI_USER;

    if (!Pte->u.Soft.Transition) {
        MiUnlockPfn(OldIrql); // the page was reused in this instant
        return STATUS_RETRY;
    }
    if (Pfn->u3.e1.ReadInProgress) {
        MiShareInPage(Fault, Pfn);
        MiUnlockPfn(OldIrql);
        return MI_STATUS_READ;
    }
    MiActivateTransitionPage(Pfn);
    if (Fault->Write && (Mask & MI_WRITE)) {
        MiMakePageDirty(Pfn);
        Mask |= MI_DIRTY;
    }
    MiWriteValidPte(Pte, ((ULONGLONG)Page << PAGE_SHIFT) | Mask);
    MiUnlockPfn(OldIrql);
    MiAddToWorkingSet(&Fault->Process->Vm, Fault->Va, MI_PFN_ELEMENT(Page));
    MiTraceResolution(Fault, MiPrivateTransition, Page);
    return STATUS_SUCCESS;
}

// The page that every process can read without a descriptor.
static NTSTATUS MiMapSharedUserData(PMI_FAULT Fault)
{
    NTSTATUS Status;

    if (Fault->Write || (Fault->Execute && MmNoExecute != 0))
        return STATUS_ACCESS_VIOLATION;
    Status = MiMakePageTable(Fault->Process, Fault->Va);
    if (!NT_SUCCESS(Status))
        return Status;
    MiCountUsedPte(Fault->Va, 1);
    MiWriteValidPte(Fault->Pte,
                    ((ULONGLONG)MiGetFrame(SharedUserData) << PAGE_SHIFT) | MmProtectToPteMask[MM_READONLY] | MI_USER);
    return STATUS_SUCCESS;
}

// The entry is not valid. The working set lock is held.
static NTSTATUS MiInvalidPteFault(PMI_FAULT Fault, BOOLEAN Table)
{
    PMMVAD Vad;
    ULONG Protection;
    NTSTATUS Status;
    PMMPTE Proto;
    MMPTE Seen = {.u.Long = 0};

    Vad = MiLocateVad(&Fault->Process->VadRoot, MI_VPN(Fault->Va));
    if (Vad == NULL)
        return MiIsSharedDataPage(Fault->Va) ? MiMapSharedUserData(Fault) : STATUS_ACCESS_VIOLATION;
    if (Vad->u.VadFlags.PrivateMemory && (!Table || Fault->Pte->u.Long == 0)) {
        // The most frequent case: memory committed as a whole and not touched so far.
        if (!Vad->u.VadFlags.MemCommit)
            return MiIsSharedDataPage(Fault->Va) ? MiMapSharedUserData(Fault) : STATUS_ACCESS_VIOLATION;
        Protection = Vad->u.VadFlags.Protection;
    } else {
        Protection = MiPageProtection(Vad, MI_VPN(Fault->Va));
    }
    Status = MiCheckAccess(Fault, Vad, Protection);
    if (Status != STATUS_SUCCESS)
        return Status;
    if (Table && Fault->Pte->u.Long != 0) {
        Seen = MiReadPte(Fault->Pte);
        if (Seen.u.Soft.Transition && !Seen.u.Soft.Prototype)
            return MiResolveTransition(Fault);
        if (MI_IS_PAGE_FILE_PTE(&Seen))
            return MiResolvePageFile(Fault);
        if (MI_IS_CLONE_PTE(&Seen))
            return MiResolveClone(Fault, Protection, MI_CLONE_PROTO(&Seen));
    }
    if (Vad->u.VadFlags.PrivateMemory || (Seen.u.Long != 0 && !Seen.u.Soft.Prototype))
        return MiResolveDemandZero(Fault, Protection);
    Proto = MiVadPrototype(Vad, MI_VPN(Fault->Va));
    Fault->LastProto =
        Proto <= Vad->LastContiguousPte && Proto >= Vad->FirstPrototypePte ? Vad->LastContiguousPte : NULL;
    return Proto == NULL ? STATUS_ACCESS_VIOLATION : MiResolvePrototype(Fault, Protection, Proto);
}

// What a fault ended with, outside of the locks: waits for what it has to wait for. STATUS_RETRY: ask again. A read
// that failed for want of pool is no error of the page's: it is tried again when there may be some.
NTSTATUS MiFinishFault(PMI_FAULT Fault, NTSTATUS Status, PULONG Attempt)
{
    BOOLEAN Read = Status == MI_STATUS_READ;

    if (Read) {
        MiTraceResolution(Fault, MiReadFromDisk, Fault->Issue);
        Status = MiWaitForPageRead(Fault);
        if (NT_SUCCESS(Status))
            return STATUS_RETRY;
    }
    if (Status != MI_STATUS_NO_PAGE && (!Read || Status != STATUS_INSUFFICIENT_RESOURCES))
        return Status;
    return MiWaitForFreePage((*Attempt)++) ? STATUS_RETRY : STATUS_NO_MEMORY;
}

// A fault on an address of user space, whoever caused it.
NTSTATUS MiUserFault(ULONG FaultStatus, PVOID Va, KPROCESSOR_MODE Mode)
{
    PEPROCESS Process = PsGetCurrentProcess();
    ULONG Attempt = 0;
    NTSTATUS Status;
    MI_FAULT Fault;

    if ((ULONG_PTR)Va > (ULONG_PTR)MM_HIGHEST_USER_ADDRESS)
        return STATUS_ACCESS_VIOLATION;
    if (Mode == KernelMode && (FaultStatus & MI_FAULT_EXECUTE))
        return STATUS_ACCESS_VIOLATION; // the kernel never runs user code
    Fault.Va = Va;
    Fault.Pte = MiGetPteAddress(Va);
    Fault.Process = Process;
    Fault.Write = (FaultStatus & MI_FAULT_WRITE) != 0;
    Fault.Execute = (FaultStatus & MI_FAULT_EXECUTE) != 0;
    Fault.Single = FALSE;
    Fault.LastProto = NULL;
    ASSERT(Process->WorkingSetLock.Owner != KeGetCurrentThread());
    do {
        BOOLEAN Table;

        MiLockWorkingSet(Process);
        Process->Vm.PageFaultCount++;
        Table = MiGetPdeAddress(Va)->u.Hard.Valid;
        if (Table && MiGetPdeAddress(Va)->u.Hard.LargePage)
            Fault.Pte = MiGetPdeAddress(Va); // it says what a page's entry would
        if (Table && Fault.Pte->u.Hard.Valid)
            Status = MiValidPteFault(&Fault);
        else if (!MiReserveWsle(&Process->Vm))
            Status = MI_STATUS_NO_PAGE;
        else
            Status = MiInvalidPteFault(&Fault, Table);
        MiUnlockWorkingSet(Process);
        if (Status == STATUS_SUCCESS)
            return STATUS_SUCCESS;
        Status = MiFinishFault(&Fault, Status, &Attempt);
    } while (Status == STATUS_RETRY);
    if (Status == STATUS_GUARD_PAGE_VIOLATION)
        return MiGuardFault(Va);
    return Status;
}

// Resolves a page fault. FaultStatus is the processor's error code (SDM 3A 4.7), Va is CR2.
//
// IRQL: that of the faulting code; above APC_LEVEL nothing can be resolved. Interrupts may be on. Takes the working set
// lock of the process or the system; never called with one of them or the PFN lock held, as no such code may fault.
// Returns a success; or the status that the exception has; or MM_FAULT_AT_RAISED_IRQL. Windows Internals, "Page Fault
// Handling".
NTSTATUS MmAccessFault(ULONG FaultStatus, PVOID Va, KPROCESSOR_MODE Mode, PVOID TrapFrame)
{
    if (MmIsSpecialPoolAddress(Va) && Mode == KernelMode) {
        if (TrapFrame != NULL && ExRepairSListFault(TrapFrame))
            return STATUS_SUCCESS; // it may look at an entry that was freed
        MiCheckSpecialPoolFault(FaultStatus, Va, TrapFrame);
    }
    if (KeGetCurrentIrql() > APC_LEVEL)
        return MiRaisedFault(FaultStatus, Va);
    if (!MI_IS_USER_VA(Va))
        return MiSystemFault(FaultStatus, Va, Mode, TrapFrame);
    return MiUserFault(FaultStatus, Va, Mode);
}
