// SPDX-License-Identifier: MIT
// Conversion between bytes and wide characters. In the "C" locale a byte is the character of the same number.

#include "crt.h"

size_t __cdecl mbstowcs(wchar_t *Wide, const char *Text, size_t Count)
{
    size_t i;

    if (Wide == NULL) {
        return strlen(Text);
    }
    for (i = 0; i < Count; i++) {
        Wide[i] = (unsigned char)Text[i];
        if (Text[i] == 0) {
            break;
        }
    }
    return i;
}

size_t __cdecl wcstombs(char *Text, const wchar_t *Wide, size_t Count)
{
    size_t i;

    for (i = 0; Text == NULL || i < Count; i++) {
        if (Wide[i] > 0xFF) {
            return (size_t)CrtFail(EILSEQ);
        }
        if (Text != NULL) {
            Text[i] = (char)Wide[i];
        }
        if (Wide[i] == 0) {
            break;
        }
    }
    return i;
}

int __cdecl mbtowc(wchar_t *Wide, const char *Text, size_t Count)
{
    if (Text == NULL || Count == 0) {
        return 0;
    }
    if (Wide != NULL) {
        *Wide = (unsigned char)*Text;
    }
    return *Text != 0;
}

int __cdecl wctomb(char *Text, wchar_t Wide)
{
    if (Text == NULL) {
        return 0;
    }
    if (Wide > 0xFF) {
        return CrtFail(EILSEQ);
    }
    *Text = (char)Wide;
    return 1;
}

int __cdecl mblen(const char *Text, size_t Count)
{
    return Text == NULL || Count == 0 || *Text == 0 ? 0 : 1;
}

// The restartable forms, which libmingwex calls.
size_t __cdecl mbrtowc(wchar_t *Wide, const char *Text, size_t Count, mbstate_t *State)
{
    (void)State;
    if (Text == NULL) {
        return 0;
    }
    return Count == 0 ? (size_t)-2 : (size_t)mbtowc(Wide, Text, Count);
}

size_t __cdecl mbrlen(const char *Text, size_t Count, mbstate_t *State)
{
    return mbrtowc(NULL, Text, Count, State);
}

size_t __cdecl wcrtomb(char *Text, wchar_t Wide, mbstate_t *State)
{
    (void)State;
    return Text == NULL ? 1 : (size_t)wctomb(Text, Wide);
}

unsigned __cdecl ___lc_codepage_func(void);
unsigned __cdecl ___lc_codepage_func(void)
{
    return 0; // the "C" locale
}

// The multibyte functions of single-byte code pages are the plain ones.
unsigned char *__cdecl _mbschr(const unsigned char *String, unsigned Character);
unsigned char *__cdecl _mbschr(const unsigned char *String, unsigned Character)
{
    return (unsigned char *)strchr((const char *)String, (int)Character);
}

unsigned char *__cdecl _mbsrchr(const unsigned char *String, unsigned Character);
unsigned char *__cdecl _mbsrchr(const unsigned char *String, unsigned Character)
{
    return (unsigned char *)strrchr((const char *)String, (int)Character);
}

int __cdecl _mbsicmp(const unsigned char *First, const unsigned char *Second);
int __cdecl _mbsicmp(const unsigned char *First, const unsigned char *Second)
{
    return _stricmp((const char *)First, (const char *)Second);
}

int __cdecl _ismbblead(unsigned c);
int __cdecl _ismbblead(unsigned c)
{
    (void)c;
    return 0;
}

int __cdecl _setmbcp(int Page);
int __cdecl _setmbcp(int Page)
{
    (void)Page;
    return 0;
}

int __cdecl _getmbcp(void);
int __cdecl _getmbcp(void)
{
    return 0;
}
