// SPDX-License-Identifier: MIT
// Starting Io: its object types, the drivers linked into the kernel in their order, and the names that programs use.

#include "iop.h"

typedef struct _IOP_BOOT_DRIVER {
    PCWSTR Name;
    PDRIVER_INITIALIZE Entry;
} IOP_BOOT_DRIVER;

static const IOP_BOOT_DRIVER IopEarlyDrivers[] = {
    {L"\\Driver\\Null", NullDriverEntry},         {L"\\Driver\\Serial", SerialDriverEntry},
    {L"\\Driver\\i8042prt", KeyboardDriverEntry}, {L"\\Driver\\Console", ConsoleDriverEntry},
    {L"\\Driver\\HostPort", HostPortDriverEntry}, {L"\\Driver\\Partition", IopPartitionDriverEntry},
    {L"\\Driver\\atapi", AtapiDriverEntry},
};
static const IOP_BOOT_DRIVER IopRamdiskDriver = {L"\\Driver\\Ramdisk", RamdiskDriverEntry};
static const IOP_BOOT_DRIVER IopFileSystemDrivers[] = {
    {L"\\FileSystem\\Npfs", NpfsDriverEntry},
    {L"\\FileSystem\\Fastfat", FatDriverEntry},
};

static const struct {
    PCWSTR Link;
    PCWSTR Target;
} IopDosDevices[] = {
    {L"\\??\\NUL", L"\\Device\\Null"},       {L"\\??\\CON", L"\\Device\\Console"},
    {L"\\??\\CONIN$", L"\\Device\\Console"}, {L"\\??\\CONOUT$", L"\\Device\\Console"},
    {L"\\??\\COM1", L"\\Device\\Serial0"},   {L"\\??\\COM2", L"\\Device\\Serial1"},
    {L"\\??\\PIPE", L"\\Device\\NamedPipe"},
};

static VOID IopStartDriver(const IOP_BOOT_DRIVER *Boot)
{
    UNICODE_STRING Name;
    NTSTATUS Status;

    RtlInitUnicodeString(&Name, Boot->Name);
    Status = IoCreateDriver(&Name, Boot->Entry);
    if (!NT_SUCCESS(Status))
        DbgPrint("IO: %wZ did not start (status %08x)\n", &Name, Status);
}

static VOID IopStartDrivers(const IOP_BOOT_DRIVER *Drivers, ULONG Count)
{
    for (ULONG i = 0; i < Count; i++)
        IopStartDriver(&Drivers[i]);
}

static VOID IopMakeDosDevices(VOID)
{
    for (ULONG i = 0; i < RTL_NUMBER_OF(IopDosDevices); i++) {
        NTSTATUS Status = IopCreateLinkTo(IopDosDevices[i].Link, IopDosDevices[i].Target);

        if (!NT_SUCCESS(Status) && Status != STATUS_OBJECT_NAME_COLLISION) // a driver may have made its own
            DbgPrint("IO: no link %S (status %08x)\n", IopDosDevices[i].Link, Status);
    }
}

// Starts the I/O system: types, drivers, partitions, drive letters, device names.
//
// PASSIVE_LEVEL, phase 1, once. FALSE if the system cannot go on; a driver or disk that is missing is only logged.
BOOLEAN IoInitSystem(PLOADER_PARAMETER_BLOCK LoaderBlock)
{
    NTSTATUS Status;

    UNREFERENCED_PARAMETER(LoaderBlock);
    IopInitializeIrpLists();
    IopInitializeRegistry();
    IopInitializeInterrupts();
    KeInitializeSpinLock(&IopDatabaseLock);
    if (!IopInitializePaging() || !IopCreateObjectTypes())
        return FALSE;
    if (!NT_SUCCESS(IopCreateDirectory(L"\\Device")) || !NT_SUCCESS(IopCreateDirectory(L"\\Driver")) ||
        !NT_SUCCESS(IopCreateDirectory(L"\\FileSystem")) || !NT_SUCCESS(IopCreateDirectory(L"\\??")))
        return FALSE;

    IopStartDrivers(IopEarlyDrivers, RTL_NUMBER_OF(IopEarlyDrivers));
    if (IopPartitionCount() == 0)
        IopStartDriver(&IopRamdiskDriver);
    IopStartDrivers(IopFileSystemDrivers, RTL_NUMBER_OF(IopFileSystemDrivers));
    IopMakeDosDevices();
    Status = IopAssignDriveLetters();
    if (!NT_SUCCESS(Status))
        DbgPrint("IO: no drive C: (status %08x)\n", Status);
    return TRUE;
}
