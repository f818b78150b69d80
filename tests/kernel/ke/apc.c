// SPDX-License-Identifier: MIT
// Laws of kernel APCs, critical and guarded regions, suspension and attaching.

#include "ktest.h"

static ULONG KtSpecial, KtKernelRoutine, KtNormal;
static KIRQL KtSpecialIrql, KtKernelIrql, KtNormalIrql;
static KEVENT KtReady, KtGo;
static ULONG KtOrder[8], KtOrderCount;

static VOID NTAPI KtSpecialRoutine(PKAPC Apc, PKNORMAL_ROUTINE *Normal, PVOID *Context, PVOID *Argument1,
                                   PVOID *Argument2)
{
    UNREFERENCED_PARAMETER(Normal);
    UNREFERENCED_PARAMETER(Context);
    UNREFERENCED_PARAMETER(Argument2);
    KtSpecial++;
    KtSpecialIrql = KeGetCurrentIrql();
    expect_eq(Apc->Thread, KeGetCurrentThread());
    if (KtOrderCount < RTL_NUMBER_OF(KtOrder))
        KtOrder[KtOrderCount++] = (ULONG)(ULONG_PTR)*Argument1;
}

static VOID NTAPI KtKernelPart(PKAPC Apc, PKNORMAL_ROUTINE *Normal, PVOID *Context, PVOID *Argument1, PVOID *Argument2)
{
    UNREFERENCED_PARAMETER(Apc);
    UNREFERENCED_PARAMETER(Normal);
    UNREFERENCED_PARAMETER(Context);
    UNREFERENCED_PARAMETER(Argument1);
    UNREFERENCED_PARAMETER(Argument2);
    KtKernelRoutine++;
    KtKernelIrql = KeGetCurrentIrql();
}

static VOID NTAPI KtNormalPart(PVOID Context, PVOID Argument1, PVOID Argument2)
{
    expect_eq(Context, 0x33);
    expect_eq(Argument2, 0x22);
    KtNormal++;
    KtNormalIrql = KeGetCurrentIrql();
    if (KtOrderCount < RTL_NUMBER_OF(KtOrder))
        KtOrder[KtOrderCount++] = (ULONG)(ULONG_PTR)Argument1;
}

static VOID KtReset(VOID)
{
    KtSpecial = KtKernelRoutine = KtNormal = KtOrderCount = 0;
    KtSpecialIrql = KtKernelIrql = KtNormalIrql = 0xFF;
}

static VOID KtInitSpecial(PKAPC Apc, PKTHREAD Thread)
{
    KeInitializeApc(Apc, Thread, OriginalApcEnvironment, KtSpecialRoutine, NULL, NULL, KernelMode, NULL);
}

static VOID KtInitNormal(PKAPC Apc, PKTHREAD Thread)
{
    KeInitializeApc(Apc, Thread, OriginalApcEnvironment, KtKernelPart, NULL, KtNormalPart, KernelMode, (PVOID)0x33);
}

KTEST(ke, apc_delivery_matrix)
{
    // Law: to the current thread, a special kernel APC is delivered below APC_LEVEL outside guarded regions; a normal
    // one at PASSIVE_LEVEL outside critical regions too. What is held off comes when the reason ends.
    KAPC Special, Normal;
    ULONG Level, Region;
    KIRQL Old;

    for (Level = PASSIVE_LEVEL; Level <= DISPATCH_LEVEL; Level++) {
        for (Region = 0; Region < 3; Region++) { // none, critical, guarded
            KtReset();
            KtInitSpecial(&Special, KeGetCurrentThread());
            KtInitNormal(&Normal, KeGetCurrentThread());
            if (Region == 1)
                KeEnterCriticalRegion();
            if (Region == 2)
                KeEnterGuardedRegion();
            Old = KfRaiseIrql((KIRQL)Level);
            expect(KeInsertQueueApc(&Normal, (PVOID)1, (PVOID)0x22, 0));
            expect(KeInsertQueueApc(&Special, (PVOID)2, (PVOID)0x22, 0));
            expect_eq(KtSpecial, Level == PASSIVE_LEVEL && Region != 2);
            expect_eq(KtNormal, Level == PASSIVE_LEVEL && Region == 0);
            KfLowerIrql(Old);
            expect_eq(KtSpecial, Region != 2);
            expect_eq(KtNormal, Region == 0);
            if (Region == 1)
                KeLeaveCriticalRegion();
            if (Region == 2)
                KeLeaveGuardedRegion();
            expect_eq(KtSpecial, 1);
            expect_eq(KtNormal, 1);
            expect_eq(KtSpecialIrql, APC_LEVEL);
            expect_eq(KtKernelIrql, APC_LEVEL);
            expect_eq(KtNormalIrql, PASSIVE_LEVEL);
        }
    }
}

