// SPDX-License-Identifier: MIT
// Critical sections whose prototypes differ from ntdll's; Enter, Leave and Delete are forwarded to ntdll
// (kernel32.def).

#include "k32.h"

VOID WINAPI InitializeCriticalSection(LPCRITICAL_SECTION Section)
{
    NTSTATUS Status = RtlInitializeCriticalSection(Section);

    if (!NT_SUCCESS(Status)) {
        RtlRaiseStatus(Status);
    }
}

WINBOOL WINAPI InitializeCriticalSectionAndSpinCount(LPCRITICAL_SECTION Section, DWORD SpinCount)
{
    return BaseBool(RtlInitializeCriticalSectionAndSpinCount(Section, SpinCount));
}

WINBOOL WINAPI InitializeCriticalSectionEx(LPCRITICAL_SECTION Section, DWORD SpinCount, DWORD Flags)
{
    UNREFERENCED_PARAMETER(Flags);
    return BaseBool(RtlInitializeCriticalSectionAndSpinCount(Section, SpinCount));
}

DWORD WINAPI SetCriticalSectionSpinCount(LPCRITICAL_SECTION Section, DWORD SpinCount)
{
    return (DWORD)__atomic_exchange_n(&Section->SpinCount, SpinCount, __ATOMIC_SEQ_CST);
}

WINBOOL WINAPI TryEnterCriticalSection(LPCRITICAL_SECTION Section)
{
    return RtlTryEnterCriticalSection(Section);
}
