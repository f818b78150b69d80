// SPDX-License-Identifier: MIT
// What is in a working set, for user mode: MemoryWorkingSetInformation lists all of it, MemoryWorkingSetExInformation
// tells about addresses that the caller names. Source: SDK, "PSAPI_WORKING_SET_BLOCK",
// "PSAPI_WORKING_SET_EX_BLOCK".

#include "mi.h"

#define MI_SHARE_COUNT_MAXIMUM 7u
#define MI_QUERY_BATCH 64u

static ULONG MiShareCount(PMMPFN Pfn)
{
    return Pfn->u3.e1.PrototypePte ? min_of(Pfn->u2.ShareCount, MI_SHARE_COUNT_MAXIMUM) : 0;
}

static MEMORY_WORKING_SET_BLOCK MiDescribePage(MMWSLE Wsle)
{
    PMMPTE Pte = MiGetPteAddress(MI_VA(Wsle.u1.e1.VirtualPageNumber));
    PMMPFN Pfn = MI_PFN_ELEMENT(MI_PTE_FRAME(Pte));
    MEMORY_WORKING_SET_BLOCK Block = {.VirtualPage = Wsle.u1.e1.VirtualPageNumber};
    MMPTE Entry = *Pte;

    Block.Protection = MiValidPteProtection(&Entry); // the SDK's codes are Mm's
    Block.Shared = Pfn->u3.e1.PrototypePte;
    Block.ShareCount = MiShareCount(Pfn);
    return Block;
}

// Gathers all blocks of the process, which is attached to, into a new piece of pool. *Count: how many.
static NTSTATUS MiGatherWorkingSet(PEPROCESS Process, PMEMORY_WORKING_SET_BLOCK *Blocks, PULONG Count)
{
    ULONG Room = Process->Vm.WorkingSetSize + MI_QUERY_BATCH, Index;
    PMMWSL List;

    *Count = 0;
    *Blocks = ExAllocatePoolWithTag(NonPagedPool, Room * sizeof(**Blocks), TAG_MM);
    if (*Blocks == NULL)
        return STATUS_INSUFFICIENT_RESOURCES;
    MiLockWorkingSet(Process);
    List = Process->Vm.VmWorkingSetList;
    for (Index = 1; !Process->Vm.Flags.BeingDeleted && List != NULL && Index <= List->LastEntry && *Count < Room;
         Index++) {
        if (List->Wsle[Index].u1.e1.Valid)
            (*Blocks)[(*Count)++] = MiDescribePage(List->Wsle[Index]);
    }
    MiUnlockWorkingSet(Process);
    return STATUS_SUCCESS;
}

static NTSTATUS MiReturnBlocks(PMEMORY_WORKING_SET_INFORMATION User, PMEMORY_WORKING_SET_BLOCK Blocks, ULONG Count,
                               SIZE_T Length, PSIZE_T ReturnLength)
{
    SIZE_T Needed = FIELD_OFFSET(MEMORY_WORKING_SET_INFORMATION, WorkingSetInfo) + Count * sizeof(*Blocks);

    SEH_TRY
    {
        User->NumberOfEntries = Count;
        if (ReturnLength != NULL)
            *ReturnLength = min_of(Needed, Length);
        if (Length >= Needed)
            memcpy(User->WorkingSetInfo, Blocks, Count * sizeof(*Blocks));
    }
    SEH_EXCEPT
    {
        return SEH_CODE();
    }
    SEH_END
    return Length < Needed ? STATUS_INFO_LENGTH_MISMATCH : STATUS_SUCCESS;
}

