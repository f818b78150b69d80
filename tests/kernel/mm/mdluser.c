// SPDX-License-Identifier: MIT
// Laws of MDLs that are mapped into a process.

#include "mmtest.h"

#define MT_PAGES 40u // more than one batch

static PUCHAR MtMapUser(PMDL Mdl, PVOID Base, ULONG Priority, NTSTATUS *Status)
{
    PUCHAR volatile Mapped = NULL;

    *Status = STATUS_SUCCESS;
    SEH_TRY
    {
        Mapped = MmMapLockedPagesSpecifyCache(Mdl, UserMode, MmCached, Base, FALSE, Priority);
    }
    SEH_EXCEPT
    {
        *Status = SEH_CODE();
    }
    SEH_END
    return Mapped;
}

// A described piece of nonpaged pool, from Offset on.
static PMDL MtPoolMdl(PUCHAR *Pool, ULONG Bytes, ULONG Offset)
{
    PMDL Mdl;

    *Pool = ExAllocatePoolWithTag(NonPagedPool, Bytes, TAG_MM);
    Mdl = ExAllocatePoolWithTag(NonPagedPool, MmSizeOfMdl(*Pool + Offset, Bytes - Offset), TAG_MM);
    MmInitializeMdl(Mdl, *Pool + Offset, Bytes - Offset);
    MmBuildMdlForNonPagedPool(Mdl);
    return Mdl;
}

static VOID MtFreePoolMdl(PMDL Mdl, PUCHAR Pool)
{
    ExFreePoolWithTag(Mdl, TAG_MM);
    ExFreePoolWithTag(Pool, TAG_MM);
}

KTEST(mm, mdl_in_user_space_is_the_buffer)
{
    // Law: what is written through the mapping is in the buffer, and the reverse; the mapping is user mode's, begins
    // with the buffer's offset, is not executable, and after the unmapping nothing of it is left.
    MEMORY_BASIC_INFORMATION Information;
    SIZE_T Virtual = PsGetCurrentProcess()->VirtualSize;
    PUCHAR Pool, Mapped;
    NTSTATUS Status;
    ULONG Index;
    PMDL Mdl = MtPoolMdl(&Pool, MT_PAGES * PAGE_SIZE, 0x123);

    Mapped = MtMapUser(Mdl, NULL, NormalPagePriority, &Status);
    expect_status(Status, STATUS_SUCCESS);
    expect_eq(BYTE_OFFSET(Mapped), 0x123);
    expect(Mapped + MT_PAGES * PAGE_SIZE - 0x124 <= (PUCHAR)MmHighestUserAddress);
    for (Index = 0; Index < MT_PAGES; Index++) {
        Pool[Index * PAGE_SIZE + 0x200] = (UCHAR)Index;
        expect_eq(Mapped[Index * PAGE_SIZE + 0x200 - 0x123], Index);
        Mapped[Index * PAGE_SIZE] = (UCHAR)(Index + 1);
        expect_eq(Pool[Index * PAGE_SIZE + 0x123], Index + 1);
        expect(MiGetPteAddress(Mapped)->u.Hard.Owner && MiGetPteAddress(Mapped)->u.Long & MmNoExecute);
    }
    expect_status(MtQuery(Mapped, &Information), STATUS_SUCCESS);
    expect_eq(Information.RegionSize, MT_PAGES * PAGE_SIZE);
    expect_eq(Information.State, MEM_COMMIT);
    expect_eq(Information.Protect, PAGE_READWRITE);
    MmUnmapLockedPages(Mapped, Mdl);
    expect_status(MtRead(Mapped), STATUS_ACCESS_VIOLATION);
    expect_eq(PsGetCurrentProcess()->VirtualSize, Virtual);
    expect_eq(MI_PFN_ELEMENT(MmGetMdlPfnArray(Mdl)[1])->u3.ReferenceCount, 1);
    MtFreePoolMdl(Mdl, Pool);
}

