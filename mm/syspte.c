// SPDX-License-Identifier: MIT
// System PTEs: addresses between MM_SYSTEM_PTE_START and END for whatever the kernel maps for a while: kernel stacks,
// I/O space, MDLs, growth of the nonpaged pool. The page tables under them are made when first needed, and stay.
//
// With several processors, addresses that were mapped are not free at once when they are released: their entries are 0,
// nobody uses them, but a processor may still remember where they led. They wait as stale runs until there are enough
// of them; then all processors forget everything, once for all runs, and the addresses are free.
//
// Small numbers are rounded up to 1, 2, 4, 8 or 16. Free runs of these sizes wait in bins, from which they are taken
// again without a search; only what a bin has no room for goes back to the bitmap.

#include "mi.h"

MI_RANGE MiSystemPteRange;

#define MI_PTE_BINS 5u
#define MI_PTE_BIN_DEPTH 32u
#define MI_LARGEST_PTE_BIN 16u
static struct {
    ULONG Count;
    PVOID Va[MI_PTE_BIN_DEPTH];
} MiPteBins[MI_PTE_BINS]; // bin n: runs of 1 << n
static ULONG MiBinnedPages;
static KSPIN_LOCK MiPteBinLock;

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
    KeInitializeSpinLock(&MiPteBinLock);
    MiInitializeRange(&MiSystemPteRange, MM_SYSTEM_PTE_START, Pages, Bits);
}

// How many system PTEs are to be had. Any IRQL.
ULONG MiFreeSystemPtes(VOID)
{
    return MiSystemPteRange.FreePages + MiStalePages + MiBinnedPages;
}

// The bin for a number of entries that is no larger than the largest bin's.
static ULONG MiPteBin(ULONG Count)
{
    return Count == 1 ? 0 : 32 - (ULONG)__builtin_clzl(Count - 1);
}

// How many entries are really taken for Count of them.
static ULONG MiRoundPtes(ULONG Count)
{
    return Count <= MI_LARGEST_PTE_BIN ? 1u << MiPteBin(Count) : Count;
}

static PVOID MiTakeFromBin(ULONG Bin)
{
    KIRQL OldIrql;
    PVOID Va = NULL;

    if (MiPteBins[Bin].Count == 0)
        return NULL;
    OldIrql = KfAcquireSpinLock(&MiPteBinLock);
    if (MiPteBins[Bin].Count != 0) {
        Va = MiPteBins[Bin].Va[--MiPteBins[Bin].Count];
        MiBinnedPages -= 1u << Bin;
    }
    KfReleaseSpinLock(&MiPteBinLock, OldIrql);
    return Va;
}

// A run (of a rounded number) that nobody remembers is free: into its bin, or into the bitmap.
static VOID MiGiveFreeRun(PVOID Va, ULONG Pages)
{
    BOOLEAN Kept = FALSE;

    if (Pages <= MI_LARGEST_PTE_BIN) {
        ULONG Bin = MiPteBin(Pages);
        KIRQL OldIrql = KfAcquireSpinLock(&MiPteBinLock);

        Kept = MiPteBins[Bin].Count < MI_PTE_BIN_DEPTH;
        if (Kept) {
            MiPteBins[Bin].Va[MiPteBins[Bin].Count++] = Va;
            MiBinnedPages += Pages;
        }
        KfReleaseSpinLock(&MiPteBinLock, OldIrql);
    }
    if (!Kept)
        MiReleaseInRange(&MiSystemPteRange, Va, Pages);
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
        MiGiveFreeRun(Runs[Index].Va, Runs[Index].Pages);
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

// Flushes what is stale and gives every free run back to the bitmap, so that neighbours become one gap.
// IRQL <= DISPATCH_LEVEL, interrupts on.
VOID MiDrainSystemPtes(VOID)
{
    ULONG Bin;
    PVOID Va;

    MiReclaimStalePtes();
    for (Bin = 0; Bin < MI_PTE_BINS; Bin++) {
        while ((Va = MiTakeFromBin(Bin)) != NULL)
            MiReleaseInRange(&MiSystemPteRange, Va, 1u << Bin);
    }
}

// Reserves Count entries in a row, all 0, with their page tables present in every address space; no processor remembers
// a translation of them.
//
// IRQL <= DISPATCH_LEVEL, interrupts on. Returns the first, or NULL when there is no gap or no page for a table.
PMMPTE MiReserveSystemPtes(ULONG Count)
{
    ULONG Pages;
    PVOID Va;

    if (Count == 0)
        return NULL;
    Pages = MiRoundPtes(Count);
    Va = Count <= MI_LARGEST_PTE_BIN ? MiTakeFromBin(MiPteBin(Count)) : NULL;
    if (Va != NULL)
        return MiGetPteAddress(Va); // its page table stayed
    Va = MiReserveInRange(&MiSystemPteRange, Pages);
    if (Va == NULL) {
        MiDrainSystemPtes();
        Va = MiReserveInRange(&MiSystemPteRange, Pages);
    }
    if (Va == NULL)
        return NULL;
    if (!NT_SUCCESS(MiMakeSystemPageTables(Va, Pages * PAGE_SIZE))) {
        MiReleaseInRange(&MiSystemPteRange, Va, Pages);
        return NULL;
    }
    return MiGetPteAddress(Va);
}

// Clears and releases entries, as many as were reserved; the frames behind them are the caller's.
// IRQL <= DISPATCH_LEVEL, interrupts on.
VOID MiReleaseSystemPtes(PMMPTE Pte, ULONG Count)
{
    PVOID Va = MiGetVaOfPte(Pte);
    ULONG Index, Pages = MiRoundPtes(Count);
    BOOLEAN Mapped = FALSE;

    for (Index = 0; Index < Count; Index++) {
        if (Pte[Index].u.Long == 0)
            continue;
        MiWriteInvalidPte(&Pte[Index], 0);
        KeInvalidatePage((PCHAR)Va + Index * PAGE_SIZE);
        Mapped = TRUE;
    }
    if (!Mapped || KeNumberProcessors == 1) {
        MiGiveFreeRun(Va, Pages);
        return;
    }
    while (!MiAddStaleRun(Va, Pages))
        MiReclaimStalePtes();
}
