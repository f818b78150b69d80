// SPDX-License-Identifier: MIT
// Floating point: what a thread begins with, whose the registers are, the two forms in a CONTEXT, and each exception of
// the x87 and of SSE with its status. "floats.exe real" adds SSE's exceptions, the x87's stack check
// and its denormals, which an emulator may leave out.

#include <windows.h>

#define STATUS_MULTIPLE_FAULTS 0xC00002B4
#define STATUS_MULTIPLE_TRAPS 0xC00002B5
#define FX_MXCSR 24
#define FX_XMM0 160

typedef struct _SEEN {
    DWORD Code, Address, Parameters, Information[2], Status, Mxcsr;
} SEEN;

#include "snippet.h"

static BOOL Real, Sse;

static DWORD *MxcsrOf(CONTEXT *Context)
{
    return (DWORD *)(Context->ExtendedRegisters + FX_MXCSR);
}

static LONG CALLBACK Watch(PEXCEPTION_POINTERS Pointers)
{
    EXCEPTION_RECORD *Record = Pointers->ExceptionRecord;
    CONTEXT *Context = Pointers->ContextRecord;

    Count++;
    Seen.Code = Record->ExceptionCode;
    Seen.Address = (DWORD)(ULONG_PTR)Record->ExceptionAddress;
    Seen.Parameters = Record->NumberParameters;
    Seen.Information[0] = Record->ExceptionInformation[0];
    Seen.Information[1] = Record->ExceptionInformation[1];
    Seen.Status = Context->FloatSave.StatusWord;
    Seen.Mxcsr = *MxcsrOf(Context);
    Context->Eip = (DWORD)(ULONG_PTR)Recover;
    Context->Esp = SavedEsp;
    Context->FloatSave.ControlWord = 0x27F;
    Context->FloatSave.StatusWord = 0;
    *MxcsrOf(Context) = 0x1F80;
    return EXCEPTION_CONTINUE_EXECUTION;
}

// Control word, the instructions (the one that errs at Offset behind the control word's), then FWAIT.
static void Case87(WORD Control, const void *Bytes, size_t Size, DWORD Status, DWORD Offset)
{
    BYTE Whole[48] = {0x68, 0, 0, 0, 0, 0xD9, 0x2C, 0x24}; // push Control; fldcw [esp]

    memcpy(Whole + 1, &Control, 2);
    memcpy(Whole + 8, Bytes, Size);
    Whole[8 + Size] = 0x9B;
    Whole[9 + Size] = 0x90;
    Run(Whole, Size + 10);
    CHECK_EQUAL(Count, 1);
    CHECK_EQUAL(Seen.Code, Status);
    CHECK_EQUAL(Seen.Parameters, 1);
    CHECK_EQUAL(Seen.Information[0], 0);
    CHECK(Seen.Address == (DWORD)(ULONG_PTR)Code + 8 + Offset ||
          (!Real && Seen.Address == (DWORD)(ULONG_PTR)Code + 8 + Size));
    CHECK(Seen.Status & 0x80);
}
#define CASE87(control, status, offset, ...)                                                                           \
    do {                                                                                                               \
        static const BYTE Bytes_[] = {__VA_ARGS__};                                                                    \
        Case87(control, Bytes_, sizeof(Bytes_), status, offset);                                                       \
    } while (0)

static double Huge = 1e300, Tiny = 1e-300, Third = 3.0;
static DWORD Denormal = 1;

