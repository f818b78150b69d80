// SPDX-License-Identifier: MIT
// Reading pages of files, page files among them. The first thread to fault on a page makes an in-page block, marks the
// page (and neighbours that are missing too) as being read, drops its locks and reads; others that fault on it
// meanwhile wait for the block. When the read is done the pages are on the standby list, and everybody asks again.

#include "mi.h"

#define MI_SECTOR 512u

// How many prototype PTEs from Proto on are pages of the same subsection that have to be read. The PFN lock is held.
static ULONG MiClusterSize(PMI_FAULT Fault, PSUBSECTION Subsection, PMMPTE Proto)
{
    ULONG Limit =
        min_of(MM_MAXIMUM_READ_CLUSTER, (ULONG)(Subsection->SubsectionBase + Subsection->PtesInSubsection - Proto));
    ULONGLONG First = (ULONGLONG)(Proto - Subsection->SubsectionBase) << PAGE_SHIFT;
    ULONGLONG Bytes = First < Subsection->FileBytes ? Subsection->FileBytes - First : 0;
    ULONG Count = 1;

    if (Fault->Single || MmAvailablePages < MI_LOW_MEMORY + Limit || Subsection->ControlArea->u.Flags.NoCluster)
        return 1;
    while (Count < Limit && Proto[Count].u.Soft.Prototype && !Proto[Count].u.Hard.Valid &&
           ((ULONGLONG)Count << PAGE_SHIFT) < Bytes)
        Count++;
    return Count;
}

// Takes the frame that Proto's page is read into, as page Index of the read. Proto: a prototype PTE, or a private entry
// of the current address space. The PFN lock is held, and there are frames to spare.
VOID MiPreparePage(PMMINPAGE_SUPPORT InPage, ULONG Index, PMMPTE Proto)
{
    BOOLEAN Private = (ULONG_PTR)Proto >= PTE_BASE && (ULONG_PTR)Proto <= PTE_TOP;
    PFN_NUMBER Page = MiRemoveAnyPage(MiLowNode);
    PMMPFN Pfn = MI_PFN_ELEMENT(Page);
    ULONG Protection = Proto->u.Soft.Protection;

    Pfn->PteAddress = Proto;
    Pfn->OriginalPte = *Proto;
    Pfn->u1.InPage = InPage;
    Pfn->u2.ShareCount = 0;
    Pfn->u3.ReferenceCount = 1; // the read's
    Pfn->u3.e1.PageLocation = TransitionPage;
    Pfn->u3.e1.PrototypePte = !Private;
    Pfn->PteFrame = Private ? MI_PTE_FRAME(MiGetPteAddress(Proto)) : 0;
    Pfn->u3.e1.ReadInProgress = 1;
    MiSetPagePriority(Pfn);
    MiWriteInvalidPte(Proto, MI_TRANSITION_PTE(Page, Protection));
    InPage->Pages[Index] = Page;
}

// The prototype PTE is a page of a file: with Fault->InPage, a new block, takes frames for it and its neighbours and
// marks them as being read. The PFN lock is held. Returns MI_STATUS_READ: the caller drops its locks and calls
// MiWaitForPageRead.
NTSTATUS MiStartPageRead(PMI_FAULT Fault, PMMPTE Proto)
{
    PSUBSECTION Subsection = (PSUBSECTION)(ULONG_PTR)Proto->u.Subsect.SubsectionAddress;
    ULONGLONG First = (ULONGLONG)(Proto - Subsection->SubsectionBase) << PAGE_SHIFT;
    PMMINPAGE_SUPPORT InPage = Fault->InPage;
    ULONG Count, Index, Reserve = MI_FAULT_RESERVE;

    if (Subsection->ControlArea->u.Flags.NoModifiedWriting)
        Reserve /= 4; // metadata: who waits for it holds what others need to write their pages
    if (MmAvailablePages <= Reserve || InPage == NULL)
        return MI_STATUS_NO_PAGE;
    Count = MiClusterSize(Fault, Subsection, Proto);
    for (Index = 0; Index < Count; Index++)
        MiPreparePage(InPage, Index, Proto + Index);
    Subsection->ControlArea->NumberOfPfnReferences += Count;
    MiStatistics.PageReadIos += First < Subsection->FileBytes;
    MiStatistics.PageReads += First < Subsection->FileBytes ? Count : 0;
    if (Fault->Process == NULL && First < Subsection->FileBytes)
        MiCountSystemRead(Count);
    InPage->ControlArea = Subsection->ControlArea;
    InPage->FilePointer = Subsection->ControlArea->FilePointer;
    InPage->ReadOffset.QuadPart = (LONGLONG)(Subsection->StartingOffset + First);
    InPage->FileBytes = First >= Subsection->FileBytes
                            ? 0
                            : (ULONG)min_of((ULONGLONG)Count << PAGE_SHIFT, Subsection->FileBytes - First);
    MmInitializeMdl(&InPage->Mdl, NULL, Count << PAGE_SHIFT);
    InPage->Mdl.MdlFlags |= MDL_PAGES_LOCKED | MDL_IO_PAGE_READ;
    Fault->Issue = TRUE;
    return MI_STATUS_READ;
}

