// SPDX-License-Identifier: MIT
// Deleting segments, and the cache of those that nobody uses at the moment: a program that runs again finds its pages
// still in memory. A file's data is written before its segment is given up. A system thread does what must not be done
// where the last user left: writing, and dropping the reference to the file.

#include "mi.h"

static LIST_ENTRY MiUnusedSegmentList = {&MiUnusedSegmentList, &MiUnusedSegmentList}; // oldest first; PFN lock
static LIST_ENTRY MiDeadSegmentList = {&MiDeadSegmentList, &MiDeadSegmentList}; // only the file's reference is left
ULONG MmUnusedSegmentCount;
KEVENT MiSegmentThreadEvent;

#define MI_UNUSED_SEGMENTS_PER_MB 2 // kept at most, for each MB of memory

// The PFN lock is held. A data segment may have pages to write: the thread looks.
VOID MiInsertUnusedSegment(PCONTROL_AREA ControlArea)
{
    ControlArea->u.Flags.OnUnusedList = 1;
    ControlArea->u.Flags.Queued = !ControlArea->u.Flags.Image && !ControlArea->u.Flags.NoModifiedWriting;
    InsertTailList(&MiUnusedSegmentList, &ControlArea->ListEntry);
    MmUnusedSegmentCount++;
    KeSetEvent(&MiSegmentThreadEvent, IO_NO_INCREMENT, FALSE);
}

// The PFN lock is held.
VOID MiRemoveUnusedSegment(PCONTROL_AREA ControlArea)
{
    RemoveEntryList(&ControlArea->ListEntry);
    InitializeListHead(&ControlArea->ListEntry);
    ControlArea->u.Flags.OnUnusedList = 0;
    ControlArea->u.Flags.Queued = 0;
    MmUnusedSegmentCount--;
}

// Frees the pages of one subsection. Nobody can reach the prototype PTEs any more, except I/O that is still under way.
static VOID MiDestroyPages(PSUBSECTION Subsection)
{
    ULONG Index = 0;

    while (Index < Subsection->PtesInSubsection) {
        PMMPTE Proto = &Subsection->SubsectionBase[Index];
        MI_WAIT Wait;
        KIRQL OldIrql = MiLockPfn();

        ASSERT(!Proto->u.Hard.Valid);
        if (!Proto->u.Soft.Prototype && Proto->u.Soft.Transition) {
            PMMPFN Pfn = MI_PFN_ELEMENT(MI_PTE_FRAME(Proto));

            if (Pfn->u3.ReferenceCount != 0) {
                MiQueueWait(&MiPageWaiters, &Wait);
                MiUnlockPfn(OldIrql);
                KeWaitForever(&Wait.Event, WrPageOut);
                continue;
            }
            MiFreeTransitionPage(Pfn);
            Proto->u.Long = 0;
        }
        MiReleasePageFileSpace(Proto);
        MiUnlockPfn(OldIrql);
        Index++;
    }
}

// Deletes a control area that was marked BeingDeleted without any reference: pages, then everything else. The file is
// dereferenced by the segment thread. IRQL <= APC_LEVEL.
VOID MiDestroySegment(PCONTROL_AREA ControlArea)
{
    PSUBSECTION Subsection;
    PFILE_OBJECT File = ControlArea->FilePointer;
    KIRQL OldIrql;

    if (ControlArea->u.Flags.LargePages)
        MiEmptyLargeSection(ControlArea->Segment);
    for (Subsection = ControlArea->FirstSubsection; Subsection != NULL; Subsection = Subsection->NextSubsection)
        MiDestroyPages(Subsection);
    if (File == NULL) {
        MiFreeControlArea(ControlArea);
        return;
    }
    OldIrql = MiLockPfn();
    if (ControlArea->u.Flags.Image)
        File->SectionObjectPointer->ImageSectionObject = NULL;
    else
        File->SectionObjectPointer->DataSectionObject = NULL;
    InsertTailList(&MiDeadSegmentList, &ControlArea->ListEntry);
    MiWakeWaiters(&MiControlAreaWaiters);
    MiUnlockPfn(OldIrql);
    KeSetEvent(&MiSegmentThreadEvent, IO_NO_INCREMENT, FALSE);
}

// Deletes a control area if it is only kept for its pages. The PFN lock is held; it is released. TRUE: it is gone.
static BOOLEAN MiDeleteLocked(PCONTROL_AREA ControlArea, KIRQL OldIrql)
{
    if (!ControlArea->u.Flags.OnUnusedList) {
        MiUnlockPfn(OldIrql);
        return FALSE;
    }
    MiRemoveUnusedSegment(ControlArea);
    ControlArea->u.Flags.BeingDeleted = 1;
    MiUnlockPfn(OldIrql);
    MiDestroySegment(ControlArea);
    return TRUE;
}

