// SPDX-License-Identifier: MIT
// Virtual memory of this and other processes.

#include "k32.h"

LPVOID WINAPI VirtualAllocEx(HANDLE Process, LPVOID Address, SIZE_T Size, DWORD Type, DWORD Protect)
{
    NTSTATUS Status;

    // The lowest 64 KB are never given out; without this, address 1 would round down to "anywhere".
    if (Address != NULL && (ULONG_PTR)Address < 0x10000) {
        SetLastError(ERROR_INVALID_PARAMETER);
        return NULL;
    }
    Status = NtAllocateVirtualMemory(Process, &Address, 0, &Size, Type, Protect);
    return BaseBool(Status) ? Address : NULL;
}

LPVOID WINAPI VirtualAlloc(LPVOID Address, SIZE_T Size, DWORD Type, DWORD Protect)
{
    return VirtualAllocEx(NtCurrentProcess(), Address, Size, Type, Protect);
}

WINBOOL WINAPI VirtualFreeEx(HANDLE Process, LPVOID Address, SIZE_T Size, DWORD Type)
{
    if ((Type & MEM_RELEASE) != 0 && Size != 0) {
        return BaseFail(ERROR_INVALID_PARAMETER);
    }
    return BaseBool(NtFreeVirtualMemory(Process, &Address, &Size, Type));
}

WINBOOL WINAPI VirtualFree(LPVOID Address, SIZE_T Size, DWORD Type)
{
    return VirtualFreeEx(NtCurrentProcess(), Address, Size, Type);
}

WINBOOL WINAPI VirtualProtectEx(HANDLE Process, LPVOID Address, SIZE_T Size, DWORD Protect, PDWORD Old)
{
    ULONG Previous = 0;
    NTSTATUS Status =
        Old == NULL ? STATUS_ACCESS_VIOLATION : NtProtectVirtualMemory(Process, &Address, &Size, Protect, &Previous);

    if (!BaseBool(Status)) {
        return FALSE;
    }
    *Old = Previous;
    return TRUE;
}

WINBOOL WINAPI VirtualProtect(LPVOID Address, SIZE_T Size, DWORD Protect, PDWORD Old)
{
    return VirtualProtectEx(NtCurrentProcess(), Address, Size, Protect, Old);
}

SIZE_T WINAPI VirtualQueryEx(HANDLE Process, LPCVOID Address, PMEMORY_BASIC_INFORMATION Information, SIZE_T Length)
{
    SIZE_T Result = 0;
    NTSTATUS Status =
        NtQueryVirtualMemory(Process, (PVOID)Address, MemoryBasicInformation, Information, Length, &Result);

    return BaseBool(Status) ? Result : 0;
}

SIZE_T WINAPI VirtualQuery(LPCVOID Address, PMEMORY_BASIC_INFORMATION Information, SIZE_T Length)
{
    return VirtualQueryEx(NtCurrentProcess(), Address, Information, Length);
}

WINBOOL WINAPI VirtualLock(LPVOID Address, SIZE_T Size)
{
    return BaseBool(NtLockVirtualMemory(NtCurrentProcess(), &Address, &Size, MAP_PROCESS));
}

WINBOOL WINAPI VirtualUnlock(LPVOID Address, SIZE_T Size)
{
    return BaseBool(NtUnlockVirtualMemory(NtCurrentProcess(), &Address, &Size, MAP_PROCESS));
}

WINBOOL WINAPI ReadProcessMemory(HANDLE Process, LPCVOID Address, LPVOID Buffer, SIZE_T Size, SIZE_T *Done)
{
    SIZE_T Result = 0;
    NTSTATUS Status = NtReadVirtualMemory(Process, (PVOID)Address, Buffer, Size, &Result);

    if (Done != NULL) {
        *Done = Result;
    }
    return BaseBool(Status);
}

// Write-protected pages (code) are opened for the time of the write, as debuggers expect.
WINBOOL WINAPI WriteProcessMemory(HANDLE Process, LPVOID Address, LPCVOID Buffer, SIZE_T Size, SIZE_T *Done)
{
    SIZE_T Result = 0, Span = Size;
    PVOID Start = Address;
    ULONG Old;
    NTSTATUS Status = NtWriteVirtualMemory(Process, Address, (PVOID)Buffer, Size, &Result);

    if (!NT_SUCCESS(Status) &&
        NT_SUCCESS(NtProtectVirtualMemory(Process, &Start, &Span, PAGE_EXECUTE_READWRITE, &Old))) {
        Status = NtWriteVirtualMemory(Process, Address, (PVOID)Buffer, Size, &Result);
        IGNORE_STATUS(NtProtectVirtualMemory(Process, &Start, &Span, Old, &Old));
    }
    if (Done != NULL) {
        *Done = Result;
    }
    return BaseBool(Status);
}

WINBOOL WINAPI FlushInstructionCache(HANDLE Process, LPCVOID Address, SIZE_T Size)
{
    return BaseBool(NtFlushInstructionCache(Process, (PVOID)Address, Size));
}
