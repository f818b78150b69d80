// SPDX-License-Identifier: MIT
// Mm: the memory manager as the rest of the executive sees it, and the address-space map (one header for all MM_*
// limits). Contracts stand at the definitions in mm/.

#ifndef MICA_NTOS_MM_H
#define MICA_NTOS_MM_H

#include "ke.h"

// --- the address space (docs/design.md draws it)
// Limits that the boot word /3GB moves are symbols of the linker (linker.ld has their values with 2 GB): code contains
// them as constants, and boot/split.c puts the other values there before anybody reads them.
extern UCHAR MmSplitUserProbe[], MmSplitSystemRange[], MmSplitPfnDatabase[], MmSplitPfnDatabaseEnd[], MmSplitSession[],
    MmSplitSessionPool[], MmSplitSessionPoolEnd[], MmSplitSystemCacheEnd[], MmSplitPagedPool[], MmSplitPagedPoolEnd[],
    MmSplitSystemPte[];
#define MM_LOWEST_USER_ADDRESS ((PVOID)0x00010000)
#define MM_USER_PROBE_ADDRESS ((ULONG_PTR)MmSplitUserProbe) // first address user mode may never name
#define MM_HIGHEST_USER_ADDRESS ((PVOID)(MM_USER_PROBE_ADDRESS - 1))
#define MM_HIGHEST_VAD_ADDRESS ((PVOID)(MM_USER_PROBE_ADDRESS - MM_ALLOCATION_GRANULARITY - 1))
#define MM_HIGHEST_2GB_ADDRESS ((PVOID)0x7FFEFFFF) // of a program that does not know of larger addresses
#define MM_SYSTEM_RANGE_START ((PVOID)MmSplitSystemRange)
#define MM_SESSION_BASE ((ULONG_PTR)MmSplitSession) // session space, system mapped views
#define MM_SESSION_POOL_START ((ULONG_PTR)MmSplitSessionPool)
#define MM_SESSION_POOL_END ((ULONG_PTR)MmSplitSessionPoolEnd - 1)
#define PTE_BASE 0xC0000000u
#define PTE_TOP 0xC07FFFFFu
#define PDE_BASE 0xC0600000u
#define HYPER_SPACE 0xC0800000u
#define HYPER_SPACE_END 0xC0BFFFFFu
#define MM_WORKING_SET_LIST HYPER_SPACE        // the process's own, behind it its entries
#define MM_WORKING_SET_HASH 0xC0B00000u        // and its hash table, once that is large
#define MM_SYSTEM_WORKING_SET_LIST 0xC0C00000u // the system cache's
#define MM_SYSTEM_WORKING_SET_HASH 0xC0F00000u
#define MM_SYSTEM_WORKING_SET_END 0xC0FFFFFFu
#define MM_SYSTEM_CACHE_START 0xC1000000u
#define MM_SYSTEM_CACHE_END ((ULONG_PTR)MmSplitSystemCacheEnd - 1)
#define MM_PAGED_POOL_START ((ULONG_PTR)MmSplitPagedPool)
#define MM_PAGED_POOL_END ((ULONG_PTR)MmSplitPagedPoolEnd - 1)
#define MM_SYSTEM_PTE_START ((ULONG_PTR)MmSplitSystemPte)
#define MM_SYSTEM_PTE_END 0xFAFFFFFFu
#define MM_KSEG0_BASE 0xFB000000u // the kernel image: physical 0 to 16 MB while the start lasts
#define MM_KSEG0_END 0xFBFFFFFFu
#define MM_SPECIAL_POOL_START 0xFC000000u
#define MM_SPECIAL_POOL_END 0xFEFFFFFFu
// The HAL's two page tables (boot made them): FFC00000 Mm's temporary mappings (mm/hyper.c), FFDF0000 shared data,
// FFDFF000 the first PCR, FFE00000 firmware tables during phase 0, FFFE0000 local APIC, I/O APICs, HPET (hal/map.c).
#define MM_HAL_TABLES_START 0xFFE00000u
#define MM_HAL_DEVICES_START 0xFFFE0000u
#define MM_ALLOCATION_GRANULARITY 0x10000u
#define MM_ALLOCATION_FILL_UNUSED 0
#define KERNEL_STACK_SIZE 0x3000u
#define KERNEL_LARGE_STACK_SIZE 0xF000u

