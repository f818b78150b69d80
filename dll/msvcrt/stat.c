// SPDX-License-Identifier: MIT
// stat and its relatives. Everything is found out once, in the widest form, and narrowed for the older ones.

#include "crt.h"

static unsigned short CrtpMode(DWORD Attributes, const wchar_t *Path)
{
    unsigned short Mode = _S_IREAD;
    const wchar_t *Dot = Path == NULL ? NULL : wcsrchr(Path, L'.');

    Mode |= (Attributes & FILE_ATTRIBUTE_DIRECTORY) != 0 ? _S_IFDIR | _S_IEXEC : _S_IFREG;
    Mode |= (Attributes & FILE_ATTRIBUTE_READONLY) != 0 ? 0 : _S_IWRITE;
    if (Dot != NULL && (_wcsicmp(Dot, L".exe") == 0 || _wcsicmp(Dot, L".com") == 0 || _wcsicmp(Dot, L".bat") == 0 ||
                        _wcsicmp(Dot, L".cmd") == 0)) {
        Mode |= _S_IEXEC;
    }
    return Mode | (Mode & 0700) >> 3 | (Mode & 0700) >> 6;
}

static int CrtpDrive(const wchar_t *Path)
{
    wchar_t Full[MAX_PATH];

    if (GetFullPathNameW(Path, MAX_PATH, Full, NULL) == 0 || Full[1] != L':') {
        return 0;
    }
    return towupper(Full[0]) - 'A';
}

int __cdecl _wstat64(const wchar_t *Path, struct _stat64 *Stat)
{
    WIN32_FILE_ATTRIBUTE_DATA Data;

    if (Path == NULL || wcspbrk(Path, L"*?") != NULL) {
        return CrtFail(ENOENT);
    }
    if (!GetFileAttributesExW(Path, GetFileExInfoStandard, &Data)) {
        return CrtFailLast();
    }
    memset(Stat, 0, sizeof(*Stat));
    Stat->st_dev = Stat->st_rdev = (_dev_t)CrtpDrive(Path);
    Stat->st_mode = CrtpMode(Data.dwFileAttributes, Path);
    Stat->st_nlink = 1;
    Stat->st_size = (long long)Data.nFileSizeHigh << 32 | Data.nFileSizeLow;
    Stat->st_atime = CrtFileTimeToTime(&Data.ftLastAccessTime);
    Stat->st_mtime = CrtFileTimeToTime(&Data.ftLastWriteTime);
    Stat->st_ctime = CrtFileTimeToTime(&Data.ftCreationTime);
    return 0;
}

int __cdecl _fstat64(int Number, struct _stat64 *Stat)
{
    CRT_FD *Fd = CrtFd(Number);
    BY_HANDLE_FILE_INFORMATION Information;
    DWORD Available;

    if (Fd == NULL) {
        return -1;
    }
    memset(Stat, 0, sizeof(*Stat));
    Stat->st_nlink = 1;
    Stat->st_dev = Stat->st_rdev = (_dev_t)Number;
    switch (GetFileType(Fd->Handle)) {
    case FILE_TYPE_CHAR:
        Stat->st_mode = _S_IFCHR;
        return 0;
    case FILE_TYPE_PIPE:
        Stat->st_mode = _S_IFIFO;
        Stat->st_size = PeekNamedPipe(Fd->Handle, NULL, 0, NULL, &Available, NULL) ? (long long)Available : 0;
        return 0;
    default:
        break;
    }
    if (!GetFileInformationByHandle(Fd->Handle, &Information)) {
        return CrtFailLast();
    }
    Stat->st_dev = Stat->st_rdev = 0;
    Stat->st_mode = CrtpMode(Information.dwFileAttributes, NULL);
    Stat->st_size = (long long)Information.nFileSizeHigh << 32 | Information.nFileSizeLow;
    Stat->st_atime = CrtFileTimeToTime(&Information.ftLastAccessTime);
    Stat->st_mtime = CrtFileTimeToTime(&Information.ftLastWriteTime);
    Stat->st_ctime = CrtFileTimeToTime(&Information.ftCreationTime);
    return 0;
}

int __cdecl _stat64(const char *Path, struct _stat64 *Stat)
{
    wchar_t Local[MAX_PATH], *Wide = CrtPath(Path, Local, MAX_PATH);

    return Wide == NULL ? -1 : _wstat64(Wide, Stat);
}

#define NARROW(Target, Source)                                                                                         \
    do {                                                                                                               \
        (Target)->st_dev = (Source)->st_dev;                                                                           \
        (Target)->st_ino = (Source)->st_ino;                                                                           \
        (Target)->st_mode = (Source)->st_mode;                                                                         \
        (Target)->st_nlink = (Source)->st_nlink;                                                                       \
        (Target)->st_uid = (Source)->st_uid;                                                                           \
        (Target)->st_gid = (Source)->st_gid;                                                                           \
        (Target)->st_rdev = (Source)->st_rdev;                                                                         \
        (Target)->st_size = (Source)->st_size;                                                                         \
        (Target)->st_atime = (Source)->st_atime;                                                                       \
        (Target)->st_mtime = (Source)->st_mtime;                                                                       \
        (Target)->st_ctime = (Source)->st_ctime;                                                                       \
    } while (0)

static int CrtpNarrow32(int Result, const struct _stat64 *Wide, struct _stat32 *Stat)
{
    if (Result == 0) {
        NARROW(Stat, Wide);
    }
    return Result;
}

static int CrtpNarrow32i64(int Result, const struct _stat64 *Wide, struct _stat32i64 *Stat)
{
    if (Result == 0) {
        NARROW(Stat, Wide);
    }
    return Result;
}

int __cdecl _stat32(const char *Path, struct _stat32 *Stat)
{
    struct _stat64 Wide;

    return CrtpNarrow32(_stat64(Path, &Wide), &Wide, Stat);
}

int __cdecl _wstat32(const wchar_t *Path, struct _stat32 *Stat)
{
    struct _stat64 Wide;

    return CrtpNarrow32(_wstat64(Path, &Wide), &Wide, Stat);
}

int __cdecl _fstat32(int Fd, struct _stat32 *Stat)
{
    struct _stat64 Wide;

    return CrtpNarrow32(_fstat64(Fd, &Wide), &Wide, Stat);
}

// Exported as _stati64, _wstati64 and _fstati64: 32-bit times, 64-bit size.
int __cdecl _stat32i64(const char *Path, struct _stat32i64 *Stat)
{
    struct _stat64 Wide;

    return CrtpNarrow32i64(_stat64(Path, &Wide), &Wide, Stat);
}

int __cdecl _wstat32i64(const wchar_t *Path, struct _stat32i64 *Stat)
{
    struct _stat64 Wide;

    return CrtpNarrow32i64(_wstat64(Path, &Wide), &Wide, Stat);
}

int __cdecl _fstat32i64(int Fd, struct _stat32i64 *Stat)
{
    struct _stat64 Wide;

    return CrtpNarrow32i64(_fstat64(Fd, &Wide), &Wide, Stat);
}
