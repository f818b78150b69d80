// SPDX-License-Identifier: MIT
// What every virtual-memory service begins and ends with: the target process, its address creation lock, the caller's
// base and size, captured once.

#include "mi.h"

// References the process behind a handle and attaches to it, unless it is the current one.
// IRQL PASSIVE_LEVEL. MiDetachTarget undoes it.
NTSTATUS MiAttachTarget(HANDLE Handle, ACCESS_MASK Access, PMI_TARGET Target)
{
    NTSTATUS Status;

    Target->Attached = FALSE;
    Status =
        ObReferenceObjectByHandle(Handle, Access, PsProcessType, ExGetPreviousMode(), (PVOID *)&Target->Process, NULL);
    if (!NT_SUCCESS(Status))
        return Status;
    if (Target->Process != PsGetCurrentProcess()) {
        KeStackAttachProcess(&Target->Process->Pcb, &Target->ApcState);
        Target->Attached = TRUE;
    }
    return STATUS_SUCCESS;
}

VOID MiDetachTarget(PMI_TARGET Target)
{
    if (Target->Attached)
        KeUnstackDetachProcess(&Target->ApcState);
    ObDereferenceObject(Target->Process);
}

// Takes the address creation lock; fails if the address space is being, or has been, deleted.
NTSTATUS MiLockAddressSpace(PEPROCESS Process)
{
    KeAcquireGuardedMutex(&Process->AddressCreationLock);
    if (Process->Flags & PS_PROCESS_FLAGS_VM_DELETED) {
        KeReleaseGuardedMutex(&Process->AddressCreationLock);
        return STATUS_PROCESS_IS_TERMINATING;
    }
    return STATUS_SUCCESS;
}

VOID MiUnlockAddressSpace(PEPROCESS Process)
{
    KeReleaseGuardedMutex(&Process->AddressCreationLock);
}

// Reads the caller's base address and size, which are also written at the end. The range is checked against user space.
NTSTATUS MiCaptureRange(PVOID *UserBase, PSIZE_T UserSize, PVOID *Base, PSIZE_T Size)
{
    SEH_TRY
    {
        if (ExGetPreviousMode() != KernelMode) {
            ProbeForWriteType(UserBase);
            ProbeForWriteType(UserSize);
        }
        *Base = *(PVOID volatile *)UserBase;
        *Size = *(volatile SIZE_T *)UserSize;
    }
    SEH_EXCEPT
    {
        return SEH_CODE();
    }
    SEH_END
    if ((ULONG_PTR)*Base > (ULONG_PTR)MM_HIGHEST_VAD_ADDRESS)
        return STATUS_INVALID_PARAMETER_2;
    if (*Size > (ULONG_PTR)MM_HIGHEST_VAD_ADDRESS + 1 - (ULONG_PTR)*Base)
        return STATUS_INVALID_PARAMETER_3;
    return STATUS_SUCCESS;
}

// Tells the caller the range that was really worked on. The work is done, so a pointer gone bad changes nothing.
VOID MiReturnRange(PVOID *UserBase, PSIZE_T UserSize, PVOID Base, SIZE_T Size)
{
    SEH_TRY
    {
        *UserSize = Size;
        *UserBase = Base;
    }
    SEH_EXCEPT
    {
    }
    SEH_END
}
