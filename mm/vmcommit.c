// SPDX-License-Identifier: MIT
// Committing pages, and the questions whether and how a page is committed. A page of private memory is committed if its
// entry says so, or, where there is no entry, if the descriptor does (MemCommit); a mapped page if its prototype PTE
// is. The address creation lock is held around everything here, and the working set lock around what reads entries:
// with the first alone a page table could be trimmed away under the reader.

#include "mi.h"

static BOOLEAN MiIsDecommitPte(const MMPTE *Pte)
{
    return Pte->u.Long == MI_DEMAND_ZERO(MM_DECOMMIT);
}

BOOLEAN MiIsPageCommitted(PMMVAD Vad, ULONG_PTR Vpn)
{
    PMMPTE Pte = MiPteIfTable(MI_VA(Vpn)), Proto;

    if (Vad->u.VadFlags.VadType == VadAwe || Vad->u.VadFlags.VadType == VadDevicePhysicalMemory)
        return Pte != NULL && Pte->u.Long != 0;
    if (Vad->u.VadFlags.PrivateMemory) {
        if (Pte == NULL || Pte->u.Long == 0)
            return Vad->u.VadFlags.MemCommit;
        return !MiIsDecommitPte(Pte);
    }
    if (Pte != NULL && Pte->u.Long != 0)
        return TRUE;
    Proto = MiVadPrototype(Vad, Vpn);
    return Proto != NULL && MiPrototypeProtection(Proto) != MM_ZERO_ACCESS;
}

BOOLEAN MiIsRangeCommitted(PMMVAD Vad, ULONG_PTR StartVpn, ULONG_PTR EndVpn)
{
    for (; StartVpn <= EndVpn; StartVpn++) {
        if (!MiIsPageCommitted(Vad, StartVpn))
            return FALSE;
    }
    return TRUE;
}

// How many pages of a private range are committed.
ULONG MiCountCommitted(PMMVAD Vad, ULONG_PTR StartVpn, ULONG_PTR EndVpn)
{
    ULONG Count = 0;

    if (Vad->u.VadFlags.CommitCharge == Vad->EndingVpn - Vad->StartingVpn + 1)
        return (ULONG)(EndVpn - StartVpn + 1); // all of it
    if (Vad->u.VadFlags.VadType == VadAwe)
        return 0; // its pages are charged to the process, not to the window
    if (StartVpn == Vad->StartingVpn && EndVpn == Vad->EndingVpn)
        return Vad->u.VadFlags.CommitCharge;
    while (StartVpn <= EndVpn) {
        if (!MiGetPdeAddress(MI_VA(StartVpn))->u.Hard.Valid) {
            ULONG_PTR Last = min_of(EndVpn, StartVpn | (PTES_PER_PAGE - 1)); // no table: all alike

            Count += Vad->u.VadFlags.MemCommit ? (ULONG)(Last - StartVpn + 1) : 0;
            StartVpn = Last + 1;
        } else {
            Count += MiIsPageCommitted(Vad, StartVpn);
            StartVpn++;
        }
    }
    return Count;
}

// A clone's page is what it was before: not copied on write as far as the program can tell.
static ULONG MiProtectionOfValid(PMMVAD Vad, const MMPTE *Entry)
{
    ULONG Protection = MiValidPteProtection(Entry);

    if (MI_IS_COPY_ON_WRITE(Protection) &&
        (Vad->u.VadFlags.PrivateMemory || MiIsCloneEntry(PsGetCurrentProcess(), Entry)))
        Protection--;
    return Protection;
}

// The MM_* protection of a committed page. The working set lock is enough.
ULONG MiPageProtection(PMMVAD Vad, ULONG_PTR Vpn)
{
    PMMPTE Pte = MiPteIfTable(MI_VA(Vpn)), Proto;

    if (Pte != NULL && Pte->u.Long != 0) {
        MMPTE Entry = *Pte;

        if (Entry.u.Hard.Valid)
            return MiProtectionOfValid(Vad, &Entry);
        return Entry.u.Soft.Prototype ? Entry.u.Proto.Protection : Entry.u.Soft.Protection;
    }
    if (Vad->u.VadFlags.VadType != VadImageMap)
        return Vad->u.VadFlags.Protection;
    Proto = MiVadPrototype(Vad, Vpn);
    return Proto == NULL ? MM_NOACCESS : MiPrototypeProtection(Proto);
}

static NTSTATUS MiWriteCommittedPtes(PEPROCESS Process, PMMVAD Vad, ULONG_PTR StartVpn, ULONG_PTR EndVpn,
                                     ULONG Protection)
{
    BOOLEAN Default = Vad->u.VadFlags.MemCommit;
    NTSTATUS Status = STATUS_SUCCESS;

    for (; StartVpn <= EndVpn; StartVpn++) {
        PMMPTE Pte;

        if (Default && !MiGetPdeAddress(MI_VA(StartVpn))->u.Hard.Valid)
            continue; // committed without an entry
        Status = MiMakePageTableWait(Process, MI_VA(StartVpn));
        if (!NT_SUCCESS(Status))
            break;
        Pte = MiGetPteAddress(MI_VA(StartVpn));
        if (Pte->u.Long == 0 && !Default)
            MiCountUsedPte(MI_VA(StartVpn), 1);
        else if (!MiIsDecommitPte(Pte))
            continue;
        MiWriteInvalidPte(Pte, MI_DEMAND_ZERO(Protection));
    }
    return Status;
}

