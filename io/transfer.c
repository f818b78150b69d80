// SPDX-License-Identifier: MIT
// The services NtReadFile and NtWriteFile. Arguments are captured once; a synchronous handle supplies the offset
// that the caller leaves out; a cached file is copied without an IRP if its file system offers that.
// Source: WDK documentation (ZwReadFile, ZwWriteFile).

#include "iop.h"

typedef struct _IOP_TRANSFER_ARGUMENTS { // what the caller passed, captured; Offset and Key are 0 where it gave none
    PVOID Buffer;
    ULONG Length;
    LARGE_INTEGER Offset;
    ULONG Key;
} IOP_TRANSFER_ARGUMENTS, *PIOP_TRANSFER_ARGUMENTS;

// A kernel caller's pointers are as good as they are.
static VOID IopTakeTransfer(PIOP_TRANSFER_ARGUMENTS Transfer, PLARGE_INTEGER UserOffset, PULONG UserKey)
{
    if (UserOffset != NULL)
        Transfer->Offset = *UserOffset;
    if (UserKey != NULL)
        Transfer->Key = *UserKey;
}

// Probes status block and buffer and captures offset and key. Fails with what a fault says.
FORCEINLINE NTSTATUS IopCaptureTransfer(PIOP_CALL Call, PIOP_TRANSFER_ARGUMENTS Transfer, PLARGE_INTEGER UserOffset,
                                        PULONG UserKey, BOOLEAN Write)
{
    NTSTATUS Status;

    Transfer->Offset.QuadPart = 0;
    Transfer->Key = 0;
    if (Call->Mode == KernelMode) {
        IopTakeTransfer(Transfer, UserOffset, UserKey);
        return STATUS_SUCCESS;
    }
    Status = IopTouchIoStatus(Call);
    if (!NT_SUCCESS(Status))
        return Status;
    Status = Write ? ExCheckUserBuffer(Transfer->Buffer, Transfer->Length)
                   : ExProbeUserBuffer(Transfer->Buffer, Transfer->Length);
    if (NT_SUCCESS(Status) && UserOffset != NULL)
        Status = ExReadUserQuad(&Transfer->Offset.QuadPart, &UserOffset->QuadPart);
    if (NT_SUCCESS(Status) && UserKey != NULL)
        Status = ExReadUserUlong(&Transfer->Key, UserKey);
    return Status;
}

// Without intermediate buffering, length, offset and buffer must suit the device. STATUS_INVALID_PARAMETER.
static NTSTATUS IopCheckUncachedTransfer(PIOP_CALL Call, PIOP_TRANSFER_ARGUMENTS Transfer)
{
    PDEVICE_OBJECT Device = Call->File->DeviceObject;
    ULONG Sector = Device->SectorSize;

    if (Call->Mode == KernelMode || Sector == 0)
        return STATUS_SUCCESS;
    if (Transfer->Length % Sector != 0 || ((ULONG_PTR)Transfer->Buffer & Device->AlignmentRequirement) != 0)
        return STATUS_INVALID_PARAMETER;
    if (Transfer->Offset.QuadPart > 0 && (Transfer->Offset.LowPart & (Sector - 1)) != 0)
        return STATUS_INVALID_PARAMETER;
    return STATUS_SUCCESS;
}

// A handle with either right may write; on a pipe the second bit means FILE_CREATE_PIPE_INSTANCE.
static BOOLEAN IopMayWrite(PIOP_CALL Call)
{
    ACCESS_MASK Enough = FILE_WRITE_DATA | FILE_APPEND_DATA;

    if (Call->File->Flags & FO_NAMED_PIPE)
        Enough = FILE_WRITE_DATA;
    return Call->Mode == KernelMode || (Call->GrantedAccess & Enough);
}

FORCEINLINE VOID IopCountFastTransfer(BOOLEAN Write, ULONG_PTR Bytes)
{
    PIO_COUNTERS Counters = &PsGetCurrentThread()->ThreadsProcess->IoCounters; // as in count.c: may lose a count

    if (Write) {
        Counters->WriteOperationCount++;
        Counters->WriteTransferCount += Bytes;
    } else {
        Counters->ReadOperationCount++;
        Counters->ReadTransferCount += Bytes;
    }
}

