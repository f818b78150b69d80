// SPDX-License-Identifier: MIT
// Laws of what is in a file: reads give what was written, whichever way either goes.

#include "fattest.h"

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
