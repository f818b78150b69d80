// SPDX-License-Identifier: MIT
// Who holds which lock (checked builds). Each lock has a record, found by its address; each thread a list of the locks
// it holds. Taking a lock twice, releasing another's, ending with one in hand, freeing memory that holds a live one and
// waiting in a ring are bugchecks that say so; lockorder.c judges the order. Spin locks keep the codes 0x0F and 0x10,
// the rest use 0xC4 with Driver Verifier's numbers. Source: WDK, "Deadlock Detection", Bug Check 0xC4.
//
// Records change under one raw lock with interrupts off. They are looked up without it: they are never unmapped, and a
// reader that loses its way in a chain finds nothing and asks again under the lock.

#include "ki.h"
#include "ke/lock.h"

#ifdef MICA_LOCKCHECK

#define LOCK_RECORDS 6144u
#define LOCK_BUCKETS 1024u
#define LOCK_GRANULE_SHIFT 8 // locks within 256 bytes share a bucket, so that a freed block is looked through quickly
#define LOCK_CHAIN_LIMIT 128u
#define LOCK_WAIT_CHAIN_LIMIT 16u
#define LOCK_STATIC_CLASSES 96u

static KLOCK_RECORD KiLockRecords[LOCK_RECORDS];
static PKLOCK_RECORD volatile KiLockBuckets[LOCK_BUCKETS];
static PKLOCK_RECORD KiFreeLockRecords;
static ULONG KiLockRecordsUsed;
static volatile LONG KiLockRawLock;
static KLOCK_CLASS KiStaticClasses[LOCK_STATIC_CLASSES];
static ULONG KiStaticClassCount;
VOID (*KeLockViolationHook)(ULONG Code, PCSTR Text);

// The one lock that nothing checks. Any IRQL; returns whether interrupts were on.
BOOLEAN KiLockLockRecords(VOID)
{
    BOOLEAN Enable = KeDisableInterrupts();

    while (__atomic_exchange_n(&KiLockRawLock, 1, __ATOMIC_ACQUIRE) != 0)
        YieldProcessor();
    return Enable;
}

VOID KiUnlockLockRecords(BOOLEAN Enable)
{
    __atomic_store_n(&KiLockRawLock, 0, __ATOMIC_RELEASE);
    KeRestoreInterrupts(Enable);
}

// A rule was broken: says it and stops the system, or tells the test that broke it. Any IRQL.
VOID KiLockViolation(ULONG BugCheck, ULONG Code, PCSTR Text, PVOID Lock, ULONG_PTR P3, ULONG_PTR P4)
{
    if (KeLockViolationHook != NULL) {
        KeLockViolationHook(Code, Text);
        return;
    }
    KdPrintBoot("\n*** %s\n", Text);
    if (BugCheck == DRIVER_VERIFIER_DETECTED_VIOLATION)
        KeBugCheckEx(BugCheck, Code, (ULONG_PTR)Lock, P3, P4);
    KeBugCheckEx(BugCheck, (ULONG_PTR)Lock, P3, P4, 0);
}

// --- records

static ULONG KiHashLock(PVOID Lock)
{
    return ((ULONG_PTR)Lock >> LOCK_GRANULE_SHIFT) * 0x9E3779B1u >> 22;
}

static PKLOCK_RECORD KiFindLock(PVOID Lock)
{
    PKLOCK_RECORD Record = KiLockBuckets[KiHashLock(Lock)];

    for (ULONG Step = 0; Record != NULL && Step < LOCK_CHAIN_LIMIT; Step++, Record = Record->Next) {
        if (Record->Lock == Lock)
            return Record;
    }
    return NULL;
}

// A record for Lock, new unless there is one. Records locked. NULL: no room.
static PKLOCK_RECORD KiMakeRecord(PVOID Lock, PKLOCK_CLASS Class)
{
    PKLOCK_RECORD Record = KiFindLock(Lock);

    if (Record == NULL) {
        Record = KiFreeLockRecords;
        if (Record != NULL)
            KiFreeLockRecords = Record->Next;
        else if (KiLockRecordsUsed < LOCK_RECORDS)
            Record = &KiLockRecords[KiLockRecordsUsed++];
        else
            return NULL;
        Record->Next = KiLockBuckets[KiHashLock(Lock)];
        Record->Lock = Lock;
        __atomic_store_n(&KiLockBuckets[KiHashLock(Lock)], Record, __ATOMIC_RELEASE);
    }
    Record->Class = Class;
    Record->Owner = NULL;
    Record->Queued = FALSE;
    Record->Plain = FALSE;
    return Record;
}

