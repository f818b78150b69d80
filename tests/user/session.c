// SPDX-License-Identifier: MIT
// Sessions as a program sees them: SystemSessionCreate makes one for the caller, its children are in it,
// SystemSessionDetach leaves it. Needs SeTcbPrivilege.

#include "check.h"

#define SystemSessionCreate 47
#define SystemSessionDetach 48
#define STATUS_ALREADY_COMMITTED 0xC0000021u
#define STATUS_UNABLE_TO_FREE_VM 0xC000001Au
#define STATUS_INFO_LENGTH_MISMATCH 0xC0000004u
#define PEB_SESSION_ID 0x1D4
#define ProcessSessionInformation 24

static LONG(WINAPI *NtSetSystemInformation)(ULONG, PVOID, ULONG);
static LONG(WINAPI *NtQueryInformationProcess)(HANDLE, ULONG, PVOID, ULONG, PULONG);

static ULONG PebSessionId(void)
{
    PUCHAR Peb;

    __asm__("movl %%fs:0x30, %0" : "=r"(Peb));
    return *(PULONG)(Peb + PEB_SESSION_ID);
}

static ULONG ChildsSessionId(const char *Program)
{
    STARTUPINFOA Startup = {.cb = sizeof(Startup)};
    PROCESS_INFORMATION Process;
    char Line[MAX_PATH + 16];
    ULONG Known = 0xDEAD;
    DWORD Code = 0xDEAD;

    snprintf(Line, sizeof(Line), "\"%s\" child", Program);
    if (!CreateProcessA(NULL, Line, NULL, NULL, FALSE, 0, NULL, NULL, &Startup, &Process))
        return 0xDEAD;
    CHECK_EQUAL(NtQueryInformationProcess(Process.hProcess, ProcessSessionInformation, &Known, sizeof(Known), NULL), 0);
    WaitForSingleObject(Process.hProcess, INFINITE);
    GetExitCodeProcess(Process.hProcess, &Code);
    CHECK_EQUAL(Code, Known);
    CloseHandle(Process.hThread);
    CloseHandle(Process.hProcess);
    return Code;
}

int main(int Count, char **Arguments)
{
    HMODULE Ntdll = GetModuleHandleA("ntdll.dll");
    ULONG Id = 0, Second = 0;

    NtSetSystemInformation = (void *)GetProcAddress(Ntdll, "NtSetSystemInformation");
    NtQueryInformationProcess = (void *)GetProcAddress(Ntdll, "NtQueryInformationProcess");
    if (Count > 1)
        return (int)PebSessionId();
    CHECK_EQUAL(PebSessionId(), 0);
    CHECK_EQUAL((ULONG)NtSetSystemInformation(SystemSessionCreate, &Id, 2), STATUS_INFO_LENGTH_MISMATCH);
    for (unsigned Round = 0; Round < 4; Round++) {
        CHECK_EQUAL(NtSetSystemInformation(SystemSessionCreate, &Id, sizeof(Id)), 0);
        CHECK(Id != 0);
        CHECK_EQUAL(PebSessionId(), Id);
        CHECK_EQUAL((ULONG)NtSetSystemInformation(SystemSessionCreate, &Second, sizeof(Second)),
                    STATUS_ALREADY_COMMITTED);
        CHECK_EQUAL(ChildsSessionId(Arguments[0]), Id);
        Second = Id + 1;
        CHECK_EQUAL((ULONG)NtSetSystemInformation(SystemSessionDetach, &Second, sizeof(Second)),
                    STATUS_UNABLE_TO_FREE_VM);
        CHECK_EQUAL(NtSetSystemInformation(SystemSessionDetach, &Id, sizeof(Id)), 0);
        CHECK_EQUAL(PebSessionId(), 0);
        CHECK_EQUAL(ChildsSessionId(Arguments[0]), 0);
    }
    CHECK_EQUAL(NtSetSystemInformation(SystemSessionCreate, &Id, sizeof(Id)), 0); // it goes with the process
    return Verdict();
}
