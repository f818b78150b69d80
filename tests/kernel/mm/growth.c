// SPDX-License-Identifier: MIT
// Laws of who finds the commitment limit reached: page files grow while he waits, unless he holds a lock.

#include "../ps/pstest.h"
#include "mmtest.h"

#define MT_ROOM 1280u // pages that the page files must be able to grow by for one test
#define MT_POOL_PAGES 64u
static SIZE_T MtCharged;

// Can the page files still grow by MT_ROOM? They have done so before if not.
static BOOLEAN MtIsRoom(VOID)
{
    SIZE_T Room = 0;
    ULONG Number;

    for (Number = 0; Number < MmNumberOfPagingFiles; Number++)
        Room += MmPagingFile[Number]->MaximumSize - MmPagingFile[Number]->Size;
    return Room >= MT_ROOM;
}

// Takes all commitment there is, while the worker that would make more is kept from knowing. Returns the limit.
static SIZE_T MtReachLimit(VOID)
{
    SIZE_T Free;

    MmPageFilesCanGrow = FALSE;
    Free = MmTotalCommittedPages < MmTotalCommitLimit ? MmTotalCommitLimit - MmTotalCommittedPages : 0;
    MiChargeCommitmentAlways(Free);
    MtCharged += Free;
    return MmTotalCommitLimit;
}

static VOID MtLeaveLimit(VOID)
{
    MiReturnCommitment(MtCharged, NULL);
    MtCharged = 0;
    expect(MmWaitForCommitment(0, 0)); // finds out anew whether files can grow
}

KTEST(mm, pool_waits_for_page_files_to_grow)
{
    // Law: an allocation of pool that finds the commitment limit reached lets the page files grow and succeeds.
    SIZE_T Limit;
    PVOID Pool;

    if (!MtIsRoom())
        return;
    Limit = MtReachLimit();
    Pool = ExAllocatePoolWithTag(PagedPool, MT_POOL_PAGES * PAGE_SIZE, TAG_MM);
    expect(Pool != NULL && MmTotalCommitLimit > Limit);
    MtLeaveLimit();
    ExFreePoolWithTag(Pool, TAG_MM);
}

KTEST(mm, stacks_wait_for_page_files_to_grow)
{
    // Law: the same for a kernel stack.
    SIZE_T Limit;
    PVOID Stack;

    if (!MtIsRoom())
        return;
    Limit = MtReachLimit();
    Stack = MmCreateKernelStack(TRUE);
    expect(Stack != NULL && MmTotalCommitLimit > Limit);
    MtLeaveLimit();
    MmDeleteKernelStack(Stack, TRUE);
}

KTEST(mm, process_creation_waits_for_page_files_to_grow)
{
    // Law: the same for a process: its directories, its program's view, its PEB; whichever finds the limit reached.
    HANDLE Section, Process;
    SIZE_T Limit, Left;

    if (!MtIsRoom())
        return;
    expect_status(KtImageSection(L"\\SystemRoot\\System32\\smss.exe", &Section), STATUS_SUCCESS);
    for (Left = 0; Left <= 6 && MtIsRoom(); Left += 6) {
        Limit = MtReachLimit();
        MiReturnCommitment(Left, NULL);
        MtCharged -= Left;
        expect_status(KtCreateProcess(Section, &Process), STATUS_SUCCESS);
        expect(MmTotalCommitLimit > Limit);
        MtLeaveLimit();
        ZwClose(Process);
    }
    ZwClose(Section);
}

KTEST(mm, who_holds_a_lock_does_not_wait_for_growth)
{
    // Law: a thread that may hold a lock gets its answer at once: growing takes the file system's locks.
    SIZE_T Limit;
    PVOID Pool;

    if (!MtIsRoom())
        return;
    Limit = MtReachLimit();
    KeEnterCriticalRegion();
    Pool = ExAllocatePoolWithTag(PagedPool, MT_POOL_PAGES * PAGE_SIZE, TAG_MM);
    KeLeaveCriticalRegion();
    expect(Pool == NULL);
    expect_eq(MmTotalCommitLimit, Limit);
    MtLeaveLimit();
}