KTEST(ke, apc_special_before_normal)
{
    // Law: queued together, special kernel APCs run before normal ones, each kind in order; one is not queued twice.
    KAPC Apcs[4];
    KIRQL Old;

    KtReset();
    KtInitNormal(&Apcs[0], KeGetCurrentThread());
    KtInitSpecial(&Apcs[1], KeGetCurrentThread());
    KtInitNormal(&Apcs[2], KeGetCurrentThread());
    KtInitSpecial(&Apcs[3], KeGetCurrentThread());
    Old = KfRaiseIrql(APC_LEVEL);
    for (ULONG Index = 0; Index < 4; Index++)
        expect(KeInsertQueueApc(&Apcs[Index], (PVOID)(ULONG_PTR)Index, (PVOID)0x22, 0));
    expect(!KeInsertQueueApc(&Apcs[0], NULL, NULL, 0));
    KfLowerIrql(Old);
    expect_eq(KtOrderCount, 4);
    expect(KtOrder[0] == 1 && KtOrder[1] == 3 && KtOrder[2] == 0 && KtOrder[3] == 2);
}

KTEST(ke, apc_can_be_removed)
{
    // Law: an APC taken back before delivery does not run.
    KAPC Apc;
    KIRQL Old;

    KtReset();
    KtInitSpecial(&Apc, KeGetCurrentThread());
    Old = KfRaiseIrql(APC_LEVEL);
    expect(KeInsertQueueApc(&Apc, NULL, NULL, 0));
    expect(KeRemoveQueueApc(&Apc));
    expect(!KeRemoveQueueApc(&Apc));
    KfLowerIrql(Old);
    expect_eq(KtSpecial, 0);
}

static volatile NTSTATUS KtWaitStatus;

static VOID NTAPI KtApcTarget(PVOID Context)
{
    if (Context != NULL)
        KeEnterCriticalRegion();
    KeSetEvent(&KtReady, 0, FALSE);
    KtWaitStatus = KeWaitForSingleObject(&KtGo, Executive, KernelMode, FALSE, NULL);
    if (Context != NULL)
        KeLeaveCriticalRegion();
}

KTEST_EXACT(ke, apc_interrupts_a_wait_which_goes_on)
{
    // Law: a kernel APC runs in a waiting thread at once; the wait does not end by it. In a critical region only a
    // special one does.
    KAPC Special, Normal;
    PETHREAD Thread;
    ULONG Critical;

    for (Critical = 0; Critical < 2; Critical++) {
        KtReset();
        KtWaitStatus = STATUS_PENDING;
        KeInitializeEvent(&KtReady, NotificationEvent, FALSE);
        KeInitializeEvent(&KtGo, NotificationEvent, FALSE);
        Thread = KtStartThread(KtApcTarget, (PVOID)(ULONG_PTR)Critical, 12);
        KeWaitForever(&KtReady, Executive);
        KtInitSpecial(&Special, &Thread->Tcb);
        KtInitNormal(&Normal, &Thread->Tcb);
        expect(KeInsertQueueApc(&Special, NULL, (PVOID)0x22, 0));
        expect(KeInsertQueueApc(&Normal, NULL, (PVOID)0x22, 0));
        expect_eq(KtSpecial, 1);
        expect_eq(KtNormal, !Critical);
        expect_status(KtWaitStatus, STATUS_PENDING);
        KeSetEvent(&KtGo, 0, FALSE);
        KtJoin(Thread);
        expect_status(KtWaitStatus, STATUS_SUCCESS);
        expect_eq(KtNormal, 1);
    }
}

