// SPDX-License-Identifier: MIT
// Faults on the way out. The last instructions before user mode load selectors and flags from the trap frame; a bad one
// faults there, in kernel mode, with half of the user's registers loaded. context.c never puts one into a frame, so
// this is the second line (a driver, a debugger): the frame is put together again from what is left of it and the
// registers, a data selector becomes null, a bad IRET becomes an access violation of the user's.
// Source: Intel SDM 3A 6.15 (0Bh-0Dh).

#include "ki.h"

typedef struct _KI_EXIT_POINT {
    ULONG Eip;
    ULONG Offset; // the field of KTRAP_FRAME that esp points at
} KI_EXIT_POINT;
extern const KI_EXIT_POINT KiExitPoints[], KiServiceExitPoints[]; // i386/trap.asm, i386/service.asm
DECLSPEC_NORETURN VOID KiExceptionExit(VOID);

static ULONG KiFindExitPoint(const KI_EXIT_POINT *Point, ULONG Eip)
{
    for (; Point->Eip != 0; Point++)
        if (Point->Eip == Eip)
            return Point->Offset;
    return 0;
}

// What the exit had taken from Outer already is in the registers, that is, in the new frame; the new frame lies over
// that part of Outer (and begins below it).
static VOID KiRebuildFrame(PKTRAP_FRAME Outer, PKTRAP_FRAME Fault, ULONG Offset)
{
    KTRAP_FRAME Frame = *Fault;

    RtlCopyMemory((PUCHAR)&Frame + Offset, (PUCHAR)Outer + Offset, FIELD_OFFSET(KTRAP_FRAME, V86Es) - Offset);
    Frame.DbgArgMark = KI_FRAME_FULL;
    Frame.TempSegCs = 0;
    Frame.ErrCode = 0;
    if (Offset < FIELD_OFFSET(KTRAP_FRAME, Eip)) {
        *(PULONG)((PUCHAR)&Frame + Offset) = 0;
    } else {
        Frame.SegCs = KGDT_R3_CODE | RPL_MASK;
        Frame.HardwareSegSs = KGDT_R3_DATA | RPL_MASK;
        Frame.EFlags = (Frame.EFlags & EFLAGS_USER_SANITIZE) | EFLAGS_IF | 2;
    }
    RtlCopyMemory(Outer, &Frame, FIELD_OFFSET(KTRAP_FRAME, V86Es));
}

// For the handlers of vectors 0Bh, 0Ch and 0Dh: returns if the fault is none of an exit; else goes on to user mode.
// Interrupts off.
VOID KiRepairExit(PKTRAP_FRAME TrapFrame)
{
    PKTRAP_FRAME Outer;
    ULONG Offset;

    if (KiTrapMode(TrapFrame) == UserMode)
        return;
    Offset = KiFindExitPoint(KiExitPoints, TrapFrame->Eip);
    if (Offset == 0)
        Offset = KiFindExitPoint(KiServiceExitPoints, TrapFrame->Eip);
    if (Offset == 0)
        return;
    Outer = (PKTRAP_FRAME)((ULONG)&TrapFrame->HardwareEsp - Offset);
    KiRebuildFrame(Outer, TrapFrame, Offset);
    if (Offset == FIELD_OFFSET(KTRAP_FRAME, Eip)) {
        KiEnableInterrupts();
        KiRaiseTrapException(Outer, STATUS_ACCESS_VIOLATION, 2, 0, MAXULONG, 0);
    }
    __asm__ volatile("mov %0, %%ebp; jmp KiExceptionExit" : : "r"(Outer) : "memory");
    __builtin_unreachable();
}
