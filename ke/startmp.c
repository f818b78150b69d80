// SPDX-License-Identifier: MIT
// The other processors. Processor 0 makes a block for each - control region, descriptor tables, idle thread with its
// stack -, has the HAL start it, and waits until it has joined: it takes its first thread from the ready queues then.
// Source: Windows Internals, "Initializing the Kernel"; Intel SDM 3A 8.4.

#include "ki.h"

#define KI_PROCESSOR_TAG 0x7250654Bu // KePr

// One allocation each, page aligned: the control region is a page of its own.
typedef struct _KI_PROCESSOR {
    UCHAR PcrPage[PAGE_SIZE];
    UCHAR IdleStack[KI_IDLE_STACK_SIZE];
    KI_DESCRIPTORS Descriptors;
    struct {
        OBJECT_HEADER Header;
        ETHREAD Thread;
    } Idle;
    ULONG Number;
    volatile BOOLEAN Joined;
} KI_PROCESSOR, *PKI_PROCESSOR;

// The first C code of a processor: interrupts off, on its idle stack, in the system process's address space.
static VOID NTAPI KiStartProcessor(PVOID Argument)
{
    PKI_PROCESSOR Block = Argument;
    PKPCR Pcr = (PKPCR)Block->PcrPage;
    PETHREAD Thread = &Block->Idle.Thread;
    PKPRCB Prcb;

    KiInitializePcr(Pcr, Block->Number, &Thread->Tcb, Block->IdleStack + KI_IDLE_STACK_SIZE);
    KiInitializeDescriptors(Pcr, &Block->Descriptors);
    Prcb = KeGetCurrentPrcb();
    Prcb->LoadedDirectory = KiReadCr3();
    Prcb->LoadedProcess = &PsInitialSystemProcess->Pcb;
    KiInitializeCpu();
    KiInitializeFastCall();
    KiInitializeNpx();
    HalInitializeProcessor(Block->Number);
    Pcr->NtTib.StackBase = Thread->Tcb.InitialStack;
    Pcr->NtTib.StackLimit = Thread->Tcb.StackLimit;
    Pcr->TSS->Esp0 = (ULONG)&KeGetTrapFrame(&Thread->Tcb)->V86Es;
    KiSetIrql(DISPATCH_LEVEL);

    KiLockDispatcherAtDpcLevel();
    PsInitialSystemProcess->Pcb.ActiveProcessors |= Prcb->SetMember;
    KeActiveProcessors |= Prcb->SetMember;
    KeNumberProcessors++;
    KiIdleSummary |= Prcb->SetMember;
    KiUnlockDispatcherFromDpcLevel();
    KiFlushWholeTb(); // until now nobody told this processor what changes
    KiSetIrql(PASSIVE_LEVEL);
    HalStartProcessorClock();
    __atomic_store_n(&Block->Joined, TRUE, __ATOMIC_RELEASE);
    KiIdleLoop();
}

// Starts one processor. FALSE: it did not answer.
static BOOLEAN KiStartOne(ULONG Number)
{
    PKI_PROCESSOR Block = ExAllocatePoolWithTag(NonPagedPool, sizeof(*Block), KI_PROCESSOR_TAG);

    if (Block == NULL)
        return FALSE;
    ASSERT(((ULONG_PTR)Block & (PAGE_SIZE - 1)) == 0);
    RtlZeroMemory(Block, sizeof(*Block));
    Block->Number = Number;
    Block->Idle.Header.PointerCount = 1;
    KiInitializeIdleThread(&Block->Idle.Thread, PsIdleProcess, Block->IdleStack, KI_IDLE_STACK_SIZE, Number);
    KdTraceStartProcessor(Number);
    if (!HalStartProcessor(Number, PsInitialSystemProcess->Pcb.DirectoryTableBase, Block->Idle.Thread.Tcb.KernelStack,
                           KiStartProcessor, Block)) {
        return FALSE; // the block stays: the processor may still come
    }
    while (!__atomic_load_n(&Block->Joined, __ATOMIC_ACQUIRE))
        YieldProcessor();
    KiSetTrapTableCr3(&Block->Descriptors, PsInitialSystemProcess->Pcb.DirectoryTableBase);
    return TRUE;
}

// Every process so far may use the new processors too.
static VOID KiSpreadAffinity(VOID)
{
    KIRQL OldIrql = KiLockDispatcherDatabase();
    PLIST_ENTRY Entry;

    PsInitialSystemProcess->Pcb.Affinity = KeActiveProcessors;
    for (Entry = PsInitialSystemProcess->Pcb.ThreadListHead.Flink; Entry != &PsInitialSystemProcess->Pcb.ThreadListHead;
         Entry = Entry->Flink) {
        PKTHREAD Thread = CONTAINING_RECORD(Entry, KTHREAD, ThreadListEntry);

        Thread->Affinity = Thread->UserAffinity = KeActiveProcessors;
    }
    KiUnlockDispatcherDatabase(OldIrql);
}

// Starts the processors that the HAL knows, in order of their numbers. Phase 1, PASSIVE_LEVEL.
VOID KiStartProcessors(VOID)
{
    ULONG Count = HalQueryProcessorCount(), Number;

    for (Number = 1; Number < Count; Number++)
        if (!KiStartOne(Number)) {
            DbgPrint("Ke: processor %u did not start\n", Number);
            break;
        }
    KiSpreadAffinity();
}
