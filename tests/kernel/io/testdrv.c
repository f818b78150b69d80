// SPDX-License-Identifier: MIT
// The test driver of testdrv.h.

#include "testdrv.h"

static PDRIVER_OBJECT KtDriver;
static PDEVICE_OBJECT KtObject;
static ULONG KtFlags;

static NTSTATUS KtDone(PIRP Irp, NTSTATUS Status, ULONG_PTR Information)
{
    Irp->IoStatus.Status = Status;
    Irp->IoStatus.Information = Information;
    IoCompleteRequest(Irp, IO_NO_INCREMENT);
    return Status;
}

static NTSTATUS NTAPI KtOpenClose(PDEVICE_OBJECT Device, PIRP Irp)
{
    PKT_DEVICE State = Device->DeviceExtension;
    UCHAR Major = IoGetCurrentIrpStackLocation(Irp)->MajorFunction;

    State->Creates += Major == IRP_MJ_CREATE;
    State->Cleanups += Major == IRP_MJ_CLEANUP;
    State->Closes += Major == IRP_MJ_CLOSE;
    return KtDone(Irp, STATUS_SUCCESS, FILE_OPENED);
}

static VOID NTAPI KtCancelRead(PDEVICE_OBJECT Device, PIRP Irp)
{
    PKT_DEVICE State = Device->DeviceExtension;

    State->Held = NULL;
    IoReleaseCancelSpinLock(Irp->CancelIrql);
    KtDone(Irp, STATUS_CANCELLED, 0);
}

static PVOID KtBuffer(PIRP Irp)
{
    if (Irp->MdlAddress != NULL)
        return MmGetSystemAddressForMdl(Irp->MdlAddress);
    return Irp->AssociatedIrp.SystemBuffer != NULL ? Irp->AssociatedIrp.SystemBuffer : Irp->UserBuffer;
}

static NTSTATUS NTAPI KtRead(PDEVICE_OBJECT Device, PIRP Irp)
{
    PKT_DEVICE State = Device->DeviceExtension;
    PIO_STACK_LOCATION Stack = IoGetCurrentIrpStackLocation(Irp);
    ULONG Offset = Stack->Parameters.Read.ByteOffset.LowPart, Count;
    PUCHAR Bytes = KtBuffer(Irp);

    if (State->Hold) {
        IoMarkIrpPending(Irp);
        State->Held = Irp;
        IoSetCancelRoutine(Irp, KtCancelRead);
        return STATUS_PENDING;
    }
    if (Offset >= KT_DEVICE_BYTES)
        return KtDone(Irp, STATUS_END_OF_FILE, 0);
    Count = min_of(Stack->Parameters.Read.Length, KT_DEVICE_BYTES - Offset);
    for (ULONG i = 0; i < Count; i++)
        Bytes[i] = (UCHAR)(Offset + i);
    return KtDone(Irp, STATUS_SUCCESS, Count);
}

static NTSTATUS NTAPI KtWrite(PDEVICE_OBJECT Device, PIRP Irp)
{
    PKT_DEVICE State = Device->DeviceExtension;
    PIO_STACK_LOCATION Stack = IoGetCurrentIrpStackLocation(Irp);
    ULONG Offset = Stack->Parameters.Write.ByteOffset.LowPart, Count;

    if (Offset >= KT_DEVICE_BYTES)
        return KtDone(Irp, STATUS_DISK_FULL, 0);
    Count = min_of(Stack->Parameters.Write.Length, KT_DEVICE_BYTES - Offset);
    memcpy(State->Written + Offset, KtBuffer(Irp), Count);
    return KtDone(Irp, STATUS_SUCCESS, Count);
}

static NTSTATUS NTAPI KtControl(PDEVICE_OBJECT Device, PIRP Irp)
{
    PIO_STACK_LOCATION Stack = IoGetCurrentIrpStackLocation(Irp);
    ULONG Input = Stack->Parameters.DeviceIoControl.InputBufferLength;
    ULONG Output = Stack->Parameters.DeviceIoControl.OutputBufferLength;
    PUCHAR Bytes = Irp->AssociatedIrp.SystemBuffer;

    UNREFERENCED_PARAMETER(Device);
    if (Stack->Parameters.DeviceIoControl.IoControlCode != KT_IOCTL_INVERT)
        return KtDone(Irp, STATUS_SUCCESS, 0);
    if (Output < Input)
        return KtDone(Irp, STATUS_BUFFER_TOO_SMALL, 0);
    for (ULONG i = 0; i < Input; i++)
        Bytes[i] = (UCHAR)~Bytes[i];
    return KtDone(Irp, STATUS_SUCCESS, Input);
}

static NTSTATUS NTAPI KtDriverEntry(PDRIVER_OBJECT Driver, PUNICODE_STRING RegistryPath)
{
    UNICODE_STRING Name = RTL_CONSTANT_STRING(KT_DEVICE_NAME);
    NTSTATUS Status;

    UNREFERENCED_PARAMETER(RegistryPath);
    KtDriver = Driver;
    Driver->MajorFunction[IRP_MJ_CREATE] = KtOpenClose;
    Driver->MajorFunction[IRP_MJ_CLEANUP] = KtOpenClose;
    Driver->MajorFunction[IRP_MJ_CLOSE] = KtOpenClose;
    Driver->MajorFunction[IRP_MJ_READ] = KtRead;
    Driver->MajorFunction[IRP_MJ_WRITE] = KtWrite;
    Driver->MajorFunction[IRP_MJ_DEVICE_CONTROL] = KtControl;
    Status = IoCreateDevice(Driver, sizeof(KT_DEVICE), &Name, FILE_DEVICE_UNKNOWN, 0, FALSE, &KtObject);
    if (NT_SUCCESS(Status))
        KtObject->Flags |= KtFlags;
    return Status;
}

PKT_DEVICE KtStartDriver(ULONG Flags)
{
    UNICODE_STRING Name = RTL_CONSTANT_STRING(L"\\Driver\\KtIo");
    NTSTATUS Status;

    KtFlags = Flags;
    Status = IoCreateDriver(&Name, KtDriverEntry);
    expect_status(Status, STATUS_SUCCESS);
    return NT_SUCCESS(Status) ? KtObject->DeviceExtension : NULL;
}

VOID KtStopDriver(VOID)
{
    PDRIVER_OBJECT Driver = KtDriver;

    ObReferenceObject(Driver);
    IoDeleteDevice(KtObject);
    ObMakeTemporaryObject(Driver);
    ObDereferenceObject(Driver);
}

PDEVICE_OBJECT KtDeviceObject(VOID)
{
    return KtObject;
}

VOID KtReleaseRead(PKT_DEVICE Device, NTSTATUS Status, ULONG Information)
{
    PIRP Irp = Device->Held;

    Device->Held = NULL;
    expect(IoSetCancelRoutine(Irp, NULL) != NULL);
    Irp->IoStatus.Status = Status;
    Irp->IoStatus.Information = Information;
    IoCompleteRequest(Irp, Device->Boost);
}

NTSTATUS KtOpen(PCWSTR Name, ACCESS_MASK Access, ULONG Options, PHANDLE Handle)
{
    OBJECT_ATTRIBUTES Attributes;
    IO_STATUS_BLOCK IoStatus;
    UNICODE_STRING String;

    RtlInitUnicodeString(&String, Name);
    InitializeObjectAttributes(&Attributes, &String, OBJ_CASE_INSENSITIVE, NULL, NULL);
    return ZwOpenFile(Handle, Access | SYNCHRONIZE, &Attributes, &IoStatus, FILE_SHARE_READ | FILE_SHARE_WRITE,
                      Options);
}
