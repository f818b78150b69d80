// SPDX-License-Identifier: MIT
// Code pages: 1252 (ANSI) and 437 (OEM) through ntdll, Latin 1, UTF-8.

#include "k32.h"

UINT WINAPI GetACP(VOID)
{
    return ANSI_CODE_PAGE;
}

UINT WINAPI GetOEMCP(VOID)
{
    return OEM_CODE_PAGE;
}

static UINT BasepRealPage(UINT Page)
{
    if (Page == CP_ACP || Page == CP_THREAD_ACP) {
        return ANSI_CODE_PAGE;
    }
    return Page == CP_OEMCP ? OEM_CODE_PAGE : Page;
}

WINBOOL WINAPI IsValidCodePage(UINT Page)
{
    switch (BasepRealPage(Page)) {
    case ANSI_CODE_PAGE:
    case OEM_CODE_PAGE:
    case CP_UTF8:
    case 28591:
    case 20127:
        return TRUE;
    default:
        return FALSE;
    }
}

WINBOOL WINAPI GetCPInfo(UINT Page, LPCPINFO Information)
{
    if (!IsValidCodePage(Page) || Information == NULL) {
        return BaseFail(ERROR_INVALID_PARAMETER);
    }
    RtlZeroMemory(Information, sizeof(*Information));
    Information->MaxCharSize = BasepRealPage(Page) == CP_UTF8 ? 4 : 1;
    Information->DefaultChar[0] = '?';
    return TRUE;
}

// None of the code pages has lead bytes in Win32's sense (UTF-8 does not count as double-byte).
WINBOOL WINAPI IsDBCSLeadByteEx(UINT Page, BYTE Byte)
{
    UNREFERENCED_PARAMETER(Page);
    UNREFERENCED_PARAMETER(Byte);
    return FALSE;
}

WINBOOL WINAPI IsDBCSLeadByte(BYTE Byte)
{
    return IsDBCSLeadByteEx(CP_ACP, Byte);
}

// One byte to one character. MAXULONG for a byte that the page does not have.
static ULONG BasepByteToWide(UINT Page, UCHAR Byte)
{
    WCHAR Wide;
    ULONG Result;

    if (Byte < 0x80 || Page == 28591) {
        return Byte;
    }
    if (Page == OEM_CODE_PAGE) {
        IGNORE_STATUS(RtlOemToUnicodeN(&Wide, sizeof(Wide), NULL, (PCSTR)&Byte, 1)); // one always succeeds
        return Wide;
    }
    if (Page == 20127 || !NT_SUCCESS(RtlMultiByteToUnicodeN(&Wide, sizeof(Wide), &Result, (PCSTR)&Byte, 1))) {
        return MAXULONG;
    }
    return Wide;
}

// One character to one byte; -1 when the page does not have it.
static int BasepWideToByte(UINT Page, WCHAR Wide)
{
    UCHAR Byte = 0;
    ULONG Result;

    if (Wide < 0x80 || (Page == 28591 && Wide < 0x100)) {
        return Wide;
    }
    if (Page == OEM_CODE_PAGE) {
        IGNORE_STATUS(RtlUnicodeToOemN((PCHAR)&Byte, 1, NULL, &Wide, sizeof(Wide)));
        return Byte == '?' ? -1 : Byte;
    }
    if (Page != ANSI_CODE_PAGE || !NT_SUCCESS(RtlUnicodeToMultiByteN((PCHAR)&Byte, 1, &Result, &Wide, sizeof(Wide))) ||
        Byte == '?') {
        return -1;
    }
    return Byte;
}

// Decodes one UTF-8 sequence. Returns the bytes used; *Point is MAXULONG when they are malformed.
static SIZE_T BasepDecodeUtf8(const UCHAR *Next, const UCHAR *End, PULONG Point)
{
    static const ULONG Least[] = {0, 0, 0x80, 0x800, 0x10000};
    SIZE_T Length = *Next < 0x80 ? 1 : *Next < 0xC2 ? 0 : *Next < 0xE0 ? 2 : *Next < 0xF0 ? 3 : *Next < 0xF5 ? 4 : 0;
    ULONG Value;

    *Point = MAXULONG;
    if (Length == 0) {
        return 1;
    }
    Value = Length == 1 ? *Next : *Next & (0x7Fu >> Length);
    for (SIZE_T i = 1; i < Length; i++) {
        if (Next + i >= End || (Next[i] & 0xC0) != 0x80) {
            return i;
        }
        Value = Value << 6 | (Next[i] & 0x3F);
    }
    if (Value >= Least[Length] && Value < 0x110000 && (Value & 0xFFFFF800) != 0xD800) {
        *Point = Value;
    }
    return Length;
}

