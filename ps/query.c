// SPDX-License-Identifier: MIT
// NtQueryInformationProcess and NtQueryInformationThread: a table says for each class how long its answer is, a routine
// computes it, one room copies it out.

#include "psp.h"

typedef struct _PSP_ANSWER {
    ULONG Length;
    ULONGLONG Data[16];
} PSP_ANSWER, *PPSP_ANSWER;

static PVOID PspAnswer(PPSP_ANSWER Answer, ULONG Length)
{
    ASSERT(Length <= sizeof(Answer->Data));
    RtlZeroMemory(Answer->Data, sizeof(Answer->Data));
    Answer->Length = Length;
    return Answer->Data;
}

// Copies an answer to the caller. STATUS_INFO_LENGTH_MISMATCH unless the length is exactly the class's.
static NTSTATUS PspReturnAnswer(PPSP_ANSWER Answer, PVOID Information, ULONG Length, PULONG ReturnLength)
{
    KPROCESSOR_MODE Mode = ExGetPreviousMode();
    volatile NTSTATUS Status = STATUS_SUCCESS;

    SEH_TRY
    {
        if (Mode != KernelMode) {
            ProbeForWrite(Information, Length, sizeof(ULONG));
            if (ReturnLength != NULL)
                ProbeForWriteType(ReturnLength);
        }
        if (Length == Answer->Length)
            RtlCopyMemory(Information, Answer->Data, Length);
        else
            Status = STATUS_INFO_LENGTH_MISMATCH;
        if (ReturnLength != NULL)
            *ReturnLength = Answer->Length;
    }
    SEH_EXCEPT
    {
        Status = SEH_CODE();
    }
    SEH_END
    return Status;
}

static VOID PspTicksToTime(ULONG Ticks, PLARGE_INTEGER Time)
{
    Time->QuadPart = (LONGLONG)Ticks * KeMaximumIncrement;
}

static VOID PspProcessTimes(PEPROCESS Process, PKERNEL_USER_TIMES Times)
{
    ULONG User, Kernel = KeQueryRuntimeProcess(&Process->Pcb, &User);

    Times->CreateTime = Process->CreateTime;
    Times->ExitTime = Process->ExitTime;
    PspTicksToTime(Kernel, &Times->KernelTime);
    PspTicksToTime(User, &Times->UserTime);
}

static VOID PspProcessBasic(PEPROCESS Process, PPROCESS_BASIC_INFORMATION Basic)
{
    Basic->ExitStatus = Process->ExitStatus;
    if (Process->ActiveThreads != 0 || !(Process->Flags & PS_PROCESS_FLAGS_DELETE))
        Basic->ExitStatus = STATUS_PENDING;
    Basic->PebBaseAddress = Process->Peb;
    Basic->AffinityMask = Process->Pcb.Affinity;
    Basic->BasePriority = Process->Pcb.BasePriority;
    Basic->UniqueProcessId = (ULONG_PTR)Process->UniqueProcessId;
    Basic->InheritedFromUniqueProcessId = (ULONG_PTR)Process->InheritedFromUniqueProcessId;
}

static VOID PspPriorityClass(PEPROCESS Process, PROCESS_PRIORITY_CLASS_NT *Class)
{
    Class->Foreground = Process->Foreground;
    Class->PriorityClass = Process->PriorityClass;
}

