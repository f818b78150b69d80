// SPDX-License-Identifier: MIT
// IRQL is a byte in the KPCR; raising and lowering it touch no hardware. An interrupt that arrives at or below the
// current level is recorded in KPCR.IRR with its line masked, and taken when the level falls (interrupt.c). The
// software levels APC and DISPATCH live in the same word.

#include "ki.h"

ULONG KiIrqlMask[HIGH_LEVEL + 1];
KIRQL KiLineIrql[HAL_VECTOR_COUNT];

// Fills the tables of line levels and of what may be taken at each level. Phase 0, once.
VOID KiInitializeIrqlTables(VOID)
{
    ULONG Level, Line;

    for (Line = 0; Line < HAL_VECTOR_COUNT; Line++)
        (VOID) HalGetInterruptVector(Line, &KiLineIrql[Line]);
    for (Level = 0; Level <= HIGH_LEVEL; Level++) {
        if (Level < DISPATCH_LEVEL)
            KiIrqlMask[Level] |= 1ul << DISPATCH_LEVEL;
        if (Level < APC_LEVEL)
            KiIrqlMask[Level] |= 1ul << APC_LEVEL;
        for (Line = 0; Line < HAL_VECTOR_COUNT; Line++)
            if (KiLineIrql[Line] > Level)
                KiIrqlMask[Level] |= KI_LINE_BIT(Line);
    }
}

static ULONG KiHighestLine(ULONG Pending)
{
    ULONG Line, Best = HAL_VECTOR_COUNT;

    for (Line = 0; Line < HAL_VECTOR_COUNT; Line++)
        if ((Pending & KI_LINE_BIT(Line)) && (Best == HAL_VECTOR_COUNT || KiLineIrql[Line] > KiLineIrql[Best]))
            Best = Line;
    return Best;
}

// Takes what is pending above NewIrql, most important first: recorded lines, then DPCs, then APCs.
//
// Interrupts are off on entry and exit; on while handlers run if Enable. The IRQL is NewIrql on exit. May switch
// threads if NewIrql < DISPATCH_LEVEL.
VOID KiTakePendingInterrupts(KIRQL NewIrql, BOOLEAN Enable)
{
    ULONG Pending, Line;

    while ((Pending = KiReadIrr() & KiIrqlMask[NewIrql]) != 0) {
        if (Pending & ~KI_SOFTWARE_BITS) {
            Line = KiHighestLine(Pending);
            KeGetPcr()->IRR &= ~KI_LINE_BIT(Line);
            KiRunInterruptLine(Line, NewIrql, NULL, Enable);
            if (Line < HAL_LINE_COUNT)
                HalUnmaskInterruptLine(Line);
        } else if (Pending & (1ul << DISPATCH_LEVEL)) {
            KeGetPcr()->IRR &= ~(1ul << DISPATCH_LEVEL);
            KiSetIrql(DISPATCH_LEVEL);
            KeRestoreInterrupts(Enable);
            KiDispatchInterrupt();
            (VOID) KeDisableInterrupts();
        } else {
            KeGetPcr()->IRR &= ~(1ul << APC_LEVEL);
            KiSetIrql(APC_LEVEL);
            KeRestoreInterrupts(Enable);
            KiDeliverApc(KernelMode, NULL, NULL);
            (VOID) KeDisableInterrupts();
        }
        KiSetIrql(NewIrql);
    }
}

// Something is pending that NewIrql, which is set already, lets through.
VOID KiLowerSlow(KIRQL NewIrql)
{
    BOOLEAN Enable = KeDisableInterrupts();

    KiTakePendingInterrupts(NewIrql, Enable);
    KeRestoreInterrupts(Enable);
}

// Raises the IRQL to NewIrql, which must not be below the current one. Any IRQL. Returns the old one.
KIRQL FASTCALL KfRaiseIrql(KIRQL NewIrql)
{
    return KiRaiseIrql(NewIrql, __builtin_return_address(0));
}

// Lowers the IRQL to NewIrql, which must not be above the current one, and takes what was held up: interrupts recorded
// meanwhile, DPCs (below DISPATCH_LEVEL), APCs (below APC_LEVEL); another thread may run before it returns.
VOID FASTCALL KfLowerIrql(KIRQL NewIrql)
{
#if DBG
    if (NewIrql > KeGetCurrentIrql())
        KeBugCheckEx(IRQL_NOT_LESS_OR_EQUAL, KeGetCurrentIrql(), NewIrql, 0, (ULONG_PTR)__builtin_return_address(0));
#endif
    KiLowerIrql(NewIrql);
    KeChaosPoint(ChaosLowerIrql);
}

KIRQL NTAPI KeRaiseIrqlToDpcLevel(VOID)
{
    return KfRaiseIrql(DISPATCH_LEVEL);
}

// The level at which the dispatcher lock is held; DISPATCH_LEVEL on this HAL.
KIRQL NTAPI KeRaiseIrqlToSynchLevel(VOID)
{
    return KfRaiseIrql(SYNCH_LEVEL);
}

// Asks for a software interrupt at Level (APC_LEVEL or DISPATCH_LEVEL) on this processor: at once if the IRQL is below,
// else when it falls. Any IRQL.
VOID FASTCALL HalRequestSoftwareInterrupt(KIRQL Level)
{
    KIRQL Irql;

    ASSERT(Level == APC_LEVEL || Level == DISPATCH_LEVEL);
    KiPostSoftwareInterrupt(Level);
    Irql = KeGetCurrentIrql();
    if (Irql < Level)
        KiLowerSlow(Irql);
}

// Takes back a request that has not been served. Any IRQL.
VOID FASTCALL HalClearSoftwareInterrupt(KIRQL Level)
{
    __asm__ volatile("andl %0, %%fs:0x28" : : "ri"(~(1ul << Level)) : "memory", "cc");
}
