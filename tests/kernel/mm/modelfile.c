// SPDX-License-Identifier: MIT
// The model's files: sections whose pages are a file's, which cached reads and writes, flushes, growth and cuts reach
// as well as the views do.

#include "model.h"
#include "cc/ccp.h"

#define MT_FIRST_PAGES 20u // of a new file

static NTSTATUS MtSetEnd(HANDLE File, ULONG Bytes)
{
    FILE_END_OF_FILE_INFORMATION End = {.EndOfFile.QuadPart = Bytes};
    IO_STATUS_BLOCK IoStatus;

    return ZwSetInformationFile(File, &IoStatus, &End, sizeof(End), FileEndOfFileInformation);
}

// Makes a file of zeros and a section over it.
VOID MtMakeFile(PMT_SECTION_MODEL Section, ULONG Number)
{
    static PCWSTR const Names[] = {L"\\SystemRoot\\TEMP\\MODEL0.DAT", L"\\SystemRoot\\TEMP\\MODEL1.DAT"};
    OBJECT_ATTRIBUTES Attributes;
    IO_STATUS_BLOCK IoStatus;
    UNICODE_STRING Name;

    memset(Section, 0, sizeof(*Section));
    RtlInitUnicodeString(&Name, Names[Number % MT_FILES]);
    InitializeObjectAttributes(&Attributes, &Name, OBJ_CASE_INSENSITIVE | OBJ_KERNEL_HANDLE, NULL, NULL);
    expect_status(ZwCreateFile(&Section->File, FILE_GENERIC_READ | FILE_GENERIC_WRITE | DELETE, &Attributes, &IoStatus,
                               NULL, FILE_ATTRIBUTE_NORMAL, 0, FILE_OVERWRITE_IF, FILE_SYNCHRONOUS_IO_NONALERT, NULL,
                               0),
                  STATUS_SUCCESS);
    Section->Pages = MT_FIRST_PAGES;
    expect_status(MtSetEnd(Section->File, Section->Pages * PAGE_SIZE), STATUS_SUCCESS);
    memset(Section->Committed, TRUE, Section->Pages);
    InitializeObjectAttributes(&Attributes, NULL, OBJ_KERNEL_HANDLE, NULL, NULL);
    expect_status(ZwCreateSection(&Section->Handle, SECTION_ALL_ACCESS, &Attributes, NULL, PAGE_READWRITE, SEC_COMMIT,
                                  Section->File),
                  STATUS_SUCCESS);
}

PUCHAR MtCacheView(PMT_SECTION_MODEL Section)
{
    PSHARED_CACHE_MAP Map;
    PFILE_OBJECT File;

    _Static_assert(MT_SECTION_PAGES == VACB_PAGES, "a file of the model is one view");
    expect_status(ObReferenceObjectByHandle(Section->File, 0, IoFileObjectType, KernelMode, (PVOID *)&File, NULL),
                  STATUS_SUCCESS);
    Map = File->SectionObjectPointer->SharedCacheMap;
    ObDereferenceObject(File); // the handle keeps it
    return Map == NULL || Map->Slots[0].Vacb == NULL ? NULL : Map->Slots[0].Vacb->BaseAddress;
}

static VOID MtReadFile(PMT_SECTION_MODEL Section)
{
    ULONG First = KtRandom() % Section->Pages, Count = 1 + KtRandom() % (Section->Pages - First), Index;
    LARGE_INTEGER Offset = {.QuadPart = First * PAGE_SIZE};
    IO_STATUS_BLOCK IoStatus;

    expect_status(ZwReadFile(Section->File, NULL, NULL, NULL, &IoStatus, MtBuffer, Count * PAGE_SIZE, &Offset, NULL),
                  STATUS_SUCCESS);
    expect_eq(IoStatus.Information, Count * PAGE_SIZE);
    for (Index = 0; Index < Count; Index++) {
        expect_eq(MtBuffer[Index * PAGE_SIZE], Section->Value[First + Index][0]);
        expect_eq(MtBuffer[Index * PAGE_SIZE + PAGE_SIZE - 1], Section->Value[First + Index][1]);
    }
}

