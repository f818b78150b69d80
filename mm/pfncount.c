// SPDX-License-Identifier: MIT
// A frame's two counts. ShareCount: valid entries that map it. ReferenceCount: 1 while ShareCount is not 0, and 1 for
// each lock by I/O. When the last reference goes the page goes to a list: free, if it was deleted; modified, if its
// contents are nowhere else; standby. The PFN lock is held around everything here.

#include "mi.h"

// Makes a frame just taken off a list active: mapped once, by Pte (of a private page or a prototype PTE).
//
// Protection: what the entry goes back to should the page be thrown away (demand zero).
VOID MiInitializePfn(PFN_NUMBER Page, PMMPTE Pte, PFN_NUMBER PteFrame, ULONG Protection)
{
    PMMPFN Pfn = MI_PFN_ELEMENT(Page);

    ASSERT(Pfn->u3.ReferenceCount == 0 && Pfn->u2.ShareCount == 0);
    Pfn->PteAddress = Pte;
    Pfn->PteFrame = PteFrame;
    Pfn->OriginalPte.u.Long = MI_DEMAND_ZERO(Protection);
    Pfn->u1.WsIndex = 0;
    Pfn->u2.ShareCount = 1;
    Pfn->u3.ReferenceCount = 1;
    Pfn->u3.e1 = (MMPFNENTRY){.PageLocation = ActiveAndValid,
                              .Modified = 1, // there is no other copy of it
                              .Priority = PAGE_PRIORITY_NORMAL};
}

// The entry of a page that is on the standby list gets back what it was before the page came, or, of a page of a page
// file, the slot that holds it now; the page can then only be had by reading it again. A private page's entry is in a
// page table that need not be in the current address space. The PFN lock is held.
VOID MiRestoreTransitionPte(PMMPFN Pfn)
{
    if (!Pfn->u3.e1.PrototypePte) {
        ASSERT(MI_IS_PAGE_FILE_PTE(&Pfn->OriginalPte));
        MiWriteForeignPte(Pfn->PteFrame, Pfn->PteAddress, Pfn->OriginalPte.u.Long);
        MiTransitionLeftTable(Pfn->PteFrame);
        return;
    }
    ASSERT(Pfn->PteAddress->u.Soft.Transition && !Pfn->PteAddress->u.Hard.Valid);
    *Pfn->PteAddress = Pfn->OriginalPte;
    if (Pfn->OriginalPte.u.Soft.Prototype) {
        PSUBSECTION Subsection = (PSUBSECTION)(ULONG_PTR)Pfn->OriginalPte.u.Subsect.SubsectionAddress;

        ASSERT(Subsection->ControlArea->NumberOfPfnReferences != 0);
        Subsection->ControlArea->NumberOfPfnReferences--;
    }
}

// One entry less maps the page. With the last one a shared page's prototype PTE becomes a transition entry; a private
// page's owner has already changed its entry. The PFN lock is held; the translation may still be cached by the
// processor, so the caller flushes it before it releases the lock.
VOID MiDecrementShareCount(PMMPFN Pfn)
{
    ASSERT_PFN_LOCKED();
    if (Pfn->u2.ShareCount == 0 || Pfn->u3.e1.PageLocation != ActiveAndValid)
        KeBugCheckEx(PFN_LIST_CORRUPT, 0x7, MI_PFN_NUMBER(Pfn), Pfn->u2.ShareCount, 0);
    if (--Pfn->u2.ShareCount != 0)
        return;
    Pfn->u3.e1.PageLocation = TransitionPage;
    if (Pfn->u3.e1.PrototypePte && !Pfn->u3.e1.Deleted)
        MiWriteInvalidPte(Pfn->PteAddress, MI_TRANSITION_PTE(MI_PFN_NUMBER(Pfn), Pfn->OriginalPte.u.Soft.Protection));
    MiDecrementReferenceCount(Pfn);
}

// A page of a file whose modified pages only its file system writes.
static BOOLEAN MiIsNoWritePage(PMMPFN Pfn)
{
    return ((PSUBSECTION)(ULONG_PTR)Pfn->OriginalPte.u.Subsect.SubsectionAddress)
        ->ControlArea->u.Flags.NoModifiedWriting;
}

// One reference less. The PFN lock is held.
VOID MiDecrementReferenceCount(PMMPFN Pfn)
{
    PFN_NUMBER Page = MI_PFN_NUMBER(Pfn);

    ASSERT_PFN_LOCKED();
    if (Pfn->u3.ReferenceCount == 0)
        KeBugCheckEx(PFN_LIST_CORRUPT, 0x7, Page, 0, 1);
    if (--Pfn->u3.ReferenceCount != 0)
        return;
    ASSERT(Pfn->u2.ShareCount == 0);
    MiWakeWaiters(&MiPageWaiters);
    if (Pfn->u3.e1.Deleted) {
        MiInsertPageInFreeList(Page);
    } else if (!Pfn->u3.e1.Modified) {
        MiInsertPageInStandbyList(Page);
    } else if (Pfn->OriginalPte.u.Soft.Prototype) {
        MiInsertPageInList(MiIsNoWritePage(Pfn) ? &MmModifiedNoWritePageListHead : &MmModifiedPageListHead, Page);
    } else {
        MiReleasePageFileSpace(&Pfn->OriginalPte); // what the slot holds is out of date
        MiInsertPageInList(&MmModifiedPagefilePageListHead, Page);
    }
}

// The entry that names this transition page is about to go: gives the frame back, now or with its last reference.
// The PFN lock is held.
VOID MiFreeTransitionPage(PMMPFN Pfn)
{
    if (Pfn->u3.e1.PrototypePte && Pfn->OriginalPte.u.Soft.Prototype)
        ((PSUBSECTION)(ULONG_PTR)Pfn->OriginalPte.u.Subsect.SubsectionAddress)->ControlArea->NumberOfPfnReferences--;
    MiReleasePageFileSpace(&Pfn->OriginalPte);
    Pfn->u3.e1.Deleted = 1;
    if (Pfn->u3.ReferenceCount == 0) {
        MiUnlinkPageFromList(Pfn);
        MiInsertPageInFreeList(MI_PFN_NUMBER(Pfn));
    }
}

// The page in memory is to be the only copy: its slot, if it has one, is given back. The PFN lock is held.
VOID MiMakePageDirty(PMMPFN Pfn)
{
    Pfn->u3.e1.Modified = 1;
    MiReleasePageFileSpace(&Pfn->OriginalPte);
}

// A soft fault: the page is still in memory, and is mapped again by one entry. When slots are running out it gives up
// its own: somebody waits for one. The PFN lock is held.
VOID MiActivateTransitionPage(PMMPFN Pfn)
{
    if (MI_IS_PAGE_FILE_PTE(&Pfn->OriginalPte) && MiIsPageFileSpaceShort())
        MiMakePageDirty(Pfn);
    if (Pfn->u3.ReferenceCount == 0)
        MiUnlinkPageFromList(Pfn);
    else
        MiWakeWaiters(&MiPageWaiters); // who waited for the reference to go would wait long
    ASSERT(Pfn->u2.ShareCount == 0 && Pfn->u3.e1.PageLocation == TransitionPage);
    Pfn->u3.ReferenceCount++;
    Pfn->u2.ShareCount = 1;
    Pfn->u1.WsIndex = 0;
    Pfn->u3.e1.PageLocation = ActiveAndValid;
    if (Pfn->u3.e1.Priority < PsGetCurrentThread()->PagePriority)
        MiSetPagePriority(Pfn);
    MiStatistics.TransitionFaults++;
}
