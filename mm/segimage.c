// SPDX-License-Identifier: MIT
// Image segments: a program or DLL as one array of prototype PTEs, cut into a subsection for the headers and one for
// each section of the file. Pages come from the file when touched; what lies behind a section's data is demand zero.

#include "mi.h"

static NTSTATUS MiReadHeaders(PFILE_OBJECT File, PMI_IMAGE Image, ULONG Bytes)
{
    ULONG Done;
    NTSTATUS Status;

    if (Image->Buffer != NULL)
        ExFreePoolWithTag(Image->Buffer, TAG_MM);
    Image->Buffer = ExAllocatePoolZero(NonPagedPool, Bytes, TAG_MM);
    if (Image->Buffer == NULL)
        return STATUS_INSUFFICIENT_RESOURCES;
    Status = MiReadFileDirect(File, 0, Image->Buffer, Bytes, &Done);
    Image->BufferSize = Done;
    return Status;
}

static NTSTATUS MiLoadHeaders(PFILE_OBJECT File, PMI_IMAGE Image)
{
    LARGE_INTEGER Size;
    NTSTATUS Status;
    ULONG Needed;

    Status = IoQueryFileSize(File, &Size);
    if (!NT_SUCCESS(Status))
        return Status;
    Image->FileSize = (ULONGLONG)Size.QuadPart;
    if (Image->FileSize == 0)
        return STATUS_INVALID_FILE_FOR_SECTION;
    Status = MiReadHeaders(File, Image, (ULONG)min_of(Image->FileSize, PAGE_SIZE));
    while (NT_SUCCESS(Status) && (Needed = MiGetHeaderBytesNeeded(Image)) != 0)
        Status = MiReadHeaders(File, Image, Needed);
    if (NT_SUCCESS(Status))
        Status = MiCheckImageHeaders(Image);
    if (NT_SUCCESS(Status))
        Status = MiCheckImageSections(Image);
    return Status;
}

// Fills the prototype PTEs of one subsection: pages of the file, then zero pages.
static NTSTATUS MiFillSubsection(PSEGMENT Segment, ULONG FirstPage, ULONG Pages, ULONG Protection, ULONGLONG Offset,
                                 ULONG FileBytes)
{
    PMMPTE Base = Segment->PrototypePte + FirstPage;
    ULONG Index, FilePages = BYTES_TO_PAGES(FileBytes);
    PSUBSECTION Subsection = MiAddSubsection(Segment->ControlArea, Base, Pages, Protection);

    if (Subsection == NULL)
        return STATUS_INSUFFICIENT_RESOURCES;
    Subsection->StartingOffset = Offset;
    Subsection->FileBytes = FileBytes;
    for (Index = 0; Index < Pages; Index++)
        Base[Index].u.Long = Index < FilePages ? MI_SUBSECTION_PTE(Subsection, Protection) : MI_DEMAND_ZERO(Protection);
    if (MI_IS_COPY_ON_WRITE(Protection))
        Segment->ImageCommitment += Pages;
    else if (Pages > FilePages)
        Segment->NumberOfCommittedPages += Pages - FilePages;
    return STATUS_SUCCESS;
}

static NTSTATUS MiBuildSubsections(PSEGMENT Segment, PMI_IMAGE Image)
{
    PIMAGE_OPTIONAL_HEADER32 Optional = &Image->Headers->OptionalHeader;
    ULONG Index;
    NTSTATUS Status;

    if (Image->Flat)
        return MiFillSubsection(Segment, 0, Segment->TotalNumberOfPtes, MM_EXECUTE_WRITECOPY, 0,
                                (ULONG)min_of(Image->FileSize, Optional->SizeOfImage));
    Status =
        MiFillSubsection(Segment, 0, BYTES_TO_PAGES(Optional->SizeOfHeaders), MM_READONLY, 0, Optional->SizeOfHeaders);
    for (Index = 0; NT_SUCCESS(Status) && Index < Image->SectionCount; Index++) {
        PIMAGE_SECTION_HEADER Section = &Image->Sections[Index];

        Status = MiFillSubsection(Segment, Section->VirtualAddress >> PAGE_SHIFT, MiSectionPages(Section),
                                  MiGetImageProtection(Section->Characteristics), MiSectionFileOffset(Image, Section),
                                  MiSectionFileBytes(Section));
    }
    return Status;
}

