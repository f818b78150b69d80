// SPDX-License-Identifier: MIT
// Reserving and committing private memory (NtAllocateVirtualMemory).

#include "mi.h"

#define MI_ALLOWED_TYPES (MEM_COMMIT | MEM_RESERVE | MEM_TOP_DOWN | MEM_RESET)

static PMMVAD MiCreatePrivateVad(ULONG_PTR Start, SIZE_T Size, ULONG Type, ULONG Protection)
{
    PMMVAD Vad = ExAllocatePoolZero(NonPagedPool, MI_VAD_SHORT_SIZE, TAG_VAD_SHORT);

    if (Vad == NULL)
        return NULL;
    Vad->StartingVpn = MI_VPN(Start);
    Vad->EndingVpn = MI_VPN(Start + Size - 1);
    Vad->u.VadFlags.PrivateMemory = 1;
    Vad->u.VadFlags.Protection = Protection;
    if (Type & MEM_COMMIT) {
        Vad->u.VadFlags.MemCommit = 1;
        Vad->u.VadFlags.CommitCharge = (ULONG)(Size >> PAGE_SHIFT);
    }
    return Vad;
}

// Reserves (and with MEM_COMMIT commits) private memory: at *Base, which must be free, or anywhere if *Base is 0.
//
// The process is attached to and its address creation lock held. Size: whole pages. Protection: MM_*. Returns the base.
NTSTATUS MiReserve(PEPROCESS Process, PULONG_PTR Base, SIZE_T Size, ULONG_PTR Highest, ULONG Type, ULONG Protection)
{
    ULONG Charge = (Type & MEM_COMMIT) ? (ULONG)(Size >> PAGE_SHIFT) : 0;
    ULONG_PTR Start = *Base;
    NTSTATUS Status;
    PMMVAD Vad;

    if (Start == 0) {
        Status = MiFindEmptyRange(Process, Size, Highest, (Type & MEM_TOP_DOWN) != 0, &Start);
        if (!NT_SUCCESS(Status))
            return Status;
    } else if (Start < (ULONG_PTR)MM_LOWEST_USER_ADDRESS ||
               MiFindOverlap(&Process->VadRoot, MI_VPN(Start), MI_VPN(Start + Size - 1)) != NULL) {
        return STATUS_CONFLICTING_ADDRESSES;
    }
    Vad = MiCreatePrivateVad(Start, Size, Type, Protection);
    if (Vad == NULL)
        return STATUS_INSUFFICIENT_RESOURCES;
    if (!MiChargeCommitment(Charge, Process)) {
        MiFreeVad(Vad);
        return STATUS_COMMITMENT_LIMIT;
    }
    MiLinkVad(Process, Vad);
    *Base = Start;
    return STATUS_SUCCESS;
}

static NTSTATUS MiReserveRange(PEPROCESS Process, PULONG_PTR Base, PSIZE_T Size, ULONG_PTR Highest, ULONG Type,
                               ULONG Protection)
{
    ULONG_PTR Start = *Base == 0 ? 0 : ALIGN_DOWN_BY(*Base, MM_ALLOCATION_GRANULARITY);
    SIZE_T Length = ROUND_TO_PAGES(*Base + *Size) - (*Base == 0 ? 0 : Start);

    if (*Base != 0 && Start == 0)
        return STATUS_CONFLICTING_ADDRESSES;
    *Base = Start;
    *Size = Length;
    return MiReserve(Process, Base, Length, Highest, Type, Protection);
}

static NTSTATUS MiCommitExisting(PEPROCESS Process, PULONG_PTR Base, PSIZE_T Size, ULONG Protection)
{
    ULONG_PTR StartVpn = MI_VPN(*Base), EndVpn = MI_VPN(*Base + *Size - 1);
    PMMVAD Vad = MiLocateVad(&Process->VadRoot, StartVpn);

    *Base = StartVpn << PAGE_SHIFT;
    *Size = (EndVpn - StartVpn + 1) << PAGE_SHIFT;
    if (Vad == NULL || EndVpn > Vad->EndingVpn)
        return STATUS_CONFLICTING_ADDRESSES;
    if (!Vad->u.VadFlags.PrivateMemory)
        return MiCommitSectionRange(Process, Vad, StartVpn, EndVpn);
    return MiCommitRange(Process, Vad, StartVpn, EndVpn, Protection);
}

