// SPDX-License-Identifier: MIT
// Clone blocks and their descriptors (miclone.h draws them), and the fault on a page of one. A prototype PTE of a block
// lives as long as an entry of any process names it; the process that is left alone with it gets the page for itself at
// its next write. The working set lock of the process is held around everything here.

#include "mi.h"

static PULONG MiCloneReferences(PMMCLONE_HEADER Header, PMMPTE Proto)
{
    return (PULONG)&Header->ClonePte[Header->NumberOfPtes] + (Proto - Header->ClonePte);
}

// Makes a process know a block; Descriptor is new, zeroed. Returns it.
PMMCLONE_DESCRIPTOR MiInsertClone(PEPROCESS Process, PMMCLONE_DESCRIPTOR Descriptor, PMMCLONE_HEADER Header)
{
    PMMVAD Node = (PMMVAD)Descriptor;

    Node->StartingVpn = (ULONG_PTR)Header->ClonePte;
    Node->EndingVpn = (ULONG_PTR)&Header->ClonePte[Header->NumberOfPtes] - 1;
    Descriptor->Header = Header;
    InterlockedIncrement(&Header->NumberOfProcessReferences);
    MiInsertVad(&Process->CloneRoot, Node);
    return Descriptor;
}

// One entry more of the descriptor's process names the prototype. The PFN lock is held.
VOID MiReferenceClonePte(PMMCLONE_DESCRIPTOR Descriptor, PMMPTE Proto)
{
    ++*MiCloneReferences(Descriptor->Header, Proto);
    Descriptor->NumberOfReferences++;
}

static VOID MiDropDescriptorReference(PEPROCESS Process, PMMCLONE_DESCRIPTOR Descriptor)
{
    ASSERT(Descriptor->NumberOfReferences != 0);
    if (--Descriptor->NumberOfReferences == 0)
        Process->DeadClones++;
}

// One entry of Process less names the prototype, and none maps its page any more; with the last one of all processes
// the page goes. The PFN lock is held; the caller looks for dead descriptors (MiReapClones) when it has released that.
VOID MiReleaseClonePte(PEPROCESS Process, PMMPTE Proto)
{
    PMMCLONE_DESCRIPTOR Descriptor = MiLocateClone(Process, Proto);
    PULONG References;

    ASSERT_PFN_LOCKED();
    if (Descriptor == NULL)
        KeBugCheckEx(MEMORY_MANAGEMENT, MI_BUG_NO_CLONE, (ULONG_PTR)Proto, (ULONG_PTR)Process, 0);
    References = MiCloneReferences(Descriptor->Header, Proto);
    if (*References == 0)
        KeBugCheckEx(MEMORY_MANAGEMENT, MI_BUG_CLONE_COUNT, (ULONG_PTR)Proto, (ULONG_PTR)Process, 0);
    MiDropDescriptorReference(Process, Descriptor);
    if (--*References != 0)
        return;
    ASSERT(!Proto->u.Hard.Valid);
    if (Proto->u.Soft.Transition)
        MiFreeTransitionPage(MI_PFN_ELEMENT(MI_PTE_FRAME(Proto)));
    else
        MiReleasePageFileSpace(Proto);
    Proto->u.Long = 0;
}

// Frees descriptors that no entry of the process needs any more, and blocks that no process does. Without the PFN lock.
VOID MiReapClones(PEPROCESS Process)
{
    PMMVAD Node, Next;

    Process->DeadClones = 0;
    for (Node = MiFirstVad(&Process->CloneRoot); Node != NULL; Node = Next) {
        PMMCLONE_DESCRIPTOR Descriptor = (PMMCLONE_DESCRIPTOR)Node;

        Next = MiNextVad(Node);
        if (Descriptor->NumberOfReferences != 0)
            continue;
        MiRemoveVad(&Process->CloneRoot, Node);
        if (InterlockedDecrement(&Descriptor->Header->NumberOfProcessReferences) == 0)
            ExFreePoolWithTag(Descriptor->Header, TAG_CLONE);
        ExFreePoolWithTag(Descriptor, TAG_CLONE);
    }
}

// Does an entry that is not 0 stand for a page of a clone?
BOOLEAN MiIsCloneEntry(PEPROCESS Process, const MMPTE *Pte)
{
    PMMPFN Pfn;

    if (!Pte->u.Hard.Valid)
        return MI_IS_CLONE_PTE(Pte);
    Pfn = MI_PFN_ELEMENT(MI_PTE_FRAME(Pte));
    return Process->CloneRoot.Root != NULL && Pfn->u3.e1.PrototypePte &&
           MiLocateClone(Process, Pfn->PteAddress) != NULL;
}

