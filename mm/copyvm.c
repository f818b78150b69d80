// SPDX-License-Identifier: MIT
// Copying between two processes (NtReadVirtualMemory, NtWriteVirtualMemory), a piece at a time through a kernel buffer:
// each side is touched while attached to its own address space.

#include "mi.h"

#define MI_COPY_STACK 256u
#define MI_COPY_POOL 0x4000u

// Copies between the current thread's buffer and kernel memory, in the address space it happens in.
static NTSTATUS MiCopyPiece(PVOID To, PVOID From, SIZE_T Length)
{
    SEH_TRY
    {
        MmCopyBuffer(To, From, Length);
    }
    SEH_EXCEPT
    {
        return SEH_CODE() == STATUS_GUARD_PAGE_VIOLATION ? STATUS_GUARD_PAGE_VIOLATION : STATUS_PARTIAL_COPY;
    }
    SEH_END
    return STATUS_SUCCESS;
}

static NTSTATUS MiCopyInProcess(PEPROCESS Process, PVOID To, PVOID From, SIZE_T Length)
{
    KAPC_STATE ApcState;
    NTSTATUS Status;

    KeStackAttachProcess(&Process->Pcb, &ApcState);
    Status = MiCopyPiece(To, From, Length);
    KeUnstackDetachProcess(&ApcState);
    return Status;
}

// Copies Length bytes from FromProcess to ToProcess. *Done tells how many arrived. IRQL PASSIVE_LEVEL.
static NTSTATUS MiCopyVirtualMemory(PEPROCESS FromProcess, PUCHAR From, PEPROCESS ToProcess, PUCHAR To, SIZE_T Length,
                                    PSIZE_T Done)
{
    UCHAR Small[MI_COPY_STACK];
    PVOID Buffer = Small;
    SIZE_T Piece, Capacity = sizeof(Small);
    NTSTATUS Status = STATUS_SUCCESS;

    if (Length > Capacity) {
        Capacity = min_of(Length, MI_COPY_POOL);
        Buffer = ExAllocatePoolWithTag(NonPagedPool, Capacity, TAG_MM);
        if (Buffer == NULL)
            return STATUS_INSUFFICIENT_RESOURCES;
    }
    while (*Done < Length && NT_SUCCESS(Status)) {
        Piece = min_of(Length - *Done, Capacity);
        // Never across a page, so that everything up to the bad page arrives.
        Piece = min_of(Piece, min_of(PAGE_SIZE - BYTE_OFFSET(From + *Done), PAGE_SIZE - BYTE_OFFSET(To + *Done)));
        Status = MiCopyInProcess(FromProcess, Buffer, From + *Done, Piece);
        if (NT_SUCCESS(Status))
            Status = MiCopyInProcess(ToProcess, To + *Done, Buffer, Piece);
        if (NT_SUCCESS(Status))
            *Done += Piece;
    }
    if (Buffer != Small)
        ExFreePoolWithTag(Buffer, TAG_MM);
    return Status;
}

static NTSTATUS MiCheckCopy(PVOID Address, PVOID Buffer, SIZE_T Size, PSIZE_T Done)
{
    if (ExGetPreviousMode() == KernelMode)
        return STATUS_SUCCESS;
    if ((ULONG_PTR)Address + Size < (ULONG_PTR)Address || (ULONG_PTR)Buffer + Size < (ULONG_PTR)Buffer ||
        (ULONG_PTR)Address + Size > MM_USER_PROBE_ADDRESS || (ULONG_PTR)Buffer + Size > MM_USER_PROBE_ADDRESS)
        return STATUS_ACCESS_VIOLATION;
    SEH_TRY
    {
        if (Done != NULL)
            ProbeForWriteType(Done);
    }
    SEH_EXCEPT
    {
        return SEH_CODE();
    }
    SEH_END
    return STATUS_SUCCESS;
}

static NTSTATUS MiReadOrWrite(HANDLE Handle, PVOID Address, PVOID Buffer, SIZE_T Size, PSIZE_T UserDone, BOOLEAN Write)
{
    PEPROCESS Process, Current = PsGetCurrentProcess();
    SIZE_T Done = 0;
    NTSTATUS Status;

    Status = MiCheckCopy(Address, Buffer, Size, UserDone);
    if (!NT_SUCCESS(Status))
        return Status;
    Status = ObReferenceObjectByHandle(Handle, Write ? PROCESS_VM_WRITE | PROCESS_VM_OPERATION : PROCESS_VM_READ,
                                       PsProcessType, ExGetPreviousMode(), (PVOID *)&Process, NULL);
    if (!NT_SUCCESS(Status))
        return Status;
    if (Write)
        Status = MiCopyVirtualMemory(Current, Buffer, Process, Address, Size, &Done);
    else
        Status = MiCopyVirtualMemory(Process, Address, Current, Buffer, Size, &Done);
    ObDereferenceObject(Process);
    SEH_TRY
    {
        if (UserDone != NULL)
            *UserDone = Done;
    }
    SEH_EXCEPT
    {
    }
    SEH_END
    return Status;
}

// System service (the documented ReadProcessMemory). STATUS_PARTIAL_COPY: *Done bytes were copied.
NTSTATUS NTAPI NtReadVirtualMemory(HANDLE Process, PVOID Address, PVOID Buffer, SIZE_T Size, PSIZE_T Done)
{
    PAGED_CODE();
    return MiReadOrWrite(Process, Address, Buffer, Size, Done, FALSE);
}

// System service (the documented WriteProcessMemory, without its changing of protections).
NTSTATUS NTAPI NtWriteVirtualMemory(HANDLE Process, PVOID Address, PVOID Buffer, SIZE_T Size, PSIZE_T Done)
{
    PAGED_CODE();
    return MiReadOrWrite(Process, Address, Buffer, Size, Done, TRUE);
}

// System service. x86 keeps its instruction cache coherent (SDM 3A 11.6); the handle is still checked.
NTSTATUS NTAPI NtFlushInstructionCache(HANDLE Process, PVOID Base, SIZE_T Length)
{
    MI_TARGET Target;
    NTSTATUS Status;

    PAGED_CODE();
    UNREFERENCED_PARAMETER(Base);
    UNREFERENCED_PARAMETER(Length);
    Status = MiAttachTarget(Process, PROCESS_VM_WRITE, &Target);
    if (NT_SUCCESS(Status))
        MiDetachTarget(&Target);
    return Status;
}
