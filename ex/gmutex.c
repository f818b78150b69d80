// SPDX-License-Identifier: MIT
// Guarded mutexes: as fast mutexes (fmutex.c), but the owner is in a guarded region (no APCs at all) instead of at
// APC_LEVEL. They carry Ke's prefix in the WDK and live here beside their twin. Source: WDK, "Guarded Mutexes".

#include "exp.h"

// Makes a free mutex. The memory must be nonpaged. Any IRQL.
VOID NTAPI KeInitializeGuardedMutex(PKGUARDED_MUTEX Mutex)
{
    Mutex->Count = 1;
    Mutex->Owner = NULL;
    Mutex->Contention = 0;
    KeInitializeEvent(&Mutex->Gate, SynchronizationEvent, FALSE);
}

// Enters a guarded region, waits for the mutex and owns it. Not recursive. IRQL <= APC_LEVEL.
VOID NTAPI KeAcquireGuardedMutex(PKGUARDED_MUTEX Mutex)
{
    ASSERT_IRQL_LESS_OR_EQUAL(APC_LEVEL);
    KeEnterGuardedRegion();
    ASSERT(Mutex->Owner != KeGetCurrentThread());
    if (InterlockedDecrement(&Mutex->Count) != 0) {
        Mutex->Contention++;
        KeWaitForever(&Mutex->Gate, WrGuardedMutex);
    }
    Mutex->Owner = KeGetCurrentThread();
}

// Gives the mutex to the next waiter, if any, and leaves the guarded region. IRQL <= APC_LEVEL; the owner.
VOID NTAPI KeReleaseGuardedMutex(PKGUARDED_MUTEX Mutex)
{
    ASSERT(Mutex->Owner == KeGetCurrentThread());
    Mutex->Owner = NULL;
    if (InterlockedIncrement(&Mutex->Count) <= 0)
        KeSetEvent(&Mutex->Gate, EVENT_INCREMENT, FALSE);
    KeLeaveGuardedRegion();
}
