// SPDX-License-Identifier: MIT
// Laws of interlocked lists and lookaside lists (ex/slist.c, ex/lookaside.c).

#include "ktest.h"

#define TEST_TAG 0x7358744B // 'KtXs'
#define ENTRIES 32
#define TURNS 20000

KTEST(ex, slist_is_a_stack)
{
    // Law: entries leave a sequenced list in the opposite order, and its depth counts them.
    SLIST_ENTRY Entries[ENTRIES];
    SLIST_HEADER Head;

    ExInitializeSListHead(&Head);
    expect(InterlockedPopEntrySList(&Head) == NULL);
    for (ULONG Index = 0; Index < ENTRIES; Index++) {
        expect_eq(InterlockedPushEntrySList(&Head, &Entries[Index]), Index == 0 ? NULL : &Entries[Index - 1]);
        expect_eq(Head.Depth, Index + 1);
    }
    for (ULONG Index = ENTRIES; Index-- > 0;)
        expect_eq(InterlockedPopEntrySList(&Head), &Entries[Index]);
    expect_eq(Head.Depth, 0);
    expect(InterlockedPopEntrySList(&Head) == NULL);
}

typedef struct _COUNTED {
    SLIST_ENTRY Link;
    volatile LONG Holders;
} COUNTED;

static SLIST_HEADER SharedHead;
static volatile LONG Collisions;

static VOID NTAPI PopAndPush(PVOID Context)
{
    UNREFERENCED_PARAMETER(Context);
    for (ULONG Turn = 0; Turn < TURNS; Turn++) {
        COUNTED *Entry = (COUNTED *)InterlockedPopEntrySList(&SharedHead);

        if (Entry == NULL)
            continue;
        if (InterlockedIncrement(&Entry->Holders) != 1)
            InterlockedIncrement(&Collisions);
        InterlockedDecrement(&Entry->Holders);
        InterlockedPushEntrySList(&SharedHead, &Entry->Link);
    }
}

KTEST(ex, slist_gives_an_entry_to_one_thread)
{
    // Law: threads that pop and push at the same time never hold the same entry, and none gets lost.
    static COUNTED Entries[3];
    PETHREAD Threads[4];
    ULONG Found = 0;

    Collisions = 0;
    ExInitializeSListHead(&SharedHead);
    for (ULONG Index = 0; Index < RTL_NUMBER_OF(Entries); Index++)
        InterlockedPushEntrySList(&SharedHead, &Entries[Index].Link);
    for (ULONG Index = 0; Index < RTL_NUMBER_OF(Threads); Index++)
        Threads[Index] = KtStartThread(PopAndPush, NULL, 8);
    for (ULONG Index = 0; Index < RTL_NUMBER_OF(Threads); Index++)
        KtJoin(Threads[Index]);
    while (InterlockedPopEntrySList(&SharedHead) != NULL)
        Found++;
    expect_eq(Collisions, 0);
    expect_eq(Found, RTL_NUMBER_OF(Entries));
}

KTEST(ex, interlocked_list_is_a_queue)
{
    // Law: what is inserted at the tail leaves at the head in the same order.
    LIST_ENTRY Head, Entries[4];
    KSPIN_LOCK Lock;

    KeInitializeSpinLock(&Lock);
    InitializeListHead(&Head);
    expect(ExInterlockedRemoveHeadList(&Head, &Lock) == NULL);
    for (ULONG Index = 0; Index < RTL_NUMBER_OF(Entries); Index++)
        expect_eq(ExInterlockedInsertTailList(&Head, &Entries[Index], &Lock), Index == 0 ? NULL : &Entries[Index - 1]);
    for (ULONG Index = 0; Index < RTL_NUMBER_OF(Entries); Index++)
        expect_eq(ExInterlockedRemoveHeadList(&Head, &Lock), &Entries[Index]);
    expect(IsListEmpty(&Head));
}

KTEST(ex, lookaside_reuses_blocks_up_to_its_depth)
{
    // Law: a freed block is handed out again without going to the pool; no more than the depth are kept; deleting
    // returns all.
    GENERAL_LOOKASIDE List;
    PVOID Blocks[8];
    SIZE_T Before = ExGetPoolUsage(FALSE);

    KeSetSystemAffinityThread(1); // each processor has its own stack
    ExInitializeLookasideList(&List, NonPagedPool, 48, TEST_TAG, 4);
    for (ULONG Index = 0; Index < RTL_NUMBER_OF(Blocks); Index++)
        Blocks[Index] = ExAllocateFromLookasideList(&List);
    expect_eq(List.AllocateMisses, RTL_NUMBER_OF(Blocks));
    for (ULONG Index = 0; Index < RTL_NUMBER_OF(Blocks); Index++)
        ExFreeToLookasideList(&List, Blocks[Index]);
    expect_eq(List.FreeMisses, RTL_NUMBER_OF(Blocks) - 4);
    expect_eq(ExGetPoolUsage(FALSE), Before); // what is kept counts as free
    expect_eq(ExAllocateFromLookasideList(&List), Blocks[3]);
    expect_eq(List.AllocateMisses, RTL_NUMBER_OF(Blocks));
    ExFreeToLookasideList(&List, Blocks[3]);
    ExDeleteLookasideList(&List);
    expect_eq(ExGetPoolUsage(FALSE), Before);
    KeRevertToUserAffinityThread();
}

