// SPDX-License-Identifier: MIT
// Segments over a file's data, and over page-file space. A data segment grows with its file: another subsection is
// added, with room to spare, and what was mapped before stays where it is.

#include "mi.h"

#define MI_MAXIMUM_SECTION_PAGES 0x7FFFFFu // of 4 KB: 32 GB; the prototype PTEs set a limit long before
#define MI_MAXIMUM_GROWTH 1024u            // spare pages

KGUARDED_MUTEX MiExtendLock; // growth of data segments; taken before the PFN lock

static PMMPTE MiAllocatePrototypes(ULONG Count, ULONGLONG Value)
{
    PMMPTE Base = ExAllocatePoolWithTag(NonPagedPool, Count * sizeof(MMPTE), TAG_SEGMENT);
    ULONG Index;

    for (Index = 0; Base != NULL && Index < Count; Index++)
        Base[Index].u.Long = Value;
    return Base;
}

// The subsection that holds a page of the segment, and the page's number in it. NULL: beyond the end.
PSUBSECTION MiLocateSubsection(PCONTROL_AREA ControlArea, ULONGLONG PageNumber, PULONG PageInSubsection)
{
    PSUBSECTION Subsection = ControlArea->FirstSubsection;

    for (; Subsection != NULL; Subsection = Subsection->NextSubsection) {
        if (PageNumber < Subsection->PtesInSubsection) {
            *PageInSubsection = (ULONG)PageNumber;
            return Subsection;
        }
        PageNumber -= Subsection->PtesInSubsection;
    }
    return NULL;
}

// The prototype PTE of a page of a data segment, NULL beyond the end. An image's are one array from the first on.
PMMPTE MiGetProtoPteAddress(PCONTROL_AREA ControlArea, ULONGLONG PageNumber)
{
    PSUBSECTION Subsection;
    ULONG Index;

    if (PageNumber >= __atomic_load_n(&ControlArea->Segment->TotalNumberOfPtes, __ATOMIC_ACQUIRE))
        return NULL;
    if (ControlArea->u.Flags.Image)
        return ControlArea->Segment->PrototypePte + PageNumber;
    Subsection = MiLocateSubsection(ControlArea, PageNumber, &Index);
    return Subsection == NULL ? NULL : &Subsection->SubsectionBase[Index];
}

// Says how many bytes of the file each subsection stands for. The PFN lock is held.
static VOID MiDistributeFileBytes(PCONTROL_AREA ControlArea, ULONGLONG Size)
{
    PSUBSECTION Subsection = ControlArea->FirstSubsection;

    for (; Subsection != NULL; Subsection = Subsection->NextSubsection) {
        ULONGLONG Capacity = (ULONGLONG)Subsection->PtesInSubsection << PAGE_SHIFT;

        Subsection->FileBytes = min_of(Capacity, Size);
        Size -= Subsection->FileBytes;
    }
}

static NTSTATUS MiAddDataSubsection(PSEGMENT Segment, ULONG Pages)
{
    PCONTROL_AREA ControlArea = Segment->ControlArea;
    PMMPTE Base = MiAllocatePrototypes(Pages, 0);
    PSUBSECTION Subsection;
    ULONG Index;

    if (Base == NULL)
        return STATUS_INSUFFICIENT_RESOURCES;
    Subsection = MiAddSubsection(ControlArea, Base, Pages, MM_EXECUTE_READWRITE);
    if (Subsection == NULL) {
        ExFreePoolWithTag(Base, TAG_SEGMENT);
        return STATUS_INSUFFICIENT_RESOURCES;
    }
    Subsection->StartingOffset = (ULONGLONG)Segment->TotalNumberOfPtes << PAGE_SHIFT;
    for (Index = 0; Index < Pages; Index++)
        Base[Index].u.Long = MI_SUBSECTION_PTE(Subsection, MM_EXECUTE_READWRITE);
    if (Segment->PrototypePte == NULL)
        Segment->PrototypePte = Base;
    // Readers take no lock: what they find below the total is complete (stores are seen in order, SDM 3A 8.2).
    __atomic_store_n(&Segment->TotalNumberOfPtes, Segment->TotalNumberOfPtes + Pages, __ATOMIC_RELEASE);
    return STATUS_SUCCESS;
}

