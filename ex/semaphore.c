// SPDX-License-Identifier: MIT
// Semaphore services: handles around Ke's semaphores. Source: SDK, semaphore objects; the Native API as published.

#include "exp.h"

#define SEMAPHORE_QUERY_STATE 0x0001

// Creates a semaphore. STATUS_INVALID_PARAMETER unless 0 <= InitialCount <= MaximumCount and MaximumCount > 0.
// PASSIVE_LEVEL.
NTSTATUS NTAPI NtCreateSemaphore(PHANDLE Handle, ACCESS_MASK DesiredAccess, POBJECT_ATTRIBUTES ObjectAttributes,
                                 LONG InitialCount, LONG MaximumCount)
{
    PKSEMAPHORE Semaphore;
    NTSTATUS Status;

    PAGED_CODE();
    if (MaximumCount <= 0 || InitialCount < 0 || InitialCount > MaximumCount)
        return STATUS_INVALID_PARAMETER;
    Status = ExpCreateObject(Handle, DesiredAccess, ObjectAttributes, ExSemaphoreObjectType, sizeof(KSEMAPHORE),
                             (PVOID *)&Semaphore);
    if (!NT_SUCCESS(Status))
        return Status;
    KeInitializeSemaphore(Semaphore, InitialCount, MaximumCount);
    return ExpInsertObject(Semaphore, DesiredAccess, Handle);
}

// Opens a named semaphore. PASSIVE_LEVEL.
NTSTATUS NTAPI NtOpenSemaphore(PHANDLE Handle, ACCESS_MASK DesiredAccess, POBJECT_ATTRIBUTES ObjectAttributes)
{
    PAGED_CODE();
    return ExpOpenObject(Handle, DesiredAccess, ObjectAttributes, ExSemaphoreObjectType);
}

// Adds ReleaseCount (> 0); *PreviousCount (optional) is the count before. STATUS_SEMAPHORE_LIMIT_EXCEEDED changes
// nothing. Needs SEMAPHORE_MODIFY_STATE. PASSIVE_LEVEL.
NTSTATUS NTAPI NtReleaseSemaphore(HANDLE Handle, LONG ReleaseCount, PLONG PreviousCount)
{
    KPROCESSOR_MODE Mode = ExGetPreviousMode();
    volatile LONG Previous = 0;
    volatile NTSTATUS Status;
    PKSEMAPHORE Semaphore;

    PAGED_CODE();
    if (ReleaseCount <= 0)
        return STATUS_INVALID_PARAMETER;
    Status = ExpProbeOptional(PreviousCount, sizeof(LONG), Mode);
    if (!NT_SUCCESS(Status))
        return Status;
    Status = ObReferenceObjectByHandle(Handle, SEMAPHORE_MODIFY_STATE, ExSemaphoreObjectType, Mode, (PVOID *)&Semaphore,
                                       NULL);
    if (!NT_SUCCESS(Status))
        return Status;
    SEH_TRY
    {
        Previous = KeReleaseSemaphore(Semaphore, SEMAPHORE_INCREMENT, ReleaseCount, FALSE);
    }
    SEH_EXCEPT
    {
        Status = SEH_CODE();
    }
    SEH_END
    ObDereferenceObject(Semaphore);
    return NT_SUCCESS(Status) ? ExpReturnLong(PreviousCount, Previous, Mode) : Status;
}

// SemaphoreBasicInformation: count and limit. Needs SEMAPHORE_QUERY_STATE. PASSIVE_LEVEL.
NTSTATUS NTAPI NtQuerySemaphore(HANDLE Handle, SEMAPHORE_INFORMATION_CLASS Class, PVOID Information, ULONG Length,
                                PULONG ReturnLength)
{
    KPROCESSOR_MODE Mode = ExGetPreviousMode();
    SEMAPHORE_BASIC_INFORMATION Basic;
    PKSEMAPHORE Semaphore;
    NTSTATUS Status;

    PAGED_CODE();
    if (Class != SemaphoreBasicInformation)
        return STATUS_INVALID_INFO_CLASS;
    Status = ExpProbeQuery(Information, Length, sizeof(Basic), ReturnLength, Mode);
    if (!NT_SUCCESS(Status))
        return Status;
    Status = ObReferenceObjectByHandle(Handle, SEMAPHORE_QUERY_STATE, ExSemaphoreObjectType, Mode, (PVOID *)&Semaphore,
                                       NULL);
    if (!NT_SUCCESS(Status))
        return Status;
    Basic.CurrentCount = KeReadStateSemaphore(Semaphore);
    Basic.MaximumCount = Semaphore->Limit;
    ObDereferenceObject(Semaphore);
    return ExpReturnQuery(Information, &Basic, sizeof(Basic), ReturnLength, Mode);
}
