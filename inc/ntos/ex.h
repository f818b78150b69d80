// SPDX-License-Identifier: MIT
// Ex: pool, lookaside lists, locks, worker threads, handle tables, probing. Contracts stand at the definitions in ex/.

#ifndef MICA_NTOS_EX_H
#define MICA_NTOS_EX_H

#include "ke.h"

// --- pool
typedef enum _POOL_TYPE {
    NonPagedPool = 0, // never executable here, so that NonPagedPoolNx is the same
    PagedPool = 1,
    NonPagedPoolMustSucceed = 2,
    DontUseThisType = 3,
    NonPagedPoolCacheAligned = 4,
    PagedPoolCacheAligned = 5,
    NonPagedPoolCacheAlignedMustS = 6,
    NonPagedPoolSession = 32,
    PagedPoolSession = 33,
    NonPagedPoolNx = 512,
    NonPagedPoolNxCacheAligned = 516,
    NonPagedPoolSessionNx = 544
} POOL_TYPE;
#define POOL_QUOTA_FAIL_INSTEAD_OF_RAISE 8u
#define POOL_RAISE_IF_ALLOCATION_FAILURE 16u
#define POOL_COLD_ALLOCATION 256u // accepted, means nothing here
typedef enum _EX_POOL_PRIORITY {
    LowPoolPriority = 0,
    LowPoolPrioritySpecialPoolOverrun = 8,
    LowPoolPrioritySpecialPoolUnderrun = 9,
    NormalPoolPriority = 16,
    NormalPoolPrioritySpecialPoolOverrun = 24,
    NormalPoolPrioritySpecialPoolUnderrun = 25,
    HighPoolPriority = 32,
    HighPoolPrioritySpecialPoolOverrun = 40,
    HighPoolPrioritySpecialPoolUnderrun = 41
} EX_POOL_PRIORITY;
PVOID NTAPI ExAllocatePoolWithTag(POOL_TYPE Type, SIZE_T Bytes,
                                  ULONG Tag); // NULL when there is none; 8-byte aligned, page aligned from a page on
PVOID NTAPI ExAllocatePool(POOL_TYPE Type, SIZE_T Bytes);
PVOID NTAPI ExAllocatePoolWithTagPriority(POOL_TYPE Type, SIZE_T Bytes, ULONG Tag, EX_POOL_PRIORITY Priority);
PVOID NTAPI ExAllocatePoolWithQuotaTag(POOL_TYPE Type, SIZE_T Bytes, ULONG Tag); // raises unless told not to
PVOID NTAPI ExAllocatePoolWithQuota(POOL_TYPE Type, SIZE_T Bytes);
VOID NTAPI ExFreePoolWithTag(PVOID Memory, ULONG Tag); // Tag 0: any
VOID NTAPI ExFreePool(PVOID Memory);
PVOID ExAllocatePoolZero(POOL_TYPE Type, SIZE_T Bytes, ULONG Tag);
BOOLEAN ExInitPool(ULONG Phase); // MM_POOL_*, from MmInitSystem(0)
PVOID ExCreateSessionPool(ULONG Tag);
// Fills Entries with per-tag counters (of the session pool alone if Session); returns how many tags there are.
ULONG ExQueryPoolTags(PSYSTEM_POOLTAG Entries, ULONG Capacity);
ULONG ExQuerySessionPoolTags(PSYSTEM_POOLTAG Entries, ULONG Capacity);
VOID ExQueryPoolTotals(PULONG NonPagedAllocs, PULONG NonPagedFrees, PULONG PagedAllocs, PULONG PagedFrees);
SIZE_T ExGetPoolUsage(BOOLEAN Paged); // bytes in use, for leak checks
VOID ExDrainPool(VOID);               // gives back all that waits in lookaside lists and in the pools' own lists

