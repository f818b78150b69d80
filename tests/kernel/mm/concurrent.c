// SPDX-License-Identifier: MIT
// Laws that hold whatever the threads of one address space do to it at the same time. On several processors most of
// them fail when a translation is not forgotten everywhere. Busy loops yield and pause: with virtual time a processor
// that does not keeps the others, and time itself, standing for long.

#include "mmtest.h"

#define MT_THREADS 4u
#define MT_ROUNDS 20u
#define MT_SPIN 30u
#define MT_TRIM_ROUNDS 6u

static volatile LONG MtNext, MtWrong, MtStop, MtArrived;
static PUCHAR MtMemory;
static HANDLE MtShared;
static PETHREAD MtThreads[MT_THREADS];

// Starts threads, each on a processor of its own as far as there are some; the test itself stays on the first.
static VOID MtStartAll(PKSTART_ROUTINE Routine, ULONG Count)
{
    ULONG Index;

    KeSetSystemAffinityThread(1);
    MtNext = MtWrong = MtStop = 0;
    MtArrived = (LONG)Count;
    for (Index = 0; Index < Count; Index++)
        MtThreads[Index] = KtStartThread(Routine, (PVOID)Index, 8);
}

static VOID MtJoinAll(ULONG Count)
{
    ULONG Index;

    for (Index = 0; Index < Count; Index++)
        KtJoin(MtThreads[Index]);
    KeRevertToUserAffinityThread();
}

static VOID MtPause(VOID)
{
    if (!KeYieldExecution())
        YieldProcessor();
}

// Each thread calls it first: they go to their processors and begin together.
static VOID MtBegin(PVOID Context)
{
    KeSetSystemAffinityThread((KAFFINITY)1 << (((ULONG)(ULONG_PTR)Context + 1) % KeNumberProcessors));
    InterlockedDecrement(&MtArrived);
    while (MtArrived != 0)
        MtPause();
}

static VOID MtSpin(ULONG Count)
{
    while (Count-- != 0)
        MtPause();
}

#define MT_PAGES 96u
static VOID NTAPI MtIncrementThread(PVOID Context)
{
    ULONG Step = 2 * (ULONG)(ULONG_PTR)Context + 1, Page,
          Count; // odd: goes through all pages, each thread in its order

    MtBegin(Context);
    for (Page = 0, Count = 0; Count < 128; Count++, Page = (Page + Step) & 127) {
        if (Page < MT_PAGES)
            InterlockedIncrement((PLONG)MT_PAGE(MtMemory, Page));
        YieldProcessor();
    }
}

KTEST(mm, concurrent_first_touches_make_one_page)
{
    // Law: however many threads touch an untouched page at once, it is made once and keeps what each of them wrote.
    ULONG Round, Page;

    for (Round = 0; Round < 8; Round++) {
        MtMemory = MtAllocate(MT_PAGES * PAGE_SIZE, MEM_RESERVE | MEM_COMMIT, PAGE_READWRITE);
        MtStartAll(MtIncrementThread, MT_THREADS);
        MtJoinAll(MT_THREADS);
        for (Page = 0; Page < MT_PAGES; Page++)
            expect_eq(*(PLONG)MT_PAGE(MtMemory, Page), MT_THREADS);
        expect_status(MtFree(MtMemory), STATUS_SUCCESS);
    }
}

static VOID NTAPI MtWriteThread(PVOID Context)
{
    PLONG Slot = (PLONG)MtMemory + (ULONG)(ULONG_PTR)Context * 8;
    ULONG Page;

    MtBegin(Context);
    while (!MtStop) {
        for (Page = 0; Page < 4; Page++) {
            SEH_TRY
            {
                ++*(volatile LONG *)((PUCHAR)Slot + Page * PAGE_SIZE);
            }
            SEH_EXCEPT
            {
            }
            SEH_END
            MtPause();
        }
    }
}

// Waits until each writer has written to every page since now: their processors know all the translations.
static VOID MtWaitForWriters(VOID)
{
    LONG Seen[MT_THREADS * 4];
    ULONG Index;

    for (Index = 0; Index < (MT_THREADS - 1) * 4; Index++)
        Seen[Index] = *(volatile LONG *)(MT_PAGE(MtMemory, Index % 4) + Index / 4 * 32);
    for (Index = 0; Index < (MT_THREADS - 1) * 4; Index++) {
        while (*(volatile LONG *)(MT_PAGE(MtMemory, Index % 4) + Index / 4 * 32) == Seen[Index])
            MtPause();
    }
}

