// SPDX-License-Identifier: MIT
// Paging I/O for Mm: reads and writes of locked pages, around the cache. They may be made at APC_LEVEL by a thread
// that is in the middle of a fault, so they end without an APC: status block and event are set, or a routine is
// called, where the driver completes. When the pool has no IRP left, one that was made at start-up is used, by one
// transfer after the other: the transfers are what memory is waiting for.

#include "iop.h"

static PIRP IopReserveIrp; // never freed to the pool; given back when its transfer has ended
static KEVENT IopReserveIrpFree;

// Makes the reserve. PASSIVE_LEVEL, once, from IoInitSystem.
BOOLEAN IopInitializePaging(VOID)
{
    KeInitializeEvent(&IopReserveIrpFree, SynchronizationEvent, TRUE);
    IopReserveIrp = ExAllocatePoolZero(NonPagedPool, IOP_RESERVE_IRP_SIZE, TAG_IRP);
    return IopReserveIrp != NULL;
}

// An IRP for a paging transfer; waits for the reserve where the pool has none. NULL: the stack is too deep for that.
static PIRP IopAllocatePagingIrp(CCHAR StackSize)
{
    PIRP Irp = IoAllocateIrp(StackSize, FALSE);

    if (Irp != NULL || StackSize > IOP_RESERVE_STACK_COUNT)
        return Irp;
    KeWaitForever(&IopReserveIrpFree, Executive);
    IopInitializeIrp(IopReserveIrp, IOP_RESERVE_IRP_SIZE, IOP_RESERVE_STACK_COUNT);
    IopReserveIrp->AllocationFlags = IRP_RESERVED;
    return IopReserveIrp;
}

// IoFreeIrp's part for the reserve. <= DISPATCH_LEVEL.
VOID IopReturnReserveIrp(VOID)
{
    KeSetEvent(&IopReserveIrpFree, IO_NO_INCREMENT, FALSE);
}

// The request of a paging transfer, ready for IoCallDriver but for how its end is told. NULL: nothing was started.
static PIRP IopBuildPaging(PFILE_OBJECT File, PMDL Mdl, PLARGE_INTEGER Offset, PIO_STATUS_BLOCK IoStatus, BOOLEAN Write)
{
    PIRP Irp = IopAllocatePagingIrp(IoGetRelatedDeviceObject(File)->StackSize);
    ULONG Pages = BYTES_TO_PAGES(MmGetMdlByteCount(Mdl));
    PIO_STACK_LOCATION Stack;

    ASSERT_IRQL_LESS_OR_EQUAL(APC_LEVEL);
    if (Irp == NULL)
        return NULL;
    Irp->MdlAddress = Mdl;
    Irp->Flags = IRP_PAGING_IO | IRP_NOCACHE | (Write ? IRP_WRITE_OPERATION : IRP_READ_OPERATION);
    Irp->RequestorMode = KernelMode;
    Irp->UserIosb = IoStatus;
    Irp->UserBuffer = MmGetMdlVirtualAddress(Mdl);
    Irp->Tail.Overlay.Thread = PsGetCurrentThread();
    Irp->Tail.Overlay.OriginalFileObject = File;
    Stack = IoGetNextIrpStackLocation(Irp);
    Stack->MajorFunction = Write ? IRP_MJ_WRITE : IRP_MJ_READ;
    Stack->FileObject = File;
    Stack->Parameters.Read.Length = MmGetMdlByteCount(Mdl);
    Stack->Parameters.Read.ByteOffset = *Offset;
    if (Write)
        KdTrace(PageWriteBegin, Irp, File, Offset->QuadPart >> PAGE_SHIFT, Pages);
    else
        KdTrace(PageReadBegin, Irp, File, Offset->QuadPart >> PAGE_SHIFT, Pages);
    return Irp;
}

static NTSTATUS IopPageTransfer(PFILE_OBJECT File, PMDL Mdl, PLARGE_INTEGER Offset, PKEVENT Event,
                                PIO_STATUS_BLOCK IoStatus, BOOLEAN Write)
{
    PIRP Irp = IopBuildPaging(File, Mdl, Offset, IoStatus, Write);

    if (Irp == NULL)
        return STATUS_INSUFFICIENT_RESOURCES;
    Irp->Flags |= IRP_SYNCHRONOUS_PAGING_IO;
    Irp->UserEvent = Event;
    return IoCallDriver(IoGetRelatedDeviceObject(File), Irp);
}

