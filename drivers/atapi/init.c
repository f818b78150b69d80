// SPDX-License-Identifier: MIT
// Finds the IDE channels (a PCI controller's two, or the AT's two where there is no PCI), and the disks on them.

#include "atapi.h"

#define PCI_DEVICES 32
#define PCI_FUNCTIONS 8
#define PCI_COMMAND 0x04
#define PCI_CLASS 0x08
#define PCI_HEADER_TYPE 0x0E
#define PCI_BAR(n) (0x10 + 4 * (n))
#define PCI_INTERRUPT_LINE 0x3C
#define PCI_COMMAND_IO_BUSMASTER 0x05
#define PCI_HEADER_MULTIFUNCTION 0x80
#define PCI_CLASS_IDE 0x0101
#define PCI_IO_BAR_MASK 0xFFFCu
#define IDE_NATIVE(Channel) (1u << (2 * (Channel))) // programming interface: this channel is not at the AT's ports
#define IDE_BUS_MASTER 0x80
#define BUS_MASTER_CHANNEL_SIZE 8
#define NATIVE_CONTROL_OFFSET 2

#define IDENTIFY_CAPABILITIES 49
#define IDENTIFY_CAPABILITY_DMA 0x0100
#define IDENTIFY_CAPABILITY_LBA 0x0200
#define IDENTIFY_SECTORS28 60
#define IDENTIFY_FEATURES2 83
#define IDENTIFY_FEATURES2_LBA48 0x0400
#define IDENTIFY_SECTORS48 100

#define CHANNELS 2
#define UNITS 2
#define WATCHDOG_PERIOD_MS 1000

static const struct {
    USHORT CommandBase, ControlPort;
    UCHAR Line;
} AtapiLegacyChannels[CHANNELS] = {{0x1F0, 0x3F6, 14}, {0x170, 0x376, 15}};

typedef struct _IDE_CONTROLLER { // where the PCI function is; Present FALSE: only the AT's ports are known
    BOOLEAN Present;
    ULONG Device, Function;
    UCHAR Interface;
    USHORT BusMasterBase;
} IDE_CONTROLLER, *PIDE_CONTROLLER;

static BOOLEAN AtapiIsIdeFunction(ULONG Device, ULONG Function, PIDE_CONTROLLER Controller)
{
    ULONG Class = HalReadPciConfig(0, Device, Function, PCI_CLASS, 4);

    if (Class >> 16 != PCI_CLASS_IDE)
        return FALSE;
    Controller->Present = TRUE;
    Controller->Device = Device;
    Controller->Function = Function;
    Controller->Interface = (UCHAR)(Class >> 8);
    if (Controller->Interface & IDE_BUS_MASTER)
        Controller->BusMasterBase = (USHORT)(HalReadPciConfig(0, Device, Function, PCI_BAR(4), 4) & PCI_IO_BAR_MASK);
    return TRUE;
}

// The first IDE function on bus 0; lets it use I/O ports and the bus.
static VOID AtapiFindController(PIDE_CONTROLLER Controller)
{
    ULONG Device, Function, Functions, Command;

    for (Device = 0; Device < PCI_DEVICES && !Controller->Present; Device++) {
        Functions = HalReadPciConfig(0, Device, 0, PCI_HEADER_TYPE, 1) & PCI_HEADER_MULTIFUNCTION ? PCI_FUNCTIONS : 1;
        for (Function = 0; Function < Functions; Function++) {
            if (AtapiIsIdeFunction(Device, Function, Controller))
                break;
        }
    }
    if (!Controller->Present)
        return;
    Command = HalReadPciConfig(0, Controller->Device, Controller->Function, PCI_COMMAND, 2);
    HalWritePciConfig(0, Controller->Device, Controller->Function, PCI_COMMAND, 2, Command | PCI_COMMAND_IO_BUSMASTER);
}

