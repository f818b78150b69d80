// SPDX-License-Identifier: MIT
// Laws of sections over files: data and images. They need the system disk.

#include "mmtest.h"

#define MT_FILE L"\\SystemRoot\\TEMP\\MMTEST.DAT"
#define MT_FILE_BYTES 70001u // 17 pages and a piece

static NTSTATUS MtOpen(PCWSTR Path, ACCESS_MASK Access, ULONG Disposition, PHANDLE File)
{
    OBJECT_ATTRIBUTES Attributes;
    IO_STATUS_BLOCK IoStatus;
    UNICODE_STRING Name;

    RtlInitUnicodeString(&Name, Path);
    InitializeObjectAttributes(&Attributes, &Name, OBJ_CASE_INSENSITIVE | OBJ_KERNEL_HANDLE, NULL, NULL);
    return ZwCreateFile(File, Access | SYNCHRONIZE, &Attributes, &IoStatus, NULL, FILE_ATTRIBUTE_NORMAL,
                        FILE_SHARE_READ | FILE_SHARE_WRITE | FILE_SHARE_DELETE, Disposition,
                        FILE_SYNCHRONOUS_IO_NONALERT | FILE_NON_DIRECTORY_FILE, NULL, 0);
}

static UCHAR MtPattern(ULONG Offset)
{
    return (UCHAR)(Offset * 7 + (Offset >> 8) * 3 + (Offset >> 16));
}

// A file with the pattern, open for everything. The caller deletes it with MtDelete.
static HANDLE MtPatternFile(ULONG Bytes)
{
    PUCHAR Buffer = ExAllocatePoolWithTag(PagedPool, Bytes, TAG_MM);
    IO_STATUS_BLOCK IoStatus;
    HANDLE File = NULL;
    ULONG Offset;

    for (Offset = 0; Offset < Bytes; Offset++)
        Buffer[Offset] = MtPattern(Offset);
    expect_status(
        MtOpen(MT_FILE, FILE_GENERIC_READ | FILE_GENERIC_WRITE | FILE_EXECUTE | DELETE, FILE_OVERWRITE_IF, &File),
        STATUS_SUCCESS);
    expect_status(ZwWriteFile(File, NULL, NULL, NULL, &IoStatus, Buffer, Bytes, NULL, NULL), STATUS_SUCCESS);
    ExFreePoolWithTag(Buffer, TAG_MM);
    return File;
}

static VOID MtDelete(HANDLE File)
{
    FILE_DISPOSITION_INFORMATION Disposition = {TRUE};
    IO_STATUS_BLOCK IoStatus;

    expect_status(ZwSetInformationFile(File, &IoStatus, &Disposition, sizeof(Disposition), FileDispositionInformation),
                  STATUS_SUCCESS);
    ZwClose(File);
}

static HANDLE MtFileSection(HANDLE File, ULONG Protect, ULONG Attributes, NTSTATUS *Status)
{
    OBJECT_ATTRIBUTES Object;
    HANDLE Section = NULL;

    InitializeObjectAttributes(&Object, NULL, OBJ_KERNEL_HANDLE, NULL, NULL);
    *Status = ZwCreateSection(&Section, SECTION_ALL_ACCESS, &Object, NULL, Protect, Attributes, File);
    return NT_SUCCESS(*Status) ? Section : NULL;
}

static UCHAR MtReadFileByte(HANDLE File, ULONG Offset)
{
    LARGE_INTEGER Position = {.QuadPart = Offset};
    IO_STATUS_BLOCK IoStatus;
    UCHAR Byte = 0xEE;

    expect_status(ZwReadFile(File, NULL, NULL, NULL, &IoStatus, &Byte, 1, &Position, NULL), STATUS_SUCCESS);
    return Byte;
}

