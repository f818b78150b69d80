// SPDX-License-Identifier: MIT
// Laws of what is in a file: reads give what was written, whichever way either goes.

#include "fattest.h"
#include "mm/mi.h"

#define FT_MODEL_SIZE 200000u
#define FT_STEPS 250u

typedef struct _FT_MODEL {
    HANDLE Cached, Direct;
    PUCHAR Data;   // what the file has
    PUCHAR Buffer; // page aligned
    ULONG Size;
} FT_MODEL, *PFT_MODEL;

static VOID FtStepWrite(PFT_MODEL Model)
{
    BOOLEAN Direct = KtRandom() % 4 == 0;
    ULONG Offset = KtRandom() % 3 == 0 ? Model->Size : KtRandom() % (Model->Size + 5000);
    ULONG Length = 1 + KtRandom() % (KtRandom() % 2 ? 600 : 30000);

    if (Direct) {
        Offset &= ~511u;
        Length = (Length + 511) & ~511u;
    }
    if (Offset + Length > FT_MODEL_SIZE)
        return;
    for (ULONG i = 0; i < Length; i += 4)
        *(PULONG)(Model->Buffer + i) = KtRandom();
    expect_status(FtWrite(Direct ? Model->Direct : Model->Cached, Offset, Model->Buffer, Length), STATUS_SUCCESS);
    memcpy(Model->Data + Offset, Model->Buffer, Length);
    Model->Size = max_of(Model->Size, Offset + Length);
}

static VOID FtStepRead(PFT_MODEL Model)
{
    BOOLEAN Direct = KtRandom() % 4 == 0;
    ULONG Offset = KtRandom() % (Model->Size + 100), Length = 1 + KtRandom() % 40000, Done;

    if (Direct) {
        Offset &= ~511u;
        Length = (Length + 511) & ~511u;
    }
    if (Offset >= Model->Size) {
        expect_status(FtRead(Direct ? Model->Direct : Model->Cached, Offset, Model->Buffer, Length, &Done),
                      STATUS_END_OF_FILE);
        return;
    }
    expect_status(FtRead(Direct ? Model->Direct : Model->Cached, Offset, Model->Buffer, Length, &Done), STATUS_SUCCESS);
    expect_eq(Done, min_of(Length, Model->Size - Offset));
    expect(RtlEqualMemory(Model->Buffer, Model->Data + Offset, Done));
}

static VOID FtStepSize(PFT_MODEL Model)
{
    ULONG Size = KtRandom() % 2 ? KtRandom() % FT_MODEL_SIZE : KtRandom() % (Model->Size + 1);

    expect_status(FtSetSize(Model->Cached, Size), STATUS_SUCCESS);
    if (Size < Model->Size)
        memset(Model->Data + Size, 0, Model->Size - Size);
    Model->Size = Size;
    expect_eq(FtSize(Model->Direct), Size);
}

KTEST(fat, content_agrees_with_a_model)
{
    // Law: after any sequence of cached and unbuffered writes and size changes a read gives what an array would have;
    // bytes that nobody wrote are zero.
    FT_MODEL Model = {.Size = 0};
    HANDLE Directory = FtMakeDirectory(L"ftmodel");

    Model.Data = ExAllocatePoolZero(PagedPool, FT_MODEL_SIZE, TAG_FAT_NAME);
    Model.Buffer = ExAllocatePoolZero(NonPagedPool, 0xC000, TAG_FAT_NAME);
    expect_status(FtOpen(Directory, L"model", FILE_CREATE, 0, &Model.Cached), STATUS_SUCCESS);
    expect_status(FtOpen(Directory, L"model", FILE_OPEN, FILE_NO_INTERMEDIATE_BUFFERING, &Model.Direct),
                  STATUS_SUCCESS);
    for (ULONG i = 0; i < FT_STEPS; i++) {
        ULONG Choice = KtRandom() % 10;

        if (Choice < 5)
            FtStepWrite(&Model);
        else if (Choice < 9)
            FtStepRead(&Model);
        else
            FtStepSize(&Model);
    }
    ZwClose(Model.Direct);
    ZwClose(Model.Cached);
    expect_status(FtDelete(Directory, L"model"), STATUS_SUCCESS);
    ExFreePoolWithTag(Model.Data, TAG_FAT_NAME);
    ExFreePoolWithTag(Model.Buffer, TAG_FAT_NAME);
    FtDropDirectory(Directory);
}

