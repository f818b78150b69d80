// SPDX-License-Identifier: MIT
// The modified page writer: takes changed pages that are in no working set, oldest first, finds them neighbouring
// slots in a page file and starts one transfer of them, two at a time for each file (MMMOD_WRITER_MDL_ENTRY). A page
// stays locked by a reference meanwhile; it may be faulted back, changed and deleted, so only when the write has
// ended, at the disk's DPC, is it decided whether the slot is the page's. Nothing here allocates memory or waits for
// another lock than the PFN lock: that is what everybody else's memory comes from.

#include "mi.h"

#define MI_WRITE_ENOUGH (2 * MI_LOW_MEMORY) // available pages from which on the writer may rest
#define MI_WRITE_REST 64u                   // and modified pages that may wait then
#define MI_FAILURE_PAUSE (-1000000ll)       // 100 ms
#define MI_BROKEN_AFTER 64u                 // failures in a row: nobody hopes for the page files any more

KEVENT MiPagefileWriterEvent, MiPagefileWriterDone;
static KEVENT MiWriteEnded;
static ULONG MiFailuresInARow, MiWritesUnderWay; // under the PFN lock
static volatile LONG MiWriteAll;                 // so many wait in MiFlushModifiedPages
static volatile BOOLEAN MiWriting;

// Can a modified private page still reach a page file? No lock.
BOOLEAN MiCanWritePageFile(VOID)
{
    return __atomic_load_n(&MmNumberOfPagingFiles, __ATOMIC_ACQUIRE) != 0 &&
           *(volatile ULONG *)&MiFailuresInARow < MI_BROKEN_AFTER;
}

static BOOLEAN MiIsWriteWanted(VOID)
{
    ULONG Modified = MmModifiedPagefilePageListHead.Total;

    return MmNumberOfPagingFiles != 0 && Modified != 0 &&
           (MmAvailablePages < MI_WRITE_ENOUGH || Modified > MI_WRITE_REST || MiWriteAll != 0);
}

// Pages come in the order in which they left their working sets, which need not be that of their addresses. In the
// order of their entries neighbours get neighbouring slots, and are read together again. The PFN lock is held.
static VOID MiSortPages(PPFN_NUMBER Pages, ULONG Count)
{
    ULONG Index, Place;

    for (Index = 1; Index < Count; Index++) {
        PFN_NUMBER Page = Pages[Index];
        PMMPFN Pfn = MI_PFN_ELEMENT(Page);

        for (Place = Index; Place != 0; Place--) {
            PMMPFN Other = MI_PFN_ELEMENT(Pages[Place - 1]);

            if (Other->PteFrame < Pfn->PteFrame ||
                (Other->PteFrame == Pfn->PteFrame && Other->PteAddress < Pfn->PteAddress))
                break;
            Pages[Place] = Pages[Place - 1];
        }
        Pages[Place] = Page;
    }
}

// What a file can have started next, NULL: it is full, or has enough to do. One whose bad slot is looked for is asked
// for one page after the other. The PFN lock is held.
static PMMMOD_WRITER_MDL_ENTRY MiFreeEntry(PMMPAGING_FILE File)
{
    PMMMOD_WRITER_MDL_ENTRY Free = NULL;
    ULONG Index, Busy = 0;

    for (Index = 0; Index < MM_PAGING_FILE_MDLS; Index++) {
        if (File->Entry[Index].Count == 0)
            Free = &File->Entry[Index];
        else
            Busy++;
    }
    return File->FreeSpace == 0 || (File->SingleWrites != 0 && Busy != 0) ? NULL : Free;
}

// The next write is of the file whose bad slot is looked for; else of the one that has the most room, so that files of
// equal size fill evenly, and disks share the load. NULL: none can take one now. The PFN lock is held.
static PMMMOD_WRITER_MDL_ENTRY MiChooseEntry(VOID)
{
    PMMMOD_WRITER_MDL_ENTRY Best = NULL;
    ULONG Number;

    for (Number = 0; Number < MmNumberOfPagingFiles; Number++) {
        PMMPAGING_FILE File = MmPagingFile[Number];
        PMMMOD_WRITER_MDL_ENTRY Entry = MiFreeEntry(File);

        if (Entry != NULL && File->SingleWrites != 0)
            return Entry;
        if (Entry != NULL && (Best == NULL || File->FreeSpace > Best->PagingFile->FreeSpace))
            Best = Entry;
    }
    return Best;
}

