// SPDX-License-Identifier: MIT
// The C half of the exception vectors: what each means as an NT status. All arrive with interrupts off and a complete
// frame, from i386/trap.asm; interrupts go on again as soon as nothing of the processor's can be lost.
// Source: Intel SDM 3A 6.15; SDK documentation of EXCEPTION_RECORD.

#include "ki.h"

#define DR6_SINGLE_STEP 0x4000u
#define DR6_BREAKPOINTS 0xFu
#define DR6_DEFINED 0xE00Fu // BT, BS, BD, B3-B0
#define PREFIX_LOCK 0xF0
#define ERROR_CODE_IDT 2u

static VOID KiTrapPrologue(PKTRAP_FRAME TrapFrame)
{
    KeRestoreInterrupts((TrapFrame->EFlags & EFLAGS_IF) != 0);
}

// A trap that means a broken kernel: 0x7F with its vector.
DECLSPEC_NORETURN VOID KiUnexpectedTrap(ULONG Vector, PKTRAP_FRAME TrapFrame)
{
    KiBugCheckTrap(UNEXPECTED_KERNEL_MODE_TRAP, Vector, TrapFrame->ErrCode, KiReadCr0(), TrapFrame->Eip, TrapFrame);
}

VOID FASTCALL KiSegmentOverrun(PKTRAP_FRAME TrapFrame)
{
    KiUnexpectedTrap(9, TrapFrame);
}

VOID FASTCALL KiReservedTrap(PKTRAP_FRAME TrapFrame)
{
    KiUnexpectedTrap(0xF, TrapFrame);
}

// Vector 0Ah. A user's IRET with NT set asks for a task to return to, and there is none.
VOID FASTCALL KiInvalidTss(PKTRAP_FRAME TrapFrame)
{
    if (KiTrapMode(TrapFrame) == KernelMode)
        KiUnexpectedTrap(0xA, TrapFrame);
    KiTrapPrologue(TrapFrame);
    TrapFrame->EFlags &= ~(ULONG)EFLAGS_NT;
    KiRaiseTrapException(TrapFrame, STATUS_ACCESS_VIOLATION, 2, 0, MAXULONG, 0);
}

VOID FASTCALL KiMachineCheck(PKTRAP_FRAME TrapFrame)
{
    KiBugCheckTrap(MACHINE_CHECK_EXCEPTION, 0, 0, 0, 0, TrapFrame);
}

VOID FASTCALL KiOverflow(PKTRAP_FRAME TrapFrame)
{
    KiTrapPrologue(TrapFrame);
    TrapFrame->Eip -= 1;
    KiRaiseTrapException(TrapFrame, STATUS_INTEGER_OVERFLOW, 0, 0, 0, 0);
}

VOID FASTCALL KiBoundRange(PKTRAP_FRAME TrapFrame)
{
    KiTrapPrologue(TrapFrame);
    KiRaiseTrapException(TrapFrame, STATUS_ARRAY_BOUNDS_EXCEEDED, 0, 0, 0, 0);
}

VOID FASTCALL KiAlignmentCheck(PKTRAP_FRAME TrapFrame)
{
    KiTrapPrologue(TrapFrame);
    KiRaiseTrapException(TrapFrame, STATUS_DATATYPE_MISALIGNMENT, 0, 0, 0, 0);
}

VOID FASTCALL KiSegmentNotPresent(PKTRAP_FRAME TrapFrame)
{
    KiRepairExit(TrapFrame);
    KiTrapPrologue(TrapFrame);
    KiRaiseTrapException(TrapFrame, STATUS_ACCESS_VIOLATION, 2, 0, TrapFrame->ErrCode & 0xFFFF, 0);
}

VOID FASTCALL KiStackFault(PKTRAP_FRAME TrapFrame)
{
    KiRepairExit(TrapFrame);
    KiTrapPrologue(TrapFrame);
    KiRaiseTrapException(TrapFrame, STATUS_ACCESS_VIOLATION, 2, 0, MAXULONG, 0);
}

