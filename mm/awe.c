// SPDX-License-Identifier: MIT
// Address Windowing Extensions: physical pages that belong to a process without an address, and windows (MEM_PHYSICAL)
// in which it maps them as it likes. A page of 6 GB can so be reached from 2 GB of addresses. A page is never paged and
// is mapped at one address at a time. Source: SDK, "Address Windowing Extensions".
//
// In the frame of such a page (MMPFN.u3.e1.UserPhysical): ShareCount is 1 as long as the process owns it, mapped or
// not; u1.Flink and PteFrame link it to the process's others; PteAddress is the entry that maps it, or NULL; the high
// half of OriginalPte is the process. The process's address creation lock protects these, the working set lock its
// entries.

#include "mi.h"

#define MI_AWE_CHUNK 128u // frame numbers that are copied at a time
#define MI_AWE_LEFT 512u  // available pages that are left to others

static PEPROCESS MiOwnerOfPage(PMMPFN Pfn)
{
    return (PEPROCESS)(ULONG_PTR)Pfn->OriginalPte.u.High;
}

static BOOLEAN MiOwnsPage(PEPROCESS Process, ULONG_PTR Page)
{
    return Page <= MmHighestPhysicalPage && MiIsPhysicalMemory((PFN_NUMBER)Page) &&
           MI_PFN_ELEMENT(Page)->u3.e1.UserPhysical && MiOwnerOfPage(MI_PFN_ELEMENT(Page)) == Process;
}

static VOID MiLinkUserPage(PEPROCESS Process, PFN_NUMBER Page)
{
    PMMPFN Pfn = MI_PFN_ELEMENT(Page);

    Pfn->OriginalPte.u.High = (ULONG)(ULONG_PTR)Process;
    Pfn->u1.Flink = Process->UserPhysicalPages;
    Pfn->PteFrame = MM_EMPTY_LIST;
    if (Pfn->u1.Flink != MM_EMPTY_LIST)
        MI_PFN_ELEMENT(Pfn->u1.Flink)->PteFrame = Page;
    Process->UserPhysicalPages = Page;
    Process->NumberOfUserPhysicalPages++;
    Pfn->u3.e1.UserPhysical = 1; // last: who sees it finds the owner
}

static VOID MiUnlinkUserPage(PEPROCESS Process, PFN_NUMBER Page)
{
    PMMPFN Pfn = MI_PFN_ELEMENT(Page);

    Pfn->u3.e1.UserPhysical = 0;
    if (Pfn->PteFrame == MM_EMPTY_LIST)
        Process->UserPhysicalPages = Pfn->u1.Flink;
    else
        MI_PFN_ELEMENT(Pfn->PteFrame)->u1.Flink = Pfn->u1.Flink;
    if (Pfn->u1.Flink != MM_EMPTY_LIST)
        MI_PFN_ELEMENT(Pfn->u1.Flink)->PteFrame = Pfn->PteFrame;
    Process->NumberOfUserPhysicalPages--;
    Pfn->u1.WsIndex = 0;
}

// A zeroed page for the process, from above 4 GB if there is one. 0: none to spare. The address creation lock is held.
static PFN_NUMBER MiTakeUserPage(PEPROCESS Process)
{
    KIRQL OldIrql;
    BOOLEAN Zeroed;
    PFN_NUMBER Page;

    if (!MiChargeCommitment(1, Process))
        return 0;
    OldIrql = MiLockPfn();
    if (MmAvailablePages <= MI_AWE_LEFT) {
        MiUnlockPfn(OldIrql);
        MiReturnCommitment(1, Process);
        return 0;
    }
    Page = MiRemoveZeroPage(MiHighNode, &Zeroed);
    MiInitializePfn(Page, NULL, 0, MM_READWRITE);
    MiLinkUserPage(Process, Page);
    MiUnlockPfn(OldIrql);
    if (!Zeroed)
        MiZeroPage(Page);
    return Page;
}