KTEST(fat, content_survives_close_and_purge)
{
    // Law: what was written is read again after the last handle is gone and the cache has lost every page.
    HANDLE Directory = FtMakeDirectory(L"ftpurge"), File;
    PUCHAR Buffer = ExAllocatePoolZero(PagedPool, 0x10000, TAG_FAT_NAME);
    IO_STATUS_BLOCK IoStatus;
    PFILE_OBJECT Object;
    ULONG Done;

    for (ULONG i = 0; i < 0x10000; i++)
        Buffer[i] = (UCHAR)(i * 7 + (i >> 8));
    expect_status(FtOpen(Directory, L"file", FILE_CREATE, 0, &File), STATUS_SUCCESS);
    expect_status(FtWrite(File, 100, Buffer, 0x10000 - 200), STATUS_SUCCESS);
    ZwClose(File);
    expect_status(FtOpen(Directory, L"FILE", FILE_OPEN, 0, &File), STATUS_SUCCESS);
    Object = FtFileObject(File);
    CcFlushCache(Object->SectionObjectPointer, NULL, 0, &IoStatus);
    expect_status(IoStatus.Status, STATUS_SUCCESS);
    expect(CcPurgeCacheSection(Object->SectionObjectPointer, NULL, 0, FALSE));
    ObDereferenceObject(Object);
    memset(Buffer, 0xEE, 0x10000);
    expect_status(FtRead(File, 0, Buffer, 0x10000, &Done), STATUS_SUCCESS);
    expect_eq(Done, 0x10000 - 100);
    for (ULONG i = 0; i < Done; i++)
        if (Buffer[i] != (i < 100 ? 0 : (UCHAR)((i - 100) * 7 + ((i - 100) >> 8)))) {
            expect_eq(i, MAXULONG);
            break;
        }
    ZwClose(File);
    expect_status(FtDelete(Directory, L"file"), STATUS_SUCCESS);
    ExFreePoolWithTag(Buffer, TAG_FAT_NAME);
    FtDropDirectory(Directory);
}

KTEST(fat, mapped_view_agrees_with_reads_and_writes)
{
    // Law: a mapped view, cached reads and cached writes are the same pages; a file with a view cannot be cut, only
    // grow.
    HANDLE Directory = FtMakeDirectory(L"ftview"), File, Section;
    OBJECT_ATTRIBUTES Attributes;
    UCHAR Text[64], Byte;
    PUCHAR View = NULL;
    SIZE_T Size = 0;
    ULONG Done;

    memset(Text, 'w', sizeof(Text));
    expect_status(FtOpen(Directory, L"view", FILE_CREATE, 0, &File), STATUS_SUCCESS);
    expect_status(FtSetSize(File, 3 * PAGE_SIZE + 10), STATUS_SUCCESS);
    expect_status(FtWrite(File, PAGE_SIZE - 32, Text, sizeof(Text)), STATUS_SUCCESS);
    InitializeObjectAttributes(&Attributes, NULL, 0, NULL, NULL);
    expect_status(ZwCreateSection(&Section, SECTION_ALL_ACCESS, &Attributes, NULL, PAGE_READWRITE, SEC_COMMIT, File),
                  STATUS_SUCCESS);
    expect_status(ZwMapViewOfSection(Section, NtCurrentProcess(), (PVOID *)&View, 0, 0, NULL, &Size, ViewUnmap, 0,
                                     PAGE_READWRITE),
                  STATUS_SUCCESS);
    expect_eq(View[PAGE_SIZE - 33], 0);
    expect_eq(View[PAGE_SIZE - 32], 'w');
    expect_eq(View[PAGE_SIZE + 31], 'w');
    expect_eq(View[3 * PAGE_SIZE + 9], 0);
    View[2 * PAGE_SIZE + 5] = 'v';
    expect_status(FtRead(File, 2 * PAGE_SIZE + 5, &Byte, 1, &Done), STATUS_SUCCESS);
    expect_eq(Byte, 'v');
    expect_status(FtWrite(File, 2 * PAGE_SIZE + 6, "f", 1), STATUS_SUCCESS);
    expect_eq(View[2 * PAGE_SIZE + 6], 'f');
    expect_status(FtSetSize(File, PAGE_SIZE), STATUS_USER_MAPPED_FILE);
    expect_status(FtDispose(File, TRUE), STATUS_CANNOT_DELETE);
    expect_status(FtSetSize(File, 5 * PAGE_SIZE), STATUS_SUCCESS);
    expect_status(ZwUnmapViewOfSection(NtCurrentProcess(), View), STATUS_SUCCESS);
    ZwClose(Section);
    expect_status(FtRead(File, 2 * PAGE_SIZE + 5, Text, 2, &Done), STATUS_SUCCESS);
    expect(Text[0] == 'v' && Text[1] == 'f');
    ZwClose(File);
    expect_status(FtDelete(Directory, L"view"), STATUS_SUCCESS);
    FtDropDirectory(Directory);
}

