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

KTEST_EXACT(ke, dpc_of_low_importance_waits_for_company)
{
    // Law: a DPC of low importance does not interrupt its processor: it runs with the next DPC that does, with the next
    // tick, or when four are queued.
    KDPC Dpcs[4], Medium;
    ULONG Index;
    KIRQL Old;

    KtRan = 0;
    KeInitializeDpc(&Medium, KtNoteDpc, (PVOID)9);
    for (Index = 0; Index < 4; Index++) {
        KeInitializeDpc(&Dpcs[Index], KtNoteDpc, (PVOID)(ULONG_PTR)Index);
        KeSetImportanceDpc(&Dpcs[Index], LowImportance);
    }
    Old = KfRaiseIrql(CLOCK_LEVEL); // no tick comes in between
    expect(KeInsertQueueDpc(&Dpcs[0], (PVOID)0x11, (PVOID)0x22));
    expect(KeInsertQueueDpc(&Dpcs[1], (PVOID)0x11, (PVOID)0x22));
    expect_eq(KeGetPcr()->IRR & 1ul << DISPATCH_LEVEL, 0);
    expect(KeInsertQueueDpc(&Medium, (PVOID)0x11, (PVOID)0x22));
    expect(KeGetPcr()->IRR & 1ul << DISPATCH_LEVEL);
    KfLowerIrql(Old);
    expect_eq(KtRan, 3);
    expect_eq(KtOrder[2], 9);

    KtRan = 0;
    Old = KfRaiseIrql(CLOCK_LEVEL);
    for (Index = 0; Index < 4; Index++) {
        expect_eq(KeGetPcr()->IRR & 1ul << DISPATCH_LEVEL, 0);
        expect(KeInsertQueueDpc(&Dpcs[Index], (PVOID)0x11, (PVOID)0x22));
    }
    expect(KeGetPcr()->IRR & 1ul << DISPATCH_LEVEL);
    KfLowerIrql(Old);
    expect_eq(KtRan, 4);

    KtRan = 0;
    expect(KeInsertQueueDpc(&Dpcs[0], (PVOID)0x11, (PVOID)0x22));
    KeStallExecutionProcessor(40000); // two ticks
    expect_eq(KtRan, 1);
}

static VOID NTAPI KtThreadedNote(PKDPC Dpc, PVOID Context, PVOID Argument1, PVOID Argument2)
{
    UNREFERENCED_PARAMETER(Dpc);
    UNREFERENCED_PARAMETER(Context);
    UNREFERENCED_PARAMETER(Argument1);
    UNREFERENCED_PARAMETER(Argument2);
    KtRan++;
}

KTEST(ke, dpc_thread_runs_all_that_is_queued)
{
    // Law: several threaded DPCs queued together all run; one that is removed does not.
    KDPC Dpcs[3];
    ULONG Index;
    KIRQL Old;

    KtRan = 0;
    Old = KfRaiseIrql(DISPATCH_LEVEL);
    for (Index = 0; Index < 3; Index++) {
        KeInitializeThreadedDpc(&Dpcs[Index], KtThreadedNote, NULL);
        expect(KeInsertQueueDpc(&Dpcs[Index], NULL, NULL));
    }
    expect(KeRemoveQueueDpc(&Dpcs[1]));
    KfLowerIrql(Old);
    KeFlushQueuedDpcs();
    expect_eq(KtRan, 2);
}

KTEST(ke, dpc_leaves_the_list_that_it_was_queued_in)
{
    // Law: a threaded DPC that was queued before its processor had a thread for it is taken out of the ordinary list,
    // even when there is a thread by then; each list's depth is what it holds.
    KIRQL Old = KfRaiseIrql(DISPATCH_LEVEL);
    PKPRCB Prcb = KeGetCurrentPrcb();
    PKTHREAD Thread = Prcb->DpcThread;
    KDPC Early, Late;

    KeInitializeThreadedDpc(&Early, KtThreadedNote, NULL);
    KeInitializeThreadedDpc(&Late, KtThreadedNote, NULL);
    Prcb->DpcThread = NULL;
    expect(KeInsertQueueDpc(&Early, NULL, NULL));
    Prcb->DpcThread = Thread;
    expect(KeInsertQueueDpc(&Late, NULL, NULL));
    expect_eq(Prcb->DpcData[DPC_NORMAL].DpcQueueDepth, 1);
    expect_eq(Prcb->DpcData[DPC_THREADED].DpcQueueDepth, 1);
    expect(KeRemoveQueueDpc(&Early));
    expect_eq(Prcb->DpcData[DPC_NORMAL].DpcQueueDepth, 0);
    expect_eq(Prcb->DpcData[DPC_THREADED].DpcQueueDepth, 1);
    expect(KeRemoveQueueDpc(&Late));
    expect_eq(Prcb->DpcData[DPC_THREADED].DpcQueueDepth, 0);
    KfLowerIrql(Old);
}

static VOID NTAPI KtHoldDpcThread(PKDPC Dpc, PVOID Context, PVOID Argument1, PVOID Argument2)
{
    UNREFERENCED_PARAMETER(Dpc);
    UNREFERENCED_PARAMETER(Context);
    UNREFERENCED_PARAMETER(Argument1);
    UNREFERENCED_PARAMETER(Argument2);
    KeStallExecutionProcessor(40000); // ticks come, and whatever is more important would run
    KtRan++;
}

KTEST_EXACT(ke, dpc_flush_waits_for_threaded_ones)
{
    // Law: KeFlushQueuedDpcs returns after every DPC queued before has run, threaded ones too, even if the caller is as
    // important as the thread that runs them.
    PKTHREAD Self = KeGetCurrentThread();
    KDPC Dpcs[2];
    ULONG Index;

    KtRan = 0;
    (VOID) KeSetPriorityThread(Self, HIGH_PRIORITY);
    for (Index = 0; Index < 2; Index++) {
        KeInitializeThreadedDpc(&Dpcs[Index], KtHoldDpcThread, NULL);
        expect(KeInsertQueueDpc(&Dpcs[Index], NULL, NULL));
    }
    expect_eq(KtRan, 0);
    KeFlushQueuedDpcs();
    expect_eq(KtRan, 2);
    (VOID) KeSetPriorityThread(Self, 8);
    (VOID) KeSetBasePriorityThread(Self, 0);
}
