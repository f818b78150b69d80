// SPDX-License-Identifier: MIT
// The entries of a working-set list: a page gets one when its page-table entry becomes valid and loses it when that
// ends (miws.h draws the list). Adding a private page and taking it out are a few instructions each, as every page
// fault pays for them. The working set lock is held around everything here; the list is in this address space.

#include "mi.h"

#define MI_LINK_BATCH 32u // entries that become free ones at a time

// Links the entries behind the last one that was ever used. FALSE: their memory is used up.
static BOOLEAN MiLinkFreeEntries(PMMWSL List)
{
    ULONG Count = min_of(MI_LINK_BATCH, List->LastInitializedWsle - List->LastEntry);

    while (Count-- != 0) {
        List->LastEntry++;
        List->Wsle[List->LastEntry].u1.Long = List->FirstFree << MI_WSLE_FREE_SHIFT;
        List->FirstFree = List->LastEntry;
    }
    return List->FirstFree != MI_WSLE_NONE;
}

// Makes sure that there is a free entry. Takes the PFN lock. FALSE: no memory for more of them.
BOOLEAN MiGrowWorkingSetList(PMMSUPPORT Vm)
{
    PMMWSL List = Vm->VmWorkingSetList;
    ULONG_PTR Next;

    if (List->FirstFree != MI_WSLE_NONE || MiLinkFreeEntries(List))
        return TRUE;
    Next = (ULONG_PTR)&List->Wsle[List->LastInitializedWsle + 1];
    ASSERT(BYTE_OFFSET(Next) == 0);
    if (Next + PAGE_SIZE > List->WsleEnd || !MiMapWorkingSetPage(Vm, (PVOID)Next))
        return FALSE;
    List->LastInitializedWsle += PAGE_SIZE / sizeof(MMWSLE);
    return MiLinkFreeEntries(List);
}

// Gives a page that has just become valid its entry. There is a free one (MiReserveWsle). IRQL <= DISPATCH_LEVEL.
VOID MiAddToWorkingSet(PMMSUPPORT Vm, PVOID Va, PMMPFN Pfn)
{
    PMMWSL List = Vm->VmWorkingSetList;
    ULONG Index = List->FirstFree;
    PMMWSLE Wsle = &List->Wsle[Index];

    ASSERT(Index != MI_WSLE_NONE && !Wsle->u1.e1.Valid);
    List->FirstFree = Wsle->u1.Long >> MI_WSLE_FREE_SHIFT;
    Wsle->u1.Long = ((ULONG_PTR)Va & ~(PAGE_SIZE - 1)) | MI_WSLE_VALID | MI_WSLE_DIRECT;
    if (!Pfn->u3.e1.PrototypePte) {
        Pfn->u1.WsIndex = Index;
    } else if (InterlockedCompareExchange((volatile LONG *)&Pfn->u1.WsIndex, (LONG)Index, 0) != 0) {
        Wsle->u1.e1.Direct = 0;
        MiInsertWsleHash(Vm, Index);
    }
    if (++Vm->WorkingSetSize > Vm->PeakWorkingSetSize)
        Vm->PeakWorkingSetSize = Vm->WorkingSetSize;
}

// The slow way: through all entries.
static ULONG MiSearchWsle(PMMWSL List, ULONG Key)
{
    ULONG Index;

    for (Index = 1; Index <= List->LastEntry; Index++) {
        if ((List->Wsle[Index].u1.Long & (~(PAGE_SIZE - 1) | MI_WSLE_VALID)) == Key)
            return Index;
    }
    KeBugCheckEx(MEMORY_MANAGEMENT, 0x5100, Key, List->LastEntry, (ULONG_PTR)List);
}

// The entry of a valid page; there is one, or the list is broken (bugcheck 1A). Any IRQL.
ULONG MiLocateWsle(PMMWSL List, PVOID Va, PMMPFN Pfn)
{
    ULONG Key = ((ULONG_PTR)Va & ~(PAGE_SIZE - 1)) | MI_WSLE_VALID, Index = Pfn->u1.WsIndex;

    if (Index <= List->LastEntry && (List->Wsle[Index].u1.Long & (~(PAGE_SIZE - 1) | MI_WSLE_VALID)) == Key)
        return Index;
    Index = MiLookupWsleHash(List, (ULONG)Va >> PAGE_SHIFT);
    return Index != MI_WSLE_NONE ? Index : MiSearchWsle(List, Key);
}

