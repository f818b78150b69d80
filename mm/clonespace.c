// SPDX-License-Identifier: MIT
// Cloning an address space (NtCreateProcess without a section): the child gets a copy of every descriptor that is
// inherited, and its page tables are filled with what names the parent's pages; nothing is copied before somebody
// writes. Inherited are private memory and views mapped with ViewShare; memory with write watch, AWE windows and large
// pages are not. The parent's address creation lock is held all the time; its working set lock for a batch of entries,
// so threads of the parent that run meanwhile may or may not be seen. The child is nobody else's so far.
// Source: Windows Internals, "Copy-on-Write", "Prototype PTEs"; the published Native API.

#include "mi.h"

static BOOLEAN MiIsInherited(PMMVAD Vad)
{
    if (MI_IS_UNPAGED_VAD(Vad) || Vad->u.VadFlags.VadType == VadWriteWatch)
        return FALSE;
    return Vad->u.VadFlags.PrivateMemory || Vad->u.VadFlags.Inherit;
}

static SIZE_T MiCloneCharge(PEPROCESS Parent)
{
    SIZE_T Charge = 0;
    PMMVAD Vad;

    for (Vad = MiFirstVad(&Parent->VadRoot); Vad != NULL; Vad = MiNextVad(Vad))
        Charge += MiIsInherited(Vad) ? Vad->u.VadFlags.CommitCharge : 0;
    return Charge;
}

static VOID MiReferenceClonedView(PEPROCESS Child, PMMVAD Vad)
{
    PCONTROL_AREA ControlArea = Vad->ControlArea;
    KIRQL OldIrql;

    Vad->ViewProcess = NULL;
    OldIrql = MiLockPfn();
    ControlArea->NumberOfMappedViews++;
    ControlArea->NumberOfUserReferences++;
    ControlArea->WritableUserReferences += Vad->WritableUserReference;
    MiUnlockPfn(OldIrql);
    MiAddFileView(Child, Vad);
}

// Gives the child its descriptors. Their charge of commitment is the child's already; *Charge loses what is theirs now.
static NTSTATUS MiCloneVads(PMI_CLONE Clone, PSIZE_T Charge)
{
    PMMVAD Vad;

    for (Vad = MiFirstVad(&Clone->Parent->VadRoot); Vad != NULL; Vad = MiNextVad(Vad)) {
        BOOLEAN Private = Vad->u.VadFlags.PrivateMemory;
        SIZE_T Size = Private ? MI_VAD_SHORT_SIZE : sizeof(MMVAD);
        PMMVAD New;

        if (!MiIsInherited(Vad))
            continue;
        New = ExAllocatePoolWithTag(NonPagedPool, Size, Private ? TAG_VAD_SHORT : TAG_VAD);
        if (New == NULL)
            return STATUS_INSUFFICIENT_RESOURCES;
        memcpy(New, Vad, Size);
        if (!Private)
            MiReferenceClonedView(Clone->Child, New);
        *Charge -= New->u.VadFlags.CommitCharge;
        MiLinkVad(Clone->Child, New);
    }
    return STATUS_SUCCESS;
}

// Makes the child know every block that the parent knows: its entries may come to name them.
static NTSTATUS MiCloneDescriptors(PMI_CLONE Clone)
{
    PEPROCESS Parent = Clone->Parent;
    PMMVAD Node = NULL;
    ULONG_PTR Last = 0;

    for (;;) {
        PMMCLONE_DESCRIPTOR New = ExAllocatePoolZero(NonPagedPool, sizeof(*New), TAG_CLONE);

        if (New == NULL)
            return STATUS_INSUFFICIENT_RESOURCES;
        MiLockWorkingSet(Parent); // the tree can become smaller, not larger
        Node = MiFindOverlap(&Parent->CloneRoot, Last, MAXULONG);
        if (Node != NULL) {
            Last = Node->EndingVpn + 1;
            MiInsertClone(Clone->Child, New, ((PMMCLONE_DESCRIPTOR)Node)->Header);
        }
        MiUnlockWorkingSet(Parent);
        if (Node == NULL) {
            ExFreePoolWithTag(New, TAG_CLONE);
            return STATUS_SUCCESS;
        }
    }
}

// The current block gives out no more: its makers' references go.
static VOID MiFinishCloneBlock(PMI_CLONE Clone)
{
    if (Clone->Block == NULL)
        return;
    MiLockWorkingSet(Clone->Parent);
    Clone->ChildDescriptor->NumberOfReferences--;
    if (--Clone->ParentDescriptor->NumberOfReferences == 0)
        Clone->Parent->DeadClones++;
    if (Clone->Parent->DeadClones != 0)
        MiReapClones(Clone->Parent);
    MiUnlockWorkingSet(Clone->Parent);
    Clone->Block = NULL;
}

