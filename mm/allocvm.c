// SPDX-License-Identifier: MIT
// Reserving and committing private memory (NtAllocateVirtualMemory).

#include "mi.h"

#define MI_SPECIAL_TYPES (MEM_WRITE_WATCH | MEM_PHYSICAL | MEM_LARGE_PAGES)
#define MI_ALLOWED_TYPES (MEM_COMMIT | MEM_RESERVE | MEM_TOP_DOWN | MEM_RESET | MI_SPECIAL_TYPES)

static MI_VAD_TYPE MiVadTypeOf(ULONG Type)
{
    if (Type & MEM_WRITE_WATCH)
        return VadWriteWatch;
    if (Type & MEM_PHYSICAL)
        return VadAwe;
    return (Type & MEM_LARGE_PAGES) ? VadLargePages : VadNone;
}

static PMMVAD MiCreatePrivateVad(ULONG_PTR Start, SIZE_T Size, ULONG Type, ULONG Protection)
{
    SIZE_T Extra = (Type & MEM_WRITE_WATCH) ? MiWriteWatchSize(Size >> PAGE_SHIFT) : 0;
    PMMVAD Vad = ExAllocatePoolZero(NonPagedPool, MI_VAD_SHORT_SIZE + Extra, TAG_VAD_SHORT);

    if (Vad == NULL)
        return NULL;
    Vad->StartingVpn = MI_VPN(Start);
    Vad->EndingVpn = MI_VPN(Start + Size - 1);
    Vad->u.VadFlags.PrivateMemory = 1;
    Vad->u.VadFlags.VadType = MiVadTypeOf(Type);
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
    SIZE_T Align = (Type & MEM_LARGE_PAGES) ? MI_LARGE_PAGE_SIZE : MM_ALLOCATION_GRANULARITY;
    ULONG_PTR Start = *Base;
    NTSTATUS Status;
    PMMVAD Vad;

    if (Start == 0) {
        Status = MiFindEmptyRange(Process, Size, Align, Highest, (Type & MEM_TOP_DOWN) != 0, &Start);
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
    Process->NumberOfWatchedRanges += (Type & MEM_WRITE_WATCH) != 0;
    MiLinkVad(Process, Vad);
    *Base = Start;
    if (!(Type & MEM_LARGE_PAGES))
        return STATUS_SUCCESS;
    Status = MiPopulateLargePages(Process, Vad);
    if (!NT_SUCCESS(Status))
        MiUnmapVad(Process, Vad);
    return Status;
}

static NTSTATUS MiReserveRange(PEPROCESS Process, PULONG_PTR Base, PSIZE_T Size, ULONG_PTR Highest, ULONG Type,
                               ULONG Protection)
{
    ULONG_PTR Start = *Base == 0 ? 0 : ALIGN_DOWN_BY(*Base, MM_ALLOCATION_GRANULARITY);
    SIZE_T Length = ROUND_TO_PAGES(*Base + *Size) - (*Base == 0 ? 0 : Start);

    if (*Base != 0 && Start == 0)
        return STATUS_CONFLICTING_ADDRESSES;
    if ((Type & MEM_LARGE_PAGES) && ((Start | Length) & (MI_LARGE_PAGE_SIZE - 1)))
        return STATUS_INVALID_PARAMETER_4;
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
    if (Vad == NULL || EndVpn > Vad->EndingVpn || Vad->u.VadFlags.NoChange)
        return STATUS_CONFLICTING_ADDRESSES;
    if (MI_IS_UNPAGED_VAD(Vad))
        return STATUS_CONFLICTING_ADDRESSES; // has its pages by other means, or all of them already
    if (!Vad->u.VadFlags.PrivateMemory)
        return MiCommitSectionRange(Process, Vad, StartVpn, EndVpn);
    return MiCommitRange(Process, Vad, StartVpn, EndVpn, Protection);
}

static NTSTATUS MiAllocate(PEPROCESS Process, PVOID *Base, PSIZE_T Size, ULONG_PTR Highest, ULONG Type,
                           ULONG Protection)
{
    NTSTATUS Status = MiLockAddressSpace(Process);

    if (!NT_SUCCESS(Status))
        return Status;
    if (Type & MEM_RESET)
        Status = MiResetVirtualMemory(Process, (PULONG_PTR)Base, Size);
    else if ((Type & MEM_RESERVE) || *Base == NULL)
        Status = MiReserveRange(Process, (PULONG_PTR)Base, Size, Highest, Type, Protection);
    else
        Status = MiCommitExisting(Process, (PULONG_PTR)Base, Size, Protection);
    MiUnlockAddressSpace(Process);
    return Status;
}

// What the special kinds of memory go together with. Source: SDK, VirtualAlloc.
static NTSTATUS MiCheckSpecialType(ULONG Type, ULONG Protection)
{
    if (Type & MEM_PHYSICAL)
        return (Type & ~(ULONG)MEM_TOP_DOWN) != (MEM_PHYSICAL | MEM_RESERVE) ? STATUS_INVALID_PARAMETER_5
               : Protection != MM_READWRITE                                  ? STATUS_INVALID_PARAMETER_6
                                                                             : STATUS_SUCCESS;
    if (Type & MEM_WRITE_WATCH)
        return (Type & (MEM_RESERVE | MEM_LARGE_PAGES)) != MEM_RESERVE ? STATUS_INVALID_PARAMETER_5 : STATUS_SUCCESS;
    if (!(Type & MEM_LARGE_PAGES))
        return STATUS_SUCCESS;
    if ((Type & (MEM_RESERVE | MEM_COMMIT)) != (MEM_RESERVE | MEM_COMMIT))
        return STATUS_INVALID_PARAMETER_5;
    if (Protection != MM_READWRITE && Protection != MM_EXECUTE_READWRITE)
        return STATUS_INVALID_PARAMETER_6;
    return SeSinglePrivilegeCheck(SE_LOCK_MEMORY_PRIVILEGE, ExGetPreviousMode()) ? STATUS_SUCCESS
                                                                                 : STATUS_PRIVILEGE_NOT_HELD;
}

static NTSTATUS MiCheckAllocationType(ULONG Type, ULONG Protection)
{
    if ((Type & ~(ULONG)MI_ALLOWED_TYPES) != 0 || (Type & (MEM_COMMIT | MEM_RESERVE | MEM_RESET)) == 0)
        return STATUS_INVALID_PARAMETER_5;
    if ((Type & MEM_RESET) && Type != MEM_RESET)
        return STATUS_INVALID_PARAMETER_5;
    if (Protection == MM_INVALID_PROTECTION || (MI_IS_COPY_ON_WRITE(Protection)))
        return STATUS_INVALID_PAGE_PROTECTION;
    return (Type & MI_SPECIAL_TYPES) ? MiCheckSpecialType(Type, Protection) : STATUS_SUCCESS;
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
