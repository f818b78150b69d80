// SPDX-License-Identifier: MIT
// Laws of the figures about memory that NtQuerySystemInformation gives: each is what another source says.

#include "mmtest.h"

#define MT_PAGES 64u
#define TEST_TAG 0x6C43744Bu // 'KtCl'
extern UCHAR KiPageStart[], KiPageEnd[];

static SYSTEM_PERFORMANCE_INFORMATION MtPerformance(VOID)
{
    SYSTEM_PERFORMANCE_INFORMATION Information;

    expect_status(ZwQuerySystemInformation(SystemPerformanceInformation, &Information, sizeof(Information), NULL),
                  STATUS_SUCCESS);
    return Information;
}

static SYSTEM_FILECACHE_INFORMATION MtCache(SYSTEM_INFORMATION_CLASS Class)
{
    SYSTEM_FILECACHE_INFORMATION Information;
    ULONG Length;

    expect_status(ZwQuerySystemInformation(Class, &Information, sizeof(Information), &Length), STATUS_SUCCESS);
    expect_eq(Length, 36);
    return Information;
}

typedef struct _MT_PARTS {
    ULONG List[MM_SYSTEM_PARTS], Told[MM_SYSTEM_PARTS], Whole;
} MT_PARTS;

// What the working-set list itself holds, beside what is told, in one moment.
static VOID MtCountList(MT_PARTS *Parts)
{
    ULONG Index, Part;

    memset(Parts, 0, sizeof(*Parts));
    KeAcquireGuardedMutex(&MmSystemWorkingSetLock);
    for (Index = 1; Index <= MmSystemCacheWs.VmWorkingSetList->LastEntry; Index++) {
        MMWSLE Entry = MmSystemCacheWs.VmWorkingSetList->Wsle[Index];
        ULONG_PTR Va = Entry.u1.Long & ~(PAGE_SIZE - 1);

        if (!Entry.u1.e1.Valid)
            continue;
        if (Va >= (ULONG_PTR)KiPageStart && Va < (ULONG_PTR)KiPageEnd)
            Parts->List[MmSystemCodePart]++;
        else if ((Va >= MM_PAGED_POOL_START && Va <= MM_PAGED_POOL_END) ||
                 (Va >= MM_SESSION_POOL_START && Va <= MM_SESSION_POOL_END))
            Parts->List[MmPagedPoolPart]++;
        else
            Parts->List[MmSystemCachePart]++;
    }
    for (Part = 0; Part < MM_SYSTEM_PARTS; Part++)
        Parts->Told[Part] = MiSystemPartSize(Part);
    Parts->Whole = MmSystemCacheWs.WorkingSetSize;
    KeReleaseGuardedMutex(&MmSystemWorkingSetLock);
}

KTEST(mm, parts_of_the_system_working_set_are_what_its_list_holds)
{
    // Law: the pages told of cache, paged pool and code are those in the list, before and after a trim; together they
    // are the set.
    SYSTEM_FILECACHE_INFORMATION Pool, Code, Whole;
    MT_PARTS Parts;
    ULONG Round, Part;

    for (Round = 0; Round < 2; Round++) {
        MtCountList(&Parts);
        for (Part = 0; Part < MM_SYSTEM_PARTS; Part++)
            expect_eq(Parts.Told[Part], Parts.List[Part]);
        expect_eq(Parts.Told[0] + Parts.Told[1] + Parts.Told[2], Parts.Whole);
        MiTrimPool();
    }
    Pool = MtCache(SystemPagedPoolInformationEx);
    Code = MtCache(SystemSystemPtesInformationEx);
    Whole = MtCache(SystemFileCacheInformationEx);
    expect(Pool.CurrentSize + Code.CurrentSize <= Whole.CurrentSize);
    expect(Pool.PeakSize >= Pool.CurrentSize && Code.PeakSize >= Code.CurrentSize);
    expect(Whole.PeakSize >= Whole.CurrentSize && Whole.PeakSize >= Pool.PeakSize);
    expect_eq(Code.CurrentSize & (PAGE_SIZE - 1), 0);
    expect(Code.PeakSize <= (ULONG_PTR)KiPageEnd - (ULONG_PTR)KiPageStart);
}

