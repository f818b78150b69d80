// SPDX-License-Identifier: MIT
// The kernel's part of a process: an address space and a set of threads; and borrowing another one's address space.

#include "ki.h"

// Prepares a process object (zeroed by the caller). DirectoryTableBase: physical address for CR3, 0 if set later.
// Any IRQL.
VOID KeInitializeProcess(PKPROCESS Process, KPRIORITY Priority, KAFFINITY Affinity, ULONG DirectoryTableBase)
{
    Process->Header.Type = ProcessObject;
    Process->Header.Size = sizeof(*Process) / sizeof(ULONG);
    InitializeListHead(&Process->Header.WaitListHead);
    InitializeListHead(&Process->ProfileListHead);
    InitializeListHead(&Process->ReadyListHead);
    InitializeListHead(&Process->ThreadListHead);
    Process->BasePriority = (SCHAR)Priority;
    Process->Affinity = Affinity;
    Process->QuantumReset = THREAD_QUANTUM;
    Process->DirectoryTableBase = DirectoryTableBase;
}

// Signals the process: it has ended. IRQL <= DISPATCH_LEVEL. Returns the previous state.
LONG KeSetProcess(PKPROCESS Process, KPRIORITY Increment)
{
    KIRQL OldIrql = KiLockDispatcherDatabase();
    LONG Previous = Process->Header.SignalState;

    ASSERT_PROCESS(Process);
    Process->Header.SignalState = 1;
    KdTrace(Signal, Process, ProcessObject, 0, 0);
    if (Previous == 0 && !IsListEmpty(&Process->Header.WaitListHead))
        KiWaitTest(Process, Increment);
    KiUnlockDispatcherDatabase(OldIrql);
    return Previous;
}

// As in i386/switch.asm. Dispatcher lock held.
static VOID KiLoadAddressSpace(PKPROCESS Process)
{
    PKPRCB Prcb = KeGetCurrentPrcb();
    PKPROCESS Old = Prcb->LoadedProcess;

    if (Prcb->LoadedDirectory != Process->DirectoryTableBase) {
        Prcb->LoadedDirectory = Process->DirectoryTableBase;
        Prcb->LoadedProcess = Process;
        Process->ActiveProcessors |= Prcb->SetMember;
        KiWriteCr3(Process->DirectoryTableBase);
        Old->ActiveProcessors &= ~Prcb->SetMember;
    }
}

static VOID KiMoveApcList(PLIST_ENTRY To, PLIST_ENTRY From)
{
    if (IsListEmpty(From)) {
        InitializeListHead(To);
        return;
    }
    *To = *From;
    To->Flink->Blink = To;
    To->Blink->Flink = To;
    InitializeListHead(From);
}

static VOID KiMoveApcState(PKAPC_STATE To, PKAPC_STATE From)
{
    *To = *From;
    KiMoveApcList(&To->ApcListHead[KernelMode], &From->ApcListHead[KernelMode]);
    KiMoveApcList(&To->ApcListHead[UserMode], &From->ApcListHead[UserMode]);
}

static VOID KiEnterProcess(PKTHREAD Thread, PKPROCESS Process)
{
    InitializeListHead(&Thread->ApcState.ApcListHead[KernelMode]);
    InitializeListHead(&Thread->ApcState.ApcListHead[UserMode]);
    Thread->ApcState.Process = Process;
    Thread->ApcState.KernelApcInProgress = FALSE;
    Thread->ApcState.KernelApcPending = FALSE;
    Thread->ApcState.UserApcPending = FALSE;
    Process->StackCount++;
    Process->AttachCount++;
    KiLoadAddressSpace(Process);
}

// Attached to the current process already: nothing to undo.
#define KI_ATTACH_NESTED ((PKPROCESS)1)

