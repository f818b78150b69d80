// SPDX-License-Identifier: MIT
// Opening objects by name and by pointer: look up, check the type, check access, make a handle.
// Source: WDK ntifs.h, ObOpenObjectByPointer, ObOpenObjectByName, ObReferenceObjectByName.

#include "obp.h"

static KPROCESSOR_MODE ObpCheckMode(KPROCESSOR_MODE Mode, ULONG Attributes)
{
    return Attributes & OBJ_FORCE_ACCESS_CHECK ? UserMode : Mode;
}

// The parse procedure of another folder made this object on the way; it never goes through ObInsertObject.
static BOOLEAN ObpIsNew(PVOID Object)
{
    return (OBJECT_TO_OBJECT_HEADER(Object)->Flags & OB_FLAG_NEW_OBJECT) != 0;
}

// Looks a captured name up and checks type and access. *Object is referenced.
static NTSTATUS ObpFindAndCheck(POBP_LOOKUP Lookup, PVOID *Object)
{
    NTSTATUS Status = ObpLookupName(Lookup, Object);

    if (!NT_SUCCESS(Status))
        return Status;
    if (Lookup->Type != NULL && OBJECT_TO_OBJECT_HEADER(*Object)->Type != Lookup->Type)
        Status = STATUS_OBJECT_TYPE_MISMATCH;
    else
        Status =
            ObpCheckAccess(*Object, Lookup->AccessState, ObpCheckMode(Lookup->Mode, Lookup->Information->Attributes));
    if (!NT_SUCCESS(Status))
        ObDereferenceObject(*Object);
    return Status;
}

// Opens the object that Attributes name: a handle in the current process, or in the kernel's table with
// OBJ_KERNEL_HANDLE. Type NULL: any. AccessState NULL: made here from DesiredAccess. *Handle is kernel memory.
//
// PASSIVE_LEVEL. A capture's or a lookup's failure, STATUS_OBJECT_TYPE_MISMATCH, STATUS_ACCESS_DENIED,
// STATUS_INSUFFICIENT_RESOURCES.
NTSTATUS NTAPI ObOpenObjectByName(POBJECT_ATTRIBUTES Attributes, POBJECT_TYPE Type, KPROCESSOR_MODE Mode,
                                  PACCESS_STATE AccessState, ACCESS_MASK DesiredAccess, PVOID ParseContext,
                                  PHANDLE Handle)
{
    OBJECT_CREATE_INFORMATION Information;
    ACCESS_STATE Local;
    OBP_LOOKUP Lookup = {.Information = &Information, .Type = Type, .Mode = Mode, .ParseContext = ParseContext};
    PVOID Object;
    NTSTATUS Status;

    PAGED_CODE();
    *Handle = NULL;
    if (Attributes == NULL)
        return STATUS_INVALID_PARAMETER;
    Status = ObpCaptureAttributes(Attributes, Mode, &Information, &Lookup.Name);
    if (!NT_SUCCESS(Status))
        return Status;
    if (Type != NULL && (Information.Attributes & Type->TypeInfo.InvalidAttributes) != 0) {
        Status = STATUS_INVALID_PARAMETER;
        goto Cleanup;
    }
    Lookup.AccessState = AccessState;
    if (AccessState == NULL) {
        Status = SeCreateAccessState(&Local, DesiredAccess, Type != NULL ? &Type->TypeInfo.GenericMapping : NULL);
        if (!NT_SUCCESS(Status))
            goto Cleanup;
        Lookup.AccessState = &Local;
    }
    Status = ObpFindAndCheck(&Lookup, &Object);
    if (NT_SUCCESS(Status)) {
        Status = ObpCreateHandle(ObpIsNew(Object) ? ObCreateHandle : ObOpenHandle, Object,
                                 Lookup.AccessState->PreviouslyGrantedAccess, Information.Attributes, Handle);
        if (!NT_SUCCESS(Status))
            ObDereferenceObject(Object);
    }
    if (AccessState == NULL)
        SeDeleteAccessState(&Local);
Cleanup:
    ObpFreeName(&Lookup.Name);
    ObpReleaseCreateInformation(&Information);
    return Status;
}

