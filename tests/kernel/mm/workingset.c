// SPDX-License-Identifier: MIT
// Laws of working sets: the list says what the page tables say, what is used stays, limits and locks hold.

#include "mmtest.h"

#define MT_LARGE 700u // pages, more than a small hash table has room for
#define MT_LIMIT 64u  // pages of a hard maximum
#define MT_LOCKED 5u

// How many valid entries the page tables of the user half have, without the shared data's page. Under the lock.
static ULONG MtCountValid(VOID)
{
    PMMWSL List = PsGetCurrentProcess()->Vm.VmWorkingSetList;
    ULONG_PTR Vpn;
    ULONG Valid = 0;

    for (Vpn = 0; Vpn < MI_VPN(MM_SYSTEM_RANGE_START);) {
        PMMPTE Pte = MiGetPteAddress(MI_VA(Vpn));

        if (!MiGetPdeAddress(MI_VA(Vpn))->u.Hard.Valid) {
            Vpn += PTES_PER_PAGE;
            continue;
        }
        if (Pte->u.Hard.Valid && MI_VA(Vpn) != (PVOID)USER_SHARED_DATA_USER) {
            ULONG Index = MiLocateWsle(List, MI_VA(Vpn), MI_PFN_ELEMENT(MI_PTE_FRAME(Pte)));

            expect_eq(List->Wsle[Index].u1.e1.VirtualPageNumber, Vpn);
            Valid++;
        }
        Vpn++;
    }
    return Valid;
}

// Law: every valid entry of the user half has exactly one list entry, and the reverse; locked ones come first; the
// counts are the numbers of entries.
static VOID MtCheckList(VOID)
{
    PEPROCESS Process = PsGetCurrentProcess();
    PMMWSL List = Process->Vm.VmWorkingSetList;
    ULONG Index, Entries = 0, Hashed = 0, Free = 0, Wrong = 0;

    MiLockWorkingSet(Process);
    for (Index = 1; Index <= List->LastEntry; Index++) {
        MMWSLE Wsle = List->Wsle[Index];

        if (!Wsle.u1.e1.Valid)
            continue;
        Entries++;
        Hashed += Wsle.u1.e1.Hashed;
        Wrong += (Wsle.u1.e1.LockedInWs || Wsle.u1.e1.LockedInMemory) != (Index < List->FirstDynamic);
        Wrong += !MmIsAddressValid(MI_VA(Wsle.u1.e1.VirtualPageNumber));
    }
    for (Index = List->FirstFree; Index != MI_WSLE_NONE; Index = List->Wsle[Index].u1.Long >> MI_WSLE_FREE_SHIFT)
        Free++;
    expect_eq(Wrong, 0);
    expect_eq(Entries, Process->Vm.WorkingSetSize);
    expect_eq(Entries + Free, List->LastEntry);
    expect_eq(Hashed, List->NonDirectCount);
    expect_eq(MtCountValid(), Entries);
    MiUnlockWorkingSet(Process);
}

static VOID MtTouchAll(PUCHAR Base, ULONG Pages)
{
    ULONG Page;

    for (Page = 0; Page < Pages; Page++)
        *MT_PAGE(Base, Page) = (UCHAR)Page;
}

