// SPDX-License-Identifier: MIT
// A command's end: the interrupt service routine takes the status off the hardware, the DPC goes on with the request. A
// watchdog gives up on a command whose interrupt does not come.

#include "atapi.h"

#define LOST_INTERRUPT_SECONDS 10
#define STUCK_COMMAND_SECONDS 600

// Takes the result of the command off the hardware, which takes its interrupt request away too.
static VOID AtapiTakeStatus(PIDE_CHANNEL Channel, UCHAR BusMasterStatus)
{
    UCHAR Status;

    if (Channel->BusMasterBase != 0) {
        WRITE_PORT_UCHAR(Channel->BusMasterBase + BM_COMMAND, 0);
        WRITE_PORT_UCHAR(Channel->BusMasterBase + BM_STATUS, BusMasterStatus);
    }
    Status = READ_PORT_UCHAR(Channel->CommandBase + ATA_STATUS);
    if (Channel->Expecting) { // else nobody asked, and the DPC may still be looking at the last command's result
        Channel->Status = Status;
        Channel->BusMasterStatus = BusMasterStatus;
        Channel->Expecting = FALSE;
        KeInsertQueueDpc(&Channel->Dpc, NULL, NULL);
    }
}

static UCHAR AtapiBusMasterStatus(PIDE_CHANNEL Channel)
{
    return Channel->BusMasterBase == 0 ? 0 : READ_PORT_UCHAR(Channel->BusMasterBase + BM_STATUS);
}

// Ours if the bus master says so (or, without one, if no command is running any more). Device IRQL.
BOOLEAN NTAPI AtapiInterrupt(PKINTERRUPT Interrupt, PVOID Context)
{
    PIDE_CHANNEL Channel = Context;
    UCHAR BusMasterStatus = AtapiBusMasterStatus(Channel);

    UNREFERENCED_PARAMETER(Interrupt);
    if (Channel->BusMasterBase != 0 ? !(BusMasterStatus & BM_STATUS_INTERRUPT)
                                    : (READ_PORT_UCHAR(Channel->ControlPort) & STATUS_BSY))
        return FALSE;
    AtapiTakeStatus(Channel, BusMasterStatus);
    return TRUE;
}

// A sector of a PIO command is there, or wanted. The request's status, or STATUS_PENDING.
static NTSTATUS AtapiContinuePio(PIDE_DISK Disk)
{
    PIDE_CHANNEL Channel = Disk->Channel;
    PUCHAR Buffer = Disk->PioBuffer + Disk->Offset + Disk->CommandOffset;

    if (Disk->Write && Disk->CommandOffset == Disk->CommandBytes) {
        return AtapiAdvanceRequest(Disk);
    }
    if (!(Channel->Status & STATUS_DRQ))
        return STATUS_IO_DEVICE_ERROR;
    Disk->CommandOffset += SECTOR_SIZE;
    // The next interrupt may come with the last word.
    Channel->CommandAge = 0;
    Channel->Expecting = Disk->Write || Disk->CommandOffset < Disk->CommandBytes;
    if (Disk->Write)
        AtapiWriteData(Channel, Buffer);
    else
        AtapiReadData(Channel, Buffer);
    AtapiSettle(Channel);
    return !Disk->Write && Disk->CommandOffset == Disk->CommandBytes ? AtapiAdvanceRequest(Disk) : STATUS_PENDING;
}

// Checks the command that has ended and starts what comes next of its request. The request's status, or STATUS_PENDING.
// CommandLock held.
static NTSTATUS AtapiTakeResult(PIDE_CHANNEL Channel, PIDE_DISK Disk)
{
    if (Channel->Status & (STATUS_ERR | STATUS_DF) || Channel->BusMasterStatus & BM_STATUS_ERROR)
        return STATUS_IO_DEVICE_ERROR;
    if (Disk->Mode == TransferDma)
        return AtapiAdvanceRequest(Disk);
    return Disk->Mode == TransferPio ? AtapiContinuePio(Disk) : STATUS_SUCCESS;
}

// After the interrupt. DISPATCH_LEVEL. Takes CommandLock.
VOID NTAPI AtapiDpc(PKDPC Dpc, PVOID Context, PVOID SystemArgument1, PVOID SystemArgument2)
{
    PIDE_CHANNEL Channel = Context;
    PIDE_DISK Disk;
    NTSTATUS Status = STATUS_PENDING;

    UNREFERENCED_PARAMETER(Dpc);
    UNREFERENCED_PARAMETER(SystemArgument1);
    UNREFERENCED_PARAMETER(SystemArgument2);
    KeAcquireSpinLockAtDpcLevel(&Channel->CommandLock);
    Disk = Channel->ActiveDisk; // the command's: nobody passes the channel on before its result is taken
    if (Disk != NULL)
        Status = AtapiTakeResult(Channel, Disk);
    KeReleaseSpinLockFromDpcLevel(&Channel->CommandLock);
    if (Status != STATUS_PENDING)
        AtapiFinishRequest(Disk, Status);
}

// With the interrupt locked out, every second. A command that has ended but whose interrupt was lost is taken as if it
// had come. TRUE: the disk is stuck, and the command is no longer expected.
//
// The two times differ because a guest whose clock is virtual may see minutes go by while the host reads a sector.
static BOOLEAN NTAPI AtapiCheckCommand(PVOID Context)
{
    PIDE_CHANNEL Channel = Context;
    UCHAR BusMasterStatus;

    if (!Channel->Expecting || ++Channel->CommandAge < LOST_INTERRUPT_SECONDS)
        return FALSE;
    BusMasterStatus = AtapiBusMasterStatus(Channel);
    if (!(READ_PORT_UCHAR(Channel->ControlPort) & STATUS_BSY) && !(BusMasterStatus & BM_STATUS_ACTIVE)) {
        AtapiTakeStatus(Channel, BusMasterStatus);
        return FALSE;
    }
    if (Channel->CommandAge < STUCK_COMMAND_SECONDS)
        return FALSE;
    Channel->Expecting = FALSE;
    return TRUE;
}

// Every second. DISPATCH_LEVEL.
VOID NTAPI AtapiWatchdog(PKDPC Dpc, PVOID Context, PVOID SystemArgument1, PVOID SystemArgument2)
{
    PIDE_CHANNEL Channel = Context;

    UNREFERENCED_PARAMETER(Dpc);
    UNREFERENCED_PARAMETER(SystemArgument1);
    UNREFERENCED_PARAMETER(SystemArgument2);
    if (!KeSynchronizeExecution(Channel->Interrupt, AtapiCheckCommand, Channel))
        return;
    DbgPrint("ATAPI: disk %lu does not answer, resetting its channel\n", Channel->ActiveDisk->DiskNumber);
    KeAcquireSpinLockAtDpcLevel(&Channel->CommandLock);
    AtapiResetChannel(Channel);
    KeReleaseSpinLockFromDpcLevel(&Channel->CommandLock);
    AtapiFinishRequest(Channel->ActiveDisk, STATUS_IO_DEVICE_ERROR);
}
