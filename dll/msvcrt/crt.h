// SPDX-License-Identifier: MIT
// Private header of msvcrt. The exported functions keep the contracts of the Microsoft C run-time library's reference
// (and of ISO C); comments above them tell only what is ours. Names of our own begin with Crt.

#ifndef MICA_CRT_H
#define MICA_CRT_H

#define _NO_CRT_STDIO_INLINE
#include <windows.h>
#include <errno.h>
#include <fcntl.h>
#include <io.h>
#include <limits.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <wchar.h>

#define COUNT_OF(a) (sizeof(a) / sizeof((a)[0]))

// --- thread.c: what the C library keeps for each thread; made on first use, freed when the thread ends
typedef struct _CRT_THREAD {
    int Errno;
    unsigned long DosErrno;
    unsigned int RandomSeed;
    char *TokenNext; // strtok
    wchar_t *WideTokenNext;
    struct tm Time;    // gmtime, localtime
    char TimeText[26]; // asctime, ctime
    wchar_t WideTimeText[26];
    char ErrorText[256];           // strerror, _strerror
    PEXCEPTION_POINTERS Exception; // __pxcptinfoptrs
} CRT_THREAD;
CRT_THREAD *CrtThread(void);
void CrtFreeThread(void);
int CrtInitializeThreads(void);

// --- errno.c
int CrtFail(int Errno);        // sets errno, returns -1
int CrtFailWin32(DWORD Error); // sets errno and _doserrno, returns -1
int CrtFailLast(void);         // the same with GetLastError()

// --- lock.c: the numbered locks of _lock and _unlock
enum {
    LOCK_SIGNAL = 0,
    LOCK_STREAMS = 1,
    LOCK_ENVIRONMENT = 7,
    LOCK_EXIT = 8,
    LOCK_HANDLES = 11,
    LOCK_LOCALE = 12,
    LOCK_STANDARD_STREAMS = 16,
    LOCK_COUNT = 48
};
void CrtInitializeLocks(void);
CRITICAL_SECTION *CrtLock(int Number);
void __cdecl _lock(int Number);
void __cdecl _unlock(int Number);

// --- lowio.c: the table of file descriptors
#define FD_MAXIMUM 512
#define FD_OPEN 0x01
#define FD_EOF 0x02 // a Ctrl-Z was read from a text file
#define FD_PIPE 0x08
#define FD_NOINHERIT 0x10
#define FD_APPEND 0x20
#define FD_DEVICE 0x40
#define FD_TEXT 0x80
typedef struct _CRT_FD {
    HANDLE Handle;
    unsigned char Flags;
    char HaveByte; // a byte read too far behind a carriage return
    char Byte;
    unsigned RawLength; // file bytes that the last text read took
} CRT_FD;
extern CRT_FD CrtFds[FD_MAXIMUM];
CRT_FD *CrtFd(int Fd); // NULL, with EBADF, when it is not open
int CrtAllocateFd(HANDLE Handle, unsigned char Flags);
void CrtInitializeFds(void);
int CrtOpen(const wchar_t *Path, int Flags, int Share, int Mode);

// --- stream.c
#define STREAM_MAXIMUM 512
#define STREAM_BUFFER 4096
#undef _iob
extern FILE _iob[_IOB_ENTRIES];
#undef stdin
#undef stdout
#undef stderr
#define stdin (&_iob[0])
#define stdout (&_iob[1])
#define stderr (&_iob[2])
FILE *CrtNewStream(void);          // locked and zeroed; NULL, with EMFILE, when there is none
void CrtReleaseStream(FILE *File); // gives the slot back
void CrtLockStream(FILE *File);
void CrtUnlockStream(FILE *File);
void CrtEndWrite(FILE *File); // after each output call: an unbuffered stream or a device is flushed
int CrtFlush(FILE *File);     // 0 or EOF
size_t CrtPut(FILE *File, const char *Data, size_t Length); // stream locked; returns what was written
int CrtFlushAll(void);                                      // how many streams are open
int CrtOpenMode(const wchar_t *Mode, int *StreamFlags);     // _O_* flags, -1 with EINVAL
void CrtInitializeStreams(void);
void CrtGiveBuffer(FILE *File);
int _filbuf(FILE *File);
int _flsbuf(int Character, FILE *File);
long long CrtTell(FILE *File);
int CrtSeek(FILE *File, long long Offset, int Origin);

// --- printf.c, wprintf.c: the sinks that formatted output goes to
typedef struct _CRT_SINK {
    char *Buffer;
    size_t Size; // capacity
    size_t Used;
    FILE *File; // when set, a full buffer is written there
    int Total;
} CRT_SINK;
typedef struct _CRT_WIDE_SINK {
    wchar_t *Buffer;
    size_t Size;
    size_t Used;
    FILE *File;
    int Total;
} CRT_WIDE_SINK;
int CrtFormat(CRT_SINK *Sink, const char *Format, va_list Arguments);
int CrtFormatWide(CRT_WIDE_SINK *Sink, const wchar_t *Format, va_list Arguments);

// --- strtol.c
unsigned long long CrtParse(const void *Text, int Wide, const void **End, int Base, unsigned long long Limit,
                            int Signed);

// --- start-up: arguments and environment
int CrtInitializeEnvironment(void);
int CrtParseCommandLine(const wchar_t *Line, wchar_t ***Arguments, int Expand); // argv.c; the count, -1 without memory
char *CrtNarrow(const wchar_t *Wide);                                           // malloc'ed
wchar_t *CrtWiden(const char *Narrow);                                          // malloc'ed
wchar_t *CrtPath(const char *Path, wchar_t *Local, size_t Size); // widened into Local, or NULL with ENOENT

#define TICKS_1970 116444736000000000ull
#define TICKS_A_SECOND 10000000u
static inline long long CrtFileTimeToTime(const FILETIME *Time)
{
    unsigned long long Ticks = (unsigned long long)Time->dwHighDateTime << 32 | Time->dwLowDateTime;

    return Ticks < TICKS_1970 ? 0 : (long long)((Ticks - TICKS_1970) / TICKS_A_SECOND);
}

#endif
