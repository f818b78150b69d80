// SPDX-License-Identifier: MIT
// Pinned access, for file systems that keep metadata in stream files: a pointer into a view that stays good until
// CcUnpinData. A pinned range lies in one view (256 KB) of the file.

#include "ccp.h"

// Touches each page of the range, so that a failed read shows here.
static NTSTATUS CcpTouch(PUCHAR Va, ULONG Length)
{
    volatile NTSTATUS Status = STATUS_SUCCESS;
    volatile UCHAR Sink;

    SEH_TRY_FILTER(CcpFilter, (PVOID)&Status)
    {
        for (ULONG i = 0; i < Length; i += PAGE_SIZE - BYTE_OFFSET(Va + i))
            Sink = *(volatile UCHAR *)(Va + i);
        (void)Sink;
    }
    SEH_EXCEPT
    {
    }
    SEH_END
    return Status;
}

static NTSTATUS CcpPin(PFILE_OBJECT File, ULONGLONG Offset, ULONG Length, BOOLEAN Pinned, PBCB *Result, PVOID *Buffer)
{
    PSHARED_CACHE_MAP Map;
    PBCB Bcb;
    NTSTATUS Status;

    if (Length == 0 || Length > CcpLeftInView(Offset))
        return STATUS_INVALID_PARAMETER;
    Map = CcpReferenceMap(File->SectionObjectPointer);
    if (Map == NULL)
        return STATUS_INVALID_PARAMETER;
    Bcb = ExAllocatePoolZero(NonPagedPool, sizeof(*Bcb), TAG_CC_BCB);
    Status = Bcb == NULL ? STATUS_INSUFFICIENT_RESOURCES : CcpGetView(Map, Offset, &Bcb->Vacb);
    if (NT_SUCCESS(Status)) {
        *Buffer = CcpViewAddress(Bcb->Vacb, Offset);
        Status = CcpTouch(*Buffer, Length);
        if (!NT_SUCCESS(Status))
            CcpReleaseView(Bcb->Vacb);
    }
    if (!NT_SUCCESS(Status)) {
        if (Bcb != NULL)
            ExFreePoolWithTag(Bcb, TAG_CC_BCB);
        CcpDereferenceMap(Map);
        return Status;
    }
    Bcb->NodeTypeCode = CC_NTC_BCB;
    Bcb->NodeByteSize = sizeof(*Bcb);
    Bcb->SharedCacheMap = Map;
    Bcb->FileOffset.QuadPart = (LONGLONG)Offset;
    Bcb->ByteLength = Length;
    Bcb->Pinned = Pinned;
    *Result = Bcb;
    return STATUS_SUCCESS;
}

// Gives a pointer to cached data, to look at. *Bcb goes to CcUnpinData.
//
// <= APC_LEVEL, always waits. Returns TRUE; raises the status of a failed read, STATUS_INVALID_PARAMETER for a range
// that crosses a multiple of 256 KB or a file that is not cached.
BOOLEAN NTAPI CcMapData(PFILE_OBJECT File, PLARGE_INTEGER Offset, ULONG Length, BOOLEAN Wait, PVOID *Bcb, PVOID *Buffer)
{
    NTSTATUS Status = CcpPin(File, (ULONGLONG)Offset->QuadPart, Length, FALSE, (PBCB *)Bcb, Buffer);

    UNREFERENCED_PARAMETER(Wait);
    if (!NT_SUCCESS(Status))
        ExRaiseStatus(Status);
    return TRUE;
}

// The same, to change it: CcSetDirtyPinnedData says that it was changed.
BOOLEAN NTAPI CcPinRead(PFILE_OBJECT File, PLARGE_INTEGER Offset, ULONG Length, BOOLEAN Wait, PVOID *Bcb, PVOID *Buffer)
{
    NTSTATUS Status = CcpPin(File, (ULONGLONG)Offset->QuadPart, Length, TRUE, (PBCB *)Bcb, Buffer);

    UNREFERENCED_PARAMETER(Wait);
    if (!NT_SUCCESS(Status))
        ExRaiseStatus(Status);
    return TRUE;
}

// Says that pinned data was changed and has to be written. Lsn: no log is kept; must be NULL.
VOID NTAPI CcSetDirtyPinnedData(PVOID Bcb, PLARGE_INTEGER Lsn)
{
    PBCB Pin = Bcb;

    ASSERT(Pin->NodeTypeCode == CC_NTC_BCB && Pin->Pinned && Lsn == NULL);
    UNREFERENCED_PARAMETER(Lsn);
    CcpNoteDirty(Pin->SharedCacheMap, Pin->ByteLength);
}

// Gives pinned or mapped data back. <= APC_LEVEL.
VOID NTAPI CcUnpinData(PVOID Bcb)
{
    PBCB Pin = Bcb;
    PSHARED_CACHE_MAP Map = Pin->SharedCacheMap;

    ASSERT(Pin->NodeTypeCode == CC_NTC_BCB);
    CcpReleaseView(Pin->Vacb);
    ExFreePoolWithTag(Pin, TAG_CC_BCB);
    CcpDereferenceMap(Map);
}
