// SPDX-License-Identifier: MIT
// How threads and processes end. A thread ends itself, always: ending another one queues an APC that makes it do so at
// the boundary to user mode, where it holds nothing of the kernel's. The last thread takes the process with it; the
// reaper frees what a thread stands on. Source: Windows Internals, "Thread termination".

#include "psp.h"

#define PSP_CRITICAL_PROCESS 3 // CRITICAL_OBJECT_TERMINATION, parameter 1 (WDK, "Bug Check 0xF4")

static LIST_ENTRY PspReaperList; // of ETHREAD.KeyedWaitChain
static KSPIN_LOCK PspReaperLock;
static WORK_QUEUE_ITEM PspReaperItem;
static BOOLEAN PspReaperActive;

static PETHREAD PspNextDeadThread(VOID)
{
    PETHREAD Thread = NULL;
    KIRQL OldIrql = KfAcquireSpinLock(&PspReaperLock);

    if (IsListEmpty(&PspReaperList))
        PspReaperActive = FALSE;
    else
        Thread = CONTAINING_RECORD(RemoveHeadList(&PspReaperList), ETHREAD, KeyedWaitChain);
    KfReleaseSpinLock(&PspReaperLock, OldIrql);
    return Thread;
}

// Frees the stacks of threads that have ended; a thread is signaled only when it has left its stack for good.
static VOID NTAPI PspReaper(PVOID Parameter)
{
    PETHREAD Thread;

    UNREFERENCED_PARAMETER(Parameter);
    while ((Thread = PspNextDeadThread()) != NULL) {
        KeWaitForever(Thread, WrTerminated);
        MmDeleteKernelStack(Thread->Tcb.StackBase, FALSE);
        Thread->Tcb.InitialStack = NULL;
        ObDereferenceObject(Thread);
    }
}

VOID PspInitializeReaper(VOID)
{
    InitializeListHead(&PspReaperList);
    KeInitializeSpinLock(&PspReaperLock);
    ExInitializeWorkItem(&PspReaperItem, PspReaper, NULL);
}

static VOID PspQueueToReaper(PETHREAD Thread)
{
    KIRQL OldIrql = KfAcquireSpinLock(&PspReaperLock);
    BOOLEAN Start = !PspReaperActive;

    InsertTailList(&PspReaperList, &Thread->KeyedWaitChain);
    PspReaperActive = TRUE;
    KfReleaseSpinLock(&PspReaperLock, OldIrql);
    if (Start)
        ExQueueWorkItem(&PspReaperItem, HyperCriticalWorkQueue);
}

// Gives back what the process owns and signals it. IRQL PASSIVE_LEVEL; in the process' last thread, or in any context
// for a process that never had one.
VOID PspRundownProcess(PEPROCESS Process)
{
    KAPC_STATE ApcState;

    KeQuerySystemTime(&Process->ExitTime);
    if (Process->ExitStatus == STATUS_PENDING)
        Process->ExitStatus = Process->LastThreadExitStatus;
    ObKillProcess(Process);
    ExWaitForRundownProtectionRelease(&Process->RundownProtect);
    if ((Process->SectionObject != NULL || Process->VadRoot.Root != NULL) &&
        !(Process->Flags & PS_PROCESS_FLAGS_VM_DELETED)) {
        KeStackAttachProcess(&Process->Pcb, &ApcState);
        MmCleanProcessAddressSpace(Process);
        KeUnstackDetachProcess(&ApcState);
    }
    KdTrace(ProcessExit, Process->UniqueProcessId, Process->ExitStatus, 0, 0);
    KeSetProcess(&Process->Pcb, IO_NO_INCREMENT);
}

// Runs the rundown or kernel routine of APCs that will never be delivered.
static VOID PspFlushApcs(PETHREAD Thread, KPROCESSOR_MODE Mode)
{
    PLIST_ENTRY First = KeFlushQueueApc(&Thread->Tcb, Mode), Link = First, Next;

    if (First == NULL)
        return;
    do {
        PKAPC Apc = CONTAINING_RECORD(Link, KAPC, ApcListEntry);

        Next = Link->Flink;
        if (Apc->RundownRoutine != NULL)
            Apc->RundownRoutine(Apc);
        else if (Mode == KernelMode)
            Apc->KernelRoutine(Apc, &Apc->NormalRoutine, &Apc->NormalContext, &Apc->SystemArgument1,
                               &Apc->SystemArgument2);
        else
            ExFreePool(Apc);
        Link = Next;
    } while (Link != First);
}