// Takes the oldest pages and a run of slots for them. The PFN lock is held; there are modified pages.
static VOID MiGatherPages(PMMMOD_WRITER_MDL_ENTRY Entry)
{
    PMMPAGING_FILE File = Entry->PagingFile;
    ULONG Index, Wanted = min_of(MmModifiedPagefilePageListHead.Total, MM_MAXIMUM_WRITE_CLUSTER);

    if (File->SingleWrites != 0) {
        File->SingleWrites--;
        Wanted = 1;
    }
    Entry->Count = MiAllocatePageFileRun(Wanted, &File, &Entry->FirstSlot);
    ASSERT(File == Entry->PagingFile && Entry->Count != 0);
    for (Index = 0; Index < Entry->Count; Index++) {
        PMMPFN Pfn = MI_PFN_ELEMENT(MmModifiedPagefilePageListHead.Flink);

        ASSERT(Pfn->OriginalPte.u.Soft.PageFileHigh == 0 && !Pfn->u3.e1.WriteInProgress);
        MiUnlinkPageFromList(Pfn);
        Pfn->u3.ReferenceCount = 1;
        Pfn->u3.e1.Modified = 0;
        Pfn->u3.e1.WriteInProgress = 1;
        Entry->Page[Index] = MI_PFN_NUMBER(Pfn);
    }
    MiSortPages(Entry->Page, Entry->Count);
    MiWritesUnderWay++;
}

// A page's write has ended. The slot becomes the page's if the page is still what was written. The PFN lock is held.
static VOID MiFinishPageWrite(PMMPFN Pfn, PMMPAGING_FILE File, ULONG Slot, NTSTATUS Status, BOOLEAN SlotIsBad)
{
    Pfn->u3.e1.WriteInProgress = 0;
    if (!NT_SUCCESS(Status))
        Pfn->u3.e1.Modified = 1; // still the only copy
    if (SlotIsBad) {
        MiMarkSlotBad(File);
    } else if (Pfn->u3.e1.Modified || Pfn->u3.e1.Deleted) {
        MiFreePageFileSlot(File->FileNumber, Slot);
    } else {
        Pfn->OriginalPte.u.Soft.PageFileLow = File->FileNumber;
        Pfn->OriginalPte.u.Soft.PageFileHigh = Slot;
    }
    MiDecrementReferenceCount(Pfn);
}

// A write of several pages has failed: the same slots are to be tried again, one by one. The PFN lock is held.
static VOID MiNoteFailure(PMMMOD_WRITER_MDL_ENTRY Entry)
{
    MiFailuresInARow++;
    if (Entry->Count > 1) {
        Entry->PagingFile->SingleWrites = Entry->Count;
        Entry->PagingFile->Hint = Entry->FirstSlot;
    }
}

// A write has ended. IRQL <= DISPATCH_LEVEL, any thread, no lock; IoAsynchronousPageWrite's routine.
static VOID NTAPI MiFinishWrite(PVOID Context, PIO_STATUS_BLOCK IoStatus, ULONG Reserved)
{
    PMMMOD_WRITER_MDL_ENTRY Entry = Context;
    PMMPAGING_FILE File = Entry->PagingFile;
    ULONG Index, Slot = Entry->FirstSlot;
    NTSTATUS Status = IoStatus->Status;
    BOOLEAN Bad = !NT_SUCCESS(Status) && Status != STATUS_INSUFFICIENT_RESOURCES && Entry->Count == 1;
    KIRQL OldIrql;

    UNREFERENCED_PARAMETER(Reserved);
    if (Entry->Mdl.MdlFlags & MDL_MAPPED_TO_SYSTEM_VA)
        MmUnmapLockedPages(Entry->Mdl.MappedSystemVa, &Entry->Mdl);
    OldIrql = MiLockPfn();
    for (Index = 0; Index < Entry->Count; Index++)
        MiFinishPageWrite(MI_PFN_ELEMENT(Entry->Page[Index]), File, Slot + Index, Status, Bad);
    if (NT_SUCCESS(Status)) {
        MiStatistics.PagesWritten += Entry->Count;
        MiStatistics.PageWriteIos++;
        MiFailuresInARow = 0;
    } else {
        MiNoteFailure(Entry);
    }
    Entry->Count = 0;
    MiWritesUnderWay--;
    KeSetEvent(&MiWriteEnded, IO_NO_INCREMENT, FALSE);
    MiUnlockPfn(OldIrql);
    if (Bad) {
        MiLowerCommitLimit(1); // a promise less can be kept
        DbgPrint("Mm: page file %wZ: slot %x cannot be written, status %08x; not used any more\n", &File->Name, Slot,
                 Status);
    }
}