// The valid page at Va: if it is a clone's and no other entry names it, it becomes private. Takes the PFN lock. FALSE:
// it is somebody else's too, or no clone's.
BOOLEAN MiTakeOverClone(PEPROCESS Process, PMMPTE Pte, PVOID Va, BOOLEAN Write)
{
    PMMPFN Pfn = MI_PFN_ELEMENT(MI_PTE_FRAME(Pte));
    PMMPTE Proto = Pfn->PteAddress;
    PMMCLONE_DESCRIPTOR Descriptor = MiLocateClone(Process, Proto);
    ULONG Protection;
    KIRQL OldIrql;

    if (Descriptor == NULL)
        return FALSE;
    OldIrql = MiLockPfn();
    if (*MiCloneReferences(Descriptor->Header, Proto) != 1) {
        MiUnlockPfn(OldIrql);
        return FALSE;
    }
    ASSERT(Pfn->u2.ShareCount == 1);
    *MiCloneReferences(Descriptor->Header, Proto) = 0;
    Proto->u.Long = 0;
    MiDropDescriptorReference(Process, Descriptor);
    Protection = MiValidPteProtection(Pte);
    Protection = MI_IS_COPY_ON_WRITE(Protection) ? Protection - 1 : Protection;
    Pfn->PteAddress = Pte;
    Pfn->PteFrame = MI_PTE_FRAME(MiGetPdeAddress(Va));
    Pfn->u3.e1.PrototypePte = 0;
    Pfn->OriginalPte.u.Soft.Protection = Protection;
    if (Write)
        MiMakePageDirty(Pfn);
    MiExchangePte(Pte,
                  (Pte->u.Long & MI_FRAME_MASK) | MmProtectToPteMask[Protection] | MI_USER | (Write ? MI_DIRTY : 0));
    KeFlushSingleTb(Va, FALSE);
    MiReplaceInWorkingSet(&Process->Vm, Va, Pfn, Pfn);
    MiUnlockPfn(OldIrql);
    Process->NumberOfPrivatePages++;
    if (Process->DeadClones != 0)
        MiReapClones(Process);
    return TRUE;
}

// The same for an entry that is not valid: what its page is (in transition, in a page file) becomes the entry's own.
VOID MiTakeBackClone(PEPROCESS Process, PMMPTE Pte, PVOID Va)
{
    PMMPTE Proto = MI_CLONE_PROTO(Pte);
    PMMCLONE_DESCRIPTOR Descriptor = MiLocateClone(Process, Proto);
    ULONG Protection = Pte->u.Proto.Protection;
    KIRQL OldIrql = MiLockPfn();
    MMPTE Entry = *Proto;

    if (*MiCloneReferences(Descriptor->Header, Proto) == 1) {
        ASSERT(!Entry.u.Hard.Valid);
        if (Entry.u.Soft.Transition) {
            PMMPFN Pfn = MI_PFN_ELEMENT(MI_PTE_FRAME(&Entry));

            Pfn->PteAddress = Pte;
            Pfn->PteFrame = MI_PTE_FRAME(MiGetPdeAddress(Va));
            Pfn->u3.e1.PrototypePte = 0;
            Pfn->OriginalPte.u.Soft.Protection = Protection;
        }
        Entry.u.Soft.Protection = Protection; // the same place in a transition entry
        *MiCloneReferences(Descriptor->Header, Proto) = 0;
        Proto->u.Long = 0;
        MiDropDescriptorReference(Process, Descriptor);
        MiWriteInvalidPte(Pte, Entry.u.Long);
        Process->NumberOfPrivatePages++;
    }
    MiUnlockPfn(OldIrql);
    if (Process->DeadClones != 0)
        MiReapClones(Process);
}

// A fault on an entry that names a clone's prototype. As MiResolvePrototype; a write ends with the process's own page.
NTSTATUS MiResolveClone(PMI_FAULT Fault, ULONG Protection, PMMPTE Proto)
{
    PMMCLONE_DESCRIPTOR Descriptor = MiLocateClone(Fault->Process, Proto);

    if (Descriptor == NULL)
        KeBugCheckEx(MEMORY_MANAGEMENT, MI_BUG_NO_CLONE, (ULONG_PTR)Proto, (ULONG_PTR)Fault->Process, 1);
    Fault->LastProto = &Descriptor->Header->ClonePte[Descriptor->Header->UsedPtes - 1];
    return MiResolvePrototype(Fault, MiCloneProtection(Protection), Proto);
}