// Gives a page back that is mapped nowhere. The address creation lock is held.
static VOID MiReturnUserPage(PEPROCESS Process, PFN_NUMBER Page)
{
    KIRQL OldIrql = MiLockPfn();

    MiUnlinkUserPage(Process, Page);
    MI_PFN_ELEMENT(Page)->u3.e1.Deleted = 1;
    MiDecrementShareCount(MI_PFN_ELEMENT(Page));
    MiUnlockPfn(OldIrql);
    MiReturnCommitment(1, Process);
}

// The process is at its end: its windows are gone, its pages follow. The address creation lock is held.
VOID MiFreeAllUserPhysicalPages(PEPROCESS Process)
{
    while (Process->UserPhysicalPages != MM_EMPTY_LIST)
        MiReturnUserPage(Process, Process->UserPhysicalPages);
}

// Puts Page (0: nothing) into an entry. The PFN lock is held; Flush collects the translation.
static VOID MiSetWindowEntry(PVOID Va, PFN_NUMBER Page, PMI_TB_FLUSH Flush)
{
    PMMPTE Pte = MiGetPteAddress(Va);
    ULONGLONG New =
        Page == 0 ? 0 : ((ULONGLONG)Page << PAGE_SHIFT) | MmProtectToPteMask[MM_READWRITE] | MI_USER | MI_DIRTY;
    MMPTE Old = *Pte;

    if (Old.u.Hard.Valid) {
        PMMPFN Pfn;

        Old = MiExchangePte(Pte, New);
        MiAddTbFlush(Flush, Va);
        Pfn = MI_PFN_ELEMENT(MI_PTE_FRAME(&Old));
        if (Pfn->PteAddress == Pte)
            Pfn->PteAddress = NULL;
    } else if (Page != 0) {
        MiWriteValidPte(Pte, New);
    }
    MiCountUsedPte(Va, (Page != 0) - (Old.u.Long != 0));
    if (Page != 0)
        MI_PFN_ELEMENT(Page)->PteAddress = Pte;
}

// Empties a window that goes. Both locks of the process are held; it is attached to.
VOID MiUnmapPhysicalWindow(PEPROCESS Process, PMMVAD Vad)
{
    ULONG_PTR Vpn = Vad->StartingVpn;

    while (Vpn <= Vad->EndingVpn) {
        ULONG_PTR Last = min_of(Vad->EndingVpn, Vpn | (MI_PTE_BATCH - 1)), First = Vpn;
        MI_TB_FLUSH Flush;
        KIRQL OldIrql;

        if (!MiGetPdeAddress(MI_VA(Vpn))->u.Hard.Valid) {
            Vpn = (Vpn | (PTES_PER_PAGE - 1)) + 1;
            continue;
        }
        Flush.Count = 0;
        OldIrql = MiLockPfn();
        for (; Vpn <= Last; Vpn++)
            MiSetWindowEntry(MI_VA(Vpn), 0, &Flush);
        MiFlushTb(&Flush, FALSE);
        MiUnlockPfn(OldIrql);
        if (Vpn % PTES_PER_PAGE == 0 || Vpn > Vad->EndingVpn)
            MiDeletePageTable(Process, MI_VA(First));
    }
}

// -------------------------------------------------------------------------------- requests
// Addresses and pages that belong together. Addresses NULL: they follow each other from First on. Pages NULL: unmap.
typedef struct _MI_WINDOW_REQUEST {
    ULONG_PTR First;
    ULONG_PTR Count;
    PVOID *Addresses;
    PULONG_PTR Pages;
    PVOID Memory;
    ULONG_PTR Small[2 * MI_AWE_CHUNK];
} MI_WINDOW_REQUEST, *PMI_WINDOW_REQUEST;

