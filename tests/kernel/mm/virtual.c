// SPDX-License-Identifier: MIT
// Laws of private virtual memory: states, protections, guard pages, and a random test against a model.

#include "mmtest.h"

KTEST(mm, protection_faults_are_caught)
{
    // Law: an access that the protection does not allow raises STATUS_ACCESS_VIOLATION; allowing it makes it work, and
    // the contents have stayed.
    PUCHAR Memory = MtAllocate(2 * PAGE_SIZE, MEM_RESERVE | MEM_COMMIT, PAGE_READWRITE);
    ULONG Old;

    expect(Memory != NULL);
    expect_status(MtWrite(Memory, 42), STATUS_SUCCESS);
    expect_status(MtProtect(Memory, PAGE_SIZE, PAGE_READONLY, &Old), STATUS_SUCCESS);
    expect_eq(Old, PAGE_READWRITE);
    expect_status(MtWrite(Memory, 43), STATUS_ACCESS_VIOLATION);
    expect_status(MtRead(Memory), STATUS_SUCCESS);
    expect_status(MtProtect(Memory, 2 * PAGE_SIZE, PAGE_NOACCESS, &Old), STATUS_SUCCESS);
    expect_eq(Old, PAGE_READONLY);
    expect_status(MtRead(Memory), STATUS_ACCESS_VIOLATION);
    expect_status(MtRead(Memory + PAGE_SIZE), STATUS_ACCESS_VIOLATION);
    expect_status(MtProtect(Memory, 2 * PAGE_SIZE, PAGE_EXECUTE_READWRITE, &Old), STATUS_SUCCESS);
    expect_eq(Old, PAGE_NOACCESS);
    expect_status(MtWrite(Memory + PAGE_SIZE, 1), STATUS_SUCCESS);
    expect_eq(Memory[0], 42);
    expect_status(MtFree(Memory), STATUS_SUCCESS);
    expect_status(MtRead(Memory), STATUS_ACCESS_VIOLATION);
}

KTEST(mm, null_and_kernel_boundary_are_never_mapped)
{
    // Law: below 64 KB and above the highest user address nothing can be allocated, read or written.
    SIZE_T Size = PAGE_SIZE;
    PVOID Base = (PVOID)1;

    expect_status(MtRead((PUCHAR)16), STATUS_ACCESS_VIOLATION);
    expect_status(MtRead((PUCHAR)MmUserProbeAddress), STATUS_ACCESS_VIOLATION);
    expect_status(MtRead((PUCHAR)MmSystemRangeStart - 1), STATUS_ACCESS_VIOLATION);
    expect_status(ZwAllocateVirtualMemory(NtCurrentProcess(), &Base, 0, &Size, MEM_RESERVE, PAGE_READWRITE),
                  STATUS_CONFLICTING_ADDRESSES);
    Base = (PCHAR)MmHighestUserAddress - 0xFFFF;
    expect_status(ZwAllocateVirtualMemory(NtCurrentProcess(), &Base, 0, &Size, MEM_RESERVE, PAGE_READWRITE),
                  STATUS_INVALID_PARAMETER_2);
    Base = (PVOID)USER_SHARED_DATA_USER;
    expect_status(ZwAllocateVirtualMemory(NtCurrentProcess(), &Base, 0, &Size, MEM_RESERVE, PAGE_READWRITE),
                  MmIsLargeAddressSplit() ? STATUS_CONFLICTING_ADDRESSES : STATUS_INVALID_PARAMETER_2);
}

KTEST(mm, shared_user_data_is_readable_and_not_writable)
{
    // Law: 7FFE0000 shows the kernel's page in every process, and nobody can write to it there.
    PKUSER_SHARED_DATA User = (PKUSER_SHARED_DATA)USER_SHARED_DATA_USER;
    MEMORY_BASIC_INFORMATION Information;

    expect_eq(User->NtMajorVersion, SharedUserData->NtMajorVersion);
    expect_status(MtWrite((PUCHAR)User, 0), STATUS_ACCESS_VIOLATION);
    expect_status(MtQuery(User, &Information), STATUS_SUCCESS);
    expect_eq(Information.State, MEM_COMMIT);
    expect_eq(Information.Protect, PAGE_READONLY);
    expect_eq(Information.RegionSize, PAGE_SIZE);
}

