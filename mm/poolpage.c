// SPDX-License-Identifier: MIT
// Whole pages for the pools (ex/pool.c cuts them up). Nonpaged: a piece of KSEG0 mapped at boot, then system PTEs.
// Paged and session pool: ranges of addresses of their own; their pages come and go (pagedpool.c). The
// frames' StartOfAllocation and EndOfAllocation remember how long a nonpaged allocation is, bits how long a paged one.
// Each pool has a limit, so that one that somebody leaks into does not take all memory.

#include "mi.h"

MI_RANGE MiNonPagedPoolRange, MiPagedPoolRange;
// Paged pools, a bit for each page: an allocation begins here, ends here. Under the range's lock.
static PULONG MiPoolStarts, MiPoolEnds; // of paged pool; a session has its own
MI_POOL_PAGES MiPoolPages[MM_POOLS];
static ULONG_PTR MiNonPagedPoolEnd;

#define MI_PAGED_POOL_PAGES ((MM_PAGED_POOL_END + 1 - MM_PAGED_POOL_START) >> PAGE_SHIFT)
#define MI_SESSION_POOL_PAGES ((MM_SESSION_POOL_END + 1 - MM_SESSION_POOL_START) >> PAGE_SHIFT)
// Windows Internals, "Pool sizes": nonpaged pool takes at most three quarters of memory, and of addresses 256 MB.
#define MI_NONPAGED_LIMIT_PAGES 0x10000u

// Base: mapped and zeroed memory of Pages pages, whose frames are active.
VOID MiInitializeNonPagedPool(ULONG_PTR Base, ULONG Pages, PULONG Bits)
{
    MiInitializeRange(&MiNonPagedPoolRange, Base, Pages, Bits);
    MiNonPagedPoolEnd = Base + Pages * PAGE_SIZE;
    MiPoolPages[MM_POOL_NONPAGED].Limit = min_of(MmNumberOfPhysicalPages / 4 * 3, MI_NONPAGED_LIMIT_PAGES);
    MiPoolPages[MM_POOL_PAGED].Limit = MI_PAGED_POOL_PAGES;
    MiPoolPages[MM_POOL_SESSION].Limit = MI_SESSION_POOL_PAGES;
}

// Needs nonpaged pool for the bitmaps.
VOID MiInitializePagedPool(VOID)
{
    PULONG Bits = ExAllocatePoolWithTag(NonPagedPool, MI_PAGED_POOL_PAGES / 8, TAG_MM);

    MiPoolStarts = ExAllocatePoolZero(NonPagedPool, MI_PAGED_POOL_PAGES / 8, TAG_MM);
    MiPoolEnds = ExAllocatePoolZero(NonPagedPool, MI_PAGED_POOL_PAGES / 8, TAG_MM);
    NT_VERIFY(Bits != NULL && MiPoolStarts != NULL && MiPoolEnds != NULL);
    MiInitializeRange(&MiPagedPoolRange, MM_PAGED_POOL_START, MI_PAGED_POOL_PAGES, Bits);
    MiInitializeSessionZero();
}

// Gives every page of a reserved system range a zeroed frame. Its page tables exist. IRQL <= DISPATCH_LEVEL.
// Commitment is charged. On failure nothing is mapped.
NTSTATUS MiPopulate(PVOID Va, ULONG Pages)
{
    PMMPTE Pte = MiGetPteAddress(Va);
    ULONG Index;

    if (!MiChargeCommitment(Pages, NULL))
        return STATUS_COMMITMENT_LIMIT;
    for (Index = 0; Index < Pages; Index++) {
        PFN_NUMBER Page = MiAllocateKernelPage(&Pte[Index]);

        if (Page == 0) {
            MiDepopulate(Va, Index);
            MiReturnCommitment(Pages - Index, NULL);
            return STATUS_NO_MEMORY;
        }
        MiWriteValidPte(&Pte[Index], MiSystemPte((PCHAR)Va + Index * PAGE_SIZE, Page));
    }
    return STATUS_SUCCESS;
}

