// SPDX-License-Identifier: MIT
// Push locks: shared/exclusive locks in one pointer-sized word. Without contention they are one CMPXCHG each way. A
// thread that must wait queues a block from its stack in a hash bucket chosen by the lock's address and marks the
// word; from then on every change of the word is made under the bucket's spin lock, and the releaser hands the lock
// on.
//
// Value:  bit 0 exclusive | bit 1 somebody waits | bits 2.. number of shared owners
//
// First come, first served: a new shared owner queues behind a waiting exclusive one.

#include "exp.h"

#define PUSH_LOCK_WAITERS 2u
#define PUSH_LOCK_SHARE 4u
#define PUSH_LOCK_BUCKETS 64u
#define PUSH_LOCK_LOOKS 64u

typedef struct _PUSH_LOCK_WAITER {
    LIST_ENTRY Entry;
    PEX_PUSH_LOCK Lock;
    BOOLEAN Exclusive;
    KEVENT Event;
} PUSH_LOCK_WAITER, *PPUSH_LOCK_WAITER;

typedef struct _PUSH_LOCK_BUCKET {
    KSPIN_LOCK Lock;
    LIST_ENTRY Waiters; // Flink NULL: not initialized yet
} PUSH_LOCK_BUCKET, *PPUSH_LOCK_BUCKET;

static PUSH_LOCK_BUCKET ExpPushLockBuckets[PUSH_LOCK_BUCKETS];

static BOOLEAN ExpChangePushLock(PEX_PUSH_LOCK Lock, ULONG_PTR New, ULONG_PTR Old)
{
    return (ULONG_PTR)InterlockedCompareExchange((volatile LONG *)&Lock->Value, (LONG)New, (LONG)Old) == Old;
}

static ULONG_PTR ExpReadPushLock(PEX_PUSH_LOCK Lock)
{
    return *(volatile ULONG_PTR *)&Lock->Value;
}

static PPUSH_LOCK_BUCKET ExpLockBucket(PEX_PUSH_LOCK Lock, PKIRQL OldIrql)
{
    PPUSH_LOCK_BUCKET Bucket = &ExpPushLockBuckets[((ULONG_PTR)Lock >> 2) * 0x9E3779B1u >> 26];

    *OldIrql = KfAcquireSpinLock(&Bucket->Lock);
    if (Bucket->Waiters.Flink == NULL)
        InitializeListHead(&Bucket->Waiters);
    return Bucket;
}

// Queues the caller until the lock is handed to it, unless it turns out to be free. On several processors the owner may
// be about to release it, so a few looks come first.
static VOID ExpWaitForPushLock(PEX_PUSH_LOCK Lock, BOOLEAN Exclusive, PKLOCK_RECORD Record)
{
    ULONG_PTR Busy = Exclusive ? ~(ULONG_PTR)0 : PUSH_LOCK_EXCLUSIVE | PUSH_LOCK_WAITERS;
    ULONG_PTR Grant = Exclusive ? PUSH_LOCK_EXCLUSIVE : PUSH_LOCK_SHARE;
    PUSH_LOCK_WAITER Waiter;
    PPUSH_LOCK_BUCKET Bucket;
    KIRQL OldIrql;

    if (KeNumberProcessors > 1) {
        for (ULONG Look = 0; Look < PUSH_LOCK_LOOKS && (ExpReadPushLock(Lock) & Busy) != 0; Look++)
            YieldProcessor();
    }
    Bucket = ExpLockBucket(Lock, &OldIrql);
    for (;;) {
        ULONG_PTR Old = ExpReadPushLock(Lock);

        if ((Old & Busy) == 0) {
            if (ExpChangePushLock(Lock, Old + Grant, Old)) {
                KfReleaseSpinLock(&Bucket->Lock, OldIrql);
                return;
            }
        } else if (ExpChangePushLock(Lock, Old | PUSH_LOCK_WAITERS, Old)) {
            break;
        }
    }
    Waiter.Lock = Lock;
    Waiter.Exclusive = Exclusive;
    KeInitializeEvent(&Waiter.Event, SynchronizationEvent, FALSE);
    InsertTailList(&Bucket->Waiters, &Waiter.Entry);
    KfReleaseSpinLock(&Bucket->Lock, OldIrql);
    KeWaitsForLock(Record);
    KeWaitForever(&Waiter.Event, WrPushLock);
}

