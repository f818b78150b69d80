// SPDX-License-Identifier: MIT
// Ke: what the kernel layer offers to the executive. Dispatcher objects have the WDK's layouts (a driver built with
// mingw-w64's ntddk.h sees the same bytes); KTHREAD, KPROCESS and KPRCB have NT's names and our own layout.
// Contracts stand at the definitions in ke/.

#ifndef MICA_NTOS_KE_H
#define MICA_NTOS_KE_H

#include "ketypes.h"

// --- IRQL ------------------------------------------------------------------------------------------------------
#define PASSIVE_LEVEL 0
#define LOW_LEVEL 0
#define APC_LEVEL 1
#define DISPATCH_LEVEL 2
#define PROFILE_LEVEL 27
#define CLOCK_LEVEL 28
#define IPI_LEVEL 29
#define POWER_LEVEL 30
#define HIGH_LEVEL 31

KIRQL FASTCALL KfRaiseIrql(KIRQL NewIrql);
VOID FASTCALL KfLowerIrql(KIRQL NewIrql);
KIRQL NTAPI KeRaiseIrqlToDpcLevel(VOID);
KIRQL NTAPI KeRaiseIrqlToSynchLevel(VOID);
VOID FASTCALL HalRequestSoftwareInterrupt(KIRQL Level); // APC_LEVEL or DISPATCH_LEVEL; taken when the IRQL allows
VOID FASTCALL HalClearSoftwareInterrupt(KIRQL Level);
#define KeRaiseIrql(New, Old) (*(Old) = KfRaiseIrql(New))
#define KeLowerIrql KfLowerIrql

#define MAXIMUM_PROCESSORS 32
extern KPRCB *KiProcessorBlock[MAXIMUM_PROCESSORS];
extern CCHAR KeNumberProcessors;
extern KAFFINITY KeActiveProcessors;
extern ULONG KeFeatureBits; // KF_*
#define KF_RDTSC 0x0002
#define KF_CMPXCHG8B 0x0080
#define KF_GLOBAL_PAGE 0x1000
#define KF_LARGE_PAGE 0x0020
#define KF_PAT 0x0400
#define KF_FXSR 0x0800
#define KF_XMMI 0x2000
#define KF_XMMI64 0x10000
#define KF_SYSENTER 0x4000
#define KF_NX 0x20000000
#define KF_SMEP 0x01000000
#define KF_SMAP 0x02000000
extern ULONG KeMaximumIncrement;       // 100 ns a tick
extern volatile ULONG KeTimeIncrement; // 100 ns from one clock interrupt to the next
VOID KeSetClockIncrement(ULONG Desired);
extern volatile KSYSTEM_TIME KeTickCount;

#define SharedUserData ((PKUSER_SHARED_DATA)USER_SHARED_DATA_KERNEL)
VOID NTAPI KeQuerySystemTime(PLARGE_INTEGER Time); // any IRQL
ULONGLONG NTAPI KeQueryInterruptTime(VOID);
VOID NTAPI KeQueryTickCount(PLARGE_INTEGER Count);
VOID NTAPI KeSetSystemTime(PLARGE_INTEGER NewTime, PLARGE_INTEGER OldTime); // <= APC_LEVEL
ULONG NTAPI KeQueryTimeIncrement(VOID);

// --- start-up (ke/startup.c): from boot/ on the boot stack with interrupts off; never returns.
DECLSPEC_NORETURN VOID NTAPI KiSystemStartup(PLOADER_PARAMETER_BLOCK LoaderBlock);
BOOLEAN KeInitSystem(VOID); // phase 1