// --- sequenced lists. Entries and header in memory that may be touched at the caller's IRQL.
PSLIST_ENTRY FASTCALL InterlockedPushEntrySList(PSLIST_HEADER Head, PSLIST_ENTRY Entry);
PSLIST_ENTRY FASTCALL InterlockedPopEntrySList(PSLIST_HEADER Head);
PSLIST_ENTRY FASTCALL InterlockedFlushSList(PSLIST_HEADER Head);
PSLIST_ENTRY FASTCALL ExInterlockedPushEntrySList(PSLIST_HEADER Head, PSLIST_ENTRY Entry, PKSPIN_LOCK Lock);
PSLIST_ENTRY FASTCALL ExInterlockedPopEntrySList(PSLIST_HEADER Head, PKSPIN_LOCK Lock);
PSLIST_ENTRY FASTCALL ExInterlockedFlushSList(PSLIST_HEADER Head);
BOOLEAN ExRepairSListFault(PKTRAP_FRAME TrapFrame);
#define ExQueryDepthSList(Head) ((Head)->Depth)
FORCEINLINE VOID ExInitializeSListHead(PSLIST_HEADER Head)
{
    Head->Alignment = 0;
}

// --- interlocked operations under a spin lock of their own, at any IRQL (ex/interlocked.c)
PLIST_ENTRY NTAPI ExInterlockedInsertHeadList(PLIST_ENTRY Head, PLIST_ENTRY Entry, PKSPIN_LOCK Lock);
PLIST_ENTRY NTAPI ExInterlockedInsertTailList(PLIST_ENTRY Head, PLIST_ENTRY Entry, PKSPIN_LOCK Lock);
PLIST_ENTRY NTAPI ExInterlockedRemoveHeadList(PLIST_ENTRY Head, PKSPIN_LOCK Lock);
PSINGLE_LIST_ENTRY NTAPI ExInterlockedPushEntryList(PSINGLE_LIST_ENTRY Head, PSINGLE_LIST_ENTRY Entry,
                                                    PKSPIN_LOCK Lock);
PSINGLE_LIST_ENTRY NTAPI ExInterlockedPopEntryList(PSINGLE_LIST_ENTRY Head, PKSPIN_LOCK Lock);
LARGE_INTEGER NTAPI ExInterlockedAddLargeInteger(PLARGE_INTEGER Addend, LARGE_INTEGER Increment, PKSPIN_LOCK Lock);
ULONG NTAPI ExInterlockedAddUlong(PULONG Addend, ULONG Increment, PKSPIN_LOCK Lock);
VOID FASTCALL ExInterlockedAddLargeStatistic(PLARGE_INTEGER Addend, ULONG Increment);
LONGLONG FASTCALL ExInterlockedCompareExchange64(volatile LONGLONG *Destination, LONGLONG *Exchange,
                                                 LONGLONG *Comparand, PKSPIN_LOCK Lock);

// --- lookaside lists: a stack of freed blocks for each processor
typedef PVOID(NTAPI *PALLOCATE_FUNCTION)(POOL_TYPE Type, SIZE_T Bytes, ULONG Tag);
typedef VOID(NTAPI *PFREE_FUNCTION)(PVOID Memory);
#define EX_LOOKASIDE_PROCESSORS 8 // more of them share
typedef struct _GENERAL_LOOKASIDE {
    SLIST_HEADER ListHead; // processor 0's, and where a driver's inline functions look
    USHORT Depth;          // of each processor's stack
    USHORT MaximumDepth;
    ULONG TotalAllocates; // these counters are statistics: nothing guards them
    ULONG AllocateMisses;
    ULONG TotalFrees;
    ULONG FreeMisses;
    POOL_TYPE Type;
    ULONG Tag;
    ULONG Size;
    PALLOCATE_FUNCTION Allocate;
    PFREE_FUNCTION Free;
    LIST_ENTRY ListEntry;
    ULONG LastTotalAllocates;
    ULONG LastAllocateMisses;
    ULONG Flags; // EX_LOOKASIDE_LIST_EX_FLAGS_*, EX_LOOKASIDE_*
    ULONG Future;
    SLIST_HEADER OtherHeads[EX_LOOKASIDE_PROCESSORS - 1]; // in the WDK: fills up to 128 bytes
} GENERAL_LOOKASIDE, *PGENERAL_LOOKASIDE;
C_ASSERT_SIZE(GENERAL_LOOKASIDE, 128);
#define EX_LOOKASIDE_EX 0x80000000u       // the functions take the list as one parameter more
#define EX_LOOKASIDE_ORDINARY 0x40000000u // the entries come from the pool itself
typedef struct _NPAGED_LOOKASIDE_LIST {
    GENERAL_LOOKASIDE L;
    ULONG Obsolete[16]; // WDK: a lock, aligned
} NPAGED_LOOKASIDE_LIST, *PNPAGED_LOOKASIDE_LIST, PAGED_LOOKASIDE_LIST, *PPAGED_LOOKASIDE_LIST;
VOID ExInitializeLookasideList(PGENERAL_LOOKASIDE List, POOL_TYPE Type, ULONG Size, ULONG Tag, USHORT Depth);
PVOID ExAllocateFromLookasideList(PGENERAL_LOOKASIDE List);
VOID ExFreeToLookasideList(PGENERAL_LOOKASIDE List, PVOID Entry);
VOID ExDeleteLookasideList(PGENERAL_LOOKASIDE List);
VOID NTAPI ExInitializeNPagedLookasideList(PNPAGED_LOOKASIDE_LIST List, PALLOCATE_FUNCTION Allocate,
                                           PFREE_FUNCTION Free, ULONG Flags, SIZE_T Size, ULONG Tag, USHORT Depth);
