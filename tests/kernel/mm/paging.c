// SPDX-License-Identifier: MIT
// Laws of page files: pages survive them, slots have one owner and come back, what cannot be read or written is told to
// the right one. The runner makes a page file on each disk before the first test.

#include "mmtest.h"

#define MT_PAGES 200u
#define MT_MOST_PAGES 0x60000u // that one allocation can have
static VOID MtFill(PUCHAR Memory, ULONG Salt)
{
    ULONG Page;

    for (Page = 0; Page < MT_PAGES; Page++)
        memset(MT_PAGE(Memory, Page), (int)((Page * 7 + Salt) & 0xFF), PAGE_SIZE);
}

static ULONG MtCountWrong(PUCHAR Memory, ULONG Salt)
{
    ULONG Page, Index, Wrong = 0;

    for (Page = 0; Page < MT_PAGES; Page++) {
        for (Index = 0; Index < PAGE_SIZE; Index += 64)
            Wrong += MT_PAGE(Memory, Page)[Index] != (UCHAR)(Page * 7 + Salt);
    }
    return Wrong;
}

KTEST(mm, private_pages_survive_the_page_file)
{
    // Law: a private page that was written to a page file and lost its frame comes back with its contents and its
    // protection; a second time round it is what was written last.
    PUCHAR Memory = MtAllocate(MT_PAGES * PAGE_SIZE, MEM_RESERVE | MEM_COMMIT, PAGE_READWRITE);
    ULONG Page, Old, Salt;

    for (Salt = 1; Salt <= 3; Salt++) {
        MtFill(Memory, Salt);
        MtPageOut();
        for (Page = 0; Page < MT_PAGES; Page++)
            expect(MI_IS_PAGE_FILE_PTE(MtPteOf(MT_PAGE(Memory, Page))));
        expect_status(MtProtect(MT_PAGE(Memory, 3), PAGE_SIZE, PAGE_READONLY, &Old), STATUS_SUCCESS);
        expect_eq(MtCountWrong(Memory, Salt), 0);
        expect_status(MtWrite(MT_PAGE(Memory, 3), 1), STATUS_ACCESS_VIOLATION);
        expect_status(MtProtect(MT_PAGE(Memory, 3), PAGE_SIZE, PAGE_READWRITE, &Old), STATUS_SUCCESS);
        MtPageOut(); // clean: their slots hold the same
        expect_eq(MtCountWrong(Memory, Salt), 0);
    }
    expect_status(MtFree(Memory), STATUS_SUCCESS);
}

KTEST(mm, sections_survive_the_page_file)
{
    // Law: the same for pages of a page-file backed section, seen by all its views; private copies of its pages too.
    HANDLE Section = MtSection(MT_PAGES * PAGE_SIZE, PAGE_READWRITE, SEC_COMMIT);
    PUCHAR View = MtMap(Section, PAGE_READWRITE), Other = MtMap(Section, PAGE_READWRITE);
    PUCHAR Copy = MtMap(Section, PAGE_WRITECOPY);

    MtFill(View, 9);
    *MT_PAGE(Copy, 5) = 77;
    MtPageOut();
    expect(!MmIsAddressValid(View) && !MmIsAddressValid(MT_PAGE(Copy, 5)));
    expect_eq(MtCountWrong(Other, 9), 0);
    expect_eq(MtCountWrong(View, 9), 0);
    expect_eq(*MT_PAGE(Copy, 5), 77);
    expect_eq(MT_PAGE(Copy, 5)[1], (UCHAR)(5 * 7 + 9));
    expect_status(MtUnmap(Copy), STATUS_SUCCESS);
    expect_status(MtUnmap(Other), STATUS_SUCCESS);
    MtPageOut();
    expect_status(MtUnmap(View), STATUS_SUCCESS);
    ZwClose(Section);
}

extern UCHAR KiPageStart[], KiPageEnd[];
static ULONG MtOwners[MM_MAXIMUM_PAGING_FILES];

static VOID MtNoteOwner(PMMPTE Pte)
{
    if (MI_IS_PAGE_FILE_PTE(Pte))
        MtOwners[Pte->u.Soft.PageFileLow]++;
}

// The pools' pages have slots too.
static VOID MtNotePoolOwners(ULONG_PTR Start, ULONG_PTR End)
{
    ULONG_PTR Va;

    for (Va = Start; Va < End; Va += PAGE_SIZE) {
        if (MiPteIfTable((PVOID)Va) == NULL)
            Va += MI_LARGE_PAGE_SIZE - PAGE_SIZE;
        else if (!MiGetPteAddress(Va)->u.Hard.Valid && !MiGetPteAddress(Va)->u.Soft.Transition)
            MtNoteOwner(MiGetPteAddress(Va));
    }
}

