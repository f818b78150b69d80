// SPDX-License-Identifier: MIT
// Stopping the other processors for a bugcheck: by NMI, since they may have interrupts off, spin for a lock, or both.
// They never go on.

#include "ki.h"

#define KI_FREEZE_STALLS 1000u // of 100 us each, for those that do not answer

static volatile BOOLEAN KiFreezeRequested;

static DECLSPEC_NORETURN VOID KiStopProcessor(VOID)
{
    KeGetCurrentPrcb()->Frozen = TRUE;
    for (;;)
        __asm__ volatile("cli; hlt" : : : "memory");
}

// Stops every processor but this one; returns when they have stopped, or after a tenth of a second. Any IRQL, once.
VOID KiFreezeProcessors(VOID)
{
    KAFFINITY Targets = KeActiveProcessors & ~KeGetPcr()->SetMember, Left;
    ULONG Tries;

    if (Targets == 0)
        return;
    KiFreezeRequested = TRUE;
    HalRequestFreeze(Targets);
    for (Left = Targets, Tries = KI_FREEZE_STALLS; Left != 0 && Tries != 0; Left &= Left - 1)
        while (!KiProcessorBlock[__builtin_ctzl(Left)]->Frozen && Tries != 0) {
            KeStallExecutionProcessor(100);
            Tries--;
        }
}

// From an NMI: does not return if it was sent to stop this processor.
VOID KiStopIfFrozen(VOID)
{
    if (KiFreezeRequested)
        KiStopProcessor();
}
