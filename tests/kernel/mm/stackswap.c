// SPDX-License-Identifier: MIT
// Laws of kernel stacks that leave memory: a thread runs only with its stack, which is as it left it.

#include "mmtest.h"

#define MT_THREADS 6u
#define MT_WORDS 900u // of a stack's 3 pages
#define MT_ROUNDS 20u

typedef struct _MT_SLEEPER {
    KEVENT Event, Ready; // not on the sleeper's stack
    PETHREAD Thread;
    ULONG Wrong, Rounds;
} MT_SLEEPER, *PMT_SLEEPER;
static MT_SLEEPER MtSleepers[MT_THREADS];

static BOOLEAN MtIsStackIn(PETHREAD Thread)
{
    return Thread->Tcb.KernelStackResident;
}

// Fills a part of its stack, waits as a service for user mode does, and looks whether all of it is still there.
static VOID NTAPI MtSleep(PVOID Context)
{
    PMT_SLEEPER Sleeper = Context;
    volatile ULONG Words[MT_WORDS];
    ULONG Round, Index;

    for (Round = 0; Round < Sleeper->Rounds; Round++) {
        for (Index = 0; Index < MT_WORDS; Index++)
            Words[Index] = Index * (Round + 3) + (ULONG)(ULONG_PTR)Sleeper;
        KeSetEvent(&Sleeper->Ready, 0, FALSE);
        IGNORE_STATUS(KeWaitForSingleObject(&Sleeper->Event, UserRequest, UserMode, FALSE, NULL));
        for (Index = 0; Index < MT_WORDS; Index++)
            Sleeper->Wrong += Words[Index] != Index * (Round + 3) + (ULONG)(ULONG_PTR)Sleeper;
    }
}

static VOID MtStartSleepers(ULONG Rounds)
{
    ULONG Index;

    for (Index = 0; Index < MT_THREADS; Index++) {
        PMT_SLEEPER Sleeper = &MtSleepers[Index];

        KeInitializeEvent(&Sleeper->Event, SynchronizationEvent, FALSE);
        KeInitializeEvent(&Sleeper->Ready, SynchronizationEvent, FALSE);
        Sleeper->Rounds = Rounds;
        Sleeper->Wrong = 0;
        Sleeper->Thread = KtStartThread(MtSleep, Sleeper, 9);
    }
}

// Waits until every sleeper has filled its stack and really sleeps.
static VOID MtAwaitSleepers(VOID)
{
    ULONG Index;

    for (Index = 0; Index < MT_THREADS; Index++) {
        KeWaitForever(&MtSleepers[Index].Ready, Executive);
        while (MtSleepers[Index].Thread->Tcb.State != Waiting)
            KeYieldExecution();
    }
}

static VOID MtJoinSleepers(VOID)
{
    ULONG Index;

    for (Index = 0; Index < MT_THREADS; Index++) {
        KtJoin(MtSleepers[Index].Thread);
        expect_eq(MtSleepers[Index].Wrong, 0);
    }
}

static BOOLEAN MtIsAnyPageValid(PETHREAD Thread)
{
    PUCHAR Va;

    for (Va = Thread->Tcb.StackLimit; Va < (PUCHAR)Thread->Tcb.StackBase; Va += PAGE_SIZE) {
        if (MmIsAddressValid(Va))
            return TRUE;
    }
    return FALSE;
}

