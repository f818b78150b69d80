// SPDX-License-Identifier: MIT
// String functions of the C library part of ntdll that the kernel has no use for (the others are in rtl/string.c and
// rtl/wstring.c). Source: ISO C11 7.24; SDK documentation for the _names.

#include "ntdllp.h"

#pragma GCC optimize("no-tree-loop-distribute-patterns")

// Each routine once for char and once for WCHAR.
#define SPAN_FUNCTIONS(Type, Chr, Spn, Cspn, Pbrk)                                                                     \
    size_t CDECL Spn(const Type *String, const Type *Set)                                                              \
    {                                                                                                                  \
        size_t n = 0;                                                                                                  \
        while (String[n] != 0 && Chr(Set, String[n]) != NULL)                                                          \
            n++;                                                                                                       \
        return n;                                                                                                      \
    }                                                                                                                  \
    size_t CDECL Cspn(const Type *String, const Type *Set)                                                             \
    {                                                                                                                  \
        size_t n = 0;                                                                                                  \
        while (String[n] != 0 && Chr(Set, String[n]) == NULL)                                                          \
            n++;                                                                                                       \
        return n;                                                                                                      \
    }                                                                                                                  \
    Type *CDECL Pbrk(const Type *String, const Type *Set)                                                              \
    {                                                                                                                  \
        String += Cspn(String, Set);                                                                                   \
        return *String == 0 ? NULL : (Type *)String;                                                                   \
    }

SPAN_FUNCTIONS(char, strchr, strspn, strcspn, strpbrk)
SPAN_FUNCTIONS(WCHAR, wcschr, wcsspn, wcscspn, wcspbrk)

size_t CDECL strnlen(const char *String, size_t Maximum)
{
    size_t n = 0;

    while (n < Maximum && String[n] != 0)
        n++;
    return n;
}

size_t CDECL wcsnlen(const WCHAR *String, size_t Maximum)
{
    size_t n = 0;

    while (n < Maximum && String[n] != 0)
        n++;
    return n;
}

char *CDECL strncat(char *Destination, const char *Source, size_t Count)
{
    char *End = Destination + strlen(Destination);
    size_t n = strnlen(Source, Count);

    memcpy(End, Source, n);
    End[n] = 0;
    return Destination;
}

WCHAR *CDECL wcsncat(WCHAR *Destination, const WCHAR *Source, size_t Count)
{
    WCHAR *End = Destination + wcslen(Destination);
    size_t n = wcsnlen(Source, Count);

    memcpy(End, Source, n * sizeof(WCHAR));
    End[n] = 0;
    return Destination;
}

void *CDECL memchr(const void *Memory, int Value, size_t Length)
{
    const UCHAR *p = Memory;

    for (; Length != 0; p++, Length--) {
        if (*p == (UCHAR)Value)
            return (void *)p;
    }
    return NULL;
}

// Copies up to and including the first byte Value; returns behind its copy, NULL if it did not come.
void *CDECL _memccpy(void *Destination, const void *Source, int Value, size_t Length)
{
    const UCHAR *Found = memchr(Source, Value, Length);
    size_t n = Found == NULL ? Length : (size_t)(Found + 1 - (const UCHAR *)Source);

    memcpy(Destination, Source, n);
    return Found == NULL ? NULL : (UCHAR *)Destination + n;
}

// Compares bytes without regard to ASCII case.
int CDECL _memicmp(const void *First, const void *Second, size_t Length)
{
    const char *a = First, *b = Second;
    int Order = 0;

    for (; Length != 0 && Order == 0; a++, b++, Length--)
        Order = *a == 0 || *b == 0 ? (UCHAR)*a - (UCHAR)*b : _strnicmp(a, b, 1);
    return Order;
}

int CDECL _strcmpi(const char *First, const char *Second)
{
    return _stricmp(First, Second);
}

char *CDECL _strlwr(char *String)
{
    for (char *p = String; *p != 0; p++) {
        if (*p >= 'A' && *p <= 'Z')
            *p += 'a' - 'A';
    }
    return String;
}

char *CDECL _strupr(char *String)
{
    for (char *p = String; *p != 0; p++) {
        if (*p >= 'a' && *p <= 'z')
            *p -= 'a' - 'A';
    }
    return String;
}

WCHAR *CDECL _wcslwr(WCHAR *String)
{
    for (WCHAR *p = String; *p != 0; p++)
        *p = RtlDowncaseUnicodeChar(*p);
    return String;
}

WCHAR *CDECL _wcsupr(WCHAR *String)
{
    for (WCHAR *p = String; *p != 0; p++)
        *p = RtlUpcaseUnicodeChar(*p);
    return String;
}

// The ANSI code page has one byte a character. Returns the characters without the terminator, which is written if it
// fits.
size_t CDECL mbstowcs(WCHAR *Wide, const char *Narrow, size_t Count)
{
    size_t Length = strlen(Narrow);
    ULONG Done;

    if (Wide == NULL)
        return Length;
    IGNORE_STATUS(RtlMultiByteToUnicodeN(Wide, Count * sizeof(WCHAR), &Done, Narrow, Length + 1));
    return min_of(Length, Count);
}

size_t CDECL wcstombs(char *Narrow, const WCHAR *Wide, size_t Count)
{
    size_t Length = wcslen(Wide);
    ULONG Done;

    if (Narrow == NULL)
        return Length;
    IGNORE_STATUS(RtlUnicodeToMultiByteN(Narrow, Count, &Done, Wide, (Length + 1) * sizeof(WCHAR)));
    return min_of(Length, Count);
}
