// SPDX-License-Identifier: MIT
// Streams: the table, the buffers, filling and flushing. A FILE has the layout that Microsoft's macros knew: _ptr and
// _cnt tell what may be taken from the buffer while reading, or put into it while writing.
//
//     _base            _ptr                     reading: _cnt bytes from _ptr are unread
//       |== consumed ==|==== _cnt ====|.......| writing: bytes before _ptr are unwritten, _cnt are free

#include "crt.h"

#define _IOYOURBUF 0x0100 // Microsoft's name; mingw-w64 does not have it
#undef __iob_func

FILE _iob[_IOB_ENTRIES];
static FILE *CrtpMore[STREAM_MAXIMUM - _IOB_ENTRIES];

// mingw-w64's _lock_file, which programs bring with them, knows this layout, and that the locks of _iob's streams are
// the numbered ones from LOCK_STANDARD_STREAMS on.
typedef struct _CRT_STREAM {
    FILE File;
    CRITICAL_SECTION Lock;
} CRT_STREAM;

static int CrtpIsStandard(const FILE *File)
{
    return File >= _iob && File < _iob + _IOB_ENTRIES;
}

// Connects the standard streams with 0, 1 and 2. Called once, at process attach.
void CrtInitializeStreams(void)
{
    for (int i = 0; i < _IOB_ENTRIES; i++) {
        _iob[i]._file = i < 3 ? i : -1;
    }
    _iob[0]._flag = _IOREAD;
    _iob[1]._flag = _IOWRT;
    _iob[2]._flag = _IOWRT | _IONBF;
}

static CRITICAL_SECTION *CrtpLock(FILE *File)
{
    return CrtpIsStandard(File) ? CrtLock(LOCK_STANDARD_STREAMS + (int)(File - _iob)) : &((CRT_STREAM *)File)->Lock;
}

void CrtLockStream(FILE *File)
{
    EnterCriticalSection(CrtpLock(File));
}

void CrtUnlockStream(FILE *File)
{
    LeaveCriticalSection(CrtpLock(File));
}

static int CrtpIsOpen(const FILE *File)
{
    return (File->_flag & (_IOREAD | _IOWRT | _IORW)) != 0;
}

static FILE *CrtpAt(int Index)
{
    return Index < _IOB_ENTRIES ? &_iob[Index] : CrtpMore[Index - _IOB_ENTRIES];
}

static FILE *CrtpMakeStream(int Index)
{
    CRT_STREAM *Stream = calloc(1, sizeof(*Stream));

    if (Stream != NULL) {
        InitializeCriticalSection(&Stream->Lock);
        CrtpMore[Index - _IOB_ENTRIES] = &Stream->File;
    }
    return &Stream->File;
}

// A free stream, marked as taken and locked. NULL with EMFILE.
FILE *CrtNewStream(void)
{
    FILE *File = NULL;

    _lock(LOCK_STREAMS);
    for (int i = 3; i < STREAM_MAXIMUM; i++) {
        File = CrtpAt(i);
        if (File == NULL) {
            File = CrtpMakeStream(i);
            break;
        }
        if (!CrtpIsOpen(File)) {
            break;
        }
        File = NULL;
    }
    if (File == NULL) {
        CrtFail(EMFILE);
    } else {
        memset(File, 0, sizeof(*File));
        File->_file = -1;
        File->_flag = _IORW; // taken; the opener sets the true flags
        CrtLockStream(File);
    }
    _unlock(LOCK_STREAMS);
    return File;
}

// Gives a locked stream back.
void CrtReleaseStream(FILE *File)
{
    File->_flag = 0;
    File->_file = -1;
    File->_ptr = File->_base = NULL;
    File->_cnt = 0;
    CrtUnlockStream(File);
}

// Gives the stream a buffer unless it has one.
void CrtGiveBuffer(FILE *File)
{
    if (File->_base != NULL) {
        return;
    }
    File->_base = malloc(STREAM_BUFFER);
    if (File->_base != NULL) {
        File->_bufsiz = STREAM_BUFFER;
        File->_flag |= _IOMYBUF;
    } else {
        File->_base = (char *)&File->_charbuf;
        File->_bufsiz = 2;
        File->_flag |= _IONBF;
    }
    File->_ptr = File->_base;
}

