// SPDX-License-Identifier: MIT
// _findfirst: Win32's search under the library's structures.

#include "crt.h"

#define FILL(Data, Found)                                                                                              \
    do {                                                                                                               \
        (Data)->attrib = (Found)->dwFileAttributes == FILE_ATTRIBUTE_NORMAL ? 0 : (Found)->dwFileAttributes;           \
        (Data)->time_create = CrtFileTimeToTime(&(Found)->ftCreationTime);                                             \
        (Data)->time_access = CrtFileTimeToTime(&(Found)->ftLastAccessTime);                                           \
        (Data)->time_write = CrtFileTimeToTime(&(Found)->ftLastWriteTime);                                             \
        (Data)->size = (long long)(Found)->nFileSizeHigh << 32 | (Found)->nFileSizeLow;                                \
    } while (0)

static int CrtpFailed(void)
{
    DWORD Error = GetLastError();

    return Error == ERROR_NO_MORE_FILES || Error == ERROR_FILE_NOT_FOUND || Error == ERROR_PATH_NOT_FOUND
               ? CrtFail(ENOENT)
               : CrtFailWin32(Error);
}

// One pair for each layout of the result.
#define FIND_PAIR(First, Next, DATA, FIND, SYSTEM_FIRST, SYSTEM_NEXT, CHARACTER, COPY)                                 \
    intptr_t __cdecl First(const CHARACTER *Pattern, struct DATA *Data)                                                \
    {                                                                                                                  \
        FIND Found;                                                                                                    \
        HANDLE Handle = SYSTEM_FIRST(Pattern, &Found);                                                                 \
                                                                                                                       \
        if (Handle == INVALID_HANDLE_VALUE) {                                                                          \
            return CrtpFailed();                                                                                       \
        }                                                                                                              \
        FILL(Data, &Found);                                                                                            \
        COPY(Data->name, Found.cFileName);                                                                             \
        return (intptr_t)Handle;                                                                                       \
    }                                                                                                                  \
    int __cdecl Next(intptr_t Handle, struct DATA *Data)                                                               \
    {                                                                                                                  \
        FIND Found;                                                                                                    \
                                                                                                                       \
        if (!SYSTEM_NEXT((HANDLE)Handle, &Found)) {                                                                    \
            return CrtpFailed();                                                                                       \
        }                                                                                                              \
        FILL(Data, &Found);                                                                                            \
        COPY(Data->name, Found.cFileName);                                                                             \
        return 0;                                                                                                      \
    }
FIND_PAIR(_findfirst32, _findnext32, _finddata32_t, WIN32_FIND_DATAA, FindFirstFileA, FindNextFileA, char, strcpy)
FIND_PAIR(_findfirst32i64, _findnext32i64, _finddata32i64_t, WIN32_FIND_DATAA, FindFirstFileA, FindNextFileA, char,
          strcpy)
FIND_PAIR(_findfirst64, _findnext64, __finddata64_t, WIN32_FIND_DATAA, FindFirstFileA, FindNextFileA, char, strcpy)
FIND_PAIR(_wfindfirst32, _wfindnext32, _wfinddata32_t, WIN32_FIND_DATAW, FindFirstFileW, FindNextFileW, wchar_t, wcscpy)
FIND_PAIR(_wfindfirst32i64, _wfindnext32i64, _wfinddata32i64_t, WIN32_FIND_DATAW, FindFirstFileW, FindNextFileW,
          wchar_t, wcscpy)
FIND_PAIR(_wfindfirst64, _wfindnext64, _wfinddata64_t, WIN32_FIND_DATAW, FindFirstFileW, FindNextFileW, wchar_t, wcscpy)

int __cdecl _findclose(intptr_t Handle)
{
    return FindClose((HANDLE)Handle) ? 0 : CrtFail(EINVAL);
}
