// SPDX-License-Identifier: MIT
// Dates as text, in English.

#include "crt.h"

#undef _tzname
extern char *_tzname[2];

static const char *const CrtpDays[] = {"Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"};
static const char *const CrtpMonths[] = {"January", "February", "March",     "April",   "May",      "June",
                                         "July",    "August",   "September", "October", "November", "December"};

// "Www Mmm dd hh:mm:ss yyyy\n"
char *__cdecl asctime(const struct tm *Time)
{
    char *Text = CrtThread()->TimeText;

    _snprintf(Text, sizeof(CrtThread()->TimeText), "%.3s %.3s %02d %02d:%02d:%02d %d\n",
              CrtpDays[(unsigned)Time->tm_wday % 7], CrtpMonths[(unsigned)Time->tm_mon % 12], Time->tm_mday,
              Time->tm_hour, Time->tm_min, Time->tm_sec, Time->tm_year + 1900);
    Text[sizeof(CrtThread()->TimeText) - 1] = 0;
    return Text;
}

char *__cdecl _ctime64(const __time64_t *Time)
{
    struct tm *Local = _localtime64(Time);

    return Local == NULL ? NULL : asctime(Local);
}

char *__cdecl _ctime32(const __time32_t *Time)
{
    struct tm *Local = _localtime32(Time);

    return Local == NULL ? NULL : asctime(Local);
}

wchar_t *__cdecl _wasctime(const struct tm *Time)
{
    wchar_t *Wide = CrtThread()->WideTimeText;

    mbstowcs(Wide, asctime(Time), COUNT_OF(CrtThread()->WideTimeText));
    return Wide;
}

// The number of the week in the year when weeks begin on day First (0: Sunday).
static int CrtpWeek(const struct tm *Time, int First)
{
    int DayOfWeek = (Time->tm_wday + 7 - First) % 7;

    return (Time->tm_yday + 7 - DayOfWeek) / 7;
}

// One conversion into Piece. 0 for an unknown one.
static int CrtpField(char Conversion, const struct tm *Time, int Plain, char *Piece, size_t Size)
{
    int Hour12 = Time->tm_hour % 12 == 0 ? 12 : Time->tm_hour % 12;
    const char *Two = Plain ? "%d" : "%02d";

    switch (Conversion) {
    case 'a':
        return _snprintf(Piece, Size, "%.3s", CrtpDays[(unsigned)Time->tm_wday % 7]);
    case 'A':
        return _snprintf(Piece, Size, "%s", CrtpDays[(unsigned)Time->tm_wday % 7]);
    case 'b':
        return _snprintf(Piece, Size, "%.3s", CrtpMonths[(unsigned)Time->tm_mon % 12]);
    case 'B':
        return _snprintf(Piece, Size, "%s", CrtpMonths[(unsigned)Time->tm_mon % 12]);
    case 'c':
        return _snprintf(Piece, Size, "%02d/%02d/%02d %02d:%02d:%02d", Time->tm_mon + 1, Time->tm_mday,
                         Time->tm_year % 100, Time->tm_hour, Time->tm_min, Time->tm_sec);
    case 'x':
        return _snprintf(Piece, Size, "%02d/%02d/%02d", Time->tm_mon + 1, Time->tm_mday, Time->tm_year % 100);
    case 'X':
        return _snprintf(Piece, Size, "%02d:%02d:%02d", Time->tm_hour, Time->tm_min, Time->tm_sec);
    case 'd':
        return _snprintf(Piece, Size, Two, Time->tm_mday);
    case 'H':
        return _snprintf(Piece, Size, Two, Time->tm_hour);
    case 'I':
        return _snprintf(Piece, Size, Two, Hour12);
    case 'j':
        return _snprintf(Piece, Size, Plain ? "%d" : "%03d", Time->tm_yday + 1);
    case 'm':
        return _snprintf(Piece, Size, Two, Time->tm_mon + 1);
    case 'M':
        return _snprintf(Piece, Size, Two, Time->tm_min);
    case 'p':
        return _snprintf(Piece, Size, "%s", Time->tm_hour < 12 ? "AM" : "PM");
    case 'S':
        return _snprintf(Piece, Size, Two, Time->tm_sec);
    case 'U':
        return _snprintf(Piece, Size, Two, CrtpWeek(Time, 0));
    case 'w':
        return _snprintf(Piece, Size, "%d", Time->tm_wday);
    case 'W':
        return _snprintf(Piece, Size, Two, CrtpWeek(Time, 1));
    case 'y':
        return _snprintf(Piece, Size, Two, Time->tm_year % 100);
    case 'Y':
        return _snprintf(Piece, Size, "%d", Time->tm_year + 1900);
    case 'z':
    case 'Z':
        return _snprintf(Piece, Size, "%s", _tzname[0]);
    case '%':
        return _snprintf(Piece, Size, "%%");
    default:
        return 0;
    }
}

size_t __cdecl strftime(char *Text, size_t Size, const char *Format, const struct tm *Time)
{
    size_t Used = 0;

    for (; *Format != 0; Format++) {
        char Piece[64] = {*Format, 0};
        size_t Length;

        if (*Format == '%') {
            int Plain = Format[1] == '#';

            Format += 1 + Plain;
            Piece[0] = 0;
            if (CrtpField(*Format, Time, Plain, Piece, sizeof(Piece)) == 0) {
                CrtFail(EINVAL);
                return 0;
            }
        }
        Length = strlen(Piece);
        if (Used + Length >= Size) {
            CrtFail(ERANGE);
            return 0;
        }
        memcpy(Text + Used, Piece, Length);
        Used += Length;
    }
    if (Size == 0) {
        return 0;
    }
    Text[Used] = 0;
    return Used;
}

size_t __cdecl wcsftime(wchar_t *Text, size_t Size, const wchar_t *Format, const struct tm *Time)
{
    char *NarrowFormat = CrtNarrow(Format), *Narrow = malloc(Size + 1);
    size_t Length = 0;

    if (NarrowFormat != NULL && Narrow != NULL) {
        Length = strftime(Narrow, Size, NarrowFormat, Time);
        if (Length != 0) {
            mbstowcs(Text, Narrow, Size);
        }
    }
    free(NarrowFormat);
    free(Narrow);
    return Length;
}

char *__cdecl _strdate(char *Text)
{
    SYSTEMTIME Now;

    GetLocalTime(&Now);
    _snprintf(Text, 9, "%02d/%02d/%02d", Now.wMonth, Now.wDay, Now.wYear % 100);
    return Text;
}

char *__cdecl _strtime(char *Text)
{
    SYSTEMTIME Now;

    GetLocalTime(&Now);
    _snprintf(Text, 9, "%02d:%02d:%02d", Now.wHour, Now.wMinute, Now.wSecond);
    return Text;
}
