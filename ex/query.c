// SPDX-License-Identifier: MIT
// NtQuerySystemInformation: one table of classes. Each class is answered into kernel memory first, so that no lock is
// held and nothing is half written when the caller's buffer faults. Source: SDK (winternl.h); the Native API as
// published.

#include "exp.h"

#define QUERY_LARGEST_BUFFER 0x100000u // more than any answer needs

typedef struct _EXP_QUERY_CLASS {
    SYSTEM_INFORMATION_CLASS Class;
    ULONG FixedLength; // 0: as long as it takes
    EXP_QUERY_ROUTINE Routine;
    VOID (*Relocate)(PVOID Buffer, PVOID Target); // makes pointers of the offsets in an answer that goes to Target
} EXP_QUERY_CLASS;

static NTSTATUS ExpQueryBasic(PVOID Buffer, ULONG Length, PULONG Needed)
{
    PSYSTEM_BASIC_INFORMATION Basic = Buffer;

    UNREFERENCED_PARAMETER(Length);
    UNREFERENCED_PARAMETER(Needed);
    Basic->TimerResolution = KeQueryTimeIncrement();
    Basic->PageSize = PAGE_SIZE;
    Basic->NumberOfPhysicalPages = MmNumberOfPhysicalPages;
    Basic->LowestPhysicalPageNumber = MmLowestPhysicalPage;
    Basic->HighestPhysicalPageNumber = MmHighestPhysicalPage;
    Basic->AllocationGranularity = MM_ALLOCATION_GRANULARITY;
    Basic->MinimumUserModeAddress = (ULONG_PTR)MM_LOWEST_USER_ADDRESS;
    Basic->MaximumUserModeAddress = (ULONG_PTR)PsGetCurrentProcess()->HighestUserAddress;
    Basic->ActiveProcessorsAffinityMask = KeActiveProcessors;
    Basic->NumberOfProcessors = KeNumberProcessors;
    return STATUS_SUCCESS;
}

static NTSTATUS ExpQueryProcessor(PVOID Buffer, ULONG Length, PULONG Needed)
{
    PSYSTEM_PROCESSOR_INFORMATION Processor = Buffer;

    UNREFERENCED_PARAMETER(Length);
    UNREFERENCED_PARAMETER(Needed);
    Processor->ProcessorArchitecture = 0;                     // PROCESSOR_ARCHITECTURE_INTEL
    Processor->ProcessorLevel = KiProcessorBlock[0]->CpuType; // they are all alike
    Processor->ProcessorRevision = KiProcessorBlock[0]->CpuStep;
    Processor->ProcessorFeatureBits = KeFeatureBits;
    return STATUS_SUCCESS;
}

static NTSTATUS ExpQueryTimeOfDay(PVOID Buffer, ULONG Length, PULONG Needed)
{
    SYSTEM_TIMEOFDAY_INFORMATION Time = {.TimeZoneId = 0};

    ExGetBootTime(&Time.BootTime);
    KeQuerySystemTime(&Time.CurrentTime);
    *Needed = min_of(Length, sizeof(Time)); // as much as the caller asks for
    RtlCopyMemory(Buffer, &Time, *Needed);
    return STATUS_SUCCESS;
}

static NTSTATUS ExpQueryProcessorPerformance(PVOID Buffer, ULONG Length, PULONG Needed)
{
    PSYSTEM_PROCESSOR_PERFORMANCE_INFORMATION Performance = Buffer;
    ULONG Count = (ULONG)KeNumberProcessors;

    *Needed = Count * sizeof(*Performance);
    if (Length < *Needed)
        return STATUS_INFO_LENGTH_MISMATCH;
    for (ULONG Index = 0; Index < Count; Index++) {
        PKPRCB Prcb = KiProcessorBlock[Index];
        ULONGLONG Tick = KeMaximumIncrement;

        Performance[Index].IdleTime.QuadPart = (LONGLONG)(Prcb->IdleThread->KernelTime * Tick);
        Performance[Index].KernelTime.QuadPart = (LONGLONG)(Prcb->KernelTime * Tick);
        Performance[Index].UserTime.QuadPart = (LONGLONG)(Prcb->UserTime * Tick);
        Performance[Index].DpcTime.QuadPart = (LONGLONG)(Prcb->DpcTime * Tick);
        Performance[Index].InterruptTime.QuadPart = (LONGLONG)(Prcb->InterruptTime * Tick);
        Performance[Index].InterruptCount = Prcb->InterruptCount;
    }
    return STATUS_SUCCESS;
}

