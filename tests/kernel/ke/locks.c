// SPDX-License-Identifier: MIT
// Laws of spin locks, plain and queued (ke/spinlock.c), and of what checked builds say about every lock
// (ke/lockcheck.c,
// ke/lockorder.c). Violations are sent to a hook, so that a test can commit several.

#include "ktest.h"

#define THREADS 4
#define TURNS 2000
#define TEST_TAG 0x6B4C744B // 'KtLk'

typedef struct _KT_LOCK {
    KGUARDED_MUTEX Lock;
} KT_LOCK;

static KT_LOCK Locks[4];
static volatile LONG Violations;
static ULONG LastCode;
static CHAR LastText[1024];

static VOID Catch(ULONG Code, PCSTR Text)
{
    Violations++;
    LastCode = Code;
    (VOID) _snprintf(LastText, sizeof(LastText), "%s", Text);
    LastText[sizeof(LastText) - 1] = '\0';
}

static VOID BeginCatching(VOID)
{
    Violations = 0;
    LastText[0] = '\0';
    KeLockViolationHook = Catch;
}

static VOID EndCatching(VOID)
{
    KeLockViolationHook = NULL;
    KeForgetLockOrder("Kt");
}

static VOID TakeBoth(PKGUARDED_MUTEX First, PKGUARDED_MUTEX Second)
{
    KeAcquireGuardedMutex(First);
    KeAcquireGuardedMutex(Second);
    KeReleaseGuardedMutex(Second);
    KeReleaseGuardedMutex(First);
}

KTEST(ke, lock_order_cycle_of_two_is_named_before_it_deadlocks)
{
    // Law: once B was taken inside A, taking A inside B is reported with both names and all four places, by one thread
    // alone.
    KT_LOCK *KtA = &Locks[0], *KtB = &Locks[1];

    KeInitializeGuardedMutex(&KtA->Lock);
    KeInitializeGuardedMutex(&KtB->Lock);
    BeginCatching();
    TakeBoth(&KtA->Lock, &KtB->Lock);
    TakeBoth(&KtA->Lock, &KtB->Lock);
    expect_eq(Violations, 0);
    TakeBoth(&KtB->Lock, &KtA->Lock);
    expect_eq(Violations, 1);
    expect_eq(LastCode, LOCK_ORDER_VIOLATION);
    expect(strstr(LastText, "KtB->Lock -> KtA->Lock -> KtB->Lock") != NULL);
    expect(strstr(LastText, "KtA->Lock at TakeBoth") != NULL || strstr(LastText, "KtA->Lock at ke_lock") != NULL);
    expect(strstr(LastText, "before") != NULL);
    EndCatching();
}

KTEST(ke, lock_order_cycle_of_three_is_named)
{
    // Law: A before B and B before C forbid A inside C, although the two were never seen together.
    KT_LOCK *KtA = &Locks[0], *KtB = &Locks[1], *KtC = &Locks[2];

    KeInitializeGuardedMutex(&KtA->Lock);
    KeInitializeGuardedMutex(&KtB->Lock);
    KeInitializeGuardedMutex(&KtC->Lock);
    BeginCatching();
    TakeBoth(&KtA->Lock, &KtB->Lock);
    TakeBoth(&KtB->Lock, &KtC->Lock);
    TakeBoth(&KtA->Lock, &KtC->Lock);
    expect_eq(Violations, 0);
    TakeBoth(&KtC->Lock, &KtA->Lock);
    expect_eq(Violations, 1);
    expect(strstr(LastText, "Cycle: KtC->Lock -> KtA->Lock -> ") != NULL);
    EndCatching();
}

KTEST(ke, lock_order_is_between_classes_and_does_not_see_tries)
{
    // Law: an order seen with one object's locks binds those of every other; an attempt that does not wait binds
    // nobody.
    KT_LOCK *KtA = &Locks[0], *KtB = &Locks[1];

    KeInitializeGuardedMutex(&KtA->Lock);
    KeInitializeGuardedMutex(&KtB->Lock);
    BeginCatching();
    TakeBoth(&KtA->Lock, &KtB->Lock);
    KeAcquireGuardedMutex(&KtB->Lock);
    expect(KeTryToAcquireGuardedMutex(&KtA->Lock));
    KeReleaseGuardedMutex(&KtA->Lock);
    KeReleaseGuardedMutex(&KtB->Lock);
    expect_eq(Violations, 0);
    KtA = &Locks[2];
    KtB = &Locks[3];
    for (ULONG Turn = 0; Turn < 1; Turn++) { // the same expressions, other objects
        KeInitializeGuardedMutex(&KtA->Lock);
        KeInitializeGuardedMutex(&KtB->Lock);
    }
    TakeBoth(&KtB->Lock, &KtA->Lock);
    expect_eq(Violations, 1);
    EndCatching();
}