// Hands a lock without owners to the first waiter, or to all shared waiters up to the first exclusive one. The bucket
// is locked and Value has PUSH_LOCK_WAITERS, so nobody else changes it.
static VOID ExpHandOverPushLock(PEX_PUSH_LOCK Lock, PPUSH_LOCK_BUCKET Bucket)
{
    ULONG_PTR Value = 0;
    LIST_ENTRY Granted;
    PLIST_ENTRY Entry, Next;

    InitializeListHead(&Granted);
    for (Entry = Bucket->Waiters.Flink; Entry != &Bucket->Waiters; Entry = Next) {
        PPUSH_LOCK_WAITER Waiter = CONTAINING_RECORD(Entry, PUSH_LOCK_WAITER, Entry);

        Next = Entry->Flink;
        if (Waiter->Lock != Lock)
            continue;
        if ((Value & PUSH_LOCK_EXCLUSIVE) != 0 || (Value != 0 && Waiter->Exclusive)) {
            Value |= PUSH_LOCK_WAITERS;
            break;
        }
        Value += Waiter->Exclusive ? PUSH_LOCK_EXCLUSIVE : PUSH_LOCK_SHARE;
        RemoveEntryList(Entry);
        InsertTailList(&Granted, Entry);
    }
    ASSERT(!IsListEmpty(&Granted));
    InterlockedExchange((volatile LONG *)&Lock->Value, (LONG)Value);
    while (!IsListEmpty(&Granted)) {
        // The waiter's stack frame may be gone as soon as the event is set.
        PPUSH_LOCK_WAITER Waiter = CONTAINING_RECORD(RemoveHeadList(&Granted), PUSH_LOCK_WAITER, Entry);

        KeSetEvent(&Waiter->Event, EVENT_INCREMENT, FALSE);
    }
}

static VOID ExpReleaseContendedPushLock(PEX_PUSH_LOCK Lock, ULONG_PTR Share)
{
    KIRQL OldIrql;
    PPUSH_LOCK_BUCKET Bucket = ExpLockBucket(Lock, &OldIrql);

    ASSERT((Lock->Value & PUSH_LOCK_WAITERS) != 0);
    Lock->Value -= Share;
    if ((Lock->Value & ~(ULONG_PTR)PUSH_LOCK_WAITERS) == 0)
        ExpHandOverPushLock(Lock, Bucket);
    KfReleaseSpinLock(&Bucket->Lock, OldIrql);
}

// Makes a free lock. Any IRQL.
VOID(ExInitializePushLock)(PEX_PUSH_LOCK Lock)
{
    Lock->Value = 0;
}

// Waits until the caller is the only owner. Not recursive. IRQL <= APC_LEVEL, in a critical region.
VOID FASTCALL ExAcquirePushLockExclusive(PEX_PUSH_LOCK Lock)
{
    PVOID Place = __builtin_return_address(0);
    PKLOCK_RECORD Record = KeBeginLock(Lock, LockKindPushLock, 0, Place);

    ASSERT_IRQL_LESS_OR_EQUAL(APC_LEVEL);
    if (!ExpChangePushLock(Lock, PUSH_LOCK_EXCLUSIVE, 0))
        ExpWaitForPushLock(Lock, TRUE, Record);
    KeOwnLock(Lock, Record, LockKindPushLock, 0, Place);
    UNREFERENCED_PARAMETER(Place);
}

