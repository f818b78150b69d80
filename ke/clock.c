// SPDX-License-Identifier: MIT
// The clock interrupt: advances the three clocks in KUSER_SHARED_DATA, charges the tick to whoever was running, and
// asks for a DPC when a timer or a quantum has run out. Nothing here takes a lock.

#include "ki.h"

// The interrupt comes every KeTimeIncrement. Time and timers follow each one; a tick, in counts and quanta, is
// KeMaximumIncrement at all times and may take several.
ULONG KeMaximumIncrement = CLOCK_INCREMENT_100NS;
volatile ULONG KeTimeIncrement = CLOCK_INCREMENT_100NS;
static ULONG KiTickFraction; // of the tick that has not gone by yet
volatile KSYSTEM_TIME KeTickCount;
#if DBG
VOID (*KiClockHook)(VOID); // the test runner's watchdog, at CLOCK_LEVEL
#endif

// Readers loop until High1Time and High2Time agree (KiReadTime), so High2Time is written first and High1Time last.
static VOID KiWriteTime(volatile KSYSTEM_TIME *Target, ULONGLONG Value)
{
    Target->High2Time = (LONG)(Value >> 32);
    Target->LowPart = (ULONG)Value;
    Target->High1Time = (LONG)(Value >> 32);
}

static ULONGLONG KiReadTime(const volatile KSYSTEM_TIME *Source)
{
    ULONG High, Low;

    do {
        High = (ULONG)Source->High1Time;
        Low = Source->LowPart;
    } while (High != (ULONG)Source->High2Time);
    return (ULONGLONG)High << 32 | Low;
}

// A time that only the clock interrupt writes, for that interrupt.
FORCEINLINE ULONGLONG KiOwnTime(const volatile KSYSTEM_TIME *Source)
{
    return (ULONGLONG)(ULONG)Source->High2Time << 32 | Source->LowPart;
}

// Adds to such a time. Nearly always that is one store, which no reader can see half done.
FORCEINLINE VOID KiAdvanceTime(volatile KSYSTEM_TIME *Time, ULONG Increment)
{
    ULONG Low = Time->LowPart + Increment;

    if (__builtin_expect(Low < Increment, FALSE))
        KiWriteTime(Time, (ULONGLONG)((ULONG)Time->High2Time + 1) << 32 | Low);
    else
        Time->LowPart = Low;
}

FORCEINLINE VOID KiChargeTick(PKPRCB Prcb, PKTRAP_FRAME TrapFrame, KIRQL OldIrql)
{
    PKTHREAD Thread = Prcb->CurrentThread;

    if (TrapFrame != NULL && KiTrapMode(TrapFrame) == UserMode) {
        Prcb->UserTime++;
        Thread->UserTime++;
    } else {
        Prcb->KernelTime++;
        if (OldIrql > DISPATCH_LEVEL)
            Prcb->InterruptTime++;
        else if (OldIrql == DISPATCH_LEVEL && Prcb->DpcRoutineActive)
            Prcb->DpcTime++;
        else
            Thread->KernelTime++;
    }
    if (Thread == Prcb->IdleThread)
        return;
    Thread->Quantum -= CLOCK_QUANTUM_DECREMENT;
    if (Thread->Quantum <= 0)
        Prcb->QuantumEnd = TRUE;
}

// Processors that an emulator runs in turns change places at a PAUSE. At each tick all but one of them pause once, so
// that each gets its turn though another one computes all the time; a processor of its own loses a few cycles.
FORCEINLINE VOID KiTakeTurns(PKPRCB Prcb)
{
    if (KeNumberProcessors > 1 && KeTickCount.LowPart % (ULONG)KeNumberProcessors != Prcb->Number)
        YieldProcessor();
}

static VOID KiCountTick(VOID)
{
    KiAdvanceTime(&KeTickCount, 1);
    KiAdvanceTime(&SharedUserData->TickCount, 1);
    SharedUserData->TickCountLowDeprecated = KeTickCount.LowPart;
#if DBG
    if (KiClockHook != NULL)
        KiClockHook();
#endif
}

