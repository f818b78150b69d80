// SPDX-License-Identifier: MIT
// What is set for all threads of a process at once: quantum, boosts; and a thread's ideal processor. Threads come and
// go meanwhile: the list of threads and everything here is under the dispatcher lock. Source: Windows Internals,
// "Thread Scheduling"; SDK documentation of SetProcessPriorityBoost and SetThreadIdealProcessor.

#include "ki.h"

#define KI_FOR_EACH_THREAD(Process, Thread)                                                                            \
    for (PLIST_ENTRY Entry_ = (Process)->ThreadListHead.Flink;                                                         \
         Entry_ != &(Process)->ThreadListHead &&                                                                       \
         ((Thread) = CONTAINING_RECORD(Entry_, KTHREAD, ThreadListEntry)) != NULL;                                     \
         Entry_ = Entry_->Flink)

// Gives a process and its threads another quantum (thirds of a tick), from each thread's next one on.
// IRQL <= DISPATCH_LEVEL.
VOID KeSetQuantumProcess(PKPROCESS Process, SCHAR QuantumReset)
{
    KIRQL OldIrql = KiLockDispatcherDatabase();
    PKTHREAD Thread;

    ASSERT_PROCESS(Process);
    ASSERT(QuantumReset > 0);
    Process->QuantumReset = QuantumReset;
    KI_FOR_EACH_THREAD(Process, Thread)
    Thread->QuantumReset = QuantumReset;
    KiUnlockDispatcherDatabase(OldIrql);
}

// Moves the base priority of a process with its threads (KeSetPriorityProcess) and gives them a new quantum, which
// begins now. IRQL <= DISPATCH_LEVEL. Returns the old base priority.
KPRIORITY KeSetPriorityAndQuantumProcess(PKPROCESS Process, KPRIORITY Base, SCHAR QuantumReset)
{
    KPRIORITY Previous = Process->BasePriority;

    KeSetQuantumProcess(Process, QuantumReset);
    KeSetPriorityProcess(Process, Base);
    return Previous;
}

// Says whether threads of the process, now and later, may be boosted after waits. IRQL <= DISPATCH_LEVEL.
// Returns what was set before.
BOOLEAN KeSetDisableBoostProcess(PKPROCESS Process, BOOLEAN Disable)
{
    KIRQL OldIrql = KiLockDispatcherDatabase();
    BOOLEAN Previous = Process->DisableBoost;
    PKTHREAD Thread;

    ASSERT_PROCESS(Process);
    Process->DisableBoost = Disable;
    KI_FOR_EACH_THREAD(Process, Thread)
    Thread->DisableBoost = Disable;
    KiUnlockDispatcherDatabase(OldIrql);
    return Previous;
}

// Names the processor on which the thread should run when there is a choice; one that the thread may not run on is
// ignored. Processor: below KeNumberProcessors. IRQL <= DISPATCH_LEVEL. Returns the old one.
UCHAR KeSetIdealProcessorThread(PKTHREAD Thread, UCHAR Processor)
{
    KIRQL OldIrql = KiLockDispatcherDatabase();
    UCHAR Previous = Thread->IdealProcessor;

    ASSERT_THREAD(Thread);
    ASSERT(Processor < KeNumberProcessors);
    if (Thread->UserAffinity & (1ul << Processor))
        Thread->IdealProcessor = Processor;
    KiUnlockDispatcherDatabase(OldIrql);
    return Previous;
}

// Clock ticks that the threads of a process, living and dead, have run in kernel mode (result) and user mode. A thread
// that ends meanwhile counts once: the sums never fall. IRQL <= DISPATCH_LEVEL.
ULONG KeQueryRuntimeProcess(PKPROCESS Process, PULONG UserTime)
{
    KIRQL OldIrql = KiLockDispatcherDatabase();
    ULONG Kernel = Process->KernelTime, User = Process->UserTime;
    PKTHREAD Thread;

    KI_FOR_EACH_THREAD(Process, Thread)
    {
        Kernel += Thread->KernelTime;
        User += Thread->UserTime;
    }
    KiUnlockDispatcherDatabase(OldIrql);
    *UserTime = User;
    return Kernel;
}