KTEST(mm, paged_pool_shows_in_every_class_that_tells_of_it)
{
    // Law: pages of paged pool that are allocated and touched are added to the pool's size, taken from what is
    // available of it, in memory, faults, and in the tag's row; freed, they are not.
    SYSTEM_PERFORMANCE_INFORMATION Before = MtPerformance(), After;
    SYSTEM_FILECACHE_INFORMATION PoolBefore = MtCache(SystemPagedPoolInformationEx), PoolAfter;
    PSYSTEM_POOLTAG_INFORMATION Tags = ExAllocatePoolWithTag(NonPagedPool, 0x8000, TAG_MM);
    PUCHAR Memory = ExAllocatePoolWithTag(PagedPool, MT_PAGES * PAGE_SIZE, TEST_TAG);
    ULONG Page, Used = 0;

    for (Page = 0; Page < MT_PAGES; Page++)
        *MT_PAGE(Memory, Page) = 1;
    PoolAfter = MtCache(SystemPagedPoolInformationEx);
    After = MtPerformance();
    expect_eq(After.PagedPoolPages - Before.PagedPoolPages, MT_PAGES);
    expect_eq(Before.AvailablePagedPoolPages - After.AvailablePagedPoolPages, MT_PAGES);
    expect(After.ResidentPagedPoolPage >= Before.ResidentPagedPoolPage + MT_PAGES);
    expect(PoolAfter.CurrentSize >= PoolBefore.CurrentSize + MT_PAGES * PAGE_SIZE);
    expect(PoolAfter.PageFaultCount >= PoolBefore.PageFaultCount + MT_PAGES - 1);
    expect_eq(After.PagedPoolAllocs - After.PagedPoolFrees, Before.PagedPoolAllocs - Before.PagedPoolFrees + 1);
    expect_status(ZwQuerySystemInformation(SystemPoolTagInformation, Tags, 0x8000, NULL), STATUS_SUCCESS);
    for (Page = 0; Page < Tags->Count; Page++) {
        if (Tags->TagInfo[Page].TagUlong == TEST_TAG)
            Used += Tags->TagInfo[Page].PagedUsed;
    }
    expect_eq(Used, MT_PAGES * PAGE_SIZE);
    ExFreePoolWithTag(Memory, TEST_TAG);
    After = MtPerformance();
    expect_eq(After.PagedPoolPages, Before.PagedPoolPages);
    expect_eq(After.AvailablePagedPoolPages, Before.AvailablePagedPoolPages);
    ExFreePoolWithTag(Tags, TAG_MM);
}

KTEST(mm, code_and_lookaside_figures_are_true)
{
    // Law: pageable code is as large as its section, what is told as resident of it has valid entries; an allocation
    // that a lookaside list answers is one more hit, one that it does not is none.
    SYSTEM_PERFORMANCE_INFORMATION Before, After;
    GENERAL_LOOKASIDE List;
    PVOID Block;
    ULONG Valid = 0;
    PUCHAR Va;

    KeAcquireGuardedMutex(&MmSystemWorkingSetLock);
    for (Va = KiPageStart; Va < KiPageEnd; Va += PAGE_SIZE)
        Valid += MiGetPteAddress(Va)->u.Hard.Valid;
    expect_eq(MiSystemPartSize(MmSystemCodePart), Valid);
    KeReleaseGuardedMutex(&MmSystemWorkingSetLock);
    After = MtPerformance();
    expect_eq(After.TotalSystemCodePages, ((ULONG_PTR)KiPageEnd - (ULONG_PTR)KiPageStart) >> PAGE_SHIFT);
    expect(After.ResidentSystemCodePage != 0 && After.ResidentSystemCodePage <= After.TotalSystemCodePages);
    ExInitializeLookasideList(&List, PagedPool, 48, TEST_TAG, 8);
    ExFreeToLookasideList(&List, ExAllocateFromLookasideList(&List));
    Before = MtPerformance();
    Block = ExAllocateFromLookasideList(&List);
    After = MtPerformance();
    expect_eq(After.PagedPoolLookasideHits, Before.PagedPoolLookasideHits + 1);
    ExFreePoolWithTag(ExAllocateFromLookasideList(&List), TEST_TAG);
    expect_eq(MtPerformance().PagedPoolLookasideHits, After.PagedPoolLookasideHits);
    ExFreeToLookasideList(&List, Block);
    ExDeleteLookasideList(&List);
}

KTEST(mm, system_cache_reads_and_soft_faults_are_counted)
{
    // Law: a page of pool that comes back from the standby list is a cache transition, one that comes from a page file
    // is a cache read; a page of a program's is neither.
    SYSTEM_PERFORMANCE_INFORMATION Before, After;
    PUCHAR Memory = ExAllocatePoolWithTag(PagedPool, MT_PAGES * PAGE_SIZE, TEST_TAG);
    PUCHAR Private = MtAllocate(MT_PAGES * PAGE_SIZE, MEM_RESERVE | MEM_COMMIT, PAGE_READWRITE);
    ULONG Page;

    memset(Memory, 1, MT_PAGES * PAGE_SIZE);
    memset(Private, 1, MT_PAGES * PAGE_SIZE);
    MiTrimPool();
    Before = MtPerformance();
    for (Page = 0; Page < MT_PAGES; Page++)
        expect_eq(*MT_PAGE(Memory, Page), 1);
    After = MtPerformance();
    expect(After.CacheTransitionCount - Before.CacheTransitionCount >= MT_PAGES);
    expect(After.TransitionCount - Before.TransitionCount >= After.CacheTransitionCount - Before.CacheTransitionCount);
    MiTrimPool();
    MtPageOut();
    Before = MtPerformance();
    for (Page = 0; Page < MT_PAGES; Page++)
        expect_eq(*MT_PAGE(Memory, Page), 1);
    After = MtPerformance();
    expect(After.CacheReadCount - Before.CacheReadCount >= MT_PAGES);
    expect(After.CacheIoCount != Before.CacheIoCount);
    expect(After.PageReadCount - Before.PageReadCount >= After.CacheReadCount - Before.CacheReadCount);
    Before = After;
    for (Page = 0; Page < MT_PAGES; Page++)
        expect_eq(*MT_PAGE(Private, Page), 1);
    After = MtPerformance();
    expect(After.PageReadCount - Before.PageReadCount >= MT_PAGES);
    expect(After.CacheReadCount - Before.CacheReadCount < MT_PAGES);
    expect_status(MtFree(Private), STATUS_SUCCESS);
    ExFreePoolWithTag(Memory, TEST_TAG);
}

