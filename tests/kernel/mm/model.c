// SPDX-License-Identifier: MIT
// The address space against a model of it: a random sequence of the services, and after each step what it should have
// returned; from time to time (with the boot option /MODELSTEPS=N, N steps long, after each step) every page's state,
// protection and contents, the process's commitment, and the frames' counts and lists. `make model` runs it long.

#include "mmtest.h"

#define MT_REGIONS 24u
#define MT_MOST_PAGES 40u
#define MT_SECTIONS 4u
#define MT_SECTION_PAGES 64u
#define MT_SHORT_RUN 6000u
#define MT_FULL_CHECK 100u // steps, in a short run

typedef struct _MT_PAGE {
    BOOLEAN Committed; // private memory only; a view's is its section's
    BOOLEAN Copied;    // of a view: it has its own copy
    BOOLEAN MaybeZero; // MEM_RESET: the old contents or zeros
    UCHAR Value[2];    // first and last byte, private or the copy's
    ULONG Protect;     // PAGE_*
} MT_PAGE_MODEL, *PMT_PAGE_MODEL;

typedef struct _MT_SECTION_MODEL {
    HANDLE Handle; // NULL: none
    ULONG Views;
    BOOLEAN Committed[MT_SECTION_PAGES];
    UCHAR Value[MT_SECTION_PAGES][2];
} MT_SECTION_MODEL, *PMT_SECTION_MODEL;

typedef struct _MT_REGION {
    PUCHAR Base;
    ULONG Pages;
    ULONG Initial;             // protection of the allocation
    PMT_SECTION_MODEL Section; // NULL: private
    ULONG FirstPage;           // in the section
    SECTION_INHERIT Inherit;   // of a view
    MT_PAGE_MODEL Page[MT_MOST_PAGES];
} MT_REGION, *PMT_REGION;

static MT_REGION MtRegions[MT_REGIONS];
static MT_SECTION_MODEL MtSections[MT_SECTIONS];
static HANDLE MtClone;                 // of the process, or NULL
static MT_REGION MtCloned[MT_REGIONS]; // what there was when it was made
static SIZE_T MtBaseCharge;
static USHORT *MtMappings; // for each frame, how many entries of the process map it

static BOOLEAN MtIsCommitted(PMT_REGION Region, ULONG Index)
{
    PMT_PAGE_MODEL Page = &Region->Page[Index];

    if (Region->Section == NULL)
        return Page->Committed;
    return Page->Copied || Page->Committed || Region->Section->Committed[Region->FirstPage + Index];
}

static PUCHAR MtValueOf(PMT_REGION Region, ULONG Index)
{
    if (Region->Section == NULL || Region->Page[Index].Copied)
        return Region->Page[Index].Value;
    return Region->Section->Value[Region->FirstPage + Index];
}

static BOOLEAN MtAllCommitted(PMT_REGION Region, ULONG First, ULONG Count)
{
    for (; Count-- > 0; First++) {
        if (!MtIsCommitted(Region, First))
            return FALSE;
    }
    return TRUE;
}

static PMT_REGION MtFreeRegion(VOID)
{
    ULONG Index;

    for (Index = 0; Index < MT_REGIONS; Index++) {
        if (MtRegions[Index].Base == NULL)
            return &MtRegions[Index];
    }
    return NULL;
}

// A part of a region, chosen at random.
static VOID MtChoosePart(PMT_REGION Region, PULONG First, PULONG Count)
{
    *First = KtRandom() % Region->Pages;
    *Count = 1 + KtRandom() % (Region->Pages - *First);
}

