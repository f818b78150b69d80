// SPDX-License-Identifier: MIT
// Laws of APCs for threads that are suspended, wait in a region or at APC_LEVEL, run elsewhere, or have ended. Source:
// Windows Internals, "APC Interrupts"; WDK, "Types of APCs".

#include "ktest.h"

static ULONG KtSpecial, KtNormal, KtDepth, KtDeepest;
static KPRIORITY KtPriority;
static KEVENT KtGo;
static KAPC KtInner[2]; // queued by the normal routine: a normal one and a special one
static volatile NTSTATUS KtStatus;
static volatile BOOLEAN KtStop;

static VOID NTAPI KtSpecialRoutine(PKAPC Apc, PKNORMAL_ROUTINE *Normal, PVOID *Context, PVOID *Argument1,
                                   PVOID *Argument2)
{
    UNREFERENCED_PARAMETER(Apc);
    UNREFERENCED_PARAMETER(Normal);
    UNREFERENCED_PARAMETER(Context);
    UNREFERENCED_PARAMETER(Argument1);
    UNREFERENCED_PARAMETER(Argument2);
    KtSpecial++;
    KtPriority = KeQueryPriorityThread(KeGetCurrentThread());
}

static VOID NTAPI KtKernelPart(PKAPC Apc, PKNORMAL_ROUTINE *Normal, PVOID *Context, PVOID *Argument1, PVOID *Argument2)
{
    UNREFERENCED_PARAMETER(Apc);
    UNREFERENCED_PARAMETER(Normal);
    UNREFERENCED_PARAMETER(Context);
    UNREFERENCED_PARAMETER(Argument1);
    UNREFERENCED_PARAMETER(Argument2);
}

static VOID NTAPI KtNormalPart(PVOID Context, PVOID Argument1, PVOID Argument2)
{
    UNREFERENCED_PARAMETER(Argument1);
    UNREFERENCED_PARAMETER(Argument2);
    KtDepth++;
    KtDeepest = max_of(KtDeepest, KtDepth);
    KtNormal++;
    if (Context != NULL) {
        expect(KeInsertQueueApc(&KtInner[0], NULL, NULL, 0));
        expect_eq(KtNormal, 1);
        expect(KeInsertQueueApc(&KtInner[1], NULL, NULL, 0));
        expect_eq(KtSpecial, 1);
    }
    KtDepth--;
}

static VOID KtInitSpecial(PKAPC Apc, PKTHREAD Thread)
{
    KeInitializeApc(Apc, Thread, OriginalApcEnvironment, KtSpecialRoutine, NULL, NULL, KernelMode, NULL);
}

static VOID KtInitNormal(PKAPC Apc, PKTHREAD Thread, PVOID Context)
{
    KeInitializeApc(Apc, Thread, OriginalApcEnvironment, KtKernelPart, NULL, KtNormalPart, KernelMode, Context);
}

static VOID KtReset(VOID)
{
    KtSpecial = KtNormal = KtDepth = KtDeepest = 0;
    KtPriority = 0;
    KtStatus = STATUS_PENDING;
    KtStop = FALSE;
    KeInitializeEvent(&KtGo, NotificationEvent, FALSE);
}

KTEST_EXACT(ke, apc_normal_is_not_nested_special_is)
{
    // Law: while the normal routine of a kernel APC runs, no other normal one is delivered, a special one is; the
    // normal one follows.
    KAPC Outer;

    KtReset();
    KtInitNormal(&Outer, KeGetCurrentThread(), &Outer);
    KtInitNormal(&KtInner[0], KeGetCurrentThread(), NULL);
    KtInitSpecial(&KtInner[1], KeGetCurrentThread());
    expect(KeInsertQueueApc(&Outer, NULL, NULL, 0));
    expect_eq(KtNormal, 2);
    expect_eq(KtSpecial, 1);
    expect_eq(KtDeepest, 1);
}

static VOID NTAPI KtWaitHere(PVOID Context)
{
    ULONG Region = (ULONG)(ULONG_PTR)Context;
    KIRQL Old = PASSIVE_LEVEL;

    if (Region == 1)
        KeEnterGuardedRegion();
    if (Region == 2)
        Old = KfRaiseIrql(APC_LEVEL);
    KtStatus = KeWaitForSingleObject(&KtGo, Executive, KernelMode, TRUE, NULL);
    expect_eq(KtSpecial, Region == 0);
    if (Region == 1)
        KeLeaveGuardedRegion();
    if (Region == 2)
        KfLowerIrql(Old);
    expect_eq(KtSpecial, 1);
    expect_eq(KtNormal, 1);
}

