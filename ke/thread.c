// SPDX-License-Identifier: MIT
// Kernel threads: preparing the stack of a new one, starting it, ending it. The life of the ETHREAD around it is Ps's.

#include "ki.h"

// What KiSwapContext pops, and KiThreadStartup after it (i386/switch.asm).
typedef struct _KSWITCH_FRAME {
    PEXCEPTION_REGISTRATION_RECORD ExceptionList;
    ULONG Edi, Esi, Ebx, Ebp;
    PVOID ReturnAddress;
    PKSYSTEM_ROUTINE SystemRoutine;
    PKSTART_ROUTINE StartRoutine;
    PVOID StartContext;
    ULONG HasUserContext;
} KSWITCH_FRAME, *PKSWITCH_FRAME;

static VOID KiInitializeThreadStack(PKTHREAD Thread, PVOID KernelStack, PKSYSTEM_ROUTINE SystemRoutine,
                                    PKSTART_ROUTINE StartRoutine, PVOID StartContext, PCONTEXT Context)
{
    PKTRAP_FRAME TrapFrame;
    PKSWITCH_FRAME Switch;

    Thread->InitialStack = KernelStack;
    Thread->StackBase = KernelStack;
    Thread->StackLimit = (PCHAR)KernelStack - KERNEL_STACK_SIZE;
    Thread->NpxArea = (PKFPU_AREA)((PCHAR)KernelStack - sizeof(KFPU_AREA));
    TrapFrame = KeGetTrapFrame(Thread);
    RtlZeroMemory(TrapFrame, sizeof(*TrapFrame));
    if (Context != NULL) {
        TrapFrame->SegCs = KGDT_R3_CODE | RPL_MASK;
        TrapFrame->DbgArgMark = KI_FRAME_FULL;
        KeContextToKframes(TrapFrame, NULL, Context, CONTEXT_FULL, UserMode);
        KiNpxFromContext(Thread, Context, Context->ContextFlags);
    }
    Switch = (PKSWITCH_FRAME)TrapFrame - 1;
    RtlZeroMemory(Switch, sizeof(*Switch));
    Switch->ExceptionList = EXCEPTION_CHAIN_END;
    Switch->ReturnAddress = (PVOID)KiThreadStartup;
    Switch->SystemRoutine = SystemRoutine;
    Switch->StartRoutine = StartRoutine;
    Switch->StartContext = StartContext;
    Switch->HasUserContext = Context != NULL;
    Thread->KernelStack = Switch;
    Thread->TrapFrame = Context != NULL ? TrapFrame : NULL;
}

static VOID KiInitializeThreadObject(PKTHREAD Thread, PKPROCESS Process)
{
    ULONG Mode;

    Thread->Header.Type = ThreadObject;
    Thread->Header.Size = sizeof(*Thread) / sizeof(ULONG);
    InitializeListHead(&Thread->Header.WaitListHead);
    InitializeListHead(&Thread->MutantListHead);
    for (Mode = 0; Mode < MaximumMode; Mode++)
        InitializeListHead(&Thread->ApcState.ApcListHead[Mode]);
    Thread->ApcState.Process = Process;
    Thread->ApcStatePointer[OriginalApcEnvironment] = &Thread->ApcState;
    Thread->ApcStatePointer[AttachedApcEnvironment] = &Thread->SavedApcState;
    Thread->ApcQueueable = TRUE;
    Thread->KernelStackResident = TRUE;
    Thread->EnableStackSwap = TRUE;
    Thread->Process = Process;
    Thread->ServiceTable = (PVOID *)KeServiceDescriptorTable;
    Thread->QuantumReset = THREAD_QUANTUM;
    Thread->Quantum = THREAD_QUANTUM;
    Thread->Affinity = Thread->UserAffinity = KeActiveProcessors;
    KeInitializeTimer(&Thread->Timer);
    KiInitializeSuspendApc(Thread);
    KeInitializeSemaphore(&Thread->SuspendSemaphore, 0, 2);
}

// Prepares a thread on a kernel stack that the caller made: it will begin in SystemRoutine(StartRoutine, StartContext)
// at APC_LEVEL. With Context, SystemRoutine returns and the thread goes on to user mode with it; without, it must end
// the thread.
//
// Thread: zeroed.  KernelStack: highest address of KERNEL_STACK_SIZE bytes, owned by the caller until the thread is
// dead.
// IRQL <= APC_LEVEL.  Cannot fail.
VOID KeInitThread(PKTHREAD Thread, PVOID KernelStack, PKSYSTEM_ROUTINE SystemRoutine, PKSTART_ROUTINE StartRoutine,
                  PVOID StartContext, PCONTEXT Context, PTEB Teb, PKPROCESS Process)
{
    KiInitializeThreadObject(Thread, Process);
    Thread->Teb = Teb;
    Thread->SystemThread = Context == NULL;
    Thread->PreviousMode = Context != NULL ? UserMode : KernelMode;
    KiInitializeThreadStack(Thread, KernelStack, SystemRoutine, StartRoutine, StartContext, Context);
    Thread->State = Initialized;
}