// --- spin locks: <= DISPATCH_LEVEL, raise to DISPATCH_LEVEL (the *DpcLevel forms: already there)
VOID NTAPI KeInitializeSpinLock(PKSPIN_LOCK Lock);
KIRQL FASTCALL KfAcquireSpinLock(PKSPIN_LOCK Lock);
VOID FASTCALL KfReleaseSpinLock(PKSPIN_LOCK Lock, KIRQL OldIrql);
VOID FASTCALL KefAcquireSpinLockAtDpcLevel(PKSPIN_LOCK Lock);
VOID FASTCALL KefReleaseSpinLockFromDpcLevel(PKSPIN_LOCK Lock);
#define KeAcquireSpinLock(Lock, Old) (*(Old) = KfAcquireSpinLock(Lock))
#define KeReleaseSpinLock KfReleaseSpinLock
#define KeAcquireSpinLockAtDpcLevel KefAcquireSpinLockAtDpcLevel
#define KeReleaseSpinLockFromDpcLevel KefReleaseSpinLockFromDpcLevel
KIRQL FASTCALL KeAcquireSpinLockRaiseToSynch(PKSPIN_LOCK Lock);
BOOLEAN FASTCALL KeTryToAcquireSpinLockAtDpcLevel(PKSPIN_LOCK Lock);
BOOLEAN FASTCALL KeTestSpinLock(PKSPIN_LOCK Lock);
KIRQL FASTCALL KeAcquireSpinLockForDpc(PKSPIN_LOCK Lock);
VOID FASTCALL KeReleaseSpinLockForDpc(PKSPIN_LOCK Lock, KIRQL OldIrql);
// --- in-stack queued spin locks: waiters spin each on its own handle, first come first served. A lock is used in this
// way or in the other, never both (WDK).
VOID FASTCALL KeAcquireInStackQueuedSpinLock(PKSPIN_LOCK Lock, PKLOCK_QUEUE_HANDLE Handle);
VOID FASTCALL KeAcquireInStackQueuedSpinLockRaiseToSynch(PKSPIN_LOCK Lock, PKLOCK_QUEUE_HANDLE Handle);
VOID FASTCALL KeReleaseInStackQueuedSpinLock(PKLOCK_QUEUE_HANDLE Handle);
VOID FASTCALL KeAcquireInStackQueuedSpinLockAtDpcLevel(PKSPIN_LOCK Lock, PKLOCK_QUEUE_HANDLE Handle);
VOID FASTCALL KeReleaseInStackQueuedSpinLockFromDpcLevel(PKLOCK_QUEUE_HANDLE Handle);
VOID FASTCALL KeAcquireInStackQueuedSpinLockForDpc(PKSPIN_LOCK Lock, PKLOCK_QUEUE_HANDLE Handle);
VOID FASTCALL KeReleaseInStackQueuedSpinLockForDpc(PKLOCK_QUEUE_HANDLE Handle);

// --- events, mutants, semaphores, timers, queues
VOID NTAPI KeInitializeEvent(PKEVENT Event, EVENT_TYPE Type, BOOLEAN State);
LONG NTAPI KeSetEvent(PKEVENT Event, KPRIORITY Increment, BOOLEAN Wait);
LONG NTAPI KeResetEvent(PKEVENT Event);
VOID NTAPI KeClearEvent(PKEVENT Event);
LONG NTAPI KePulseEvent(PKEVENT Event, KPRIORITY Increment, BOOLEAN Wait);
LONG NTAPI KeReadStateEvent(PKEVENT Event);
// As KeSetEvent for a synchronization event; the thread it wakes gets at least the caller's priority for one quantum,
// and is told in *Thread (may be NULL; the thread may end at any time).
VOID NTAPI KeSetEventBoostPriority(PKEVENT Event, PKTHREAD *Thread);
// Gates: synchronization events for locks of the kernel: one waiter, nothing but waiting and signaling.
VOID NTAPI KeInitializeGate(PKGATE Gate);
VOID NTAPI KeSignalGateBoostPriority(PKGATE Gate);
VOID NTAPI KeWaitForGate(PKGATE Gate, KWAIT_REASON Reason, KPROCESSOR_MODE WaitMode);
VOID NTAPI KeInitializeMutant(PKMUTANT Mutant, BOOLEAN InitialOwner);
VOID NTAPI KeInitializeMutex(PKMUTEX Mutex, ULONG Level);
LONG NTAPI KeReleaseMutant(PKMUTANT Mutant, KPRIORITY Increment, BOOLEAN Abandoned,
                           BOOLEAN Wait); // raises STATUS_MUTANT_NOT_OWNED
LONG NTAPI KeReleaseMutex(PKMUTEX Mutex, BOOLEAN Wait);
LONG NTAPI KeReadStateMutant(PKMUTANT Mutant);
VOID NTAPI KeInitializeSemaphore(PKSEMAPHORE Semaphore, LONG Count, LONG Limit);
LONG NTAPI KeReleaseSemaphore(PKSEMAPHORE Semaphore, KPRIORITY Increment, LONG Adjustment,
                              BOOLEAN Wait); // raises STATUS_SEMAPHORE_LIMIT_EXCEEDED