static BOOLEAN IopIsSpecialOffset(PLARGE_INTEGER Offset, ULONG Special)
{
    return Offset->HighPart == -1 && Offset->LowPart == Special;
}

// Decides where the transfer begins. A handle that may only append writes at the end whatever it asks for.
//
// Given: the caller passed an offset.   The call is locked if its file object is synchronous.
// STATUS_INVALID_PARAMETER: no offset on an asynchronous handle, or a negative one.
FORCEINLINE NTSTATUS IopResolveOffset(PIOP_CALL Call, PIOP_TRANSFER_ARGUMENTS Transfer, BOOLEAN Given, BOOLEAN Write)
{
    PFILE_OBJECT File = Call->File;
    PLARGE_INTEGER Offset = &Transfer->Offset;

    if (File->Flags & FO_NAMED_PIPE) {
        Offset->QuadPart = 0;
        return STATUS_SUCCESS;
    }
    if (Write && !(Call->GrantedAccess & FILE_WRITE_DATA)) {
        Offset->HighPart = -1;
        Offset->LowPart = FILE_WRITE_TO_END_OF_FILE;
        return STATUS_SUCCESS;
    }
    if (Call->Locked && (!Given || IopIsSpecialOffset(Offset, FILE_USE_FILE_POINTER_POSITION))) {
        *Offset = File->CurrentByteOffset;
        return STATUS_SUCCESS;
    }
    if (!Given)
        return STATUS_INVALID_PARAMETER;
    if (Write && IopIsSpecialOffset(Offset, FILE_WRITE_TO_END_OF_FILE))
        return STATUS_SUCCESS;
    return Offset->HighPart < 0 ? STATUS_INVALID_PARAMETER : STATUS_SUCCESS;
}

// The file system's routine for this transfer without an IRP; NULL if there is none, or an IRP is needed.
FORCEINLINE PFAST_IO_READ IopFastRoutine(PIOP_CALL Call, BOOLEAN Write)
{
    PFAST_IO_DISPATCH Fast;

    if (Call->File->PrivateCacheMap == NULL || (Call->File->Flags & FO_NO_INTERMEDIATE_BUFFERING) ||
        Call->ApcRoutine != NULL)
        return NULL;
    Call->Device = IopTopDevice(Call->File);
    Fast = Call->Device->DriverObject->FastIoDispatch;
    if (Fast == NULL)
        return NULL;
    return Write ? Fast->FastIoWrite : Fast->FastIoRead;
}

// Lets the file system copy from or to the cache without an IRP. TRUE: done, *Status is the service's result.
//
// The call is locked.   PASSIVE_LEVEL.
FORCEINLINE BOOLEAN IopTryFastTransfer(PIOP_CALL Call, PIOP_TRANSFER_ARGUMENTS Transfer, BOOLEAN Write,
                                       PNTSTATUS Status)
{
    PFAST_IO_READ Routine = IopFastRoutine(Call, Write);
    IO_STATUS_BLOCK Result;

    if (Routine == NULL || !Routine(Call->File, &Transfer->Offset, Transfer->Length, TRUE, Transfer->Key,
                                    Transfer->Buffer, &Result, Call->Device))
        return FALSE;
    if (NT_ERROR(Result.Status) && Result.Status != STATUS_END_OF_FILE)
        return FALSE; // the long way finds the same error and reports it as it should be

    if (Transfer->Offset.HighPart >= 0 && NT_SUCCESS(Result.Status))
        Call->File->CurrentByteOffset.QuadPart = Transfer->Offset.QuadPart + Result.Information;
    IopCountFastTransfer(Write, Result.Information);
    IGNORE_STATUS(IopWriteIoStatus(Call->IoStatus, &Result));
    if (Call->Event != NULL)
        KeSetEvent(Call->Event, IO_NO_INCREMENT, FALSE);
    *Status = Result.Status;
    return TRUE;
}