static NTSTATUS MiIssueRead(PFILE_OBJECT File, PMDL Mdl, PLARGE_INTEGER Offset, PKEVENT Event,
                            PIO_STATUS_BLOCK IoStatus)
{
    NTSTATUS Status = IoPageRead(File, Mdl, Offset, Event, IoStatus);

    if (Status == STATUS_PENDING || NT_SUCCESS(Status)) {
        KeWaitForever(Event, WrPageIn);
        Status = IoStatus->Status;
    }
    if (Mdl->MdlFlags & MDL_MAPPED_TO_SYSTEM_VA)
        MmUnmapLockedPages(Mdl->MappedSystemVa, Mdl);
    if (Status == STATUS_END_OF_FILE) {
        IoStatus->Information = 0;
        return STATUS_SUCCESS;
    }
    return Status;
}

// Fills a buffer from any place of a file, sector alignment or not. Buffer is nonpaged.
//
// IRQL <= APC_LEVEL, no Mm locks. *Done: how many bytes the file had.
NTSTATUS MiReadFileDirect(PFILE_OBJECT File, ULONGLONG Offset, PVOID Buffer, ULONG Length, PULONG Done)
{
    ULONG Skip = (ULONG)(Offset & (MI_SECTOR - 1));
    ULONG Bytes = (ULONG)ROUND_TO_PAGES(Skip + Length), Got;
    PUCHAR Bounce = ExAllocatePoolZero(NonPagedPool, Bytes, TAG_MM);
    PMDL Mdl = Bounce != NULL ? ExAllocatePoolWithTag(NonPagedPool, MmSizeOfMdl(Bounce, Bytes), TAG_MM) : NULL;
    IO_STATUS_BLOCK IoStatus = {.Status = STATUS_SUCCESS, .Information = 0};
    LARGE_INTEGER Start = {.QuadPart = (LONGLONG)(Offset - Skip)};
    NTSTATUS Status = STATUS_INSUFFICIENT_RESOURCES;
    KEVENT Event;

    *Done = 0;
    if (Mdl != NULL) {
        KeInitializeEvent(&Event, NotificationEvent, FALSE);
        MmInitializeMdl(Mdl, Bounce, Bytes);
        MmBuildMdlForNonPagedPool(Mdl);
        Status = MiIssueRead(File, Mdl, &Start, &Event, &IoStatus);
        Got = (ULONG)min_of(IoStatus.Information, Bytes);
        if (NT_SUCCESS(Status) && Got > Skip) {
            *Done = min_of(Length, Got - Skip);
            memcpy(Buffer, Bounce + Skip, *Done);
        }
        ExFreePoolWithTag(Mdl, TAG_MM);
    }
    if (Bounce != NULL)
        ExFreePoolWithTag(Bounce, TAG_MM);
    return Status;
}

static VOID MiZeroTail(PMMINPAGE_SUPPORT InPage, ULONG Valid)
{
    ULONG Index, Count = InPage->Mdl.ByteCount >> PAGE_SHIFT;

    for (Index = Valid >> PAGE_SHIFT; Index < Count; Index++) {
        ULONG Keep = Index == Valid >> PAGE_SHIFT ? Valid & (PAGE_SIZE - 1) : 0;
        KIRQL OldIrql;
        PUCHAR Va = MiMapPage(InPage->Pages[Index], &OldIrql);

        memset(Va + Keep, 0, PAGE_SIZE - Keep);
        MiUnmapPage(Va, OldIrql);
    }
}

