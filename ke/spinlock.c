// SPDX-License-Identifier: MIT
// Spin locks, in two kinds. A plain one is a word: 0, or its owner (the thread, bit 0 set), so that a debugger sees who
// holds it; waiters only read until it is 0, then try to put their own name in (test and test-and-set). A queued one
// points to the last of a line of KLOCK_QUEUE_HANDLEs on the waiters' stacks; each waiter spins on a bit in its own
// handle and gets the lock in its turn (the MCS lock: Mellor-Crummey and Scott, 1991; Windows Internals, "Queued
// spinlocks"). A lock is used in one way only; checked builds enforce that, and all that lockcheck.c says.
//
// Handle.LockQueue.Lock: address of the lock | LOCK_QUEUE_WAIT while waiting | LOCK_QUEUE_OWNER while owning it.

#include "ki.h"

#define LOCK_QUEUE_WAIT 1u
#define LOCK_QUEUE_OWNER 2u
#define LOCK_QUEUE_BITS (LOCK_QUEUE_WAIT | LOCK_QUEUE_OWNER)

#if DBG
static VOID KiCheckSpinLevel(VOID)
{
    ULONG Flags;

    __asm__ volatile("pushfl; popl %0" : "=r"(Flags));
    ASSERT(KeGetCurrentIrql() >= DISPATCH_LEVEL || (Flags & EFLAGS_IF) == 0); // else the owner could lose its processor
    ASSERT(!KiDispatcherHeld || KeGetCurrentIrql() > DISPATCH_LEVEL);         // the dispatcher lock is the last one
}
#else
#define KiCheckSpinLevel() ((VOID)0)
#endif

static inline ULONG_PTR KiSpinOwner(VOID)
{
    return (ULONG_PTR)KeGetCurrentThread() | 1;
}

static inline BOOLEAN KiTrySpinLock(PKSPIN_LOCK Lock)
{
    ULONG_PTR Free = 0;

    return __atomic_compare_exchange_n(Lock, &Free, KiSpinOwner(), FALSE, __ATOMIC_ACQUIRE, __ATOMIC_RELAXED);
}

static inline VOID KiAcquireSpinLock(PKSPIN_LOCK Lock, PVOID Place)
{
    PKLOCK_RECORD Record = KeBeginLock(Lock, LockKindSpin, 0, Place);

    KiCheckSpinLevel();
    while (!KiTrySpinLock(Lock)) {
        while (__atomic_load_n(Lock, __ATOMIC_RELAXED) != 0)
            YieldProcessor();
    }
    KeOwnLock(Lock, Record, LockKindSpin, 0, Place);
    UNREFERENCED_PARAMETER(Place);
}

static inline VOID KiReleaseSpinLock(PKSPIN_LOCK Lock)
{
    KeDisownLock(Lock, LockKindSpin, *Lock);
    __atomic_store_n(Lock, 0, __ATOMIC_RELEASE);
}

// Makes a free lock. Any IRQL.
VOID NTAPI(KeInitializeSpinLock)(PKSPIN_LOCK Lock)
{
    *Lock = 0;
}

// Takes the lock. IRQL >= DISPATCH_LEVEL, and the same at each use of the lock.
VOID FASTCALL KefAcquireSpinLockAtDpcLevel(PKSPIN_LOCK Lock)
{
    KiAcquireSpinLock(Lock, __builtin_return_address(0));
}

// Gives the lock back; the IRQL stays. The owner.
VOID FASTCALL KefReleaseSpinLockFromDpcLevel(PKSPIN_LOCK Lock)
{
    KiReleaseSpinLock(Lock);
}

// Raises to DISPATCH_LEVEL and takes the lock. IRQL <= DISPATCH_LEVEL. Returns the old IRQL for KfReleaseSpinLock.
KIRQL FASTCALL KfAcquireSpinLock(PKSPIN_LOCK Lock)
{
    PVOID Place = __builtin_return_address(0);
    KIRQL OldIrql = KiRaiseIrql(DISPATCH_LEVEL, Place);

    KiAcquireSpinLock(Lock, Place);
    return OldIrql;
}

// Gives the lock back, then lowers the IRQL. The owner.
VOID FASTCALL KfReleaseSpinLock(PKSPIN_LOCK Lock, KIRQL OldIrql)
{
    KiReleaseSpinLock(Lock);
    KfLowerIrql(OldIrql);
}

