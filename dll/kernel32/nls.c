// SPDX-License-Identifier: MIT
// Locale functions for the one locale there is (English, United States): compare, map, classify.
// Comparison is by code point, after upper-casing where case is to be ignored; word sort is not done.

#include "k32.h"

#define LOCALE_ENGLISH_US 0x0409u

static BOOL BasepIsAlpha(WCHAR Character)
{
    return RtlUpcaseUnicodeChar(Character) != Character || RtlDowncaseUnicodeChar(Character) != Character ||
           Character == 0xDF || Character == 0xAA || Character == 0xBA;
}

static WORD BasepType1(WCHAR Character)
{
    WORD Type = 0;

    if (Character < 0x20 || (Character >= 0x7F && Character < 0xA0)) {
        Type |= C1_CNTRL;
    }
    if ((Character >= 9 && Character <= 13) || Character == ' ' || Character == 0xA0) {
        Type |= C1_SPACE;
    }
    if (Character == ' ' || Character == '\t' || Character == 0xA0) {
        Type |= C1_BLANK;
    }
    if (Character >= '0' && Character <= '9') {
        Type |= C1_DIGIT | C1_XDIGIT;
    }
    if ((Character >= 'a' && Character <= 'f') || (Character >= 'A' && Character <= 'F')) {
        Type |= C1_XDIGIT;
    }
    if (BasepIsAlpha(Character)) {
        Type |= C1_ALPHA | (RtlUpcaseUnicodeChar(Character) != Character || Character == 0xDF ? C1_LOWER : 0) |
                (RtlDowncaseUnicodeChar(Character) != Character ? C1_UPPER : 0);
    }
    if (Type == 0) {
        Type = C1_PUNCT;
    }
    return Type | C1_DEFINED;
}

WINBOOL WINAPI GetStringTypeW(DWORD InfoType, LPCWCH Text, int Length, LPWORD Types)
{
    if (Text == NULL || Types == NULL || Length == 0) {
        return BaseFail(ERROR_INVALID_PARAMETER);
    }
    if (Length < 0) {
        Length = (int)wcslen(Text) + 1;
    }
    for (int i = 0; i < Length; i++) {
        Types[i] = InfoType == CT_CTYPE1 ? BasepType1(Text[i]) : 0;
    }
    return InfoType == CT_CTYPE1 ? TRUE : BaseFail(ERROR_INVALID_FLAGS);
}

WINBOOL WINAPI GetStringTypeA(LCID Locale, DWORD InfoType, LPCSTR Text, int Length, LPWORD Types)
{
    UNREFERENCED_PARAMETER(Locale);
    if (Length < 0) {
        Length = (int)strlen(Text) + 1;
    }
    for (int i = 0; i < Length; i++) {
        WCHAR Wide;

        if (MultiByteToWideChar(CP_ACP, 0, Text + i, 1, &Wide, 1) != 1 ||
            !GetStringTypeW(InfoType, &Wide, 1, Types + i)) {
            return FALSE;
        }
    }
    return TRUE;
}

WINBOOL WINAPI GetStringTypeExA(LCID Locale, DWORD InfoType, LPCSTR Text, int Length, LPWORD Types)
{
    return GetStringTypeA(Locale, InfoType, Text, Length, Types);
}

WINBOOL WINAPI GetStringTypeExW(LCID Locale, DWORD InfoType, LPCWSTR Text, int Length, LPWORD Types)
{
    UNREFERENCED_PARAMETER(Locale);
    return GetStringTypeW(InfoType, Text, Length, Types);
}

int WINAPI CompareStringW(LCID Locale, DWORD Flags, LPCWCH First, int FirstLength, LPCWCH Second, int SecondLength)
{
    int Common;

    UNREFERENCED_PARAMETER(Locale);
    if (First == NULL || Second == NULL) {
        SetLastError(ERROR_INVALID_PARAMETER);
        return 0;
    }
    FirstLength = FirstLength < 0 ? (int)wcslen(First) : FirstLength;
    SecondLength = SecondLength < 0 ? (int)wcslen(Second) : SecondLength;
    Common = min_of(FirstLength, SecondLength);
    for (int i = 0; i < Common; i++) {
        WCHAR a = First[i], b = Second[i];

        if ((Flags & (NORM_IGNORECASE | LINGUISTIC_IGNORECASE)) != 0) {
            a = RtlUpcaseUnicodeChar(a);
            b = RtlUpcaseUnicodeChar(b);
        }
        if (a != b) {
            return a < b ? CSTR_LESS_THAN : CSTR_GREATER_THAN;
        }
    }
    if (FirstLength == SecondLength) {
        return CSTR_EQUAL;
    }
    return FirstLength < SecondLength ? CSTR_LESS_THAN : CSTR_GREATER_THAN;
}

