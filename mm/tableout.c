// SPDX-License-Identifier: MIT
// Page tables out of memory and back. A table in which no entry is valid may leave: its directory entry becomes a
// transition entry, later the name of a slot, like that of a private page; a fault, or who looks for an entry, brings
// it back. What a table says about frames that are still in memory is changed from outside when one of them is reused,
// so its own frame stays until the last of them has gone: while it is out its ShareCount counts its transition entries.
// Source: Windows Internals, "Page Tables", "Working Set Management".

#include "mi.h"

static PMMPTE MiFirstPteOfTable(PVOID Va)
{
    return MiGetPteAddress((ULONG_PTR)Va & ~(ULONG_PTR)(MI_LARGE_PAGE_SIZE - 1));
}

// An entry is valid, other than that of the shared data, which has no place in the working set.
static BOOLEAN MiHasValidPtes(PMMPTE Pte)
{
    PMMPTE End = Pte + PTES_PER_PAGE, Shared = MiGetPteAddress(USER_SHARED_DATA_USER), Entry;

    for (; Pte < End; Pte += 4) {
        if (!((Pte[0].u.Low | Pte[1].u.Low | Pte[2].u.Low | Pte[3].u.Low) & MI_VALID))
            continue;
        for (Entry = Pte; Entry < Pte + 4; Entry++) {
            if (Entry->u.Hard.Valid && Entry != Shared)
                return TRUE;
        }
    }
    return FALSE;
}

// How many entries of a table are in transition. The PFN lock is held, so that none of them goes.
ULONG MiCountTransitions(PMMPTE Pte)
{
    ULONG Index, Count = 0;

    for (Index = 0; Index < PTES_PER_PAGE; Index++)
        Count += (Pte[Index].u.Low & (MI_VALID | MI_PROTOTYPE | MI_TRANSITION)) == MI_TRANSITION;
    return Count;
}

// Takes the page table of Va out if nothing in it is valid, or away if nothing in it is used. The process is attached
// to, its working set lock held. Takes the PFN lock.
static BOOLEAN MiEvictPageTable(PEPROCESS Process, PVOID Va)
{
    PMMPTE Pde = MiGetPdeAddress(Va), Pte = MiFirstPteOfTable(Va);
    PVOID Stale[] = {Pte, Va};
    KIRQL OldIrql;
    PMMPFN Pfn;

    if (MiHasValidPtes(Pte))
        return FALSE;
    if (MI_IS_SAME_TABLE(Va, USER_SHARED_DATA_USER))
        MiUnmapSharedData(Process);
    if (MiDeletePageTable(Process, Va))
        return TRUE;
    Pfn = MI_PFN_ELEMENT(MI_PTE_FRAME(Pde));
    OldIrql = MiLockPfn();
    ASSERT(Pfn->u2.ShareCount == 1 && Pfn->PteAddress == Pde && !Pfn->u3.e1.TableOut);
    Pfn->u2.ShareCount += MiCountTransitions(Pte);
    Pfn->PteFrame = MI_PTE_FRAME(MiGetPteAddress(Pde));
    Pfn->OriginalPte.u.Soft.Protection = MM_READWRITE;
    Pfn->u3.e1.TableOut = 1;
    MiMakePageDirty(Pfn);
    MiExchangePte(Pde, MI_TRANSITION_PTE(MI_PFN_NUMBER(Pfn), MM_READWRITE));
    KeFlushMultipleTb(RTL_NUMBER_OF(Stale), Stale, FALSE);
    MiDecrementShareCount(Pfn);
    MiStatistics.PageTablesOut++;
    MiUnlockPfn(OldIrql);
    return TRUE;
}

// Looks at all page tables of the process and takes those out in which nothing is valid: of these every one (All), or
// those that nobody needed since the last look. The process is attached to, its working set lock held. Returns how
// many went.
ULONG MiTrimPageTables(PEPROCESS Process, BOOLEAN All)
{
    PMMPTE Pde = MiGetPdeAddress(0), Last = MiGetPdeAddress(Process->HighestUserAddress);
    ULONG Taken = 0;

    for (; Pde <= Last; Pde++) {
        while ((Pde[0].u.Low | Pde[1].u.Low | Pde[2].u.Low | Pde[3].u.Low) == 0 && Last - Pde >= 4)
            Pde += 4;
        if (!Pde->u.Hard.Valid || Pde->u.Hard.LargePage)
            continue;
        if (!All && Pde->u.Hard.Accessed)
            InterlockedAnd((volatile LONG *)&Pde->u.Low, ~(LONG)MI_ACCESSED);
        else
            Taken += MiEvictPageTable(Process, MiGetVaOfPde(Pde));
    }
    return Taken;
}

// The frame of a private page is about to be given away, and its entry in a page table has been changed to say so: if
// the table is out its frame may follow with the last of them. The PFN lock is held.
VOID MiTransitionLeftTable(PFN_NUMBER Table)
{
    PMMPFN Pfn = MI_PFN_ELEMENT(Table);

    if (Pfn->u3.e1.TableOut)
        MiDecrementShareCount(Pfn);
}

