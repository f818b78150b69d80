// SPDX-License-Identifier: MIT
// Images that Mm moves. Where an image shall lie is decided once, when its segment is made; its relocation table
// becomes a list for each page, and a page gets its fix-ups when it has been read. So all processes share the pages,
// nobody relocates in its own memory, and the header in memory says the new base. The difference is a multiple of 64
// KB, so a fix-up of four bytes is an addition to its two upper ones. Source: PE/COFF specification, "The .reloc
// Section".

#include "mi.h"

#define MI_FIXUP_TYPE_SHIFT 12
#define MI_FIXUP_OFFSET 0x0FFFu
#define MI_FIXUP_CHUNK 128u
#define MI_MOST_FIXUP_BYTES 0x1000000u
// What an entry of a page's list says about the two upper bytes; the low 12 bits are the offset of what is in the page.
#define MI_FIX_BOTH 0u
#define MI_FIX_THIRD 1u        // the last byte of the page is the third of the four
#define MI_FIX_FOURTH 2u       // the first byte of the page is the fourth
#define MI_FIX_FOURTH_CARRY 3u // the same, and the third overflows

typedef struct _MI_RELOCATIONS {
    ULONG Delta;
    ULONG Pages;
    PUSHORT Entries;
    ULONG Start[]; // of a page's entries; one more than pages
} MI_RELOCATIONS, *PMI_RELOCATIONS;

typedef struct _MI_RELOCATION_WORK {
    PFILE_OBJECT File;
    PSEGMENT Segment;
    PMI_IMAGE Image;
    PUCHAR Table; // as in the file
    ULONG TableSize;
    ULONG Delta;
    PMI_RELOCATIONS Result; // NULL while entries are only counted, in Count
    PULONG Count;           // of each page
} MI_RELOCATION_WORK, *PMI_RELOCATION_WORK;

// Where an address of the image is in the file. FALSE: nowhere.
static BOOLEAN MiRvaToOffset(PMI_IMAGE Image, ULONG Rva, ULONG Length, PULONG Offset)
{
    ULONG Index;

    for (Index = 0; Index < Image->SectionCount; Index++) {
        PIMAGE_SECTION_HEADER Section = &Image->Sections[Index];
        ULONG Bytes = MiSectionFileBytes(Section);

        if (Rva >= Section->VirtualAddress && Rva - Section->VirtualAddress < Bytes &&
            Length <= Bytes - (Rva - Section->VirtualAddress)) {
            *Offset = MiSectionFileOffset(Image, Section) + (Rva - Section->VirtualAddress);
            return TRUE;
        }
    }
    return FALSE;
}

// Notes one entry for a page, or counts it. FALSE: the page does not come from the file, so nobody would apply it.
static BOOLEAN MiNoteFixup(PMI_RELOCATION_WORK Work, ULONG Page, ULONG Offset, ULONG Kind)
{
    PMMPTE Proto = Work->Segment->PrototypePte + Page;

    if (Page >= Work->Segment->TotalNumberOfPtes || !Proto->u.Soft.Prototype)
        return FALSE;
    if (Work->Result != NULL)
        Work->Result->Entries[Work->Result->Start[Page] + Work->Count[Page]] =
            (USHORT)(Offset | Kind << MI_FIXUP_TYPE_SHIFT);
    Work->Count[Page]++;
    return TRUE;
}

// A fix-up whose third byte is the last of its page: whether the addition carries depends on what the file has there.
static BOOLEAN MiNoteSplitFixup(PMI_RELOCATION_WORK Work, ULONG Rva)
{
    ULONG Offset, Done;
    UCHAR Third;

    if (!MiRvaToOffset(Work->Image, Rva, 1, &Offset) ||
        !NT_SUCCESS(MiReadFileDirect(Work->File, Offset, &Third, 1, &Done)) || Done != 1)
        return FALSE;
    return MiNoteFixup(Work, Rva >> PAGE_SHIFT, BYTE_OFFSET(Rva), MI_FIX_THIRD) &&
           MiNoteFixup(Work, (Rva >> PAGE_SHIFT) + 1, 0,
                       Third + (UCHAR)(Work->Delta >> 16) > 0xFF ? MI_FIX_FOURTH_CARRY : MI_FIX_FOURTH);
}

static BOOLEAN MiNoteLong(PMI_RELOCATION_WORK Work, ULONG Rva)
{
    ULONG Upper = Rva + sizeof(USHORT);

    if (Upper < Rva)
        return FALSE;
    if (BYTE_OFFSET(Upper) == PAGE_SIZE - 1)
        return MiNoteSplitFixup(Work, Upper);
    return MiNoteFixup(Work, Upper >> PAGE_SHIFT, BYTE_OFFSET(Upper), MI_FIX_BOTH);
}

