// SPDX-License-Identifier: MIT
// Laws of the address-space services beyond reserve and commit: write watch, reset, regions, large pages, physical
// pages in windows, sections that grow.

#include "mmtest.h"

static ULONG_PTR MtWritten(PUCHAR Base, SIZE_T Size, ULONG Flags, PVOID *Addresses, ULONG_PTR Capacity)
{
    ULONG Granularity = 0;

    if (!NT_SUCCESS(ZwGetWriteWatch(NtCurrentProcess(), Flags, Base, Size, Addresses, &Capacity, &Granularity)))
        return MAXULONG;
    expect_eq(Granularity, PAGE_SIZE);
    return Capacity;
}

KTEST(mm, write_watch_tells_what_was_written)
{
    // Law: exactly the pages written since the allocation or the last reset are told, in rising order; reading is no
    // writing; neither a protection nor an access from the kernel hides a write. SDK: GetWriteWatch.
    SIZE_T Size = 300 * PAGE_SIZE;
    PUCHAR Base = MtAllocate(Size, MEM_RESERVE | MEM_COMMIT | MEM_WRITE_WATCH, PAGE_READWRITE);
    PVOID Found[8];
    ULONG Old;

    expect(Base != NULL);
    expect_eq(MtWritten(Base, Size, 0, Found, 8), 0);
    expect_status(MtRead(MT_PAGE(Base, 1)), STATUS_SUCCESS);
    *MT_PAGE(Base, 7) = 1;
    *MT_PAGE(Base, 299) = 1;
    *MT_PAGE(Base, 3) = 1;
    expect_eq(MtWritten(Base, Size, 0, Found, 8), 3);
    expect(Found[0] == MT_PAGE(Base, 3) && Found[1] == MT_PAGE(Base, 7) && Found[2] == MT_PAGE(Base, 299));
    expect_eq(MtWritten(Base, Size, WRITE_WATCH_FLAG_RESET, Found, 2), 2); // the third stays
    expect_eq(MtWritten(Base, Size, 0, Found, 8), 1);
    expect_eq(Found[0], MT_PAGE(Base, 299));
    expect_status(MtProtect(MT_PAGE(Base, 299), PAGE_SIZE, PAGE_NOACCESS, &Old), STATUS_SUCCESS);
    expect_eq(MtWritten(Base, Size, 0, Found, 8), 1);
    expect_status(MtProtect(MT_PAGE(Base, 299), PAGE_SIZE, PAGE_READWRITE, &Old), STATUS_SUCCESS);
    *MT_PAGE(Base, 3) = 2;
    expect_eq(MtWritten(Base, Size, 0, Found, 8), 2);
    expect_status(ZwResetWriteWatch(NtCurrentProcess(), Base, Size), STATUS_SUCCESS);
    expect_eq(MtWritten(Base, Size, 0, Found, 8), 0);
    expect_eq(*MT_PAGE(Base, 3), 2);
    expect_status(MtFree(Base), STATUS_SUCCESS);
}

KTEST(mm, write_watch_is_asked_of_watched_memory_only)
{
    // Law: a range that is not watched, or not inside one reservation, is STATUS_INVALID_PARAMETER_1.
    PUCHAR Plain = MtAllocate(PAGE_SIZE, MEM_RESERVE | MEM_COMMIT, PAGE_READWRITE);
    PUCHAR Base = MtAllocate(PAGE_SIZE, MEM_RESERVE | MEM_WRITE_WATCH, PAGE_READWRITE);
    ULONG_PTR Count = 1;
    ULONG Granularity;
    PVOID Found[1];

    expect_status(ZwResetWriteWatch(NtCurrentProcess(), Plain, PAGE_SIZE), STATUS_INVALID_PARAMETER_1);
    expect_status(ZwResetWriteWatch(NtCurrentProcess(), Base, 2 * PAGE_SIZE), STATUS_INVALID_PARAMETER_1);
    expect_status(ZwResetWriteWatch(NtCurrentProcess(), Base, 0), STATUS_INVALID_PARAMETER_3);
    expect_status(ZwGetWriteWatch(NtCurrentProcess(), 2, Base, PAGE_SIZE, Found, &Count, &Granularity),
                  STATUS_INVALID_PARAMETER_2);
    expect_status(ZwGetWriteWatch(NtCurrentProcess(), 0, Base, 0, Found, &Count, &Granularity),
                  STATUS_INVALID_PARAMETER_4);
    expect_status(ZwGetWriteWatch(NtCurrentProcess(), 0, Base, PAGE_SIZE, Found, &Count, &Granularity), STATUS_SUCCESS);
    expect_status(MtFree(Plain), STATUS_SUCCESS);
    expect_status(MtFree(Base), STATUS_SUCCESS);
}

