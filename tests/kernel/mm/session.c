// SPDX-License-Identifier: MIT
// Laws of sessions and their space. The sessions' processes are clones without a thread, attached to one after the
// other.

#include "mmtest.h"

#define TEST_TAG 0x7353744B // 'KtSs'
#define MT_SESSION_PAGES 8u

static KAPC_STATE MtApcState;

static HANDLE MtProcessOf(HANDLE Parent)
{
    OBJECT_ATTRIBUTES Attributes;
    HANDLE Process = NULL;

    InitializeObjectAttributes(&Attributes, NULL, OBJ_KERNEL_HANDLE, NULL, NULL);
    expect_status(ZwCreateProcessEx(&Process, PROCESS_ALL_ACCESS, &Attributes, Parent, 0, NULL, NULL, NULL, 0),
                  STATUS_SUCCESS);
    return Process;
}

static VOID MtEnter(HANDLE Handle)
{
    PEPROCESS Process;

    expect_status(
        ObReferenceObjectByHandle(Handle, PROCESS_ALL_ACCESS, PsProcessType, KernelMode, (PVOID *)&Process, NULL),
        STATUS_SUCCESS);
    ObDereferenceObject(Process); // the handle keeps it
    KeStackAttachProcess(&Process->Pcb, &MtApcState);
}

static VOID MtLeave(VOID)
{
    KeUnstackDetachProcess(&MtApcState);
}

// A process in a session of its own. *Id: which.
static HANDLE MtSession(PULONG Id)
{
    HANDLE Process = MtProcessOf(NtCurrentProcess());

    *Id = 0;
    MtEnter(Process);
    expect_status(MmSessionCreate(Id), STATUS_SUCCESS);
    MtLeave();
    return Process;
}

static PVOID MtSectionBody(HANDLE Handle)
{
    PVOID Body = NULL;

    expect_status(ObReferenceObjectByHandle(Handle, SECTION_ALL_ACCESS, MmSectionObjectType, KernelMode, &Body, NULL),
                  STATUS_SUCCESS);
    return Body;
}

KTEST(mm, session_space_is_the_sessions_own)
{
    // Law: processes of one session see one session space, those of another see another at the same addresses; the
    // children of a session's process are in it.
    ULONG FirstId, SecondId, Pool = MiPoolPages[MM_POOL_SESSION].Used;
    HANDLE First = MtSession(&FirstId), Second = MtSession(&SecondId), Child = MtProcessOf(First);
    volatile ULONG *Large, *Other, *Small;

    expect(FirstId != 0 && SecondId != 0 && FirstId != SecondId);
    expect_eq(MmSessionSpace->SessionId, 0);
    MtEnter(First);
    expect_eq(MmSessionSpace->SessionId, FirstId);
    expect_eq(MmSessionSpace->ReferenceCount, 2);
    Large = ExAllocatePoolWithTag(PagedPoolSession, 3 * PAGE_SIZE, TEST_TAG);
    Small = ExAllocatePoolWithTag(PagedPoolSession, 100, TEST_TAG);
    Large[PAGE_SIZE / sizeof(ULONG)] = 1;
    Small[0] = 2;
    MtLeave();
    MtEnter(Second);
    expect_eq(MmSessionSpace->SessionId, SecondId);
    Other = ExAllocatePoolWithTag(PagedPoolSession, 3 * PAGE_SIZE, TEST_TAG);
    expect(Other == Large); // each session begins anew
    Other[PAGE_SIZE / sizeof(ULONG)] = 3;
    MtLeave();
    MtEnter(Child);
    expect_eq(MmSessionSpace->SessionId, FirstId);
    expect_eq(Large[PAGE_SIZE / sizeof(ULONG)], 1);
    expect_eq(Small[0], 2);
    ExFreePoolWithTag((PVOID)Small, TEST_TAG);
    ExFreePoolWithTag((PVOID)Large, TEST_TAG);
    MtLeave();
    MtEnter(Second);
    expect_eq(Other[PAGE_SIZE / sizeof(ULONG)], 3);
    ExFreePoolWithTag((PVOID)Other, TEST_TAG);
    MtLeave();
    ZwClose(First);
    MtEnter(Child);
    expect_eq(MmSessionSpace->ReferenceCount, 1); // the session lives on in it
    MtLeave();
    ZwClose(Child);
    ZwClose(Second);
    expect_eq(MiPoolPages[MM_POOL_SESSION].Used, Pool);
}

