// SPDX-License-Identifier: MIT
// NtSetInformationProcess and NtSetInformationThread: priorities, affinity, boosts, error mode.

#include "psp.h"

#define PSP_SATURATED 16 // an increment that goes to the end of the range
#define PSP_MAXIMUM_PROCESSORS 32

// Copies a value of exactly Size bytes. STATUS_INFO_LENGTH_MISMATCH for any other length.
NTSTATUS PspCaptureValue(PVOID Value, ULONG Size, PVOID Information, ULONG Length)
{
    volatile NTSTATUS Status = STATUS_SUCCESS;

    PAGED_CODE();
    if (Length != Size)
        return STATUS_INFO_LENGTH_MISMATCH;
    SEH_TRY
    {
        if (ExGetPreviousMode() != KernelMode)
            ProbeForRead(Information, Length, Size >= sizeof(ULONG) ? sizeof(ULONG) : 1);
        RtlCopyMemory(Value, Information, Size);
    }
    SEH_EXCEPT
    {
        Status = SEH_CODE();
    }
    SEH_END
    return Status;
}

static BOOLEAN PspMayRaisePriority(VOID)
{
    return SeSinglePrivilegeCheck(SE_INC_BASE_PRIORITY_PRIVILEGE, ExGetPreviousMode());
}

// ProcessBasePriority: above the present one only with SeIncreaseBasePriorityPrivilege.
static NTSTATUS PspSetBasePriority(PEPROCESS Process, ULONG Value)
{
    if (Value == 0 || Value > HIGH_PRIORITY)
        return STATUS_INVALID_PARAMETER;
    if ((KPRIORITY)Value > Process->Pcb.BasePriority && !PspMayRaisePriority())
        return STATUS_PRIVILEGE_NOT_HELD;
    KeSetPriorityProcess(&Process->Pcb, (KPRIORITY)Value);
    return STATUS_SUCCESS;
}

// ProcessBreakOnTermination: the end of the process stops the system (bugcheck 0xF4). A program that may do that can
// crash the kernel; the privilege alone, which everybody has here, is not enough: the boot line must allow it, and only
// checked builds listen to it.
static NTSTATUS PspSetBreakOnTermination(PEPROCESS Process, BOOLEAN Break)
{
    if (!DBG || KeFindBootOption("/BREAKONTERMINATION") == NULL ||
        !SeSinglePrivilegeCheck(SE_DEBUG_PRIVILEGE, ExGetPreviousMode()))
        return STATUS_PRIVILEGE_NOT_HELD;
    if (Break)
        PsSetFlags(Process, PS_PROCESS_FLAGS_BREAK_ON_TERMINATION);
    else
        InterlockedAnd(&Process->Flags, ~PS_PROCESS_FLAGS_BREAK_ON_TERMINATION);
    return STATUS_SUCCESS;
}

// The classes whose information is a ULONG.
static NTSTATUS PspSetProcessUlong(PEPROCESS Process, PROCESSINFOCLASS Class, ULONG Value)
{
    switch (Class) {
    case ProcessPagePriority:
        return PspSetProcessPagePriority(Process, Value);
    case ProcessDefaultHardErrorMode:
        Process->DefaultHardErrorProcessing = Value;
        return STATUS_SUCCESS;
    case ProcessPriorityBoost:
        KeSetDisableBoostProcess(&Process->Pcb, Value != 0);
        return STATUS_SUCCESS;
    case ProcessBasePriority:
        return PspSetBasePriority(Process, Value);
    case ProcessBreakOnTermination:
        return PspSetBreakOnTermination(Process, Value != 0);
    case ProcessExecuteFlags: // one's own, as in NT
        return Process == PsGetCurrentProcess() ? MmSetExecuteOptions(Value) : STATUS_ACCESS_DENIED;
    case ProcessAffinityMask:
        if (Value == 0 || (Value & ~KeActiveProcessors))
            return STATUS_INVALID_PARAMETER;
        if (Process->Flags & PS_PROCESS_FLAGS_DELETE)
            return STATUS_PROCESS_IS_TERMINATING;
        PspSetAffinity(Process, Value);
        return STATUS_SUCCESS;
    default:
        return STATUS_INVALID_INFO_CLASS;
    }
}

