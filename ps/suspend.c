// SPDX-License-Identifier: MIT
// Suspend, resume, alert and user APCs: the services over Ke's mechanisms.

#include "psp.h"

static NTSTATUS PspWriteCount(PULONG Target, ULONG Value, KPROCESSOR_MODE Mode)
{
    volatile NTSTATUS Status = STATUS_SUCCESS;

    if (Target == NULL)
        return STATUS_SUCCESS;
    SEH_TRY
    {
        if (Mode != KernelMode)
            ProbeForWriteType(Target);
        *Target = Value;
    }
    SEH_EXCEPT
    {
        Status = SEH_CODE();
    }
    SEH_END
    return Status;
}

static NTSTATUS PspReferenceThread(HANDLE Handle, ACCESS_MASK Access, PETHREAD *Thread)
{
    return ObReferenceObjectByHandle(Handle, Access, PsThreadType, ExGetPreviousMode(), (PVOID *)Thread, NULL);
}

// KeSuspendThread with its exception turned into a status.
static NTSTATUS PspSuspend(PETHREAD Thread, PULONG Previous)
{
    volatile NTSTATUS Status = STATUS_SUCCESS;

    if (Thread->Flags & (PS_THREAD_FLAGS_TERMINATING | PS_THREAD_FLAGS_SYSTEM))
        return (Thread->Flags & PS_THREAD_FLAGS_SYSTEM) ? STATUS_ACCESS_DENIED : STATUS_THREAD_IS_TERMINATING;
    SEH_TRY
    {
        *Previous = KeSuspendThread(&Thread->Tcb);
    }
    SEH_EXCEPT
    {
        Status = SEH_CODE();
    }
    SEH_END
    // PspTerminateThread sets the flag before it takes suspensions back. One of us two comes second and sees the other.
    if (NT_SUCCESS(Status) && (Thread->Flags & PS_THREAD_FLAGS_TERMINATING)) {
        KeForceResumeThread(&Thread->Tcb);
        return STATUS_THREAD_IS_TERMINATING;
    }
    return Status;
}

NTSTATUS NTAPI NtSuspendThread(HANDLE ThreadHandle, PULONG PreviousCount)
{
    PETHREAD Thread;
    ULONG Previous = 0;
    NTSTATUS Status;

    Status = PspWriteCount(PreviousCount, 0, ExGetPreviousMode()); // a bad pointer must not leave the thread suspended
    if (!NT_SUCCESS(Status))
        return Status;
    Status = PspReferenceThread(ThreadHandle, THREAD_SUSPEND_RESUME, &Thread);
    if (!NT_SUCCESS(Status))
        return Status;
    Status = PspSuspend(Thread, &Previous);
    ObDereferenceObject(Thread);
    return NT_SUCCESS(Status) ? PspWriteCount(PreviousCount, Previous, ExGetPreviousMode()) : Status;
}

NTSTATUS NTAPI NtResumeThread(HANDLE ThreadHandle, PULONG PreviousCount)
{
    PETHREAD Thread;
    ULONG Previous;
    NTSTATUS Status;

    Status = PspReferenceThread(ThreadHandle, THREAD_SUSPEND_RESUME, &Thread);
    if (!NT_SUCCESS(Status))
        return Status;
    Previous = KeResumeThread(&Thread->Tcb);
    ObDereferenceObject(Thread);
    return PspWriteCount(PreviousCount, Previous, ExGetPreviousMode());
}

static NTSTATUS PspForEachThread(HANDLE ProcessHandle, BOOLEAN Suspend)
{
    PEPROCESS Process;
    PETHREAD Thread = NULL;
    ULONG Previous;
    NTSTATUS Status;

    Status = ObReferenceObjectByHandle(ProcessHandle, PROCESS_SUSPEND_RESUME, PsProcessType, ExGetPreviousMode(),
                                       (PVOID *)&Process, NULL);
    if (!NT_SUCCESS(Status))
        return Status;
    while ((Thread = PsGetNextProcessThread(Process, Thread)) != NULL) {
        if (Suspend)
            IGNORE_STATUS(PspSuspend(Thread, &Previous)); // one that is ending needs no suspending
        else
            KeResumeThread(&Thread->Tcb);
    }
    ObDereferenceObject(Process);
    return STATUS_SUCCESS;
}

