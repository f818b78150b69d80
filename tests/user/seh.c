// SPDX-License-Identifier: MIT
// Structured exceptions: faults caught by a frame at fs:[0] and by vectored handlers, continued, unwound and filtered.

#include "check.h"
#include <excpt.h>
#include <setjmp.h>
#include <signal.h>

typedef struct _FRAME {
    EXCEPTION_REGISTRATION_RECORD Record;
    jmp_buf Resume;
} FRAME;

static EXCEPTION_RECORD Seen;
static volatile int Unwound, Order;

// Remembers the exception and leaves by longjmp, which unwinds to the frame that setjmp was called in.
static EXCEPTION_DISPOSITION __cdecl Catch(EXCEPTION_RECORD *Record, void *Frame, CONTEXT *Context, void *Dispatcher)
{
    (void)Context;
    (void)Dispatcher;
    if ((Record->ExceptionFlags & (EXCEPTION_UNWINDING | EXCEPTION_EXIT_UNWIND)) != 0) {
        Unwound++;
        return ExceptionContinueSearch;
    }
    Seen = *Record;
    longjmp(((FRAME *)Frame)->Resume, 1);
}

static void Push(FRAME *Frame, PEXCEPTION_ROUTINE Handler)
{
    Frame->Record.Handler = Handler;
    __asm__ volatile("mov %%fs:0, %0" : "=r"(Frame->Record.Next));
    __asm__ volatile("mov %0, %%fs:0" : : "r"(&Frame->Record) : "memory");
}

static void Pop(FRAME *Frame)
{
    __asm__ volatile("mov %0, %%fs:0" : : "r"(Frame->Record.Next) : "memory");
}

static void AccessViolation(void)
{
    FRAME Frame;
    volatile int *Bad = (volatile int *)0x123450;

    Push(&Frame, (PEXCEPTION_ROUTINE)(PVOID)Catch);
    memset(&Seen, 0, sizeof(Seen));
    if (setjmp(Frame.Resume) == 0) {
        *Bad = 1;
        CHECK(!"came behind a faulting write");
    }
    CHECK_EQUAL(Seen.ExceptionCode, (DWORD)EXCEPTION_ACCESS_VIOLATION);
    CHECK(Seen.NumberParameters == 2 && Seen.ExceptionInformation[0] == 1 && Seen.ExceptionInformation[1] == 0x123450);
    if (setjmp(Frame.Resume) == 0) {
        CHECK_EQUAL(*Bad, 0);
    }
    CHECK_EQUAL(Seen.ExceptionInformation[0], 0);
    if (setjmp(Frame.Resume) == 0) {
        *(volatile int *)0x80001000 = 1; // the kernel's memory
    }
    CHECK_EQUAL(Seen.ExceptionCode, (DWORD)EXCEPTION_ACCESS_VIOLATION);
    Pop(&Frame);
}

static volatile int Zero;

static void DivideAndOthers(void)
{
    FRAME Frame;
    volatile int Result = 7;

    Push(&Frame, (PEXCEPTION_ROUTINE)(PVOID)Catch);
    if (setjmp(Frame.Resume) == 0) {
        Result = Result / Zero;
    }
    CHECK_EQUAL(Seen.ExceptionCode, (DWORD)EXCEPTION_INT_DIVIDE_BY_ZERO);
    CHECK_EQUAL(Result, 7);
    if (setjmp(Frame.Resume) == 0) {
        __asm__ volatile("ud2");
    }
    CHECK_EQUAL(Seen.ExceptionCode, (DWORD)EXCEPTION_ILLEGAL_INSTRUCTION);
    if (setjmp(Frame.Resume) == 0) {
        __asm__ volatile("cli");
    }
    CHECK_EQUAL(Seen.ExceptionCode, (DWORD)EXCEPTION_PRIV_INSTRUCTION);
    if (setjmp(Frame.Resume) == 0) {
        __asm__ volatile("int3");
    }
    CHECK_EQUAL(Seen.ExceptionCode, (DWORD)EXCEPTION_BREAKPOINT);
    if (setjmp(Frame.Resume) == 0) {
        ULONG_PTR Arguments[2] = {11, 22};

        RaiseException(0xE0001234, 0, 2, Arguments);
    }
    CHECK(Seen.ExceptionCode == 0xE0001234 && Seen.NumberParameters == 2 && Seen.ExceptionInformation[1] == 22);
    Pop(&Frame);
}

