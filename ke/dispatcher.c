// SPDX-License-Identifier: MIT
// The dispatcher lock: every thread state, ready queue, wait list, timer and APC list is changed under it, at
// DISPATCH_LEVEL. It is held across a thread switch, so the thread that runs next is the one that releases it.
// Taking and releasing it are inline in ki.h; here is what they rarely need.

#include "ki.h"

KSPIN_LOCK KiDispatcherLock;
#if DBG
BOOLEAN KiDispatcherHeld;
#endif

// Another processor holds the lock. With one processor that cannot be: this one takes it twice.
VOID KiSpinOnDispatcherLock(VOID)
{
#if DBG
    if (KeNumberProcessors <= 1)
        KeBugCheckEx(SPIN_LOCK_ALREADY_OWNED, (ULONG_PTR)&KiDispatcherLock, (ULONG_PTR)KeGetCurrentThread(), 0, 0);
#endif
    YieldProcessor();
}

// A thread was chosen to run next, and the lock is about to be given up at OldIrql. DISPATCH_LEVEL, lock held.
VOID KiHonourNextThread(KIRQL OldIrql)
{
    if (OldIrql < DISPATCH_LEVEL)
        KiSwitchToNextThread();
    else if (!KeGetCurrentPrcb()->DpcRoutineActive)
        HalRequestSoftwareInterrupt(DISPATCH_LEVEL);
}

// The lock stays held for the wait that follows (KiBeginWait goes on with it).
VOID KiKeepDispatcher(KIRQL OldIrql)
{
    PKTHREAD Thread = KeGetCurrentThread();

    Thread->WaitNext = TRUE;
    Thread->WaitIrql = OldIrql;
}