// Raises to SYNCH_LEVEL and takes the lock. IRQL <= SYNCH_LEVEL. Returns the old IRQL for KfReleaseSpinLock.
KIRQL FASTCALL KeAcquireSpinLockRaiseToSynch(PKSPIN_LOCK Lock)
{
    PVOID Place = __builtin_return_address(0);
    KIRQL OldIrql = KiRaiseIrql(SYNCH_LEVEL, Place);

    KiAcquireSpinLock(Lock, Place);
    return OldIrql;
}

// Takes the lock if it is free; FALSE, and no waiting, if it is not. IRQL >= DISPATCH_LEVEL.
BOOLEAN FASTCALL KeTryToAcquireSpinLockAtDpcLevel(PKSPIN_LOCK Lock)
{
    PVOID Place = __builtin_return_address(0);
    PKLOCK_RECORD Record = KeBeginLock(Lock, LockKindSpin, LOCK_TRY, Place);

    KiCheckSpinLevel();
    if (__atomic_load_n(Lock, __ATOMIC_RELAXED) != 0 || !KiTrySpinLock(Lock)) {
        YieldProcessor();
        return FALSE;
    }
    KeOwnLock(Lock, Record, LockKindSpin, LOCK_TRY, Place);
    UNREFERENCED_PARAMETER(Place);
    return TRUE;
}

// Is the lock free at this moment? Any IRQL; takes nothing.
BOOLEAN FASTCALL KeTestSpinLock(PKSPIN_LOCK Lock)
{
    if (__atomic_load_n(Lock, __ATOMIC_ACQUIRE) == 0)
        return TRUE;
    YieldProcessor();
    return FALSE;
}

// For the routine of a threaded DPC, which may run at PASSIVE_LEVEL or at DISPATCH_LEVEL. IRQL <= DISPATCH_LEVEL.
KIRQL FASTCALL KeAcquireSpinLockForDpc(PKSPIN_LOCK Lock)
{
    PVOID Place = __builtin_return_address(0);
    KIRQL OldIrql = KiRaiseIrql(DISPATCH_LEVEL, Place);

    KiAcquireSpinLock(Lock, Place);
    return OldIrql;
}

VOID FASTCALL KeReleaseSpinLockForDpc(PKSPIN_LOCK Lock, KIRQL OldIrql)
{
    KfReleaseSpinLock(Lock, OldIrql);
}

// Takes the lock that excludes an interrupt's service routine, at its IRQL. IRQL <= Interrupt->SynchronizeIrql.
// Returns the old IRQL. Source: WDK, KeAcquireInterruptSpinLock.
KIRQL NTAPI KeAcquireInterruptSpinLock(PKINTERRUPT Interrupt)
{
    KIRQL OldIrql = KfRaiseIrql(Interrupt->SynchronizeIrql);

    while (!KiTrySpinLock(Interrupt->ActualLock))
        YieldProcessor();
    return OldIrql;
}

VOID NTAPI KeReleaseInterruptSpinLock(PKINTERRUPT Interrupt, KIRQL OldIrql)
{
    ASSERT_IRQL_EQUAL(Interrupt->SynchronizeIrql);
    __atomic_store_n(Interrupt->ActualLock, 0, __ATOMIC_RELEASE);
    KfLowerIrql(OldIrql);
}

// --- in-stack queued spin locks

static inline VOID KiAcquireQueuedLock(PKSPIN_LOCK Lock, PKLOCK_QUEUE_HANDLE Handle, PVOID Place)
{
    PKSPIN_LOCK_QUEUE Self = &Handle->LockQueue, Last;
    PKLOCK_RECORD Record = KeBeginLock(Lock, LockKindQueued, 0, Place);

    KiCheckSpinLevel();
    Self->Next = NULL;
    Self->Lock = (PKSPIN_LOCK)((ULONG_PTR)Lock | LOCK_QUEUE_WAIT);
    Last = (PKSPIN_LOCK_QUEUE)__atomic_exchange_n(Lock, (ULONG_PTR)Self, __ATOMIC_ACQ_REL);
    if (Last == NULL) {
        Self->Lock = (PKSPIN_LOCK)((ULONG_PTR)Lock | LOCK_QUEUE_OWNER);
    } else {
        __atomic_store_n(&Last->Next, Self, __ATOMIC_RELEASE);
        while ((ULONG_PTR)__atomic_load_n(&Self->Lock, __ATOMIC_ACQUIRE) & LOCK_QUEUE_WAIT)
            YieldProcessor();
    }
    KeOwnLock(Lock, Record, LockKindQueued, 0, Place);
    UNREFERENCED_PARAMETER(Place);
}

