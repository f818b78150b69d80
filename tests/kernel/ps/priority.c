// SPDX-License-Identifier: MIT
// Laws of what is set for a whole process: quantum, boosts, times (ke/processpriority.c, ps/foreground.c, ps/set.c).

#include "ktest.h"

static VOID NTAPI KtWaitThread(PVOID Context)
{
    KeWaitForever(Context, Executive);
}

// A bare process with bare threads, in no other list: these laws need no more.
static VOID KtMakeProcess(PKPROCESS Process, PKTHREAD Threads, ULONG Count)
{
    RtlZeroMemory(Process, sizeof(*Process));
    KeInitializeProcess(Process, 8, KeActiveProcessors, 0);
    RtlZeroMemory(Threads, Count * sizeof(*Threads));
    for (ULONG Index = 0; Index < Count; Index++) {
        Threads[Index].Header.Type = ThreadObject;
        Threads[Index].State = Initialized;
        Threads[Index].KernelTime = Index + 1;
        Threads[Index].UserTime = 10 * (Index + 1);
        Threads[Index].UserAffinity = KeActiveProcessors;
        InsertTailList(&Process->ThreadListHead, &Threads[Index].ThreadListEntry);
    }
}

#define KT_TAG 0x7270744B // 'Ktpr'
#define KT_THREADS 3

KTEST(ps, what_is_set_for_a_process_reaches_its_threads)
{
    // Law: quantum and boosts of a process are those of all its threads.
    PKPROCESS Process = ExAllocatePoolWithTag(NonPagedPool, sizeof(KPROCESS) + KT_THREADS * sizeof(KTHREAD), KT_TAG);
    PKTHREAD Threads = (PKTHREAD)(Process + 1);

    KtMakeProcess(Process, Threads, KT_THREADS);
    KeSetQuantumProcess(Process, 18);
    expect(!KeSetDisableBoostProcess(Process, TRUE));
    for (ULONG Index = 0; Index < KT_THREADS; Index++) {
        expect_eq(Threads[Index].QuantumReset, 18);
        expect(Threads[Index].DisableBoost);
    }
    expect_eq(Process->QuantumReset, 18);
    expect(KeSetDisableBoostProcess(Process, FALSE));
    expect(!Threads[KT_THREADS - 1].DisableBoost);
    ExFreePoolWithTag(Process, KT_TAG);
}

KTEST(ps, times_of_a_process_are_the_sum_of_its_threads)
{
    // Law: the living threads' ticks are added to those of the dead, each once.
    PKPROCESS Process = ExAllocatePoolWithTag(NonPagedPool, sizeof(KPROCESS) + KT_THREADS * sizeof(KTHREAD), KT_TAG);
    ULONG User;

    KtMakeProcess(Process, (PKTHREAD)(Process + 1), KT_THREADS);
    Process->KernelTime = 100;
    Process->UserTime = 1000;
    expect_eq(KeQueryRuntimeProcess(Process, &User), 100 + 1 + 2 + 3);
    expect_eq(User, 1000 + 10 + 20 + 30);
    ExFreePoolWithTag(Process, KT_TAG);
}

KTEST(ps, the_foreground_has_the_longer_quantum)
{
    // Law (Windows Internals, "Quantum"): 6 thirds of a tick in the background, 18 in the foreground; the idle class
    // always 6. The class's base priority goes with it.
    static const struct {
        UCHAR Class, Foreground;
        SCHAR Quantum;
        KPRIORITY Base;
    } Cases[] = {{PROCESS_PRIORITY_CLASS_NORMAL, TRUE, 18, 8},        {PROCESS_PRIORITY_CLASS_NORMAL, FALSE, 6, 8},
                 {PROCESS_PRIORITY_CLASS_IDLE, TRUE, 6, 4},           {PROCESS_PRIORITY_CLASS_HIGH, TRUE, 18, 13},
                 {PROCESS_PRIORITY_CLASS_ABOVE_NORMAL, FALSE, 6, 10}, {PROCESS_PRIORITY_CLASS_NORMAL, FALSE, 6, 8}};
    PEPROCESS Process = PsGetCurrentProcess();
    KEVENT Done;
    PETHREAD Thread;

    KeInitializeEvent(&Done, NotificationEvent, FALSE);
    Thread = KtStartThread(KtWaitThread, &Done, 8);
    for (ULONG Index = 0; Index < RTL_NUMBER_OF(Cases); Index++) {
        PROCESS_PRIORITY_CLASS_NT Class = {Cases[Index].Foreground, Cases[Index].Class};
        PROCESS_PRIORITY_CLASS_NT Answer;

        expect_status(ZwSetInformationProcess(NtCurrentProcess(), ProcessPriorityClass, &Class, sizeof(Class)),
                      STATUS_SUCCESS);
        expect_status(
            ZwQueryInformationProcess(NtCurrentProcess(), ProcessPriorityClass, &Answer, sizeof(Answer), NULL),
            STATUS_SUCCESS);
        expect(Answer.Foreground == Class.Foreground && Answer.PriorityClass == Class.PriorityClass);
        expect_eq(Thread->Tcb.QuantumReset, Cases[Index].Quantum);
        expect_eq(Process->Pcb.BasePriority, Cases[Index].Base);
        expect_eq(KeQueryPriorityThread(&Thread->Tcb), Cases[Index].Base);
    }
    KeSetEvent(&Done, IO_NO_INCREMENT, FALSE);
    KtJoin(Thread);
}
