// SPDX-License-Identifier: MIT
// From the boot code to the idle loop: processor structures, the idle thread and process, then the executive's phase 0.
// Everything runs with interrupts off until KiIdleLoop. Source: Windows Internals, "Initializing the Kernel".

#include "ki.h"

#define KI_OBJECT_REFERENCES 1000 // nobody brings these two to zero

// The first thread and process exist before there are pools. They have object headers in front, so that code that
// references "the current process" need not ask; Ps adopts them.
static struct {
    OBJECT_HEADER Header;
    EPROCESS Process;
} KiInitialProcess;
static struct {
    OBJECT_HEADER Header;
    ETHREAD Thread;
} KiInitialThread;
_Static_assert(__builtin_offsetof(typeof(KiInitialProcess), Process) == sizeof(OBJECT_HEADER),
               "body follows its header");
_Static_assert(__builtin_offsetof(typeof(KiInitialThread), Thread) == sizeof(OBJECT_HEADER), "body follows its header");

static UCHAR KiIdleStack[KI_IDLE_STACK_SIZE] ALIGNED(4096);

KPRCB *KiProcessorBlock[MAXIMUM_PROCESSORS];
CCHAR KeNumberProcessors = 1;
KAFFINITY KeActiveProcessors = 1;

_Static_assert(__builtin_offsetof(KPRCB, CurrentThread) == 4, "fs:[124h]");
_Static_assert(sizeof(KPCR) - 4 + sizeof(KPRCB) <= PAGE_SIZE, "KPCR and KPRCB share a page");

#define KI_PCR ((PKPCR)0xFFDFF000)

// Fills the control region of a processor. Pcr: a page of its own.
VOID KiInitializePcr(PKPCR Pcr, ULONG Number, PKTHREAD IdleThread, PVOID StackTop)
{
    PKPRCB Prcb = (PKPRCB)Pcr->PrcbDataPlace;
    ULONG Priority;

    RtlZeroMemory(Pcr, PAGE_SIZE);
    Pcr->NtTib.ExceptionList = EXCEPTION_CHAIN_END;
    Pcr->NtTib.Self = NULL;
    Pcr->SelfPcr = Pcr;
    Pcr->Prcb = Prcb;
    Pcr->Irql = HIGH_LEVEL;
    Pcr->MajorVersion = Prcb->MajorVersion = 1;
    Pcr->MinorVersion = Prcb->MinorVersion = 1;
    Pcr->Number = Prcb->Number = (UCHAR)Number;
    Pcr->SetMember = Prcb->SetMember = 1ul << Number;
    Prcb->BuildType = DBG;
    Prcb->CurrentThread = Prcb->IdleThread = IdleThread;
    Prcb->DpcStack = StackTop;
    InitializeListHead(&Prcb->DpcData[DPC_NORMAL].DpcListHead);
    InitializeListHead(&Prcb->DpcData[DPC_THREADED].DpcListHead);
    for (Priority = 0; Priority < MAXIMUM_PRIORITY; Priority++)
        InitializeListHead(&Prcb->DispatcherReadyListHead[Priority]);
    KiProcessorBlock[Number] = Prcb;
}

static VOID KiInitializeIdleProcess(VOID)
{
    PEPROCESS Process = &KiInitialProcess.Process;

    KiInitialProcess.Header.PointerCount = KI_OBJECT_REFERENCES;
    KiInitialThread.Header.PointerCount = KI_OBJECT_REFERENCES;
    KeInitializeProcess(&Process->Pcb, 0, KeActiveProcessors, KiReadCr3());
    InitializeListHead(&Process->ThreadListHead);
    InitializeListHead(&Process->ActiveProcessLinks);
    KeGetCurrentPrcb()->LoadedDirectory = KiReadCr3();
    KeGetCurrentPrcb()->LoadedProcess = &Process->Pcb;
    Process->Pcb.ActiveProcessors = 1;
    KiInitializeIdleThread(&KiInitialThread.Thread, Process, KiIdleStack, KI_IDLE_STACK_SIZE, 0);
    KiInitialThread.Thread.Tcb.Priority = HIGH_PRIORITY; // nothing preempts the start-up
}

