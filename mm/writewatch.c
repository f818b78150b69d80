// SPDX-License-Identifier: MIT
// Write watch: which pages of a reservation made with MEM_WRITE_WATCH have been written to. A page is written if its
// entry is dirty, or if its bit behind the descriptor says so: who takes a dirty entry away moves the dirty bit there
// (MiCaptureWriteWatch). A reset clears both. Source: SDK, GetWriteWatch, ResetWriteWatch.

#include "mi.h"

#define MI_WATCH_CHUNK 128u // addresses that are gathered in one hold of the locks

// Bytes of the bits behind the descriptor of a watched range of Pages pages.
SIZE_T MiWriteWatchSize(SIZE_T Pages)
{
    return ALIGN_UP_BY(Pages, 32) / 8;
}

static PULONG MiWatchWord(PMMVAD Vad, ULONG_PTR Vpn, PULONG Mask)
{
    ULONG_PTR Index = Vpn - Vad->StartingVpn;

    *Mask = 1u << (Index % 32);
    return (PULONG)((PUCHAR)Vad + MI_VAD_SHORT_SIZE) + Index / 32;
}

// The entry of Va, which is Old, is about to go, or its dirty bit to be cleared. The working set lock of the process,
// which is attached to, is held. Costs a test where nothing is watched. Any IRQL <= DISPATCH_LEVEL.
VOID MiCaptureWriteWatch(PEPROCESS Process, PVOID Va, MMPTE Old)
{
    PMMVAD Vad;
    PULONG Word;
    ULONG Mask;

    if (Process->NumberOfWatchedRanges == 0 || !Old.u.Hard.Valid || !Old.u.Hard.Dirty)
        return;
    Vad = MiLocateVad(&Process->VadRoot, MI_VPN(Va));
    if (Vad == NULL || Vad->u.VadFlags.VadType != VadWriteWatch)
        return;
    Word = MiWatchWord(Vad, MI_VPN(Va), &Mask);
    *Word |= Mask;
}

// Takes the dirty bits out of the entries of [Vpn, Last] (of one page table) and forgets what was written. The PFN lock
// is held.
static VOID MiResetEntries(PMMVAD Vad, ULONG_PTR Vpn, ULONG_PTR Last)
{
    MI_TB_FLUSH Flush;
    PMMPTE Pte;
    PULONG Word;
    ULONG Mask;

    Flush.Count = 0;
    for (; Vpn <= Last; Vpn++) {
        Word = MiWatchWord(Vad, Vpn, &Mask);
        *Word &= ~Mask;
        Pte = MiPteIfTable(MI_VA(Vpn));
        if (Pte == NULL || !Pte->u.Hard.Valid || !Pte->u.Hard.Dirty)
            continue;
        MiExchangePte(Pte, Pte->u.Long & ~MI_DIRTY);
        MI_PFN_ELEMENT(MI_PTE_FRAME(Pte))->u3.e1.Modified = 1; // the page file must still get it
        MiAddTbFlush(&Flush, MI_VA(Vpn));
    }
    MiFlushTb(&Flush, FALSE); // before the caller hears of it: what is written later is dirty again
}

static VOID MiResetRange(PMMVAD Vad, ULONG_PTR Vpn, ULONG_PTR End)
{
    while (Vpn <= End) {
        ULONG_PTR Last = min_of(End, Vpn | (MI_PTE_BATCH - 1));
        KIRQL OldIrql = MiLockPfn();

        MiResetEntries(Vad, Vpn, Last);
        MiUnlockPfn(OldIrql);
        Vpn = Last + 1;
    }
}

static BOOLEAN MiIsWritten(PMMVAD Vad, ULONG_PTR Vpn)
{
    PMMPTE Pte = MiPteIfTable(MI_VA(Vpn));
    ULONG Mask;

    if (*MiWatchWord(Vad, Vpn, &Mask) & Mask)
        return TRUE;
    return Pte != NULL && Pte->u.Hard.Valid && Pte->u.Hard.Dirty;
}