KTEST(mm, reset_memory_is_dropped)
{
    // Law: after MEM_RESET a range is committed as before, with its protections, and its frames are free again; what
    // lies around it is untouched.
    MM_STATISTICS Before, After;
    MEMORY_BASIC_INFORMATION Information;
    PUCHAR Base = MtAllocate(600 * PAGE_SIZE, MEM_RESERVE | MEM_COMMIT, PAGE_READWRITE);
    PVOID Start = Base + PAGE_SIZE / 2;
    SIZE_T Size = 599 * PAGE_SIZE;
    ULONG Old;

    memset(Base, 0x5A, 600 * PAGE_SIZE);
    expect_status(MtProtect(MT_PAGE(Base, 5), PAGE_SIZE, PAGE_READONLY, &Old), STATUS_SUCCESS);
    MtQueryAtRest(&Before);
    expect_status(ZwAllocateVirtualMemory(NtCurrentProcess(), &Start, 0, &Size, MEM_RESET, PAGE_NOACCESS),
                  STATUS_SUCCESS);
    expect_eq(Start, MT_PAGE(Base, 1));
    expect_eq(Size, 598 * PAGE_SIZE); // only whole pages
    MtQueryAtRest(&After);
    expect_eq(After.AvailablePages, Before.AvailablePages + 598);
    expect_eq(After.CommittedPages, Before.CommittedPages);
    expect_eq(Base[PAGE_SIZE - 1], 0x5A);
    expect_eq(*MT_PAGE(Base, 599), 0x5A);
    expect_eq(*MT_PAGE(Base, 300), 0);
    expect_status(MtWrite(MT_PAGE(Base, 5), 1), STATUS_ACCESS_VIOLATION);
    expect_status(MtQuery(MT_PAGE(Base, 5), &Information), STATUS_SUCCESS);
    expect_eq(Information.Protect, PAGE_READONLY);
    expect_status(MtFree(Base), STATUS_SUCCESS);
}

KTEST(mm, region_is_the_whole_allocation)
{
    // Law: MemoryRegionInformation tells the allocation around an address, whatever its pages are.
    PUCHAR Base = MtAllocate(16 * PAGE_SIZE, MEM_RESERVE, PAGE_READONLY);
    HANDLE Section = MtSection(0x20000, PAGE_READWRITE, SEC_COMMIT);
    PUCHAR View = MtMap(Section, PAGE_READONLY);
    MEMORY_REGION_INFORMATION Region;

    expect_status(ZwQueryVirtualMemory(NtCurrentProcess(), MT_PAGE(Base, 3), MemoryRegionInformation, &Region,
                                       sizeof(Region), NULL),
                  STATUS_SUCCESS);
    expect(Region.AllocationBase == Base && Region.RegionSize == 16 * PAGE_SIZE && Region.Private);
    expect_eq(Region.AllocationProtect, PAGE_READONLY);
    expect_status(
        ZwQueryVirtualMemory(NtCurrentProcess(), View + 5, MemoryRegionInformation, &Region, sizeof(Region), NULL),
        STATUS_SUCCESS);
    expect(Region.AllocationBase == View && Region.RegionSize == 0x20000 && Region.MappedPageFile && !Region.Private);
    expect_status(MtUnmap(View), STATUS_SUCCESS);
    expect_status(
        ZwQueryVirtualMemory(NtCurrentProcess(), View, MemoryRegionInformation, &Region, sizeof(Region), NULL),
        STATUS_INVALID_ADDRESS);
    ZwClose(Section);
    expect_status(MtFree(Base), STATUS_SUCCESS);
}

