// SPDX-License-Identifier: MIT
// The named pipe driver's entry: one device, \Device\NamedPipe, below which every pipe has its name.

#include "npfs.h"

KSPIN_LOCK NpLock;
LIST_ENTRY NpPipes;

// Starts the named pipe file system.
//
// PASSIVE_LEVEL, once. IoCreateDevice's status on failure.
NTSTATUS NTAPI NpfsDriverEntry(PDRIVER_OBJECT Driver, PUNICODE_STRING RegistryPath)
{
    UNICODE_STRING Name = RTL_CONSTANT_STRING(L"\\Device\\NamedPipe");
    PDEVICE_OBJECT Device;
    NTSTATUS Status;

    UNREFERENCED_PARAMETER(RegistryPath);
    KeInitializeSpinLock(&NpLock);
    InitializeListHead(&NpPipes);
    Driver->MajorFunction[IRP_MJ_CREATE] = NpCreate;
    Driver->MajorFunction[IRP_MJ_CREATE_NAMED_PIPE] = NpCreateNamedPipe;
    Driver->MajorFunction[IRP_MJ_CLEANUP] = NpCleanup;
    Driver->MajorFunction[IRP_MJ_CLOSE] = NpClose;
    Driver->MajorFunction[IRP_MJ_READ] = NpRead;
    Driver->MajorFunction[IRP_MJ_WRITE] = NpWrite;
    Driver->MajorFunction[IRP_MJ_FLUSH_BUFFERS] = NpFlush;
    Driver->MajorFunction[IRP_MJ_FILE_SYSTEM_CONTROL] = NpFsControl;
    Driver->MajorFunction[IRP_MJ_QUERY_INFORMATION] = NpQueryInformation;
    Driver->MajorFunction[IRP_MJ_SET_INFORMATION] = NpSetInformation;
    Driver->MajorFunction[IRP_MJ_QUERY_VOLUME_INFORMATION] = NpQueryVolume;
    Status = IoCreateDevice(Driver, 0, &Name, FILE_DEVICE_NAMED_PIPE, 0, FALSE, &Device);
    if (NT_SUCCESS(Status))
        Device->Flags |= DO_BUFFERED_IO;
    return Status;
}
