// SPDX-License-Identifier: MIT
// Private header of kernel32: helpers that turn Win32's conventions (BOOL and a last error, ANSI or wide strings,
// milliseconds) into the Native API's. The contracts of the exported functions are the SDK's; comments above them
// tell only what is ours.

#ifndef MICA_K32_H
#define MICA_K32_H

#include "nt.h"

#define SYSTEM_DIRECTORY L"C:\\WINDOWS\\system32"
#define WINDOWS_DIRECTORY L"C:\\WINDOWS"
#define TICKS_PER_MILLISECOND 10000ll
#define TICKS_PER_SECOND 10000000ll
#define ANSI_CODE_PAGE 1252
#define OEM_CODE_PAGE 437
#ifndef MAXULONG
#define MAXULONG 0xFFFFFFFFul
#endif

// ntdll exports these two; the SDK headers declare them only with the C library.
int CDECL _snprintf(char *Buffer, size_t Count, const char *Format, ...);
int CDECL _snwprintf(WCHAR *Buffer, size_t Count, const WCHAR *Format, ...);

// --- error.c: each sets the calling thread's last error
ULONG BaseSetLastNTError(NTSTATUS Status); // returns the Win32 error
BOOL BaseFail(ULONG Error);                // always FALSE
// TRUE when Status is a success.
static inline BOOL BaseBool(NTSTATUS Status)
{
    if (__builtin_expect(!NT_SUCCESS(Status), FALSE)) {
        BaseSetLastNTError(Status);
        return FALSE;
    }
    return TRUE;
}

// --- ansi.c: a wide copy of an ANSI argument, in place when it is short
typedef struct _BASE_WIDE {
    PWSTR Buffer; // NULL when the argument was NULL
    WCHAR Local[MAX_PATH];
} BASE_WIDE, *PBASE_WIDE;
BOOL BaseWiden(PBASE_WIDE Wide, LPCSTR Ansi);
VOID BaseFreeWide(PBASE_WIDE Wide);
#define AUTO_WIDE __attribute__((cleanup(BaseFreeWide)))
// Copies a wide result of Length characters (without NUL) to an ANSI buffer by the rule of GetCurrentDirectory and
// its like: the length, or the size needed with the NUL when Size is too small.
ULONG BaseNarrowResult(LPCWSTR Wide, ULONG Length, LPSTR Buffer, ULONG Size);
PVOID BaseAllocate(SIZE_T Bytes); // zeroed; sets ERROR_NOT_ENOUGH_MEMORY
VOID BaseFreeMemory(PVOID Memory);

// --- object.c
// Attributes for a named object under \BaseNamedObjects; NULL when neither a name nor security is given.
POBJECT_ATTRIBUTES BaseObjectAttributes(POBJECT_ATTRIBUTES Attributes, PUNICODE_STRING String,
                                        const SECURITY_ATTRIBUTES *Security, LPCWSTR Name);
// Ends a create that may have opened an existing object: sets ERROR_ALREADY_EXISTS or 0; NULL on failure.
// By address: the call that fills the handle may stand in the same expression.
HANDLE BaseCreated(NTSTATUS Status, const HANDLE *Handle);
HANDLE BaseOpened(NTSTATUS Status, const HANDLE *Handle);
// The Native form of a timeout: NULL means for ever.
static inline PLARGE_INTEGER BaseTimeout(PLARGE_INTEGER Time, DWORD Milliseconds)
{
    if (Milliseconds == INFINITE) {
        return NULL;
    }
    Time->QuadPart = -(TICKS_PER_MILLISECOND * Milliseconds);
    return Time;
}
// Replaces STD_INPUT_HANDLE and its like by the handle they stand for.
HANDLE BaseStandardHandle(HANDLE Handle);
static inline HANDLE BaseRealHandle(HANDLE Handle)
{
    if (__builtin_expect((ULONG_PTR)Handle >= (ULONG_PTR)STD_ERROR_HANDLE, FALSE)) {
        return BaseStandardHandle(Handle);
    }
    return Handle;
}

