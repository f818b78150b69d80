// SPDX-License-Identifier: MIT
// Interlocked operations under a spin lock of the caller's: lists and numbers that interrupt routines share with the
// rest. Interrupts are off while the lock is held, so that every IRQL may call; such a lock is used by these routines
// only. Source: WDK, ExInterlockedInsertTailList and its neighbours.

#include "exp.h"

static BOOLEAN ExpLockAnyLevel(PKSPIN_LOCK Lock)
{
    BOOLEAN Enable = KeDisableInterrupts();

    KefAcquireSpinLockAtDpcLevel(Lock);
    return Enable;
}

static VOID ExpUnlockAnyLevel(PKSPIN_LOCK Lock, BOOLEAN Enable)
{
    KefReleaseSpinLockFromDpcLevel(Lock);
    KeRestoreInterrupts(Enable);
}

// Puts Entry in front. Returns what was first before, NULL if the list was empty. Any IRQL.
PLIST_ENTRY NTAPI ExInterlockedInsertHeadList(PLIST_ENTRY Head, PLIST_ENTRY Entry, PKSPIN_LOCK Lock)
{
    BOOLEAN Enable = ExpLockAnyLevel(Lock);
    PLIST_ENTRY First = IsListEmpty(Head) ? NULL : Head->Flink;

    InsertHeadList(Head, Entry);
    ExpUnlockAnyLevel(Lock, Enable);
    return First;
}

// Appends Entry. Returns what was last before, NULL if the list was empty. Any IRQL.
PLIST_ENTRY NTAPI ExInterlockedInsertTailList(PLIST_ENTRY Head, PLIST_ENTRY Entry, PKSPIN_LOCK Lock)
{
    BOOLEAN Enable = ExpLockAnyLevel(Lock);
    PLIST_ENTRY Last = IsListEmpty(Head) ? NULL : Head->Blink;

    InsertTailList(Head, Entry);
    ExpUnlockAnyLevel(Lock, Enable);
    return Last;
}

// Takes the first entry, NULL if there is none. Any IRQL.
PLIST_ENTRY NTAPI ExInterlockedRemoveHeadList(PLIST_ENTRY Head, PKSPIN_LOCK Lock)
{
    BOOLEAN Enable = ExpLockAnyLevel(Lock);
    PLIST_ENTRY First = IsListEmpty(Head) ? NULL : RemoveHeadList(Head);

    ExpUnlockAnyLevel(Lock, Enable);
    return First;
}

// Puts Entry in front of a singly linked list. Returns what was first before. Any IRQL.
PSINGLE_LIST_ENTRY NTAPI ExInterlockedPushEntryList(PSINGLE_LIST_ENTRY Head, PSINGLE_LIST_ENTRY Entry, PKSPIN_LOCK Lock)
{
    BOOLEAN Enable = ExpLockAnyLevel(Lock);
    PSINGLE_LIST_ENTRY First = Head->Next;

    Entry->Next = First;
    Head->Next = Entry;
    ExpUnlockAnyLevel(Lock, Enable);
    return First;
}

// Takes the first entry of a singly linked list, NULL if there is none. Any IRQL.
PSINGLE_LIST_ENTRY NTAPI ExInterlockedPopEntryList(PSINGLE_LIST_ENTRY Head, PKSPIN_LOCK Lock)
{
    BOOLEAN Enable = ExpLockAnyLevel(Lock);
    PSINGLE_LIST_ENTRY First = Head->Next;

    if (First != NULL)
        Head->Next = First->Next;
    ExpUnlockAnyLevel(Lock, Enable);
    return First;
}

// Adds Increment; returns the value before. Any IRQL.
LARGE_INTEGER NTAPI ExInterlockedAddLargeInteger(PLARGE_INTEGER Addend, LARGE_INTEGER Increment, PKSPIN_LOCK Lock)
{
    BOOLEAN Enable = ExpLockAnyLevel(Lock);
    LARGE_INTEGER Old = *Addend;

    Addend->QuadPart = Old.QuadPart + Increment.QuadPart;
    ExpUnlockAnyLevel(Lock, Enable);
    return Old;
}

ULONG NTAPI ExInterlockedAddUlong(PULONG Addend, ULONG Increment, PKSPIN_LOCK Lock)
{
    BOOLEAN Enable = ExpLockAnyLevel(Lock);
    ULONG Old = *Addend;

    *Addend = Old + Increment;
    ExpUnlockAnyLevel(Lock, Enable);
    return Old;
}

// Adds Increment to a counter that only these routines change. Any IRQL; no lock.
VOID FASTCALL ExInterlockedAddLargeStatistic(PLARGE_INTEGER Addend, ULONG Increment)
{
    LONGLONG Old;

    do {
        Old = *(volatile LONGLONG *)&Addend->QuadPart;
    } while (InterlockedCompareExchange64(&Addend->QuadPart, Old + Increment, Old) != Old);
}

// Replaces *Destination by *Exchange if it is *Comparand; returns what it was. Any IRQL; the lock is not used (WDK).
LONGLONG FASTCALL ExInterlockedCompareExchange64(volatile LONGLONG *Destination, LONGLONG *Exchange,
                                                 LONGLONG *Comparand, PKSPIN_LOCK Lock)
{
    UNREFERENCED_PARAMETER(Lock);
    return InterlockedCompareExchange64(Destination, *Exchange, *Comparand);
}
