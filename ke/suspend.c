// SPDX-License-Identifier: MIT
// Suspension: a normal kernel APC in which the thread waits for its own semaphore. So a thread is never stopped inside
// a critical region, and its user context lies in its trap frame. Source: Windows Internals, "Thread Suspension".

#include "ki.h"

static VOID NTAPI KiSuspendKernelRoutine(PKAPC Apc, PKNORMAL_ROUTINE *NormalRoutine, PVOID *Context, PVOID *Argument1,
                                         PVOID *Argument2)
{
    UNREFERENCED_PARAMETER(Apc);
    UNREFERENCED_PARAMETER(NormalRoutine);
    UNREFERENCED_PARAMETER(Context);
    UNREFERENCED_PARAMETER(Argument1);
    UNREFERENCED_PARAMETER(Argument2);
}

static VOID NTAPI KiSuspendRundown(PKAPC Apc)
{
    Apc->Inserted = FALSE;
}

static VOID NTAPI KiSuspendNormalRoutine(PVOID Context, PVOID Argument1, PVOID Argument2)
{
    UNREFERENCED_PARAMETER(Context);
    UNREFERENCED_PARAMETER(Argument1);
    UNREFERENCED_PARAMETER(Argument2);
    KeWaitForever(&KeGetCurrentThread()->SuspendSemaphore, Suspended);
}

VOID KiInitializeSuspendApc(PKTHREAD Thread)
{
    KeInitializeApc(&Thread->SuspendApc, Thread, OriginalApcEnvironment, KiSuspendKernelRoutine, KiSuspendRundown,
                    KiSuspendNormalRoutine, KernelMode, NULL);
}

// Stops the thread until it is resumed as often as it was suspended.
//
// IRQL <= DISPATCH_LEVEL (the thread may be the current one, below APC_LEVEL then).
// Returns the count before.  Raises STATUS_SUSPEND_COUNT_EXCEEDED.
ULONG NTAPI KeSuspendThread(PKTHREAD Thread)
{
    KIRQL OldIrql;
    ULONG Previous;

    ASSERT_THREAD(Thread);
    ASSERT_IRQL_LESS_OR_EQUAL(DISPATCH_LEVEL);
    OldIrql = KiLockDispatcherDatabase();
    Previous = Thread->SuspendCount;
    if (Previous == MAXIMUM_SUSPEND_COUNT) {
        KiUnlockDispatcherDatabase(OldIrql);
        ExRaiseStatus(STATUS_SUSPEND_COUNT_EXCEEDED);
    }
    if (Thread->ApcQueueable) {
        Thread->SuspendCount++;
        if (Previous == 0 && Thread->FreezeCount == 0) {
            if (Thread->SuspendApc.Inserted)
                Thread->SuspendSemaphore.Header.SignalState--; // it has been resumed before it noticed
            else
                (VOID) KiInsertQueueApc(&Thread->SuspendApc, 0);
        }
    }
    KiUnlockDispatcherDatabase(OldIrql);
    return Previous;
}

static VOID KiLetThreadGo(PKTHREAD Thread)
{
    Thread->SuspendSemaphore.Header.SignalState++;
    KdTrace(Signal, &Thread->SuspendSemaphore, SemaphoreObject, 0, 0);
    KiWaitTest(&Thread->SuspendSemaphore, 0);
}

// Takes one suspension back. IRQL <= DISPATCH_LEVEL. Returns the count before (0: it was not suspended).
ULONG NTAPI KeResumeThread(PKTHREAD Thread)
{
    KIRQL OldIrql;
    ULONG Previous;

    ASSERT_THREAD(Thread);
    ASSERT_IRQL_LESS_OR_EQUAL(DISPATCH_LEVEL);
    OldIrql = KiLockDispatcherDatabase();
    Previous = Thread->SuspendCount;
    if (Previous != 0 && --Thread->SuspendCount == 0 && Thread->FreezeCount == 0)
        KiLetThreadGo(Thread);
    KiUnlockDispatcherDatabase(OldIrql);
    return Previous;
}

// Takes all suspensions back, for a thread that is to end. IRQL <= DISPATCH_LEVEL.
VOID KeForceResumeThread(PKTHREAD Thread)
{
    KIRQL OldIrql = KiLockDispatcherDatabase();

    if (Thread->SuspendCount + Thread->FreezeCount != 0) {
        Thread->SuspendCount = Thread->FreezeCount = 0;
        KiLetThreadGo(Thread);
    }
    KiUnlockDispatcherDatabase(OldIrql);
}
