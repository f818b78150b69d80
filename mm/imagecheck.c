// SPDX-License-Identifier: MIT
// Is a file a program we can map? Every field of the headers that the mapping relies on is checked here, against the
// file's size and against the others; nothing later looks at the file's own numbers unchecked. Source: PE/COFF
// specification.

#include "mi.h"

#define MI_NE_SIGNATURE 0x454E // 16-bit Windows, OS/2
#define MI_LE_SIGNATURE 0x454C // VxD
#define MI_LX_SIGNATURE 0x584C
#define MI_DOS_RELOCATION_LIMIT 0x40u // e_lfarlc of a DOS program is below
#define MI_MAXIMUM_SECTIONS 96u
#define MI_MAXIMUM_HEADERS 0x10000u
#define MI_SECTOR_SIZE 512u
#define MI_OPTIONAL_HEADER_MINIMUM FIELD_OFFSET(IMAGE_OPTIONAL_HEADER32, DataDirectory)

static BOOLEAN MiIsPowerOfTwo(ULONG Value)
{
    return Value != 0 && (Value & (Value - 1)) == 0;
}

static PIMAGE_DOS_HEADER MiDosHeader(PMI_IMAGE Image)
{
    return (PIMAGE_DOS_HEADER)Image->Buffer;
}

// How many bytes of the file the checks need: 0 if what is there says that it is no PE file, or is enough.
ULONG MiGetHeaderBytesNeeded(PMI_IMAGE Image)
{
    PIMAGE_NT_HEADERS32 Headers;
    ULONG Offset, Needed;

    PAGED_CODE();
    if (Image->BufferSize < sizeof(IMAGE_DOS_HEADER) || MiDosHeader(Image)->e_magic != IMAGE_DOS_SIGNATURE)
        return 0;
    Offset = (ULONG)MiDosHeader(Image)->e_lfanew;
    Needed = Offset + sizeof(IMAGE_NT_HEADERS32);
    if (Offset >= MI_MAXIMUM_HEADERS || Needed > Image->FileSize)
        return 0;
    if (Needed > Image->BufferSize)
        return Needed;
    Headers = (PIMAGE_NT_HEADERS32)(Image->Buffer + Offset);
    Needed = Offset + FIELD_OFFSET(IMAGE_NT_HEADERS32, OptionalHeader) + Headers->FileHeader.SizeOfOptionalHeader +
             Headers->FileHeader.NumberOfSections * sizeof(IMAGE_SECTION_HEADER);
    Needed = (ULONG)min_of(min_of(Needed, MI_MAXIMUM_HEADERS), Image->FileSize);
    return Needed > Image->BufferSize ? Needed : 0;
}

// The file begins with MZ but has no PE header: says what it is.
static NTSTATUS MiClassifyOldImage(PMI_IMAGE Image, ULONG Offset)
{
    USHORT Signature;

    if (MiDosHeader(Image)->e_lfarlc < MI_DOS_RELOCATION_LIMIT || Offset + sizeof(USHORT) > Image->BufferSize)
        return STATUS_INVALID_IMAGE_PROTECT; // a DOS program
    Signature = *(PUSHORT)(Image->Buffer + Offset);
    if (Signature == MI_NE_SIGNATURE)
        return STATUS_INVALID_IMAGE_WIN_16;
    if (Signature == MI_LE_SIGNATURE || Signature == MI_LX_SIGNATURE)
        return STATUS_INVALID_IMAGE_LE_FORMAT;
    return STATUS_INVALID_IMAGE_PROTECT;
}