// Commits a range of private memory. Pages that are committed already keep their contents and get the new protection.
// Takes the working set lock. STATUS_COMMITMENT_LIMIT: nothing has changed.
NTSTATUS MiCommitRange(PEPROCESS Process, PMMVAD Vad, ULONG_PTR StartVpn, ULONG_PTR EndVpn, ULONG Protection)
{
    NTSTATUS Status = STATUS_SUCCESS;
    ULONG Old, New, OldProtection;

    MiLockWorkingSet(Process);
    Old = MiCountCommitted(Vad, StartVpn, EndVpn);
    New = (ULONG)(EndVpn - StartVpn + 1) - Old;
    if (!MiChargeCommitment(New, Process)) {
        MiUnlockWorkingSet(Process);
        return STATUS_COMMITMENT_LIMIT;
    }
    if (New != 0)
        Status = MiWriteCommittedPtes(Process, Vad, StartVpn, EndVpn, Protection);
    if (!NT_SUCCESS(Status)) {
        ULONG Missing = Old + New - MiCountCommitted(Vad, StartVpn, EndVpn);

        MiReturnCommitment(Missing, Process);
        New -= Missing;
    }
    Vad->u.VadFlags.CommitCharge += New;
    MiUnlockWorkingSet(Process);
    if (NT_SUCCESS(Status) && Old != 0)
        return MiProtectRange(Process, Vad, StartVpn, EndVpn, Protection, &OldProtection);
    return Status;
}

// Commits a range of a view of a SEC_RESERVE section: for every process that maps it. Takes the PFN lock.
NTSTATUS MiCommitSectionRange(PEPROCESS Process, PMMVAD Vad, ULONG_PTR StartVpn, ULONG_PTR EndVpn)
{
    PSEGMENT Segment = Vad->ControlArea->Segment;
    ULONG_PTR Vpn;
    KIRQL OldIrql;

    UNREFERENCED_PARAMETER(Process);
    if (Vad->u.VadFlags.VadType == VadImageMap || Vad->ControlArea->FilePointer != NULL ||
        !Vad->ControlArea->u.Flags.Reserve)
        return STATUS_ALREADY_COMMITTED;
    for (Vpn = StartVpn; Vpn <= EndVpn; Vpn++) {
        PMMPTE Proto = MiVadPrototype(Vad, Vpn);

        if (Proto == NULL || Proto->u.Long != 0)
            continue;
        if (!MiChargeCommitment(1, NULL))
            return STATUS_COMMITMENT_LIMIT;
        OldIrql = MiLockPfn();
        if (Proto->u.Long == 0) {
            *Proto = Segment->SegmentPteTemplate;
            Segment->NumberOfCommittedPages++;
            MiUnlockPfn(OldIrql);
        } else {
            MiUnlockPfn(OldIrql);
            MiReturnCommitment(1, NULL);
        }
    }
    return STATUS_SUCCESS;
}

// Takes the commitment of a range of private memory back; its contents are lost. Takes the working set lock.
NTSTATUS MiDecommitRange(PEPROCESS Process, PMMVAD Vad, ULONG_PTR StartVpn, ULONG_PTR EndVpn)
{
    BOOLEAN Whole = StartVpn == Vad->StartingVpn && EndVpn == Vad->EndingVpn;
    NTSTATUS Status = STATUS_SUCCESS;
    ULONG Committed;
    ULONG_PTR Vpn;

    MiLockWorkingSet(Process);
    Committed = MiCountCommitted(Vad, StartVpn, EndVpn);
    Vad->u.VadFlags.CommitCharge -= Committed;
    MiDeleteRange(Process, StartVpn, EndVpn);
    if (Whole)
        Vad->u.VadFlags.MemCommit = 0;
    for (Vpn = StartVpn; Vad->u.VadFlags.MemCommit && Vpn <= EndVpn; Vpn++) {
        Status = MiMakePageTableWait(Process, MI_VA(Vpn));
        if (!NT_SUCCESS(Status))
            break;
        MiWriteInvalidPte(MiGetPteAddress(MI_VA(Vpn)), MI_DEMAND_ZERO(MM_DECOMMIT));
        MiCountUsedPte(MI_VA(Vpn), 1);
    }
    if (!NT_SUCCESS(Status)) {
        ULONG Left = MiCountCommitted(Vad, StartVpn, EndVpn);

        Vad->u.VadFlags.CommitCharge += Left;
        Committed -= Left;
    }
    MiUnlockWorkingSet(Process);
    MiReturnCommitment(Committed, Process);
    return Status;
}
