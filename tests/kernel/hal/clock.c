// SPDX-License-Identifier: MIT
// Laws of the clocks: the system's, those of the other processors, and the counter that all of them see.

#include "hal/halp.h"
#include "ktest.h"

#define SHORT_PERIODS 20u
#define CLOCK_TICKS 10
#define COUNTER_ROUNDS 200

KTEST(hal, clock_period_is_the_nearest_possible)
{
    // Law: any period asked for is set to within half a thousandth, those outside 1 ms to 15.625 ms to the nearer end.
    ULONG Desired, Got;
    KIRQL OldIrql;

    KeSetSystemAffinityThread(1);
    OldIrql = KfRaiseIrql(CLOCK_LEVEL);
    expect_eq(HalSetTimeIncrement(0), HalSetTimeIncrement(CLOCK_MINIMUM_100NS));
    expect_eq(HalSetTimeIncrement(MAXULONG), CLOCK_INCREMENT_100NS);
    for (Desired = CLOCK_MINIMUM_100NS; Desired <= CLOCK_INCREMENT_100NS; Desired += 1250) {
        Got = HalSetTimeIncrement(Desired);
        expect(Got + Desired / 2000 >= Desired && Got <= Desired + Desired / 2000);
    }
    expect_eq(HalSetTimeIncrement(CLOCK_INCREMENT_100NS), CLOCK_INCREMENT_100NS);
    KfLowerIrql(OldIrql);
    KeRevertToUserAffinityThread();
}

KTEST(hal, clock_interrupts_at_the_period_set)
{
    // Law: with a period of 1 ms the clock interrupts 20 times in 20 ms of the performance counter.
    ULONG Before, Interrupts, Increment;
    KIRQL OldIrql;

    KeSetSystemAffinityThread(1);
    OldIrql = KfRaiseIrql(CLOCK_LEVEL);
    Increment = HalSetTimeIncrement(CLOCK_MINIMUM_100NS);
    KfLowerIrql(DISPATCH_LEVEL);
    Before = KeGetCurrentPrcb()->InterruptCount;
    KeStallExecutionProcessor(SHORT_PERIODS * Increment / 10);
    Interrupts = KeGetCurrentPrcb()->InterruptCount - Before;
    (VOID) KfRaiseIrql(CLOCK_LEVEL);
    (VOID) HalSetTimeIncrement(CLOCK_INCREMENT_100NS);
    KfLowerIrql(OldIrql);
    KeRevertToUserAffinityThread();
    expect(Interrupts + 1 >= SHORT_PERIODS && Interrupts <= SHORT_PERIODS + 4); // a device may have interrupted too
}

KTEST_EXACT(hal, processor_clock_keeps_the_period)
{
    // Law: a processor's own clock ticks as often as the system's.
    LARGE_INTEGER Interval = {.QuadPart = -(LONGLONG)CLOCK_TICKS * CLOCK_INCREMENT_100NS};
    ULONG Before, Ticks, System;
    BOOLEAN Enable;

    if (HalpLocalApic == NULL)
        return;
    KeSetSystemAffinityThread(1);
    Enable = KeDisableInterrupts();
    Before = KeGetCurrentPrcb()->KernelTime + KeGetCurrentPrcb()->UserTime;
    System = KeTickCount.LowPart;
    HalStartProcessorClock();
    KeRestoreInterrupts(Enable);
    expect_status(KeDelayExecutionThread(KernelMode, FALSE, &Interval), STATUS_SUCCESS);
    Enable = KeDisableInterrupts();
    HalStopProcessorClock();
    Ticks = KeGetCurrentPrcb()->KernelTime + KeGetCurrentPrcb()->UserTime - Before;
    System = KeTickCount.LowPart - System; // they are among the ticks of this processor
    KeRestoreInterrupts(Enable);
    KeRevertToUserAffinityThread();
    expect(System >= CLOCK_TICKS && Ticks >= 2 * System - 2 && Ticks <= 2 * System + 2);
}

KTEST(hal, performance_counter_is_one_for_all_processors)
{
    // Law: a thread that goes from processor to processor never sees the performance counter go back.
    KAFFINITY Active = KeQueryActiveProcessors();
    LARGE_INTEGER Last = KeQueryPerformanceCounter(NULL), Now;
    ULONG Round, Number;

    for (Round = 0; Round < COUNTER_ROUNDS; Round++) {
        for (Number = 0; Number < 32; Number++) {
            if (!(Active >> Number & 1))
                continue;
            KeSetSystemAffinityThread((KAFFINITY)1 << Number);
            Now = KeQueryPerformanceCounter(NULL);
            expect(Now.QuadPart >= Last.QuadPart);
            Last = Now;
        }
    }
    KeRevertToUserAffinityThread();
}