KTEST(mm, file_view_reads_the_file)
{
    // Law: a view shows the file's bytes; the last page is filled up with zeros; there is nothing behind it.
    HANDLE File = MtPatternFile(MT_FILE_BYTES), Section;
    ULONG Offset, Wrong = 0;
    NTSTATUS Status;
    PUCHAR View;

    Section = MtFileSection(File, PAGE_READONLY, SEC_COMMIT, &Status);
    expect_status(Status, STATUS_SUCCESS);
    View = MtMap(Section, PAGE_READONLY);
    expect(View != NULL);
    for (Offset = 0; Offset < MT_FILE_BYTES; Offset++)
        Wrong += View[Offset] != MtPattern(Offset);
    for (; Offset < ROUND_TO_PAGES(MT_FILE_BYTES); Offset++)
        Wrong += View[Offset] != 0;
    expect_eq(Wrong, 0);
    expect_status(MtRead(View + Offset), STATUS_ACCESS_VIOLATION);
    expect_status(MtUnmap(View), STATUS_SUCCESS);
    ZwClose(Section);
    MtDelete(File);
}

KTEST(mm, file_view_and_cache_agree)
{
    // Law: what is written through a view is read by NtReadFile at once, and the other way round.
    HANDLE File = MtPatternFile(MT_FILE_BYTES), Section;
    LARGE_INTEGER Position = {.QuadPart = 40000};
    IO_STATUS_BLOCK IoStatus;
    NTSTATUS Status;
    PUCHAR View;

    Section = MtFileSection(File, PAGE_READWRITE, SEC_COMMIT, &Status);
    View = MtMap(Section, PAGE_READWRITE);
    expect(View != NULL);
    View[12345] = 0x5A;
    expect_eq(MtReadFileByte(File, 12345), 0x5A);
    expect_status(ZwWriteFile(File, NULL, NULL, NULL, &IoStatus, "xyz", 3, &Position, NULL), STATUS_SUCCESS);
    expect(RtlEqualMemory(View + 40000, "xyz", 3));
    expect_status(MtUnmap(View), STATUS_SUCCESS);
    ZwClose(Section);
    expect_eq(MtReadFileByte(File, 12345), 0x5A);
    MtDelete(File);
}

KTEST(mm, copy_on_write_view_leaves_the_file_alone)
{
    // Law: what is written through a copy-on-write view stays in that view.
    HANDLE File = MtPatternFile(MT_FILE_BYTES), Section;
    NTSTATUS Status;
    PUCHAR View;

    Section = MtFileSection(File, PAGE_WRITECOPY, SEC_COMMIT, &Status);
    View = MtMap(Section, PAGE_WRITECOPY);
    expect(View != NULL);
    View[5000] = (UCHAR)~View[5000];
    expect_eq(MtReadFileByte(File, 5000), MtPattern(5000));
    expect_eq(View[4999], MtPattern(4999));
    expect_status(MtUnmap(View), STATUS_SUCCESS);
    ZwClose(Section);
    MtDelete(File);
}

KTEST(mm, larger_section_extends_the_file)
{
    // Law: a writable section larger than its file makes the file grow, with zeros; a read-only one is refused.
    HANDLE File = MtPatternFile(100), Section;
    LARGE_INTEGER Size = {.QuadPart = 3 * PAGE_SIZE + 10};
    FILE_STANDARD_INFORMATION Information;
    IO_STATUS_BLOCK IoStatus;
    PUCHAR View;

    expect_status(ZwCreateSection(&Section, SECTION_ALL_ACCESS, NULL, &Size, PAGE_READONLY, SEC_COMMIT, File),
                  STATUS_SECTION_TOO_BIG);
    expect_status(ZwCreateSection(&Section, SECTION_ALL_ACCESS, NULL, &Size, PAGE_READWRITE, SEC_COMMIT, File),
                  STATUS_SUCCESS);
    View = MtMap(Section, PAGE_READWRITE);
    expect(View != NULL);
    expect_eq(View[99], MtPattern(99));
    expect_eq(View[100], 0);
    View[3 * PAGE_SIZE + 9] = 9;
    expect_status(ZwQueryInformationFile(File, &IoStatus, &Information, sizeof(Information), FileStandardInformation),
                  STATUS_SUCCESS);
    expect_eq(Information.EndOfFile.QuadPart, Size.QuadPart);
    expect_status(MtUnmap(View), STATUS_SUCCESS);
    ZwClose(Section);
    expect_eq(MtReadFileByte(File, 3 * PAGE_SIZE + 9), 9);
    MtDelete(File);
}

