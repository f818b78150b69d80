// SPDX-License-Identifier: MIT
// Dispatching exceptions. One in kernel mode goes to the frames at fs:[0] (rtl/) and, if none wants it, ends the
// system. One in user mode is put on the user's stack and left to ntdll's KiUserExceptionDispatcher; if that gives up
// (second chance), the process ends. Source: Windows Internals, "Exception Dispatching"; M. Pietrek, MSJ 1/1997.

#include "ki.h"

PVOID KeUserApcDispatcher, KeUserExceptionDispatcher, KeRaiseUserExceptionDispatcher;

#define KI_USER_CONTEXT_FLAGS (CONTEXT_FULL | CONTEXT_FLOATING_POINT | CONTEXT_DEBUG_REGISTERS)

static VOID KiDispatchKernelException(PEXCEPTION_RECORD Record, PKTRAP_FRAME TrapFrame, BOOLEAN FirstChance)
{
    CONTEXT Context;

    Context.ContextFlags = CONTEXT_FULL;
    KeContextFromKframes(TrapFrame, NULL, &Context);
    if (FirstChance && RtlDispatchException(Record, &Context)) {
        KeContextToKframes(TrapFrame, NULL, &Context, CONTEXT_FULL, KernelMode);
        return;
    }
    KiBugCheckTrap(KMODE_EXCEPTION_NOT_HANDLED, (ULONG_PTR)Record->ExceptionCode, (ULONG_PTR)Record->ExceptionAddress,
                   Record->NumberParameters > 0 ? Record->ExceptionInformation[0] : 0,
                   Record->NumberParameters > 1 ? Record->ExceptionInformation[1] : 0, TrapFrame);
}

// Lets user mode go on at Routine with esp = Esp.
static VOID KiRedirectToUser(PKTRAP_FRAME TrapFrame, PVOID Routine, ULONG Esp)
{
    TrapFrame->HardwareEsp = Esp;
    TrapFrame->Eip = (ULONG)Routine;
    TrapFrame->SegCs = KGDT_R3_CODE | RPL_MASK;
    TrapFrame->HardwareSegSs = KGDT_R3_DATA | RPL_MASK;
    TrapFrame->SegDs = TrapFrame->SegEs = KGDT_R3_DATA | RPL_MASK;
    TrapFrame->SegFs = KGDT_R3_TEB | RPL_MASK;
    // No single step, direction up, no task to return to, and no alignment checks that would fault again.
    TrapFrame->EFlags &= ~(ULONG)(EFLAGS_TF | EFLAGS_DF | EFLAGS_NT | EFLAGS_RF | EFLAGS_AC);
}

// What ntdll!KiUserExceptionDispatcher finds at esp.
typedef struct _KI_EXCEPTION_ARGUMENTS {
    PEXCEPTION_RECORD Record;
    PCONTEXT Context;
    EXCEPTION_RECORD RecordData;
    CONTEXT ContextData;
} KI_EXCEPTION_ARGUMENTS, *PKI_EXCEPTION_ARGUMENTS;

static BOOLEAN KiPushException(PEXCEPTION_RECORD Record, PKTRAP_FRAME TrapFrame, PKI_EXCEPTION_ARGUMENTS Arguments)
{
    ULONG Flags = KI_USER_CONTEXT_FLAGS | (KeFeatureBits & KF_FXSR ? CONTEXT_EXTENDED_REGISTERS : 0);
    volatile BOOLEAN Pushed = FALSE;

    SEH_TRY
    {
        ProbeForWrite(Arguments, sizeof(*Arguments), sizeof(ULONG));
        Arguments->Record = &Arguments->RecordData;
        Arguments->Context = &Arguments->ContextData;
        Arguments->RecordData = *Record;
        if (!(KeFeatureBits & KF_FXSR))
            RtlZeroMemory(Arguments->ContextData.ExtendedRegisters, sizeof(Arguments->ContextData.ExtendedRegisters));
        KiFrameToContext(TrapFrame, &Arguments->ContextData, Flags);
        Pushed = TRUE;
    }
    SEH_EXCEPT
    {
        Pushed = FALSE;
    }
    SEH_END
    return Pushed;
}

static VOID KiDispatchUserException(PEXCEPTION_RECORD Record, PKTRAP_FRAME TrapFrame, BOOLEAN FirstChance)
{
    PKI_EXCEPTION_ARGUMENTS Arguments = (PKI_EXCEPTION_ARGUMENTS)((TrapFrame->HardwareEsp & ~3ul) - sizeof(*Arguments));

    if (FirstChance && KeUserExceptionDispatcher != NULL && KiPushException(Record, TrapFrame, Arguments)) {
        KiCompleteFrame(TrapFrame);
        KiRedirectToUser(TrapFrame, KeUserExceptionDispatcher, (ULONG)Arguments);
        return;
    }
    PsUnhandledUserException(Record, TrapFrame);
}

