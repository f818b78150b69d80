// SPDX-License-Identifier: MIT
// The blue screen: code, its name, four parameters, the stack with names - on the screen, in the log and as a record
// for the host - and the end of the machine. It trusts nothing: no locks, no pool, no interrupts; a second bugcheck
// while the first one prints ends at once. Source: WDK, "Bug Check Code Reference".

#include "ki.h"

#define KI_BLUE_ATTRIBUTE 0x1F // white on blue
#define KI_STACK_DEPTH 16
#define KI_LINE_LENGTH 160

static ULONG KiBugCheckDepth;

static VOID CDECL KiPrint(PCSTR Format, ...)
{
    CHAR Line[KI_LINE_LENGTH];
    va_list Arguments;

    va_start(Arguments, Format);
    (VOID) _vsnprintf(Line, sizeof(Line), Format, Arguments);
    va_end(Arguments);
    KdPrintBoot("%s", Line);
}

// A return address belongs to the call before it, which may be the last instruction of a function.
static VOID KiPrintAddress(PVOID Address, ULONG Back)
{
    ULONG Offset;
    PCSTR Name = KeLookupSymbol((PVOID)((ULONG_PTR)Address - Back), &Offset);

    if (Name != NULL)
        KiPrint("  %08X  %s+0x%X\n", (ULONG)Address, Name, Offset + Back);
    else
        KiPrint("  %08X\n", (ULONG)Address);
}

static VOID KiPrintStack(PKTRAP_FRAME TrapFrame)
{
    PVOID Callers[KI_STACK_DEPTH], Ebp = __builtin_frame_address(0);
    ULONG Count, Index;

    if (TrapFrame != NULL) {
        KiPrintAddress((PVOID)TrapFrame->Eip, 0);
        if (KiTrapMode(TrapFrame) == UserMode)
            return;
        Ebp = (PVOID)TrapFrame->Ebp;
    }
    Count = KeWalkFrames(Callers, KI_STACK_DEPTH, Ebp);
    for (Index = 0; Index < Count; Index++)
        KiPrintAddress(Callers[Index], 1);
}

static ULONG KiEspOf(PKTRAP_FRAME TrapFrame)
{
    if (KiTrapMode(TrapFrame) == UserMode)
        return TrapFrame->HardwareEsp;
    return TrapFrame->TempSegCs != 0 ? TrapFrame->TempEsp : (ULONG)&TrapFrame->HardwareEsp;
}

// What the parameters mean, where that is known.
static VOID KiPrintWords(ULONG Code, const ULONG_PTR *Parameters)
{
    PCSTR Words[4], Summary = KiBugCheckWordsOf(Code, Parameters, Words);
    ULONG Index;

    if (Summary == NULL)
        return;
    KiPrint("%s\n", Summary);
    for (Index = 0; Index < 4; Index++) {
        if (Words[Index] != NULL)
            KiPrint("  %08X  %s\n", Parameters[Index], Words[Index]);
    }
    KiPrint("\n");
}

static VOID KiPrintScreen(ULONG Code, const ULONG_PTR *Parameters, PKTRAP_FRAME TrapFrame)
{
    PETHREAD Thread = (PETHREAD)KeGetCurrentPrcb()->CurrentThread;
    PCSTR Name = KiBugCheckName(Code);

    HalClearDisplay(KI_BLUE_ATTRIBUTE);
    KiPrint("\nA problem has been detected and Mica has been shut down.\n\n");
    if (Name != NULL)
        KiPrint("%s\n\n", Name);
    KiPrint("*** STOP: 0x%08X (0x%08X,0x%08X,0x%08X,0x%08X)\n\n", Code, Parameters[0], Parameters[1], Parameters[2],
            Parameters[3]);
    KiPrintWords(Code, Parameters);
    KiPrint("IRQL %u  processor %u  thread %08X  Cid %x.%x\n", KeGetCurrentIrql(), KeGetPcr()->Number, (ULONG)Thread,
            (ULONG)(ULONG_PTR)Thread->Cid.UniqueProcess, (ULONG)(ULONG_PTR)Thread->Cid.UniqueThread);
    if (TrapFrame != NULL)
        KiPrint("eax=%08x ebx=%08x ecx=%08x edx=%08x esi=%08x edi=%08x\neip=%08x esp=%08x ebp=%08x efl=%08x cs=%04x\n",
                TrapFrame->Eax, TrapFrame->Ebx, TrapFrame->Ecx, TrapFrame->Edx, TrapFrame->Esi, TrapFrame->Edi,
                TrapFrame->Eip, KiEspOf(TrapFrame), TrapFrame->Ebp, TrapFrame->EFlags, TrapFrame->SegCs & 0xFFFF);
    KiPrint("\nStack:\n");
    KiPrintStack(TrapFrame);
}

static DECLSPEC_NORETURN VOID KiStop(VOID)
{
    if (KdHostPortEnabled)
        HalExitToHost(HOST_EXIT_BUGCHECK);
    for (;;)
        __asm__ volatile("cli; hlt");
}

// The first processor stops the others and goes on, again if it fails in here; another one that fails at the same time
// waits for being stopped.
static VOID KiClaimBugCheck(VOID)
{
    static volatile LONG Owner = -1;
    LONG Number = (LONG)KeGetCurrentProcessorNumber(), Previous = InterlockedCompareExchange(&Owner, Number, -1);

    if (Previous == -1)
        KiFreezeProcessors();
    while (Previous != -1 && Previous != Number)
        YieldProcessor();
}

// Stops the system. TrapFrame: what went wrong (its registers and stack are shown), or NULL: the caller. Any IRQL.
DECLSPEC_NORETURN VOID KiBugCheckTrap(ULONG Code, ULONG_PTR P1, ULONG_PTR P2, ULONG_PTR P3, ULONG_PTR P4,
                                      PKTRAP_FRAME TrapFrame)
{
    ULONG_PTR Parameters[4] = {P1, P2, P3, P4};

    (VOID) KeDisableInterrupts();
    KiClaimBugCheck();
    if (KiBugCheckDepth++ == 0) {
        KdHostRecord("bugcheck %08X %08X %08X %08X %08X", Code, P1, P2, P3, P4);
        KiPrintScreen(Code, Parameters, TrapFrame);
    } else if (KiBugCheckDepth == 2) {
        KdPrintBoot("\n*** STOP: 0x%08X inside the bugcheck, at %08X\n", Code, TrapFrame != NULL ? TrapFrame->Eip : 0);
    }
    KiStop();
}

// Stops the system with a code and four parameters (see bugcodes.h). Any IRQL.
DECLSPEC_NORETURN VOID NTAPI KeBugCheckEx(ULONG Code, ULONG_PTR P1, ULONG_PTR P2, ULONG_PTR P3, ULONG_PTR P4)
{
    KiBugCheckTrap(Code, P1, P2, P3, P4, NULL);
}

DECLSPEC_NORETURN VOID NTAPI KeBugCheck(ULONG Code)
{
    KiBugCheckTrap(Code, 0, 0, 0, 0, NULL);
}

// A checked build's ASSERT (or an NT_VERIFY) does not hold. Any IRQL. Says which one and stops the system.
DECLSPEC_NORETURN VOID KeAssertFailed(PCSTR Expression, PCSTR File, ULONG Line)
{
    KdHostRecord("assert %s:%u: %s", File, Line, Expression);
    KdPrintBoot("\n*** Assertion failed: %s\n    %s:%u\n", Expression, File, Line);
    KiBugCheckTrap(MANUALLY_INITIATED_CRASH, (ULONG_PTR)Expression, (ULONG_PTR)File, Line, 0, NULL);
}