// Becomes the only owner if there is none. FALSE: somebody owns the lock. IRQL <= APC_LEVEL, in a critical region.
BOOLEAN FASTCALL ExTryAcquirePushLockExclusive(PEX_PUSH_LOCK Lock)
{
    PVOID Place = __builtin_return_address(0);
    PKLOCK_RECORD Record = KeBeginLock(Lock, LockKindPushLock, LOCK_TRY, Place);

    ASSERT_IRQL_LESS_OR_EQUAL(APC_LEVEL);
    if (!ExpChangePushLock(Lock, PUSH_LOCK_EXCLUSIVE, 0))
        return FALSE;
    KeOwnLock(Lock, Record, LockKindPushLock, LOCK_TRY, Place);
    UNREFERENCED_PARAMETER(Place);
    return TRUE;
}

// Ends exclusive ownership. IRQL <= APC_LEVEL; the owner.
VOID FASTCALL ExReleasePushLockExclusive(PEX_PUSH_LOCK Lock)
{
    KeDisownLock(Lock, LockKindPushLock, Lock->Value);
    ASSERT((Lock->Value & PUSH_LOCK_EXCLUSIVE) != 0);
    if (!ExpChangePushLock(Lock, 0, PUSH_LOCK_EXCLUSIVE))
        ExpReleaseContendedPushLock(Lock, PUSH_LOCK_EXCLUSIVE);
}

// One shared owner more, unless somebody owns the lock exclusively or waits for it.
static BOOLEAN ExpTrySharePushLock(PEX_PUSH_LOCK Lock)
{
    ULONG_PTR Old;

    do {
        Old = ExpReadPushLock(Lock);
        if ((Old & (PUSH_LOCK_EXCLUSIVE | PUSH_LOCK_WAITERS)) != 0)
            return FALSE;
    } while (!ExpChangePushLock(Lock, Old + PUSH_LOCK_SHARE, Old));
    return TRUE;
}

// Waits until the caller is one of the shared owners. Not recursive: a second acquisition deadlocks if an exclusive
// waiter came in between. IRQL <= APC_LEVEL, in a critical region.
VOID FASTCALL ExAcquirePushLockShared(PEX_PUSH_LOCK Lock)
{
    PVOID Place = __builtin_return_address(0);
    PKLOCK_RECORD Record = KeBeginLock(Lock, LockKindPushLock, LOCK_SHARED, Place);

    ASSERT_IRQL_LESS_OR_EQUAL(APC_LEVEL);
    if (!ExpTrySharePushLock(Lock))
        ExpWaitForPushLock(Lock, FALSE, Record);
    KeOwnLock(Lock, Record, LockKindPushLock, LOCK_SHARED, Place);
    UNREFERENCED_PARAMETER(Place);
}

// Becomes a shared owner without waiting. FALSE: not to be had. IRQL <= APC_LEVEL, in a critical region.
BOOLEAN FASTCALL ExTryAcquirePushLockShared(PEX_PUSH_LOCK Lock)
{
    PVOID Place = __builtin_return_address(0);
    PKLOCK_RECORD Record = KeBeginLock(Lock, LockKindPushLock, LOCK_SHARED | LOCK_TRY, Place);

    ASSERT_IRQL_LESS_OR_EQUAL(APC_LEVEL);
    if (!ExpTrySharePushLock(Lock))
        return FALSE;
    KeOwnLock(Lock, Record, LockKindPushLock, LOCK_SHARED | LOCK_TRY, Place);
    UNREFERENCED_PARAMETER(Place);
    return TRUE;
}

// Ends one shared ownership. IRQL <= APC_LEVEL; an owner.
VOID FASTCALL ExReleasePushLockShared(PEX_PUSH_LOCK Lock)
{
    ULONG_PTR Old;

    KeDisownLock(Lock, LockKindPushLock, Lock->Value);
    do {
        Old = ExpReadPushLock(Lock);
        ASSERT(Old >= PUSH_LOCK_SHARE && (Old & PUSH_LOCK_EXCLUSIVE) == 0);
        if ((Old & PUSH_LOCK_WAITERS) != 0) {
            ExpReleaseContendedPushLock(Lock, PUSH_LOCK_SHARE);
            return;
        }
    } while (!ExpChangePushLock(Lock, Old - PUSH_LOCK_SHARE, Old));
}
