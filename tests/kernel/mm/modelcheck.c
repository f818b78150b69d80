// SPDX-License-Identifier: MIT
// The model's checks: from time to time (with the boot option /MODELSTEPS=N, N steps long, after each step) every
// page's state, protection and contents, the process's commitment, and the frames' counts and lists. `make model` runs
// it long.

#include "model.h"

#define MT_SHORT_RUN 3000u
#define MT_FULL_CHECK 100u // steps, in a short run
#define MT_LOOKS 3u        // at the frames: a page may leave or come in between

UCHAR MtBuffer[MT_SECTION_PAGES * PAGE_SIZE];
static SIZE_T MtBaseCharge;
static USHORT *MtMappings; // for each frame, how many entries of the process and of the system cache map it

// How many pages from Index on are alike in what a query tells.
static ULONG MtRunLength(PMT_REGION Region, ULONG Index)
{
    BOOLEAN Committed = MtIsCommitted(Region, Index);
    ULONG Protect = Region->Page[Index].Protect, End = Index;

    while (End < Region->Pages && MtIsCommitted(Region, End) == Committed &&
           (!Committed || Region->Page[End].Protect == Protect))
        End++;
    return End - Index;
}

static VOID MtCheckQuery(PMT_REGION Region, ULONG Index)
{
    MEMORY_BASIC_INFORMATION Information;

    expect_status(MtQuery(MT_PAGE(Region->Base, Index), &Information), STATUS_SUCCESS);
    expect_eq(Information.AllocationBase, Region->Base);
    expect_eq(Information.AllocationProtect, Region->Initial);
    expect_eq(Information.Type, Region->Section != NULL ? MEM_MAPPED : MEM_PRIVATE);
    expect_eq(Information.RegionSize, MtRunLength(Region, Index) * PAGE_SIZE);
    expect_eq(Information.State, MtIsCommitted(Region, Index) ? MEM_COMMIT : MEM_RESERVE);
    if (MtIsCommitted(Region, Index))
        expect_eq(Information.Protect, Region->Page[Index].Protect);
}

// Every run of pages that are alike, and a page in the middle of one.
static VOID MtCheckRegion(PMT_REGION Region)
{
    ULONG Index, End;

    MtCheckQuery(Region, KtRandom() % Region->Pages);
    for (Index = 0; Index < Region->Pages; Index = End) {
        MtCheckQuery(Region, Index);
        for (End = Index + MtRunLength(Region, Index); Index < End; Index++) {
            if (MtExpectedTouch(Region, Index, FALSE) == STATUS_SUCCESS)
                MtCompare(Region, Index);
        }
    }
}

// Private pages that are committed, and pages of views that are their own or are to be.
static SIZE_T MtExpectedCharge(VOID)
{
    SIZE_T Charge = MtKindsCharge();
    ULONG Slot, Index;

    for (Slot = 0; Slot < MT_REGIONS; Slot++) {
        PMT_REGION Region = &MtRegions[Slot];

        for (Index = 0; Region->Base != NULL && Index < Region->Pages; Index++)
            Charge += Region->Section == NULL
                          ? Region->Page[Index].Committed
                          : Region->Page[Index].Copied || (Region->Page[Index].Protect & 0xFF) == PAGE_WRITECOPY;
    }
    return Charge;
}

// Adds those of the system cache: a file of the model has one view there at most.
static VOID MtCountCacheMappings(VOID)
{
    ULONG Number, Page;

    for (Number = 0; Number < MT_SECTIONS; Number++) {
        PUCHAR View = MtSections[Number].File != NULL ? MtCacheView(&MtSections[Number]) : NULL;

        for (Page = 0; View != NULL && Page < MT_SECTION_PAGES; Page++) {
            PMMPTE Pte = MiGetPteAddress(MT_PAGE(View, Page));

            if (Pte->u.Hard.Valid)
                MtMappings[MI_PTE_FRAME(Pte)]++;
        }
    }
}

// Counts the mappings of every frame by the process's tables. Returns the first entry that is wrong in itself, or NULL.
static PVOID MtCountMappings(VOID)
{
    ULONG_PTR Vpn;

    memset(MtMappings, 0, (MmHighestPhysicalPage + 1) * sizeof(USHORT));
    for (Vpn = 0; Vpn <= MI_VPN(MM_HIGHEST_VAD_ADDRESS); Vpn++) {
        PMMPTE Pte = MiPteIfTable(MI_VA(Vpn));
        PMMPFN Pfn;

        if (Pte == NULL) {
            Vpn |= PTES_PER_PAGE - 1;
            continue;
        }
        if (!Pte->u.Hard.Valid)
            continue;
        Pfn = MI_PFN_ELEMENT(MI_PTE_FRAME(Pte));
        MtMappings[MI_PTE_FRAME(Pte)]++;
        if (Pfn->u3.e1.PageLocation != ActiveAndValid || (!Pfn->u3.e1.PrototypePte && Pfn->PteAddress != Pte))
            return MI_VA(Vpn);
    }
    MtCountCacheMappings();
    return NULL;
}

