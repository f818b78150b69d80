// SPDX-License-Identifier: MIT
// The DLL's own start: what must stand before the first Win32 call of the process.

#include "k32.h"

BOOL WINAPI DllMainCRTStartup(HINSTANCE Instance, DWORD Reason, LPVOID Reserved);

// Called by ntdll's loader, with the loader lock held.
BOOL WINAPI DllMainCRTStartup(HINSTANCE Instance, DWORD Reason, LPVOID Reserved)
{
    UNREFERENCED_PARAMETER(Instance);
    UNREFERENCED_PARAMETER(Reserved);
    switch (Reason) {
    case DLL_PROCESS_ATTACH:
        BaseInitializeCommandLine();
        BaseInitializeFls();
        break;
    case DLL_THREAD_DETACH:
    case DLL_PROCESS_DETACH:
        BaseRunFlsCallbacks();
        break;
    default:
        break;
    }
    return TRUE;
}
