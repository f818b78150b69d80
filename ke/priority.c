// SPDX-License-Identifier: MIT
// Priorities: 1-15 vary (boosts come and go above a thread's base), 16-31 are real-time and fixed, 0 is for the thread
// that zeroes pages. Source: Windows Internals, "Priority Levels"; SDK documentation of SetThreadPriority.

#include "ki.h"

#define KI_SATURATION 16 // increments of at least half the range mean idle or time critical

// Sets the current priority; boosts are forgotten. IRQL <= DISPATCH_LEVEL. Returns the old one.
KPRIORITY NTAPI KeSetPriorityThread(PKTHREAD Thread, KPRIORITY Priority)
{
    KIRQL OldIrql;
    KPRIORITY Previous;

    ASSERT_THREAD(Thread);
    ASSERT(Priority >= 0 && Priority <= HIGH_PRIORITY);
    OldIrql = KiLockDispatcherDatabase();
    Previous = Thread->Priority;
    Thread->PriorityDecrement = 0;
    if (Priority != Previous) {
        Thread->Quantum = Thread->QuantumReset;
        if (Priority >= LOW_REALTIME_PRIORITY || Previous >= LOW_REALTIME_PRIORITY || Priority == 0)
            Thread->BasePriority = (SCHAR)Priority; // no decay crosses the boundary, no quantum end lifts it from 0
        KiSetPriorityThread(Thread, Priority);
    }
    KiUnlockDispatcherDatabase(OldIrql);
    return Previous;
}

static KPRIORITY KiClampPriority(KPRIORITY Priority, BOOLEAN RealTime)
{
    KPRIORITY Low = RealTime ? LOW_REALTIME_PRIORITY : 1, High = RealTime ? HIGH_PRIORITY : LOW_REALTIME_PRIORITY - 1;

    return Priority < Low ? Low : Priority > High ? High : Priority;
}

// Sets the base priority relative to the process's; +-16 and beyond mean time critical and idle.
// IRQL <= DISPATCH_LEVEL. Returns the old increment.
LONG NTAPI KeSetBasePriorityThread(PKTHREAD Thread, LONG Increment)
{
    KIRQL OldIrql;
    LONG Previous;
    KPRIORITY Base, Priority, ProcessBase;
    BOOLEAN RealTime;

    ASSERT_THREAD(Thread);
    OldIrql = KiLockDispatcherDatabase();
    ProcessBase = Thread->Process->BasePriority;
    RealTime = ProcessBase >= LOW_REALTIME_PRIORITY;
    Previous = Thread->Saturation != 0 ? Thread->Saturation * KI_SATURATION : Thread->BasePriority - ProcessBase;
    Thread->Saturation = (SCHAR)(Increment >= KI_SATURATION ? 1 : Increment <= -KI_SATURATION ? -1 : 0);
    Base = KiClampPriority(Thread->Saturation != 0 ? ProcessBase + 2 * Thread->Saturation * KI_SATURATION
                                                   : ProcessBase + Increment,
                           RealTime);
    Priority = Thread->Saturation != 0 || RealTime
                   ? Base
                   : KiClampPriority(Base + Thread->Priority - Thread->BasePriority - Thread->PriorityDecrement, FALSE);
    Thread->BasePriority = (SCHAR)Base;
    Thread->PriorityDecrement = 0;
    if (Priority != Thread->Priority) {
        Thread->Quantum = Thread->QuantumReset;
        KiSetPriorityThread(Thread, Priority);
    }
    KiUnlockDispatcherDatabase(OldIrql);
    return Previous;
}

// Any IRQL.
KPRIORITY NTAPI KeQueryPriorityThread(PKTHREAD Thread)
{
    return Thread->Priority;
}

// The base priority relative to the process's, as KeSetBasePriorityThread takes it. Any IRQL.
LONG NTAPI KeQueryBasePriorityThread(PKTHREAD Thread)
{
    return Thread->Saturation != 0 ? Thread->Saturation * KI_SATURATION
                                   : Thread->BasePriority - Thread->Process->BasePriority;
}

