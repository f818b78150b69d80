// SPDX-License-Identifier: MIT
// A channel's registers: selecting a disk, waiting, moving one sector by hand, resetting.

#include "atapi.h"

#define DELAY_READS 4 // 100 ns each: the status is valid 400 ns after a selection or command (ATA-6 9.6)
#define READY_POLL_MICROSECONDS 10
#define READY_POLLS 500000 // 5 s: a sleeping disk has to spin up
#define RESET_MICROSECONDS 10

// Gives the disk the time to raise BSY.
VOID AtapiDelay(PIDE_CHANNEL Channel)
{
    ULONG Reads;

    for (Reads = 0; Reads < DELAY_READS; Reads++)
        READ_PORT_UCHAR(Channel->ControlPort);
}

// Waits until (status & Mask) == Value. FALSE: it took too long, or no disk answers. Any IRQL; normally ready at once.
BOOLEAN AtapiWaitReady(PIDE_CHANNEL Channel, UCHAR Mask, UCHAR Value)
{
    ULONG Polls;

    for (Polls = 0; Polls < READY_POLLS; Polls++) {
        UCHAR Status = READ_PORT_UCHAR(Channel->ControlPort);

        if (Status == STATUS_FLOATING)
            return FALSE;
        if ((Status & Mask) == Value)
            return TRUE;
        KeStallExecutionProcessor(READY_POLL_MICROSECONDS);
    }
    return FALSE;
}

// Selects a disk (Device: the value of the device register) and waits until it can take a command.
BOOLEAN AtapiSelect(PIDE_CHANNEL Channel, UCHAR Device)
{
    WRITE_PORT_UCHAR(Channel->CommandBase + ATA_DEVICE, Device);
    AtapiDelay(Channel);
    return AtapiWaitReady(Channel, STATUS_BSY | STATUS_DRQ, 0);
}

// Reads a sector's 256 words.
VOID AtapiReadData(PIDE_CHANNEL Channel, PVOID Buffer)
{
    ULONG Words = SECTOR_SIZE / 2;
    USHORT Port = Channel->CommandBase + ATA_DATA;

    __asm__ volatile("rep insw" : "+D"(Buffer), "+c"(Words) : "d"(Port) : "memory");
}

// Writes a sector's 256 words.
VOID AtapiWriteData(PIDE_CHANNEL Channel, PVOID Buffer)
{
    ULONG Words = SECTOR_SIZE / 2;
    USHORT Port = Channel->CommandBase + ATA_DATA;

    __asm__ volatile("rep outsw" : "+S"(Buffer), "+c"(Words) : "d"(Port) : "memory");
}

// Resets both disks of a channel after a command that never came back. Takes a while; the next command waits for BSY.
VOID AtapiResetChannel(PIDE_CHANNEL Channel)
{
    if (Channel->BusMasterBase != 0)
        WRITE_PORT_UCHAR(Channel->BusMasterBase + BM_COMMAND, 0);
    WRITE_PORT_UCHAR(Channel->ControlPort, CONTROL_RESET);
    KeStallExecutionProcessor(RESET_MICROSECONDS);
    WRITE_PORT_UCHAR(Channel->ControlPort, 0);
}
