// SPDX-License-Identifier: MIT
// Reading and writing a thread's user-mode CONTEXT. Another thread's registers lie in its trap frame, which is stable
// only in its own context: a special kernel APC does the work there.

#include "psp.h"

typedef struct _PSP_CONTEXT_REQUEST {
    KAPC Apc;
    KEVENT Done;
    BOOLEAN Set;
    NTSTATUS Status;
    CONTEXT Context;
} PSP_CONTEXT_REQUEST, *PPSP_CONTEXT_REQUEST;

static VOID PspTransferContext(PPSP_CONTEXT_REQUEST Request)
{
    PKTRAP_FRAME TrapFrame = KeGetTrapFrame(KeGetCurrentThread());

    if (TrapFrame == NULL)
        Request->Status = STATUS_INVALID_HANDLE; // it has never been in user mode
    else if (Request->Set)
        KeContextToKframes(TrapFrame, NULL, &Request->Context, Request->Context.ContextFlags, UserMode);
    else
        KeContextFromKframes(TrapFrame, NULL, &Request->Context);
}

static VOID NTAPI PspContextApc(PKAPC Apc, PKNORMAL_ROUTINE *NormalRoutine, PVOID *NormalContext, PVOID *Argument1,
                                PVOID *Argument2)
{
    PPSP_CONTEXT_REQUEST Request = CONTAINING_RECORD(Apc, PSP_CONTEXT_REQUEST, Apc);

    UNREFERENCED_PARAMETER(NormalRoutine);
    UNREFERENCED_PARAMETER(NormalContext);
    UNREFERENCED_PARAMETER(Argument1);
    UNREFERENCED_PARAMETER(Argument2);
    PspTransferContext(Request);
    KeSetEvent(&Request->Done, IO_NO_INCREMENT, FALSE);
}

static VOID NTAPI PspContextRundown(PKAPC Apc)
{
    PPSP_CONTEXT_REQUEST Request = CONTAINING_RECORD(Apc, PSP_CONTEXT_REQUEST, Apc);

    Request->Status = STATUS_THREAD_IS_TERMINATING;
    KeSetEvent(&Request->Done, IO_NO_INCREMENT, FALSE);
}

static NTSTATUS PspRunContextRequest(PETHREAD Thread, PPSP_CONTEXT_REQUEST Request)
{
    Request->Status = STATUS_SUCCESS;
    if (Thread == PsGetCurrentThread()) {
        PspTransferContext(Request);
        return Request->Status;
    }
    KeInitializeEvent(&Request->Done, SynchronizationEvent, FALSE);
    KeInitializeApc(&Request->Apc, &Thread->Tcb, OriginalApcEnvironment, PspContextApc, PspContextRundown, NULL,
                    KernelMode, NULL);
    if (!KeInsertQueueApc(&Request->Apc, NULL, NULL, 2))
        return STATUS_THREAD_IS_TERMINATING;
    KeWaitForever(&Request->Done, Executive);
    return Request->Status;
}

// Copies between the caller's CONTEXT and the request, only the parts that ContextFlags names going out.
static NTSTATUS PspCopyContext(PPSP_CONTEXT_REQUEST Request, PCONTEXT UserContext, BOOLEAN Out, KPROCESSOR_MODE Mode)
{
    volatile NTSTATUS Status = STATUS_SUCCESS;

    SEH_TRY
    {
        if (Out) {
            if (Mode != KernelMode)
                ProbeForWrite(UserContext, sizeof(CONTEXT), sizeof(ULONG));
            *UserContext = Request->Context;
        } else {
            if (Mode != KernelMode)
                ProbeForRead(UserContext, sizeof(CONTEXT), sizeof(ULONG));
            Request->Context = *UserContext;
        }
    }
    SEH_EXCEPT
    {
        Status = SEH_CODE();
    }
    SEH_END
    return Status;
}

static NTSTATUS PspGetSetContext(HANDLE ThreadHandle, PCONTEXT UserContext, BOOLEAN Set)
{
    KPROCESSOR_MODE Mode = ExGetPreviousMode();
    PPSP_CONTEXT_REQUEST Request;
    PETHREAD Thread;
    NTSTATUS Status;

    Status = ObReferenceObjectByHandle(ThreadHandle, Set ? THREAD_SET_CONTEXT : THREAD_GET_CONTEXT, PsThreadType, Mode,
                                       (PVOID *)&Thread, NULL);
    if (!NT_SUCCESS(Status))
        return Status;
    if (IS_SYSTEM_THREAD(Thread)) {
        ObDereferenceObject(Thread);
        return STATUS_INVALID_HANDLE;
    }
    Request = ExAllocatePoolZero(NonPagedPool, sizeof(*Request), TAG_PS_TEMP);
    Status = Request != NULL ? PspCopyContext(Request, UserContext, FALSE, Mode) : STATUS_NO_MEMORY;
    if (NT_SUCCESS(Status)) {
        Request->Set = Set;
        Status = PspRunContextRequest(Thread, Request);
    }
    if (NT_SUCCESS(Status) && !Set)
        Status = PspCopyContext(Request, UserContext, TRUE, Mode);
    if (Request != NULL)
        ExFreePoolWithTag(Request, TAG_PS_TEMP);
    ObDereferenceObject(Thread);
    return Status;
}

NTSTATUS NTAPI NtGetContextThread(HANDLE Thread, PCONTEXT Context)
{
    return PspGetSetContext(Thread, Context, FALSE);
}

NTSTATUS NTAPI NtSetContextThread(HANDLE Thread, PCONTEXT Context)
{
    return PspGetSetContext(Thread, Context, TRUE);
}