LONG NTAPI KeReadStateSemaphore(PKSEMAPHORE Semaphore);
VOID NTAPI KeInitializeTimer(PKTIMER Timer);
VOID NTAPI KeInitializeTimerEx(PKTIMER Timer, TIMER_TYPE Type);
BOOLEAN NTAPI KeSetTimer(PKTIMER Timer, LARGE_INTEGER DueTime, PKDPC Dpc);
BOOLEAN NTAPI KeSetTimerEx(PKTIMER Timer, LARGE_INTEGER DueTime, LONG Period, PKDPC Dpc);
BOOLEAN NTAPI KeCancelTimer(PKTIMER Timer);
BOOLEAN NTAPI KeReadStateTimer(PKTIMER Timer);
VOID NTAPI KeInitializeQueue(PKQUEUE Queue, ULONG Count);
LONG NTAPI KeInsertQueue(PKQUEUE Queue, PLIST_ENTRY Entry);
LONG NTAPI KeInsertHeadQueue(PKQUEUE Queue, PLIST_ENTRY Entry);
PLIST_ENTRY NTAPI KeRemoveQueue(PKQUEUE Queue, KPROCESSOR_MODE WaitMode, PLARGE_INTEGER Timeout);
PLIST_ENTRY NTAPI KeRundownQueue(PKQUEUE Queue);
LONG NTAPI KeReadStateQueue(PKQUEUE Queue);

NTSTATUS FASTCALL KeWaitForUser(PVOID Object, PLARGE_INTEGER Timeout, KPROCESSOR_MODE WaitMode, BOOLEAN Alertable);
NTCHECK KeWaitForSingleObject(PVOID Object, KWAIT_REASON Reason, KPROCESSOR_MODE WaitMode, BOOLEAN Alertable,
                              PLARGE_INTEGER Timeout);
NTCHECK KeWaitForMultipleObjects(ULONG Count, PVOID Objects[], WAIT_TYPE WaitType, KWAIT_REASON Reason,
                                 KPROCESSOR_MODE WaitMode, BOOLEAN Alertable, PLARGE_INTEGER Timeout,
                                 PKWAIT_BLOCK WaitBlocks);
NTCHECK KeDelayExecutionThread(KPROCESSOR_MODE WaitMode, BOOLEAN Alertable, PLARGE_INTEGER Interval);
BOOLEAN KeYieldExecution(VOID); // below DISPATCH_LEVEL; FALSE if nothing else is ready
// Waits that cannot fail or time out: kernel mode, not alertable, no timeout.
VOID KeWaitForever(PVOID Object, KWAIT_REASON Reason);

// --- DPCs and APCs
VOID NTAPI KeInitializeDpc(PKDPC Dpc, PKDEFERRED_ROUTINE Routine, PVOID Context);
VOID NTAPI KeInitializeThreadedDpc(PKDPC Dpc, PKDEFERRED_ROUTINE Routine, PVOID Context);
BOOLEAN NTAPI KeInsertQueueDpc(PKDPC Dpc, PVOID SystemArgument1, PVOID SystemArgument2);
BOOLEAN NTAPI KeRemoveQueueDpc(PKDPC Dpc);
VOID NTAPI KeSetImportanceDpc(PKDPC Dpc, KDPC_IMPORTANCE Importance);
VOID NTAPI KeSetTargetProcessorDpc(PKDPC Dpc, CCHAR Number);
VOID NTAPI KeFlushQueuedDpcs(VOID);
VOID NTAPI KeInitializeApc(PKAPC Apc, PKTHREAD Thread, KAPC_ENVIRONMENT Environment, PKKERNEL_ROUTINE KernelRoutine,
                           PKRUNDOWN_ROUTINE RundownRoutine, PKNORMAL_ROUTINE NormalRoutine, KPROCESSOR_MODE Mode,
                           PVOID NormalContext);
