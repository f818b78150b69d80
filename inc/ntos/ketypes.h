// SPDX-License-Identifier: MIT
// Ke's structures: processor control region, trap frame, dispatcher objects, thread, process, processor block.
// Dispatcher objects have the WDK's layouts; KTHREAD, KPROCESS and KPRCB have NT's names and our own layout.

#ifndef MICA_NTOS_KETYPES_H
#define MICA_NTOS_KETYPES_H

#include "loader.h"
#include "nt.h"
#include "seh.h"

#ifdef MICA_CHECKED
#define DBG 1
#else
#define DBG 0
#endif

// --- processor control region, at fs:0 in kernel mode (layout public in ntddk.h up to PrcbData)
// -----------------------
struct _KTHREAD;
struct _KPROCESS;
struct _KPRCB;
typedef struct _KTHREAD KTHREAD, *PKTHREAD, *PRKTHREAD;
typedef struct _KPROCESS KPROCESS, *PKPROCESS, *PRKPROCESS;
typedef struct _KPRCB KPRCB, *PKPRCB;
typedef struct _EPROCESS EPROCESS, *PEPROCESS;
typedef struct _ETHREAD ETHREAD, *PETHREAD;

typedef struct _KGDTENTRY {
    USHORT LimitLow;
    USHORT BaseLow;
    UCHAR BaseMid;
    UCHAR Flags1;
    UCHAR Flags2;
    UCHAR BaseHi;
} KGDTENTRY, *PKGDTENTRY;

typedef struct _KIDTENTRY {
    USHORT Offset;
    USHORT Selector;
    USHORT Access;
    USHORT ExtendedOffset;
} KIDTENTRY, *PKIDTENTRY;

typedef struct _KTSS {
    USHORT Backlink, Reserved0;
    ULONG Esp0;
    USHORT Ss0, Reserved1;
    ULONG NotUsed1[4];
    ULONG CR3, Eip, EFlags, Eax, Ecx, Edx, Ebx, Esp, Ebp, Esi, Edi;
    USHORT Es, R2, Cs, R3, Ss, R4, Ds, R5, Fs, R6, Gs, R7, LDT, R8;
    USHORT Flags, IoMapBase;
} KTSS, *PKTSS;

#define KGDT_R0_CODE 0x08
#define KGDT_R0_DATA 0x10
#define KGDT_R3_CODE 0x18
#define KGDT_R3_DATA 0x20
#define KGDT_TSS 0x28
#define KGDT_R0_PCR 0x30
#define KGDT_R3_TEB 0x38
#define KGDT_DF_TSS 0x50
#define KGDT_NMI_TSS 0x58
#define KGDT_NUMBER 16
#define RPL_MASK 3

typedef struct _KPCR {
    NT_TIB NtTib;             // 00  ExceptionList is the kernel's SEH chain
    struct _KPCR *SelfPcr;    // 1C
    PKPRCB Prcb;              // 20
    KIRQL Irql;               // 24
    ULONG IRR;                // 28  pending: bit n = software level n (1, 2), bit 4 + line = an interrupt line
    ULONG IrrActive;          // 2C
    ULONG IDR;                // 30
    PVOID KdVersionBlock;     // 34
    PKIDTENTRY IDT;           // 38
    PKGDTENTRY GDT;           // 3C
    PKTSS TSS;                // 40
    USHORT MajorVersion;      // 44
    USHORT MinorVersion;      // 46
    KAFFINITY SetMember;      // 48
    ULONG StallScaleFactor;   // 4C
    UCHAR DebugActive;        // 50
    UCHAR Number;             // 51
    UCHAR Spare0[2];          // 52
    ULONG KernelReserved[51]; // 54
    UCHAR PrcbDataPlace[4];   // 120  the KPRCB follows in the same block
} KPCR, *PKPCR;
C_ASSERT_OFFSET(KPCR, Irql, 0x24);
C_ASSERT_OFFSET(KPCR, Number, 0x51);
C_ASSERT_OFFSET(KPCR, PrcbDataPlace, 0x120);

