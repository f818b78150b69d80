// SPDX-License-Identifier: MIT
// Ps: processes and threads. Contracts stand at the definitions in ps/.

#ifndef MICA_NTOS_PS_H
#define MICA_NTOS_PS_H

#include "mm.h"
#include "ob.h"

typedef struct _EX_FAST_REF_TOKEN {
    PACCESS_TOKEN Object;
} EX_FAST_REF_TOKEN;

struct _EPROCESS {
    KPROCESS Pcb;
    EX_PUSH_LOCK ProcessLock;
    LARGE_INTEGER CreateTime;
    LARGE_INTEGER ExitTime;
    EX_RUNDOWN_REF RundownProtect; // held while somebody prepares a thread in the address space
    HANDLE UniqueProcessId;
    LIST_ENTRY ActiveProcessLinks; // PsActiveProcessHead
    PHANDLE_TABLE ObjectTable;
    PACCESS_TOKEN Token;
    PVOID SectionObject;
    PVOID SectionBaseAddress;
    PPEB Peb;
    HANDLE InheritedFromUniqueProcessId;
    CHAR ImageFileName[16];
    LIST_ENTRY ThreadListHead; // of ETHREAD.ThreadListEntry
    ULONG ActiveThreads;
    NTSTATUS ExitStatus;
    ULONG DefaultHardErrorProcessing;
    volatile LONG Flags; // PS_PROCESS_FLAGS_*, changed by PsSetFlags
    UCHAR PriorityClass;
    UCHAR PagePriority; // what new threads begin with
    BOOLEAN Foreground; // its threads have the longer quantum (PsPrioritySeparation)
    ULONG SessionId;
    NTSTATUS LastThreadExitStatus;
    PVOID Win32Process;
    IO_COUNTERS IoCounters;
    struct _EPROCESS_QUOTA_BLOCK *QuotaBlock; // NULL: charged with nothing (the idle and the system process)
    ULONG TimerResolution;                    // asked for, in 100 ns; 0: nothing (ex/resolution.c)
    LIST_ENTRY TimerResolutionLink;
    // Mm's
    MM_AVL_TABLE VadRoot;
    MM_VAD_MAP VadMap;
    KGUARDED_MUTEX AddressCreationLock; // VADs, protections: who holds it may change the address space
    KGUARDED_MUTEX WorkingSetLock;      // PTEs of the user part
    MMSUPPORT Vm;
    SIZE_T VirtualSize;
    SIZE_T PeakVirtualSize;
    SIZE_T CommitCharge; // pages
    SIZE_T CommitChargePeak;
    ULONG NumberOfPrivatePages;
    ULONG NumberOfWatchedRanges;  // descriptors with write watch
    PFN_NUMBER UserPhysicalPages; // first of the AWE pages that it owns (mm/awe.c), MAXULONG: none
    ULONG NumberOfUserPhysicalPages;
    volatile LONG NumberOfLockedPages; // of its memory, by MmProbeAndLockPages
    PVOID HighestUserAddress;
    MM_AVL_TABLE CloneRoot;            // clone blocks that its entries name (mm/miclone.h), by their addresses
    ULONG DeadClones;                  // of them, those that no entry names any more
    UCHAR ExecuteOptions;              // MEM_EXECUTE_OPTION_*
    struct _MM_SESSION_SPACE *Session; // NULL: session 0
    PFN_NUMBER PageDirectoryPages[4];
    PVOID PaePointerTable;     // virtual address of the PDPT
    LIST_ENTRY MmProcessLinks; // every address space, so that new system page tables reach all of them
};
#define PS_PROCESS_FLAGS_DELETE 0x01  // exiting
#define PS_PROCESS_FLAGS_CREATED 0x02 // has had a thread
#define PS_PROCESS_FLAGS_VM_DELETED 0x04
#define PS_PROCESS_FLAGS_SYSTEM 0x08
#define PS_PROCESS_FLAGS_BREAK_ON_TERMINATION 0x10 // its end is the system's

struct _ETHREAD {
    KTHREAD Tcb;
    LARGE_INTEGER CreateTime;
    LARGE_INTEGER ExitTime;
    NTSTATUS ExitStatus;
    CLIENT_ID Cid;
    PEPROCESS ThreadsProcess;
    LIST_ENTRY ThreadListEntry;
    PKSTART_ROUTINE StartAddress;
    PVOID Win32StartAddress;
    LIST_ENTRY IrpList; // of IRP.ThreadListEntry; only the thread itself touches it, at APC_LEVEL
    KSPIN_LOCK ActiveTimerListLock;
    LIST_ENTRY ActiveTimerListHead;
    KSEMAPHORE KeyedWaitSemaphore;
    LIST_ENTRY KeyedWaitChain;
    PVOID KeyedWaitValue;
    volatile LONG Flags; // PS_THREAD_FLAGS_*, changed by PsSetFlags
    BOOLEAN DeadThread;
    BOOLEAN ReadClusterInProgress;
    BOOLEAN ActiveFaulting; // in MmAccessFault's file I/O
    UCHAR PagePriority;     // of the pages that it brings in, 0 to 7 (PAGE_PRIORITY_*)
};
// Bits change while other processors change their neighbours: only by an interlocked operation. Returns the old ones.
#define PsSetFlags(Object, Bits) InterlockedOr(&(Object)->Flags, (LONG)(Bits))