BOOLEAN NTAPI KeInsertQueueApc(PKAPC Apc, PVOID SystemArgument1, PVOID SystemArgument2, KPRIORITY Increment);
BOOLEAN NTAPI KeRemoveQueueApc(PKAPC Apc);
PLIST_ENTRY NTAPI KeFlushQueueApc(PKTHREAD Thread, KPROCESSOR_MODE Mode); // detached list of KAPC.ApcListEntry, or NULL
BOOLEAN NTAPI KeAreApcsDisabled(VOID);
VOID NTAPI KeEnterCriticalRegion(VOID);
VOID NTAPI KeLeaveCriticalRegion(VOID);
VOID NTAPI KeEnterGuardedRegion(VOID);
VOID NTAPI KeLeaveGuardedRegion(VOID);
BOOLEAN NTAPI KeTestAlertThread(KPROCESSOR_MODE Mode);
BOOLEAN NTAPI KeAlertThread(PKTHREAD Thread, KPROCESSOR_MODE Mode);
ULONG NTAPI KeAlertResumeThread(PKTHREAD Thread);

// --- threads and processes
// Prepares a thread on a kernel stack that the caller made: it will begin in SystemRoutine(StartRoutine, StartContext)
// at APC_LEVEL and, if Context is given, go on to user mode with it. KernelStack: highest address.
VOID KeInitThread(PKTHREAD Thread, PVOID KernelStack, PKSYSTEM_ROUTINE SystemRoutine, PKSTART_ROUTINE StartRoutine,
                  PVOID StartContext, PCONTEXT Context, PTEB Teb, PKPROCESS Process);
VOID KeStartThread(PKTHREAD Thread); // links it to its process, sets priority, affinity
VOID KeReadyThread(PKTHREAD Thread); // first readying
DECLSPEC_NORETURN VOID KeTerminateThread(KPRIORITY Increment);
VOID KeInitializeProcess(PKPROCESS Process, KPRIORITY Priority, KAFFINITY Affinity, ULONG DirectoryTableBase);
LONG KeSetProcess(PKPROCESS Process, KPRIORITY Increment); // signals it
ULONG NTAPI KeSuspendThread(PKTHREAD Thread);              // raises STATUS_SUSPEND_COUNT_EXCEEDED
ULONG NTAPI KeResumeThread(PKTHREAD Thread);
VOID KeForceResumeThread(PKTHREAD Thread);
KPRIORITY NTAPI KeSetPriorityThread(PKTHREAD Thread, KPRIORITY Priority);
LONG NTAPI KeSetBasePriorityThread(PKTHREAD Thread, LONG Increment);
KPRIORITY NTAPI KeQueryPriorityThread(PKTHREAD Thread);
LONG NTAPI KeQueryBasePriorityThread(PKTHREAD Thread);
VOID KeSetPriorityProcess(PKPROCESS Process, KPRIORITY Base);
KAFFINITY NTAPI KeSetAffinityThread(PKTHREAD Thread, KAFFINITY Affinity);
BOOLEAN NTAPI KeSetDisableBoostThread(PKTHREAD Thread, BOOLEAN Disable);
ULONG NTAPI KeQueryRuntimeThread(PKTHREAD Thread, PULONG UserTime); // ticks
// processpriority.c
VOID KeSetQuantumProcess(PKPROCESS Process, SCHAR QuantumReset); // thirds of a tick
KPRIORITY KeSetPriorityAndQuantumProcess(PKPROCESS Process, KPRIORITY Base, SCHAR QuantumReset);
BOOLEAN KeSetDisableBoostProcess(PKPROCESS Process, BOOLEAN Disable);
UCHAR KeSetIdealProcessorThread(PKTHREAD Thread, UCHAR Processor);
ULONG KeQueryRuntimeProcess(PKPROCESS Process, PULONG UserTime); // ticks
VOID NTAPI KeStackAttachProcess(PKPROCESS Process, PKAPC_STATE State);
VOID NTAPI KeUnstackDetachProcess(PKAPC_STATE State);
VOID KeBoostPriorityThread(PKTHREAD Thread, KPRIORITY Increment);

FORCEINLINE KPROCESSOR_MODE ExGetPreviousMode(VOID)
{
    return KeGetCurrentThread()->PreviousMode;
}
#define KeGetPreviousMode ExGetPreviousMode

// --- traps and exceptions
VOID KiDispatchException(PEXCEPTION_RECORD Record, PKEXCEPTION_FRAME ExceptionFrame, PKTRAP_FRAME TrapFrame,
                         KPROCESSOR_MODE Mode, BOOLEAN FirstChance);
VOID KeContextFromKframes(PKTRAP_FRAME TrapFrame, PKEXCEPTION_FRAME ExceptionFrame, PCONTEXT Context);
VOID KeContextToKframes(PKTRAP_FRAME TrapFrame, PKEXCEPTION_FRAME ExceptionFrame, PCONTEXT Context, ULONG ContextFlags,
                        KPROCESSOR_MODE Mode);
