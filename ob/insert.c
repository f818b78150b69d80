// SPDX-License-Identifier: MIT
// ObInsertObject: the second half of every creation. Gives the new object its name, or finds the one that has it, and
// makes the handle. Source: WDK ntifs.h, ObInsertObject.

#include "obp.h"

// Puts the object under its name. *Result is referenced: the object itself, or with STATUS_OBJECT_NAME_EXISTS the one
// that was there before.
static NTSTATUS ObpInsertUnderName(POBJECT_HEADER Header, PACCESS_STATE State, PVOID *Result)
{
    POBJECT_CREATE_INFORMATION Information = Header->ObjectCreateInfo;
    POBJECT_HEADER_NAME_INFO Name = OBJECT_HEADER_TO_NAME_INFO(Header);
    OBP_LOOKUP Lookup = {.Name = Name->Name,
                         .Information = Information,
                         .Type = Header->Type,
                         .Mode = Information->ProbeMode,
                         .ParseContext = Information->ParseContext,
                         .AccessState = State,
                         .Insert = Header};
    NTSTATUS Status;

    RtlZeroMemory(&Name->Name, sizeof(Name->Name));
    Status = ObpLookupName(&Lookup, Result);
    ObpFreeName(&Lookup.Name);
    if (!NT_SUCCESS(Status) || Lookup.Inserted)
        return Status;
    if ((Information->Attributes & OBJ_OPENIF) == 0)
        Status = STATUS_OBJECT_NAME_COLLISION;
    else
        Status = OBJECT_TO_OBJECT_HEADER(*Result)->Type == Header->Type ? STATUS_OBJECT_NAME_EXISTS
                                                                        : STATUS_OBJECT_TYPE_MISMATCH;
    if (!NT_SUCCESS(Status))
        ObDereferenceObject(*Result);
    return Status;
}

// The creator gets what it asks of a new object; of one that existed, what that one's descriptor allows.
static NTSTATUS ObpGrantInsert(PVOID Object, PACCESS_STATE State, POBJECT_CREATE_INFORMATION Information,
                               BOOLEAN Existed)
{
    KPROCESSOR_MODE Mode = Existed ? Information->ProbeMode : KernelMode;

    if (Existed && (Information->Attributes & OBJ_FORCE_ACCESS_CHECK))
        Mode = UserMode;
    return ObpCheckAccess(Object, State, Mode);
}

// Makes the handle (if wanted) and the additional references, consuming the one reference to Object that the caller
// has.
static NTSTATUS ObpFinishInsert(PVOID Object, ACCESS_MASK GrantedAccess, ULONG Attributes, BOOLEAN Existed,
                                ULONG AdditionalReferences, PVOID *ReferencedObject, PHANDLE Handle)
{
    NTSTATUS Status = STATUS_SUCCESS;

    // Taken first: as soon as the handle exists another thread may close it.
    for (ULONG Count = 0; Count < AdditionalReferences; Count++)
        ObReferenceObject(Object);
    if (Handle != NULL)
        Status = ObpCreateHandle(Existed ? ObOpenHandle : ObCreateHandle, Object, GrantedAccess, Attributes, Handle);
    if (!NT_SUCCESS(Status)) {
        for (ULONG Count = 0; Count < AdditionalReferences; Count++)
            ObDereferenceObject(Object);
        if (!Existed)
            ObpDeleteName(OBJECT_TO_OBJECT_HEADER(Object));
    }
    if (Handle == NULL || !NT_SUCCESS(Status))
        ObDereferenceObject(Object);
    if (NT_SUCCESS(Status) && ReferencedObject != NULL)
        *ReferencedObject = Object;
    return Status;
}

// Names a new object and/or makes a handle to it. The creator's reference is consumed in every case.
// AdditionalReferences are added to the object that counts in the end, which *ReferencedObject (optional) is: with
// OBJ_OPENIF the one that had the name already.
//
// PASSIVE_LEVEL. STATUS_OBJECT_NAME_EXISTS (success), STATUS_OBJECT_NAME_COLLISION, STATUS_OBJECT_TYPE_MISMATCH,
// STATUS_ACCESS_DENIED, a lookup's failure, STATUS_INSUFFICIENT_RESOURCES.
NTSTATUS NTAPI ObInsertObject(PVOID Object, PACCESS_STATE AccessState, ACCESS_MASK DesiredAccess,
                              ULONG AdditionalReferences, PVOID *ReferencedObject, PHANDLE Handle)
{
    POBJECT_HEADER Header = OBJECT_TO_OBJECT_HEADER(Object);
    POBJECT_CREATE_INFORMATION Information = Header->ObjectCreateInfo;
    ULONG Attributes = Information->Attributes;
    NTSTATUS Status = STATUS_SUCCESS, Finished;
    PVOID Target = Object;
    ACCESS_STATE Local;
    BOOLEAN Existed;

    PAGED_CODE();
    ASSERT(Header->Flags & OB_FLAG_NEW_OBJECT);
    if (Handle != NULL)
        *Handle = NULL;
    if (AccessState == NULL) {
        Status = SeCreateAccessState(&Local, DesiredAccess, &Header->Type->TypeInfo.GenericMapping);
        AccessState = &Local;
    }
    if (NT_SUCCESS(Status) && Header->SecurityDescriptor == NULL) { // valid as soon as others can find the object
        Header->SecurityDescriptor = Information->SecurityDescriptor;
        Information->SecurityDescriptor = NULL;
    }
    if (NT_SUCCESS(Status) && Header->NameInfoOffset != 0) {
        Status = ObpInsertUnderName(Header, AccessState, &Target);
        if (NT_SUCCESS(Status) && Target == Object)
            ObDereferenceObject(Object); // the creator's reference is enough
    }
    Existed = Target != Object;
    if (NT_SUCCESS(Status)) {
        Finished = ObpGrantInsert(Target, AccessState, Information, Existed);
        if (!NT_SUCCESS(Finished) && Existed)
            ObDereferenceObject(Target);
        if (!NT_SUCCESS(Finished))
            Status = Finished;
    }
    if (NT_SUCCESS(Status)) {
        if (!Existed)
            ObpDropCreateInformation(Header);
        else
            ObDereferenceObject(Object); // another one has the name
        Finished = ObpFinishInsert(Target, AccessState->PreviouslyGrantedAccess, Attributes, Existed,
                                   AdditionalReferences, ReferencedObject, Handle);
        if (!NT_SUCCESS(Finished))
            Status = Finished;
    } else {
        ObDereferenceObject(Object);
    }
    if (AccessState == &Local)
        SeDeleteAccessState(&Local);
    return Status;
}