// A paging request is about to end; of those that are no transfer nothing is told. <= DISPATCH_LEVEL.
VOID IopTracePagingEnd(PIRP Irp)
{
    ULONG Thread = KdTraceThreadId(&Irp->Tail.Overlay.Thread->Tcb);

    if (Irp->Flags & IRP_WRITE_OPERATION)
        KdTrace(PageWriteEnd, Irp, Irp->IoStatus.Status, Irp->IoStatus.Information, Thread);
    else if (Irp->Flags & IRP_READ_OPERATION)
        KdTrace(PageReadEnd, Irp, Irp->IoStatus.Status, Irp->IoStatus.Information, Thread);
}

// Starts reading pages of a file into frames that Mdl describes.
//
// Mdl: locked; stays the caller's.   <= APC_LEVEL. If the result is a success (STATUS_PENDING included), Event is set
// and *IoStatus filled when the read has ended; STATUS_INSUFFICIENT_RESOURCES means that nothing was started.
NTSTATUS NTAPI IoPageRead(PFILE_OBJECT File, PMDL Mdl, PLARGE_INTEGER Offset, PKEVENT Event, PIO_STATUS_BLOCK IoStatus)
{
    return IopPageTransfer(File, Mdl, Offset, Event, IoStatus, FALSE);
}

// Starts writing pages of a file from frames that Mdl describes.
//
// As IoPageRead.
NTSTATUS NTAPI IoSynchronousPageWrite(PFILE_OBJECT File, PMDL Mdl, PLARGE_INTEGER Offset, PKEVENT Event,
                                      PIO_STATUS_BLOCK IoStatus)
{
    return IopPageTransfer(File, Mdl, Offset, Event, IoStatus, TRUE);
}

// Starts writing pages of a file and returns: Routine(Context, IoStatus, 0) is called once when the write has ended, or
// could not be started, at <= DISPATCH_LEVEL in any thread, perhaps before this returns. (NT calls it by an APC of the
// thread that asked.)
//
// Mdl, IoStatus: the caller's, nonpaged, until the routine is called.   <= APC_LEVEL.
VOID NTAPI IoAsynchronousPageWrite(PFILE_OBJECT File, PMDL Mdl, PLARGE_INTEGER Offset, PIO_APC_ROUTINE Routine,
                                   PVOID Context, PIO_STATUS_BLOCK IoStatus)
{
    PIRP Irp = IopBuildPaging(File, Mdl, Offset, IoStatus, TRUE);

    if (Irp == NULL) {
        IoStatus->Status = STATUS_INSUFFICIENT_RESOURCES;
        IoStatus->Information = 0;
        Routine(Context, IoStatus, 0);
        return;
    }
    Irp->Overlay.AsynchronousParameters.UserApcRoutine = Routine;
    Irp->Overlay.AsynchronousParameters.UserApcContext = Context;
    (void)IoCallDriver(IoGetRelatedDeviceObject(File), Irp);
}

// Tells a file's file system that its data is on the disk up to Length: FileEndOfFileInformation with AdvanceOnly, as
// the lazy writer sends it. PASSIVE_LEVEL, none of the file system's locks held. The file system's status.
NTSTATUS NTAPI IoSetValidDataLength(PFILE_OBJECT File, PLARGE_INTEGER Length)
{
    FILE_END_OF_FILE_INFORMATION Information = {*Length};
    PDEVICE_OBJECT Device = IoGetRelatedDeviceObject(File);
    PIRP Irp = IoAllocateIrp(Device->StackSize, FALSE);
    IO_STATUS_BLOCK IoStatus = {.Status = STATUS_SUCCESS};
    PIO_STACK_LOCATION Stack;
    KEVENT Event;

    PAGED_CODE();
    if (Irp == NULL)
        return STATUS_INSUFFICIENT_RESOURCES;
    KeInitializeEvent(&Event, NotificationEvent, FALSE);
    Irp->Flags = IRP_PAGING_IO | IRP_SYNCHRONOUS_PAGING_IO;
    Irp->RequestorMode = KernelMode;
    Irp->AssociatedIrp.SystemBuffer = &Information;
    Irp->UserIosb = &IoStatus;
    Irp->UserEvent = &Event;
    Irp->Tail.Overlay.Thread = PsGetCurrentThread();
    Irp->Tail.Overlay.OriginalFileObject = File;
    Stack = IoGetNextIrpStackLocation(Irp);
    Stack->MajorFunction = IRP_MJ_SET_INFORMATION;
    Stack->FileObject = File;
    Stack->Parameters.SetFile.Length = sizeof(Information);
    Stack->Parameters.SetFile.FileInformationClass = FileEndOfFileInformation;
    Stack->Parameters.SetFile.AdvanceOnly = TRUE;
    (void)IoCallDriver(Device, Irp);
    KeWaitForever(&Event, Executive);
    return IoStatus.Status;
}
