// SPDX-License-Identifier: MIT
// Mapped and pinned access, for file systems that keep metadata in stream files: a pointer into a view that stays good
// until CcUnpinData. What a file system gets as a Bcb is one of three: a VACB with bit 0 set (mapped, in one view), a
// BCB (pinned), an OBCB (several BCBs, or across views).

#include "ccp.h"

#define CC_MAPPED_VIEW 1u

static BOOLEAN CcpIsMappedView(PVOID Bcb)
{
    return ((ULONG_PTR)Bcb & CC_MAPPED_VIEW) != 0;
}
static PVACB CcpMappedView(PVOID Bcb)
{
    return (PVACB)((ULONG_PTR)Bcb & ~CC_MAPPED_VIEW);
}
static BOOLEAN CcpIsObcb(PVOID Bcb)
{
    return ((PBCB)Bcb)->Public.NodeTypeCode == CC_NTC_OBCB;
}

// The file's map; what is asked for must lie in the section and be small enough to be mapped in one piece.
static NTSTATUS CcpCheckPin(PFILE_OBJECT File, PLARGE_INTEGER Offset, ULONG Length, PSHARED_CACHE_MAP *Map)
{
    *Map = File->SectionObjectPointer->SharedCacheMap;
    if (*Map == NULL || Length == 0 || Offset->QuadPart < 0)
        return STATUS_INVALID_PARAMETER;
    if (Length > (CC_MAXIMUM_CROSSING - 1) * VACB_MAPPING_GRANULARITY)
        return STATUS_INVALID_PARAMETER;
    return Offset->QuadPart + Length <= (*Map)->SectionSize.QuadPart ? STATUS_SUCCESS : STATUS_END_OF_FILE;
}

static VOID CcpUnmapCrossing(POBCB Obcb)
{
    for (ULONG i = 0; i < Obcb->Views && Obcb->BaseAddress != NULL; i++)
        MmUnmapViewInSystemCache((PCHAR)Obcb->BaseAddress + i * VACB_MAPPING_GRANULARITY);
}

// Maps the views that a range crosses side by side.
static NTSTATUS CcpMapCrossing(PSHARED_CACHE_MAP Map, ULONGLONG Offset, ULONG Length, POBCB Obcb)
{
    ULONGLONG First = Offset >> VACB_OFFSET_SHIFT, Last = (Offset + Length - 1) >> VACB_OFFSET_SHIFT;

    Obcb->Views = (ULONG)(Last - First) + 1;
    return MmMapViewsInSystemCache(Map->Section, First << VACB_OFFSET_SHIFT, Obcb->Views, &Obcb->BaseAddress);
}

static NTSTATUS CcpMapOneView(PSHARED_CACHE_MAP Map, ULONGLONG Offset, PVOID *Bcb, PVOID *Buffer)
{
    PVACB Vacb;
    NTSTATUS Status = CcpGetView(Map, Offset, &Vacb);

    if (!NT_SUCCESS(Status))
        return Status;
    *Bcb = (PVOID)((ULONG_PTR)Vacb | CC_MAPPED_VIEW);
    *Buffer = CcpViewAddress(Vacb, Offset);
    return STATUS_SUCCESS;
}

static NTSTATUS CcpMapSeveralViews(PSHARED_CACHE_MAP Map, ULONGLONG Offset, ULONG Length, PVOID *Bcb, PVOID *Buffer)
{
    POBCB Obcb = ExAllocatePoolZero(NonPagedPool, sizeof(*Obcb), TAG_CC_BCB);
    NTSTATUS Status;

    if (Obcb == NULL)
        return STATUS_INSUFFICIENT_RESOURCES;
    Obcb->NodeTypeCode = CC_NTC_OBCB;
    Obcb->NodeByteSize = sizeof(*Obcb);
    Obcb->SharedCacheMap = Map;
    Status = CcpMapCrossing(Map, Offset, Length, Obcb);
    if (!NT_SUCCESS(Status)) {
        ExFreePoolWithTag(Obcb, TAG_CC_BCB);
        return Status;
    }
    *Bcb = Obcb;
    *Buffer = (PCHAR)Obcb->BaseAddress + ((ULONG)Offset & (VACB_MAPPING_GRANULARITY - 1));
    return STATUS_SUCCESS;
}

