// SPDX-License-Identifier: MIT
// Creating threads: the object, its stacks and TEB, and where it begins. A user thread first runs ntdll's loader
// (a user APC to LdrInitializeThunk), then the CONTEXT its creator gave. Source: Windows Internals, "Thread creation".

#include "psp.h"

#define CONTEXT_LIST_DEPTH 8

static GENERAL_LOOKASIDE PspContextList; // first contexts of threads being made

// Phase 0.
VOID PspInitThreads(VOID)
{
    ExInitializeLookasideList(&PspContextList, NonPagedPool, sizeof(CONTEXT), TAG_PS_TEMP, CONTEXT_LIST_DEPTH);
}

static VOID NTAPI PspFreeApc(PKAPC Apc, PKNORMAL_ROUTINE *NormalRoutine, PVOID *NormalContext, PVOID *Argument1,
                             PVOID *Argument2)
{
    UNREFERENCED_PARAMETER(NormalRoutine);
    UNREFERENCED_PARAMETER(NormalContext);
    UNREFERENCED_PARAMETER(Argument1);
    UNREFERENCED_PARAMETER(Argument2);
    ExFreePoolWithTag(Apc, TAG_PS_APC);
}

static VOID NTAPI PspRundownApc(PKAPC Apc)
{
    ExFreePoolWithTag(Apc, TAG_PS_APC);
}

// Where a user thread begins, in kernel mode at APC_LEVEL: on the way out the loader's APC is delivered, which
// continues with the thread's CONTEXT.
static VOID NTAPI PspUserThreadStartup(PKSTART_ROUTINE StartRoutine, PVOID StartContext)
{
    PETHREAD Thread = PsGetCurrentThread();
    PKAPC Apc;

    UNREFERENCED_PARAMETER(StartRoutine);
    UNREFERENCED_PARAMETER(StartContext);
    KfLowerIrql(PASSIVE_LEVEL);
    if (Thread->DeadThread || (Thread->Flags & PS_THREAD_FLAGS_TERMINATED))
        PspExitThread(STATUS_THREAD_IS_TERMINATING);
    Apc = ExAllocatePoolWithTag(NonPagedPool, sizeof(KAPC), TAG_PS_APC);
    if (Apc == NULL)
        PspExitThread(STATUS_NO_MEMORY);
    KeInitializeApc(Apc, &Thread->Tcb, OriginalApcEnvironment, PspFreeApc, PspRundownApc,
                    (PKNORMAL_ROUTINE)(ULONG_PTR)PspLoaderInitRoutine, UserMode, NULL);
    if (!KeInsertQueueApc(Apc, PsNtDllBase, NULL, IO_NO_INCREMENT)) {
        ExFreePoolWithTag(Apc, TAG_PS_APC);
        return; // the thread is being ended; its exit APC is on the way
    }
    Thread->Tcb.ApcState.UserApcPending = TRUE;
}

static VOID NTAPI PspSystemThreadStartup(PKSTART_ROUTINE StartRoutine, PVOID StartContext)
{
    KfLowerIrql(PASSIVE_LEVEL);
    StartRoutine(StartContext);
    PspExitThread(STATUS_SUCCESS);
}

static VOID PspInitializeThreadFields(PETHREAD Thread, PEPROCESS Process)
{
    Thread->ThreadsProcess = Process;
    ObReferenceObject(Process);
    Thread->Cid.UniqueProcess = Process->UniqueProcessId;
    Thread->ExitStatus = STATUS_PENDING;
    Thread->PagePriority = Process->PagePriority;
    KeQuerySystemTime(&Thread->CreateTime);
    InitializeListHead(&Thread->ThreadListEntry);
    InitializeListHead(&Thread->IrpList);
    InitializeListHead(&Thread->ActiveTimerListHead);
    InitializeListHead(&Thread->KeyedWaitChain);
    KeInitializeSpinLock(&Thread->ActiveTimerListLock);
    KeInitializeSemaphore(&Thread->KeyedWaitSemaphore, 0, 1);
}

