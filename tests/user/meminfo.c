// SPDX-License-Identifier: MIT
// What the documented calls say about the system's memory, each figure beside that of another call.

#define PSAPI_VERSION 2

#include "check.h"

#include <psapi.h>

#define PAGE 4096
#define PAGES 256

static int Files, Wide;
static SIZE_T FilePages;

static BOOL CountFile(LPVOID Context, PENUM_PAGE_FILE_INFORMATION Information, LPCWSTR Name)
{
    CHECK(Context == &Files);
    CHECK_EQUAL(Information->cb, sizeof(*Information));
    CHECK(Information->TotalSize > Information->TotalInUse && Information->PeakUsage >= Information->TotalInUse);
    CHECK(Name[1] == ':' && wcsstr(Name, L"pagefile.sys") != NULL);
    FilePages += Information->TotalSize;
    Files++;
    return TRUE;
}

static BOOL StopAtFile(LPVOID Context, PENUM_PAGE_FILE_INFORMATION Information, LPCSTR Name)
{
    CHECK(Context == NULL && Information->TotalSize != 0 && Name[1] == ':');
    Wide++;
    return FALSE;
}

static void CheckCounts(void)
{
    PERFORMANCE_INFORMATION Before, After;
    HANDLE Event, Thread;
    DWORD Id;

    CHECK(GetPerformanceInfo(&Before, sizeof(Before)));
    Event = CreateEventA(NULL, TRUE, FALSE, NULL);
    Thread = CreateThread(NULL, 0, (LPTHREAD_START_ROUTINE)(void *)WaitForSingleObject, Event, CREATE_SUSPENDED, &Id);
    CHECK(GetPerformanceInfo(&After, sizeof(After)));
    CHECK_EQUAL(After.ThreadCount, Before.ThreadCount + 1);
    CHECK_EQUAL(After.HandleCount, Before.HandleCount + 2);
    CHECK_EQUAL(After.ProcessCount, Before.ProcessCount);
    TerminateThread(Thread, 0);
    WaitForSingleObject(Thread, INFINITE);
    CloseHandle(Thread);
    CloseHandle(Event);
    CHECK(!GetPerformanceInfo(&Before, sizeof(Before) - 1) && GetLastError() == ERROR_BAD_LENGTH);
}

static void CheckMemory(void)
{
    PERFORMANCE_INFORMATION Before, After;
    MEMORYSTATUSEX Status = {.dwLength = sizeof(Status)};
    volatile char *Memory;

    CHECK(GetPerformanceInfo(&Before, sizeof(Before)));
    CHECK(GlobalMemoryStatusEx(&Status));
    CHECK_EQUAL(Before.PageSize, PAGE);
    CHECK_EQUAL(Before.PhysicalTotal, Status.ullTotalPhys / PAGE);
    CHECK_EQUAL(Before.CommitLimit, Status.ullTotalPageFile / PAGE);
    CHECK_EQUAL(Before.KernelTotal, Before.KernelPaged + Before.KernelNonpaged);
    CHECK(Before.CommitPeak >= Before.CommitTotal && Before.SystemCache != 0);
    Memory = VirtualAlloc(NULL, PAGES * PAGE, MEM_RESERVE | MEM_COMMIT, PAGE_READWRITE);
    CHECK(GetPerformanceInfo(&After, sizeof(After)));
    CHECK(After.CommitTotal >= Before.CommitTotal + PAGES && After.CommitTotal <= Before.CommitTotal + PAGES + 8);
    for (int Page = 0; Page < PAGES; Page++)
        Memory[Page * PAGE] = 1;
    CHECK(GetPerformanceInfo(&After, sizeof(After)));
    CHECK(Before.PhysicalAvailable >= After.PhysicalAvailable + PAGES);
    VirtualFree((void *)Memory, 0, MEM_RELEASE);
    CHECK(GetPerformanceInfo(&After, sizeof(After)));
    CHECK(After.CommitTotal <= Before.CommitTotal + 8);
}

static void CheckPageFiles(void)
{
    MEMORYSTATUSEX Status = {.dwLength = sizeof(Status)};

    CHECK(EnumPageFilesW(CountFile, &Files));
    CHECK(Files >= 1);
    CHECK(GlobalMemoryStatusEx(&Status));
    CHECK(Status.ullTotalPageFile / PAGE < Status.ullTotalPhys / PAGE + FilePages);
    CHECK(Status.ullTotalPageFile / PAGE > FilePages);
    CHECK(!EnumPageFilesA(StopAtFile, NULL) && Wide == 1);
}

static void CheckCacheLimits(void)
{
    SIZE_T Minimum, Maximum, NewMinimum, NewMaximum;
    DWORD Flags;

    CHECK(GetSystemFileCacheSize(&Minimum, &Maximum, &Flags));
    CHECK(Minimum != 0 && Minimum < Maximum && Flags == 0);
    CHECK(SetSystemFileCacheSize(2 << 20, 8 << 20, FILE_CACHE_MAX_HARD_ENABLE));
    CHECK(GetSystemFileCacheSize(&NewMinimum, &NewMaximum, &Flags));
    CHECK_EQUAL(NewMinimum, 2 << 20);
    CHECK_EQUAL(NewMaximum, 8 << 20);
    CHECK_EQUAL(Flags, FILE_CACHE_MAX_HARD_ENABLE);
    CHECK(!SetSystemFileCacheSize(8 << 20, 2 << 20, 0));
    CHECK(!SetSystemFileCacheSize(2 << 20, 8 << 20, FILE_CACHE_MAX_HARD_ENABLE | FILE_CACHE_MAX_HARD_DISABLE) &&
          GetLastError() == ERROR_INVALID_PARAMETER);
    CHECK(SetSystemFileCacheSize((SIZE_T)-1, (SIZE_T)-1, 0)); // empties it
    CHECK(SetSystemFileCacheSize(Minimum, Maximum, FILE_CACHE_MAX_HARD_DISABLE));
    CHECK(GetSystemFileCacheSize(&NewMinimum, &NewMaximum, &Flags));
    CHECK(NewMinimum == Minimum && NewMaximum == Maximum && Flags == 0);
}

int main(void)
{
    CheckCounts();
    CheckMemory();
    CheckPageFiles();
    CheckCacheLimits();
    return Verdict();
}
