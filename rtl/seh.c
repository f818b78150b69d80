// SPDX-License-Identifier: MIT
// The exception routine of SEH_TRY blocks (inc/nt/seh.h). Any module that uses SEH_TRY can link this file and
// rtl/i386/seh.asm; the only thing it needs from elsewhere is RtlUnwind.

#include "nt.h"
#include "seh.h"

// Asks the block's filter; if it says so, unwinds to the block and enters its handler.
//
// Any IRQL at which the faulting code may run. Called by RtlDispatchException and RtlUnwind only.
EXCEPTION_DISPOSITION CDECL SehpFrameHandler(PEXCEPTION_RECORD Record, PVOID Frame, PCONTEXT Context, PVOID Dispatcher)
{
    PSEH_FRAME Seh = CONTAINING_RECORD(Frame, SEH_FRAME, Record);
    EXCEPTION_POINTERS Pointers = {Record, Context};
    LONG Answer = EXCEPTION_EXECUTE_HANDLER;

    UNREFERENCED_PARAMETER(Dispatcher);
    if (Record->ExceptionFlags & EXCEPTION_UNWIND)
        return ExceptionContinueSearch; // such blocks have no termination handlers
    Seh->Code = Record->ExceptionCode;
    if (Seh->Filter != NULL)
        Answer = Seh->Filter(&Pointers, Seh->FilterContext);
    if (Answer == EXCEPTION_CONTINUE_SEARCH)
        return ExceptionContinueSearch;
    if (Answer < 0)
        return ExceptionContinueExecution;
    RtlUnwind(Frame, NULL, Record, NULL);
    SehResumeContext(Seh->Resume);
}
