// SPDX-License-Identifier: MIT
// Times: the shared page's clocks, and the conversions between the three forms of a date.

#include "k32.h"

#define DOS_EPOCH_YEAR 1980

// Reads a clock of the shared page. The high half is stored twice; when the two differ, the clock was just moving.
static LARGE_INTEGER BasepReadClock(const volatile KSYSTEM_TIME *Clock)
{
    LARGE_INTEGER Time;

    do {
        Time.HighPart = Clock->High1Time;
        Time.LowPart = Clock->LowPart;
    } while (Time.HighPart != Clock->High2Time);
    return Time;
}

VOID WINAPI GetSystemTimeAsFileTime(LPFILETIME Time)
{
    *Time = BaseFileTime(BasepReadClock(&SharedUserData->SystemTime));
}

VOID WINAPI GetSystemTimePreciseAsFileTime(LPFILETIME Time)
{
    GetSystemTimeAsFileTime(Time);
}

ULONGLONG WINAPI GetTickCount64(VOID)
{
    LARGE_INTEGER Ticks = BasepReadClock(&SharedUserData->TickCount);

    // The multiplier is milliseconds per tick, with 24 binary places.
    return (ULONGLONG)Ticks.QuadPart * SharedUserData->TickCountMultiplier >> 24;
}

DWORD WINAPI GetTickCount(VOID)
{
    return (DWORD)GetTickCount64();
}

WINBOOL WINAPI QueryPerformanceCounter(LARGE_INTEGER *Counter)
{
    return BaseBool(NtQueryPerformanceCounter(Counter, NULL));
}

WINBOOL WINAPI QueryPerformanceFrequency(LARGE_INTEGER *Frequency)
{
    LARGE_INTEGER Counter;

    return BaseBool(NtQueryPerformanceCounter(&Counter, Frequency));
}

WINBOOL WINAPI FileTimeToSystemTime(const FILETIME *FileTime, LPSYSTEMTIME SystemTime)
{
    LARGE_INTEGER Time = BaseFromFileTime(FileTime);
    TIME_FIELDS Fields;

    if (Time.QuadPart < 0) {
        return BaseFail(ERROR_INVALID_PARAMETER);
    }
    RtlTimeToTimeFields(&Time, &Fields);
    SystemTime->wYear = (WORD)Fields.Year;
    SystemTime->wMonth = (WORD)Fields.Month;
    SystemTime->wDayOfWeek = (WORD)Fields.Weekday;
    SystemTime->wDay = (WORD)Fields.Day;
    SystemTime->wHour = (WORD)Fields.Hour;
    SystemTime->wMinute = (WORD)Fields.Minute;
    SystemTime->wSecond = (WORD)Fields.Second;
    SystemTime->wMilliseconds = (WORD)Fields.Milliseconds;
    return TRUE;
}

WINBOOL WINAPI SystemTimeToFileTime(const SYSTEMTIME *SystemTime, LPFILETIME FileTime)
{
    TIME_FIELDS Fields = {.Year = (SHORT)SystemTime->wYear,
                          .Month = (SHORT)SystemTime->wMonth,
                          .Day = (SHORT)SystemTime->wDay,
                          .Hour = (SHORT)SystemTime->wHour,
                          .Minute = (SHORT)SystemTime->wMinute,
                          .Second = (SHORT)SystemTime->wSecond,
                          .Milliseconds = (SHORT)SystemTime->wMilliseconds};
    LARGE_INTEGER Time;

    if (!RtlTimeFieldsToTime(&Fields, &Time)) {
        return BaseFail(ERROR_INVALID_PARAMETER);
    }
    *FileTime = BaseFileTime(Time);
    return TRUE;
}

VOID WINAPI GetSystemTime(LPSYSTEMTIME SystemTime)
{
    FILETIME FileTime;

    GetSystemTimeAsFileTime(&FileTime);
    FileTimeToSystemTime(&FileTime, SystemTime);
}

static LONGLONG BasepBias(VOID)
{
    return BasepReadClock(&SharedUserData->TimeZoneBias).QuadPart;
}

WINBOOL WINAPI FileTimeToLocalFileTime(const FILETIME *FileTime, LPFILETIME Local)
{
    *Local = BaseFileTime(BaseLarge(BaseFromFileTime(FileTime).QuadPart - BasepBias()));
    return TRUE;
}

