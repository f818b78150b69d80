// SPDX-License-Identifier: MIT
// Laws of the addresses that sections have in all processes: of images that stay where they were linked for, and of
// sections that ask for one. They need the system disk.

#include "mmtest.h"

#define MT_GRANULARITY MM_ALLOCATION_GRANULARITY
#define MT_BUFFER 0x10000u

static NTSTATUS MtOpenPlace(PCWSTR Path, ULONG Disposition, ACCESS_MASK Access, PHANDLE File)
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

static NTSTATUS MtSectionOf(HANDLE File, ULONG Protect, ULONG Attributes, LONGLONG Bytes, PHANDLE Section)
{
    LARGE_INTEGER Size = {.QuadPart = Bytes};
    OBJECT_ATTRIBUTES Object;

    *Section = NULL;
    InitializeObjectAttributes(&Object, NULL, OBJ_KERNEL_HANDLE, NULL, NULL);
    return ZwCreateSection(Section, SECTION_ALL_ACCESS, &Object, &Size, Protect, Attributes, File);
}

static PSECTION MtBody(HANDLE Section)
{
    PSECTION Body;

    NT_VERIFY(NT_SUCCESS(ObReferenceObjectByHandle(Section, 0, MmSectionObjectType, KernelMode, (PVOID *)&Body, NULL)));
    ObDereferenceObject(Body);
    return Body;
}

// A DLL made of smss, linked for Base (0: as smss is), that may be moved or not. Its file deletes itself.
static HANDLE MtDll(PCWSTR Path, ULONG_PTR Base, BOOLEAN Movable)
{
    PUCHAR Buffer = ExAllocatePoolWithTag(PagedPool, MT_BUFFER, TAG_MM);
    FILE_DISPOSITION_INFORMATION Disposition = {TRUE};
    LARGE_INTEGER Start = {.QuadPart = 0};
    PIMAGE_NT_HEADERS32 Headers;
    IO_STATUS_BLOCK IoStatus;
    HANDLE File, Section;
    ULONG Bytes;

    expect_status(MtOpenPlace(L"\\SystemRoot\\System32\\smss.exe", FILE_OPEN, FILE_GENERIC_READ, &File),
                  STATUS_SUCCESS);
    expect_status(ZwReadFile(File, NULL, NULL, NULL, &IoStatus, Buffer, MT_BUFFER, &Start, NULL), STATUS_SUCCESS);
    Bytes = (ULONG)IoStatus.Information;
    ZwClose(File);
    Headers = (PIMAGE_NT_HEADERS32)(Buffer + ((PIMAGE_DOS_HEADER)Buffer)->e_lfanew);
    Headers->FileHeader.Characteristics |= IMAGE_FILE_DLL;
    Headers->OptionalHeader.DllCharacteristics |= IMAGE_DLLCHARACTERISTICS_DYNAMIC_BASE;
    if (!Movable)
        Headers->OptionalHeader.DllCharacteristics ^= IMAGE_DLLCHARACTERISTICS_DYNAMIC_BASE;
    if (Base != 0)
        Headers->OptionalHeader.ImageBase = (ULONG)Base;
    expect_status(
        MtOpenPlace(Path, FILE_OVERWRITE_IF, FILE_GENERIC_READ | FILE_GENERIC_WRITE | FILE_EXECUTE | DELETE, &File),
        STATUS_SUCCESS);
    expect_status(ZwWriteFile(File, NULL, NULL, NULL, &IoStatus, Buffer, Bytes, &Start, NULL), STATUS_SUCCESS);
    expect_status(MtSectionOf(File, PAGE_EXECUTE, SEC_IMAGE, 0, &Section), STATUS_SUCCESS);
    IGNORE_STATUS(ZwSetInformationFile(File, &IoStatus, &Disposition, sizeof(Disposition), FileDispositionInformation));
    ZwClose(File);
    ExFreePoolWithTag(Buffer, TAG_MM);
    return Section;
}

KTEST(mm, images_that_stay_keep_their_place)
{
    // Law: a DLL that may be moved never gets the place of one that may not, though it would be the next place.
    HANDLE First = MtDll(L"\\SystemRoot\\TEMP\\PLACE1.DLL", 0, TRUE), Fixed, Second;
    ULONG_PTR Base = (ULONG_PTR)MtBody(First)->Segment->BasedAddress;
    ULONG_PTR Bytes = ALIGN_UP_BY(MtBody(First)->Segment->SizeOfSegment, MT_GRANULARITY);

    expect(Base >= 0x50000000 && Base < 0x78000000);
    Fixed = MtDll(L"\\SystemRoot\\TEMP\\PLACE2.DLL", Base - Bytes, FALSE);
    expect_eq((ULONG_PTR)MtBody(Fixed)->Segment->BasedAddress, Base - Bytes);
    Second = MtDll(L"\\SystemRoot\\TEMP\\PLACE3.DLL", 0, TRUE);
    expect_eq((ULONG_PTR)MtBody(Second)->Segment->BasedAddress, Base - 2 * Bytes);
    ZwClose(First);
    ZwClose(Fixed);
    ZwClose(Second);
}