int WINAPI CompareStringA(LCID Locale, DWORD Flags, LPCCH First, int FirstLength, LPCCH Second, int SecondLength)
{
    int Common;

    UNREFERENCED_PARAMETER(Locale);
    if (First == NULL || Second == NULL) {
        SetLastError(ERROR_INVALID_PARAMETER);
        return 0;
    }
    FirstLength = FirstLength < 0 ? (int)strlen(First) : FirstLength;
    SecondLength = SecondLength < 0 ? (int)strlen(Second) : SecondLength;
    Common = min_of(FirstLength, SecondLength);
    for (int i = 0; i < Common; i++) {
        WCHAR a, b;
        int Order;

        MultiByteToWideChar(CP_ACP, 0, First + i, 1, &a, 1);
        MultiByteToWideChar(CP_ACP, 0, Second + i, 1, &b, 1);
        Order = CompareStringW(Locale, Flags, &a, 1, &b, 1);
        if (Order != CSTR_EQUAL) {
            return Order;
        }
    }
    if (FirstLength == SecondLength) {
        return CSTR_EQUAL;
    }
    return FirstLength < SecondLength ? CSTR_LESS_THAN : CSTR_GREATER_THAN;
}

int WINAPI LCMapStringW(LCID Locale, DWORD Flags, LPCWSTR Source, int Length, LPWSTR Target, int Size)
{
    UNREFERENCED_PARAMETER(Locale);
    if (Source == NULL || Length == 0 || (Flags & LCMAP_SORTKEY) != 0) {
        SetLastError((Flags & LCMAP_SORTKEY) != 0 ? ERROR_INVALID_FLAGS : ERROR_INVALID_PARAMETER);
        return 0;
    }
    Length = Length < 0 ? (int)wcslen(Source) + 1 : Length;
    if (Size == 0) {
        return Length;
    }
    if (Size < Length) {
        SetLastError(ERROR_INSUFFICIENT_BUFFER);
        return 0;
    }
    for (int i = 0; i < Length; i++) {
        Target[i] = (Flags & LCMAP_UPPERCASE) != 0   ? RtlUpcaseUnicodeChar(Source[i])
                    : (Flags & LCMAP_LOWERCASE) != 0 ? RtlDowncaseUnicodeChar(Source[i])
                                                     : Source[i];
    }
    return Length;
}

int WINAPI LCMapStringA(LCID Locale, DWORD Flags, LPCSTR Source, int Length, LPSTR Target, int Size)
{
    Length = Source != NULL && Length < 0 ? (int)strlen(Source) + 1 : Length;
    if (Source == NULL || Length <= 0 || (Size != 0 && Size < Length)) {
        SetLastError(Size != 0 && Size < Length ? ERROR_INSUFFICIENT_BUFFER : ERROR_INVALID_PARAMETER);
        return 0;
    }
    for (int i = 0; i < Length && Size != 0; i++) {
        WCHAR Wide;

        MultiByteToWideChar(CP_ACP, 0, Source + i, 1, &Wide, 1);
        if (LCMapStringW(Locale, Flags, &Wide, 1, &Wide, 1) == 0) {
            return 0;
        }
        WideCharToMultiByte(CP_ACP, 0, &Wide, 1, Target + i, 1, NULL, NULL);
    }
    return Length;
}

LCID WINAPI GetThreadLocale(VOID)
{
    return LOCALE_ENGLISH_US;
}

LCID WINAPI GetUserDefaultLCID(VOID)
{
    return LOCALE_ENGLISH_US;
}

LCID WINAPI GetSystemDefaultLCID(VOID)
{
    return LOCALE_ENGLISH_US;
}

LANGID WINAPI GetUserDefaultLangID(VOID)
{
    return LOCALE_ENGLISH_US;
}

LANGID WINAPI GetSystemDefaultLangID(VOID)
{
    return LOCALE_ENGLISH_US;
}

WINBOOL WINAPI IsValidLocale(LCID Locale, DWORD Flags)
{
    UNREFERENCED_PARAMETER(Flags);
    return Locale == LOCALE_ENGLISH_US || Locale == LOCALE_USER_DEFAULT || Locale == LOCALE_SYSTEM_DEFAULT;
}
