// SPDX-License-Identifier: MIT
// Mapping a view of a section into a process: a descriptor that knows the prototype PTEs. The pages come by faults.

#include "mi.h"

// Does a section (or an earlier view) with one protection allow a view with another? Copy-on-write never writes to the
// section, so it needs no more than reading.
BOOLEAN MiIsViewProtectionAllowed(ULONG SectionProtection, ULONG Protection)
{
    if (MI_IS_EXECUTABLE(Protection) && !MI_IS_EXECUTABLE(SectionProtection))
        return FALSE;
    if (MI_IS_WRITABLE(Protection) && !MI_IS_COPY_ON_WRITE(Protection))
        return MI_IS_WRITABLE(SectionProtection) && !MI_IS_COPY_ON_WRITE(SectionProtection);
    return TRUE;
}

static PMMVAD MiCreateMappedVad(PSEGMENT Segment, ULONG_PTR Start, SIZE_T Size, ULONGLONG FirstPage, ULONG Protection,
                                ULONG Charge)
{
    PMMVAD Vad = ExAllocatePoolZero(NonPagedPool, sizeof(*Vad), TAG_VAD);
    ULONGLONG Last;
    ULONG Index;

    if (Vad == NULL)
        return NULL;
    Vad->StartingVpn = MI_VPN(Start);
    Vad->EndingVpn = MI_VPN(Start + Size - 1);
    Vad->ControlArea = Segment->ControlArea;
    Vad->FirstPage = FirstPage;
    Vad->u.VadFlags.Protection = Protection;
    Vad->u.VadFlags.CommitCharge = Charge;
    if (Segment->ControlArea->u.Flags.Image) {
        Vad->u.VadFlags.VadType = VadImageMap;
        Vad->FirstPrototypePte = Segment->PrototypePte;
        Vad->LastContiguousPte = Segment->PrototypePte + Segment->TotalNumberOfPtes - 1;
    } else {
        PSUBSECTION Subsection = MiLocateSubsection(Segment->ControlArea, FirstPage, &Index);

        if (Segment->ControlArea->u.Flags.LargePages)
            Vad->u.VadFlags.VadType = VadLargePageSection;
        Last = min_of(Index + (Vad->EndingVpn - Vad->StartingVpn), Subsection->PtesInSubsection - 1);
        Vad->FirstPrototypePte = &Subsection->SubsectionBase[Index];
        Vad->LastContiguousPte = &Subsection->SubsectionBase[Last];
    }
    return Vad;
}

static VOID MiReferenceView(PEPROCESS Process, PSECTION Section, PMMVAD Vad)
{
    PCONTROL_AREA ControlArea = Vad->ControlArea;
    KIRQL OldIrql;

    Vad->WritableUserReference = Section->WritableUserReference; // a section's body is paged
    OldIrql = MiLockPfn();
    ControlArea->NumberOfMappedViews++;
    ControlArea->NumberOfUserReferences++;
    ControlArea->WritableUserReferences += Vad->WritableUserReference;
    MiUnlockPfn(OldIrql);
    MiAddFileView(Process, Vad);
}

static SIZE_T MiViewAlignment(PSECTION Section)
{
    return (Section->AllocationAttributes & SEC_LARGE_PAGES) ? MI_LARGE_PAGE_SIZE : MM_ALLOCATION_GRANULARITY;
}

// Chooses the address of a view. An image goes to its preferred base if that is free, else where there is room.
static NTSTATUS MiPlaceView(PEPROCESS Process, PSECTION Section, PVOID Wanted, SIZE_T Size, ULONG_PTR Highest,
                            ULONG Type, PULONG_PTR Start)
{
    ULONG_PTR Preferred = (ULONG_PTR)Wanted;
    BOOLEAN Image = (Section->AllocationAttributes & SEC_IMAGE) != 0;

    if (Image && Wanted == NULL)
        Preferred = (ULONG_PTR)Section->Segment->BasedAddress;
    if (Preferred >= (ULONG_PTR)MM_LOWEST_USER_ADDRESS && Preferred <= (ULONG_PTR)MM_HIGHEST_VAD_ADDRESS &&
        Size <= (ULONG_PTR)MM_HIGHEST_VAD_ADDRESS + 1 - Preferred &&
        MiFindOverlap(&Process->VadRoot, MI_VPN(Preferred), MI_VPN(Preferred + Size - 1)) == NULL) {
        *Start = Preferred;
        return STATUS_SUCCESS;
    }
    if (Wanted != NULL)
        return STATUS_CONFLICTING_ADDRESSES;
    return MiFindEmptyRange(Process, Size, MiViewAlignment(Section), Highest, (Type & MEM_TOP_DOWN) != 0, Start);
}

