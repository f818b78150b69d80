// SPDX-License-Identifier: MIT
// The page lists: every frame that nobody uses is on exactly one of them, linked through its entry in the frame
// database. Pages leave at the head; what was used last goes to the tail (standby, modified) so that it stays longest.
// Free and zeroed pages are kept apart by node: below 4 GB, where page tables and disk transfers want them, and above.
// The PFN lock is held around everything here.

#include "mi.h"

KSPIN_LOCK MmPfnLock;
MMPFNLIST MmZeroedPageListHead[MI_NODES] = {{0, ZeroedPageList, MM_EMPTY_LIST, MM_EMPTY_LIST},
                                            {0, ZeroedPageList, MM_EMPTY_LIST, MM_EMPTY_LIST}};
MMPFNLIST MmFreePageListHead[MI_NODES] = {{0, FreePageList, MM_EMPTY_LIST, MM_EMPTY_LIST},
                                          {0, FreePageList, MM_EMPTY_LIST, MM_EMPTY_LIST}};
#define MI_EMPTY_STANDBY                                                                                               \
    {                                                                                                                  \
        0, StandbyPageList, MM_EMPTY_LIST, MM_EMPTY_LIST                                                               \
    }
MMPFNLIST MmStandbyPageListByPriority[MI_PAGE_PRIORITIES] = {MI_EMPTY_STANDBY, MI_EMPTY_STANDBY, MI_EMPTY_STANDBY,
                                                             MI_EMPTY_STANDBY, MI_EMPTY_STANDBY, MI_EMPTY_STANDBY,
                                                             MI_EMPTY_STANDBY, MI_EMPTY_STANDBY};
ULONG MiRepurposed[MI_PAGE_PRIORITIES];
MMPFNLIST MmModifiedPageListHead = {0, ModifiedPageList, MM_EMPTY_LIST, MM_EMPTY_LIST};
MMPFNLIST MmModifiedPagefilePageListHead = {0, ModifiedPageList, MM_EMPTY_LIST, MM_EMPTY_LIST};
MMPFNLIST MmModifiedNoWritePageListHead = {0, ModifiedNoWritePageList, MM_EMPTY_LIST, MM_EMPTY_LIST};
MMPFNLIST MmBadPageListHead = {0, BadPageList, MM_EMPTY_LIST, MM_EMPTY_LIST};
ULONG MmAvailablePages;
KEVENT MmAvailablePagesEvent;
KEVENT MmZeroingPageEvent;
KEVENT MiModifiedPageWriterEvent;
MM_STATISTICS MiStatistics;

#define MI_ZEROING_THRESHOLD 8 // free pages that make it worth waking the zero page thread
#define MI_WAKE_WAITERS (MI_FAULT_RESERVE + 8)
#define MI_MODIFIED_THRESHOLD 256 // modified pages of either kind that wake their writer

static BOOLEAN MiIsAvailable(MMLISTS ListName)
{
    return ListName <= StandbyPageList;
}

static PMMPFNLIST MiListOfPage(PMMPFN Pfn)
{
    switch (Pfn->u3.e1.PageLocation) {
    case ZeroedPageList:
        return &MmZeroedPageListHead[MI_NODE_OF(MI_PFN_NUMBER(Pfn))];
    case FreePageList:
        return &MmFreePageListHead[MI_NODE_OF(MI_PFN_NUMBER(Pfn))];
    case StandbyPageList:
        return &MmStandbyPageListByPriority[Pfn->u3.e1.Priority];
    case ModifiedPageList:
        return Pfn->OriginalPte.u.Soft.Prototype ? &MmModifiedPageListHead : &MmModifiedPagefilePageListHead;
    case ModifiedNoWritePageList:
        return &MmModifiedNoWritePageListHead;
    case BadPageList:
        return &MmBadPageListHead;
    default:
        KeBugCheckEx(PFN_LIST_CORRUPT, 0x99, MI_PFN_NUMBER(Pfn), Pfn->u3.e1.PageLocation, 0);
    }
}

static VOID MiPageBecameAvailable(VOID)
{
    MmAvailablePages++;
    if (MmAvailablePages == MI_WAKE_WAITERS)
        KeSetEvent(&MmAvailablePagesEvent, IO_NO_INCREMENT, FALSE);
}

static VOID MiMemoryIsLow(VOID)
{
    if (MmModifiedPageListHead.Total != 0)
        KeSetEvent(&MiModifiedPageWriterEvent, IO_NO_INCREMENT, FALSE);
    if (MmModifiedPagefilePageListHead.Total != 0)
        KeSetEvent(&MiPagefileWriterEvent, IO_NO_INCREMENT, FALSE);
    KeSetEvent(&MiWorkingSetManagerEvent, IO_NO_INCREMENT, FALSE);
}

