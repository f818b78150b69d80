// SPDX-License-Identifier: MIT
// The idle thread runs when nothing else is ready. It does nothing at PASSIVE_LEVEL: every interrupt ends by running
// DPCs and switching to a readied thread (irql.c), so HLT is all that is left. It is in no ready queue.

#include "ki.h"

// Ends the start-up on the idle thread: from here on anything is more important than it. Never returns.
DECLSPEC_NORETURN VOID KiIdleLoop(VOID)
{
    PKTHREAD Thread = KeGetCurrentThread();
    KIRQL OldIrql = KiLockDispatcherDatabase();

    KiSetPriorityThread(Thread, 0);
    Thread->Priority = -1; // below every thread
    if (KeGetCurrentPrcb()->NextThread == NULL)
        KiChooseNextThread();
    KiEnableInterrupts();
    KiUnlockDispatcherDatabase(OldIrql);
    for (;;)
        __asm__ volatile("sti; hlt" : : : "memory");
}
