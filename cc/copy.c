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
        CcpReleaseView(Vacb);
        if (!NT_SUCCESS(Status))
            return Status;
        Buffer += Piece;
        Offset += Piece;
        Length -= Piece;
    }
    return STATUS_SUCCESS;
}

// Copies Length bytes of the file from the cache to Buffer, reading what is missing.
//
// Buffer: any address, faults allowed. The file object is initialized for caching; the caller keeps the sizes as they
// are and [Offset, Offset + Length) inside the file.   PASSIVE_LEVEL or APC_LEVEL. Always waits. Returns TRUE with
// IoStatus filled; raises the status of a failed read, or the exception of a bad buffer.
BOOLEAN NTAPI CcCopyRead(PFILE_OBJECT File, PLARGE_INTEGER Offset, ULONG Length, BOOLEAN Wait, PVOID Buffer,
                         PIO_STATUS_BLOCK IoStatus)
{
    PSHARED_CACHE_MAP Map = File->SectionObjectPointer->SharedCacheMap;
    NTSTATUS Status;

    UNREFERENCED_PARAMETER(Wait);
    ASSERT(Map != NULL && File->PrivateCacheMap != NULL);
    ASSERT(Offset->QuadPart >= 0 && Offset->QuadPart + Length <= Map->FileSize.QuadPart);
    Status = CcpTransfer(Map, (ULONGLONG)Offset->QuadPart, Length, Buffer, CcReadOperation);
    if (!NT_SUCCESS(Status))
        ExRaiseStatus(Status);
    IoStatus->Status = STATUS_SUCCESS;
    IoStatus->Information = Length;
    return TRUE;
}

// Too much of this file waits to be written: writes it now, in the writer's own time.
static VOID CcpThrottle(PSHARED_CACHE_MAP Map)
{
    IO_STATUS_BLOCK IoStatus;

    if ((ULONG)Map->DirtyBytes >= CcpDirtyLimit)
        CcFlushCache(Map->Pointers, NULL, 0, &IoStatus); // an error stays with the pages: they are still dirty
}

// Copies Length bytes from Buffer to the cache; the lazy writer writes them.
//
// Contract as CcCopyRead's. What was copied before an exception stays.
BOOLEAN NTAPI CcCopyWrite(PFILE_OBJECT File, PLARGE_INTEGER Offset, ULONG Length, BOOLEAN Wait, PVOID Buffer)
{
    PSHARED_CACHE_MAP Map = File->SectionObjectPointer->SharedCacheMap;
    NTSTATUS Status;

    UNREFERENCED_PARAMETER(Wait);
    ASSERT(Map != NULL && File->PrivateCacheMap != NULL);
    ASSERT(Offset->QuadPart >= 0 && Offset->QuadPart + Length <= Map->FileSize.QuadPart);
    CcpThrottle(Map);
    Status = CcpTransfer(Map, (ULONGLONG)Offset->QuadPart, Length, Buffer, CcWriteOperation);
    CcpNoteDirty(Map, Length); // a part of it may have got there before an exception
    if (!NT_SUCCESS(Status))
        ExRaiseStatus(Status);
    return TRUE;
}

// Zeroes [Start, End) in the cache, flushing as it goes if that is much. <= APC_LEVEL. The status of a failed read.
NTSTATUS NTAPI CcpZeroRange(PSHARED_CACHE_MAP Map, ULONGLONG Start, ULONGLONG End)
{
    NTSTATUS Status = STATUS_SUCCESS;

    while (Start < End && NT_SUCCESS(Status)) {
        ULONG Piece = (ULONG)min_of(End - Start, (ULONGLONG)CcpLeftInView(Start));

        CcpThrottle(Map);
        Status = CcpTransfer(Map, Start, Piece, NULL, CcZeroOperation);
        CcpNoteDirty(Map, Piece);
        Start += Piece;
    }
    return Status;
}

// Zeroes a range of a cached file. Contract as CcCopyWrite's.
BOOLEAN NTAPI CcZeroData(PFILE_OBJECT File, PLARGE_INTEGER Start, PLARGE_INTEGER End, BOOLEAN Wait)
{
    PSHARED_CACHE_MAP Map = File->SectionObjectPointer->SharedCacheMap;
    NTSTATUS Status;

    UNREFERENCED_PARAMETER(Wait);
    ASSERT(Map != NULL);
    Status = CcpZeroRange(Map, (ULONGLONG)Start->QuadPart, (ULONGLONG)End->QuadPart);
    if (!NT_SUCCESS(Status))
        ExRaiseStatus(Status);
    return TRUE;
}