static BOOLEAN MiNoteBlock(PMI_RELOCATION_WORK Work, PIMAGE_BASE_RELOCATION Block)
{
    PUSHORT Item = (PUSHORT)(Block + 1), End = (PUSHORT)((PUCHAR)Block + Block->SizeOfBlock);

    for (; Item < End; Item++) {
        ULONG Type = *Item >> MI_FIXUP_TYPE_SHIFT;

        if (Type == IMAGE_REL_BASED_ABSOLUTE)
            continue; // fills the block up
        if (Type != IMAGE_REL_BASED_HIGHLOW || !MiNoteLong(Work, Block->VirtualAddress + (*Item & MI_FIXUP_OFFSET)))
            return FALSE;
    }
    return TRUE;
}

// Goes through the whole table, and the header's own image base. FALSE: something in it that is not for Mm.
static BOOLEAN MiNoteTable(PMI_RELOCATION_WORK Work)
{
    ULONG Offset = 0;

    memset(Work->Count, 0, Work->Segment->TotalNumberOfPtes * sizeof(ULONG));
    while (Offset + sizeof(IMAGE_BASE_RELOCATION) <= Work->TableSize) {
        PIMAGE_BASE_RELOCATION Block = (PIMAGE_BASE_RELOCATION)(Work->Table + Offset);

        if (Block->SizeOfBlock == 0)
            break;
        if (Block->SizeOfBlock < sizeof(*Block) || Block->SizeOfBlock > Work->TableSize - Offset ||
            (Block->SizeOfBlock & (sizeof(USHORT) - 1)) || !MiNoteBlock(Work, Block))
            return FALSE;
        Offset += Block->SizeOfBlock;
    }
    return MiNoteLong(Work, (ULONG)((PUCHAR)&Work->Image->Headers->OptionalHeader.ImageBase - Work->Image->Buffer));
}

// Turns the counts into the result's places. FALSE: no memory.
static BOOLEAN MiAllocateFixups(PMI_RELOCATION_WORK Work)
{
    ULONG Pages = Work->Segment->TotalNumberOfPtes, Total = 0, Page;
    SIZE_T Fixed = sizeof(MI_RELOCATIONS) + (Pages + 1) * sizeof(ULONG);

    for (Page = 0; Page < Pages; Page++)
        Total += Work->Count[Page];
    Work->Result = ExAllocatePoolWithTag(PagedPool, Fixed + Total * sizeof(USHORT), TAG_RELOCATIONS);
    if (Work->Result == NULL)
        return FALSE;
    Work->Result->Delta = Work->Delta;
    Work->Result->Pages = Pages;
    Work->Result->Entries = (PUSHORT)((PUCHAR)Work->Result + Fixed);
    for (Page = 0, Total = 0; Page < Pages; Page++) {
        Work->Result->Start[Page] = Total;
        Total += Work->Count[Page];
    }
    Work->Result->Start[Pages] = Total;
    return TRUE;
}

static BOOLEAN MiReadTable(PMI_RELOCATION_WORK Work)
{
    PIMAGE_DATA_DIRECTORY Directory =
        &Work->Image->Headers->OptionalHeader.DataDirectory[IMAGE_DIRECTORY_ENTRY_BASERELOC];
    ULONG Offset, Done;

    Work->TableSize = Directory->Size;
    if (Work->TableSize == 0 || Work->TableSize > MI_MOST_FIXUP_BYTES ||
        !MiRvaToOffset(Work->Image, Directory->VirtualAddress, Directory->Size, &Offset))
        return FALSE;
    Work->Table = ExAllocatePoolWithTag(NonPagedPool, Work->TableSize, TAG_MM);
    Work->Count = ExAllocatePoolWithTag(PagedPool, Work->Segment->TotalNumberOfPtes * sizeof(ULONG), TAG_MM);
    return Work->Table != NULL && Work->Count != NULL &&
           NT_SUCCESS(MiReadFileDirect(Work->File, Offset, Work->Table, Work->TableSize, &Done)) &&
           Done == Work->TableSize;
}

static BOOLEAN MiIsMovable(PMI_IMAGE Image)
{
    PIMAGE_OPTIONAL_HEADER32 Optional = &Image->Headers->OptionalHeader;

    return (Optional->DllCharacteristics & IMAGE_DLLCHARACTERISTICS_DYNAMIC_BASE) && !Image->Flat &&
           !(Image->Headers->FileHeader.Characteristics & IMAGE_FILE_RELOCS_STRIPPED) &&
           Optional->NumberOfRvaAndSizes > IMAGE_DIRECTORY_ENTRY_BASERELOC;
}