static PVOID MiRequestVa(PMI_WINDOW_REQUEST Request, ULONG_PTR Index)
{
    return Request->Addresses != NULL ? Request->Addresses[Index] : (PVOID)(Request->First + (Index << PAGE_SHIFT));
}

static PFN_NUMBER MiRequestPage(PMI_WINDOW_REQUEST Request, ULONG_PTR Index)
{
    return Request->Pages == NULL ? 0 : (PFN_NUMBER)Request->Pages[Index];
}

// Is Pte the entry of an address of the request? Then the page that it maps is free to be mapped elsewhere.
static BOOLEAN MiIsInRequest(PMI_WINDOW_REQUEST Request, PMMPTE Pte)
{
    ULONG_PTR Va = (ULONG_PTR)MiGetVaOfPte(Pte), Index;

    if (Request->Addresses == NULL)
        return Va >= Request->First && Va - Request->First < Request->Count << PAGE_SHIFT;
    for (Index = 0; Index < Request->Count; Index++) {
        if (PAGE_ALIGN(Request->Addresses[Index]) == (PVOID)Va)
            return TRUE;
    }
    return FALSE;
}

static BOOLEAN MiIsWindow(PEPROCESS Process, PVOID Va)
{
    PMMVAD Vad = (ULONG_PTR)Va > (ULONG_PTR)MM_HIGHEST_VAD_ADDRESS ? NULL : MiLocateVad(&Process->VadRoot, MI_VPN(Va));

    return Vad != NULL && Vad->u.VadFlags.VadType == VadAwe;
}

static VOID MiUnmarkPages(PMI_WINDOW_REQUEST Request, ULONG_PTR Count)
{
    while (Count-- > 0) {
        if (MiRequestPage(Request, Count) != 0)
            MI_PFN_ELEMENT(MiRequestPage(Request, Count))->u3.e1.Marked = 0;
    }
}

// Nothing of a bad request is done. The address creation lock is held. Pages come out marked if it is good.
static NTSTATUS MiCheckRequest(PEPROCESS Process, PMI_WINDOW_REQUEST Request)
{
    ULONG_PTR Index;

    for (Index = 0; Index < Request->Count; Index++) {
        PFN_NUMBER Page = MiRequestPage(Request, Index);
        BOOLEAN Good = MiIsWindow(Process, MiRequestVa(Request, Index));
        NTSTATUS Status = Good ? STATUS_CONFLICTING_ADDRESSES : STATUS_INVALID_PARAMETER_1;

        if (Good && Page != 0) {
            PMMPFN Pfn = MI_PFN_ELEMENT(Page);

            Good = MiOwnsPage(Process, Page) && !Pfn->u3.e1.Marked &&
                   (Pfn->PteAddress == NULL || MiIsInRequest(Request, Pfn->PteAddress));
            if (Good)
                Pfn->u3.e1.Marked = 1;
        }
        if (!Good) {
            MiUnmarkPages(Request, Index);
            return Status;
        }
    }
    return STATUS_SUCCESS;
}

// The working set lock is held. STATUS_NO_MEMORY: no page table, nothing has changed.
static NTSTATUS MiMakeWindowTables(PEPROCESS Process, PMI_WINDOW_REQUEST Request)
{
    NTSTATUS Status = STATUS_SUCCESS;
    ULONG_PTR Index = 0;

    while (NT_SUCCESS(Status) && Index < Request->Count) {
        PVOID Va = MiRequestVa(Request, Index);
        BOOLEAN Missing = MiRequestPage(Request, Index) != 0 && MiPteIfTable(Va) == NULL;

        Index++;
        if (Missing) {
            Status = MiMakePageTableWait(Process, Va);
            Index = 0; // while it waited, tables that are not used yet may have gone
        }
    }
    return Status;
}

