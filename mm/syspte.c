// SPDX-License-Identifier: MIT
// System PTEs: addresses between MM_SYSTEM_PTE_START and END for whatever the kernel maps for a while: kernel stacks,
// I/O space, MDLs, growth of the nonpaged pool. The page tables under them are made when first needed, and stay.
//
// With several processors, addresses that were mapped are not free at once when they are released: their entries are 0,
// nobody uses them, but a processor may still remember where they led. They wait as stale runs until there are enough
// of them; then all processors forget everything, once for all runs, and the addresses are free.

#include "mi.h"

MI_RANGE MiSystemPteRange;

#define MI_STALE_RUNS 64u
typedef struct _MI_STALE_RUN {
    PVOID Va;
    ULONG Pages;
} MI_STALE_RUN;
static MI_STALE_RUN MiStaleRuns[MI_STALE_RUNS];
static ULONG MiStaleRunCount, MiStalePages;
static KSPIN_LOCK MiStaleLock;

VOID MiInitializeSystemPtes(ULONG Pages, PULONG Bits)
{
    KeInitializeSpinLock(&MiStaleLock);
    MiInitializeRange(&MiSystemPteRange, MM_SYSTEM_PTE_START, Pages, Bits);
}

// How many system PTEs are to be had. Any IRQL.
ULONG MiFreeSystemPtes(VOID)
{
    return MiSystemPteRange.FreePages + MiStalePages;
}

// Makes every stale address free. FALSE: there were none.
static BOOLEAN MiReclaimStalePtes(VOID)
{
    MI_STALE_RUN Runs[MI_STALE_RUNS];
    KIRQL OldIrql = KfAcquireSpinLock(&MiStaleLock);
    ULONG Index, Count = MiStaleRunCount;

    RtlCopyMemory(Runs, MiStaleRuns,
                  Count * sizeof(MI_STALE_RUN)); // what becomes stale from now on is not in the flush
    MiStaleRunCount = 0;
    MiStalePages = 0;
    KfReleaseSpinLock(&MiStaleLock, OldIrql);
    if (Count == 0)
        return FALSE;
    KeFlushEntireTb(TRUE, TRUE);
    for (Index = 0; Index < Count; Index++)
        MiReleaseInRange(&MiSystemPteRange, Runs[Index].Va, Runs[Index].Pages);
    return TRUE;
}

static BOOLEAN MiAddStaleRun(PVOID Va, ULONG Pages)
{
    KIRQL OldIrql = KfAcquireSpinLock(&MiStaleLock);
    BOOLEAN Room = MiStaleRunCount < MI_STALE_RUNS;

    if (Room) {
        MiStaleRuns[MiStaleRunCount].Va = Va;
        MiStaleRuns[MiStaleRunCount++].Pages = Pages;
        MiStalePages += Pages;
    }
    KfReleaseSpinLock(&MiStaleLock, OldIrql);
    return Room;
}

// Reserves Count entries in a row, all 0, with their page tables present in every address space; no processor remembers
// a translation of them.
//
// IRQL <= DISPATCH_LEVEL, interrupts on. Returns the first, or NULL when there is no gap or no page for a table.
PMMPTE MiReserveSystemPtes(ULONG Count)
{
    PVOID Va = MiReserveInRange(&MiSystemPteRange, Count);

    if (Va == NULL && MiReclaimStalePtes())
        Va = MiReserveInRange(&MiSystemPteRange, Count);
    if (Va == NULL)
        return NULL;
    if (!NT_SUCCESS(MiMakeSystemPageTables(Va, Count * PAGE_SIZE))) {
        MiReleaseInRange(&MiSystemPteRange, Va, Count);
        return NULL;
    }
    return MiGetPteAddress(Va);
}

// Clears and releases entries; the frames behind them are the caller's. IRQL <= DISPATCH_LEVEL, interrupts on.
VOID MiReleaseSystemPtes(PMMPTE Pte, ULONG Count)
{
    PVOID Va = MiGetVaOfPte(Pte);
    BOOLEAN Mapped = FALSE;
    ULONG Index;

    for (Index = 0; Index < Count; Index++) {
        if (!Pte[Index].u.Hard.Valid)
            continue;
        MiWriteInvalidPte(&Pte[Index], 0);
        KeInvalidatePage((PCHAR)Va + Index * PAGE_SIZE);
        Mapped = TRUE;
    }
    if (!Mapped || KeNumberProcessors == 1) {
        MiReleaseInRange(&MiSystemPteRange, Va, Count);
        return;
    }
    while (!MiAddStaleRun(Va, Count))
        MiReclaimStalePtes();
}
