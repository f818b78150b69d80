// SPDX-License-Identifier: MIT
// Private to hal/.

#ifndef MICA_HAL_HALP_H
#define MICA_HAL_HALP_H

#include "machine.h"
#include "ntos.h"

_Static_assert(HALP_LINES == HAL_LINE_COUNT, "machine.h is also built without hal.h");

// map.c, tables.c
const UCHAR *HalpMapFirmware(ULONGLONG Physical, ULONG Length);
VOID HalpDropTables(VOID);
volatile ULONG *HalpMapDevice(ULONGLONG Physical);
VOID HalpReadTables(VOID);
extern HALP_MACHINE HalpMachine; // with the 8259s: one processor, the rest means nothing

// interrupt.c
VOID HalpInitializeLines(VOID);

// pic.c
VOID HalpInitializePic(VOID);
VOID HalpSetPicMask(ULONG Line, BOOLEAN Masked);
ULONG HalpReadEdgeLevelControl(VOID);
BOOLEAN HalpIsPicSpurious(ULONG Line);
VOID HalpEndPicInterrupt(ULONG Line);

// ioapic.c: the lines' lock is held
BOOLEAN HalpInitializeIoApics(VOID);
VOID HalpSetIoApicMask(ULONG Line, BOOLEAN Masked);
VOID HalpSetIoApicTarget(ULONG Line, UCHAR ApicId);

// apic.c
enum { // registers, in ULONGs from the start (Intel SDM 3A table 10-1)
    LOCAL_APIC_ID = 0x20 / 4,
    LOCAL_APIC_VERSION = 0x30 / 4,
    LOCAL_APIC_TASK_PRIORITY = 0x80 / 4,
    LOCAL_APIC_EOI = 0xB0 / 4,
    LOCAL_APIC_DESTINATION_FORMAT = 0xE0 / 4,
    LOCAL_APIC_SPURIOUS = 0xF0 / 4,
    LOCAL_APIC_ERROR_STATUS = 0x280 / 4,
    LOCAL_APIC_ICR_LOW = 0x300 / 4,
    LOCAL_APIC_ICR_HIGH = 0x310 / 4,
    LOCAL_APIC_LVT_TIMER = 0x320 / 4,
    LOCAL_APIC_LVT_LINT0 = 0x350 / 4,
    LOCAL_APIC_LVT_LINT1 = 0x360 / 4,
    LOCAL_APIC_LVT_ERROR = 0x370 / 4,
    LOCAL_APIC_TIMER_INITIAL = 0x380 / 4,
    LOCAL_APIC_TIMER_CURRENT = 0x390 / 4,
    LOCAL_APIC_TIMER_DIVIDE = 0x3E0 / 4
};
extern volatile ULONG *HalpLocalApic; // NULL: the 8259s run the machine
#define MESSAGE_NMI 0x400u            // delivery modes of HalpSendMessage; 0 is a vector
#define MESSAGE_INIT 0x500u
#define MESSAGE_STARTUP 0x600u
BOOLEAN HalpStartApics(VOID);
VOID HalpInitializeLocalApic(VOID);
ULONG HalpQueryApicId(VOID);
VOID HalpSendMessage(ULONG ApicId, ULONG Message);
VOID HalpSendMessageToOthers(ULONG Message);
VOID HalpBeginTimerMeasurement(VOID);
ULONG HalpEndTimerMeasurement(VOID);
VOID HalpSetTimerFrequency(ULONGLONG Frequency);
VOID HalpSetProcessorClockPeriod(ULONG Increment);
VOID HalpFollowClockPeriod(VOID);

// timer.c
#define PIT_FREQUENCY 1193182u // Hz
#define PIT_CLOCK_COUNT 18643u // of PIT_FREQUENCY: CLOCK_INCREMENT_100NS
VOID HalpStartClock(VOID);
USHORT HalpReadClockCounter(VOID);
ULONG HalpMeasurePit(ULONG PitTicks, PULONGLONG TscTicks);
// counter.c
VOID HalpInitializeCounter(VOID);
// display.c
VOID HalpInitializeDisplay(VOID);
// debugport.c
VOID HalpInitializeDebugPort(VOID);

FORCEINLINE ULONGLONG HalpReadMsr(ULONG Msr)
{
    ULONGLONG Value;
    __asm__ volatile("rdmsr" : "=A"(Value) : "c"(Msr));
    return Value;
}
FORCEINLINE VOID HalpWriteMsr(ULONG Msr, ULONGLONG Value)
{
    __asm__ volatile("wrmsr" : : "c"(Msr), "A"(Value));
}
FORCEINLINE ULONGLONG HalpReadTsc(VOID)
{
    ULONGLONG Value;
    __asm__ volatile("rdtsc" : "=A"(Value));
    return Value;
}

#endif