// Gives a pointer to cached data, to look at. *Bcb goes to CcUnpinData.
//
// Flags: MAP_WAIT; MAP_NO_READ: only what is in memory.   <= APC_LEVEL; the file is initialized for caching until the
// data is unpinned. TRUE; FALSE: it would have to be read. Raises the status of a failed read, STATUS_END_OF_FILE,
// STATUS_INVALID_PARAMETER for a file that is not cached, and what there is no memory for.
BOOLEAN NTAPI CcMapData(PFILE_OBJECT File, PLARGE_INTEGER Offset, ULONG Length, ULONG Flags, PVOID *Bcb, PVOID *Buffer)
{
    ULONG Reads = MmGetPageReadCount();
    PSHARED_CACHE_MAP Map;
    NTSTATUS Status = CcpCheckPin(File, Offset, Length, &Map);

    if (Flags & MAP_WAIT)
        CcStatistics.MapDataWait++;
    else
        CcStatistics.MapDataNoWait++;
    if (NT_SUCCESS(Status) && (!(Flags & MAP_WAIT) || (Flags & MAP_NO_READ)) &&
        !CcpIsResident(Map, (ULONGLONG)Offset->QuadPart, Length)) {
        CcStatistics.MapDataNoWaitMiss += !(Flags & MAP_WAIT);
        return FALSE;
    }
    if (NT_SUCCESS(Status)) {
        if (Length <= CcpLeftInView((ULONGLONG)Offset->QuadPart))
            Status = CcpMapOneView(Map, (ULONGLONG)Offset->QuadPart, Bcb, Buffer);
        else
            Status = CcpMapSeveralViews(Map, (ULONGLONG)Offset->QuadPart, Length, Bcb, Buffer);
    }
    if (NT_SUCCESS(Status)) {
        Status = CcpTouch(*Buffer, Length);
        if (!NT_SUCCESS(Status))
            CcUnpinData(*Bcb);
    }
    if (!NT_SUCCESS(Status))
        ExRaiseStatus(Status);
    if (MmGetPageReadCount() != Reads)
        CcStatistics.MapDataWaitMiss++;
    return TRUE;
}

static VOID CcpUnpin(PVOID Bcb, ERESOURCE_THREAD Thread)
{
    POBCB Obcb = Bcb;

    if (CcpIsMappedView(Bcb)) {
        CcpReleaseView(CcpMappedView(Bcb));
    } else if (CcpIsObcb(Bcb)) {
        CcpUnmapCrossing(Obcb);
        for (ULONG i = 0; i < Obcb->Count; i++)
            CcpUnpinBcb(Obcb->Bcbs[i], Thread);
        ExFreePoolWithTag(Obcb, TAG_CC_BCB);
    } else {
        CcpUnpinBcb(Bcb, Thread);
    }
}

// Makes mapped data pinned: it may be changed then. *Bcb from CcMapData of the same range is exchanged for another.
//
// Flags: as CcPinRead. TRUE, also if it is pinned already; FALSE: it would have to wait. Raises what CcPinRead raises;
// the data stays mapped then.
BOOLEAN NTAPI CcPinMappedData(PFILE_OBJECT File, PLARGE_INTEGER Offset, ULONG Length, ULONG Flags, PVOID *Bcb)
{
    PSHARED_CACHE_MAP Map;
    PVOID Pinned;
    NTSTATUS Status;

    if (!CcpIsMappedView(*Bcb) && (!CcpIsObcb(*Bcb) || ((POBCB)*Bcb)->Count != 0))
        return TRUE;
    CcStatistics.PinMappedDataCount++;
    Status = CcpCheckPin(File, Offset, Length, &Map);
    if (NT_SUCCESS(Status))
        Status = CcpPinBcbs(Map, (ULONGLONG)Offset->QuadPart, Length, Flags, &Pinned);
    if (Status == STATUS_CANT_WAIT || Status == STATUS_NOT_FOUND)
        return FALSE;
    if (!NT_SUCCESS(Status))
        ExRaiseStatus(Status);
    if (!CcpIsMappedView(*Bcb)) { // the buffer stays where it is
        ((POBCB)Pinned)->BaseAddress = ((POBCB)*Bcb)->BaseAddress;
        ((POBCB)Pinned)->Views = ((POBCB)*Bcb)->Views;
        ((POBCB)*Bcb)->BaseAddress = NULL;
    }
    CcpUnpin(*Bcb, 0);
    *Bcb = Pinned;
    return TRUE;
}