KTEST(ke, alert_ends_an_alertable_wait_only)
{
    // Law: an alert ends an alertable wait with STATUS_ALERTED, once; a wait that is not alertable ignores it.
    LARGE_INTEGER Due = {.QuadPart = -200000};
    KEVENT Event;

    KeInitializeEvent(&Event, NotificationEvent, FALSE);
    expect(!KeAlertThread(KeGetCurrentThread(), KernelMode));
    expect(KeAlertThread(KeGetCurrentThread(), KernelMode));
    expect_status(KeWaitForSingleObject(&Event, Executive, KernelMode, FALSE, &Due), STATUS_TIMEOUT);
    expect_status(KeWaitForSingleObject(&Event, Executive, KernelMode, TRUE, &Due), STATUS_ALERTED);
    expect_status(KeWaitForSingleObject(&Event, Executive, KernelMode, TRUE, &Due), STATUS_TIMEOUT);
    expect(!KeTestAlertThread(KernelMode));
    expect(!KeAlertThread(KeGetCurrentThread(), KernelMode));
    expect(KeTestAlertThread(KernelMode));
    expect(!KeTestAlertThread(KernelMode));
}

static VOID NTAPI KtSleepAlertably(PVOID Context)
{
    LARGE_INTEGER Due = {.QuadPart = -20000000};

    KtWaitStatus = KeDelayExecutionThread((KPROCESSOR_MODE)(ULONG_PTR)Context, TRUE, &Due);
}

KTEST_EXACT(ke, alert_of_the_kernel_reaches_every_alertable_wait)
{
    // Law: an alert in kernel mode ends alertable waits of both modes, one in user mode those of its own; a sleep says
    // STATUS_ALERTED.
    LARGE_INTEGER Due = {.QuadPart = -200000};
    PETHREAD Thread;
    ULONG Alert, Wait;

    for (Alert = KernelMode; Alert <= UserMode; Alert++)
        for (Wait = KernelMode; Wait <= UserMode; Wait++) {
            KtWaitStatus = STATUS_PENDING;
            Thread = KtStartThread(KtSleepAlertably, (PVOID)(ULONG_PTR)Wait, 12);
            expect(!KeAlertThread(&Thread->Tcb, (KPROCESSOR_MODE)Alert));
            expect_status(KtWaitStatus, Alert <= Wait ? STATUS_ALERTED : STATUS_PENDING);
            if (Alert > Wait)
                expect(!KeAlertThread(&Thread->Tcb, KernelMode));
            KtJoin(Thread);
            expect_status(KtWaitStatus, STATUS_ALERTED);
        }
    expect(!KeAlertThread(KeGetCurrentThread(), KernelMode)); // before the wait
    expect_status(KeDelayExecutionThread(UserMode, TRUE, &Due), STATUS_ALERTED);
    expect(!KeTestAlertThread(KernelMode));
    expect(!KeAlertThread(KeGetCurrentThread(), UserMode));
    expect_status(KeDelayExecutionThread(KernelMode, TRUE, &Due), STATUS_SUCCESS);
    expect(KeTestAlertThread(UserMode));
}

