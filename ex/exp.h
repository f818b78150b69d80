// SPDX-License-Identifier: MIT
// What the rooms of ex/ share: pool headers and descriptors, the executive objects' bodies, helpers of the services.

#ifndef MICA_EX_EXP_H
#define MICA_EX_EXP_H

#include "ntos.h"

#define TAG_EX_RESOURCE 0x65526C45     // 'ElRe'
#define TAG_EX_HANDLE_TABLE 0x6274624F // 'Obtb'
#define TAG_EX_STRING 0x72745345       // 'EStr'
#define TAG_EX_QUERY 0x66496E53        // 'SnIf'
#define TAG_NONE 0x656E6F4E            // 'None': of allocations without a tag

// --- pool ------------------------------------------------------------------------------------------------------
// A pool page is a row of blocks without gaps; each begins with a header that knows its own and its left
// neighbour's size, so both neighbours are found in O(1) when a block is freed:
//
//   page+0            +8*BlockSize          ...                                       page+1000h
//   | header | body   | header | body       | header | body ...                       |
//     Previous=0        Previous=size of the first
//
// Sizes count units of 8 bytes. A block that is free keeps its list entry in the first 8 bytes of its body.
// Symptom of a write past a block's end: bugcheck 0x19 (P1 = 20h) when it or its neighbour is freed.
#define POOL_UNIT 8u
#define POOL_UNIT_SHIFT 3
#define POOL_PAGE_UNITS (PAGE_SIZE / POOL_UNIT)
#define POOL_SMALLEST_UNITS 2u                        // header and list entry
#define POOL_LARGEST_BODY (PAGE_SIZE - 2 * POOL_UNIT) // beyond: whole pages
#define POOL_MAX_CACHED_PAGES 8                       // empty pages a descriptor keeps
#define POOL_TYPE_FREE 0
#define POOL_TYPE_CACHED 1    // free, but on a small list: neighbours leave it alone
#define POOL_TYPE_ALLOCATED 4 // | (POOL_TYPE & 1)
#define POOL_TYPE_QUOTA 8     // | the above: the block's last pointer is the quota block it is charged to
#define POOL_SMALL_UNITS 34u  // blocks of fewer units (bodies up to 256 bytes) are cached
#define POOL_SMALL_DEPTH 32   // so many of each size
#define POOL_PROCESSORS 8     // more of them share lists
#define POOL_FILL_ALLOCATED 0xCD
#define POOL_FILL_FREED 0xDD

typedef struct _POOL_HEADER {
    USHORT PreviousSize : 9; // changes with the left neighbour, under the pool's lock
    USHORT PoolIndex : 7;
    USHORT : 0;
    USHORT BlockSize : 9; // the owner's
    USHORT PoolType : 7;
    ULONG PoolTag;
} POOL_HEADER, *PPOOL_HEADER;
C_ASSERT_SIZE(POOL_HEADER, 8);

typedef struct _POOL_DESCRIPTOR {
    BOOLEAN Paged;
    BOOLEAN Ready;
    UCHAR Kind;                            // MM_POOL_*
    KSPIN_LOCK SpinLock;                   // nonpaged pool
    KGUARDED_MUTEX Mutex;                  // paged pool, whose blocks may one day be paged out
    ULONG Summary[POOL_PAGE_UNITS / 32];   // bit n: ListHeads[n] is not empty
    LIST_ENTRY ListHeads[POOL_PAGE_UNITS]; // free blocks of n units
    PVOID CachedPages;                     // empty pages, linked through their first word
    ULONG CachedPageCount;
    // Freed blocks of n units, linked through their bodies; each processor has its own.
    SLIST_HEADER SmallLists[POOL_PROCESSORS][POOL_SMALL_UNITS];
} POOL_DESCRIPTOR, *PPOOL_DESCRIPTOR;

