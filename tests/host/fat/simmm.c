// SPDX-License-Identifier: MIT
// Mm's side of caching: a section keeps 256 KB pieces of its file. A view's pages are read when it is mapped; the first
// write to a page makes it dirty (simfault.c).

#include "sim.h"

#define CHUNK MM_CACHE_VIEW_SIZE
#define CHUNKS 64
#define SECTION_MAGIC 0x5EC7

typedef struct _SIM_SECTION {
    SHORT Magic;
    PFILE_OBJECT File; // referenced
    PSECTION_OBJECT_POINTERS Pointers;
    ULONGLONG Size;
    BOOLEAN NoWrite; // only flushes of its file system write it
    PUCHAR Data[CHUNKS];
    UCHAR Resident[CHUNKS][CHUNK / PAGE_SIZE];
    UCHAR Dirty[CHUNKS][CHUNK / PAGE_SIZE];
    ULONG Views[CHUNKS];
    struct _SIM_SECTION *Next;
} SIM_SECTION, *PSIM_SECTION;

static PSIM_SECTION Sections;

void *SimMapMemory(unsigned long Bytes);
void SimUnmapMemory(void *Va, unsigned long Bytes);
void SimSetWritable(void *Page, int Writable);

void SimPageWritten(void *Va)
{
    for (PSIM_SECTION Section = Sections; Section != NULL; Section = Section->Next)
        for (ULONG c = 0; c < CHUNKS; c++)
            if (Section->Data[c] != NULL && (PUCHAR)Va >= Section->Data[c] && (PUCHAR)Va < Section->Data[c] + CHUNK)
                Section->Dirty[c][((PUCHAR)Va - Section->Data[c]) / PAGE_SIZE] = TRUE;
}

BOOLEAN SimIsSection(PVOID Object)
{
    return *(SHORT *)Object == SECTION_MAGIC;
}

static NTSTATUS SimPageIo(PFILE_OBJECT File, BOOLEAN Write, ULONGLONG Offset, PVOID Page, PULONG Done)
{
    PDEVICE_OBJECT Device = File->DeviceObject != NULL ? File->DeviceObject : SimVolume;
    PIRP Irp = IoAllocateIrp(Device->StackSize, FALSE);
    PIO_STACK_LOCATION Stack = IoGetNextIrpStackLocation(Irp);
    PMDL Mdl = IoAllocateMdl(Page, PAGE_SIZE, FALSE, FALSE, NULL);
    NTSTATUS Status;

    Irp->MdlAddress = Mdl;
    Irp->Flags = IRP_PAGING_IO | IRP_NOCACHE;
    Stack->MajorFunction = Write ? IRP_MJ_WRITE : IRP_MJ_READ;
    Stack->FileObject = File;
    Stack->Parameters.Read.Length = PAGE_SIZE;
    Stack->Parameters.Read.ByteOffset.QuadPart = (LONGLONG)Offset;
    Status = SimSend(Device, Irp);
    IoFreeMdl(Mdl);
    *Done = SimIoStatus.Information;
    return Status;
}

// A page as a page read gives it: what the file does not have is zero.
static VOID SimReadPage(PFILE_OBJECT File, ULONGLONG Offset, PUCHAR Page)
{
    ULONG Done = 0;
    NTSTATUS Status;

    memset(Page, 0xDD, PAGE_SIZE);
    Status = SimPageIo(File, FALSE, Offset, Page, &Done);
    if (!NT_SUCCESS(Status))
        Done = 0;
    SimCheck(NT_SUCCESS(Status) || Status == STATUS_END_OF_FILE);
    memset(Page + Done, 0, PAGE_SIZE - Done);
}

NTSTATUS NTAPI MmCreateCacheSection(PFILE_OBJECT File, PLARGE_INTEGER FileSize, PVOID *Result)
{
    PSIM_SECTION Section = File->SectionObjectPointer->DataSectionObject;

    if (Section == NULL) {
        PLONG Block = calloc(1, sizeof(SIM_SECTION) + 8);

        Section = (PSIM_SECTION)(Block + 2);
        Section->Magic = SECTION_MAGIC;
        Section->File = File;
        Section->Pointers = File->SectionObjectPointer;
        Section->Next = Sections;
        Sections = Section;
        ObfReferenceObject(File);
        File->SectionObjectPointer->DataSectionObject = Section;
    }
    Section->Size = max_of(Section->Size, (ULONGLONG)FileSize->QuadPart);
    SimCheck(Section->Size <= (ULONGLONG)CHUNKS * CHUNK);
    ObfReferenceObject(Section);
    *Result = Section;
    return STATUS_SUCCESS;
}

NTSTATUS NTAPI MmExtendCacheSection(PVOID Object, PLARGE_INTEGER NewSize)
{
    PSIM_SECTION Section = Object;

    if ((ULONGLONG)NewSize->QuadPart > (ULONGLONG)CHUNKS * CHUNK)
        return STATUS_INSUFFICIENT_RESOURCES;
    Section->Size = max_of(Section->Size, (ULONGLONG)NewSize->QuadPart);
    return STATUS_SUCCESS;
}

