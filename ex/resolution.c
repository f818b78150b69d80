// SPDX-License-Identifier: MIT
// The clock's resolution. A process, or a driver, may ask for shorter ticks; the clock runs at the shortest that
// anybody
// asks for, and a request ends with its process. Only the period of the interrupt changes: a "tick" in counts and
// quanta
// remains KeMaximumIncrement (ke/clock.c). Source: SDK, timeBeginPeriod; WDK, ExSetTimerResolution; the Native API as
// published.

#include "exp.h"

#define RESOLUTION_FINEST 10000u // 1 ms

static FAST_MUTEX ExpResolutionLock;
static LIST_ENTRY ExpResolutionList = {&ExpResolutionList, &ExpResolutionList}; // of EPROCESS.TimerResolutionLink
static ULONG ExpKernelRequests;                                                 // of drivers, each for the finest

// Makes the lock. Phase 1.
VOID ExpInitializeResolution(VOID)
{
    ExInitializeFastMutex(&ExpResolutionLock);
}

// Gives the clock the shortest period that anybody asks for. The lock is held (APC_LEVEL).
static VOID ExpApplyResolution(VOID)
{
    ULONG Wanted = ExpKernelRequests != 0 ? RESOLUTION_FINEST : KeMaximumIncrement;

    for (PLIST_ENTRY Entry = ExpResolutionList.Flink; Entry != &ExpResolutionList; Entry = Entry->Flink)
        Wanted = min_of(Wanted, CONTAINING_RECORD(Entry, EPROCESS, TimerResolutionLink)->TimerResolution);
    KeSetClockIncrement(Wanted);
}

static VOID ExpDropRequest(PEPROCESS Process)
{
    RemoveEntryList(&Process->TimerResolutionLink);
    Process->TimerResolution = 0;
}

// The current process ends: so does its request. PASSIVE_LEVEL.
VOID ExTimerResolutionRundown(VOID)
{
    PEPROCESS Process = PsGetCurrentProcess();

    if (Process->TimerResolution == 0)
        return;
    ExAcquireFastMutex(&ExpResolutionLock);
    ExpDropRequest(Process);
    ExpApplyResolution();
    ExReleaseFastMutex(&ExpResolutionLock);
}

// For drivers: asks for the finest resolution (Set), or takes one such request back. PASSIVE_LEVEL. Returns the
// resolution then. Source: WDK, ExSetTimerResolution.
ULONG NTAPI ExSetTimerResolution(ULONG Desired, BOOLEAN Set)
{
    UNREFERENCED_PARAMETER(Desired);
    PAGED_CODE();
    ExAcquireFastMutex(&ExpResolutionLock);
    if (Set)
        ExpKernelRequests++;
    else if (ExpKernelRequests != 0)
        ExpKernelRequests--;
    ExpApplyResolution();
    ExReleaseFastMutex(&ExpResolutionLock);
    return KeTimeIncrement;
}

// The longest, the shortest and the present interval between clock interrupts, in 100 ns. STATUS_ACCESS_VIOLATION.
// PASSIVE_LEVEL.
NTSTATUS NTAPI NtQueryTimerResolution(PULONG Maximum, PULONG Minimum, PULONG Current)
{
    KPROCESSOR_MODE Mode = ExGetPreviousMode();
    NTSTATUS Status;

    PAGED_CODE();
    Status = ExpProbeOptional(Maximum, sizeof(ULONG), Mode);
    if (NT_SUCCESS(Status))
        Status = ExpProbeOptional(Minimum, sizeof(ULONG), Mode);
    if (NT_SUCCESS(Status))
        Status = ExpProbeOptional(Current, sizeof(ULONG), Mode);
    if (NT_SUCCESS(Status))
        Status = ExpReturnLong((PLONG)Maximum, (LONG)KeMaximumIncrement, Mode);
    if (NT_SUCCESS(Status))
        Status = ExpReturnLong((PLONG)Minimum, RESOLUTION_FINEST, Mode);
    return NT_SUCCESS(Status) ? ExpReturnLong((PLONG)Current, (LONG)KeTimeIncrement, Mode) : Status;
}

// Makes Desired (100 ns; brought into bounds) the process's request, or takes the request back; *Current tells the
// resolution then. STATUS_TIMER_RESOLUTION_NOT_SET: there was no request to take back. PASSIVE_LEVEL.
NTSTATUS NTAPI NtSetTimerResolution(ULONG Desired, BOOLEAN Set, PULONG Current)
{
    KPROCESSOR_MODE Mode = ExGetPreviousMode();
    PEPROCESS Process = PsGetCurrentProcess();
    BOOLEAN Had;
    NTSTATUS Status;

    PAGED_CODE();
    Status = ExpProbeOptional(Current, sizeof(ULONG), Mode);
    if (!NT_SUCCESS(Status))
        return Status;
    ExAcquireFastMutex(&ExpResolutionLock);
    Had = Process->TimerResolution != 0;
    if (Had)
        ExpDropRequest(Process);
    if (Set) {
        Process->TimerResolution = max_of(min_of(Desired, KeMaximumIncrement), RESOLUTION_FINEST);
        InsertTailList(&ExpResolutionList, &Process->TimerResolutionLink);
    }
    if (Set || Had)
        ExpApplyResolution();
    ExReleaseFastMutex(&ExpResolutionLock);
    Status = ExpReturnLong((PLONG)Current, (LONG)KeTimeIncrement, Mode);
    if (!NT_SUCCESS(Status))
        return Status;
    return Set || Had ? STATUS_SUCCESS : STATUS_TIMER_RESOLUTION_NOT_SET;
}
