// SPDX-License-Identifier: MIT
// What the system is: version, processors, memory, the computer's name.

#include "k32.h"

#define COMPUTER_NAME L"MICA"
#define PLATFORM_NT 2u

DWORD WINAPI GetVersion(VOID)
{
    PPEB Peb = NtCurrentPeb();

    return Peb->OSMajorVersion | Peb->OSMinorVersion << 8 | (DWORD)Peb->OSBuildNumber << 16;
}

WINBOOL WINAPI GetVersionExW(LPOSVERSIONINFOW Information)
{
    LPOSVERSIONINFOEXW Extended = (LPOSVERSIONINFOEXW)Information;
    PPEB Peb = NtCurrentPeb();

    if (Information->dwOSVersionInfoSize != sizeof(OSVERSIONINFOW) &&
        Information->dwOSVersionInfoSize != sizeof(OSVERSIONINFOEXW)) {
        return BaseFail(ERROR_INSUFFICIENT_BUFFER);
    }
    Information->dwMajorVersion = Peb->OSMajorVersion;
    Information->dwMinorVersion = Peb->OSMinorVersion;
    Information->dwBuildNumber = Peb->OSBuildNumber;
    Information->dwPlatformId = PLATFORM_NT;
    Information->szCSDVersion[0] = 0;
    if (Information->dwOSVersionInfoSize == sizeof(OSVERSIONINFOEXW)) {
        Extended->wServicePackMajor = 0;
        Extended->wServicePackMinor = 0;
        Extended->wSuiteMask = (WORD)SharedUserData->SuiteMask;
        Extended->wProductType = VER_NT_WORKSTATION;
        Extended->wReserved = 0;
    }
    return TRUE;
}

WINBOOL WINAPI GetVersionExA(LPOSVERSIONINFOA Information)
{
    LPOSVERSIONINFOEXA Extended = (LPOSVERSIONINFOEXA)Information;
    OSVERSIONINFOEXW Wide = {.dwOSVersionInfoSize = sizeof(Wide)};

    if (Information->dwOSVersionInfoSize != sizeof(OSVERSIONINFOA) &&
        Information->dwOSVersionInfoSize != sizeof(OSVERSIONINFOEXA)) {
        return BaseFail(ERROR_INSUFFICIENT_BUFFER);
    }
    GetVersionExW((LPOSVERSIONINFOW)&Wide);
    Information->dwMajorVersion = Wide.dwMajorVersion;
    Information->dwMinorVersion = Wide.dwMinorVersion;
    Information->dwBuildNumber = Wide.dwBuildNumber;
    Information->dwPlatformId = Wide.dwPlatformId;
    Information->szCSDVersion[0] = 0;
    if (Information->dwOSVersionInfoSize == sizeof(OSVERSIONINFOEXA)) {
        Extended->wServicePackMajor = 0;
        Extended->wServicePackMinor = 0;
        Extended->wSuiteMask = Wide.wSuiteMask;
        Extended->wProductType = Wide.wProductType;
        Extended->wReserved = 0;
    }
    return TRUE;
}

VOID WINAPI GetSystemInfo(LPSYSTEM_INFO Information)
{
    SYSTEM_BASIC_INFORMATION Basic;
    SYSTEM_PROCESSOR_INFORMATION Processor = {0};

    RtlZeroMemory(Information, sizeof(*Information));
    RtlZeroMemory(&Basic, sizeof(Basic));
    IGNORE_STATUS(NtQuerySystemInformation(SystemBasicInformation, &Basic, sizeof(Basic), NULL));
    IGNORE_STATUS(NtQuerySystemInformation(SystemProcessorInformation, &Processor, sizeof(Processor), NULL));
    Information->wProcessorArchitecture = PROCESSOR_ARCHITECTURE_INTEL;
    Information->dwPageSize = Basic.PageSize;
    Information->lpMinimumApplicationAddress = (PVOID)Basic.MinimumUserModeAddress;
    Information->lpMaximumApplicationAddress = (PVOID)Basic.MaximumUserModeAddress;
    Information->dwActiveProcessorMask = Basic.ActiveProcessorsAffinityMask;
    Information->dwNumberOfProcessors = (DWORD)Basic.NumberOfProcessors;
    Information->dwProcessorType = PROCESSOR_INTEL_PENTIUM;
    Information->dwAllocationGranularity = Basic.AllocationGranularity;
    Information->wProcessorLevel = Processor.ProcessorLevel;
    Information->wProcessorRevision = Processor.ProcessorRevision;
}

VOID WINAPI GetNativeSystemInfo(LPSYSTEM_INFO Information)
{
    GetSystemInfo(Information);
}

