// SPDX-License-Identifier: MIT
// Positions in streams. In text mode a buffer's bytes are not the file's, so the position of a byte in the middle of a
// buffer is found by reading the raw bytes of that buffer again.

#include "crt.h"

// How many raw bytes of the buffer's stretch of the file give its first Count translated bytes; -1 when it cannot be
// read.
static long long CrtpRawLength(CRT_FD *Fd, long long Start, unsigned RawLength, unsigned Count)
{
    LARGE_INTEGER Position = {.QuadPart = Start};
    char *Raw = malloc(RawLength + 1);
    DWORD Done = 0;
    unsigned In = 0;

    if (Raw == NULL || !SetFilePointerEx(Fd->Handle, Position, NULL, FILE_BEGIN) ||
        !ReadFile(Fd->Handle, Raw, RawLength, &Done, NULL)) {
        free(Raw);
        return -1;
    }
    for (; Count != 0 && In < Done; Count--, In++) {
        In += Raw[In] == '\r' && In + 1 < Done && Raw[In + 1] == '\n';
    }
    free(Raw);
    return In;
}

static unsigned CrtpLineFeeds(const char *From, const char *To)
{
    unsigned Count = 0;

    while (From < To) {
        Count += *From++ == '\n';
    }
    return Count;
}

// The position of a stream that is being read in text mode; End is the descriptor's own position.
static long long CrtpTellText(FILE *File, CRT_FD *Fd, long long End)
{
    LARGE_INTEGER Back = {.QuadPart = End};
    long long Start = End - Fd->RawLength;
    long long Raw = CrtpRawLength(Fd, Start, Fd->RawLength, (unsigned)(File->_ptr - File->_base));

    SetFilePointerEx(Fd->Handle, Back, NULL, FILE_BEGIN);
    return Raw < 0 ? -1 : Start + Raw;
}

// The position of a locked stream; -1 with errno set.
long long CrtTell(FILE *File)
{
    CRT_FD *Fd = CrtFd(File->_file);
    long long Position;

    if (Fd == NULL) {
        return -1;
    }
    Position = _lseeki64(File->_file, 0, SEEK_CUR);
    if (Position < 0) {
        return -1;
    }
    if (File->_base == NULL || (File->_flag & (_IOREAD | _IOWRT)) == 0) {
        return Position;
    }
    if ((File->_flag & _IOWRT) != 0) {
        Position += File->_ptr - File->_base;
        return (Fd->Flags & FD_TEXT) != 0 ? Position + CrtpLineFeeds(File->_base, File->_ptr) : Position;
    }
    if (File->_cnt <= 0) {
        return Position;
    }
    return (Fd->Flags & FD_TEXT) != 0 ? CrtpTellText(File, Fd, Position) : Position - File->_cnt;
}

// Moves a locked stream. 0, or -1 with errno set.
int CrtSeek(FILE *File, long long Offset, int Origin)
{
    int Result;

    if (Origin != SEEK_SET && Origin != SEEK_CUR && Origin != SEEK_END) {
        return CrtFail(EINVAL);
    }
    File->_flag &= ~_IOEOF;
    if (Origin == SEEK_CUR) {
        long long Position = CrtTell(File);

        if (Position < 0) {
            return -1;
        }
        Offset += Position;
        Origin = SEEK_SET;
    }
    Result = CrtFlush(File);
    if ((File->_flag & _IORW) != 0) {
        File->_flag &= ~(_IOREAD | _IOWRT);
    }
    File->_ptr = File->_base;
    File->_cnt = 0;
    return _lseeki64(File->_file, Offset, Origin) < 0 ? -1 : Result;
}

int __cdecl _fseeki64(FILE *File, long long Offset, int Origin)
{
    int Result;

    CrtLockStream(File);
    Result = CrtSeek(File, Offset, Origin);
    CrtUnlockStream(File);
    return Result;
}

long long __cdecl _ftelli64(FILE *File)
{
    long long Position;

    CrtLockStream(File);
    Position = CrtTell(File);
    CrtUnlockStream(File);
    return Position;
}

int __cdecl fseek(FILE *File, long Offset, int Origin)
{
    return _fseeki64(File, Offset, Origin);
}

long __cdecl ftell(FILE *File)
{
    long long Position = _ftelli64(File);

    return Position > LONG_MAX ? CrtFail(EINVAL) : (long)Position;
}

void __cdecl rewind(FILE *File)
{
    CrtLockStream(File);
    CrtSeek(File, 0, SEEK_SET);
    clearerr(File);
    CrtUnlockStream(File);
}

int __cdecl fgetpos(FILE *File, fpos_t *Position)
{
    *Position = _ftelli64(File);
    return *Position < 0 ? -1 : 0;
}

int __cdecl fsetpos(FILE *File, const fpos_t *Position)
{
    return _fseeki64(File, *Position, SEEK_SET);
}
