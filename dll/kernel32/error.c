// SPDX-License-Identifier: MIT
// The last error, error modes, and raising exceptions.

#include "k32.h"

static LONG BasepErrorMode;

// Translates a failure and stores it as the last error. Returns the Win32 error.
ULONG BaseSetLastNTError(NTSTATUS Status)
{
    ULONG Error = RtlNtStatusToDosError(Status);

    SetLastError(Error);
    return Error;
}

// Stores a Win32 error and returns FALSE, for use in a return statement.
BOOL BaseFail(ULONG Error)
{
    SetLastError(Error);
    return FALSE;
}

DWORD WINAPI GetLastError(VOID)
{
    return BaseTeb()->LastErrorValue;
}

VOID WINAPI SetLastError(DWORD Error)
{
    BaseTeb()->LastErrorValue = Error;
}

UINT WINAPI SetErrorMode(UINT Mode)
{
    return (UINT)__atomic_exchange_n(&BasepErrorMode, (LONG)Mode, __ATOMIC_SEQ_CST);
}

UINT WINAPI GetErrorMode(VOID)
{
    return (UINT)BasepErrorMode;
}

VOID WINAPI RaiseException(DWORD Code, DWORD Flags, DWORD Count, const ULONG_PTR *Arguments)
{
    EXCEPTION_RECORD Record = {0};

    Record.ExceptionCode = Code & ~0x10000000u; // bit 28 is the system's
    Record.ExceptionFlags = Flags & EXCEPTION_NONCONTINUABLE;
    Record.ExceptionAddress = (PVOID)RaiseException;
    if (Arguments != NULL) {
        Record.NumberParameters = min_of(Count, (DWORD)EXCEPTION_MAXIMUM_PARAMETERS);
        for (ULONG i = 0; i < Record.NumberParameters; i++) {
            Record.ExceptionInformation[i] = Arguments[i];
        }
    }
    RtlRaiseException(&Record);
}

PVOID WINAPI AddVectoredExceptionHandler(ULONG First, PVECTORED_EXCEPTION_HANDLER Handler)
{
    return RtlAddVectoredExceptionHandler(First, Handler);
}

ULONG WINAPI RemoveVectoredExceptionHandler(PVOID Handle)
{
    return RtlRemoveVectoredExceptionHandler(Handle);
}

PVOID WINAPI AddVectoredContinueHandler(ULONG First, PVECTORED_EXCEPTION_HANDLER Handler)
{
    return RtlAddVectoredContinueHandler(First, Handler);
}

ULONG WINAPI RemoveVectoredContinueHandler(PVOID Handle)
{
    return RtlRemoveVectoredContinueHandler(Handle);
}

VOID WINAPI OutputDebugStringA(LPCSTR Text)
{
    if (Text != NULL) {
        DbgPrint("%s", Text);
    }
}

VOID WINAPI OutputDebugStringW(LPCWSTR Text)
{
    if (Text != NULL) {
        DbgPrint("%ws", Text);
    }
}

WINBOOL WINAPI IsDebuggerPresent(VOID)
{
    return NtCurrentPeb()->BeingDebugged;
}

VOID WINAPI DebugBreak(VOID)
{
    __asm__ volatile("int3");
}

PVOID WINAPI EncodePointer(PVOID Pointer)
{
    return (PVOID)((ULONG_PTR)Pointer ^ SharedUserData->Cookie);
}

PVOID WINAPI DecodePointer(PVOID Pointer)
{
    return (PVOID)((ULONG_PTR)Pointer ^ SharedUserData->Cookie);
}

VOID WINAPI FatalAppExitA(UINT Action, LPCSTR Text)
{
    UNREFERENCED_PARAMETER(Action);
    DbgPrint("fatal: %s\n", Text);
    ExitProcess(3);
}
