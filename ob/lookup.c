// SPDX-License-Identifier: MIT
// From a name to an object: walks the directories component by component. An object with a parse procedure takes the
// rest of the name over; STATUS_REPARSE starts again with a new name (symbolic links), a limited number of times.
// Source: Windows Internals, "Object Names", "Symbolic Links".

#include "obp.h"

// Where the walk begins: the root directory, or the object of RootDirectory. *Start is referenced.
static NTSTATUS ObpFindStart(POBP_LOOKUP Lookup, PVOID *Start)
{
    BOOLEAN Absolute = Lookup->Name.Length != 0 && Lookup->Name.Buffer[0] == OBJ_NAME_PATH_SEPARATOR;
    POBJECT_TYPE Type;
    NTSTATUS Status;

    if (Lookup->Information->RootDirectory == NULL) {
        if (!Absolute)
            return STATUS_OBJECT_PATH_SYNTAX_BAD;
        ObReferenceObject(ObpRootDirectory);
        *Start = ObpRootDirectory;
        return STATUS_SUCCESS;
    }
    Status = ObReferenceObjectByHandle(Lookup->Information->RootDirectory, 0, NULL, Lookup->Mode, Start, NULL);
    if (!NT_SUCCESS(Status))
        return Status;
    Type = OBJECT_TO_OBJECT_HEADER(*Start)->Type;
    if (Type != ObpDirectoryObjectType && (Type->TypeInfo.ParseProcedure == NULL || Type == ObpSymbolicLinkObjectType))
        Status = STATUS_OBJECT_TYPE_MISMATCH;
    else if (Absolute && Type == ObpDirectoryObjectType)
        Status = STATUS_OBJECT_PATH_SYNTAX_BAD;
    if (!NT_SUCCESS(Status))
        ObDereferenceObject(*Start);
    return Status;
}

// Splits the next component off. STATUS_OBJECT_NAME_INVALID for an empty one.
static NTSTATUS ObpNextComponent(PUNICODE_STRING Remaining, PUNICODE_STRING Component)
{
    USHORT Length = 0;

    if (Remaining->Length != 0 && Remaining->Buffer[0] == OBJ_NAME_PATH_SEPARATOR) {
        Remaining->Buffer++;
        Remaining->Length -= sizeof(WCHAR);
    }
    while (Length < Remaining->Length && Remaining->Buffer[Length / sizeof(WCHAR)] != OBJ_NAME_PATH_SEPARATOR)
        Length += sizeof(WCHAR);
    Component->Buffer = Remaining->Buffer;
    Component->Length = Component->MaximumLength = Length;
    Remaining->Buffer += Length / sizeof(WCHAR);
    Remaining->Length -= Length;
    return Length != 0 ? STATUS_SUCCESS : STATUS_OBJECT_NAME_INVALID;
}

// May the subject do this with a directory on the way? Who holds SeChangeNotifyPrivilege may traverse anything.
static NTSTATUS ObpCheckDirectory(POBP_LOOKUP Lookup, POBJECT_DIRECTORY Directory, ACCESS_MASK Access)
{
    PSECURITY_DESCRIPTOR Security = OBJECT_TO_OBJECT_HEADER(Directory)->SecurityDescriptor;
    ACCESS_STATE State;
    NTSTATUS Status;

    if (Lookup->Mode == KernelMode || Security == NULL)
        return STATUS_SUCCESS;
    if (Access == DIRECTORY_TRAVERSE && SeSinglePrivilegeCheck(SE_CHANGE_NOTIFY_PRIVILEGE, Lookup->Mode))
        return STATUS_SUCCESS;
    Status = SeCreateAccessState(&State, Access, NULL);
    if (NT_SUCCESS(Status)) {
        Status = ObpCheckAccess(Directory, &State, Lookup->Mode);
        SeDeleteAccessState(&State);
    }
    return Status;
}

static ACCESS_MASK ObpCreateRight(POBJECT_HEADER Header)
{
    return Header->Type == ObpDirectoryObjectType ? DIRECTORY_CREATE_SUBDIRECTORY : DIRECTORY_CREATE_OBJECT;
}

// Finds Component in Directory (*Next referenced), or puts the new object there if this is where the name ends.
static NTSTATUS ObpStep(POBP_LOOKUP Lookup, POBJECT_DIRECTORY Directory, PCUNICODE_STRING Component, BOOLEAN Last,
                        PVOID *Next)
{
    BOOLEAN Insert = Last && Lookup->Insert != NULL;
    POBJECT_HEADER_NAME_INFO Info;
    NTSTATUS Status = ObpCheckDirectory(Lookup, Directory, DIRECTORY_TRAVERSE), Denied = STATUS_SUCCESS;

    if (!NT_SUCCESS(Status))
        return Status;
    if (Insert)
        Denied = ObpCheckDirectory(Lookup, Directory, ObpCreateRight(Lookup->Insert));
    ObpLockNamespace(Insert);
    Info = ObpFindName(Directory, Component);
    if (Info != NULL) {
        *Next = ObpNameInfoToHeader(Info)->Body;
        ObReferenceObject(*Next);
    } else if (!Last) {
        Status = STATUS_OBJECT_PATH_NOT_FOUND;
    } else if (!Insert) {
        Status = STATUS_OBJECT_NAME_NOT_FOUND;
    } else if (!NT_SUCCESS(Denied)) {
        Status = Denied;
    } else {
        ObpInsertName(Directory, Lookup->Insert, &Lookup->Name, Component);
        Lookup->Inserted = TRUE;
        *Next = Lookup->Insert->Body;
        ObReferenceObject(*Next);
    }
    ObpUnlockNamespace(Insert);
    return Status;
}