// Makes Thread the idle thread of processor Number, as if it ran there. Thread: zeroed, with an object header in front.
VOID KiInitializeIdleThread(PETHREAD Thread, PEPROCESS Process, PUCHAR Stack, ULONG StackSize, ULONG Number)
{
    Thread->ThreadsProcess = Process;
    InitializeListHead(&Thread->ThreadListEntry);
    InitializeListHead(&Thread->IrpList);
    InitializeListHead(&Thread->ActiveTimerListHead);
    Thread->Flags = PS_THREAD_FLAGS_SYSTEM;
    KeInitThread(&Thread->Tcb, Stack + StackSize, NULL, NULL, NULL, NULL, NULL, &Process->Pcb);
    Thread->Tcb.StackLimit = Stack;
    Thread->Tcb.State = Running;
    Thread->Tcb.Priority = -1; // below every thread
    Thread->Tcb.NextProcessor = Thread->Tcb.IdealProcessor = (UCHAR)Number;
    Thread->Tcb.Affinity = Thread->Tcb.UserAffinity = 1ul << Number;
    InsertTailList(&Process->Pcb.ThreadListHead, &Thread->Tcb.ThreadListEntry);
}

static VOID KiInitializeSharedData(VOID)
{
    SharedUserData->TickCountMultiplier = (ULONG)(((ULONGLONG)CLOCK_INCREMENT_100NS << 24) / 10000);
}

static DECLSPEC_NORETURN VOID KiStartOnIdleStack(VOID)
{
    PKPCR Pcr = KeGetPcr();

    Pcr->NtTib.StackBase = KiInitialThread.Thread.Tcb.InitialStack;
    Pcr->NtTib.StackLimit = KiInitialThread.Thread.Tcb.StackLimit;
    Pcr->TSS->Esp0 = (ULONG)&KeGetTrapFrame(&KiInitialThread.Thread.Tcb)->V86Es;
    KiInitializeCpu();
    KiInitializeFastCall();
    KiInitializeNpx();
    KdInitSystem(KeLoaderBlock);
    HalInitSystem(0, KeLoaderBlock);
    KiInitializeIrqlTables();
    KiInitializeTimerTable();
    KiInitializeServiceTable();
    KiInitializeSharedData();
    KfLowerIrql(PASSIVE_LEVEL); // with interrupts off
    ExpInitializeExecutive(KeLoaderBlock);
    KiIdleLoop();
}

// The kernel's entry point, from boot/ on the boot stack with interrupts off and paging on. Never returns.
DECLSPEC_NORETURN VOID NTAPI KiSystemStartup(PLOADER_PARAMETER_BLOCK LoaderBlock)
{
    KeLoaderBlock = LoaderBlock;
    KiInitializePcr(KI_PCR, 0, &KiInitialThread.Thread.Tcb, KiIdleStack + KI_IDLE_STACK_SIZE);
    KiInitializeDescriptors(KI_PCR, &KiBootDescriptors);
    KiInitializeIdleProcess();
    KiSwitchToIdleStack((PCHAR)KiInitialThread.Thread.Tcb.KernelStack, (PVOID)KiStartOnIdleStack);
}

// Phase 1: the system process's address space is the one that traps with their own task run in; the other processors
// start. PASSIVE_LEVEL, the clock runs.
BOOLEAN KeInitSystem(VOID)
{
    KiSetTrapTableCr3(&KiBootDescriptors, PsInitialSystemProcess->Pcb.DirectoryTableBase);
    KiStartProcessors();
    return KiStartDpcThreads() && KiStartSwapThread() && KiStartBalanceSetManager();
}
