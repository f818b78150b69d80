// SPDX-License-Identifier: MIT
// Times and dates. Local time is kernel32's, with a fixed bias; there is no daylight saving.

#include "crt.h"
#include <sys/timeb.h>

#define SECONDS_PER_DAY 86400
#define DAYS_PER_400_YEARS 146097

#undef _daylight
#undef _dstbias
#undef _timezone
#undef _tzname
int *__cdecl __p__daylight(void);
long *__cdecl __p__dstbias(void);
long *__cdecl __p__timezone(void);
char **__cdecl __p__tzname(void);
int _daylight = 0;
long _dstbias = 0;
long _timezone = 0;
static char CrtpStandardName[16] = "UTC", CrtpDaylightName[16] = "";
char *_tzname[2] = {CrtpStandardName, CrtpDaylightName};

int *__cdecl __p__daylight(void)
{
    return &_daylight;
}

long *__cdecl __p__dstbias(void)
{
    return &_dstbias;
}

long *__cdecl __p__timezone(void)
{
    return &_timezone;
}

char **__cdecl __p__tzname(void)
{
    return _tzname;
}

static unsigned long long CrtpNow(void)
{
    FILETIME Time;

    GetSystemTimeAsFileTime(&Time);
    return (unsigned long long)Time.dwHighDateTime << 32 | Time.dwLowDateTime;
}

void __cdecl _tzset(void)
{
    TIME_ZONE_INFORMATION Zone;

    GetTimeZoneInformation(&Zone);
    _timezone = Zone.Bias * 60;
}

__time64_t __cdecl _time64(__time64_t *Time)
{
    __time64_t Now = (__time64_t)((CrtpNow() - 116444736000000000ull) / 10000000u);

    if (Time != NULL) {
        *Time = Now;
    }
    return Now;
}

__time32_t __cdecl _time32(__time32_t *Time)
{
    __time32_t Now = (__time32_t)_time64(NULL);

    if (Time != NULL) {
        *Time = Now;
    }
    return Now;
}

double __cdecl _difftime64(__time64_t End, __time64_t Start)
{
    return (double)(End - Start);
}

double __cdecl _difftime32(__time32_t End, __time32_t Start)
{
    return (double)End - (double)Start;
}

// Milliseconds since the process began.
clock_t __cdecl clock(void)
{
    FILETIME Create, Exit, Kernel, User;

    if (!GetProcessTimes(GetCurrentProcess(), &Create, &Exit, &Kernel, &User)) {
        return -1;
    }
    return (clock_t)((CrtpNow() - ((unsigned long long)Create.dwHighDateTime << 32 | Create.dwLowDateTime)) / 10000);
}

static int CrtpIsLeap(int Year)
{
    return (Year % 4 == 0 && Year % 100 != 0) || Year % 400 == 0;
}

// Days from 1970 to the first of a month, which may lie outside 1..12. Counts from a March, so that leap days come
// last.
static long long CrtpDays(long long Year, int Month)
{
    long long Shifted;

    Year += Month / 12;
    Month %= 12;
    if (Month < 0) {
        Month += 12;
        Year--;
    }
    Shifted = Month < 2 ? Year - 1 : Year;
    Month = Month < 2 ? Month + 10 : Month - 2;
    return Shifted * 365 + Shifted / 4 - Shifted / 100 + Shifted / 400 + (Month * 306 + 5) / 10 - 719468;
}

// Breaks Time down; 0 for a time that cannot be (before 1970, as in Microsoft's library).
static int CrtpBreak(__time64_t Time, struct tm *Result)
{
    static const short Starts[] = {0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334};
    long long Days = Time / SECONDS_PER_DAY;
    int Rest = (int)(Time % SECONDS_PER_DAY);
    int Year, Month;

    if (Time < 0 || Time > 32535215999ll) {
        CrtFail(EINVAL);
        return 0;
    }
    Year = 1970 + (int)(Days * 400 / DAYS_PER_400_YEARS);
    while (CrtpDays(Year, 0) > Days) {
        Year--;
    }
    while (CrtpDays(Year + 1, 0) <= Days) {
        Year++;
    }
    Result->tm_year = Year - 1900;
    Result->tm_yday = (int)(Days - CrtpDays(Year, 0));
    for (Month = 11; Month > 0 && Result->tm_yday < Starts[Month] + (Month > 1 && CrtpIsLeap(Year)); Month--) {
    }
    Result->tm_mon = Month;
    Result->tm_mday = Result->tm_yday - Starts[Month] - (Month > 1 && CrtpIsLeap(Year)) + 1;
    Result->tm_wday = (int)((Days + 4) % 7);
    Result->tm_hour = Rest / 3600;
    Result->tm_min = Rest / 60 % 60;
    Result->tm_sec = Rest % 60;
    Result->tm_isdst = 0;
    return 1;
}

struct tm *__cdecl _gmtime64(const __time64_t *Time)
{
    struct tm *Result = &CrtThread()->Time;

    return Time != NULL && CrtpBreak(*Time, Result) ? Result : NULL;
}

struct tm *__cdecl _gmtime32(const __time32_t *Time)
{
    __time64_t Wide = Time == NULL ? -1 : *Time;

    return _gmtime64(&Wide);
}

struct tm *__cdecl _localtime64(const __time64_t *Time)
{
    __time64_t Local;

    if (Time == NULL || *Time < 0) {
        CrtFail(EINVAL);
        return NULL;
    }
    _tzset();
    Local = *Time - _timezone;
    return _gmtime64(&Local);
}

struct tm *__cdecl _localtime32(const __time32_t *Time)
{
    __time64_t Wide = Time == NULL ? -1 : *Time;

    return _localtime64(&Wide);
}

// Also puts the fields of Time into their ranges.
static __time64_t CrtpMake(struct tm *Time, long Bias)
{
    __time64_t Local = (CrtpDays(Time->tm_year + 1900ll, Time->tm_mon) + Time->tm_mday - 1) * SECONDS_PER_DAY +
                       Time->tm_hour * 3600ll + Time->tm_min * 60ll + Time->tm_sec;
    int Daylight = Time->tm_isdst > 0;
    __time64_t Result = Local + Bias - (Daylight ? 3600 : 0);

    if (Result < 0 || !CrtpBreak(Result - Bias, Time)) {
        return CrtFail(EINVAL);
    }
    return Result;
}

__time64_t __cdecl _mktime64(struct tm *Time)
{
    _tzset();
    return CrtpMake(Time, _timezone);
}

__time32_t __cdecl _mktime32(struct tm *Time)
{
    __time64_t Result = _mktime64(Time);

    return Result > 0x7FFFFFFF ? CrtFail(EINVAL) : (__time32_t)Result;
}

__time64_t __cdecl _mkgmtime64(struct tm *Time)
{
    return CrtpMake(Time, 0);
}

__time32_t __cdecl _mkgmtime32(struct tm *Time)
{
    return (__time32_t)_mkgmtime64(Time);
}

void __cdecl _ftime64(struct __timeb64 *Time)
{
    unsigned long long Now = CrtpNow() - 116444736000000000ull;

    _tzset();
    Time->time = (__time64_t)(Now / 10000000u);
    Time->millitm = (unsigned short)(Now / 10000 % 1000);
    Time->timezone = (short)(_timezone / 60);
    Time->dstflag = 0;
}

void __cdecl _ftime32(struct __timeb32 *Time)
{
    struct __timeb64 Wide;

    _ftime64(&Wide);
    Time->time = (__time32_t)Wide.time;
    Time->millitm = Wide.millitm;
    Time->timezone = Wide.timezone;
    Time->dstflag = Wide.dstflag;
}
