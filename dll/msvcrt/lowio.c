// SPDX-License-Identifier: MIT
// File descriptors: small numbers for Win32 handles, with the flags (text, append, device) that C gives to them.

#include "crt.h"
#include <share.h>

CRT_FD CrtFds[FD_MAXIMUM];

// The descriptor's record; NULL, with EBADF, when it is not open.
CRT_FD *CrtFd(int Fd)
{
    if ((unsigned)Fd >= FD_MAXIMUM || (CrtFds[Fd].Flags & FD_OPEN) == 0) {
        CrtFail(EBADF);
        return NULL;
    }
    return &CrtFds[Fd];
}

static unsigned char CrtpTypeFlags(HANDLE Handle)
{
    switch (GetFileType(Handle)) {
    case FILE_TYPE_CHAR:
        return FD_DEVICE;
    case FILE_TYPE_PIPE:
        return FD_PIPE;
    default:
        return 0;
    }
}

// Gives the lowest free number to Handle. -1 with EMFILE; the handle then stays the caller's.
int CrtAllocateFd(HANDLE Handle, unsigned char Flags)
{
    int Fd;

    _lock(LOCK_HANDLES);
    for (Fd = 0; Fd < FD_MAXIMUM; Fd++) {
        if ((CrtFds[Fd].Flags & FD_OPEN) == 0) {
            memset(&CrtFds[Fd], 0, sizeof(CrtFds[Fd]));
            CrtFds[Fd].Handle = Handle;
            CrtFds[Fd].Flags = FD_OPEN | Flags | CrtpTypeFlags(Handle);
            break;
        }
    }
    _unlock(LOCK_HANDLES);
    return Fd == FD_MAXIMUM ? CrtFail(EMFILE) : Fd;
}

// Makes 0, 1 and 2 of the process's standard handles, in text mode. A missing one stays open without a handle.
void CrtInitializeFds(void)
{
    static const DWORD Standard[] = {STD_INPUT_HANDLE, STD_OUTPUT_HANDLE, STD_ERROR_HANDLE};

    for (int Fd = 0; Fd < 3; Fd++) {
        HANDLE Handle = GetStdHandle(Standard[Fd]);

        if (Handle == NULL || Handle == INVALID_HANDLE_VALUE) {
            CrtFds[Fd].Handle = INVALID_HANDLE_VALUE;
            CrtFds[Fd].Flags = FD_OPEN | FD_TEXT | FD_DEVICE;
        } else {
            CrtFds[Fd].Handle = Handle;
            CrtFds[Fd].Flags = FD_OPEN | FD_TEXT | CrtpTypeFlags(Handle);
        }
    }
}

static DWORD CrtpCreation(int Flags)
{
    switch (Flags & (_O_CREAT | _O_EXCL | _O_TRUNC)) {
    case _O_CREAT:
        return OPEN_ALWAYS;
    case _O_CREAT | _O_EXCL:
    case _O_CREAT | _O_EXCL | _O_TRUNC:
        return CREATE_NEW;
    case _O_CREAT | _O_TRUNC:
        return CREATE_ALWAYS;
    case _O_TRUNC:
    case _O_TRUNC | _O_EXCL:
        return TRUNCATE_EXISTING;
    default:
        return OPEN_EXISTING;
    }
}

static DWORD CrtpShare(int Share)
{
    switch (Share) {
    case _SH_DENYRW:
        return 0;
    case _SH_DENYWR:
        return FILE_SHARE_READ;
    case _SH_DENYRD:
        return FILE_SHARE_WRITE;
    default:
        return FILE_SHARE_READ | FILE_SHARE_WRITE;
    }
}

static DWORD CrtpAttributes(int Flags, int Mode)
{
    DWORD Attributes = FILE_ATTRIBUTE_NORMAL;

    if ((Flags & _O_CREAT) != 0 && (Mode & _S_IWRITE) == 0) {
        Attributes = FILE_ATTRIBUTE_READONLY;
    }
    Attributes |= (Flags & _O_TEMPORARY) != 0 ? FILE_FLAG_DELETE_ON_CLOSE : 0;
    Attributes |= (Flags & _O_SHORT_LIVED) != 0 ? FILE_ATTRIBUTE_TEMPORARY : 0;
    Attributes |= (Flags & _O_SEQUENTIAL) != 0 ? FILE_FLAG_SEQUENTIAL_SCAN : 0;
    Attributes |= (Flags & _O_RANDOM) != 0 ? FILE_FLAG_RANDOM_ACCESS : 0;
    return Attributes;
}