KTEST(mm, paged_pool_survives_the_page_file)
{
    // Law: the same for pages of paged pool and of session pool; freed, they give their slots back.
    PUCHAR Paged = ExAllocatePoolWithTag(PagedPool, MT_PAGES * PAGE_SIZE, TAG_MM);
    PUCHAR Session = ExAllocatePoolWithTag(PagedPoolSession, MT_PAGES * PAGE_SIZE, TAG_MM);
    ULONG Salt;

    for (Salt = 3; Salt <= 5; Salt++) {
        MtFill(Paged, Salt);
        MtFill(Session, Salt + 100);
        MiTrimPool();
        MtPageOut();
        expect(MI_IS_PAGE_FILE_PTE(MiGetPteAddress(Paged)) && MI_IS_PAGE_FILE_PTE(MiGetPteAddress(Session)));
        expect_eq(MtCountWrong(Paged, Salt), 0);
        expect_eq(MtCountWrong(Session, Salt + 100), 0);
    }
    MiTrimPool();
    MtPageOut();
    ExFreePoolWithTag(Paged, TAG_MM);
    ExFreePoolWithTag(Session, TAG_MM);
}

KTEST(mm, every_slot_has_one_owner)
{
    // Law: each slot in use is named by one entry: a Soft entry, or the OriginalPte of a frame that is in memory.
    HANDLE Section = MtSection(MT_PAGES * PAGE_SIZE, PAGE_READWRITE, SEC_COMMIT);
    PUCHAR View = MtMap(Section, PAGE_READWRITE);
    PUCHAR Memory = MtAllocate(MT_PAGES * PAGE_SIZE, MEM_RESERVE | MEM_COMMIT, PAGE_READWRITE);
    PMMVAD Vad;
    PFN_NUMBER Frame;
    ULONG_PTR Va;
    ULONG Page, Number, Used[MM_MAXIMUM_PAGING_FILES];
    KIRQL OldIrql;

    MtFill(View, 1);
    MtFill(Memory, 2);
    MtPageOut();
    for (Page = 0; Page < MT_PAGES / 2; Page++) { // half of them are in memory, and half of those have changed
        expect_eq(*MT_PAGE(View, Page), (UCHAR)(Page * 7 + 1));
        *MT_PAGE(Memory, Page) += Page & 1;
    }
    MiTrimProcess(PsGetCurrentProcess());
    MiTrimProcess(PsGetCurrentProcess());
    memset(MtOwners, 0, sizeof(MtOwners));
    for (Va = 0; Va < (ULONG_PTR)MM_HIGHEST_USER_ADDRESS; Va += MI_LARGE_PAGE_SIZE)
        MtPteOf((PVOID)Va);
    Vad = MiLocateVad(&PsGetCurrentProcess()->VadRoot, MI_VPN(View));
    OldIrql = MiLockPfn();
    for (Page = 0; Page < MT_PAGES; Page++) {
        MtNoteOwner(MiGetPteAddress(MT_PAGE(Memory, Page)));
        MtNoteOwner(&Vad->FirstPrototypePte[Page]);
    }
    for (Frame = MmLowestPhysicalPage; Frame <= MmHighestPhysicalPage; Frame++) {
        if (MiIsPhysicalMemory(Frame))
            MtNoteOwner(&MI_PFN_ELEMENT(Frame)->OriginalPte);
    }
    MtNotePoolOwners(MM_PAGED_POOL_START, MM_PAGED_POOL_END);
    MtNotePoolOwners(MM_SESSION_POOL_START, MM_SESSION_POOL_END);
    MtNotePoolOwners((ULONG_PTR)KiPageStart, (ULONG_PTR)KiPageEnd);
    for (Number = 0; Number < MmNumberOfPagingFiles; Number++)
        Used[Number] = MmPagingFile[Number]->CurrentUsage;
    MiUnlockPfn(OldIrql);
    for (Number = 0; Number < MmNumberOfPagingFiles; Number++)
        expect_eq(MtOwners[Number], Used[Number]);
    expect(MtOwners[0] + MtOwners[1] > MT_PAGES);
    expect(MtOwners[1] != 0); // both disks have a share, if they have room alike: the second may have grown since
    expect(MtOwners[0] != 0 || MmPagingFile[1]->FreeSpace > 2 * MmPagingFile[0]->FreeSpace);
    expect_status(MtFree(Memory), STATUS_SUCCESS);
    expect_status(MtUnmap(View), STATUS_SUCCESS);
    ZwClose(Section);
}

static PUCHAR MtPaged;
static volatile LONG MtWrong;

static VOID NTAPI MtReadThread(PVOID Context)
{
    ULONG Page, Start = (ULONG)(ULONG_PTR)Context;

    for (Page = 0; Page < MT_PAGES; Page++) {
        ULONG Which = (Page + Start) % MT_PAGES;

        if (*MT_PAGE(MtPaged, Which) != (UCHAR)(Which * 7 + 4))
            InterlockedIncrement(&MtWrong);
    }
}

