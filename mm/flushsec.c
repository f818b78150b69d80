// SPDX-License-Identifier: MIT
// Writing modified pages of files, in runs of neighbours. A page being written is locked by a reference; if it is
// written to meanwhile, it is modified again.

#include "mi.h"

#define MI_WRITE_CLUSTER 16u
#define MI_SECTOR 512u

typedef struct _MI_WRITE_MDL {
    MDL Mdl;
    PFN_NUMBER Pages[MI_WRITE_CLUSTER];
} MI_WRITE_MDL;

static PMMPFN MiPfnOfPrototype(PMMPTE Proto)
{
    if (Proto->u.Hard.Valid || (!Proto->u.Soft.Prototype && Proto->u.Soft.Transition))
        return MI_PFN_ELEMENT(MI_PTE_FRAME(Proto));
    return NULL;
}

static BOOLEAN MiIsWritePending(PMMPTE Proto)
{
    PMMPFN Pfn = MiPfnOfPrototype(Proto);

    return Pfn != NULL && Pfn->u3.e1.Modified && !Pfn->u3.e1.ReadInProgress && !Pfn->u3.e1.WriteInProgress;
}

// Locks a run of modified pages from Proto on for writing. The PFN lock is held. Returns how many.
static ULONG MiLockRun(PSUBSECTION Subsection, PMMPTE Proto, ULONG Limit, PPFN_NUMBER Pages)
{
    PMMPTE End = Subsection->SubsectionBase + Subsection->PtesInSubsection;
    ULONG Count = 0;

    Limit = min_of(Limit, MI_WRITE_CLUSTER);
    while (Count < Limit && Proto + Count < End && MiIsWritePending(Proto + Count)) {
        PMMPFN Pfn = MiPfnOfPrototype(Proto + Count);

        if (Pfn->u3.ReferenceCount == 0)
            MiUnlinkPageFromList(Pfn);
        Pfn->u3.ReferenceCount++;
        Pfn->u3.e1.Modified = 0;
        Pfn->u3.e1.WriteInProgress = 1;
        Pages[Count++] = MI_PFN_NUMBER(Pfn);
    }
    return Count;
}

static VOID MiUnlockRun(PPFN_NUMBER Pages, ULONG Count, NTSTATUS Status)
{
    KIRQL OldIrql = MiLockPfn();
    ULONG Index;

    for (Index = 0; Index < Count; Index++) {
        PMMPFN Pfn = MI_PFN_ELEMENT(Pages[Index]);

        Pfn->u3.e1.WriteInProgress = 0;
        if (!NT_SUCCESS(Status))
            Pfn->u3.e1.Modified = 1; // still the only copy
        MiDecrementReferenceCount(Pfn);
    }
    MiStatistics.MappedPagesWritten += Count;
    MiStatistics.MappedWriteIos++;
    MiWakeWaiters(&MiPageWaiters);
    MiUnlockPfn(OldIrql);
}

static NTSTATUS MiIssueWrite(PFILE_OBJECT File, PMDL Mdl, PLARGE_INTEGER Offset)
{
    IO_STATUS_BLOCK IoStatus = {.Status = STATUS_SUCCESS, .Information = 0};
    KEVENT Event;
    NTSTATUS Status;

    KeInitializeEvent(&Event, NotificationEvent, FALSE);
    Status = IoSynchronousPageWrite(File, Mdl, Offset, &Event, &IoStatus);
    if (Status == STATUS_PENDING || NT_SUCCESS(Status)) {
        KeWaitForever(&Event, WrPageOut);
        Status = IoStatus.Status;
    }
    if (Mdl->MdlFlags & MDL_MAPPED_TO_SYSTEM_VA)
        MmUnmapLockedPages(Mdl->MappedSystemVa, Mdl);
    return Status == STATUS_END_OF_FILE ? STATUS_SUCCESS : Status; // the file was cut off: the page has no place in it
}

