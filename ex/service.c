// SPDX-License-Identifier: MIT
// What the create, open and query services of executive objects have in common: probe the outputs first, then do the
// work, then write the result under SEH; if the write fails the work is undone.

#include "exp.h"

// Is there room to write Bytes at Address in user memory? STATUS_ACCESS_VIOLATION, STATUS_DATATYPE_MISALIGNMENT.
NTSTATUS ExpProbeOutput(PVOID Address, ULONG Bytes)
{
    volatile NTSTATUS Status = STATUS_SUCCESS;

    if (Bytes == sizeof(ULONG))
        return ExProbeUserUlong(Address);
    SEH_TRY
    {
        ProbeForWrite(Address, Bytes, Bytes < sizeof(ULONG) ? 1 : sizeof(ULONG));
    }
    SEH_EXCEPT
    {
        Status = SEH_CODE();
    }
    SEH_END
    return Status;
}

// Probes Handle and creates an object with a zeroed body. On success the caller owns *Object's reference and ends
// with ExpInsertObject. PASSIVE_LEVEL.
NTSTATUS ExpCreateObject(PHANDLE Handle, ACCESS_MASK DesiredAccess, POBJECT_ATTRIBUTES Attributes, POBJECT_TYPE Type,
                         ULONG BodySize, PVOID *Object)
{
    KPROCESSOR_MODE Mode = ExGetPreviousMode();
    NTSTATUS Status = ObProbeHandle(Handle, Mode);

    UNREFERENCED_PARAMETER(DesiredAccess);
    if (!NT_SUCCESS(Status))
        return Status;
    return ObCreateObject(Mode, Type, Attributes, Mode, NULL, BodySize, 0, 0, Object);
}

// Names the object, makes its handle and writes it to the caller. Consumes the reference in every case.
// PASSIVE_LEVEL.
NTSTATUS ExpInsertObject(PVOID Object, ACCESS_MASK DesiredAccess, PHANDLE Handle)
{
    HANDLE Local;
    NTSTATUS Status = ObInsertObject(Object, NULL, DesiredAccess, 0, NULL, &Local), Written;

    if (!NT_SUCCESS(Status))
        return Status;
    Written = ObReturnHandle(Handle, Local, ExGetPreviousMode());
    return NT_SUCCESS(Written) ? Status : Written;
}

// The whole of an Nt*Open* service. PASSIVE_LEVEL.
NTSTATUS ExpOpenObject(PHANDLE Handle, ACCESS_MASK DesiredAccess, POBJECT_ATTRIBUTES Attributes, POBJECT_TYPE Type)
{
    KPROCESSOR_MODE Mode = ExGetPreviousMode();
    HANDLE Local;
    NTSTATUS Status = ObProbeHandle(Handle, Mode);

    if (!NT_SUCCESS(Status))
        return Status;
    Status = ObOpenObjectByName(Attributes, Type, Mode, NULL, DesiredAccess, NULL, &Local);
    return NT_SUCCESS(Status) ? ObReturnHandle(Handle, Local, Mode) : Status;
}

// Checks the output of a query of a fixed size. STATUS_INFO_LENGTH_MISMATCH if Length is not Expected.
NTSTATUS ExpProbeQuery(PVOID Information, ULONG Length, ULONG Expected, PULONG ReturnLength, KPROCESSOR_MODE Mode)
{
    NTSTATUS Status;

    if (Length != Expected)
        return STATUS_INFO_LENGTH_MISMATCH;
    Status = Information == NULL ? STATUS_ACCESS_VIOLATION : ExpProbeOptional(Information, Expected, Mode);
    return NT_SUCCESS(Status) ? ExpProbeOptional(ReturnLength, sizeof(ULONG), Mode) : Status;
}

// Copies a query's answer to the caller and tells its length.
NTSTATUS ExpReturnQuery(PVOID Information, const VOID *Data, ULONG Bytes, PULONG ReturnLength, KPROCESSOR_MODE Mode)
{
    volatile NTSTATUS Status = STATUS_SUCCESS;

    UNREFERENCED_PARAMETER(Mode);
    SEH_TRY
    {
        RtlCopyMemory(Information, Data, Bytes);
        if (ReturnLength != NULL)
            *ReturnLength = Bytes;
    }
    SEH_EXCEPT
    {
        Status = SEH_CODE();
    }
    SEH_END
    return Status;
}
