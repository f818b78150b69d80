// SPDX-License-Identifier: MIT
// Waitable timers.

#include "k32.h"

HANDLE WINAPI CreateWaitableTimerW(LPSECURITY_ATTRIBUTES Security, WINBOOL Manual, LPCWSTR Name)
{
    OBJECT_ATTRIBUTES Attributes;
    UNICODE_STRING String;
    HANDLE Handle = NULL;
    NTSTATUS Status =
        NtCreateTimer(&Handle, TIMER_ALL_ACCESS, BaseObjectAttributes(&Attributes, &String, Security, Name),
                      Manual ? NotificationTimer : SynchronizationTimer);

    return BaseCreated(Status, &Handle);
}

HANDLE WINAPI CreateWaitableTimerA(LPSECURITY_ATTRIBUTES Security, WINBOOL Manual, LPCSTR Name)
{
    BASE_WIDE Wide AUTO_WIDE;

    return BaseWiden(&Wide, Name) ? CreateWaitableTimerW(Security, Manual, Wide.Buffer) : NULL;
}

HANDLE WINAPI OpenWaitableTimerW(DWORD Access, WINBOOL Inherit, LPCWSTR Name)
{
    SECURITY_ATTRIBUTES Security = {sizeof(Security), NULL, Inherit};
    OBJECT_ATTRIBUTES Attributes;
    UNICODE_STRING String;
    HANDLE Handle = NULL;

    if (Name == NULL) {
        SetLastError(ERROR_INVALID_PARAMETER);
        return NULL;
    }
    BaseObjectAttributes(&Attributes, &String, &Security, Name);
    Attributes.Attributes &= ~(ULONG)OBJ_OPENIF;
    return BaseOpened(NtOpenTimer(&Handle, Access, &Attributes), &Handle);
}

WINBOOL WINAPI SetWaitableTimer(HANDLE Timer, const LARGE_INTEGER *DueTime, LONG Period, PTIMERAPCROUTINE Routine,
                                LPVOID Argument, WINBOOL Resume)
{
    LARGE_INTEGER Due = *DueTime;

    return BaseBool(NtSetTimer(Timer, &Due, (PTIMER_APC_ROUTINE)(PVOID)Routine, Argument, Resume != 0, Period, NULL));
}

WINBOOL WINAPI CancelWaitableTimer(HANDLE Timer)
{
    return BaseBool(NtCancelTimer(Timer, NULL));
}
