// SPDX-License-Identifier: MIT
// The I/O APICs: where a line enters (HalpMachine.Line), and the redirection entry that makes it a vector on one
// processor. The registers are reached through an index, so their users hold the lines' lock (interrupt.c).
// Source: Intel 82093AA data sheet.

#include "halp.h"

#define IO_APIC_SELECT 0 // offsets in ULONGs
#define IO_APIC_WINDOW 4
#define REGISTER_VERSION 1
#define REGISTER_REDIRECTION 0x10
#define VERSION_LAST_PIN_SHIFT 16
#define VERSION_MASK 0xFFu
#define REDIRECTION_ACTIVE_LOW 0x2000u
#define REDIRECTION_LEVEL 0x8000u
#define REDIRECTION_MASKED 0x10000u
#define REDIRECTION_DESTINATION_SHIFT 24

static volatile ULONG *HalpIoApic[HALP_MAX_IO_APICS];
static ULONG HalpRedirection[HALP_LINES]; // low half of each line's entry as it was last written

static ULONG HalpReadIoApic(ULONG Index, ULONG Register)
{
    HalpIoApic[Index][IO_APIC_SELECT] = Register;
    return HalpIoApic[Index][IO_APIC_WINDOW];
}

static VOID HalpWriteIoApic(ULONG Index, ULONG Register, ULONG Value)
{
    HalpIoApic[Index][IO_APIC_SELECT] = Register;
    HalpIoApic[Index][IO_APIC_WINDOW] = Value;
}

// Maps an I/O APIC and masks its pins. Returns the number of pins, 0 if there is nothing at its address.
static ULONG HalpStartIoApic(ULONG Index)
{
    ULONG Version, Pins, Pin;

    HalpIoApic[Index] = HalpMapDevice(HalpMachine.IoApic[Index].Address);
    if (HalpIoApic[Index] == NULL)
        return 0;
    Version = HalpReadIoApic(Index, REGISTER_VERSION);
    if ((Version & VERSION_MASK) == 0 || Version == MAXULONG)
        return 0;
    Pins = (Version >> VERSION_LAST_PIN_SHIFT & 0xFF) + 1;
    for (Pin = 0; Pin < Pins; Pin++)
        HalpWriteIoApic(Index, REGISTER_REDIRECTION + 2 * Pin, REDIRECTION_MASKED);
    return Pins;
}

// Maps the I/O APICs and writes every line's entry, masked, for processor 0. Phase 0. FALSE if one does not answer.
BOOLEAN HalpInitializeIoApics(VOID)
{
    ULONG Pins[HALP_MAX_IO_APICS] = {0}, Index, Line;

    for (Index = 0; Index < HalpMachine.IoApicCount; Index++) {
        Pins[Index] = HalpStartIoApic(Index);
        if (Pins[Index] == 0)
            return FALSE;
    }
    for (Line = 0; Line < HALP_LINES; Line++) {
        PHALP_INPUT Input = &HalpMachine.Line[Line];

        if (!Input->Present || Input->Pin >= Pins[Input->IoApic]) {
            Input->Present = FALSE;
            continue;
        }
        HalpRedirection[Line] = (PRIMARY_VECTOR_BASE + Line) | REDIRECTION_MASKED |
                                (Input->Level ? REDIRECTION_LEVEL : 0) |
                                (Input->ActiveLow ? REDIRECTION_ACTIVE_LOW : 0);
        HalpWriteIoApic(Input->IoApic, REGISTER_REDIRECTION + 2u * Input->Pin, HalpRedirection[Line]);
        HalpSetIoApicTarget(Line, HalpMachine.ApicId[0]);
    }
    return TRUE;
}

// Masks or unmasks a line's pin. The lines' lock is held.
VOID HalpSetIoApicMask(ULONG Line, BOOLEAN Masked)
{
    PHALP_INPUT Input = &HalpMachine.Line[Line];
    ULONG Value = (HalpRedirection[Line] & ~REDIRECTION_MASKED) | (Masked ? REDIRECTION_MASKED : 0);

    if (!Input->Present || Value == HalpRedirection[Line])
        return;
    HalpRedirection[Line] = Value;
    HalpWriteIoApic(Input->IoApic, REGISTER_REDIRECTION + 2u * Input->Pin, Value);
}

// Sends a line's interrupts to another processor from now on. The lines' lock is held.
VOID HalpSetIoApicTarget(ULONG Line, UCHAR ApicId)
{
    PHALP_INPUT Input = &HalpMachine.Line[Line];

    if (Input->Present)
        HalpWriteIoApic(Input->IoApic, REGISTER_REDIRECTION + 2u * Input->Pin + 1,
                        (ULONG)ApicId << REDIRECTION_DESTINATION_SHIFT);
}