// Reads a buffer and returns its first byte; EOF at the end or with the error flag set.
int _filbuf(FILE *File)
{
    int Done;

    if (!CrtpIsOpen(File) || (File->_flag & _IOSTRG) != 0) {
        return EOF;
    }
    if ((File->_flag & _IOWRT) != 0) {
        File->_flag |= _IOERR;
        CrtFail(EBADF);
        return EOF;
    }
    File->_flag |= _IOREAD;
    CrtGiveBuffer(File);
    File->_ptr = File->_base;
    File->_cnt = 0;
    Done = _read(File->_file, File->_base, (unsigned)File->_bufsiz);
    if (Done <= 0) {
        File->_flag |= Done == 0 ? _IOEOF : _IOERR;
        if (Done == 0 && (File->_flag & _IORW) != 0) {
            File->_flag &= ~_IOREAD; // at the end of an update stream writing may follow
        }
        return EOF;
    }
    File->_cnt = Done - 1;
    return (unsigned char)*File->_ptr++;
}

// Writes what is buffered; the stream then is at rest, neither reading nor writing if it is an update stream.
int CrtFlush(FILE *File)
{
    int Result = 0;

    if ((File->_flag & (_IOREAD | _IOWRT)) == _IOWRT && File->_base != NULL && File->_ptr > File->_base) {
        int Length = (int)(File->_ptr - File->_base);

        if (_write(File->_file, File->_base, (unsigned)Length) != Length) {
            File->_flag |= _IOERR;
            Result = EOF;
        } else if ((File->_flag & _IORW) != 0) {
            File->_flag &= ~_IOWRT;
        }
    }
    if ((File->_flag & _IOREAD) == 0) {
        File->_ptr = File->_base;
        File->_cnt = 0;
    }
    return Result;
}

// Makes the stream ready to take bytes into its buffer. EOF, with the error flag, when it may not be written.
static int CrtpPrepareWrite(FILE *File)
{
    if ((File->_flag & (_IOWRT | _IORW)) == 0 || ((File->_flag & _IOREAD) != 0 && (File->_flag & _IORW) == 0)) {
        File->_flag |= _IOERR;
        return CrtFail(EBADF);
    }
    if ((File->_flag & _IOREAD) != 0) {
        if ((File->_flag & _IOEOF) == 0) {
            File->_flag |= _IOERR; // a read must be followed by a seek before writing
            return EOF;
        }
        File->_flag &= ~_IOREAD;
        File->_ptr = File->_base;
        File->_cnt = 0;
    }
    CrtGiveBuffer(File);
    if ((File->_flag & _IOWRT) == 0 || File->_ptr == File->_base) {
        File->_ptr = File->_base;
        File->_cnt = File->_bufsiz;
    }
    File->_flag = (File->_flag | _IOWRT) & ~_IOEOF;
    return 0;
}

// Puts bytes into a locked stream. Returns how many it took.
size_t CrtPut(FILE *File, const char *Data, size_t Length)
{
    size_t Done = 0;

    while (Done < Length) {
        size_t Part = Length - Done;

        if (CrtpPrepareWrite(File) != 0) {
            break;
        }
        if (File->_cnt <= 0) {
            if (CrtFlush(File) != 0) {
                break;
            }
            continue;
        }
        if (Part > (size_t)File->_cnt) {
            Part = (size_t)File->_cnt;
        }
        memcpy(File->_ptr, Data + Done, Part);
        File->_ptr += Part;
        File->_cnt -= (int)Part;
        Done += Part;
    }
    return Done;
}

