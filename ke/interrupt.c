// SPDX-License-Identifier: MIT
// Hardware interrupts: from the line's stub (i386/trap.asm) to the chain of service routines that drivers connected.
// The line is acknowledged first; whether it is served now or recorded for later depends on the IRQL alone.

#include "ki.h"

static LIST_ENTRY KiInterruptChains[HAL_LINE_COUNT]; // of KINTERRUPT.InterruptListEntry

static PLIST_ENTRY KiInterruptChain(ULONG Line)
{
    if (KiInterruptChains[Line].Flink == NULL)
        InitializeListHead(&KiInterruptChains[Line]);
    return &KiInterruptChains[Line];
}

// A line interrupts one processor: there, with interrupts off, none of its service routines runs and its chain may be
// changed.
static BOOLEAN KiLockChain(ULONG Line)
{
    ASSERT_IRQL_LESS_OR_EQUAL(APC_LEVEL);
    KeSetSystemAffinityThread((KAFFINITY)1 << HalQueryInterruptLineTarget(Line));
    return KeDisableInterrupts();
}

static VOID KiUnlockChain(BOOLEAN Enable)
{
    KeRestoreInterrupts(Enable);
    KeRevertToUserAffinityThread();
}

static VOID KiAcquireInterruptLock(PKSPIN_LOCK Lock)
{
    while (__atomic_exchange_n(Lock, 1, __ATOMIC_ACQUIRE) != 0)
        YieldProcessor();
}

static VOID KiReleaseInterruptLock(PKSPIN_LOCK Lock)
{
    __atomic_store_n(Lock, 0, __ATOMIC_RELEASE);
}

static BOOLEAN KiCallServiceRoutine(PKINTERRUPT Interrupt, KIRQL Level)
{
    BOOLEAN Handled;

    KiSetIrql(Interrupt->SynchronizeIrql > Level ? Interrupt->SynchronizeIrql : Level);
    KiAcquireInterruptLock(Interrupt->ActualLock);
    Handled = Interrupt->ServiceRoutine(Interrupt, Interrupt->ServiceContext);
    KiReleaseInterruptLock(Interrupt->ActualLock);
    KiSetIrql(Level);
    Interrupt->ServiceCount += Handled;
    return Handled;
}

// Calls the service routines of a line, each under its lock. Level-sensitive: until one says that it was its device; if
// another one's still wants something, the line comes again. Latched: until none of them finds anything, for an edge
// may have been swallowed by one that was still up.
static VOID KiCallChain(ULONG Line)
{
    PLIST_ENTRY Chain = KiInterruptChain(Line), Entry;
    KIRQL Level = KeGetCurrentIrql();
    BOOLEAN Again;

    do {
        Again = FALSE;
        for (Entry = Chain->Flink; Entry != Chain; Entry = Entry->Flink) {
            PKINTERRUPT Interrupt = CONTAINING_RECORD(Entry, KINTERRUPT, InterruptListEntry);

            if (!KiCallServiceRoutine(Interrupt, Level))
                continue;
            if (Interrupt->Mode == LevelSensitive)
                return;
            Again = Chain->Flink != Chain->Blink;
        }
    } while (Again);
}

// Serves a line at its own IRQL, above OldIrql.
//
// Interrupts are off on entry and exit, on meanwhile if Enable; the IRQL is OldIrql on exit. TrapFrame: what was
// interrupted, NULL for a replayed line.
VOID KiRunInterruptLine(ULONG Line, KIRQL OldIrql, PKTRAP_FRAME TrapFrame, BOOLEAN Enable)
{
    KeGetCurrentPrcb()->InterruptCount++;
    KiSetIrql(KiLineIrql[Line]);
    KdTrace(InterruptBegin, Line, OldIrql, 0, 0);
    KeRestoreInterrupts(Enable);
    if (Line == CLOCK_LINE)
        KeUpdateSystemTime(TrapFrame, OldIrql);
    else if (Line == HAL_TIMER_LINE)
        KeUpdateRunTime(TrapFrame, OldIrql);
    else if (Line == HAL_IPI_LINE)
        KiIpiInterrupt();
    else {
        KiCallChain(Line);
        HalEndInterruptLine(Line);
    }
    (VOID) KeDisableInterrupts();
    KdTrace(InterruptEnd, Line, 0, 0, 0);
    KiSetIrql(OldIrql);
}

// A hardware interrupt arrived (from i386/trap.asm, interrupts off).
VOID FASTCALL KiInterruptTrap(PKTRAP_FRAME TrapFrame)
{
    ULONG Line = TrapFrame->ErrCode;
    KIRQL OldIrql = KeGetCurrentIrql();

    KiSetExceptionList(EXCEPTION_CHAIN_END); // handlers of the interrupted code are not asked
    if (!HalAcknowledgeInterruptLine(Line))
        return;
    if (KiLineIrql[Line] <= OldIrql) {
        if (Line < HAL_LINE_COUNT)
            HalMaskInterruptLine(Line);
        KeGetPcr()->IRR |= KI_LINE_BIT(Line);
        return;
    }
    KiRunInterruptLine(Line, OldIrql, TrapFrame, TRUE);
    KiTakePendingInterrupts(OldIrql, TRUE);
}

