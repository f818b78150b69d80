// SPDX-License-Identifier: MIT
// Finding things in PE images that are mapped as images or as flat files. Nothing in an image is trusted: every address
// and count is checked against the image's size before it is used. Source: Microsoft PE/COFF specification.
// IRQL: as far as the image may be touched.

#include "rtlp.h"
#include "rtlimage.h"

#define MAXIMUM_HEADER_OFFSET 0x10000000

// The headers of an image of which Size bytes are readable (0: unknown, the caller vouches for them).
// STATUS_INVALID_IMAGE_FORMAT if these are not the headers of any PE image, STATUS_INVALID_PARAMETER for no image at
// all.
NTCHECK RtlImageNtHeaderEx(ULONG Flags, PVOID Base, ULONGLONG Size, PIMAGE_NT_HEADERS32 *Headers)
{
    PIMAGE_DOS_HEADER Dos = Base;
    PIMAGE_NT_HEADERS32 Nt;

    UNREFERENCED_PARAMETER(Flags);
    if (Headers == NULL || Base == NULL || Base == INVALID_HANDLE_VALUE)
        return STATUS_INVALID_PARAMETER;
    *Headers = NULL;
    if (Size != 0 && Size < sizeof(*Dos))
        return STATUS_INVALID_IMAGE_FORMAT;
    if (Dos->e_magic != IMAGE_DOS_SIGNATURE || Dos->e_lfanew < 0 || Dos->e_lfanew >= MAXIMUM_HEADER_OFFSET)
        return STATUS_INVALID_IMAGE_FORMAT;
    if (Size != 0 && (ULONGLONG)Dos->e_lfanew + sizeof(*Nt) > Size)
        return STATUS_INVALID_IMAGE_FORMAT;
    Nt = (PIMAGE_NT_HEADERS32)((PCHAR)Base + Dos->e_lfanew);
    if (Nt->Signature != IMAGE_NT_SIGNATURE)
        return STATUS_INVALID_IMAGE_FORMAT;
    *Headers = Nt;
    return STATUS_SUCCESS;
}

// The NT headers of a mapped image, NULL if it has none.
PIMAGE_NT_HEADERS32 NTAPI RtlImageNtHeader(PVOID Base)
{
    PIMAGE_NT_HEADERS32 Headers;

    return NT_SUCCESS(RtlImageNtHeaderEx(0, Base, 0, &Headers)) ? Headers : NULL;
}

// The section that holds Rva, NULL if none does.
PIMAGE_SECTION_HEADER NTAPI RtlImageRvaToSection(PIMAGE_NT_HEADERS32 Headers, PVOID Base, ULONG Rva)
{
    PIMAGE_SECTION_HEADER Section = IMAGE_FIRST_SECTION(Headers);
    USHORT i;

    UNREFERENCED_PARAMETER(Base);
    for (i = 0; i < Headers->FileHeader.NumberOfSections; i++, Section++) {
        if (Rva >= Section->VirtualAddress && Rva - Section->VirtualAddress < Section->SizeOfRawData)
            return Section;
    }
    return NULL;
}

// Where Rva lies in an image that is mapped as a flat file.
PVOID NTAPI RtlImageRvaToVa(PIMAGE_NT_HEADERS32 Headers, PVOID Base, ULONG Rva, PIMAGE_SECTION_HEADER *LastSection)
{
    PIMAGE_SECTION_HEADER Section = RtlImageRvaToSection(Headers, Base, Rva);

    if (LastSection != NULL)
        *LastSection = Section;
    if (Section == NULL)
        return NULL;
    return (PCHAR)Base + Section->PointerToRawData + (Rva - Section->VirtualAddress);
}

// The data that directory Entry names, and its size; NULL if the image has none.
PVOID NTAPI RtlImageDirectoryEntryToData(PVOID Base, BOOLEAN MappedAsImage, USHORT Entry, PULONG Size)
{
    PIMAGE_NT_HEADERS32 Headers;
    PIMAGE_DATA_DIRECTORY Directory;

    // A base with its low bit set is NT's mark for a view as data.
    if ((ULONG_PTR)Base & 1) {
        Base = (PVOID)((ULONG_PTR)Base & ~(ULONG_PTR)1);
        MappedAsImage = FALSE;
    }
    *Size = 0;
    Headers = RtlImageNtHeader(Base);
    if (Headers == NULL || Headers->OptionalHeader.Magic != IMAGE_NT_OPTIONAL_HDR32_MAGIC)
        return NULL;
    if (Entry >= Headers->OptionalHeader.NumberOfRvaAndSizes || Entry >= IMAGE_NUMBEROF_DIRECTORY_ENTRIES)
        return NULL;
    Directory = &Headers->OptionalHeader.DataDirectory[Entry];
    if (Directory->VirtualAddress == 0)
        return NULL;
    if (MappedAsImage && !RtlpIsRvaRange(Headers, Directory->VirtualAddress, Directory->Size))
        return NULL;
    *Size = Directory->Size;
    if (MappedAsImage || Directory->VirtualAddress < Headers->OptionalHeader.SizeOfHeaders)
        return (PCHAR)Base + Directory->VirtualAddress;
    return RtlImageRvaToVa(Headers, Base, Directory->VirtualAddress, NULL);
}

// TRUE if [Rva, Rva + Size) lies within the image.
BOOLEAN RtlpIsRvaRange(PIMAGE_NT_HEADERS32 Headers, ULONG Rva, ULONG Size)
{
    ULONG Limit = Headers->OptionalHeader.SizeOfImage;

    return Rva <= Limit && Size <= Limit - Rva;
}

// TRUE if a terminated string begins at Rva and ends within the image.
BOOLEAN RtlpIsRvaString(PIMAGE_NT_HEADERS32 Headers, PVOID Base, ULONG Rva)
{
    for (; Rva < Headers->OptionalHeader.SizeOfImage; Rva++) {
        if (((PCHAR)Base)[Rva] == 0)
            return TRUE;
    }
    return FALSE;
}
