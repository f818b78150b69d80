// SPDX-License-Identifier: MIT
// Guard pages in a user stack: the stack grows by a page, silently, until its reservation is used up.

#include "mi.h"

// Reads the stack's bounds out of the TEB. FALSE: no user thread of this process, or the TEB cannot be read.
static BOOLEAN MiReadStackBounds(PTEB Teb, PULONG_PTR Lowest, PULONG_PTR Base)
{
    SEH_TRY
    {
        *Lowest = (ULONG_PTR)Teb->DeallocationStack;
        *Base = (ULONG_PTR)Teb->NtTib.StackBase;
    }
    SEH_EXCEPT
    {
        return FALSE;
    }
    SEH_END
    return TRUE;
}

static BOOLEAN MiWriteStackLimit(PTEB Teb, ULONG_PTR Limit)
{
    SEH_TRY
    {
        Teb->NtTib.StackLimit = (PVOID)Limit;
    }
    SEH_EXCEPT
    {
        return FALSE;
    }
    SEH_END
    return TRUE;
}

static NTSTATUS MiCommitGuardPage(PEPROCESS Process, ULONG_PTR Page)
{
    NTSTATUS Status = MiLockAddressSpace(Process);
    PMMVAD Vad;

    if (!NT_SUCCESS(Status))
        return Status;
    Vad = MiLocateVad(&Process->VadRoot, MI_VPN(Page));
    if (Vad == NULL || !Vad->u.VadFlags.PrivateMemory)
        Status = STATUS_CONFLICTING_ADDRESSES;
    else
        Status = MiCommitRange(Process, Vad, MI_VPN(Page), MI_VPN(Page), MM_READWRITE | MM_GUARD_PAGE);
    MiUnlockAddressSpace(Process);
    return Status;
}

// The guard of the page at Va has fired. If the page is in the current thread's stack, the guard moves one page down
// and the access is tried again; in the last page but one of the reservation there is no room for another guard.
//
// IRQL <= APC_LEVEL, no Mm locks. STATUS_SUCCESS, STATUS_GUARD_PAGE_VIOLATION, STATUS_STACK_OVERFLOW.
// Source: Windows Internals, "Stacks"; SDK, "Thread Stack Size".
NTSTATUS MiGuardFault(PVOID Va)
{
    PKTHREAD Thread = KeGetCurrentThread();
    PTEB Teb = Thread->Teb;
    PEPROCESS Process = PsGetCurrentProcess();
    ULONG_PTR Page = (ULONG_PTR)PAGE_ALIGN(Va), Lowest, Base;

    if (Teb == NULL || Thread->ApcStateIndex != OriginalApcEnvironment || !MiReadStackBounds(Teb, &Lowest, &Base))
        return STATUS_GUARD_PAGE_VIOLATION;
    if (Lowest == 0 || Page < Lowest || Page >= Base)
        return STATUS_GUARD_PAGE_VIOLATION;
    if (!MiWriteStackLimit(Teb, Page))
        return STATUS_GUARD_PAGE_VIOLATION;
    // The lowest page is never committed: running into it is the overflow that nobody handles.
    if (Page < Lowest + 2 * PAGE_SIZE)
        return STATUS_STACK_OVERFLOW;
    return NT_SUCCESS(MiCommitGuardPage(Process, Page - PAGE_SIZE)) ? STATUS_SUCCESS : STATUS_STACK_OVERFLOW;
}
