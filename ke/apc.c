// SPDX-License-Identifier: MIT
// Asynchronous procedure calls: code that runs in a given thread. Three kinds, strongest first:
//   special kernel APC   no NormalRoutine; runs at APC_LEVEL as soon as the thread's IRQL is below that
//   normal kernel APC    its NormalRoutine runs at PASSIVE_LEVEL, not inside another and not in a critical region
//   user APC             runs in user mode when the thread waits alertably, or has been told to (UserApcPending)
// The lists are under the dispatcher lock. Source: Windows Internals, "APC Interrupts"; WDK (ntifs.h).

#include "ki.h"

// Prepares an APC object. Any IRQL. Mode matters only with a NormalRoutine; without one it is a special kernel APC.
VOID NTAPI KeInitializeApc(PKAPC Apc, PKTHREAD Thread, KAPC_ENVIRONMENT Environment, PKKERNEL_ROUTINE KernelRoutine,
                           PKRUNDOWN_ROUTINE RundownRoutine, PKNORMAL_ROUTINE NormalRoutine, KPROCESSOR_MODE Mode,
                           PVOID NormalContext)
{
    RtlZeroMemory(Apc, sizeof(*Apc));
    Apc->Type = ApcObject;
    Apc->Size = sizeof(*Apc);
    Apc->Thread = Thread;
    Apc->ApcStateIndex = (CCHAR)(Environment == CurrentApcEnvironment ? Thread->ApcStateIndex : Environment);
    Apc->KernelRoutine = KernelRoutine;
    Apc->RundownRoutine = RundownRoutine;
    Apc->NormalRoutine = NormalRoutine;
    Apc->ApcMode = NormalRoutine != NULL ? Mode : KernelMode;
    Apc->NormalContext = NormalRoutine != NULL ? NormalContext : NULL;
}

// Special APCs come before the first normal one, everything else goes to the end. A user APC whose routine no user
// could call is the one that ends the thread (ps/exit.c): it goes first.
static VOID KiLinkApc(PKAPC_STATE State, PKAPC Apc)
{
    PLIST_ENTRY Head = &State->ApcListHead[(ULONG)Apc->ApcMode], Entry;

    if (Apc->ApcMode == UserMode && (ULONG_PTR)Apc->NormalRoutine >= (ULONG_PTR)MM_SYSTEM_RANGE_START) {
        InsertHeadList(Head, &Apc->ApcListEntry);
        return;
    }
    if (Apc->NormalRoutine != NULL) {
        InsertTailList(Head, &Apc->ApcListEntry);
        return;
    }
    for (Entry = Head->Blink; Entry != Head; Entry = Entry->Blink)
        if (CONTAINING_RECORD(Entry, KAPC, ApcListEntry)->NormalRoutine == NULL)
            break;
    InsertHeadList(Entry, &Apc->ApcListEntry);
}

static VOID KiWakeForKernelApc(PKTHREAD Thread, PKAPC Apc, KPRIORITY Increment)
{
    Thread->ApcState.KernelApcPending = TRUE;
    if (Thread == KeGetCurrentThread()) {
        HalRequestSoftwareInterrupt(APC_LEVEL);
    } else if (Thread->State == Running) {
        KiSendIpi(1ul << Thread->NextProcessor, KI_IPI_APC);
    } else if (Thread->State == Waiting && Thread->WaitIrql == PASSIVE_LEVEL && Thread->SpecialApcDisable == 0 &&
               (Apc->NormalRoutine == NULL ||
                (Thread->KernelApcDisable == 0 && !Thread->ApcState.KernelApcInProgress))) {
        KiUnwaitThread(Thread, STATUS_KERNEL_APC, Increment);
    }
}

static VOID KiWakeForUserApc(PKTHREAD Thread, KPRIORITY Increment)
{
    if (Thread->State == Waiting && Thread->WaitMode == UserMode &&
        (Thread->Alertable || Thread->ApcState.UserApcPending)) {
        Thread->ApcState.UserApcPending = TRUE;
        KiUnwaitThread(Thread, STATUS_USER_APC, Increment);
    }
}

