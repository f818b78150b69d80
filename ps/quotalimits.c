// SPDX-License-Identifier: MIT
// Process quotas (ProcessQuotaLimits): of what they name only the working set's limits exist here; the others are
// reported as unlimited. Source: SDK, "SetProcessWorkingSetSizeEx", winnt.h's QUOTA_LIMITS_EX.

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
    Limits->PagedPoolLimit = PSP_UNLIMITED;
    Limits->NonPagedPoolLimit = PSP_UNLIMITED;
    Limits->PagefileLimit = PSP_UNLIMITED;
    Limits->TimeLimit.QuadPart = -1;
    MmQueryWorkingSetLimits(Process, &Limits->MinimumWorkingSetSize, &Limits->MaximumWorkingSetSize, &Limits->Flags);
    Limits->MinimumWorkingSetSize <<= PAGE_SHIFT;
    Limits->MaximumWorkingSetSize <<= PAGE_SHIFT;
}
