// SPDX-License-Identifier: MIT
// Laws of page tables that leave memory: they come back as they were, for a fault and for every service.

#include "mmtest.h"

#define MT_TABLES 3u
#define MT_REGION ((MT_TABLES + 1) * MI_LARGE_PAGE_SIZE)
#define MT_THREADS 4u
#define MT_ROUNDS 12u

// The first page of table Index of a region that is larger than its tables.
static PUCHAR MtTable(PUCHAR Memory, ULONG Index)
{
    return (PUCHAR)(((ULONG_PTR)Memory + MI_LARGE_PAGE_SIZE - 1) & ~(ULONG_PTR)(MI_LARGE_PAGE_SIZE - 1)) +
           Index * MI_LARGE_PAGE_SIZE;
}

static BOOLEAN MtIsOnDisk(PVOID Va)
{
    return MI_IS_PAGE_FILE_PTE(MiGetPdeAddress(Va));
}

// A region with a few pages in each table; page 1 of each is read-only, page 2 decommitted in the end.
static PUCHAR MtMakeRegion(VOID)
{
    PUCHAR Memory = MtAllocate(MT_REGION, MEM_RESERVE | MEM_COMMIT, PAGE_READWRITE);
    ULONG Index, Page, Old;

    for (Index = 0; Index < MT_TABLES; Index++) {
        SIZE_T Size = PAGE_SIZE;
        PVOID Base = MT_PAGE(MtTable(Memory, Index), 2);

        for (Page = 0; Page < 5; Page++)
            *MT_PAGE(MtTable(Memory, Index), Page * 100) = (UCHAR)(Index * 16 + Page);
        *MT_PAGE(MtTable(Memory, Index), 1) = 0x77;
        expect_status(MtProtect(MT_PAGE(MtTable(Memory, Index), 1), PAGE_SIZE, PAGE_READONLY, &Old), STATUS_SUCCESS);
        expect_status(ZwFreeVirtualMemory(NtCurrentProcess(), &Base, &Size, MEM_DECOMMIT), STATUS_SUCCESS);
    }
    return Memory;
}

static ULONG MtCountWrongPages(PUCHAR Memory)
{
    ULONG Index, Page, Wrong = 0;

    for (Index = 0; Index < MT_TABLES; Index++) {
        for (Page = 0; Page < 5; Page++)
            Wrong += *MT_PAGE(MtTable(Memory, Index), Page * 100) != (UCHAR)(Index * 16 + Page);
        Wrong += *MT_PAGE(MtTable(Memory, Index), 1) != 0x77;
        Wrong += MtWrite(MT_PAGE(MtTable(Memory, Index), 1), 1) != STATUS_ACCESS_VIOLATION;
        Wrong += MtRead(MT_PAGE(MtTable(Memory, Index), 2)) != STATUS_ACCESS_VIOLATION;
        Wrong += *MT_PAGE(MtTable(Memory, Index), 7) != 0;
    }
    return Wrong;
}

KTEST(mm, page_tables_leave_memory_and_come_back)
{
    // Law: a page table in which nothing is valid is written to a page file and loses its frame; a touch brings it
    // back with everything it said, and the release of its memory gives its slots and its commitment back.
    PUCHAR Memory = MtMakeRegion();
    SIZE_T Charge = PsGetCurrentProcess()->CommitCharge;
    MM_STATISTICS Before, After;
    ULONG Index, Used, UsedAfter;

    MtPageTablesOut();
    MmQueryStatistics(&Before);
    for (Index = 0; Index < MT_TABLES; Index++)
        expect(MtIsOnDisk(MtTable(Memory, Index)));
    expect(MmCheckPageFiles(&Used));
    expect_eq(MtCountWrongPages(Memory), 0);
    MmQueryStatistics(&After);
    expect(After.PageTablesIn - Before.PageTablesIn >= MT_TABLES);
    MtPageTablesOut();
    for (Index = 0; Index < MT_TABLES; Index++)
        expect(MtIsOnDisk(MtTable(Memory, Index)));
    expect_eq(PsGetCurrentProcess()->CommitCharge, Charge);
    expect_status(MtFree(Memory), STATUS_SUCCESS);
    expect_eq(PsGetCurrentProcess()->CommitCharge + MT_REGION / PAGE_SIZE - MT_TABLES, Charge);
    expect(MmCheckPageFiles(&UsedAfter));
    expect(UsedAfter + MT_TABLES * 6 <= Used);
    for (Index = 0; Index < MT_TABLES; Index++)
        expect_eq(MiGetPdeAddress(MtTable(Memory, Index))->u.Long, 0);
}

