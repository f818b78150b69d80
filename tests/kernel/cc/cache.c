// SPDX-License-Identifier: MIT
// Laws of the cache manager, on files of D:.

#include "cctest.h"

PFILE_OBJECT CtOpen(HANDLE Directory, ULONG Size, PHANDLE File)
{
    PFILE_OBJECT Object;

    expect_status(FtOpen(Directory, L"cached", FILE_CREATE, FILE_DELETE_ON_CLOSE, File), STATUS_SUCCESS);
    expect_status(FtSetSize(*File, Size), STATUS_SUCCESS);
    expect_status(FtWrite(*File, 0, "first", 5), STATUS_SUCCESS);
    Object = FtFileObject(*File);
    expect(Object->PrivateCacheMap != NULL);
    return Object;
}

VOID CtEmptyCache(PFILE_OBJECT File)
{
    IO_STATUS_BLOCK IoStatus;

    CcFlushCache(File->SectionObjectPointer, NULL, 0, &IoStatus);
    expect_status(IoStatus.Status, STATUS_SUCCESS);
    expect(CcPurgeCacheSection(File->SectionObjectPointer, NULL, 0, FALSE));
}

KTEST(cc, pinned_data_is_the_file)
{
    // Law: a pinned range, cached reads and writes see the same bytes; what is set dirty reaches the disk.
    HANDLE Directory = FtMakeDirectory(L"ccpin"), File;
    PFILE_OBJECT Object = CtOpen(Directory, 20000, &File);
    LARGE_INTEGER Offset = {.QuadPart = 8000};
    IO_STATUS_BLOCK IoStatus;
    PVOID Bcb, Buffer;
    UCHAR Bytes[8];
    ULONG Done;

    expect_status(FtWrite(File, 8000, "ABCDEFGH", 8), STATUS_SUCCESS);
    expect(CcPinRead(Object, &Offset, 8, TRUE, &Bcb, &Buffer));
    expect(RtlEqualMemory(Buffer, "ABCDEFGH", 8));
    memcpy(Buffer, "pinned", 6);
    CcSetDirtyPinnedData(Bcb, NULL);
    CcUnpinData(Bcb);
    expect_status(FtRead(File, 8000, Bytes, 8, &Done), STATUS_SUCCESS);
    expect(RtlEqualMemory(Bytes, "pinnedGH", 8));
    CcFlushCache(Object->SectionObjectPointer, NULL, 0, &IoStatus);
    expect_status(IoStatus.Status, STATUS_SUCCESS);
    expect(CcPurgeCacheSection(Object->SectionObjectPointer, NULL, 0, FALSE));
    expect(CcMapData(Object, &Offset, 8, TRUE, &Bcb, &Buffer));
    expect(RtlEqualMemory(Buffer, "pinnedGH", 8));
    expect(!CcPurgeCacheSection(Object->SectionObjectPointer, NULL, 0, FALSE)); // the view is in use
    CcUnpinData(Bcb);
    ObDereferenceObject(Object);
    ZwClose(File);
    FtDropDirectory(Directory);
}

KTEST(cc, pinned_range_may_cross_views)
{
    // Law: a range that crosses a view's end is one buffer; what is changed in it is the file's.
    HANDLE Directory = FtMakeDirectory(L"cccross"), File;
    PFILE_OBJECT Object = CtOpen(Directory, 0x50000, &File);
    LARGE_INTEGER Offset = {.QuadPart = VACB_MAPPING_GRANULARITY - 4};
    PVOID Bcb, Buffer;
    UCHAR Bytes[8];
    ULONG Done;

    expect_status(FtWrite(File, VACB_MAPPING_GRANULARITY - 4, "leftrigh", 8), STATUS_SUCCESS);
    expect(CcMapData(Object, &Offset, 8, MAP_WAIT, &Bcb, &Buffer));
    expect(RtlEqualMemory(Buffer, "leftrigh", 8));
    expect(CcPinMappedData(Object, &Offset, 8, PIN_WAIT, &Bcb));
    memcpy(Buffer, "LEFTRIGH", 8);
    CcSetDirtyPinnedData(Bcb, NULL);
    CcUnpinData(Bcb);
    expect_status(FtRead(File, VACB_MAPPING_GRANULARITY - 4, Bytes, 8, &Done), STATUS_SUCCESS);
    expect(RtlEqualMemory(Bytes, "LEFTRIGH", 8));
    ObDereferenceObject(Object);
    ZwClose(File);
    FtDropDirectory(Directory);
}

