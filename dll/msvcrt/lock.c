// SPDX-License-Identifier: MIT
// The library's numbered locks.

#include "crt.h"

static CRITICAL_SECTION CrtpLocks[LOCK_COUNT];

// Makes all locks, at process attach.
void CrtInitializeLocks(void)
{
    for (int i = 0; i < LOCK_COUNT; i++) {
        InitializeCriticalSection(&CrtpLocks[i]);
    }
}

// The lock of a number.
CRITICAL_SECTION *CrtLock(int Number)
{
    return &CrtpLocks[(unsigned)Number % LOCK_COUNT];
}

// Programs call these with the numbers of Microsoft's library; those from 16 on are the standard streams'.
void __cdecl _lock(int Number)
{
    EnterCriticalSection(CrtLock(Number));
}

void __cdecl _unlock(int Number)
{
    if (Number >= LOCK_STANDARD_STREAMS && Number < LOCK_STANDARD_STREAMS + _IOB_ENTRIES) {
        CrtEndWrite(&_iob[Number - LOCK_STANDARD_STREAMS]);
    }
    LeaveCriticalSection(CrtLock(Number));
}
