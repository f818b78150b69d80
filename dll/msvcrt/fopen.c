// SPDX-License-Identifier: MIT
// Opening and closing streams.

#include "crt.h"
#include <share.h>

#define DEFAULT_MODE (_S_IREAD | _S_IWRITE)

int *__cdecl __p__commode(void);

// The _O_* flags of a mode string, and the stream's own flags. -1 with EINVAL.
int CrtOpenMode(const wchar_t *Mode, int *StreamFlags)
{
    int Flags, Update = 0;

    switch (*Mode) {
    case L'r':
        Flags = _O_RDONLY;
        break;
    case L'w':
        Flags = _O_WRONLY | _O_CREAT | _O_TRUNC;
        break;
    case L'a':
        Flags = _O_WRONLY | _O_CREAT | _O_APPEND;
        break;
    default:
        return CrtFail(EINVAL);
    }
    for (Mode++; *Mode != 0 && *Mode != L','; Mode++) {
        switch (*Mode) {
        case L'+':
            Update = 1;
            Flags = (Flags & ~3) | _O_RDWR;
            break;
        case L'b':
            Flags |= _O_BINARY;
            break;
        case L't':
            Flags |= _O_TEXT;
            break;
        case L'x':
            Flags |= _O_EXCL;
            break;
        case L'S':
            Flags |= _O_SEQUENTIAL;
            break;
        case L'R':
            Flags |= _O_RANDOM;
            break;
        case L'T':
            Flags |= _O_SHORT_LIVED;
            break;
        case L'D':
            Flags |= _O_TEMPORARY;
            break;
        case L'N':
            Flags |= _O_NOINHERIT;
            break;
        default:
            break; // c, n, and what later libraries added change nothing here
        }
    }
    *StreamFlags = Update ? _IORW : (Flags & 3) == _O_RDONLY ? _IOREAD : _IOWRT;
    return Flags;
}

// Fills a locked stream. NULL, with the stream given back, on failure.
static FILE *CrtpOpenInto(FILE *File, const wchar_t *Path, const wchar_t *Mode, int Share)
{
    int StreamFlags, Flags, Fd;

    Flags = CrtOpenMode(Mode, &StreamFlags);
    Fd = Flags == -1 ? -1 : CrtOpen(Path, Flags, Share, DEFAULT_MODE);
    if (Fd < 0) {
        CrtReleaseStream(File);
        return NULL;
    }
    File->_file = Fd;
    File->_flag = StreamFlags;
    CrtUnlockStream(File);
    return File;
}

FILE *__cdecl _wfsopen(const wchar_t *Path, const wchar_t *Mode, int Share)
{
    FILE *File;

    if (Path == NULL || Mode == NULL) {
        CrtFail(EINVAL);
        return NULL;
    }
    File = CrtNewStream();
    return File == NULL ? NULL : CrtpOpenInto(File, Path, Mode, Share);
}

FILE *__cdecl _wfopen(const wchar_t *Path, const wchar_t *Mode)
{
    return _wfsopen(Path, Mode, _SH_DENYNO);
}

static const wchar_t *CrtpWideMode(const char *Mode, wchar_t *Wide)
{
    for (int i = 0; i < 16; i++) {
        Wide[i] = (unsigned char)Mode[i];
        if (Mode[i] == 0) {
            break;
        }
        Wide[15] = 0;
    }
    return Wide;
}

FILE *__cdecl _fsopen(const char *Path, const char *Mode, int Share)
{
    wchar_t WideMode[17], Local[MAX_PATH], *Wide = CrtPath(Path, Local, MAX_PATH);

    if (Wide == NULL || Mode == NULL) {
        return NULL;
    }
    return _wfsopen(Wide, CrtpWideMode(Mode, WideMode), Share);
}

FILE *__cdecl fopen(const char *Path, const char *Mode)
{
    return _fsopen(Path, Mode, _SH_DENYNO);
}

errno_t __cdecl fopen_s(FILE **File, const char *Path, const char *Mode)
{
    *File = fopen(Path, Mode);
    return *File == NULL ? errno : 0;
}

