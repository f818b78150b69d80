// SPDX-License-Identifier: MIT
// Driver objects: a table of dispatch routines and a list of devices. For now all drivers are linked into the kernel.
// Source: WDK documentation (DRIVER_OBJECT; IoCreateDriver as published).

#include "iop.h"

// The dispatch routine of every request that a driver does not fill in.
//
// <= DISPATCH_LEVEL. STATUS_INVALID_DEVICE_REQUEST.
NTSTATUS NTAPI IopInvalidDeviceRequest(PDEVICE_OBJECT Device, PIRP Irp)
{
    UNREFERENCED_PARAMETER(Device);
    Irp->IoStatus.Status = STATUS_INVALID_DEVICE_REQUEST;
    Irp->IoStatus.Information = 0;
    IoCompleteRequest(Irp, IO_NO_INCREMENT);
    return STATUS_INVALID_DEVICE_REQUEST;
}

// The delete procedure of driver objects.
//
// PASSIVE_LEVEL; no device of the driver is left.
VOID NTAPI IopDeleteDriver(PVOID Object)
{
    PDRIVER_OBJECT Driver = Object;

    ASSERT(Driver->DeviceObject == NULL);
    if (Driver->DriverName.Buffer != NULL)
        ExFreePoolWithTag(Driver->DriverName.Buffer, TAG_IO_NAME);
}

static NTSTATUS IopInitializeDriverObject(PDRIVER_OBJECT Driver, PUNICODE_STRING Name, PDRIVER_INITIALIZE Initialize)
{
    PDRIVER_EXTENSION Extension = (PDRIVER_EXTENSION)(Driver + 1);

    Driver->Type = IO_TYPE_DRIVER;
    Driver->Size = sizeof(DRIVER_OBJECT);
    Driver->DriverExtension = Extension;
    Extension->DriverObject = Driver;
    Driver->DriverInit = Initialize;
    for (ULONG i = 0; i <= IRP_MJ_MAXIMUM_FUNCTION; i++)
        Driver->MajorFunction[i] = IopInvalidDeviceRequest;
    Driver->DriverName.Buffer = ExAllocatePoolWithTag(PagedPool, Name->Length, TAG_IO_NAME);
    if (Driver->DriverName.Buffer == NULL)
        return STATUS_INSUFFICIENT_RESOURCES;
    Driver->DriverName.MaximumLength = Name->Length;
    RtlCopyUnicodeString(&Driver->DriverName, Name);
    return STATUS_SUCCESS;
}

// Makes the named object; *Result has one reference.
static NTSTATUS IopMakeDriverObject(PUNICODE_STRING Name, PDRIVER_INITIALIZE Initialize, PDRIVER_OBJECT *Result)
{
    OBJECT_ATTRIBUTES Attributes;
    PDRIVER_OBJECT Driver;
    HANDLE Handle;
    NTSTATUS Status;

    InitializeObjectAttributes(&Attributes, Name, OBJ_PERMANENT | OBJ_CASE_INSENSITIVE | OBJ_KERNEL_HANDLE, NULL, NULL);
    Status = ObCreateObject(KernelMode, IoDriverObjectType, &Attributes, KernelMode, NULL,
                            sizeof(DRIVER_OBJECT) + sizeof(DRIVER_EXTENSION), 0, 0, (PVOID *)&Driver);
    if (!NT_SUCCESS(Status))
        return Status;
    Status = IopInitializeDriverObject(Driver, Name, Initialize);
    if (!NT_SUCCESS(Status)) {
        ObDereferenceObject(Driver);
        return Status;
    }
    Status = ObInsertObject(Driver, NULL, FILE_READ_DATA, 1, (PVOID *)Result, &Handle);
    if (NT_SUCCESS(Status))
        ObCloseHandle(Handle, KernelMode);
    return Status;
}

// Makes a driver object and runs the driver's entry point.
//
// DriverName: \Driver\Name or \FileSystem\Name.   PASSIVE_LEVEL.
// The object stays for as long as the name does. On failure (the entry point's status, or the name space's) nothing is
// left, if the driver has cleaned up after itself.
NTSTATUS NTAPI IoCreateDriver(PUNICODE_STRING DriverName, PDRIVER_INITIALIZE Initialize)
{
    PDRIVER_OBJECT Driver;
    NTSTATUS Status = IopMakeDriverObject(DriverName, Initialize, &Driver);

    if (!NT_SUCCESS(Status))
        return Status;
    Status = Initialize(Driver, NULL);
    if (NT_SUCCESS(Status))
        IopReadyDevices(Driver);
    else
        ObMakeTemporaryObject(Driver);
    ObDereferenceObject(Driver); // the name keeps it
    return Status;
}