// Vector 1. A breakpoint that a thread set on a user address and that the kernel hit on its behalf is dropped.
VOID FASTCALL KiDebugTrap(PKTRAP_FRAME TrapFrame)
{
    PKTHREAD Thread = KeGetCurrentThread();
    ULONG Dr6;

    __asm__ volatile("mov %%dr6, %0" : "=r"(Dr6));
    __asm__ volatile("mov %0, %%dr6" : : "r"(0xFFFF0FF0ul));
    if (KiTrapMode(TrapFrame) == KernelMode && (Dr6 & DR6_BREAKPOINTS) != 0 && (Dr6 & DR6_SINGLE_STEP) == 0)
        return;
    KiTrapPrologue(TrapFrame);
    Thread->DebugRegisters[6] = Dr6 & DR6_DEFINED;
    TrapFrame->EFlags &= ~(ULONG)EFLAGS_TF;
    KiRaiseTrapException(TrapFrame, STATUS_SINGLE_STEP, 0, 0, 0, 0);
}

// int 3: the exception is at the instruction itself.
VOID FASTCALL KiBreakpoint(PKTRAP_FRAME TrapFrame)
{
    KiTrapPrologue(TrapFrame);
    TrapFrame->Eip -= 1;
    KiRaiseTrapException(TrapFrame, STATUS_BREAKPOINT, 1, 0, 0, 0);
}

static BOOLEAN KiIsPrefix(UCHAR Byte)
{
    static const UCHAR Prefixes[] = {0x26, 0x2E, 0x36, 0x3E, 0x64, 0x65, 0x66, 0x67, 0xF0, 0xF2, 0xF3};
    ULONG Index;

    for (Index = 0; Index < sizeof(Prefixes); Index++)
        if (Prefixes[Index] == Byte)
            return TRUE;
    return FALSE;
}

#define KI_MAXIMUM_INSTRUCTION 15

// Reads up to KI_MAXIMUM_INSTRUCTION bytes of user code. Returns how many could be read.
static ULONG KiReadUserCode(ULONG Eip, PUCHAR Code)
{
    volatile ULONG Count = 0;

    SEH_TRY
    {
        for (; Count < KI_MAXIMUM_INSTRUCTION && Eip + Count < MM_USER_PROBE_ADDRESS; Count++)
            Code[Count] = ((volatile UCHAR *)Eip)[Count];
    }
    SEH_EXCEPT
    {
    }
    SEH_END
    return Count;
}

// Is the instruction at Eip (user mode) one that ring 3 must not execute? Otherwise a general protection fault means a
// bad address or selector. Source: Intel SDM 3A 5.9.
static BOOLEAN KiIsPrivileged(ULONG Eip)
{
    UCHAR Code[KI_MAXIMUM_INSTRUCTION + 2] = {0}, Op, Next, Extension;
    ULONG Count = KiReadUserCode(Eip, Code), At = 0;

    while (At < Count && KiIsPrefix(Code[At]))
        At++;
    Op = Code[At]; // bytes that could not be read are 0, an instruction that is not privileged
    Next = Code[At + 1];
    Extension = Code[At + 2] >> 3 & 7;
    if (Op != 0x0F)
        return Op == 0xF4 || Op == 0xFA || Op == 0xFB || (Op >= 0x6C && Op <= 0x6F) || (Op >= 0xE4 && Op <= 0xE7) ||
               (Op >= 0xEC && Op <= 0xEF); // hlt, cli, sti, ins, outs, in, out
    if (Next == 0x00)
        return Extension == 2 || Extension == 3; // lldt, ltr
    if (Next == 0x01)
        return Extension == 2 || Extension == 3 || Extension == 6 || Extension == 7; // lgdt, lidt, lmsw, invlpg
    return Next == 0x06 || Next == 0x08 || Next == 0x09 || (Next >= 0x20 && Next <= 0x23) ||
           (Next >= 0x30 && Next <= 0x33) ||
           Next == 0x35; // clts, invd, wbinvd, mov cr/dr, wrmsr, rdtsc, rdmsr, rdpmc, sysexit
}

// A LOCK prefix where none may be is an error of its own.
static BOOLEAN KiIsLocked(ULONG Eip)
{
    UCHAR Code[KI_MAXIMUM_INSTRUCTION];
    ULONG Count = KiReadUserCode(Eip, Code), At;

    for (At = 0; At < Count && KiIsPrefix(Code[At]); At++)
        if (Code[At] == PREFIX_LOCK)
            return TRUE;
    return FALSE;
}

