// SPDX-License-Identifier: MIT
// Finding room in a process's address space, and descriptors' coming and going with the counters that depend on it.
// The address creation lock is held around everything here.

#include "mi.h"

#define MI_GRANULARITY_PAGES (MM_ALLOCATION_GRANULARITY >> PAGE_SHIFT)
#define MI_LOWEST_VPN MI_VPN(MM_LOWEST_USER_ADDRESS)
#define MI_ZERO_BITS_MAXIMUM 21 // WDK: ZwAllocateVirtualMemory

static NTSTATUS MiFindFromBottom(PMM_AVL_TABLE Table, ULONG_PTR Pages, ULONG_PTR LastVpn, PULONG_PTR Vpn)
{
    ULONG_PTR Candidate = MI_LOWEST_VPN;
    PMMVAD Vad;

    for (Vad = MiFirstVad(Table); Vad != NULL; Vad = MiNextVad(Vad)) {
        if (Vad->StartingVpn >= Candidate && Vad->StartingVpn - Candidate >= Pages)
            break;
        if (Vad->EndingVpn >= Candidate)
            Candidate = ALIGN_UP_BY(Vad->EndingVpn + 1, MI_GRANULARITY_PAGES);
    }
    if (Candidate > LastVpn || LastVpn - Candidate + 1 < Pages)
        return STATUS_NO_MEMORY;
    *Vpn = Candidate;
    return STATUS_SUCCESS;
}

static NTSTATUS MiFindFromTop(PMM_AVL_TABLE Table, ULONG_PTR Pages, ULONG_PTR LastVpn, PULONG_PTR Vpn)
{
    ULONG_PTR End = LastVpn + 1; // the gap's end, exclusive
    PMMVAD Vad = Table->Root;

    while (Vad != NULL && Vad->RightChild != NULL)
        Vad = Vad->RightChild;
    for (;;) {
        ULONG_PTR Start = Vad == NULL ? MI_LOWEST_VPN : max_of(MI_LOWEST_VPN, Vad->EndingVpn + 1);

        if (End >= Pages) {
            ULONG_PTR Candidate = ALIGN_DOWN_BY(End - Pages, MI_GRANULARITY_PAGES);

            if (Candidate >= Start) {
                *Vpn = Candidate;
                return STATUS_SUCCESS;
            }
        }
        if (Vad == NULL)
            return STATUS_NO_MEMORY;
        End = min_of(End, Vad->StartingVpn);
        Vad = MiPreviousVad(Vad);
    }
}

// Finds a free range at a multiple of Align (bytes, a multiple of the allocation granularity), not above Highest: the
// lowest that there is, or with TopDown the highest.
NTSTATUS MiFindEmptyRange(PEPROCESS Process, SIZE_T Size, SIZE_T Align, ULONG_PTR Highest, BOOLEAN TopDown,
                          PULONG_PTR Start)
{
    ULONG_PTR Pages = BYTES_TO_PAGES(Size), Vpn;
    NTSTATUS Status;

    if (MiFindInVadMap(Process, Pages, MI_VPN(Highest), Align, TopDown, &Vpn))
        Status = STATUS_SUCCESS;
    else if (Align != MM_ALLOCATION_GRANULARITY)
        Status = STATUS_NO_MEMORY;
    else if (TopDown)
        Status = MiFindFromTop(&Process->VadRoot, Pages, MI_VPN(Highest), &Vpn);
    else
        Status = MiFindFromBottom(&Process->VadRoot, Pages, MI_VPN(Highest), &Vpn);
    if (NT_SUCCESS(Status))
        *Start = Vpn << PAGE_SHIFT;
    return Status;
}

// ZeroBits: how many high bits of the address must be 0 (of 32), or 0 for no wish.
NTSTATUS MiHighestForZeroBits(ULONG_PTR ZeroBits, PULONG_PTR Highest)
{
    *Highest = (ULONG_PTR)MM_HIGHEST_VAD_ADDRESS;
    if (ZeroBits > MI_ZERO_BITS_MAXIMUM)
        return STATUS_INVALID_PARAMETER;
    if (ZeroBits > 1)
        *Highest = min_of(*Highest, MAXULONG >> ZeroBits);
    return STATUS_SUCCESS;
}

// Makes a descriptor part of the address space. Takes the working set lock.
VOID MiLinkVad(PEPROCESS Process, PMMVAD Vad)
{
    MiLockWorkingSet(Process);
    MiInsertVad(&Process->VadRoot, Vad);
    MiUnlockWorkingSet(Process);
    MiSetVadBits(Process, Vad->StartingVpn, Vad->EndingVpn);
    Process->VirtualSize += (Vad->EndingVpn - Vad->StartingVpn + 1) << PAGE_SHIFT;
    Process->PeakVirtualSize = max_of(Process->PeakVirtualSize, Process->VirtualSize);
}

// Takes it out. The working set lock is held too, and no entry in its range is used any more.
VOID MiUnlinkVad(PEPROCESS Process, PMMVAD Vad)
{
    MiRemoveVad(&Process->VadRoot, Vad);
    MiClearVadBits(Process, Vad->StartingVpn, Vad->EndingVpn);
    Process->VirtualSize -= (Vad->EndingVpn - Vad->StartingVpn + 1) << PAGE_SHIFT;
}

VOID MiFreeVad(PMMVAD Vad)
{
    ExFreePoolWithTag(Vad, Vad->u.VadFlags.PrivateMemory ? TAG_VAD_SHORT : TAG_VAD);
}

// The prototype PTE of a page of a mapped view; NULL if the section does not reach that far. Either lock is held.
PMMPTE MiVadPrototype(PMMVAD Vad, ULONG_PTR Vpn)
{
    PMMPTE Proto = Vad->FirstPrototypePte + (Vpn - Vad->StartingVpn);

    if (Proto <= Vad->LastContiguousPte)
        return Proto;
    return MiGetProtoPteAddress(Vad->ControlArea, Vad->FirstPage + (Vpn - Vad->StartingVpn));
}
