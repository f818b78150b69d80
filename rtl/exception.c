// SPDX-License-Identifier: MIT
// Dispatching an exception: the frames at fs:[0] are asked one after the other, innermost first, until one continues
// the execution, unwinds to itself (and does not come back), or none is left. The same code serves kernel and user
// mode; they differ in where frames may lie and in what happens to an exception that nobody handles.
// Source: the published description of x86 SEH (M. Pietrek, MSJ 1/1997); SDK documentation of EXCEPTION_RECORD.

#include "rtlp.h"

// TRUE if Frame is aligned and lies wholly within the limits.
BOOLEAN RtlpIsFrameValid(const RTLP_STACK_LIMITS *Limits, PEXCEPTION_REGISTRATION_RECORD Frame)
{
    ULONG_PTR Address = (ULONG_PTR)Frame;

    return Address >= Limits->Low && Address <= Limits->High - sizeof(*Frame) && (Address & (sizeof(PVOID) - 1)) == 0;
}

#ifdef MICA_KERNEL

// The current kernel stack: the thread's, or (in a DPC, or before there are threads) the page run from here up.
VOID RtlpGetStackLimits(PRTLP_STACK_LIMITS Limits)
{
    ULONG_PTR Here = (ULONG_PTR)__builtin_frame_address(0);
    PKTHREAD Thread = KeGetCurrentThread();

    if (Thread != NULL && Here >= (ULONG_PTR)Thread->StackLimit && Here < (ULONG_PTR)Thread->InitialStack) {
        Limits->Low = (ULONG_PTR)Thread->StackLimit;
        Limits->High = (ULONG_PTR)Thread->InitialStack;
        return;
    }
    Limits->Low = Here;
    Limits->High = (ULONG_PTR)KeGetCurrentPrcb()->DpcStack;
    if (Here >= Limits->High)
        Limits->High = (ULONG_PTR)-1; // the boot stack; its frames are our own
}

#define RtlpCallVectoredHandlers(Record, Context) (FALSE)
#define RtlpCallVectoredContinueHandlers(Record, Context) ((VOID)0)

#else

// The user stack, as the thread's TEB says.
VOID RtlpGetStackLimits(PRTLP_STACK_LIMITS Limits)
{
    Limits->Low = (ULONG_PTR)NtCurrentTeb()->NtTib.StackLimit;
    Limits->High = (ULONG_PTR)NtCurrentTeb()->NtTib.StackBase;
}

#endif

// Raises Code with Cause as the exception that led to it; nobody may continue it.
DECLSPEC_NORETURN VOID RtlpRaiseNoncontinuable(NTSTATUS Code, PEXCEPTION_RECORD Cause)
{
    EXCEPTION_RECORD Record;

    RtlZeroMemory(&Record, sizeof(Record));
    Record.ExceptionCode = Code;
    Record.ExceptionFlags = EXCEPTION_NONCONTINUABLE;
    Record.ExceptionRecord = Cause;
    RtlRaiseException(&Record);
    __builtin_unreachable();
}

// Asks one frame. Returns TRUE if the execution is to continue; follows nested exceptions in *NestedFrame.
static BOOLEAN RtlpAskFrame(PEXCEPTION_RECORD Record, PCONTEXT Context, PEXCEPTION_REGISTRATION_RECORD Frame,
                            PEXCEPTION_REGISTRATION_RECORD *NestedFrame)
{
    PEXCEPTION_REGISTRATION_RECORD Inner = NULL;
    EXCEPTION_DISPOSITION Disposition;

    Disposition = RtlpExecuteHandlerForException(Record, Frame, Context, &Inner, Frame->Handler);
    if (Frame == *NestedFrame) {
        // The walk has passed the frame whose handler was running when this exception happened.
        Record->ExceptionFlags &= ~EXCEPTION_NESTED_CALL;
        *NestedFrame = NULL;
    }
    switch (Disposition) {
    case ExceptionContinueExecution:
        if (Record->ExceptionFlags & EXCEPTION_NONCONTINUABLE)
            RtlpRaiseNoncontinuable(STATUS_NONCONTINUABLE_EXCEPTION, Record);
        return TRUE;
    case ExceptionContinueSearch:
        return FALSE;
    case ExceptionNestedException:
        Record->ExceptionFlags |= EXCEPTION_NESTED_CALL;
        if (Inner > *NestedFrame)
            *NestedFrame = Inner;
        return FALSE;
    default:
        RtlpRaiseNoncontinuable(STATUS_INVALID_DISPOSITION, Record);
    }
}

// Finds a handler for an exception: vectored handlers (user mode), then the frames.
//
// IRQL: the faulting code's.  Context belongs to the caller, who loads it if the answer is TRUE; handlers may change
// it. Returns FALSE if nobody handles it, with EXCEPTION_STACK_INVALID set if the chain is damaged. Does not return if
// a handler unwinds.
BOOLEAN NTAPI RtlDispatchException(PEXCEPTION_RECORD Record, PCONTEXT Context)
{
    PEXCEPTION_REGISTRATION_RECORD Frame, NestedFrame = NULL;
    RTLP_STACK_LIMITS Limits;
    BOOLEAN Continue = FALSE;

    if (RtlpCallVectoredHandlers(Record, Context)) {
        RtlpCallVectoredContinueHandlers(Record, Context);
        return TRUE;
    }
    RtlpGetStackLimits(&Limits);
    for (Frame = RtlpGetExceptionList(); Frame != EXCEPTION_CHAIN_END && !Continue; Frame = Frame->Next) {
        if (!RtlpIsFrameValid(&Limits, Frame)) {
            Record->ExceptionFlags |= EXCEPTION_STACK_INVALID;
            break;
        }
        Continue = RtlpAskFrame(Record, Context, Frame, &NestedFrame);
    }
    if (Continue)
        RtlpCallVectoredContinueHandlers(Record, Context);
    return Continue;
}

// The second half of RtlRaiseException: Context is the caller's, Record->ExceptionAddress is set.
DECLSPEC_NORETURN VOID NTAPI RtlpRaiseException(PEXCEPTION_RECORD Record, PCONTEXT Context)
{
    Record->ExceptionFlags &= EXCEPTION_NONCONTINUABLE;
#ifdef MICA_KERNEL
    if (RtlDispatchException(Record, Context))
        RtlpLoadContext(Context);
    KeBugCheckEx(KMODE_EXCEPTION_NOT_HANDLED, (ULONG_PTR)Record->ExceptionCode, (ULONG_PTR)Record->ExceptionAddress,
                 Record->NumberParameters > 0 ? Record->ExceptionInformation[0] : 0,
                 Record->NumberParameters > 1 ? Record->ExceptionInformation[1] : 0);
#else
    if (NtCurrentPeb()->BeingDebugged)
        NtRaiseException(Record, Context, TRUE);
    else if (RtlDispatchException(Record, Context))
        NtContinue(Context, FALSE);
    NtRaiseException(Record, Context, FALSE);
    // The kernel refused the context: there is nothing left to go on with.
    NtTerminateProcess(NtCurrentProcess(), Record->ExceptionCode);
    __builtin_unreachable();
#endif
}

// Raises Status as an exception without parameters that cannot be continued.
//
// IRQL: any at which the handler may run.  Does not return.  The address of the exception is in this function, the
// caller's is in its first parameter's place of the frame (ebp chain).
DECLSPEC_NORETURN VOID NTAPI RtlRaiseStatus(NTSTATUS Status)
{
    RtlpRaiseNoncontinuable(Status, NULL);
}
