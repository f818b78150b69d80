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

// System service. STATUS_INVALID_INFO_CLASS: a class that cannot be set. PASSIVE_LEVEL.
NTSTATUS NTAPI NtSetSystemInformation(SYSTEM_INFORMATION_CLASS Class, PVOID Information, ULONG Length)
{
    PAGED_CODE();
    switch (Class) {
    case SystemMemoryListInformation:
        return ExpSetMemoryList(Information, Length);
    default:
        return STATUS_INVALID_INFO_CLASS;
    }
}
