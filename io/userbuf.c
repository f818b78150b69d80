// SPDX-License-Identifier: MIT
// A caller's status block and information buffer, touched in one exception frame at the start of a service and one at
// its end.

#include "iop.h"

// Probes status block and information buffer for the answer of a query.
//
// <= APC_LEVEL. Fails with the exception's code.
NTSTATUS NTAPI IopProbeInformation(PIOP_CALL Call, PVOID Information, ULONG Length)
{
    volatile NTSTATUS Status = STATUS_SUCCESS;

    if (Call->Mode == KernelMode)
        return STATUS_SUCCESS;
    SEH_TRY
    {
        IopProbeIoStatus(Call->IoStatus);
        ProbeForWrite(Information, Length, sizeof(ULONG));
    }
    SEH_EXCEPT
    {
        Status = SEH_CODE();
    }
    SEH_END
    return Status;
}

// Copies the information of a set into Buffer; the status block is probed too.
//
// <= APC_LEVEL. Fails with the exception's code.
NTSTATUS NTAPI IopCaptureInformation(PIOP_CALL Call, PVOID Buffer, PVOID Information, ULONG Length)
{
    volatile NTSTATUS Status = STATUS_SUCCESS;

    SEH_TRY
    {
        if (Call->Mode != KernelMode) {
            IopProbeIoStatus(Call->IoStatus);
            ProbeForRead(Information, Length, sizeof(ULONG));
        }
        memcpy(Buffer, Information, Length);
    }
    SEH_EXCEPT
    {
        Status = SEH_CODE();
    }
    SEH_END
    return Status;
}

// Copies Local->Information bytes of a query's answer to the caller, and the status block.
//
// Length: of both buffers.   <= APC_LEVEL. Returns Local->Status, or the exception's code.
NTSTATUS NTAPI IopReturnInformation(PIOP_CALL Call, PVOID Target, PVOID Buffer, ULONG Length, PIO_STATUS_BLOCK Local)
{
    volatile NTSTATUS Status = Local->Status;

    ASSERT(Local->Information <= Length);
    SEH_TRY
    {
        memcpy(Target, Buffer, min_of(Local->Information, Length));
        *Call->IoStatus = *Local;
    }
    SEH_EXCEPT
    {
        Status = SEH_CODE();
    }
    SEH_END
    return Status;
}