// What drivers know of the split.
extern PVOID MmHighestUserAddress, MmSystemRangeStart;
extern ULONG_PTR MmUserProbeAddress;
#define MmIsLargeAddressSplit() ((ULONG_PTR)MM_SYSTEM_RANGE_START > 0x80000000u) // booted with /3GB

typedef ULONG PFN_NUMBER, *PPFN_NUMBER;
typedef LARGE_INTEGER PHYSICAL_ADDRESS, *PPHYSICAL_ADDRESS;
typedef enum _MEMORY_CACHING_TYPE { MmNonCached, MmCached, MmWriteCombined } MEMORY_CACHING_TYPE;
typedef enum _MM_SYSTEMSIZE { MmSmallSystem, MmMediumSystem, MmLargeSystem } MM_SYSTEMSIZE;

// --- what Mm keeps in each process
typedef struct _MM_AVL_TABLE {
    struct _MMVAD *Root;
    struct _MMVAD *Hint; // last one found
    ULONG Count;
} MM_AVL_TABLE, *PMM_AVL_TABLE;

// A working set: what a process (or the system cache) has in memory of what it may touch. mm/miws.h draws the list.
typedef struct _MMSUPPORT_FLAGS {
    ULONG BeingDeleted : 1; // its pages go one after the other: the list is not kept any more
    ULONG BeingTrimmed : 1;
    ULONG MinimumWorkingSetHard : 1; // trimming never goes below the minimum
    ULONG MaximumWorkingSetHard : 1; // a page beyond the maximum takes the place of another
    ULONG MemoryPriority : 8;        // MEMORY_PRIORITY_*
} MMSUPPORT_FLAGS;
#define MEMORY_PRIORITY_BACKGROUND 0
#define MEMORY_PRIORITY_FOREGROUND 2
// Where descriptors lie, a bit for each 64 KB (mm/vadbits.c). From Bias to Hint all bits are set.
typedef struct _MM_VAD_MAP {
    RTL_BITMAP BitMap;
    ULONG Bias, Hint;
} MM_VAD_MAP, *PMM_VAD_MAP;

typedef struct _MMSUPPORT {
    MMSUPPORT_FLAGS Flags;
    ULONG LastTrimStamp; // round of the working set manager that last took from it
    LARGE_INTEGER LastTrimTime;
    ULONG TrimCount; // pages that were taken out, ever
    ULONG PageFaultCount;
    ULONG WorkingSetSize; // pages
    ULONG PeakWorkingSetSize;
    ULONG MinimumWorkingSetSize;
    ULONG MaximumWorkingSetSize;
    ULONG GrowthLimit;               // the maximum if it is hard, else no limit
    struct _MMWSL *VmWorkingSetList; // NULL: none is kept
    ULONG Claim;                     // pages that were not used for a while, as far as was seen
    ULONG WorkingSetListPages;       // of memory that the list has, without page tables
    ULONG NextAgingSlot;             // where the next look at a part of the list begins
} MMSUPPORT, *PMMSUPPORT;

// --- memory descriptor lists (WDK layout)
typedef struct _MDL {
    struct _MDL *Next;
    SHORT Size;
    SHORT MdlFlags;
    struct _EPROCESS *Process;
    PVOID MappedSystemVa;
    PVOID StartVa;
    ULONG ByteCount;
    ULONG ByteOffset;
    // PFN_NUMBERs follow
} MDL, *PMDL;
#define MDL_MAPPED_TO_SYSTEM_VA 0x0001
#define MDL_PAGES_LOCKED 0x0002
#define MDL_SOURCE_IS_NONPAGED_POOL 0x0004
#define MDL_ALLOCATED_FIXED_SIZE 0x0008
#define MDL_PARTIAL 0x0010
#define MDL_PARTIAL_HAS_BEEN_MAPPED 0x0020
#define MDL_IO_PAGE_READ 0x0040
#define MDL_WRITE_OPERATION 0x0080
#define MDL_ALLOCATED_PAGES 0x0100 // MmAllocatePagesForMdl's
#define MDL_IO_SPACE 0x0800
#define MmGetMdlPfnArray(Mdl) ((PPFN_NUMBER)((Mdl) + 1))
#define MmGetMdlByteCount(Mdl) ((Mdl)->ByteCount)
#define MmGetMdlByteOffset(Mdl) ((Mdl)->ByteOffset)
#define MmGetMdlVirtualAddress(Mdl) ((PVOID)((PCHAR)(Mdl)->StartVa + (Mdl)->ByteOffset))
typedef enum _MM_PAGE_PRIORITY { LowPagePriority = 0, NormalPagePriority = 16, HighPagePriority = 32 } MM_PAGE_PRIORITY;
#define MdlMappingNoWrite 0x80000000u
#define MdlMappingNoExecute 0x40000000u
typedef enum _LOCK_OPERATION { IoReadAccess, IoWriteAccess, IoModifyAccess } LOCK_OPERATION;