KTEST_EXACT(ke, apc_does_not_reach_into_a_region_that_waits)
{
    // Law: a thread that waits in a guarded region or at APC_LEVEL is left alone by kernel APCs; they come when it has
    // woken and left. Elsewhere they run at once, boosted by the increment, and the wait goes on.
    KAPC Special, Normal;
    PETHREAD Thread;
    ULONG Region;

    for (Region = 0; Region < 3; Region++) {
        KtReset();
        Thread = KtStartThread(KtWaitHere, (PVOID)(ULONG_PTR)Region, 10);
        KtInitSpecial(&Special, &Thread->Tcb);
        KtInitNormal(&Normal, &Thread->Tcb, NULL);
        expect(KeInsertQueueApc(&Special, NULL, NULL, 3));
        expect(KeInsertQueueApc(&Normal, NULL, NULL, 0));
        expect_eq(KtSpecial, Region == 0);
        expect_eq(KtNormal, Region == 0);
        if (Region == 0)
            expect_eq(KtPriority, 13);
        expect_status(KtStatus, STATUS_PENDING);
        expect_eq(Thread->Tcb.State, Waiting);
        KeSetEvent(&KtGo, 0, FALSE);
        KtJoin(Thread);
        expect_status(KtStatus, STATUS_SUCCESS);
    }
}

static VOID NTAPI KtWaitQuietly(PVOID Context)
{
    UNREFERENCED_PARAMETER(Context);
    KtStatus = KeWaitForSingleObject(&KtGo, Executive, KernelMode, FALSE, NULL);
}

KTEST_EXACT(ke, apc_to_a_suspended_thread)
{
    // Law: suspension is a normal APC: a special one still runs in the suspended thread, which stays suspended; a
    // normal one waits for its end, and so does what the thread waited for.
    KAPC Special, Normal;
    PETHREAD Thread;

    KtReset();
    Thread = KtStartThread(KtWaitQuietly, NULL, 12);
    expect_eq(KeSuspendThread(&Thread->Tcb), 0);
    expect_eq(Thread->Tcb.WaitReason, Suspended);
    KtInitSpecial(&Special, &Thread->Tcb);
    KtInitNormal(&Normal, &Thread->Tcb, NULL);
    expect(KeInsertQueueApc(&Normal, NULL, NULL, 0));
    expect(KeInsertQueueApc(&Special, NULL, NULL, 0));
    expect_eq(KtSpecial, 1);
    expect_eq(KtNormal, 0);
    KeSetEvent(&KtGo, 0, FALSE);
    expect_eq(Thread->Tcb.WaitReason, Suspended);
    expect_status(KtStatus, STATUS_PENDING);
    expect_eq(KeResumeThread(&Thread->Tcb), 1);
    expect_eq(KtNormal, 1);
    expect_status(KtStatus, STATUS_SUCCESS);
    KtJoin(Thread);
}

KTEST_EXACT(ke, apc_to_a_thread_that_has_ended_is_refused)
{
    // Law: a thread that has ended takes no APC, and cannot be suspended.
    KAPC Special;
    PETHREAD Thread;

    KtReset();
    KeSetEvent(&KtGo, 0, FALSE);
    Thread = KtStartThread(KtWaitQuietly, NULL, 12);
    KeWaitForever(&Thread->Tcb, Executive);
    KtInitSpecial(&Special, &Thread->Tcb);
    expect(!KeInsertQueueApc(&Special, NULL, NULL, 0));
    expect_eq(KeSuspendThread(&Thread->Tcb), 0);
    expect_eq(KeSuspendThread(&Thread->Tcb), 0);
    KtJoin(Thread);
    expect_eq(KtSpecial, 0);
}

static VOID NTAPI KtWaitForAWhile(PVOID Context)
{
    LARGE_INTEGER Due = {.QuadPart = -3000000};
    ULONGLONG Begin = KeQueryInterruptTime();

    KtStatus = KeWaitForSingleObject(&KtGo, Executive, KernelMode, FALSE, &Due);
    *(PULONG)Context = (ULONG)(KeQueryInterruptTime() - Begin);
}