KTEST(mm, page_table_stays_while_its_frames_can_come_back)
{
    // Law: a table's frame stays while frames of its pages do, counting them, and leaves with the last of them; until
    // then nothing has to be read.
    PUCHAR Memory = MtMakeRegion();
    PMMPTE Pde = MiGetPdeAddress(MtTable(Memory, 1));
    PFN_NUMBER Frame = MI_PTE_FRAME(Pde);
    PMMPFN Pfn = MI_PFN_ELEMENT(Frame);
    MM_STATISTICS Before, After;

    MmQueryStatistics(&Before);
    MmEmptyWorkingSet(PsGetCurrentProcess());
    expect(!Pde->u.Hard.Valid && Pde->u.Soft.Transition);
    expect_eq(MI_PTE_FRAME(Pde), Frame);
    expect_eq(Pfn->u3.e1.PageLocation, ActiveAndValid);
    expect_eq(Pfn->u2.ShareCount, 6); // pages 0, 1, 100, 200, 300, 400
    expect_eq(MtCountWrongPages(Memory), 0);
    expect(Pde->u.Hard.Valid && MI_PTE_FRAME(Pde) == Frame);
    expect_eq(Pfn->u2.ShareCount, 1);
    MmQueryStatistics(&After);
    expect_eq(After.PageReadIos, Before.PageReadIos);
    expect_status(MtFree(Memory), STATUS_SUCCESS);
}

static VOID MtExpectRegion(PUCHAR Va, ULONG State, ULONG Protect, SIZE_T Pages)
{
    MEMORY_BASIC_INFORMATION Information;

    expect_status(MtQuery(Va, &Information), STATUS_SUCCESS);
    expect_eq(Information.State, State);
    expect_eq(Information.Protect, Protect);
    expect_eq(Information.RegionSize, Pages * PAGE_SIZE);
}

