// SPDX-License-Identifier: MIT
// Where working-set lists live: a page table and a first page in each process's hyperspace, more pages when the list
// grows, until the process is deleted. The system cache's list is in system space, which all address spaces share.

#include "mi.h"

#define MI_HYPER_TABLES 2u // page tables of hyperspace: entries 4 and 5 of directory 3
#define MI_HYPER_INDEX ((HYPER_SPACE >> PDE_SHIFT) & (PTES_PER_PAGE - 1))
#define MI_DIRECTORY3 3
#define MI_SYSTEM_MINIMUM 256u // pages of the system cache's working set
#define MI_SYSTEM_MAXIMUM 0x20000u
#define MI_HYPER_PTE(Page) (MI_KERNEL_PTE(Page) & ~MI_GLOBAL) // each process has its own
#define MI_FREE_BATCH 16u

MMSUPPORT MmSystemCacheWs;

// Fills in an empty list; List may be a temporary mapping of its first page, zeroed, which is to be at Base.
static VOID MiFillWorkingSetList(PMMWSL List, ULONG_PTR Base, ULONG_PTR HashBase, ULONG_PTR HashEnd)
{
    PMMWSL Final = (PMMWSL)Base;

    List->FirstDynamic = 1;
    List->NextSlot = 1;
    List->Wsle = Final->Entries;
    List->LastInitializedWsle = (PAGE_SIZE - FIELD_OFFSET(MMWSL, Entries)) / sizeof(MMWSLE) - 1;
    List->HashTable = Final->SmallHash;
    List->HashTableSize = MI_SMALL_HASH;
    List->HashBase = HashBase;
    List->HashEnd = HashEnd;
    List->WsleEnd = HashBase;
}

// Gives a new process its empty list; its directories exist, and nobody runs in it so far. IRQL <= APC_LEVEL.
// Commitment is the caller's. FALSE: no memory, nothing changed.
BOOLEAN MiCreateWorkingSetList(PEPROCESS Process)
{
    PFN_NUMBER Table = MiAllocateKernelPage(NULL), Page = MiAllocateKernelPage(NULL);
    KIRQL OldIrql;
    PMMWSL List;

    if (Table == 0 || Page == 0) {
        if (Table != 0)
            MiFreeKernelPage(Table);
        return FALSE;
    }
    List = MiMapPage(Page, &OldIrql);
    MiFillWorkingSetList(List, MM_WORKING_SET_LIST, MM_WORKING_SET_HASH, HYPER_SPACE_END);
    MiUnmapPage(List, OldIrql);
    MiPlaceWorkingSetList(Process, Table, Page);
    Process->Vm.VmWorkingSetList = MmWorkingSetList;
    Process->Vm.WorkingSetListPages = 1;
    return TRUE;
}

static BOOLEAN MiMakeHyperTable(PVOID Va)
{
    PMMPTE Pde = MiGetPdeAddress(Va);
    PFN_NUMBER Table;

    if (Pde->u.Hard.Valid)
        return TRUE;
    Table = MmAvailablePages > MI_FAULT_RESERVE ? MiAllocateKernelPage(NULL) : 0;
    if (Table == 0)
        return FALSE;
    MiChargeCommitmentAlways(1);
    MiWriteValidPte(Pde, MI_TABLE_PTE(Table));
    return TRUE;
}

// Gives one more page of a list zeroed memory. The working set lock is held. IRQL <= APC_LEVEL. FALSE: none to spare.
BOOLEAN MiMapWorkingSetPage(PMMSUPPORT Vm, PVOID Va)
{
    BOOLEAN System = Vm == &MmSystemCacheWs;
    PFN_NUMBER Page;

    if (System ? !NT_SUCCESS(MiMakeSystemPageTables(Va, PAGE_SIZE)) : !MiMakeHyperTable(Va))
        return FALSE;
    Page = MmAvailablePages > MI_FAULT_RESERVE ? MiAllocateKernelPage(NULL) : 0;
    if (Page == 0)
        return FALSE;
    MiChargeCommitmentAlways(1);
    MiWriteValidPte(MiGetPteAddress(Va), System ? MI_KERNEL_PTE(Page) : MI_HYPER_PTE(Page));
    Vm->WorkingSetListPages++;
    return TRUE;
}

// Takes pages of a list away that hold nothing. The working set lock is held.
VOID MiUnmapWorkingSetPages(PMMSUPPORT Vm, ULONG_PTR Start, ULONG_PTR End)
{
    for (; Start < End; Start += PAGE_SIZE) {
        PMMPTE Pte = MiGetPteAddress(Start);
        PFN_NUMBER Page = MI_PTE_FRAME(Pte);

        MiWriteInvalidPte(Pte, 0);
        KeFlushSingleTb((PVOID)Start, Vm == &MmSystemCacheWs);
        MiFreeKernelPage(Page);
        MiReturnCommitment(1, NULL);
        Vm->WorkingSetListPages--;
    }
}

