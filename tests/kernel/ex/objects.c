// SPDX-License-Identifier: MIT
// Laws of the executive objects' services (ex/event.c, mutant.c, semaphore.c, timer.c, keyedevent.c), called as Zw*.

#include "ktest.h"

static LARGE_INTEGER NoTime = {.QuadPart = 0};

static NTSTATUS Poll(HANDLE Handle)
{
    return ZwWaitForSingleObject(Handle, FALSE, &NoTime);
}

KTEST(ex, event_services_follow_their_type)
{
    // Law: set and reset return the state before; a synchronization event satisfies one wait, a notification event
    // all.
    for (EVENT_TYPE Type = NotificationEvent; Type <= SynchronizationEvent; Type++) {
        EVENT_BASIC_INFORMATION Basic;
        HANDLE Event;
        LONG Previous;

        expect_status(ZwCreateEvent(&Event, EVENT_ALL_ACCESS, NULL, Type, FALSE), STATUS_SUCCESS);
        expect_status(Poll(Event), STATUS_TIMEOUT);
        expect_status(ZwSetEvent(Event, &Previous), STATUS_SUCCESS);
        expect_eq(Previous, 0);
        expect_status(ZwSetEvent(Event, &Previous), STATUS_SUCCESS);
        expect_eq(Previous, 1);
        expect_status(Poll(Event), STATUS_SUCCESS);
        expect_status(Poll(Event), Type == NotificationEvent ? STATUS_SUCCESS : STATUS_TIMEOUT);
        expect_status(ZwQueryEvent(Event, EventBasicInformation, &Basic, sizeof(Basic), NULL), STATUS_SUCCESS);
        expect_eq(Basic.EventType, Type);
        expect_eq(Basic.EventState, Type == NotificationEvent);
        expect_status(ZwResetEvent(Event, &Previous), STATUS_SUCCESS);
        expect_status(ZwPulseEvent(Event, &Previous), STATUS_SUCCESS);
        expect_status(Poll(Event), STATUS_TIMEOUT);
        expect_status(ZwClose(Event), STATUS_SUCCESS);
    }
}

KTEST(ex, event_create_refuses_unknown_types)
{
    // Law: an EVENT_TYPE out of range is an invalid parameter; a query of the wrong length a mismatch.
    EVENT_BASIC_INFORMATION Basic;
    HANDLE Event;

    expect(!NT_SUCCESS(ZwCreateEvent(&Event, EVENT_ALL_ACCESS, NULL, (EVENT_TYPE)2, FALSE)));
    expect_status(ZwCreateEvent(&Event, EVENT_ALL_ACCESS, NULL, NotificationEvent, FALSE), STATUS_SUCCESS);
    expect_status(ZwQueryEvent(Event, EventBasicInformation, &Basic, sizeof(Basic) - 1, NULL),
                  STATUS_INFO_LENGTH_MISMATCH);
    expect_status(ZwQueryEvent(Event, (EVENT_INFORMATION_CLASS)1, &Basic, sizeof(Basic), NULL),
                  STATUS_INVALID_INFO_CLASS);
    ZwClose(Event);
}

KTEST(ex, semaphore_counts_within_its_limit)
{
    // Law: releases add up to the limit and no further; each wait takes one.
    SEMAPHORE_BASIC_INFORMATION Basic;
    HANDLE Semaphore;
    LONG Previous = -1;

    expect_status(ZwCreateSemaphore(&Semaphore, SEMAPHORE_ALL_ACCESS, NULL, 3, 2), STATUS_INVALID_PARAMETER);
    expect_status(ZwCreateSemaphore(&Semaphore, SEMAPHORE_ALL_ACCESS, NULL, 0, 0), STATUS_INVALID_PARAMETER);
    expect_status(ZwCreateSemaphore(&Semaphore, SEMAPHORE_ALL_ACCESS, NULL, 1, 3), STATUS_SUCCESS);
    expect_status(ZwReleaseSemaphore(Semaphore, 2, &Previous), STATUS_SUCCESS);
    expect_eq(Previous, 1);
    expect_status(ZwReleaseSemaphore(Semaphore, 1, NULL), STATUS_SEMAPHORE_LIMIT_EXCEEDED);
    expect_status(ZwReleaseSemaphore(Semaphore, 0, NULL), STATUS_INVALID_PARAMETER);
    expect_status(ZwQuerySemaphore(Semaphore, SemaphoreBasicInformation, &Basic, sizeof(Basic), NULL), STATUS_SUCCESS);
    expect_eq(Basic.CurrentCount, 3);
    expect_eq(Basic.MaximumCount, 3);
    for (ULONG Index = 0; Index < 3; Index++)
        expect_status(Poll(Semaphore), STATUS_SUCCESS);
    expect_status(Poll(Semaphore), STATUS_TIMEOUT);
    ZwClose(Semaphore);
}

