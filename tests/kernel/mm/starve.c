// SPDX-License-Identifier: MIT
// Laws of running out: each pool, system PTEs, commitment are used up a thousand times; every time the caller gets a
// clear answer, and everything comes back. The pools' limits are lowered meanwhile, so that a round is short; one round
// goes to the end of memory itself.

#include "mmtest.h"

#include "mm/mipage.h"

#define TEST_TAG 0x7453744B // 'KtSt'
#define ROUNDS 1000
#define ROOM 24 // pages that a round may take
#define BLOCKS 512

static PVOID Blocks[BLOCKS];

// Allocates until there is none; frees all. Returns how many blocks there were.
static ULONG MtExhaust(POOL_TYPE Type, SIZE_T Bytes)
{
    ULONG Count = 0, Index;

    while (Count < BLOCKS && (Blocks[Count] = ExAllocatePoolWithTag(Type, Bytes, TEST_TAG)) != NULL)
        Count++;
    for (Index = 0; Index < Count; Index++)
        ExFreePoolWithTag(Blocks[Index], TEST_TAG);
    return Count;
}

static VOID MtStarvePool(POOL_TYPE Type)
{
    ULONG Kind = MmPoolOfAddress((PVOID)(Type == NonPagedPool ? MM_KSEG0_BASE
                                         : Type == PagedPool  ? MM_PAGED_POOL_START
                                                              : MM_SESSION_POOL_START));
    ULONG Limit = MiPoolPages[Kind].Limit, Used, Round;
    SIZE_T Usage;

    ExDrainPool();
    Used = MiPoolPages[Kind].Used;
    Usage = ExGetPoolUsage(Type != NonPagedPool);
    MiPoolPages[Kind].Limit = Used + ROOM;
    for (Round = 0; Round < ROUNDS; Round++) {
        // Small blocks fill pages; large ones are pages.
        ULONG Count = MtExhaust(Type, Round % 10 == 0 ? 600 : PAGE_SIZE * (Round % 4 + 1));

        expect(Count >= 3 && Count < BLOCKS);
    }
    ExDrainPool();
    MiPoolPages[Kind].Limit = Limit;
    expect(MiPoolPages[Kind].Used <= Used + 1);
    expect(ExGetPoolUsage(Type != NonPagedPool) <= Usage);
}

KTEST(mm, starved_nonpaged_pool_recovers)
{
    // Law: nonpaged pool that has run out gives NULL, and all of it comes back: 1,000 times.
    MtStarvePool(NonPagedPool);
}

KTEST(mm, starved_paged_pool_recovers)
{
    // Law: the same for paged pool.
    MtStarvePool(PagedPool);
}

KTEST(mm, starved_session_pool_recovers)
{
    // Law: the same for session pool.
    MtStarvePool(PagedPoolSession);
}

KTEST(mm, starved_quota_recovers)
{
    // Law: quota that has run out gives STATUS_QUOTA_EXCEEDED (here: NULL, as asked for) and comes back: 1,000 times.
    PEPROCESS Process = PsGetCurrentProcess();
    PEPROCESS_QUOTA_BLOCK Old = Process->QuotaBlock;
    ULONG Round, Count, Index;

    Process->QuotaBlock = NULL;
    expect_status(PsCreateQuotaBlock(Process, NULL), STATUS_SUCCESS);
    Process->QuotaBlock->Limit[PagedPool] = 8192;
    for (Round = 0; Round < ROUNDS; Round++) {
        for (Count = 0; Count < BLOCKS; Count++) {
            Blocks[Count] = ExAllocatePoolWithQuotaTag(PagedPool | POOL_QUOTA_FAIL_INSTEAD_OF_RAISE, 1000, TEST_TAG);
            if (Blocks[Count] == NULL)
                break;
        }
        expect_eq(Count, 8);
        for (Index = 0; Index < Count; Index++)
            ExFreePoolWithTag(Blocks[Index], TEST_TAG);
        expect_eq(Process->QuotaBlock->Usage[PagedPool], 0);
    }
    PsDeleteQuotaBlock(Process);
    Process->QuotaBlock = Old;
}

