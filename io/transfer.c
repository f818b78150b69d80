// SPDX-License-Identifier: MIT
// NtReadFile and NtWriteFile: what they share. Arguments are captured once; a synchronous handle supplies the offset
// that the caller leaves out; a cached file is copied without an IRP if its file system offers that.
// Source: WDK documentation (ZwReadFile, ZwWriteFile).

#include "iop.h"

// Probes status block and buffer and captures offset and key, all in one frame.
//
// Write: data comes from the caller.   <= APC_LEVEL. Offset->QuadPart and *Key are 0 where the caller gave none.
// Fails with the exception's code.
NTSTATUS NTAPI IopCaptureTransfer(PIOP_CALL Call, PVOID Buffer, ULONG Length, PLARGE_INTEGER UserOffset, PULONG UserKey,
                                  BOOLEAN Write, PLARGE_INTEGER Offset, PULONG Key)
{
    volatile NTSTATUS Status = STATUS_SUCCESS;

    Offset->QuadPart = 0;
    *Key = 0;
    SEH_TRY
    {
        if (Call->Mode != KernelMode) {
            IopProbeIoStatus(Call->IoStatus);
            if (Write)
                ProbeForRead(Buffer, Length, 1);
            else
                ProbeForWrite(Buffer, Length, 1);
            if (UserOffset != NULL)
                ProbeForReadType(UserOffset);
            if (UserKey != NULL)
                ProbeForReadType(UserKey);
        }
        if (UserOffset != NULL)
            *Offset = *(volatile LARGE_INTEGER *)UserOffset;
        if (UserKey != NULL)
            *Key = *UserKey;
    }
    SEH_EXCEPT
    {
        Status = SEH_CODE();
    }
    SEH_END
    return Status;
}