KTEST(mm, every_valid_page_has_one_list_entry)
{
    // Law: as MtCheckList, whatever happens to the address space; two views of a section make the hash table grow.
    HANDLE Section = MtSection(MT_LARGE * PAGE_SIZE, PAGE_READWRITE, SEC_COMMIT);
    PUCHAR First = MtMap(Section, PAGE_READWRITE), Second = MtMap(Section, PAGE_READWRITE), Copy, Private;
    ULONG Old, Page;

    MtTouchAll(First, MT_LARGE);
    MtTouchAll(Second, MT_LARGE);
    MtCheckList();
    expect(MmWorkingSetList->HashTable != MmWorkingSetList->SmallHash);
    Copy = MtMap(Section, PAGE_WRITECOPY);
    for (Page = 0; Page < MT_LARGE; Page += 3)
        expect_status(MtRead(MT_PAGE(Copy, Page)), STATUS_SUCCESS);
    for (Page = 0; Page < MT_LARGE; Page += 2)
        *MT_PAGE(Copy, Page) = 7;
    MtCheckList();
    Private = MtAllocate(MT_LARGE * PAGE_SIZE, MEM_RESERVE | MEM_COMMIT, PAGE_READWRITE);
    MtTouchAll(Private, MT_LARGE);
    expect_status(MtProtect(Private, 50 * PAGE_SIZE, PAGE_NOACCESS, &Old), STATUS_SUCCESS);
    expect_status(MtProtect(First, 50 * PAGE_SIZE, PAGE_NOACCESS, &Old), STATUS_SUCCESS);
    MtCheckList();
    expect_status(MtUnmap(First), STATUS_SUCCESS);
    MtCheckList();
    MiTrimProcess(PsGetCurrentProcess());
    MiTrimProcess(PsGetCurrentProcess());
    MtCheckList();
    MtTouchAll(Second, MT_LARGE);
    expect_status(MtUnmap(Copy), STATUS_SUCCESS);
    expect_status(MtFree(Private), STATUS_SUCCESS);
    MtCheckList();
    expect_status(MtUnmap(Second), STATUS_SUCCESS);
    ZwClose(Section);
    MtCheckList();
}

KTEST(mm, used_pages_stay_longer_than_unused_ones)
{
    // Law: a trim that takes pages of an age takes those that nobody touched since, and none that was touched.
    static const MI_TRIM Look = {.Age = MI_MAXIMUM_AGE + 1}, Old = {.Age = 2, .Quota = MAXULONG, .Private = TRUE};
    PUCHAR Memory = MtAllocate(40 * PAGE_SIZE, MEM_RESERVE | MEM_COMMIT, PAGE_READWRITE);
    ULONG Page, Round;

    MtTouchAll(Memory, 40);
    for (Round = 0; Round < 3; Round++) {
        MiTrimSet(PsGetCurrentProcess(), &Look, TRUE); // only looks: no page is that old
        for (Page = 0; Page < 40; Page += 4)
            *MT_PAGE(Memory, Page) += 1;
    }
    for (Page = 0; Page < 40; Page++)
        expect(MmIsAddressValid(MT_PAGE(Memory, Page)));
    MiTrimSet(PsGetCurrentProcess(), &Old, TRUE);
    for (Page = 0; Page < 40; Page++)
        expect_eq(MmIsAddressValid(MT_PAGE(Memory, Page)), Page % 4 == 0);
    for (Page = 0; Page < 40; Page++)
        expect_eq(*MT_PAGE(Memory, Page), (UCHAR)(Page % 4 == 0 ? Page + 3 : Page));
    expect_status(MtFree(Memory), STATUS_SUCCESS);
}

static NTSTATUS MtSetLimits(SIZE_T Minimum, SIZE_T Maximum, ULONG Flags)
{
    QUOTA_LIMITS_EX Limits = {.Flags = Flags};

    Limits.MinimumWorkingSetSize = Minimum << PAGE_SHIFT;
    Limits.MaximumWorkingSetSize = Maximum << PAGE_SHIFT;
    return ZwSetInformationProcess(NtCurrentProcess(), ProcessQuotaLimits, &Limits, sizeof(Limits));
}