KTEST(mm, guard_page_fires_once)
{
    // Law: the first access to a guard page raises STATUS_GUARD_PAGE_VIOLATION and takes the guard away. WDK:
    // PAGE_GUARD.
    PUCHAR Memory = MtAllocate(2 * PAGE_SIZE, MEM_RESERVE | MEM_COMMIT, PAGE_READWRITE);
    MEMORY_BASIC_INFORMATION Information;
    ULONG Old;

    expect(Memory != NULL);
    Memory[0] = 7; // the guard comes onto a page that is in use, and onto one that is not
    expect_status(MtProtect(Memory, 2 * PAGE_SIZE, PAGE_READWRITE | PAGE_GUARD, &Old), STATUS_SUCCESS);
    expect_status(MtQuery(Memory, &Information), STATUS_SUCCESS);
    expect_eq(Information.Protect, PAGE_READWRITE | PAGE_GUARD);
    expect_eq(Information.RegionSize, 2 * PAGE_SIZE);
    expect_status(MtRead(Memory), STATUS_GUARD_PAGE_VIOLATION);
    expect_status(MtRead(Memory), STATUS_SUCCESS);
    expect_eq(Memory[0], 7);
    expect_status(MtWrite(MT_PAGE(Memory, 1), 1), STATUS_GUARD_PAGE_VIOLATION);
    expect_status(MtWrite(MT_PAGE(Memory, 1), 1), STATUS_SUCCESS);
    expect_status(MtFree(Memory), STATUS_SUCCESS);
}

KTEST(mm, decommitted_pages_fault_and_come_back_zero)
{
    // Law: decommitting loses the contents and the right to touch; committing again gives zeros. Neighbours are
    // untouched.
    PUCHAR Memory = MtAllocate(4 * PAGE_SIZE, MEM_RESERVE | MEM_COMMIT, PAGE_READWRITE);
    PVOID Base = MT_PAGE(Memory, 1);
    SIZE_T Size = 2 * PAGE_SIZE;

    memset(Memory, 0x33, 4 * PAGE_SIZE);
    expect_status(ZwFreeVirtualMemory(NtCurrentProcess(), &Base, &Size, MEM_DECOMMIT), STATUS_SUCCESS);
    expect_status(MtRead(MT_PAGE(Memory, 1)), STATUS_ACCESS_VIOLATION);
    expect_status(MtRead(MT_PAGE(Memory, 2)), STATUS_ACCESS_VIOLATION);
    expect_eq(*MT_PAGE(Memory, 0), 0x33);
    expect_eq(*MT_PAGE(Memory, 3), 0x33);
    Base = MT_PAGE(Memory, 2);
    Size = PAGE_SIZE;
    expect_status(ZwAllocateVirtualMemory(NtCurrentProcess(), &Base, 0, &Size, MEM_COMMIT, PAGE_READONLY),
                  STATUS_SUCCESS);
    expect_eq(*MT_PAGE(Memory, 2), 0);
    expect_status(MtWrite(MT_PAGE(Memory, 2), 1), STATUS_ACCESS_VIOLATION);
    expect_status(MtFree(Memory), STATUS_SUCCESS);
}

KTEST(mm, query_merges_pages_that_are_alike)
{
    // Law: a region is the longest run of the same state and protection inside one allocation.
    PUCHAR Memory = MtAllocate(16 * PAGE_SIZE, MEM_RESERVE, PAGE_READWRITE);
    MEMORY_BASIC_INFORMATION Information;
    PVOID Base = MT_PAGE(Memory, 4);
    SIZE_T Size = 6 * PAGE_SIZE;
    ULONG Old;

    expect_status(ZwAllocateVirtualMemory(NtCurrentProcess(), &Base, 0, &Size, MEM_COMMIT, PAGE_READWRITE),
                  STATUS_SUCCESS);
    expect_status(MtProtect(MT_PAGE(Memory, 7), PAGE_SIZE, PAGE_READONLY, &Old), STATUS_SUCCESS);
    *MT_PAGE(Memory, 5) = 1;
    expect_status(MtQuery(Memory, &Information), STATUS_SUCCESS);
    expect_eq(Information.State, MEM_RESERVE);
    expect_eq(Information.RegionSize, 4 * PAGE_SIZE);
    expect_eq(Information.Protect, 0);
    expect_status(MtQuery(MT_PAGE(Memory, 4) + 5, &Information), STATUS_SUCCESS);
    expect_eq(Information.BaseAddress, MT_PAGE(Memory, 4));
    expect_eq(Information.AllocationBase, Memory);
    expect_eq(Information.RegionSize, 3 * PAGE_SIZE);
    expect_eq(Information.Protect, PAGE_READWRITE);
    expect_eq(Information.Type, MEM_PRIVATE);
    expect_status(MtQuery(MT_PAGE(Memory, 7), &Information), STATUS_SUCCESS);
    expect_eq(Information.RegionSize, PAGE_SIZE);
    expect_eq(Information.Protect, PAGE_READONLY);
    expect_status(MtQuery(MT_PAGE(Memory, 10), &Information), STATUS_SUCCESS);
    expect_eq(Information.State, MEM_RESERVE);
    expect_eq(Information.RegionSize, 6 * PAGE_SIZE);
    expect_status(MtFree(Memory), STATUS_SUCCESS);
    expect_status(MtQuery(Memory, &Information), STATUS_SUCCESS);
    expect_eq(Information.State, MEM_FREE);
}

