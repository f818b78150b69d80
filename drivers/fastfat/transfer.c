// SPDX-License-Identifier: MIT
// File data straight from and to the disk: paging I/O, unbuffered I/O, zeroing. A byte range is cut into runs of
// clusters, one transfer each. No lock is taken here but MetaResource, for the translation.

#include "fat.h"

#define FAT_ZERO_PIECE 0x8000u

// Moves Length bytes between the file at Offset and the MDL's locked pages, from byte MdlOffset on.
//
// Offset, Length: multiples of the sector size, inside the file's allocation. The caller holds MainResource or
// PagingIoResource, so that the allocation stays.   <= APC_LEVEL. The disk's status, or STATUS_FILE_CORRUPT_ERROR.
NTSTATUS NTAPI FatNonCachedTransfer(PFCB Fcb, BOOLEAN Write, ULONG Offset, ULONG Length, PMDL Mdl, ULONG MdlOffset)
{
    while (Length != 0) {
        ULONGLONG Lbo;
        ULONG Bytes;
        NTSTATUS Status = FatMapRange(Fcb, Offset, Length, &Lbo, &Bytes);

        if (NT_SUCCESS(Status))
            Status = FatTransferMdl(Fcb->Vcb->Target, Write, Lbo, Mdl, MdlOffset, Bytes);
        if (!NT_SUCCESS(Status))
            return Status;
        Offset += Bytes;
        MdlOffset += Bytes;
        Length -= Bytes;
    }
    return STATUS_SUCCESS;
}

// Zeroes the part of a sector from Offset to the sector's end, or End.
static NTSTATUS FatZeroPartSector(PFCB Fcb, ULONG Offset, ULONG End, PUCHAR Buffer)
{
    ULONG Sector = Fcb->Vcb->Geometry.BytesPerSector, Start = Offset & ~(Sector - 1), Bytes;
    ULONGLONG Lbo;
    NTSTATUS Status = FatMapRange(Fcb, Start, Sector, &Lbo, &Bytes);

    if (NT_SUCCESS(Status))
        Status = FatTransferBuffer(Fcb->Vcb, FALSE, Lbo, Buffer, Sector);
    if (!NT_SUCCESS(Status))
        return Status;
    memset(Buffer + (Offset - Start), 0, min_of(End - Start, Sector) - (Offset - Start));
    return FatTransferBuffer(Fcb->Vcb, TRUE, Lbo, Buffer, Sector);
}

static NTSTATUS FatZeroSectors(PFCB Fcb, ULONG Start, ULONG End, PUCHAR Buffer)
{
    ULONG Sector = Fcb->Vcb->Geometry.BytesPerSector;

    memset(Buffer, 0, FAT_ZERO_PIECE);
    while (Start < End) {
        ULONG Length = (min_of(End - Start, FAT_ZERO_PIECE) + Sector - 1) & ~(Sector - 1), Bytes;
        ULONGLONG Lbo;
        NTSTATUS Status = FatMapRange(Fcb, Start, Length, &Lbo, &Bytes);

        if (NT_SUCCESS(Status))
            Status = FatTransferBuffer(Fcb->Vcb, TRUE, Lbo, Buffer, Bytes);
        if (!NT_SUCCESS(Status))
            return Status;
        Start = Bytes > End - Start ? End : Start + Bytes;
    }
    return STATUS_SUCCESS;
}

// Writes zeros to [Start, End) of the file's allocation on the disk; the last sector is zeroed to its end.
//
// PagingIoResource held exclusively. <= APC_LEVEL. What the cache has of the range is zero already or newer
// (README.md).
NTSTATUS NTAPI FatZeroOnDisk(PFCB Fcb, ULONG Start, ULONG End)
{
    ULONG Sector = Fcb->Vcb->Geometry.BytesPerSector, Whole = (Start + Sector - 1) & ~(Sector - 1);
    PUCHAR Buffer;
    NTSTATUS Status = STATUS_SUCCESS;

    if (Start >= End)
        return STATUS_SUCCESS;
    Buffer = ExAllocatePoolWithTag(NonPagedPool, FAT_ZERO_PIECE, TAG_FAT_BLOCK);
    if (Buffer == NULL)
        return STATUS_INSUFFICIENT_RESOURCES;
    if (Whole != Start)
        Status = FatZeroPartSector(Fcb, Start, End, Buffer);
    if (NT_SUCCESS(Status) && Whole >= Start && Whole < End)
        Status = FatZeroSectors(Fcb, Whole, End, Buffer);
    ExFreePoolWithTag(Buffer, TAG_FAT_BLOCK);
    return Status;
}

// Gives the MDL of a request's buffer, locking the caller's buffer if Io did not. FatUnlockUserBuffer undoes it.
// PASSIVE_LEVEL, caller's thread. Fails with the exception's code, or STATUS_INSUFFICIENT_RESOURCES.
NTSTATUS NTAPI FatLockUserBuffer(PIRP Irp, LOCK_OPERATION Operation, ULONG Length, PMDL *Mdl)
{
    volatile NTSTATUS Status = STATUS_SUCCESS;
    PMDL New;

    *Mdl = Irp->MdlAddress;
    if (*Mdl != NULL)
        return STATUS_SUCCESS;
    New = IoAllocateMdl(Irp->UserBuffer, Length, FALSE, FALSE, NULL);
    if (New == NULL)
        return STATUS_INSUFFICIENT_RESOURCES;
    SEH_TRY
    {
        MmProbeAndLockPages(New, Irp->RequestorMode, Operation);
    }
    SEH_EXCEPT
    {
        Status = SEH_CODE();
    }
    SEH_END
    if (!NT_SUCCESS(Status)) {
        IoFreeMdl(New);
        return Status;
    }
    *Mdl = New;
    return STATUS_SUCCESS;
}

VOID FatUnlockUserBuffer(PIRP Irp, PMDL Mdl)
{
    if (Mdl == Irp->MdlAddress)
        return;
    MmUnlockPages(Mdl);
    IoFreeMdl(Mdl);
}

// The address of a request's buffer. A user address must be touched inside SEH_TRY. NULL: no system PTEs for the MDL.
PVOID FatUserBuffer(PIRP Irp)
{
    if (Irp->MdlAddress != NULL)
        return MmGetSystemAddressForMdl(Irp->MdlAddress);
    if (Irp->Flags & IRP_BUFFERED_IO)
        return Irp->AssociatedIrp.SystemBuffer;
    return Irp->UserBuffer;
}