// The processors of a process in turn, beginning with a different one for each process.
static UCHAR KiNextIdealProcessor(PKPROCESS Process)
{
    ULONG Number = Process->ThreadSeed;

    do {
        Number = (Number + 1) % (ULONG)KeNumberProcessors;
    } while ((Process->Affinity >> Number & 1) == 0 && Number != Process->ThreadSeed);
    if ((Process->Affinity >> Number & 1) == 0)
        Number = (ULONG)__builtin_ctzl(Process->Affinity);
    Process->ThreadSeed = (UCHAR)Number;
    return (UCHAR)Number;
}

// Links the thread to its process and takes priority, quantum and affinity from it. IRQL <= DISPATCH_LEVEL.
VOID KeStartThread(PKTHREAD Thread)
{
    PKPROCESS Process = Thread->Process;
    KIRQL OldIrql = KiLockDispatcherDatabase();

    Thread->BasePriority = Process->BasePriority;
    Thread->Priority = Process->BasePriority;
    Thread->QuantumReset = Process->QuantumReset;
    Thread->Quantum = Process->QuantumReset;
    Thread->DisableBoost = Process->DisableBoost;
    Thread->Affinity = Thread->UserAffinity = Process->Affinity;
    Thread->IdealProcessor = Thread->NextProcessor = KiNextIdealProcessor(Process);
    Process->StackCount++;
    InsertTailList(&Process->ThreadListHead, &Thread->ThreadListEntry);
    KiUnlockDispatcherDatabase(OldIrql);
}

// Lets a started thread run for the first time. IRQL <= DISPATCH_LEVEL.
VOID KeReadyThread(PKTHREAD Thread)
{
    KIRQL OldIrql = KiLockDispatcherDatabase();

    ASSERT(Thread->State == Initialized);
    KiReadyThread(Thread);
    KiUnlockDispatcherDatabase(OldIrql);
}

// The first C code of a new thread (from KiThreadStartup): it inherits the dispatcher lock at DISPATCH_LEVEL.
VOID KiBeginThread(VOID)
{
    KiFinishSwitch();
    KiUnlockDispatcherFromDpcLevel();
    KiEnableInterrupts();
    KfLowerIrql(APC_LEVEL);
}

// Ends the current thread: abandons its mutants, signals it, and never returns. Its stack and object stay in use until
// another thread runs; whoever waits for the thread object may free them.
//
// Increment: boost for those who wait for it.  IRQL PASSIVE_LEVEL or APC_LEVEL.  Takes the dispatcher lock.
DECLSPEC_NORETURN VOID KeTerminateThread(KPRIORITY Increment)
{
    PKTHREAD Thread = KeGetCurrentThread();
    PKPROCESS Process = Thread->Process;

    ASSERT_IRQL_LESS_OR_EQUAL(APC_LEVEL);
    ASSERT(Thread->ApcStateIndex == OriginalApcEnvironment);
    (VOID) KiLockDispatcherDatabase();
    Thread->ApcQueueable = FALSE;
    KiForgetNpxState(Thread);
    KiAbandonMutants(Thread);
    if (Thread->Queue != NULL) {
        RemoveEntryList(&Thread->QueueListEntry);
        KiQueueThreadBlocks(Thread);
        Thread->Queue = NULL;
    }
    RemoveEntryList(&Thread->ThreadListEntry);
    Process->StackCount--;
    Process->KernelTime += Thread->KernelTime;
    Process->UserTime += Thread->UserTime;
    Thread->Header.SignalState = 1;
    KdTrace(Signal, Thread, ThreadObject, 0, 0);
    if (!IsListEmpty(&Thread->Header.WaitListHead))
        KiWaitTest(Thread, Increment);
    Thread->State = Terminated;
    (VOID) KiSwapThread();
    KeBugCheck(MULTIPROCESSOR_CONFIGURATION_NOT_SUPPORTED); // a dead thread was switched to
}

// The trap frame a user thread entered the kernel with.
PKTRAP_FRAME KeGetTrapFrame(PKTHREAD Thread)
{
    return (PKTRAP_FRAME)Thread->NpxArea - 1;
}
