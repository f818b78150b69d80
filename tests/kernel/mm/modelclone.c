// SPDX-License-Identifier: MIT
// A clone of the process in the model: made at one step, and looked at some steps later. Memory with write watch, large
// pages and windows are not inherited.

#include "model.h"

static HANDLE MtClone;                 // of the process, or NULL
static MT_REGION MtCloned[MT_REGIONS]; // what there was when it was made

// A page of the clone still is what the parent had: private memory, and what a view has copied.
static VOID MtCheckCloned(PMT_REGION Region, ULONG Index)
{
    PMT_PAGE_MODEL Page = &Region->Page[Index];
    PUCHAR Va = MT_PAGE(Region->Base, Index);
    UCHAR First = 0, Last = 0;
    NTSTATUS Status;

    if (Page->MaybeZero || Region->Watched ||
        (Region->Section != NULL && (!Page->Copied || Region->Inherit != ViewShare)))
        return;
    Status = ZwReadVirtualMemory(MtClone, Va, &First, 1, NULL);
    if (!Page->Committed && Region->Section == NULL)
        expect(!NT_SUCCESS(Status));
    if (!NT_SUCCESS(Status) || !NT_SUCCESS(ZwReadVirtualMemory(MtClone, Va + PAGE_SIZE - 1, &Last, 1, NULL)))
        return; // its protection does not allow it
    expect_eq(First, Page->Value[0]);
    expect_eq(Last, Page->Value[1]);
    Last = (UCHAR)~Last;
    IGNORE_STATUS(ZwWriteVirtualMemory(MtClone, Va, &Last, 1, NULL)); // which the parent must not see
}

// Clones the process, or looks whether the clone is what it was, whatever the parent has done since, and ends it.
VOID MtStepClone(VOID)
{
    OBJECT_ATTRIBUTES Attributes;
    ULONG Slot, Index;

    if (MtClone == NULL) {
        InitializeObjectAttributes(&Attributes, NULL, OBJ_KERNEL_HANDLE, NULL, NULL);
        memcpy(MtCloned, MtRegions, sizeof(MtCloned));
        expect_status(
            ZwCreateProcessEx(&MtClone, PROCESS_ALL_ACCESS, &Attributes, NtCurrentProcess(), 0, NULL, NULL, NULL, 0),
            STATUS_SUCCESS);
        return;
    }
    for (Slot = 0; Slot < MT_REGIONS; Slot++) {
        for (Index = 0; MtCloned[Slot].Base != NULL && Index < MtCloned[Slot].Pages; Index++)
            MtCheckCloned(&MtCloned[Slot], Index);
    }
    expect_status(ZwClose(MtClone), STATUS_SUCCESS);
    MtClone = NULL;
}

VOID MtEndClone(VOID)
{
    if (MtClone != NULL)
        MtStepClone();
}
