// SPDX-License-Identifier: MIT
// The dispatcher lock: every thread state, ready queue, wait list, timer and APC list is changed under it, at
// DISPATCH_LEVEL. It belongs to a processor, not to a thread, and is held across a thread switch: the thread that runs
// next is the one that releases it, and no other processor can take up the old thread before its stack is free.
// It is a queued spin lock: processors get it in the order in which they asked, and each spins on its own word.
// Source: J. Mellor-Crummey, M. Scott, "Algorithms for scalable synchronization on shared-memory multiprocessors"
// (1991). Taking and releasing it are inline in ki.h; here is what they rarely need.

#include "ki.h"

PKSPIN_LOCK_QUEUE volatile KiDispatcherLock;
#if DBG
PKPRCB KiDispatcherOwner;
#endif

// Another processor holds the lock: queues up behind Previous and waits for the turn. Interrupts may be on or off; the
// holder never waits for this processor.
VOID KiWaitForDispatcherLock(PKSPIN_LOCK_QUEUE Place, PKSPIN_LOCK_QUEUE Previous)
{
    if (Previous == Place)
        KeBugCheckEx(SPIN_LOCK_ALREADY_OWNED, (ULONG_PTR)&KiDispatcherLock, (ULONG_PTR)KeGetCurrentThread(), 0, 0);
    Place->Lock = (PKSPIN_LOCK)1; // until the holder clears it
    __atomic_store_n(&Previous->Next, Place, __ATOMIC_RELEASE);
    while (__atomic_load_n(&Place->Lock, __ATOMIC_ACQUIRE) != NULL)
        YieldProcessor();
}

// Somebody waits behind Place, or is about to.
VOID KiPassDispatcherLock(PKSPIN_LOCK_QUEUE Place)
{
    PKSPIN_LOCK_QUEUE Next;

    while ((Next = __atomic_load_n(&Place->Next, __ATOMIC_ACQUIRE)) == NULL)
        YieldProcessor();
    Place->Next = NULL;
    __atomic_store_n(&Next->Lock, NULL, __ATOMIC_RELEASE);
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
