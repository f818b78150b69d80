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

// Programs call these with numbers of their own choice; those from 16 on are the standard streams'.
void __cdecl _lock(int Number)
{
    EnterCriticalSection(&CrtpLocks[(unsigned)Number % LOCK_COUNT]);
}

void __cdecl _unlock(int Number)
{
    LeaveCriticalSection(&CrtpLocks[(unsigned)Number % LOCK_COUNT]);
}
