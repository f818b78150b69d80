// SPDX-License-Identifier: MIT
// Character classes of bytes in the "C" locale: only ASCII has any. The table is exported for the macros of
// Microsoft's headers, indexed from -1 (EOF).

#include "crt.h"
#include <ctype.h>

// The header makes macros of these.
#undef __pctype_func
#undef _pctype
#undef __mb_cur_max
#undef _tolower
#undef _toupper
#undef __isascii
#undef __toascii
#undef __iscsymf
#undef __iscsym
#undef isleadbyte

#define UP _UPPER
#define LO _LOWER
#define UX (_UPPER | _HEX)
#define LX (_LOWER | _HEX)
#define DI (_DIGIT | _HEX)
#define PU _PUNCT
#define CO _CONTROL
#define CS (_CONTROL | _SPACE)
#define BL (_SPACE | _BLANK)

unsigned short _ctype[257] = {
    0,                                                              // EOF
    CO, CO, CO, CO, CO, CO, CO, CO, CO, CS, CS, CS, CS, CS, CO, CO, // 00
    CO, CO, CO, CO, CO, CO, CO, CO, CO, CO, CO, CO, CO, CO, CO, CO, // 10
    BL, PU, PU, PU, PU, PU, PU, PU, PU, PU, PU, PU, PU, PU, PU, PU, // 20
    DI, DI, DI, DI, DI, DI, DI, DI, DI, DI, PU, PU, PU, PU, PU, PU, // 30
    PU, UX, UX, UX, UX, UX, UX, UP, UP, UP, UP, UP, UP, UP, UP, UP, // 40
    UP, UP, UP, UP, UP, UP, UP, UP, UP, UP, UP, PU, PU, PU, PU, PU, // 50
    PU, LX, LX, LX, LX, LX, LX, LO, LO, LO, LO, LO, LO, LO, LO, LO, // 60
    LO, LO, LO, LO, LO, LO, LO, LO, LO, LO, LO, PU, PU, PU, PU, CO, // 70
};
const unsigned short *_pctype = _ctype + 1;
int __mb_cur_max = 1;

const unsigned short *__cdecl __pctype_func(void)
{
    return _pctype;
}

const unsigned short **__cdecl __p__pctype(void);
const unsigned short **__cdecl __p__pctype(void)
{
    return &_pctype;
}

int *__cdecl __p___mb_cur_max(void);
int *__cdecl __p___mb_cur_max(void)
{
    return &__mb_cur_max;
}

int __cdecl ___mb_cur_max_func(void)
{
    return __mb_cur_max;
}

static int CrtpIs(int c, int Mask)
{
    return c >= -1 && c <= 255 ? _pctype[c] & Mask : 0;
}

int __cdecl _isctype(int c, int Mask)
{
    return CrtpIs(c, Mask);
}

#define CLASS(Name, Mask)                                                                                              \
    int __cdecl(Name)(int c)                                                                                           \
    {                                                                                                                  \
        return CrtpIs(c, (Mask));                                                                                      \
    }
CLASS(isalpha, _UPPER | _LOWER)
CLASS(isupper, _UPPER)
CLASS(islower, _LOWER)
CLASS(isdigit, _DIGIT)
CLASS(isxdigit, _HEX)
CLASS(isspace, _SPACE)
CLASS(ispunct, _PUNCT)
CLASS(isalnum, _UPPER | _LOWER | _DIGIT)
CLASS(isprint, _BLANK | _PUNCT | _UPPER | _LOWER | _DIGIT)
CLASS(isgraph, _PUNCT | _UPPER | _LOWER | _DIGIT)
CLASS(iscntrl, _CONTROL)

int __cdecl(tolower)(int c)
{
    return c >= 'A' && c <= 'Z' ? c + ('a' - 'A') : c;
}

int __cdecl(toupper)(int c)
{
    return c >= 'a' && c <= 'z' ? c - ('a' - 'A') : c;
}

int __cdecl _tolower(int c)
{
    return c + ('a' - 'A');
}

int __cdecl _toupper(int c)
{
    return c - ('a' - 'A');
}

int __cdecl __isascii(int c)
{
    return (unsigned)c < 0x80;
}

int __cdecl __toascii(int c)
{
    return c & 0x7F;
}

int __cdecl __iscsymf(int c)
{
    return isalpha(c) || c == '_';
}

int __cdecl __iscsym(int c)
{
    return isalnum(c) || c == '_';
}

int __cdecl isleadbyte(int c)
{
    (void)c;
    return 0;
}
