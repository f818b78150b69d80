// SPDX-License-Identifier: MIT
// The DLL's start and end.

#include "crt.h"

BOOL WINAPI DllMainCRTStartup(HINSTANCE Instance, DWORD Reason, LPVOID Reserved);

// Called by ntdll's loader. A process that ends without exit() still gets its streams written, as by Microsoft's
// library.
BOOL WINAPI DllMainCRTStartup(HINSTANCE Instance, DWORD Reason, LPVOID Reserved)
{
    (void)Instance;
    (void)Reserved;
    switch (Reason) {
    case DLL_PROCESS_ATTACH:
        if (!CrtInitializeThreads()) {
            return FALSE;
        }
        CrtInitializeLocks();
        CrtInitializeFds();
        CrtInitializeStreams();
        return CrtInitializeEnvironment();
    case DLL_THREAD_DETACH:
        CrtFreeThread();
        break;
    case DLL_PROCESS_DETACH:
        CrtFlushAll();
        break;
    default:
        break;
    }
    return TRUE;
}