KTEST(mm, empty_file_has_no_section)
{
    // Law: WDK, ZwCreateSection: a file of no bytes can't be mapped.
    HANDLE File = NULL, Section;
    NTSTATUS Status;

    expect_status(MtOpen(MT_FILE, FILE_GENERIC_READ | FILE_EXECUTE | DELETE, FILE_OVERWRITE_IF, &File), STATUS_SUCCESS);
    Section = MtFileSection(File, PAGE_READONLY, SEC_COMMIT, &Status);
    expect_status(Status, STATUS_MAPPED_FILE_SIZE_ZERO);
    Section = MtFileSection(File, PAGE_EXECUTE, SEC_IMAGE, &Status);
    expect(Section == NULL && !NT_SUCCESS(Status));
    MtDelete(File);
}

// ------------------------------------------------------------------------------------------------------------- images
#define MT_IMAGE L"\\SystemRoot\\System32\\kernel32.dll"

static HANDLE MtImageSection(VOID)
{
    HANDLE File, Section;
    NTSTATUS Status;

    if (!NT_SUCCESS(MtOpen(MT_IMAGE, FILE_GENERIC_READ | FILE_EXECUTE, FILE_OPEN, &File)))
        return NULL;
    Section = MtFileSection(File, PAGE_EXECUTE, SEC_IMAGE, &Status);
    expect_status(Status, STATUS_SUCCESS);
    ZwClose(File);
    return Section;
}

static NTSTATUS MtMapImage(HANDLE Section, PUCHAR *View)
{
    SIZE_T Size = 0;

    *View = NULL;
    return ZwMapViewOfSection(Section, NtCurrentProcess(), (PVOID *)View, 0, 0, NULL, &Size, ViewUnmap, 0,
                              PAGE_READWRITE);
}

static PIMAGE_SECTION_HEADER MtFindSection(PUCHAR View, ULONG Flags, ULONG Values)
{
    PIMAGE_NT_HEADERS32 Headers = RtlImageNtHeader(View);
    ULONG Index;

    for (Index = 0; Index < Headers->FileHeader.NumberOfSections; Index++) {
        PIMAGE_SECTION_HEADER Section = &IMAGE_FIRST_SECTION(Headers)[Index];

        if ((Section->Characteristics & Flags) == Values && Section->SizeOfRawData != 0)
            return Section;
    }
    return NULL;
}

KTEST(mm, image_views_share_code_and_copy_data)
{
    // Law: two views of an image have the same frames for code; a write to its data splits one page; each page has the
    // protection of its section; the second view is not at the preferred base and says so.
    HANDLE Section = MtImageSection();
    PIMAGE_SECTION_HEADER Code, Data;
    MEMORY_BASIC_INFORMATION Information;
    PUCHAR First, Second;
    UCHAR Old;

    expect(Section != NULL);
    expect_status(MtMapImage(Section, &First), STATUS_SUCCESS);
    expect_status(MtMapImage(Section, &Second), STATUS_IMAGE_NOT_AT_BASE);
    expect_eq(First, RtlImageNtHeader(First)->OptionalHeader.ImageBase);
    Code = MtFindSection(First, IMAGE_SCN_MEM_EXECUTE, IMAGE_SCN_MEM_EXECUTE);
    Data = MtFindSection(First, IMAGE_SCN_MEM_EXECUTE | IMAGE_SCN_MEM_WRITE, IMAGE_SCN_MEM_WRITE);
    expect(Code != NULL && Data != NULL);
    expect_eq(First[Code->VirtualAddress], Second[Code->VirtualAddress]);
    expect_eq(MiGetFrame(First + Code->VirtualAddress), MiGetFrame(Second + Code->VirtualAddress));
    expect_status(MtWrite(First + Code->VirtualAddress, 0), STATUS_ACCESS_VIOLATION);
    Old = Second[Data->VirtualAddress];
    expect_status(MtWrite(First + Data->VirtualAddress, (UCHAR)~Old), STATUS_SUCCESS);
    expect_eq(Second[Data->VirtualAddress], Old);
    expect(MiGetFrame(First + Data->VirtualAddress) != MiGetFrame(Second + Data->VirtualAddress));
    expect_status(MtQuery(First + Code->VirtualAddress, &Information), STATUS_SUCCESS);
    expect_eq(Information.Type, MEM_IMAGE);
    expect_eq(Information.Protect, PAGE_EXECUTE_READ);
    expect_eq(Information.AllocationProtect, PAGE_EXECUTE_WRITECOPY);
    expect_status(MtQuery(First, &Information), STATUS_SUCCESS);
    expect_eq(Information.Protect, PAGE_READONLY);
    expect_status(ZwAreMappedFilesTheSame(First, Second), STATUS_SUCCESS);
    expect_status(MtUnmap(First), STATUS_SUCCESS);
    expect_status(MtUnmap(Second), STATUS_SUCCESS);
    ZwClose(Section);
}

