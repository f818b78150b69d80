// SPDX-License-Identifier: MIT
// The dispatcher lock: every thread state, ready queue, wait list, timer and APC list is changed under it, at
// DISPATCH_LEVEL. It is held across a thread switch, so the thread that runs next is the one that releases it.

#include "ki.h"

KSPIN_LOCK KiDispatcherLock;
#if DBG
BOOLEAN KiDispatcherHeld;
#endif

// IRQL DISPATCH_LEVEL.
VOID KiLockDispatcherAtDpcLevel(VOID)
{
    ASSERT(KeGetCurrentIrql() == SYNCH_LEVEL);
    while (__atomic_exchange_n(&KiDispatcherLock, 1, __ATOMIC_ACQUIRE) != 0) {
#if DBG
        if (KeNumberProcessors <= 1)
            KeBugCheckEx(SPIN_LOCK_ALREADY_OWNED, (ULONG_PTR)&KiDispatcherLock, (ULONG_PTR)KeGetCurrentThread(), 0, 0);
#endif
        YieldProcessor();
    }
#if DBG
    KiDispatcherHeld = TRUE;
#endif
}

VOID KiUnlockDispatcherFromDpcLevel(VOID)
{
    ASSERT_DISPATCHER_LOCKED();
#if DBG
    KiDispatcherHeld = FALSE;
#endif
    __atomic_store_n(&KiDispatcherLock, 0, __ATOMIC_RELEASE);
}

// IRQL <= DISPATCH_LEVEL. Returns the old IRQL for KiUnlockDispatcherDatabase.
KIRQL KiLockDispatcherDatabase(VOID)
{
    KIRQL OldIrql = KfRaiseIrql(SYNCH_LEVEL);

    KiLockDispatcherAtDpcLevel();
    return OldIrql;
}

// Gives the lock up and lowers the IRQL. If a more important thread became ready, it runs now; when OldIrql does not
// allow that, as soon as the IRQL falls.
VOID KiUnlockDispatcherDatabase(KIRQL OldIrql)
{
    PKPRCB Prcb = KeGetCurrentPrcb();

    if (Prcb->NextThread != NULL) {
        if (OldIrql < DISPATCH_LEVEL)
            KiSwitchToNextThread();
        else if (!Prcb->DpcRoutineActive)
            HalRequestSoftwareInterrupt(DISPATCH_LEVEL);
    }
    KiUnlockDispatcherFromDpcLevel();
    KfLowerIrql(OldIrql);
}

// Ends an operation that signaled something. If Wait, the caller's next call is a wait: the lock stays held.
VOID KiReleaseDispatcher(KIRQL OldIrql, BOOLEAN Wait)
{
    PKTHREAD Thread = KeGetCurrentThread();

    if (!Wait) {
        KiUnlockDispatcherDatabase(OldIrql);
        return;
    }
    Thread->WaitNext = TRUE;
    Thread->WaitIrql = OldIrql;
}