static NTSTATUS MiCheckOptionalHeader(PMI_IMAGE Image)
{
    PIMAGE_OPTIONAL_HEADER32 Optional = &Image->Headers->OptionalHeader;

    if (Image->Headers->FileHeader.SizeOfOptionalHeader < MI_OPTIONAL_HEADER_MINIMUM ||
        Optional->Magic != IMAGE_NT_OPTIONAL_HDR32_MAGIC)
        return STATUS_INVALID_IMAGE_FORMAT;
    if (!MiIsPowerOfTwo(Optional->FileAlignment) || !MiIsPowerOfTwo(Optional->SectionAlignment) ||
        Optional->SectionAlignment < Optional->FileAlignment)
        return STATUS_INVALID_IMAGE_FORMAT;
    if (Optional->SectionAlignment < PAGE_SIZE && Optional->SectionAlignment != Optional->FileAlignment)
        return STATUS_INVALID_IMAGE_FORMAT;
    if (Optional->SizeOfImage == 0 || Optional->SizeOfImage > (ULONG_PTR)MM_HIGHEST_VAD_ADDRESS ||
        Optional->SizeOfHeaders == 0 || Optional->SizeOfHeaders > Optional->SizeOfImage)
        return STATUS_INVALID_IMAGE_FORMAT;
    if ((Optional->ImageBase & (MM_ALLOCATION_GRANULARITY - 1)) ||
        Optional->AddressOfEntryPoint >= Optional->SizeOfImage)
        return STATUS_INVALID_IMAGE_FORMAT;
    Image->Flat = Optional->SectionAlignment < PAGE_SIZE;
    return STATUS_SUCCESS;
}

// A program for a processor with 64 bits: a good one, but not for us.
static BOOLEAN MiIs64Bit(USHORT Machine)
{
    return Machine == IMAGE_FILE_MACHINE_AMD64 || Machine == IMAGE_FILE_MACHINE_IA64 ||
           Machine == IMAGE_FILE_MACHINE_ARM64;
}

// Finds the headers in Image->Buffer and checks them. IRQL <= APC_LEVEL. STATUS_INVALID_IMAGE_*.
NTSTATUS MiCheckImageHeaders(PMI_IMAGE Image)
{
    ULONG Offset;
    PIMAGE_FILE_HEADER File;

    PAGED_CODE();
    if (Image->BufferSize < sizeof(IMAGE_DOS_HEADER) || MiDosHeader(Image)->e_magic != IMAGE_DOS_SIGNATURE)
        return STATUS_INVALID_IMAGE_NOT_MZ;
    Offset = (ULONG)MiDosHeader(Image)->e_lfanew;
    if (Offset >= MI_MAXIMUM_HEADERS || (Offset & (sizeof(ULONG) - 1)) || Offset + sizeof(ULONG) > Image->BufferSize)
        return MiClassifyOldImage(Image, Offset >= MI_MAXIMUM_HEADERS ? MI_MAXIMUM_HEADERS : Offset);
    Image->Headers = (PIMAGE_NT_HEADERS32)(Image->Buffer + Offset);
    if (Image->Headers->Signature != IMAGE_NT_SIGNATURE)
        return MiClassifyOldImage(Image, Offset);
    if (Offset + sizeof(IMAGE_NT_HEADERS32) > Image->BufferSize)
        return STATUS_INVALID_IMAGE_FORMAT;
    File = &Image->Headers->FileHeader;
    if (MiIs64Bit(File->Machine))
        return STATUS_INVALID_IMAGE_WIN_64;
    if (File->Machine != IMAGE_FILE_MACHINE_I386 || !(File->Characteristics & IMAGE_FILE_EXECUTABLE_IMAGE))
        return STATUS_INVALID_IMAGE_FORMAT;
    if (File->NumberOfSections == 0 || File->NumberOfSections > MI_MAXIMUM_SECTIONS)
        return STATUS_INVALID_IMAGE_FORMAT;
    Image->SectionCount = File->NumberOfSections;
    Image->Sections = IMAGE_FIRST_SECTION(Image->Headers);
    if ((PUCHAR)(Image->Sections + Image->SectionCount) > Image->Buffer + Image->BufferSize)
        return STATUS_INVALID_IMAGE_FORMAT;
    return MiCheckOptionalHeader(Image);
}

// The memory a section takes, in bytes: not rounded.
static ULONG MiSectionBytes(const IMAGE_SECTION_HEADER *Section)
{
    return Section->Misc.VirtualSize != 0 ? Section->Misc.VirtualSize : Section->SizeOfRawData;
}

ULONG MiSectionPages(const IMAGE_SECTION_HEADER *Section)
{
    PAGED_CODE();
    return BYTES_TO_PAGES(MiSectionBytes(Section));
}

