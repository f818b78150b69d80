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
    Pfn->u3.e1.PageLocation = ActiveAndValid;
    Pfn->u3.e1.Modified = 1; // there is no other copy of it
}

// The entry of a page that is on the standby list gets back what it was before the page came; the file's page can then
// only be had by reading it again. The PFN lock is held.
VOID MiRestoreTransitionPte(PMMPFN Pfn)
{
    ASSERT(Pfn->u3.e1.PrototypePte); // private pages are never standby while there is no page file
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
    if (Pfn->u3.e1.Deleted)
        MiInsertPageInFreeList(Page);
    else if (!Pfn->u3.e1.Modified)
        MiInsertPageInList(&MmStandbyPageListHead, Page);
    else if (Pfn->OriginalPte.u.Soft.Prototype)
        MiInsertPageInList(MiIsNoWritePage(Pfn) ? &MmModifiedNoWritePageListHead : &MmModifiedPageListHead, Page);
    else
        MiInsertPageInList(&MmModifiedPagefilePageListHead, Page);
}

// The entry that names this transition page is about to go: gives the frame back, now or with its last reference.
// The PFN lock is held.
VOID MiFreeTransitionPage(PMMPFN Pfn)
{
    if (Pfn->u3.e1.PrototypePte && Pfn->OriginalPte.u.Soft.Prototype)
        ((PSUBSECTION)(ULONG_PTR)Pfn->OriginalPte.u.Subsect.SubsectionAddress)->ControlArea->NumberOfPfnReferences--;
    Pfn->u3.e1.Deleted = 1;
    if (Pfn->u3.ReferenceCount == 0) {
        MiUnlinkPageFromList(Pfn);
        MiInsertPageInFreeList(MI_PFN_NUMBER(Pfn));
    }
}

// A soft fault: the page is still in memory, and is mapped again by one entry. The PFN lock is held.
VOID MiActivateTransitionPage(PMMPFN Pfn)
{
    if (Pfn->u3.ReferenceCount == 0)
        MiUnlinkPageFromList(Pfn);
    else
        MiWakeWaiters(&MiPageWaiters); // who waited for the reference to go would wait long
    ASSERT(Pfn->u2.ShareCount == 0 && Pfn->u3.e1.PageLocation == TransitionPage);
    Pfn->u3.ReferenceCount++;
    Pfn->u2.ShareCount = 1;
    Pfn->u1.WsIndex = 0;
    Pfn->u3.e1.PageLocation = ActiveAndValid;
    MiStatistics.TransitionFaults++;
}
