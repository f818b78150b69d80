// SPDX-License-Identifier: MIT
// Timer services. A timer may carry an APC for the thread that set it: the expiry DPC queues it, and while it is
// associated the timer is on that thread's list with a reference of its own, so that the thread's end can take it
// back. Lock order: ETIMER.Lock, then ETHREAD.ActiveTimerListLock. Source: SDK, SetWaitableTimer; the Native API as
// published.

#include "exp.h"

#define TIMER_APC_INCREMENT 0

// Takes the timer off its thread's list. Timer->Lock is held; the caller drops the association's reference after
// unlocking.
static VOID ExpDissociateTimer(PETIMER Timer)
{
    PETHREAD Thread = CONTAINING_RECORD(Timer->TimerApc.Thread, ETHREAD, Tcb);

    KefAcquireSpinLockAtDpcLevel(&Thread->ActiveTimerListLock);
    RemoveEntryList(&Timer->ActiveTimerListEntry);
    KefReleaseSpinLockFromDpcLevel(&Thread->ActiveTimerListLock);
    Timer->ApcAssociated = FALSE;
}

// Stops the timer and undoes an association. Timer->Lock is held. TRUE: the caller drops a reference after unlocking.
static BOOLEAN ExpStopTimer(PETIMER Timer)
{
    BOOLEAN Associated = Timer->ApcAssociated;

    if (Associated)
        ExpDissociateTimer(Timer);
    KeCancelTimer(&Timer->KeTimer);
    if (Associated) {
        KeRemoveQueueDpc(&Timer->TimerDpc);
        KeRemoveQueueApc(&Timer->TimerApc);
    }
    return Associated;
}

// The timer expired: queue its APC, with the time as the arguments.
static VOID NTAPI ExpTimerDpcRoutine(PKDPC Dpc, PVOID Context, PVOID Argument1, PVOID Argument2)
{
    PETIMER Timer = Context;
    LARGE_INTEGER Now;
    KIRQL OldIrql;

    UNREFERENCED_PARAMETER(Dpc);
    UNREFERENCED_PARAMETER(Argument1);
    UNREFERENCED_PARAMETER(Argument2);
    KeQuerySystemTime(&Now);
    OldIrql = KfAcquireSpinLock(&Timer->Lock);
    if (Timer->ApcAssociated)
        KeInsertQueueApc(&Timer->TimerApc, (PVOID)(ULONG_PTR)Now.LowPart, (PVOID)(LONG_PTR)Now.HighPart,
                         TIMER_APC_INCREMENT);
    KfReleaseSpinLock(&Timer->Lock, OldIrql);
}

// The APC is about to run in its thread: a one-shot timer's association ends here.
static VOID NTAPI ExpTimerApcRoutine(PKAPC Apc, PKNORMAL_ROUTINE *NormalRoutine, PVOID *NormalContext, PVOID *Argument1,
                                     PVOID *Argument2)
{
    PETIMER Timer = CONTAINING_RECORD(Apc, ETIMER, TimerApc);
    BOOLEAN Dereference = FALSE;
    KIRQL OldIrql;

    UNREFERENCED_PARAMETER(NormalRoutine);
    UNREFERENCED_PARAMETER(NormalContext);
    UNREFERENCED_PARAMETER(Argument1);
    UNREFERENCED_PARAMETER(Argument2);
    OldIrql = KfAcquireSpinLock(&Timer->Lock);
    if (Timer->ApcAssociated && Apc->Thread == KeGetCurrentThread() && Timer->Period == 0) {
        ExpDissociateTimer(Timer);
        Dereference = TRUE;
    }
    KfReleaseSpinLock(&Timer->Lock, OldIrql);
    if (Dereference)
        ObDereferenceObject(Timer);
}

// Delete procedure: nothing is associated any more, but it may be ticking.
VOID NTAPI ExpDeleteTimer(PVOID Object)
{
    PETIMER Timer = Object;

    KeCancelTimer(&Timer->KeTimer);
    KeRemoveQueueDpc(&Timer->TimerDpc);
}