static VOID MiChangeWindows(PMI_WINDOW_REQUEST Request)
{
    ULONG_PTR Index = 0;

    while (Index < Request->Count) {
        ULONG_PTR Last = min_of(Request->Count, Index + MI_PTE_BATCH);
        MI_TB_FLUSH Flush;
        KIRQL OldIrql;

        Flush.Count = 0;
        OldIrql = MiLockPfn();
        for (; Index < Last; Index++) {
            PVOID Va = PAGE_ALIGN(MiRequestVa(Request, Index));

            if (MiRequestPage(Request, Index) != 0 || MiPteIfTable(Va) != NULL)
                MiSetWindowEntry(Va, MiRequestPage(Request, Index), &Flush);
        }
        MiFlushTb(&Flush, FALSE);
        MiUnlockPfn(OldIrql);
    }
}

static NTSTATUS MiDoRequest(PMI_WINDOW_REQUEST Request)
{
    PEPROCESS Process = PsGetCurrentProcess();
    NTSTATUS Status = MiLockAddressSpace(Process);

    if (!NT_SUCCESS(Status))
        return Status;
    Status = MiCheckRequest(Process, Request);
    if (NT_SUCCESS(Status)) {
        MiLockWorkingSet(Process);
        Status = MiMakeWindowTables(Process, Request);
        if (NT_SUCCESS(Status))
            MiChangeWindows(Request);
        MiUnlockWorkingSet(Process);
        MiUnmarkPages(Request, Request->Count);
    }
    MiUnlockAddressSpace(Process);
    return Status;
}

// Copies Count words between the kernel's memory and the caller's: into his if Store, else from there.
static NTSTATUS MiCopyArray(PVOID Kernel, PVOID User, ULONG_PTR Count, BOOLEAN Store)
{
    SIZE_T Bytes = Count * sizeof(ULONG_PTR);

    SEH_TRY
    {
        if (ExGetPreviousMode() != KernelMode && Store)
            ProbeForWrite(User, Bytes, sizeof(ULONG_PTR));
        else if (ExGetPreviousMode() != KernelMode)
            ProbeForRead(User, Bytes, sizeof(ULONG_PTR));
        memcpy(Store ? User : Kernel, Store ? Kernel : User, Bytes);
    }
    SEH_EXCEPT
    {
        return SEH_CODE();
    }
    SEH_END
    return STATUS_SUCCESS;
}

static NTSTATUS MiCaptureArray(PVOID To, PVOID From, ULONG_PTR Count)
{
    return MiCopyArray(To, From, Count, FALSE);
}

static NTSTATUS MiStoreArray(PVOID User, PVOID From, ULONG_PTR Count)
{
    return MiCopyArray(From, User, Count, TRUE);
}

// Copies the caller's arrays (Addresses, Pages: NULL or Count entries), does the request, and frees the copies.
static NTSTATUS MiMapUserPages(PMI_WINDOW_REQUEST Request, PVOID *Addresses, PULONG_PTR Pages)
{
    ULONG_PTR Count = Request->Count;
    PULONG_PTR Memory = Request->Small;
    NTSTATUS Status = STATUS_SUCCESS;

    if (Count == 0)
        return STATUS_SUCCESS;
    if (Count > MI_VPN(MM_HIGHEST_VAD_ADDRESS))
        return STATUS_INVALID_PARAMETER_2;
    if (Count > MI_AWE_CHUNK)
        Memory = ExAllocatePoolWithTag(NonPagedPool, 2 * Count * sizeof(ULONG_PTR), TAG_MM);
    if (Memory == NULL)
        return STATUS_INSUFFICIENT_RESOURCES;
    if (Addresses != NULL) {
        Request->Addresses = (PVOID *)Memory;
        Status = MiCaptureArray(Memory, Addresses, Count);
    }
    if (NT_SUCCESS(Status) && Pages != NULL) {
        Request->Pages = Memory + Count;
        Status = MiCaptureArray(Memory + Count, Pages, Count);
    }
    if (NT_SUCCESS(Status))
        Status = MiDoRequest(Request);
    if (Memory != Request->Small)
        ExFreePoolWithTag(Memory, TAG_MM);
    return Status;
}

