// SPDX-License-Identifier: MIT
// Laws at the edges of the services: what small breaks of Mm would get past the other tests.

#include "mmtest.h"

#include "mm/mipage.h"

#define MT_FEW 8u
#define MT_FLUID 8u // pages of a working set's minimum that no lock may take (MI_FLUID_LOCKED)
#define MT_AWE_SMALL 1024u
#define MT_AWE_HUGE 65536u
#define MT_LARGE_BYTES 0x200000u
#define MT_POOL_PAGES 20u

static NTSTATUS MtLockPages(PUCHAR Va, ULONG Pages)
{
    PVOID Base = Va;
    SIZE_T Size = Pages * PAGE_SIZE;

    return ZwLockVirtualMemory(NtCurrentProcess(), &Base, &Size, MAP_PROCESS);
}

KTEST(mm, locks_leave_the_minimum_some_pages)
{
    // Law: SDK, VirtualLock: as many pages as the minimum working set has less a few, and not one more.
    ULONG Most = PsGetCurrentProcess()->Vm.MinimumWorkingSetSize - MT_FLUID;
    PUCHAR Base = MtAllocate((Most + 1) * PAGE_SIZE, MEM_RESERVE | MEM_COMMIT, PAGE_READWRITE);

    expect(Base != NULL);
    expect_status(MtLockPages(Base, Most + 1), STATUS_WORKING_SET_QUOTA);
    expect_status(MtLockPages(Base, Most), STATUS_SUCCESS);
    expect_status(MtLockPages(MT_PAGE(Base, Most), 1), STATUS_WORKING_SET_QUOTA);
    expect_status(MtFree(Base), STATUS_SUCCESS); // takes the locks along
}

KTEST(mm, resetting_a_watch_loses_no_change)
{
    // Law: a page that was written again since it went to the page file keeps that when its watch is reset: the reset
    // takes the dirty bit, not the change.
    PUCHAR Base = MtAllocate(MT_FEW * PAGE_SIZE, MEM_RESERVE | MEM_COMMIT | MEM_WRITE_WATCH, PAGE_READWRITE);
    ULONG Index;

    for (Index = 0; Index < MT_FEW; Index++)
        *MT_PAGE(Base, Index) = 1;
    MtPageOut();
    for (Index = 0; Index < MT_FEW; Index++)
        expect_eq(*MT_PAGE(Base, Index), 1); // in memory and in the page file
    for (Index = 0; Index < MT_FEW; Index++)
        *MT_PAGE(Base, Index) = 2;
    expect_status(ZwResetWriteWatch(NtCurrentProcess(), Base, MT_FEW * PAGE_SIZE), STATUS_SUCCESS);
    MtPageOut();
    for (Index = 0; Index < MT_FEW; Index++)
        expect_eq(*MT_PAGE(Base, Index), 2);
    expect_status(MtFree(Base), STATUS_SUCCESS);
}

KTEST(mm, reset_leaves_pages_that_io_has_locked)
{
    // Law: MEM_RESET drops nothing from a page that a transfer uses: the device and the program see the same page.
    PUCHAR Base = MtAllocate(PAGE_SIZE, MEM_RESERVE | MEM_COMMIT, PAGE_READWRITE);
    PVOID Start = Base;
    SIZE_T Size = PAGE_SIZE;
    PMDL Mdl = IoAllocateMdl(Base, PAGE_SIZE, FALSE, FALSE, NULL);
    PUCHAR Device;

    *Base = 0x11;
    MmProbeAndLockPages(Mdl, KernelMode, IoWriteAccess);
    Device = MmGetSystemAddressForMdl(Mdl);
    expect(Device != NULL);
    expect_status(ZwAllocateVirtualMemory(NtCurrentProcess(), &Start, 0, &Size, MEM_RESET, PAGE_NOACCESS),
                  STATUS_SUCCESS);
    expect_eq(*Base, 0x11);
    *Device = 0x22;
    expect_eq(*Base, 0x22);
    MmUnlockPages(Mdl);
    IoFreeMdl(Mdl);
    expect_status(MtFree(Base), STATUS_SUCCESS);
}

// All physical pages that can be had; at most Capacity.
static ULONG_PTR MtTakeAll(PULONG_PTR Pages, ULONG_PTR Capacity)
{
    ULONG_PTR Taken = 0, Count = Capacity;

    while (Taken < Capacity && NT_SUCCESS(ZwAllocateUserPhysicalPages(NtCurrentProcess(), &Count, &Pages[Taken]))) {
        Taken += Count;
        Count = Capacity - Taken;
    }
    return Taken;
}

