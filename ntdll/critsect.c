// SPDX-License-Identifier: MIT
// Critical sections. LockCount is the number of threads that own or want the section, minus one: entering and leaving
// without contention are one interlocked operation each, and only a thread that finds the section owned makes a system
// call. Waiters sleep on an auto-reset event that is made when the first one comes; should that fail, on the process's
// keyed event. Source: SDK documentation; M. Pietrek, MSDN Magazine 12/2003.

#include "ntdllp.h"

#define FREE_LOCK_COUNT (-1)
#define SPIN_COUNT_MASK 0x00FFFFFF

RTL_CRITICAL_SECTION RtlpPebLock = RTLP_STATIC_CRITICAL_SECTION;
HANDLE RtlpKeyedEvent;

// Makes the process's keyed event; without one, waits yield instead.
VOID RtlpInitializeKeyedEvent(VOID)
{
    if (!NT_SUCCESS(NtCreateKeyedEvent(&RtlpKeyedEvent, EVENT_ALL_ACCESS, NULL, 0)))
        RtlpKeyedEvent = NULL;
}

NTCHECK RtlInitializeCriticalSectionAndSpinCount(PRTL_CRITICAL_SECTION Section, ULONG SpinCount)
{
    // -1 is what later versions of Windows store for a section without debug information.
    Section->DebugInfo = (PRTL_CRITICAL_SECTION_DEBUG)-1;
    Section->LockCount = FREE_LOCK_COUNT;
    Section->RecursionCount = 0;
    Section->OwningThread = NULL;
    Section->LockSemaphore = NULL;
    Section->SpinCount = NtCurrentPeb()->NumberOfProcessors > 1 ? SpinCount & SPIN_COUNT_MASK : 0;
    return STATUS_SUCCESS;
}

NTCHECK RtlInitializeCriticalSection(PRTL_CRITICAL_SECTION Section)
{
    return RtlInitializeCriticalSectionAndSpinCount(Section, 0);
}

// Flags choose debug information and dynamic spinning, which we do not have.
NTCHECK RtlInitializeCriticalSectionEx(PRTL_CRITICAL_SECTION Section, ULONG SpinCount, ULONG Flags)
{
    UNREFERENCED_PARAMETER(Flags);
    return RtlInitializeCriticalSectionAndSpinCount(Section, SpinCount);
}

// Returns the old count.
ULONG NTAPI RtlSetCriticalSectionSpinCount(PRTL_CRITICAL_SECTION Section, ULONG SpinCount)
{
    ULONG Old = Section->SpinCount;

    Section->SpinCount = NtCurrentPeb()->NumberOfProcessors > 1 ? SpinCount & SPIN_COUNT_MASK : 0;
    return Old;
}

// The section's event, made now if need be. INVALID_HANDLE_VALUE: there can be none, and all its waits use the keyed
// event.
static HANDLE RtlpSectionEvent(PRTL_CRITICAL_SECTION Section)
{
    HANDLE Event;

    if (Section->LockSemaphore != NULL)
        return Section->LockSemaphore;
    if (!NT_SUCCESS(NtCreateEvent(&Event, EVENT_ALL_ACCESS, NULL, SynchronizationEvent, FALSE)))
        Event = INVALID_HANDLE_VALUE;
    if (InterlockedCompareExchangePointer(&Section->LockSemaphore, Event, NULL) != NULL &&
        Event != INVALID_HANDLE_VALUE)
        NtClose(Event); // another thread was faster
    return Section->LockSemaphore;
}

// When the process exits, the other threads are gone with whatever they owned: the last one takes it all.
static BOOLEAN RtlpIsLastThread(VOID)
{
    PPEB_LDR_DATA Ldr = NtCurrentPeb()->Ldr;

    return Ldr != NULL && Ldr->ShutdownInProgress && Ldr->ShutdownThreadId == NtCurrentTeb()->ClientId.UniqueThread;
}

