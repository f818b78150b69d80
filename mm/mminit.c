// SPDX-License-Identifier: MIT
// Mm's start. Phase 0 runs on the boot stack before there are threads: frame database, system PTEs, pools. Phase 1
// makes what needs objects and threads: the section type, Mm's system threads.

#include "mi.h"

#define MI_POOL_SHARE 64           // initial nonpaged pool: 1/64 of memory
#define MI_MINIMUM_INITIAL_POOL 64 // pages
#define MI_MAXIMUM_INITIAL_POOL 4096
// What is never promised as private memory, so that there is room for pages of files, which come and go: a share of
// memory, within limits (pages).
#define MI_FILE_SHARE 8
#define MI_MINIMUM_FILE_PAGES 384
#define MI_MAXIMUM_FILE_PAGES 8192
#define MI_SYSTEM_PTE_PAGES ((MM_SYSTEM_PTE_END + 1 - MM_SYSTEM_PTE_START) >> PAGE_SHIFT)

static ULONG_PTR MiBootVa; // next free address behind the frame database
extern UCHAR KiTextEnd[];

ULONGLONG MmNoExecute, MmGlobal, MmWriteCombine;
PVOID MmHighestUserAddress = MM_HIGHEST_USER_ADDRESS, MmSystemRangeStart = MM_SYSTEM_RANGE_START;
ULONG_PTR MmUserProbeAddress = MM_USER_PROBE_ADDRESS;

// A zeroed, permanent piece of KSEG0 for a bitmap.
static PVOID MiAllocateBoot(ULONG Bytes)
{
    PVOID Memory = (PVOID)MiBootVa;
    ULONG_PTR Last = MiBootVa + Bytes - 1;

    for (; MiBootVa <= Last; MiBootVa += PAGE_SIZE)
        MiBootMapPage(MiBootVa);
    return Memory;
}

static ULONG MiMapInitialPool(ULONG Pages)
{
    ULONG_PTR Va;

    if (Pages >= PTES_PER_PAGE) {
        MiBootVa = ALIGN_UP_BY(MiBootVa, MI_LARGE_PAGE_SIZE);
        Pages = (ULONG)ALIGN_DOWN_BY(Pages, PTES_PER_PAGE);
    }
    for (Va = MiBootVa; Va < MiBootVa + Pages * PAGE_SIZE;) {
        if ((Va & (MI_LARGE_PAGE_SIZE - 1)) == 0 && Pages >= PTES_PER_PAGE && MiBootMapLargePage(Va)) {
            Va += MI_LARGE_PAGE_SIZE;
        } else {
            MiBootMapPage(Va);
            Va += PAGE_SIZE;
        }
    }
    return Pages;
}

// The part of the last text page behind the code holds free memory (linker.ld): it must not be executable, nor must
// what is allocated there be readable under a second address. Replaces the 2 MB page by a page table that ends with the
// code.
static VOID MiTrimTextMapping(VOID)
{
    ULONG_PTR Base = ((ULONG_PTR)KiTextEnd - 1) & ~(ULONG_PTR)(MI_LARGE_PAGE_SIZE - 1);
    PMMPTE Pde = MiGetPdeAddress(Base);
    ULONGLONG Old = Pde->u.Long;
    PFN_NUMBER Table = MiTakeBootPage();
    PMMPTE Entry;
    KIRQL OldIrql;
    ULONG Index;

    Entry = MiMapPage(Table, &OldIrql);
    memset(Entry, 0, PAGE_SIZE);
    for (Index = 0; Index < PTES_PER_PAGE && Base + Index * PAGE_SIZE < (ULONG_PTR)KiTextEnd; Index++)
        Entry[Index].u.Long = (Old & ~MI_LARGE) + Index * PAGE_SIZE;
    MiUnmapPage(Entry, OldIrql);
    MiExchangePte(Pde, MI_TABLE_PTE(Table)); // in one step: this code runs from that page
    KeFlushEntireTb(TRUE, TRUE);
}

// What boot mapped of low memory behind the kernel's data is reached through other mappings from now on.
static VOID MiTrimKseg0(PLOADER_PARAMETER_BLOCK LoaderBlock)
{
    ULONG_PTR Va = ALIGN_UP_BY(MM_KSEG0_BASE + LoaderBlock->KernelPhysicalEnd, MI_LARGE_PAGE_SIZE);

    for (; Va < MM_KSEG0_END; Va += MI_LARGE_PAGE_SIZE)
        MiWriteInvalidPte(MiGetPdeAddress(Va), 0);
    MiTrimTextMapping();
    KeFlushEntireTb(TRUE, TRUE);
}

