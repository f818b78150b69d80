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

// --- interrupt lines: 0-15 are the ISA's (the HAL knows where an I/O APIC has put them), 16-23 an I/O APIC's further
// inputs, the rest each processor's own. Called by ke/ with interrupts disabled, for lines below HAL_LINE_COUNT.
#define HAL_LINE_COUNT 24
#define HAL_IPI_LINE 24   // another processor wants something (IPI_LEVEL)
#define HAL_TIMER_LINE 25 // the clock of a processor other than 0 (CLOCK_LEVEL)
#define HAL_VECTOR_COUNT 26
#define PRIMARY_VECTOR_BASE 0x30 // line n interrupts at vector PRIMARY_VECTOR_BASE + n
#define HAL_SPURIOUS_VECTOR 0xFF // a local APIC's; needs no acknowledgement
VOID HalMaskInterruptLine(ULONG Line);
VOID HalUnmaskInterruptLine(ULONG Line);
// Acknowledges the line (any below HAL_VECTOR_COUNT) at the controller. FALSE: spurious, do nothing more.
BOOLEAN HalAcknowledgeInterruptLine(ULONG Line);
// The handlers of an acknowledged line below HAL_LINE_COUNT have been called: a level-triggered one may come again.
VOID HalEndInterruptLine(ULONG Line);
// Sends the line's interrupts to one of these processors and returns its number (at first: 0). IRQL <= DISPATCH_LEVEL.
ULONG HalSetInterruptLineTargets(ULONG Line, KAFFINITY Targets);
ULONG HalQueryInterruptLineTarget(ULONG Line);
BOOLEAN HalIsInterruptLinePresent(ULONG Line); // can anything interrupt there?
BOOLEAN HalIsInterruptLineLevel(ULONG Line);
VOID HalAcknowledgeUnexpectedInterrupt(VOID); // on a vector that nobody owns, interrupts off
VOID HalQueryStrayInterrupts(PULONG Spurious, PULONG Unexpected);
extern volatile ULONG HalSpuriousInterrupts; // i386/trap.asm counts those of HAL_SPURIOUS_VECTOR
// In the handler of an NMI that is nobody's freeze: why the chipset raised it, and ready for the next one.
#define HAL_NMI_PARITY 0x80u
#define HAL_NMI_CHANNEL_CHECK 0x40u
ULONG HalHandleNmi(VOID);
// Vector and IRQL of a line (WDK: HalGetInterruptVector). IRQL = 27 - Line, the clock lines CLOCK_LEVEL, IPIs
// IPI_LEVEL.
ULONG HalGetInterruptVector(ULONG Line, PKIRQL Irql);

// --- processors (hal/processor.c). Processor 0 is the one that boots; the others are started by ke/ in phase 1.
ULONG HalQueryProcessorCount(VOID); // that the firmware lists and this HAL can start, at least 1; after phase 0
// Starts processor Number (INIT, SIPI): it arrives at Entry(Argument), stdcall, with paging on, address space Cr3,
// interrupts off, flat segments, esp = StackTop; it may use kernel addresses only. PASSIVE_LEVEL.
// Returns FALSE if it did not arrive within a second.
typedef VOID(NTAPI *PHAL_PROCESSOR_ENTRY)(PVOID Argument);
BOOLEAN HalStartProcessor(ULONG Number, ULONG Cr3, PVOID StackTop, PHAL_PROCESSOR_ENTRY Entry, PVOID Argument);
VOID HalInitializeProcessor(ULONG Number); // on that processor, interrupts off, its PCR loaded: its local APIC
// Interrupts other processors, at HAL_IPI_LINE or (freeze) through their NMI. Any IRQL; Targets without this one.
VOID HalRequestIpi(KAFFINITY Targets);
VOID HalRequestFreeze(KAFFINITY Targets);
// On a processor other than 0, interrupts off: starts and stops its HAL_TIMER_LINE, every KeMaximumIncrement.
VOID HalStartProcessorClock(VOID);
VOID HalStopProcessorClock(VOID);

// --- clock
#define CLOCK_LINE 0
#define CLOCK_INCREMENT_100NS 156250u // 15.625 ms
#define CLOCK_MINIMUM_100NS 10000u
// Called by the clock interrupt (ke/clock.c) after the line's acknowledgement.
VOID HalClockInterrupt(VOID);
// Sets the clock's period to the nearest that it can, between 1 ms and CLOCK_INCREMENT_100NS; returns it (100 ns).
// On processor 0 at CLOCK_LEVEL or above.
ULONG HalSetTimeIncrement(ULONG Desired);
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
// The line on which the function interrupts, HAL_NO_LINE if it has none. IRQL <= DISPATCH_LEVEL.
#define HAL_NO_LINE 0xFFu
ULONG HalGetPciInterruptLine(ULONG Bus, ULONG Device, ULONG Function);
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