static VOID RtlpWaitForSection(PRTL_CRITICAL_SECTION Section)
{
    HANDLE Event;
    NTSTATUS Status;

    if (RtlpIsLastThread())
        return;
    Event = RtlpSectionEvent(Section);
    if (Event != INVALID_HANDLE_VALUE)
        Status = NtWaitForSingleObject(Event, FALSE, NULL);
    else
        Status = NtWaitForKeyedEvent(RtlpKeyedEvent, Section, FALSE, NULL);
    if (!NT_SUCCESS(Status))
        RtlRaiseStatus(Status);
}

static VOID RtlpWakeWaiter(PRTL_CRITICAL_SECTION Section)
{
    HANDLE Event;
    NTSTATUS Status;

    if (RtlpIsLastThread())
        return;
    Event = RtlpSectionEvent(Section);
    if (Event != INVALID_HANDLE_VALUE)
        Status = NtSetEvent(Event, NULL);
    else
        Status = NtReleaseKeyedEvent(RtlpKeyedEvent, Section, FALSE, NULL);
    if (!NT_SUCCESS(Status))
        RtlRaiseStatus(Status);
}

static VOID RtlpOwnSection(PRTL_CRITICAL_SECTION Section)
{
    Section->OwningThread = NtCurrentTeb()->ClientId.UniqueThread;
    Section->RecursionCount = 1;
}

// Takes the section if it is free or our own.
BOOLEAN NTAPI RtlTryEnterCriticalSection(PRTL_CRITICAL_SECTION Section)
{
    if (InterlockedCompareExchange(&Section->LockCount, 0, FREE_LOCK_COUNT) == FREE_LOCK_COUNT) {
        RtlpOwnSection(Section);
        return TRUE;
    }
    if (Section->OwningThread != NtCurrentTeb()->ClientId.UniqueThread)
        return FALSE;
    InterlockedIncrement(&Section->LockCount);
    Section->RecursionCount++;
    return TRUE;
}

// Waits until the section is ours. Raises STATUS_INVALID_HANDLE and the like if somebody closed its event.
NTSTATUS NTAPI RtlEnterCriticalSection(PRTL_CRITICAL_SECTION Section)
{
    ULONG_PTR Spin;

    if (RtlTryEnterCriticalSection(Section))
        return STATUS_SUCCESS;
    for (Spin = Section->SpinCount; Spin != 0; Spin--) {
        if (RtlTryEnterCriticalSection(Section))
            return STATUS_SUCCESS;
        YieldProcessor();
    }
    if (InterlockedIncrement(&Section->LockCount) != 0)
        RtlpWaitForSection(Section);
    RtlpOwnSection(Section);
    return STATUS_SUCCESS;
}

// Leaves it once; only the owner may call this, which is not checked (as on Windows).
NTSTATUS NTAPI RtlLeaveCriticalSection(PRTL_CRITICAL_SECTION Section)
{
    if (--Section->RecursionCount != 0) {
        InterlockedDecrement(&Section->LockCount);
        return STATUS_SUCCESS;
    }
    Section->OwningThread = NULL;
    if (InterlockedDecrement(&Section->LockCount) >= 0)
        RtlpWakeWaiter(Section);
    return STATUS_SUCCESS;
}

// Nobody owns or wants it any more.
NTSTATUS NTAPI RtlDeleteCriticalSection(PRTL_CRITICAL_SECTION Section)
{
    NTSTATUS Status = STATUS_SUCCESS;

    if (Section->LockSemaphore != NULL && Section->LockSemaphore != INVALID_HANDLE_VALUE)
        Status = NtClose(Section->LockSemaphore);
    memset(Section, 0, sizeof(*Section));
    return Status;
}

LOGICAL NTAPI RtlIsCriticalSectionLocked(PRTL_CRITICAL_SECTION Section)
{
    return Section->LockCount != FREE_LOCK_COUNT;
}

LOGICAL NTAPI RtlIsCriticalSectionLockedByThread(PRTL_CRITICAL_SECTION Section)
{
    return Section->RecursionCount != 0 && Section->OwningThread == NtCurrentTeb()->ClientId.UniqueThread;
}

VOID NTAPI RtlAcquirePebLock(VOID)
{
    RtlEnterCriticalSection(&RtlpPebLock);
}

VOID NTAPI RtlReleasePebLock(VOID)
{
    RtlLeaveCriticalSection(&RtlpPebLock);
}
