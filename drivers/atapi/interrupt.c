// SPDX-License-Identifier: MIT
// A command's end: the interrupt service routine takes the status off the hardware, the DPC goes on with the request. A
// watchdog gives up on a command whose interrupt does not come.

#include "atapi.h"

#define LOST_INTERRUPT_SECONDS 10
#define STUCK_COMMAND_SECONDS 600

// Takes the result of the command off the hardware, which takes its interrupt request away too.
static VOID AtapiTakeStatus(PIDE_CHANNEL Channel, UCHAR BusMasterStatus)
{
    if (Channel->BusMasterBase != 0) {
        WRITE_PORT_UCHAR(Channel->BusMasterBase + BM_COMMAND, 0);
        WRITE_PORT_UCHAR(Channel->BusMasterBase + BM_STATUS, BusMasterStatus);
    }
    Channel->Status = READ_PORT_UCHAR(Channel->CommandBase + ATA_STATUS);
    Channel->BusMasterStatus = BusMasterStatus;
    if (Channel->Expecting) {
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

// A sector of a PIO command is there, or wanted.
static VOID AtapiContinuePio(PIDE_DISK Disk)
{
    PIDE_CHANNEL Channel = Disk->Channel;
    PUCHAR Buffer = Disk->PioBuffer + Disk->Offset + Disk->CommandOffset;

    if (Disk->Write && Disk->CommandOffset == Disk->CommandBytes) {
        AtapiAdvanceRequest(Disk);
        return;
    }
    if (!(Channel->Status & STATUS_DRQ)) {
        AtapiFinishRequest(Disk, STATUS_IO_DEVICE_ERROR);
        return;
    }
    Disk->CommandOffset += SECTOR_SIZE;
    // The next interrupt may come with the last word.
    Channel->CommandAge = 0;
    Channel->Expecting = Disk->Write || Disk->CommandOffset < Disk->CommandBytes;
    if (Disk->Write)
        AtapiWriteData(Channel, Buffer);
    else
        AtapiReadData(Channel, Buffer);
    AtapiSettle(Channel);
    if (!Disk->Write && Disk->CommandOffset == Disk->CommandBytes)
        AtapiAdvanceRequest(Disk);
}

// After the interrupt: checks the command and goes on. DISPATCH_LEVEL.
VOID NTAPI AtapiDpc(PKDPC Dpc, PVOID Context, PVOID SystemArgument1, PVOID SystemArgument2)
{
    PIDE_CHANNEL Channel = Context;
    PIDE_DISK Disk = Channel->ActiveDisk;

    UNREFERENCED_PARAMETER(Dpc);
    UNREFERENCED_PARAMETER(SystemArgument1);
    UNREFERENCED_PARAMETER(SystemArgument2);
    if (Disk == NULL)
        return;
    if (Channel->Status & (STATUS_ERR | STATUS_DF) || Channel->BusMasterStatus & BM_STATUS_ERROR)
        AtapiFinishRequest(Disk, STATUS_IO_DEVICE_ERROR);
    else if (Disk->Mode == TransferDma)
        AtapiAdvanceRequest(Disk);
    else if (Disk->Mode == TransferPio)
        AtapiContinuePio(Disk);
    else
        AtapiFinishRequest(Disk, STATUS_SUCCESS);
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
    AtapiResetChannel(Channel);
    AtapiFinishRequest(Channel->ActiveDisk, STATUS_IO_DEVICE_ERROR);
}