// Writes the run of modified pages that begins at Proto, at most Limit. *Pages: how many were written; 0: none is
// pending. No locks. IRQL <= APC_LEVEL. The subsection's control area is referenced.
NTSTATUS MiWriteCluster(PSUBSECTION Subsection, PMMPTE Proto, ULONG Limit, PULONG Pages)
{
    ULONGLONG First = (ULONGLONG)(Proto - Subsection->SubsectionBase) << PAGE_SHIFT;
    MI_WRITE_MDL Write;
    LARGE_INTEGER Offset;
    ULONGLONG Bytes;
    NTSTATUS Status = STATUS_SUCCESS;
    KIRQL OldIrql = MiLockPfn();
    ULONG Count = MiLockRun(Subsection, Proto, Limit, Write.Pages);
    ULONGLONG FileBytes = Subsection->FileBytes; // 64 bits: whole under the lock only

    MiUnlockPfn(OldIrql);
    *Pages = Count;
    if (Count == 0)
        return STATUS_SUCCESS;
    Offset.QuadPart = (LONGLONG)(Subsection->StartingOffset + First);
    Bytes = First < FileBytes ? min_of((ULONGLONG)Count << PAGE_SHIFT, FileBytes - First) : 0;
    if (Bytes != 0) {
        MmInitializeMdl(&Write.Mdl, NULL, (SIZE_T)ALIGN_UP_BY(Bytes, MI_SECTOR));
        Write.Mdl.MdlFlags |= MDL_PAGES_LOCKED;
        Status = MiIssueWrite(Subsection->ControlArea->FilePointer, &Write.Mdl, &Offset);
    }
    MiUnlockRun(Write.Pages, Count, Status);
    return Status;
}

// One page of the flush: skips it, writes a run from it on, or waits for somebody else's write of it.
static NTSTATUS MiFlushFrom(PSUBSECTION Subsection, ULONG Index, ULONG Limit, PULONG Done)
{
    PMMPTE Proto = &Subsection->SubsectionBase[Index];
    MMPTE Seen = {.u.Low = *(volatile ULONG *)&Proto->u.Low}; // one look: others change it meanwhile
    BOOLEAN Modified;
    MI_WAIT Wait;
    PMMPFN Pfn;
    KIRQL OldIrql;

    *Done = 1;
    if (!Seen.u.Hard.Valid && (Seen.u.Soft.Prototype || !Seen.u.Soft.Transition))
        return STATUS_SUCCESS; // not in memory; what comes in later is not modified
    OldIrql = MiLockPfn();
    Pfn = MiPfnOfPrototype(Proto);
    if (Pfn != NULL && Pfn->u3.e1.WriteInProgress) {
        MiQueueWait(&MiPageWaiters, &Wait);
        MiUnlockPfn(OldIrql);
        KeWaitForever(&Wait.Event, WrPageOut);
        *Done = 0;
        return STATUS_SUCCESS;
    }
    Modified = Pfn != NULL && Pfn->u3.e1.Modified;
    MiUnlockPfn(OldIrql);
    if (!Modified)
        return STATUS_SUCCESS;
    return MiWriteCluster(Subsection, Proto, Limit, Done);
}

// Writes the modified pages that hold bytes [Start, End) of a file. The control area is referenced. IRQL <= APC_LEVEL,
// no Mm locks. Stops at the first error.
NTSTATUS MiFlushControlArea(PCONTROL_AREA ControlArea, ULONGLONG Start, ULONGLONG End, PIO_STATUS_BLOCK IoStatus)
{
    PSUBSECTION Subsection;
    ULONGLONG Page = 0, First = Start >> PAGE_SHIFT, Last = (End + PAGE_SIZE - 1) >> PAGE_SHIFT;
    NTSTATUS Status = STATUS_SUCCESS;

    MiCaptureCacheDirtyBits(ControlArea, Start, End);
    MiCaptureUserDirtyBits(ControlArea, Start, End);
    MiCaptureSystemViewDirtyBits(ControlArea);
    IoStatus->Information = 0;
    for (Subsection = ControlArea->FirstSubsection; Subsection != NULL && NT_SUCCESS(Status);
         Subsection = Subsection->NextSubsection) {
        ULONG Index = First > Page ? (ULONG)min_of(First - Page, Subsection->PtesInSubsection) : 0;
        ULONG Limit = Last > Page ? (ULONG)min_of(Last - Page, Subsection->PtesInSubsection) : 0;
        ULONG Done;

        for (; Index < Limit && NT_SUCCESS(Status); Index += Done) {
            Status = MiFlushFrom(Subsection, Index, Limit - Index, &Done);
            IoStatus->Information += Done << PAGE_SHIFT;
        }
        Page += Subsection->PtesInSubsection;
    }
    IoStatus->Status = Status;
    return Status;
}

// The data control area of a file, with a section reference, or NULL if there is none (or none any more).
static PCONTROL_AREA MiReferenceData(PSECTION_OBJECT_POINTERS Pointers)
{
    PCONTROL_AREA ControlArea;
    MI_WAIT Wait;
    KIRQL OldIrql;

    for (;;) {
        OldIrql = MiLockPfn();
        ControlArea = Pointers->DataSectionObject;
        if (ControlArea == NULL || ControlArea->u.Flags.BeingCreated) {
            MiUnlockPfn(OldIrql);
            return NULL;
        }
        if (MiReferenceControlArea(ControlArea)) {
            MiUnlockPfn(OldIrql);
            return ControlArea;
        }
        MiQueueWait(&MiControlAreaWaiters, &Wait);
        MiUnlockPfn(OldIrql);
        KeWaitForever(&Wait.Event, WrVirtualMemory);
    }
}

