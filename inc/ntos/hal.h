// SPDX-License-Identifier: MIT
// HAL: interrupt controller, clock, ports, serial port and screen as the layers above see them.

#ifndef MICA_NTOS_HAL_H
#define MICA_NTOS_HAL_H

#include "ke.h"

// --- ports
FORCEINLINE UCHAR READ_PORT_UCHAR(USHORT Port)
{
    UCHAR Value;
    __asm__ volatile("inb %1, %0" : "=a"(Value) : "Nd"(Port) : "memory");
    return Value;
}
FORCEINLINE USHORT READ_PORT_USHORT(USHORT Port)
{
    USHORT Value;
    __asm__ volatile("inw %1, %0" : "=a"(Value) : "Nd"(Port) : "memory");
    return Value;
}
FORCEINLINE ULONG READ_PORT_ULONG(USHORT Port)
{
    ULONG Value;
    __asm__ volatile("inl %1, %0" : "=a"(Value) : "Nd"(Port) : "memory");
    return Value;
}
FORCEINLINE VOID WRITE_PORT_UCHAR(USHORT Port, UCHAR Value)
{
    __asm__ volatile("outb %0, %1" : : "a"(Value), "Nd"(Port) : "memory");
}
FORCEINLINE VOID WRITE_PORT_USHORT(USHORT Port, USHORT Value)
{
    __asm__ volatile("outw %0, %1" : : "a"(Value), "Nd"(Port) : "memory");
}
FORCEINLINE VOID WRITE_PORT_ULONG(USHORT Port, ULONG Value)
{
    __asm__ volatile("outl %0, %1" : : "a"(Value), "Nd"(Port) : "memory");
}

// --- start-up. Phase 0: before Mm, on the boot stack, interrupts off (screen, serial log, PIC masked).
// Phase 1: first system thread (clock running, interrupt lines usable).
VOID HalInitSystem(ULONG Phase, PLOADER_PARAMETER_BLOCK LoaderBlock);

// --- interrupt lines (ISA IRQ 0-15 on the 8259; an I/O APIC later). Called by ke/ with interrupts disabled.
#define HAL_LINE_COUNT 16
#define PRIMARY_VECTOR_BASE 0x30
VOID HalMaskInterruptLine(ULONG Line);
VOID HalUnmaskInterruptLine(ULONG Line);
// Acknowledges the line at the controller. FALSE: spurious, do nothing more.
BOOLEAN HalAcknowledgeInterruptLine(ULONG Line);
// Vector and IRQL of a line (WDK: HalGetInterruptVector). IRQL = 27 - Line on the PIC, the clock line CLOCK_LEVEL.
ULONG HalGetInterruptVector(ULONG Line, PKIRQL Irql);

// --- clock
#define CLOCK_LINE 0
#define CLOCK_INCREMENT_100NS 156250u // 15.625 ms
// Called by the clock interrupt (ke/clock.c) after the line's acknowledgement.
VOID HalClockInterrupt(VOID);
LARGE_INTEGER NTAPI KeQueryPerformanceCounter(PLARGE_INTEGER Frequency); // any IRQL
VOID NTAPI KeStallExecutionProcessor(ULONG Microseconds);                // any IRQL
BOOLEAN HalQueryRealTimeClock(PTIME_FIELDS Time);                        // IRQL <= DISPATCH_LEVEL
VOID HalSetRealTimeClock(PTIME_FIELDS Time);

// --- the boot screen and the debug port; usable from the first instruction of phase 0 at any IRQL.
VOID HalDisplayString(PCSTR String); // VGA text; \n \r \b \t
VOID HalDisplayCharacter(UCHAR Character, UCHAR Attribute);
VOID HalDisplayCharacters(const UCHAR *Characters, ULONG Length, UCHAR Attribute);
VOID HalClearDisplay(UCHAR Attribute);
VOID HalSetDisplayCursor(ULONG X, ULONG Y);
VOID HalQueryDisplay(PULONG Width, PULONG Height, PULONG X, PULONG Y);
VOID HalPutDebugCharacter(UCHAR Character);      // COM1, polled
BOOLEAN HalPollDebugCharacter(PUCHAR Character); // COM1, polled
VOID HalPutHostCharacter(
    UCHAR Character); // port E9: records for ./mica (verdicts, exit codes); no-op without /HOSTPORT

// --- PCI configuration space, type 1 (any IRQL). Width is 1, 2 or 4.
ULONG HalReadPciConfig(ULONG Bus, ULONG Device, ULONG Function, ULONG Offset, ULONG Width);
VOID HalWritePciConfig(ULONG Bus, ULONG Device, ULONG Function, ULONG Offset, ULONG Width, ULONG Value);

// --- the end. Verdict goes to isa-debug-exit (port F4) when /HOSTPORT is given.
typedef enum _FIRMWARE_REENTRY {
    HalHaltRoutine,
    HalPowerDownRoutine,
    HalRestartRoutine,
    HalRebootRoutine
} FIRMWARE_REENTRY;
DECLSPEC_NORETURN VOID NTAPI HalReturnToFirmware(FIRMWARE_REENTRY Action);
// Values written to port F4; QEMU then exits with (value << 1) | 1.
#define HOST_EXIT_PASS 0x10     // QEMU exit 33
#define HOST_EXIT_FAIL 0x11     // 35: a test failed
#define HOST_EXIT_BUGCHECK 0x12 // 37
#define HOST_EXIT_HANG 0x13     // 39: the kernel's own watchdog
#define HOST_EXIT_DONE 0x14     // 41: ./mica run finished; the exit record was written to port E9
DECLSPEC_NORETURN VOID HalExitToHost(UCHAR Verdict);

#endif
