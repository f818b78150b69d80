// SPDX-License-Identifier: MIT
// The service NtFlushBuffersFile. Source: WDK documentation (ZwFlushBuffersFile).

#include "iop.h"

// Writes what is buffered for a file (or, for a volume, everything) to the device.
//
// PASSIVE_LEVEL. STATUS_ACCESS_DENIED without FILE_WRITE_DATA or FILE_APPEND_DATA.
NTSTATUS NTAPI NtFlushBuffersFile(HANDLE File, PIO_STATUS_BLOCK IoStatus)
{
    IOP_CALL Call;
    IO_STATUS_BLOCK Local;
    PIO_STACK_LOCATION Stack;
    NTSTATUS Status = IopBeginCall(&Call, File, 0, NULL, NULL, NULL, IoStatus);

    PAGED_CODE();
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