// Frees frames of MiAllocateKernelPage that no processor can reach any more.
static VOID MiFreeKernelPages(PPFN_NUMBER Pages, ULONG Count)
{
    KIRQL OldIrql = MiLockPfn();
    ULONG Index;

    for (Index = 0; Index < Count; Index++) {
        MI_PFN_ELEMENT(Pages[Index])->u3.e1.Deleted = 1;
        MiDecrementShareCount(MI_PFN_ELEMENT(Pages[Index]));
    }
    MiUnlockPfn(OldIrql);
}

// Unmaps and frees what MiPopulate mapped: entries, then their translations everywhere, then frames; so addresses and
// frames may be given out again at once. IRQL <= DISPATCH_LEVEL. One interrupt of the other processors for a batch.
VOID MiDepopulate(PVOID Va, ULONG Pages)
{
    PMMPTE Pte = MiGetPteAddress(Va);
    ULONG Index = 0;

    while (Index < Pages) {
        PFN_NUMBER Frames[MI_PTE_BATCH];
        MI_TB_FLUSH Flush;

        for (Flush.Count = 0; Index < Pages && Flush.Count < MI_PTE_BATCH; Index++) {
            Frames[Flush.Count] = MI_PTE_FRAME(&Pte[Index]);
            MiWriteInvalidPte(&Pte[Index], 0);
            MiAddTbFlush(&Flush, (PCHAR)Va + Index * PAGE_SIZE);
        }
        KeFlushMultipleTb(Flush.Count, Flush.Va, TRUE);
        MiFreeKernelPages(Frames, Flush.Count);
    }
    MiReturnCommitment(Pages, NULL);
}

static PMI_RANGE MiRangeOfPool(ULONG Pool)
{
    return Pool == MM_POOL_PAGED ? &MiPagedPoolRange : &MmSessionSpace->GlobalVirtualAddress->PoolRange;
}

static PULONG MiStartsOfPool(ULONG Pool)
{
    return Pool == MM_POOL_PAGED ? MiPoolStarts : MmSessionSpace->PoolStarts;
}

static PULONG MiEndsOfPool(ULONG Pool)
{
    return Pool == MM_POOL_PAGED ? MiPoolEnds : MmSessionSpace->PoolEnds;
}

static VOID MiSetPoolBit(PULONG Bits, ULONG Page, BOOLEAN Set)
{
    if (Set)
        Bits[Page / 32] |= 1u << (Page % 32);
    else
        Bits[Page / 32] &= ~(1u << (Page % 32));
}

static BOOLEAN MiIsPoolBit(PULONG Bits, ULONG Page)
{
    return (Bits[Page / 32] & 1u << (Page % 32)) != 0;
}

// Remembers where an allocation begins and ends; of nonpaged memory in its frames.
static VOID MiMarkAllocation(ULONG Pool, PVOID Va, ULONG Pages, BOOLEAN Mark)
{
    KIRQL OldIrql;

    if (Pool != MM_POOL_NONPAGED) {
        PMI_RANGE Range = MiRangeOfPool(Pool);
        ULONG First = ((ULONG_PTR)Va - Range->Base) >> PAGE_SHIFT;

        OldIrql = KfAcquireSpinLock(&Range->Lock);
        MiSetPoolBit(MiStartsOfPool(Pool), First, Mark);
        MiSetPoolBit(MiEndsOfPool(Pool), First + Pages - 1, Mark);
        KfReleaseSpinLock(&Range->Lock, OldIrql);
        return;
    }
    OldIrql = MiLockPfn();
    MI_PFN_ELEMENT(MiGetFrame(Va))->u3.e1.StartOfAllocation = Mark;
    MI_PFN_ELEMENT(MiGetFrame((PCHAR)Va + (Pages - 1) * PAGE_SIZE))->u3.e1.EndOfAllocation = Mark;
    MiUnlockPfn(OldIrql);
}