// MEM_RESET says that the contents are of no more interest. We keep them, which is allowed; the range is checked.
static NTSTATUS MiReset(PEPROCESS Process, PULONG_PTR Base, PSIZE_T Size)
{
    ULONG_PTR StartVpn = MI_VPN(*Base + PAGE_SIZE - 1), EndVpn = MI_VPN(*Base + *Size) - 1;
    PMMVAD Vad = MiLocateVad(&Process->VadRoot, MI_VPN(*Base));

    if (Vad == NULL || MI_VPN(*Base + *Size - 1) > Vad->EndingVpn)
        return STATUS_CONFLICTING_ADDRESSES;
    *Base = StartVpn << PAGE_SHIFT;
    *Size = EndVpn + 1 > StartVpn ? (EndVpn + 1 - StartVpn) << PAGE_SHIFT : 0;
    return STATUS_SUCCESS;
}

static NTSTATUS MiAllocate(PEPROCESS Process, PVOID *Base, PSIZE_T Size, ULONG_PTR Highest, ULONG Type,
                           ULONG Protection)
{
    NTSTATUS Status = MiLockAddressSpace(Process);

    if (!NT_SUCCESS(Status))
        return Status;
    if (Type & MEM_RESET)
        Status = MiReset(Process, (PULONG_PTR)Base, Size);
    else if ((Type & MEM_RESERVE) || *Base == NULL)
        Status = MiReserveRange(Process, (PULONG_PTR)Base, Size, Highest, Type, Protection);
    else
        Status = MiCommitExisting(Process, (PULONG_PTR)Base, Size, Protection);
    MiUnlockAddressSpace(Process);
    return Status;
}

static NTSTATUS MiCheckAllocationType(ULONG Type, ULONG Protection)
{
    if ((Type & ~(ULONG)MI_ALLOWED_TYPES) != 0 || (Type & (MEM_COMMIT | MEM_RESERVE | MEM_RESET)) == 0)
        return STATUS_INVALID_PARAMETER_5;
    if ((Type & MEM_RESET) && Type != MEM_RESET)
        return STATUS_INVALID_PARAMETER_5;
    if (Protection == MM_INVALID_PROTECTION || (MI_IS_COPY_ON_WRITE(Protection)))
        return STATUS_INVALID_PAGE_PROTECTION;
    return STATUS_SUCCESS;
}

// System service. WDK: ZwAllocateVirtualMemory.
NTSTATUS NTAPI NtAllocateVirtualMemory(HANDLE Process, PVOID *BaseAddress, ULONG_PTR ZeroBits, PSIZE_T RegionSize,
                                       ULONG Type, ULONG Protect)
{
    ULONG Protection = MiMakeProtectionMask(Protect);
    ULONG_PTR Highest;
    MI_TARGET Target;
    NTSTATUS Status;
    PVOID Base;
    SIZE_T Size;
    ULONG Attempt = 0;

    PAGED_CODE();
    Status = MiHighestForZeroBits(ZeroBits, &Highest);
    if (!NT_SUCCESS(Status))
        return STATUS_INVALID_PARAMETER_3;
    Status = MiCheckAllocationType(Type, Protection);
    if (!NT_SUCCESS(Status))
        return Status;
    Status = MiCaptureRange(BaseAddress, RegionSize, &Base, &Size);
    if (!NT_SUCCESS(Status))
        return Status == STATUS_INVALID_PARAMETER_3 ? STATUS_INVALID_PARAMETER_4 : Status;
    if (Size == 0)
        return STATUS_INVALID_PARAMETER_4;
    do {
        PVOID Wanted = Base;
        SIZE_T Bytes = Size;

        Status = MiAttachTarget(Process, PROCESS_VM_OPERATION, &Target);
        if (!NT_SUCCESS(Status))
            return Status;
        Status = MiAllocate(Target.Process, &Wanted, &Bytes, Highest, Type, Protection);
        MiDetachTarget(&Target);
        if (NT_SUCCESS(Status)) {
            Base = Wanted;
            Size = Bytes;
        }
    } while (Status == STATUS_COMMITMENT_LIMIT &&
             MiAskForCommitment(ADDRESS_AND_SIZE_TO_SPAN_PAGES(Base, Size), Attempt++));
    if (NT_SUCCESS(Status))
        MiReturnRange(BaseAddress, RegionSize, Base, Size);
    return Status;
}
