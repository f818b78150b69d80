// SPDX-License-Identifier: MIT
// Phase 0 of the executive's start: on the idle thread, interrupts off until the idle loop. Every step needs only those
// before it; one that fails stops the machine with its number. Source: Windows Internals, "Kernel initialization".

#include "exp.h"

static VOID ExpCheckPhase(BOOLEAN Success, ULONG Step)
{
    if (!Success)
        KeBugCheckEx(PHASE0_INITIALIZATION_FAILED, Step, 0, 0, 0);
}

// See ex.h. Runs once.
VOID ExpInitializeExecutive(PLOADER_PARAMETER_BLOCK LoaderBlock)
{
    KdPrintBoot("Mica, %s build: %s\n", DBG ? "checked" : "free", LoaderBlock->LoadOptions);
    ExpCheckPhase(MmInitSystem(0, LoaderBlock), 1);
    KdTraceInitSystem();
    ExpCheckPhase(ObInitSystem(0), 2);
    ExpCheckPhase(SeInitSystem(0), 3);
    ExpCheckPhase(PsInitSystem(0), 4);
    ExpCheckPhase(
        NT_SUCCESS(PsCreateSystemThread(NULL, THREAD_ALL_ACCESS, NULL, NULL, NULL, Phase1Initialization, LoaderBlock)),
        5);
}

// Sets the clock from the RTC; phase 1, the clock runs. A dead RTC leaves the time at 1601.
VOID ExpInitializeTime(VOID)
{
    TIME_FIELDS Fields;
    LARGE_INTEGER Now, Old;

    if (HalQueryRealTimeClock(&Fields) && RtlTimeFieldsToTime(&Fields, &Now))
        KeSetSystemTime(&Now, &Old);
    KeQuerySystemTime(&ExpBootTime);
}
