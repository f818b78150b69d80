// SPDX-License-Identifier: MIT
// Laws of interrupt lines and of lazy IRQL over both controllers (./mica test --options /PIC for the 8259s). Edges are
// made by INT instructions on lines that no device uses, levels by the comparators of the event timer.

#include "hal/halp.h"
#include "ktest.h"

#define STEPS 1000000u
#define MODEL_LINES 5

typedef struct _MODEL_LINE {
    ULONG Line;
    PKINTERRUPT Object;
    KIRQL Irql;
    ULONG Cap;     // handler calls that any number of interrupts at raised IRQL lead to, at most
    ULONG Pending; // of them
    ULONG Expected;
    volatile ULONG Called;
    volatile BOOLEAN Repeat; // the handler interrupts on its own line, once
} MODEL_LINE, *PMODEL_LINE;

static MODEL_LINE ModelLines[MODEL_LINES] = {{.Line = 6}, {.Line = 12}, {.Line = 13}, {.Line = 10}, {.Line = 11}};

static VOID Interrupt(ULONG Line)
{
    switch (Line) {
    case 6:
        __asm__ volatile("int $0x36" : : : "memory");
        break;
    case 10:
        __asm__ volatile("int $0x3A" : : : "memory");
        break;
    case 11:
        __asm__ volatile("int $0x3B" : : : "memory");
        break;
    case 12:
        __asm__ volatile("int $0x3C" : : : "memory");
        break;
    case 13:
        __asm__ volatile("int $0x3D" : : : "memory");
        break;
    }
}

static BOOLEAN NTAPI CountCall(PKINTERRUPT Object, PVOID Context)
{
    PMODEL_LINE Model = Context;

    UNREFERENCED_PARAMETER(Object);
    Model->Called++;
    if (Model->Repeat) {
        Model->Repeat = FALSE;
        Interrupt(Model->Line);
    }
    return TRUE;
}

static ULONG ConnectModelLines(VOID)
{
    ULONG Index, Connected = 0;

    for (Index = 0; Index < MODEL_LINES; Index++) {
        PMODEL_LINE Model = &ModelLines[Index];
        ULONG Vector = HalGetInterruptVector(Model->Line, &Model->Irql);

        Model->Pending = Model->Expected = Model->Called = 0;
        // A level that stands is one interrupt; an edge behind one that is recorded is remembered by an I/O APIC's
        // HAL, while an INT instruction leaves no trace in an 8259.
        Model->Cap = HalpLocalApic != NULL && !HalIsInterruptLineLevel(Model->Line) ? 2 : 1;
        Connected += NT_SUCCESS(IoConnectInterrupt(&Model->Object, CountCall, Model, NULL, Vector, Model->Irql,
                                                   Model->Irql, Latched, FALSE, 1, FALSE));
    }
    return Connected;
}

static VOID ModelInterrupt(PMODEL_LINE Model, KIRQL Irql)
{
    if (Model->Object == NULL)
        return;
    if (Model->Irql > Irql) {
        Model->Expected++;
        if (!HalIsInterruptLineLevel(Model->Line) && KtRandom() % 4 == 0) {
            Model->Repeat = TRUE;
            Model->Expected++;
        }
    } else if (Model->Pending < Model->Cap) {
        Model->Pending++;
    }
    Interrupt(Model->Line);
}

static VOID ModelLower(KIRQL Irql)
{
    ULONG Index;

    for (Index = 0; Index < MODEL_LINES; Index++) {
        if (ModelLines[Index].Irql > Irql) {
            ModelLines[Index].Expected += ModelLines[Index].Pending;
            ModelLines[Index].Pending = 0;
        }
    }
}

static BOOLEAN ModelAgrees(VOID)
{
    ULONG Index;

    for (Index = 0; Index < MODEL_LINES; Index++)
        if (ModelLines[Index].Called != ModelLines[Index].Expected)
            return FALSE;
    return TRUE;
}

