// SPDX-License-Identifier: MIT
// The interrupt lines over both controllers. What a line promises is the same: an interrupt is ended at the controller
// at once when it is taken, and while a line is masked it does not interrupt but is not lost either.
//
// An 8259 remembers an edge on a masked line; an I/O APIC forgets it. So there an edge-triggered line is masked here
// only: should it come all the same, it is noted, its pin is masked, and unmasking sends it again as an IPI. A
// level-triggered line would come again as soon as it is ended: it is masked from its acknowledgement until
// HalEndInterruptLine, when its handlers have been called.

#include "halp.h"

static ULONG HalpLineLock;      // taken with interrupts off
static ULONG HalpMaskedLines;   // by Ke
static ULONG HalpServicedLines; // level-triggered, acknowledged and not ended
static ULONG HalpPendingLines;  // edges that came while masked here
static ULONG HalpLevelLines;
static UCHAR HalpLineTarget[HALP_LINES]; // processor number
volatile ULONG HalSpuriousInterrupts;    // lines 7 and 15 of the 8259s, vector FF of a local APIC
static ULONG HalpUnexpectedInterrupts;

#define LINE_BIT(Line) (1ul << (Line))

// Brings the controller's mask up to date.
static VOID HalpUpdateMask(ULONG Line)
{
    BOOLEAN Masked = ((HalpMaskedLines | HalpServicedLines) & LINE_BIT(Line)) != 0;

    if (!HalIsInterruptLinePresent(Line))
        return;
    if (HalpLocalApic == NULL)
        HalpSetPicMask(Line, Masked);
    else
        HalpSetIoApicMask(Line, Masked);
}

// Every line is masked. Phase 0, after the choice of the controller.
VOID HalpInitializeLines(VOID)
{
    ULONG Line;

    HalpMaskedLines = LINE_BIT(HALP_LINES) - 1;
    HalpLevelLines = HalpLocalApic == NULL ? HalpReadEdgeLevelControl() : 0;
    for (Line = 0; HalpLocalApic != NULL && Line < HALP_LINES; Line++)
        if (HalpMachine.Line[Line].Present && HalpMachine.Line[Line].Level)
            HalpLevelLines |= LINE_BIT(Line);
}

// Keeps a line from interrupting. Interrupts off.
VOID HalMaskInterruptLine(ULONG Line)
{
    BOOLEAN Enable;

    ASSERT(Line < HAL_LINE_COUNT);
    Enable = HalpAcquireLock(&HalpLineLock);
    HalpMaskedLines |= LINE_BIT(Line);
    if (HalpLocalApic == NULL || (HalpLevelLines & LINE_BIT(Line)))
        HalpUpdateMask(Line);
    HalpReleaseLock(&HalpLineLock, Enable);
}

// Lets a line interrupt; if it wanted to meanwhile, it does so now. Interrupts off.
VOID HalUnmaskInterruptLine(ULONG Line)
{
    BOOLEAN Enable, Again;

    ASSERT(Line < HAL_LINE_COUNT);
    Enable = HalpAcquireLock(&HalpLineLock);
    Again = (HalpPendingLines & LINE_BIT(Line)) != 0;
    HalpPendingLines &= ~LINE_BIT(Line);
    HalpMaskedLines &= ~LINE_BIT(Line);
    HalpUpdateMask(Line);
    HalpReleaseLock(&HalpLineLock, Enable);
    if (Again)
        HalpSendMessage(HalpMachine.ApicId[HalpLineTarget[Line]], PRIMARY_VECTOR_BASE + Line);
}

// The handlers of a line have been called after its acknowledgement. At the line's IRQL or above.
VOID HalEndInterruptLine(ULONG Line)
{
    BOOLEAN Enable;

    if (!(HalpLevelLines & LINE_BIT(Line)))
        return;
    Enable = HalpAcquireLock(&HalpLineLock);
    HalpServicedLines &= ~LINE_BIT(Line);
    HalpUpdateMask(Line);
    HalpReleaseLock(&HalpLineLock, Enable);
}

// Acknowledges a line that is level-triggered or masked. FALSE: do nothing more.
static BOOLEAN HalpAcknowledgeSpecial(ULONG Line)
{
    BOOLEAN Enable, Masked, Taken = TRUE;

    Enable = HalpAcquireLock(&HalpLineLock);
    Masked = (HalpMaskedLines & LINE_BIT(Line)) != 0;
    if (HalpLevelLines & LINE_BIT(Line)) {
        if (Masked)
            Taken = FALSE; // was on its way; if it still stands, it comes when the line is unmasked
        else
            HalpServicedLines |= LINE_BIT(Line);
        HalpUpdateMask(Line);
    } else if (Masked) {
        HalpPendingLines |= LINE_BIT(Line);
        HalpUpdateMask(Line);
        Taken = FALSE;
    }
    HalpReleaseLock(&HalpLineLock, Enable);
    return Taken;
}

