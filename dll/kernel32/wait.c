// SPDX-License-Identifier: MIT
// Waits and sleeps. The Native statuses 0..63, 0x80.., 0xC0 and 0x102 are Win32's WAIT_* values.

#include "k32.h"

static inline DWORD BasepWait(HANDLE Handle, DWORD Milliseconds, BOOLEAN Alertable)
{
    LARGE_INTEGER Time;
    NTSTATUS Status;

    Handle = BaseRealHandle(Handle);
    do {
        Status = NtWaitForSingleObject(Handle, Alertable, BaseTimeout(&Time, Milliseconds));
    } while (Status == STATUS_ALERTED);
    if (!NT_SUCCESS(Status)) {
        BaseSetLastNTError(Status);
        return WAIT_FAILED;
    }
    return (DWORD)Status;
}

DWORD WINAPI WaitForSingleObjectEx(HANDLE Handle, DWORD Milliseconds, WINBOOL Alertable)
{
    return BasepWait(Handle, Milliseconds, Alertable != 0);
}

DWORD WINAPI WaitForSingleObject(HANDLE Handle, DWORD Milliseconds)
{
    return BasepWait(Handle, Milliseconds, FALSE);
}

DWORD WINAPI WaitForMultipleObjectsEx(DWORD Count, const HANDLE *Handles, WINBOOL All, DWORD Milliseconds,
                                      WINBOOL Alertable)
{
    HANDLE Real[MAXIMUM_WAIT_OBJECTS];
    LARGE_INTEGER Time;
    NTSTATUS Status;

    if (Count == 0 || Count > MAXIMUM_WAIT_OBJECTS) {
        SetLastError(ERROR_INVALID_PARAMETER);
        return WAIT_FAILED;
    }
    for (DWORD i = 0; i < Count; i++) {
        Real[i] = BaseRealHandle(Handles[i]);
    }
    do {
        Status = NtWaitForMultipleObjects(Count, Real, All ? WaitAll : WaitAny, Alertable != 0,
                                          BaseTimeout(&Time, Milliseconds));
    } while (Status == STATUS_ALERTED);
    if (!NT_SUCCESS(Status)) {
        BaseSetLastNTError(Status);
        return WAIT_FAILED;
    }
    return (DWORD)Status;
}

DWORD WINAPI WaitForMultipleObjects(DWORD Count, const HANDLE *Handles, WINBOOL All, DWORD Milliseconds)
{
    return WaitForMultipleObjectsEx(Count, Handles, All, Milliseconds, FALSE);
}

DWORD WINAPI SignalObjectAndWait(HANDLE Signal, HANDLE Wait, DWORD Milliseconds, WINBOOL Alertable)
{
    LARGE_INTEGER Time;
    NTSTATUS Status = NtSignalAndWaitForSingleObject(Signal, Wait, Alertable != 0, BaseTimeout(&Time, Milliseconds));

    // A second signal would be wrong: only the wait is repeated after an alert.
    while (Status == STATUS_ALERTED) {
        Status = NtWaitForSingleObject(Wait, Alertable != 0, BaseTimeout(&Time, Milliseconds));
    }
    if (!NT_SUCCESS(Status)) {
        BaseSetLastNTError(Status);
        return WAIT_FAILED;
    }
    return (DWORD)Status;
}

DWORD WINAPI SleepEx(DWORD Milliseconds, WINBOOL Alertable)
{
    LARGE_INTEGER Time;
    NTSTATUS Status;

    if (BaseTimeout(&Time, Milliseconds) == NULL) {
        Time.QuadPart = (LONGLONG)0x8000000000000000ull; // relative, as far away as there is
    }
    do {
        Status = NtDelayExecution(Alertable != 0, &Time);
    } while (Status == STATUS_ALERTED);
    return Status == STATUS_USER_APC ? WAIT_IO_COMPLETION : 0;
}

VOID WINAPI Sleep(DWORD Milliseconds)
{
    SleepEx(Milliseconds, FALSE);
}

WINBOOL WINAPI SwitchToThread(VOID)
{
    return NtYieldExecution() != STATUS_NO_YIELD_PERFORMED;
}