// Gives a new image segment another base than its header's, if the image allows it. Whatever stands in the way, the
// image stays where it was linked for. IRQL PASSIVE_LEVEL, no locks: reads the file. Nobody else knows the segment.
VOID MiMoveImage(PFILE_OBJECT File, PSEGMENT Segment, PMI_IMAGE Image)
{
    MI_RELOCATION_WORK Work = {.File = File, .Segment = Segment, .Image = Image};
    ULONG_PTR Preferred = (ULONG_PTR)Segment->BasedAddress, Base;
    BOOLEAN Dll = (Image->Headers->FileHeader.Characteristics & IMAGE_FILE_DLL) != 0, Moved = FALSE;

    if (!MiIsMovable(Image)) {
        Segment->ImageSlots = MiKeepImageBase(Preferred, Segment->TotalNumberOfPtes);
        return;
    }
    Base = MiSelectImageBase(Preferred, Segment->TotalNumberOfPtes, Dll, &Segment->ImageSlots);
    Work.Delta = (ULONG)(Base - Preferred);
    if (Work.Delta != 0 && MiReadTable(&Work) && MiNoteTable(&Work) && MiAllocateFixups(&Work)) {
        Moved = MiNoteTable(&Work); // again, now into the lists
        ASSERT(Moved);
    }
    if (Work.Table != NULL)
        ExFreePoolWithTag(Work.Table, TAG_MM);
    if (Work.Count != NULL)
        ExFreePoolWithTag(Work.Count, TAG_MM);
    if (Work.Delta != 0 && !Moved) {
        MiReleaseImageBase(Base, Segment->ImageSlots);
        Segment->ImageSlots = MiKeepImageBase(Preferred, Segment->TotalNumberOfPtes);
        return;
    }
    Segment->Relocations = Work.Result; // NULL: chosen was what it was linked for
    Segment->BasedAddress = (PVOID)Base;
    Segment->ImageInformation.TransferAddress = (PCHAR)Segment->ImageInformation.TransferAddress + Work.Delta;
}

// The segment goes. IRQL <= APC_LEVEL.
VOID MiForgetMovedImage(PSEGMENT Segment)
{
    MiReleaseImageBase((ULONG_PTR)Segment->BasedAddress, Segment->ImageSlots);
    if (Segment->Relocations != NULL)
        ExFreePoolWithTag(Segment->Relocations, TAG_RELOCATIONS);
}

static VOID MiApplyFixups(PUCHAR Page, const USHORT *Entries, ULONG Count, ULONG Delta)
{
    for (; Count-- > 0; Entries++) {
        PUCHAR Target = Page + (*Entries & MI_FIXUP_OFFSET);

        switch (*Entries >> MI_FIXUP_TYPE_SHIFT) {
        case MI_FIX_BOTH:
            *(PUSHORT)Target += (USHORT)(Delta >> 16);
            break;
        case MI_FIX_THIRD:
            *Target += (UCHAR)(Delta >> 16);
            break;
        case MI_FIX_FOURTH:
            *Target += (UCHAR)(Delta >> 24);
            break;
        default:
            *Target += (UCHAR)(Delta >> 24) + 1;
        }
    }
}

// A page of an image has been read into a frame that nobody can reach yet: applies its fix-ups. IRQL <= APC_LEVEL, no
// Mm locks. The list is in paged pool, so it is copied before the frame is mapped.
VOID MiRelocatePage(PSEGMENT Segment, PMMPTE Proto, PFN_NUMBER Page)
{
    PMI_RELOCATIONS Relocations = Segment->Relocations;
    ULONG Number = (ULONG)(Proto - Segment->PrototypePte), Next, End;
    USHORT Entries[MI_FIXUP_CHUNK];

    ASSERT(Number < Relocations->Pages);
    End = Relocations->Start[Number + 1];
    for (Next = Relocations->Start[Number]; Next < End; Next += MI_FIXUP_CHUNK) {
        ULONG Count = min_of(End - Next, MI_FIXUP_CHUNK), Delta = Relocations->Delta;
        KIRQL OldIrql;
        PUCHAR Va;

        memcpy(Entries, &Relocations->Entries[Next], Count * sizeof(USHORT));
        Va = MiMapPage(Page, &OldIrql);
        MiApplyFixups(Va, Entries, Count, Delta);
        MiUnmapPage(Va, OldIrql);
    }
}