int *__cdecl __p__fmode(void);

static unsigned char CrtpFdFlags(int Flags)
{
    int Text = (Flags & _O_TEXT) != 0 || ((Flags & _O_BINARY) == 0 && (*__p__fmode() & _O_BINARY) == 0);

    return (unsigned char)((Text ? FD_TEXT : 0) | ((Flags & _O_APPEND) != 0 ? FD_APPEND : 0) |
                           ((Flags & _O_NOINHERIT) != 0 ? FD_NOINHERIT : 0));
}

// Opens a file by the _O_* flags. The descriptor, or -1 with errno set.
int CrtOpen(const wchar_t *Path, int Flags, int Share, int Mode)
{
    static const DWORD Access[] = {GENERIC_READ, GENERIC_WRITE, GENERIC_READ | GENERIC_WRITE, 0};
    SECURITY_ATTRIBUTES Security = {sizeof(Security), NULL, (Flags & _O_NOINHERIT) == 0};
    HANDLE Handle;
    int Fd;

    if (Path == NULL || (Flags & 3) == 3) {
        return CrtFail(EINVAL);
    }
    Handle = CreateFileW(Path, Access[Flags & 3] | ((Flags & _O_TEMPORARY) != 0 ? DELETE : 0), CrtpShare(Share),
                         &Security, CrtpCreation(Flags), CrtpAttributes(Flags, Mode), NULL);
    if (Handle == INVALID_HANDLE_VALUE) {
        return CrtFailLast();
    }
    Fd = CrtAllocateFd(Handle, CrtpFdFlags(Flags));
    if (Fd < 0) {
        CloseHandle(Handle);
    }
    return Fd;
}

// A path argument in UTF-16. NULL with ENOENT when it is too long.
wchar_t *CrtPath(const char *Path, wchar_t *Local, size_t Size)
{
    if (Path == NULL || MultiByteToWideChar(CP_ACP, 0, Path, -1, Local, (int)Size) == 0) {
        CrtFail(Path == NULL ? EINVAL : ENOENT);
        return NULL;
    }
    return Local;
}

static int CrtpModeArgument(int Flags, va_list Arguments)
{
    return (Flags & _O_CREAT) != 0 ? va_arg(Arguments, int) : 0;
}

int __cdecl _open(const char *Path, int Flags, ...)
{
    wchar_t Local[MAX_PATH], *Wide = CrtPath(Path, Local, MAX_PATH);
    va_list Arguments;
    int Mode;

    va_start(Arguments, Flags);
    Mode = CrtpModeArgument(Flags, Arguments);
    va_end(Arguments);
    return Wide == NULL ? -1 : CrtOpen(Wide, Flags, _SH_DENYNO, Mode);
}

int __cdecl _sopen(const char *Path, int Flags, int Share, ...)
{
    wchar_t Local[MAX_PATH], *Wide = CrtPath(Path, Local, MAX_PATH);
    va_list Arguments;
    int Mode;

    va_start(Arguments, Share);
    Mode = CrtpModeArgument(Flags, Arguments);
    va_end(Arguments);
    return Wide == NULL ? -1 : CrtOpen(Wide, Flags, Share, Mode);
}

int __cdecl _wopen(const wchar_t *Path, int Flags, ...)
{
    va_list Arguments;
    int Mode;

    va_start(Arguments, Flags);
    Mode = CrtpModeArgument(Flags, Arguments);
    va_end(Arguments);
    return CrtOpen(Path, Flags, _SH_DENYNO, Mode);
}

int __cdecl _wsopen(const wchar_t *Path, int Flags, int Share, ...)
{
    va_list Arguments;
    int Mode;

    va_start(Arguments, Share);
    Mode = CrtpModeArgument(Flags, Arguments);
    va_end(Arguments);
    return CrtOpen(Path, Flags, Share, Mode);
}

int __cdecl _creat(const char *Path, int Mode)
{
    return _open(Path, _O_CREAT | _O_TRUNC | _O_RDWR, Mode);
}

int __cdecl _wcreat(const wchar_t *Path, int Mode)
{
    return CrtOpen(Path, _O_CREAT | _O_TRUNC | _O_RDWR, _SH_DENYNO, Mode);
}

