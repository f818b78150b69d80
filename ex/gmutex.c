// SPDX-License-Identifier: MIT
// Guarded mutexes: as fast mutexes (fmutex.c), but the owner is in a guarded region (no APCs at all) instead of at
// APC_LEVEL. They carry Ke's prefix in the WDK and live here beside their twin. Source: WDK, "Guarded Mutexes".

#include "exp.h"

// Makes a free mutex. The memory must be nonpaged. Any IRQL.
VOID NTAPI(KeInitializeGuardedMutex)(PKGUARDED_MUTEX Mutex)
{
    ExpInitializeMutex((PFAST_MUTEX)Mutex);
}

// Enters a guarded region, waits for the mutex and owns it. Not recursive. IRQL <= APC_LEVEL.
VOID NTAPI KeAcquireGuardedMutex(PKGUARDED_MUTEX Mutex)
{
    ASSERT_IRQL_LESS_OR_EQUAL(APC_LEVEL);
    KeEnterGuardedRegion();
    ExpTakeMutex((PFAST_MUTEX)Mutex, LockKindGuardedMutex, WrGuardedMutex, __builtin_return_address(0));
}

// Gives the mutex to the next waiter, if any, and leaves the guarded region. IRQL <= APC_LEVEL; the owner.
VOID NTAPI KeReleaseGuardedMutex(PKGUARDED_MUTEX Mutex)
{
    ExpGiveMutex((PFAST_MUTEX)Mutex, LockKindGuardedMutex);
    KeLeaveGuardedRegion();
}

// Takes the mutex if it is free (then in a guarded region, TRUE). IRQL <= APC_LEVEL.
BOOLEAN NTAPI KeTryToAcquireGuardedMutex(PKGUARDED_MUTEX Mutex)
{
    ASSERT_IRQL_LESS_OR_EQUAL(APC_LEVEL);
    KeEnterGuardedRegion();
    if (!ExpTryMutex((PFAST_MUTEX)Mutex, LockKindGuardedMutex, __builtin_return_address(0))) {
        KeLeaveGuardedRegion();
        return FALSE;
    }
    return TRUE;
}

// As KeAcquireGuardedMutex, for a caller that has APCs off already and keeps them off until the release.
VOID NTAPI KeAcquireGuardedMutexUnsafe(PKGUARDED_MUTEX Mutex)
{
    ASSERT(KeGetCurrentIrql() == APC_LEVEL || KeGetCurrentThread()->SpecialApcDisable != 0);
    ExpTakeMutex((PFAST_MUTEX)Mutex, LockKindGuardedMutex, WrGuardedMutex, __builtin_return_address(0));
}

VOID NTAPI KeReleaseGuardedMutexUnsafe(PKGUARDED_MUTEX Mutex)
{
    ExpGiveMutex((PFAST_MUTEX)Mutex, LockKindGuardedMutex);
}
