// SPDX-License-Identifier: MIT
// Whole pages for the pools (ex/pool.c cuts them up). Nonpaged: a piece of KSEG0 mapped at boot, then system PTEs.
// Paged: its own range of addresses; in this issue its pages are resident from allocation to release. The frames'
// StartOfAllocation and EndOfAllocation remember how long an allocation is.

#include "mi.h"

MI_RANGE MiNonPagedPoolRange, MiPagedPoolRange;
ULONG MiPagedPoolPages, MiNonPagedPoolPages; // in use
static ULONG_PTR MiNonPagedPoolEnd;

#define MI_PAGED_POOL_PAGES ((MM_PAGED_POOL_END + 1 - MM_PAGED_POOL_START) >> PAGE_SHIFT)

// Base: mapped and zeroed memory of Pages pages, whose frames are active.
VOID MiInitializeNonPagedPool(ULONG_PTR Base, ULONG Pages, PULONG Bits)
{
    MiInitializeRange(&MiNonPagedPoolRange, Base, Pages, Bits);
    MiNonPagedPoolEnd = Base + Pages * PAGE_SIZE;
}

// Needs nonpaged pool for the bitmap.
VOID MiInitializePagedPool(VOID)
{
    PULONG Bits = ExAllocatePoolWithTag(NonPagedPool, MI_PAGED_POOL_PAGES / 8, TAG_MM);

    NT_VERIFY(Bits != NULL);
    MiInitializeRange(&MiPagedPoolRange, MM_PAGED_POOL_START, MI_PAGED_POOL_PAGES, Bits);
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
        MiWriteValidPte(&Pte[Index], MI_KERNEL_PTE(Page));
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

static VOID MiMarkAllocation(PVOID Va, ULONG Pages, BOOLEAN Mark)
{
    KIRQL OldIrql = MiLockPfn();

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

static PVOID MiAllocatePaged(ULONG Pages)
{
    PVOID Va = MiReserveInRange(&MiPagedPoolRange, Pages);

    if (Va == NULL)
        return NULL;
    if (NT_SUCCESS(MiMakeSystemPageTables(Va, Pages * PAGE_SIZE)) && NT_SUCCESS(MiPopulate(Va, Pages)))
        return Va;
    MiReleaseInRange(&MiPagedPoolRange, Va, Pages);
    return NULL;
}

// Whole pages for a pool; contents undefined.
//
// IRQL <= DISPATCH_LEVEL, paged <= APC_LEVEL. NULL when memory, commitment or addresses have run out.
PVOID MmAllocatePoolPages(BOOLEAN Paged, SIZE_T Bytes)
{
    ULONG Pages = BYTES_TO_PAGES(Bytes);
    PVOID Va;

    ASSERT_IRQL_LESS_OR_EQUAL(Paged ? APC_LEVEL : DISPATCH_LEVEL);
    if (Pages == 0)
        return NULL;
    Va = Paged ? MiAllocatePaged(Pages) : MiAllocateNonPaged(Pages);
    if (Va == NULL)
        return NULL;
    MiMarkAllocation(Va, Pages, TRUE);
    InterlockedExchangeAdd((volatile LONG *)(Paged ? &MiPagedPoolPages : &MiNonPagedPoolPages), (LONG)Pages);
    return Va;
}

BOOLEAN MmIsPagedPoolAddress(PVOID Va)
{
    return (ULONG_PTR)Va >= MM_PAGED_POOL_START && (ULONG_PTR)Va <= MM_PAGED_POOL_END;
}

// How many pages the allocation that starts at Va has. Bugchecks BAD_POOL_CALLER if none starts there. Any IRQL.
ULONG MmGetPoolAllocationPages(PVOID Va)
{
    PCHAR Page = Va;
    ULONG Pages = 1;

    if (BYTE_OFFSET(Va) != 0 || !MmIsAddressValid(Va) || !MI_PFN_ELEMENT(MiGetFrame(Va))->u3.e1.StartOfAllocation)
        KeBugCheckEx(BAD_POOL_CALLER, 0x46, (ULONG_PTR)Va, 0, 0);
    for (; !MI_PFN_ELEMENT(MiGetFrame(Page))->u3.e1.EndOfAllocation; Page += PAGE_SIZE)
        Pages++;
    return Pages;
}

// Frees what MmAllocatePoolPages gave. IRQL as there. Returns the number of pages. A wrong address is a bugcheck.
ULONG MmFreePoolPages(PVOID Va)
{
    ULONG Pages = MmGetPoolAllocationPages(Va);
    BOOLEAN Paged = MmIsPagedPoolAddress(Va);

    MiMarkAllocation(Va, Pages, FALSE);
    InterlockedExchangeAdd((volatile LONG *)(Paged ? &MiPagedPoolPages : &MiNonPagedPoolPages), -(LONG)Pages);
    if (!Paged && (ULONG_PTR)Va >= MiNonPagedPoolRange.Base && (ULONG_PTR)Va < MiNonPagedPoolEnd) {
        MiReleaseInRange(&MiNonPagedPoolRange, Va, Pages);
        return Pages;
    }
    MiDepopulate(Va, Pages);
    if (Paged)
        MiReleaseInRange(&MiPagedPoolRange, Va, Pages);
    else
        MiReleaseSystemPtes(MiGetPteAddress(Va), Pages);
    return Pages;
}
