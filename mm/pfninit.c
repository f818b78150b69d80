// SPDX-License-Identifier: MIT
// Building the frame database. It lies at MM_PFN_DATABASE, indexed by frame number, and is only mapped where there is
// RAM: with 2 MB pages where memory is plentiful, with 4 KB pages otherwise.

#include "mi.h"

#define MI_LARGE_PAGE_MEMORY 16384u // frames (64 MB) from which on 2 MB pages are not a waste
#define MI_DATABASE_LIMIT                                                                                              \
    (((ULONG_PTR)MmSplitPfnDatabaseEnd - MM_PFN_DATABASE) / sizeof(MMPFN)) // frames: room for them

// Takes the runs that are RAM out of the loader's map.
VOID MiFindPhysicalMemory(PLOADER_PARAMETER_BLOCK LoaderBlock)
{
    ULONG Index;

    MmLowestPhysicalPage = MAXULONG;
    for (Index = 0; Index < LoaderBlock->RunCount; Index++) {
        PMEMORY_RUN Run = &LoaderBlock->Runs[Index];
        PFN_NUMBER First = (PFN_NUMBER)(Run->Base >> PAGE_SHIFT);
        PFN_NUMBER Last = (PFN_NUMBER)((Run->Base + Run->Length) >> PAGE_SHIFT) - 1;

        if (Run->Type == LoaderReserved || First >= MI_DATABASE_LIMIT)
            continue;
        if (Last >= MI_DATABASE_LIMIT) {
            Last = MI_DATABASE_LIMIT - 1;
            Run->Length = ((ULONGLONG)(Last + 1) << PAGE_SHIFT) - Run->Base;
        }
        MiRamRuns[MiRamRunCount].First = First;
        MiRamRuns[MiRamRunCount].Last = Last;
        MiRamRuns[MiRamRunCount].Bad = Run->Type == LoaderBad;
        MiRamRunCount++;
        MmNumberOfPhysicalPages += Last - First + 1;
        MmLowestPhysicalPage = min_of(MmLowestPhysicalPage, First);
        MmHighestPhysicalPage = max_of(MmHighestPhysicalPage, Last);
    }
}

static VOID MiMapDatabaseRun(PFN_NUMBER First, PFN_NUMBER Last)
{
    ULONG_PTR Va = (ULONG_PTR)PAGE_ALIGN(MI_PFN_ELEMENT(First));
    ULONG_PTR End = (ULONG_PTR)MI_PFN_ELEMENT(Last + 1);

    while (Va < End) {
        if ((Va & (MI_LARGE_PAGE_SIZE - 1)) == 0 && End - Va >= MI_LARGE_PAGE_SIZE / 2 &&
            MmNumberOfPhysicalPages >= MI_LARGE_PAGE_MEMORY && MiBootMapLargePage(Va)) {
            Va += MI_LARGE_PAGE_SIZE;
            continue;
        }
        if (!MiGetPdeAddress(Va)->u.Hard.LargePage)
            MiBootMapPage(Va);
        Va += PAGE_SIZE;
    }
}

// Maps the (zeroed) database for all RAM.
VOID MiMapPfnDatabase(VOID)
{
    ULONG Index;

    for (Index = 0; Index < MiRamRunCount; Index++)
        MiMapDatabaseRun(MiRamRuns[Index].First, MiRamRuns[Index].Last);
}

static VOID MiFreeBootPage(PFN_NUMBER Page)
{
    PMMPFN Pfn = MI_PFN_ELEMENT(Page);

    Pfn->u2.ShareCount = 0;
    Pfn->u3.ReferenceCount = 0;
    MiInsertPageInList(&MmFreePageListHead[MI_NODE_OF(Page)], Page);
}

// Fills the database: every frame is the kernel's, but for those that boot left.
VOID MiFillPfnDatabase(VOID)
{
    ULONG Index;
    PFN_NUMBER Page;
    KIRQL OldIrql;

    for (Index = 0; Index < MiRamRunCount; Index++) {
        for (Page = MiRamRuns[Index].First; Page <= MiRamRuns[Index].Last; Page++) {
            PMMPFN Pfn = MI_PFN_ELEMENT(Page);

            Pfn->u2.ShareCount = 1;
            Pfn->u3.ReferenceCount = 1;
            Pfn->u3.e1.PageLocation = ActiveAndValid;
        }
    }
    OldIrql = MiLockPfn();
    for (Index = 0; Index < MiRamRunCount; Index++) {
        for (Page = MiRamRuns[Index].First; MiRamRuns[Index].Bad && Page <= MiRamRuns[Index].Last; Page++) {
            MI_PFN_ELEMENT(Page)->u2.ShareCount = 0;
            MI_PFN_ELEMENT(Page)->u3.ReferenceCount = 0;
            MiInsertPageInList(&MmBadPageListHead, Page);
        }
    }
    MiForEachBootPage(MiFreeBootPage);
    MiUnlockPfn(OldIrql);
}
