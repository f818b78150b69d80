// SPDX-License-Identifier: MIT
// Fast mutexes: exclusive locks for threads that raise to APC_LEVEL while they hold one. Count is 1 when free and
// falls by one for the owner and each waiter; the event hands the mutex to one waiter, in the order of their arrival.
// The "unsafe" forms leave the IRQL to the caller, who has APCs off by other means. Source: WDK, "Fast Mutexes".

#include "exp.h"

// Makes a free mutex. The memory must be nonpaged. Any IRQL.
VOID(ExInitializeFastMutex)(PFAST_MUTEX Mutex)
{
    Mutex->Count = 1;
    Mutex->Owner = NULL;
    Mutex->Contention = 0;
    KeInitializeEvent(&Mutex->Event, SynchronizationEvent, FALSE);
}

static inline VOID ExpTakeFastMutex(PFAST_MUTEX Mutex, PVOID Place)
{
    PKLOCK_RECORD Record = KeBeginLock(Mutex, LockKindFastMutex, 0, Place);

    if (InterlockedDecrement(&Mutex->Count) != 0) {
        InterlockedIncrement((volatile LONG *)&Mutex->Contention);
        KeWaitsForLock(Record);
        KeWaitForever(&Mutex->Event, WrFastMutex);
    }
    Mutex->Owner = KeGetCurrentThread();
    KeOwnLock(Mutex, Record, LockKindFastMutex, 0, Place);
    UNREFERENCED_PARAMETER(Place);
}

static inline VOID ExpGiveFastMutex(PFAST_MUTEX Mutex)
{
    KeDisownLock(Mutex, LockKindFastMutex, (ULONG_PTR)Mutex->Owner);
    ASSERT(Mutex->Owner == KeGetCurrentThread());
    Mutex->Owner = NULL;
    if (InterlockedIncrement(&Mutex->Count) <= 0)
        KeSetEvent(&Mutex->Event, EVENT_INCREMENT, FALSE);
}

// Waits for the mutex and owns it; the caller is at APC_LEVEL afterwards. Not recursive. IRQL <= APC_LEVEL.
VOID FASTCALL ExAcquireFastMutex(PFAST_MUTEX Mutex)
{
    KIRQL OldIrql;

    ASSERT_IRQL_LESS_OR_EQUAL(APC_LEVEL);
    OldIrql = KfRaiseIrql(APC_LEVEL);
    ExpTakeFastMutex(Mutex, __builtin_return_address(0));
    Mutex->OldIrql = OldIrql;
}

// Takes the mutex if it is free (then at APC_LEVEL, TRUE). IRQL <= APC_LEVEL.
BOOLEAN FASTCALL ExTryToAcquireFastMutex(PFAST_MUTEX Mutex)
{
    PVOID Place = __builtin_return_address(0);
    PKLOCK_RECORD Record = KeBeginLock(Mutex, LockKindFastMutex, LOCK_TRY, Place);
    KIRQL OldIrql;

    ASSERT_IRQL_LESS_OR_EQUAL(APC_LEVEL);
    OldIrql = KfRaiseIrql(APC_LEVEL);
    if (InterlockedCompareExchange(&Mutex->Count, 0, 1) != 1) {
        KfLowerIrql(OldIrql);
        return FALSE;
    }
    Mutex->Owner = KeGetCurrentThread();
    Mutex->OldIrql = OldIrql;
    KeOwnLock(Mutex, Record, LockKindFastMutex, LOCK_TRY, Place);
    UNREFERENCED_PARAMETER(Place);
    return TRUE;
}

// Gives the mutex to the next waiter, if any, and returns to the IRQL before it was acquired. IRQL == APC_LEVEL; the
// owner.
VOID FASTCALL ExReleaseFastMutex(PFAST_MUTEX Mutex)
{
    KIRQL OldIrql = (KIRQL)Mutex->OldIrql;

    ASSERT_IRQL_EQUAL(APC_LEVEL);
    ExpGiveFastMutex(Mutex);
    KfLowerIrql(OldIrql);
}

// As ExAcquireFastMutex, for a caller that is at APC_LEVEL or in a critical region and stays there.
VOID FASTCALL ExAcquireFastMutexUnsafe(PFAST_MUTEX Mutex)
{
    ASSERT(KeGetCurrentIrql() == APC_LEVEL || KeAreApcsDisabled());
    ExpTakeFastMutex(Mutex, __builtin_return_address(0));
}

VOID FASTCALL ExReleaseFastMutexUnsafe(PFAST_MUTEX Mutex)
{
    ASSERT(KeGetCurrentIrql() == APC_LEVEL || KeAreApcsDisabled());
    ExpGiveFastMutex(Mutex);
}
