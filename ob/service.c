// SPDX-License-Identifier: MIT
// Handles as results of services, and making names permanent or temporary.

#include "obp.h"

// Can *Handle be written? Kernel mode is trusted. STATUS_ACCESS_VIOLATION, STATUS_DATATYPE_MISALIGNMENT.
// PASSIVE_LEVEL.
NTSTATUS NTAPI ObProbeHandle(PHANDLE Handle, KPROCESSOR_MODE Mode)
{
    return Mode == KernelMode ? STATUS_SUCCESS : ExProbeUserUlong(Handle);
}

// Writes a new handle of the current process to a probed address. If that faults the handle is closed again.
// PASSIVE_LEVEL.
NTSTATUS NTAPI ObReturnHandle(PHANDLE Handle, HANDLE Value, KPROCESSOR_MODE Mode)
{
    NTSTATUS Status;

    if (Mode == KernelMode) {
        *Handle = Value;
        return STATUS_SUCCESS;
    }
    Status = ExPutUserUlong(Handle, (ULONG)(ULONG_PTR)Value);
    if (!NT_SUCCESS(Status))
        IGNORE_STATUS(ObCloseHandle(Value, Mode));
    return Status;
}

// The whole of an Nt*Open* service: opens what ObjectAttributes name, of Type, and writes the handle. PASSIVE_LEVEL.
NTSTATUS ObpOpenService(PHANDLE Handle, ACCESS_MASK DesiredAccess, POBJECT_ATTRIBUTES ObjectAttributes,
                        POBJECT_TYPE Type)
{
    KPROCESSOR_MODE Mode = ExGetPreviousMode();
    HANDLE Local;
    NTSTATUS Status;

    PAGED_CODE();
    Status = ObProbeHandle(Handle, Mode);
    if (!NT_SUCCESS(Status))
        return Status;
    Status = ObOpenObjectByName(ObjectAttributes, Type, Mode, NULL, DesiredAccess, NULL, &Local);
    return NT_SUCCESS(Status) ? ObReturnHandle(Handle, Local, Mode) : Status;
}

// Makes an object temporary: its name goes with its last handle. Needs DELETE. PASSIVE_LEVEL.
NTSTATUS NTAPI NtMakeTemporaryObject(HANDLE Handle)
{
    PVOID Object;
    NTSTATUS Status = ObReferenceObjectByHandle(Handle, DELETE, NULL, ExGetPreviousMode(), &Object, NULL);

    if (!NT_SUCCESS(Status))
        return Status;
    ObMakeTemporaryObject(Object);
    ObDereferenceObject(Object);
    return STATUS_SUCCESS;
}

// Makes an object permanent: its name outlives its handles. Needs SeCreatePermanentPrivilege. PASSIVE_LEVEL.
NTSTATUS NTAPI NtMakePermanentObject(HANDLE Handle)
{
    KPROCESSOR_MODE Mode = ExGetPreviousMode();
    PVOID Object;
    NTSTATUS Status;

    if (!SeSinglePrivilegeCheck(SE_CREATE_PERMANENT_PRIVILEGE, Mode))
        return STATUS_PRIVILEGE_NOT_HELD;
    Status = ObReferenceObjectByHandle(Handle, 0, NULL, Mode, &Object, NULL);
    if (!NT_SUCCESS(Status))
        return Status;
    ObpLockNamespace(TRUE);
    OBJECT_TO_OBJECT_HEADER(Object)->Flags |= OB_FLAG_PERMANENT;
    ObpUnlockNamespace(TRUE);
    ObDereferenceObject(Object);
    return STATUS_SUCCESS;
}
