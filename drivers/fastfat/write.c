// SPDX-License-Identifier: MIT
// IRP_MJ_WRITE, in the same three forms as reading. Only cached and unbuffered writes move the file's end; a paging
// write is cut at the end, and may move ValidDataLength (a mapped page behind it came to be written).

#include "fat.h"

#define FAT_SMALL_GAP 0x10000u

static NTSTATUS FatWritePages(PFCB Fcb, PMDL Mdl, ULONG Offset, ULONG Length, BOOLEAN Exclusive)
{
    ULONG Sector = Fcb->Vcb->Geometry.BytesPerSector, Size = FatFileSize(Fcb), Bytes;
    NTSTATUS Status = STATUS_SUCCESS;

    if (Offset >= Size) // cut off since: the pages have no place any more
        return STATUS_SUCCESS;
    Bytes = min_of(Length, Size - Offset);
    if (Exclusive && Offset > FatValidLength(Fcb))
        Status = FatZeroOnDisk(Fcb, FatValidLength(Fcb), Offset);
    if (NT_SUCCESS(Status))
        Status = FatNonCachedTransfer(Fcb, TRUE, Offset, min_of((Bytes + Sector - 1) & ~(Sector - 1), Length), Mdl, 0);
    if (NT_SUCCESS(Status) && Exclusive)
        FatNoteWritten(Fcb, Offset + Bytes);
    return Status;
}

static BOOLEAN FatMovesValidLength(PFCB Fcb, ULONGLONG End)
{
    return End > FatValidLength(Fcb) && FatValidLength(Fcb) < FatFileSize(Fcb);
}

// Takes PagingIoResource shared, or exclusively if a write up to End will move ValidDataLength. Returns which.
static BOOLEAN FatAcquireForPageWrite(PFCB Fcb, ULONGLONG End)
{
    if (!FatMovesValidLength(Fcb, End)) {
        ExAcquireResourceSharedLite(&Fcb->PagingIoResource, TRUE);
        if (!FatMovesValidLength(Fcb, End))
            return FALSE;
        ExReleaseResourceLite(&Fcb->PagingIoResource);
    }
    ExAcquireResourceExclusiveLite(&Fcb->PagingIoResource, TRUE);
    return TRUE;
}

// A page write. PagingIoResource shared, or exclusive where ValidDataLength has to move; no other lock but
// MetaResource.
static NTSTATUS FatPagingWrite(PFCB Fcb, PIRP Irp, ULONGLONG Offset, ULONG Length)
{
    NTSTATUS Status = STATUS_SUCCESS;

    if ((Offset & (Fcb->Vcb->Geometry.BytesPerSector - 1)) != 0 || Irp->MdlAddress == NULL)
        return STATUS_INVALID_PARAMETER;
    if (Offset < MAXULONG) {
        BOOLEAN Exclusive = FatAcquireForPageWrite(Fcb, Offset + Length);

        Status = FatWritePages(Fcb, Irp->MdlAddress, (ULONG)Offset, Length, Exclusive);
        ExReleaseResourceLite(&Fcb->PagingIoResource);
    }
    Irp->IoStatus.Information = NT_SUCCESS(Status) ? Length : 0;
    return Status;
}

static NTSTATUS FatCopyToCache(PFILE_OBJECT File, PFCB Fcb, PIRP Irp, ULONG Offset, ULONG Length)
{
    LARGE_INTEGER Start = {.QuadPart = Offset};
    volatile NTSTATUS Status = STATUS_SUCCESS;
    PVOID Buffer = FatUserBuffer(Irp);

    if (Buffer == NULL)
        return STATUS_INSUFFICIENT_RESOURCES;
    SEH_TRY
    {
        CcCopyWrite(File, &Start, Length, TRUE, Buffer);
    }
    SEH_EXCEPT
    {
        Status = SEH_CODE();
    }
    SEH_END
    if (!NT_SUCCESS(Status))
        return Status;
    FatNoteWritten(Fcb, Offset + Length);
    if (!(File->Flags & FO_WRITE_THROUGH))
        return STATUS_SUCCESS;
    Status = FatFlushMeta(Fcb->Vcb); // Cc has written the data
    return NT_SUCCESS(Status) ? FatFlushDevice(Fcb->Vcb->Target) : Status;
}