static NTSTATUS SimFlushPage(PSIM_SECTION Section, ULONG Chunk, ULONG Page)
{
    PUCHAR Data = Section->Data[Chunk] + Page * PAGE_SIZE;
    NTSTATUS Status;
    ULONG Done;

    if (!Section->Resident[Chunk][Page] || !Section->Dirty[Chunk][Page])
        return STATUS_SUCCESS;
    Section->Dirty[Chunk][Page] = FALSE;
    SimSetWritable(Data, FALSE);
    Status = SimPageIo(Section->File, TRUE, (ULONGLONG)Chunk * CHUNK + Page * PAGE_SIZE, Data, &Done);
    SimCheck(Status == STATUS_SUCCESS || (Status == STATUS_FILE_LOCK_CONFLICT && Section->NoWrite));
    if (Status != STATUS_SUCCESS)
        Section->Dirty[Chunk][Page] = TRUE;
    return Status;
}

NTSTATUS NTAPI MmFlushSection(PSECTION_OBJECT_POINTERS Pointers, PLARGE_INTEGER Offset, ULONG Length,
                              PIO_STATUS_BLOCK IoStatus)
{
    PSIM_SECTION Section = Pointers->DataSectionObject;
    ULONGLONG Start = Offset != NULL ? (ULONGLONG)Offset->QuadPart : 0,
              End = Offset != NULL && Length != 0 ? Start + Length : ~0ull;

    IoStatus->Status = STATUS_SUCCESS;
    for (ULONG c = 0; Section != NULL && c < CHUNKS; c++)
        for (ULONG p = 0; Section->Data[c] != NULL && p < CHUNK / PAGE_SIZE; p++)
            if ((ULONGLONG)c * CHUNK + (p + 1) * PAGE_SIZE > Start && (ULONGLONG)c * CHUNK + p * PAGE_SIZE < End)
                if (SimFlushPage(Section, c, p) != STATUS_SUCCESS)
                    IoStatus->Status = STATUS_FILE_LOCK_CONFLICT;
    return IoStatus->Status;
}

static VOID SimDestroySection(PSIM_SECTION Section)
{
    PSIM_SECTION *Link = &Sections;
    PFILE_OBJECT File = Section->File;

    while (*Link != Section)
        Link = &(*Link)->Next;
    *Link = Section->Next;
    for (ULONG c = 0; c < CHUNKS; c++) {
        SimCheck(Section->Views[c] == 0);
        SimUnmapMemory(Section->Data[c], CHUNK);
    }
    Section->Pointers->DataSectionObject = NULL;
    free((PLONG)Section - 2);
    ObfDereferenceObject(File);
}

// The last section reference went: the segment is unused now. Its pages stay, or go, as chance has it.
VOID SimDeleteSection(PVOID Object)
{
    PSIM_SECTION Section = Object;
    IO_STATUS_BLOCK IoStatus;

    if (SimRandom() % 2)
        return;
    ObfReferenceObject(Section);
    IGNORE_STATUS(MmFlushSection(Section->Pointers, NULL, 0, &IoStatus));
    ((PLONG)Section)[-2] = 0;
    SimDestroySection(Section);
}

VOID SimPageSweep(VOID)
{
    for (PSIM_SECTION Section = Sections, Next; Section != NULL; Section = Next) {
        IO_STATUS_BLOCK IoStatus;

        Next = Section->Next;
        if (((PLONG)Section)[-2] != 0 || SimRandom() % 2)
            continue;
        IGNORE_STATUS(MmFlushSection(Section->Pointers, NULL, 0, &IoStatus));
        SimDestroySection(Section);
    }
}

BOOLEAN MmPurgeSection(PSECTION_OBJECT_POINTERS Pointers, PLARGE_INTEGER Offset, ULONG Length)
{
    PSIM_SECTION Section = Pointers->DataSectionObject;
    ULONGLONG Start = Offset != NULL ? (ULONGLONG)Offset->QuadPart : 0, End = Length != 0 ? Start + Length : ~0ull;

    for (ULONG c = 0; Section != NULL && c < CHUNKS; c++)
        for (ULONG p = 0; p < CHUNK / PAGE_SIZE; p++) {
            ULONGLONG Page = (ULONGLONG)c * CHUNK + p * PAGE_SIZE;

            if (Section->Data[c] == NULL || Page < Start || Page >= End)
                continue;
            Section->Resident[c][p] = Section->Dirty[c][p] = FALSE;
        }
    if (Section != NULL && Start == 0 && Length == 0 && ((PLONG)Section)[-2] == 0)
        SimDestroySection(Section);
    return TRUE;
}

