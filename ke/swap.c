// SPDX-License-Identifier: MIT
// The swap thread (NT's KeSwapProcessOrStack): takes kernel stacks out of memory of threads that wait long in user
// mode, and brings them back before those run again. A thread whose stack is not resident becomes Transition instead
// of Ready (KiReadyThread) and goes to KiStackInSwapListHead; this thread alone moves stacks, so one is never on its
// way out and in at once. When the last stack of a process is out and nobody is attached to it, so is the process: its
// working set, page tables, page directories. Who would run in it then, a thread of its own or one that attaches, goes
// to its ReadyListHead and waits there until this thread has brought it in; then stacks follow.
//
//   ProcessInMemory --> ProcessOutTransition --> ProcessOutOfMemory --> ProcessInTransition --> ProcessInSwap --+
//         ^                                                                                                      |
//         +------------------------------------------------------------------------------------------------------+
//
// Nobody else touches the stack of a waiting thread: its FPU state is saved first, and a wait with blocks or objects on
// the stack itself, as of more than a few handles at once, keeps it in memory. The way in needs no lock and no other
// process; what makes room for it (trims, page writers) never waits for a process to come in.
// Source: Windows Internals, "Balance Set Manager and Swapper"; WDK, KeWaitForSingleObject (WaitMode).

#include "ki.h"

#define KI_SWAP_PRIORITY 23
#define KI_STACK_PROTECT_TICKS 448u // 7 s of waiting before a stack goes
#define KI_OUTSWAP_HIGHEST_PRIORITY (LOW_REALTIME_PRIORITY + 8)

static KEVENT KiSwapEvent;
static KEVENT KiOutSwapDoneEvent;
static LIST_ENTRY KiStackInSwapListHead;   // of KTHREAD.WaitListEntry; dispatcher lock
static LIST_ENTRY KiProcessInSwapListHead; // of KPROCESS.SwapListEntry; dispatcher lock
static PKTHREAD KiSwapper;
static volatile LONG KiOutSwapRequest; // 0, or the ticks that a thread must have waited, plus 1

// The process is to come in, if it is not on its way already. Dispatcher lock held.
static VOID KiRequestProcessInSwap(PKPROCESS Process)
{
    if (Process->State != ProcessOutOfMemory)
        return; // on its way in; or on its way out, at the end of which the swap thread looks
    Process->State = ProcessInTransition;
    InsertTailList(&KiProcessInSwapListHead, &Process->SwapListEntry);
    (VOID) KiSetEventLocked(&KiSwapEvent, IO_NO_INCREMENT);
}

// Thread goes on when the process, which is out, has come in. Dispatcher lock held.
static VOID KiQueueForProcess(PKPROCESS Process, PKTHREAD Thread)
{
    Thread->State = Transition;
    Thread->ProcessReadyQueue = TRUE;
    InsertTailList(&Process->ReadyListHead, &Thread->WaitListEntry);
    KiRequestProcessInSwap(Process);
}

