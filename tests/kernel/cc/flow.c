// SPDX-License-Identifier: MIT
// Laws of what flows through the cache: reading ahead, writing behind, throttling, MDLs, purging, write-through.

#include "cctest.h"

#define CT_BIG 0x40000u // bytes: four read-aheads

static VOID CtFill(HANDLE File, ULONG Bytes)
{
    PUCHAR Buffer = ExAllocatePoolZero(PagedPool, Bytes, TAG_FAT_NAME);

    for (ULONG i = 0; i < Bytes; i++)
        Buffer[i] = (UCHAR)(i >> 8 ^ i);
    expect_status(FtWrite(File, 0, Buffer, Bytes), STATUS_SUCCESS);
    ExFreePoolWithTag(Buffer, TAG_FAT_NAME);
}

static BOOLEAN CtIsResident(PFILE_OBJECT File, ULONGLONG Offset)
{
    return MmIsCachePageResident(((PSHARED_CACHE_MAP)File->SectionObjectPointer->SharedCacheMap)->Section, Offset);
}

static VOID CtRead(HANDLE File, ULONGLONG Offset)
{
    UCHAR Bytes[4096];
    ULONG Done;

    expect_status(FtRead(File, Offset, Bytes, sizeof(Bytes), &Done), STATUS_SUCCESS);
}

KTEST(cc, reads_in_a_row_are_read_ahead)
{
    // Law: the third read in a row finds the fourth's pages on their way; reads here and there do not.
    HANDLE Directory = FtMakeDirectory(L"ccahead"), File;
    PFILE_OBJECT Object = CtOpen(Directory, CT_BIG, &File);
    LARGE_INTEGER Moment = {.QuadPart = -500000};
    ULONG Ios;

    CtFill(File, CT_BIG);
    CtEmptyCache(Object);
    Ios = CcStatistics.ReadAheadIos;
    CtRead(File, 0x30000);
    CtRead(File, 0x10000);
    CtRead(File, 0x20000);
    IGNORE_STATUS(KeDelayExecutionThread(KernelMode, FALSE, &Moment));
    expect_eq(CcStatistics.ReadAheadIos, Ios);
    CtEmptyCache(Object);
    CtRead(File, 0);
    CtRead(File, 4096);
    CtRead(File, 8192);
    IGNORE_STATUS(KeDelayExecutionThread(KernelMode, FALSE, &Moment));
    expect(CcStatistics.ReadAheadIos > Ios);
    expect(CtIsResident(Object, 0x10000)); // what Mm reads in one go ends there
    CtEmptyCache(Object);
    Ios = CcStatistics.ReadAheadIos;
    IoSetFileFlags(Object, FO_RANDOM_ACCESS);
    for (ULONG i = 0; i < 8; i++)
        CtRead(File, i * 4096);
    IGNORE_STATUS(KeDelayExecutionThread(KernelMode, FALSE, &Moment));
    expect_eq(CcStatistics.ReadAheadIos, Ios);
    ObDereferenceObject(Object);
    ZwClose(File);
    FtDropDirectory(Directory);
}

KTEST(cc, lazy_writer_takes_an_eighth)
{
    // Law: a scan writes an eighth of what is dirty at least, not all of it; what grew old is written whatever its
    // share.
    HANDLE Directory = FtMakeDirectory(L"cceighth"), File;
    PFILE_OBJECT Object = CtOpen(Directory, CT_BIG, &File);
    PSHARED_CACHE_MAP Map = Object->SectionObjectPointer->SharedCacheMap;
    LARGE_INTEGER Second = {.QuadPart = -10000000};
    ULONG Before, Written, Tries = 0;

    expect_status(CcWaitForCurrentLazyWriterActivity(), STATUS_SUCCESS);
    expect_eq(Map->DirtyPages, 0);
    CtFill(File, CT_BIG);
    Written = CcStatistics.LazyWritePages;
    Before = (ULONG)Map->DirtyPages;
    expect_eq(Before, CT_BIG / PAGE_SIZE);
    expect(CcIsThereDirtyData(Object->Vpb));
    while (CcStatistics.LazyWritePages - Written < Before && Tries++ < 12)
        IGNORE_STATUS(KeDelayExecutionThread(KernelMode, FALSE, &Second));
    expect_eq(Map->DirtyPages, 0);
    expect(Tries > 1); // not all at once
    ObDereferenceObject(Object);
    ZwClose(File);
    FtDropDirectory(Directory);
}

static volatile LONG CtPosted;
static VOID NTAPI CtPostWrite(PVOID Context1, PVOID Context2)
{
    expect(Context1 == &CtPosted && Context2 == NULL);
    InterlockedIncrement(&CtPosted);
}

