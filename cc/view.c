// SPDX-License-Identifier: MIT
// Views: 256 KB windows on files in the system cache. There is a fixed number of them; one that nobody uses is taken
// from its file when another needs it, the one not used for longest first (a clock, not a strict order). Taking a view
// away loses nothing: its pages go to Mm's standby or modified list.

#include "ccp.h"

KSPIN_LOCK CcpVacbLock;
static LIST_ENTRY CcpVacbLru; // mapped; the clock hand is at the head
static LIST_ENTRY CcpVacbFree;

#define CC_MINIMUM_VIEWS 8
#define CC_MAXIMUM_VIEWS 1024

// Makes the view descriptors: as many as map a quarter of the machine's memory. PASSIVE_LEVEL, once.
BOOLEAN CcpInitializeViews(VOID)
{
    ULONG Count = MmNumberOfPhysicalPages / 4 / VACB_PAGES;
    PVACB Vacbs;

    Count = Count < CC_MINIMUM_VIEWS ? CC_MINIMUM_VIEWS : Count > CC_MAXIMUM_VIEWS ? CC_MAXIMUM_VIEWS : Count;
    KeInitializeSpinLock(&CcpVacbLock);
    InitializeListHead(&CcpVacbLru);
    InitializeListHead(&CcpVacbFree);
    Vacbs = ExAllocatePoolZero(NonPagedPool, Count * sizeof(VACB), TAG_CC_VACB);
    if (Vacbs == NULL)
        return FALSE;
    for (ULONG i = 0; i < Count; i++)
        InsertTailList(&CcpVacbFree, &Vacbs[i].LruList);
    return TRUE;
}

// Takes a view off its file. CcpVacbLock held, ActiveCount 0. It stays mapped, in nobody's hands but the caller's.
static VOID CcpDetachView(PVACB Vacb)
{
    PCC_SLOT Slot = &Vacb->SharedCacheMap->Slots[Vacb->FileOffset >> VACB_OFFSET_SHIFT];

    ASSERT(Vacb->ActiveCount == 0);
    Slot->Vacb = NULL;
    for (ULONG Word = 0; Word < CC_DIRTY_WORDS; Word++) {
        Slot->Dirty[Word] = Vacb->Dirty[Word];
        Vacb->Dirty[Word] = 0;
    }
    Vacb->SharedCacheMap = NULL;
    RemoveEntryList(&Vacb->LruList);
}

// Unmaps a detached view and makes it free.
static VOID CcpFreeView(PVACB Vacb)
{
    KIRQL OldIrql;

    if (Vacb->BaseAddress != NULL)
        MmUnmapViewInSystemCache(Vacb->BaseAddress);
    Vacb->BaseAddress = NULL;
    OldIrql = KfAcquireSpinLock(&CcpVacbLock);
    InsertHeadList(&CcpVacbFree, &Vacb->LruList);
    KfReleaseSpinLock(&CcpVacbLock, OldIrql);
}

// The view that goes next: the first behind the hand that is neither in use nor used lately. CcpVacbLock held.
static PVACB CcpChooseVictim(VOID)
{
    PVACB Fallback = NULL;

    for (PLIST_ENTRY Entry = CcpVacbLru.Flink, Next; Entry != &CcpVacbLru; Entry = Next) {
        PVACB Vacb = CONTAINING_RECORD(Entry, VACB, LruList);

        Next = Entry->Flink;
        if (Vacb->ActiveCount != 0)
            continue;
        if (!Vacb->Referenced)
            return Vacb;
        Vacb->Referenced = FALSE;
        if (Fallback == NULL)
            Fallback = Vacb;
    }
    return Fallback;
}

// A free view, or one taken from a file; unmapped. NULL: all are in use.
static PVACB CcpTakeView(VOID)
{
    PVACB Vacb = NULL;
    KIRQL OldIrql = KfAcquireSpinLock(&CcpVacbLock);

    if (!IsListEmpty(&CcpVacbFree)) {
        Vacb = CONTAINING_RECORD(RemoveHeadList(&CcpVacbFree), VACB, LruList);
    } else {
        Vacb = CcpChooseVictim();
        if (Vacb != NULL)
            CcpDetachView(Vacb);
    }
    KfReleaseSpinLock(&CcpVacbLock, OldIrql);
    if (Vacb != NULL && Vacb->BaseAddress != NULL) {
        MmUnmapViewInSystemCache(Vacb->BaseAddress);
        Vacb->BaseAddress = NULL;
    }
    return Vacb;
}