// Moves the base priority of a process and, with it, of its threads. IRQL <= DISPATCH_LEVEL.
VOID KeSetPriorityProcess(PKPROCESS Process, KPRIORITY Base)
{
    KIRQL OldIrql = KiLockDispatcherDatabase();
    PLIST_ENTRY Entry;
    PKTHREAD Thread;
    KPRIORITY Delta = Base - Process->BasePriority, NewBase;
    BOOLEAN RealTime = Base >= LOW_REALTIME_PRIORITY;

    Process->BasePriority = (SCHAR)Base;
    for (Entry = Process->ThreadListHead.Flink; Entry != &Process->ThreadListHead; Entry = Entry->Flink) {
        Thread = CONTAINING_RECORD(Entry, KTHREAD, ThreadListEntry);
        NewBase = Thread->Saturation > 0   ? KiClampPriority(HIGH_PRIORITY, RealTime)
                  : Thread->Saturation < 0 ? KiClampPriority(0, RealTime)
                                           : KiClampPriority(Thread->BasePriority + Delta, RealTime);
        Thread->BasePriority = (SCHAR)NewBase;
        Thread->PriorityDecrement = 0;
        Thread->Quantum = Thread->QuantumReset;
        KiSetPriorityThread(Thread, NewBase);
    }
    KiUnlockDispatcherDatabase(OldIrql);
}

// Restricts the thread to processors; it leaves another one at once. While the kernel has bound it elsewhere
// (KeSetSystemAffinityThread), this takes effect when that ends. IRQL <= DISPATCH_LEVEL. Returns the old set.
KAFFINITY NTAPI KeSetAffinityThread(PKTHREAD Thread, KAFFINITY Affinity)
{
    KIRQL OldIrql = KiLockDispatcherDatabase();
    KAFFINITY Previous = Thread->UserAffinity;

    ASSERT((Affinity & KeActiveProcessors) != 0);
    Thread->UserAffinity = Affinity;
    if (!Thread->SystemAffinityActive)
        KiSetAffinityThread(Thread, Affinity);
    KiUnlockDispatcherDatabase(OldIrql);
    return Previous;
}

// See ke.h.
VOID NTAPI KeSetSystemAffinityThread(KAFFINITY Affinity)
{
    PKTHREAD Thread = KeGetCurrentThread();
    KIRQL OldIrql;

    ASSERT_IRQL_LESS_OR_EQUAL(APC_LEVEL);
    OldIrql = KiLockDispatcherDatabase();
    Thread->SystemAffinityActive = TRUE;
    KiSetAffinityThread(Thread, Affinity);
    KiUnlockDispatcherDatabase(OldIrql);
    ASSERT(Affinity & KeGetPcr()->SetMember);
}

VOID NTAPI KeRevertToUserAffinityThread(VOID)
{
    PKTHREAD Thread = KeGetCurrentThread();
    KIRQL OldIrql;

    ASSERT_IRQL_LESS_OR_EQUAL(APC_LEVEL);
    OldIrql = KiLockDispatcherDatabase();
    Thread->SystemAffinityActive = FALSE;
    KiSetAffinityThread(Thread, Thread->UserAffinity);
    KiUnlockDispatcherDatabase(OldIrql);
}

// Says whether the thread may be boosted after waits. Any IRQL. Returns what was set before.
BOOLEAN NTAPI KeSetDisableBoostThread(PKTHREAD Thread, BOOLEAN Disable)
{
    BOOLEAN Previous = Thread->DisableBoost;

    Thread->DisableBoost = Disable;
    return Previous;
}

// Boosts a thread for a moment, as ending a wait with Increment would. IRQL <= DISPATCH_LEVEL.
VOID KeBoostPriorityThread(PKTHREAD Thread, KPRIORITY Increment)
{
    KIRQL OldIrql = KiLockDispatcherDatabase();
    KPRIORITY Priority = KiClampPriority(Thread->BasePriority + Increment, FALSE);

    if (Thread->Priority < LOW_REALTIME_PRIORITY && !Thread->DisableBoost && Priority > Thread->Priority) {
        Thread->Quantum = Thread->QuantumReset;
        KiSetPriorityThread(Thread, Priority);
    }
    KiUnlockDispatcherDatabase(OldIrql);
}

// Clock ticks the thread has run in kernel mode (result) and user mode. Any IRQL.
ULONG NTAPI KeQueryRuntimeThread(PKTHREAD Thread, PULONG UserTime)
{
    *UserTime = Thread->UserTime;
    return Thread->KernelTime;
}