static VOID MiIssueWrite(PMMMOD_WRITER_MDL_ENTRY Entry)
{
    LARGE_INTEGER Offset = {.QuadPart = (LONGLONG)Entry->FirstSlot << PAGE_SHIFT};

    MmInitializeMdl(&Entry->Mdl, NULL, Entry->Count << PAGE_SHIFT);
    Entry->Mdl.MdlFlags |= MDL_PAGES_LOCKED;
    IoAsynchronousPageWrite(Entry->PagingFile->File, &Entry->Mdl, &Offset, MiFinishWrite, Entry, &Entry->IoStatus);
}

// One step of the writer: starts a write, or waits for the end of one, or for room where all files are full. What is
// refused again and again is asked for with pauses.
static VOID MiWriteOrWait(VOID)
{
    LARGE_INTEGER Pause = {.QuadPart = MI_FAILURE_PAUSE};
    BOOLEAN Wanted = MiIsWriteWanted(), Full, Failing, Busy;
    KIRQL OldIrql = MiLockPfn();
    PMMMOD_WRITER_MDL_ENTRY Entry = NULL;

    if (Wanted && MmModifiedPagefilePageListHead.Total != 0)
        Entry = MiChooseEntry();
    if (Entry != NULL)
        MiGatherPages(Entry);
    Full = Wanted && MiFreePageFileSpace() == 0 && Entry == NULL;
    Busy = MiWritesUnderWay != 0;
    Failing = MiFailuresInARow > MM_MAXIMUM_WRITE_CLUSTER;
    MiSlotsWanted = Full;
    MiUnlockPfn(OldIrql);
    if (Entry != NULL)
        MiIssueWrite(Entry);
    if (Full || (Failing && Wanted))
        IGNORE_STATUS(KeWaitForSingleObject(&MiSlotFreed, WrPageOut, KernelMode, FALSE, &Pause));
    else if (Entry == NULL && Busy)
        KeWaitForever(&MiWriteEnded, WrPageOut);
}

// Has every page that is on the modified list now, and belongs to page files, written. PASSIVE_LEVEL, no locks.
// Returns without having done so if the page files cannot be written or have no room.
VOID MiFlushModifiedPages(VOID)
{
    LARGE_INTEGER Pause = {.QuadPart = MI_FAILURE_PAUSE};
    ULONG Written = MiStatistics.PagesWritten;
    BOOLEAN Full = FALSE;

    InterlockedIncrement(&MiWriteAll);
    while ((MmModifiedPagefilePageListHead.Total != 0 || MiWriting) && MiCanWritePageFile() && !Full) {
        KeClearEvent(&MiPagefileWriterDone);
        KeSetEvent(&MiPagefileWriterEvent, IO_NO_INCREMENT, FALSE);
        IGNORE_STATUS(KeWaitForSingleObject(&MiPagefileWriterDone, WrPageOut, KernelMode, FALSE, &Pause));
        Full = MiSlotsWanted && MiStatistics.PagesWritten == Written;
        Written = MiStatistics.PagesWritten;
    }
    InterlockedDecrement(&MiWriteAll);
}

// The modified page writer's thread.
VOID NTAPI MiModifiedPageWriter(PVOID Context)
{
    UNREFERENCED_PARAMETER(Context);
    KeInitializeEvent(&MiWriteEnded, SynchronizationEvent, FALSE);
    for (;;) {
        KeWaitForever(&MiPagefileWriterEvent, WrPageOut);
        MiWriting = TRUE;
        while (MiIsWriteWanted() || *(volatile ULONG *)&MiWritesUnderWay != 0)
            MiWriteOrWait();
        MiWriting = FALSE;
        KeSetEvent(&MiPagefileWriterDone, IO_NO_INCREMENT, FALSE);
    }
}