KTEST(mm, starved_system_ptes_recover)
{
    // Law: system PTEs that have run out give NULL, and all of them come back: 1,000 times.
    ULONG Before, Round, Count, Index;
    static PMMPTE Runs[BLOCKS];

    MiDrainSystemPtes();
    Before = MiFreeSystemPtes();
    for (Round = 0; Round < ROUNDS; Round++) {
        ULONG Size = Round % 2 ? 1024 : 640;

        for (Count = 0; Count < BLOCKS && (Runs[Count] = MiReserveSystemPtes(Size)) != NULL; Count++)
            continue;
        expect(Count > 16 && Count < BLOCKS);
        for (Index = 0; Index < Count; Index++)
            MiReleaseSystemPtes(Runs[Index], Size);
        expect(MiFreeSystemPtes() + 64 >= Before); // others may have taken stacks meanwhile
    }
}

KTEST(mm, starved_memory_recovers)
{
    // Law: pool that takes all memory there is ends with NULL, not with a deadlock or a bugcheck; other callers get
    // memory, or NULL; freed, commitment and frames are what they were.
    MM_STATISTICS Before, After;
    ULONG Pages;
    PVOID Small;

    ExDrainPool();
    MtQueryAtRest(&Before);
    Pages = MtExhaust(PagedPool, (Before.CommitLimit - Before.CommittedPages) / 64 * PAGE_SIZE);
    expect(Pages >= 32 && Pages < BLOCKS);
    Small = ExAllocatePoolWithTag(NonPagedPool, 100, TEST_TAG);
    expect(Small != NULL);
    ExFreePoolWithTag(Small, TEST_TAG);
    ExDrainPool();
    MtQueryAtRest(&After);
    expect(After.CommittedPages <= Before.CommittedPages + 128); // page tables of the paged pool stay
    expect(After.AvailablePages + 176 >=
           Before.AvailablePages); // and the file system knows more of page files that grew
}

static VOID MtStarveService(VOID)
{
    static PVOID Regions[BLOCKS];
    ULONG Count = 0;
    NTSTATUS Status;

    for (;;) {
        SIZE_T Size = PAGE_SIZE;

        Regions[Count] = NULL;
        Status = ZwAllocateVirtualMemory(NtCurrentProcess(), &Regions[Count], 0, &Size, MEM_COMMIT, PAGE_READWRITE);
        if (!NT_SUCCESS(Status) || ++Count == BLOCKS)
            break;
    }
    expect_status(Status, STATUS_COMMITMENT_LIMIT);
    expect(Count >= 3 && Count < BLOCKS);
    while (Count-- > 0)
        expect_status(MtFree(Regions[Count]), STATUS_SUCCESS);
}

KTEST(mm, starved_commitment_recovers)
{
    // Law: while no page can be promised any more every pool gives NULL and a service STATUS_COMMITMENT_LIMIT; freed,
    // everything is there again: 1,000 times. The limit is lowered meanwhile.
    static const POOL_TYPE Types[] = {NonPagedPool, PagedPool, PagedPoolSession};
    MM_STATISTICS Before, After;
    ULONG Maximum[MM_MAXIMUM_PAGING_FILES], Number, Round;
    SIZE_T Lowered;

    ExDrainPool();
    MtQueryAtRest(&Before);
    Lowered = Before.CommitLimit - Before.CommittedPages - 2 * ROOM;
    for (Number = 0; Number < MmNumberOfPagingFiles; Number++) { // none may grow
        Maximum[Number] = MmPagingFile[Number]->MaximumSize;
        MmPagingFile[Number]->MaximumSize = MmPagingFile[Number]->Size;
    }
    MiLowerCommitLimit(Lowered);
    for (Round = 0; Round < ROUNDS; Round++) {
        ULONG Type = Round % (RTL_NUMBER_OF(Types) + 1);
        // Nonpaged pool has pages of its own from the start, of which large blocks leave little.
        SIZE_T Bytes = PAGE_SIZE * (Round % 3 + (Type == 0 ? 32 : 1));
        ULONG Count = Type < RTL_NUMBER_OF(Types) ? MtExhaust(Types[Type], Bytes) : 0;

        if (Type == RTL_NUMBER_OF(Types))
            MtStarveService();
        else
            expect(Count >= 3 && Count < BLOCKS);
    }
    MiRaiseCommitLimit(Lowered);
    for (Number = 0; Number < MmNumberOfPagingFiles; Number++)
        MmPagingFile[Number]->MaximumSize = Maximum[Number];
    ExDrainPool();
    MtQueryAtRest(&After);
    expect_eq(After.CommitLimit, Before.CommitLimit);
    expect(After.CommittedPages <= Before.CommittedPages + 4); // page tables of the paged pool stay
}
