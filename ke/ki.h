// SPDX-License-Identifier: MIT
// Ke's private header: what the rooms of this folder share.
//
//   a thread's kernel stack                     who touches it
//   InitialStack  +------------------------+
//                 | KFPU_AREA (512 bytes)  |    npx.c
//   NpxArea       +------------------------+
//                 | KTRAP_FRAME            |    the outermost entry from user mode (KeGetTrapFrame)
//                 +------------------------+    TSS.Esp0 and SYSENTER lead here
//                 | calls, nested frames   |
//   KernelStack   | KSWITCH_FRAME          |    while the thread does not run (i386/switch.asm)
//   StackLimit    +------------------------+

#ifndef MICA_KE_KI_H
#define MICA_KE_KI_H

#include "ntos.h"

// --- interrupts and IRQL
#define KI_SOFTWARE_BITS 0x6u // IRR: APC_LEVEL and DISPATCH_LEVEL
#define KI_LINE_BIT(Line) (1ul << (4 + (Line)))
#define KI_IDT_ENTRIES 256
#define SYNCH_LEVEL DISPATCH_LEVEL

extern ULONG KiIrqlMask[HIGH_LEVEL + 1]; // IRR bits that may be taken at an IRQL
extern KIRQL KiLineIrql[HAL_VECTOR_COUNT];
VOID KiInitializeIrqlTables(VOID);
// Takes everything pending above NewIrql, interrupts being off (on while a handler runs, if Enable); leaves them off
// and the IRQL at NewIrql.
VOID KiTakePendingInterrupts(KIRQL NewIrql, BOOLEAN Enable);
VOID KiRunInterruptLine(ULONG Line, KIRQL OldIrql, PKTRAP_FRAME TrapFrame, BOOLEAN Enable);
VOID FASTCALL KiInterruptTrap(PKTRAP_FRAME TrapFrame);
VOID KeUpdateSystemTime(PKTRAP_FRAME TrapFrame, KIRQL OldIrql);
VOID KeUpdateRunTime(PKTRAP_FRAME TrapFrame, KIRQL OldIrql);
VOID KiIpiInterrupt(VOID);
VOID KiDispatchInterrupt(VOID);
#if DBG
extern VOID (*KiClockHook)(VOID);
#endif

// --- scheduler (ready.c, schedule.c): the dispatcher lock is held
extern KAFFINITY KiIdleSummary; // processors that run their idle thread and have nothing chosen to follow it
// Makes a thread runnable on the processor that suits it best.
VOID KiReadyThread(PKTHREAD Thread);
// What this processor runs when its current thread stops: the thread chosen, the best of its queues, one that waits for
// another processor, or its idle thread.
PKTHREAD KiTakeNextThread(PKPRCB Prcb);
VOID KiMakeStandby(PKPRCB Prcb, PKTHREAD Thread);
// The thread that has been chosen for Prcb shall be switched to soon.
VOID KiRequestDispatch(PKPRCB Prcb);
VOID KiSetAffinityThread(PKTHREAD Thread, KAFFINITY Affinity);
#include "kisched.h"
// Switches away from the current thread, whose new state is set, and returns its WaitStatus when it runs again, with
// the dispatcher lock given up and the IRQL back at WaitIrql.
NTSTATUS KiSwapThread(VOID);
VOID KiSetPriorityThread(PKTHREAD Thread, KPRIORITY Priority);
VOID KiQuantumEnd(VOID);
VOID KiSwitchToNextThread(VOID);
VOID FASTCALL KiSwapContext(PKTHREAD OldThread, PKTHREAD NewThread); // i386/switch.asm
VOID KiThreadStartup(VOID);                                          // i386/switch.asm
VOID KiBeginThread(VOID);                                            // first C code of a thread, from KiThreadStartup
VOID KiFinishSwitch(VOID);

