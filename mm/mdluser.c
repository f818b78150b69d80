// SPDX-License-Identifier: MIT
// Mapping the frames of an MDL into the current process, for a driver that shares memory with a program. The descriptor
// is one that no service changes, so only the driver, or the end of the process, takes the mapping away. Its pages are
// in no working set; a mapping holds each frame like a lock for I/O, so that a frame never becomes another's while a
// program can reach it. Source: WDK, MmMapLockedPagesSpecifyCache, MmUnmapLockedPages.

#include "mi.h"

// One entry: Page is reachable at Va from now on. The working set lock is held, the page table exists.
static VOID MiMapFrame(PVOID Va, PFN_NUMBER Page, ULONGLONG Bits)
{
    KIRQL OldIrql = MiLockPfn();

    if (MiIsPhysicalMemory(Page))
        MI_PFN_ELEMENT(Page)->u3.ReferenceCount++;
    MiUnlockPfn(OldIrql);
    MiCountUsedPte(Va, 1);
    MiWriteValidPte(MiGetPteAddress(Va), ((ULONGLONG)Page << PAGE_SHIFT) | Bits);
}

// Fills the view. Both locks are needed: the caller holds the address creation lock. STATUS_NO_MEMORY: some pages may be
// mapped, MiUnmapVad takes them away.
static NTSTATUS MiFillMdlView(PEPROCESS Process, PMMVAD Vad, PPFN_NUMBER Pages, ULONGLONG Bits)
{
    NTSTATUS Status = STATUS_SUCCESS;
    ULONG_PTR Vpn;

    MiLockWorkingSet(Process);
    for (Vpn = Vad->StartingVpn; NT_SUCCESS(Status) && Vpn <= Vad->EndingVpn; Vpn++) {
        Status = MiMakePageTableWait(Process, MI_VA(Vpn));
        if (NT_SUCCESS(Status))
            MiMapFrame(MI_VA(Vpn), Pages[Vpn - Vad->StartingVpn], Bits);
    }
    MiUnlockWorkingSet(Process);
    return Status;
}

static NTSTATUS MiMapMdl(PEPROCESS Process, PMDL Mdl, ULONGLONG Bits, PULONG_PTR Base)
{
    SIZE_T Size = (SIZE_T)ADDRESS_AND_SIZE_TO_SPAN_PAGES(MmGetMdlVirtualAddress(Mdl), Mdl->ByteCount) << PAGE_SHIFT;
    ULONG Protection = Bits & MI_WRITE ? MM_READWRITE : MM_READONLY;
    NTSTATUS Status;
    PMMVAD Vad;

    if (*Base & (PAGE_SIZE - 1) || Size == 0)
        return STATUS_INVALID_ADDRESS;
    if (*Base > (ULONG_PTR)MM_HIGHEST_VAD_ADDRESS || Size > (ULONG_PTR)MM_HIGHEST_VAD_ADDRESS + 1 - *Base)
        return STATUS_INVALID_ADDRESS;
    Status = MiReserve(Process, Base, Size, (ULONG_PTR)MM_HIGHEST_VAD_ADDRESS, MEM_RESERVE, Protection);
    if (!NT_SUCCESS(Status))
        return Status;
    Vad = MiLocateVad(&Process->VadRoot, MI_VPN(*Base));
    Vad->u.VadFlags.VadType = VadDevicePhysicalMemory;
    Vad->u.VadFlags.NoChange = 1;
    Status = MiFillMdlView(Process, Vad, MmGetMdlPfnArray(Mdl), Bits);
    if (!NT_SUCCESS(Status))
        MiUnmapVad(Process, Vad);
    return Status;
}

