// SPDX-License-Identifier: MIT
// Waiting for one object, and the steps that all waits share: look, take a kernel APC if one is pending, look again,
// and only then sleep - all under the dispatcher lock, so that no wake-up is lost between the look and the sleep.
// Source: WDK documentation of KeWaitForSingleObject; Windows Internals, "Dispatcher Objects".

#include "ki.h"

FORCEINLINE VOID KiFillWait(PKI_WAIT Wait, KIRQL OldIrql, KWAIT_REASON Reason, KPROCESSOR_MODE Mode, BOOLEAN Alertable,
                            PLARGE_INTEGER Timeout)
{
    ASSERT_DISPATCHER_LOCKED();
    Wait->OldIrql = OldIrql;
    Wait->Thread = KeGetCurrentThread();
    Wait->Reason = Reason;
    Wait->Mode = Mode;
    Wait->Alertable = Alertable;
    Wait->HasTimeout = Timeout != NULL;
    Wait->Zero = Timeout != NULL && Timeout->QuadPart == 0;
    Wait->Absolute = FALSE;
    if (Wait->HasTimeout && !Wait->Zero)
        Wait->DueTime = KiDueTime(*Timeout, &Wait->Absolute);
    ASSERT(OldIrql <= APC_LEVEL || Wait->Zero);
}

// Fills Wait. The dispatcher lock is held (KiEnterWait, which returned OldIrql).
VOID KiBeginWait(PKI_WAIT Wait, KIRQL OldIrql, KWAIT_REASON Reason, KPROCESSOR_MODE Mode, BOOLEAN Alertable,
                 PLARGE_INTEGER Timeout)
{
    KiFillWait(Wait, OldIrql, Reason, Mode, Alertable, Timeout);
}

VOID KiEndWait(PKI_WAIT Wait)
{
    KiUnlockDispatcherDatabase(Wait->OldIrql);
}

// A kernel APC is pending: if it is allowed, lets it run (giving the lock up meanwhile) and returns TRUE: the world may
// have changed.
BOOLEAN KiTakeKernelApc(PKI_WAIT Wait)
{
    if (Wait->Thread->SpecialApcDisable != 0 || Wait->OldIrql >= APC_LEVEL)
        return FALSE;
    HalRequestSoftwareInterrupt(APC_LEVEL);
    KiUnlockDispatcherDatabase(Wait->OldIrql);
    Wait->OldIrql = KiLockDispatcherDatabase();
    return TRUE;
}

// Is there a reason not to begin the wait: an alert or a user APC?
NTSTATUS KiTestAlert(PKI_WAIT Wait)
{
    PKTHREAD Thread = Wait->Thread;

    if (!Wait->Alertable)
        return Wait->Mode == UserMode && Thread->ApcState.UserApcPending ? STATUS_USER_APC : STATUS_SUCCESS;
    if (Thread->Alerted[(ULONG)Wait->Mode]) {
        Thread->Alerted[(ULONG)Wait->Mode] = FALSE;
        return STATUS_ALERTED;
    }
    if (Wait->Mode == UserMode && !IsListEmpty(&Thread->ApcState.ApcListHead[UserMode])) {
        Thread->ApcState.UserApcPending = TRUE;
        return STATUS_USER_APC;
    }
    if (Thread->Alerted[KernelMode]) {
        Thread->Alerted[KernelMode] = FALSE;
        return STATUS_ALERTED;
    }
    return STATUS_SUCCESS;
}

static PKWAIT_BLOCK KiArmTimeout(PKI_WAIT Wait, PKWAIT_BLOCK First)
{
    PKTHREAD Thread = Wait->Thread;
    PKWAIT_BLOCK Block = &Thread->WaitBlock[KI_TIMER_BLOCK];

    Block->Thread = Thread;
    Block->Object = &Thread->Timer;
    Block->WaitKey = STATUS_TIMEOUT;
    Block->WaitType = WaitAny;
    Block->NextWaitBlock = First;
    InitializeListHead(&Thread->Timer.Header.WaitListHead);
    InsertTailList(&Thread->Timer.Header.WaitListHead, &Block->WaitListEntry);
    Thread->Timer.Header.SignalState = 0;
    (VOID) KiInsertTimer(&Thread->Timer, Wait->DueTime, Wait->Absolute);
    return Block;
}

