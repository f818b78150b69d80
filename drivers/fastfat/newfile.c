// SPDX-License-Identifier: MIT
// Making a new file or directory. Space for the directory comes first, the entry that makes it visible last, so that
// a failure anywhere leaves nothing but perhaps a longer directory.

#include "fat.h"

static NTSTATUS FatCheckNew(PFAT_CREATE Create)
{
    BOOLEAN Directory = (Create->Options & FILE_DIRECTORY_FILE) != 0;

    if (Create->Disposition == FILE_OPEN || Create->Disposition == FILE_OVERWRITE)
        return STATUS_OBJECT_NAME_NOT_FOUND;
    if (Create->TrailingSlash && !Directory)
        return STATUS_OBJECT_NAME_INVALID;
    if ((Create->Options & FILE_DELETE_ON_CLOSE) && (Create->Attributes & FAT_ATTR_READ_ONLY))
        return STATUS_CANNOT_DELETE;
    return STATUS_SUCCESS;
}

static VOID FatFillNewDirent(PFAT_CREATE Create, ULONG Cluster, PFAT_DIRENT Dirent)
{
    LONGLONG Time;

    memset(Dirent, 0, sizeof(*Dirent));
    FatQueryTime(&Time);
    FatTimeToStamp(Time, &Dirent->CreateDate, &Dirent->CreateTime, &Dirent->CreateTenths);
    FatTimeToStamp(Time, &Dirent->WriteDate, &Dirent->WriteTime, NULL);
    Dirent->AccessDate = Dirent->WriteDate;
    Dirent->Attributes =
        Create->Attributes | (Create->Options & FILE_DIRECTORY_FILE ? FAT_ATTR_DIRECTORY : FAT_ATTR_ARCHIVE);
    FatSetDirentCluster(Dirent, Cluster);
}

// Makes the FCB of entries just stored. NULL: no memory.
static PFCB FatMakeNewFcb(PFAT_CREATE Create, PFAT_PLACE Place, const FAT_DIRENT *Dirent)
{
    PFAT_SCAN Scan = ExAllocatePoolZero(NonPagedPool, sizeof(*Scan), TAG_FAT_SCAN);
    PFCB Fcb;

    if (Scan == NULL)
        return NULL;
    Scan->Dirent = *Dirent;
    Scan->FirstOffset = Place->FirstOffset;
    Scan->DirentOffset = Place->FirstOffset + Place->LfnCount * FAT_DIRENT_SIZE;
    if (Place->LfnCount != 0) {
        Scan->LongLength = Create->NameLength;
        memcpy(Scan->Long, Create->Name, Create->NameLength * sizeof(WCHAR));
    }
    Fcb = FatCreateFcb(Create->Vcb, Create->Directory, Scan);
    ExFreePoolWithTag(Scan, TAG_FAT_SCAN);
    return Fcb;
}

// Stores the entries and makes the FCB; both or none.
static NTSTATUS FatStoreNew(PFAT_CREATE Create, ULONG Cluster, PFCB *Fcb)
{
    FAT_PLACE Place;
    FAT_DIRENT Dirent;
    NTSTATUS Status = FatPreparePlace(Create->Directory, Create->Name, Create->NameLength, NULL, &Place);

    if (NT_SUCCESS(Status))
        Status = FatReserveSlots(Create->Directory, &Place);
    if (!NT_SUCCESS(Status))
        return Status;
    FatFillNewDirent(Create, Cluster, &Dirent);
    Status = FatWriteEntries(Create->Directory, Create->Name, Create->NameLength, &Place, &Dirent);
    if (NT_SUCCESS(Status)) {
        *Fcb = FatMakeNewFcb(Create, &Place, &Dirent);
        if (*Fcb == NULL)
            Status = STATUS_INSUFFICIENT_RESOURCES;
    }
    if (!NT_SUCCESS(Status)) // half a name is taken back, whatever of it is there
        IGNORE_STATUS(FatRemoveEntries(Create->Directory, Place.FirstOffset,
                                       Place.FirstOffset + Place.LfnCount * FAT_DIRENT_SIZE));
    return Status;
}

// The file is there, but the open fails all the same: takes it away again.
static VOID FatUndoNew(PFCB Fcb)
{
    IGNORE_STATUS(
        FatRemoveEntries(Fcb->Parent, Fcb->FirstOffset, Fcb->DirentOffset)); // the first error is the one to report
    Fcb->Flags |= FCB_DELETED;
    IGNORE_STATUS(FatTruncateAllocation(Fcb, 0));
}

// Makes and opens the file that Create names in Create->Directory, where there is none.
//
// Vcb->Resource held exclusively. STATUS_OBJECT_NAME_NOT_FOUND if the disposition wants one that exists,
// STATUS_DISK_FULL, STATUS_OBJECT_NAME_INVALID, STATUS_CANNOT_DELETE. A failure leaves no file behind.
NTSTATUS NTAPI FatCreateNew(PFAT_CREATE Create)
{
    BOOLEAN Directory = (Create->Options & FILE_DIRECTORY_FILE) != 0;
    ULONG Cluster = 0;
    PFCB Fcb = NULL;
    NTSTATUS Status = FatCheckNew(Create);

    PAGED_CODE();
    if (!NT_SUCCESS(Status))
        return Status;
    if (Directory)
        Status = FatMakeDirectoryCluster(Create->Directory, &Cluster);
    if (!NT_SUCCESS(Status))
        return Status;
    Status = FatStoreNew(Create, Cluster, &Fcb);
    if (!NT_SUCCESS(Status)) {
        FatLockMeta(Create->Vcb);
        if (Directory)
            FatReturnClusters(Create->Vcb, Cluster, 1);
        FatUnlockMeta(Create->Vcb);
        return Status;
    }
    if (Create->Access & MAXIMUM_ALLOWED)
        Create->Access |= FILE_ALL_ACCESS;
    if (!Directory && Create->Irp->Overlay.AllocationSize.QuadPart != 0)
        Status = FatSetAllocation(Create->File, Fcb, (ULONGLONG)Create->Irp->Overlay.AllocationSize.QuadPart);
    if (NT_SUCCESS(Status))
        Status = FatFinishOpen(Create, Fcb);
    if (!NT_SUCCESS(Status))
        FatUndoNew(Fcb);
    Create->Information = FILE_CREATED;
    return Status;
}