static BOOLEAN FtFindOnDisk(PCSTR Text);

typedef struct _FT_VIEW {
    HANDLE Directory, File, Direct, Section;
    PUCHAR Base;
} FT_VIEW;

// A file of three pages of 'o', open buffered and unbuffered, and mapped.
static VOID FtMapFile(FT_VIEW *View, PCWSTR Name)
{
    PUCHAR Text = ExAllocatePoolWithTag(PagedPool, 3 * PAGE_SIZE, TAG_FAT_NAME);
    SIZE_T Size = 0;

    View->Base = NULL;
    memset(Text, 'o', 3 * PAGE_SIZE);
    View->Directory = FtMakeDirectory(Name);
    expect_status(FtOpen(View->Directory, L"mapped", FILE_CREATE, 0, &View->File), STATUS_SUCCESS);
    expect_status(FtWrite(View->File, 0, Text, 3 * PAGE_SIZE), STATUS_SUCCESS);
    expect_status(FtOpen(View->Directory, L"mapped", FILE_OPEN, FILE_NO_INTERMEDIATE_BUFFERING, &View->Direct),
                  STATUS_SUCCESS);
    expect_status(
        ZwCreateSection(&View->Section, SECTION_ALL_ACCESS, NULL, NULL, PAGE_READWRITE, SEC_COMMIT, View->File),
        STATUS_SUCCESS);
    expect_status(ZwMapViewOfSection(View->Section, NtCurrentProcess(), (PVOID *)&View->Base, 0, 0, NULL, &Size,
                                     ViewUnmap, 0, PAGE_READWRITE),
                  STATUS_SUCCESS);
    ExFreePoolWithTag(Text, TAG_FAT_NAME);
}

static VOID FtUnmapFile(FT_VIEW *View)
{
    expect_status(ZwUnmapViewOfSection(NtCurrentProcess(), View->Base), STATUS_SUCCESS);
    ZwClose(View->Section);
    ZwClose(View->Direct);
    ZwClose(View->File);
    expect_status(FtDelete(View->Directory, L"mapped"), STATUS_SUCCESS);
    FtDropDirectory(View->Directory);
}

KTEST(fat, unbuffered_access_agrees_with_views_and_the_cache)
{
    // Law: what is written through a view or the cache is what an unbuffered read gives, at once; and what is written
    // unbuffered is what the view and the cache show.
    PUCHAR Sectors = ExAllocatePoolWithTag(NonPagedPool, PAGE_SIZE, TAG_FAT_NAME);
    UCHAR Byte = 0;
    FT_VIEW View;
    ULONG Done;

    FtMapFile(&View, L"ftdirect");
    View.Base[PAGE_SIZE + 17] = 'v';
    expect_status(FtWrite(View.File, PAGE_SIZE + 18, "c", 1), STATUS_SUCCESS);
    expect_status(FtRead(View.Direct, PAGE_SIZE, Sectors, PAGE_SIZE, &Done), STATUS_SUCCESS);
    expect(Sectors[16] == 'o' && Sectors[17] == 'v' && Sectors[18] == 'c');
    memset(Sectors, 'd', PAGE_SIZE);
    expect_status(FtWrite(View.Direct, PAGE_SIZE, Sectors, PAGE_SIZE), STATUS_SUCCESS);
    expect(View.Base[PAGE_SIZE] == 'd' && View.Base[2 * PAGE_SIZE - 1] == 'd' && View.Base[2 * PAGE_SIZE] == 'o');
    expect_status(FtRead(View.File, PAGE_SIZE + 17, &Byte, 1, &Done), STATUS_SUCCESS);
    expect_eq(Byte, 'd');
    View.Base[PAGE_SIZE + 5] = 'w';
    expect_status(FtRead(View.Direct, PAGE_SIZE, Sectors, 512, &Done), STATUS_SUCCESS);
    expect(Sectors[4] == 'd' && Sectors[5] == 'w');
    FtUnmapFile(&View);
    ExFreePoolWithTag(Sectors, TAG_FAT_NAME);
}