KTEST(hal, lazy_irql_loses_and_doubles_no_interrupt)
{
    // Law: over a million random steps of raising, lowering and interrupting, every handler is called exactly as often
    // as a model says: at once if the IRQL allows, else when it falls, edges that come meanwhile again at most once.
    KIRQL Irql = PASSIVE_LEVEL;
    ULONG Step, Index;

    expect(ConnectModelLines() >= 3); // MP tables may leave out some
    KeSetSystemAffinityThread(1);     // which the lines interrupt
    for (Step = 0; Step < STEPS; Step++) {
        ULONG Choice = KtRandom();

        switch (Choice % 4) {
        case 0:
            Irql = (KIRQL)(Irql + (Choice >> 8) % (HIGH_LEVEL - Irql + 1u));
            (VOID) KfRaiseIrql(Irql);
            break;
        case 1:
            Irql = (KIRQL)((Choice >> 8) % (Irql + 1u));
            ModelLower(Irql);
            KfLowerIrql(Irql);
            break;
        default:
            ModelInterrupt(&ModelLines[(Choice >> 8) % MODEL_LINES], Irql);
            break;
        }
        if (!ModelAgrees())
            break;
    }
    ModelLower(PASSIVE_LEVEL);
    KfLowerIrql(PASSIVE_LEVEL);
    KeRevertToUserAffinityThread();
    expect_eq(Step, STEPS);
    for (Index = 0; Index < MODEL_LINES; Index++) {
        expect_eq(ModelLines[Index].Called, ModelLines[Index].Expected);
        if (ModelLines[Index].Object != NULL)
            IoDisconnectInterrupt(ModelLines[Index].Object);
    }
}

static ULONG ServedLines[MODEL_LINES], ServedCount;

static BOOLEAN NTAPI NoteLine(PKINTERRUPT Object, PVOID Context)
{
    PMODEL_LINE Model = Context;

    expect_eq(KeGetCurrentIrql(), Object->SynchronizeIrql);
    expect(*Object->ActualLock != 0);
    if (ServedCount < MODEL_LINES)
        ServedLines[ServedCount++] = (ULONG)(Model - ModelLines);
    return TRUE;
}

static BOOLEAN NTAPI CheckSynchronized(PVOID Context)
{
    PKINTERRUPT Object = Context;

    return KeGetCurrentIrql() == Object->SynchronizeIrql && *Object->ActualLock != 0;
}

KTEST(hal, recorded_lines_are_served_by_importance)
{
    // Law: lines that interrupted while the IRQL was too high are served most important first when it falls, each at
    // its synchronization IRQL under its lock, which objects may share; so runs KeSynchronizeExecution's routine.
    KSPIN_LOCK Lock;
    ULONG Index, Connected = 0;
    KIRQL Highest = 0;

    KeInitializeSpinLock(&Lock);
    for (Index = 0; Index < MODEL_LINES; Index++) {
        (VOID) HalGetInterruptVector(ModelLines[Index].Line, &ModelLines[Index].Irql);
        Highest = max_of(Highest, ModelLines[Index].Irql);
    }
    for (Index = 0; Index < MODEL_LINES; Index++) {
        PMODEL_LINE Model = &ModelLines[Index];
        ULONG Vector = HalGetInterruptVector(Model->Line, &Model->Irql);

        Connected += NT_SUCCESS(IoConnectInterrupt(&Model->Object, NoteLine, Model, &Lock, Vector, Model->Irql, Highest,
                                                   Latched, FALSE, 1, FALSE));
        if (Model->Object != NULL) {
            expect_eq(Model->Object->ActualLock, &Lock);
            expect(KeSynchronizeExecution(Model->Object, CheckSynchronized, Model->Object));
            expect_eq(KeGetCurrentIrql(), PASSIVE_LEVEL);
        }
    }
    KeSetSystemAffinityThread(1); // which the lines interrupt
    ServedCount = 0;
    (VOID) KfRaiseIrql(HIGH_LEVEL);
    for (Index = 0; Index < MODEL_LINES; Index++)
        if (ModelLines[Index].Object != NULL)
            Interrupt(ModelLines[Index].Line);
    expect_eq(ServedCount, 0);
    KfLowerIrql(PASSIVE_LEVEL);
    KeRevertToUserAffinityThread();
    expect_eq(ServedCount, Connected);
    for (Index = 1; Index < ServedCount; Index++)
        expect(ModelLines[ServedLines[Index - 1]].Irql >= ModelLines[ServedLines[Index]].Irql);
    for (Index = 0; Index < MODEL_LINES; Index++)
        if (ModelLines[Index].Object != NULL)
            IoDisconnectInterrupt(ModelLines[Index].Object);
}