KTEST(cc, zeroed_range_is_zero_and_no_more)
{
    // Law: CcZeroData zeroes exactly its range.
    HANDLE Directory = FtMakeDirectory(L"cczero"), File;
    PFILE_OBJECT Object = CtOpen(Directory, 30000, &File);
    LARGE_INTEGER Start = {.QuadPart = 5001}, End = {.QuadPart = 14999};
    PUCHAR Buffer = ExAllocatePoolZero(PagedPool, 20000, TAG_FAT_NAME);
    ULONG Done, Wrong = 0;

    memset(Buffer, 'z', 20000);
    expect_status(FtWrite(File, 0, Buffer, 20000), STATUS_SUCCESS);
    expect(CcZeroData(Object, &Start, &End, TRUE));
    expect_status(FtRead(File, 0, Buffer, 20000, &Done), STATUS_SUCCESS);
    for (ULONG i = 0; i < 20000; i++)
        Wrong += Buffer[i] != (i >= 5001 && i < 14999 ? 0 : 'z');
    expect_eq(Wrong, 0);
    ExFreePoolWithTag(Buffer, TAG_FAT_NAME);
    ObDereferenceObject(Object);
    ZwClose(File);
    FtDropDirectory(Directory);
}

KTEST(cc, lazy_writer_cleans_within_seconds)
{
    // Law: dirty data is written without anybody asking, and then the file is not dirty any more.
    HANDLE Directory = FtMakeDirectory(L"cclazy"), File;
    PFILE_OBJECT Object = CtOpen(Directory, 10000, &File);
    PSHARED_CACHE_MAP Map = Object->SectionObjectPointer->SharedCacheMap;
    LARGE_INTEGER Second = {.QuadPart = -10000000};
    ULONG Tries = 0;

    expect(Map->DirtyPages != 0);
    while (Map->DirtyPages != 0 && Tries++ < 5)
        IGNORE_STATUS(KeDelayExecutionThread(KernelMode, FALSE, &Second));
    expect_eq(Map->DirtyPages, 0);
    ObDereferenceObject(Object);
    ZwClose(File);
    FtDropDirectory(Directory);
}

KTEST(cc, closed_files_lose_their_maps)
{
    // Law: after the last handle a clean map goes at once and a dirty one with the lazy writer; the data stays right.
    HANDLE Directory = FtMakeDirectory(L"ccclose"), File;
    PFILE_OBJECT Object;
    UCHAR Bytes[5];
    ULONG Done;

    expect_status(FtOpen(Directory, L"c", FILE_CREATE, 0, &File), STATUS_SUCCESS);
    expect_status(FtWrite(File, 0, "12345", 5), STATUS_SUCCESS);
    Object = FtFileObject(File);
    ZwClose(File);
    expect(Object->SectionObjectPointer->SharedCacheMap != NULL);
    CcWaitForCurrentLazyWriterActivity();
    expect(Object->SectionObjectPointer->SharedCacheMap == NULL);
    expect_status(FtOpen(Directory, L"c", FILE_OPEN, 0, &File), STATUS_SUCCESS);
    expect_status(FtRead(File, 0, Bytes, 5, &Done), STATUS_SUCCESS);
    expect(RtlEqualMemory(Bytes, "12345", 5));
    expect(Object->SectionObjectPointer->SharedCacheMap != NULL);
    ZwClose(File);
    expect(Object->SectionObjectPointer->SharedCacheMap == NULL);
    ObDereferenceObject(Object);
    expect_status(FtDelete(Directory, L"c"), STATUS_SUCCESS);
    FtDropDirectory(Directory);
}

KTEST(cc, bad_buffer_ends_a_copy_with_its_status)
{
    // Law: a fault on the caller's buffer ends the copy as STATUS_ACCESS_VIOLATION and leaves the view usable.
    HANDLE Directory = FtMakeDirectory(L"ccbad"), File;
    PFILE_OBJECT Object = CtOpen(Directory, 5000, &File);
    LARGE_INTEGER Offset = {.QuadPart = 0};
    volatile NTSTATUS Status = STATUS_SUCCESS;
    IO_STATUS_BLOCK IoStatus;
    UCHAR Bytes[5];
    ULONG Done;

    SEH_TRY
    {
        CcCopyRead(Object, &Offset, 100, TRUE, (PVOID)0x1000, &IoStatus);
    }
    SEH_EXCEPT
    {
        Status = SEH_CODE();
    }
    SEH_END
    expect_status(Status, STATUS_ACCESS_VIOLATION);
    expect_status(FtRead(File, 0, Bytes, 5, &Done), STATUS_SUCCESS);
    expect(RtlEqualMemory(Bytes, "first", 5));
    ObDereferenceObject(Object);
    ZwClose(File);
    FtDropDirectory(Directory);
}

