// SPDX-License-Identifier: MIT
// Working sets as programs see them: limits, emptying, what is in them, locks.

#define PSAPI_VERSION 2

#include "check.h"

#include <psapi.h>

#define PAGE 4096
#define PAGES 32

static SIZE_T Size(void)
{
    PROCESS_MEMORY_COUNTERS Counters;

    CHECK(GetProcessMemoryInfo(GetCurrentProcess(), &Counters, sizeof(Counters)));
    CHECK(Counters.PeakWorkingSetSize >= Counters.WorkingSetSize);
    return Counters.WorkingSetSize;
}

static int IsIn(char *Address)
{
    PSAPI_WORKING_SET_EX_INFORMATION Page = {.VirtualAddress = Address};

    CHECK(QueryWorkingSetEx(GetCurrentProcess(), &Page, sizeof(Page)));
    return Page.VirtualAttributes.Valid;
}

static void Touch(char *Memory)
{
    for (int Page = 0; Page < PAGES; Page++)
        Memory[Page * PAGE] = (char)Page;
}

static void CheckLimits(void)
{
    SIZE_T Minimum, Maximum;
    DWORD Flags;

    CHECK(GetProcessWorkingSetSize(GetCurrentProcess(), &Minimum, &Maximum));
    CHECK_EQUAL(Minimum, 50 * PAGE);
    CHECK_EQUAL(Maximum, 345 * PAGE);
    CHECK(SetProcessWorkingSetSize(GetCurrentProcess(), 60 * PAGE, 400 * PAGE));
    CHECK(GetProcessWorkingSetSizeEx(GetCurrentProcess(), &Minimum, &Maximum, &Flags));
    CHECK_EQUAL(Minimum, 60 * PAGE);
    CHECK_EQUAL(Maximum, 400 * PAGE);
    CHECK_EQUAL(Flags, QUOTA_LIMITS_HARDWS_MIN_DISABLE | QUOTA_LIMITS_HARDWS_MAX_DISABLE);
    CHECK_FAILS(SetProcessWorkingSetSize(GetCurrentProcess(), 0, 400 * PAGE), ERROR_INVALID_PARAMETER);
    CHECK_FAILS(SetProcessWorkingSetSize(GetCurrentProcess(), 500 * PAGE, 400 * PAGE), ERROR_INVALID_PARAMETER);
}

static void CheckContents(char *Memory)
{
    static PSAPI_WORKING_SET_BLOCK Blocks[4096];
    PSAPI_WORKING_SET_INFORMATION *List = (PSAPI_WORKING_SET_INFORMATION *)Blocks;
    ULONG Found = 0;

    Touch(Memory);
    CHECK(QueryWorkingSet(GetCurrentProcess(), List, sizeof(Blocks)));
    for (ULONG Index = 0; Index < List->NumberOfEntries; Index++)
        Found += List->WorkingSetInfo[Index].VirtualPage - (ULONG_PTR)Memory / PAGE < PAGES;
    CHECK_EQUAL(Found, PAGES);
    CHECK_FAILS(QueryWorkingSet(GetCurrentProcess(), List, 8), ERROR_BAD_LENGTH);
}

static void CheckEmptying(char *Memory)
{
    SIZE_T Before = Size();

    CHECK(IsIn(Memory));
    CHECK(EmptyWorkingSet(GetCurrentProcess()));
    CHECK(!IsIn(Memory));
    CHECK(Size() < Before);
    for (int Page = 0; Page < PAGES; Page++)
        CHECK_EQUAL(Memory[Page * PAGE], Page);
}

