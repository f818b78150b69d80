// SPDX-License-Identifier: MIT
// NtSetSystemInformation. Source: the Native API as published.

#include "exp.h"

// Copies what the caller gives, exactly Bytes of it.
static NTSTATUS ExpCaptureInformation(PVOID To, ULONG Bytes, PVOID Information, ULONG Length)
{
    if (Length != Bytes)
        return STATUS_INFO_LENGTH_MISMATCH;
    SEH_TRY
    {
        if (ExGetPreviousMode() != KernelMode)
            ProbeForRead(Information, Length, sizeof(ULONG));
        RtlCopyMemory(To, Information, Length);
    }
    SEH_EXCEPT
    {
        return SEH_CODE();
    }
    SEH_END
    return STATUS_SUCCESS;
}

// A command to the page lists: SYSTEM_MEMORY_LIST_COMMAND. Needs SeProfileSingleProcessPrivilege.
static NTSTATUS ExpSetMemoryList(PVOID Information, ULONG Length)
{
    ULONG Command;
    NTSTATUS Status = ExpCaptureInformation(&Command, sizeof(Command), Information, Length);

    if (!NT_SUCCESS(Status))
        return Status;
    if (!SeSinglePrivilegeCheck(SE_PROF_SINGLE_PROCESS_PRIVILEGE, ExGetPreviousMode()))
        return STATUS_PRIVILEGE_NOT_HELD;
    return MmMemoryListCommand(Command);
}

// The limits of the system's working set: SYSTEM_FILECACHE_INFORMATION. Needs SeIncreaseQuotaPrivilege.
static NTSTATUS ExpSetFileCache(PVOID Information, ULONG Length, BOOLEAN WithFlags)
{
    SYSTEM_FILECACHE_INFORMATION Cache;
    NTSTATUS Status = ExpCaptureInformation(&Cache, sizeof(Cache), Information, Length);

    if (!NT_SUCCESS(Status))
        return Status;
    if (!SeSinglePrivilegeCheck(SE_INCREASE_QUOTA_PRIVILEGE, ExGetPreviousMode()))
        return STATUS_PRIVILEGE_NOT_HELD;
    return MmAdjustSystemCacheSize(Cache.MinimumWorkingSet, Cache.MaximumWorkingSet, WithFlags ? Cache.Flags : 0);
}

// What a program reads of its session stands in its PEB.
static VOID ExpTellSessionId(ULONG SessionId)
{
    PPEB Peb = PsGetCurrentProcess()->Peb;

    SEH_TRY
    {
        if (Peb != NULL)
            Peb->SessionId = SessionId;
    }
    SEH_EXCEPT
    {
    }
    SEH_END
}

// A new session for the calling process: its id is returned. Needs SeTcbPrivilege.
static NTSTATUS ExpCreateSession(PVOID Information, ULONG Length)
{
    ULONG SessionId;
    NTSTATUS Status = ExpCaptureInformation(&SessionId, sizeof(SessionId), Information, Length);

    if (!NT_SUCCESS(Status))
        return Status;
    if (!SeSinglePrivilegeCheck(SE_TCB_PRIVILEGE, ExGetPreviousMode()))
        return STATUS_PRIVILEGE_NOT_HELD;
    Status = MmSessionCreate(&SessionId);
    if (!NT_SUCCESS(Status))
        return Status;
    ExpTellSessionId(SessionId);
    SEH_TRY
    {
        if (ExGetPreviousMode() != KernelMode)
            ProbeForWriteType((PULONG)Information);
        *(PULONG)Information = SessionId;
    }
    SEH_EXCEPT
    {
        return SEH_CODE(); // the PEB has it
    }
    SEH_END
    return STATUS_SUCCESS;
}

// The calling process leaves the session with this id. Needs SeTcbPrivilege.
static NTSTATUS ExpDetachSession(PVOID Information, ULONG Length)
{
    ULONG SessionId;
    NTSTATUS Status = ExpCaptureInformation(&SessionId, sizeof(SessionId), Information, Length);

    if (!NT_SUCCESS(Status))
        return Status;
    if (!SeSinglePrivilegeCheck(SE_TCB_PRIVILEGE, ExGetPreviousMode()))
        return STATUS_PRIVILEGE_NOT_HELD;
    Status = MmSessionDetach(SessionId);
    if (NT_SUCCESS(Status))
        ExpTellSessionId(0);
    return Status;
}

// System service. STATUS_INVALID_INFO_CLASS: a class that cannot be set. PASSIVE_LEVEL.
NTSTATUS NTAPI NtSetSystemInformation(SYSTEM_INFORMATION_CLASS Class, PVOID Information, ULONG Length)
{
    PAGED_CODE();
    switch (Class) {
    case SystemMemoryListInformation:
        return ExpSetMemoryList(Information, Length);
    case SystemFileCacheInformation:
    case SystemFileCacheInformationEx:
        return ExpSetFileCache(Information, Length, Class == SystemFileCacheInformationEx);
    case SystemSessionCreate:
        return ExpCreateSession(Information, Length);
    case SystemSessionDetach:
        return ExpDetachSession(Information, Length);
    default:
        return STATUS_INVALID_INFO_CLASS;
    }
}
