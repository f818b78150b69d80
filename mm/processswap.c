// SPDX-License-Identifier: MIT
// The pages that make an address space, out of memory and back: page directories, the page table of hyperspace and the
// working-set list, of a process in which nobody is (ke/swap.c). They have no entry of their own that could say where
// they are, as the processor knows their frames, so while the process is out six entries in its EPROCESS do, which are
// to them what prototype PTEs are to a section's pages: valid (in memory), transition, a slot. The pointer table stays.
// Source: Windows Internals, "Balance Set Manager and Swapper".

#include "mi.h"

#define MI_DIRECTORIES 4u
#define MI_SWAP_TABLE 4u // SwapPtes[]: the directories, then these two
#define MI_SWAP_LIST 5u
#define MI_SWAP_PAGES 6u
#define MI_DIRECTORY3 3u
#define MiSwapPtes(Process) ((PMMPTE)(Process)->SwapPtes)

static BOOLEAN MiHasPageTables(PEPROCESS Process)
{
    PMMPTE Pde = MiGetPdeAddress(0), Last = MiGetPdeAddress(Process->HighestUserAddress);

    for (; Pde <= Last; Pde++) {
        if (Pde->u.Hard.Valid)
            return TRUE;
    }
    return FALSE;
}

// Empties the address space of a process that nobody uses: working set, page tables. The process is attached to. IRQL
// PASSIVE_LEVEL, no locks. TRUE: nothing in it is valid any more, and nothing will be unless somebody comes in; FALSE:
// something stays, such as locked pages or a hard minimum, or there is no page file.
BOOLEAN MmPrepareOutSwap(PEPROCESS Process)
{
    BOOLEAN Empty = FALSE;

    if (!MiTrimPrivatePages || Process->Vm.VmWorkingSetList == NULL || Process->Vm.Flags.MinimumWorkingSetHard ||
        Process->Vm.Flags.BeingDeleted || Process->PaePointerTable == NULL)
        return FALSE;
    MmEmptyWorkingSet(Process);
    MiLockWorkingSet(Process);
    if (!Process->Vm.Flags.BeingDeleted && !MiHasPageTables(Process))
        Empty = MiEmptyWorkingSetList(Process);
    MiUnlockWorkingSet(Process);
    return Empty;
}

// One page begins to leave. A directory's frame stays as long as one of a page table does. The PFN lock is held.
static VOID MiReleaseOwnPage(PMMPTE Pte, PFN_NUMBER Page, BOOLEAN Directory)
{
    PMMPFN Pfn = MI_PFN_ELEMENT(Page);

    ASSERT(Pfn->u2.ShareCount == 1 && Pfn->u3.e1.PageLocation == ActiveAndValid);
    if (Directory) {
        KIRQL OldIrql;
        PMMPTE Table = MiMapPage(Page, &OldIrql);

        Pfn->u2.ShareCount += MiCountTransitions(Table);
        MiUnmapPage(Table, OldIrql);
        Pfn->u3.e1.TableOut = 1;
    }
    Pfn->PteAddress = Pte;
    Pfn->OriginalPte.u.Long = MI_DEMAND_ZERO(MM_READWRITE);
    Pfn->u3.e1.PrototypePte = 1;
    Pfn->u3.e1.Modified = 1;
    MiWriteInvalidPte(Pte, MI_TRANSITION_PTE(Page, MM_READWRITE));
    MiDecrementShareCount(Pfn);
}

// Takes the process's own pages out: it was emptied (MmPrepareOutSwap), nobody was in it since, and nobody comes in
// before MmInSwapProcess. IRQL PASSIVE_LEVEL. Takes the PFN lock.
VOID MmOutSwapProcess(PEPROCESS Process)
{
    PFN_NUMBER Table, Page;
    KIRQL OldIrql;
    ULONG Index;

    KeUnloadProcess(&Process->Pcb); // idle processors
    MiRemoveAddressSpace(Process);
    MiFindWorkingSetList(Process, &Table, &Page);
    OldIrql = MiLockPfn();
    for (Index = 0; Index < MI_DIRECTORIES; Index++) {
        if (!MiIsSharedDirectory(Index))
            MiReleaseOwnPage(&MiSwapPtes(Process)[Index], Process->PageDirectoryPages[Index], Index != MI_DIRECTORY3);
    }
    MiReleaseOwnPage(&MiSwapPtes(Process)[MI_SWAP_TABLE], Table, FALSE);
    MiReleaseOwnPage(&MiSwapPtes(Process)[MI_SWAP_LIST], Page, FALSE);
    memset(Process->PaePointerTable, 0, MI_DIRECTORIES * sizeof(MMPTE)); // it leads nowhere
    MiStatistics.ProcessesSwappedOut++;
    MiUnlockPfn(OldIrql);
}

// The page is the kernel's again. Returns its frame.
static PFN_NUMBER MiReclaimOwnPage(PMMPTE Pte)
{
    PFN_NUMBER Page = MI_PTE_FRAME(Pte);
    PMMPFN Pfn = MI_PFN_ELEMENT(Page);
    KIRQL OldIrql = MiLockPfn();

    ASSERT(Pfn->u2.ShareCount == 1 && Pfn->PteAddress == Pte);
    Pfn->u3.e1.PrototypePte = 0;
    Pfn->PteAddress = NULL;
    MiWriteInvalidPte(Pte, 0);
    MiUnlockPfn(OldIrql);
    return Page;
}

// Brings the process's own pages back; afterwards it can be attached to, and its threads may run. The swap thread alone
// comes here. IRQL PASSIVE_LEVEL, no locks; waits as long as it takes. A read that fails is bugcheck 77.
VOID MmInSwapProcess(PEPROCESS Process)
{
    PMMPTE Ptes = MiSwapPtes(Process);
    PFN_NUMBER Table, Page;
    ULONG Index;

    MiInSwapPages(&Ptes[0], &Ptes[MI_SWAP_PAGES - 1], Process);
    for (Index = 0; Index < MI_DIRECTORIES; Index++) {
        if (Ptes[Index].u.Long != 0)
            Process->PageDirectoryPages[Index] = MiReclaimOwnPage(&Ptes[Index]);
    }
    Table = MiReclaimOwnPage(&Ptes[MI_SWAP_TABLE]);
    Page = MiReclaimOwnPage(&Ptes[MI_SWAP_LIST]);
    MiFillPointerTable(Process, Process->PaePointerTable);
    MiPlaceWorkingSetList(Process, Table, Page);
    MiAddAddressSpace(Process, Process->PageDirectoryPages[MI_DIRECTORY3]);
    MiStatistics.ProcessesSwappedIn++;
}
