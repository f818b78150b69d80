// SPDX-License-Identifier: MIT
// SystemMemoryListInformation: how long the page lists are, and commands that empty them. Source: the Native API as
// published; Windows Internals, "Page List Dynamics", "Page Priority".

#include "mi.h"

#define MI_LOW_PRIORITIES 1u // what MemoryPurgeLowPriorityStandbyList throws away: priority 0

// Answers the class; as long a beginning as the caller has room for. IRQL <= DISPATCH_LEVEL. Takes the PFN lock.
// STATUS_INFO_LENGTH_MISMATCH: shorter than the form of Windows 7.
NTSTATUS MmQueryMemoryList(PVOID Buffer, ULONG Length, PULONG Needed)
{
    SYSTEM_MEMORY_LIST_INFORMATION Information = {.ZeroPageCount = 0};
    ULONG Priority;
    KIRQL OldIrql;

    *Needed = sizeof(Information);
    if (Length < FIELD_OFFSET(SYSTEM_MEMORY_LIST_INFORMATION, ModifiedPageCountPageFile))
        return STATUS_INFO_LENGTH_MISMATCH;
    OldIrql = MiLockPfn();
    Information.ZeroPageCount = MmZeroedPageListHead[MiLowNode].Total + MmZeroedPageListHead[MiHighNode].Total;
    Information.FreePageCount = MmFreePageListHead[MiLowNode].Total + MmFreePageListHead[MiHighNode].Total;
    Information.ModifiedPageCountPageFile = MmModifiedPagefilePageListHead.Total;
    Information.ModifiedPageCount = MmModifiedPageListHead.Total + MmModifiedPagefilePageListHead.Total;
    Information.ModifiedNoWritePageCount = MmModifiedNoWritePageListHead.Total;
    Information.BadPageCount = MmBadPageListHead.Total;
    for (Priority = 0; Priority < MI_PAGE_PRIORITIES; Priority++) {
        Information.PageCountByPriority[Priority] = MmStandbyPageListByPriority[Priority].Total;
        Information.RepurposedPagesByPriority[Priority] = MiRepurposed[Priority];
    }
    MiUnlockPfn(OldIrql);
    *Needed = min_of(Length, sizeof(Information));
    memcpy(Buffer, &Information, *Needed);
    return STATUS_SUCCESS;
}

static VOID MiEmptyWorkingSets(VOID)
{
    static const MI_TRIM Everything = {.Quota = MAXULONG, .Private = TRUE};
    PEPROCESS Process = NULL;

    MiTrimSet(NULL, &Everything, TRUE);
    while ((Process = PsGetNextProcess(Process)) != NULL) {
        if (Process->Vm.VmWorkingSetList != NULL)
            MmEmptyWorkingSet(Process);
    }
}

static VOID MiPurgePriorities(ULONG Count)
{
    ULONG Priority;

    for (Priority = 0; Priority < Count; Priority++) {
        while (MiPurgeStandbyPages(Priority) == MI_PTE_BATCH)
            continue;
    }
}

// Runs a command (SYSTEM_MEMORY_LIST_COMMAND); the caller's privilege was checked. IRQL PASSIVE_LEVEL.
// STATUS_INVALID_PARAMETER: there is no such command.
NTSTATUS NTAPI MmMemoryListCommand(ULONG Command)
{
    switch (Command) {
    case MemoryCaptureAccessedBits:
    case MemoryCaptureAndResetAccessedBits: // a look at every page: that is what sets ages
        MiAgeAllWorkingSets(1);
        return STATUS_SUCCESS;
    case MemoryEmptyWorkingSets:
        MiEmptyWorkingSets();
        return STATUS_SUCCESS;
    case MemoryFlushModifiedList:
        KeSetEvent(&MiModifiedPageWriterEvent, IO_NO_INCREMENT, FALSE);
        MiFlushModifiedPages();
        return STATUS_SUCCESS;
    case MemoryPurgeStandbyList:
        MiPurgePriorities(MI_PAGE_PRIORITIES);
        return STATUS_SUCCESS;
    case MemoryPurgeLowPriorityStandbyList:
        MiPurgePriorities(MI_LOW_PRIORITIES);
        return STATUS_SUCCESS;
    default:
        return STATUS_INVALID_PARAMETER;
    }
}