KTEST(ke, locks_of_one_class_are_taken_by_address_or_under_a_guard)
{
    // Law: two locks of a class may be held if the second has the higher address, or in any order by who holds the
    // exclusive guard of a class that is known to nest.
    KT_LOCK *KtA = &Locks[0], *KtNesting, *KtGuard = &Locks[3];

    for (ULONG Index = 0; Index < 3; Index++) {
        KtA = &Locks[Index];
        KeInitializeGuardedMutex(&KtA->Lock);
    }
    BeginCatching();
    TakeBoth(&Locks[0].Lock, &Locks[1].Lock);
    expect_eq(Violations, 0);
    TakeBoth(&Locks[1].Lock, &Locks[0].Lock);
    expect_eq(Violations, 1);
    for (ULONG Index = 0; Index < 3; Index++) {
        KtNesting = &Locks[Index];
        KeInitializeGuardedMutex(&KtNesting->Lock);
    }
    KeInitializeGuardedMutex(&KtGuard->Lock);
    KeAcquireGuardedMutex(&KtGuard->Lock);
    TakeBoth(&Locks[1].Lock, &Locks[0].Lock);
    KeReleaseGuardedMutex(&KtGuard->Lock);
    expect_eq(Violations, 1);
    TakeBoth(&Locks[1].Lock, &Locks[0].Lock);
    expect_eq(Violations, 2);
    EndCatching();
}

KTEST(ke, lock_order_holds_for_spin_locks)
{
    // Law: the order of spin locks is checked as that of the others is.
    static KSPIN_LOCK KtFirst, KtSecond;
    KIRQL OldIrql;

    BeginCatching();
    OldIrql = KfAcquireSpinLock(&KtFirst);
    KefAcquireSpinLockAtDpcLevel(&KtSecond);
    KefReleaseSpinLockFromDpcLevel(&KtSecond);
    KfReleaseSpinLock(&KtFirst, OldIrql);
    OldIrql = KfAcquireSpinLock(&KtSecond);
    KefAcquireSpinLockAtDpcLevel(&KtFirst);
    KefReleaseSpinLockFromDpcLevel(&KtFirst);
    KfReleaseSpinLock(&KtSecond, OldIrql);
    expect_eq(Violations, 1);
    EndCatching();
}

KTEST(ke, lock_in_freed_memory_is_reported)
{
    // Law: pool that holds a lock somebody owns, or a resource that was not deleted, must not be freed.
    KT_LOCK *KtFreed = ExAllocatePoolWithTag(NonPagedPool, sizeof(*KtFreed), TEST_TAG);

    KeInitializeGuardedMutex(&KtFreed->Lock);
    BeginCatching();
    KeEnterCriticalRegion();
    KeAcquireGuardedMutex(&KtFreed->Lock);
    KeForgetLocks(KtFreed, sizeof(*KtFreed));
    expect_eq(Violations, 1);
    expect_eq(LastCode, LOCK_ACTIVE_RESOURCE_FREED);
    expect(strstr(LastText, "KtFreed->Lock") != NULL);
    KeReleaseGuardedMutex(&KtFreed->Lock);
    KeLeaveCriticalRegion();
    ExFreePoolWithTag(KtFreed, TEST_TAG);
    expect_eq(Violations, 1);
    EndCatching();
}

KTEST(ke, thread_that_ends_with_a_lock_is_reported)
{
    // Law: who ends holds nothing.
    KT_LOCK *KtA = &Locks[0];

    KeInitializeGuardedMutex(&KtA->Lock);
    BeginCatching();
    KeCheckThreadHoldsNoLock();
    expect_eq(Violations, 0);
    KeAcquireGuardedMutex(&KtA->Lock);
    KeCheckThreadHoldsNoLock();
    expect_eq(Violations, 1);
    expect_eq(LastCode, LOCK_HELD_AT_THREAD_END);
    KeReleaseGuardedMutex(&KtA->Lock);
    EndCatching();
}

