// SPDX-License-Identifier: MIT
// The working set manager: when memory is short, takes pages of files and sections out of the processes that map them
// and out of the system cache, so that they can be written and reused. A page that was touched since the last round
// stays this time (second chance). Private pages stay always, as there is no page file to put them.

#include "mi.h"

KEVENT MiWorkingSetManagerEvent;

#define MI_TRIM_GOAL (2 * MI_LOW_MEMORY) // available pages that are enough
#define MI_TRIM_ROUNDS 2

// The page's entry goes back to what it was before the page was touched. The PFN lock is held.
static VOID MiTrimPte(PEPROCESS Process, PMMVAD Vad, PMMPTE Pte, ULONG_PTR Vpn, PMI_TB_FLUSH Flush)
{
    MMPTE Old = MiExchangePte(Pte, 0);
    ULONG Protection = MiValidPteProtection(&Old), Default = Vad->u.VadFlags.Protection;
    PMMPFN Pfn = MI_PFN_ELEMENT(MI_PTE_FRAME(&Old));

    if (Vad->u.VadFlags.VadType == VadImageMap)
        Default = Pfn->OriginalPte.u.Soft.Protection;
    if (Protection != Default)
        MiWriteInvalidPte(Pte, MI_PROTO_PTE(MI_PTE_LOOKUP, Protection));
    else
        MiCountUsedPte(MI_VA(Vpn), -1);
    Pfn->u3.e1.Modified |= Old.u.Hard.Dirty;
    MiAddTbFlush(Flush, MI_VA(Vpn));
    Process->Vm.WorkingSetSize--;
    MiDecrementShareCount(Pfn);
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
        if (!Pte->u.Hard.Valid || !MI_PFN_ELEMENT(MI_PTE_FRAME(Pte))->u3.e1.PrototypePte)
            continue;
        if (Pte->u.Hard.Accessed) {
            MMPTE Old = MiExchangePte(Pte, Pte->u.Long & ~(MI_ACCESSED | MI_DIRTY));

            MI_PFN_ELEMENT(MI_PTE_FRAME(&Old))->u3.e1.Modified |= Old.u.Hard.Dirty;
            MiAddTbFlush(&Flush, MI_VA(StartVpn));
        } else {
            MiTrimPte(Process, Vad, Pte, StartVpn, &Flush);
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

// One round over the views of a process. IRQL PASSIVE_LEVEL; attaches. Takes the working set lock, the PFN lock.
VOID MiTrimProcess(PEPROCESS Process)
{
    KAPC_STATE ApcState;
    PMMVAD Vad;

    KeStackAttachProcess(&Process->Pcb, &ApcState);
    MiLockWorkingSet(Process);
    for (Vad = MiFirstVad(&Process->VadRoot); Vad != NULL; Vad = MiNextVad(Vad)) {
        if (!Vad->u.VadFlags.PrivateMemory)
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
