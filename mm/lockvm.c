// SPDX-License-Identifier: MIT
// NtLockVirtualMemory and its opposite: pages that stay in the working set (MAP_PROCESS, the documented VirtualLock) or
// in memory (MAP_SYSTEM, with SeLockMemoryPrivilege). Their entries stand in front of all others in the working-set
// list, where no trim begins. So many pages may be locked as the minimum working set has, less a few that stay free to
// move. A lock ends with the page's commitment, its view, or its access. Source: SDK, "VirtualLock"; Windows
// Internals, "Locking Memory".

#include "mi.h"

#define MI_MAP_ALL (MAP_PROCESS | MAP_SYSTEM)

static PMMWSLE MiEntryOfPage(PEPROCESS Process, PVOID Va)
{
    PMMWSL List = Process->Vm.VmWorkingSetList;

    return &List->Wsle[MiLocateWsle(List, Va, MI_PFN_ELEMENT(MI_PTE_FRAME(MiGetPteAddress(Va))))];
}

static BOOLEAN MiIsLocked(PEPROCESS Process, PVOID Va, ULONG Type)
{
    PMMVAD Vad = MiLocateVad(&Process->VadRoot, MI_VPN(Va));
    PMMPTE Pte = MiPteIfTable(Va);
    PMMWSLE Wsle;

    if (Pte == NULL || !Pte->u.Hard.Valid || Vad == NULL || MI_IS_UNPAGED_VAD(Vad))
        return FALSE;
    Wsle = MiEntryOfPage(Process, Va);
    return ((Type & MAP_PROCESS) && Wsle->u1.e1.LockedInWs) || ((Type & MAP_SYSTEM) && Wsle->u1.e1.LockedInMemory);
}

// Takes the free entry at the beginning of what may move out of the list of free ones, as a locked one comes there.
static VOID MiUnlinkFreeEntry(PMMWSL List, ULONG Index)
{
    PULONG Link = &List->FirstFree;
    ULONG Next = List->Wsle[Index].u1.Long >> MI_WSLE_FREE_SHIFT, Free;

    if (*Link == Index) {
        *Link = Next;
        return;
    }
    for (Free = *Link; List->Wsle[Free].u1.Long >> MI_WSLE_FREE_SHIFT != Index;)
        Free = List->Wsle[Free].u1.Long >> MI_WSLE_FREE_SHIFT;
    List->Wsle[Free].u1.Long = Next << MI_WSLE_FREE_SHIFT;
}

// Locks a valid page. The working set lock is held.
static VOID MiLockEntry(PEPROCESS Process, PVOID Va, ULONG Type)
{
    PMMWSL List = Process->Vm.VmWorkingSetList;
    ULONG Index = (ULONG)(MiEntryOfPage(Process, Va) - List->Wsle), First = List->FirstDynamic;

    if (Index >= First) {
        if (List->Wsle[First].u1.e1.Valid) {
            MiSwapWsle(List, First, Index);
        } else {
            MiUnlinkFreeEntry(List, First);
            MiMoveWsle(List, Index, First);
            List->Wsle[Index].u1.Long = List->FirstFree << MI_WSLE_FREE_SHIFT;
            List->FirstFree = Index;
        }
        List->FirstDynamic++;
        Index = First;
    }
    if (Type & MAP_PROCESS)
        List->Wsle[Index].u1.e1.LockedInWs = 1;
    if (Type & MAP_SYSTEM)
        List->Wsle[Index].u1.e1.LockedInMemory = 1;
}

// Ends locks of a valid page. The working set lock is held.
static VOID MiUnlockEntry(PEPROCESS Process, PVOID Va, ULONG Type)
{
    PMMWSL List = Process->Vm.VmWorkingSetList;
    PMMWSLE Wsle = MiEntryOfPage(Process, Va);

    if (Type & MAP_PROCESS)
        Wsle->u1.e1.LockedInWs = 0;
    if (Type & MAP_SYSTEM)
        Wsle->u1.e1.LockedInMemory = 0;
    if (Wsle->u1.e1.LockedInWs || Wsle->u1.e1.LockedInMemory)
        return;
    List->FirstDynamic--;
    MiSwapWsle(List, (ULONG)(Wsle - List->Wsle), List->FirstDynamic);
}

