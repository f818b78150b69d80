// SPDX-License-Identifier: MIT
// Export tables: three arrays in the image, the names sorted so that they can be searched by halves. The table is
// checked once when it is opened; single entries when they are used. Source: PE/COFF specification 6.3.
// IRQL: as far as the image may be touched.

#include "rtlp.h"
#include "rtlimage.h"

static const VOID *RtlpExportArray(const RTLP_EXPORTS *Exports, ULONG Rva, ULONG Count, ULONG ElementSize)
{
    if (Count > Exports->Headers->OptionalHeader.SizeOfImage / ElementSize)
        return NULL;
    if (!RtlpIsRvaRange(Exports->Headers, Rva, Count * ElementSize) || (Rva & (ElementSize - 1)) != 0)
        return NULL;
    return (PCHAR)Exports->Base + Rva;
}

BOOLEAN RtlpOpenExports(PRTLP_EXPORTS Exports, PVOID Base)
{
    PIMAGE_EXPORT_DIRECTORY Directory;

    Exports->Base = Base;
    Exports->Headers = RtlImageNtHeader(Base);
    if (Exports->Headers == NULL)
        return FALSE;
    Directory = RtlImageDirectoryEntryToData(Base, TRUE, IMAGE_DIRECTORY_ENTRY_EXPORT, &Exports->DirectorySize);
    if (Directory == NULL || Exports->DirectorySize < sizeof(*Directory))
        return FALSE;
    Exports->Directory = Directory;
    Exports->DirectoryRva = (ULONG)((PCHAR)Directory - (PCHAR)Base);
    Exports->Functions =
        RtlpExportArray(Exports, Directory->AddressOfFunctions, Directory->NumberOfFunctions, sizeof(ULONG));
    Exports->Names = RtlpExportArray(Exports, Directory->AddressOfNames, Directory->NumberOfNames, sizeof(ULONG));
    Exports->NameOrdinals =
        RtlpExportArray(Exports, Directory->AddressOfNameOrdinals, Directory->NumberOfNames, sizeof(USHORT));
    return Exports->Functions != NULL && Exports->Names != NULL && Exports->NameOrdinals != NULL;
}

// Compares Name with the name at Index as strcmp does; an entry that points out of the image sorts last.
static int RtlpCompareExportName(const RTLP_EXPORTS *Exports, PCSTR Name, ULONG Index)
{
    ULONG Rva = Exports->Names[Index];
    ULONG Limit = Exports->Headers->OptionalHeader.SizeOfImage;

    for (; Rva < Limit; Rva++, Name++) {
        UCHAR Character = ((PUCHAR)Exports->Base)[Rva];

        if ((UCHAR)*Name != Character || Character == 0)
            return (UCHAR)*Name - Character;
    }
    return -1;
}

ULONG RtlpFindExportName(const RTLP_EXPORTS *Exports, PCSTR Name, ULONG Hint)
{
    ULONG Low = 0, High = Exports->Directory->NumberOfNames, Middle;
    int Order;

    if (Hint < High && RtlpCompareExportName(Exports, Name, Hint) == 0)
        return Exports->NameOrdinals[Hint];
    while (Low < High) {
        Middle = Low + (High - Low) / 2;
        Order = RtlpCompareExportName(Exports, Name, Middle);
        if (Order == 0)
            return Exports->NameOrdinals[Middle];
        if (Order < 0)
            High = Middle;
        else
            Low = Middle + 1;
    }
    return MAXULONG;
}

PVOID RtlpExportAddress(const RTLP_EXPORTS *Exports, ULONG Index, PCSTR *Forwarder)
{
    ULONG Rva;

    *Forwarder = NULL;
    if (Index >= Exports->Directory->NumberOfFunctions)
        return NULL;
    Rva = Exports->Functions[Index];
    if (Rva == 0 || !RtlpIsRvaRange(Exports->Headers, Rva, 1))
        return NULL;
    if (Rva - Exports->DirectoryRva < Exports->DirectorySize) {
        if (!RtlpIsRvaString(Exports->Headers, Exports->Base, Rva))
            return NULL;
        *Forwarder = (PCSTR)Exports->Base + Rva;
    }
    return (PCHAR)Exports->Base + Rva;
}

// See inc/nt/ntrtl.h.
PVOID NTAPI RtlFindExportedRoutineByName(PVOID Base, PCSTR Name)
{
    RTLP_EXPORTS Exports;
    PCSTR Forwarder;
    PVOID Address;

    if (!RtlpOpenExports(&Exports, Base))
        return NULL;
    Address = RtlpExportAddress(&Exports, RtlpFindExportName(&Exports, Name, MAXULONG), &Forwarder);
    return Forwarder == NULL ? Address : NULL;
}