static void X87(void)
{
    DWORD Address;

    CASE87(0x37B, STATUS_FLOAT_DIVIDE_BY_ZERO, 4, 0xD9, 0xE8, 0xD9, 0xEE, 0xDE, 0xF9);    // 1 / 0
    CASE87(0x37E, STATUS_FLOAT_INVALID_OPERATION, 4, 0xD9, 0xEE, 0xD9, 0xEE, 0xDE, 0xF9); // 0 / 0
    if (Real) {
        CASE87(0x37E, STATUS_FLOAT_STACK_CHECK, 0, 0xDD, 0xD8); // fstp st(0), empty
    }
    CASE87(0x35F, STATUS_FLOAT_INEXACT_RESULT, 4, 0xD9, 0xE8, 0xD9, 0xEB, 0xDE, 0xF9); // 1 / pi
    Address = (DWORD)(ULONG_PTR)&Huge;
    // fld [m64]; fmul st, st; sub esp, 8; fstp qword [esp]: the product is in range for the register, not for a double
    {
        BYTE Store[] = {0xDD, 0x05, 0, 0, 0, 0, 0xDC, 0xC8, 0x83, 0xEC, 0x08, 0xDD, 0x1C, 0x24};

        memcpy(Store + 2, &Address, 4);
        Case87(0x377, Store, sizeof(Store), STATUS_FLOAT_OVERFLOW, 11);
        Address = (DWORD)(ULONG_PTR)&Tiny;
        memcpy(Store + 2, &Address, 4);
        Case87(0x36F, Store, sizeof(Store), STATUS_FLOAT_UNDERFLOW, 11);
    }
    if (Real) {
        BYTE Load[] = {0xD9, 0x05, 0, 0, 0, 0};

        Address = (DWORD)(ULONG_PTR)&Denormal;
        memcpy(Load + 2, &Address, 4);
        Case87(0x37D, Load, sizeof(Load), STATUS_FLOAT_DENORMAL_OPERAND, 0);
    }
    // two at once: invalid comes before inexact
    CASE87(0x35E, STATUS_FLOAT_INVALID_OPERATION, 4, 0xD9, 0xEE, 0xD9, 0xEE, 0xDE, 0xF9);
}

// MXCSR, movsd xmm0, [A]; op xmm0, [B].
static void CaseSse(DWORD Mxcsr, BYTE Operation, const double *A, const double *B, DWORD Status, DWORD Flag)
{
    BYTE Whole[] = {0x68, 0, 0, 0, 0,    0x0F, 0xAE, 0x14, 0x24, 0xF2, 0x0F, 0x10, 0x05,
                    0,    0, 0, 0, 0xF2, 0x0F, 0,    0x05, 0,    0,    0,    0};

    memcpy(Whole + 1, &Mxcsr, 4);
    memcpy(Whole + 13, &A, 4);
    Whole[19] = Operation;
    memcpy(Whole + 21, &B, 4);
    Run(Whole, sizeof(Whole));
    CHECK_EQUAL(Count, 1);
    CHECK_EQUAL(Seen.Code, Status);
    CHECK_EQUAL(Seen.Address, (DWORD)(ULONG_PTR)Code + 17);
    CHECK_EQUAL(Seen.Parameters, 2);
    CHECK_EQUAL(Seen.Information[0], 0);
    CHECK_EQUAL(Seen.Information[1], Seen.Mxcsr);
    CHECK_EQUAL(Seen.Mxcsr & Flag, Flag);
}

static void SseExceptions(void)
{
    static const double Zero = 0.0, One = 1.0;
    static const DWORD Small[2] = {1, 0}; // a denormal double
    const DWORD Masked = 0x1F80;

    CaseSse(Masked & ~0x080u, 0x5E, &Zero, &Zero, STATUS_MULTIPLE_TRAPS, 0x01);
    CaseSse(Masked & ~0x100u, 0x58, &One, (const double *)Small, STATUS_MULTIPLE_TRAPS, 0x02);
    CaseSse(Masked & ~0x200u, 0x5E, &One, &Zero, STATUS_MULTIPLE_TRAPS, 0x04);
    CaseSse(Masked & ~0x400u, 0x59, &Huge, &Huge, STATUS_MULTIPLE_FAULTS, 0x08);
    CaseSse(Masked & ~0x800u, 0x59, &Tiny, &Tiny, STATUS_MULTIPLE_FAULTS, 0x10);
    CaseSse(Masked & ~0x1000u, 0x5E, &One, &Third, STATUS_MULTIPLE_FAULTS, 0x20);
}

static DWORD WINAPI FirstUse(PVOID Parameter)
{
    WORD Control = 0, Status = 1;
    DWORD Mxcsr = 0;

    (void)Parameter;
    __asm__ volatile("fnstcw %0\n fnstsw %1" : "=m"(Control), "=m"(Status));
    if (Sse) {
        __asm__ volatile("stmxcsr %0" : "=m"(Mxcsr));
    }
    CHECK_EQUAL(Control, 0x27F);
    CHECK_EQUAL(Status, 0);
    CHECK_EQUAL(Mxcsr, Sse ? 0x1F80 : 0);
    return 0;
}

static volatile LONG Ready, Go;
static DWORD XmmBack, X87Back;

