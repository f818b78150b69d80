// SPDX-License-Identifier: MIT
// Laws of clones of address spaces: NtCreateProcess without a section. The tests' own process is cloned, and looked at
// with NtReadVirtualMemory.

#include "mmtest.h"

#define MT_PAGES 48u

static NTSTATUS MtClone(PEPROCESS Parent, PHANDLE Child)
{
    OBJECT_ATTRIBUTES Attributes;
    HANDLE Handle = NtCurrentProcess();
    NTSTATUS Status;

    InitializeObjectAttributes(&Attributes, NULL, OBJ_KERNEL_HANDLE, NULL, NULL);
    if (Parent != NULL)
        expect_status(ObOpenObjectByPointer(Parent, OBJ_KERNEL_HANDLE, NULL, PROCESS_ALL_ACCESS, PsProcessType,
                                            KernelMode, &Handle),
                      STATUS_SUCCESS);
    Status = ZwCreateProcessEx(Child, PROCESS_ALL_ACCESS, &Attributes, Handle, 0, NULL, NULL, NULL, 0);
    if (Parent != NULL)
        ZwClose(Handle);
    return Status;
}

static PEPROCESS MtProcess(HANDLE Handle)
{
    PEPROCESS Process = NULL;

    expect_status(
        ObReferenceObjectByHandle(Handle, PROCESS_ALL_ACCESS, PsProcessType, KernelMode, (PVOID *)&Process, NULL),
        STATUS_SUCCESS);
    ObDereferenceObject(Process); // the handle keeps it
    return Process;
}

static ULONG MtPeek(HANDLE Process, PVOID Va)
{
    ULONG Value = 0xDEADDEAD;

    IGNORE_STATUS(ZwReadVirtualMemory(Process, Va, &Value, sizeof(Value), NULL));
    return Value;
}

static NTSTATUS MtPoke(HANDLE Process, PVOID Va, ULONG Value)
{
    return ZwWriteVirtualMemory(Process, Va, &Value, sizeof(Value), NULL);
}

static VOID MtMark(PUCHAR Memory, ULONG Pages, ULONG Salt)
{
    for (ULONG Page = 0; Page < Pages; Page++)
        *(volatile ULONG *)MT_PAGE(Memory, Page) = Salt + Page;
}

static ULONG MtCountOthers(HANDLE Process, PUCHAR Memory, ULONG Pages, ULONG Salt)
{
    ULONG Page, Wrong = 0;

    for (Page = 0; Page < Pages; Page++)
        Wrong += MtPeek(Process, MT_PAGE(Memory, Page)) != Salt + Page;
    return Wrong;
}

static PFN_NUMBER MtFrameIn(HANDLE Process, PVOID Va)
{
    KAPC_STATE ApcState;
    PFN_NUMBER Page = 0;

    KeStackAttachProcess(&MtProcess(Process)->Pcb, &ApcState);
    if (MmIsAddressValid(Va))
        Page = MiGetFrame(Va);
    KeUnstackDetachProcess(&ApcState);
    return Page;
}