// Makes a mapped view the file's. Another thread may have been faster: then its view is the one, and this one goes
// back.
static PVACB CcpPublishView(PSHARED_CACHE_MAP Map, PVACB Vacb, ULONGLONG Offset)
{
    KIRQL OldIrql = KfAcquireSpinLock(&CcpVacbLock);
    PCC_SLOT Slot = &Map->Slots[Offset >> VACB_OFFSET_SHIFT];
    PVACB Result = Slot->Vacb;

    if (Result == NULL) {
        Vacb->SharedCacheMap = Map;
        Vacb->FileOffset = Offset;
        Vacb->ActiveCount = 0;
        for (ULONG Word = 0; Word < CC_DIRTY_WORDS; Word++) {
            Vacb->Dirty[Word] = Slot->Dirty[Word];
            Slot->Dirty[Word] = 0;
        }
        InsertTailList(&CcpVacbLru, &Vacb->LruList);
        Slot->Vacb = Result = Vacb;
    }
    Result->ActiveCount++;
    Result->Referenced = TRUE;
    KfReleaseSpinLock(&CcpVacbLock, OldIrql);
    if (Result != Vacb)
        CcpFreeView(Vacb);
    return Result;
}

static NTSTATUS CcpMapView(PSHARED_CACHE_MAP Map, ULONGLONG Offset, PVACB *Result)
{
    PVACB Vacb;
    NTSTATUS Status;

    Offset &= ~(ULONGLONG)(VACB_MAPPING_GRANULARITY - 1);
    if (Offset >> VACB_OFFSET_SHIFT >= Map->SlotCount)
        return STATUS_END_OF_FILE;
    Vacb = CcpTakeView();
    if (Vacb == NULL)
        return STATUS_INSUFFICIENT_RESOURCES;
    Status = MmMapViewInSystemCache(Map->Section, Offset, &Vacb->BaseAddress);
    if (!NT_SUCCESS(Status)) {
        Vacb->BaseAddress = NULL;
        CcpFreeView(Vacb);
        return Status;
    }
    *Result = CcpPublishView(Map, Vacb, Offset);
    return STATUS_SUCCESS;
}

// Gives the view that holds Offset of the file, mapped if it was not. CcpReleaseView when done with it.
//
// <= APC_LEVEL; the caller keeps the map open. STATUS_END_OF_FILE: behind the section. Others: no view, no address
// space.
NTSTATUS NTAPI CcpGetView(PSHARED_CACHE_MAP Map, ULONGLONG Offset, PVACB *Vacb)
{
    ULONG Index = (ULONG)(Offset >> VACB_OFFSET_SHIFT);
    KIRQL OldIrql = KfAcquireSpinLock(&CcpVacbLock);
    PVACB Found = Index < Map->SlotCount ? Map->Slots[Index].Vacb : NULL;

    if (Found == NULL) {
        KfReleaseSpinLock(&CcpVacbLock, OldIrql);
        return CcpMapView(Map, Offset, Vacb);
    }
    Found->ActiveCount++;
    Found->Referenced = TRUE;
    KfReleaseSpinLock(&CcpVacbLock, OldIrql);
    *Vacb = Found;
    return STATUS_SUCCESS;
}

// Unmaps the file's views that touch [Start, End). FALSE: one is in use and stays. <= APC_LEVEL.
BOOLEAN CcpUnmapViews(PSHARED_CACHE_MAP Map, ULONGLONG Start, ULONGLONG End)
{
    BOOLEAN All = TRUE;

    for (ULONG i = (ULONG)(Start >> VACB_OFFSET_SHIFT); i < Map->SlotCount && (ULONGLONG)i << VACB_OFFSET_SHIFT < End;
         i++) {
        KIRQL OldIrql = KfAcquireSpinLock(&CcpVacbLock);
        PVACB Vacb = Map->Slots[i].Vacb;

        if (Vacb != NULL && Vacb->ActiveCount != 0) {
            All = FALSE;
            Vacb = NULL;
        }
        if (Vacb != NULL)
            CcpDetachView(Vacb);
        KfReleaseSpinLock(&CcpVacbLock, OldIrql);
        if (Vacb != NULL)
            CcpFreeView(Vacb);
    }
    return All;
}

// Makes the map's array of slots long enough for Size bytes. <= APC_LEVEL. STATUS_INSUFFICIENT_RESOURCES changes
// nothing.
NTSTATUS NTAPI CcpGrowSlots(PSHARED_CACHE_MAP Map, ULONGLONG Size)
{
    ULONG Count = (ULONG)((Size + VACB_MAPPING_GRANULARITY - 1) >> VACB_OFFSET_SHIFT), OldCount;
    PCC_SLOT New, Old;
    KIRQL OldIrql;

    if (Count <= Map->SlotCount)
        return STATUS_SUCCESS;
    Count = max_of(Count, Map->SlotCount * 2);
    New = ExAllocatePoolZero(NonPagedPool, Count * sizeof(CC_SLOT), TAG_CC_VACB);
    if (New == NULL)
        return STATUS_INSUFFICIENT_RESOURCES;
    OldIrql = KfAcquireSpinLock(&CcpVacbLock);
    OldCount = Map->SlotCount;
    Old = Map->Slots;
    if (Count > OldCount) {
        memcpy(New, Old, OldCount * sizeof(CC_SLOT));
        Map->Slots = New;
        Map->SlotCount = Count;
        New = Old;
    }
    KfReleaseSpinLock(&CcpVacbLock, OldIrql);
    if (New != Map->InitialSlots)
        ExFreePoolWithTag(New, TAG_CC_VACB);
    return STATUS_SUCCESS;
}
