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

// The last stack that a thread left, kept for the next one (its upper end, where an INITIAL_TEB describes it): making a
// stack and taking it down costs more than everything else in a thread's short life.
PVOID RtlpKeptStack;

#define KEPT_STACK_LARGEST 0x10000u // committed
#define STACK_GRANULARITY 0x10000u

static PINITIAL_TEB RtlpKeptDescription(PVOID StackBase)
{
    return (PINITIAL_TEB)StackBase - 1;
}

// The calling thread's stack, described at its upper end, if it is worth keeping; NULL if it is to be freed.
static PVOID RtlpDescribeStack(VOID)
{
    PTEB Teb = (PTEB)NtCurrentTeb();
    INITIAL_TEB Stack = {.StackBase = Teb->NtTib.StackBase,
                         .StackLimit = Teb->NtTib.StackLimit,
                         .StackAllocationBase = Teb->DeallocationStack};

    if (RtlpKeptStack != NULL || Stack.StackAllocationBase == NULL || Teb->GuaranteedStackBytes != 0 ||
        (ULONG_PTR)Stack.StackBase - (ULONG_PTR)Stack.StackLimit > KEPT_STACK_LARGEST ||
        (ULONG_PTR)Stack.StackLimit - (ULONG_PTR)Stack.StackAllocationBase < 2 * PAGE_SIZE) // the guard page is there
        return NULL;
    *RtlpKeptDescription(Stack.StackBase) = Stack; // nobody returns to the frames there
    return Stack.StackBase;
}

// Takes the kept stack if it is as large as the program wants its stacks. FALSE: make one.
static BOOLEAN RtlpTakeKeptStack(PINITIAL_TEB Stack)
{
    PIMAGE_NT_HEADERS32 Headers = RtlImageNtHeader(NtCurrentPeb()->ImageBaseAddress);
    PVOID Base = RtlpKeptStack == NULL ? NULL : InterlockedExchangePointer(&RtlpKeptStack, NULL);

    if (Base == NULL)
        return FALSE;
    *Stack = *RtlpKeptDescription(Base);
    if (Headers != NULL && (ULONG_PTR)Base - (ULONG_PTR)Stack->StackAllocationBase ==
                               ALIGN_UP_BY(Headers->OptionalHeader.SizeOfStackReserve, STACK_GRANULARITY))
        return TRUE;
    RtlFreeUserStack(Stack->StackAllocationBase);
    return FALSE;
}

// Makes a stack in this process; sizes of 0 are the program's own. The caller frees StackAllocationBase
// (RtlFreeUserStack) unless a thread gets the stack. STATUS_INVALID_PARAMETER, STATUS_NO_MEMORY.
NTSTATUS NTAPI RtlCreateUserStack(SIZE_T Commit, SIZE_T Reserve, ULONG_PTR ZeroBits, SIZE_T PageSize,
                                  ULONG_PTR ReserveAlignment, PINITIAL_TEB Stack)
{
    if (PageSize != PAGE_SIZE || ReserveAlignment != STACK_GRANULARITY || ZeroBits != 0)
        return STATUS_INVALID_PARAMETER;
    if (Commit == 0 && Reserve == 0 && RtlpTakeKeptStack(Stack))
        return STATUS_SUCCESS;
    return RtlpCreateUserStack(NtCurrentProcess(), Reserve, Commit, Stack);
}

// Frees a stack that no thread uses.
VOID NTAPI RtlFreeUserStack(PVOID AllocationBase)
{
    SIZE_T Size = 0;

    IGNORE_STATUS(NtFreeVirtualMemory(NtCurrentProcess(), &AllocationBase, &Size, MEM_RELEASE));
}

// Ends the calling thread: DLLs are told, and the process ends with its last thread.
DECLSPEC_NORETURN VOID NTAPI RtlExitUserThread(NTSTATUS Status)
{
    ULONG Last = FALSE;

    if (NT_SUCCESS(NtQueryInformationThread(NtCurrentThread(), ThreadAmILastThread, &Last, sizeof(Last), NULL)) && Last)
        RtlExitUserProcess(Status);
    LdrShutdownThread();
    RtlpFreeStackAndTerminate(Status, RtlpDescribeStack());
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