// --- level-triggered lines, by a UART on the PCI bus that no driver uses (./mica test adds one to the machine): it
// interrupts as soon as the transmitter's interrupt is enabled, and until that has been read.
#define SPARE_UART_ID 0x00021B36u // Red Hat's pci-serial
#define UART_INTERRUPT_ENABLE 1
#define UART_IDENTIFICATION 2
#define ENABLE_TRANSMITTER 0x02
#define IDENTIFICATION_NONE 0x01
#define PCI_COMMAND 0x04
#define PCI_COMMAND_IO 0x01
#define PCI_BAR0 0x10
#define LEVEL_ROUNDS 200

static volatile ULONG LevelHandled, LevelRefused;

static BOOLEAN NTAPI TakeTransmitter(PKINTERRUPT Object, PVOID Context)
{
    USHORT Base = (USHORT)(ULONG)Context;

    UNREFERENCED_PARAMETER(Object);
    if (READ_PORT_UCHAR(Base + UART_IDENTIFICATION) & IDENTIFICATION_NONE) {
        LevelRefused++;
        return FALSE;
    }
    WRITE_PORT_UCHAR(Base + UART_INTERRUPT_ENABLE, 0);
    LevelHandled++;
    return TRUE;
}

static BOOLEAN NTAPI NotMine(PKINTERRUPT Object, PVOID Context)
{
    UNREFERENCED_PARAMETER(Object);
    ++*(volatile ULONG *)Context;
    return FALSE;
}

static NTSTATUS ConnectLevel(PKINTERRUPT *Object, PKSERVICE_ROUTINE Routine, PVOID Context, ULONG Line)
{
    KIRQL Irql;
    ULONG Vector = HalGetInterruptVector(Line, &Irql);

    return IoConnectInterrupt(Object, Routine, Context, NULL, Vector, Irql, Irql, LevelSensitive, TRUE,
                              KeQueryActiveProcessors(), FALSE);
}

// The first port and the line of the spare UART. FALSE if the machine has none.
static BOOLEAN FindSpareUart(PUSHORT Base, PULONG Line)
{
    ULONG Device;

    for (Device = 0; Device < 32; Device++) {
        if (HalReadPciConfig(0, Device, 0, 0, 4) != SPARE_UART_ID)
            continue;
        HalWritePciConfig(0, Device, 0, PCI_COMMAND, 2, PCI_COMMAND_IO);
        *Base = (USHORT)(HalReadPciConfig(0, Device, 0, PCI_BAR0, 4) & ~3u);
        *Line = HalGetPciInterruptLine(0, Device, 0);
        return TRUE;
    }
    return FALSE;
}

KTEST(hal, level_line_comes_once_for_each_service)
{
    // Law: on a level-triggered line the handlers are called once for each time that the device raises it, whether
    // they run at once or when the IRQL falls; a handler that is asked first and refuses takes nothing away.
    volatile ULONG Refused = 0;
    PKINTERRUPT First, Second;
    USHORT Base;
    ULONG Line, Round;
    KIRQL OldIrql;

    if (!FindSpareUart(&Base, &Line))
        return;
    expect(HalIsInterruptLinePresent(Line) && HalIsInterruptLineLevel(Line));
    LevelHandled = LevelRefused = 0;
    expect_status(ConnectLevel(&First, NotMine, (PVOID)&Refused, Line), STATUS_SUCCESS);
    expect_status(ConnectLevel(&Second, TakeTransmitter, (PVOID)(ULONG)Base, Line), STATUS_SUCCESS);
    KeSetSystemAffinityThread((KAFFINITY)1 << HalQueryInterruptLineTarget(Line));
    for (Round = 1; Round <= LEVEL_ROUNDS; Round++) {
        OldIrql = KfRaiseIrql((KIRQL)(KtRandom() % (HIGH_LEVEL + 1)));
        WRITE_PORT_UCHAR(Base + UART_INTERRUPT_ENABLE, ENABLE_TRANSMITTER);
        KeStallExecutionProcessor(2);
        KfLowerIrql(OldIrql);
        expect_eq(LevelHandled, Round);
    }
    expect_eq(LevelRefused, 0);
    expect_eq(Refused, LEVEL_ROUNDS);
    KeRevertToUserAffinityThread();
    IoDisconnectInterrupt(First);
    IoDisconnectInterrupt(Second);
}