static NTSTATUS MiCheckViewRange(PSECTION Section, ULONGLONG Offset, PSIZE_T ViewSize)
{
    ULONGLONG Size = (ULONGLONG)Section->SizeOfSection.QuadPart;

    if (Section->AllocationAttributes & SEC_IMAGE) {
        if (Offset != 0)
            return STATUS_INVALID_VIEW_SIZE;
        *ViewSize = (SIZE_T)Section->Segment->SizeOfSegment; // always as a whole
        return STATUS_SUCCESS;
    }
    if (Offset >= Size)
        return STATUS_INVALID_VIEW_SIZE;
    if (*ViewSize == 0) {
        if (Size - Offset > (ULONG_PTR)MM_HIGHEST_VAD_ADDRESS)
            return STATUS_INVALID_VIEW_SIZE;
        *ViewSize = (SIZE_T)(Size - Offset);
    }
    if (*ViewSize > (ULONG_PTR)MM_HIGHEST_VAD_ADDRESS ||
        *ViewSize > ((Size + PAGE_SIZE - 1) & ~(ULONGLONG)(PAGE_SIZE - 1)) - Offset)
        return STATUS_INVALID_VIEW_SIZE;
    *ViewSize = ROUND_TO_PAGES(*ViewSize);
    return STATUS_SUCCESS;
}

static ULONG MiViewCharge(PSECTION Section, SIZE_T Size, ULONG Protection)
{
    if (Section->AllocationAttributes & SEC_IMAGE)
        return Section->Segment->ImageCommitment;
    return MI_IS_COPY_ON_WRITE(Protection) ? (ULONG)(Size >> PAGE_SHIFT) : 0;
}

// Maps a view. The process is attached to, its address creation lock held. *Base: wanted address, or NULL.
// Offset is a multiple of the allocation granularity. STATUS_IMAGE_NOT_AT_BASE: mapped, but to be relocated.
NTSTATUS MiMapView(PSECTION Section, PEPROCESS Process, PVOID *Base, ULONG_PTR Highest, SIZE_T CommitSize,
                   ULONGLONG Offset, PSIZE_T ViewSize, SECTION_INHERIT Inherit, ULONG Type, ULONG Protection)
{
    BOOLEAN Image = (Section->AllocationAttributes & SEC_IMAGE) != 0;
    ULONG Charge;
    ULONG_PTR Start;
    NTSTATUS Status;
    PMMVAD Vad;

    Status = MiCheckViewRange(Section, Offset, ViewSize);
    if (!NT_SUCCESS(Status))
        return Status;
    if (Image)
        Protection = MM_EXECUTE_WRITECOPY; // each page has its own
    else if (!MiIsViewProtectionAllowed(Section->InitialPageProtection, Protection) || MI_IS_GUARD(Protection))
        return STATUS_SECTION_PROTECTION;
    if (Section->AllocationAttributes & SEC_NOCACHE)
        Protection |= MM_NOCACHE;
    if (CommitSize > *ViewSize)
        return STATUS_INVALID_PARAMETER_5;
    if (Section->AllocationAttributes & SEC_LARGE_PAGES) {
        if (((ULONG_PTR)*Base | Offset | *ViewSize) & (MI_LARGE_PAGE_SIZE - 1))
            return STATUS_MAPPED_ALIGNMENT;
        if (MI_IS_COPY_ON_WRITE(Protection) || MI_IS_NO_ACCESS(Protection))
            return STATUS_INVALID_PAGE_PROTECTION;
    }
    if (Section->AllocationAttributes & SEC_BASED) {
        if (*Base != NULL && (ULONG_PTR)*Base != Section->BasedAddress + (ULONG_PTR)Offset)
            return STATUS_CONFLICTING_ADDRESSES;
        *Base = (PVOID)(Section->BasedAddress + (ULONG_PTR)Offset);
    }
    Status = MiPlaceView(Process, Section, *Base, *ViewSize, Highest, Type, &Start);
    if (!NT_SUCCESS(Status))
        return Status;
    Charge = MiViewCharge(Section, *ViewSize, Protection);
    if (!MiChargeCommitment(Charge, Process))
        return STATUS_COMMITMENT_LIMIT;
    Vad = MiCreateMappedVad(Section->Segment, Start, *ViewSize, Offset >> PAGE_SHIFT, Protection, Charge);
    if (Vad == NULL) {
        MiReturnCommitment(Charge, Process);
        return STATUS_INSUFFICIENT_RESOURCES;
    }
    Vad->u.VadFlags.Inherit = Inherit == ViewShare;
    MiReferenceView(Process, Section, Vad);
    MiLinkVad(Process, Vad);
    if (Vad->u.VadFlags.VadType == VadLargePageSection)
        MiMapLargeView(Process, Vad);
    if (CommitSize != 0 && Vad->ControlArea->u.Flags.Reserve) {
        Status = MiCommitSectionRange(Process, Vad, Vad->StartingVpn, MI_VPN(Start + CommitSize - 1));
        if (!NT_SUCCESS(Status)) {
            MiUnmapVad(Process, Vad);
            return Status;
        }
    }
    *Base = (PVOID)Start;
    return Image && *Base != Section->Segment->BasedAddress ? STATUS_IMAGE_NOT_AT_BASE : STATUS_SUCCESS;
}

