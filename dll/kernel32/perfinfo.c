// SPDX-License-Identifier: MIT
// How the system's memory is used: psapi.h's GetPerformanceInfo and EnumPageFiles (K32*), the limits of the system
// cache's working set. Source: SDK.

#include "k32.h"

#include <psapi.h>

// A class of system information of any length; the caller frees it with RtlFreeHeap. NULL: the last error is set.
static PVOID BasepQuerySystem(SYSTEM_INFORMATION_CLASS Class)
{
    ULONG Length = 0x4000;

    for (;;) {
        PVOID Buffer = RtlAllocateHeap(RtlProcessHeap(), 0, Length);
        NTSTATUS Status = STATUS_NO_MEMORY;

        if (Buffer != NULL) {
            Status = NtQuerySystemInformation(Class, Buffer, Length, NULL);
        }
        if (NT_SUCCESS(Status)) {
            return Buffer;
        }
        if (Buffer != NULL) {
            RtlFreeHeap(RtlProcessHeap(), 0, Buffer);
        }
        if (Status != STATUS_INFO_LENGTH_MISMATCH) {
            BaseBool(Status);
            return NULL;
        }
        Length *= 2;
    }
}

static BOOL BasepCountProcesses(PPERFORMANCE_INFORMATION Information)
{
    PSYSTEM_PROCESS_INFORMATION Buffer = BasepQuerySystem(SystemProcessInformation), Process = Buffer;

    if (Buffer == NULL) {
        return FALSE;
    }
    for (;;) {
        Information->ProcessCount++;
        Information->ThreadCount += Process->NumberOfThreads;
        Information->HandleCount += Process->HandleCount;
        if (Process->NextEntryOffset == 0) {
            break;
        }
        Process = (PVOID)((PUCHAR)Process + Process->NextEntryOffset);
    }
    RtlFreeHeap(RtlProcessHeap(), 0, Buffer);
    return TRUE;
}

WINBOOL WINAPI K32GetPerformanceInfo(PPERFORMANCE_INFORMATION Information, DWORD Length)
{
    SYSTEM_FILECACHE_INFORMATION Cache;
    SYSTEM_PERFORMANCE_INFORMATION Performance;
    SYSTEM_BASIC_INFORMATION Basic;

    if (Length < sizeof(*Information)) {
        return BaseFail(ERROR_BAD_LENGTH);
    }
    if (!BaseBool(NtQuerySystemInformation(SystemBasicInformation, &Basic, sizeof(Basic), NULL)) ||
        !BaseBool(NtQuerySystemInformation(SystemPerformanceInformation, &Performance, sizeof(Performance), NULL)) ||
        !BaseBool(NtQuerySystemInformation(SystemFileCacheInformation, &Cache, sizeof(Cache), NULL))) {
        return FALSE;
    }
    RtlZeroMemory(Information, sizeof(*Information));
    Information->cb = sizeof(*Information);
    Information->CommitTotal = Performance.CommittedPages;
    Information->CommitLimit = Performance.CommitLimit;
    Information->CommitPeak = Performance.PeakCommitment;
    Information->PhysicalTotal = Basic.NumberOfPhysicalPages;
    Information->PhysicalAvailable = Performance.AvailablePages;
    Information->SystemCache = Cache.CurrentSizeIncludingTransitionInPages;
    Information->KernelPaged = Performance.PagedPoolPages;
    Information->KernelNonpaged = Performance.NonPagedPoolPages;
    Information->KernelTotal = Information->KernelPaged + Information->KernelNonpaged;
    Information->PageSize = Basic.PageSize;
    return BasepCountProcesses(Information);
}

WINBOOL WINAPI K32EnumPageFilesW(PENUM_PAGE_FILE_CALLBACKW Callback, LPVOID Context)
{
    PSYSTEM_PAGEFILE_INFORMATION Buffer = BasepQuerySystem(SystemPageFileInformation), File = Buffer;
    BOOL Result = TRUE;

    while (File != NULL && Result && File->PageFileName.Length != 0) {
        ENUM_PAGE_FILE_INFORMATION Information = {.cb = sizeof(Information)};
        WCHAR Name[MAX_PATH] = {0};

        Information.TotalSize = File->TotalSize;
        Information.TotalInUse = File->TotalInUse;
        Information.PeakUsage = File->PeakUsage;
        memcpy(Name, File->PageFileName.Buffer, min_of(File->PageFileName.Length, sizeof(Name) - sizeof(WCHAR)));
        Result = Callback(Context, &Information, wcsncmp(Name, L"\\??\\", 4) == 0 ? Name + 4 : Name);
        File = File->NextEntryOffset == 0 ? NULL : (PVOID)((PUCHAR)File + File->NextEntryOffset);
    }
    if (Buffer == NULL) {
        return FALSE;
    }
    RtlFreeHeap(RtlProcessHeap(), 0, Buffer);
    return Result;
}

typedef struct _BASE_ANSI_ENUM {
    PENUM_PAGE_FILE_CALLBACKA Callback;
    LPVOID Context;
} BASE_ANSI_ENUM;

static WINBOOL BasepEnumAnsi(LPVOID Context, PENUM_PAGE_FILE_INFORMATION Information, LPCWSTR Name)
{
    BASE_ANSI_ENUM *Ansi = Context;
    CHAR Text[MAX_PATH];

    if (WideCharToMultiByte(CP_ACP, 0, Name, -1, Text, sizeof(Text), NULL, NULL) == 0) {
        return FALSE;
    }
    return Ansi->Callback(Ansi->Context, Information, Text);
}

WINBOOL WINAPI K32EnumPageFilesA(PENUM_PAGE_FILE_CALLBACKA Callback, LPVOID Context)
{
    BASE_ANSI_ENUM Ansi = {Callback, Context};

    return K32EnumPageFilesW(BasepEnumAnsi, &Ansi);
}

WINBOOL WINAPI GetSystemFileCacheSize(PSIZE_T Minimum, PSIZE_T Maximum, PDWORD Flags)
{
    SYSTEM_FILECACHE_INFORMATION Cache;

    if (!BaseBool(NtQuerySystemInformation(SystemFileCacheInformationEx, &Cache, sizeof(Cache), NULL))) {
        return FALSE;
    }
    *Minimum = Cache.MinimumWorkingSet;
    *Maximum = Cache.MaximumWorkingSet;
    *Flags = Cache.Flags & (FILE_CACHE_MAX_HARD_ENABLE | FILE_CACHE_MIN_HARD_ENABLE);
    return TRUE;
}

WINBOOL WINAPI SetSystemFileCacheSize(SIZE_T Minimum, SIZE_T Maximum, DWORD Flags)
{
    SYSTEM_FILECACHE_INFORMATION Cache = {
        .MinimumWorkingSet = Minimum,
        .MaximumWorkingSet = Maximum,
        .Flags = Flags,
    };

    return BaseBool(NtSetSystemInformation(SystemFileCacheInformationEx, &Cache, sizeof(Cache)));
}
