// SPDX-License-Identifier: MIT
// A process's share of memory: quotas (ProcessQuotaLimits), of which only the working set's limits exist here and the
// others are reported as unlimited; the priority of pages. Source: SDK, "SetProcessWorkingSetSizeEx", winnt.h's
// QUOTA_LIMITS_EX.

#include "psp.h"

#define PSP_UNLIMITED ((SIZE_T)-1)
#define PSP_HARD_FLAGS                                                                                                 \
    (QUOTA_LIMITS_HARDWS_MIN_ENABLE | QUOTA_LIMITS_HARDWS_MIN_DISABLE | QUOTA_LIMITS_HARDWS_MAX_ENABLE |               \
     QUOTA_LIMITS_HARDWS_MAX_DISABLE)

// A limit is either made hard or soft, not both at once.
static BOOLEAN PspIsFlagCombination(ULONG Flags)
{
    const ULONG Minimum = QUOTA_LIMITS_HARDWS_MIN_ENABLE | QUOTA_LIMITS_HARDWS_MIN_DISABLE;
    const ULONG Maximum = QUOTA_LIMITS_HARDWS_MAX_ENABLE | QUOTA_LIMITS_HARDWS_MAX_DISABLE;

    return (Flags & ~(ULONG)PSP_HARD_FLAGS) == 0 && (Flags & Minimum) != Minimum && (Flags & Maximum) != Maximum;
}

// NtSetInformationProcess(ProcessQuotaLimits): QUOTA_LIMITS or QUOTA_LIMITS_EX. Both sizes -1 empty the working set,
// both 0 leave them. IRQL PASSIVE_LEVEL. Statuses: MmAdjustWorkingSetSize's; STATUS_INVALID_PARAMETER.
NTSTATUS PspSetQuotaLimits(PEPROCESS Process, PVOID Information, ULONG Length)
{
    QUOTA_LIMITS_EX Limits = {.Flags = 0};
    ULONG Size = Length == sizeof(Limits) ? sizeof(Limits) : sizeof(QUOTA_LIMITS);
    NTSTATUS Status = PspCaptureValue(&Limits, Size, Information, Length);

    PAGED_CODE();
    if (!NT_SUCCESS(Status))
        return Status;
    if (!PspIsFlagCombination(Limits.Flags))
        return STATUS_INVALID_PARAMETER;
    if (Limits.MinimumWorkingSetSize == PSP_UNLIMITED && Limits.MaximumWorkingSetSize == PSP_UNLIMITED) {
        MmEmptyWorkingSet(Process);
        return STATUS_SUCCESS;
    }
    if (Limits.MinimumWorkingSetSize == 0 && Limits.MaximumWorkingSetSize == 0)
        return STATUS_SUCCESS;
    return MmAdjustWorkingSetSize(Process, Limits.MinimumWorkingSetSize >> PAGE_SHIFT,
                                  Limits.MaximumWorkingSetSize >> PAGE_SHIFT, Limits.Flags);
}

// What is asked for by the length of QUOTA_LIMITS is the beginning of this. IRQL PASSIVE_LEVEL.
VOID PspQueryQuotaLimits(PEPROCESS Process, PQUOTA_LIMITS_EX Limits)
{
    PAGED_CODE();
    Limits->PagedPoolLimit = PSP_UNLIMITED;
    Limits->NonPagedPoolLimit = PSP_UNLIMITED;
    Limits->PagefileLimit = PSP_UNLIMITED;
    Limits->TimeLimit.QuadPart = -1;
    MmQueryWorkingSetLimits(Process, &Limits->MinimumWorkingSetSize, &Limits->MaximumWorkingSetSize, &Limits->Flags);
    Limits->MinimumWorkingSetSize <<= PAGE_SHIFT;
    Limits->MaximumWorkingSetSize <<= PAGE_SHIFT;
}

// User mode sets what the SDK names; the two highest are the kernel's.
BOOLEAN PspIsPagePriority(ULONG Value)
{
    ULONG Highest = ExGetPreviousMode() == KernelMode ? PAGE_PRIORITY_HIGHEST : PAGE_PRIORITY_NORMAL;

    PAGED_CODE();
    return Value >= PAGE_PRIORITY_LOWEST && Value <= Highest;
}

// The priority of the pages that the process's threads bring in, those that it has and those to come. PASSIVE_LEVEL.
// Takes ProcessLock.
NTSTATUS PspSetProcessPagePriority(PEPROCESS Process, ULONG Value)
{
    PAGED_CODE();
    if (!PspIsPagePriority(Value))
        return STATUS_INVALID_PARAMETER;
    KeEnterCriticalRegion();
    ExAcquirePushLockExclusive(&Process->ProcessLock);
    Process->PagePriority = (UCHAR)Value;
    for (PLIST_ENTRY Link = Process->ThreadListHead.Flink; Link != &Process->ThreadListHead; Link = Link->Flink)
        CONTAINING_RECORD(Link, ETHREAD, ThreadListEntry)->PagePriority = (UCHAR)Value;
    ExReleasePushLockExclusive(&Process->ProcessLock);
    KeLeaveCriticalRegion();
    return STATUS_SUCCESS;
}