FORCEINLINE PKPCR KeGetPcr(VOID)
{
    PKPCR Pcr;
    __asm__ volatile("mov %%fs:0x1C, %0" : "=r"(Pcr));
    return Pcr;
}
FORCEINLINE PKPRCB KeGetCurrentPrcb(VOID)
{
    PKPRCB Prcb;
    __asm__ volatile("mov %%fs:0x20, %0" : "=r"(Prcb));
    return Prcb;
}
FORCEINLINE PKTHREAD KeGetCurrentThread(VOID)
{
    PKTHREAD Thread;
    __asm__("mov %%fs:0x124, %0" : "=r"(Thread)); // not volatile: the same within one thread's code
    return Thread;
}
FORCEINLINE KIRQL KeGetCurrentIrql(VOID)
{
    KIRQL Irql;
    __asm__ volatile("movb %%fs:0x24, %0" : "=q"(Irql));
    return Irql;
}

// --- the trap frame: one for every way into the kernel (layout as published for x86) ---------------------------------
typedef struct _KTRAP_FRAME {
    ULONG DbgEbp;                                 // 00
    ULONG DbgEip;                                 // 04
    ULONG DbgArgMark;                             // 08
    ULONG DbgArgPointer;                          // 0C
    ULONG TempSegCs;                              // 10
    ULONG TempEsp;                                // 14
    ULONG Dr0, Dr1, Dr2, Dr3;                     // 18
    ULONG Dr6, Dr7;                               // 28
    ULONG SegGs, SegEs, SegDs;                    // 30
    ULONG Edx, Ecx, Eax;                          // 3C
    ULONG PreviousPreviousMode;                   // 48
    PEXCEPTION_REGISTRATION_RECORD ExceptionList; // 4C
    ULONG SegFs;                                  // 50
    ULONG Edi, Esi, Ebx, Ebp;                     // 54
    ULONG ErrCode;                                // 64
    ULONG Eip, SegCs, EFlags;                     // 68
    ULONG HardwareEsp, HardwareSegSs;             // 74 (only from user mode)
    ULONG V86Es, V86Ds, V86Fs, V86Gs;             // 7C
} KTRAP_FRAME, *PKTRAP_FRAME;
C_ASSERT_OFFSET(KTRAP_FRAME, SegFs, 0x50);
C_ASSERT_OFFSET(KTRAP_FRAME, Eip, 0x68);
C_ASSERT_SIZE(KTRAP_FRAME, 0x8C);
#define KTRAP_FRAME_LENGTH 0x8C
typedef struct _KEXCEPTION_FRAME *PKEXCEPTION_FRAME; // empty on x86

#define EFLAGS_TF 0x100
#define EFLAGS_IF 0x200
#define EFLAGS_DF 0x400
#define EFLAGS_NT 0x4000
#define EFLAGS_RF 0x10000
#define EFLAGS_VM 0x20000
#define EFLAGS_AC 0x40000
#define EFLAGS_USER_SANITIZE 0x003D4DD7 // bits user mode may choose (VM is not among them)

// --- dispatcher objects ----------------------------------------------------------------------------------------
typedef enum _KOBJECTS {
    EventNotificationObject = 0,
    EventSynchronizationObject = 1,
    MutantObject = 2,
    ProcessObject = 3,
    QueueObject = 4,
    SemaphoreObject = 5,
    ThreadObject = 6,
    GateObject = 7,
    TimerNotificationObject = 8,
    TimerSynchronizationObject = 9,
    ApcObject = 18,
    DpcObject = 19,
    DeviceQueueObject = 20,
    InterruptObject = 22,
    ThreadedDpcObject = 24
} KOBJECTS;