static VOID MiPageBecameUnavailable(VOID)
{
    MmAvailablePages--;
    if (MmAvailablePages == MI_FAULT_RESERVE)
        KeClearEvent(&MmAvailablePagesEvent);
    else if (MmAvailablePages == MI_LOW_MEMORY)
        MiMemoryIsLow();
}

// Puts a frame without references at the tail of a list. The PFN lock is held.
VOID MiInsertPageInList(PMMPFNLIST List, PFN_NUMBER Page)
{
    PMMPFN Pfn = MI_PFN_ELEMENT(Page);

    ASSERT_PFN_LOCKED();
    ASSERT(Pfn->u3.ReferenceCount == 0);
    Pfn->u3.e1.PageLocation = List->ListName;
    Pfn->u1.Flink = MM_EMPTY_LIST;
    Pfn->u2.Blink = List->Blink;
    if (List->Blink == MM_EMPTY_LIST)
        List->Flink = Page;
    else
        MI_PFN_ELEMENT(List->Blink)->u1.Flink = Page;
    List->Blink = Page;
    List->Total++;
    KdTrace(PageList, Page, List->ListName, Pfn->u3.e1.Priority, 0);
    if (MiIsAvailable(List->ListName))
        MiPageBecameAvailable();
    else if (List->ListName == ModifiedPageList &&
             (List->Total == MI_MODIFIED_THRESHOLD || MmAvailablePages < MI_LOW_MEMORY))
        KeSetEvent(List == &MmModifiedPageListHead ? &MiModifiedPageWriterEvent : &MiPagefileWriterEvent,
                   IO_NO_INCREMENT, FALSE);
}

// Gives a frame back: at the head of the free list, where it is still warm in the cache. The PFN lock is held.
VOID MiInsertPageInFreeList(PFN_NUMBER Page)
{
    PMMPFN Pfn = MI_PFN_ELEMENT(Page);
    PMMPFNLIST List = &MmFreePageListHead[MI_NODE_OF(Page)];

    ASSERT_PFN_LOCKED();
    ASSERT(Pfn->u3.ReferenceCount == 0);
    Pfn->u3.ShortFlags = 0;
    Pfn->u3.e1.PageLocation = FreePageList;
    Pfn->PteAddress = NULL;
    Pfn->OriginalPte.u.Long = 0;
    Pfn->u2.Blink = MM_EMPTY_LIST;
    Pfn->u1.Flink = List->Flink;
    if (List->Flink == MM_EMPTY_LIST)
        List->Blink = Page;
    else
        MI_PFN_ELEMENT(List->Flink)->u2.Blink = Page;
    List->Flink = Page;
    List->Total++;
    KdTrace(PageList, Page, FreePageList, 0, 0);
    MiPageBecameAvailable();
    if (List->Total == MI_ZEROING_THRESHOLD)
        KeSetEvent(&MmZeroingPageEvent, IO_NO_INCREMENT, FALSE);
}

// Puts a page that is not changed at the tail of its priority's list. The PFN lock is held.
VOID MiInsertPageInStandbyList(PFN_NUMBER Page)
{
    MiInsertPageInList(&MmStandbyPageListByPriority[MI_PFN_ELEMENT(Page)->u3.e1.Priority], Page);
}

ULONG MiCountStandbyPages(VOID)
{
    ULONG Priority, Total = 0;

    for (Priority = 0; Priority < MI_PAGE_PRIORITIES; Priority++)
        Total += MmStandbyPageListByPriority[Priority].Total;
    return Total;
}

// Takes a frame off whatever list it is on; its contents and entry stay. The PFN lock is held.
VOID MiUnlinkPageFromList(PMMPFN Pfn)
{
    PMMPFNLIST List = MiListOfPage(Pfn);
    PFN_NUMBER Next = Pfn->u1.Flink, Previous = Pfn->u2.Blink;

    ASSERT_PFN_LOCKED();
    if (Previous == MM_EMPTY_LIST)
        List->Flink = Next;
    else
        MI_PFN_ELEMENT(Previous)->u1.Flink = Next;
    if (Next == MM_EMPTY_LIST)
        List->Blink = Previous;
    else
        MI_PFN_ELEMENT(Next)->u2.Blink = Previous;
    List->Total--;
    if (MiIsAvailable(List->ListName))
        MiPageBecameUnavailable();
    KdTrace(PageList, MI_PFN_NUMBER(Pfn), TransitionPage, Pfn->u3.e1.Priority, 0);
    Pfn->u1.Flink = 0;
    Pfn->u2.ShareCount = 0;
    Pfn->u3.e1.PageLocation = TransitionPage;
}