static BOOLEAN KiStackAttachProcess(PKPROCESS Process, PKAPC_STATE State, BOOLEAN Wait)
{
    PKTHREAD Thread = KeGetCurrentThread();
    KIRQL OldIrql;

    ASSERT_PROCESS(Process);
    ASSERT_IRQL_LESS_OR_EQUAL(APC_LEVEL);
    if (Thread->ApcState.Process == Process) {
        State->Process = KI_ATTACH_NESTED;
        return TRUE;
    }
    OldIrql = KiLockDispatcherDatabase();
    while (__builtin_expect(Process->State != ProcessInMemory, 0)) {
        if (!Wait) {
            KiUnlockDispatcherDatabase(OldIrql);
            return FALSE;
        }
        KiWaitForProcess(Process, OldIrql);
        OldIrql = KiLockDispatcherDatabase();
    }
    if (Thread->ApcStateIndex == OriginalApcEnvironment) {
        KiMoveApcState(&Thread->SavedApcState, &Thread->ApcState);
        Thread->ApcStatePointer[OriginalApcEnvironment] = &Thread->SavedApcState;
        Thread->ApcStatePointer[AttachedApcEnvironment] = &Thread->ApcState;
        Thread->ApcStateIndex = AttachedApcEnvironment;
        State->Process = NULL;
    } else {
        KiMoveApcState(State, &Thread->ApcState);
    }
    KiEnterProcess(Thread, Process);
    KiUnlockDispatcherDatabase(OldIrql);
    return TRUE;
}

// Puts the current thread into another process's address space until KeUnstackDetachProcess. Nests.
//
// State: storage for the way back, owned by the caller.  IRQL <= APC_LEVEL; not from a DPC. Waits for a process that is
// out of memory to come in; who must not wait uses KeTryToStackAttachProcess.
VOID NTAPI KeStackAttachProcess(PKPROCESS Process, PKAPC_STATE State)
{
    (VOID) KiStackAttachProcess(Process, State, TRUE);
}

// The same, but a process that is out stays there: FALSE, and nothing is to be undone. IRQL <= APC_LEVEL.
BOOLEAN KeTryToStackAttachProcess(PKPROCESS Process, PKAPC_STATE State)
{
    return KiStackAttachProcess(Process, State, FALSE);
}

// Returns to where the thread was before the matching KeStackAttachProcess. Kernel APCs queued to the attached
// environment have run. IRQL <= APC_LEVEL.
VOID NTAPI KeUnstackDetachProcess(PKAPC_STATE State)
{
    PKTHREAD Thread = KeGetCurrentThread();
    KIRQL OldIrql;

    if (State->Process == KI_ATTACH_NESTED)
        return;
    ASSERT_IRQL_LESS_OR_EQUAL(APC_LEVEL);
    ASSERT(Thread->ApcStateIndex == AttachedApcEnvironment);
    OldIrql = KiLockDispatcherDatabase();
    while (Thread->ApcState.KernelApcPending && OldIrql < APC_LEVEL && Thread->SpecialApcDisable == 0) {
        HalRequestSoftwareInterrupt(APC_LEVEL);
        KiUnlockDispatcherDatabase(OldIrql);
        OldIrql = KiLockDispatcherDatabase();
    }
    ASSERT(IsListEmpty(&Thread->ApcState.ApcListHead[UserMode]));
    Thread->ApcState.Process->StackCount--;
    if (State->Process == NULL) {
        KiMoveApcState(&Thread->ApcState, &Thread->SavedApcState);
        Thread->SavedApcState.Process = NULL;
        Thread->ApcStatePointer[OriginalApcEnvironment] = &Thread->ApcState;
        Thread->ApcStatePointer[AttachedApcEnvironment] = &Thread->SavedApcState;
        Thread->ApcStateIndex = OriginalApcEnvironment;
    } else {
        KiMoveApcState(&Thread->ApcState, State);
    }
    KiLoadAddressSpace(Thread->ApcState.Process);
    if (!IsListEmpty(&Thread->ApcState.ApcListHead[KernelMode])) {
        Thread->ApcState.KernelApcPending = TRUE;
        HalRequestSoftwareInterrupt(APC_LEVEL);
    }
    KiUnlockDispatcherDatabase(OldIrql);
}