KTEST(mm, session_views_are_seen_in_their_session)
{
    // Law: a view in session space shows its section to the session's processes at one address; another session may
    // have another section there. Files and images are refused.
    ULONG FirstId, SecondId;
    HANDLE First = MtSession(&FirstId), Second = MtSession(&SecondId), Child = MtProcessOf(First);
    HANDLE Section = MtSection(MT_SESSION_PAGES * PAGE_SIZE, PAGE_READWRITE, SEC_COMMIT);
    HANDLE OtherSection = MtSection(MT_SESSION_PAGES * PAGE_SIZE, PAGE_READWRITE, SEC_COMMIT);
    PVOID Body = MtSectionBody(Section), OtherBody = MtSectionBody(OtherSection), View, Other, Kept;
    PUCHAR Here = MtMap(Section, PAGE_READWRITE);
    SIZE_T Size = 0;

    MtEnter(First);
    expect_status(MmMapViewInSessionSpace(Body, &View, &Size), STATUS_SUCCESS);
    expect_eq(Size, MT_SESSION_PAGES * PAGE_SIZE);
    ((volatile UCHAR *)View)[5] = 1;
    MtLeave();
    Size = 0;
    MtEnter(Second);
    expect_status(MmMapViewInSessionSpace(OtherBody, &Other, &Size), STATUS_SUCCESS);
    expect(Other == View);
    expect_eq(((volatile UCHAR *)Other)[5], 0);
    ((volatile UCHAR *)Other)[5] = 2;
    expect_status(MmUnmapViewInSessionSpace((PCHAR)Other + PAGE_SIZE), STATUS_NOT_MAPPED_VIEW);
    MtLeave();
    expect_eq(Here[5], 1);
    MtEnter(Child);
    expect_eq(((volatile UCHAR *)View)[5], 1);
    ((volatile UCHAR *)View)[PAGE_SIZE] = 3;
    expect_status(MmUnmapViewInSessionSpace(View), STATUS_SUCCESS);
    expect_status(MmUnmapViewInSessionSpace(View), STATUS_NOT_MAPPED_VIEW);
    expect(!MmIsAddressValid(View));
    MtLeave();
    expect_eq(Here[PAGE_SIZE], 3);
    Size = 0;
    expect_status(MmMapViewInSessionSpace(Body, &Kept, &Size), STATUS_SUCCESS); // session 0 has its own, too
    expect(Kept == View);
    expect_eq(((volatile UCHAR *)Kept)[5], 1);
    expect_status(MmUnmapViewInSessionSpace(Kept), STATUS_SUCCESS);
    ZwClose(First);
    ZwClose(Child);
    ZwClose(Second); // with its view
    expect_eq(((PSECTION)OtherBody)->Segment->ControlArea->NumberOfMappedViews, 0);
    ObDereferenceObject(OtherBody);
    ZwClose(OtherSection);
    expect_status(MtUnmap(Here), STATUS_SUCCESS);
    ObDereferenceObject(Body);
    ZwClose(Section);
}

KTEST(mm, session_gives_everything_back)
{
    // Law: with its last process a session's views, pool pages, page tables and directory go: a hundred times.
    ULONG Round, Id;
    MM_STATISTICS Before = {.PhysicalPages = 0}, After;
    HANDLE Section = MtSection(MT_SESSION_PAGES * PAGE_SIZE, PAGE_READWRITE, SEC_COMMIT);
    PVOID Body = MtSectionBody(Section), View, Memory;
    SIZE_T Size;

    for (Round = 0; Round < 101; Round++) {
        HANDLE Process = MtSession(&Id);

        expect_eq(Id, 1); // the lowest that is free
        MtEnter(Process);
        Size = 0;
        expect_status(MmMapViewInSessionSpace(Body, &View, &Size), STATUS_SUCCESS);
        memset(View, (int)Round, Size);
        Memory = ExAllocatePoolWithTag(PagedPoolSession, 100, TEST_TAG); // leaves an empty page in the pool's keeping
        ExFreePoolWithTag(Memory, TEST_TAG);
        if (Round % 2 != 0)
            expect_status(MmSessionDetach(Id), STATUS_SUCCESS);
        expect_eq(MmSessionSpace->SessionId, Round % 2 != 0 ? 0 : Id);
        expect_status(MmSessionDetach(Id + 1), STATUS_UNABLE_TO_FREE_VM);
        MtLeave();
        ZwClose(Process);
        if (Round == 0) {
            ExDrainPool();
            MtQueryAtRest(&Before);
        }
    }
    ExDrainPool();
    MtQueryAtRest(&After);
    expect_eq(After.CommittedPages, Before.CommittedPages);
    expect(After.AvailablePages + After.ModifiedPages + 4 >= Before.AvailablePages + Before.ModifiedPages);
    ObDereferenceObject(Body);
    ZwClose(Section);
}