KTEST(mm, physical_pages_are_zero_when_no_zeroed_ones_are_left)
{
    // Law: AllocateUserPhysicalPages gives zeros also when it has to make them: what one had before is nobody's news.
    PULONG_PTR Pages = ExAllocatePoolWithTag(NonPagedPool, MT_AWE_HUGE * sizeof(ULONG_PTR), TAG_MM);
    PUCHAR Window = MtAllocate(MT_AWE_SMALL * PAGE_SIZE, MEM_RESERVE | MEM_PHYSICAL, PAGE_READWRITE);
    ULONG_PTR Taken = MtTakeAll(Pages, MT_AWE_HUGE), Count = MT_AWE_SMALL, Index, Wrong = 0;

    expect(Window != NULL && Taken > MT_AWE_SMALL);
    expect_status(ZwMapUserPhysicalPages(Window, MT_AWE_SMALL, Pages), STATUS_SUCCESS);
    for (Index = 0; Index < MT_AWE_SMALL; Index++)
        *MT_PAGE(Window, Index) = 0x5A;
    expect_status(ZwFreeUserPhysicalPages(NtCurrentProcess(), &Count, Pages), STATUS_SUCCESS);
    Count = MT_AWE_SMALL;
    expect_status(ZwAllocateUserPhysicalPages(NtCurrentProcess(), &Count, Pages), STATUS_SUCCESS);
    expect_status(ZwMapUserPhysicalPages(Window, Count, Pages), STATUS_SUCCESS);
    for (Index = 0; Index < Count; Index++)
        Wrong += *MT_PAGE(Window, Index) != 0;
    expect_eq(Wrong, 0);
    expect_status(MtFree(Window), STATUS_SUCCESS);
    expect_status(ZwFreeUserPhysicalPages(NtCurrentProcess(), &Count, Pages), STATUS_SUCCESS);
    for (Index = MT_AWE_SMALL; Index < Taken; Index += Count) {
        Count = Taken - Index;
        expect_status(ZwFreeUserPhysicalPages(NtCurrentProcess(), &Count, &Pages[Index]), STATUS_SUCCESS);
    }
    ExFreePoolWithTag(Pages, TAG_MM);
}

KTEST(mm, read_only_section_does_not_grow_its_file)
{
    // Law: WDK, ZwExtendSection: a section that may not write its file cannot make it longer; one that may can.
    static WCHAR Path[] = L"\\SystemRoot\\TEMP\\MMEDGE.DAT";
    FILE_END_OF_FILE_INFORMATION End = {.EndOfFile.QuadPart = 100};
    FILE_DISPOSITION_INFORMATION Disposition = {TRUE};
    LARGE_INTEGER Size = {.QuadPart = 5 * PAGE_SIZE};
    UNICODE_STRING Name = RTL_CONSTANT_STRING(Path);
    HANDLE File = NULL, Reader = NULL, Copier = NULL, Writer = NULL;
    OBJECT_ATTRIBUTES Attributes;
    IO_STATUS_BLOCK IoStatus;

    InitializeObjectAttributes(&Attributes, &Name, OBJ_CASE_INSENSITIVE | OBJ_KERNEL_HANDLE, NULL, NULL);
    expect_status(ZwCreateFile(&File, FILE_GENERIC_READ | FILE_GENERIC_WRITE | DELETE, &Attributes, &IoStatus, NULL,
                               FILE_ATTRIBUTE_NORMAL, 0, FILE_OVERWRITE_IF, FILE_SYNCHRONOUS_IO_NONALERT, NULL, 0),
                  STATUS_SUCCESS);
    expect_status(ZwSetInformationFile(File, &IoStatus, &End, sizeof(End), FileEndOfFileInformation), STATUS_SUCCESS);
    InitializeObjectAttributes(&Attributes, NULL, OBJ_KERNEL_HANDLE, NULL, NULL);
    expect_status(ZwCreateSection(&Reader, SECTION_ALL_ACCESS, &Attributes, NULL, PAGE_READONLY, SEC_COMMIT, File),
                  STATUS_SUCCESS);
    expect_status(ZwCreateSection(&Copier, SECTION_ALL_ACCESS, &Attributes, NULL, PAGE_WRITECOPY, SEC_COMMIT, File),
                  STATUS_SUCCESS);
    expect_status(ZwCreateSection(&Writer, SECTION_ALL_ACCESS, &Attributes, NULL, PAGE_READWRITE, SEC_COMMIT, File),
                  STATUS_SUCCESS);
    expect_status(ZwExtendSection(Reader, &Size), STATUS_SECTION_NOT_EXTENDED);
    expect_status(ZwExtendSection(Copier, &Size), STATUS_SECTION_NOT_EXTENDED);
    expect_status(ZwExtendSection(Writer, &Size), STATUS_SUCCESS);
    expect_status(ZwExtendSection(Reader, &Size), STATUS_SUCCESS); // the file is as long now
    ZwClose(Reader);
    ZwClose(Copier);
    ZwClose(Writer);
    expect_status(ZwSetInformationFile(File, &IoStatus, &Disposition, sizeof(Disposition), FileDispositionInformation),
                  STATUS_SUCCESS);
    ZwClose(File);
}

