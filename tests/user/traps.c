// SPDX-License-Identifier: MIT
// Every trap that a program can make: its status, its address, its parameters; debug registers, single steps, and the
// oddest ways of coming into the kernel. "traps.exe real" adds what an emulator may leave out: segment limits,
// alignment checks, the shadow behind `mov ss`, ICEBP.

#include <windows.h>

// In ntstatus.h, which does not go together with windows.h.
#define STATUS_INVALID_LOCK_SEQUENCE 0xC000001E
#ifndef STATUS_ASSERTION_FAILURE
#define STATUS_ASSERTION_FAILURE 0xC0000420
#endif

typedef struct _SEEN {
    DWORD Code;
    ULONG_PTR Address;
    DWORD Parameters;
    ULONG_PTR Information[2];
    DWORD Eip, EFlags, Dr6;
} SEEN;

#include "snippet.h"

static BOOL Real, Nx;
static DWORD Steps; // single steps that the handler lets go on
static DWORD StepAt[64], StepCount, KernelSteps;
DWORD Watched __asm__("_Watched") = 0x23; // also a selector for ss

void StartTrace(void) __asm__("_StartTrace");

static LONG CALLBACK Watch(PEXCEPTION_POINTERS Pointers)
{
    EXCEPTION_RECORD *Record = Pointers->ExceptionRecord;
    CONTEXT *Context = Pointers->ContextRecord;

    Count++;
    if (Record->ExceptionCode == STATUS_SINGLE_STEP && Steps != 0) {
        if (StepCount < 64) {
            StepAt[StepCount++] = Context->Eip;
        }
        if (Context->Eip >= 0x80000000) {
            KernelSteps++;
        }
        if (--Steps != 0) {
            Context->EFlags |= 0x100;
        }
        return EXCEPTION_CONTINUE_EXECUTION;
    }
    Seen.Code = Record->ExceptionCode;
    Seen.Address = (ULONG_PTR)Record->ExceptionAddress;
    Seen.Parameters = Record->NumberParameters;
    Seen.Information[0] = Record->ExceptionInformation[0];
    Seen.Information[1] = Record->ExceptionInformation[1];
    Seen.Eip = Context->Eip;
    Seen.EFlags = Context->EFlags;
    Seen.Dr6 = Context->Dr6;
    Context->Eip = (DWORD)(ULONG_PTR)Recover;
    Context->Esp = SavedEsp;
    Context->SegDs = Context->SegEs = 0x23;
    Context->SegFs = 0x3B;
    Context->SegGs = 0;
    Context->EFlags = 0x202;
    return EXCEPTION_CONTINUE_EXECUTION;
}

#define RUN(...)                                                                                                       \
    do {                                                                                                               \
        static const BYTE Bytes_[] = {__VA_ARGS__};                                                                    \
        Run(Bytes_, sizeof(Bytes_));                                                                                   \
    } while (0)

// The snippet must trap once, at Offset, with this status and these parameters.
#define EXPECT(status, offset, parameters, first, second)                                                              \
    do {                                                                                                               \
        CHECK_EQUAL(Count, 1);                                                                                         \
        CHECK_EQUAL(Seen.Code, (DWORD)(status));                                                                       \
        CHECK_EQUAL(Seen.Address, (ULONG_PTR)Code + (offset));                                                         \
        CHECK_EQUAL(Seen.Parameters, (parameters));                                                                    \
        if ((parameters) > 0) {                                                                                        \
            CHECK_EQUAL(Seen.Information[0], (ULONG_PTR)(first));                                                      \
        }                                                                                                              \
        if ((parameters) > 1) {                                                                                        \
            CHECK_EQUAL(Seen.Information[1], (ULONG_PTR)(second));                                                     \
        }                                                                                                              \
    } while (0)
#define EXPECT_PROTECTION(offset) EXPECT(STATUS_ACCESS_VIOLATION, offset, 2, 0, 0xFFFFFFFF)
#define EXPECT_NOTHING() CHECK_EQUAL(Count, 0)

