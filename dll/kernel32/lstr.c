// SPDX-License-Identifier: MIT
// The lstr functions and MulDiv. A NULL string counts as an empty one, as in Windows, where a fault is caught.

#include "k32.h"

#undef lstrlen
int WINAPI lstrlenA(LPCSTR String)
{
    return String == NULL ? 0 : (int)strlen(String);
}

int WINAPI lstrlenW(LPCWSTR String)
{
    return String == NULL ? 0 : (int)wcslen(String);
}

LPSTR WINAPI lstrcpyA(LPSTR Target, LPCSTR Source)
{
    return Target == NULL || Source == NULL ? NULL : strcpy(Target, Source);
}

LPWSTR WINAPI lstrcpyW(LPWSTR Target, LPCWSTR Source)
{
    return Target == NULL || Source == NULL ? NULL : wcscpy(Target, Source);
}

LPSTR WINAPI lstrcpynA(LPSTR Target, LPCSTR Source, int Size)
{
    LPSTR Next = Target;

    if (Target == NULL || Source == NULL || Size <= 0) {
        return NULL;
    }
    while (Size-- > 1 && *Source != 0) {
        *Next++ = *Source++;
    }
    *Next = 0;
    return Target;
}

LPWSTR WINAPI lstrcpynW(LPWSTR Target, LPCWSTR Source, int Size)
{
    LPWSTR Next = Target;

    if (Target == NULL || Source == NULL || Size <= 0) {
        return NULL;
    }
    while (Size-- > 1 && *Source != 0) {
        *Next++ = *Source++;
    }
    *Next = 0;
    return Target;
}

LPSTR WINAPI lstrcatA(LPSTR Target, LPCSTR Source)
{
    return Target == NULL || Source == NULL ? NULL : strcat(Target, Source);
}

LPWSTR WINAPI lstrcatW(LPWSTR Target, LPCWSTR Source)
{
    return Target == NULL || Source == NULL ? NULL : wcscat(Target, Source);
}

static int BasepSign(int Value)
{
    return Value < 0 ? -1 : Value > 0;
}

int WINAPI lstrcmpA(LPCSTR First, LPCSTR Second)
{
    return First == NULL || Second == NULL ? (First != NULL) - (Second != NULL) : BasepSign(strcmp(First, Second));
}

int WINAPI lstrcmpW(LPCWSTR First, LPCWSTR Second)
{
    return First == NULL || Second == NULL ? (First != NULL) - (Second != NULL) : BasepSign(wcscmp(First, Second));
}

int WINAPI lstrcmpiA(LPCSTR First, LPCSTR Second)
{
    return First == NULL || Second == NULL ? (First != NULL) - (Second != NULL) : BasepSign(_stricmp(First, Second));
}

int WINAPI lstrcmpiW(LPCWSTR First, LPCWSTR Second)
{
    return First == NULL || Second == NULL ? (First != NULL) - (Second != NULL) : BasepSign(_wcsicmp(First, Second));
}

// Rounds half away from zero, as documented; -1 for an overflow or a zero divisor.
int WINAPI MulDiv(int Number, int Numerator, int Denominator)
{
    LONGLONG Product = (LONGLONG)Number * Numerator;
    LONGLONG Half = Denominator / 2, Result;

    if (Denominator == 0) {
        return -1;
    }
    Result = ((Product < 0) != (Denominator < 0)) ? (Product - Half) / Denominator : (Product + Half) / Denominator;
    return Result > MAXLONG || Result < -(LONGLONG)MAXLONG ? -1 : (int)Result;
}
