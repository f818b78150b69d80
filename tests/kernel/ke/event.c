// SPDX-License-Identifier: MIT
// Laws of events, and of the order in which waiters wake.

#include "ktest.h"

#define KT_WAITERS 4

static KEVENT KtEvent;
static ULONG KtWoken, KtWakeOrder[KT_WAITERS];

static VOID NTAPI KtWaiter(PVOID Context)
{
    KeWaitForever(&KtEvent, Executive);
    KtWakeOrder[KtWoken++] = (ULONG)(ULONG_PTR)Context;
}

// Waiters of a higher priority run, and block, as soon as they are started.
static VOID KtStartWaiters(PETHREAD *Threads)
{
    ULONG Index;

    KtWoken = 0;
    for (Index = 0; Index < KT_WAITERS; Index++)
        Threads[Index] = KtStartThread(KtWaiter, (PVOID)(ULONG_PTR)Index, 12);
}

KTEST_EXACT(ke, event_state_and_previous_state)
{
    // Law: set, reset and clear return or change the state as documented; a notification event stays set after a wait,
    // a synchronization event does not.
    LARGE_INTEGER Zero = {.QuadPart = 0};

    KeInitializeEvent(&KtEvent, NotificationEvent, FALSE);
    expect_eq(KeReadStateEvent(&KtEvent), 0);
    expect_eq(KeSetEvent(&KtEvent, 0, FALSE), 0);
    expect_eq(KeSetEvent(&KtEvent, 0, FALSE), 1);
    expect_status(KeWaitForSingleObject(&KtEvent, Executive, KernelMode, FALSE, &Zero), STATUS_SUCCESS);
    expect_eq(KeResetEvent(&KtEvent), 1);
    expect_eq(KeResetEvent(&KtEvent), 0);
    expect_status(KeWaitForSingleObject(&KtEvent, Executive, KernelMode, FALSE, &Zero), STATUS_TIMEOUT);

    KeInitializeEvent(&KtEvent, SynchronizationEvent, TRUE);
    expect_status(KeWaitForSingleObject(&KtEvent, Executive, KernelMode, FALSE, &Zero), STATUS_SUCCESS);
    expect_status(KeWaitForSingleObject(&KtEvent, Executive, KernelMode, FALSE, &Zero), STATUS_TIMEOUT);
    KeSetEvent(&KtEvent, 0, FALSE);
    KeClearEvent(&KtEvent);
    expect_eq(KeReadStateEvent(&KtEvent), 0);
}

KTEST_EXACT(ke, event_synchronization_wakes_one)
{
    // Law: setting a synchronization event with N waiters releases exactly one, the first to have waited.
    PETHREAD Threads[KT_WAITERS];
    ULONG Index;

    KeInitializeEvent(&KtEvent, SynchronizationEvent, FALSE);
    KtStartWaiters(Threads);
    for (Index = 0; Index < KT_WAITERS; Index++) {
        expect_eq(KtWoken, Index);
        KeSetEvent(&KtEvent, 0, FALSE);
        expect_eq(KeReadStateEvent(&KtEvent), 0);
        expect_eq(KtWoken, Index + 1);
        expect_eq(KtWakeOrder[Index], Index);
    }
    for (Index = 0; Index < KT_WAITERS; Index++)
        KtJoin(Threads[Index]);
}

KTEST_EXACT(ke, event_notification_wakes_all)
{
    // Law: setting a notification event releases every waiter, in the order they came, and stays set.
    PETHREAD Threads[KT_WAITERS];
    ULONG Index;

    KeInitializeEvent(&KtEvent, NotificationEvent, FALSE);
    KtStartWaiters(Threads);
    KeSetEvent(&KtEvent, 0, FALSE);
    expect_eq(KtWoken, KT_WAITERS);
    expect_eq(KeReadStateEvent(&KtEvent), 1);
    for (Index = 0; Index < KT_WAITERS; Index++) {
        expect_eq(KtWakeOrder[Index], Index);
        KtJoin(Threads[Index]);
    }
}

KTEST_EXACT(ke, event_pulse_wakes_the_present_only)
{
    // Law: a pulse releases those who wait at that moment and leaves the event reset.
    PETHREAD Threads[KT_WAITERS];
    LARGE_INTEGER Zero = {.QuadPart = 0};
    ULONG Index;

    KeInitializeEvent(&KtEvent, NotificationEvent, FALSE);
    KtStartWaiters(Threads);
    expect_eq(KePulseEvent(&KtEvent, 0, FALSE), 0);
    expect_eq(KtWoken, KT_WAITERS);
    expect_status(KeWaitForSingleObject(&KtEvent, Executive, KernelMode, FALSE, &Zero), STATUS_TIMEOUT);
    for (Index = 0; Index < KT_WAITERS; Index++)
        KtJoin(Threads[Index]);
}

static KEVENT KtPing, KtPong;

static VOID NTAPI KtPonger(PVOID Context)
{
    ULONG Turn;

    UNREFERENCED_PARAMETER(Context);
    for (Turn = 0; Turn < 200; Turn++) {
        KeWaitForever(&KtPing, Executive);
        KtWoken++;
        KeSetEvent(&KtPong, 0, Turn % 2 == 0 && Turn + 1 < 200); // sometimes atomically with the next wait
    }
}

KTEST_EXACT(ke, event_no_wakeup_is_lost)
{
    // Law: two threads that hand a turn to each other never miss one, with and without Wait.
    PETHREAD Thread;
    ULONG Turn;

    KtWoken = 0;
    KeInitializeEvent(&KtPing, SynchronizationEvent, FALSE);
    KeInitializeEvent(&KtPong, SynchronizationEvent, FALSE);
    Thread = KtStartThread(KtPonger, NULL, 8);
    for (Turn = 0; Turn < 200; Turn++) {
        KeSetEvent(&KtPing, EVENT_INCREMENT, TRUE);
        KeWaitForever(&KtPong, Executive);
        expect_eq(KtWoken, Turn + 1);
    }
    KtJoin(Thread);
}
