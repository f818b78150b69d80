// SPDX-License-Identifier: MIT
// IRP_MJ_READ: through the cache, around it (FILE_NO_INTERMEDIATE_BUFFERING), and for Mm (paging I/O). Only the last
// two touch the disk; the first copies, and the page fault that this may take comes back as the last.

#include "fat.h"

static NTSTATUS FatZeroMdl(PMDL Mdl, ULONG Offset, ULONG Length)
{
    PUCHAR Va;

    if (Length == 0)
        return STATUS_SUCCESS;
    Va = MmGetSystemAddressForMdl(Mdl);
    if (Va == NULL)
        return STATUS_INSUFFICIENT_RESOURCES;
    memset(Va + Offset, 0, Length);
    return STATUS_SUCCESS;
}

// Reads [Offset, Offset + Length) from the disk into the MDL; zeros behind ValidDataLength, up to ZeroLength bytes of
// the MDL. Offset is sector aligned.
static NTSTATUS FatReadValid(PFCB Fcb, ULONG Offset, ULONG Length, ULONG ZeroLength, PMDL Mdl)
{
    ULONG Sector = Fcb->Vcb->Geometry.BytesPerSector, Valid = FatValidLength(Fcb), Bytes = 0;
    NTSTATUS Status = STATUS_SUCCESS;

    if (Offset < Valid)
        Bytes = min_of(Length, Valid - Offset);
    if (Bytes != 0)
        Status = FatNonCachedTransfer(Fcb, FALSE, Offset, min_of((Bytes + Sector - 1) & ~(Sector - 1), Length), Mdl, 0);
    return NT_SUCCESS(Status) && Bytes < ZeroLength ? FatZeroMdl(Mdl, Bytes, ZeroLength - Bytes) : Status;
}

// A page that comes to memory may have to be written when there is no memory left to follow the chain with: its
// clusters are looked up now, even if the page is behind ValidDataLength and nothing is read.
static NTSTATUS FatKnowClusters(PFCB Fcb, ULONG Offset, ULONG Length)
{
    ULONGLONG Lbo;
    ULONG Bytes;

    return FatMapRange(Fcb, Offset, Length, &Lbo, &Bytes);
}

// A page read. Takes nothing but PagingIoResource: the faulting thread may hold any other lock of ours.
// Information: how many bytes the file has there; Mm zeroes the rest.
static NTSTATUS FatPagingRead(PFCB Fcb, PIRP Irp, ULONGLONG Offset, ULONG Length)
{
    NTSTATUS Status = STATUS_END_OF_FILE;
    ULONG Size, Bytes = 0;

    if ((Offset & (Fcb->Vcb->Geometry.BytesPerSector - 1)) != 0 || Irp->MdlAddress == NULL)
        return STATUS_INVALID_PARAMETER;
    ExAcquireResourceSharedLite(&Fcb->PagingIoResource, TRUE);
    Size = FatFileSize(Fcb);
    if (Offset < Size) {
        Bytes = min_of(Length, Size - (ULONG)Offset);
        Status = FatKnowClusters(Fcb, (ULONG)Offset, Bytes);
        if (NT_SUCCESS(Status))
            Status = FatReadValid(Fcb, (ULONG)Offset, Length, Bytes, Irp->MdlAddress);
    }
    ExReleaseResourceLite(&Fcb->PagingIoResource);
    Irp->IoStatus.Information = NT_SUCCESS(Status) ? Bytes : 0;
    return Status;
}

// An unbuffered read: what the cache has newer goes to the disk first.
static NTSTATUS FatDirectRead(PFCB Fcb, PIRP Irp, ULONG Offset, ULONG Length)
{
    ULONG Sector = Fcb->Vcb->Geometry.BytesPerSector;
    PMDL Mdl;
    NTSTATUS Status;

    if ((Offset | Length) & (Sector - 1))
        return STATUS_INVALID_PARAMETER;
    Status = FatFlushFile(Fcb);
    if (NT_SUCCESS(Status))
        Status = FatLockUserBuffer(Irp, IoWriteAccess, Length, &Mdl);
    if (!NT_SUCCESS(Status))
        return Status;
    ExAcquireResourceSharedLite(&Fcb->PagingIoResource, TRUE);
    Status = FatReadValid(Fcb, Offset, Length, Length, Mdl);
    ExReleaseResourceLite(&Fcb->PagingIoResource);
    FatUnlockUserBuffer(Irp, Mdl);
    Irp->IoStatus.Information = min_of(Length, FatFileSize(Fcb) - Offset);
    return Status;
}

