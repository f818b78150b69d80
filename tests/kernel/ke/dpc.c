// SPDX-License-Identifier: MIT
// Laws of deferred procedure calls.

#include "ke/ki.h"
#include "ktest.h"

#define KT_DPCS 8

static ULONG KtOrder[KT_DPCS], KtRan;
static KIRQL KtLevel;

static VOID NTAPI KtNoteDpc(PKDPC Dpc, PVOID Context, PVOID Argument1, PVOID Argument2)
{
    UNREFERENCED_PARAMETER(Dpc);
    expect_eq(Argument1, 0x11);
    expect_eq(Argument2, 0x22);
    KtLevel = KeGetCurrentIrql();
    if (KtRan < KT_DPCS)
        KtOrder[KtRan++] = (ULONG)(ULONG_PTR)Context;
}

KTEST(ke, dpc_runs_when_the_irql_falls_below_dispatch)
{
    // Law: a DPC queued at or above DISPATCH_LEVEL runs exactly when the level falls below it; queued below, at once.
    KDPC Dpc;
    KIRQL Old;
    ULONG Level;

    KeInitializeDpc(&Dpc, KtNoteDpc, NULL);
    for (Level = PASSIVE_LEVEL; Level <= HIGH_LEVEL; Level++) {
        KtRan = 0;
        Old = KfRaiseIrql((KIRQL)Level);
        expect(KeInsertQueueDpc(&Dpc, (PVOID)0x11, (PVOID)0x22));
        expect_eq(KtRan, Level < DISPATCH_LEVEL ? 1 : 0);
        if (Level > DISPATCH_LEVEL) {
            KfLowerIrql(DISPATCH_LEVEL);
            expect_eq(KtRan, 0);
        }
        KfLowerIrql(Old);
        expect_eq(KtRan, 1);
        expect_eq(KtLevel, DISPATCH_LEVEL);
    }
}

KTEST(ke, dpc_order_is_fifo_and_high_importance_first)
{
    // Law: DPCs run in the order they were queued, those of high importance before the others.
    KDPC Dpcs[KT_DPCS];
    KIRQL Old;
    ULONG Index;

    KtRan = 0;
    for (Index = 0; Index < KT_DPCS; Index++)
        KeInitializeDpc(&Dpcs[Index], KtNoteDpc, (PVOID)(ULONG_PTR)Index);
    KeSetImportanceDpc(&Dpcs[KT_DPCS - 1], HighImportance);
    Old = KfRaiseIrql(DISPATCH_LEVEL);
    for (Index = 0; Index < KT_DPCS; Index++)
        expect(KeInsertQueueDpc(&Dpcs[Index], (PVOID)0x11, (PVOID)0x22));
    KfLowerIrql(Old);
    expect_eq(KtRan, KT_DPCS);
    expect_eq(KtOrder[0], KT_DPCS - 1);
    for (Index = 1; Index < KT_DPCS; Index++)
        expect_eq(KtOrder[Index], Index - 1);
}

KTEST(ke, dpc_is_queued_once_and_can_be_removed)
{
    // Law: a queued DPC is not queued again, and a removed one does not run.
    KDPC Dpc;
    KIRQL Old;

    KtRan = 0;
    KeInitializeDpc(&Dpc, KtNoteDpc, NULL);
    Old = KfRaiseIrql(DISPATCH_LEVEL);
    expect(KeInsertQueueDpc(&Dpc, (PVOID)0x11, (PVOID)0x22));
    expect(!KeInsertQueueDpc(&Dpc, NULL, NULL));
    expect(KeRemoveQueueDpc(&Dpc));
    expect(!KeRemoveQueueDpc(&Dpc));
    KfLowerIrql(Old);
    expect_eq(KtRan, 0);
}

static KDPC KtSelf;

static VOID NTAPI KtRequeueDpc(PKDPC Dpc, PVOID Context, PVOID Argument1, PVOID Argument2)
{
    UNREFERENCED_PARAMETER(Context);
    if (++KtRan < 5)
        (VOID) KeInsertQueueDpc(Dpc, Argument1, Argument2);
}

KTEST(ke, dpc_may_queue_itself)
{
    // Law: a DPC may queue itself from its routine, and all of it is done before the level is below DISPATCH_LEVEL.
    KtRan = 0;
    KeInitializeDpc(&KtSelf, KtRequeueDpc, NULL);
    expect(KeInsertQueueDpc(&KtSelf, NULL, NULL));
    expect_eq(KtRan, 5);
}

KTEST(ke, dpc_of_low_importance_waits_for_others)
{
    // Law: a DPC of low importance asks for no interrupt until four are queued; one of medium importance does at once.
    // (Interrupts are off so that no clock tick asks for one.)
    KDPC Dpcs[4];
    KIRQL Old = KfRaiseIrql(DISPATCH_LEVEL);
    BOOLEAN Enable = KeDisableInterrupts(), Asked[5];
    ULONG Index;

    KtRan = 0;
    for (Index = 0; Index < 5; Index++) {
        HalClearSoftwareInterrupt(DISPATCH_LEVEL);
        if (Index < 4) {
            KeInitializeDpc(&Dpcs[Index], KtNoteDpc, NULL);
            KeSetImportanceDpc(&Dpcs[Index], LowImportance);
        } else {
            (VOID) KeRemoveQueueDpc(&Dpcs[0]);
            KeSetImportanceDpc(&Dpcs[0], MediumImportance);
        }
        (VOID) KeInsertQueueDpc(&Dpcs[Index % 4], (PVOID)0x11, (PVOID)0x22);
        Asked[Index] = (KiReadIrr() & 1ul << DISPATCH_LEVEL) != 0;
    }
    KeRestoreInterrupts(Enable);
    KfLowerIrql(Old);
    expect(!Asked[0] && !Asked[1] && !Asked[2] && Asked[3]);
    expect(Asked[4]);
    expect_eq(KtRan, 4);
}
