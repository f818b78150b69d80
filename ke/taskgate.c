// SPDX-License-Identifier: MIT
// Double fault and NMI arrive through task gates, each with a stack of its own (descriptor.c, i386/trap.asm): they work
// when the kernel's stack has run out, and at the few instructions where there is none. The processor has left the
// interrupted registers in the main TSS; from there come the frame and the stack that a bugcheck shows.
// Source: Intel SDM 3A 6.14, 6.15 (vectors 2 and 8), 7.3; WDK, bug checks 0x7F and 0x80.

#include "ki.h"

#define VECTOR_DOUBLE_FAULT 8
#define KI_PROCESSORS 32

VOID KiDoubleFault(VOID);          // from KiTrap08
VOID KiNonMaskableInterrupt(VOID); // from KiTrap02

BOOLEAN (*KiNmiClaim)(PKTRAP_FRAME TrapFrame);
static volatile BOOLEAN KiTaskSwitchedBack[KI_PROCESSORS];

static VOID KiFrameFromTss(PKTRAP_FRAME TrapFrame)
{
    PKTSS Tss = KeGetPcr()->TSS;

    RtlZeroMemory(TrapFrame, sizeof(*TrapFrame));
    TrapFrame->Eax = Tss->Eax;
    TrapFrame->Ebx = Tss->Ebx;
    TrapFrame->Ecx = Tss->Ecx;
    TrapFrame->Edx = Tss->Edx;
    TrapFrame->Esi = Tss->Esi;
    TrapFrame->Edi = Tss->Edi;
    TrapFrame->Ebp = TrapFrame->DbgEbp = Tss->Ebp;
    TrapFrame->Eip = TrapFrame->DbgEip = Tss->Eip;
    TrapFrame->SegCs = Tss->Cs;
    TrapFrame->SegDs = Tss->Ds;
    TrapFrame->SegEs = Tss->Es;
    TrapFrame->SegFs = Tss->Fs;
    TrapFrame->SegGs = Tss->Gs;
    TrapFrame->EFlags = Tss->EFlags;
    TrapFrame->HardwareEsp = Tss->Esp;
    TrapFrame->HardwareSegSs = Tss->Ss;
    TrapFrame->DbgArgMark = KI_FRAME_FULL;
    if (KiTrapMode(TrapFrame) == KernelMode) {
        TrapFrame->TempSegCs = Tss->Cs;
        TrapFrame->TempEsp = Tss->Esp;
    }
}

// Most often the kernel stack has run into its guard page. Parameters: 8, the TSS, esp and eip.
VOID KiDoubleFault(VOID)
{
    KTRAP_FRAME TrapFrame;

    KiFrameFromTss(&TrapFrame);
    KiBugCheckTrap(UNEXPECTED_KERNEL_MODE_TRAP, VECTOR_DOUBLE_FAULT, (ULONG_PTR)KeGetPcr()->TSS, TrapFrame.HardwareEsp,
                   TrapFrame.Eip, &TrapFrame);
}

// Another processor stops this one, somebody asked for it (KiNmiClaim), or the hardware has failed. Returning is a task
// switch back, which loads CR3 from the TSS - where no processor ever stores it - and sets CR0.TS, which vector 7 must
// forgive.
VOID KiNonMaskableInterrupt(VOID)
{
    PKPRCB Prcb = KeGetCurrentPrcb();
    KTRAP_FRAME TrapFrame;

    KiFrameFromTss(&TrapFrame);
    KiStopIfFrozen();
    if (KiNmiClaim == NULL || !KiNmiClaim(&TrapFrame))
        KiBugCheckTrap(NMI_HARDWARE_FAILURE, HalHandleNmi(), 0, 0, 0, &TrapFrame);
    KeGetPcr()->TSS->CR3 = Prcb->LoadedDirectory;
    KiTaskSwitchedBack[KeGetCurrentProcessorNumber() % KI_PROCESSORS] = TRUE;
}

// Vector 7 in kernel mode: has an NMI set CR0.TS behind the kernel's back? Once for each. Interrupts off.
BOOLEAN KiForgiveTaskSwitch(VOID)
{
    ULONG Number = KeGetCurrentProcessorNumber() % KI_PROCESSORS;
    BOOLEAN Forgive = KiTaskSwitchedBack[Number];

    KiTaskSwitchedBack[Number] = FALSE;
    return Forgive;
}