KTEST(mm, services_find_what_is_in_page_tables_that_are_out)
{
    // Law: query, protect, commit, decommit, lock, reset and release do the same whether a page table is in memory or
    // in a page file.
    PUCHAR Memory = MtMakeRegion(), Table = MtTable(Memory, 1);
    SIZE_T Charge = PsGetCurrentProcess()->CommitCharge, Size = PAGE_SIZE;
    PVOID Base;
    ULONG Old;

    MtPageTablesOut();
    MtExpectRegion(MT_PAGE(Table, 1), MEM_COMMIT, PAGE_READONLY, 1);
    MtPageTablesOut();
    MtExpectRegion(MT_PAGE(Table, 3), MEM_COMMIT, PAGE_READWRITE, PTES_PER_PAGE - 3 + 1);
    MtPageTablesOut();
    expect_status(MtProtect(MT_PAGE(Table, 1), PAGE_SIZE, PAGE_READWRITE, &Old), STATUS_SUCCESS);
    expect_eq(Old, PAGE_READONLY);
    MtPageTablesOut();
    expect_status(MtProtect(MT_PAGE(Table, 1), 2 * PAGE_SIZE, PAGE_READWRITE, &Old), STATUS_NOT_COMMITTED);
    MtPageTablesOut();
    Base = MT_PAGE(Table, 2);
    expect_status(ZwAllocateVirtualMemory(NtCurrentProcess(), &Base, 0, &Size, MEM_COMMIT, PAGE_READWRITE),
                  STATUS_SUCCESS);
    expect_eq(PsGetCurrentProcess()->CommitCharge, Charge + 1);
    expect_eq(*(PUCHAR)Base, 0);
    MtPageTablesOut();
    expect_status(ZwFreeVirtualMemory(NtCurrentProcess(), &Base, &Size, MEM_DECOMMIT), STATUS_SUCCESS);
    expect_eq(PsGetCurrentProcess()->CommitCharge, Charge);
    MtPageTablesOut();
    expect_status(MtRead(Base), STATUS_ACCESS_VIOLATION);
    expect_status(MtProtect(MT_PAGE(Table, 1), PAGE_SIZE, PAGE_READONLY, &Old), STATUS_SUCCESS);
    MtPageTablesOut();
    Base = MT_PAGE(Table, 100);
    expect_status(NtLockVirtualMemory(NtCurrentProcess(), &Base, &Size, MAP_PROCESS), STATUS_SUCCESS);
    MtPageTablesOut();
    expect(MmIsAddressValid(Base) && MiGetPdeAddress(Base)->u.Hard.Valid); // a locked page keeps its table
    expect_status(NtUnlockVirtualMemory(NtCurrentProcess(), &Base, &Size, MAP_PROCESS), STATUS_SUCCESS);
    expect_eq(MtCountWrongPages(Memory), 0);
    MtPageTablesOut();
    expect_status(ZwAllocateVirtualMemory(NtCurrentProcess(), &Base, 0, &Size, MEM_RESET, PAGE_READWRITE),
                  STATUS_SUCCESS);
    expect_eq(*(PUCHAR)Base, 0);
    *(PUCHAR)Base = 16 + 1;
    MtPageTablesOut();
    Base = MT_PAGE(Table, 200);
    Size = MI_LARGE_PAGE_SIZE;
    expect_status(ZwFreeVirtualMemory(NtCurrentProcess(), &Base, &Size, MEM_RELEASE), STATUS_SUCCESS);
    expect_eq(PsGetCurrentProcess()->CommitCharge + PTES_PER_PAGE - 1, Charge);
    expect_status(MtRead(Base), STATUS_ACCESS_VIOLATION);
    expect_eq(*MT_PAGE(Table, 100), 16 + 1);
    expect_status(MtFree(Memory), STATUS_SUCCESS);
    expect_status(MtFree(MT_PAGE(Table, 200 + PTES_PER_PAGE)), STATUS_SUCCESS);
}

static PUCHAR MtShared;
static volatile LONG MtWrong;

static VOID NTAPI MtTouchTables(PVOID Context)
{
    ULONG Round, Index, Page, Number = (ULONG)(ULONG_PTR)Context;

    for (Round = 0; Round < MT_ROUNDS; Round++) {
        for (Index = 0; Index < MT_TABLES; Index++) {
            volatile UCHAR *Mine = MT_PAGE(MtTable(MtShared, Index), 10 + Number);

            for (Page = 0; Page < 5; Page++) {
                if (*MT_PAGE(MtTable(MtShared, Index), Page * 100) != (UCHAR)(Index * 16 + Page))
                    InterlockedIncrement(&MtWrong);
            }
            if (*Mine != (UCHAR)Round)
                InterlockedIncrement(&MtWrong);
            *Mine = (UCHAR)(Round + 1);
            if (Round % 3 == Number % 3)
                MmEmptyWorkingSet(PsGetCurrentProcess());
        }
        if (Round % 4 == Number)
            MtPageTablesOut();
    }
}

KTEST_MP(mm, page_tables_come_and_go_while_threads_use_them)
{
    // Law: however faults, trims and page writes interleave on all processors, no page is lost and none is another's.
    PETHREAD Threads[MT_THREADS];
    ULONG Index;

    MtShared = MtMakeRegion();
    MtWrong = 0;
    for (Index = 0; Index < MT_THREADS; Index++)
        Threads[Index] = KtStartThread(MtTouchTables, (PVOID)(ULONG_PTR)Index, 8);
    for (Index = 0; Index < MT_THREADS; Index++)
        KtJoin(Threads[Index]);
    expect_eq(MtWrong, 0);
    expect_eq(MtCountWrongPages(MtShared), 0);
    expect_status(MtFree(MtShared), STATUS_SUCCESS);
}
