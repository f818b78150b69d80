// SPDX-License-Identifier: MIT
// Heaps: thin over ntdll's. HeapAlloc, HeapReAlloc and HeapSize are forwarded (kernel32.def).

#include "k32.h"

HANDLE WINAPI HeapCreate(DWORD Options, SIZE_T Initial, SIZE_T Maximum)
{
    ULONG Flags = (Options & (HEAP_NO_SERIALIZE | HEAP_GENERATE_EXCEPTIONS)) | (Maximum == 0 ? HEAP_GROWABLE : 0);
    PVOID Heap;

    if (Maximum != 0 && Initial > Maximum) {
        SetLastError(ERROR_INVALID_PARAMETER);
        return NULL;
    }
    Heap = RtlCreateHeap(Flags, NULL, Maximum, Initial, NULL, NULL);
    if (Heap == NULL) {
        SetLastError(ERROR_NOT_ENOUGH_MEMORY);
    }
    return Heap;
}

WINBOOL WINAPI HeapDestroy(HANDLE Heap)
{
    return RtlDestroyHeap(Heap) == NULL ? TRUE : BaseFail(ERROR_INVALID_HANDLE);
}

HANDLE WINAPI GetProcessHeap(VOID)
{
    return RtlProcessHeap();
}

WINBOOL WINAPI HeapFree(HANDLE Heap, DWORD Flags, LPVOID Memory)
{
    if (Memory == NULL) {
        return TRUE;
    }
    return RtlFreeHeap(Heap, Flags, Memory) ? TRUE : BaseFail(ERROR_INVALID_PARAMETER);
}

WINBOOL WINAPI HeapValidate(HANDLE Heap, DWORD Flags, LPCVOID Memory)
{
    return RtlValidateHeap(Heap, Flags, (PVOID)Memory);
}

WINBOOL WINAPI HeapLock(HANDLE Heap)
{
    return RtlLockHeap(Heap);
}

WINBOOL WINAPI HeapUnlock(HANDLE Heap)
{
    return RtlUnlockHeap(Heap);
}

DWORD WINAPI GetProcessHeaps(DWORD Count, PHANDLE Heaps)
{
    return RtlGetProcessHeaps(Count, Heaps);
}

// Every heap already has the properties that can be asked for (a corrupt heap ends the process).
WINBOOL WINAPI HeapSetInformation(HANDLE Heap, HEAP_INFORMATION_CLASS Class, PVOID Information, SIZE_T Length)
{
    UNREFERENCED_PARAMETER(Heap);
    UNREFERENCED_PARAMETER(Information);
    UNREFERENCED_PARAMETER(Length);
    if (Class == HeapEnableTerminationOnCorruption || Class == HeapCompatibilityInformation) {
        return TRUE;
    }
    return BaseFail(ERROR_INVALID_PARAMETER);
}