// A list without entries shrinks to its first page. The process is attached to, its working set lock held. FALSE: it
// has entries.
BOOLEAN MiEmptyWorkingSetList(PEPROCESS Process)
{
    PMMWSL List = Process->Vm.VmWorkingSetList;
    PMMPTE SecondTable = MiGetPdeAddress(HYPER_SPACE + MI_LARGE_PAGE_SIZE);

    if (Process->Vm.WorkingSetSize != 0)
        return FALSE;
    if (List->HashTable != List->SmallHash)
        MiUnmapWorkingSetPages(&Process->Vm, List->HashBase,
                               List->HashBase + List->HashTableSize * sizeof(MMWSLE_HASH));
    MiUnmapWorkingSetPages(&Process->Vm, (ULONG_PTR)List + PAGE_SIZE,
                           (ULONG_PTR)&List->Wsle[List->LastInitializedWsle + 1]);
    memset(List, 0, PAGE_SIZE);
    MiFillWorkingSetList(List, MM_WORKING_SET_LIST, MM_WORKING_SET_HASH, HYPER_SPACE_END);
    Process->Vm.NextAgingSlot = 0;
    if (SecondTable->u.Hard.Valid) {
        PFN_NUMBER Table = MI_PTE_FRAME(SecondTable);

        MiWriteInvalidPte(SecondTable, 0);
        KeFlushProcessTb(&Process->Pcb);
        MiFreeKernelPage(Table);
        MiReturnCommitment(1, NULL);
    }
    ASSERT(Process->Vm.WorkingSetListPages == 1);
    return TRUE;
}

// The frames of the page table and of the only page of the list of a process that nobody is in.
VOID MiFindWorkingSetList(PEPROCESS Process, PPFN_NUMBER Table, PPFN_NUMBER Page)
{
    KIRQL OldIrql;
    PMMPTE Entry;

    Entry = MiMapPage(Process->PageDirectoryPages[MI_DIRECTORY3], &OldIrql);
    *Table = MI_PTE_FRAME(&Entry[MI_HYPER_INDEX]);
    MiUnmapPage(Entry, OldIrql);
    Entry = MiMapPage(*Table, &OldIrql);
    *Page = MI_PTE_FRAME(&Entry[0]);
    MiUnmapPage(Entry, OldIrql);
}

// The same frames are others now. PageDirectoryPages are up to date.
VOID MiPlaceWorkingSetList(PEPROCESS Process, PFN_NUMBER Table, PFN_NUMBER Page)
{
    KIRQL OldIrql;
    PMMPTE Entry;

    Entry = MiMapPage(Table, &OldIrql);
    Entry[0].u.Long = MI_HYPER_PTE(Page);
    MiUnmapPage(Entry, OldIrql);
    Entry = MiMapPage(Process->PageDirectoryPages[MI_DIRECTORY3], &OldIrql);
    Entry[MI_HYPER_INDEX].u.Long = MI_TABLE_PTE(Table);
    MiUnmapPage(Entry, OldIrql);
}

// Takes at most Count valid entries out of a table that is in no address space any more; returns how many, in Frames.
static ULONG MiTakeFrames(PFN_NUMBER Table, ULONG First, ULONG Entries, PPFN_NUMBER Frames, ULONG Count)
{
    KIRQL OldIrql;
    PMMPTE Entry = MiMapPage(Table, &OldIrql);
    ULONG Index, Taken = 0;

    for (Index = First; Index < First + Entries && Taken < Count; Index++) {
        if (Entry[Index].u.Hard.Valid) {
            Frames[Taken++] = MI_PTE_FRAME(&Entry[Index]);
            Entry[Index].u.Long = 0;
        }
    }
    MiUnmapPage(Entry, OldIrql);
    return Taken;
}

// Frees the list of a process in whose address space nobody will run again. IRQL <= APC_LEVEL.
VOID MiDeleteWorkingSetList(PEPROCESS Process)
{
    PFN_NUMBER Tables[MI_HYPER_TABLES], Frames[MI_FREE_BATCH];
    ULONG Left = Process->Vm.WorkingSetListPages, Count, Index, Freed = 0, Taken;

    if (Process->Vm.VmWorkingSetList == NULL)
        return;
    Count = MiTakeFrames(Process->PageDirectoryPages[MI_DIRECTORY3], MI_HYPER_INDEX, MI_HYPER_TABLES, Tables,
                         MI_HYPER_TABLES);
    while (Count-- != 0) {
        do {
            Taken = MiTakeFrames(Tables[Count], 0, PTES_PER_PAGE, Frames, min_of(Left, MI_FREE_BATCH));
            for (Index = 0; Index < Taken; Index++)
                MiFreeKernelPage(Frames[Index]);
            Freed += Taken;
            Left -= Taken;
        } while (Taken == MI_FREE_BATCH);
        MiFreeKernelPage(Tables[Count]);
        Freed++;
    }
    ASSERT(Left == 0);
    Process->Vm.VmWorkingSetList = NULL;
    MiReturnCommitment(Freed, NULL);
}

// The list of the system cache and the system views. Phase 0, after the pools.
VOID MiInitializeSystemWorkingSet(VOID)
{
    PVOID Base = (PVOID)MM_SYSTEM_WORKING_SET_LIST;

    NT_VERIFY(MiMapWorkingSetPage(&MmSystemCacheWs, Base));
    MiFillWorkingSetList(Base, MM_SYSTEM_WORKING_SET_LIST, MM_SYSTEM_WORKING_SET_HASH, MM_SYSTEM_WORKING_SET_END);
    MmSystemCacheWs.VmWorkingSetList = Base;
    MmSystemCacheWs.MinimumWorkingSetSize = MI_SYSTEM_MINIMUM;
    MmSystemCacheWs.MaximumWorkingSetSize = MI_SYSTEM_MAXIMUM;
    MmSystemCacheWs.GrowthLimit = MAXULONG;
}