static void Arithmetic(void)
{
    RUN(0x31, 0xD2, 0x31, 0xC9, 0xF7, 0xF1); // div ecx, 0
    EXPECT(STATUS_INTEGER_DIVIDE_BY_ZERO, 4, 0, 0, 0);
    RUN(0xB8, 0, 0, 0, 0x80, 0x99, 0x83, 0xC9, 0xFF, 0xF7, 0xF9); // idiv: 80000000h / -1
    EXPECT(STATUS_INTEGER_OVERFLOW, 9, 0, 0, 0);
    RUN(0x6A, 0x01, 0x31, 0xC0, 0x8D, 0x50, 0x05, 0xF7, 0x74, 0x24, 0x00); // div dword [esp+0] by 1 of 5 * 2^32
    EXPECT(STATUS_INTEGER_OVERFLOW, 7, 0, 0, 0);
    RUN(0x6A, 0x00, 0x31, 0xC0, 0x8D, 0x50, 0x05, 0x66, 0xF7, 0x34, 0x24); // div word [esp], 0
    EXPECT(STATUS_INTEGER_DIVIDE_BY_ZERO, 7, 0, 0, 0);
    RUN(0x66, 0xB8, 0x00, 0x40, 0xB5, 0x01, 0xF6, 0xF5); // div ch: 4000h / 1
    EXPECT(STATUS_INTEGER_OVERFLOW, 6, 0, 0, 0);
    RUN(0xD4, 0x00); // aam 0
    EXPECT(STATUS_INTEGER_DIVIDE_BY_ZERO, 0, 0, 0, 0);
    RUN(0xB8, 0xFF, 0xFF, 0xFF, 0x7F, 0x40, 0xCE); // into
    EXPECT(STATUS_INTEGER_OVERFLOW, 6, 0, 0, 0);
    RUN(0xB8, 0x64, 0, 0, 0, 0x6A, 0x0A, 0x6A, 0x00, 0x62, 0x04, 0x24); // bound eax, [esp]
    EXPECT(STATUS_ARRAY_BOUNDS_EXCEEDED, 9, 0, 0, 0);
}

static void Instructions(void)
{
    static const BYTE Privileged[][4] = {
        {0xF4},             // hlt
        {0xFA},             // cli
        {0xFB},             // sti
        {0xEC},             // in al, dx
        {0xE7, 0x80},       // out 80h, eax
        {0x6C},             // insb
        {0x66, 0x6F},       // outsw
        {0x0F, 0x00, 0xD0}, // lldt ax
        {0x0F, 0x00, 0xD8}, // ltr ax
        {0x0F, 0x01, 0x10}, // lgdt [eax]
        {0x0F, 0x01, 0xF0}, // lmsw ax
        {0x0F, 0x06},       // clts
        {0x0F, 0x08},       // invd
        {0x0F, 0x09},       // wbinvd
        {0x0F, 0x20, 0xC0}, // mov eax, cr0
        {0x0F, 0x22, 0xD8}, // mov cr3, eax
        {0x0F, 0x23, 0xF8}, // mov dr7, eax
        {0x0F, 0x30},       // wrmsr
        {0x0F, 0x32},       // rdmsr
        {0x0F, 0x35},       // sysexit
    };
    size_t Index;

    for (Index = 0; Index < sizeof(Privileged) / sizeof(Privileged[0]); Index++) {
        Run(Privileged[Index], sizeof(Privileged[Index]));
        if (Seen.Code != STATUS_PRIVILEGED_INSTRUCTION) {
            printf("privileged instruction %d\n", (int)Index);
        }
        EXPECT(STATUS_PRIVILEGED_INSTRUCTION, 0, 0, 0, 0);
    }
    RUN(0x0F, 0x0B); // ud2
    EXPECT(STATUS_ILLEGAL_INSTRUCTION, 0, 0, 0, 0);
    RUN(0xF0, 0x01, 0xC8); // lock add eax, ecx
    EXPECT(STATUS_INVALID_LOCK_SEQUENCE, 0, 0, 0, 0);
    RUN(0xCC); // int3
    EXPECT(STATUS_BREAKPOINT, 0, 1, 0, 0);
    RUN(0xCD, 0x03); // int 3, the long form: one byte is taken to be the instruction's length
    EXPECT(STATUS_BREAKPOINT, 1, 1, 0, 0);
    RUN(0xCD, 0x2C);
    EXPECT(STATUS_ASSERTION_FAILURE, 0, 0, 0, 0);
    if (Real) {
        RUN(0x90, 0xF1, 0x90); // icebp
        EXPECT(STATUS_SINGLE_STEP, 2, 0, 0, 0);
        CHECK_EQUAL(Seen.Dr6 & 0x400F, 0);
    }
}