// -------------------------------------------------------------------------------------------------------- the steps
static VOID MtStepReserve(VOID)
{
    static const ULONG Protects[] = {PAGE_READWRITE, PAGE_READONLY, PAGE_NOACCESS, PAGE_EXECUTE_READWRITE};
    PMT_REGION Region = MtFreeRegion();
    ULONG Type = MEM_RESERVE | ((KtRandom() & 1) ? MEM_COMMIT : 0) | ((KtRandom() & 1) ? MEM_TOP_DOWN : 0), Index;

    if (Region == NULL)
        return;
    memset(Region, 0, sizeof(*Region));
    Region->Pages = 1 + KtRandom() % MT_MOST_PAGES;
    Region->Initial = Protects[KtRandom() % 4];
    Region->Base = MtAllocate(Region->Pages * PAGE_SIZE, Type, Region->Initial);
    expect(Region->Base != NULL);
    for (Index = 0; Index < Region->Pages; Index++) {
        Region->Page[Index].Committed = (Type & MEM_COMMIT) != 0;
        Region->Page[Index].Protect = Region->Initial;
    }
}

static VOID MtStepCommit(PMT_REGION Region)
{
    ULONG First, Count, Protect = (KtRandom() & 1) ? PAGE_READWRITE : PAGE_READONLY, Index;
    PVOID Base;
    SIZE_T Size;

    MtChoosePart(Region, &First, &Count);
    Base = MT_PAGE(Region->Base, First);
    Size = Count * PAGE_SIZE;
    if (Region->Section != NULL) {
        NTSTATUS Status = ZwAllocateVirtualMemory(NtCurrentProcess(), &Base, 0, &Size, MEM_COMMIT, Protect);

        expect(Status == STATUS_SUCCESS || Status == STATUS_ALREADY_COMMITTED);
        for (Index = First; Index < First + Count; Index++) {
            expect(Status == STATUS_SUCCESS || Region->Section->Committed[Region->FirstPage + Index]);
            Region->Section->Committed[Region->FirstPage + Index] = TRUE;
        }
        return;
    }
    expect_status(ZwAllocateVirtualMemory(NtCurrentProcess(), &Base, 0, &Size, MEM_COMMIT, Protect), STATUS_SUCCESS);
    for (Index = First; Index < First + Count; Index++) {
        Region->Page[Index].Committed = TRUE;
        Region->Page[Index].Protect = Protect;
    }
}

static VOID MtForget(PMT_PAGE_MODEL Page, ULONG Protect)
{
    memset(Page, 0, sizeof(*Page));
    Page->Protect = Protect;
}

static VOID MtStepDecommit(PMT_REGION Region)
{
    ULONG First, Count, Index;
    PVOID Base;
    SIZE_T Size;

    MtChoosePart(Region, &First, &Count);
    Base = MT_PAGE(Region->Base, First);
    Size = Count * PAGE_SIZE;
    if (Region->Section != NULL) {
        expect_status(ZwFreeVirtualMemory(NtCurrentProcess(), &Base, &Size, MEM_DECOMMIT),
                      STATUS_UNABLE_TO_DELETE_SECTION);
        return;
    }
    expect_status(ZwFreeVirtualMemory(NtCurrentProcess(), &Base, &Size, MEM_DECOMMIT), STATUS_SUCCESS);
    for (Index = First; Index < First + Count; Index++)
        MtForget(&Region->Page[Index], Region->Initial);
}

// The whole region goes, or a part: what is left is one region or two.
static VOID MtStepRelease(PMT_REGION Region)
{
    PMT_REGION Tail = MtFreeRegion();
    ULONG First, Count, Rest;
    PVOID Base = Region->Base;
    SIZE_T Size = 0;

    if (Region->Section != NULL) {
        expect_status(MtUnmap(MT_PAGE(Region->Base, KtRandom() % Region->Pages)), STATUS_SUCCESS);
        Region->Section->Views--;
        Region->Base = NULL;
        return;
    }
    MtChoosePart(Region, &First, &Count);
    if ((KtRandom() & 1) || Tail == NULL) {
        expect_status(ZwFreeVirtualMemory(NtCurrentProcess(), &Base, &Size, MEM_RELEASE), STATUS_SUCCESS);
        Region->Base = NULL;
        return;
    }
    Base = MT_PAGE(Region->Base, First);
    Size = Count * PAGE_SIZE;
    expect_status(ZwFreeVirtualMemory(NtCurrentProcess(), &Base, &Size, MEM_RELEASE), STATUS_SUCCESS);
    Rest = Region->Pages - First - Count;
    if (Rest != 0) {
        *Tail = *Region;
        Tail->Base = MT_PAGE(Region->Base, First + Count);
        Tail->Pages = Rest;
        memcpy(Tail->Page, &Region->Page[First + Count], Rest * sizeof(MT_PAGE_MODEL));
    }
    Region->Pages = First;
    if (First == 0)
        Region->Base = NULL;
}

