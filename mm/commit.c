// SPDX-License-Identifier: MIT
// Commitment: the promise that a page will be there when it is touched. The limit is what memory can hold (a page file
// will raise it), so a promise that could not be kept is refused here with STATUS_COMMITMENT_LIMIT, and not by a page
// fault.

#include "mi.h"

SIZE_T MmTotalCommittedPages, MmTotalCommitLimit, MmPeakCommitment;
static KSPIN_LOCK MiCommitLock;

static BOOLEAN MiCharge(SIZE_T Pages, BOOLEAN Always)
{
    KIRQL OldIrql = KfAcquireSpinLock(&MiCommitLock);
    BOOLEAN Fits = Always || (Pages <= MmTotalCommitLimit && MmTotalCommittedPages <= MmTotalCommitLimit - Pages);

    if (Fits) {
        MmTotalCommittedPages += Pages;
        MmPeakCommitment = max_of(MmPeakCommitment, MmTotalCommittedPages);
    }
    KfReleaseSpinLock(&MiCommitLock, OldIrql);
    return Fits;
}

// Promises Pages, to Process if it is not NULL (its address creation or working set lock is held, or nobody else knows
// it). IRQL <= DISPATCH_LEVEL. FALSE: over the limit, nothing charged.
BOOLEAN MiChargeCommitment(SIZE_T Pages, PEPROCESS Process)
{
    if (Pages == 0)
        return TRUE;
    if (!MiCharge(Pages, FALSE))
        return FALSE;
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
