// SPDX-License-Identifier: MIT
// The local APIC: each processor has its own at the same address. Priorities are the kernel's (the task priority stays
// 0); an interrupt is ended at once when it is taken. Source: Intel SDM 3A chapter 10.

#include "halp.h"

#define MSR_APIC_BASE 0x1B
#define APIC_BASE_ENABLE 0x800u
#define APIC_BASE_X2APIC 0x400u
#define APIC_VERSION_INTEGRATED 0x10u
#define SPURIOUS_ENABLE 0x100u
#define LVT_MASKED 0x10000u
#define LVT_NMI 0x400u
#define LVT_PERIODIC 0x20000u
#define TIMER_DIVIDE_1 0xBu
#define UNITS_PER_SECOND 10000000u // of 100 ns
#define ICR_BUSY 0x1000u
#define ICR_ASSERT 0x4000u
#define ICR_ALL_OTHERS 0xC0000u
#define ICR_DESTINATION_SHIFT 24
#define APIC_ID_SHIFT 24
#define ICR_POLLS 1000000u      // a bus that never takes the message must not hang the sender
#define IN_SERVICE_REGISTERS 8u // 32 vectors each
#define IN_SERVICE_STEP 4u      // ULONGs
#define IMCR_SELECT_PORT 0x22
#define IMCR_DATA_PORT 0x23
#define IMCR_SELECT 0x70
#define IMCR_TO_APIC 0x01

volatile ULONG *HalpLocalApic; // NULL: the 8259s run the machine

static ULONG HalpTimerCount; // of the local APIC's timer in CLOCK_INCREMENT_100NS

// The APIC ID of this processor.
ULONG HalpQueryApicId(VOID)
{
    return HalpLocalApic[LOCAL_APIC_ID] >> APIC_ID_SHIFT;
}

// Turns on the local APIC of this processor: interrupts by IPI and timer, NMI; nothing through the 8259s. Interrupts
// off.
VOID HalpInitializeLocalApic(VOID)
{
    HalpLocalApic[LOCAL_APIC_TASK_PRIORITY] = 0;
    HalpLocalApic[LOCAL_APIC_DESTINATION_FORMAT] = MAXULONG;
    HalpLocalApic[LOCAL_APIC_LVT_TIMER] = LVT_MASKED;
    HalpLocalApic[LOCAL_APIC_LVT_LINT0] = HalpMachine.NmiInput == 0 ? LVT_NMI : LVT_MASKED;
    HalpLocalApic[LOCAL_APIC_LVT_LINT1] = HalpMachine.NmiInput == 1 ? LVT_NMI : LVT_MASKED;
    HalpLocalApic[LOCAL_APIC_LVT_ERROR] = LVT_MASKED;
    HalpLocalApic[LOCAL_APIC_SPURIOUS] = SPURIOUS_ENABLE | HAL_SPURIOUS_VECTOR;
    HalpLocalApic[LOCAL_APIC_ERROR_STATUS] = 0;
    HalpLocalApic[LOCAL_APIC_EOI] = 0; // what the firmware may have left in service
}

// The processor that boots is number 0. FALSE if the tables do not know it.
static BOOLEAN HalpPutBootProcessorFirst(VOID)
{
    ULONG Index, BootId = HalpQueryApicId();

    for (Index = 0; Index < HalpMachine.ProcessorCount; Index++) {
        if (HalpMachine.ApicId[Index] == BootId) {
            HalpMachine.ApicId[Index] = HalpMachine.ApicId[0];
            HalpMachine.ApicId[0] = (UCHAR)BootId;
            return TRUE;
        }
    }
    return FALSE;
}

static BOOLEAN HalpRefuseApics(PCSTR Reason)
{
    HalpLocalApic = NULL;
    DbgPrint("HAL: the APICs are not used: %s\n", Reason);
    return FALSE;
}

// Takes the machine over from the 8259s as HalpMachine describes it. Phase 0, interrupts off. FALSE: nothing changed.
BOOLEAN HalpStartApics(VOID)
{
    ULONGLONG Base = HalpReadMsr(MSR_APIC_BASE);

    if (Base & APIC_BASE_X2APIC)
        return HalpRefuseApics("the firmware has switched to x2APIC mode");
    if (!(Base & APIC_BASE_ENABLE))
        HalpWriteMsr(MSR_APIC_BASE, Base | APIC_BASE_ENABLE);
    HalpLocalApic = HalpMapDevice(HalpMachine.LocalApicAddress);
    if (HalpLocalApic == NULL || (HalpLocalApic[LOCAL_APIC_VERSION] & 0xFF) < APIC_VERSION_INTEGRATED)
        return HalpRefuseApics("the local APIC is a discrete one");
    if (!HalpPutBootProcessorFirst())
        return HalpRefuseApics("the tables do not list the processor that boots");
    if (!HalpInitializeIoApics())
        return HalpRefuseApics("an I/O APIC does not answer");
    if (HalpMachine.HasImcr) {
        WRITE_PORT_UCHAR(IMCR_SELECT_PORT, IMCR_SELECT);
        WRITE_PORT_UCHAR(IMCR_DATA_PORT, IMCR_TO_APIC);
    }
    HalpInitializeLocalApic();
    return TRUE;
}