KTEST(fat, system_view_agrees_with_reads_and_flushes)
{
    // Law: what the kernel writes through a system view of a file is read, buffered or not, at once.
    PUCHAR Sectors = ExAllocatePoolWithTag(NonPagedPool, PAGE_SIZE, TAG_FAT_NAME), Base = NULL;
    PVOID Section;
    SIZE_T Size = 0;
    UCHAR Byte = 0;
    FT_VIEW View;
    ULONG Done;

    FtMapFile(&View, L"ftsystem");
    expect_status(
        ObReferenceObjectByHandle(View.Section, SECTION_MAP_WRITE, MmSectionObjectType, KernelMode, &Section, NULL),
        STATUS_SUCCESS);
    expect_status(MmMapViewInSystemSpace(Section, (PVOID *)&Base, &Size), STATUS_SUCCESS);
    expect_eq(Size, 3 * PAGE_SIZE);
    Base[2 * PAGE_SIZE + 3] = 's';
    expect_eq(View.Base[2 * PAGE_SIZE + 3], 's');
    expect_status(FtRead(View.File, 2 * PAGE_SIZE + 3, &Byte, 1, &Done), STATUS_SUCCESS);
    expect_eq(Byte, 's');
    expect_status(FtRead(View.Direct, 2 * PAGE_SIZE, Sectors, 512, &Done), STATUS_SUCCESS);
    expect(Sectors[2] == 'o' && Sectors[3] == 's');
    expect_status(MmUnmapViewInSystemSpace(Base), STATUS_SUCCESS);
    ObDereferenceObject(Section);
    FtUnmapFile(&View);
    ExFreePoolWithTag(Sectors, TAG_FAT_NAME);
}

KTEST(fat, mapped_changes_are_written_within_the_interval)
{
    // Law: a page that a program modified in its view, and does not flush or unmap, is on the disk when the mapped page
    // writer's interval (five minutes; here two seconds) has passed.
    LONGLONG Interval = MiMappedWriteInterval;
    LARGE_INTEGER Second = {.QuadPart = -10000000};
    IO_STATUS_BLOCK IoStatus;
    FT_VIEW View;
    ULONG Tries = 0;

    FtMapFile(&View, L"ftinterval");
    expect_status(ZwFlushBuffersFile(View.File, &IoStatus), STATUS_SUCCESS); // nothing is the lazy writer's
    MiMappedWriteInterval = -2 * 10000000ll;
    KeSetEvent(&MiModifiedPageWriterEvent, IO_NO_INCREMENT, FALSE); // it begins to wait anew
    memcpy(View.Base + 2 * PAGE_SIZE, "written by the clock alone", 26);
    while (!FtFindOnDisk("written by the clock alone") && Tries++ < 4)
        IGNORE_STATUS(KeDelayExecutionThread(KernelMode, FALSE, &Second));
    expect(Tries < 4);
    MiMappedWriteInterval = Interval;
    KeSetEvent(&MiModifiedPageWriterEvent, IO_NO_INCREMENT, FALSE);
    FtUnmapFile(&View);
}

KTEST(fat, writable_view_keeps_a_file_from_being_run)
{
    // Law: a file that a section can write to is no image (STATUS_SHARING_VIOLATION), until section and view are gone.
    FT_VIEW View;
    HANDLE Image;

    FtMapFile(&View, L"ftimage");
    expect_status(ZwCreateSection(&Image, SECTION_ALL_ACCESS, NULL, NULL, PAGE_READONLY, SEC_IMAGE, View.File),
                  STATUS_SHARING_VIOLATION);
    ZwClose(View.Section);
    expect_status(ZwCreateSection(&Image, SECTION_ALL_ACCESS, NULL, NULL, PAGE_READONLY, SEC_IMAGE, View.File),
                  STATUS_SHARING_VIOLATION);
    expect_status(ZwCreateSection(&View.Section, SECTION_ALL_ACCESS, NULL, NULL, PAGE_READONLY, SEC_COMMIT, View.File),
                  STATUS_SUCCESS);
    expect_status(ZwUnmapViewOfSection(NtCurrentProcess(), View.Base), STATUS_SUCCESS);
    expect_status(ZwCreateSection(&Image, SECTION_ALL_ACCESS, NULL, NULL, PAGE_READONLY, SEC_IMAGE, View.File),
                  STATUS_INVALID_IMAGE_NOT_MZ);
    ZwClose(View.Section);
    ZwClose(View.Direct);
    ZwClose(View.File);
    expect_status(FtDelete(View.Directory, L"mapped"), STATUS_SUCCESS);
    FtDropDirectory(View.Directory);
}

