// SPDX-License-Identifier: MIT
// A file's three sizes. AllocationSize: its clusters. FileSize: what the directory entry says. ValidDataLength: up to
// where the disk or the cache has data; behind it the file reads as zeros whatever the clusters hold. FAT has no place
// for the last one on the disk, so the rest is zeroed there when the last handle goes.

#include "fat.h"

static VOID FatGetSizes(PFCB Fcb, PCC_FILE_SIZES Sizes)
{
    Sizes->AllocationSize = Fcb->Header.AllocationSize;
    Sizes->FileSize = Fcb->Header.FileSize;
    Sizes->ValidDataLength = Fcb->Header.ValidDataLength;
}

// Makes the file object cached, if it is not yet. MainResource held. Fails with what Cc raises.
NTSTATUS NTAPI FatInitializeCaching(PFILE_OBJECT File, PFCB Fcb)
{
    volatile NTSTATUS Status = STATUS_SUCCESS;
    CC_FILE_SIZES Sizes;

    if (File->PrivateCacheMap != NULL)
        return STATUS_SUCCESS;
    FatGetSizes(Fcb, &Sizes);
    SEH_TRY
    {
        CcInitializeCacheMap(File, &Sizes, FALSE, &FatData.Callbacks, Fcb);
    }
    SEH_EXCEPT
    {
        Status = SEH_CODE();
    }
    SEH_END
    return Status;
}

// Tells the cache the new sizes. On a cut it drops the pages behind the end and zeroes the rest of the last one.
static NTSTATUS FatPublishSizes(PFILE_OBJECT File, PFCB Fcb)
{
    volatile NTSTATUS Status = STATUS_SUCCESS;
    CC_FILE_SIZES Sizes;

    if (!CcIsFileCached(File))
        return STATUS_SUCCESS;
    FatGetSizes(Fcb, &Sizes);
    SEH_TRY
    {
        CcSetFileSizes(File, &Sizes);
    }
    SEH_EXCEPT
    {
        Status = SEH_CODE();
    }
    SEH_END
    return Status;
}

static VOID FatNoteAllocation(PFCB Fcb)
{
    Fcb->Header.AllocationSize.QuadPart = (LONGLONG)Fcb->MappedClusters << Fcb->Vcb->Geometry.ClusterShift;
}

static VOID FatSetFileSize(PFCB Fcb, ULONG Size)
{
    *(volatile ULONG *)&Fcb->Header.FileSize.LowPart = Size;
}

// The file has data up to End now. Any lock of the file held: a cached write and a paging write may meet here, and the
// further one counts.
VOID FatNoteWritten(PFCB Fcb, ULONG End)
{
    ULONG Valid = FatValidLength(Fcb);

    while (Valid < End && !__atomic_compare_exchange_n(&Fcb->Header.ValidDataLength.LowPart, &Valid, End, FALSE,
                                                       __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST))
        continue;
}

// Makes the file NewSize bytes long (longer than it is), allocating what that takes.
//
// MainResource held exclusively. STATUS_DISK_FULL and other failures change nothing.
NTSTATUS NTAPI FatExtendFile(PFILE_OBJECT File, PFCB Fcb, ULONG NewSize)
{
    ULONG OldSize = FatFileSize(Fcb);
    NTSTATUS Status;

    if (NewSize > (ULONGLONG)Fcb->Header.AllocationSize.QuadPart) {
        Status = FatExtendAllocation(Fcb, FatClustersFor(Fcb->Vcb, NewSize));
        if (!NT_SUCCESS(Status))
            return Status;
        FatNoteAllocation(Fcb);
    }
    FatSetFileSize(Fcb, NewSize);
    Status = FatPublishSizes(File, Fcb);
    if (NT_SUCCESS(Status))
        Status = FatUpdateDirent(Fcb);
    if (!NT_SUCCESS(Status)) {
        FatSetFileSize(Fcb, OldSize);
        Fcb->Flags |= FCB_EXCESS;
        IGNORE_STATUS(FatPublishSizes(File, Fcb)); // shrinking back needs nothing
        IGNORE_STATUS(FatUpdateDirent(Fcb));       // the first error is the one to report
    }
    return Status;
}

// Cuts the chain to what the file needs. The entry must say less than the FAT at any moment, so it is stored first.
static NTSTATUS FatCutAllocation(PFCB Fcb)
{
    ULONG Clusters = FatClustersFor(Fcb->Vcb, FatFileSize(Fcb)), First;
    NTSTATUS Status;

    FatLockMeta(Fcb->Vcb);
    Status = FatLoadChain(Fcb);
    if (Status == STATUS_FILE_CORRUPT_ERROR)
        Status = STATUS_SUCCESS; // FatTruncateAllocation frees what can be followed
    First = Fcb->FirstCluster;
    if (NT_SUCCESS(Status)) {
        if (Clusters == 0)
            Fcb->FirstCluster = 0;
        Status = FatUpdateDirent(Fcb);
    }
    if (NT_SUCCESS(Status))
        Status = FatTruncateAllocation(Fcb, Clusters);
    else
        Fcb->FirstCluster = First;
    FatUnlockMeta(Fcb->Vcb);
    return Status;
}

