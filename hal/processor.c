// SPDX-License-Identifier: MIT
// The processors as the HAL sees them. Without local APICs there is one, which nobody starts, interrupts or stops.

#include "halp.h"

// How many processors the firmware lists and this HAL can start. After phase 0.
ULONG HalQueryProcessorCount(VOID)
{
    return 1;
}

// See hal.h.
BOOLEAN HalStartProcessor(ULONG Number, ULONG Cr3, PVOID StackTop, PHAL_PROCESSOR_ENTRY Entry, PVOID Argument)
{
    UNREFERENCED_PARAMETER(Number);
    UNREFERENCED_PARAMETER(Cr3);
    UNREFERENCED_PARAMETER(StackTop);
    UNREFERENCED_PARAMETER(Entry);
    UNREFERENCED_PARAMETER(Argument);
    return FALSE;
}

VOID HalInitializeProcessor(ULONG Number)
{
    UNREFERENCED_PARAMETER(Number);
}

VOID HalRequestIpi(KAFFINITY Targets)
{
    UNREFERENCED_PARAMETER(Targets);
    ASSERT(Targets == 0);
}

VOID HalRequestFreeze(KAFFINITY Targets)
{
    UNREFERENCED_PARAMETER(Targets);
}

VOID HalStartProcessorClock(VOID)
{
}

VOID HalStopProcessorClock(VOID)
{
}

// See hal.h.
ULONG HalSetTimeIncrement(ULONG Desired)
{
    UNREFERENCED_PARAMETER(Desired);
    return CLOCK_INCREMENT_100NS;
}
