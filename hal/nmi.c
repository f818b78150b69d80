// SPDX-License-Identifier: MIT
// Non-maskable interrupts of the chipset: parity errors and what expansion boards report. Port 61h says which and is
// told to look again; port 70h has the mask bit. Source: Intel 82371SB (PIIX3) data sheet, NMISC and RTCI.

#include "halp.h"

#define SYSTEM_CONTROL_B 0x61
#define CONTROL_B_WRITABLE 0x0F
#define CONTROL_B_PARITY_OFF 0x04
#define CONTROL_B_CHANNEL_OFF 0x08
#define CMOS_INDEX 0x70
#define CMOS_NMI_OFF 0x80
#define CMOS_IDLE_REGISTER 0x0D

// Reads the cause of an NMI (HAL_NMI_* bits, 0 if the chipset made none), clears it, and lets the next one through. NMI
// context: no locks, so an index that somebody else wrote to port 70h is lost; the machine is about to stop.
ULONG HalHandleNmi(VOID)
{
    UCHAR Control = READ_PORT_UCHAR(SYSTEM_CONTROL_B);
    ULONG Cause = Control & (HAL_NMI_PARITY | HAL_NMI_CHANNEL_CHECK);

    if (Cause == 0)
        return 0;
    Control &= CONTROL_B_WRITABLE;
    WRITE_PORT_UCHAR(SYSTEM_CONTROL_B, Control | CONTROL_B_PARITY_OFF | CONTROL_B_CHANNEL_OFF);
    WRITE_PORT_UCHAR(SYSTEM_CONTROL_B, Control & (UCHAR) ~(CONTROL_B_PARITY_OFF | CONTROL_B_CHANNEL_OFF));
    WRITE_PORT_UCHAR(CMOS_INDEX, CMOS_IDLE_REGISTER | CMOS_NMI_OFF);
    WRITE_PORT_UCHAR(CMOS_INDEX, CMOS_IDLE_REGISTER);
    return Cause;
}

// Lets the chipset raise NMIs. Phase 0.
VOID HalpEnableNmi(VOID)
{
    UCHAR Control = READ_PORT_UCHAR(SYSTEM_CONTROL_B) & CONTROL_B_WRITABLE;

    WRITE_PORT_UCHAR(SYSTEM_CONTROL_B, Control & (UCHAR) ~(CONTROL_B_PARITY_OFF | CONTROL_B_CHANNEL_OFF));
    WRITE_PORT_UCHAR(CMOS_INDEX, CMOS_IDLE_REGISTER);
}