KTEST(mm, kinds_of_memory_that_do_not_go_together_are_refused)
{
    // Law: SDK, VirtualAlloc: MEM_PHYSICAL with MEM_RESERVE and PAGE_READWRITE only, MEM_LARGE_PAGES reserved and
    // committed at once and in whole large pages, MEM_WRITE_WATCH reserves; MEM_ROTATE is not there.
    static const struct {
        ULONG Type, Protect;
        SIZE_T Size;
        NTSTATUS Status;
    } Cases[] = {{MEM_PHYSICAL | MEM_RESERVE | MEM_COMMIT, PAGE_READWRITE, 0x10000, STATUS_INVALID_PARAMETER_5},
                 {MEM_PHYSICAL | MEM_RESERVE, PAGE_READONLY, 0x10000, STATUS_INVALID_PARAMETER_6},
                 {MEM_LARGE_PAGES | MEM_RESERVE, PAGE_READWRITE, 0x200000, STATUS_INVALID_PARAMETER_5},
                 {MEM_LARGE_PAGES | MEM_RESERVE | MEM_COMMIT, PAGE_READWRITE, 0x10000, STATUS_INVALID_PARAMETER_4},
                 {MEM_LARGE_PAGES | MEM_RESERVE | MEM_COMMIT, PAGE_NOACCESS, 0x200000, STATUS_INVALID_PARAMETER_6},
                 {MEM_WRITE_WATCH | MEM_COMMIT, PAGE_READWRITE, 0x10000, STATUS_INVALID_PARAMETER_5},
                 {MEM_ROTATE | MEM_RESERVE, PAGE_READWRITE, 0x10000, STATUS_INVALID_PARAMETER_5},
                 {MEM_RESET | MEM_COMMIT, PAGE_READWRITE, 0x10000, STATUS_INVALID_PARAMETER_5}};
    ULONG Index;

    for (Index = 0; Index < RTL_NUMBER_OF(Cases); Index++) {
        SIZE_T Size = Cases[Index].Size;
        PVOID Base = NULL;

        expect_status(
            ZwAllocateVirtualMemory(NtCurrentProcess(), &Base, 0, &Size, Cases[Index].Type, Cases[Index].Protect),
            Cases[Index].Status);
    }
}

KTEST(mm, large_pages_are_one_entry_of_zeros)
{
    // Law: MEM_LARGE_PAGES memory is present, zero, mapped by directory entries, cannot be protected or freed in part,
    // can be locked for I/O, and comes back as a whole.
    MM_STATISTICS Before, After;
    MEMORY_BASIC_INFORMATION Information;
    SIZE_T Size = 2 * MI_LARGE_PAGE_SIZE, Part = PAGE_SIZE;
    PUCHAR Base;
    PVOID Start;
    ULONG Index, Sum = 0, Old, Faults;
    MDL Mdl[2];

    MtQueryAtRest(&Before);
    Base = MtAllocate(Size, MEM_RESERVE | MEM_COMMIT | MEM_LARGE_PAGES, PAGE_READWRITE);
    if (Base == NULL)
        return; // a machine of 16 MB has no 4 MB in one piece
    expect_eq((ULONG_PTR)Base % MI_LARGE_PAGE_SIZE, 0);
    expect(MiGetPdeAddress(Base)->u.Hard.LargePage && MiGetPdeAddress(Base + Size - 1)->u.Hard.LargePage);
    Faults = PsGetCurrentProcess()->Vm.PageFaultCount;
    for (Index = 0; Index < Size / sizeof(ULONG); Index += 16)
        Sum |= ((PULONG)Base)[Index];
    expect_eq(Sum, 0);
    memset(Base, 0x77, Size);
    expect_eq(PsGetCurrentProcess()->Vm.PageFaultCount, Faults);
    expect_status(MtQuery(Base + 5 * PAGE_SIZE, &Information), STATUS_SUCCESS);
    expect(Information.State == MEM_COMMIT && Information.Protect == PAGE_READWRITE &&
           Information.AllocationBase == Base && Information.RegionSize == Size - 5 * PAGE_SIZE);
    expect_status(MtProtect(Base, PAGE_SIZE, PAGE_READONLY, &Old), STATUS_INVALID_PAGE_PROTECTION);
    Start = Base;
    expect_status(ZwFreeVirtualMemory(NtCurrentProcess(), &Start, &Part, MEM_RELEASE), STATUS_UNABLE_TO_FREE_VM);
    expect_status(ZwFreeVirtualMemory(NtCurrentProcess(), &Start, &Part, MEM_DECOMMIT), STATUS_UNABLE_TO_FREE_VM);
    MmInitializeMdl(Mdl, Base + 9 * PAGE_SIZE, PAGE_SIZE);
    MmProbeAndLockPages(Mdl, KernelMode, IoWriteAccess);
    expect_eq(MmGetMdlPfnArray(Mdl)[0], MI_PTE_FRAME(MiGetPdeAddress(Base)) + 9);
    expect_status(MtFree(Base), STATUS_SUCCESS); // the locked page goes with its last reference
    MmUnlockPages(Mdl);
    expect_status(MtRead(Base), STATUS_ACCESS_VIOLATION);
    MtQueryAtRest(&After);
    expect_eq(After.CommittedPages, Before.CommittedPages);
    expect_eq(After.AvailablePages, Before.AvailablePages);
}