WINBOOL WINAPI GetSystemTimeAdjustment(PDWORD Adjustment, PDWORD Increment, PBOOL Disabled)
{
    SYSTEM_QUERY_TIME_ADJUST_INFORMATION Information;

    if (!BaseBool(NtQuerySystemInformation(SystemTimeAdjustmentInformation, &Information, sizeof(Information), NULL))) {
        return FALSE;
    }
    *Adjustment = Information.TimeAdjustment;
    *Increment = Information.TimeIncrement;
    *Disabled = Information.Enable;
    return TRUE;
}

WINBOOL WINAPI IsProcessorFeaturePresent(DWORD Feature)
{
    return Feature < PROCESSOR_FEATURE_MAX && SharedUserData->ProcessorFeatures[Feature];
}

WINBOOL WINAPI IsWow64Process(HANDLE Process, PBOOL Wow64)
{
    UNREFERENCED_PARAMETER(Process);
    *Wow64 = FALSE;
    return TRUE;
}

WINBOOL WINAPI GlobalMemoryStatusEx(LPMEMORYSTATUSEX Memory)
{
    SYSTEM_BASIC_INFORMATION Basic;
    SYSTEM_PERFORMANCE_INFORMATION Performance;
    VM_COUNTERS Counters;

    if (Memory->dwLength != sizeof(*Memory)) {
        return BaseFail(ERROR_INVALID_PARAMETER);
    }
    if (!BaseBool(NtQuerySystemInformation(SystemBasicInformation, &Basic, sizeof(Basic), NULL)) ||
        !BaseBool(NtQuerySystemInformation(SystemPerformanceInformation, &Performance, sizeof(Performance), NULL)) ||
        !BaseBool(
            NtQueryInformationProcess(NtCurrentProcess(), ProcessVmCounters, &Counters, sizeof(Counters), NULL))) {
        return FALSE;
    }
    Memory->ullTotalPhys = (ULONGLONG)Basic.NumberOfPhysicalPages * PAGE_SIZE;
    Memory->ullAvailPhys = (ULONGLONG)Performance.AvailablePages * PAGE_SIZE;
    Memory->ullTotalPageFile = (ULONGLONG)Performance.CommitLimit * PAGE_SIZE;
    Memory->ullAvailPageFile = (ULONGLONG)(Performance.CommitLimit - Performance.CommittedPages) * PAGE_SIZE;
    Memory->ullTotalVirtual = Basic.MaximumUserModeAddress - Basic.MinimumUserModeAddress + 1;
    Memory->ullAvailVirtual = Memory->ullTotalVirtual - Counters.VirtualSize;
    Memory->ullAvailExtendedVirtual = 0;
    Memory->dwMemoryLoad = Memory->ullTotalPhys == 0
                               ? 0
                               : (DWORD)((Memory->ullTotalPhys - Memory->ullAvailPhys) * 100 / Memory->ullTotalPhys);
    return TRUE;
}

VOID WINAPI GlobalMemoryStatus(LPMEMORYSTATUS Memory)
{
    MEMORYSTATUSEX Extended = {.dwLength = sizeof(Extended)};

    RtlZeroMemory(Memory, sizeof(*Memory));
    Memory->dwLength = sizeof(*Memory);
    if (!GlobalMemoryStatusEx(&Extended)) {
        return;
    }
    Memory->dwMemoryLoad = Extended.dwMemoryLoad;
    Memory->dwTotalPhys = (SIZE_T)min_of(Extended.ullTotalPhys, (ULONGLONG)MAXLONG);
    Memory->dwAvailPhys = (SIZE_T)min_of(Extended.ullAvailPhys, (ULONGLONG)MAXLONG);
    Memory->dwTotalPageFile = (SIZE_T)min_of(Extended.ullTotalPageFile, (ULONGLONG)MAXLONG);
    Memory->dwAvailPageFile = (SIZE_T)min_of(Extended.ullAvailPageFile, (ULONGLONG)MAXLONG);
    Memory->dwTotalVirtual = (SIZE_T)Extended.ullTotalVirtual;
    Memory->dwAvailVirtual = (SIZE_T)Extended.ullAvailVirtual;
}

WINBOOL WINAPI GetComputerNameW(LPWSTR Buffer, LPDWORD Size)
{
    DWORD Length = RTL_NUMBER_OF(COMPUTER_NAME) - 1;

    if (*Size <= Length) {
        *Size = Length + 1;
        return BaseFail(ERROR_BUFFER_OVERFLOW);
    }
    wcscpy(Buffer, COMPUTER_NAME);
    *Size = Length;
    return TRUE;
}

WINBOOL WINAPI GetComputerNameA(LPSTR Buffer, LPDWORD Size)
{
    WCHAR Wide[MAX_COMPUTERNAME_LENGTH + 1];
    DWORD Length = RTL_NUMBER_OF(Wide);

    GetComputerNameW(Wide, &Length);
    if (*Size <= Length) {
        *Size = Length + 1;
        return BaseFail(ERROR_BUFFER_OVERFLOW);
    }
    *Size = BaseNarrowResult(Wide, Length, Buffer, *Size);
    return TRUE;
}