static NTSTATUS MtMapAt(HANDLE Section, PUCHAR *Base, ULONGLONG From, SIZE_T Size, ULONG Protect)
{
    LARGE_INTEGER Offset = {.QuadPart = (LONGLONG)From};

    return ZwMapViewOfSection(Section, NtCurrentProcess(), (PVOID *)Base, 0, 0, &Offset, &Size, ViewUnmap, 0, Protect);
}

KTEST(mm, based_sections_have_one_address)
{
    // Law: each view of a section with SEC_BASED lies at the section's address and its own offset, which no image and no
    // other such section has; where that is taken, or another is asked for, the view is refused.
    PUCHAR View = NULL, Part = NULL, Other = (PUCHAR)0x20000000, Taken;
    SECTION_BASIC_INFORMATION Basic;
    HANDLE Section, Second;
    SIZE_T Size = PAGE_SIZE;
    PVOID Base;

    expect_status(MtSectionOf(NULL, PAGE_READWRITE, SEC_COMMIT | SEC_BASED, 0x28000, &Section), STATUS_SUCCESS);
    expect_status(MtSectionOf(NULL, PAGE_READWRITE, SEC_COMMIT | SEC_BASED, 0x10000, &Second), STATUS_SUCCESS);
    expect_status(ZwQuerySection(Section, SectionBasicInformation, &Basic, sizeof(Basic), NULL), STATUS_SUCCESS);
    expect(Basic.AllocationAttributes & SEC_BASED);
    expect_status(MtMapAt(Section, &View, 0, 0, PAGE_READWRITE), STATUS_SUCCESS);
    expect(View == Basic.BaseAddress);
    expect((ULONG_PTR)View >= 0x50000000 && (ULONG_PTR)View + 0x28000 <= 0x78000000);
    expect_status(MtMapAt(Section, &Part, 0, 0, PAGE_READWRITE), STATUS_CONFLICTING_ADDRESSES);
    expect_status(MtMapAt(Section, &Other, 0, 0, PAGE_READWRITE), STATUS_CONFLICTING_ADDRESSES);
    View[0x20000] = 3;
    expect_status(MtUnmap(View), STATUS_SUCCESS);
    expect_status(MtMapAt(Section, &Part, 0x20000, 0, PAGE_READWRITE), STATUS_SUCCESS);
    expect(Part == View + 0x20000);
    expect_eq(*Part, 3);
    expect_status(MtUnmap(Part), STATUS_SUCCESS);
    Taken = Base = (PUCHAR)MtBody(Second)->BasedAddress;
    expect(Taken >= View + 0x30000 || Taken + 0x10000 <= View);
    expect_status(ZwAllocateVirtualMemory(NtCurrentProcess(), &Base, 0, &Size, MEM_RESERVE, PAGE_READWRITE),
                  STATUS_SUCCESS);
    Part = NULL;
    expect_status(MtMapAt(Second, &Part, 0, 0, PAGE_READWRITE), STATUS_CONFLICTING_ADDRESSES);
    expect_status(MtFree(Base), STATUS_SUCCESS);
    ZwClose(Section);
    ZwClose(Second);
}

KTEST(mm, based_sections_give_their_addresses_back)
{
    // Law: what is too large for the range of such addresses is STATUS_NO_MEMORY; what a section had, another gets;
    // images and large pages have no such address.
    HANDLE Section;
    ULONG Round;

    for (Round = 0; Round < 8; Round++) {
        expect_status(MtSectionOf(NULL, PAGE_READWRITE, SEC_RESERVE | SEC_BASED, 0x10000000, &Section), STATUS_SUCCESS);
        ZwClose(Section);
    }
    expect_status(MtSectionOf(NULL, PAGE_READWRITE, SEC_RESERVE | SEC_BASED, 0x28010000, &Section), STATUS_NO_MEMORY);
    expect_status(MtSectionOf(NULL, PAGE_READWRITE, SEC_RESERVE | SEC_BASED, 0x500000000ll, &Section),
                  STATUS_NO_MEMORY);
    expect_status(MtSectionOf(NULL, PAGE_EXECUTE, SEC_IMAGE | SEC_BASED, 0, &Section), STATUS_INVALID_PARAMETER_6);
    expect_status(MtSectionOf(NULL, PAGE_EXECUTE, SEC_IMAGE | SEC_NOCACHE, 0, &Section), STATUS_INVALID_PARAMETER_6);
}

