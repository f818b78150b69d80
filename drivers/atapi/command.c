// SPDX-License-Identifier: MIT
// Commands: at most 128 KB of a transfer, or a flush of the disk's cache. A command that cannot be sent is reported
// like one that failed, through the DPC, so that a row of bad requests does not recurse.

#include "atapi.h"

static VOID AtapiExpectInterrupt(PIDE_CHANNEL Channel)
{
    Channel->CommandAge = 0;
    Channel->Status = 0;
    Channel->BusMasterStatus = 0;
    Channel->Expecting = TRUE;
}

// With the interrupt locked out: unless it has come after all, the command ends here as failed.
static BOOLEAN NTAPI AtapiGiveUpCommand(PVOID Context)
{
    PIDE_CHANNEL Channel = Context;

    if (!Channel->Expecting)
        return FALSE;
    Channel->Expecting = FALSE;
    Channel->Status = STATUS_ERR;
    KeInsertQueueDpc(&Channel->Dpc, NULL, NULL);
    return TRUE;
}

static VOID AtapiFailCommand(PIDE_CHANNEL Channel)
{
    KeSynchronizeExecution(Channel->Interrupt, AtapiGiveUpCommand, Channel);
}

// Sector number and count; with 48 bits every register takes its high byte first (ATA-6 6.9).
static VOID AtapiWriteAddress(PIDE_DISK Disk, ULONG Sectors, BOOLEAN Extended)
{
    USHORT Base = Disk->Channel->CommandBase;
    ULONGLONG Sector = Disk->Sector;

    if (Extended) {
        WRITE_PORT_UCHAR(Base + ATA_SECTOR_COUNT, (UCHAR)(Sectors >> 8));
        WRITE_PORT_UCHAR(Base + ATA_LBA_LOW, (UCHAR)(Sector >> 24));
        WRITE_PORT_UCHAR(Base + ATA_LBA_MID, (UCHAR)(Sector >> 32));
        WRITE_PORT_UCHAR(Base + ATA_LBA_HIGH, (UCHAR)(Sector >> 40));
    }
    WRITE_PORT_UCHAR(Base + ATA_SECTOR_COUNT, (UCHAR)Sectors);
    WRITE_PORT_UCHAR(Base + ATA_LBA_LOW, (UCHAR)Sector);
    WRITE_PORT_UCHAR(Base + ATA_LBA_MID, (UCHAR)(Sector >> 8));
    WRITE_PORT_UCHAR(Base + ATA_LBA_HIGH, (UCHAR)(Sector >> 16));
}

static UCHAR AtapiCommandCode(PIDE_DISK Disk, BOOLEAN Extended)
{
    if (Disk->Mode == TransferDma) {
        if (Extended)
            return Disk->Write ? ATA_WRITE_DMA_EXT : ATA_READ_DMA_EXT;
        return Disk->Write ? ATA_WRITE_DMA : ATA_READ_DMA;
    }
    if (Extended)
        return Disk->Write ? ATA_WRITE_SECTORS_EXT : ATA_READ_SECTORS_EXT;
    return Disk->Write ? ATA_WRITE_SECTORS : ATA_READ_SECTORS;
}

// DMA if the buffer allows it, else by hand through a mapping of the buffer. FALSE: no room for the mapping.
static BOOLEAN AtapiChooseMode(PIDE_DISK Disk)
{
    if (Disk->Dma && AtapiBuildPrdTable(Disk->Channel, Disk->Irp->MdlAddress, Disk->Offset, Disk->CommandBytes)) {
        Disk->Mode = TransferDma;
        return TRUE;
    }
    Disk->Mode = TransferPio;
    if (Disk->PioBuffer == NULL)
        Disk->PioBuffer = MmGetSystemAddressForMdl(Disk->Irp->MdlAddress);
    return Disk->PioBuffer != NULL;
}

// Starts the next command of the request that owns the channel. DISPATCH_LEVEL, CommandLock held.
VOID AtapiStartTransfer(PIDE_DISK Disk)
{
    PIDE_CHANNEL Channel = Disk->Channel;
    ULONG Sectors;
    BOOLEAN Extended;
    UCHAR Device = DEVICE_OBSOLETE | DEVICE_LBA | DEVICE_UNIT(Disk->Unit);

    Disk->CommandBytes = min_of(Disk->Length - Disk->Offset, COMMAND_MAXIMUM_BYTES);
    Disk->CommandOffset = 0;
    Sectors = Disk->CommandBytes >> SECTOR_SHIFT;
    Extended = Disk->Sector + Sectors > LBA28_LIMIT;
    if (!Extended)
        Device |= (UCHAR)(Disk->Sector >> 24) & 0x0F;

    AtapiExpectInterrupt(Channel);
    if (!AtapiChooseMode(Disk) || !AtapiSelect(Channel, Device)) {
        AtapiFailCommand(Channel);
        return;
    }
    AtapiWriteAddress(Disk, Sectors, Extended);
    if (Disk->Mode == TransferDma) {
        AtapiPrepareDma(Channel, Disk->Write);
        WRITE_PORT_UCHAR(Channel->CommandBase + ATA_COMMAND, AtapiCommandCode(Disk, Extended));
        AtapiStartDma(Channel, Disk->Write);
        return;
    }
    WRITE_PORT_UCHAR(Channel->CommandBase + ATA_COMMAND, AtapiCommandCode(Disk, Extended));
    if (!Disk->Write) {
        AtapiSettle(Channel);
        return;
    }
    // The first sector of a PIO write is asked for without an interrupt (ATA-6 9.6).
    AtapiDelay(Channel);
    if (!AtapiWaitReady(Channel, STATUS_BSY | STATUS_DRQ, STATUS_DRQ)) {
        AtapiFailCommand(Channel);
        return;
    }
    Disk->CommandOffset = SECTOR_SIZE;
    AtapiWriteData(Channel, Disk->PioBuffer + Disk->Offset);
    AtapiSettle(Channel);
}

// Sends FLUSH CACHE. DISPATCH_LEVEL, CommandLock held.
VOID AtapiStartFlush(PIDE_DISK Disk)
{
    PIDE_CHANNEL Channel = Disk->Channel;

    Disk->Mode = TransferNone;
    AtapiExpectInterrupt(Channel);
    if (!AtapiSelect(Channel, DEVICE_OBSOLETE | DEVICE_LBA | DEVICE_UNIT(Disk->Unit))) {
        AtapiFailCommand(Channel);
        return;
    }
    WRITE_PORT_UCHAR(Channel->CommandBase + ATA_COMMAND, Disk->Lba48 ? ATA_FLUSH_CACHE_EXT : ATA_FLUSH_CACHE);
}
