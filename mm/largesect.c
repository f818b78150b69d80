// SPDX-License-Identifier: MIT
// Sections of the page file in pages of 2 MB (SEC_LARGE_PAGES): the frames belong to the segment from its making to its
// end, its prototype PTEs are valid all the time, and a view maps them by directory entries. Nothing of it is paged.
// Source: SDK, CreateFileMapping.

#include "mi.h"

// Gives a new segment all its frames. Nobody else knows it; no locks. STATUS_INSUFFICIENT_RESOURCES: memory is too
// scattered; what it has goes with the segment.
NTSTATUS MiFillLargeSection(PSEGMENT Segment, ULONG Protection)
{
    ULONG Page, Index;

    for (Page = 0; Page < Segment->TotalNumberOfPtes; Page += PTES_PER_PAGE) {
        PFN_NUMBER First = MiTakeLargePage();
        KIRQL OldIrql;

        if (First == 0)
            return STATUS_INSUFFICIENT_RESOURCES;
        OldIrql = MiLockPfn();
        for (Index = 0; Index < PTES_PER_PAGE; Index++) {
            PMMPTE Proto = Segment->PrototypePte + Page + Index;
            PMMPFN Pfn = MI_PFN_ELEMENT(First + Index);

            Pfn->PteAddress = Proto;
            Pfn->OriginalPte.u.Long = MI_DEMAND_ZERO(Protection);
            Pfn->u3.e1.PrototypePte = 1;
            *(volatile ULONGLONG *)&Proto->u.Long = MI_KERNEL_PTE(First + Index);
        }
        MiUnlockPfn(OldIrql);
    }
    return STATUS_SUCCESS;
}

// The segment goes: gives its frames back. No view is left. IRQL <= APC_LEVEL.
VOID MiEmptyLargeSection(PSEGMENT Segment)
{
    ULONG Page, Index;

    for (Page = 0; Page < Segment->TotalNumberOfPtes; Page += PTES_PER_PAGE) {
        PMMPTE Proto = Segment->PrototypePte + Page;
        PFN_NUMBER First = MI_PTE_FRAME(Proto);
        KIRQL OldIrql;

        if (!Proto->u.Hard.Valid)
            break;
        OldIrql = MiLockPfn();
        for (Index = 0; Index < PTES_PER_PAGE; Index++)
            MiWriteInvalidPte(&Proto[Index], 0);
        MiUnlockPfn(OldIrql);
        MiFreeLargePage(First);
    }
}

// Maps a new view. The address creation lock is held; takes the working set lock.
VOID MiMapLargeView(PEPROCESS Process, PMMVAD Vad)
{
    ULONG_PTR Vpn;

    MiLockWorkingSet(Process);
    for (Vpn = Vad->StartingVpn; Vpn <= Vad->EndingVpn; Vpn += PTES_PER_PAGE)
        MiMapLargePage(Process, MI_VA(Vpn), MI_PTE_FRAME(MiVadPrototype(Vad, Vpn)), Vad->u.VadFlags.Protection);
    MiUnlockWorkingSet(Process);
}

// Takes a view's entries away; the frames stay the segment's. The working set lock is held.
VOID MiUnmapLargeView(PMMVAD Vad)
{
    ULONG_PTR Vpn;

    for (Vpn = Vad->StartingVpn; Vpn <= Vad->EndingVpn; Vpn += PTES_PER_PAGE)
        MiUnmapLargePage(MI_VA(Vpn));
}
