// SPDX-License-Identifier: MIT
// Schedule exploration: makes at chosen instructions happen what may happen at any: the quantum ends, the thread
// yields, a DPC runs, a kernel APC interrupts this thread or breaks off the wait of another, the clock ticks. Which,
// when: a pseudo-random sequence of each processor, from /CHAOS=seed and the name of the test. Nothing here is against
// the rules of the kernel, so whatever breaks was wrong before; the seed brings it back.

#include "ki.h"

#if DBG

#define CHAOS_CLOCK_SHARE 64u // one of so many actions is a tick: time must not run away from its counters
#define CHAOS_APCS 4u
#define CHAOS_LONGEST_DPC 200u // loops

// One point in so many does something: some bugs need a storm, others one event at the right place. The seed chooses.
static const ULONG KiChaosPeriods[] = {48, 12, 160, 5};

typedef enum _KCHAOS_ACTION {
    ChaosQuantumEnd,
    ChaosYield,
    ChaosDpc,
    ChaosApcHere,
    ChaosApcElsewhere,
    ChaosClock,
    ChaosActionCount
} KCHAOS_ACTION;

typedef struct _KCHAOS {
    ULONG State; // of the random numbers; 0: not begun
    ULONG Points, Actions[ChaosActionCount];
    KDPC Dpc;
    KAPC Apc[CHAOS_APCS];
} KCHAOS, *PKCHAOS;

ULONG KeChaosEnabled;
static ULONG KiChaosSeed;
static BOOLEAN KiChaosPresent, KiChaosTame;
static KCHAOS KiChaos[RTL_NUMBER_OF(KiProcessorBlock)];

// xorshift32 (G. Marsaglia 2003).
static ULONG KiChaosRandom(PKCHAOS Chaos)
{
    Chaos->State ^= Chaos->State << 13;
    Chaos->State ^= Chaos->State >> 17;
    Chaos->State ^= Chaos->State << 5;
    return Chaos->State;
}

static VOID NTAPI KiChaosDpc(PKDPC Dpc, PVOID Context, PVOID Argument1, PVOID Argument2)
{
    volatile ULONG Loops = (ULONG)(ULONG_PTR)Argument1;

    UNREFERENCED_PARAMETER(Dpc);
    UNREFERENCED_PARAMETER(Context);
    UNREFERENCED_PARAMETER(Argument2);
    while (Loops-- != 0)
        continue;
}

static VOID NTAPI KiChaosApc(PKAPC Apc, PKNORMAL_ROUTINE *NormalRoutine, PVOID *Context, PVOID *Argument1,
                             PVOID *Argument2)
{
    UNREFERENCED_PARAMETER(Apc);
    UNREFERENCED_PARAMETER(NormalRoutine);
    UNREFERENCED_PARAMETER(Context);
    UNREFERENCED_PARAMETER(Argument1);
    UNREFERENCED_PARAMETER(Argument2);
}

static PKAPC KiFreeChaosApc(PKCHAOS Chaos)
{
    ULONG Index;

    for (Index = 0; Index < CHAOS_APCS; Index++)
        if (!Chaos->Apc[Index].Inserted)
            return &Chaos->Apc[Index];
    return NULL;
}

// Breaks off the wait of one of the current process's threads. The APC object is the processor's own, so the thread may
// end with it.
static VOID KiInterruptWait(PKCHAOS Chaos, ULONG Choice)
{
    KIRQL OldIrql = KiLockDispatcherDatabase();
    PLIST_ENTRY Head = &KeGetCurrentThread()->Process->ThreadListHead, Entry = Head->Flink;
    PKAPC Apc = KiFreeChaosApc(Chaos);
    PKTHREAD Thread;

    for (Choice %= 16; Choice != 0 && Entry->Flink != Head; Choice--)
        Entry = Entry->Flink;
    if (Apc != NULL && Entry != Head) {
        Thread = CONTAINING_RECORD(Entry, KTHREAD, ThreadListEntry);
        if (Thread->State == Waiting && Thread->ApcQueueable) {
            KeInitializeApc(Apc, Thread, OriginalApcEnvironment, KiChaosApc, NULL, NULL, KernelMode, NULL);
            (VOID) KiInsertQueueApc(Apc, 0);
        }
    }
    KiUnlockDispatcherDatabase(OldIrql);
}

// An APC object is free or queued, and nothing in between, to whoever holds the dispatcher lock.
static VOID KiInterruptSelf(PKCHAOS Chaos)
{
    PKTHREAD Thread = KeGetCurrentThread();
    KIRQL OldIrql = KiLockDispatcherDatabase();
    PKAPC Apc = KiFreeChaosApc(Chaos);

    if (Apc != NULL && Thread->ApcQueueable) {
        KeInitializeApc(Apc, Thread, OriginalApcEnvironment, KiChaosApc, NULL, NULL, KernelMode, NULL);
        (VOID) KiInsertQueueApc(Apc, 0);
    }
    KiUnlockDispatcherDatabase(OldIrql);
}

// A tick as if its interrupt had been recorded at a raised IRQL.
static VOID KiForceTick(VOID)
{
    BOOLEAN Enable = KeDisableInterrupts();

    KeGetPcr()->IRR |= KI_LINE_BIT(KeGetCurrentProcessorNumber() == 0 ? CLOCK_LINE : HAL_TIMER_LINE);
    KiTakePendingInterrupts(KeGetCurrentIrql(), Enable);
    KeRestoreInterrupts(Enable);
}

