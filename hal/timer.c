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
#define PIT_CLOCK_COUNT 18643u         // of PIT_FREQUENCY: CLOCK_INCREMENT_100NS
#define UNITS_PER_SECOND 10000000u     // of 100 ns
#define SYSTEM_CONTROL_B 0x61
#define CONTROL_B_GATE2 0x01
#define CONTROL_B_SPEAKER 0x02
#define PIT_MAXIMUM 0xFFFFu
#define MEASURE_POLLS 10000000u // a channel that does not count must not stop the boot

static ULONG HalpClockCount = PIT_CLOCK_COUNT; // of a period
static ULONGLONG HalpClockTicks;               // of PIT_FREQUENCY, in the periods that have ended
static ULONGLONG HalpLastPitCount;
static ULONG HalpPitLock; // for the values above, and for a latched read being two

static VOID HalpProgramClock(VOID)
{
    WRITE_PORT_UCHAR(PIT_COMMAND, PIT_COMMAND_CHANNEL0_RATE);
    WRITE_PORT_UCHAR(PIT_CHANNEL0, HalpClockCount & 0xFF);
    WRITE_PORT_UCHAR(PIT_CHANNEL0, (UCHAR)(HalpClockCount >> 8));
}

// Starts the periodic clock on channel 0: CLOCK_INCREMENT_100NS a period. Interrupts off.
VOID HalpStartClock(VOID)
{
    HalpProgramClock();
}

// A period of the clock has ended. Called by ke/'s clock interrupt after the acknowledgement, at CLOCK_LEVEL.
VOID HalClockInterrupt(VOID)
{
    HalpClockTicks += HalpClockCount;
}

// What channel 0 has counted of this period.
static ULONG HalpReadPeriod(VOID)
{
    ULONG Left;

    WRITE_PORT_UCHAR(PIT_COMMAND, PIT_COMMAND_LATCH0);
    Left = READ_PORT_UCHAR(PIT_CHANNEL0);
    Left |= (ULONG)READ_PORT_UCHAR(PIT_CHANNEL0) << 8;
    return HalpClockCount - min_of(Left, HalpClockCount);
}

// Ticks of the 8254 since the clock started. A period that has begun but whose interrupt has not been taken yet shows
// as a step back; the last value is returned again until the interrupt comes. Any IRQL.
ULONGLONG HalpReadPitCount(VOID)
{
    BOOLEAN Enable = HalpAcquireLock(&HalpPitLock);
    ULONGLONG Count = HalpClockTicks + HalpReadPeriod();

    if (Count < HalpLastPitCount)
        Count = HalpLastPitCount;
    HalpLastPitCount = Count;
    HalpReleaseLock(&HalpPitLock, Enable);
    return Count;
}

static ULONG HalpReadPeriodLocked(VOID)
{
    BOOLEAN Enable = HalpAcquireLock(&HalpPitLock);
    ULONG Count = HalpReadPeriod();

    HalpReleaseLock(&HalpPitLock, Enable);
    return Count;
}

// Waits for at least so many ticks of the clock's channel, which runs. Any IRQL, any number of processors.
VOID HalpStallByPit(ULONG Ticks)
{
    ULONG Last = HalpReadPeriodLocked(), Now, Elapsed = 0, Polls = MEASURE_POLLS;

    while (Elapsed <= Ticks && Polls-- > 0) {
        Now = HalpReadPeriodLocked();
        Elapsed += Now >= Last ? Now - Last : Now + HalpClockCount - Last;
        Last = Now;
    }
}

// Sets the period of the clock to the nearest that the 8254 can, between 1 ms and CLOCK_INCREMENT_100NS; returns it in
// 100 ns. On processor 0 at CLOCK_LEVEL or above; a period begins now.
ULONG HalSetTimeIncrement(ULONG Desired)
{
    ULONG Wanted = max_of(min_of(Desired, CLOCK_INCREMENT_100NS), CLOCK_MINIMUM_100NS),
          Increment = CLOCK_INCREMENT_100NS;
    ULONG Count = PIT_CLOCK_COUNT;
    BOOLEAN Enable;

    if (Wanted != CLOCK_INCREMENT_100NS) {
        Count = (ULONG)(((ULONGLONG)Wanted * PIT_FREQUENCY + UNITS_PER_SECOND / 2) / UNITS_PER_SECOND);
        Increment = (ULONG)(((ULONGLONG)Count * UNITS_PER_SECOND + PIT_FREQUENCY / 2) / PIT_FREQUENCY);
    }
    Enable = HalpAcquireLock(&HalpPitLock);
    if (Count != HalpClockCount) {
        HalpClockTicks += HalpReadPeriod();
        HalpClockCount = Count;
        HalpProgramClock();
    }
    HalpReleaseLock(&HalpPitLock, Enable);
    return Increment;
}

static ULONG HalpReadChannel2(VOID)
{
    UCHAR Low;

    WRITE_PORT_UCHAR(PIT_COMMAND, PIT_COMMAND_LATCH2);
    Low = READ_PORT_UCHAR(PIT_CHANNEL2);
    return Low | (ULONG)READ_PORT_UCHAR(PIT_CHANNEL2) << 8;
}

// Lets channel 2 count down at least PitTicks (< 50000) and reads the time-stamp counter at both ends. Phase 0,
// interrupts off. Returns the channel's ticks that really went by, 0 if it does not count; *TscTicks, if wanted, those
// of the time-stamp counter.
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