// The image section of a file is in the way (the file is to be deleted or written): gives it up if nobody uses it.
//
// IRQL <= APC_LEVEL. Also called by file systems that hold their own locks; does no I/O. FALSE: it is in use.
BOOLEAN NTAPI MmFlushImageSection(PSECTION_OBJECT_POINTERS Pointers, MMFLUSH_TYPE Type)
{
    PCONTROL_AREA ControlArea;
    MI_WAIT Wait;
    KIRQL OldIrql;

    for (;;) {
        OldIrql = MiLockPfn();
        ControlArea = Pointers->DataSectionObject;
        if (Type == MmFlushForDelete && ControlArea != NULL && ControlArea->NumberOfUserReferences != 0) {
            MiUnlockPfn(OldIrql);
            return FALSE;
        }
        ControlArea = Pointers->ImageSectionObject;
        if (ControlArea == NULL) {
            MiUnlockPfn(OldIrql);
            return TRUE;
        }
        if (!ControlArea->u.Flags.BeingDeleted)
            return MiDeleteLocked(ControlArea, OldIrql);
        MiQueueWait(&MiControlAreaWaiters, &Wait);
        MiUnlockPfn(OldIrql);
        KeWaitForever(&Wait.Event, WrVirtualMemory);
    }
}

// May the file shrink to NewSize (NULL: to nothing)? FALSE: an image or a user's view of the data would lose its pages.
// IRQL <= APC_LEVEL.
BOOLEAN NTAPI MmCanFileBeTruncated(PSECTION_OBJECT_POINTERS Pointers, PLARGE_INTEGER NewSize)
{
    PCONTROL_AREA ControlArea;
    BOOLEAN Allowed = TRUE;
    KIRQL OldIrql;

    if (!MmFlushImageSection(Pointers, MmFlushForWrite))
        return FALSE;
    OldIrql = MiLockPfn();
    ControlArea = Pointers->DataSectionObject;
    if (ControlArea != NULL && ControlArea->NumberOfUserReferences != 0)
        Allowed = NewSize != NULL && (ULONGLONG)NewSize->QuadPart >= ControlArea->Segment->SizeOfSegment;
    MiUnlockPfn(OldIrql);
    return Allowed;
}

static BOOLEAN MiReapDeadSegment(VOID)
{
    KIRQL OldIrql = MiLockPfn();
    PCONTROL_AREA ControlArea = NULL;

    if (!IsListEmpty(&MiDeadSegmentList))
        ControlArea = CONTAINING_RECORD(RemoveHeadList(&MiDeadSegmentList), CONTROL_AREA, ListEntry);
    MiUnlockPfn(OldIrql);
    if (ControlArea == NULL)
        return FALSE;
    ObDereferenceObject(ControlArea->FilePointer);
    MiFreeControlArea(ControlArea);
    return TRUE;
}

// Writes the data of one segment that lost its last user. If the file was purged meanwhile, nothing is left to keep.
static BOOLEAN MiFlushUnusedSegment(VOID)
{
    PCONTROL_AREA ControlArea = NULL;
    BOOLEAN Destroy = FALSE;
    IO_STATUS_BLOCK IoStatus;
    PLIST_ENTRY Entry;
    KIRQL OldIrql = MiLockPfn();

    for (Entry = MiUnusedSegmentList.Flink; Entry != &MiUnusedSegmentList; Entry = Entry->Flink) {
        PCONTROL_AREA Candidate = CONTAINING_RECORD(Entry, CONTROL_AREA, ListEntry);

        if (Candidate->u.Flags.Queued) {
            ControlArea = Candidate;
            MiReferenceControlArea(ControlArea);
            break;
        }
    }
    MiUnlockPfn(OldIrql);
    if (ControlArea == NULL)
        return FALSE;
    IGNORE_STATUS(
        MiFlushControlArea(ControlArea, 0, MAXULONG * (ULONGLONG)PAGE_SIZE, &IoStatus)); // the pages stay dirty
    OldIrql = MiLockPfn();
    if (--ControlArea->NumberOfSectionReferences == 0 && ControlArea->NumberOfMappedViews == 0) {
        if (ControlArea->NumberOfPfnReferences == 0) {
            ControlArea->u.Flags.BeingDeleted = 1;
            Destroy = TRUE;
        } else {
            MiInsertUnusedSegment(ControlArea);
            ControlArea->u.Flags.Queued = 0;
        }
    }
    MiUnlockPfn(OldIrql);
    if (Destroy)
        MiDestroySegment(ControlArea);
    return TRUE;
}

// Gives up the segment that was not used for the longest time, if there are too many or memory is short.
static BOOLEAN MiTrimUnusedSegment(VOID)
{
    ULONG Limit = (MmNumberOfPhysicalPages >> (20 - PAGE_SHIFT)) * MI_UNUSED_SEGMENTS_PER_MB;
    KIRQL OldIrql = MiLockPfn();
    PLIST_ENTRY Entry;

    if (MmUnusedSegmentCount > Limit || MmAvailablePages < MI_LOW_MEMORY) {
        for (Entry = MiUnusedSegmentList.Flink; Entry != &MiUnusedSegmentList; Entry = Entry->Flink) {
            PCONTROL_AREA Candidate = CONTAINING_RECORD(Entry, CONTROL_AREA, ListEntry);

            if (!Candidate->u.Flags.Queued)
                return MiDeleteLocked(Candidate, OldIrql);
        }
    }
    MiUnlockPfn(OldIrql);
    return FALSE;
}

// The dereference segment thread.
VOID NTAPI MiSegmentThread(PVOID Context)
{
    UNREFERENCED_PARAMETER(Context);
    for (;;) {
        KeWaitForever(&MiSegmentThreadEvent, WrVirtualMemory);
        while (MiReapDeadSegment() || MiFlushUnusedSegment() || MiTrimUnusedSegment())
            continue;
    }
}