static PVOID MiAllocateNonPaged(ULONG Pages)
{
    PVOID Va = MiReserveInRange(&MiNonPagedPoolRange, Pages);
    PMMPTE Pte;

    if (Va != NULL)
        return Va;
    Pte = MiReserveSystemPtes(Pages);
    if (Pte == NULL)
        return NULL;
    Va = MiGetVaOfPte(Pte);
    if (NT_SUCCESS(MiPopulate(Va, Pages)))
        return Va;
    MiReleaseSystemPtes(Pte, Pages);
    return NULL;
}

static PVOID MiAllocatePaged(PMI_RANGE Range, ULONG Pages)
{
    PVOID Va = MiReserveInRange(Range, Pages);

    if (Va == NULL)
        return NULL;
    if (NT_SUCCESS(MiMakeSystemPageTables(Va, Pages * PAGE_SIZE)) && NT_SUCCESS(MiCommitPool(Va, Pages)))
        return Va;
    MiReleaseInRange(Range, Va, Pages);
    return NULL;
}

// Counts Pages to a pool. FALSE: over its limit.
static BOOLEAN MiChargePool(PMI_POOL_PAGES Pool, ULONG Pages)
{
    ULONG Old, New;

    do {
        Old = Pool->Used;
        New = Old + Pages;
        if (New < Old || New > Pool->Limit)
            return FALSE;
    } while ((ULONG)InterlockedCompareExchange((volatile LONG *)&Pool->Used, (LONG)New, (LONG)Old) != Old);
    if (New > Pool->Peak)
        Pool->Peak = New; // two at a time may lose the higher one: it is a figure for people
    return TRUE;
}

// Pages of a pool that are not in use any more. Any IRQL.
VOID MiReturnPool(PMI_POOL_PAGES Pool, ULONG Pages)
{
    InterlockedExchangeAdd((volatile LONG *)&Pool->Used, -(LONG)Pages);
}

// Whole pages for a pool (MM_POOL_*); paged ones read as zeroes, the contents of others are undefined.
//
// IRQL <= DISPATCH_LEVEL, paged <= APC_LEVEL. NULL when memory, commitment, addresses or the pool's limit have run out.
PVOID MmAllocatePoolPages(ULONG Pool, SIZE_T Bytes)
{
    ULONG Pages = BYTES_TO_PAGES(Bytes);
    PVOID Va;

    ASSERT_IRQL_LESS_OR_EQUAL(Pool != MM_POOL_NONPAGED ? APC_LEVEL : DISPATCH_LEVEL);
    if (Pages == 0 || !MiChargePool(&MiPoolPages[Pool], Pages))
        return NULL;
    if (Pool == MM_POOL_NONPAGED)
        Va = MiAllocateNonPaged(Pages);
    else
        Va = MiAllocatePaged(MiRangeOfPool(Pool), Pages);
    if (Va == NULL)
        MiReturnPool(&MiPoolPages[Pool], Pages);
    else
        MiMarkAllocation(Pool, Va, Pages, TRUE);
    if (Pool == MM_POOL_SESSION && Va != NULL)
        InterlockedExchangeAdd(&MmSessionSpace->PoolPages, (LONG)Pages);
    return Va;
}

BOOLEAN MmIsPagedPoolAddress(PVOID Va)
{
    return (ULONG_PTR)Va >= MM_PAGED_POOL_START && (ULONG_PTR)Va <= MM_PAGED_POOL_END;
}

// Which pool an address lies in, if it lies in one. Any IRQL.
ULONG MmPoolOfAddress(PVOID Va)
{
    if (MmIsPagedPoolAddress(Va))
        return MM_POOL_PAGED;
    return (ULONG_PTR)Va >= MM_SESSION_POOL_START && (ULONG_PTR)Va <= MM_SESSION_POOL_END ? MM_POOL_SESSION
                                                                                          : MM_POOL_NONPAGED;
}

// Pages that a pool has in use, had at most, and may have. Any IRQL.
VOID MmQueryPoolLimits(ULONG Pool, PULONG Pages, PULONG Peak, PULONG Limit)
{
    *Pages = MiPoolPages[Pool].Used;
    *Peak = MiPoolPages[Pool].Peak;
    *Limit = MiPoolPages[Pool].Limit;
}