KTEST(mm, mapped_address_knows_its_file)
{
    // Law: MemoryMappedFilenameInformation names the file behind a view.
    HANDLE Section = MtImageSection();
    struct {
        UNICODE_STRING Name;
        WCHAR Buffer[260];
    } Answer;
    UNICODE_STRING Tail = RTL_CONSTANT_STRING(L"kernel32.dll");
    PUCHAR View;

    expect(NT_SUCCESS(MtMapImage(Section, &View)));
    expect_status(ZwQueryVirtualMemory(NtCurrentProcess(), View + 100, MemoryMappedFilenameInformation, &Answer,
                                       sizeof(Answer), NULL),
                  STATUS_SUCCESS);
    expect(Answer.Name.Length > Tail.Length);
    Answer.Name.Buffer += (Answer.Name.Length - Tail.Length) / sizeof(WCHAR);
    Answer.Name.Length = Tail.Length;
    expect(RtlEqualUnicodeString(&Answer.Name, &Tail, TRUE));
    expect_status(MtUnmap(View), STATUS_SUCCESS);
    ZwClose(Section);
}

// Reads the beginning of the image into Buffer, lets Mutate change it, and tries to make an image section of the
// result.
static NTSTATUS MtTryImage(VOID (*Mutate)(PUCHAR Buffer, PIMAGE_NT_HEADERS32 Headers, PULONG Bytes))
{
    ULONG Bytes = 0x10000;
    PUCHAR Buffer = ExAllocatePoolWithTag(PagedPool, Bytes, TAG_MM);
    LARGE_INTEGER Start = {.QuadPart = 0};
    IO_STATUS_BLOCK IoStatus;
    HANDLE File = NULL, Section;
    NTSTATUS Status;

    expect_status(MtOpen(L"\\SystemRoot\\System32\\smss.exe", FILE_GENERIC_READ, FILE_OPEN, &File), STATUS_SUCCESS);
    expect_status(ZwReadFile(File, NULL, NULL, NULL, &IoStatus, Buffer, Bytes, &Start, NULL), STATUS_SUCCESS);
    ZwClose(File);
    Bytes = (ULONG)IoStatus.Information;
    Mutate(Buffer, (PIMAGE_NT_HEADERS32)(Buffer + ((PIMAGE_DOS_HEADER)Buffer)->e_lfanew), &Bytes);
    expect_status(
        MtOpen(MT_FILE, FILE_GENERIC_READ | FILE_GENERIC_WRITE | FILE_EXECUTE | DELETE, FILE_OVERWRITE_IF, &File),
        STATUS_SUCCESS);
    if (Bytes != 0)
        expect_status(ZwWriteFile(File, NULL, NULL, NULL, &IoStatus, Buffer, Bytes, &Start, NULL), STATUS_SUCCESS);
    Section = MtFileSection(File, PAGE_EXECUTE, SEC_IMAGE, &Status);
    if (Section != NULL) {
        PUCHAR View;
        ULONG Page;

        if (NT_SUCCESS(MtMapImage(Section, &View))) {
            for (Page = 0; Page < 32; Page++)
                IGNORE_STATUS(MtRead(View + Page * PAGE_SIZE));
            expect_status(MtUnmap(View), STATUS_SUCCESS);
        }
        ZwClose(Section);
    }
    MtDelete(File);
    ExFreePoolWithTag(Buffer, TAG_MM);
    return Status;
}

#define MT_MUTATION(Name, Change)                                                                                      \
    static VOID Name(PUCHAR Buffer, PIMAGE_NT_HEADERS32 Headers, PULONG Bytes)                                         \
    {                                                                                                                  \
        UNREFERENCED_PARAMETER(Buffer);                                                                                \
        UNREFERENCED_PARAMETER(Headers);                                                                               \
        UNREFERENCED_PARAMETER(Bytes);                                                                                 \
        Change;                                                                                                        \
    }