static HANDLE SharedMutant;

static VOID NTAPI TakeAndDie(PVOID Context)
{
    *(PNTSTATUS)Context = Poll(SharedMutant);
}

KTEST(ex, mutant_belongs_to_a_thread)
{
    // Law: the owner may take it again and must release as often; a stranger cannot; an owner that dies abandons it.
    MUTANT_BASIC_INFORMATION Basic;
    NTSTATUS Other;

    expect_status(ZwCreateMutant(&SharedMutant, MUTANT_ALL_ACCESS, NULL, TRUE), STATUS_SUCCESS);
    expect_status(Poll(SharedMutant), STATUS_SUCCESS);
    KtJoin(KtStartThread(TakeAndDie, &Other, 8));
    expect_status(Other, STATUS_TIMEOUT);
    expect_status(ZwReleaseMutant(SharedMutant, NULL), STATUS_SUCCESS);
    expect_status(ZwReleaseMutant(SharedMutant, NULL), STATUS_SUCCESS);
    expect_status(ZwReleaseMutant(SharedMutant, NULL), STATUS_MUTANT_NOT_OWNED);
    KtJoin(KtStartThread(TakeAndDie, &Other, 8));
    expect_status(Other, STATUS_SUCCESS);
    expect_status(Poll(SharedMutant), STATUS_ABANDONED);
    expect_status(ZwQueryMutant(SharedMutant, MutantBasicInformation, &Basic, sizeof(Basic), NULL), STATUS_SUCCESS);
    expect_eq(Basic.OwnedByCaller, TRUE);
    expect_status(ZwClose(SharedMutant), STATUS_SUCCESS); // deleted while owned: it leaves this thread's list
}

KTEST(ex, timer_expires_and_repeats)
{
    // Law: a relative due time expires that much later; a periodic timer does it again; a cancelled one does not.
    LARGE_INTEGER Due = {.QuadPart = -20 * 10000}, Long = {.QuadPart = -1000 * 10000};
    TIMER_BASIC_INFORMATION Basic;
    BOOLEAN State;
    HANDLE Timer;

    expect_status(ZwCreateTimer(&Timer, TIMER_ALL_ACCESS, NULL, SynchronizationTimer), STATUS_SUCCESS);
    expect_status(Poll(Timer), STATUS_TIMEOUT);
    expect_status(ZwSetTimer(Timer, &Due, NULL, NULL, FALSE, 20, &State), STATUS_SUCCESS);
    expect_eq(State, FALSE);
    for (ULONG Index = 0; Index < 3; Index++)
        expect_status(ZwWaitForSingleObject(Timer, FALSE, &Long), STATUS_SUCCESS);
    expect_status(ZwQueryTimer(Timer, TimerBasicInformation, &Basic, sizeof(Basic), NULL), STATUS_SUCCESS);
    expect(Basic.RemainingTime.QuadPart <= 20 * 10000);
    expect_status(ZwCancelTimer(Timer, &State), STATUS_SUCCESS);
    expect_status(ZwSetTimer(Timer, &Long, NULL, NULL, FALSE, -1, NULL), STATUS_INVALID_PARAMETER_6);
    ZwClose(Timer);
}

static volatile LONG TimerApcs;

