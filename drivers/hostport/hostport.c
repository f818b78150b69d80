// SPDX-License-Identifier: MIT
// \Device\HostPort: what smss tells the host (./mica) about a run. Every write is one or more record lines; a last line
// without a line feed counts too. The device exists only with /HOSTPORT. It has no device controls.

#include "driver.h"

#define RECORD_SIZE 400 // a longer line is sent in pieces

static VOID HostPortSendLines(const CHAR *Bytes, ULONG Length)
{
    CHAR Record[RECORD_SIZE + 1];
    ULONG Used = 0, Index;

    for (Index = 0; Index < Length; Index++) {
        BOOLEAN EndOfLine = Bytes[Index] == '\n';

        if (!EndOfLine && Bytes[Index] != '\r' && Bytes[Index] != '\0')
            Record[Used++] = Bytes[Index];
        if (Used == RECORD_SIZE || (Used > 0 && (EndOfLine || Index + 1 == Length))) {
            Record[Used] = '\0';
            KdHostRecord("%s", Record);
            Used = 0;
        }
    }
}

static NTSTATUS NTAPI HostPortWrite(PDEVICE_OBJECT Device, PIRP Irp)
{
    ULONG Length = IoGetCurrentIrpStackLocation(Irp)->Parameters.Write.Length;

    UNREFERENCED_PARAMETER(Device);
    if (Length > 0)
        HostPortSendLines(Irp->AssociatedIrp.SystemBuffer, Length);
    return DrvCompleteIrp(Irp, STATUS_SUCCESS, Length, IO_NO_INCREMENT);
}

// Creates the device if there is a host to talk to. PASSIVE_LEVEL, from IoInitSystem.
NTSTATUS NTAPI HostPortDriverEntry(PDRIVER_OBJECT Driver, PUNICODE_STRING RegistryPath)
{
    UNICODE_STRING Name = RTL_CONSTANT_STRING(L"\\Device\\HostPort");
    PDEVICE_OBJECT Device;
    NTSTATUS Status;

    UNREFERENCED_PARAMETER(RegistryPath);
    if (!KdHostPortEnabled)
        return STATUS_SUCCESS; // nobody to talk to, and no device
    Driver->MajorFunction[IRP_MJ_CREATE] = DrvSucceed;
    Driver->MajorFunction[IRP_MJ_CLEANUP] = DrvSucceed;
    Driver->MajorFunction[IRP_MJ_CLOSE] = DrvSucceed;
    Driver->MajorFunction[IRP_MJ_WRITE] = HostPortWrite;
    Status = IoCreateDevice(Driver, 0, &Name, FILE_DEVICE_UNKNOWN, 0, FALSE, &Device);
    if (NT_SUCCESS(Status))
        Device->Flags |= DO_BUFFERED_IO;
    return Status;
}
