// SPDX-License-Identifier: MIT
// Laws of the IRQL and of the software interrupts.

#include "ktest.h"

KTEST(ke, irql_every_level_and_back)
{
    // Law: from every level, raising to every level at or above it returns the old one, and lowering restores it.
    ULONG From, To;
    KIRQL Old;

    for (From = PASSIVE_LEVEL; From <= HIGH_LEVEL; From++) {
        for (To = From; To <= HIGH_LEVEL; To++) {
            Old = KfRaiseIrql((KIRQL)From);
            expect_eq(Old, PASSIVE_LEVEL);
            Old = KfRaiseIrql((KIRQL)To);
            expect_eq(Old, From);
            expect_eq(KeGetCurrentIrql(), To);
            KfLowerIrql((KIRQL)From);
            expect_eq(KeGetCurrentIrql(), From);
            KfLowerIrql(PASSIVE_LEVEL);
        }
    }
    expect_eq(KeGetCurrentIrql(), PASSIVE_LEVEL);
}

KTEST(ke, irql_interrupt_below_is_replayed_on_lowering)
{
    // Law: a clock tick that arrives at HIGH_LEVEL is not lost: it is taken when the level falls.
    LARGE_INTEGER Before, After;
    KIRQL Old;

    KeSetSystemAffinityThread(1); // whose clock counts the ticks
    Old = KfRaiseIrql(HIGH_LEVEL);
    KeQueryTickCount(&Before);
    KeStallExecutionProcessor(40000); // more than two ticks of 15.6 ms
    KeQueryTickCount(&After);
    expect_eq(After.QuadPart, Before.QuadPart);
    KfLowerIrql(Old);
    KeQueryTickCount(&After);
    expect(After.QuadPart > Before.QuadPart);
    KeRevertToUserAffinityThread();
}

KTEST(ke, irql_clock_runs_at_dispatch_level)
{
    // Law: DISPATCH_LEVEL holds off threads and DPCs, not the clock.
    LARGE_INTEGER Before, After;
    KIRQL Old = KfRaiseIrql(DISPATCH_LEVEL);
    ULONG Tries = 0;

    KeQueryTickCount(&Before);
    do {
        KeStallExecutionProcessor(40000); // a host may be late with its ticks
        KeQueryTickCount(&After);
    } while (After.QuadPart < Before.QuadPart + 2 && ++Tries < 250);
    KfLowerIrql(Old);
    expect(After.QuadPart >= Before.QuadPart + 2);
}

KTEST(ke, spinlock_raises_and_restores)
{
    // Law: taking a spin lock raises to DISPATCH_LEVEL, releasing it restores the level, from every level up to there.
    KSPIN_LOCK Lock;
    ULONG Level;
    KIRQL Outer, Old;

    KeInitializeSpinLock(&Lock);
    for (Level = PASSIVE_LEVEL; Level <= DISPATCH_LEVEL; Level++) {
        Outer = KfRaiseIrql((KIRQL)Level);
        Old = KfAcquireSpinLock(&Lock);
        expect_eq(Old, Level);
        expect_eq(KeGetCurrentIrql(), DISPATCH_LEVEL);
        expect(Lock != 0);
        KfReleaseSpinLock(&Lock, Old);
        expect_eq(Lock, 0);
        expect_eq(KeGetCurrentIrql(), Level);
        KfLowerIrql(Outer);
    }
}
