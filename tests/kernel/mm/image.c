// SPDX-License-Identifier: MIT
// Laws of the kernel image and of kernel mappings: what only the start needs is given back, code is not written, data
// is not executed (mm/initsect.c, boot/start.asm, mm/mminit.c).

#include "mmtest.h"
#include "ke/ki.h"

extern UCHAR KiInitStart[], KiInitEnd[], KiTextEnd[];

KTEST(mm, code_for_the_start_is_free_memory)
{
    // Law: the discardable code is not mapped any more, its frames are counted, and each is memory like
    // any other: on a list, or somebody's.
    ULONG Pages = ((ULONG_PTR)KiInitEnd - (ULONG_PTR)KiInitStart) >> PAGE_SHIFT, Index;
    MM_STATISTICS Mm;
    KIRQL OldIrql;

    MmQueryStatistics(&Mm);
    expect(Pages >= 2);
    expect_eq(Mm.InitPagesFreed, Pages);
    OldIrql = MiLockPfn();
    for (Index = 0; Index < Pages; Index++) {
        PUCHAR Va = KiInitStart + Index * PAGE_SIZE;
        PMMPFN Pfn = MI_PFN_ELEMENT(((ULONG_PTR)Va - MM_KSEG0_BASE) >> PAGE_SHIFT);

        expect(!MmIsAddressValid(Va));
        expect(Pfn->u3.e1.PageLocation <= StandbyPageList || Pfn->PteAddress != NULL || Pfn->u3.ReferenceCount != 0);
    }
    MiUnlockPfn(OldIrql);
}

KTEST_BUGCHECK(mm, code_for_the_start_cannot_be_called, PAGE_FAULT_IN_NONPAGED_AREA)
{
    // Law: going back to code that only the start needs is caught. WDK: bug check 0x50.
    ((VOID(*)(VOID))KiInitStart)();
}

extern UCHAR KiPageStart[], KiPageEnd[];

static ULONG MtValidPages(PUCHAR Start, PUCHAR End)
{
    ULONG Count = 0;

    for (; Start != End; Start += PAGE_SIZE)
        Count += MmIsAddressValid(Start);
    return Count;
}

KTEST(mm, pageable_code_leaves_memory_and_comes_back)
{
    // Law: pageable code is taken out of the system working set, even to a page file, and comes back, unchanged and
    // executable but not writable, when it is called.
    ULONG Pages = ((ULONG_PTR)KiPageEnd - (ULONG_PTR)KiPageStart) >> PAGE_SHIFT, Round, Index, Sum[3] = {0, 0, 0};
    SYSTEM_BASIC_INFORMATION Basic;

    expect(Pages >= 4);
    for (Round = 0; Round < 3; Round++) {
        for (Index = 0; Index < Pages * PAGE_SIZE; Index++)
            Sum[Round] = Sum[Round] * 31 + KiPageStart[Index];
        MiTrimPool();
        MtPageOut();
        expect(MtValidPages(KiPageStart, KiPageEnd) < Pages);
        expect_status(ZwQuerySystemInformation(SystemBasicInformation, &Basic, sizeof(Basic), NULL), STATUS_SUCCESS);
        expect_eq(Basic.PageSize, PAGE_SIZE);
        expect(MtValidPages(KiPageStart, KiPageEnd) > 0);
    }
    expect_eq(Sum[1], Sum[0]);
    expect_eq(Sum[2], Sum[0]);
}

KTEST_BUGCHECK(mm, pageable_code_at_dispatch_level_is_caught, IRQL_NOT_LESS_OR_EQUAL)
{
    // Law: calling pageable code that is not there at DISPATCH_LEVEL is bugcheck 0xA.
    SYSTEM_BASIC_INFORMATION Basic;

    MiTrimPool();
    (VOID) KfRaiseIrql(DISPATCH_LEVEL);
    IGNORE_STATUS(NtQuerySystemInformation(SystemBasicInformation, &Basic, sizeof(Basic), NULL));
}

// What a valid entry of kernel space lets the processor do, against what it may let it do.
static VOID MtCheckEntry(ULONG_PTR Va, MMPTE Pte)
{
    BOOLEAN Code = Va >= (ULONG_PTR)KiInitEnd && Va < (ULONG_PTR)KiTextEnd;

    if (Pte.u.Hard.Owner || (Code && Pte.u.Hard.Write) || (!Code && MmNoExecute != 0 && !Pte.u.Hard.NoExecute))
        DbgPrint("%08X: entry %08X%08X\n", Va, Pte.u.High, Pte.u.Low);
    expect(!Pte.u.Hard.Owner);
    expect(!Code || !Pte.u.Hard.Write);
    expect(Code || MmNoExecute == 0 || Pte.u.Hard.NoExecute);
}

KTEST(mm, every_kernel_page_is_code_or_data)
{
    // Law: of all pages of system space, large ones too, exactly the kernel's code is executable, and it is not
    // writable; no page is user mode's. Page tables are seen through the self-map, whose own entries forbid execution.
    ULONG_PTR Base, Va;
    ULONG Pages = 0;

    for (Base = (ULONG_PTR)MM_SYSTEM_RANGE_START; Base != 0; Base += MI_LARGE_PAGE_SIZE) {
        MMPTE Pde = *MiGetPdeAddress(Base);

        if (!Pde.u.Hard.Valid)
            continue;
        if (Pde.u.Hard.LargePage || (Base >= PTE_BASE && Base <= PTE_TOP)) {
            MtCheckEntry(Base, Pde);
            Pages++;
            continue;
        }
        expect(!Pde.u.Hard.Owner);
        for (Va = Base; Va - Base < MI_LARGE_PAGE_SIZE; Va += PAGE_SIZE) {
            MMPTE Pte = *MiGetPteAddress(Va);

            if (!Pte.u.Hard.Valid)
                continue;
            if (!Pde.u.Hard.NoExecute)
                MtCheckEntry(Va, Pte);
            Pages++;
        }
    }
    expect(Pages > 200);
}

static VOID NTAPI MtCheckProcessor(PVOID Context)
{
    UNREFERENCED_PARAMETER(Context);
    expect(KiReadCr0() & CR0_WP);
    expect(!(KeFeatureBits & KF_SMEP) || (KiReadCr4() & CR4_SMEP));
}

KTEST_MP(mm, every_processor_holds_the_kernel_to_protections)
{
    // Law: read-only pages are read-only for the kernel too (CR0.WP), and it cannot run user code (CR4.SMEP) where the
    // processor can prevent it: on every processor.
    LONG Number;

    for (Number = 0; Number < KeNumberProcessors; Number++) {
        KeSetSystemAffinityThread(1ul << Number);
        MtCheckProcessor(NULL);
    }
    KeRevertToUserAffinityThread();
}