// int n: only 3, 4 and 29h-2Eh have gates for user mode.
static void Interrupts(void)
{
    int Vector;

    for (Vector = 0; Vector < 256; Vector++) {
        BYTE Bytes[2] = {0xCD, (BYTE)Vector};

        if (Vector == 3 || Vector == 4 || (Vector >= 0x29 && Vector <= 0x2E)) {
            continue;
        }
        Run(Bytes, 2);
        EXPECT_PROTECTION(0);
    }
    RUN(0xB8, 0xFF, 0x0F, 0, 0, 0xCD, 0x2E); // a service that there is not
    EXPECT_NOTHING();
    RUN(0xCD, 0x2A);
    EXPECT_NOTHING();
    RUN(0xCD, 0x2B);
    EXPECT_NOTHING();
}

static void Memory(void)
{
    DWORD Old;

    RUN(0xA1, 0x50, 0x34, 0x12, 0x00); // mov eax, [123450h]
    EXPECT(STATUS_ACCESS_VIOLATION, 0, 2, 0, 0x123450);
    RUN(0xA3, 0x50, 0x34, 0x12, 0x00);
    EXPECT(STATUS_ACCESS_VIOLATION, 0, 2, 1, 0x123450);
    RUN(0xA1, 0x00, 0x00, 0x10, 0x80); // the kernel's
    EXPECT(STATUS_ACCESS_VIOLATION, 0, 2, 0, 0x80100000);
    RUN(0xA3, 0x00, 0x00, 0xFE, 0x7F); // the shared page is to be read only
    EXPECT(STATUS_ACCESS_VIOLATION, 0, 2, 1, 0x7FFE0000);
    RUN(0xB8, 0x10, 0, 0, 0, 0xFF, 0xE0); // jmp 10h
    CHECK(Count == 1 && Seen.Code == STATUS_ACCESS_VIOLATION && Seen.Address == 0x10 && Seen.Information[1] == 0x10);
    RUN(0xB8, 0x00, 0x00, 0x10, 0x80, 0xFF, 0xE0); // jmp 80100000h
    CHECK(Count == 1 && Seen.Code == STATUS_ACCESS_VIOLATION && Seen.Address == 0x80100000);
    CHECK_EQUAL(Seen.Information[0], Nx ? 8 : 0);
    RUN(0xB8, 0xFE, 0xFF, 0xFF, 0xFF, 0xFF, 0xE0); // jmp FFFFFFFEh
    CHECK(Count == 1 && Seen.Code == STATUS_ACCESS_VIOLATION);
    if (Nx) {
        RUN(0xB8, 0x04, 0x03, 0xFE, 0x7F, 0xFF, 0xE0); // jmp into the shared page
        CHECK(Count == 1 && Seen.Code == STATUS_ACCESS_VIOLATION && Seen.Address == 0x7FFE0304);
        CHECK_EQUAL(Seen.Information[0], 8);
    }
    *(DWORD *)(Code + 0x1000) = 5;
    VirtualProtect(Code + 0x1000, 0x1000, PAGE_READWRITE | PAGE_GUARD, &Old);
    {
        BYTE Bytes[5] = {0xA1};
        DWORD Address = (DWORD)(ULONG_PTR)Code + 0x1000;

        memcpy(Bytes + 1, &Address, 4);
        Run(Bytes, 5);
        EXPECT(STATUS_GUARD_PAGE_VIOLATION, 0, 2, 0, Address);
        Run(Bytes, 5);
        EXPECT_NOTHING();
    }
}

