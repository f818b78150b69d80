// SPDX-License-Identifier: MIT
// FAT time stamps (2 seconds, 1980 to 2107) and NT times (100 ns since 1601). Days are counted by the civil-calendar
// formula, so that nothing here needs tables.

#include "fatdisk.h"

#define TICKS_PER_SECOND 10000000ll
#define SECONDS_PER_DAY 86400ll
#define DAYS_1601_TO_1980 138426ll

// Days from 1980-01-01 to the given date; months outside 1-12 were clamped by the caller.
static LONGLONG FatDaysFrom1980(ULONG Year, ULONG Month, ULONG Day)
{
    // Count years from March, so that the leap day is the last of a year: day 0 is 0000-03-01.
    LONGLONG y = Month <= 2 ? (LONGLONG)Year - 1 : (LONGLONG)Year, m = Month <= 2 ? Month + 9 : Month - 3;

    return y * 365 + y / 4 - y / 100 + y / 400 + (m * 153 + 2) / 5 + Day - 1 - 723120; // 723120: 1980-01-01
}

static BOOLEAN FatIsLeapYear(ULONG Year)
{
    return Year % 4 == 0 && (Year % 100 != 0 || Year % 400 == 0);
}

// The NT time of a stamp; 0 for a stamp that is not set. Fields out of range are clamped.
LONGLONG FatStampToTime(USHORT Date, USHORT Time, UCHAR Tenths)
{
    ULONG Month = Date >> 5 & 0xF, Day = Date & 0x1F;
    LONGLONG Seconds;

    if (Date == 0)
        return 0;
    Month = Month < 1 ? 1 : Month > 12 ? 12 : Month;
    Day = Day < 1 ? 1 : Day;
    Seconds = (Time >> 11) * 3600ll + (Time >> 5 & 0x3F) * 60ll + (Time & 0x1F) * 2ll;
    Seconds += (FatDaysFrom1980(1980u + (Date >> 9), Month, Day) + DAYS_1601_TO_1980) * SECONDS_PER_DAY;
    return Seconds * TICKS_PER_SECOND + Tenths * (TICKS_PER_SECOND / 100);
}

// The stamp of an NT time, clamped to FAT's range. Time and Tenths may be NULL.
VOID FatTimeToStamp(LONGLONG NtTime, USHORT *Date, USHORT *Time, UCHAR *Tenths)
{
    ULONGLONG Unit = (ULONGLONG)NtTime / (TICKS_PER_SECOND / 100);
    LONGLONG Seconds = (LONGLONG)(Unit / 100), Days = Seconds / SECONDS_PER_DAY - DAYS_1601_TO_1980;
    ULONG OfDay = (ULONG)(Seconds % SECONDS_PER_DAY), Year = 1980, Month = 1;
    static const UCHAR Lengths[12] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};

    if (NtTime <= 0 || Days < 0) {
        Days = 0;
        OfDay = 0;
        Unit = 0;
    }
    while (Year < 2107 && Days >= 365 + FatIsLeapYear(Year))
        Days -= 365 + FatIsLeapYear(Year++);
    while (Month < 12 && Days >= Lengths[Month - 1] + (Month == 2 && FatIsLeapYear(Year))) {
        Days -= Lengths[Month - 1] + (Month == 2 && FatIsLeapYear(Year));
        Month++;
    }
    if (Days > 30)
        Days = 30;
    *Date = (USHORT)((Year - 1980) << 9 | Month << 5 | (ULONG)(Days + 1));
    if (Time != NULL)
        *Time = (USHORT)(OfDay / 3600 << 11 | OfDay / 60 % 60 << 5 | OfDay % 60 / 2);
    if (Tenths != NULL)
        *Tenths = (UCHAR)(OfDay % 2 * 100 + Unit % 100);
}
