// SPDX-License-Identifier: MIT
// Mm's figures, for NtQuerySystemInformation, the debugger and the tests.

#include "mi.h"

// Fills in the counters; one consistent moment for the page lists. IRQL <= DISPATCH_LEVEL. Takes the PFN lock.
VOID MmQueryStatistics(PMM_STATISTICS Statistics)
{
    KIRQL OldIrql = MiLockPfn();

    *Statistics = MiStatistics;
    Statistics->PhysicalPages = MmNumberOfPhysicalPages;
    Statistics->AvailablePages = MmAvailablePages;
    Statistics->ZeroedPages = MmZeroedPageListHead[MiLowNode].Total + MmZeroedPageListHead[MiHighNode].Total;
    Statistics->FreePages = MmFreePageListHead[MiLowNode].Total + MmFreePageListHead[MiHighNode].Total;
    Statistics->StandbyPages = MmStandbyPageListHead.Total;
    Statistics->ModifiedPages = MmModifiedPageListHead.Total + MmModifiedPagefilePageListHead.Total;
    MiUnlockPfn(OldIrql);
    Statistics->CommittedPages = MmTotalCommittedPages;
    Statistics->CommitLimit = MmTotalCommitLimit;
    Statistics->PeakCommitment = MmPeakCommitment;
    Statistics->PagedPoolPages = MiPagedPoolPages;
    Statistics->NonPagedPoolPages = MiNonPagedPoolPages;
    Statistics->FreeSystemPtes = MiSystemPteRange.FreePages;
}
