// SPDX-License-Identifier: MIT
// Volumes: a storage device's VPB says which file-system device the volume on it belongs to. The first open that goes
// beyond the device mounts; the device's lock lets only one thread try.
// Source: Windows Internals, "Volume mounting"; WDK documentation (VPB).

#include "iop.h"

// Makes the VPB of a storage device.
//
// PASSIVE_LEVEL. The device object owns it. NULL when there is no memory.
PVPB IopCreateVpb(PDEVICE_OBJECT Device)
{
    PVPB Vpb = ExAllocatePoolZero(NonPagedPool, sizeof(VPB), TAG_IO_VPB);

    if (Vpb == NULL)
        return NULL;
    Vpb->Type = IO_TYPE_VPB;
    Vpb->Size = sizeof(VPB);
    Vpb->RealDevice = Device;
    return Vpb;
}

// A whole disk carries no volume itself: takes its VPB away.
//
// PASSIVE_LEVEL, before anybody has opened the disk.
VOID IopDropVpb(PDEVICE_OBJECT Device)
{
    PVPB Vpb = Device->Vpb;

    ASSERT(Device->ReferenceCount == 0);
    Device->Vpb = NULL;
    if (Vpb != NULL)
        ExFreePoolWithTag(Vpb, TAG_IO_VPB);
}

static NTSTATUS IopMountVolume(PVPB Vpb)
{
    PDEVICE_OBJECT Storage = IoGetAttachedDevice(Vpb->RealDevice);
    NTSTATUS Status = IopAskFileSystems(Vpb, Storage);

    if (!NT_SUCCESS(Status))
        return Status;
    ASSERT(Vpb->DeviceObject != NULL);
    if (Vpb->DeviceObject->StackSize <= Storage->StackSize)
        Vpb->DeviceObject->StackSize = Storage->StackSize + 1;
    Vpb->DeviceObject->Flags &= ~DO_DEVICE_INITIALIZING;
    // Last, and seen last by other processors: opens look at it without the device lock.
    __atomic_store_n(&Vpb->Flags, (USHORT)(Vpb->Flags | VPB_MOUNTED), __ATOMIC_RELEASE);
    return STATUS_SUCCESS;
}

// Counts an open file on a device's volume, mounting it first if that has not been done.
//
// PASSIVE_LEVEL; takes the device lock. *Vpb: IopDereferenceVpb undoes it.
// STATUS_UNRECOGNIZED_VOLUME, STATUS_ACCESS_DENIED (the volume is locked), or the device's error.
NTSTATUS NTAPI IopReferenceMountedVpb(PDEVICE_OBJECT Device, PVPB *Result)
{
    PVPB Vpb = Device->Vpb;
    NTSTATUS Status = STATUS_SUCCESS;

    if ((__atomic_load_n(&Vpb->Flags, __ATOMIC_ACQUIRE) & (VPB_MOUNTED | VPB_LOCKED)) ==
        VPB_MOUNTED) { // the usual case; volumes stay mounted
        InterlockedIncrement((volatile LONG *)&Vpb->ReferenceCount);
        *Result = Vpb;
        return STATUS_SUCCESS;
    }
    KeEnterCriticalRegion();
    KeWaitForever(&Device->DeviceLock, Executive);
    if (!(Vpb->Flags & VPB_MOUNTED))
        Status = IopMountVolume(Vpb);
    else if (Vpb->Flags & VPB_LOCKED)
        Status = STATUS_ACCESS_DENIED;
    if (NT_SUCCESS(Status)) {
        InterlockedIncrement((volatile LONG *)&Vpb->ReferenceCount);
        *Result = Vpb;
    }
    KeSetEvent(&Device->DeviceLock, IO_NO_INCREMENT, FALSE);
    KeLeaveCriticalRegion();
    return Status;
}

// Takes a file off its volume's count.
//
// <= DISPATCH_LEVEL.
VOID IopDereferenceVpb(PVPB Vpb)
{
    LONG Left = InterlockedDecrement((volatile LONG *)&Vpb->ReferenceCount);

    ASSERT(Left >= 0);
    UNREFERENCED_PARAMETER(Left);
}
