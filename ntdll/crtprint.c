// SPDX-License-Identifier: MIT
// The other names of rtl/format.c's formatter. Source: SDK documentation (sprintf family).

#include "ntdllp.h"

#define NO_LIMIT 0x3FFFFFFF

int CDECL _vsnwprintf(WCHAR *Buffer, size_t Count, const WCHAR *Format, va_list Arguments)
{
    RTLP_FORMAT State = {Format, Buffer, Count, 0, TRUE};

    return RtlpFormat(&State, Arguments);
}

int CDECL vsprintf(char *Buffer, const char *Format, va_list Arguments)
{
    return _vsnprintf(Buffer, NO_LIMIT, Format, Arguments);
}

int CDECL sprintf(char *Buffer, const char *Format, ...)
{
    va_list Arguments;
    int Length;

    va_start(Arguments, Format);
    Length = _vsnprintf(Buffer, NO_LIMIT, Format, Arguments);
    va_end(Arguments);
    return Length;
}

int CDECL swprintf(WCHAR *Buffer, const WCHAR *Format, ...)
{
    va_list Arguments;
    int Length;

    va_start(Arguments, Format);
    Length = _vsnwprintf(Buffer, NO_LIMIT, Format, Arguments);
    va_end(Arguments);
    return Length;
}

// The length that the text would have.
int CDECL _vscprintf(const char *Format, va_list Arguments)
{
    RTLP_FORMAT State = {Format, NULL, 0, 0, FALSE};

    RtlpFormat(&State, Arguments);
    return (int)State.Length;
}

int CDECL _vscwprintf(const WCHAR *Format, va_list Arguments)
{
    RTLP_FORMAT State = {Format, NULL, 0, 0, TRUE};

    RtlpFormat(&State, Arguments);
    return (int)State.Length;
}
