// SPDX-License-Identifier: MIT
// Opening processes and threads by client id, and the small helper that hands a handle back to a caller.

#include "psp.h"

// Stores a handle where the caller wants it. IRQL PASSIVE_LEVEL. The status of a fault if the pointer is bad.
NTSTATUS NTAPI PspWriteHandle(PHANDLE Target, HANDLE Value, KPROCESSOR_MODE Mode)
{
    volatile NTSTATUS Status = STATUS_SUCCESS;

    PAGED_CODE();
    SEH_TRY
    {
        if (Mode != KernelMode)
            ProbeForWriteType(Target);
        *Target = Value;
    }
    SEH_EXCEPT
    {
        Status = SEH_CODE();
    }
    SEH_END
    return Status;
}

// Copies the parts of a client id and object attributes that an open needs. A name is refused: ids are the only names.
static NTSTATUS PspCaptureOpen(PCLIENT_ID Captured, PULONG Attributes, PHANDLE Handle,
                               POBJECT_ATTRIBUTES ObjectAttributes, PCLIENT_ID ClientId, KPROCESSOR_MODE Mode)
{
    volatile NTSTATUS Status = STATUS_SUCCESS;

    if (ClientId == NULL || ObjectAttributes == NULL)
        return STATUS_INVALID_PARAMETER_MIX;
    SEH_TRY
    {
        if (Mode != KernelMode) {
            ProbeForWriteType(Handle);
            ProbeForReadType(ObjectAttributes);
            ProbeForReadType(ClientId);
        }
        *Captured = *ClientId;
        *Attributes = ObjectAttributes->Attributes & OBJ_VALID_ATTRIBUTES;
        if (ObjectAttributes->ObjectName != NULL)
            Status = STATUS_INVALID_PARAMETER_MIX;
        if (Mode != KernelMode)
            *Attributes &= ~OBJ_KERNEL_HANDLE;
    }
    SEH_EXCEPT
    {
        Status = SEH_CODE();
    }
    SEH_END
    return Status;
}

static NTSTATUS PspOpenObject(PHANDLE Handle, PVOID Object, ULONG Attributes, ACCESS_MASK DesiredAccess,
                              POBJECT_TYPE Type, KPROCESSOR_MODE Mode)
{
    HANDLE LocalHandle;
    NTSTATUS Status;

    Status = ObOpenObjectByPointer(Object, Attributes, NULL, DesiredAccess, Type, Mode, &LocalHandle);
    ObDereferenceObject(Object);
    if (!NT_SUCCESS(Status))
        return Status;
    Status = PspWriteHandle(Handle, LocalHandle, Mode);
    if (!NT_SUCCESS(Status))
        ObCloseHandle(LocalHandle, Mode);
    return Status;
}

NTSTATUS NTAPI NtOpenProcess(PHANDLE Handle, ACCESS_MASK DesiredAccess, POBJECT_ATTRIBUTES ObjectAttributes,
                             PCLIENT_ID ClientId)
{
    KPROCESSOR_MODE Mode = ExGetPreviousMode();
    CLIENT_ID Cid;
    ULONG Attributes;
    PEPROCESS Process;
    PETHREAD Thread;
    NTSTATUS Status;

    PAGED_CODE();
    Status = PspCaptureOpen(&Cid, &Attributes, Handle, ObjectAttributes, ClientId, Mode);
    if (!NT_SUCCESS(Status))
        return Status;
    if (Cid.UniqueThread != NULL) {
        Status = PsLookupProcessThreadByCid(&Cid, &Process, &Thread);
        if (NT_SUCCESS(Status))
            ObDereferenceObject(Thread);
    } else {
        Status =
            NT_SUCCESS(PsLookupProcessByProcessId(Cid.UniqueProcess, &Process)) ? STATUS_SUCCESS : STATUS_INVALID_CID;
    }
    if (!NT_SUCCESS(Status))
        return Status;
    return PspOpenObject(Handle, Process, Attributes, DesiredAccess, PsProcessType, Mode);
}

NTSTATUS NTAPI NtOpenThread(PHANDLE Handle, ACCESS_MASK DesiredAccess, POBJECT_ATTRIBUTES ObjectAttributes,
                            PCLIENT_ID ClientId)
{
    KPROCESSOR_MODE Mode = ExGetPreviousMode();
    CLIENT_ID Cid;
    ULONG Attributes;
    PETHREAD Thread;
    NTSTATUS Status;

    PAGED_CODE();
    Status = PspCaptureOpen(&Cid, &Attributes, Handle, ObjectAttributes, ClientId, Mode);
    if (!NT_SUCCESS(Status))
        return Status;
    if (Cid.UniqueProcess != NULL)
        Status = PsLookupProcessThreadByCid(&Cid, NULL, &Thread);
    else
        Status = NT_SUCCESS(PsLookupThreadByThreadId(Cid.UniqueThread, &Thread)) ? STATUS_SUCCESS : STATUS_INVALID_CID;
    if (!NT_SUCCESS(Status))
        return Status;
    return PspOpenObject(Handle, Thread, Attributes, DesiredAccess, PsThreadType, Mode);
}