static void CrtpFollowStandard(int Fd, HANDLE Handle)
{
    static const DWORD Standard[] = {STD_INPUT_HANDLE, STD_OUTPUT_HANDLE, STD_ERROR_HANDLE};

    if (Fd < 3) {
        SetStdHandle(Standard[Fd], Handle);
    }
}

int __cdecl _close(int Number)
{
    CRT_FD *Fd = CrtFd(Number);
    HANDLE Handle;

    if (Fd == NULL) {
        return -1;
    }
    Handle = Fd->Handle;
    Fd->Flags = 0;
    CrtpFollowStandard(Number, NULL);
    if (Handle != INVALID_HANDLE_VALUE && !CloseHandle(Handle)) {
        return CrtFailLast();
    }
    return 0;
}

static HANDLE CrtpDuplicate(HANDLE Handle)
{
    HANDLE Copy;

    if (!DuplicateHandle(GetCurrentProcess(), Handle, GetCurrentProcess(), &Copy, 0, TRUE, DUPLICATE_SAME_ACCESS)) {
        CrtFailLast();
        return NULL;
    }
    return Copy;
}

int __cdecl _dup(int Number)
{
    CRT_FD *Fd = CrtFd(Number);
    HANDLE Copy = Fd == NULL ? NULL : CrtpDuplicate(Fd->Handle);
    int New;

    if (Copy == NULL) {
        return -1;
    }
    New = CrtAllocateFd(Copy, Fd->Flags & (unsigned char)~(FD_EOF | FD_NOINHERIT));
    if (New < 0) {
        CloseHandle(Copy);
    }
    return New;
}

int __cdecl _dup2(int Old, int New)
{
    CRT_FD *Fd = CrtFd(Old);
    HANDLE Copy;

    if (Fd == NULL || (unsigned)New >= FD_MAXIMUM) {
        return CrtFail(EBADF);
    }
    if (Old == New) {
        return 0;
    }
    Copy = CrtpDuplicate(Fd->Handle);
    if (Copy == NULL) {
        return -1;
    }
    if ((CrtFds[New].Flags & FD_OPEN) != 0) {
        _close(New);
    }
    memset(&CrtFds[New], 0, sizeof(CrtFds[New]));
    CrtFds[New].Handle = Copy;
    CrtFds[New].Flags = Fd->Flags & (unsigned char)~(FD_EOF | FD_NOINHERIT);
    CrtpFollowStandard(New, Copy);
    return 0;
}

int __cdecl _pipe(int *Fds, unsigned Size, int Flags)
{
    SECURITY_ATTRIBUTES Security = {sizeof(Security), NULL, (Flags & _O_NOINHERIT) == 0};
    HANDLE Read, Write;

    if (!CreatePipe(&Read, &Write, &Security, Size)) {
        return CrtFailLast();
    }
    Fds[0] = CrtAllocateFd(Read, CrtpFdFlags(Flags));
    Fds[1] = Fds[0] < 0 ? -1 : CrtAllocateFd(Write, CrtpFdFlags(Flags));
    if (Fds[1] < 0) {
        if (Fds[0] >= 0) {
            _close(Fds[0]);
        } else {
            CloseHandle(Read);
        }
        CloseHandle(Write);
        return CrtFail(EMFILE);
    }
    return 0;
}

intptr_t __cdecl _get_osfhandle(int Number)
{
    CRT_FD *Fd = CrtFd(Number);

    return Fd == NULL ? -1 : (intptr_t)Fd->Handle;
}

int __cdecl _open_osfhandle(intptr_t Handle, int Flags)
{
    return CrtAllocateFd((HANDLE)Handle, CrtpFdFlags(Flags));
}

int __cdecl _isatty(int Number)
{
    CRT_FD *Fd = CrtFd(Number);

    return Fd == NULL ? 0 : Fd->Flags & FD_DEVICE;
}

int __cdecl _setmode(int Number, int Mode)
{
    CRT_FD *Fd = CrtFd(Number);
    int Old;

    if (Fd == NULL) {
        return -1;
    }
    if (Mode != _O_TEXT && Mode != _O_BINARY && Mode != _O_U16TEXT && Mode != _O_U8TEXT && Mode != _O_WTEXT) {
        return CrtFail(EINVAL);
    }
    Old = (Fd->Flags & FD_TEXT) != 0 ? _O_TEXT : _O_BINARY;
    Fd->Flags = (unsigned char)(Mode == _O_BINARY ? Fd->Flags & ~FD_TEXT : Fd->Flags | FD_TEXT);
    return Old;
}