// MmMapLockedPagesSpecifyCache for user mode: at Base (a page boundary), or anywhere if it is NULL. No mapping is
// executable. IRQL <= APC_LEVEL, in the process that gets the mapping; no Mm locks. Raises STATUS_INVALID_ADDRESS,
// STATUS_CONFLICTING_ADDRESSES, STATUS_NO_MEMORY, STATUS_INSUFFICIENT_RESOURCES, STATUS_PROCESS_IS_TERMINATING.
PVOID MiMapLockedPagesInUserSpace(PMDL Mdl, MEMORY_CACHING_TYPE Cache, PVOID Base, ULONG Priority)
{
    PEPROCESS Process = PsGetCurrentProcess();
    ULONG_PTR Start = (ULONG_PTR)Base;
    ULONGLONG Bits = MI_VALID | MI_USER | MI_ACCESSED | MmNoExecute | MiCacheBits(Cache);
    NTSTATUS Status;

    PAGED_CODE();
    if (!(Priority & MdlMappingNoWrite))
        Bits |= MI_WRITE;
    Status = MiLockAddressSpace(Process);
    if (NT_SUCCESS(Status)) {
        Status = MiMapMdl(Process, Mdl, Bits, &Start);
        MiUnlockAddressSpace(Process);
    }
    if (!NT_SUCCESS(Status))
        ExRaiseStatus(Status);
    return (PVOID)(Start + Mdl->ByteOffset);
}

// MmUnmapLockedPages for a user address. IRQL <= APC_LEVEL, in the process that has the mapping; no Mm locks. A process
// that has lost its memory has nothing to unmap. Bugcheck 0xD7: no such mapping lies at the address.
VOID MiUnmapLockedPagesInUserSpace(PVOID Base)
{
    PEPROCESS Process = PsGetCurrentProcess();
    PMMVAD Vad;

    PAGED_CODE();
    if (!NT_SUCCESS(MiLockAddressSpace(Process)))
        return;
    Vad = MiLocateVad(&Process->VadRoot, MI_VPN(Base));
    if (Vad == NULL || Vad->StartingVpn != MI_VPN(Base) || Vad->u.VadFlags.VadType != VadDevicePhysicalMemory ||
        MiIsSharedDataPage(Base))
        KeBugCheckEx(DRIVER_UNMAPPING_INVALID_VIEW, (ULONG_PTR)Base, 0, 0, 0);
    MiUnmapVad(Process, Vad);
    MiUnlockAddressSpace(Process);
}

// Empties one entry. The PFN lock is held. Returns the frame; 0: there was none.
static PFN_NUMBER MiUnmapFrame(PVOID Va, PMI_TB_FLUSH Flush)
{
    MMPTE Old = MiExchangePte(MiGetPteAddress(Va), 0);
    PFN_NUMBER Page = MI_PTE_FRAME(&Old);

    if (!Old.u.Hard.Valid)
        return 0;
    MiAddTbFlush(Flush, Va);
    if (!MiIsPhysicalMemory(Page))
        return 0;
    MI_PFN_ELEMENT(Page)->u3.e1.Modified |= Old.u.Hard.Dirty;
    return Page;
}

// Empties a view that goes: the frames are let go of when no processor knows the translations any more. Both locks of
// the process are held; it is attached to.
VOID MiUnmapMdlView(PEPROCESS Process, PMMVAD Vad)
{
    ULONG_PTR Vpn = Vad->StartingVpn;

    while (Vpn <= Vad->EndingVpn) {
        ULONG_PTR First = Vpn, Last = min_of(Vad->EndingVpn, Vpn | (MI_PTE_BATCH - 1));
        PFN_NUMBER Pages[MI_PTE_BATCH];
        ULONG Count = 0, Index;
        MI_TB_FLUSH Flush;
        KIRQL OldIrql;

        if (!MiGetPdeAddress(MI_VA(Vpn))->u.Hard.Valid) {
            Vpn = (Vpn | (PTES_PER_PAGE - 1)) + 1;
            continue;
        }
        Flush.Count = 0;
        OldIrql = MiLockPfn();
        for (; Vpn <= Last; Vpn++) {
            if (MiGetPteAddress(MI_VA(Vpn))->u.Long == 0)
                continue;
            Pages[Count] = MiUnmapFrame(MI_VA(Vpn), &Flush);
            Count++;
        }
        MiFlushTb(&Flush, FALSE);
        for (Index = 0; Index < Count; Index++) {
            if (Pages[Index] != 0)
                MiDecrementReferenceCount(MI_PFN_ELEMENT(Pages[Index]));
        }
        MiUnlockPfn(OldIrql);
        MiCountUsedPte(MI_VA(First), -(LONG)Count);
        if (Vpn % PTES_PER_PAGE == 0 || Vpn > Vad->EndingVpn)
            MiDeletePageTable(Process, MI_VA(First));
    }
}
