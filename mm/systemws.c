// SPDX-License-Identifier: MIT
// The system's working set: one list for views of the system cache (and other system views), the paged pools and
// pageable code, as in Windows Server 2003. How many pages of it each part has is counted as they come and go. Source:
// SDK, "SetSystemFileCacheSize"; SYSTEM_FILECACHE_INFORMATION as published.

#include "mi.h"

#define MI_LEAST_SYSTEM_MAXIMUM 256u // pages: a set with less would only look for the next page to give up
#define MI_FLUID_PAGES 512u          // of memory, that no minimum may ask for

typedef struct _MI_SYSTEM_PART {
    ULONG Size, Peak; // pages, under the system working set lock
    ULONG FaultCount;
} MI_SYSTEM_PART;
static MI_SYSTEM_PART MiSystemParts[MM_SYSTEM_PARTS];
static ULONG MiPeakWithStandby; // as seen once a second

static MM_SYSTEM_PART MiPartOf(PVOID Va)
{
    if (MiIsPagedCode(Va))
        return MmSystemCodePart;
    return MiIsPoolAddress(Va) ? MmPagedPoolPart : MmSystemCachePart;
}

// A page of system space is valid now. The system working set lock is held.
VOID MiAddToSystemWorkingSet(PVOID Va, PMMPFN Pfn)
{
    MI_SYSTEM_PART *Part = &MiSystemParts[MiPartOf(Va)];

    MiAddToWorkingSet(&MmSystemCacheWs, Va, Pfn);
    Part->Size++;
    Part->Peak = max_of(Part->Peak, Part->Size);
}

// It is about to be valid no more. The system working set lock is held, the PFN lock too or not.
VOID MiRemoveFromSystemWorkingSet(PVOID Va, PMMPFN Pfn)
{
    MiRemoveFromWorkingSet(&MmSystemCacheWs, Va, Pfn);
    MiSystemParts[MiPartOf(Va)].Size--;
}

// A fault at Va was resolved. The system working set lock is held.
VOID MiCountSystemFault(PVOID Va)
{
    MiSystemParts[MiPartOf(Va)].FaultCount++;
    MmSystemCacheWs.PageFaultCount++;
}

// Pages were read from a file or page file for a touch of system space. The PFN lock is held.
VOID MiCountSystemRead(ULONG Pages)
{
    MiStatistics.CacheReads += Pages;
    MiStatistics.CacheReadIos++;
}

// How many pages of a part are in memory. Any IRQL; a look.
ULONG MiSystemPartSize(MM_SYSTEM_PART Part)
{
    return MiSystemParts[Part].Size;
}

static ULONG MiSizeWithStandby(VOID)
{
    KIRQL OldIrql = MiLockPfn();
    ULONG Pages = MmSystemCacheWs.WorkingSetSize + MiCountStandbyPages();

    MiUnlockPfn(OldIrql);
    return Pages;
}

// Once a second: remembers how large set and standby list have been. PASSIVE_LEVEL.
VOID MiNoteSystemCacheSize(VOID)
{
    MiPeakWithStandby = max_of(MiPeakWithStandby, MiSizeWithStandby());
}

static ULONG MiSystemCacheFlags(VOID)
{
    MMSUPPORT_FLAGS Flags = MmSystemCacheWs.Flags;

    return (Flags.MaximumWorkingSetHard ? FILE_CACHE_MAX_HARD_ENABLE : FILE_CACHE_MAX_HARD_DISABLE) |
           (Flags.MinimumWorkingSetHard ? FILE_CACHE_MIN_HARD_ENABLE : FILE_CACHE_MIN_HARD_DISABLE);
}

// Tells the sizes of the system's working set, or of a part of it (the limits are those of the whole). PASSIVE_LEVEL.
// Takes the system working set lock.
VOID MmQuerySystemCache(MM_SYSTEM_PART Part, PSYSTEM_FILECACHE_INFORMATION Information)
{
    ULONG Priority;

    MiNoteSystemCacheSize();
    Information->CurrentSizeIncludingTransitionInPages = MiSizeWithStandby();
    Information->PeakSizeIncludingTransitionInPages =
        max_of(MiPeakWithStandby, Information->CurrentSizeIncludingTransitionInPages);
    Information->TransitionRePurposeCount = 0;
    for (Priority = 0; Priority < MI_PAGE_PRIORITIES; Priority++)
        Information->TransitionRePurposeCount += MiRepurposed[Priority];
    KeAcquireGuardedMutex(&MmSystemWorkingSetLock);
    if (Part < MM_SYSTEM_PARTS) {
        Information->CurrentSize = MiSystemParts[Part].Size << PAGE_SHIFT;
        Information->PeakSize = MiSystemParts[Part].Peak << PAGE_SHIFT;
        Information->PageFaultCount = MiSystemParts[Part].FaultCount;
    } else {
        Information->CurrentSize = MmSystemCacheWs.WorkingSetSize << PAGE_SHIFT;
        Information->PeakSize = MmSystemCacheWs.PeakWorkingSetSize << PAGE_SHIFT;
        Information->PageFaultCount = MmSystemCacheWs.PageFaultCount;
    }
    Information->MinimumWorkingSet = MmSystemCacheWs.MinimumWorkingSetSize << PAGE_SHIFT;
    Information->MaximumWorkingSet = MmSystemCacheWs.MaximumWorkingSetSize << PAGE_SHIFT;
    Information->Flags = MiSystemCacheFlags();
    KeReleaseGuardedMutex(&MmSystemWorkingSetLock);
}