// May every page be read, and do the locks still fit? Counts those that are locked already. Both locks are held.
static NTSTATUS MiCheckLock(PEPROCESS Process, ULONG_PTR StartVpn, ULONG_PTR EndVpn, ULONG Type, PULONG Locked)
{
    ULONG Pages = (ULONG)(EndVpn - StartVpn + 1), New = 0;
    ULONG_PTR Vpn;

    for (Vpn = StartVpn; Vpn <= EndVpn; Vpn++) {
        PMMVAD Vad = MiLocateVad(&Process->VadRoot, Vpn);
        ULONG Protection;

        if (Vad == NULL || !MiIsPageCommitted(Vad, Vpn))
            return STATUS_ACCESS_VIOLATION;
        if (MI_IS_UNPAGED_VAD(Vad))
            return STATUS_INCOMPATIBLE_FILE_MAP; // is in no working set, and never leaves memory
        Protection = MiPageProtection(Vad, Vpn);
        if (MI_IS_NO_ACCESS(Protection) || MI_IS_GUARD(Protection))
            return STATUS_ACCESS_VIOLATION;
        *Locked += MiIsLocked(Process, MI_VA(Vpn), Type);
        New += !MiIsLocked(Process, MI_VA(Vpn), MI_MAP_ALL);
        if (Pages > Process->Vm.MinimumWorkingSetSize)
            return STATUS_WORKING_SET_QUOTA;
    }
    if (Process->Vm.VmWorkingSetList->FirstDynamic - 1 + New + MI_FLUID_LOCKED > Process->Vm.MinimumWorkingSetSize)
        return STATUS_WORKING_SET_QUOTA;
    return STATUS_SUCCESS;
}

// Brings a page in and locks it; *New if it was not locked so. The address creation lock is held.
static NTSTATUS MiLockPageInWs(PEPROCESS Process, PVOID Va, ULONG Type, PBOOLEAN New)
{
    for (;;) {
        PMMPTE Pte;
        NTSTATUS Status;

        MiLockWorkingSet(Process);
        Pte = MiPteIfTable(Va);
        if (Pte != NULL && Pte->u.Hard.Valid) {
            *New = !MiIsLocked(Process, Va, Type);
            MiLockEntry(Process, Va, Type);
            MiUnlockWorkingSet(Process);
            return STATUS_SUCCESS;
        }
        MiUnlockWorkingSet(Process);
        Status = MiUserFault(0, Va, KernelMode); // no guard page, so it takes no lock that we hold
        if (!NT_SUCCESS(Status))
            return Status;
    }
}

// Undoes the locks of pages that a call had set before it failed; New has a bit for each page.
static VOID MiUndoLocks(PEPROCESS Process, ULONG_PTR StartVpn, PRTL_BITMAP New, ULONG Count, ULONG Type)
{
    ULONG Index;

    MiLockWorkingSet(Process);
    for (Index = 0; Index < Count; Index++) {
        if (RtlTestBit(New, Index) && MiIsLocked(Process, MI_VA(StartVpn + Index), Type))
            MiUnlockEntry(Process, MI_VA(StartVpn + Index), Type);
    }
    MiUnlockWorkingSet(Process);
}

static NTSTATUS MiLockPages(PEPROCESS Process, ULONG_PTR StartVpn, ULONG_PTR EndVpn, ULONG Type, PULONG Bits)
{
    RTL_BITMAP New;
    NTSTATUS Status;
    ULONG_PTR Vpn;
    ULONG Locked = 0;

    RtlInitializeBitMap(&New, Bits, (ULONG)(EndVpn - StartVpn + 1));
    RtlClearAllBits(&New);
    MiLockWorkingSet(Process);
    Status = MiCheckLock(Process, StartVpn, EndVpn, Type, &Locked);
    MiUnlockWorkingSet(Process);
    for (Vpn = StartVpn; NT_SUCCESS(Status) && Vpn <= EndVpn; Vpn++) {
        BOOLEAN IsNew;

        Status = MiLockPageInWs(Process, MI_VA(Vpn), Type, &IsNew);
        if (!NT_SUCCESS(Status))
            MiUndoLocks(Process, StartVpn, &New, (ULONG)(Vpn - StartVpn), Type);
        else if (IsNew)
            RtlSetBits(&New, (ULONG)(Vpn - StartVpn), 1);
    }
    return NT_SUCCESS(Status) && Locked != 0 ? STATUS_WAS_LOCKED : Status;
}