static VOID MiInitializeFeatures(VOID)
{
    MmNoExecute = (KeFeatureBits & KF_NX) ? MI_NO_EXECUTE : 0;
    MmGlobal = (KeFeatureBits & KF_GLOBAL_PAGE) ? MI_GLOBAL : 0;
    MmWriteCombine = (KeFeatureBits & KF_PAT) ? MI_WRITE_THROUGH : MI_CACHE_DISABLE | MI_WRITE_THROUGH;
    MiBuildProtectionTable();
    MiInitializeExecutePolicy();
    MiInitializeRandomLayout();
    KeInitializeSpinLock(&MmPfnLock);
    KeInitializeEvent(&MmAvailablePagesEvent, NotificationEvent, FALSE);
    KeInitializeEvent(&MmZeroingPageEvent, SynchronizationEvent, FALSE);
    KeInitializeEvent(&MiModifiedPageWriterEvent, SynchronizationEvent, FALSE);
    KeInitializeEvent(&MiPagefileWriterEvent, SynchronizationEvent, FALSE);
    KeInitializeEvent(&MiPagefileWriterDone, NotificationEvent, TRUE);
    KeInitializeEvent(&MiSlotFreed, SynchronizationEvent, FALSE);
    KeInitializeEvent(&MiSegmentThreadEvent, SynchronizationEvent, FALSE);
    KeInitializeEvent(&MiWorkingSetManagerEvent, SynchronizationEvent, FALSE);
    KeInitializeGuardedMutex(&MmSystemWorkingSetLock);
    KeInitializeGuardedMutex(&MiExtendLock);
    ExInitializePushLock(&MmPageFileCreationLock);
}

static BOOLEAN MiInitializePhase0(PLOADER_PARAMETER_BLOCK LoaderBlock)
{
    ULONG PoolPages;
    ULONG_PTR PoolBase;
    PULONG PteBits, PoolBits;

    MiInitializeFeatures();
    MiInitializeBootMemory(LoaderBlock);
    MiFindPhysicalMemory(LoaderBlock);
    MiTrimKseg0(LoaderBlock);
    MiMapPfnDatabase();
    MiBootVa = ALIGN_UP_BY(MI_PFN_ELEMENT(MmHighestPhysicalPage + 1), MI_LARGE_PAGE_SIZE);
    PoolPages = MmNumberOfPhysicalPages / MI_POOL_SHARE;
    PoolPages = max_of(MI_MINIMUM_INITIAL_POOL, min_of(MI_MAXIMUM_INITIAL_POOL, PoolPages));
    PteBits = MiAllocateBoot(MI_SYSTEM_PTE_PAGES / 8);
    PoolBits = MiAllocateBoot(MI_MAXIMUM_INITIAL_POOL / 8);
    PoolPages = MiMapInitialPool(PoolPages);
    PoolBase = MiBootVa;
    MiFillPfnDatabase();
    MiInitializeSystemPageTables();
    MiInitializeSystemPtes(MI_SYSTEM_PTE_PAGES, PteBits);
    MiInitializeNonPagedPool(PoolBase, PoolPages, PoolBits);
    MmTotalCommitLimit = MmAvailablePages -
                         max_of(MI_MINIMUM_FILE_PAGES, min_of(MI_MAXIMUM_FILE_PAGES, MmAvailablePages / MI_FILE_SHARE));
    if (!MmInitSpecialPool() || !ExInitPool(MM_POOL_NONPAGED))
        return FALSE;
    MiInitializePagedPool();
    if (!ExInitPool(MM_POOL_PAGED) || !ExInitPool(MM_POOL_SESSION))
        return FALSE;
    MiInitializeSystemWorkingSet();
    MiInitializeSystemCache();
    MiInitializeSystemViews();
    SharedUserData->NumberOfPhysicalPages = MmNumberOfPhysicalPages;
    return TRUE;
}

static BOOLEAN MiStartThread(PKSTART_ROUTINE Routine, KPRIORITY Priority)
{
    HANDLE Handle;
    PETHREAD Thread;

    if (!NT_SUCCESS(PsCreateSystemThread(&Handle, THREAD_ALL_ACCESS, NULL, NULL, NULL, Routine, NULL)))
        return FALSE;
    if (NT_SUCCESS(ObReferenceObjectByHandle(Handle, 0, PsThreadType, KernelMode, (PVOID *)&Thread, NULL))) {
        KeSetPriorityThread(&Thread->Tcb, Priority);
        ObDereferenceObject(Thread);
    }
    ObCloseHandle(Handle, KernelMode);
    return TRUE;
}

// Phase 0: after KiSystemStartup has set the processor up, interrupts off or IRQL high does not matter; brings both
// pools up. Phase 1: PASSIVE_LEVEL on the first system thread, after ObInitSystem(0) and PsInitSystem(0). FALSE: the
// system can't start.
BOOLEAN MmInitSystem(ULONG Phase, PLOADER_PARAMETER_BLOCK LoaderBlock)
{
    if (Phase == 0)
        return MiInitializePhase0(LoaderBlock);
    if (MmIsLargeAddressSplit() &&
        !NT_SUCCESS(MiReserveUpperAddresses(PsGetCurrentProcess(), IMAGE_FILE_LARGE_ADDRESS_AWARE)))
        return FALSE;
    return MiMakeVadMap(PsGetCurrentProcess()) && MiCreateSectionType() && MiInitializePageablePool() &&
           MiStartThread(MmZeroPageThread, 0) && MiStartThread(MiMappedPageWriter, LOW_REALTIME_PRIORITY + 1) &&
           MiStartThread(MiModifiedPageWriter, LOW_REALTIME_PRIORITY + 1) &&
           MiStartThread(MiSegmentThread, LOW_REALTIME_PRIORITY + 2) &&
           MiStartThread(MiWorkingSetManager, LOW_REALTIME_PRIORITY);
}