// The current thread ends: its timers are stopped and lose their APCs. PASSIVE_LEVEL or APC_LEVEL.
VOID ExTimerRundown(VOID)
{
    PETHREAD Thread = PsGetCurrentThread();

    for (;;) {
        PETIMER Timer = NULL;
        BOOLEAN Associated = FALSE;
        KIRQL OldIrql = KfAcquireSpinLock(&Thread->ActiveTimerListLock);

        if (!IsListEmpty(&Thread->ActiveTimerListHead)) {
            Timer = CONTAINING_RECORD(Thread->ActiveTimerListHead.Flink, ETIMER, ActiveTimerListEntry);
            ObReferenceObject(Timer);
        }
        KfReleaseSpinLock(&Thread->ActiveTimerListLock, OldIrql);
        if (Timer == NULL)
            return;
        OldIrql = KfAcquireSpinLock(&Timer->Lock);
        if (Timer->ApcAssociated && Timer->TimerApc.Thread == &Thread->Tcb)
            Associated = ExpStopTimer(Timer);
        KfReleaseSpinLock(&Timer->Lock, OldIrql);
        if (Associated)
            ObDereferenceObject(Timer);
        ObDereferenceObject(Timer);
    }
}

// Creates a timer that is not set. STATUS_INVALID_PARAMETER_4 for an unknown type. PASSIVE_LEVEL.
NTSTATUS NTAPI NtCreateTimer(PHANDLE Handle, ACCESS_MASK DesiredAccess, POBJECT_ATTRIBUTES ObjectAttributes,
                             TIMER_TYPE Type)
{
    PETIMER Timer;
    NTSTATUS Status;

    PAGED_CODE();
    if (Type != NotificationTimer && Type != SynchronizationTimer)
        return STATUS_INVALID_PARAMETER_4;
    Status =
        ExpCreateObject(Handle, DesiredAccess, ObjectAttributes, ExTimerObjectType, sizeof(ETIMER), (PVOID *)&Timer);
    if (!NT_SUCCESS(Status))
        return Status;
    KeInitializeTimerEx(&Timer->KeTimer, Type);
    KeInitializeDpc(&Timer->TimerDpc, ExpTimerDpcRoutine, Timer);
    KeInitializeSpinLock(&Timer->Lock);
    return ExpInsertObject(Timer, DesiredAccess, Handle);
}

// Opens a named timer. PASSIVE_LEVEL.
NTSTATUS NTAPI NtOpenTimer(PHANDLE Handle, ACCESS_MASK DesiredAccess, POBJECT_ATTRIBUTES ObjectAttributes)
{
    PAGED_CODE();
    return ExpOpenObject(Handle, DesiredAccess, ObjectAttributes, ExTimerObjectType);
}

// Gives the timer an APC for the current thread. Timer->Lock is held; nothing is associated.
static VOID ExpAssociateTimer(PETIMER Timer, PTIMER_APC_ROUTINE ApcRoutine, PVOID Context, KPROCESSOR_MODE Mode)
{
    PETHREAD Thread = PsGetCurrentThread();

    KeInitializeApc(&Timer->TimerApc, &Thread->Tcb, CurrentApcEnvironment, ExpTimerApcRoutine, NULL,
                    (PKNORMAL_ROUTINE)(PVOID)ApcRoutine, Mode, Context);
    KefAcquireSpinLockAtDpcLevel(&Thread->ActiveTimerListLock);
    InsertTailList(&Thread->ActiveTimerListHead, &Timer->ActiveTimerListEntry);
    KefReleaseSpinLockFromDpcLevel(&Thread->ActiveTimerListLock);
    Timer->ApcAssociated = TRUE;
    ObReferenceObject(Timer);
}

