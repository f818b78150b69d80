// SPDX-License-Identifier: MIT
// Unwinding: tells every frame below the target that it is going away, innermost first, and takes it off the chain.
// Source: SDK documentation of RtlUnwind; M. Pietrek, MSJ 1/1997.

#include "rtlp.h"

// Tells one frame. Returns the frame to go on behind: itself, or the one whose unwind this one collided with.
static PEXCEPTION_REGISTRATION_RECORD RtlpUnwindFrame(PEXCEPTION_RECORD Record, PCONTEXT Context,
                                                      PEXCEPTION_REGISTRATION_RECORD Frame)
{
    PEXCEPTION_REGISTRATION_RECORD Collided = Frame;

    switch (RtlpExecuteHandlerForUnwind(Record, Frame, Context, &Collided, Frame->Handler)) {
    case ExceptionContinueSearch:
        return Frame;
    case ExceptionCollidedUnwind:
        // Frame is the guard of an unwind that this one interrupts: that one's frame has been told already.
        return Collided;
    default:
        RtlpRaiseNoncontinuable(STATUS_INVALID_DISPOSITION, Record);
    }
}

// The body of RtlUnwind (i386/unwind.asm). TargetFrame NULL: an exit unwind, all frames go.
// Record NULL: an exception record for STATUS_UNWIND is made up. On return fs:[0] is TargetFrame.
// IRQL: the caller's.  Raises if TargetFrame is not on the chain or the chain is damaged. Addresses need not rise along
// the chain: two SEH_TRY blocks of one function lie where the compiler put them.
VOID NTAPI RtlpUnwind(PEXCEPTION_REGISTRATION_RECORD TargetFrame, PEXCEPTION_RECORD Record, PCONTEXT Context)
{
    PEXCEPTION_REGISTRATION_RECORD Frame;
    EXCEPTION_RECORD Made;
    RTLP_STACK_LIMITS Limits;

    if (Record == NULL) {
        RtlZeroMemory(&Made, sizeof(Made));
        Made.ExceptionCode = STATUS_UNWIND;
        Made.ExceptionAddress = (PVOID)Context->Eip;
        Record = &Made;
    }
    Record->ExceptionFlags |= EXCEPTION_UNWINDING;
    if (TargetFrame == NULL)
        Record->ExceptionFlags |= EXCEPTION_EXIT_UNWIND;
    RtlpGetStackLimits(&Limits);
    Frame = RtlpGetExceptionList();
    while (Frame != EXCEPTION_CHAIN_END && Frame != TargetFrame) {
        if (!RtlpIsFrameValid(&Limits, Frame))
            RtlpRaiseNoncontinuable(STATUS_BAD_STACK, Record);
        Frame = RtlpUnwindFrame(Record, Context, Frame)->Next;
        RtlpSetExceptionList(Frame);
    }
    if (Frame != TargetFrame && TargetFrame != NULL)
        RtlpRaiseNoncontinuable(STATUS_INVALID_UNWIND_TARGET, Record);
}
