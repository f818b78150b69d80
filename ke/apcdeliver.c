// SPDX-License-Identifier: MIT
// Delivering APCs in the current thread, and the regions that hold them off. Source: as apc.c.

#include "ki.h"

static PKAPC KiFirstApc(PKTHREAD Thread, KPROCESSOR_MODE Mode)
{
    PLIST_ENTRY Head = &Thread->ApcState.ApcListHead[(ULONG)Mode];

    return IsListEmpty(Head) ? NULL : CONTAINING_RECORD(Head->Flink, KAPC, ApcListEntry);
}

static VOID KiUnlinkApc(PKAPC Apc)
{
    RemoveEntryList(&Apc->ApcListEntry);
    Apc->Inserted = FALSE;
}

// Delivers the first kernel APC if it may run. APC_LEVEL. FALSE: nothing (more) to deliver.
static BOOLEAN KiDeliverKernelApc(PKTHREAD Thread)
{
    KIRQL OldIrql = KiLockDispatcherDatabase();
    PKAPC Apc = KiFirstApc(Thread, KernelMode);
    PKNORMAL_ROUTINE NormalRoutine;
    PKKERNEL_ROUTINE KernelRoutine;
    PVOID Context, Argument1, Argument2;

    if (Apc == NULL ||
        (Apc->NormalRoutine != NULL && (Thread->ApcState.KernelApcInProgress || Thread->KernelApcDisable != 0))) {
        KiUnlockDispatcherDatabase(OldIrql);
        return FALSE;
    }
    KiUnlinkApc(Apc);
    KernelRoutine = Apc->KernelRoutine;
    NormalRoutine = Apc->NormalRoutine;
    Context = Apc->NormalContext;
    Argument1 = Apc->SystemArgument1;
    Argument2 = Apc->SystemArgument2;
    KiUnlockDispatcherDatabase(OldIrql);

    KdTrace(ApcBegin, KernelRoutine, NormalRoutine, KernelMode, 0);
    KernelRoutine(Apc, &NormalRoutine, &Context, &Argument1, &Argument2); // it may free the APC
    ASSERT(KeGetCurrentIrql() == OldIrql);
    if (NormalRoutine != NULL) {
        Thread->ApcState.KernelApcInProgress = TRUE;
        KfLowerIrql(PASSIVE_LEVEL);
        NormalRoutine(Context, Argument1, Argument2);
        (VOID) KfRaiseIrql(APC_LEVEL);
        Thread->ApcState.KernelApcInProgress = FALSE;
    }
    KdTrace(ApcEnd, KernelMode, 0, 0, 0);
    return TRUE;
}

static VOID KiDeliverUserApc(PKTHREAD Thread, PKTRAP_FRAME TrapFrame)
{
    KIRQL OldIrql = KiLockDispatcherDatabase();
    PKAPC Apc = KiFirstApc(Thread, UserMode);
    PKNORMAL_ROUTINE NormalRoutine;
    PKKERNEL_ROUTINE KernelRoutine;
    PVOID Context, Argument1, Argument2;

    Thread->ApcState.UserApcPending = FALSE;
    if (Apc == NULL) {
        KiUnlockDispatcherDatabase(OldIrql);
        return;
    }
    KiUnlinkApc(Apc);
    KernelRoutine = Apc->KernelRoutine;
    NormalRoutine = Apc->NormalRoutine;
    Context = Apc->NormalContext;
    Argument1 = Apc->SystemArgument1;
    Argument2 = Apc->SystemArgument2;
    KiUnlockDispatcherDatabase(OldIrql);

    KdTrace(ApcBegin, KernelRoutine, NormalRoutine, UserMode, 0);
    KernelRoutine(Apc, &NormalRoutine, &Context, &Argument1, &Argument2);
    if (NormalRoutine == NULL)
        (VOID) KeTestAlertThread(UserMode); // the kernel routine was all: is there another one?
    else
        KiInitializeUserApc(TrapFrame, NormalRoutine, Context, Argument1, Argument2);
    KdTrace(ApcEnd, UserMode, 0, 0, 0);
}

// Delivers the current thread's kernel APCs, and with Mode UserMode one user APC into TrapFrame.
// APC_LEVEL on entry and exit (PASSIVE_LEVEL while normal routines run).
VOID NTAPI KiDeliverApc(KPROCESSOR_MODE Mode, PKEXCEPTION_FRAME ExceptionFrame, PKTRAP_FRAME TrapFrame)
{
    PKTHREAD Thread = KeGetCurrentThread();

    UNREFERENCED_PARAMETER(ExceptionFrame);
    if (Thread->SpecialApcDisable != 0)
        return; // KernelApcPending stays; leaving the guarded region asks again
    do {
        Thread->ApcState.KernelApcPending = FALSE;
    } while (KiDeliverKernelApc(Thread));
    if (Mode == UserMode && Thread->ApcState.UserApcPending)
        KiDeliverUserApc(Thread, TrapFrame);
}

// On the way out to user mode with a user APC pending (i386/trap.asm, i386/service.asm): interrupts off on entry and
// exit.
VOID FASTCALL KiDeliverApcOnExit(PKTRAP_FRAME TrapFrame);
VOID FASTCALL KiDeliverApcOnExit(PKTRAP_FRAME TrapFrame)
{
    KiSetIrql(APC_LEVEL);
    KiEnableInterrupts();
    KiDeliverApc(UserMode, NULL, TrapFrame);
    KfLowerIrql(PASSIVE_LEVEL);
    (VOID) KeDisableInterrupts();
}

// Kernel APCs may run again: asks for the software interrupt if there are any.
VOID KiCheckForKernelApc(PKTHREAD Thread)
{
    if (!IsListEmpty(&Thread->ApcState.ApcListHead[KernelMode])) {
        Thread->ApcState.KernelApcPending = TRUE;
        HalRequestSoftwareInterrupt(APC_LEVEL);
    }
}

// Holds off normal kernel APCs (and so suspension and termination) of the current thread. Nests. IRQL <= APC_LEVEL.
VOID NTAPI KeEnterCriticalRegion(VOID)
{
    KeChaosPoint(ChaosAcquire); // push locks, resources and mutants are taken in critical regions
    KeGetCurrentThread()->KernelApcDisable--;
}

// Ends the region; normal kernel APCs that were held off run before it returns if the IRQL allows.
VOID NTAPI KeLeaveCriticalRegion(VOID)
{
    PKTHREAD Thread = KeGetCurrentThread();

    ASSERT(Thread->KernelApcDisable < 0);
    KeChaosPoint(ChaosRelease);
    if (++Thread->KernelApcDisable == 0 && Thread->SpecialApcDisable == 0)
        KiCheckForKernelApc(Thread);
    KeChaosPoint(ChaosRelease);
}

// Holds off all kernel APCs of the current thread. Nests. IRQL <= APC_LEVEL.
VOID NTAPI KeEnterGuardedRegion(VOID)
{
    KeChaosPoint(ChaosAcquire); // guarded mutexes are taken in guarded regions
    KeGetCurrentThread()->SpecialApcDisable--;
}

VOID NTAPI KeLeaveGuardedRegion(VOID)
{
    PKTHREAD Thread = KeGetCurrentThread();

    ASSERT(Thread->SpecialApcDisable < 0);
    KeChaosPoint(ChaosRelease);
    if (++Thread->SpecialApcDisable == 0)
        KiCheckForKernelApc(Thread);
    KeChaosPoint(ChaosRelease);
}