// 64 bits that grow under the PFN lock: read whole only there.
static ULONGLONG MiSegmentSize(PSEGMENT Segment)
{
    KIRQL OldIrql = MiLockPfn();
    ULONGLONG Size = Segment->SizeOfSegment;

    MiUnlockPfn(OldIrql);
    return Size;
}

// Writes the modified pages of a file's data; see mm.h. IRQL <= APC_LEVEL, no Mm locks; file systems may call it with
// their own locks, as paging writes do not need those. Length 0 with an Offset: to the end.
NTSTATUS NTAPI MmFlushSection(PSECTION_OBJECT_POINTERS Pointers, PLARGE_INTEGER Offset, ULONG Length,
                              PIO_STATUS_BLOCK IoStatus)
{
    PCONTROL_AREA ControlArea = MiReferenceData(Pointers);
    ULONGLONG Start = Offset != NULL ? (ULONGLONG)Offset->QuadPart : 0, End;
    NTSTATUS Status;

    PAGED_CODE();
    IoStatus->Status = STATUS_SUCCESS;
    IoStatus->Information = 0;
    if (ControlArea == NULL)
        return STATUS_SUCCESS;
    End = Offset != NULL && Length != 0 ? Start + Length : MiSegmentSize(ControlArea->Segment);
    Status = MiFlushControlArea(ControlArea, Start, End, IoStatus);
    MiDereferenceControlArea(ControlArea, 1, 0, 0);
    return Status;
}

// Frees one page's frame if no entry maps it. FALSE: it is mapped. Waits while I/O has it.
static BOOLEAN MiPurgePage(PMMPTE Proto)
{
    for (;;) {
        KIRQL OldIrql = MiLockPfn();
        PMMPFN Pfn = MiPfnOfPrototype(Proto);
        BOOLEAN Gone = !Proto->u.Hard.Valid, Busy = Gone && Pfn != NULL && Pfn->u3.ReferenceCount != 0;
        MI_WAIT Wait;

        if (Busy) {
            MiQueueWait(&MiPageWaiters, &Wait);
        } else if (Gone && Pfn != NULL) {
            *Proto = Pfn->OriginalPte;
            MiFreeTransitionPage(Pfn);
        }
        MiUnlockPfn(OldIrql);
        if (!Busy)
            return Gone;
        KeWaitForever(&Wait.Event, WrPageOut);
    }
}

static BOOLEAN MiPurgeControlArea(PCONTROL_AREA ControlArea, ULONGLONG Start, ULONGLONG End)
{
    PSUBSECTION Subsection;
    ULONGLONG Page = 0, First = (Start + PAGE_SIZE - 1) >> PAGE_SHIFT, Last = (End + PAGE_SIZE - 1) >> PAGE_SHIFT;
    BOOLEAN All = TRUE;

    for (Subsection = ControlArea->FirstSubsection; Subsection != NULL; Subsection = Subsection->NextSubsection) {
        ULONG Index = First > Page ? (ULONG)min_of(First - Page, Subsection->PtesInSubsection) : 0;
        ULONG Limit = Last > Page ? (ULONG)min_of(Last - Page, Subsection->PtesInSubsection) : 0;

        for (; Index < Limit; Index++) {
            if (!MiPurgePage(&Subsection->SubsectionBase[Index]))
                All = FALSE;
        }
        Page += Subsection->PtesInSubsection;
    }
    return All;
}

// Drops the pages of a file's data from Offset on (whole pages; Length 0: to the end) without writing them; see mm.h.
// IRQL <= APC_LEVEL. FALSE: a page is still mapped, or a user has the file mapped (then nothing is dropped).
BOOLEAN MmPurgeSection(PSECTION_OBJECT_POINTERS Pointers, PLARGE_INTEGER Offset, ULONG Length)
{
    PCONTROL_AREA ControlArea = MiReferenceData(Pointers);
    ULONGLONG Start = Offset != NULL ? (ULONGLONG)Offset->QuadPart : 0;
    BOOLEAN Purged = FALSE;

    PAGED_CODE();
    if (ControlArea == NULL)
        return TRUE;
    if (ControlArea->NumberOfUserReferences == 0)
        Purged = MiPurgeControlArea(ControlArea, Start, Offset != NULL && Length != 0 ? Start + Length : 1ull << 62);
    MiDereferenceControlArea(ControlArea, 1, 0, 0);
    return Purged;
}
