// SPDX-License-Identifier: MIT
// Drivers' interrupt objects: a service routine on a line, alone or in a chain with others. The kernel's objects
// (ke/interrupt.c) do the work; here arguments are judged, and memory and processors are chosen.
//
// A line interrupts one processor, which the first object on it chooses. Its chain changes only there, below the line's
// IRQL: so when IoDisconnectInterrupt returns the routine does not run any more.
// Source: WDK documentation (IoConnectInterrupt, IoDisconnectInterrupt).

#include "iop.h"

#define TAG_IO_INTERRUPT 0x6E496F49 // 'IoIn'

static ULONG IopLineUsers[HAL_LINE_COUNT]; // connected objects; changed under the lock
static KGUARDED_MUTEX IopInterruptLock;

// Start-up, before the first driver.
VOID IopInitializeInterrupts(VOID)
{
    KeInitializeGuardedMutex(&IopInterruptLock);
}

static BOOLEAN IopIsInterruptSensible(ULONG Vector, KIRQL Irql, KIRQL SynchronizeIrql, KINTERRUPT_MODE Mode,
                                      KAFFINITY Processors, BOOLEAN FloatingSave)
{
    ULONG Line = Vector - PRIMARY_VECTOR_BASE;
    KIRQL LineIrql;

    if (Line >= HAL_LINE_COUNT || Line == CLOCK_LINE || !HalIsInterruptLinePresent(Line))
        return FALSE;
    (VOID) HalGetInterruptVector(Line, &LineIrql);
    return Irql == LineIrql && SynchronizeIrql >= Irql && SynchronizeIrql <= HIGH_LEVEL && !FloatingSave &&
           (Mode == LevelSensitive || Mode == Latched) && (Processors & KeQueryActiveProcessors()) != 0;
}

// Registers an interrupt service routine.
//
// Vector, Irql: from HalGetInterruptVector. SynchronizeIrql: at which the routine runs, of objects that share Lock the
// highest Irql. Mode: latched lines call every routine until none has anything to do, level-sensitive ones stop at the
// first that says it was its device. Share: others may connect to the line, if they say so too and have the same mode.
// Processors: any of them may run the routine; the first object on a line chooses the first that runs. FloatingSave:
// FALSE on x86. PASSIVE_LEVEL. The caller owns *Interrupt: IoDisconnectInterrupt.
// STATUS_INSUFFICIENT_RESOURCES; STATUS_INVALID_PARAMETER for bad arguments or a line that cannot be shared.
NTSTATUS NTAPI IoConnectInterrupt(PKINTERRUPT *Interrupt, PKSERVICE_ROUTINE Routine, PVOID Context, PKSPIN_LOCK Lock,
                                  ULONG Vector, KIRQL Irql, KIRQL SynchronizeIrql, KINTERRUPT_MODE Mode, BOOLEAN Share,
                                  KAFFINITY Processors, BOOLEAN FloatingSave)
{
    ULONG Line = Vector - PRIMARY_VECTOR_BASE;
    BOOLEAN Connected;
    PKINTERRUPT New;

    *Interrupt = NULL;
    if (!IopIsInterruptSensible(Vector, Irql, SynchronizeIrql, Mode, Processors, FloatingSave))
        return STATUS_INVALID_PARAMETER;
    New = ExAllocatePoolZero(NonPagedPool, sizeof(KINTERRUPT), TAG_IO_INTERRUPT);
    if (New == NULL)
        return STATUS_INSUFFICIENT_RESOURCES;
    KeInitializeInterrupt(New, Routine, Context, Lock, Vector, Irql, SynchronizeIrql, Mode, Share);

    KeAcquireGuardedMutex(&IopInterruptLock);
    if (IopLineUsers[Line] == 0)
        (VOID) HalSetInterruptLineTargets(Line, Processors);
    Connected = KeConnectInterrupt(New);
    IopLineUsers[Line] += Connected;
    KeReleaseGuardedMutex(&IopInterruptLock);

    if (!Connected) {
        ExFreePoolWithTag(New, TAG_IO_INTERRUPT);
        return STATUS_INVALID_PARAMETER;
    }
    *Interrupt = New;
    return STATUS_SUCCESS;
}

// Unregisters an interrupt service routine.
//
// PASSIVE_LEVEL. The routine does not run any more when this returns.
VOID NTAPI IoDisconnectInterrupt(PKINTERRUPT Interrupt)
{
    ULONG Line = Interrupt->Vector - PRIMARY_VECTOR_BASE;

    ASSERT_IRQL_EQUAL(PASSIVE_LEVEL);
    KeAcquireGuardedMutex(&IopInterruptLock);
    NT_VERIFY(KeDisconnectInterrupt(Interrupt));
    IopLineUsers[Line]--;
    KeReleaseGuardedMutex(&IopInterruptLock);
    ExFreePoolWithTag(Interrupt, TAG_IO_INTERRUPT);
}