// Fills the TEB from what the creator said of the user stack. The caller is attached to the process.
static NTSTATUS PspFillTeb(PETHREAD Thread, PTEB Teb, PINITIAL_TEB InitialTeb)
{
    volatile NTSTATUS Status = STATUS_SUCCESS;

    SEH_TRY
    {
        Teb->NtTib.ExceptionList = EXCEPTION_CHAIN_END;
        Teb->NtTib.StackBase = InitialTeb->StackBase;
        Teb->NtTib.StackLimit = InitialTeb->StackLimit;
        Teb->NtTib.Version = 30 << 8; // OS/2 2.x's number for a Windows thread, as NT has it
        Teb->NtTib.Self = &Teb->NtTib;
        Teb->DeallocationStack = InitialTeb->StackAllocationBase;
        Teb->ProcessEnvironmentBlock = Thread->ThreadsProcess->Peb;
        Teb->ClientId = Thread->Cid;
        Teb->RealClientId = Thread->Cid;
        Teb->CurrentLocale = 0x409;
        Teb->StaticUnicodeString.MaximumLength = sizeof(Teb->StaticUnicodeBuffer);
        Teb->StaticUnicodeString.Buffer = Teb->StaticUnicodeBuffer;
    }
    SEH_EXCEPT
    {
        Status = SEH_CODE();
    }
    SEH_END
    return Status;
}

static NTSTATUS PspCreateUserPart(PETHREAD Thread, PEPROCESS Process, PINITIAL_TEB InitialTeb, PTEB *Teb)
{
    KAPC_STATE ApcState;
    NTSTATUS Status;

    KeEnterCriticalRegion(); // the process's last thread waits for us: nobody may suspend us here
    if (!ExAcquireRundownProtection(&Process->RundownProtect)) {
        KeLeaveCriticalRegion();
        return STATUS_PROCESS_IS_TERMINATING;
    }
    KeStackAttachProcess(&Process->Pcb, &ApcState);
    Status = MmCreateTeb(Process, Teb);
    if (NT_SUCCESS(Status)) {
        Status = PspFillTeb(Thread, *Teb, InitialTeb);
        if (!NT_SUCCESS(Status))
            MmDeleteTeb(Process, *Teb);
    }
    KeUnstackDetachProcess(&ApcState);
    ExReleaseRundownProtection(&Process->RundownProtect);
    KeLeaveCriticalRegion();
    return Status;
}

// Id, stack, TEB, KTHREAD: all that can fail before the thread is visible. The object's deletion undoes it.
static NTSTATUS PspBuildThread(PETHREAD Thread, PEPROCESS Process, PCONTEXT Context, PINITIAL_TEB InitialTeb,
                               PKSTART_ROUTINE StartRoutine, PVOID StartContext)
{
    PVOID KernelStack;
    PTEB Teb = NULL;
    ULONG Attempt = 0;
    NTSTATUS Status;

    Thread->Cid.UniqueThread = PspCreateId(Thread);
    if (Thread->Cid.UniqueThread == NULL)
        return STATUS_INSUFFICIENT_RESOURCES;
    KernelStack = MmCreateKernelStack(FALSE);
    if (KernelStack == NULL)
        return STATUS_INSUFFICIENT_RESOURCES;
    if (Context != NULL) {
        do
            Status = PspCreateUserPart(Thread, Process, InitialTeb, &Teb);
        while (Status == STATUS_COMMITMENT_LIMIT && MmWaitForCommitment(1, Attempt++)); // not in its critical region
        if (!NT_SUCCESS(Status)) {
            MmDeleteKernelStack(KernelStack, FALSE);
            return Status;
        }
        Thread->StartAddress = (PKSTART_ROUTINE)(ULONG_PTR)Context->Eip;
        Thread->Win32StartAddress = (PVOID)(ULONG_PTR)Context->Eax;
        KeInitThread(&Thread->Tcb, KernelStack, PspUserThreadStartup, NULL, NULL, Context, Teb, &Process->Pcb);
    } else {
        Thread->StartAddress = StartRoutine;
        PsSetFlags(Thread, PS_THREAD_FLAGS_SYSTEM);
        KeInitThread(&Thread->Tcb, KernelStack, PspSystemThreadStartup, StartRoutine, StartContext, NULL, NULL,
                     &Process->Pcb);
    }
    return STATUS_SUCCESS;
}

