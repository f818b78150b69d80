// SPDX-License-Identifier: MIT
// Acting on processes that exist: ending, exit codes, opening by id, priority classes, times.

#include "k32.h"

VOID WINAPI ExitProcess(UINT Code)
{
    RtlExitUserProcess((NTSTATUS)Code);
}

WINBOOL WINAPI TerminateProcess(HANDLE Process, UINT Code)
{
    if (Process == NULL) {
        return BaseFail(ERROR_INVALID_HANDLE);
    }
    return BaseBool(NtTerminateProcess(Process, (NTSTATUS)Code));
}

HANDLE WINAPI GetCurrentProcess(VOID)
{
    return NtCurrentProcess();
}

DWORD WINAPI GetCurrentProcessId(VOID)
{
    return (DWORD)(ULONG_PTR)BaseTeb()->ClientId.UniqueProcess;
}

HANDLE WINAPI OpenProcess(DWORD Access, WINBOOL Inherit, DWORD ProcessId)
{
    OBJECT_ATTRIBUTES Attributes;
    CLIENT_ID Id = {(HANDLE)(ULONG_PTR)ProcessId, NULL};
    HANDLE Handle = NULL;

    InitializeObjectAttributes(&Attributes, NULL, Inherit ? OBJ_INHERIT : 0, NULL, NULL);
    return BaseOpened(NtOpenProcess(&Handle, Access, &Attributes, &Id), &Handle);
}

static BOOL BasepProcessBasic(HANDLE Process, PPROCESS_BASIC_INFORMATION Information)
{
    return BaseBool(
        NtQueryInformationProcess(Process, ProcessBasicInformation, Information, sizeof(*Information), NULL));
}

WINBOOL WINAPI GetExitCodeProcess(HANDLE Process, LPDWORD Code)
{
    PROCESS_BASIC_INFORMATION Information;

    if (!BasepProcessBasic(Process, &Information)) {
        return FALSE;
    }
    *Code = (DWORD)Information.ExitStatus;
    return TRUE;
}

DWORD WINAPI GetProcessId(HANDLE Process)
{
    PROCESS_BASIC_INFORMATION Information;

    return BasepProcessBasic(Process, &Information) ? (DWORD)Information.UniqueProcessId : 0;
}

static const struct {
    DWORD Class;
    UCHAR Native;
} BasepClasses[] = {
    {IDLE_PRIORITY_CLASS, PROCESS_PRIORITY_CLASS_IDLE},
    {NORMAL_PRIORITY_CLASS, PROCESS_PRIORITY_CLASS_NORMAL},
    {HIGH_PRIORITY_CLASS, PROCESS_PRIORITY_CLASS_HIGH},
    {REALTIME_PRIORITY_CLASS, PROCESS_PRIORITY_CLASS_REALTIME},
    {BELOW_NORMAL_PRIORITY_CLASS, PROCESS_PRIORITY_CLASS_BELOW_NORMAL},
    {ABOVE_NORMAL_PRIORITY_CLASS, PROCESS_PRIORITY_CLASS_ABOVE_NORMAL},
};

// Who may not have the real-time class gets the one below it (SDK, SetPriorityClass).
static BOOL BasepSetClass(HANDLE Process, PROCESS_PRIORITY_CLASS_NT *Information)
{
    NTSTATUS Status = NtSetInformationProcess(Process, ProcessPriorityClass, Information, sizeof(*Information));

    if (Status == STATUS_PRIVILEGE_NOT_HELD && Information->PriorityClass == PROCESS_PRIORITY_CLASS_REALTIME) {
        Information->PriorityClass = PROCESS_PRIORITY_CLASS_HIGH;
        Status = NtSetInformationProcess(Process, ProcessPriorityClass, Information, sizeof(*Information));
    }
    return BaseBool(Status);
}

