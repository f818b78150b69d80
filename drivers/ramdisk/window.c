// SPDX-License-Identifier: MIT
// The window through which the disk's memory is seen. It stays where the last access left it.

#include "ramdisk.h"

static NTSTATUS RamdiskMoveWindow(PRAMDISK Disk, ULONG Offset)
{
    PHYSICAL_ADDRESS Physical;

    if (Disk->Window != NULL && Offset - Disk->WindowOffset < Disk->WindowLength)
        return STATUS_SUCCESS;
    if (Disk->Window != NULL)
        MmUnmapIoSpace(Disk->Window, Disk->WindowLength);
    Disk->WindowOffset = Offset & ~(WINDOW_SIZE - 1);
    Disk->WindowLength = min_of(WINDOW_SIZE, Disk->Length - Disk->WindowOffset);
    Physical.QuadPart = (LONGLONG)(Disk->PhysicalBase + Disk->WindowOffset);
    Disk->Window = MmMapIoSpace(Physical, Disk->WindowLength, MmCached);
    return Disk->Window == NULL ? STATUS_INSUFFICIENT_RESOURCES : STATUS_SUCCESS;
}

// Copies between the disk and a nonpaged buffer; the range lies inside the disk. IRQL <= APC_LEVEL; takes the disk's
// lock.
NTCHECK RamdiskCopy(PRAMDISK Disk, ULONG Offset, PUCHAR Buffer, ULONG Length, BOOLEAN Write)
{
    NTSTATUS Status = STATUS_SUCCESS;

    ExAcquireFastMutex(&Disk->Lock);
    while (Length > 0) {
        PUCHAR Place;
        ULONG Bytes;

        Status = RamdiskMoveWindow(Disk, Offset);
        if (!NT_SUCCESS(Status))
            break;
        Place = (PUCHAR)Disk->Window + (Offset - Disk->WindowOffset);
        Bytes = min_of(Length, Disk->WindowOffset + Disk->WindowLength - Offset);
        if (Write)
            memcpy(Place, Buffer, Bytes);
        else
            memcpy(Buffer, Place, Bytes);
        Offset += Bytes;
        Buffer += Bytes;
        Length -= Bytes;
    }
    ExReleaseFastMutex(&Disk->Lock);
    return Status;
}