KTEST(hal, connecting_asks_for_sensible_arguments)
{
    // Law: IoConnectInterrupt refuses a vector without a line, an IRQL that is not the line's, a synchronization IRQL
    // below it, no running processor, FloatingSave, and a partner that does not share or has another mode (WDK).
    static const struct {
        LONG Vector, Irql, Synchronize;
        KINTERRUPT_MODE Mode;
        KAFFINITY Processors;
        BOOLEAN Share, FloatingSave;
        NTSTATUS Status;
    } Cases[] = {{0, 0, 0, Latched, 1, TRUE, FALSE, STATUS_SUCCESS},
                 {0, 0, 1, Latched, 1, TRUE, FALSE, STATUS_SUCCESS},
                 {0, 0, 0, LevelSensitive, 1, TRUE, FALSE, STATUS_INVALID_PARAMETER},
                 {0, 0, 0, Latched, 1, FALSE, FALSE, STATUS_INVALID_PARAMETER},
                 {0, 1, 1, Latched, 1, TRUE, FALSE, STATUS_INVALID_PARAMETER},
                 {0, 0, -1, Latched, 1, TRUE, FALSE, STATUS_INVALID_PARAMETER},
                 {0, 0, 0, Latched, 0, TRUE, FALSE, STATUS_INVALID_PARAMETER},
                 {0, 0, 0, Latched, 1, TRUE, TRUE, STATUS_INVALID_PARAMETER},
                 {0, 0, 0, (KINTERRUPT_MODE)2, 1, TRUE, FALSE, STATUS_INVALID_PARAMETER},
                 {HAL_VECTOR_COUNT, 0, 0, Latched, 1, TRUE, FALSE, STATUS_INVALID_PARAMETER},
                 {-1000, 0, 0, Latched, 1, TRUE, FALSE, STATUS_INVALID_PARAMETER}};
    PKINTERRUPT First, Second;
    ULONG Vector, Index;
    KIRQL Irql;

    Vector = HalGetInterruptVector(ModelLines[0].Line, &Irql);
    expect_status(
        IoConnectInterrupt(&First, NotMine, (PVOID)&LevelRefused, NULL, Vector, Irql, Irql, Latched, TRUE, 1, FALSE),
        STATUS_SUCCESS);
    for (Index = 0; Index < RTL_NUMBER_OF(Cases); Index++) {
        expect_status(IoConnectInterrupt(&Second, NotMine, (PVOID)&LevelRefused, NULL,
                                         Vector + (ULONG)Cases[Index].Vector, (KIRQL)(Irql + Cases[Index].Irql),
                                         (KIRQL)(Irql + Cases[Index].Synchronize), Cases[Index].Mode,
                                         Cases[Index].Share, Cases[Index].Processors, Cases[Index].FloatingSave),
                      Cases[Index].Status);
        expect_eq(Second != NULL, NT_SUCCESS(Cases[Index].Status));
        if (Second != NULL)
            IoDisconnectInterrupt(Second);
    }
    IoDisconnectInterrupt(First);
}

KTEST(hal, pci_function_with_a_pin_has_a_line)
{
    // Law: a function that uses an interrupt pin has a line on which something can interrupt; one without a pin none.
    ULONG Device, Function;

    for (Device = 0; Device < 32; Device++) {
        for (Function = 0; Function < 8; Function++) {
            ULONG Line;

            if (HalReadPciConfig(0, Device, Function, 0, 2) == 0xFFFF)
                continue;
            Line = HalGetPciInterruptLine(0, Device, Function);
            if (HalReadPciConfig(0, Device, Function, 0x3D, 1) == 0)
                expect_eq(Line, HAL_NO_LINE);
            else
                expect(HalIsInterruptLinePresent(Line));
        }
    }
    expect_eq(HalGetPciInterruptLine(0, 31, 7), HAL_NO_LINE);
}