KTEST(mm, large_pages_are_zero_again)
{
    // Law: a large page whose frames somebody has just used comes zeroed.
    ULONG Round, Index, Wrong = 0;

    for (Round = 0; Round < 2; Round++) {
        PUCHAR Base = MtAllocate(MT_LARGE_BYTES, MEM_RESERVE | MEM_COMMIT | MEM_LARGE_PAGES, PAGE_READWRITE);

        expect(Base != NULL);
        for (Index = 0; Index < MT_LARGE_BYTES; Index += PAGE_SIZE)
            Wrong += Base[Index] != 0 || Base[Index + PAGE_SIZE - 1] != 0;
        memset(Base, 0x5A, MT_LARGE_BYTES);
        expect_status(MtFree(Base), STATUS_SUCCESS);
    }
    expect_eq(Wrong, 0);
}

KTEST(mm, peak_of_commitment_stays)
{
    // Law: SDK, PROCESS_MEMORY_COUNTERS: the peak is the most that was ever charged, also when it is given back.
    PEPROCESS Process = PsGetCurrentProcess();
    SIZE_T Pages = Process->CommitChargePeak - Process->CommitCharge + 10, Peak = Process->CommitChargePeak + 10;
    PUCHAR Base = MtAllocate(Pages * PAGE_SIZE, MEM_RESERVE | MEM_COMMIT, PAGE_READWRITE);

    expect(Base != NULL);
    expect_status(MtFree(Base), STATUS_SUCCESS);
    expect_eq(Process->CommitChargePeak, Peak);
}

static ULONG MtUsedSlots(VOID)
{
    ULONG Number, Used = 0;

    for (Number = 0; Number < MmNumberOfPagingFiles; Number++)
        Used += MmPagingFile[Number]->CurrentUsage;
    return Used;
}

KTEST(mm, freed_pool_gives_its_slots_back)
{
    // Law: a page of paged pool that has been read back keeps its slot while it does not change, and gives it back with
    // the allocation.
    PUCHAR Memory = ExAllocatePoolWithTag(PagedPool, MT_POOL_PAGES * PAGE_SIZE, TAG_MM);
    ULONG Index, Used, Sum = 0;

    memset(Memory, 0x5A, MT_POOL_PAGES * PAGE_SIZE);
    (VOID) MiTrimPool();
    MtPageOut();
    for (Index = 0; Index < MT_POOL_PAGES; Index++)
        Sum += *(volatile UCHAR *)MT_PAGE(Memory, Index);
    expect_eq(Sum, MT_POOL_PAGES * 0x5A);
    Used = MtUsedSlots();
    ExFreePoolWithTag(Memory, TAG_MM);
    expect(MmNumberOfPagingFiles == 0 || MtUsedSlots() + MT_POOL_PAGES <= Used);
}

static ULONG MtAgeOf(PUCHAR Va)
{
    PMMPFN Pfn = MI_PFN_ELEMENT(MI_PTE_FRAME(MiGetPteAddress(Va)));

    return MmWorkingSetList->Wsle[Pfn->u1.WsIndex].u1.e1.Age;
}

KTEST(mm, age_begins_anew_with_a_use)
{
    // Law: Windows Internals, "Working Set Management": a look that finds a page used makes it young again, however old
    // it was.
    PUCHAR Base = MtAllocate(PAGE_SIZE, MEM_RESERVE | MEM_COMMIT, PAGE_READWRITE);
    ULONG Look;

    *Base = 1;
    for (Look = 0; Look < 4; Look++)
        MiAgeAllWorkingSets(1);
    expect_eq(MtAgeOf(Base), MI_MAXIMUM_AGE);
    KeFlushSingleTb(Base, FALSE); // a remembered translation would not tell of the use
    *Base = 2;
    MiAgeAllWorkingSets(1);
    expect_eq(MtAgeOf(Base), 0);
    expect_status(MtFree(Base), STATUS_SUCCESS);
}
