// SPDX-License-Identifier: MIT
// Small change of the file services: a process's I/O counters, and writing a status block that a user owns.

#include "iop.h"

// Threads of one process count on several processors at once: a compare-and-exchange, the only 64-bit addition that
// this processor has.
static VOID IopAdd64(ULONGLONG *Counter, ULONG Value)
{
    LONGLONG Old, Seen = *(volatile LONGLONG *)Counter; // read in two halves: a torn value only costs one more round

    do {
        Old = Seen;
        Seen = InterlockedCompareExchange64((volatile LONGLONG *)Counter, Old + Value, Old);
    } while (Seen != Old);
}

// Counts an operation for the current process, and for the system (SystemPerformanceInformation).
//
// Any IRQL.
VOID IopCountOperation(IOP_TRANSFER Transfer)
{
    PIO_COUNTERS Counters = &PsGetCurrentThread()->ThreadsProcess->IoCounters;

    if (Transfer == IopReadTransfer)
        IopAdd64(&Counters->ReadOperationCount, 1);
    else if (Transfer == IopWriteTransfer)
        IopAdd64(&Counters->WriteOperationCount, 1);
    else
        IopAdd64(&Counters->OtherOperationCount, 1);
}

// Counts the bytes an operation moved for the current process.
//
// Any IRQL.
VOID IopCountTransfer(IOP_TRANSFER Transfer, ULONG_PTR Bytes)
{
    PIO_COUNTERS Counters = &PsGetCurrentThread()->ThreadsProcess->IoCounters;

    if (Transfer == IopReadTransfer)
        IopAdd64(&Counters->ReadTransferCount, Bytes);
    else if (Transfer == IopWriteTransfer)
        IopAdd64(&Counters->WriteTransferCount, Bytes);
    else
        IopAdd64(&Counters->OtherTransferCount, Bytes);
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
