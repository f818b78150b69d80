// SPDX-License-Identifier: MIT
// The ends of threads and processes, the start of native threads, and what belongs to a thread: the last error.
// Source: SDK documentation (ExitThread, ExitProcess, GetLastError); the published Native API.

#include "ntdllp.h"

// A service that should have ended the exception came back: the process cannot go on.
DECLSPEC_NORETURN VOID NTAPI RtlpRaiseAfter(NTSTATUS Status, PEXCEPTION_RECORD Record)
{
    RtlpRaiseNoncontinuable(Status, Record);
}

// The first routine of a thread that RtlCreateUserThread made. An exception that nobody handles ends the process, since
// no frame is below this one.
DECLSPEC_NORETURN VOID NTAPI RtlpUserThreadStart(PUSER_THREAD_START_ROUTINE Start, PVOID Parameter)
{
    RtlExitUserThread((NTSTATUS)Start(Parameter));
}

// Ends the calling thread: DLLs are told, and the process ends with its last thread.
DECLSPEC_NORETURN VOID NTAPI RtlExitUserThread(NTSTATUS Status)
{
    ULONG Last = FALSE;

    if (NT_SUCCESS(NtQueryInformationThread(NtCurrentThread(), ThreadAmILastThread, &Last, sizeof(Last), NULL)) && Last)
        RtlExitUserProcess(Status);
    LdrShutdownThread();
    RtlpFreeStackAndTerminate(Status);
}

// Ends the process: the other threads first, while we hold the locks that they might hold, then the DLLs are told.
DECLSPEC_NORETURN VOID NTAPI RtlExitUserProcess(NTSTATUS Status)
{
    RtlEnterCriticalSection(&LdrpLoaderLock);
    RtlAcquirePebLock();
    RtlLockHeap(RtlProcessHeap());
    NtTerminateProcess(NULL, Status);
    RtlUnlockHeap(RtlProcessHeap());
    RtlReleasePebLock();
    LdrShutdownProcess();
    for (;;)
        NtTerminateProcess(NtCurrentProcess(), Status);
}

// Frees the stack of a thread that has ended (or never ran) and whose handle is still open.
VOID NTAPI RtlFreeUserThreadStack(HANDLE Process, HANDLE Thread)
{
    THREAD_BASIC_INFORMATION Basic;
    PVOID Stack = NULL;
    SIZE_T Size = 0;

    if (!NT_SUCCESS(NtQueryInformationThread(Thread, ThreadBasicInformation, &Basic, sizeof(Basic), NULL)))
        return;
    if (Basic.TebBaseAddress == NULL)
        return;
    if (!NT_SUCCESS(
            NtReadVirtualMemory(Process, &Basic.TebBaseAddress->DeallocationStack, &Stack, sizeof(Stack), NULL)))
        return;
    if (Stack != NULL)
        IGNORE_STATUS(NtFreeVirtualMemory(Process, &Stack, &Size, MEM_RELEASE));
}

ULONG NTAPI RtlGetLastWin32Error(VOID)
{
    return NtCurrentTeb()->LastErrorValue;
}

VOID NTAPI RtlSetLastWin32Error(ULONG Error)
{
    NtCurrentTeb()->LastErrorValue = Error;
}

NTSTATUS NTAPI RtlGetLastNtStatus(VOID)
{
    return NtCurrentTeb()->LastStatusValue;
}

// Returns the Win32 error that it has set.
ULONG NTAPI RtlSetLastWin32ErrorAndNtStatusFromNtStatus(NTSTATUS Status)
{
    ULONG Error = RtlNtStatusToDosError(Status);

    RtlSetLastWin32Error(Error);
    return Error;
}

PVOID NTAPI RtlGetCurrentPeb(VOID)
{
    return NtCurrentPeb();
}

// The cookie of pointer encoding: the same for the whole life of the process, hard to know from outside.
static ULONG RtlpPointerCookie(VOID)
{
    static ULONG Cookie;
    LARGE_INTEGER Counter;

    if (Cookie == 0) {
        ULONG Made = SharedUserData->Cookie ^ (ULONG)(ULONG_PTR)NtCurrentTeb()->ClientId.UniqueProcess;

        if (NT_SUCCESS(NtQueryPerformanceCounter(&Counter, NULL)))
            Made ^= Counter.LowPart * 0x9E3779B1u; // spreads the counter's low bits
        InterlockedCompareExchange((volatile LONG *)&Cookie, (LONG)(Made | 1), 0);
    }
    return Cookie;
}

PVOID NTAPI RtlEncodePointer(PVOID Pointer)
{
    return (PVOID)((ULONG_PTR)Pointer ^ RtlpPointerCookie());
}

PVOID NTAPI RtlDecodePointer(PVOID Pointer)
{
    return (PVOID)((ULONG_PTR)Pointer ^ RtlpPointerCookie());
}

// For pointers that cross processes: a cookie of the boot, not of the process.
PVOID NTAPI RtlEncodeSystemPointer(PVOID Pointer)
{
    return (PVOID)((ULONG_PTR)Pointer ^ SharedUserData->Cookie);
}

PVOID NTAPI RtlDecodeSystemPointer(PVOID Pointer)
{
    return (PVOID)((ULONG_PTR)Pointer ^ SharedUserData->Cookie);
}