static BOOLEAN MtStaysTheSame(PUCHAR Page, PUCHAR Copy)
{
    memcpy(Copy, Page, 256);
    MtSpin(MT_SPIN);
    return RtlEqualMemory(Copy, Page, 256);
}

KTEST(mm, protection_holds_when_the_service_returns)
{
    // Law: once NtProtectVirtualMemory has made pages read-only, no thread on any processor writes to them.
    UCHAR Copy[256];
    ULONG Round, Page, Old;

    MtMemory = MtAllocate(4 * PAGE_SIZE, MEM_RESERVE | MEM_COMMIT, PAGE_READWRITE);
    MtStartAll(MtWriteThread, MT_THREADS - 1);
    for (Round = 0; Round < MT_ROUNDS; Round++) {
        MtWaitForWriters();
        expect_status(MtProtect(MtMemory, 4 * PAGE_SIZE, PAGE_READONLY, &Old), STATUS_SUCCESS);
        for (Page = 0; Page < 4; Page++)
            expect(MtStaysTheSame(MT_PAGE(MtMemory, Page), Copy));
        expect_status(MtProtect(MtMemory, 4 * PAGE_SIZE, PAGE_READWRITE, &Old), STATUS_SUCCESS);
    }
    MtStop = TRUE;
    MtJoinAll(MT_THREADS - 1);
    expect_status(MtFree(MtMemory), STATUS_SUCCESS);
}

// Takes a frame that was just freed, if it still is free, and maps it. NULL: somebody was faster.
static PUCHAR MtTakeFrame(PFN_NUMBER Page)
{
    PHYSICAL_ADDRESS Physical = {.QuadPart = (LONGLONG)Page << PAGE_SHIFT};
    KIRQL OldIrql = MiLockPfn();
    BOOLEAN Taken = MI_PFN_ELEMENT(Page)->u3.e1.PageLocation == FreePageList && MiRemovePageByNumber(Page) != 0;

    if (Taken)
        MiInitializePfn(Page, NULL, 0, MM_READWRITE);
    MiUnlockPfn(OldIrql);
    return Taken ? MmMapIoSpace(Physical, PAGE_SIZE, MmCached) : NULL;
}

KTEST(mm, released_pages_are_nobodys)
{
    // Law: when a page has been decommitted, no thread reaches its frame any more: whoever gets it next has it alone.
    ULONG Round, Index, Taken = 0, Wrong = 0;

    MtMemory = MtAllocate(4 * PAGE_SIZE, MEM_RESERVE | MEM_COMMIT, PAGE_READWRITE);
    MtStartAll(MtWriteThread, MT_THREADS - 1);
    for (Round = 0; Round < MT_ROUNDS; Round++) {
        PFN_NUMBER Pages[4];
        PVOID Base = MtMemory;
        SIZE_T Size = 4 * PAGE_SIZE;

        MtWaitForWriters();
        for (Index = 0; Index < 4; Index++)
            Pages[Index] = MiGetFrame(MT_PAGE(MtMemory, Index));
        expect_status(ZwFreeVirtualMemory(NtCurrentProcess(), &Base, &Size, MEM_DECOMMIT), STATUS_SUCCESS);
        for (Index = 0; Index < 4; Index++) {
            PUCHAR Frame = MtTakeFrame(Pages[Index]);
            ULONG Byte;

            if (Frame == NULL)
                continue;
            Taken++;
            memset(Frame, 0x5A, 256);
            MtSpin(MT_SPIN);
            for (Byte = 0; Byte < 256; Byte++)
                Wrong += Frame[Byte] != 0x5A;
            MmUnmapIoSpace(Frame, PAGE_SIZE);
            MiFreeKernelPage(Pages[Index]);
        }
        expect_status(ZwAllocateVirtualMemory(NtCurrentProcess(), &Base, 0, &Size, MEM_COMMIT, PAGE_READWRITE),
                      STATUS_SUCCESS);
    }
    MtStop = TRUE;
    MtJoinAll(MT_THREADS - 1);
    expect(Taken != 0);
    expect_eq(Wrong, 0);
    expect_status(MtFree(MtMemory), STATUS_SUCCESS);
}

static VOID NTAPI MtMarkThread(PVOID Context)
{
    ULONG Index = (ULONG)(ULONG_PTR)Context, Page;

    MtBegin(Context);
    for (Page = 0; Page < MT_PAGES; Page++) {
        MT_PAGE(MtMemory, Page)[Index] = (UCHAR)(Index + 1);
        YieldProcessor();
    }
}

