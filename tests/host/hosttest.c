// SPDX-License-Identifier: MIT
// The runner of the host ring: entry point, system calls of Linux for i386, and the loop over the laws.

#include "hosttest.h"

#define SYS_EXIT 1
#define SYS_WRITE 4
#define SYS_MPROTECT 125
#define SYS_MMAP2 192
#define HOST_PROT_RW 3
#define HOST_MAP_PRIVATE_ANONYMOUS 0x22

extern const HOST_TEST __start_hosttests[], __stop_hosttests[];

static ULONG HostFailures, HostSeed = 1;
static const char *HostCurrent;

static LONG HostCall(LONG Number, LONG a, LONG b, LONG c, LONG d, LONG e)
{
    LONG Result;

    __asm__ volatile("push %%ebp; xor %%ebp, %%ebp; int $0x80; pop %%ebp"
                     : "=a"(Result)
                     : "a"(Number), "b"(a), "c"(b), "d"(c), "S"(d), "D"(e)
                     : "memory");
    return Result;
}

VOID HostPrint(const char *Format, ...)
{
    char Text[512];
    va_list Arguments;

    va_start(Arguments, Format);
    _vsnprintf(Text, sizeof(Text), Format, Arguments);
    va_end(Arguments);
    HostCall(SYS_WRITE, 1, (LONG)Text, (LONG)strlen(Text), 0, 0);
}

VOID HostExpect(BOOLEAN Condition, const char *Expression, ULONGLONG Got, ULONGLONG Want, const char *File, ULONG Line)
{
    if (Condition)
        return;
    HostFailures++;
    HostPrint("FAIL %s: %s:%u: %s: got 0x%I64x, expected 0x%I64x (HOST_SEED=%u)\n", HostCurrent, File, Line, Expression,
              Got, Want, HostSeed);
}

ULONG HostRandom(VOID)
{
    static ULONG State;

    if (State == 0)
        State = HostSeed * 2654435761u + 12345;
    State ^= State << 13;
    State ^= State >> 17;
    State ^= State << 5;
    return State;
}

PVOID HostGuarded(SIZE_T Size)
{
    SIZE_T Room = ROUND_TO_PAGES(Size);
    LONG Base = HostCall(SYS_MMAP2, 0, (LONG)(Room + PAGE_SIZE), HOST_PROT_RW, HOST_MAP_PRIVATE_ANONYMOUS, -1);

    HostCall(SYS_MPROTECT, Base + (LONG)Room, PAGE_SIZE, 0, 0, 0);
    return (PCHAR)Base + Room - Size;
}

static VOID HostReadEnvironment(char **Environment)
{
    for (; *Environment != NULL; Environment++) {
        if (strncmp(*Environment, "HOST_SEED=", 10) == 0)
            HostSeed = strtoul(*Environment + 10, NULL, 0) + 1;
    }
}

// Stack: argc, argv[], NULL, envp[], NULL.
__attribute__((used)) static VOID HostMain(LONG *Stack)
{
    char **Arguments = (char **)(Stack + 1);
    const HOST_TEST *Test;
    ULONG Failed = 0;

    HostReadEnvironment(Arguments + Stack[0] + 1);
    for (Test = __start_hosttests; Test < __stop_hosttests; Test++) {
        ULONG Before = HostFailures;

        HostCurrent = Test->Name;
        Test->Routine();
        if (HostFailures == Before)
            HostPrint("ok %s\n", Test->Name);
        else
            Failed++;
    }
    HostCall(SYS_EXIT, Failed != 0, 0, 0, 0, 0);
}

__asm__(".globl _start\n_start:\n    xor %ebp, %ebp\n    mov %esp, %eax\n    and $-16, %esp\n    sub $12, %esp\n    "
        "push %eax\n    call HostMain\n");

// The allocator of the shared Rtl code: guarded, never reused.
PVOID NTAPI RtlpAllocateMemory(SIZE_T Bytes, ULONG Tag)
{
    UNREFERENCED_PARAMETER(Tag);
    return HostGuarded(Bytes);
}

VOID NTAPI RtlpFreeMemory(PVOID Memory, ULONG Tag)
{
    UNREFERENCED_PARAMETER(Memory);
    UNREFERENCED_PARAMETER(Tag);
}
