// SPDX-License-Identifier: MIT
// Views of sections in system space: the system cache's (cc/), at most 256 KB each at a fixed granularity, and those
// that the kernel maps for itself. Pages come by faults under the system working set lock.

#include "mi.h"

#define MI_CACHE_SLOTS ((MM_SYSTEM_CACHE_END + 1 - MM_SYSTEM_CACHE_START) / MM_CACHE_VIEW_SIZE)
#define MI_CACHE_VIEW_PAGES (MM_CACHE_VIEW_SIZE >> PAGE_SHIFT)
#define MI_CAPTURE_BATCH 4u // views that are looked through in one hold of the PFN lock
// From MM_SESSION_BASE on: 32 MB, or what there is before session space.
#define MI_SYSTEM_VIEW_PAGES min_of(0x2000u, (MM_SESSION_SPACE_BASE - MM_SESSION_BASE) >> PAGE_SHIFT)

static PMI_CACHE_VIEW MiCacheViews; // one for each slot
static MI_RANGE MiCacheRange;       // its unit is a slot: "address" (slot + 1) * PAGE_SIZE
static MI_RANGE MiSystemViewRange;

static LIST_ENTRY MiSystemViews = {&MiSystemViews, &MiSystemViews}; // PFN lock

VOID MiInitializeSystemCache(VOID)
{
    PULONG Bits = ExAllocatePoolWithTag(NonPagedPool, MI_CACHE_SLOTS / 8, TAG_MM);

    MiCacheViews = ExAllocatePoolZero(NonPagedPool, MI_CACHE_SLOTS * sizeof(MI_CACHE_VIEW), TAG_MM);
    NT_VERIFY(Bits != NULL && MiCacheViews != NULL);
    MiInitializeRange(&MiCacheRange, PAGE_SIZE, MI_CACHE_SLOTS, Bits); // so that no slot looks like NULL
}

VOID MiInitializeSystemViews(VOID)
{
    PULONG Bits = ExAllocatePoolWithTag(NonPagedPool, MI_SYSTEM_VIEW_PAGES / 8, TAG_MM);

    NT_VERIFY(Bits != NULL);
    MiInitializeRange(&MiSystemViewRange, MM_SESSION_BASE, MI_SYSTEM_VIEW_PAGES, Bits);
}

static PVOID MiSlotAddress(PMI_CACHE_VIEW View)
{
    return (PVOID)(MM_SYSTEM_CACHE_START + (ULONG)(View - MiCacheViews) * MM_CACHE_VIEW_SIZE);
}

static PMI_CACHE_VIEW MiSlotOfAddress(PVOID Va)
{
    return &MiCacheViews[((ULONG_PTR)Va - MM_SYSTEM_CACHE_START) / MM_CACHE_VIEW_SIZE];
}

// The prototype PTE that a system view's address shows. The system working set lock is held. NULL: no view, or beyond
// it. A cache view sees the file's growth because it always asks here.
PMMPTE MiSystemViewPrototype(PVOID Va, PMMPTE Pte)
{
    PMI_CACHE_VIEW View;

    if (Pte->u.Soft.Prototype)
        return (PMMPTE)(ULONG_PTR)Pte->u.Proto.ProtoAddress;
    if (!MiIsCacheAddress(Va))
        return NULL;
    View = MiSlotOfAddress(Va);
    if (View->ControlArea == NULL)
        return NULL;
    return MiGetProtoPteAddress(View->ControlArea,
                                (View->Offset + ((ULONG_PTR)Va & (MM_CACHE_VIEW_SIZE - 1))) >> PAGE_SHIFT);
}

// Makes the entries of a system view 0, keeping what was written in the pages' frames. IRQL <= APC_LEVEL.
// Takes the system working set lock, the PFN lock.
VOID MiUnmapSystemRange(PVOID Va, ULONG Pages)
{
    PMMPTE Pte = MiGetPteAddress(Va);
    ULONG Index = 0;

    KeAcquireGuardedMutex(&MmSystemWorkingSetLock);
    while (Index < Pages) {
        KIRQL OldIrql = MiLockPfn();
        MI_TB_FLUSH Flush;

        Flush.Count = 0;
        for (; Index < Pages && Flush.Count < MI_TB_FLUSH_MAXIMUM; Index++) {
            if (Pte[Index].u.Hard.Valid) {
                MMPTE Old = MiExchangePte(&Pte[Index], 0);
                PMMPFN Pfn = MI_PFN_ELEMENT(MI_PTE_FRAME(&Old));

                Pfn->u3.e1.Modified |= Old.u.Hard.Dirty;
                MiAddTbFlush(&Flush, (PCHAR)Va + Index * PAGE_SIZE);
                if (!MI_IS_SESSION_VA(Va)) // those pages are in no list
                    MiRemoveFromWorkingSet(&MmSystemCacheWs, (PCHAR)Va + Index * PAGE_SIZE, Pfn);
                MiDecrementShareCount(Pfn);
            } else if (Pte[Index].u.Long != 0) {
                MiWriteInvalidPte(&Pte[Index], 0);
            }
        }
        MiFlushTb(&Flush, TRUE);
        MiUnlockPfn(OldIrql);
    }
    KeReleaseGuardedMutex(&MmSystemWorkingSetLock);
}

