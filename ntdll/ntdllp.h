// SPDX-License-Identifier: MIT
// Private header of ntdll: what its rooms see of each other.

#ifndef MICA_NTDLL_NTDLLP_H
#define MICA_NTDLL_NTDLLP_H

#include "nt.h"
#include "rtlformat.h"
#include "rtlimage.h"
#include "seh.h"

#define WIN32_ERROR_SUCCESS 0
#define MAXIMUM_PATH 260   // MAX_PATH
#define DRIVE_ROOT_UNITS 3 // "C:\"
#define MAXIMUM_STRING_BYTES 0xFFFC

// A critical section that is ready without a call.
#define RTLP_STATIC_CRITICAL_SECTION                                                                                   \
    {                                                                                                                  \
        (PRTL_CRITICAL_SECTION_DEBUG) - 1, -1, 0, NULL, NULL, 0                                                        \
    }

// --- locks (critsect.c)
extern RTL_CRITICAL_SECTION RtlpPebLock, LdrpLoaderLock;
// Keyed event for waits that have no event object of their own; NULL before process start-up made it.
extern HANDLE RtlpKeyedEvent;
VOID RtlpInitializeKeyedEvent(VOID);

// --- exceptions (vectored.c, thread.c)
DECLSPEC_NORETURN VOID NTAPI RtlpRaiseAfter(NTSTATUS Status, PEXCEPTION_RECORD Record);
DECLSPEC_NORETURN VOID RtlpRaiseNoncontinuable(NTSTATUS Code, PEXCEPTION_RECORD Cause);
VOID NTAPI RtlUserThreadStart(VOID);
// Frees the calling thread's stack while it ends (i386/entry.asm).
DECLSPEC_NORETURN VOID NTAPI RtlpFreeStackAndTerminate(NTSTATUS Status, PVOID Keep);
DECLSPEC_NORETURN VOID NTAPI RtlpUserThreadStart(PUSER_THREAD_START_ROUTINE Start, PVOID Parameter);

// --- heaps
VOID RtlpInitializeHeapManager(VOID);
BOOLEAN RtlpAddHeap(PVOID Heap);
VOID RtlpRemoveHeap(PVOID Heap);
VOID RtlpLockAllHeaps(VOID);
VOID RtlpUnlockAllHeaps(BOOLEAN Clone);

// --- paths (path.c, curdir.c, device.c)
typedef enum _RTL_PATH_TYPE {
    RtlPathTypeUnknown,
    RtlPathTypeUncAbsolute,    // \\server\share
    RtlPathTypeDriveAbsolute,  // C:\x
    RtlPathTypeDriveRelative,  // C:x
    RtlPathTypeRooted,         // \x
    RtlPathTypeRelative,       // x
    RtlPathTypeLocalDevice,    // \\.\x, \\?\x
    RtlPathTypeRootLocalDevice // \\. or \\?
} RTL_PATH_TYPE;
RTL_PATH_TYPE NTAPI RtlDetermineDosPathNameType_U(PCWSTR Path);
// The DOS device that a name means ("NUL", "C:\x\com1.txt"): (byte offset << 16) | byte length, 0 if none.
ULONG NTAPI RtlIsDosDeviceName_U(PCWSTR Name);
ULONG NTAPI RtlDosSearchPath_U(PCWSTR Path, PCWSTR FileName, PCWSTR Extension, ULONG Size, PWSTR Buffer,
                               PWSTR *FilePart);
VOID RtlpInitializeCurrentDirectory(VOID);
FORCEINLINE BOOLEAN RtlpIsSeparator(WCHAR Character)
{
    return Character == '\\' || Character == '/';
}

// --- process heap shorthands
FORCEINLINE PVOID RtlpAlloc(SIZE_T Bytes)
{
    return RtlAllocateHeap(RtlProcessHeap(), 0, Bytes);
}
FORCEINLINE VOID RtlpFree(PVOID Memory)
{
    RtlFreeHeap(RtlProcessHeap(), 0, Memory);
}

#endif
