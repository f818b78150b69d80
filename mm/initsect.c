// SPDX-License-Identifier: MIT
// The discardable part of the kernel image: code that only the start needs (.init in linker.ld). When phase 1 is over
// its pages are unmapped, and their frames are free memory like any other. The linker refuses references to it from
// what stays, but for .startup.

#include "mi.h"

extern UCHAR KiInitStart[], KiInitEnd[];
ULONG MiInitPagesFreed;

// The start is over on all processors. PASSIVE_LEVEL, once. A processor that was told to start and has not answered may
// still come and begin there: then nothing is freed.
VOID MmFreeInitSections(VOID)
{
    ULONG Index, Pages = ((ULONG_PTR)KiInitEnd - (ULONG_PTR)KiInitStart) >> PAGE_SHIFT;
    PMMPTE Pte = MiGetPteAddress(KiInitStart);
    KIRQL OldIrql;

    PAGED_CODE();
    if (HalQueryProcessorCount() > (ULONG)KeNumberProcessors && KeFindBootOption("/NUMPROC=") == NULL &&
        KeFindBootOption("/ONECPU") == NULL)
        return;
    for (Index = 0; Index < Pages; Index++)
        MiWriteInvalidPte(&Pte[Index], 0);
    KeFlushEntireTb(TRUE, TRUE);
    OldIrql = MiLockPfn();
    for (Index = 0; Index < Pages; Index++) {
        PMMPFN Pfn = MI_PFN_ELEMENT((((ULONG_PTR)KiInitStart - MM_KSEG0_BASE) >> PAGE_SHIFT) + Index);

        Pfn->u3.e1.Deleted = 1;
        MiDecrementShareCount(Pfn);
    }
    MiUnlockPfn(OldIrql);
    MiInitPagesFreed = Pages;
    MmTotalCommitLimit += Pages;
    DbgPrint("Mm: %u KB of code for the start are free memory now\n", Pages << (PAGE_SHIFT - 10));
}