KTEST(mm, clone_shares_each_page_until_one_writes)
{
    // Law: a clone's page is its parent's frame, with two mappings; the first write of either copies exactly that page,
    // and neither ever sees what the other wrote.
    PUCHAR Memory = MtAllocate(4 * PAGE_SIZE, MEM_RESERVE | MEM_COMMIT, PAGE_READWRITE);
    PEPROCESS Parent = PsGetCurrentProcess();
    ULONG Private = Parent->NumberOfPrivatePages;
    MM_STATISTICS Before, After;
    PFN_NUMBER Frame;
    HANDLE Child;

    MtMark(Memory, 3, 100);
    Frame = MiGetFrame(Memory);
    expect_status(MtClone(NULL, &Child), STATUS_SUCCESS);
    expect_eq(MtPeek(Child, Memory), 100);
    expect_eq(MtPeek(Child, MT_PAGE(Memory, 3)), 0); // never touched by the parent
    expect_eq(MtFrameIn(Child, Memory), Frame);
    expect_eq(MiGetFrame(Memory), Frame);
    expect_eq(MI_PFN_ELEMENT(Frame)->u2.ShareCount, 2);
    MmQueryStatistics(&Before);
    *(volatile ULONG *)Memory = 7;
    expect_status(MtPoke(Child, MT_PAGE(Memory, 1), 8), STATUS_SUCCESS);
    MmQueryStatistics(&After);
    expect_eq(After.CopyOnWriteFaults, Before.CopyOnWriteFaults + 2);
    expect(MiGetFrame(Memory) != Frame);
    expect_eq(MtFrameIn(Child, Memory), Frame);
    expect_eq(MtPeek(Child, Memory), 100);
    expect_eq(*(PULONG)MT_PAGE(Memory, 1), 101);
    expect_eq(MtPeek(Child, MT_PAGE(Memory, 1)), 8);
    expect_eq(MtFrameIn(Child, MT_PAGE(Memory, 2)), 0); // nobody has looked so far
    expect_eq(MtPeek(Child, MT_PAGE(Memory, 2)), 102);
    expect_eq(MtFrameIn(Child, MT_PAGE(Memory, 2)), MiGetFrame(MT_PAGE(Memory, 2)));
    ZwClose(Child);
    *(volatile ULONG *)MT_PAGE(Memory, 1) = 9; // alone again: the page becomes private without a copy
    *(volatile ULONG *)MT_PAGE(Memory, 2) = 9;
    MmQueryStatistics(&Before);
    expect_eq(Before.CopyOnWriteFaults, After.CopyOnWriteFaults);
    expect(Parent->CloneRoot.Root == NULL);
    expect_eq(Parent->NumberOfPrivatePages, Private + 3);
    expect_status(MtFree(Memory), STATUS_SUCCESS);
    expect_eq(Parent->NumberOfPrivatePages, Private);
}

KTEST(mm, clone_has_the_page_tables_that_are_not_in_memory)
{
    // Law: what the parent's page tables say is the clone's too when they are in a page file.
    PUCHAR Memory = MtAllocate(MT_PAGES * PAGE_SIZE, MEM_RESERVE | MEM_COMMIT, PAGE_READWRITE);
    HANDLE Child;

    MtMark(Memory, MT_PAGES, 500);
    MtPageTablesOut();
    expect(MI_IS_PAGE_FILE_PTE(MiGetPdeAddress(Memory)));
    expect_status(MtClone(NULL, &Child), STATUS_SUCCESS);
    MtPageTablesOut();
    expect_eq(MtCountOthers(Child, Memory, MT_PAGES, 500), 0);
    expect_status(MtPoke(Child, Memory, 5), STATUS_SUCCESS);
    expect_eq(*(PULONG)Memory, 500);
    expect_status(MtFree(Memory), STATUS_SUCCESS);
    ZwClose(Child);
}