KTEST(mm, release_can_split_a_reservation)
{
    // Law: releasing the middle leaves two allocations that live and die on their own.
    PUCHAR Memory = MtAllocate(9 * PAGE_SIZE, MEM_RESERVE | MEM_COMMIT, PAGE_READWRITE);
    MEMORY_BASIC_INFORMATION Information;
    PVOID Base = MT_PAGE(Memory, 3);
    SIZE_T Size = 3 * PAGE_SIZE;

    memset(Memory, 0x11, 9 * PAGE_SIZE);
    expect_status(ZwFreeVirtualMemory(NtCurrentProcess(), &Base, &Size, MEM_RELEASE), STATUS_SUCCESS);
    expect_status(MtRead(MT_PAGE(Memory, 3)), STATUS_ACCESS_VIOLATION);
    expect_eq(*MT_PAGE(Memory, 2), 0x11);
    expect_eq(*MT_PAGE(Memory, 6), 0x11);
    expect_status(MtQuery(MT_PAGE(Memory, 6), &Information), STATUS_SUCCESS);
    expect_eq(Information.AllocationBase, MT_PAGE(Memory, 6));
    expect_status(MtFree(MT_PAGE(Memory, 6)), STATUS_SUCCESS);
    expect_eq(*MT_PAGE(Memory, 0), 0x11);
    expect_status(MtFree(Memory), STATUS_SUCCESS);
    expect_status(MtFree(Memory), STATUS_MEMORY_NOT_ALLOCATED);
}

KTEST(mm, bad_arguments_have_their_statuses)
{
    // Law: WDK, ZwAllocateVirtualMemory and ZwFreeVirtualMemory: each bad argument has a status and no effect.
    PUCHAR Memory = MtAllocate(2 * PAGE_SIZE, MEM_RESERVE, PAGE_READWRITE);
    PVOID Base = NULL;
    SIZE_T Size = PAGE_SIZE;
    ULONG Old;

    expect_status(ZwAllocateVirtualMemory(NtCurrentProcess(), &Base, 22, &Size, MEM_RESERVE, PAGE_READWRITE),
                  STATUS_INVALID_PARAMETER_3);
    expect_status(ZwAllocateVirtualMemory(NtCurrentProcess(), &Base, 0, &Size, 0, PAGE_READWRITE),
                  STATUS_INVALID_PARAMETER_5);
    expect_status(ZwAllocateVirtualMemory(NtCurrentProcess(), &Base, 0, &Size, MEM_RESERVE, 0x55),
                  STATUS_INVALID_PAGE_PROTECTION);
    expect_status(ZwAllocateVirtualMemory(NtCurrentProcess(), &Base, 0, &Size, MEM_RESERVE, PAGE_WRITECOPY),
                  STATUS_INVALID_PAGE_PROTECTION);
    Size = 0;
    expect_status(ZwAllocateVirtualMemory(NtCurrentProcess(), &Base, 0, &Size, MEM_RESERVE, PAGE_READWRITE),
                  STATUS_INVALID_PARAMETER_4);
    Size = 3 * PAGE_SIZE;
    Base = Memory;
    expect_status(ZwAllocateVirtualMemory(NtCurrentProcess(), &Base, 0, &Size, MEM_COMMIT, PAGE_READWRITE),
                  STATUS_CONFLICTING_ADDRESSES);
    expect_status(ZwFreeVirtualMemory(NtCurrentProcess(), &Base, &Size, MEM_RELEASE), STATUS_UNABLE_TO_FREE_VM);
    expect_status(ZwFreeVirtualMemory(NtCurrentProcess(), &Base, &Size, MEM_RELEASE | MEM_DECOMMIT),
                  STATUS_INVALID_PARAMETER_4);
    expect_status(MtFree(MT_PAGE(Memory, 1)), STATUS_FREE_VM_NOT_AT_BASE);
    expect_status(MtProtect(Memory, PAGE_SIZE, PAGE_READONLY, &Old), STATUS_NOT_COMMITTED);
    expect_status(MtFree(Memory), STATUS_SUCCESS);
}

