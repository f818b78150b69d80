// SPDX-License-Identifier: MIT
// Which physical addresses are RAM. Source: WDK, MmGetPhysicalMemoryRanges, MmAddPhysicalMemory.

#include "mi.h"

ULONG MmNumberOfPhysicalPages;
PFN_NUMBER MmHighestPhysicalPage, MmLowestPhysicalPage;
MI_RAM_RUN MiRamRuns[LOADER_MAX_MEMORY_RUNS];
ULONG MiRamRunCount;

// Is there RAM behind this frame number (and so an entry in the database)? Any IRQL.
BOOLEAN MiIsPhysicalMemory(PFN_NUMBER Page)
{
    ULONG Index;

    for (Index = 0; Index < MiRamRunCount; Index++) {
        if (Page >= MiRamRuns[Index].First && Page <= MiRamRuns[Index].Last)
            return TRUE;
    }
    return FALSE;
}

// The ranges of RAM that is not bad, ascending, neighbours joined, a row of zeros behind them. The caller frees
// it with ExFreePool.
// IRQL <= DISPATCH_LEVEL. NULL when there is no pool.
PPHYSICAL_MEMORY_RANGE NTAPI MmGetPhysicalMemoryRanges(VOID)
{
    PPHYSICAL_MEMORY_RANGE Ranges =
        ExAllocatePoolZero(NonPagedPool, (MiRamRunCount + 1) * sizeof(PHYSICAL_MEMORY_RANGE), TAG_MM);
    ULONG Index, Count = 0;

    if (Ranges == NULL)
        return NULL;
    for (Index = 0; Index < MiRamRunCount; Index++) {
        LONGLONG Base = (LONGLONG)MiRamRuns[Index].First << PAGE_SHIFT;
        LONGLONG Length = (LONGLONG)(MiRamRuns[Index].Last + 1 - MiRamRuns[Index].First) << PAGE_SHIFT;

        if (MiRamRuns[Index].Bad)
            continue;
        if (Count != 0 && Ranges[Count - 1].BaseAddress.QuadPart + Ranges[Count - 1].NumberOfBytes.QuadPart == Base) {
            Ranges[Count - 1].NumberOfBytes.QuadPart += Length;
        } else {
            Ranges[Count].BaseAddress.QuadPart = Base;
            Ranges[Count++].NumberOfBytes.QuadPart = Length;
        }
    }
    return Ranges;
}

// Memory does not come and go while this system runs: the database is mapped for what there was at the start.
NTSTATUS NTAPI MmAddPhysicalMemory(PPHYSICAL_ADDRESS Start, PLARGE_INTEGER Bytes)
{
    UNREFERENCED_PARAMETER(Start);
    UNREFERENCED_PARAMETER(Bytes);
    return STATUS_NOT_SUPPORTED;
}

NTSTATUS NTAPI MmRemovePhysicalMemory(PPHYSICAL_ADDRESS Start, PLARGE_INTEGER Bytes)
{
    UNREFERENCED_PARAMETER(Start);
    UNREFERENCED_PARAMETER(Bytes);
    return STATUS_NOT_SUPPORTED;
}
