// SPDX-License-Identifier: MIT
// Working sets of this and other processes: limits, emptying, contents (the K32* functions are psapi.h's).

#include "k32.h"

#include <psapi.h>

#define WATCH_BYTES 8192 // as much as the kernel keeps

WINBOOL WINAPI SetProcessWorkingSetSizeEx(HANDLE Process, SIZE_T Minimum, SIZE_T Maximum, DWORD Flags)
{
    QUOTA_LIMITS_EX Limits = {.MinimumWorkingSetSize = Minimum, .MaximumWorkingSetSize = Maximum, .Flags = Flags};

    if (Minimum == 0 || Maximum == 0) {
        return BaseFail(ERROR_INVALID_PARAMETER);
    }
    return BaseBool(NtSetInformationProcess(Process, ProcessQuotaLimits, &Limits, sizeof(Limits)));
}

WINBOOL WINAPI SetProcessWorkingSetSize(HANDLE Process, SIZE_T Minimum, SIZE_T Maximum)
{
    return SetProcessWorkingSetSizeEx(Process, Minimum, Maximum, 0);
}

WINBOOL WINAPI GetProcessWorkingSetSizeEx(HANDLE Process, PSIZE_T Minimum, PSIZE_T Maximum, PDWORD Flags)
{
    QUOTA_LIMITS_EX Limits;

    if (!BaseBool(NtQueryInformationProcess(Process, ProcessQuotaLimits, &Limits, sizeof(Limits), NULL))) {
        return FALSE;
    }
    *Minimum = Limits.MinimumWorkingSetSize;
    *Maximum = Limits.MaximumWorkingSetSize;
    *Flags = Limits.Flags;
    return TRUE;
}

WINBOOL WINAPI GetProcessWorkingSetSize(HANDLE Process, PSIZE_T Minimum, PSIZE_T Maximum)
{
    DWORD Flags;

    return GetProcessWorkingSetSizeEx(Process, Minimum, Maximum, &Flags);
}

WINBOOL WINAPI K32EmptyWorkingSet(HANDLE Process)
{
    return SetProcessWorkingSetSize(Process, (SIZE_T)-1, (SIZE_T)-1);
}

WINBOOL WINAPI K32QueryWorkingSet(HANDLE Process, PVOID Information, DWORD Length)
{
    return BaseBool(NtQueryVirtualMemory(Process, NULL, MemoryWorkingSetInformation, Information, Length, NULL));
}

WINBOOL WINAPI K32QueryWorkingSetEx(HANDLE Process, PVOID Information, DWORD Length)
{
    return BaseBool(NtQueryVirtualMemory(Process, NULL, MemoryWorkingSetExInformation, Information, Length, NULL));
}

WINBOOL WINAPI K32GetProcessMemoryInfo(HANDLE Process, PPROCESS_MEMORY_COUNTERS Counters, DWORD Length)
{
    VM_COUNTERS Vm;

    if (Length < sizeof(*Counters)) {
        return BaseFail(ERROR_INSUFFICIENT_BUFFER);
    }
    if (!BaseBool(NtQueryInformationProcess(Process, ProcessVmCounters, &Vm, sizeof(Vm), NULL))) {
        return FALSE;
    }
    Counters->cb = sizeof(*Counters);
    Counters->PageFaultCount = Vm.PageFaultCount;
    Counters->PeakWorkingSetSize = Vm.PeakWorkingSetSize;
    Counters->WorkingSetSize = Vm.WorkingSetSize;
    Counters->QuotaPeakPagedPoolUsage = Vm.QuotaPeakPagedPoolUsage;
    Counters->QuotaPagedPoolUsage = Vm.QuotaPagedPoolUsage;
    Counters->QuotaPeakNonPagedPoolUsage = Vm.QuotaPeakNonPagedPoolUsage;
    Counters->QuotaNonPagedPoolUsage = Vm.QuotaNonPagedPoolUsage;
    Counters->PagefileUsage = Vm.PagefileUsage;
    Counters->PeakPagefileUsage = Vm.PeakPagefileUsage;
    if (Length >= sizeof(PROCESS_MEMORY_COUNTERS_EX)) {
        PPROCESS_MEMORY_COUNTERS_EX Extended = (PPROCESS_MEMORY_COUNTERS_EX)Counters;

        Extended->cb = sizeof(*Extended);
        Extended->PrivateUsage = Vm.PagefileUsage;
    }
    return TRUE;
}

// Begins to note the pages that are added to the working set; if they are noted already, those so far are forgotten.
WINBOOL WINAPI K32InitializeProcessForWsWatch(HANDLE Process)
{
    NTSTATUS Status = NtSetInformationProcess(Process, ProcessWorkingSetWatch, NULL, 0);
    PVOID Records;

    if (Status != STATUS_PORT_ALREADY_SET) {
        return BaseBool(Status);
    }
    Records = RtlAllocateHeap(RtlProcessHeap(), 0, WATCH_BYTES);
    if (Records == NULL) {
        return BaseFail(ERROR_NOT_ENOUGH_MEMORY);
    }
    Status = NtQueryInformationProcess(Process, ProcessWorkingSetWatch, Records, WATCH_BYTES, NULL);
    RtlFreeHeap(RtlProcessHeap(), 0, Records);
    return BaseBool(Status);
}

WINBOOL WINAPI K32GetWsChanges(HANDLE Process, PPSAPI_WS_WATCH_INFORMATION Changes, DWORD Length)
{
    return BaseBool(NtQueryInformationProcess(Process, ProcessWorkingSetWatch, Changes, Length, NULL));
}