// TRUE if the current thread is the last one of its process.
static BOOLEAN PspLeaveProcess(PETHREAD Thread, PEPROCESS Process, NTSTATUS ExitStatus)
{
    BOOLEAN Last;

    KeEnterCriticalRegion();
    ExAcquirePushLockExclusive(&Process->ProcessLock);
    PsSetFlags(Thread, PS_THREAD_FLAGS_TERMINATING | PS_THREAD_FLAGS_TERMINATED);
    Thread->ExitStatus = ExitStatus;
    KeQuerySystemTime(&Thread->ExitTime);
    Last = --Process->ActiveThreads == 0;
    if (Last) {
        PsSetFlags(Process, PS_PROCESS_FLAGS_DELETE);
        Process->LastThreadExitStatus = ExitStatus;
    }
    ExReleasePushLockExclusive(&Process->ProcessLock);
    KeLeaveCriticalRegion();
    if (Last && (Process->Flags & PS_PROCESS_FLAGS_BREAK_ON_TERMINATION)) {
        KdPrintBoot("%s was critical and has ended with 0x%08X\n", Process->ImageFileName, ExitStatus);
        KeBugCheckEx(CRITICAL_OBJECT_TERMINATION, PSP_CRITICAL_PROCESS, (ULONG_PTR)Process,
                     (ULONG_PTR)Process->ImageFileName, (ULONG_PTR)ExitStatus);
    }
    return Last;
}

// Ends the current thread. IRQL PASSIVE_LEVEL, no locks held. Does not return.
VOID PspExitThread(NTSTATUS ExitStatus)
{
    PETHREAD Thread = PsGetCurrentThread();
    PEPROCESS Process = Thread->ThreadsProcess;

    ASSERT_IRQL_EQUAL(PASSIVE_LEVEL);
    ASSERT(Thread->Tcb.ApcStateIndex == 0);
    KeCheckThreadHoldsNoLock();
    Thread->Tcb.KernelApcDisable--; // for good: no normal kernel APC finds a thread half gone
    Thread->Tcb.Alertable = FALSE;
    if (PspLeaveProcess(Thread, Process, ExitStatus)) {
        IoCancelThreadIo(Thread);
        ExTimerRundown();
        ExTimerResolutionRundown();
        PspFlushApcs(Thread, UserMode);
        PspRundownProcess(Process);
    } else {
        IoCancelThreadIo(Thread);
        ExTimerRundown();
        PspFlushApcs(Thread, UserMode);
        if (Thread->Tcb.Teb != NULL)
            MmDeleteTeb(Process, Thread->Tcb.Teb);
    }
    Thread->Tcb.Teb = NULL;
    KdTrace(ThreadExit, Thread->Cid.UniqueThread, ExitStatus, 0, 0);
    KfRaiseIrql(APC_LEVEL);
    PspFlushApcs(Thread, KernelMode);
    PspQueueToReaper(Thread);
    KeTerminateThread(IO_NO_INCREMENT);
}

// --- ending another thread ---------------------------------------------------------------------------------------

static VOID NTAPI PspExitApcRundown(PKAPC Apc)
{
    ExFreePoolWithTag(Apc, TAG_PS_APC);
}

// The last stage: at the boundary to user mode.
static VOID NTAPI PspExitUserApc(PKAPC Apc, PKNORMAL_ROUTINE *NormalRoutine, PVOID *NormalContext, PVOID *Argument1,
                                 PVOID *Argument2)
{
    NTSTATUS Status = (NTSTATUS)(LONG_PTR)*NormalContext;

    UNREFERENCED_PARAMETER(NormalRoutine);
    UNREFERENCED_PARAMETER(Argument1);
    UNREFERENCED_PARAMETER(Argument2);
    ExFreePoolWithTag(Apc, TAG_PS_APC);
    KfLowerIrql(PASSIVE_LEVEL);
    PspExitThread(Status);
}

static VOID NTAPI PspExitNothing(PKAPC Apc, PKNORMAL_ROUTINE *NormalRoutine, PVOID *NormalContext, PVOID *Argument1,
                                 PVOID *Argument2)
{
    UNREFERENCED_PARAMETER(Apc);
    UNREFERENCED_PARAMETER(NormalRoutine);
    UNREFERENCED_PARAMETER(NormalContext);
    UNREFERENCED_PARAMETER(Argument1);
    UNREFERENCED_PARAMETER(Argument2);
}

// The first stage, a normal kernel APC in the thread's own context: turns itself into a user APC that is pending at
// once, so that user-mode waits end (STATUS_USER_APC) and the second stage runs on the way out.
static VOID NTAPI PspExitNormalApc(PVOID NormalContext, PVOID Argument1, PVOID Argument2)
{
    PKAPC Apc = Argument1;
    PETHREAD Thread = PsGetCurrentThread();

    UNREFERENCED_PARAMETER(Argument2);
    KeInitializeApc(Apc, &Thread->Tcb, OriginalApcEnvironment, PspExitUserApc, PspExitApcRundown,
                    (PKNORMAL_ROUTINE)(ULONG_PTR)MM_SYSTEM_RANGE_START, UserMode, NormalContext);
    if (!KeInsertQueueApc(Apc, NULL, NULL, IO_NO_INCREMENT))
        ExFreePoolWithTag(Apc, TAG_PS_APC);
    else
        Thread->Tcb.ApcState.UserApcPending = TRUE;
}

