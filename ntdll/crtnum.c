// SPDX-License-Identifier: MIT
// Numbers of the C library part of ntdll: text to integer and back. Source: ISO C11 7.22; SDK documentation for the
// _names.

#include "ntdllp.h"

#define NUMBER_ROOM 66

static BOOLEAN RtlpTakeSign(const char **Text)
{
    while (**Text == ' ' || (**Text >= '\t' && **Text <= '\r'))
        (*Text)++;
    if (**Text == '-' || **Text == '+')
        return *(*Text)++ == '-';
    return FALSE;
}

// As C11 says: overflow gives LONG_MAX or LONG_MIN.
long CDECL strtol(const char *String, char **End, int Base)
{
    const char *p = String;
    BOOLEAN Negative = RtlpTakeSign(&p);
    char *After;
    ULONG Value = strtoul(p, &After, Base);

    if (*p == '-' || *p == '+')
        After = (char *)p; // a second sign
    if (End != NULL)
        *End = After == p ? (char *)String : After;
    if (After == p)
        return 0;
    if (Value > (Negative ? (ULONG)MAXLONG + 1 : (ULONG)MAXLONG))
        return Negative ? MINLONG : MAXLONG;
    return Negative ? (long)(0 - Value) : (long)Value;
}

// No overflow check, as on NT.
LONGLONG CDECL _atoi64(const char *String)
{
    BOOLEAN Negative = RtlpTakeSign(&String);
    ULONGLONG Value = 0;

    for (; *String >= '0' && *String <= '9'; String++)
        Value = Value * 10 + (*String - '0');
    return (LONGLONG)(Negative ? 0 - Value : Value);
}

long CDECL atol(const char *String)
{
    return (long)_atoi64(String);
}

int CDECL atoi(const char *String)
{
    return (int)_atoi64(String);
}

// The wide forms read a narrow copy of as much as can be a number.
static VOID RtlpNarrow(char Text[NUMBER_ROOM], const WCHAR *Wide)
{
    size_t i;

    for (i = 0; i + 1 < NUMBER_ROOM && Wide[i] != 0; i++)
        Text[i] = Wide[i] < 0x80 ? (char)Wide[i] : '?';
    Text[i] = 0;
}

long CDECL wcstol(const WCHAR *String, WCHAR **End, int Base)
{
    char Text[NUMBER_ROOM], *After;
    long Value;

    RtlpNarrow(Text, String);
    Value = strtol(Text, &After, Base);
    if (End != NULL)
        *End = (WCHAR *)String + (After - Text);
    return Value;
}

unsigned long CDECL wcstoul(const WCHAR *String, WCHAR **End, int Base)
{
    char Text[NUMBER_ROOM], *After;
    unsigned long Value;

    RtlpNarrow(Text, String);
    Value = strtoul(Text, &After, Base);
    if (End != NULL)
        *End = (WCHAR *)String + (After - Text);
    return Value;
}

LONGLONG CDECL _wtoi64(const WCHAR *String)
{
    char Text[NUMBER_ROOM];

    RtlpNarrow(Text, String);
    return _atoi64(Text);
}

long CDECL _wtol(const WCHAR *String)
{
    return (long)_wtoi64(String);
}

int CDECL _wtoi(const WCHAR *String)
{
    return (int)_wtoi64(String);
}

// Digits of Value in Base (2 to 36), least first; returns how many.
static ULONG RtlpDigits(char *Digits, ULONGLONG Value, ULONG Base)
{
    ULONG n = 0;

    do {
        Digits[n++] = "0123456789abcdefghijklmnopqrstuvwxyz"[Value % Base];
        Value /= Base;
    } while (Value != 0);
    return n;
}

char *CDECL _ui64toa(ULONGLONG Value, char *Buffer, int Base)
{
    char Digits[NUMBER_ROOM], *p = Buffer;
    ULONG n = RtlpDigits(Digits, Value, (ULONG)Base);

    while (n != 0)
        *p++ = Digits[--n];
    *p = 0;
    return Buffer;
}

// Only decimal numbers show a sign.
char *CDECL _i64toa(LONGLONG Value, char *Buffer, int Base)
{
    if (Base == 10 && Value < 0) {
        Buffer[0] = '-';
        _ui64toa(0 - (ULONGLONG)Value, Buffer + 1, Base);
        return Buffer;
    }
    return _ui64toa((ULONGLONG)Value, Buffer, Base);
}

char *CDECL _ultoa(unsigned long Value, char *Buffer, int Base)
{
    return _ui64toa(Value, Buffer, Base);
}

char *CDECL _ltoa(long Value, char *Buffer, int Base)
{
    return Base == 10 ? _i64toa(Value, Buffer, Base) : _ui64toa((ULONG)Value, Buffer, Base);
}

char *CDECL _itoa(int Value, char *Buffer, int Base)
{
    return _ltoa(Value, Buffer, Base);
}

static WCHAR *RtlpWiden(WCHAR *Buffer, const char *Text)
{
    size_t i = 0;

    do {
        Buffer[i] = (UCHAR)Text[i];
    } while (Text[i++] != 0);
    return Buffer;
}

WCHAR *CDECL _ui64tow(ULONGLONG Value, WCHAR *Buffer, int Base)
{
    char Text[NUMBER_ROOM];

    return RtlpWiden(Buffer, _ui64toa(Value, Text, Base));
}

WCHAR *CDECL _i64tow(LONGLONG Value, WCHAR *Buffer, int Base)
{
    char Text[NUMBER_ROOM];

    return RtlpWiden(Buffer, _i64toa(Value, Text, Base));
}

WCHAR *CDECL _ultow(unsigned long Value, WCHAR *Buffer, int Base)
{
    return _ui64tow(Value, Buffer, Base);
}

WCHAR *CDECL _ltow(long Value, WCHAR *Buffer, int Base)
{
    char Text[NUMBER_ROOM];

    return RtlpWiden(Buffer, _ltoa(Value, Text, Base));
}

WCHAR *CDECL _itow(int Value, WCHAR *Buffer, int Base)
{
    return _ltow(Value, Buffer, Base);
}

int CDECL abs(int Value)
{
    return Value < 0 ? -Value : Value;
}

long CDECL labs(long Value)
{
    return Value < 0 ? -Value : Value;
}
