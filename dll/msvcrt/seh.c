// SPDX-License-Identifier: MIT
// _except_handler3: the language handler behind __try in code made by Microsoft's compiler (and clang's, for that
// target). Source: M. Pietrek, "A Crash Course on the Depths of Win32 Structured Exception Handling", MSJ 1/1997.
//
//   ebp-24  _esp          saved stack pointer          | a frame of this kind; the registration record is
//   ebp-20  pointers      EXCEPTION_POINTERS *          | Next, Handler, ScopeTable, TryLevel, ebp
//   ebp-16  Next
//   ebp-12  Handler = _except_handler3
//   ebp-8   ScopeTable
//   ebp-4   TryLevel
//   ebp     the caller's ebp

#include "crt.h"
#include <excpt.h>

#define TRY_NONE (-1)

typedef struct _CRT_SCOPE {
    int Enclosing;
    PVOID Filter; // NULL: a __finally
    PVOID Handler;
} CRT_SCOPE;

typedef struct _CRT_FRAME {
    struct _CRT_FRAME *Next;
    PVOID Handler;
    const CRT_SCOPE *Scopes;
    int TryLevel;
    int Ebp; // its address is the frame's ebp
} CRT_FRAME;

// The pointers lie in the frame only while the filters run, all below this call.
static PEXCEPTION_POINTERS CrtpHide(PEXCEPTION_POINTERS Pointers)
{
    __asm__ volatile("" : "+r"(Pointers));
    return Pointers;
}

static int CrtpCallWithFrame(PVOID Function, CRT_FRAME *Frame)
{
    int Result;

    __asm__ volatile("push %%ebx\n push %%esi\n push %%edi\n push %%ebp\n mov %2, %%ebp\n call *%1\n pop %%ebp\n pop "
                     "%%edi\n pop %%esi\n pop %%ebx"
                     : "=a"(Result)
                     : "a"(Function), "d"(&Frame->Ebp)
                     : "ecx", "memory", "cc");
    return Result;
}

// Runs the __finally blocks from the frame's present level down to, but not including, Level.
void __cdecl _local_unwind2(CRT_FRAME *Frame, int Level);
void __cdecl _local_unwind2(CRT_FRAME *Frame, int Level)
{
    while (Frame->TryLevel != TRY_NONE && Frame->TryLevel != Level) {
        const CRT_SCOPE *Scope = &Frame->Scopes[Frame->TryLevel];

        Frame->TryLevel = Scope->Enclosing;
        if (Scope->Filter == NULL) {
            CrtpCallWithFrame(Scope->Handler, Frame);
        }
    }
}

void __cdecl _global_unwind2(PVOID Frame);
void __cdecl _global_unwind2(PVOID Frame)
{
    RtlUnwind(Frame, NULL, NULL, NULL);
}

// Leaves for an __except block, which reloads esp from the frame and does not come back.
static void CrtpEnterHandler(CRT_FRAME *Frame, PVOID Handler)
{
    __asm__ volatile("mov %0, %%ebp\n jmp *%1" : : "d"(&Frame->Ebp), "a"(Handler) : "memory");
    __builtin_unreachable();
}

EXCEPTION_DISPOSITION __cdecl _except_handler3(PEXCEPTION_RECORD Record, CRT_FRAME *Frame, PCONTEXT Context,
                                               PVOID Dispatcher);
EXCEPTION_DISPOSITION __cdecl _except_handler3(PEXCEPTION_RECORD Record, CRT_FRAME *Frame, PCONTEXT Context,
                                               PVOID Dispatcher)
{
    EXCEPTION_POINTERS Pointers = {Record, Context};

    (void)Dispatcher;
    if ((Record->ExceptionFlags & (EXCEPTION_UNWINDING | EXCEPTION_EXIT_UNWIND)) != 0) {
        _local_unwind2(Frame, TRY_NONE);
        return ExceptionContinueSearch;
    }
    *(PEXCEPTION_POINTERS volatile *)((char *)Frame - sizeof(PVOID)) = CrtpHide(&Pointers);
    for (int Level = Frame->TryLevel; Level != TRY_NONE; Level = Frame->Scopes[Level].Enclosing) {
        const CRT_SCOPE *Scope = &Frame->Scopes[Level];
        int Answer;

        if (Scope->Filter == NULL) {
            continue;
        }
        Answer = CrtpCallWithFrame(Scope->Filter, Frame);
        if (Answer < 0) {
            return ExceptionContinueExecution;
        }
        if (Answer > 0) {
            _global_unwind2(Frame);
            _local_unwind2(Frame, Level);
            Frame->TryLevel = Scope->Enclosing;
            CrtpEnterHandler(Frame, Scope->Handler);
        }
    }
    return ExceptionContinueSearch;
}

int __cdecl _abnormal_termination(void)
{
    return 0;
}