// The protection that a page really gets; 0: refused.
static ULONG MtAllowedProtect(PMT_REGION Region, PMT_PAGE_MODEL Page, ULONG Protect)
{
    ULONG Kind = Protect & 0xFF, Modifier = Protect & PAGE_GUARD;

    if (Region->Section == NULL || Kind == PAGE_NOACCESS)
        return Kind == PAGE_WRITECOPY ? 0 : Protect;
    if (Region->Initial == PAGE_WRITECOPY && Kind == PAGE_READWRITE)
        Kind = PAGE_WRITECOPY;
    if (Kind == PAGE_READWRITE && Region->Initial == PAGE_READONLY)
        return 0;
    if (Kind == PAGE_WRITECOPY && Page->Copied)
        Kind = PAGE_READWRITE;
    return Kind | Modifier;
}

static VOID MtStepProtect(PMT_REGION Region)
{
    static const ULONG Protects[] = {PAGE_READWRITE,
                                     PAGE_READONLY,
                                     PAGE_NOACCESS,
                                     PAGE_READWRITE | PAGE_GUARD,
                                     PAGE_WRITECOPY,
                                     PAGE_READWRITE,
                                     PAGE_READONLY | PAGE_GUARD};
    ULONG First, Count, Protect = Protects[KtRandom() % RTL_NUMBER_OF(Protects)], Old = 0, Index, Before;
    NTSTATUS Status;

    MtChoosePart(Region, &First, &Count);
    Before = Region->Page[First].Protect;
    Status = MtProtect(MT_PAGE(Region->Base, First), Count * PAGE_SIZE, Protect, &Old);
    if (MtAllowedProtect(Region, &Region->Page[First], Protect) == 0) {
        expect_status(Status, Region->Section == NULL ? STATUS_INVALID_PAGE_PROTECTION : STATUS_SECTION_PROTECTION);
        return;
    }
    expect_status(Status, MtAllCommitted(Region, First, Count) ? STATUS_SUCCESS : STATUS_NOT_COMMITTED);
    if (!NT_SUCCESS(Status))
        return;
    expect_eq(Old, Before);
    for (Index = First; Index < First + Count; Index++)
        Region->Page[Index].Protect = MtAllowedProtect(Region, &Region->Page[Index], Protect);
}

static NTSTATUS MtExpectedTouch(PMT_REGION Region, ULONG Index, BOOLEAN Write)
{
    ULONG Protect = Region->Page[Index].Protect;

    if (!MtIsCommitted(Region, Index) || (Protect & 0xFF) == PAGE_NOACCESS)
        return STATUS_ACCESS_VIOLATION;
    if (Write && ((Protect & 0xFF) == PAGE_READONLY))
        return STATUS_ACCESS_VIOLATION;
    return (Protect & PAGE_GUARD) ? STATUS_GUARD_PAGE_VIOLATION : STATUS_SUCCESS;
}

// What the page shows at both ends is what the model says; a page that may have been dropped shows what it will keep.
static VOID MtCompare(PMT_REGION Region, ULONG Index)
{
    volatile UCHAR *Va = MT_PAGE(Region->Base, Index);
    PUCHAR Value = MtValueOf(Region, Index);

    if (Region->Page[Index].MaybeZero && Va[0] == 0 && Va[PAGE_SIZE - 1] == 0)
        Value[0] = Value[1] = 0;
    Region->Page[Index].MaybeZero = FALSE;
    expect_eq(Va[0], Value[0]);
    expect_eq(Va[PAGE_SIZE - 1], Value[1]);
}