KTEST(mm, clone_has_the_pages_that_are_not_in_memory)
{
    // Law: pages of the parent on the modified and standby lists and in a page file are the clone's too, whoever asks
    // for them first; nothing is lost when they go out again.
    PUCHAR Memory = MtAllocate(MT_PAGES * PAGE_SIZE, MEM_RESERVE | MEM_COMMIT, PAGE_READWRITE);
    ULONG Slots, Used, Page;
    HANDLE Child, Second;

    MtPageOut();
    NT_VERIFY(MmCheckPageFiles(&Slots));
    MtMark(Memory, MT_PAGES, 1000);
    MtPageOut();
    expect(MI_IS_PAGE_FILE_PTE(MtPteOf(Memory)));
    for (Page = 0; Page < MT_PAGES / 2; Page++)
        *(volatile ULONG *)MT_PAGE(Memory, Page) = 2000 + Page; // these have no slot any more
    MiTrimProcess(PsGetCurrentProcess());
    MiTrimProcess(PsGetCurrentProcess());
    expect_status(MtClone(NULL, &Child), STATUS_SUCCESS);
    expect(MI_IS_CLONE_PTE(MtPteOf(Memory)));
    expect_eq(MtCountOthers(Child, Memory, MT_PAGES / 2, 2000), 0);
    expect_eq(MtCountOthers(Child, MT_PAGE(Memory, MT_PAGES / 2), MT_PAGES / 2, 1000 + MT_PAGES / 2), 0);
    MiTrimProcess(MtProcess(Child));
    MiTrimProcess(MtProcess(Child));
    MtPageOut();
    expect_status(MtClone(MtProcess(Child), &Second), STATUS_SUCCESS); // a clone's clone
    expect_status(MtPoke(Child, Memory, 5), STATUS_SUCCESS);
    expect_eq(MtPeek(Second, Memory), 2000);
    expect_eq(*(PULONG)Memory, 2000);
    expect_status(MtFree(Memory), STATUS_SUCCESS); // the first of the three to go
    expect_eq(MtCountOthers(Second, Memory, MT_PAGES / 2, 2000), 0);
    ZwClose(Child);
    expect_eq(MtCountOthers(Second, MT_PAGE(Memory, MT_PAGES / 2), MT_PAGES / 2, 1000 + MT_PAGES / 2), 0);
    ZwClose(Second);
    expect(PsGetCurrentProcess()->CloneRoot.Root == NULL);
    NT_VERIFY(MmCheckPageFiles(&Used));
    expect(Used <= Slots);
}

KTEST(mm, clone_inherits_what_may_be_shared)
{
    // Law: views mapped with ViewShare are the clone's, one memory for both; with ViewUnmap they are not, and neither
    // is memory with write watch. What a view has copied on write is each one's own. Protections stay.
    HANDLE Section = MtSection(4 * PAGE_SIZE, PAGE_READWRITE, SEC_COMMIT), Child;
    PUCHAR Unmapped = MtMap(Section, PAGE_READWRITE), Copied, Watched, Guarded;
    MEMORY_BASIC_INFORMATION Information;
    PVOID Base = NULL, Second = NULL;
    SIZE_T Size = 0;
    ULONG Old;

    expect_status(
        ZwMapViewOfSection(Section, NtCurrentProcess(), &Base, 0, 0, NULL, &Size, ViewShare, 0, PAGE_READWRITE),
        STATUS_SUCCESS);
    Size = 0;
    expect_status(
        ZwMapViewOfSection(Section, NtCurrentProcess(), &Second, 0, 0, NULL, &Size, ViewShare, 0, PAGE_WRITECOPY),
        STATUS_SUCCESS);
    Copied = Second;
    Watched = MtAllocate(PAGE_SIZE, MEM_RESERVE | MEM_COMMIT | MEM_WRITE_WATCH, PAGE_READWRITE);
    Guarded = MtAllocate(3 * PAGE_SIZE, MEM_RESERVE | MEM_COMMIT, PAGE_READWRITE);
    MtMark(Base, 4, 10);
    MtMark(Copied, 1, 20);
    MtMark(Guarded, 3, 30);
    expect_status(MtProtect(Guarded, PAGE_SIZE, PAGE_READONLY, &Old), STATUS_SUCCESS);
    expect_status(MtProtect(MT_PAGE(Guarded, 1), PAGE_SIZE, PAGE_READWRITE | PAGE_GUARD, &Old), STATUS_SUCCESS);
    expect_status(MtClone(NULL, &Child), STATUS_SUCCESS);
    expect_status(MtPoke(Child, Base, 77), STATUS_SUCCESS);
    expect_eq(*(PULONG)Base, 77);
    expect_eq(MtPeek(Child, Copied), 20);
    expect_eq(MtPeek(Child, MT_PAGE(Copied, 1)), 11);
    expect_status(MtPoke(Child, Copied, 21), STATUS_SUCCESS);
    expect_eq(*(PULONG)Copied, 20);
    expect_eq(MtPeek(Child, Unmapped), 0xDEADDEAD);
    expect_eq(MtPeek(Child, Watched), 0xDEADDEAD);
    expect_eq(MtPeek(Child, Guarded), 30);
    expect(!NT_SUCCESS(MtPoke(Child, Guarded, 1)));
    expect_status(MtPoke(Child, MT_PAGE(Guarded, 1), 1), STATUS_GUARD_PAGE_VIOLATION); // once, and each its own
    expect_status(MtPoke(Child, MT_PAGE(Guarded, 1), 1), STATUS_SUCCESS);
    expect_status(MtRead(MT_PAGE(Guarded, 1)), STATUS_GUARD_PAGE_VIOLATION);
    expect_eq(*(PULONG)MT_PAGE(Guarded, 1), 31);
    expect_status(MtQuery(MT_PAGE(Guarded, 2), &Information), STATUS_SUCCESS);
    expect_eq(Information.Protect, PAGE_READWRITE); // as if nothing were shared
    expect_status(MtProtect(MT_PAGE(Guarded, 2), PAGE_SIZE, PAGE_READONLY, &Old), STATUS_SUCCESS);
    expect_eq(Old, PAGE_READWRITE);
    expect_status(MtProtect(MT_PAGE(Guarded, 2), PAGE_SIZE, PAGE_READWRITE, &Old), STATUS_SUCCESS);
    MtMark(MT_PAGE(Guarded, 2), 1, 40);
    expect_eq(MtPeek(Child, MT_PAGE(Guarded, 2)), 32);
    expect_status(MtProtect(Guarded, PAGE_SIZE, PAGE_READWRITE, &Old), STATUS_SUCCESS);
    MtMark(Guarded, 1, 50);
    expect_eq(MtPeek(Child, Guarded), 30);
    ZwClose(Child);
    expect_status(MtUnmap(Unmapped), STATUS_SUCCESS);
    expect_status(MtUnmap(Base), STATUS_SUCCESS);
    expect_status(MtUnmap(Copied), STATUS_SUCCESS);
    expect_status(MtFree(Watched), STATUS_SUCCESS);
    expect_status(MtFree(Guarded), STATUS_SUCCESS);
    ZwClose(Section);
}

