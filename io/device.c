// SPDX-License-Identifier: MIT
// Device objects: made by drivers, named in \Device, stacked on each other. An IRP enters at the top of the stack.
//
//     AttachedDevice points up, DeviceObjectExtension->AttachedTo down; StackSize: how many drivers from here down.
// Source: WDK documentation (IoCreateDevice, IoAttachDeviceToDeviceStack).

#include "iop.h"

KSPIN_LOCK IopDatabaseLock;

#define IOP_DEVICE_SIZE(ExtensionSize) ALIGN_UP_BY(sizeof(DEVICE_OBJECT) + (ExtensionSize), 8)

static BOOLEAN IopIsStorage(DEVICE_TYPE Type)
{
    return Type == FILE_DEVICE_DISK || Type == FILE_DEVICE_CD_ROM;
}

static VOID IopInitializeDevice(PDEVICE_OBJECT Device, PDRIVER_OBJECT Driver, ULONG ExtensionSize, DEVICE_TYPE Type,
                                ULONG Characteristics)
{
    PDEVOBJ_EXTENSION Extension = (PDEVOBJ_EXTENSION)((PCHAR)Device + IOP_DEVICE_SIZE(ExtensionSize));

    Device->Type = IO_TYPE_DEVICE;
    Device->Size = (USHORT)(sizeof(DEVICE_OBJECT) + ExtensionSize);
    Device->DriverObject = Driver;
    Device->DeviceType = Type;
    Device->Characteristics = Characteristics;
    Device->StackSize = 1;
    Device->Flags = DO_DEVICE_INITIALIZING;
    Device->DeviceExtension = ExtensionSize != 0 ? (PVOID)(Device + 1) : NULL;
    Device->DeviceObjectExtension = Extension;
    Device->SectorSize = IopIsStorage(Type) ? (Type == FILE_DEVICE_DISK ? 512 : 2048) : 0;
    Extension->Type = IO_TYPE_DEVICE_OBJECT_EXTENSION;
    Extension->Size = sizeof(*Extension);
    Extension->DeviceObject = Device;
    KeInitializeEvent(&Device->DeviceLock, SynchronizationEvent, TRUE);
    Device->DeviceQueue.Type = DeviceQueueObject;
    Device->DeviceQueue.Size = sizeof(KDEVICE_QUEUE);
    InitializeListHead(&Device->DeviceQueue.DeviceListHead);
    KeInitializeSpinLock(&Device->DeviceQueue.Lock);
}

// Puts the device into the name space (if it has a name) and keeps the creator's reference.
static NTSTATUS IopInsertDevice(PDEVICE_OBJECT Device, PUNICODE_STRING Name)
{
    PVOID Referenced;
    HANDLE Handle;
    NTSTATUS Status;

    if (Name == NULL)
        return STATUS_SUCCESS;
    Device->Flags |= DO_DEVICE_HAS_NAME;
    Status = ObInsertObject(Device, NULL, FILE_READ_DATA, 1, &Referenced, &Handle);
    if (NT_SUCCESS(Status))
        ObCloseHandle(Handle, KernelMode);
    return Status;
}

