// SPDX-License-Identifier: MIT
// Laws at the edges of the cache: what small breaks of it would get past the other tests.

#include "cctest.h"

#define CT_SPAN 0x40000u // bytes: four read-aheads
#define CT_FEW 8u        // pages

static VOID CtWritePages(HANDLE File, ULONG Pages)
{
    PVOID Buffer = ExAllocatePoolZero(PagedPool, Pages * PAGE_SIZE, TAG_FAT_NAME);

    expect_status(FtWrite(File, 0, Buffer, Pages * PAGE_SIZE), STATUS_SUCCESS);
    ExFreePoolWithTag(Buffer, TAG_FAT_NAME);
}

KTEST(cc, flushed_pages_are_dirty_no_more)
{
    // Law: what a flush has written counts as dirty neither for the file nor for the system, whose writers would wait.
    HANDLE Directory = FtMakeDirectory(L"ccclean"), File;
    PFILE_OBJECT Object = CtOpen(Directory, CT_SPAN, &File);
    PSHARED_CACHE_MAP Map = Object->SectionObjectPointer->SharedCacheMap;
    IO_STATUS_BLOCK IoStatus;
    ULONG Before;

    expect_status(CcWaitForCurrentLazyWriterActivity(), STATUS_SUCCESS);
    Before = CcTotalDirtyPages;
    CtWritePages(File, CT_FEW);
    expect_eq(Map->DirtyPages, CT_FEW);
    CcFlushCache(Object->SectionObjectPointer, NULL, 0, &IoStatus);
    expect_status(IoStatus.Status, STATUS_SUCCESS);
    expect_eq(Map->DirtyPages, 0);
    expect(CcTotalDirtyPages <= Before);
    ObDereferenceObject(Object);
    ZwClose(File);
    FtDropDirectory(Directory);
}

KTEST(cc, reading_ahead_goes_on)
{
    // Law: one who reads on and on is read ahead of again and again, not once.
    HANDLE Directory = FtMakeDirectory(L"cconandon"), File;
    PFILE_OBJECT Object = CtOpen(Directory, CT_SPAN, &File);
    LARGE_INTEGER Moment = {.QuadPart = -500000};
    ULONG Ios, Done, Offset;
    UCHAR Bytes[PAGE_SIZE / 4];

    CtWritePages(File, CT_SPAN / PAGE_SIZE);
    CtEmptyCache(Object);
    Ios = CcStatistics.ReadAheadIos;
    for (Offset = 0; Offset < CT_SPAN; Offset += sizeof(Bytes)) {
        expect_status(FtRead(File, Offset, Bytes, sizeof(Bytes), &Done), STATUS_SUCCESS);
        if (Offset % 0x8000 == 0)
            IGNORE_STATUS(KeDelayExecutionThread(KernelMode, FALSE, &Moment)); // the worker comes along
    }
    expect(CcStatistics.ReadAheadIos >= Ios + 2);
    ObDereferenceObject(Object);
    ZwClose(File);
    FtDropDirectory(Directory);
}

static ULONGLONG CtReadAheadEnd(PFILE_OBJECT Object)
{
    LARGE_INTEGER Start = {.QuadPart = 0}, Moment = {.QuadPart = -500000};
    ULONGLONG End;

    CcScheduleReadAhead(Object, &Start, PAGE_SIZE);
    End = ((PPRIVATE_CACHE_MAP)Object->PrivateCacheMap)->ReadAheadBeyond;
    IGNORE_STATUS(KeDelayExecutionThread(KernelMode, FALSE, &Moment));
    return End;
}

KTEST(cc, sequential_files_are_read_further_ahead)
{
    // Law: SDK, CreateFile, FILE_FLAG_SEQUENTIAL_SCAN: the cache reads twice as far ahead of such a reader.
    HANDLE Directory = FtMakeDirectory(L"ccsequence"), File;
    PFILE_OBJECT Object = CtOpen(Directory, CT_SPAN, &File);
    ULONGLONG Plain;

    CtWritePages(File, CT_SPAN / PAGE_SIZE);
    CtEmptyCache(Object);
    Plain = CtReadAheadEnd(Object);
    ObDereferenceObject(Object);
    ZwClose(File);
    Object = CtOpen(Directory, CT_SPAN, &File);
    CtWritePages(File, CT_SPAN / PAGE_SIZE);
    CtEmptyCache(Object);
    IoSetFileFlags(Object, FO_SEQUENTIAL_ONLY);
    expect(CtReadAheadEnd(Object) > Plain);
    ObDereferenceObject(Object);
    ZwClose(File);
    FtDropDirectory(Directory);
}

static volatile LONG CtLetGo;
static VOID NTAPI CtNoteLetGo(PVOID Context1, PVOID Context2)
{
    UNREFERENCED_PARAMETER(Context1);
    UNREFERENCED_PARAMETER(Context2);
    InterlockedIncrement(&CtLetGo);
}

KTEST(cc, nobody_waits_for_a_disk_that_cannot_be_written)
{
    // Law: when nothing could be written, deferred writes are let go over the threshold too: waiting is of no use.
    HANDLE Directory = FtMakeDirectory(L"ccgiveup"), File;
    PFILE_OBJECT Object = CtOpen(Directory, CT_SPAN, &File);
    KPRIORITY Old;
    LONG LetGo;

    expect_status(CcWaitForCurrentLazyWriterActivity(), STATUS_SUCCESS);
    CtWritePages(File, CT_FEW);
    CcSetDirtyPageThreshold(Object, CT_FEW / 2);
    CtLetGo = 0;
    Old = KeSetPriorityThread(KeGetCurrentThread(), HIGH_PRIORITY); // before the lazy writer
    expect(!CcCanIWrite(Object, PAGE_SIZE, FALSE, FALSE));
    CcDeferWrite(Object, CtNoteLetGo, NULL, NULL, PAGE_SIZE, FALSE);
    CcpPostDeferredWrites(TRUE);
    LetGo = CtLetGo;
    KeSetPriorityThread(KeGetCurrentThread(), Old);
    expect_eq(LetGo, 1);
    CcSetDirtyPageThreshold(Object, 0);
    ObDereferenceObject(Object);
    ZwClose(File);
    FtDropDirectory(Directory);
}