// MemoryWorkingSetInformation. User was probed for Length bytes. STATUS_INFO_LENGTH_MISMATCH: too short, the number of
// entries is returned all the same if there is room for that. IRQL PASSIVE_LEVEL.
NTSTATUS MiQueryWorkingSet(HANDLE Handle, PVOID User, SIZE_T Length, PSIZE_T ReturnLength)
{
    PMEMORY_WORKING_SET_BLOCK Blocks = NULL;
    MI_TARGET Target;
    NTSTATUS Status;
    ULONG Count;

    if (Length < sizeof(ULONG_PTR))
        return STATUS_INFO_LENGTH_MISMATCH;
    Status = MiAttachTarget(Handle, PROCESS_QUERY_INFORMATION, &Target);
    if (!NT_SUCCESS(Status))
        return Status;
    Status = MiGatherWorkingSet(Target.Process, &Blocks, &Count);
    MiDetachTarget(&Target);
    if (NT_SUCCESS(Status))
        Status = MiReturnBlocks(User, Blocks, Count, Length, ReturnLength);
    if (Blocks != NULL)
        ExFreePoolWithTag(Blocks, TAG_MM);
    return Status;
}

// A page that an MDL's mapping shows is in no working set.
static BOOLEAN MiIsForeignPage(PEPROCESS Process, PVOID Va)
{
    PMMVAD Vad = MiLocateVad(&Process->VadRoot, MI_VPN(Va));

    return Vad == NULL || MI_IS_UNPAGED_VAD(Vad);
}

static ULONG MiDescribeAddress(PEPROCESS Process, PVOID Va)
{
    MEMORY_WORKING_SET_EX_BLOCK Block = {.Valid = 0};
    PMMPTE Pte = MI_IS_USER_VA(Va) ? MiPteIfTable(Va) : NULL;
    PMMWSL List = Process->Vm.VmWorkingSetList;
    PMMPFN Pfn;
    MMPTE Entry;

    if (Pte == NULL && MI_IS_USER_VA(Va) && MmIsAddressValid(Va))
        Pte = MiGetPdeAddress(Va); // of a large page
    if (Pte == NULL || !Pte->u.Hard.Valid || Process->Vm.Flags.BeingDeleted ||
        PAGE_ALIGN(Va) == (PVOID)USER_SHARED_DATA_USER)
        return 0;
    Entry = *Pte;
    Pfn = MI_PFN_ELEMENT(MI_PTE_FRAME(&Entry));
    Block.Valid = 1;
    Block.Win32Protection = MiProtectionToValue(MiValidPteProtection(&Entry));
    Block.Shared = Pfn->u3.e1.PrototypePte;
    Block.ShareCount = MiShareCount(Pfn);
    Block.LargePage = Entry.u.Hard.LargePage;
    Block.Locked = Block.LargePage || Pfn->u3.e1.UserPhysical || MiIsForeignPage(Process, Va) ||
                   MiLocateWsle(List, Va, Pfn) < List->FirstDynamic;
    Block.Priority = Pfn->u3.e1.Priority;
    return *(PULONG)&Block;
}

// MemoryWorkingSetExInformation: an array of addresses, each answered in place. User was probed for Length bytes.
NTSTATUS MiQueryWorkingSetEx(HANDLE Handle, PVOID User, SIZE_T Length, PSIZE_T ReturnLength)
{
    PMEMORY_WORKING_SET_EX_INFORMATION Entries;
    ULONG Count = (ULONG)(Length / sizeof(*Entries)), Index;
    MI_TARGET Target;
    NTSTATUS Status;

    if (Count == 0 || Length % sizeof(*Entries) != 0)
        return STATUS_INFO_LENGTH_MISMATCH;
    Entries = ExAllocatePoolWithTag(NonPagedPool, Length, TAG_MM);
    if (Entries == NULL)
        return STATUS_INSUFFICIENT_RESOURCES;
    Status = MiReturnInformation(Entries, User, Length, NULL);
    if (NT_SUCCESS(Status))
        Status = MiAttachTarget(Handle, PROCESS_QUERY_INFORMATION, &Target);
    if (NT_SUCCESS(Status)) {
        MiLockWorkingSet(Target.Process);
        for (Index = 0; Index < Count; Index++)
            Entries[Index].u1.Long = MiDescribeAddress(Target.Process, Entries[Index].VirtualAddress);
        MiUnlockWorkingSet(Target.Process);
        MiDetachTarget(&Target);
        Status = MiReturnInformation(User, Entries, Length, ReturnLength);
    }
    ExFreePoolWithTag(Entries, TAG_MM);
    return Status;
}