// A standby page is given away: who wants what it held has to read it again.
static VOID MiRepurposePage(PMMPFN Pfn)
{
    MiRepurposed[Pfn->u3.e1.Priority]++;
    MiRestoreTransitionPte(Pfn);
}

// The lists it is used with hold available pages; this one is not empty.
static PFN_NUMBER MiTakeHead(PMMPFNLIST List)
{
    PFN_NUMBER Page = List->Flink;
    PMMPFN Pfn = MI_PFN_ELEMENT(Page);

    if (List->ListName == StandbyPageList)
        MiRepurposePage(Pfn);
    List->Flink = Pfn->u1.Flink;
    if (Pfn->u1.Flink == MM_EMPTY_LIST)
        List->Blink = MM_EMPTY_LIST;
    else
        MI_PFN_ELEMENT(Pfn->u1.Flink)->u2.Blink = MM_EMPTY_LIST;
    List->Total--;
    KdTrace(PageList, Page, TransitionPage, 0, 0);
    MiPageBecameUnavailable();
    Pfn->u2.ShareCount = 0;
    Pfn->u3.ShortFlags = 0;
    Pfn->u3.e1.PageLocation = TransitionPage;
    return Page;
}

FORCEINLINE PFN_NUMBER MiRemoveHead(PMMPFNLIST List)
{
    return List->Flink == MM_EMPTY_LIST ? 0 : MiTakeHead(List);
}

static PFN_NUMBER MiRemoveStandbyPage(VOID)
{
    PFN_NUMBER Page = 0;
    ULONG Priority;

    for (Priority = 0; Priority < MI_PAGE_PRIORITIES && Page == 0; Priority++)
        Page = MiRemoveHead(&MmStandbyPageListByPriority[Priority]);
    return Page;
}

// Takes any frame, contents undefined: free, then zeroed, then a standby page (of the lowest priority, used longest
// ago), then what the other node has. Returns 0 if there is none. The PFN lock is held; the caller initializes the
// entry before releasing it.
PFN_NUMBER MiRemoveAnyPage(MI_NODE Node)
{
    PFN_NUMBER Page = MiRemoveHead(&MmFreePageListHead[Node]);

    if (Page == 0)
        Page = MiRemoveHead(&MmZeroedPageListHead[Node]);
    if (Page == 0 && Node == MiHighNode)
        Page = MiRemoveHead(&MmFreePageListHead[MiLowNode]);
    if (Page == 0)
        Page = MiRemoveStandbyPage();
    if (Page == 0)
        Page = MiRemoveHead(&MmFreePageListHead[1 - Node]);
    if (Page == 0)
        Page = MiRemoveHead(&MmZeroedPageListHead[1 - Node]);
    return Page;
}

// As MiRemoveAnyPage, preferring one that is zero already; *Zeroed says whether it is.
PFN_NUMBER MiRemoveZeroPage(MI_NODE Node, PBOOLEAN Zeroed)
{
    PFN_NUMBER Page = MiRemoveHead(&MmZeroedPageListHead[Node]);

    if (Page == 0 && Node == MiHighNode && MmFreePageListHead[MiHighNode].Total == 0)
        Page = MiRemoveHead(&MmZeroedPageListHead[MiLowNode]);
    *Zeroed = Page != 0;
    return Page != 0 ? Page : MiRemoveAnyPage(Node);
}

// Takes this very frame if it is zeroed, free or standby. Returns it, or 0. The PFN lock is held.
PFN_NUMBER MiRemovePageByNumber(PFN_NUMBER Page)
{
    PMMPFN Pfn = MI_PFN_ELEMENT(Page);

    if (!MiIsAvailable(Pfn->u3.e1.PageLocation))
        return 0;
    if (Pfn->u3.e1.PageLocation == StandbyPageList)
        MiRepurposePage(Pfn);
    MiUnlinkPageFromList(Pfn);
    Pfn->u3.ShortFlags = 0;
    Pfn->u3.e1.PageLocation = TransitionPage;
    return Page;
}

// Makes up to MI_PTE_BATCH standby pages of a priority free ones. Returns how many. Takes the PFN lock.
ULONG MiPurgeStandbyPages(ULONG Priority)
{
    KIRQL OldIrql = MiLockPfn();
    ULONG Count;

    for (Count = 0; Count < MI_PTE_BATCH; Count++) {
        PFN_NUMBER Page = MiRemoveHead(&MmStandbyPageListByPriority[Priority]);

        if (Page == 0)
            break;
        MiInsertPageInFreeList(Page);
    }
    MiUnlockPfn(OldIrql);
    return Count;
}
