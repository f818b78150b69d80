// SPDX-License-Identifier: MIT
// Requests: one IRP per disk at a time (IoStartPacket sees to that), one disk per channel at a time (the queue here).

#include "atapi.h"

// Begins the request of the disk that has just got the channel. DISPATCH_LEVEL. Takes CommandLock.
static VOID AtapiStartRequest(PIDE_DISK Disk)
{
    PIO_STACK_LOCATION Stack = IoGetCurrentIrpStackLocation(Disk->Irp);

    KeAcquireSpinLockAtDpcLevel(&Disk->Channel->CommandLock);
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
    KeReleaseSpinLockFromDpcLevel(&Disk->Channel->CommandLock);
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

// Ends the request that owns the channel: the next one of either disk starts, the IRP is completed. DISPATCH_LEVEL, no
// lock held (completion routines may bring new requests).
VOID AtapiFinishRequest(PIDE_DISK Disk, NTSTATUS Status)
{
    PIRP Irp = Disk->Irp;
    ULONG_PTR Information = NT_SUCCESS(Status) && Disk->Mode != TransferNone ? Disk->Length : 0;

    Disk->Irp = NULL;
    AtapiPassChannel(Disk->Channel);
    IoStartNextPacket(Disk->DeviceObject, FALSE);
    DrvCompleteIrp(Irp, Status, Information, IO_DISK_INCREMENT);
}

// A command's bytes have all gone over: starts the next command (STATUS_PENDING), or says that the request is done.
// DISPATCH_LEVEL, CommandLock held.
NTSTATUS AtapiAdvanceRequest(PIDE_DISK Disk)
{
    Disk->Offset += Disk->CommandBytes;
    Disk->Sector += Disk->CommandBytes >> SECTOR_SHIFT;
    if (Disk->Offset >= Disk->Length)
        return STATUS_SUCCESS;
    AtapiStartTransfer(Disk);
    return STATUS_PENDING;
}