// A page whose use no dirty bit tells, such as a page table's, is found still in memory: it is active again, with one
// mapping, and no page file has it. The PFN lock is held.
VOID MiTakeBackPage(PMMPFN Pfn)
{
    if (Pfn->u2.ShareCount != 0 && Pfn->u3.e1.PageLocation == ActiveAndValid)
        Pfn->u2.ShareCount = 1; // a table, whose transition entries need no count now
    else
        MiActivateTransitionPage(Pfn);
    Pfn->u3.e1.TableOut = 0;
    MiMakePageDirty(Pfn);
}

static VOID MiMapPageTable(PMMPTE Pde, PMMPFN Pfn)
{
    MiTakeBackPage(Pfn);
    MiWriteValidPte(Pde, MI_USER_TABLE_PTE(MI_PFN_NUMBER(Pfn)));
    MiStatistics.PageTablesIn++;
}

// The page table of Fault->Va is out: one step of bringing it in. The working set lock is held. STATUS_RETRY: look
// again; MI_STATUS_READ, MI_STATUS_NO_PAGE: something to wait for first (MiFinishFault).
NTSTATUS MiResolvePageTable(PMI_FAULT Fault)
{
    PMMPTE Pde = MiGetPdeAddress(Fault->Va), Last = (PMMPTE)((ULONG_PTR)Pde | (PAGE_SIZE - sizeof(MMPTE)));
    MMPTE Seen = MiReadPte(Pde);
    PMMINPAGE_SUPPORT Spare = MI_IS_PAGE_FILE_PTE(&Seen) ? MiAllocateInPage() : NULL;
    NTSTATUS Status = STATUS_RETRY;
    KIRQL OldIrql;

    Fault->InPage = Spare;
    OldIrql = MiLockPfn();
    if (MI_IS_PAGE_FILE_PTE(Pde)) {
        Status = MiStartPageFileRead(Fault, Pde, Last);
    } else if (MI_PFN_ELEMENT(MI_PTE_FRAME(Pde))->u3.e1.ReadInProgress) {
        MiShareInPage(Fault, MI_PFN_ELEMENT(MI_PTE_FRAME(Pde)));
        Status = MI_STATUS_READ;
    } else {
        MiMapPageTable(Pde, MI_PFN_ELEMENT(MI_PTE_FRAME(Pde)));
    }
    MiUnlockPfn(OldIrql);
    if (Spare != NULL && (Status != MI_STATUS_READ || Fault->InPage != Spare))
        MiDereferenceInPage(Spare);
    MiTraceResolution(Fault, MiPageTable, Status == STATUS_RETRY ? MI_PTE_FRAME(Pde) : 0);
    return Status;
}

// Brings the page table of Va in, if it is out. The process is attached to, its working set lock held, which is dropped
// for every wait: the caller holds the address creation lock too. Fails with the status of the read.
NTSTATUS MiBringPageTable(PEPROCESS Process, PVOID Va)
{
    MI_FAULT Fault = {.Va = Va, .Pte = MiGetPteAddress(Va), .Process = Process};
    NTSTATUS Status = STATUS_SUCCESS;
    ULONG Attempt = 0;

    while (NT_SUCCESS(Status) && MiIsTableOut(MiGetPdeAddress(Va))) {
        Status = MiResolvePageTable(&Fault);
        if (Status == STATUS_RETRY) {
            Status = STATUS_SUCCESS;
            continue;
        }
        MiUnlockWorkingSet(Process);
        Status = MiFinishFault(&Fault, Status, &Attempt);
        MiLockWorkingSet(Process);
        if (Status == STATUS_RETRY || Status == STATUS_NO_MEMORY)
            Status = STATUS_SUCCESS; // it can be had: what it lies in can be read
    }
    return Status;
}

// MiNeedPageTable's slow half: as above, for who cannot go on without. A table that cannot be read is bugcheck 7A.
VOID MiDemandPageTable(PVOID Va)
{
    NTSTATUS Status = MiBringPageTable(PsGetCurrentProcess(), Va);

    if (!NT_SUCCESS(Status))
        KeBugCheckEx(KERNEL_DATA_INPAGE_ERROR, 1, (ULONG_PTR)Status, (ULONG_PTR)Va, (ULONG_PTR)MiGetPteAddress(Va));
}

// The process ends, and the slot of a page table cannot be read: what the table names is lost. Its slots are never used
// again, so the limit goes down with them. The working set lock is held.
static VOID MiLosePageTable(PVOID Va, NTSTATUS Status)
{
    PMMPTE Pde = MiGetPdeAddress(Va);
    ULONG Used = Pde->u.Soft.UsedPageTableEntries;
    KIRQL OldIrql = MiLockPfn();

    ASSERT(MI_IS_PAGE_FILE_PTE(Pde));
    MiReleasePageFileSpace(Pde);
    MiWriteInvalidPte(Pde, 0);
    MiUnlockPfn(OldIrql);
    MiReturnCommitment(1, NULL);
    MiLowerCommitLimit(Used);
    DbgPrint("Mm: the page table of %p cannot be read, status %08x; %u slots are lost\n", Va, Status, Used);
}

// As MiDemandPageTable, before entries are deleted. Afterwards there is a table, or none and nothing to delete.
VOID MiDemandTableToDelete(PEPROCESS Process, PVOID Va)
{
    NTSTATUS Status = STATUS_SUCCESS;

    if (!Process->Vm.Flags.BeingDeleted)
        MiDemandPageTable(Va);
    else
        Status = MiBringPageTable(Process, Va);
    if (!NT_SUCCESS(Status))
        MiLosePageTable(Va, Status);
}
