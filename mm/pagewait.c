// SPDX-License-Identifier: MIT
// Waiting: for a free frame when memory has run out, and for what other threads do to a page or a control area. Also
// frames for the kernel's own use.

#include "mi.h"

#define MI_WAIT_ATTEMPTS 50
#define MI_BUSY_ATTEMPTS 4
#define MI_WAIT_INTERVAL (-200000ll) // 20 ms

// A fault found no page to spare: wakes the writer and the working set manager, gives up unused segments, waits. No
// locks held.
//
// Attempt: how often this fault has waited. IRQL <= APC_LEVEL. Returns FALSE when there is no hope left; while pages
// can be written to a page file there is, as what is committed has a place.
BOOLEAN MiWaitForFreePage(ULONG Attempt)
{
    LARGE_INTEGER Timeout = {.QuadPart = MI_WAIT_INTERVAL};

    ASSERT_IRQL_LESS_OR_EQUAL(APC_LEVEL);
    if (Attempt >= MI_WAIT_ATTEMPTS && !MiCanWritePageFile())
        return FALSE;
    if (MmAvailablePages > MI_FAULT_RESERVE) {
        if (Attempt > MI_BUSY_ATTEMPTS) // it is not pages that are missing
            IGNORE_STATUS(KeDelayExecutionThread(KernelMode, FALSE, &Timeout));
        return TRUE;
    }
    KeSetEvent(&MiModifiedPageWriterEvent, IO_NO_INCREMENT, FALSE);
    KeSetEvent(&MiPagefileWriterEvent, IO_NO_INCREMENT, FALSE);
    KeSetEvent(&MiSegmentThreadEvent, IO_NO_INCREMENT, FALSE);
    KeSetEvent(&MiWorkingSetManagerEvent, IO_NO_INCREMENT, FALSE);
    IGNORE_STATUS(KeWaitForSingleObject(&MmAvailablePagesEvent, WrFreePage, KernelMode, FALSE, &Timeout));
    return TRUE;
}

LIST_ENTRY MiControlAreaWaiters = {&MiControlAreaWaiters, &MiControlAreaWaiters};
LIST_ENTRY MiPageWaiters = {&MiPageWaiters, &MiPageWaiters};

// Puts the current thread on a list of waiters. The PFN lock is held; the caller releases it and waits for Wait->Event,
// which is set once and for this wait only. Wait lives on the waiter's stack.
VOID MiQueueWait(PLIST_ENTRY Waiters, PMI_WAIT Wait)
{
    ASSERT_PFN_LOCKED();
    KeInitializeEvent(&Wait->Event, NotificationEvent, FALSE);
    InsertTailList(Waiters, &Wait->Links);
}

// Ends every wait on the list. The PFN lock is held.
VOID MiWakeWaiters(PLIST_ENTRY Waiters)
{
    ASSERT_PFN_LOCKED();
    while (!IsListEmpty(Waiters))
        KeSetEvent(&CONTAINING_RECORD(RemoveHeadList(Waiters), MI_WAIT, Links)->Event, IO_DISK_INCREMENT, FALSE);
}

// A zeroed frame for the kernel, mapped by Pte (which the caller then writes). Commitment is the caller's matter.
//
// IRQL <= DISPATCH_LEVEL. Takes the PFN lock. Returns 0 when there is none.
PFN_NUMBER MiAllocateKernelPage(PMMPTE Pte)
{
    KIRQL OldIrql = MiLockPfn();
    BOOLEAN Zeroed;
    PFN_NUMBER Page = MiRemoveZeroPage(MiLowNode, &Zeroed);

    if (Page != 0)
        MiInitializePfn(Page, Pte, 0, MM_READWRITE);
    MiUnlockPfn(OldIrql);
    if (Page != 0 && !Zeroed)
        MiZeroPage(Page);
    return Page;
}

// Gives back a frame of MiAllocateKernelPage that nothing maps any more. IRQL <= DISPATCH_LEVEL. Takes the PFN lock.
VOID MiFreeKernelPage(PFN_NUMBER Page)
{
    KIRQL OldIrql = MiLockPfn();
    PMMPFN Pfn = MI_PFN_ELEMENT(Page);

    Pfn->u3.e1.Deleted = 1;
    MiDecrementShareCount(Pfn);
    MiUnlockPfn(OldIrql);
}