VOID NTAPI ExDeleteNPagedLookasideList(PNPAGED_LOOKASIDE_LIST List);
VOID NTAPI ExInitializePagedLookasideList(PPAGED_LOOKASIDE_LIST List, PALLOCATE_FUNCTION Allocate, PFREE_FUNCTION Free,
                                          ULONG Flags, SIZE_T Size, ULONG Tag, USHORT Depth);
VOID NTAPI ExDeletePagedLookasideList(PPAGED_LOOKASIDE_LIST List);
// The form of Windows Vista and later. Allocate and Free get the list itself; NULL: the pool.
typedef struct _LOOKASIDE_LIST_EX {
    GENERAL_LOOKASIDE L;
} LOOKASIDE_LIST_EX, *PLOOKASIDE_LIST_EX;
typedef PVOID(NTAPI *PALLOCATE_FUNCTION_EX)(POOL_TYPE Type, SIZE_T Bytes, ULONG Tag, PLOOKASIDE_LIST_EX List);
typedef VOID(NTAPI *PFREE_FUNCTION_EX)(PVOID Memory, PLOOKASIDE_LIST_EX List);
#define EX_LOOKASIDE_LIST_EX_FLAGS_RAISE_ON_FAIL 1u
#define EX_LOOKASIDE_LIST_EX_FLAGS_FAIL_NO_RAISE 2u
NTCHECK ExInitializeLookasideListEx(PLOOKASIDE_LIST_EX List, PALLOCATE_FUNCTION_EX Allocate, PFREE_FUNCTION_EX Free,
                                    POOL_TYPE Type, ULONG Flags, SIZE_T Size, ULONG Tag, USHORT Depth);
PVOID NTAPI ExAllocateFromLookasideListEx(PLOOKASIDE_LIST_EX List);
VOID NTAPI ExFreeToLookasideListEx(PLOOKASIDE_LIST_EX List, PVOID Entry);
VOID NTAPI ExFlushLookasideListEx(PLOOKASIDE_LIST_EX List);
VOID NTAPI ExDeleteLookasideListEx(PLOOKASIDE_LIST_EX List);
ULONG ExQueryLookasides(PSYSTEM_LOOKASIDE_INFORMATION Entries, ULONG Capacity);
ULONG ExQueryBigPool(PSYSTEM_BIGPOOL_ENTRY Entries, ULONG Capacity);

