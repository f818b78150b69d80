// SPDX-License-Identifier: MIT
// Private to hal/.

#ifndef MICA_HAL_HALP_H
#define MICA_HAL_HALP_H

#include "ntos.h"

// pic.c
VOID HalpInitializePic(VOID);
// timer.c
#define PIT_FREQUENCY 1193182u // Hz
#define PIT_CLOCK_COUNT 18643u // of PIT_FREQUENCY: CLOCK_INCREMENT_100NS
VOID HalpStartClock(VOID);
USHORT HalpReadClockCounter(VOID);
ULONG HalpMeasurePit(ULONG PitTicks, PULONGLONG TscTicks);
// counter.c
VOID HalpInitializeCounter(VOID);
// display.c
VOID HalpInitializeDisplay(VOID);
// debugport.c
VOID HalpInitializeDebugPort(VOID);

FORCEINLINE ULONGLONG HalpReadTsc(VOID)
{
    ULONGLONG Value;
    __asm__ volatile("rdtsc" : "=A"(Value));
    return Value;
}

#endif