KTEST(mm, cache_kinds_are_kept_in_the_entry)
{
    // Law: PAGE_NOCACHE and PAGE_WRITECOMBINE come back from a query, touched or not, and the processor's entry says
    // so: with a PAT, write combining is not the same as not cached. SDM 3A 11.12.
    static const ULONG Kinds[] = {PAGE_READWRITE, PAGE_READWRITE | PAGE_NOCACHE, PAGE_READWRITE | PAGE_WRITECOMBINE};
    ULONGLONG Bits[3];
    ULONG Index;

    for (Index = 0; Index < 3; Index++) {
        PUCHAR Base = MtAllocate(2 * PAGE_SIZE, MEM_RESERVE | MEM_COMMIT, Kinds[Index]);
        MEMORY_BASIC_INFORMATION Information;

        *Base = 1;
        expect_status(MtQuery(Base, &Information), STATUS_SUCCESS);
        expect_eq(Information.Protect, Kinds[Index]);
        expect_eq(Information.RegionSize, 2 * PAGE_SIZE);
        Bits[Index] = MiGetPteAddress(Base)->u.Long & (MI_CACHE_DISABLE | MI_WRITE_THROUGH);
        expect_status(MtFree(Base), STATUS_SUCCESS);
    }
    expect_eq(Bits[0], 0);
    expect_eq(Bits[1], MI_CACHE_DISABLE);
    expect_eq(Bits[2], MmWriteCombine);
    expect(!(KeFeatureBits & KF_PAT) || Bits[2] == MI_WRITE_THROUGH);
}

