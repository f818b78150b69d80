// SPDX-License-Identifier: MIT
// Handles: close, duplicate, flags, and the three standard ones.

#include "k32.h"

WINBOOL WINAPI CloseHandle(HANDLE Handle)
{
    return BaseBool(NtClose(BaseRealHandle(Handle)));
}

WINBOOL WINAPI DuplicateHandle(HANDLE SourceProcess, HANDLE Source, HANDLE TargetProcess, LPHANDLE Target, DWORD Access,
                               WINBOOL Inherit, DWORD Options)
{
    return BaseBool(NtDuplicateObject(SourceProcess, BaseRealHandle(Source), TargetProcess, Target, Access,
                                      Inherit ? OBJ_INHERIT : 0, Options));
}

WINBOOL WINAPI GetHandleInformation(HANDLE Handle, LPDWORD Flags)
{
    OBJECT_HANDLE_FLAG_INFORMATION Information ALIGNED(4);
    NTSTATUS Status =
        NtQueryObject(BaseRealHandle(Handle), ObjectHandleFlagInformation, &Information, sizeof(Information), NULL);

    if (!BaseBool(Status)) {
        return FALSE;
    }
    *Flags = (Information.Inherit ? HANDLE_FLAG_INHERIT : 0) |
             (Information.ProtectFromClose ? HANDLE_FLAG_PROTECT_FROM_CLOSE : 0);
    return TRUE;
}

WINBOOL WINAPI SetHandleInformation(HANDLE Handle, DWORD Mask, DWORD Flags)
{
    OBJECT_HANDLE_FLAG_INFORMATION Information ALIGNED(4);
    NTSTATUS Status;

    if ((Mask & ~(DWORD)(HANDLE_FLAG_INHERIT | HANDLE_FLAG_PROTECT_FROM_CLOSE)) != 0) {
        return BaseFail(ERROR_INVALID_PARAMETER);
    }
    Handle = BaseRealHandle(Handle);
    Status = NtQueryObject(Handle, ObjectHandleFlagInformation, &Information, sizeof(Information), NULL);
    if (!BaseBool(Status)) {
        return FALSE;
    }
    if ((Mask & HANDLE_FLAG_INHERIT) != 0) {
        Information.Inherit = (Flags & HANDLE_FLAG_INHERIT) != 0;
    }
    if ((Mask & HANDLE_FLAG_PROTECT_FROM_CLOSE) != 0) {
        Information.ProtectFromClose = (Flags & HANDLE_FLAG_PROTECT_FROM_CLOSE) != 0;
    }
    return BaseBool(NtSetInformationObject(Handle, ObjectHandleFlagInformation, &Information, sizeof(Information)));
}

static PHANDLE BasepStandardHandle(DWORD Which)
{
    PRTL_USER_PROCESS_PARAMETERS Parameters = NtCurrentPeb()->ProcessParameters;

    switch (Which) {
    case STD_INPUT_HANDLE:
        return &Parameters->StandardInput;
    case STD_OUTPUT_HANDLE:
        return &Parameters->StandardOutput;
    case STD_ERROR_HANDLE:
        return &Parameters->StandardError;
    default:
        return NULL;
    }
}

HANDLE WINAPI GetStdHandle(DWORD Which)
{
    PHANDLE Slot = BasepStandardHandle(Which);

    if (Slot == NULL) {
        SetLastError(ERROR_INVALID_HANDLE);
        return INVALID_HANDLE_VALUE;
    }
    return *Slot;
}

WINBOOL WINAPI SetStdHandle(DWORD Which, HANDLE Handle)
{
    PHANDLE Slot = BasepStandardHandle(Which);

    if (Slot == NULL) {
        return BaseFail(ERROR_INVALID_HANDLE);
    }
    *Slot = Handle;
    return TRUE;
}