static VOID MtStepTouch(PMT_REGION Region)
{
    ULONG Index = KtRandom() % Region->Pages;
    PUCHAR Va = MT_PAGE(Region->Base, Index);
    PMT_PAGE_MODEL Page = &Region->Page[Index];
    BOOLEAN Write = KtRandom() & 1;
    ULONG End = KtRandom() & 1; // the other one must stay
    UCHAR Value = (UCHAR)KtRandom();
    NTSTATUS Expected = MtExpectedTouch(Region, Index, Write);

    if (Expected == STATUS_SUCCESS && Page->MaybeZero)
        MtCompare(Region, Index);
    expect_status(Write ? MtWrite(Va + End * (PAGE_SIZE - 1), Value) : MtRead(Va), Expected);
    if (Expected == STATUS_GUARD_PAGE_VIOLATION)
        Page->Protect &= ~(ULONG)PAGE_GUARD;
    if (Expected != STATUS_SUCCESS)
        return;
    if (!Write) {
        MtCompare(Region, Index);
        return;
    }
    if (Page->Protect == PAGE_WRITECOPY) {
        memcpy(Page->Value, MtValueOf(Region, Index), sizeof(Page->Value));
        Page->Copied = TRUE;
        Page->Protect = PAGE_READWRITE;
    }
    MtValueOf(Region, Index)[End] = Value;
    MtCompare(Region, Index);
}

// NtReadVirtualMemory and NtWriteVirtualMemory stop where a touch would fail.
static VOID MtStepCopy(PMT_REGION Region)
{
    static UCHAR Buffer[MT_MOST_PAGES * PAGE_SIZE];
    ULONG First, Count, Index;
    NTSTATUS Expected = STATUS_SUCCESS, Status;
    SIZE_T Done = 0;

    MtChoosePart(Region, &First, &Count);
    for (Index = First; Index < First + Count && Expected == STATUS_SUCCESS; Index++)
        Expected = MtExpectedTouch(Region, Index, FALSE);
    Index -= Expected != STATUS_SUCCESS;
    Status = ZwReadVirtualMemory(NtCurrentProcess(), MT_PAGE(Region->Base, First), Buffer, Count * PAGE_SIZE, &Done);
    expect_eq(Done, (Index - First) * PAGE_SIZE);
    expect_status(Status, Expected == STATUS_ACCESS_VIOLATION ? STATUS_PARTIAL_COPY : Expected);
    if (Expected == STATUS_GUARD_PAGE_VIOLATION)
        Region->Page[Index].Protect &= ~(ULONG)PAGE_GUARD;
    while (Index-- > First) {
        MtCompare(Region, Index);
        expect_eq(Buffer[(Index - First) * PAGE_SIZE], *MtValueOf(Region, Index));
    }
}

static VOID MtStepReset(PMT_REGION Region)
{
    ULONG First, Count, Index;
    PVOID Base;
    SIZE_T Size;

    MtChoosePart(Region, &First, &Count);
    Base = MT_PAGE(Region->Base, First);
    Size = Count * PAGE_SIZE;
    expect_status(ZwAllocateVirtualMemory(NtCurrentProcess(), &Base, 0, &Size, MEM_RESET, PAGE_NOACCESS),
                  MtAllCommitted(Region, First, Count) ? STATUS_SUCCESS : STATUS_NOT_COMMITTED);
    for (Index = First; Region->Section == NULL && Index < First + Count; Index++)
        Region->Page[Index].MaybeZero = MtAllCommitted(Region, First, Count);
}

