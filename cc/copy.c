// SPDX-License-Identifier: MIT
// Copying between callers' buffers and views. A page that is not in memory is faulted in by the copy itself; a bad
// buffer or a failed read ends the copy as an exception with the status that tells which.

#include "ccp.h"

// Keeps the status of an exception for the handler; of a failed page read, the status of the read itself.
LONG NTAPI CcpFilter(PEXCEPTION_POINTERS Pointers, PVOID Context)
{
    PEXCEPTION_RECORD Record = Pointers->ExceptionRecord;
    volatile NTSTATUS *Status = Context;

    *Status = Record->ExceptionCode;
    if (Record->ExceptionCode == STATUS_IN_PAGE_ERROR && Record->NumberParameters >= 3 &&
        !NT_SUCCESS((NTSTATUS)Record->ExceptionInformation[2]))
        *Status = (NTSTATUS)Record->ExceptionInformation[2];
    return EXCEPTION_EXECUTE_HANDLER;
}

typedef enum _CC_OPERATION { CcReadOperation, CcWriteOperation, CcZeroOperation } CC_OPERATION;

// One piece, inside one view. Va is the cache's address.
static NTSTATUS CcpCopyPiece(PUCHAR Va, PUCHAR Buffer, ULONG Length, CC_OPERATION Operation)
{
    volatile NTSTATUS Status = STATUS_SUCCESS;

    SEH_TRY_FILTER(CcpFilter, (PVOID)&Status)
    {
        if (Operation == CcReadOperation)
            MmCopyBuffer(Buffer, Va, Length);
        else if (Operation == CcWriteOperation)
            MmCopyBuffer(Va, Buffer, Length);
        else
            memset(Va, 0, Length);
    }
    SEH_EXCEPT
    {
    }
    SEH_END
    return Status;
}

// Touches each page of the range, so that a failed read shows here. <= APC_LEVEL.
NTSTATUS NTAPI CcpTouch(PUCHAR Va, ULONG Length)
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

// Is all of the range in memory, so that a copy need not wait for the disk? It may not be any more when this returns.
BOOLEAN CcpIsResident(PSHARED_CACHE_MAP Map, ULONGLONG Offset, ULONG Length)
{
    ULONGLONG End = Offset + Length;

    for (Offset &= ~(ULONGLONG)(PAGE_SIZE - 1); Offset < End; Offset += PAGE_SIZE)
        if (!MmIsCachePageResident(Map->Section, Offset))
            return FALSE;
    return TRUE;
}

static NTSTATUS CcpTransfer(PSHARED_CACHE_MAP Map, ULONGLONG Offset, ULONG Length, PUCHAR Buffer,
                            CC_OPERATION Operation)
{
    while (Length != 0) {
        ULONG Piece = CcpLeftInView(Offset);
        PVACB Vacb;
        NTSTATUS Status = CcpGetView(Map, Offset, &Vacb);

        if (!NT_SUCCESS(Status))
            return Status;
        if (Piece > Length)
            Piece = Length;
        Status = CcpCopyPiece(CcpViewAddress(Vacb, Offset), Buffer, Piece, Operation);
        if (Operation != CcReadOperation)
            CcpMarkDirty(Vacb, Offset, Piece); // a part of it may have got there before an exception
        CcpReleaseView(Vacb);
        if (!NT_SUCCESS(Status))
            return Status;
        Buffer += Piece;
        Offset += Piece;
        Length -= Piece;
    }
    return STATUS_SUCCESS;
}

static VOID CcpNoteWritten(PSHARED_CACHE_MAP Map, ULONGLONG End)
{
    if ((ULONGLONG)Map->ValidDataGoal.QuadPart < End)
        Map->ValidDataGoal.QuadPart = (LONGLONG)End;
}

// Copies Length bytes of the file from the cache to Buffer, reading what is missing.
//
// Buffer: any address, faults allowed. The file object is initialized for caching; the caller keeps the sizes as they
// are and [Offset, Offset + Length) inside the file.   PASSIVE_LEVEL or APC_LEVEL. Returns TRUE with IoStatus filled;
// FALSE: without Wait, and not all of it is in memory. Raises the status of a failed read, or a bad buffer's exception.
BOOLEAN NTAPI CcCopyRead(PFILE_OBJECT File, PLARGE_INTEGER Offset, ULONG Length, BOOLEAN Wait, PVOID Buffer,
                         PIO_STATUS_BLOCK IoStatus)
{
    PSHARED_CACHE_MAP Map = File->SectionObjectPointer->SharedCacheMap;
    ULONG Reads = MmGetPageReadCount();
    NTSTATUS Status;

    ASSERT(Map != NULL && File->PrivateCacheMap != NULL);
    ASSERT(Offset->QuadPart >= 0 && Offset->QuadPart + Length <= Map->FileSize.QuadPart);
    if (!Wait) {
        CcStatistics.CopyReadNoWait++;
        if (!CcpIsResident(Map, (ULONGLONG)Offset->QuadPart, Length)) {
            CcStatistics.CopyReadNoWaitMiss++;
            return FALSE;
        }
    } else {
        CcStatistics.CopyReadWait++;
    }
    CcpNoteRead(File->PrivateCacheMap, File, (ULONGLONG)Offset->QuadPart, Length);
    Status = CcpTransfer(Map, (ULONGLONG)Offset->QuadPart, Length, Buffer, CcReadOperation);
    if (!NT_SUCCESS(Status))
        ExRaiseStatus(Status);
    if (MmGetPageReadCount() != Reads)
        CcStatistics.CopyReadWaitMiss += Wait;
    IoStatus->Status = STATUS_SUCCESS;
    IoStatus->Information = Length;
    return TRUE;
}