// Pins a range and gives its buffer.
static NTSTATUS CcpPin(PSHARED_CACHE_MAP Map, ULONGLONG Offset, ULONG Length, ULONG Flags, PVOID *Bcb, PVOID *Buffer)
{
    NTSTATUS Status = CcpPinBcbs(Map, Offset, Length, Flags, Bcb);
    PBCB First = *Bcb;

    if (!NT_SUCCESS(Status))
        return Status;
    if (Length > CcpLeftInView(Offset)) {
        POBCB Obcb = *Bcb;

        Status = CcpMapCrossing(Map, Offset, Length, Obcb);
        if (!NT_SUCCESS(Status)) {
            CcUnpinData(*Bcb);
            return Status;
        }
        *Buffer = (PCHAR)Obcb->BaseAddress + ((ULONG)Offset & (VACB_MAPPING_GRANULARITY - 1));
        return STATUS_SUCCESS;
    }
    if (CcpIsObcb(First))
        First = ((POBCB)First)->Bcbs[0];
    *Buffer = CcpViewAddress(First->Vacb, Offset);
    return STATUS_SUCCESS;
}

// Gives a pointer to cached data, to change it: CcSetDirtyPinnedData says that it was changed.
//
// Flags: PIN_WAIT; PIN_EXCLUSIVE: nobody else has it pinned meanwhile; PIN_NO_READ: only what is in memory; PIN_IF_BCB:
// only what somebody pinned or changed.   Contract otherwise as CcMapData's; kernel APCs are off until it is unpinned.
BOOLEAN NTAPI CcPinRead(PFILE_OBJECT File, PLARGE_INTEGER Offset, ULONG Length, ULONG Flags, PVOID *Bcb, PVOID *Buffer)
{
    ULONG Reads = MmGetPageReadCount();
    PSHARED_CACHE_MAP Map;
    NTSTATUS Status = CcpCheckPin(File, Offset, Length, &Map);

    if (Flags & PIN_WAIT)
        CcStatistics.PinReadWait++;
    else
        CcStatistics.PinReadNoWait++;
    if (NT_SUCCESS(Status) && (!(Flags & PIN_WAIT) || (Flags & PIN_NO_READ)) &&
        !CcpIsResident(Map, (ULONGLONG)Offset->QuadPart, Length)) {
        CcStatistics.PinReadNoWaitMiss += !(Flags & PIN_WAIT);
        return FALSE;
    }
    if (NT_SUCCESS(Status))
        Status = CcpPin(Map, (ULONGLONG)Offset->QuadPart, Length, Flags, Bcb, Buffer);
    if (Status == STATUS_CANT_WAIT || Status == STATUS_NOT_FOUND)
        return FALSE;
    if (NT_SUCCESS(Status)) {
        Status = CcpTouch(*Buffer, Length);
        if (!NT_SUCCESS(Status))
            CcUnpinData(*Bcb);
    }
    if (!NT_SUCCESS(Status))
        ExRaiseStatus(Status);
    if (MmGetPageReadCount() != Reads)
        CcStatistics.PinReadWaitMiss++;
    return TRUE;
}

// Pins data that the caller is going to write all of: it is dirty already. Zero: it is made zero first.
// Contract otherwise as CcPinRead's.
BOOLEAN NTAPI CcPreparePinWrite(PFILE_OBJECT File, PLARGE_INTEGER Offset, ULONG Length, BOOLEAN Zero, ULONG Flags,
                                PVOID *Bcb, PVOID *Buffer)
{
    if (!CcPinRead(File, Offset, Length, Flags, Bcb, Buffer))
        return FALSE;
    if (Zero)
        memset(*Buffer, 0, Length);
    CcSetDirtyPinnedData(*Bcb, NULL);
    return TRUE;
}

