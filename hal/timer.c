// SPDX-License-Identifier: MIT
// The 8254 timer. Channel 0 is the clock; channel 2 measures time while the clock is not running yet.
// Source: Intel 8254 data sheet; port 61h as in the IBM AT technical reference.

#include "halp.h"

#define PIT_CHANNEL0 0x40
#define PIT_CHANNEL2 0x42
#define PIT_COMMAND 0x43
#define PIT_COMMAND_LATCH0 0x00
#define PIT_COMMAND_LATCH2 0x80
#define PIT_COMMAND_CHANNEL0_RATE 0x34 // low and high byte, mode 2
#define PIT_COMMAND_CHANNEL2_ONCE 0xB0 // low and high byte, mode 0
#define SYSTEM_CONTROL_B 0x61
#define CONTROL_B_GATE2 0x01
#define CONTROL_B_SPEAKER 0x02
#define PIT_MAXIMUM 0xFFFFu
#define MEASURE_POLLS 10000000u // a channel that does not count must not stop the boot

// Starts the periodic clock on channel 0: CLOCK_INCREMENT_100NS a period. Interrupts off.
VOID HalpStartClock(VOID)
{
    WRITE_PORT_UCHAR(PIT_COMMAND, PIT_COMMAND_CHANNEL0_RATE);
    WRITE_PORT_UCHAR(PIT_CHANNEL0, PIT_CLOCK_COUNT & 0xFF);
    WRITE_PORT_UCHAR(PIT_CHANNEL0, PIT_CLOCK_COUNT >> 8);
}

// What channel 0 has left to count in this period. Interrupts off.
USHORT HalpReadClockCounter(VOID)
{
    UCHAR Low;

    WRITE_PORT_UCHAR(PIT_COMMAND, PIT_COMMAND_LATCH0);
    Low = READ_PORT_UCHAR(PIT_CHANNEL0);
    return (USHORT)(Low | READ_PORT_UCHAR(PIT_CHANNEL0) << 8);
}

static ULONG HalpReadChannel2(VOID)
{
    UCHAR Low;

    WRITE_PORT_UCHAR(PIT_COMMAND, PIT_COMMAND_LATCH2);
    Low = READ_PORT_UCHAR(PIT_CHANNEL2);
    return Low | (ULONG)READ_PORT_UCHAR(PIT_CHANNEL2) << 8;
}

// Lets channel 2 count down at least PitTicks (< 50000) and reads the time-stamp counter at both ends. Interrupts off.
// Returns the channel's ticks that really went by, 0 if it does not count; *TscTicks, if wanted, those of the
// time-stamp counter.
ULONG HalpMeasurePit(ULONG PitTicks, PULONGLONG TscTicks)
{
    ULONG First, Last, Polls = MEASURE_POLLS;
    ULONGLONG FirstTsc = 0;

    WRITE_PORT_UCHAR(SYSTEM_CONTROL_B, (READ_PORT_UCHAR(SYSTEM_CONTROL_B) & ~CONTROL_B_SPEAKER) | CONTROL_B_GATE2);
    WRITE_PORT_UCHAR(PIT_COMMAND, PIT_COMMAND_CHANNEL2_ONCE);
    WRITE_PORT_UCHAR(PIT_CHANNEL2, PIT_MAXIMUM & 0xFF);
    WRITE_PORT_UCHAR(PIT_CHANNEL2, PIT_MAXIMUM >> 8);

    First = HalpReadChannel2();
    if (TscTicks != NULL)
        FirstTsc = HalpReadTsc();
    do {
        Last = HalpReadChannel2();
    } while (First - Last < PitTicks && --Polls > 0);
    if (TscTicks != NULL)
        *TscTicks = HalpReadTsc() - FirstTsc;
    return First - Last;
}