struct _FILE_OBJECT;
struct _OBJECT_NAME_INFORMATION;
struct _SECTION_OBJECT_POINTERS;

// --- start-up and faults
BOOLEAN MmInitSystem(ULONG Phase,
                     PLOADER_PARAMETER_BLOCK LoaderBlock); // 0: frames, pools, system PTEs; 1: section type, threads
// Resolves a page fault. FaultStatus: the hardware's error code. A status that is not a success becomes an exception
// (or bugcheck 0x50); STATUS_IN_PAGE_ERROR | 0x10000000 means "at raised IRQL": bugcheck 0xA.
NTSTATUS MmAccessFault(ULONG FaultStatus, PVOID Va, KPROCESSOR_MODE Mode, PVOID TrapFrame);
#define MM_FAULT_AT_RAISED_IRQL ((NTSTATUS)(STATUS_IN_PAGE_ERROR | 0x10000000))
BOOLEAN NTAPI MmIsAddressValid(PVOID Va);
PHYSICAL_ADDRESS NTAPI MmGetPhysicalAddress(PVOID Va);

// A large memcpy, of buffers that may have to be faulted in. IRQL <= APC_LEVEL.
VOID MmCopyBuffer(PVOID To, const VOID *From, SIZE_T Length);
BOOLEAN MmIsBlockCopy(PULONG Eip); // for the page-fault trap: MmCopyBuffer touched a page that is not there

// --- pool pages for ex/pool.c: whole pages. NULL when there is none.
#define MM_POOL_NONPAGED 0u
#define MM_POOL_PAGED 1u
#define MM_POOL_SESSION 2u // paged, of the session
#define MM_POOLS 3u
PVOID MmAllocatePoolPages(ULONG Pool, SIZE_T Bytes); // <= DISPATCH_LEVEL (paged and session: <= APC_LEVEL)
ULONG MmFreePoolPages(PVOID Va);                     // returns the number of pages
ULONG MmPoolOfAddress(PVOID Va);                     // MM_POOL_*; what is not in another one is nonpaged
BOOLEAN MmIsPagedPoolAddress(PVOID Va);
ULONG MmGetPoolAllocationPages(PVOID Va);                               // pages of the allocation that starts at Va
BOOLEAN MmResourcesAvailable(ULONG Pool, SIZE_T Bytes, ULONG Priority); // EX_POOL_PRIORITY
VOID MmQueryPoolLimits(ULONG Pool, PULONG Pages, PULONG Peak, PULONG Limit); // of pages
// Bugcheck codes that mingw-w64's bugcodes.h lacks (WDK, "Bug Check Code Reference").
#define SESSION_HAS_VALID_POOL_ON_EXIT 0xABul
#define PAGE_FAULT_IN_FREED_SPECIAL_POOL 0xCCul
#define PAGE_FAULT_BEYOND_END_OF_ALLOCATION 0xCDul
#define DRIVER_UNMAPPING_INVALID_VIEW 0xD7ul
#define DRIVER_PAGE_FAULT_IN_FREED_SPECIAL_POOL 0xD5ul
#define DRIVER_PAGE_FAULT_BEYOND_END_OF_ALLOCATION 0xD6ul
// --- special pool (mm/special.c): each allocation ends (or begins) at a page that nobody may touch
#define MM_SPECIAL_UNDERRUN 1u // its beginning is at the page's, so that what lies before it faults
BOOLEAN MmInitSpecialPool(VOID);
PVOID MmAllocateSpecialPool(ULONG Pool, SIZE_T Bytes, ULONG Tag, ULONG Flags); // NULL: full, take ordinary pool
// Returns the tag; what is wrong with the address, the tag or the memory around it is a bugcheck.
ULONG MmFreeSpecialPool(PVOID Va, ULONG Tag, PULONG Pool, PULONG Bytes, PVOID *QuotaBlock);
VOID MmSetSpecialPoolQuota(PVOID Va, PVOID QuotaBlock);
#define MmIsSpecialPoolAddress(Va) ((ULONG_PTR)(Va) >= MM_SPECIAL_POOL_START && (ULONG_PTR)(Va) <= MM_SPECIAL_POOL_END)

