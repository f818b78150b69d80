// SPDX-License-Identifier: MIT
// Mutants (mutexes): owned by a thread, as often as it has waited for them. SignalState 1: free; 0 and below: owned
// 1 - SignalState times. If the owner ends, the next owner learns that it was abandoned. Source: WDK documentation.

#include "ki.h"

static VOID KiInitializeMutant(PKMUTANT Mutant, BOOLEAN InitialOwner, UCHAR ApcDisable)
{
    KIRQL OldIrql;
    PKTHREAD Thread = KeGetCurrentThread();

    RtlZeroMemory(Mutant, sizeof(*Mutant));
    Mutant->Header.Type = MutantObject;
    Mutant->Header.Size = sizeof(*Mutant) / sizeof(ULONG);
    Mutant->Header.SignalState = !InitialOwner;
    Mutant->ApcDisable = ApcDisable;
    InitializeListHead(&Mutant->Header.WaitListHead);
    if (InitialOwner) {
        OldIrql = KiLockDispatcherDatabase();
        Mutant->OwnerThread = Thread;
        InsertTailList(&Thread->MutantListHead, &Mutant->MutantListEntry);
        KiUnlockDispatcherDatabase(OldIrql);
    }
}

// A mutant for user mode: owning it does not hold off APCs. IRQL <= DISPATCH_LEVEL.
VOID NTAPI KeInitializeMutant(PKMUTANT Mutant, BOOLEAN InitialOwner)
{
    KiInitializeMutant(Mutant, InitialOwner, 0);
}

// A mutex for kernel mode: normal kernel APCs are held off while it is owned. Level is not used (as in NT).
VOID NTAPI KeInitializeMutex(PKMUTEX Mutex, ULONG Level)
{
    UNREFERENCED_PARAMETER(Level);
    KiInitializeMutant(Mutex, FALSE, 1);
}

// The mutant is free again; wakes the next owner.
static VOID KiFreeMutant(PKMUTANT Mutant, PKTHREAD Owner, KPRIORITY Increment)
{
    RemoveEntryList(&Mutant->MutantListEntry);
    Mutant->OwnerThread = NULL;
    Mutant->Header.SignalState = 1;
    Owner->KernelApcDisable += Mutant->ApcDisable;
    KdTrace(Signal, Mutant, Mutant->Header.Type, 0, 0);
    if (!IsListEmpty(&Mutant->Header.WaitListHead))
        KiWaitTest(Mutant, Increment);
}

// Gives the mutant up once.
//
// Abandoned: give it up altogether, on behalf of a thread that ends.  Wait: see KeSetEvent.  IRQL <= DISPATCH_LEVEL.
// Returns the previous state.  Raises STATUS_MUTANT_NOT_OWNED (STATUS_ABANDONED if the mutant is free and abandoned).
LONG NTAPI KeReleaseMutant(PKMUTANT Mutant, KPRIORITY Increment, BOOLEAN Abandoned, BOOLEAN Wait)
{
    PKTHREAD Thread = KeGetCurrentThread();
    KIRQL OldIrql;
    LONG Previous;
    NTSTATUS Status;
    BOOLEAN CheckApc;

    ASSERT_MUTANT(Mutant);
    ASSERT_IRQL_LESS_OR_EQUAL(DISPATCH_LEVEL);
    OldIrql = KiLockDispatcherDatabase();
    Previous = Mutant->Header.SignalState;
    if (Abandoned) {
        Mutant->Abandoned = TRUE;
        if (Mutant->OwnerThread != NULL)
            KiFreeMutant(Mutant, Mutant->OwnerThread, Increment);
    } else if (Mutant->OwnerThread != Thread) {
        Status = Mutant->Abandoned ? STATUS_ABANDONED : STATUS_MUTANT_NOT_OWNED;
        KiUnlockDispatcherDatabase(OldIrql);
        ExRaiseStatus(Status);
    } else if (Previous + 1 == 1) {
        KiFreeMutant(Mutant, Thread, Increment);
    } else {
        Mutant->Header.SignalState++;
    }
    CheckApc = Mutant->ApcDisable != 0 && Thread->KernelApcDisable == 0;
    if (CheckApc)
        KiCheckForKernelApc(Thread);
    KiReleaseDispatcher(OldIrql, Wait);
    return Previous;
}

LONG NTAPI KeReleaseMutex(PKMUTEX Mutex, BOOLEAN Wait)
{
    return KeReleaseMutant(Mutex, MUTANT_INCREMENT, FALSE, Wait);
}

// Any IRQL.
LONG NTAPI KeReadStateMutant(PKMUTANT Mutant)
{
    ASSERT_MUTANT(Mutant);
    return Mutant->Header.SignalState;
}

// Thread ends: whoever waits for a mutant it owns gets it, abandoned. Dispatcher lock held.
VOID KiAbandonMutants(PKTHREAD Thread)
{
    PKMUTANT Mutant;

    while (!IsListEmpty(&Thread->MutantListHead)) {
        Mutant = CONTAINING_RECORD(Thread->MutantListHead.Flink, KMUTANT, MutantListEntry);
        if (Mutant->ApcDisable != 0)
            KeBugCheckEx(THREAD_TERMINATE_HELD_MUTEX, (ULONG_PTR)Thread, (ULONG_PTR)Mutant, 0, 0);
        Mutant->Abandoned = TRUE;
        KiFreeMutant(Mutant, Thread, MUTANT_INCREMENT);
    }
}