KTEST(mm, based_sections_of_files_grow_only_within_their_addresses)
{
    // Law: a based section over a file shows the file, and is extended up to the 64 KB that are its own.
    LARGE_INTEGER Size = {.QuadPart = 0x8000};
    FILE_DISPOSITION_INFORMATION Disposition = {TRUE};
    IO_STATUS_BLOCK IoStatus;
    HANDLE File, Section;
    PUCHAR View = NULL;

    expect_status(MtOpenPlace(L"\\SystemRoot\\TEMP\\BASED.DAT", FILE_OVERWRITE_IF,
                              FILE_GENERIC_READ | FILE_GENERIC_WRITE | DELETE, &File),
                  STATUS_SUCCESS);
    expect_status(MtSectionOf(File, PAGE_READWRITE, SEC_COMMIT | SEC_BASED, 0x4000, &Section), STATUS_SUCCESS);
    expect_status(ZwExtendSection(Section, &Size), STATUS_SUCCESS);
    expect_status(MtMapAt(Section, &View, 0, 0, PAGE_READWRITE), STATUS_SUCCESS);
    expect_eq((ULONG_PTR)View, MtBody(Section)->BasedAddress);
    View[0x7FFF] = 1;
    Size.QuadPart = 0x10001;
    expect_status(ZwExtendSection(Section, &Size), STATUS_SECTION_NOT_EXTENDED);
    expect_status(MtUnmap(View), STATUS_SUCCESS);
    ZwClose(Section);
    expect_status(ZwSetInformationFile(File, &IoStatus, &Disposition, sizeof(Disposition), FileDispositionInformation),
                  STATUS_SUCCESS);
    ZwClose(File);
}

KTEST(mm, uncached_sections_of_files_show_the_file)
{
    // Law: with SEC_NOCACHE every page of a view is mapped as not cached, of a file as of memory, and shows what other
    // views and writes of the file show.
    FILE_DISPOSITION_INFORMATION Disposition = {TRUE};
    LARGE_INTEGER Start = {.QuadPart = 0x1000};
    HANDLE File, Cached, Uncached;
    PUCHAR Plain = NULL, Direct = NULL;
    IO_STATUS_BLOCK IoStatus;
    UCHAR Byte = 0x5A;

    expect_status(MtOpenPlace(L"\\SystemRoot\\TEMP\\NOCACHE.DAT", FILE_OVERWRITE_IF,
                              FILE_GENERIC_READ | FILE_GENERIC_WRITE | DELETE, &File),
                  STATUS_SUCCESS);
    expect_status(MtSectionOf(File, PAGE_READWRITE, SEC_COMMIT | SEC_NOCACHE, 0x4000, &Uncached), STATUS_SUCCESS);
    expect_status(MtSectionOf(File, PAGE_READWRITE, SEC_COMMIT, 0x4000, &Cached), STATUS_SUCCESS);
    expect_status(MtMapAt(Uncached, &Direct, 0, 0, PAGE_READWRITE), STATUS_SUCCESS);
    expect_status(MtMapAt(Cached, &Plain, 0, 0, PAGE_READWRITE), STATUS_SUCCESS);
    expect_status(ZwWriteFile(File, NULL, NULL, NULL, &IoStatus, &Byte, 1, &Start, NULL), STATUS_SUCCESS);
    expect_eq(Direct[0x1000], 0x5A);
    expect_eq(Plain[0x1000], 0x5A);
    Direct[0x2001] = 7;
    expect_eq(Plain[0x2001], 7);
    Plain[0x2002] = 8;
    expect_eq(Direct[0x2002], 8);
    expect(MiGetPteAddress(Direct + 0x1000)->u.Hard.CacheDisable &&
           MiGetPteAddress(Direct + 0x2000)->u.Hard.CacheDisable);
    expect(!MiGetPteAddress(Plain + 0x2000)->u.Hard.CacheDisable);
    expect_status(MtUnmap(Direct), STATUS_SUCCESS);
    expect_status(MtUnmap(Plain), STATUS_SUCCESS);
    Start.QuadPart = 0x2001;
    expect_status(ZwReadFile(File, NULL, NULL, NULL, &IoStatus, &Byte, 1, &Start, NULL), STATUS_SUCCESS);
    expect_eq(Byte, 7);
    ZwClose(Cached);
    ZwClose(Uncached);
    expect_status(ZwSetInformationFile(File, &IoStatus, &Disposition, sizeof(Disposition), FileDispositionInformation),
                  STATUS_SUCCESS);
    ZwClose(File);
}
