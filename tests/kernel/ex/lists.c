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

    ExInitializeLookasideList(&List, NonPagedPool, 48, TEST_TAG, 4);
    for (ULONG Index = 0; Index < RTL_NUMBER_OF(Blocks); Index++)
        Blocks[Index] = ExAllocateFromLookasideList(&List);
    expect_eq(List.AllocateMisses, RTL_NUMBER_OF(Blocks));
    for (ULONG Index = 0; Index < RTL_NUMBER_OF(Blocks); Index++)
        ExFreeToLookasideList(&List, Blocks[Index]);
    expect_eq(List.FreeMisses, RTL_NUMBER_OF(Blocks) - 4);
    expect_eq(ExAllocateFromLookasideList(&List), Blocks[3]);
    expect_eq(List.AllocateMisses, RTL_NUMBER_OF(Blocks));
    ExFreeToLookasideList(&List, Blocks[3]);
    ExDeleteLookasideList(&List);
    expect_eq(ExGetPoolUsage(FALSE), Before);
}
