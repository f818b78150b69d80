// SPDX-License-Identifier: MIT
// Flushing and purging. A flush asks Mm to write: first where Cc knows of dirty pages, then what a program's view of
// the file may have modified beside them.

#include "ccp.h"

// The range of a slot's bits that are set: its first byte, and the one behind its last page. There is one at least.
static VOID CcpDirtyRange(ULONG Index, const LONG *Taken, PULONGLONG Start, PULONGLONG End)
{
    ULONGLONG Base = (ULONGLONG)Index << VACB_OFFSET_SHIFT;
    ULONG First = 0, Last = CC_DIRTY_WORDS - 1;

    while (Taken[First] == 0)
        First++;
    while (Taken[Last] == 0)
        Last--;
    *Start = Base + (First * 32 + (ULONG)__builtin_ctzl((ULONG)Taken[First])) * PAGE_SIZE;
    *End = Base + (Last * 32 + 32 - (ULONG)__builtin_clzl((ULONG)Taken[Last])) * PAGE_SIZE;
}

// Writes the first dirty pages of one slot, Limit at most, that lie in [Start, End).
static NTSTATUS CcpFlushSlot(PSHARED_CACHE_MAP Map, ULONG Index, ULONGLONG Start, ULONGLONG End, ULONG Limit,
                             PULONG Pages)
{
    LONG Taken[CC_DIRTY_WORDS];
    IO_STATUS_BLOCK IoStatus;
    LARGE_INTEGER From;
    NTSTATUS Status;

    *Pages = CcpTakeDirty(Map, Index, Start, End, Limit, Taken);
    if (*Pages == 0)
        return STATUS_SUCCESS;
    CcpDirtyRange(Index, Taken, &Start, &End);
    From.QuadPart = (LONGLONG)Start;
    CcpBeginBcbFlush(Map, Start, End);
    Status = MmFlushSection(Map->Pointers, &From, (ULONG)(End - Start), &IoStatus);
    if (NT_SUCCESS(Status))
        CcpCleanBcbs(Map, Start, End, TRUE);
    else
        CcpGiveDirtyBack(Map, Index, Taken);
    CcStatistics.DataFlushes++;
    CcStatistics.DataPages += *Pages;
    return Status;
}

// Writes what Cc knows to be dirty in [Start, End), at most Limit pages. *Pages: how many were.
// <= APC_LEVEL; the caller keeps the map open. What is not written stays dirty. Returns the first error.
NTSTATUS NTAPI CcpFlushMap(PSHARED_CACHE_MAP Map, ULONGLONG Start, ULONGLONG End, ULONG Limit, PULONG Pages)
{
    NTSTATUS Result = STATUS_SUCCESS;

    *Pages = 0;
    for (ULONG Index = (ULONG)(Start >> VACB_OFFSET_SHIFT);
         Map->DirtyPages != 0 && Index < Map->SlotCount && (ULONGLONG)Index << VACB_OFFSET_SHIFT < End &&
         *Pages < Limit;
         Index++) {
        ULONG Written;
        NTSTATUS Status = CcpFlushSlot(Map, Index, Start, End, Limit - *Pages, &Written);

        *Pages += Written;
        if (!NT_SUCCESS(Status) && NT_SUCCESS(Result))
            Result = Status;
    }
    return Result;
}