static VOID NTAPI CountTimerApc(PVOID Context, ULONG Low, LONG High)
{
    UNREFERENCED_PARAMETER(Low);
    UNREFERENCED_PARAMETER(High);
    InterlockedExchangeAdd(&TimerApcs, (LONG)(LONG_PTR)Context);
}

static VOID NTAPI SetTimerAndEnd(PVOID Context)
{
    LARGE_INTEGER Due = {.QuadPart = -10 * 10000};

    *(PNTSTATUS)((PVOID *)Context)[1] =
        ZwSetTimer(((PVOID *)Context)[0], &Due, CountTimerApc, (PVOID)100, FALSE, 10, NULL);
}

KTEST_EXACT(ex, timer_apc_runs_in_its_thread_and_dies_with_it)
{
    // Law: an expiry queues the APC to the thread that set the timer; when that thread ends, the timer is stopped.
    LARGE_INTEGER Due = {.QuadPart = -10 * 10000}, Pause = {.QuadPart = -100 * 10000};
    NTSTATUS Status;
    PVOID Arguments[2];
    HANDLE Timer;

    TimerApcs = 0;
    expect_status(ZwCreateTimer(&Timer, TIMER_ALL_ACCESS, NULL, NotificationTimer), STATUS_SUCCESS);
    expect_status(ZwSetTimer(Timer, &Due, CountTimerApc, (PVOID)1, FALSE, 0, NULL), STATUS_SUCCESS);
    expect_status(ZwWaitForSingleObject(Timer, FALSE, NULL), STATUS_SUCCESS);
    IGNORE_STATUS(KeDelayExecutionThread(KernelMode, FALSE, &Pause));
    expect_eq(TimerApcs, 1);
    Arguments[0] = Timer;
    Arguments[1] = &Status;
    KtJoin(KtStartThread(SetTimerAndEnd, Arguments, 8));
    expect_status(Status, STATUS_SUCCESS);
    IGNORE_STATUS(KeDelayExecutionThread(KernelMode, FALSE, &Pause));
    expect_eq(TimerApcs, 1);
    expect_status(Poll(Timer), STATUS_TIMEOUT);
    ZwClose(Timer);
}

static VOID NTAPI WaitForKey(PVOID Context)
{
    PVOID *Arguments = Context;

    *(PNTSTATUS)Arguments[1] = ZwWaitForKeyedEvent(Arguments[0], (PVOID)0x1000, FALSE, NULL);
}

KTEST(ex, keyed_event_pairs_wait_and_release)
{
    // Law: a release meets a wait of the same key, whichever comes first; other keys and timeouts leave nothing
    // behind.
    LARGE_INTEGER Soon = {.QuadPart = -10 * 10000};
    NTSTATUS Waited = STATUS_UNSUCCESSFUL;
    PVOID Arguments[2] = {NULL, &Waited};
    PETHREAD Thread;
    HANDLE Event;

    expect_status(ZwCreateKeyedEvent(&Event, 0x1F0003 & ~SYNCHRONIZE, NULL, 0), STATUS_SUCCESS);
    Arguments[0] = Event;
    Thread = KtStartThread(WaitForKey, Arguments, 16); // runs at once and waits
    expect_status(ZwReleaseKeyedEvent(Event, (PVOID)0x2000, FALSE, &Soon), STATUS_TIMEOUT);
    expect_status(ZwReleaseKeyedEvent(Event, (PVOID)0x1000, FALSE, &Soon), STATUS_SUCCESS);
    KtJoin(Thread);
    expect_status(Waited, STATUS_SUCCESS);
    Thread = KtStartThread(WaitForKey, Arguments, 8); // waits only when this thread does
    expect_status(ZwReleaseKeyedEvent(Event, (PVOID)0x1000, FALSE, NULL), STATUS_SUCCESS);
    KtJoin(Thread);
    expect_status(ZwWaitForKeyedEvent(NULL, (PVOID)0x1000, FALSE, &Soon), STATUS_TIMEOUT);
    expect_status(ZwWaitForKeyedEvent(Event, (PVOID)0x1001, FALSE, &Soon), STATUS_INVALID_PARAMETER_1);
    ZwClose(Event);
}