// A new block, known to both, with room for a batch of entries at least.
static NTSTATUS MiStartCloneBlock(PMI_CLONE Clone)
{
    ULONG Ptes = min_of(MI_CLONE_PTES, Clone->Parent->NumberOfPrivatePages + MI_PTE_BATCH);
    PMMCLONE_HEADER Block = ExAllocatePoolZero(NonPagedPool, MI_CLONE_HEADER_SIZE(Ptes), TAG_CLONE);
    PMMCLONE_DESCRIPTOR Parent = ExAllocatePoolZero(NonPagedPool, sizeof(*Parent), TAG_CLONE);
    PMMCLONE_DESCRIPTOR Child = ExAllocatePoolZero(NonPagedPool, sizeof(*Child), TAG_CLONE);

    MiFinishCloneBlock(Clone);
    if (Block == NULL || Parent == NULL || Child == NULL) {
        if (Block != NULL)
            ExFreePoolWithTag(Block, TAG_CLONE);
        if (Parent != NULL)
            ExFreePoolWithTag(Parent, TAG_CLONE);
        if (Child != NULL)
            ExFreePoolWithTag(Child, TAG_CLONE);
        return STATUS_INSUFFICIENT_RESOURCES;
    }
    Block->NumberOfPtes = Ptes;
    Parent->NumberOfReferences = Child->NumberOfReferences = 1; // ours, while it gives out prototypes
    MiLockWorkingSet(Clone->Parent);
    Clone->ParentDescriptor = MiInsertClone(Clone->Parent, Parent, Block);
    Clone->ChildDescriptor = MiInsertClone(Clone->Child, Child, Block);
    MiUnlockWorkingSet(Clone->Parent);
    Clone->Block = Block;
    return STATUS_SUCCESS;
}

// Gives the child a page table for Va and enters it. Waits for a frame.
static NTSTATUS MiStartCloneTable(PMI_CLONE Clone, PVOID Va)
{
    PMMPTE Pde = MiGetPdeAddress(Va);
    PFN_NUMBER Page;
    ULONG Attempt;
    KIRQL OldIrql;
    PMMPTE Directory;

    for (Attempt = 0; (Page = MmAvailablePages > MI_FAULT_RESERVE ? MiAllocateKernelPage(Pde) : 0) == 0; Attempt++) {
        if (!MiWaitForFreePage(Attempt))
            return STATUS_NO_MEMORY;
    }
    MI_PFN_ELEMENT(Page)->OriginalPte.u.Long = 0; // no entries so far
    MiChargeCommitmentAlways(1);
    Directory = MiMapPage(Clone->Child->PageDirectoryPages[(ULONG_PTR)Va >> 30], &OldIrql);
    MiWriteValidPte(&Directory[BYTE_OFFSET(Pde) / sizeof(MMPTE)], MI_USER_TABLE_PTE(Page));
    MiUnmapPage(Directory, OldIrql);
    Clone->Table = Page;
    Clone->TableVpn = MI_VPN(Va) & ~(ULONG_PTR)(PTES_PER_PAGE - 1);
    return STATUS_SUCCESS;
}

// Writes the child's entries of a batch into its page table. The PFN lock is held: they may be transition entries.
static VOID MiWriteClonedEntries(PMI_CLONE Clone, ULONG_PTR Vpn, const MMPTE *Values, ULONG Count)
{
    ULONG Index, Used = 0;
    KIRQL OldIrql;
    PMMPTE Table = MiMapPage(Clone->Table, &OldIrql);

    for (Index = 0; Index < Count; Index++) {
        Table[(Vpn + Index) & (PTES_PER_PAGE - 1)] = Values[Index];
        Used += Values[Index].u.Long != 0;
    }
    MiUnmapPage(Table, OldIrql);
    MI_PFN_ELEMENT(Clone->Table)->OriginalPte.u.Soft.UsedPageTableEntries += Used;
}

// Sees to it that the parent's page table for Va can be read. STATUS_NOT_FOUND: there is none. The working set lock is
// held, and may be dropped meanwhile. STATUS_NO_MEMORY.
static NTSTATUS MiFindParentsTable(PEPROCESS Parent, PVOID Va)
{
    PMMPTE Pde = MiGetPdeAddress(Va);

    if (Pde->u.Low == 0 || (Pde->u.Hard.Valid && Pde->u.Hard.LargePage))
        return STATUS_NOT_FOUND;
    return MiMakePageTableWait(Parent, Va);
}

