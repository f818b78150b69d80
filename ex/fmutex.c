// SPDX-License-Identifier: MIT
// Fast mutexes: exclusive locks for threads that raise to APC_LEVEL while they hold one. Count is 1 when free and
// falls by one for the owner and each waiter; the event hands the mutex to one waiter, in the order of their arrival.
// The "unsafe" forms leave the IRQL to the caller, who has APCs off by other means. Source: WDK, "Fast Mutexes".

#include "exp.h"

// Makes a free mutex. The memory must be nonpaged. Any IRQL.
VOID(ExInitializeFastMutex)(PFAST_MUTEX Mutex)
{
    ExpInitializeMutex(Mutex);
}

// Waits for the mutex and owns it; the caller is at APC_LEVEL afterwards. Not recursive. IRQL <= APC_LEVEL.
VOID FASTCALL ExAcquireFastMutex(PFAST_MUTEX Mutex)
{
    KIRQL OldIrql;

    ASSERT_IRQL_LESS_OR_EQUAL(APC_LEVEL);
    OldIrql = KfRaiseIrql(APC_LEVEL);
    ExpTakeMutex(Mutex, LockKindFastMutex, WrFastMutex, __builtin_return_address(0));
    Mutex->OldIrql = OldIrql;
}

// Takes the mutex if it is free (then at APC_LEVEL, TRUE). IRQL <= APC_LEVEL.
BOOLEAN FASTCALL ExTryToAcquireFastMutex(PFAST_MUTEX Mutex)
{
    KIRQL OldIrql;

    ASSERT_IRQL_LESS_OR_EQUAL(APC_LEVEL);
    OldIrql = KfRaiseIrql(APC_LEVEL);
    if (!ExpTryMutex(Mutex, LockKindFastMutex, __builtin_return_address(0))) {
        KfLowerIrql(OldIrql);
        return FALSE;
    }
    Mutex->OldIrql = OldIrql;
    return TRUE;
}

// Gives the mutex to the next waiter, if any, and returns to the IRQL before it was acquired. IRQL == APC_LEVEL; the
// owner.
VOID FASTCALL ExReleaseFastMutex(PFAST_MUTEX Mutex)
{
    KIRQL OldIrql = (KIRQL)Mutex->OldIrql;

    ASSERT_IRQL_EQUAL(APC_LEVEL);
    ExpGiveMutex(Mutex, LockKindFastMutex);
    KfLowerIrql(OldIrql);
}

// As ExAcquireFastMutex, for a caller that is at APC_LEVEL or in a critical region and stays there.
VOID FASTCALL ExAcquireFastMutexUnsafe(PFAST_MUTEX Mutex)
{
    ASSERT(KeGetCurrentIrql() == APC_LEVEL || KeAreApcsDisabled());
    ExpTakeMutex(Mutex, LockKindFastMutex, WrFastMutex, __builtin_return_address(0));
}

VOID FASTCALL ExReleaseFastMutexUnsafe(PFAST_MUTEX Mutex)
{
    ASSERT(KeGetCurrentIrql() == APC_LEVEL || KeAreApcsDisabled());
    ExpGiveMutex(Mutex, LockKindFastMutex);
}
