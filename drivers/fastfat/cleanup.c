// SPDX-License-Identifier: MIT
// IRP_MJ_CLEANUP (the last handle of a file object is gone) and IRP_MJ_CLOSE (the last reference). Deletion, the final
// sizes and times happen at cleanup; Mm and Cc may keep a file object, and with it the FCB, long after that.

#include "fat.h"

// The system's time, as FAT can store it.
VOID FatQueryTime(PLONGLONG Time)
{
    LARGE_INTEGER Now;

    PAGED_CODE();
    KeQuerySystemTime(&Now);
    *Time = Now.QuadPart;
}

// May this file be deleted? Vcb->Resource held.
NTSTATUS NTAPI FatCheckDelete(PFCB Fcb)
{
    BOOLEAN Empty;
    NTSTATUS Status;

    PAGED_CODE();
    if (Fcb->Parent == NULL || (Fcb->Attributes & FAT_ATTR_READ_ONLY) || (Fcb->Flags & FCB_PAGING_FILE))
        return STATUS_CANNOT_DELETE;
    if (!FatIsDirectory(Fcb))
        return MmFlushImageSection(&Fcb->Section, MmFlushForDelete) ? STATUS_SUCCESS : STATUS_CANNOT_DELETE;
    Status = FatIsDirectoryEmpty(Fcb, &Empty);
    if (!NT_SUCCESS(Status))
        return Status;
    return Empty ? STATUS_SUCCESS : STATUS_DIRECTORY_NOT_EMPTY;
}

// Takes a file off its directory and frees its clusters. File: a file object of it, or NULL.
//
// Vcb->Resource and MainResource held exclusively, no handle left. A failure before the entry is gone leaves the file.
NTSTATUS NTAPI FatDeleteFile(PFILE_OBJECT File, PFCB Fcb)
{
    NTSTATUS Status = FatRemoveEntries(Fcb->Parent, Fcb->FirstOffset, Fcb->DirentOffset);

    PAGED_CODE();
    UNREFERENCED_PARAMETER(File);
    if (!NT_SUCCESS(Status))
        return Status;
    Fcb->Flags |= FCB_DELETED;
    ExAcquireResourceExclusiveLite(&Fcb->PagingIoResource, TRUE);
    *(volatile ULONG *)&Fcb->Header.FileSize.LowPart = 0; // page writes do nothing from here on
    *(volatile ULONG *)&Fcb->Header.ValidDataLength.LowPart = 0;
    ExReleaseResourceLite(&Fcb->PagingIoResource);
    if (Fcb->Section.DataSectionObject != NULL)
        CcPurgeCacheSection(&Fcb->Section, NULL, 0, TRUE); // a view that remains sees its pages until it goes
    ExAcquireResourceExclusiveLite(&Fcb->PagingIoResource, TRUE);
    Status = FatTruncateAllocation(Fcb, 0);
    Fcb->Header.AllocationSize.QuadPart = 0;
    ExReleaseResourceLite(&Fcb->PagingIoResource);
    return Status;
}

static VOID FatStampModified(PFILE_OBJECT File, PFCB Fcb, PCCB Ccb)
{
    if (!(File->Flags & FO_FILE_MODIFIED) || FatIsDirectory(Fcb))
        return;
    if (!(Ccb->Flags & CCB_USER_SET_WRITE_TIME))
        FatQueryTime(&Fcb->LastWriteTime);
    Fcb->Attributes |= FAT_ATTR_ARCHIVE;
    IGNORE_STATUS(FatUpdateDirent(Fcb)); // a handle's close cannot fail; the old stamp stays
}

// The last handle: deletes the file or settles its sizes.
static BOOLEAN FatLastCleanup(PFILE_OBJECT File, PFCB Fcb)
{
    if (Fcb->Flags & FCB_DELETED)
        return TRUE;
    if (Fcb->Flags & FCB_DELETE_PENDING) {
        if ((!FatIsDirectory(Fcb) || NT_SUCCESS(FatCheckDelete(Fcb))) && NT_SUCCESS(FatDeleteFile(File, Fcb)))
            return TRUE;
        Fcb->Flags &= ~FCB_DELETE_PENDING;
    }
    if (!FatIsDirectory(Fcb)) {
        NTSTATUS Status = FatSettleFile(File, Fcb);

        if (!NT_SUCCESS(Status))
            DbgPrint("FAT: %wZ could not be settled, status %08x\n", &Fcb->Name, Status);
    }
    return FALSE;
}

static VOID FatCleanupFile(PVCB Vcb, PFILE_OBJECT File, PFCB Fcb, PCCB Ccb)
{
    static LARGE_INTEGER Zero;
    BOOLEAN Gone = FALSE;

    ExAcquireResourceExclusiveLite(&Fcb->MainResource, TRUE);
    if ((Ccb->Flags & CCB_DELETE_ON_CLOSE) && NT_SUCCESS(FatCheckDelete(Fcb)))
        Fcb->Flags |= FCB_DELETE_PENDING;
    FatStampModified(File, Fcb, Ccb);
    IoRemoveShareAccess(File, &Fcb->ShareAccess);
    Fcb->UncleanCount--;
    Vcb->UncleanCount--;
    if (Fcb->UncleanCount == 0)
        Gone = FatLastCleanup(File, Fcb);
    if (!FatIsDirectory(Fcb))
        CcUninitializeCacheMap(File, Gone ? &Zero : NULL, NULL);
    IoSetFileFlags(File, FO_CLEANUP_COMPLETE); // a read or write that waits for the lock must not cache it again
    ExReleaseResourceLite(&Fcb->MainResource);
}

// IRP_MJ_CLEANUP. Takes Vcb->Resource and MainResource exclusively.
NTSTATUS FatCleanup(PVCB Vcb, PIRP Irp, PIO_STACK_LOCATION Stack)
{
    PFILE_OBJECT File = Stack->FileObject;
    PCCB Ccb = File->FsContext2;

    PAGED_CODE();
    UNREFERENCED_PARAMETER(Irp);
    if (Ccb == NULL) // the open failed
        return STATUS_SUCCESS;
    ExAcquireResourceExclusiveLite(&Vcb->Resource, TRUE);
    if (Ccb->Flags & CCB_VOLUME_OPEN) {
        IoRemoveShareAccess(File, &Vcb->ShareAccess);
        Vcb->UncleanCount--;
    } else {
        FatCleanupFile(Vcb, File, File->FsContext, Ccb);
    }
    IoSetFileFlags(File, FO_CLEANUP_COMPLETE);
    ExReleaseResourceLite(&Vcb->Resource);
    return STATUS_SUCCESS;
}

// IRP_MJ_CLOSE. May come in any thread, under any of our locks: takes Vcb->Resource only if that can be had at once.
NTSTATUS FatClose(PVCB Vcb, PIRP Irp, PIO_STACK_LOCATION Stack)
{
    PFILE_OBJECT File = Stack->FileObject;
    PCCB Ccb = File->FsContext2;
    PVOID Context = File->FsContext;

    PAGED_CODE();
    UNREFERENCED_PARAMETER(Irp);
    File->FsContext = File->FsContext2 = NULL;
    if (Ccb == NULL)
        return STATUS_SUCCESS;
    FatDeleteCcb(Ccb);
    if (Context != Vcb)
        FatAfterClose(Vcb, Context);
    return STATUS_SUCCESS;
}