static BOOLEAN MiIsBatchEmpty(PMMPTE Pte, ULONG Count)
{
    ULONGLONG Seen = 0;

    while (Count-- != 0)
        Seen |= Pte[Count].u.Long;
    return Seen == 0;
}

// Clones the entries of the pages [*Vpn, Last], at most MI_PTE_BATCH, of one page table. *Vpn: the first that was not
// cloned. STATUS_RETRY: a block, a page table or a frame is missing. STATUS_NO_MEMORY.
static NTSTATUS MiCloneBatch(PMI_CLONE Clone, PMMVAD Vad, PULONG_PTR Vpn, ULONG_PTR Last)
{
    MMPTE Values[MI_PTE_BATCH];
    ULONG Count = (ULONG)(Last - *Vpn) + 1, Done;
    NTSTATUS Status;
    BOOLEAN Ready;
    MI_TB_FLUSH Flush;
    KIRQL OldIrql;

    MiLockWorkingSet(Clone->Parent);
    Status = MiFindParentsTable(Clone->Parent, MI_VA(*Vpn));
    if (Status == STATUS_SUCCESS && MiIsBatchEmpty(MiGetPteAddress(MI_VA(*Vpn)), Count))
        Status = STATUS_NOT_FOUND;
    if (Status != STATUS_SUCCESS) {
        MiUnlockWorkingSet(Clone->Parent);
        *Vpn += Status == STATUS_NOT_FOUND ? Count : 0;
        return Status == STATUS_NOT_FOUND ? STATUS_SUCCESS : Status;
    }
    Ready = Clone->Block != NULL && Clone->Block->NumberOfPtes - Clone->Block->UsedPtes >= Count && Clone->Table != 0 &&
            Clone->TableVpn == (*Vpn & ~(ULONG_PTR)(PTES_PER_PAGE - 1));
    Flush.Count = 0;
    OldIrql = MiLockPfn();
    for (Done = 0; Ready && Done < Count; Done++) {
        Values[Done].u.Long = 0;
        if (MiGetPteAddress(MI_VA(*Vpn + Done))->u.Long != 0)
            Ready = MiCloneEntry(Clone, Vad, MI_VA(*Vpn + Done), &Values[Done], &Flush);
        if (!Ready)
            break;
    }
    if (Done != 0)
        MiWriteClonedEntries(Clone, *Vpn, Values, Done);
    MiFlushTb(&Flush, FALSE);
    MiUnlockPfn(OldIrql);
    MiUnlockWorkingSet(Clone->Parent);
    *Vpn += Done;
    return Ready ? STATUS_SUCCESS : STATUS_RETRY;
}

// Gets what a batch found missing.
static NTSTATUS MiPrepareCloneBatch(PMI_CLONE Clone, ULONG_PTR Vpn, PULONG Attempt)
{
    NTSTATUS Status = STATUS_SUCCESS;

    if (Clone->Table == 0 || Clone->TableVpn != (Vpn & ~(ULONG_PTR)(PTES_PER_PAGE - 1)))
        Status = MiStartCloneTable(Clone, MI_VA(Vpn));
    else if (Clone->Block != NULL && Clone->Block->NumberOfPtes - Clone->Block->UsedPtes >= MI_PTE_BATCH)
        Status = MiWaitForFreePage((*Attempt)++) ? STATUS_SUCCESS : STATUS_NO_MEMORY;
    if (NT_SUCCESS(Status) &&
        (Clone->Block == NULL || Clone->Block->NumberOfPtes - Clone->Block->UsedPtes < MI_PTE_BATCH))
        Status = MiStartCloneBlock(Clone);
    return Status;
}

static NTSTATUS MiClonePages(PMI_CLONE Clone)
{
    NTSTATUS Status = STATUS_SUCCESS;
    PMMVAD Vad;

    for (Vad = MiFirstVad(&Clone->Parent->VadRoot); Vad != NULL && NT_SUCCESS(Status); Vad = MiNextVad(Vad)) {
        ULONG_PTR Vpn = Vad->StartingVpn;
        ULONG Attempt = 0;

        while (MiIsInherited(Vad) && Vpn <= Vad->EndingVpn && NT_SUCCESS(Status)) {
            if (MiGetPdeAddress(MI_VA(Vpn))->u.Low == 0) { // a table that comes now was not there when we began
                Vpn = (Vpn | (PTES_PER_PAGE - 1)) + 1;
                continue;
            }
            Status = MiCloneBatch(Clone, Vad, &Vpn, min_of(Vad->EndingVpn, Vpn | (MI_PTE_BATCH - 1)));
            if (Status == STATUS_RETRY)
                Status = MiPrepareCloneBatch(Clone, Vpn, &Attempt);
        }
    }
    MiFinishCloneBlock(Clone);
    return Status;
}