// Finds somebody to handle an exception; returns if the execution goes on with TrapFrame (changed accordingly).
//
// Record: the caller's, may be changed.  Mode: where it happened.  FirstChance FALSE: handlers have refused already.
// IRQL: that of the code that raised it, for UserMode PASSIVE_LEVEL.
VOID KiDispatchException(PEXCEPTION_RECORD Record, PKEXCEPTION_FRAME ExceptionFrame, PKTRAP_FRAME TrapFrame,
                         KPROCESSOR_MODE Mode, BOOLEAN FirstChance)
{
    UNREFERENCED_PARAMETER(ExceptionFrame);
    KeGetCurrentPrcb()->KeExceptionDispatchCount++;
    if (Mode == KernelMode)
        KiDispatchKernelException(Record, TrapFrame, FirstChance);
    else
        KiDispatchUserException(Record, TrapFrame, FirstChance);
}

static VOID KiRaise(PVOID Address, PKTRAP_FRAME TrapFrame, NTSTATUS Code, ULONG Parameters, const ULONG_PTR *Values)
{
    EXCEPTION_RECORD Record = {.ExceptionCode = Code, .ExceptionAddress = Address, .NumberParameters = Parameters};

    for (ULONG Index = 0; Index < Parameters; Index++)
        Record.ExceptionInformation[Index] = Values[Index];
    KiDispatchException(&Record, NULL, TrapFrame, KiTrapMode(TrapFrame), TRUE);
}

// Makes a record for a trap and dispatches it. TrapFrame->Eip is the exception's address. IRQL: that of the trap.
VOID KiRaiseTrapException(PKTRAP_FRAME TrapFrame, NTSTATUS Code, ULONG Parameters, ULONG_PTR P1, ULONG_PTR P2,
                          ULONG_PTR P3)
{
    const ULONG_PTR Values[] = {P1, P2, P3};

    KiRaise((PVOID)TrapFrame->Eip, TrapFrame, Code, Parameters, Values);
}

// The same for a trap that the processor reports later than it happened, at Address.
VOID KiRaiseTrapExceptionAt(PVOID Address, PKTRAP_FRAME TrapFrame, NTSTATUS Code, ULONG Parameters, ULONG_PTR P1,
                            ULONG_PTR P2)
{
    const ULONG_PTR Values[] = {P1, P2};

    KiRaise(Address, TrapFrame, Code, Parameters, Values);
}

// What ntdll!KiUserApcDispatcher finds at esp.
typedef struct _KI_APC_ARGUMENTS {
    PKNORMAL_ROUTINE Routine;
    PVOID Context;
    PVOID Argument1;
    PVOID Argument2;
    CONTEXT ContextData;
} KI_APC_ARGUMENTS, *PKI_APC_ARGUMENTS;

// Lets the thread call a user APC when it leaves the kernel; the CONTEXT to go on with lies behind its arguments.
// APC_LEVEL. A user stack that cannot take it ends the process.
VOID KiInitializeUserApc(PKTRAP_FRAME TrapFrame, PKNORMAL_ROUTINE Routine, PVOID Context, PVOID Argument1,
                         PVOID Argument2)
{
    PKI_APC_ARGUMENTS Arguments = (PKI_APC_ARGUMENTS)((TrapFrame->HardwareEsp & ~3ul) - sizeof(*Arguments));
    EXCEPTION_RECORD Record;
    volatile NTSTATUS Status = STATUS_SUCCESS;

    SEH_TRY
    {
        ProbeForWrite(Arguments, sizeof(*Arguments), sizeof(ULONG));
        Arguments->Routine = Routine;
        Arguments->Context = Context;
        Arguments->Argument1 = Argument1;
        Arguments->Argument2 = Argument2;
        KiFrameToContext(TrapFrame, &Arguments->ContextData, CONTEXT_FULL | CONTEXT_DEBUG_REGISTERS);
    }
    SEH_EXCEPT
    {
        Status = SEH_CODE();
    }
    SEH_END
    if (NT_SUCCESS(Status) && KeUserApcDispatcher != NULL) {
        KiRedirectToUser(TrapFrame, KeUserApcDispatcher, (ULONG)Arguments);
        return;
    }
    RtlZeroMemory(&Record, sizeof(Record));
    Record.ExceptionCode = NT_SUCCESS(Status) ? STATUS_ACCESS_VIOLATION : Status;
    Record.ExceptionAddress = (PVOID)TrapFrame->Eip;
    KfLowerIrql(PASSIVE_LEVEL);
    PsUnhandledUserException(&Record, TrapFrame);
    (VOID) KfRaiseIrql(APC_LEVEL);
}