static VOID AtapiPlaceChannel(PIDE_CHANNEL Channel, PIDE_CONTROLLER Controller, ULONG Number)
{
    ULONG Device = Controller->Device, Function = Controller->Function;

    Channel->CommandBase = AtapiLegacyChannels[Number].CommandBase;
    Channel->ControlPort = AtapiLegacyChannels[Number].ControlPort;
    Channel->Line = AtapiLegacyChannels[Number].Line;
    if (!Controller->Present)
        return;
    if (Controller->Interface & IDE_NATIVE(Number)) {
        Channel->CommandBase =
            (USHORT)(HalReadPciConfig(0, Device, Function, PCI_BAR(2 * Number), 4) & PCI_IO_BAR_MASK);
        Channel->ControlPort =
            (USHORT)((HalReadPciConfig(0, Device, Function, PCI_BAR(2 * Number + 1), 4) & PCI_IO_BAR_MASK) +
                     NATIVE_CONTROL_OFFSET);
        Channel->Line = (UCHAR)HalReadPciConfig(0, Device, Function, PCI_INTERRUPT_LINE, 1);
    }
    if (Controller->BusMasterBase != 0)
        Channel->BusMasterBase = (USHORT)(Controller->BusMasterBase + Number * BUS_MASTER_CHANNEL_SIZE);
}

// The page that holds the region table. Without one the channel works without DMA.
static VOID AtapiAllocatePrdTable(PIDE_CHANNEL Channel)
{
    PHYSICAL_ADDRESS Highest;

    if (Channel->BusMasterBase == 0)
        return;
    Highest.QuadPart = MAXULONG;
    Channel->PrdTable = MmAllocateContiguousMemory(PAGE_SIZE, Highest);
    if (Channel->PrdTable != NULL)
        Channel->PrdTablePhysical = MmGetPhysicalAddress(Channel->PrdTable).LowPart;
}

static NTSTATUS AtapiConnectChannel(PIDE_CHANNEL Channel)
{
    LARGE_INTEGER DueTime;
    KIRQL Irql;
    ULONG Vector = HalGetInterruptVector(Channel->Line, &Irql);
    NTSTATUS Status;

    KeInitializeSpinLock(&Channel->Lock);
    KeInitializeSpinLock(&Channel->CommandLock);
    InitializeListHead(&Channel->WaitingDisks);
    KeInitializeDpc(&Channel->Dpc, AtapiDpc, Channel);
    KeInitializeDpc(&Channel->WatchdogDpc, AtapiWatchdog, Channel);
    KeInitializeTimer(&Channel->WatchdogTimer);
    AtapiAllocatePrdTable(Channel);
    Status = IoConnectInterrupt(&Channel->Interrupt, AtapiInterrupt, Channel, NULL, Vector, Irql, Irql, Latched, FALSE,
                                1, FALSE);
    if (!NT_SUCCESS(Status))
        return Status;
    if (Channel->BusMasterBase != 0) // what the firmware's accesses left behind
        WRITE_PORT_UCHAR(Channel->BusMasterBase + BM_STATUS, BM_STATUS_INTERRUPT | BM_STATUS_ERROR);
    READ_PORT_UCHAR(Channel->CommandBase + ATA_STATUS);
    WRITE_PORT_UCHAR(Channel->ControlPort, 0);
    DueTime.QuadPart = -(LONGLONG)WATCHDOG_PERIOD_MS * 10000;
    KeSetTimerEx(&Channel->WatchdogTimer, DueTime, WATCHDOG_PERIOD_MS, &Channel->WatchdogDpc);
    return STATUS_SUCCESS;
}

static VOID AtapiReadIdentity(PIDE_DISK Disk, const USHORT *Identify)
{
    Disk->Lba48 = (Identify[IDENTIFY_FEATURES2] & IDENTIFY_FEATURES2_LBA48) != 0;
    Disk->Dma = Disk->Channel->PrdTable != NULL && (Identify[IDENTIFY_CAPABILITIES] & IDENTIFY_CAPABILITY_DMA);
    Disk->SectorCount = Identify[IDENTIFY_SECTORS28] | (ULONGLONG)Identify[IDENTIFY_SECTORS28 + 1] << 16;
    if (Disk->Lba48)
        Disk->SectorCount = Identify[IDENTIFY_SECTORS48] | (ULONGLONG)Identify[IDENTIFY_SECTORS48 + 1] << 16 |
                            (ULONGLONG)Identify[IDENTIFY_SECTORS48 + 2] << 32;
}

