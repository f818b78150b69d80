// SPDX-License-Identifier: MIT
// Reading ahead: a file object that is read from front to back finds its next pages in memory, because a worker thread
// touched them. Its private map remembers the last two reads; the second read in a row that begins where the one before
// ended starts it, FO_SEQUENTIAL_ONLY at once and twice as far. Source: Windows Internals, "Intelligent Read-Ahead".

#include "ccp.h"

#define CC_READ_AHEAD_MINIMUM 0x10000u // bytes: what Mm reads in one go

typedef struct _CC_READ_AHEAD {
    WORK_QUEUE_ITEM Item;
    PFILE_OBJECT File;     // referenced
    PSHARED_CACHE_MAP Map; // referenced
    ULONGLONG Offset, End;
} CC_READ_AHEAD, *PCC_READ_AHEAD;

static NTSTATUS CcpReadRange(PSHARED_CACHE_MAP Map, ULONGLONG Offset, ULONGLONG End)
{
    NTSTATUS Status = STATUS_SUCCESS;

    while (Offset < End && NT_SUCCESS(Status)) {
        ULONG Piece = (ULONG)min_of(End - Offset, (ULONGLONG)CcpLeftInView(Offset));
        PVACB Vacb;

        Status = CcpGetView(Map, Offset, &Vacb);
        if (NT_SUCCESS(Status)) {
            Status = CcpTouch(CcpViewAddress(Vacb, Offset), Piece);
            CcpReleaseView(Vacb);
        }
        Offset += Piece;
    }
    return Status;
}

// Worker: nobody waits for the pages, so a failure is nobody's: the reader meets it itself.
static VOID NTAPI CcpReadAheadWorker(PVOID Context)
{
    PCC_READ_AHEAD Work = Context;
    PSHARED_CACHE_MAP Map = Work->Map;
    PPRIVATE_CACHE_MAP Private;

    if (Map->Callbacks->AcquireForReadAhead(Map->LazyWriteContext, TRUE)) {
        if (Work->File->PrivateCacheMap != NULL) { // else the reader has closed the file, or it was deleted
            CcStatistics.ReadAheadIos++;
            IGNORE_STATUS(CcpReadRange(Map, Work->Offset, min_of(Work->End, (ULONGLONG)Map->FileSize.QuadPart)));
        }
        Map->Callbacks->ReleaseFromReadAhead(Map->LazyWriteContext);
    }
    KeAcquireGuardedMutex(&CcpMasterLock);
    Private = Work->File->PrivateCacheMap;
    if (Private != NULL)
        Private->ReadAheadActive = FALSE;
    KeReleaseGuardedMutex(&CcpMasterLock);
    CcpDereferenceMap(Map);
    ObDereferenceObject(Work->File);
    ExFreePoolWithTag(Work, TAG_CC_WORK);
}

// Has the part of a file that follows a read brought into memory, if that is not under way already.
//
// The file object is initialized for caching.   <= APC_LEVEL, does not wait.
VOID NTAPI CcScheduleReadAhead(PFILE_OBJECT File, PLARGE_INTEGER Offset, ULONG Length)
{
    PPRIVATE_CACHE_MAP Private = File->PrivateCacheMap;
    PSHARED_CACHE_MAP Map = File->SectionObjectPointer->SharedCacheMap;
    ULONG Granularity = max_of(Private->ReadAheadMask + 1, CC_READ_AHEAD_MINIMUM);
    ULONGLONG Start = ((ULONGLONG)Offset->QuadPart + Length + PAGE_SIZE - 1) & ~(ULONGLONG)(PAGE_SIZE - 1), End;
    PCC_READ_AHEAD Work;

    if ((Map->Flags & SHARED_CACHE_MAP_NO_READ) || (File->Flags & FO_RANDOM_ACCESS))
        return;
    End = Start + max_of(Length, Granularity);
    if (File->Flags & FO_SEQUENTIAL_ONLY)
        End += max_of(Length, Granularity);
    End = (End + Granularity - 1) & ~(ULONGLONG)(Granularity - 1);
    if (Start >= Private->ReadAheadOffset && Start < Private->ReadAheadBeyond) {
        if (Private->ReadAheadBeyond - Start >= Granularity / 2)
            return; // enough lies ahead
        Start = Private->ReadAheadBeyond;
    }
    if (Start >= (ULONGLONG)Map->FileSize.QuadPart || InterlockedExchange(&Private->ReadAheadActive, TRUE) != FALSE)
        return;
    Work = ExAllocatePoolWithTag(NonPagedPool, sizeof(*Work), TAG_CC_WORK);
    if (Work == NULL) {
        Private->ReadAheadActive = FALSE;
        return;
    }
    Private->ReadAheadOffset = Start;
    Private->ReadAheadBeyond = End;
    CcpAddReference(Map);
    ObReferenceObject(File);
    Work->File = File;
    Work->Map = Map;
    Work->Offset = Start;
    Work->End = End;
    ExInitializeWorkItem(&Work->Item, CcpReadAheadWorker, Work);
    ExQueueWorkItem(&Work->Item, CriticalWorkQueue);
}

// A read begins: remembers it, and reads ahead if it goes on where the last two went.
VOID CcpNoteRead(PPRIVATE_CACHE_MAP Private, PFILE_OBJECT File, ULONGLONG Offset, ULONG Length)
{
    LARGE_INTEGER Start = {.QuadPart = (LONGLONG)Offset};
    BOOLEAN Sequential =
        Offset == Private->BeyondLastByte2 && Offset != 0 && Private->FileOffset2 == Private->BeyondLastByte1;

    if (Sequential || (File->Flags & FO_SEQUENTIAL_ONLY))
        CcScheduleReadAhead(File, &Start, Length);
    Private->FileOffset1 = Private->FileOffset2;
    Private->BeyondLastByte1 = Private->BeyondLastByte2;
    Private->FileOffset2 = Offset;
    Private->BeyondLastByte2 = Offset + Length;
}

// Says in what pieces a file object's data is read ahead. Granularity: a power of two, a page at least.
VOID NTAPI CcSetReadAheadGranularity(PFILE_OBJECT File, ULONG Granularity)
{
    ASSERT(File->PrivateCacheMap != NULL && Granularity >= PAGE_SIZE && (Granularity & (Granularity - 1)) == 0);
    ((PPRIVATE_CACHE_MAP)File->PrivateCacheMap)->ReadAheadMask = Granularity - 1;
}
