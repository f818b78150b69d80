// SPDX-License-Identifier: MIT
// From trap frame to CONTEXT and back. What user mode may load is decided here: its segments, its flags, its debug
// registers. So the exit code (i386/trap.asm) can load whatever a frame holds. Source: SDK (winnt.h), Intel SDM 3A
// 3.4.5.

#include "ki.h"

#define KI_HAS(Flags, Part) (((Flags) & (Part)) == (Part))
#define DR7_ALWAYS 0x400u
#define DR7_USER_MASK 0xFFFF0155u // local enables, lengths and kinds
#define DR7_LOCAL(Index) (1ul << (Index)*2)
#define DR7_KIND(Dr7, Index) ((Dr7) >> (16 + (Index)*4) & 3)
#define DR7_KIND_IO 2u
#define DR6_DEFINED 0xE00Fu

// Esp of what a frame interrupted. A trap from kernel mode pushes no Esp: it is where the frame ends.
static ULONG KiFrameEsp(PKTRAP_FRAME TrapFrame)
{
    if (KiTrapMode(TrapFrame) == UserMode)
        return TrapFrame->HardwareEsp;
    return TrapFrame->TempSegCs != 0 ? TrapFrame->TempEsp : (ULONG)&TrapFrame->HardwareEsp;
}

// A service's frame lacks the volatile registers and data segments (i386/service.asm): gives them defined values, so
// that the thread can leave through the full exit. Eax stays the service's to give.
static VOID KiCompleteFrame(PKTRAP_FRAME TrapFrame)
{
    if (TrapFrame->DbgArgMark >= KI_FRAME_FULL)
        return;
    TrapFrame->DbgArgMark = KI_FRAME_RESULT;
    TrapFrame->SegDs = TrapFrame->SegEs = KGDT_R3_DATA | RPL_MASK;
    TrapFrame->SegGs = 0;
    TrapFrame->Eax = TrapFrame->Ecx = TrapFrame->Edx = 0;
    if (KiTrapMode(TrapFrame) == UserMode)
        TrapFrame->TempSegCs = 0;
}

static VOID KiDebugRegistersToContext(PKTHREAD Thread, PCONTEXT Context)
{
    Context->Dr0 = Thread->DebugRegisters[0];
    Context->Dr1 = Thread->DebugRegisters[1];
    Context->Dr2 = Thread->DebugRegisters[2];
    Context->Dr3 = Thread->DebugRegisters[3];
    Context->Dr6 = Thread->DebugRegisters[6];
    Context->Dr7 = Thread->DebugRegisters[7];
}

// Fills the parts of Context that its ContextFlags ask for from a trap frame of the current thread.
// IRQL <= APC_LEVEL. ExceptionFrame is not used on x86.
VOID KeContextFromKframes(PKTRAP_FRAME TrapFrame, PKEXCEPTION_FRAME ExceptionFrame, PCONTEXT Context)
{
    ULONG Flags = Context->ContextFlags;
    BOOLEAN Full = TrapFrame->DbgArgMark >= KI_FRAME_FULL, User = KiTrapMode(TrapFrame) == UserMode;
    PKTHREAD Thread = KeGetCurrentThread();

    UNREFERENCED_PARAMETER(ExceptionFrame);
    if (KI_HAS(Flags, CONTEXT_CONTROL)) {
        Context->Ebp = TrapFrame->Ebp;
        Context->Eip = TrapFrame->Eip;
        Context->SegCs = TrapFrame->SegCs & 0xFFFF;
        Context->EFlags = TrapFrame->EFlags;
        Context->Esp = KiFrameEsp(TrapFrame);
        Context->SegSs = User ? TrapFrame->HardwareSegSs & 0xFFFF : KGDT_R0_DATA;
    }
    if (KI_HAS(Flags, CONTEXT_INTEGER)) {
        Context->Edi = TrapFrame->Edi;
        Context->Esi = TrapFrame->Esi;
        Context->Ebx = TrapFrame->Ebx;
        Context->Edx = Full ? TrapFrame->Edx : 0;
        Context->Ecx = Full ? TrapFrame->Ecx : 0;
        Context->Eax = TrapFrame->Eax;
    }
    if (KI_HAS(Flags, CONTEXT_SEGMENTS)) {
        Context->SegGs = Full ? TrapFrame->SegGs & 0xFFFF : 0;
        Context->SegFs = TrapFrame->SegFs & 0xFFFF;
        Context->SegEs = Full ? TrapFrame->SegEs & 0xFFFF : KGDT_R3_DATA | RPL_MASK;
        Context->SegDs = Full ? TrapFrame->SegDs & 0xFFFF : KGDT_R3_DATA | RPL_MASK;
    }
    if (User && KI_HAS(Flags, CONTEXT_DEBUG_REGISTERS))
        KiDebugRegistersToContext(Thread, Context);
    if (User)
        KiNpxToContext(Thread, Context, Flags);
}

// A data selector that user mode may load: one of ours, whatever its RPL, or none; anything else becomes Default.
static ULONG KiUserSelector(ULONG Selector, ULONG Default)
{
    switch (Selector & 0xFFFF & ~RPL_MASK) {
    case 0:
        return 0;
    case KGDT_R3_CODE:
    case KGDT_R3_DATA:
    case KGDT_R3_TEB:
        return (Selector & 0xFFFF) | RPL_MASK;
    default:
        return Default;
    }
}