KTEST_EXACT(ke, apc_does_not_begin_a_timeout_anew)
{
    // Law: the timeout of a wait that an APC breaks off and that goes on is counted from its beginning.
    LARGE_INTEGER Moment = {.QuadPart = -2000000};
    PETHREAD Thread;
    ULONG Time = 0;
    KAPC Apc;

    KtReset();
    Thread = KtStartThread(KtWaitForAWhile, &Time, 12);
    IGNORE_STATUS(KeDelayExecutionThread(KernelMode, FALSE, &Moment));
    KtInitSpecial(&Apc, &Thread->Tcb);
    expect(KeInsertQueueApc(&Apc, NULL, NULL, 0));
    expect_eq(KtSpecial, 1);
    KtJoin(Thread);
    expect_status(KtStatus, STATUS_TIMEOUT);
    expect(Time >= 3000000 && Time <= 3000000 + 2 * KeQueryTimeIncrement());
}

// The APC is the test's.
static VOID NTAPI KtForget(PKAPC Apc)
{
    UNREFERENCED_PARAMETER(Apc);
}

static VOID NTAPI KtWaitAsUser(PVOID Context)
{
    KtStatus = KeWaitForSingleObject(&KtGo, Executive, UserMode, Context != NULL, NULL);
}

KTEST_EXACT(ke, apc_of_user_mode_wakes_who_allows_it)
{
    // Law: a user APC queued to a waiting thread ends its wait in user mode with STATUS_USER_APC if that is alertable,
    // and stays queued for later if it is not.
    PETHREAD Thread;
    ULONG Alertable;
    KAPC Apc;

    for (Alertable = 0; Alertable < 2; Alertable++) {
        KtReset();
        Thread = KtStartThread(KtWaitAsUser, (PVOID)(ULONG_PTR)Alertable, 12);
        KeInitializeApc(&Apc, &Thread->Tcb, OriginalApcEnvironment, KtKernelPart, KtForget, (PKNORMAL_ROUTINE)0x1000,
                        UserMode, NULL);
        expect(KeInsertQueueApc(&Apc, NULL, NULL, 0));
        expect_status(KtStatus, Alertable ? STATUS_USER_APC : STATUS_PENDING);
        KeSetEvent(&KtGo, 0, FALSE);
        KtJoin(Thread);
        expect_status(KtStatus, Alertable ? STATUS_USER_APC : STATUS_SUCCESS);
    }
}

static volatile ULONG KtRounds, KtWhere;

static VOID NTAPI KtCompute(PVOID Context)
{
    UNREFERENCED_PARAMETER(Context);
    while (!KtStop) {
        KtRounds++;
        KtWhere = KeGetCurrentProcessorNumber();
    }
}

KTEST_MP_TIMED(ke, apc_reaches_a_thread_that_computes_elsewhere)
{
    // Law: a kernel APC runs soon in a thread that computes and never waits, on whichever processor that is: long
    // before its next tick there; and it can be suspended there.
    LARGE_INTEGER Moment = {.QuadPart = -300000};
    PETHREAD Thread;
    ULONG Number, Before;
    KAPC Apc;

    KeSetSystemAffinityThread(1);
    for (Number = 0; Number < (ULONG)KeNumberProcessors; Number++) {
        KtReset();
        Thread = KtStartThread(KtCompute, NULL, 6);
        KeSetAffinityThread(&Thread->Tcb, 1ul << Number);
        KtWhere = 99;
        IGNORE_STATUS(KeDelayExecutionThread(KernelMode, FALSE, &Moment));
        expect_eq(KtWhere, Number);
        KtInitSpecial(&Apc, &Thread->Tcb);
        expect(KeInsertQueueApc(&Apc, NULL, NULL, 0));
        IGNORE_STATUS(KeDelayExecutionThread(KernelMode, FALSE, &Moment));
        expect_eq(KtSpecial, 1);
        expect_eq(KeSuspendThread(&Thread->Tcb), 0);
        IGNORE_STATUS(KeDelayExecutionThread(KernelMode, FALSE, &Moment));
        Before = KtRounds;
        IGNORE_STATUS(KeDelayExecutionThread(KernelMode, FALSE, &Moment));
        expect_eq(KtRounds, Before);
        expect_eq(KeResumeThread(&Thread->Tcb), 1);
        KtStop = TRUE;
        KtJoin(Thread);
    }
    KeRevertToUserAffinityThread();
}