static VOID MtStepMap(VOID)
{
    static const ULONG Protects[] = {PAGE_READWRITE, PAGE_WRITECOPY, PAGE_READONLY, PAGE_WRITECOPY};
    PMT_SECTION_MODEL Section = &MtSections[KtRandom() % MT_SECTIONS];
    PMT_REGION Region = MtFreeRegion();
    LARGE_INTEGER Offset = {.QuadPart = (KtRandom() % (MT_SECTION_PAGES / 16)) * MM_ALLOCATION_GRANULARITY};
    SIZE_T Size;
    PVOID Base = NULL;
    ULONG Index;

    if (Region == NULL)
        return;
    if (Section->Handle == NULL) {
        BOOLEAN Commit = KtRandom() & 1;

        memset(Section, 0, sizeof(*Section));
        memset(Section->Committed, Commit, sizeof(Section->Committed));
        Section->Handle = MtSection(MT_SECTION_PAGES * PAGE_SIZE, PAGE_READWRITE, Commit ? SEC_COMMIT : SEC_RESERVE);
        expect(Section->Handle != NULL);
    }
    memset(Region, 0, sizeof(*Region));
    Region->Inherit = (KtRandom() & 1) ? ViewShare : ViewUnmap;
    Region->FirstPage = (ULONG)(Offset.QuadPart >> PAGE_SHIFT);
    Region->Pages = 1 + KtRandom() % min_of(MT_MOST_PAGES, MT_SECTION_PAGES - Region->FirstPage);
    Region->Initial = Protects[KtRandom() % 4];
    Region->Section = Section;
    Size = Region->Pages * PAGE_SIZE;
    expect_status(ZwMapViewOfSection(Section->Handle, NtCurrentProcess(), &Base, 0, 0, &Offset, &Size, Region->Inherit,
                                     (KtRandom() & 1) ? MEM_TOP_DOWN : 0, Region->Initial),
                  STATUS_SUCCESS);
    Region->Base = Base;
    Section->Views++;
    for (Index = 0; Index < Region->Pages; Index++)
        Region->Page[Index].Protect = Region->Initial;
}

// A page of the clone still is what the parent had: private memory, and what a view has copied.
static VOID MtCheckCloned(PMT_REGION Region, ULONG Index)
{
    PMT_PAGE_MODEL Page = &Region->Page[Index];
    PUCHAR Va = MT_PAGE(Region->Base, Index);
    UCHAR First = 0, Last = 0;
    NTSTATUS Status;

    if (Page->MaybeZero || (Region->Section != NULL && (!Page->Copied || Region->Inherit != ViewShare)))
        return;
    Status = ZwReadVirtualMemory(MtClone, Va, &First, 1, NULL);
    if (!Page->Committed && Region->Section == NULL)
        expect(!NT_SUCCESS(Status));
    if (!NT_SUCCESS(Status) || !NT_SUCCESS(ZwReadVirtualMemory(MtClone, Va + PAGE_SIZE - 1, &Last, 1, NULL)))
        return; // its protection does not allow it
    expect_eq(First, Page->Value[0]);
    expect_eq(Last, Page->Value[1]);
    Last = (UCHAR)~Last;
    IGNORE_STATUS(ZwWriteVirtualMemory(MtClone, Va, &Last, 1, NULL)); // which the parent must not see
}

// Clones the process, or looks whether the clone is what it was, whatever the parent has done since, and ends it.
static VOID MtStepClone(VOID)
{
    OBJECT_ATTRIBUTES Attributes;
    ULONG Slot, Index;

    if (MtClone == NULL) {
        InitializeObjectAttributes(&Attributes, NULL, OBJ_KERNEL_HANDLE, NULL, NULL);
        memcpy(MtCloned, MtRegions, sizeof(MtCloned));
        expect_status(
            ZwCreateProcessEx(&MtClone, PROCESS_ALL_ACCESS, &Attributes, NtCurrentProcess(), 0, NULL, NULL, NULL, 0),
            STATUS_SUCCESS);
        return;
    }
    for (Slot = 0; Slot < MT_REGIONS; Slot++) {
        for (Index = 0; MtCloned[Slot].Base != NULL && Index < MtCloned[Slot].Pages; Index++)
            MtCheckCloned(&MtCloned[Slot], Index);
    }
    expect_status(ZwClose(MtClone), STATUS_SUCCESS);
    MtClone = NULL;
}

static VOID MtStepCloseSection(VOID)
{
    PMT_SECTION_MODEL Section = &MtSections[KtRandom() % MT_SECTIONS];

    if (Section->Handle == NULL || Section->Views != 0)
        return;
    expect_status(ZwClose(Section->Handle), STATUS_SUCCESS);
    Section->Handle = NULL;
}

