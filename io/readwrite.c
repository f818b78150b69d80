// SPDX-License-Identifier: MIT
// The services NtReadFile, NtWriteFile and NtFlushBuffersFile.
// Source: WDK documentation (ZwReadFile, ZwWriteFile, ZwFlushBuffersFile).

#include "iop.h"

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

// Writes what is buffered for a file (or, for a volume, everything) to the device.
//
// PASSIVE_LEVEL. STATUS_ACCESS_DENIED without FILE_WRITE_DATA or FILE_APPEND_DATA.
NTSTATUS NTAPI NtFlushBuffersFile(HANDLE File, PIO_STATUS_BLOCK IoStatus)
{
    IOP_CALL Call;
    IO_STATUS_BLOCK Local;
    PIO_STACK_LOCATION Stack;
    NTSTATUS Status = IopBeginCall(&Call, File, 0, NULL, NULL, NULL, IoStatus);

    if (!NT_SUCCESS(Status))
        return IopEndCall(&Call, Status);
    if (Call.Mode != KernelMode && !(Call.GrantedAccess & (FILE_WRITE_DATA | FILE_APPEND_DATA)))
        return IopEndCall(&Call, STATUS_ACCESS_DENIED);
    Status = IopLockCall(&Call);
    if (Status != STATUS_SUCCESS)
        return IopEndCall(&Call, Status);
    Status = IopAllocateCallIrp(&Call, IRP_MJ_FLUSH_BUFFERS, &Stack);
    if (NT_SUCCESS(Status)) {
        Status = IopSubmitSynchronous(&Call, &Local);
        if (!NT_ERROR(Status))
            IGNORE_STATUS(IopWriteIoStatus(IoStatus, &Local));
    }
    return IopEndCall(&Call, Status);
}
