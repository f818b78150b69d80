// SPDX-License-Identifier: MIT
// File systems that want to be asked about volumes, and devices that want to know of the shutdown.
// Source: WDK documentation (IoRegisterFileSystem, IoRegisterShutdownNotification, IRP_MN_MOUNT_VOLUME).

#include "iop.h"

#define IOP_MAX_REGISTERED 16

typedef struct _IOP_REGISTER { // in the order of registration; entries are never removed in this version
    PDEVICE_OBJECT Devices[IOP_MAX_REGISTERED];
    ULONG Count;
} IOP_REGISTER, *PIOP_REGISTER;

static IOP_REGISTER IopFileSystems, IopShutdownDevices;
static FAST_MUTEX IopRegisterMutex;

// Makes the lists.
//
// PASSIVE_LEVEL, once, from IoInitSystem.
VOID IopInitializeRegistry(VOID)
{
    ExInitializeFastMutex(&IopRegisterMutex);
}

static NTSTATUS IopRegister(PIOP_REGISTER Register, PDEVICE_OBJECT Device)
{
    NTSTATUS Status = STATUS_INSUFFICIENT_RESOURCES;

    ExAcquireFastMutex(&IopRegisterMutex);
    if (Register->Count < IOP_MAX_REGISTERED) {
        ObReferenceObject(Device);
        Register->Devices[Register->Count] = Device;
        InterlockedIncrement((volatile LONG *)&Register->Count);
        Status = STATUS_SUCCESS;
    }
    ExReleaseFastMutex(&IopRegisterMutex);
    return Status;
}

// Registers a file system: Device (its control device) is asked to mount the volumes that come up.
//
// PASSIVE_LEVEL.
VOID NTAPI IoRegisterFileSystem(PDEVICE_OBJECT Device)
{
    IGNORE_STATUS(IopRegister(&IopFileSystems, Device)); // sixteen file systems are there already
}

// Registers a device for an IRP_MJ_SHUTDOWN.
//
// PASSIVE_LEVEL. STATUS_INSUFFICIENT_RESOURCES.
NTSTATUS NTAPI IoRegisterShutdownNotification(PDEVICE_OBJECT Device)
{
    NTSTATUS Status = IopRegister(&IopShutdownDevices, Device);

    if (NT_SUCCESS(Status))
        Device->Flags |= DO_SHUTDOWN_REGISTERED;
    return Status;
}

// An IRP without a file object that ends in any context, so that it can be waited for at APC_LEVEL too.
static NTSTATUS IopSendAndWait(PDEVICE_OBJECT Device, PIRP Irp)
{
    IO_STATUS_BLOCK IoStatus;
    KEVENT Done;

    KeInitializeEvent(&Done, NotificationEvent, FALSE);
    Irp->Flags |= IRP_MOUNT_COMPLETION | IRP_SYNCHRONOUS_API;
    Irp->RequestorMode = KernelMode;
    // The request has ended when this function returns.
    Irp->UserIosb = &IoStatus; // cppcheck-suppress autoVariables
    Irp->UserEvent = &Done;    // cppcheck-suppress autoVariables
    Irp->Tail.Overlay.Thread = PsGetCurrentThread();
    IGNORE_STATUS(IoCallDriver(Device, Irp));
    KeWaitForever(&Done, Executive);
    return IoStatus.Status;
}

static NTSTATUS IopAskFileSystem(PDEVICE_OBJECT FileSystem, PVPB Vpb, PDEVICE_OBJECT Storage)
{
    PDEVICE_OBJECT Top = IoGetAttachedDevice(FileSystem);
    PIRP Irp = IoAllocateIrp(Top->StackSize, FALSE);
    PIO_STACK_LOCATION Stack;

    if (Irp == NULL)
        return STATUS_INSUFFICIENT_RESOURCES;
    Stack = IoGetNextIrpStackLocation(Irp);
    Stack->MajorFunction = IRP_MJ_FILE_SYSTEM_CONTROL;
    Stack->MinorFunction = IRP_MN_MOUNT_VOLUME;
    Stack->Parameters.MountVolume.Vpb = Vpb;
    Stack->Parameters.MountVolume.DeviceObject = Storage;
    return IopSendAndWait(Top, Irp);
}

// Asks each file system whether it knows the volume on Storage; the first that does mounts it.
//
// PASSIVE_LEVEL, the device lock held. STATUS_UNRECOGNIZED_VOLUME if none does; an I/O error of the device ends the
// search.
NTSTATUS NTAPI IopAskFileSystems(PVPB Vpb, PDEVICE_OBJECT Storage)
{
    NTSTATUS Status = STATUS_UNRECOGNIZED_VOLUME;

    for (ULONG i = IopFileSystems.Count; i-- > 0;) { // the newest first, as in NT
        Status = IopAskFileSystem(IopFileSystems.Devices[i], Vpb, Storage);
        if (Status != STATUS_UNRECOGNIZED_VOLUME)
            break;
    }
    return Status;
}

static VOID IopNotifyShutdown(PIOP_REGISTER Register)
{
    for (ULONG i = Register->Count; i-- > 0;) {
        PDEVICE_OBJECT Device = IoGetAttachedDevice(Register->Devices[i]);
        PIRP Irp = IopAllocateIrpMustSucceed(Device->StackSize);

        IoGetNextIrpStackLocation(Irp)->MajorFunction = IRP_MJ_SHUTDOWN;
        IGNORE_STATUS(IopSendAndWait(Device, Irp));
    }
}

// Tells drivers and file systems that the system stops; file systems flush all their volumes.
//
// PASSIVE_LEVEL. Returns when everything is on the disks.
VOID IoShutdownSystem(VOID)
{
    IopNotifyShutdown(&IopFileSystems);
    IopNotifyShutdown(&IopShutdownDevices);
}