VOID FASTCALL KiInvalidOpcode(PKTRAP_FRAME TrapFrame)
{
    KiTrapPrologue(TrapFrame);
    if (KiTrapMode(TrapFrame) == UserMode && KiIsLocked(TrapFrame->Eip))
        KiRaiseTrapException(TrapFrame, STATUS_INVALID_LOCK_SEQUENCE, 0, 0, 0, 0);
    else
        KiRaiseTrapException(TrapFrame, STATUS_ILLEGAL_INSTRUCTION, 0, 0, 0, 0);
}

VOID FASTCALL KiGeneralProtection(PKTRAP_FRAME TrapFrame)
{
    KiRepairExit(TrapFrame);
    KiTrapPrologue(TrapFrame);
    if (KiTrapMode(TrapFrame) == UserMode && (TrapFrame->ErrCode & ERROR_CODE_IDT) == 0 &&
        KiIsPrivileged(TrapFrame->Eip))
        KiRaiseTrapException(TrapFrame, STATUS_PRIVILEGED_INSTRUCTION, 0, 0, 0, 0);
    else
        KiRaiseTrapException(TrapFrame, STATUS_ACCESS_VIOLATION, 2, 0, MAXULONG, 0);
}

// The first unmasked exception flag decides, in the order of SDM 1, 8.5.
static NTSTATUS KiFloatStatus(ULONG Pending)
{
    static const NTSTATUS Codes[] = {STATUS_FLOAT_INVALID_OPERATION, STATUS_FLOAT_DENORMAL_OPERAND,
                                     STATUS_FLOAT_DIVIDE_BY_ZERO,    STATUS_FLOAT_OVERFLOW,
                                     STATUS_FLOAT_UNDERFLOW,         STATUS_FLOAT_INEXACT_RESULT};
    static const UCHAR Order[] = {0, 2, 1, 3, 4, 5};
    ULONG Index;

    for (Index = 0; Index < sizeof(Order); Index++)
        if (Pending & 1ul << Order[Index])
            return Codes[Order[Index]];
    return STATUS_FLOAT_INVALID_OPERATION;
}

// The x87 reports an error at the next instruction of its own; the exception's address is the one that erred, where the
// processor tells it.
VOID FASTCALL KiNpxError(PKTRAP_FRAME TrapFrame)
{
    KI_NPX_STATUS Npx;
    ULONG Pending;
    NTSTATUS Code;

    if (KiTrapMode(TrapFrame) == KernelMode && (KeGetCurrentThread()->NpxState & NPX_STATE_KERNEL) == 0)
        KiUnexpectedTrap(0x10, TrapFrame);
    KiGetNpxStatus(&Npx);
    KiTrapPrologue(TrapFrame);
    Pending = Npx.Status & ~Npx.Control & 0x3F;
    Code = (Pending & 1) && (Npx.Status & 0x40) ? STATUS_FLOAT_STACK_CHECK : KiFloatStatus(Pending);
    KiRaiseTrapExceptionAt(Npx.Address != NULL ? Npx.Address : (PVOID)TrapFrame->Eip, TrapFrame, Code, 1, 0, 0);
}

// SSE's exceptions are told by two statuses only, with MXCSR as second parameter: MULTIPLE_TRAPS for an invalid or
// denormal operand and division by zero, MULTIPLE_FAULTS for overflow, underflow and an inexact result - as published
// crash reports of Windows show them, and the other way round than the SDM's words (1, 11.5.1) would have it.
VOID FASTCALL KiSimdError(PKTRAP_FRAME TrapFrame)
{
    KI_NPX_STATUS Npx;
    ULONG Pending;

    if (KiTrapMode(TrapFrame) == KernelMode && (KeGetCurrentThread()->NpxState & NPX_STATE_KERNEL) == 0)
        KiUnexpectedTrap(0x13, TrapFrame);
    KiGetNpxStatus(&Npx);
    KiTrapPrologue(TrapFrame);
    Pending = Npx.Mxcsr & ~(Npx.Mxcsr >> 7) & 0x3F;
    KiRaiseTrapException(TrapFrame, (Pending & 7) ? STATUS_FLOAT_MULTIPLE_TRAPS : STATUS_FLOAT_MULTIPLE_FAULTS, 2, 0,
                         Npx.Mxcsr, 0);
}

