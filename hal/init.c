// SPDX-License-Identifier: MIT
// The HAL's two start-up phases.

#include "halp.h"

// Phase 0: screen, debug port, every interrupt line masked; on the boot stack, interrupts off, before Mm.
// Phase 1: the clock ticks; PASSIVE_LEVEL, the clock's interrupt is connected already (ke/).
VOID HalInitSystem(ULONG Phase, PLOADER_PARAMETER_BLOCK LoaderBlock)
{
    UNREFERENCED_PARAMETER(LoaderBlock);

    if (Phase == 0) {
        HalpInitializeDebugPort();
        HalpInitializeDisplay();
        HalpInitializePic();
        HalpReadTables();
        HalpInitializeLines();
        HalpEnableNmi();
        HalpInitializeHpet();
        HalpInitializeCounter();
    } else {
        BOOLEAN Enable = KeDisableInterrupts();

        HalpStartClock();
        HalUnmaskInterruptLine(CLOCK_LINE);
        KeRestoreInterrupts(Enable);
    }
}