KTEST(mm, swapped_out_stack_comes_back_before_its_thread_runs)
{
    // Law: the stack of a thread that waits in user mode can leave memory, to the disk even; the thread is Transition,
    // not Ready, until it is back, and finds all of it unchanged.
    ULONG Index, Round;
    MM_STATISTICS Before, After;

    MmQueryStatistics(&Before);
    MtStartSleepers(3);
    for (Round = 0; Round < 3; Round++) {
        MtAwaitSleepers();
        KeOutSwapNow();
        for (Index = 0; Index < MT_THREADS; Index++) {
            expect(!MtIsStackIn(MtSleepers[Index].Thread));
            expect(!MtIsAnyPageValid(MtSleepers[Index].Thread));
        }
        if (Round != 0) { // else found still in memory
            MiFlushModifiedPages();
            expect_status(MmMemoryListCommand(MemoryPurgeStandbyList), STATUS_SUCCESS);
            expect(MI_IS_PAGE_FILE_PTE(MiGetPteAddress(MtSleepers[0].Thread->Tcb.StackLimit)));
        }
        for (Index = 0; Index < MT_THREADS; Index++)
            KeSetEvent(&MtSleepers[Index].Event, 0, FALSE);
    }
    MtJoinSleepers();
    MmQueryStatistics(&After);
    expect(After.StacksSwappedOut - Before.StacksSwappedOut >= 3 * MT_THREADS);
    expect(After.StacksSwappedIn - Before.StacksSwappedIn >= 3 * MT_THREADS);
}

static VOID NTAPI MtSleepElsewhere(PVOID Context)
{
    PMT_SLEEPER Sleeper = Context;
    PVOID Objects[] = {&Sleeper->Event, &MtSleepers[1].Event, &MtSleepers[2].Event, &MtSleepers[3].Event};
    KWAIT_BLOCK Blocks[RTL_NUMBER_OF(Objects)];
    KEVENT Local;

    KeInitializeEvent(&Local, NotificationEvent, FALSE);
    KeSetEvent(&Sleeper->Ready, 0, FALSE);
    IGNORE_STATUS(KeWaitForSingleObject(&Sleeper->Event, UserRequest, KernelMode, FALSE, NULL));
    KeSetEvent(&Sleeper->Ready, 0, FALSE);
    IGNORE_STATUS(
        KeWaitForMultipleObjects(RTL_NUMBER_OF(Objects), Objects, WaitAny, UserRequest, UserMode, FALSE, NULL, Blocks));
    KeSetEvent(&Sleeper->Ready, 0, FALSE);
    KeSetKernelStackSwapEnable(FALSE);
    IGNORE_STATUS(KeWaitForSingleObject(&Sleeper->Event, UserRequest, UserMode, FALSE, NULL));
    KeSetKernelStackSwapEnable(TRUE);
}

KTEST(mm, stacks_that_others_touch_stay)
{
    // Law: a wait in kernel mode, one with its blocks on the stack, and one of a thread that forbids it keep the stack.
    PMT_SLEEPER Sleeper = &MtSleepers[0];
    ULONG Index;

    for (Index = 0; Index < MT_THREADS; Index++)
        KeInitializeEvent(&MtSleepers[Index].Event, SynchronizationEvent, FALSE);
    KeInitializeEvent(&Sleeper->Ready, SynchronizationEvent, FALSE);
    Sleeper->Thread = KtStartThread(MtSleepElsewhere, Sleeper, 9);
    for (Index = 0; Index < 3; Index++) {
        KeWaitForever(&Sleeper->Ready, Executive);
        while (Sleeper->Thread->Tcb.State != Waiting)
            KeYieldExecution();
        KeOutSwapNow();
        expect(MtIsStackIn(Sleeper->Thread));
        KeSetEvent(&Sleeper->Event, 0, FALSE);
    }
    KtJoin(Sleeper->Thread);
}

KTEST_MP(mm, stacks_come_and_go_while_threads_are_woken)
{
    // Law: however swapping and waking interleave, on all processors, no thread runs without its stack and none
    // sleeps on.
    ULONG Index, Round;

    MtStartSleepers(MT_ROUNDS);
    for (Round = 0; Round < MT_ROUNDS; Round++) {
        KeOutSwapNow();
        for (Index = 0; Index < MT_THREADS; Index++)
            KeWaitForever(&MtSleepers[Index].Ready, Executive);
        if (Round % 2 == 0)
            KeOutSwapNow();
        for (Index = 0; Index < MT_THREADS; Index++)
            KeSetEvent(&MtSleepers[Index].Event, 0, FALSE);
    }
    MtJoinSleepers();
}
