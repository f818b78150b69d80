// SPDX-License-Identifier: MIT
// Cloning one page-table entry: what a parent's entry becomes, and what its child gets. Pages of sections stay the
// sections'; a page of the parent's own, wherever it is (in the working set, in transition, in a page file), gets a
// prototype PTE in the clone block. The parent's working set lock and the PFN lock are held around everything here.

#include "mi.h"

// A prototype that names what Contents says; parent and child both name it.
static PMMPTE MiTakeClonePte(PMI_CLONE Clone, ULONGLONG Contents)
{
    PMMPTE Proto = &Clone->Block->ClonePte[Clone->Block->UsedPtes++];

    ASSERT(Clone->Block->UsedPtes <= Clone->Block->NumberOfPtes && Proto->u.Long == 0);
    *(volatile ULONGLONG *)&Proto->u.Long = Contents;
    MiReferenceClonePte(Clone->ParentDescriptor, Proto);
    MiReferenceClonePte(Clone->ChildDescriptor, Proto);
    Clone->Parent->NumberOfPrivatePages--;
    return Proto;
}

static VOID MiGivePageToClone(PMMPFN Pfn, PMMPTE Proto)
{
    Pfn->PteAddress = Proto;
    Pfn->PteFrame = 0;
    Pfn->u3.e1.PrototypePte = 1;
}

// Is the page locked for a transfer that goes on? What arrives is the parent's, so that keeps the page, and the child
// gets a copy now.
static BOOLEAN MiIsLockedForIo(PMMPFN Pfn)
{
    ULONG Own = Pfn->u2.ShareCount != 0 && Pfn->u3.e1.PageLocation == ActiveAndValid;

    return Pfn->u3.ReferenceCount > Own + Pfn->u3.e1.ReadInProgress + Pfn->u3.e1.WriteInProgress;
}

// Gives the child a page of its own, in transition. FALSE: no frame to spare.
static BOOLEAN MiCopyForChild(PMI_CLONE Clone, PMMPTE Pte, PFN_NUMBER Source, ULONG Protection, PMMPTE Value)
{
    PFN_NUMBER Page;

    if (MmAvailablePages <= MI_FAULT_RESERVE)
        return FALSE;
    Page = MiRemoveAnyPage(MiHighNode);
    MiInitializePfn(Page, Pte, Clone->Table, Protection);
    MiSetPagePriority(MI_PFN_ELEMENT(Page));
    MiCopyPage(Page, Source);
    MiDecrementShareCount(MI_PFN_ELEMENT(Page)); // to the modified list
    Value->u.Long = MI_TRANSITION_PTE(Page, Protection);
    Clone->Child->NumberOfPrivatePages++;
    return TRUE;
}

// The child's entry names what the parent's does. Proto: a clone's prototype, known to both.
static VOID MiShareClonePte(PMI_CLONE Clone, PMMPTE Proto, ULONG Protection, PMMPTE Value)
{
    MiReferenceClonePte(MiLocateClone(Clone->Child, Proto), Proto);
    Value->u.Long = MI_PROTO_PTE(Proto, Protection);
}

// A valid entry of a section's page or of a clone's.
static VOID MiCloneSharedEntry(PMI_CLONE Clone, PMMVAD Vad, PMMPTE Pte, PMMPTE Value)
{
    PMMPFN Pfn = MI_PFN_ELEMENT(MI_PTE_FRAME(Pte));
    ULONG Protection = MiValidPteProtection(Pte), Default = Vad->u.VadFlags.Protection;

    if (MiLocateClone(Clone->Parent, Pfn->PteAddress) != NULL) {
        MiShareClonePte(Clone, Pfn->PteAddress, MI_IS_COPY_ON_WRITE(Protection) ? Protection - 1 : Protection, Value);
        return;
    }
    if (Vad->u.VadFlags.VadType == VadImageMap)
        Default = Pfn->OriginalPte.u.Soft.Protection;
    Value->u.Long = Protection == Default ? 0 : MI_PROTO_PTE(MI_PTE_LOOKUP, Protection);
}

static BOOLEAN MiCloneValidEntry(PMI_CLONE Clone, PMMVAD Vad, PMMPTE Pte, PVOID Va, PMMPTE Value, PMI_TB_FLUSH Flush)
{
    PFN_NUMBER Page = MI_PTE_FRAME(Pte);
    PMMPFN Pfn = MI_PFN_ELEMENT(Page);
    ULONG Protection = MiValidPteProtection(Pte);
    PMMPTE Proto;
    MMPTE Old;

    if (Pfn->u3.e1.PrototypePte) {
        MiCloneSharedEntry(Clone, Vad, Pte, Value);
        return TRUE;
    }
    if (MiIsLockedForIo(Pfn))
        return MiCopyForChild(Clone, Pte, Page, Protection, Value);
    if (Pte->u.Hard.Write) {
        Old = MiExchangePte(Pte, (Pte->u.Long & ~(MI_WRITE | MI_DIRTY)) | MI_COPY_ON_WRITE);
        Pfn->u3.e1.Modified |= Old.u.Hard.Dirty;
        MiAddTbFlush(Flush, Va);
    }
    Proto = MiTakeClonePte(Clone, MI_KERNEL_PTE(Page));
    MiGivePageToClone(Pfn, Proto);
    Value->u.Long = MI_PROTO_PTE(Proto, Protection);
    return TRUE;
}

// Clones the entry of Va, which is not 0; *Value is the child's. Flush collects what the parent's processors must
// forget. FALSE: there is no frame for the copy of a locked page; nothing was done.
BOOLEAN MiCloneEntry(PMI_CLONE Clone, PMMVAD Vad, PVOID Va, PMMPTE Value, PMI_TB_FLUSH Flush)
{
    PMMPTE Pte = MiGetPteAddress(Va), Proto;
    ULONG Protection;

    *Value = *Pte;
    if (Pte->u.Hard.Valid)
        return MiCloneValidEntry(Clone, Vad, Pte, Va, Value, Flush);
    if (MI_IS_CLONE_PTE(Pte)) {
        MiShareClonePte(Clone, MI_CLONE_PROTO(Pte), Pte->u.Proto.Protection, Value);
        return TRUE;
    }
    if (Pte->u.Soft.Prototype || (!Pte->u.Soft.Transition && !MI_IS_PAGE_FILE_PTE(Pte)))
        return TRUE;                     // a section's page; zeros, or what is not committed
    Protection = Pte->u.Soft.Protection; // at the same place in a transition entry
    if (Pte->u.Soft.Transition) {
        PMMPFN Pfn = MI_PFN_ELEMENT(MI_PTE_FRAME(Pte));

        if (MiIsLockedForIo(Pfn))
            return MiCopyForChild(Clone, Pte, MI_PTE_FRAME(Pte), Protection, Value);
        Proto = MiTakeClonePte(Clone, Pte->u.Long);
        MiGivePageToClone(Pfn, Proto);
    } else {
        Proto = MiTakeClonePte(Clone, Pte->u.Long);
    }
    MiWriteInvalidPte(Pte, MI_PROTO_PTE(Proto, Protection));
    Value->u.Long = MI_PROTO_PTE(Proto, Protection);
    return TRUE;
}
