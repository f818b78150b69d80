// SPDX-License-Identifier: MIT
// The swap thread (NT's KeSwapProcessOrStack): takes kernel stacks out of memory of threads that wait long in user
// mode, and brings them back before those run again. A thread whose stack is not resident becomes Transition instead
// of Ready (KiReadyThread) and goes to KiStackInSwapListHead; this thread alone moves stacks, so one is never on its
// way out and in at once. When the last stack of a process is out, so is its working set.
//
// Nobody else touches the stack of a waiting thread: its FPU state is saved first, and a wait with blocks or objects on
// the stack itself, as of more than a few handles at once, keeps it in memory.
// Source: Windows Internals, "Balance Set Manager and Swapper"; WDK, KeWaitForSingleObject (WaitMode).

#include "ki.h"

#define KI_SWAP_PRIORITY 23
#define KI_STACK_PROTECT_TICKS 448u // 7 s of waiting before a stack goes
#define KI_OUTSWAP_HIGHEST_PRIORITY (LOW_REALTIME_PRIORITY + 8)

static KEVENT KiSwapEvent;
static KEVENT KiOutSwapDoneEvent;
static LIST_ENTRY KiStackInSwapListHead; // of KTHREAD.WaitListEntry; dispatcher lock
static volatile LONG KiOutSwapRequest;   // 0, or the ticks that a thread must have waited, plus 1

// A thread without its stack is to run: KiReadyThread's other half. Dispatcher lock held.
VOID KiRequestInSwap(PKTHREAD Thread)
{
    Thread->State = Transition;
    InsertTailList(&KiStackInSwapListHead, &Thread->WaitListEntry);
    (VOID) KiSetEventLocked(&KiSwapEvent, IO_NO_INCREMENT);
}

static PKTHREAD KiTakeInSwapThread(VOID)
{
    KIRQL OldIrql = KiLockDispatcherDatabase();
    PKTHREAD Thread = NULL;

    if (!IsListEmpty(&KiStackInSwapListHead))
        Thread = CONTAINING_RECORD(RemoveHeadList(&KiStackInSwapListHead), KTHREAD, WaitListEntry);
    KiUnlockDispatcherDatabase(OldIrql);
    return Thread;
}

static VOID KiInSwapStacks(VOID)
{
    PKTHREAD Thread;

    while ((Thread = KiTakeInSwapThread()) != NULL) {
        KIRQL OldIrql;

        MmInPageKernelStack(Thread);
        OldIrql = KiLockDispatcherDatabase();
        Thread->KernelStackResident = TRUE;
        Thread->Process->StackCount++;
        KiReadyThread(Thread);
        KiUnlockDispatcherDatabase(OldIrql);
    }
}

static BOOLEAN KiIsOnStack(PKTHREAD Thread, PVOID Address)
{
    return (PCHAR)Address >= (PCHAR)Thread->StackLimit && (PCHAR)Address < (PCHAR)Thread->StackBase;
}

// May others do without the stack while this thread waits? Dispatcher lock held.
static BOOLEAN KiMayLeave(PKTHREAD Thread, ULONG Ticks)
{
    PKWAIT_BLOCK Block = Thread->WaitBlockList;

    if (Thread->State != Waiting || Thread->WaitMode != UserMode || !Thread->EnableStackSwap ||
        !Thread->KernelStackResident || Thread->Priority > KI_OUTSWAP_HIGHEST_PRIORITY ||
        Thread->ApcStateIndex != OriginalApcEnvironment || KeTickCount.LowPart - Thread->WaitTime < Ticks ||
        (PCHAR)Thread->StackBase - (PCHAR)Thread->StackLimit != KERNEL_STACK_SIZE)
        return FALSE;
    do {
        if (KiIsOnStack(Thread, Block) || KiIsOnStack(Thread, Block->Object))
            return FALSE;
        Block = Block->NextWaitBlock;
    } while (Block != Thread->WaitBlockList);
    return TRUE;
}

