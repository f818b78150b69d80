// SPDX-License-Identifier: MIT
// The cache's own pages for a transfer that somebody else makes (a server's network card): locked, described by one MDL
// for each view that the range touches. The view may go meanwhile; the pages cannot.

#include "ccp.h"

static VOID CcpFreeMdls(PMDL Mdl)
{
    while (Mdl != NULL) {
        PMDL Next = Mdl->Next;

        MmUnlockPages(Mdl);
        IoFreeMdl(Mdl);
        Mdl = Next;
    }
}

static NTSTATUS CcpLockPiece(PVACB Vacb, ULONGLONG Offset, ULONG Length, LOCK_OPERATION Operation, PMDL *Result)
{
    PMDL Mdl = IoAllocateMdl(CcpViewAddress(Vacb, Offset), Length, FALSE, FALSE, NULL);
    volatile NTSTATUS Status = STATUS_SUCCESS;

    if (Mdl == NULL)
        return STATUS_INSUFFICIENT_RESOURCES;
    SEH_TRY_FILTER(CcpFilter, (PVOID)&Status)
    {
        MmProbeAndLockPages(Mdl, KernelMode, Operation);
    }
    SEH_EXCEPT
    {
    }
    SEH_END
    if (!NT_SUCCESS(Status)) {
        IoFreeMdl(Mdl);
        return Status;
    }
    *Result = Mdl;
    return STATUS_SUCCESS;
}

// Appends the range's pages to *Chain (and what is there already stays).
static NTSTATUS CcpLockRange(PSHARED_CACHE_MAP Map, ULONGLONG Offset, ULONG Length, LOCK_OPERATION Operation,
                             PMDL *Chain, PULONG_PTR Done)
{
    PMDL *Link = Chain;
    NTSTATUS Status = STATUS_SUCCESS;

    while (*Link != NULL)
        Link = &(*Link)->Next;
    for (*Done = 0; *Done < Length;) {
        ULONG Piece = (ULONG)min_of(Length - *Done, CcpLeftInView(Offset));
        PVACB Vacb;

        Status = CcpGetView(Map, Offset, &Vacb);
        if (!NT_SUCCESS(Status))
            break;
        Status = CcpLockPiece(Vacb, Offset, Piece, Operation, Link);
        CcpReleaseView(Vacb);
        if (!NT_SUCCESS(Status))
            break;
        Link = &(*Link)->Next;
        Offset += Piece;
        *Done += Piece;
    }
    return Status;
}

static VOID CcpLockOrRaise(PFILE_OBJECT File, PLARGE_INTEGER Offset, ULONG Length, LOCK_OPERATION Operation,
                           PMDL *MdlChain, PIO_STATUS_BLOCK IoStatus)
{
    PSHARED_CACHE_MAP Map = File->SectionObjectPointer->SharedCacheMap;
    PMDL New = NULL, *Link = MdlChain;
    NTSTATUS Status;

    ASSERT(Map != NULL && File->PrivateCacheMap != NULL);
    ASSERT(Offset->QuadPart >= 0 && Offset->QuadPart + Length <= Map->FileSize.QuadPart);
    Status = CcpLockRange(Map, (ULONGLONG)Offset->QuadPart, Length, Operation, &New, &IoStatus->Information);
    if (!NT_SUCCESS(Status)) {
        CcpFreeMdls(New);
        IoStatus->Information = 0;
        ExRaiseStatus(Status);
    }
    while (*Link != NULL)
        Link = &(*Link)->Next;
    *Link = New;
    IoStatus->Status = STATUS_SUCCESS;
}

// Locks the cache's pages of a range for reading. *MdlChain: NULL, or a chain to append to; CcMdlReadComplete ends it.
// Contract otherwise as CcCopyRead's with Wait.
VOID NTAPI CcMdlRead(PFILE_OBJECT File, PLARGE_INTEGER Offset, ULONG Length, PMDL *MdlChain, PIO_STATUS_BLOCK IoStatus)
{
    ULONG Reads = MmGetPageReadCount();

    CcStatistics.MdlReadWait++;
    CcpNoteRead(File->PrivateCacheMap, File, (ULONGLONG)Offset->QuadPart, Length);
    CcpLockOrRaise(File, Offset, Length, IoReadAccess, MdlChain, IoStatus);
    CcStatistics.MdlReadWaitMiss += MmGetPageReadCount() != Reads;
}

// Unlocks what CcMdlRead locked and frees the chain. <= APC_LEVEL.
VOID NTAPI CcMdlReadComplete(PFILE_OBJECT File, PMDL MdlChain)
{
    UNREFERENCED_PARAMETER(File);
    CcpFreeMdls(MdlChain);
}

// Locks the cache's pages of a range, to be filled by somebody. CcMdlWriteComplete or CcMdlWriteAbort ends it.
VOID NTAPI CcPrepareMdlWrite(PFILE_OBJECT File, PLARGE_INTEGER Offset, ULONG Length, PMDL *MdlChain,
                             PIO_STATUS_BLOCK IoStatus)
{
    CcpLockOrRaise(File, Offset, Length, IoWriteAccess, MdlChain, IoStatus);
}

// The pages hold the new data: they are dirty. With FO_WRITE_THROUGH they are written now; raises if that fails.
VOID NTAPI CcMdlWriteComplete(PFILE_OBJECT File, PLARGE_INTEGER Offset, PMDL MdlChain)
{
    PSHARED_CACHE_MAP Map = File->SectionObjectPointer->SharedCacheMap;
    LARGE_INTEGER Start = *Offset;
    ULONG Length = 0;
    IO_STATUS_BLOCK IoStatus = {.Status = STATUS_SUCCESS};

    for (PMDL Mdl = MdlChain; Mdl != NULL; Mdl = Mdl->Next)
        Length += Mdl->ByteCount;
    CcpFreeMdls(MdlChain); // marks the pages modified
    for (ULONG Done = 0, Piece; Done < Length; Done += Piece) {
        ULONGLONG Position = (ULONGLONG)Start.QuadPart + Done;
        PVACB Vacb;

        Piece = min_of(Length - Done, CcpLeftInView(Position));
        if (NT_SUCCESS(CcpGetView(Map, Position, &Vacb))) { // without a view Mm writes them itself
            CcpMarkDirty(Vacb, Position, Piece);
            CcpReleaseView(Vacb);
        }
    }
    if (File->Flags & FO_WRITE_THROUGH)
        CcFlushCache(Map->Pointers, &Start, Length, &IoStatus);
    if (!NT_SUCCESS(IoStatus.Status))
        ExRaiseStatus(IoStatus.Status);
}

// The transfer did not happen: unlocks the pages, which keep what they had.
VOID NTAPI CcMdlWriteAbort(PFILE_OBJECT File, PMDL MdlChain)
{
    UNREFERENCED_PARAMETER(File);
    CcpFreeMdls(MdlChain);
}