// A control area's cache views are linked by falling offset, so that a walk can be taken up again (an offset may occur
// twice for a moment). The PFN lock is held.
static VOID MiLinkCacheView(PCONTROL_AREA ControlArea, PMI_CACHE_VIEW View)
{
    PMI_CACHE_VIEW *Link = &ControlArea->CacheViews;

    while (*Link != NULL && (*Link)->Offset > View->Offset)
        Link = &(*Link)->Next;
    View->Next = *Link;
    *Link = View;
}

// Maps Count views of MM_CACHE_VIEW_SIZE bytes of a cache section side by side. Offset: a multiple of that. Each is
// unmapped by itself. IRQL <= APC_LEVEL. STATUS_NO_MEMORY: no slots or no page for a page table.
NTSTATUS NTAPI MmMapViewsInSystemCache(PVOID Section, ULONGLONG Offset, ULONG Count, PVOID *Va)
{
    PCONTROL_AREA ControlArea = ((PSECTION)Section)->Segment->ControlArea;
    PVOID Slot = MiReserveInRange(&MiCacheRange, Count);
    PMI_CACHE_VIEW View;
    KIRQL OldIrql;

    ASSERT((Offset & (MM_CACHE_VIEW_SIZE - 1)) == 0);
    if (Slot == NULL)
        return STATUS_NO_MEMORY;
    View = &MiCacheViews[((ULONG_PTR)Slot >> PAGE_SHIFT) - 1];
    if (!NT_SUCCESS(MiMakeSystemPageTables(MiSlotAddress(View), Count * MM_CACHE_VIEW_SIZE))) {
        MiReleaseInRange(&MiCacheRange, Slot, Count);
        return STATUS_NO_MEMORY;
    }
    OldIrql = MiLockPfn();
    for (ULONG Index = 0; Index < Count; Index++) {
        View[Index].ControlArea = ControlArea;
        View[Index].Offset = Offset + (ULONGLONG)Index * MM_CACHE_VIEW_SIZE;
        MiLinkCacheView(ControlArea, &View[Index]);
    }
    ControlArea->NumberOfMappedViews += Count;
    MiUnlockPfn(OldIrql);
    *Va = MiSlotAddress(View);
    return STATUS_SUCCESS;
}

// The same for one view.
NTSTATUS NTAPI MmMapViewInSystemCache(PVOID Section, ULONGLONG Offset, PVOID *Va)
{
    return MmMapViewsInSystemCache(Section, Offset, 1, Va);
}

// Is a page of a cache section in memory, so that a touch of it does not wait for the disk? IRQL <= APC_LEVEL; may be
// otherwise when this returns.
BOOLEAN MmIsCachePageResident(PVOID Section, ULONGLONG Offset)
{
    PMMPTE Proto = MiGetProtoPteAddress(((PSECTION)Section)->Segment->ControlArea, Offset >> PAGE_SHIFT);
    BOOLEAN Resident;
    KIRQL OldIrql;

    if (Proto == NULL)
        return FALSE;
    OldIrql = MiLockPfn();
    Resident = Proto->u.Hard.Valid || (!Proto->u.Soft.Prototype && Proto->u.Soft.Transition &&
                                       !MI_PFN_ELEMENT(MI_PTE_FRAME(Proto))->u3.e1.ReadInProgress);
    MiUnlockPfn(OldIrql);
    return Resident;
}

// How many page reads were made since the start, to see whether an operation had to wait for one.
ULONG MmGetPageReadCount(VOID)
{
    return MiStatistics.PageReadIos;
}

// How the pages of a file's data are read and written: NoCluster: one at a time; NoWrite: by flushes only, not by the
// mapped page writer (the list of modified no-write pages). IRQL <= APC_LEVEL.
VOID MmSetSectionPolicy(PSECTION_OBJECT_POINTERS Pointers, BOOLEAN NoCluster, BOOLEAN NoWrite)
{
    KIRQL OldIrql = MiLockPfn();
    PCONTROL_AREA ControlArea = Pointers->DataSectionObject;

    if (ControlArea != NULL) {
        ControlArea->u.Flags.NoCluster = NoCluster;
        ControlArea->u.Flags.NoModifiedWriting = NoWrite;
    }
    MiUnlockPfn(OldIrql);
}

