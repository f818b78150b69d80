// SPDX-License-Identifier: MIT
// Semaphores: a count up to a limit; each wait takes one. Source: WDK documentation.

#include "ki.h"

// Any IRQL. 0 <= Count <= Limit.
VOID NTAPI KeInitializeSemaphore(PKSEMAPHORE Semaphore, LONG Count, LONG Limit)
{
    Semaphore->Header.Type = SemaphoreObject;
    Semaphore->Header.Absolute = 0;
    Semaphore->Header.Size = sizeof(*Semaphore) / sizeof(ULONG);
    Semaphore->Header.Inserted = 0;
    Semaphore->Header.SignalState = Count;
    InitializeListHead(&Semaphore->Header.WaitListHead);
    Semaphore->Limit = Limit;
}

// Adds Adjustment to the count and wakes as many threads as it allows.
//
// Increment, Wait: see KeSetEvent.  IRQL <= DISPATCH_LEVEL.  Returns the previous count.
// Raises STATUS_SEMAPHORE_LIMIT_EXCEEDED, having changed nothing.
LONG NTAPI KeReleaseSemaphore(PKSEMAPHORE Semaphore, KPRIORITY Increment, LONG Adjustment, BOOLEAN Wait)
{
    KIRQL OldIrql;
    LONG Previous, New;

    ASSERT_SEMAPHORE(Semaphore);
    ASSERT_IRQL_LESS_OR_EQUAL(DISPATCH_LEVEL);
    OldIrql = KiLockDispatcherDatabase();
    Previous = Semaphore->Header.SignalState;
    if (__builtin_add_overflow(Previous, Adjustment, &New) || New > Semaphore->Limit || Adjustment < 0) {
        KiUnlockDispatcherDatabase(OldIrql);
        ExRaiseStatus(STATUS_SEMAPHORE_LIMIT_EXCEEDED);
    }
    Semaphore->Header.SignalState = New;
    KdTrace(Signal, Semaphore, Semaphore->Header.Type, 0, 0);
    if (New > 0 && !IsListEmpty(&Semaphore->Header.WaitListHead))
        KiWaitTest(Semaphore, Increment);
    KiReleaseDispatcher(OldIrql, Wait);
    return Previous;
}

// Any IRQL.
LONG NTAPI KeReadStateSemaphore(PKSEMAPHORE Semaphore)
{
    ASSERT_SEMAPHORE(Semaphore);
    return Semaphore->Header.SignalState;
}