// KiSwapThread with a record before and behind it.
static __attribute__((noinline, cold)) NTSTATUS KiTraceWait(PKTHREAD Thread)
{
    PKWAIT_BLOCK Block = Thread->WaitBlockList;
    PDISPATCHER_HEADER Object = Block->Object;
    ULONG Count = 0;
    NTSTATUS Status;

    do {
        if (Block != &Thread->WaitBlock[KI_TIMER_BLOCK])
            Count++;
        Block = Block->NextWaitBlock;
    } while (Block != Thread->WaitBlockList);
    KdTrace(WaitBegin, Object, Object->Type & 0x7F, Count, Thread->WaitReason);
    Status = KiSwapThread();
    KdTrace(WaitEnd, Object, Status, 0, 0);
    return Status;
}

FORCEINLINE NTSTATUS KiSleep(PKI_WAIT Wait, PKWAIT_BLOCK First, PKWAIT_BLOCK Last)
{
    PKTHREAD Thread = Wait->Thread;
    PKWAIT_BLOCK TimerBlock;

    if (Last != NULL)
        Last->NextWaitBlock = First;
    if (Wait->HasTimeout) {
        TimerBlock = KiArmTimeout(Wait, First);
        if (Last != NULL)
            Last->NextWaitBlock = TimerBlock;
        else
            First = TimerBlock->NextWaitBlock = TimerBlock;
    }
    Thread->WaitBlockList = First;
    Thread->WaitReason = Wait->Reason;
    Thread->WaitMode = Wait->Mode;
    Thread->Alertable = Wait->Alertable;
    Thread->WaitIrql = Wait->OldIrql;
    Thread->WaitTime = KeTickCount.LowPart;
    Thread->State = Waiting;
    if (Thread->Queue != NULL && Wait->Reason != WrQueue)
        KiQueueThreadBlocks(Thread);
    if (__builtin_expect((KdTraceMask & KD_TRACE_WAIT) != 0, 0))
        return KiTraceWait(Thread);
    return KiSwapThread();
}

// Puts the thread to sleep on the blocks First..Last (NULL: only on the timeout).
// Returns the wait's status with the lock given up; STATUS_KERNEL_APC means that the wait was broken off for an APC,
// which has run, and must begin again.
NTSTATUS KiCommitWait(PKI_WAIT Wait, PKWAIT_BLOCK First, PKWAIT_BLOCK Last)
{
    return KiSleep(Wait, First, Last);
}

// Takes the signal of an object that is signaled, unless that needs more than changing SignalState.
FORCEINLINE BOOLEAN KiTakeSignal(PDISPATCHER_HEADER Header)
{
    if (Header->SignalState <= 0)
        return FALSE;
    switch (Header->Type & 0x7F) {
    case MutantObject:
        return FALSE;
    case EventSynchronizationObject:
    case TimerSynchronizationObject:
    case GateObject:
        Header->SignalState = 0;
        return TRUE;
    case SemaphoreObject:
        Header->SignalState--;
        return TRUE;
    default:
        return TRUE;
    }
}

static BOOLEAN KiTimeoutPassed(PKI_WAIT Wait)
{
    return Wait->Zero || (Wait->HasTimeout && Wait->DueTime <= KeQueryInterruptTime());
}

