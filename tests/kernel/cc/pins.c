// SPDX-License-Identifier: MIT
// Laws of pinned data: Bcbs that are shared, exclusive, repinned, of several ranges, logged. Source: WDK, CcPinRead and
// its relatives.

#include "cctest.h"

static PVOID CtPin(PFILE_OBJECT File, ULONGLONG Offset, ULONG Length, ULONG Flags, PVOID *Buffer)
{
    LARGE_INTEGER Start = {.QuadPart = (LONGLONG)Offset};
    PVOID Bcb = NULL;

    KeEnterCriticalRegion();
    expect(CcPinRead(File, &Start, Length, Flags, &Bcb, Buffer));
    KeLeaveCriticalRegion();
    return Bcb;
}

static ULONG CtCountBcbs(PFILE_OBJECT File)
{
    PSHARED_CACHE_MAP Map = File->SectionObjectPointer->SharedCacheMap;
    ULONG Count = 0;

    for (PLIST_ENTRY Entry = Map->BcbList.Flink; Entry != &Map->BcbList; Entry = Entry->Flink)
        Count++;
    return Count;
}

KTEST(cc, pins_of_one_range_share_a_bcb)
{
    // Law: who pins what is pinned gets the same Bcb and the same bytes; a range that is larger gets it as a part.
    HANDLE Directory = FtMakeDirectory(L"ccshared"), File;
    PFILE_OBJECT Object = CtOpen(Directory, 40000, &File);
    PVOID First, Second, Larger, BufferOne, BufferTwo, BufferThree;

    First = CtPin(Object, 4096, 4096, PIN_WAIT, &BufferOne);
    Second = CtPin(Object, 5000, 100, PIN_WAIT, &BufferTwo);
    expect(First == Second);
    expect((PUCHAR)BufferOne + 904 == BufferTwo);
    Larger = CtPin(Object, 0, 12288, PIN_WAIT, &BufferThree);
    expect(Larger != First && (PUCHAR)BufferThree + 4096 == BufferOne);
    expect_eq(CtCountBcbs(Object), 3);
    expect(CcGetFileObjectFromBcb(Larger) == CcGetFileObjectFromSectionPtrs(Object->SectionObjectPointer));
    expect_eq(((PPUBLIC_BCB)First)->MappedLength, 4096);
    CcUnpinData(First);
    CcUnpinData(Larger);
    expect_eq(CtCountBcbs(Object), 1);
    CcUnpinData(Second);
    expect_eq(CtCountBcbs(Object), 0);
    ObDereferenceObject(Object);
    ZwClose(File);
    FtDropDirectory(Directory);
}

KTEST(cc, dirty_bcb_lives_until_it_is_written)
{
    // Law: what was set dirty stays known, unpinned or not, until a flush; then it is on the disk and forgotten.
    HANDLE Directory = FtMakeDirectory(L"ccdirty"), File;
    PFILE_OBJECT Object = CtOpen(Directory, 40000, &File);
    PSHARED_CACHE_MAP Map = Object->SectionObjectPointer->SharedCacheMap;
    PVOID Bcb, Buffer;
    UCHAR Byte = 0;
    ULONG Done;

    CtEmptyCache(Object);
    expect_eq(Map->DirtyPages, 0);
    Bcb = CtPin(Object, 8192, 1, PIN_WAIT, &Buffer);
    *(PUCHAR)Buffer = 0x5A;
    CcSetDirtyPinnedData(Bcb, NULL);
    CcUnpinData(Bcb);
    expect_eq(CtCountBcbs(Object), 1);
    expect_eq(Map->DirtyPages, 1);
    expect_eq(CcGetFlushedValidData(Object->SectionObjectPointer, FALSE).QuadPart, 8192);
    CtEmptyCache(Object);
    expect_eq(CtCountBcbs(Object), 0);
    expect_eq(Map->DirtyPages, 0);
    expect(CcGetFlushedValidData(Object->SectionObjectPointer, FALSE).QuadPart == MAXLONGLONG);
    expect_status(FtRead(File, 8192, &Byte, 1, &Done), STATUS_SUCCESS);
    expect_eq(Byte, 0x5A);
    ObDereferenceObject(Object);
    ZwClose(File);
    FtDropDirectory(Directory);
}

static PFILE_OBJECT CtPinner;
static volatile LONG CtPinned;

static VOID NTAPI CtTryPin(PVOID Context)
{
    LARGE_INTEGER Start = {.QuadPart = 0};
    PVOID Bcb, Buffer;

    KeEnterCriticalRegion();
    CtPinned = CcPinRead(CtPinner, &Start, 16, (ULONG)(ULONG_PTR)Context, &Bcb, &Buffer);
    if (CtPinned)
        CcUnpinData(Bcb);
    KeLeaveCriticalRegion();
}

static BOOLEAN CtOtherThreadPins(ULONG Flags)
{
    CtPinned = -1;
    KtJoin(KtStartThread(CtTryPin, (PVOID)(ULONG_PTR)Flags, 8));
    return CtPinned == TRUE;
}

