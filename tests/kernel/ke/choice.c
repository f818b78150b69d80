// SPDX-License-Identifier: MIT
// Laws of the choice between the thread that runs, the one chosen to follow it, and those in the ready queues, when a
// priority changes in between. Source: Windows Internals, "Thread Scheduling".

#include "ke/ki.h"
#include "ktest.h"

static ULONG KtOrder[4], KtCount;
static KEVENT KtGates[3];

static VOID NTAPI KtWaitAndNote(PVOID Context)
{
    KeWaitForever(&KtGates[(ULONG)(ULONG_PTR)Context], Executive);
    if (KtCount < RTL_NUMBER_OF(KtOrder))
        KtOrder[KtCount++] = (ULONG)(ULONG_PTR)Context;
}

// A thread that waits for its gate and then puts its number into KtOrder. Its first wait has begun.
static PETHREAD KtStartAtGate(ULONG Number, KPRIORITY Priority)
{
    PETHREAD Thread;

    KeInitializeEvent(&KtGates[Number], NotificationEvent, FALSE);
    Thread = KtStartThread(KtWaitAndNote, (PVOID)(ULONG_PTR)Number, 10);
    KeSetPriorityThread(&Thread->Tcb, Priority);
    return Thread;
}

KTEST_EXACT(ke, schedule_raised_thread_is_not_displaced)
{
    // Law: a thread that becomes more important than the one chosen to follow it goes on running.
    PKTHREAD Self = KeGetCurrentThread();
    PETHREAD Thread;
    KIRQL Old;

    KtCount = 0;
    Thread = KtStartAtGate(0, 12);
    Old = KfRaiseIrql(DISPATCH_LEVEL);
    KeSetEvent(&KtGates[0], 0, FALSE);
    KeSetPriorityThread(Self, 14);
    KfLowerIrql(Old);
    expect_eq(KtCount, 0);
    KeSetPriorityThread(Self, 8);
    expect_eq(KtCount, 1);
    KtJoin(Thread);
}

KTEST_EXACT(ke, schedule_lowered_choice_does_not_displace)
{
    // Law: a thread that was chosen to run next and is less important now than the one that runs, or than a third one,
    // waits for its turn.
    PETHREAD Threads[2];
    KIRQL Old;

    KtCount = 0;
    Threads[0] = KtStartAtGate(0, 12);
    Threads[1] = KtStartAtGate(1, 11);
    Old = KfRaiseIrql(DISPATCH_LEVEL);
    KeSetEvent(&KtGates[0], 0, FALSE);
    KeSetEvent(&KtGates[1], 0, FALSE);
    KeSetPriorityThread(&Threads[0]->Tcb, 10);
    KeSetPriorityThread(&Threads[1]->Tcb, 4);
    KeSetPriorityThread(&Threads[0]->Tcb, 5);
    KfLowerIrql(Old);
    expect_eq(KtCount, 0);
    KtJoin(Threads[0]);
    KtJoin(Threads[1]);
    expect_eq(KtCount, 2);
    expect(KtOrder[0] == 0 && KtOrder[1] == 1);
}

KTEST_EXACT(ke, schedule_preempted_thread_with_a_quantum_left_keeps_its_turn)
{
    // Law: a thread that is preempted goes in front of its equals unless its quantum is used up, then behind them.
    PKTHREAD Self = KeGetCurrentThread();
    PETHREAD Equal, Other;
    KIRQL Old;

    KtCount = 0;
    Equal = KtStartAtGate(0, 8);
    Other = KtStartAtGate(1, 12);
    KeSetEvent(&KtGates[0], 0, FALSE); // ready, behind us
    Old = KfRaiseIrql(DISPATCH_LEVEL);
    KeGetCurrentPrcb()->QuantumEnd = TRUE; // a tick found the quantum used up; then it was filled again
    Self->Quantum = Self->QuantumReset;
    KeSetEvent(&KtGates[1], 0, FALSE);
    KfLowerIrql(Old);
    expect_eq(KtCount, 1);

    Old = KfRaiseIrql(DISPATCH_LEVEL);
    KeGetCurrentPrcb()->QuantumEnd = TRUE;
    Self->Quantum = 0;
    HalRequestSoftwareInterrupt(DISPATCH_LEVEL);
    KfLowerIrql(Old);
    expect_eq(KtCount, 2);
    expect(KtOrder[0] == 1 && KtOrder[1] == 0);
    KtJoin(Equal);
    KtJoin(Other);
}
