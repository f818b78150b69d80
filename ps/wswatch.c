// SPDX-License-Identifier: MIT
// Watching a working set (ProcessWorkingSetWatch): the page faults of a process that brought a page in are noted,
// with the instruction and the page, until somebody asks for them, which empties the list. A list that is full stays
// as it is and says so. While nobody is watched a fault pays nothing: the bit that asks for notes is one of those
// that it tests anyway (KdTraceMask).
// Source: SDK, "InitializeProcessForWsWatch", "GetWsChanges"; the Native API as published (PAGEFAULT_HISTORY).

#include "psp.h"

#define PSP_WATCH_BYTES 8192u
#define PSP_WATCH_RECORDS ((PSP_WATCH_BYTES - sizeof(PAGEFAULT_HISTORY)) / sizeof(PROCESS_WS_WATCH_INFORMATION))
#define TAG_WATCH 0x77577350 // 'PsWw'

static volatile LONG PspWatchedProcesses;

// NtSetInformationProcess(ProcessWorkingSetWatch): from now on, until the process is gone. STATUS_PORT_ALREADY_SET: it
// is watched; STATUS_INFO_LENGTH_MISMATCH: there is nothing to say. IRQL PASSIVE_LEVEL.
NTSTATUS PspStartWorkingSetWatch(PEPROCESS Process, ULONG Length)
{
    PPAGEFAULT_HISTORY History;

    if (Length != 0)
        return STATUS_INFO_LENGTH_MISMATCH;
    History = ExAllocatePoolZero(NonPagedPool, PSP_WATCH_BYTES, TAG_WATCH);
    if (History == NULL)
        return STATUS_INSUFFICIENT_RESOURCES;
    KeInitializeSpinLock(&History->SpinLock);
    History->MaxIndex = PSP_WATCH_RECORDS;
    if (InterlockedCompareExchangePointer((PVOID *)&Process->WorkingSetWatch, History, NULL) != NULL) {
        ExFreePoolWithTag(History, TAG_WATCH);
        return STATUS_PORT_ALREADY_SET;
    }
    InterlockedIncrement(&PspWatchedProcesses);
    InterlockedOr((volatile LONG *)&KdTraceMask, (LONG)KD_TRACE_WATCH);
    return STATUS_SUCCESS;
}

// The process object goes; nobody is in it. IRQL PASSIVE_LEVEL.
VOID PspEndWorkingSetWatch(PEPROCESS Process)
{
    if (Process->WorkingSetWatch == NULL)
        return;
    ExFreePoolWithTag(Process->WorkingSetWatch, TAG_WATCH);
    Process->WorkingSetWatch = NULL;
    if (InterlockedDecrement(&PspWatchedProcesses) == 0)
        InterlockedAnd((volatile LONG *)&KdTraceMask, ~(LONG)KD_TRACE_WATCH);
}

// A fault on Va, which the instruction at Pc caused in the current address space, was resolved: notes it if that is a
// watched process's. IRQL <= APC_LEVEL.
VOID PsWatchWorkingSet(PVOID Pc, PVOID Va)
{
    PPAGEFAULT_HISTORY History = PsGetCurrentProcess()->WorkingSetWatch;
    KIRQL OldIrql;

    if (History == NULL || (ULONG_PTR)Va > (ULONG_PTR)MM_HIGHEST_USER_ADDRESS)
        return;
    OldIrql = KfAcquireSpinLock(&History->SpinLock);
    if (!History->Busy && History->CurrentIndex < History->MaxIndex) {
        History->WatchInfo[History->CurrentIndex].FaultingPc = Pc;
        History->WatchInfo[History->CurrentIndex].FaultingVa = PAGE_ALIGN(Va);
        History->CurrentIndex++;
    } else if (!History->Busy && History->Lost != MAXUSHORT) {
        History->Lost++;
    }
    KfReleaseSpinLock(&History->SpinLock, OldIrql);
}

// Nothing is noted from here on until PspReopen. FALSE: somebody else reads.
static BOOLEAN PspCloseForReading(PPAGEFAULT_HISTORY History)
{
    KIRQL OldIrql = KfAcquireSpinLock(&History->SpinLock);
    BOOLEAN Mine = !History->Busy;

    History->Busy = TRUE;
    KfReleaseSpinLock(&History->SpinLock, OldIrql);
    return Mine;
}

static VOID PspReopen(PPAGEFAULT_HISTORY History, BOOLEAN Empty)
{
    KIRQL OldIrql = KfAcquireSpinLock(&History->SpinLock);

    if (Empty) {
        History->CurrentIndex = 0;
        History->Lost = 0;
    }
    History->Busy = FALSE;
    KfReleaseSpinLock(&History->SpinLock, OldIrql);
}

static NTSTATUS PspCopyHistory(PPAGEFAULT_HISTORY History, PPROCESS_WS_WATCH_INFORMATION User, PULONG ReturnLength)
{
    SEH_TRY
    {
        memcpy(User, History->WatchInfo, History->CurrentIndex * sizeof(*User));
        User[History->CurrentIndex].FaultingPc = NULL;
        User[History->CurrentIndex].FaultingVa = (PVOID)(ULONG_PTR)History->Lost;
        if (ReturnLength != NULL)
            *ReturnLength = (History->CurrentIndex + 1) * sizeof(*User);
    }
    SEH_EXCEPT
    {
        return SEH_CODE();
    }
    SEH_END
    return STATUS_SUCCESS;
}

// NtQueryInformationProcess(ProcessWorkingSetWatch): what was noted since the last question. Behind the last record is
// one with FaultingPc NULL, whose FaultingVa counts those that found no room. IRQL PASSIVE_LEVEL.
// STATUS_UNSUCCESSFUL: not watched; STATUS_BUFFER_TOO_SMALL: the records stay; STATUS_NO_MORE_ENTRIES: another thread
// is reading them.
NTSTATUS PspQueryWorkingSetWatch(PEPROCESS Process, PVOID User, ULONG Length, PULONG ReturnLength)
{
    PPAGEFAULT_HISTORY History = Process->WorkingSetWatch;
    NTSTATUS Status;

    if (History == NULL)
        return STATUS_UNSUCCESSFUL;
    SEH_TRY
    {
        if (ExGetPreviousMode() != KernelMode) {
            ProbeForWrite(User, Length, sizeof(ULONG));
            if (ReturnLength != NULL)
                ProbeForWriteType(ReturnLength);
        }
    }
    SEH_EXCEPT
    {
        return SEH_CODE();
    }
    SEH_END
    if (!PspCloseForReading(History))
        return STATUS_NO_MORE_ENTRIES;
    Status = Length < (History->CurrentIndex + 1) * sizeof(PROCESS_WS_WATCH_INFORMATION)
                 ? STATUS_BUFFER_TOO_SMALL
                 : PspCopyHistory(History, User, ReturnLength);
    PspReopen(History, NT_SUCCESS(Status));
    return Status;
}