// int 29h, __fastfail(ecx): no handler is asked.
VOID FASTCALL KiFastFail(PKTRAP_FRAME TrapFrame)
{
    EXCEPTION_RECORD Record;

    KiTrapPrologue(TrapFrame);
    TrapFrame->Eip -= 2;
    if (KiTrapMode(TrapFrame) == KernelMode)
        KiBugCheckTrap(KERNEL_SECURITY_CHECK_FAILURE, TrapFrame->Ecx, (ULONG_PTR)TrapFrame, 0, 0, TrapFrame);
    RtlZeroMemory(&Record, sizeof(Record));
    Record.ExceptionCode = STATUS_STACK_BUFFER_OVERRUN;
    Record.ExceptionFlags = EXCEPTION_NONCONTINUABLE;
    Record.ExceptionAddress = (PVOID)TrapFrame->Eip;
    Record.NumberParameters = 1;
    Record.ExceptionInformation[0] = TrapFrame->Ecx;
    KiDispatchException(&Record, NULL, TrapFrame, UserMode, FALSE);
}

// int 2Ah: milliseconds since boot in eax.
VOID FASTCALL KiGetTickCountTrap(PKTRAP_FRAME TrapFrame)
{
    LARGE_INTEGER Ticks;

    KiTrapPrologue(TrapFrame);
    KeQueryTickCount(&Ticks);
    TrapFrame->Eax = (ULONG)((ULONGLONG)Ticks.QuadPart * SharedUserData->TickCountMultiplier >> 24);
}

// int 2Bh ends a callback into user mode; none is ever active yet.
VOID FASTCALL KiCallbackReturnTrap(PKTRAP_FRAME TrapFrame)
{
    KiTrapPrologue(TrapFrame);
    TrapFrame->Eax = (ULONG)STATUS_NO_CALLBACK_ACTIVE;
}

// int 2Ch: an assertion of user-mode code.
VOID FASTCALL KiAssertionTrap(PKTRAP_FRAME TrapFrame)
{
    KiTrapPrologue(TrapFrame);
    TrapFrame->Eip -= 2;
    KiRaiseTrapException(TrapFrame, STATUS_ASSERTION_FAILURE, 0, 0, 0, 0);
}

#define KI_DEBUG_PRINT 1
#define KI_DEBUG_PRINT_LIMIT 512

static VOID KiPrintForUser(PCSTR Text, ULONG Length)
{
    CHAR Line[KI_DEBUG_PRINT_LIMIT + 1];
    const ULONG Size = Length < KI_DEBUG_PRINT_LIMIT ? Length : KI_DEBUG_PRINT_LIMIT;
    volatile ULONG Copied = 0;

    SEH_TRY
    {
        ProbeForRead(Text, Size, 1);
        RtlCopyMemory(Line, Text, Size);
        Copied = Size;
    }
    SEH_EXCEPT
    {
        Copied = 0;
    }
    SEH_END
    Line[Copied] = '\0';
    if (Copied != 0)
        DbgPrint("%s", Line);
}

// int 2Dh: the debugger's service. eax = 1 prints ecx[0..edx); anything else is a breakpoint. The caller has an int 3
// behind it, which is skipped.
VOID FASTCALL KiDebugServiceTrap(PKTRAP_FRAME TrapFrame)
{
    KiTrapPrologue(TrapFrame);
    if (TrapFrame->Eax != KI_DEBUG_PRINT) {
        KiRaiseTrapException(TrapFrame, STATUS_BREAKPOINT, 1, TrapFrame->Eax, 0, 0);
        return;
    }
    if (KiTrapMode(TrapFrame) == UserMode)
        KiPrintForUser((PCSTR)TrapFrame->Ecx, TrapFrame->Edx);
    TrapFrame->Eax = (ULONG)STATUS_SUCCESS;
    TrapFrame->Eip += 1;
}
