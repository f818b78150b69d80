// SPDX-License-Identifier: MIT
// Mm's figures, for NtQuerySystemInformation, the debugger and the tests.

#include "mi.h"

// Fills in the counters; one consistent moment for the page lists. IRQL <= DISPATCH_LEVEL. Takes the PFN lock.
VOID MmQueryStatistics(PMM_STATISTICS Statistics)
{
    KIRQL OldIrql = MiLockPfn();
    LONG Number;

    *Statistics = MiStatistics;
    Statistics->PhysicalPages = MmNumberOfPhysicalPages;
    Statistics->AvailablePages = MmAvailablePages;
    Statistics->ZeroedPages = MmZeroedPageListHead[MiLowNode].Total + MmZeroedPageListHead[MiHighNode].Total;
    Statistics->FreePages = MmFreePageListHead[MiLowNode].Total + MmFreePageListHead[MiHighNode].Total;
    Statistics->StandbyPages = MiCountStandbyPages();
    Statistics->ModifiedPages =
        MmModifiedPageListHead.Total + MmModifiedPagefilePageListHead.Total + MmModifiedNoWritePageListHead.Total;
    MiUnlockPfn(OldIrql);
    for (Number = 0; Number < KeNumberProcessors; Number++)
        Statistics->PageFaults += KiProcessorBlock[Number]->MmPageFaultCount; // each processor counts its own
    Statistics->CommittedPages = MmTotalCommittedPages;
    Statistics->CommitLimit = MmTotalCommitLimit;
    Statistics->PeakCommitment = MmPeakCommitment;
    Statistics->PagedPoolPages = MiPoolPages[MM_POOL_PAGED].Used + MiPoolPages[MM_POOL_SESSION].Used;
    Statistics->NonPagedPoolPages = MiPoolPages[MM_POOL_NONPAGED].Used;
    Statistics->SystemCodePages = MiPagedCodePages();
    Statistics->ResidentCodePages = MiSystemPartSize(MmSystemCodePart);
    Statistics->ResidentCachePages = MiSystemPartSize(MmSystemCachePart);
    Statistics->ResidentPagedPoolPages = MiSystemPartSize(MmPagedPoolPart);
    Statistics->InitPagesFreed = MiInitPagesFreed;
    Statistics->FreeSystemPtes = MiFreeSystemPtes();
}
