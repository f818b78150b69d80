// SPDX-License-Identifier: MIT
// The two 8259 interrupt controllers. Every line has a vector from PRIMARY_VECTOR_BASE on. A line is acknowledged
// (with a specific end of interrupt) at once when it is taken; priorities are the IRQL's business (ke/), not the
// controller's. Source: Intel 8259A data sheet.

#include "halp.h"

#define PIC1_COMMAND 0x20
#define PIC1_DATA 0x21
#define PIC2_COMMAND 0xA0
#define PIC2_DATA 0xA1
#define ICW1_INIT_ICW4 0x11
#define ICW4_8086 0x01
#define OCW2_SPECIFIC_EOI 0x60
#define OCW3_READ_ISR 0x0B
#define CASCADE_LINE 2
#define LINES_PER_PIC 8
#define PIC_LINES 16
#define SPURIOUS_BIT 0x80 // a spurious interrupt comes as line 7 of its controller

static USHORT HalpLineMask = 0xFFFF; // bit set: masked

static VOID HalpWriteMask(ULONG Line)
{
    if (Line < LINES_PER_PIC)
        WRITE_PORT_UCHAR(PIC1_DATA, (UCHAR)HalpLineMask);
    else
        WRITE_PORT_UCHAR(PIC2_DATA, (UCHAR)(HalpLineMask >> LINES_PER_PIC));
}

// Programs both controllers; every line but the cascade is masked. Interrupts off.
VOID HalpInitializePic(VOID)
{
    WRITE_PORT_UCHAR(PIC1_COMMAND, ICW1_INIT_ICW4);
    WRITE_PORT_UCHAR(PIC1_DATA, PRIMARY_VECTOR_BASE);
    WRITE_PORT_UCHAR(PIC1_DATA, 1 << CASCADE_LINE);
    WRITE_PORT_UCHAR(PIC1_DATA, ICW4_8086);
    WRITE_PORT_UCHAR(PIC2_COMMAND, ICW1_INIT_ICW4);
    WRITE_PORT_UCHAR(PIC2_DATA, PRIMARY_VECTOR_BASE + LINES_PER_PIC);
    WRITE_PORT_UCHAR(PIC2_DATA, CASCADE_LINE);
    WRITE_PORT_UCHAR(PIC2_DATA, ICW4_8086);
    HalpLineMask = (USHORT) ~(1u << CASCADE_LINE);
    HalpWriteMask(0);
    HalpWriteMask(LINES_PER_PIC);
}

// Keeps a line from interrupting. Interrupts off.
VOID HalMaskInterruptLine(ULONG Line)
{
    ASSERT(Line < PIC_LINES && Line != CASCADE_LINE);
    HalpLineMask |= (USHORT)(1u << Line);
    HalpWriteMask(Line);
}

// Lets a line interrupt. Interrupts off.
VOID HalUnmaskInterruptLine(ULONG Line)
{
    ASSERT(Line < PIC_LINES && Line != CASCADE_LINE);
    HalpLineMask &= (USHORT) ~(1u << Line);
    HalpWriteMask(Line);
}

static BOOLEAN HalpIsSpurious(USHORT CommandPort)
{
    WRITE_PORT_UCHAR(CommandPort, OCW3_READ_ISR);
    return (READ_PORT_UCHAR(CommandPort) & SPURIOUS_BIT) == 0;
}

// Acknowledges a line that has just interrupted. Interrupts off.
// FALSE: the line had gone away before the processor answered (8259A data sheet, "default IR7"); do nothing more.
BOOLEAN HalAcknowledgeInterruptLine(ULONG Line)
{
    ASSERT(Line < PIC_LINES);
    if (Line < LINES_PER_PIC) {
        if (Line == LINES_PER_PIC - 1 && HalpIsSpurious(PIC1_COMMAND))
            return FALSE;
        WRITE_PORT_UCHAR(PIC1_COMMAND, (UCHAR)(OCW2_SPECIFIC_EOI | Line));
        return TRUE;
    }
    if (Line == PIC_LINES - 1 && HalpIsSpurious(PIC2_COMMAND)) {
        // The first controller did see an interrupt of the second.
        WRITE_PORT_UCHAR(PIC1_COMMAND, OCW2_SPECIFIC_EOI | CASCADE_LINE);
        return FALSE;
    }
    WRITE_PORT_UCHAR(PIC2_COMMAND, (UCHAR)(OCW2_SPECIFIC_EOI | (Line - LINES_PER_PIC)));
    WRITE_PORT_UCHAR(PIC1_COMMAND, OCW2_SPECIFIC_EOI | CASCADE_LINE);
    return TRUE;
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