// What a program sees at once when it writes: everything, on stderr, the console and other devices. A standard stream
// that is locked once more by the program (mingw-w64's own printf puts its characters one by one) is flushed when the
// program unlocks it (_unlock).
void CrtEndWrite(FILE *File)
{
    CRT_FD *Fd;

    if ((File->_flag & _IOWRT) == 0 || (CrtpIsStandard(File) && CrtpLock(File)->RecursionCount > 1)) {
        return;
    }
    if ((File->_flag & _IONBF) != 0) {
        CrtFlush(File);
        return;
    }
    Fd = (unsigned)File->_file < FD_MAXIMUM ? &CrtFds[File->_file] : NULL;
    if (Fd != NULL && (Fd->Flags & FD_DEVICE) != 0 && (File->_flag & _IOYOURBUF) == 0) {
        CrtFlush(File);
    }
}

// The slow half of the putc macro: its buffer had no room.
int _flsbuf(int Character, FILE *File)
{
    char Byte = (char)Character;

    File->_cnt = 0;
    if (File->_ptr != NULL && (File->_flag & _IOWRT) != 0 && CrtFlush(File) != 0) {
        return EOF;
    }
    if (CrtPut(File, &Byte, 1) != 1) {
        return EOF;
    }
    CrtEndWrite(File);
    return (unsigned char)Byte;
}

// Flushes all streams that write. Returns the number of open ones.
int CrtFlushAll(void)
{
    int Count = 0;

    for (int i = 0; i < STREAM_MAXIMUM; i++) {
        FILE *File = CrtpAt(i);

        if (File != NULL && CrtpIsOpen(File)) {
            CrtLockStream(File);
            CrtFlush(File);
            CrtUnlockStream(File);
            Count++;
        }
    }
    return Count;
}

int __cdecl fflush(FILE *File)
{
    int Result;

    if (File == NULL) {
        CrtFlushAll();
        return 0;
    }
    CrtLockStream(File);
    Result = CrtFlush(File);
    CrtUnlockStream(File);
    return Result;
}

int __cdecl _flushall(void)
{
    return CrtFlushAll();
}

int __cdecl _fcloseall(void)
{
    int Count = 0;

    for (int i = 3; i < STREAM_MAXIMUM; i++) {
        FILE *File = CrtpAt(i);

        if (File != NULL && CrtpIsOpen(File) && fclose(File) != EOF) {
            Count++;
        }
    }
    return Count;
}

int __cdecl setvbuf(FILE *File, char *Buffer, int Mode, size_t Size)
{
    if ((Mode != _IONBF && Mode != _IOFBF && Mode != _IOLBF) || (Mode != _IONBF && Size < 2)) {
        return -1;
    }
    CrtLockStream(File);
    CrtFlush(File);
    if ((File->_flag & _IOMYBUF) != 0) {
        free(File->_base);
    }
    File->_flag &= ~(_IOMYBUF | _IOYOURBUF | _IONBF);
    File->_base = File->_ptr = NULL;
    File->_cnt = 0;
    if (Mode == _IONBF) {
        File->_flag |= _IONBF;
    } else if (Buffer != NULL) {
        File->_base = File->_ptr = Buffer;
        File->_bufsiz = (int)Size;
        File->_flag |= _IOYOURBUF;
    } else {
        File->_base = File->_ptr = malloc(Size);
        File->_bufsiz = (int)Size;
        File->_flag |= File->_base == NULL ? _IONBF : _IOMYBUF;
    }
    CrtUnlockStream(File);
    return 0;
}

void __cdecl setbuf(FILE *File, char *Buffer)
{
    setvbuf(File, Buffer, Buffer == NULL ? _IONBF : _IOFBF, BUFSIZ);
}

void __cdecl _lock_file(FILE *File)
{
    CrtLockStream(File);
}

void __cdecl _unlock_file(FILE *File)
{
    if (CrtpIsStandard(File)) {
        _unlock(LOCK_STANDARD_STREAMS + (int)(File - _iob));
    } else {
        CrtUnlockStream(File);
    }
}

FILE *__cdecl __iob_func(void)
{
    return _iob;
}

FILE *__cdecl __acrt_iob_func(unsigned Index)
{
    return &_iob[Index];
}