KTEST(cc, writers_wait_for_the_threshold)
{
    // Law: over a threshold CcCanIWrite says no, a deferred write is posted when the lazy writer has written, and a
    // writer that waits goes on then.
    HANDLE Directory = FtMakeDirectory(L"ccthrottle"), File;
    PFILE_OBJECT Object = CtOpen(Directory, CT_BIG, &File);
    PSHARED_CACHE_MAP Map = Object->SectionObjectPointer->SharedCacheMap;
    LARGE_INTEGER Moment = {.QuadPart = -500000};
    ULONG Tries = 0;

    expect_status(CcWaitForCurrentLazyWriterActivity(), STATUS_SUCCESS);
    CcSetDirtyPageThreshold(Object, 4);
    expect(CcCanIWrite(Object, 0x10000, FALSE, FALSE)); // nothing is dirty: one write always may
    CtFill(File, 0x8000);
    expect_eq(Map->DirtyPages, 8);
    expect(!CcCanIWrite(Object, 4096, FALSE, FALSE));
    CtPosted = 0;
    CcDeferWrite(Object, CtPostWrite, (PVOID)&CtPosted, NULL, 4096, FALSE);
    while (CtPosted == 0 && Tries++ < 200)
        IGNORE_STATUS(KeDelayExecutionThread(KernelMode, FALSE, &Moment));
    expect_eq(CtPosted, 1);
    CtFill(File, 0x8000);
    expect(CcCanIWrite(Object, 4096, TRUE, FALSE));
    expect(Map->DirtyPages < 4);
    CcSetDirtyPageThreshold(Object, 0);
    ObDereferenceObject(Object);
    ZwClose(File);
    FtDropDirectory(Directory);
}

KTEST(cc, mdl_shows_the_files_pages)
{
    // Law: the pages that CcMdlRead locks hold the file's bytes, across views too; what is put into those of
    // CcPrepareMdlWrite is the file's after CcMdlWriteComplete.
    HANDLE Directory = FtMakeDirectory(L"ccmdl"), File;
    PFILE_OBJECT Object = CtOpen(Directory, CT_BIG + 8192, &File);
    LARGE_INTEGER Offset = {.QuadPart = CT_BIG - 100};
    PMDL Chain = NULL;
    IO_STATUS_BLOCK IoStatus;
    UCHAR Bytes[200];
    ULONG Done;

    memset(Bytes, 'm', sizeof(Bytes));
    expect_status(FtWrite(File, CT_BIG - 100, Bytes, 200), STATUS_SUCCESS);
    CcMdlRead(Object, &Offset, 200, &Chain, &IoStatus);
    expect_eq(IoStatus.Information, 200);
    expect(Chain->Next != NULL && Chain->ByteCount == 100 && Chain->Next->ByteCount == 100);
    expect_eq(*(PUCHAR)MmGetSystemAddressForMdl(Chain->Next), 'm');
    CcMdlReadComplete(Object, Chain);
    Chain = NULL;
    CcPrepareMdlWrite(Object, &Offset, 200, &Chain, &IoStatus);
    memset(MmGetSystemAddressForMdl(Chain), 'w', 100);
    memset(MmGetSystemAddressForMdl(Chain->Next), 'W', 100);
    CcMdlWriteComplete(Object, &Offset, Chain);
    CtEmptyCache(Object);
    expect_status(FtRead(File, CT_BIG - 100, Bytes, 200, &Done), STATUS_SUCCESS);
    expect(Bytes[0] == 'w' && Bytes[99] == 'w' && Bytes[100] == 'W' && Bytes[199] == 'W');
    ObDereferenceObject(Object);
    ZwClose(File);
    FtDropDirectory(Directory);
}

KTEST(cc, what_is_not_in_memory_is_not_waited_for)
{
    // Law: without Wait a copy or a map of pages that are on the disk only is refused, and of those in memory is done.
    HANDLE Directory = FtMakeDirectory(L"ccnowait"), File;
    PFILE_OBJECT Object = CtOpen(Directory, 40000, &File);
    LARGE_INTEGER Offset = {.QuadPart = 8192};
    IO_STATUS_BLOCK IoStatus;
    PVOID Bcb, Buffer;
    UCHAR Bytes[16];

    CtEmptyCache(Object);
    expect(!CcCopyRead(Object, &Offset, 16, FALSE, Bytes, &IoStatus));
    expect(!CcMapData(Object, &Offset, 16, 0, &Bcb, &Buffer));
    expect(!CcMapData(Object, &Offset, 16, MAP_WAIT | MAP_NO_READ, &Bcb, &Buffer));
    CtRead(File, 8192);
    expect(CcCopyRead(Object, &Offset, 16, FALSE, Bytes, &IoStatus));
    expect(CcMapData(Object, &Offset, 16, 0, &Bcb, &Buffer));
    CcUnpinData(Bcb);
    ObDereferenceObject(Object);
    ZwClose(File);
    FtDropDirectory(Directory);
}

KTEST(cc, purge_can_end_caching)
{
    // Law: CcPurgeCacheSection with UninitializeCacheMaps takes the file from all its file objects; the event of
    // CcUninitializeCacheMap comes when the map has gone.
    HANDLE Directory = FtMakeDirectory(L"ccpurge"), File;
    PFILE_OBJECT Object = CtOpen(Directory, 40000, &File);
    CACHE_UNINITIALIZE_EVENT Gone;
    UCHAR Bytes[5];
    ULONG Done;

    CtEmptyCache(Object);
    expect(CcPurgeCacheSection(Object->SectionObjectPointer, NULL, 0, TRUE));
    expect(Object->PrivateCacheMap == NULL && Object->SectionObjectPointer->SharedCacheMap == NULL);
    expect(CcGetFileObjectFromSectionPtrsRef(Object->SectionObjectPointer) == NULL);
    expect_status(FtRead(File, 0, Bytes, 5, &Done), STATUS_SUCCESS);
    expect(RtlEqualMemory(Bytes, "first", 5));
    KeInitializeEvent(&Gone.Event, NotificationEvent, FALSE);
    expect(CcUninitializeCacheMap(Object, NULL, &Gone));
    expect(KeReadStateEvent(&Gone.Event) != 0);
    ObDereferenceObject(Object);
    ZwClose(File);
    FtDropDirectory(Directory);
}