static NTSTATUS IopSendTransfer(PIOP_CALL Call, PIOP_TRANSFER_ARGUMENTS Transfer, BOOLEAN Write)
{
    PIO_STACK_LOCATION Stack;
    NTSTATUS Status = IopAllocateCallIrp(Call, Write ? IRP_MJ_WRITE : IRP_MJ_READ, &Stack);

    if (!NT_SUCCESS(Status))
        return Status;
    Call->Irp->Flags |= Write ? IRP_WRITE_OPERATION : IRP_READ_OPERATION;
    if (Call->File->Flags & FO_NO_INTERMEDIATE_BUFFERING)
        Call->Irp->Flags |= IRP_NOCACHE;
    Stack->Parameters.Read.Length = Transfer->Length; // Write has the same shape
    Stack->Parameters.Read.Key = Transfer->Key;
    Stack->Parameters.Read.ByteOffset = Transfer->Offset;
    Status = IopAttachTransferBuffer(Call, Transfer->Buffer, Transfer->Length, Write);
    if (!NT_SUCCESS(Status))
        return Status;
    return IopSubmitCall(Call, Write ? IopWriteTransfer : IopReadTransfer);
}

// Does a read or a write, from the caller's arguments to the end of the call; inlined, so that each service has one of
// its own. A read needs FILE_READ_DATA, a write one of FILE_WRITE_DATA and FILE_APPEND_DATA.
FORCEINLINE NTSTATUS IopTransferFile(PIOP_CALL Call, HANDLE Handle, HANDLE Event, PVOID Buffer, ULONG Length,
                                     PLARGE_INTEGER UserOffset, PULONG UserKey, BOOLEAN Write)
{
    IOP_TRANSFER_ARGUMENTS Transfer;
    NTSTATUS Status;

    Transfer.Buffer = Buffer;
    Transfer.Length = Length;
    Status = IopCaptureTransfer(Call, &Transfer, UserOffset, UserKey, Write);
    if (NT_SUCCESS(Status))
        Status = IopReferenceCall(Call, Handle, Write ? 0 : FILE_READ_DATA, Event);
    if (NT_SUCCESS(Status) && Write && !IopMayWrite(Call))
        Status = STATUS_ACCESS_DENIED;
    if (NT_SUCCESS(Status))
        Status = IopLockCall(Call);
    if (Status != STATUS_SUCCESS)
        return Status;
    Status = IopResolveOffset(Call, &Transfer, UserOffset != NULL, Write);
    if (NT_SUCCESS(Status) && (Call->File->Flags & FO_NO_INTERMEDIATE_BUFFERING))
        Status = IopCheckUncachedTransfer(Call, &Transfer);
    if (!NT_SUCCESS(Status))
        return Status;
    if (Call->Locked && IopTryFastTransfer(Call, &Transfer, Write, &Status))
        return Status;
    return IopSendTransfer(Call, &Transfer, Write);
}

// Reads from a file, device or pipe.
//
// PASSIVE_LEVEL. STATUS_PENDING on an asynchronous handle: Event, the APC and *IoStatus tell the end.
NTSTATUS NTAPI NtReadFile(HANDLE File, HANDLE Event, PIO_APC_ROUTINE ApcRoutine, PVOID ApcContext,
                          PIO_STATUS_BLOCK IoStatus, PVOID Buffer, ULONG Length, PLARGE_INTEGER ByteOffset, PULONG Key)
{
    IOP_CALL Call;

    PAGED_CODE();
    IopInitializeCall(&Call, ApcRoutine, ApcContext, IoStatus);
    return IopEndCall(&Call, IopTransferFile(&Call, File, Event, Buffer, Length, ByteOffset, Key, FALSE));
}

// Writes to a file, device or pipe. A handle with FILE_APPEND_DATA alone writes at the end of the file.
//
// PASSIVE_LEVEL. STATUS_PENDING as for NtReadFile; STATUS_ACCESS_DENIED without a right to write.
NTSTATUS NTAPI NtWriteFile(HANDLE File, HANDLE Event, PIO_APC_ROUTINE ApcRoutine, PVOID ApcContext,
                           PIO_STATUS_BLOCK IoStatus, PVOID Buffer, ULONG Length, PLARGE_INTEGER ByteOffset, PULONG Key)
{
    IOP_CALL Call;

    PAGED_CODE();
    IopInitializeCall(&Call, ApcRoutine, ApcContext, IoStatus);
    return IopEndCall(&Call, IopTransferFile(&Call, File, Event, Buffer, Length, ByteOffset, Key, TRUE));
}