KTEST(ex, slist_flush_takes_all)
{
    // Law: a flush returns the whole chain, last in first, and leaves an empty list whose sequence goes on.
    SLIST_ENTRY Entries[3];
    SLIST_HEADER Head;
    USHORT Sequence;

    ExInitializeSListHead(&Head);
    expect(InterlockedFlushSList(&Head) == NULL);
    for (ULONG Index = 0; Index < RTL_NUMBER_OF(Entries); Index++)
        InterlockedPushEntrySList(&Head, &Entries[Index]);
    Sequence = Head.Sequence;
    expect_eq(InterlockedFlushSList(&Head), &Entries[2]);
    expect_eq(Entries[2].Next, &Entries[1]);
    expect(Entries[0].Next == NULL);
    expect_eq(Head.Depth, 0);
    expect_eq(Head.Sequence, Sequence);
}

extern const UCHAR ExpInterlockedPopEntrySListFault[], ExpInterlockedPopEntrySListResume[];

KTEST(ex, slist_pop_that_faults_begins_anew)
{
    // Law: a fault in a pop's look at an entry is repaired if the header has changed since it was read, and only then.
    KTRAP_FRAME Frame;
    SLIST_ENTRY Entry;
    SLIST_HEADER Head;

    ExInitializeSListHead(&Head);
    InterlockedPushEntrySList(&Head, &Entry);
    RtlZeroMemory(&Frame, sizeof(Frame));
    Frame.Eip = (ULONG)ExpInterlockedPopEntrySListFault;
    Frame.Esi = (ULONG)&Head;
    Frame.Eax = (ULONG)&Entry;
    Frame.Edx = (ULONG)(Head.Alignment >> 32);
    expect(!ExRepairSListFault(&Frame));
    expect_eq(InterlockedPopEntrySList(&Head), &Entry);
    expect(ExRepairSListFault(&Frame));
    expect_eq(Frame.Eip, ExpInterlockedPopEntrySListResume);
    expect(!ExRepairSListFault(&Frame)); // at any other place it is not a pop's fault
}

static SLIST_HEADER PageHead;
static volatile LONG Freed;

static VOID NTAPI PushAndFreePages(PVOID Context)
{
    UNREFERENCED_PARAMETER(Context);
    for (ULONG Turn = 0; Turn < 300; Turn++) {
        PSLIST_ENTRY Entry = ExAllocatePoolWithTag(NonPagedPool, PAGE_SIZE, TEST_TAG);

        if (Entry != NULL)
            InterlockedPushEntrySList(&PageHead, Entry);
        Entry = InterlockedPopEntrySList(&PageHead);
        if (Entry != NULL) {
            ExFreePoolWithTag(Entry, TEST_TAG);
            InterlockedIncrement(&Freed);
        }
    }
}

KTEST(ex, slist_entries_may_be_freed_while_others_pop)
{
    // Law: threads that free the pages they pop at once do not disturb others in the middle of a pop.
    PETHREAD Threads[4];

    Freed = 0;
    ExInitializeSListHead(&PageHead);
    for (ULONG Index = 0; Index < RTL_NUMBER_OF(Threads); Index++)
        Threads[Index] = KtStartThread(PushAndFreePages, NULL, 8);
    for (ULONG Index = 0; Index < RTL_NUMBER_OF(Threads); Index++)
        KtJoin(Threads[Index]);
    expect_eq(Freed, 300 * RTL_NUMBER_OF(Threads));
    expect(InterlockedPopEntrySList(&PageHead) == NULL);
}

KTEST(ex, interlocked_numbers_and_single_lists)
{
    // Law: the interlocked additions return what was there before; the singly linked list is a stack.
    SINGLE_LIST_ENTRY Head = {NULL}, Entries[2];
    LARGE_INTEGER Big = {.QuadPart = 0xFFFFFFFFll}, One = {.QuadPart = 1};
    ULONG Small = 5;
    KSPIN_LOCK Lock;

    KeInitializeSpinLock(&Lock);
    expect_eq(ExInterlockedAddLargeInteger(&Big, One, &Lock).HighPart, 0);
    expect_eq(Big.HighPart, 1);
    expect_eq(Big.LowPart, 0);
    ExInterlockedAddLargeStatistic(&Big, 7);
    expect_eq(Big.LowPart, 7);
    expect_eq(ExInterlockedAddUlong(&Small, 3, &Lock), 5);
    expect_eq(Small, 8);
    expect(ExInterlockedPushEntryList(&Head, &Entries[0], &Lock) == NULL);
    expect_eq(ExInterlockedPushEntryList(&Head, &Entries[1], &Lock), &Entries[0]);
    expect_eq(ExInterlockedPopEntryList(&Head, &Lock), &Entries[1]);
    expect_eq(ExInterlockedPopEntryList(&Head, &Lock), &Entries[0]);
    expect(ExInterlockedPopEntryList(&Head, &Lock) == NULL);
}
