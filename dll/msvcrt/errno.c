// SPDX-License-Identifier: MIT
// errno: Win32's errors in C's terms, and the texts.

#include "crt.h"

static const struct {
    unsigned short Error;
    unsigned short Errno;
} CrtpErrors[] = {
    {ERROR_INVALID_FUNCTION, EINVAL},
    {ERROR_FILE_NOT_FOUND, ENOENT},
    {ERROR_PATH_NOT_FOUND, ENOENT},
    {ERROR_TOO_MANY_OPEN_FILES, EMFILE},
    {ERROR_ACCESS_DENIED, EACCES},
    {ERROR_INVALID_HANDLE, EBADF},
    {ERROR_ARENA_TRASHED, ENOMEM},
    {ERROR_NOT_ENOUGH_MEMORY, ENOMEM},
    {ERROR_INVALID_BLOCK, ENOMEM},
    {ERROR_BAD_ENVIRONMENT, E2BIG},
    {ERROR_BAD_FORMAT, ENOEXEC},
    {ERROR_INVALID_ACCESS, EINVAL},
    {ERROR_INVALID_DATA, EINVAL},
    {ERROR_INVALID_DRIVE, ENOENT},
    {ERROR_CURRENT_DIRECTORY, EACCES},
    {ERROR_NOT_SAME_DEVICE, EXDEV},
    {ERROR_NO_MORE_FILES, ENOENT},
    {ERROR_WRITE_PROTECT, EACCES},
    {ERROR_SHARING_VIOLATION, EACCES},
    {ERROR_LOCK_VIOLATION, EACCES},
    {ERROR_BAD_NETPATH, ENOENT},
    {ERROR_FILE_EXISTS, EEXIST},
    {ERROR_CANNOT_MAKE, EACCES},
    {ERROR_INVALID_PARAMETER, EINVAL},
    {ERROR_NO_PROC_SLOTS, EAGAIN},
    {ERROR_DRIVE_LOCKED, EACCES},
    {ERROR_BROKEN_PIPE, EPIPE},
    {ERROR_DISK_FULL, ENOSPC},
    {ERROR_HANDLE_DISK_FULL, ENOSPC},
    {ERROR_INVALID_TARGET_HANDLE, EBADF},
    {ERROR_WAIT_NO_CHILDREN, ECHILD},
    {ERROR_NEGATIVE_SEEK, EINVAL},
    {ERROR_SEEK_ON_DEVICE, EACCES},
    {ERROR_DIR_NOT_EMPTY, ENOTEMPTY},
    {ERROR_NOT_LOCKED, EACCES},
    {ERROR_BAD_PATHNAME, ENOENT},
    {ERROR_LOCK_FAILED, EACCES},
    {ERROR_ALREADY_EXISTS, EEXIST},
    {ERROR_FILENAME_EXCED_RANGE, ENOENT},
    {ERROR_NESTING_NOT_ALLOWED, EAGAIN},
    {ERROR_BAD_EXE_FORMAT, ENOEXEC},
    {ERROR_EXE_MACHINE_TYPE_MISMATCH, ENOEXEC},
    {ERROR_INVALID_NAME, ENOENT},
    {ERROR_NO_DATA, EPIPE},
    {ERROR_NO_UNICODE_TRANSLATION, EILSEQ},
    {ERROR_DIRECTORY, ENOENT},
    {ERROR_COMMITMENT_LIMIT, ENOMEM},
    {ERROR_OUTOFMEMORY, ENOMEM},
};

// Exported as _sys_errlist; the header declares that name with another size.
extern const char *const CrtpTexts[44] __asm__("__sys_errlist");
const char *const CrtpTexts[44] = {
    "No error",
    "Operation not permitted",
    "No such file or directory",
    "No such process",
    "Interrupted function call",
    "Input/output error",
    "No such device or address",
    "Arg list too long",
    "Exec format error",
    "Bad file descriptor",
    "No child processes",
    "Resource temporarily unavailable",
    "Not enough space",
    "Permission denied",
    "Bad address",
    "Unknown error",
    "Resource device",
    "File exists",
    "Improper link",
    "No such device",
    "Not a directory",
    "Is a directory",
    "Invalid argument",
    "Too many open files in system",
    "Too many open files",
    "Inappropriate I/O control operation",
    "Unknown error",
    "File too large",
    "No space left on device",
    "Invalid seek",
    "Read-only file system",
    "Too many links",
    "Broken pipe",
    "Domain error",
    "Result too large",
    "Unknown error",
    "Resource deadlock avoided",
    "Unknown error",
    "Filename too long",
    "No locks available",
    "Function not implemented",
    "Directory not empty",
    "Illegal byte sequence",
    "Unknown error",
};

#undef _sys_nerr
int _sys_nerr = COUNT_OF(CrtpTexts) - 1;

int *__cdecl _errno(void)
{
    return &CrtThread()->Errno;
}

unsigned long *__cdecl __doserrno(void)
{
    return &CrtThread()->DosErrno;
}

// Sets errno; returns -1 for the caller to return.
int CrtFail(int Errno)
{
    CrtThread()->Errno = Errno;
    return -1;
}

// Sets errno from a Win32 error; returns -1.
int CrtFailWin32(DWORD Error)
{
    int Errno = EINVAL;

    for (unsigned i = 0; i < COUNT_OF(CrtpErrors); i++) {
        if (CrtpErrors[i].Error == Error) {
            Errno = CrtpErrors[i].Errno;
            break;
        }
    }
    CrtThread()->DosErrno = Error;
    return CrtFail(Errno);
}

int CrtFailLast(void)
{
    return CrtFailWin32(GetLastError());
}

errno_t __cdecl _set_errno(int Value)
{
    CrtFail(Value);
    return 0;
}

errno_t __cdecl _get_errno(int *Value)
{
    *Value = CrtThread()->Errno;
    return 0;
}

char *__cdecl strerror(int Errno)
{
    char *Text = CrtThread()->ErrorText;

    return strcpy(Text, CrtpTexts[(unsigned)Errno < COUNT_OF(CrtpTexts) ? (unsigned)Errno : COUNT_OF(CrtpTexts) - 1]);
}

char *__cdecl _strerror(const char *Prefix)
{
    char *Text = CrtThread()->ErrorText;
    const char *Error = CrtpTexts[(unsigned)errno < COUNT_OF(CrtpTexts) ? (unsigned)errno : COUNT_OF(CrtpTexts) - 1];

    Text[0] = 0;
    if (Prefix != NULL && *Prefix != 0) {
        strncat(Text, Prefix, 94);
        strcat(Text, ": ");
    }
    strcat(Text, Error);
    return strcat(Text, "\n");
}

void __cdecl perror(const char *Prefix)
{
    int Errno = errno;

    if (Prefix != NULL && *Prefix != 0) {
        fputs(Prefix, stderr);
        fputs(": ", stderr);
    }
    fputs(strerror(Errno), stderr);
    fputs("\n", stderr);
}