// A file offset that is no multiple of the sector size: the pages are filled through a buffer.
static NTSTATUS MiReadUnaligned(PMMINPAGE_SUPPORT InPage, PULONG Valid)
{
    ULONG Bytes = InPage->Mdl.ByteCount, Index;
    PUCHAR Buffer = ExAllocatePoolZero(NonPagedPool, Bytes, TAG_MM);
    NTSTATUS Status;

    if (Buffer == NULL)
        return STATUS_INSUFFICIENT_RESOURCES;
    Status = MiReadFileDirect(InPage->FilePointer, (ULONGLONG)InPage->ReadOffset.QuadPart, Buffer, Bytes, Valid);
    for (Index = 0; NT_SUCCESS(Status) && Index < Bytes >> PAGE_SHIFT; Index++) {
        KIRQL OldIrql;
        PVOID Va = MiMapPage(InPage->Pages[Index], &OldIrql);

        memcpy(Va, Buffer + (Index << PAGE_SHIFT), PAGE_SIZE);
        MiUnmapPage(Va, OldIrql);
    }
    ExFreePoolWithTag(Buffer, TAG_MM);
    return Status;
}

static VOID MiRelocatePages(PMMINPAGE_SUPPORT InPage)
{
    PSEGMENT Segment = InPage->ControlArea->Segment;
    ULONG Index;

    for (Index = 0; Index < InPage->Mdl.ByteCount >> PAGE_SHIFT; Index++)
        MiRelocatePage(Segment, MI_PFN_ELEMENT(InPage->Pages[Index])->PteAddress, InPage->Pages[Index]);
}

static NTSTATUS MiReadPages(PMMINPAGE_SUPPORT InPage)
{
    NTSTATUS Status = STATUS_SUCCESS;
    ULONG Valid = 0;

    if (InPage->FileBytes != 0) {
        if (InPage->ReadOffset.LowPart & (MI_SECTOR - 1)) {
            Status = MiReadUnaligned(InPage, &Valid);
        } else {
            Status =
                MiIssueRead(InPage->FilePointer, &InPage->Mdl, &InPage->ReadOffset, &InPage->Event, &InPage->IoStatus);
            Valid = (ULONG)InPage->IoStatus.Information;
        }
    }
    if (NT_SUCCESS(Status))
        MiZeroTail(InPage, min_of(Valid, InPage->FileBytes));
    if (NT_SUCCESS(Status) && InPage->ControlArea != NULL && InPage->ControlArea->Segment->Relocations != NULL)
        MiRelocatePages(InPage);
    return Status;
}

// The read has ended: the pages go to the standby list, or, if it failed, back to where they came from.
static VOID MiCompletePages(PMMINPAGE_SUPPORT InPage, NTSTATUS Status)
{
    ULONG Index, Count = InPage->Mdl.ByteCount >> PAGE_SHIFT;
    KIRQL OldIrql = MiLockPfn();

    for (Index = 0; Index < Count; Index++) {
        PMMPFN Pfn = MI_PFN_ELEMENT(InPage->Pages[Index]);

        Pfn->u3.e1.ReadInProgress = 0;
        Pfn->u1.InPage = NULL;
        if (!NT_SUCCESS(Status) && !Pfn->u3.e1.Deleted) {
            MiRestoreTransitionPte(Pfn);
            Pfn->u3.e1.Deleted = 1;
        }
        MiDecrementReferenceCount(Pfn);
    }
    MiUnlockPfn(OldIrql);
    InPage->Status = Status;
    KeSetEvent(&InPage->Done, IO_DISK_INCREMENT, FALSE);
}

// Outside of all Mm locks: reads the pages of Fault->InPage, or waits for the thread that does. IRQL <= APC_LEVEL.
//
// Returns STATUS_SUCCESS: ask again. Else the status of the I/O: the file could not be read. Where more than one page
// was asked for, one of the others may be the bad one: the fault asks again for its own alone.
NTSTATUS MiWaitForPageRead(PMI_FAULT Fault)
{
    PMMINPAGE_SUPPORT InPage = Fault->InPage;
    PETHREAD Thread = PsGetCurrentThread();
    NTSTATUS Status;

    if (Fault->Issue) {
        BOOLEAN Nested = Thread->ActiveFaulting;

        Thread->ActiveFaulting = TRUE;
        MiCompletePages(InPage, MiReadPages(InPage));
        Thread->ActiveFaulting = Nested;
    } else {
        KeWaitForever(&InPage->Done, WrPageIn);
    }
    Status = InPage->Status;
    if (!NT_SUCCESS(Status) && InPage->Mdl.ByteCount > PAGE_SIZE) {
        Fault->Single = TRUE;
        Status = STATUS_SUCCESS;
    }
    MiDereferenceInPage(InPage);
    return Status;
}