// Frames that the process maps have as many mappings as they say, and every frame is in use or on a list. Returns the
// first wrong frame, or 0.
static PFN_NUMBER MtWrongFrame(VOID)
{
    ULONG Listed = 0, Used = 0, Node;
    PFN_NUMBER Page, Wrong = 0;
    KIRQL OldIrql = MiLockPfn();

    for (Page = MmLowestPhysicalPage; Page <= MmHighestPhysicalPage; Page++) {
        PMMPFN Pfn = MI_PFN_ELEMENT(Page);

        if (!MiIsPhysicalMemory(Page))
            continue;
        Used += Pfn->u3.ReferenceCount != 0;
        if (MtMappings[Page] != 0 && Pfn->u2.ShareCount != MtMappings[Page])
            Wrong = Page;
    }
    for (Node = 0; Node < MI_NODES; Node++)
        Listed += MmZeroedPageListHead[Node].Total + MmFreePageListHead[Node].Total;
    Listed += MiCountStandbyPages();
    if (Listed != MmAvailablePages)
        Wrong = MmHighestPhysicalPage + 1;
    Listed += MmModifiedPageListHead.Total + MmModifiedPagefilePageListHead.Total +
              MmModifiedNoWritePageListHead.Total + MmBadPageListHead.Total;
    MiUnlockPfn(OldIrql);
    // The zero page thread may have been interrupted with one in hand.
    return Listed + Used == MmNumberOfPhysicalPages || Listed + Used + 1 == MmNumberOfPhysicalPages ||
                   KeNumberProcessors > 1
               ? Wrong
               : MmHighestPhysicalPage + 2;
}

static VOID MtCheckAll(VOID)
{
    ULONG Slot;

    expect_eq(PsGetCurrentProcess()->CommitCharge - MtBaseCharge, MtExpectedCharge());
    for (Slot = 0; Slot < MT_REGIONS; Slot++) {
        if (MtRegions[Slot].Base != NULL)
            MtCheckRegion(&MtRegions[Slot]);
    }
    MtCheckKinds();
    for (Slot = 0; Slot < MT_LOOKS; Slot++) {
        PVOID WrongEntry = MtCountMappings();
        PFN_NUMBER WrongFrame = MtWrongFrame();

        if (WrongEntry == NULL && WrongFrame == 0)
            break;
        if (Slot + 1 == MT_LOOKS) {
            expect_eq(WrongEntry, NULL);
            expect_eq(WrongFrame, 0);
        }
    }
}

static ULONG MtReadSteps(VOID)
{
    PCSTR Text = KeFindBootOption("/MODELSTEPS=");
    ULONG Steps = 0;

    for (; Text != NULL && *Text >= '0' && *Text <= '9'; Text++)
        Steps = Steps * 10 + (ULONG)(*Text - '0');
    return Steps;
}

// Pages of the working-set lists, this process's and the system's, which grow as they must and never shrink.
static ULONG MtListPages(VOID)
{
    ULONG_PTR Va;
    ULONG Pages = 0;

    for (Va = MM_WORKING_SET_LIST; Va < MM_SYSTEM_WORKING_SET_END; Va += PAGE_SIZE) {
        PMMPTE Pte = MiPteIfTable((PVOID)Va);

        Pages += Pte != NULL && Pte->u.Hard.Valid;
        Pages += Pte != NULL && Va % (PTES_PER_PAGE * PAGE_SIZE) == 0; // the table
    }
    return Pages;
}

// Pages that become available when somebody has written them: files', and metadata of the volume.
static ULONG MtModifiedPages(VOID)
{
    return MmModifiedPageListHead.Total + MmModifiedPagefilePageListHead.Total + MmModifiedNoWritePageListHead.Total;
}

KTEST(mm, services_do_what_the_model_says)
{
    // Law: after any sequence of the services, each has returned what its documentation says, every page has the state,
    // protection and contents of the model, the process is charged for what it was promised, and every frame has as
    // many mappings as it says and is in use or on one list.
    ULONG Long = MtReadSteps(), Steps = Long != 0 ? Long : MT_SHORT_RUN, Step, ListPages = MtListPages();
    ULONG SystemSet = MmSystemCacheWs.WorkingSetSize; // what is in memory of paged pool and pageable code
    MM_STATISTICS Before, After;
    ULONG Available;

    MtMappings = ExAllocatePoolWithTag(NonPagedPool, (MmHighestPhysicalPage + 1) * sizeof(USHORT), TAG_MM);
    expect(MtMappings != NULL);
    MtBaseCharge = PsGetCurrentProcess()->CommitCharge;
    MtPageOut();
    MtQueryAtRest(&Before);
    Available = Before.AvailablePages + MtModifiedPages();
    for (Step = 0; Step < Steps; Step++) {
        MtStep();
        if (Long != 0 || Step % MT_FULL_CHECK == 0)
            MtCheckAll();
    }
    MtEndClone();
    for (Step = 0; Step < MT_REGIONS; Step++) {
        if (MtRegions[Step].Base != NULL) {
            MtStepRelease(&MtRegions[Step]);
            Step = MAXULONG; // what is left of it may lie in an earlier slot
        }
    }
    for (Step = 0; Step < MT_SECTIONS; Step++) {
        if (MtSections[Step].File != NULL)
            MtCloseFile(&MtSections[Step]);
        else if (MtSections[Step].Handle != NULL)
            expect_status(ZwClose(MtSections[Step].Handle), STATUS_SUCCESS);
        MtSections[Step].Handle = NULL;
    }
    MtEndKinds();
    MtCheckAll();
    MtPageOut();
    MtQueryAtRest(&After);
    if (Long == 0) {                           // in minutes the system does things of its own
        ListPages = MtListPages() - ListPages; // and the pool's, whose leaks the runner looks for
        ListPages += After.NonPagedPoolPages + After.PagedPoolPages - Before.NonPagedPoolPages - Before.PagedPoolPages;
        expect(After.CommittedPages <= Before.CommittedPages + ListPages);
        SystemSet = MmSystemCacheWs.WorkingSetSize - SystemSet;
        expect((LONG)(After.AvailablePages + MtModifiedPages() + ListPages + SystemSet - Available) >= 0);
    }
    ExFreePoolWithTag(MtMappings, TAG_MM);
}
