// SPDX-License-Identifier: MIT
// NtDeviceIoControlFile and NtFsControlFile: the code's low bits say how the buffers travel, its access bits what the
// handle must grant.
// Source: WDK documentation ("Defining I/O Control Codes", "Buffer Descriptions for I/O Control Codes").

#include "iop.h"

typedef struct _IOP_CONTROL {
    ULONG Code;
    PVOID Input;
    ULONG InputLength;
    PVOID Output;
    ULONG OutputLength;
} IOP_CONTROL, *PIOP_CONTROL;

#define IOP_CONTROL_METHOD(Code) ((Code)&3)
#define IOP_CONTROL_ACCESS(Code) (((Code) >> 14) & 3)

static NTSTATUS IopCheckControlAccess(PIOP_CALL Call, ULONG Code)
{
    ACCESS_MASK Needed = 0;

    if (IOP_CONTROL_ACCESS(Code) & FILE_READ_ACCESS)
        Needed |= FILE_READ_DATA;
    if (IOP_CONTROL_ACCESS(Code) & FILE_WRITE_ACCESS)
        Needed |= FILE_WRITE_DATA;
    if (Call->Mode != KernelMode && (Call->GrantedAccess & Needed) != Needed)
        return STATUS_ACCESS_DENIED;
    return STATUS_SUCCESS;
}

// Probes a user's buffers; one that is not there has no length. METHOD_NEITHER is the driver's own business.
static NTSTATUS IopProbeControl(PIOP_CALL Call, PIOP_CONTROL Control)
{
    ULONG Method = IOP_CONTROL_METHOD(Control->Code);
    volatile NTSTATUS Status = STATUS_SUCCESS;

    if (Method == METHOD_NEITHER)
        return STATUS_SUCCESS;
    if (Control->Input == NULL)
        Control->InputLength = 0;
    if (Control->Output == NULL)
        Control->OutputLength = 0;
    if (Call->Mode == KernelMode)
        return STATUS_SUCCESS;
    SEH_TRY
    {
        ProbeForRead(Control->Input, Control->InputLength, 1);
        if (Method == METHOD_BUFFERED)
            ProbeForWrite(Control->Output, Control->OutputLength, 1);
    }
    SEH_EXCEPT
    {
        Status = SEH_CODE();
    }
    SEH_END
    return Status;
}

// Copies the input into a system buffer that is also long enough for the output.
static NTSTATUS IopBufferControl(PIRP Irp, PIOP_CONTROL Control)
{
    ULONG Length = max_of(Control->InputLength, Control->OutputLength);
    volatile NTSTATUS Status;

    Irp->UserBuffer = Control->Output;
    if (Control->OutputLength != 0)
        Irp->Flags |= IRP_INPUT_OPERATION;
    if (Length == 0)
        return STATUS_SUCCESS;
    Status = IopAttachSystemBuffer(Irp, NULL, Length);
    if (!NT_SUCCESS(Status) || Control->InputLength == 0)
        return Status;
    SEH_TRY
    {
        memcpy(Irp->AssociatedIrp.SystemBuffer, Control->Input, Control->InputLength);
    }
    SEH_EXCEPT
    {
        Status = SEH_CODE();
    }
    SEH_END
    return Status;
}

static NTSTATUS IopAttachControlBuffers(PIOP_CALL Call, PIO_STACK_LOCATION Stack, PIOP_CONTROL Control)
{
    ULONG Method = IOP_CONTROL_METHOD(Control->Code);
    PIRP Irp = Call->Irp;
    NTSTATUS Status = STATUS_SUCCESS;

    if (Method == METHOD_BUFFERED)
        return IopBufferControl(Irp, Control);
    if (Method == METHOD_NEITHER) {
        Stack->Parameters.DeviceIoControl.Type3InputBuffer = Control->Input;
        Irp->UserBuffer = Control->Output;
        return STATUS_SUCCESS;
    }
    if (Control->InputLength != 0)
        Status = IopAttachSystemBuffer(Irp, Control->Input, Control->InputLength);
    if (NT_SUCCESS(Status) && Control->OutputLength != 0)
        Status = IopAttachMdl(Irp, Control->Output, Control->OutputLength, Call->Mode,
                              Method == METHOD_IN_DIRECT ? IoReadAccess : IoWriteAccess);
    return Status;
}