KTEST(mm, hard_maximum_is_never_exceeded)
{
    // Law: with a hard maximum the set has at most so many pages after every touch, and no contents are lost; the soft
    // one does not bind.
    HANDLE Section = MtSection(MT_LIMIT * PAGE_SIZE, PAGE_READWRITE, SEC_COMMIT);
    PUCHAR View = MtMap(Section, PAGE_READWRITE);
    PUCHAR Memory = MtAllocate(4 * MT_LIMIT * PAGE_SIZE, MEM_RESERVE | MEM_COMMIT, PAGE_READWRITE);
    PMMSUPPORT Vm = &PsGetCurrentProcess()->Vm;
    ULONG Page, Round, Wrong = 0, Above = 0;

    expect_status(MtSetLimits(50, MT_LIMIT, QUOTA_LIMITS_HARDWS_MAX_ENABLE), STATUS_SUCCESS);
    for (Round = 0; Round < 2; Round++) {
        for (Page = 0; Page < 4 * MT_LIMIT; Page++) {
            Wrong += Round != 0 && *(PULONG)MT_PAGE(Memory, Page) != Page;
            *(PULONG)MT_PAGE(Memory, Page) = Page;
            Above += Vm->WorkingSetSize > MT_LIMIT;
            *MT_PAGE(View, Page % MT_LIMIT) = (UCHAR)(Page % MT_LIMIT);
            Above += Vm->WorkingSetSize > MT_LIMIT;
        }
    }
    expect_eq(Wrong, 0);
    expect_eq(Above, 0);
    MtCheckList();
    expect_status(MtSetLimits(50, MT_LIMIT, QUOTA_LIMITS_HARDWS_MAX_DISABLE), STATUS_SUCCESS);
    for (Page = 0; Page < 4 * MT_LIMIT; Page++)
        expect_eq(*(PULONG)MT_PAGE(Memory, Page), Page);
    expect(Vm->WorkingSetSize > 4 * MT_LIMIT - 1);
    expect_status(MtSetLimits(50, 345, 0), STATUS_SUCCESS);
    expect_status(MtUnmap(View), STATUS_SUCCESS);
    expect_status(MtFree(Memory), STATUS_SUCCESS);
    ZwClose(Section);
}

static NTSTATUS MtLock(PVOID Base, SIZE_T Pages, ULONG Type)
{
    SIZE_T Size = Pages * PAGE_SIZE;

    return ZwLockVirtualMemory(NtCurrentProcess(), &Base, &Size, Type);
}

static NTSTATUS MtUnlock(PVOID Base, SIZE_T Pages, ULONG Type)
{
    SIZE_T Size = Pages * PAGE_SIZE;

    return ZwUnlockVirtualMemory(NtCurrentProcess(), &Base, &Size, Type);
}

KTEST(mm, locked_pages_never_leave)
{
    // Law: a locked page stays through every trim and every replacement until it is unlocked or gives up its memory.
    PUCHAR Memory = MtAllocate(40 * PAGE_SIZE, MEM_RESERVE | MEM_COMMIT, PAGE_READWRITE);
    ULONG Page, First = MmWorkingSetList->FirstDynamic;

    MtTouchAll(Memory, 20);
    expect_status(MtLock(MT_PAGE(Memory, 18), MT_LOCKED, MAP_PROCESS), STATUS_SUCCESS); // three untouched ones too
    expect_status(MtLock(MT_PAGE(Memory, 2), 1, MAP_PROCESS), STATUS_SUCCESS);
    expect_eq(MmWorkingSetList->FirstDynamic, First + MT_LOCKED + 1);
    MtCheckList();
    MmEmptyWorkingSet(PsGetCurrentProcess());
    for (Page = 0; Page < 40; Page++)
        expect_eq(MmIsAddressValid(MT_PAGE(Memory, Page)), Page == 2 || (Page >= 18 && Page < 18 + MT_LOCKED));
    expect_eq(PsGetCurrentProcess()->Vm.WorkingSetSize, MmWorkingSetList->FirstDynamic - 1);
    MtTouchAll(Memory, 40);
    MtCheckList();
    expect_status(MtUnlock(MT_PAGE(Memory, 18), MT_LOCKED, MAP_PROCESS), STATUS_SUCCESS);
    MmEmptyWorkingSet(PsGetCurrentProcess());
    expect(!MmIsAddressValid(MT_PAGE(Memory, 18)) && MmIsAddressValid(MT_PAGE(Memory, 2)));
    MtCheckList();
    expect_status(MtFree(Memory), STATUS_SUCCESS); // with page 2 locked
    expect_eq(MmWorkingSetList->FirstDynamic, First);
    MtCheckList();
}