// A vector that nobody owns.
VOID FASTCALL KiUnexpectedInterruptTrap(PKTRAP_FRAME TrapFrame)
{
    UNREFERENCED_PARAMETER(TrapFrame);
    HalAcknowledgeUnexpectedInterrupt();
}

// Prepares an interrupt object for Vector (HalGetInterruptVector); it does nothing until connected.
//
// Lock: shared by objects that must not run at the same time, NULL for one of its own. Any IRQL.
VOID NTAPI KeInitializeInterrupt(PKINTERRUPT Interrupt, PKSERVICE_ROUTINE Routine, PVOID Context, PKSPIN_LOCK Lock,
                                 ULONG Vector, KIRQL Irql, KIRQL SynchronizeIrql, KINTERRUPT_MODE Mode,
                                 BOOLEAN ShareVector)
{
    ASSERT(SynchronizeIrql >= Irql);
    RtlZeroMemory(Interrupt, sizeof(*Interrupt));
    Interrupt->Type = InterruptObject;
    Interrupt->Size = sizeof(*Interrupt);
    Interrupt->ServiceRoutine = Routine;
    Interrupt->ServiceContext = Context;
    Interrupt->ActualLock = Lock != NULL ? Lock : &Interrupt->SpinLock;
    Interrupt->Vector = Vector;
    Interrupt->Irql = Irql;
    Interrupt->SynchronizeIrql = SynchronizeIrql;
    Interrupt->Mode = Mode;
    Interrupt->ShareVector = ShareVector;
}

static BOOLEAN KiMayJoin(PLIST_ENTRY Chain, PKINTERRUPT Interrupt)
{
    PKINTERRUPT First = CONTAINING_RECORD(Chain->Flink, KINTERRUPT, InterruptListEntry);

    return IsListEmpty(Chain) || (Interrupt->ShareVector && First->ShareVector && Interrupt->Mode == First->Mode);
}

// Adds the object to its line's chain and opens the line. IRQL <= APC_LEVEL.
// Returns FALSE if it is connected already, the vector is not a line's, or the line is taken and one of both is not
// shared, or they disagree about the mode.
BOOLEAN NTAPI KeConnectInterrupt(PKINTERRUPT Interrupt)
{
    ULONG Line = Interrupt->Vector - PRIMARY_VECTOR_BASE;
    PLIST_ENTRY Chain;
    BOOLEAN Enable, Connected = FALSE;

    if (Line >= HAL_LINE_COUNT || Line == CLOCK_LINE)
        return FALSE;
    Enable = KiLockChain(Line);
    Chain = KiInterruptChain(Line);
    if (!Interrupt->Connected && KiMayJoin(Chain, Interrupt)) {
        if (IsListEmpty(Chain))
            HalUnmaskInterruptLine(Line);
        InsertTailList(Chain, &Interrupt->InterruptListEntry);
        Interrupt->Connected = Connected = TRUE;
    }
    KiUnlockChain(Enable);
    return Connected;
}

// Takes the object off its line; masks the line if it was the last. IRQL <= APC_LEVEL. FALSE if it was not
// connected.
BOOLEAN NTAPI KeDisconnectInterrupt(PKINTERRUPT Interrupt)
{
    ULONG Line = Interrupt->Vector - PRIMARY_VECTOR_BASE;
    BOOLEAN Enable, Connected;

    Enable = KiLockChain(Line);
    Connected = Interrupt->Connected;
    if (Connected) {
        Interrupt->Connected = FALSE;
        if (RemoveEntryList(&Interrupt->InterruptListEntry))
            HalMaskInterruptLine(Line);
    }
    KiUnlockChain(Enable);
    return Connected;
}

// Runs Routine(Context) at the interrupt's level under its lock: its service routine cannot run meanwhile.
// IRQL <= SynchronizeIrql. Returns what Routine returns.
BOOLEAN NTAPI KeSynchronizeExecution(PKINTERRUPT Interrupt, PKSYNCHRONIZE_ROUTINE Routine, PVOID Context)
{
    KIRQL OldIrql = KfRaiseIrql(Interrupt->SynchronizeIrql);
    BOOLEAN Result;

    KiAcquireInterruptLock(Interrupt->ActualLock);
    Result = Routine(Context);
    KiReleaseInterruptLock(Interrupt->ActualLock);
    KfLowerIrql(OldIrql);
    return Result;
}