// --- start.c, thread.c, process.c
VOID BaseProcessStartThunk(VOID);
DECLSPEC_NORETURN VOID WINAPI BaseThreadStart(LPTHREAD_START_ROUTINE Start, PVOID Parameter);
VOID BaseThreadStartThunk(VOID);
NTSTATUS BaseCreateStack(HANDLE Process, SIZE_T Commit, SIZE_T Reserve, PINITIAL_TEB Stack);
VOID BaseInitializeContext(PCONTEXT Context, PVOID Start, PVOID Parameter, PVOID Thunk, PVOID StackTop);
LPCSTR BaseExceptionName(ULONG Code);
typedef struct _BASE_IMAGE {
    HANDLE Section;
    UNICODE_STRING DosName; // full path, RtlFreeUnicodeString's
    SECTION_IMAGE_INFORMATION Information;
} BASE_IMAGE, *PBASE_IMAGE;
// Finds the program (procfind.c), then makes its image section (procimage.c). Sets the last error.
PWSTR BaseFindProgram(LPCWSTR Application, LPWSTR CommandLine);
BOOL BaseOpenImage(LPCWSTR Path, PBASE_IMAGE Image);
VOID BaseCloseImage(PBASE_IMAGE Image);
// Writes the child's parameters (procparam.c).
typedef struct _BASE_PUSH {
    HANDLE Process;
    PPEB Peb; // of the child
    PBASE_IMAGE Image;
    LPCWSTR CommandLine;
    LPCWSTR CurrentDirectory;
    PVOID Environment; // wide
    const STARTUPINFOW *Startup;
    BOOL InheritHandles;
    ULONG Flags;
} BASE_PUSH, *PBASE_PUSH;
NTSTATUS BasePushParameters(PBASE_PUSH Push);
// A wide copy of an ANSI environment block (env.c), in a heap block; NULL without memory.
PWSTR BaseWidenEnvironment(LPCSTR Environment);
// The DLL search path for a program at ImagePath: a heap block, NULL without memory.
PWSTR BaseComputeDllPath(LPCWSTR ImagePath);

// --- files
typedef struct _BASE_NAME {
    UNICODE_STRING NtName;
    OBJECT_ATTRIBUTES Attributes;
} BASE_NAME, *PBASE_NAME;
// Builds the object attributes of a Dos path; sets ERROR_PATH_NOT_FOUND when it is none.
BOOL BaseOpenName(PBASE_NAME Name, LPCWSTR DosName);
VOID BaseFreeName(PBASE_NAME Name);
#define AUTO_NAME __attribute__((cleanup(BaseFreeName)))
NTSTATUS BaseOpenPath(PHANDLE Handle, LPCWSTR DosName, ACCESS_MASK Access, ULONG Options);
BOOL BaseIsConsole(HANDLE Handle);
VOID BaseFindDataFromDirectory(WIN32_FIND_DATAW *Data, const FILE_BOTH_DIR_INFORMATION *Entry);
VOID BaseFindDataToAnsi(WIN32_FIND_DATAA *Ansi, const WIN32_FIND_DATAW *Wide);

// --- nls
VOID BaseInitializeCommandLine(VOID);
VOID BaseRunFlsCallbacks(VOID);
VOID BaseInitializeFls(VOID);

// The calling thread's TEB, with the type that mingw-w64's NtCurrentTeb does not give.
static inline TEB *BaseTeb(VOID)
{
    TEB *Teb;

    __asm__("mov %%fs:0x18, %0" : "=r"(Teb));
    return Teb;
}
#undef NtCurrentPeb
#define NtCurrentPeb() (BaseTeb()->ProcessEnvironmentBlock)

static inline LARGE_INTEGER BaseLarge(LONGLONG Value)
{
    LARGE_INTEGER Large = {.QuadPart = Value};

    return Large;
}

static inline FILETIME BaseFileTime(LARGE_INTEGER Time)
{
    FILETIME FileTime = {Time.LowPart, (DWORD)Time.HighPart};

    return FileTime;
}

static inline LARGE_INTEGER BaseFromFileTime(const FILETIME *Time)
{
    LARGE_INTEGER Large;

    Large.LowPart = Time->dwLowDateTime;
    Large.HighPart = (LONG)Time->dwHighDateTime;
    return Large;
}

#endif
