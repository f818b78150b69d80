// SPDX-License-Identifier: MIT
// Files and directories by name.

#include "crt.h"
#include <direct.h>
#include <sys/utime.h>

static int CrtpDone(BOOL Done)
{
    return Done ? 0 : CrtFailLast();
}

int __cdecl _waccess(const wchar_t *Path, int Mode)
{
    DWORD Attributes = GetFileAttributesW(Path);

    if (Attributes == INVALID_FILE_ATTRIBUTES) {
        return CrtFailLast();
    }
    if ((Mode & 2) != 0 &&
        (Attributes & (FILE_ATTRIBUTE_READONLY | FILE_ATTRIBUTE_DIRECTORY)) == FILE_ATTRIBUTE_READONLY) {
        return CrtFail(EACCES);
    }
    return 0;
}

int __cdecl _wchmod(const wchar_t *Path, int Mode)
{
    DWORD Attributes = GetFileAttributesW(Path);

    if (Attributes == INVALID_FILE_ATTRIBUTES) {
        return CrtFailLast();
    }
    Attributes =
        (Mode & _S_IWRITE) != 0 ? Attributes & ~(DWORD)FILE_ATTRIBUTE_READONLY : Attributes | FILE_ATTRIBUTE_READONLY;
    return CrtpDone(SetFileAttributesW(Path, Attributes));
}

int __cdecl _wunlink(const wchar_t *Path)
{
    return CrtpDone(DeleteFileW(Path));
}

int __cdecl _wremove(const wchar_t *Path)
{
    return CrtpDone(DeleteFileW(Path));
}

int __cdecl _wrename(const wchar_t *Old, const wchar_t *New)
{
    return CrtpDone(MoveFileExW(Old, New, MOVEFILE_COPY_ALLOWED));
}

int __cdecl _wmkdir(const wchar_t *Path)
{
    return CrtpDone(CreateDirectoryW(Path, NULL));
}

int __cdecl _wrmdir(const wchar_t *Path)
{
    return CrtpDone(RemoveDirectoryW(Path));
}

// Keeps the directory of each drive in its hidden "=X:" variable, where relative paths of that drive are looked up.
int __cdecl _wchdir(const wchar_t *Path)
{
    wchar_t Full[MAX_PATH], Name[4] = L"=A:";

    if (!SetCurrentDirectoryW(Path)) {
        return CrtFailLast();
    }
    if (GetCurrentDirectoryW(MAX_PATH, Full) != 0 && Full[1] == L':') {
        Name[1] = towupper(Full[0]);
        SetEnvironmentVariableW(Name, Full);
    }
    return 0;
}

#define BYTE_FORM(Name, WideName)                                                                                      \
    int __cdecl Name(const char *Path)                                                                                 \
    {                                                                                                                  \
        wchar_t Local[MAX_PATH], *Wide = CrtPath(Path, Local, MAX_PATH);                                               \
                                                                                                                       \
        return Wide == NULL ? -1 : WideName(Wide);                                                                     \
    }
BYTE_FORM(_unlink, _wunlink)
BYTE_FORM(remove, _wremove)
BYTE_FORM(_mkdir, _wmkdir)
BYTE_FORM(_rmdir, _wrmdir)
BYTE_FORM(_chdir, _wchdir)

int __cdecl _access(const char *Path, int Mode)
{
    wchar_t Local[MAX_PATH], *Wide = CrtPath(Path, Local, MAX_PATH);

    return Wide == NULL ? -1 : _waccess(Wide, Mode);
}

int __cdecl _chmod(const char *Path, int Mode)
{
    wchar_t Local[MAX_PATH], *Wide = CrtPath(Path, Local, MAX_PATH);

    return Wide == NULL ? -1 : _wchmod(Wide, Mode);
}

int __cdecl rename(const char *Old, const char *New)
{
    wchar_t Local[MAX_PATH], Local2[MAX_PATH];
    wchar_t *WideOld = CrtPath(Old, Local, MAX_PATH), *WideNew = CrtPath(New, Local2, MAX_PATH);

    return WideOld == NULL || WideNew == NULL ? -1 : _wrename(WideOld, WideNew);
}