static BOOLEAN ObpHasParse(POBP_LOOKUP Lookup, PVOID Object)
{
    POBJECT_TYPE Type = OBJECT_TO_OBJECT_HEADER(Object)->Type;

    return Type->TypeInfo.ParseProcedure != NULL && (Lookup->Insert == NULL || Type == ObpSymbolicLinkObjectType);
}

static NTSTATUS ObpCallParse(POBP_LOOKUP Lookup, PVOID Current, PUNICODE_STRING Remaining, PVOID *Object)
{
    POBJECT_CREATE_INFORMATION Information = Lookup->Information;
    NTSTATUS Status;

    *Object = NULL;
    Status = OBJECT_TO_OBJECT_HEADER(Current)->Type->TypeInfo.ParseProcedure(
        Current, Lookup->Type, Lookup->AccessState, Lookup->Mode, Information->Attributes, &Lookup->Name, Remaining,
        Lookup->ParseContext, Information->HasQos ? &Information->Qos : NULL, Object);
    if (NT_SUCCESS(Status) && Status != STATUS_REPARSE && *Object == NULL)
        return STATUS_OBJECT_NAME_NOT_FOUND;
    return Status;
}

// Walks from Current (whose reference it consumes) along Remaining. *Object is referenced on success.
static NTSTATUS ObpWalk(POBP_LOOKUP Lookup, PVOID Current, UNICODE_STRING Remaining, PVOID *Object)
{
    for (;;) {
        UNICODE_STRING Component;
        PVOID Next = NULL;
        NTSTATUS Status;

        if (ObpHasParse(Lookup, Current)) {
            Status = ObpCallParse(Lookup, Current, &Remaining, Object);
            ObDereferenceObject(Current);
            return Status;
        }
        if (Remaining.Length == 0) {
            *Object = Current;
            return STATUS_SUCCESS;
        }
        Status = OBJECT_TO_OBJECT_HEADER(Current)->Type == ObpDirectoryObjectType
                     ? ObpNextComponent(&Remaining, &Component)
                     : STATUS_OBJECT_TYPE_MISMATCH;
        if (Status == STATUS_OBJECT_NAME_INVALID && Current == ObpRootDirectory && Remaining.Length == 0) {
            *Object = Current; // the name is just a separator
            return STATUS_SUCCESS;
        }
        if (NT_SUCCESS(Status))
            Status = ObpStep(Lookup, Current, &Component, Remaining.Length == 0, &Next);
        ObDereferenceObject(Current);
        if (!NT_SUCCESS(Status))
            return Status;
        Current = Next;
        if (Lookup->Inserted) {
            *Object = Current;
            return STATUS_SUCCESS;
        }
    }
}

// Finds the object of Lookup->Name, or puts Lookup->Insert there (then Lookup->Inserted, and the name's buffer now
// belongs to the object). *Object is referenced on success.
//
// PASSIVE_LEVEL. STATUS_OBJECT_PATH_SYNTAX_BAD, STATUS_OBJECT_NAME_INVALID, STATUS_OBJECT_PATH_NOT_FOUND (a component
// on the way), STATUS_OBJECT_NAME_NOT_FOUND (the last one; too many links), STATUS_OBJECT_TYPE_MISMATCH (a component
// that contains nothing), or what a parse procedure says.
NTSTATUS ObpLookupName(POBP_LOOKUP Lookup, PVOID *Object)
{
    PVOID Start;
    NTSTATUS Status;

    PAGED_CODE();
    Lookup->Inserted = FALSE;
    Status = ObpFindStart(Lookup, &Start);
    for (ULONG Attempt = 0; NT_SUCCESS(Status) && Attempt < OBP_MAX_REPARSE; Attempt++) {
        Status = ObpWalk(Lookup, Start, Lookup->Name, Object);
        if (Status != STATUS_REPARSE)
            return Status;
        if (Lookup->Name.Length == 0 || Lookup->Name.Buffer[0] != OBJ_NAME_PATH_SEPARATOR)
            return STATUS_OBJECT_PATH_SYNTAX_BAD;
        Start = ObpRootDirectory;
        ObReferenceObject(Start);
        Status = STATUS_SUCCESS;
    }
    if (NT_SUCCESS(Status)) {
        ObDereferenceObject(Start);
        Status = STATUS_OBJECT_NAME_NOT_FOUND;
    }
    return Status;
}