KTEST(mm, page_locked_for_a_transfer_stays_with_the_parent)
{
    // Law: what a device transfers into the parent's buffer arrives there, clone or not; the clone has what was in the
    // buffer before.
    PUCHAR Memory = MtAllocate(PAGE_SIZE, MEM_RESERVE | MEM_COMMIT, PAGE_READWRITE);
    PMDL Mdl = ExAllocatePoolWithTag(NonPagedPool, MmSizeOfMdl(Memory, PAGE_SIZE), TAG_MM);
    volatile ULONG *Mapped;
    HANDLE Child;

    MtMark(Memory, 1, 60);
    MmInitializeMdl(Mdl, Memory, PAGE_SIZE);
    MmProbeAndLockPages(Mdl, KernelMode, IoWriteAccess);
    Mapped = MmGetSystemAddressForMdl(Mdl);
    expect_status(MtClone(NULL, &Child), STATUS_SUCCESS);
    ((volatile ULONG *)Memory)[1] = 1; // a write by the program must not take it away from the device
    Mapped[0] = 61;
    expect_eq(*(PULONG)Memory, 61);
    expect_eq(MtPeek(Child, Memory), 60);
    MmUnlockPages(Mdl);
    ExFreePoolWithTag(Mdl, TAG_MM);
    ZwClose(Child);
    expect_status(MtFree(Memory), STATUS_SUCCESS);
}

// Takes the free blocks of the pages that nonpaged pool has, as far as a clone block fits, so that it needs new pages.
static ULONG MtFillHoles(PVOID *Holes, ULONG Room)
{
    ULONG Limit = MiPoolPages[MM_POOL_NONPAGED].Limit, Count = 0;

    MiPoolPages[MM_POOL_NONPAGED].Limit = MiPoolPages[MM_POOL_NONPAGED].Used;
    while (Count < Room &&
           (Holes[Count] = ExAllocatePoolWithTag(NonPagedPool, MI_CLONE_HEADER_SIZE(MI_CLONE_PTES), TAG_MM)) != NULL)
        Count++;
    MiPoolPages[MM_POOL_NONPAGED].Limit = Limit;
    return Count;
}