// Creates a device object for a driver.
//
// Name: in the name space, or NULL for a device that others find through a stack.   Exclusive: one open at a time.
// PASSIVE_LEVEL. DO_DEVICE_INITIALIZING is set: it goes when the driver's entry point returns; later devices clear it
// themselves. IoDeleteDevice ends it. STATUS_OBJECT_NAME_COLLISION, STATUS_INSUFFICIENT_RESOURCES.
NTSTATUS NTAPI IoCreateDevice(PDRIVER_OBJECT Driver, ULONG ExtensionSize, PUNICODE_STRING Name, DEVICE_TYPE Type,
                              ULONG Characteristics, BOOLEAN Exclusive, PDEVICE_OBJECT *Result)
{
    ULONG Size = IOP_DEVICE_SIZE(ExtensionSize) + sizeof(DEVOBJ_EXTENSION);
    ULONG ObjectFlags = OBJ_KERNEL_HANDLE | (Name != NULL ? OBJ_PERMANENT | OBJ_CASE_INSENSITIVE : 0);
    OBJECT_ATTRIBUTES Attributes;
    PDEVICE_OBJECT Device;
    PVPB Vpb = NULL;
    KIRQL OldIrql;
    NTSTATUS Status;

    PAGED_CODE();
    *Result = NULL;
    InitializeObjectAttributes(&Attributes, Name, ObjectFlags, NULL, NULL);
    Status =
        ObCreateObject(KernelMode, IoDeviceObjectType, &Attributes, KernelMode, NULL, Size, 0, 0, (PVOID *)&Device);
    if (!NT_SUCCESS(Status))
        return Status;
    IopInitializeDevice(Device, Driver, ExtensionSize, Type, Characteristics);
    if (Exclusive)
        Device->Flags |= DO_EXCLUSIVE;
    if (IopIsStorage(Type)) {
        Vpb = IopCreateVpb(Device);
        if (Vpb == NULL) {
            ObDereferenceObject(Device);
            return STATUS_INSUFFICIENT_RESOURCES;
        }
    }
    Device->Vpb = Vpb;
    Status = IopInsertDevice(Device, Name);
    if (!NT_SUCCESS(Status))
        return Status; // the insertion has dropped the object, and that its VPB
    ObReferenceObject(Driver);
    KeAcquireSpinLock(&IopDatabaseLock, &OldIrql);
    Device->NextDevice = Driver->DeviceObject;
    Driver->DeviceObject = Device;
    KeReleaseSpinLock(&IopDatabaseLock, OldIrql);
    *Result = Device;
    return STATUS_SUCCESS;
}

// The delete procedure of device objects: the last reference is gone.
//
// PASSIVE_LEVEL.
VOID NTAPI IopDeleteDeviceObject(PVOID Object)
{
    PDEVICE_OBJECT Device = Object;

    if (Device->Vpb != NULL)
        ExFreePoolWithTag(Device->Vpb, TAG_IO_VPB);
}

static VOID IopUnlinkDevice(PDEVICE_OBJECT Device)
{
    PDRIVER_OBJECT Driver = Device->DriverObject;
    KIRQL OldIrql;

    KeAcquireSpinLock(&IopDatabaseLock, &OldIrql);
    for (PDEVICE_OBJECT *Link = &Driver->DeviceObject; *Link != NULL; Link = &(*Link)->NextDevice) {
        if (*Link == Device) {
            *Link = Device->NextDevice;
            break;
        }
    }
    Device->NextDevice = NULL;
    KeReleaseSpinLock(&IopDatabaseLock, OldIrql);
}

static VOID IopFinishDelete(PDEVICE_OBJECT Device)
{
    PDRIVER_OBJECT Driver = Device->DriverObject;

    ObDereferenceObject(Device);
    ObDereferenceObject(Driver);
}

// Deletes a device object: its name goes at once, the object when the last file on it is closed.
//
// PASSIVE_LEVEL; detached from any stack.
VOID NTAPI IoDeleteDevice(PDEVICE_OBJECT Device)
{
    BOOLEAN Now;
    KIRQL OldIrql;

    ASSERT(Device->AttachedDevice == NULL);
    if (Device->Flags & DO_DEVICE_HAS_NAME)
        ObMakeTemporaryObject(Device);
    IopUnlinkDevice(Device);
    KeAcquireSpinLock(&IopDatabaseLock, &OldIrql);
    Device->DeviceObjectExtension->ExtensionFlags |= DOE_DELETE_PENDING;
    Now = Device->ReferenceCount == 0;
    KeReleaseSpinLock(&IopDatabaseLock, OldIrql);
    if (Now)
        IopFinishDelete(Device);
}

// Counts an open on a device, unless it cannot be opened now.
//
// <= DISPATCH_LEVEL. STATUS_NO_SUCH_DEVICE (being made or deleted), STATUS_ACCESS_DENIED (exclusive, and open already).
NTSTATUS NTAPI IopReferenceDeviceForOpen(PDEVICE_OBJECT Device)
{
    NTSTATUS Status = STATUS_SUCCESS;
    KIRQL OldIrql;

    KeAcquireSpinLock(&IopDatabaseLock, &OldIrql);
    if ((Device->Flags & DO_DEVICE_INITIALIZING) ||
        (Device->DeviceObjectExtension->ExtensionFlags & DOE_DELETE_PENDING))
        Status = STATUS_NO_SUCH_DEVICE;
    else if ((Device->Flags & DO_EXCLUSIVE) && Device->ReferenceCount != 0)
        Status = STATUS_ACCESS_DENIED;
    else
        Device->ReferenceCount++;
    KeReleaseSpinLock(&IopDatabaseLock, OldIrql);
    return Status;
}