static NTSTATUS MiUnlockRange(PEPROCESS Process, ULONG_PTR StartVpn, ULONG_PTR EndVpn, ULONG Type)
{
    NTSTATUS Status = STATUS_SUCCESS;
    ULONG_PTR Vpn;

    MiLockWorkingSet(Process);
    for (Vpn = StartVpn; Vpn <= EndVpn && NT_SUCCESS(Status); Vpn++) {
        if (!MiIsLocked(Process, MI_VA(Vpn), Type))
            Status = STATUS_NOT_LOCKED;
    }
    for (Vpn = StartVpn; Vpn <= EndVpn && NT_SUCCESS(Status); Vpn++)
        MiUnlockEntry(Process, MI_VA(Vpn), Type);
    MiUnlockWorkingSet(Process);
    return Status;
}

static NTSTATUS MiLockRange(PEPROCESS Process, ULONG_PTR StartVpn, ULONG_PTR EndVpn, ULONG Type, BOOLEAN Lock)
{
    NTSTATUS Status;
    PULONG Bits = NULL;

    if (Lock) {
        if (EndVpn - StartVpn >= Process->Vm.MinimumWorkingSetSize)
            return STATUS_WORKING_SET_QUOTA;
        Bits = ExAllocatePoolWithTag(NonPagedPool, ALIGN_UP_BY(EndVpn - StartVpn + 1, 32) / 8, TAG_MM);
        if (Bits == NULL)
            return STATUS_INSUFFICIENT_RESOURCES;
    }
    Status = MiLockAddressSpace(Process);
    if (NT_SUCCESS(Status)) {
        Status =
            Lock ? MiLockPages(Process, StartVpn, EndVpn, Type, Bits) : MiUnlockRange(Process, StartVpn, EndVpn, Type);
        MiUnlockAddressSpace(Process);
    }
    if (Bits != NULL)
        ExFreePoolWithTag(Bits, TAG_MM);
    return Status;
}

static NTSTATUS MiLockService(HANDLE Handle, PVOID *UserBase, PSIZE_T UserSize, ULONG Type, BOOLEAN Lock)
{
    MI_TARGET Target;
    NTSTATUS Status;
    PVOID Base;
    SIZE_T Size;

    if (Type == 0 || (Type & ~(ULONG)MI_MAP_ALL))
        return STATUS_INVALID_PARAMETER;
    Status = MiCaptureRange(UserBase, UserSize, &Base, &Size);
    if (!NT_SUCCESS(Status))
        return Status;
    if (Size == 0)
        return STATUS_INVALID_PARAMETER_3;
    if ((Type & MAP_SYSTEM) && !SeSinglePrivilegeCheck(SE_LOCK_MEMORY_PRIVILEGE, ExGetPreviousMode()))
        return STATUS_PRIVILEGE_NOT_HELD;
    Status = MiAttachTarget(Handle, PROCESS_VM_OPERATION, &Target);
    if (!NT_SUCCESS(Status))
        return Status;
    Size = ROUND_TO_PAGES((ULONG_PTR)Base + Size) - (ULONG_PTR)PAGE_ALIGN(Base);
    Base = PAGE_ALIGN(Base);
    Status = MiLockRange(Target.Process, MI_VPN(Base), MI_VPN((ULONG_PTR)Base + Size - 1), Type, Lock);
    MiDetachTarget(&Target);
    if (NT_SUCCESS(Status))
        MiReturnRange(UserBase, UserSize, Base, Size);
    return Status;
}

// System service. STATUS_WAS_LOCKED (a success): some of the pages were locked already, which does not count twice.
// STATUS_WORKING_SET_QUOTA: more than the minimum working set allows; STATUS_ACCESS_VIOLATION: a page that is not
// committed or has no access. A failure leaves no lock behind.
NTSTATUS NTAPI NtLockVirtualMemory(HANDLE Process, PVOID *BaseAddress, PSIZE_T RegionSize, ULONG MapType)
{
    PAGED_CODE();
    return MiLockService(Process, BaseAddress, RegionSize, MapType, TRUE);
}

// System service. STATUS_NOT_LOCKED: one of the pages is not locked in this way; then none is unlocked.
NTSTATUS NTAPI NtUnlockVirtualMemory(HANDLE Process, PVOID *BaseAddress, PSIZE_T RegionSize, ULONG MapType)
{
    PAGED_CODE();
    return MiLockService(Process, BaseAddress, RegionSize, MapType, FALSE);
}