// Ends the interrupt in service with the highest vector, if there is one, and returns its vector (0: none).
ULONG HalpEndHighestInterrupt(VOID)
{
    ULONG Index = IN_SERVICE_REGISTERS, Bits;

    while (Index-- > 0) {
        Bits = HalpLocalApic[LOCAL_APIC_IN_SERVICE + Index * IN_SERVICE_STEP];
        if (Bits != 0) {
            HalpLocalApic[LOCAL_APIC_EOI] = 0;
            return Index * 32 + 31 - (ULONG)__builtin_clz(Bits);
        }
    }
    return 0;
}

// Waits until the last message has been taken. Interrupts off.
static VOID HalpWaitForDelivery(VOID)
{
    ULONG Polls = ICR_POLLS;

    while ((HalpLocalApic[LOCAL_APIC_ICR_LOW] & ICR_BUSY) && Polls-- > 0)
        YieldProcessor();
}

// Sends a message (vector and delivery mode) to one processor. Any IRQL.
VOID HalpSendMessage(ULONG ApicId, ULONG Message)
{
    BOOLEAN Enable = KeDisableInterrupts();

    HalpWaitForDelivery();
    HalpLocalApic[LOCAL_APIC_ICR_HIGH] = ApicId << ICR_DESTINATION_SHIFT;
    HalpLocalApic[LOCAL_APIC_ICR_LOW] = Message | ICR_ASSERT;
    HalpWaitForDelivery();
    KeRestoreInterrupts(Enable);
}

// Sends a message to every processor but this one. Any IRQL.
VOID HalpSendMessageToOthers(ULONG Message)
{
    BOOLEAN Enable = KeDisableInterrupts();

    HalpWaitForDelivery();
    HalpLocalApic[LOCAL_APIC_ICR_LOW] = Message | ICR_ASSERT | ICR_ALL_OTHERS;
    HalpWaitForDelivery();
    KeRestoreInterrupts(Enable);
}

// Lets the timer run while somebody else measures time; HalpEndTimerMeasurement returns its ticks. Interrupts off.
VOID HalpBeginTimerMeasurement(VOID)
{
    HalpLocalApic[LOCAL_APIC_TIMER_DIVIDE] = TIMER_DIVIDE_1;
    HalpLocalApic[LOCAL_APIC_TIMER_INITIAL] = MAXULONG;
}

ULONG HalpEndTimerMeasurement(VOID)
{
    ULONG Ticks = MAXULONG - HalpLocalApic[LOCAL_APIC_TIMER_CURRENT];

    HalpLocalApic[LOCAL_APIC_TIMER_INITIAL] = 0;
    return Ticks;
}

// Notes the timer's ticks a second. Phase 0.
VOID HalpSetTimerFrequency(ULONGLONG Frequency)
{
    HalpTimerCount = (ULONG)(Frequency * CLOCK_INCREMENT_100NS / UNITS_PER_SECOND);
}

// Starts this processor's clock at HAL_TIMER_LINE. It keeps its period when the system's clock gets a shorter one: it
// only accounts for time. Interrupts off.
VOID HalStartProcessorClock(VOID)
{
    if (HalpLocalApic == NULL)
        return;
    HalpLocalApic[LOCAL_APIC_TIMER_DIVIDE] = TIMER_DIVIDE_1;
    HalpLocalApic[LOCAL_APIC_LVT_TIMER] = LVT_PERIODIC | (PRIMARY_VECTOR_BASE + HAL_TIMER_LINE);
    HalpLocalApic[LOCAL_APIC_TIMER_INITIAL] = HalpTimerCount;
}

// Stops it. Interrupts off. A tick that is on its way still comes.
VOID HalStopProcessorClock(VOID)
{
    if (HalpLocalApic == NULL)
        return;
    HalpLocalApic[LOCAL_APIC_LVT_TIMER] = LVT_MASKED;
    HalpLocalApic[LOCAL_APIC_TIMER_INITIAL] = 0;
}
