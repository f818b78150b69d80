// SPDX-License-Identifier: MIT
// Memory for programs that want to know more: write watch, large pages, physical pages in windows (AWE), and how much
// stack is kept for the handler of an overflow.

#include "k32.h"

// The documented result is 0 for success, not a truth value.
UINT WINAPI GetWriteWatch(DWORD Flags, PVOID Address, SIZE_T Size, PVOID *Addresses, ULONG_PTR *Count,
                          LPDWORD Granularity)
{
    NTSTATUS Status = NtGetWriteWatch(NtCurrentProcess(), Flags, Address, Size, Addresses, Count, Granularity);

    return BaseBool(Status) ? 0 : (UINT)-1;
}

UINT WINAPI ResetWriteWatch(LPVOID Address, SIZE_T Size)
{
    return BaseBool(NtResetWriteWatch(NtCurrentProcess(), Address, Size)) ? 0 : (UINT)-1;
}

SIZE_T WINAPI GetLargePageMinimum(VOID)
{
    return SharedUserData->LargePageMinimum;
}

WINBOOL WINAPI AllocateUserPhysicalPages(HANDLE Process, PULONG_PTR Count, PULONG_PTR Pages)
{
    return BaseBool(NtAllocateUserPhysicalPages(Process, Count, Pages));
}

WINBOOL WINAPI FreeUserPhysicalPages(HANDLE Process, PULONG_PTR Count, PULONG_PTR Pages)
{
    return BaseBool(NtFreeUserPhysicalPages(Process, Count, Pages));
}

WINBOOL WINAPI MapUserPhysicalPages(PVOID Address, ULONG_PTR Count, PULONG_PTR Pages)
{
    return BaseBool(NtMapUserPhysicalPages(Address, Count, Pages));
}

WINBOOL WINAPI MapUserPhysicalPagesScatter(PVOID *Addresses, ULONG_PTR Count, PULONG_PTR Pages)
{
    return BaseBool(NtMapUserPhysicalPagesScatter(Addresses, Count, Pages));
}

// How much of the stack is left to the handler of a stack overflow; 0 only asks. It can grow, not shrink.
WINBOOL WINAPI SetThreadStackGuarantee(PULONG Size)
{
    TEB *Teb = BaseTeb();
    ULONG Old = Teb->GuaranteedStackBytes, New = (ULONG)ROUND_TO_PAGES(*Size);

    if (New < *Size || New >= (ULONG_PTR)Teb->NtTib.StackBase - (ULONG_PTR)Teb->DeallocationStack - 3 * PAGE_SIZE) {
        return BaseFail(ERROR_INVALID_PARAMETER);
    }
    if (New > Old) {
        Teb->GuaranteedStackBytes = New;
    }
    *Size = Old;
    return TRUE;
}
