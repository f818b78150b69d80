// SPDX-License-Identifier: MIT
// Events, mutexes and semaphores: Win32's names over the executive's objects.

#include "k32.h"

HANDLE WINAPI CreateEventW(LPSECURITY_ATTRIBUTES Security, WINBOOL Manual, WINBOOL Initial, LPCWSTR Name)
{
    OBJECT_ATTRIBUTES Attributes;
    UNICODE_STRING String;
    HANDLE Handle = NULL;
    NTSTATUS Status =
        NtCreateEvent(&Handle, EVENT_ALL_ACCESS, BaseObjectAttributes(&Attributes, &String, Security, Name),
                      Manual ? NotificationEvent : SynchronizationEvent, Initial != 0);

    return BaseCreated(Status, &Handle);
}

HANDLE WINAPI CreateEventA(LPSECURITY_ATTRIBUTES Security, WINBOOL Manual, WINBOOL Initial, LPCSTR Name)
{
    BASE_WIDE Wide AUTO_WIDE;

    return BaseWiden(&Wide, Name) ? CreateEventW(Security, Manual, Initial, Wide.Buffer) : NULL;
}

HANDLE WINAPI CreateEventExW(LPSECURITY_ATTRIBUTES Security, LPCWSTR Name, DWORD Flags, DWORD Access)
{
    UNREFERENCED_PARAMETER(Access);
    return CreateEventW(Security, (Flags & CREATE_EVENT_MANUAL_RESET) != 0, (Flags & CREATE_EVENT_INITIAL_SET) != 0,
                        Name);
}

// The attributes of an open by name; FALSE without a name, with ERROR_INVALID_PARAMETER.
static BOOL BasepOpenAttributes(POBJECT_ATTRIBUTES Attributes, PUNICODE_STRING String, BOOL Inherit, LPCWSTR Name)
{
    SECURITY_ATTRIBUTES Security = {sizeof(Security), NULL, Inherit};

    if (Name == NULL) {
        return BaseFail(ERROR_INVALID_PARAMETER);
    }
    BaseObjectAttributes(Attributes, String, &Security, Name);
    Attributes->Attributes &= ~(ULONG)OBJ_OPENIF;
    return TRUE;
}

HANDLE WINAPI OpenEventW(DWORD Access, WINBOOL Inherit, LPCWSTR Name)
{
    OBJECT_ATTRIBUTES Attributes;
    UNICODE_STRING String;
    HANDLE Handle = NULL;

    if (!BasepOpenAttributes(&Attributes, &String, Inherit, Name)) {
        return NULL;
    }
    return BaseOpened(NtOpenEvent(&Handle, Access, &Attributes), &Handle);
}

HANDLE WINAPI OpenEventA(DWORD Access, WINBOOL Inherit, LPCSTR Name)
{
    BASE_WIDE Wide AUTO_WIDE;

    return BaseWiden(&Wide, Name) ? OpenEventW(Access, Inherit, Wide.Buffer) : NULL;
}

WINBOOL WINAPI SetEvent(HANDLE Handle)
{
    return BaseBool(NtSetEvent(Handle, NULL));
}

WINBOOL WINAPI ResetEvent(HANDLE Handle)
{
    return BaseBool(NtClearEvent(Handle));
}

WINBOOL WINAPI PulseEvent(HANDLE Handle)
{
    return BaseBool(NtPulseEvent(Handle, NULL));
}

HANDLE WINAPI CreateMutexW(LPSECURITY_ATTRIBUTES Security, WINBOOL Owned, LPCWSTR Name)
{
    OBJECT_ATTRIBUTES Attributes;
    UNICODE_STRING String;
    HANDLE Handle = NULL;
    NTSTATUS Status = NtCreateMutant(&Handle, MUTANT_ALL_ACCESS,
                                     BaseObjectAttributes(&Attributes, &String, Security, Name), Owned != 0);

    return BaseCreated(Status, &Handle);
}

HANDLE WINAPI CreateMutexA(LPSECURITY_ATTRIBUTES Security, WINBOOL Owned, LPCSTR Name)
{
    BASE_WIDE Wide AUTO_WIDE;

    return BaseWiden(&Wide, Name) ? CreateMutexW(Security, Owned, Wide.Buffer) : NULL;
}

HANDLE WINAPI OpenMutexW(DWORD Access, WINBOOL Inherit, LPCWSTR Name)
{
    OBJECT_ATTRIBUTES Attributes;
    UNICODE_STRING String;
    HANDLE Handle = NULL;

    if (!BasepOpenAttributes(&Attributes, &String, Inherit, Name)) {
        return NULL;
    }
    return BaseOpened(NtOpenMutant(&Handle, Access, &Attributes), &Handle);
}

HANDLE WINAPI OpenMutexA(DWORD Access, WINBOOL Inherit, LPCSTR Name)
{
    BASE_WIDE Wide AUTO_WIDE;

    return BaseWiden(&Wide, Name) ? OpenMutexW(Access, Inherit, Wide.Buffer) : NULL;
}

WINBOOL WINAPI ReleaseMutex(HANDLE Handle)
{
    return BaseBool(NtReleaseMutant(Handle, NULL));
}

HANDLE WINAPI CreateSemaphoreW(LPSECURITY_ATTRIBUTES Security, LONG Initial, LONG Maximum, LPCWSTR Name)
{
    OBJECT_ATTRIBUTES Attributes;
    UNICODE_STRING String;
    HANDLE Handle = NULL;
    NTSTATUS Status = NtCreateSemaphore(&Handle, SEMAPHORE_ALL_ACCESS,
                                        BaseObjectAttributes(&Attributes, &String, Security, Name), Initial, Maximum);

    return BaseCreated(Status, &Handle);
}

HANDLE WINAPI CreateSemaphoreA(LPSECURITY_ATTRIBUTES Security, LONG Initial, LONG Maximum, LPCSTR Name)
{
    BASE_WIDE Wide AUTO_WIDE;

    return BaseWiden(&Wide, Name) ? CreateSemaphoreW(Security, Initial, Maximum, Wide.Buffer) : NULL;
}

HANDLE WINAPI OpenSemaphoreW(DWORD Access, WINBOOL Inherit, LPCWSTR Name)
{
    OBJECT_ATTRIBUTES Attributes;
    UNICODE_STRING String;
    HANDLE Handle = NULL;

    if (!BasepOpenAttributes(&Attributes, &String, Inherit, Name)) {
        return NULL;
    }
    return BaseOpened(NtOpenSemaphore(&Handle, Access, &Attributes), &Handle);
}

HANDLE WINAPI OpenSemaphoreA(DWORD Access, WINBOOL Inherit, LPCSTR Name)
{
    BASE_WIDE Wide AUTO_WIDE;

    return BaseWiden(&Wide, Name) ? OpenSemaphoreW(Access, Inherit, Wide.Buffer) : NULL;
}

WINBOOL WINAPI ReleaseSemaphore(HANDLE Handle, LONG Count, LPLONG Previous)
{
    return BaseBool(NtReleaseSemaphore(Handle, Count, Previous));
}