// Acknowledges a line that has just interrupted. Interrupts off. FALSE: do nothing more.
BOOLEAN HalAcknowledgeInterruptLine(ULONG Line)
{
    BOOLEAN Taken = TRUE;

    ASSERT(Line < HAL_VECTOR_COUNT);
    if (HalpLocalApic == NULL) {
        if (HalpIsPicSpurious(Line)) {
            HalSpuriousInterrupts++;
            return FALSE;
        }
        if (HalpLevelLines & LINE_BIT(Line))
            Taken = HalpAcknowledgeSpecial(Line);
        HalpEndPicInterrupt(Line);
        return Taken;
    }
    if (Line < HAL_LINE_COUNT && ((HalpLevelLines | HalpMaskedLines) & LINE_BIT(Line)))
        Taken = HalpAcknowledgeSpecial(Line);
    HalpLocalApic[LOCAL_APIC_EOI] = 0;
    return Taken;
}

// The vector and the IRQL of a line: clocks at CLOCK_LEVEL, interrupts of other processors at IPI_LEVEL, the others at
// PROFILE_LEVEL - Line, as NT's PIC HAL has it. Any IRQL.
ULONG HalGetInterruptVector(ULONG Line, PKIRQL Irql)
{
    ASSERT(Line < HAL_VECTOR_COUNT);
    *Irql = Line == CLOCK_LINE || Line == HAL_TIMER_LINE ? CLOCK_LEVEL
            : Line == HAL_IPI_LINE                       ? IPI_LEVEL
                                                         : (KIRQL)(PROFILE_LEVEL - Line);
    return PRIMARY_VECTOR_BASE + Line;
}

// Can anything interrupt on this line? Any IRQL.
BOOLEAN HalIsInterruptLinePresent(ULONG Line)
{
    if (HalpLocalApic == NULL)
        return Line < HALP_ISA_LINES && Line != PIC_CASCADE_LINE;
    return Line < HAL_LINE_COUNT && HalpMachine.Line[Line].Present;
}

// Is the line level-triggered? Any IRQL.
BOOLEAN HalIsInterruptLineLevel(ULONG Line)
{
    return Line < HAL_LINE_COUNT && (HalpLevelLines & LINE_BIT(Line)) != 0;
}

// Sends a line's interrupts to the first processor of Targets that runs, from now on; stays where it is if none does.
// IRQL <= DISPATCH_LEVEL. Returns the processor that gets them.
ULONG HalSetInterruptLineTargets(ULONG Line, KAFFINITY Targets)
{
    BOOLEAN Enable = HalpAcquireLock(&HalpLineLock);
    ULONG Number;

    Targets &= KeActiveProcessors;
    for (Number = 0; Number < HalpMachine.ProcessorCount; Number++) {
        if (HalpLocalApic != NULL && (Targets >> Number & 1)) {
            HalpLineTarget[Line] = (UCHAR)Number;
            HalpSetIoApicTarget(Line, HalpMachine.ApicId[Number]);
            break;
        }
    }
    Number = HalpLineTarget[Line];
    HalpReleaseLock(&HalpLineLock, Enable);
    return Number;
}

// The processor that gets a line's interrupts. Any IRQL.
ULONG HalQueryInterruptLineTarget(ULONG Line)
{
    return HalpLineTarget[Line];
}

// An interrupt on a vector that nobody owns: ends it, whichever it was, and counts it. Interrupts off.
VOID HalAcknowledgeUnexpectedInterrupt(VOID)
{
    ULONG Vector = HalpLocalApic != NULL ? HalpEndHighestInterrupt() : 0;

    if (HalpUnexpectedInterrupts++ == 0)
        DbgPrint("HAL: an interrupt on a vector without an owner (%lx)\n", Vector);
}

// Interrupts that nobody had made or wanted since the start. Any IRQL.
VOID HalQueryStrayInterrupts(PULONG Spurious, PULONG Unexpected)
{
    *Spurious = HalSpuriousInterrupts;
    *Unexpected = HalpUnexpectedInterrupts;
}
