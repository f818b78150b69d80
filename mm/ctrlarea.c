// SPDX-License-Identifier: MIT
// Control areas: making them, finding a file's, counting who uses them. A file's control area is found through its
// SECTION_OBJECT_POINTERS, so that everybody who maps the file (or caches it) meets at the same pages. Counts and flags
// change under the PFN lock. While one is being made or deleted, the others wait (MiControlAreaWaiters) and look again.

#include "mi.h"

// A new control area with its segment; File gets a reference. NULL: no memory.
PCONTROL_AREA MiCreateControlArea(PFILE_OBJECT File, BOOLEAN Image)
{
    PCONTROL_AREA ControlArea = ExAllocatePoolZero(NonPagedPool, sizeof(*ControlArea), TAG_CONTROL_AREA);
    PSEGMENT Segment = ExAllocatePoolZero(NonPagedPool, sizeof(*Segment), TAG_SEGMENT);

    if (ControlArea == NULL || Segment == NULL) {
        if (ControlArea != NULL)
            ExFreePoolWithTag(ControlArea, TAG_CONTROL_AREA);
        if (Segment != NULL)
            ExFreePoolWithTag(Segment, TAG_SEGMENT);
        return NULL;
    }
    ControlArea->Segment = Segment;
    ControlArea->u.Flags.BeingCreated = 1;
    ControlArea->u.Flags.Image = Image;
    ControlArea->u.Flags.File = File != NULL;
    ControlArea->NumberOfSectionReferences = 1; // the maker's
    InitializeListHead(&ControlArea->ListEntry);
    InitializeListHead(&ControlArea->UserViews);
    Segment->ControlArea = ControlArea;
    if (File != NULL) {
        ObReferenceObject(File);
        ControlArea->FilePointer = File;
        KdTraceFile(File, &File->FileName);
    }
    return ControlArea;
}

// Frees a control area, its segment, subsections and prototype PTEs. No page is left in it, nobody can find it. The
// file's reference has been given up. IRQL <= APC_LEVEL.
VOID MiFreeControlArea(PCONTROL_AREA ControlArea)
{
    PSUBSECTION Subsection = ControlArea->FirstSubsection;
    PMMPTE LastBase = NULL;

    while (Subsection != NULL) {
        PSUBSECTION Next = Subsection->NextSubsection;

        // An image's subsections share one array, that of the first.
        if (Subsection->SubsectionBase != NULL && (!ControlArea->u.Flags.Image || LastBase == NULL)) {
            LastBase = Subsection->SubsectionBase;
            ExFreePoolWithTag(LastBase, TAG_SEGMENT);
        }
        ExFreePoolWithTag(Subsection, TAG_SEGMENT);
        Subsection = Next;
    }
    MiForgetMovedImage(ControlArea->Segment);
    MiReturnCommitment(ControlArea->Segment->NumberOfCommittedPages, NULL);
    ExFreePoolWithTag(ControlArea->Segment, TAG_SEGMENT);
    ExFreePoolWithTag(ControlArea, TAG_CONTROL_AREA);
}

// Appends a subsection over Ptes prototype PTEs at Base. NULL: no memory (Base stays the caller's).
PSUBSECTION MiAddSubsection(PCONTROL_AREA ControlArea, PMMPTE Base, ULONG Ptes, ULONG Protection)
{
    PSUBSECTION Subsection = ExAllocatePoolZero(NonPagedPool, sizeof(*Subsection), TAG_SEGMENT);
    PSUBSECTION *Link = &ControlArea->FirstSubsection;
    KIRQL OldIrql;

    if (Subsection == NULL)
        return NULL;
    Subsection->ControlArea = ControlArea;
    Subsection->SubsectionBase = Base;
    Subsection->PtesInSubsection = Ptes;
    Subsection->Protection = Protection;
    OldIrql = MiLockPfn();
    while (*Link != NULL)
        Link = &(*Link)->NextSubsection;
    *Link = Subsection;
    MiUnlockPfn(OldIrql);
    return Subsection;
}

static PVOID *MiControlAreaSlot(PSECTION_OBJECT_POINTERS Pointers, BOOLEAN Image)
{
    return Image ? &Pointers->ImageSectionObject : &Pointers->DataSectionObject;
}

// Takes a section reference to a finished control area. The PFN lock is held. FALSE: it is being made or deleted.
BOOLEAN MiReferenceControlArea(PCONTROL_AREA ControlArea)
{
    if (ControlArea->u.Flags.BeingCreated || ControlArea->u.Flags.BeingDeleted)
        return FALSE;
    ControlArea->NumberOfSectionReferences++;
    if (ControlArea->u.Flags.OnUnusedList)
        MiRemoveUnusedSegment(ControlArea);
    return TRUE;
}

