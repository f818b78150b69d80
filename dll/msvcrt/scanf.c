// SPDX-License-Identifier: MIT
// The scanf family: libmingwex's scanners, which read streams by getc and ungetc.

#include "crt.h"

int __cdecl __mingw_vfscanf(FILE *File, const char *Format, va_list Arguments);
int __cdecl __mingw_vsscanf(const char *Text, const char *Format, va_list Arguments);
int __cdecl __mingw_vfwscanf(FILE *File, const wchar_t *Format, va_list Arguments);
int __cdecl __mingw_vswscanf(const wchar_t *Text, const wchar_t *Format, va_list Arguments);

int __cdecl fscanf(FILE *File, const char *Format, ...)
{
    va_list Arguments;
    int Result;

    va_start(Arguments, Format);
    Result = __mingw_vfscanf(File, Format, Arguments);
    va_end(Arguments);
    return Result;
}

int __cdecl scanf(const char *Format, ...)
{
    va_list Arguments;
    int Result;

    va_start(Arguments, Format);
    Result = __mingw_vfscanf(stdin, Format, Arguments);
    va_end(Arguments);
    return Result;
}

int __cdecl sscanf(const char *Text, const char *Format, ...)
{
    va_list Arguments;
    int Result;

    va_start(Arguments, Format);
    Result = __mingw_vsscanf(Text, Format, Arguments);
    va_end(Arguments);
    return Result;
}

int __cdecl fwscanf(FILE *File, const wchar_t *Format, ...)
{
    va_list Arguments;
    int Result;

    va_start(Arguments, Format);
    Result = __mingw_vfwscanf(File, Format, Arguments);
    va_end(Arguments);
    return Result;
}

int __cdecl wscanf(const wchar_t *Format, ...)
{
    va_list Arguments;
    int Result;

    va_start(Arguments, Format);
    Result = __mingw_vfwscanf(stdin, Format, Arguments);
    va_end(Arguments);
    return Result;
}

int __cdecl swscanf(const wchar_t *Text, const wchar_t *Format, ...)
{
    va_list Arguments;
    int Result;

    va_start(Arguments, Format);
    Result = __mingw_vswscanf(Text, Format, Arguments);
    va_end(Arguments);
    return Result;
}
