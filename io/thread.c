// SPDX-License-Identifier: MIT
// Each thread's list of the IRPs it has under way. Only the thread itself touches its list, at APC_LEVEL, where the
// completion APC that takes an IRP off cannot come in between: that is why the list needs no lock.

#include "iop.h"

#define IOP_CANCEL_POLL_100NS 10000 // 1 ms between two looks at a list that should become empty

// Puts an IRP on the current thread's list.
//
// <= APC_LEVEL.
VOID IopQueueThreadIrp(PIRP Irp)
{
    KIRQL OldIrql = KfRaiseIrql(APC_LEVEL);

    InsertHeadList(&PsGetCurrentThread()->IrpList, &Irp->ThreadListEntry);
    KeLowerIrql(OldIrql);
}

// Takes an IRP off its thread's list; harmless for one that is on none.
//
// APC_LEVEL, in the IRP's thread.
VOID IopDequeueThreadIrp(PIRP Irp)
{
    RemoveEntryList(&Irp->ThreadListEntry);
    InitializeListHead(&Irp->ThreadListEntry);
}

// Counts the current thread's IRPs for a file (NULL: all), cancelling them if asked to. A finished IRP whose APC
// waits is still on the list, and another processor may be laying that APC over its tail at this moment: the file is
// therefore read from the first driver's stack location, which stays.
static ULONG IopScanThreadIrps(PFILE_OBJECT File, BOOLEAN Cancel)
{
    PETHREAD Thread = PsGetCurrentThread();
    KIRQL OldIrql = KfRaiseIrql(APC_LEVEL);
    ULONG Count = 0;

    for (PLIST_ENTRY Entry = Thread->IrpList.Flink; Entry != &Thread->IrpList;) {
        PIRP Irp = CONTAINING_RECORD(Entry, IRP, ThreadListEntry);

        Entry = Entry->Flink;
        if (File != NULL && ((PIO_STACK_LOCATION)(Irp + 1) + Irp->StackCount - 1)->FileObject != File)
            continue;
        Count++;
        if (Cancel)
            IoCancelIrp(Irp);
    }
    KeLowerIrql(OldIrql); // completions that were waiting for this run here
    return Count;
}

static VOID IopCancelUntilNone(PFILE_OBJECT File)
{
    LARGE_INTEGER Interval = {.QuadPart = -IOP_CANCEL_POLL_100NS};

    while (IopScanThreadIrps(File, TRUE) != 0 && IopScanThreadIrps(File, FALSE) != 0)
        IGNORE_STATUS(KeDelayExecutionThread(KernelMode, FALSE, &Interval));
}

// Cancels what the current thread has under way on a file and waits until it has ended.
//
// PASSIVE_LEVEL.
VOID IopCancelFileIrps(PFILE_OBJECT File)
{
    IopCancelUntilNone(File);
}

// The exiting thread: cancels its IRPs and waits until the last has come home.
//
// Thread: the current thread.   PASSIVE_LEVEL, APCs enabled. A driver that never completes an IRP keeps the thread.
VOID NTAPI IoCancelThreadIo(PETHREAD Thread)
{
    ASSERT(Thread == PsGetCurrentThread());
    if (IsListEmpty(&Thread->IrpList))
        return;
    IopCancelUntilNone(NULL);
}