KTEST(mm, concurrent_copies_on_write_lose_nothing)
{
    // Law: threads that write to one copy-on-write page at once share one copy; the section keeps its own contents.
    PUCHAR View;
    ULONG Round, Page, Index;

    MtShared = MtSection(MT_PAGES * PAGE_SIZE, PAGE_READWRITE, SEC_COMMIT);
    View = MtMap(MtShared, PAGE_READWRITE);
    for (Round = 0; Round < 6; Round++) {
        MtMemory = MtMap(MtShared, PAGE_WRITECOPY);
        for (Page = 0; Page < MT_PAGES; Page++)
            expect_eq(*MT_PAGE(MtMemory, Page), 0); // mapped, so that the write finds a valid entry
        MtStartAll(MtMarkThread, MT_THREADS);
        MtJoinAll(MT_THREADS);
        for (Page = 0; Page < MT_PAGES; Page++) {
            for (Index = 0; Index < MT_THREADS; Index++) {
                MtWrong += MT_PAGE(MtMemory, Page)[Index] != Index + 1;
                MtWrong += MT_PAGE(View, Page)[Index] != 0;
            }
        }
        expect_eq(MtWrong, 0);
        expect_status(MtUnmap(MtMemory), STATUS_SUCCESS);
    }
    expect_status(MtUnmap(View), STATUS_SUCCESS);
    ZwClose(MtShared);
}

static VOID NTAPI MtMapThread(PVOID Context)
{
    ULONG Round, Page;

    MtBegin(Context);
    for (Round = 0; Round < 12; Round++) {
        PUCHAR View = MtMap(MtShared, PAGE_READWRITE);

        for (Page = 0; Page < MT_PAGES; Page++) {
            InterlockedIncrement((PLONG)MT_PAGE(View, Page));
            YieldProcessor();
        }
        if (!NT_SUCCESS(MtUnmap(View)))
            InterlockedIncrement(&MtWrong);
    }
}

KTEST(mm, views_come_and_go_on_all_processors)
{
    // Law: views that threads map, change and unmap at the same time all show one set of pages.
    PUCHAR View;
    ULONG Page;

    MtShared = MtSection(MT_PAGES * PAGE_SIZE, PAGE_READWRITE, SEC_COMMIT);
    MtStartAll(MtMapThread, MT_THREADS);
    MtJoinAll(MT_THREADS);
    expect_eq(MtWrong, 0);
    View = MtMap(MtShared, PAGE_READWRITE);
    for (Page = 0; Page < MT_PAGES; Page++) {
        expect_eq(*(PLONG)MT_PAGE(View, Page), 12 * MT_THREADS);
        expect_eq(MI_PFN_ELEMENT(MiGetFrame(MT_PAGE(View, Page)))->u2.ShareCount, 1);
    }
    expect_status(MtUnmap(View), STATUS_SUCCESS);
    ZwClose(MtShared);
}

static VOID NTAPI MtCountThread(PVOID Context)
{
    ULONG Round, Page;

    MtBegin(Context);
    for (Round = 0; Round < MT_TRIM_ROUNDS; Round++) {
        for (Page = 0; Page < MT_PAGES; Page++) {
            InterlockedIncrement((PLONG)MT_PAGE(MtMemory, Page));
            YieldProcessor();
        }
    }
    InterlockedIncrement(&MtNext);
}

KTEST(mm, trimming_loses_no_write)
{
    // Law: pages may be taken out of a process while its threads write to them: every write is kept.
    ULONG Page;

    MtShared = MtSection(MT_PAGES * PAGE_SIZE, PAGE_READWRITE, SEC_COMMIT);
    MtMemory = MtMap(MtShared, PAGE_READWRITE);
    MtStartAll(MtCountThread, MT_THREADS - 1);
    while (MtNext < (LONG)MT_THREADS - 1) {
        MiTrimProcess(PsGetCurrentProcess());
        MtSpin(MT_SPIN); // the others have to get on
    }
    MtJoinAll(MT_THREADS - 1);
    for (Page = 0; Page < MT_PAGES; Page++)
        expect_eq(*(PLONG)MT_PAGE(MtMemory, Page), MT_TRIM_ROUNDS * (MT_THREADS - 1));
    expect_status(MtUnmap(MtMemory), STATUS_SUCCESS);
    ZwClose(MtShared);
}

