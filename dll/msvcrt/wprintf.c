// SPDX-License-Identifier: MIT
// The printf family for wide characters.

#include "crt.h"

#define FLOAT_TEXT 330
#define LOCAL_TEXT 400
#define FILE_CHUNK 256

int __cdecl __mingw_vsnwprintf(wchar_t *Text, size_t Size, const wchar_t *Format, va_list Arguments);
int __cdecl __mingw_snwprintf(wchar_t *Text, size_t Size, const wchar_t *Format, ...);

// A stream gets bytes: one for each character, as the "C" locale has them.
static void CrtpDrain(CRT_WIDE_SINK *Sink)
{
    char Bytes[FILE_CHUNK];

    for (size_t i = 0; i < Sink->Used; i++) {
        Bytes[i] = Sink->Buffer[i] < 0x100 ? (char)Sink->Buffer[i] : '?';
    }
    CrtPut(Sink->File, Bytes, Sink->Used);
    Sink->Used = 0;
}

#define CH wchar_t
#define SINK CRT_WIDE_SINK
#define DRAIN CrtpDrain
#define FORMAT __mingw_vsnwprintf
#define FORMAT_CALL __mingw_snwprintf
#define FROM_WIDE(c) (c)
#define OWN_IS_WIDE 1
#define WALK CrtFormatWide
#include "output.h"

int __cdecl vfwprintf(FILE *File, const wchar_t *Format, va_list Arguments)
{
    wchar_t Chunk[FILE_CHUNK];
    CRT_WIDE_SINK Sink = {Chunk, FILE_CHUNK, 0, File, 0};

    CrtLockStream(File);
    CrtFormatWide(&Sink, Format, Arguments);
    CrtEndWrite(File);
    if ((File->_flag & _IOERR) != 0) {
        Sink.Total = -1;
    }
    CrtUnlockStream(File);
    return Sink.Total;
}

int __cdecl fwprintf(FILE *File, const wchar_t *Format, ...)
{
    va_list Arguments;
    int Result;

    va_start(Arguments, Format);
    Result = vfwprintf(File, Format, Arguments);
    va_end(Arguments);
    return Result;
}

// libmingwex's wide formatter refers to it for streams, which it is never given here.
int __cdecl __ms_fwprintf(FILE *File, const wchar_t *Format, ...);
int __cdecl __ms_fwprintf(FILE *File, const wchar_t *Format, ...)
{
    va_list Arguments;
    int Result;

    va_start(Arguments, Format);
    Result = vfwprintf(File, Format, Arguments);
    va_end(Arguments);
    return Result;
}

int __cdecl vwprintf(const wchar_t *Format, va_list Arguments)
{
    return vfwprintf(stdout, Format, Arguments);
}

int __cdecl wprintf(const wchar_t *Format, ...)
{
    va_list Arguments;
    int Result;

    va_start(Arguments, Format);
    Result = vfwprintf(stdout, Format, Arguments);
    va_end(Arguments);
    return Result;
}

int __cdecl _vsnwprintf(wchar_t *Text, size_t Size, const wchar_t *Format, va_list Arguments)
{
    CRT_WIDE_SINK Sink = {Text, Size, 0, NULL, 0};
    int Length = CrtFormatWide(&Sink, Format, Arguments);

    if (Text != NULL && (size_t)Length < Size) {
        Text[Length] = 0;
    }
    return Text == NULL || (size_t)Length <= Size ? Length : -1;
}

int __cdecl _snwprintf(wchar_t *Text, size_t Size, const wchar_t *Format, ...)
{
    va_list Arguments;
    int Result;

    va_start(Arguments, Format);
    Result = _vsnwprintf(Text, Size, Format, Arguments);
    va_end(Arguments);
    return Result;
}

int __cdecl _vswprintf(wchar_t *Text, const wchar_t *Format, va_list Arguments)
{
    return _vsnwprintf(Text, INT_MAX, Format, Arguments);
}

int __cdecl _swprintf(wchar_t *Text, const wchar_t *Format, ...)
{
    va_list Arguments;
    int Result;

    va_start(Arguments, Format);
    Result = _vswprintf(Text, Format, Arguments);
    va_end(Arguments);
    return Result;
}

int __cdecl _vscwprintf(const wchar_t *Format, va_list Arguments)
{
    CRT_WIDE_SINK Sink = {NULL, 0, 0, NULL, 0};

    return CrtFormatWide(&Sink, Format, Arguments);
}

int __cdecl _scwprintf(const wchar_t *Format, ...)
{
    va_list Arguments;
    int Result;

    va_start(Arguments, Format);
    Result = _vscwprintf(Format, Arguments);
    va_end(Arguments);
    return Result;
}
