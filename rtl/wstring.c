// SPDX-License-Identifier: MIT
// C strings of UTF-16 units. Case folding uses the system's upper-case table.
// All: any IRQL, as far as the memory itself may be touched. Semantics: as the 8-bit namesakes in string.c.

#include "rtlp.h"

#pragma GCC optimize("no-tree-loop-distribute-patterns")

// Units before the terminator.
size_t CDECL wcslen(const WCHAR *String)
{
    const WCHAR *p = String;

    for (;; p += 4) { // paths and environments are long
        if (p[0] == 0)
            return p - String;
        if (p[1] == 0)
            return p + 1 - String;
        if (p[2] == 0)
            return p + 2 - String;
        if (p[3] == 0)
            return p + 3 - String;
    }
}

// Copies with the terminator. The caller knows that it fits.
WCHAR *CDECL wcscpy(WCHAR *Destination, const WCHAR *Source)
{
    WCHAR *p = Destination;

    while ((*p++ = *Source++) != 0)
        ;
    return Destination;
}

// Copies at most Count units and pads with zeros; no terminator if Source is as long as that.
WCHAR *CDECL wcsncpy(WCHAR *Destination, const WCHAR *Source, size_t Count)
{
    size_t i;

    for (i = 0; i < Count && Source[i] != 0; i++)
        Destination[i] = Source[i];
    for (; i < Count; i++)
        Destination[i] = 0;
    return Destination;
}

// Appends with the terminator. The caller knows that it fits.
WCHAR *CDECL wcscat(WCHAR *Destination, const WCHAR *Source)
{
    wcscpy(Destination + wcslen(Destination), Source);
    return Destination;
}

// Compares as unsigned units.
int CDECL wcscmp(const WCHAR *First, const WCHAR *Second)
{
    return wcsncmp(First, Second, (size_t)-1);
}

// Compares at most Count units.
int CDECL wcsncmp(const WCHAR *First, const WCHAR *Second, size_t Count)
{
    for (; Count != 0; First++, Second++, Count--) {
        if (*First != *Second)
            return *First - *Second;
        if (*First == 0)
            break;
    }
    return 0;
}

// wcscmp without regard to case.
int CDECL _wcsicmp(const WCHAR *First, const WCHAR *Second)
{
    return _wcsnicmp(First, Second, (size_t)-1);
}

// wcsncmp without regard to case.
int CDECL _wcsnicmp(const WCHAR *First, const WCHAR *Second, size_t Count)
{
    for (; Count != 0; First++, Second++, Count--) {
        WCHAR a = RtlDowncaseUnicodeChar(*First), b = RtlDowncaseUnicodeChar(*Second);

        if (a != b)
            return a - b;
        if (a == 0)
            break;
    }
    return 0;
}

// The first Character in String (its terminator included), NULL if there is none.
WCHAR *CDECL wcschr(const WCHAR *String, WCHAR Character)
{
    for (;; String++) {
        if (*String == Character)
            return (WCHAR *)String;
        if (*String == 0)
            return NULL;
    }
}

// The last Character in String (its terminator included), NULL if there is none.
WCHAR *CDECL wcsrchr(const WCHAR *String, WCHAR Character)
{
    const WCHAR *Found = NULL;

    for (;; String++) {
        if (*String == Character)
            Found = String;
        if (*String == 0)
            return (WCHAR *)Found;
    }
}

// Where Pattern first occurs in String; String itself for an empty pattern, NULL if nowhere.
WCHAR *CDECL wcsstr(const WCHAR *String, const WCHAR *Pattern)
{
    size_t Length = wcslen(Pattern);

    for (;; String++) {
        if (wcsncmp(String, Pattern, Length) == 0)
            return (WCHAR *)String;
        if (*String == 0)
            return NULL;
    }
}
