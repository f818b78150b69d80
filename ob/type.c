// SPDX-License-Identifier: MIT
// Object types: objects themselves, of the type Type, that say how objects of theirs behave.
// Source: Windows Internals, "Object Types".

#include "obp.h"

#define OBP_TAG_PAD 0x20202020u

POBJECT_TYPE ObpTypeObjectType;
POBJECT_TYPE ObpObjectTypes[OBP_MAX_TYPES];
ULONG ObpTypeCount;

static EX_PUSH_LOCK ObpTypeLock;           // ObpObjectTypes and the lists of all objects of a type
static POBJECT_DIRECTORY ObpTypeDirectory; // \ObjectTypes, from phase 1 on

static VOID ObpLockTypes(VOID)
{
    KeEnterCriticalRegion();
    ExAcquirePushLockExclusive(&ObpTypeLock);
}

static VOID ObpUnlockTypes(VOID)
{
    ExReleasePushLockExclusive(&ObpTypeLock);
    KeLeaveCriticalRegion();
}

// Counts an object with its type and, if the type wants that, lists it. IRQL <= APC_LEVEL.
VOID ObpLinkToType(POBJECT_HEADER Header)
{
    POBJECT_TYPE Type = Header->Type;
    ULONG Count = (ULONG)InterlockedIncrement((volatile LONG *)&Type->TotalNumberOfObjects);

    if (Count > Type->HighWaterNumberOfObjects)
        Type->HighWaterNumberOfObjects = Count;
    InitializeListHead(&Header->TypeLinks);
    if (Type->TypeInfo.MaintainTypeList) {
        ObpLockTypes();
        InsertTailList(&Type->TypeList, &Header->TypeLinks);
        ObpUnlockTypes();
    }
}

// Undoes ObpLinkToType. IRQL <= APC_LEVEL.
VOID ObpUnlinkFromType(POBJECT_HEADER Header)
{
    InterlockedDecrement((volatile LONG *)&Header->Type->TotalNumberOfObjects);
    if (Header->Type->TypeInfo.MaintainTypeList) {
        ObpLockTypes();
        RemoveEntryList(&Header->TypeLinks);
        ObpUnlockTypes();
    }
}

// The pool tag of a type's objects: the first four letters of its name.
static ULONG ObpTypeTag(PCUNICODE_STRING Name)
{
    ULONG Tag = OBP_TAG_PAD;

    for (ULONG Index = 0; Index < sizeof(ULONG) && Index < Name->Length / sizeof(WCHAR); Index++)
        ((PUCHAR)&Tag)[Index] = (UCHAR)Name->Buffer[Index];
    return Tag;
}

static BOOLEAN ObpTypeExists(PCUNICODE_STRING Name)
{
    for (ULONG Index = 0; Index < ObpTypeCount; Index++) {
        if (RtlEqualUnicodeString(&ObpObjectTypes[Index]->Name, Name, TRUE))
            return TRUE;
    }
    return FALSE;
}

// Puts a type under its name into \ObjectTypes, for ever. The name is taken from the type itself.
static NTSTATUS ObpNameType(POBJECT_TYPE Type)
{
    UNICODE_STRING Path;
    NTSTATUS Status = ObpCaptureName(&Path, &Type->Name, KernelMode);

    if (!NT_SUCCESS(Status))
        return Status;
    ObpLockNamespace(TRUE);
    ObpInsertName(ObpTypeDirectory, OBJECT_TO_OBJECT_HEADER(Type), &Path, &Path);
    ObpUnlockNamespace(TRUE);
    return STATUS_SUCCESS;
}

// Makes a type. Its objects' memory comes from Initializer->PoolType under a tag made of the type's name. Types are
// never deleted: *Type is valid for ever.
//
// PASSIVE_LEVEL. STATUS_INVALID_PARAMETER (bad name or initializer), STATUS_OBJECT_NAME_COLLISION,
// STATUS_INSUFFICIENT_RESOURCES.
NTSTATUS NTAPI ObCreateObjectType(PUNICODE_STRING TypeName, POBJECT_TYPE_INITIALIZER Initializer,
                                  PSECURITY_DESCRIPTOR Security, POBJECT_TYPE *Type)
{
    UNICODE_STRING Name;
    POBJECT_HEADER Header;
    POBJECT_TYPE New;
    NTSTATUS Status;

    PAGED_CODE();
    if (TypeName->Length == 0 || Initializer->Length != sizeof(*Initializer) || ObpTypeCount == OBP_MAX_TYPES)
        return STATUS_INVALID_PARAMETER;
    if (ObpTypeExists(TypeName))
        return STATUS_OBJECT_NAME_COLLISION;
    Status = ObpCaptureName(&Name, TypeName, KernelMode);
    if (!NT_SUCCESS(Status))
        return Status;
    Header = ObpAllocateObject(ObpTypeObjectType, sizeof(OBJECT_TYPE), TRUE, FALSE);
    if (Header == NULL) {
        ObpFreeName(&Name);
        return STATUS_INSUFFICIENT_RESOURCES;
    }
    New = (POBJECT_TYPE)Header->Body;
    Header->Flags = OB_FLAG_KERNEL_OBJECT | OB_FLAG_PERMANENT;
    Header->SecurityDescriptor = Security;
    InitializeListHead(&New->TypeList);
    New->Name = Name;
    New->TypeInfo = *Initializer;
    New->TypeInfo.ValidAccessMask |=
        SYNCHRONIZE * (Initializer->DispatcherOffset >= 0 || Initializer->UseDefaultObject);
    New->Key = ObpTypeTag(&Name);
    if (ObpTypeObjectType == NULL)
        ObpTypeObjectType = Header->Type = New; // the first one is Type's own
    ObpLinkToType(Header);
    ObpLockTypes();
    ObpObjectTypes[ObpTypeCount++] = New;
    New->Index = (UCHAR)ObpTypeCount;
    ObpUnlockTypes();
    *Type = New;
    return ObpTypeDirectory != NULL ? ObpNameType(New) : STATUS_SUCCESS;
}

// \ObjectTypes exists now: names the types made before it. Phase 1.
NTSTATUS ObpCreateTypeDirectory(POBJECT_DIRECTORY Directory)
{
    NTSTATUS Status = STATUS_SUCCESS;

    ObpTypeDirectory = Directory;
    for (ULONG Index = 0; Index < ObpTypeCount && NT_SUCCESS(Status); Index++)
        Status = ObpNameType(ObpObjectTypes[Index]);
    return Status;
}
