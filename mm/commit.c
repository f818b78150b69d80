// SPDX-License-Identifier: MIT
// Commitment: the promise that a page will be there when it is touched. The limit is what memory and page files can
// hold, so a promise that could not be kept is refused here with STATUS_COMMITMENT_LIMIT, and not by a page fault.
// Before that the page files grow. The thread that finds the limit reached lets them, if it holds no lock that growing
// may want: at PASSIVE_LEVEL with APCs enabled it has no mutex, push lock or resource. A service that held one asks
// again without it. Who cannot do either has the worker's growth, which begins 256 pages below the limit.

#include "mi.h"

SIZE_T MmTotalCommittedPages, MmTotalCommitLimit, MmPeakCommitment;
static KSPIN_LOCK MiCommitLock;

#define MI_GROWTH_STACK 0x1400u // bytes
#define MI_COMMIT_LOW 256u      // pages below the limit from which on page files grow without being asked

static BOOLEAN MiCharge(SIZE_T Pages, BOOLEAN Always)
{
    KIRQL OldIrql = KfAcquireSpinLock(&MiCommitLock);
    BOOLEAN Fits = Always || (Pages <= MmTotalCommitLimit && MmTotalCommittedPages <= MmTotalCommitLimit - Pages);

    BOOLEAN Short;

    if (Fits) {
        MmTotalCommittedPages += Pages;
        MmPeakCommitment = max_of(MmPeakCommitment, MmTotalCommittedPages);
    }
    Short = !Fits || MmTotalCommittedPages + MI_COMMIT_LOW > MmTotalCommitLimit;
    KfReleaseSpinLock(&MiCommitLock, OldIrql);
    if (Short && MmPageFilesCanGrow)
        MiRequestPageFileGrowth(); // for those who hold a lock and cannot wait
    return Fits;
}

// A charge of Pages was refused: lets page files grow if this thread may wait for that.
//
// Attempt: how often this charge has asked.   Any IRQL. TRUE: it fits now, for who is quick; try again. FALSE at once
// for a thread that holds locks, or has little stack left: file I/O takes some kilobytes of it.
BOOLEAN NTAPI MmWaitForCommitment(SIZE_T Pages, ULONG Attempt)
{
    ULONG_PTR Stack = (ULONG_PTR)__builtin_frame_address(0) - (ULONG_PTR)KeGetCurrentThread()->StackLimit;

    if (MmNumberOfPagingFiles == 0 || KeAreApcsDisabled() || Stack < MI_GROWTH_STACK)
        return FALSE;
    return MiAskForCommitment(Pages, Attempt);
}

// Promises Pages, to Process if it is not NULL (its address creation or working set lock is held, or nobody else knows
// it). IRQL <= DISPATCH_LEVEL; waits for page files to grow where the caller holds no lock. FALSE: over the limit,
// nothing charged.
BOOLEAN MiChargeCommitment(SIZE_T Pages, PEPROCESS Process)
{
    ULONG Attempt = 0;

    if (Pages == 0)
        return TRUE;
    while (!MiCharge(Pages, FALSE)) {
        if (!MmWaitForCommitment(Pages, Attempt++))
            return FALSE;
    }
    if (Process != NULL) {
        Process->CommitCharge += Pages;
        Process->CommitChargePeak = max_of(Process->CommitChargePeak, Process->CommitCharge);
    }
    return TRUE;
}

// Counts what the kernel has already taken; cannot fail. IRQL <= DISPATCH_LEVEL.
VOID MiChargeCommitmentAlways(SIZE_T Pages)
{
    MiCharge(Pages, TRUE);
}

static VOID MiMoveCommitLimit(SSIZE_T Pages)
{
    KIRQL OldIrql = KfAcquireSpinLock(&MiCommitLock);

    MmTotalCommitLimit += (SIZE_T)Pages;
    KfReleaseSpinLock(&MiCommitLock, OldIrql);
}

// A page file has so many slots more. IRQL <= DISPATCH_LEVEL.
VOID MiRaiseCommitLimit(SIZE_T Pages)
{
    MiMoveCommitLimit((SSIZE_T)Pages);
}

// So many slots have turned out to be bad. What was promised before stays promised. IRQL <= DISPATCH_LEVEL.
VOID MiLowerCommitLimit(SIZE_T Pages)
{
    MiMoveCommitLimit(-(SSIZE_T)Pages);
}

// By how many pages the limit is too low for a charge of Pages. IRQL <= DISPATCH_LEVEL.
SIZE_T MiMissingCommitment(SIZE_T Pages)
{
    KIRQL OldIrql = KfAcquireSpinLock(&MiCommitLock);
    SIZE_T Wanted = MmTotalCommittedPages + Pages;
    SIZE_T Missing = Wanted > MmTotalCommitLimit ? Wanted - MmTotalCommitLimit : 0;

    KfReleaseSpinLock(&MiCommitLock, OldIrql);
    return Missing;
}

// IRQL <= DISPATCH_LEVEL. Locks as for MiChargeCommitment.
VOID MiReturnCommitment(SIZE_T Pages, PEPROCESS Process)
{
    KIRQL OldIrql;

    if (Pages == 0)
        return;
    OldIrql = KfAcquireSpinLock(&MiCommitLock);
    ASSERT(MmTotalCommittedPages >= Pages);
    MmTotalCommittedPages -= Pages;
    KfReleaseSpinLock(&MiCommitLock, OldIrql);
    if (Process != NULL) {
        ASSERT(Process->CommitCharge >= Pages);
        Process->CommitCharge -= Pages;
    }
}