static VOID MiFillImageInformation(PSEGMENT Segment, PMI_IMAGE Image)
{
    PSECTION_IMAGE_INFORMATION Information = &Segment->ImageInformation;
    PIMAGE_OPTIONAL_HEADER32 Optional = &Image->Headers->OptionalHeader;
    ULONG Index;

    Segment->BasedAddress = (PVOID)Optional->ImageBase;
    Information->TransferAddress = (PVOID)(Optional->ImageBase + Optional->AddressOfEntryPoint);
    Information->MaximumStackSize = Optional->SizeOfStackReserve;
    Information->CommittedStackSize = Optional->SizeOfStackCommit;
    Information->SubSystemType = Optional->Subsystem;
    Information->SubSystemMinorVersion = Optional->MinorSubsystemVersion;
    Information->SubSystemMajorVersion = Optional->MajorSubsystemVersion;
    Information->ImageCharacteristics = Image->Headers->FileHeader.Characteristics;
    Information->DllCharacteristics = Optional->DllCharacteristics;
    Information->Machine = Image->Headers->FileHeader.Machine;
    Information->ImageContainsCode = Optional->SizeOfCode != 0 || Optional->AddressOfEntryPoint != 0;
    Information->LoaderFlags = Optional->LoaderFlags;
    Information->ImageFileSize = (ULONG)Image->FileSize;
    Information->CheckSum = Optional->CheckSum;
    for (Index = 0; Index < Image->SectionCount; Index++) {
        if (Image->Sections[Index].Characteristics & IMAGE_SCN_CNT_CODE)
            Information->ImageContainsCode = TRUE;
    }
}

static NTSTATUS MiBuildImage(PSEGMENT Segment, PMI_IMAGE Image)
{
    ULONG Pages = BYTES_TO_PAGES(Image->Headers->OptionalHeader.SizeOfImage), Index;
    SIZE_T Committed;
    NTSTATUS Status;
    PMMPTE Base;

    for (Index = 0; !Image->Flat && Index < Image->SectionCount; Index++)
        Pages = max_of(Pages,
                       (Image->Sections[Index].VirtualAddress >> PAGE_SHIFT) + MiSectionPages(&Image->Sections[Index]));
    Base = ExAllocatePoolWithTag(NonPagedPool, Pages * sizeof(MMPTE), TAG_SEGMENT);
    if (Base == NULL)
        return STATUS_INSUFFICIENT_RESOURCES;
    for (Index = 0; Index < Pages; Index++)
        Base[Index].u.Long = MI_DEMAND_ZERO(MM_NOACCESS); // between the sections
    Segment->PrototypePte = Base;
    Segment->TotalNumberOfPtes = Pages;
    Segment->SizeOfSegment = (ULONGLONG)Pages << PAGE_SHIFT;
    Status = MiBuildSubsections(Segment, Image);
    Committed = Segment->NumberOfCommittedPages;
    Segment->NumberOfCommittedPages = 0;
    if (Segment->ControlArea->FirstSubsection == NULL)
        ExFreePoolWithTag(Base, TAG_SEGMENT); // else it goes with the first subsection
    if (!NT_SUCCESS(Status))
        return Status;
    if (!MiChargeCommitment(Committed, NULL))
        return STATUS_COMMITMENT_LIMIT;
    Segment->NumberOfCommittedPages = Committed;
    MiFillImageInformation(Segment, Image);
    return STATUS_SUCCESS;
}

// What was written to the file through its data section has to be in the file before its pages are read as an image.
static VOID MiFlushDataOfFile(PFILE_OBJECT File)
{
    IO_STATUS_BLOCK IoStatus;

    if (File->SectionObjectPointer->DataSectionObject != NULL)
        IGNORE_STATUS(MmFlushSection(File->SectionObjectPointer, NULL, 0, &IoStatus)); // a read that fails will tell
}

// The image segment of a file, with a section reference. IRQL PASSIVE_LEVEL, no locks: reads the file.
// STATUS_INVALID_IMAGE_* if the file is no program; STATUS_SHARING_VIOLATION if a section can write to it.
NTSTATUS MiCreateImageFileMap(PFILE_OBJECT File, PSEGMENT *Segment)
{
    MI_IMAGE Image = {.Buffer = NULL};
    PCONTROL_AREA ControlArea;
    BOOLEAN Created;
    NTSTATUS Status;

    Status = MiReferenceFileControlArea(File, TRUE, &ControlArea, &Created);
    if (!NT_SUCCESS(Status))
        return Status;
    *Segment = ControlArea->Segment;
    if (!Created)
        return STATUS_SUCCESS;
    if (MiIsFileWritten(File)) {
        Status = STATUS_SHARING_VIOLATION;
    } else {
        MiFlushDataOfFile(File);
        Status = MiLoadHeaders(File, &Image);
    }
    if (NT_SUCCESS(Status))
        Status = MiBuildImage(ControlArea->Segment, &Image);
    if (NT_SUCCESS(Status))
        MiMoveImage(File, ControlArea->Segment, &Image);
    if (Image.Buffer != NULL)
        ExFreePoolWithTag(Image.Buffer, TAG_MM);
    MiFinishControlArea(ControlArea, NT_SUCCESS(Status));
    return Status;
}