static inline VOID KiReleaseQueuedLock(PKLOCK_QUEUE_HANDLE Handle)
{
    PKSPIN_LOCK_QUEUE Self = &Handle->LockQueue, Next = __atomic_load_n(&Self->Next, __ATOMIC_ACQUIRE);
    PKSPIN_LOCK Lock = (PKSPIN_LOCK)((ULONG_PTR)Self->Lock & ~LOCK_QUEUE_BITS);

    ASSERT(((ULONG_PTR)Self->Lock & LOCK_QUEUE_BITS) == LOCK_QUEUE_OWNER);
    KeDisownLock(Lock, LockKindQueued, *Lock);
    if (Next == NULL) {
        ULONG_PTR Mine = (ULONG_PTR)Self;

        if (__atomic_compare_exchange_n(Lock, &Mine, 0, FALSE, __ATOMIC_RELEASE, __ATOMIC_RELAXED))
            return;
        while ((Next = __atomic_load_n(&Self->Next, __ATOMIC_ACQUIRE)) == NULL) // it is behind us, but not linked yet
            YieldProcessor();
    }
    __atomic_store_n(&Next->Lock, (PKSPIN_LOCK)((ULONG_PTR)Lock | LOCK_QUEUE_OWNER), __ATOMIC_RELEASE);
}

// Takes the lock in turn; Handle, on the caller's stack, is in use until the release. IRQL >= DISPATCH_LEVEL.
VOID FASTCALL KeAcquireInStackQueuedSpinLockAtDpcLevel(PKSPIN_LOCK Lock, PKLOCK_QUEUE_HANDLE Handle)
{
    KiAcquireQueuedLock(Lock, Handle, __builtin_return_address(0));
}

VOID FASTCALL KeReleaseInStackQueuedSpinLockFromDpcLevel(PKLOCK_QUEUE_HANDLE Handle)
{
    KiReleaseQueuedLock(Handle);
}

// Raises to DISPATCH_LEVEL and takes the lock in turn. IRQL <= DISPATCH_LEVEL.
VOID FASTCALL KeAcquireInStackQueuedSpinLock(PKSPIN_LOCK Lock, PKLOCK_QUEUE_HANDLE Handle)
{
    Handle->OldIrql = KfRaiseIrql(DISPATCH_LEVEL);
    KiAcquireQueuedLock(Lock, Handle, __builtin_return_address(0));
}

// Gives the lock to the next in line and returns to the IRQL before it was acquired. The owner.
VOID FASTCALL KeReleaseInStackQueuedSpinLock(PKLOCK_QUEUE_HANDLE Handle)
{
    KIRQL OldIrql = Handle->OldIrql;

    KiReleaseQueuedLock(Handle);
    KfLowerIrql(OldIrql);
}

// As KeAcquireInStackQueuedSpinLock, raising to SYNCH_LEVEL. IRQL <= SYNCH_LEVEL.
VOID FASTCALL KeAcquireInStackQueuedSpinLockRaiseToSynch(PKSPIN_LOCK Lock, PKLOCK_QUEUE_HANDLE Handle)
{
    Handle->OldIrql = KfRaiseIrql(SYNCH_LEVEL);
    KiAcquireQueuedLock(Lock, Handle, __builtin_return_address(0));
}

// As KeAcquireSpinLockForDpc.
VOID FASTCALL KeAcquireInStackQueuedSpinLockForDpc(PKSPIN_LOCK Lock, PKLOCK_QUEUE_HANDLE Handle)
{
    Handle->OldIrql = KfRaiseIrql(DISPATCH_LEVEL);
    KiAcquireQueuedLock(Lock, Handle, __builtin_return_address(0));
}

VOID FASTCALL KeReleaseInStackQueuedSpinLockForDpc(PKLOCK_QUEUE_HANDLE Handle)
{
    KeReleaseInStackQueuedSpinLock(Handle);
}