KTEST(mm, locks_have_their_statuses)
{
    // Law: SDK, VirtualLock: committed and accessible pages only, within the minimum working set; unlocking
    // needs locks.
    PUCHAR Memory = MtAllocate(400 * PAGE_SIZE, MEM_RESERVE, PAGE_READWRITE);
    PVOID Base = Memory;
    SIZE_T Size = 300 * PAGE_SIZE;
    ULONG Old;

    expect_status(ZwAllocateVirtualMemory(NtCurrentProcess(), &Base, 0, &Size, MEM_COMMIT, PAGE_READWRITE),
                  STATUS_SUCCESS);
    expect_status(MtLock(Memory, 1, 0), STATUS_INVALID_PARAMETER);
    expect_status(MtLock(Memory, 1, 4), STATUS_INVALID_PARAMETER);
    expect_status(MtLock(MT_PAGE(Memory, 299), 2, MAP_PROCESS), STATUS_ACCESS_VIOLATION);
    expect_status(MtLock(MT_PAGE(Memory, 0), 200, MAP_PROCESS), STATUS_WORKING_SET_QUOTA);
    expect_status(MtProtect(MT_PAGE(Memory, 3), PAGE_SIZE, PAGE_NOACCESS, &Old), STATUS_SUCCESS);
    expect_status(MtLock(Memory, 5, MAP_PROCESS), STATUS_ACCESS_VIOLATION);
    expect_status(MtUnlock(Memory, 1, MAP_PROCESS), STATUS_NOT_LOCKED); // nothing was left locked
    expect_status(MtLock(Memory, 2, MAP_PROCESS), STATUS_SUCCESS);
    expect_status(MtLock(Memory, 3, MAP_PROCESS), STATUS_WAS_LOCKED);
    expect_status(MtUnlock(Memory, 4, MAP_PROCESS), STATUS_NOT_LOCKED);
    expect_status(MtUnlock(Memory, 3, MAP_PROCESS), STATUS_SUCCESS);
    expect_status(MtUnlock(Memory, 1, MAP_PROCESS), STATUS_NOT_LOCKED);
    expect_status(MtLock(Memory, 1, MAP_PROCESS | MAP_SYSTEM), STATUS_SUCCESS);
    expect_status(MtUnlock(Memory, 1, MAP_PROCESS), STATUS_SUCCESS);
    MmEmptyWorkingSet(PsGetCurrentProcess());
    expect(MmIsAddressValid(Memory)); // the other lock holds it
    expect_status(MtUnlock(Memory, 1, MAP_SYSTEM), STATUS_SUCCESS);
    MtCheckList();
    expect_status(MtFree(Memory), STATUS_SUCCESS);
}

