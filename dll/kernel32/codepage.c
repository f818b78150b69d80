// SPDX-License-Identifier: MIT
// Code pages: 1252 (ANSI) through ntdll, 437 (OEM) and Latin 1 by table, UTF-8.
// Source of the table: unicode.org, MAPPINGS/VENDORS/MICSFT/PC/CP437.TXT.

#include "k32.h"

const WCHAR BaseOem437[128] = {
    0x00C7, 0x00FC, 0x00E9, 0x00E2, 0x00E4, 0x00E0, 0x00E5, 0x00E7, 0x00EA, 0x00EB, 0x00E8, 0x00EF, 0x00EE,
    0x00EC, 0x00C4, 0x00C5, 0x00C9, 0x00E6, 0x00C6, 0x00F4, 0x00F6, 0x00F2, 0x00FB, 0x00F9, 0x00FF, 0x00D6,
    0x00DC, 0x00A2, 0x00A3, 0x00A5, 0x20A7, 0x0192, 0x00E1, 0x00ED, 0x00F3, 0x00FA, 0x00F1, 0x00D1, 0x00AA,
    0x00BA, 0x00BF, 0x2310, 0x00AC, 0x00BD, 0x00BC, 0x00A1, 0x00AB, 0x00BB, 0x2591, 0x2592, 0x2593, 0x2502,
    0x2524, 0x2561, 0x2562, 0x2556, 0x2555, 0x2563, 0x2551, 0x2557, 0x255D, 0x255C, 0x255B, 0x2510, 0x2514,
    0x2534, 0x252C, 0x251C, 0x2500, 0x253C, 0x255E, 0x255F, 0x255A, 0x2554, 0x2569, 0x2566, 0x2560, 0x2550,
    0x256C, 0x2567, 0x2568, 0x2564, 0x2565, 0x2559, 0x2558, 0x2552, 0x2553, 0x256B, 0x256A, 0x2518, 0x250C,
    0x2588, 0x2584, 0x258C, 0x2590, 0x2580, 0x03B1, 0x00DF, 0x0393, 0x03C0, 0x03A3, 0x03C3, 0x00B5, 0x03C4,
    0x03A6, 0x0398, 0x03A9, 0x03B4, 0x221E, 0x03C6, 0x03B5, 0x2229, 0x2261, 0x00B1, 0x2265, 0x2264, 0x2320,
    0x2321, 0x00F7, 0x2248, 0x00B0, 0x2219, 0x00B7, 0x221A, 0x207F, 0x00B2, 0x25A0, 0x00A0,
};

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
        return BaseOem437[Byte - 0x80];
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
        for (int i = 0; i < 128; i++) {
            if (BaseOem437[i] == Wide) {
                return 0x80 + i;
            }
        }
        return -1;
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
