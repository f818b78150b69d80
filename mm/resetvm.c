// SPDX-License-Identifier: MIT
// MEM_RESET: the contents of a range are of no more interest, the range stays committed. What private memory held is
// dropped at once, and the next touch finds zeros; a page that I/O has locked, and pages of views, keep what they have.
// Source: SDK, VirtualAlloc.

#include "mi.h"

// The entry becomes what it was before the page was touched. The PFN lock is held. FALSE: it stays.
static BOOLEAN MiResetPte(PEPROCESS Process, PMMPTE Pte, ULONG_PTR Vpn, PMI_TB_FLUSH Flush)
{
    MMPTE Old = *Pte;
    ULONG Protection;
    PMMPFN Pfn;

    if (Old.u.Hard.Valid) {
        Pfn = MI_PFN_ELEMENT(MI_PTE_FRAME(&Old));
        if (Pfn->u3.e1.PrototypePte || Pfn->u3.ReferenceCount != 1)
            return FALSE;
        Protection = MiValidPteProtection(&Old);
    } else {
        if (Old.u.Long == 0 || Old.u.Soft.Prototype || Old.u.Long == MI_DEMAND_ZERO(Old.u.Soft.Protection))
            return FALSE;
        Protection = Old.u.Soft.Protection; // at the same place in a transition entry
        if (Old.u.Soft.Transition && MI_PFN_ELEMENT(MI_PTE_FRAME(&Old))->u3.ReferenceCount != 0)
            return FALSE;
    }
    MiDeletePte(Process, Pte, MI_VA(Vpn), Flush);
    MiWriteInvalidPte(Pte, MI_DEMAND_ZERO(Protection));
    return TRUE;
}

// The pages [Vpn, Last] of one page table, at most MI_PTE_BATCH. The working set lock is held.
static VOID MiResetBatch(PEPROCESS Process, ULONG_PTR Vpn, ULONG_PTR Last)
{
    PMMPTE Pte = MiGetPteAddress(MI_VA(Vpn));
    MI_TB_FLUSH Flush;
    KIRQL OldIrql;

    Flush.Count = 0;
    OldIrql = MiLockPfn();
    for (; Vpn <= Last; Vpn++, Pte++)
        MiResetPte(Process, Pte, Vpn, &Flush);
    MiFlushTb(&Flush, FALSE);
    MiUnlockPfn(OldIrql);
    if (Process->DeadClones != 0)
        MiReapClones(Process);
}

// Drops the contents of the whole pages in [*Base, *Base + *Size), which become the range. The address creation lock is
// held; takes the working set lock. STATUS_CONFLICTING_ADDRESSES: not inside one allocation. STATUS_NOT_COMMITTED.
NTSTATUS MiResetVirtualMemory(PEPROCESS Process, PULONG_PTR Base, PSIZE_T Size)
{
    ULONG_PTR Vpn = MI_VPN(*Base + PAGE_SIZE - 1), End = MI_VPN(*Base + *Size);
    PMMVAD Vad = MiLocateVad(&Process->VadRoot, MI_VPN(*Base));
    NTSTATUS Status = STATUS_SUCCESS;

    if (Vad == NULL || MI_VPN(*Base + *Size - 1) > Vad->EndingVpn)
        return STATUS_CONFLICTING_ADDRESSES;
    *Base = Vpn << PAGE_SHIFT;
    *Size = End > Vpn ? (End - Vpn) << PAGE_SHIFT : 0;
    if (MI_IS_UNPAGED_VAD(Vad))
        return STATUS_CONFLICTING_ADDRESSES;
    MiLockWorkingSet(Process);
    if (*Size != 0 && !MiIsRangeCommitted(Vad, Vpn, End - 1))
        Status = STATUS_NOT_COMMITTED;
    while (NT_SUCCESS(Status) && Vad->u.VadFlags.PrivateMemory && Vpn < End) {
        ULONG_PTR Last = min_of(End - 1, Vpn | (MI_PTE_BATCH - 1));

        if (MiGetPdeAddress(MI_VA(Vpn))->u.Hard.Valid)
            MiResetBatch(Process, Vpn, Last);
        Vpn = Last + 1;
    }
    MiUnlockWorkingSet(Process);
    return Status;
}