static void Selectors(void)
{
    static const WORD Bad[] = {0x08, 0x0B, 0x10, 0x13, 0x28, 0x2B, 0x30, 0x33, 0x40,   0x43,
                               0x50, 0x5B, 0x04, 0x07, 0x0F, 0x48, 0x7B, 0x83, 0xFFF8, 0xFFFF};
    static const WORD Good[] = {0, 1, 2, 3, 0x18, 0x1B, 0x20, 0x23, 0x38, 0x3B};
    static const BYTE Registers[] = {0xD8, 0xC0, 0xE0, 0xE8}; // ds, es, fs, gs: mov sreg, ax
    size_t Index, Register;

    for (Register = 0; Register < 4; Register++) {
        for (Index = 0; Index < sizeof(Bad) / 2; Index++) {
            BYTE Bytes[] = {0x66, 0xB8, (BYTE)Bad[Index], (BYTE)(Bad[Index] >> 8), 0x8E, Registers[Register]};

            Run(Bytes, sizeof(Bytes));
            EXPECT_PROTECTION(4);
        }
        for (Index = 0; Index < sizeof(Good) / 2; Index++) {
            // with that selector: a service by int 2Eh, then an exception, in which everything is well
            BYTE Bytes[] = {
                0x66, 0xB8, (BYTE)Good[Index], 0, 0x8E, Registers[Register], 0xB8, 0xFF, 0x0F, 0, 0, 0xCD, 0x2E,
                0x0F, 0x0B};

            Run(Bytes, sizeof(Bytes));
            EXPECT(STATUS_ILLEGAL_INSTRUCTION, 13, 0, 0, 0);
        }
    }
    RUN(0x31, 0xC0, 0x8E, 0xD0); // mov ss, 0
    EXPECT_PROTECTION(2);
    RUN(0x66, 0xB8, 0x20, 0x00, 0x8E, 0xD0); // ss with RPL 0
    EXPECT_PROTECTION(4);
    RUN(0x66, 0xB8, 0x1B, 0x00, 0x8E, 0xD0); // code
    EXPECT_PROTECTION(4);
    for (Index = 0; Index < sizeof(Bad) / 2; Index++) {
        BYTE Jump[] = {0xEA, 0, 0, 0x10, 0x80, (BYTE)Bad[Index], (BYTE)(Bad[Index] >> 8)};
        BYTE Call[] = {0x9A, 0, 0, 0x10, 0x80, (BYTE)Bad[Index], (BYTE)(Bad[Index] >> 8)};
        BYTE Return[] = {0x68, (BYTE)Bad[Index], (BYTE)(Bad[Index] >> 8), 0, 0, 0x6A, 0x00, 0xCB};
        BYTE Iret[] = {0x9C, 0x68, (BYTE)Bad[Index], (BYTE)(Bad[Index] >> 8), 0, 0, 0x6A, 0x00, 0xCF};

        Run(Jump, sizeof(Jump));
        EXPECT_PROTECTION(0);
        Run(Call, sizeof(Call));
        EXPECT_PROTECTION(0);
        Run(Return, sizeof(Return));
        EXPECT_PROTECTION(7);
        Run(Iret, sizeof(Iret));
        EXPECT_PROTECTION(8);
    }
    if (Real) {
        RUN(0x31, 0xC0, 0x8E, 0xD8, 0xA1, 0x00, 0x00, 0x40, 0x00); // ds = 0, then read
        EXPECT_PROTECTION(4);
        RUN(0x64, 0xA1, 0xFD, 0x0F, 0, 0); // fs:[0FFDh], across the limit
        EXPECT_PROTECTION(0);
    }
}