static NTSTATUS IopControlFile(PIOP_CALL Call, PIOP_CONTROL Control, UCHAR MajorFunction)
{
    PIO_STACK_LOCATION Stack;
    NTSTATUS Status = IopCheckControlAccess(Call, Control->Code);

    if (NT_SUCCESS(Status))
        Status = IopProbeControl(Call, Control);
    if (!NT_SUCCESS(Status))
        return Status;
    Status = IopLockCall(Call);
    if (Status != STATUS_SUCCESS)
        return Status;
    Status = IopAllocateCallIrp(Call, MajorFunction, &Stack);
    if (!NT_SUCCESS(Status))
        return Status;
    Stack->Parameters.DeviceIoControl.IoControlCode = Control->Code; // FileSystemControl has the same shape
    Stack->Parameters.DeviceIoControl.InputBufferLength = Control->InputLength;
    Stack->Parameters.DeviceIoControl.OutputBufferLength = Control->OutputLength;
    Status = IopAttachControlBuffers(Call, Stack, Control);
    if (!NT_SUCCESS(Status))
        return Status;
    return IopSubmitCall(Call, IopOtherTransfer);
}

// Sends a device control code to the driver of an open file or device.
//
// PASSIVE_LEVEL. STATUS_PENDING as for NtReadFile; STATUS_ACCESS_DENIED if the code asks for more than the handle
// grants.
NTSTATUS NTAPI NtDeviceIoControlFile(HANDLE File, HANDLE Event, PIO_APC_ROUTINE ApcRoutine, PVOID ApcContext,
                                     PIO_STATUS_BLOCK IoStatus, ULONG Code, PVOID InputBuffer, ULONG InputLength,
                                     PVOID OutputBuffer, ULONG OutputLength)
{
    IOP_CONTROL Control = {Code, InputBuffer, InputLength, OutputBuffer, OutputLength};
    IOP_CALL Call;
    NTSTATUS Status = IopBeginCall(&Call, File, 0, Event, ApcRoutine, ApcContext, IoStatus);

    PAGED_CODE();
    if (NT_SUCCESS(Status))
        Status = IopControlFile(&Call, &Control, IRP_MJ_DEVICE_CONTROL);
    return IopEndCall(&Call, Status);
}

// Sends a file-system control code (FSCTL_*) to the file system of an open file or pipe.
//
// PASSIVE_LEVEL. As NtDeviceIoControlFile.
NTSTATUS NTAPI NtFsControlFile(HANDLE File, HANDLE Event, PIO_APC_ROUTINE ApcRoutine, PVOID ApcContext,
                               PIO_STATUS_BLOCK IoStatus, ULONG Code, PVOID InputBuffer, ULONG InputLength,
                               PVOID OutputBuffer, ULONG OutputLength)
{
    IOP_CONTROL Control = {Code, InputBuffer, InputLength, OutputBuffer, OutputLength};
    IOP_CALL Call;
    NTSTATUS Status = IopBeginCall(&Call, File, 0, Event, ApcRoutine, ApcContext, IoStatus);

    PAGED_CODE();
    if (NT_SUCCESS(Status))
        Status = IopControlFile(&Call, &Control, IRP_MJ_FILE_SYSTEM_CONTROL);
    return IopEndCall(&Call, Status);
}

// Cancels what the calling thread has under way on a file and waits for its end.
//
// PASSIVE_LEVEL.
NTSTATUS NTAPI NtCancelIoFile(HANDLE File, PIO_STATUS_BLOCK IoStatus)
{
    IO_STATUS_BLOCK Result = {.Status = STATUS_SUCCESS, .Information = 0};
    IOP_CALL Call;
    NTSTATUS Status = IopBeginCall(&Call, File, 0, NULL, NULL, NULL, IoStatus);

    PAGED_CODE();
    if (NT_SUCCESS(Status)) {
        IopCancelFileIrps(Call.File);
        Status = IopWriteIoStatus(IoStatus, &Result);
    }
    return IopEndCall(&Call, Status);
}