static void CheckLocks(char *Memory)
{
    CHECK(VirtualLock(Memory, 3 * PAGE));
    CHECK(EmptyWorkingSet(GetCurrentProcess()));
    CHECK(IsIn(Memory) && IsIn(Memory + 2 * PAGE) && !IsIn(Memory + 3 * PAGE));
    CHECK(VirtualUnlock(Memory, 3 * PAGE));
    CHECK_FAILS(VirtualUnlock(Memory, PAGE), ERROR_NOT_LOCKED);
    CHECK_FAILS(VirtualLock(Memory, 1000 * PAGE), ERROR_WORKING_SET_QUOTA);
    CHECK_FAILS(VirtualLock((void *)0x10, PAGE), ERROR_NOACCESS);
    CHECK(EmptyWorkingSet(GetCurrentProcess()));
    CHECK(!IsIn(Memory));
}

static void CheckHardMaximum(char *Memory)
{
    SIZE_T Largest = 0;

    CHECK(SetProcessWorkingSetSizeEx(GetCurrentProcess(), 50 * PAGE, 60 * PAGE, QUOTA_LIMITS_HARDWS_MAX_ENABLE));
    for (int Round = 0; Round < 10; Round++) {
        Touch(Memory + (Round % 4) * PAGES * PAGE);
        if (Size() > Largest)
            Largest = Size();
    }
    CHECK(Largest <= 60 * PAGE);
}

static PSAPI_WS_WATCH_INFORMATION Changes[1100];

// How many of the pages are among the changes; each must have an instruction, and the last none.
static int CountChanges(char *Memory, int Pages)
{
    int Found = 0, Index;

    for (Index = 0; Changes[Index].FaultingPc != NULL; Index++) {
        ULONG_PTR Page = ((ULONG_PTR)Changes[Index].FaultingVa - (ULONG_PTR)Memory) / PAGE;

        Found += Page < (ULONG_PTR)Pages;
        CHECK(Changes[Index].FaultingVa != NULL);
    }
    return Found;
}

static void CheckWatch(void)
{
    char *Memory = VirtualAlloc(NULL, 1200 * PAGE, MEM_RESERVE | MEM_COMMIT, PAGE_READWRITE);

    memset(Changes, 0, sizeof(Changes));
    CHECK_FAILS(GetWsChanges(GetCurrentProcess(), Changes, sizeof(Changes)), ERROR_GEN_FAILURE);
    CHECK(InitializeProcessForWsWatch(GetCurrentProcess()));
    for (int Page = 0; Page < PAGES; Page++)
        Memory[Page * PAGE] = 1;
    CHECK_FAILS(GetWsChanges(GetCurrentProcess(), Changes, 8 * sizeof(Changes[0])), ERROR_INSUFFICIENT_BUFFER);
    CHECK(GetWsChanges(GetCurrentProcess(), Changes, sizeof(Changes)));
    CHECK_EQUAL(CountChanges(Memory, PAGES), PAGES);
    CHECK(GetWsChanges(GetCurrentProcess(), Changes, sizeof(Changes)));
    CHECK_EQUAL(CountChanges(Memory, PAGES), 0);
    CHECK(EmptyWorkingSet(GetCurrentProcess()));
    CHECK(InitializeProcessForWsWatch(GetCurrentProcess()));
    for (int Page = 0; Page < 1200; Page++)
        Memory[Page * PAGE] = 2;
    CHECK(GetWsChanges(GetCurrentProcess(), Changes, sizeof(Changes)));
    CHECK(CountChanges(Memory, 1200) > 1000);
    for (int Index = 0; Index < 1100; Index++) {
        if (Changes[Index].FaultingPc == NULL) {
            CHECK((ULONG_PTR)Changes[Index].FaultingVa > 150); // so many did not fit
            break;
        }
    }
    CHECK(VirtualFree(Memory, 0, MEM_RELEASE));
}

int main(void)
{
    char *Memory = VirtualAlloc(NULL, 4 * PAGES * PAGE, MEM_RESERVE | MEM_COMMIT, PAGE_READWRITE);

    CheckLimits();
    CheckContents(Memory);
    CheckEmptying(Memory);
    CheckLocks(Memory);
    CheckHardMaximum(Memory);
    CheckWatch();
    return Verdict();
}
