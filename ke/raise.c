// SPDX-License-Identifier: MIT
// The two services that replace the caller's registers: NtContinue and NtRaiseException. Both change the frame that the
// caller entered with; service.asm then leaves through the full exit. Source: the published Native API.

#include "ki.h"

static NTSTATUS KiCaptureContext(PCONTEXT Captured, PCONTEXT Context, KPROCESSOR_MODE Mode)
{
    volatile NTSTATUS Status = STATUS_SUCCESS;
    SIZE_T Size;

    SEH_TRY
    {
        if (Mode != KernelMode)
            ProbeForRead(Context, FIELD_OFFSET(CONTEXT, ExtendedRegisters), sizeof(ULONG));
        Captured->ContextFlags = *(volatile ULONG *)&Context->ContextFlags;
        Size = (Captured->ContextFlags & CONTEXT_EXTENDED_REGISTERS) == CONTEXT_EXTENDED_REGISTERS
                   ? sizeof(CONTEXT)
                   : (SIZE_T)FIELD_OFFSET(CONTEXT, ExtendedRegisters);
        if (Mode != KernelMode)
            ProbeForRead(Context, Size, sizeof(ULONG));
        RtlCopyMemory(&Captured->Dr0, &Context->Dr0, Size - FIELD_OFFSET(CONTEXT, Dr0));
    }
    SEH_EXCEPT
    {
        Status = SEH_CODE();
    }
    SEH_END
    return Status;
}

static NTSTATUS KiCaptureRecord(PEXCEPTION_RECORD Captured, PEXCEPTION_RECORD Record, KPROCESSOR_MODE Mode)
{
    volatile NTSTATUS Status = STATUS_SUCCESS;

    SEH_TRY
    {
        if (Mode != KernelMode)
            ProbeForRead(Record, sizeof(*Record), sizeof(ULONG));
        *Captured = *Record;
        if (Captured->NumberParameters > EXCEPTION_MAXIMUM_PARAMETERS)
            Status = STATUS_INVALID_PARAMETER;
    }
    SEH_EXCEPT
    {
        Status = SEH_CODE();
    }
    SEH_END
    return Status;
}

// Goes on with Context. TestAlert: user APCs that are queued run first. IRQL PASSIVE_LEVEL.
// Returns to the caller only if Context cannot be read.
NTSTATUS NTAPI NtContinue(PCONTEXT Context, BOOLEAN TestAlert)
{
    PKTHREAD Thread = KeGetCurrentThread();
    KPROCESSOR_MODE Mode = ExGetPreviousMode();
    CONTEXT Captured;
    NTSTATUS Status = KiCaptureContext(&Captured, Context, Mode);

    if (!NT_SUCCESS(Status))
        return Status;
    KeContextToKframes(Thread->TrapFrame, NULL, &Captured, Captured.ContextFlags, Mode);
    if (TestAlert && Mode == UserMode)
        (VOID) KeTestAlertThread(UserMode);
    return STATUS_SUCCESS;
}

// Raises an exception as if it had happened in Context. FirstChance FALSE: nobody has handled it. IRQL PASSIVE_LEVEL.
// Returns to the caller only if the arguments cannot be read.
NTSTATUS NTAPI NtRaiseException(PEXCEPTION_RECORD ExceptionRecord, PCONTEXT Context, BOOLEAN FirstChance)
{
    PKTHREAD Thread = KeGetCurrentThread();
    KPROCESSOR_MODE Mode = ExGetPreviousMode();
    CONTEXT Captured;
    EXCEPTION_RECORD Record;
    NTSTATUS Status;

    Status = KiCaptureRecord(&Record, ExceptionRecord, Mode);
    if (NT_SUCCESS(Status))
        Status = KiCaptureContext(&Captured, Context, Mode);
    if (!NT_SUCCESS(Status))
        return Status;
    KeContextToKframes(Thread->TrapFrame, NULL, &Captured, Captured.ContextFlags, Mode);
    KiDispatchException(&Record, NULL, Thread->TrapFrame, Mode, FirstChance);
    return STATUS_SUCCESS;
}