// A lock is being initialised; Class belongs to that place. Any IRQL.
VOID KeRegisterLock(PVOID Lock, PKLOCK_CLASS Class)
{
    BOOLEAN Enable = KiLockLockRecords();

    if (Class->Same == NULL)
        KiAddLockClass(Class);
    KiMakeRecord(Lock, Class->Same);
    KiUnlockLockRecords(Enable);
}

// A lock of the image that nobody initialised: its class is its variable. NULL for any other memory.
static PKLOCK_RECORD KiAdoptStaticLock(PVOID Lock)
{
    PKLOCK_CLASS Class = NULL;
    PKLOCK_RECORD Record = NULL;
    ULONG Offset;
    PCSTR Name;
    BOOLEAN Enable;

    if (!KiIsImageData(Lock))
        return NULL;
    Name = KeLookupSymbol(Lock, &Offset);
    if (Name == NULL)
        return NULL;
    Enable = KiLockLockRecords();
    for (ULONG Index = 0; Index < KiStaticClassCount && Class == NULL; Index++) {
        if (KiStaticClasses[Index].Name == Name)
            Class = &KiStaticClasses[Index];
    }
    if (Class == NULL && KiStaticClassCount < LOCK_STATIC_CLASSES) {
        Class = &KiStaticClasses[KiStaticClassCount++];
        Class->Name = Name;
        Class->File = "variable";
        KiAddLockClass(Class);
    }
    if (Class != NULL) {
        Record = KiFindLock(Lock);
        if (Record == NULL)
            Record = KiMakeRecord(Lock, Class);
    }
    KiUnlockLockRecords(Enable);
    return Record;
}

// Unlinks the records in [Memory, Memory + Bytes) that are in one bucket. Records locked. Returns one that is alive.
static PKLOCK_RECORD KiForgetBucket(ULONG Bucket, ULONG_PTR Memory, SIZE_T Bytes)
{
    PKLOCK_RECORD Record = KiLockBuckets[Bucket], Previous = NULL, Next, Alive = NULL;

    for (; Record != NULL; Record = Next) {
        Next = Record->Next;
        if ((ULONG_PTR)Record->Lock - Memory >= Bytes) {
            Previous = Record;
            continue;
        }
        if (Previous != NULL)
            Previous->Next = Next;
        else
            KiLockBuckets[Bucket] = Next;
        if (Record->Owner != NULL || Record->Class->Resource)
            Alive = Record;
        Record->Lock = NULL;
        Record->Next = KiFreeLockRecords;
        KiFreeLockRecords = Record;
    }
    return Alive;
}

static BOOLEAN KiBucketTouches(ULONG Bucket, ULONG_PTR Memory, SIZE_T Bytes)
{
    PKLOCK_RECORD Record = KiLockBuckets[Bucket];

    for (ULONG Step = 0; Record != NULL && Step < LOCK_CHAIN_LIMIT; Step++, Record = Record->Next) {
        if ((ULONG_PTR)Record->Lock - Memory < Bytes)
            return TRUE;
    }
    return FALSE;
}

static VOID KiForgetLocks(PVOID Memory, SIZE_T Bytes, BOOLEAN Report)
{
    ULONG_PTR Start = (ULONG_PTR)Memory, Granule = Start >> LOCK_GRANULE_SHIFT;

    for (; Granule <= (Start + Bytes - 1) >> LOCK_GRANULE_SHIFT; Granule++) {
        ULONG Bucket = KiHashLock((PVOID)(Granule << LOCK_GRANULE_SHIFT));
        PKLOCK_RECORD Alive;
        BOOLEAN Enable;

        if (!KiBucketTouches(Bucket, Start, Bytes))
            continue;
        Enable = KiLockLockRecords();
        Alive = KiForgetBucket(Bucket, Start, Bytes);
        KiUnlockLockRecords(Enable);
        if (Report && Alive != NULL) {
            CHAR Text[160];

            (VOID) _snprintf(Text, sizeof(Text), "Memory %08X (%u bytes) is freed with a live lock in it: %s",
                             (ULONG)Start, (ULONG)Bytes, Alive->Class->Name);
            KiLockViolation(DRIVER_VERIFIER_DETECTED_VIOLATION, LOCK_ACTIVE_RESOURCE_FREED, Text, Memory, Bytes, 0);
        }
    }
}

// Memory is freed: its locks are no more. A lock that is held, or a resource that was not deleted, is a violation.
// Any IRQL.
VOID KeForgetLocks(PVOID Memory, SIZE_T Bytes)
{
    KiForgetLocks(Memory, Bytes, TRUE);
}

// The locks there have been deleted, as it should be.
VOID KeForgetDeadLocks(PVOID Memory, SIZE_T Bytes)
{
    KiForgetLocks(Memory, Bytes, FALSE);
}

// --- threads