KTEST(mm, large_section_is_the_same_in_all_its_views)
{
    // Law: a SEC_LARGE_PAGES section is mapped by directory entries, in whole large pages; its views show the same
    // memory, and it comes back with the last of them.
    MM_STATISTICS Before, After;
    HANDLE Section;
    PUCHAR First, Second;
    ULONG Faults, Old;
    SIZE_T Size = PAGE_SIZE;
    PVOID Base = NULL;

    MtQueryAtRest(&Before);
    expect(MtSection(PAGE_SIZE, PAGE_READWRITE, SEC_COMMIT | SEC_LARGE_PAGES) == NULL);
    expect(MtSection(MI_LARGE_PAGE_SIZE, PAGE_READWRITE, SEC_RESERVE | SEC_LARGE_PAGES) == NULL);
    Section = MtSection(2 * MI_LARGE_PAGE_SIZE, PAGE_READWRITE, SEC_COMMIT | SEC_LARGE_PAGES);
    if (Section == NULL)
        return; // a machine of 16 MB has no 4 MB in one piece
    expect_status(
        ZwMapViewOfSection(Section, NtCurrentProcess(), &Base, 0, 0, NULL, &Size, ViewUnmap, 0, PAGE_READWRITE),
        STATUS_MAPPED_ALIGNMENT);
    First = MtMap(Section, PAGE_READWRITE);
    Second = MtMap(Section, PAGE_READONLY);
    expect(First != NULL && Second != NULL && (ULONG_PTR)First % MI_LARGE_PAGE_SIZE == 0);
    expect(MiGetPdeAddress(First)->u.Hard.LargePage && !MiGetPdeAddress(Second)->u.Hard.Write);
    Faults = PsGetCurrentProcess()->Vm.PageFaultCount;
    expect_eq(Second[3 * MI_LARGE_PAGE_SIZE / 2], 0);
    First[3 * MI_LARGE_PAGE_SIZE / 2] = 99;
    expect_eq(Second[3 * MI_LARGE_PAGE_SIZE / 2], 99);
    expect_eq(PsGetCurrentProcess()->Vm.PageFaultCount, Faults);
    expect_status(MtWrite(Second, 1), STATUS_ACCESS_VIOLATION);
    expect_status(MtProtect(Second, PAGE_SIZE, PAGE_READWRITE, &Old), STATUS_INVALID_PAGE_PROTECTION);
    expect_status(MtUnmap(First), STATUS_SUCCESS);
    expect_status(MtRead(First), STATUS_ACCESS_VIOLATION);
    ZwClose(Section);
    expect_eq(Second[3 * MI_LARGE_PAGE_SIZE / 2], 99); // the view keeps it
    expect_status(MtUnmap(Second), STATUS_SUCCESS);
    MtQueryAtRest(&After);
    expect_eq(After.CommittedPages, Before.CommittedPages);
    expect_eq(After.AvailablePages, Before.AvailablePages);
}

#define MT_AWE_PAGES 200u

KTEST(mm, physical_pages_show_in_the_windows_they_are_mapped_in)
{
    // Law: an AWE page keeps its contents wherever it is mapped, is at one place at a time, and a request that is wrong
    // in any part changes nothing. SDK: MapUserPhysicalPages.
    static ULONG_PTR Pages[MT_AWE_PAGES], Wrong[2];
    PUCHAR Window = MtAllocate(2 * MT_AWE_PAGES * PAGE_SIZE, MEM_RESERVE | MEM_PHYSICAL, PAGE_READWRITE), Other;
    ULONG_PTR Count = MT_AWE_PAGES, Index;
    MM_STATISTICS Before, After;
    PVOID Two[2];

    MtQueryAtRest(&Before);
    expect_status(ZwAllocateUserPhysicalPages(NtCurrentProcess(), &Count, Pages), STATUS_SUCCESS);
    expect_eq(Count, MT_AWE_PAGES);
    expect_status(MtRead(Window), STATUS_ACCESS_VIOLATION);
    expect_status(ZwMapUserPhysicalPages(Window, Count, Pages), STATUS_SUCCESS);
    for (Index = 0; Index < Count; Index++) {
        expect_eq(*(PULONG)MT_PAGE(Window, Index), 0);
        *(PULONG)MT_PAGE(Window, Index) = Index;
    }
    Other = MT_PAGE(Window, MT_AWE_PAGES);
    expect_status(ZwMapUserPhysicalPages(Other, 1, Pages), STATUS_CONFLICTING_ADDRESSES); // is mapped already
    expect_status(MtRead(Other), STATUS_ACCESS_VIOLATION);
    expect_status(ZwMapUserPhysicalPages(Window, Count, NULL), STATUS_SUCCESS);
    expect_status(MtRead(Window), STATUS_ACCESS_VIOLATION);
    expect_status(ZwMapUserPhysicalPages(Other, Count, Pages), STATUS_SUCCESS);
    for (Index = 0; Index < Count; Index++)
        expect_eq(*(PULONG)MT_PAGE(Other, Index), Index);
    Wrong[0] = Pages[3];
    Wrong[1] = Pages[3];
    Two[0] = MT_PAGE(Other, 3);
    Two[1] = Window;
    expect_status(ZwMapUserPhysicalPagesScatter(Two, 2, Wrong), STATUS_CONFLICTING_ADDRESSES); // twice
    Wrong[1] = 0x7FFFFFFF;
    expect_status(ZwMapUserPhysicalPagesScatter(Two, 2, Wrong), STATUS_CONFLICTING_ADDRESSES); // nobody's
    Wrong[0] = Pages[4]; // two windows exchange their pages
    Wrong[1] = Pages[3];
    Two[1] = MT_PAGE(Other, 4);
    expect_status(ZwMapUserPhysicalPagesScatter(Two, 2, Wrong), STATUS_SUCCESS);
    expect_eq(*(PULONG)MT_PAGE(Other, 3), 4);
    expect_eq(*(PULONG)MT_PAGE(Other, 4), 3);
    Count = 1;
    expect_status(ZwFreeUserPhysicalPages(NtCurrentProcess(), &Count, &Pages[9]), STATUS_SUCCESS);
    expect_status(MtRead(MT_PAGE(Other, 9)), STATUS_ACCESS_VIOLATION);
    Count = 1;
    expect_status(ZwFreeUserPhysicalPages(NtCurrentProcess(), &Count, &Pages[9]), STATUS_CONFLICTING_ADDRESSES);
    expect_eq(Count, 0);
    expect_status(MtFree(Window), STATUS_SUCCESS);
    Pages[9] = Pages[MT_AWE_PAGES - 1];
    Count = MT_AWE_PAGES - 1;
    expect_status(ZwFreeUserPhysicalPages(NtCurrentProcess(), &Count, Pages), STATUS_SUCCESS);
    MtQueryAtRest(&After);
    expect_eq(After.CommittedPages, Before.CommittedPages);
    expect_eq(After.AvailablePages, Before.AvailablePages);
}

