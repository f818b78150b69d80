// SPDX-License-Identifier: MIT
// Character classes and case of the C library part of ntdll. The narrow ones know ASCII only (the C locale).
// Source: ISO C11 7.4.

#include "ntdllp.h"

int CDECL isupper(int c)
{
    return c >= 'A' && c <= 'Z';
}
int CDECL islower(int c)
{
    return c >= 'a' && c <= 'z';
}
int CDECL isalpha(int c)
{
    return isupper(c) || islower(c);
}
int CDECL isdigit(int c)
{
    return c >= '0' && c <= '9';
}
int CDECL isalnum(int c)
{
    return isalpha(c) || isdigit(c);
}
int CDECL isxdigit(int c)
{
    return isdigit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}
int CDECL isspace(int c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}
int CDECL iscntrl(int c)
{
    return (c >= 0 && c < ' ') || c == 0x7F;
}
int CDECL isgraph(int c)
{
    return c > ' ' && c < 0x7F;
}
int CDECL isprint(int c)
{
    return c >= ' ' && c < 0x7F;
}
int CDECL ispunct(int c)
{
    return isgraph(c) && !isalnum(c);
}
int CDECL __isascii(int c)
{
    return c >= 0 && c < 0x80;
}
int CDECL __toascii(int c)
{
    return c & 0x7F;
}
int CDECL tolower(int c)
{
    return isupper(c) ? c + ('a' - 'A') : c;
}
int CDECL toupper(int c)
{
    return islower(c) ? c - ('a' - 'A') : c;
}
int CDECL _tolower(int c)
{
    return c + ('a' - 'A');
}
int CDECL _toupper(int c)
{
    return c - ('a' - 'A');
}
WCHAR CDECL towlower(WCHAR c)
{
    return RtlDowncaseUnicodeChar(c);
}
WCHAR CDECL towupper(WCHAR c)
{
    return RtlUpcaseUnicodeChar(c);
}
int CDECL iswalpha(WCHAR c)
{
    return RtlUpcaseUnicodeChar(c) != c || RtlDowncaseUnicodeChar(c) != c;
}
int CDECL iswlower(WCHAR c)
{
    return RtlUpcaseUnicodeChar(c) != c;
}
int CDECL iswdigit(WCHAR c)
{
    return isdigit(c);
}
int CDECL iswspace(WCHAR c)
{
    return isspace(c) || c == 0xA0;
}
int CDECL iswxdigit(WCHAR c)
{
    return isxdigit(c);
}