// Where a section's data begin in the file. Windows ignores the low bits of an offset that is not sector aligned,
// unless the image says that it does not align its sections at all.
ULONG MiSectionFileOffset(PMI_IMAGE Image, const IMAGE_SECTION_HEADER *Section)
{
    PAGED_CODE();
    if (Image->Headers->OptionalHeader.FileAlignment < MI_SECTOR_SIZE)
        return Section->PointerToRawData;
    return Section->PointerToRawData & ~(MI_SECTOR_SIZE - 1);
}

// How many bytes of a section the file backs.
ULONG MiSectionFileBytes(const IMAGE_SECTION_HEADER *Section)
{
    PAGED_CODE();
    if (Section->PointerToRawData == 0)
        return 0;
    return min_of(Section->SizeOfRawData, MiSectionPages(Section) << PAGE_SHIFT);
}

static NTSTATUS MiCheckSection(PMI_IMAGE Image, const IMAGE_SECTION_HEADER *Section, PULONGLONG NextVa)
{
    ULONG Alignment = Image->Headers->OptionalHeader.SectionAlignment, Bytes = MiSectionBytes(Section);
    ULONGLONG End = (ULONGLONG)Section->VirtualAddress + Bytes;
    ULONG Needed = min_of(Bytes, Section->SizeOfRawData);

    if (Section->VirtualAddress != *NextVa || Bytes == 0)
        return STATUS_INVALID_IMAGE_FORMAT;
    End = (End + Alignment - 1) & ~(ULONGLONG)(Alignment - 1);
    if (End > ((ULONGLONG)Image->Headers->OptionalHeader.SizeOfImage + Alignment - 1) / Alignment * Alignment)
        return STATUS_INVALID_IMAGE_FORMAT;
    if (Section->PointerToRawData != 0 && (ULONGLONG)Section->PointerToRawData + Needed > Image->FileSize)
        return STATUS_INVALID_IMAGE_FORMAT; // cut off
    *NextVa = End;
    return STATUS_SUCCESS;
}

// Checks the section table: sections follow each other without gaps, inside the image and inside the file.
NTSTATUS MiCheckImageSections(PMI_IMAGE Image)
{
    PIMAGE_OPTIONAL_HEADER32 Optional = &Image->Headers->OptionalHeader;
    ULONGLONG NextVa = ((ULONGLONG)Optional->SizeOfHeaders + Optional->SectionAlignment - 1) &
                       ~(ULONGLONG)(Optional->SectionAlignment - 1);
    ULONG Index;
    NTSTATUS Status;

    PAGED_CODE();
    if (Optional->SizeOfHeaders > Image->FileSize)
        return STATUS_INVALID_IMAGE_FORMAT;
    if (Image->Flat)
        return Optional->SizeOfImage > ROUND_TO_PAGES(Image->FileSize) ? STATUS_INVALID_IMAGE_FORMAT : STATUS_SUCCESS;
    for (Index = 0; Index < Image->SectionCount; Index++) {
        Status = MiCheckSection(Image, &Image->Sections[Index], &NextVa);
        if (!NT_SUCCESS(Status))
            return Status;
    }
    return STATUS_SUCCESS;
}

// The protection of an image section's pages. What may be written is copied on write, unless the section is shared.
ULONG MiGetImageProtection(ULONG Characteristics)
{
    static const UCHAR Private[8] = {MM_NOACCESS,  MM_EXECUTE,           MM_READONLY,  MM_EXECUTE_READ,
                                     MM_WRITECOPY, MM_EXECUTE_WRITECOPY, MM_WRITECOPY, MM_EXECUTE_WRITECOPY};
    static const UCHAR Shared[8] = {MM_NOACCESS,  MM_EXECUTE,           MM_READONLY,  MM_EXECUTE_READ,
                                    MM_READWRITE, MM_EXECUTE_READWRITE, MM_READWRITE, MM_EXECUTE_READWRITE};
    ULONG Index = Characteristics >> 29; // execute, read, write

    PAGED_CODE();
    return (Characteristics & IMAGE_SCN_MEM_SHARED) ? Shared[Index] : Private[Index];
}