#define PS_THREAD_FLAGS_TERMINATED 0x01
#define PS_THREAD_FLAGS_SYSTEM 0x02
#define PS_THREAD_FLAGS_HIDE_FROM_DEBUGGER 0x04
#define PS_THREAD_FLAGS_TERMINATING 0x08 // somebody has told it to end: no suspension holds it any more
#define PS_THREAD_FLAGS_VISIBLE 0x10     // complete: may be found by its id

#define PsGetCurrentThread() ((PETHREAD)KeGetCurrentThread())
#define PsGetCurrentProcess() ((PEPROCESS)KeGetCurrentThread()->ApcState.Process)
#define IS_SYSTEM_THREAD(t) (((t)->Flags & PS_THREAD_FLAGS_SYSTEM) != 0)

extern POBJECT_TYPE PsProcessType, PsThreadType;
extern PEPROCESS PsInitialSystemProcess, PsIdleProcess;
extern LIST_ENTRY PsActiveProcessHead; // under PsActiveProcessMutex
extern KGUARDED_MUTEX PsActiveProcessMutex;
extern ULONG PsPrioritySeparation;        // 0-2: how much longer the foreground's quantum is
extern IO_COUNTERS PsDeadIoCounters;      // of processes that are gone, under PsActiveProcessMutex
extern PVOID PsNtDllBase, PsNtDllSection; // the ntdll every process maps

BOOLEAN
PsInitSystem(ULONG Phase); // 0: types, idle and system process, phase-1 thread; 1: ntdll is mapped, entry points found
NTCHECK PsCreateSystemThread(PHANDLE Handle, ACCESS_MASK DesiredAccess, POBJECT_ATTRIBUTES Attributes, HANDLE Process,
                             PCLIENT_ID ClientId, PKSTART_ROUTINE StartRoutine, PVOID StartContext);
NTSTATUS NTAPI PsTerminateSystemThread(NTSTATUS ExitStatus);
NTCHECK PsLookupProcessByProcessId(HANDLE ProcessId, PEPROCESS *Process); // referenced
NTCHECK PsLookupThreadByThreadId(HANDLE ThreadId, PETHREAD *Thread);      // referenced
NTCHECK PsLookupProcessThreadByCid(PCLIENT_ID Cid, PEPROCESS *Process, PETHREAD *Thread);
VOID PspExitThread(NTSTATUS ExitStatus);
// A user thread has no handler for this exception: prints a line and terminates the process with its code (ke/ calls
// it).
VOID PsUnhandledUserException(PEXCEPTION_RECORD Record, PKTRAP_FRAME TrapFrame);
// --- pool quota (ps/quota.c). Who is charged is referenced until it is given back, even if the process ends before.
typedef struct _EPROCESS_QUOTA_BLOCK {
    volatile LONG ReferenceCount;
    volatile LONG Usage[2]; // bytes, by POOL_TYPE
    LONG Limit[2];
    volatile LONG Peak[2];
} EPROCESS_QUOTA_BLOCK, *PEPROCESS_QUOTA_BLOCK;
VOID NTAPI PsChargePoolQuota(PEPROCESS Process, POOL_TYPE Type, SIZE_T Bytes); // raises STATUS_QUOTA_EXCEEDED
NTCHECK PsChargeProcessPoolQuota(PEPROCESS Process, POOL_TYPE Type, SIZE_T Bytes);
VOID NTAPI PsReturnPoolQuota(PEPROCESS Process, POOL_TYPE Type, SIZE_T Bytes);
NTCHECK PsChargeQuotaBlock(PEPROCESS_QUOTA_BLOCK Block, POOL_TYPE Type, SIZE_T Bytes); // references it
VOID PsReturnQuotaBlock(PEPROCESS_QUOTA_BLOCK Block, POOL_TYPE Type, SIZE_T Bytes);    // dereferences it
NTCHECK PsCreateQuotaBlock(PEPROCESS Process, PEPROCESS Parent);                       // with the parent's limits
VOID PsDeleteQuotaBlock(PEPROCESS Process);
// The process with a reference, current thread's; walks PsActiveProcessHead for a debugger or information class.
PEPROCESS PsGetNextProcess(PEPROCESS Previous); // Previous is dereferenced, the result referenced; NULL ends
PETHREAD PsGetNextProcessThread(PEPROCESS Process, PETHREAD Previous);
#define PsGetCurrentThreadId() (PsGetCurrentThread()->Cid.UniqueThread)
#define PsGetCurrentProcessId() (PsGetCurrentThread()->Cid.UniqueProcess)

#endif
