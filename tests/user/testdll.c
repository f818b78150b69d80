// SPDX-License-Identifier: MIT
// The DLL that dllhost.c loads: functions, data with relocations, and DllMain's notifications counted.

#include <windows.h>

static int Attached, Detached, ThreadsAttached, ThreadsDetached;
static const char *const Names[] = {"zero", "one", "two"}; // pointers: wrong unless relocated

__declspec(dllexport) int TestValue = 1234;

BOOL WINAPI DllMain(HINSTANCE Instance, DWORD Reason, LPVOID Reserved)
{
    (void)Instance;
    (void)Reserved;
    Attached += Reason == DLL_PROCESS_ATTACH;
    Detached += Reason == DLL_PROCESS_DETACH;
    ThreadsAttached += Reason == DLL_THREAD_ATTACH;
    ThreadsDetached += Reason == DLL_THREAD_DETACH;
    return TRUE;
}

__declspec(dllexport) int TestAdd(int First, int Second)
{
    return First + Second;
}

__declspec(dllexport) const char *TestName(int Index)
{
    return Names[Index];
}

__declspec(dllexport) int TestAttached(void)
{
    return Attached - Detached;
}

__declspec(dllexport) int TestThreads(void)
{
    return ThreadsAttached * 100 + ThreadsDetached;
}