// pool.c
extern POOL_DESCRIPTOR ExpPool[MM_POOLS];
ULONG ExpKindOfType(POOL_TYPE Type);
// poolblock.c
PVOID ExpAllocateBlock(PPOOL_DESCRIPTOR Pool, ULONG Units, ULONG Tag);
ULONG ExpFreeBlock(PPOOL_DESCRIPTOR Pool, PVOID Memory, PULONG Tag, PVOID *QuotaBlock);
ULONG ExpSetBlockQuota(PVOID Memory, PVOID QuotaBlock);
VOID ExpInitializePoolDescriptor(PPOOL_DESCRIPTOR Pool, ULONG Kind);
VOID ExpDrainBlocks(PPOOL_DESCRIPTOR Pool);
// poolspecial.c
extern BOOLEAN ExpSpecialPool; // some tag, or all, go to special pool
extern ULONG ExpSpecialFlags;  // MM_SPECIAL_UNDERRUN or 0
VOID ExpInitSpecialPool(VOID);
BOOLEAN ExpWantsSpecialPool(ULONG Tag);
PVOID ExpAllocateSpecial(ULONG Kind, SIZE_T Bytes, ULONG Tag, ULONG Flags);
VOID ExpFreeSpecial(PVOID Memory, ULONG Tag);
// poolbig.c
BOOLEAN ExpInitBigPages(VOID);
BOOLEAN ExpInsertBigPage(PVOID Memory, ULONG Tag, ULONG Bytes);
ULONG ExpRemoveBigPage(PVOID Memory, PULONG Tag, PVOID *QuotaBlock);
ULONG ExpSetBigPageQuota(PVOID Memory, PVOID QuotaBlock);
// pool.c: what an allocation of Bytes is charged with
ULONG ExpPoolCharge(SIZE_T Bytes);
// lookaside.c
SIZE_T ExpSumLookasides(ULONG Kind);
VOID ExpAdjustLookasides(VOID);
VOID ExpDrainLookasides(VOID);
// pooltag.c
VOID ExpTagAllocated(ULONG Tag, ULONG Kind, ULONG Bytes);
SIZE_T ExpSumTags(ULONG Kind, PULONG Allocs, PULONG Frees);
VOID ExpTagFreed(ULONG Tag, ULONG Kind, ULONG Bytes);

// --- worker threads (work.c) and who keeps their number (balance.c)
extern LONGLONG ExpWorkerIdleTime; // 100 ns, after which a thread beyond the first ones ends
VOID ExpWakeBalanceThread(VOID);
VOID ExpCheckWorkQueues(BOOLEAN Pass);
LONG ExpCountDynamicWorkers(WORK_QUEUE_TYPE Type);
BOOLEAN ExpInitBalanceThread(VOID);

// --- clock resolution (resolution.c)
VOID ExpInitializeResolution(VOID);

// --- push locks (pushlock.c): an uncontended exclusive owner's value
#define PUSH_LOCK_EXCLUSIVE 1u

// --- resources (resource.c): no boost for its owners, in ERESOURCE.Flag
#define RESOURCE_NO_BOOST 0x0008

// --- executive objects --------------------------------------------------------------------------------------------
typedef struct _ETIMER {
    KTIMER KeTimer;
    KAPC TimerApc;
    KDPC TimerDpc;
    LIST_ENTRY ActiveTimerListEntry; // in ETHREAD.ActiveTimerListHead while ApcAssociated
    KSPIN_LOCK Lock;
    LONG Period;
    BOOLEAN ApcAssociated; // the timer is referenced once for it
} ETIMER, *PETIMER;

typedef struct _KEYED_EVENT_OBJECT {
    EX_PUSH_LOCK Lock;
    LIST_ENTRY WaitQueue; // of ETHREAD.KeyedWaitChain
} KEYED_EVENT_OBJECT, *PKEYED_EVENT_OBJECT;

extern struct _OBJECT_TYPE *ExpKeyedEventObjectType;
BOOLEAN ExpInitKeyedEvents(VOID);
VOID NTAPI ExpDeleteTimer(PVOID Object);
VOID NTAPI ExpDeleteMutant(PVOID Object);
BOOLEAN ExpCreateSimpleType(PCWSTR Name, ULONG BodySize, LONG DispatcherOffset, const GENERIC_MAPPING *Mapping,
                            ACCESS_MASK AllAccess, OB_DELETE_METHOD Delete, POBJECT_TYPE *Type);

// --- start-up (phase1.c, init.c)
VOID NTAPI Phase1Initialization(PVOID StartContext);
VOID ExpInitializeTime(VOID);
extern LARGE_INTEGER ExpBootTime;

// --- services (service.c): the few lines that every create, open and query shares
NTSTATUS ExpCreateObject(PHANDLE Handle, ACCESS_MASK DesiredAccess, POBJECT_ATTRIBUTES Attributes, POBJECT_TYPE Type,
                         ULONG BodySize, PVOID *Object);
NTSTATUS ExpInsertObject(PVOID Object, ACCESS_MASK DesiredAccess, PHANDLE Handle);
NTSTATUS ExpOpenObject(PHANDLE Handle, ACCESS_MASK DesiredAccess, POBJECT_ATTRIBUTES Attributes, POBJECT_TYPE Type);
NTSTATUS ExpProbeOutput(PVOID Address, ULONG Bytes);
// Is there room to write Bytes at Address? NULL is fine. STATUS_ACCESS_VIOLATION, STATUS_DATATYPE_MISALIGNMENT.
FORCEINLINE NTSTATUS ExpProbeOptional(PVOID Address, ULONG Bytes, LONG Mode)
{
    return Address == NULL || Mode == KernelMode ? STATUS_SUCCESS : ExpProbeOutput(Address, Bytes);
}
// Writes an optional LONG result to a probed address. A fault is reported but the operation stays done.
FORCEINLINE NTSTATUS ExpReturnLong(PLONG Address, LONG Value, LONG Mode)
{
    if (Address == NULL)
        return STATUS_SUCCESS;
    if (Mode != KernelMode)
        return ExPutUserUlong(Address, (ULONG)Value);
    *Address = Value;
    return STATUS_SUCCESS;
}
NTSTATUS ExpProbeQuery(PVOID Information, ULONG Length, ULONG Expected, PULONG ReturnLength, KPROCESSOR_MODE Mode);
NTSTATUS ExpReturnQuery(PVOID Information, const VOID *Data, ULONG Bytes, PULONG ReturnLength, KPROCESSOR_MODE Mode);