static VOID MiSetSystemLimits(ULONG Minimum, ULONG Maximum, ULONG Flags)
{
    PMMSUPPORT Vm = &MmSystemCacheWs;

    KeAcquireGuardedMutex(&MmSystemWorkingSetLock);
    Vm->MinimumWorkingSetSize = Minimum;
    Vm->MaximumWorkingSetSize = Maximum;
    if (Flags & (FILE_CACHE_MAX_HARD_ENABLE | FILE_CACHE_MAX_HARD_DISABLE))
        Vm->Flags.MaximumWorkingSetHard = (Flags & FILE_CACHE_MAX_HARD_ENABLE) != 0;
    if (Flags & (FILE_CACHE_MIN_HARD_ENABLE | FILE_CACHE_MIN_HARD_DISABLE))
        Vm->Flags.MinimumWorkingSetHard = (Flags & FILE_CACHE_MIN_HARD_ENABLE) != 0;
    Vm->GrowthLimit = Vm->Flags.MaximumWorkingSetHard ? Maximum : MAXULONG;
    if (Vm->WorkingSetSize > Vm->GrowthLimit) {
        MI_TRIM Trim = {.Quota = MAXULONG, .Private = TRUE, .Floor = Maximum};

        MiTrimWorkingSet(Vm, NULL, &Trim);
    }
    KeReleaseGuardedMutex(&MmSystemWorkingSetLock);
}

// Sets the limits of the system's working set (bytes; both (SIZE_T)-1: takes out what can go) and whether they are
// hard (FILE_CACHE_*). The caller's privilege was checked. PASSIVE_LEVEL.
// STATUS_INVALID_PARAMETER: flags that exclude each other. STATUS_BAD_WORKING_SET_LIMIT: limits that do, or a hard
// maximum that the system cannot work with. STATUS_INSUFFICIENT_RESOURCES: so many pages could never be kept.
NTSTATUS NTAPI MmAdjustSystemCacheSize(SIZE_T Minimum, SIZE_T Maximum, ULONG Flags)
{
    static const MI_TRIM Everything = {.Quota = MAXULONG, .Private = TRUE};

    PAGED_CODE();
    if ((Flags & ~(FILE_CACHE_MAX_HARD_ENABLE | FILE_CACHE_MAX_HARD_DISABLE | FILE_CACHE_MIN_HARD_ENABLE |
                   FILE_CACHE_MIN_HARD_DISABLE)) != 0 ||
        (Flags & (FILE_CACHE_MAX_HARD_ENABLE | FILE_CACHE_MAX_HARD_DISABLE)) ==
            (FILE_CACHE_MAX_HARD_ENABLE | FILE_CACHE_MAX_HARD_DISABLE) ||
        (Flags & (FILE_CACHE_MIN_HARD_ENABLE | FILE_CACHE_MIN_HARD_DISABLE)) ==
            (FILE_CACHE_MIN_HARD_ENABLE | FILE_CACHE_MIN_HARD_DISABLE))
        return STATUS_INVALID_PARAMETER;
    if (Minimum == (SIZE_T)-1 && Maximum == (SIZE_T)-1) {
        MiTrimSet(NULL, &Everything, TRUE);
        return STATUS_SUCCESS;
    }
    Minimum >>= PAGE_SHIFT;
    Maximum >>= PAGE_SHIFT;
    if (Minimum == 0 || Minimum >= Maximum || Maximum < MI_LEAST_SYSTEM_MAXIMUM)
        return STATUS_BAD_WORKING_SET_LIMIT;
    if (Minimum + MI_FLUID_PAGES > MmNumberOfPhysicalPages)
        return STATUS_INSUFFICIENT_RESOURCES;
    MiSetSystemLimits((ULONG)Minimum, (ULONG)Maximum, Flags);
    return STATUS_SUCCESS;
}