MT_MUTATION(MtNothing, (void)0)
MT_MUTATION(MtNoMz, Buffer[0] = 'X')
MT_MUTATION(MtCutHeaders, *Bytes = 0x90)
MT_MUTATION(MtCutSections, *Bytes = Headers->OptionalHeader.SizeOfHeaders + 1)
MT_MUTATION(MtOther64, Headers->FileHeader.Machine = IMAGE_FILE_MACHINE_AMD64)
MT_MUTATION(MtOldWindows, *(PUSHORT)Headers = 0x454E)
MT_MUTATION(MtNoSections, Headers->FileHeader.NumberOfSections = 0)
MT_MUTATION(MtManySections, Headers->FileHeader.NumberOfSections = 0xFFFF)
MT_MUTATION(MtOddBase, Headers->OptionalHeader.ImageBase += 0x1000)
MT_MUTATION(MtOddAlignment, Headers->OptionalHeader.SectionAlignment = 0x1800)
MT_MUTATION(MtHugeImage, Headers->OptionalHeader.SizeOfImage = 0xFFFFF000)
MT_MUTATION(MtFarSection, IMAGE_FIRST_SECTION(Headers)[1].VirtualAddress = 0x7FFFF000)
MT_MUTATION(MtFarData, IMAGE_FIRST_SECTION(Headers)[0].PointerToRawData = 0x7FFFF000)

KTEST(mm, bad_images_are_refused)
{
    // Law: what is no sound 32-bit program has a status that says what is wrong, and never a section.
    expect_status(MtTryImage(MtNothing), STATUS_SUCCESS);
    expect_status(MtTryImage(MtNoMz), STATUS_INVALID_IMAGE_NOT_MZ);
    expect_status(MtTryImage(MtOldWindows), STATUS_INVALID_IMAGE_WIN_16);
    expect(!NT_SUCCESS(MtTryImage(MtCutHeaders)));
    expect_status(MtTryImage(MtCutSections), STATUS_INVALID_IMAGE_FORMAT);
    expect_status(MtTryImage(MtOther64), STATUS_INVALID_IMAGE_WIN_64);
    expect_status(MtTryImage(MtNoSections), STATUS_INVALID_IMAGE_FORMAT);
    expect_status(MtTryImage(MtManySections), STATUS_INVALID_IMAGE_FORMAT);
    expect_status(MtTryImage(MtOddBase), STATUS_INVALID_IMAGE_FORMAT);
    expect_status(MtTryImage(MtOddAlignment), STATUS_INVALID_IMAGE_FORMAT);
    expect_status(MtTryImage(MtHugeImage), STATUS_INVALID_IMAGE_FORMAT);
    expect_status(MtTryImage(MtFarSection), STATUS_INVALID_IMAGE_FORMAT);
    expect_status(MtTryImage(MtFarData), STATUS_INVALID_IMAGE_FORMAT);
}

static VOID MtRandomMutation(PUCHAR Buffer, PIMAGE_NT_HEADERS32 Headers, PULONG Bytes)
{
    ULONG Count = 1 + KtRandom() % 4;
    PULONG Field = (PULONG)Headers;

    UNREFERENCED_PARAMETER(Buffer);
    while (Count-- != 0) {
        ULONG Index = KtRandom() % ((sizeof(*Headers) + 4 * sizeof(IMAGE_SECTION_HEADER)) / sizeof(ULONG));

        switch (KtRandom() % 4) {
        case 0:
            Field[Index] = KtRandom();
            break;
        case 1:
            Field[Index] ^= 1u << (KtRandom() % 32);
            break;
        case 2:
            Field[Index] = (KtRandom() & 1) ? 0xFFFFFFFF : 0x80000000;
            break;
        default:
            Field[Index] += (KtRandom() & 1) ? 0x1000 : (ULONG)-0x1000;
            break;
        }
    }
    if (KtRandom() % 8 == 0)
        *Bytes = KtRandom() % *Bytes;
}

KTEST(mm, mutated_images_do_no_harm)
{
    // Law: whatever a file's headers say, making and touching an image section of it ends in a status, and leaves
    // nothing.
    ULONG Round;

    for (Round = 0; Round < 150; Round++)
        IGNORE_STATUS(MtTryImage(MtRandomMutation));
}