WINBOOL WINAPI LocalFileTimeToFileTime(const FILETIME *Local, LPFILETIME FileTime)
{
    *FileTime = BaseFileTime(BaseLarge(BaseFromFileTime(Local).QuadPart + BasepBias()));
    return TRUE;
}

VOID WINAPI GetLocalTime(LPSYSTEMTIME SystemTime)
{
    FILETIME FileTime;

    GetSystemTimeAsFileTime(&FileTime);
    FileTimeToLocalFileTime(&FileTime, &FileTime);
    FileTimeToSystemTime(&FileTime, SystemTime);
}

WINBOOL WINAPI SetSystemTime(const SYSTEMTIME *SystemTime)
{
    FILETIME FileTime;
    LARGE_INTEGER Time;

    if (!SystemTimeToFileTime(SystemTime, &FileTime)) {
        return FALSE;
    }
    Time = BaseFromFileTime(&FileTime);
    return BaseBool(NtSetSystemTime(&Time, NULL));
}

WINBOOL WINAPI SetLocalTime(const SYSTEMTIME *SystemTime)
{
    FILETIME FileTime;
    LARGE_INTEGER Time;

    if (!SystemTimeToFileTime(SystemTime, &FileTime)) {
        return FALSE;
    }
    LocalFileTimeToFileTime(&FileTime, &FileTime);
    Time = BaseFromFileTime(&FileTime);
    return BaseBool(NtSetSystemTime(&Time, NULL));
}

LONG WINAPI CompareFileTime(const FILETIME *First, const FILETIME *Second)
{
    LONGLONG a = BaseFromFileTime(First).QuadPart, b = BaseFromFileTime(Second).QuadPart;

    return a < b ? -1 : a > b;
}

WINBOOL WINAPI FileTimeToDosDateTime(const FILETIME *FileTime, LPWORD Date, LPWORD Time)
{
    SYSTEMTIME System;

    if (!FileTimeToSystemTime(FileTime, &System) || System.wYear < DOS_EPOCH_YEAR ||
        System.wYear > DOS_EPOCH_YEAR + 127) {
        return BaseFail(ERROR_INVALID_PARAMETER);
    }
    *Date = (WORD)((System.wYear - DOS_EPOCH_YEAR) << 9 | System.wMonth << 5 | System.wDay);
    *Time = (WORD)(System.wHour << 11 | System.wMinute << 5 | System.wSecond / 2);
    return TRUE;
}

WINBOOL WINAPI DosDateTimeToFileTime(WORD Date, WORD Time, LPFILETIME FileTime)
{
    SYSTEMTIME System = {.wYear = (WORD)(DOS_EPOCH_YEAR + (Date >> 9)),
                         .wMonth = Date >> 5 & 15,
                         .wDay = Date & 31,
                         .wHour = (WORD)(Time >> 11),
                         .wMinute = Time >> 5 & 63,
                         .wSecond = (WORD)((Time & 31) * 2)};

    return SystemTimeToFileTime(&System, FileTime);
}

// One time zone without daylight saving: the kernel's bias.
DWORD WINAPI GetTimeZoneInformation(LPTIME_ZONE_INFORMATION Information)
{
    RtlZeroMemory(Information, sizeof(*Information));
    Information->Bias = (LONG)(BasepBias() / (60 * TICKS_PER_SECOND));
    wcscpy(Information->StandardName, L"UTC");
    wcscpy(Information->DaylightName, L"UTC");
    return TIME_ZONE_ID_UNKNOWN;
}

WINBOOL WINAPI GetSystemTimes(LPFILETIME Idle, LPFILETIME Kernel, LPFILETIME User)
{
    SYSTEM_PERFORMANCE_INFORMATION Performance;
    LARGE_INTEGER Up = BasepReadClock(&SharedUserData->InterruptTime);

    if (!BaseBool(NtQuerySystemInformation(SystemPerformanceInformation, &Performance, sizeof(Performance), NULL))) {
        return FALSE;
    }
    if (Idle != NULL) {
        *Idle = BaseFileTime(Performance.IdleProcessTime);
    }
    if (Kernel != NULL) {
        *Kernel = BaseFileTime(Up); // includes the idle time, as documented; user time is not counted apart
    }
    if (User != NULL) {
        *User = BaseFileTime(BaseLarge(0));
    }
    return TRUE;
}
