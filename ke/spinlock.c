// SPDX-License-Identifier: MIT
// Spin locks. A held lock contains its owner (the thread, bit 0 set), so that a debugger sees who holds it. Checked
// builds keep the list of locks a thread holds and refuse what would deadlock:
//   rank 1  every ordinary spin lock: not twice by one owner, released by who holds it
//   rank 2  the dispatcher lock (dispatcher.c): no ordinary lock is taken inside it

#include "ki.h"

#if DBG
static BOOLEAN KiCannotBeSwitched(VOID)
{
    ULONG Flags;

    __asm__ volatile("pushfl; popl %0" : "=r"(Flags));
    return KeGetCurrentIrql() >= DISPATCH_LEVEL || (Flags & EFLAGS_IF) == 0;
}

static VOID KiCheckLockAcquire(PKSPIN_LOCK Lock)
{
    PKTHREAD Thread = KeGetCurrentThread();
    ULONG Index;

    ASSERT(KiCannotBeSwitched());
    ASSERT(!KiDispatcherHeld || KeGetCurrentIrql() > DISPATCH_LEVEL);
    for (Index = 0; Index < Thread->LocksHeld; Index++)
        if (Thread->LockRanks[Index] == (ULONG)Lock)
            KeBugCheckEx(SPIN_LOCK_ALREADY_OWNED, (ULONG_PTR)Lock, (ULONG_PTR)Thread, 0, 0);
}

static VOID KiNoteLockAcquired(PKSPIN_LOCK Lock)
{
    PKTHREAD Thread = KeGetCurrentThread();

    ASSERT(Thread->LocksHeld < RTL_NUMBER_OF(Thread->LockRanks));
    Thread->LockRanks[Thread->LocksHeld++] = (ULONG)Lock;
}

static VOID KiNoteLockReleased(PKSPIN_LOCK Lock)
{
    PKTHREAD Thread = KeGetCurrentThread();
    ULONG Index = Thread->LocksHeld;

    while (Index != 0 && Thread->LockRanks[Index - 1] != (ULONG)Lock)
        Index--;
    if (Index == 0)
        KeBugCheckEx(SPIN_LOCK_NOT_OWNED, (ULONG_PTR)Lock, (ULONG_PTR)Thread, *Lock, 0);
    for (; Index < Thread->LocksHeld; Index++)
        Thread->LockRanks[Index - 1] = Thread->LockRanks[Index];
    Thread->LocksHeld--;
}
#else
#define KiCheckLockAcquire(Lock) ((VOID)0)
#define KiNoteLockAcquired(Lock) ((VOID)0)
#define KiNoteLockReleased(Lock) ((VOID)0)
#endif

VOID NTAPI KeInitializeSpinLock(PKSPIN_LOCK Lock)
{
    *Lock = 0;
}

// Takes the lock. IRQL >= DISPATCH_LEVEL, and the same at each use of the lock.
VOID FASTCALL KefAcquireSpinLockAtDpcLevel(PKSPIN_LOCK Lock)
{
    ULONG_PTR Owner = (ULONG_PTR)KeGetCurrentThread() | 1;

    KiCheckLockAcquire(Lock);
    while (__atomic_exchange_n(Lock, Owner, __ATOMIC_ACQUIRE) != 0)
        while (__atomic_load_n(Lock, __ATOMIC_RELAXED) != 0)
            YieldProcessor();
    KiNoteLockAcquired(Lock);
}

VOID FASTCALL KefReleaseSpinLockFromDpcLevel(PKSPIN_LOCK Lock)
{
    KiNoteLockReleased(Lock);
    __atomic_store_n(Lock, 0, __ATOMIC_RELEASE);
}

// Raises to DISPATCH_LEVEL and takes the lock. IRQL <= DISPATCH_LEVEL. Returns the old IRQL for KfReleaseSpinLock.
KIRQL FASTCALL KfAcquireSpinLock(PKSPIN_LOCK Lock)
{
    KIRQL OldIrql = KfRaiseIrql(DISPATCH_LEVEL);

    KefAcquireSpinLockAtDpcLevel(Lock);
    return OldIrql;
}

// Gives the lock back, then lowers the IRQL.
VOID FASTCALL KfReleaseSpinLock(PKSPIN_LOCK Lock, KIRQL OldIrql)
{
    KefReleaseSpinLockFromDpcLevel(Lock);
    KfLowerIrql(OldIrql);
}

// Queued spin locks: on one processor they have nobody to queue behind; the handle remembers what to undo.
VOID FASTCALL KeAcquireInStackQueuedSpinLock(PKSPIN_LOCK Lock, PKLOCK_QUEUE_HANDLE Handle)
{
    Handle->LockQueue.Next = NULL;
    Handle->LockQueue.Lock = Lock;
    Handle->OldIrql = KfAcquireSpinLock(Lock);
}

VOID FASTCALL KeReleaseInStackQueuedSpinLock(PKLOCK_QUEUE_HANDLE Handle)
{
    KfReleaseSpinLock(Handle->LockQueue.Lock, Handle->OldIrql);
}