static NTSTATUS PspAnswerProcess(PEPROCESS Process, PROCESSINFOCLASS Class, PPSP_ANSWER Answer)
{
    switch (Class) {
    case ProcessBasicInformation:
        PspProcessBasic(Process, PspAnswer(Answer, sizeof(PROCESS_BASIC_INFORMATION)));
        return STATUS_SUCCESS;
    case ProcessQuotaLimits: // the caller's length says which form it wants
        PspQueryQuotaLimits(Process,
                            PspAnswer(Answer, Answer->Length == sizeof(QUOTA_LIMITS_EX) ? sizeof(QUOTA_LIMITS_EX)
                                                                                        : sizeof(QUOTA_LIMITS)));
        return STATUS_SUCCESS;
    case ProcessIoCounters:
        *(PIO_COUNTERS)PspAnswer(Answer, sizeof(IO_COUNTERS)) = Process->IoCounters;
        return STATUS_SUCCESS;
    case ProcessVmCounters:
        MmQueryProcessVm(Process, PspAnswer(Answer, sizeof(VM_COUNTERS)));
        return STATUS_SUCCESS;
    case ProcessTimes:
        PspProcessTimes(Process, PspAnswer(Answer, sizeof(KERNEL_USER_TIMES)));
        return STATUS_SUCCESS;
    case ProcessDebugPort:
        *(PULONG)PspAnswer(Answer, sizeof(ULONG)) = 0;
        return STATUS_SUCCESS;
    case ProcessDefaultHardErrorMode:
        *(PULONG)PspAnswer(Answer, sizeof(ULONG)) = Process->DefaultHardErrorProcessing;
        return STATUS_SUCCESS;
    case ProcessPriorityClass:
        PspPriorityClass(Process, PspAnswer(Answer, sizeof(PROCESS_PRIORITY_CLASS_NT)));
        return STATUS_SUCCESS;
    case ProcessHandleCount:
        *(PULONG)PspAnswer(Answer, sizeof(ULONG)) = ObGetProcessHandleCount(Process);
        return STATUS_SUCCESS;
    case ProcessPagePriority:
        *(PULONG)PspAnswer(Answer, sizeof(ULONG)) = Process->PagePriority;
        return STATUS_SUCCESS;
    case ProcessPriorityBoost:
        *(PULONG)PspAnswer(Answer, sizeof(ULONG)) = Process->Pcb.DisableBoost;
        return STATUS_SUCCESS;
    case ProcessSessionInformation:
        *(PULONG)PspAnswer(Answer, sizeof(ULONG)) = Process->SessionId;
        return STATUS_SUCCESS;
    case ProcessBreakOnTermination:
        *(PULONG)PspAnswer(Answer, sizeof(ULONG)) = (Process->Flags & PS_PROCESS_FLAGS_BREAK_ON_TERMINATION) != 0;
        return STATUS_SUCCESS;
    case ProcessExecuteFlags:
        *(PULONG)PspAnswer(Answer, sizeof(ULONG)) = MmGetExecuteOptions(Process);
        return STATUS_SUCCESS;
    case ProcessImageInformation:
        if (Process->SectionObject == NULL)
            return STATUS_INVALID_PARAMETER;
        MmGetImageInformation(Process->SectionObject, PspAnswer(Answer, sizeof(SECTION_IMAGE_INFORMATION)));
        return STATUS_SUCCESS;
    default:
        return STATUS_INVALID_INFO_CLASS;
    }
}

// ProcessImageFileName: a UNICODE_STRING with its characters behind it, any sufficient length.
static NTSTATUS PspQueryImageName(PEPROCESS Process, PVOID Information, ULONG Length, PULONG ReturnLength)
{
    const ULONG Capacity = 1024;
    KPROCESSOR_MODE Mode = ExGetPreviousMode();
    PFILE_OBJECT File = Process->SectionObject != NULL ? MmGetFileObjectForSection(Process->SectionObject) : NULL;
    POBJECT_NAME_INFORMATION Name = ExAllocatePoolWithTag(PagedPool, Capacity, TAG_PS_TEMP);
    volatile NTSTATUS Status = Name != NULL ? STATUS_SUCCESS : STATUS_NO_MEMORY;
    ULONG Needed = sizeof(UNICODE_STRING);

    if (Name != NULL)
        RtlZeroMemory(Name, sizeof(*Name));
    if (Name != NULL && File != NULL)
        Status = IoQueryFileName(File, Name, Capacity, &Needed);
    if (NT_SUCCESS(Status)) {
        Needed = sizeof(UNICODE_STRING) + Name->Name.Length + (Name->Name.Length ? sizeof(WCHAR) : 0);
        SEH_TRY
        {
            PUNICODE_STRING Target = Information;

            if (Mode != KernelMode) {
                ProbeForWrite(Information, Length, sizeof(ULONG));
                if (ReturnLength != NULL)
                    ProbeForWriteType(ReturnLength);
            }
            if (ReturnLength != NULL)
                *ReturnLength = Needed;
            if (Length < Needed) {
                Status = STATUS_INFO_LENGTH_MISMATCH;
            } else {
                Target->Length = Name->Name.Length;
                Target->MaximumLength = (USHORT)(Needed - sizeof(UNICODE_STRING));
                Target->Buffer = (PWSTR)(Target + 1);
                RtlCopyMemory(Target->Buffer, Name->Name.Buffer, Name->Name.Length);
                if (Name->Name.Length != 0)
                    Target->Buffer[Name->Name.Length / sizeof(WCHAR)] = 0;
            }
        }
        SEH_EXCEPT
        {
            Status = SEH_CODE();
        }
        SEH_END
    }
    if (Name != NULL)
        ExFreePoolWithTag(Name, TAG_PS_TEMP);
    if (File != NULL)
        ObDereferenceObject(File);
    return Status;
}

