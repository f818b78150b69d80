// SPDX-License-Identifier: MIT
// Mm's system threads: the zero page thread, which clears free pages when nobody else wants the processor, and the
// mapped page writer, which writes files' modified pages before memory gets short, and those in programs' views every
// five minutes.

#include "mi.h"

#define MI_WRITE_PAUSE (-10000000ll) // 1 s after a write that failed

// Takes the oldest free page to zero it. 0: none.
static PFN_NUMBER MiTakeFreePage(VOID)
{
    KIRQL OldIrql = MiLockPfn();
    PFN_NUMBER Page = MmFreePageListHead[MiHighNode].Blink;

    if (Page == MM_EMPTY_LIST)
        Page = MmFreePageListHead[MiLowNode].Blink;
    if (Page == MM_EMPTY_LIST) {
        Page = 0;
    } else {
        MiUnlinkPageFromList(MI_PFN_ELEMENT(Page));
        MI_PFN_ELEMENT(Page)->u3.ReferenceCount = 1; // ours
    }
    MiUnlockPfn(OldIrql);
    return Page;
}

// The zero page thread, priority 0.
VOID NTAPI MmZeroPageThread(PVOID Context)
{
    UNREFERENCED_PARAMETER(Context);
    for (;;) {
        PFN_NUMBER Page;

        while ((Page = MiTakeFreePage()) != 0) {
            KIRQL OldIrql;

            MiZeroPage(Page);
            OldIrql = MiLockPfn();
            MI_PFN_ELEMENT(Page)->u3.ReferenceCount = 0;
            MiInsertPageInList(&MmZeroedPageListHead[MI_NODE_OF(Page)], Page);
            MiUnlockPfn(OldIrql);
        }
        KeWaitForever(&MmZeroingPageEvent, WrFreePage);
    }
}

// Finds the modified page that waits longest, and references its control area so that it can't go away.
static PSUBSECTION MiNextModifiedPage(PMMPTE *Proto)
{
    PSUBSECTION Subsection = NULL;
    KIRQL OldIrql = MiLockPfn();
    PFN_NUMBER Page = MmModifiedPageListHead.Flink;

    while (Page != MM_EMPTY_LIST) {
        PMMPFN Pfn = MI_PFN_ELEMENT(Page);
        PSUBSECTION Candidate = (PSUBSECTION)(ULONG_PTR)Pfn->OriginalPte.u.Subsect.SubsectionAddress;

        if (MiReferenceControlArea(Candidate->ControlArea)) {
            Subsection = Candidate;
            *Proto = Pfn->PteAddress;
            break;
        }
        Page = Pfn->u1.Flink; // its segment is being deleted
    }
    MiUnlockPfn(OldIrql);
    return Subsection;
}

// The mapped page writer.
VOID NTAPI MiMappedPageWriter(PVOID Context)
{
    UNREFERENCED_PARAMETER(Context);
    for (;;) {
        NTSTATUS Status = STATUS_SUCCESS;
        PSUBSECTION Subsection;
        LARGE_INTEGER Interval;
        PMMPTE Proto;
        ULONG Pages;

        Interval.QuadPart = MiMappedWriteInterval;
        if (KeWaitForSingleObject(&MiModifiedPageWriterEvent, WrPageOut, KernelMode, FALSE, &Interval) ==
            STATUS_TIMEOUT)
            MiWriteMappedFiles();
        while (NT_SUCCESS(Status) && (Subsection = MiNextModifiedPage(&Proto)) != NULL) {
            Status = MiWriteCluster(Subsection, Proto, MAXULONG, &Pages);
            MiDereferenceControlArea(Subsection->ControlArea, 1, 0, 0);
        }
        if (!NT_SUCCESS(Status)) {
            LARGE_INTEGER Pause = {.QuadPart = MI_WRITE_PAUSE};

            IGNORE_STATUS(KeDelayExecutionThread(KernelMode, FALSE, &Pause));
        }
    }
}