KTEST(mm, clone_that_cannot_be_made_leaves_no_trace)
{
    // Law: a clone needs commitment for everything that it might copy, and pool; without, it is refused with a status,
    // and the parent is what it was: private pages, no clone blocks, the same commitment.
    PUCHAR Memory = MtAllocate(2 * MT_PAGES * MI_LARGE_PAGE_SIZE / MT_PAGES, MEM_RESERVE | MEM_COMMIT, PAGE_READWRITE);
    PEPROCESS Parent = PsGetCurrentProcess();
    ULONG Limit = MiPoolPages[MM_POOL_NONPAGED].Limit, Room, Refused = 0, Private, Page, Number;
    BOOLEAN Grow = MmPageFilesCanGrow;
    MM_STATISTICS Before, After;
    PVOID Holes[64];
    ULONG Filled;
    SIZE_T Left, Commit;
    HANDLE Child;

    for (Page = 0; Page < 2 * MI_LARGE_PAGE_SIZE / PAGE_SIZE; Page++)
        *(volatile ULONG *)MT_PAGE(Memory, Page) = Page;
    MiTrimProcess(Parent); // some of them in transition
    for (Page = 0; Page < MI_LARGE_PAGE_SIZE / PAGE_SIZE; Page++)
        expect_eq(*(volatile ULONG *)MT_PAGE(Memory, Page), Page);
    Private = Parent->NumberOfPrivatePages;
    ExDrainPool();
    MmQueryStatistics(&Before);
    MmPageFilesCanGrow = FALSE;
    Left = MmTotalCommitLimit - MmTotalCommittedPages - 200;
    for (Number = 0; Number < MmNumberOfPagingFiles; Number++)
        Left += MmPagingFile[Number]->MaximumSize - MmPagingFile[Number]->Size;
    MiChargeCommitmentAlways(Left);
    expect_status(MtClone(NULL, &Child), STATUS_COMMITMENT_LIMIT);
    MiReturnCommitment(Left, NULL);
    MmPageFilesCanGrow = Grow;
    expect(Parent->CloneRoot.Root == NULL);
    Commit = Parent->CommitCharge;
    Filled = MtFillHoles(Holes, RTL_NUMBER_OF(Holes));
    for (Room = 0; Room < 64; Room++) { // at each place where it may fail
        NTSTATUS Status;

        ExDrainPool();
        MiPoolPages[MM_POOL_NONPAGED].Limit = MiPoolPages[MM_POOL_NONPAGED].Used + Room / 2;
        Status = MtClone(NULL, &Child);
        MiPoolPages[MM_POOL_NONPAGED].Limit = Limit;
        Refused += !NT_SUCCESS(Status);
        if (NT_SUCCESS(Status)) {
            ZwClose(Child);
            break;
        }
        expect(Parent->CloneRoot.Root == NULL);
        expect_eq(Parent->NumberOfPrivatePages, Private);
    }
    while (Filled != 0)
        ExFreePoolWithTag(Holes[--Filled], TAG_MM);
    expect(Refused >= 2);
    expect(Room < 64);
    for (Page = 0; Page < 2 * MI_LARGE_PAGE_SIZE / PAGE_SIZE; Page++)
        expect_eq(*(volatile ULONG *)MT_PAGE(Memory, Page), Page);
    expect_eq(Parent->CommitCharge, Commit);
    expect_status(MtFree(Memory), STATUS_SUCCESS);
    expect(Parent->CloneRoot.Root == NULL);
    MmQueryStatistics(&After);
    expect(After.CommittedPages <= Before.CommittedPages);
}

