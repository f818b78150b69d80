// SPDX-License-Identifier: MIT
// Fast I/O: NtReadFile and NtWriteFile of a file that is cached already, as a copy and no IRP. FALSE sends the caller
// the long way; nothing was done then. Also the locks that Cc asks for before it writes behind our back.

#include "fat.h"

// Says whether FatFastIoRead or FatFastIoWrite would do a transfer. Any lock state.
BOOLEAN NTAPI FatFastIoCheckIfPossible(PFILE_OBJECT File, PLARGE_INTEGER Offset, ULONG Length, BOOLEAN Wait, ULONG Key,
                                       BOOLEAN CheckForRead, PIO_STATUS_BLOCK IoStatus, PDEVICE_OBJECT Device)
{
    PFCB Fcb = File->FsContext;

    UNREFERENCED_PARAMETER(Key);
    UNREFERENCED_PARAMETER(IoStatus);
    UNREFERENCED_PARAMETER(Device);
    if (!Wait || File->PrivateCacheMap == NULL || !Fcb->Header.IsFastIoPossible || Offset->QuadPart < 0)
        return FALSE;
    return CheckForRead || Offset->QuadPart + Length <= FatValidLength(Fcb);
}

// Copies from the cache. Takes MainResource shared.
//
// Buffer: may be a user address, probed by the caller.   PASSIVE_LEVEL.
// TRUE: IoStatus has the outcome (STATUS_END_OF_FILE too). FALSE: not cached, or the copy failed; take the long way.
BOOLEAN NTAPI FatFastIoRead(PFILE_OBJECT File, PLARGE_INTEGER Offset, ULONG Length, BOOLEAN Wait, ULONG Key,
                            PVOID Buffer, PIO_STATUS_BLOCK IoStatus, PDEVICE_OBJECT Device)
{
    PFCB Fcb = File->FsContext;
    volatile BOOLEAN Done = TRUE;
    ULONG Size;

    UNREFERENCED_PARAMETER(Key);
    UNREFERENCED_PARAMETER(Device);
    if (!Wait || File->PrivateCacheMap == NULL || !Fcb->Header.IsFastIoPossible || Offset->QuadPart < 0)
        return FALSE;
    KeEnterCriticalRegion();
    ExAcquireResourceSharedLite(&Fcb->MainResource, TRUE);
    Size = FatFileSize(Fcb);
    IoStatus->Information = 0;
    if (File->PrivateCacheMap == NULL) { // the cleanup of the last handle came in between
        Done = FALSE;
    } else if (Length == 0) {
        IoStatus->Status = STATUS_SUCCESS;
    } else if (Offset->QuadPart >= Size) {
        IoStatus->Status = STATUS_END_OF_FILE;
    } else {
        SEH_TRY
        {
            CcCopyRead(File, Offset, min_of(Length, Size - Offset->LowPart), TRUE, Buffer, IoStatus);
        }
        SEH_EXCEPT
        {
            Done = FALSE;
        }
        SEH_END
    }
    ExReleaseResourceLite(&Fcb->MainResource);
    KeLeaveCriticalRegion();
    return Done;
}

// Copies to the cache where the file has valid data already; anything that moves a size goes the long way.
// Takes MainResource shared. Contract otherwise as FatFastIoRead's.
BOOLEAN NTAPI FatFastIoWrite(PFILE_OBJECT File, PLARGE_INTEGER Offset, ULONG Length, BOOLEAN Wait, ULONG Key,
                             PVOID Buffer, PIO_STATUS_BLOCK IoStatus, PDEVICE_OBJECT Device)
{
    PFCB Fcb = File->FsContext;
    volatile BOOLEAN Done = FALSE;

    if (Length == 0 || (File->Flags & FO_WRITE_THROUGH) ||
        !FatFastIoCheckIfPossible(File, Offset, Length, Wait, Key, FALSE, IoStatus, Device) ||
        !CcCanIWrite(File, Length, FALSE, FALSE))
        return FALSE;
    KeEnterCriticalRegion();
    ExAcquireResourceSharedLite(&Fcb->MainResource, TRUE);
    if (File->PrivateCacheMap != NULL && Offset->QuadPart + Length <= FatValidLength(Fcb)) {
        SEH_TRY
        {
            CcCopyWrite(File, Offset, Length, TRUE, Buffer);
            Done = TRUE;
        }
        SEH_EXCEPT
        {
            Done = FALSE;
        }
        SEH_END
    }
    if (Done) {
        IoSetFileFlags(File, FO_FILE_MODIFIED);
        IoStatus->Status = STATUS_SUCCESS;
        IoStatus->Information = Length;
    }
    ExReleaseResourceLite(&Fcb->MainResource);
    KeLeaveCriticalRegion();
    return Done;
}

// Cc is about to flush or read ahead: keeps the file's sizes as they are meanwhile. Context: the FCB.
BOOLEAN NTAPI FatAcquireForCache(PVOID Context, BOOLEAN Wait)
{
    PFCB Fcb = Context;

    KeEnterCriticalRegion();
    if (ExAcquireResourceSharedLite(&Fcb->MainResource, Wait))
        return TRUE;
    KeLeaveCriticalRegion();
    return FALSE;
}

VOID NTAPI FatReleaseFromCache(PVOID Context)
{
    PFCB Fcb = Context;

    ExReleaseResourceLite(&Fcb->MainResource);
    KeLeaveCriticalRegion();
}