KTEST_BUGCHECK(ke, lock_order_violation_is_a_bugcheck, DRIVER_VERIFIER_DETECTED_VIOLATION)
{
    // Law: without a test's hook the first violation stops the system.
    KT_LOCK *KtA = &Locks[0], *KtB = &Locks[1];

    KeInitializeGuardedMutex(&KtA->Lock);
    KeInitializeGuardedMutex(&KtB->Lock);
    TakeBoth(&KtA->Lock, &KtB->Lock);
    TakeBoth(&KtB->Lock, &KtA->Lock);
}

KTEST_BUGCHECK(ke, lock_taken_twice_is_a_bugcheck, DRIVER_VERIFIER_DETECTED_VIOLATION)
{
    // Law: a mutex is not recursive, and the thread that would wait for itself is told so.
    KT_LOCK *KtA = &Locks[0];

    KeInitializeGuardedMutex(&KtA->Lock);
    KeAcquireGuardedMutex(&KtA->Lock);
    KeAcquireGuardedMutex(&KtA->Lock);
}

static VOID NTAPI ReleaseIt(PVOID Context)
{
    KeReleaseGuardedMutex(Context);
}

KTEST_BUGCHECK(ke, lock_released_by_another_is_a_bugcheck, DRIVER_VERIFIER_DETECTED_VIOLATION)
{
    // Law: a mutex is released by its owner.
    KT_LOCK *KtA = &Locks[0];

    KeInitializeGuardedMutex(&KtA->Lock);
    KeAcquireGuardedMutex(&KtA->Lock);
    KtJoin(KtStartThread(ReleaseIt, &KtA->Lock, 8));
}

static VOID StopAtDeadlock(ULONG Code, PCSTR Text)
{
    if (Code == LOCK_ORDER_VIOLATION && strncmp(Text, "Deadlock", 8) == 0)
        KeBugCheck(MANUALLY_INITIATED_CRASH);
}

static KEVENT HasB;

static VOID NTAPI TakeBThenA(PVOID Context)
{
    UNREFERENCED_PARAMETER(Context);
    KeAcquireGuardedMutex(&Locks[1].Lock);
    KeSetEvent(&HasB, 0, FALSE);
    KeAcquireGuardedMutex(&Locks[0].Lock);
}

KTEST_BUGCHECK(ke, ring_of_waiting_threads_is_found, MANUALLY_INITIATED_CRASH)
{
    // Law: whoever closes a ring of threads that wait for each other's locks is told that it is a deadlock.
    KT_LOCK *KtA = &Locks[0], *KtB = &Locks[1];

    KeInitializeGuardedMutex(&KtA->Lock);
    KeInitializeGuardedMutex(&KtB->Lock);
    KeInitializeEvent(&HasB, NotificationEvent, FALSE);
    KeLockViolationHook = StopAtDeadlock; // goes on after the order's violation
    KeAcquireGuardedMutex(&KtA->Lock);
    (VOID) KtStartThread(TakeBThenA, NULL, 8);
    KeWaitForever(&HasB, Executive);
    KeAcquireGuardedMutex(&KtB->Lock);
}

KTEST_BUGCHECK(ke, spin_lock_used_both_ways_is_a_bugcheck, SPIN_LOCK_INIT_FAILURE)
{
    // Law: a spin lock is used plainly or with queue handles, not both (WDK).
    KLOCK_QUEUE_HANDLE Handle;
    KSPIN_LOCK KtMixed;
    KIRQL OldIrql;

    KeInitializeSpinLock(&KtMixed);
    OldIrql = KfAcquireSpinLock(&KtMixed);
    KfReleaseSpinLock(&KtMixed, OldIrql);
    KeAcquireInStackQueuedSpinLock(&KtMixed, &Handle);
}

// --- spin locks

static KSPIN_LOCK KtPlain, KtQueued;
static volatile LONG Inside, Broken;
static ULONG Count; // not interlocked: the lock is what keeps it right

static VOID BeAlone(VOID)
{
    if (InterlockedIncrement(&Inside) != 1)
        InterlockedIncrement(&Broken);
    Count++;
    InterlockedDecrement(&Inside);
}

