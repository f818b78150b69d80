// SPDX-License-Identifier: MIT
// The translation lookaside buffers: what one processor changes in page tables the others have to forget. Only those
// are told that can know: all of them for system addresses, those that have the process's page tables loaded for its
// own. The caller has changed the entries already; the locked instruction in KiTbTargets keeps the processor from
// reading ActiveProcessors before that (i386/switch.asm does the opposite order).
// Source: Intel SDM 3A 4.10.4, 4.10.5.

#include "ki.h"

typedef struct _KI_TB_FLUSH {
    ULONG Count; // 0: everything
    PVOID *Va;
} KI_TB_FLUSH, *PKI_TB_FLUSH;

// Drops every translation that this processor keeps. Any IRQL.
VOID KiFlushWholeTb(VOID)
{
    ULONG Cr4 = KiReadCr4();
    BOOLEAN Enable;

    if ((Cr4 & CR4_PGE) == 0) {
        KiWriteCr3(KiReadCr3());
        return;
    }
    Enable = KeDisableInterrupts();
    KiWriteCr4(Cr4 & ~CR4_PGE); // SDM 3A 4.10.4.1: changing PGE drops everything
    KiWriteCr4(Cr4);
    KeRestoreInterrupts(Enable);
}

static VOID KiFlushTb(PVOID Argument)
{
    PKI_TB_FLUSH Flush = Argument;
    ULONG Index;

    if (Flush->Count == 0)
        KiFlushWholeTb();
    for (Index = 0; Index < Flush->Count; Index++)
        KeInvalidatePage(Flush->Va[Index]);
}

static VOID KiFlushTbOn(KAFFINITY Targets, PKI_TB_FLUSH Flush)
{
    if (Targets & KeGetPcr()->SetMember)
        KiFlushTb(Flush);
    KiSendPacket(Targets & ~KeGetPcr()->SetMember, KiFlushTb, Flush);
}

static VOID KiFlushTbMp(PKI_TB_FLUSH Flush, BOOLEAN AllProcessors)
{
    KIRQL OldIrql = KfRaiseIrql(max_of(KeGetCurrentIrql(), DISPATCH_LEVEL));
    KAFFINITY Targets;

    __atomic_thread_fence(__ATOMIC_SEQ_CST);
    Targets = AllProcessors ? KeActiveProcessors
                            : *(volatile ULONG *)&KeGetCurrentThread()->ApcState.Process->ActiveProcessors;
    KiFlushTbOn(Targets | KeGetPcr()->SetMember, Flush);
    KfLowerIrql(OldIrql);
}

// See ke.h for these four.
VOID NTAPI KeFlushEntireTb(BOOLEAN Invalid, BOOLEAN AllProcessors)
{
    KI_TB_FLUSH Flush = {0, NULL};

    UNREFERENCED_PARAMETER(Invalid);
    if (KeNumberProcessors == 1)
        KiFlushWholeTb();
    else
        KiFlushTbMp(&Flush, AllProcessors);
}

VOID KeFlushMultipleTb(ULONG Count, PVOID *Va, BOOLEAN AllProcessors)
{
    KI_TB_FLUSH Flush = {Count, Va};

    if (KeNumberProcessors == 1)
        KiFlushTb(&Flush);
    else if (Count != 0)
        KiFlushTbMp(&Flush, AllProcessors);
}

VOID KeFlushSingleTb(PVOID Va, BOOLEAN AllProcessors)
{
    if (KeNumberProcessors == 1)
        KeInvalidatePage(Va);
    else
        KeFlushMultipleTb(1, &Va, AllProcessors);
}

VOID KeFlushProcessTb(PKPROCESS Process)
{
    KI_TB_FLUSH Flush = {0, NULL};
    KIRQL OldIrql = KfRaiseIrql(max_of(KeGetCurrentIrql(), DISPATCH_LEVEL));

    __atomic_thread_fence(__ATOMIC_SEQ_CST);
    KiFlushTbOn(*(volatile ULONG *)&Process->ActiveProcessors, &Flush);
    KfLowerIrql(OldIrql);
}

// See ke.h. A processor drops an address space by running a thread of another one.
VOID KeUnloadProcess(PKPROCESS Process)
{
    KAFFINITY Left;

    ASSERT(KeGetCurrentIrql() <= APC_LEVEL && KeGetCurrentThread()->ApcState.Process != Process);
    if (KeNumberProcessors == 1)
        return;
    while ((Left = *(volatile ULONG *)&Process->ActiveProcessors) != 0) {
        KeSetSystemAffinityThread(Left & -Left);
        KeRevertToUserAffinityThread();
    }
}
