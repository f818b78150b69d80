// SPDX-License-Identifier: MIT
// The printf family for bytes.

#include "crt.h"

// An exponent of the largest double has 309 digits before the point; the rest is sign, point and exponent.
#define FLOAT_TEXT 330
#define LOCAL_TEXT 400
#define FILE_CHUNK 512

int __cdecl __mingw_vsnprintf(char *Text, size_t Size, const char *Format, va_list Arguments);
int __cdecl __mingw_snprintf(char *Text, size_t Size, const char *Format, ...);

static void CrtpDrain(CRT_SINK *Sink)
{
    CrtPut(Sink->File, Sink->Buffer, Sink->Used);
    Sink->Used = 0;
}

// A wide character of a byte string: one that the "C" locale has no byte for becomes a question mark.
static char CrtpFromWide(wchar_t Wide)
{
    return Wide < 0x100 ? (char)Wide : '?';
}

#define CH char
#define SINK CRT_SINK
#define DRAIN CrtpDrain
#define FORMAT __mingw_vsnprintf
#define FORMAT_CALL __mingw_snprintf
#define FROM_WIDE CrtpFromWide
#define OWN_IS_WIDE 0
#define WALK CrtFormat
#include "output.h"

int __cdecl vfprintf(FILE *File, const char *Format, va_list Arguments)
{
    char Chunk[FILE_CHUNK];
    CRT_SINK Sink = {Chunk, FILE_CHUNK, 0, File, 0};
    int Error;

    CrtLockStream(File);
    Error = File->_flag & _IOERR;
    File->_flag &= ~_IOERR;
    CrtFormat(&Sink, Format, Arguments);
    CrtEndWrite(File);
    if ((File->_flag & _IOERR) != 0) {
        Sink.Total = -1;
    }
    File->_flag |= Error;
    CrtUnlockStream(File);
    return Sink.Total;
}

int __cdecl fprintf(FILE *File, const char *Format, ...)
{
    va_list Arguments;
    int Result;

    va_start(Arguments, Format);
    Result = vfprintf(File, Format, Arguments);
    va_end(Arguments);
    return Result;
}

int __cdecl vprintf(const char *Format, va_list Arguments)
{
    return vfprintf(stdout, Format, Arguments);
}

int __cdecl printf(const char *Format, ...)
{
    va_list Arguments;
    int Result;

    va_start(Arguments, Format);
    Result = vfprintf(stdout, Format, Arguments);
    va_end(Arguments);
    return Result;
}

// Without room for all: -1, and no NUL (Microsoft's rule, not C99's).
int __cdecl _vsnprintf(char *Text, size_t Size, const char *Format, va_list Arguments)
{
    CRT_SINK Sink = {Text, Size, 0, NULL, 0};
    int Length = CrtFormat(&Sink, Format, Arguments);

    if (Text != NULL && (size_t)Length < Size) {
        Text[Length] = 0;
    }
    return Text == NULL || (size_t)Length <= Size ? Length : -1;
}

int __cdecl _snprintf(char *Text, size_t Size, const char *Format, ...)
{
    va_list Arguments;
    int Result;

    va_start(Arguments, Format);
    Result = _vsnprintf(Text, Size, Format, Arguments);
    va_end(Arguments);
    return Result;
}

int __cdecl vsprintf(char *Text, const char *Format, va_list Arguments)
{
    return _vsnprintf(Text, INT_MAX, Format, Arguments);
}

int __cdecl sprintf(char *Text, const char *Format, ...)
{
    va_list Arguments;
    int Result;

    va_start(Arguments, Format);
    Result = vsprintf(Text, Format, Arguments);
    va_end(Arguments);
    return Result;
}

int __cdecl _vscprintf(const char *Format, va_list Arguments)
{
    CRT_SINK Sink = {NULL, 0, 0, NULL, 0};

    return CrtFormat(&Sink, Format, Arguments);
}

int __cdecl _scprintf(const char *Format, ...)
{
    va_list Arguments;
    int Result;

    va_start(Arguments, Format);
    Result = _vscprintf(Format, Arguments);
    va_end(Arguments);
    return Result;
}

int __cdecl vsprintf_s(char *Text, size_t Size, const char *Format, va_list Arguments)
{
    int Length = _vsnprintf(Text, Size, Format, Arguments);

    if (Length < 0 || (size_t)Length >= Size) {
        if (Size != 0) {
            *Text = 0;
        }
        return CrtFail(ERANGE);
    }
    return Length;
}

int __cdecl sprintf_s(char *Text, size_t Size, const char *Format, ...)
{
    va_list Arguments;
    int Result;

    va_start(Arguments, Format);
    Result = vsprintf_s(Text, Size, Format, Arguments);
    va_end(Arguments);
    return Result;
}

// _TRUNCATE as Count: what fits, with a NUL, and -1.
int __cdecl _vsnprintf_s(char *Text, size_t Size, size_t Count, const char *Format, va_list Arguments)
{
    int Length = _vsnprintf(Text, Size, Format, Arguments);

    if (Length < 0 || (size_t)Length >= Size) {
        if (Size != 0) {
            Text[Count == (size_t)-1 ? Size - 1 : 0] = 0;
        }
        return -1;
    }
    if (Count != (size_t)-1 && (size_t)Length > Count) {
        Text[Count] = 0;
        return -1;
    }
    return Length;
}

// libmingwex writes the message of a failed assertion and the like through this.
static unsigned CrtpOutputFormat;

unsigned __cdecl _set_output_format(unsigned Format)
{
    unsigned Old = CrtpOutputFormat;

    CrtpOutputFormat = Format;
    return Old;
}

unsigned __cdecl _get_output_format(void)
{
    return CrtpOutputFormat;
}