// The same for files below 4 GB, for fast I/O: it always waits.
VOID NTAPI CcFastCopyRead(PFILE_OBJECT File, ULONG Offset, ULONG Length, ULONG PageCount, PVOID Buffer,
                          PIO_STATUS_BLOCK IoStatus)
{
    LARGE_INTEGER Start = {.QuadPart = Offset};

    UNREFERENCED_PARAMETER(PageCount);
    CcCopyRead(File, &Start, Length, TRUE, Buffer, IoStatus);
}

// Copies Length bytes from Buffer to the cache; the lazy writer writes them, or this routine does if the file object
// has FO_WRITE_THROUGH. Whoever writes much asks CcCanIWrite first.
//
// Contract as CcCopyRead's. What was copied before an exception stays.
BOOLEAN NTAPI CcCopyWrite(PFILE_OBJECT File, PLARGE_INTEGER Offset, ULONG Length, BOOLEAN Wait, PVOID Buffer)
{
    PSHARED_CACHE_MAP Map = File->SectionObjectPointer->SharedCacheMap;
    IO_STATUS_BLOCK IoStatus;
    NTSTATUS Status;

    ASSERT(Map != NULL && File->PrivateCacheMap != NULL);
    ASSERT(Offset->QuadPart >= 0 && Offset->QuadPart + Length <= Map->FileSize.QuadPart);
    if (!Wait && ((File->Flags & FO_WRITE_THROUGH) || !CcpIsResident(Map, (ULONGLONG)Offset->QuadPart, Length)))
        return FALSE;
    Status = CcpTransfer(Map, (ULONGLONG)Offset->QuadPart, Length, Buffer, CcWriteOperation);
    if (NT_SUCCESS(Status)) {
        CcpNoteWritten(Map, (ULONGLONG)Offset->QuadPart + Length);
        if (File->Flags & FO_WRITE_THROUGH) {
            CcFlushCache(Map->Pointers, Offset, Length, &IoStatus);
            Status = IoStatus.Status;
        }
    }
    if (!NT_SUCCESS(Status))
        ExRaiseStatus(Status);
    return TRUE;
}

// The same for files below 4 GB.
VOID NTAPI CcFastCopyWrite(PFILE_OBJECT File, ULONG Offset, ULONG Length, PVOID Buffer)
{
    LARGE_INTEGER Start = {.QuadPart = Offset};

    CcCopyWrite(File, &Start, Length, TRUE, Buffer);
}

// Zeroes [Start, End) in the cache, flushing as it goes if that is much. <= APC_LEVEL. The status of a failed read.
NTSTATUS NTAPI CcpZeroRange(PSHARED_CACHE_MAP Map, ULONGLONG Start, ULONGLONG End)
{
    NTSTATUS Status = STATUS_SUCCESS;

    while (Start < End && NT_SUCCESS(Status)) {
        ULONG Piece = (ULONG)min_of(End - Start, (ULONGLONG)CcpLeftInView(Start)), Written;

        if (CcpIsOverThreshold(Map, Piece >> PAGE_SHIFT))
            IGNORE_STATUS(CcpFlushMap(Map, 0, CC_END_OF_FILE, MAXULONG, &Written)); // what fails stays dirty
        Status = CcpTransfer(Map, Start, Piece, NULL, CcZeroOperation);
        Start += Piece;
    }
    return Status;
}

// Zeroes a range of a cached file. Contract as CcCopyWrite's.
BOOLEAN NTAPI CcZeroData(PFILE_OBJECT File, PLARGE_INTEGER Start, PLARGE_INTEGER End, BOOLEAN Wait)
{
    PSHARED_CACHE_MAP Map = File->SectionObjectPointer->SharedCacheMap;
    ULONGLONG Length = (ULONGLONG)(End->QuadPart - Start->QuadPart);
    NTSTATUS Status;

    ASSERT(Map != NULL);
    if (!Wait && (Length > VACB_MAPPING_GRANULARITY || !CcpIsResident(Map, (ULONGLONG)Start->QuadPart, (ULONG)Length)))
        return FALSE;
    Status = CcpZeroRange(Map, (ULONGLONG)Start->QuadPart, (ULONGLONG)End->QuadPart);
    if (!NT_SUCCESS(Status))
        ExRaiseStatus(Status);
    CcpNoteWritten(Map, (ULONGLONG)End->QuadPart);
    return TRUE;
}