// Searches the volume's sectors for one that begins with Text.
static BOOLEAN FtFindOnDisk(PCSTR Text)
{
    PUCHAR Buffer = ExAllocatePoolWithTag(NonPagedPool, 0x10000, TAG_FAT_NAME);
    BOOLEAN Found = FALSE;
    HANDLE Volume;
    ULONG Done = 1;

    expect_status(FtOpenEx(NULL, L"\\??\\D:", FILE_READ_DATA, FT_SHARE_ALL, FILE_OPEN, FILE_NO_INTERMEDIATE_BUFFERING,
                           0, &Volume, NULL),
                  STATUS_SUCCESS);
    for (ULONGLONG Offset = 0; !Found; Offset += 0x10000) {
        if (!NT_SUCCESS(FtRead(Volume, Offset, Buffer, 0x10000, &Done)))
            break;
        for (ULONG i = 0; i < Done && !Found; i += 512)
            Found = RtlEqualMemory(Buffer + i, Text, strlen(Text));
    }
    ZwClose(Volume);
    ExFreePoolWithTag(Buffer, TAG_FAT_NAME);
    return Found;
}

KTEST(fat, flush_puts_data_and_entry_on_the_disk)
{
    // Law: when NtFlushBuffersFile has returned, the file's data and its directory entry are in the disk's sectors.
    static const CHAR Data[] = "this very text lies at the start of a sector after a flush";
    HANDLE Directory = FtMakeDirectory(L"ftflush"), File;
    IO_STATUS_BLOCK IoStatus;

    expect_status(FtOpen(Directory, L"FLUSHED.TXT", FILE_CREATE, 0, &File), STATUS_SUCCESS);
    expect_status(FtWrite(File, 0, Data, sizeof(Data)), STATUS_SUCCESS);
    expect_status(ZwFlushBuffersFile(File, &IoStatus), STATUS_SUCCESS);
    expect(FtFindOnDisk(Data));
    ZwClose(File);
    expect_status(FtDelete(Directory, L"FLUSHED.TXT"), STATUS_SUCCESS);
    FtDropDirectory(Directory);
}

#define FT_BIG_SIZE 0x600000u
#define FT_BIG_PIECE 0x8000u

KTEST(fat, file_larger_than_a_small_cache_comes_back)
{
    // Law: a file that small machines cannot hold in memory is written and read back whole; writers are slowed
    // down, not refused.
    HANDLE Directory = FtMakeDirectory(L"ftbig"), File;
    PULONG Piece = ExAllocatePoolZero(PagedPool, FT_BIG_PIECE, TAG_FAT_NAME);
    ULONG Done, Wrong = 0;

    FtWarmIrps();
    expect_status(FtOpen(Directory, L"big", FILE_CREATE, 0, &File), STATUS_SUCCESS);
    for (ULONG Offset = 0; Offset < FT_BIG_SIZE; Offset += FT_BIG_PIECE) {
        for (ULONG i = 0; i < FT_BIG_PIECE / 4; i++)
            Piece[i] = (Offset + i) * 2654435761u;
        expect_status(FtWrite(File, Offset, Piece, FT_BIG_PIECE), STATUS_SUCCESS);
    }
    ZwClose(File);
    expect_status(FtOpen(Directory, L"big", FILE_OPEN, 0, &File), STATUS_SUCCESS);
    for (ULONG Offset = 0; Offset < FT_BIG_SIZE; Offset += FT_BIG_PIECE) {
        expect_status(FtRead(File, Offset, Piece, FT_BIG_PIECE, &Done), STATUS_SUCCESS);
        for (ULONG i = 0; i < FT_BIG_PIECE / 4; i++)
            Wrong += Piece[i] != (Offset + i) * 2654435761u;
    }
    expect_eq(Wrong, 0);
    ZwClose(File);
    expect_status(FtDelete(Directory, L"big"), STATUS_SUCCESS);
    ExFreePoolWithTag(Piece, TAG_FAT_NAME);
    FtDropDirectory(Directory);
}
