// SPDX-License-Identifier: MIT
// Reads and writes of the storage device below: one IRP at a time, made here, waited for here. The IRP's completion
// routine sets the event itself, so that this works at APC_LEVEL and inside paging I/O.

#include "fat.h"

#define FAT_MAXIMUM_TRANSFER 0x10000u // bytes an IRP

static NTSTATUS NTAPI FatTransferDone(PDEVICE_OBJECT Device, PIRP Irp, PVOID Context)
{
    UNREFERENCED_PARAMETER(Device);
    UNREFERENCED_PARAMETER(Irp);
    KeSetEvent(Context, IO_DISK_INCREMENT, FALSE);
    return STATUS_MORE_PROCESSING_REQUIRED;
}

// Sends an IRP of ours down, waits for it, frees it (not its MDL) and returns its status.
static NTSTATUS FatSendIrp(PDEVICE_OBJECT Target, PIRP Irp)
{
    KEVENT Event;
    NTSTATUS Status;

    KeInitializeEvent(&Event, NotificationEvent, FALSE);
    IoSetCompletionRoutine(Irp, FatTransferDone, &Event, TRUE, TRUE, TRUE);
    (void)IoCallDriver(Target, Irp);
    KeWaitForever(&Event, WrExecutive);
    Status = Irp->IoStatus.Status;
    Irp->MdlAddress = NULL;
    IoFreeIrp(Irp);
    return Status;
}

static NTSTATUS FatSendTransfer(PDEVICE_OBJECT Target, BOOLEAN Write, ULONGLONG Lbo, PMDL Mdl, ULONG Length)
{
    PIRP Irp = IoAllocateIrp(Target->StackSize, FALSE);
    PIO_STACK_LOCATION Next;

    if (Irp == NULL)
        return STATUS_INSUFFICIENT_RESOURCES;
    Irp->MdlAddress = Mdl;
    Irp->UserBuffer = MmGetMdlVirtualAddress(Mdl);
    Irp->Flags = IRP_NOCACHE;
    Irp->RequestorMode = KernelMode;
    Irp->Tail.Overlay.Thread = PsGetCurrentThread();
    Next = IoGetNextIrpStackLocation(Irp);
    Next->MajorFunction = Write ? IRP_MJ_WRITE : IRP_MJ_READ;
    Next->Parameters.Read.Length = Length; // Write has the same layout
    Next->Parameters.Read.ByteOffset.QuadPart = (LONGLONG)Lbo;
    return FatSendIrp(Target, Irp);
}

// Moves Length bytes between the device at Lbo and the locked pages of Mdl, from byte Offset of the MDL on.
//
// Lbo and Length: multiples of the sector size.   <= APC_LEVEL. Waits for the disk.
// Returns the device's status, or STATUS_INSUFFICIENT_RESOURCES.
NTSTATUS NTAPI FatTransferMdl(PDEVICE_OBJECT Target, BOOLEAN Write, ULONGLONG Lbo, PMDL Mdl, ULONG Offset, ULONG Length)
{
    PCHAR Va = (PCHAR)MmGetMdlVirtualAddress(Mdl) + Offset;
    NTSTATUS Status = STATUS_SUCCESS;

    ASSERT_IRQL_LESS_OR_EQUAL(APC_LEVEL);
    while (Length != 0 && NT_SUCCESS(Status)) {
        ULONG Piece = min_of(Length, FAT_MAXIMUM_TRANSFER);
        PMDL Part = IoAllocateMdl(Va, Piece, FALSE, FALSE, NULL);

        if (Part == NULL)
            return STATUS_INSUFFICIENT_RESOURCES;
        IoBuildPartialMdl(Mdl, Part, Va, Piece);
        Status = FatSendTransfer(Target, Write, Lbo, Part, Piece);
        IoFreeMdl(Part);
        Va += Piece;
        Lbo += Piece;
        Length -= Piece;
    }
    return Status;
}

// The same for a buffer in nonpaged pool.
NTSTATUS NTAPI FatTransferDevice(PDEVICE_OBJECT Target, BOOLEAN Write, ULONGLONG Lbo, PVOID Buffer, ULONG Length)
{
    PMDL Mdl = IoAllocateMdl(Buffer, Length, FALSE, FALSE, NULL);
    NTSTATUS Status;

    if (Mdl == NULL)
        return STATUS_INSUFFICIENT_RESOURCES;
    MmBuildMdlForNonPagedPool(Mdl);
    Status = FatSendTransfer(Target, Write, Lbo, Mdl, Length);
    IoFreeMdl(Mdl);
    return Status;
}

// The same for a volume. Length: at most FAT_MAXIMUM_TRANSFER.
NTSTATUS NTAPI FatTransferBuffer(PVCB Vcb, BOOLEAN Write, ULONGLONG Lbo, PVOID Buffer, ULONG Length)
{
    ASSERT(Length <= FAT_MAXIMUM_TRANSFER && Lbo + Length <= Vcb->Geometry.VolumeBytes);
    return FatTransferDevice(Vcb->Target, Write, Lbo, Buffer, Length);
}

// Asks the storage device how many bytes it has. PASSIVE_LEVEL.
NTSTATUS NTAPI FatQueryDeviceLength(PDEVICE_OBJECT Target, PULONGLONG Length)
{
    GET_LENGTH_INFORMATION Information;
    IO_STATUS_BLOCK IoStatus;
    KEVENT Event;
    PIRP Irp;
    NTSTATUS Status;

    KeInitializeEvent(&Event, NotificationEvent, FALSE);
    Irp = IoBuildDeviceIoControlRequest(IOCTL_DISK_GET_LENGTH_INFO, Target, NULL, 0, &Information, sizeof(Information),
                                        FALSE, &Event, &IoStatus);
    if (Irp == NULL)
        return STATUS_INSUFFICIENT_RESOURCES;
    Status = IoCallDriver(Target, Irp);
    if (Status == STATUS_PENDING) {
        KeWaitForever(&Event, WrExecutive);
        Status = IoStatus.Status;
    }
    if (NT_SUCCESS(Status))
        *Length = (ULONGLONG)Information.Length.QuadPart;
    return Status;
}

// Asks the device to write its own cache. A device that has none says so, and that is no error. <= APC_LEVEL.
NTSTATUS NTAPI FatFlushDevice(PDEVICE_OBJECT Target)
{
    PIRP Irp = IoAllocateIrp(Target->StackSize, FALSE);
    NTSTATUS Status;

    if (Irp == NULL)
        return STATUS_INSUFFICIENT_RESOURCES;
    Irp->RequestorMode = KernelMode;
    Irp->Tail.Overlay.Thread = PsGetCurrentThread();
    IoGetNextIrpStackLocation(Irp)->MajorFunction = IRP_MJ_FLUSH_BUFFERS;
    Status = FatSendIrp(Target, Irp);
    if (Status == STATUS_INVALID_DEVICE_REQUEST || Status == STATUS_NOT_IMPLEMENTED)
        Status = STATUS_SUCCESS;
    return Status;
}