static NTSTATUS PspSetProcessValue(PEPROCESS Process, PROCESSINFOCLASS Class, PVOID Information, ULONG Length)
{
    PROCESS_PRIORITY_CLASS_NT PriorityClass;
    BOOLEAN Foreground;
    ULONG Value;
    NTSTATUS Status;

    switch (Class) {
    case ProcessPriorityClass:
        Status = PspCaptureValue(&PriorityClass, sizeof(PriorityClass), Information, Length);
        return NT_SUCCESS(Status)
                   ? PspSetPriorityClass(Process, PriorityClass.PriorityClass, PriorityClass.Foreground != 0)
                   : Status;
    case ProcessForegroundInformation:
        Status = PspCaptureValue(&Foreground, sizeof(Foreground), Information, Length);
        if (NT_SUCCESS(Status))
            PspSetForeground(Process, Foreground != 0);
        return Status;
    case ProcessQuotaLimits:
        return PspSetQuotaLimits(Process, Information, Length);
    case ProcessWorkingSetWatch:
        return PspStartWorkingSetWatch(Process, Length);
    case ProcessDefaultHardErrorMode:
    case ProcessPriorityBoost:
    case ProcessBasePriority:
    case ProcessAffinityMask:
    case ProcessBreakOnTermination:
    case ProcessPagePriority:
    case ProcessExecuteFlags:
        Status = PspCaptureValue(&Value, sizeof(Value), Information, Length);
        return NT_SUCCESS(Status) ? PspSetProcessUlong(Process, Class, Value) : Status;
    default:
        return STATUS_INVALID_INFO_CLASS;
    }
}

NTSTATUS NTAPI NtSetInformationProcess(HANDLE ProcessHandle, PROCESSINFOCLASS Class, PVOID Information, ULONG Length)
{
    ACCESS_MASK Access = PROCESS_SET_INFORMATION;
    PEPROCESS Process;
    NTSTATUS Status;

    PAGED_CODE();
    if (Class == ProcessQuotaLimits)
        Access = PROCESS_SET_QUOTA;
    else if (Class == ProcessWorkingSetWatch)
        Access = PROCESS_QUERY_INFORMATION; // SDK, InitializeProcessForWsWatch
    Status =
        ObReferenceObjectByHandle(ProcessHandle, Access, PsProcessType, ExGetPreviousMode(), (PVOID *)&Process, NULL);
    if (!NT_SUCCESS(Status))
        return Status;
    Status = PspSetProcessValue(Process, Class, Information, Length);
    ObDereferenceObject(Process);
    return Status;
}

// ThreadPriority: the current priority, 1 to 31; the real-time ones need the privilege.
static NTSTATUS PspSetThreadPriority(PETHREAD Thread, LONG Value)
{
    if (Value <= 0 || Value > HIGH_PRIORITY)
        return STATUS_INVALID_PARAMETER;
    if (Value >= LOW_REALTIME_PRIORITY && !PspMayRaisePriority())
        return STATUS_PRIVILEGE_NOT_HELD;
    KeSetPriorityThread(&Thread->Tcb, Value);
    return STATUS_SUCCESS;
}

// ThreadBasePriority: an increment of -2 to 2, or one step beyond the SDK's THREAD_BASE_PRIORITY_IDLE and _LOWRT (-15,
// 15) for saturation; the real-time class may use everything from -7 to 6 (SDK, SetThreadPriority).
static NTSTATUS PspSetThreadIncrement(PETHREAD Thread, LONG Value)
{
    BOOLEAN Saturated = Value == PSP_SATURATED || Value == -PSP_SATURATED;

    if (!Saturated && (Value < -2 || Value > 2) &&
        (Thread->ThreadsProcess->PriorityClass != PROCESS_PRIORITY_CLASS_REALTIME || Value < -7 || Value > 6))
        return STATUS_INVALID_PARAMETER;
    KeSetBasePriorityThread(&Thread->Tcb, Value);
    return STATUS_SUCCESS;
}

