// SPDX-License-Identifier: MIT
// Sleeping and yielding. Source: SDK, SleepEx; the Native API as published.

#include "exp.h"

// Sleeps until *Interval (absolute, or relative if negative). STATUS_SUCCESS, STATUS_USER_APC, STATUS_ALERTED;
// STATUS_ACCESS_VIOLATION for a bad or missing pointer. PASSIVE_LEVEL.
NTSTATUS NTAPI NtDelayExecution(BOOLEAN Alertable, PLARGE_INTEGER Interval)
{
    KPROCESSOR_MODE Mode = ExGetPreviousMode();
    LARGE_INTEGER Storage;
    PLARGE_INTEGER Delay;
    NTSTATUS Status;

    PAGED_CODE();
    if (Interval == NULL)
        return STATUS_ACCESS_VIOLATION;
    Status = ExCaptureTimeout(&Delay, &Storage, Interval, Mode);
    return NT_SUCCESS(Status) ? KeDelayExecutionThread(Mode, Alertable, Delay) : Status;
}

// Lets another ready thread of the same priority run. STATUS_NO_YIELD_PERFORMED if there is none. PASSIVE_LEVEL.
NTSTATUS NTAPI NtYieldExecution(VOID)
{
    PAGED_CODE();
    return KeYieldExecution() ? STATUS_SUCCESS : STATUS_NO_YIELD_PERFORMED;
}
