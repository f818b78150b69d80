// SPDX-License-Identifier: MIT
// The way out of the machine, and the two ports by which a machine without a person in front of it (./mica) is told
// things: records go to port E9, the verdict to port F4. Neither is touched without /HOSTPORT.
// Source: QEMU documentation (isa-debugcon, isa-debug-exit); the keyboard controller's reset line as on the IBM AT.

#include "halp.h"

#define HOST_RECORD_PORT 0xE9
#define HOST_EXIT_PORT 0xF4
#define PIIX4_PM_CONTROL 0x604 // PM1a control where QEMU's firmware puts it
#define PM_CONTROL_SLEEP_S5 0x2000
#define KEYBOARD_COMMAND 0x64
#define KEYBOARD_INPUT_FULL 0x02
#define KEYBOARD_PULSE_RESET 0xFE
#define KEYBOARD_POLLS 100000u

// One byte of a host record. Any IRQL. Without /HOSTPORT nothing happens.
VOID HalPutHostCharacter(UCHAR Character)
{
    if (KdHostPortEnabled)
        WRITE_PORT_UCHAR(HOST_RECORD_PORT, Character);
}

static DECLSPEC_NORETURN VOID HalpHalt(VOID)
{
    for (;;)
        __asm__ volatile("cli; hlt");
}

static VOID HalpPowerDown(VOID)
{
    WRITE_PORT_USHORT(PIIX4_PM_CONTROL, PM_CONTROL_SLEEP_S5);
}

static VOID HalpReset(VOID)
{
    static const struct __attribute__((packed)) {
        USHORT Limit;
        ULONG Base;
    } NoIdt;
    ULONG Polls = KEYBOARD_POLLS;

    while ((READ_PORT_UCHAR(KEYBOARD_COMMAND) & KEYBOARD_INPUT_FULL) && Polls-- > 0)
        continue;
    WRITE_PORT_UCHAR(KEYBOARD_COMMAND, KEYBOARD_PULSE_RESET);
    for (Polls = KEYBOARD_POLLS; Polls > 0; Polls--)
        YieldProcessor();
    __asm__ volatile("lidt %0; int3" : : "m"(NoIdt)); // still here: a triple fault resets too
}

// Ends the machine with a verdict for the host; without a host port the machine is switched off. Any IRQL.
DECLSPEC_NORETURN VOID HalExitToHost(UCHAR Verdict)
{
    __asm__ volatile("cli");
    if (KdHostPortEnabled)
        WRITE_PORT_UCHAR(HOST_EXIT_PORT, Verdict);
    HalpPowerDown();
    HalpHalt();
}

// Halts, switches off or restarts the machine. With /HOSTPORT all of these end the run (HOST_EXIT_DONE). Any IRQL.
DECLSPEC_NORETURN VOID NTAPI HalReturnToFirmware(FIRMWARE_REENTRY Action)
{
    __asm__ volatile("cli");
    if (KdHostPortEnabled)
        HalExitToHost(HOST_EXIT_DONE);
    if (Action == HalPowerDownRoutine)
        HalpPowerDown();
    else if (Action == HalRestartRoutine || Action == HalRebootRoutine)
        HalpReset();
    HalpHalt();
}