FILE *__cdecl _wfdopen(int Fd, const wchar_t *Mode)
{
    int StreamFlags;
    FILE *File;

    if (CrtFd(Fd) == NULL || CrtOpenMode(Mode, &StreamFlags) == -1) {
        return NULL;
    }
    File = CrtNewStream();
    if (File != NULL) {
        File->_file = Fd;
        File->_flag = StreamFlags;
        CrtUnlockStream(File);
    }
    return File;
}

FILE *__cdecl _fdopen(int Fd, const char *Mode)
{
    wchar_t WideMode[17];

    return _wfdopen(Fd, CrtpWideMode(Mode, WideMode));
}

// Flushes, frees and closes a locked stream's parts. 0 or EOF.
static int CrtpCloseParts(FILE *File)
{
    int Result = CrtFlush(File);
    int Fd = File->_file;

    if ((File->_flag & _IOMYBUF) != 0) {
        free(File->_base);
    }
    if (Fd >= 0 && _close(Fd) != 0) {
        Result = EOF;
    }
    if (File->_tmpfname != NULL) {
        remove(File->_tmpfname);
        free(File->_tmpfname);
        File->_tmpfname = NULL;
    }
    return Result;
}

int __cdecl fclose(FILE *File)
{
    int Result;

    if (File == NULL || (File->_flag & (_IOREAD | _IOWRT | _IORW)) == 0) {
        return CrtFail(EINVAL);
    }
    CrtLockStream(File);
    Result = CrtpCloseParts(File);
    CrtReleaseStream(File);
    return Result;
}

// The new file takes the lowest free descriptor, which is the stream's old one when that was the lowest.
FILE *__cdecl _wfreopen(const wchar_t *Path, const wchar_t *Mode, FILE *File)
{
    CrtLockStream(File);
    CrtpCloseParts(File);
    File->_base = File->_ptr = NULL;
    File->_cnt = 0;
    File->_flag = 0;
    File = CrtpOpenInto(File, Path, Mode, _SH_DENYNO);
    if (File != NULL && File->_file < 3) {
        static const DWORD Standard[] = {STD_INPUT_HANDLE, STD_OUTPUT_HANDLE, STD_ERROR_HANDLE};

        SetStdHandle(Standard[File->_file], CrtFds[File->_file].Handle);
    }
    return File;
}

FILE *__cdecl freopen(const char *Path, const char *Mode, FILE *File)
{
    wchar_t WideMode[17], Local[MAX_PATH], *Wide = CrtPath(Path, Local, MAX_PATH);

    return Wide == NULL ? NULL : _wfreopen(Wide, CrtpWideMode(Mode, WideMode), File);
}

char *__cdecl tmpnam(char *Name)
{
    static char Own[L_tmpnam];
    static LONG Serial;

    if (Name == NULL) {
        Name = Own;
    }
    _snprintf(Name, L_tmpnam, "\\s%x.%lx", (unsigned)GetCurrentProcessId() & 0xFFFF,
              (unsigned long)InterlockedIncrement(&Serial));
    return Name;
}

FILE *__cdecl tmpfile(void)
{
    char Directory[MAX_PATH], Name[MAX_PATH];
    FILE *File;

    if (GetTempPathA(MAX_PATH, Directory) == 0 || GetTempFileNameA(Directory, "t", 0, Name) == 0) {
        CrtFailLast();
        return NULL;
    }
    File = fopen(Name, "w+bD");
    if (File == NULL) {
        DeleteFileA(Name);
    }
    return File;
}

char *__cdecl _tempnam(const char *Directory, const char *Prefix)
{
    char Temp[MAX_PATH], Name[MAX_PATH];

    if (Directory == NULL || GetFileAttributesA(Directory) == INVALID_FILE_ATTRIBUTES) {
        GetTempPathA(MAX_PATH, Temp);
        Directory = Temp;
    }
    if (GetTempFileNameA(Directory, Prefix == NULL ? "" : Prefix, 0, Name) == 0) {
        CrtFailLast();
        return NULL;
    }
    DeleteFileA(Name);
    return _strdup(Name);
}