// Takes a view, or a range of private memory, away. The process is attached to, its address creation lock held. What
// was written to a file's page stays in the page. Takes the working set lock.
VOID MiUnmapVad(PEPROCESS Process, PMMVAD Vad)
{
    MiLockWorkingSet(Process);
    if (Vad->u.VadFlags.VadType == VadLargePages)
        MiDepopulateLargePages(Process, Vad);
    else if (Vad->u.VadFlags.VadType == VadLargePageSection)
        MiUnmapLargeView(Vad);
    else if (Vad->u.VadFlags.VadType == VadAwe)
        MiUnmapPhysicalWindow(Process, Vad);
    else if (Vad->u.VadFlags.VadType == VadDevicePhysicalMemory)
        MiUnmapMdlView(Process, Vad);
    else
        MiDeleteRange(Process, Vad->StartingVpn, Vad->EndingVpn);
    Process->NumberOfWatchedRanges -= Vad->u.VadFlags.VadType == VadWriteWatch;
    MiUnlinkVad(Process, Vad);
    MiUnlockWorkingSet(Process);
    MiReturnCommitment(Vad->u.VadFlags.CommitCharge, Process);
    if (!Vad->u.VadFlags.PrivateMemory) {
        MiRemoveFileView(Vad);
        MiDropWritableReference(Vad->ControlArea, Vad->WritableUserReference);
        MiDereferenceControlArea(Vad->ControlArea, 0, 1, 1);
    }
    MiFreeVad(Vad);
}

// Maps a view for the kernel's own purposes or a service; see mm.h. Pointers: kernel memory. IRQL PASSIVE_LEVEL;
// attaches.
NTSTATUS NTAPI MmMapViewOfSection(PVOID Section, PEPROCESS Process, PVOID *BaseAddress, ULONG_PTR ZeroBits,
                                  SIZE_T CommitSize, PLARGE_INTEGER SectionOffset, PSIZE_T ViewSize,
                                  SECTION_INHERIT Inherit, ULONG AllocationType, ULONG Protect)
{
    ULONG Protection = MiMakeProtectionMask(Protect);
    LARGE_INTEGER Offset = {.QuadPart = SectionOffset != NULL ? SectionOffset->QuadPart : 0};
    BOOLEAN Attach = Process != PsGetCurrentProcess();
    ULONG_PTR Highest;
    ULONG Attempt = 0;
    KAPC_STATE ApcState;
    NTSTATUS Status;

    PAGED_CODE();
    if (Protection == MM_INVALID_PROTECTION)
        return STATUS_INVALID_PAGE_PROTECTION;
    Status = MiHighestForZeroBits(ZeroBits, &Highest);
    if (!NT_SUCCESS(Status))
        return STATUS_INVALID_PARAMETER_4;
    if (((ULONG_PTR)*BaseAddress | Offset.LowPart) & (MM_ALLOCATION_GRANULARITY - 1))
        return STATUS_MAPPED_ALIGNMENT;
    do {
        if (Attach)
            KeStackAttachProcess(&Process->Pcb, &ApcState);
        Status = MiLockAddressSpace(Process);
        if (NT_SUCCESS(Status)) {
            Status = MiMapView(Section, Process, BaseAddress, Highest, CommitSize, (ULONGLONG)Offset.QuadPart, ViewSize,
                               Inherit, AllocationType, Protection);
            MiUnlockAddressSpace(Process);
        }
        if (Attach)
            KeUnstackDetachProcess(&ApcState);
    } while (Status == STATUS_COMMITMENT_LIMIT && MmWaitForCommitment(BYTES_TO_PAGES(*ViewSize), Attempt++));
    return Status;
}

// Unmaps the view that BaseAddress lies in. IRQL PASSIVE_LEVEL; attaches. STATUS_NOT_MAPPED_VIEW.
NTSTATUS NTAPI MmUnmapViewOfSection(PEPROCESS Process, PVOID BaseAddress)
{
    BOOLEAN Attach = Process != PsGetCurrentProcess();
    KAPC_STATE ApcState;
    NTSTATUS Status;
    PMMVAD Vad;

    PAGED_CODE();
    if ((ULONG_PTR)BaseAddress > (ULONG_PTR)MM_HIGHEST_VAD_ADDRESS)
        return STATUS_NOT_MAPPED_VIEW;
    if (Attach)
        KeStackAttachProcess(&Process->Pcb, &ApcState);
    Status = MiLockAddressSpace(Process);
    if (NT_SUCCESS(Status)) {
        Vad = MiLocateVad(&Process->VadRoot, MI_VPN(BaseAddress));
        if (Vad == NULL || Vad->u.VadFlags.PrivateMemory)
            Status = STATUS_NOT_MAPPED_VIEW;
        else
            MiUnmapVad(Process, Vad);
        MiUnlockAddressSpace(Process);
    }
    if (Attach)
        KeUnstackDetachProcess(&ApcState);
    return Status;
}
