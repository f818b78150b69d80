// SPDX-License-Identifier: MIT
// The battery-backed clock (Motorola MC146818 and what PCs added to it). It may count in BCD or binary, in 12 or 24
// hours; the century is where most firmware keeps it, in register 32h. The time is taken as universal time.

#include "halp.h"

#define CMOS_INDEX 0x70
#define CMOS_DATA 0x71
#define RTC_SECOND 0x00
#define RTC_MINUTE 0x02
#define RTC_HOUR 0x04
#define RTC_DAY 0x07
#define RTC_MONTH 0x08
#define RTC_YEAR 0x09
#define RTC_STATUS_A 0x0A
#define RTC_STATUS_B 0x0B
#define RTC_CENTURY 0x32
#define STATUS_A_UPDATING 0x80
#define STATUS_B_24_HOURS 0x02
#define STATUS_B_BINARY 0x04
#define STATUS_B_HOLD 0x80
#define HOUR_PM 0x80
#define UPDATE_POLLS 100000u // an update takes 2 ms at most
#define READ_ATTEMPTS 10

typedef struct _RTC_REGISTERS {
    UCHAR Second, Minute, Hour, Day, Month, Year, Century;
} RTC_REGISTERS, *PRTC_REGISTERS;

static ULONG HalpCmosLock; // index and data are two accesses

static UCHAR HalpReadCmos(UCHAR Register)
{
    WRITE_PORT_UCHAR(CMOS_INDEX, Register);
    return READ_PORT_UCHAR(CMOS_DATA);
}

static VOID HalpWriteCmos(UCHAR Register, UCHAR Value)
{
    WRITE_PORT_UCHAR(CMOS_INDEX, Register);
    WRITE_PORT_UCHAR(CMOS_DATA, Value);
}

static VOID HalpReadRtcRegisters(PRTC_REGISTERS Registers)
{
    ULONG Polls = UPDATE_POLLS;

    while ((HalpReadCmos(RTC_STATUS_A) & STATUS_A_UPDATING) && Polls-- > 0)
        continue;
    Registers->Second = HalpReadCmos(RTC_SECOND);
    Registers->Minute = HalpReadCmos(RTC_MINUTE);
    Registers->Hour = HalpReadCmos(RTC_HOUR);
    Registers->Day = HalpReadCmos(RTC_DAY);
    Registers->Month = HalpReadCmos(RTC_MONTH);
    Registers->Year = HalpReadCmos(RTC_YEAR);
    Registers->Century = HalpReadCmos(RTC_CENTURY);
}

static UCHAR HalpFromRtc(UCHAR Value, UCHAR StatusB)
{
    return (StatusB & STATUS_B_BINARY) ? Value : (UCHAR)((Value >> 4) * 10 + (Value & 0x0F));
}

static UCHAR HalpToRtc(ULONG Value, UCHAR StatusB)
{
    return (UCHAR)((StatusB & STATUS_B_BINARY) ? Value : (Value / 10) << 4 | Value % 10);
}

static VOID HalpConvertRtc(PRTC_REGISTERS Registers, UCHAR StatusB, PTIME_FIELDS Time)
{
    UCHAR Hour = HalpFromRtc(Registers->Hour & (UCHAR)~HOUR_PM, StatusB);
    UCHAR Century = HalpFromRtc(Registers->Century, StatusB);
    UCHAR Year = HalpFromRtc(Registers->Year, StatusB);

    if (!(StatusB & STATUS_B_24_HOURS))
        Hour = (UCHAR)(Hour % 12 + ((Registers->Hour & HOUR_PM) ? 12 : 0));
    if (Century < 19 || Century > 29) // not kept there by this firmware
        Century = Year >= 80 ? 19 : 20;
    Time->Year = (SHORT)(Century * 100 + Year);
    Time->Month = HalpFromRtc(Registers->Month, StatusB);
    Time->Day = HalpFromRtc(Registers->Day, StatusB);
    Time->Hour = Hour;
    Time->Minute = HalpFromRtc(Registers->Minute, StatusB);
    Time->Second = HalpFromRtc(Registers->Second, StatusB);
    Time->Milliseconds = 0;
    Time->Weekday = 0;
}

static BOOLEAN HalpIsTimePlausible(PTIME_FIELDS Time)
{
    return Time->Month >= 1 && Time->Month <= 12 && Time->Day >= 1 && Time->Day <= 31 && Time->Hour < 24 &&
           Time->Minute < 60 && Time->Second < 60;
}

// Reads the clock until two readings agree. FALSE if it holds no sensible time. IRQL <= DISPATCH_LEVEL.
BOOLEAN HalQueryRealTimeClock(PTIME_FIELDS Time)
{
    BOOLEAN Enable = HalpAcquireLock(&HalpCmosLock);
    RTC_REGISTERS First, Second;
    ULONG Attempts = READ_ATTEMPTS;
    UCHAR StatusB = HalpReadCmos(RTC_STATUS_B);

    do {
        HalpReadRtcRegisters(&First);
        HalpReadRtcRegisters(&Second);
    } while (!RtlEqualMemory(&First, &Second, sizeof(First)) && --Attempts > 0);
    HalpReleaseLock(&HalpCmosLock, Enable);

    HalpConvertRtc(&First, StatusB, Time);
    return HalpIsTimePlausible(Time);
}

// Sets the clock. IRQL <= DISPATCH_LEVEL.
VOID HalSetRealTimeClock(PTIME_FIELDS Time)
{
    BOOLEAN Enable = HalpAcquireLock(&HalpCmosLock);
    UCHAR StatusB = HalpReadCmos(RTC_STATUS_B);
    ULONG Hour = (ULONG)Time->Hour;
    UCHAR RtcHour;

    if (StatusB & STATUS_B_24_HOURS)
        RtcHour = HalpToRtc(Hour, StatusB);
    else
        RtcHour = (UCHAR)(HalpToRtc(Hour % 12 == 0 ? 12 : Hour % 12, StatusB) | (Hour >= 12 ? HOUR_PM : 0));
    HalpWriteCmos(RTC_STATUS_B, StatusB | STATUS_B_HOLD);
    HalpWriteCmos(RTC_SECOND, HalpToRtc((ULONG)Time->Second, StatusB));
    HalpWriteCmos(RTC_MINUTE, HalpToRtc((ULONG)Time->Minute, StatusB));
    HalpWriteCmos(RTC_HOUR, RtcHour);
    HalpWriteCmos(RTC_DAY, HalpToRtc((ULONG)Time->Day, StatusB));
    HalpWriteCmos(RTC_MONTH, HalpToRtc((ULONG)Time->Month, StatusB));
    HalpWriteCmos(RTC_YEAR, HalpToRtc((ULONG)Time->Year % 100, StatusB));
    HalpWriteCmos(RTC_CENTURY, HalpToRtc((ULONG)Time->Year / 100, StatusB));
    HalpWriteCmos(RTC_STATUS_B, StatusB);
    HalpReleaseLock(&HalpCmosLock, Enable);
}