// A cached write leaves a gap behind ValidDataLength. One that begins at the old end of the file is zeroed in the cache
// if it is small. Others are zeroed on the disk: a view may have written to pages there that are in memory only.
static NTSTATUS FatFillGap(PFILE_OBJECT File, PFCB Fcb, ULONG OldSize, ULONG End)
{
    LARGE_INTEGER Start = {.QuadPart = FatValidLength(Fcb)}, Stop = {.QuadPart = End};
    volatile NTSTATUS Status = STATUS_SUCCESS;

    if (End <= Start.LowPart)
        return STATUS_SUCCESS;
    if (Start.LowPart < OldSize || End - Start.LowPart > FAT_SMALL_GAP)
        return FatZeroTo(Fcb, End);
    SEH_TRY
    {
        CcZeroData(File, &Start, &Stop, TRUE);
    }
    SEH_EXCEPT
    {
        Status = SEH_CODE();
    }
    SEH_END
    if (NT_SUCCESS(Status))
        FatNoteWritten(Fcb, End);
    return Status;
}

static NTSTATUS FatWriteLocked(PFCB Fcb, PIRP Irp, ULONG Offset, ULONG Length)
{
    PMDL Mdl;
    NTSTATUS Status = FatLockUserBuffer(Irp, IoReadAccess, Length, &Mdl);

    if (!NT_SUCCESS(Status))
        return Status;
    ExAcquireResourceSharedLite(&Fcb->PagingIoResource, TRUE);
    Status = FatNonCachedTransfer(Fcb, TRUE, Offset, Length, Mdl, 0);
    ExReleaseResourceLite(&Fcb->PagingIoResource);
    FatUnlockUserBuffer(Irp, Mdl);
    if (NT_SUCCESS(Status))
        FatNoteWritten(Fcb, Offset + Length);
    return Status;
}

// A view keeps the range's pages: the write goes through them to the disk, so that all agree.
static NTSTATUS FatWriteThrough(PFILE_OBJECT File, PFCB Fcb, PIRP Irp, ULONG Offset, ULONG Length)
{
    LARGE_INTEGER Start = {.QuadPart = Offset};
    IO_STATUS_BLOCK IoStatus;
    NTSTATUS Status = FatInitializeCaching(File, Fcb);

    if (NT_SUCCESS(Status))
        Status = FatCopyToCache(File, Fcb, Irp, Offset, Length);
    if (!NT_SUCCESS(Status))
        return Status;
    CcFlushCache(&Fcb->Section, &Start, Length, &IoStatus);
    return IoStatus.Status;
}

// An unbuffered write: the cache's pages of the range are written and dropped first, so that nobody sees old data.
static NTSTATUS FatDirectWrite(PFILE_OBJECT File, PFCB Fcb, PIRP Irp, ULONG Offset, ULONG Length)
{
    LARGE_INTEGER Start = {.QuadPart = Offset & ~(PAGE_SIZE - 1)};
    ULONG Span = ((Offset + Length + PAGE_SIZE - 1) & ~(PAGE_SIZE - 1)) - Start.LowPart;
    NTSTATUS Status = FatFlushFile(Fcb);

    if (!NT_SUCCESS(Status))
        return Status;
    if (Fcb->Section.DataSectionObject != NULL && !CcPurgeCacheSection(&Fcb->Section, &Start, Span, FALSE))
        return FatWriteThrough(File, Fcb, Irp, Offset, Length);
    return FatWriteLocked(Fcb, Irp, Offset, Length);
}

