// SPDX-License-Identifier: MIT
// Gates, and the signal that hands the caller's priority on. A gate is a synchronization event without the rest: one
// thread goes through for each signal. Whoever is woken gets at least the priority of the thread that signals, so that
// a lock does not stay with a thread that more important ones keep from running. Source: Windows Internals, "Gates",
// "Priority Boosts".

#include "ki.h"

// Wakes the thread that has waited longest, or leaves Header signaled. Dispatcher lock held. Returns the thread, NULL.
static PKTHREAD KiSignalWithBoost(PDISPATCHER_HEADER Header)
{
    KPRIORITY Priority = min_of(KeGetCurrentThread()->Priority, LOW_REALTIME_PRIORITY - 1);
    PKWAIT_BLOCK Block;
    PKTHREAD Thread;

    if (Header->SignalState != 0)
        return NULL;
    if (IsListEmpty(&Header->WaitListHead)) {
        Header->SignalState = 1;
        return NULL;
    }
    Block = CONTAINING_RECORD(Header->WaitListHead.Flink, KWAIT_BLOCK, WaitListEntry);
    Thread = Block->Thread;
    if (Block->WaitType != WaitAny) {
        Header->SignalState = 1;
        KiWaitTest(Header, 0);
        return NULL;
    }
    if (Thread->Priority < Priority && !Thread->DisableBoost) {
        Thread->PriorityDecrement = (SCHAR)(Priority - Thread->BasePriority);
        Thread->Priority = (SCHAR)Priority;
    }
    KiUnwaitThread(Thread, Block->WaitKey, 0);
    return Thread;
}

// See ke.h. IRQL <= DISPATCH_LEVEL. Takes the dispatcher lock.
VOID NTAPI KeSetEventBoostPriority(PKEVENT Event, PKTHREAD *Thread)
{
    KIRQL OldIrql;
    PKTHREAD Woken;

    ASSERT(Event->Header.Type == EventSynchronizationObject);
    ASSERT_IRQL_LESS_OR_EQUAL(DISPATCH_LEVEL);
    OldIrql = KiLockDispatcherDatabase();
    Woken = KiSignalWithBoost(&Event->Header);
    KiUnlockDispatcherDatabase(OldIrql);
    if (Thread != NULL)
        *Thread = Woken;
}

// Any IRQL. The gate is closed.
VOID NTAPI KeInitializeGate(PKGATE Gate)
{
    Gate->Header.Type = GateObject;
    Gate->Header.Size = sizeof(*Gate) / sizeof(ULONG);
    Gate->Header.SignalState = 0;
    InitializeListHead(&Gate->Header.WaitListHead);
}

// Lets one thread through, now or when it comes. IRQL <= DISPATCH_LEVEL. Takes the dispatcher lock.
VOID NTAPI KeSignalGateBoostPriority(PKGATE Gate)
{
    KIRQL OldIrql;

    ASSERT(Gate->Header.Type == GateObject);
    ASSERT_IRQL_LESS_OR_EQUAL(DISPATCH_LEVEL);
    OldIrql = KiLockDispatcherDatabase();
    (VOID) KiSignalWithBoost(&Gate->Header);
    KiUnlockDispatcherDatabase(OldIrql);
}

// Goes through the gate, waiting until it is open. Not alertable, no timeout. IRQL <= APC_LEVEL.
VOID NTAPI KeWaitForGate(PKGATE Gate, KWAIT_REASON Reason, KPROCESSOR_MODE WaitMode)
{
    NTSTATUS Status;

    ASSERT(Gate->Header.Type == GateObject);
    do {
        Status = KeWaitForSingleObject(Gate, Reason, WaitMode, FALSE, NULL);
    } while (Status == STATUS_USER_APC); // it has to go through all the same
    ASSERT(Status == STATUS_SUCCESS);
}
