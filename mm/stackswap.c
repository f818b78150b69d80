// SPDX-License-Identifier: MIT
// Kernel stacks out of memory and back. A stack's pages become transition pages like those of a process: they are
// written, reused, and read in again, or found still there. Only the swap thread (ke/swap.c) comes here, for threads
// that cannot run meanwhile; their system PTEs are nobody else's.

#include "mi.h"

// The stack of a thread that waits and is marked as not resident: takes its pages away. IRQL <= APC_LEVEL.
// Takes the PFN lock.
VOID MmOutPageKernelStack(PKTHREAD Thread)
{
    PUCHAR Va = Thread->StackLimit;
    PMMPTE Pte = MiGetPteAddress(Va);
    PFN_NUMBER Table = MI_PTE_FRAME(MiGetPteAddress(Pte));
    MI_TB_FLUSH Flush;
    KIRQL OldIrql;

    Flush.Count = 0;
    OldIrql = MiLockPfn();
    for (; Va < (PUCHAR)Thread->StackBase; Va += PAGE_SIZE, Pte++) {
        PMMPFN Pfn = MI_PFN_ELEMENT(MI_PTE_FRAME(Pte));

        ASSERT(Pte->u.Hard.Valid && Pfn->u2.ShareCount == 1);
        Pfn->PteAddress = Pte; // found from the frame when it is reused
        Pfn->PteFrame = Table;
        MiMakePageDirty(Pfn);
        MiExchangePte(Pte, MI_TRANSITION_PTE(MI_PFN_NUMBER(Pfn), MM_READWRITE));
        MiAddTbFlush(&Flush, Va);
        MiDecrementShareCount(Pfn);
    }
    MiFlushTb(&Flush, TRUE);
    MiUnlockPfn(OldIrql);
    MiStatistics.StacksSwappedOut++;
}

// One look at a page of a stack: maps it if it is in memory, or begins the read. Block: for a read, may be NULL.
static NTSTATUS MiResolveStackPage(PMI_FAULT Fault, PMMPTE Last)
{
    KIRQL OldIrql = MiLockPfn();
    PMMPTE Pte = Fault->Pte;
    PMMPFN Pfn = MI_PFN_ELEMENT(MI_PTE_FRAME(Pte));
    NTSTATUS Status = STATUS_SUCCESS;

    if (!Pte->u.Soft.Transition) {
        ASSERT(MI_IS_PAGE_FILE_PTE(Pte));
        Status = MiStartPageFileRead(Fault, Pte, Last);
    } else if (Pfn->u3.e1.ReadInProgress) {
        PMMINPAGE_SUPPORT Spare = Fault->InPage;

        MiShareInPage(Fault, Pfn);
        MiUnlockPfn(OldIrql);
        if (Spare != NULL)
            MiDereferenceInPage(Spare);
        return MI_STATUS_READ;
    } else {
        MiTakeBackPage(Pfn);
        MiWriteValidPte(Pte, MI_KERNEL_PTE(MI_PFN_NUMBER(Pfn)));
    }
    MiUnlockPfn(OldIrql);
    if (Fault->InPage != NULL && Status != MI_STATUS_READ)
        MiDereferenceInPage(Fault->InPage);
    return Status;
}

// Makes the entries from First to Last valid that are not, each of them a page of its own. IRQL PASSIVE_LEVEL, no
// locks; waits for memory and for reads as long as it takes. A read that fails is bugcheck 77, as nothing could go
// on without the page. Owner: for that.
VOID MiInSwapPages(PMMPTE First, PMMPTE Last, PVOID Owner)
{
    MI_FAULT Fault = {.Va = First, .Pte = First, .Write = TRUE};
    ULONG Attempt = 0;

    while (Fault.Pte <= Last) {
        NTSTATUS Status;

        if (Fault.Pte->u.Hard.Valid || Fault.Pte->u.Long == 0) {
            Fault.Pte++;
            continue;
        }
        Fault.Va = Fault.Pte;
        Fault.InPage = MI_IS_PAGE_FILE_PTE(Fault.Pte) ? MiAllocateInPage() : NULL;
        Status = MiFinishFault(&Fault, MiResolveStackPage(&Fault, Last), &Attempt);
        if (!NT_SUCCESS(Status) && Status != STATUS_NO_MEMORY && Status != STATUS_RETRY)
            KeBugCheckEx(KERNEL_STACK_INPAGE_ERROR, (ULONG_PTR)Status, (ULONG_PTR)Fault.Pte, (ULONG_PTR)Owner, 0);
    }
}

// Brings the stack of a thread back that is about to run. IRQL PASSIVE_LEVEL, no locks; as MiInSwapPages.
VOID MmInPageKernelStack(PKTHREAD Thread)
{
    MiInSwapPages(MiGetPteAddress(Thread->StackLimit), MiGetPteAddress((PCHAR)Thread->StackBase - PAGE_SIZE), Thread);
    MiStatistics.StacksSwappedIn++;
}

// Is it time to take stacks out: is memory short, and is there a place for them? Any IRQL.
BOOLEAN MmIsOutSwapWanted(VOID)
{
    return MiTrimPrivatePages && MiCanWritePageFile() && MmAvailablePages <= MmNumberOfPhysicalPages / MI_PLENTY_SHARE;
}