static void Flags(void)
{
    // Every flag that POPF can be asked for, but TF: none of IOPL, IF, VM moves. The result is read by the kernel.
    RUN(0x68, 0xFF, 0xFE, 0xFF, 0xFF, 0x9D, 0x0F, 0x0B);
    CHECK_EQUAL(Count, 1);
    CHECK_EQUAL(Seen.EFlags & 0x23202, 0x202);
    CHECK_EQUAL(Seen.EFlags & 0x4CD5, 0x4CD5);
    RUN(0x68, 0xFF, 0xFE, 0xFF, 0xFF, 0x9D, 0xB8, 0xFF, 0x0F, 0, 0, 0xCD, 0x2E, 0x9C, 0x58, 0x0F, 0x0B); // over int 2Eh
    CHECK_EQUAL(Seen.Code, (DWORD)STATUS_ILLEGAL_INSTRUCTION);
    CHECK_EQUAL(Seen.EFlags & 0x4600, 0x4600);
    // DF and NT set, with the shared page's call
    RUN(0x68, 0x02, 0x46, 0x04, 0x00, 0x9D, 0xB8, 0xFF, 0x0F, 0, 0, 0xBA, 0x00, 0x03, 0xFE, 0x7F, 0xFF, 0x12, 0x0F,
        0x0B);
    EXPECT(STATUS_ILLEGAL_INSTRUCTION, 18, 0, 0, 0);
    CHECK_EQUAL(Seen.EFlags & 0x4600, 0x4600);
    RUN(0x68, 0x02, 0x42, 0x00, 0x00, 0x9D, 0xCF); // NT, iret: there is no task to return to
    EXPECT_PROTECTION(6);
    if (Real) {
        RUN(0x68, 0x02, 0x02, 0x04, 0x00, 0x9D, 0x8B, 0x44, 0x24, 0x01); // AC, a read that is not aligned
        EXPECT(STATUS_DATATYPE_MISALIGNMENT, 6, 0, 0, 0);
    }
}

static void SingleStep(void)
{
    static const BYTE Set[] = {0x68, 0x02, 0x03, 0, 0, 0x9D}; // push 302h; popf
    BYTE Bytes[40];
    DWORD Base = (DWORD)(ULONG_PTR)Code, Index;

    memcpy(Bytes, Set, 6);
    memcpy(Bytes + 6, "\x90\x9C\x58\x40", 4); // nop; pushf; pop eax; inc eax
    Steps = 4;
    StepCount = 0;
    Run(Bytes, 10);
    CHECK_EQUAL(StepCount, 4);
    for (Index = 0; Index < StepCount && Index < 4; Index++) {
        CHECK_EQUAL(StepAt[Index], Base + 7 + Index); // behind nop, pushf, pop eax, inc eax
    }
    // int 2Eh is stepped over together with the instruction behind it, to which IRET returns (SDM 3B 17.3.1.4)
    memcpy(Bytes + 6, "\xB8\xFF\x0F\x00\x00\xCD\x2E\x90\x90\x90", 10);
    Steps = 3;
    StepCount = 0;
    Run(Bytes, 16);
    CHECK_EQUAL(StepCount, 3);
    CHECK(StepAt[0] == Base + 11 && StepAt[1] == Base + 14 && StepAt[2] == Base + 15);
    // SYSENTER (or what the processor has): in ntdll, then behind the call; never in the kernel
    memcpy(Bytes + 6, "\xB8\xFF\x0F\x00\x00\xBA\x00\x03\xFE\x7F\xFF\x12\x90\x90", 14);
    Steps = 6;
    StepCount = KernelSteps = 0;
    Run(Bytes, 20);
    CHECK_EQUAL(KernelSteps, 0);
    for (Index = 0; Index < StepCount && StepAt[Index] != Base + 18; Index++) {
    }
    CHECK(Index < StepCount && Index == 4 && StepAt[Index + 1] == Base + 19);
    if (Real) {                                           // mov ss holds the step back for one instruction
        memcpy(Bytes + 6, "\x8C\xD0\x8E\xD0\x90\x90", 6); // mov eax, ss; mov ss, eax; nop; nop
        Steps = 3;
        StepCount = 0;
        Run(Bytes, 12);
        CHECK(StepCount == 3 && StepAt[0] == Base + 8 && StepAt[1] == Base + 11 && StepAt[2] == Base + 12);
    }
}

