// SPDX-License-Identifier: MIT
// Alerts: the light-weight way to break off an alertable wait. Source: the published Native API (NtAlertThread).

#include "ki.h"

// Has the current thread been alerted in Mode? Takes the alert; for UserMode without one, lets queued user APCs be
// delivered. IRQL <= DISPATCH_LEVEL.
BOOLEAN NTAPI KeTestAlertThread(KPROCESSOR_MODE Mode)
{
    KIRQL OldIrql = KiLockDispatcherDatabase();
    PKTHREAD Thread = KeGetCurrentThread();
    BOOLEAN Alerted = Thread->Alerted[(ULONG)Mode];

    if (Alerted)
        Thread->Alerted[(ULONG)Mode] = FALSE;
    else if (Mode == UserMode && !IsListEmpty(&Thread->ApcState.ApcListHead[UserMode]))
        Thread->ApcState.UserApcPending = TRUE;
    KiUnlockDispatcherDatabase(OldIrql);
    return Alerted;
}

// Alerts Thread in Mode: ends its alertable wait with STATUS_ALERTED, or else its next one. IRQL <= DISPATCH_LEVEL.
// Returns whether it had been alerted before.
BOOLEAN NTAPI KeAlertThread(PKTHREAD Thread, KPROCESSOR_MODE Mode)
{
    KIRQL OldIrql = KiLockDispatcherDatabase();
    BOOLEAN Alerted = Thread->Alerted[(ULONG)Mode];

    if (!Alerted) {
        if (Thread->State == Waiting && Thread->Alertable && Mode <= Thread->WaitMode)
            KiUnwaitThread(Thread, STATUS_ALERTED, 0);
        else
            Thread->Alerted[(ULONG)Mode] = TRUE;
    }
    KiUnlockDispatcherDatabase(OldIrql);
    return Alerted;
}

// Alerts the thread in kernel mode and resumes it once. IRQL <= DISPATCH_LEVEL. Returns the suspend count before.
ULONG NTAPI KeAlertResumeThread(PKTHREAD Thread)
{
    (VOID) KeAlertThread(Thread, KernelMode);
    return KeResumeThread(Thread);
}