// --- critical regions without a call, for the shortest paths (KeEnterCriticalRegion, KeLeaveCriticalRegion: ke/)
FORCEINLINE VOID ExEnterRegionOf(PKTHREAD CurrentThread)
{
    CurrentThread->KernelApcDisable--;
    __asm__ volatile("" : : : "memory");
}
FORCEINLINE PKTHREAD ExEnterCriticalRegion(VOID)
{
    PKTHREAD Thread = KeGetCurrentThread();

    ExEnterRegionOf(Thread);
    return Thread;
}
FORCEINLINE VOID ExLeaveCriticalRegion(PKTHREAD Thread)
{
    BOOLEAN Zero;

    __asm__ volatile("incw %1" : "=@ccz"(Zero), "+m"(Thread->KernelApcDisable) : : "memory");
    if (Zero && !IsListEmpty(&Thread->ApcState.ApcListHead[KernelMode])) {
        Thread->KernelApcDisable--;
        KeLeaveCriticalRegion(); // looks closer
    }
}

// --- fast mutexes: raise to APC_LEVEL. Guarded mutexes: enter a guarded region instead.
typedef struct _FAST_MUTEX {
    LONG Count; // 1: free
    PKTHREAD Owner;
    ULONG Contention;
    KEVENT Event;
    ULONG OldIrql;
} FAST_MUTEX, *PFAST_MUTEX;
VOID(ExInitializeFastMutex)(PFAST_MUTEX Mutex);
VOID FASTCALL ExAcquireFastMutex(PFAST_MUTEX Mutex);
VOID FASTCALL ExReleaseFastMutex(PFAST_MUTEX Mutex);
BOOLEAN FASTCALL ExTryToAcquireFastMutex(PFAST_MUTEX Mutex);
VOID FASTCALL ExAcquireFastMutexUnsafe(PFAST_MUTEX Mutex);
VOID FASTCALL ExReleaseFastMutexUnsafe(PFAST_MUTEX Mutex);
typedef struct _KGUARDED_MUTEX {
    LONG Count;
    PKTHREAD Owner;
    ULONG Contention;
    KEVENT Gate;
} KGUARDED_MUTEX, *PKGUARDED_MUTEX;
VOID NTAPI(KeInitializeGuardedMutex)(PKGUARDED_MUTEX Mutex);
VOID NTAPI KeAcquireGuardedMutex(PKGUARDED_MUTEX Mutex);
VOID NTAPI KeReleaseGuardedMutex(PKGUARDED_MUTEX Mutex);
BOOLEAN NTAPI KeTryToAcquireGuardedMutex(PKGUARDED_MUTEX Mutex);
VOID NTAPI KeAcquireGuardedMutexUnsafe(PKGUARDED_MUTEX Mutex);
VOID NTAPI KeReleaseGuardedMutexUnsafe(PKGUARDED_MUTEX Mutex);