// Cuts the file to NewSize bytes (at most what it has) and frees the rest.
//
// MainResource held exclusively; takes PagingIoResource. Paging writes behind the new end do nothing from the first
// step on. STATUS_USER_MAPPED_FILE: a user's view is in the way, nothing changed.
NTSTATUS NTAPI FatTruncateFile(PFILE_OBJECT File, PFCB Fcb, ULONG NewSize)
{
    LARGE_INTEGER Size = {.QuadPart = NewSize};
    NTSTATUS Status = STATUS_SUCCESS;

    if (!MmCanFileBeTruncated(&Fcb->Section, &Size))
        return STATUS_USER_MAPPED_FILE;
    if (Fcb->Section.DataSectionObject != NULL && !(Fcb->Flags & FCB_DELETED))
        Status = FatInitializeCaching(File, Fcb); // Mm has pages: Cc has to drop them
    if (!NT_SUCCESS(Status))
        return Status;
    ExAcquireResourceExclusiveLite(&Fcb->PagingIoResource, TRUE);
    FatSetFileSize(Fcb, NewSize);
    if (FatValidLength(Fcb) > NewSize)
        *(volatile ULONG *)&Fcb->Header.ValidDataLength.LowPart = NewSize;
    ExReleaseResourceLite(&Fcb->PagingIoResource);

    Status = FatPublishSizes(File, Fcb); // waits for page writes: PagingIoResource must be free
    if (!NT_SUCCESS(Status))
        return Status;
    ExAcquireResourceExclusiveLite(&Fcb->PagingIoResource, TRUE);
    Status = FatCutAllocation(Fcb);
    FatNoteAllocation(Fcb);
    ExReleaseResourceLite(&Fcb->PagingIoResource);
    return Status;
}

// Makes the disk hold zeros between ValidDataLength and End, and ValidDataLength at least End.
//
// MainResource held exclusively (or the caller is a paging write); takes PagingIoResource.
NTSTATUS NTAPI FatZeroTo(PFCB Fcb, ULONG End)
{
    NTSTATUS Status = STATUS_SUCCESS;

    if (FatValidLength(Fcb) >= End)
        return STATUS_SUCCESS;
    ExAcquireResourceExclusiveLite(&Fcb->PagingIoResource, TRUE);
    Status = FatZeroOnDisk(Fcb, FatValidLength(Fcb), End);
    if (NT_SUCCESS(Status))
        FatNoteWritten(Fcb, End);
    ExReleaseResourceLite(&Fcb->PagingIoResource);
    return Status;
}

// Makes the file's allocation Size bytes, rounded up to clusters; below its length this cuts the file.
// MainResource held exclusively. STATUS_DISK_FULL changes nothing.
NTSTATUS NTAPI FatSetAllocation(PFILE_OBJECT File, PFCB Fcb, ULONGLONG Size)
{
    NTSTATUS Status;

    if (Size > MAXULONG)
        return STATUS_DISK_FULL;
    if (Size < FatFileSize(Fcb))
        return FatTruncateFile(File, Fcb, (ULONG)Size);
    Status = FatExtendAllocation(Fcb, FatClustersFor(Fcb->Vcb, Size));
    if (NT_SUCCESS(Status)) {
        FatNoteAllocation(Fcb);
        Fcb->Flags |= FCB_EXCESS;
        Status = FatUpdateDirent(Fcb); // FirstCluster
    }
    return Status;
}

// The last handle goes: makes the disk agree with the directory entry (zeros behind ValidDataLength, no excess
// clusters). MainResource held exclusively.
NTSTATUS NTAPI FatSettleFile(PFILE_OBJECT File, PFCB Fcb)
{
    NTSTATUS Status = FatZeroTo(Fcb, FatFileSize(Fcb));

    UNREFERENCED_PARAMETER(File);
    if (NT_SUCCESS(Status) && (Fcb->Flags & FCB_EXCESS)) {
        ExAcquireResourceExclusiveLite(&Fcb->PagingIoResource, TRUE);
        Status = FatCutAllocation(Fcb);
        FatNoteAllocation(Fcb);
        ExReleaseResourceLite(&Fcb->PagingIoResource);
        if (NT_SUCCESS(Status))
            Fcb->Flags &= ~FCB_EXCESS;
    }
    return Status;
}