typedef struct _MT_RUN {
    PMMPAGING_FILE File;
    ULONG First, Count;
} MT_RUN, *PMT_RUN;
#define MT_RUNS 4096u

// Takes every free slot of all page files, or gives them back. Returns how many runs that were.
static ULONG MtTakeSlots(PMT_RUN Runs)
{
    KIRQL OldIrql = MiLockPfn();
    ULONG Count = 0;

    for (; Count < MT_RUNS; Count++) {
        Runs[Count].File = NULL;
        Runs[Count].Count = MiAllocatePageFileRun(1024, &Runs[Count].File, &Runs[Count].First);
        if (Runs[Count].Count == 0)
            break;
    }
    MiUnlockPfn(OldIrql);
    return Count;
}

static VOID MtGiveSlots(PMT_RUN Runs, ULONG Count)
{
    KIRQL OldIrql = MiLockPfn();

    while (Count-- != 0) {
        while (Runs[Count].Count-- != 0)
            MiFreePageFileSlot(Runs[Count].File->FileNumber, Runs[Count].First + Runs[Count].Count);
    }
    MiUnlockPfn(OldIrql);
}

KTEST(mm, flush_ends_when_page_files_are_full)
{
    // Law: who asks for modified pages to be written gets an answer though there is no slot for them; they stay in
    // memory, and are written when there is.
    PMT_RUN Runs = ExAllocatePoolWithTag(NonPagedPool, MT_RUNS * sizeof(MT_RUN), TAG_MM);
    PUCHAR Memory = MtAllocate(MT_PAGES * PAGE_SIZE, MEM_RESERVE | MEM_COMMIT, PAGE_READWRITE);
    ULONG Count;

    expect(Runs != NULL);
    MiFlushModifiedPages();
    Count = MtTakeSlots(Runs);
    expect(Count != 0 && Count < MT_RUNS);
    MtFill(Memory, 5);
    MiTrimProcess(PsGetCurrentProcess());
    MiTrimProcess(PsGetCurrentProcess());
    expect_status(MmMemoryListCommand(MemoryFlushModifiedList), STATUS_SUCCESS);
    expect(MmModifiedPagefilePageListHead.Total >= MT_PAGES);
    MtGiveSlots(Runs, Count);
    MtPageOut();
    expect(MI_IS_PAGE_FILE_PTE(MtPteOf(Memory)));
    expect_eq(MtCountWrong(Memory, 5), 0);
    expect_status(MtFree(Memory), STATUS_SUCCESS);
    ExFreePoolWithTag(Runs, TAG_MM);
}

KTEST_MP(mm, collided_faults_read_a_page_once)
{
    // Law: threads that touch the same pages at the same time wait for one read, and each page has one frame.
    PETHREAD Threads[4];
    ULONG Index;

    MtPaged = MtAllocate(MT_PAGES * PAGE_SIZE, MEM_RESERVE | MEM_COMMIT, PAGE_READWRITE);
    MtFill(MtPaged, 4);
    MtPageOut();
    MtWrong = 0;
    for (Index = 0; Index < 4; Index++)
        Threads[Index] = KtStartThread(MtReadThread, (PVOID)(ULONG_PTR)(Index / 2 * 3), 8);
    for (Index = 0; Index < 4; Index++)
        KtJoin(Threads[Index]);
    expect_eq(MtWrong, 0);
    for (Index = 0; Index < MT_PAGES; Index++)
        expect_eq(MI_PFN_ELEMENT(MiGetFrame(MT_PAGE(MtPaged, Index)))->u2.ShareCount, 1);
    expect_status(MtFree(MtPaged), STATUS_SUCCESS);
}

KTEST(mm, neighbouring_slots_are_read_together)
{
    // Law: pages that were written together come back with fewer transfers than pages.
    PUCHAR Memory = MtAllocate(MT_PAGES * PAGE_SIZE, MEM_RESERVE | MEM_COMMIT, PAGE_READWRITE);
    MM_STATISTICS Before, After;

    MtFill(Memory, 6);
    MtPageOut();
    MmQueryStatistics(&Before);
    expect_eq(MtCountWrong(Memory, 6), 0);
    MmQueryStatistics(&After);
    expect_eq(After.PageReads - Before.PageReads, MT_PAGES);
    expect((After.PageReadIos - Before.PageReadIos) * 4 < MT_PAGES);
    expect(After.PagesWritten > After.PageWriteIos * 4);
    expect_status(MtFree(Memory), STATUS_SUCCESS);
}