// Without intermediate buffering, length, offset and buffer must suit the device.
//
// Any IRQL. STATUS_INVALID_PARAMETER.
NTSTATUS NTAPI IopCheckUncachedTransfer(PIOP_CALL Call, PVOID Buffer, ULONG Length, PLARGE_INTEGER Offset)
{
    ULONG Sector = Call->File->DeviceObject->SectorSize;

    if (Call->Mode == KernelMode || !(Call->File->Flags & FO_NO_INTERMEDIATE_BUFFERING) || Sector == 0)
        return STATUS_SUCCESS;
    if (Length % Sector != 0 || ((ULONG_PTR)Buffer & Call->File->DeviceObject->AlignmentRequirement) != 0)
        return STATUS_INVALID_PARAMETER;
    if (Offset->QuadPart > 0 && (Offset->LowPart & (Sector - 1)) != 0)
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

static VOID IopCountFastTransfer(BOOLEAN Write, ULONG_PTR Bytes)
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
NTSTATUS NTAPI IopResolveOffset(PIOP_CALL Call, BOOLEAN Given, BOOLEAN Write, PLARGE_INTEGER Offset)
{
    PFILE_OBJECT File = Call->File;

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
    return Offset->QuadPart < 0 ? STATUS_INVALID_PARAMETER : STATUS_SUCCESS;
}

// Lets the file system copy from or to the cache without an IRP. TRUE: done, *Status is the service's result.
//
// The call is locked.   PASSIVE_LEVEL.
BOOLEAN IopTryFastTransfer(PIOP_CALL Call, PVOID Buffer, ULONG Length, PLARGE_INTEGER Offset, ULONG Key, BOOLEAN Write,
                           PNTSTATUS Status)
{
    PFAST_IO_DISPATCH Fast;
    PFAST_IO_READ Routine;
    IO_STATUS_BLOCK Result;

    if (Call->File->PrivateCacheMap == NULL || (Call->File->Flags & FO_NO_INTERMEDIATE_BUFFERING))
        return FALSE;
    Call->Device = IopTopDevice(Call->File);
    Fast = Call->Device->DriverObject->FastIoDispatch;
    if (Fast == NULL)
        return FALSE;
    Routine = Write ? Fast->FastIoWrite : Fast->FastIoRead;
    if (Routine == NULL || Call->ApcRoutine != NULL)
        return FALSE;
    if (!Routine(Call->File, Offset, Length, TRUE, Key, Buffer, &Result, Call->Device))
        return FALSE;
    if (NT_ERROR(Result.Status) && Result.Status != STATUS_END_OF_FILE)
        return FALSE; // the long way finds the same error and reports it as it should be

    if (Offset->QuadPart >= 0 && NT_SUCCESS(Result.Status))
        Call->File->CurrentByteOffset.QuadPart = Offset->QuadPart + Result.Information;
    IopCountFastTransfer(Write, Result.Information);
    IGNORE_STATUS(IopWriteIoStatus(Call->IoStatus, &Result));
    if (Call->Event != NULL)
        KeSetEvent(Call->Event, IO_NO_INCREMENT, FALSE);
    *Status = Result.Status;
    return TRUE;
}

static NTSTATUS IopSendTransfer(PIOP_CALL Call, PVOID Buffer, ULONG Length, PLARGE_INTEGER Offset, ULONG Key,
                                BOOLEAN Write)
{
    PIO_STACK_LOCATION Stack;
    NTSTATUS Status = IopAllocateCallIrp(Call, Write ? IRP_MJ_WRITE : IRP_MJ_READ, &Stack);

    if (!NT_SUCCESS(Status))
        return Status;
    Call->Irp->Flags |= Write ? IRP_WRITE_OPERATION : IRP_READ_OPERATION;
    if (Call->File->Flags & FO_NO_INTERMEDIATE_BUFFERING)
        Call->Irp->Flags |= IRP_NOCACHE;
    Stack->Parameters.Read.Length = Length; // Write has the same shape
    Stack->Parameters.Read.Key = Key;
    Stack->Parameters.Read.ByteOffset = *Offset;
    Status = IopAttachTransferBuffer(Call, Buffer, Length, Write);
    if (!NT_SUCCESS(Status))
        return Status;
    return IopSubmitCall(Call, Write ? IopWriteTransfer : IopReadTransfer);
}

// Does a read or a write, from the caller's arguments to the end of the call.
//
// Access: what the handle must grant for a read; a write needs one of FILE_WRITE_DATA and FILE_APPEND_DATA.
// PASSIVE_LEVEL. Call: initialised; IopEndCall is the caller's. Every documented status of ZwReadFile and ZwWriteFile.
NTSTATUS NTAPI IopTransferFile(PIOP_CALL Call, HANDLE Handle, HANDLE Event, PVOID Buffer, ULONG Length,
                               PLARGE_INTEGER UserOffset, PULONG UserKey, BOOLEAN Write)
{
    LARGE_INTEGER Offset;
    ULONG Key;
    NTSTATUS Status = IopCaptureTransfer(Call, Buffer, Length, UserOffset, UserKey, Write, &Offset, &Key);

    if (NT_SUCCESS(Status))
        Status = IopReferenceCall(Call, Handle, Write ? 0 : FILE_READ_DATA, Event);
    if (NT_SUCCESS(Status) && Write && !IopMayWrite(Call))
        Status = STATUS_ACCESS_DENIED;
    if (NT_SUCCESS(Status))
        Status = IopLockCall(Call);
    if (Status != STATUS_SUCCESS)
        return Status;
    Status = IopResolveOffset(Call, UserOffset != NULL, Write, &Offset);
    if (NT_SUCCESS(Status) && (Call->File->Flags & FO_NO_INTERMEDIATE_BUFFERING))
        Status = IopCheckUncachedTransfer(Call, Buffer, Length, &Offset);
    if (!NT_SUCCESS(Status))
        return Status;
    if (Call->Locked && IopTryFastTransfer(Call, Buffer, Length, &Offset, Key, Write, &Status))
        return Status;
    return IopSendTransfer(Call, Buffer, Length, &Offset, Key, Write);
}