// ThreadAffinityMask: processors of the process's set, which does not change meanwhile.
static NTSTATUS PspSetThreadAffinity(PETHREAD Thread, KAFFINITY Affinity)
{
    PEPROCESS Process = Thread->ThreadsProcess;
    NTSTATUS Status = STATUS_SUCCESS;

    KeEnterCriticalRegion();
    ExAcquirePushLockShared(&Process->ProcessLock);
    if (Affinity == 0 || (Affinity & ~Process->Pcb.Affinity))
        Status = STATUS_INVALID_PARAMETER;
    else if (Thread->Flags & PS_THREAD_FLAGS_TERMINATED)
        Status = STATUS_THREAD_IS_TERMINATING;
    else
        KeSetAffinityThread(&Thread->Tcb, Affinity);
    ExReleasePushLockShared(&Process->ProcessLock);
    KeLeaveCriticalRegion();
    return Status;
}

// ThreadIdealProcessor: returns the old one as a (success) status; MAXIMUM_PROCESSORS only asks.
static NTSTATUS PspSetThreadIdealProcessor(PETHREAD Thread, ULONG Value)
{
    if (Value == PSP_MAXIMUM_PROCESSORS)
        return (NTSTATUS)Thread->Tcb.IdealProcessor;
    if (Value >= (ULONG)KeNumberProcessors)
        return STATUS_INVALID_PARAMETER;
    return (NTSTATUS)KeSetIdealProcessorThread(&Thread->Tcb, (UCHAR)Value);
}

static NTSTATUS PspSetThreadValue(PETHREAD Thread, THREADINFOCLASS Class, PVOID Information, ULONG Length)
{
    ULONG Value;
    NTSTATUS Status;

    if (Class == ThreadHideFromDebugger) {
        if (Length != 0)
            return STATUS_INFO_LENGTH_MISMATCH;
        PsSetFlags(Thread, PS_THREAD_FLAGS_HIDE_FROM_DEBUGGER);
        return STATUS_SUCCESS;
    }
    if (Class != ThreadPriority && Class != ThreadBasePriority && Class != ThreadAffinityMask &&
        Class != ThreadQuerySetWin32StartAddress && Class != ThreadPriorityBoost && Class != ThreadIdealProcessor &&
        Class != ThreadPagePriority)
        return STATUS_INVALID_INFO_CLASS;
    Status = PspCaptureValue(&Value, sizeof(Value), Information, Length);
    if (!NT_SUCCESS(Status))
        return Status;
    switch (Class) {
    case ThreadPriority:
        return PspSetThreadPriority(Thread, (LONG)Value);
    case ThreadBasePriority:
        return PspSetThreadIncrement(Thread, (LONG)Value);
    case ThreadAffinityMask:
        return PspSetThreadAffinity(Thread, Value);
    case ThreadQuerySetWin32StartAddress:
        Thread->Win32StartAddress = (PVOID)(ULONG_PTR)Value;
        return STATUS_SUCCESS;
    case ThreadPagePriority:
        if (!PspIsPagePriority(Value))
            return STATUS_INVALID_PARAMETER;
        Thread->PagePriority = (UCHAR)Value;
        return STATUS_SUCCESS;
    case ThreadPriorityBoost:
        KeSetDisableBoostThread(&Thread->Tcb, Value != 0);
        return STATUS_SUCCESS;
    default:
        return PspSetThreadIdealProcessor(Thread, Value);
    }
}

NTSTATUS NTAPI NtSetInformationThread(HANDLE ThreadHandle, THREADINFOCLASS Class, PVOID Information, ULONG Length)
{
    PETHREAD Thread;
    NTSTATUS Status;

    PAGED_CODE();
    Status = ObReferenceObjectByHandle(ThreadHandle, THREAD_SET_INFORMATION, PsThreadType, ExGetPreviousMode(),
                                       (PVOID *)&Thread, NULL);
    if (!NT_SUCCESS(Status))
        return Status;
    Status = PspSetThreadValue(Thread, Class, Information, Length);
    ObDereferenceObject(Thread);
    return Status;
}
