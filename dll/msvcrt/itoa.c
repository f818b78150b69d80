// SPDX-License-Identifier: MIT
// Text from integers.

#include "crt.h"

static char *CrtpConvert(unsigned long long Value, int Negative, char *Text, int Base)
{
    char Reversed[66];
    int Length = 0, i = 0;

    do {
        unsigned Digit = (unsigned)(Value % (unsigned)Base);

        Reversed[Length++] = (char)(Digit < 10 ? '0' + Digit : 'a' + Digit - 10);
        Value /= (unsigned)Base;
    } while (Value != 0);
    if (Negative) {
        Text[i++] = '-';
    }
    while (Length > 0) {
        Text[i++] = Reversed[--Length];
    }
    Text[i] = 0;
    return Text;
}

static wchar_t *CrtpConvertWide(unsigned long long Value, int Negative, wchar_t *Text, int Base)
{
    char Narrow[68];
    int i = 0;

    CrtpConvert(Value, Negative, Narrow, Base);
    do {
        Text[i] = (unsigned char)Narrow[i];
    } while (Narrow[i++] != 0);
    return Text;
}

// Only base 10 shows a sign; other bases show the bits.
char *__cdecl _ltoa(long Value, char *Text, int Base)
{
    int Negative = Base == 10 && Value < 0;

    return CrtpConvert(Negative ? 0ul - (unsigned long)Value : (unsigned long)Value, Negative, Text, Base);
}

char *__cdecl _itoa(int Value, char *Text, int Base)
{
    return _ltoa(Value, Text, Base);
}

char *__cdecl _ultoa(unsigned long Value, char *Text, int Base)
{
    return CrtpConvert(Value, 0, Text, Base);
}

char *__cdecl _i64toa(long long Value, char *Text, int Base)
{
    int Negative = Base == 10 && Value < 0;

    return CrtpConvert(Negative ? 0ull - (unsigned long long)Value : (unsigned long long)Value, Negative, Text, Base);
}

char *__cdecl _ui64toa(unsigned long long Value, char *Text, int Base)
{
    return CrtpConvert(Value, 0, Text, Base);
}

wchar_t *__cdecl _ltow(long Value, wchar_t *Text, int Base)
{
    int Negative = Base == 10 && Value < 0;

    return CrtpConvertWide(Negative ? 0ul - (unsigned long)Value : (unsigned long)Value, Negative, Text, Base);
}

wchar_t *__cdecl _itow(int Value, wchar_t *Text, int Base)
{
    return _ltow(Value, Text, Base);
}

wchar_t *__cdecl _ultow(unsigned long Value, wchar_t *Text, int Base)
{
    return CrtpConvertWide(Value, 0, Text, Base);
}

wchar_t *__cdecl _i64tow(long long Value, wchar_t *Text, int Base)
{
    int Negative = Base == 10 && Value < 0;

    return CrtpConvertWide(Negative ? 0ull - (unsigned long long)Value : (unsigned long long)Value, Negative, Text,
                           Base);
}

wchar_t *__cdecl _ui64tow(unsigned long long Value, wchar_t *Text, int Base)
{
    return CrtpConvertWide(Value, 0, Text, Base);
}
