// SPDX-License-Identifier: MIT
// Writing what a process changed in its view of a file (NtFlushVirtualMemory).

#include "mi.h"

// The entries of [StartVpn, EndVpn], which one page table holds. The working set lock is held.
static VOID MiCaptureInTable(ULONG_PTR StartVpn, ULONG_PTR EndVpn)
{
    PMMPTE Pte = MiGetPteAddress(MI_VA(StartVpn));

    while (StartVpn <= EndVpn) {
        KIRQL OldIrql = MiLockPfn();
        MI_TB_FLUSH Flush;

        Flush.Count = 0;
        for (; StartVpn <= EndVpn && Flush.Count < MI_TB_FLUSH_MAXIMUM; StartVpn++, Pte++) {
            if (Pte->u.Hard.Valid && Pte->u.Hard.Dirty && MI_PFN_ELEMENT(MI_PTE_FRAME(Pte))->u3.e1.PrototypePte) {
                MiExchangePte(Pte, Pte->u.Long & ~MI_DIRTY);
                MI_PFN_ELEMENT(MI_PTE_FRAME(Pte))->u3.e1.Modified = 1;
                MiAddTbFlush(&Flush, MI_VA(StartVpn));
            }
        }
        MiFlushTb(&Flush, FALSE); // before a write of the page can begin: what is written later is dirty again
        MiUnlockPfn(OldIrql);
    }
}

// Moves the dirty bits of the entries of [StartVpn, EndVpn] into the frames, where a flush finds them. The current
// process's working set lock is held; takes the PFN lock.
VOID MiCaptureDirtyVpns(ULONG_PTR StartVpn, ULONG_PTR EndVpn)
{
    while (StartVpn <= EndVpn) {
        ULONG_PTR Last = min_of(EndVpn, StartVpn | (PTES_PER_PAGE - 1));

        if (MiGetPdeAddress(MI_VA(StartVpn))->u.Hard.Valid)
            MiCaptureInTable(StartVpn, Last);
        StartVpn = Last + 1;
    }
}

// Finds the file view at *Base and takes a section reference. *Base and *Size become pages.
static NTSTATUS MiPrepareFlush(PVOID *Base, PSIZE_T Size, PCONTROL_AREA *ControlArea, PULONGLONG Start)
{
    PEPROCESS Process = PsGetCurrentProcess();
    ULONG_PTR Vpn = MI_VPN(*Base), EndVpn;
    PMMVAD Vad = MiLocateVad(&Process->VadRoot, Vpn);
    KIRQL OldIrql;

    if (Vad == NULL)
        return STATUS_NOT_MAPPED_VIEW;
    if (Vad->u.VadFlags.PrivateMemory || Vad->ControlArea->FilePointer == NULL || Vad->ControlArea->u.Flags.Image)
        return STATUS_NOT_MAPPED_DATA;
    EndVpn = *Size == 0 ? Vad->EndingVpn : MI_VPN((ULONG_PTR)*Base + *Size - 1);
    if (EndVpn > Vad->EndingVpn)
        return STATUS_NOT_MAPPED_VIEW;
    *Base = MI_VA(Vpn);
    *Size = (EndVpn - Vpn + 1) << PAGE_SHIFT;
    *Start = (Vad->FirstPage + (Vpn - Vad->StartingVpn)) << PAGE_SHIFT;
    *ControlArea = Vad->ControlArea;
    OldIrql = MiLockPfn();
    (*ControlArea)->NumberOfSectionReferences++;
    MiUnlockPfn(OldIrql);
    return STATUS_SUCCESS;
}

static NTSTATUS MiReturnIoStatus(PIO_STATUS_BLOCK User, PIO_STATUS_BLOCK IoStatus)
{
    SEH_TRY
    {
        *User = *IoStatus;
    }
    SEH_EXCEPT
    {
        return SEH_CODE();
    }
    SEH_END
    return STATUS_SUCCESS;
}

static NTSTATUS MiProbeIoStatus(PIO_STATUS_BLOCK User)
{
    SEH_TRY
    {
        if (ExGetPreviousMode() != KernelMode)
            ProbeForWriteType(User);
    }
    SEH_EXCEPT
    {
        return SEH_CODE();
    }
    SEH_END
    return STATUS_SUCCESS;
}

// System service. WDK: ZwFlushVirtualMemory (the documented FlushViewOfFile).
NTSTATUS NTAPI NtFlushVirtualMemory(HANDLE Process, PVOID *BaseAddress, PSIZE_T RegionSize, PIO_STATUS_BLOCK IoStatus)
{
    IO_STATUS_BLOCK LocalStatus = {.Status = STATUS_SUCCESS, .Information = 0};
    PCONTROL_AREA ControlArea;
    ULONGLONG Start;
    MI_TARGET Target;
    NTSTATUS Status;
    PVOID Base;
    SIZE_T Size;

    PAGED_CODE();
    Status = MiProbeIoStatus(IoStatus);
    if (NT_SUCCESS(Status))
        Status = MiCaptureRange(BaseAddress, RegionSize, &Base, &Size);
    if (NT_SUCCESS(Status))
        Status = MiAttachTarget(Process, PROCESS_VM_OPERATION, &Target);
    if (!NT_SUCCESS(Status))
        return Status;
    Status = MiLockAddressSpace(Target.Process);
    if (NT_SUCCESS(Status)) {
        Status = MiPrepareFlush(&Base, &Size, &ControlArea, &Start);
        MiUnlockAddressSpace(Target.Process);
    }
    MiDetachTarget(&Target);
    if (!NT_SUCCESS(Status))
        return Status;
    Status = MiFlushControlArea(ControlArea, Start, Start + Size, &LocalStatus);
    MiDereferenceControlArea(ControlArea, 1, 0, 0);
    MiReturnRange(BaseAddress, RegionSize, Base, Size);
    IGNORE_STATUS(MiReturnIoStatus(IoStatus, &LocalStatus)); // the work is done
    return Status;
}
