// SPDX-License-Identifier: MIT
// System time (100 ns since 1 January 1601) and calendar fields. The Gregorian calendar repeats every 400 years of
// 146097 days; 1601 begins such a period, so that day numbers split without special cases. Any IRQL.
// Source: SDK documentation (FILETIME, SYSTEMTIME).

#include "rtlp.h"

#define TICKS_PER_MS 10000
#define MS_PER_SECOND 1000
#define SECONDS_PER_DAY 86400
#define DAYS_PER_400_YEARS 146097
#define DAYS_PER_100_YEARS 36524
#define DAYS_PER_4_YEARS 1461
#define DAYS_PER_YEAR 365
#define FIRST_YEAR 1601
#define LAST_YEAR 30827
#define FIRST_WEEKDAY 1 // a Monday

static const USHORT RtlpDaysBefore[13] = {0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334, 365};

static BOOLEAN RtlpIsLeapYear(ULONG Year)
{
    return Year % 4 == 0 && (Year % 100 != 0 || Year % 400 == 0);
}

// Days of Year that lie before Month (1 to 13).
static ULONG RtlpDaysBeforeMonth(ULONG Year, ULONG Month)
{
    return RtlpDaysBefore[Month - 1] + (Month > 2 && RtlpIsLeapYear(Year));
}

// Days from 1 January 1601 to 1 January of Year.
static ULONG RtlpDaysBeforeYear(ULONG Year)
{
    ULONG n = Year - FIRST_YEAR;

    return n * DAYS_PER_YEAR + n / 4 - n / 100 + n / 400;
}

// The year that contains day number Days; *Days becomes the day within it.
static ULONG RtlpSplitYears(PULONG Days)
{
    ULONG d = *Days, Year = FIRST_YEAR, n;

    Year += d / DAYS_PER_400_YEARS * 400;
    d %= DAYS_PER_400_YEARS;
    n = min_of(d / DAYS_PER_100_YEARS, 3u); // the fourth century has the extra day
    Year += n * 100;
    d -= n * DAYS_PER_100_YEARS;
    Year += d / DAYS_PER_4_YEARS * 4;
    d %= DAYS_PER_4_YEARS;
    n = min_of(d / DAYS_PER_YEAR, 3u); // the fourth year has the extra day
    *Days = d - n * DAYS_PER_YEAR;
    return Year + n;
}

// Splits a time (not negative) into fields.
VOID NTAPI RtlTimeToTimeFields(PLARGE_INTEGER Time, PTIME_FIELDS Fields)
{
    ULONGLONG Value = (ULONGLONG)Time->QuadPart;
    ULONG Days, Seconds, Year, Month = 1;

    RtlpDivide(&Value, TICKS_PER_MS);
    Fields->Milliseconds = (SHORT)RtlpDivide(&Value, MS_PER_SECOND);
    Seconds = RtlpDivide(&Value, SECONDS_PER_DAY);
    Days = (ULONG)Value;
    Fields->Hour = (SHORT)(Seconds / 3600);
    Fields->Minute = (SHORT)(Seconds / 60 % 60);
    Fields->Second = (SHORT)(Seconds % 60);
    Fields->Weekday = (SHORT)((Days + FIRST_WEEKDAY) % 7);
    Year = RtlpSplitYears(&Days);
    while (Days >= RtlpDaysBeforeMonth(Year, Month + 1))
        Month++;
    Fields->Year = (SHORT)Year;
    Fields->Month = (SHORT)Month;
    Fields->Day = (SHORT)(Days - RtlpDaysBeforeMonth(Year, Month) + 1);
}

static BOOLEAN RtlpAreFieldsValid(const TIME_FIELDS *Fields)
{
    if (Fields->Year < FIRST_YEAR || Fields->Year > LAST_YEAR || Fields->Month < 1 || Fields->Month > 12 ||
        Fields->Day < 1)
        return FALSE;
    if ((ULONG)Fields->Day >
        RtlpDaysBeforeMonth(Fields->Year, Fields->Month + 1) - RtlpDaysBeforeMonth(Fields->Year, Fields->Month))
        return FALSE;
    return (USHORT)Fields->Hour < 24 && (USHORT)Fields->Minute < 60 && (USHORT)Fields->Second < 60 &&
           (USHORT)Fields->Milliseconds < MS_PER_SECOND;
}

// The other way; the weekday is ignored. FALSE if a field is out of its range.
BOOLEAN NTAPI RtlTimeFieldsToTime(PTIME_FIELDS Fields, PLARGE_INTEGER Time)
{
    ULONG Days, Seconds;
    ULONGLONG Ms;

    if (!RtlpAreFieldsValid(Fields))
        return FALSE;
    Days = RtlpDaysBeforeYear(Fields->Year) + RtlpDaysBeforeMonth(Fields->Year, Fields->Month) + Fields->Day - 1;
    Seconds = (Fields->Hour * 60ul + Fields->Minute) * 60 + Fields->Second;
    Ms = ((ULONGLONG)Days * SECONDS_PER_DAY + Seconds) * MS_PER_SECOND + Fields->Milliseconds;
    Time->QuadPart = (LONGLONG)(Ms * TICKS_PER_MS);
    return TRUE;
}
