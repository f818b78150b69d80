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
#define PIC_CASCADE_LINE 2
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
    LOCAL_APIC_IN_SERVICE = 0x100 / 4,
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
ULONG HalpEndHighestInterrupt(VOID);

// timer.c
#define PIT_FREQUENCY 1193182u // Hz
VOID HalpStartClock(VOID);
ULONGLONG HalpReadPitCount(VOID);
VOID HalpStallByPit(ULONG Ticks);
ULONG HalpMeasurePit(ULONG PitTicks, PULONGLONG TscTicks);
// hpet.c, calibrate.c
VOID HalpInitializeHpet(VOID);
ULONGLONG HalpQueryHpetFrequency(VOID);
ULONGLONG HalpReadHpet(VOID);
VOID HalpCalibrate(PULONGLONG TscFrequency);
// counter.c
VOID HalpInitializeCounter(VOID);
VOID HalpNoteCounterAtStart(VOID);
VOID HalpCompareCounter(VOID);
// nmi.c
VOID HalpEnableNmi(VOID);
// display.c
VOID HalpInitializeDisplay(VOID);
// debugport.c
VOID HalpInitializeDebugPort(VOID);

// The HAL's own locks: held for a few instructions with interrupts off, so that they may be taken at any IRQL.
FORCEINLINE BOOLEAN HalpAcquireLock(PULONG Lock)
{
    BOOLEAN Enable = KeDisableInterrupts();

    while (__atomic_exchange_n(Lock, 1, __ATOMIC_ACQUIRE) != 0)
        YieldProcessor();
    return Enable;
}
FORCEINLINE VOID HalpReleaseLock(PULONG Lock, BOOLEAN Enable)
{
    __atomic_store_n(Lock, 0, __ATOMIC_RELEASE);
    KeRestoreInterrupts(Enable);
}

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
