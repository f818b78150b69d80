// SPDX-License-Identifier: MIT
// Timer objects: signaled when their time has come, once or periodically; may queue a DPC then. Source: WDK
// documentation.

#include "ki.h"

// Any IRQL.
VOID NTAPI KeInitializeTimerEx(PKTIMER Timer, TIMER_TYPE Type)
{
    RtlZeroMemory(Timer, sizeof(*Timer));
    Timer->Header.Type = (UCHAR)(TimerNotificationObject + Type);
    Timer->Header.Size = sizeof(*Timer) / sizeof(ULONG);
    InitializeListHead(&Timer->Header.WaitListHead);
}

VOID NTAPI KeInitializeTimer(PKTIMER Timer)
{
    KeInitializeTimerEx(Timer, NotificationTimer);
}

// Sets the timer (again): resets its state, and signals it at DueTime and then every Period milliseconds.
//
// DueTime: negative relative, else system time.  Dpc: queued at each expiry, may be NULL.
// IRQL <= DISPATCH_LEVEL.  Returns TRUE if it was set before.
BOOLEAN NTAPI KeSetTimerEx(PKTIMER Timer, LARGE_INTEGER DueTime, LONG Period, PKDPC Dpc)
{
    KIRQL OldIrql;
    BOOLEAN Inserted, Absolute;
    ULONGLONG Due;

    ASSERT_TIMER(Timer);
    ASSERT_IRQL_LESS_OR_EQUAL(DISPATCH_LEVEL);
    OldIrql = KiLockDispatcherDatabase();
    Inserted = Timer->Header.Inserted;
    if (Inserted)
        KiRemoveTimer(Timer);
    Timer->Header.SignalState = 0;
    Timer->Dpc = Dpc;
    Timer->Period = Period;
    Due = KiDueTime(DueTime, &Absolute);
    if (!KiInsertTimer(Timer, Due, Absolute)) {
        KiRemoveTimer(Timer);
        KiSignalTimer(Timer);
    }
    KiUnlockDispatcherDatabase(OldIrql);
    return Inserted;
}

BOOLEAN NTAPI KeSetTimer(PKTIMER Timer, LARGE_INTEGER DueTime, PKDPC Dpc)
{
    return KeSetTimerEx(Timer, DueTime, 0, Dpc);
}

// Stops the timer; its state stays as it is. IRQL <= DISPATCH_LEVEL. Returns TRUE if it was set.
BOOLEAN NTAPI KeCancelTimer(PKTIMER Timer)
{
    KIRQL OldIrql;
    BOOLEAN Inserted;

    ASSERT_TIMER(Timer);
    ASSERT_IRQL_LESS_OR_EQUAL(DISPATCH_LEVEL);
    OldIrql = KiLockDispatcherDatabase();
    Inserted = Timer->Header.Inserted;
    if (Inserted)
        KiRemoveTimer(Timer);
    KiUnlockDispatcherDatabase(OldIrql);
    return Inserted;
}

// Any IRQL.
BOOLEAN NTAPI KeReadStateTimer(PKTIMER Timer)
{
    ASSERT_TIMER(Timer);
    return Timer->Header.SignalState != 0;
}
