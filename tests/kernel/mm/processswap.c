// SPDX-License-Identifier: MIT
// Laws of processes that leave memory: who would run in one waits until it is back, and finds it as it was.

#include "mmtest.h"

#define MT_GUESTS 3u
#define MT_GUEST_PAGES 20u
#define MT_ROUNDS 10u
#define MT_SWAP_PAGES 6u // EPROCESS.SwapPtes
#define MT_SHARED_DIRECTORY 2u

// A process whose only thread writes its memory and sleeps, as a service for user mode does.
typedef struct _MT_GUEST {
    KEVENT Event, Ready;
    HANDLE Handle;
    PEPROCESS Process;
    PETHREAD Thread;
    PUCHAR Memory;
    volatile BOOLEAN Stop;
    volatile ULONG Round, Wrong;
} MT_GUEST, *PMT_GUEST;
static MT_GUEST MtGuests[MT_GUESTS];

static VOID NTAPI MtGuestThread(PVOID Context)
{
    PMT_GUEST Guest = Context;
    ULONG Page;

    Guest->Memory = MtAllocate(MT_GUEST_PAGES * PAGE_SIZE, MEM_RESERVE | MEM_COMMIT, PAGE_READWRITE);
    while (!Guest->Stop) {
        for (Page = 0; Page < MT_GUEST_PAGES; Page++) {
            Guest->Wrong += *MT_PAGE(Guest->Memory, Page) != (UCHAR)(Guest->Round == 0 ? 0 : Page + Guest->Round);
            *MT_PAGE(Guest->Memory, Page) = (UCHAR)(Page + Guest->Round + 1);
        }
        Guest->Round++;
        KeSetEvent(&Guest->Ready, 0, FALSE);
        IGNORE_STATUS(KeWaitForSingleObject(&Guest->Event, UserRequest, UserMode, FALSE, NULL));
    }
}

static HANDLE MtImageSection(VOID)
{
    UNICODE_STRING Name = RTL_CONSTANT_STRING(L"\\SystemRoot\\System32\\smss.exe");
    OBJECT_ATTRIBUTES Attributes;
    IO_STATUS_BLOCK IoStatus;
    HANDLE File, Section;

    InitializeObjectAttributes(&Attributes, &Name, OBJ_CASE_INSENSITIVE | OBJ_KERNEL_HANDLE, NULL, NULL);
    NT_VERIFY(NT_SUCCESS(ZwOpenFile(&File, SYNCHRONIZE | FILE_EXECUTE | FILE_READ_DATA, &Attributes, &IoStatus,
                                    FILE_SHARE_READ, FILE_SYNCHRONOUS_IO_NONALERT | FILE_NON_DIRECTORY_FILE)));
    InitializeObjectAttributes(&Attributes, NULL, OBJ_KERNEL_HANDLE, NULL, NULL);
    NT_VERIFY(
        NT_SUCCESS(ZwCreateSection(&Section, SECTION_ALL_ACCESS, &Attributes, NULL, PAGE_EXECUTE, SEC_IMAGE, File)));
    ZwClose(File);
    return Section;
}

// Waits until the guest sleeps.
static VOID MtAwaitGuest(PMT_GUEST Guest)
{
    KeWaitForever(&Guest->Ready, Executive);
    while (Guest->Thread->Tcb.State != Waiting)
        KeYieldExecution();
}

static VOID MtStartGuest(PMT_GUEST Guest)
{
    HANDLE Section = MtImageSection(), Thread;
    OBJECT_ATTRIBUTES Attributes;

    memset(Guest, 0, sizeof(*Guest));
    KeInitializeEvent(&Guest->Event, SynchronizationEvent, FALSE);
    KeInitializeEvent(&Guest->Ready, SynchronizationEvent, FALSE);
    InitializeObjectAttributes(&Attributes, NULL, OBJ_KERNEL_HANDLE, NULL, NULL);
    NT_VERIFY(NT_SUCCESS(ZwCreateProcessEx(&Guest->Handle, PROCESS_ALL_ACCESS, &Attributes, NtCurrentProcess(), 0,
                                           Section, NULL, NULL, 0)));
    ZwClose(Section);
    NT_VERIFY(NT_SUCCESS(ObReferenceObjectByHandle(Guest->Handle, PROCESS_ALL_ACCESS, PsProcessType, KernelMode,
                                                   (PVOID *)&Guest->Process, NULL)));
    NT_VERIFY(
        NT_SUCCESS(PsCreateSystemThread(&Thread, THREAD_ALL_ACCESS, NULL, Guest->Handle, NULL, MtGuestThread, Guest)));
    NT_VERIFY(NT_SUCCESS(
        ObReferenceObjectByHandle(Thread, THREAD_ALL_ACCESS, PsThreadType, KernelMode, (PVOID *)&Guest->Thread, NULL)));
    ZwClose(Thread);
}

static VOID MtEndGuest(PMT_GUEST Guest)
{
    Guest->Stop = TRUE;
    KeSetEvent(&Guest->Event, 0, FALSE);
    KtJoin(Guest->Thread);
    KeWaitForever(&Guest->Process->Pcb, Executive);
    expect_eq(Guest->Wrong, 0);
    ObDereferenceObject(Guest->Process);
    ZwClose(Guest->Handle);
}