KTEST(mm, working_set_limits_have_their_statuses)
{
    // Law: SDK, SetProcessWorkingSetSizeEx: the minimum is not above the maximum, contradicting flags are refused; what
    // was set is what is read.
    QUOTA_LIMITS_EX Limits;
    QUOTA_LIMITS Short;

    expect_status(MtSetLimits(100, 50, 0), STATUS_BAD_WORKING_SET_LIMIT);
    expect_status(MtSetLimits(5, 10, 0), STATUS_BAD_WORKING_SET_LIMIT);
    expect_status(MtSetLimits(1u << 19, (1u << 19) + 1, 0), STATUS_INSUFFICIENT_RESOURCES);
    expect_status(MtSetLimits(50, 345, QUOTA_LIMITS_HARDWS_MIN_ENABLE | QUOTA_LIMITS_HARDWS_MIN_DISABLE),
                  STATUS_INVALID_PARAMETER);
    expect_status(MtSetLimits(60, 300, QUOTA_LIMITS_HARDWS_MIN_ENABLE), STATUS_SUCCESS);
    expect_status(ZwQueryInformationProcess(NtCurrentProcess(), ProcessQuotaLimits, &Limits, sizeof(Limits), NULL),
                  STATUS_SUCCESS);
    expect_eq(Limits.MinimumWorkingSetSize, 60 * PAGE_SIZE);
    expect_eq(Limits.MaximumWorkingSetSize, 300 * PAGE_SIZE);
    expect_eq(Limits.Flags, QUOTA_LIMITS_HARDWS_MIN_ENABLE | QUOTA_LIMITS_HARDWS_MAX_DISABLE);
    expect_status(MtSetLimits(50, 345, QUOTA_LIMITS_HARDWS_MIN_DISABLE), STATUS_SUCCESS);
    expect_status(ZwQueryInformationProcess(NtCurrentProcess(), ProcessQuotaLimits, &Short, sizeof(Short), NULL),
                  STATUS_SUCCESS);
    expect_eq(Short.MinimumWorkingSetSize, 50 * PAGE_SIZE);
}

KTEST(mm, working_set_can_be_listed)
{
    // Law: the list that a program gets names each page once, with its protection; addresses are answered one by one.
    const ULONG Length = 0x8000;
    PMEMORY_WORKING_SET_INFORMATION List = ExAllocatePoolWithTag(PagedPool, Length, TAG_MM);
    PUCHAR Memory = MtAllocate(3 * PAGE_SIZE, MEM_RESERVE | MEM_COMMIT, PAGE_READWRITE);
    MEMORY_WORKING_SET_EX_INFORMATION Pages[3];
    ULONG Index, Found = 0;

    MtTouchAll(Memory, 2);
    expect_status(MtLock(Memory, 1, MAP_PROCESS), STATUS_SUCCESS);
    expect_status(ZwQueryVirtualMemory(NtCurrentProcess(), NULL, MemoryWorkingSetInformation, List, 4, NULL),
                  STATUS_INFO_LENGTH_MISMATCH);
    expect_eq(List->NumberOfEntries, PsGetCurrentProcess()->Vm.WorkingSetSize);
    expect_status(ZwQueryVirtualMemory(NtCurrentProcess(), NULL, MemoryWorkingSetInformation, List, Length, NULL),
                  STATUS_SUCCESS);
    for (Index = 0; Index < List->NumberOfEntries; Index++) {
        if (List->WorkingSetInfo[Index].VirtualPage - MI_VPN(Memory) < 3) {
            expect_eq(List->WorkingSetInfo[Index].Protection, MM_READWRITE);
            expect_eq(List->WorkingSetInfo[Index].Shared, 0);
            Found++;
        }
    }
    expect_eq(Found, 2);
    for (Index = 0; Index < 3; Index++)
        Pages[Index].VirtualAddress = MT_PAGE(Memory, Index);
    expect_status(
        ZwQueryVirtualMemory(NtCurrentProcess(), NULL, MemoryWorkingSetExInformation, Pages, sizeof(Pages), NULL),
        STATUS_SUCCESS);
    expect_eq(Pages[0].u1.VirtualAttributes.Locked, 1);
    expect_eq(Pages[1].u1.VirtualAttributes.Win32Protection, PAGE_READWRITE);
    expect_eq(Pages[1].u1.VirtualAttributes.Locked, 0);
    expect_eq(Pages[2].u1.Long, 0);
    expect_status(MtFree(Memory), STATUS_SUCCESS);
    ExFreePoolWithTag(List, TAG_MM);
}

static NTSTATUS MtSetPagePriority(ULONG Priority)
{
    return ZwSetInformationThread(NtCurrentThread(), ThreadPagePriority, &Priority, sizeof(Priority));
}

static NTSTATUS MtMemoryCommand(ULONG Command)
{
    return ZwSetSystemInformation(SystemMemoryListInformation, &Command, sizeof(Command));
}