KTEST(mm, read_and_write_virtual_memory_stop_at_the_bad_page)
{
    // Law: NtReadVirtualMemory copies up to the first page that can't be read, says how much, and STATUS_PARTIAL_COPY.
    PUCHAR Source = MtAllocate(2 * PAGE_SIZE, MEM_RESERVE, PAGE_READWRITE), Target;
    PVOID Base = Source;
    SIZE_T Size = PAGE_SIZE, Done = 0;

    Target = MtAllocate(2 * PAGE_SIZE, MEM_RESERVE | MEM_COMMIT, PAGE_READWRITE);
    expect_status(ZwAllocateVirtualMemory(NtCurrentProcess(), &Base, 0, &Size, MEM_COMMIT, PAGE_READWRITE),
                  STATUS_SUCCESS);
    memset(Source, 0x77, PAGE_SIZE);
    expect_status(ZwReadVirtualMemory(NtCurrentProcess(), Source + 100, Target, PAGE_SIZE, &Done), STATUS_PARTIAL_COPY);
    expect_eq(Done, PAGE_SIZE - 100);
    expect_eq(Target[PAGE_SIZE - 101], 0x77);
    expect_eq(Target[PAGE_SIZE - 100], 0);
    expect_status(ZwWriteVirtualMemory(NtCurrentProcess(), Source, Target, 16, &Done), STATUS_SUCCESS);
    expect_eq(Done, 16);
    expect_status(MtFree(Source), STATUS_SUCCESS);
    expect_status(MtFree(Target), STATUS_SUCCESS);
}

// ---------------------------------------------------------------------------------------------------------- the model
#define MT_SLOTS 24u
#define MT_PAGES 48u // of a slot at most
#define MT_FREE 0
#define MT_RESERVED 1
#define MT_COMMITTED 2

typedef struct _MT_SLOT {
    PUCHAR Base;
    ULONG Pages;
    UCHAR State[MT_PAGES];
    UCHAR Value[MT_PAGES];
} MT_SLOT;

static MT_SLOT MtSlots[MT_SLOTS];

static VOID MtModelAllocate(MT_SLOT *Slot)
{
    BOOLEAN Commit = KtRandom() & 1;
    ULONG Page;

    Slot->Pages = 1 + KtRandom() % MT_PAGES;
    Slot->Base =
        MtAllocate(Slot->Pages * PAGE_SIZE,
                   MEM_RESERVE | (Commit ? MEM_COMMIT : 0) | ((KtRandom() & 1) ? MEM_TOP_DOWN : 0), PAGE_READWRITE);
    expect(Slot->Base != NULL);
    for (Page = 0; Page < Slot->Pages; Page++) {
        Slot->State[Page] = Commit ? MT_COMMITTED : MT_RESERVED;
        Slot->Value[Page] = 0;
    }
}

static VOID MtModelChange(MT_SLOT *Slot)
{
    ULONG First = KtRandom() % Slot->Pages, Count = 1 + KtRandom() % (Slot->Pages - First), Page;
    BOOLEAN Commit = KtRandom() & 1;
    PVOID Base = MT_PAGE(Slot->Base, First);
    SIZE_T Size = Count * PAGE_SIZE;

    if (Commit)
        expect_status(ZwAllocateVirtualMemory(NtCurrentProcess(), &Base, 0, &Size, MEM_COMMIT, PAGE_READWRITE),
                      STATUS_SUCCESS);
    else
        expect_status(ZwFreeVirtualMemory(NtCurrentProcess(), &Base, &Size, MEM_DECOMMIT), STATUS_SUCCESS);
    for (Page = First; Page < First + Count; Page++) {
        if (!Commit || Slot->State[Page] != MT_COMMITTED)
            Slot->Value[Page] = 0;
        Slot->State[Page] = Commit ? MT_COMMITTED : MT_RESERVED;
    }
}