static NTSTATUS ExpQueryInterrupts(PVOID Buffer, ULONG Length, PULONG Needed)
{
    PSYSTEM_INTERRUPT_INFORMATION Interrupts = Buffer;
    ULONG Count = (ULONG)KeNumberProcessors;

    *Needed = Count * sizeof(*Interrupts);
    if (Length < *Needed)
        return STATUS_INFO_LENGTH_MISMATCH;
    for (ULONG Index = 0; Index < Count; Index++) {
        Interrupts[Index].ContextSwitches = KiProcessorBlock[Index]->KeContextSwitches;
        Interrupts[Index].DpcCount = KiProcessorBlock[Index]->DpcData[DPC_NORMAL].DpcCount;
        Interrupts[Index].TimeIncrement = KeQueryTimeIncrement();
    }
    return STATUS_SUCCESS;
}

static NTSTATUS ExpQueryExceptions(PVOID Buffer, ULONG Length, PULONG Needed)
{
    PSYSTEM_EXCEPTION_INFORMATION Exceptions = Buffer;

    UNREFERENCED_PARAMETER(Length);
    UNREFERENCED_PARAMETER(Needed);
    for (ULONG Index = 0; Index < (ULONG)KeNumberProcessors; Index++)
        Exceptions->ExceptionDispatchCount += KiProcessorBlock[Index]->KeExceptionDispatchCount;
    return STATUS_SUCCESS;
}

static NTSTATUS ExpQueryContextSwitches(PVOID Buffer, ULONG Length, PULONG Needed)
{
    PSYSTEM_CONTEXT_SWITCH_INFORMATION Switches = Buffer;

    UNREFERENCED_PARAMETER(Length);
    UNREFERENCED_PARAMETER(Needed);
    for (ULONG Index = 0; Index < (ULONG)KeNumberProcessors; Index++)
        Switches->ContextSwitches += KiProcessorBlock[Index]->KeContextSwitches;
    return STATUS_SUCCESS;
}

static NTSTATUS ExpQueryTimeAdjustment(PVOID Buffer, ULONG Length, PULONG Needed)
{
    PSYSTEM_QUERY_TIME_ADJUST_INFORMATION Adjustment = Buffer;

    UNREFERENCED_PARAMETER(Length);
    UNREFERENCED_PARAMETER(Needed);
    Adjustment->TimeAdjustment = Adjustment->TimeIncrement = KeQueryTimeIncrement();
    Adjustment->Enable = TRUE;
    return STATUS_SUCCESS;
}

static NTSTATUS ExpQueryDebugger(PVOID Buffer, ULONG Length, PULONG Needed)
{
    PSYSTEM_KERNEL_DEBUGGER_INFORMATION Debugger = Buffer;

    UNREFERENCED_PARAMETER(Length);
    UNREFERENCED_PARAMETER(Needed);
    Debugger->KernelDebuggerEnabled = SharedUserData->KdDebuggerEnabled & 1;
    Debugger->KernelDebuggerNotPresent = TRUE; // GDB works from outside; the kernel cannot see it
    return STATUS_SUCCESS;
}

static const EXP_QUERY_CLASS ExpQueryClasses[] = {
    {SystemBasicInformation, sizeof(SYSTEM_BASIC_INFORMATION), ExpQueryBasic, NULL},
    {SystemProcessorInformation, sizeof(SYSTEM_PROCESSOR_INFORMATION), ExpQueryProcessor, NULL},
    {SystemPerformanceInformation, 0, ExpQueryPerformance, NULL},
    {SystemTimeOfDayInformation, 0, ExpQueryTimeOfDay, NULL},
    {SystemProcessInformation, 0, ExpQueryProcesses, ExpRelocateProcesses},
    {SystemProcessorPerformanceInformation, 0, ExpQueryProcessorPerformance, NULL},
    {SystemModuleInformation, 0, ExpQueryModules, NULL},
    {SystemHandleInformation, 0, ExpQueryHandles, NULL},
    {SystemPageFileInformation, 0, MmQueryPageFiles, ExpRelocatePageFiles},
    {SystemPoolTagInformation, 0, ExpQueryPoolTagInformation, NULL},
    {SystemInterruptInformation, 0, ExpQueryInterrupts, NULL},
    {SystemExceptionInformation, sizeof(SYSTEM_EXCEPTION_INFORMATION), ExpQueryExceptions, NULL},
    {SystemKernelDebuggerInformation, sizeof(SYSTEM_KERNEL_DEBUGGER_INFORMATION), ExpQueryDebugger, NULL},
    {SystemMemoryListInformation, 0, MmQueryMemoryList, NULL},
    {SystemContextSwitchInformation, sizeof(SYSTEM_CONTEXT_SWITCH_INFORMATION), ExpQueryContextSwitches, NULL},
    {SystemLookasideInformation, 0, ExpQueryLookasideInformation, NULL},
    {SystemBigPoolInformation, 0, ExpQueryBigPoolInformation, NULL},
    {SystemSessionPoolTagInformation, 0, ExpQuerySessionPoolTagInformation, NULL},
    {SystemTimeAdjustmentInformation, sizeof(SYSTEM_QUERY_TIME_ADJUST_INFORMATION), ExpQueryTimeAdjustment, NULL},
};