static VOID SimFillChunk(PSIM_SECTION Section, ULONG Chunk)
{
    for (ULONG p = 0; p < CHUNK / PAGE_SIZE; p++) {
        PUCHAR Page = Section->Data[Chunk] + p * PAGE_SIZE;

        if (Section->Resident[Chunk][p])
            continue;
        SimSetWritable(Page, TRUE);
        SimReadPage(Section->File, (ULONGLONG)Chunk * CHUNK + p * PAGE_SIZE, Page);
        SimSetWritable(Page, FALSE);
        Section->Resident[Chunk][p] = TRUE;
        Section->Dirty[Chunk][p] = FALSE;
    }
}

NTSTATUS NTAPI MmMapViewsInSystemCache(PVOID Object, ULONGLONG Offset, ULONG Count, PVOID *Va)
{
    UNREFERENCED_PARAMETER(Object);
    UNREFERENCED_PARAMETER(Offset);
    UNREFERENCED_PARAMETER(Count);
    UNREFERENCED_PARAMETER(Va);
    SimFailed("no range that crosses views", __FILE__, __LINE__);
}

BOOLEAN MmIsCachePageResident(PVOID Object, ULONGLONG Offset)
{
    PSIM_SECTION Section = Object;

    return Section->Data[Offset / CHUNK] != NULL && Section->Resident[Offset / CHUNK][Offset % CHUNK / PAGE_SIZE];
}

ULONG MmGetPageReadCount(VOID)
{
    return 0;
}

VOID MmSetSectionPolicy(PSECTION_OBJECT_POINTERS Pointers, BOOLEAN NoCluster, BOOLEAN NoWrite)
{
    UNREFERENCED_PARAMETER(NoCluster);
    ((PSIM_SECTION)Pointers->DataSectionObject)->NoWrite = NoWrite;
}

NTSTATUS NTAPI IoSetValidDataLength(PFILE_OBJECT File, PLARGE_INTEGER Length)
{
    UNREFERENCED_PARAMETER(File);
    UNREFERENCED_PARAMETER(Length);
    return STATUS_SUCCESS;
}

NTSTATUS NTAPI MmMapViewInSystemCache(PVOID Object, ULONGLONG Offset, PVOID *Va)
{
    PSIM_SECTION Section = Object;
    ULONG Chunk = (ULONG)(Offset / CHUNK);

    SimCheck(Offset % CHUNK == 0 && Offset < Section->Size);
    if (Section->Data[Chunk] == NULL)
        Section->Data[Chunk] = SimMapMemory(CHUNK);
    SimFillChunk(Section, Chunk);
    Section->Views[Chunk]++;
    *Va = Section->Data[Chunk];
    return STATUS_SUCCESS;
}

VOID MmUnmapViewInSystemCache(PVOID Va)
{
    for (PSIM_SECTION Section = Sections; Section != NULL; Section = Section->Next)
        for (ULONG c = 0; c < CHUNKS; c++)
            if (Section->Data[c] == Va) {
                SimCheck(Section->Views[c]-- > 0);
                return;
            }
    SimCheck(!"an address that is no view");
}

BOOLEAN NTAPI MmFlushImageSection(PSECTION_OBJECT_POINTERS Pointers, MMFLUSH_TYPE Type)
{
    UNREFERENCED_PARAMETER(Type);
    return Pointers->ImageSectionObject == NULL;
}

BOOLEAN NTAPI MmCanFileBeTruncated(PSECTION_OBJECT_POINTERS Pointers, PLARGE_INTEGER NewSize)
{
    UNREFERENCED_PARAMETER(Pointers);
    UNREFERENCED_PARAMETER(NewSize);
    return TRUE;
}

// Law: a clean page in memory is what a page read gives now, up to the end of the file.
VOID SimVerifyPages(VOID)
{
    static UCHAR Page[PAGE_SIZE] ALIGNED(4096);

    for (PSIM_SECTION Section = Sections; Section != NULL; Section = Section->Next) {
        PFSRTL_COMMON_FCB_HEADER Header = Section->File->FsContext;

        if (Section->NoWrite)
            continue; // its pages also show sectors of others, as they were
        for (ULONG c = 0; c < CHUNKS; c++)
            for (ULONG p = 0; Section->Data[c] != NULL && p < CHUNK / PAGE_SIZE; p++) {
                ULONGLONG Offset = (ULONGLONG)c * CHUNK + p * PAGE_SIZE;
                PUCHAR Data = Section->Data[c] + p * PAGE_SIZE;

                if (!Section->Resident[c][p] || Section->Dirty[c][p] || Offset >= (ULONGLONG)Header->FileSize.QuadPart)
                    continue;
                SimReadPage(Section->File, Offset, Page);
                SimCheck(memcmp(Page, Data, min_of(PAGE_SIZE, (ULONG)(Header->FileSize.QuadPart - (LONGLONG)Offset))) ==
                         0);
            }
    }
}

VOID MmCopyBuffer(PVOID To, const VOID *From, SIZE_T Length)
{
    memcpy(To, From, Length);
}
