// SPDX-License-Identifier: MIT
// IsBadReadPtr and its like. Asking the memory manager instead of touching the page leaves guard pages alone.

#include "k32.h"

#define ANY_READ                                                                                                       \
    (PAGE_READONLY | PAGE_READWRITE | PAGE_WRITECOPY | PAGE_EXECUTE_READ | PAGE_EXECUTE_READWRITE |                    \
     PAGE_EXECUTE_WRITECOPY)
#define ANY_WRITE (PAGE_READWRITE | PAGE_WRITECOPY | PAGE_EXECUTE_READWRITE | PAGE_EXECUTE_WRITECOPY)

static BOOL BasepIsBad(LPCVOID Address, UINT_PTR Size, DWORD Wanted)
{
    MEMORY_BASIC_INFORMATION Information;
    ULONG_PTR Next = (ULONG_PTR)Address, End = Next + Size;

    if (Size == 0) {
        return FALSE;
    }
    if (End < Next) {
        return TRUE;
    }
    while (Next < End) {
        if (VirtualQuery((LPCVOID)Next, &Information, sizeof(Information)) == 0 || Information.State != MEM_COMMIT ||
            (Information.Protect & Wanted) == 0 || (Information.Protect & PAGE_GUARD) != 0) {
            return TRUE;
        }
        Next = (ULONG_PTR)Information.BaseAddress + Information.RegionSize;
    }
    return FALSE;
}

WINBOOL WINAPI IsBadReadPtr(const VOID *Address, UINT_PTR Size)
{
    return BasepIsBad(Address, Size, ANY_READ);
}

WINBOOL WINAPI IsBadWritePtr(LPVOID Address, UINT_PTR Size)
{
    return BasepIsBad(Address, Size, ANY_WRITE);
}

WINBOOL WINAPI IsBadCodePtr(FARPROC Address)
{
    return BasepIsBad((LPCVOID)Address, 1, ANY_READ);
}

WINBOOL WINAPI IsBadStringPtrA(LPCSTR Text, UINT_PTR Maximum)
{
    for (UINT_PTR i = 0; i < Maximum; i++) {
        if ((i == 0 || ((ULONG_PTR)(Text + i) & (PAGE_SIZE - 1)) == 0) && BasepIsBad(Text + i, 1, ANY_READ)) {
            return TRUE;
        }
        if (Text[i] == 0) {
            break;
        }
    }
    return FALSE;
}
