// SPDX-License-Identifier: MIT
// What the tests of Mm share: private memory and page-file backed sections in the test's own (the system) process.

#ifndef MICA_TESTS_MMTEST_H
#define MICA_TESTS_MMTEST_H

#include "ktest.h"
#include "mm/mi.h"

FORCEINLINE PUCHAR MtAllocate(SIZE_T Size, ULONG Type, ULONG Protect)
{
    PVOID Base = NULL;

    if (!NT_SUCCESS(ZwAllocateVirtualMemory(NtCurrentProcess(), &Base, 0, &Size, Type, Protect)))
        return NULL;
    return Base;
}

FORCEINLINE NTSTATUS MtFree(PVOID Base)
{
    SIZE_T Size = 0;

    return ZwFreeVirtualMemory(NtCurrentProcess(), &Base, &Size, MEM_RELEASE);
}

FORCEINLINE NTSTATUS MtProtect(PVOID Base, SIZE_T Size, ULONG Protect, PULONG Old)
{
    return ZwProtectVirtualMemory(NtCurrentProcess(), &Base, &Size, Protect, Old);
}

FORCEINLINE NTSTATUS MtQuery(PVOID Base, PMEMORY_BASIC_INFORMATION Information)
{
    return ZwQueryVirtualMemory(NtCurrentProcess(), Base, MemoryBasicInformation, Information, sizeof(*Information),
                                NULL);
}

// A page-file backed section. NULL: it could not be made.
FORCEINLINE HANDLE MtSection(ULONGLONG Bytes, ULONG Protect, ULONG Attributes)
{
    OBJECT_ATTRIBUTES Object;
    LARGE_INTEGER Size = {.QuadPart = (LONGLONG)Bytes};
    HANDLE Section;

    InitializeObjectAttributes(&Object, NULL, OBJ_KERNEL_HANDLE, NULL, NULL);
    if (!NT_SUCCESS(ZwCreateSection(&Section, SECTION_ALL_ACCESS, &Object, &Size, Protect, Attributes, NULL)))
        return NULL;
    return Section;
}

FORCEINLINE PUCHAR MtMap(HANDLE Section, ULONG Protect)
{
    SIZE_T Size = 0;
    PVOID Base = NULL;

    if (!NT_SUCCESS(ZwMapViewOfSection(Section, NtCurrentProcess(), &Base, 0, 0, NULL, &Size, ViewUnmap, 0, Protect)))
        return NULL;
    return Base;
}

FORCEINLINE NTSTATUS MtUnmap(PVOID Base)
{
    return ZwUnmapViewOfSection(NtCurrentProcess(), Base);
}

// What touching an address raises; STATUS_SUCCESS if nothing.
static __attribute__((unused)) NTSTATUS MtRead(volatile UCHAR *Va)
{
    SEH_TRY
    {
        (void)*Va;
    }
    SEH_EXCEPT
    {
        return SEH_CODE();
    }
    SEH_END
    return STATUS_SUCCESS;
}

static __attribute__((unused)) NTSTATUS MtWrite(volatile UCHAR *Va, UCHAR Value)
{
    SEH_TRY
    {
        *Va = Value;
    }
    SEH_EXCEPT
    {
        return SEH_CODE();
    }
    SEH_END
    return STATUS_SUCCESS;
}

// The figures while the zero page thread waits: a page that it clears, perhaps on another processor, is in no list.
static __attribute__((unused)) VOID MtQueryAtRest(PMM_STATISTICS Statistics)
{
    LARGE_INTEGER Tick = {.QuadPart = -1};

    while (IsListEmpty(&MmZeroingPageEvent.Header.WaitListHead))
        IGNORE_STATUS(KeDelayExecutionThread(KernelMode, FALSE, &Tick));
    MmQueryStatistics(Statistics);
}

// Takes every page that can leave out of the test's working set, has it written, and empties the standby list: what is
// touched next comes from the disk.
static __attribute__((unused)) VOID MtPageOut(VOID)
{
    ULONG Round;

    for (Round = 0; Round < 2; Round++)
        MiTrimProcess(PsGetCurrentProcess());
    MiFlushModifiedPages();
    NT_VERIFY(NT_SUCCESS(MmMemoryListCommand(MemoryPurgeStandbyList)));
}

// The same, and then the page tables too, as far as nothing in them is valid.
static __attribute__((unused)) VOID MtPageTablesOut(VOID)
{
    ULONG Round;

    MmEmptyWorkingSet(PsGetCurrentProcess());
    for (Round = 0; Round < 2; Round++) {
        MiFlushModifiedPages();
        NT_VERIFY(NT_SUCCESS(MmMemoryListCommand(MemoryPurgeStandbyList)));
    }
}

// The entry of a page of the test's process; brings its page table in.
static __attribute__((unused)) PMMPTE MtPteOf(PVOID Va)
{
    PEPROCESS Process = PsGetCurrentProcess();

    KeAcquireGuardedMutex(&Process->AddressCreationLock);
    MiLockWorkingSet(Process);
    MiNeedPageTable(Va);
    MiUnlockWorkingSet(Process);
    KeReleaseGuardedMutex(&Process->AddressCreationLock);
    return MiGetPteAddress(Va);
}

#define MT_PAGE(Base, n) ((Base) + (n)*PAGE_SIZE)

#endif