// Gathers written pages of [*Vpn, End] until Buffer is full; *Vpn becomes the page to go on with. The working set lock
// is held.
static ULONG MiGatherWritten(PMMVAD Vad, PULONG_PTR Vpn, ULONG_PTR End, PVOID *Buffer, ULONG Capacity, BOOLEAN Reset)
{
    ULONG_PTR First = *Vpn;
    ULONG Count = 0;

    for (; *Vpn <= End && Count < Capacity; ++*Vpn) {
        if (MiIsWritten(Vad, *Vpn))
            Buffer[Count++] = MI_VA(*Vpn);
    }
    if (Reset && *Vpn != First)
        MiResetRange(Vad, First, *Vpn - 1);
    return Count;
}

// One step of NtGetWriteWatch, attached to the process. STATUS_INVALID_PARAMETER_1: the range is not watched.
static NTSTATUS MiWatchStep(PEPROCESS Process, PULONG_PTR Vpn, ULONG_PTR End, PVOID *Buffer, PULONG Count,
                            BOOLEAN Reset)
{
    NTSTATUS Status = MiLockAddressSpace(Process);
    PMMVAD Vad;

    if (!NT_SUCCESS(Status))
        return Status;
    Vad = MiLocateVad(&Process->VadRoot, *Vpn);
    if (Vad == NULL || Vad->u.VadFlags.VadType != VadWriteWatch || End > Vad->EndingVpn) {
        Status = STATUS_INVALID_PARAMETER_1;
    } else {
        MiLockWorkingSet(Process);
        *Count = MiGatherWritten(Vad, Vpn, End, Buffer, *Count, Reset);
        MiUnlockWorkingSet(Process);
    }
    MiUnlockAddressSpace(Process);
    return Status;
}

static NTSTATUS MiCheckWatchRange(PVOID Base, SIZE_T Size)
{
    if ((ULONG_PTR)Base > (ULONG_PTR)MM_HIGHEST_VAD_ADDRESS)
        return STATUS_INVALID_PARAMETER_2;
    if (Size == 0 || Size > (ULONG_PTR)MM_HIGHEST_VAD_ADDRESS + 1 - (ULONG_PTR)Base)
        return STATUS_INVALID_PARAMETER_3;
    return STATUS_SUCCESS;
}

static NTSTATUS MiCopyAddresses(PVOID *User, const PVOID *Buffer, ULONG Count)
{
    SEH_TRY
    {
        memcpy(User, Buffer, Count * sizeof(PVOID));
    }
    SEH_EXCEPT
    {
        return SEH_CODE();
    }
    SEH_END
    return STATUS_SUCCESS;
}

static NTSTATUS MiGetWriteWatch(HANDLE Handle, BOOLEAN Reset, ULONG_PTR Vpn, ULONG_PTR End, PVOID *User,
                                ULONG_PTR Capacity, PULONG_PTR Found)
{
    PVOID Buffer[MI_WATCH_CHUNK];
    MI_TARGET Target;
    NTSTATUS Status;

    *Found = 0;
    do {
        ULONG Count = (ULONG)min_of(MI_WATCH_CHUNK, Capacity - *Found);

        Status = MiAttachTarget(Handle, PROCESS_VM_OPERATION, &Target);
        if (!NT_SUCCESS(Status))
            return Status;
        Status = MiWatchStep(Target.Process, &Vpn, End, Buffer, &Count, Reset);
        MiDetachTarget(&Target);
        if (NT_SUCCESS(Status))
            Status = MiCopyAddresses(User + *Found, Buffer, Count);
        if (!NT_SUCCESS(Status))
            return Status;
        *Found += Count;
    } while (Vpn <= End && *Found < Capacity);
    return STATUS_SUCCESS;
}

