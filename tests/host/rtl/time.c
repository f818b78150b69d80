// SPDX-License-Identifier: MIT
// Laws of rtl/time.c.

#include "hosttest.h"

#define TICKS_PER_DAY 864000000000ll
#define DAYS_400_YEARS 146097

static VOID Expect(SHORT Year, SHORT Month, SHORT Day, SHORT Weekday, LONGLONG Days)
{
    LARGE_INTEGER Time = {.QuadPart = Days * TICKS_PER_DAY + 1230000}, Back;
    TIME_FIELDS Fields;

    RtlTimeToTimeFields(&Time, &Fields);
    expect_eq(Fields.Year, Year);
    expect_eq(Fields.Month, Month);
    expect_eq(Fields.Day, Day);
    expect_eq(Fields.Weekday, Weekday);
    expect_eq(Fields.Milliseconds, 123);
    expect(RtlTimeFieldsToTime(&Fields, &Back));
    expect_eq(Back.QuadPart, Time.QuadPart);
}

HOST_TEST(known_days_have_their_dates)
{
    Expect(1601, 1, 1, 1, 0);
    Expect(1970, 1, 1, 4, 134774);
    Expect(2000, 2, 29, 2, 145790);
    Expect(2001, 1, 1, 1, 146097);
    Expect(2024, 2, 29, 4, 154556);
    Expect(2100, 3, 1, 1, 182315);
}

HOST_TEST(days_follow_each_other_without_gaps)
{
    TIME_FIELDS Last = {1601, 1, 1, 0, 0, 0, 0, 1}, Now;
    LARGE_INTEGER Time, Back;
    LONG Day;

    for (Day = 1; Day < DAYS_400_YEARS + 1000; Day++) {
        Time.QuadPart = Day * TICKS_PER_DAY;
        RtlTimeToTimeFields(&Time, &Now);
        expect(Now.Weekday == (Last.Weekday + 1) % 7);
        if (Now.Day == 1)
            expect(Last.Day >= 28 &&
                   (Now.Month == Last.Month + 1 || (Now.Month == 1 && Last.Month == 12 && Now.Year == Last.Year + 1)));
        else
            expect(Now.Day == Last.Day + 1 && Now.Month == Last.Month && Now.Year == Last.Year);
        expect(RtlTimeFieldsToTime(&Now, &Back) && Back.QuadPart == Time.QuadPart);
        Last = Now;
    }
}

HOST_TEST(random_times_survive_the_way_through_fields)
{
    ULONG Round;

    for (Round = 0; Round < 20000; Round++) {
        LARGE_INTEGER Time, Back;
        TIME_FIELDS Fields;

        Time.QuadPart = ((LONGLONG)(HostRandom() & 0x3FFFFFFF) << 32 | HostRandom()) / 10000 * 10000;
        RtlTimeToTimeFields(&Time, &Fields);
        expect(RtlTimeFieldsToTime(&Fields, &Back) && Back.QuadPart == Time.QuadPart);
    }
}

HOST_TEST(impossible_dates_are_refused)
{
    static const TIME_FIELDS Bad[] = {
        {2023, 2, 29, 0, 0, 0, 0, 0}, {1900, 2, 29, 0, 0, 0, 0, 0},   {2024, 13, 1, 0, 0, 0, 0, 0},
        {2024, 0, 1, 0, 0, 0, 0, 0},  {2024, 1, 0, 0, 0, 0, 0, 0},    {2024, 4, 31, 0, 0, 0, 0, 0},
        {1600, 1, 1, 0, 0, 0, 0, 0},  {2024, 1, 1, 24, 0, 0, 0, 0},   {2024, 1, 1, 0, 60, 0, 0, 0},
        {2024, 1, 1, 0, 0, 60, 0, 0}, {2024, 1, 1, 0, 0, 0, 1000, 0}, {2024, 1, 1, -1, 0, 0, 0, 0}};
    LARGE_INTEGER Time;
    ULONG i;

    for (i = 0; i < RTL_NUMBER_OF(Bad); i++) {
        TIME_FIELDS Fields = Bad[i];

        expect(!RtlTimeFieldsToTime(&Fields, &Time));
    }
}