// Makes Thread end with ExitStatus; the current thread does so at once. The caller holds a reference.
// IRQL PASSIVE_LEVEL. STATUS_ACCESS_DENIED for system threads, STATUS_INSUFFICIENT_RESOURCES without memory.
NTSTATUS NTAPI PspTerminateThread(PETHREAD Thread, NTSTATUS ExitStatus)
{
    PKAPC Apc;

    if (IS_SYSTEM_THREAD(Thread))
        return STATUS_ACCESS_DENIED;
    if (Thread == PsGetCurrentThread()) {
        ObDereferenceObject(Thread);
        PspExitThread(ExitStatus);
    }
    if (Thread->Flags & PS_THREAD_FLAGS_TERMINATED)
        return STATUS_SUCCESS;
    Apc = ExAllocatePoolWithTag(NonPagedPool, sizeof(KAPC), TAG_PS_APC);
    if (Apc == NULL)
        return STATUS_INSUFFICIENT_RESOURCES;
    KeInitializeApc(Apc, &Thread->Tcb, OriginalApcEnvironment, PspExitNothing, PspExitApcRundown, PspExitNormalApc,
                    KernelMode, (PVOID)(LONG_PTR)ExitStatus);
    PsSetFlags(Thread, PS_THREAD_FLAGS_TERMINATING); // first: whoever suspends it after us sees it and undoes that
    if (!KeInsertQueueApc(Apc, Apc, NULL, 2))
        ExFreePoolWithTag(Apc, TAG_PS_APC); // it is past its last APC
    else
        KeForceResumeThread(&Thread->Tcb);
    return STATUS_SUCCESS;
}

VOID PspTerminateOtherThreads(PEPROCESS Process, NTSTATUS ExitStatus)
{
    PETHREAD Thread = NULL;

    while ((Thread = PsGetNextProcessThread(Process, Thread)) != NULL) {
        if (Thread != PsGetCurrentThread())
            IGNORE_STATUS(PspTerminateThread(Thread, ExitStatus));
    }
}

NTSTATUS NTAPI PsTerminateSystemThread(NTSTATUS ExitStatus)
{
    if (!IS_SYSTEM_THREAD(PsGetCurrentThread()))
        return STATUS_INVALID_PARAMETER;
    PspExitThread(ExitStatus);
    return STATUS_SUCCESS;
}

NTSTATUS NTAPI NtTerminateThread(HANDLE ThreadHandle, NTSTATUS ExitStatus)
{
    PETHREAD Thread = PsGetCurrentThread();
    NTSTATUS Status;

    if (ThreadHandle == NULL && Thread->ThreadsProcess->ActiveThreads == 1)
        return STATUS_CANT_TERMINATE_SELF;
    if (ThreadHandle == NULL)
        ThreadHandle = NtCurrentThread();
    Status = ObReferenceObjectByHandle(ThreadHandle, THREAD_TERMINATE, PsThreadType, ExGetPreviousMode(),
                                       (PVOID *)&Thread, NULL);
    if (!NT_SUCCESS(Status))
        return Status;
    Status = PspTerminateThread(Thread, ExitStatus);
    ObDereferenceObject(Thread);
    return Status;
}

// NULL: every other thread of the caller's process (ExitProcess' first step).
NTSTATUS NTAPI NtTerminateProcess(HANDLE ProcessHandle, NTSTATUS ExitStatus)
{
    PETHREAD Self = PsGetCurrentThread();
    PEPROCESS Process;
    BOOLEAN Empty, Exiting;
    NTSTATUS Status;

    if (ProcessHandle == NULL) {
        PspTerminateOtherThreads(Self->ThreadsProcess, ExitStatus);
        return STATUS_SUCCESS;
    }
    Status = ObReferenceObjectByHandle(ProcessHandle, PROCESS_TERMINATE, PsProcessType, ExGetPreviousMode(),
                                       (PVOID *)&Process, NULL);
    if (!NT_SUCCESS(Status))
        return Status;
    if (Process->Flags & PS_PROCESS_FLAGS_SYSTEM) {
        ObDereferenceObject(Process);
        return STATUS_ACCESS_DENIED;
    }
    KeEnterCriticalRegion();
    ExAcquirePushLockExclusive(&Process->ProcessLock);
    Empty = Process->ActiveThreads == 0;
    Exiting = (Process->Flags & PS_PROCESS_FLAGS_DELETE) != 0;
    if (!Exiting)
        Process->ExitStatus = ExitStatus;
    PsSetFlags(Process, PS_PROCESS_FLAGS_DELETE);
    ExReleasePushLockExclusive(&Process->ProcessLock);
    KeLeaveCriticalRegion();
    if (Empty && Exiting)
        Status = STATUS_PROCESS_IS_TERMINATING;
    else if (Empty)
        PspRundownProcess(Process);
    else
        PspTerminateOtherThreads(Process, ExitStatus);
    ObDereferenceObject(Process);
    if (Process == Self->ThreadsProcess)
        PspExitThread(ExitStatus);
    return Status;
}
