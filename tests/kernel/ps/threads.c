// SPDX-License-Identifier: MIT
// Laws of system threads and ids.

#include "ktest.h"

static VOID NTAPI KtSetEventThread(PVOID Context)
{
    KeSetEvent(Context, IO_NO_INCREMENT, FALSE);
}

static VOID NTAPI KtExitWithStatus(PVOID Context)
{
    IGNORE_STATUS(PsTerminateSystemThread((NTSTATUS)(LONG_PTR)Context));
}

KTEST_EXACT(ps, system_thread_runs_and_is_signaled_when_it_ends)
{
    // Law: a thread object becomes signaled exactly when its thread has ended.
    KEVENT Ran;
    PETHREAD Thread;

    KeInitializeEvent(&Ran, NotificationEvent, FALSE);
    Thread = KtStartThread(KtSetEventThread, &Ran, 8);
    expect_eq(KeReadStateEvent((PKEVENT)&Thread->Tcb), 0);
    KeWaitForever(&Ran, Executive);
    ObReferenceObject(Thread);
    KtJoin(Thread);
    expect(KeReadStateEvent((PKEVENT)&Thread->Tcb) != 0);
    ObDereferenceObject(Thread);
}

KTEST(ps, exit_status_is_kept_in_the_thread_object)
{
    // Law: PsTerminateSystemThread's status is the thread's exit status as long as somebody references it.
    PETHREAD Thread = KtStartThread(KtExitWithStatus, (PVOID)(LONG_PTR)STATUS_CANCELLED, 8);

    ObReferenceObject(Thread);
    KtJoin(Thread);
    expect_status(Thread->ExitStatus, STATUS_CANCELLED);
    ObDereferenceObject(Thread);
}

KTEST(ps, ids_name_one_process_or_thread)
{
    // Law: processes and threads share one id space; an id of one kind is not found as the other.
    PEPROCESS Process;
    PETHREAD Thread;
    HANDLE ThreadId = PsGetCurrentThreadId(), ProcessId = PsGetCurrentProcessId();

    expect(ThreadId != ProcessId);
    expect_status(PsLookupProcessByProcessId(ThreadId, &Process), STATUS_INVALID_PARAMETER);
    expect_status(PsLookupThreadByThreadId(ProcessId, &Thread), STATUS_INVALID_PARAMETER);
    expect_status(PsLookupProcessByProcessId(ProcessId, &Process), STATUS_SUCCESS);
    expect_eq(Process, PsGetCurrentProcess());
    ObDereferenceObject(Process);
    expect_status(PsLookupThreadByThreadId(ThreadId, &Thread), STATUS_SUCCESS);
    expect_eq(Thread, PsGetCurrentThread());
    ObDereferenceObject(Thread);
    expect_status(PsLookupProcessByProcessId((HANDLE)0x7FFFFFFC, &Process), STATUS_INVALID_PARAMETER);
}

KTEST(ps, a_thousand_threads_come_and_go)
{
    // Law: an ended thread leaves nothing behind (the runner compares pool and handles).
    ULONG Index;

    for (Index = 0; Index < 1000; Index++)
        KtJoin(KtStartThread(KtExitWithStatus, NULL, 8));
    expect_eq(Index, 1000);
}