// After a failure: pages that only the parent names now become its own again, so that no block stays behind.
static VOID MiUndoCloneBatch(PEPROCESS Parent, ULONG_PTR Vpn, ULONG_PTR Last)
{
    MiLockWorkingSet(Parent);
    for (; Vpn <= Last && MiFindParentsTable(Parent, MI_VA(Vpn)) == STATUS_SUCCESS; Vpn++) {
        PMMPTE Pte = MiGetPteAddress(MI_VA(Vpn));

        if (Pte->u.Hard.Valid && MI_PFN_ELEMENT(MI_PTE_FRAME(Pte))->u3.e1.PrototypePte)
            MiTakeOverClone(Parent, Pte, MI_VA(Vpn), FALSE);
        else if (!Pte->u.Hard.Valid && MI_IS_CLONE_PTE(Pte))
            MiTakeBackClone(Parent, Pte, MI_VA(Vpn));
    }
    MiUnlockWorkingSet(Parent);
}

static VOID MiUndoClone(PEPROCESS Parent)
{
    PMMVAD Vad;

    for (Vad = MiFirstVad(&Parent->VadRoot); Vad != NULL; Vad = MiNextVad(Vad)) {
        ULONG_PTR Vpn = Vad->StartingVpn, Last;

        for (; MiIsInherited(Vad) && Vpn <= Vad->EndingVpn; Vpn = Last + 1) {
            Last = min_of(Vad->EndingVpn, Vpn | (PTES_PER_PAGE - 1));
            MiUndoCloneBatch(Parent, Vpn, Last);
        }
    }
}

static NTSTATUS MiChargeClone(PEPROCESS Parent, PEPROCESS Child, PSIZE_T Charge)
{
    NTSTATUS Status = MiLockAddressSpace(Parent);
    ULONG Attempt;

    for (Attempt = 0; NT_SUCCESS(Status); Attempt++) {
        *Charge = MiCloneCharge(Parent);
        if (MiChargeCommitment(*Charge, Child))
            return STATUS_SUCCESS;
        MiUnlockAddressSpace(Parent);
        if (!MiAskForCommitment(*Charge, Attempt))
            return STATUS_COMMITMENT_LIMIT;
        Status = MiLockAddressSpace(Parent);
    }
    return Status;
}

// Makes the address space of Child, new and empty, a clone of Parent's; see above. IRQL PASSIVE_LEVEL; attaches. Nobody
// else knows Child. STATUS_COMMITMENT_LIMIT, STATUS_INSUFFICIENT_RESOURCES, STATUS_NO_MEMORY,
// STATUS_PROCESS_IS_TERMINATING: Parent is as before, and what Child has got MmCleanProcessAddressSpace takes away.
NTSTATUS NTAPI MmCloneProcessAddressSpace(PEPROCESS Parent, PEPROCESS Child)
{
    MI_CLONE Clone = {.Parent = Parent, .Child = Child};
    KAPC_STATE ApcState;
    SIZE_T Charge;
    NTSTATUS Status;

    PAGED_CODE();
    if (MmIsLargeAddressSplit()) { // its descriptor is not inherited: it has an entry that is nobody's
        Status = MiReserveUpperAddresses(
            Child, Parent->HighestUserAddress == MM_HIGHEST_USER_ADDRESS ? IMAGE_FILE_LARGE_ADDRESS_AWARE : 0);
        if (!NT_SUCCESS(Status))
            return Status;
    }
    KeStackAttachProcess(&Parent->Pcb, &ApcState);
    Status = MiChargeClone(Parent, Child, &Charge);
    if (NT_SUCCESS(Status)) {
        Child->ExecuteOptions = Parent->ExecuteOptions;
        Status = MiCloneVads(&Clone, &Charge);
        if (NT_SUCCESS(Status))
            Status = MiCloneDescriptors(&Clone);
        if (NT_SUCCESS(Status))
            Status = MiClonePages(&Clone);
        MiReapClones(Child);
        MiReturnCommitment(Charge, Child);
        MiUnlockAddressSpace(Parent);
    }
    KeUnstackDetachProcess(&ApcState);
    if (NT_SUCCESS(Status))
        return Status;
    KeStackAttachProcess(&Child->Pcb, &ApcState);
    MmCleanProcessAddressSpace(Child);
    KeUnstackDetachProcess(&ApcState);
    KeStackAttachProcess(&Parent->Pcb, &ApcState);
    if (NT_SUCCESS(MiLockAddressSpace(Parent))) {
        MiUndoClone(Parent);
        MiUnlockAddressSpace(Parent);
    }
    KeUnstackDetachProcess(&ApcState);
    return Status;
}