// The wait for an object whose signal could not be taken at once. The dispatcher lock is held; OldIrql as KiEnterWait gave
// it. Apart from KeWaitForSingleObject so that its short way needs no room on the stack.
static __attribute__((noinline)) NTSTATUS KiWaitForObject(PDISPATCHER_HEADER Header, KIRQL OldIrql, KWAIT_REASON Reason,
                                                          KPROCESSOR_MODE WaitMode, BOOLEAN Alertable,
                                                          PLARGE_INTEGER Timeout)
{
    PKWAIT_BLOCK Block;
    KI_WAIT Wait;
    NTSTATUS Status;

    KiFillWait(&Wait, OldIrql, Reason, WaitMode, Alertable, Timeout);
    Block = &Wait.Thread->WaitBlock[0];
    for (;;) {
        if (KiYieldToKernelApc(&Wait))
            continue;
        if ((Header->SignalState > 0 || (Header->Type & 0x7F) == MutantObject) &&
            KiIsObjectSignaled(Header, Wait.Thread)) {
            Status = KiSatisfyObject(Header, Wait.Thread, STATUS_WAIT_0);
            break;
        }
        Status = Alertable || Wait.Thread->ApcState.UserApcPending ? KiTestAlert(&Wait) : STATUS_SUCCESS;
        if (Status != STATUS_SUCCESS)
            break;
        if (KiTimeoutPassed(&Wait)) {
            Status = STATUS_TIMEOUT;
            break;
        }
        Block->Thread = Wait.Thread;
        Block->Object = Header;
        Block->WaitKey = STATUS_WAIT_0;
        Block->WaitType = WaitAny;
        InsertTailList(&Header->WaitListHead, &Block->WaitListEntry);
        Status = KiSleep(&Wait, Block, Block);
        if (Status != STATUS_KERNEL_APC)
            return Status;
        Wait.OldIrql = KiLockDispatcherDatabase();
    }
    KiEndWait(&Wait);
    if (Status == STATUS_MUTANT_LIMIT_EXCEEDED)
        ExRaiseStatus(Status);
    return Status;
}

// Waits until Object is signaled.
//
// Object: a dispatcher object.  Timeout: NULL for ever; 0 look only; negative relative, positive absolute system time.
// IRQL <= APC_LEVEL; DISPATCH_LEVEL with a zero Timeout.  Takes the dispatcher lock.
// Returns STATUS_SUCCESS (the signal is taken), STATUS_TIMEOUT, STATUS_ABANDONED, STATUS_ALERTED or STATUS_USER_APC.
// Raises STATUS_MUTANT_LIMIT_EXCEEDED.
NTSTATUS NTAPI KeWaitForSingleObject(PVOID Object, KWAIT_REASON Reason, KPROCESSOR_MODE WaitMode, BOOLEAN Alertable,
                                     PLARGE_INTEGER Timeout)
{
    PKTHREAD Thread = KeGetCurrentThread();
    KIRQL OldIrql = KiEnterWait(Thread);

    if (!Thread->ApcState.KernelApcPending && KiTakeSignal(Object)) {
        KiUnlockDispatcherDatabase(OldIrql);
        return STATUS_WAIT_0;
    }
    return KiWaitForObject(Object, OldIrql, Reason, WaitMode, Alertable, Timeout);
}

// Waits, in kernel mode and not alertable, until Object is signaled. IRQL <= APC_LEVEL.
VOID KeWaitForever(PVOID Object, KWAIT_REASON Reason)
{
    NTSTATUS Status = KeWaitForSingleObject(Object, Reason, KernelMode, FALSE, NULL);

    ASSERT(Status == STATUS_SUCCESS || Status == STATUS_ABANDONED);
    UNREFERENCED_PARAMETER(Status);
}

// Sleeps for Interval (as a wait's Timeout); an Interval of 0 yields the processor. IRQL <= APC_LEVEL.
// Returns STATUS_SUCCESS when the time is over, STATUS_ALERTED, or STATUS_USER_APC.
NTSTATUS NTAPI KeDelayExecutionThread(KPROCESSOR_MODE WaitMode, BOOLEAN Alertable, PLARGE_INTEGER Interval)
{
    KI_WAIT Wait;
    NTSTATUS Status;

    KiBeginWait(&Wait, KiEnterWait(KeGetCurrentThread()), DelayExecution, WaitMode, Alertable, Interval);
    for (;;) {
        if (KiYieldToKernelApc(&Wait))
            continue;
        Status = KiTestAlert(&Wait);
        if (Status != STATUS_SUCCESS || KiTimeoutPassed(&Wait))
            break;
        Status = KiCommitWait(&Wait, NULL, NULL);
        if (Status != STATUS_KERNEL_APC)
            return Status == STATUS_TIMEOUT ? STATUS_SUCCESS : Status;
        Wait.OldIrql = KiLockDispatcherDatabase();
    }
    KiEndWait(&Wait);
    if (Status == STATUS_SUCCESS && Wait.Zero)
        (VOID) KeYieldExecution();
    return Status;
}