// Keeps values in the registers while another thread looks at them and changes them.
static DWORD WINAPI Keep(PVOID Parameter)
{
    DWORD Value = 0x11111111, Integer = 41;

    (void)Parameter;
    __asm__ volatile("fninit\n fildl %0" : : "m"(Integer));
    if (Sse) {
        __asm__ volatile("movd %0, %%xmm0" : : "r"(Value));
    }
    InterlockedExchange(&Ready, 1);
    while (!Go) {
        Sleep(1); // perhaps it goes on on another processor
    }
    if (Sse) {
        __asm__ volatile("movd %%xmm0, %0" : "=r"(XmmBack));
    }
    __asm__ volatile("fistpl %0" : "=m"(X87Back));
    return 0;
}

static void Contexts(void)
{
    HANDLE Thread = CreateThread(NULL, 0, FirstUse, NULL, 0, NULL);
    CONTEXT Context;
    long double Forty = 42;
    DWORD Value = 0x22222222;

    WaitForSingleObject(Thread, INFINITE);
    CloseHandle(Thread);
    Thread = CreateThread(NULL, 0, Keep, NULL, 0, NULL);
    while (!Ready) {
        Sleep(1);
    }
    SuspendThread(Thread);
    memset(&Context, 0, sizeof(Context));
    Context.ContextFlags = CONTEXT_FLOATING_POINT | CONTEXT_EXTENDED_REGISTERS;
    CHECK(GetThreadContext(Thread, &Context));
    CHECK_EQUAL(*(long double *)Context.FloatSave.RegisterArea, 41);
    CHECK_EQUAL(Context.FloatSave.StatusWord & 0x3800, 0x3800);
    CHECK_EQUAL(Context.FloatSave.TagWord & 0xC000, 0);
    CHECK_EQUAL(Context.FloatSave.TagWord & 0x3FFF, 0x3FFF);
    if (Sse) {
        CHECK_EQUAL(*(DWORD *)(Context.ExtendedRegisters + FX_XMM0), 0x11111111);
        CHECK_EQUAL(*(long double *)(Context.ExtendedRegisters + 32), 41);
    }
    // Both forms count: the x87's registers from FloatSave, SSE's from ExtendedRegisters; bits that no MXCSR has are
    // dropped.
    memcpy(Context.FloatSave.RegisterArea, &Forty, 10);
    memcpy(Context.ExtendedRegisters + FX_XMM0, &Value, 4);
    *MxcsrOf(&Context) = 0xFFFFFFFF;
    CHECK(SetThreadContext(Thread, &Context));
    Go = 1;
    ResumeThread(Thread);
    WaitForSingleObject(Thread, INFINITE);
    CHECK_EQUAL(X87Back, 42);
    if (Sse) {
        CHECK_EQUAL(XmmBack, 0x22222222);
    }
    CloseHandle(Thread);
}

static LONG CALLBACK Repair(PEXCEPTION_POINTERS Pointers)
{
    static const BYTE Five[10] = {0, 0, 0, 0, 0, 0, 0, 0xA0, 0x01, 0x40};
    CONTEXT *Context = Pointers->ContextRecord;

    Count++;                                           // no x87 instruction here: the error is still pending
    memcpy(Context->FloatSave.RegisterArea, Five, 10); // the result of the division
    Context->FloatSave.StatusWord &= ~0x80FFu;
    return EXCEPTION_CONTINUE_EXECUTION;
}

// A handler gives the result of the instruction in FloatSave, and the program goes on with it.
static void RepairX87(void)
{
    PVOID Handler = AddVectoredExceptionHandler(1, Repair);
    WORD Control = 0x37B;
    volatile double Result = 0;
    double One = 1, Zero = 0;

    Count = 0;
    __asm__ volatile("fldcw %1\n fldl %2\n fdivl %3\n fwait\n fstpl %0\n fninit"
                     : "=m"(Result)
                     : "m"(Control), "m"(One), "m"(Zero));
    CHECK_EQUAL(Count, 1);
    CHECK(Result == 5.0);
    RemoveVectoredExceptionHandler(Handler);
}

int main(int Argc, char **Argv)
{
    Real = Argc > 1 && strcmp(Argv[1], "real") == 0;
    Sse = IsProcessorFeaturePresent(PF_XMMI64_INSTRUCTIONS_AVAILABLE);
    Code = VirtualAlloc(NULL, 0x1000, MEM_COMMIT | MEM_RESERVE, PAGE_EXECUTE_READWRITE);
    AddVectoredExceptionHandler(1, Watch);
    X87();
    if (Real && Sse) {
        SseExceptions();
    }
    Contexts();
    RepairX87();
    return Verdict();
}
