// SPDX-License-Identifier: MIT
// The modified page writer: takes changed pages that are in no working set, oldest first, finds them neighbouring slots
// in a page file and writes them in one transfer. A page stays locked by a reference meanwhile; it may be faulted back,
// changed and deleted, so only when the write has ended is it decided whether the slot is the page's. Nothing here
// allocates memory or waits for another lock than the PFN lock: that is what everybody else's memory comes from.

#include "mi.h"

#define MI_WRITE_ENOUGH (2 * MI_LOW_MEMORY) // available pages from which on the writer may rest
#define MI_WRITE_REST 64u                   // and modified pages that may wait then
#define MI_FAILURE_PAUSE (-1000000ll)       // 100 ms
#define MI_BROKEN_AFTER 64u                 // failures in a row: nobody hopes for the page files any more

KEVENT MiPagefileWriterEvent, MiPagefileWriterDone;
static ULONG MiFailuresInARow;
static volatile LONG MiWriteAll; // so many wait in MiFlushModifiedPages
static volatile BOOLEAN MiWriting;
static ULONG MiSingleWrites; // writes that are to be of one page, to find the slot that is bad
static PMMPAGING_FILE MiSuspectFile;

typedef struct _MI_PAGE_WRITE {
    PMMPAGING_FILE File;
    ULONG FirstSlot, Count;
    MDL Mdl;
    PFN_NUMBER Pages[MM_MAXIMUM_WRITE_CLUSTER];
} MI_PAGE_WRITE, *PMI_PAGE_WRITE;

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

// Takes the oldest pages and a run of slots for them. FALSE: there are no pages, or no slots.
static BOOLEAN MiGatherPages(PMI_PAGE_WRITE Write)
{
    KIRQL OldIrql = MiLockPfn();
    ULONG Wanted = min_of(MmModifiedPagefilePageListHead.Total, MiSingleWrites != 0 ? 1 : MM_MAXIMUM_WRITE_CLUSTER);
    ULONG Index;

    Write->File = MiSingleWrites != 0 ? MiSuspectFile : NULL;
    Write->Count = Wanted == 0 ? 0 : MiAllocatePageFileRun(Wanted, &Write->File, &Write->FirstSlot);
    for (Index = 0; Index < Write->Count; Index++) {
        PMMPFN Pfn = MI_PFN_ELEMENT(MmModifiedPagefilePageListHead.Flink);

        ASSERT(Pfn->OriginalPte.u.Soft.PageFileHigh == 0 && !Pfn->u3.e1.WriteInProgress);
        MiUnlinkPageFromList(Pfn);
        Pfn->u3.ReferenceCount = 1;
        Pfn->u3.e1.Modified = 0;
        Pfn->u3.e1.WriteInProgress = 1;
        Write->Pages[Index] = MI_PFN_NUMBER(Pfn);
    }
    MiSortPages(Write->Pages, Write->Count);
    MiSlotsWanted = Wanted != 0 && Write->Count == 0;
    MiUnlockPfn(OldIrql);
    return Write->Count != 0;
}

static NTSTATUS MiIssuePageFileWrite(PMI_PAGE_WRITE Write)
{
    LARGE_INTEGER Offset = {.QuadPart = (LONGLONG)Write->FirstSlot << PAGE_SHIFT};
    IO_STATUS_BLOCK IoStatus = {.Status = STATUS_SUCCESS, .Information = 0};
    KEVENT Event;
    NTSTATUS Status;

    KeInitializeEvent(&Event, NotificationEvent, FALSE);
    MmInitializeMdl(&Write->Mdl, NULL, Write->Count << PAGE_SHIFT);
    Write->Mdl.MdlFlags |= MDL_PAGES_LOCKED;
    Status = IoSynchronousPageWrite(Write->File->File, &Write->Mdl, &Offset, &Event, &IoStatus);
    if (Status == STATUS_PENDING || NT_SUCCESS(Status)) {
        KeWaitForever(&Event, WrPageOut);
        Status = IoStatus.Status;
    }
    if (Write->Mdl.MdlFlags & MDL_MAPPED_TO_SYSTEM_VA)
        MmUnmapLockedPages(Write->Mdl.MappedSystemVa, &Write->Mdl);
    return Status;
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

static VOID MiFinishWrite(PMI_PAGE_WRITE Write, NTSTATUS Status)
{
    BOOLEAN Bad = !NT_SUCCESS(Status) && Status != STATUS_INSUFFICIENT_RESOURCES && Write->Count == 1;
    KIRQL OldIrql = MiLockPfn();
    ULONG Index;

    for (Index = 0; Index < Write->Count; Index++)
        MiFinishPageWrite(MI_PFN_ELEMENT(Write->Pages[Index]), Write->File, Write->FirstSlot + Index, Status, Bad);
    if (NT_SUCCESS(Status)) {
        MiStatistics.PagesWritten += Write->Count;
        MiStatistics.PageWriteIos++;
    }
    MiUnlockPfn(OldIrql);
    if (Bad) {
        MiLowerCommitLimit(1); // a promise less can be kept
        DbgPrint("Mm: page file %wZ: slot %x cannot be written, status %08x; not used any more\n", &Write->File->Name,
                 Write->FirstSlot, Status);
    }
}

// One write. FALSE: there was nothing to write, or no place for it.
static BOOLEAN MiWritePages(VOID)
{
    MI_PAGE_WRITE Write;
    NTSTATUS Status;

    if (!MiGatherPages(&Write))
        return FALSE;
    Status = MiIssuePageFileWrite(&Write);
    MiFinishWrite(&Write, Status);
    MiSingleWrites -= MiSingleWrites != 0;
    if (NT_SUCCESS(Status)) {
        MiFailuresInARow = 0;
        return TRUE;
    }
    MiFailuresInARow++;
    if (Write.Count > 1) { // the same slots again, one by one
        MiSingleWrites = Write.Count;
        MiSuspectFile = Write.File;
        MiSuspectFile->Hint = Write.FirstSlot;
    }
    return TRUE;
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
    for (;;) {
        KeWaitForever(&MiPagefileWriterEvent, WrPageOut);
        MiWriting = TRUE;
        while (MiIsWriteWanted()) {
            BOOLEAN Written = MiWritePages();

            if (!Written || MiFailuresInARow > MM_MAXIMUM_WRITE_CLUSTER) {
                LARGE_INTEGER Pause = {.QuadPart = MI_FAILURE_PAUSE};

                IGNORE_STATUS(KeWaitForSingleObject(&MiSlotFreed, WrPageOut, KernelMode, FALSE, &Pause));
            }
        }
        MiWriting = FALSE;
        KeSetEvent(&MiPagefileWriterDone, IO_NO_INCREMENT, FALSE);
    }
}
