// SPDX-License-Identifier: MIT
// The end of a file object's life: IRP_MJ_CLEANUP when the last handle is closed, IRP_MJ_CLOSE when the last reference
// is gone. Also stream files, which file systems make for their own cached data.
// Source: WDK documentation (IRP_MJ_CLEANUP, IRP_MJ_CLOSE, IoCreateStreamFileObject).

#include "iop.h"

// The device that a file's requests go to first: the file system's if the file is on a volume, and always the top of
// that device's stack.
//
// <= DISPATCH_LEVEL.
PDEVICE_OBJECT IopTopDevice(PFILE_OBJECT File)
{
    if (File->Flags & FO_DIRECT_DEVICE_OPEN)
        return IoGetAttachedDevice(File->DeviceObject);
    return IoGetRelatedDeviceObject(File);
}

// As the WDK says: the top of the stack of the file's file system, or of its device where there is none.
//
// <= DISPATCH_LEVEL. No reference is taken; the file keeps the device.
PDEVICE_OBJECT NTAPI IoGetRelatedDeviceObject(PFILE_OBJECT File)
{
    PDEVICE_OBJECT Device = File->DeviceObject;

    if (File->Vpb != NULL && File->Vpb->DeviceObject != NULL)
        Device = File->Vpb->DeviceObject;
    else if (!(File->Flags & FO_DIRECT_DEVICE_OPEN) && Device->Vpb != NULL && Device->Vpb->DeviceObject != NULL)
        Device = Device->Vpb->DeviceObject;
    return IoGetAttachedDevice(Device);
}

// Sends a cleanup or a close: it must arrive, and whatever the driver says, the file goes on towards its end.
static VOID IopSendEnd(PFILE_OBJECT File, UCHAR MajorFunction)
{
    PDEVICE_OBJECT Device = IopTopDevice(File);
    PIRP Irp = IopAllocateIrpMustSucceed(Device->StackSize);
    PIO_STACK_LOCATION Stack = IoGetNextIrpStackLocation(Irp);
    IO_STATUS_BLOCK IoStatus;
    KEVENT Done;

    KeInitializeEvent(&Done, NotificationEvent, FALSE);
    Irp->Flags = IRP_CLOSE_OPERATION | IRP_SYNCHRONOUS_API;
    Irp->RequestorMode = KernelMode;
    Irp->UserIosb = &IoStatus;
    Irp->UserEvent = &Done;
    Irp->Tail.Overlay.Thread = PsGetCurrentThread();
    Irp->Tail.Overlay.OriginalFileObject = File;
    Stack->MajorFunction = MajorFunction;
    Stack->FileObject = File;
    IGNORE_STATUS(IoCallDriver(Device, Irp));
    KeWaitForever(&Done, Executive);
}

// The close procedure of file objects: the last handle in the system takes the cleanup with it.
//
// PASSIVE_LEVEL.
VOID NTAPI IopCloseFile(PEPROCESS Process, PVOID Object, ACCESS_MASK GrantedAccess, ULONG ProcessHandleCount,
                        ULONG SystemHandleCount)
{
    PFILE_OBJECT File = Object;

    UNREFERENCED_PARAMETER(Process);
    UNREFERENCED_PARAMETER(GrantedAccess);
    UNREFERENCED_PARAMETER(ProcessHandleCount);
    if (SystemHandleCount != 1 || File->DeviceObject == NULL || (File->Flags & FO_CLEANUP_COMPLETE))
        return;
    IoSetFileFlags(File, FO_HANDLE_CREATED | FO_CLEANUP_COMPLETE);
    IopSendEnd(File, IRP_MJ_CLEANUP);
}

// The delete procedure of file objects.
//
// PASSIVE_LEVEL. A file object that never got a handle has its cleanup first.
VOID NTAPI IopDeleteFile(PVOID Object)
{
    PFILE_OBJECT File = Object;
    PDEVICE_OBJECT Device = File->DeviceObject;

    ASSERT(File->Type == IO_TYPE_FILE || Device == NULL);
    if (Device != NULL) {
        if (!(File->Flags & FO_CLEANUP_COMPLETE)) {
            IoSetFileFlags(File, FO_CLEANUP_COMPLETE);
            IopSendEnd(File, IRP_MJ_CLEANUP);
        }
        IopSendEnd(File, IRP_MJ_CLOSE);
    }
    if (File->FileName.Buffer != NULL)
        ExFreePool(File->FileName.Buffer); // the file system may have put another in place
    if (File->Vpb != NULL)
        IopDereferenceVpb(File->Vpb);
    if (Device != NULL)
        IopDereferenceDevice(Device);
}

// Makes a file object for a file system's own use of the cache (FAT, directories). It has no handle and gets no
// cleanup, only an IRP_MJ_CLOSE with FO_STREAM_FILE set when its last reference is dropped.
//
// File: an open file on the volume, or NULL: then Device is the storage device the volume is on.   PASSIVE_LEVEL.
// Returns a referenced file object, NULL when there is no memory.
PFILE_OBJECT NTAPI IoCreateStreamFileObject(PFILE_OBJECT File, PDEVICE_OBJECT Device)
{
    OBJECT_ATTRIBUTES Attributes;
    PFILE_OBJECT Stream;

    InitializeObjectAttributes(&Attributes, NULL, 0, NULL, NULL);
    if (!NT_SUCCESS(ObCreateObject(KernelMode, IoFileObjectType, &Attributes, KernelMode, NULL, sizeof(FILE_OBJECT), 0,
                                   0, (PVOID *)&Stream)))
        return NULL;
    if (File != NULL)
        Device = File->DeviceObject;
    Stream->Type = IO_TYPE_FILE;
    Stream->Size = sizeof(FILE_OBJECT);
    Stream->DeviceObject = Device;
    Stream->Flags = FO_STREAM_FILE | FO_HANDLE_CREATED | FO_CLEANUP_COMPLETE;
    KeInitializeEvent(&Stream->Lock, SynchronizationEvent, FALSE);
    KeInitializeEvent(&Stream->Event, NotificationEvent, FALSE);
    InitializeListHead(&Stream->IrpList);
    IopCountOpen(Device);
    if (File != NULL && File->Vpb != NULL) {
        Stream->Vpb = File->Vpb;
        InterlockedIncrement((volatile LONG *)&Stream->Vpb->ReferenceCount);
    }
    return Stream;
}
