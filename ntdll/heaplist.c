// SPDX-License-Identifier: MIT
// The process's heaps: the array that the PEB shows, and the allocator that the shared Rtl code uses.

#include "heap.h"

#define MAXIMUM_HEAPS 256

static RTL_CRITICAL_SECTION RtlpHeapListLock = RTLP_STATIC_CRITICAL_SECTION;
static PVOID RtlpHeapList[MAXIMUM_HEAPS];

// Makes the process heap, with the sizes that the program's headers ask for. Called once, before any allocation.
VOID RtlpInitializeHeapManager(VOID)
{
    PPEB Peb = NtCurrentPeb();
    PIMAGE_NT_HEADERS32 Headers = RtlImageNtHeader(Peb->ImageBaseAddress);
    SIZE_T Reserve = 0, Commit = 0;

    Peb->ProcessHeaps = RtlpHeapList;
    Peb->NumberOfHeaps = 0;
    Peb->MaximumNumberOfHeaps = MAXIMUM_HEAPS;
    if (Headers != NULL) {
        Reserve = Headers->OptionalHeader.SizeOfHeapReserve;
        Commit = Headers->OptionalHeader.SizeOfHeapCommit;
    }
    Peb->ProcessHeap = RtlCreateHeap(HEAP_GROWABLE, NULL, Reserve, Commit, NULL, NULL);
}

BOOLEAN RtlpAddHeap(PVOID Heap)
{
    PPEB Peb = NtCurrentPeb();
    BOOLEAN Added = FALSE;

    RtlEnterCriticalSection(&RtlpHeapListLock);
    if (Peb->NumberOfHeaps < MAXIMUM_HEAPS) {
        RtlpHeapList[Peb->NumberOfHeaps++] = Heap;
        Added = TRUE;
    }
    RtlLeaveCriticalSection(&RtlpHeapListLock);
    return Added;
}

VOID RtlpRemoveHeap(PVOID Heap)
{
    PPEB Peb = NtCurrentPeb();
    ULONG i;

    RtlEnterCriticalSection(&RtlpHeapListLock);
    for (i = 0; i < Peb->NumberOfHeaps && RtlpHeapList[i] != Heap; i++)
        ;
    if (i < Peb->NumberOfHeaps) {
        Peb->NumberOfHeaps--;
        memmove(&RtlpHeapList[i], &RtlpHeapList[i + 1], (Peb->NumberOfHeaps - i) * sizeof(PVOID));
    }
    RtlLeaveCriticalSection(&RtlpHeapListLock);
}

// Returns how many heaps there are; fills Heaps if there is room for all of them.
ULONG NTAPI RtlGetProcessHeaps(ULONG Count, PVOID *Heaps)
{
    PPEB Peb = NtCurrentPeb();
    ULONG Total;

    RtlEnterCriticalSection(&RtlpHeapListLock);
    Total = Peb->NumberOfHeaps;
    if (Total <= Count)
        memcpy(Heaps, RtlpHeapList, Total * sizeof(PVOID));
    RtlLeaveCriticalSection(&RtlpHeapListLock);
    return Total;
}

// Nobody else changes any heap until RtlpUnlockAllHeaps. For who clones the process.
VOID RtlpLockAllHeaps(VOID)
{
    ULONG Index;

    RtlEnterCriticalSection(&RtlpHeapListLock);
    for (Index = 0; Index < NtCurrentPeb()->NumberOfHeaps; Index++)
        RtlpAcquireHeap(RtlpHeapList[Index], 0);
}

// Clone: the locks were taken by the process that this one is a clone of.
VOID RtlpUnlockAllHeaps(BOOLEAN Clone)
{
    ULONG Index;

    for (Index = 0; Index < NtCurrentPeb()->NumberOfHeaps; Index++) {
        PHEAP Heap = RtlpHeapList[Index];

        if (Clone && !(Heap->Flags & HEAP_NO_SERIALIZE))
            RtlUpdateClonedCriticalSection(&Heap->Lock);
        RtlpReleaseHeap(Heap, 0);
    }
    if (Clone)
        RtlUpdateClonedCriticalSection(&RtlpHeapListLock);
    RtlLeaveCriticalSection(&RtlpHeapListLock);
}

// See inc/nt/ntrtl.h.
PVOID NTAPI RtlpAllocateMemory(SIZE_T Bytes, ULONG Tag)
{
    UNREFERENCED_PARAMETER(Tag);
    return RtlpAlloc(Bytes);
}

VOID NTAPI RtlpFreeMemory(PVOID Memory, ULONG Tag)
{
    UNREFERENCED_PARAMETER(Tag);
    RtlpFree(Memory);
}