#define CT_SHARED_PAGES 24u
static HANDLE CtFile;
static volatile LONG CtRunning;

// Each thread owns one byte of every 16 and counts it up, read back each time: one by cached I/O, one in a view.
static VOID NTAPI CtCachedThread(PVOID Context)
{
    ULONG Index = (ULONG)(ULONG_PTR)Context;

    for (ULONG Round = 1; Round <= 6; Round++) {
        for (ULONG Page = 0; Page < CT_SHARED_PAGES; Page++) {
            UCHAR Byte = (UCHAR)Round, Seen = 0;
            ULONG Done;

            expect_status(FtWrite(CtFile, Page * PAGE_SIZE + Index, &Byte, 1), STATUS_SUCCESS);
            expect_status(FtRead(CtFile, Page * PAGE_SIZE + Index, &Seen, 1, &Done), STATUS_SUCCESS);
            expect_eq(Seen, Round);
        }
    }
    InterlockedDecrement(&CtRunning);
}

static PUCHAR CtView;
static VOID NTAPI CtMappedThread(PVOID Context)
{
    ULONG Index = (ULONG)(ULONG_PTR)Context;

    for (ULONG Round = 1; Round <= 6; Round++) {
        for (ULONG Page = 0; Page < CT_SHARED_PAGES; Page++) {
            CtView[Page * PAGE_SIZE + Index] = (UCHAR)Round;
            YieldProcessor();
            expect_eq(CtView[Page * PAGE_SIZE + Index], Round);
        }
        KeYieldExecution();
    }
    InterlockedDecrement(&CtRunning);
}

KTEST(cc, cached_and_mapped_writers_lose_nothing)
{
    // Law: threads that write to one file through the cache and through a view, while it is flushed and its cache is
    // trimmed, find what they wrote; and so does the disk.
    HANDLE Directory = FtMakeDirectory(L"ccshare"), Section;
    PFILE_OBJECT Object = CtOpen(Directory, CT_SHARED_PAGES * PAGE_SIZE, &CtFile);
    IO_STATUS_BLOCK IoStatus;
    PETHREAD Threads[4];
    PVOID Base = NULL;
    SIZE_T Size = 0;
    ULONG Page, Index, Done, Wrong = 0;
    UCHAR Bytes[4];

    expect_status(ZwCreateSection(&Section, SECTION_ALL_ACCESS, NULL, NULL, PAGE_READWRITE, SEC_COMMIT, CtFile),
                  STATUS_SUCCESS);
    expect_status(
        ZwMapViewOfSection(Section, NtCurrentProcess(), &Base, 0, 0, NULL, &Size, ViewUnmap, 0, PAGE_READWRITE),
        STATUS_SUCCESS);
    CtView = Base;
    CtRunning = ARRAYSIZE(Threads);
    for (Index = 0; Index < ARRAYSIZE(Threads); Index++)
        Threads[Index] = KtStartThread(Index < 2 ? CtCachedThread : CtMappedThread, (PVOID)Index, 8);
    while (CtRunning != 0) {
        CcFlushCache(Object->SectionObjectPointer, NULL, 0, &IoStatus);
        expect_status(IoStatus.Status, STATUS_SUCCESS);
        MiTrimSystemCache();
        KeYieldExecution();
    }
    for (Index = 0; Index < ARRAYSIZE(Threads); Index++)
        KtJoin(Threads[Index]);
    expect_status(ZwUnmapViewOfSection(NtCurrentProcess(), Base), STATUS_SUCCESS);
    ZwClose(Section);
    CcFlushCache(Object->SectionObjectPointer, NULL, 0, &IoStatus);
    expect(CcPurgeCacheSection(Object->SectionObjectPointer, NULL, 0, FALSE)); // what comes now is the disk's
    for (Page = 0; Page < CT_SHARED_PAGES; Page++) {
        expect_status(FtRead(CtFile, Page * PAGE_SIZE, Bytes, 4, &Done), STATUS_SUCCESS);
        for (Index = 0; Index < 4; Index++)
            Wrong += Bytes[Index] != 6;
    }
    expect_eq(Wrong, 0);
    ObDereferenceObject(Object);
    ZwClose(CtFile);
    FtDropDirectory(Directory);
}