// Unmaps a cache view; nobody uses it any more. IRQL <= APC_LEVEL.
VOID MmUnmapViewInSystemCache(PVOID Va)
{
    PMI_CACHE_VIEW View = MiSlotOfAddress(Va), *Link;
    PCONTROL_AREA ControlArea = View->ControlArea;
    KIRQL OldIrql;

    ASSERT(ControlArea != NULL && MiSlotAddress(View) == Va);
    MiUnmapSystemRange(Va, MI_CACHE_VIEW_PAGES);
    OldIrql = MiLockPfn();
    for (Link = &ControlArea->CacheViews; *Link != View; Link = &(*Link)->Next)
        continue;
    *Link = View->Next;
    View->ControlArea = NULL;
    View->Next = NULL;
    MiUnlockPfn(OldIrql);
    MiReleaseInRange(&MiCacheRange, (PVOID)((ULONG_PTR)(View - MiCacheViews + 1) << PAGE_SHIFT), 1);
    MiDereferenceControlArea(ControlArea, 0, 1, 0);
}

// Moves the dirty bits of a view's entries into the frames. The PFN lock is held.
static VOID MiCaptureDirtyRange(PVOID Va, ULONG Pages)
{
    PMMPTE Pte = MiPteIfTable(Va);
    MI_TB_FLUSH Flush;
    ULONG Index;

    Flush.Count = 0;
    for (Index = 0; Pte != NULL && Index < Pages; Index++) {
        if (Pte[Index].u.Hard.Valid && Pte[Index].u.Hard.Dirty) {
            MiExchangePte(&Pte[Index], Pte[Index].u.Long & ~MI_DIRTY);
            MI_PFN_ELEMENT(MI_PTE_FRAME(&Pte[Index]))->u3.e1.Modified = 1;
            MiAddTbFlush(&Flush, (PCHAR)Va + Index * PAGE_SIZE);
        }
    }
    MiFlushTb(&Flush, TRUE); // before a write of the page can begin: what is written later is dirty again
}

static VOID MiCaptureCacheView(PMI_CACHE_VIEW View, ULONGLONG Start, ULONGLONG End)
{
    ULONGLONG First = max_of(Start, View->Offset), Last = min_of(End, View->Offset + MM_CACHE_VIEW_SIZE);

    if (First < Last) {
        ULONG Page = (ULONG)(First - View->Offset) >> PAGE_SHIFT;
        ULONG EndPage = (ULONG)(Last - View->Offset + PAGE_SIZE - 1) >> PAGE_SHIFT;

        MiCaptureDirtyRange((PCHAR)MiSlotAddress(View) + Page * PAGE_SIZE, EndPage - Page);
    }
}

// What was written to bytes [Start, End) of a file through cache views becomes visible in the frames. The control area
// is referenced. IRQL <= DISPATCH_LEVEL. Takes the PFN lock, for a few views at a time.
VOID MiCaptureCacheDirtyBits(PCONTROL_AREA ControlArea, ULONGLONG Start, ULONGLONG End)
{
    ULONGLONG Limit = End; // views at or above it are done
    PMI_CACHE_VIEW View;

    do {
        KIRQL OldIrql = MiLockPfn();
        ULONG Count = 0;

        for (View = ControlArea->CacheViews; View != NULL && View->Offset >= Limit; View = View->Next)
            continue;
        for (; View != NULL && (Count < MI_CAPTURE_BATCH || View->Offset == Limit); View = View->Next, Count++) {
            Limit = View->Offset;
            MiCaptureCacheView(View, Start, End);
        }
        MiUnlockPfn(OldIrql);
    } while (View != NULL && Limit > Start);
}

// Makes the entries of a new view name the prototypes of a section, from its beginning.
VOID MiFillSystemView(PVOID Va, ULONG Pages, PCONTROL_AREA ControlArea)
{
    PMMPTE Pte = MiGetPteAddress(Va);
    ULONG Index;

    for (Index = 0; Index < Pages; Index++)
        MiWriteInvalidPte(&Pte[Index], MI_PROTO_PTE(MiGetProtoPteAddress(ControlArea, Index), MM_READWRITE));
}

