// SPDX-License-Identifier: MIT
// The smallest native program: no DLL but ntdll, and it ends with its first call. bench.c measures what a process
// costs.

#include <windows.h>
#include <winternl.h>

NTSTATUS NTAPI NtTerminateProcess(HANDLE process, NTSTATUS status);

void NTAPI NtProcessStartup(void *peb)
{
    (void)peb;
    NtTerminateProcess((HANDLE)-1, 0);
}
