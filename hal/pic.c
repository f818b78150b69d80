// SPDX-License-Identifier: MIT
// The two 8259 interrupt controllers. Every line has a vector from PRIMARY_VECTOR_BASE on. A line is acknowledged
// (with a specific end of interrupt) at once when it is taken; priorities are the IRQL's business (ke/), not the
// controller's. Source: Intel 8259A data sheet; edge/level control: Intel 82371SB (PIIX3) data sheet, 4D0h-4D1h.

#include "halp.h"

#define PIC1_COMMAND 0x20
#define PIC1_DATA 0x21
#define PIC2_COMMAND 0xA0
#define PIC2_DATA 0xA1
#define ICW1_INIT_ICW4 0x11
#define ICW4_8086 0x01
#define OCW2_SPECIFIC_EOI 0x60
#define OCW3_READ_ISR 0x0B
#define LINES_PER_PIC 8
#define PIC_LINES 16
#define ELCR_PORT 0x4D0
#define ELCR_NEVER_LEVEL 0x2107u // timer, keyboard, cascade, clock, coprocessor: ones there mean that nothing answers
#define SPURIOUS_BIT 0x80        // a spurious interrupt comes as line 7 of its controller

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
    WRITE_PORT_UCHAR(PIC1_DATA, 1 << PIC_CASCADE_LINE);
    WRITE_PORT_UCHAR(PIC1_DATA, ICW4_8086);
    WRITE_PORT_UCHAR(PIC2_COMMAND, ICW1_INIT_ICW4);
    WRITE_PORT_UCHAR(PIC2_DATA, PRIMARY_VECTOR_BASE + LINES_PER_PIC);
    WRITE_PORT_UCHAR(PIC2_DATA, PIC_CASCADE_LINE);
    WRITE_PORT_UCHAR(PIC2_DATA, ICW4_8086);
    HalpLineMask = (USHORT) ~(1u << PIC_CASCADE_LINE);
    HalpWriteMask(0);
    HalpWriteMask(LINES_PER_PIC);
}

// Masks or unmasks a line. The lines' lock is held.
VOID HalpSetPicMask(ULONG Line, BOOLEAN Masked)
{
    ASSERT(Line < PIC_LINES && Line != PIC_CASCADE_LINE);
    if (Masked)
        HalpLineMask |= (USHORT)(1u << Line);
    else
        HalpLineMask &= (USHORT) ~(1u << Line);
    HalpWriteMask(Line);
}

// The lines that the chipset has as level-triggered, a bit each. A machine without that register has none.
ULONG HalpReadEdgeLevelControl(VOID)
{
    ULONG Lines = READ_PORT_UCHAR(ELCR_PORT) | (ULONG)READ_PORT_UCHAR(ELCR_PORT + 1) << LINES_PER_PIC;

    return (Lines & ELCR_NEVER_LEVEL) != 0 ? 0 : Lines;
}

static BOOLEAN HalpIsSpurious(USHORT CommandPort)
{
    WRITE_PORT_UCHAR(CommandPort, OCW3_READ_ISR);
    return (READ_PORT_UCHAR(CommandPort) & SPURIOUS_BIT) == 0;
}

// Had the line that interrupted gone away before the processor answered (8259A data sheet, "default IR7")? The cascade
// is ended then: the first controller did see an interrupt of the second. Interrupts off.
BOOLEAN HalpIsPicSpurious(ULONG Line)
{
    ASSERT(Line < PIC_LINES);
    if (Line == LINES_PER_PIC - 1)
        return HalpIsSpurious(PIC1_COMMAND);
    if (Line != PIC_LINES - 1 || !HalpIsSpurious(PIC2_COMMAND))
        return FALSE;
    WRITE_PORT_UCHAR(PIC1_COMMAND, OCW2_SPECIFIC_EOI | PIC_CASCADE_LINE);
    return TRUE;
}

// Ends the interrupt of a line. Interrupts off.
VOID HalpEndPicInterrupt(ULONG Line)
{
    if (Line < LINES_PER_PIC) {
        WRITE_PORT_UCHAR(PIC1_COMMAND, (UCHAR)(OCW2_SPECIFIC_EOI | Line));
        return;
    }
    WRITE_PORT_UCHAR(PIC2_COMMAND, (UCHAR)(OCW2_SPECIFIC_EOI | (Line - LINES_PER_PIC)));
    WRITE_PORT_UCHAR(PIC1_COMMAND, OCW2_SPECIFIC_EOI | PIC_CASCADE_LINE);
}