// --- executive resources: shared/exclusive, recursive; normal kernel APCs must be disabled (KeEnterCriticalRegion)
typedef ULONG_PTR ERESOURCE_THREAD;
typedef struct _OWNER_ENTRY {
    ERESOURCE_THREAD OwnerThread;
    union {
        LONG OwnerCount;
        ULONG TableSize; // of the owner table, in its first entry
    };
} OWNER_ENTRY, *POWNER_ENTRY;
typedef struct _ERESOURCE {
    LIST_ENTRY SystemResourcesList;
    POWNER_ENTRY OwnerTable; // owners that do not fit into OwnerEntry; [0] holds the size
    SHORT ActiveCount;
    USHORT Flag;            // Resource*
    PVOID SharedWaiters;    // opaque: the first of the threads that wait (ex/resource.c)
    PVOID ExclusiveWaiters; // opaque
    OWNER_ENTRY OwnerEntry; // the exclusive owner, or a shared one
    ULONG ActiveEntries;    // threads that own it
    ULONG ContentionCount;
    ULONG NumberOfSharedWaiters;
    ULONG NumberOfExclusiveWaiters;
    union {
        PVOID Address;
        ULONG_PTR CreatorBackTraceIndex;
    };
    KSPIN_LOCK SpinLock;
} ERESOURCE, *PERESOURCE;
C_ASSERT_SIZE(ERESOURCE, 0x38);
#define ResourceNeverExclusive 0x0010
#define ResourceReleaseByOtherThread 0x0020
#define ResourceOwnedExclusive 0x0080
#define ExGetCurrentResourceThread() ((ERESOURCE_THREAD)KeGetCurrentThread())
NTCHECK(ExInitializeResourceLite)(PERESOURCE Resource);
NTCHECK ExReinitializeResourceLite(PERESOURCE Resource);
NTCHECK ExDeleteResourceLite(PERESOURCE Resource);
BOOLEAN NTAPI ExAcquireResourceExclusiveLite(PERESOURCE Resource, BOOLEAN Wait);
BOOLEAN NTAPI ExAcquireResourceSharedLite(PERESOURCE Resource, BOOLEAN Wait);
BOOLEAN NTAPI ExAcquireSharedStarveExclusive(PERESOURCE Resource, BOOLEAN Wait);
BOOLEAN NTAPI ExAcquireSharedWaitForExclusive(PERESOURCE Resource, BOOLEAN Wait);
VOID FASTCALL ExReleaseResourceLite(PERESOURCE Resource);
VOID NTAPI ExReleaseResourceForThreadLite(PERESOURCE Resource, ERESOURCE_THREAD Thread);
VOID NTAPI ExSetResourceOwnerPointer(PERESOURCE Resource, PVOID OwnerPointer);
VOID NTAPI ExConvertExclusiveToSharedLite(PERESOURCE Resource);
BOOLEAN NTAPI ExIsResourceAcquiredExclusiveLite(PERESOURCE Resource);
ULONG NTAPI ExIsResourceAcquiredSharedLite(PERESOURCE Resource);
#define ExIsResourceAcquiredLite ExIsResourceAcquiredSharedLite
ULONG NTAPI ExGetExclusiveWaiterCount(PERESOURCE Resource);
ULONG NTAPI ExGetSharedWaiterCount(PERESOURCE Resource);
VOID NTAPI ExDisableResourceBoostLite(PERESOURCE Resource);
PVOID NTAPI ExEnterCriticalRegionAndAcquireResourceExclusive(PERESOURCE Resource);
PVOID NTAPI ExEnterCriticalRegionAndAcquireResourceShared(PERESOURCE Resource);
VOID FASTCALL ExReleaseResourceAndLeaveCriticalRegion(PERESOURCE Resource);

// --- push locks: pointer-sized shared/exclusive locks, not recursive; take them in a critical region
typedef struct _EX_PUSH_LOCK {
    ULONG_PTR Value;
} EX_PUSH_LOCK, *PEX_PUSH_LOCK;
VOID(ExInitializePushLock)(PEX_PUSH_LOCK Lock);
VOID FASTCALL ExAcquirePushLockExclusive(PEX_PUSH_LOCK Lock);
VOID FASTCALL ExReleasePushLockExclusive(PEX_PUSH_LOCK Lock);
VOID FASTCALL ExAcquirePushLockShared(PEX_PUSH_LOCK Lock);
VOID FASTCALL ExReleasePushLockShared(PEX_PUSH_LOCK Lock);
BOOLEAN FASTCALL ExTryAcquirePushLockExclusive(PEX_PUSH_LOCK Lock);
BOOLEAN FASTCALL ExTryAcquirePushLockShared(PEX_PUSH_LOCK Lock);

// --- run-down protection: references that can be shut off
typedef struct _EX_RUNDOWN_REF {
    volatile ULONG_PTR Count; // bit 0: running down; then a pointer to the waiter
} EX_RUNDOWN_REF, *PEX_RUNDOWN_REF;
VOID FASTCALL ExInitializeRundownProtection(PEX_RUNDOWN_REF Ref);
BOOLEAN FASTCALL ExAcquireRundownProtection(PEX_RUNDOWN_REF Ref); // FALSE: running down
VOID FASTCALL ExReleaseRundownProtection(PEX_RUNDOWN_REF Ref);
BOOLEAN FASTCALL ExAcquireRundownProtectionEx(PEX_RUNDOWN_REF Ref, ULONG Count);
VOID FASTCALL ExReleaseRundownProtectionEx(PEX_RUNDOWN_REF Ref, ULONG Count);
VOID FASTCALL ExReInitializeRundownProtection(PEX_RUNDOWN_REF Ref);
VOID FASTCALL ExRundownCompleted(PEX_RUNDOWN_REF Ref);
VOID FASTCALL ExWaitForRundownProtectionRelease(PEX_RUNDOWN_REF Ref);