// Queues an APC whose arguments are set; the dispatcher lock is held. FALSE if it is queued already.
BOOLEAN KiInsertQueueApc(PKAPC Apc, KPRIORITY Increment)
{
    PKTHREAD Thread = Apc->Thread;

    ASSERT_DISPATCHER_LOCKED();
    if (Apc->Inserted)
        return FALSE;
    if (Apc->ApcStateIndex == InsertApcEnvironment)
        Apc->ApcStateIndex = (CCHAR)Thread->ApcStateIndex;
    Apc->Inserted = TRUE;
    KiLinkApc(Thread->ApcStatePointer[(ULONG)Apc->ApcStateIndex], Apc);
    if ((UCHAR)Apc->ApcStateIndex == Thread->ApcStateIndex) {
        if (Apc->ApcMode == KernelMode)
            KiWakeForKernelApc(Thread, Apc, Increment);
        else
            KiWakeForUserApc(Thread, Increment);
    }
    return TRUE;
}

// Queues the APC with two arguments to its thread.
//
// Increment: boost if it wakes the thread.  IRQL <= DISPATCH_LEVEL.
// Returns FALSE if it is queued already or the thread takes no more APCs (it is ending, or has not begun).
BOOLEAN NTAPI KeInsertQueueApc(PKAPC Apc, PVOID SystemArgument1, PVOID SystemArgument2, KPRIORITY Increment)
{
    KIRQL OldIrql;
    BOOLEAN Inserted = FALSE;

    ASSERT(Apc->Type == ApcObject);
    ASSERT_IRQL_LESS_OR_EQUAL(DISPATCH_LEVEL);
    OldIrql = KiLockDispatcherDatabase();
    if (Apc->Thread->ApcQueueable && !Apc->Inserted) {
        Apc->SystemArgument1 = SystemArgument1;
        Apc->SystemArgument2 = SystemArgument2;
        Inserted = KiInsertQueueApc(Apc, Increment);
    }
    KiUnlockDispatcherDatabase(OldIrql);
    return Inserted;
}

// Takes a queued APC back. IRQL <= DISPATCH_LEVEL. FALSE if it was not queued.
BOOLEAN NTAPI KeRemoveQueueApc(PKAPC Apc)
{
    KIRQL OldIrql = KiLockDispatcherDatabase();
    PKAPC_STATE State = Apc->Thread->ApcStatePointer[(ULONG)Apc->ApcStateIndex];
    BOOLEAN Inserted = Apc->Inserted;

    if (Inserted) {
        Apc->Inserted = FALSE;
        if (RemoveEntryList(&Apc->ApcListEntry)) {
            if (Apc->ApcMode == KernelMode)
                State->KernelApcPending = FALSE;
            else
                State->UserApcPending = FALSE;
        }
    }
    KiUnlockDispatcherDatabase(OldIrql);
    return Inserted;
}

// Empties one of the lists of a thread that is ending; with UserMode, it also takes no more APCs from now on.
// IRQL <= DISPATCH_LEVEL.
// Returns the first entry of a circular list without a head (each KAPC.Inserted is FALSE), or NULL.
PLIST_ENTRY NTAPI KeFlushQueueApc(PKTHREAD Thread, KPROCESSOR_MODE Mode)
{
    KIRQL OldIrql = KiLockDispatcherDatabase();
    PLIST_ENTRY Head = &Thread->ApcState.ApcListHead[(ULONG)Mode], First = NULL, Entry;

    if (Mode == UserMode)
        Thread->ApcQueueable = FALSE;
    if (!IsListEmpty(Head)) {
        for (Entry = Head->Flink; Entry != Head; Entry = Entry->Flink)
            CONTAINING_RECORD(Entry, KAPC, ApcListEntry)->Inserted = FALSE;
        First = Head->Flink;
        RemoveEntryList(Head);
        InitializeListHead(Head);
    }
    KiUnlockDispatcherDatabase(OldIrql);
    return First;
}

// TRUE if normal kernel APCs cannot run now. Any IRQL.
BOOLEAN NTAPI KeAreApcsDisabled(VOID)
{
    PKTHREAD Thread = KeGetCurrentThread();

    return Thread->KernelApcDisable != 0 || Thread->SpecialApcDisable != 0 || KeGetCurrentIrql() >= APC_LEVEL;
}