static PKHELD_LOCK KiFindHeld(PKTHREAD Thread, PVOID Lock)
{
    for (ULONG Index = Thread->LocksHeld; Index-- > 0;) {
        if (Thread->HeldLocks[Index].Lock == Lock)
            return &Thread->HeldLocks[Index];
    }
    return NULL;
}

static BOOLEAN KiIsSpinKind(ULONG Kind)
{
    return Kind <= LockKindQueued;
}

static VOID KiReportLock(ULONG BugCheck, ULONG Code, PCSTR What, PVOID Lock, PKLOCK_RECORD Record, PVOID Place,
                         ULONG_PTR Other)
{
    CHAR Text[256];
    ULONG Offset = 0;
    PCSTR Name = Place != NULL ? KeLookupSymbol(Place, &Offset) : NULL;

    (VOID) _snprintf(Text, sizeof(Text), "%s: %s (%08X) at %s+0x%X, thread %08X, other thread %08X", What,
                     Record != NULL ? Record->Class->Name : "a lock without a class", (ULONG)Lock,
                     Name != NULL ? Name : "?", Offset, (ULONG)KeGetCurrentThread(), (ULONG)Other);
    Text[sizeof(Text) - 1] = '\0';
    KiLockViolation(BugCheck, Code, Text, Lock, (ULONG_PTR)KeGetCurrentThread(), Other);
}

// A spin lock is used plain or queued, never both ways.
static VOID KiCheckSpinUse(PVOID Lock, PKLOCK_RECORD Record, KLOCK_KIND Kind)
{
    if (Kind == LockKindQueued)
        Record->Queued = TRUE;
    else
        Record->Plain = TRUE;
    if (Record->Queued && Record->Plain)
        KeBugCheckEx(SPIN_LOCK_INIT_FAILURE, (ULONG_PTR)Lock, Kind, (ULONG_PTR)KeGetCurrentThread(), 0);
}

// The current thread is about to take a lock (Flags: LOCK_*; Place: who asked). Checks that it may, before it waits.
// Any IRQL that the lock allows. Returns the lock's record, for KeOwnLock and KeWaitsForLock; NULL if it has none.
PKLOCK_RECORD KeBeginLock(PVOID Lock, KLOCK_KIND Kind, ULONG Flags, PVOID Place)
{
    PKTHREAD Thread = KeGetCurrentThread();
    PKLOCK_RECORD Record = KiFindLock(Lock);

    KeChaosPoint(ChaosAcquire);
    if (Record == NULL)
        Record = KiAdoptStaticLock(Lock);
    if (Thread == NULL)
        return Record;
    for (ULONG Index = 0; Index < Thread->LocksHeld; Index++) {
        PKHELD_LOCK Held = &Thread->HeldLocks[Index];

        if (Held->Lock == Lock) {
            if (Flags & (LOCK_TRY | LOCK_RECURSIVE))
                return Record;
            KiReportLock(KiIsSpinKind(Kind) ? SPIN_LOCK_ALREADY_OWNED : DRIVER_VERIFIER_DETECTED_VIOLATION,
                         LOCK_SELF_DEADLOCK, "A thread takes a lock that it holds", Lock, Record, Place, 0);
            return Record;
        }
    }
    if (Record == NULL)
        return NULL;
    if (KiIsSpinKind(Kind))
        KiCheckSpinUse(Lock, Record, Kind);
    if ((Flags & LOCK_TRY) == 0) {
        for (ULONG Index = 0; Index < Thread->LocksHeld; Index++) {
            PKHELD_LOCK Held = &Thread->HeldLocks[Index];

            if (Held->Record != NULL && KiIsSpinKind(Held->Kind) == KiIsSpinKind(Kind))
                KiNoteLockOrder(Held, Record, Lock, Place);
        }
    }
    return Record;
}

// The current thread has got the lock.
VOID KeOwnLock(PVOID Lock, PKLOCK_RECORD Record, KLOCK_KIND Kind, ULONG Flags, PVOID Place)
{
    PKTHREAD Thread = KeGetCurrentThread();
    PKHELD_LOCK Held;

    if (Thread == NULL)
        return;
    Thread->WaitingLock = NULL;
    if (Record != NULL && (Flags & LOCK_SHARED) == 0)
        Record->Owner = Thread;
    KeChaosPoint(ChaosAcquire);
    if (Flags & LOCK_RECURSIVE) {
        Held = KiFindHeld(Thread, Lock);
        if (Held != NULL) {
            Held->Count++;
            return;
        }
    }
    ASSERT(Thread->LocksHeld < KTHREAD_MAXIMUM_LOCKS);
    Held = &Thread->HeldLocks[Thread->LocksHeld++]; // an interrupt from here on uses the entries above
    Held->Record = Record;
    Held->Place = Place;
    Held->Count = 1;
    Held->Kind = (UCHAR)Kind;
    Held->Flags = (UCHAR)Flags;
    Held->Lock = Lock;
}