// --- other processors (ipi.c, freeze.c, startmp.c)
#define KI_IPI_APC 1u      // a kernel APC for the thread that runs there
#define KI_IPI_DISPATCH 2u // DPCs, or a thread chosen to run
#define KI_IPI_PACKET 4u   // a routine to call
VOID KiSendIpi(KAFFINITY Targets, ULONG Request);
// Calls Worker(Argument) on every processor of Targets (never this one) at IPI_LEVEL; returns when all have. IRQL
// DISPATCH_LEVEL or above, below IPI_LEVEL, interrupts on.
typedef VOID (*PKI_PACKET_WORKER)(PVOID Argument);
VOID KiSendPacket(KAFFINITY Targets, PKI_PACKET_WORKER Worker, PVOID Argument);
VOID KiFreezeProcessors(VOID);
VOID KiFlushWholeTb(VOID); // of this processor
VOID KiStopIfFrozen(VOID); // from an NMI
VOID KiStartProcessors(VOID);

// --- wait engine (wait.c, waitall.c, unwait.c): the dispatcher lock is held
#define KI_TIMER_BLOCK THREAD_WAIT_OBJECTS
// A thread's wait ended with Status: takes it out of every list and readies it.
VOID KiUnwaitThread(PKTHREAD Thread, NTSTATUS Status, KPRIORITY Increment);
// Object may have become signaled: satisfies as many waits as it can, first come first served.
VOID KiWaitTest(PVOID Object, KPRIORITY Increment);
BOOLEAN KiIsObjectSignaled(PDISPATCHER_HEADER Object, PKTHREAD Thread);
// Takes the signal for Thread; returns Status with the abandoned bit added if it was an abandoned mutant.
NTSTATUS KiSatisfyObject(PDISPATCHER_HEADER Object, PKTHREAD Thread, NTSTATUS Status);
NTSTATUS KiSatisfyAll(PKWAIT_BLOCK First, PKTHREAD Thread);
// A wait is about to be entered, or goes on after an APC.
typedef struct _KI_WAIT {
    PKTHREAD Thread;
    KIRQL OldIrql;
    KPROCESSOR_MODE Mode;
    BOOLEAN Alertable;
    KWAIT_REASON Reason;
    BOOLEAN HasTimeout;
    BOOLEAN Absolute;  // the timeout was a system time
    ULONGLONG DueTime; // interrupt time
    BOOLEAN Zero;      // poll
} KI_WAIT, *PKI_WAIT;
VOID KiBeginWait(PKI_WAIT Wait, KIRQL OldIrql, KWAIT_REASON Reason, KPROCESSOR_MODE Mode, BOOLEAN Alertable,
                 PLARGE_INTEGER Timeout);
BOOLEAN KiTakeKernelApc(PKI_WAIT Wait);
// Must the thread take a kernel APC first? Then that happened, and the caller tests its objects again.
FORCEINLINE BOOLEAN KiYieldToKernelApc(PKI_WAIT Wait)
{
    return Wait->Thread->ApcState.KernelApcPending && KiTakeKernelApc(Wait);
}
// STATUS_SUCCESS: go on; STATUS_USER_APC, STATUS_ALERTED: do not wait.
NTSTATUS KiTestAlert(PKI_WAIT Wait);
// The wait blocks are linked and inserted: arms the timer and switches away.
NTSTATUS KiCommitWait(PKI_WAIT Wait, PKWAIT_BLOCK First, PKWAIT_BLOCK Last);
VOID KiEndWait(PKI_WAIT Wait);

// --- timers (timertable.c): the dispatcher lock is held
VOID KiInitializeTimerTable(VOID);
ULONGLONG KiDueTime(LARGE_INTEGER DueTime, PBOOLEAN Absolute);
// FALSE if DueTime has passed: the caller signals the timer.
BOOLEAN KiInsertTimer(PKTIMER Timer, ULONGLONG DueTime, BOOLEAN Absolute);
VOID KiRemoveTimer(PKTIMER Timer);
VOID KiSignalTimer(PKTIMER Timer);
BOOLEAN KiTimersDue(ULONGLONG Now); // clock interrupt
VOID KiTimerExpiration(VOID);
VOID KiShiftAbsoluteTimers(LONGLONG Delta);
ULONG KiCountTimers(VOID);

