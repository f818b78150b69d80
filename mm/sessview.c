// SPDX-License-Identifier: MIT
// Views of sections in session space: memory that the processes of a session, and nobody else, see at one address. A
// page comes with the first touch and stays until the view goes. For sections that page files back: what is written to
// a file's page here could not be collected from another session. WDK, MmMapViewInSessionSpace.

#include "mi.h"

static PMI_SYSTEM_VIEW MiMakeSessionView(PMM_SESSION_SPACE Session, PSEGMENT Segment, ULONG Pages)
{
    PMI_SYSTEM_VIEW View = ExAllocatePoolZero(NonPagedPool, sizeof(*View), TAG_MM);

    if (View == NULL)
        return NULL;
    View->Va = MiReserveInRange(&Session->ViewRange, Pages);
    if (View->Va != NULL && NT_SUCCESS(MiMakeSystemPageTables(View->Va, Pages * PAGE_SIZE))) {
        View->Pages = Pages;
        View->ControlArea = Segment->ControlArea;
        return View;
    }
    if (View->Va != NULL)
        MiReleaseInRange(&Session->ViewRange, View->Va, Pages);
    ExFreePoolWithTag(View, TAG_MM);
    return NULL;
}

// Maps a section, from its beginning, for the processes of the current session. *ViewSize 0: all of it. IRQL <=
// APC_LEVEL. MmUnmapViewInSessionSpace undoes it, or the end of the session. STATUS_NOT_SUPPORTED: an image;
// STATUS_NOT_IMPLEMENTED: a file.
NTSTATUS NTAPI MmMapViewInSessionSpace(PVOID Section, PVOID *MappedBase, PSIZE_T ViewSize)
{
    PSECTION Body = Section;
    PSEGMENT Segment = Body->Segment;
    PMM_SESSION_SPACE Session = MmSessionSpace->GlobalVirtualAddress;
    ULONGLONG Size = *ViewSize != 0 ? *ViewSize : (ULONGLONG)Body->SizeOfSection.QuadPart;
    ULONG Pages = (ULONG)((Size + PAGE_SIZE - 1) >> PAGE_SHIFT);
    PMI_SYSTEM_VIEW View;
    KIRQL OldIrql;

    if (Segment->ControlArea->u.Flags.Image)
        return STATUS_NOT_SUPPORTED;
    if (Segment->ControlArea->FilePointer != NULL)
        return STATUS_NOT_IMPLEMENTED;
    if (Pages > Segment->TotalNumberOfPtes || Pages > MI_SESSION_VIEW_PAGES)
        return STATUS_INVALID_VIEW_SIZE;
    View = MiMakeSessionView(Session, Segment, Pages);
    if (View == NULL)
        return STATUS_NO_MEMORY;
    MiFillSystemView(View->Va, Pages, View->ControlArea);
    OldIrql = MiLockPfn();
    InsertTailList(&Session->Views, &View->Links);
    View->ControlArea->NumberOfMappedViews++;
    View->ControlArea->NumberOfUserReferences++;
    MiUnlockPfn(OldIrql);
    *MappedBase = View->Va;
    *ViewSize = Pages * PAGE_SIZE;
    return STATUS_SUCCESS;
}

// IRQL <= APC_LEVEL. STATUS_NOT_MAPPED_VIEW if no view of the current session begins there.
NTSTATUS NTAPI MmUnmapViewInSessionSpace(PVOID MappedBase)
{
    PMM_SESSION_SPACE Session = MmSessionSpace->GlobalVirtualAddress;
    PMI_SYSTEM_VIEW View = NULL;
    KIRQL OldIrql = MiLockPfn();

    for (PLIST_ENTRY Entry = Session->Views.Flink; Entry != &Session->Views; Entry = Entry->Flink) {
        if (CONTAINING_RECORD(Entry, MI_SYSTEM_VIEW, Links)->Va == MappedBase) {
            View = CONTAINING_RECORD(Entry, MI_SYSTEM_VIEW, Links);
            RemoveEntryList(Entry);
            break;
        }
    }
    MiUnlockPfn(OldIrql);
    if (View == NULL)
        return STATUS_NOT_MAPPED_VIEW;
    MiUnmapSystemRange(View->Va, View->Pages);
    MiReleaseInRange(&Session->ViewRange, View->Va, View->Pages);
    MiDereferenceControlArea(View->ControlArea, 0, 1, 1);
    ExFreePoolWithTag(View, TAG_MM);
    return STATUS_SUCCESS;
}
