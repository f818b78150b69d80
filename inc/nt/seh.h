// SPDX-License-Identifier: MIT
// Structured exception handling for C code built with GCC, which has no __try. A try block registers an ordinary
// frame in the chain at fs:[0]; Rtl's dispatcher cannot tell it from one that a Windows compiler made.
//
//     SEH_TRY {
//         ProbeForRead(Buffer, Length, 1);
//         Value = *Buffer;
//     }
//     SEH_EXCEPT {
//         Status = SEH_CODE();
//     }
//     SEH_END
//
// SEH_TRY_FILTER(Filter, Context) asks Filter(ExceptionPointers, Context) first, as __except(expression) does.
// Locals that the block changes and the handler reads must be volatile (the handler is entered as by longjmp).
// Leaving the block by return, break or goto takes the frame off the chain by itself.
// Source: the published description of x86 SEH (M. Pietrek, MSJ 1/1997).

#ifndef MICA_NT_SEH_H
#define MICA_NT_SEH_H

#include "ntbase.h"

typedef LONG(NTAPI *PSEH_FILTER)(PEXCEPTION_POINTERS Pointers, PVOID Context);

typedef struct _SEH_FRAME {
    EXCEPTION_REGISTRATION_RECORD Record;
    PSEH_FILTER Filter; // NULL: execute the handler always
    PVOID FilterContext;
    volatile NTSTATUS Code;
    ULONG Resume[6]; // Ebx, Esi, Edi, Ebp, Esp, Eip of SehSaveContext's return
} SEH_FRAME, *PSEH_FRAME;

// Saves the callee-saved registers and returns 0; returns a second time, with 1, when the handler is to run
// (rtl/i386/seh.asm). The exception routine below does that after unwinding to the frame.
__attribute__((returns_twice)) ULONG FASTCALL SehSaveContext(PULONG Resume);
DECLSPEC_NORETURN VOID FASTCALL SehResumeContext(PULONG Resume);
EXCEPTION_DISPOSITION CDECL SehpFrameHandler(PEXCEPTION_RECORD Record, PVOID Frame, PCONTEXT Context, PVOID Dispatcher);

static inline __attribute__((always_inline)) void SehPushFrame(PSEH_FRAME Frame, PSEH_FILTER Filter, PVOID Context)
{
    PEXCEPTION_REGISTRATION_RECORD Next;

    __asm__ volatile("mov %%fs:0, %0" : "=r"(Next) : : "memory");
    Frame->Record.Next = Next;
    Frame->Record.Handler = SehpFrameHandler;
    Frame->Filter = Filter;
    Frame->FilterContext = Context;
    Frame->Code = 0;
    __asm__ volatile("mov %0, %%fs:0" : : "r"(Frame) : "memory");
}

// Harmless the second time.
static inline __attribute__((always_inline)) void SehPopFrame(PSEH_FRAME Frame)
{
    __asm__ volatile("mov %0, %%fs:0" : : "r"(Frame->Record.Next) : "memory");
}

#define SEH_TRY_FILTER(FilterRoutine, FilterArgument)                                                                  \
    {                                                                                                                  \
        SEH_FRAME SehFrame_ __attribute__((cleanup(SehPopFrame)));                                                     \
        SehPushFrame(&SehFrame_, (FilterRoutine), (FilterArgument));                                                   \
        if (SehSaveContext(SehFrame_.Resume) == 0) {
#define SEH_TRY SEH_TRY_FILTER(NULL, NULL)
#define SEH_EXCEPT                                                                                                     \
    SehPopFrame(&SehFrame_);                                                                                           \
    }                                                                                                                  \
    else                                                                                                               \
    {                                                                                                                  \
        SehPopFrame(&SehFrame_);
#define SEH_END                                                                                                        \
    }                                                                                                                  \
    }
#define SEH_CODE() (SehFrame_.Code)

#endif