static VOID NTAPI MtSystemPteThread(PVOID Context)
{
    PMDL Mdl = ExAllocatePoolWithTag(NonPagedPool, MmSizeOfMdl(NULL, 2 * PAGE_SIZE), TAG_MM);
    PULONG Buffer = ExAllocatePoolWithTag(NonPagedPool, 2 * PAGE_SIZE, TAG_MM), Mapped;
    ULONG Round;

    MtBegin(Context);
    for (Round = 0; Round < 200; Round++) {
        ULONG Token = (Round << 8) | (ULONG)(ULONG_PTR)Context;

        MmInitializeMdl(Mdl, Buffer, 2 * PAGE_SIZE);
        MmBuildMdlForNonPagedPool(Mdl);
        Mdl->MdlFlags &= ~MDL_SOURCE_IS_NONPAGED_POOL; // so that it gets addresses of its own
        Mapped = MmMapLockedPagesSpecifyCache(Mdl, KernelMode, MmCached, NULL, FALSE, 0);
        Mapped[0] = Mapped[PAGE_SIZE / sizeof(ULONG)] = Token;
        if (Buffer[0] != Token || Buffer[PAGE_SIZE / sizeof(ULONG)] != Token)
            InterlockedIncrement(&MtWrong);
        MmUnmapLockedPages(Mapped, Mdl);
        YieldProcessor();
        if (Round % 16 == 0)
            KeYieldExecution();
    }
    ExFreePoolWithTag(Buffer, TAG_MM);
    ExFreePoolWithTag(Mdl, TAG_MM);
}

KTEST(mm, system_addresses_lead_to_their_new_pages)
{
    // Law: a system address that was unmapped and is given out again leads to its new page on every processor.
    MtStartAll(MtSystemPteThread, MT_THREADS);
    MtJoinAll(MT_THREADS);
    expect_eq(MtWrong, 0);
}

static VOID NTAPI MtPoolThread(PVOID Context)
{
    UCHAR Token = (UCHAR)((ULONG)(ULONG_PTR)Context + 1);
    ULONG Round, Page;

    MtBegin(Context);
    for (Round = 0; Round < 60; Round++) {
        PUCHAR Pages = MmAllocatePoolPages(TRUE, 3 * PAGE_SIZE);
        PVOID Stack = MmCreateKernelStack(TRUE);

        for (Page = 0; Page < 3; Page++)
            memset(MT_PAGE(Pages, Page), Token, 64);
        memset((PUCHAR)Stack - 64, Token, 64);
        if (Round % 4 == 0)
            KeYieldExecution();
        for (Page = 0; Page < 3; Page++)
            if (MT_PAGE(Pages, Page)[63] != Token || *((PUCHAR)Stack - 1) != Token)
                InterlockedIncrement(&MtWrong);
        MmDeleteKernelStack(Stack, TRUE);
        MmFreePoolPages(Pages);
    }
}

KTEST(mm, pool_pages_and_stacks_have_one_owner)
{
    // Law: pages for pools and stacks that several threads take and give back belong to one of them at a time.
    MtStartAll(MtPoolThread, MT_THREADS);
    MtJoinAll(MT_THREADS);
    expect_eq(MtWrong, 0);
}

static VOID NTAPI MtSeeThread(PVOID Context)
{
    LONG Page;

    MtBegin(Context);
    for (Page = 0; Page < (LONG)MT_PAGES; Page++) {
        volatile UCHAR *Va = MT_PAGE(MtMemory, Page);

        if (Context == NULL) {
            while (MtNext != 2 * Page + 1)
                MtPause();
            *Va = 2;
            MtNext = 2 * Page + 2;
        } else {
            MtWrong += *Va != 1; // its processor has a translation now
            MtNext = 2 * Page + 1;
            while (MtNext != 2 * Page + 2)
                MtPause();
            MtWrong += *Va != 2;
        }
    }
}

KTEST_MP(mm, copy_made_on_write_is_seen_by_every_thread)
{
    // Law: when a write to a copy-on-write page has ended, every thread of the process sees the copy, whatever
    // translation its processor had of the page before.
    HANDLE Section = MtSection(MT_PAGES * PAGE_SIZE, PAGE_READWRITE, SEC_COMMIT);
    PUCHAR Original = MtMap(Section, PAGE_READWRITE);
    ULONG Page;

    MtMemory = MtMap(Section, PAGE_WRITECOPY);
    for (Page = 0; Page < MT_PAGES; Page++)
        *MT_PAGE(Original, Page) = 1;
    MtStartAll(MtSeeThread, 2);
    MtJoinAll(2);
    expect_eq(MtWrong, 0);
    expect_eq(*Original, 1);
    expect_status(MtUnmap(MtMemory), STATUS_SUCCESS);
    expect_status(MtUnmap(Original), STATUS_SUCCESS);
    ZwClose(Section);
}