static VOID MtModelTouch(MT_SLOT *Slot)
{
    ULONG Page = KtRandom() % Slot->Pages;
    PUCHAR Va = MT_PAGE(Slot->Base, Page) + KtRandom() % PAGE_SIZE;

    if (Slot->State[Page] != MT_COMMITTED) {
        expect_status(MtWrite(Va, 1), STATUS_ACCESS_VIOLATION);
        return;
    }
    Slot->Value[Page] = (UCHAR)KtRandom();
    memset(MT_PAGE(Slot->Base, Page), Slot->Value[Page], PAGE_SIZE);
}

static VOID MtModelCheck(MT_SLOT *Slot)
{
    MEMORY_BASIC_INFORMATION Information;
    ULONG Page;

    for (Page = 0; Page < Slot->Pages; Page++) {
        expect_status(MtQuery(MT_PAGE(Slot->Base, Page), &Information), STATUS_SUCCESS);
        expect_eq(Information.AllocationBase, Slot->Base);
        expect_eq(Information.State, Slot->State[Page] == MT_COMMITTED ? MEM_COMMIT : MEM_RESERVE);
        if (Slot->State[Page] == MT_COMMITTED)
            expect_eq(MT_PAGE(Slot->Base, Page)[KtRandom() % PAGE_SIZE], Slot->Value[Page]);
    }
}

// The tree is ordered, balanced, and has as many nodes as it says. Returns the height, MAXULONG if it is broken.
static ULONG MtCheckTree(PMMVAD Vad, PULONG Count)
{
    ULONG Left, Right;

    if (Vad == NULL)
        return 0;
    ++*Count;
    Left = MtCheckTree(Vad->LeftChild, Count);
    Right = MtCheckTree(Vad->RightChild, Count);
    if (Left == MAXULONG || Right == MAXULONG || Left > Right + 1 || Right > Left + 1 ||
        Vad->Height != 1 + max_of(Left, Right))
        return MAXULONG;
    if ((Vad->LeftChild != NULL && (Vad->LeftChild->Parent != Vad || Vad->LeftChild->EndingVpn >= Vad->StartingVpn)) ||
        (Vad->RightChild != NULL && (Vad->RightChild->Parent != Vad || Vad->RightChild->StartingVpn <= Vad->EndingVpn)))
        return MAXULONG;
    return Vad->Height;
}

KTEST(mm, address_space_follows_a_model)
{
    // Law: after any sequence of reserve, commit, decommit, write and release, every page is in the state and has the
    // contents that a simple model says; the tree of descriptors stays balanced; commitment comes back.
    MM_STATISTICS Before, After;
    ULONG Step, Count = 0;

    MtQueryAtRest(&Before);
    for (Step = 0; Step < 3000; Step++) {
        MT_SLOT *Slot = &MtSlots[KtRandom() % MT_SLOTS];
        ULONG Action = KtRandom() % 16;

        if (Slot->Base == NULL) {
            MtModelAllocate(Slot);
        } else if (Action == 0) {
            MtModelCheck(Slot);
            expect_status(MtFree(Slot->Base), STATUS_SUCCESS);
            Slot->Base = NULL;
        } else if (Action < 6) {
            MtModelChange(Slot);
        } else {
            MtModelTouch(Slot);
        }
    }
    expect(MtCheckTree(PsGetCurrentProcess()->VadRoot.Root, &Count) != MAXULONG);
    expect_eq(Count, PsGetCurrentProcess()->VadRoot.Count);
    for (Step = 0; Step < MT_SLOTS; Step++) {
        if (MtSlots[Step].Base != NULL) {
            MtModelCheck(&MtSlots[Step]);
            expect_status(MtFree(MtSlots[Step].Base), STATUS_SUCCESS);
            MtSlots[Step].Base = NULL;
        }
    }
    MtQueryAtRest(&After);
    expect_eq(After.CommittedPages, Before.CommittedPages);
    expect_eq(After.AvailablePages, Before.AvailablePages);
}
