// SPDX-License-Identifier: MIT
// Time services: the system time and the performance counter. Source: SDK, GetSystemTimeAsFileTime,
// QueryPerformanceCounter; the Native API as published.

#include "exp.h"

LARGE_INTEGER ExpBootTime;

// The system time at boot. Any IRQL.
VOID ExGetBootTime(PLARGE_INTEGER Time)
{
    *Time = ExpBootTime;
}

#define SYSTEM_TIME_HIGHEST 0x20000000u // high part; beyond it years have five digits

static NTSTATUS ExpReturnTime(PLARGE_INTEGER Address, LARGE_INTEGER Value, KPROCESSOR_MODE Mode)
{
    volatile NTSTATUS Status = STATUS_SUCCESS;

    if (Address == NULL)
        return STATUS_SUCCESS;
    SEH_TRY
    {
        if (Mode != KernelMode)
            ProbeForWriteType(Address);
        *Address = Value;
    }
    SEH_EXCEPT
    {
        Status = SEH_CODE();
    }
    SEH_END
    return Status;
}

// The system time in 100 ns since 1601. STATUS_ACCESS_VIOLATION. PASSIVE_LEVEL.
NTSTATUS NTAPI NtQuerySystemTime(PLARGE_INTEGER SystemTime)
{
    LARGE_INTEGER Now;

    PAGED_CODE();
    if (SystemTime == NULL)
        return STATUS_ACCESS_VIOLATION;
    KeQuerySystemTime(&Now);
    return ExpReturnTime(SystemTime, Now, ExGetPreviousMode());
}

// Sets the system time and the real-time clock; *PreviousTime (optional) is the time before. Needs
// SeSystemtimePrivilege. STATUS_INVALID_PARAMETER for a time the clock cannot hold. PASSIVE_LEVEL.
NTSTATUS NTAPI NtSetSystemTime(PLARGE_INTEGER SystemTime, PLARGE_INTEGER PreviousTime)
{
    KPROCESSOR_MODE Mode = ExGetPreviousMode();
    LARGE_INTEGER New, Old;
    PLARGE_INTEGER Captured;
    TIME_FIELDS Fields;
    NTSTATUS Status;

    PAGED_CODE();
    Status = ExCaptureTimeout(&Captured, &New, SystemTime, Mode);
    if (NT_SUCCESS(Status))
        Status = ExpProbeOptional(PreviousTime, sizeof(LARGE_INTEGER), Mode);
    if (!NT_SUCCESS(Status))
        return Status;
    if (Captured == NULL || (ULONG)New.HighPart > SYSTEM_TIME_HIGHEST)
        return STATUS_INVALID_PARAMETER;
    if (!SeSinglePrivilegeCheck(SE_SYSTEMTIME_PRIVILEGE, Mode))
        return STATUS_PRIVILEGE_NOT_HELD;
    RtlTimeToTimeFields(&New, &Fields);
    KeSetSystemTime(&New, &Old);
    HalSetRealTimeClock(&Fields);
    return ExpReturnTime(PreviousTime, Old, Mode);
}

// The performance counter and (optional) its frequency. STATUS_ACCESS_VIOLATION. PASSIVE_LEVEL.
NTSTATUS NTAPI NtQueryPerformanceCounter(PLARGE_INTEGER Counter, PLARGE_INTEGER Frequency)
{
    LARGE_INTEGER Ticks, Hertz;
    NTSTATUS Status;

    PAGED_CODE();
    if (Counter == NULL)
        return STATUS_ACCESS_VIOLATION;
    Ticks = KeQueryPerformanceCounter(&Hertz);
    Status = ExpReturnTime(Counter, Ticks, ExGetPreviousMode());
    return NT_SUCCESS(Status) ? ExpReturnTime(Frequency, Hertz, ExGetPreviousMode()) : Status;
}