// --- system PTEs, physical and I/O memory
PVOID NTAPI MmMapIoSpace(PHYSICAL_ADDRESS Physical, SIZE_T Bytes, MEMORY_CACHING_TYPE Cache);
VOID NTAPI MmUnmapIoSpace(PVOID Va, SIZE_T Bytes);
PVOID NTAPI MmAllocateContiguousMemory(SIZE_T Bytes, PHYSICAL_ADDRESS Highest);
PVOID NTAPI MmAllocateContiguousMemorySpecifyCache(SIZE_T Bytes, PHYSICAL_ADDRESS Lowest, PHYSICAL_ADDRESS Highest,
                                                   PHYSICAL_ADDRESS Boundary, MEMORY_CACHING_TYPE Cache);
VOID NTAPI MmFreeContiguousMemory(PVOID Va);
VOID NTAPI MmFreeContiguousMemorySpecifyCache(PVOID Va, SIZE_T Bytes, MEMORY_CACHING_TYPE Cache);
PVOID NTAPI MmAllocateNonCachedMemory(SIZE_T Bytes);
VOID NTAPI MmFreeNonCachedMemory(PVOID Va, SIZE_T Bytes);
typedef struct _PHYSICAL_MEMORY_RANGE {
    PHYSICAL_ADDRESS BaseAddress;
    LARGE_INTEGER NumberOfBytes;
} PHYSICAL_MEMORY_RANGE, *PPHYSICAL_MEMORY_RANGE;
PPHYSICAL_MEMORY_RANGE NTAPI MmGetPhysicalMemoryRanges(VOID); // ends with zeros; the caller frees it. NULL: no pool
NTSTATUS NTAPI MmAddPhysicalMemory(PPHYSICAL_ADDRESS Start, PLARGE_INTEGER Bytes);
NTSTATUS NTAPI MmRemovePhysicalMemory(PPHYSICAL_ADDRESS Start, PLARGE_INTEGER Bytes);
VOID MmFreeInitSections(VOID);                  // the discardable part of the kernel image
PVOID NTAPI MmCreateKernelStack(BOOLEAN Large); // highest address; a no-access page lies below. NULL when there is none
VOID NTAPI MmDeleteKernelStack(PVOID StackBase, BOOLEAN Large);

// --- MDLs
SIZE_T NTAPI MmSizeOfMdl(PVOID Base, SIZE_T Length);
VOID MmInitializeMdl(PMDL Mdl, PVOID Base, SIZE_T Length);
VOID NTAPI MmBuildMdlForNonPagedPool(PMDL Mdl);
VOID NTAPI MmProbeAndLockPages(PMDL Mdl, KPROCESSOR_MODE Mode, LOCK_OPERATION Operation); // raises a status
VOID NTAPI MmUnlockPages(PMDL Mdl);
PVOID NTAPI MmMapLockedPagesSpecifyCache(PMDL Mdl, KPROCESSOR_MODE Mode, MEMORY_CACHING_TYPE Cache, PVOID Base,
                                         ULONG BugCheck, ULONG Priority);
VOID NTAPI MmUnmapLockedPages(PVOID Base, PMDL Mdl);
PVOID NTAPI MmMapLockedPages(PMDL Mdl, KPROCESSOR_MODE Mode); // bugcheck or exception where the other returns NULL
NTSTATUS NTAPI MmProtectMdlSystemAddress(PMDL Mdl, ULONG Protect);
#define MM_DONT_ZERO_ALLOCATION 0x01u
#define MM_ALLOCATE_FROM_LOCAL_NODE_ONLY 0x02u
#define MM_ALLOCATE_FULLY_REQUIRED 0x04u
#define MM_ALLOCATE_NO_WAIT 0x08u
#define MM_ALLOCATE_REQUIRE_CONTIGUOUS_CHUNKS 0x20u
PMDL NTAPI MmAllocatePagesForMdl(PHYSICAL_ADDRESS Low, PHYSICAL_ADDRESS High, PHYSICAL_ADDRESS Skip, SIZE_T Bytes);
PMDL NTAPI MmAllocatePagesForMdlEx(PHYSICAL_ADDRESS Low, PHYSICAL_ADDRESS High, PHYSICAL_ADDRESS Skip, SIZE_T Bytes,
                                   MEMORY_CACHING_TYPE Cache, ULONG Flags);