// Is there enough left for an allocation of this priority (EX_POOL_PRIORITY without its special-pool bits)? The answer
// is old at once. Any IRQL. Source: WDK, ExAllocatePoolWithTagPriority.
BOOLEAN MmResourcesAvailable(ULONG Pool, SIZE_T Bytes, ULONG Priority)
{
    ULONG Pages = BYTES_TO_PAGES(Bytes), Reserve;
    SIZE_T Committed = MmTotalCommittedPages;

    if (Priority >= HighPoolPriority)
        return TRUE;
    Reserve = Priority >= NormalPoolPriority ? MI_LOW_MEMORY / 2 : MI_LOW_MEMORY * 2;
    if (MmAvailablePages < Reserve || MmAvailablePages - Reserve < Pages)
        return FALSE;
    if (Committed + Reserve > MmTotalCommitLimit || MmTotalCommitLimit - Committed - Reserve < Pages)
        return FALSE;
    return Pages < MiPoolPages[Pool].Limit && MiPoolPages[Pool].Used + Reserve <= MiPoolPages[Pool].Limit - Pages;
}

// Pages of the paged allocation that starts at Va; 0: none does. The caller has it, so that nobody changes its bits.
static ULONG MiCountPagedAllocation(ULONG Pool, PVOID Va)
{
    PMI_RANGE Range = MiRangeOfPool(Pool);
    ULONG Page = ((ULONG_PTR)Va - Range->Base) >> PAGE_SHIFT, Pages = 1;

    if (BYTE_OFFSET(Va) != 0 || !MiIsPoolBit(MiStartsOfPool(Pool), Page))
        return 0;
    while (!MiIsPoolBit(MiEndsOfPool(Pool), Page + Pages - 1))
        Pages++;
    return Pages;
}

// How many pages the allocation that starts at Va has. Bugchecks BAD_POOL_CALLER if none starts there. Any IRQL.
ULONG MmGetPoolAllocationPages(PVOID Va)
{
    PCHAR Page = Va;
    ULONG Pages = 1;

    if (MiIsPoolAddress(Va)) {
        Pages = MiCountPagedAllocation(MmPoolOfAddress(Va), Va);
        if (Pages == 0)
            KeBugCheckEx(BAD_POOL_CALLER, 0x46, (ULONG_PTR)Va, 0, 0);
        return Pages;
    }
    if (BYTE_OFFSET(Va) != 0 || !MmIsAddressValid(Va) || !MI_PFN_ELEMENT(MiGetFrame(Va))->u3.e1.StartOfAllocation)
        KeBugCheckEx(BAD_POOL_CALLER, 0x46, (ULONG_PTR)Va, 0, 0);
    for (; !MI_PFN_ELEMENT(MiGetFrame(Page))->u3.e1.EndOfAllocation; Page += PAGE_SIZE)
        Pages++;
    return Pages;
}

// Frees what MmAllocatePoolPages gave. IRQL as there. Returns the number of pages. A wrong address is a bugcheck.
ULONG MmFreePoolPages(PVOID Va)
{
    ULONG Pages = MmGetPoolAllocationPages(Va), Pool = MmPoolOfAddress(Va);

    MiMarkAllocation(Pool, Va, Pages, FALSE);
    MiReturnPool(&MiPoolPages[Pool], Pages);
    if (Pool == MM_POOL_SESSION)
        InterlockedExchangeAdd(&MmSessionSpace->PoolPages, -(LONG)Pages);
    if (Pool == MM_POOL_NONPAGED && (ULONG_PTR)Va >= MiNonPagedPoolRange.Base && (ULONG_PTR)Va < MiNonPagedPoolEnd) {
        MiReleaseInRange(&MiNonPagedPoolRange, Va, Pages);
        return Pages;
    }
    if (Pool == MM_POOL_NONPAGED) {
        MiDepopulate(Va, Pages);
        MiReleaseSystemPtes(MiGetPteAddress(Va), Pages);
    } else {
        MiDecommitPool(Va, Pages);
        MiReleaseInRange(MiRangeOfPool(Pool), Va, Pages);
    }
    return Pages;
}