int WINAPI MultiByteToWideChar(UINT Page, DWORD Flags, LPCCH Text, int Length, LPWSTR Wide, int WideSize)
{
    const UCHAR *Next = (const UCHAR *)Text, *End;
    int Count = 0;

    Page = BasepRealPage(Page);
    if (Text == NULL || Length == 0 || Length < -1 || WideSize < 0 || (WideSize != 0 && Wide == NULL) ||
        !IsValidCodePage(Page)) {
        SetLastError(ERROR_INVALID_PARAMETER);
        return 0;
    }
    End = Next + (Length == -1 ? strlen(Text) + 1 : (SIZE_T)Length);
    while (Next < End) {
        ULONG Point;
        int Units;

        if (Page == CP_UTF8) {
            Next += BasepDecodeUtf8(Next, End, &Point);
        } else {
            Point = BasepByteToWide(Page, *Next++);
        }
        if (Point == MAXULONG) {
            if ((Flags & MB_ERR_INVALID_CHARS) != 0) {
                SetLastError(ERROR_NO_UNICODE_TRANSLATION);
                return 0;
            }
            Point = Page == CP_UTF8 ? 0xFFFD : '?';
        }
        Units = Point >= 0x10000 ? 2 : 1;
        if (WideSize != 0) {
            if (Count + Units > WideSize) {
                SetLastError(ERROR_INSUFFICIENT_BUFFER);
                return 0;
            }
            if (Units == 2) {
                Wide[Count] = (WCHAR)(0xD7C0 + (Point >> 10));
                Wide[Count + 1] = (WCHAR)(0xDC00 + (Point & 0x3FF));
            } else {
                Wide[Count] = (WCHAR)Point;
            }
        }
        Count += Units;
    }
    return Count;
}

static int BasepEncodeUtf8(ULONG Point, PCHAR Out)
{
    if (Point < 0x80) {
        Out[0] = (CHAR)Point;
        return 1;
    }
    if (Point < 0x800) {
        Out[0] = (CHAR)(0xC0 | Point >> 6);
        Out[1] = (CHAR)(0x80 | (Point & 0x3F));
        return 2;
    }
    if (Point < 0x10000) {
        Out[0] = (CHAR)(0xE0 | Point >> 12);
        Out[1] = (CHAR)(0x80 | (Point >> 6 & 0x3F));
        Out[2] = (CHAR)(0x80 | (Point & 0x3F));
        return 3;
    }
    Out[0] = (CHAR)(0xF0 | Point >> 18);
    Out[1] = (CHAR)(0x80 | (Point >> 12 & 0x3F));
    Out[2] = (CHAR)(0x80 | (Point >> 6 & 0x3F));
    Out[3] = (CHAR)(0x80 | (Point & 0x3F));
    return 4;
}

// Takes one code point; a surrogate without its partner becomes U+FFFD.
static const WCHAR *BasepNextPoint(const WCHAR *Next, const WCHAR *End, PULONG Point)
{
    WCHAR High = *Next++;

    *Point = High;
    if ((High & 0xF800) == 0xD800) {
        *Point = 0xFFFD;
        if ((High & 0xFC00) == 0xD800 && Next < End && (*Next & 0xFC00) == 0xDC00) {
            *Point = 0x10000 + ((ULONG)(High & 0x3FF) << 10 | (*Next++ & 0x3FF));
        }
    }
    return Next;
}

int WINAPI WideCharToMultiByte(UINT Page, DWORD Flags, LPCWCH Wide, int Length, LPSTR Text, int Size, LPCCH Default,
                               LPBOOL UsedDefault)
{
    const WCHAR *Next = Wide, *End;
    BOOL Used = FALSE;
    int Count = 0;

    Page = BasepRealPage(Page);
    if (Wide == NULL || Length == 0 || Length < -1 || Size < 0 || (Size != 0 && Text == NULL) ||
        !IsValidCodePage(Page) || (Page == CP_UTF8 && (Default != NULL || UsedDefault != NULL))) {
        SetLastError(ERROR_INVALID_PARAMETER);
        return 0;
    }
    End = Next + (Length == -1 ? wcslen(Wide) + 1 : (SIZE_T)Length);
    while (Next < End) {
        CHAR Bytes[4];
        int Units = 1;

        if (Page == CP_UTF8) {
            ULONG Point;

            Next = BasepNextPoint(Next, End, &Point);
            if (Point == 0xFFFD && Next[-1] != 0xFFFD && (Flags & WC_ERR_INVALID_CHARS) != 0) {
                SetLastError(ERROR_NO_UNICODE_TRANSLATION);
                return 0;
            }
            Units = BasepEncodeUtf8(Point, Bytes);
        } else {
            int Byte = BasepWideToByte(Page, *Next++);

            Used |= Byte < 0;
            Bytes[0] = (CHAR)(Byte >= 0 ? Byte : Default != NULL ? *Default : '?');
        }
        if (Size != 0) {
            if (Count + Units > Size) {
                SetLastError(ERROR_INSUFFICIENT_BUFFER);
                return 0;
            }
            memcpy(Text + Count, Bytes, (SIZE_T)Units);
        }
        Count += Units;
    }
    if (UsedDefault != NULL) {
        *UsedDefault = Used;
    }
    return Count;
}