static void SetDebug(DWORD Dr0, DWORD Dr1, DWORD Dr7)
{
    CONTEXT Context;

    memset(&Context, 0, sizeof(Context));
    Context.ContextFlags = CONTEXT_DEBUG_REGISTERS;
    Context.Dr0 = Dr0;
    Context.Dr1 = Dr1;
    Context.Dr7 = Dr7;
    CHECK(SetThreadContext(GetCurrentThread(), &Context));
}

static DWORD WINAPI TouchWatched(PVOID Parameter)
{
    (void)Parameter;
    *(volatile DWORD *)&Watched = 0x23;
    return *(volatile DWORD *)&Watched;
}

static void DebugRegisters(void)
{
    CONTEXT Context;
    DWORD Address = (DWORD)(ULONG_PTR)&Watched;
    BYTE Write[11] = {0xC7, 0x05, 0, 0, 0, 0, 0x23, 0, 0, 0, 0x90};
    HANDLE Thread;

    memcpy(Write + 2, &Address, 4);
    SetDebug((DWORD)(ULONG_PTR)Code + 1, 0, 1); // execution: before the instruction
    RUN(0x90, 0x90, 0x90);
    EXPECT(STATUS_SINGLE_STEP, 1, 0, 0, 0);
    CHECK_EQUAL(Seen.Dr6 & 0x400F, 1);
    SetDebug(0, Address, 0x00D00004); // a write of four bytes: behind the instruction
    Run(Write, sizeof(Write));
    EXPECT(STATUS_SINGLE_STEP, 10, 0, 0, 0);
    CHECK_EQUAL(Seen.Dr6 & 0x400F, 2);
    // another thread has none of it
    Thread = CreateThread(NULL, 0, TouchWatched, NULL, 0, NULL);
    Count = 0;
    WaitForSingleObject(Thread, INFINITE);
    CloseHandle(Thread);
    CHECK_EQUAL(Count, 0);
    // what is not for user mode: global bits, kernel addresses, ports, general detection
    SetDebug(0x80100000, 0x60, 0x00E0FFFF);
    Context.ContextFlags = CONTEXT_DEBUG_REGISTERS;
    CHECK(GetThreadContext(GetCurrentThread(), &Context));
    CHECK_EQUAL(Context.Dr0, 0);
    CHECK_EQUAL(Context.Dr7 & 0x3EFF, 0);
    // The kernel reads the watched word for us, in a service: no step of the kernel's is ours.
    SetDebug(0, Address, 0x00F00004);
    {
        BYTE Bytes[] = {0x68, 0, 0, 0, 0,    0x8F, 0x05, 0, 0, 0,    0,    0xBA,
                        0,    0, 0, 0, 0xB8, 0xFF, 0x0F, 0, 0, 0xCD, 0x2E, 0x90};

        memcpy(Bytes + 12, &Address, 4);
        Run(Bytes + 11, sizeof(Bytes) - 11);
        EXPECT_NOTHING();
    }
    // mov ss from the watched word: the trap is held back into the entry of int 3, int 2Eh and SYSENTER
    {
        BYTE Bytes[] = {0x8E, 0x15, 0, 0, 0, 0, 0xCC, 0x90};

        memcpy(Bytes + 2, &Address, 4);
        Run(Bytes, sizeof(Bytes));
        CHECK(Count == 1 && (Seen.Code == STATUS_BREAKPOINT || Seen.Code == STATUS_SINGLE_STEP));
    }
    {
        BYTE Bytes[] = {0xB8, 0xFF, 0x0F, 0,    0,    0x8E, 0x15, 0, 0,    0,   0,
                        0xCD, 0x2E, 0x64, 0xA1, 0x18, 0,    0,    0, 0x0F, 0x0B};

        memcpy(Bytes + 7, &Address, 4);
        Run(Bytes, sizeof(Bytes)); // fs is as it was
        CHECK(Count == 1 && (Seen.Code == STATUS_ILLEGAL_INSTRUCTION || Seen.Code == STATUS_SINGLE_STEP));
    }
    if (IsProcessorFeaturePresent(PF_RDTSC_INSTRUCTION_AVAILABLE)) { // all that have SYSENTER do
        BYTE *Stub = *(BYTE **)0x7FFE0300;
        BYTE Bytes[] = {0xB8, 0xFF, 0x0F, 0,    0,    0xE8, 3, 0, 0, 0,    0x90, 0x0F,
                        0x0B, 0x89, 0xE2, 0x8E, 0x15, 0,    0, 0, 0, 0x0F, 0x34};

        if (Stub[2] == 0x0F && Stub[3] == 0x34) { // mov edx, esp; sysenter
            memcpy(Bytes + 17, &Address, 4);
            Run(Bytes, sizeof(Bytes));
            CHECK(Count == 1 && (Seen.Code == STATUS_ILLEGAL_INSTRUCTION || Seen.Code == STATUS_SINGLE_STEP));
        }
    }
    SetDebug(0, 0, 0);
}