// Makes the thread part of its process, unless that is already ending.
static NTSTATUS PspLinkThread(PETHREAD Thread, PEPROCESS Process)
{
    NTSTATUS Status = STATUS_SUCCESS;

    KeEnterCriticalRegion();
    ExAcquirePushLockExclusive(&Process->ProcessLock);
    if (Process->Flags & PS_PROCESS_FLAGS_DELETE) {
        Status = STATUS_PROCESS_IS_TERMINATING;
    } else {
        InsertTailList(&Process->ThreadListHead, &Thread->ThreadListEntry);
        Process->ActiveThreads++;
        PsSetFlags(Process, PS_PROCESS_FLAGS_CREATED);
        KeStartThread(&Thread->Tcb);
        PsSetFlags(Thread, PS_THREAD_FLAGS_VISIBLE);
    }
    ExReleasePushLockExclusive(&Process->ProcessLock);
    KeLeaveCriticalRegion();
    return Status;
}

static NTSTATUS PspReturnThread(PHANDLE Handle, PCLIENT_ID ClientId, HANDLE LocalHandle, PETHREAD Thread,
                                KPROCESSOR_MODE Mode)
{
    volatile NTSTATUS Status = STATUS_SUCCESS;

    SEH_TRY
    {
        if (Mode != KernelMode) {
            ProbeForWriteType(Handle);
            if (ClientId != NULL)
                ProbeForWriteType(ClientId);
        }
        *Handle = LocalHandle;
        if (ClientId != NULL)
            *ClientId = Thread->Cid;
    }
    SEH_EXCEPT
    {
        Status = SEH_CODE();
    }
    SEH_END
    return Status;
}

// See psp.h. IRQL PASSIVE_LEVEL. The caller holds a reference to Process; Handle may be NULL (system threads).
// A failure after the thread was linked ends it before it runs a user instruction.
NTSTATUS NTAPI PspCreateThread(PHANDLE Handle, ACCESS_MASK DesiredAccess, POBJECT_ATTRIBUTES Attributes,
                               PEPROCESS Process, PCLIENT_ID ClientId, PCONTEXT Context, PINITIAL_TEB InitialTeb,
                               BOOLEAN CreateSuspended, PKSTART_ROUTINE StartRoutine, PVOID StartContext)
{
    KPROCESSOR_MODE Mode = Context != NULL ? ExGetPreviousMode() : KernelMode;
    HANDLE LocalHandle = NULL;
    PETHREAD Thread;
    NTSTATUS Status;

    PAGED_CODE();
    Status = ObCreateObject(Mode, PsThreadType, Attributes, KernelMode, NULL, sizeof(ETHREAD), 0, 0, (PVOID *)&Thread);
    if (!NT_SUCCESS(Status))
        return Status;
    PspInitializeThreadFields(Thread, Process);
    Status = PspBuildThread(Thread, Process, Context, InitialTeb, StartRoutine, StartContext);
    if (NT_SUCCESS(Status))
        Status = PspLinkThread(Thread, Process);
    if (!NT_SUCCESS(Status)) {
        ObDereferenceObject(Thread);
        return Status;
    }
    KdTraceThread(Thread);
    ObReferenceObject(Thread); // the running thread's own; the reaper gives it back
    ObReferenceObject(Thread); // ours
    if (CreateSuspended) {
        KeSuspendThread(&Thread->Tcb);
        if (Thread->Flags & PS_THREAD_FLAGS_TERMINATING) // since it was linked: see PspSuspend
            KeForceResumeThread(&Thread->Tcb);
    }
    Status = ObInsertObject(Thread, NULL, DesiredAccess, 0, NULL, Handle != NULL ? &LocalHandle : NULL);
    if (NT_SUCCESS(Status) && Handle != NULL) {
        Status = PspReturnThread(Handle, ClientId, LocalHandle, Thread, Mode);
        if (!NT_SUCCESS(Status))
            ObCloseHandle(LocalHandle, Mode);
    }
    if (!NT_SUCCESS(Status)) {
        Thread->DeadThread = TRUE;
        if (CreateSuspended)
            KeResumeThread(&Thread->Tcb);
    }
    KeReadyThread(&Thread->Tcb);
    ObDereferenceObject(Thread);
    return Status;
}