VOID NTAPI MmFreePagesFromMdl(PMDL Mdl);
// The MDL's buffer in system space; NULL when there are no system PTEs left.
PVOID MmGetSystemAddressForMdl(PMDL Mdl);

ULONG MmRandomNumber(VOID); // mm/aslr.c

// --- processes. The system process's space is set up by phase 0.
// For the idle and the system process: takes over the page tables in use since boot and initializes Mm's part of
// EPROCESS.
VOID MmInitializeHandBuiltProcess(PEPROCESS Process); // sets Process->Pcb.DirectoryTableBase
// Makes page tables for a new process; sets Process->Pcb.DirectoryTableBase.
NTCHECK MmCreateProcessAddressSpace(PEPROCESS Process);
// Maps the image section into the (attached-to) new process; gives its base and size.
NTCHECK MmInitializeProcessAddressSpace(PEPROCESS Process, PVOID ImageSection, PVOID *ImageBase);
VOID MmCleanProcessAddressSpace(PEPROCESS Process);  // last thread is gone: release every VAD (attached)
VOID MmDeleteProcessAddressSpace(PEPROCESS Process); // last reference is gone: release page tables
NTCHECK MmCloneProcessAddressSpace(PEPROCESS Parent, PEPROCESS Child);
NTCHECK MmCreatePeb(PEPROCESS Process, PPEB *Peb); // attached; zeroed page near the top
NTCHECK MmCreateTeb(PEPROCESS Process, PTEB *Teb); // attached; zeroed
VOID MmDeleteTeb(PEPROCESS Process, PTEB Teb);     // attached
VOID MmQueryProcessVm(PEPROCESS Process, PVM_COUNTERS Counters);

// --- working sets
VOID MmBalanceWorkingSets(VOID); // once a second
BOOLEAN MmIsOutSwapWanted(VOID);
VOID MmOutPageKernelStack(PKTHREAD Thread); // for ke/swap.c
VOID MmInPageKernelStack(PKTHREAD Thread);
VOID MmOutSwapProcess(PEPROCESS Process);
VOID MmEmptyWorkingSet(PEPROCESS Process);
NTCHECK MmAdjustWorkingSetSize(PEPROCESS Process, SIZE_T Minimum, SIZE_T Maximum, ULONG Flags); // pages
VOID MmQueryWorkingSetLimits(PEPROCESS Process, PSIZE_T Minimum, PSIZE_T Maximum, PULONG Flags);
// What the current process may run (ProcessExecuteFlags, MEM_EXECUTE_OPTION_*).
NTCHECK MmSetExecuteOptions(ULONG Options);
ULONG NTAPI MmGetExecuteOptions(PEPROCESS Process);

// --- sections
extern struct _OBJECT_TYPE *MmSectionObjectType;
// Either FileHandle or File (referenced by the caller) or neither (page-file backed).
NTCHECK MmCreateSection(PVOID *Section, ACCESS_MASK DesiredAccess, POBJECT_ATTRIBUTES ObjectAttributes,
                        PLARGE_INTEGER MaximumSize, ULONG PageProtection, ULONG AllocationAttributes, HANDLE FileHandle,
                        struct _FILE_OBJECT *File);
NTCHECK MmMapViewOfSection(PVOID Section, PEPROCESS Process, PVOID *BaseAddress, ULONG_PTR ZeroBits, SIZE_T CommitSize,
                           PLARGE_INTEGER SectionOffset, PSIZE_T ViewSize, SECTION_INHERIT Inherit,
                           ULONG AllocationType, ULONG Protect);
NTCHECK MmUnmapViewOfSection(PEPROCESS Process, PVOID BaseAddress);
NTCHECK MmMapViewInSystemSpace(PVOID Section, PVOID *MappedBase, PSIZE_T ViewSize);
NTCHECK MmUnmapViewInSystemSpace(PVOID MappedBase);
// --- sessions (mm/session.c). The current process makes one, or leaves its.
NTCHECK MmSessionCreate(PULONG SessionId);
NTCHECK MmSessionDetach(ULONG SessionId);
VOID MmInheritSession(PEPROCESS Process, PEPROCESS Parent);
VOID MmLeaveSession(PEPROCESS Process);
ULONG MmGetCurrentSessionId(VOID);
PVOID MmGetSessionPool(VOID);
VOID MmCountSessionPool(LONG Bytes);
NTCHECK MmMapViewInSessionSpace(PVOID Section, PVOID *MappedBase, PSIZE_T ViewSize);
NTCHECK MmUnmapViewInSessionSpace(PVOID MappedBase);
VOID MmGetImageInformation(PVOID Section, PSECTION_IMAGE_INFORMATION Information);
PVOID MmGetFileObjectForSection(PVOID Section); // referenced FILE_OBJECT or NULL
// The file name behind a user address of the current process's mapped view; Length in bytes.
NTCHECK MmGetFileNameForAddress(PVOID Va, struct _OBJECT_NAME_INFORMATION *Name, ULONG Length, PULONG Returned);