static LONG CALLBACK Resume(PEXCEPTION_POINTERS Pointers)
{
    if (Pointers->ExceptionRecord->ExceptionCode != STATUS_SINGLE_STEP) {
        return EXCEPTION_CONTINUE_SEARCH;
    }
    Count++;
    Pointers->ContextRecord->EFlags |= 0x10000;
    return EXCEPTION_CONTINUE_EXECUTION;
}

// RF lets the instruction under a breakpoint run once.
static void ResumeFlag(void)
{
    PVOID Handler = AddVectoredExceptionHandler(1, Resume);

    SetDebug((DWORD)(ULONG_PTR)Code + 1, 0, 1);
    RUN(0x90, 0x90, 0x90);
    CHECK_EQUAL(Count, 1);
    RunCode(Code);
    CHECK_EQUAL(Count, 2);
    SetDebug(0, 0, 0);
    RemoveVectoredExceptionHandler(Handler);
}

static HANDLE Events[4];

static DWORD WINAPI WaitForFour(PVOID Parameter)
{
    (void)Parameter;
    return WaitForMultipleObjects(4, Events, FALSE, INFINITE);
}

// Setting a part of the context of a thread that waits in a service leaves the service's result alone.
static void ContextInService(void)
{
    HANDLE Thread;
    CONTEXT Context;
    DWORD Result = 99, Index;

    for (Index = 0; Index < 4; Index++) {
        Events[Index] = CreateEventA(NULL, FALSE, FALSE, NULL);
    }
    Thread = CreateThread(NULL, 0, WaitForFour, NULL, 0, NULL);
    Sleep(20);
    SuspendThread(Thread);
    memset(&Context, 0, sizeof(Context));
    Context.ContextFlags = CONTEXT_DEBUG_REGISTERS;
    CHECK(SetThreadContext(Thread, &Context));
    Context.ContextFlags = CONTEXT_CONTROL | CONTEXT_SEGMENTS;
    CHECK(GetThreadContext(Thread, &Context));
    CHECK(SetThreadContext(Thread, &Context));
    ResumeThread(Thread);
    SetEvent(Events[3]);
    WaitForSingleObject(Thread, INFINITE);
    CHECK(GetExitCodeThread(Thread, &Result));
    CHECK_EQUAL(Result, WAIT_OBJECT_0 + 3);
    CloseHandle(Thread);
}

int main(int Argc, char **Argv)
{
    Real = Argc > 1 && strcmp(Argv[1], "real") == 0;
    Nx = IsProcessorFeaturePresent(PF_NX_ENABLED);
    Code = VirtualAlloc(NULL, 0x2000, MEM_COMMIT | MEM_RESERVE, PAGE_EXECUTE_READWRITE);
    AddVectoredExceptionHandler(1, Watch);
    Arithmetic();
    Instructions();
    Interrupts();
    Memory();
    Selectors();
    Flags();
    SingleStep();
    DebugRegisters();
    ResumeFlag();
    ContextInService();
    return Verdict();
}
