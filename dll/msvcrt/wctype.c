// SPDX-License-Identifier: MIT
// Character classes of wide characters: as kernel32 knows them.

#include "crt.h"
#include <wctype.h>

#undef iswascii

// C1_* and the C library's class bits agree but for C1_ALPHA, which is in none of the eight.
static int CrtpIsWide(wint_t c, int Mask)
{
    wchar_t Character = (wchar_t)c;
    WORD Type = 0;

    if (c == WEOF || !GetStringTypeW(CT_CTYPE1, &Character, 1, &Type)) {
        return 0;
    }
    return Type & Mask;
}

int __cdecl iswctype(wint_t c, wctype_t Mask)
{
    return CrtpIsWide(c, Mask);
}

int __cdecl is_wctype(wint_t c, wctype_t Mask)
{
    return CrtpIsWide(c, Mask);
}

#define WIDE_CLASS(Name, Mask)                                                                                         \
    int __cdecl(Name)(wint_t c)                                                                                        \
    {                                                                                                                  \
        return CrtpIsWide(c, (Mask));                                                                                  \
    }
WIDE_CLASS(iswalpha, C1_ALPHA)
WIDE_CLASS(iswupper, C1_UPPER)
WIDE_CLASS(iswlower, C1_LOWER)
WIDE_CLASS(iswdigit, C1_DIGIT)
WIDE_CLASS(iswxdigit, C1_XDIGIT)
WIDE_CLASS(iswspace, C1_SPACE)
WIDE_CLASS(iswpunct, C1_PUNCT)
WIDE_CLASS(iswalnum, C1_ALPHA | C1_DIGIT)
WIDE_CLASS(iswprint, C1_BLANK | C1_PUNCT | C1_ALPHA | C1_DIGIT)
WIDE_CLASS(iswgraph, C1_PUNCT | C1_ALPHA | C1_DIGIT)
WIDE_CLASS(iswcntrl, C1_CNTRL)

int __cdecl iswascii(wint_t c)
{
    return c < 0x80;
}

wint_t __cdecl towlower(wint_t c)
{
    wchar_t Character = (wchar_t)c;

    if (c < 0x80) {
        return c >= 'A' && c <= 'Z' ? c + ('a' - 'A') : c;
    }
    LCMapStringW(LOCALE_USER_DEFAULT, LCMAP_LOWERCASE, &Character, 1, &Character, 1);
    return Character;
}

wint_t __cdecl towupper(wint_t c)
{
    wchar_t Character = (wchar_t)c;

    if (c < 0x80) {
        return c >= 'a' && c <= 'z' ? c - ('a' - 'A') : c;
    }
    LCMapStringW(LOCALE_USER_DEFAULT, LCMAP_UPPERCASE, &Character, 1, &Character, 1);
    return Character;
}
