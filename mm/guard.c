// SPDX-License-Identifier: MIT
// Guard pages in a user stack: the stack grows by a page, silently, until its reservation is used up.

#include "mi.h"

#define MI_OVERFLOW_PAGES 3u // from the lowest on: never committed, for the handler, where the overflow is noticed

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

static NTSTATUS MiCommitStackPage(PEPROCESS Process, ULONG_PTR Page, ULONG Protection)
{
    NTSTATUS Status = MiLockAddressSpace(Process);
    PMMVAD Vad;

    if (!NT_SUCCESS(Status))
        return Status;
    Vad = MiLocateVad(&Process->VadRoot, MI_VPN(Page));
    if (Vad == NULL || !Vad->u.VadFlags.PrivateMemory)
        Status = STATUS_CONFLICTING_ADDRESSES;
    else
        Status = MiCommitRange(Process, Vad, MI_VPN(Page), MI_VPN(Page), Protection);
    MiUnlockAddressSpace(Process);
    return Status;
}

// The guard of the page at Va has fired. If the page is in the current thread's stack, the guard moves one page down
// and the access is tried again. Near the end there is no room for another guard: what is left, but for the lowest
// page, becomes plain memory for the handler of the overflow.
//
// IRQL <= APC_LEVEL, no Mm locks. STATUS_SUCCESS, STATUS_GUARD_PAGE_VIOLATION, STATUS_STACK_OVERFLOW.
// Source: Windows Internals, "Stacks"; SDK, "Thread Stack Size".
NTSTATUS MiGuardFault(PVOID Va)
{
    PKTHREAD Thread = KeGetCurrentThread();
    PTEB Teb = Thread->Teb;
    PEPROCESS Process = PsGetCurrentProcess();
    ULONG_PTR Page = (ULONG_PTR)PAGE_ALIGN(Va), Lowest, Base;
    BOOLEAN Last;

    if (Teb == NULL || Thread->ApcStateIndex != OriginalApcEnvironment || !MiReadStackBounds(Teb, &Lowest, &Base))
        return STATUS_GUARD_PAGE_VIOLATION;
    if (Lowest == 0 || Page < Lowest || Page >= Base)
        return STATUS_GUARD_PAGE_VIOLATION;
    Last = Page < Lowest + MI_OVERFLOW_PAGES * PAGE_SIZE;
    if (Page > Lowest + PAGE_SIZE &&
        !NT_SUCCESS(MiCommitStackPage(Process, Page - PAGE_SIZE, MM_READWRITE | (Last ? 0 : MM_GUARD_PAGE))))
        Last = TRUE;
    if (!MiWriteStackLimit(Teb, Last ? max_of(Lowest + PAGE_SIZE, Page - PAGE_SIZE) : Page))
        return STATUS_GUARD_PAGE_VIOLATION;
    return Last ? STATUS_STACK_OVERFLOW : STATUS_SUCCESS;
}