// --- for cc/ and file systems. A file's data section is found through FILE_OBJECT.SectionObjectPointer.
#define MM_CACHE_VIEW_SIZE 0x40000u // 256 KB
// Makes (or references) the data segment of a file for the cache; FileSize grows it. Paging reads come back through
// IoPageRead.
NTCHECK MmCreateCacheSection(struct _FILE_OBJECT *File, PLARGE_INTEGER FileSize, PVOID *Section);
NTCHECK MmExtendCacheSection(PVOID Section, PLARGE_INTEGER NewSize);
NTCHECK MmMapViewInSystemCache(PVOID Section, ULONGLONG Offset,
                               PVOID *Va); // MM_CACHE_VIEW_SIZE bytes, offset a multiple of it
NTCHECK MmMapViewsInSystemCache(PVOID Section, ULONGLONG Offset, ULONG Count, PVOID *Va); // side by side
VOID MmUnmapViewInSystemCache(PVOID Va);
BOOLEAN MmIsCachePageResident(PVOID Section, ULONGLONG Offset);
ULONG MmGetPageReadCount(VOID);
VOID MmSetSectionPolicy(struct _SECTION_OBJECT_POINTERS *Pointers, BOOLEAN NoCluster, BOOLEAN NoWrite);
// Writes the modified pages of a range of a file's data section through IoSynchronousPageWrite. Offset NULL: all of it.
NTCHECK MmFlushSection(struct _SECTION_OBJECT_POINTERS *Pointers, PLARGE_INTEGER Offset, ULONG Length,
                       PIO_STATUS_BLOCK IoStatus);
// Drops the cached pages from Offset on (NULL: all). FALSE if a user view or an image keeps some.
BOOLEAN MmPurgeSection(struct _SECTION_OBJECT_POINTERS *Pointers, PLARGE_INTEGER Offset, ULONG Length);
typedef enum _MMFLUSH_TYPE { MmFlushForDelete, MmFlushForWrite } MMFLUSH_TYPE;
BOOLEAN NTAPI MmFlushImageSection(struct _SECTION_OBJECT_POINTERS *Pointers,
                                  MMFLUSH_TYPE Type); // FALSE: in use as an image
BOOLEAN NTAPI MmCanFileBeTruncated(struct _SECTION_OBJECT_POINTERS *Pointers,
                                   PLARGE_INTEGER NewSize); // FALSE: a user view is in the way

// --- counters
typedef struct _MM_STATISTICS {
    ULONG PhysicalPages, AvailablePages, ZeroedPages, FreePages, StandbyPages, ModifiedPages;
    ULONG CommittedPages, CommitLimit, PeakCommitment;
    ULONG PageFaults, CopyOnWriteFaults, DemandZeroFaults, TransitionFaults, PageReads, PageReadIos, MappedPagesWritten;
    ULONG PagesWritten, PageWriteIos; // to page files
    ULONG PagedPoolPages, NonPagedPoolPages, FreeSystemPtes;
    ULONG StacksSwappedOut, StacksSwappedIn;
    ULONG SystemCodePages, InitPagesFreed;
} MM_STATISTICS, *PMM_STATISTICS;
VOID MmQueryStatistics(PMM_STATISTICS Statistics);
NTSTATUS MmQueryMemoryList(PVOID Buffer, ULONG Length, PULONG Needed);
NTCHECK MmMemoryListCommand(ULONG Command);
BOOLEAN MmCheckPageFiles(PULONG Used);
NTSTATUS MmQueryPageFiles(PVOID Buffer, ULONG Length, PULONG Needed); // SystemPageFileInformation
extern ULONG MmNumberOfPhysicalPages;
extern PFN_NUMBER MmHighestPhysicalPage, MmLowestPhysicalPage;

#endif