static EXCEPTION_DISPOSITION __cdecl Pass(EXCEPTION_RECORD *Record, void *Frame, CONTEXT *Context, void *Dispatcher)
{
    (void)Frame;
    (void)Context;
    (void)Dispatcher;
    if ((Record->ExceptionFlags & (EXCEPTION_UNWINDING | EXCEPTION_EXIT_UNWIND)) != 0) {
        Unwound++;
    }
    return ExceptionContinueSearch;
}

static __attribute__((noinline)) void FaultInside(void)
{
    FRAME Inner;

    Push(&Inner, (PEXCEPTION_ROUTINE)(PVOID)Pass);
    *(volatile int *)8 = 1;
    Pop(&Inner);
}

// An inner frame that does not want the exception is asked first, and told when it is unwound.
static void Nested(void)
{
    FRAME Frame;
    PVOID Head, After;

    Push(&Frame, (PEXCEPTION_ROUTINE)(PVOID)Catch);
    __asm__ volatile("mov %%fs:0, %0" : "=r"(Head));
    Unwound = 0;
    if (setjmp(Frame.Resume) == 0) {
        FaultInside();
    }
    CHECK_EQUAL(Seen.ExceptionCode, (DWORD)EXCEPTION_ACCESS_VIOLATION);
    CHECK_EQUAL(Unwound, 1);
    __asm__ volatile("mov %%fs:0, %0" : "=r"(After));
    CHECK(Head == After);
    Pop(&Frame);
}

// Repairs the divisor's register and lets the instruction run again.
static LONG CALLBACK Repair(PEXCEPTION_POINTERS Pointers)
{
    if (Pointers->ExceptionRecord->ExceptionCode == EXCEPTION_INT_DIVIDE_BY_ZERO) {
        Order = Order * 10 + 1;
        Pointers->ContextRecord->Ecx = 5;
        return EXCEPTION_CONTINUE_EXECUTION;
    }
    return EXCEPTION_CONTINUE_SEARCH;
}

static LONG CALLBACK Watch(PEXCEPTION_POINTERS Pointers)
{
    (void)Pointers;
    Order = Order * 10 + 2;
    return EXCEPTION_CONTINUE_SEARCH;
}

static int DivideByEcx(int Dividend, int Divisor)
{
    int Quotient, Rest;

    __asm__ volatile("cltd\n idivl %%ecx" : "=a"(Quotient), "=&d"(Rest) : "0"(Dividend), "c"(Divisor));
    return Quotient;
}

static void Vectored(void)
{
    PVOID Second = AddVectoredExceptionHandler(0, Repair), First = AddVectoredExceptionHandler(1, Watch);

    Order = 0;
    CHECK_EQUAL(DivideByEcx(35, 0), 7);
    CHECK_EQUAL(Order, 21); // the watcher, put first, was asked first
    CHECK(RemoveVectoredExceptionHandler(First) && RemoveVectoredExceptionHandler(Second));
    CHECK(!RemoveVectoredExceptionHandler(First));
}

static long __cdecl Filter(EXCEPTION_POINTERS *Pointers)
{
    return Pointers->ExceptionRecord->ExceptionCode == EXCEPTION_ACCESS_VIOLATION ? EXCEPTION_CONTINUE_EXECUTION
                                                                                  : EXCEPTION_CONTINUE_SEARCH;
}

// mingw-w64's own macros register a frame too.
static void Macros(void)
{
    PVOID Before, After;

    __asm__ volatile("mov %%fs:0, %0" : "=r"(Before));
    __try1(Filter);
    __except1;
    __asm__ volatile("mov %%fs:0, %0" : "=r"(After));
    CHECK(Before == After);
}

static jmp_buf SignalResume;

static void OnSignal(int Signal)
{
    longjmp(SignalResume, Signal);
}

static void Signals(void)
{
    signal(SIGSEGV, OnSignal);
    switch (setjmp(SignalResume)) {
    case 0:
        *(volatile int *)16 = 1;
        CHECK(!"came behind a faulting write");
        break;
    case SIGSEGV:
        break;
    default:
        CHECK(!"another signal");
    }
}

int main(void)
{
    AccessViolation();
    DivideAndOthers();
    Nested();
    Vectored();
    Macros();
    Signals();
    return Verdict();
}