// System service (the documented MapUserPhysicalPages): the pages appear at NumberOfPages addresses from VirtualAddress
// on, in windows of this process; what was there before is unmapped. UserPfns NULL: that alone.
NTSTATUS NTAPI NtMapUserPhysicalPages(PVOID VirtualAddress, ULONG_PTR NumberOfPages, PULONG_PTR UserPfns)
{
    MI_WINDOW_REQUEST Request = {.First = (ULONG_PTR)PAGE_ALIGN(VirtualAddress), .Count = NumberOfPages};

    PAGED_CODE();
    if (NumberOfPages > MI_VPN(MM_HIGHEST_VAD_ADDRESS))
        return STATUS_INVALID_PARAMETER_2;
    return MiMapUserPages(&Request, NULL, UserPfns);
}

// System service (the documented MapUserPhysicalPagesScatter): each page at an address of its own; a page number of 0
// unmaps.
NTSTATUS NTAPI NtMapUserPhysicalPagesScatter(PVOID *VirtualAddresses, ULONG_PTR NumberOfPages, PULONG_PTR UserPfns)
{
    MI_WINDOW_REQUEST Request = {.Count = NumberOfPages};

    PAGED_CODE();
    return MiMapUserPages(&Request, VirtualAddresses, UserPfns);
}

static NTSTATUS MiCaptureCount(PULONG_PTR User, PULONG_PTR Count)
{
    SEH_TRY
    {
        if (ExGetPreviousMode() != KernelMode)
            ProbeForWriteType(User);
        *Count = *(volatile ULONG_PTR *)User;
    }
    SEH_EXCEPT
    {
        return SEH_CODE();
    }
    SEH_END
    return *Count > MM_USER_PROBE_ADDRESS / sizeof(ULONG_PTR) ? STATUS_INVALID_PARAMETER_2 : STATUS_SUCCESS;
}

// Up to Count pages for the process. Returns how many there were.
static ULONG MiTakeUserPages(PEPROCESS Process, PULONG_PTR Pages, ULONG Count)
{
    ULONG Taken = 0;

    if (!NT_SUCCESS(MiLockAddressSpace(Process)))
        return 0;
    while (Taken < Count && (Pages[Taken] = MiTakeUserPage(Process)) != 0)
        Taken++;
    MiUnlockAddressSpace(Process);
    return Taken;
}

// Frees Count pages from the end of what was just taken, which the caller never heard of.
static VOID MiTakeBackUserPages(PEPROCESS Process, PULONG_PTR Pages, ULONG Count)
{
    if (!NT_SUCCESS(MiLockAddressSpace(Process)))
        return; // they have gone with the address space
    while (Count-- > 0) {
        if (MiOwnsPage(Process, Pages[Count]) && MI_PFN_ELEMENT(Pages[Count])->PteAddress == NULL)
            MiReturnUserPage(Process, (PFN_NUMBER)Pages[Count]);
    }
    MiUnlockAddressSpace(Process);
}