// Counts one more open on a device that is open already, whatever its state. <= DISPATCH_LEVEL.
VOID IopCountOpen(PDEVICE_OBJECT Device)
{
    KIRQL OldIrql;

    KeAcquireSpinLock(&IopDatabaseLock, &OldIrql);
    Device->ReferenceCount++;
    KeReleaseSpinLock(&IopDatabaseLock, OldIrql);
}

// Undoes an open's count; a device that waits for its deletion goes with the last.
//
// PASSIVE_LEVEL.
VOID IopDereferenceDevice(PDEVICE_OBJECT Device)
{
    BOOLEAN Last;
    KIRQL OldIrql;

    KeAcquireSpinLock(&IopDatabaseLock, &OldIrql);
    ASSERT(Device->ReferenceCount > 0);
    Last = --Device->ReferenceCount == 0 && (Device->DeviceObjectExtension->ExtensionFlags & DOE_DELETE_PENDING);
    KeReleaseSpinLock(&IopDatabaseLock, OldIrql);
    if (Last)
        IopFinishDelete(Device);
}

// Opens the devices that a driver's entry point has made to the world.
//
// PASSIVE_LEVEL.
VOID IopReadyDevices(PDRIVER_OBJECT Driver)
{
    KIRQL OldIrql;

    KeAcquireSpinLock(&IopDatabaseLock, &OldIrql);
    for (PDEVICE_OBJECT Device = Driver->DeviceObject; Device != NULL; Device = Device->NextDevice)
        Device->Flags &= ~DO_DEVICE_INITIALIZING;
    KeReleaseSpinLock(&IopDatabaseLock, OldIrql);
}

// The device at the top of the stack that Device is in.
//
// <= DISPATCH_LEVEL. No reference is taken.
PDEVICE_OBJECT NTAPI IoGetAttachedDevice(PDEVICE_OBJECT Device)
{
    while (Device->AttachedDevice != NULL)
        Device = Device->AttachedDevice;
    return Device;
}

// Puts Source on top of the stack that Target is in.
//
// <= DISPATCH_LEVEL. Returns the device that Source now passes its IRPs to; NULL if Target is on its way out.
PDEVICE_OBJECT NTAPI IoAttachDeviceToDeviceStack(PDEVICE_OBJECT Source, PDEVICE_OBJECT Target)
{
    PDEVICE_OBJECT Top;
    KIRQL OldIrql;

    KeAcquireSpinLock(&IopDatabaseLock, &OldIrql);
    Top = IoGetAttachedDevice(Target);
    if (Top->DeviceObjectExtension->ExtensionFlags & DOE_DELETE_PENDING) {
        Top = NULL;
    } else {
        Top->AttachedDevice = Source;
        Source->DeviceObjectExtension->AttachedTo = Top;
        Source->StackSize = Top->StackSize + 1;
        Source->AlignmentRequirement = Top->AlignmentRequirement;
        Source->SectorSize = Top->SectorSize;
    }
    KeReleaseSpinLock(&IopDatabaseLock, OldIrql);
    return Top;
}

// Takes the device above Target off the stack.
//
// <= DISPATCH_LEVEL. Target: what IoAttachDeviceToDeviceStack returned.
VOID NTAPI IoDetachDevice(PDEVICE_OBJECT Target)
{
    KIRQL OldIrql;

    KeAcquireSpinLock(&IopDatabaseLock, &OldIrql);
    ASSERT(Target->AttachedDevice != NULL);
    Target->AttachedDevice->DeviceObjectExtension->AttachedTo = NULL;
    Target->AttachedDevice = NULL;
    KeReleaseSpinLock(&IopDatabaseLock, OldIrql);
}