wchar_t *__cdecl _wgetcwd(wchar_t *Buffer, int Size)
{
    wchar_t Full[MAX_PATH];
    DWORD Length = GetCurrentDirectoryW(MAX_PATH, Full);

    if (Length == 0 || Length >= MAX_PATH) {
        CrtFailLast();
        return NULL;
    }
    if (Buffer == NULL) {
        Size = Size > (int)Length ? Size : (int)Length + 1;
        Buffer = malloc((size_t)Size * sizeof(wchar_t));
        if (Buffer == NULL) {
            return NULL;
        }
    }
    if ((int)Length >= Size) {
        CrtFail(ERANGE);
        return NULL;
    }
    return wcscpy(Buffer, Full);
}

char *__cdecl _getcwd(char *Buffer, int Size)
{
    char Full[MAX_PATH];
    DWORD Length = GetCurrentDirectoryA(MAX_PATH, Full);

    if (Length == 0 || Length >= MAX_PATH) {
        CrtFailLast();
        return NULL;
    }
    if (Buffer == NULL) {
        Size = Size > (int)Length ? Size : (int)Length + 1;
        Buffer = malloc((size_t)Size);
        if (Buffer == NULL) {
            return NULL;
        }
    }
    if ((int)Length >= Size) {
        CrtFail(ERANGE);
        return NULL;
    }
    return strcpy(Buffer, Full);
}

int __cdecl _getdrive(void)
{
    wchar_t Full[MAX_PATH];

    return GetCurrentDirectoryW(MAX_PATH, Full) != 0 && Full[1] == L':' ? towupper(Full[0]) - 'A' + 1 : 0;
}

int __cdecl _chdrive(int Drive)
{
    wchar_t Name[4] = L"=A:", Full[MAX_PATH] = L"A:\\";

    if (Drive < 1 || Drive > 26) {
        return CrtFail(EACCES);
    }
    Name[1] = Full[0] = (wchar_t)(L'A' + Drive - 1);
    if (GetEnvironmentVariableW(Name, Full, MAX_PATH) == 0) {
        Full[0] = Name[1];
        wcscpy(Full + 1, L":\\");
    }
    return CrtpDone(SetCurrentDirectoryW(Full));
}

unsigned long __cdecl _getdrives(void)
{
    return GetLogicalDrives();
}

int __cdecl _umask(int Mode)
{
    static int Mask;
    int Old = Mask;

    Mask = Mode;
    return Old;
}

static FILETIME CrtpToFileTime(long long Time)
{
    unsigned long long Ticks = (unsigned long long)Time * TICKS_A_SECOND + TICKS_1970;
    FILETIME FileTime = {(DWORD)Ticks, (DWORD)(Ticks >> 32)};

    return FileTime;
}

int __cdecl _utime64(const char *Path, struct __utimbuf64 *Times)
{
    long long Now = _time64(NULL);
    FILETIME Access = CrtpToFileTime(Times == NULL ? Now : Times->actime),
             Write = CrtpToFileTime(Times == NULL ? Now : Times->modtime);
    HANDLE File =
        CreateFileA(Path, FILE_WRITE_ATTRIBUTES, FILE_SHARE_READ | FILE_SHARE_WRITE, NULL, OPEN_EXISTING, 0, NULL);
    int Result;

    if (File == INVALID_HANDLE_VALUE) {
        return CrtFailLast();
    }
    Result = CrtpDone(SetFileTime(File, NULL, &Access, &Write));
    CloseHandle(File);
    return Result;
}

int __cdecl _utime32(const char *Path, struct __utimbuf32 *Times)
{
    struct __utimbuf64 Wide;

    if (Times == NULL) {
        return _utime64(Path, NULL);
    }
    Wide.actime = Times->actime;
    Wide.modtime = Times->modtime;
    return _utime64(Path, &Wide);
}
