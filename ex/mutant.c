// SPDX-License-Identifier: MIT
// Mutant services (Win32: mutexes): handles around Ke's mutants. Source: SDK, mutex objects; the Native API as
// published.

#include "exp.h"

// The last reference to a mutant is gone: if a thread still owns it, it must leave that thread's list first.
VOID NTAPI ExpDeleteMutant(PVOID Object)
{
    KeReleaseMutant(Object, MUTANT_INCREMENT, TRUE, FALSE);
}

// Creates a mutant, owned by the caller if InitialOwner. PASSIVE_LEVEL.
NTSTATUS NTAPI NtCreateMutant(PHANDLE Handle, ACCESS_MASK DesiredAccess, POBJECT_ATTRIBUTES ObjectAttributes,
                              BOOLEAN InitialOwner)
{
    PKMUTANT Mutant;
    NTSTATUS Status;

    PAGED_CODE();
    Status =
        ExpCreateObject(Handle, DesiredAccess, ObjectAttributes, ExMutantObjectType, sizeof(KMUTANT), (PVOID *)&Mutant);
    if (!NT_SUCCESS(Status))
        return Status;
    KeInitializeMutant(Mutant, InitialOwner != FALSE);
    return ExpInsertObject(Mutant, DesiredAccess, Handle);
}

// Opens a named mutant. PASSIVE_LEVEL.
NTSTATUS NTAPI NtOpenMutant(PHANDLE Handle, ACCESS_MASK DesiredAccess, POBJECT_ATTRIBUTES ObjectAttributes)
{
    PAGED_CODE();
    return ExpOpenObject(Handle, DesiredAccess, ObjectAttributes, ExMutantObjectType);
}

// Gives up one ownership; *PreviousCount (optional) is the count before. STATUS_MUTANT_NOT_OWNED. PASSIVE_LEVEL.
NTSTATUS NTAPI NtReleaseMutant(HANDLE Handle, PLONG PreviousCount)
{
    KPROCESSOR_MODE Mode = ExGetPreviousMode();
    volatile LONG Previous = 0;
    volatile NTSTATUS Status;
    PKMUTANT Mutant;

    PAGED_CODE();
    Status = ExpProbeOptional(PreviousCount, sizeof(LONG), Mode);
    if (!NT_SUCCESS(Status))
        return Status;
    Status = ObReferenceObjectByHandle(Handle, 0, ExMutantObjectType, Mode, (PVOID *)&Mutant, NULL);
    if (!NT_SUCCESS(Status))
        return Status;
    SEH_TRY
    {
        Previous = KeReleaseMutant(Mutant, MUTANT_INCREMENT, FALSE, FALSE);
    }
    SEH_EXCEPT
    {
        Status = SEH_CODE();
    }
    SEH_END
    ObDereferenceObject(Mutant);
    return NT_SUCCESS(Status) ? ExpReturnLong(PreviousCount, Previous, Mode) : Status;
}

// MutantBasicInformation: count, whether the caller owns it, whether it was abandoned. Needs MUTANT_QUERY_STATE.
// PASSIVE_LEVEL.
NTSTATUS NTAPI NtQueryMutant(HANDLE Handle, MUTANT_INFORMATION_CLASS Class, PVOID Information, ULONG Length,
                             PULONG ReturnLength)
{
    KPROCESSOR_MODE Mode = ExGetPreviousMode();
    MUTANT_BASIC_INFORMATION Basic;
    PKMUTANT Mutant;
    NTSTATUS Status;

    PAGED_CODE();
    if (Class != MutantBasicInformation)
        return STATUS_INVALID_INFO_CLASS;
    Status = ExpProbeQuery(Information, Length, sizeof(Basic), ReturnLength, Mode);
    if (!NT_SUCCESS(Status))
        return Status;
    Status = ObReferenceObjectByHandle(Handle, MUTANT_QUERY_STATE, ExMutantObjectType, Mode, (PVOID *)&Mutant, NULL);
    if (!NT_SUCCESS(Status))
        return Status;
    RtlZeroMemory(&Basic, sizeof(Basic));
    Basic.CurrentCount = KeReadStateMutant(Mutant);
    Basic.OwnedByCaller = Mutant->OwnerThread == KeGetCurrentThread();
    Basic.AbandonedState = Mutant->Abandoned;
    ObDereferenceObject(Mutant);
    return ExpReturnQuery(Information, &Basic, sizeof(Basic), ReturnLength, Mode);
}