KTEST(mm, hard_maximum_of_the_system_working_set_holds)
{
    // Law: with a hard maximum the system's set does not exceed it while more than that is used, and nothing is lost;
    // limits that make no sense are refused and change nothing. SDK: SetSystemFileCacheSize.
    SYSTEM_FILECACHE_INFORMATION Old = MtCache(SystemFileCacheInformationEx), New = Old;
    ULONG Pages = 768, Page, Wrong = 0, Largest = 0;
    PUCHAR Memory = ExAllocatePoolWithTag(PagedPool, Pages * PAGE_SIZE, TEST_TAG);

    New.MinimumWorkingSet = 64 * PAGE_SIZE;
    New.MaximumWorkingSet = 512 * PAGE_SIZE;
    New.Flags = FILE_CACHE_MAX_HARD_ENABLE;
    expect_status(ZwSetSystemInformation(SystemFileCacheInformationEx, &New, sizeof(New)), STATUS_SUCCESS);
    for (Page = 0; Page < Pages; Page++) {
        memset(MT_PAGE(Memory, Page), (int)(Page & 0xFF), PAGE_SIZE);
        Largest = max_of(Largest, MmSystemCacheWs.WorkingSetSize);
    }
    for (Page = 0; Page < Pages; Page++)
        Wrong += MT_PAGE(Memory, Page)[9] != (UCHAR)Page;
    expect_eq(Wrong, 0);
    expect(Largest <= 512);
    New = MtCache(SystemFileCacheInformationEx);
    expect_eq(New.MaximumWorkingSet, 512 * PAGE_SIZE);
    expect_eq(New.Flags, FILE_CACHE_MAX_HARD_ENABLE | FILE_CACHE_MIN_HARD_DISABLE);
    New.MinimumWorkingSet = New.MaximumWorkingSet + PAGE_SIZE;
    expect_status(ZwSetSystemInformation(SystemFileCacheInformationEx, &New, sizeof(New)),
                  STATUS_BAD_WORKING_SET_LIMIT);
    New.Flags = 0x10;
    expect_status(ZwSetSystemInformation(SystemFileCacheInformationEx, &New, sizeof(New)), STATUS_INVALID_PARAMETER);
    expect_status(ZwSetSystemInformation(SystemFileCacheInformation, &New, 20), STATUS_INFO_LENGTH_MISMATCH);
    expect_eq(MtCache(SystemFileCacheInformationEx).MaximumWorkingSet, 512 * PAGE_SIZE);
    Old.Flags = FILE_CACHE_MAX_HARD_DISABLE | FILE_CACHE_MIN_HARD_DISABLE;
    expect_status(ZwSetSystemInformation(SystemFileCacheInformationEx, &Old, sizeof(Old)), STATUS_SUCCESS);
    ExFreePoolWithTag(Memory, TEST_TAG);
}

KTEST(mm, page_files_are_told_as_they_are)
{
    // Law: SystemPageFileInformation has a record for each page file with its size, use and peak; what is paged out is
    // added to the uses.
    UCHAR Buffer[512];
    PSYSTEM_PAGEFILE_INFORMATION Record = (PVOID)Buffer;
    PUCHAR Memory = MtAllocate(MT_PAGES * PAGE_SIZE, MEM_RESERVE | MEM_COMMIT, PAGE_READWRITE);
    ULONG Number;

    memset(Memory, 1, MT_PAGES * PAGE_SIZE);
    MtPageOut();
    expect_status(ZwQuerySystemInformation(SystemPageFileInformation, Buffer, sizeof(Buffer), NULL), STATUS_SUCCESS);
    for (Number = 0; Number < MmNumberOfPagingFiles; Number++) {
        expect_eq(Record->TotalSize, MmPagingFile[Number]->Size);
        expect_eq(Record->TotalInUse,
                  RtlNumberOfSetBits(&MmPagingFile[Number]->Bitmap) - 1 - MmPagingFile[Number]->BadSlots);
        expect(Record->PeakUsage >= Record->TotalInUse && Record->PeakUsage < Record->TotalSize);
        expect(RtlEqualUnicodeString(&Record->PageFileName, &MmPagingFile[Number]->Name, TRUE));
        expect((Record->NextEntryOffset == 0) == (Number == MmNumberOfPagingFiles - 1));
        Record = (PVOID)((PUCHAR)Record + Record->NextEntryOffset);
    }
    expect_status(MtFree(Memory), STATUS_SUCCESS);
}