// Makes \Device\HarddiskN\Partition0 and lets the I/O manager look for partitions on it.
static NTSTATUS AtapiCreateDisk(PDRIVER_OBJECT Driver, PIDE_CHANNEL Channel, ULONG Unit, const USHORT *Identify)
{
    ULONG DiskNumber = IoAllocateDiskNumber();
    UNICODE_STRING Name;
    WCHAR Buffer[48];
    PDEVICE_OBJECT Device;
    PIDE_DISK Disk;
    NTSTATUS Status;

    _snwprintf(Buffer, RTL_NUMBER_OF(Buffer), L"\\Device\\Harddisk%u\\Partition0", (UINT)DiskNumber);
    RtlInitUnicodeString(&Name, Buffer);
    Status = IoCreateDevice(Driver, sizeof(IDE_DISK), &Name, FILE_DEVICE_DISK, 0, FALSE, &Device);
    if (!NT_SUCCESS(Status))
        return Status;
    Disk = Device->DeviceExtension;
    Disk->DeviceObject = Device;
    Disk->Channel = Channel;
    Disk->Unit = Unit;
    Disk->DiskNumber = DiskNumber;
    AtapiReadIdentity(Disk, Identify);
    Device->SectorSize = SECTOR_SIZE;
    Device->AlignmentRequirement = 1; // words
    Device->Flags |= DO_DIRECT_IO;
    Device->Flags &= ~DO_DEVICE_INITIALIZING;
    DbgPrint("ATAPI: disk %lu, %lu MB, %s\n", DiskNumber, (ULONG)(Disk->SectorCount >> (20 - SECTOR_SHIFT)),
             Disk->Dma ? "DMA" : "PIO");
    IGNORE_STATUS(
        IoRegisterShutdownNotification(Device)); // only out of memory; then the disk flushes with the last file
    Status = IoReadPartitionTable(Device, DiskNumber);
    if (!NT_SUCCESS(Status))
        DbgPrint("ATAPI: disk %lu: no partition table (%08lX)\n", DiskNumber, (ULONG)Status);
    return STATUS_SUCCESS;
}

// Looks for both disks of a channel; the channel stays only if there is one. Returns the number of disks.
static ULONG AtapiStartChannel(PDRIVER_OBJECT Driver, PIDE_CONTROLLER Controller, ULONG Number)
{
    PIDE_CHANNEL Channel = ExAllocatePoolZero(NonPagedPool, sizeof(IDE_CHANNEL), TAG_ATAPI);
    PUSHORT Identify = ExAllocatePoolZero(NonPagedPool, UNITS * SECTOR_SIZE, TAG_ATAPI);
    BOOLEAN Found[UNITS] = {FALSE, FALSE};
    ULONG Unit, Disks = 0;

    if (Channel == NULL || Identify == NULL)
        goto Cleanup;
    AtapiPlaceChannel(Channel, Controller, Number);
    for (Unit = 0; Unit < UNITS; Unit++) {
        PUSHORT Words = Identify + Unit * (SECTOR_SIZE / 2);

        Found[Unit] = AtapiIdentify(Channel, Unit, Words) && (Words[IDENTIFY_CAPABILITIES] & IDENTIFY_CAPABILITY_LBA);
    }
    if ((!Found[0] && !Found[1]) || !NT_SUCCESS(AtapiConnectChannel(Channel)))
        goto Cleanup;
    for (Unit = 0; Unit < UNITS; Unit++) {
        if (Found[Unit] && NT_SUCCESS(AtapiCreateDisk(Driver, Channel, Unit, Identify + Unit * (SECTOR_SIZE / 2))))
            Disks++;
    }
    Channel = NULL; // connected: it stays

Cleanup:
    if (Channel != NULL)
        ExFreePoolWithTag(Channel, TAG_ATAPI);
    if (Identify != NULL)
        ExFreePoolWithTag(Identify, TAG_ATAPI);
    return Disks;
}

// Starts the driver. STATUS_NO_SUCH_DEVICE if there is no disk. PASSIVE_LEVEL, from IoInitSystem.
NTSTATUS NTAPI AtapiDriverEntry(PDRIVER_OBJECT Driver, PUNICODE_STRING RegistryPath)
{
    IDE_CONTROLLER Controller;
    ULONG Number, Disks = 0;

    UNREFERENCED_PARAMETER(RegistryPath);
    AtapiSynchronousDma = KeFindBootOption("/SYNCDISK") != NULL;
    AtapiSetDispatch(Driver);
    RtlZeroMemory(&Controller, sizeof(Controller));
    AtapiFindController(&Controller);
    for (Number = 0; Number < CHANNELS; Number++)
        Disks += AtapiStartChannel(Driver, &Controller, Number);
    return Disks > 0 ? STATUS_SUCCESS : STATUS_NO_SUCH_DEVICE;
}
