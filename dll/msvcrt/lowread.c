// SPDX-License-Identifier: MIT
// Reading, writing and seeking by descriptor. In text mode a line feed is stored as carriage return and line feed, and
// Ctrl-Z ends what is read.

#include "crt.h"

#define CTRL_Z 26
#define TEXT_CHUNK 1024

// Raw bytes from the handle: the one kept from the last read first. -1 with errno set.
static int CrtpReadRaw(CRT_FD *Fd, char *Buffer, unsigned Length)
{
    DWORD Done;

    if (Length == 0) {
        return 0;
    }
    if (Fd->HaveByte) {
        Fd->HaveByte = 0;
        *Buffer = Fd->Byte;
        return 1;
    }
    if (!ReadFile(Fd->Handle, Buffer, Length, &Done, NULL)) {
        DWORD Error = GetLastError();

        if (Error == ERROR_BROKEN_PIPE) {
            return 0;
        }
        return Error == ERROR_ACCESS_DENIED ? CrtFail(EBADF) : CrtFailWin32(Error);
    }
    return (int)Done;
}

// Whether a line feed follows a carriage return that came last; a byte of another kind is kept for the next read.
static int CrtpLineFeedFollows(CRT_FD *Fd)
{
    char Next;

    if (CrtpReadRaw(Fd, &Next, 1) != 1) {
        return 0;
    }
    if (Next == '\n') {
        Fd->RawLength++;
        return 1;
    }
    Fd->HaveByte = 1;
    Fd->Byte = Next;
    return 0;
}

// Translates Length raw bytes in place. Returns the bytes left.
static int CrtpTranslate(CRT_FD *Fd, char *Buffer, int Length)
{
    int Out = 0;

    for (int In = 0; In < Length; In++) {
        char c = Buffer[In];

        if (c == CTRL_Z) {
            Fd->Flags |= (Fd->Flags & FD_DEVICE) == 0 ? FD_EOF : 0;
            break;
        }
        if (c == '\r') {
            if (In + 1 < Length ? Buffer[In + 1] == '\n' : CrtpLineFeedFollows(Fd)) {
                c = '\n';
                In += In + 1 < Length;
            }
        }
        Buffer[Out++] = c;
    }
    return Out;
}

int __cdecl _read(int Number, void *Buffer, unsigned Length)
{
    CRT_FD *Fd = CrtFd(Number);
    int Done;

    if (Fd == NULL) {
        return -1;
    }
    if ((Fd->Flags & FD_EOF) != 0 || Length == 0) {
        return 0;
    }
    Done = CrtpReadRaw(Fd, Buffer, Length);
    Fd->RawLength = Done < 0 ? 0 : (unsigned)Done;
    return Done <= 0 || (Fd->Flags & FD_TEXT) == 0 ? Done : CrtpTranslate(Fd, Buffer, Done);
}

static DWORD CrtpWriteRaw(CRT_FD *Fd, const char *Buffer, unsigned Length, unsigned *Written)
{
    DWORD Done;

    *Written = 0;
    while (Length != 0) {
        if (!WriteFile(Fd->Handle, Buffer, Length, &Done, NULL)) {
            return GetLastError();
        }
        if (Done == 0) {
            return ERROR_DISK_FULL;
        }
        *Written += Done;
        Buffer += Done;
        Length -= Done;
    }
    return ERROR_SUCCESS;
}

// Writes with line feeds expanded. *Written counts the caller's bytes.
static DWORD CrtpWriteText(CRT_FD *Fd, const char *Buffer, unsigned Length, unsigned *Written)
{
    char Chunk[TEXT_CHUNK + 1];
    unsigned Done;

    *Written = 0;
    while (*Written < Length) {
        unsigned Used = 0, Taken = 0;
        DWORD Error;

        while (Used < TEXT_CHUNK && *Written + Taken < Length) {
            char c = Buffer[*Written + Taken++];

            if (c == '\n') {
                Chunk[Used++] = '\r';
            }
            Chunk[Used++] = c;
        }
        Error = CrtpWriteRaw(Fd, Chunk, Used, &Done);
        if (Error != ERROR_SUCCESS) {
            return Error;
        }
        *Written += Taken;
    }
    return ERROR_SUCCESS;
}

