// SPDX-License-Identifier: MIT
// The address space against a model of it: a random sequence of the services, each of which must return what the model
// says. Here: private memory and views, what they hold, how they are protected. modelcall.c has the services around
// them, modelfile.c files, modelkinds.c memory of other kinds, modelclone.c a clone; modelcheck.c runs it and looks at
// everything.

#include "model.h"

MT_REGION MtRegions[MT_REGIONS];
MT_SECTION_MODEL MtSections[MT_SECTIONS];

BOOLEAN MtIsCommitted(PMT_REGION Region, ULONG Index)
{
    PMT_PAGE_MODEL Page = &Region->Page[Index];

    if (Region->Section == NULL)
        return Page->Committed;
    return Page->Copied || Page->Committed || Region->Section->Committed[Region->FirstPage + Index];
}

PUCHAR MtValueOf(PMT_REGION Region, ULONG Index)
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
VOID MtChoosePart(PMT_REGION Region, PULONG First, PULONG Count)
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
    Region->Watched = KtRandom() % 4 == 0;
    Type |= Region->Watched ? MEM_WRITE_WATCH : 0;
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
    UCHAR Watch = Page->Watch == MtNotWritten ? MtNotWritten : MtPerhapsWritten;

    memset(Page, 0, sizeof(*Page));
    Page->Watch = Watch;
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
VOID MtStepRelease(PMT_REGION Region)
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
    if ((KtRandom() & 1) || Tail == NULL || Region->Watched) {
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

NTSTATUS MtExpectedTouch(PMT_REGION Region, ULONG Index, BOOLEAN Write)
{
    ULONG Protect = Region->Page[Index].Protect;

    if (!MtIsCommitted(Region, Index) || (Protect & 0xFF) == PAGE_NOACCESS)
        return STATUS_ACCESS_VIOLATION;
    if (Write && ((Protect & 0xFF) == PAGE_READONLY))
        return STATUS_ACCESS_VIOLATION;
    return (Protect & PAGE_GUARD) ? STATUS_GUARD_PAGE_VIOLATION : STATUS_SUCCESS;
}

// What the page shows at both ends is what the model says; a page that may have been dropped shows what it will keep.
VOID MtCompare(PMT_REGION Region, ULONG Index)
{
    volatile UCHAR *Va = MT_PAGE(Region->Base, Index);
    PUCHAR Value = MtValueOf(Region, Index);

    if (Region->Page[Index].MaybeZero && Va[0] == 0 && Va[PAGE_SIZE - 1] == 0)
        Value[0] = Value[1] = 0;
    Region->Page[Index].MaybeZero = FALSE;
    expect_eq(Va[0], Value[0]);
    expect_eq(Va[PAGE_SIZE - 1], Value[1]);
}

// A write-copy page is the view's own from now on.
VOID MtNoteWrite(PMT_REGION Region, ULONG Index)
{
    PMT_PAGE_MODEL Page = &Region->Page[Index];

    Page->Watch = MtWritten;
    if (Page->Protect == PAGE_WRITECOPY) {
        memcpy(Page->Value, MtValueOf(Region, Index), sizeof(Page->Value));
        Page->Copied = TRUE;
        Page->Protect = PAGE_READWRITE;
    }
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
    MtNoteWrite(Region, Index);
    MtValueOf(Region, Index)[End] = Value;
    MtCompare(Region, Index);
}

// NtReadVirtualMemory and NtWriteVirtualMemory stop where a touch would fail.
static VOID MtStepCopy(PMT_REGION Region)
{
    ULONG First, Count, Index;
    NTSTATUS Expected = STATUS_SUCCESS, Status;
    SIZE_T Done = 0;

    MtChoosePart(Region, &First, &Count);
    for (Index = First; Index < First + Count && Expected == STATUS_SUCCESS; Index++)
        Expected = MtExpectedTouch(Region, Index, FALSE);
    Index -= Expected != STATUS_SUCCESS;
    Status = ZwReadVirtualMemory(NtCurrentProcess(), MT_PAGE(Region->Base, First), MtBuffer, Count * PAGE_SIZE, &Done);
    expect_eq(Done, (Index - First) * PAGE_SIZE);
    expect_status(Status, Expected == STATUS_ACCESS_VIOLATION ? STATUS_PARTIAL_COPY : Expected);
    if (Expected == STATUS_GUARD_PAGE_VIOLATION)
        Region->Page[Index].Protect &= ~(ULONG)PAGE_GUARD;
    while (Index-- > First) {
        MtCompare(Region, Index);
        expect_eq(MtBuffer[(Index - First) * PAGE_SIZE], *MtValueOf(Region, Index));
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
    for (Index = First; Region->Section == NULL && Index < First + Count; Index++) {
        Region->Page[Index].MaybeZero = MtAllCommitted(Region, First, Count);
        if (Region->Page[Index].Watch == MtWritten)
            Region->Page[Index].Watch = MtPerhapsWritten;
    }
}

static VOID MtStepMap(VOID)
{
    static const ULONG Protects[] = {PAGE_READWRITE, PAGE_WRITECOPY, PAGE_READONLY, PAGE_WRITECOPY};
    ULONG Number = KtRandom() % MT_SECTIONS;
    PMT_SECTION_MODEL Section = &MtSections[Number];
    PMT_REGION Region = MtFreeRegion();
    LARGE_INTEGER Offset = {.QuadPart = 0};
    SIZE_T Size;
    PVOID Base = NULL;
    ULONG Index;

    if (Region == NULL)
        return;
    if (Section->Handle == NULL && Number >= MT_SECTIONS - MT_FILES) {
        MtMakeFile(Section, Number);
    } else if (Section->Handle == NULL) {
        BOOLEAN Commit = KtRandom() & 1;

        memset(Section, 0, sizeof(*Section));
        Section->Pages = MT_SECTION_PAGES;
        memset(Section->Committed, Commit, sizeof(Section->Committed));
        Section->Handle = MtSection(MT_SECTION_PAGES * PAGE_SIZE, PAGE_READWRITE, Commit ? SEC_COMMIT : SEC_RESERVE);
        expect(Section->Handle != NULL);
    }
    memset(Region, 0, sizeof(*Region));
    Region->Inherit = (KtRandom() & 1) ? ViewShare : ViewUnmap;
    Offset.QuadPart = KtRandom() % ((Section->Pages + 15) / 16) * MM_ALLOCATION_GRANULARITY;
    Region->FirstPage = (ULONG)(Offset.QuadPart >> PAGE_SHIFT);
    Region->Pages = 1 + KtRandom() % min_of(MT_MOST_PAGES, Section->Pages - Region->FirstPage);
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

static VOID MtStepCloseSection(VOID)
{
    PMT_SECTION_MODEL Section = &MtSections[KtRandom() % MT_SECTIONS];

    if (Section->Handle == NULL || Section->Views != 0)
        return;
    if (Section->File != NULL)
        MtCloseFile(Section);
    else
        expect_status(ZwClose(Section->Handle), STATUS_SUCCESS);
    Section->Handle = NULL;
}

VOID MtStep(VOID)
{
    PMT_REGION Region = &MtRegions[KtRandom() % MT_REGIONS];
    ULONG Action = KtRandom() % 40;

    if (Action == 0)
        MtStepCloseSection();
    else if (Action == 1 && KtRandom() % 4 == 0)
        MtStepClone();
    else if (Action == 32)
        MtStepFile();
    else if (Action == 33)
        MtStepKinds();
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
    else if (Action >= 34)
        MtStepAround(Region);
    else
        MtStepTouch(Region);
}