// The CONTEXT and INITIAL_TEB of a new thread, copied from the caller.
static NTSTATUS PspCaptureThreadStart(PCONTEXT Context, PINITIAL_TEB InitialTeb, PCONTEXT UserContext,
                                      PINITIAL_TEB UserTeb, KPROCESSOR_MODE Mode)
{
    volatile NTSTATUS Status = STATUS_SUCCESS;

    SEH_TRY
    {
        if (Mode != KernelMode) {
            ProbeForRead(UserContext, sizeof(CONTEXT), sizeof(ULONG));
            ProbeForReadType(UserTeb);
        }
        RtlCopyMemory(Context, UserContext, FIELD_OFFSET(CONTEXT, ExtendedRegisters));
        if ((Context->ContextFlags & CONTEXT_EXTENDED_REGISTERS) == CONTEXT_EXTENDED_REGISTERS)
            RtlCopyMemory(Context->ExtendedRegisters, UserContext->ExtendedRegisters,
                          sizeof(Context->ExtendedRegisters));
        *InitialTeb = *UserTeb;
    }
    SEH_EXCEPT
    {
        Status = SEH_CODE();
    }
    SEH_END
    return Status;
}

NTSTATUS NTAPI NtCreateThread(PHANDLE Handle, ACCESS_MASK DesiredAccess, POBJECT_ATTRIBUTES ObjectAttributes,
                              HANDLE ProcessHandle, PCLIENT_ID ClientId, PCONTEXT UserContext, PINITIAL_TEB UserTeb,
                              BOOLEAN CreateSuspended)
{
    KPROCESSOR_MODE Mode = ExGetPreviousMode();
    INITIAL_TEB InitialTeb;
    PEPROCESS Process;
    PCONTEXT Context;
    NTSTATUS Status;

    PAGED_CODE();
    if (UserContext == NULL || UserTeb == NULL)
        return STATUS_INVALID_PARAMETER;
    Context = ExAllocateFromLookasideList(&PspContextList); // too large for a kernel stack
    if (Context == NULL)
        return STATUS_INSUFFICIENT_RESOURCES;
    Status = PspCaptureThreadStart(Context, &InitialTeb, UserContext, UserTeb, Mode);
    if (!NT_SUCCESS(Status))
        goto Cleanup;
    Status =
        ObReferenceObjectByHandle(ProcessHandle, PROCESS_CREATE_THREAD, PsProcessType, Mode, (PVOID *)&Process, NULL);
    if (!NT_SUCCESS(Status))
        goto Cleanup;
    if (Process->Peb == NULL)
        Status = STATUS_INVALID_PARAMETER; // the system process has no user part
    else
        Status = PspCreateThread(Handle, DesiredAccess, ObjectAttributes, Process, ClientId, Context, &InitialTeb,
                                 CreateSuspended, NULL, NULL);
    ObDereferenceObject(Process);
Cleanup:
    ExFreeToLookasideList(&PspContextList, Context);
    return Status;
}

// Starts a kernel-mode thread (WDK). Process NULL: in the system process. IRQL PASSIVE_LEVEL.
NTSTATUS NTAPI PsCreateSystemThread(PHANDLE Handle, ACCESS_MASK DesiredAccess, POBJECT_ATTRIBUTES Attributes,
                                    HANDLE ProcessHandle, PCLIENT_ID ClientId, PKSTART_ROUTINE StartRoutine,
                                    PVOID StartContext)
{
    PEPROCESS Process = PsInitialSystemProcess;
    NTSTATUS Status;

    if (ProcessHandle != NULL) {
        Status = ObReferenceObjectByHandle(ProcessHandle, PROCESS_CREATE_THREAD, PsProcessType, KernelMode,
                                           (PVOID *)&Process, NULL);
        if (!NT_SUCCESS(Status))
            return Status;
    } else {
        ObReferenceObject(Process);
    }
    Status = PspCreateThread(Handle, DesiredAccess, Attributes, Process, ClientId, NULL, NULL, FALSE, StartRoutine,
                             StartContext);
    ObDereferenceObject(Process);
    return Status;
}