// --- DPCs, APCs
VOID KiRetireDpcList(VOID);
BOOLEAN KiLockDpcs(PKDPC_DATA Data);
VOID KiUnlockDpcs(PKDPC_DATA Data, BOOLEAN Enable);
PKDPC KiTakeDpc(PKDPC_DATA Data, PKDPC Copy);
VOID KiWakeDpcThread(PKPRCB Prcb);
VOID KiFlushThreadedDpcs(VOID);
BOOLEAN KiStartDpcThreads(VOID);
BOOLEAN KiStartBalanceSetManager(VOID);
BOOLEAN KiStartSwapThread(VOID);
VOID KiRequestInSwap(PKTHREAD Thread);
VOID KiRequestOutSwap(VOID);
LONG KiSetEventLocked(PKEVENT Event, KPRIORITY Increment);
BOOLEAN KiInsertQueueApc(PKAPC Apc, KPRIORITY Increment);
VOID NTAPI KiDeliverApc(KPROCESSOR_MODE Mode, PKEXCEPTION_FRAME ExceptionFrame, PKTRAP_FRAME TrapFrame);
VOID KiInitializeUserApc(PKTRAP_FRAME TrapFrame, PKNORMAL_ROUTINE Routine, PVOID Context, PVOID Argument1,
                         PVOID Argument2);
VOID KiInitializeSuspendApc(PKTHREAD Thread);
VOID KiCheckForKernelApc(PKTHREAD Thread);

// --- queues: the dispatcher lock is held
VOID KiQueueThreadBlocks(PKTHREAD Thread);
VOID KiQueueThreadWakes(PKTHREAD Thread);

// --- mutants: the dispatcher lock is held
VOID KiAbandonMutants(PKTHREAD Thread);

// --- traps
DECLSPEC_NORETURN VOID KiUnexpectedTrap(ULONG Vector, PKTRAP_FRAME TrapFrame);
// A fault of an instruction that leaves the kernel: repairs the frame it was leaving through and does not return.
VOID KiRepairExit(PKTRAP_FRAME TrapFrame);
// Builds a record and dispatches it. The frame's Eip is the exception's address.
VOID KiRaiseTrapException(PKTRAP_FRAME TrapFrame, NTSTATUS Code, ULONG Parameters, ULONG_PTR P1, ULONG_PTR P2,
                          ULONG_PTR P3);
// The same for a trap that is reported later than it happened: the exception's address is not the frame's.
VOID KiRaiseTrapExceptionAt(PVOID Address, PKTRAP_FRAME TrapFrame, NTSTATUS Code, ULONG Parameters, ULONG_PTR P1,
                            ULONG_PTR P2);
FORCEINLINE KPROCESSOR_MODE KiTrapMode(PKTRAP_FRAME TrapFrame)
{
    return (TrapFrame->SegCs & 1) ? UserMode : KernelMode;
}
// KTRAP_FRAME.DbgArgMark: how the frame was made and must be left.
#define KI_FRAME_SYSENTER 0 // eax is the result, SYSEXIT is possible
#define KI_FRAME_SERVICE 1  // int 2Eh or Zw*: eax is the result
#define KI_FRAME_FULL 2     // every register comes from the frame
#define KI_FRAME_RESULT 3   // every register but eax, which is the service's result
extern const UCHAR KiFastCallEntry[], KiFastCallEntryTraced[];

// --- floating point (npx.c)
#define NPX_STATE_NONE 0   // the thread has not used the FPU
#define NPX_STATE_SAVED 1  // the area holds its state, or the FPU does if Prcb->NpxThread is the thread
#define NPX_STATE_KERNEL 2 // the state is the kernel's, between KeSaveFloatingPointState and its counterpart
VOID KiInitializeNpx(VOID);
VOID KiFlushNpxState(PKTHREAD Thread); // the thread's state is in its area afterwards
VOID KiForgetNpxState(PKTHREAD Thread);
VOID KiNpxToContext(PKTHREAD Thread, PCONTEXT Context, ULONG Flags);
VOID KiNpxFromContext(PKTHREAD Thread, PCONTEXT Context, ULONG Flags);
typedef struct _KI_NPX_STATUS {
    ULONG Control, Status, Mxcsr;
    PVOID Address; // of the x87 instruction that the status is about, NULL if the processor does not tell
} KI_NPX_STATUS, *PKI_NPX_STATUS;
VOID KiGetNpxStatus(PKI_NPX_STATUS Npx);
// Several processors: the state of the thread that is switched away from must not stay in this one's FPU. Called at
// DISPATCH_LEVEL before KiSwapContext if Prcb->NpxThread is Old; one processor stays lazy.
VOID KiSaveNpxForSwitch(PKTHREAD Old);