typedef struct _DISPATCHER_HEADER {
    UCHAR Type; // KOBJECTS
    union {
        UCHAR Absolute; // timers
        UCHAR Abandoned;
    };
    UCHAR Size; // in ULONGs
    union {
        UCHAR Inserted; // timers: in the timer table
        UCHAR DebugActive;
    };
    LONG SignalState;
    LIST_ENTRY WaitListHead; // of KWAIT_BLOCK.WaitListEntry, FIFO
} DISPATCHER_HEADER, *PDISPATCHER_HEADER;

typedef struct _KEVENT {
    DISPATCHER_HEADER Header;
} KEVENT, *PKEVENT, *PRKEVENT;
typedef struct _KGATE {
    DISPATCHER_HEADER Header;
} KGATE, *PKGATE, *PRKGATE;
typedef struct _KSEMAPHORE {
    DISPATCHER_HEADER Header;
    LONG Limit;
} KSEMAPHORE, *PKSEMAPHORE, *PRKSEMAPHORE;
typedef struct _KMUTANT {
    DISPATCHER_HEADER Header; // SignalState 1: free; <= 0: owned 1 - SignalState times
    LIST_ENTRY MutantListEntry;
    struct _KTHREAD *OwnerThread;
    BOOLEAN Abandoned;
    UCHAR ApcDisable;
} KMUTANT, *PKMUTANT, *PRKMUTANT, KMUTEX, *PKMUTEX, *PRKMUTEX;
typedef struct _KQUEUE {
    DISPATCHER_HEADER Header; // SignalState: entries queued
    LIST_ENTRY EntryListHead;
    ULONG CurrentCount;
    ULONG MaximumCount;
    LIST_ENTRY ThreadListHead;
} KQUEUE, *PKQUEUE;

struct _KDPC;
typedef VOID(NTAPI *PKDEFERRED_ROUTINE)(struct _KDPC *Dpc, PVOID DeferredContext, PVOID SystemArgument1,
                                        PVOID SystemArgument2);
typedef enum _KDPC_IMPORTANCE { LowImportance, MediumImportance, HighImportance, MediumHighImportance } KDPC_IMPORTANCE;
typedef struct _KDPC {
    UCHAR Type;
    UCHAR Importance;
    USHORT Number; // target processor + 32, or 0
    LIST_ENTRY DpcListEntry;
    PKDEFERRED_ROUTINE DeferredRoutine;
    PVOID DeferredContext;
    PVOID SystemArgument1;
    PVOID SystemArgument2;
    PVOID DpcData; // the list it is queued in (KDPC_DATA), else NULL
} KDPC, *PKDPC, *PRKDPC;
C_ASSERT_SIZE(KDPC, 32);

// A processor's list of DPCs: those that it runs itself, and those that its DPC thread runs.
#define DPC_NORMAL 0
#define DPC_THREADED 1
typedef struct _KDPC_DATA {
    LIST_ENTRY DpcListHead;
    volatile ULONG DpcLock; // interrupts off
    volatile ULONG DpcQueueDepth;
    ULONG DpcCount; // that have run
} KDPC_DATA, *PKDPC_DATA;

typedef struct _KTIMER {
    DISPATCHER_HEADER Header;
    ULARGE_INTEGER DueTime; // interrupt time
    LIST_ENTRY TimerListEntry;
    PKDPC Dpc;
    LONG Period; // ms
} KTIMER, *PKTIMER, *PRKTIMER;
C_ASSERT_SIZE(KTIMER, 40);

struct _KAPC;
typedef VOID(NTAPI *PKNORMAL_ROUTINE)(PVOID NormalContext, PVOID SystemArgument1, PVOID SystemArgument2);
typedef VOID(NTAPI *PKKERNEL_ROUTINE)(struct _KAPC *Apc, PKNORMAL_ROUTINE *NormalRoutine, PVOID *NormalContext,
                                      PVOID *SystemArgument1, PVOID *SystemArgument2);