// Finds the data or image control area of a file, or enters a new one, which the caller must then fill and finish with
// MiFinishControlArea. Either way the caller holds a section reference. IRQL <= APC_LEVEL; may wait.
NTSTATUS MiReferenceFileControlArea(PFILE_OBJECT File, BOOLEAN Image, PCONTROL_AREA *ControlArea, PBOOLEAN Created)
{
    PVOID *Slot = MiControlAreaSlot(File->SectionObjectPointer, Image);
    PCONTROL_AREA New = NULL, Found;
    MI_WAIT Wait;
    KIRQL OldIrql;

    for (;;) {
        if (*(PVOID volatile *)Slot == NULL && New == NULL) {
            New = MiCreateControlArea(File, Image);
            if (New == NULL)
                return STATUS_INSUFFICIENT_RESOURCES;
        }
        OldIrql = MiLockPfn();
        Found = *Slot;
        if (Found == NULL && New != NULL) {
            *Slot = New;
            MiUnlockPfn(OldIrql);
            *ControlArea = New;
            *Created = TRUE;
            return STATUS_SUCCESS;
        }
        if (Found != NULL && MiReferenceControlArea(Found)) {
            MiUnlockPfn(OldIrql);
            break;
        }
        if (Found != NULL)
            MiQueueWait(&MiControlAreaWaiters, &Wait);
        MiUnlockPfn(OldIrql);
        if (Found != NULL)
            KeWaitForever(&Wait.Event, WrVirtualMemory);
    }
    if (New != NULL) {
        ObDereferenceObject(File);
        MiFreeControlArea(New);
    }
    *ControlArea = Found;
    *Created = FALSE;
    return STATUS_SUCCESS;
}

// The maker is done. Without success the control area is taken out again and freed.
VOID MiFinishControlArea(PCONTROL_AREA ControlArea, BOOLEAN Success)
{
    PFILE_OBJECT File = ControlArea->FilePointer;
    KIRQL OldIrql = MiLockPfn();

    ControlArea->u.Flags.BeingCreated = 0;
    if (!Success && File != NULL)
        *MiControlAreaSlot(File->SectionObjectPointer, ControlArea->u.Flags.Image) = NULL;
    MiWakeWaiters(&MiControlAreaWaiters);
    MiUnlockPfn(OldIrql);
    if (Success)
        return;
    if (File != NULL)
        ObDereferenceObject(File);
    MiFreeControlArea(ControlArea);
}

// Gives references back. With the last one page-file backed memory goes; a file's pages stay, as long as memory is not
// needed for better, on the list of unused segments.
//
// IRQL <= APC_LEVEL, no Mm locks but the address creation lock. Takes the PFN lock.
VOID MiDereferenceControlArea(PCONTROL_AREA ControlArea, ULONG Sections, ULONG Views, ULONG Users)
{
    KIRQL OldIrql = MiLockPfn();
    BOOLEAN Destroy = FALSE;

    ASSERT(ControlArea->NumberOfSectionReferences >= Sections && ControlArea->NumberOfMappedViews >= Views &&
           ControlArea->NumberOfUserReferences >= Users);
    ControlArea->NumberOfSectionReferences -= Sections;
    ControlArea->NumberOfMappedViews -= Views;
    ControlArea->NumberOfUserReferences -= Users;
    if (ControlArea->NumberOfSectionReferences == 0 && ControlArea->NumberOfMappedViews == 0) {
        if (ControlArea->FilePointer == NULL || ControlArea->NumberOfPfnReferences == 0) {
            ControlArea->u.Flags.BeingDeleted = 1;
            Destroy = TRUE;
        } else {
            MiInsertUnusedSegment(ControlArea);
        }
    }
    MiUnlockPfn(OldIrql);
    if (Destroy)
        MiDestroySegment(ControlArea);
}

// A section or view that can write to a file's data goes. Takes the PFN lock.
VOID MiDropWritableReference(PCONTROL_AREA ControlArea, BOOLEAN Held)
{
    KIRQL OldIrql;

    if (!Held)
        return;
    OldIrql = MiLockPfn();
    ASSERT(ControlArea->WritableUserReferences != 0);
    ControlArea->WritableUserReferences--;
    MiUnlockPfn(OldIrql);
}

// Can a program write to the file's data through a section? Then it is no image: its pages would change under who runs
// it. Takes the PFN lock.
BOOLEAN MiIsFileWritten(PFILE_OBJECT File)
{
    KIRQL OldIrql = MiLockPfn();
    PCONTROL_AREA ControlArea = File->SectionObjectPointer->DataSectionObject;
    BOOLEAN Written = ControlArea != NULL && ControlArea->WritableUserReferences != 0;

    MiUnlockPfn(OldIrql);
    return Written;
}