// --- traps with a task of their own (taskgate.c)
// Whoever stops processors through their NMI: TRUE if this one was his, the processor then goes on where it was.
// HIGH_LEVEL in effect, interrupts off, on the NMI's own stack.
extern BOOLEAN (*KiNmiClaim)(PKTRAP_FRAME TrapFrame);
BOOLEAN KiForgiveTaskSwitch(VOID);

// --- start-up
// What the processor itself reads, a set for each (descriptor.c). SYSENTER begins with esp inside Main (cpu.c): a debug
// trap at that instruction pushes three words below.
#define KI_TRAP_STACK_SIZE 0x2000
typedef struct _KI_DESCRIPTORS {
    KGDTENTRY Gdt[KGDT_NUMBER];
    KIDTENTRY Idt[KI_IDT_ENTRIES];
    ULONG EntryStack[64];
    KTSS Main, DoubleFault, Nmi;
    UCHAR DoubleFaultStack[KI_TRAP_STACK_SIZE] ALIGNED(16), NmiStack[KI_TRAP_STACK_SIZE] ALIGNED(16);
} ALIGNED(16) KI_DESCRIPTORS, *PKI_DESCRIPTORS;
extern KI_DESCRIPTORS KiBootDescriptors;
VOID KiInitializePcr(PKPCR Pcr, ULONG Number, PKTHREAD IdleThread, PVOID StackTop);
VOID KiInitializeIdleThread(PETHREAD Thread, PEPROCESS Process, PUCHAR Stack, ULONG StackSize, ULONG Number);
VOID KiInitializeCpu(VOID);
VOID KiInitializeDescriptors(PKPCR Pcr, PKI_DESCRIPTORS Descriptors);
VOID KiInitializeFastCall(VOID);
VOID KiSetTrapTableCr3(PKI_DESCRIPTORS Descriptors, ULONG Cr3);
VOID KiInitializeServiceTable(VOID);
VOID KiFrameToContext(PKTRAP_FRAME TrapFrame, PCONTEXT Context, ULONG Flags);
VOID KiCompleteFrame(PKTRAP_FRAME TrapFrame);
VOID KiUpdateDebugRegisters(PKTHREAD Thread); // for the thread that runs now
#define KI_IDLE_STACK_SIZE 0x6000u
DECLSPEC_NORETURN VOID KiIdleLoop(VOID);
DECLSPEC_NORETURN VOID KiSwitchToIdleStack(PVOID StackTop, PVOID Routine);

// --- bugcheck
#define MACHINE_CHECK_EXCEPTION 0x9Cul // not in mingw-w64's bugcodes.h
#define KERNEL_SECURITY_CHECK_FAILURE 0x139ul
DECLSPEC_NORETURN VOID KiBugCheckTrap(ULONG Code, ULONG_PTR P1, ULONG_PTR P2, ULONG_PTR P3, ULONG_PTR P4,
                                      PKTRAP_FRAME TrapFrame);
PCSTR KiBugCheckName(ULONG Code);
PCSTR KiBugCheckWordsOf(ULONG Code, const ULONG_PTR *Parameters, PCSTR Words[4]);
BOOLEAN KiIsTextAddress(PVOID Address);
BOOLEAN KiIsImageData(PVOID Address);
BOOLEAN KiIsStackAddress(ULONG_PTR Address);