// The entry From moves to the place To, whose own contents are saved or of no interest. Any IRQL.
VOID MiMoveWsle(PMMWSL List, ULONG From, ULONG To)
{
    MMWSLE Wsle = List->Wsle[From];

    List->Wsle[To] = Wsle;
    if (Wsle.u1.e1.Direct)
        MI_PFN_ELEMENT(MI_PTE_FRAME(MiGetPteAddress(MI_VA(Wsle.u1.e1.VirtualPageNumber))))->u1.WsIndex = To;
    else if (Wsle.u1.e1.Hashed)
        MiUpdateWsleHash(List, Wsle.u1.e1.VirtualPageNumber, To);
}

// Two entries change places; both are valid, or the second is free and stays so at First, unlinked from the free list
// by the caller. Any IRQL.
VOID MiSwapWsle(PMMWSL List, ULONG First, ULONG Second)
{
    MMWSLE Saved = List->Wsle[First];

    if (First == Second)
        return;
    MiMoveWsle(List, Second, First);
    List->Wsle[Second] = Saved;
    if (Saved.u1.e1.Direct)
        MI_PFN_ELEMENT(MI_PTE_FRAME(MiGetPteAddress(MI_VA(Saved.u1.e1.VirtualPageNumber))))->u1.WsIndex = Second;
    else if (Saved.u1.e1.Hashed)
        MiUpdateWsleHash(List, Saved.u1.e1.VirtualPageNumber, Second);
}

// The page at Va is about to lose its valid entry, or has just lost it; its frame still counts it. Any IRQL <=
// DISPATCH_LEVEL, with the PFN lock or without.
VOID MiRemoveFromWorkingSet(PMMSUPPORT Vm, PVOID Va, PMMPFN Pfn)
{
    PMMWSL List = Vm->VmWorkingSetList;
    PMMWSLE Wsle;
    ULONG Index;

    Vm->WorkingSetSize--;
    if (Vm->Flags.BeingDeleted)
        return;
    Index = MiLocateWsle(List, Va, Pfn);
    Wsle = &List->Wsle[Index];
    if (Wsle->u1.e1.Direct)
        Pfn->u1.WsIndex = MI_WSLE_NONE; // another address space may be the one to be remembered
    else if (Wsle->u1.e1.Hashed)
        MiRemoveWsleHash(List, Wsle->u1.e1.VirtualPageNumber);
    if (Index < List->FirstDynamic) { // locked: the last of the locked ones fills the gap
        List->FirstDynamic--;
        if (Index != List->FirstDynamic)
            MiMoveWsle(List, List->FirstDynamic, Index);
        Wsle = &List->Wsle[List->FirstDynamic];
        Index = List->FirstDynamic;
    }
    Wsle->u1.Long = List->FirstFree << MI_WSLE_FREE_SHIFT;
    List->FirstFree = Index;
}

// Copy-on-write: the page at Va has another frame from now on. The PFN lock may be held.
VOID MiReplaceInWorkingSet(PMMSUPPORT Vm, PVOID Va, PMMPFN Old, PMMPFN New)
{
    PMMWSL List = Vm->VmWorkingSetList;
    PMMWSLE Wsle;
    ULONG Index;

    if (Vm->Flags.BeingDeleted)
        return;
    Index = MiLocateWsle(List, Va, Old);
    Wsle = &List->Wsle[Index];
    if (Wsle->u1.e1.Direct)
        Old->u1.WsIndex = MI_WSLE_NONE;
    else if (Wsle->u1.e1.Hashed)
        MiRemoveWsleHash(List, Wsle->u1.e1.VirtualPageNumber);
    Wsle->u1.e1.Hashed = 0;
    Wsle->u1.e1.Direct = 1;
    New->u1.WsIndex = Index;
}