// Opens an object that the caller has a pointer to. HandleAttributes: OBJ_*; AccessState as ObOpenObjectByName's.
//
// PASSIVE_LEVEL. The caller keeps its reference. STATUS_OBJECT_TYPE_MISMATCH, STATUS_ACCESS_DENIED,
// STATUS_INVALID_PARAMETER, STATUS_INSUFFICIENT_RESOURCES.
NTSTATUS NTAPI ObOpenObjectByPointer(PVOID Object, ULONG HandleAttributes, PACCESS_STATE AccessState,
                                     ACCESS_MASK DesiredAccess, POBJECT_TYPE Type, KPROCESSOR_MODE Mode, PHANDLE Handle)
{
    POBJECT_TYPE Actual = OBJECT_TO_OBJECT_HEADER(Object)->Type;
    PACCESS_STATE State = AccessState;
    ACCESS_STATE Local;
    NTSTATUS Status;

    PAGED_CODE();
    *Handle = NULL;
    if (HandleAttributes & Actual->TypeInfo.InvalidAttributes)
        return STATUS_INVALID_PARAMETER;
    Status = ObReferenceObjectByPointer(Object, DesiredAccess, Type, Mode);
    if (!NT_SUCCESS(Status))
        return Status;
    if (State == NULL) {
        State = &Local;
        Status = SeCreateAccessState(&Local, DesiredAccess, &Actual->TypeInfo.GenericMapping);
    }
    if (NT_SUCCESS(Status)) {
        Status = ObpCheckAccess(Object, State, ObpCheckMode(Mode, HandleAttributes));
        if (NT_SUCCESS(Status))
            Status = ObpCreateHandle(ObOpenHandle, Object, State->PreviouslyGrantedAccess, HandleAttributes, Handle);
        if (State == &Local)
            SeDeleteAccessState(&Local);
    }
    if (!NT_SUCCESS(Status))
        ObDereferenceObject(Object);
    return Status;
}

// References the object of a name without making a handle. Attributes: OBJ_*; the rest as ObOpenObjectByName. The
// caller owns the reference to *Object. PASSIVE_LEVEL.
NTSTATUS NTAPI ObReferenceObjectByName(PUNICODE_STRING Name, ULONG Attributes, PACCESS_STATE AccessState,
                                       ACCESS_MASK DesiredAccess, POBJECT_TYPE Type, KPROCESSOR_MODE Mode,
                                       PVOID ParseContext, PVOID *Object)
{
    OBJECT_CREATE_INFORMATION Information = {.Attributes = Attributes, .ProbeMode = Mode};
    ACCESS_STATE Local;
    OBP_LOOKUP Lookup = {.Information = &Information,
                         .Type = Type,
                         .Mode = Mode,
                         .ParseContext = ParseContext,
                         .AccessState = AccessState};
    NTSTATUS Status;

    PAGED_CODE();
    *Object = NULL;
    Status = ObpCaptureName(&Lookup.Name, Name, Mode);
    if (!NT_SUCCESS(Status))
        return Status;
    if (AccessState == NULL) {
        Status = SeCreateAccessState(&Local, DesiredAccess, Type != NULL ? &Type->TypeInfo.GenericMapping : NULL);
        Lookup.AccessState = &Local;
    }
    if (NT_SUCCESS(Status)) {
        PVOID Found;

        Status = ObpFindAndCheck(&Lookup, &Found);
        if (NT_SUCCESS(Status))
            *Object = Found;
        if (AccessState == NULL)
            SeDeleteAccessState(&Local);
    }
    ObpFreeName(&Lookup.Name);
    return Status;
}