static VOID CcpSetBcbDirty(PBCB Bcb, PLARGE_INTEGER Lsn)
{
    PSHARED_CACHE_MAP Map = Bcb->SharedCacheMap;

    ASSERT(Bcb->Public.NodeTypeCode == CC_NTC_BCB && Bcb->PinCount != 0);
    KeAcquireGuardedMutex(&Map->BcbMutex);
    Bcb->Dirty = TRUE;
    Bcb->Flushing = FALSE;
    if (Lsn != NULL) {
        if (Bcb->OldestLsn.QuadPart == 0 || Lsn->QuadPart < Bcb->OldestLsn.QuadPart)
            Bcb->OldestLsn = *Lsn;
        if (Lsn->QuadPart > Bcb->NewestLsn.QuadPart)
            Bcb->NewestLsn = *Lsn;
    }
    KeReleaseGuardedMutex(&Map->BcbMutex);
    CcpMarkDirty(Bcb->Vacb, (ULONGLONG)Bcb->Public.MappedFileOffset.QuadPart, Bcb->Public.MappedLength);
}

// Says that pinned data was changed and has to be written. Lsn: the log's record of the change, NULL without a log.
VOID NTAPI CcSetDirtyPinnedData(PVOID Bcb, PLARGE_INTEGER Lsn)
{
    POBCB Obcb = Bcb;

    ASSERT(!CcpIsMappedView(Bcb));
    if (!CcpIsObcb(Bcb)) {
        CcpSetBcbDirty(Bcb, Lsn);
        return;
    }
    for (ULONG i = 0; i < Obcb->Count; i++)
        CcpSetBcbDirty(Obcb->Bcbs[i], Lsn);
}

// Gives pinned or mapped data back, in the thread that pinned it. <= APC_LEVEL.
VOID NTAPI CcUnpinData(PVOID Bcb)
{
    CcpUnpin(Bcb, (ERESOURCE_THREAD)KeGetCurrentThread());
}

// The same in another thread. Thread: who pinned it, or the pointer that CcSetBcbOwnerPointer gave.
VOID NTAPI CcUnpinDataForThread(PVOID Bcb, ERESOURCE_THREAD Thread)
{
    CcpUnpin(Bcb, Thread);
}

// Makes pinned data belong to nobody's thread: CcUnpinDataForThread gives it back. OwnerPointer: its two low bits set.
VOID NTAPI CcSetBcbOwnerPointer(PVOID Bcb, PVOID OwnerPointer)
{
    POBCB Obcb = Bcb;

    ASSERT(!CcpIsMappedView(Bcb) && ((ULONG_PTR)OwnerPointer & 3) == 3);
    if (!CcpIsObcb(Bcb)) {
        ExSetResourceOwnerPointer(&((PBCB)Bcb)->Resource, OwnerPointer);
        return;
    }
    for (ULONG i = 0; i < Obcb->Count; i++)
        ExSetResourceOwnerPointer(&Obcb->Bcbs[i]->Resource, OwnerPointer);
}

// Pins a pinned Bcb once more, for CcUnpinRepinnedBcb: it stays when its other users have gone.
VOID NTAPI CcRepinBcb(PVOID Bcb)
{
    PBCB Pin = Bcb;

    ASSERT(!CcpIsMappedView(Bcb) && !CcpIsObcb(Bcb) && Pin->PinCount != 0);
    KeAcquireGuardedMutex(&Pin->SharedCacheMap->BcbMutex);
    Pin->PinCount++;
    KeReleaseGuardedMutex(&Pin->SharedCacheMap->BcbMutex);
}

// Ends CcRepinBcb. WriteThrough: what is dirty of it is written first; *IoStatus says how that went.
VOID NTAPI CcUnpinRepinnedBcb(PVOID Bcb, BOOLEAN WriteThrough, PIO_STATUS_BLOCK IoStatus)
{
    PBCB Pin = Bcb;

    IoStatus->Status = STATUS_SUCCESS;
    IoStatus->Information = 0;
    if (WriteThrough && Pin->Dirty)
        CcFlushCache(Pin->SharedCacheMap->Pointers, &Pin->Public.MappedFileOffset, Pin->Public.MappedLength, IoStatus);
    CcpDropPin(Pin);
}

// The file object that a file's caching began with; not referenced. Bcb: pinned or mapped.
PFILE_OBJECT NTAPI CcGetFileObjectFromBcb(PVOID Bcb)
{
    if (CcpIsMappedView(Bcb))
        return CcpMappedView(Bcb)->SharedCacheMap->FileObject;
    if (CcpIsObcb(Bcb))
        return ((POBCB)Bcb)->SharedCacheMap->FileObject;
    return ((PBCB)Bcb)->SharedCacheMap->FileObject;
}
