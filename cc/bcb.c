// SPDX-License-Identifier: MIT
// Bcbs: the pinned ranges of a file, and those that are dirty though nobody has them pinned any more. They are whole
// pages of one view and never overlap: who pins a range that others have pinned shares their Bcbs, and gets new ones
// for the rest of it.

#include "ccp.h"

static ULONGLONG CcpBcbStart(PBCB Bcb)
{
    return (ULONGLONG)Bcb->Public.MappedFileOffset.QuadPart;
}
static ULONGLONG CcpBcbEnd(PBCB Bcb)
{
    return CcpBcbStart(Bcb) + Bcb->Public.MappedLength;
}

// The first Bcb that ends behind Offset; the list's head if there is none. BcbMutex held.
static PLIST_ENTRY CcpFindBcb(PSHARED_CACHE_MAP Map, ULONGLONG Offset)
{
    PLIST_ENTRY Entry = Map->BcbList.Flink;

    while (Entry != &Map->BcbList && CcpBcbEnd(CONTAINING_RECORD(Entry, BCB, BcbLinks)) <= Offset)
        Entry = Entry->Flink;
    return Entry;
}

static VOID CcpFreeBcb(PBCB Bcb)
{
    RemoveEntryList(&Bcb->BcbLinks);
    IGNORE_STATUS(ExDeleteResourceLite(&Bcb->Resource)); // nobody has it pinned
    ExFreePoolWithTag(Bcb, TAG_CC_BCB);
}

// A new Bcb in front of Next, not pinned yet.
static PBCB CcpCreateBcb(PSHARED_CACHE_MAP Map, ULONGLONG Start, ULONG Length, PLIST_ENTRY Next)
{
    PBCB Bcb = ExAllocatePoolZero(NonPagedPool, sizeof(*Bcb), TAG_CC_BCB);

    if (Bcb == NULL)
        return NULL;
    if (!NT_SUCCESS(ExInitializeResourceLite(&Bcb->Resource))) {
        ExFreePoolWithTag(Bcb, TAG_CC_BCB);
        return NULL;
    }
    Bcb->Public.NodeTypeCode = CC_NTC_BCB;
    Bcb->Public.NodeByteSize = sizeof(*Bcb);
    Bcb->Public.MappedFileOffset.QuadPart = (LONGLONG)Start;
    Bcb->Public.MappedLength = Length;
    Bcb->SharedCacheMap = Map;
    InsertTailList(Next, &Bcb->BcbLinks);
    return Bcb;
}

// Pins a Bcb: the first pin maps its view. BcbMutex held.
static NTSTATUS CcpAddPin(PBCB Bcb)
{
    if (Bcb->PinCount == 0) {
        NTSTATUS Status = CcpGetView(Bcb->SharedCacheMap, CcpBcbStart(Bcb), &Bcb->Vacb);

        if (!NT_SUCCESS(Status)) {
            if (!Bcb->Dirty)
                CcpFreeBcb(Bcb);
            return Status;
        }
        CcpAddReference(Bcb->SharedCacheMap);
    }
    Bcb->PinCount++;
    return STATUS_SUCCESS;
}

// Drops a pin. The last one lets go of the view, and of the Bcb if it is clean. <= APC_LEVEL.
VOID CcpDropPin(PBCB Bcb)
{
    PSHARED_CACHE_MAP Map = Bcb->SharedCacheMap;
    BOOLEAN Last;

    KeAcquireGuardedMutex(&Map->BcbMutex);
    ASSERT(Bcb->PinCount != 0);
    Last = --Bcb->PinCount == 0;
    if (Last) {
        CcpReleaseView(Bcb->Vacb);
        Bcb->Vacb = NULL;
        if (!Bcb->Dirty)
            CcpFreeBcb(Bcb);
    }
    KeReleaseGuardedMutex(&Map->BcbMutex);
    if (Last)
        CcpDereferenceMap(Map);
}