NTSTATUS NTAPI NtQueryInformationProcess(HANDLE ProcessHandle, PROCESSINFOCLASS Class, PVOID Information, ULONG Length,
                                         PULONG ReturnLength)
{
    PSP_ANSWER Answer;
    PEPROCESS Process;
    NTSTATUS Status;

    PAGED_CODE();
    Status = ObReferenceObjectByHandle(ProcessHandle, PROCESS_QUERY_INFORMATION, PsProcessType, ExGetPreviousMode(),
                                       (PVOID *)&Process, NULL);
    if (!NT_SUCCESS(Status))
        return Status;
    if (Class == ProcessImageFileName) {
        Status = PspQueryImageName(Process, Information, Length, ReturnLength);
    } else if (Class == ProcessWorkingSetWatch) {
        Status = PspQueryWorkingSetWatch(Process, Information, Length, ReturnLength);
    } else {
        Answer.Length = Length;
        Status = PspAnswerProcess(Process, Class, &Answer);
        if (NT_SUCCESS(Status))
            Status = PspReturnAnswer(&Answer, Information, Length, ReturnLength);
    }
    ObDereferenceObject(Process);
    return Status;
}

static VOID PspThreadTimes(PETHREAD Thread, PKERNEL_USER_TIMES Times)
{
    ULONG UserTicks, KernelTicks = KeQueryRuntimeThread(&Thread->Tcb, &UserTicks);

    Times->CreateTime = Thread->CreateTime;
    Times->ExitTime = Thread->ExitTime;
    PspTicksToTime(KernelTicks, &Times->KernelTime);
    PspTicksToTime(UserTicks, &Times->UserTime);
}

static VOID PspThreadBasic(PETHREAD Thread, PTHREAD_BASIC_INFORMATION Basic)
{
    Basic->ExitStatus = KeReadStateEvent((PKEVENT)&Thread->Tcb) ? Thread->ExitStatus : STATUS_PENDING;
    Basic->TebBaseAddress = Thread->Tcb.Teb;
    Basic->ClientId = Thread->Cid;
    Basic->AffinityMask = Thread->Tcb.UserAffinity; // what was asked for, wherever the kernel has it run now
    Basic->Priority = Thread->Tcb.Priority;
    Basic->BasePriority = KeQueryBasePriorityThread(&Thread->Tcb);
}

static NTSTATUS PspAnswerThread(PETHREAD Thread, THREADINFOCLASS Class, PPSP_ANSWER Answer)
{
    switch (Class) {
    case ThreadBasicInformation:
        PspThreadBasic(Thread, PspAnswer(Answer, sizeof(THREAD_BASIC_INFORMATION)));
        return STATUS_SUCCESS;
    case ThreadTimes:
        PspThreadTimes(Thread, PspAnswer(Answer, sizeof(KERNEL_USER_TIMES)));
        return STATUS_SUCCESS;
    case ThreadQuerySetWin32StartAddress:
        *(PVOID *)PspAnswer(Answer, sizeof(PVOID)) = Thread->Win32StartAddress;
        return STATUS_SUCCESS;
    case ThreadPerformanceCount: // NT keeps none either: always 0
        PspAnswer(Answer, sizeof(LARGE_INTEGER));
        return STATUS_SUCCESS;
    case ThreadAmILastThread:
        *(PULONG)PspAnswer(Answer, sizeof(ULONG)) = Thread->ThreadsProcess->ActiveThreads == 1;
        return STATUS_SUCCESS;
    case ThreadPagePriority:
        *(PULONG)PspAnswer(Answer, sizeof(ULONG)) = Thread->PagePriority;
        return STATUS_SUCCESS;
    case ThreadPriorityBoost:
        *(PULONG)PspAnswer(Answer, sizeof(ULONG)) = Thread->Tcb.DisableBoost;
        return STATUS_SUCCESS;
    default:
        return STATUS_INVALID_INFO_CLASS;
    }
}

NTSTATUS NTAPI NtQueryInformationThread(HANDLE ThreadHandle, THREADINFOCLASS Class, PVOID Information, ULONG Length,
                                        PULONG ReturnLength)
{
    PSP_ANSWER Answer;
    PETHREAD Thread;
    NTSTATUS Status;

    PAGED_CODE();
    Status = ObReferenceObjectByHandle(ThreadHandle, THREAD_QUERY_INFORMATION, PsThreadType, ExGetPreviousMode(),
                                       (PVOID *)&Thread, NULL);
    if (!NT_SUCCESS(Status))
        return Status;
    Status = PspAnswerThread(Thread, Class, &Answer);
    if (NT_SUCCESS(Status))
        Status = PspReturnAnswer(&Answer, Information, Length, ReturnLength);
    ObDereferenceObject(Thread);
    return Status;
}
