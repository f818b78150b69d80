// SPDX-License-Identifier: MIT
// Waiting for several objects. WaitAny takes one signal, WaitAll takes all at one moment or none: a thread that waits
// for all of them holds none of them meanwhile.

#include "ki.h"

static VOID KiBuildBlocks(PKI_WAIT Wait, ULONG Count, PVOID Objects[], WAIT_TYPE Type, PKWAIT_BLOCK Blocks)
{
    ULONG Index;

    for (Index = 0; Index < Count; Index++) {
        Blocks[Index].Thread = Wait->Thread;
        Blocks[Index].Object = Objects[Index];
        Blocks[Index].WaitKey = (USHORT)Index;
        Blocks[Index].WaitType = (UCHAR)Type;
        Blocks[Index].NextWaitBlock = &Blocks[Index + 1 == Count ? 0 : Index + 1];
    }
}

// Does the thread own a mutant so often that it cannot take it once more?
static BOOLEAN KiIsMutantExhausted(PVOID Object)
{
    PDISPATCHER_HEADER Header = Object;

    return (Header->Type & 0x7F) == MutantObject && Header->SignalState == MINLONG;
}

// Can the wait end at once? STATUS_PENDING if not. A set with an exhausted mutant is not begun.
static NTSTATUS KiTryObjects(PKI_WAIT Wait, ULONG Count, PVOID Objects[], WAIT_TYPE Type, PKWAIT_BLOCK Blocks)
{
    ULONG Index;

    for (Index = 0; Index < Count; Index++) {
        BOOLEAN Signaled = KiIsObjectSignaled(Objects[Index], Wait->Thread);

        if (Signaled && Type == WaitAny)
            return KiSatisfyObject(Objects[Index], Wait->Thread, (NTSTATUS)Index);
        if (!Signaled && Type == WaitAll)
            return STATUS_PENDING;
        if (Signaled && KiIsMutantExhausted(Objects[Index]))
            return STATUS_MUTANT_LIMIT_EXCEEDED;
    }
    return Type == WaitAll ? KiSatisfyAll(Blocks, Wait->Thread) : STATUS_PENDING;
}

// Waits for any or all of Count objects.
//
// Blocks: Count wait blocks of the caller's (nonpaged, alive until the wait ends) if Count > THREAD_WAIT_OBJECTS.
// Otherwise as KeWaitForSingleObject. Returns STATUS_WAIT_0 + index (any), STATUS_WAIT_0 (all), STATUS_ABANDONED_WAIT_0
// + index, STATUS_TIMEOUT, STATUS_ALERTED or STATUS_USER_APC. Bugchecks if Count is out of range.
NTSTATUS NTAPI KeWaitForMultipleObjects(ULONG Count, PVOID Objects[], WAIT_TYPE WaitType, KWAIT_REASON Reason,
                                        KPROCESSOR_MODE WaitMode, BOOLEAN Alertable, PLARGE_INTEGER Timeout,
                                        PKWAIT_BLOCK WaitBlocks)
{
    PKWAIT_BLOCK Blocks = WaitBlocks != NULL ? WaitBlocks : KeGetCurrentThread()->WaitBlock;
    KI_WAIT Wait;
    NTSTATUS Status;
    ULONG Index;

    if (Count == 0 || Count > (WaitBlocks != NULL ? MAXIMUM_WAIT_OBJECTS : THREAD_WAIT_OBJECTS))
        KeBugCheckEx(MAXIMUM_WAIT_OBJECTS_EXCEEDED, Count, 0, 0, 0);
    KiBeginWait(&Wait, KiEnterWait(KeGetCurrentThread()), Reason, WaitMode, Alertable, Timeout);
    for (;;) {
        if (KiYieldToKernelApc(&Wait))
            continue;
        KiBuildBlocks(&Wait, Count, Objects, WaitType, Blocks);
        Status = KiTryObjects(&Wait, Count, Objects, WaitType, Blocks);
        if (Status != STATUS_PENDING)
            break;
        Status = KiTestAlert(&Wait);
        if (Status != STATUS_SUCCESS)
            break;
        if (Wait.Zero || (Wait.HasTimeout && Wait.DueTime <= KeQueryInterruptTime())) {
            Status = STATUS_TIMEOUT;
            break;
        }
        for (Index = 0; Index < Count; Index++)
            InsertTailList(&((PDISPATCHER_HEADER)Objects[Index])->WaitListHead, &Blocks[Index].WaitListEntry);
        Status = KiCommitWait(&Wait, &Blocks[0], &Blocks[Count - 1]);
        if (Status != STATUS_KERNEL_APC)
            return Status;
        Wait.OldIrql = KiLockDispatcherDatabase();
    }
    KiEndWait(&Wait);
    if (Status == STATUS_MUTANT_LIMIT_EXCEEDED)
        ExRaiseStatus(Status);
    return Status;
}