// The same, with the resource that the pin had acquired for Thread.
VOID CcpUnpinBcb(PBCB Bcb, ERESOURCE_THREAD Thread)
{
    ExReleaseResourceForThreadLite(&Bcb->Resource, Thread);
    CcpDropPin(Bcb);
}

// The Bcb that begins at or holds Start, pinned; a new one reaches to End, the next Bcb or the view's end.
static NTSTATUS CcpPinNext(PSHARED_CACHE_MAP Map, ULONGLONG Start, ULONGLONG End, ULONG Flags, PBCB *Result)
{
    PLIST_ENTRY Entry = CcpFindBcb(Map, Start);
    PBCB Bcb = Entry != &Map->BcbList ? CONTAINING_RECORD(Entry, BCB, BcbLinks) : NULL;
    NTSTATUS Status;

    if (Bcb == NULL || CcpBcbStart(Bcb) > Start) {
        if (Flags & PIN_IF_BCB)
            return STATUS_NOT_FOUND;
        if (Bcb != NULL)
            End = min_of(End, CcpBcbStart(Bcb));
        Bcb = CcpCreateBcb(Map, Start, (ULONG)min_of(End - Start, (ULONGLONG)CcpLeftInView(Start)), Entry);
        if (Bcb == NULL)
            return STATUS_INSUFFICIENT_RESOURCES;
    }
    Status = CcpAddPin(Bcb);
    if (NT_SUCCESS(Status))
        *Result = Bcb;
    return Status;
}

static BOOLEAN CcpAcquireBcb(PBCB Bcb, ULONG Flags, BOOLEAN Wait)
{
    if (Flags & PIN_EXCLUSIVE)
        return ExAcquireResourceExclusiveLite(&Bcb->Resource, Wait);
    return ExAcquireResourceSharedLite(&Bcb->Resource, Wait);
}

// Takes the Bcbs' resources, in the order of their offsets. FALSE: one could not be had at once. The first attempt
// never waits: what lies between a Bcb and other locks is each file system's own order, and the same class serves them
// all.
static BOOLEAN CcpAcquireBcbs(PBCB *Bcbs, ULONG Count, ULONG Flags)
{
    for (ULONG i = 0; i < Count; i++) {
        if (CcpAcquireBcb(Bcbs[i], Flags, FALSE) || ((Flags & PIN_WAIT) && CcpAcquireBcb(Bcbs[i], Flags, TRUE)))
            continue;
        while (i-- > 0)
            ExReleaseResourceLite(&Bcbs[i]->Resource);
        return FALSE;
    }
    return TRUE;
}

