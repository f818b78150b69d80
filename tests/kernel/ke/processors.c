// SPDX-License-Identifier: MIT
// Laws between processors that docs/ke.md states: interrupts of one by another, where threads and timers go, who gets
// on. On a machine with one processor they hold trivially.

#include "ke/ki.h"
#include "ktest.h"

static volatile BOOLEAN KtStop;
static volatile ULONG KtRounds[MAXIMUM_PROCESSORS];

// Computes on one processor without ever giving an emulator a reason to let another one go on.
static VOID NTAPI KtCompute(VOID *Context)
{
    ULONG Number = (ULONG)(ULONG_PTR)Context;

    KeSetSystemAffinityThread(1ul << Number);
    while (!KtStop)
        KtRounds[Number]++;
    KeRevertToUserAffinityThread();
}

static VOID KtComputeEverywhere(PETHREAD *Threads)
{
    ULONG Number;

    KtStop = FALSE;
    for (Number = 0; Number < (ULONG)KeNumberProcessors; Number++) {
        KtRounds[Number] = 0;
        Threads[Number] = KtStartThread(KtCompute, (PVOID)(ULONG_PTR)Number, 6);
    }
}

static VOID KtStopComputing(PETHREAD *Threads)
{
    ULONG Number;

    KtStop = TRUE;
    for (Number = 0; Number < (ULONG)KeNumberProcessors; Number++)
        KtJoin(Threads[Number]);
}

KTEST_MP(ke, mp_every_processor_gets_on_while_all_compute)
{
    // Law: of processors that all compute without a pause each one gets on, also where an emulator runs them in turns.
    PETHREAD Threads[MAXIMUM_PROCESSORS];
    LARGE_INTEGER Interval = {.QuadPart = -16ll * CLOCK_INCREMENT_100NS};
    ULONG Number;

    KtComputeEverywhere(Threads);
    IGNORE_STATUS(KeDelayExecutionThread(KernelMode, FALSE, &Interval));
    for (Number = 0; Number < (ULONG)KeNumberProcessors; Number++)
        expect(KtRounds[Number] > 0);
    KtStopComputing(Threads);
}

static volatile ULONG KtApcProcessor;

static VOID NTAPI KtNoteApc(PKAPC Apc, PKNORMAL_ROUTINE *NormalRoutine, PVOID *Context, PVOID *Argument1,
                            PVOID *Argument2)
{
    UNREFERENCED_PARAMETER(Apc);
    UNREFERENCED_PARAMETER(NormalRoutine);
    UNREFERENCED_PARAMETER(Context);
    UNREFERENCED_PARAMETER(Argument1);
    UNREFERENCED_PARAMETER(Argument2);
    KtApcProcessor = KeGetCurrentProcessorNumber();
}

KTEST_MP(ke, mp_apc_reaches_a_thread_that_runs)
{
    // Law: a kernel APC for a thread that computes on another processor interrupts it there; the thread need not
    // wait for anything.
    PETHREAD Threads[MAXIMUM_PROCESSORS];
    LARGE_INTEGER Moment = {.QuadPart = -2ll * CLOCK_INCREMENT_100NS};
    ULONG Number;
    KAPC Apc;

    KtComputeEverywhere(Threads);
    IGNORE_STATUS(KeDelayExecutionThread(KernelMode, FALSE, &Moment));
    for (Number = 0; Number < (ULONG)KeNumberProcessors; Number++) {
        KtApcProcessor = 99;
        KeInitializeApc(&Apc, &Threads[Number]->Tcb, OriginalApcEnvironment, KtNoteApc, NULL, NULL, KernelMode, NULL);
        expect(KeInsertQueueApc(&Apc, NULL, NULL, 0));
        while (KtApcProcessor == 99)
            IGNORE_STATUS(KeDelayExecutionThread(KernelMode, FALSE, &Moment));
        expect_eq(KtApcProcessor, Number);
    }
    KtStopComputing(Threads);
}

static volatile ULONG KtTimerProcessor;

static VOID NTAPI KtNoteTimer(PKDPC Dpc, PVOID Context, PVOID Argument1, PVOID Argument2)
{
    UNREFERENCED_PARAMETER(Dpc);
    UNREFERENCED_PARAMETER(Context);
    UNREFERENCED_PARAMETER(Argument1);
    UNREFERENCED_PARAMETER(Argument2);
    KtTimerProcessor = KeGetCurrentProcessorNumber();
}

KTEST_MP(ke, mp_timers_expire_on_the_processor_that_keeps_the_time)
{
    // Law: wherever a timer is set, processor 0 expires it: there a DPC without a target runs.
    LARGE_INTEGER Due = {.QuadPart = -(LONGLONG)CLOCK_INCREMENT_100NS};
    ULONG Number;
    KTIMER Timer;
    KDPC Dpc;

    for (Number = 0; Number < (ULONG)KeNumberProcessors; Number++) {
        KeSetSystemAffinityThread(1ul << Number);
        KtTimerProcessor = 99;
        KeInitializeDpc(&Dpc, KtNoteTimer, NULL);
        KeInitializeTimer(&Timer);
        KeSetTimer(&Timer, Due, &Dpc);
        KeWaitForever(&Timer, Executive);
        KeFlushQueuedDpcs();
        expect_eq(KtTimerProcessor, 0);
    }
    KeRevertToUserAffinityThread();
}

static VOID NTAPI KtReturn(PVOID Context)
{
    UNREFERENCED_PARAMETER(Context);
}

KTEST_MP(ke, mp_ideal_processors_go_round)
{
    // Law: the threads of a process get its processors as their ideal ones in turn.
    PETHREAD Threads[MAXIMUM_PROCESSORS];
    KAFFINITY Seen = 0;
    ULONG Index;

    for (Index = 0; Index < (ULONG)KeNumberProcessors; Index++)
        Threads[Index] = KtStartThread(KtReturn, NULL, 8);
    for (Index = 0; Index < (ULONG)KeNumberProcessors; Index++) {
        Seen |= 1ul << Threads[Index]->Tcb.IdealProcessor;
        KtJoin(Threads[Index]);
    }
    expect_eq(Seen, KeActiveProcessors);
}

// Stops the other processors, and tells by the bugcheck whether they have.
KTEST_BUGCHECK(ke, bugcheck_stops_the_other_processors, MANUALLY_INITIATED_CRASH)
{
    // Law: a freeze stops every other processor, also one that computes and looks at nothing.
    ULONG Before[MAXIMUM_PROCESSORS], Number;
    PETHREAD Threads[MAXIMUM_PROCESSORS];
    LARGE_INTEGER Moment = {.QuadPart = -4ll * CLOCK_INCREMENT_100NS};
    BOOLEAN Stopped = TRUE;

    KtComputeEverywhere(Threads);
    IGNORE_STATUS(KeDelayExecutionThread(KernelMode, FALSE, &Moment));
    (VOID) KfRaiseIrql(HIGH_LEVEL);
    KiFreezeProcessors();
    for (Number = 0; Number < (ULONG)KeNumberProcessors; Number++)
        Before[Number] = KtRounds[Number];
    for (Number = 0; Number < 100; Number++)
        YieldProcessor();
    KeStallExecutionProcessor(20000);
    for (Number = 0; Number < (ULONG)KeNumberProcessors; Number++)
        Stopped = Stopped && Before[Number] == KtRounds[Number];
    KeBugCheck(Stopped ? MANUALLY_INITIATED_CRASH : MULTIPROCESSOR_CONFIGURATION_NOT_SUPPORTED);
}
