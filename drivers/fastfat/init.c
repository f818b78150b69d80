// SPDX-License-Identifier: MIT
// The driver's entry and its one dispatch routine. Every request is handled in the caller's thread, to the end,
// but page-file writes that nobody waits for.

#include "fat.h"

FAT_DATA FatData;

static const PFAT_HANDLER FatHandlers[IRP_MJ_MAXIMUM_FUNCTION + 1] = {
    [IRP_MJ_CREATE] = FatCreate,
    [IRP_MJ_CLEANUP] = FatCleanup,
    [IRP_MJ_CLOSE] = FatClose,
    [IRP_MJ_READ] = FatRead,
    [IRP_MJ_WRITE] = FatWrite,
    [IRP_MJ_QUERY_INFORMATION] = FatQueryInformation,
    [IRP_MJ_SET_INFORMATION] = FatSetInformation,
    [IRP_MJ_DIRECTORY_CONTROL] = FatDirectoryControl,
    [IRP_MJ_QUERY_VOLUME_INFORMATION] = FatQueryVolume,
    [IRP_MJ_FLUSH_BUFFERS] = FatFlushBuffers,
};

// Requests to the file system itself: it can be opened, asked to mount, and told that the system shuts down.
static NTSTATUS FatControlRequest(PIO_STACK_LOCATION Stack)
{
    switch (Stack->MajorFunction) {
    case IRP_MJ_CREATE:
    case IRP_MJ_CLEANUP:
    case IRP_MJ_CLOSE:
        return STATUS_SUCCESS;
    case IRP_MJ_SHUTDOWN:
        FatShutdownVolumes();
        return STATUS_SUCCESS;
    case IRP_MJ_FILE_SYSTEM_CONTROL:
        if (Stack->MinorFunction == IRP_MN_MOUNT_VOLUME)
            return FatMountVolume(Stack->Parameters.MountVolume.DeviceObject, Stack->Parameters.MountVolume.Vpb);
        return STATUS_INVALID_DEVICE_REQUEST;
    default:
        return STATUS_INVALID_DEVICE_REQUEST;
    }
}

// Device controls on a volume handle are the storage device's.
static NTSTATUS FatPassDown(PVCB Vcb, PIRP Irp, PIO_STACK_LOCATION Stack)
{
    if (((PFCB)Stack->FileObject->FsContext)->Header.NodeTypeCode != FAT_NTC_VCB) {
        Irp->IoStatus.Status = STATUS_INVALID_PARAMETER;
        IoCompleteRequest(Irp, IO_NO_INCREMENT);
        return STATUS_INVALID_PARAMETER;
    }
    IoSkipCurrentIrpStackLocation(Irp);
    return IoCallDriver(Vcb->Target, Irp);
}

static BOOLEAN FatIsAsynchronousPaging(PIRP Irp, PIO_STACK_LOCATION Stack)
{
    return Stack->MajorFunction == IRP_MJ_WRITE &&
           (Irp->Flags & (IRP_PAGING_IO | IRP_SYNCHRONOUS_PAGING_IO)) == IRP_PAGING_IO;
}

static NTSTATUS NTAPI FatDispatch(PDEVICE_OBJECT Device, PIRP Irp)
{
    PIO_STACK_LOCATION Stack = IoGetCurrentIrpStackLocation(Irp);
    NTSTATUS Status;

    Irp->IoStatus.Information = 0;
    if (Device != FatData.ControlDevice && Stack->MajorFunction == IRP_MJ_DEVICE_CONTROL)
        return FatPassDown(Device->DeviceExtension, Irp, Stack);
    if (Device != FatData.ControlDevice && FatIsAsynchronousPaging(Irp, Stack) &&
        FatPassPagingWrite(Device->DeviceExtension, Irp, Stack, &Status))
        return Status;
    KeEnterCriticalRegion();
    if (Device == FatData.ControlDevice)
        Status = FatControlRequest(Stack);
    else if (FatHandlers[Stack->MajorFunction] != NULL)
        Status = FatHandlers[Stack->MajorFunction](Device->DeviceExtension, Irp, Stack);
    else
        Status = STATUS_INVALID_DEVICE_REQUEST;
    KeLeaveCriticalRegion();
    Irp->IoStatus.Status = Status;
    IoCompleteRequest(Irp, IO_DISK_INCREMENT);
    return Status;
}

static VOID FatSetDispatch(PDRIVER_OBJECT Driver)
{
    for (ULONG i = 0; i <= IRP_MJ_MAXIMUM_FUNCTION; i++)
        Driver->MajorFunction[i] = FatDispatch;
    FatData.FastIo.SizeOfFastIoDispatch = sizeof(FatData.FastIo);
    FatData.FastIo.FastIoCheckIfPossible = FatFastIoCheckIfPossible;
    FatData.FastIo.FastIoRead = FatFastIoRead;
    FatData.FastIo.FastIoWrite = FatFastIoWrite;
    Driver->FastIoDispatch = &FatData.FastIo;
    FatData.Callbacks.AcquireForLazyWrite = FatAcquireForCache;
    FatData.Callbacks.ReleaseFromLazyWrite = FatReleaseFromCache;
    FatData.Callbacks.AcquireForReadAhead = FatAcquireForCache;
    FatData.Callbacks.ReleaseFromReadAhead = FatReleaseFromCache;
    FatData.MetaCallbacks.AcquireForLazyWrite = FatAcquireMetaForCache;
    FatData.MetaCallbacks.ReleaseFromLazyWrite = FatReleaseMetaFromCache;
    FatData.MetaCallbacks.AcquireForReadAhead = FatAcquireMetaForCache;
    FatData.MetaCallbacks.ReleaseFromReadAhead = FatReleaseMetaFromCache;
}

// Makes \Fat, the device that Io sends mount requests to. PASSIVE_LEVEL, once.
NTSTATUS NTAPI FatDriverEntry(PDRIVER_OBJECT Driver, PUNICODE_STRING RegistryPath)
{
    static UNICODE_STRING Name = RTL_CONSTANT_STRING(L"\\Fat");
    NTSTATUS Status;

    UNREFERENCED_PARAMETER(RegistryPath);
    FatData.Driver = Driver;
    KeInitializeSpinLock(&FatData.Lock);
    InitializeListHead(&FatData.Volumes);
    FatInitializeLazyFlush();
    FatSetDispatch(Driver);
    Status = IoCreateDevice(Driver, 0, &Name, FILE_DEVICE_DISK_FILE_SYSTEM, 0, FALSE, &FatData.ControlDevice);
    if (!NT_SUCCESS(Status))
        return Status;
    Status = IoRegisterShutdownNotification(FatData.ControlDevice);
    if (!NT_SUCCESS(Status)) {
        IoDeleteDevice(FatData.ControlDevice);
        return Status;
    }
    IoRegisterFileSystem(FatData.ControlDevice);
    return STATUS_SUCCESS;
}
