// SPDX-License-Identifier: MIT
// What is at an address (NtQueryVirtualMemory): the largest run of pages from there on that are alike in state,
// protection and type.

#include "mi.h"

static VOID MiQuerySharedData(PVOID Va, PMEMORY_BASIC_INFORMATION Information)
{
    BOOLEAN Data = MiIsSharedDataPage(Va);

    Information->BaseAddress = PAGE_ALIGN(Va);
    Information->AllocationBase = Data ? PAGE_ALIGN(Va) : (PVOID)((ULONG_PTR)MM_HIGHEST_VAD_ADDRESS + 1);
    Information->AllocationProtect = PAGE_READONLY;
    Information->RegionSize = Data ? PAGE_SIZE : (ULONG_PTR)MM_HIGHEST_USER_ADDRESS + 1 - (ULONG_PTR)PAGE_ALIGN(Va);
    Information->State = Data ? MEM_COMMIT : MEM_RESERVE;
    Information->Protect = Data ? PAGE_READONLY : PAGE_NOACCESS;
    Information->Type = MEM_PRIVATE;
}

static VOID MiQueryFree(PEPROCESS Process, ULONG_PTR Vpn, PMEMORY_BASIC_INFORMATION Information)
{
    PMMVAD Next = MiFindOverlap(&Process->VadRoot, Vpn, MI_VPN(MM_HIGHEST_VAD_ADDRESS));
    ULONG_PTR End = Next != NULL ? Next->StartingVpn : MI_VPN(MM_HIGHEST_VAD_ADDRESS) + 1;

    Information->BaseAddress = MI_VA(Vpn);
    Information->AllocationBase = NULL;
    Information->AllocationProtect = 0;
    Information->RegionSize = (End - Vpn) << PAGE_SHIFT;
    Information->State = MEM_FREE;
    Information->Protect = PAGE_NOACCESS;
    Information->Type = 0;
}

static VOID MiQueryPage(PMMVAD Vad, ULONG_PTR Vpn, PULONG State, PULONG Protect)
{
    BOOLEAN Committed = MiIsPageCommitted(Vad, Vpn);

    *State = Committed ? MEM_COMMIT : MEM_RESERVE;
    *Protect = Committed ? MiProtectionToValue(MiPageProtection(Vad, Vpn)) : 0;
}

// Where a page without a page table is like the one before it, so are the others of that table: skips them.
static ULONG_PTR MiSkipEmptyTable(PMMVAD Vad, ULONG_PTR Vpn)
{
    BOOLEAN Uniform =
        Vad->u.VadFlags.PrivateMemory || (Vad->u.VadFlags.VadType != VadImageMap && !Vad->ControlArea->u.Flags.Reserve);

    if (!Uniform || MiGetPdeAddress(MI_VA(Vpn))->u.Hard.Valid)
        return Vpn;
    return min_of(Vad->EndingVpn, Vpn | (PTES_PER_PAGE - 1));
}

static VOID MiQueryVad(PMMVAD Vad, ULONG_PTR Vpn, PMEMORY_BASIC_INFORMATION Information)
{
    ULONG_PTR End;

    MiQueryPage(Vad, Vpn, &Information->State, &Information->Protect);
    for (End = MiSkipEmptyTable(Vad, Vpn) + 1; End <= Vad->EndingVpn; End = MiSkipEmptyTable(Vad, End) + 1) {
        ULONG State, Protect;

        MiQueryPage(Vad, End, &State, &Protect);
        if (State != Information->State || Protect != Information->Protect)
            break;
    }
    Information->BaseAddress = MI_VA(Vpn);
    Information->AllocationBase = MI_VA(Vad->StartingVpn);
    Information->AllocationProtect = MiProtectionToValue(Vad->u.VadFlags.Protection);
    Information->RegionSize = (End - Vpn) << PAGE_SHIFT;
    Information->Type = Vad->u.VadFlags.PrivateMemory            ? MEM_PRIVATE
                        : Vad->u.VadFlags.VadType == VadImageMap ? MEM_IMAGE
                                                                 : MEM_MAPPED;
}

static NTSTATUS MiQueryBasic(HANDLE Process, PVOID Va, PMEMORY_BASIC_INFORMATION Information)
{
    MI_TARGET Target;
    NTSTATUS Status;
    PMMVAD Vad;

    Status = MiAttachTarget(Process, PROCESS_QUERY_INFORMATION, &Target);
    if (!NT_SUCCESS(Status))
        return Status;
    if ((ULONG_PTR)Va > (ULONG_PTR)MM_HIGHEST_VAD_ADDRESS || MiIsSharedDataPage(Va)) {
        MiQuerySharedData(Va, Information);
    } else {
        Status = MiLockAddressSpace(Target.Process);
        if (NT_SUCCESS(Status)) {
            MiLockWorkingSet(Target.Process);
            Vad = MiLocateVad(&Target.Process->VadRoot, MI_VPN(Va));
            if (Vad == NULL)
                MiQueryFree(Target.Process, MI_VPN(Va), Information);
            else
                MiQueryVad(Vad, MI_VPN(Va), Information);
            MiUnlockWorkingSet(Target.Process);
            MiUnlockAddressSpace(Target.Process);
        }
    }
    MiDetachTarget(&Target);
    return Status;
}