static VOID NTAPI UsePlain(PVOID Context)
{
    UNREFERENCED_PARAMETER(Context);
    for (ULONG Turn = 0; Turn < TURNS; Turn++) {
        KIRQL OldIrql = KfRaiseIrql(DISPATCH_LEVEL);

        if ((Turn & 3) != 0 || !KeTryToAcquireSpinLockAtDpcLevel(&KtPlain))
            KefAcquireSpinLockAtDpcLevel(&KtPlain);
        if (KtPlain != ((ULONG_PTR)KeGetCurrentThread() | 1) || KeTestSpinLock(&KtPlain))
            InterlockedIncrement(&Broken);
        BeAlone();
        KefReleaseSpinLockFromDpcLevel(&KtPlain);
        KfLowerIrql(OldIrql);
    }
}

static VOID NTAPI UseQueued(PVOID Context)
{
    UNREFERENCED_PARAMETER(Context);
    for (ULONG Turn = 0; Turn < TURNS; Turn++) {
        KLOCK_QUEUE_HANDLE Handle;

        KeAcquireInStackQueuedSpinLock(&KtQueued, &Handle);
        if (KeTestSpinLock(&KtQueued) || KeGetCurrentIrql() != DISPATCH_LEVEL)
            InterlockedIncrement(&Broken);
        BeAlone();
        KeReleaseInStackQueuedSpinLock(&Handle);
    }
}

static VOID RunThreads(PKSTART_ROUTINE Routine)
{
    PETHREAD Threads[THREADS];

    Inside = Broken = 0;
    Count = 0;
    for (ULONG Index = 0; Index < THREADS; Index++)
        Threads[Index] = KtStartThread(Routine, NULL, 8);
    for (ULONG Index = 0; Index < THREADS; Index++)
        KtJoin(Threads[Index]);
    expect_eq(Broken, 0);
    expect_eq(Count, THREADS * TURNS);
}

KTEST(ke, spin_lock_excludes_and_names_its_owner)
{
    // Law: one owner at a time, whose name is in the lock; in the end the lock is 0.
    KeInitializeSpinLock(&KtPlain);
    RunThreads(UsePlain);
    expect_eq(KtPlain, 0);
    expect(KeTestSpinLock(&KtPlain));
}

KTEST(ke, spin_lock_try_does_not_wait)
{
    // Law: an attempt on a held lock fails at once and leaves it as it is.
    KIRQL OldIrql;

    KeInitializeSpinLock(&KtPlain);
    OldIrql = KeAcquireSpinLockRaiseToSynch(&KtPlain);
    expect(!KeTryToAcquireSpinLockAtDpcLevel(&KtPlain));
    KfReleaseSpinLock(&KtPlain, OldIrql);
    expect_eq(KeGetCurrentIrql(), PASSIVE_LEVEL);
    expect_eq(KtPlain, 0);
}

KTEST(ke, queued_spin_lock_excludes)
{
    // Law: one owner at a time; the IRQL comes back; in the end nobody is in line.
    KeInitializeSpinLock(&KtQueued);
    RunThreads(UseQueued);
    expect_eq(KtQueued, 0);
    expect_eq(KeGetCurrentIrql(), PASSIVE_LEVEL);
}

KTEST(ke, queued_spin_lock_hands_on_to_the_next_in_line)
{
    // Law: a release with somebody in line gives him the lock, marked in his own handle; the last one frees the word.
    KLOCK_QUEUE_HANDLE Mine, Next;
    KIRQL OldIrql = KfRaiseIrql(DISPATCH_LEVEL);

    KeInitializeSpinLock(&KtQueued);
    KeAcquireInStackQueuedSpinLockAtDpcLevel(&KtQueued, &Mine);
    expect_eq(KtQueued, &Mine.LockQueue);
    Next.LockQueue.Next = NULL; // as another processor would queue
    Next.LockQueue.Lock = (PKSPIN_LOCK)((ULONG_PTR)&KtQueued | 1);
    KtQueued = (ULONG_PTR)&Next.LockQueue;
    Mine.LockQueue.Next = &Next.LockQueue;
    KeReleaseInStackQueuedSpinLockFromDpcLevel(&Mine);
    expect_eq(Next.LockQueue.Lock, (ULONG_PTR)&KtQueued | 2);
    expect_eq(KtQueued, &Next.LockQueue);
    KtQueued = 0;
    KfLowerIrql(OldIrql);
}