static NTSTATUS MtCreate(PCWSTR Path, LONGLONG Minimum, LONGLONG Maximum)
{
    LARGE_INTEGER Smallest = {.QuadPart = Minimum}, Largest = {.QuadPart = Maximum};
    UNICODE_STRING Name;

    RtlInitUnicodeString(&Name, Path);
    return ZwCreatePagingFile(&Name, &Smallest, &Largest, 0);
}

KTEST(mm, page_file_arguments_are_checked)
{
    // Law: sizes that make no sense, names that lead nowhere and files that are no disk's are refused, each in its way.
    expect_status(MtCreate(L"\\??\\C:\\p.sys", 0x1000, 0x200000), STATUS_INVALID_PARAMETER_2);
    expect_status(MtCreate(L"\\??\\C:\\p.sys", 0x200000000, 0x200000000), STATUS_INVALID_PARAMETER_2);
    expect_status(MtCreate(L"\\??\\C:\\p.sys", 0x200000, 0x100000), STATUS_INVALID_PARAMETER_3);
    expect_status(MtCreate(L"\\??\\C:\\p.sys", 0x200000, 0x200000000), STATUS_INVALID_PARAMETER_3);
    expect_status(MtCreate(L"", 0x200000, 0x200000), STATUS_OBJECT_NAME_INVALID);
    expect_status(MtCreate(L"\\??\\C:\\nowhere\\p.sys", 0x200000, 0x200000), STATUS_OBJECT_PATH_NOT_FOUND);
    expect_status(MtCreate(L"\\??\\C:\\p.sys", 0x80000000, 0x80000000), STATUS_DISK_FULL);
    expect_status(MtCreate(L"\\??\\C:\\pagefile.sys", 0x100000, 0x600000), STATUS_INVALID_PARAMETER_2);
    expect_status(MtCreate(L"\\??\\C:\\pagefile.sys", 0x300000, 0x500000), STATUS_INVALID_PARAMETER_3);
    expect_status(MtCreate(L"\\??\\C:\\pagefile.sys", 0x300000, 0x600000), STATUS_SUCCESS); // as it is
}

static NTSTATUS MtOpenPageFile(ACCESS_MASK Access)
{
    UNICODE_STRING Name = RTL_CONSTANT_STRING(L"\\??\\C:\\pagefile.sys");
    OBJECT_ATTRIBUTES Attributes;
    IO_STATUS_BLOCK IoStatus;
    NTSTATUS Status;
    HANDLE File;

    InitializeObjectAttributes(&Attributes, &Name, OBJ_CASE_INSENSITIVE | OBJ_KERNEL_HANDLE, NULL, NULL);
    Status = ZwOpenFile(&File, Access | SYNCHRONIZE, &Attributes, &IoStatus,
                        FILE_SHARE_READ | FILE_SHARE_WRITE | FILE_SHARE_DELETE, FILE_SYNCHRONOUS_IO_NONALERT);
    if (NT_SUCCESS(Status))
        ZwClose(File);
    return Status;
}

KTEST(mm, page_file_is_nobody_elses)
{
    // Law: while a page file is in use nobody reads, writes or deletes it; its attributes can be looked at.
    expect_status(MtOpenPageFile(FILE_READ_DATA), STATUS_SHARING_VIOLATION);
    expect_status(MtOpenPageFile(FILE_WRITE_DATA), STATUS_SHARING_VIOLATION);
    expect_status(MtOpenPageFile(DELETE), STATUS_SHARING_VIOLATION);
    expect_status(MtOpenPageFile(FILE_READ_ATTRIBUTES), STATUS_SUCCESS);
}

KTEST(mm, page_files_grow_before_commitment_is_refused)
{
    // Law: what the page files can still grow by is promised too; beyond that a charge is refused and nothing grows.
    SIZE_T Free = MmTotalCommitLimit - MmTotalCommittedPages, Limit = MmTotalCommitLimit, Room = 0;
    ULONG Number;
    PUCHAR Memory;

    if (Free > MT_MOST_PAGES)
        return; // more memory than addresses
    for (Number = 0; Number < MmNumberOfPagingFiles; Number++)
        Room += MmPagingFile[Number]->MaximumSize - MmPagingFile[Number]->Size;
    expect(MtAllocate((Free + Room + 1) * PAGE_SIZE, MEM_RESERVE | MEM_COMMIT, PAGE_READWRITE) == NULL);
    expect_eq(MmTotalCommitLimit, Limit);
    if (Room < 2 * MT_PAGES)
        return; // they have grown before
    Memory = MtAllocate((Free + Room - MT_PAGES) * PAGE_SIZE, MEM_RESERVE | MEM_COMMIT, PAGE_READWRITE);
    expect(Memory != NULL);
    expect(MmTotalCommitLimit > Limit);
    MtFill(Memory, 3);
    MtPageOut();
    expect_eq(MtCountWrong(Memory, 3), 0);
    expect_status(MtFree(Memory), STATUS_SUCCESS);
}