KTEST(mm, mdl_in_user_space_cannot_be_changed_by_services)
{
    // Law: free, decommit, commit, protect, lock, unmap and reset refuse such a mapping, whole or in part; it stays.
    MEMORY_WORKING_SET_EX_INFORMATION Page;
    SIZE_T Size = PAGE_SIZE;
    PVOID Base;
    PUCHAR Pool, Mapped;
    NTSTATUS Status;
    ULONG Old;
    PMDL Mdl = MtPoolMdl(&Pool, 3 * PAGE_SIZE, 0);

    Base = Mapped = MtMapUser(Mdl, NULL, NormalPagePriority, &Status);
    expect_status(Status, STATUS_SUCCESS);
    expect(!NT_SUCCESS(MtFree(Mapped)));
    expect(!NT_SUCCESS(ZwFreeVirtualMemory(NtCurrentProcess(), &Base, &Size, MEM_RELEASE)));
    expect(!NT_SUCCESS(ZwFreeVirtualMemory(NtCurrentProcess(), &Base, &Size, MEM_DECOMMIT)));
    expect(!NT_SUCCESS(ZwAllocateVirtualMemory(NtCurrentProcess(), &Base, 0, &Size, MEM_COMMIT, PAGE_READWRITE)));
    expect(!NT_SUCCESS(ZwAllocateVirtualMemory(NtCurrentProcess(), &Base, 0, &Size, MEM_RESET, PAGE_READWRITE)));
    expect(!NT_SUCCESS(MtProtect(Mapped, PAGE_SIZE, PAGE_READONLY, &Old)));
    expect(!NT_SUCCESS(MtUnmap(Mapped)));
    expect(!NT_SUCCESS(ZwLockVirtualMemory(NtCurrentProcess(), &Base, &Size, MAP_PROCESS)));
    expect(!NT_SUCCESS(ZwUnlockVirtualMemory(NtCurrentProcess(), &Base, &Size, MAP_PROCESS)));
    Page.VirtualAddress = Mapped;
    expect_status(
        ZwQueryVirtualMemory(NtCurrentProcess(), NULL, MemoryWorkingSetExInformation, &Page, sizeof(Page), NULL),
        STATUS_SUCCESS);
    expect(Page.u1.VirtualAttributes.Valid && Page.u1.VirtualAttributes.Locked);
    MiTrimProcess(PsGetCurrentProcess());
    Mapped[PAGE_SIZE] = 9;
    expect_eq(Pool[PAGE_SIZE], 9);
    MmUnmapLockedPages(Mapped, Mdl);
    MtFreePoolMdl(Mdl, Pool);
}

KTEST(mm, mdl_goes_where_the_driver_wants_it)
{
    // Law: a base that is free is taken, one that is used, not a page's, or not user space raises and maps nothing; a
    // mapping without write access is not written.
    PUCHAR Pool, Mapped, Place = MtAllocate(0x20000, MEM_RESERVE, PAGE_NOACCESS);
    NTSTATUS Status;
    PMDL Mdl = MtPoolMdl(&Pool, 2 * PAGE_SIZE, 0);

    (VOID) MtMapUser(Mdl, Place + 0x10000, NormalPagePriority, &Status);
    expect_status(Status, STATUS_CONFLICTING_ADDRESSES);
    expect_status(MtFree(Place), STATUS_SUCCESS);
    (VOID) MtMapUser(Mdl, Place + 1, NormalPagePriority, &Status);
    expect_status(Status, STATUS_INVALID_ADDRESS);
    (VOID) MtMapUser(Mdl, (PUCHAR)MM_HIGHEST_VAD_ADDRESS + 1 - PAGE_SIZE, NormalPagePriority, &Status);
    expect_status(Status, STATUS_INVALID_ADDRESS);
    (VOID) MtMapUser(Mdl, Pool, NormalPagePriority, &Status);
    expect_status(Status, STATUS_INVALID_ADDRESS);
    Mapped = MtMapUser(Mdl, Place + PAGE_SIZE, NormalPagePriority | MdlMappingNoWrite, &Status);
    expect(Mapped == Place + PAGE_SIZE);
    expect_status(MtRead(Mapped), STATUS_SUCCESS);
    expect_status(MtWrite(Mapped, 1), STATUS_ACCESS_VIOLATION);
    MmUnmapLockedPages(Mapped, Mdl);
    MtFreePoolMdl(Mdl, Pool);
}

KTEST(mm, memory_that_is_mapped_by_an_mdl_stays_when_its_owner_releases_it)
{
    // Law: a mapping holds its frames: they are not given away while a program can reach them, even if the driver
    // unlocks them too early.
    PUCHAR Memory = MtAllocate(PAGE_SIZE, MEM_RESERVE | MEM_COMMIT, PAGE_READWRITE), Mapped;
    PMDL Mdl = ExAllocatePoolWithTag(NonPagedPool, MmSizeOfMdl(Memory, PAGE_SIZE), TAG_MM);
    MM_STATISTICS Before, After;
    NTSTATUS Status;
    PMMPFN Pfn;

    Memory[0] = 77;
    MmInitializeMdl(Mdl, Memory, PAGE_SIZE);
    MmProbeAndLockPages(Mdl, KernelMode, IoWriteAccess);
    expect_eq(PsGetCurrentProcess()->NumberOfLockedPages, 1);
    Pfn = MI_PFN_ELEMENT(MmGetMdlPfnArray(Mdl)[0]);
    Mapped = MtMapUser(Mdl, NULL, NormalPagePriority, &Status);
    expect_status(Status, STATUS_SUCCESS);
    expect_status(MtFree(Memory), STATUS_SUCCESS);
    MmUnlockPages(Mdl);
    expect_eq(PsGetCurrentProcess()->NumberOfLockedPages, 0);
    expect_eq(Mapped[0], 77);
    expect_eq(Pfn->u3.ReferenceCount, 1);
    expect_eq(Pfn->u3.e1.PageLocation, TransitionPage);
    MtQueryAtRest(&Before);
    MmUnmapLockedPages(Mapped, Mdl);
    MtQueryAtRest(&After);
    expect(After.AvailablePages > Before.AvailablePages);
    expect_eq(Pfn->u3.ReferenceCount, 0);
    ExFreePoolWithTag(Mdl, TAG_MM);
}

