// SPDX-License-Identifier: MIT
// Requests: one IRP per disk at a time (IoStartPacket sees to that), one disk per channel at a time (the queue here).

#include "atapi.h"

// Begins the request of the disk that has just got the channel. DISPATCH_LEVEL.
static VOID AtapiStartRequest(PIDE_DISK Disk)
{
    PIO_STACK_LOCATION Stack = IoGetCurrentIrpStackLocation(Disk->Irp);

    if (Stack->MajorFunction == IRP_MJ_READ || Stack->MajorFunction == IRP_MJ_WRITE) {
        Disk->Write = Stack->MajorFunction == IRP_MJ_WRITE;
        Disk->Sector = (ULONGLONG)Stack->Parameters.Read.ByteOffset.QuadPart >> SECTOR_SHIFT;
        Disk->Length = Stack->Parameters.Read.Length;
        Disk->Offset = 0;
        Disk->PioBuffer = NULL;
        AtapiStartTransfer(Disk);
    } else {
        AtapiStartFlush(Disk);
    }
}

// The I/O manager's next IRP for a disk. DISPATCH_LEVEL. Takes the channel's lock.
VOID NTAPI AtapiStartIo(PDEVICE_OBJECT Device, PIRP Irp)
{
    PIDE_DISK Disk = Device->DeviceExtension;
    PIDE_CHANNEL Channel = Disk->Channel;
    BOOLEAN Mine;

    Disk->Irp = Irp;
    KeAcquireSpinLockAtDpcLevel(&Channel->Lock);
    Mine = Channel->ActiveDisk == NULL;
    if (Mine)
        Channel->ActiveDisk = Disk;
    else
        InsertTailList(&Channel->WaitingDisks, &Disk->WaitEntry);
    KeReleaseSpinLockFromDpcLevel(&Channel->Lock);
    if (Mine)
        AtapiStartRequest(Disk);
}

// Gives the channel to the disk that waits for it.
static VOID AtapiPassChannel(PIDE_CHANNEL Channel)
{
    PIDE_DISK Next = NULL;

    KeAcquireSpinLockAtDpcLevel(&Channel->Lock);
    if (!IsListEmpty(&Channel->WaitingDisks))
        Next = CONTAINING_RECORD(RemoveHeadList(&Channel->WaitingDisks), IDE_DISK, WaitEntry);
    Channel->ActiveDisk = Next;
    KeReleaseSpinLockFromDpcLevel(&Channel->Lock);
    if (Next != NULL)
        AtapiStartRequest(Next);
}

// Ends the request that owns the channel: the next one of either disk starts, the IRP is completed. DISPATCH_LEVEL.
VOID AtapiFinishRequest(PIDE_DISK Disk, NTSTATUS Status)
{
    PIRP Irp = Disk->Irp;
    ULONG_PTR Information = NT_SUCCESS(Status) && Disk->Mode != TransferNone ? Disk->Length : 0;

    Disk->Irp = NULL;
    AtapiPassChannel(Disk->Channel);
    IoStartNextPacket(Disk->DeviceObject, FALSE);
    DrvCompleteIrp(Irp, Status, Information, IO_DISK_INCREMENT);
}

// A command's bytes have all gone over: the next command, or the end. DISPATCH_LEVEL.
VOID AtapiAdvanceRequest(PIDE_DISK Disk)
{
    Disk->Offset += Disk->CommandBytes;
    Disk->Sector += Disk->CommandBytes >> SECTOR_SHIFT;
    if (Disk->Offset < Disk->Length)
        AtapiStartTransfer(Disk);
    else
        AtapiFinishRequest(Disk, STATUS_SUCCESS);
}