// MainResource held exclusively. A failed write that had extended the file cuts it again.
static NTSTATUS FatWriteFile(PFILE_OBJECT File, PFCB Fcb, PIRP Irp, ULONGLONG Offset, ULONG Length)
{
    ULONG OldSize = FatFileSize(Fcb);
    ULONGLONG End = Offset + Length;
    BOOLEAN Direct = (Irp->Flags & IRP_NOCACHE) != 0;
    NTSTATUS Status = STATUS_SUCCESS;

    if (End > MAXULONG)
        return STATUS_DISK_FULL; // no FAT file is larger
    if (Direct && ((ULONG)Offset | Length) & (Fcb->Vcb->Geometry.BytesPerSector - 1))
        return STATUS_INVALID_PARAMETER;
    if (!Direct)
        Status = FatInitializeCaching(File, Fcb);
    if (NT_SUCCESS(Status) && End > OldSize)
        Status = FatExtendFile(File, Fcb, (ULONG)End);
    if (!NT_SUCCESS(Status))
        return Status;
    Status = Direct ? FatZeroTo(Fcb, (ULONG)Offset) : FatFillGap(File, Fcb, OldSize, (ULONG)Offset);
    if (NT_SUCCESS(Status))
        Status = Direct ? FatDirectWrite(File, Fcb, Irp, (ULONG)Offset, Length)
                        : FatCopyToCache(File, Fcb, Irp, (ULONG)Offset, Length);
    if (!NT_SUCCESS(Status) && End > OldSize)
        IGNORE_STATUS(FatTruncateFile(File, Fcb, OldSize)); // a view in the way: the file stays longer, with zeros
    if (NT_SUCCESS(Status)) {
        Irp->IoStatus.Information = Length;
        IoSetFileFlags(File, FO_FILE_MODIFIED);
    }
    return Status;
}

// IRP_MJ_WRITE. Takes MainResource exclusively, or for paging I/O PagingIoResource only.
NTSTATUS FatWrite(PVCB Vcb, PIRP Irp, PIO_STACK_LOCATION Stack)
{
    PFILE_OBJECT File = Stack->FileObject;
    PFCB Fcb = File->FsContext;
    LARGE_INTEGER Offset = Stack->Parameters.Write.ByteOffset;
    ULONG Length = Stack->Parameters.Write.Length;
    BOOLEAN ToEnd = Offset.HighPart == -1 && Offset.LowPart == FILE_WRITE_TO_END_OF_FILE;
    NTSTATUS Status;

    if (Fcb->Header.NodeTypeCode == FAT_NTC_META)
        return FatMetaPagingIo(Vcb, Irp, TRUE, (ULONGLONG)Offset.QuadPart, Length);
    if (Fcb->Header.NodeTypeCode == FAT_NTC_VCB)
        return FatTransferVolume(Vcb, Irp, Stack, TRUE);
    if (FatIsDirectory(Fcb))
        return STATUS_INVALID_DEVICE_REQUEST;
    if (Offset.QuadPart < 0 && !ToEnd)
        return STATUS_INVALID_PARAMETER;
    if (Length == 0)
        return STATUS_SUCCESS;
    if ((Irp->Flags & IRP_PAGING_IO) && Fcb->PagingMap != NULL)
        return FatPagingFileTransfer(Fcb, Irp, TRUE, (ULONGLONG)Offset.QuadPart, Length);
    if (Irp->Flags & IRP_PAGING_IO)
        return FatPagingWrite(Fcb, Irp, (ULONGLONG)Offset.QuadPart, Length);
    if (!(Irp->Flags & IRP_NOCACHE))
        CcCanIWrite(File, Length, TRUE, FALSE); // waits without a lock
    if (!ExAcquireRundownProtection(&Vcb->Writes))
        return STATUS_TOO_LATE; // the system shuts down
    ExAcquireResourceExclusiveLite(&Fcb->MainResource, TRUE);
    if (ToEnd)
        Offset.QuadPart = FatFileSize(Fcb);
    if (File->Flags & FO_CLEANUP_COMPLETE)
        Status = STATUS_FILE_CLOSED;
    else
        Status = FatWriteFile(File, Fcb, Irp, (ULONGLONG)Offset.QuadPart, Length);
    ExReleaseResourceLite(&Fcb->MainResource);
    ExReleaseRundownProtection(&Vcb->Writes);
    if (NT_SUCCESS(Status) && (File->Flags & FO_SYNCHRONOUS_IO))
        File->CurrentByteOffset.QuadPart = Offset.QuadPart + Length;
    return Status;
}