// System service (the documented AllocateUserPhysicalPages). *NumberOfPages: how many are wanted, and then how many
// there were. Needs SeLockMemoryPrivilege. STATUS_INSUFFICIENT_RESOURCES: not one.
NTSTATUS NTAPI NtAllocateUserPhysicalPages(HANDLE ProcessHandle, PULONG_PTR NumberOfPages, PULONG_PTR UserPfns)
{
    ULONG_PTR Chunk[MI_AWE_CHUNK], Wanted, Done = 0;
    PEPROCESS Process;
    NTSTATUS Status;
    ULONG Taken, Ask;

    PAGED_CODE();
    Status = MiCaptureCount(NumberOfPages, &Wanted);
    if (!NT_SUCCESS(Status))
        return Status;
    if (!SeSinglePrivilegeCheck(SE_LOCK_MEMORY_PRIVILEGE, ExGetPreviousMode()))
        return STATUS_PRIVILEGE_NOT_HELD;
    Status = ObReferenceObjectByHandle(ProcessHandle, PROCESS_VM_OPERATION, PsProcessType, ExGetPreviousMode(),
                                       (PVOID *)&Process, NULL);
    if (!NT_SUCCESS(Status))
        return Status;
    do {
        Ask = (ULONG)min_of(MI_AWE_CHUNK, Wanted - Done);
        Taken = MiTakeUserPages(Process, Chunk, Ask);
        Status = MiStoreArray(UserPfns + Done, Chunk, Taken);
        if (NT_SUCCESS(Status))
            Done += Taken;
        else
            MiTakeBackUserPages(Process, Chunk, Taken);
    } while (NT_SUCCESS(Status) && Taken == Ask && Done < Wanted);
    ObDereferenceObject(Process);
    if (!NT_SUCCESS(Status) && Done == 0)
        return Status;
    if (Done == 0 && Wanted != 0)
        return STATUS_INSUFFICIENT_RESOURCES;
    return MiStoreArray(NumberOfPages, &Done, 1);
}

// Frees pages of the process attached to, wherever they are mapped. Returns how many, up to the first that is not its
// own.
static ULONG MiFreeUserPages(PEPROCESS Process, PULONG_PTR Pages, ULONG Count)
{
    ULONG Index;

    if (!NT_SUCCESS(MiLockAddressSpace(Process)))
        return 0;
    for (Index = 0; Index < Count && MiOwnsPage(Process, Pages[Index]); Index++) {
        PMMPTE Pte = MI_PFN_ELEMENT(Pages[Index])->PteAddress;

        if (Pte != NULL) {
            MI_TB_FLUSH Flush;
            KIRQL OldIrql;

            Flush.Count = 0;
            MiLockWorkingSet(Process);
            OldIrql = MiLockPfn();
            MiSetWindowEntry(MiGetVaOfPte(Pte), 0, &Flush);
            MiFlushTb(&Flush, FALSE);
            MiUnlockPfn(OldIrql);
            MiDeletePageTable(Process, MiGetVaOfPte(Pte));
            MiUnlockWorkingSet(Process);
        }
        MiReturnUserPage(Process, (PFN_NUMBER)Pages[Index]);
    }
    MiUnlockAddressSpace(Process);
    return Index;
}

// System service (the documented FreeUserPhysicalPages). *NumberOfPages: how many, and then how many were freed.
// STATUS_CONFLICTING_ADDRESSES: one of them is not the process's; those before it are freed.
NTSTATUS NTAPI NtFreeUserPhysicalPages(HANDLE ProcessHandle, PULONG_PTR NumberOfPages, PULONG_PTR UserPfns)
{
    ULONG_PTR Chunk[MI_AWE_CHUNK], Wanted, Done = 0;
    MI_TARGET Target;
    NTSTATUS Status, Stored;

    PAGED_CODE();
    Status = MiCaptureCount(NumberOfPages, &Wanted);
    while (NT_SUCCESS(Status) && Done < Wanted) {
        ULONG Count = (ULONG)min_of(MI_AWE_CHUNK, Wanted - Done), Freed;

        Status = MiCaptureArray(Chunk, UserPfns + Done, Count);
        if (NT_SUCCESS(Status))
            Status = MiAttachTarget(ProcessHandle, PROCESS_VM_OPERATION, &Target);
        if (!NT_SUCCESS(Status))
            break;
        Freed = MiFreeUserPages(Target.Process, Chunk, Count);
        MiDetachTarget(&Target);
        Done += Freed;
        if (Freed != Count)
            Status = STATUS_CONFLICTING_ADDRESSES;
    }
    Stored = MiStoreArray(NumberOfPages, &Done, 1);
    return NT_SUCCESS(Status) ? Stored : Status;
}
