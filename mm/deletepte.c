// SPDX-License-Identifier: MIT
// Taking entries of the user half away, whatever they hold: private pages are freed, shared ones lose a mapping (and
// keep what was written to them). The working set lock is held.

#include "mi.h"

// Makes one entry 0. The PFN lock is held; the caller flushes Flush before it releases the lock, and looks for dead
// clone descriptors then.
VOID MiDeletePte(PEPROCESS Process, PMMPTE Pte, PVOID Va, PMI_TB_FLUSH Flush)
{
    MMPTE Old = *Pte;
    PMMPFN Pfn;

    if (Old.u.Hard.Valid) {
        Old = MiTakePte(Pte);
        MiAddTbFlush(Flush, Va);
        Pfn = MI_PFN_ELEMENT(MI_PTE_FRAME(&Old));
        MiRemoveFromWorkingSet(&Process->Vm, Va, Pfn);
        if (Pfn->u3.e1.PrototypePte) {
            PMMPTE Proto = Pfn->PteAddress;

            Pfn->u3.e1.Modified |= Old.u.Hard.Dirty;
            MiDecrementShareCount(Pfn);
            if (MiLocateClone(Process, Proto) != NULL)
                MiReleaseClonePte(Process, Proto);
            return;
        } else {
            Process->NumberOfPrivatePages--;
            MiReleasePageFileSpace(&Pfn->OriginalPte);
            Pfn->u3.e1.Deleted = 1;
        }
        MiDecrementShareCount(Pfn);
        return;
    }
    MiWriteInvalidPte(Pte, 0);
    if (Old.u.Soft.Transition && !Old.u.Soft.Prototype) {
        Process->NumberOfPrivatePages--;
        MiFreeTransitionPage(MI_PFN_ELEMENT(MI_PTE_FRAME(&Old)));
    } else if (MI_IS_PAGE_FILE_PTE(&Old)) {
        Process->NumberOfPrivatePages--;
        MiReleasePageFileSpace(&Old);
    } else if (MI_IS_CLONE_PTE(&Old)) {
        MiReleaseClonePte(Process, MI_CLONE_PROTO(&Old));
    }
}

// The process's address space goes (BeingDeleted is set): takes the page of each entry of its list away, so that what
// is left of the ranges is seldom more than tables without an entry. IRQL <= APC_LEVEL. Takes the PFN lock.
VOID MiDeleteListedPages(PEPROCESS Process)
{
    PMMWSL List = Process->Vm.VmWorkingSetList;
    ULONG Index = 1, Last = List->LastEntry;

    while (Index <= Last) {
        KIRQL OldIrql = MiLockPfn();
        MI_TB_FLUSH Flush = {.Count = 0};

        for (; Index <= Last && Flush.Count < MI_PTE_BATCH; Index++) {
            PVOID Va = MI_VA(List->Wsle[Index].u1.e1.VirtualPageNumber);

            if (List->Wsle[Index].u1.e1.Valid) {
                MiDeletePte(Process, MiGetPteAddress(Va), Va, &Flush);
                MiCountUsedPte(Va, -1);
            }
        }
        MiFlushTb(&Flush, FALSE);
        MiUnlockPfn(OldIrql);
    }
    if (Process->DeadClones != 0)
        MiReapClones(Process);
}

// Deletes the entries of [StartVpn, EndVpn], which one page table holds.
static VOID MiDeleteInTable(PEPROCESS Process, ULONG_PTR StartVpn, ULONG_PTR EndVpn)
{
    PMMPTE Pte = MiGetPteAddress(MI_VA(StartVpn));
    LONG Used = MI_PFN_ELEMENT(MiGetFrame(Pte))->OriginalPte.u.Soft.UsedPageTableEntries; // of the whole table
    ULONG_PTR Vpn = StartVpn;
    LONG Deleted = 0;

    while (Vpn <= EndVpn && Deleted < Used) {
        MI_TB_FLUSH Flush;
        ULONG Batch = 0;
        KIRQL OldIrql;

        while (EndVpn - Vpn >= 4 && (Pte[0].u.Long | Pte[1].u.Long | Pte[2].u.Long | Pte[3].u.Long) == 0) {
            Vpn += 4; // most of a reservation was never touched
            Pte += 4;
        }
        for (; Vpn <= EndVpn && Pte->u.Long == 0; Vpn++, Pte++)
            continue;
        if (Vpn > EndVpn)
            break;
        Flush.Count = 0;
        OldIrql = MiLockPfn();
        for (; Vpn <= EndVpn && Batch < MI_PTE_BATCH; Vpn++, Pte++, Batch++) {
            if (Pte->u.Long != 0) {
                MiDeletePte(Process, Pte, MI_VA(Vpn), &Flush);
                Deleted++;
            }
        }
        MiFlushTb(&Flush, FALSE);
        MiUnlockPfn(OldIrql);
    }
    if (Process->DeadClones != 0)
        MiReapClones(Process);
    MiCountUsedPte(MI_VA(StartVpn), -Deleted);
}

// Deletes every entry of a range and the page tables that become empty. IRQL <= APC_LEVEL. Takes the PFN lock.
VOID MiDeleteRange(PEPROCESS Process, ULONG_PTR StartVpn, ULONG_PTR EndVpn)
{
    while (StartVpn <= EndVpn) {
        ULONG_PTR Last = min_of(EndVpn, StartVpn | (PTES_PER_PAGE - 1));

        if (MiGetPdeAddress(MI_VA(StartVpn))->u.Hard.Valid) {
            MiDeleteInTable(Process, StartVpn, Last);
            MiDeletePageTable(Process, MI_VA(StartVpn));
        }
        StartVpn = Last + 1;
    }
}
