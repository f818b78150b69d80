// SPDX-License-Identifier: MIT
// In-page blocks (one for each page read under way), and the first half of a read from a page file. A block comes from
// the pool, and when that is empty from a small supply: a read that would free memory must not fail for want of it. Who
// gets none waits for one to come back, and reads always end.

#include "mi.h"

#define MI_RESERVED_INPAGE 4u

static MMINPAGE_SUPPORT MiReservedInPage[MI_RESERVED_INPAGE];
static ULONG MiReservedInUse; // bit n: block n; under the PFN lock

static PMMINPAGE_SUPPORT MiTakeReservedInPage(VOID)
{
    PMMINPAGE_SUPPORT InPage = NULL;
    KIRQL OldIrql = MiLockPfn();
    ULONG Index;

    for (Index = 0; Index < MI_RESERVED_INPAGE && InPage == NULL; Index++) {
        if (!(MiReservedInUse & (1u << Index))) {
            MiReservedInUse |= 1u << Index;
            InPage = &MiReservedInPage[Index];
        }
    }
    MiUnlockPfn(OldIrql);
    if (InPage != NULL)
        memset(InPage, 0, sizeof(*InPage));
    return InPage;
}

// IRQL <= DISPATCH_LEVEL, without the PFN lock. NULL: pool and supply are used up; others are reading, so wait.
PMMINPAGE_SUPPORT MiAllocateInPage(VOID)
{
    PMMINPAGE_SUPPORT InPage = ExAllocatePoolZero(NonPagedPool, sizeof(*InPage), TAG_INPAGE);

    if (InPage == NULL)
        InPage = MiTakeReservedInPage();
    if (InPage == NULL)
        return NULL;
    KeInitializeEvent(&InPage->Event, NotificationEvent, FALSE);
    KeInitializeEvent(&InPage->Done, NotificationEvent, FALSE);
    InPage->ReferenceCount = 1;
    return InPage;
}

// IRQL <= DISPATCH_LEVEL, without the PFN lock.
VOID MiDereferenceInPage(PMMINPAGE_SUPPORT InPage)
{
    BOOLEAN Reserved = InPage >= MiReservedInPage && InPage < MiReservedInPage + MI_RESERVED_INPAGE;
    KIRQL OldIrql = MiLockPfn();
    LONG Count = --InPage->ReferenceCount;

    if (Count == 0 && Reserved)
        MiReservedInUse &= ~(1u << (InPage - MiReservedInPage));
    MiUnlockPfn(OldIrql);
    if (Count == 0 && !Reserved)
        ExFreePoolWithTag(InPage, TAG_INPAGE);
}

// The page is on its way in for another thread: the fault waits for that read. The PFN lock is held; the caller returns
// MI_STATUS_READ.
VOID MiShareInPage(PMI_FAULT Fault, PMMPFN Pfn)
{
    Fault->InPage = Pfn->u1.InPage;
    Fault->InPage->ReferenceCount++;
    Fault->Issue = FALSE;
}

// How many entries from Pte on, none behind Last, name neighbouring slots: they were written together, so they are read
// together, into pages that can be had again at once should nobody touch them.
static ULONG MiSlotCluster(PMI_FAULT Fault, PMMPTE Pte, PMMPTE Last)
{
    ULONG Limit = min_of(MM_MAXIMUM_READ_CLUSTER, (ULONG)(Last - Pte) + 1), Count = 1;

    Limit = min_of(Limit, 1 + (MmAvailablePages - MI_FAULT_RESERVE) / 2);
    if (Fault->Single)
        return 1;
    while (Count < Limit && MI_IS_PAGE_FILE_PTE(&Pte[Count]) &&
           Pte[Count].u.Soft.PageFileLow == Pte->u.Soft.PageFileLow &&
           Pte[Count].u.Soft.PageFileHigh == Pte->u.Soft.PageFileHigh + Count)
        Count++;
    return Count;
}

// The page of Pte is in a page file: with Fault->InPage, a new block, takes frames for it and its neighbours up to Last
// and marks them as being read. Pte: a private entry of the current process, or a prototype PTE. The PFN lock is held.
// Returns MI_STATUS_READ (the caller drops its locks and calls MiWaitForPageRead), or MI_STATUS_NO_PAGE.
NTSTATUS MiStartPageFileRead(PMI_FAULT Fault, PMMPTE Pte, PMMPTE Last)
{
    PMMINPAGE_SUPPORT InPage = Fault->InPage;
    PMMPAGING_FILE File = MmPagingFile[Pte->u.Soft.PageFileLow];
    ULONG Count, Index;

    if (MmAvailablePages <= MI_FAULT_RESERVE || InPage == NULL)
        return MI_STATUS_NO_PAGE;
    InPage->ReadOffset.QuadPart = (LONGLONG)Pte->u.Soft.PageFileHigh << PAGE_SHIFT;
    InPage->FilePointer = File->File;
    Count = MiSlotCluster(Fault, Pte, Last);
    for (Index = 0; Index < Count; Index++)
        MiPreparePage(InPage, Index, Pte + Index);
    MiStatistics.PageReadIos++;
    MiStatistics.PageReads += Count;
    if (Fault->Process == NULL)
        MiCountSystemRead(Count);
    InPage->FileBytes = Count << PAGE_SHIFT;
    MmInitializeMdl(&InPage->Mdl, NULL, Count << PAGE_SHIFT);
    InPage->Mdl.MdlFlags |= MDL_PAGES_LOCKED | MDL_IO_PAGE_READ;
    Fault->Issue = TRUE;
    return MI_STATUS_READ;
}

// A private page of the current process that is in a page file. The working set lock is held. MI_STATUS_READ,
// MI_STATUS_NO_PAGE; STATUS_RETRY: the entry has changed.
NTSTATUS MiResolvePageFile(PMI_FAULT Fault)
{
    PMMPTE Pte = Fault->Pte, Last = (PMMPTE)((ULONG_PTR)Pte | (PAGE_SIZE - sizeof(MMPTE)));
    PMMINPAGE_SUPPORT InPage = MiAllocateInPage();
    NTSTATUS Status = STATUS_RETRY;
    KIRQL OldIrql;

    Fault->InPage = InPage;
    OldIrql = MiLockPfn();
    if (MI_IS_PAGE_FILE_PTE(Pte))
        Status = MiStartPageFileRead(Fault, Pte, Last);
    MiUnlockPfn(OldIrql);
    if (InPage != NULL && Status != MI_STATUS_READ)
        MiDereferenceInPage(InPage);
    return Status;
}