WINBOOL WINAPI SetPriorityClass(HANDLE Process, DWORD Class)
{
    PROCESS_PRIORITY_CLASS_NT Information ALIGNED(4) = {FALSE, 0};

    for (ULONG i = 0; i < RTL_NUMBER_OF(BasepClasses); i++) {
        if (BasepClasses[i].Class == Class) {
            Information.PriorityClass = BasepClasses[i].Native;
            return BasepSetClass(Process, &Information);
        }
    }
    return BaseFail(ERROR_INVALID_PARAMETER);
}

DWORD WINAPI GetPriorityClass(HANDLE Process)
{
    PROCESS_PRIORITY_CLASS_NT Information ALIGNED(4);

    if (!BaseBool(NtQueryInformationProcess(Process, ProcessPriorityClass, &Information, sizeof(Information), NULL))) {
        return 0;
    }
    for (ULONG i = 0; i < RTL_NUMBER_OF(BasepClasses); i++) {
        if (BasepClasses[i].Native == Information.PriorityClass) {
            return BasepClasses[i].Class;
        }
    }
    return NORMAL_PRIORITY_CLASS;
}

WINBOOL WINAPI GetProcessTimes(HANDLE Process, LPFILETIME Create, LPFILETIME Exit, LPFILETIME Kernel, LPFILETIME User)
{
    KERNEL_USER_TIMES Times;

    if (!BaseBool(NtQueryInformationProcess(Process, ProcessTimes, &Times, sizeof(Times), NULL))) {
        return FALSE;
    }
    *Create = BaseFileTime(Times.CreateTime);
    *Exit = BaseFileTime(Times.ExitTime);
    *Kernel = BaseFileTime(Times.KernelTime);
    *User = BaseFileTime(Times.UserTime);
    return TRUE;
}

WINBOOL WINAPI GetProcessAffinityMask(HANDLE Process, PDWORD_PTR ProcessMask, PDWORD_PTR SystemMask)
{
    PROCESS_BASIC_INFORMATION Information;
    SYSTEM_BASIC_INFORMATION System;

    if (!BasepProcessBasic(Process, &Information) ||
        !BaseBool(NtQuerySystemInformation(SystemBasicInformation, &System, sizeof(System), NULL))) {
        return FALSE;
    }
    *ProcessMask = Information.AffinityMask;
    *SystemMask = System.ActiveProcessorsAffinityMask;
    return TRUE;
}

WINBOOL WINAPI SetProcessAffinityMask(HANDLE Process, DWORD_PTR Mask)
{
    return BaseBool(NtSetInformationProcess(Process, ProcessAffinityMask, &Mask, sizeof(Mask)));
}

WINBOOL WINAPI SetProcessPriorityBoost(HANDLE Process, WINBOOL Disable)
{
    ULONG Value = Disable != 0;

    return BaseBool(NtSetInformationProcess(Process, ProcessPriorityBoost, &Value, sizeof(Value)));
}

WINBOOL WINAPI GetProcessPriorityBoost(HANDLE Process, PBOOL Disabled)
{
    ULONG Value = 0;

    if (!BaseBool(NtQueryInformationProcess(Process, ProcessPriorityBoost, &Value, sizeof(Value), NULL))) {
        return FALSE;
    }
    *Disabled = Value != 0;
    return TRUE;
}

WINBOOL WINAPI GetProcessIoCounters(HANDLE Process, PIO_COUNTERS Counters)
{
    return BaseBool(NtQueryInformationProcess(Process, ProcessIoCounters, Counters, sizeof(*Counters), NULL));
}

// A handle table grows by itself; there is no count to set.
UINT WINAPI SetHandleCount(UINT Count)
{
    return Count;
}

WINBOOL WINAPI GetProcessHandleCount(HANDLE Process, PDWORD Count)
{
    return BaseBool(NtQueryInformationProcess(Process, ProcessHandleCount, Count, sizeof(*Count), NULL));
}

DWORD WINAPI GetCurrentProcessorNumber(VOID)
{
    return (DWORD)NtGetCurrentProcessorNumber();
}
