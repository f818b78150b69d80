// SPDX-License-Identifier: MIT
// Is there a disk? Polled, at start-up, with the channel's interrupts off.

#include "atapi.h"

#define PROBE_FIRST 0x55
#define PROBE_SECOND 0xAA

// A place without a disk does not remember what is written to its registers.
static BOOLEAN AtapiProbeRegisters(PIDE_CHANNEL Channel)
{
    WRITE_PORT_UCHAR(Channel->CommandBase + ATA_SECTOR_COUNT, PROBE_FIRST);
    WRITE_PORT_UCHAR(Channel->CommandBase + ATA_LBA_LOW, PROBE_SECOND);
    return READ_PORT_UCHAR(Channel->CommandBase + ATA_SECTOR_COUNT) == PROBE_FIRST &&
           READ_PORT_UCHAR(Channel->CommandBase + ATA_LBA_LOW) == PROBE_SECOND;
}

// Sends IDENTIFY DEVICE and reads its 256 words. FALSE: no disk there (or one with packet commands, such as a CD-ROM).
// PASSIVE_LEVEL, before the channel's interrupt is connected.
BOOLEAN AtapiIdentify(PIDE_CHANNEL Channel, ULONG Unit, PUSHORT Identify)
{
    USHORT Base = Channel->CommandBase;

    WRITE_PORT_UCHAR(Channel->ControlPort, CONTROL_NO_INTERRUPT);
    WRITE_PORT_UCHAR(Base + ATA_DEVICE, DEVICE_OBSOLETE | DEVICE_UNIT(Unit));
    AtapiDelay(Channel);
    if (READ_PORT_UCHAR(Channel->ControlPort) == STATUS_FLOATING || !AtapiProbeRegisters(Channel))
        return FALSE;
    WRITE_PORT_UCHAR(Base + ATA_SECTOR_COUNT, 0);
    WRITE_PORT_UCHAR(Base + ATA_LBA_LOW, 0);
    WRITE_PORT_UCHAR(Base + ATA_LBA_MID, 0);
    WRITE_PORT_UCHAR(Base + ATA_LBA_HIGH, 0);
    WRITE_PORT_UCHAR(Base + ATA_COMMAND, ATA_IDENTIFY);
    AtapiDelay(Channel);
    if (READ_PORT_UCHAR(Base + ATA_STATUS) == 0)
        return FALSE;
    if (!AtapiWaitReady(Channel, STATUS_BSY, 0))
        return FALSE;
    if (READ_PORT_UCHAR(Base + ATA_LBA_MID) != 0 || READ_PORT_UCHAR(Base + ATA_LBA_HIGH) != 0)
        return FALSE; // a packet device's signature
    if (READ_PORT_UCHAR(Base + ATA_STATUS) & (STATUS_ERR | STATUS_DF) ||
        !AtapiWaitReady(Channel, STATUS_DRQ, STATUS_DRQ))
        return FALSE;
    AtapiReadData(Channel, Identify);
    READ_PORT_UCHAR(Base + ATA_STATUS);
    return TRUE;
}