// A thread without its stack is to run: KiReadyThread's other half. Dispatcher lock held.
VOID KiRequestInSwap(PKTHREAD Thread)
{
    if (Thread->Process->State != ProcessInMemory) {
        KiQueueForProcess(Thread->Process, Thread);
        return;
    }
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

// A process on its way in has arrived: what waited for it goes on. Threads of its own wait for their stacks next.
static VOID KiFinishProcessInSwap(PKPROCESS Process)
{
    KIRQL OldIrql = KiLockDispatcherDatabase();

    Process->State = ProcessInMemory;
    while (!IsListEmpty(&Process->ReadyListHead)) {
        PKTHREAD Thread = CONTAINING_RECORD(RemoveHeadList(&Process->ReadyListHead), KTHREAD, WaitListEntry);

        Thread->ProcessReadyQueue = FALSE;
        KiReadyThread(Thread);
    }
    KiUnlockDispatcherDatabase(OldIrql);
}

static VOID KiInSwapProcesses(VOID)
{
    for (;;) {
        KIRQL OldIrql = KiLockDispatcherDatabase();
        PKPROCESS Process = NULL;

        if (!IsListEmpty(&KiProcessInSwapListHead)) {
            Process = CONTAINING_RECORD(RemoveHeadList(&KiProcessInSwapListHead), KPROCESS, SwapListEntry);
            Process->State = ProcessInSwap;
        }
        KiUnlockDispatcherDatabase(OldIrql);
        if (Process == NULL)
            return;
        MmInSwapProcess(CONTAINING_RECORD(Process, EPROCESS, Pcb));
        KiFinishProcessInSwap(Process);
    }
}

// The process is not in memory: the current thread, which is to run in its address space, waits for that. The
// dispatcher lock is held, and given up at the end. IRQL <= APC_LEVEL.
VOID KiWaitForProcess(PKPROCESS Process, KIRQL OldIrql)
{
    PKTHREAD Thread = KeGetCurrentThread();

    if (Thread == KiSwapper) { // it has nobody to wait for
        KiRequestProcessInSwap(Process);
        KiUnlockDispatcherDatabase(OldIrql);
        KiInSwapProcesses();
        return;
    }
    Thread->WaitReason = WrVirtualMemory;
    Thread->WaitMode = KernelMode;
    Thread->WaitStatus = STATUS_SUCCESS;
    Thread->WaitIrql = OldIrql;
    Thread->WaitTime = KeTickCount.LowPart;
    KiQueueForProcess(Process, Thread);
    (VOID) KiSwapThread();
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

// Takes the thread's stack out if it may go.
static VOID KiOutSwapStack(PKTHREAD Thread, ULONG Ticks)
{
    KIRQL OldIrql = KiLockDispatcherDatabase();
    BOOLEAN Leaves = KiMayLeave(Thread, Ticks);

    if (Leaves) {
        KiFlushNpxState(Thread);
        Thread->KernelStackResident = FALSE; // from here on it does not run before KiInSwapStacks had it
        Thread->Process->StackCount--;
    }
    KiUnlockDispatcherDatabase(OldIrql);
    if (Leaves)
        MmOutPageKernelStack(Thread);
}

// Has the process threads, no stack of which is in memory, and is nobody attached but Attached threads?
static BOOLEAN KiIsIdleProcess(PKPROCESS Process, LONG Attached, PULONG AttachCount)
{
    KIRQL OldIrql = KiLockDispatcherDatabase();
    BOOLEAN Idle =
        Process->State == ProcessInMemory && Process->StackCount == Attached && !IsListEmpty(&Process->ThreadListHead);

    *AttachCount = Process->AttachCount;
    KiUnlockDispatcherDatabase(OldIrql);
    return Idle;
}

// Marks the process as leaving if nobody was in it since AttachCount was read.
static BOOLEAN KiBeginProcessOutSwap(PKPROCESS Process, ULONG AttachCount)
{
    KIRQL OldIrql = KiLockDispatcherDatabase();
    BOOLEAN Leaves = Process->State == ProcessInMemory && Process->StackCount == 0 &&
                     !IsListEmpty(&Process->ThreadListHead) && Process->AttachCount == AttachCount;

    if (Leaves)
        Process->State = ProcessOutTransition;
    KiUnlockDispatcherDatabase(OldIrql);
    return Leaves;
}

// Takes a process out in which nobody is: first what it has in its address space, from inside; then, if nobody came
// meanwhile, what makes the address space.
static VOID KiOutSwapProcess(PEPROCESS Process)
{
    ULONG AttachCount;
    KAPC_STATE ApcState;
    BOOLEAN Empty;
    KIRQL OldIrql;

    if (!KiIsIdleProcess(&Process->Pcb, 0, &AttachCount) || !KeTryToStackAttachProcess(&Process->Pcb, &ApcState))
        return;
    Empty = KiIsIdleProcess(&Process->Pcb, 1, &AttachCount) && MmPrepareOutSwap(Process);
    KeUnstackDetachProcess(&ApcState);
    if (!Empty || !KiBeginProcessOutSwap(&Process->Pcb, AttachCount))
        return;
    MmOutSwapProcess(Process);
    OldIrql = KiLockDispatcherDatabase();
    Process->Pcb.State = ProcessOutOfMemory;
    if (!IsListEmpty(&Process->Pcb.ReadyListHead))
        KiRequestProcessInSwap(&Process->Pcb);
    KiUnlockDispatcherDatabase(OldIrql);
}

static VOID KiOutSwapStacks(ULONG Ticks)
{
    PEPROCESS Process = NULL;
    PETHREAD Thread;

    while ((Process = PsGetNextProcess(Process)) != NULL) {
        for (Thread = NULL; (Thread = PsGetNextProcessThread(Process, Thread)) != NULL;)
            KiOutSwapStack(&Thread->Tcb, Ticks);
        KiOutSwapProcess(Process);
        KiInSwapProcesses();
    }
}

static VOID NTAPI KeSwapProcessOrStack(PVOID Context)
{
    UNREFERENCED_PARAMETER(Context);
    KiSwapper = KeGetCurrentThread();
    (VOID) KeSetPriorityThread(KiSwapper, KI_SWAP_PRIORITY);
    for (;;) {
        LONG Request;

        KeWaitForever(&KiSwapEvent, Executive);
        KiInSwapProcesses();
        KiInSwapStacks();
        Request = InterlockedExchange(&KiOutSwapRequest, 0);
        if (Request != 0) {
            KiOutSwapStacks((ULONG)Request - 1);
            KeSetEvent(&KiOutSwapDoneEvent, IO_NO_INCREMENT, FALSE);
        }
        KiInSwapProcesses();
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
    InitializeListHead(&KiProcessInSwapListHead);
    if (!NT_SUCCESS(PsCreateSystemThread(&Handle, THREAD_ALL_ACCESS, NULL, NULL, NULL, KeSwapProcessOrStack, NULL)))
        return FALSE;
    ZwClose(Handle);
    return TRUE;
}