// Sets a timer: DueTime absolute, or relative if negative; Period in ms (0: once). With ApcRoutine the calling thread
// gets an APC at each expiry. Needs TIMER_MODIFY_STATE. STATUS_TIMER_RESUME_IGNORED if Resume. PASSIVE_LEVEL.
NTSTATUS NTAPI NtSetTimer(HANDLE Handle, PLARGE_INTEGER DueTime, PTIMER_APC_ROUTINE ApcRoutine, PVOID Context,
                          BOOLEAN Resume, LONG Period, PBOOLEAN PreviousState)
{
    KPROCESSOR_MODE Mode = ExGetPreviousMode();
    LARGE_INTEGER Storage;
    PLARGE_INTEGER Due;
    BOOLEAN Associated, Previous;
    PETIMER Timer;
    KIRQL OldIrql;
    NTSTATUS Status;

    PAGED_CODE();
    if (DueTime == NULL)
        return STATUS_ACCESS_VIOLATION;
    Status = ExCaptureTimeout(&Due, &Storage, DueTime, Mode);
    if (NT_SUCCESS(Status))
        Status = ExpProbeOptional(PreviousState, sizeof(BOOLEAN), Mode);
    if (!NT_SUCCESS(Status))
        return Status;
    if (Period < 0)
        return STATUS_INVALID_PARAMETER_6;
    Status = ObReferenceObjectByHandle(Handle, TIMER_MODIFY_STATE, ExTimerObjectType, Mode, (PVOID *)&Timer, NULL);
    if (!NT_SUCCESS(Status))
        return Status;

    OldIrql = KfAcquireSpinLock(&Timer->Lock);
    Previous = KeReadStateTimer(&Timer->KeTimer);
    Associated = ExpStopTimer(Timer);
    Timer->Period = Period;
    if (ApcRoutine != NULL)
        ExpAssociateTimer(Timer, ApcRoutine, Context, Mode);
    KeSetTimerEx(&Timer->KeTimer, Storage, Period, ApcRoutine != NULL ? &Timer->TimerDpc : NULL);
    KfReleaseSpinLock(&Timer->Lock, OldIrql);

    if (Associated)
        ObDereferenceObject(Timer);
    ObDereferenceObject(Timer);
    if (PreviousState != NULL) {
        volatile NTSTATUS Written = STATUS_SUCCESS;

        SEH_TRY
        {
            *PreviousState = Previous;
        }
        SEH_EXCEPT
        {
            Written = SEH_CODE();
        }
        SEH_END
        if (!NT_SUCCESS(Written))
            return Written;
    }
    return Resume ? STATUS_TIMER_RESUME_IGNORED : STATUS_SUCCESS;
}

// Stops a timer; *CurrentState (optional): was it signaled. Needs TIMER_MODIFY_STATE. PASSIVE_LEVEL.
NTSTATUS NTAPI NtCancelTimer(HANDLE Handle, PBOOLEAN CurrentState)
{
    KPROCESSOR_MODE Mode = ExGetPreviousMode();
    volatile NTSTATUS Status;
    BOOLEAN Associated, State;
    PETIMER Timer;
    KIRQL OldIrql;

    PAGED_CODE();
    Status = ExpProbeOptional(CurrentState, sizeof(BOOLEAN), Mode);
    if (!NT_SUCCESS(Status))
        return Status;
    Status = ObReferenceObjectByHandle(Handle, TIMER_MODIFY_STATE, ExTimerObjectType, Mode, (PVOID *)&Timer, NULL);
    if (!NT_SUCCESS(Status))
        return Status;
    OldIrql = KfAcquireSpinLock(&Timer->Lock);
    Associated = ExpStopTimer(Timer);
    State = KeReadStateTimer(&Timer->KeTimer);
    KfReleaseSpinLock(&Timer->Lock, OldIrql);
    if (Associated)
        ObDereferenceObject(Timer);
    ObDereferenceObject(Timer);
    if (CurrentState == NULL)
        return STATUS_SUCCESS;
    SEH_TRY
    {
        *CurrentState = State;
    }
    SEH_EXCEPT
    {
        Status = SEH_CODE();
    }
    SEH_END
    return Status;
}

// TimerBasicInformation: time until expiry (negative: since) and state. Needs TIMER_QUERY_STATE. PASSIVE_LEVEL.
NTSTATUS NTAPI NtQueryTimer(HANDLE Handle, TIMER_INFORMATION_CLASS Class, PVOID Information, ULONG Length,
                            PULONG ReturnLength)
{
    KPROCESSOR_MODE Mode = ExGetPreviousMode();
    TIMER_BASIC_INFORMATION Basic;
    PETIMER Timer;
    NTSTATUS Status;

    PAGED_CODE();
    if (Class != TimerBasicInformation)
        return STATUS_INVALID_INFO_CLASS;
    Status = ExpProbeQuery(Information, Length, sizeof(Basic), ReturnLength, Mode);
    if (!NT_SUCCESS(Status))
        return Status;
    Status = ObReferenceObjectByHandle(Handle, TIMER_QUERY_STATE, ExTimerObjectType, Mode, (PVOID *)&Timer, NULL);
    if (!NT_SUCCESS(Status))
        return Status;
    RtlZeroMemory(&Basic, sizeof(Basic));
    Basic.RemainingTime.QuadPart = (LONGLONG)(Timer->KeTimer.DueTime.QuadPart - KeQueryInterruptTime());
    Basic.TimerState = KeReadStateTimer(&Timer->KeTimer);
    ObDereferenceObject(Timer);
    return ExpReturnQuery(Information, &Basic, sizeof(Basic), ReturnLength, Mode);
}