static VOID KiRemoveHeld(PKTHREAD Thread, PKHELD_LOCK Held)
{
    PKHELD_LOCK Last = &Thread->HeldLocks[Thread->LocksHeld - 1];

    for (; Held < Last; Held++)
        *Held = Held[1];
    Last->Lock = NULL;
    __atomic_signal_fence(__ATOMIC_SEQ_CST);
    Thread->LocksHeld--;
}

// The current thread is about to release the lock (Word: what is in it, for the bugcheck).
VOID KeDisownLock(PVOID Lock, KLOCK_KIND Kind, ULONG_PTR Word)
{
    PKTHREAD Thread = KeGetCurrentThread();
    PKHELD_LOCK Held;
    PKLOCK_RECORD Record;

    KeChaosPoint(ChaosRelease);
    if (Thread == NULL)
        return;
    Held = KiFindHeld(Thread, Lock);
    if (Held == NULL) {
        Record = KiFindLock(Lock);
        if (KiIsSpinKind(Kind))
            KiReportLock(SPIN_LOCK_NOT_OWNED, LOCK_NOT_ACQUIRED, "A thread releases a spin lock that it does not hold",
                         Lock, Record, __builtin_return_address(0), Word);
        else if (Record != NULL && Record->Owner != NULL)
            KiReportLock(DRIVER_VERIFIER_DETECTED_VIOLATION, LOCK_WRONG_THREAD, "A thread releases another's lock",
                         Lock, Record, __builtin_return_address(0), (ULONG_PTR)Record->Owner);
        else
            KiReportLock(DRIVER_VERIFIER_DETECTED_VIOLATION, LOCK_NOT_ACQUIRED,
                         "A thread releases a lock that it does not hold", Lock, Record, __builtin_return_address(0),
                         0);
        return;
    }
    if (--Held->Count != 0)
        return;
    if (Held->Record != NULL && Held->Record->Owner == Thread)
        Held->Record->Owner = NULL;
    KiRemoveHeld(Thread, Held);
}

// Thread (the current one, or one that sleeps) no longer holds the lock: it was released on its behalf, or (All:
// however
// often it was taken) goes on being held by nobody in particular.
VOID KeMoveLock(PVOID Lock, PKTHREAD Thread, BOOLEAN All)
{
    PKHELD_LOCK Held = KiFindHeld(Thread, Lock);

    if (Held == NULL || (--Held->Count != 0 && !All))
        return;
    if (Held->Record != NULL)
        Held->Record->Owner = NULL;
    KiRemoveHeld(Thread, Held);
}

// --- waiting

// Follows lock -> owner -> the lock it waits for -> ...; does that lead back to Self?
static BOOLEAN KiWaitLeadsTo(PKLOCK_RECORD Record, PKTHREAD Self, PKTHREAD *Owner)
{
    for (ULONG Step = 0; Record != NULL && Step < LOCK_WAIT_CHAIN_LIMIT; Step++) {
        *Owner = *(PKTHREAD volatile *)&Record->Owner;
        if (*Owner == NULL)
            return FALSE;
        if (*Owner == Self)
            return Step != 0;
        Record = *(PKLOCK_RECORD volatile *)&(*Owner)->WaitingLock;
    }
    return FALSE;
}

// The current thread goes to sleep until it gets the lock. A ring of waiting owners is a deadlock that has happened
// (0xC4, 0x1001). Looks twice: the threads of a real ring do not move in between.
VOID KeWaitsForLock(PKLOCK_RECORD Record)
{
    PKTHREAD Self = KeGetCurrentThread(), Owner;

    if (Record == NULL)
        return;
    __atomic_store_n(&Self->WaitingLock, Record, __ATOMIC_SEQ_CST);
    if (KiWaitLeadsTo(Record, Self, &Owner) && KiWaitLeadsTo(Record, Self, &Owner))
        KiReportLock(DRIVER_VERIFIER_DETECTED_VIOLATION, LOCK_ORDER_VIOLATION,
                     "Deadlock: threads wait for each other's locks", Record->Lock, Record, __builtin_return_address(0),
                     (ULONG_PTR)Record->Owner);
}

// The current thread ends: it must hold no lock.
VOID KeCheckThreadHoldsNoLock(VOID)
{
    PKTHREAD Thread = KeGetCurrentThread();

    if (Thread->LocksHeld != 0)
        KiReportLock(DRIVER_VERIFIER_DETECTED_VIOLATION, LOCK_HELD_AT_THREAD_END, "A thread ends and holds a lock",
                     Thread->HeldLocks[0].Lock, Thread->HeldLocks[0].Record, Thread->HeldLocks[0].Place, 0);
}
#endif
