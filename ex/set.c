// SPDX-License-Identifier: MIT
// NtSetSystemInformation. Source: the Native API as published.

#include "exp.h"

static NTSTATUS ExpCaptureUlong(PULONG Value, PVOID Information, ULONG Length)
{
    if (Length != sizeof(*Value))
        return STATUS_INFO_LENGTH_MISMATCH;
    SEH_TRY
    {
        if (ExGetPreviousMode() != KernelMode)
            ProbeForRead(Information, Length, sizeof(ULONG));
        *Value = *(volatile ULONG *)Information;
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
    NTSTATUS Status = ExpCaptureUlong(&Command, Information, Length);

    if (!NT_SUCCESS(Status))
        return Status;
    if (!SeSinglePrivilegeCheck(SE_PROF_SINGLE_PROCESS_PRIVILEGE, ExGetPreviousMode()))
        return STATUS_PRIVILEGE_NOT_HELD;
    return MmMemoryListCommand(Command);
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
    NTSTATUS Status = ExpCaptureUlong(&SessionId, Information, Length);

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
    NTSTATUS Status = ExpCaptureUlong(&SessionId, Information, Length);

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
    case SystemSessionCreate:
        return ExpCreateSession(Information, Length);
    case SystemSessionDetach:
        return ExpDetachSession(Information, Length);
    default:
        return STATUS_INVALID_INFO_CLASS;
    }
}
