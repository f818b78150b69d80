// SPDX-License-Identifier: MIT
// The working set manager: when memory is short, takes pages out of the processes that map them and out of the system
// cache, so that they can be written and reused. A page that was touched since the last round stays this time (second
// chance). Private pages stay while there is no page file to put them.

#include "mi.h"

KEVENT MiWorkingSetManagerEvent;
BOOLEAN MiTrimPrivatePages; // there is a page file for them

#define MI_TRIM_GOAL (2 * MI_LOW_MEMORY) // available pages that are enough
#define MI_TRIM_ROUNDS 2

// A shared page's entry goes back to what it was before the page was touched. The PFN lock is held.
static MMPTE MiUnmapSharedPte(PMMVAD Vad, PMMPTE Pte, PVOID Va, PMMPFN Pfn)
{
    MMPTE Old = MiExchangePte(Pte, 0);
    ULONG Protection = MiValidPteProtection(&Old), Default = Vad->u.VadFlags.Protection;

    if (Vad->u.VadFlags.VadType == VadImageMap)
        Default = Pfn->OriginalPte.u.Soft.Protection;
    if (Protection != Default)
        MiWriteInvalidPte(Pte, MI_PROTO_PTE(MI_PTE_LOOKUP, Protection));
    else
        MiCountUsedPte(Va, -1);
    return Old;
}

// Takes one valid page out of the working set of Process, which is the current address space; Vad describes it. A
// shared page's entry asks its prototype again. A private page's becomes a transition entry and keeps its contents: it
// is on the modified list, or, if its slot in a page file holds the same, on the standby list; a fault brings it back
// (MiResolveTransition).
//
// The working set lock and the PFN lock are held; the caller flushes Flush before it releases the second.
VOID MiEliminateWorkingSetEntry(PEPROCESS Process, PMMVAD Vad, PMMPTE Pte, PVOID Va, PMI_TB_FLUSH Flush)
{
    PMMPFN Pfn = MI_PFN_ELEMENT(MI_PTE_FRAME(Pte));
    MMPTE Old;

    if (Pfn->u3.e1.PrototypePte)
        Old = MiUnmapSharedPte(Vad, Pte, Va, Pfn);
    else
        Old = MiExchangePte(Pte, MI_TRANSITION_PTE(MI_PFN_NUMBER(Pfn), Pfn->OriginalPte.u.Soft.Protection));
    Pfn->u3.e1.Modified |= Old.u.Hard.Dirty;
    MiAddTbFlush(Flush, Va);
    Process->Vm.WorkingSetSize--;
    MiDecrementShareCount(Pfn);
}

static BOOLEAN MiCanTrimPte(PMMPTE Pte)
{
    PMMPFN Pfn = MI_PFN_ELEMENT(MI_PTE_FRAME(Pte));

    return Pfn->u3.e1.PrototypePte || MiTrimPrivatePages;
}

// At most MI_PTE_BATCH entries of one page table.
static VOID MiTrimBatch(PEPROCESS Process, PMMVAD Vad, ULONG_PTR StartVpn, ULONG_PTR EndVpn)
{
    PMMPTE Pte = MiGetPteAddress(MI_VA(StartVpn));
    MI_TB_FLUSH Flush;
    KIRQL OldIrql;

    Flush.Count = 0;
    OldIrql = MiLockPfn();
    for (; StartVpn <= EndVpn; StartVpn++, Pte++) {
        if (!Pte->u.Hard.Valid || !MiCanTrimPte(Pte))
            continue;
        if (Pte->u.Hard.Accessed) {
            MMPTE Old = MiExchangePte(Pte, Pte->u.Long & ~(MI_ACCESSED | MI_DIRTY));

            MI_PFN_ELEMENT(MI_PTE_FRAME(&Old))->u3.e1.Modified |= Old.u.Hard.Dirty;
            MiAddTbFlush(&Flush, MI_VA(StartVpn));
        } else {
            MiEliminateWorkingSetEntry(Process, Vad, Pte, MI_VA(StartVpn), &Flush);
        }
    }
    MiFlushTb(&Flush, FALSE);
    MiUnlockPfn(OldIrql);
}

static VOID MiTrimVad(PEPROCESS Process, PMMVAD Vad)
{
    ULONG_PTR Vpn = Vad->StartingVpn;

    while (Vpn <= Vad->EndingVpn) {
        ULONG_PTR Last = min_of(Vad->EndingVpn, Vpn | (PTES_PER_PAGE - 1));

        if (MiGetPdeAddress(MI_VA(Vpn))->u.Hard.Valid) {
            for (; Vpn <= Last; Vpn += MI_PTE_BATCH)
                MiTrimBatch(Process, Vad, Vpn, min_of(Last, Vpn + MI_PTE_BATCH - 1));
            MiDeletePageTable(Process, MI_VA(Last));
        }
        Vpn = Last + 1;
    }
}

// One round over the memory of a process. IRQL PASSIVE_LEVEL; attaches. Takes the working set lock, the PFN lock.
VOID MiTrimProcess(PEPROCESS Process)
{
    KAPC_STATE ApcState;
    PMMVAD Vad;

    KeStackAttachProcess(&Process->Pcb, &ApcState);
    MiLockWorkingSet(Process);
    for (Vad = MiFirstVad(&Process->VadRoot); Vad != NULL; Vad = MiNextVad(Vad)) {
        if (!Vad->u.VadFlags.PrivateMemory || MiTrimPrivatePages)
            MiTrimVad(Process, Vad);
    }
    MiUnlockWorkingSet(Process);
    KeUnstackDetachProcess(&ApcState);
}

// The working set manager's thread.
VOID NTAPI MiWorkingSetManager(PVOID Context)
{
    UNREFERENCED_PARAMETER(Context);
    for (;;) {
        ULONG Round;

        KeWaitForever(&MiWorkingSetManagerEvent, WrVirtualMemory);
        for (Round = 0; Round < MI_TRIM_ROUNDS && MmAvailablePages < MI_TRIM_GOAL; Round++) {
            PEPROCESS Process = NULL;

            MiTrimSystemCache();
            while ((Process = PsGetNextProcess(Process)) != NULL) {
                if (Process->PaePointerTable != NULL)
                    MiTrimProcess(Process);
            }
            KeSetEvent(&MiModifiedPageWriterEvent, IO_NO_INCREMENT, FALSE);
        }
    }
}