typedef VOID(NTAPI *PKRUNDOWN_ROUTINE)(struct _KAPC *Apc);
typedef enum _KAPC_ENVIRONMENT {
    OriginalApcEnvironment,
    AttachedApcEnvironment,
    CurrentApcEnvironment,
    InsertApcEnvironment
} KAPC_ENVIRONMENT;
typedef struct _KAPC {
    UCHAR Type;
    UCHAR SpareByte0;
    UCHAR Size;
    UCHAR SpareByte1;
    ULONG SpareLong0;
    struct _KTHREAD *Thread;
    LIST_ENTRY ApcListEntry;
    PKKERNEL_ROUTINE KernelRoutine;
    PKRUNDOWN_ROUTINE RundownRoutine;
    PKNORMAL_ROUTINE NormalRoutine; // NULL: special kernel APC
    PVOID NormalContext;
    PVOID SystemArgument1;
    PVOID SystemArgument2;
    CCHAR ApcStateIndex;
    KPROCESSOR_MODE ApcMode;
    BOOLEAN Inserted;
} KAPC, *PKAPC, *PRKAPC;
C_ASSERT_SIZE(KAPC, 48);

typedef enum _MODE { KernelMode, UserMode, MaximumMode } MODE;

typedef struct _KAPC_STATE {
    LIST_ENTRY ApcListHead[MaximumMode];
    struct _KPROCESS *Process;
    BOOLEAN KernelApcInProgress;
    BOOLEAN KernelApcPending;
    BOOLEAN UserApcPending;
} KAPC_STATE, *PKAPC_STATE, *PRKAPC_STATE;

#define THREAD_WAIT_OBJECTS 3 // wait blocks inside the thread; one more is its timer's
#define MAXIMUM_WAIT_OBJECTS 64
typedef struct _KWAIT_BLOCK {
    LIST_ENTRY WaitListEntry;
    struct _KTHREAD *Thread;
    PVOID Object;
    struct _KWAIT_BLOCK *NextWaitBlock; // circular
    USHORT WaitKey;                     // index = STATUS_WAIT_n
    UCHAR WaitType;
    UCHAR SpareByte;
} KWAIT_BLOCK, *PKWAIT_BLOCK, *PRKWAIT_BLOCK;
C_ASSERT_SIZE(KWAIT_BLOCK, 24);

typedef ULONG_PTR KSPIN_LOCK, *PKSPIN_LOCK;
typedef struct _KSPIN_LOCK_QUEUE {
    struct _KSPIN_LOCK_QUEUE *volatile Next;
    PKSPIN_LOCK volatile Lock;
} KSPIN_LOCK_QUEUE, *PKSPIN_LOCK_QUEUE;
typedef struct _KLOCK_QUEUE_HANDLE {
    KSPIN_LOCK_QUEUE LockQueue;
    KIRQL OldIrql;
} KLOCK_QUEUE_HANDLE, *PKLOCK_QUEUE_HANDLE;

// The save area for FXSAVE (Intel SDM 1, 10.5) or FNSAVE.
typedef struct _KFPU_AREA {
    UCHAR Data[512];
} ALIGNED(16) KFPU_AREA, *PKFPU_AREA;

typedef VOID(NTAPI *PKSTART_ROUTINE)(PVOID StartContext);
typedef VOID(NTAPI *PKSYSTEM_ROUTINE)(PKSTART_ROUTINE StartRoutine, PVOID StartContext);

// A lock that a thread holds (checked builds).
typedef struct _KLOCK_RECORD *PKLOCK_RECORD;
typedef struct _KHELD_LOCK {
    PVOID Lock;
    PKLOCK_RECORD Record; // NULL: a lock without a class
    PVOID Place;          // where it was taken
    USHORT Count;
    UCHAR Kind;  // KLOCK_KIND
    UCHAR Flags; // LOCK_*
} KHELD_LOCK, *PKHELD_LOCK;
#define KTHREAD_MAXIMUM_LOCKS 24

