// SPDX-License-Identifier: MIT
// Laws of forgetting translations: what one processor changes in page tables, all see when KeFlush* returns.
// Each processor reads through the old entry first, at IPI_LEVEL, so that it knows it.

#include "ktest.h"
#include "mm/mi.h"

#define KT_PAGES 4u
#define KT_TAG 0x6C74744B // 'Kttl'

static PULONG KtView;         // KT_PAGES pages of system addresses
static PULONG KtOld, KtNew;   // the pages behind them before and after
static volatile LONG KtStale; // reads that gave what was there before
static volatile LONG KtReads;

static ULONG_PTR NTAPI KtReadView(ULONG_PTR Want)
{
    ULONG Page;

    for (Page = 0; Page < KT_PAGES; Page++)
        if (*(volatile ULONG *)((PCHAR)KtView + Page * PAGE_SIZE) != Want + Page)
            InterlockedIncrement(&KtStale);
    InterlockedIncrement(&KtReads);
    return 0;
}

static VOID KtMap(PMMPTE Pte, PULONG Pages)
{
    ULONG Page;

    for (Page = 0; Page < KT_PAGES; Page++) {
        ULONGLONG Frame = MmGetPhysicalAddress((PCHAR)Pages + Page * PAGE_SIZE).QuadPart;
        MMPTE New = {.u.Long = Frame | MmProtectToPteMask[MM_READWRITE] | MmGlobal | MI_ACCESSED | MI_DIRTY | 1};

        Pte[Page].u.Low = 0; // never half of one and half of the other
        Pte[Page].u.High = New.u.High;
        Pte[Page].u.Low = New.u.Low;
    }
}

static VOID KtFlush(ULONG Way)
{
    PVOID Va[KT_PAGES];
    ULONG Page;

    for (Page = 0; Page < KT_PAGES; Page++)
        Va[Page] = (PCHAR)KtView + Page * PAGE_SIZE;
    if (Way == 0)
        KeFlushMultipleTb(KT_PAGES, Va, TRUE);
    else if (Way == 1)
        KeFlushEntireTb(TRUE, TRUE);
    else
        for (Page = 0; Page < KT_PAGES; Page++)
            KeFlushSingleTb(Va[Page], TRUE);
}

KTEST_MP(ke, tlb_flush_is_seen_by_every_processor)
{
    // Law: after a change of system entries and a flush for all processors, none of them reads what was there before;
    // the flush reaches processors on which another process runs than here.
    PMMPTE Pte = MiReserveSystemPtes(KT_PAGES);
    KAPC_STATE State;
    ULONG Round, Page;

    KtView = MiGetVaOfPte(Pte);
    KtOld = ExAllocatePoolWithTag(NonPagedPool, KT_PAGES * PAGE_SIZE, KT_TAG);
    KtNew = ExAllocatePoolWithTag(NonPagedPool, KT_PAGES * PAGE_SIZE, KT_TAG);
    for (Page = 0; Page < KT_PAGES; Page++) {
        KtOld[Page * PAGE_SIZE / sizeof(ULONG)] = 100 + Page;
        KtNew[Page * PAGE_SIZE / sizeof(ULONG)] = 200 + Page;
    }
    KtStale = 0;
    for (Round = 0; Round < 12; Round++) {
        BOOLEAN Away = Round >= 6;

        KtReads = 0;
        KtMap(Pte, KtOld);
        KeFlushEntireTb(TRUE, TRUE);
        if (Away)
            KeStackAttachProcess(&PsIdleProcess->Pcb, &State);
        (VOID) KeIpiGenericCall(KtReadView, 100);
        KtMap(Pte, KtNew);
        KtFlush(Round % 3);
        (VOID) KeIpiGenericCall(KtReadView, 200);
        if (Away)
            KeUnstackDetachProcess(&State);
        expect_eq(KtReads, 2 * KeNumberProcessors);
    }
    expect_eq(KtStale, 0);
    ExFreePoolWithTag(KtOld, KT_TAG);
    ExFreePoolWithTag(KtNew, KT_TAG);
    MiReleaseSystemPtes(Pte, KT_PAGES);
}
