// SPDX-License-Identifier: MIT
// Guarded mutexes: as fast mutexes (fmutex.c), but the owner is in a guarded region (no APCs at all) instead of at
// APC_LEVEL. They carry Ke's prefix in the WDK and live here beside their twin. Source: WDK, "Guarded Mutexes".

#include "exp.h"

// Makes a free mutex. The memory must be nonpaged. Any IRQL.
VOID NTAPI(KeInitializeGuardedMutex)(PKGUARDED_MUTEX Mutex)
{
    Mutex->Count = 1;
    Mutex->Owner = NULL;
    Mutex->Contention = 0;
    KeInitializeEvent(&Mutex->Gate, SynchronizationEvent, FALSE);
}

static inline VOID ExpTakeGuardedMutex(PKGUARDED_MUTEX Mutex, PVOID Place)
{
    PKLOCK_RECORD Record = KeBeginLock(Mutex, LockKindGuardedMutex, 0, Place);

    if (InterlockedDecrement(&Mutex->Count) != 0) {
        InterlockedIncrement((volatile LONG *)&Mutex->Contention);
        KeWaitsForLock(Record);
        KeWaitForever(&Mutex->Gate, WrGuardedMutex);
    }
    Mutex->Owner = KeGetCurrentThread();
    KeOwnLock(Mutex, Record, LockKindGuardedMutex, 0, Place);
    UNREFERENCED_PARAMETER(Place);
}

static inline VOID ExpGiveGuardedMutex(PKGUARDED_MUTEX Mutex)
{
    KeDisownLock(Mutex, LockKindGuardedMutex, (ULONG_PTR)Mutex->Owner);
    ASSERT(Mutex->Owner == KeGetCurrentThread());
    Mutex->Owner = NULL;
    if (InterlockedIncrement(&Mutex->Count) <= 0)
        KeSetEvent(&Mutex->Gate, EVENT_INCREMENT, FALSE);
}

// Enters a guarded region, waits for the mutex and owns it. Not recursive. IRQL <= APC_LEVEL.
VOID NTAPI KeAcquireGuardedMutex(PKGUARDED_MUTEX Mutex)
{
    ASSERT_IRQL_LESS_OR_EQUAL(APC_LEVEL);
    KeEnterGuardedRegion();
    ExpTakeGuardedMutex(Mutex, __builtin_return_address(0));
}

// Gives the mutex to the next waiter, if any, and leaves the guarded region. IRQL <= APC_LEVEL; the owner.
VOID NTAPI KeReleaseGuardedMutex(PKGUARDED_MUTEX Mutex)
{
    ExpGiveGuardedMutex(Mutex);
    KeLeaveGuardedRegion();
}

// Takes the mutex if it is free (then in a guarded region, TRUE). IRQL <= APC_LEVEL.
BOOLEAN NTAPI KeTryToAcquireGuardedMutex(PKGUARDED_MUTEX Mutex)
{
    PVOID Place = __builtin_return_address(0);
    PKLOCK_RECORD Record = KeBeginLock(Mutex, LockKindGuardedMutex, LOCK_TRY, Place);

    ASSERT_IRQL_LESS_OR_EQUAL(APC_LEVEL);
    KeEnterGuardedRegion();
    if (InterlockedCompareExchange(&Mutex->Count, 0, 1) != 1) {
        KeLeaveGuardedRegion();
        return FALSE;
    }
    Mutex->Owner = KeGetCurrentThread();
    KeOwnLock(Mutex, Record, LockKindGuardedMutex, LOCK_TRY, Place);
    UNREFERENCED_PARAMETER(Place);
    return TRUE;
}

// As KeAcquireGuardedMutex, for a caller that has APCs off already and keeps them off until the release.
VOID NTAPI KeAcquireGuardedMutexUnsafe(PKGUARDED_MUTEX Mutex)
{
    ASSERT(KeGetCurrentIrql() == APC_LEVEL || KeGetCurrentThread()->SpecialApcDisable != 0);
    ExpTakeGuardedMutex(Mutex, __builtin_return_address(0));
}

VOID NTAPI KeReleaseGuardedMutexUnsafe(PKGUARDED_MUTEX Mutex)
{
    ExpGiveGuardedMutex(Mutex);
}
