// SPDX-License-Identifier: MIT
// What lockcheck.c (who holds what) and lockorder.c (in which order) share. Checked builds only.

#ifndef MICA_KE_LOCK_H
#define MICA_KE_LOCK_H

#include "ki.h"

#ifdef MICA_LOCKCHECK
typedef struct _KLOCK_RECORD {
    struct _KLOCK_RECORD *Next;
    PVOID Lock;
    PKLOCK_CLASS Class;
    PKTHREAD Owner; // exclusive owner
    BOOLEAN Queued; // how a spin lock was used
    BOOLEAN Plain;
} KLOCK_RECORD;

BOOLEAN KiLockLockRecords(VOID);
VOID KiUnlockLockRecords(BOOLEAN Enable);
VOID KiLockViolation(ULONG BugCheck, ULONG Code, PCSTR Text, PVOID Lock, ULONG_PTR P3, ULONG_PTR P4);
VOID KiAddLockClass(PKLOCK_CLASS Class);

#define LOCK_CLASSES 256u
extern ULONG KiLockEdges[LOCK_CLASSES][LOCK_CLASSES / 32];
VOID KiLearnLockOrder(PKHELD_LOCK Held, PKLOCK_RECORD Record, PVOID Lock, PVOID Place);

// The holder of Held is about to take Lock. The way that is taken again and again is one test.
FORCEINLINE VOID KiNoteLockOrder(PKHELD_LOCK Held, PKLOCK_RECORD Record, PVOID Lock, PVOID Place)
{
    ULONG From = Held->Record->Class->Index, To = Record->Class->Index;

    if ((KiLockEdges[From][To / 32] & 1u << (To % 32)) == 0)
        KiLearnLockOrder(Held, Record, Lock, Place);
}
#endif

#endif