// --- worker threads
typedef enum _WORK_QUEUE_TYPE {
    CriticalWorkQueue,
    DelayedWorkQueue,
    HyperCriticalWorkQueue,
    MaximumWorkQueue
} WORK_QUEUE_TYPE;
typedef VOID(NTAPI *PWORKER_THREAD_ROUTINE)(PVOID Parameter);
typedef struct _WORK_QUEUE_ITEM {
    LIST_ENTRY List;
    PWORKER_THREAD_ROUTINE WorkerRoutine;
    PVOID Parameter;
} WORK_QUEUE_ITEM, *PWORK_QUEUE_ITEM;
#define ExInitializeWorkItem(i, r, p) ((i)->WorkerRoutine = (r), (i)->Parameter = (p), (i)->List.Flink = NULL)
VOID NTAPI ExQueueWorkItem(PWORK_QUEUE_ITEM Item, WORK_QUEUE_TYPE Queue); // <= DISPATCH_LEVEL
BOOLEAN ExInitWorkerThreads(VOID);

// --- handle tables (ex/handle.c): sparse tables of 8-byte entries, handle = index * 4. Ob and the client-id table use
// them.
typedef struct _HANDLE_TABLE_ENTRY {
    union {
        PVOID Object; // low bits: lock (1 = unlocked) and attributes, as ex/handle.c says
        ULONG_PTR Value;
    };
    union {
        ULONG GrantedAccess;
        ULONG NextFreeTableEntry;
    };
} HANDLE_TABLE_ENTRY, *PHANDLE_TABLE_ENTRY;
typedef struct _HANDLE_TABLE {
    ULONG_PTR TableCode; // pointer to the top level; low two bits: number of levels - 1
    PEPROCESS QuotaProcess;
    HANDLE UniqueProcessId;
    EX_PUSH_LOCK HandleLock;
    LIST_ENTRY HandleTableList;
    LONG HandleCount;
    ULONG NextHandleNeedingPool;
    ULONG FirstFree;
} HANDLE_TABLE, *PHANDLE_TABLE;
PHANDLE_TABLE ExCreateHandleTable(PEPROCESS Process); // NULL when there is no memory
VOID ExDestroyHandleTable(PHANDLE_TABLE Table);
// Entry.Object must be 8-byte aligned. NULL when full or out of memory. The new entry is unlocked.
HANDLE ExCreateHandle(PHANDLE_TABLE Table, PHANDLE_TABLE_ENTRY Entry);
// Finds and locks an entry; NULL if the handle is not in use. Caller is in a critical region until
// ExUnlockHandleTableEntry.
PHANDLE_TABLE_ENTRY ExMapHandleToPointer(PHANDLE_TABLE Table, HANDLE Handle);
VOID ExUnlockHandleTableEntry(PHANDLE_TABLE Table, PHANDLE_TABLE_ENTRY Entry);
// Frees an entry (locked by the caller, or NULL: looked up). FALSE if the handle is not in use.
BOOLEAN ExDestroyHandle(PHANDLE_TABLE Table, HANDLE Handle, PHANDLE_TABLE_ENTRY Entry);
// Empties an entry for good: the handle is in use no more and never given out again. FALSE if it was not in use.
BOOLEAN ExRetireHandle(PHANDLE_TABLE Table, HANDLE Handle);
// Calls Callback for every entry in use, in order, entry locked; stops when it returns TRUE.
typedef BOOLEAN (*PEX_ENUMERATE_HANDLE_ROUTINE)(PHANDLE_TABLE_ENTRY Entry, HANDLE Handle, PVOID Context);
BOOLEAN ExEnumHandleTable(PHANDLE_TABLE Table, PEX_ENUMERATE_HANDLE_ROUTINE Callback, PVOID Context, PHANDLE Handle);
// A table for Process with the entries of Old that Duplicate accepts (old one locked; fills the new one), at the same
// handles.
typedef BOOLEAN (*PEX_DUPLICATE_HANDLE_ROUTINE)(PHANDLE_TABLE_ENTRY OldEntry, PHANDLE_TABLE_ENTRY NewEntry,
                                                PVOID Context);
