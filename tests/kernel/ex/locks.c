// SPDX-License-Identifier: MIT
// Laws of fast and guarded mutexes, push locks, run-down protection (ex/fmutex.c, gmutex.c, pushlock.c, rundown.c).

#include "ktest.h"

#define THREADS 4
#define TURNS 200

static FAST_MUTEX Fast;
static KGUARDED_MUTEX Guarded;
static EX_PUSH_LOCK Push;
static volatile LONG Owners, Broken, Shared, Turns;

// Lets the others run: those of this processor and, where processors take turns, the other processors.
static VOID Rest(VOID)
{
    IGNORE_STATUS(ZwYieldExecution());
    YieldProcessor();
}

// The body of a critical section: alone in it, even though it gives the processor away.
static VOID BeAlone(VOID)
{
    if (InterlockedIncrement(&Owners) != 1)
        InterlockedIncrement(&Broken);
    Rest();
    Turns++;
    if (InterlockedDecrement(&Owners) != 0)
        InterlockedIncrement(&Broken);
}

static VOID NTAPI UseFast(PVOID Context)
{
    UNREFERENCED_PARAMETER(Context);
    for (ULONG Turn = 0; Turn < TURNS; Turn++) {
        ExAcquireFastMutex(&Fast);
        BeAlone();
        ExReleaseFastMutex(&Fast);
    }
}

static VOID NTAPI UseGuarded(PVOID Context)
{
    UNREFERENCED_PARAMETER(Context);
    for (ULONG Turn = 0; Turn < TURNS; Turn++) {
        KeAcquireGuardedMutex(&Guarded);
        BeAlone();
        KeReleaseGuardedMutex(&Guarded);
    }
}

static VOID NTAPI UsePush(PVOID Context)
{
    UNREFERENCED_PARAMETER(Context);
    for (ULONG Turn = 0; Turn < TURNS; Turn++) {
        KeEnterCriticalRegion();
        if ((KtRandom() & 3) == 0) {
            ExAcquirePushLockExclusive(&Push);
            if (Shared != 0)
                InterlockedIncrement(&Broken);
            BeAlone();
            ExReleasePushLockExclusive(&Push);
        } else {
            ExAcquirePushLockShared(&Push);
            InterlockedIncrement(&Shared);
            if (Owners != 0)
                InterlockedIncrement(&Broken);
            Rest();
            InterlockedDecrement(&Shared);
            InterlockedIncrement(&Turns);
            ExReleasePushLockShared(&Push);
        }
        KeLeaveCriticalRegion();
    }
}

// Returns when Thread sleeps for Reason, on whichever processor.
static VOID WaitUntilAsleep(PETHREAD Thread, KWAIT_REASON Reason)
{
    while (*(volatile UCHAR *)&Thread->Tcb.WaitReason != Reason || Thread->Tcb.State != Waiting)
        Rest();
}

static VOID RunThreads(PKSTART_ROUTINE Routine)
{
    PETHREAD Threads[THREADS];

    Owners = Broken = Shared = Turns = 0;
    for (ULONG Index = 0; Index < THREADS; Index++)
        Threads[Index] = KtStartThread(Routine, NULL, 8);
    for (ULONG Index = 0; Index < THREADS; Index++)
        KtJoin(Threads[Index]);
    expect_eq(Broken, 0);
    expect_eq(Turns, THREADS * TURNS);
}

KTEST(ex, fast_mutex_excludes)
{
    // Law: one owner at a time; the owner is at APC_LEVEL and returns to where it was.
    ExInitializeFastMutex(&Fast);
    RunThreads(UseFast);
    ExAcquireFastMutex(&Fast);
    expect_eq(KeGetCurrentIrql(), APC_LEVEL);
    ExReleaseFastMutex(&Fast);
    expect_eq(KeGetCurrentIrql(), PASSIVE_LEVEL);
    expect(ExTryToAcquireFastMutex(&Fast));
    ExReleaseFastMutex(&Fast);
    expect_eq(Fast.Count, 1);
}

KTEST(ex, guarded_mutex_excludes)
{
    // Law: one owner at a time; the owner is in a guarded region, at its own IRQL.
    KeInitializeGuardedMutex(&Guarded);
    RunThreads(UseGuarded);
    KeAcquireGuardedMutex(&Guarded);
    expect_eq(KeGetCurrentIrql(), PASSIVE_LEVEL);
    expect(KeGetCurrentThread()->SpecialApcDisable < 0);
    KeReleaseGuardedMutex(&Guarded);
    expect_eq(KeGetCurrentThread()->SpecialApcDisable, 0);
}

KTEST(ex, push_lock_excludes_and_shares)
{
    // Law: an exclusive owner is alone; shared owners are together; afterwards the lock is free.
    ExInitializePushLock(&Push);
    RunThreads(UsePush);
    expect_eq(Push.Value, 0);
}

static VOID NTAPI ShareBriefly(PVOID Context)
{
    UNREFERENCED_PARAMETER(Context);
    KeEnterCriticalRegion();
    ExAcquirePushLockShared(&Push);
    ExReleasePushLockShared(&Push);
    KeLeaveCriticalRegion();
}

