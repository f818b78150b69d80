// SPDX-License-Identifier: MIT
// IDE disks. A channel (two ports of registers, one interrupt line) serves two disks but only one command at a time:
//
//     IRP -> IoStartPacket -> AtapiStartIo -> channel free? -> AtapiStartRequest -> commands of at most 128 KB
//                 (one per disk)                 | no                                   |  interrupt, DPC
//                                           WaitingDisks <------ AtapiFinishRequest <---'
//
// Sources: ATA/ATAPI-6 (T13 1410D); "Programming Interface for Bus Master IDE Controller" 1.0; Intel PIIX3 data sheet.

#ifndef MICA_DRIVERS_ATAPI_H
#define MICA_DRIVERS_ATAPI_H

#include "driver.h"

#define TAG_ATAPI 0x41544149 // 'IATA'
#define SECTOR_SIZE 512u
#define SECTOR_SHIFT 9
#define COMMAND_MAXIMUM_SECTORS 256u // what a 28-bit command can say (as 0)
#define COMMAND_MAXIMUM_BYTES (COMMAND_MAXIMUM_SECTORS * SECTOR_SIZE)
#define LBA28_LIMIT 0x10000000ull

// Registers, from the command base
#define ATA_DATA 0
#define ATA_FEATURES 1
#define ATA_SECTOR_COUNT 2
#define ATA_LBA_LOW 3
#define ATA_LBA_MID 4
#define ATA_LBA_HIGH 5
#define ATA_DEVICE 6
#define ATA_STATUS 7
#define ATA_COMMAND 7
#define DEVICE_LBA 0x40
#define DEVICE_UNIT(u) ((UCHAR)((u) << 4))
#define DEVICE_OBSOLETE 0xA0
#define STATUS_ERR 0x01
#define STATUS_DRQ 0x08
#define STATUS_DF 0x20
#define STATUS_BSY 0x80
#define STATUS_FLOATING 0xFF
#define CONTROL_NO_INTERRUPT 0x02
#define CONTROL_RESET 0x04

#define ATA_READ_SECTORS 0x20
#define ATA_READ_SECTORS_EXT 0x24
#define ATA_READ_DMA_EXT 0x25
#define ATA_WRITE_SECTORS 0x30
#define ATA_WRITE_SECTORS_EXT 0x34
#define ATA_WRITE_DMA_EXT 0x35
#define ATA_READ_DMA 0xC8
#define ATA_WRITE_DMA 0xCA
#define ATA_FLUSH_CACHE 0xE7
#define ATA_FLUSH_CACHE_EXT 0xEA
#define ATA_IDENTIFY 0xEC

// Bus master registers, from the channel's base
#define BM_COMMAND 0
#define BM_STATUS 2
#define BM_PRD_TABLE 4
#define BM_COMMAND_START 0x01
#define BM_COMMAND_TO_MEMORY 0x08
#define BM_STATUS_ACTIVE 0x01
#define BM_STATUS_ERROR 0x02
#define BM_STATUS_INTERRUPT 0x04

typedef struct _PRD { // physical region descriptor
    ULONG Address;
    USHORT ByteCount; // 0: 64 KB
    USHORT Flags;
} PRD, *PPRD;
#define PRD_LAST 0x8000
#define PRD_COUNT (PAGE_SIZE / sizeof(PRD))
#define PRD_BOUNDARY 0x10000u // a region may not cross a multiple of this

