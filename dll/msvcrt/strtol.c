// SPDX-License-Identifier: MIT
// Integers from text: one parser for bytes and wide characters, signed and unsigned, 32 and 64 bits.

#include "crt.h"

static unsigned CrtpAt(const void *Text, int Wide, size_t Index)
{
    return Wide ? ((const wchar_t *)Text)[Index] : ((const unsigned char *)Text)[Index];
}

static unsigned CrtpDigit(unsigned c)
{
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    if (c >= 'a' && c <= 'z') {
        return c - 'a' + 10;
    }
    return c >= 'A' && c <= 'Z' ? c - 'A' + 10 : 99;
}

// Skips blanks, a sign and a base prefix. Returns the index of the first digit's place.
static size_t CrtpPrefix(const void *Text, int Wide, int *Base, int *Negative)
{
    size_t i = 0;
    unsigned c = CrtpAt(Text, Wide, i);

    while (c == ' ' || (c >= 9 && c <= 13)) {
        c = CrtpAt(Text, Wide, ++i);
    }
    *Negative = c == '-';
    if (c == '-' || c == '+') {
        c = CrtpAt(Text, Wide, ++i);
    }
    if ((*Base == 0 || *Base == 16) && c == '0' && (CrtpAt(Text, Wide, i + 1) | 0x20) == 'x' &&
        CrtpDigit(CrtpAt(Text, Wide, i + 2)) < 16) {
        *Base = 16;
        return i + 2;
    }
    if (*Base == 0) {
        *Base = c == '0' ? 8 : 10;
    }
    return i;
}

// Limit is the largest magnitude (of a positive number when Signed). Sets errno to ERANGE when it is exceeded.
unsigned long long CrtParse(const void *Text, int Wide, const void **End, int Base, unsigned long long Limit,
                            int Signed)
{
    unsigned long long Value = 0, Highest = Limit;
    int Negative, Overflow = 0;
    size_t First, i;
    size_t Width = Wide ? sizeof(wchar_t) : 1;

    if (End != NULL) {
        *End = Text;
    }
    if (Base < 0 || Base == 1 || Base > 36) {
        CrtFail(EINVAL);
        return 0;
    }
    First = CrtpPrefix(Text, Wide, &Base, &Negative);
    if (Signed && Negative) {
        Highest++;
    }
    for (i = First; CrtpDigit(CrtpAt(Text, Wide, i)) < (unsigned)Base; i++) {
        unsigned Digit = CrtpDigit(CrtpAt(Text, Wide, i));

        if (Value > (Highest - Digit) / (unsigned)Base) {
            Overflow = 1;
        }
        Value = Value * (unsigned)Base + Digit;
    }
    if (i != First && End != NULL) {
        *End = (const char *)Text + i * Width;
    }
    if (Overflow) {
        CrtFail(ERANGE);
        return Highest;
    }
    return Negative ? 0 - Value : Value;
}

// On overflow the parser returns the magnitude of the limit itself, which for a negative number is its own negation.
long __cdecl strtol(const char *Text, char **End, int Base)
{
    return (long)CrtParse(Text, 0, (const void **)End, Base, LONG_MAX, 1);
}

unsigned long __cdecl strtoul(const char *Text, char **End, int Base)
{
    return (unsigned long)CrtParse(Text, 0, (const void **)End, Base, ULONG_MAX, 0);
}

long long __cdecl _strtoi64(const char *Text, char **End, int Base)
{
    return (long long)CrtParse(Text, 0, (const void **)End, Base, LLONG_MAX, 1);
}

unsigned long long __cdecl _strtoui64(const char *Text, char **End, int Base)
{
    return CrtParse(Text, 0, (const void **)End, Base, ULLONG_MAX, 0);
}

long __cdecl wcstol(const wchar_t *Text, wchar_t **End, int Base)
{
    return (long)CrtParse(Text, 1, (const void **)End, Base, LONG_MAX, 1);
}

unsigned long __cdecl wcstoul(const wchar_t *Text, wchar_t **End, int Base)
{
    return (unsigned long)CrtParse(Text, 1, (const void **)End, Base, ULONG_MAX, 0);
}

long long __cdecl _wcstoi64(const wchar_t *Text, wchar_t **End, int Base)
{
    return (long long)CrtParse(Text, 1, (const void **)End, Base, LLONG_MAX, 1);
}

unsigned long long __cdecl _wcstoui64(const wchar_t *Text, wchar_t **End, int Base)
{
    return CrtParse(Text, 1, (const void **)End, Base, ULLONG_MAX, 0);
}

// libmingwex imports these by their C99 names.
long long __cdecl strtoll(const char *Text, char **End, int Base)
{
    return _strtoi64(Text, End, Base);
}

unsigned long long __cdecl strtoull(const char *Text, char **End, int Base)
{
    return _strtoui64(Text, End, Base);
}

long long __cdecl wcstoll(const wchar_t *Text, wchar_t **End, int Base)
{
    return _wcstoi64(Text, End, Base);
}

unsigned long long __cdecl wcstoull(const wchar_t *Text, wchar_t **End, int Base)
{
    return _wcstoui64(Text, End, Base);
}

int __cdecl atoi(const char *Text)
{
    return strtol(Text, NULL, 10);
}

long __cdecl atol(const char *Text)
{
    return strtol(Text, NULL, 10);
}

long long __cdecl _atoi64(const char *Text)
{
    return _strtoi64(Text, NULL, 10);
}

int __cdecl _wtoi(const wchar_t *Text)
{
    return wcstol(Text, NULL, 10);
}

long __cdecl _wtol(const wchar_t *Text)
{
    return wcstol(Text, NULL, 10);
}

long long __cdecl _wtoi64(const wchar_t *Text)
{
    return _wcstoi64(Text, NULL, 10);
}