// -------------------------------------------------------------------------------------------------------- the checks
static VOID MtCheckRegion(PMT_REGION Region)
{
    MEMORY_BASIC_INFORMATION Information;
    ULONG Index;

    for (Index = 0; Index < Region->Pages; Index++) {
        expect_status(MtQuery(MT_PAGE(Region->Base, Index), &Information), STATUS_SUCCESS);
        expect_eq(Information.AllocationBase, Region->Base);
        expect_eq(Information.State, MtIsCommitted(Region, Index) ? MEM_COMMIT : MEM_RESERVE);
        if (!MtIsCommitted(Region, Index))
            continue;
        expect_eq(Information.Protect, Region->Page[Index].Protect);
        if (MtExpectedTouch(Region, Index, FALSE) == STATUS_SUCCESS)
            MtCompare(Region, Index);
    }
}

// Private pages that are committed, and pages of views that are their own or are to be.
static SIZE_T MtExpectedCharge(VOID)
{
    SIZE_T Charge = 0;
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
    expect_eq(MtCountMappings(), NULL);
    expect_eq(MtWrongFrame(), 0);
}

static VOID MtStep(VOID)
{
    PMT_REGION Region = &MtRegions[KtRandom() % MT_REGIONS];
    ULONG Action = KtRandom() % 32;

    if (Action == 0)
        MtStepCloseSection();
    else if (Action == 1 && KtRandom() % 4 == 0)
        MtStepClone();
    else if (Region->Base == NULL)
        (KtRandom() & 1) ? MtStepReserve() : MtStepMap();
    else if (Action < 3)
        MtStepRelease(Region);
    else if (Action < 6)
        MtStepCommit(Region);
    else if (Action < 9)
        MtStepDecommit(Region);
    else if (Action < 14)
        MtStepProtect(Region);
    else if (Action < 15)
        MtStepReset(Region);
    else if (Action < 17)
        MtStepCopy(Region);
    else
        MtStepTouch(Region);
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

KTEST(mm, services_do_what_the_model_says)
{
    // Law: after any sequence of the services, each has returned what its documentation says, every page has the state,
    // protection and contents of the model, the process is charged for what it was promised, and every frame has as
    // many mappings as it says and is in use or on one list.
    ULONG Long = MtReadSteps(), Steps = Long != 0 ? Long : MT_SHORT_RUN, Step, ListPages = MtListPages();
    ULONG SystemSet = MmSystemCacheWs.WorkingSetSize; // what is in memory of paged pool and pageable code
    MM_STATISTICS Before, After;

    MtMappings = ExAllocatePoolWithTag(NonPagedPool, (MmHighestPhysicalPage + 1) * sizeof(USHORT), TAG_MM);
    expect(MtMappings != NULL);
    MtBaseCharge = PsGetCurrentProcess()->CommitCharge;
    MtQueryAtRest(&Before);
    for (Step = 0; Step < Steps; Step++) {
        MtStep();
        if (Long != 0 || Step % MT_FULL_CHECK == 0)
            MtCheckAll();
    }
    if (MtClone != NULL)
        MtStepClone();
    for (Step = 0; Step < MT_REGIONS; Step++) {
        if (MtRegions[Step].Base != NULL) {
            MtStepRelease(&MtRegions[Step]);
            Step = MAXULONG; // what is left of it may lie in an earlier slot
        }
    }
    for (Step = 0; Step < MT_SECTIONS; Step++) {
        if (MtSections[Step].Handle != NULL)
            expect_status(ZwClose(MtSections[Step].Handle), STATUS_SUCCESS);
        MtSections[Step].Handle = NULL;
    }
    MtCheckAll();
    MtQueryAtRest(&After);
    if (Long == 0) {                           // in minutes the system does things of its own
        ListPages = MtListPages() - ListPages; // and the pool's, whose leaks the runner looks for
        ListPages += After.NonPagedPoolPages + After.PagedPoolPages - Before.NonPagedPoolPages - Before.PagedPoolPages;
        expect(After.CommittedPages <= Before.CommittedPages + ListPages);
        SystemSet = MmSystemCacheWs.WorkingSetSize - SystemSet;
        expect((LONG)(After.AvailablePages + ListPages + SystemSet - Before.AvailablePages) >= 0);
    }
    ExFreePoolWithTag(MtMappings, TAG_MM);
}
