// SPDX-License-Identifier: MIT
// Small change of the file services: a process's I/O counters, and writing a status block that a user owns.

#include "iop.h"

// GCC has no inline 64-bit addition for this processor, only the exchange.
// Counts an operation for the current process. Not interlocked: a statistic may lose a count, a read may not lose time.
//
// Any IRQL.
VOID IopCountOperation(IOP_TRANSFER Transfer)
{
    PIO_COUNTERS Counters = &PsGetCurrentThread()->ThreadsProcess->IoCounters;

    if (Transfer == IopReadTransfer)
        Counters->ReadOperationCount++;
    else if (Transfer == IopWriteTransfer)
        Counters->WriteOperationCount++;
    else
        Counters->OtherOperationCount++;
}

// Counts the bytes an operation moved for the current process.
//
// Any IRQL.
VOID IopCountTransfer(IOP_TRANSFER Transfer, ULONG_PTR Bytes)
{
    PIO_COUNTERS Counters = &PsGetCurrentThread()->ThreadsProcess->IoCounters;

    if (Transfer == IopReadTransfer)
        Counters->ReadTransferCount += Bytes;
    else if (Transfer == IopWriteTransfer)
        Counters->WriteTransferCount += Bytes;
    else
        Counters->OtherTransferCount += Bytes;
}

// Writes a status block where the caller wants it; Target may be a user address that is no longer there, or NULL.
//
// <= APC_LEVEL. Returns the exception's code on failure.
NTSTATUS NTAPI IopWriteIoStatus(PIO_STATUS_BLOCK Target, PIO_STATUS_BLOCK Value)
{
    volatile NTSTATUS Status = STATUS_SUCCESS;

    if (Target == NULL)
        return STATUS_SUCCESS;
    SEH_TRY
    {
        Target->Information = Value->Information;
        Target->Status = Value->Status;
    }
    SEH_EXCEPT
    {
        Status = SEH_CODE();
    }
    SEH_END
    return Status;
}