static VOID KiControlToFrame(PKTRAP_FRAME TrapFrame, PCONTEXT Context, KPROCESSOR_MODE Mode)
{
    TrapFrame->Ebp = Context->Ebp;
    TrapFrame->Eip = Context->Eip;
    if (KiTrapMode(TrapFrame) == UserMode) {
        TrapFrame->SegCs = KGDT_R3_CODE | RPL_MASK;
        TrapFrame->HardwareSegSs = KGDT_R3_DATA | RPL_MASK;
        TrapFrame->HardwareEsp = Context->Esp;
        TrapFrame->EFlags = (Context->EFlags & EFLAGS_USER_SANITIZE) | EFLAGS_IF | 2;
        return;
    }
    ASSERT(Mode == KernelMode);
    UNREFERENCED_PARAMETER(Mode);
    TrapFrame->EFlags = (Context->EFlags & (EFLAGS_USER_SANITIZE | EFLAGS_IF)) | 2;
    if (Context->Esp != KiFrameEsp(TrapFrame)) {
        TrapFrame->TempSegCs = TrapFrame->SegCs;
        TrapFrame->TempEsp = Context->Esp;
    }
}

static VOID KiDebugRegistersFromContext(PKTHREAD Thread, PCONTEXT Context)
{
    ULONG *Registers = Thread->DebugRegisters;
    ULONG Index;

    Registers[0] = Context->Dr0;
    Registers[1] = Context->Dr1;
    Registers[2] = Context->Dr2;
    Registers[3] = Context->Dr3;
    Registers[6] = Context->Dr6 & DR6_DEFINED;
    Registers[7] = Context->Dr7 & DR7_USER_MASK;
    for (Index = 0; Index < 4; Index++) {
        if (Registers[Index] >= MM_USER_PROBE_ADDRESS)
            Registers[Index] = 0; // no break in the kernel
        if (Registers[Index] == 0 || DR7_KIND(Registers[7], Index) == DR7_KIND_IO)
            Registers[7] &= ~DR7_LOCAL(Index); // ports are the kernel's
    }
    Thread->DebugActive = (Registers[7] & 0xFF) != 0;
    KiUpdateDebugRegisters(Thread);
}

// Changes a trap frame of the current thread to the parts of Context that ContextFlags name; the thread goes on with
// them when it leaves the kernel. Mode: who made the Context. What user mode must not have is replaced, never refused.
// IRQL <= APC_LEVEL.
VOID KeContextToKframes(PKTRAP_FRAME TrapFrame, PKEXCEPTION_FRAME ExceptionFrame, PCONTEXT Context, ULONG ContextFlags,
                        KPROCESSOR_MODE Mode)
{
    BOOLEAN User = KiTrapMode(TrapFrame) == UserMode;
    PKTHREAD Thread = KeGetCurrentThread();

    UNREFERENCED_PARAMETER(ExceptionFrame);
    KiCompleteFrame(TrapFrame);
    if (KI_HAS(ContextFlags, CONTEXT_CONTROL))
        KiControlToFrame(TrapFrame, Context, Mode);
    if (KI_HAS(ContextFlags, CONTEXT_INTEGER)) {
        TrapFrame->Edi = Context->Edi;
        TrapFrame->Esi = Context->Esi;
        TrapFrame->Ebx = Context->Ebx;
        TrapFrame->Edx = Context->Edx;
        TrapFrame->Ecx = Context->Ecx;
        TrapFrame->Eax = Context->Eax;
        TrapFrame->DbgArgMark = KI_FRAME_FULL;
    }
    if (User && KI_HAS(ContextFlags, CONTEXT_SEGMENTS)) {
        TrapFrame->SegGs = KiUserSelector(Context->SegGs, 0);
        TrapFrame->SegFs = KiUserSelector(Context->SegFs, KGDT_R3_TEB | RPL_MASK);
        TrapFrame->SegEs = KiUserSelector(Context->SegEs, KGDT_R3_DATA | RPL_MASK);
        TrapFrame->SegDs = KiUserSelector(Context->SegDs, KGDT_R3_DATA | RPL_MASK);
    }
    if (User && KI_HAS(ContextFlags, CONTEXT_DEBUG_REGISTERS))
        KiDebugRegistersFromContext(Thread, Context);
    if (User)
        KiNpxFromContext(Thread, Context, ContextFlags);
}

static VOID KiLoadDebugRegisters(const ULONG *Registers)
{
    __asm__ volatile("mov %0, %%dr7" : : "r"(DR7_ALWAYS));
    __asm__ volatile("mov %0, %%dr0" : : "r"(Registers[0]));
    __asm__ volatile("mov %0, %%dr1" : : "r"(Registers[1]));
    __asm__ volatile("mov %0, %%dr2" : : "r"(Registers[2]));
    __asm__ volatile("mov %0, %%dr3" : : "r"(Registers[3]));
    __asm__ volatile("mov %0, %%dr7" : : "r"(Registers[7] | DR7_ALWAYS));
}

// Loads the debug registers of Thread if it runs on this processor; nothing to do if neither it nor the last one uses
// them. Any IRQL.
VOID KiUpdateDebugRegisters(PKTHREAD Thread)
{
    BOOLEAN Enable = KeDisableInterrupts();
    PKPRCB Prcb = KeGetCurrentPrcb();

    if (Thread == Prcb->CurrentThread && (Thread->DebugActive || Prcb->DebugLoaded)) {
        Prcb->DebugLoaded = Thread->DebugActive;
        if (Thread->DebugActive)
            KiLoadDebugRegisters(Thread->DebugRegisters);
        else
            __asm__ volatile("mov %0, %%dr7" : : "r"(DR7_ALWAYS));
    }
    KeRestoreInterrupts(Enable);
}