// Attaches and looks at the guest's memory. It sleeps.
static ULONG MtLookInside(PMT_GUEST Guest)
{
    KAPC_STATE ApcState;
    ULONG Page, Wrong = 0;

    KeStackAttachProcess(&Guest->Process->Pcb, &ApcState);
    for (Page = 0; Page < MT_GUEST_PAGES; Page++)
        Wrong += *MT_PAGE(Guest->Memory, Page) != (UCHAR)(Page + Guest->Round);
    Wrong += Guest->Process->Pcb.State != ProcessInMemory;
    KeUnstackDetachProcess(&ApcState);
    return Wrong;
}

static VOID MtWriteOut(VOID)
{
    ULONG Round;

    for (Round = 0; Round < 3; Round++) { // pages, page tables, directories: each leaves when the one before has
        MiFlushModifiedPages();
        NT_VERIFY(NT_SUCCESS(MmMemoryListCommand(MemoryPurgeStandbyList)));
    }
}

KTEST(mm, process_leaves_memory_with_its_last_stack)
{
    // Law: a process no stack of which is in memory goes out, page tables and directories too; an attachment or one of
    // its threads brings it back as it was. Windows Internals, "Balance Set Manager and Swapper".
    PMT_GUEST Guest = &MtGuests[0];
    MM_STATISTICS Before, After;
    KAPC_STATE ApcState;
    ULONG Index;

    MmQueryStatistics(&Before);
    MtStartGuest(Guest);
    MtAwaitGuest(Guest);
    expect_eq(Guest->Process->Pcb.State, ProcessInMemory);
    KeOutSwapNow();
    expect_eq(Guest->Process->Pcb.State, ProcessOutOfMemory);
    expect_eq(Guest->Process->Pcb.StackCount, 0);
    expect_eq(Guest->Process->Vm.WorkingSetSize, 0);
    expect_eq(MtLookInside(Guest), 0); // found still in memory
    KeOutSwapNow();
    MtWriteOut();
    for (Index = 0; Index < MT_SWAP_PAGES; Index++)
        expect(Index == MT_SHARED_DIRECTORY || MI_IS_PAGE_FILE_PTE((PMMPTE)&Guest->Process->SwapPtes[Index]));
    expect_eq(MtLookInside(Guest), 0);
    KeOutSwapNow();
    MtWriteOut();
    MiTrimProcess(Guest->Process);
    MmEmptyWorkingSet(Guest->Process);
    expect(!KeTryToStackAttachProcess(&Guest->Process->Pcb, &ApcState));
    expect_eq(Guest->Process->Pcb.State, ProcessOutOfMemory); // nobody who makes room brings it in
    KeSetEvent(&Guest->Event, 0, FALSE);
    MtAwaitGuest(Guest);
    expect_eq(Guest->Process->Pcb.State, ProcessInMemory);
    expect_eq(Guest->Round, 2);
    MtEndGuest(Guest);
    MmQueryStatistics(&After);
    expect(After.ProcessesSwappedOut - Before.ProcessesSwappedOut >= 3);
    expect_eq(After.ProcessesSwappedIn - Before.ProcessesSwappedIn,
              After.ProcessesSwappedOut - Before.ProcessesSwappedOut);
}

KTEST(mm, process_that_is_attached_to_stays)
{
    // Law: a process in which another's thread is does not go out, nor one with a locked page.
    PMT_GUEST Guest = &MtGuests[0];
    KAPC_STATE ApcState;
    PVOID Base;
    SIZE_T Size = PAGE_SIZE;

    MtStartGuest(Guest);
    MtAwaitGuest(Guest);
    KeStackAttachProcess(&Guest->Process->Pcb, &ApcState);
    KeOutSwapNow();
    expect_eq(Guest->Process->Pcb.State, ProcessInMemory);
    expect_eq(Guest->Process->Pcb.StackCount, 1);
    Base = Guest->Memory;
    expect_status(NtLockVirtualMemory(NtCurrentProcess(), &Base, &Size, MAP_PROCESS), STATUS_SUCCESS);
    KeUnstackDetachProcess(&ApcState);
    KeOutSwapNow();
    expect_eq(Guest->Process->Pcb.State, ProcessInMemory);
    expect_eq(Guest->Process->Pcb.StackCount, 0);
    expect_status(NtUnlockVirtualMemory(Guest->Handle, &Base, &Size, MAP_PROCESS), STATUS_SUCCESS);
    KeOutSwapNow();
    expect_eq(Guest->Process->Pcb.State, ProcessOutOfMemory);
    MtEndGuest(Guest);
}