#define MT_CLONES 12u
static volatile LONG MtStop;
static volatile ULONG *MtCounters;

// Counts in a page of its own, as fast as it can; says what it has got to.
static VOID NTAPI MtCount(PVOID Context)
{
    volatile ULONG *Counter = MtCounters + (ULONG_PTR)Context * (PAGE_SIZE / sizeof(ULONG));

    KeSetSystemAffinityThread((KAFFINITY)1 << (((ULONG)(ULONG_PTR)Context + 1) % KeNumberProcessors));
    while (!MtStop) {
        ULONG Round;

        for (Round = 0; Round < 50; Round++) {
            Counter[0]++;
            Counter[1]++; // never behind by more than one, in a clone too
        }
        if (!KeYieldExecution())
            YieldProcessor();
    }
}

// Until both threads have written since.
static VOID MtAwaitWrites(VOID)
{
    for (ULONG Index = 0; Index < 2; Index++) {
        volatile ULONG *Counter = MtCounters + Index * (PAGE_SIZE / sizeof(ULONG));
        ULONG Seen = Counter[1];

        while (Counter[1] == Seen) {
            if (!KeYieldExecution())
                YieldProcessor();
        }
    }
}

KTEST_MP(mm, clones_are_made_while_threads_write)
{
    // Law: a thread that writes while its process is cloned loses no write, and what it writes afterwards never shows
    // in the clone: a processor that kept an old translation would write there.
    PUCHAR Memory = MtAllocate(2 * PAGE_SIZE, MEM_RESERVE | MEM_COMMIT, PAGE_READWRITE);
    HANDLE Child[MT_CLONES];
    ULONG First[MT_CLONES], Index;
    PETHREAD Threads[2];

    MtCounters = (volatile ULONG *)Memory;
    MtStop = 0;
    for (Index = 0; Index < 2; Index++)
        Threads[Index] = KtStartThread(MtCount, (PVOID)Index, 8);
    for (Index = 0; Index < MT_CLONES; Index++) {
        MtAwaitWrites();
        expect_status(MtClone(NULL, &Child[Index]), STATUS_SUCCESS);
        First[Index] = MtPeek(Child[Index], Memory);
        expect(First[Index] - MtPeek(Child[Index], Memory + sizeof(ULONG)) <= 1);
    }
    MtAwaitWrites();
    for (Index = 0; Index < MT_CLONES; Index++)
        expect_eq(MtPeek(Child[Index], Memory), First[Index]);
    MtStop = 1;
    for (Index = 0; Index < 2; Index++)
        KtJoin(Threads[Index]);
    for (Index = 0; Index < 2; Index++)
        expect_eq(MtCounters[Index * PAGE_SIZE / sizeof(ULONG)], MtCounters[Index * PAGE_SIZE / sizeof(ULONG) + 1]);
    for (Index = 0; Index < MT_CLONES; Index++)
        ZwClose(Child[Index]);
    expect_status(MtFree(Memory), STATUS_SUCCESS);
    expect(PsGetCurrentProcess()->CloneRoot.Root == NULL);
}

KTEST(mm, clone_has_the_addresses_of_its_parent)
{
    // Law: a clone can use neither the shared data's addresses nor any that its parent cannot have.
    SIZE_T Size = PAGE_SIZE;
    PVOID Shared = (PVOID)USER_SHARED_DATA_USER, Beyond = MmSystemRangeStart;
    HANDLE Child;

    expect_status(MtClone(NULL, &Child), STATUS_SUCCESS);
    expect(!NT_SUCCESS(ZwAllocateVirtualMemory(Child, &Shared, 0, &Size, MEM_RESERVE, PAGE_READWRITE)));
    expect(!NT_SUCCESS(ZwAllocateVirtualMemory(Child, &Beyond, 0, &Size, MEM_RESERVE, PAGE_READWRITE)));
    expect(MtProcess(Child)->HighestUserAddress == PsGetCurrentProcess()->HighestUserAddress);
    ZwClose(Child);
}