// --- CPU instructions
FORCEINLINE ULONG KiReadCr2(VOID)
{
    ULONG Value;
    __asm__ volatile("mov %%cr2, %0" : "=r"(Value));
    return Value;
}
FORCEINLINE ULONG KiReadCr3(VOID)
{
    ULONG Value;
    __asm__ volatile("mov %%cr3, %0" : "=r"(Value) : : "memory");
    return Value;
}
FORCEINLINE VOID KiWriteCr3(ULONG Value)
{
    __asm__ volatile("mov %0, %%cr3" : : "r"(Value) : "memory");
}
FORCEINLINE ULONG KiReadCr0(VOID)
{
    ULONG Value;
    __asm__ volatile("mov %%cr0, %0" : "=r"(Value));
    return Value;
}
FORCEINLINE VOID KiWriteCr0(ULONG Value)
{
    __asm__ volatile("mov %0, %%cr0" : : "r"(Value) : "memory");
}
FORCEINLINE ULONG KiReadCr4(VOID)
{
    ULONG Value;
    __asm__ volatile("mov %%cr4, %0" : "=r"(Value));
    return Value;
}
FORCEINLINE VOID KiWriteCr4(ULONG Value)
{
    __asm__ volatile("mov %0, %%cr4" : : "r"(Value) : "memory");
}
FORCEINLINE VOID KiWriteMsr(ULONG Msr, ULONG Value)
{
    __asm__ volatile("wrmsr" : : "c"(Msr), "a"(Value), "d"(0));
}
FORCEINLINE VOID KiEnableInterrupts(VOID)
{
    __asm__ volatile("sti" : : : "memory");
}
FORCEINLINE PEXCEPTION_REGISTRATION_RECORD KiGetExceptionList(VOID)
{
    PEXCEPTION_REGISTRATION_RECORD Head;
    __asm__ volatile("mov %%fs:0, %0" : "=r"(Head) : : "memory");
    return Head;
}
FORCEINLINE VOID KiSetExceptionList(PEXCEPTION_REGISTRATION_RECORD Head)
{
    __asm__ volatile("mov %0, %%fs:0" : : "r"(Head) : "memory");
}
FORCEINLINE VOID KiSetIrql(KIRQL Irql)
{
#if DBG // a free build's trace knows the IRQL at each event, not each change
    KIRQL Old = KeGetCurrentIrql();
#endif
    __asm__ volatile("movb %0, %%fs:0x24" : : "qi"(Irql) : "memory");
#if DBG
    if (__builtin_expect((KdTraceMask & KD_TRACE_IRQL) != 0, 0))
        KdTraceLevel(Irql, Old);
#endif
}
// KfRaiseIrql in place. Place: who asks.
FORCEINLINE KIRQL KiRaiseIrql(KIRQL NewIrql, PVOID Place)
{
    KIRQL OldIrql = KeGetCurrentIrql();

#if DBG
    if (OldIrql > NewIrql)
        KeBugCheckEx(IRQL_NOT_GREATER_OR_EQUAL, OldIrql, NewIrql, 0, (ULONG_PTR)Place);
#endif
    UNREFERENCED_PARAMETER(Place);
    KiSetIrql(NewIrql);
    return OldIrql;
}
FORCEINLINE ULONG KiReadIrr(VOID)
{
    ULONG Irr;
    __asm__ volatile("mov %%fs:0x28, %0" : "=r"(Irr) : : "memory");
    return Irr;
}
// Asks for a software interrupt when the IRQL next falls.
FORCEINLINE VOID KiPostSoftwareInterrupt(KIRQL Level)
{
    __asm__ volatile("orl %0, %%fs:0x28" : : "ri"(1ul << Level) : "memory", "cc");
}
#define CR0_MP 0x2u
#define CR0_EM 0x4u
#define CR0_TS 0x8u
#define CR0_NE 0x20u
#define CR0_WP 0x10000u
#define CR0_AM 0x40000u
#define CR4_DE 0x8u
#define CR4_PGE 0x80u
#define CR4_OSFXSR 0x200u
#define CR4_OSXMMEXCPT 0x400u
#define CR4_SMEP 0x100000u

// --- dispatcher database. The lock is taken and given up on every path that is measured, so it is inline (dispatcher.c
// says what it protects, and why it is a plain one): the processor that holds it, or NULL.
extern PKPRCB volatile KiDispatcherLock;
VOID KiWaitForDispatcherLock(PKPRCB Prcb, PKPRCB Owner);
// NextThread is set: switch to it if OldIrql allows, else see to it that it happens when the IRQL falls.
VOID KiHonourNextThread(KIRQL OldIrql);
VOID KiLowerSlow(KIRQL NewIrql);                                  // irql.c
#define KiDispatcherHeld (KiDispatcherLock == KeGetCurrentPrcb()) // by this processor
#define ASSERT_DISPATCHER_LOCKED() ASSERT(KiDispatcherHeld)