// Takes the thread's stack out if it may go. TRUE: its process has no stack in memory any more.
static BOOLEAN KiOutSwapStack(PKTHREAD Thread, ULONG Ticks)
{
    KIRQL OldIrql = KiLockDispatcherDatabase();
    BOOLEAN Last = FALSE, Leaves = KiMayLeave(Thread, Ticks);

    if (Leaves) {
        KiFlushNpxState(Thread);
        Thread->KernelStackResident = FALSE; // from here on it does not run before KiInSwapStacks had it
        Last = --Thread->Process->StackCount == 0;
    }
    KiUnlockDispatcherDatabase(OldIrql);
    if (Leaves)
        MmOutPageKernelStack(Thread);
    return Last;
}

static VOID KiOutSwapStacks(ULONG Ticks)
{
    PEPROCESS Process = NULL;
    PETHREAD Thread;

    while ((Process = PsGetNextProcess(Process)) != NULL) {
        BOOLEAN Last = FALSE;

        for (Thread = NULL; (Thread = PsGetNextProcessThread(Process, Thread)) != NULL;)
            Last |= KiOutSwapStack(&Thread->Tcb, Ticks);
        if (Last)
            MmOutSwapProcess(Process);
    }
}

static VOID NTAPI KeSwapProcessOrStack(PVOID Context)
{
    UNREFERENCED_PARAMETER(Context);
    (VOID) KeSetPriorityThread(KeGetCurrentThread(), KI_SWAP_PRIORITY);
    for (;;) {
        LONG Request;

        KeWaitForever(&KiSwapEvent, Executive);
        KiInSwapStacks();
        Request = InterlockedExchange(&KiOutSwapRequest, 0);
        if (Request != 0) {
            KiOutSwapStacks((ULONG)Request - 1);
            KeSetEvent(&KiOutSwapDoneEvent, IO_NO_INCREMENT, FALSE);
        }
        KiInSwapStacks();
    }
}

// Once a second, from the balance-set manager. IRQL <= DISPATCH_LEVEL.
VOID KiRequestOutSwap(VOID)
{
    if (!MmIsOutSwapWanted())
        return;
    InterlockedCompareExchange(&KiOutSwapRequest, KI_STACK_PROTECT_TICKS + 1, 0);
    KeSetEvent(&KiSwapEvent, IO_NO_INCREMENT, FALSE);
}

// For tests: takes every stack out that may go, however short its thread has waited; returns when that is done.
// PASSIVE_LEVEL.
VOID KeOutSwapNow(VOID)
{
    KeClearEvent(&KiOutSwapDoneEvent);
    InterlockedExchange(&KiOutSwapRequest, 1);
    KeSetEvent(&KiSwapEvent, IO_NO_INCREMENT, FALSE);
    KeWaitForever(&KiOutSwapDoneEvent, Executive);
}

// Says whether the current thread's kernel stack may leave memory while it waits in user mode. Returns what was said
// before. IRQL <= DISPATCH_LEVEL.
BOOLEAN NTAPI KeSetKernelStackSwapEnable(BOOLEAN Enable)
{
    BOOLEAN Old = KeGetCurrentThread()->EnableStackSwap;

    KeGetCurrentThread()->EnableStackSwap = Enable;
    return Old;
}

// Phase 1, PASSIVE_LEVEL. FALSE: no memory.
BOOLEAN KiStartSwapThread(VOID)
{
    HANDLE Handle;

    KeInitializeEvent(&KiSwapEvent, SynchronizationEvent, FALSE);
    KeInitializeEvent(&KiOutSwapDoneEvent, NotificationEvent, FALSE);
    InitializeListHead(&KiStackInSwapListHead);
    if (!NT_SUCCESS(PsCreateSystemThread(&Handle, THREAD_ALL_ACCESS, NULL, NULL, NULL, KeSwapProcessOrStack, NULL)))
        return FALSE;
    ZwClose(Handle);
    return TRUE;
}