// The whole allocation that an address lies in. STATUS_INVALID_ADDRESS: none.
static NTSTATUS MiQueryRegion(HANDLE Process, PVOID Va, PMEMORY_REGION_INFORMATION Information)
{
    MI_TARGET Target;
    NTSTATUS Status;
    PMMVAD Vad;

    memset(Information, 0, sizeof(*Information));
    Status = MiAttachTarget(Process, PROCESS_QUERY_INFORMATION, &Target);
    if (!NT_SUCCESS(Status))
        return Status;
    Status = MiLockAddressSpace(Target.Process);
    if (NT_SUCCESS(Status)) {
        Vad = MiLocateVad(&Target.Process->VadRoot, MI_VPN(Va));
        if (Vad == NULL) {
            Status = STATUS_INVALID_ADDRESS;
        } else {
            Information->AllocationBase = MI_VA(Vad->StartingVpn);
            Information->AllocationProtect = MiProtectionToValue(Vad->u.VadFlags.Protection);
            Information->RegionSize = (Vad->EndingVpn - Vad->StartingVpn + 1) << PAGE_SHIFT;
            Information->Private = Vad->u.VadFlags.PrivateMemory;
            if (!Information->Private) {
                Information->MappedImage = Vad->u.VadFlags.VadType == VadImageMap;
                Information->MappedPageFile = Vad->ControlArea->FilePointer == NULL;
                Information->MappedDataFile = !Information->MappedImage && !Information->MappedPageFile;
            }
            Information->MappedPhysical = Vad->u.VadFlags.VadType == VadAwe;
        }
        MiUnlockAddressSpace(Target.Process);
    }
    MiDetachTarget(&Target);
    return Status;
}

// Copies an answer to the caller, or a question from it; the status of an access that fails.
NTSTATUS MiReturnInformation(PVOID User, PVOID Information, SIZE_T Length, PSIZE_T ReturnLength)
{
    SEH_TRY
    {
        memcpy(User, Information, Length);
        if (ReturnLength != NULL)
            *ReturnLength = Length;
    }
    SEH_EXCEPT
    {
        return SEH_CODE();
    }
    SEH_END
    return STATUS_SUCCESS;
}

#define MI_NAME_BUFFER 1024u

static NTSTATUS MiQueryFileName(HANDLE Process, PVOID Va, PVOID User, SIZE_T Length, PSIZE_T ReturnLength)
{
    POBJECT_NAME_INFORMATION Name = ExAllocatePoolZero(PagedPool, MI_NAME_BUFFER, TAG_MM);
    PUNICODE_STRING UserName = User;
    ULONG Returned = 0;
    MI_TARGET Target;
    NTSTATUS Status;

    if (Name == NULL)
        return STATUS_INSUFFICIENT_RESOURCES;
    Status = MiAttachTarget(Process, PROCESS_QUERY_INFORMATION, &Target);
    if (NT_SUCCESS(Status)) {
        Status = MmGetFileNameForAddress(Va, Name, MI_NAME_BUFFER, &Returned);
        MiDetachTarget(&Target);
    }
    if (NT_SUCCESS(Status)) {
        SIZE_T Needed = sizeof(UNICODE_STRING) + Name->Name.Length + sizeof(WCHAR);

        if (Length < Needed) {
            Status = STATUS_INFO_LENGTH_MISMATCH;
        } else {
            PWSTR Buffer = Name->Name.Buffer;

            Name->Name.MaximumLength = Name->Name.Length + sizeof(WCHAR);
            Name->Name.Buffer = (PWSTR)(UserName + 1);
            Buffer[Name->Name.Length / sizeof(WCHAR)] = 0;
            Status = MiReturnInformation(UserName + 1, Buffer, Name->Name.MaximumLength, NULL);
            if (NT_SUCCESS(Status))
                Status = MiReturnInformation(UserName, &Name->Name, sizeof(UNICODE_STRING), NULL);
            if (NT_SUCCESS(Status) && ReturnLength != NULL)
                Status = MiReturnInformation(ReturnLength, &Needed, sizeof(Needed), NULL);
        }
    }
    ExFreePoolWithTag(Name, TAG_MM);
    return Status;
}

// System service. WDK: ZwQueryVirtualMemory.
NTSTATUS NTAPI NtQueryVirtualMemory(HANDLE Process, PVOID Address, MEMORY_INFORMATION_CLASS Class, PVOID Information,
                                    SIZE_T Length, PSIZE_T ReturnLength)
{
    MEMORY_BASIC_INFORMATION Basic;
    MEMORY_REGION_INFORMATION Region;
    NTSTATUS Status;

    PAGED_CODE();
    SEH_TRY
    {
        if (ExGetPreviousMode() != KernelMode) {
            ProbeForWrite(Information, Length, sizeof(ULONG));
            if (ReturnLength != NULL)
                ProbeForWriteType(ReturnLength);
        }
    }
    SEH_EXCEPT
    {
        return SEH_CODE();
    }
    SEH_END
    if ((ULONG_PTR)Address > (ULONG_PTR)MM_HIGHEST_USER_ADDRESS)
        return STATUS_INVALID_PARAMETER;
    switch (Class) {
    case MemoryBasicInformation:
        if (Length < sizeof(Basic))
            return STATUS_INFO_LENGTH_MISMATCH;
        Status = MiQueryBasic(Process, Address, &Basic);
        return NT_SUCCESS(Status) ? MiReturnInformation(Information, &Basic, sizeof(Basic), ReturnLength) : Status;
    case MemoryMappedFilenameInformation:
        return MiQueryFileName(Process, Address, Information, Length, ReturnLength);
    case MemoryRegionInformation:
        if (Length < sizeof(Region))
            return STATUS_INFO_LENGTH_MISMATCH;
        Status = MiQueryRegion(Process, Address, &Region);
        return NT_SUCCESS(Status) ? MiReturnInformation(Information, &Region, sizeof(Region), ReturnLength) : Status;
    case MemoryWorkingSetInformation:
        return MiQueryWorkingSet(Process, Information, Length, ReturnLength);
    case MemoryWorkingSetExInformation:
        return MiQueryWorkingSetEx(Process, Information, Length, ReturnLength);
    default:
        return STATUS_INVALID_INFO_CLASS;
    }
}