// IRQL DISPATCH_LEVEL.
FORCEINLINE VOID KiLockDispatcherAtDpcLevel(VOID)
{
    PKPRCB Prcb = KeGetCurrentPrcb(), Owner = NULL;

    ASSERT(KeGetCurrentIrql() == SYNCH_LEVEL);
    if (!__atomic_compare_exchange_n(&KiDispatcherLock, &Owner, Prcb, FALSE, __ATOMIC_ACQUIRE, __ATOMIC_RELAXED))
        KiWaitForDispatcherLock(Prcb, Owner);
}
FORCEINLINE VOID KiUnlockDispatcherFromDpcLevel(VOID)
{
    ASSERT_DISPATCHER_LOCKED();
    __atomic_store_n(&KiDispatcherLock, NULL, __ATOMIC_RELEASE);
}
// IRQL <= DISPATCH_LEVEL. Returns the old IRQL for KiUnlockDispatcherDatabase.
FORCEINLINE KIRQL KiLockDispatcherDatabase(VOID)
{
    KIRQL OldIrql = KeGetCurrentIrql();

    ASSERT(OldIrql <= SYNCH_LEVEL);
    KiSetIrql(SYNCH_LEVEL);
    KiLockDispatcherAtDpcLevel();
    return OldIrql;
}
FORCEINLINE VOID KiLowerIrql(KIRQL NewIrql)
{
    KiSetIrql(NewIrql);
    if (KiReadIrr() & KiIrqlMask[NewIrql])
        KiLowerSlow(NewIrql);
}
// Gives the lock up and lowers the IRQL. If a more important thread became ready, it runs now, or as soon as it may.
FORCEINLINE VOID KiUnlockDispatcherDatabase(KIRQL OldIrql)
{
    if (__builtin_expect(KeGetCurrentPrcb()->NextThread != NULL, FALSE))
        KiHonourNextThread(OldIrql);
    KiUnlockDispatcherFromDpcLevel();
    KiLowerIrql(OldIrql);
    KeChaosPoint(ChaosDispatcherLock);
}
// Takes the lock for a wait, or goes on with it after KeSetEvent(..., TRUE). Returns the IRQL to come back to.
FORCEINLINE KIRQL KiEnterWait(PKTHREAD Thread)
{
    if (!Thread->WaitNext)
        return KiLockDispatcherDatabase();
    Thread->WaitNext = FALSE;
    return Thread->WaitIrql;
}
// Ends an operation that signaled something. If Wait, the caller's next call is a wait: the lock stays held.
VOID KiKeepDispatcher(KIRQL OldIrql);
FORCEINLINE VOID KiReleaseDispatcher(KIRQL OldIrql, BOOLEAN Wait)
{
    if (Wait)
        KiKeepDispatcher(OldIrql);
    else
        KiUnlockDispatcherDatabase(OldIrql);
}

#define ASSERT_OBJECT(o, First, Last)                                                                                  \
    ASSERT(((o)->Header.Type & 0x7F) >= (First) && ((o)->Header.Type & 0x7F) <= (Last))
#define ASSERT_EVENT(e) ASSERT_OBJECT(e, EventNotificationObject, EventSynchronizationObject)
#define ASSERT_MUTANT(m) ASSERT_OBJECT(m, MutantObject, MutantObject)
#define ASSERT_SEMAPHORE(s) ASSERT_OBJECT(s, SemaphoreObject, SemaphoreObject)
#define ASSERT_TIMER(t) ASSERT_OBJECT(t, TimerNotificationObject, TimerSynchronizationObject)
#define ASSERT_QUEUE(q) ASSERT_OBJECT(q, QueueObject, QueueObject)
#define ASSERT_THREAD(t) ASSERT_OBJECT(t, ThreadObject, ThreadObject)
#define ASSERT_PROCESS(p) ASSERT_OBJECT(p, ProcessObject, ProcessObject)

#endif