KTEST(ex, push_lock_is_shared_by_several)
{
    // Law: a second shared owner does not wait for the first.
    ExInitializePushLock(&Push);
    KeEnterCriticalRegion();
    ExAcquirePushLockShared(&Push);
    KtJoin(KtStartThread(ShareBriefly, NULL, 8));
    ExReleasePushLockShared(&Push);
    KeLeaveCriticalRegion();
    expect_eq(Push.Value, 0);
}

static VOID NTAPI TakePushExclusive(PVOID Context)
{
    KeEnterCriticalRegion();
    ExAcquirePushLockExclusive(&Push);
    *(volatile LONG *)Context = InterlockedIncrement(&Turns);
    ExReleasePushLockExclusive(&Push);
    KeLeaveCriticalRegion();
}

static VOID NTAPI TakePushShared(PVOID Context)
{
    KeEnterCriticalRegion();
    ExAcquirePushLockShared(&Push);
    *(volatile LONG *)Context = InterlockedIncrement(&Turns);
    ExReleasePushLockShared(&Push);
    KeLeaveCriticalRegion();
}

KTEST(ex, push_lock_serves_in_order)
{
    // Law: a new shared owner does not pass a waiting exclusive one.
    volatile LONG Exclusive = 0, Later = 0;
    PETHREAD Writer, Reader;

    Turns = 0;
    ExInitializePushLock(&Push);
    KeEnterCriticalRegion();
    ExAcquirePushLockShared(&Push);
    Writer = KtStartThread(TakePushExclusive, (PVOID)&Exclusive, 16);
    WaitUntilAsleep(Writer, WrPushLock);
    Reader = KtStartThread(TakePushShared, (PVOID)&Later, 16);
    WaitUntilAsleep(Reader, WrPushLock);
    expect_eq(Turns, 0);
    ExReleasePushLockShared(&Push);
    KeLeaveCriticalRegion();
    KtJoin(Writer);
    KtJoin(Reader);
    expect_eq(Exclusive, 1);
    expect_eq(Later, 2);
    expect_eq(Push.Value, 0);
}

static EX_RUNDOWN_REF Ref;
static volatile LONG RundownDone;

static VOID NTAPI RunItDown(PVOID Context)
{
    UNREFERENCED_PARAMETER(Context);
    ExWaitForRundownProtectionRelease(&Ref);
    RundownDone = 1;
}

KTEST_EXACT(ex, rundown_waits_for_references_and_lets_none_in)
{
    // Law: the run-down ends when the last reference is dropped, and from its beginning on no new one is given.
    PETHREAD Thread;

    RundownDone = 0;
    ExInitializeRundownProtection(&Ref);
    expect(ExAcquireRundownProtection(&Ref));
    expect(ExAcquireRundownProtection(&Ref));
    Thread = KtStartThread(RunItDown, NULL, 16);
    WaitUntilAsleep(Thread, WrRundown);
    expect(!ExAcquireRundownProtection(&Ref));
    ExReleaseRundownProtection(&Ref);
    expect_eq(RundownDone, 0);
    ExReleaseRundownProtection(&Ref);
    KtJoin(Thread);
    expect_eq(RundownDone, 1);
    expect(!ExAcquireRundownProtection(&Ref));
    ExWaitForRundownProtectionRelease(&Ref); // returns at once
}

KTEST(ex, rundown_counts_in_steps_and_opens_again)
{
    // Law: references may be taken and dropped several at a time; after the end it can be opened anew.
    ExInitializeRundownProtection(&Ref);
    expect(ExAcquireRundownProtectionEx(&Ref, 3));
    ExReleaseRundownProtectionEx(&Ref, 2);
    ExReleaseRundownProtection(&Ref);
    ExWaitForRundownProtectionRelease(&Ref);
    expect(!ExAcquireRundownProtection(&Ref));
    ExReInitializeRundownProtection(&Ref);
    expect(ExAcquireRundownProtection(&Ref));
    ExReleaseRundownProtection(&Ref);
    ExRundownCompleted(&Ref);
    expect(!ExAcquireRundownProtection(&Ref));
}

KTEST(ex, lock_attempts_do_not_wait)
{
    // Law: an attempt on a lock that cannot be had fails at once and changes nothing.
    ExInitializePushLock(&Push);
    KeInitializeGuardedMutex(&Guarded);
    KeEnterCriticalRegion();
    expect(ExTryAcquirePushLockShared(&Push));
    expect(!ExTryAcquirePushLockExclusive(&Push));
    ExReleasePushLockShared(&Push);
    expect(ExTryAcquirePushLockExclusive(&Push));
    expect(!ExTryAcquirePushLockShared(&Push));
    ExReleasePushLockExclusive(&Push);
    expect_eq(Push.Value, 0);
    expect(KeTryToAcquireGuardedMutex(&Guarded));
    expect(!KeTryToAcquireGuardedMutex(&Guarded));
    KeReleaseGuardedMutex(&Guarded);
    KeEnterGuardedRegion();
    KeAcquireGuardedMutexUnsafe(&Guarded);
    KeReleaseGuardedMutexUnsafe(&Guarded);
    KeLeaveGuardedRegion();
    KeLeaveCriticalRegion();
    expect_eq(Guarded.Count, 1);
}