PHANDLE_TABLE ExDupHandleTable(PEPROCESS Process, PHANDLE_TABLE Old, PEX_DUPLICATE_HANDLE_ROUTINE Duplicate,
                               PVOID Context);
// Takes the next entry in use after *Cursor (NULL: the first) out of a table nobody else uses; FALSE: there is none.
BOOLEAN ExRemoveNextHandle(PHANDLE_TABLE Table, PHANDLE Cursor, PHANDLE_TABLE_ENTRY Removed);
// The object of a locked or unlocked entry, without the bits.
#define EX_HANDLE_ENTRY_OBJECT(e) ((PVOID)((e)->Value & ~7ul))

VOID ExAllocateLocallyUniqueId(PLUID Luid); // unique since the start; any IRQL

// --- the clock's resolution
ULONG NTAPI ExSetTimerResolution(ULONG Desired, BOOLEAN Set);
VOID ExTimerResolutionRundown(VOID); // the current process ends

// --- executive objects
struct _OBJECT_TYPE;
extern struct _OBJECT_TYPE *ExEventObjectType, *ExSemaphoreObjectType, *ExMutantObjectType, *ExTimerObjectType;
BOOLEAN ExInitObjects(VOID);
VOID ExTimerRundown(VOID); // the current thread ends: its timers lose their APCs

// --- probing user pointers: raise STATUS_ACCESS_VIOLATION or STATUS_DATATYPE_MISALIGNMENT (use inside SEH_TRY)
extern UCHAR MmSplitUserProbe[]; // mm.h
#define MM_PROBE_LIMIT ((ULONG_PTR)MmSplitUserProbe)
DECLSPEC_NORETURN VOID NTAPI ExRaiseAccessViolation(VOID);
DECLSPEC_NORETURN VOID NTAPI ExRaiseDatatypeMisalignment(VOID);
DECLSPEC_NORETURN VOID NTAPI ExRaiseStatus(NTSTATUS Status);
FORCEINLINE VOID ProbeForRead(const volatile VOID *Address, SIZE_T Length, ULONG Alignment)
{
    if (Length == 0)
        return;
    if ((ULONG_PTR)Address & (Alignment - 1))
        ExRaiseDatatypeMisalignment();
    if ((ULONG_PTR)Address + Length < (ULONG_PTR)Address || (ULONG_PTR)Address + Length > MM_PROBE_LIMIT)
        ExRaiseAccessViolation();
}
// Touches every page, so that a read-only one faults here.
VOID NTAPI ProbeForWrite(volatile VOID *Address, SIZE_T Length, ULONG Alignment);
#define ProbeForWriteType(p)                                                                                           \
    ProbeForWrite((p), sizeof(*(p)), _Alignof(__typeof__(*(p))) > 4 ? 4 : _Alignof(__typeof__(*(p))))
#define ProbeForReadType(p)                                                                                            \
    ProbeForRead((p), sizeof(*(p)), _Alignof(__typeof__(*(p))) > 4 ? 4 : _Alignof(__typeof__(*(p))))
// Copies a caller's UNICODE_STRING into paged pool (probing if Mode is UserMode). Buffer NULL for an empty one.
NTCHECK ExCaptureUnicodeString(PUNICODE_STRING Captured, PUNICODE_STRING String, KPROCESSOR_MODE Mode);
VOID ExReleaseCapturedUnicodeString(PUNICODE_STRING Captured, KPROCESSOR_MODE Mode);

// --- the executive's start (ex/init.c)
// Phase 0, on the idle thread, called by ke/startup.c; returns to it. Creates the phase 1 thread.
VOID ExpInitializeExecutive(PLOADER_PARAMETER_BLOCK LoaderBlock);
VOID ExGetBootTime(PLARGE_INTEGER Time);

#endif