static VOID KiEndQuantum(VOID)
{
    KIRQL OldIrql = KfRaiseIrql(DISPATCH_LEVEL);

    KeGetCurrentThread()->Quantum = 0;
    KeGetCurrentPrcb()->QuantumEnd = TRUE;
    HalRequestSoftwareInterrupt(DISPATCH_LEVEL);
    KfLowerIrql(OldIrql);
}

static VOID KiActChaotically(PKCHAOS Chaos, KCHAOS_ACTION Action, ULONG Random)
{
    switch (Action) {
    case ChaosQuantumEnd:
        KiEndQuantum();
        return;
    case ChaosYield:
        (VOID) KeYieldExecution();
        return;
    case ChaosDpc:
        (VOID) KeInsertQueueDpc(&Chaos->Dpc, (PVOID)(Random % CHAOS_LONGEST_DPC), NULL);
        return;
    case ChaosApcHere:
        KiInterruptSelf(Chaos);
        return;
    case ChaosApcElsewhere:
        KiInterruptWait(Chaos, Random);
        return;
    default:
        KiForceTick();
        return;
    }
}

// What happens at this point, or ChaosActionCount. Interrupts off: the processor's sequence is its own.
static KCHAOS_ACTION KiChooseAction(PKCHAOS Chaos)
{
    ULONG Random = KiChaosRandom(Chaos);

    Chaos->Points++;
    if (Random % KiChaosPeriods[KiChaosSeed / 8 % RTL_NUMBER_OF(KiChaosPeriods)] != 0)
        return ChaosActionCount;
    Random = KiChaosRandom(Chaos);
    if (KiChaosTame)
        return (Random & 1) ? ChaosDpc : ChaosApcHere;
    return Random % CHAOS_CLOCK_SHARE == 0 ? ChaosClock : (KCHAOS_ACTION)(Random >> 8) % ChaosClock;
}

// The slow part of KeChaosPoint. Returns with everything as it was, but other threads may have run.
VOID KeChaos(KCHAOS_POINT Point)
{
    PKTHREAD Thread = KeGetCurrentThread();
    KCHAOS_ACTION Action = ChaosActionCount;
    BOOLEAN Enable = KeDisableInterrupts();
    PKPRCB Prcb = KeGetCurrentPrcb();
    PKCHAOS Chaos = &KiChaos[Prcb->Number];

    if (Enable && KeGetCurrentIrql() < DISPATCH_LEVEL && !Prcb->DpcRoutineActive && Thread != Prcb->IdleThread &&
        Thread->State == Running && !Thread->InChaos && Chaos->State != 0)
        Action = KiChooseAction(Chaos);
    KeRestoreInterrupts(Enable);
    if (Action == ChaosActionCount)
        return;
    Thread->InChaos = TRUE; // what the action does has points of its own
    InterlockedIncrement((volatile LONG *)&Chaos->Actions[Action]);
    KdTrace(Chaos, Point, Action, Chaos->Points, 0);
    KiActChaotically(Chaos, Action, Chaos->State);
    Thread->InChaos = FALSE;
}

// Begins the sequences anew, from the seed and a test's name; NULL: holds them. Tame: only what leaves the order of
// threads alone, for a test whose law is that order. Nothing happens without /CHAOS=. IRQL PASSIVE_LEVEL.
VOID KeSeedChaos(PCSTR Name, BOOLEAN Tame)
{
    ULONG Processor, Hash = 2463534242u ^ (KiChaosSeed * 2654435761u);

    KeChaosEnabled = 0;
    KiChaosTame = Tame;
    if (!KiChaosPresent || Name == NULL)
        return;
    for (; *Name != '\0'; Name++)
        Hash = (Hash ^ (UCHAR)*Name) * 16777619u;
    for (Processor = 0; Processor < RTL_NUMBER_OF(KiChaos); Processor++)
        KiChaos[Processor].State = (Hash ^ (Processor * 40503u)) | 1;
    KeChaosEnabled = 1;
}

// Reads /CHAOS=. Once, at the end of phase 1.
VOID KeStartChaos(VOID)
{
    PCSTR Option = KeFindBootOption("/CHAOS=");
    ULONG Processor;

    if (Option == NULL)
        return;
    KiChaosPresent = TRUE;
    KiChaosSeed = strtoul(Option, NULL, 10);
    for (Processor = 0; Processor < RTL_NUMBER_OF(KiChaos); Processor++)
        KeInitializeDpc(&KiChaos[Processor].Dpc, KiChaosDpc, NULL);
    KeTraceServices(); // system calls have points only by this way
    KeSeedChaos("", FALSE);
}

// Tells how much was forced. Any IRQL.
VOID KeReportChaos(VOID)
{
    ULONG Processor, Action, Points = 0, Sums[ChaosActionCount] = {0};

    if (!KiChaosPresent)
        return;
    for (Processor = 0; Processor < RTL_NUMBER_OF(KiChaos); Processor++) {
        Points += KiChaos[Processor].Points;
        for (Action = 0; Action < ChaosActionCount; Action++)
            Sums[Action] += KiChaos[Processor].Actions[Action];
    }
    KdHostRecord("chaos %u points %u quantum %u yield %u dpc %u apc %u unwait %u clock %u", KiChaosSeed, Points,
                 Sums[ChaosQuantumEnd], Sums[ChaosYield], Sums[ChaosDpc], Sums[ChaosApcHere], Sums[ChaosApcElsewhere],
                 Sums[ChaosClock]);
}

#endif
