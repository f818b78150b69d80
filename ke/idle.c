// SPDX-License-Identifier: MIT
// A processor's idle thread runs when nothing else is ready for it. It does nothing at PASSIVE_LEVEL: every interrupt
// ends by running DPCs and switching to a readied thread (irql.c), so HLT is all that is left. It is in no ready queue.

#include "ki.h"

// Ends the start-up of a processor on its idle thread: from here on anything is more important than it. Interrupts are
// off, the IRQL is PASSIVE_LEVEL. Never returns.
DECLSPEC_NORETURN VOID KiIdleLoop(VOID)
{
    PKTHREAD Thread = KeGetCurrentThread();
    KIRQL OldIrql = KiLockDispatcherDatabase();
    PKPRCB Prcb = KeGetCurrentPrcb();
    PKTHREAD Next;

    Thread->Priority = -1; // below every thread
    if (Prcb->NextThread == NULL) {
        Next = KiTakeNextThread(Prcb);
        if (Next != Thread)
            KiMakeStandby(Prcb, Next);
        else
            KiIdleSummary |= Prcb->SetMember;
    }
    KiEnableInterrupts();
    KiUnlockDispatcherDatabase(OldIrql);
    for (;;)
        __asm__ volatile("sti; hlt" : : : "memory");
}