int __cdecl _write(int Number, const void *Buffer, unsigned Length)
{
    CRT_FD *Fd = CrtFd(Number);
    unsigned Written = 0;
    DWORD Error;

    if (Fd == NULL) {
        return -1;
    }
    if (Length == 0 || (Fd->Handle == INVALID_HANDLE_VALUE && Number < 3)) {
        return (int)Length; // a process without a standard handle writes to nowhere
    }
    if ((Fd->Flags & FD_APPEND) != 0) {
        _lseeki64(Number, 0, SEEK_END);
    }
    Error = (Fd->Flags & FD_TEXT) != 0 ? CrtpWriteText(Fd, Buffer, Length, &Written)
                                       : CrtpWriteRaw(Fd, Buffer, Length, &Written);
    if (Written != 0 || Error == ERROR_SUCCESS) {
        return (int)Written;
    }
    return Error == ERROR_ACCESS_DENIED ? CrtFail(EBADF) : CrtFailWin32(Error);
}

long long __cdecl _lseeki64(int Number, long long Offset, int Origin)
{
    CRT_FD *Fd = CrtFd(Number);
    LARGE_INTEGER Distance = {.QuadPart = Offset}, Position;

    if (Fd == NULL) {
        return -1;
    }
    if (Fd->HaveByte && Origin == SEEK_CUR) {
        Distance.QuadPart--;
    }
    if (!SetFilePointerEx(Fd->Handle, Distance, &Position, (DWORD)Origin)) {
        return CrtFailLast();
    }
    Fd->HaveByte = 0;
    Fd->Flags &= (unsigned char)~FD_EOF;
    return Position.QuadPart;
}

long __cdecl _lseek(int Number, long Offset, int Origin)
{
    long long Position = _lseeki64(Number, Offset, Origin);

    return Position > LONG_MAX ? CrtFail(EINVAL) : (long)Position;
}

long __cdecl _tell(int Number)
{
    return _lseek(Number, 0, SEEK_CUR);
}

long long __cdecl _telli64(int Number)
{
    return _lseeki64(Number, 0, SEEK_CUR);
}

long long __cdecl _filelengthi64(int Number)
{
    CRT_FD *Fd = CrtFd(Number);
    LARGE_INTEGER Size;

    if (Fd == NULL) {
        return -1;
    }
    return GetFileSizeEx(Fd->Handle, &Size) ? Size.QuadPart : CrtFailLast();
}

long __cdecl _filelength(int Number)
{
    return (long)_filelengthi64(Number);
}

int __cdecl _eof(int Number)
{
    long long Length = _filelengthi64(Number), Position = _telli64(Number);

    return Length < 0 || Position < 0 ? -1 : Position >= Length;
}

int __cdecl _commit(int Number)
{
    CRT_FD *Fd = CrtFd(Number);

    if (Fd == NULL) {
        return -1;
    }
    return FlushFileBuffers(Fd->Handle) ? 0 : CrtFail(EBADF);
}

int __cdecl _chsize(int Number, long Size)
{
    CRT_FD *Fd = CrtFd(Number);
    long long Position;
    BOOL Done;

    if (Fd == NULL || Size < 0) {
        return Fd == NULL ? -1 : CrtFail(EINVAL);
    }
    Position = _telli64(Number);
    if (Position < 0 || _lseeki64(Number, Size, SEEK_SET) < 0) {
        return -1;
    }
    Done = SetEndOfFile(Fd->Handle);
    if (!Done) {
        CrtFailLast();
    }
    _lseeki64(Number, Position, SEEK_SET);
    return Done ? 0 : -1;
}
