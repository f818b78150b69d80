// SPDX-License-Identifier: MIT
// NtSetInformationProcess and NtSetInformationThread: priorities, affinity, boosts, error mode.

#include "psp.h"

// Copies a value of exactly Size bytes. STATUS_INFO_LENGTH_MISMATCH for any other length.
static NTSTATUS PspCaptureValue(PVOID Value, ULONG Size, PVOID Information, ULONG Length)
{
    volatile NTSTATUS Status = STATUS_SUCCESS;

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

static NTSTATUS PspSetPriorityClass(PEPROCESS Process, UCHAR Class)
{
    static const SCHAR Base[] = {8, 4, 8, 13, 24, 6, 10}; // indexed by PROCESS_PRIORITY_CLASS_*

    if (Class == PROCESS_PRIORITY_CLASS_UNKNOWN || Class >= RTL_NUMBER_OF(Base))
        return STATUS_INVALID_PARAMETER;
    Process->PriorityClass = Class;
    KeSetPriorityProcess(&Process->Pcb, Base[Class]);
    return STATUS_SUCCESS;
}

static NTSTATUS PspSetProcessValue(PEPROCESS Process, PROCESSINFOCLASS Class, PVOID Information, ULONG Length)
{
    PROCESS_PRIORITY_CLASS_NT PriorityClass;
    ULONG Value;
    NTSTATUS Status;

    switch (Class) {
    case ProcessPriorityClass:
        Status = PspCaptureValue(&PriorityClass, sizeof(PriorityClass), Information, Length);
        return NT_SUCCESS(Status) ? PspSetPriorityClass(Process, PriorityClass.PriorityClass) : Status;
    case ProcessDefaultHardErrorMode:
        Status = PspCaptureValue(&Value, sizeof(Value), Information, Length);
        if (NT_SUCCESS(Status))
            Process->DefaultHardErrorProcessing = Value;
        return Status;
    case ProcessPriorityBoost:
        Status = PspCaptureValue(&Value, sizeof(Value), Information, Length);
        if (NT_SUCCESS(Status))
            Process->Pcb.DisableBoost = Value != 0;
        return Status;
    case ProcessBasePriority:
        Status = PspCaptureValue(&Value, sizeof(Value), Information, Length);
        if (NT_SUCCESS(Status) && (Value == 0 || Value > HIGH_PRIORITY))
            Status = STATUS_INVALID_PARAMETER;
        if (NT_SUCCESS(Status))
            KeSetPriorityProcess(&Process->Pcb, (KPRIORITY)Value);
        return Status;
    default:
        return STATUS_INVALID_INFO_CLASS;
    }
}

NTSTATUS NTAPI NtSetInformationProcess(HANDLE ProcessHandle, PROCESSINFOCLASS Class, PVOID Information, ULONG Length)
{
    PEPROCESS Process;
    NTSTATUS Status;

    PAGED_CODE();
    Status = ObReferenceObjectByHandle(ProcessHandle, PROCESS_SET_INFORMATION, PsProcessType, ExGetPreviousMode(),
                                       (PVOID *)&Process, NULL);
    if (!NT_SUCCESS(Status))
        return Status;
    Status = PspSetProcessValue(Process, Class, Information, Length);
    ObDereferenceObject(Process);
    return Status;
}

static NTSTATUS PspSetThreadPriority(PETHREAD Thread, THREADINFOCLASS Class, LONG Value)
{
    if (Class == ThreadPriority) {
        if (Value <= 0 || Value > HIGH_PRIORITY)
            return STATUS_INVALID_PARAMETER;
        KeSetPriorityThread(&Thread->Tcb, Value);
        return STATUS_SUCCESS;
    }
    // An increment of -2..2, or +-15/16 for saturation (SDK: SetThreadPriority); the real-time class may use -7..6.
    if (Value < -16 || Value > 16)
        return STATUS_INVALID_PARAMETER;
    KeSetBasePriorityThread(&Thread->Tcb, Value);
    return STATUS_SUCCESS;
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
        Class != ThreadQuerySetWin32StartAddress && Class != ThreadPriorityBoost && Class != ThreadIdealProcessor)
        return STATUS_INVALID_INFO_CLASS;
    Status = PspCaptureValue(&Value, sizeof(Value), Information, Length);
    if (!NT_SUCCESS(Status))
        return Status;
    switch (Class) {
    case ThreadAffinityMask:
        if (Value == 0 || (Value & ~Thread->ThreadsProcess->Pcb.Affinity))
            return STATUS_INVALID_PARAMETER;
        KeSetAffinityThread(&Thread->Tcb, Value);
        return STATUS_SUCCESS;
    case ThreadQuerySetWin32StartAddress:
        Thread->Win32StartAddress = (PVOID)(ULONG_PTR)Value;
        return STATUS_SUCCESS;
    case ThreadPriorityBoost:
        KeSetDisableBoostThread(&Thread->Tcb, Value != 0);
        return STATUS_SUCCESS;
    case ThreadIdealProcessor:
        if (Value > 32)
            return STATUS_INVALID_PARAMETER;
        Thread->Tcb.IdealProcessor = (UCHAR)(Value < (ULONG)KeNumberProcessors ? Value : Thread->Tcb.IdealProcessor);
        return STATUS_SUCCESS;
    default:
        return PspSetThreadPriority(Thread, Class, (LONG)Value);
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