// Floating point in the kernel (ke/npx.c): between the two the FPU is the caller's, with every exception masked.
typedef struct _KFLOATING_SAVE {
    ULONG ControlWord, StatusWord, ErrorOffset, ErrorSelector, DataOffset, DataSelector;
    ULONG Cr0NpxState;
    ULONG Spare1; // what was there, in pool
} KFLOATING_SAVE, *PKFLOATING_SAVE;
NTCHECK KeSaveFloatingPointState(PKFLOATING_SAVE FloatSave);
NTSTATUS NTAPI KeRestoreFloatingPointState(PKFLOATING_SAVE FloatSave);
// Where ntdll's entry points are; set by Ps when ntdll is mapped.
extern PVOID KeUserApcDispatcher, KeUserExceptionDispatcher, KeRaiseUserExceptionDispatcher;
// The trap frame a user thread entered the kernel with (ps/context.c uses it).
PKTRAP_FRAME KeGetTrapFrame(PKTHREAD Thread);

// --- system services: the table tools/services.py generates (build/gen/systable.c)
typedef struct _KSERVICE_TABLE_DESCRIPTOR {
    PVOID *Base;
    PULONG Count;
    ULONG Limit;
    PUCHAR Number; // argument bytes
} KSERVICE_TABLE_DESCRIPTOR, *PKSERVICE_TABLE_DESCRIPTOR;
extern KSERVICE_TABLE_DESCRIPTOR KeServiceDescriptorTable[2];
extern PVOID KiServiceTable[];
extern const ULONG KiServiceLimit;
extern UCHAR KiArgumentTable[];

// --- interrupts
struct _KINTERRUPT;
typedef BOOLEAN(NTAPI *PKSERVICE_ROUTINE)(struct _KINTERRUPT *Interrupt, PVOID ServiceContext);
typedef enum _KINTERRUPT_MODE { LevelSensitive, Latched } KINTERRUPT_MODE;
typedef struct _KINTERRUPT {
    SHORT Type;
    SHORT Size;
    LIST_ENTRY InterruptListEntry; // others on the same line
    PKSERVICE_ROUTINE ServiceRoutine;
    PVOID ServiceContext;
    KSPIN_LOCK SpinLock;
    PKSPIN_LOCK ActualLock;
    ULONG Vector;
    KIRQL Irql;
    KIRQL SynchronizeIrql;
    BOOLEAN Connected;
    BOOLEAN ShareVector;
    KINTERRUPT_MODE Mode;
    ULONG ServiceCount;
} KINTERRUPT, *PKINTERRUPT;
VOID NTAPI KeInitializeInterrupt(PKINTERRUPT Interrupt, PKSERVICE_ROUTINE Routine, PVOID Context, PKSPIN_LOCK Lock,
                                 ULONG Vector, KIRQL Irql, KIRQL SynchronizeIrql, KINTERRUPT_MODE Mode,
                                 BOOLEAN ShareVector);
BOOLEAN NTAPI KeConnectInterrupt(PKINTERRUPT Interrupt);
BOOLEAN NTAPI KeDisconnectInterrupt(PKINTERRUPT Interrupt);
typedef BOOLEAN(NTAPI *PKSYNCHRONIZE_ROUTINE)(PVOID Context);
KIRQL NTAPI KeAcquireInterruptSpinLock(PKINTERRUPT Interrupt); // ke/spinlock.c
VOID NTAPI KeReleaseInterruptSpinLock(PKINTERRUPT Interrupt, KIRQL OldIrql);
BOOLEAN NTAPI KeSynchronizeExecution(PKINTERRUPT Interrupt, PKSYNCHRONIZE_ROUTINE Routine, PVOID Context);

// --- bugcheck
#include <bugcodes.h>
DECLSPEC_NORETURN VOID NTAPI KeBugCheck(ULONG Code);
DECLSPEC_NORETURN VOID NTAPI KeBugCheckEx(ULONG Code, ULONG_PTR P1, ULONG_PTR P2, ULONG_PTR P3, ULONG_PTR P4);
// Name and offset of the kernel symbol at or below Address ("KiSwapThread", 0x12); NULL if Address is not in the image.
PCSTR KeLookupSymbol(PVOID Address, PULONG Offset);
// Up to Count return addresses, innermost first, from an ebp chain; stops at anything that is not in a kernel stack.
ULONG KeWalkFrames(PVOID *Callers, ULONG Count, PVOID Ebp);