KTEST(ke, user_apc_ends_a_wait_of_user_mode_that_allows_it)
{
    // Law: a queued user APC ends an alertable wait in user mode with STATUS_USER_APC, no wait in kernel mode and none
    // that is not alertable - unless the thread has been told to take it (UserApcPending), as one that is to end.
    PKTHREAD Thread = KeGetCurrentThread();
    LARGE_INTEGER Due = {.QuadPart = -200000};
    KAPC Apc;

    KtReset();
    KeInitializeApc(&Apc, Thread, OriginalApcEnvironment, KtKernelPart, NULL, (PKNORMAL_ROUTINE)0x1000, UserMode, NULL);
    expect(KeInsertQueueApc(&Apc, NULL, NULL, 0));
    expect_status(KeDelayExecutionThread(KernelMode, TRUE, &Due), STATUS_SUCCESS);
    expect_status(KeDelayExecutionThread(UserMode, FALSE, &Due), STATUS_SUCCESS);
    expect(!Thread->ApcState.UserApcPending);
    expect_status(KeDelayExecutionThread(UserMode, TRUE, &Due), STATUS_USER_APC);
    expect(Thread->ApcState.UserApcPending);
    expect_status(KeDelayExecutionThread(UserMode, FALSE, &Due), STATUS_USER_APC);
    expect_status(KeDelayExecutionThread(KernelMode, FALSE, &Due), STATUS_SUCCESS);
    expect(KeRemoveQueueApc(&Apc));
    expect(!Thread->ApcState.UserApcPending);
    expect_status(KeDelayExecutionThread(UserMode, TRUE, &Due), STATUS_SUCCESS);
    expect_eq(KtKernelRoutine, 0);
}

KTEST(ke, mutex_given_up_lets_apcs_in)
{
    // Law: a normal kernel APC that was held off by a mutex runs before KeReleaseMutex returns.
    KMUTEX Mutex;
    KAPC Apc;

    KtReset();
    KeInitializeMutex(&Mutex, 0);
    KeWaitForever(&Mutex, Executive);
    KtInitNormal(&Apc, KeGetCurrentThread());
    expect(KeInsertQueueApc(&Apc, NULL, (PVOID)0x22, 0));
    expect_eq(KtNormal, 0);
    (VOID) KeReleaseMutex(&Mutex, FALSE);
    expect_eq(KtNormal, 1);
}

static volatile ULONG KtSteps;
static volatile BOOLEAN KtStop;

static VOID NTAPI KtStepper(PVOID Context)
{
    LARGE_INTEGER Tick = {.QuadPart = -1};

    UNREFERENCED_PARAMETER(Context);
    while (!KtStop) {
        KtSteps++;
        IGNORE_STATUS(KeDelayExecutionThread(KernelMode, FALSE, &Tick));
    }
}

static VOID KtSleep(LONG Milliseconds)
{
    LARGE_INTEGER Due = {.QuadPart = -(LONGLONG)Milliseconds * 10000};

    IGNORE_STATUS(KeDelayExecutionThread(KernelMode, FALSE, &Due));
}

KTEST(ke, suspend_counts)
{
    // Law: a thread suspended N times runs again after N resumes and not before; both return the count before.
    PETHREAD Thread;
    ULONG Before;

    KtSteps = 0;
    KtStop = FALSE;
    Thread = KtStartThread(KtStepper, NULL, 10);
    KtSleep(60);
    expect(KtSteps > 1);
    expect_eq(KeSuspendThread(&Thread->Tcb), 0);
    expect_eq(KeSuspendThread(&Thread->Tcb), 1);
    Before = KtSteps;
    KtSleep(100);
    expect_eq(KtSteps, Before);
    expect_eq(KeResumeThread(&Thread->Tcb), 2);
    KtSleep(60);
    expect_eq(KtSteps, Before);
    expect_eq(KeResumeThread(&Thread->Tcb), 1);
    expect_eq(KeResumeThread(&Thread->Tcb), 0);
    KtSleep(60);
    expect(KtSteps > Before);
    expect_eq(KeSuspendThread(&Thread->Tcb), 0);
    KeForceResumeThread(&Thread->Tcb);
    KtStop = TRUE;
    KtJoin(Thread);
}

