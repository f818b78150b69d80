// SPDX-License-Identifier: MIT
// Data execution prevention: whether data runs is what the policy, the program's header and its own choice say. The
// argument names the policy of the boot line.

#define _WIN32_WINNT 0x0601
#include "check.h"

static volatile LONG Faults;

static LONG CALLBACK Note(PEXCEPTION_POINTERS Pointers)
{
    CONTEXT *Context = Pointers->ContextRecord;

    if (Pointers->ExceptionRecord->ExceptionCode != EXCEPTION_ACCESS_VIOLATION ||
        Pointers->ExceptionRecord->ExceptionInformation[0] != 8)
        return EXCEPTION_CONTINUE_SEARCH;
    Faults++;
    Context->Eip = *(DWORD *)Context->Esp; // back to who called
    Context->Esp += 4;
    Context->Eax = 0;
    return EXCEPTION_CONTINUE_EXECUTION;
}

// Does code on a page without PAGE_EXECUTE_* run?
static BOOL DataRuns(void)
{
    static const unsigned char Return7[] = {0xB8, 7, 0, 0, 0, 0xC3};
    char *Page = VirtualAlloc(NULL, 4096, MEM_RESERVE | MEM_COMMIT, PAGE_READWRITE);
    MEMORY_BASIC_INFORMATION Information;
    LONG Before = Faults;
    int Result;

    memcpy(Page, Return7, sizeof(Return7));
    Result = ((int (*)(void))Page)();
    CHECK(Result == (Faults == Before ? 7 : 0));
    CHECK(VirtualQuery(Page, &Information, sizeof(Information)) && Information.Protect == PAGE_READWRITE);
    VirtualFree(Page, 0, MEM_RELEASE);
    return Faults == Before;
}

int main(int argc, char **argv)
{
    const char *Policy = argc > 1 ? argv[1] : "optin";
    IMAGE_DOS_HEADER *Dos = (IMAGE_DOS_HEADER *)GetModuleHandleA(NULL);
    IMAGE_NT_HEADERS *Headers = (IMAGE_NT_HEADERS *)((char *)Dos + Dos->e_lfanew);
    BOOL Compatible = (Headers->OptionalHeader.DllCharacteristics & IMAGE_DLLCHARACTERISTICS_NX_COMPAT) != 0;
    BOOL Permanent;
    DWORD Flags;

    AddVectoredExceptionHandler(1, Note);
    CHECK(GetProcessDEPPolicy(GetCurrentProcess(), &Flags, &Permanent));
    if (strcmp(Policy, "alwaysoff") == 0) {
        CHECK(GetSystemDEPPolicy() == DEPPolicyAlwaysOff && Flags == 0 && Permanent && DataRuns());
        CHECK_FAILS(SetProcessDEPPolicy(PROCESS_DEP_ENABLE), ERROR_ACCESS_DENIED);
    } else if (strcmp(Policy, "alwayson") == 0) {
        CHECK(GetSystemDEPPolicy() == DEPPolicyAlwaysOn && Flags != 0 && Permanent && !DataRuns());
        CHECK_FAILS(SetProcessDEPPolicy(0), ERROR_ACCESS_DENIED);
    } else if (strcmp(Policy, "optout") == 0) {
        CHECK(GetSystemDEPPolicy() == DEPPolicyOptOut && Flags != 0 && !Permanent && !DataRuns());
        CHECK(SetProcessDEPPolicy(0) && DataRuns());
        CHECK(SetProcessDEPPolicy(PROCESS_DEP_ENABLE) && !DataRuns()); // for good
        CHECK_FAILS(SetProcessDEPPolicy(0), ERROR_ACCESS_DENIED);
    } else {
        CHECK(GetSystemDEPPolicy() == DEPPolicyOptIn);
        CHECK(Compatible == (Flags != 0) && Compatible == Permanent && DataRuns() == !Compatible);
        if (!Compatible)
            CHECK(SetProcessDEPPolicy(PROCESS_DEP_ENABLE) && !DataRuns());
    }
    return Verdict();
}