KTEST(mm, sections_of_memory_do_not_grow)
{
    // Law: NtExtendSection grows files' sections; one that memory backs is STATUS_SECTION_NOT_EXTENDED.
    HANDLE Section = MtSection(0x10000, PAGE_READWRITE, SEC_COMMIT);
    LARGE_INTEGER Size = {.QuadPart = 0x20000};

    expect_status(ZwExtendSection(Section, &Size), STATUS_SECTION_NOT_EXTENDED);
    ZwClose(Section);
}

KTEST(mm, section_kinds_that_are_not_there_are_refused)
{
    // Law: a section that is neither committed, reserved nor an image has a clear status.
    LARGE_INTEGER Size = {.QuadPart = 0x10000};
    HANDLE Section;

    expect_status(ZwCreateSection(&Section, SECTION_ALL_ACCESS, NULL, &Size, PAGE_READWRITE, 0, NULL),
                  STATUS_INVALID_PARAMETER_6);
}

KTEST(mm, section_larger_than_the_address_space_shows_piece_by_piece)
{
    // Law: a section of 5 GB is mapped in views at multiples of 64 KB; what is written at an offset is there in the
    // next view of it, and only there.
    HANDLE Section = MtSection(5ull << 30, PAGE_READWRITE, SEC_RESERVE);
    static const ULONGLONG Offsets[] = {0, 0x10000, 0x7FFF0000, 0x100000000ull, 0x13FFF0000ull};
    ULONG Index, Round;

    expect(Section != NULL);
    for (Round = 0; Round < 2; Round++) {
        for (Index = 0; Index < RTL_NUMBER_OF(Offsets); Index++) {
            LARGE_INTEGER Offset = {.QuadPart = (LONGLONG)Offsets[Index]};
            SIZE_T ViewSize = 0x10000;
            PVOID View = NULL;

            expect_status(ZwMapViewOfSection(Section, NtCurrentProcess(), &View, 0, 0x1000, &Offset, &ViewSize,
                                             ViewUnmap, 0, PAGE_READWRITE),
                          STATUS_SUCCESS);
            if (Round == 0)
                *(PULONG)View = Index + 1;
            expect_eq(*(PULONG)View, Index + 1);
            expect_status(MtRead((PUCHAR)View + 0x1000), STATUS_ACCESS_VIOLATION);
            expect_status(MtUnmap(View), STATUS_SUCCESS);
        }
    }
    ZwClose(Section);
}
