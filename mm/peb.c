// SPDX-License-Identifier: MIT
// Pages for the process and thread environment blocks: one page each, from the top of user space downwards.

#include "mi.h"

// The highest free page below a place near the process's highest page (7FFDF000) that is chosen anew each time. The address creation lock is
// held. 0: none.
static ULONG_PTR MiFindHighPage(PEPROCESS Process)
{
    ULONG_PTR Vpn = MI_VPN(Process->HighestUserAddress) - (MM_ALLOCATION_GRANULARITY >> PAGE_SHIFT) - MiBlockBias();
    PMMVAD Vad;

    while (Vpn >= MI_VPN(MM_LOWEST_USER_ADDRESS)) {
        Vad = MiLocateVad(&Process->VadRoot, Vpn);
        if (Vad == NULL)
            return Vpn << PAGE_SHIFT;
        Vpn = Vad->StartingVpn - 1;
    }
    return 0;
}

static NTSTATUS MiCreateHighPage(PEPROCESS Process, PVOID *Va)
{
    ULONG_PTR Base;
    NTSTATUS Status;

    PAGED_CODE();
    ASSERT(Process == PsGetCurrentProcess());
    Status = MiLockAddressSpace(Process);
    if (!NT_SUCCESS(Status))
        return Status;
    Base = MiFindHighPage(Process);
    if (Base == 0)
        Status = STATUS_NO_MEMORY;
    else
        Status = MiReserve(Process, &Base, PAGE_SIZE, 0, MEM_RESERVE | MEM_COMMIT, MM_READWRITE);
    if (NT_SUCCESS(Status))
        MiLocateVad(&Process->VadRoot, MI_VPN(Base))->u.VadFlags.NoChange = 1; // the program can't free or protect it
    MiUnlockAddressSpace(Process);
    *Va = (PVOID)Base;
    return Status;
}

// A zeroed page for the PEB, in the process attached to. IRQL PASSIVE_LEVEL.
NTSTATUS NTAPI MmCreatePeb(PEPROCESS Process, PPEB *Peb)
{
    return MiCreateHighPage(Process, (PVOID *)Peb);
}

// A zeroed page for a TEB, in the process attached to. IRQL PASSIVE_LEVEL.
NTSTATUS NTAPI MmCreateTeb(PEPROCESS Process, PTEB *Teb)
{
    _Static_assert(sizeof(TEB) <= PAGE_SIZE, "a TEB is one page");
    return MiCreateHighPage(Process, (PVOID *)Teb);
}

// Gives a TEB's page back. The process is attached to; after its address space was deleted there is nothing to do.
VOID MmDeleteTeb(PEPROCESS Process, PTEB Teb)
{
    PMMVAD Vad;

    PAGED_CODE();
    if (!NT_SUCCESS(MiLockAddressSpace(Process)))
        return;
    Vad = MiLocateVad(&Process->VadRoot, MI_VPN(Teb));
    if (Vad != NULL && Vad->StartingVpn == MI_VPN(Teb) && Vad->EndingVpn == MI_VPN(Teb))
        MiUnmapVad(Process, Vad);
    MiUnlockAddressSpace(Process);
}