KTEST(mm, process_that_was_out_knows_new_system_tables)
{
    // Law: a page table that system space got while a process was out is in its address space when it is back.
    PMT_GUEST Guest = &MtGuests[0];
    ULONG_PTR Va = MM_SYSTEM_CACHE_START;
    KAPC_STATE ApcState;
    MMPTE Entry;

    while (MiGetPdeAddress(Va)->u.Hard.Valid && Va < MM_SYSTEM_CACHE_END)
        Va += MI_LARGE_PAGE_SIZE;
    expect(Va < MM_SYSTEM_CACHE_END);
    MtStartGuest(Guest);
    MtAwaitGuest(Guest);
    KeOutSwapNow();
    MtWriteOut();
    expect_status(MiMakeSystemPageTables((PVOID)Va, PAGE_SIZE), STATUS_SUCCESS);
    expect_eq(Guest->Process->Pcb.State, ProcessOutOfMemory);
    KeStackAttachProcess(&Guest->Process->Pcb, &ApcState);
    Entry = *MiGetPdeAddress(Va);
    KeUnstackDetachProcess(&ApcState);
    expect(Entry.u.Hard.Valid && MI_PTE_FRAME(&Entry) == MI_PTE_FRAME(MiGetPdeAddress(Va)));
    MtEndGuest(Guest);
}

KTEST(ps, watched_faults_are_noted_once)
{
    // Law: of a watched process each fault that was resolved is noted with its page, once; what is asked for is
    // forgotten, unless it does not fit. SDK, "GetWsChanges".
    PROCESS_WS_WATCH_INFORMATION Changes[4 * MT_GUEST_PAGES];
    PMT_GUEST Guest = &MtGuests[0];
    ULONG Index, Round, Found;

    MtStartGuest(Guest);
    MtAwaitGuest(Guest);
    expect_status(ZwQueryInformationProcess(Guest->Handle, ProcessWorkingSetWatch, Changes, sizeof(Changes), NULL),
                  STATUS_UNSUCCESSFUL);
    expect_status(ZwSetInformationProcess(Guest->Handle, ProcessWorkingSetWatch, NULL, 4), STATUS_INFO_LENGTH_MISMATCH);
    expect_status(ZwSetInformationProcess(Guest->Handle, ProcessWorkingSetWatch, NULL, 0), STATUS_SUCCESS);
    expect_status(ZwSetInformationProcess(Guest->Handle, ProcessWorkingSetWatch, NULL, 0), STATUS_PORT_ALREADY_SET);
    MmEmptyWorkingSet(Guest->Process);
    expect_eq(MtLookInside(Guest), 0);
    expect_status(ZwQueryInformationProcess(Guest->Handle, ProcessWorkingSetWatch, Changes, 8, NULL),
                  STATUS_BUFFER_TOO_SMALL);
    for (Round = 0; Round < 2; Round++) {
        expect_status(ZwQueryInformationProcess(Guest->Handle, ProcessWorkingSetWatch, Changes, sizeof(Changes), NULL),
                      STATUS_SUCCESS);
        for (Index = Found = 0; Changes[Index].FaultingPc != NULL; Index++)
            Found += (PUCHAR)Changes[Index].FaultingVa == MT_PAGE(Guest->Memory, Found);
        expect_eq(Found, Round == 0 ? MT_GUEST_PAGES : 0);
        expect_eq((ULONG_PTR)Changes[Index].FaultingVa, 0);
    }
    MtEndGuest(Guest);
    expect(!(KdTraceMask & KD_TRACE_WATCH));
}

static VOID NTAPI MtVisitThread(PVOID Context)
{
    PMT_GUEST Guest = Context;
    ULONG Round;

    for (Round = 0; Round < MT_ROUNDS; Round++) {
        KAPC_STATE ApcState;

        KeStackAttachProcess(&Guest->Process->Pcb, &ApcState);
        if (*MT_PAGE(Guest->Memory, 1) == 0 || Guest->Process->Pcb.State != ProcessInMemory)
            InterlockedIncrement((volatile LONG *)&Guest->Wrong);
        KeUnstackDetachProcess(&ApcState);
    }
}

KTEST_MP(mm, processes_come_and_go_while_threads_are_woken_and_attach)
{
    // Law: however swapping, waking and attaching interleave, on all processors, nobody runs in a process that is out
    // and nobody waits for ever.
    PETHREAD Visitors[MT_GUESTS];
    ULONG Index, Round;

    for (Index = 0; Index < MT_GUESTS; Index++)
        MtStartGuest(&MtGuests[Index]);
    for (Index = 0; Index < MT_GUESTS; Index++)
        MtAwaitGuest(&MtGuests[Index]);
    for (Round = 0; Round < MT_ROUNDS; Round++) {
        KeOutSwapNow();
        if (Round % 4 == 1)
            MtWriteOut();
        for (Index = 0; Index < MT_GUESTS; Index++) {
            Visitors[Index] = KtStartThread(MtVisitThread, &MtGuests[Index], 9);
            if ((Round + Index) % 2 == 0)
                KeSetEvent(&MtGuests[Index].Event, 0, FALSE);
        }
        KeOutSwapNow();
        for (Index = 0; Index < MT_GUESTS; Index++) {
            KtJoin(Visitors[Index]);
            if ((Round + Index) % 2 == 0)
                KeWaitForever(&MtGuests[Index].Ready, Executive);
        }
    }
    for (Index = 0; Index < MT_GUESTS; Index++)
        MtEndGuest(&MtGuests[Index]);
}