// Whole pages, or the two bytes where two pages meet.
static VOID MtWriteFile(PMT_SECTION_MODEL Section)
{
    ULONG First = KtRandom() % (Section->Pages - 1), Count = 1 + KtRandom() % (Section->Pages - First), Index;
    BOOLEAN Seam = KtRandom() & 1;
    LARGE_INTEGER Offset = {.QuadPart = First * PAGE_SIZE + (Seam ? PAGE_SIZE - 1 : 0)};
    ULONG Length = Seam ? 2 : Count * PAGE_SIZE;
    UCHAR Value = (UCHAR)KtRandom();
    IO_STATUS_BLOCK IoStatus;

    memset(MtBuffer, Value, Length);
    expect_status(ZwWriteFile(Section->File, NULL, NULL, NULL, &IoStatus, MtBuffer, Length, &Offset, NULL),
                  STATUS_SUCCESS);
    expect_eq(IoStatus.Information, Length);
    if (Seam)
        Section->Value[First][1] = Section->Value[First + 1][0] = Value;
    for (Index = First; !Seam && Index < First + Count; Index++)
        Section->Value[Index][0] = Section->Value[Index][1] = Value;
}

// A section over a file may grow, and the file with it; one over memory may not.
static VOID MtExtend(PMT_SECTION_MODEL Section)
{
    ULONG Pages = 1 + KtRandom() % MT_SECTION_PAGES;
    LARGE_INTEGER Size = {.QuadPart = Pages * PAGE_SIZE};

    if (Section->File == NULL) {
        expect_status(ZwExtendSection(Section->Handle, &Size), STATUS_SECTION_NOT_EXTENDED);
        return;
    }
    expect_status(ZwExtendSection(Section->Handle, &Size), STATUS_SUCCESS);
    expect_eq(Size.QuadPart, max_of(Pages, Section->Pages) * PAGE_SIZE);
    for (; Section->Pages < Pages; Section->Pages++)
        Section->Committed[Section->Pages] = TRUE;
}

// One call on a file, or on the section of another kind.
VOID MtStepFile(VOID)
{
    PMT_SECTION_MODEL Section = &MtSections[KtRandom() % MT_SECTIONS];
    IO_STATUS_BLOCK IoStatus;

    if (Section->Handle == NULL)
        return;
    if (Section->File == NULL) {
        MtExtend(Section);
        return;
    }
    switch (KtRandom() % 8) {
    case 0:
    case 1:
    case 2:
        MtReadFile(Section);
        break;
    case 3:
    case 4:
        MtWriteFile(Section);
        break;
    case 5:
        MtExtend(Section);
        break;
    case 6:
        expect_status(ZwFlushBuffersFile(Section->File, &IoStatus), STATUS_SUCCESS);
        break;
    default: // what is mapped is not cut
        expect_status(MtSetEnd(Section->File, (Section->Pages - 1) * PAGE_SIZE), STATUS_USER_MAPPED_FILE);
        break;
    }
}

// Without its section the file is what it was, may be cut, and goes.
VOID MtCloseFile(PMT_SECTION_MODEL Section)
{
    FILE_DISPOSITION_INFORMATION Disposition = {TRUE};
    IO_STATUS_BLOCK IoStatus;

    expect_status(ZwClose(Section->Handle), STATUS_SUCCESS);
    MtReadFile(Section);
    Section->Pages = 1 + KtRandom() % Section->Pages;
    expect_status(MtSetEnd(Section->File, Section->Pages * PAGE_SIZE), STATUS_SUCCESS);
    MtReadFile(Section);
    expect_status(
        ZwSetInformationFile(Section->File, &IoStatus, &Disposition, sizeof(Disposition), FileDispositionInformation),
        STATUS_SUCCESS);
    expect_status(ZwClose(Section->File), STATUS_SUCCESS);
    memset(Section, 0, sizeof(*Section));
}