KTEST(cc, exclusive_pins_keep_others_out)
{
    // Law: a range pinned exclusively is nobody else's; one pinned shared can be pinned by others, but not exclusively.
    // A pin with an owner pointer belongs to no thread.
    HANDLE Directory = FtMakeDirectory(L"ccexcl"), File;
    PVOID Bcb, Buffer;

    CtPinner = CtOpen(Directory, 40000, &File);
    KeEnterCriticalRegion();
    Bcb = CtPin(CtPinner, 0, 16, PIN_WAIT | PIN_EXCLUSIVE, &Buffer);
    expect(!CtOtherThreadPins(0));
    CcUnpinData(Bcb);
    Bcb = CtPin(CtPinner, 0, 16, PIN_WAIT, &Buffer);
    expect(CtOtherThreadPins(0));
    expect(!CtOtherThreadPins(PIN_EXCLUSIVE));
    CcSetBcbOwnerPointer(Bcb, (PVOID)((ULONG_PTR)&CtPinner | 3));
    CcUnpinDataForThread(Bcb, (ERESOURCE_THREAD)&CtPinner | 3);
    expect(CtOtherThreadPins(PIN_EXCLUSIVE));
    expect(!CtOtherThreadPins(PIN_IF_BCB)); // nobody has pinned it
    KeLeaveCriticalRegion();
    ObDereferenceObject(CtPinner);
    ZwClose(File);
    FtDropDirectory(Directory);
}

KTEST(cc, repinned_data_is_written_through)
{
    // Law: a repinned Bcb outlives its pin, and CcUnpinRepinnedBcb writes it.
    HANDLE Directory = FtMakeDirectory(L"ccrepin"), File;
    PFILE_OBJECT Object = CtOpen(Directory, 40000, &File);
    LARGE_INTEGER Start = {.QuadPart = 4096};
    IO_STATUS_BLOCK IoStatus;
    PVOID Bcb, Buffer;

    CtEmptyCache(Object);
    KeEnterCriticalRegion();
    expect(CcPreparePinWrite(Object, &Start, 4096, TRUE, PIN_WAIT, &Bcb, &Buffer));
    memset(Buffer, 'r', 4096);
    CcRepinBcb(Bcb);
    CcUnpinData(Bcb);
    expect(((PBCB)Bcb)->Dirty);
    CcUnpinRepinnedBcb(Bcb, TRUE, &IoStatus);
    KeLeaveCriticalRegion();
    expect_status(IoStatus.Status, STATUS_SUCCESS);
    expect_eq(CtCountBcbs(Object), 0);
    expect_eq(((PSHARED_CACHE_MAP)Object->SectionObjectPointer->SharedCacheMap)->DirtyPages, 0);
    ObDereferenceObject(Object);
    ZwClose(File);
    FtDropDirectory(Directory);
}

static LARGE_INTEGER CtLogFlushed;
static ULONG CtDirtyRanges;

static VOID NTAPI CtFlushLog(PVOID LogHandle, LARGE_INTEGER Lsn)
{
    expect(LogHandle == &CtLogFlushed);
    CtLogFlushed = Lsn;
}

static VOID NTAPI CtSeeDirty(PFILE_OBJECT File, PLARGE_INTEGER Offset, ULONG Length, PLARGE_INTEGER Oldest,
                             PLARGE_INTEGER Newest, PVOID Context1, PVOID Context2)
{
    UNREFERENCED_PARAMETER(File);
    expect_eq(Offset->QuadPart, CtDirtyRanges == 0 ? 4096 : 16384);
    expect_eq(Length, 4096);
    expect_eq(Oldest->QuadPart, CtDirtyRanges == 0 ? 70 : 90);
    expect_eq(Newest->QuadPart, CtDirtyRanges == 0 ? 80 : 90);
    expect(Context1 == &CtDirtyRanges && Context2 == NULL);
    CtDirtyRanges++;
}

KTEST(cc, log_is_flushed_before_what_it_describes)
{
    // Law: CcGetDirtyPages shows each dirty range with its oldest and newest record; a flush asks for the log first, up
    // to the newest record in its range.
    HANDLE Directory = FtMakeDirectory(L"cclog"), File;
    PFILE_OBJECT Object = CtOpen(Directory, 40000, &File);
    static const struct {
        ULONG Offset, Lsn;
    } Changes[] = {{4096, 80}, {4096, 70}, {16384, 90}};
    PVOID Bcb, Buffer;

    CtEmptyCache(Object);
    CcSetLogHandleForFile(Object, &CtLogFlushed, CtFlushLog);
    for (ULONG i = 0; i < ARRAYSIZE(Changes); i++) {
        LARGE_INTEGER Lsn = {.QuadPart = Changes[i].Lsn};

        Bcb = CtPin(Object, Changes[i].Offset, 10, PIN_WAIT, &Buffer);
        *(PUCHAR)Buffer = (UCHAR)i;
        CcSetDirtyPinnedData(Bcb, &Lsn);
        CcUnpinData(Bcb);
    }
    CtDirtyRanges = 0;
    expect_eq(CcGetDirtyPages(&CtLogFlushed, CtSeeDirty, &CtDirtyRanges, NULL).QuadPart, 70);
    expect_eq(CtDirtyRanges, 2);
    CtLogFlushed.QuadPart = 0;
    CtEmptyCache(Object);
    expect_eq(CtLogFlushed.QuadPart, 90);
    expect_eq(CcGetDirtyPages(&CtLogFlushed, CtSeeDirty, NULL, NULL).QuadPart, 0);
    ObDereferenceObject(Object);
    ZwClose(File);
    FtDropDirectory(Directory);
}