// Writes what is dirty of a file's cached and mapped data and waits for it. Works for a file that is mapped but not
// cached.
//
// Offset NULL: all of it.   <= APC_LEVEL; the file system's paging writes follow in this thread.
VOID NTAPI CcFlushCache(PSECTION_OBJECT_POINTERS Pointers, PLARGE_INTEGER Offset, ULONG Length,
                        PIO_STATUS_BLOCK IoStatus)
{
    PSHARED_CACHE_MAP Map = CcpReferenceMap(Pointers);
    ULONGLONG Start = Offset != NULL ? (ULONGLONG)Offset->QuadPart : 0;
    ULONGLONG End = Offset != NULL && Length != 0 ? Start + Length : CC_END_OF_FILE;
    IO_STATUS_BLOCK Local;
    NTSTATUS Status = STATUS_SUCCESS;
    ULONG Pages;

    if (IoStatus == NULL)
        IoStatus = &Local;
    IoStatus->Status = STATUS_SUCCESS;
    IoStatus->Information = 0;
    if (Map != NULL)
        Status = CcpFlushMap(Map, Start, End, MAXULONG, &Pages);
    if (Pointers->DataSectionObject != NULL)
        IoStatus->Status = MmFlushSection(Pointers, Offset, Length, IoStatus);
    if (!NT_SUCCESS(Status))
        IoStatus->Status = Status;
    if (Map == NULL)
        return;
    if (NT_SUCCESS(Status) && Offset == NULL)
        Map->ValidDataLength = Map->ValidDataGoal;
    CcpDereferenceMap(Map);
}

// Drops the cached pages of a range without writing them.
//
// Offset NULL: from the start; Length 0: to the end. UninitializeCacheMaps: all file objects stop caching.
// <= APC_LEVEL; the file system excludes other users of the range. FALSE: a view that is in use, or a user's, keeps
// some.
BOOLEAN NTAPI CcPurgeCacheSection(PSECTION_OBJECT_POINTERS Pointers, PLARGE_INTEGER Offset, ULONG Length,
                                  BOOLEAN UninitializeCacheMaps)
{
    PSHARED_CACHE_MAP Map = CcpReferenceMap(Pointers);
    ULONGLONG Start = Offset != NULL ? (ULONGLONG)Offset->QuadPart : 0;
    ULONGLONG End = Length != 0 ? Start + Length : CC_END_OF_FILE;
    BOOLEAN Result = TRUE;

    if (Map != NULL && UninitializeCacheMaps)
        CcpDetachAll(Map);
    if (Map != NULL)
        Result = CcpUnmapViews(Map, Start, End);
    if (Pointers->DataSectionObject != NULL && !MmPurgeSection(Pointers, Offset, Length))
        Result = FALSE;
    if (Map != NULL) {
        if (Result) {
            CcpForgetDirty(Map, Start, End); // nothing is left to be written
            CcpCleanBcbs(Map, Start, End, FALSE);
        }
        CcpDereferenceMap(Map);
    }
    return Result;
}

// How far a file's data is on the disk, as far as Cc knows: its valid data length, or the first dirty byte before it.
// MAXLONGLONG: the file is not cached, or nothing of it is dirty.   BcbListHeld: for the WDK's sake; no lock is held.
LARGE_INTEGER NTAPI CcGetFlushedValidData(PSECTION_OBJECT_POINTERS Pointers, BOOLEAN BcbListHeld)
{
    PSHARED_CACHE_MAP Map = CcpReferenceMap(Pointers);
    LARGE_INTEGER Result = {.QuadPart = MAXLONGLONG};

    UNREFERENCED_PARAMETER(BcbListHeld);
    if (Map == NULL)
        return Result;
    for (ULONG Index = 0; Map->DirtyPages != 0 && Index < Map->SlotCount && Result.QuadPart == MAXLONGLONG; Index++) {
        KIRQL OldIrql = KfAcquireSpinLock(&CcpVacbLock);
        volatile LONG *Words = Map->Slots[Index].Vacb != NULL ? Map->Slots[Index].Vacb->Dirty : Map->Slots[Index].Dirty;

        for (ULONG Word = CC_DIRTY_WORDS; Word-- > 0;)
            if (Words[Word] != 0)
                Result.QuadPart = ((LONGLONG)Index << VACB_OFFSET_SHIFT) +
                                  (LONGLONG)((Word * 32 + (ULONG)__builtin_ctzl((ULONG)Words[Word])) * PAGE_SIZE);
        KfReleaseSpinLock(&CcpVacbLock, OldIrql);
    }
    CcpDereferenceMap(Map);
    return Result;
}
