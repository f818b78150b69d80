// SPDX-License-Identifier: MIT
// Acting on threads that exist: suspend, priorities, contexts, APCs, what they are and how they ended.

#include "k32.h"

HANDLE WINAPI GetCurrentThread(VOID)
{
    return NtCurrentThread();
}

DWORD WINAPI GetCurrentThreadId(VOID)
{
    return (DWORD)(ULONG_PTR)BaseTeb()->ClientId.UniqueThread;
}

HANDLE WINAPI OpenThread(DWORD Access, WINBOOL Inherit, DWORD ThreadId)
{
    OBJECT_ATTRIBUTES Attributes;
    CLIENT_ID Id = {NULL, (HANDLE)(ULONG_PTR)ThreadId};
    HANDLE Handle = NULL;

    InitializeObjectAttributes(&Attributes, NULL, Inherit ? OBJ_INHERIT : 0, NULL, NULL);
    return BaseOpened(NtOpenThread(&Handle, Access, &Attributes, &Id), &Handle);
}

DWORD WINAPI SuspendThread(HANDLE Thread)
{
    ULONG Previous = 0;

    return BaseBool(NtSuspendThread(Thread, &Previous)) ? Previous : MAXULONG;
}

DWORD WINAPI ResumeThread(HANDLE Thread)
{
    ULONG Previous = 0;

    return BaseBool(NtResumeThread(Thread, &Previous)) ? Previous : MAXULONG;
}

static BOOL BasepThreadBasic(HANDLE Thread, PTHREAD_BASIC_INFORMATION Information)
{
    return BaseBool(NtQueryInformationThread(Thread, ThreadBasicInformation, Information, sizeof(*Information), NULL));
}

WINBOOL WINAPI GetExitCodeThread(HANDLE Thread, LPDWORD Code)
{
    THREAD_BASIC_INFORMATION Information;

    if (!BasepThreadBasic(Thread, &Information)) {
        return FALSE;
    }
    *Code = (DWORD)Information.ExitStatus;
    return TRUE;
}

DWORD WINAPI GetThreadId(HANDLE Thread)
{
    THREAD_BASIC_INFORMATION Information;

    return BasepThreadBasic(Thread, &Information) ? (DWORD)(ULONG_PTR)Information.ClientId.UniqueThread : 0;
}

DWORD WINAPI GetProcessIdOfThread(HANDLE Thread)
{
    THREAD_BASIC_INFORMATION Information;

    return BasepThreadBasic(Thread, &Information) ? (DWORD)(ULONG_PTR)Information.ClientId.UniqueProcess : 0;
}

// Win32's levels are relative to the process's base; the two ends mean "saturated" and are +-16 in the Native API.
WINBOOL WINAPI SetThreadPriority(HANDLE Thread, int Priority)
{
    LONG Base = Priority == THREAD_PRIORITY_TIME_CRITICAL ? 16 : Priority == THREAD_PRIORITY_IDLE ? -16 : Priority;

    if (Priority != THREAD_PRIORITY_TIME_CRITICAL && Priority != THREAD_PRIORITY_IDLE &&
        (Priority < -7 || Priority > 6)) {
        return BaseFail(ERROR_INVALID_PARAMETER);
    }
    return BaseBool(NtSetInformationThread(Thread, ThreadBasePriority, &Base, sizeof(Base)));
}

int WINAPI GetThreadPriority(HANDLE Thread)
{
    THREAD_BASIC_INFORMATION Information;

    if (!BasepThreadBasic(Thread, &Information)) {
        return THREAD_PRIORITY_ERROR_RETURN;
    }
    if (Information.BasePriority >= 16) {
        return THREAD_PRIORITY_TIME_CRITICAL;
    }
    return Information.BasePriority <= -16 ? THREAD_PRIORITY_IDLE : Information.BasePriority;
}

WINBOOL WINAPI SetThreadPriorityBoost(HANDLE Thread, WINBOOL Disable)
{
    ULONG Value = Disable != 0;

    return BaseBool(NtSetInformationThread(Thread, ThreadPriorityBoost, &Value, sizeof(Value)));
}

WINBOOL WINAPI GetThreadPriorityBoost(HANDLE Thread, PBOOL Disabled)
{
    ULONG Value = 0;

    if (!BaseBool(NtQueryInformationThread(Thread, ThreadPriorityBoost, &Value, sizeof(Value), NULL))) {
        return FALSE;
    }
    *Disabled = Value != 0;
    return TRUE;
}

DWORD_PTR WINAPI SetThreadAffinityMask(HANDLE Thread, DWORD_PTR Mask)
{
    THREAD_BASIC_INFORMATION Information;

    if (!BasepThreadBasic(Thread, &Information) ||
        !BaseBool(NtSetInformationThread(Thread, ThreadAffinityMask, &Mask, sizeof(Mask)))) {
        return 0;
    }
    return Information.AffinityMask;
}

DWORD WINAPI SetThreadIdealProcessor(HANDLE Thread, DWORD Processor)
{
    NTSTATUS Status = NtSetInformationThread(Thread, ThreadIdealProcessor, &Processor, sizeof(Processor));

    if (!NT_SUCCESS(Status)) {
        BaseSetLastNTError(Status);
        return MAXULONG;
    }
    return (DWORD)Status;
}

WINBOOL WINAPI GetThreadContext(HANDLE Thread, LPCONTEXT Context)
{
    return BaseBool(NtGetContextThread(Thread, Context));
}

WINBOOL WINAPI SetThreadContext(HANDLE Thread, const CONTEXT *Context)
{
    return BaseBool(NtSetContextThread(Thread, (PCONTEXT)Context));
}

WINBOOL WINAPI GetThreadTimes(HANDLE Thread, LPFILETIME Create, LPFILETIME Exit, LPFILETIME Kernel, LPFILETIME User)
{
    KERNEL_USER_TIMES Times;

    if (!BaseBool(NtQueryInformationThread(Thread, ThreadTimes, &Times, sizeof(Times), NULL))) {
        return FALSE;
    }
    *Create = BaseFileTime(Times.CreateTime);
    *Exit = BaseFileTime(Times.ExitTime);
    *Kernel = BaseFileTime(Times.KernelTime);
    *User = BaseFileTime(Times.UserTime);
    return TRUE;
}

static VOID NTAPI BasepDispatchApc(PVOID Routine, PVOID Argument, PVOID Unused)
{
    UNREFERENCED_PARAMETER(Unused);
    ((PAPCFUNC)Routine)((ULONG_PTR)Argument);
}

DWORD WINAPI QueueUserAPC(PAPCFUNC Routine, HANDLE Thread, ULONG_PTR Argument)
{
    return (DWORD)BaseBool(NtQueueApcThread(Thread, BasepDispatchApc, (PVOID)Routine, (PVOID)Argument, NULL));
}