struct _IDE_DISK;
typedef struct _IDE_CHANNEL {
    USHORT CommandBase;
    USHORT ControlPort;   // alternate status, device control
    USHORT BusMasterBase; // 0: no bus master
    UCHAR Line;
    PKINTERRUPT Interrupt;
    PPRD PrdTable;
    ULONG PrdTablePhysical;
    KSPIN_LOCK Lock; // ActiveDisk, WaitingDisks
    // The registers and the request under way, from one interrupt's DPC to the next: the interrupt of a command may
    // come, and its DPC run on another processor, before the one that sent the command is done with it. Outside Lock.
    KSPIN_LOCK CommandLock;
    struct _IDE_DISK *ActiveDisk;
    LIST_ENTRY WaitingDisks; // of IDE_DISK.WaitEntry
    KDPC Dpc;                // a command's interrupt
    KTIMER WatchdogTimer;
    KDPC WatchdogDpc;
    ULONG CommandAge;           // seconds
    volatile BOOLEAN Expecting; // a command is out; the interrupt service routine clears it
    UCHAR Status;               // what the interrupt found
    UCHAR BusMasterStatus;
} IDE_CHANNEL, *PIDE_CHANNEL;

typedef enum _TRANSFER_MODE { TransferNone, TransferDma, TransferPio } TRANSFER_MODE;

typedef struct _IDE_DISK { // the device extension of \Device\HarddiskN\Partition0
    PDEVICE_OBJECT DeviceObject;
    PIDE_CHANNEL Channel;
    ULONG Unit; // 0 master, 1 slave
    ULONG DiskNumber;
    ULONGLONG SectorCount;
    BOOLEAN Lba48;
    BOOLEAN Dma;
    LIST_ENTRY WaitEntry;
    // The request under way, under the channel's CommandLock.
    PIRP Irp;
    BOOLEAN Write;
    TRANSFER_MODE Mode;
    ULONGLONG Sector;    // of the next command
    ULONG Offset;        // bytes of the request done
    ULONG Length;        // of the request
    ULONG CommandBytes;  // of this command
    ULONG CommandOffset; // PIO: bytes of this command done
    PUCHAR PioBuffer;    // the request's buffer in system space
} IDE_DISK, *PIDE_DISK;

// init.c, identify.c
BOOLEAN AtapiIdentify(PIDE_CHANNEL Channel, ULONG Unit, PUSHORT Identify);
// ports.c
VOID AtapiDelay(PIDE_CHANNEL Channel);
BOOLEAN AtapiWaitReady(PIDE_CHANNEL Channel, UCHAR Mask, UCHAR Value);
BOOLEAN AtapiSelect(PIDE_CHANNEL Channel, UCHAR Device);
VOID AtapiReadData(PIDE_CHANNEL Channel, PVOID Buffer);
VOID AtapiWriteData(PIDE_CHANNEL Channel, PVOID Buffer);
VOID AtapiResetChannel(PIDE_CHANNEL Channel);
// dispatch.c
VOID AtapiSetDispatch(PDRIVER_OBJECT Driver);
// request.c
VOID NTAPI AtapiStartIo(PDEVICE_OBJECT Device, PIRP Irp);
VOID AtapiFinishRequest(PIDE_DISK Disk, NTSTATUS Status);
NTSTATUS AtapiAdvanceRequest(PIDE_DISK Disk);
// command.c
VOID AtapiStartTransfer(PIDE_DISK Disk);
VOID AtapiStartFlush(PIDE_DISK Disk);
// dma.c
BOOLEAN AtapiBuildPrdTable(PIDE_CHANNEL Channel, PMDL Mdl, ULONG Offset, ULONG Length);
VOID AtapiPrepareDma(PIDE_CHANNEL Channel, BOOLEAN Write);
VOID AtapiStartDma(PIDE_CHANNEL Channel, BOOLEAN Write);
VOID AtapiSettle(PIDE_CHANNEL Channel);
extern BOOLEAN AtapiSynchronousDma;
// interrupt.c
BOOLEAN NTAPI AtapiInterrupt(PKINTERRUPT Interrupt, PVOID Context);
VOID NTAPI AtapiDpc(PKDPC Dpc, PVOID Context, PVOID SystemArgument1, PVOID SystemArgument2);
VOID NTAPI AtapiWatchdog(PKDPC Dpc, PVOID Context, PVOID SystemArgument1, PVOID SystemArgument2);

#endif
