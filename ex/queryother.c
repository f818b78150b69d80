// SPDX-License-Identifier: MIT
// SystemPerformanceInformation and SystemModuleInformation.
// Source: SDK (winternl.h); the Native API as published.

#include "exp.h"

static VOID ExpAddIoCounters(PSYSTEM_PERFORMANCE_INFORMATION Answer, const IO_COUNTERS *Counters)
{
    Answer->IoReadTransferCount.QuadPart += (LONGLONG)Counters->ReadTransferCount;
    Answer->IoWriteTransferCount.QuadPart += (LONGLONG)Counters->WriteTransferCount;
    Answer->IoOtherTransferCount.QuadPart += (LONGLONG)Counters->OtherTransferCount;
    Answer->IoReadOperationCount += (ULONG)Counters->ReadOperationCount;
    Answer->IoWriteOperationCount += (ULONG)Counters->WriteOperationCount;
    Answer->IoOtherOperationCount += (ULONG)Counters->OtherOperationCount;
}

// The I/O of all processes, of those that are gone too: none can go while the mutex is held.
static VOID ExpSumIoCounters(PSYSTEM_PERFORMANCE_INFORMATION Answer)
{
    KeAcquireGuardedMutex(&PsActiveProcessMutex);
    ExpAddIoCounters(Answer, &PsDeadIoCounters);
    for (PLIST_ENTRY Link = PsActiveProcessHead.Flink; Link != &PsActiveProcessHead; Link = Link->Flink)
        ExpAddIoCounters(Answer, &CONTAINING_RECORD(Link, EPROCESS, ActiveProcessLinks)->IoCounters);
    KeReleaseGuardedMutex(&PsActiveProcessMutex);
}

// SystemPerformanceInformation: Mm's, Ke's and Io's counters. PASSIVE_LEVEL.
NTSTATUS ExpQueryPerformance(PVOID Buffer, ULONG Length, PULONG Needed)
{
    SYSTEM_PERFORMANCE_INFORMATION Answer;
    MM_STATISTICS Memory;
    ULONG Used, Peak, Limit;

    PAGED_CODE();
    *Needed = sizeof(Answer);
    if (Length < sizeof(Answer))
        return STATUS_INFO_LENGTH_MISMATCH;
    RtlZeroMemory(&Answer, sizeof(Answer));
    ExpSumIoCounters(&Answer);
    MmQueryStatistics(&Memory);
    Answer.AvailablePages = Memory.AvailablePages;
    Answer.CommittedPages = Memory.CommittedPages;
    Answer.CommitLimit = Memory.CommitLimit;
    Answer.PeakCommitment = Memory.PeakCommitment;
    Answer.PageFaultCount = Memory.PageFaults;
    Answer.CopyOnWriteCount = Memory.CopyOnWriteFaults;
    Answer.TransitionCount = Memory.TransitionFaults;
    Answer.DemandZeroCount = Memory.DemandZeroFaults;
    Answer.PageReadCount = Memory.PageReads;
    Answer.PageReadIoCount = Memory.PageReadIos;
    Answer.CacheTransitionCount = Memory.CacheTransitionFaults;
    Answer.CacheReadCount = Memory.CacheReads;
    Answer.CacheIoCount = Memory.CacheReadIos;
    RtlCopyMemory(&Answer.CcFastReadNoWait, &CcStatistics, sizeof(CcStatistics)); // the same order
    Answer.MappedPagesWriteCount = Memory.MappedPagesWritten;
    Answer.MappedWriteIoCount = Memory.MappedWriteIos;
    Answer.DirtyPagesWriteCount = Memory.PagesWritten;
    Answer.DirtyWriteIoCount = Memory.PageWriteIos;
    Answer.PagedPoolPages = Memory.PagedPoolPages;
    Answer.NonPagedPoolPages = Memory.NonPagedPoolPages;
    Answer.FreeSystemPtes = Memory.FreeSystemPtes;
    Answer.TotalSystemCodePages = Memory.SystemCodePages; // drivers are part of the image: it counts their code
    Answer.ResidentSystemCodePage = Memory.ResidentCodePages;
    Answer.ResidentSystemCachePage = Memory.ResidentCachePages;
    Answer.ResidentPagedPoolPage = Memory.ResidentPagedPoolPages;
    MmQueryPoolLimits(MM_POOL_PAGED, &Used, &Peak, &Limit);
    Answer.AvailablePagedPoolPages = Limit - min_of(Used, Limit);
    ExQueryLookasideHits(&Answer.NonPagedPoolLookasideHits, &Answer.PagedPoolLookasideHits);
    ExQueryPoolTotals(&Answer.NonPagedPoolAllocs, &Answer.NonPagedPoolFrees, &Answer.PagedPoolAllocs,
                      &Answer.PagedPoolFrees);
    for (ULONG Index = 0; Index < (ULONG)KeNumberProcessors; Index++) {
        PKPRCB Prcb = KiProcessorBlock[Index];

        Answer.IdleProcessTime.QuadPart += (LONGLONG)((ULONGLONG)Prcb->IdleThread->KernelTime * KeMaximumIncrement);
        Answer.ContextSwitches += Prcb->KeContextSwitches;
        Answer.SystemCalls += Prcb->KeSystemCalls;
    }
    RtlCopyMemory(Buffer, &Answer, sizeof(Answer));
    return STATUS_SUCCESS;
}

// SystemModuleInformation: the kernel image is the only module until drivers are loaded from files. PASSIVE_LEVEL.
NTSTATUS ExpQueryModules(PVOID Buffer, ULONG Length, PULONG Needed)
{
    static const CHAR Path[] = "\\SystemRoot\\system32\\ntoskrnl.exe";
    PRTL_PROCESS_MODULES Modules = Buffer;
    PRTL_PROCESS_MODULE_INFORMATION Kernel = &Modules->Modules[0];

    PAGED_CODE();
    *Needed = sizeof(RTL_PROCESS_MODULES);
    if (Length < *Needed)
        return STATUS_INFO_LENGTH_MISMATCH;
    Modules->NumberOfModules = 1;
    Kernel->ImageBase = (PVOID)(KSEG0_BASE + KeLoaderBlock->KernelPhysicalBase);
    Kernel->ImageSize = KeLoaderBlock->KernelPhysicalEnd - KeLoaderBlock->KernelPhysicalBase;
    Kernel->LoadCount = 1;
    Kernel->OffsetToFileName = (USHORT)(strrchr(Path, '\\') + 1 - Path);
    RtlCopyMemory(Kernel->FullPathName, Path, sizeof(Path));
    return STATUS_SUCCESS;
}

// Makes the names of Mm's answer about page files point into Target, where it will be copied.
VOID ExpRelocatePageFiles(PVOID Buffer, PVOID Target)
{
    PSYSTEM_PAGEFILE_INFORMATION Record = Buffer;

    PAGED_CODE();
    for (;;) {
        if (Record->PageFileName.Length != 0)
            Record->PageFileName.Buffer = (PWSTR)((ULONG_PTR)Target + (ULONG_PTR)Record->PageFileName.Buffer);
        if (Record->NextEntryOffset == 0)
            return;
        Record = (PVOID)((PUCHAR)Record + Record->NextEntryOffset);
    }
}
