// SPDX-License-Identifier: MIT
// Event objects: a boolean that threads wait for. Notification events wake all waiters and stay set; synchronization
// events wake one and reset themselves. Source: WDK documentation.

#include "ki.h"

// Any IRQL.
VOID NTAPI KeInitializeEvent(PKEVENT Event, EVENT_TYPE Type, BOOLEAN State)
{
    Event->Header.Type = (UCHAR)(EventNotificationObject + Type);
    Event->Header.Absolute = 0;
    Event->Header.Size = sizeof(*Event) / sizeof(ULONG);
    Event->Header.Inserted = 0;
    Event->Header.SignalState = State != 0;
    InitializeListHead(&Event->Header.WaitListHead);
}

// KeSetEvent with the dispatcher lock held.
LONG KiSetEventLocked(PKEVENT Event, KPRIORITY Increment)
{
    LONG Previous = Event->Header.SignalState;

    if (Previous == 0) {
        Event->Header.SignalState = 1;
        KdTrace(Signal, Event, Event->Header.Type, 0, 0);
        if (!IsListEmpty(&Event->Header.WaitListHead))
            KiWaitTest(Event, Increment);
    }
    return Previous;
}

// Sets the event and readies the threads whose wait that satisfies.
//
// Increment: priority boost for the threads it wakes.  Wait: the caller's next call is a wait; the dispatcher lock
// stays held until then, so that nothing runs in between.
// IRQL <= DISPATCH_LEVEL (below it if Wait).  Takes the dispatcher lock.
// Returns the previous state: non-zero if the event was already set.
LONG NTAPI KeSetEvent(PKEVENT Event, KPRIORITY Increment, BOOLEAN Wait)
{
    KIRQL OldIrql;
    LONG Previous;

    ASSERT_EVENT(Event);
    ASSERT_IRQL_LESS_OR_EQUAL(DISPATCH_LEVEL);
    OldIrql = KiLockDispatcherDatabase();
    Previous = KiSetEventLocked(Event, Increment);
    KiReleaseDispatcher(OldIrql, Wait);
    return Previous;
}

// Resets the event; returns its previous state. IRQL <= DISPATCH_LEVEL.
LONG NTAPI KeResetEvent(PKEVENT Event)
{
    KIRQL OldIrql;
    LONG Previous;

    ASSERT_EVENT(Event);
    ASSERT_IRQL_LESS_OR_EQUAL(DISPATCH_LEVEL);
    OldIrql = KiLockDispatcherDatabase();
    Previous = Event->Header.SignalState;
    Event->Header.SignalState = 0;
    KiUnlockDispatcherDatabase(OldIrql);
    return Previous;
}

// Resets the event. IRQL <= DISPATCH_LEVEL; takes no lock.
VOID NTAPI KeClearEvent(PKEVENT Event)
{
    ASSERT_EVENT(Event);
    Event->Header.SignalState = 0;
}

// Wakes those who wait at this moment (all, or one for a synchronization event) and leaves the event reset.
// IRQL, Increment, Wait, result: as KeSetEvent.
LONG NTAPI KePulseEvent(PKEVENT Event, KPRIORITY Increment, BOOLEAN Wait)
{
    KIRQL OldIrql;
    LONG Previous;

    ASSERT_EVENT(Event);
    ASSERT_IRQL_LESS_OR_EQUAL(DISPATCH_LEVEL);
    OldIrql = KiLockDispatcherDatabase();
    Previous = KiSetEventLocked(Event, Increment);
    Event->Header.SignalState = 0;
    KiReleaseDispatcher(OldIrql, Wait);
    return Previous;
}

// The signal state; of any dispatcher object, since only the header is read. Any IRQL.
LONG NTAPI KeReadStateEvent(PKEVENT Event)
{
    return Event->Header.SignalState;
}
