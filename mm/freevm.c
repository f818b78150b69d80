// SPDX-License-Identifier: MIT
// Decommitting and releasing private memory (NtFreeVirtualMemory). A release may take a piece out of a reservation,
// which then shrinks or becomes two.

#include "mi.h"

// Makes the pages behind EndVpn a descriptor of their own. Working set lock held. NULL: no memory, nothing changed.
static PMMVAD MiSplitVad(PEPROCESS Process, PMMVAD Vad, ULONG_PTR EndVpn)
{
    PMMVAD Tail = ExAllocatePoolZero(NonPagedPool, MI_VAD_SHORT_SIZE, TAG_VAD_SHORT);
    ULONG Charge;

    if (Tail == NULL)
        return NULL;
    Tail->StartingVpn = EndVpn + 1;
    Tail->EndingVpn = Vad->EndingVpn;
    Tail->u.LongFlags = Vad->u.LongFlags;
    Charge = MiCountCommitted(Vad, Tail->StartingVpn, Tail->EndingVpn);
    Tail->u.VadFlags.CommitCharge = Charge;
    Vad->u.VadFlags.CommitCharge -= Charge;
    Vad->EndingVpn = EndVpn;
    MiInsertVad(&Process->VadRoot, Tail);
    return Tail;
}

static NTSTATUS MiReleaseRange(PEPROCESS Process, PMMVAD Vad, ULONG_PTR StartVpn, ULONG_PTR EndVpn)
{
    PMMVAD Dead = NULL;
    ULONG Charge;

    MiLockWorkingSet(Process);
    Charge = MiCountCommitted(Vad, StartVpn, EndVpn);
    if (EndVpn != Vad->EndingVpn && StartVpn != Vad->StartingVpn) {
        if (MiSplitVad(Process, Vad, EndVpn) == NULL) {
            MiUnlockWorkingSet(Process);
            return STATUS_INSUFFICIENT_RESOURCES;
        }
    }
    MiDeleteRange(Process, StartVpn, EndVpn);
    Vad->u.VadFlags.CommitCharge -= Charge;
    if (StartVpn == Vad->StartingVpn && EndVpn == Vad->EndingVpn) {
        MiUnlinkVad(Process, Vad);
        Dead = Vad;
    } else {
        if (StartVpn == Vad->StartingVpn)
            Vad->StartingVpn = EndVpn + 1; // order in the tree stays
        else
            Vad->EndingVpn = StartVpn - 1;
        MiClearVadBits(Process, StartVpn, EndVpn);
        Process->VirtualSize -= (EndVpn - StartVpn + 1) << PAGE_SHIFT;
    }
    MiUnlockWorkingSet(Process);
    MiReturnCommitment(Charge, Process);
    if (Dead != NULL)
        MiFreeVad(Dead);
    return STATUS_SUCCESS;
}

static NTSTATUS MiFree(PEPROCESS Process, PVOID *Base, PSIZE_T Size, ULONG FreeType)
{
    ULONG_PTR StartVpn = MI_VPN(*Base), EndVpn = MI_VPN((ULONG_PTR)*Base + *Size - 1);
    PMMVAD Vad = MiLocateVad(&Process->VadRoot, StartVpn);

    if (Vad == NULL)
        return STATUS_MEMORY_NOT_ALLOCATED;
    if (!Vad->u.VadFlags.PrivateMemory)
        return STATUS_UNABLE_TO_DELETE_SECTION;
    if (Vad->u.VadFlags.NoChange)
        return STATUS_INVALID_PAGE_PROTECTION;
    if (*Size == 0) {
        if (StartVpn != Vad->StartingVpn)
            return STATUS_FREE_VM_NOT_AT_BASE;
        EndVpn = Vad->EndingVpn;
    }
    if (EndVpn > Vad->EndingVpn)
        return STATUS_UNABLE_TO_FREE_VM;
    if (Vad->u.VadFlags.VadType != VadNone && (FreeType == MEM_RELEASE || Vad->u.VadFlags.VadType != VadWriteWatch)) {
        if (StartVpn != Vad->StartingVpn || EndVpn != Vad->EndingVpn || FreeType != MEM_RELEASE)
            return STATUS_UNABLE_TO_FREE_VM; // only as a whole
        *Base = MI_VA(StartVpn);
        *Size = (EndVpn - StartVpn + 1) << PAGE_SHIFT;
        MiUnmapVad(Process, Vad);
        return STATUS_SUCCESS;
    }
    *Base = MI_VA(StartVpn);
    *Size = (EndVpn - StartVpn + 1) << PAGE_SHIFT;
    if (FreeType == MEM_DECOMMIT)
        return MiDecommitRange(Process, Vad, StartVpn, EndVpn);
    return MiReleaseRange(Process, Vad, StartVpn, EndVpn);
}

// System service. WDK: ZwFreeVirtualMemory.
NTSTATUS NTAPI NtFreeVirtualMemory(HANDLE Process, PVOID *BaseAddress, PSIZE_T RegionSize, ULONG FreeType)
{
    MI_TARGET Target;
    NTSTATUS Status;
    PVOID Base;
    SIZE_T Size;

    PAGED_CODE();
    if (FreeType != MEM_DECOMMIT && FreeType != MEM_RELEASE)
        return STATUS_INVALID_PARAMETER_4;
    Status = MiCaptureRange(BaseAddress, RegionSize, &Base, &Size);
    if (!NT_SUCCESS(Status))
        return Status;
    Status = MiAttachTarget(Process, PROCESS_VM_OPERATION, &Target);
    if (!NT_SUCCESS(Status))
        return Status;
    Status = MiLockAddressSpace(Target.Process);
    if (NT_SUCCESS(Status)) {
        Status = MiFree(Target.Process, &Base, &Size, FreeType);
        MiUnlockAddressSpace(Target.Process);
    }
    MiDetachTarget(&Target);
    if (NT_SUCCESS(Status))
        MiReturnRange(BaseAddress, RegionSize, Base, Size);
    return Status;
}