// Maps a section, from its beginning, into system space for every process. *ViewSize 0: all of it. IRQL <= APC_LEVEL.
// Not for images. MmUnmapViewInSystemSpace undoes it.
NTSTATUS NTAPI MmMapViewInSystemSpace(PVOID Section, PVOID *MappedBase, PSIZE_T ViewSize)
{
    PSECTION Body = Section;
    PSEGMENT Segment = Body->Segment;
    ULONGLONG Size = *ViewSize != 0 ? *ViewSize : (ULONGLONG)Body->SizeOfSection.QuadPart;
    ULONG Pages = (ULONG)((Size + PAGE_SIZE - 1) >> PAGE_SHIFT);
    PMI_SYSTEM_VIEW View;
    KIRQL OldIrql;

    if (Segment->ControlArea->u.Flags.Image)
        return STATUS_NOT_SUPPORTED;
    if (Pages > Segment->TotalNumberOfPtes || Pages > MI_SYSTEM_VIEW_PAGES)
        return STATUS_INVALID_VIEW_SIZE;
    View = ExAllocatePoolZero(NonPagedPool, sizeof(*View), TAG_MM);
    if (View == NULL)
        return STATUS_INSUFFICIENT_RESOURCES;
    View->Va = MiReserveInRange(&MiSystemViewRange, Pages);
    if (View->Va == NULL || !NT_SUCCESS(MiMakeSystemPageTables(View->Va, Pages * PAGE_SIZE))) {
        if (View->Va != NULL)
            MiReleaseInRange(&MiSystemViewRange, View->Va, Pages);
        ExFreePoolWithTag(View, TAG_MM);
        return STATUS_NO_MEMORY;
    }
    View->Pages = Pages;
    View->ControlArea = Segment->ControlArea;
    MiFillSystemView(View->Va, Pages, View->ControlArea);
    OldIrql = MiLockPfn();
    InsertTailList(&MiSystemViews, &View->Links);
    View->ControlArea->NumberOfMappedViews++;
    View->ControlArea->NumberOfUserReferences++;
    MiUnlockPfn(OldIrql);
    *MappedBase = View->Va;
    *ViewSize = Pages * PAGE_SIZE;
    return STATUS_SUCCESS;
}

// The lowest system view of a control area that ends above Va. The PFN lock is held.
static PMI_SYSTEM_VIEW MiNextSystemView(PCONTROL_AREA ControlArea, PCHAR Va)
{
    PMI_SYSTEM_VIEW Lowest = NULL;

    for (PLIST_ENTRY Entry = MiSystemViews.Flink; Entry != &MiSystemViews; Entry = Entry->Flink) {
        PMI_SYSTEM_VIEW View = CONTAINING_RECORD(Entry, MI_SYSTEM_VIEW, Links);

        if (View->ControlArea == ControlArea && (PCHAR)View->Va + View->Pages * PAGE_SIZE > Va &&
            (Lowest == NULL || View->Va < Lowest->Va))
            Lowest = View;
    }
    return Lowest;
}

// What the kernel wrote to a file through its system views becomes visible in the frames. The control area is
// referenced. IRQL <= DISPATCH_LEVEL. Takes the PFN lock, for a batch of pages at a time.
VOID MiCaptureSystemViewDirtyBits(PCONTROL_AREA ControlArea)
{
    PCHAR Va = (PCHAR)MM_SESSION_BASE;
    PMI_SYSTEM_VIEW View;

    if (IsListEmpty(&MiSystemViews))
        return;
    do {
        KIRQL OldIrql = MiLockPfn();

        View = MiNextSystemView(ControlArea, Va);
        if (View != NULL) {
            ULONG Pages;

            Va = max_of(Va, (PCHAR)View->Va);
            Pages = View->Pages - (ULONG)((ULONG_PTR)Va - (ULONG_PTR)View->Va) / PAGE_SIZE;
            Pages = min_of(Pages, MI_PTE_BATCH);
            MiCaptureDirtyRange(Va, Pages);
            Va += Pages * PAGE_SIZE;
        }
        MiUnlockPfn(OldIrql);
    } while (View != NULL);
}

// IRQL <= APC_LEVEL. STATUS_NOT_MAPPED_VIEW if no view begins there.
NTSTATUS NTAPI MmUnmapViewInSystemSpace(PVOID MappedBase)
{
    PMI_SYSTEM_VIEW View = NULL;
    PLIST_ENTRY Entry;
    KIRQL OldIrql = MiLockPfn();

    for (Entry = MiSystemViews.Flink; Entry != &MiSystemViews; Entry = Entry->Flink) {
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
    MiReleaseInRange(&MiSystemViewRange, View->Va, View->Pages);
    MiDereferenceControlArea(View->ControlArea, 0, 1, 1);
    ExFreePoolWithTag(View, TAG_MM);
    return STATUS_SUCCESS;
}