// One interrupt of the clock line. CLOCK_LEVEL. TrapFrame: what was interrupted (NULL if replayed), at OldIrql.
VOID KeUpdateSystemTime(PKTRAP_FRAME TrapFrame, KIRQL OldIrql)
{
    PKPRCB Prcb = KeGetCurrentPrcb();
    PKUSER_SHARED_DATA Shared = SharedUserData;
    ULONG Increment = KeTimeIncrement;
    ULONGLONG Now;

    HalClockInterrupt();
    KiAdvanceTime(&Shared->InterruptTime, Increment);
    KiAdvanceTime(&Shared->SystemTime, Increment);
    Now = KiOwnTime(&Shared->InterruptTime);
    KdTrace(Tick, Now, Now >> 32, 0, 0);
    KiTickFraction += Increment;
    if (KiTickFraction >= KeMaximumIncrement) {
        KiTickFraction -= KeMaximumIncrement;
        KiCountTick();
        KiChargeTick(Prcb, TrapFrame, OldIrql);
    }
    if (KiTimersDue(Now))
        Prcb->TimerRequest = 1;
    if (Prcb->TimerRequest != 0 || Prcb->QuantumEnd || Prcb->DpcData[DPC_NORMAL].DpcQueueDepth != 0)
        HalRequestSoftwareInterrupt(DISPATCH_LEVEL);
    KiTakeTurns(Prcb);
}

// One tick of the clock of a processor other than 0: only its own accounts. CLOCK_LEVEL. Arguments as above.
VOID KeUpdateRunTime(PKTRAP_FRAME TrapFrame, KIRQL OldIrql)
{
    PKPRCB Prcb = KeGetCurrentPrcb();

    KiChargeTick(Prcb, TrapFrame, OldIrql);
    if (Prcb->QuantumEnd || Prcb->DpcData[DPC_NORMAL].DpcQueueDepth != 0)
        HalRequestSoftwareInterrupt(DISPATCH_LEVEL);
    KiTakeTurns(Prcb);
}

// The system time: 100 ns since 1601, UTC. Any IRQL.
VOID NTAPI KeQuerySystemTime(PLARGE_INTEGER Time)
{
    Time->QuadPart = (LONGLONG)KiReadTime(&SharedUserData->SystemTime);
}

// 100 ns since boot, as of the last tick. Any IRQL.
ULONGLONG NTAPI KeQueryInterruptTime(VOID)
{
    return KiReadTime(&SharedUserData->InterruptTime);
}

// Clock ticks since boot. Any IRQL.
VOID NTAPI KeQueryTickCount(PLARGE_INTEGER Count)
{
    Count->QuadPart = (LONGLONG)KiReadTime(&KeTickCount);
}

// Has the clock interrupt as nearly every Desired (100 ns) as the HAL can; KeTimeIncrement tells what came of it.
// IRQL <= APC_LEVEL. Called by ex/resolution.c only.
VOID KeSetClockIncrement(ULONG Desired)
{
    KIRQL OldIrql;

    KeSetSystemAffinityThread(1);
    OldIrql = KfRaiseIrql(CLOCK_LEVEL);
    KeTimeIncrement = HalSetTimeIncrement(Desired);
    KfLowerIrql(OldIrql);
    KeRevertToUserAffinityThread();
}

// 100 ns a tick. Any IRQL.
ULONG NTAPI KeQueryTimeIncrement(VOID)
{
    return KeMaximumIncrement;
}

// Sets the system time; timers that wait for a system time follow. IRQL <= APC_LEVEL. OldTime: what it was before.
VOID NTAPI KeSetSystemTime(PLARGE_INTEGER NewTime, PLARGE_INTEGER OldTime)
{
    KIRQL OldIrql;
    BOOLEAN Enable;

    KeSetSystemAffinityThread(1); // whose clock writes the time
    OldIrql = KiLockDispatcherDatabase();
    Enable = KeDisableInterrupts();
    KeQuerySystemTime(OldTime);
    KiWriteTime(&SharedUserData->SystemTime, (ULONGLONG)NewTime->QuadPart);
    KeRestoreInterrupts(Enable);
    KiShiftAbsoluteTimers(NewTime->QuadPart - OldTime->QuadPart);
    KiUnlockDispatcherDatabase(OldIrql);
    KeRevertToUserAffinityThread();
}