static NTSTATUS KtSuspend(PKTHREAD Thread)
{
    volatile NTSTATUS Status = STATUS_SUCCESS;

    SEH_TRY
    {
        KeSuspendThread(Thread);
    }
    SEH_EXCEPT
    {
        Status = SEH_CODE();
    }
    SEH_END
    return Status;
}

KTEST(ke, suspend_has_a_limit)
{
    // Law: the 128th suspension raises STATUS_SUSPEND_COUNT_EXCEEDED.
    PETHREAD Thread;
    ULONG Count;

    KtStop = FALSE;
    Thread = KtStartThread(KtStepper, NULL, 10);
    for (Count = 0; Count < MAXIMUM_SUSPEND_COUNT; Count++)
        expect_status(KtSuspend(&Thread->Tcb), STATUS_SUCCESS);
    expect_status(KtSuspend(&Thread->Tcb), STATUS_SUSPEND_COUNT_EXCEEDED);
    KtStop = TRUE;
    KeForceResumeThread(&Thread->Tcb);
    KtJoin(Thread);
}

KTEST(ke, attach_moves_apc_environment)
{
    // Law: attached, the thread's ApcState is the other process's and APCs for the original environment wait until it
    // is back; attaching to where one is changes nothing.
    KAPC_STATE State, Nested;
    KAPC Apc;
    PKTHREAD Thread = KeGetCurrentThread();

    KtReset();
    KeStackAttachProcess(&PsInitialSystemProcess->Pcb, &State);
    expect_eq(Thread->ApcStateIndex, OriginalApcEnvironment);
    KeUnstackDetachProcess(&State);

    KeStackAttachProcess(&PsIdleProcess->Pcb, &State);
    expect_eq(PsGetCurrentProcess(), PsIdleProcess);
    expect_eq(Thread->ApcStateIndex, AttachedApcEnvironment);
    KeStackAttachProcess(&PsInitialSystemProcess->Pcb, &Nested);
    expect_eq(PsGetCurrentProcess(), PsInitialSystemProcess);
    KtInitSpecial(&Apc, Thread);
    expect(KeInsertQueueApc(&Apc, NULL, NULL, 0));
    expect_eq(KtSpecial, 0);
    KeUnstackDetachProcess(&Nested);
    expect_eq(PsGetCurrentProcess(), PsIdleProcess);
    expect_eq(KtSpecial, 0);
    KeUnstackDetachProcess(&State);
    expect_eq(KtSpecial, 1);
    expect_eq(PsGetCurrentProcess(), PsInitialSystemProcess);
    expect_eq(Thread->ApcStateIndex, OriginalApcEnvironment);
}

static KAPC KtInner[2];
static ULONG KtSpecialInside, KtNormalInside;

static VOID NTAPI KtNestingPart(PVOID Context, PVOID Argument1, PVOID Argument2)
{
    UNREFERENCED_PARAMETER(Context);
    UNREFERENCED_PARAMETER(Argument1);
    UNREFERENCED_PARAMETER(Argument2);
    KtInitNormal(&KtInner[0], KeGetCurrentThread());
    KtInitSpecial(&KtInner[1], KeGetCurrentThread());
    KeInsertQueueApc(&KtInner[0], (PVOID)2, (PVOID)0x22, 0);
    KeInsertQueueApc(&KtInner[1], (PVOID)1, (PVOID)0x22, 0);
    KtSpecialInside = KtSpecial;
    KtNormalInside = KtNormal;
}

KTEST(ke, apc_normal_ones_do_not_nest)
{
    // Law: while a normal kernel APC runs, special ones interrupt it and normal ones wait for its end.
    KAPC Apc;

    KtReset();
    KeInitializeApc(&Apc, KeGetCurrentThread(), OriginalApcEnvironment, KtKernelPart, NULL, KtNestingPart, KernelMode,
                    NULL);
    expect(KeInsertQueueApc(&Apc, NULL, NULL, 0));
    expect_eq(KtSpecialInside, 1);
    expect_eq(KtNormalInside, 0);
    expect_eq(KtNormal, 1);
}
