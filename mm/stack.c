// SPDX-License-Identifier: MIT
// Kernel stacks: resident pages in system PTE space with an unmapped page below, so that running over is a double fault
// (UNEXPECTED_KERNEL_MODE_TRAP) and not a corrupted neighbour. A few dead stacks are kept for the next threads.

#include "mi.h"

#define MI_DEAD_STACKS 8
static PVOID MiDeadStacks[MI_DEAD_STACKS];
static ULONG MiDeadStackCount;
static KSPIN_LOCK MiDeadStackLock;

static ULONG MiStackPages(BOOLEAN Large)
{
    return (Large ? KERNEL_LARGE_STACK_SIZE : KERNEL_STACK_SIZE) >> PAGE_SHIFT;
}

static PVOID MiPopDeadStack(VOID)
{
    KIRQL OldIrql = KfAcquireSpinLock(&MiDeadStackLock);
    PVOID Base = MiDeadStackCount != 0 ? MiDeadStacks[--MiDeadStackCount] : NULL;

    KfReleaseSpinLock(&MiDeadStackLock, OldIrql);
    return Base;
}

static BOOLEAN MiPushDeadStack(PVOID Base)
{
    KIRQL OldIrql = KfAcquireSpinLock(&MiDeadStackLock);
    BOOLEAN Kept = MiDeadStackCount < MI_DEAD_STACKS && MmAvailablePages > MI_LOW_MEMORY;

    if (Kept)
        MiDeadStacks[MiDeadStackCount++] = Base;
    KfReleaseSpinLock(&MiDeadStackLock, OldIrql);
    return Kept;
}

// Makes a kernel stack. IRQL <= DISPATCH_LEVEL. Returns its highest address; NULL when there is no memory.
PVOID NTAPI MmCreateKernelStack(BOOLEAN Large)
{
    ULONG Pages = MiStackPages(Large);
    PVOID Base = Large ? NULL : MiPopDeadStack();
    PMMPTE Pte;

    if (Base != NULL)
        return Base;
    Pte = MiReserveSystemPtes(Pages + 1);
    if (Pte == NULL)
        return NULL;
    if (!NT_SUCCESS(MiPopulate(MiGetVaOfPte(Pte + 1), Pages))) {
        MiReleaseSystemPtes(Pte, Pages + 1);
        return NULL;
    }
    return (PCHAR)MiGetVaOfPte(Pte + 1) + Pages * PAGE_SIZE;
}

// Gives a stack back; the caller does not run on it any more. IRQL <= DISPATCH_LEVEL.
VOID NTAPI MmDeleteKernelStack(PVOID StackBase, BOOLEAN Large)
{
    ULONG Pages = MiStackPages(Large);
    PVOID Lowest = (PCHAR)StackBase - Pages * PAGE_SIZE;

    if (!Large && MiPushDeadStack(StackBase))
        return;
    MiDepopulate(Lowest, Pages);
    MiReleaseSystemPtes(MiGetPteAddress(Lowest) - 1, Pages + 1);
}