// Maps a file's pages anew, with a thread that has this priority, and lets them go.
static VOID MtReadAtPriority(HANDLE Section, ULONG Priority)
{
    PUCHAR View = MtMap(Section, PAGE_READONLY);

    expect_status(MtSetPagePriority(Priority), STATUS_SUCCESS);
    expect_status(MtRead(View), STATUS_SUCCESS);
    expect_status(MtSetPagePriority(PAGE_PRIORITY_NORMAL), STATUS_SUCCESS);
    expect_status(MtUnmap(View), STATUS_SUCCESS);
}

KTEST(mm, standby_pages_have_the_priority_of_who_read_them)
{
    // Law: a page goes to the standby list of its reader's page priority, a later reader can raise but not lower it; a
    // purge of the list of low priority keeps the others, the purge of all takes it.
    OBJECT_ATTRIBUTES Attributes;
    UNICODE_STRING Name = RTL_CONSTANT_STRING(L"\\SystemRoot\\System32\\ntdll.dll");
    SYSTEM_MEMORY_LIST_INFORMATION Before, After;
    IO_STATUS_BLOCK IoStatus;
    HANDLE File, Section;
    PMMPTE Proto;
    PVOID Body;

    InitializeObjectAttributes(&Attributes, &Name, OBJ_CASE_INSENSITIVE | OBJ_KERNEL_HANDLE, NULL, NULL);
    expect_status(ZwOpenFile(&File, FILE_READ_DATA | SYNCHRONIZE, &Attributes, &IoStatus, FILE_SHARE_READ,
                             FILE_SYNCHRONOUS_IO_NONALERT),
                  STATUS_SUCCESS);
    expect_status(ZwCreateSection(&Section, SECTION_MAP_READ, NULL, NULL, PAGE_READONLY, SEC_COMMIT, File),
                  STATUS_SUCCESS);
    expect_status(ObReferenceObjectByHandle(Section, 0, MmSectionObjectType, KernelMode, &Body, NULL), STATUS_SUCCESS);
    Proto = ((PSECTION)Body)->Segment->PrototypePte;
    MtReadAtPriority(Section, 2);
    expect_eq(MI_PFN_ELEMENT(MI_PTE_FRAME(Proto))->u3.e1.Priority, 2);
    MtReadAtPriority(Section, 4);
    MtReadAtPriority(Section, 1);
    expect_eq(MI_PFN_ELEMENT(MI_PTE_FRAME(Proto))->u3.e1.Priority, 4);
    expect_eq(MI_PFN_ELEMENT(MI_PTE_FRAME(Proto))->u3.e1.PageLocation, StandbyPageList);
    expect_status(ZwQuerySystemInformation(SystemMemoryListInformation, &Before, sizeof(Before), NULL), STATUS_SUCCESS);
    expect(Before.PageCountByPriority[4] != 0);
    expect_status(MtMemoryCommand(MemoryPurgeLowPriorityStandbyList), STATUS_SUCCESS);
    expect(Proto->u.Soft.Transition);
    expect_status(MtMemoryCommand(MemoryPurgeStandbyList), STATUS_SUCCESS);
    expect(!Proto->u.Soft.Transition || Proto->u.Soft.Prototype);
    expect_status(ZwQuerySystemInformation(SystemMemoryListInformation, &After, sizeof(After), NULL), STATUS_SUCCESS);
    expect(After.RepurposedPagesByPriority[4] >= Before.RepurposedPagesByPriority[4] + Before.PageCountByPriority[4]);
    expect_status(MtMemoryCommand(99), STATUS_INVALID_PARAMETER);
    expect_status(MtSetPagePriority(0), STATUS_INVALID_PARAMETER);
    expect_status(MtSetPagePriority(8), STATUS_INVALID_PARAMETER);
    ObDereferenceObject(Body);
    ZwClose(Section);
    ZwClose(File);
}