static const EXP_QUERY_CLASS *ExpFindQueryClass(SYSTEM_INFORMATION_CLASS Class)
{
    for (ULONG Index = 0; Index < RTL_NUMBER_OF(ExpQueryClasses); Index++) {
        if (ExpQueryClasses[Index].Class == Class)
            return &ExpQueryClasses[Index];
    }
    return NULL;
}

// Runs a class into kernel memory and copies the answer out.
static NTSTATUS ExpRunQuery(const EXP_QUERY_CLASS *Class, PVOID Information, ULONG Length, PULONG ReturnLength,
                            KPROCESSOR_MODE Mode)
{
    ULONG Capacity = min_of(Length, QUERY_LARGEST_BUFFER), Needed = Class->FixedLength;
    PVOID Buffer = ExAllocatePoolZero(PagedPool, max_of(Capacity, sizeof(ULONGLONG)), TAG_EX_QUERY);
    NTSTATUS Status, Written = STATUS_SUCCESS;

    if (Buffer == NULL)
        return STATUS_INSUFFICIENT_RESOURCES;
    Status = Class->Routine(Buffer, Capacity, &Needed);
    if (NT_SUCCESS(Status) && Class->Relocate != NULL)
        Class->Relocate(Buffer, Information);
    if (NT_SUCCESS(Status))
        Written = ExpReturnQuery(Information, Buffer, Needed, ReturnLength, Mode);
    else if (ReturnLength != NULL)
        Written = ExpReturnLong((PLONG)ReturnLength, (LONG)Needed, Mode);
    ExFreePoolWithTag(Buffer, TAG_EX_QUERY);
    return NT_SUCCESS(Written) ? Status : Written;
}

// Answers a class of system information. *ReturnLength (optional): bytes written, or wanted with
// STATUS_INFO_LENGTH_MISMATCH. STATUS_INVALID_INFO_CLASS, STATUS_ACCESS_VIOLATION, STATUS_INSUFFICIENT_RESOURCES.
// PASSIVE_LEVEL.
NTSTATUS NTAPI NtQuerySystemInformation(SYSTEM_INFORMATION_CLASS Class, PVOID Information, ULONG Length,
                                        PULONG ReturnLength)
{
    KPROCESSOR_MODE Mode = ExGetPreviousMode();
    const EXP_QUERY_CLASS *Found = ExpFindQueryClass(Class);
    NTSTATUS Status;

    PAGED_CODE();
    if (Found == NULL)
        return STATUS_INVALID_INFO_CLASS;
    Status = ExpProbeOptional(ReturnLength, sizeof(ULONG), Mode);
    if (!NT_SUCCESS(Status))
        return Status;
    if (Found->FixedLength != 0 && Length != Found->FixedLength) {
        if (ReturnLength != NULL)
            Status = ExpReturnLong((PLONG)ReturnLength, (LONG)Found->FixedLength, Mode);
        return NT_SUCCESS(Status) ? STATUS_INFO_LENGTH_MISMATCH : Status;
    }
    if (Length != 0) {
        Status = Information == NULL ? STATUS_ACCESS_VIOLATION : ExpProbeOptional(Information, Length, Mode);
        if (!NT_SUCCESS(Status))
            return Status;
    }
    return ExpRunQuery(Found, Information, Length, ReturnLength, Mode);
}