NTSTATUS NTAPI NtSuspendProcess(HANDLE Process)
{
    return PspForEachThread(Process, TRUE);
}

NTSTATUS NTAPI NtResumeProcess(HANDLE Process)
{
    return PspForEachThread(Process, FALSE);
}

NTSTATUS NTAPI NtAlertThread(HANDLE ThreadHandle)
{
    PETHREAD Thread;
    NTSTATUS Status = PspReferenceThread(ThreadHandle, THREAD_ALERT, &Thread);

    if (!NT_SUCCESS(Status))
        return Status;
    KeAlertThread(&Thread->Tcb, ExGetPreviousMode());
    ObDereferenceObject(Thread);
    return STATUS_SUCCESS;
}

NTSTATUS NTAPI NtAlertResumeThread(HANDLE ThreadHandle, PULONG PreviousCount)
{
    PETHREAD Thread;
    ULONG Previous;
    NTSTATUS Status = PspReferenceThread(ThreadHandle, THREAD_SUSPEND_RESUME, &Thread);

    if (!NT_SUCCESS(Status))
        return Status;
    Previous = KeAlertResumeThread(&Thread->Tcb);
    ObDereferenceObject(Thread);
    return PspWriteCount(PreviousCount, Previous, ExGetPreviousMode());
}

NTSTATUS NTAPI NtTestAlert(VOID)
{
    return KeTestAlertThread(ExGetPreviousMode()) ? STATUS_ALERTED : STATUS_SUCCESS;
}

// --- user APCs -----------------------------------------------------------------------------------------------------

static VOID NTAPI PspQueuedApc(PKAPC Apc, PKNORMAL_ROUTINE *NormalRoutine, PVOID *NormalContext, PVOID *Argument1,
                               PVOID *Argument2)
{
    UNREFERENCED_PARAMETER(NormalRoutine);
    UNREFERENCED_PARAMETER(NormalContext);
    UNREFERENCED_PARAMETER(Argument1);
    UNREFERENCED_PARAMETER(Argument2);
    ExFreePoolWithTag(Apc, TAG_PS_APC);
}

static VOID NTAPI PspQueuedApcRundown(PKAPC Apc)
{
    ExFreePoolWithTag(Apc, TAG_PS_APC);
}

NTSTATUS NTAPI NtQueueApcThread(HANDLE ThreadHandle, PPS_APC_ROUTINE Routine, PVOID Argument1, PVOID Argument2,
                                PVOID Argument3)
{
    PETHREAD Thread;
    PKAPC Apc;
    NTSTATUS Status = PspReferenceThread(ThreadHandle, THREAD_SET_CONTEXT, &Thread);

    if (!NT_SUCCESS(Status))
        return Status;
    if (IS_SYSTEM_THREAD(Thread)) {
        Status = STATUS_INVALID_HANDLE;
        goto Cleanup;
    }
    Apc = ExAllocatePoolWithTag(NonPagedPool, sizeof(KAPC), TAG_PS_APC);
    if (Apc == NULL) {
        Status = STATUS_NO_MEMORY;
        goto Cleanup;
    }
    KeInitializeApc(Apc, &Thread->Tcb, OriginalApcEnvironment, PspQueuedApc, PspQueuedApcRundown,
                    (PKNORMAL_ROUTINE)(ULONG_PTR)Routine, UserMode, Argument1);
    if (!KeInsertQueueApc(Apc, Argument2, Argument3, IO_NO_INCREMENT)) {
        ExFreePoolWithTag(Apc, TAG_PS_APC);
        Status = STATUS_UNSUCCESSFUL;
    }
Cleanup:
    ObDereferenceObject(Thread);
    return Status;
}