struct _KTHREAD {
    DISPATCHER_HEADER Header;  // signaled when the thread has ended
    LIST_ENTRY MutantListHead; // mutants owned
    PVOID InitialStack;        // highest address of the kernel stack (trap frame and FPU area lie below it)
    PVOID StackLimit;          // lowest
    PVOID KernelStack;         // saved esp while not running
    PVOID StackBase;           // where the stack was allocated up to (= InitialStack)
    PTEB Teb;                  // NULL for system threads
    PKTRAP_FRAME TrapFrame;    // of the innermost entry from user mode
    PVOID *ServiceTable;
    KAPC_STATE ApcState;
    KAPC_STATE SavedApcState;
    PKAPC_STATE ApcStatePointer[2];
    KSPIN_LOCK ApcQueueLock;
    SHORT KernelApcDisable;  // < 0: in a critical region
    SHORT SpecialApcDisable; // < 0: in a guarded region
    UCHAR ApcStateIndex;
    BOOLEAN ApcQueueable;
    BOOLEAN Alertable;
    BOOLEAN Alerted[MaximumMode];
    KPROCESSOR_MODE PreviousMode;
    KPROCESSOR_MODE WaitMode;
    KIRQL WaitIrql;
    UCHAR WaitReason; // KWAIT_REASON
    BOOLEAN WaitNext;
    volatile UCHAR State; // KTHREAD_STATE
    SCHAR Priority;
    SCHAR BasePriority;
    SCHAR PriorityDecrement;
    SCHAR Saturation;
    SCHAR Quantum;
    SCHAR QuantumReset;
    UCHAR SuspendCount;
    UCHAR FreezeCount;
    BOOLEAN DisableBoost;
    BOOLEAN Preempted;
    BOOLEAN ProcessReadyQueue;
    BOOLEAN SystemThread;
    UCHAR NpxState;              // does the FPU area hold this thread's state, is it loaded (ke/npx.c)
    UCHAR IdealProcessor;        // where it should run
    UCHAR NextProcessor;         // Ready, Standby: whose queue it is in; else where it runs or ran last
    BOOLEAN KernelStackResident; // else it has to be brought back before the thread runs (ke/swap.c)
    BOOLEAN EnableStackSwap;
    BOOLEAN SystemAffinityActive; // Affinity is the kernel's for now, UserAffinity comes back
    KAFFINITY Affinity;
    KAFFINITY UserAffinity;
    NTSTATUS WaitStatus;
    PKWAIT_BLOCK WaitBlockList;
    KWAIT_BLOCK WaitBlock[THREAD_WAIT_OBJECTS + 1];
    LIST_ENTRY WaitListEntry; // ready queue or list of waiting threads
    PKQUEUE Queue;
    LIST_ENTRY QueueListEntry;
    ULONG WaitTime; // tick count when the wait began
    ULONG ContextSwitches;
    ULONG KernelTime; // ticks
    ULONG UserTime;
    KTIMER Timer;
    KAPC SuspendApc;
    KSEMAPHORE SuspendSemaphore;
    PKPROCESS Process;
    LIST_ENTRY ThreadListEntry; // in KPROCESS.ThreadListHead
    PVOID Win32Thread;
    PVOID CallbackStack;
    PKFPU_AREA NpxArea;
    ULONG DebugRegisters[8]; // Dr0-3, Dr6, Dr7
    BOOLEAN DebugActive;
#if DBG
    BOOLEAN InChaos; // ke/chaos.c acts on this thread
    ULONG LocksHeld; // of HeldLocks (ke/lockcheck.c)
    KHELD_LOCK HeldLocks[KTHREAD_MAXIMUM_LOCKS];
    struct _KLOCK_RECORD *WaitingLock;
#endif
};