// A process of smss's image, without a thread; referenced, its handle in *Handle.
static PEPROCESS MtProcess(PHANDLE Handle)
{
    OBJECT_ATTRIBUTES Attributes;
    IO_STATUS_BLOCK IoStatus;
    UNICODE_STRING Name;
    HANDLE File, Section;
    PEPROCESS Process;

    RtlInitUnicodeString(&Name, L"\\SystemRoot\\System32\\smss.exe");
    InitializeObjectAttributes(&Attributes, &Name, OBJ_CASE_INSENSITIVE | OBJ_KERNEL_HANDLE, NULL, NULL);
    NT_VERIFY(NT_SUCCESS(ZwOpenFile(&File, SYNCHRONIZE | FILE_EXECUTE | FILE_READ_DATA, &Attributes, &IoStatus,
                                    FILE_SHARE_READ, FILE_SYNCHRONOUS_IO_NONALERT | FILE_NON_DIRECTORY_FILE)));
    InitializeObjectAttributes(&Attributes, NULL, OBJ_KERNEL_HANDLE, NULL, NULL);
    NT_VERIFY(
        NT_SUCCESS(ZwCreateSection(&Section, SECTION_ALL_ACCESS, &Attributes, NULL, PAGE_EXECUTE, SEC_IMAGE, File)));
    NT_VERIFY(NT_SUCCESS(
        ZwCreateProcessEx(Handle, PROCESS_ALL_ACCESS, &Attributes, NtCurrentProcess(), 0, Section, NULL, NULL, 0)));
    NT_VERIFY(NT_SUCCESS(ObReferenceObjectByHandle(*Handle, 0, PsProcessType, KernelMode, (PVOID *)&Process, NULL)));
    ZwClose(Section);
    ZwClose(File);
    return Process;
}

KTEST(mm, mdl_mappings_end_with_their_process)
{
    // Law: a mapping that a driver has left goes with the process's memory, and its frames are free of it.
    PUCHAR Pool, Mapped;
    HANDLE Handle;
    KAPC_STATE State;
    NTSTATUS Status;
    PMDL Mdl = MtPoolMdl(&Pool, MT_PAGES * PAGE_SIZE, 0);
    PEPROCESS Process = MtProcess(&Handle);

    KeStackAttachProcess(&Process->Pcb, &State);
    Mapped = MtMapUser(Mdl, NULL, NormalPagePriority, &Status);
    expect_status(Status, STATUS_SUCCESS);
    Mapped[0] = 5;
    KeUnstackDetachProcess(&State);
    expect_eq(Pool[0], 5);
    expect_eq(MI_PFN_ELEMENT(MmGetMdlPfnArray(Mdl)[0])->u3.ReferenceCount, 2);
    ObDereferenceObject(Process);
    ZwClose(Handle);
    expect_eq(MI_PFN_ELEMENT(MmGetMdlPfnArray(Mdl)[0])->u3.ReferenceCount, 1);
    MtFreePoolMdl(Mdl, Pool);
}

KTEST_BUGCHECK(mm, locked_pages_of_a_process_that_ends_are_caught, PROCESS_HAS_LOCKED_PAGES)
{
    // Law: a driver that leaves a process's memory locked is named by a bugcheck when the process ends.
    SIZE_T Size = PAGE_SIZE;
    PVOID Base = NULL;
    HANDLE Handle;
    KAPC_STATE State;
    PMDL Mdl = ExAllocatePoolWithTag(NonPagedPool, MmSizeOfMdl(NULL, PAGE_SIZE), TAG_MM);
    PEPROCESS Process = MtProcess(&Handle);

    NT_VERIFY(NT_SUCCESS(ZwAllocateVirtualMemory(Handle, &Base, 0, &Size, MEM_RESERVE | MEM_COMMIT, PAGE_READWRITE)));
    KeStackAttachProcess(&Process->Pcb, &State);
    MmInitializeMdl(Mdl, Base, PAGE_SIZE);
    MmProbeAndLockPages(Mdl, UserMode, IoWriteAccess);
    KeUnstackDetachProcess(&State);
    ObDereferenceObject(Process);
    ZwClose(Handle);
}

KTEST_BUGCHECK(mm, unmapping_what_no_mdl_has_mapped_is_caught, DRIVER_UNMAPPING_INVALID_VIEW)
{
    // Law: a driver that unmaps a program's own memory as if it had mapped it is stopped.
    PUCHAR Pool, Memory = MtAllocate(PAGE_SIZE, MEM_RESERVE | MEM_COMMIT, PAGE_READWRITE);

    MmUnmapLockedPages(Memory, MtPoolMdl(&Pool, PAGE_SIZE, 0));
}