static NTSTATUS MiCaptureWatch(PVOID *Addresses, PULONG_PTR Entries, PULONG Granularity, PULONG_PTR Capacity)
{
    SEH_TRY
    {
        KPROCESSOR_MODE Mode = ExGetPreviousMode();

        if (Mode != KernelMode) {
            ProbeForWriteType(Entries);
            ProbeForWriteType(Granularity);
        }
        *Capacity = *(volatile ULONG_PTR *)Entries;
        if (*Capacity > MM_USER_PROBE_ADDRESS / sizeof(PVOID))
            return STATUS_INVALID_PARAMETER_5;
        if (Mode != KernelMode && *Capacity != 0)
            ProbeForWrite(Addresses, *Capacity * sizeof(PVOID), sizeof(PVOID));
    }
    SEH_EXCEPT
    {
        return SEH_CODE();
    }
    SEH_END
    return *Capacity == 0 ? STATUS_INVALID_PARAMETER_5 : STATUS_SUCCESS;
}

// System service (the documented GetWriteWatch). The pages that were written come in rising order; with
// WRITE_WATCH_FLAG_RESET those told, and all below the last of them, count as not written from then on.
NTSTATUS NTAPI NtGetWriteWatch(HANDLE Process, ULONG Flags, PVOID BaseAddress, SIZE_T RegionSize, PVOID *Addresses,
                               PULONG_PTR Entries, PULONG Granularity)
{
    ULONG_PTR Capacity, Found;
    NTSTATUS Status;

    PAGED_CODE();
    if (Flags & ~(ULONG)WRITE_WATCH_FLAG_RESET)
        return STATUS_INVALID_PARAMETER_2;
    Status = MiCheckWatchRange(BaseAddress, RegionSize);
    if (!NT_SUCCESS(Status))
        return Status + 1; // it is the parameters 3 and 4 here
    Status = MiCaptureWatch(Addresses, Entries, Granularity, &Capacity);
    if (!NT_SUCCESS(Status))
        return Status;
    Status = MiGetWriteWatch(Process, Flags != 0, MI_VPN(BaseAddress), MI_VPN((ULONG_PTR)BaseAddress + RegionSize - 1),
                             Addresses, Capacity, &Found);
    if (!NT_SUCCESS(Status))
        return Status;
    SEH_TRY
    {
        *Entries = Found;
        *Granularity = PAGE_SIZE;
    }
    SEH_EXCEPT
    {
        return SEH_CODE();
    }
    SEH_END
    return STATUS_SUCCESS;
}

// System service (the documented ResetWriteWatch).
NTSTATUS NTAPI NtResetWriteWatch(HANDLE Process, PVOID BaseAddress, SIZE_T RegionSize)
{
    ULONG_PTR Vpn = MI_VPN(BaseAddress), End = MI_VPN((ULONG_PTR)BaseAddress + RegionSize - 1);
    MI_TARGET Target;
    NTSTATUS Status;
    PMMVAD Vad;

    PAGED_CODE();
    Status = MiCheckWatchRange(BaseAddress, RegionSize);
    if (!NT_SUCCESS(Status))
        return Status;
    Status = MiAttachTarget(Process, PROCESS_VM_OPERATION, &Target);
    if (!NT_SUCCESS(Status))
        return Status;
    Status = MiLockAddressSpace(Target.Process);
    if (NT_SUCCESS(Status)) {
        Vad = MiLocateVad(&Target.Process->VadRoot, Vpn);
        if (Vad == NULL || Vad->u.VadFlags.VadType != VadWriteWatch || End > Vad->EndingVpn) {
            Status = STATUS_INVALID_PARAMETER_1;
        } else {
            MiLockWorkingSet(Target.Process);
            MiResetRange(Vad, Vpn, End);
            MiUnlockWorkingSet(Target.Process);
        }
        MiUnlockAddressSpace(Target.Process);
    }
    MiDetachTarget(&Target);
    return Status;
}