KTEST(mm, system_page_tables_reach_every_session)
{
    // Law: a page table that comes for a system address outside of session space is in every session at once.
    ULONG Id;
    HANDLE Process = MtSession(&Id), Section = MtSection(MI_LARGE_PAGE_SIZE * 4, PAGE_READWRITE, SEC_COMMIT);
    PVOID Body = MtSectionBody(Section), View;
    SIZE_T Size = 0;

    expect_status(MmMapViewInSystemSpace(Body, &View, &Size), STATUS_SUCCESS);
    ((volatile UCHAR *)View)[Size - 1] = 7;
    MtEnter(Process);
    expect_eq(((volatile UCHAR *)View)[Size - 1], 7);
    expect_status(MmSessionCreate(&Id), STATUS_ALREADY_COMMITTED);
    MtLeave();
    expect_status(MmUnmapViewInSystemSpace(View), STATUS_SUCCESS);
    ObDereferenceObject(Body);
    ZwClose(Section);
    ZwClose(Process);
}

KTEST(mm, pool_of_session_zero_is_trimmed_from_other_sessions)
{
    // Law: who trims the system's pages while another session's space is seen trims session 0's pool, not what lies at
    // the same addresses there.
    PUCHAR Memory = ExAllocatePoolWithTag(PagedPoolSession, 2 * PAGE_SIZE, TEST_TAG);
    volatile ULONG *Other;
    ULONG Id;
    HANDLE Process = MtSession(&Id);

    memset(Memory, 9, 2 * PAGE_SIZE);
    MtEnter(Process);
    Other = ExAllocatePoolWithTag(PagedPoolSession, 2 * PAGE_SIZE, TEST_TAG);
    Other[0] = 10;
    expect(MiTrimPool() != 0);
    expect_eq(Other[0], 10);
    expect(MmIsAddressValid((PVOID)Other));
    ExFreePoolWithTag((PVOID)Other, TEST_TAG);
    MtLeave();
    expect(!MmIsAddressValid(Memory));
    expect_eq(Memory[PAGE_SIZE], 9);
    ExFreePoolWithTag(Memory, TEST_TAG);
    ZwClose(Process);
}

KTEST_BUGCHECK(mm, pool_left_in_a_session_is_found, SESSION_HAS_VALID_POOL_ON_EXIT)
{
    // Law: a session that ends with an allocation in its pool is bugcheck 0xAB: nobody could free it any more.
    ULONG Id;
    HANDLE Process = MtSession(&Id);

    MtEnter(Process);
    NT_VERIFY(ExAllocatePoolWithTag(PagedPoolSession, 64, TEST_TAG) != NULL);
    MtLeave();
    ZwClose(Process);
}

#define MT_ENTRIES 200u
static HANDLE MtTwo[2];
static volatile LONG MtBad;

// Goes in and out of one of two sessions and looks whose memory it sees.
static VOID NTAPI MtVisit(PVOID Context)
{
    ULONG Which = (ULONG)(ULONG_PTR)Context % 2, Round;
    KAPC_STATE ApcState;
    PEPROCESS Process;

    KeSetSystemAffinityThread((KAFFINITY)1 << ((ULONG)(ULONG_PTR)Context % KeNumberProcessors));
    NT_VERIFY(NT_SUCCESS(ObReferenceObjectByHandle(MtTwo[Which], PROCESS_ALL_ACCESS, PsProcessType, KernelMode,
                                                   (PVOID *)&Process, NULL)));
    for (Round = 0; Round < MT_ENTRIES; Round++) {
        PULONG Memory;

        KeStackAttachProcess(&Process->Pcb, &ApcState);
        Memory = ExAllocatePoolWithTag(PagedPoolSession, PAGE_SIZE + 64 * (Round % 3), TEST_TAG);
        if (Memory != NULL) {
            Memory[0] = (ULONG)(ULONG_PTR)Context;
            KeYieldExecution();
            InterlockedExchangeAdd(&MtBad, Memory[0] != (ULONG)(ULONG_PTR)Context);
            ExFreePoolWithTag(Memory, TEST_TAG);
        }
        InterlockedExchangeAdd(&MtBad, MmSessionSpace->SessionId != Process->SessionId);
        KeUnstackDetachProcess(&ApcState);
    }
    ObDereferenceObject(Process);
}

KTEST_MP(mm, sessions_do_not_meet_on_several_processors)
{
    // Law: threads of two sessions that use the same addresses at the same time, on any processor, find their own
    // memory: no translation of session space outlives a switch.
    PETHREAD Threads[4];
    ULONG Index, Id;

    MtBad = 0;
    MtTwo[0] = MtSession(&Id);
    MtTwo[1] = MtSession(&Id);
    for (Index = 0; Index < RTL_NUMBER_OF(Threads); Index++)
        Threads[Index] = KtStartThread(MtVisit, (PVOID)Index, 8);
    for (Index = 0; Index < RTL_NUMBER_OF(Threads); Index++)
        KtJoin(Threads[Index]);
    expect_eq(MtBad, 0);
    ZwClose(MtTwo[0]);
    ZwClose(MtTwo[1]);
}
