// SPDX-License-Identifier: MIT
// The dispatcher lock: every thread state, ready queue, wait list, timer and APC list is changed under it, at
// DISPATCH_LEVEL. It belongs to a processor, not to a thread, and is held across a thread switch: the thread that runs
// next is the one that releases it, and no other processor can take up the old thread before its stack is free.
// Whoever runs takes it when it is free: no queue, which would hand it to a processor that its host may not be running
// for tens of milliseconds while all behind that one spin (on two host processors, four waiting in order are five times
// as slow: tests/user/races.c, 52 s and 10 s). Longest hold it the walks: expired timers, the threads of a process.
// Taking and releasing it are inline in ki.h; here is what they rarely need.

#include "ki.h"

PKPRCB volatile KiDispatcherLock;

// Owner held the lock when Prcb, this processor, wanted it: waits for it to be free, only reading, and takes it.
// Interrupts may be on or off; the holder never waits for this processor.
VOID KiWaitForDispatcherLock(PKPRCB Prcb, PKPRCB Owner)
{
    if (Owner == Prcb)
        KeBugCheckEx(SPIN_LOCK_ALREADY_OWNED, (ULONG_PTR)&KiDispatcherLock, (ULONG_PTR)KeGetCurrentThread(), 0, 0);
    do {
        while (KiDispatcherLock != NULL)
            YieldProcessor();
        Owner = NULL;
    } while (!__atomic_compare_exchange_n(&KiDispatcherLock, &Owner, Prcb, FALSE, __ATOMIC_ACQUIRE, __ATOMIC_RELAXED));
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