// Pins [Offset, Offset + Length): *Result is a BCB, or an OBCB without a mapping if it takes several.
//
// Flags: PIN_WAIT, PIN_EXCLUSIVE, PIN_IF_BCB.   <= APC_LEVEL, kernel APCs off. STATUS_CANT_WAIT, STATUS_NOT_FOUND (no
// Bcb), STATUS_INSUFFICIENT_RESOURCES: nothing is pinned.
NTSTATUS NTAPI CcpPinBcbs(PSHARED_CACHE_MAP Map, ULONGLONG Offset, ULONG Length, ULONG Flags, PVOID *Result)
{
    ULONGLONG Start = Offset & ~(ULONGLONG)(PAGE_SIZE - 1),
              End = (Offset + Length + PAGE_SIZE - 1) & ~(PAGE_SIZE - 1ull);
    NTSTATUS Status = STATUS_SUCCESS;
    POBCB Obcb = NULL;
    PBCB First = NULL;

    KeAcquireGuardedMutex(&Map->BcbMutex);
    Status = CcpPinNext(Map, Start, End, Flags, &First);
    if (NT_SUCCESS(Status) && CcpBcbEnd(First) < End) {
        Obcb = ExAllocatePoolZero(NonPagedPool, sizeof(OBCB) + (ULONG)((End - Start) >> PAGE_SHIFT) * sizeof(PBCB),
                                  TAG_CC_BCB);
        Status = Obcb != NULL ? STATUS_SUCCESS : STATUS_INSUFFICIENT_RESOURCES;
        if (Obcb != NULL) {
            *Obcb =
                (OBCB){.NodeTypeCode = CC_NTC_OBCB, .NodeByteSize = sizeof(OBCB), .SharedCacheMap = Map, .Count = 1};
            Obcb->Bcbs[0] = First;
        }
        for (ULONGLONG Next = CcpBcbEnd(First); Next < End && NT_SUCCESS(Status);) {
            Status = CcpPinNext(Map, Next, End, Flags, &Obcb->Bcbs[Obcb->Count]);
            if (NT_SUCCESS(Status))
                Next = CcpBcbEnd(Obcb->Bcbs[Obcb->Count++]);
        }
    }
    KeReleaseGuardedMutex(&Map->BcbMutex);
    if (NT_SUCCESS(Status) &&
        !CcpAcquireBcbs(Obcb != NULL ? Obcb->Bcbs : &First, Obcb != NULL ? Obcb->Count : 1, Flags))
        Status = STATUS_CANT_WAIT;
    if (NT_SUCCESS(Status)) {
        *Result = Obcb != NULL ? (PVOID)Obcb : (PVOID)First;
        return STATUS_SUCCESS;
    }
    if (Obcb != NULL) {
        for (ULONG i = 1; i < Obcb->Count; i++)
            CcpDropPin(Obcb->Bcbs[i]);
        ExFreePoolWithTag(Obcb, TAG_CC_BCB);
    }
    if (First != NULL)
        CcpDropPin(First);
    return Status;
}

// A flush of [Start, End) begins: the log goes first, up to what the newest change in the range needs (write-ahead).
VOID CcpBeginBcbFlush(PSHARED_CACHE_MAP Map, ULONGLONG Start, ULONGLONG End)
{
    LARGE_INTEGER Newest = {.QuadPart = 0};

    KeAcquireGuardedMutex(&Map->BcbMutex);
    for (PLIST_ENTRY Entry = CcpFindBcb(Map, Start); Entry != &Map->BcbList; Entry = Entry->Flink) {
        PBCB Bcb = CONTAINING_RECORD(Entry, BCB, BcbLinks);

        if (CcpBcbStart(Bcb) >= End)
            break;
        Bcb->Flushing = Bcb->Dirty;
        if (Bcb->Dirty && Bcb->NewestLsn.QuadPart > Newest.QuadPart)
            Newest = Bcb->NewestLsn;
    }
    KeReleaseGuardedMutex(&Map->BcbMutex);
    if (Map->FlushToLsn != NULL && Newest.QuadPart != 0)
        Map->FlushToLsn(Map->LogHandle, Newest);
}

// The Bcbs of [Start, End) are clean: they were flushed (those that CcpBeginBcbFlush saw, and that were not changed
// since), or purged.
VOID CcpCleanBcbs(PSHARED_CACHE_MAP Map, ULONGLONG Start, ULONGLONG End, BOOLEAN FlushedOnly)
{
    PLIST_ENTRY Next;

    KeAcquireGuardedMutex(&Map->BcbMutex);
    for (PLIST_ENTRY Entry = CcpFindBcb(Map, Start); Entry != &Map->BcbList; Entry = Next) {
        PBCB Bcb = CONTAINING_RECORD(Entry, BCB, BcbLinks);

        Next = Entry->Flink;
        if (CcpBcbEnd(Bcb) > End)
            break;
        if (CcpBcbStart(Bcb) < Start || (FlushedOnly && !Bcb->Flushing))
            continue;
        Bcb->Dirty = Bcb->Flushing = FALSE;
        Bcb->OldestLsn.QuadPart = Bcb->NewestLsn.QuadPart = 0;
        if (Bcb->PinCount == 0)
            CcpFreeBcb(Bcb);
    }
    KeReleaseGuardedMutex(&Map->BcbMutex);
}