VOID KeTraceServices(VOID); // ke/service.c

// --- processors (ke/ipi.c)
typedef ULONG_PTR(NTAPI *PKIPI_BROADCAST_WORKER)(ULONG_PTR Argument);
// Runs Worker on every processor at IPI_LEVEL, at once; returns its result here. IRQL < IPI_LEVEL, interrupts on.
ULONG_PTR NTAPI KeIpiGenericCall(PKIPI_BROADCAST_WORKER Worker, ULONG_PTR Argument);
KAFFINITY NTAPI KeQueryActiveProcessors(VOID);
FORCEINLINE ULONG KeGetCurrentProcessorNumber(VOID)
{
    UCHAR Number;
    __asm__ volatile("movb %%fs:0x51, %0" : "=q"(Number));
    return Number;
}
// Binds the current thread to the processors of Affinity until it goes back to what user mode set. IRQL <= APC_LEVEL;
// the thread runs on one of them when it returns.
VOID NTAPI KeSetSystemAffinityThread(KAFFINITY Affinity);
VOID NTAPI KeRevertToUserAffinityThread(VOID);

// --- TLB
// Forget translations, here and on other processors: AllProcessors for system addresses, else those that have the
// current process's address space loaded. Returns when it is done everywhere. The entries have been changed before the
// call. IRQL <= DISPATCH_LEVEL, interrupts on (they wait for other processors); any lock may be held whose other users
// spin with interrupts on. KeInvalidatePage tells this processor only.
VOID NTAPI KeFlushEntireTb(BOOLEAN Invalid, BOOLEAN AllProcessors);
VOID KeFlushSingleTb(PVOID Va, BOOLEAN AllProcessors);
VOID KeFlushMultipleTb(ULONG Count, PVOID *Va, BOOLEAN AllProcessors);
// The same for the user part of another process's address space (trimming it from outside).
VOID KeFlushProcessTb(PKPROCESS Process);
// Kernel stacks out of memory (ke/swap.c).
BOOLEAN NTAPI KeSetKernelStackSwapEnable(BOOLEAN Enable); // ke/swap.c
VOID KeOutSwapNow(VOID);
BOOLEAN KeTryToStackAttachProcess(PKPROCESS Process, PKAPC_STATE State); // FALSE: it is out of memory
// No processor has the address space of Process loaded any more, not even an idle one: before its page tables go.
// The current thread is not in it. IRQL <= APC_LEVEL.
VOID KeUnloadProcess(PKPROCESS Process);
FORCEINLINE VOID KeInvalidatePage(PVOID Va)
{
    __asm__ volatile("invlpg (%0)" : : "r"(Va) : "memory");
}

// Disables interrupts; returns whether they were on.
FORCEINLINE BOOLEAN KeDisableInterrupts(VOID)
{
    ULONG Flags;
    __asm__ volatile("pushfl; popl %0; cli" : "=r"(Flags) : : "memory");
    return (Flags & EFLAGS_IF) != 0;
}
FORCEINLINE VOID KeRestoreInterrupts(BOOLEAN Enable)
{
    if (Enable)
        __asm__ volatile("sti" : : : "memory");
}

// --- assertions: checked builds only, except that NT_VERIFY's argument is always evaluated
DECLSPEC_NORETURN VOID KeAssertFailed(PCSTR Expression, PCSTR File, ULONG Line);
#if DBG
#define ASSERT(e) ((e) ? (void)0 : KeAssertFailed(#e, __FILE__, __LINE__))
#else
#define ASSERT(e) ((void)sizeof(!(e)))
#endif
#define NT_VERIFY(e) ((e) ? (void)0 : KeAssertFailed(#e, __FILE__, __LINE__))
#define ASSERT_IRQL_LESS_OR_EQUAL(Level) ASSERT(KeGetCurrentIrql() <= (Level))
#define ASSERT_IRQL_EQUAL(Level) ASSERT(KeGetCurrentIrql() == (Level))
#define PAGED_CODE() ASSERT(KeGetCurrentIrql() <= APC_LEVEL)

// --- the kernel's log: serial port (and screen until the first user process), Kd owns it
ULONG CDECL DbgPrint(PCSTR Format, ...); // any IRQL

#include "lockcheck.h"

#endif