struct _KPROCESS {
    DISPATCHER_HEADER Header; // signaled when the process has ended
    LIST_ENTRY ProfileListHead;
    ULONG DirectoryTableBase; // physical address of the page-directory-pointer table (CR3)
    ULONG ActiveProcessors;   // that have its page tables loaded (an idle one may keep them)
    ULONG KernelTime;         // ticks of threads that have ended
    ULONG UserTime;
    LIST_ENTRY ReadyListHead;
    LIST_ENTRY ThreadListHead; // of KTHREAD.ThreadListEntry
    LIST_ENTRY ProcessListEntry;
    KSPIN_LOCK ProcessLock;
    KAFFINITY Affinity;
    SCHAR BasePriority;
    SCHAR QuantumReset;
    volatile UCHAR State; // KPROCESS_STATE; dispatcher lock
    BOOLEAN DisableBoost;
    UCHAR ThreadSeed;         // ideal processor of the next thread
    LONG StackCount;          // kernel stacks of its threads that are in memory, and threads that are attached to it
    ULONG AttachCount;        // attachments so far
    LIST_ENTRY SwapListEntry; // ProcessInTransition: it waits for the swap thread
};
// Where a process's memory is (ke/swap.c). Only threads of a process in memory run, and only it is attached to.
typedef enum _KPROCESS_STATE {
    ProcessInMemory,
    ProcessOutOfMemory,
    ProcessInTransition,  // somebody waits for it to come in
    ProcessOutTransition, // on its way out
    ProcessInSwap,        // on its way in
    ProcessOutSwap        // not used: the swap thread chooses what goes out itself
} KPROCESS_STATE;

#define MAXIMUM_PRIORITY 32
#define LOW_REALTIME_PRIORITY 16
#define HIGH_PRIORITY 31
#define EVENT_INCREMENT 1
#define SEMAPHORE_INCREMENT 1
#define MUTANT_INCREMENT 1
#define IO_NO_INCREMENT 0
#define IO_DISK_INCREMENT 1
#define IO_KEYBOARD_INCREMENT 6
#define IO_NAMED_PIPE_INCREMENT 2
#define IO_SERIAL_INCREMENT 2
#define THREAD_QUANTUM 6 // two clock ticks, in thirds of a tick
#define CLOCK_QUANTUM_DECREMENT 3

struct _KPRCB {
    USHORT MinorVersion;
    USHORT MajorVersion;
    PKTHREAD CurrentThread; // fs:[124h]
    PKTHREAD NextThread;    // chosen to run next
    PKTHREAD IdleThread;
    UCHAR Number;
    UCHAR Reserved;
    USHORT BuildType;
    KAFFINITY SetMember;
    UCHAR CpuType, CpuID;
    USHORT CpuStep;
    CHAR VendorString[16];
    ULONG FeatureBits;
    ULONG MHz;
    // Scheduling
    ULONG ReadySummary;
    LIST_ENTRY DispatcherReadyListHead[MAXIMUM_PRIORITY];
    BOOLEAN QuantumEnd;
    PKTHREAD NpxThread;         // whose state is in the FPU
    ULONG TaskSwitched;         // CR0.TS is set
    ULONG LoadedDirectory;      // what CR3 holds
    PKPROCESS LoadedProcess;    // whose that is
    volatile ULONG IpiRequests; // KI_IPI_*
    ULONG IpiCount;
    volatile BOOLEAN Frozen; // stopped for a bugcheck
    BOOLEAN DebugLoaded;     // the debug registers hold a thread's breakpoints
    // DPCs
    KDPC_DATA DpcData[2]; // DPC_NORMAL, DPC_THREADED
    BOOLEAN DpcRoutineActive;
    KEVENT DpcEvent;
    volatile BOOLEAN DpcThreadRequested; // DpcEvent has to be set
    PKTHREAD DpcThread;
    PVOID DpcStack;
    ULONG TimerRequest; // timers may have expired
    // Counters
    ULONG InterruptCount;
    ULONG KernelTime, UserTime, DpcTime, InterruptTime; // ticks
    ULONG KeContextSwitches;
    ULONG KeSystemCalls;
    ULONG KeExceptionDispatchCount;
    ULONG MmPageFaultCount;
};

#endif