// Lets a data segment reach Size bytes; it never shrinks. IRQL <= APC_LEVEL. Takes the extend lock.
NTSTATUS MiExtendDataFileMap(PSEGMENT Segment, ULONGLONG Size)
{
    ULONGLONG Pages = (Size + PAGE_SIZE - 1) >> PAGE_SHIFT;
    NTSTATUS Status = STATUS_SUCCESS;
    KIRQL OldIrql;

    if (Pages > MI_MAXIMUM_SECTION_PAGES)
        return STATUS_SECTION_TOO_BIG;
    KeAcquireGuardedMutex(&MiExtendLock);
    if (Pages > Segment->TotalNumberOfPtes || Segment->TotalNumberOfPtes == 0) {
        ULONG Missing = max_of(1, (ULONG)Pages - Segment->TotalNumberOfPtes);
        ULONG Spare = Segment->TotalNumberOfPtes == 0 ? 0 : min_of(MI_MAXIMUM_GROWTH, Segment->TotalNumberOfPtes);

        Status = MiAddDataSubsection(Segment, Missing + Spare);
    }
    if (NT_SUCCESS(Status) && Size > Segment->SizeOfSegment) {
        OldIrql = MiLockPfn();
        Segment->SizeOfSegment = Size;
        MiDistributeFileBytes(Segment->ControlArea, Size);
        MiUnlockPfn(OldIrql);
    }
    KeReleaseGuardedMutex(&MiExtendLock);
    return Status;
}

// The data segment of a file, at least Size bytes long, with a section reference. IRQL <= APC_LEVEL; no I/O.
NTSTATUS MiCreateDataFileMap(PFILE_OBJECT File, ULONGLONG Size, PSEGMENT *Segment)
{
    PCONTROL_AREA ControlArea;
    BOOLEAN Created;
    NTSTATUS Status;

    Status = MiReferenceFileControlArea(File, FALSE, &ControlArea, &Created);
    if (!NT_SUCCESS(Status))
        return Status;
    Status = MiExtendDataFileMap(ControlArea->Segment, Size);
    if (Created)
        MiFinishControlArea(ControlArea, NT_SUCCESS(Status));
    else if (!NT_SUCCESS(Status))
        MiDereferenceControlArea(ControlArea, 1, 0, 0);
    *Segment = ControlArea->Segment;
    return Status;
}

// A segment that only memory backs (until there is a page file). SEC_COMMIT: charged now; SEC_RESERVE: page by page
// later.
NTSTATUS MiCreatePagingFileMap(ULONGLONG Size, ULONG Protection, ULONG Attributes, PSEGMENT *Segment)
{
    ULONGLONG Pages = (Size + PAGE_SIZE - 1) >> PAGE_SHIFT;
    BOOLEAN Commit = (Attributes & SEC_COMMIT) != 0;
    PCONTROL_AREA ControlArea;
    PMMPTE Base;

    if (Size > (1ull << 62) || Pages > MI_MAXIMUM_SECTION_PAGES)
        return STATUS_SECTION_TOO_BIG;
    if (Commit && !MiChargeCommitment((SIZE_T)Pages, NULL))
        return STATUS_COMMITMENT_LIMIT;
    ControlArea = MiCreateControlArea(NULL, FALSE);
    Base = MiAllocatePrototypes((ULONG)Pages, Commit ? MI_DEMAND_ZERO(Protection) : 0);
    if (ControlArea == NULL || Base == NULL || MiAddSubsection(ControlArea, Base, (ULONG)Pages, Protection) == NULL) {
        if (ControlArea != NULL)
            MiFreeControlArea(ControlArea);
        if (Base != NULL)
            ExFreePoolWithTag(Base, TAG_SEGMENT);
        if (Commit)
            MiReturnCommitment((SIZE_T)Pages, NULL);
        return STATUS_INSUFFICIENT_RESOURCES;
    }
    ControlArea->u.Flags.BeingCreated = 0;
    ControlArea->u.Flags.Reserve = !Commit;
    ControlArea->u.Flags.Commit = Commit;
    *Segment = ControlArea->Segment;
    (*Segment)->SegmentPteTemplate.u.Long = MI_DEMAND_ZERO(Protection);
    (*Segment)->TotalNumberOfPtes = (ULONG)Pages;
    (*Segment)->SizeOfSegment = Pages << PAGE_SHIFT;
    (*Segment)->NumberOfCommittedPages = Commit ? (SIZE_T)Pages : 0;
    (*Segment)->PrototypePte = Base;
    return STATUS_SUCCESS;
}
