// SPDX-License-Identifier: MIT
// Guard pages in a user stack: the stack grows by a page, silently, until its reservation is used up.

#include "mi.h"

// From the lowest page on: one never committed, one for the handler of the overflow, one where the overflow is noticed.
// What SetThreadStackGuarantee asked for comes to the second.
#define MI_OVERFLOW_PAGES 3u

// Reads the stack's bounds out of the TEB. FALSE: no user thread of this process, or the TEB cannot be read.
static BOOLEAN MiReadStackBounds(PTEB Teb, PULONG_PTR Lowest, PULONG_PTR Base, PULONG Guaranteed)
{
    SEH_TRY
    {
        *Lowest = (ULONG_PTR)Teb->DeallocationStack;
        *Base = (ULONG_PTR)Teb->NtTib.StackBase;
        *Guaranteed = Teb->GuaranteedStackBytes;
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

static NTSTATUS MiCommitStack(PEPROCESS Process, ULONG_PTR First, ULONG_PTR Last, ULONG Protection)
{
    NTSTATUS Status = MiLockAddressSpace(Process);
    PMMVAD Vad;

    if (!NT_SUCCESS(Status))
        return Status;
    Vad = MiLocateVad(&Process->VadRoot, MI_VPN(First));
    if (Vad == NULL || Vad->u.VadFlags.VadType != VadNone || !Vad->u.VadFlags.PrivateMemory ||
        MI_VPN(Last) > Vad->EndingVpn)
        Status = STATUS_CONFLICTING_ADDRESSES;
    else
        Status = MiCommitRange(Process, Vad, MI_VPN(First), MI_VPN(Last), Protection);
    MiUnlockAddressSpace(Process);
    return Status;
}

// The guard of the page at Va has fired. If the page is in the current thread's stack, the guard moves one page down
// and the access is tried again. Near the end there is no room for another guard: what is left, but for the lowest
// page, becomes plain memory for the handler of the overflow; it is a page, and what the thread has asked for.
//
// IRQL <= APC_LEVEL, no Mm locks. STATUS_SUCCESS, STATUS_GUARD_PAGE_VIOLATION, STATUS_STACK_OVERFLOW.
// Source: Windows Internals, "Stacks"; SDK, "Thread Stack Size".
NTSTATUS MiGuardFault(PVOID Va)
{
    PKTHREAD Thread = KeGetCurrentThread();
    PTEB Teb = Thread->Teb;
    PEPROCESS Process = PsGetCurrentProcess();
    ULONG_PTR Page = (ULONG_PTR)PAGE_ALIGN(Va), Below = Page - PAGE_SIZE, Lowest, Base;
    BOOLEAN Last, Committed = TRUE;
    ULONG Guaranteed;

    if (Teb == NULL || Thread->ApcStateIndex != OriginalApcEnvironment ||
        !MiReadStackBounds(Teb, &Lowest, &Base, &Guaranteed))
        return STATUS_GUARD_PAGE_VIOLATION;
    if (Lowest == 0 || Page < Lowest || Page >= Base)
        return STATUS_GUARD_PAGE_VIOLATION;
    Last = Page - Lowest < MI_OVERFLOW_PAGES * PAGE_SIZE + (ULONG_PTR)min_of(ROUND_TO_PAGES(Guaranteed), Base - Lowest);
    if (Page > Lowest + PAGE_SIZE)
        Committed = NT_SUCCESS(MiCommitStack(Process, Last ? Lowest + PAGE_SIZE : Below, Below,
                                             MM_READWRITE | (Last ? 0 : MM_GUARD_PAGE)));
    if (!MiWriteStackLimit(Teb, Last && Committed ? min_of(Page, Lowest + PAGE_SIZE) : Page))
        return STATUS_GUARD_PAGE_VIOLATION;
    return Last || !Committed ? STATUS_STACK_OVERFLOW : STATUS_SUCCESS;
}