// --- NtQuerySystemInformation (query*.c). Each fills Buffer (kernel memory, zeroed) and says in *Needed how much it
// wanted.
typedef NTSTATUS (*EXP_QUERY_ROUTINE)(PVOID Buffer, ULONG Length, PULONG Needed);
NTSTATUS ExpQueryProcesses(PVOID Buffer, ULONG Length, PULONG Needed);
VOID ExpRelocateProcesses(PVOID Buffer, PVOID Target);
VOID ExpRelocatePageFiles(PVOID Buffer, PVOID Target);
NTSTATUS ExpQueryHandles(PVOID Buffer, ULONG Length, PULONG Needed);
NTSTATUS ExpQueryModules(PVOID Buffer, ULONG Length, PULONG Needed);
NTSTATUS ExpQueryPoolTagInformation(PVOID Buffer, ULONG Length, PULONG Needed);
NTSTATUS ExpQuerySessionPoolTagInformation(PVOID Buffer, ULONG Length, PULONG Needed);
NTSTATUS ExpQueryLookasideInformation(PVOID Buffer, ULONG Length, PULONG Needed);
NTSTATUS ExpQueryBigPoolInformation(PVOID Buffer, ULONG Length, PULONG Needed);
NTSTATUS ExpQueryPerformance(PVOID Buffer, ULONG Length, PULONG Needed);

// The executive's start (ex/init.c, ex/phase1.c).
VOID NTAPI Phase1Initialization(PVOID StartContext);
VOID ExpInitializeTime(VOID);

// Fast and guarded mutexes are one mechanism, with the same fields as far as the event. They differ in how their owner
// keeps APCs away, which is the callers' business (fmutex.c, gmutex.c). Place: the caller's caller, for checked builds.
_Static_assert(__builtin_offsetof(FAST_MUTEX, Event) == __builtin_offsetof(KGUARDED_MUTEX, Gate) &&
                   __builtin_offsetof(FAST_MUTEX, Owner) == __builtin_offsetof(KGUARDED_MUTEX, Owner) &&
                   __builtin_offsetof(FAST_MUTEX, Contention) == __builtin_offsetof(KGUARDED_MUTEX, Contention),
               "one mechanism");
FORCEINLINE VOID ExpInitializeMutex(PFAST_MUTEX Mutex)
{
    Mutex->Count = 1;
    Mutex->Owner = NULL;
    Mutex->Contention = 0;
    KeInitializeEvent(&Mutex->Event, SynchronizationEvent, FALSE);
}

FORCEINLINE VOID ExpTakeMutex(PFAST_MUTEX Mutex, ULONG Kind, KWAIT_REASON Reason, PVOID Place)
{
    PKLOCK_RECORD Record = KeBeginLock(Mutex, Kind, 0, Place);

    if (InterlockedDecrement(&Mutex->Count) != 0) {
        InterlockedIncrement((volatile LONG *)&Mutex->Contention);
        KeWaitsForLock(Record);
        KeWaitForever(&Mutex->Event, Reason);
    }
    Mutex->Owner = KeGetCurrentThread();
    KeOwnLock(Mutex, Record, Kind, 0, Place);
    UNREFERENCED_PARAMETER(Kind);
    UNREFERENCED_PARAMETER(Place);
}

FORCEINLINE BOOLEAN ExpTryMutex(PFAST_MUTEX Mutex, ULONG Kind, PVOID Place)
{
    PKLOCK_RECORD Record = KeBeginLock(Mutex, Kind, LOCK_TRY, Place);

    if (InterlockedCompareExchange(&Mutex->Count, 0, 1) != 1)
        return FALSE;
    Mutex->Owner = KeGetCurrentThread();
    KeOwnLock(Mutex, Record, Kind, LOCK_TRY, Place);
    UNREFERENCED_PARAMETER(Kind);
    UNREFERENCED_PARAMETER(Place);
    return TRUE;
}

FORCEINLINE VOID ExpGiveMutex(PFAST_MUTEX Mutex, ULONG Kind)
{
    KeDisownLock(Mutex, Kind, (ULONG_PTR)Mutex->Owner);
    ASSERT(Mutex->Owner == KeGetCurrentThread());
    Mutex->Owner = NULL;
    if (InterlockedIncrement(&Mutex->Count) <= 0)
        KeSetEvent(&Mutex->Event, EVENT_INCREMENT, FALSE);
    UNREFERENCED_PARAMETER(Kind);
}

#endif