static NTSTATUS FatCachedRead(PFILE_OBJECT File, PFCB Fcb, PIRP Irp, PLARGE_INTEGER Offset, ULONG Length)
{
    volatile NTSTATUS Status = FatInitializeCaching(File, Fcb);
    PVOID Buffer = FatUserBuffer(Irp);

    if (!NT_SUCCESS(Status))
        return Status;
    if (Buffer == NULL)
        return STATUS_INSUFFICIENT_RESOURCES;
    SEH_TRY
    {
        CcCopyRead(File, Offset, Length, TRUE, Buffer, &Irp->IoStatus);
        Status = Irp->IoStatus.Status;
    }
    SEH_EXCEPT
    {
        Status = SEH_CODE();
    }
    SEH_END
    return Status;
}

static NTSTATUS FatReadFile(PFILE_OBJECT File, PFCB Fcb, PIRP Irp, PLARGE_INTEGER Offset, ULONG Length)
{
    ULONG Size = FatFileSize(Fcb);

    if (Offset->QuadPart >= Size)
        return STATUS_END_OF_FILE;
    if (Irp->Flags & IRP_NOCACHE)
        return FatDirectRead(Fcb, Irp, Offset->LowPart, Length);
    return FatCachedRead(File, Fcb, Irp, Offset, min_of(Length, Size - Offset->LowPart));
}

// IRP_MJ_READ. Takes MainResource shared, or for paging I/O PagingIoResource only.
NTSTATUS FatRead(PVCB Vcb, PIRP Irp, PIO_STACK_LOCATION Stack)
{
    PFILE_OBJECT File = Stack->FileObject;
    PFCB Fcb = File->FsContext;
    LARGE_INTEGER Offset = Stack->Parameters.Read.ByteOffset;
    ULONG Length = Stack->Parameters.Read.Length;
    NTSTATUS Status;

    if (Fcb->Header.NodeTypeCode == FAT_NTC_META)
        return FatMetaPagingIo(Vcb, Irp, FALSE, (ULONGLONG)Offset.QuadPart, Length);
    if (Fcb->Header.NodeTypeCode == FAT_NTC_VCB)
        return FatTransferVolume(Vcb, Irp, Stack, FALSE);
    if (FatIsDirectory(Fcb))
        return STATUS_INVALID_DEVICE_REQUEST;
    if (Offset.QuadPart < 0)
        return STATUS_INVALID_PARAMETER;
    if (Length == 0)
        return STATUS_SUCCESS;
    if ((Irp->Flags & IRP_PAGING_IO) && Fcb->PagingMap != NULL)
        return FatPagingFileTransfer(Fcb, Irp, FALSE, (ULONGLONG)Offset.QuadPart, Length);
    if (Irp->Flags & IRP_PAGING_IO)
        return FatPagingRead(Fcb, Irp, (ULONGLONG)Offset.QuadPart, Length);
    ExAcquireResourceSharedLite(&Fcb->MainResource, TRUE);
    if (File->Flags & FO_CLEANUP_COMPLETE)
        Status = STATUS_FILE_CLOSED;
    else
        Status = FatReadFile(File, Fcb, Irp, &Offset, Length);
    ExReleaseResourceLite(&Fcb->MainResource);
    if (NT_SUCCESS(Status) && (File->Flags & FO_SYNCHRONOUS_IO))
        File->CurrentByteOffset.QuadPart = Offset.QuadPart + (LONGLONG)Irp->IoStatus.Information;
    return Status;
}
